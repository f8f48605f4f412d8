/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
#include "gpu/commands.h"

#include "gpu/resource.h"
#include "gpu/state.h"
#include "util/checked.h"

uint32_t gpu_handle_get_display_info(struct gpu_command *command)
{
	return gpu_outputs_get_info(command);
}

uint32_t gpu_handle_get_edid(struct gpu_command *command)
{
	if (command->fixed.get_edid.scanout >= VIRTIO_GPU_MAX_SCANOUTS)
		return VIRTIO_GPU_RESP_ERR_INVALID_SCANOUT_ID;
	return gpu_outputs_get_edid(command);
}

uint32_t gpu_handle_set_scanout(struct gpu_command *command)
{
	return gpu_scanout_show(command->device, &command->fixed.set_scanout);
}

uint32_t gpu_handle_set_scanout_blob(struct gpu_command *command)
{
	return gpu_scanout_show_blob(command->device, &command->fixed.set_scanout_blob);
}

static bool flush_valid(const struct gpu_resource *resource, const struct rect *rect)
{
	if (resource->kind == GPU_RESOURCE_BLOB)
		return gpu_scanouts_may_flush(resource->device, resource, rect);
	return range_inside(rect->x, rect->w, resource->args.width) &&
		range_inside(rect->y, rect->h, resource->args.height);
}

uint32_t gpu_handle_flush(struct gpu_command *command)
{
	const struct virtio_gpu_resource_flush *flush = &command->fixed.flush;
	const struct rect rect = { flush->r.x, flush->r.y, flush->r.width, flush->r.height };
	struct gpu_resource *resource = gpu_resource_find(command->device, flush->resource_id);
	if (!resource)
		return VIRTIO_GPU_RESP_ERR_INVALID_RESOURCE_ID;
	if (!flush_valid(resource, &rect))
		return VIRTIO_GPU_RESP_ERR_INVALID_PARAMETER;
	if (!rect_empty(&rect))
		gpu_scanouts_damage(command->device, resource, &rect);
	return VIRTIO_GPU_RESP_OK_NODATA;
}

uint32_t gpu_handle_update_cursor(struct gpu_command *command)
{
	const struct virtio_gpu_update_cursor *update = &command->fixed.cursor;
	if (update->pos.scanout_id >= VIRTIO_GPU_MAX_SCANOUTS)
		return VIRTIO_GPU_RESP_ERR_INVALID_SCANOUT_ID;
	return gpu_cursor_update(command->device, update);
}

uint32_t gpu_handle_move_cursor(struct gpu_command *command)
{
	const struct virtio_gpu_cursor_pos *position = &command->fixed.cursor.pos;
	if (position->scanout_id >= VIRTIO_GPU_MAX_SCANOUTS)
		return VIRTIO_GPU_RESP_ERR_INVALID_SCANOUT_ID;
	gpu_cursor_move(command->device, position);
	return VIRTIO_GPU_RESP_OK_NODATA;
}
