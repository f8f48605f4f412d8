/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/* Interrupts and kicks of a packed virtqueue, and how each side says that it wants none. */
#include "test.h"

#include <unistd.h>

#include "queue_rig.h"
#include "vhost/protocol.h"

#define EVENT_IDX VHOST_BIT(VIRTIO_RING_F_EVENT_IDX)

/* A chain of so many places goes through the queue. */
static void go_through(uint32_t places)
{
	uint32_t id, length;
	queue_offer_packed(0, places);
	vq_request_complete(queue_pop(), NULL, 0);
	CHECK(packed_take(&queue_rig.packed, places, &id, &length));
}

static bool interrupts(void)
{
	virtqueue_notify(&queue_rig.queue);
	return queue_interrupted();
}

static void honours_enable_and_disable(void)
{
	static const uint64_t features[] = { 0, EVENT_IDX };
	for (size_t i = 0; i < ARRAY_SIZE(features); i++) {
		queue_setup_packed(5, features[i]);
		queue_start_packed(0, true);
		packed_set_event(&queue_rig.packed, 0x8003, PACKED_DISABLE);
		go_through(1);
		CHECK(!interrupts());
		packed_set_event(&queue_rig.packed, 0x8003, PACKED_ENABLE);
		CHECK(!interrupts()); /* nothing new */
		go_through(2);
		CHECK(interrupts());
		packed_set_event(&queue_rig.packed, 0x8003, PACKED_DISABLE);
		go_through(1);
		go_through(1);
		CHECK(!interrupts());
		queue_teardown();
	}
}

/* What is reserved, and what cannot be: an interrupt too many, rather than too few. */
static void interrupts_when_in_doubt(void)
{
	queue_setup_packed(5, 0);
	queue_start_packed(0, true);
	packed_set_event(&queue_rig.packed, 0x8004, PACKED_AT); /* not negotiated */
	go_through(1);
	CHECK(interrupts());
	go_through(1);
	CHECK(interrupts());
	queue_teardown();

	queue_setup_packed(5, EVENT_IDX);
	queue_start_packed(0, true);
	packed_set_event(&queue_rig.packed, 0x8004, 3);
	go_through(1);
	CHECK(interrupts());
	go_through(1);
	CHECK(interrupts());
	packed_set_event(&queue_rig.packed, 0x8005, PACKED_AT); /* there is no such place */
	go_through(1);
	CHECK(interrupts());
	packed_set_event(&queue_rig.packed, 0x7fff, PACKED_AT);
	go_through(1);
	CHECK(interrupts());
	/* reserved bits are ignored */
	packed_set_event(&queue_rig.packed, 0x8003, 0xfffc | PACKED_DISABLE);
	go_through(1);
	CHECK(!interrupts());
	queue_teardown();
}

/* Nobody knows what was told before the start: the first is always told. */
static void tells_of_the_first(void)
{
	queue_setup_packed(5, EVENT_IDX);
	queue_start_packed(2, false);
	packed_set_event(&queue_rig.packed, 1, PACKED_AT);
	go_through(1);
	CHECK(interrupts());
	go_through(1);
	CHECK(!interrupts());
	queue_teardown();
}

/* A batch of `count` places from `begin` on has this event in it, or not. */
static void check_event(
	uint32_t size, struct vring_position begin, uint32_t count, struct vring_position event)
{
	bool expected = false;
	queue_setup_packed(size, EVENT_IDX);
	/* one before it, which is always told */
	struct vring_position before = packed_ahead(&queue_rig.packed, begin, 2 * size - 1);
	queue_start_packed(before.index, before.wrap);
	go_through(1);
	CHECK(interrupts());
	CHECK_INT(packed_word(queue_rig.packed.next_used), packed_word(begin));

	packed_set_event(&queue_rig.packed, packed_word(event), PACKED_AT);
	for (uint32_t i = 0; i < count; i++) {
		struct vring_position at = packed_ahead(&queue_rig.packed, begin, i);
		expected |= packed_word(at) == packed_word(event);
		go_through(1);
	}
	CHECK_INT(interrupts(), expected);
	queue_teardown();
}

/* Every event, at every position, after every number of places up to two rounds. */
static void interrupts_at_the_event(void)
{
	for (uint32_t size = 1; size <= 4; size++)
		for (uint32_t begin = 0; begin < 2 * size; begin++)
			for (uint32_t event = 0; event < 2 * size; event++)
				for (uint32_t count = 1; count <= 2 * size; count++) {
					struct packed_ring ring = { .size = size };
					struct vring_position first = { 0, true };
					check_event(size, packed_ahead(&ring, first, begin), count,
						packed_ahead(&ring, first, event));
				}
}

/* An event inside a chain of several places is passed with it. */
static void interrupts_at_an_event_inside_a_chain(void)
{
	queue_setup_packed(10, EVENT_IDX);
	queue_start_packed(7, true);
	go_through(1);
	CHECK(interrupts());
	/* places 8, 9, and 0 to 2 of the next round */
	static const uint16_t inside[] = { 0x8008, 0x8009, 0, 1, 2 };
	static const uint16_t outside[] = { 0x8007, 3, 8, 9, 0x8000, 0x8002 };
	for (size_t i = 0; i < ARRAY_SIZE(inside) + ARRAY_SIZE(outside); i++) {
		bool hit = i < ARRAY_SIZE(inside);
		packed_set_event(&queue_rig.packed,
			hit ? inside[i] : outside[i - ARRAY_SIZE(inside)], PACKED_AT);
		go_through(5);
		CHECK_INT(interrupts(), hit);
		/* round to the same place again */
		packed_set_event(&queue_rig.packed, 0, PACKED_DISABLE);
		for (int k = 0; k < 3; k++)
			go_through(5);
		CHECK(!interrupts());
	}
	queue_teardown();
}

/* In the largest ring, a whole round later the event is the same and the wrap counter is not. */
static void tells_rounds_apart(void)
{
	queue_setup_packed(32768, EVENT_IDX);
	queue_start_packed(32767, true);
	go_through(1);
	CHECK(interrupts());
	packed_set_event(&queue_rig.packed, 0x8000, PACKED_AT);
	for (uint32_t i = 0; i < 32768; i++)
		go_through(1);
	CHECK(!interrupts());
	go_through(1);
	CHECK(interrupts());
	packed_set_event(&queue_rig.packed, 0x8000, PACKED_AT);
	/* two rounds, uninterrupted, pass every event */
	for (uint32_t i = 0; i < 65536; i++)
		go_through(1);
	CHECK(interrupts());
	queue_teardown();
}

#define DEVICE_EVENT(position, flags) ((uint32_t)(position) | (uint32_t)(flags) << 16)

static uint32_t device_event(void)
{
	return packed_device_event(&queue_rig.packed);
}

static void asks_for_a_kick(void)
{
	queue_setup_packed(3, EVENT_IDX);
	queue_start_packed(1, true);
	CHECK_INT(device_event(), DEVICE_EVENT(0x8001, PACKED_AT));
	queue_offer_packed(0, 1);
	queue_offer_packed(1, 1);
	struct vq_request *first = queue_pop();
	struct vq_request *second = queue_pop();
	/* not while there is work */
	CHECK_INT(device_event() >> 16, PACKED_DISABLE);
	CHECK_INT(queue_pop_nothing(), 0);
	CHECK_INT(device_event(), DEVICE_EVENT(0, PACKED_AT));
	queue_offer_packed(2, 1);
	struct vq_request *third = queue_pop();
	/* all of the ring is taken */
	CHECK_INT(queue_pop_nothing(), 0);
	CHECK_INT(device_event(), DEVICE_EVENT(1, PACKED_AT));
	vq_request_complete(first, NULL, 0);
	vq_request_complete(second, NULL, 0);
	vq_request_complete(third, NULL, 0);
	queue_teardown();
}

static void turns_kicks_off_while_it_pops(void)
{
	queue_setup_packed(4, 0);
	queue_start_packed(0, true);
	CHECK_INT(device_event() >> 16, PACKED_ENABLE);
	queue_offer_packed(0, 1);
	queue_offer_packed(1, 1);
	vq_request_complete(queue_pop(), NULL, 0);
	CHECK_INT(device_event() >> 16, PACKED_DISABLE);
	vq_request_complete(queue_pop(), NULL, 0);
	CHECK_INT(device_event() >> 16, PACKED_DISABLE);
	CHECK_INT(queue_pop_nothing(), 0);
	CHECK_INT(device_event() >> 16, PACKED_ENABLE);

	/* a ring that is left asks for them, whether it was emptied or not */
	queue_offer_packed(2, 1);
	queue_offer_packed(3, 1);
	vq_request_complete(queue_pop(), NULL, 0);
	CHECK_INT(device_event() >> 16, PACKED_DISABLE);
	virtqueue_stop(&queue_rig.queue);
	CHECK_INT(device_event() >> 16, PACKED_ENABLE);
	queue_teardown();
}

int main(int argc, char **argv)
{
	static const struct test_case cases[] = {
		TEST_CASE(honours_enable_and_disable),
		TEST_CASE(interrupts_when_in_doubt),
		TEST_CASE(tells_of_the_first),
		TEST_CASE(interrupts_at_the_event),
		TEST_CASE(interrupts_at_an_event_inside_a_chain),
		TEST_CASE(tells_rounds_apart),
		TEST_CASE(asks_for_a_kick),
		TEST_CASE(turns_kicks_off_while_it_pops),
	};
	return test_main(argc, argv, cases, ARRAY_SIZE(cases));
}
