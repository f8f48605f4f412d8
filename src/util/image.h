/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/*
 * An image: the only currency between renderers and displays. Reference-counted; pixels in memory
 * of this process, in one piece or in many, or a dma-buf. All users are on the thread that owns the
 * process's loop.
 *
 * The memory of an image may be shared with somebody who writes to it at any time: nothing but
 * pixels is taken from there.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A rectangle in pixels; empty when w or h is 0. */
struct rect {
	uint32_t x, y, w, h;
};

static inline bool rect_empty(const struct rect *r)
{
	return r->w == 0 || r->h == 0;
}

/* True when r, not empty, lies inside a w x h image; never overflows. */
bool rect_inside(const struct rect *r, uint32_t w, uint32_t h);

/* The part of a inside b; empty when they do not meet. */
struct rect rect_intersect(const struct rect *a, const struct rect *b);

/* The smallest rectangle around both; an empty one counts for nothing. */
struct rect rect_union(const struct rect *a, const struct rect *b);

enum image_kind {
	IMAGE_PIXELS,
	IMAGE_SCATTERED,
	IMAGE_DMABUF,
};

/* A piece of the memory of an IMAGE_SCATTERED: it reaches to where the next one starts. */
struct image_piece {
	uint64_t start; /* offset of its first byte in all of them; 0 for the first piece */
	uint8_t *base;
};

#define IMAGE_MAX_PLANES 4

/* Pixel formats are DRM fourcc codes (drm_fourcc.h); all here have 4 bytes a pixel. */
struct image {
	uint32_t refs;
	enum image_kind kind;
	uint32_t width, height; /* pixels */
	uint32_t fourcc;

	/* IMAGE_PIXELS: rows top to bottom, stride bytes apart, in memory that lives as the
	 * image */
	uint8_t *pixels;
	size_t stride; /* also of IMAGE_SCATTERED */

	/* IMAGE_SCATTERED: the same, where the bytes from pixels_offset on of the pieces stand in
	 * for those from pixels on. Pieces are not empty and may end anywhere, also inside of a
	 * pixel. */
	const struct image_piece *pieces;
	uint32_t piece_count;
	uint64_t pieces_size; /* of all together; the last row ends there or before */
	uint64_t pixels_offset;

	/* IMAGE_DMABUF: owned descriptors, -1 where unused */
	int fds[IMAGE_MAX_PLANES];
	uint32_t strides[IMAGE_MAX_PLANES];
	uint32_t offsets[IMAGE_MAX_PLANES];
	uint32_t planes;
	uint64_t modifier;
	bool y_0_top; /* row 0 is the bottom one, as GL draws */
	bool shared_memory; /* no dma-buf but a sealed file, for who maps it */

	void (*release)(struct image *image); /* frees memory and owner; may be NULL */
	void *owner; /* for release; images of the same memory have the same */
};

/* An image of zeroed pixels of its own, one reference. NULL when memory is short or the size is
 * not within 1..IMAGE_MAX_SIDE. */
struct image *image_create(uint32_t width, uint32_t height, uint32_t fourcc);

/* An image of the kind, size, format and memory that `like` describes and someone else keeps:
 * release(image) is called at the last unref and frees what owner stands for (not the struct
 * itself); it may be NULL. The descriptors of an IMAGE_DMABUF are taken; those of other kinds, and
 * places from `planes` on, are not looked at. NULL when memory is short; nothing is taken then. */
struct image *image_create_foreign(
	const struct image *like, void (*release)(struct image *image), void *owner);

#define IMAGE_MAX_SIDE 16384u

/* Adds a reference; returns image. */
struct image *image_ref(struct image *image);

/* Drops one reference; NULL is fine. The last one closes dma-buf descriptors. */
void image_unref(struct image *image);

/* True for an image whose pixels can be read here. */
static inline bool image_readable(const struct image *image)
{
	return image->kind != IMAGE_DMABUF;
}

/* Where the byte lies that is `offset` bytes behind the first one of a readable image. *size is
 * how many are wanted from there (not 0, and inside the image); it becomes how many of them
 * follow each other. */
const uint8_t *image_at(const struct image *image, uint64_t offset, size_t *size);

/* True for the formats that image_copy() knows: the eight orders of 8-bit red, green, blue and
 * alpha (or nothing, X) that virtio-gpu has. */
bool image_format_known(uint32_t fourcc);

/* True when pixels of this known format have alpha. */
bool image_format_has_alpha(uint32_t fourcc);

/* Copies rect of src into dst at (to_x, to_y), converting between the formats; alpha made from X is
 * opaque. dst is IMAGE_PIXELS, src readable, both of known formats and the rectangles inside them
 * (asserted); rows may have any stride and alignment. Not for overlapping memory. */
void image_copy(struct image *dst, uint32_t to_x, uint32_t to_y, const struct image *src,
	const struct rect *rect);
