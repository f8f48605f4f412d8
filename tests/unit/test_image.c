/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
#include "test.h"

#include <drm/drm_fourcc.h>
#include <stdlib.h>
#include <sys/mman.h>

#include "util/fd.h"
#include "util/image.h"

static void tells_rects_inside(void)
{
	CHECK(rect_inside(&(struct rect){ 0, 0, 10, 5 }, 10, 5));
	CHECK(rect_inside(&(struct rect){ 9, 4, 1, 1 }, 10, 5));
	CHECK(!rect_inside(&(struct rect){ 0, 0, 0, 5 }, 10, 5));
	CHECK(!rect_inside(&(struct rect){ 0, 0, 10, 0 }, 10, 5));
	CHECK(!rect_inside(&(struct rect){ 0, 0, 11, 5 }, 10, 5));
	CHECK(!rect_inside(&(struct rect){ 0, 1, 10, 5 }, 10, 5));
	CHECK(!rect_inside(&(struct rect){ UINT32_MAX, 0, 2, 1 }, 10, 5));
	CHECK(!rect_inside(&(struct rect){ 2, 0, UINT32_MAX, 1 }, 10, 5));
	CHECK(!rect_inside(&(struct rect){ 0, UINT32_MAX, 1, UINT32_MAX }, 10, 5));
}

static void check_rect(struct rect r, struct rect expected)
{
	if (memcmp(&r, &expected, sizeof(r)) != 0)
		test_fail(__FILE__, __LINE__, "%ux%u+%u+%u, not %ux%u+%u+%u", r.w, r.h, r.x, r.y,
			expected.w, expected.h, expected.x, expected.y);
}

static void intersects_and_unites(void)
{
	const struct rect a = { 0, 0, 10, 10 }, b = { 5, 6, 10, 10 }, far = { 20, 20, 1, 1 };
	const struct rect touching = { 10, 0, 5, 10 }, none = { 3, 3, 0, 7 };
	const struct rect last = { UINT32_MAX, UINT32_MAX, UINT32_MAX, UINT32_MAX };
	check_rect(rect_intersect(&a, &b), (struct rect){ 5, 6, 5, 4 });
	check_rect(rect_intersect(&b, &a), (struct rect){ 5, 6, 5, 4 });
	check_rect(rect_intersect(&a, &far), (struct rect){ 0 });
	check_rect(rect_intersect(&a, &touching), (struct rect){ 0 });
	check_rect(rect_intersect(&a, &none), (struct rect){ 0 });
	check_rect(rect_intersect(&a, &last), (struct rect){ 0 });
	check_rect(rect_intersect(&last, &last), last);

	check_rect(rect_union(&a, &b), (struct rect){ 0, 0, 15, 16 });
	check_rect(rect_union(&a, &none), a);
	check_rect(rect_union(&none, &a), a);
	check_rect(rect_union(&none, &none), (struct rect){ 0 });
	check_rect(rect_union(&a, &last), (struct rect){ 0, 0, UINT32_MAX, UINT32_MAX });
}

static void creates_zeroed(void)
{
	CHECK(!image_create(0, 1, DRM_FORMAT_XRGB8888));
	CHECK(!image_create(1, 0, DRM_FORMAT_XRGB8888));
	CHECK(!image_create(IMAGE_MAX_SIDE + 1, 1, DRM_FORMAT_XRGB8888));
	CHECK(!image_create(1, UINT32_MAX, DRM_FORMAT_XRGB8888));
	struct image *image = image_create(3, 2, DRM_FORMAT_ARGB8888);
	CHECK(image);
	CHECK_INT(image->kind, IMAGE_PIXELS);
	CHECK_INT(image->fourcc, DRM_FORMAT_ARGB8888);
	CHECK(image->stride >= 12);
	for (size_t y = 0; y < 2; y++)
		for (size_t x = 0; x < 12; x++)
			CHECK_INT(image->pixels[y * image->stride + x], 0);
	CHECK(image_ref(image) == image);
	image_unref(image);
	CHECK_INT(image->refs, 1);
	image_unref(image);
	image_unref(NULL);
}

static int released;

static void count_release(struct image *image)
{
	CHECK(image->owner == &released);
	released++;
}

static void releases_foreign_once(void)
{
	static uint8_t pixels[16];
	const struct image like = { .kind = IMAGE_PIXELS,
		.width = 2,
		.height = 2,
		.stride = 8,
		.fourcc = DRM_FORMAT_XRGB8888,
		.pixels = pixels,
		.planes = 3 };
	int before = test_open_fds();
	released = 0;
	struct image *image = image_create_foreign(&like, count_release, &released);
	CHECK(image && image->pixels == pixels);
	image_ref(image);
	image_unref(image);
	CHECK_INT(released, 0);
	image_unref(image);
	CHECK_INT(released, 1);
	/* the zeros in like.fds are not descriptors of its own */
	CHECK_INT(test_open_fds(), before);
}

static void closes_dmabufs(void)
{
	int before = test_open_fds();
	struct image like = { .kind = IMAGE_DMABUF,
		.width = 2,
		.height = 2,
		.planes = 2,
		.fourcc = DRM_FORMAT_XRGB8888,
		.fds = { fd_eventfd(), fd_eventfd(), 0, 0 } };
	struct image *image = image_create_foreign(&like, NULL, NULL);
	CHECK(image);
	CHECK_INT(image->fds[0], like.fds[0]);
	CHECK_INT(image->fds[2], -1);
	CHECK_INT(image->fds[3], -1);
	image_unref(image);
	CHECK_INT(test_open_fds(), before);
}

static const struct {
	uint32_t fourcc;
	const char *order; /* of the bytes in memory */
} formats[] = {
	{ DRM_FORMAT_XRGB8888, "bgrx" },
	{ DRM_FORMAT_ARGB8888, "bgra" },
	{ DRM_FORMAT_XBGR8888, "rgbx" },
	{ DRM_FORMAT_ABGR8888, "rgba" },
	{ DRM_FORMAT_BGRX8888, "xrgb" },
	{ DRM_FORMAT_BGRA8888, "argb" },
	{ DRM_FORMAT_RGBX8888, "xbgr" },
	{ DRM_FORMAT_RGBA8888, "abgr" },
};

static size_t place_of(const char *order, char colour)
{
	const char *found = strchr(order, colour);
	CHECK(found);
	return (size_t)(found - order);
}

static uint8_t *pixel(const struct image *image, uint32_t x, uint32_t y)
{
	return image->pixels + y * image->stride + (size_t)x * 4;
}

static uint8_t colour_at(uint32_t x, uint32_t y, char colour)
{
	return (uint8_t)(x * 31 + y * 57 + (uint32_t)colour * 11);
}

static void paint(const struct image *image, const char *order)
{
	for (uint32_t y = 0; y < image->height; y++)
		for (uint32_t x = 0; x < image->width; x++)
			for (size_t i = 0; i < 4; i++)
				pixel(image, x, y)[i] = colour_at(x, y, order[i]);
}

/* An image whose rows are `offset` bytes off alignment and `padding` bytes longer than they
 * need. */
static struct image *create_odd(uint32_t fourcc, size_t offset, size_t padding)
{
	static uint8_t memory[2][64 * 64 * 8];
	static unsigned int turn;
	const struct image like = { .kind = IMAGE_PIXELS,
		.width = 37,
		.height = 23,
		.stride = 37 * 4 + padding,
		.fourcc = fourcc,
		.pixels = memory[turn++ % 2] + offset };
	return image_create_foreign(&like, NULL, NULL);
}

/* The same pixels in pieces of such lengths, in turn, which lie apart and the wrong way round;
 * the first pixel is a few bytes behind the start. */
static struct image *scatter(const struct image *image, const size_t *lengths, size_t count)
{
	static uint8_t memory[64 * 64 * 16];
	static struct image_piece pieces[64 * 64 * 8];
	struct image like = *image;
	const size_t lead = 3, size = image->stride * image->height;
	like.kind = IMAGE_SCATTERED;
	like.pieces = pieces;
	like.piece_count = 0;
	like.pieces_size = lead + size;
	like.pixels_offset = lead;
	like.pixels = NULL;
	uint8_t *end = memory + sizeof(memory);
	for (size_t done = 0; done < lead + size; like.piece_count++) {
		size_t length = min_size(lengths[like.piece_count % count], lead + size - done);
		end -= length + 5;
		CHECK(end >= memory && like.piece_count < ARRAY_SIZE(pieces));
		for (size_t i = 0; i < length; i++)
			end[i] = done + i < lead ? 0x77 : image->pixels[done + i - lead];
		pieces[like.piece_count] = (struct image_piece){ .start = done, .base = end };
		done += length;
	}
	return image_create_foreign(&like, NULL, NULL);
}

static const size_t page_like[] = { 128 }, odd_lengths[] = { 1, 2, 3, 5, 148, 7, 4, 1000, 6 };

/* Copies rect to (2, 3) between each two formats and looks at every pixel of the target; with
 * lengths (may be NULL) from memory in pieces. */
static void check_conversions_of(
	const size_t *lengths, size_t count, size_t src_offset, size_t dst_offset, size_t padding)
{
	const struct rect rect = { 5, 7, 20, 11 };
	const uint32_t to_x = 2, to_y = 3;
	for (size_t i = 0; i < ARRAY_SIZE(formats) * ARRAY_SIZE(formats); i++) {
		const char *from = formats[i / ARRAY_SIZE(formats)].order;
		const char *to = formats[i % ARRAY_SIZE(formats)].order;
		struct image *src =
			create_odd(formats[i / ARRAY_SIZE(formats)].fourcc, src_offset, padding);
		struct image *dst =
			create_odd(formats[i % ARRAY_SIZE(formats)].fourcc, dst_offset, padding);
		CHECK(src && dst);
		paint(src, from);
		if (lengths) {
			struct image *whole = src;
			src = scatter(whole, lengths, count);
			CHECK(src);
			image_unref(whole);
		}
		memset(dst->pixels, 0x5a, dst->stride * dst->height);
		image_copy(dst, to_x, to_y, src, &rect);
		for (uint32_t y = 0; y < dst->height; y++) {
			for (uint32_t x = 0; x < dst->width; x++) {
				const uint8_t *p = pixel(dst, x, y);
				if (x < to_x || x >= to_x + rect.w || y < to_y ||
					y >= to_y + rect.h) {
					CHECK_MEM(p, "\x5a\x5a\x5a\x5a", 4);
					continue;
				}
				uint32_t sx = x - to_x + rect.x, sy = y - to_y + rect.y;
				for (const char *c = "rgb"; *c; c++)
					CHECK_INT(p[place_of(to, *c)], colour_at(sx, sy, *c));
				if (strchr(to, 'a'))
					CHECK_INT(p[place_of(to, 'a')],
						strchr(from, 'a') ? colour_at(sx, sy, 'a') : 0xff);
			}
		}
		image_unref(src);
		image_unref(dst);
	}
}

static void check_conversions(size_t src_offset, size_t dst_offset, size_t padding)
{
	check_conversions_of(NULL, 0, src_offset, dst_offset, padding);
}

static void converts_aligned(void)
{
	check_conversions(0, 0, 0);
	check_conversions(0, 0, 12);
}

static void converts_unaligned(void)
{
	check_conversions(1, 0, 0);
	check_conversions(0, 3, 0);
	check_conversions(2, 2, 5);
}

static void converts_from_pieces(void)
{
	check_conversions_of(page_like, ARRAY_SIZE(page_like), 0, 0, 0);
	check_conversions_of(odd_lengths, ARRAY_SIZE(odd_lengths), 0, 0, 12);
	check_conversions_of(odd_lengths, ARRAY_SIZE(odd_lengths), 1, 3, 5);
}

/* Rows longer than what is taken together at once. */
static void converts_long_rows_from_pieces(void)
{
	static uint8_t memory[2][9001];
	static const struct image_piece pieces[] = { { 0, memory[0] }, { 9001, memory[1] } };
	const struct image like = { .kind = IMAGE_SCATTERED,
		.width = 4500,
		.height = 1,
		.stride = 18000,
		.fourcc = DRM_FORMAT_RGBA8888,
		.pieces = pieces,
		.piece_count = 2,
		.pieces_size = 18002,
		.pixels_offset = 2 };
	const struct rect all = { 0, 0, 4500, 1 };
	for (uint32_t i = 2; i < 18002; i++)
		memory[i / 9001][i % 9001] = (uint8_t)((i - 2) * 13);
	struct image *src = image_create_foreign(&like, NULL, NULL);
	struct image *dst = image_create(4500, 1, DRM_FORMAT_ARGB8888);
	CHECK(src && dst);
	image_copy(dst, 0, 0, src, &all);
	for (uint32_t x = 0; x < 4500; x++)
		for (uint32_t i = 0; i < 4; i++) /* abgr becomes bgra */
			CHECK_INT(pixel(dst, x, 0)[i], (uint8_t)((x * 4 + (i + 1) % 4) * 13));
	image_unref(src);
	image_unref(dst);
}

static void finds_bytes_in_pieces(void)
{
	struct image *whole = create_odd(DRM_FORMAT_XRGB8888, 0, 4);
	paint(whole, "bgrx");
	struct image *image = scatter(whole, odd_lengths, ARRAY_SIZE(odd_lengths));
	const size_t all = whole->stride * whole->height;
	for (size_t at = 0; at < all;) {
		size_t size = all - at;
		const uint8_t *bytes = image_at(image, at, &size);
		CHECK(size > 0 && size <= all - at);
		CHECK_MEM(bytes, whole->pixels + at, size);
		size_t one = 1;
		CHECK(image_at(image, at + size - 1, &one) == bytes + size - 1);
		CHECK_INT(one, 1);
		at += size;
	}
	size_t size = all;
	CHECK(image_at(whole, 0, &size) == whole->pixels);
	CHECK_INT(size, all);
	image_unref(image);
	image_unref(whole);
}

/* Rows so far apart that 31 bits do not count the words in between. */
static void copies_rows_far_apart(void)
{
	const size_t stride = (size_t)1 << 30, size = 9 * stride;
	const struct rect all = { 0, 0, 4, 9 };
	struct image like = { .kind = IMAGE_PIXELS,
		.width = 4,
		.height = 9,
		.stride = stride,
		.fourcc = DRM_FORMAT_RGBA8888 };
	like.pixels = mmap(NULL, size, PROT_READ | PROT_WRITE,
		MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (like.pixels == MAP_FAILED)
		test_skip("address space for %zu bytes", size);
	struct image *src = image_create_foreign(&like, NULL, NULL);
	struct image *dst = image_create(4, 9, DRM_FORMAT_BGRA8888);
	paint(src, "abgr");
	image_copy(dst, 0, 0, src, &all);
	for (uint32_t y = 0; y < 9; y++)
		for (size_t i = 0; i < 4; i++)
			CHECK_INT(pixel(dst, 3, y)[i], colour_at(3, y, "argb"[i]));
	image_unref(src);
	image_unref(dst);
	munmap(like.pixels, size);
}

static void knows_formats(void)
{
	for (size_t i = 0; i < ARRAY_SIZE(formats); i++)
		CHECK(image_format_known(formats[i].fourcc));
	static const uint32_t with_alpha[] = { DRM_FORMAT_ARGB8888, DRM_FORMAT_ABGR8888,
		DRM_FORMAT_RGBA8888, DRM_FORMAT_BGRA8888 };
	uint32_t count = 0;
	for (size_t i = 0; i < ARRAY_SIZE(formats); i++)
		count += image_format_has_alpha(formats[i].fourcc);
	CHECK_INT(count, ARRAY_SIZE(with_alpha));
	for (size_t i = 0; i < ARRAY_SIZE(with_alpha); i++)
		CHECK(image_format_has_alpha(with_alpha[i]));
	CHECK(!image_format_known(0));
	CHECK(!image_format_known(DRM_FORMAT_RGB565));
}

int main(int argc, char **argv)
{
	static const struct test_case cases[] = {
		TEST_CASE(tells_rects_inside),
		TEST_CASE(intersects_and_unites),
		TEST_CASE(creates_zeroed),
		TEST_CASE(releases_foreign_once),
		TEST_CASE(closes_dmabufs),
		TEST_CASE(converts_aligned),
		TEST_CASE(converts_unaligned),
		TEST_CASE(converts_from_pieces),
		TEST_CASE(converts_long_rows_from_pieces),
		TEST_CASE(finds_bytes_in_pieces),
		TEST_CASE(copies_rows_far_apart),
		TEST_CASE(knows_formats),
	};
	return test_main(argc, argv, cases, ARRAY_SIZE(cases));
}
