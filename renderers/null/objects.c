/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
#include "null/objects.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "null/null.h"
#include "renderer/backing.h"
#include "renderer/regions.h"
#include "renderer/software.h"
#include "util/checked.h"
#include "util/fd.h"
#include "util/fourcc.h"
#include "util/image.h"

#define TARGET_BUFFER 0u
#define TARGET_2D     2u
#define BUFFER_MAX    (256u << 20)

static size_t row_size(const struct null_resource *resource)
{
	return (size_t)resource->width * resource->pixel_size;
}

uint64_t null_resource_bytes(const struct null_resource *resource)
{
	return resource->host ? resource->blob_size
			      : (uint64_t)row_size(resource) * resource->height;
}

/* Memory that can be handed out as a descriptor.
 * #syscalls null: memfd_create:plain */
static int make_memfd(struct null_resource *resource, size_t size)
{
	resource->memfd = memfd_create("virtiogpud-null", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	if (resource->memfd < 0)
		return -ENOMEM;
	if (ftruncate(resource->memfd, (off_t)size) == 0) {
		void *pixels =
			mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, resource->memfd, 0);
		if (pixels != MAP_FAILED) {
			resource->pixels = pixels;
			return 0;
		}
	}
	fd_close(&resource->memfd);
	return -ENOMEM;
}

static int make_pixels(struct null_resource *resource, bool exports)
{
	size_t size = (size_t)null_resource_bytes(resource);
	if (exports && resource->fourcc != 0)
		return make_memfd(resource, size);
	resource->pixels = calloc(1, size);
	return resource->pixels ? 0 : -ENOMEM;
}

static bool is_served(const struct renderer_resource_args *args)
{
	if (args->depth != 1 || args->array_size != 1 || args->last_level != 0 ||
		args->nr_samples > 1 || args->width == 0 || args->height == 0)
		return false;
	if (args->target == TARGET_BUFFER)
		return args->width <= BUFFER_MAX && args->height == 1;
	return args->target == TARGET_2D && args->width <= IMAGE_MAX_SIDE &&
		args->height <= IMAGE_MAX_SIDE && software_format_fourcc(args->format) != 0;
}

int null_resource_create(const struct renderer_resource_args *args, bool exports,
	struct null_resource **ret_resource)
{
	if (!is_served(args))
		return -EINVAL;
	struct null_resource *resource = calloc(1, sizeof(*resource));
	if (!resource)
		return -ENOMEM;
	bool buffer = args->target == TARGET_BUFFER;
	*resource = (struct null_resource){
		.id = args->id,
		.width = args->width,
		.height = args->height,
		.pixel_size = buffer ? 1 : 4,
		.fourcc = buffer ? 0 : software_format_fourcc(args->format),
		.memfd = -1,
	};
	int error = make_pixels(resource, exports);
	if (error) {
		free(resource);
		return error;
	}
	*ret_resource = resource;
	return 0;
}

/* The bytes begin at NULL_BLOB_OFFSET, so that whoever does not look where they begin is found out. */
static int make_memory(struct null_resource *resource)
{
	size_t size = (size_t)resource->blob_size;
	struct iovec *piece = calloc(1, sizeof(*piece));
	resource->memfd = memfd_create("virtiogpud-null", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	if (!piece || resource->memfd < 0 ||
		ftruncate(resource->memfd, (off_t)(NULL_BLOB_OFFSET + size)) < 0) {
		free(piece);
		fd_close(&resource->memfd);
		return -ENOMEM;
	}
	void *base = mmap(
		NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, resource->memfd, NULL_BLOB_OFFSET);
	if (base == MAP_FAILED) {
		free(piece);
		fd_close(&resource->memfd);
		return -ENOMEM;
	}
	*piece = (struct iovec){ base, size };
	resource->pieces = piece;
	resource->piece_count = 1;
	return 0;
}

struct null_resource *null_resource_create_blob(const struct renderer_blob_args *args)
{
	struct null_resource *resource = calloc(1, sizeof(*resource));
	if (!resource)
		return NULL;
	*resource = (struct null_resource){
		.id = args->id,
		.pixel_size = 1,
		.blob_size = args->size,
		.host = args->host,
		.memfd = -1,
	};
	if (args->host && make_memory(resource) < 0) {
		free(resource);
		return NULL;
	}
	return resource;
}

void null_resource_destroy(struct null_resource *resource)
{
	if (resource->host)
		munmap(resource->pieces[0].iov_base, resource->pieces[0].iov_len);
	else if (resource->memfd >= 0)
		munmap(resource->pixels, (size_t)null_resource_bytes(resource));
	else
		free(resource->pixels);
	fd_close(&resource->memfd);
	free(resource->pieces);
	free(resource);
}

int null_resource_set_backing(struct null_resource *resource, const struct regions *regions,
	const struct renderer_span *spans, uint32_t count)
{
	if (resource->host)
		return -EINVAL;
	free(resource->pieces);
	resource->pieces = NULL;
	resource->piece_count = 0;
	if (count == 0)
		return 0;
	int error = regions_iovecs(regions, spans, count, &resource->pieces);
	if (!error)
		resource->piece_count = count;
	return error;
}

int null_resource_transfer(
	struct null_resource *resource, const struct renderer_transfer_args *args)
{
	const struct renderer_box *box = &args->box;
	const struct rect rect = { box->x, box->y, box->w, box->h };
	size_t length = (size_t)box->w * resource->pixel_size;
	uint64_t stride = args->stride ? args->stride : row_size(resource);
	if (args->level != 0 || box->z != 0 || box->d != 1 ||
		!rect_inside(&rect, resource->width, resource->height) || stride < length)
		return -EINVAL;

	struct backing_cursor cursor = backing_start(resource->pieces, resource->piece_count);
	uint8_t *row = resource->pixels + box->y * row_size(resource) +
		(size_t)box->x * resource->pixel_size;
	if (!backing_skip(&cursor, args->offset))
		return -EINVAL;
	for (uint32_t i = 0; i < box->h; i++) {
		if (i > 0 && !backing_skip(&cursor, stride - length))
			return -EINVAL;
		if (!backing_copy(&cursor, args->direction, row, length))
			return -EINVAL;
		row += row_size(resource);
	}
	return 0;
}

/* A description of the texture's memory, on the stack of the caller. */
static struct image as_image(const struct null_resource *resource)
{
	return (struct image){
		.kind = IMAGE_PIXELS,
		.width = resource->width,
		.height = resource->height,
		.fourcc = resource->fourcc,
		.pixels = resource->pixels,
		.stride = row_size(resource),
		.fds = { -1, -1, -1, -1 },
	};
}

int null_resource_read_back(const struct null_resource *resource,
	const struct renderer_read_back_args *args, uint8_t *pixels)
{
	const struct rect *rect = &args->rect;
	if (resource->fourcc == 0 || !rect_inside(rect, resource->width, resource->height) ||
		args->stride < (uint64_t)rect->w * resource->pixel_size)
		return -EINVAL;
	const struct image src = as_image(resource);
	struct image dst = {
		.kind = IMAGE_PIXELS,
		.width = rect->w,
		.height = rect->h,
		.fourcc = image_format_has_alpha(resource->fourcc) ? FOURCC_ARGB8888
								   : FOURCC_XRGB8888,
		.pixels = pixels,
		.stride = args->stride,
	};
	image_copy(&dst, 0, 0, &src, rect);
	return 0;
}

struct image *null_resource_export(const struct null_resource *resource)
{
	if (resource->memfd < 0)
		return NULL;
	int fd = fd_dup(resource->memfd);
	if (fd < 0)
		return NULL;
	struct image like = as_image(resource);
	like.kind = IMAGE_DMABUF;
	like.planes = 1;
	like.strides[0] = (uint32_t)row_size(resource);
	like.fds[0] = fd;
	struct image *image = image_create_foreign(&like, NULL, NULL);
	if (!image)
		fd_close(&fd);
	return image;
}

bool null_resource_fill(struct null_resource *resource, const struct rect *rect, uint32_t colour)
{
	if (resource->fourcc == 0 || !rect_inside(rect, resource->width, resource->height))
		return false;
	for (uint32_t y = rect->y; y < rect->y + rect->h; y++) {
		uint8_t *pixel = resource->pixels + y * row_size(resource) + (size_t)rect->x * 4;
		for (uint32_t x = 0; x < rect->w; x++, pixel += 4)
			memcpy(pixel, &colour, sizeof(colour));
	}
	return true;
}

bool null_resource_write(
	struct null_resource *resource, uint32_t word, uint64_t offset, uint32_t count)
{
	struct backing_cursor cursor = backing_start(resource->pieces, resource->piece_count);
	if (!range_inside(offset, (uint64_t)count * sizeof(word), resource->blob_size) ||
		!backing_skip(&cursor, offset))
		return false;
	for (uint32_t i = 0; i < count; i++)
		if (!backing_copy(&cursor, RENDERER_FROM_HOST, (uint8_t *)&word, sizeof(word)))
			return false;
	return true;
}
