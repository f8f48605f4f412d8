/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
#include "util/image.h"

#include <assert.h>
#include <stdlib.h>

#include "util/checked.h"
#include "util/contract.h"
#include "util/fd.h"

bool rect_inside(const struct rect *r, uint32_t w, uint32_t h)
{
	return !rect_empty(r) && range_inside(r->x, r->w, w) && range_inside(r->y, r->h, h);
}

/* The overlap of [a, a + a_size) and [b, b + b_size): its start, and its size or 0. */
static uint32_t overlap(
	uint32_t a, uint32_t a_size, uint32_t b, uint32_t b_size, uint32_t *ret_size)
{
	uint32_t start = max_u32(a, b);
	uint64_t end = min_u64((uint64_t)a + a_size, (uint64_t)b + b_size);
	*ret_size = end > start ? (uint32_t)(end - start) : 0;
	return start;
}

struct rect rect_intersect(const struct rect *a, const struct rect *b)
{
	struct rect r;
	r.x = overlap(a->x, a->w, b->x, b->w, &r.w);
	r.y = overlap(a->y, a->h, b->y, b->h, &r.h);
	return rect_empty(&r) ? (struct rect){ 0 } : r;
}

/* The size of the range from start to the farther of two ends; cut at what 32 bits hold. */
static uint32_t span(uint32_t start, uint64_t end_a, uint64_t end_b)
{
	uint64_t end = end_a > end_b ? end_a : end_b;
	return (uint32_t)min_u64(end - start, UINT32_MAX);
}

struct rect rect_union(const struct rect *a, const struct rect *b)
{
	if (rect_empty(a))
		return rect_empty(b) ? (struct rect){ 0 } : *b;
	if (rect_empty(b))
		return *a;
	struct rect r = { .x = min_u32(a->x, b->x), .y = min_u32(a->y, b->y) };
	r.w = span(r.x, (uint64_t)a->x + a->w, (uint64_t)b->x + b->w);
	r.h = span(r.y, (uint64_t)a->y + a->h, (uint64_t)b->y + b->h);
	return r;
}

static void release_pixels(struct image *image)
{
	free(image->pixels);
}

struct image *image_create(uint32_t width, uint32_t height, uint32_t fourcc)
{
	if (width < 1 || width > IMAGE_MAX_SIDE || height < 1 || height > IMAGE_MAX_SIDE)
		return NULL;
	struct image like = {
		.kind = IMAGE_PIXELS,
		.width = width,
		.height = height,
		.fourcc = fourcc,
		.stride = (size_t)width * 4,
	};
	like.pixels = calloc(height, like.stride);
	if (!like.pixels)
		return NULL;
	struct image *image = image_create_foreign(&like, release_pixels, NULL);
	if (!image)
		free(like.pixels);
	return image;
}

/* Whether the last row ends inside the pieces. */
static bool pieces_suffice(const struct image *image)
{
	uint64_t last_row = (uint64_t)(image->height - 1) * image->stride;
	return image->piece_count > 0 &&
		range_inside(image->pixels_offset, last_row + (uint64_t)image->width * 4,
			image->pieces_size);
}

struct image *image_create_foreign(
	const struct image *like, void (*release)(struct image *image), void *owner)
{
	assert(image_readable(like) || like->planes <= IMAGE_MAX_PLANES);
	assert(like->kind != IMAGE_SCATTERED || pieces_suffice(like));
	struct image *image = malloc(sizeof(*image));
	if (!image)
		return NULL;
	*image = *like;
	image->refs = 1;
	image->release = release;
	image->owner = owner;
	if (image_readable(image))
		image->planes = 0;
	for (uint32_t i = image->planes; i < IMAGE_MAX_PLANES; i++)
		image->fds[i] = -1;
	return image;
}

struct image *image_ref(struct image *image)
{
	assert(image->refs > 0 && image->refs < UINT32_MAX);
	image->refs++;
	return image;
}

void image_unref(struct image *image)
{
	if (!image)
		return;
	assert(image->refs > 0);
	if (--image->refs > 0)
		return;
	if (image->release)
		image->release(image);
	fd_close_all(image->fds, IMAGE_MAX_PLANES);
	free(image);
}

/* The piece that has the byte at this offset of all of them. */
static uint32_t find_piece(const struct image *image, uint64_t offset)
{
	uint32_t first = 0, end = image->piece_count;
	while (end - first > 1)
		LOOP_ASSIGNS(first, end)
	LOOP_INVARIANT(first < end && end <= image->piece_count)
	LOOP_INVARIANT(image->pieces[first].start <= offset)
	LOOP_INVARIANT(end == image->piece_count || image->pieces[end].start > offset)
	LOOP_DECREASES(end - first)
	{
		uint32_t middle = first + (end - first) / 2;
		if (image->pieces[middle].start <= offset)
			first = middle;
		else
			end = middle;
	}
	return first;
}

const uint8_t *image_at(const struct image *image, uint64_t offset, size_t *size)
{
	assert(image_readable(image) && *size > 0);
	if (image->kind == IMAGE_PIXELS)
		return image->pixels + offset;
	offset += image->pixels_offset;
	assert(range_inside(offset, *size, image->pieces_size));
	uint32_t at = find_piece(image, offset);
	uint64_t end =
		at + 1 < image->piece_count ? image->pieces[at + 1].start : image->pieces_size;
	*size = (size_t)min_u64(*size, end - offset);
	return image->pieces[at].base + (offset - image->pieces[at].start);
}
