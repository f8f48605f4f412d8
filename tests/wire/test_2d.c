/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/* 2D resources: what a guest draws is what the display shows, pixel by pixel. */
#include <stdlib.h>

#include "wire.h"

#define W 200u
#define H 150u

/* All eight formats, with what the display protocol makes of them. */
static void formats(void)
{
	struct kit_machine *m = wire_machine("none", NULL);
	struct kit_picture *picture = wire_pattern(W, H, 1);
	for (uint32_t i = 0; i < ARRAY_SIZE(kit_formats); i++) {
		struct kit_surface s = wire_surface(m, i + 1, kit_formats[i], W, H);
		kit_picture_pattern(picture, kit_rect(0, 0, W, H), i);
		CHECK_GOOD(m, kit_gpu_set_scanout(&m->gpu, 0, i + 1, kit_rect(0, 0, W, H)));
		wire_show(m, &s, picture);
		if (kit_display_wait_picture(&m->display, 0, picture) < 0)
			test_fail(__FILE__, __LINE__, "%s: %s", kit_format_name(kit_formats[i]),
				m->kit.why);
		kit_surface_finish(&s);
	}
	kit_picture_destroy(picture);
	wire_end(m);
}

/* A new resource is black, not what was in memory before. */
static void new_resources_are_black(void)
{
	struct kit_machine *m = wire_machine("none", NULL);
	struct kit_picture *black = kit_picture_create(W, H);
	struct kit_picture *picture = wire_pattern(W, H, 1);
	for (uint32_t i = 0; i < 4; i++) {
		struct kit_surface s = wire_surface(m, 1, VIRTIO_GPU_FORMAT_B8G8R8X8_UNORM, W, H);
		CHECK_GOOD(m, kit_gpu_set_scanout(&m->gpu, 0, 1, kit_rect(0, 0, W, H)));
		CHECK_GOOD(m, kit_gpu_flush(&m->gpu, 1, kit_rect(0, 0, W, H)));
		CHECK_PICTURE(m, 0, black);
		wire_show(m, &s, picture);
		CHECK_PICTURE(m, 0, picture);
		CHECK_GOOD(m, kit_gpu_unref(&m->gpu, 1));
		kit_surface_finish(&s);
	}
	kit_picture_destroy(black);
	kit_picture_destroy(picture);
	wire_end(m);
}

/* Rectangles of all places and sizes: only what was transferred and flushed changes. */
static void partial_rectangles(void)
{
	static const struct virtio_gpu_rect rects[] = {
		{ 0, 0, 1, 1 },
		{ W - 1, H - 1, 1, 1 },
		{ 0, 0, W, 1 },
		{ 0, H - 1, W, 1 },
		{ 0, 0, 1, H },
		{ W - 1, 0, 1, H },
		{ 17, 13, 31, 29 },
		{ 1, 1, W - 2, H - 2 },
		{ W / 2, H / 2, W / 2, H / 2 },
		{ 0, 0, W, H },
	};
	struct kit_machine *m = wire_machine("none", NULL);
	struct kit_picture *shown = kit_picture_create(W, H);
	struct kit_picture *drawn = kit_picture_create(W, H);
	struct kit_surface s = wire_surface(m, 1, VIRTIO_GPU_FORMAT_B8G8R8A8_UNORM, W, H);
	CHECK_GOOD(m, kit_gpu_set_scanout(&m->gpu, 0, 1, kit_rect(0, 0, W, H)));
	CHECK_GOOD(m, kit_gpu_flush(&m->gpu, 1, kit_rect(0, 0, W, H)));
	for (uint32_t i = 0; i < ARRAY_SIZE(rects); i++) {
		/* everything changes in the guest's memory, the rectangle only reaches the host */
		kit_picture_pattern(drawn, kit_rect(0, 0, W, H), 100 + i);
		kit_surface_draw(&s, drawn);
		kit_picture_copy(shown, rects[i].x, rects[i].y, drawn, rects[i]);
		CHECK_GOOD(m, kit_surface_show(&s, rects[i]));
		CHECK_PICTURE(m, 0, shown);
	}
	kit_surface_finish(&s);
	kit_picture_destroy(shown);
	kit_picture_destroy(drawn);
	wire_end(m);
}

/* `offset` is where the rectangle's first pixel lies in the backing: any will do, rows follow at
 * the resource's own stride. */
static void offsets(void)
{
	static const uint64_t offsets[] = { 0, 4, W * 4, W * 4 * 10 + 40, 2, 399 };
	struct kit_machine *m = wire_machine("none", NULL);
	struct kit_picture *shown = kit_picture_create(W, H);
	uint8_t *backing = malloc(W * H * 4);
	struct kit_surface s = wire_surface(m, 1, VIRTIO_GPU_FORMAT_B8G8R8X8_UNORM, W, H);
	CHECK(backing);
	for (uint32_t i = 0; i < W * H * 4; i++)
		backing[i] = (uint8_t)((i * 2654435761u) >> 24);
	kit_surface_write(&s, 0, backing, W * H * 4);
	CHECK_GOOD(m, kit_gpu_set_scanout(&m->gpu, 0, 1, kit_rect(0, 0, W, H)));
	for (size_t i = 0; i < ARRAY_SIZE(offsets); i++) {
		struct virtio_gpu_rect rect = { 3, 5, 50, 40 };
		for (uint32_t y = 0; y < rect.height; y++)
			for (uint32_t x = 0; x < rect.width; x++)
				shown->pixels[(rect.y + y) * W + rect.x + x] = kit_pixel_decode(
					s.format, backing + offsets[i] + (y * W + x) * 4);
		CHECK_GOOD(m, kit_gpu_transfer_2d(&m->gpu, 1, rect, offsets[i]));
		CHECK_GOOD(m, kit_gpu_flush(&m->gpu, 1, kit_rect(0, 0, W, H)));
		CHECK_PICTURE(m, 0, shown);
	}
	free(backing);
	kit_surface_finish(&s);
	kit_picture_destroy(shown);
	wire_end(m);
}

/* Backing in pieces, from single pages down to pieces that cut pixels in two. */
static void scattered_backing(void)
{
	static const uint32_t chunks[] = { 4096, 1000, 4, 777, 6, 3 };
	struct kit_machine *m = wire_machine("none", NULL);
	struct kit_picture *picture = wire_pattern(64, 60, 1);
	for (uint32_t i = 0; i < ARRAY_SIZE(chunks); i++) {
		struct virtio_gpu_resource_create_2d like = { .resource_id = i + 1,
			.width = 64,
			.height = 60,
			.format = VIRTIO_GPU_FORMAT_R8G8B8X8_UNORM };
		struct kit_surface s = wire_surface_chunked(m, &like, chunks[i]);
		kit_picture_pattern(picture, kit_rect(0, 0, 64, 60), i);
		CHECK_GOOD(m, kit_gpu_set_scanout(&m->gpu, 0, i + 1, kit_rect(0, 0, 64, 60)));
		wire_show(m, &s, picture);
		CHECK_PICTURE(m, 0, picture);
		kit_surface_finish(&s);
	}
	kit_picture_destroy(picture);
	wire_end(m);
}

/* 16384 entries, as many as QEMU's own device takes. */
static void many_entries(void)
{
	struct kit_machine *m = wire_machine("none", NULL);
	struct virtio_gpu_resource_create_2d like = { .resource_id = 1,
		.width = 256,
		.height = 256,
		.format = VIRTIO_GPU_FORMAT_B8G8R8X8_UNORM };
	struct kit_surface s = wire_surface_chunked(m, &like, 16);
	struct kit_picture *picture = wire_pattern(256, 256, 9);
	CHECK_INT(s.count, 16384);
	CHECK_GOOD(m, kit_gpu_set_scanout(&m->gpu, 0, 1, kit_rect(0, 0, 256, 256)));
	wire_show(m, &s, picture);
	CHECK_PICTURE(m, 0, picture);
	kit_surface_finish(&s);
	kit_picture_destroy(picture);
	wire_end(m);
}

/* Detached backing is not looked at; another one can be attached. */
static void detach_and_attach(void)
{
	struct kit_machine *m = wire_machine("none", NULL);
	struct kit_picture *picture = wire_pattern(W, H, 4);
	struct kit_surface s = wire_surface(m, 1, VIRTIO_GPU_FORMAT_B8G8R8X8_UNORM, W, H);
	CHECK_GOOD(m, kit_gpu_set_scanout(&m->gpu, 0, 1, kit_rect(0, 0, W, H)));
	wire_show(m, &s, picture);
	CHECK_PICTURE(m, 0, picture);
	for (int i = 0; i < 3; i++) {
		CHECK_GOOD(m, kit_gpu_detach(&m->gpu, 1));
		CHECK_ERROR(m, kit_gpu_transfer_2d(&m->gpu, 1, kit_rect(0, 0, W, H), 0));
		/* what has been transferred stays */
		CHECK_GOOD(m, kit_gpu_flush(&m->gpu, 1, kit_rect(0, 0, W, H)));
		CHECK_PICTURE(m, 0, picture);
		CHECK_GOOD(m, kit_gpu_attach(&m->gpu, 1, s.entries, s.count));
		kit_picture_pattern(picture, kit_rect(0, 0, W, H), 50u + (uint32_t)i);
		wire_show(m, &s, picture);
		CHECK_PICTURE(m, 0, picture);
	}
	kit_surface_finish(&s);
	kit_picture_destroy(picture);
	wire_end(m);
}

/* Sizes at the edges: one pixel, one row, one column, odd ones, large ones. */
static void sizes(void)
{
	static const uint32_t sizes[][2] = { { 1, 1 }, { 1, 500 }, { 500, 1 }, { 3, 3 },
		{ 641, 479 }, { 1920, 1080 }, { 16384, 2 }, { 2, 16384 } };
	struct kit_machine *m = wire_machine("none", NULL);
	for (uint32_t i = 0; i < ARRAY_SIZE(sizes); i++) {
		uint32_t w = sizes[i][0], h = sizes[i][1];
		struct kit_surface s =
			wire_surface(m, i + 1, VIRTIO_GPU_FORMAT_B8G8R8X8_UNORM, w, h);
		struct kit_picture *picture = wire_pattern(w, h, i);
		CHECK_GOOD(m, kit_gpu_set_scanout(&m->gpu, 0, i + 1, kit_rect(0, 0, w, h)));
		wire_show(m, &s, picture);
		CHECK_PICTURE(m, 0, picture);
		CHECK_GOOD(m, kit_gpu_unref(&m->gpu, i + 1));
		kit_surface_finish(&s);
		kit_picture_destroy(picture);
	}
	wire_end(m);
}

/* Many resources at once, none of which the others spoil. */
static void many_resources(void)
{
	enum { COUNT = 300 };
	struct kit_machine *m = wire_machine("none", NULL);
	struct kit_surface *surfaces = calloc(COUNT, sizeof(*surfaces));
	struct kit_picture *picture = wire_pattern(32, 32, 0);
	CHECK(surfaces);
	for (uint32_t i = 0; i < COUNT; i++) {
		/* ids from all over the number space */
		uint32_t id = i * 0x01000193u + 1;
		surfaces[i] = wire_surface(m, id, VIRTIO_GPU_FORMAT_B8G8R8X8_UNORM, 32, 32);
		kit_picture_pattern(picture, kit_rect(0, 0, 32, 32), i);
		kit_surface_draw(&surfaces[i], picture);
		CHECK_GOOD(m, kit_gpu_transfer_2d(&m->gpu, id, kit_rect(0, 0, 32, 32), 0));
	}
	for (uint32_t i = 0; i < COUNT; i += 13) {
		uint32_t id = surfaces[i].id;
		kit_picture_pattern(picture, kit_rect(0, 0, 32, 32), i);
		CHECK_GOOD(m, kit_gpu_set_scanout(&m->gpu, 0, id, kit_rect(0, 0, 32, 32)));
		CHECK_GOOD(m, kit_gpu_flush(&m->gpu, id, kit_rect(0, 0, 32, 32)));
		CHECK_PICTURE(m, 0, picture);
	}
	for (uint32_t i = 0; i < COUNT; i++) {
		CHECK_GOOD(m, kit_gpu_unref(&m->gpu, surfaces[i].id));
		kit_surface_finish(&surfaces[i]);
	}
	free(surfaces);
	kit_picture_destroy(picture);
	wire_end(m);
}

/* A hundred frames, each flushed before the display has taken the last one: in the end it shows the
 * last one. */
static void last_frame_wins(void)
{
	struct kit_machine *m = wire_machine("none", NULL);
	struct kit_surface s = wire_surface(m, 1, VIRTIO_GPU_FORMAT_B8G8R8X8_UNORM, W, H);
	struct kit_picture *picture = wire_pattern(W, H, 0);
	CHECK_GOOD(m, kit_gpu_set_scanout(&m->gpu, 0, 1, kit_rect(0, 0, W, H)));
	for (uint32_t i = 0; i < 100; i++) {
		kit_picture_pattern(picture, kit_rect(0, 0, W, H), i);
		wire_show(m, &s, picture);
	}
	CHECK_PICTURE(m, 0, picture);
	kit_surface_finish(&s);
	kit_picture_destroy(picture);
	wire_end(m);
}

int main(int argc, char **argv)
{
	static const struct test_case cases[] = {
		TEST_CASE(formats),
		TEST_CASE(new_resources_are_black),
		TEST_CASE(partial_rectangles),
		TEST_CASE(offsets),
		TEST_CASE(scattered_backing),
		TEST_CASE(many_entries),
		TEST_CASE(detach_and_attach),
		TEST_CASE(sizes),
		TEST_CASE(many_resources),
		TEST_CASE(last_frame_wins),
	};
	return test_main(argc, argv, cases, ARRAY_SIZE(cases));
}
