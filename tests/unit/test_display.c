/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/* What a display tells its peer: features, sizes, pixels, cursors. */
#include <drm/drm_fourcc.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include "display_peer.h"
#include "util/fd.h"

/* An image whose bytes tell where they are. */
static struct image *create_image(uint32_t width, uint32_t height, uint32_t fourcc)
{
	struct image *image = image_create(width, height, fourcc);
	CHECK(image);
	for (uint32_t y = 0; y < height; y++)
		for (uint32_t x = 0; x < width * 4; x++)
			image->pixels[y * image->stride + x] = (uint8_t)(x * 7 + y * 13 + (x >> 8));
	return image;
}

static void expect_size(struct peer *peer, uint32_t scanout, uint32_t width, uint32_t height)
{
	const uint32_t expected[] = { scanout, width, height };
	peer_expect(peer, VHOST_USER_GPU_SCANOUT, sizeof(expected));
	CHECK_MEM(peer->payload, expected, sizeof(expected));
}

/* An UPDATE of rect with the pixels of the image at (x, y), in the image's own format. */
static void expect_update(struct peer *peer, uint32_t scanout, const struct rect *rect,
	const struct image *image, uint32_t x, uint32_t y)
{
	const uint32_t expected[] = { scanout, rect->x, rect->y, rect->w, rect->h };
	peer_expect(
		peer, VHOST_USER_GPU_UPDATE, (uint32_t)sizeof(expected) + rect->w * rect->h * 4);
	CHECK_MEM(peer->payload, expected, sizeof(expected));
	const uint8_t *got = peer->payload + sizeof(expected);
	for (uint32_t row = 0; row < rect->h; row++)
		CHECK_MEM(got + (size_t)row * rect->w * 4,
			image->pixels + (y + row) * image->stride + (size_t)x * 4, rect->w * 4);
}

static void asks_for_features(void)
{
	struct peer peer;
	peer_open_with(&peer, PEER_FEATURES_ALL);
	peer_finish(&peer);
	peer_open_with(&peer, 0);
	peer_finish(&peer);
	peer_open_with(&peer, UINT64_MAX);
	peer_finish(&peer);
}

static void sends_pixels(void)
{
	struct peer peer;
	struct image *image = create_image(64, 48, DRM_FORMAT_XRGB8888);
	const struct rect all = { 0, 0, 64, 48 }, part = { 10, 20, 30, 7 };
	peer_open_with(&peer, PEER_FEATURES_ALL);
	CHECK(!display_scanout_ready(peer.display, 0));
	display_set_scanout(peer.display, 0, 64, 48);
	peer_expect_nothing(&peer); /* a size goes with the first update */
	CHECK(display_scanout_ready(peer.display, 0));
	int ready = peer.ready[0];

	CHECK_INT(display_update(peer.display, 0, &all, image, 0, 0), 0);
	CHECK(!display_scanout_ready(peer.display, 0));
	CHECK_INT(image->refs, 2);
	CHECK_INT(peer.ready[0], ready); /* not inside the call */
	expect_size(&peer, 0, 64, 48);
	expect_update(&peer, 0, &all, image, 0, 0);
	peer_run(&peer);
	CHECK_INT(peer.ready[0], ready + 1);
	CHECK(display_scanout_ready(peer.display, 0));
	CHECK_INT(image->refs, 1);

	CHECK_INT(display_update(peer.display, 0, &part, image, 3, 5), 0);
	expect_update(&peer, 0, &part, image, 3, 5); /* the size is known */
	peer_run(&peer);
	CHECK_INT(peer.ready[0], ready + 2);
	image_unref(image);
	peer_finish(&peer);
}

static void sends_sizes_when_they_change(void)
{
	struct peer peer;
	struct image *image = create_image(64, 48, DRM_FORMAT_ARGB8888);
	const struct rect small = { 0, 0, 8, 8 };
	peer_open_with(&peer, PEER_FEATURES_ALL);
	display_set_scanout(peer.display, 15, 100, 100);
	display_set_scanout(peer.display, 15, 64, 48);
	CHECK_INT(display_update(peer.display, 15, &small, image, 0, 0), 0);
	expect_size(&peer, 15, 64, 48);
	expect_update(&peer, 15, &small, image, 0, 0);

	display_set_scanout(peer.display, 15, 64, 48);
	CHECK_INT(display_update(peer.display, 15, &small, image, 0, 0), 0);
	expect_update(&peer, 15, &small, image, 0, 0);

	display_set_scanout(peer.display, 15, 64, 32);
	CHECK_INT(display_update(peer.display, 15, &small, image, 1, 1), 0);
	expect_size(&peer, 15, 64, 32);
	expect_update(&peer, 15, &small, image, 1, 1);

	display_set_scanout(peer.display, 15, 0, 0);
	expect_size(&peer, 15, 0, 0);
	CHECK(!display_scanout_ready(peer.display, 15));
	display_set_scanout(peer.display, 15, 0, 10); /* as good as off */
	peer_expect_nothing(&peer);

	display_set_scanout(peer.display, 15, 64, 32);
	CHECK_INT(display_update(peer.display, 15, &small, image, 1, 1), 0);
	expect_size(&peer, 15, 64, 32);
	expect_update(&peer, 15, &small, image, 1, 1);
	image_unref(image);
	peer_finish(&peer);
}

static void says_off_once(void)
{
	struct peer peer;
	peer_open_with(&peer, PEER_FEATURES_ALL);
	display_set_scanout(peer.display, 3, 0, 0);
	expect_size(&peer, 3, 0, 0); /* what an earlier socket said may still be shown */
	display_set_scanout(peer.display, 3, 0, 0);
	display_set_scanout(peer.display, 3, 640, 480);
	display_set_scanout(peer.display, 3, 0, 0);
	peer_expect_nothing(&peer);
	peer_finish(&peer);
}

/* Rows with gaps, more of them than go into one call; and without gaps. */
static void sends_any_stride(void)
{
	static uint8_t pixels[700 * 300 * 4];
	const struct rect rects[] = { { 0, 0, 300, 700 }, { 1, 2, 255, 333 }, { 0, 5, 256, 600 },
		{ 7, 9, 201, 77 } };
	struct peer peer;
	for (size_t i = 0; i < sizeof(pixels); i++)
		pixels[i] = (uint8_t)(i % 251);
	const struct image like = { .kind = IMAGE_PIXELS,
		.width = 256,
		.height = 700,
		.stride = 300 * 4,
		.fourcc = DRM_FORMAT_XRGB8888,
		.pixels = pixels };
	peer_open_with(&peer, PEER_FEATURES_ALL);
	display_set_scanout(peer.display, 0, 300, 700);
	for (size_t i = 0; i < ARRAY_SIZE(rects); i++) {
		struct image *image = image_create_foreign(&like, NULL, NULL);
		image->width = rects[i].x + rects[i].w;
		const struct rect *r = &rects[i];
		CHECK_INT(display_update(peer.display, 0, r, image, r->x, r->y), 0);
		image_unref(image); /* the display has its own reference */
		if (i == 0)
			expect_size(&peer, 0, 300, 700);
		expect_update(&peer, 0, r, &like, r->x, r->y);
		peer_run(&peer);
		peer_narrow(&peer); /* from now on in parts that end anywhere */
	}
	peer_finish(&peer);
}

/* Big enough to be converted in several parts, and with a last one that is smaller. */
static void converts_formats(void)
{
	static const uint32_t formats[] = { DRM_FORMAT_XBGR8888, DRM_FORMAT_ABGR8888,
		DRM_FORMAT_BGRX8888, DRM_FORMAT_RGBA8888 };
	const struct rect rect = { 5, 6, 333, 1001 };
	struct peer peer;
	peer_open_with(&peer, 0);
	display_set_scanout(peer.display, 2, 400, 1100);
	for (size_t i = 0; i < ARRAY_SIZE(formats); i++) {
		struct image *image = create_image(400, 1100, formats[i]);
		struct image *expected = image_create(400, 1100, DRM_FORMAT_XRGB8888);
		const struct rect all = { 0, 0, 400, 1100 };
		image_copy(expected, 0, 0, image, &all);
		CHECK_INT(display_update(peer.display, 2, &rect, image, 50, 70), 0);
		if (i == 0)
			expect_size(&peer, 2, 400, 1100);
		expect_update(&peer, 2, &rect, expected, 50, 70);
		peer_run(&peer);
		CHECK_INT(image->refs, 1);
		image_unref(image);
		image_unref(expected);
	}
	peer_finish(&peer);
}

/* A row that is longer than the memory for conversions, one after the other. */
static void converts_the_widest_rows(void)
{
	struct peer peer;
	struct image *image = create_image(IMAGE_MAX_SIDE, 9, DRM_FORMAT_RGBX8888);
	struct image *expected = image_create(IMAGE_MAX_SIDE, 9, DRM_FORMAT_XRGB8888);
	const struct rect all = { 0, 0, IMAGE_MAX_SIDE, 9 };
	image_copy(expected, 0, 0, image, &all);
	peer_open_with(&peer, 0);
	peer_narrow(&peer);
	display_set_scanout(peer.display, 0, IMAGE_MAX_SIDE, 9);
	CHECK_INT(display_update(peer.display, 0, &all, image, 0, 0), 0);
	expect_size(&peer, 0, IMAGE_MAX_SIDE, 9);
	expect_update(&peer, 0, &all, expected, 0, 0);
	image_unref(expected);
	image_unref(image);
	peer_finish(&peer);
}

static void refuses_updates_beyond_a_message(void)
{
	static uint8_t pixels[(IMAGE_MAX_SIDE + 1) * 4];
	const struct image like = { .kind = IMAGE_PIXELS,
		.width = IMAGE_MAX_SIDE + 1,
		.height = 1,
		.stride = sizeof(pixels),
		.fourcc = DRM_FORMAT_XRGB8888,
		.pixels = pixels };
	const struct rect all = { 0, 0, IMAGE_MAX_SIDE + 1, 1 };
	struct peer peer;
	struct image *image = image_create_foreign(&like, NULL, NULL);
	peer_open_with(&peer, 0);
	display_set_scanout(peer.display, 0, UINT32_MAX, UINT32_MAX);
	CHECK_INT(display_update(peer.display, 0, &all, image, 0, 0), -EMSGSIZE);
	CHECK(display_scanout_ready(peer.display, 0));
	CHECK_INT(image->refs, 1);
	image_unref(image);
	peer_finish(&peer);
}

/* The peer reads a few bytes at a time from a socket that holds little. */
static void waits_for_slow_peers(void)
{
	const struct rect all = { 0, 0, 200, 150 };
	const size_t size = 24 + 32 + 200 * 150 * 4;
	struct peer peer;
	struct image *image = create_image(200, 150, DRM_FORMAT_XRGB8888);
	uint8_t *got = malloc(size);
	peer_open_with(&peer, PEER_FEATURES_ALL);
	peer_narrow(&peer);
	display_set_scanout(peer.display, 1, 200, 150);
	peer_run(&peer);
	int ready = peer.ready[1];
	CHECK_INT(display_update(peer.display, 1, &all, image, 0, 0), 0);
	size_t have = 0;
	for (size_t step = 1; have < size; step = step % 1021 + 10) {
		size_t n = min_size(step, size - have);
		peer_read(&peer, got + have, n);
		have += n;
		if (have < size / 2) {
			CHECK(!display_scanout_ready(peer.display, 1));
			CHECK_INT(peer.ready[1], ready);
		}
	}
	peer_run(&peer);
	CHECK_INT(peer.ready[1], ready + 1);
	CHECK_MEM(got + size - 200 * 150 * 4, image->pixels, 200 * 150 * 4);
	free(got);
	image_unref(image);
	peer_finish(&peer);
}

/* Leaves the display in the midst of an update of scanout 0 that its peer does not read. */
static struct image *fill_socket(struct peer *peer)
{
	const struct rect all = { 0, 0, 512, 512 };
	struct image *image = create_image(512, 512, DRM_FORMAT_XRGB8888);
	peer_narrow(peer);
	display_set_scanout(peer->display, 0, 512, 512);
	CHECK_INT(display_update(peer->display, 0, &all, image, 0, 0), 0);
	peer_run(peer);
	CHECK(!display_scanout_ready(peer->display, 0));
	CHECK_INT(image->refs, 2);
	return image;
}

static void drain_socket(struct peer *peer, struct image *image)
{
	const struct rect all = { 0, 0, 512, 512 };
	expect_size(peer, 0, 512, 512);
	expect_update(peer, 0, &all, image, 0, 0);
	image_unref(image);
}

static void drops_updates_out_of_date(void)
{
	struct peer peer;
	const struct rect small = { 0, 0, 8, 8 };
	peer_open_with(&peer, PEER_FEATURES_ALL);
	struct image *first = fill_socket(&peer);
	struct image *stale = create_image(8, 8, DRM_FORMAT_RGBA8888);
	struct image *fresh = create_image(8, 8, DRM_FORMAT_XRGB8888);
	display_set_scanout(peer.display, 1, 32, 32);
	peer_run(&peer);
	int ready = peer.ready[1];
	CHECK_INT(display_update(peer.display, 1, &small, stale, 0, 0), 0);
	display_set_scanout(peer.display, 1, 32, 32); /* nothing new: stays */
	CHECK(!display_scanout_ready(peer.display, 1));
	display_set_scanout(peer.display, 1, 16, 16);
	CHECK_INT(stale->refs, 1);
	CHECK(display_scanout_ready(peer.display, 1));
	peer_run(&peer);
	CHECK_INT(peer.ready[1], ready + 1);
	CHECK_INT(display_update(peer.display, 1, &small, fresh, 0, 0), 0);

	/* What has begun is finished, whatever is wanted meanwhile. */
	display_set_scanout(peer.display, 0, 0, 0);
	CHECK_INT(first->refs, 2);
	drain_socket(&peer, first);
	expect_size(&peer, 1, 16, 16);
	expect_update(&peer, 1, &small, fresh, 0, 0);
	expect_size(&peer, 0, 0, 0);
	image_unref(stale);
	image_unref(fresh);
	peer_finish(&peer);
}

/* However much the socket takes, others have a turn in between. */
static void writes_in_turns(void)
{
	const struct rect all = { 0, 0, 1024, 1536 };
	int room = 0, pending = 0;
	socklen_t size = sizeof(room);
	struct peer peer;
	struct image *image = create_image(1024, 1536, DRM_FORMAT_XRGB8888);
	peer_open_with(&peer, PEER_FEATURES_ALL);
	CHECK_INT(getsockopt(peer.display_sock, SOL_SOCKET, SO_SNDBUF, &room, &size), 0);
	if (room < 8 * 1024 * 1024)
		test_skip("sockets hold only %d bytes", room);
	display_set_scanout(peer.display, 0, 1024, 1536);
	CHECK_INT(display_update(peer.display, 0, &all, image, 0, 0), 0);
	CHECK_INT(loop_round(peer.loop, 0), 0);
	CHECK_INT(ioctl(peer.sock, FIONREAD, &pending), 0);
	CHECK(pending > 0 && pending < 3 * 1024 * 1024);
	CHECK(!display_scanout_ready(peer.display, 0));
	expect_size(&peer, 0, 1024, 1536);
	expect_update(&peer, 0, &all, image, 0, 0);
	image_unref(image);
	peer_finish(&peer);
}

static void update_again(struct peer *peer, uint32_t scanout)
{
	static struct image *image; /* lives as the process */
	const struct rect small = { 0, 0, 8, 8 };
	if (!image)
		image = create_image(8, 8, DRM_FORMAT_XRGB8888);
	if (peer->ready[scanout] <= 20)
		CHECK_INT(display_update(peer->display, scanout, &small, image, 0, 0), 0);
}

/* A device that answers each `ready` with the next update gets exactly one at a time. */
static void goes_on_from_ready(void)
{
	struct peer peer;
	peer_open_with(&peer, PEER_FEATURES_ALL);
	peer.on_ready = update_again;
	display_set_scanout(peer.display, 0, 8, 8);
	expect_size(&peer, 0, 8, 8);
	for (int i = 0; i < 20; i++)
		peer_expect(&peer, VHOST_USER_GPU_UPDATE, 20 + 8 * 8 * 4);
	peer_expect_nothing(&peer);
	CHECK_INT(peer.ready[0], 21);
	peer_finish(&peer);
}

static void expect_cursor(struct peer *peer, uint32_t request, uint32_t x, uint32_t y)
{
	const uint32_t expected[] = { 4, x, y };
	bool update = request == VHOST_USER_GPU_CURSOR_UPDATE;
	peer_expect(peer, request, update ? 16404 : sizeof(expected));
	CHECK_MEM(peer->payload, expected, sizeof(expected));
}

static void sends_cursors(void)
{
	uint32_t pixels[64 * 64];
	const uint32_t hot[] = { 7, 9 };
	struct peer peer;
	for (uint32_t i = 0; i < ARRAY_SIZE(pixels); i++)
		pixels[i] = i * 0x01030507u;
	peer_open_with(&peer, PEER_FEATURES_ALL);
	display_cursor_update(peer.display, &(struct display_cursor){ 4, 10, 20, 7, 9 }, pixels);
	expect_cursor(&peer, VHOST_USER_GPU_CURSOR_UPDATE, 10, 20);
	CHECK_MEM(peer.payload + 12, hot, sizeof(hot));
	CHECK_MEM(peer.payload + 20, pixels, sizeof(pixels));
	display_cursor_move(peer.display, &(struct display_cursor){ 4, 11, 22, 0, 0 });
	expect_cursor(&peer, VHOST_USER_GPU_CURSOR_POS, 11, 22);
	display_cursor_hide(peer.display, &(struct display_cursor){ 4, 12, 23, 0, 0 });
	expect_cursor(&peer, VHOST_USER_GPU_CURSOR_POS_HIDE, 12, 23);
	peer_finish(&peer);
}

static void merges_unsent_cursors(void)
{
	static const uint32_t old[64 * 64], new[64 * 64] = { 1, 2, 3 };
	struct peer peer;
	peer_open_with(&peer, PEER_FEATURES_ALL);
	struct image *image = fill_socket(&peer);
	display_cursor_update(peer.display, &(struct display_cursor){ 4, 0, 0, 0, 0 }, old);
	display_cursor_move(peer.display, &(struct display_cursor){ 4, 1, 1, 0, 0 });
	display_cursor_update(peer.display, &(struct display_cursor){ 4, 2, 2, 0, 0 }, new);
	for (uint32_t i = 0; i < 1000; i++)
		display_cursor_move(peer.display, &(struct display_cursor){ 4, i, 2 * i, 0, 0 });
	drain_socket(&peer, image);
	expect_cursor(&peer, VHOST_USER_GPU_CURSOR_UPDATE, 999, 1998);
	CHECK_MEM(peer.payload + 20, new, sizeof(new));
	peer_expect_nothing(&peer);

	image = fill_socket(&peer);
	display_cursor_update(peer.display, &(struct display_cursor){ 4, 2, 2, 0, 0 }, new);
	display_cursor_hide(peer.display, &(struct display_cursor){ 4, 5, 6, 0, 0 });
	const struct rect all = { 0, 0, 512, 512 };
	expect_update(&peer, 0, &all, image, 0, 0);
	expect_cursor(&peer, VHOST_USER_GPU_CURSOR_UPDATE, 5, 6);
	expect_cursor(&peer, VHOST_USER_GPU_CURSOR_POS_HIDE, 5, 6);
	image_unref(image);
	peer_finish(&peer);
}

/* The cursor hot point of a move is that of the last image, not of the move. */
static void keeps_the_hot_point(void)
{
	static const uint32_t pixels[64 * 64];
	const uint32_t hot[] = { 31, 17 };
	struct peer peer;
	peer_open_with(&peer, PEER_FEATURES_ALL);
	struct image *image = fill_socket(&peer);
	display_cursor_update(peer.display, &(struct display_cursor){ 4, 1, 2, 31, 17 }, pixels);
	display_cursor_move(peer.display, &(struct display_cursor){ .scanout = 4, .x = 3, .y = 4 });
	drain_socket(&peer, image);
	expect_cursor(&peer, VHOST_USER_GPU_CURSOR_UPDATE, 3, 4);
	CHECK_MEM(peer.payload + 12, hot, sizeof(hot));
	peer_finish(&peer);
}

/* Neither cursors nor the pictures of one scanout keep the other things from being sent. */
static void takes_turns(void)
{
	static const uint32_t pixels[64 * 64];
	const struct rect small = { 0, 0, 8, 8 };
	struct peer peer;
	peer_open_with(&peer, PEER_FEATURES_ALL);
	struct image *blocker = fill_socket(&peer);
	struct image *image = create_image(8, 8, DRM_FORMAT_XRGB8888);
	for (uint32_t i = 4; i < 7; i++) {
		display_set_scanout(peer.display, i, 8, 8);
		CHECK_INT(display_update(peer.display, i, &small, image, 0, 0), 0);
	}
	display_cursor_update(peer.display, &(struct display_cursor){ .scanout = 4 }, pixels);
	drain_socket(&peer, blocker);
	peer_run(&peer);
	/* The first one does not fit into the socket at once, so this one is another. */
	display_cursor_update(peer.display, &(struct display_cursor){ .scanout = 4 }, pixels);
	expect_cursor(&peer, VHOST_USER_GPU_CURSOR_UPDATE, 0, 0);
	expect_size(&peer, 5, 8, 8);
	expect_update(&peer, 5, &small, image, 0, 0);
	expect_size(&peer, 6, 8, 8);
	expect_update(&peer, 6, &small, image, 0, 0);
	expect_size(&peer, 4, 8, 8);
	expect_update(&peer, 4, &small, image, 0, 0);
	expect_cursor(&peer, VHOST_USER_GPU_CURSOR_UPDATE, 0, 0);
	image_unref(image);
	peer_finish(&peer);
}

int main(int argc, char **argv)
{
	static const struct test_case cases[] = {
		TEST_CASE(asks_for_features),
		TEST_CASE(sends_pixels),
		TEST_CASE(sends_sizes_when_they_change),
		TEST_CASE(says_off_once),
		TEST_CASE(sends_any_stride),
		TEST_CASE(converts_formats),
		TEST_CASE(converts_the_widest_rows),
		TEST_CASE(refuses_updates_beyond_a_message),
		TEST_CASE(waits_for_slow_peers),
		TEST_CASE(drops_updates_out_of_date),
		TEST_CASE(writes_in_turns),
		TEST_CASE(goes_on_from_ready),
		TEST_CASE(sends_cursors),
		TEST_CASE(merges_unsent_cursors),
		TEST_CASE(keeps_the_hot_point),
		TEST_CASE(takes_turns),
	};
	return test_main(argc, argv, cases, ARRAY_SIZE(cases));
}
