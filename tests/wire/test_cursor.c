/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/* The cursor queue: pictures, places, and all that is odd about them. */
#include <stdlib.h>

#include "wire.h"

#define SIDE VHOST_USER_GPU_CURSOR_SIDE
#define ARGB VIRTIO_GPU_FORMAT_B8G8R8A8_UNORM

/* A cursor of some size with every pixel another colour, and alpha of all values. */
static struct kit_surface make_cursor(
	struct kit_machine *m, uint32_t id, uint32_t width, uint32_t height)
{
	struct kit_surface s = wire_surface(m, id, ARGB, width, height);
	for (uint32_t i = 0; i < width * height; i++) {
		uint32_t pixel = i * 0x01030507u;
		kit_surface_write(&s, (uint64_t)i * 4, &pixel, sizeof(pixel));
	}
	CHECK_GOOD(m, kit_gpu_transfer_2d(&m->gpu, id, kit_rect(0, 0, width, height), 0));
	return s;
}

static struct virtio_gpu_update_cursor at(uint32_t id, uint32_t x, uint32_t y)
{
	return (struct virtio_gpu_update_cursor){
		.pos = { .x = x, .y = y }, .resource_id = id, .hot_x = 3, .hot_y = 4
	};
}

struct expecting {
	const struct kit_cursor *cursor;
	bool visible;
	uint32_t x, y;
};

static bool is_there(void *data)
{
	const struct expecting *e = data;
	return e->cursor->visible == e->visible &&
		(!e->visible || (e->cursor->x == e->x && e->cursor->y == e->y));
}

static void expect_cursor(struct kit_machine *m, bool visible, uint32_t x, uint32_t y)
{
	struct expecting e = { &m->display.cursor, visible, x, y };
	if (kit_wait(&m->kit, is_there, &e, -1) < 0)
		test_fail(__FILE__, __LINE__, "cursor %s at %u,%u instead of %s at %u,%u",
			m->display.cursor.visible ? "shown" : "hidden", m->display.cursor.x,
			m->display.cursor.y, visible ? "shown" : "hidden", x, y);
}

static bool has_alpha(uint32_t format)
{
	return format == VIRTIO_GPU_FORMAT_B8G8R8A8_UNORM ||
		format == VIRTIO_GPU_FORMAT_A8R8G8B8_UNORM ||
		format == VIRTIO_GPU_FORMAT_R8G8B8A8_UNORM ||
		format == VIRTIO_GPU_FORMAT_A8B8G8R8_UNORM;
}

/* The colour and alpha of pixel i of a picture in which all are different. */
static uint32_t test_pixel(uint32_t i)
{
	return i * 0x01030507u + 0x2468;
}

static struct kit_surface make_formatted(
	struct kit_machine *m, uint32_t format, uint32_t width, uint32_t height)
{
	struct kit_surface s = wire_surface(m, 2, format, width, height);
	for (uint32_t i = 0; i < width * height; i++) {
		uint8_t bytes[4];
		uint8_t alpha = (uint8_t)(test_pixel(i) >> 24);
		kit_pixel_encode(format, test_pixel(i) & KIT_RGB, alpha, bytes);
		kit_surface_write(&s, (uint64_t)i * 4, bytes, sizeof(bytes));
	}
	CHECK_GOOD(m, kit_gpu_transfer_2d(&m->gpu, 2, kit_rect(0, 0, width, height), 0));
	return s;
}

/* The left upper corner, 64 x 64, transparent where the picture is smaller; without alpha it is
 * opaque. */
static void check_formatted(struct kit_machine *m, uint32_t format, uint32_t width, uint32_t height)
{
	for (uint32_t y = 0; y < SIDE; y++)
		for (uint32_t x = 0; x < SIDE; x++) {
			uint32_t expected = test_pixel(y * width + x);
			if (!has_alpha(format))
				expected |= 0xff000000;
			if (x >= width || y >= height)
				expected = 0;
			if (m->display.cursor.pixels[y * SIDE + x] != expected)
				test_fail(__FILE__, __LINE__,
					"%s, %u x %u: %u,%u is %08x, not %08x",
					kit_format_name(format), width, height, x, y,
					m->display.cursor.pixels[y * SIDE + x], expected);
		}
}

static void show_formatted(struct kit_machine *m, uint32_t format, uint32_t width, uint32_t height)
{
	struct kit_surface s = make_formatted(m, format, width, height);
	uint32_t updates = m->display.cursor.updates;
	CHECK_GOOD(m, kit_gpu_update_cursor(&m->gpu, at(2, updates, width)));
	expect_cursor(m, true, updates, width);
	CHECK_INT(m->display.cursor.updates, updates + 1);
	check_formatted(m, format, width, height);
	CHECK_GOOD(m, kit_gpu_unref(&m->gpu, 2));
	kit_surface_finish(&s);
}

/* Of any size, cut off and filled up to what the protocol has. */
static void odd_sizes(void)
{
	static const uint32_t sizes[][2] = { { 1, 1 }, { 63, 64 }, { 64, 63 }, { 63, 65 },
		{ 65, 63 }, { 32, 32 }, { 65, 65 }, { 128, 128 }, { 256, 256 }, { 1, 256 },
		{ 16384, 1 }, { 1, 16384 } };
	struct kit_machine *m = wire_machine("none", NULL);
	for (uint32_t i = 0; i < ARRAY_SIZE(sizes); i++)
		show_formatted(m, ARGB, sizes[i][0], sizes[i][1]);
	wire_end(m);
}

static void formats(void)
{
	static const uint32_t sizes[][2] = { { 1, 1 }, { 24, 48 }, { 64, 64 }, { 256, 256 } };
	struct kit_machine *m = wire_machine("none", NULL);
	for (size_t i = 0; i < ARRAY_SIZE(kit_formats); i++)
		for (size_t k = 0; k < ARRAY_SIZE(sizes); k++)
			show_formatted(m, kit_formats[i], sizes[k][0], sizes[k][1]);
	wire_end(m);
}

/* Each output has a cursor of its own. */
static void on_every_output(void)
{
	struct kit_machine *m = wire_machine("none", NULL);
	struct kit_surface s = make_cursor(m, 1, SIDE, SIDE);
	for (uint32_t i = 0; i < VIRTIO_GPU_MAX_SCANOUTS; i++) {
		struct virtio_gpu_update_cursor cursor = at(1, 10 + i, 20);
		cursor.pos.scanout_id = i;
		CHECK_GOOD(m, kit_gpu_update_cursor(&m->gpu, cursor));
		expect_cursor(m, true, 10 + i, 20);
		CHECK_INT(m->display.cursor.scanout, i);
	}
	for (uint32_t i = 0; i < VIRTIO_GPU_MAX_SCANOUTS; i++) {
		CHECK_GOOD(m, kit_gpu_move_cursor(&m->gpu, i, 100 + i, 200));
		expect_cursor(m, true, 100 + i, 200);
		CHECK_INT(m->display.cursor.scanout, i);
	}
	CHECK_INT(m->display.cursor.updates, VIRTIO_GPU_MAX_SCANOUTS);
	kit_surface_finish(&s);
	wire_end(m);
}

int main(int argc, char **argv)
{
	static const struct test_case cases[] = {
		TEST_CASE(odd_sizes),
		TEST_CASE(formats),
		TEST_CASE(on_every_output),
	};
	return test_main(argc, argv, cases, ARRAY_SIZE(cases));
}
