/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/* 2D resources: what a guest draws is what the display shows, pixel by pixel. */
#include <stdlib.h>

#include "kit/conform/guest.h"
#include "util/checked.h"

#define W 200u
#define H 150u

static void format(struct conform *c)
{
	struct kit_machine *m = conform_machine(c, NULL);
	uint32_t number = kit_formats[c->variant];
	struct kit_picture *picture = conform_pattern(W, H, number);
	struct kit_surface s = conform_surface(m, 1, number, W, H);
	CHECK_GOOD(m, kit_gpu_set_scanout(&m->gpu, 0, 1, kit_rect(0, 0, W, H)));
	conform_show(m, &s, picture);
	CHECK_PICTURE(m, 0, picture);
	kit_surface_finish(&s);
	kit_picture_destroy(picture);
	conform_end(c, m);
}

/* A new resource is black, not what was in memory before. */
static void new_resources_are_black(struct conform *c)
{
	struct kit_machine *m = conform_machine(c, NULL);
	struct kit_picture *black = kit_picture_create(W, H);
	struct kit_picture *picture = conform_pattern(W, H, 1);
	for (uint32_t i = 0; i < 4; i++) {
		struct kit_surface s =
			conform_surface(m, 1, VIRTIO_GPU_FORMAT_B8G8R8X8_UNORM, W, H);
		CHECK_GOOD(m, kit_gpu_set_scanout(&m->gpu, 0, 1, kit_rect(0, 0, W, H)));
		CHECK_GOOD(m, kit_gpu_flush(&m->gpu, 1, kit_rect(0, 0, W, H)));
		CHECK_PICTURE(m, 0, black);
		conform_show(m, &s, picture);
		CHECK_PICTURE(m, 0, picture);
		CHECK_GOOD(m, kit_gpu_unref(&m->gpu, 1));
		kit_surface_finish(&s);
	}
	kit_picture_destroy(black);
	kit_picture_destroy(picture);
	conform_end(c, m);
}

/* Rectangles of all places and sizes: only what was transferred and flushed changes. */
static void partial_rectangles(struct conform *c)
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
	struct kit_machine *m = conform_machine(c, NULL);
	struct kit_picture *shown = kit_picture_create(W, H);
	struct kit_picture *drawn = kit_picture_create(W, H);
	struct kit_surface s = conform_surface(m, 1, VIRTIO_GPU_FORMAT_B8G8R8A8_UNORM, W, H);
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
	conform_end(c, m);
}

/* `offset` is where the rectangle's first pixel lies in the backing: any will do, rows follow at
 * the resource's own stride. */
static void offsets(struct conform *c)
{
	static const uint64_t offsets[] = { 0, 4, W * 4, W * 4 * 10 + 40, 2, 399 };
	struct kit_machine *m = conform_machine(c, NULL);
	struct kit_picture *shown = kit_picture_create(W, H);
	uint8_t *backing = malloc(W * H * 4);
	struct kit_surface s = conform_surface(m, 1, VIRTIO_GPU_FORMAT_B8G8R8X8_UNORM, W, H);
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
	conform_end(c, m);
}

/* Backing in pieces, from single pages down to pieces that cut pixels in two. */
static const uint32_t chunks[] = { 4096, 1000, 777, 6, 4, 3 };
static const char *const chunk_names[] = { "4096", "1000", "777", "6", "4", "3", NULL };

static void scattered_backing(struct conform *c)
{
	struct kit_machine *m = conform_machine(c, NULL);
	const struct virtio_gpu_resource_create_2d like = { .resource_id = 1,
		.width = 64,
		.height = 60,
		.format = VIRTIO_GPU_FORMAT_B8G8R8X8_UNORM };
	struct kit_picture *picture = conform_pattern(64, 60, 1);
	struct kit_surface s = conform_surface_chunked(m, &like, chunks[c->variant]);
	CHECK_GOOD(m, kit_gpu_set_scanout(&m->gpu, 0, 1, kit_rect(0, 0, 64, 60)));
	conform_show(m, &s, picture);
	CHECK_PICTURE(m, 0, picture);
	kit_surface_finish(&s);
	kit_picture_destroy(picture);
	conform_end(c, m);
}

/* 16384 entries, as many as QEMU's own device takes. */
static void many_entries(struct conform *c)
{
	struct kit_machine *m = conform_machine(c, NULL);
	struct virtio_gpu_resource_create_2d like = { .resource_id = 1,
		.width = 256,
		.height = 256,
		.format = VIRTIO_GPU_FORMAT_B8G8R8X8_UNORM };
	struct kit_surface s = conform_surface_chunked(m, &like, 16);
	struct kit_picture *picture = conform_pattern(256, 256, 9);
	CHECK_INT(s.count, 16384);
	CHECK_GOOD(m, kit_gpu_set_scanout(&m->gpu, 0, 1, kit_rect(0, 0, 256, 256)));
	conform_show(m, &s, picture);
	CHECK_PICTURE(m, 0, picture);
	kit_surface_finish(&s);
	kit_picture_destroy(picture);
	conform_end(c, m);
}

/* Detached backing is not looked at; another one can be attached. */
static void detach_and_attach(struct conform *c)
{
	struct kit_machine *m = conform_machine(c, NULL);
	struct kit_picture *picture = conform_pattern(W, H, 4);
	struct kit_surface s = conform_surface(m, 1, VIRTIO_GPU_FORMAT_B8G8R8X8_UNORM, W, H);
	CHECK_GOOD(m, kit_gpu_set_scanout(&m->gpu, 0, 1, kit_rect(0, 0, W, H)));
	conform_show(m, &s, picture);
	CHECK_PICTURE(m, 0, picture);
	for (int i = 0; i < 3; i++) {
		CHECK_GOOD(m, kit_gpu_detach(&m->gpu, 1));
		CHECK_ERROR(m, kit_gpu_transfer_2d(&m->gpu, 1, kit_rect(0, 0, W, H), 0));
		/* what has been transferred stays */
		CHECK_GOOD(m, kit_gpu_flush(&m->gpu, 1, kit_rect(0, 0, W, H)));
		CHECK_PICTURE(m, 0, picture);
		CHECK_GOOD(m, kit_gpu_attach(&m->gpu, 1, s.entries, s.count));
		kit_picture_pattern(picture, kit_rect(0, 0, W, H), 50u + (uint32_t)i);
		conform_show(m, &s, picture);
		CHECK_PICTURE(m, 0, picture);
	}
	kit_surface_finish(&s);
	kit_picture_destroy(picture);
	conform_end(c, m);
}

/* Sizes at the edges: one pixel, one row, one column, odd ones, large ones. */
static const uint32_t sizes[][2] = { { 1, 1 }, { 1, 500 }, { 500, 1 }, { 3, 3 }, { 641, 479 },
	{ 1920, 1080 }, { 3840, 2160 }, { 8192, 2 }, { 2, 8192 }, { 16384, 2 }, { 2, 16384 } };
static const char *const size_names[] = { "1x1", "1x500", "500x1", "3x3", "641x479", "1920x1080",
	"3840x2160", "8192x2", "2x8192", "16384x2", "2x16384", NULL };

static void size(struct conform *c)
{
	struct kit_machine *m = conform_machine(c, NULL);
	uint32_t w = sizes[c->variant][0], h = sizes[c->variant][1];
	struct kit_surface s = { 0 };
	const struct virtio_gpu_resource_create_2d like = { .resource_id = 1,
		.width = w,
		.height = h,
		.format = VIRTIO_GPU_FORMAT_B8G8R8X8_UNORM };
	CHECK_GOOD_OR_REJECT(c, m, kit_surface_create(&m->gpu, &s, &like, 0));
	struct kit_picture *picture = conform_pattern(w, h, 7);
	CHECK_GOOD(m, kit_gpu_set_scanout(&m->gpu, 0, 1, kit_rect(0, 0, w, h)));
	conform_show(m, &s, picture);
	CHECK_PICTURE(m, 0, picture);
	CHECK_GOOD(m, kit_gpu_unref(&m->gpu, 1));
	kit_surface_finish(&s);
	kit_picture_destroy(picture);
	conform_end(c, m);
}

/* Many resources at once, none of which the others spoil. */
static void many_resources(struct conform *c)
{
	enum { COUNT = 300 };
	struct kit_machine *m = conform_machine(c, NULL);
	struct kit_surface *surfaces = calloc(COUNT, sizeof(*surfaces));
	struct kit_picture *picture = conform_pattern(32, 32, 0);
	CHECK(surfaces);
	for (uint32_t i = 0; i < COUNT; i++) {
		/* ids from all over the number space */
		uint32_t id = i * 0x01000193u + 1;
		surfaces[i] = conform_surface(m, id, VIRTIO_GPU_FORMAT_B8G8R8X8_UNORM, 32, 32);
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
	conform_end(c, m);
}

/* A hundred frames, each flushed before the display has taken the last one: in the end it shows the
 * last one. */
static void last_frame_wins(struct conform *c)
{
	struct kit_machine *m = conform_machine(c, NULL);
	struct kit_surface s = conform_surface(m, 1, VIRTIO_GPU_FORMAT_B8G8R8X8_UNORM, W, H);
	struct kit_picture *picture = conform_pattern(W, H, 0);
	CHECK_GOOD(m, kit_gpu_set_scanout(&m->gpu, 0, 1, kit_rect(0, 0, W, H)));
	for (uint32_t i = 0; i < 100; i++) {
		kit_picture_pattern(picture, kit_rect(0, 0, W, H), i);
		conform_show(m, &s, picture);
	}
	CHECK_PICTURE(m, 0, picture);
	kit_surface_finish(&s);
	kit_picture_destroy(picture);
	conform_end(c, m);
}

/* --- the life of resources ----------------------------------------------------------------- */

/* What was transferred is a copy: the guest's memory is looked at by transfers only. */
static void transfers_copy(struct conform *c)
{
	struct kit_machine *m = conform_machine(c, NULL);
	struct kit_picture *picture = conform_pattern(W, H, 1), *other = conform_pattern(W, H, 2);
	struct kit_surface s = conform_surface(m, 1, VIRTIO_GPU_FORMAT_B8G8R8X8_UNORM, W, H);
	CHECK_GOOD(m, kit_gpu_set_scanout(&m->gpu, 0, 1, kit_rect(0, 0, W, H)));
	conform_show(m, &s, picture);
	CHECK_PICTURE(m, 0, picture);
	kit_surface_draw(&s, other);
	CHECK_GOOD(m, kit_gpu_flush(&m->gpu, 1, kit_rect(0, 0, W, H)));
	CHECK_OK(m, kit_pump(&m->kit, 30));
	CHECK_PICTURE(m, 0, picture);
	CHECK_GOOD(m, kit_surface_show(&s, kit_rect(0, 0, W, H)));
	CHECK_PICTURE(m, 0, other);
	kit_surface_finish(&s);
	kit_picture_destroy(picture);
	kit_picture_destroy(other);
	conform_end(c, m);
}

/* An id is free again after UNREF, for a resource of any other size. */
static void ids_are_used_again(struct conform *c)
{
	struct kit_machine *m = conform_machine(c, NULL);
	for (uint32_t i = 0; i < 16; i++) {
		uint32_t w = 16 + 13 * i, h = 200 - 7 * i;
		struct kit_picture *picture = conform_pattern(w, h, i);
		struct kit_surface s = conform_surface(m, 7, kit_formats[1], w, h);
		CHECK_GOOD(m, kit_gpu_set_scanout(&m->gpu, 0, 7, kit_rect(0, 0, w, h)));
		conform_show(m, &s, picture);
		CHECK_PICTURE(m, 0, picture);
		CHECK_GOOD(m, kit_gpu_unref(&m->gpu, 7));
		CHECK_ERROR(m, kit_gpu_unref(&m->gpu, 7));
		kit_surface_finish(&s);
		kit_picture_destroy(picture);
	}
	conform_end(c, m);
}

/* A second backing is refused, and the first one is still there. */
static void attached_twice(struct conform *c)
{
	struct kit_machine *m = conform_machine(c, NULL);
	struct kit_picture *picture = conform_pattern(W, H, 1);
	struct kit_surface s = conform_surface(m, 1, VIRTIO_GPU_FORMAT_B8G8R8X8_UNORM, W, H);
	struct virtio_gpu_mem_entry other = { 0x10000, W * H * 4, 0 };
	CHECK_GOOD(m, kit_gpu_set_scanout(&m->gpu, 0, 1, kit_rect(0, 0, W, H)));
	CHECK_ERROR(m, kit_gpu_attach(&m->gpu, 1, &other, 1));
	conform_show(m, &s, picture);
	CHECK_PICTURE(m, 0, picture);
	kit_surface_finish(&s);
	kit_picture_destroy(picture);
	conform_end(c, m);
}

/* Nothing to transfer from: before the first backing, and without entries. */
static void without_backing(struct conform *c)
{
	struct kit_machine *m = conform_machine(c, NULL);
	struct virtio_gpu_rect rect = { 0, 0, W, H };
	CHECK_GOOD(m, kit_gpu_create_2d(&m->gpu, 1, VIRTIO_GPU_FORMAT_B8G8R8X8_UNORM, W, H));
	CHECK_ERROR(m, kit_gpu_transfer_2d(&m->gpu, 1, rect, 0));
	CHECK_OK(m, kit_gpu_detach(&m->gpu, 1));
	/* a backing of no entries is refused, or is of no use */
	CHECK_OK(m, kit_gpu_attach(&m->gpu, 1, NULL, 0));
	CHECK_OK(m, kit_gpu_transfer_2d(&m->gpu, 1, rect, 0));
	CHECK_GOOD(m, kit_gpu_unref(&m->gpu, 1));
	struct kit_surface s = conform_surface(m, 1, VIRTIO_GPU_FORMAT_B8G8R8X8_UNORM, W, H);
	CHECK_GOOD(m, kit_gpu_transfer_2d(&m->gpu, 1, rect, 0));
	kit_surface_finish(&s);
	conform_end(c, m);
}

/* Half of the resource has backing: that half can be transferred. */
static void small_backing(struct conform *c)
{
	struct kit_machine *m = conform_machine(c, NULL);
	struct virtio_gpu_mem_entry entry = { kit_alloc(&m->memory, 8192, 4096), 8192, 0 };
	CHECK_GOOD(m, kit_gpu_create_2d(&m->gpu, 1, VIRTIO_GPU_FORMAT_B8G8R8X8_UNORM, 64, 64));
	CHECK_GOOD(m, kit_gpu_attach(&m->gpu, 1, &entry, 1));
	CHECK_GOOD(m, kit_gpu_transfer_2d(&m->gpu, 1, kit_rect(0, 0, 64, 32), 0));
	CHECK_OK(m, kit_gpu_transfer_2d(&m->gpu, 1, kit_rect(0, 0, 64, 64), 0));
	kit_free(&m->memory, entry.addr, entry.length);
	conform_end(c, m);
}

/* The same pages for two resources, and for one several times. */
static void shared_backing(struct conform *c)
{
	struct kit_machine *m = conform_machine(c, NULL);
	struct kit_picture *picture = conform_pattern(64, 64, 1);
	struct kit_surface s = conform_surface(m, 1, VIRTIO_GPU_FORMAT_B8G8R8X8_UNORM, 64, 64);
	struct virtio_gpu_mem_entry rows[64];
	for (uint32_t i = 0; i < ARRAY_SIZE(rows); i++)
		rows[i] = (struct virtio_gpu_mem_entry){ s.entries[0].addr, 64 * 4, 0 };
	kit_surface_draw(&s, picture);
	CHECK_GOOD(m, kit_gpu_create_2d(&m->gpu, 2, VIRTIO_GPU_FORMAT_B8G8R8X8_UNORM, 64, 64));
	CHECK_GOOD(m, kit_gpu_attach(&m->gpu, 2, rows, ARRAY_SIZE(rows)));
	CHECK_GOOD(m, kit_gpu_transfer_2d(&m->gpu, 2, kit_rect(0, 0, 64, 64), 0));
	CHECK_GOOD(m, kit_gpu_set_scanout(&m->gpu, 0, 2, kit_rect(0, 0, 64, 64)));
	CHECK_GOOD(m, kit_gpu_flush(&m->gpu, 2, kit_rect(0, 0, 64, 64)));
	for (uint32_t y = 1; y < 64; y++)
		kit_picture_copy(picture, 0, y, picture, kit_rect(0, 0, 64, 1));
	CHECK_PICTURE(m, 0, picture);
	kit_surface_finish(&s);
	kit_picture_destroy(picture);
	conform_end(c, m);
}

/* --- limits -------------------------------------------------------------------------------- */

/* Resources until there are no more: an error then, and room again after one has gone. */
static void create_until_refused(
	struct conform *c, struct kit_machine *m, uint32_t side, uint32_t limit)
{
	uint32_t count = 0;
	int type;
	do {
		type = kit_gpu_create_2d(
			&m->gpu, count + 1, VIRTIO_GPU_FORMAT_B8G8R8X8_UNORM, side, side);
		CHECK_OK(m, type);
	} while (type == VIRTIO_GPU_RESP_OK_NODATA && ++count < limit);
	CHECK(count > 0);
	for (uint32_t round = 0; round < 3; round++) {
		CHECK_GOOD(m, kit_gpu_unref(&m->gpu, 1));
		CHECK_GOOD(m,
			kit_gpu_create_2d(
				&m->gpu, 1, VIRTIO_GPU_FORMAT_B8G8R8X8_UNORM, side, side));
	}
	for (uint32_t id = 1; id <= count; id++)
		CHECK_GOOD(m, kit_gpu_unref(&m->gpu, id));
	CHECK_GOOD(m, kit_gpu_create_2d(&m->gpu, 1, VIRTIO_GPU_FORMAT_B8G8R8X8_UNORM, side, side));
	conform_end(c, m);
}

static void as_many_as_there_may_be(struct conform *c)
{
	create_until_refused(c, conform_machine(c, NULL), 1, 20000);
}

static void as_large_as_there_may_be(struct conform *c)
{
	create_until_refused(c, conform_machine(c, NULL), 2048, 128);
}

/* What goes is given back to the host. */
static void memory_is_given_back(struct conform *c)
{
	enum { ROUNDS = 60, SIDE = 1448, GROWTH_KIB = 32u << 10 }; /* 8 MiB each */
	struct kit_machine *m = conform_machine(c, NULL);
	struct kit_usage before = guest_usage_before(m);
	for (int i = 0; i < ROUNDS; i++) {
		struct kit_surface s =
			conform_surface(m, 1, VIRTIO_GPU_FORMAT_B8G8R8X8_UNORM, SIDE, SIDE);
		CHECK_GOOD(m, kit_gpu_transfer_2d(&m->gpu, 1, kit_rect(0, 0, SIDE, SIDE), 0));
		CHECK_GOOD(m, kit_gpu_unref(&m->gpu, 1));
		kit_surface_finish(&s);
	}
	guest_check_usage(m, &before, GROWTH_KIB);
	conform_end(c, m);
}

/* --- pauses and resets --------------------------------------------------------------------- */

static void kept_over_a_pause(struct conform *c)
{
	struct kit_machine *m = conform_machine(c, NULL);
	struct kit_picture *picture = conform_pattern(W, H, 1);
	struct kit_surface s = conform_surface(m, 1, VIRTIO_GPU_FORMAT_B8G8R8X8_UNORM, W, H);
	kit_surface_draw(&s, picture);
	CHECK_GOOD(m, kit_gpu_transfer_2d(&m->gpu, 1, kit_rect(0, 0, W, H), 0));
	CHECK_OK(m, kit_machine_stop(m));
	CHECK_OK(m, kit_machine_start(m));
	/* the picture, and the backing */
	CHECK_GOOD(m, kit_gpu_set_scanout(&m->gpu, 0, 1, kit_rect(0, 0, W, H)));
	CHECK_GOOD(m, kit_gpu_flush(&m->gpu, 1, kit_rect(0, 0, W, H)));
	CHECK_PICTURE(m, 0, picture);
	kit_picture_pattern(picture, kit_rect(0, 0, W, H), 2);
	conform_show(m, &s, picture);
	CHECK_PICTURE(m, 0, picture);
	kit_surface_finish(&s);
	kit_picture_destroy(picture);
	conform_end(c, m);
}

static void gone_after_a_reset(struct conform *c)
{
	struct kit_machine *m = conform_machine(c, NULL);
	for (uint32_t i = 0; i < 4; i++) {
		struct kit_surface s =
			conform_surface(m, 1, VIRTIO_GPU_FORMAT_B8G8R8X8_UNORM, W, H + 10 * i);
		kit_surface_finish(&s);
		CHECK_OK(m, kit_machine_reset(m));
		CHECK_ERROR(m, kit_gpu_unref(&m->gpu, 1));
		CHECK_ERROR(m, kit_gpu_transfer_2d(&m->gpu, 1, kit_rect(0, 0, 1, 1), 0));
	}
	conform_end(c, m);
}

static const char *const format_names[] = { "B8G8R8A8", "B8G8R8X8", "A8R8G8B8", "X8R8G8B8",
	"R8G8B8A8", "X8B8G8R8", "A8B8G8R8", "R8G8B8X8", NULL };

#define SHOWN   .needs = CONFORM_NEEDS_DISPLAY
#define HOSTILE .hostile = true

static const struct conform_case cases[] = {
	{ "format", "virtio 1.4, 5.7.6.8: the formats of 2D resources; the display gets x8r8g8b8",
		format, format_names, SHOWN },
	{ "new_resources_are_black", "no memory of the host reaches the guest's display",
		new_resources_are_black, SHOWN },
	{ "partial_rectangles",
		"virtio 1.4, 5.7.6.8: TRANSFER_TO_HOST_2D and RESOURCE_FLUSH take a rectangle",
		partial_rectangles, SHOWN },
	{ "offsets",
		"virtio 1.4, 5.7.6.8: offset is where the rectangle begins in the backing; rows "
		"follow at the resource's width",
		offsets, SHOWN },
	{ "scattered_backing",
		"virtio 1.4, 5.7.6.8: backing is a list of entries of any address and length",
		scattered_backing, chunk_names, SHOWN },
	{ "many_entries", "Linux attaches a large frame buffer page by page: 16384 entries",
		many_entries, SHOWN },
	{ "detach_and_attach",
		"virtio 1.4, 5.7.6.8: DETACH_BACKING takes the memory away, the picture stays",
		detach_and_attach, SHOWN },
	{ "size", "virtio 1.4, 5.7.6.8: a resource of any width and height the device can hold",
		size, size_names, SHOWN },
	{ "many_resources", "virtio 1.4, 5.7.6.8: resource ids are the guest's to choose",
		many_resources, SHOWN },
	{ "last_frame_wins", "Linux flushes without waiting for the display: the last frame counts",
		last_frame_wins, SHOWN },
	{ "transfers_copy", "virtio 1.4, 5.7.6: the guest transfers into the host's resources",
		transfers_copy, SHOWN },
	{ "ids_are_used_again", "virtio 1.4, 5.7.6.8: the resource ids are generated by the guest",
		ids_are_used_again, SHOWN },
	{ "attached_twice", "virtio 1.4, 5.7.6.8: a backing is detached before there is another",
		attached_twice, SHOWN, HOSTILE },
	{ "without_backing", "virtio 1.4, 5.7.6: backing must be attached for transfers to work",
		without_backing, HOSTILE },
	{ "small_backing", "virtio 1.4, 5.7.6.8: transfers need the backing of their rectangle",
		small_backing },
	{ "shared_backing", "virtio 1.4, 5.7.6.8: backing is an array of any of the guest's pages",
		shared_backing, SHOWN },
	{ "as_many_as_there_may_be", "virtio 1.4, 5.7.6.7: ERR_OUT_OF_MEMORY, and no end of it",
		as_many_as_there_may_be, HOSTILE },
	{ "as_large_as_there_may_be", "virtio 1.4, 5.7.6.7: ERR_OUT_OF_MEMORY, and no end of it",
		as_large_as_there_may_be, HOSTILE },
	{ "memory_is_given_back",
		"virtio 1.4, 5.7.6.8: UNREF says a resource is no longer required",
		memory_is_given_back },
	{ "kept_over_a_pause", "QEMU stops and starts the rings at each pause of the machine",
		kept_over_a_pause, SHOWN },
	{ "gone_after_a_reset", "virtio 1.4, 2.4: a reset device is as it was at first",
		gone_after_a_reset, .protocol = CONFORM_PROTOCOL(RESET_DEVICE) },
};
DEFINE_CONFORM_AREA(2d, cases);
