/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/* Fences on the timelines of contexts and their rings. */
#include <stdlib.h>

#include "wire_3d.h"

#define DELAY NULL_COMMAND(NULL_DELAY_FENCES, 1)
#define NEVER NULL_COMMAND(NULL_NEVER_SIGNAL, 0)

/* A fenced no-op on a ring of a context. */
static struct kit_command *fence(struct kit_machine *m, uint32_t ctx_id, uint8_t ring, uint64_t id)
{
	uint32_t nop = NULL_COMMAND(NULL_NOP, 0);
	return wire_send(m, kit_header_ring(0, id, ctx_id, ring), &nop, 1);
}

static void delay(struct kit_machine *m, uint32_t ctx_id, uint32_t milliseconds)
{
	CHECK_GOOD(m, WIRE_SUBMIT(m, ctx_id, NULL_DELAY_FENCES, milliseconds));
}

static void finish(struct kit_machine *m, struct kit_command *command)
{
	CHECK_GOOD(m, kit_gpu_complete(&m->gpu, command, NULL, 0));
}

static void every_ring(void)
{
	struct kit_machine *m = wire_machine_3d("null");
	wire_context(m, 1);
	for (uint32_t ring = 0; ring < 64; ring++)
		finish(m, fence(m, 1, (uint8_t)ring, 1000 - ring));
	wire_end(m);
}

static void rings_that_are_not_there(void)
{
	struct kit_machine *m = wire_machine_3d("null");
	wire_context(m, 1);
	struct kit_command *commands[] = { fence(m, 1, 64, 1), fence(m, 1, 255, 2),
		fence(m, 2, 0, 3) };
	for (size_t i = 0; i < ARRAY_SIZE(commands); i++)
		CHECK_ERROR(m, kit_gpu_complete(&m->gpu, commands[i], NULL, 0));
	wire_end(m);
}

/* The answer comes when the work is done, not before. */
static void a_fence_takes_its_time(void)
{
	struct kit_machine *m = wire_machine_3d("null");
	wire_context(m, 1);
	delay(m, 1, 200);
	uint64_t start = kit_now();
	finish(m, fence(m, 1, 0, 1));
	uint64_t took = kit_now() - start;
	CHECK(took >= 190 && took < 1500);
	/* a global fence waits for all contexts */
	uint32_t nop = NULL_COMMAND(NULL_NOP, 0);
	start = kit_now();
	struct virtio_gpu_ctrl_hdr global = kit_header_fence(0, 2);
	global.ctx_id = 1;
	finish(m, wire_send(m, global, &nop, 1));
	CHECK(kit_now() - start >= 190);
	wire_end(m);
}

/* One timeline is in order; others do not wait for it. */
static void timelines(void)
{
	struct kit_machine *m = wire_machine_3d("null");
	wire_context(m, 1);
	wire_context(m, 2);
	delay(m, 1, 1000);
	struct kit_command *slow = fence(m, 1, 5, 10);
	delay(m, 1, 0);
	struct kit_command *behind = fence(m, 1, 5, 11);
	struct kit_command *other_ring = fence(m, 1, 6, 12);
	struct kit_command *other_context = fence(m, 2, 5, 13);
	CHECK_OK(m, kit_gpu_wait(&m->gpu, other_ring));
	CHECK_OK(m, kit_gpu_wait(&m->gpu, other_context));
	CHECK(!slow->done && !behind->done);
	CHECK_OK(m, kit_gpu_wait(&m->gpu, behind));
	CHECK(slow->done);
	CHECK(slow->order < behind->order);
	finish(m, slow);
	finish(m, behind);
	finish(m, other_ring);
	finish(m, other_context);
	wire_end(m);
}

/* Ids of any order, the same one twice: each is echoed, the order is that of submission. */
static void odd_ids(void)
{
	static const uint64_t ids[] = { 5, 3, 3, UINT64_MAX, 0, 5, 1 };
	struct kit_machine *m = wire_machine_3d("null");
	struct kit_command *commands[ARRAY_SIZE(ids)];
	wire_context(m, 1);
	delay(m, 1, 100);
	for (size_t i = 0; i < ARRAY_SIZE(ids); i++)
		commands[i] = fence(m, 1, 1, ids[i]);
	CHECK_OK(m, kit_gpu_drain(&m->gpu));
	for (size_t i = 1; i < ARRAY_SIZE(ids); i++)
		CHECK(commands[i]->order > commands[i - 1]->order);
	for (size_t i = 0; i < ARRAY_SIZE(ids); i++)
		finish(m, commands[i]);
	wire_end(m);
}

/* A fence that never signals holds up its own timeline, and nothing else. */
static void never_signals(void)
{
	struct kit_machine *m = wire_machine_3d("null");
	uint32_t never = NEVER;
	wire_context(m, 1);
	wire_context(m, 2);
	CHECK_GOOD(m, kit_gpu_submit_3d(&m->gpu, 1, &never, 4));
	struct kit_command *stuck = fence(m, 1, 0, 1);
	for (uint32_t i = 0; i < 50; i++) {
		finish(m, fence(m, 2, 0, i));
		CHECK_GOOD(m, WIRE_SUBMIT(m, 1, NULL_NOP, i));
		CHECK_GOOD(m, kit_gpu_move_cursor(&m->gpu, 0, i, i));
	}
	CHECK(!stuck->done);
	/* destroying the context ends its fences */
	CHECK_GOOD(m, kit_gpu_ctx_destroy(&m->gpu, 1));
	CHECK_OK(m, kit_gpu_complete(&m->gpu, stuck, NULL, 0));
	wire_end(m);
}

/* The whole ring full of fences that never signal: it cannot take more, but the cursor can; then
 * the device is stopped, in time. */
static void ring_full_of_stuck_fences(void)
{
	struct kit_machine *m = wire_machine_3d("null");
	uint32_t never = NEVER;
	wire_context(m, 1);
	CHECK_GOOD(m, kit_gpu_submit_3d(&m->gpu, 1, &never, 4));
	while (m->rings[0].free_count > 0)
		kit_command_forget(fence(m, 1, 0, 1));
	CHECK_GOOD(m, kit_gpu_move_cursor(&m->gpu, 0, 1, 1));
	uint64_t start = kit_now();
	CHECK_OK(m, kit_machine_reset(m));
	CHECK(kit_now() - start < 3000);
	wire_check_alive(m);
	wire_context(m, 1);
	finish(m, fence(m, 1, 0, 1));
	wire_end(m);
}

/* Paused with fences pending: all are answered before the queue is stopped, soon, or taken up
 * again. */
static void pause_with_pending_fences(void)
{
	struct kit_machine *m = wire_machine_3d("null");
	struct kit_command *commands[10];
	wire_context(m, 1);
	delay(m, 1, 300);
	for (uint32_t i = 0; i < ARRAY_SIZE(commands); i++)
		commands[i] = fence(m, 1, 0, i);
	CHECK_OK(m, kit_pump(&m->kit, 50));
	uint64_t start = kit_now();
	CHECK_OK(m, kit_machine_stop(m));
	CHECK(kit_now() - start < 2500);
	CHECK_OK(m, kit_machine_start(m));
	for (uint32_t i = 0; i < ARRAY_SIZE(commands); i++)
		finish(m, commands[i]);
	wire_end(m);
}

/* The VMM goes away with fences pending, again and again. */
static void disconnect_with_pending_fences(void)
{
	struct kit_machine *m = wire_machine_3d("null");
	uint32_t never = NEVER;
	for (uint32_t round = 0; round < 10; round++) {
		wire_context(m, 1);
		CHECK_GOOD(m, kit_gpu_submit_3d(&m->gpu, 1, &never, 4));
		for (uint32_t i = 0; i < 20; i++)
			kit_command_forget(fence(m, 1, (uint8_t)i, i));
		CHECK_OK(m, kit_machine_reconnect(m));
	}
	wire_context(m, 1);
	finish(m, fence(m, 1, 0, 1));
	wire_end(m);
}

/* Commands that need no renderer are fenced on a context's ring as well. */
static void other_commands_on_a_ring(void)
{
	struct kit_machine *m = wire_machine_3d("null");
	wire_context(m, 1);
	delay(m, 1, 200);
	struct kit_command *slow = fence(m, 1, 3, 1);
	struct virtio_gpu_ctx_resource attach = {
		.hdr = kit_header_ring(VIRTIO_GPU_CMD_CTX_ATTACH_RESOURCE, 2, 1, 3),
		.resource_id = 4,
	};
	wire_texture(m, 4, 16, 16);
	struct kit_command *command = kit_gpu_submit(&m->gpu, 0, &attach, sizeof(attach), 24);
	CHECK_OK(m, kit_gpu_wait(&m->gpu, command));
	CHECK(slow->done && slow->order < command->order);
	finish(m, slow);
	finish(m, command);
	wire_end(m);
}

int main(int argc, char **argv)
{
	static const struct test_case cases[] = {
		TEST_CASE(every_ring),
		TEST_CASE(rings_that_are_not_there),
		TEST_CASE(a_fence_takes_its_time),
		TEST_CASE(timelines),
		TEST_CASE(odd_ids),
		TEST_CASE(never_signals),
		TEST_CASE(ring_full_of_stuck_fences),
		TEST_CASE(pause_with_pending_fences),
		TEST_CASE(disconnect_with_pending_fences),
		TEST_CASE(other_commands_on_a_ring),
	};
	return test_main(argc, argv, cases, ARRAY_SIZE(cases));
}
