/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
#include "gpu/commands.h"

#include "gpu/blob.h"
#include "gpu/context.h"
#include "gpu/resource.h"
#include "gpu/state.h"
#include "util/checked.h"

/* Without entries it gets its memory by ATTACH_BACKING. */
static uint32_t create_of_guest_memory(struct gpu_command *command)
{
	const struct virtio_gpu_resource_create_blob *create = &command->fixed.create_blob;
	struct gpu_resource *resource;
	uint32_t result =
		gpu_blob_create(command->device, command->device->features, create, &resource);
	if (result != VIRTIO_GPU_RESP_OK_NODATA || create->nr_entries == 0)
		return result;
	result = gpu_backing_attach(resource, command, create->nr_entries);
	if (result != VIRTIO_GPU_RESP_OK_NODATA)
		gpu_resource_destroy(resource, NULL);
	return result;
}

/* The renderer of the context has it, or makes it. */
static uint32_t create_of_host_memory(struct gpu_command *command)
{
	struct gpu_device *device = command->device;
	const struct virtio_gpu_resource_create_blob *create = &command->fixed.create_blob;
	const struct gpu_context *context = gpu_context_find(device, create->hdr.ctx_id);
	struct gpu_resource *resource;
	if (!context)
		return VIRTIO_GPU_RESP_ERR_INVALID_CONTEXT_ID;
	if (context->lost)
		return VIRTIO_GPU_RESP_ERR_UNSPEC;
	if (create->nr_entries > 0)
		return VIRTIO_GPU_RESP_ERR_INVALID_PARAMETER;
	uint32_t result = gpu_blob_create(device, device->features, create, &resource);
	if (result != VIRTIO_GPU_RESP_OK_NODATA)
		return result;
	if (gpu_realise(resource, context->slot, command) < 0) {
		gpu_resource_destroy(resource, NULL);
		return VIRTIO_GPU_RESP_ERR_OUT_OF_MEMORY;
	}
	return VIRTIO_GPU_RESP_OK_NODATA;
}

/* By blob_mem: where the bytes are. */
static uint32_t (*const creators[])(struct gpu_command *command) = {
	[VIRTIO_GPU_BLOB_MEM_GUEST] = create_of_guest_memory,
	[VIRTIO_GPU_BLOB_MEM_HOST3D] = create_of_host_memory,
};

uint32_t gpu_handle_create_blob(struct gpu_command *command)
{
	uint32_t where = command->fixed.create_blob.blob_mem;
	if (where >= ARRAY_SIZE(creators) || !creators[where])
		return VIRTIO_GPU_RESP_ERR_INVALID_PARAMETER;
	return creators[where](command);
}

uint32_t gpu_handle_map_blob(struct gpu_command *command)
{
	const struct virtio_gpu_resource_map_blob *map = &command->fixed.map_blob;
	struct gpu_resource *resource = gpu_resource_find(command->device, map->resource_id);
	if (!resource)
		return VIRTIO_GPU_RESP_ERR_INVALID_RESOURCE_ID;
	return gpu_host_memory_map(resource, map->offset, command);
}

uint32_t gpu_handle_unmap_blob(struct gpu_command *command)
{
	struct gpu_resource *resource =
		gpu_resource_find(command->device, command->fixed.unmap_blob.resource_id);
	if (!resource)
		return VIRTIO_GPU_RESP_ERR_INVALID_RESOURCE_ID;
	return gpu_host_memory_unmap(resource, command);
}
