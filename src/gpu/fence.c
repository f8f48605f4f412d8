/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
#include "gpu/fence.h"

#include "gpu/context.h"
#include "gpu/limits.h"
#include "gpu/state.h"

void gpu_timeline_init(struct gpu_timeline *timeline)
{
	list_init(&timeline->commands);
}

static bool names_ring(const struct virtio_gpu_ctrl_hdr *header)
{
	return header->flags & VIRTIO_GPU_FLAG_INFO_RING_IDX;
}

uint32_t gpu_fence_enter(struct gpu_command *command)
{
	struct gpu_device *device = command->device;
	const struct virtio_gpu_ctrl_hdr *header = &command->fixed.header;
	if (names_ring(header) &&
		(header->ring_idx >= VIRTIO_GPU_MAX_RINGS ||
			!gpu_device_has(device, VIRTIO_GPU_F_CONTEXT_INIT)))
		return VIRTIO_GPU_RESP_ERR_INVALID_PARAMETER;
	/* Cursor commands wait for nothing, so they are not put in a line with others. */
	if (!(header->flags & VIRTIO_GPU_FLAG_FENCE) ||
		command->request->queue->index == VIRTIO_GPU_QUEUE_CURSOR)
		return VIRTIO_GPU_RESP_OK_NODATA;
	if (names_ring(header)) {
		struct gpu_context *context = gpu_context_find(device, header->ctx_id);
		if (!context)
			return VIRTIO_GPU_RESP_ERR_INVALID_PARAMETER;
		command->context = gpu_context_ref(context);
		command->timeline = &context->rings[header->ring_idx];
	} else {
		command->timeline = &device->global;
	}
	list_append(&command->timeline->commands, &command->timeline_link);
	if (!gpu_limit_allows(device->fence_count, 1, device->args.limits.fences, "max-fences"))
		return VIRTIO_GPU_RESP_ERR_OUT_OF_MEMORY;
	command->fence_counts = true;
	device->fence_count++;
	return VIRTIO_GPU_RESP_OK_NODATA;
}

void gpu_fence_leave(struct gpu_command *command)
{
	list_remove(&command->timeline_link);
	command->timeline = NULL;
	command->device->fence_count -= command->fence_counts;
	command->fence_counts = false;
}

static void fence_done(struct renderer_call *call, int status, const struct renderer_reply *reply)
{
	gpu_command_release(container_of(call, struct gpu_command, fence_call), status);
}

void gpu_fence_follow(struct gpu_command *command)
{
	struct gpu_slot *slot = command->slot;
	if (!command->timeline || !slot || !slot->renderer ||
		slot->generation != command->generation)
		return;
	const struct gpu_context *context = command->context;
	bool own = context && context->listed && !context->lost && context->slot == slot;
	gpu_command_hold(command, slot);
	command->fence_call.done = fence_done;
	renderer_fence(slot->renderer, own ? context->id : 0,
		own ? command->fixed.header.ring_idx : RENDERER_GLOBAL_RING, &command->fence_call);
}

static void retire(struct gpu_timeline *timeline)
{
	while (!list_empty(&timeline->commands)) {
		struct gpu_command *command =
			container_of(timeline->commands.next, struct gpu_command, timeline_link);
		if (!gpu_command_settled(command))
			break;
		gpu_fence_leave(command);
		gpu_command_complete(command);
	}
}

void gpu_fence_settled(struct gpu_command *command)
{
	struct gpu_timeline *timeline = command->timeline;
	struct gpu_context *context = command->context;
	/* The timeline would go with the last command that refers to its context. */
	if (context)
		gpu_context_ref(context);
	retire(timeline);
	if (context)
		gpu_context_unref(context);
}
