/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
#include "gpu/commands.h"

#include "gpu/blob.h"
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

/* By blob_mem: where the bytes are. Host memory needs a renderer that makes it. */
static uint32_t (*const creators[])(struct gpu_command *command) = {
	[VIRTIO_GPU_BLOB_MEM_GUEST] = create_of_guest_memory,
};

uint32_t gpu_handle_create_blob(struct gpu_command *command)
{
	uint32_t where = command->fixed.create_blob.blob_mem;
	if (where >= ARRAY_SIZE(creators) || !creators[where])
		return VIRTIO_GPU_RESP_ERR_INVALID_PARAMETER;
	return creators[where](command);
}
