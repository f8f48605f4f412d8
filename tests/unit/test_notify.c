/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/* Interrupts and kicks of a virtqueue, and how each side says that it wants none. */
#include "test.h"

#include <fcntl.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "queue_rig.h"
#include "util/fd.h"

static void honours_no_interrupt(void)
{
	queue_setup(4);
	queue_start(0);
	vring_set_flags(&queue_rig.ring, 1);
	queue_offer(0);
	vq_request_complete(queue_pop(), NULL, 0);
	virtqueue_notify(&queue_rig.queue);
	CHECK(!queue_interrupted());
	vring_set_flags(&queue_rig.ring, 0);
	virtqueue_notify(&queue_rig.queue);
	CHECK(!queue_interrupted()); /* nothing new */
	queue_offer(2);
	vq_request_complete(queue_pop(), NULL, 0);
	virtqueue_notify(&queue_rig.queue);
	CHECK(queue_interrupted());
	queue_teardown();
}

/* Without event_idx kicks are asked for by a flag: none while there is something to pop. */
static void turns_kicks_off_while_it_pops(void)
{
	queue_setup(4);
	queue_start(0);
	CHECK_INT(vring_used_flags(&queue_rig.ring), 0);
	queue_offer(0);
	queue_offer(2);
	vq_request_complete(queue_pop(), NULL, 0);
	CHECK_INT(vring_used_flags(&queue_rig.ring), 1);
	vq_request_complete(queue_pop(), NULL, 0);
	CHECK_INT(vring_used_flags(&queue_rig.ring), 1);
	CHECK_INT(queue_pop_nothing(), 0);
	CHECK_INT(vring_used_flags(&queue_rig.ring), 0);

	/* a ring that is left asks for them, whether it was emptied or not */
	queue_offer(0);
	queue_offer(2);
	vq_request_complete(queue_pop(), NULL, 0);
	CHECK_INT(vring_used_flags(&queue_rig.ring), 1);
	virtqueue_stop(&queue_rig.queue);
	CHECK_INT(vring_used_flags(&queue_rig.ring), 0);
	queue_teardown();
}

static void interrupts_at_the_used_event(void)
{
	static const uint16_t starts[] = { 0, 1000, 32760, 65530, 65535 };
	for (size_t i = 0; i < ARRAY_SIZE(starts); i++) {
		uint16_t index = starts[i];
		queue_setup(8);
		queue_rig.queue.event_idx = true;
		queue_start(index);
		vring_set_flags(&queue_rig.ring, 1); /* means nothing with event_idx */
		vring_set_used_event(&queue_rig.ring, (uint16_t)(index + 5000));
		queue_complete_some(1);
		CHECK(queue_interrupted()); /* the first is always told */
		queue_complete_some(1);
		CHECK(!queue_interrupted());

		vring_set_used_event(&queue_rig.ring, (uint16_t)(index + 4));
		queue_complete_some(2);
		CHECK(!queue_interrupted()); /* 4 used: the event is the fifth */
		queue_complete_some(1);
		CHECK(queue_interrupted());
		queue_complete_some(3);
		CHECK(!queue_interrupted());

		vring_set_used_event(&queue_rig.ring, (uint16_t)(index + 9));
		queue_complete_some(5); /* a batch over the event */
		CHECK(queue_interrupted());
		queue_complete_some(1);
		CHECK(!queue_interrupted());
		queue_teardown();
	}
}

static void tells_of_a_batch_that_wraps(void)
{
	queue_setup(8);
	queue_rig.queue.event_idx = true;
	queue_start(0);
	queue_complete_some(1);
	CHECK(queue_interrupted());
	vring_set_used_event(&queue_rig.ring, 0x8000);
	/* exactly 65536 more: the index is the same as at the last interrupt */
	queue_complete_some(65536);
	CHECK(queue_interrupted());
	queue_teardown();
}

static void asks_for_a_kick(void)
{
	queue_setup(4);
	queue_rig.queue.event_idx = true;
	queue_start(65534);
	CHECK_INT(queue_pop_nothing(), 0);
	CHECK_INT(vring_available_event(&queue_rig.ring), 65534);
	queue_offer(0);
	queue_offer(2);
	struct vq_request *first = queue_pop();
	struct vq_request *second = queue_pop();
	CHECK_INT(vring_available_event(&queue_rig.ring), 65534); /* not while there is work */
	CHECK_INT(queue_pop_nothing(), 0);
	CHECK_INT(vring_available_event(&queue_rig.ring), 0);
	vq_request_complete(first, NULL, 0);
	vq_request_complete(second, NULL, 0);
	queue_teardown();
}

static void never_blocks_on_a_full_interrupt(void)
{
	queue_setup(4);
	queue_start(0);
	int blocking = eventfd(0, EFD_CLOEXEC);
	const uint64_t full = UINT64_MAX - 1;
	CHECK_INT(write(blocking, &full, sizeof(full)), sizeof(full));
	int ours = fd_dup(blocking);
	virtqueue_set_call(&queue_rig.queue, ours);
	queue_complete_some(1);
	CHECK(!(fcntl(blocking, F_GETFL) & O_NONBLOCK));
	uint64_t count;
	CHECK_INT(read(blocking, &count, sizeof(count)), sizeof(count));
	queue_complete_some(1);
	CHECK_INT(read(blocking, &count, sizeof(count)), sizeof(count));
	CHECK_INT(count, 1);
	fd_close(&blocking);
	queue_teardown();
}

static void never_blocks_on_what_was_non_blocking(void)
{
	queue_setup(4);
	queue_start(0);
	const uint64_t full = UINT64_MAX - 1;
	CHECK_INT(write(queue_rig.call, &full, sizeof(full)), sizeof(full));
	CHECK_INT(fcntl(queue_rig.call, F_SETFL, 0), 0);
	queue_complete_some(1);
	uint64_t count;
	CHECK_INT(read(queue_rig.call, &count, sizeof(count)), sizeof(count));
	CHECK(count == full);
	queue_teardown();
}

static void signals_once_for_a_batch(void)
{
	queue_setup(8);
	queue_start(0);
	queue_complete_some(5);
	uint64_t count;
	CHECK_INT(read(queue_rig.call, &count, sizeof(count)), sizeof(count));
	CHECK_INT(count, 1);
	queue_teardown();
}

int main(int argc, char **argv)
{
	static const struct test_case cases[] = {
		TEST_CASE(honours_no_interrupt),
		TEST_CASE(turns_kicks_off_while_it_pops),
		TEST_CASE(interrupts_at_the_used_event),
		TEST_CASE(tells_of_a_batch_that_wraps),
		TEST_CASE(asks_for_a_kick),
		TEST_CASE(never_blocks_on_a_full_interrupt),
		TEST_CASE(never_blocks_on_what_was_non_blocking),
		TEST_CASE(signals_once_for_a_batch),
	};
	return test_main(argc, argv, cases, ARRAY_SIZE(cases));
}
