/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/*
 * Everything is done when its operation returns, but fences: those that were delayed wait in one list,
 * in the order they were asked for, with the time when they are due. One finishes when its time has come
 * and no earlier one of its timeline is left.
 */
#include "null/null.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "loop/loop.h"
#include "null/objects.h"
#include "renderer/regions.h"
#include "util/fd.h"
#include "util/idmap.h"
#include "util/image.h"
#include "util/list.h"

#define MAP_CACHE_CACHED 1u /* VIRTIO_GPU_MAP_CACHE_CACHED */

struct null_renderer {
	struct renderer base;
	bool exports;
	uint64_t bytes; /* of all resources */
	struct regions regions;
	struct idmap resources; /* struct null_resource */
	struct idmap contexts; /* struct null_context */
	struct list fences; /* null_fence::link, oldest first */
	struct loop_source *timer;
	void *submit_buffer;
	uint32_t submit_room;
};

struct null_fence {
	struct list link;
	struct renderer_call *call;
	uint32_t context;
	int32_t ring;
	uint32_t never; /* the context that keeps it from finishing; 0: none */
	uint64_t due_ms;
};

static struct null_renderer *null_from(struct renderer *renderer)
{
	return container_of(renderer, struct null_renderer, base);
}

static bool is_due(const struct null_renderer *null, const struct null_fence *fence, uint64_t now)
{
	if (fence->never != 0 || fence->due_ms > now)
		return false;
	list_for_each (link, &null->fences) {
		const struct null_fence *before = container_of(link, struct null_fence, link);
		if (before == fence)
			break;
		if (before->context == fence->context && before->ring == fence->ring)
			return false;
	}
	return true;
}

static void finish_fence(struct null_fence *fence)
{
	struct renderer_call *call = fence->call;
	list_remove(&fence->link);
	free(fence);
	renderer_call_done(call, 0, NULL);
}

/* One at a time: what is called back may change the list. */
static bool finish_one_due(struct null_renderer *null)
{
	uint64_t now = loop_now_ms();
	list_for_each (link, &null->fences) {
		struct null_fence *fence = container_of(link, struct null_fence, link);
		if (is_due(null, fence, now)) {
			finish_fence(fence);
			return true;
		}
	}
	return false;
}

static void arm_timer(struct null_renderer *null)
{
	uint64_t now = loop_now_ms();
	uint64_t next = UINT64_MAX;
	list_for_each (link, &null->fences) {
		const struct null_fence *fence = container_of(link, struct null_fence, link);
		if (fence->never == 0 && fence->due_ms < next)
			next = fence->due_ms;
	}
	loop_timer_disarm(null->timer);
	if (next != UINT64_MAX)
		loop_timer_arm(null->timer, next > now ? next - now : 1);
}

static void on_timer(void *data)
{
	struct null_renderer *null = data;
	while (finish_one_due(null))
		;
	arm_timer(null);
}

static void finish_fences(struct null_renderer *null, uint32_t context)
{
	struct list *link = null->fences.next;
	while (link != &null->fences) {
		struct null_fence *fence = container_of(link, struct null_fence, link);
		link = link->next;
		if (fence->context == context) {
			finish_fence(fence);
			link = null->fences.next; /* may have changed */
		}
	}
}

static void null_region_add(struct renderer *renderer, const struct renderer_region *region)
{
	regions_add(&null_from(renderer)->regions, region->id, region->base, region->size);
}

static void null_region_remove(struct renderer *renderer, uint32_t id)
{
	uint64_t size;
	regions_remove(&null_from(renderer)->regions, id, &size);
}

static int create_context(struct null_renderer *null, const struct renderer_context_args *args)
{
	if (args->capset != NULL_CAPSET)
		return -EINVAL;
	if (idmap_find(&null->contexts, args->id))
		return -EEXIST;
	struct null_context *context = null_context_create(args->id);
	if (!context)
		return -ENOMEM;
	int error = idmap_insert(&null->contexts, args->id, context);
	if (error)
		null_context_destroy(context);
	return error;
}

static void null_create_context(struct renderer *renderer, const struct renderer_context_args *args,
	struct renderer_call *call)
{
	renderer_call_done(call, create_context(null_from(renderer), args), NULL);
}

static void null_destroy_context(struct renderer *renderer, uint32_t id, struct renderer_call *call)
{
	struct null_renderer *null = null_from(renderer);
	struct null_context *context = idmap_remove(&null->contexts, id);
	if (context) {
		null_context_destroy(context);
		finish_fences(null, id);
		list_for_each (link, &null->fences) {
			struct null_fence *fence = container_of(link, struct null_fence, link);
			if (fence->never == id)
				fence->never = 0;
		}
		on_timer(null);
	}
	renderer_call_done(call, context ? 0 : -ENOENT, NULL);
}

static int attach(struct null_renderer *null, uint32_t context_id, uint32_t resource_id)
{
	struct null_context *context = idmap_find(&null->contexts, context_id);
	struct null_resource *resource = idmap_find(&null->resources, resource_id);
	if (!context || !resource)
		return -ENOENT;
	if (idmap_find(&context->attached, resource_id))
		return 0;
	return idmap_insert(&context->attached, resource_id, resource);
}

static void null_attach(
	struct renderer *renderer, uint32_t context, uint32_t resource, struct renderer_call *call)
{
	renderer_call_done(call, attach(null_from(renderer), context, resource), NULL);
}

static void null_detach(struct renderer *renderer, uint32_t context_id, uint32_t resource,
	struct renderer_call *call)
{
	struct null_context *context = idmap_find(&null_from(renderer)->contexts, context_id);
	bool attached = context && idmap_remove(&context->attached, resource);
	renderer_call_done(call, attached ? 0 : -ENOENT, NULL);
}

static void *null_submit_buffer(struct renderer *renderer, uint32_t size)
{
	struct null_renderer *null = null_from(renderer);
	if (size > null->submit_room) {
		void *buffer = realloc(null->submit_buffer, size);
		if (!buffer)
			return NULL;
		null->submit_buffer = buffer;
		null->submit_room = size;
	}
	return null->submit_buffer;
}

static void null_submit_stream(struct renderer *renderer, uint32_t context_id, void *stream,
	uint32_t size, struct renderer_call *call)
{
	struct null_context *context = idmap_find(&null_from(renderer)->contexts, context_id);
	int status = context ? null_context_run(context, stream, size / 4) : -ENOENT;
	renderer_call_done(call, status, NULL);
}

static void null_submit(
	struct renderer *renderer, uint32_t context, uint32_t size, struct renderer_call *call)
{
	null_submit_stream(renderer, context, null_from(renderer)->submit_buffer, size, call);
}

static int create_resource(struct null_renderer *null, const struct renderer_resource_args *args)
{
	if (idmap_find(&null->resources, args->id))
		return -EEXIST;
	struct null_resource *resource;
	int error = null_resource_create(args, null->exports, &resource);
	if (error)
		return error;
	uint64_t bytes = null_resource_bytes(resource);
	if (bytes > NULL_MAX_BYTES - null->bytes ||
		idmap_insert(&null->resources, args->id, resource) < 0) {
		null_resource_destroy(resource);
		return -ENOMEM;
	}
	null->bytes += bytes;
	return 0;
}

static void null_create_resource(struct renderer *renderer,
	const struct renderer_resource_args *args, struct renderer_call *call)
{
	renderer_call_done(call, create_resource(null_from(renderer), args), NULL);
}

static int create_blob(struct null_renderer *null, const struct renderer_blob_args *args,
	struct null_resource **ret_resource)
{
	if (idmap_find(&null->resources, args->id))
		return -EEXIST;
	if (args->host &&
		(args->blob_id >= NULL_BLOB_ID_COUNT ||
			!idmap_find(&null->contexts, args->context)))
		return -EINVAL;
	uint64_t bytes = args->host ? args->size : 0;
	if (bytes > NULL_MAX_BYTES - null->bytes)
		return -ENOMEM;
	struct null_resource *resource = null_resource_create_blob(args);
	if (!resource)
		return -ENOMEM;
	if (idmap_insert(&null->resources, args->id, resource) < 0) {
		null_resource_destroy(resource);
		return -ENOMEM;
	}
	null->bytes += bytes;
	*ret_resource = resource;
	return 0;
}

/* What is handed out as a blob's memory: the caller's. */
static int blob_descriptor(const struct null_resource *resource, uint64_t blob_id)
{
	int ends[2];
	switch ((enum null_blob)blob_id) {
	case NULL_BLOB_GOOD:
	case NULL_BLOB_CUT:
		return fd_dup(resource->memfd);
	case NULL_BLOB_PIPE:
		if (pipe2(ends, O_CLOEXEC) < 0)
			return -errno;
		fd_close(&ends[0]);
		return ends[1];
	case NULL_BLOB_UNMAPPABLE:
	case NULL_BLOB_ID_COUNT:
		break;
	}
	return -1;
}

/* #syscalls null: pipe2 */
static void null_create_blob(struct renderer *renderer, const struct renderer_blob_args *args,
	struct renderer_call *call)
{
	struct null_resource *resource;
	int error = create_blob(null_from(renderer), args, &resource);
	if (error || !args->host) {
		renderer_call_done(call, error, NULL);
		return;
	}
	_cleanup_fd_ int fd = blob_descriptor(resource, args->blob_id);
	const struct renderer_memory memory = {
		.fd = fd,
		.map_info = MAP_CACHE_CACHED,
		.offset = NULL_BLOB_OFFSET + (args->blob_id == NULL_BLOB_CUT ? 4096 : 0),
	};
	const struct renderer_reply reply = { .memory = &memory };
	renderer_call_done(call, 0, fd >= 0 ? &reply : NULL);
}

static void null_unref_resource(struct renderer *renderer, uint32_t id, struct renderer_call *call)
{
	struct null_renderer *null = null_from(renderer);
	struct null_resource *resource = idmap_remove(&null->resources, id);
	if (resource) {
		uint32_t position = 0;
		struct null_context *context;
		while ((context = idmap_next(&null->contexts, &position)))
			idmap_remove(&context->attached, id);
		null->bytes -= null_resource_bytes(resource);
		null_resource_destroy(resource);
	}
	renderer_call_done(call, resource ? 0 : -ENOENT, NULL);
}

static void null_set_backing(struct renderer *renderer, uint32_t id,
	const struct renderer_span *spans, uint32_t count, struct renderer_call *call)
{
	struct null_renderer *null = null_from(renderer);
	struct null_resource *resource = idmap_find(&null->resources, id);
	int status = -ENOENT;
	if (resource)
		status = null_resource_set_backing(resource, &null->regions, spans, count);
	renderer_call_done(call, status, NULL);
}

static void null_transfer(struct renderer *renderer, const struct renderer_transfer_args *args,
	struct renderer_call *call)
{
	struct null_resource *resource =
		idmap_find(&null_from(renderer)->resources, args->resource);
	int status = resource ? null_resource_transfer(resource, args) : -ENOENT;
	renderer_call_done(call, status, NULL);
}

static int read_back(struct null_renderer *null, const struct renderer_read_back_args *args)
{
	const struct null_resource *resource = idmap_find(&null->resources, args->resource);
	if (!resource)
		return -ENOENT;
	const struct renderer_span span = {
		.region = args->region,
		.offset = args->offset,
		.length = (uint64_t)args->stride * args->rect.h,
	};
	uint8_t *pixels = regions_translate(&null->regions, &span);
	return pixels ? null_resource_read_back(resource, args, pixels) : -EINVAL;
}

static void null_read_back(struct renderer *renderer, const struct renderer_read_back_args *args,
	struct renderer_call *call)
{
	renderer_call_done(call, read_back(null_from(renderer), args), NULL);
}

static void null_export_image(struct renderer *renderer, uint32_t id, struct renderer_call *call)
{
	const struct null_resource *resource = idmap_find(&null_from(renderer)->resources, id);
	struct renderer_reply reply = { 0 };
	int status = -ENOENT;
	if (resource) {
		reply.image = null_resource_export(resource);
		status = reply.image ? 0 : -EOPNOTSUPP;
	}
	renderer_call_done(call, status, reply.image ? &reply : NULL);
	image_unref(reply.image);
}

/* What keeps a fence that is asked for now: its context, or for a global one any. */
static void find_delay(const struct null_renderer *null, struct null_fence *fence)
{
	uint32_t position = 0;
	uint32_t delay_ms = 0;
	const struct null_context *context;
	while ((context = idmap_next(&null->contexts, &position))) {
		if (fence->ring != RENDERER_GLOBAL_RING && context->id != fence->context)
			continue;
		if (context->never_signals)
			fence->never = context->id;
		if (context->fence_delay_ms > delay_ms)
			delay_ms = context->fence_delay_ms;
	}
	fence->due_ms = delay_ms ? loop_now_ms() + delay_ms : 0;
}

static void null_fence(
	struct renderer *renderer, uint32_t context, int32_t ring, struct renderer_call *call)
{
	struct null_renderer *null = null_from(renderer);
	if (ring != RENDERER_GLOBAL_RING && !idmap_find(&null->contexts, context)) {
		renderer_call_done(call, -ENOENT, NULL);
		return;
	}
	struct null_fence *fence = malloc(sizeof(*fence));
	if (!fence) {
		renderer_call_done(call, -ENOMEM, NULL);
		return;
	}
	*fence = (struct null_fence){ .call = call, .context = context, .ring = ring };
	find_delay(null, fence);
	list_append(&null->fences, &fence->link);
	if (is_due(null, fence, loop_now_ms()))
		finish_fence(fence);
	else
		arm_timer(null);
}

static void drop_objects(struct null_renderer *null)
{
	uint32_t position = 0;
	struct null_context *context;
	while ((context = idmap_next(&null->contexts, &position)))
		null_context_destroy(context);
	idmap_finish(&null->contexts);
	idmap_init(&null->contexts);

	position = 0;
	struct null_resource *resource;
	while ((resource = idmap_next(&null->resources, &position)))
		null_resource_destroy(resource);
	idmap_finish(&null->resources);
	idmap_init(&null->resources);
	null->bytes = 0;
}

static void null_destroy(struct renderer *renderer)
{
	struct null_renderer *null = null_from(renderer);
	while (!list_empty(&null->fences)) {
		struct null_fence *fence = container_of(null->fences.next, struct null_fence, link);
		struct renderer_call *call = fence->call;
		list_remove(&fence->link);
		free(fence);
		renderer_call_done(call, -ECONNRESET, NULL);
	}
	drop_objects(null);
	loop_source_destroy(null->timer);
	free(null->submit_buffer);
	renderer_finish(&null->base);
	free(null);
}

static const struct renderer_impl null_impl = {
	.name = "null",
	.destroy = null_destroy,
	.region_add = null_region_add,
	.region_remove = null_region_remove,
	.context_create = null_create_context,
	.context_destroy = null_destroy_context,
	.context_attach = null_attach,
	.context_detach = null_detach,
	.submit_buffer = null_submit_buffer,
	.submit = null_submit,
	.submit_stream = null_submit_stream,
	.resource_create = null_create_resource,
	.resource_create_blob = null_create_blob,
	.resource_unref = null_unref_resource,
	.resource_set_backing = null_set_backing,
	.transfer = null_transfer,
	.read_back = null_read_back,
	.export_image = null_export_image,
	.fence = null_fence,
};

struct renderer *null_renderer_create(
	struct loop *loop, bool exports, const struct renderer_events *events, void *events_data)
{
	struct null_renderer *null = calloc(1, sizeof(*null));
	if (!null)
		return NULL;
	renderer_init(&null->base, &null_impl, events, events_data);
	null->base.can_export = exports;
	null->base.can_map = true;
	null->exports = exports;
	regions_init(&null->regions);
	idmap_init(&null->resources);
	idmap_init(&null->contexts);
	list_init(&null->fences);

	uint8_t capset[NULL_CAPSET_SIZE];
	for (uint32_t i = 0; i < NULL_CAPSET_SIZE; i++)
		capset[i] = null_capset_byte(i);
	null->timer = loop_add_timer(loop, on_timer, null);
	if (!null->timer ||
		renderer_add_capset(&null->base, NULL_CAPSET, NULL_CAPSET_VERSION, capset,
			sizeof(capset)) < 0) {
		null_destroy(&null->base);
		return NULL;
	}
	return &null->base;
}
