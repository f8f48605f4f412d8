/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
#include <errno.h>
#include <stdlib.h>

#include "renderer/backing.h"
#include "util/fd.h"
#include "virgl.h"

struct resource *virgl_resource_find(struct virgl *virgl, uint32_t id)
{
	return idmap_find(&virgl->resources, id);
}

static int create_resource(struct virgl *virgl, const struct renderer_resource_args *args)
{
	if (virgl_resource_find(virgl, args->id))
		return -EEXIST;
	struct resource *resource = calloc(1, sizeof(*resource));
	if (!resource)
		return -ENOMEM;
	resource->args = *args;
	int error = idmap_insert(&virgl->resources, args->id, resource);
	if (error)
		goto fail_insert;
	error = library_resource_create(args);
	if (error)
		goto fail_create;
	resource->in_library = true;
	return 0;

fail_create:
	idmap_remove(&virgl->resources, args->id);
fail_insert:
	free(resource);
	return error;
}

/* The library makes blobs of memory that is there. */
static int create_blob(struct virgl *virgl, const struct renderer_blob_args *args)
{
	if (virgl_resource_find(virgl, args->id))
		return -EEXIST;
	struct resource *resource = args->size > 0 ? calloc(1, sizeof(*resource)) : NULL;
	if (!resource)
		return args->size > 0 ? -ENOMEM : -EINVAL;
	resource->args.id = args->id;
	resource->blob = *args;
	int error = idmap_insert(&virgl->resources, args->id, resource);
	if (error)
		free(resource);
	return error;
}

void virgl_resource_create(struct renderer *renderer, const struct renderer_resource_args *args,
	struct renderer_call *call)
{
	renderer_call_done(call, create_resource(virgl_from(renderer), args), NULL);
}

static int create_host_blob(struct virgl *virgl, const struct renderer_blob_args *args,
	struct renderer_memory *ret_memory)
{
	int error = create_blob(virgl, args);
	if (error)
		return error;
	struct resource *resource = virgl_resource_find(virgl, args->id);
	error = virgl_blob_create(virgl, resource, ret_memory);
	if (error) {
		idmap_remove(&virgl->resources, args->id);
		free(resource);
	}
	return error;
}

void virgl_resource_create_blob(struct renderer *renderer, const struct renderer_blob_args *args,
	struct renderer_call *call)
{
	struct virgl *virgl = virgl_from(renderer);
	if (!args->host) {
		renderer_call_done(call, create_blob(virgl, args), NULL);
		return;
	}
	struct renderer_memory memory = { .fd = -1 };
	const struct renderer_reply reply = { .memory = &memory };
	int error = create_host_blob(virgl, args, &memory);
	renderer_call_done(call, error, memory.fd >= 0 ? &reply : NULL);
	fd_close(&memory.fd);
}

/* The library writes what it keeps aside to the pieces first, so the resource must still be
 * there. */
static void drop_backing(struct resource *resource)
{
	if (!resource->pieces)
		return;
	library_resource_detach(resource->args.id);
	free(resource->pieces);
	resource->pieces = NULL;
	resource->piece_count = 0;
	resource->backing_size = 0;
}

static void destroy_resource(struct resource *resource)
{
	drop_backing(resource);
	if (resource->in_library)
		library_resource_unref(resource->args.id);
	free(resource);
}

void virgl_resource_unref(struct renderer *renderer, uint32_t id, struct renderer_call *call)
{
	struct resource *resource = idmap_remove(&virgl_from(renderer)->resources, id);
	if (resource)
		destroy_resource(resource);
	renderer_call_done(call, resource ? 0 : -ENOENT, NULL);
}

void virgl_resources_drop(struct virgl *virgl)
{
	uint32_t position = 0;
	struct resource *resource;
	while ((resource = idmap_next(&virgl->resources, &position)))
		destroy_resource(resource);
	idmap_finish(&virgl->resources);
	idmap_init(&virgl->resources);
}

static int attach(struct resource *resource, struct iovec *pieces, uint32_t count)
{
	if (resource->in_library)
		return library_resource_attach(resource->args.id, pieces, count);
	int error = library_blob_create(&resource->blob, pieces, count);
	resource->in_library = error == 0;
	return error;
}

static int set_backing(
	struct virgl *virgl, uint32_t id, const struct renderer_span *spans, uint32_t count)
{
	struct resource *resource = virgl_resource_find(virgl, id);
	if (!resource)
		return -ENOENT;
	drop_backing(resource);
	if (count == 0)
		return 0;
	if (count > RENDERER_MAX_SPANS || resource->blob.host)
		return -EINVAL;
	struct iovec *pieces;
	int error = regions_iovecs(&virgl->regions, spans, count, &pieces);
	if (error)
		return error;
	error = attach(resource, pieces, count);
	if (error) {
		free(pieces);
		return error;
	}
	resource->pieces = pieces;
	resource->piece_count = count;
	resource->backing_size = backing_size(pieces, count);
	return 0;
}

void virgl_resource_set_backing(struct renderer *renderer, uint32_t id,
	const struct renderer_span *spans, uint32_t count, struct renderer_call *call)
{
	renderer_call_done(call, set_backing(virgl_from(renderer), id, spans, count), NULL);
}
