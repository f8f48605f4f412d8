/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/*
 * The answer to any command, with any result, with a payload of any size or none, into a request with room for any
 * number of bytes: it fits, it is given once, an error comes without a payload, and of a fence it says what the
 * command said. An answer of up to 2 KiB is made in memory that has room for it.
 *
 * #proof src/gpu/command.c tests/proofs/stubs/log.c
 * #stub gpu_command_discard
 * #bug src/gpu/command.c: if (command->response && command->response_size > request->writable_size)
 *	command->result = VIRTIO_GPU_RESP_ERR_UNSPEC; =>
 * #bug src/gpu/command.c: if (request->writable_size < sizeof(header)) => if (request->writable_size == 0)
 * #bug src/gpu/command.c: header.fence_id = asked->fence_id; =>
 * #bug src/gpu/command.c: && command->result < VIRTIO_GPU_RESP_ERR_UNSPEC) { memcpy => ) { memcpy
 * #bug src/gpu/command.c: command->response_size = sizeof(struct virtio_gpu_ctrl_hdr) + size; =>
 *	command->response_size = 2 * sizeof(struct virtio_gpu_ctrl_hdr) + size;
 */
#include "gpu/commands.h"
#include "gpu/state.h"
#include "proof.h"

static struct gpu_device device;
static struct virtqueue queue;
static struct vq_request request;
static struct gpu_command command = { .device = &device, .request = &request };
static uint32_t answers;

void gpu_command_discard(struct gpu_command *of)
{
}

void gpu_queues_completed(struct gpu_device *of, struct virtqueue *with)
{
	prove(of == &device && with == &queue);
}

void vq_request_complete(struct vq_request *of, const void *answer, size_t size)
{
	const struct virtio_gpu_ctrl_hdr *asked = &command.fixed.header, *header = answer;
	prove(of == &request && size <= of->writable_size);
	answers++;
	if (size == 0)
		return;
	prove(size >= sizeof(*header) && readable(answer, size));
	prove(header->type == command.result);
	prove(size == sizeof(*header) || header->type < VIRTIO_GPU_RESP_ERR_UNSPEC);
	if (asked->flags & VIRTIO_GPU_FLAG_FENCE) {
		prove(header->flags & VIRTIO_GPU_FLAG_FENCE);
		prove(header->fence_id == asked->fence_id && header->ctx_id == asked->ctx_id);
	} else {
		prove(header->flags == 0 && header->fence_id == 0);
	}
}

void proof(void)
{
	static const uint8_t payload[2048];
	size_t size = nondet_size();
	assume(size <= sizeof(payload));
	request.queue = &queue;
	request.writable_size = nondet_u64();
	command.fixed.header.flags = nondet_u32();
	command.fixed.header.fence_id = nondet_u64();
	command.fixed.header.ctx_id = nondet_u32();
	command.fixed.header.ring_idx = nondet_u8();
	command.result = nondet_u32();
	if (nondet_bool())
		gpu_command_answer(&command, VIRTIO_GPU_RESP_OK_CAPSET, payload, size);
	if (nondet_bool())
		command.result = nondet_u32();
	gpu_command_complete(&command);
	prove(answers == 1 && !command.request);
}
