/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/* Many scanouts at once, and outputs that the display switches. */
#include <stdlib.h>

#include "wire.h"

#define XRGB VIRTIO_GPU_FORMAT_B8G8R8X8_UNORM

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
		wire_settle(m);
		for (uint32_t i = 0; i < VIRTIO_GPU_MAX_SCANOUTS; i++)
			updates[i] = m->display.scanouts[i].updates;
		kit_picture_fill(picture, changes[k], 0x010203u << k);
		kit_surface_draw(&s, picture);
		CHECK_GOOD(m, kit_surface_show(&s, changes[k]));
		check_parts(m, picture, 3);
		wire_settle(m);
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

int main(int argc, char **argv)
{
	static const struct test_case cases[] = {
		TEST_CASE(all_scanouts_of_one_resource),
		TEST_CASE(outputs_exchange_resources),
		TEST_CASE(display_switches_outputs),
	};
	return test_main(argc, argv, cases, ARRAY_SIZE(cases));
}
