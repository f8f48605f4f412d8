/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/* The rings, as this daemon serves them: interrupts only where they are wanted, one line for a broken
 * one, an answer to whatever is one. */
#include <fcntl.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/uio.h>
#include <unistd.h>

#include "util/fd.h"
#include "wire.h"

#define BIT(n) (UINT64_C(1) << (n))

/* A device that suppresses what nobody needs: an interrupt only where the driver asked for one. */
static void notifications_are_suppressed(void)
{
	struct kit_machine *m = wire_machine("none", NULL);
	CHECK(m->rings[0].event_idx);
	/* the driver wants to hear of the 51st only */
	wire_check_alive(m);
	struct kit_ring *ring = &m->rings[0];
	struct virtio_gpu_ctrl_hdr request = kit_header(VIRTIO_GPU_CMD_GET_CAPSET_INFO);
	struct kit_command *batch[51];
	kit_ring_interrupts(ring);
	kit_ring_set_event(ring, (uint16_t)(ring->next_used + ARRAY_SIZE(batch) - 1));
	uint64_t before = ring->interrupts;
	for (size_t i = 0; i < ARRAY_SIZE(batch); i++)
		batch[i] = kit_gpu_queue(&m->gpu, 0, &request, sizeof(request), 24);
	kit_ring_kick(ring);
	/* polling, so that the event index stays as it was set */
	ring->polling = true;
	for (size_t i = 0; i < ARRAY_SIZE(batch); i++)
		CHECK_OK(m, kit_gpu_complete(&m->gpu, batch[i], NULL, 0));
	wire_check_interrupts(m, 0, before + 1);

	/* and now of none */
	before = ring->interrupts;
	kit_ring_set_event(ring, (uint16_t)(ring->next_used + 1000));
	for (size_t i = 0; i < ARRAY_SIZE(batch); i++)
		wire_check_alive(m);
	wire_check_interrupts(m, 0, before);
	wire_end(m);
}

/* A driver that polls gets no interrupts. */
static void polling_driver(void)
{
	struct kit_machine *m = wire_machine("none",
		&(struct kit_machine_spec){
			.stage = KIT_STAGE_REALIZED, .unwanted = BIT(VIRTIO_RING_F_EVENT_IDX) });
	m->rings[0].polling = true;
	kit_ring_reset(&m->rings[0]);
	CHECK_OK(m, kit_machine_start(m));
	kit_ring_interrupts(&m->rings[0]);
	uint64_t before = m->rings[0].interrupts;
	for (int i = 0; i < 50; i++)
		wire_check_alive(m);
	wire_check_interrupts(m, 0, before);
	wire_end(m);
}

/* The VMM does not look at its interrupts, whose counter cannot take one more: nobody waits for it,
 * whether the descriptor is one that waits or not. */
static void interrupt_counter_is_full(void)
{
	for (int blocking = 0; blocking < 2; blocking++) {
		struct kit_machine *m = wire_machine(
			"none", &(struct kit_machine_spec){ .stage = KIT_STAGE_REALIZED });
		int *call_fd = &m->rings[0].call_fd;
		uint64_t full = UINT64_MAX - 1;
		fd_close(call_fd);
		*call_fd = eventfd(0, EFD_CLOEXEC | (blocking ? 0 : EFD_NONBLOCK));
		CHECK(write(*call_fd, &full, sizeof(full)) == sizeof(full));
		CHECK_OK(m, kit_machine_start(m));
		m->rings[0].polling = true;
		for (int i = 0; i < 10; i++)
			wire_check_alive(m);
		CHECK_GOOD(m, kit_gpu_move_cursor(&m->gpu, 0, 1, 1));
		CHECK_OK(m, kit_machine_stop(m));
		wire_end(m);
	}
}

/* The same with a descriptor that waits only later: how it is open is shared by both sides. */
static void interrupt_descriptor_waits_later(void)
{
	struct kit_machine *m = wire_machine("none", NULL);
	const uint64_t full = UINT64_MAX - 1;
	for (uint32_t i = 0; i < 2; i++) {
		struct kit_ring *ring = &m->rings[i];
		ring->polling = true;
		fd_eventfd_drain(ring->call_fd);
		CHECK(write(ring->call_fd, &full, sizeof(full)) == sizeof(full));
		CHECK_INT(fcntl(ring->call_fd, F_SETFL, 0), 0);
	}
	for (int i = 0; i < 10; i++)
		wire_check_alive(m);
	CHECK_GOOD(m, kit_gpu_move_cursor(&m->gpu, 0, 1, 1));
	CHECK_OK(m, kit_machine_stop(m));
	wire_end(m);
}

/* Kicks that are taken back in the moment in which the device comes to read them, at a descriptor that waits then. */
static void kicks_are_taken_back(void)
{
	struct kit_machine *m = wire_machine("none", NULL);
	int fd = m->rings[1].kick_fd;
	uint64_t count;
	struct iovec room = { &count, sizeof(count) };
	CHECK_INT(fcntl(fd, F_SETFL, 0), 0);
	for (uint32_t i = 0; i < 20000; i++) {
		fd_eventfd_signal(fd);
		for (volatile uint32_t spin = 0; spin < i % 3000 * 5;)
			spin = spin + 1;
		if (preadv2(fd, &room, 1, -1, RWF_NOWAIT) > 0)
			CHECK_OK(m, kit_vmm_do(&m->vmm, VHOST_USER_GET_FEATURES, 0, 0));
	}
	wire_check_alive(m);
	CHECK_GOOD(m, kit_gpu_move_cursor(&m->gpu, 0, 1, 1));
	wire_end(m);
}

/* Broken queues are said in the log, but not for each kick. */
static void broken_ring_is_said_once(void)
{
	struct kit_machine *m = wire_machine("none", NULL);
	struct kit_descriptor loop = { 0x10000, 24, KIT_RING_NEXT, 0 };
	kit_backend_log_mark(m->backend);
	kit_ring_write(&m->rings[0], 0, &loop);
	kit_ring_publish(&m->rings[0], 0);
	for (int i = 0; i < 100; i++)
		kit_ring_kick_always(&m->rings[0]);
	CHECK_OK(m, kit_backend_wait_lines(m->backend, "the guest's driver made", 1));
	CHECK_OK(m, kit_pump(&m->kit, 100));
	wire_check_lines(m, ": warning: ", 1);
	wire_end(m);
}

/* Offers the chain and waits until it comes back, with so many bytes of answer. */
static uint32_t run_chain(struct kit_machine *m, const struct kit_piece *pieces, size_t count)
{
	struct kit_used used = { 0 };
	CHECK_OK(m, kit_ring_add(&m->rings[0], pieces, count, &used));
	kit_ring_kick(&m->rings[0]);
	CHECK_OK(m, kit_ring_wait(&m->rings[0], -1));
	CHECK_INT(kit_ring_take(&m->rings[0], &used), 1);
	return used.length;
}

/* No request, or no room for an answer: the chain comes back, nothing is written beyond it. */
static void one_sided_chains(void)
{
	static const uint32_t rooms[] = { 0, 1, 8, 23, 24, 407, 408, 409 };
	struct kit_machine *m = wire_machine("none", NULL);
	struct virtio_gpu_ctrl_hdr request = kit_header(VIRTIO_GPU_CMD_GET_DISPLAY_INFO);
	uint64_t in = kit_alloc(&m->memory, sizeof(request), 8);
	uint64_t out = kit_alloc(&m->memory, KIT_PAGE, KIT_PAGE);
	memcpy(kit_ptr(&m->memory, in, sizeof(request)), &request, sizeof(request));
	for (size_t i = 0; i < ARRAY_SIZE(rooms); i++) {
		struct kit_piece pieces[] = { { in, 24, false }, { out, rooms[i], true } };
		uint8_t *bytes = kit_ptr(&m->memory, out, KIT_PAGE);
		memset(bytes, 0xee, KIT_PAGE);
		for (uint32_t k = run_chain(m, pieces, rooms[i] ? 2 : 1); k < KIT_PAGE; k++)
			CHECK_INT(bytes[k], 0xee);
	}
	run_chain(m, &(struct kit_piece){ out, 408, true }, 1);
	wire_check_alive(m);
	kit_free(&m->memory, in, sizeof(request));
	kit_free(&m->memory, out, KIT_PAGE);
	wire_end(m);
}

int main(int argc, char **argv)
{
	static const struct test_case cases[] = {
		TEST_CASE(notifications_are_suppressed),
		TEST_CASE(polling_driver),
		TEST_CASE(interrupt_counter_is_full),
		TEST_CASE(interrupt_descriptor_waits_later),
		TEST_CASE(kicks_are_taken_back),
		TEST_CASE(broken_ring_is_said_once),
		TEST_CASE(one_sided_chains),
	};
	return test_main(argc, argv, cases, ARRAY_SIZE(cases));
}
