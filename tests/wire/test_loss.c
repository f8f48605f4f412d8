/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/*
 * Renderer processes that die, hang or are stopped: what waits for them is answered, the rest of
 * the device goes on, and new contexts get a new process.
 */
#include <signal.h>
#include <stdlib.h>

#include "wire_3d.h"

#define PROGRAM "virtiogpud-render-null"

static pid_t renderer_of(struct kit_machine *m)
{
	pid_t pid = kit_backend_find(m->backend, PROGRAM);
	CHECK(pid > 0);
	return pid;
}

/* Context 1, texture 1 drawn to and shown. */
static struct kit_machine *drawing(void)
{
	struct kit_machine *m = wire_machine_3d("null");
	struct kit_picture *picture = kit_picture_create(64, 64);
	wire_context(m, 1);
	wire_texture(m, 1, 64, 64);
	CHECK_GOOD(m, kit_gpu_ctx_attach(&m->gpu, 1, 1));
	CHECK_GOOD(m, kit_gpu_set_scanout(&m->gpu, 0, 1, kit_rect(0, 0, 64, 64)));
	CHECK_GOOD(m, WIRE_SUBMIT(m, 1, NULL_FILL, 1, 0x00334455));
	CHECK_GOOD(m, kit_gpu_flush(&m->gpu, 1, kit_rect(0, 0, 64, 64)));
	kit_picture_fill(picture, kit_rect(0, 0, 64, 64), 0x334455);
	CHECK_PICTURE(m, 0, picture);
	kit_picture_destroy(picture);
	return m;
}

static void check_2d(struct kit_machine *m, uint32_t seed)
{
	struct kit_surface s = wire_surface(m, 100, VIRTIO_GPU_FORMAT_B8G8R8X8_UNORM, 80, 60);
	struct kit_picture *picture = wire_pattern(80, 60, seed);
	CHECK_GOOD(m, kit_gpu_set_scanout(&m->gpu, 0, 100, kit_rect(0, 0, 80, 60)));
	wire_show(m, &s, picture);
	CHECK_PICTURE(m, 0, picture);
	CHECK_GOOD(m, kit_gpu_unref(&m->gpu, 100));
	kit_surface_finish(&s);
	kit_picture_destroy(picture);
}

/* A new context with a new texture draws. */
static void check_3d(struct kit_machine *m, uint32_t ctx_id, uint32_t color)
{
	struct kit_picture *picture = kit_picture_create(32, 32);
	wire_context(m, ctx_id);
	wire_texture(m, 200, 32, 32);
	CHECK_GOOD(m, kit_gpu_ctx_attach(&m->gpu, ctx_id, 200));
	CHECK_GOOD(m, kit_gpu_set_scanout(&m->gpu, 0, 200, kit_rect(0, 0, 32, 32)));
	CHECK_GOOD(m, WIRE_SUBMIT(m, ctx_id, NULL_FILL, 200, color));
	CHECK_GOOD(m, kit_gpu_flush(&m->gpu, 200, kit_rect(0, 0, 32, 32)));
	kit_picture_fill(picture, kit_rect(0, 0, 32, 32), color);
	CHECK_PICTURE(m, 0, picture);
	CHECK_GOOD(m, kit_gpu_unref(&m->gpu, 200));
	CHECK_GOOD(m, kit_gpu_ctx_destroy(&m->gpu, ctx_id));
	kit_picture_destroy(picture);
}

/* Everything that was waiting is answered with an error, and soon. */
static void killed_with_fences_pending(void)
{
	struct kit_machine *m = drawing();
	uint32_t never = NULL_COMMAND(NULL_NEVER_SIGNAL, 0);
	uint32_t nop = NULL_COMMAND(NULL_NOP, 0);
	struct kit_command *commands[20];
	CHECK_GOOD(m, kit_gpu_submit_3d(&m->gpu, 1, &never, 4));
	for (uint32_t i = 0; i < ARRAY_SIZE(commands); i++)
		commands[i] = wire_send(m, kit_header_ring(0, i, 1, (uint8_t)(i % 4)), &nop, 1);
	CHECK_OK(m, kit_pump(&m->kit, 50));
	uint64_t start = kit_now();
	kill(renderer_of(m), SIGKILL);
	for (uint32_t i = 0; i < ARRAY_SIZE(commands); i++)
		CHECK_ERROR(m, kit_gpu_complete(&m->gpu, commands[i], NULL, 0));
	CHECK(kit_now() - start < 3000);
	check_2d(m, 1);
	wire_end(m);
}

/* What is left of a context whose renderer is gone: errors, until the guest destroys it. */
static void lost_contexts(void)
{
	struct kit_machine *m = drawing();
	wire_kill_renderer(m);
	CHECK_ERROR(m, WIRE_SUBMIT(m, 1, NULL_NOP, 0));
	CHECK_TYPE(m, kit_gpu_ctx_create(&m->gpu, 1, NULL_CAPSET, ""),
		VIRTIO_GPU_RESP_ERR_INVALID_CONTEXT_ID);
	check_2d(m, 2);
	CHECK_GOOD(m, kit_gpu_ctx_destroy(&m->gpu, 1));
	CHECK_GOOD(m, kit_gpu_unref(&m->gpu, 1));
	check_3d(m, 1, 0x00778899);
	wire_end(m);
}

/* A new context works beside the lost one. */
static void new_context_beside_a_lost_one(void)
{
	struct kit_machine *m = drawing();
	pid_t before = renderer_of(m);
	wire_kill_renderer(m);
	check_3d(m, 2, 0x00112233);
	CHECK(renderer_of(m) != before);
	CHECK_ERROR(m, WIRE_SUBMIT(m, 1, NULL_NOP, 0));
	CHECK_GOOD(m, kit_gpu_ctx_destroy(&m->gpu, 1));
	wire_end(m);
}

/* A 2D resource that a context had used is whole again, from the guest's memory or from the device.
 * */
static void shared_2d_resource(void)
{
	struct kit_machine *m = wire_machine_3d("null");
	struct kit_surface s = wire_surface(m, 5, VIRTIO_GPU_FORMAT_B8G8R8X8_UNORM, 64, 64);
	struct kit_picture *picture = wire_pattern(64, 64, 1);
	wire_context(m, 1);
	CHECK_GOOD(m, kit_gpu_ctx_attach(&m->gpu, 1, 5));
	CHECK_GOOD(m, WIRE_SUBMIT(m, 1, NULL_NOP, 0));
	CHECK_GOOD(m, kit_gpu_set_scanout(&m->gpu, 0, 5, kit_rect(0, 0, 64, 64)));
	wire_show(m, &s, picture);
	CHECK_PICTURE(m, 0, picture);
	wire_kill_renderer(m);
	for (uint32_t i = 0; i < 3; i++) {
		kit_picture_pattern(picture, kit_rect(0, 0, 64, 64), 10 + i);
		wire_show(m, &s, picture);
		CHECK_PICTURE(m, 0, picture);
	}
	CHECK_GOOD(m, kit_gpu_unref(&m->gpu, 5));
	kit_surface_finish(&s);
	kit_picture_destroy(picture);
	wire_end(m);
}

/* The guest makes it die by itself, in each way; what it says of that is in the log. */
static void dies_by_command(void)
{
	static const uint32_t streams[][2] = {
		{ NULL_COMMAND(NULL_ABORT, 0), 0 },
		{ NULL_COMMAND(NULL_EXIT, 1), 0 },
		{ NULL_COMMAND(NULL_EXIT, 1), 77 },
	};
	for (uint32_t i = 0; i < ARRAY_SIZE(streams); i++) {
		struct kit_machine *m = drawing();
		kit_backend_log_mark(m->backend);
		CHECK_ERROR(m, kit_gpu_submit_3d(&m->gpu, 1, streams[i], i ? 8 : 4));
		CHECK_OK(m, kit_backend_wait_lines(m->backend, "null", 1));
		check_2d(m, i);
		check_3d(m, 2, i * 0x00111111);
		wire_end(m);
	}
}

/* The scanout of a texture whose renderer is gone does not hang the display or the queue. */
static void killed_while_shown(void)
{
	struct kit_machine *m = drawing();
	for (uint32_t i = 0; i < 20; i++) {
		if (i == 10)
			kill(renderer_of(m), SIGKILL);
		CHECK_OK(m, kit_gpu_flush(&m->gpu, 1, kit_rect(0, 0, 64, 64)));
		CHECK_GOOD(m, kit_gpu_move_cursor(&m->gpu, 0, i, i));
	}
	CHECK_GOOD(m, kit_gpu_unref(&m->gpu, 1));
	check_2d(m, 3);
	wire_end(m);
}

/* A renderer that hangs: 2D and cursor are answered as ever; afterwards everything is caught up
 * with. */
static void hangs(void)
{
	struct kit_machine *m = drawing();
	uint32_t hang[2] = { NULL_COMMAND(NULL_HANG, 1), 3000 };
	struct kit_command *command = wire_send(m, kit_header_ring(0, 1, 1, 0), hang, 2);
	uint64_t start = kit_now();
	CHECK_GOOD(m, kit_gpu_create_2d(&m->gpu, 50, VIRTIO_GPU_FORMAT_B8G8R8X8_UNORM, 8, 8));
	CHECK_GOOD(m, kit_gpu_move_cursor(&m->gpu, 0, 1, 1));
	wire_check_alive(m);
	check_2d(m, 4);
	CHECK(kit_now() - start < 2500);
	CHECK(!command->done);
	CHECK_GOOD(m, kit_gpu_complete(&m->gpu, command, NULL, 0));
	wire_end(m);
}

/* Stopped from outside, as a debugger does, and continued. */
static void stopped_and_continued(void)
{
	struct kit_machine *m = drawing();
	pid_t pid = renderer_of(m);
	uint32_t nop = NULL_COMMAND(NULL_NOP, 0);
	struct kit_command *commands[50];
	kill(pid, SIGSTOP);
	for (uint32_t i = 0; i < ARRAY_SIZE(commands); i++)
		commands[i] = wire_send(m, kit_header_ring(0, i, 1, 0), &nop, 1);
	uint64_t start = kit_now();
	CHECK_GOOD(m, kit_gpu_move_cursor(&m->gpu, 0, 1, 1));
	check_2d(m, 5);
	CHECK(kit_now() - start < 2500);
	kill(pid, SIGCONT);
	for (uint32_t i = 0; i < ARRAY_SIZE(commands); i++)
		CHECK_GOOD(m, kit_gpu_complete(&m->gpu, commands[i], NULL, 0));
	wire_end(m);
}

/* The guest resets, or goes away, while the renderer is stopped: neither waits for ever. */
static void reset_while_stopped(void)
{
	struct kit_machine *m = drawing();
	pid_t pid = renderer_of(m);
	uint32_t nop = NULL_COMMAND(NULL_NOP, 0);
	kill(pid, SIGSTOP);
	kit_command_forget(wire_send(m, kit_header_ring(0, 1, 1, 0), &nop, 1));
	uint64_t start = kit_now();
	CHECK_OK(m, kit_machine_reset(m));
	CHECK(kit_now() - start < 3000);
	check_2d(m, 6);
	check_3d(m, 1, 0x00010203);
	wire_end(m);
}

static bool is_gone(void *data)
{
	const pid_t *pid = data;
	return kill(*pid, 0) < 0;
}

/* One that has been taken over does not go by itself: as one that is stopped. */
static void guest_leaves_no_renderer(int (*next_guest)(struct kit_machine *m))
{
	struct kit_machine *m = drawing();
	pid_t pid = renderer_of(m);
	kill(pid, SIGSTOP);
	CHECK_OK(m, next_guest(m));
	CHECK_OK(m, kit_wait(&m->kit, is_gone, &pid, 3000));
	check_3d(m, 1, 0x00112233);
	/* a reset of that one, too; and then there is one that only uses 2D */
	CHECK_OK(m, kit_machine_reset(m));
	CHECK_OK(m, kit_pump(&m->kit, 50));
	pid = renderer_of(m);
	check_2d(m, 8);
	CHECK_OK(m, next_guest(m));
	check_2d(m, 9);
	CHECK(renderer_of(m) == pid);
	wire_end(m);
}

static void reset_leaves_no_renderer(void)
{
	guest_leaves_no_renderer(kit_machine_reset);
}

static void vmm_leaves_no_renderer(void)
{
	guest_leaves_no_renderer(kit_machine_reconnect);
}

/* Killed again and again: however the device paces new ones, 2D never suffers, nothing leaks. */
static void killed_many_times(void)
{
	struct kit_machine *m = drawing();
	struct kit_usage before = { 0 }, after;
	for (uint32_t i = 0; i < 12; i++) {
		pid_t pid = kit_backend_find(m->backend, PROGRAM);
		if (pid > 0)
			kill(pid, SIGKILL);
		CHECK_OK(m, kit_pump(&m->kit, 20));
		int type = kit_gpu_ctx_create(&m->gpu, 10 + i, NULL_CAPSET, "");
		CHECK_OK(m, type);
		check_2d(m, i);
		if (type == VIRTIO_GPU_RESP_OK_NODATA)
			CHECK_GOOD(m, kit_gpu_ctx_destroy(&m->gpu, 10 + i));
		if (i == 5)
			kit_backend_usage(m->backend, &before);
	}
	kit_backend_usage(m->backend, &after);
	CHECK(after.fds <= before.fds + 4);
	CHECK(after.processes <= before.processes + 1);
	wire_end(m);
}

/* The connection ends and the next VMM finds 3D working, although the last renderer was killed. */
static void next_vmm_after_a_kill(void)
{
	struct kit_machine *m = drawing();
	wire_kill_renderer(m);
	CHECK_OK(m, kit_machine_reconnect(m));
	CHECK(kit_vmm_feature(&m->vmm, VIRTIO_GPU_F_VIRGL));
	check_2d(m, 7);
	check_3d(m, 1, 0x00fedcba);
	wire_end(m);
}

int main(int argc, char **argv)
{
	static const struct test_case cases[] = {
		TEST_CASE(killed_with_fences_pending),
		TEST_CASE(lost_contexts),
		TEST_CASE(new_context_beside_a_lost_one),
		TEST_CASE(shared_2d_resource),
		TEST_CASE(dies_by_command),
		TEST_CASE(killed_while_shown),
		TEST_CASE(hangs),
		TEST_CASE(stopped_and_continued),
		TEST_CASE(reset_while_stopped),
		TEST_CASE(reset_leaves_no_renderer),
		TEST_CASE(vmm_leaves_no_renderer),
		TEST_CASE(killed_many_times),
		TEST_CASE(next_vmm_after_a_kill),
	};
	return test_main(argc, argv, cases, ARRAY_SIZE(cases));
}
