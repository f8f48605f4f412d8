/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/* What contexts draw, on the display: as dma-bufs where the renderer exports them, else read back.
 * */
#include <stdlib.h>

#include "wire_3d.h"

static const char *const renderers[] = { "null", "null-export" };

/* A machine with context 1 and texture 1 shown whole. */
static struct kit_machine *showing(const char *renderer, uint32_t width, uint32_t height)
{
	struct kit_machine *m = wire_machine_3d(renderer);
	wire_show_texture(m, width, height);
	return m;
}

static void frames(void)
{
	for (size_t i = 0; i < ARRAY_SIZE(renderers); i++) {
		struct kit_machine *m = showing(renderers[i], 320, 200);
		struct kit_picture *picture = kit_picture_create(320, 200);
		wire_fill(m, picture, kit_rect(0, 0, 320, 200), 0x00808080);
		CHECK_PICTURE(m, 0, picture);
		for (uint32_t k = 0; k < 50; k++)
			wire_fill(m, picture, kit_rect(k * 6, k * 3, 17, 11),
				k * 0x00051119 & KIT_RGB);
		CHECK_PICTURE(m, 0, picture);
		CHECK_INT(m->display.scanouts[0].dmabuf, i == 1);
		kit_picture_destroy(picture);
		wire_end(m);
	}
}

/* Only what changed is read back and sent. */
static void only_the_damage(void)
{
	struct kit_machine *m = showing("null", 1000, 1000);
	struct kit_picture *picture = kit_picture_create(1000, 1000);
	wire_fill(m, picture, kit_rect(0, 0, 1000, 1000), 0x00808080);
	CHECK_PICTURE(m, 0, picture);
	wire_fill(m, picture, kit_rect(500, 600, 10, 20), 0x00ff0000);
	CHECK_PICTURE(m, 0, picture);
	CHECK(m->display.scanouts[0].last.width <= 16);
	CHECK(m->display.scanouts[0].last.height <= 32);
	kit_picture_destroy(picture);
	wire_end(m);
}

/* A part of a texture, moved over it. */
static void parts(void)
{
	for (size_t i = 0; i < ARRAY_SIZE(renderers); i++) {
		struct kit_machine *m = showing(renderers[i], 300, 300);
		struct kit_picture *whole = kit_picture_create(300, 300);
		struct kit_picture *part = kit_picture_create(100, 100);
		for (uint32_t k = 0; k < 9; k++)
			wire_fill(m, whole, kit_rect(k % 3 * 100, k / 3 * 100, 100, 90),
				0x10203 * (k + 1));
		for (uint32_t k = 0; k <= 200; k += 40) {
			CHECK_GOOD(m,
				kit_gpu_set_scanout(&m->gpu, 0, 1, kit_rect(k, 200 - k, 100, 100)));
			CHECK_GOOD(m, kit_gpu_flush(&m->gpu, 1, kit_rect(0, 0, 300, 300)));
			kit_picture_copy(part, 0, 0, whole, kit_rect(k, 200 - k, 100, 100));
			CHECK_PICTURE(m, 0, part);
		}
		kit_picture_destroy(whole);
		kit_picture_destroy(part);
		wire_end(m);
	}
}

/* A display without DMABUF2 is sent the older message; one that is new gets the modifier. */
static void modifiers(void)
{
	for (int second = 0; second < 2; second++) {
		struct kit_machine *m = wire_machine("null-export",
			&(struct kit_machine_spec){ .profile = &kit_profile_qemu_gpu_all,
				.stage = KIT_STAGE_REALIZED });
		struct kit_picture *picture = kit_picture_create(64, 64);
		if (!second)
			m->display.features = 1u << VHOST_USER_GPU_PROTOCOL_F_EDID;
		CHECK_OK(m, kit_machine_start(m));
		wire_context(m, 1);
		wire_texture(m, 1, 64, 64);
		CHECK_GOOD(m, kit_gpu_ctx_attach(&m->gpu, 1, 1));
		CHECK_GOOD(m, kit_gpu_set_scanout(&m->gpu, 0, 1, kit_rect(0, 0, 64, 64)));
		wire_fill(m, picture, kit_rect(0, 0, 64, 64), 0x00abcdef);
		CHECK_PICTURE(m, 0, picture);
		if (m->display.scanouts[0].dmabuf)
			CHECK_INT(m->display.scanouts[0].has_modifier, second);
		kit_picture_destroy(picture);
		wire_end(m);
	}
}

/* The display that never says that it has shown a frame: the device goes on, sends no second
 * update, and shows the last frame when it says so at last. */
static void acknowledgement_stays_out(void)
{
	struct kit_machine *m = showing("null-export", 640, 480);
	struct kit_picture *picture = kit_picture_create(640, 480);
	m->display.answers[VHOST_USER_GPU_DMABUF_UPDATE] = KIT_DISPLAY_SILENT;
	struct wire_latency latency = { 0 };
	uint64_t begin = kit_now();
	for (uint32_t i = 0; i < 100; i++) {
		wire_fill(m, picture, kit_rect(0, 0, 640, 480), i);
		wire_move_cursor(m, &latency);
	}
	wire_check_prompt(&latency);
	/* one may have been answered before; a device may give up waiting, but not before a second
	 * */
	CHECK(m->display.counts[VHOST_USER_GPU_DMABUF_UPDATE] <= 2 + (kit_now() - begin) / 1000);
	uint32_t before = m->display.counts[VHOST_USER_GPU_DMABUF_UPDATE];
	m->display.answers[VHOST_USER_GPU_DMABUF_UPDATE] = KIT_DISPLAY_GOOD;
	CHECK_OK(m, kit_display_acknowledge(&m->display));
	CHECK_OK(m, kit_display_wait(&m->display, VHOST_USER_GPU_DMABUF_UPDATE, before + 1));
	CHECK_PICTURE(m, 0, picture);
	kit_picture_destroy(picture);
	wire_end(m);
}

/* Stopped with an acknowledgement owed: the next display gets everything. */
static void stop_with_an_acknowledgement_owed(void)
{
	struct kit_machine *m = showing("null-export", 64, 64);
	struct kit_picture *picture = kit_picture_create(64, 64);
	for (uint32_t i = 0; i < 3; i++) {
		m->display.answers[VHOST_USER_GPU_DMABUF_UPDATE] = KIT_DISPLAY_SILENT;
		wire_fill(m, picture, kit_rect(0, 0, 64, 64), 0x00010203 * (i + 1));
		CHECK_OK(m, kit_display_wait(&m->display, VHOST_USER_GPU_DMABUF_UPDATE, 2 * i + 1));
		wire_fill(m, picture, kit_rect(0, 0, 32, 32), 0x00030201 * (i + 1));
		CHECK_OK(m, kit_machine_stop(m));
		m->display.answers[VHOST_USER_GPU_DMABUF_UPDATE] = KIT_DISPLAY_GOOD;
		CHECK_OK(m, kit_machine_start(m));
		CHECK_PICTURE(m, 0, picture);
		CHECK_OK(m, kit_display_wait(&m->display, VHOST_USER_GPU_DMABUF_UPDATE, 2 * i + 2));
	}
	kit_picture_destroy(picture);
	wire_end(m);
}

/* Nonsense instead of acknowledgements. */
static void wrong_acknowledgements(void)
{
	static const enum kit_display_answer answers[] = { KIT_DISPLAY_WRONG, KIT_DISPLAY_NO_FLAG,
		KIT_DISPLAY_LONG, KIT_DISPLAY_HUGE, KIT_DISPLAY_TWICE, KIT_DISPLAY_WITH_FDS,
		KIT_DISPLAY_CLOSE };
	struct kit_machine *m = showing("null-export", 64, 64);
	struct kit_picture *picture = kit_picture_create(64, 64);
	for (uint32_t i = 0; i < ARRAY_SIZE(answers); i++) {
		m->display.answers[VHOST_USER_GPU_DMABUF_UPDATE] = answers[i];
		for (uint32_t k = 0; k < 5; k++)
			wire_fill(m, picture, kit_rect(0, 0, 64, 64), 0x00010203 * (i + 1) + k);
		wire_check_alive(m);
		CHECK_OK(m, kit_machine_stop(m));
		m->display.answers[VHOST_USER_GPU_DMABUF_UPDATE] = KIT_DISPLAY_GOOD;
		CHECK_OK(m, kit_machine_start(m));
		CHECK_PICTURE(m, 0, picture);
	}
	kit_picture_destroy(picture);
	wire_end(m);
}

/* From a texture to a 2D resource and back, on the same scanout. */
static void kinds_take_turns(void)
{
	for (size_t i = 0; i < ARRAY_SIZE(renderers); i++) {
		struct kit_machine *m = showing(renderers[i], 64, 64);
		struct kit_surface s = wire_surface(m, 2, VIRTIO_GPU_FORMAT_R8G8B8A8_UNORM, 64, 64);
		struct kit_picture *drawn = kit_picture_create(64, 64);
		struct kit_picture *flat = wire_pattern(64, 64, 1);
		wire_show(m, &s, flat);
		for (uint32_t k = 0; k < 6; k++) {
			CHECK_GOOD(m, kit_gpu_set_scanout(&m->gpu, 0, 1, kit_rect(0, 0, 64, 64)));
			wire_fill(m, drawn, kit_rect(0, 0, 64, 64), 0x00202020 + k);
			CHECK_PICTURE(m, 0, drawn);
			CHECK_GOOD(m, kit_gpu_set_scanout(&m->gpu, 0, 2, kit_rect(0, 0, 64, 64)));
			CHECK_GOOD(m, kit_gpu_flush(&m->gpu, 2, kit_rect(0, 0, 64, 64)));
			CHECK_PICTURE(m, 0, flat);
		}
		kit_surface_finish(&s);
		kit_picture_destroy(drawn);
		kit_picture_destroy(flat);
		wire_end(m);
	}
}

/* A texture that goes away while it is shown, or while it is being read back. */
static void unref_while_shown(void)
{
	for (size_t i = 0; i < ARRAY_SIZE(renderers); i++) {
		struct kit_machine *m = showing(renderers[i], 640, 480);
		struct kit_picture *picture = kit_picture_create(640, 480);
		for (uint32_t k = 0; k < 20; k++) {
			wire_fill(m, picture, kit_rect(0, 0, 640, 480), k);
			CHECK_GOOD(m, kit_gpu_unref(&m->gpu, 1));
			wire_texture(m, 1, 640, 480);
			CHECK_GOOD(m, kit_gpu_ctx_attach(&m->gpu, 1, 1));
			CHECK_GOOD(m, kit_gpu_set_scanout(&m->gpu, 0, 1, kit_rect(0, 0, 640, 480)));
		}
		wire_fill(m, picture, kit_rect(0, 0, 640, 480), 0x00123456);
		CHECK_PICTURE(m, 0, picture);
		kit_picture_destroy(picture);
		wire_end(m);
	}
}

/* A cursor that a context has drawn, in any size; what has no alpha is opaque. */
static void cursor_from_a_texture(void)
{
	static const struct {
		uint32_t format, width, height, shown;
	} cases[] = {
		{ VIRTIO_GPU_FORMAT_B8G8R8A8_UNORM, 64, 64, 0x80ff2040 },
		{ VIRTIO_GPU_FORMAT_B8G8R8X8_UNORM, 64, 64, 0xffff2040 },
		{ VIRTIO_GPU_FORMAT_R8G8B8A8_UNORM, 1, 1, 0x804020ff },
		{ VIRTIO_GPU_FORMAT_R8G8B8X8_UNORM, 24, 48, 0xff4020ff },
		{ VIRTIO_GPU_FORMAT_B8G8R8A8_UNORM, 256, 256, 0x80ff2040 },
		{ VIRTIO_GPU_FORMAT_B8G8R8X8_UNORM, 256, 1, 0xffff2040 },
	};
	for (size_t i = 0; i < ARRAY_SIZE(renderers) * ARRAY_SIZE(cases); i++) {
		size_t k = i % ARRAY_SIZE(cases);
		struct kit_machine *m = wire_machine_3d(renderers[i / ARRAY_SIZE(cases)]);
		struct virtio_gpu_resource_create_3d args =
			wire_texture_args(1, cases[k].width, cases[k].height);
		args.format = cases[k].format;
		wire_context(m, 1);
		CHECK_GOOD(m, kit_gpu_create_3d(&m->gpu, args));
		CHECK_GOOD(m, kit_gpu_ctx_attach(&m->gpu, 1, 1));
		CHECK_GOOD(m, WIRE_SUBMIT(m, 1, NULL_FILL, 1, 0x80ff2040));
		CHECK_GOOD(m,
			kit_gpu_update_cursor(&m->gpu,
				(struct virtio_gpu_update_cursor){
					.pos = { .x = 3, .y = 4 }, .resource_id = 1 }));
		CHECK_OK(m, kit_display_wait(&m->display, VHOST_USER_GPU_CURSOR_UPDATE, 1));
		for (uint32_t p = 0; p < ARRAY_SIZE(m->display.cursor.pixels); p++) {
			bool inside = p % 64 < args.width && p / 64 < args.height;
			CHECK_INT(m->display.cursor.pixels[p], inside ? cases[k].shown : 0);
		}
		wire_end(m);
	}
}

int main(int argc, char **argv)
{
	static const struct test_case cases[] = {
		TEST_CASE(frames),
		TEST_CASE(only_the_damage),
		TEST_CASE(parts),
		TEST_CASE(modifiers),
		TEST_CASE(acknowledgement_stays_out),
		TEST_CASE(stop_with_an_acknowledgement_owed),
		TEST_CASE(wrong_acknowledgements),
		TEST_CASE(kinds_take_turns),
		TEST_CASE(unref_while_shown),
		TEST_CASE(cursor_from_a_texture),
	};
	return test_main(argc, argv, cases, ARRAY_SIZE(cases));
}
