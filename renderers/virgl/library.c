/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
#include "library.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <virglrenderer.h>

#include "util/checked.h"
#include "util/fd.h"
#include "util/log.h"

struct library {
	struct virgl_renderer_callbacks callbacks; /* the library keeps a pointer to it */
	struct library_args args;
	bool with_node, with_vulkan;
	atomic_bool trying; /* to start: what goes wrong now is not news */
};

/* The ways to start, best first. */
struct way_spec {
	const char *name;
	bool node;
	int flags;
};

static const struct way_spec way_specs[] = {
	/* Only with a node can memory of blobs be a descriptor; without one, asking for it lets
	 * a guest crash the process. */
	{ "OpenGL on the render node", true,
		VIRGL_RENDERER_USE_EGL | VIRGL_RENDERER_USE_EXTERNAL_BLOB },
	{ "OpenGL", false, VIRGL_RENDERER_USE_EGL | VIRGL_RENDERER_USE_SURFACELESS },
	{ "OpenGL ES", false,
		VIRGL_RENDERER_USE_EGL | VIRGL_RENDERER_USE_SURFACELESS | VIRGL_RENDERER_USE_GLES },
};

#define FLAGS_ALWAYS (VIRGL_RENDERER_THREAD_SYNC | VIRGL_RENDERER_ASYNC_FENCE_CB)
#define FLAGS_VULKAN (VIRGL_RENDERER_VENUS | VIRGL_RENDERER_RENDER_SERVER)

/* The library returns errno values of either sign, and -1. */
static int error_of(int result)
{
	if (result == -1)
		return -EINVAL;
	return result > 0 ? -result : result;
}

static void write_fence(void *cookie, uint32_t fence)
{
	const struct library *library = cookie;
	library->args.fence_done(library->args.data, 0, 0, fence);
}

static void write_context_fence(void *cookie, uint32_t context, uint32_t ring, uint64_t fence)
{
	const struct library *library = cookie;
	library->args.fence_done(library->args.data, context, ring, fence);
}

/* The library closes what it gets. */
static int get_drm_fd(void *cookie)
{
	const struct library *library = cookie;
	return library->with_node ? fd_dup(library->args.render_node) : -1;
}

/* A socket that nobody is at the other end of. Without any the library would start a server of its own. */
static int dead_end(void)
{
	int ends[2];
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) < 0)
		return -1;
	fd_close(&ends[1]);
	return ends[0];
}

static int get_server_fd(void *cookie, uint32_t version)
{
	struct library *library = cookie;
	return library->args.server >= 0 ? fd_steal(&library->args.server) : dead_end();
}

static void log_message(enum virgl_log_level_flags level, const char *message, void *data)
{
	const struct library *library = data;
	int length = (int)strcspn(message, "\n");
	if (level >= VIRGL_LOG_LEVEL_ERROR && !atomic_load(&library->trying))
		log_limited(LOG_WARN, "virglrenderer: %.*s", length, message);
	else
		log_debug("virglrenderer: %.*s", length, message);
}

static bool starts(struct library *library, const struct way_spec *way, int flags)
{
	int result = virgl_renderer_init(library, way->flags | flags, &library->callbacks);
	if (result != 0)
		log_debug("virgl: %s does not start (%d)", way->name, result);
	return result == 0;
}

/* Each with Vulkan first, and the next way only then: where OpenGL ES was tried OpenGL does not start any more. */
static const struct way_spec *try_ways(struct library *library, int flags)
{
	for (size_t i = 0; i < ARRAY_SIZE(way_specs); i++) {
		const struct way_spec *way = &way_specs[i];
		if (way->node && library->args.render_node < 0)
			continue;
		library->with_node = way->node;
		library->with_vulkan =
			library->args.server >= 0 && starts(library, way, flags | FLAGS_VULKAN);
		if (library->with_vulkan || starts(library, way, flags))
			return way;
	}
	return NULL;
}

/* What the kernel's driver does for guests' own drivers. Where the library is built without that, or the node is
 * of another driver, nothing starts: found out before there is a server that could only be taken once. */
static int native_flags(struct library *library)
{
	const int flags = way_specs[0].flags | FLAGS_ALWAYS | VIRGL_RENDERER_DRM;
	if (library->args.render_node < 0)
		return 0;
	library->with_node = true;
	if (virgl_renderer_init(library, flags, &library->callbacks) != 0)
		return 0;
	virgl_renderer_cleanup(library);
	return VIRGL_RENDERER_DRM;
}

static const struct way_spec *start(struct library *library)
{
	int native = native_flags(library);
	const struct way_spec *way = try_ways(library, FLAGS_ALWAYS | native);
	return way || !native ? way : try_ways(library, FLAGS_ALWAYS);
}

struct library *library_create(const struct library_args *args)
{
	struct library *library = calloc(1, sizeof(*library));
	if (!library) {
		int server = args->server;
		fd_close(&server);
		return NULL;
	}
	library->args = *args;
	library->callbacks = (struct virgl_renderer_callbacks){
		.version = VIRGL_RENDERER_CALLBACKS_VERSION,
		.write_fence = write_fence,
		.write_context_fence = write_context_fence,
		.get_drm_fd = get_drm_fd,
		.get_server_fd = get_server_fd,
	};
	atomic_init(&library->trying, true);
	virgl_set_log_callback(log_message, library, NULL);
	const struct way_spec *way = start(library);
	atomic_store(&library->trying, false);
	if (!way) {
		log_error("virgl: neither OpenGL nor OpenGL ES can be started through EGL on this "
			  "machine (are the EGL libraries and a driver for them installed?)");
		virgl_set_log_callback(NULL, NULL, NULL);
		fd_close(&library->args.server);
		free(library);
		return NULL;
	}
	if (args->render_node >= 0 && !way->node)
		log_warn("virgl: EGL cannot use the render node; started %s without it", way->name);
	else
		log_debug("virgl: started %s", way->name);
	return library;
}

void library_destroy(struct library *library)
{
	if (!library)
		return;
	virgl_renderer_cleanup(library);
	virgl_set_log_callback(NULL, NULL, NULL);
	free(library);
}

bool library_has_node(const struct library *library)
{
	return library->with_node;
}

bool library_has_vulkan(const struct library *library)
{
	return library->with_vulkan;
}

int library_poll_fd(void)
{
	return virgl_renderer_get_poll_fd();
}

void library_poll(void)
{
	virgl_renderer_poll();
}

uint32_t library_capset_size(uint32_t id, uint32_t *ret_version)
{
	uint32_t size = 0;
	*ret_version = 0;
	virgl_renderer_get_cap_set(id, ret_version, &size);
	return size;
}

void library_capset_fill(uint32_t id, uint32_t version, void *data)
{
	virgl_renderer_fill_caps(id, version, data);
}

/* The library (1.3.0) leaves the new context's GL current, and takes that for the one of the context whose
 * stream came last: what comes next for that one would be drawn in the new one. So it is told to begin anew. */
int library_context_create(uint32_t context, uint32_t capset, const char *name)
{
	int result = virgl_renderer_context_create_with_flags(
		context, capset, (uint32_t)strlen(name), name);
	virgl_renderer_force_ctx_0();
	return error_of(result);
}

void library_context_destroy(uint32_t context)
{
	virgl_renderer_context_destroy(context);
}

void library_context_attach(uint32_t context, uint32_t resource)
{
	virgl_renderer_ctx_attach_resource((int)context, (int)resource);
}

void library_context_detach(uint32_t context, uint32_t resource)
{
	virgl_renderer_ctx_detach_resource((int)context, (int)resource);
}

int library_submit(uint32_t context, const void *commands, uint32_t size)
{
	/* declared without const, and documented not to write */
	union {
		const void *in;
		void *out;
	} buffer = { .in = commands };
	return error_of(virgl_renderer_submit_cmd(buffer.out, (int)context, (int)(size / 4)));
}

int library_resource_create(const struct renderer_resource_args *args)
{
	struct virgl_renderer_resource_create_args create = {
		.handle = args->id,
		.target = args->target,
		.format = args->format,
		.bind = args->bind,
		.width = args->width,
		.height = args->height,
		.depth = args->depth,
		.array_size = args->array_size,
		.last_level = args->last_level,
		.nr_samples = args->nr_samples,
		.flags = args->flags,
	};
	return error_of(virgl_renderer_resource_create(&create, NULL, 0));
}

int library_blob_create(
	const struct renderer_blob_args *args, const struct iovec *pieces, uint32_t count)
{
	const struct virgl_renderer_resource_create_blob_args create = {
		.res_handle = args->id,
		.blob_mem = VIRGL_RENDERER_BLOB_MEM_GUEST,
		.blob_flags = args->flags,
		.size = args->size,
		.iovecs = pieces,
		.num_iovs = count,
	};
	return error_of(virgl_renderer_resource_create_blob(&create));
}

int library_host_blob_create(const struct renderer_blob_args *args, uint32_t context)
{
	const struct virgl_renderer_resource_create_blob_args create = {
		.res_handle = args->id,
		.ctx_id = context,
		.blob_mem = VIRGL_RENDERER_BLOB_MEM_HOST3D,
		.blob_flags = args->flags,
		.blob_id = args->blob_id,
		.size = args->size,
	};
	return error_of(virgl_renderer_resource_create_blob(&create));
}

int library_blob_export(uint32_t resource, uint32_t *ret_map_info, bool *ret_opaque)
{
	uint32_t type, map_info;
	int fd;
	if (virgl_renderer_resource_get_map_info(resource, &map_info) != 0 ||
		virgl_renderer_resource_export_blob(resource, &type, &fd) != 0)
		return -EOPNOTSUPP;
	*ret_map_info = map_info & VIRGL_RENDERER_MAP_CACHE_MASK;
	*ret_opaque = type == VIRGL_RENDERER_BLOB_FD_TYPE_OPAQUE;
	return fd;
}

void library_resource_unref(uint32_t resource)
{
	virgl_renderer_resource_unref(resource);
}

int library_resource_attach(uint32_t resource, struct iovec *pieces, uint32_t count)
{
	return error_of(virgl_renderer_resource_attach_iov((int)resource, pieces, (int)count));
}

void library_resource_detach(uint32_t resource)
{
	virgl_renderer_resource_detach_iov((int)resource, NULL, NULL);
}

/* The library's box, which its header leaves undeclared; it is virtio's. */
struct virgl_box {
	uint32_t x, y, z;
	uint32_t w, h, d;
};

int library_transfer(
	const struct renderer_transfer_args *args, const struct iovec *pieces, uint32_t count)
{
	const struct renderer_box *from = &args->box;
	struct virgl_box box = { from->x, from->y, from->z, from->w, from->h, from->d };
	union {
		const struct iovec *in;
		struct iovec *out;
	} iov = { .in = pieces };
	if (args->direction == RENDERER_TO_HOST)
		return error_of(virgl_renderer_transfer_write_iov(args->resource, args->context,
			(int)args->level, args->stride, args->layer_stride, &box, args->offset,
			iov.out, count));
	return error_of(virgl_renderer_transfer_read_iov(args->resource, args->context, args->level,
		args->stride, args->layer_stride, &box, args->offset, iov.out, (int)count));
}

int library_fence(uint32_t context, uint32_t ring, uint64_t id)
{
	if (context == 0)
		return error_of(virgl_renderer_create_fence((int)(uint32_t)id, 0));
	return error_of(virgl_renderer_context_create_fence(
		context, VIRGL_RENDERER_FENCE_FLAG_MERGEABLE, ring, id));
}

int library_resource_stride(uint32_t resource, uint32_t *ret_stride)
{
	/* Fails also when just its last step, the DRM format, cannot be told. */
	struct virgl_renderer_resource_info info = { 0 };
	int result = virgl_renderer_resource_get_info((int)resource, &info);
	if (info.stride == 0)
		return result ? error_of(result) : -EINVAL;
	*ret_stride = info.stride;
	return 0;
}

/* The descriptors of planes beyond the first are not wanted. */
static int export_texture(uint32_t texture, int *ret_stride, int *ret_offset)
{
	int fds[IMAGE_MAX_PLANES] = { -1, -1, -1, -1 };
	int strides[IMAGE_MAX_PLANES] = { 0 }, offsets[IMAGE_MAX_PLANES] = { 0 };
	int result = virgl_renderer_get_fd_for_texture2(texture, fds, strides, offsets);
	int fd = result == 0 ? fd_steal(&fds[0]) : -1;
	fd_close_all(fds, IMAGE_MAX_PLANES);
	if (fd < 0)
		return -EOPNOTSUPP;
	*ret_stride = strides[0];
	*ret_offset = offsets[0];
	return fd;
}

int library_export(uint32_t resource, struct image *ret_image)
{
	struct virgl_renderer_resource_info_ext info = { 0 };
	virgl_renderer_force_ctx_0();
	if (virgl_renderer_resource_get_info_ext((int)resource, &info) != 0 ||
		!info.has_dmabuf_export || info.planes != 1 || info.base.drm_fourcc == 0)
		return -EOPNOTSUPP;
	int stride, offset;
	int fd = export_texture(info.base.tex_id, &stride, &offset);
	if (fd < 0)
		return fd;
	*ret_image = (struct image){
		.kind = IMAGE_DMABUF,
		.width = info.base.width,
		.height = info.base.height,
		.fourcc = (uint32_t)info.base.drm_fourcc,
		.fds = { fd, -1, -1, -1 },
		.strides = { (uint32_t)stride },
		.offsets = { (uint32_t)offset },
		.planes = 1,
		.modifier = info.modifiers,
		.y_0_top = info.base.flags & 1,
	};
	return 0;
}
