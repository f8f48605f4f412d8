/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
#include "gpu/context.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>

#include "gpu/limits.h"
#include "gpu/resource.h"
#include "gpu/state.h"
#include "util/log.h"

struct gpu_context *gpu_context_find(struct gpu_device *device, uint32_t id)
{
	return idmap_find(&device->contexts, id);
}

struct gpu_context *gpu_context_ref(struct gpu_context *context)
{
	context->refs++;
	return context;
}

void gpu_context_unref(struct gpu_context *context)
{
	if (--context->refs > 0)
		return;
	assert(!context->listed);
	idmap_finish(&context->attachments);
	free(context);
}

static void destroy_attachments(struct list *list)
{
	while (!list_empty(list))
		gpu_attachment_destroy(
			container_of(list->next, struct gpu_attachment, context_link));
}

static void forget_attachments(struct gpu_context *context)
{
	destroy_attachments(&context->recorded);
	destroy_attachments(&context->waiting);
	destroy_attachments(&context->attached);
}

/* Frees the id and forgets what is attached. */
static void unlist(struct gpu_context *context)
{
	struct gpu_device *device = context->device;
	forget_attachments(context);
	context->listed = false;
	idmap_remove(&device->contexts, context->id);
	list_remove(&context->link);
	list_remove(&context->slot_link);
	device->context_count--;
	gpu_context_unref(context);
}

static void create_done(struct renderer_call *call, int status, const struct renderer_reply *reply)
{
	struct gpu_context *context = container_of(call, struct gpu_context, create_call);
	struct gpu_command *creator = context->creator;
	context->creator = NULL;
	if (status < 0 && context->listed)
		unlist(context);
	gpu_context_unref(context);
	gpu_command_release(creator, status);
}

static struct gpu_context *context_new(struct gpu_slot *slot, uint32_t id)
{
	struct gpu_device *device = slot->device;
	struct gpu_context *context = calloc(1, sizeof(*context));
	if (!context)
		return NULL;
	if (idmap_insert(&device->contexts, id, context) < 0) {
		free(context);
		return NULL;
	}
	context->refs = 1;
	context->listed = true;
	context->device = device;
	context->slot = slot;
	context->id = id;
	context->create_call.done = create_done;
	idmap_init(&context->attachments);
	list_init(&context->recorded);
	list_init(&context->waiting);
	list_init(&context->attached);
	for (uint32_t i = 0; i < VIRTIO_GPU_MAX_RINGS; i++)
		gpu_timeline_init(&context->rings[i]);
	list_append(&device->context_list, &context->link);
	list_append(&slot->contexts, &context->slot_link);
	device->context_count++;
	slot->used = true;
	return context;
}

uint32_t gpu_context_create(struct gpu_slot *slot, const struct renderer_context_args *args,
	struct gpu_command *command)
{
	struct gpu_device *device = slot->device;
	if (args->id == 0 || gpu_context_find(device, args->id))
		return VIRTIO_GPU_RESP_ERR_INVALID_CONTEXT_ID;
	if (!gpu_limit_allows(
		    device->context_count, 1, device->args.limits.contexts, "max-contexts"))
		return VIRTIO_GPU_RESP_ERR_OUT_OF_MEMORY;
	if (!gpu_slot_acquire(slot))
		return VIRTIO_GPU_RESP_ERR_UNSPEC;
	struct gpu_context *context = context_new(slot, args->id);
	if (!context)
		return VIRTIO_GPU_RESP_ERR_OUT_OF_MEMORY;
	context->creator = command;
	gpu_command_hold(command, slot);
	renderer_context_create(slot->renderer, args, &gpu_context_ref(context)->create_call);
	return VIRTIO_GPU_RESP_OK_NODATA;
}

void gpu_context_destroy(struct gpu_context *context, struct gpu_command *command)
{
	struct gpu_slot *slot = context->slot;
	uint32_t id = context->id;
	bool lost = context->lost;
	unlist(context);
	if (!lost)
		renderer_context_destroy(slot->renderer, id, gpu_command_call(command, slot));
}

void gpu_context_forget(struct gpu_context *context)
{
	unlist(context);
}

void gpu_context_lost(struct gpu_context *context)
{
	context->lost = true;
	list_remove(&context->slot_link);
	forget_attachments(context);
}

struct gpu_attachment *gpu_context_attachment(const struct gpu_context *context, uint32_t resource)
{
	return idmap_find(&context->attachments, resource);
}

void gpu_attachment_destroy(struct gpu_attachment *attachment)
{
	struct gpu_context *context = attachment->context;
	idmap_remove(&context->attachments, attachment->resource->args.id);
	list_remove(&attachment->context_link);
	list_remove(&attachment->resource_link);
	context->device->attachment_count--;
	free(attachment);
}

static struct gpu_attachment *attachment_new(
	struct gpu_context *context, struct gpu_resource *resource)
{
	struct gpu_device *device = context->device;
	if (!gpu_limit_allows(device->attachment_count, 1, device->args.limits.attachments,
		    "max-attachments"))
		return NULL;
	struct gpu_attachment *attachment = calloc(1, sizeof(*attachment));
	if (!attachment)
		return NULL;
	if (idmap_insert(&context->attachments, resource->args.id, attachment) < 0) {
		free(attachment);
		return NULL;
	}
	attachment->context = context;
	attachment->resource = resource;
	attachment->recorded = true;
	list_append(&context->recorded, &attachment->context_link);
	list_append(&resource->attachments, &attachment->resource_link);
	device->attachment_count++;
	return attachment;
}

static void move(struct gpu_attachment *attachment, struct list *list)
{
	list_remove(&attachment->context_link);
	list_append(list, &attachment->context_link);
}

/* From now on the renderer knows of it. */
static void tell_renderer(struct gpu_attachment *attachment, struct renderer_call *call)
{
	struct gpu_context *context = attachment->context;
	attachment->recorded = false;
	move(attachment, &context->attached);
	renderer_context_attach(
		context->slot->renderer, context->id, attachment->resource->args.id, call);
}

/* Memory of one renderer is nothing to another. */
static uint32_t cannot_attach(struct gpu_attachment *attachment)
{
	gpu_attachment_destroy(attachment);
	return VIRTIO_GPU_RESP_ERR_UNSPEC;
}

uint32_t gpu_context_attach(
	struct gpu_context *context, struct gpu_resource *resource, struct gpu_command *command)
{
	struct gpu_slot *slot = context->slot;
	uint32_t id = resource->args.id;
	if (gpu_context_attachment(context, id))
		return VIRTIO_GPU_RESP_OK_NODATA;
	struct gpu_attachment *attachment = attachment_new(context, resource);
	if (!attachment)
		return VIRTIO_GPU_RESP_ERR_OUT_OF_MEMORY;
	if (!gpu_realisation_find(resource, slot)) {
		if (resource->kind == GPU_RESOURCE_HOST)
			return cannot_attach(attachment);
		if (resource->kind != GPU_RESOURCE_3D)
			return VIRTIO_GPU_RESP_OK_NODATA;
		if (gpu_realise(resource, slot, NULL) < 0) {
			gpu_attachment_destroy(attachment);
			return VIRTIO_GPU_RESP_ERR_OUT_OF_MEMORY;
		}
		if (!gpu_realisation_find(resource, slot))
			return VIRTIO_GPU_RESP_ERR_UNSPEC;
	}
	tell_renderer(attachment, gpu_command_call(command, slot));
	return VIRTIO_GPU_RESP_OK_NODATA;
}

void gpu_context_detach(struct gpu_context *context, struct gpu_resource *resource)
{
	struct gpu_attachment *attachment = gpu_context_attachment(context, resource->args.id);
	if (!attachment)
		return;
	bool known = !attachment->recorded;
	gpu_attachment_destroy(attachment);
	if (known)
		renderer_context_detach(
			context->slot->renderer, context->id, resource->args.id, NULL);
}

int gpu_attachment_catch_up(struct gpu_attachment *attachment)
{
	struct gpu_resource *resource = attachment->resource;
	struct gpu_context *context = attachment->context;
	uint32_t id = resource->args.id;
	if (!gpu_realisation_find(resource, context->slot)) {
		if (gpu_realise(resource, context->slot, NULL) < 0)
			return -ENOMEM;
		/* It may have failed already, and have taken the attachment with it. */
		attachment = gpu_context_attachment(context, id);
	}
	if (attachment)
		tell_renderer(attachment, NULL);
	return 0;
}

/* A blob without memory is nothing that a renderer could use: its attachment stays recorded. */
static bool must_wait(const struct gpu_attachment *attachment)
{
	const struct gpu_resource *resource = attachment->resource;
	return resource->kind == GPU_RESOURCE_BLOB && !resource->backing.spans &&
		!gpu_realisation_find(resource, attachment->context->slot);
}

void gpu_attachments_backed(struct gpu_resource *resource)
{
	list_for_each (link, &resource->attachments) {
		struct gpu_attachment *attachment =
			container_of(link, struct gpu_attachment, resource_link);
		if (attachment->recorded)
			move(attachment, &attachment->context->recorded);
	}
}

bool gpu_context_catch_up(struct gpu_context *context)
{
	for (uint32_t i = 0; i < GPU_CATCH_UP && !list_empty(&context->recorded); i++) {
		struct gpu_attachment *attachment =
			container_of(context->recorded.next, struct gpu_attachment, context_link);
		if (must_wait(attachment))
			move(attachment, &context->waiting);
		else if (gpu_attachment_catch_up(attachment) < 0)
			gpu_attachment_destroy(attachment);
	}
	return list_empty(&context->recorded);
}
