/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/*
 * Renderer processes that were taken over (rogue/rogue.c), each in another way: the guest's commands are
 * answered, well or not, 2D and cursor are as ever, and nothing piles up in the device.
 */
#include <stdlib.h>

#include "wire_3d.h"

#define ROUNDS 60u
#define SIDE   64u
/* What is lost with damaged records counts as undone soon. */
#define OPTIONS "--renderer-restarts 64/1 --renderer-timeout 2"

static void check_2d(struct kit_machine *m, struct kit_surface *s, uint32_t seed)
{
	struct kit_picture *picture = wire_pattern(SIDE, SIDE, seed);
	CHECK_GOOD(m, kit_gpu_set_scanout(&m->gpu, 0, s->id, kit_rect(0, 0, SIDE, SIDE)));
	wire_show(m, s, picture);
	CHECK_PICTURE(m, 0, picture);
	kit_picture_destroy(picture);
}

/* A guest that draws, shows, waits for fences: whatever the answers are, they come. */
static void work_3d(struct kit_machine *m, uint32_t round)
{
	uint32_t nop = NULL_COMMAND(NULL_NOP, 0), id = 10 + round % 3, ctx = 1 + round % 5;
	const struct virtio_gpu_transfer_host_3d whole = {
		.box = { 0, 0, 0, SIDE, SIDE, 1 },
		.resource_id = id,
	};
	const struct virtio_gpu_mem_entry entry = { 0x100000, SIDE * SIDE * 4, 0 };
	struct kit_command *commands[8];
	CHECK_OK(m, kit_gpu_ctx_create(&m->gpu, ctx, NULL_CAPSET, "rogue"));
	CHECK_OK(m, kit_gpu_create_3d(&m->gpu, wire_texture_args(id, SIDE, SIDE)));
	CHECK_OK(m, kit_gpu_attach(&m->gpu, id, &entry, 1));
	CHECK_OK(m, kit_gpu_ctx_attach(&m->gpu, ctx, id));
	for (uint32_t i = 0; i < ARRAY_SIZE(commands); i++)
		commands[i] = wire_send(m, kit_header_ring(0, i, ctx, (uint8_t)(i % 3)), &nop, 1);
	CHECK_OK(m, kit_gpu_transfer_to_3d(&m->gpu, ctx, whole));
	CHECK_OK(m, kit_gpu_transfer_from_3d(&m->gpu, ctx, whole));
	CHECK_OK(m, kit_gpu_set_scanout(&m->gpu, 0, id, kit_rect(0, 0, SIDE, SIDE)));
	CHECK_OK(m, kit_gpu_flush(&m->gpu, id, kit_rect(0, 0, SIDE, SIDE)));
	for (uint32_t i = 0; i < ARRAY_SIZE(commands); i++)
		CHECK_OK(m, kit_gpu_complete(&m->gpu, commands[i], NULL, 0));
	CHECK_OK(m, kit_gpu_unref(&m->gpu, id));
	CHECK_OK(m, kit_gpu_ctx_destroy(&m->gpu, ctx));
}

static void run(const char *way)
{
	const struct kit_machine_spec spec = { .profile = &kit_profile_qemu_gpu_all };
	struct kit_usage before = { 0 }, after;
	struct wire_latency latency = { 0 };
	if (!getenv("VIRTIOGPUD_LIBEXEC"))
		test_skip("VIRTIOGPUD_LIBEXEC does not say where the rogue is");
	setenv("ROGUE", way, 1);
	struct kit_machine *m = wire_machine_with("null-export", OPTIONS, &spec);
	struct kit_surface s = wire_surface(m, 1, VIRTIO_GPU_FORMAT_B8G8R8X8_UNORM, SIDE, SIDE);
	m->kit.timeout_ms = 15000; /* one that was damaged may look as if it hung */
	for (uint32_t round = 0; round < ROUNDS; round++) {
		work_3d(m, round);
		wire_move_cursor(m, &latency);
		check_2d(m, &s, round);
		if (round == ROUNDS / 4)
			kit_backend_usage(m->backend, &before);
	}
	wire_check_prompt(&latency);
	wire_check_alive(m);
	kit_backend_usage(m->backend, &after);
	/* a renderer more or less, and what is under way */
	CHECK(after.fds <= before.fds + 30);
	wire_check_memory(&before, &after, 4096);
	kit_surface_finish(&s);
	wire_end(m);
}

#define WAY(name)                                                                                  \
	static void name(void)                                                                     \
	{                                                                                          \
		run(#name);                                                                        \
	}
WAY(no_cookies)
WAY(twice)
WAY(statuses)
WAY(flags)
WAY(noise)
WAY(descriptors)
WAY(images)
WAY(no_descriptor)
WAY(indices)
WAY(scribble)
WAY(wakes)
WAY(packets)
WAY(closes)
WAY(dies)

int main(int argc, char **argv)
{
	static const struct test_case cases[] = {
		TEST_CASE(no_cookies),
		TEST_CASE(twice),
		TEST_CASE(statuses),
		TEST_CASE(flags),
		TEST_CASE(noise),
		TEST_CASE(descriptors),
		TEST_CASE(images),
		TEST_CASE(no_descriptor),
		TEST_CASE(indices),
		TEST_CASE(scribble),
		TEST_CASE(wakes),
		TEST_CASE(packets),
		TEST_CASE(closes),
		TEST_CASE(dies),
	};
	return test_main(argc, argv, cases, ARRAY_SIZE(cases));
}
