/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/* Pictures in memory that others own: in pieces, cut off, taken away while they are being sent. */
#include <drm/drm_fourcc.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "display_peer.h"
#include "short_memory.h"
#include "util/bus_guard.h"
#include "util/fd.h"

#define SIDE 200u

/* Of images in memory of this test. */
static int owner;

static uint8_t byte_at(size_t offset)
{
	return (uint8_t)(offset * 7 + (offset >> 8) * 13);
}

static void fill(uint8_t *bytes, size_t size)
{
	for (size_t i = 0; i < size; i++)
		bytes[i] = byte_at(i);
}

static struct image *create_foreign(uint8_t *pixels, uint32_t fourcc)
{
	const struct image like = { .kind = IMAGE_PIXELS,
		.width = SIDE,
		.height = SIDE,
		.stride = SIDE * 4,
		.fourcc = fourcc,
		.pixels = pixels };
	struct image *image = image_create_foreign(&like, NULL, &owner);
	CHECK(image);
	return image;
}

/* The same as in `whole`, in pieces of such lengths in turn; memory and pieces are static. */
static struct image *scatter(const struct image *whole, const size_t *lengths, size_t count)
{
	static uint8_t memory[SIDE * SIDE * 4 * 3];
	static struct image_piece pieces[SIDE * SIDE * 4];
	const size_t size = whole->stride * whole->height;
	struct image like = *whole;
	uint8_t *end = memory + sizeof(memory);
	like.kind = IMAGE_SCATTERED;
	like.pixels = NULL;
	like.pieces = pieces;
	like.piece_count = 0;
	like.pieces_size = size;
	for (size_t done = 0; done < size; like.piece_count++) {
		size_t length = min_size(lengths[like.piece_count % count], size - done);
		end -= length + 1;
		CHECK(end >= memory);
		memcpy(end, whole->pixels + done, length);
		pieces[like.piece_count] = (struct image_piece){ .start = done, .base = end };
		done += length;
	}
	struct image *image = image_create_foreign(&like, NULL, &owner);
	CHECK(image);
	return image;
}

/* An UPDATE of rect with what `expected`, in the format that is sent, has at the same place. */
static void expect_update(struct peer *peer, const struct rect *rect, const struct image *expected)
{
	const uint32_t head[] = { 0, rect->x, rect->y, rect->w, rect->h };
	peer_expect(peer, VHOST_USER_GPU_UPDATE, (uint32_t)sizeof(head) + rect->w * rect->h * 4);
	CHECK_MEM(peer->payload, head, sizeof(head));
	for (uint32_t row = 0; row < rect->h; row++)
		CHECK_MEM(peer->payload + sizeof(head) + (size_t)row * rect->w * 4,
			expected->pixels + (rect->y + row) * expected->stride + (size_t)rect->x * 4,
			rect->w * 4);
	peer_run(peer);
}

static void open_showing(struct peer *peer)
{
	peer_open_with(peer, PEER_FEATURES_ALL);
	display_set_scanout(peer->display, 0, SIDE, SIDE);
	struct image *blank = image_create(1, 1, DRM_FORMAT_XRGB8888);
	CHECK_INT(display_update(peer->display, 0, &(struct rect){ 0, 0, 1, 1 }, blank, 0, 0), 0);
	peer_expect(peer, VHOST_USER_GPU_SCANOUT, 12);
	peer_expect(peer, VHOST_USER_GPU_UPDATE, 24);
	peer_run(peer);
	image_unref(blank);
}

static void sends_from_pieces(void)
{
	static uint8_t bytes[SIDE * SIDE * 4];
	static const size_t odd[] = { 1, 2, 3, 800, 5, 4096, 7, 13 }, pages[] = { 4096 };
	static const uint32_t formats[] = { DRM_FORMAT_XRGB8888, DRM_FORMAT_RGBA8888 };
	const struct rect rects[] = { { 0, 0, SIDE, SIDE }, { 3, 5, 100, 190 }, { 199, 199, 1, 1 },
		{ 0, 7, SIDE, 11 } };
	struct peer peer;
	fill(bytes, sizeof(bytes));
	open_showing(&peer);
	for (size_t i = 0; i < 4 * ARRAY_SIZE(rects); i++) {
		const struct rect *rect = &rects[i / 4];
		struct image *whole = create_foreign(bytes, formats[i % 2]);
		struct image *expected = image_create(SIDE, SIDE, DRM_FORMAT_XRGB8888);
		struct image *image = i & 2 ? scatter(whole, odd, ARRAY_SIZE(odd))
					    : scatter(whole, pages, ARRAY_SIZE(pages));
		image_copy(expected, 0, 0, whole, &rects[0]);
		CHECK_INT(display_update(peer.display, 0, rect, image, rect->x, rect->y), 0);
		expect_update(&peer, rect, expected);
		CHECK_INT(image->refs, 1);
		image_unref(image);
		image_unref(whole);
		image_unref(expected);
		if (i == 8)
			peer_narrow(&peer); /* from now on in parts that end anywhere */
	}
	peer_finish(&peer);
}

/* What is gone reads as zeros, before the update as well as in the midst of it. */
static void survives_memory_that_is_cut_off(void)
{
	const size_t size = SIDE * SIDE * 4, left = 20 * 4096;
	const struct rect all = { 0, 0, SIDE, SIDE };
	CHECK_INT(bus_guard_install("test"), 0);
	for (int narrow = 0; narrow < 2; narrow++) {
		struct peer peer;
		open_showing(&peer);
		_cleanup_fd_ int fd = memfd_create("picture", MFD_CLOEXEC);
		CHECK(fd >= 0 && ftruncate(fd, (off_t)size) == 0);
		uint8_t *bytes = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
		CHECK(bytes != MAP_FAILED);
		fill(bytes, size);
		struct image *image = create_foreign(bytes, DRM_FORMAT_XRGB8888);
		struct image *expected = image_create(SIDE, SIDE, DRM_FORMAT_XRGB8888);
		memcpy(expected->pixels, bytes, left);
		if (narrow)
			peer_narrow(&peer);
		else
			CHECK_INT(ftruncate(fd, (off_t)left), 0);
		CHECK_INT(display_update(peer.display, 0, &all, image, 0, 0), 0);
		if (narrow) {
			CHECK_INT(loop_round(peer.loop, 0), 0);
			CHECK(!display_scanout_ready(peer.display, 0));
			CHECK_INT(ftruncate(fd, (off_t)left), 0);
		}
		expect_update(&peer, &all, expected);
		CHECK_INT(peer.closed, 0);
		image_unref(image);
		image_unref(expected);
		munmap(bytes, size);
		fd_close(&fd);
		peer_finish(&peer);
	}
}

/* An update that the peer has not begun to read, of the memory of this test. */
static struct image *begin_update(struct peer *peer, uint8_t *bytes, uint32_t fourcc)
{
	struct image *image = create_foreign(bytes, fourcc);
	peer_narrow(peer);
	CHECK_INT(
		display_update(peer->display, 0, &(struct rect){ 1, 2, 190, 180 }, image, 3, 4), 0);
	CHECK_INT(loop_round(peer->loop, 0), 0);
	CHECK(!display_scanout_ready(peer->display, 0));
	CHECK_INT(image->refs, 2);
	return image;
}

static void expect_begun(struct peer *peer, const struct image *expected)
{
	struct image moved = *expected; /* (1, 2) of the scanout shows (3, 4) */
	moved.pixels += 2 * moved.stride + 2 * 4;
	expect_update(peer, &(struct rect){ 1, 2, 190, 180 }, &moved);
}

static void copies_what_is_taken_away(void)
{
	static uint8_t bytes[SIDE * SIDE * 4];
	static const uint32_t formats[] = { DRM_FORMAT_XRGB8888, DRM_FORMAT_BGRA8888 };
	const struct rect all = { 0, 0, SIDE, SIDE };
	static int other;
	for (size_t i = 0; i < ARRAY_SIZE(formats); i++) {
		struct peer peer;
		fill(bytes, sizeof(bytes));
		open_showing(&peer);
		struct image *image = begin_update(&peer, bytes, formats[i]);
		struct image *expected = image_create(SIDE, SIDE, DRM_FORMAT_XRGB8888);
		image_copy(expected, 0, 0, image, &all);
		display_release_memory(peer.display, &other);
		CHECK_INT(image->refs, 2);
		display_release_memory(peer.display, &owner);
		CHECK_INT(image->refs, 1);
		memset(bytes, 0xee, sizeof(bytes));
		expect_begun(&peer, expected);
		image_unref(image);
		image_unref(expected);
		peer_finish(&peer);
	}
}

static void goes_black_without_memory_for_a_copy(void)
{
	static uint8_t bytes[SIDE * SIDE * 4];
	struct peer peer;
	fill(bytes, sizeof(bytes));
	open_showing(&peer);
	struct image *image = begin_update(&peer, bytes, DRM_FORMAT_XRGB8888);
	short_memory(1);
	display_release_memory(peer.display, &owner);
	short_memory(0);
	CHECK_INT(image->refs, 1);
	memset(bytes, 0xee, sizeof(bytes));
	peer_expect(&peer, VHOST_USER_GPU_UPDATE, 20 + 190 * 180 * 4);
	for (size_t at = 190 * 179 * 4; at < 190 * 180 * 4; at++)
		CHECK_INT(peer.payload[20 + at], 0);
	image_unref(image);
	peer_finish(&peer);
}

int main(int argc, char **argv)
{
	static const struct test_case cases[] = {
		TEST_CASE(sends_from_pieces),
		TEST_CASE(survives_memory_that_is_cut_off),
		TEST_CASE(copies_what_is_taken_away),
		TEST_CASE(goes_black_without_memory_for_a_copy),
	};
	return test_main(argc, argv, cases, ARRAY_SIZE(cases));
}
