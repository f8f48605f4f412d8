/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/* Pictures in memory that the display shares, for a display that takes them so. */
#include "wire_3d.h"

#define XRGB   VIRTIO_GPU_FORMAT_B8G8R8X8_UNORM
#define BGRA   VIRTIO_GPU_FORMAT_A8R8G8B8_UNORM
#define MEMORY (UINT64_C(1) << VHOST_USER_GPU_PROTOCOL_F_SHARED_MEMORY)

/* Skipped with a backend that does not share memory. */
static struct kit_machine *start(const char *renderer)
{
	struct kit_machine *m = wire_machine(renderer,
		&(struct kit_machine_spec){
			.profile = &kit_profile_qemu_gpu_all, .stage = KIT_STAGE_REALIZED });
	m->display.features |= MEMORY;
	CHECK_OK(m, kit_machine_start(m));
	wire_check_alive(m);
	CHECK_OK(m, kit_display_wait(&m->display, VHOST_USER_GPU_SET_PROTOCOL_FEATURES, 1));
	if (!(m->display.features_set & MEMORY))
		test_skip("the backend shares no memory with displays");
	return m;
}

static void check_shared(const struct kit_machine *m)
{
	const struct kit_scanout *scanout = &m->display.scanouts[0];
	CHECK(scanout->dmabuf);
	CHECK(scanout->dmabuf_info.fd_flags & VHOST_USER_GPU_DMABUF_SHARED_MEMORY);
	CHECK_INT(m->display.counts[VHOST_USER_GPU_UPDATE], 0);
}

/* Whatever is drawn, and in whichever format. */
static void two_d(void)
{
	static const uint32_t formats[] = { XRGB, BGRA };
	for (size_t i = 0; i < ARRAY_SIZE(formats); i++) {
		struct kit_machine *m = start("none");
		struct kit_surface s = wire_surface(m, 1, formats[i], 320, 200);
		struct kit_picture *picture = wire_pattern(320, 200, 1);
		CHECK_GOOD(m, kit_gpu_set_scanout(&m->gpu, 0, 1, kit_rect(0, 0, 320, 200)));
		wire_show(m, &s, picture);
		CHECK_PICTURE(m, 0, picture);
		for (uint32_t k = 0; k < 50; k++) {
			kit_picture_fill(
				picture, kit_rect(k * 6, k * 3, 17, 11), k * 0x00051119 & KIT_RGB);
			wire_show(m, &s, picture);
		}
		CHECK_PICTURE(m, 0, picture);
		check_shared(m);
		kit_surface_finish(&s);
		kit_picture_destroy(picture);
		wire_end(m);
	}
}

static struct kit_machine *start_3d(uint32_t width, uint32_t height)
{
	struct kit_machine *m = start("null");
	wire_show_texture(m, width, height);
	return m;
}

static void three_d(void)
{
	struct kit_machine *m = start_3d(320, 200);
	struct kit_picture *picture = kit_picture_create(320, 200);
	wire_fill(m, picture, kit_rect(0, 0, 320, 200), 0x00808080);
	CHECK_PICTURE(m, 0, picture);
	for (uint32_t k = 0; k < 50; k++)
		wire_fill(m, picture, kit_rect(k * 6, k * 3, 17, 11), k * 0x00051119 & KIT_RGB);
	CHECK_PICTURE(m, 0, picture);
	check_shared(m);
	kit_picture_destroy(picture);
	wire_end(m);
}

/* A display that does not say that it has read a frame: the memory holds still, and the device goes on. */
static void holds_still(void)
{
	struct kit_machine *m = start_3d(640, 480);
	struct kit_picture *picture = kit_picture_create(640, 480);
	struct wire_latency latency = { 0 };
	CHECK_OK(m, kit_display_wait(&m->display, VHOST_USER_GPU_DMABUF_UPDATE, 1));
	m->display.answers[VHOST_USER_GPU_DMABUF_UPDATE] = KIT_DISPLAY_SILENT;
	wire_fill(m, picture, kit_rect(0, 0, 640, 480), 0x00123456);
	CHECK_PICTURE(m, 0, picture);
	struct kit_picture *seen = kit_picture_create(640, 480);
	kit_picture_copy(seen, 0, 0, picture, kit_rect(0, 0, 640, 480));
	uint64_t begin = kit_now();
	for (uint32_t i = 0; i < 100 && kit_now() - begin < 500; i++) {
		wire_fill(m, picture, kit_rect(0, 0, 640, 480), i);
		wire_move_cursor(m, &latency);
	}
	wire_check_prompt(&latency);
	CHECK_INT(m->display.counts[VHOST_USER_GPU_DMABUF_UPDATE], 2);
	CHECK_OK(m, kit_display_redraw(&m->display, 0));
	CHECK_PICTURE(m, 0, seen);
	m->display.answers[VHOST_USER_GPU_DMABUF_UPDATE] = KIT_DISPLAY_GOOD;
	CHECK_OK(m, kit_display_acknowledge(&m->display));
	CHECK_PICTURE(m, 0, picture);
	kit_picture_destroy(seen);
	kit_picture_destroy(picture);
	wire_end(m);
}

/* One display after another, that take it and do not: each has the picture. */
static void displays_take_turns(void)
{
	struct kit_machine *m = start("none");
	struct kit_surface s = wire_surface(m, 1, XRGB, 100, 80);
	struct kit_picture *picture = wire_pattern(100, 80, 1);
	CHECK_GOOD(m, kit_gpu_set_scanout(&m->gpu, 0, 1, kit_rect(0, 0, 100, 80)));
	wire_show(m, &s, picture);
	for (uint32_t round = 0; round < 6; round++) {
		CHECK_PICTURE(m, 0, picture);
		CHECK_OK(m, kit_machine_stop(m));
		m->display.features ^= MEMORY;
		CHECK_OK(m, kit_machine_start(m));
		kit_picture_pattern(picture, kit_rect(0, 0, 100, 80), round);
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
		TEST_CASE(two_d),
		TEST_CASE(three_d),
		TEST_CASE(holds_still),
		TEST_CASE(displays_take_turns),
	};
	return test_main(argc, argv, cases, ARRAY_SIZE(cases));
}
