/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
#include "util/image.h"

#include <assert.h>
#include <limits.h>
#include <pixman.h>
#include <string.h>

#include "util/checked.h"
#include "util/fourcc.h"

/* Where in the 4 bytes of a pixel each colour lies. */
struct format_spec {
	uint32_t fourcc;
	pixman_format_code_t pixman;
	uint8_t red, green, blue, rest;
	bool alpha; /* rest is alpha, not X */
};

/* A fourcc names a little-endian word from its highest byte down, as pixman does for native
 * ones. */
static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "pixman's formats are native words");

static const struct format_spec format_specs[] = {
	{ FOURCC_XRGB8888, PIXMAN_x8r8g8b8, 2, 1, 0, 3, false },
	{ FOURCC_ARGB8888, PIXMAN_a8r8g8b8, 2, 1, 0, 3, true },
	{ FOURCC_XBGR8888, PIXMAN_x8b8g8r8, 0, 1, 2, 3, false },
	{ FOURCC_ABGR8888, PIXMAN_a8b8g8r8, 0, 1, 2, 3, true },
	{ FOURCC_BGRX8888, PIXMAN_b8g8r8x8, 1, 2, 3, 0, false },
	{ FOURCC_BGRA8888, PIXMAN_b8g8r8a8, 1, 2, 3, 0, true },
	{ FOURCC_RGBX8888, PIXMAN_r8g8b8x8, 3, 2, 1, 0, false },
	{ FOURCC_RGBA8888, PIXMAN_r8g8b8a8, 3, 2, 1, 0, true },
};

static const struct format_spec *find_format(uint32_t fourcc)
{
	for (size_t i = 0; i < ARRAY_SIZE(format_specs); i++)
		if (format_specs[i].fourcc == fourcc)
			return &format_specs[i];
	return NULL;
}

bool image_format_known(uint32_t fourcc)
{
	return find_format(fourcc) != NULL;
}

bool image_format_has_alpha(uint32_t fourcc)
{
	return find_format(fourcc)->alpha;
}

/* What is copied from or to: rows of pixels in one piece of memory. */
struct area {
	const struct format_spec *format;
	uint8_t *pixels; /* of the left upper corner; of a source, only read */
	size_t stride;
};

/* Pixels that are taken together from memory in pieces. */
#define GATHERED 1024u

static struct area area_of(const struct image *image, uint32_t x, uint32_t y)
{
	return (struct area){
		.format = find_format(image->fourcc),
		.pixels = image->pixels + y * image->stride + (size_t)x * 4,
		.stride = image->stride,
	};
}

/* pixman counts rows in 32-bit words and multiplies in int. */
static bool pixman_takes(const struct area *area, uint32_t height)
{
	return (uintptr_t)area->pixels % 4 == 0 && area->stride % 4 == 0 &&
		area->stride <= INT_MAX / height;
}

static pixman_image_t *describe(const struct area *area, uint32_t width, uint32_t height)
{
	return pixman_image_create_bits_no_clear(area->format->pixman, (int)width, (int)height,
		(uint32_t *)(void *)area->pixels, (int)area->stride);
}

/* Returns false, with nothing done, when pixman cannot do this one or memory is short. */
static bool copy_with_pixman(
	const struct area *dst, const struct area *src, uint32_t width, uint32_t height)
{
	if (!pixman_takes(dst, height) || !pixman_takes(src, height))
		return false;
	pixman_image_t *to = describe(dst, width, height);
	pixman_image_t *from = describe(src, width, height);
	if (to && from)
		pixman_image_composite32(PIXMAN_OP_SRC, from, NULL, to, 0, 0, 0, 0, 0, 0,
			(int32_t)width, (int32_t)height);
	bool done = to && from;
	if (to)
		pixman_image_unref(to);
	if (from)
		pixman_image_unref(from);
	return done;
}

static void copy_row(const struct area *dst, uint8_t *to, const struct area *src,
	const uint8_t *from, uint32_t width)
{
	const struct format_spec *df = dst->format, *sf = src->format;
	for (uint32_t i = 0; i < width; i++, to += 4, from += 4) {
		to[df->red] = from[sf->red];
		to[df->green] = from[sf->green];
		to[df->blue] = from[sf->blue];
		to[df->rest] = sf->alpha ? from[sf->rest] : 0xff;
	}
}

static void copy_area(
	const struct area *dst, const struct area *src, uint32_t width, uint32_t height)
{
	/* Same bytes: memcpy is faster than pixman and does not mind alignment. */
	if (dst->format == src->format) {
		for (uint32_t row = 0; row < height; row++)
			memcpy(dst->pixels + row * dst->stride, src->pixels + row * src->stride,
				(size_t)width * 4);
		return;
	}
	if (copy_with_pixman(dst, src, width, height))
		return;
	for (uint32_t row = 0; row < height; row++)
		copy_row(dst, dst->pixels + row * dst->stride, src, src->pixels + row * src->stride,
			width);
}

/* Size bytes from an offset in the image: where they lie, or in `room` when they lie in several
 * places. */
static const uint8_t *gather(const struct image *image, uint64_t offset, size_t size, uint8_t *room)
{
	size_t part = size;
	const uint8_t *bytes = image_at(image, offset, &part);
	if (part == size)
		return bytes;
	for (size_t done = 0; done < size; done += part) {
		part = size - done;
		bytes = image_at(image, offset + done, &part);
		memcpy(room + done, bytes, part);
	}
	return room;
}

/* Copies a row of width pixels that begins at an offset in src. */
static void copy_scattered(
	const struct area *dst, const struct image *src, uint64_t offset, uint32_t width)
{
	_Alignas(4) uint8_t room[GATHERED * 4];
	struct area to = *dst;
	struct area from = { .format = find_format(src->fourcc), .stride = sizeof(room) };
	for (uint32_t done = 0, part; done < width; done += part) {
		part = min_u32(width - done, GATHERED);
		from.pixels = (uint8_t *)(uintptr_t)gather(
			src, offset + (uint64_t)done * 4, (size_t)part * 4, room);
		to.pixels = dst->pixels + (size_t)done * 4;
		copy_area(&to, &from, part, 1);
	}
}

void image_copy(struct image *dst, uint32_t to_x, uint32_t to_y, const struct image *src,
	const struct rect *rect)
{
	const struct rect to_rect = { to_x, to_y, rect->w, rect->h };
	assert(dst->kind == IMAGE_PIXELS && image_readable(src));
	assert(rect_inside(rect, src->width, src->height));
	assert(rect_inside(&to_rect, dst->width, dst->height));
	assert(find_format(src->fourcc) && find_format(dst->fourcc));
	struct area to = area_of(dst, to_x, to_y);
	if (src->kind == IMAGE_PIXELS) {
		struct area from = area_of(src, rect->x, rect->y);
		copy_area(&to, &from, rect->w, rect->h);
		return;
	}
	uint64_t offset = (uint64_t)rect->y * src->stride + (uint64_t)rect->x * 4;
	for (uint32_t row = 0; row < rect->h; row++) {
		copy_scattered(&to, src, offset, rect->w);
		to.pixels += to.stride;
		offset += src->stride;
	}
}
