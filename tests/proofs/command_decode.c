/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/*
 * Every command, from the request to its handler: any bytes, in a request with any numbers of readable and writable
 * ones, on either queue, with any features. A handler runs only for its own type of command, on a queue that
 * it may come on, with the feature it needs, after all of its fixed part has been read into room for it; each
 * command is completed exactly once, unless it waits. Handlers do anything that they may.
 *
 * #proof src/gpu/command.c tests/proofs/stubs/request.c tests/proofs/stubs/log.c
 * #stub gpu_command_complete
 * #cbmc --unwind 30
 * #bug src/gpu/command.c: if (!spec || !(spec->queues >> request->queue->index & 1)) => if (!(spec->queues >> request->queue->index & 1))
 * #bug src/gpu/command.c: !(spec->queues >> request->queue->index & 1)) => false)
 * #bug src/gpu/command.c: spec->feature != GPU_FEATURE_NONE && !gpu_device_has(command->device, spec->feature) => false
 * #bug src/gpu/command.c: if (request->writable_size < spec->response_size) return VIRTIO_GPU_RESP_ERR_UNSPEC; =>
 * #bug src/gpu/command.c: spec->request_size - sizeof(command->fixed.header) => spec->request_size
 * #bug src/gpu/command.c: gpu_command_release(command, 0); return; } command->spec => return; } command->spec
 * #bug src/gpu/commands.c: .type = VIRTIO_GPU_CMD_SUBMIT_3D, .name = "SUBMIT_3D", .request_size = sizeof(struct virtio_gpu_cmd_submit) =>
 *	.type = VIRTIO_GPU_CMD_SUBMIT_3D, .name = "SUBMIT_3D", .request_size = sizeof(union gpu_request) + 8
 */
/* One for all, as each is called through the table. */
#define gpu_handle_get_display_info handle
#define gpu_handle_create_2d        handle
#define gpu_handle_unref            handle
#define gpu_handle_transfer_2d      handle
#define gpu_handle_attach_backing   handle
#define gpu_handle_detach_backing   handle
#define gpu_handle_assign_uuid      handle
#define gpu_handle_create_blob      handle
#define gpu_handle_map_blob         handle
#define gpu_handle_unmap_blob       handle
#define gpu_handle_get_capset_info  handle
#define gpu_handle_get_capset       handle
#define gpu_handle_ctx_create       handle
#define gpu_handle_ctx_destroy      handle
#define gpu_handle_ctx_attach       handle
#define gpu_handle_ctx_detach       handle
#define gpu_handle_create_3d        handle
#define gpu_handle_transfer_3d      handle
#define gpu_handle_submit           handle
#define gpu_handle_get_edid         handle
#define gpu_handle_set_scanout      handle
#define gpu_handle_set_scanout_blob handle
#define gpu_handle_flush            handle
#define gpu_handle_update_cursor    handle
#define gpu_handle_move_cursor      handle
#include "gpu/commands.c"

#include "gpu/context.h"
#include "gpu/state.h"
#include "proof.h"

static struct gpu_device device;
static struct virtqueue queue;
static struct vq_request request;
static uint32_t completed, handled;
static uint64_t had;

void gpu_command_complete(struct gpu_command *command)
{
	prove(command->holds == 0);
	completed++;
}

uint32_t gpu_fence_enter(struct gpu_command *command)
{
	return nondet_bool() ? VIRTIO_GPU_RESP_OK_NODATA : VIRTIO_GPU_RESP_ERR_INVALID_PARAMETER;
}

void gpu_fence_follow(struct gpu_command *command)
{
	prove(handled == 1);
}

void gpu_fence_settled(struct gpu_command *command)
{
	gpu_command_complete(command);
}

uint32_t handle(struct gpu_command *command)
{
	const struct gpu_command_spec *spec = command->spec;
	prove(spec->type == command->fixed.header.type && (spec->queues >> queue.index & 1));
	prove(spec->feature == GPU_FEATURE_NONE || (device.features >> spec->feature & 1));
	prove(had - request.readable_left == spec->request_size);
	prove(spec->request_size <= sizeof(command->fixed));
	prove(request.writable_size >= spec->response_size);
	handled++;
	return nondet_u32();
}

void proof(void)
{
	static struct gpu_command command = { .device = &device };
	device.features = nondet_u64();
	queue.index = nondet_u32();
	assume(queue.index < VIRTIO_GPU_QUEUES);
	request.queue = &queue;
	request.readable_left = had = nondet_u64();
	request.writable_size = nondet_u64();
	gpu_command_start(&command, &request);
	prove(handled <= 1);
	prove(completed == (device.queues.stalled ? 0 : 1));
}
