/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
#include "gpu/commands.h"

#include "gpu/resource.h"
#include "gpu/state.h"
#include "util/checked.h"

uint32_t gpu_handle_create_2d(struct gpu_command *command)
{
	return gpu_resource_create_2d(command->device, &command->fixed.create_2d, command);
}

uint32_t gpu_handle_unref(struct gpu_command *command)
{
	struct gpu_resource *resource =
		gpu_resource_find(command->device, command->fixed.unref.resource_id);
	if (!resource)
		return VIRTIO_GPU_RESP_ERR_INVALID_RESOURCE_ID;
	gpu_resource_destroy(resource, command);
	return VIRTIO_GPU_RESP_OK_NODATA;
}

uint32_t gpu_handle_transfer_2d(struct gpu_command *command)
{
	const struct virtio_gpu_transfer_to_host_2d *transfer = &command->fixed.transfer_2d;
	const struct virtio_gpu_rect *r = &transfer->r;
	struct gpu_resource *resource = gpu_resource_find(command->device, transfer->resource_id);
	if (!resource)
		return VIRTIO_GPU_RESP_ERR_INVALID_RESOURCE_ID;
	/* Drivers transfer blobs as well; there is no other copy to be brought up to date. */
	if (gpu_resource_is_blob(resource))
		return VIRTIO_GPU_RESP_OK_NODATA;
	struct gpu_realisation *home = resource->home;
	if (!home || !home->pin)
		return VIRTIO_GPU_RESP_ERR_UNSPEC;
	if (!range_inside(r->x, r->width, resource->args.width) ||
		!range_inside(r->y, r->height, resource->args.height))
		return VIRTIO_GPU_RESP_ERR_INVALID_PARAMETER;
	if (r->width == 0 || r->height == 0)
		return VIRTIO_GPU_RESP_OK_NODATA;
	const struct renderer_transfer_args args = {
		.direction = RENDERER_TO_HOST,
		.resource = resource->args.id,
		.offset = transfer->offset,
		.box = { .x = r->x, .y = r->y, .w = r->width, .h = r->height, .d = 1 },
	};
	renderer_transfer(home->slot->renderer, &args, gpu_command_call(command, home->slot));
	return VIRTIO_GPU_RESP_OK_NODATA;
}

uint32_t gpu_handle_attach_backing(struct gpu_command *command)
{
	const struct virtio_gpu_resource_attach_backing *attach = &command->fixed.attach_backing;
	struct gpu_resource *resource = gpu_resource_find(command->device, attach->resource_id);
	if (!resource)
		return VIRTIO_GPU_RESP_ERR_INVALID_RESOURCE_ID;
	if (resource->kind == GPU_RESOURCE_HOST)
		return VIRTIO_GPU_RESP_ERR_INVALID_PARAMETER;
	if (resource->backing.entries)
		return VIRTIO_GPU_RESP_ERR_UNSPEC;
	return gpu_backing_attach(resource, command, attach->nr_entries);
}

uint32_t gpu_handle_detach_backing(struct gpu_command *command)
{
	struct gpu_resource *resource =
		gpu_resource_find(command->device, command->fixed.detach_backing.resource_id);
	if (!resource)
		return VIRTIO_GPU_RESP_ERR_INVALID_RESOURCE_ID;
	if (!resource->backing.entries)
		return VIRTIO_GPU_RESP_ERR_UNSPEC;
	gpu_backing_detach(resource, command);
	return VIRTIO_GPU_RESP_OK_NODATA;
}

uint32_t gpu_handle_assign_uuid(struct gpu_command *command)
{
	struct gpu_resource *resource =
		gpu_resource_find(command->device, command->fixed.assign_uuid.resource_id);
	if (!resource)
		return VIRTIO_GPU_RESP_ERR_INVALID_RESOURCE_ID;
	return gpu_shared_assign(resource, command);
}
