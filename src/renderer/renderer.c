/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
#include "renderer/renderer.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

static bool contexts_are_whole(const struct renderer_impl *impl)
{
	if (!impl->context_create)
		return !impl->context_destroy && !impl->context_attach && !impl->context_detach;
	return impl->context_destroy && impl->context_attach && impl->context_detach &&
		((impl->submit_buffer && impl->submit) || impl->submit_stream);
}

void renderer_init(struct renderer *renderer, const struct renderer_impl *impl,
	const struct renderer_events *events, void *events_data)
{
	assert(impl->name && impl->destroy && impl->transfer);
	assert(impl->resource_create && impl->resource_unref && impl->resource_set_backing);
	assert(!impl->region_add == !impl->region_remove);
	assert(!impl->silent_ms == !impl->give_up);
	assert(!impl->oldest_ms == !impl->give_up);
	assert(!impl->submit_buffer == !impl->submit);
	assert(contexts_are_whole(impl));
	*renderer = (struct renderer){
		.impl = impl,
		.events = events,
		.events_data = events_data,
	};
}

void renderer_finish(struct renderer *renderer)
{
	for (uint32_t i = 0; i < renderer->capset_count; i++)
		free(renderer->capsets[i].data);
	renderer->capset_count = 0;
}

int renderer_add_capset(struct renderer *renderer, uint32_t id, uint32_t max_version,
	const void *data, uint32_t size)
{
	if (size == 0 || size > RENDERER_MAX_CAPSET_SIZE || renderer_find_capset(renderer, id))
		return -EINVAL;
	if (renderer->capset_count == RENDERER_MAX_CAPSETS)
		return -ENOSPC;
	uint8_t *copy = malloc(size);
	if (!copy)
		return -ENOMEM;
	memcpy(copy, data, size);
	renderer->capsets[renderer->capset_count++] = (struct renderer_capset){
		.id = id,
		.max_version = max_version,
		.size = size,
		.data = copy,
	};
	return 0;
}

const struct renderer_capset *renderer_find_capset(const struct renderer *renderer, uint32_t id)
{
	for (uint32_t i = 0; i < renderer->capset_count; i++)
		if (renderer->capsets[i].id == id)
			return &renderer->capsets[i];
	return NULL;
}

void renderer_call_done(struct renderer_call *call, int status, const struct renderer_reply *reply)
{
	if (call)
		call->done(call, status, reply);
}

static void refuse(struct renderer_call *call)
{
	renderer_call_done(call, -EOPNOTSUPP, NULL);
}

void renderer_destroy(struct renderer *renderer)
{
	if (renderer)
		renderer->impl->destroy(renderer);
}

bool renderer_has_room(const struct renderer *renderer)
{
	return !renderer->impl->has_room || renderer->impl->has_room(renderer);
}

uint64_t renderer_silent_ms(const struct renderer *renderer)
{
	return renderer->impl->silent_ms ? renderer->impl->silent_ms(renderer) : 0;
}

uint64_t renderer_oldest_ms(const struct renderer *renderer)
{
	return renderer->impl->oldest_ms ? renderer->impl->oldest_ms(renderer) : 0;
}

void renderer_give_up(struct renderer *renderer)
{
	if (renderer->impl->give_up)
		renderer->impl->give_up(renderer);
}

void renderer_region_add(struct renderer *renderer, const struct renderer_region *region)
{
	if (renderer->impl->region_add)
		renderer->impl->region_add(renderer, region);
}

void renderer_region_remove(struct renderer *renderer, uint32_t id)
{
	if (renderer->impl->region_remove)
		renderer->impl->region_remove(renderer, id);
}

void renderer_context_create(struct renderer *renderer, const struct renderer_context_args *args,
	struct renderer_call *call)
{
	if (renderer->impl->context_create)
		renderer->impl->context_create(renderer, args, call);
	else
		refuse(call);
}

void renderer_context_destroy(
	struct renderer *renderer, uint32_t context, struct renderer_call *call)
{
	if (renderer->impl->context_destroy)
		renderer->impl->context_destroy(renderer, context, call);
	else
		refuse(call);
}

void renderer_context_attach(
	struct renderer *renderer, uint32_t context, uint32_t resource, struct renderer_call *call)
{
	if (renderer->impl->context_attach)
		renderer->impl->context_attach(renderer, context, resource, call);
	else
		refuse(call);
}

void renderer_context_detach(
	struct renderer *renderer, uint32_t context, uint32_t resource, struct renderer_call *call)
{
	if (renderer->impl->context_detach)
		renderer->impl->context_detach(renderer, context, resource, call);
	else
		refuse(call);
}

void *renderer_submit_buffer(struct renderer *renderer, uint32_t size)
{
	assert(size > 0 && size <= RENDERER_MAX_SUBMIT && size % 4 == 0);
	return renderer->impl->submit_buffer ? renderer->impl->submit_buffer(renderer, size) : NULL;
}

void renderer_submit(
	struct renderer *renderer, uint32_t context, uint32_t size, struct renderer_call *call)
{
	if (renderer->impl->submit)
		renderer->impl->submit(renderer, context, size, call);
	else
		refuse(call);
}

void renderer_submit_stream(struct renderer *renderer, uint32_t context, void *stream,
	uint32_t size, struct renderer_call *call)
{
	if (renderer->impl->submit_stream) {
		renderer->impl->submit_stream(renderer, context, stream, size, call);
		return;
	}
	if (!renderer->impl->submit) {
		refuse(call);
		return;
	}
	void *buffer = renderer_submit_buffer(renderer, size);
	if (!buffer) {
		renderer_call_done(call, -ENOMEM, NULL);
		return;
	}
	memcpy(buffer, stream, size);
	renderer->impl->submit(renderer, context, size, call);
}

void renderer_resource_create(struct renderer *renderer, const struct renderer_resource_args *args,
	struct renderer_call *call)
{
	renderer->impl->resource_create(renderer, args, call);
}

void renderer_resource_create_blob(struct renderer *renderer, const struct renderer_blob_args *args,
	struct renderer_call *call)
{
	if (renderer->impl->resource_create_blob)
		renderer->impl->resource_create_blob(renderer, args, call);
	else
		refuse(call);
}

void renderer_resource_unref(
	struct renderer *renderer, uint32_t resource, struct renderer_call *call)
{
	renderer->impl->resource_unref(renderer, resource, call);
}

void renderer_resource_set_backing(struct renderer *renderer, uint32_t resource,
	const struct renderer_span *spans, uint32_t count, struct renderer_call *call)
{
	renderer->impl->resource_set_backing(renderer, resource, spans, count, call);
}

void renderer_transfer(struct renderer *renderer, const struct renderer_transfer_args *args,
	struct renderer_call *call)
{
	renderer->impl->transfer(renderer, args, call);
}

void renderer_read_back(struct renderer *renderer, const struct renderer_read_back_args *args,
	struct renderer_call *call)
{
	if (renderer->impl->read_back)
		renderer->impl->read_back(renderer, args, call);
	else
		refuse(call);
}

void renderer_export_image(struct renderer *renderer, uint32_t resource, struct renderer_call *call)
{
	if (renderer->impl->export_image)
		renderer->impl->export_image(renderer, resource, call);
	else
		refuse(call);
}

struct image *renderer_image(struct renderer *renderer, uint32_t resource)
{
	return renderer->impl->image ? renderer->impl->image(renderer, resource) : NULL;
}

void renderer_fence(
	struct renderer *renderer, uint32_t context, int32_t ring, struct renderer_call *call)
{
	if (renderer->impl->fence)
		renderer->impl->fence(renderer, context, ring, call);
	else
		renderer_call_done(call, 0, NULL);
}
