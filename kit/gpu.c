/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
#include "kit/gpu.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "kit/seen.h"
#include "util/checked.h"

#define MAX_PIECES 4096u

void kit_gpu_init(struct kit_gpu *gpu, struct kit_memory *memory, struct kit_ring *rings)
{
	memset(gpu, 0, sizeof(*gpu));
	gpu->kit = memory->kit;
	gpu->memory = memory;
	gpu->rings = rings;
	list_init(&gpu->in_flight);
}

static void command_free(struct kit_command *command)
{
	list_remove(&command->link);
	kit_free(command->gpu->memory, command->request, command->request_size);
	kit_free(command->gpu->memory, command->response, command->response_size);
	free(command);
}

void kit_gpu_finish(struct kit_gpu *gpu)
{
	if (!gpu->kit)
		return;
	while (!list_empty(&gpu->in_flight))
		command_free(container_of(gpu->in_flight.next, struct kit_command, link));
}

void kit_gpu_take_over(struct kit_gpu *gpu, struct kit_gpu *from)
{
	list_for_each_safe (link, after, &from->in_flight) {
		struct kit_command *command = container_of(link, struct kit_command, link);
		command->gpu = gpu;
		command->ring = &gpu->rings[command->ring->index];
		list_remove(link);
		list_append(&gpu->in_flight, link);
	}
}

/* --- submitting ---------------------------------------------------------------------------- */

/* Appends buffers for [address, +size); returns how many there are then. */
static size_t cut(
	struct kit_piece *pieces, size_t count, const struct kit_piece *whole, uint32_t piece)
{
	uint32_t done = 0;
	while (done < whole->length && count < MAX_PIECES) {
		uint32_t left = whole->length - done;
		uint32_t length = piece && count + 1 < MAX_PIECES ? min_u32(piece, left) : left;
		pieces[count++] =
			(struct kit_piece){ whole->address + done, length, whole->writable };
		done += length;
	}
	return count;
}

static int add_to_ring(struct kit_command *command)
{
	struct kit_gpu *gpu = command->gpu;
	struct kit_piece *pieces = malloc(MAX_PIECES * sizeof(*pieces));
	if (!pieces)
		return -ENOMEM;
	struct kit_piece in = { command->request, command->request_size, false };
	struct kit_piece out = { command->response, command->response_size, true };
	size_t count = cut(pieces, 0, &in, gpu->request_piece);
	count = cut(pieces, count, &out, gpu->response_piece);
	int ret = kit_ring_add(command->ring, pieces, count, command);
	free(pieces);
	return ret;
}

static void write_request(const struct kit_command *command, const struct kit_request *request)
{
	uint8_t *at = kit_ptr(command->gpu->memory, command->request, command->request_size);
	if (request->head_size)
		memcpy(at, request->head, request->head_size);
	if (request->tail_size)
		memcpy(at + request->head_size, request->tail, request->tail_size);
	if (request->head_size >= sizeof(uint32_t)) {
		uint32_t type;
		memcpy(&type, request->head, sizeof(type));
		kit_seen_command(command->gpu->kit->seen, type);
	}
}

struct kit_command *kit_gpu_queue_request(struct kit_gpu *gpu, uint32_t queue,
	const struct kit_request *request, uint32_t response_size)
{
	struct kit_command *command = calloc(1, sizeof(*command));
	if (!command)
		return NULL;
	*command = (struct kit_command){ .gpu = gpu,
		.ring = &gpu->rings[queue],
		.request_size = request->head_size + request->tail_size,
		.response_size = response_size };
	list_append(&gpu->in_flight, &command->link);
	command->request = kit_alloc(gpu->memory, command->request_size, 8);
	command->response = kit_alloc(gpu->memory, response_size, 8);
	if (!command->request || !command->response)
		goto fail;
	write_request(command, request);
	command->sent_us = kit_now_us();
	if (add_to_ring(command) < 0)
		goto fail;
	return command;
fail:
	command_free(command);
	return NULL;
}

struct kit_command *kit_gpu_queue(struct kit_gpu *gpu, uint32_t queue, const void *request,
	uint32_t size, uint32_t response_size)
{
	const struct kit_request parts = { .head = request, .head_size = size };
	return kit_gpu_queue_request(gpu, queue, &parts, response_size);
}

struct kit_command *kit_gpu_submit(struct kit_gpu *gpu, uint32_t queue, const void *request,
	uint32_t size, uint32_t response_size)
{
	struct kit_command *command = kit_gpu_queue(gpu, queue, request, size, response_size);
	if (command)
		kit_ring_kick(command->ring);
	return command;
}

/* --- answers ------------------------------------------------------------------------------- */

int kit_gpu_collect_queue(struct kit_gpu *gpu, uint32_t queue)
{
	struct kit_ring *ring = &gpu->rings[queue];
	struct kit_used used;
	int ret;
	while ((ret = kit_ring_take(ring, &used)) > 0) {
		struct kit_command *command = used.token;
		command->done = true;
		command->written = used.length;
		command->done_us = kit_now_us();
		command->order = gpu->completed++;
		list_remove(&command->link);
		if (command->forgotten)
			command_free(command);
	}
	return ret;
}

int kit_gpu_collect(struct kit_gpu *gpu)
{
	int ret = 0;
	for (uint32_t i = 0; i < VIRTIO_GPU_QUEUES && ret == 0; i++)
		ret = kit_gpu_collect_queue(gpu, i);
	return ret;
}

const void *kit_command_response(const struct kit_command *command)
{
	return kit_ptr(command->gpu->memory, command->response, command->response_size);
}

/* The type of the response, when it is one. */
static int judge(struct kit_command *command)
{
	struct kit *kit = command->gpu->kit;
	struct virtio_gpu_ctrl_hdr request = { 0 }, response;
	if (command->response_size == 0)
		return 0;
	memcpy(&request, kit_ptr(command->gpu->memory, command->request, command->request_size),
		min_size(sizeof(request), command->request_size));
	if (command->written < sizeof(response))
		return kit_fail(kit, EBADMSG, "a response of %u bytes to command %#x",
			command->written, request.type);
	memcpy(&response, kit_command_response(command), sizeof(response));
	if (response.type < VIRTIO_GPU_RESP_OK_NODATA ||
		response.type > VIRTIO_GPU_RESP_ERR_INVALID_PARAMETER)
		return kit_fail(kit, EPROTO, "response type %#x to command %#x", response.type,
			request.type);
	bool fence =
		command->request_size >= sizeof(request) && request.flags & VIRTIO_GPU_FLAG_FENCE;
	bool ring = fence && request.flags & VIRTIO_GPU_FLAG_INFO_RING_IDX;
	if (fence &&
		(!(response.flags & VIRTIO_GPU_FLAG_FENCE) ||
			response.fence_id != request.fence_id || response.ctx_id != request.ctx_id))
		return kit_fail(kit, EPROTO, "fence %llu of command %#x is not echoed",
			(unsigned long long)request.fence_id, request.type);
	if (ring &&
		(!(response.flags & VIRTIO_GPU_FLAG_INFO_RING_IDX) ||
			response.ring_idx != request.ring_idx))
		return kit_fail(kit, EPROTO, "ring %u of command %#x is not echoed",
			request.ring_idx, request.type);
	return (int)response.type;
}

int kit_gpu_wait(struct kit_gpu *gpu, struct kit_command *command)
{
	uint64_t deadline = kit_now() + (uint64_t)gpu->kit->timeout_ms;
	for (;;) {
		int ret = kit_gpu_collect_queue(gpu, command->ring->index);
		if (ret < 0)
			return ret;
		if (command->done)
			return judge(command);
		uint64_t now = kit_now();
		ret = kit_ring_wait(command->ring, now < deadline ? (int)(deadline - now) : 0);
		if (ret < 0)
			return ret;
	}
}

void kit_command_forget(struct kit_command *command)
{
	command->forgotten = true;
}

void kit_command_finish(struct kit_command *command)
{
	if (command)
		command_free(command);
}

int kit_gpu_complete(
	struct kit_gpu *gpu, struct kit_command *command, void *ret_response, uint32_t size)
{
	if (!command)
		return -ENOSPC;
	int ret = kit_gpu_wait(gpu, command);
	if (ret > 0 && ret_response)
		memcpy(ret_response, kit_command_response(command),
			min_u32(size, command->response_size));
	/* a command that is still in flight keeps its memory: the device may yet write there */
	if (command->done)
		command_free(command);
	return ret;
}

static uint32_t queue_of(const void *request, uint32_t size)
{
	uint32_t type = 0;
	memcpy(&type, request, min_size(size, sizeof(type)));
	return type >> 8 == VIRTIO_GPU_CMD_UPDATE_CURSOR >> 8 ? VIRTIO_GPU_QUEUE_CURSOR
							      : VIRTIO_GPU_QUEUE_CONTROL;
}

int kit_gpu_command(struct kit_gpu *gpu, const void *request, uint32_t size, void *ret_response,
	uint32_t response_size)
{
	struct kit_command *command =
		kit_gpu_submit(gpu, queue_of(request, size), request, size, response_size);
	return kit_gpu_complete(gpu, command, ret_response, response_size);
}

int kit_gpu_simple(struct kit_gpu *gpu, const void *request, uint32_t size)
{
	struct virtio_gpu_ctrl_hdr response;
	return kit_gpu_command(gpu, request, size, &response, sizeof(response));
}

int kit_gpu_drain(struct kit_gpu *gpu)
{
	uint64_t deadline = kit_now() + (uint64_t)gpu->kit->timeout_ms;
	for (;;) {
		int ret = kit_gpu_collect(gpu);
		if (ret < 0 || list_empty(&gpu->in_flight))
			return ret;
		const struct kit_command *command =
			container_of(gpu->in_flight.next, struct kit_command, link);
		uint64_t now = kit_now();
		ret = kit_ring_wait(command->ring, now < deadline ? (int)(deadline - now) : 0);
		if (ret < 0)
			return ret;
	}
}
