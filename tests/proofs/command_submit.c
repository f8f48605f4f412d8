/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/*
 * SUBMIT_3D of any size, with any number of fences, in a request of any length: it is only started when the request
 * has all that it says, the fences have room, the renderer gets the whole stream and no more, and what
 * is over the limit is refused.
 *
 * #proof src/gpu/commands_3d.c src/gpu/limits.c tests/proofs/stubs/request.c tests/proofs/stubs/log.c
 * #bug src/gpu/commands_3d.c: if (needed > command->request->readable_left) return VIRTIO_GPU_RESP_ERR_INVALID_PARAMETER; =>
 * #bug src/gpu/commands_3d.c: submit->num_in_fences > MAX_IN_FENCES || =>
 * #bug src/gpu/commands_3d.c: uint64_t needed = submit->size + (uint64_t)submit->num_in_fences * sizeof(uint64_t); =>
 *	uint64_t needed = submit->size + submit->num_in_fences * 4;
 * #bug src/gpu/commands_3d.c: renderer_submit_buffer(renderer, submit->size) => renderer_submit_buffer(renderer, submit->size - 4)
 * #bug src/gpu/commands_3d.c: if (!buffer) return VIRTIO_GPU_RESP_ERR_OUT_OF_MEMORY; =>
 */
#include "gpu/commands.h"
#include "gpu/context.h"
#include "gpu/state.h"
#include "proof.h"

static struct gpu_device device;
static struct gpu_slot slot;
static struct gpu_context context = { .slot = &slot };
static struct vq_request request;
static struct gpu_command command = { .device = &device, .request = &request };
static uint64_t had;
static uint32_t buffer_size, submits;

struct gpu_context *gpu_context_find(struct gpu_device *of, uint32_t id)
{
	return nondet_bool() ? &context : NULL;
}

bool gpu_context_catch_up(struct gpu_context *of)
{
	return nondet_bool();
}

void *renderer_submit_buffer(struct renderer *renderer, uint32_t size)
{
	prove(size > 0 && size <= device.args.limits.submit_bytes);
	buffer_size = size;
	return malloc(size);
}

struct renderer_call *gpu_command_call(struct gpu_command *of, struct gpu_slot *in)
{
	return &of->call;
}

void renderer_submit(
	struct renderer *renderer, uint32_t id, uint32_t size, struct renderer_call *call)
{
	prove(size == buffer_size);
	prove(had - request.readable_left ==
		size + UINT64_C(8) * command.fixed.submit.num_in_fences);
	submits++;
}

void proof(void)
{
	command.fixed.submit.size = nondet_u32();
	command.fixed.submit.num_in_fences = nondet_u32();
	request.readable_left = had = nondet_u64();
	device.args.limits.submit_bytes = nondet_u32();
	context.lost = nondet_bool();
	uint32_t result = gpu_handle_submit(&command);
	prove(submits <= 1);
	prove(result != VIRTIO_GPU_RESP_OK_NODATA || submits == 1 ||
		command.fixed.submit.size == 0);
	prove(submits == 1 || request.readable_left == had);
	prove(submits == 0 || !context.lost);
}
