/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/*
 * Whoever shows the picture: it answers anything at any time, reads slowly or not at all, or goes, while
 * the device shows images of every kind (tests/unit/display_peer.h). Questions end exactly once.
 */
#include <sys/mman.h>

#include "display_answers.h"
#include "display_peer.h"
#include "fuzz.h"
#include "util/fd.h"
#include "util/fourcc.h"
#include "util/image.h"

#define MOST_STEPS 300u
#define SIDE       48u
#define SCATTERED  (SIDE * SIDE * 4)

static struct peer peer;
static struct {
	struct fuzz_input input;
	uint32_t open_questions;
	struct {
		uint32_t width, height;
	} scanouts[DISPLAY_MAX_SCANOUTS];
	struct rect views[DISPLAY_MAX_SCANOUTS]; /* of what was set as a dma-buf; empty: is none */
	uint8_t memory[SCATTERED];
} test;

static void info_done(void *data, int status, const struct display_mode *modes)
{
	CHECK(test.open_questions > 0);
	CHECK((status == 0) == (modes != NULL));
	test.open_questions--;
}

static void edid_done(void *data, int status, const uint8_t *edid, uint32_t size)
{
	CHECK(test.open_questions > 0);
	CHECK(status < 0 || (size > 0 && size <= DISPLAY_EDID_MAX));
	test.open_questions--;
}

static uint32_t some_scanout(void)
{
	return fuzz_below(&test.input, DISPLAY_MAX_SCANOUTS) % 3;
}

static void ask_info(void)
{
	if (display_get_info(peer.display, info_done, NULL) == 0)
		test.open_questions++;
}

static void ask_edid(void)
{
	if (display_get_edid(peer.display, some_scanout(), edid_done, NULL) == 0)
		test.open_questions++;
}

static void set_scanout(void)
{
	uint32_t scanout = some_scanout();
	uint32_t width = fuzz_below(&test.input, SIDE), height = fuzz_below(&test.input, SIDE);
	test.scanouts[scanout].width = width;
	test.scanouts[scanout].height = height;
	test.views[scanout] = (struct rect){ 0 };
	display_set_scanout(peer.display, scanout, width, height);
}

static uint32_t some_fourcc(void)
{
	static const uint32_t fourccs[] = { FOURCC_XRGB8888, FOURCC_ARGB8888, FOURCC_XBGR8888,
		FOURCC_ABGR8888, FOURCC_RGBX8888, FOURCC_RGBA8888, FOURCC_BGRX8888,
		FOURCC_BGRA8888 };
	return fourccs[fuzz_below(&test.input, ARRAY_SIZE(fourccs))];
}

/* Its pixels lie in two pieces, which may end inside of one. */
static struct image *scattered_image(struct image_piece pieces[2])
{
	uint32_t middle = 1 + fuzz_u16(&test.input) % (SCATTERED - 1);
	pieces[0] = (struct image_piece){ 0, test.memory };
	pieces[1] = (struct image_piece){ middle, test.memory };
	const struct image like = {
		.kind = IMAGE_SCATTERED,
		.width = SIDE,
		.height = SIDE,
		.fourcc = some_fourcc(),
		.stride = (size_t)SIDE * 4,
		.pieces = pieces,
		.piece_count = 2,
		.pieces_size = SCATTERED,
	};
	return image_create_foreign(&like, NULL, test.memory);
}

/* Its memory goes in the middle of being written, now and then. */
static void update(void)
{
	struct image_piece pieces[2];
	uint32_t scanout = some_scanout();
	uint32_t width = test.scanouts[scanout].width, height = test.scanouts[scanout].height;
	uint32_t bits = fuzz_u8(&test.input);
	if (!display_scanout_ready(peer.display, scanout) || test.views[scanout].w || !width ||
		!height)
		return;
	struct rect rect = { fuzz_u8(&test.input) % width, fuzz_u8(&test.input) % height, 0, 0 };
	rect.w = 1 + fuzz_u8(&test.input) % (width - rect.x);
	rect.h = 1 + fuzz_u8(&test.input) % (height - rect.y);
	struct image *image =
		bits & 1 ? scattered_image(pieces) : image_create(SIDE, SIDE, some_fourcc());
	CHECK(image);
	CHECK_INT(display_update(peer.display, scanout, &rect, image, rect.x, rect.y), 0);
	if (bits & 2)
		peer_run(&peer);
	if (peer.display)
		display_release_memory(peer.display, bits & 1 ? (const void *)test.memory : &peer);
	image_unref(image);
}

static void set_dmabuf(void)
{
	uint32_t scanout = some_scanout();
	uint32_t bits = fuzz_u8(&test.input);
	struct image like = {
		.kind = IMAGE_DMABUF,
		.width = SIDE,
		.height = SIDE,
		.fourcc = some_fourcc(),
		.fds = { memfd_create("dmabuf", MFD_CLOEXEC), -1, -1, -1 },
		.strides = { SIDE * 4 },
		.offsets = { bits & 1 ? 64 : 0 },
		.planes = bits & 2 ? 2 : 1,
		.modifier = bits & 4 ? fuzz_u64(&test.input) : 0,
		.y_0_top = bits & 8,
		.shared_memory = bits & 32,
	};
	struct rect view = { 0, 0, SIDE, SIDE };
	if (bits & 16)
		view = (struct rect){ 1, 2, SIDE - 2, SIDE - 3 };
	if (like.planes == 2)
		like.fds[1] = fd_dup(like.fds[0]);
	struct image *image = image_create_foreign(&like, NULL, NULL);
	CHECK(image);
	if (display_set_dmabuf(peer.display, scanout, image, &view) == 0)
		test.views[scanout] = view;
	image_unref(image);
}

static void update_dmabuf(void)
{
	uint32_t scanout = some_scanout();
	const struct rect rect = { 0, 0, 1 + fuzz_below(&test.input, 8), 1 };
	if (!test.views[scanout].w || !display_scanout_ready(peer.display, scanout))
		return;
	if (display_update_dmabuf(peer.display, scanout, &rect) < 0)
		set_scanout();
}

static void show_cursor(void)
{
	static uint32_t pixels[64 * 64];
	const struct display_cursor cursor = {
		.scanout = some_scanout(),
		.x = fuzz_number(&test.input),
		.y = fuzz_number(&test.input),
		.hot_x = fuzz_number(&test.input),
		.hot_y = fuzz_number(&test.input),
	};
	switch (fuzz_below(&test.input, 3)) {
	case 0:
		display_cursor_update(peer.display, &cursor, pixels);
		break;
	case 1:
		display_cursor_move(peer.display, &cursor);
		break;
	default:
		display_cursor_hide(peer.display, &cursor);
	}
}

static void answer(void)
{
	display_answer(&test.input, peer.sock);
}

static void drain(void)
{
	display_drain(&test.input, peer.sock);
}

static void wait_long(void)
{
	fuzz_clock_advance(1 + fuzz_number(&test.input) % 3000);
}

static void leave(void)
{
	if (fuzz_below(&test.input, 4) == 3)
		peer_close(&peer);
}

static void (*const steps[])(void) = {
	answer,
	answer,
	answer,
	drain,
	drain,
	ask_info,
	ask_edid,
	set_scanout,
	update,
	update,
	set_dmabuf,
	update_dmabuf,
	show_cursor,
	wait_long,
	leave,
};

static void finish(void)
{
	bool gone = peer.closed || !peer.display;
	peer_close(&peer);
	peer_finish(&peer);
	CHECK(!gone || peer.closed == 1);
	CHECK_INT(test.open_questions, 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
	memset(&test, 0, sizeof(test));
	test.input = fuzz_begin(bytes, size);
	uint8_t bits = fuzz_u8(&test.input);
	peer_open(&peer);
	peer.destroy_when_closed = bits & 1;
	if (bits & 2)
		peer_narrow(&peer);
	for (uint32_t i = 0; i < MOST_STEPS && test.input.left > 0 && peer.display; i++) {
		steps[fuzz_below(&test.input, ARRAY_SIZE(steps))]();
		fuzz_memory_short(&test.input);
		if (fuzz_bit(&test.input))
			peer_run(&peer);
		fuzz_memory_back();
	}
	finish();
	return 0;
}
