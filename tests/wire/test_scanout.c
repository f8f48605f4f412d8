/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/* Scanouts: which part of which resource an output shows, and what happens when that goes away. */
#include <stdlib.h>

#include "wire.h"

#define XRGB VIRTIO_GPU_FORMAT_B8G8R8X8_UNORM

/* Two outputs on the display's side. */
static struct kit_machine *two_outputs(void)
{
	struct kit_machine *m = wire_machine("none", NULL);
	kit_display_set_mode(&m->display, 1, 800, 600);
	struct virtio_gpu_config config;
	CHECK_OK(m, kit_vmm_read_config(&m->vmm, 0, &config, sizeof(config)));
	return m;
}

static bool is_off(void *data)
{
	const struct kit_scanout *scanout = data;
	return !scanout->picture;
}

static void wait_off(struct kit_machine *m, uint32_t scanout)
{
	if (kit_wait(&m->kit, is_off, &m->display.scanouts[scanout], -1) < 0)
		test_fail(__FILE__, __LINE__, "scanout %u is still on", scanout);
}

/* A part of a resource; flushes outside of it do not show, flushes across its edges show in part.
 * */
static void part_of_a_resource(void)
{
	struct kit_machine *m = wire_machine("none", NULL);
	struct kit_surface s = wire_surface(m, 1, XRGB, 200, 100);
	struct kit_picture *picture = wire_pattern(200, 100, 1);
	struct kit_picture *part = kit_picture_create(80, 50);
	CHECK_GOOD(m, kit_gpu_set_scanout(&m->gpu, 0, 1, kit_rect(60, 30, 80, 50)));
	wire_show(m, &s, picture);
	kit_picture_copy(part, 0, 0, picture, kit_rect(60, 30, 80, 50));
	CHECK_PICTURE(m, 0, part);

	kit_picture_fill(picture, kit_rect(0, 0, 200, 100), 0x123456);
	kit_surface_draw(&s, picture);
	CHECK_GOOD(m, kit_surface_show(&s, kit_rect(0, 0, 60, 100)));
	CHECK_GOOD(m, kit_surface_show(&s, kit_rect(140, 0, 60, 100)));
	CHECK_GOOD(m, kit_surface_show(&s, kit_rect(100, 0, 100, 40)));
	kit_picture_fill(part, kit_rect(40, 0, 40, 10), 0x123456);
	CHECK_PICTURE(m, 0, part);
	kit_surface_finish(&s);
	kit_picture_destroy(picture);
	kit_picture_destroy(part);
	wire_end(m);
}

/* Only what changed goes to the display. */
static void only_the_damage(void)
{
	struct kit_machine *m = wire_machine("none", NULL);
	struct kit_surface s = wire_surface(m, 1, XRGB, 1000, 1000);
	struct kit_picture *picture = wire_pattern(1000, 1000, 1);
	CHECK_GOOD(m, kit_gpu_set_scanout(&m->gpu, 0, 1, kit_rect(0, 0, 1000, 1000)));
	wire_show(m, &s, picture);
	CHECK_PICTURE(m, 0, picture);
	for (uint32_t i = 1; i < 10; i++) {
		struct virtio_gpu_rect rect = { 100 * i, 90 * i, 10, 20 };
		kit_picture_fill(picture, rect, 0x010101 * i);
		kit_surface_draw(&s, picture);
		CHECK_GOOD(m, kit_surface_show(&s, rect));
		CHECK_PICTURE(m, 0, picture);
		CHECK(m->display.scanouts[0].last.width <= 16);
		CHECK(m->display.scanouts[0].last.height <= 32);
	}
	kit_surface_finish(&s);
	kit_picture_destroy(picture);
	wire_end(m);
}

/* The scanout moves over a large resource, as a scrolling console does. */
static void panning(void)
{
	struct kit_machine *m = wire_machine("none", NULL);
	struct kit_surface s = wire_surface(m, 1, XRGB, 100, 400);
	struct kit_picture *picture = wire_pattern(100, 400, 1);
	struct kit_picture *part = kit_picture_create(100, 100);
	wire_show(m, &s, picture);
	for (uint32_t y = 0; y <= 300; y += 60) {
		CHECK_GOOD(m, kit_gpu_set_scanout(&m->gpu, 0, 1, kit_rect(0, y, 100, 100)));
		CHECK_GOOD(m, kit_gpu_flush(&m->gpu, 1, kit_rect(0, 0, 100, 400)));
		kit_picture_copy(part, 0, 0, picture, kit_rect(0, y, 100, 100));
		CHECK_PICTURE(m, 0, part);
	}
	kit_surface_finish(&s);
	kit_picture_destroy(picture);
	kit_picture_destroy(part);
	wire_end(m);
}

static void resources_take_turns(void)
{
	struct kit_machine *m = wire_machine("none", NULL);
	struct kit_picture *pictures[2];
	struct kit_surface surfaces[2];
	for (uint32_t i = 0; i < 2; i++) {
		surfaces[i] = wire_surface(m, i + 1, XRGB, 128, 96);
		pictures[i] = wire_pattern(128, 96, i);
		wire_show(m, &surfaces[i], pictures[i]);
	}
	for (uint32_t frame = 0; frame < 20; frame++) {
		uint32_t i = frame % 2;
		CHECK_GOOD(m, kit_gpu_set_scanout(&m->gpu, 0, i + 1, kit_rect(0, 0, 128, 96)));
		CHECK_GOOD(m, kit_gpu_flush(&m->gpu, i + 1, kit_rect(0, 0, 128, 96)));
		CHECK_PICTURE(m, 0, pictures[i]);
	}
	for (uint32_t i = 0; i < 2; i++) {
		kit_surface_finish(&surfaces[i]);
		kit_picture_destroy(pictures[i]);
	}
	wire_end(m);
}

static void new_size(void)
{
	static const uint32_t sizes[][2] = { { 640, 480 }, { 1024, 768 }, { 320, 200 },
		{ 321, 201 } };
	struct kit_machine *m = wire_machine("none", NULL);
	for (uint32_t i = 0; i < ARRAY_SIZE(sizes); i++) {
		uint32_t w = sizes[i][0], h = sizes[i][1];
		struct kit_surface s = wire_surface(m, i + 1, XRGB, w, h);
		struct kit_picture *picture = wire_pattern(w, h, i);
		wire_show(m, &s, picture);
		CHECK_GOOD(m, kit_gpu_set_scanout(&m->gpu, 0, i + 1, kit_rect(0, 0, w, h)));
		CHECK_GOOD(m, kit_gpu_flush(&m->gpu, i + 1, kit_rect(0, 0, w, h)));
		CHECK_PICTURE(m, 0, picture);
		kit_surface_finish(&s);
		kit_picture_destroy(picture);
	}
	wire_end(m);
}

/* resource_id 0 switches off; so does a guest that destroys what is shown. */
static void off_and_on(void)
{
	struct kit_machine *m = wire_machine("none", NULL);
	struct kit_surface s = wire_surface(m, 1, XRGB, 64, 64);
	struct kit_picture *picture = wire_pattern(64, 64, 1);
	for (int i = 0; i < 3; i++) {
		CHECK_GOOD(m, kit_gpu_set_scanout(&m->gpu, 0, 1, kit_rect(0, 0, 64, 64)));
		wire_show(m, &s, picture);
		CHECK_PICTURE(m, 0, picture);
		CHECK_GOOD(m, kit_gpu_set_scanout(&m->gpu, 0, 0, kit_rect(0, 0, 0, 0)));
		wait_off(m, 0);
		/* flushing what is not shown sends nothing */
		uint32_t updates = m->display.counts[VHOST_USER_GPU_UPDATE];
		CHECK_GOOD(m, kit_surface_show(&s, kit_rect(0, 0, 64, 64)));
		CHECK_OK(m, kit_pump(&m->kit, 20));
		CHECK_INT(m->display.counts[VHOST_USER_GPU_UPDATE], updates);
	}
	kit_surface_finish(&s);
	kit_picture_destroy(picture);
	wire_end(m);
}

static void unref_while_shown(void)
{
	struct kit_machine *m = wire_machine("none", NULL);
	struct kit_picture *picture = wire_pattern(64, 64, 1);
	for (int i = 0; i < 3; i++) {
		struct kit_surface s = wire_surface(m, 1, XRGB, 64, 64);
		CHECK_GOOD(m, kit_gpu_set_scanout(&m->gpu, 0, 1, kit_rect(0, 0, 64, 64)));
		wire_show(m, &s, picture);
		CHECK_PICTURE(m, 0, picture);
		CHECK_GOOD(m, kit_gpu_unref(&m->gpu, 1));
		wait_off(m, 0);
		CHECK_TYPE(m, kit_gpu_flush(&m->gpu, 1, kit_rect(0, 0, 64, 64)),
			VIRTIO_GPU_RESP_ERR_INVALID_RESOURCE_ID);
		kit_surface_finish(&s);
	}
	kit_picture_destroy(picture);
	wire_end(m);
}

/* One resource on two outputs, whole and in part; one flush shows on both. */
static void two_scanouts_of_one_resource(void)
{
	struct kit_machine *m = two_outputs();
	struct kit_surface s = wire_surface(m, 1, XRGB, 200, 100);
	struct kit_picture *picture = wire_pattern(200, 100, 1);
	struct kit_picture *left = kit_picture_create(100, 100);
	struct kit_picture *right = kit_picture_create(100, 100);
	struct virtio_gpu_config config;
	CHECK_OK(m, kit_vmm_read_config(&m->vmm, 0, &config, sizeof(config)));
	CHECK_GOOD(m, kit_gpu_set_scanout(&m->gpu, 0, 1, kit_rect(0, 0, 100, 100)));
	CHECK_GOOD(m, kit_gpu_set_scanout(&m->gpu, 1, 1, kit_rect(100, 0, 100, 100)));
	for (uint32_t i = 0; i < 5; i++) {
		kit_picture_pattern(picture, kit_rect(0, 0, 200, 100), i);
		kit_picture_copy(left, 0, 0, picture, kit_rect(0, 0, 100, 100));
		kit_picture_copy(right, 0, 0, picture, kit_rect(100, 0, 100, 100));
		wire_show(m, &s, picture);
		CHECK_PICTURE(m, 0, left);
		CHECK_PICTURE(m, 1, right);
	}
	/* the same part on both: cloned */
	CHECK_GOOD(m, kit_gpu_set_scanout(&m->gpu, 1, 1, kit_rect(0, 0, 100, 100)));
	CHECK_GOOD(m, kit_gpu_flush(&m->gpu, 1, kit_rect(0, 0, 200, 100)));
	CHECK_PICTURE(m, 1, left);
	/* one goes, the other stays */
	CHECK_GOOD(m, kit_gpu_set_scanout(&m->gpu, 0, 0, kit_rect(0, 0, 0, 0)));
	wait_off(m, 0);
	wire_show(m, &s, picture);
	CHECK_PICTURE(m, 1, left);
	CHECK_GOOD(m, kit_gpu_unref(&m->gpu, 1));
	wait_off(m, 1);
	kit_surface_finish(&s);
	kit_picture_destroy(picture);
	kit_picture_destroy(left);
	kit_picture_destroy(right);
	wire_end(m);
}

/* All outputs there can be show parts of one resource, of different places and sizes. */
static struct virtio_gpu_rect part_of_output(uint32_t output, uint32_t step)
{
	return kit_rect((output * 29 + step * 7) % 300, output * 17 + step, 40 + output * 5,
		30 + output * 3);
}

static void show_parts(struct kit_machine *m, uint32_t step)
{
	for (uint32_t i = 0; i < VIRTIO_GPU_MAX_SCANOUTS; i++)
		CHECK_GOOD(m, kit_gpu_set_scanout(&m->gpu, i, 1, part_of_output(i, step)));
}

static void check_parts(struct kit_machine *m, const struct kit_picture *picture, uint32_t step)
{
	for (uint32_t i = 0; i < VIRTIO_GPU_MAX_SCANOUTS; i++) {
		struct virtio_gpu_rect rect = part_of_output(i, step);
		struct kit_picture *part = kit_picture_create(rect.width, rect.height);
		kit_picture_copy(part, 0, 0, picture, rect);
		CHECK_PICTURE(m, i, part);
		kit_picture_destroy(part);
	}
}

static bool meet(struct virtio_gpu_rect a, struct virtio_gpu_rect b)
{
	return a.x < b.x + b.width && b.x < a.x + a.width && a.y < b.y + b.height &&
		b.y < a.y + a.height;
}

static void all_scanouts_of_one_resource(void)
{
	struct kit_machine *m = wire_machine("none", NULL);
	struct kit_surface s = wire_surface(m, 1, XRGB, 500, 400);
	struct kit_picture *picture = wire_pattern(500, 400, 1);
	for (uint32_t step = 0; step < 4; step++) {
		show_parts(m, step);
		kit_picture_pattern(picture, kit_rect(0, 0, 500, 400), step);
		wire_show(m, &s, picture);
		check_parts(m, picture, step);
	}
	/* a flush reaches those that show something of it, and no others */
	static const struct virtio_gpu_rect changes[] = { { 0, 0, 60, 40 }, { 250, 200, 3, 3 },
		{ 0, 0, 500, 1 }, { 490, 390, 10, 10 } };
	for (size_t k = 0; k < ARRAY_SIZE(changes); k++) {
		uint32_t updates[VIRTIO_GPU_MAX_SCANOUTS];
		for (uint32_t i = 0; i < VIRTIO_GPU_MAX_SCANOUTS; i++)
			updates[i] = m->display.scanouts[i].updates;
		kit_picture_fill(picture, changes[k], 0x010203u << k);
		kit_surface_draw(&s, picture);
		CHECK_GOOD(m, kit_surface_show(&s, changes[k]));
		check_parts(m, picture, 3);
		CHECK_OK(m, kit_pump(&m->kit, 20));
		for (uint32_t i = 0; i < VIRTIO_GPU_MAX_SCANOUTS; i++)
			CHECK_INT(m->display.scanouts[i].updates - updates[i],
				meet(part_of_output(i, 3), changes[k]));
	}
	for (uint32_t i = 0; i < VIRTIO_GPU_MAX_SCANOUTS; i += 2) {
		CHECK_GOOD(m, kit_gpu_set_scanout(&m->gpu, i, 0, kit_rect(0, 0, 0, 0)));
		wait_off(m, i);
	}
	CHECK(m->display.scanouts[1].picture && m->display.scanouts[15].picture);
	CHECK_GOOD(m, kit_gpu_unref(&m->gpu, 1));
	for (uint32_t i = 0; i < VIRTIO_GPU_MAX_SCANOUTS; i++)
		wait_off(m, i);
	kit_surface_finish(&s);
	kit_picture_destroy(picture);
	wire_end(m);
}

/* Resources change places on the outputs, as windows that are dragged from one to the other. */
static void outputs_exchange_resources(void)
{
	enum { COUNT = 5 };
	struct kit_machine *m = wire_machine("none", NULL);
	struct kit_surface surfaces[COUNT];
	struct kit_picture *pictures[COUNT];
	for (uint32_t i = 0; i < COUNT; i++) {
		surfaces[i] = wire_surface(m, i + 1, XRGB, 60 + i, 40);
		pictures[i] = wire_pattern(60 + i, 40, i);
		wire_show(m, &surfaces[i], pictures[i]);
	}
	for (uint32_t round = 0; round < 2 * COUNT; round++) {
		for (uint32_t i = 0; i < VIRTIO_GPU_MAX_SCANOUTS; i++) {
			uint32_t k = (i + round) % COUNT;
			CHECK_GOOD(m,
				kit_gpu_set_scanout(&m->gpu, i, k + 1, kit_rect(0, 0, 60 + k, 40)));
		}
		for (uint32_t i = 0; i < VIRTIO_GPU_MAX_SCANOUTS; i++)
			CHECK_PICTURE(m, i, pictures[(i + round) % COUNT]);
	}
	for (uint32_t i = 0; i < COUNT; i++) {
		kit_surface_finish(&surfaces[i]);
		kit_picture_destroy(pictures[i]);
	}
	wire_end(m);
}

/* The display switches outputs off and on (a monitor is unplugged): the guest finds them so, and what it
 * still shows there, or begins to show, does no harm. */
static void display_switches_outputs(void)
{
	struct kit_machine *m = wire_machine("none", NULL);
	struct kit_surface s = wire_surface(m, 1, XRGB, 64, 48);
	struct kit_picture *picture = wire_pattern(64, 48, 1);
	for (uint32_t round = 0; round < 20; round++) {
		struct virtio_gpu_resp_display_info info;
		for (uint32_t i = 0; i < VIRTIO_GPU_MAX_SCANOUTS; i++) {
			bool on = (i * 7 + round * 5) % 3 != 0;
			kit_display_set_mode(
				&m->display, i, on ? 640 + i : 0, on ? 480 + round : 0);
		}
		CHECK_TYPE(
			m, kit_gpu_display_info(&m->gpu, &info), VIRTIO_GPU_RESP_OK_DISPLAY_INFO);
		for (uint32_t i = 0; i < VIRTIO_GPU_MAX_SCANOUTS; i++) {
			bool on = (i * 7 + round * 5) % 3 != 0;
			CHECK_INT(info.pmodes[i].enabled, on);
			CHECK_INT(info.pmodes[i].r.width, on ? 640 + i : 0);
			CHECK_INT(info.pmodes[i].r.height, on ? 480 + round : 0);
			/* one that only shows what is on, and one that does not care */
			uint32_t id = on || round % 2 ? 1 : 0;
			CHECK_GOOD(m,
				kit_gpu_set_scanout(&m->gpu, i, id,
					id ? kit_rect(0, 0, 64, 48) : kit_rect(0, 0, 0, 0)));
		}
		kit_picture_pattern(picture, kit_rect(0, 0, 64, 48), round);
		wire_show(m, &s, picture);
		for (uint32_t i = 0; i < VIRTIO_GPU_MAX_SCANOUTS; i++) {
			if (info.pmodes[i].enabled || round % 2)
				CHECK_PICTURE(m, i, picture);
			else
				wait_off(m, i);
		}
	}
	kit_surface_finish(&s);
	kit_picture_destroy(picture);
	wire_end(m);
}

/* The last output that the protocol has, and the first that it has not. */
static void scanout_ids(void)
{
	struct kit_machine *m = wire_machine("none", NULL);
	struct kit_surface s = wire_surface(m, 1, XRGB, 64, 64);
	static const uint32_t bad[] = { VIRTIO_GPU_MAX_SCANOUTS, 17, 255, 0x80000000, UINT32_MAX };
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		CHECK_TYPE(m, kit_gpu_set_scanout(&m->gpu, bad[i], 1, kit_rect(0, 0, 64, 64)),
			VIRTIO_GPU_RESP_ERR_INVALID_SCANOUT_ID);
		CHECK_TYPE(m, kit_gpu_set_scanout(&m->gpu, bad[i], 0, kit_rect(0, 0, 0, 0)),
			VIRTIO_GPU_RESP_ERR_INVALID_SCANOUT_ID);
	}
	kit_surface_finish(&s);
	wire_end(m);
}

/* A refused SET_SCANOUT leaves what was shown. */
static void refused_scanout_changes_nothing(void)
{
	struct kit_machine *m = wire_machine("none", NULL);
	struct kit_surface s = wire_surface(m, 1, XRGB, 64, 64);
	struct kit_picture *picture = wire_pattern(64, 64, 1);
	CHECK_GOOD(m, kit_gpu_set_scanout(&m->gpu, 0, 1, kit_rect(0, 0, 64, 64)));
	CHECK_TYPE(m, kit_gpu_set_scanout(&m->gpu, 0, 2, kit_rect(0, 0, 64, 64)),
		VIRTIO_GPU_RESP_ERR_INVALID_RESOURCE_ID);
	CHECK_TYPE(m, kit_gpu_set_scanout(&m->gpu, 0, 1, kit_rect(1, 0, 64, 64)),
		VIRTIO_GPU_RESP_ERR_INVALID_PARAMETER);
	wire_show(m, &s, picture);
	CHECK_PICTURE(m, 0, picture);
	kit_surface_finish(&s);
	kit_picture_destroy(picture);
	wire_end(m);
}

/* Without any display everything is answered the same. */
static void nobody_looks(void)
{
	struct kit_machine *m =
		wire_machine("none", &(struct kit_machine_spec){ .no_display = true });
	struct kit_surface s = wire_surface(m, 1, XRGB, 64, 64);
	struct kit_picture *picture = wire_pattern(64, 64, 1);
	CHECK_GOOD(m, kit_gpu_set_scanout(&m->gpu, 0, 1, kit_rect(0, 0, 64, 64)));
	for (int i = 0; i < 100; i++)
		wire_show(m, &s, picture);
	CHECK_GOOD(m, kit_gpu_unref(&m->gpu, 1));
	kit_surface_finish(&s);
	kit_picture_destroy(picture);
	wire_end(m);
}

int main(int argc, char **argv)
{
	static const struct test_case cases[] = {
		TEST_CASE(part_of_a_resource),
		TEST_CASE(only_the_damage),
		TEST_CASE(panning),
		TEST_CASE(resources_take_turns),
		TEST_CASE(new_size),
		TEST_CASE(off_and_on),
		TEST_CASE(unref_while_shown),
		TEST_CASE(two_scanouts_of_one_resource),
		TEST_CASE(all_scanouts_of_one_resource),
		TEST_CASE(outputs_exchange_resources),
		TEST_CASE(display_switches_outputs),
		TEST_CASE(scanout_ids),
		TEST_CASE(refused_scanout_changes_nothing),
		TEST_CASE(nobody_looks),
	};
	return test_main(argc, argv, cases, ARRAY_SIZE(cases));
}
