/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
#include "gpu/command.h"

#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "gpu/commands.h"
#include "gpu/context.h"
#include "gpu/queues.h"
#include "gpu/state.h"
#include "util/checked.h"
#include "util/log.h"

#define UNUSED_MAX 256u

static struct gpu_command *from_link(struct list *link)
{
	return container_of(link, struct gpu_command, link);
}

void gpu_commands_init(struct gpu_commands *commands)
{
	list_init(&commands->live);
	list_init(&commands->unused);
}

void gpu_commands_finish(struct gpu_commands *commands)
{
	assert(list_empty(&commands->live));
	list_for_each_safe (link, after, &commands->unused)
		free(from_link(link));
}

struct gpu_command *gpu_command_create(struct gpu_device *device)
{
	struct gpu_commands *commands = &device->commands;
	struct gpu_command *command;
	if (list_empty(&commands->unused)) {
		command = malloc(sizeof(*command));
		if (!command)
			return NULL;
	} else {
		command = from_link(commands->unused.next);
		list_remove(&command->link);
		commands->unused_count--;
	}
	memset(command, 0, sizeof(*command));
	command->device = device;
	list_append(&commands->live, &command->link);
	list_init(&command->timeline_link);
	return command;
}

void gpu_command_discard(struct gpu_command *command)
{
	struct gpu_commands *commands = &command->device->commands;
	list_remove(&command->link);
	free(command->response);
	if (command->context)
		gpu_context_unref(command->context);
	if (commands->unused_count == UNUSED_MAX) {
		free(command);
		return;
	}
	list_insert(&commands->unused, &command->link);
	commands->unused_count++;
}

uint32_t gpu_result_from_errno(int status)
{
	switch (status) {
	case 0:
		return VIRTIO_GPU_RESP_OK_NODATA;
	case -ENOMEM:
	case -ENOSPC:
		return VIRTIO_GPU_RESP_ERR_OUT_OF_MEMORY;
	case -EINVAL:
		return VIRTIO_GPU_RESP_ERR_INVALID_PARAMETER;
	default:
		return VIRTIO_GPU_RESP_ERR_UNSPEC;
	}
}

static const char *result_name(uint32_t result)
{
	static const char *const errors[] = {
		"ERR_UNSPEC",
		"ERR_OUT_OF_MEMORY",
		"ERR_INVALID_SCANOUT_ID",
		"ERR_INVALID_RESOURCE_ID",
		"ERR_INVALID_CONTEXT_ID",
		"ERR_INVALID_PARAMETER",
	};
	if (result < VIRTIO_GPU_RESP_ERR_UNSPEC)
		return "OK";
	uint32_t error = result - VIRTIO_GPU_RESP_ERR_UNSPEC;
	return error < ARRAY_SIZE(errors) ? errors[error] : "unknown";
}

static void log_command(const struct gpu_command *command)
{
	const struct virtio_gpu_ctrl_hdr *header = &command->fixed.header;
	uint32_t resource = 0;
	if (!log_enabled(LOG_DEBUG))
		return;
	if (command->spec && command->spec->resource_field)
		memcpy(&resource, (const uint8_t *)&command->fixed + command->spec->resource_field,
			sizeof(resource));
	log_debug("%s (0x%x) context %u resource %u flags 0x%x fence %" PRIu64 " ring %u: %s",
		command->spec ? command->spec->name : "unknown", header->type, header->ctx_id,
		resource, header->flags, header->fence_id, header->ring_idx,
		result_name(command->result));
}

static struct virtio_gpu_ctrl_hdr answer_header(const struct gpu_command *command)
{
	const struct virtio_gpu_ctrl_hdr *asked = &command->fixed.header;
	struct virtio_gpu_ctrl_hdr header = { .type = command->result };
	if (!(asked->flags & VIRTIO_GPU_FLAG_FENCE))
		return header;
	header.flags = VIRTIO_GPU_FLAG_FENCE;
	header.fence_id = asked->fence_id;
	header.ctx_id = asked->ctx_id;
	if (asked->flags & VIRTIO_GPU_FLAG_INFO_RING_IDX) {
		header.flags |= VIRTIO_GPU_FLAG_INFO_RING_IDX;
		header.ring_idx = asked->ring_idx;
	}
	return header;
}

static void answer(struct gpu_command *command)
{
	struct vq_request *request = command->request;
	struct virtqueue *queue = request->queue;
	command->request = NULL;
	if (command->response && command->response_size > request->writable_size)
		command->result = VIRTIO_GPU_RESP_ERR_UNSPEC;
	log_command(command);
	struct virtio_gpu_ctrl_hdr header = answer_header(command);
	if (request->writable_size < sizeof(header)) {
		vq_request_complete(request, NULL, 0);
	} else if (command->response && command->result < VIRTIO_GPU_RESP_ERR_UNSPEC) {
		memcpy(command->response, &header, sizeof(header));
		vq_request_complete(request, command->response, command->response_size);
	} else {
		vq_request_complete(request, &header, sizeof(header));
	}
	gpu_queues_completed(command->device, queue);
}

bool gpu_command_settled(const struct gpu_command *command)
{
	return command->holds == 0;
}

void gpu_command_complete(struct gpu_command *command)
{
	assert(command->holds == 0);
	if (command->request)
		answer(command);
	gpu_command_discard(command);
}

void gpu_command_hold(struct gpu_command *command, struct gpu_slot *slot)
{
	command->holds++;
	if (slot && slot != gpu_renderers_software(command->device)) {
		command->slot = slot;
		command->generation = slot->generation;
	}
}

void gpu_command_release(struct gpu_command *command, int status)
{
	if (!command)
		return;
	if (status < 0 && command->result < VIRTIO_GPU_RESP_ERR_UNSPEC)
		command->result = gpu_result_from_errno(status);
	assert(command->holds > 0);
	if (--command->holds > 0)
		return;
	if (command->timeline)
		gpu_fence_settled(command);
	else
		gpu_command_complete(command);
}

static void call_done(struct renderer_call *call, int status, const struct renderer_reply *reply)
{
	gpu_command_release(container_of(call, struct gpu_command, call), status);
}

struct renderer_call *gpu_command_call(struct gpu_command *command, struct gpu_slot *slot)
{
	assert(!command->call.done);
	gpu_command_hold(command, slot);
	command->call.done = call_done;
	return &command->call;
}

uint32_t gpu_command_answer(
	struct gpu_command *command, uint32_t type, const void *payload, size_t size)
{
	assert(!command->response);
	command->result = VIRTIO_GPU_RESP_ERR_OUT_OF_MEMORY;
	command->response = malloc(sizeof(struct virtio_gpu_ctrl_hdr) + size);
	if (command->response) {
		memcpy(command->response + sizeof(struct virtio_gpu_ctrl_hdr), payload, size);
		command->response_size = sizeof(struct virtio_gpu_ctrl_hdr) + size;
		command->result = type;
	}
	return command->result;
}

/* Takes the rest of the fixed part and says what speaks against running the handler. */
static uint32_t judge(struct gpu_command *command)
{
	const struct gpu_command_spec *spec = command->spec;
	struct vq_request *request = command->request;
	uint8_t *rest = (uint8_t *)&command->fixed + sizeof(command->fixed.header);
	if (!spec || !(spec->queues >> request->queue->index & 1))
		return VIRTIO_GPU_RESP_ERR_UNSPEC;
	if (spec->feature != GPU_FEATURE_NONE && !gpu_device_has(command->device, spec->feature))
		return VIRTIO_GPU_RESP_ERR_UNSPEC;
	if (request->writable_size < spec->response_size)
		return VIRTIO_GPU_RESP_ERR_UNSPEC;
	if (!vq_request_read(request, rest, spec->request_size - sizeof(command->fixed.header)))
		return VIRTIO_GPU_RESP_ERR_INVALID_PARAMETER;
	return VIRTIO_GPU_RESP_OK_NODATA;
}

void gpu_command_resume(struct gpu_command *command)
{
	uint32_t result = command->spec->handle(command);
	if (result == GPU_STALLED) {
		assert(command->holds == 1 && !command->device->queues.stalled);
		command->device->queues.stalled = command;
		return;
	}
	if (command->result < VIRTIO_GPU_RESP_ERR_UNSPEC)
		command->result = result;
	if (command->result < VIRTIO_GPU_RESP_ERR_UNSPEC)
		gpu_fence_follow(command);
	gpu_command_release(command, 0);
}

void gpu_command_start(struct gpu_command *command, struct vq_request *request)
{
	command->request = request;
	command->result = VIRTIO_GPU_RESP_ERR_UNSPEC;
	command->holds = 1;
	if (!vq_request_read(request, &command->fixed.header, sizeof(command->fixed.header))) {
		gpu_command_release(command, 0);
		return;
	}
	command->spec = gpu_command_find(command->fixed.header.type);
	uint32_t fence = gpu_fence_enter(command);
	command->result = judge(command);
	if (command->result == VIRTIO_GPU_RESP_OK_NODATA)
		command->result = fence;
	if (command->result == VIRTIO_GPU_RESP_OK_NODATA)
		gpu_command_resume(command);
	else
		gpu_command_release(command, 0);
}

/* Only answers, so that the list of live commands stays as it is. All commands of a timeline came
 * on the same queue, so none is left that would wait for this one. */
static void abort_one(struct gpu_command *command)
{
	struct gpu_device *device = command->device;
	command->result = VIRTIO_GPU_RESP_ERR_UNSPEC;
	answer(command);
	gpu_fence_leave(command);
	if (device->queues.stalled == command) {
		device->queues.stalled = NULL;
		command->holds--;
	}
}

void gpu_commands_abort(struct gpu_device *device, uint32_t queue)
{
	list_for_each (link, &device->commands.live) {
		struct gpu_command *command = from_link(link);
		if (command->request &&
			(queue == VIRTIO_GPU_QUEUES || command->request->queue->index == queue))
			abort_one(command);
	}
	list_for_each_safe (link, after, &device->commands.live) {
		struct gpu_command *command = from_link(link);
		if (!command->request && command->holds == 0)
			gpu_command_discard(command);
	}
}
