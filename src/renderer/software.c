/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
#include "renderer/software.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "renderer/backing.h"
#include "renderer/regions.h"
#include "renderer/renderer.h"
#include "util/checked.h"
#include "util/fourcc.h"
#include "util/idmap.h"
#include "util/list.h"
#include "util/log.h"

#define PIXEL_SIZE 4u

/* Gallium's number of a 2D texture, as in virtio's RESOURCE_CREATE_3D. */
#define TARGET_2D 2u

struct software_renderer {
	struct renderer base;
	struct regions regions;
	struct idmap resources;
	uint64_t bytes; /* of all resources */
	uint64_t max_bytes;
};

struct software_resource {
	uint32_t id;
	struct image *image;
	struct iovec *pieces; /* of the backing; NULL when there is none */
	uint32_t piece_count;
	uint64_t backing_size;
};

struct format_spec {
	uint32_t virtio;
	uint32_t fourcc;
};

/* virtio names the bytes in the order of memory, DRM those of a little-endian word from the top. */
static const struct format_spec format_specs[] = {
	{ 1, FOURCC_ARGB8888 }, /* B8G8R8A8 */
	{ 2, FOURCC_XRGB8888 }, /* B8G8R8X8 */
	{ 3, FOURCC_BGRA8888 }, /* A8R8G8B8 */
	{ 4, FOURCC_BGRX8888 }, /* X8R8G8B8 */
	{ 67, FOURCC_ABGR8888 }, /* R8G8B8A8 */
	{ 68, FOURCC_RGBX8888 }, /* X8B8G8R8 */
	{ 121, FOURCC_RGBA8888 }, /* A8B8G8R8 */
	{ 134, FOURCC_XBGR8888 }, /* R8G8B8X8 */
};

uint32_t software_format_fourcc(uint32_t virtio_format)
{
	for (size_t i = 0; i < ARRAY_SIZE(format_specs); i++)
		if (format_specs[i].virtio == virtio_format)
			return format_specs[i].fourcc;
	return 0;
}

static struct software_renderer *software_from(struct renderer *renderer)
{
	return container_of(renderer, struct software_renderer, base);
}

static struct software_resource *find_resource(struct renderer *renderer, uint32_t id)
{
	return idmap_find(&software_from(renderer)->resources, id);
}

static uint64_t image_bytes(uint32_t width, uint32_t height)
{
	return (uint64_t)width * height * PIXEL_SIZE;
}

static void drop_backing(struct software_resource *resource)
{
	free(resource->pieces);
	resource->pieces = NULL;
	resource->piece_count = 0;
	resource->backing_size = 0;
}

static void destroy_resource(struct software_renderer *software, struct software_resource *resource)
{
	software->bytes -= image_bytes(resource->image->width, resource->image->height);
	drop_backing(resource);
	image_unref(resource->image);
	free(resource);
}

static void destroy_all_resources(struct software_renderer *software)
{
	uint32_t position = 0;
	struct software_resource *resource;
	while ((resource = idmap_next(&software->resources, &position)))
		destroy_resource(software, resource);
	idmap_finish(&software->resources);
	idmap_init(&software->resources);
}

static void software_destroy(struct renderer *renderer)
{
	struct software_renderer *software = software_from(renderer);
	destroy_all_resources(software);
	idmap_finish(&software->resources);
	renderer_finish(&software->base);
	free(software);
}

static void software_region_add(struct renderer *renderer, const struct renderer_region *region)
{
	int error = regions_add(
		&software_from(renderer)->regions, region->id, region->base, region->size);
	if (error)
		log_limited(LOG_WARN, "software renderer: memory region %u is left out: %s",
			region->id, strerror(-error));
}

static void software_region_remove(struct renderer *renderer, uint32_t id)
{
	uint64_t size;
	regions_remove(&software_from(renderer)->regions, id, &size);
}

static bool is_plain_texture(const struct renderer_resource_args *args)
{
	return args->target == TARGET_2D && args->depth == 1 && args->array_size == 1 &&
		args->last_level == 0 && args->nr_samples == 0 && args->width >= 1 &&
		args->width <= IMAGE_MAX_SIDE && args->height >= 1 &&
		args->height <= IMAGE_MAX_SIDE;
}

static int create_resource(
	struct software_renderer *software, const struct renderer_resource_args *args)
{
	uint32_t fourcc = software_format_fourcc(args->format);
	if (fourcc == 0 || !is_plain_texture(args))
		return -EINVAL;
	if (idmap_find(&software->resources, args->id))
		return -EEXIST;
	uint64_t bytes = image_bytes(args->width, args->height);
	if (bytes > software->max_bytes - software->bytes) {
		log_limited(LOG_WARN,
			"the guest wants more than --max-host-memory allows (%" PRIu64 " MiB)",
			software->max_bytes >> 20);
		return -ENOMEM;
	}

	struct software_resource *resource = calloc(1, sizeof(*resource));
	if (!resource)
		return -ENOMEM;
	resource->id = args->id;
	resource->image = image_create(args->width, args->height, fourcc);
	if (!resource->image)
		goto fail_image;
	if (idmap_insert(&software->resources, args->id, resource) < 0)
		goto fail_insert;
	software->bytes += bytes;
	return 0;

fail_insert:
	image_unref(resource->image);
fail_image:
	free(resource);
	return -ENOMEM;
}

static void software_resource_create(struct renderer *renderer,
	const struct renderer_resource_args *args, struct renderer_call *call)
{
	renderer_call_done(call, create_resource(software_from(renderer), args), NULL);
}

static void software_resource_unref(
	struct renderer *renderer, uint32_t id, struct renderer_call *call)
{
	struct software_renderer *software = software_from(renderer);
	struct software_resource *resource = idmap_remove(&software->resources, id);
	if (resource)
		destroy_resource(software, resource);
	renderer_call_done(call, resource ? 0 : -ENOENT, NULL);
}

static int set_backing(
	struct renderer *renderer, uint32_t id, const struct renderer_span *spans, uint32_t count)
{
	struct software_resource *resource = find_resource(renderer, id);
	if (!resource)
		return -ENOENT;
	drop_backing(resource);
	if (count == 0)
		return 0;
	int error =
		regions_iovecs(&software_from(renderer)->regions, spans, count, &resource->pieces);
	if (error)
		return error;
	resource->piece_count = count;
	resource->backing_size = backing_size(resource->pieces, count);
	return 0;
}

static void software_resource_set_backing(struct renderer *renderer, uint32_t id,
	const struct renderer_span *spans, uint32_t count, struct renderer_call *call)
{
	renderer_call_done(call, set_backing(renderer, id, spans, count), NULL);
}

/* One copy between the backing and a box of the image. */
struct copy {
	enum renderer_direction direction;
	uint64_t offset; /* of the box's first pixel in the backing */
	uint64_t stride; /* of the backing; at least row */
	size_t row; /* bytes of a row of the box */
	uint32_t rows;
	uint8_t *pixels; /* of the box's first pixel in the image */
	size_t pixel_stride;
};

/* Whether the backing reaches to the last byte of the last row. */
static bool copy_fits(const struct copy *copy, uint64_t backing)
{
	uint64_t size;
	return checked_mul(copy->rows - 1, copy->stride, &size) &&
		checked_add(size, copy->row, &size) && range_inside(copy->offset, size, backing);
}

static bool copy_rows(const struct copy *copy, struct backing_cursor *cursor)
{
	uint8_t *pixels = copy->pixels;
	if (!backing_skip(cursor, copy->offset))
		return false;
	for (uint32_t left = copy->rows; left > 0; left--) {
		if (!backing_copy(cursor, copy->direction, pixels, copy->row))
			return false;
		if (left == 1)
			break;
		if (!backing_skip(cursor, copy->stride - copy->row))
			return false;
		pixels += copy->pixel_stride;
	}
	return true;
}

/* The rows of full-width boxes follow each other on both sides: one long row. */
static void join_rows(struct copy *copy)
{
	if (copy->row == copy->stride && copy->row == copy->pixel_stride) {
		copy->row *= copy->rows;
		copy->rows = 1;
	}
}

static int transfer(struct renderer *renderer, const struct renderer_transfer_args *args)
{
	const struct software_resource *resource = find_resource(renderer, args->resource);
	if (!resource)
		return -ENOENT;
	const struct image *image = resource->image;
	const struct renderer_box *box = &args->box;
	const struct rect rect = { box->x, box->y, box->w, box->h };
	if (args->level != 0 || box->z != 0 || box->d != 1 ||
		!rect_inside(&rect, image->width, image->height))
		return -EINVAL;

	struct copy copy = {
		.direction = args->direction,
		.offset = args->offset,
		.stride = args->stride ? args->stride : image->stride,
		.row = (size_t)box->w * PIXEL_SIZE,
		.rows = box->h,
		.pixels = image->pixels + box->y * image->stride + (size_t)box->x * PIXEL_SIZE,
		.pixel_stride = image->stride,
	};
	if (copy.stride < copy.row || !copy_fits(&copy, resource->backing_size))
		return -EINVAL;
	join_rows(&copy);
	struct backing_cursor cursor = backing_start(resource->pieces, resource->piece_count);
	return copy_rows(&copy, &cursor) ? 0 : -EINVAL;
}

static void software_transfer(struct renderer *renderer, const struct renderer_transfer_args *args,
	struct renderer_call *call)
{
	renderer_call_done(call, transfer(renderer, args), NULL);
}

static int read_back(struct renderer *renderer, const struct renderer_read_back_args *args)
{
	const struct software_resource *resource = find_resource(renderer, args->resource);
	if (!resource)
		return -ENOENT;
	const struct image *image = resource->image;
	if (!rect_inside(&args->rect, image->width, image->height) ||
		args->stride < (uint64_t)args->rect.w * PIXEL_SIZE)
		return -EINVAL;
	const struct renderer_span span = {
		.region = args->region,
		.offset = args->offset,
		.length = (uint64_t)args->stride * args->rect.h,
	};
	struct image frame = {
		.kind = IMAGE_PIXELS,
		.width = args->rect.w,
		.height = args->rect.h,
		.fourcc = image_format_has_alpha(image->fourcc) ? FOURCC_ARGB8888 : FOURCC_XRGB8888,
		.stride = args->stride,
	};
	frame.pixels = regions_translate(&software_from(renderer)->regions, &span);
	if (!frame.pixels)
		return -EINVAL;
	image_copy(&frame, 0, 0, image, &args->rect);
	return 0;
}

static void software_read_back(struct renderer *renderer,
	const struct renderer_read_back_args *args, struct renderer_call *call)
{
	renderer_call_done(call, read_back(renderer, args), NULL);
}

static struct image *software_image(struct renderer *renderer, uint32_t id)
{
	const struct software_resource *resource = find_resource(renderer, id);
	return resource ? resource->image : NULL;
}

static const struct renderer_impl software_impl = {
	.name = "software",
	.destroy = software_destroy,
	.region_add = software_region_add,
	.region_remove = software_region_remove,
	.resource_create = software_resource_create,
	.resource_unref = software_resource_unref,
	.resource_set_backing = software_resource_set_backing,
	.transfer = software_transfer,
	.read_back = software_read_back,
	.image = software_image,
};

void software_renderer_reset(struct renderer *renderer)
{
	destroy_all_resources(software_from(renderer));
}

struct renderer *software_renderer_create(uint64_t max_bytes)
{
	struct software_renderer *software = calloc(1, sizeof(*software));
	if (!software)
		return NULL;
	renderer_init(&software->base, &software_impl, NULL, NULL);
	regions_init(&software->regions);
	idmap_init(&software->resources);
	software->max_bytes = max_bytes;
	return &software->base;
}
