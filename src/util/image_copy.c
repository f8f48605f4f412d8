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

/* The pixels of one side of a copy. */
struct area {
	const struct format_spec *format;
	uint8_t *pixels; /* of the left upper corner */
	size_t stride;
};

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

void image_copy(struct image *dst, uint32_t to_x, uint32_t to_y, const struct image *src,
	const struct rect *rect)
{
	const struct rect to_rect = { to_x, to_y, rect->w, rect->h };
	assert(dst->kind == IMAGE_PIXELS && src->kind == IMAGE_PIXELS);
	assert(rect_inside(rect, src->width, src->height));
	assert(rect_inside(&to_rect, dst->width, dst->height));
	struct area to = area_of(dst, to_x, to_y);
	struct area from = area_of(src, rect->x, rect->y);
	assert(to.format && from.format);

	/* Same bytes: memcpy is faster than pixman and does not mind alignment. */
	if (to.format == from.format) {
		for (uint32_t row = 0; row < rect->h; row++)
			memcpy(to.pixels + row * to.stride, from.pixels + row * from.stride,
				(size_t)rect->w * 4);
		return;
	}
	if (copy_with_pixman(&to, &from, rect->w, rect->h))
		return;
	for (uint32_t row = 0; row < rect->h; row++)
		copy_row(&to, to.pixels + row * to.stride, &from, from.pixels + row * from.stride,
			rect->w);
}
