/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
#include <errno.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "gpu/context.h"
#include "gpu/limits.h"
#include "gpu/resource.h"
#include "gpu/state.h"
#include "util/fd.h"
#include "util/log.h"

static void call_closed(struct gpu_realisation *realisation)
{
	realisation->calls--;
	if (!realisation->resource && realisation->calls == 0)
		free(realisation);
}

/* Where the picture is when it cannot be where it was. */
static struct gpu_realisation *next_home(struct gpu_resource *resource)
{
	/* The software renderer's is always the first. */
	if (list_empty(&resource->realisations))
		return NULL;
	return container_of(resource->realisations.next, struct gpu_realisation, resource_link);
}

void gpu_realisation_drop(struct gpu_realisation *realisation)
{
	struct gpu_resource *resource = realisation->resource;
	gpu_pin_forget(realisation->pin);
	realisation->pin = NULL;
	image_unref(realisation->exported);
	realisation->exported = NULL;
	resource->device->renderer_bytes -= realisation->bytes;
	list_remove(&realisation->resource_link);
	list_remove(&realisation->slot_link);
	realisation->resource = NULL;
	if (resource->home == realisation)
		resource->home = next_home(resource);
	if (realisation->calls == 0)
		free(realisation);
	gpu_shared_update(resource);
}

static void drop_attachments(struct gpu_resource *resource, const struct gpu_slot *slot)
{
	list_for_each_safe (link, after, &resource->attachments) {
		struct gpu_attachment *attachment =
			container_of(link, struct gpu_attachment, resource_link);
		if (attachment->context->slot == slot)
			gpu_attachment_destroy(attachment);
	}
}

static void creation_failed(
	struct gpu_realisation *realisation, int status, const struct gpu_command *creator)
{
	struct gpu_resource *resource = realisation->resource;
	log_limited(LOG_DEBUG, "resource %u: renderer %s: %d", resource->args.id,
		realisation->slot->name, status);
	drop_attachments(resource, realisation->slot);
	gpu_realisation_drop(realisation);
	if (creator)
		gpu_resource_destroy(resource, NULL);
}

static void host_created(struct gpu_resource *resource, const struct renderer_reply *reply)
{
	if (reply && reply->memory)
		gpu_host_memory_set(resource, reply->memory);
	gpu_host_memory_known(resource);
}

static void create_done(struct renderer_call *call, int status, const struct renderer_reply *reply)
{
	struct gpu_realisation *realisation =
		container_of(call, struct gpu_realisation, create_call);
	struct gpu_command *creator = realisation->creator;
	struct gpu_resource *resource = realisation->resource;
	realisation->creator = NULL;
	if (resource && status < 0)
		creation_failed(realisation, status, creator);
	else if (resource && resource->kind == GPU_RESOURCE_HOST)
		host_created(resource, reply);
	call_closed(realisation);
	gpu_command_release(creator, status);
}

/* Renderers are not believed: what is shown lies inside what the guest says. */
static bool image_fits(const struct image *image, const struct renderer_resource_args *args)
{
	return image->kind == IMAGE_DMABUF && image->width == args->width &&
		image->height == args->height;
}

/* It is handed on to displays and other devices, which a file that gets shorter would end. Of several planes it is known
 * only of dma-bufs where they are. */
static bool image_stays(const struct image *image)
{
	struct stat file;
	const uint64_t end = image->offsets[0] + (uint64_t)image->strides[0] * image->height;
	return fd_keeps(image->fds[0], end, &file) &&
		(image->planes == 1 || !S_ISREG(file.st_mode));
}

static void export_done(struct renderer_call *call, int status, const struct renderer_reply *reply)
{
	struct gpu_realisation *realisation =
		container_of(call, struct gpu_realisation, export_call);
	realisation->exporting = false;
	if (realisation->resource) {
		if (status == 0 && reply &&
			image_fits(reply->image, &realisation->resource->args) &&
			image_stays(reply->image))
			realisation->exported = image_ref(reply->image);
		else
			realisation->export_failed = true;
		gpu_scanouts_push(realisation->resource->device);
		gpu_shared_update(realisation->resource);
	}
	call_closed(realisation);
}

/* The software renderer counts for itself, and a blob may be the guest's memory. */
static uint64_t bytes_in(const struct gpu_resource *resource, const struct gpu_slot *slot)
{
	if (slot == gpu_renderers_software(resource->device) || resource->kind == GPU_RESOURCE_BLOB)
		return 0;
	return resource->kind == GPU_RESOURCE_HOST ? resource->blob.size
						   : gpu_footprint(&resource->args);
}

static struct gpu_realisation *realisation_new(
	struct gpu_resource *resource, struct gpu_slot *slot, struct gpu_command *creator)
{
	struct gpu_device *device = resource->device;
	uint64_t bytes = bytes_in(resource, slot);
	if (!gpu_limit_allows(device->renderer_bytes, bytes, device->args.limits.renderer_bytes,
		    "max-3d-memory"))
		return NULL;
	struct gpu_realisation *realisation = calloc(1, sizeof(*realisation));
	if (!realisation)
		return NULL;
	realisation->bytes = bytes;
	device->renderer_bytes += bytes;
	realisation->resource = resource;
	realisation->slot = slot;
	realisation->create_call.done = create_done;
	realisation->export_call.done = export_done;
	realisation->creator = creator;
	list_append(&resource->realisations, &realisation->resource_link);
	list_append(&slot->realisations, &realisation->slot_link);
	slot->used = true;
	return realisation;
}

static void create(struct gpu_realisation *realisation)
{
	struct gpu_resource *resource = realisation->resource;
	struct renderer *renderer = realisation->slot->renderer;
	if (resource->kind == GPU_RESOURCE_BLOB || resource->kind == GPU_RESOURCE_HOST) {
		renderer_resource_create_blob(renderer, &resource->blob, &realisation->create_call);
		return;
	}
	if (resource->kind == GPU_RESOURCE_2D || !resource->home)
		resource->home = realisation;
	renderer_resource_create(renderer, &resource->args, &realisation->create_call);
}

int gpu_realise(struct gpu_resource *resource, struct gpu_slot *slot, struct gpu_command *creator)
{
	struct gpu_realisation *realisation = realisation_new(resource, slot, creator);
	if (!realisation)
		return -ENOMEM;
	if (creator)
		gpu_command_hold(creator, slot);
	/* One call is for us here: the other may be finished at once, with failure. */
	realisation->calls = 2;
	create(realisation);
	if (realisation->resource && resource->backing.spans)
		realisation->pin =
			gpu_pin_create(slot, resource->args.id, resource->backing.spans, NULL);
	if (realisation->resource && resource->kind == GPU_RESOURCE_2D)
		gpu_realisation_upload(realisation);
	if (realisation->resource)
		gpu_shared_update(resource);
	/* A renderer can do nothing with a blob that has no memory. */
	bool bare =
		realisation->resource && resource->kind == GPU_RESOURCE_BLOB && !realisation->pin;
	if (bare) {
		renderer_resource_unref(slot->renderer, resource->args.id, NULL);
		gpu_realisation_drop(realisation);
	}
	call_closed(realisation);
	return bare ? -ENOMEM : 0;
}

void gpu_realisation_upload(struct gpu_realisation *realisation)
{
	const struct renderer_resource_args *args = &realisation->resource->args;
	if (!realisation->pin)
		return;
	const struct renderer_transfer_args transfer = {
		.direction = RENDERER_TO_HOST,
		.resource = args->id,
		.box = { .w = args->width, .h = args->height, .d = 1 },
	};
	renderer_transfer(realisation->slot->renderer, &transfer, NULL);
}

struct gpu_realisation *gpu_realisation_find(
	const struct gpu_resource *resource, const struct gpu_slot *slot)
{
	list_for_each (link, &resource->realisations) {
		struct gpu_realisation *realisation =
			container_of(link, struct gpu_realisation, resource_link);
		if (realisation->slot == slot)
			return realisation;
	}
	return NULL;
}

void gpu_realisation_lost(struct gpu_realisation *realisation)
{
	struct gpu_resource *resource = realisation->resource;
	bool was_home = resource->home == realisation;
	gpu_realisation_drop(realisation);
	if (resource->kind == GPU_RESOURCE_HOST)
		gpu_host_memory_lost(resource);
	if (!was_home || resource->kind != GPU_RESOURCE_2D)
		return;
	gpu_realisation_upload(resource->home);
	gpu_scanouts_damage(resource->device, resource, NULL);
}

void gpu_realisation_export(struct gpu_realisation *realisation)
{
	if (realisation->exporting || realisation->exported || realisation->export_failed)
		return;
	realisation->exporting = true;
	realisation->calls++;
	renderer_export_image(realisation->slot->renderer, realisation->resource->args.id,
		&realisation->export_call);
}
