/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/* What must not grow, and what must not wait: connections, resources, displays, full queues. */
#include <stdlib.h>

#include "wire_3d.h"

#define XRGB VIRTIO_GPU_FORMAT_B8G8R8X8_UNORM

static void work(struct kit_machine *m)
{
	struct kit_surface s = wire_surface(m, 1, XRGB, 640, 480);
	struct kit_picture *picture = wire_pattern(640, 480, 1);
	CHECK_GOOD(m, kit_gpu_set_scanout(&m->gpu, 0, 1, kit_rect(0, 0, 640, 480)));
	wire_show(m, &s, picture);
	CHECK_PICTURE(m, 0, picture);
	kit_surface_finish(&s);
	kit_picture_destroy(picture);
}

/* A context with a texture that has backing. */
static void work_3d(struct kit_machine *m)
{
	static const uint32_t ids[] = { 2, 0 };
	struct virtio_gpu_mem_entry entry = { kit_alloc(&m->memory, 65536, 4096), 65536, 0 };
	wire_context(m, 1);
	wire_texture(m, 2, 128, 128);
	CHECK_GOOD(m, kit_gpu_attach(&m->gpu, 2, &entry, 1));
	CHECK_GOOD(m, kit_gpu_ctx_attach(&m->gpu, 1, 2));
	CHECK_GOOD(m, wire_submit(m, 1, NULL_FILL, ids, ARRAY_SIZE(ids)));
	kit_free(&m->memory, entry.addr, 65536);
}

/* A hundred VMMs one after another, each of which leaves everything lying about. */
static void connect_often(struct kit_machine *m, bool with_3d)
{
	struct kit_usage before = { 0 };
	for (int i = 0; i < 110; i++) {
		work(m);
		if (with_3d)
			work_3d(m);
		CHECK_OK(m, kit_machine_reconnect(m));
		if (i == 9)
			before = wire_usage_at_rest(m);
	}
	struct kit_usage after = wire_usage_at_rest(m);
	CHECK_INT(after.processes, before.processes);
	CHECK_INT(after.fds, before.fds);
	wire_check_memory(&before, &after, 1024);
	wire_end(m);
}

static void connections(void)
{
	connect_often(wire_machine("none", NULL), false);
}

static void connections_with_contexts(void)
{
	connect_often(wire_machine_3d("null"), true);
}

/* A guest that resets again and again. */
static void resets(void)
{
	struct kit_machine *m = wire_machine("none", NULL);
	struct kit_usage before = { 0 };
	for (int i = 0; i < 110; i++) {
		work(m);
		CHECK_OK(m, kit_machine_reset(m));
		if (i == 9)
			before = wire_usage_at_rest(m);
	}
	struct kit_usage after = wire_usage_at_rest(m);
	CHECK_INT(after.fds, before.fds);
	wire_check_memory(&before, &after, 1024);
	wire_end(m);
}

/* Create, attach, detach, destroy; and commands that fail at their last step. */
static void resources_come_and_go(void)
{
	struct kit_machine *m = wire_machine("none", NULL);
	struct virtio_gpu_mem_entry good = { 0x10000, 65536, 0 };
	struct virtio_gpu_mem_entry bad = { UINT64_C(1) << 40, 65536, 0 };
	struct kit_usage before = { 0 };
	for (uint32_t i = 0; i < 5500; i++) {
		CHECK_GOOD(m, kit_gpu_create_2d(&m->gpu, 1 + i, XRGB, 128, 128));
		CHECK_GOOD(m, kit_gpu_attach(&m->gpu, 1 + i, &good, 1));
		CHECK_ERROR(m, kit_gpu_attach(&m->gpu, 1 + i, &good, 1));
		if (i % 2)
			CHECK_GOOD(m, kit_gpu_detach(&m->gpu, 1 + i));
		CHECK_GOOD(m, kit_gpu_unref(&m->gpu, 1 + i));
		CHECK_ERROR(m, kit_gpu_attach(&m->gpu, 1 + i, &bad, 1));
		if (i == 499)
			before = wire_usage(m);
	}
	struct kit_usage after = wire_usage(m);
	CHECK_INT(after.fds, before.fds);
	wire_check_memory(&before, &after, 512);
	wire_end(m);
}

/* Many small pictures, and behind them in the heap what outlives their guest: a renderer that is started
 * meanwhile. The next guest finds as much memory free as the first. */
static void memory_is_given_back(void)
{
	struct kit_machine *m = wire_machine_3d("null");
	struct kit_picture *picture = wire_pattern(64, 48, 1);
	work_3d(m);
	CHECK_OK(m, kit_machine_reconnect(m));
	struct kit_usage before = wire_usage(m);
	for (uint32_t i = 0; i < 1000; i++) {
		struct kit_surface s = wire_surface(m, 10 + i, XRGB, 64, 48);
		wire_show(m, &s, picture);
		kit_surface_finish(&s);
	}
	struct kit_usage meanwhile = wire_usage(m);
	CHECK(meanwhile.memory_kib > before.memory_kib + 1000 * 64 * 48 * 4 / 1024);
	wire_kill_renderer(m);
	work_3d(m);
	CHECK_OK(m, kit_machine_reconnect(m));
	struct kit_usage after = wire_usage(m);
	wire_check_memory(&before, &after, 4096);
	kit_picture_destroy(picture);
	wire_end(m);
}

/* --- slow displays ------------------------------------------------------------------------- */

/* A display that does not read: commands of both queues are answered as ever, nothing piles up, and
 * when it reads again it gets the last picture. */
static void display_does_not_read(void)
{
	struct kit_machine *m = wire_machine("none", NULL);
	struct kit_surface s = wire_surface(m, 1, XRGB, 1920, 1080);
	struct kit_picture *picture = wire_pattern(1920, 1080, 0);
	CHECK_GOOD(m, kit_gpu_set_scanout(&m->gpu, 0, 1, kit_rect(0, 0, 1920, 1080)));
	wire_show(m, &s, picture);
	CHECK_PICTURE(m, 0, picture);
	kit_display_set_reading(&m->display, false);
	struct wire_latency latency = { 0 };
	struct kit_usage before = wire_usage(m);
	for (uint32_t i = 0; i < 60; i++) {
		kit_picture_fill(picture, kit_rect(0, 0, 1920, 1080), i * 0x010203);
		wire_show(m, &s, picture);
		wire_move_cursor(m, &latency);
	}
	wire_check_prompt(&latency);
	struct kit_usage after = wire_usage(m);
	/* two frames at most */
	wire_check_memory(&before, &after, 2 * 1920 * 1080 * 4 / 1024);
	kit_display_set_reading(&m->display, true);
	CHECK_PICTURE(m, 0, picture);
	kit_surface_finish(&s);
	kit_picture_destroy(picture);
	wire_end(m);
}

/* A display that reads a little now and then. */
static void display_reads_slowly(void)
{
	struct kit_machine *m = wire_machine("none", NULL);
	struct kit_surface s = wire_surface(m, 1, XRGB, 800, 600);
	struct kit_picture *picture = wire_pattern(800, 600, 0);
	CHECK_GOOD(m, kit_gpu_set_scanout(&m->gpu, 0, 1, kit_rect(0, 0, 800, 600)));
	struct wire_latency latency = { 0 };
	kit_display_set_reading(&m->display, false);
	for (uint32_t i = 0; i < 100; i++) {
		kit_picture_pattern(picture, kit_rect(0, 0, 800, 600), i);
		wire_show(m, &s, picture);
		wire_move_cursor(m, &latency);
		kit_display_set_reading(&m->display, i % 10 == 9);
		CHECK_OK(m, kit_pump(&m->kit, 1));
	}
	wire_check_prompt(&latency);
	kit_display_set_reading(&m->display, true);
	CHECK_PICTURE(m, 0, picture);
	kit_surface_finish(&s);
	kit_picture_destroy(picture);
	wire_end(m);
}

/* --- full queues --------------------------------------------------------------------------- */

static int by_value(const void *a, const void *b)
{
	const uint64_t *x = a, *y = b;
	return (*x > *y) - (*x < *y);
}

/* The control queue is full of transfers of whole 4K frames all the time: the cursor does not wait
 * for them. Judged by the median, as others may use the machine. */
static void cursor_beside_a_full_control_queue(void)
{
	struct kit_machine *m =
		wire_machine("none", &(struct kit_machine_spec){ .sizes = { 64, 16 } });
	struct kit_surface s = wire_surface(m, 1, XRGB, 3840, 2160);
	struct virtio_gpu_transfer_to_host_2d transfer = {
		.hdr = kit_header(VIRTIO_GPU_CMD_TRANSFER_TO_HOST_2D),
		.r = kit_rect(0, 0, 3840, 2160),
		.resource_id = 1,
	};
	uint64_t took_us[9];
	for (uint32_t i = 0; i < ARRAY_SIZE(took_us); i++) {
		struct kit_command *command;
		while ((command = kit_gpu_queue(&m->gpu, 0, &transfer, sizeof(transfer), 24)))
			kit_command_forget(command);
		kit_ring_kick(&m->rings[0]);
		/* in the middle of it */
		CHECK_OK(m, kit_pump(&m->kit, 20));
		uint64_t start = kit_now_us();
		CHECK_GOOD(m, kit_gpu_move_cursor(&m->gpu, 0, i, i));
		took_us[i] = kit_now_us() - start;
		CHECK_OK(m, kit_gpu_drain(&m->gpu));
	}
	qsort(took_us, ARRAY_SIZE(took_us), sizeof(took_us[0]), by_value);
	uint64_t median_us = took_us[ARRAY_SIZE(took_us) / 2];
	printf("# a cursor move took %llu us in the median, %llu at most\n",
		(unsigned long long)median_us,
		(unsigned long long)took_us[ARRAY_SIZE(took_us) - 1]);
	CHECK(median_us < 100000);
	kit_surface_finish(&s);
	wire_end(m);
}

int main(int argc, char **argv)
{
	static const struct test_case cases[] = {
		TEST_CASE(connections),
		TEST_CASE(connections_with_contexts),
		TEST_CASE(resets),
		TEST_CASE(resources_come_and_go),
		TEST_CASE(memory_is_given_back),
		TEST_CASE(display_does_not_read),
		TEST_CASE(display_reads_slowly),
		TEST_CASE(cursor_beside_a_full_control_queue),
	};
	return test_main(argc, argv, cases, ARRAY_SIZE(cases));
}
