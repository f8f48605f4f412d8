/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
#include "gpu/resource.h"

#include <assert.h>
#include <stdlib.h>

#include "gpu/context.h"
#include "gpu/limits.h"
#include "gpu/state.h"
#include "renderer/software.h"

struct gpu_resource *gpu_resource_find(struct gpu_device *device, uint32_t id)
{
	return idmap_find(&device->resources, id);
}

bool gpu_resource_flat(const struct gpu_resource *resource)
{
	const struct renderer_resource_args *args = &resource->args;
	return (args->target == GPU_TARGET_2D || args->target == GPU_TARGET_RECT) &&
		args->depth == 1 && args->array_size == 1 && args->nr_samples <= 1;
}

static bool is_blob(enum gpu_resource_kind kind)
{
	return kind == GPU_RESOURCE_BLOB || kind == GPU_RESOURCE_HOST;
}

static bool too_many(const struct gpu_device *device, enum gpu_resource_kind kind)
{
	const struct gpu_limits *limits = &device->args.limits;
	return !gpu_limit_allows(device->resource_count, 1, limits->resources, "max-resources") ||
		(is_blob(kind) &&
			!gpu_limit_allows(device->blob_count, 1, limits->blobs, "max-blobs"));
}

uint32_t gpu_resource_create(struct gpu_device *device, const struct renderer_resource_args *args,
	enum gpu_resource_kind kind, struct gpu_resource **ret_resource)
{
	if (args->id == 0 || gpu_resource_find(device, args->id))
		return VIRTIO_GPU_RESP_ERR_INVALID_RESOURCE_ID;
	if (too_many(device, kind))
		return VIRTIO_GPU_RESP_ERR_OUT_OF_MEMORY;
	struct gpu_resource *resource = calloc(1, sizeof(*resource));
	if (!resource)
		return VIRTIO_GPU_RESP_ERR_OUT_OF_MEMORY;
	if (idmap_insert(&device->resources, args->id, resource) < 0) {
		free(resource);
		return VIRTIO_GPU_RESP_ERR_OUT_OF_MEMORY;
	}
	resource->refs = 1;
	resource->listed = true;
	resource->device = device;
	resource->args = *args;
	resource->kind = kind;
	resource->host_memory.fd = -1;
	list_init(&resource->realisations);
	list_init(&resource->attachments);
	list_append(&device->resource_list, &resource->link);
	device->resource_count++;
	device->blob_count += is_blob(kind);
	*ret_resource = resource;
	return VIRTIO_GPU_RESP_OK_NODATA;
}

uint32_t gpu_resource_create_2d(struct gpu_device *device,
	const struct virtio_gpu_resource_create_2d *create, struct gpu_command *command)
{
	const struct renderer_resource_args args = {
		.id = create->resource_id,
		.target = GPU_TARGET_2D,
		.format = create->format,
		.bind = GPU_BIND_RENDER_TARGET,
		.width = create->width,
		.height = create->height,
		.depth = 1,
		.array_size = 1,
		.flags = VIRTIO_GPU_RESOURCE_FLAG_Y_0_TOP,
	};
	if (create->width == 0 || create->width > IMAGE_MAX_SIDE || create->height == 0 ||
		create->height > IMAGE_MAX_SIDE || !software_format_fourcc(create->format))
		return VIRTIO_GPU_RESP_ERR_INVALID_PARAMETER;
	struct gpu_resource *resource;
	uint32_t result = gpu_resource_create(device, &args, GPU_RESOURCE_2D, &resource);
	if (result != VIRTIO_GPU_RESP_OK_NODATA)
		return result;
	/* Without a command that would be told, one that could not be realised is still there. */
	if (gpu_realise(resource, gpu_renderers_software(device), command) < 0 ||
		(!command && !resource->home)) {
		gpu_resource_destroy(resource, NULL);
		return VIRTIO_GPU_RESP_ERR_OUT_OF_MEMORY;
	}
	return VIRTIO_GPU_RESP_OK_NODATA;
}

struct gpu_resource *gpu_resource_ref(struct gpu_resource *resource)
{
	resource->refs++;
	return resource;
}

void gpu_resource_unref(struct gpu_resource *resource)
{
	if (--resource->refs > 0)
		return;
	assert(!resource->listed);
	free(resource);
}

static void unlist(struct gpu_resource *resource)
{
	struct gpu_device *device = resource->device;
	resource->listed = false;
	idmap_remove(&device->resources, resource->args.id);
	list_remove(&resource->link);
	device->resource_count--;
	device->blob_count -= is_blob(resource->kind);
	gpu_shared_drop(resource);
	gpu_scanouts_off(device, resource);
	gpu_cursors_forget(device, resource->args.id);
}

static void detach_everywhere(struct gpu_resource *resource)
{
	while (!list_empty(&resource->attachments)) {
		struct gpu_attachment *attachment = container_of(
			resource->attachments.next, struct gpu_attachment, resource_link);
		gpu_context_detach(attachment->context, resource);
	}
}

static struct gpu_realisation *first_realisation(struct gpu_resource *resource)
{
	if (list_empty(&resource->realisations))
		return NULL;
	return container_of(resource->realisations.next, struct gpu_realisation, resource_link);
}

void gpu_resource_destroy(struct gpu_resource *resource, struct gpu_command *command)
{
	struct gpu_realisation *realisation;
	unlist(resource);
	detach_everywhere(resource);
	while ((realisation = first_realisation(resource))) {
		gpu_pin_unref_resource(
			realisation->slot, realisation->pin, resource->args.id, command);
		realisation->pin = NULL;
		gpu_realisation_drop(realisation);
	}
	gpu_host_memory_drop(resource, command);
	gpu_backing_finish(resource);
	gpu_resource_unref(resource);
}

void gpu_resource_forget(struct gpu_resource *resource)
{
	struct gpu_realisation *realisation;
	unlist(resource);
	while (!list_empty(&resource->attachments))
		gpu_attachment_destroy(container_of(
			resource->attachments.next, struct gpu_attachment, resource_link));
	while ((realisation = first_realisation(resource)))
		gpu_realisation_drop(realisation);
	gpu_host_memory_drop(resource, NULL);
	gpu_backing_finish(resource);
	gpu_resource_unref(resource);
}
