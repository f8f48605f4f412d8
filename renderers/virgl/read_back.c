/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/*
 * Pixels for a display, where it cannot have a dma-buf. This runs once for each frame shown: for
 * the two formats that displays want, the library lets GL write straight to the destination.
 * Others go through a strip of memory, in parts that fit the processor's caches.
 */
#include <errno.h>
#include <limits.h>
#include <stdlib.h>

#include "util/checked.h"
#include "util/fourcc.h"
#include "virgl.h"

#define PIXEL_SIZE 4u
#define STRIP_SIZE (1u << 20)

/* Gallium's texture targets, as in virtio's RESOURCE_CREATE_3D. */
#define TARGET_2D   2u
#define TARGET_RECT 5u

struct format_spec {
	uint32_t virgl;
	uint32_t fourcc; /* of the bytes in memory */
	uint32_t shown; /* what is made of it */
};

static const struct format_spec format_specs[] = {
	{ 1, FOURCC_ARGB8888, FOURCC_ARGB8888 }, /* B8G8R8A8_UNORM */
	{ 2, FOURCC_XRGB8888, FOURCC_XRGB8888 }, /* B8G8R8X8_UNORM */
	{ 3, FOURCC_BGRA8888, FOURCC_ARGB8888 }, /* A8R8G8B8_UNORM */
	{ 4, FOURCC_BGRX8888, FOURCC_XRGB8888 }, /* X8R8G8B8_UNORM */
	{ 67, FOURCC_ABGR8888, FOURCC_ARGB8888 }, /* R8G8B8A8_UNORM */
	{ 68, FOURCC_RGBX8888, FOURCC_XRGB8888 }, /* X8B8G8R8_UNORM */
	{ 100, FOURCC_ARGB8888, FOURCC_ARGB8888 }, /* B8G8R8A8_SRGB */
	{ 101, FOURCC_XRGB8888, FOURCC_XRGB8888 }, /* B8G8R8X8_SRGB */
	{ 104, FOURCC_ABGR8888, FOURCC_ARGB8888 }, /* R8G8B8A8_SRGB */
	{ 121, FOURCC_RGBA8888, FOURCC_ARGB8888 }, /* A8B8G8R8_UNORM */
	{ 134, FOURCC_XBGR8888, FOURCC_XRGB8888 }, /* R8G8B8X8_UNORM */
};

static const struct format_spec *find_format(uint32_t virgl)
{
	for (size_t i = 0; i < ARRAY_SIZE(format_specs); i++)
		if (format_specs[i].virgl == virgl)
			return &format_specs[i];
	return NULL;
}

/* The library gives row 0 on top, whatever way the resource is stored. */
static int read_rows(uint32_t resource, const struct rect *rect, uint8_t *pixels, uint32_t stride)
{
	const struct renderer_transfer_args transfer = {
		.direction = RENDERER_FROM_HOST,
		.resource = resource,
		.stride = stride,
		.box = { .x = rect->x, .y = rect->y, .w = rect->w, .h = rect->h, .d = 1 },
	};
	const struct iovec piece = {
		.iov_base = pixels,
		.iov_len = (size_t)stride * (rect->h - 1) + (size_t)rect->w * PIXEL_SIZE,
	};
	return library_transfer(&transfer, &piece, 1);
}

static int read_strips(struct virgl *virgl, const struct renderer_read_back_args *args,
	const struct format_spec *format, uint8_t *pixels)
{
	if (!virgl->strip)
		virgl->strip = malloc(STRIP_SIZE);
	if (!virgl->strip)
		return -ENOMEM;
	const struct rect *rect = &args->rect;
	struct image strip = { .kind = IMAGE_PIXELS,
		.width = rect->w,
		.fourcc = format->fourcc,
		.pixels = virgl->strip,
		.stride = (size_t)rect->w * PIXEL_SIZE };
	uint32_t most = (uint32_t)(STRIP_SIZE / strip.stride);
	struct rect part = *rect;
	struct image frame = { .kind = IMAGE_PIXELS,
		.width = rect->w,
		.fourcc = format->shown,
		.pixels = pixels,
		.stride = args->stride };
	for (uint32_t done = 0; done < rect->h; done += part.h) {
		part.y = rect->y + done;
		part.h = min_u32(most, rect->h - done);
		int error = read_rows(args->resource, &part, virgl->strip, (uint32_t)strip.stride);
		if (error)
			return error;
		const struct rect whole = { 0, 0, part.w, part.h };
		strip.height = frame.height = part.h;
		image_copy(&frame, 0, 0, &strip, &whole);
		frame.pixels += frame.stride * part.h;
	}
	return 0;
}

static bool is_shown(
	const struct renderer_resource_args *resource, const struct renderer_read_back_args *args)
{
	const struct rect *rect = &args->rect;
	return (resource->target == TARGET_2D || resource->target == TARGET_RECT) &&
		rect_inside(rect, resource->width, resource->height) && rect->w <= IMAGE_MAX_SIDE &&
		rect->h <= IMAGE_MAX_SIDE && args->stride >= rect->w * PIXEL_SIZE;
}

static int read_back(struct virgl *virgl, const struct renderer_read_back_args *args)
{
	const struct resource *resource = virgl_resource_find(virgl, args->resource);
	if (!resource)
		return -ENOENT;
	const struct format_spec *format = find_format(resource->args.format);
	if (!format)
		return -EOPNOTSUPP;
	if (!is_shown(&resource->args, args))
		return -EINVAL;
	const struct renderer_span span = {
		.region = args->region,
		.offset = args->offset,
		.length = (uint64_t)args->stride * args->rect.h,
	};
	uint8_t *pixels = regions_translate(&virgl->regions, &span);
	if (!pixels)
		return -EINVAL;

	/* GL counts strides in pixels and sizes in int. */
	bool direct = format->fourcc == format->shown && args->stride % PIXEL_SIZE == 0 &&
		span.length <= INT_MAX;
	return direct ? read_rows(args->resource, &args->rect, pixels, args->stride)
		      : read_strips(virgl, args, format, pixels);
}

void virgl_read_back(struct renderer *renderer, const struct renderer_read_back_args *args,
	struct renderer_call *call)
{
	renderer_call_done(call, read_back(virgl_from(renderer), args), NULL);
}
