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
		TEST_CASE(scanout_ids),
		TEST_CASE(refused_scanout_changes_nothing),
		TEST_CASE(nobody_looks),
	};
	return test_main(argc, argv, cases, ARRAY_SIZE(cases));
}
