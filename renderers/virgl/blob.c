/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/* Blobs of the library's memory, and where in a file their bytes are. */
#include <errno.h>

#include "util/fd.h"
#include "util/log.h"
#include "virgl.h"

/* Without a render node memory of OpenGL has no descriptor. */
static bool may_have_memory(const struct virgl *virgl, const struct context *context)
{
	return context->vulkan || library_has_node(virgl->library);
}

/* A driver's own descriptors are files of memory with something before the bytes, or none that can be mapped
 * at all: the server has tried. */
static int export_memory(
	struct virgl *virgl, const struct resource *resource, struct renderer_memory *ret_memory)
{
	uint32_t map_info;
	bool opaque;
	_cleanup_fd_ int fd = library_blob_export(resource->args.id, &map_info, &opaque);
	if (fd < 0)
		return fd;
	if (opaque && !virgl->server.can_map_opaque)
		return -EOPNOTSUPP;
	*ret_memory = (struct renderer_memory){
		.fd = fd_steal(&fd),
		.map_info = map_info,
		.offset = opaque ? virgl->server.opaque_offset : 0,
	};
	return 0;
}

int virgl_blob_create(
	struct virgl *virgl, struct resource *resource, struct renderer_memory *ret_memory)
{
	const struct context *context = virgl_context_find(virgl, resource->blob.context);
	if (!context)
		return -ENOENT;
	if (!may_have_memory(virgl, context))
		return -EOPNOTSUPP;
	int error = library_host_blob_create(&resource->blob, context->handle);
	if (error)
		return error;
	resource->in_library = true;
	/* One that cannot be mapped is good for all the rest. */
	error = export_memory(virgl, resource, ret_memory);
	if (error)
		log_debug(
			"virgl: blob %u has no memory to be mapped: %d", resource->args.id, error);
	return 0;
}
