/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/* Queues that stop and start again: is it a pause, a reset, or a reset of one queue? */
#include "test.h"

#include "loop/loop.h"
#include "rig.h"
#include "util/fd.h"

/* All of it holds for both layouts. */
static void in_both_layouts(void (*run)(void))
{
	for (int packed = 0; packed < 2; packed++) {
		rig.packed = packed;
		run();
	}
	rig.packed = false;
}

static void pause_and_resume(void)
{
	rig_setup();
	rig_boot();
	rig_echo(0);
	rig_echo(0);
	rig_echo(1);
	/* past the end of the ring, and in an even round as well */
	for (uint32_t i = 0; i < 40; i++) {
		uint32_t base1, base0 = rig_stop(&base1);
		CHECK_INT(base0, rig_base(0));
		CHECK_INT(base1, rig_base(1));
		rig_share_memory();
		rig_start(base0, base1);
		CHECK_INT(rig.device.resets, 0);
		rig_echo(0);
		if (i % 3 == 0)
			rig_echo(1);
	}
	CHECK_INT(rig.device.stops, 80);
	CHECK_INT(rig.device.hurries, 0);
	rig_teardown();
}

static void resumes_after_a_pause(void)
{
	in_both_layouts(pause_and_resume);
}

/* Answered in any order; what the driver adds meanwhile is served afterwards. */
static void pause_with_requests_in_flight(void)
{
	for (int backwards = 0; backwards < 2; backwards++) {
		rig_setup();
		rig_boot();
		rig_echo(0);
		rig.device.hold = true;
		rig.device.backwards = backwards;
		for (int i = 0; i < 5; i++)
			rig_offer(0);
		rig_run();
		CHECK_INT(rig.device.held_count, 5);
		rig_send_state(VHOST_USER_GET_VRING_BASE, 0, 0);
		CHECK(rig_silent());
		rig_offer(0);
		rig_release();
		rig_run();
		struct vhost_user_vring_state state;
		rig_answer(VHOST_USER_GET_VRING_BASE, &state, sizeof(state));
		rig_take_all(0);
		CHECK_INT(state.num, rig_base(0));
		rig.device.hold = false;
		rig_set_queue(0, state.num);
		rig_kick_queue(0);
		uint32_t id, length;
		CHECK(rig_take(0, &id, &length));
		CHECK_INT(length, 8);
		rig_echo(0);
		CHECK_INT(rig.device.resets, 0);
		rig_teardown();
	}
}

static void resumes_with_requests_in_flight(void)
{
	in_both_layouts(pause_with_requests_in_flight);
}

/* Stops, lets the VMM change something, starts: how often was the device reset? Requests before the
 * stop: as many as are given. */
static uint32_t resets_after(uint32_t requests, void (*change)(uint32_t *base0))
{
	rig_setup();
	rig_boot();
	for (uint32_t i = 0; i < requests; i++)
		rig_echo(0);
	rig_echo(1);
	uint32_t base1, base0 = rig_stop(&base1);
	change(&base0);
	rig_start(base0, base1);
	CHECK_INT(rig.ended, 0);
	uint32_t resets = rig.device.resets;
	rig_echo(0);
	CHECK_INT(rig.device.resets, resets);
	rig_teardown();
	return resets;
}

static uint32_t resets_when(void (*change)(uint32_t *base0))
{
	return resets_after(2, change);
}

static void no_change(uint32_t *base0)
{
}

static void new_driver(uint32_t *base0)
{
	rig_clear_ring(0);
	*base0 = rig_base(0);
}

/* A VMM that knows little of packed rings. */
static void new_driver_without_a_base(uint32_t *base0)
{
	rig_clear_ring(0);
	*base0 = 0;
}

static void cleared_ring(uint32_t *base0)
{
	rig_clear_ring(0);
	/* where the driver of the ring before would go on */
	if (rig.packed)
		rig.packed_rings[0].next_available = rig.packed_rings[0].next_used =
			(struct vring_position){ *base0 & 0x7fff, *base0 & 0x8000 };
	else
		vring_set_available(&rig.rings[0], (uint16_t)*base0);
}

static void other_base(uint32_t *base0)
{
	/* the ring is the same: its last request comes again */
	if (rig.packed) {
		struct packed_ring *ring = &rig.packed_rings[0];
		ring->next_used = packed_ahead(ring, ring->next_used, 2 * ring->size - 2);
		ring->next_available = ring->next_used;
		*base0 = rig_base(0);
		return;
	}
	*base0 -= 1;
}

static void moved_device_area(uint32_t *base0)
{
	struct vring *ring = &rig.rings[0];
	struct packed_ring *packed = &rig.packed_rings[0];
	uint8_t *old = rig.packed ? packed->memory + packed_device_offset(packed)
				  : ring->memory + vring_used_offset(ring);
	ring->used_gap = packed->device_gap = 0x1000;
	uint8_t *new = rig.packed ? packed->memory + packed_device_offset(packed)
				  : ring->memory + vring_used_offset(ring);
	memcpy(new, old, rig.packed ? 4 : 6 + 8 * (size_t)ring->size);
}

static void moved_ring(uint32_t *base0)
{
	rig_move_ring(0, 0x8000);
}

static void other_features(uint32_t *base0)
{
	rig_send_u64(VHOST_USER_SET_FEATURES, rig.device.features & ~UINT64_C(2));
}

static void same_features(uint32_t *base0)
{
	rig_send_u64(VHOST_USER_SET_FEATURES, rig.device.features);
}

static void explicit_reset(uint32_t *base0)
{
	rig_send(VHOST_USER_RESET_DEVICE, NULL, 0);
	rig_send(VHOST_USER_RESET_DEVICE, NULL, 0);
	CHECK_INT(rig.device.resets, 2);
	new_driver(base0);
}

/* The same memory and rings, at other addresses of the VMM's. */
static void other_vmm_addresses(uint32_t *base0)
{
	const uint64_t moved = UINT64_C(0x100000000);
	struct {
		struct vhost_user_memory_header header;
		struct vhost_user_memory_region region;
	} table = { .header.nregions = 1, .region = rig_region() };
	table.region.user_address += moved;
	rig_send_fd(VHOST_USER_SET_MEM_TABLE, &table, sizeof(table), rig.memory_fd);
	for (uint32_t i = 0; i < RIG_QUEUES; i++) {
		rig.rings[i].address += moved;
		rig.packed_rings[i].address += moved;
	}
}

/* Half of a packed base is all there is to it. */
static void low_half(uint32_t *base0)
{
	*base0 &= 0xffff;
}

static void reset_or_pause(void)
{
	CHECK_INT(resets_when(no_change), 0);
	CHECK_INT(resets_when(same_features), 0);
	CHECK_INT(resets_when(other_vmm_addresses), 0);
	CHECK_INT(resets_when(new_driver), 1);
	CHECK_INT(resets_when(new_driver_without_a_base), 1);
	CHECK_INT(resets_when(cleared_ring), 1);
	CHECK_INT(resets_when(other_base), 1);
	CHECK_INT(resets_when(moved_ring), 1);
	CHECK_INT(resets_when(moved_device_area), 1);
	CHECK_INT(resets_when(other_features), 1);
	CHECK_INT(resets_when(explicit_reset), 2);
}

/* The VMM's addresses are the same, but not the guest's behind them. */
static void resets_when_rings_moved_in_the_guest(void)
{
	struct {
		struct vhost_user_memory_header header;
		struct vhost_user_memory_region region;
	} table = { .header.nregions = 1, .region = rig_region() };
	rig_setup();
	rig_boot();
	rig_echo(0);
	uint32_t base1, base0 = rig_stop(&base1);
	table.region.guest_address += 0x100000;
	rig_send_fd(VHOST_USER_SET_MEM_TABLE, &table, sizeof(table), rig.memory_fd);
	rig_start(base0, base1);
	CHECK_INT(rig.device.resets, 1);
	rig_teardown();
}

static void tells_a_reset_from_a_pause(void)
{
	in_both_layouts(reset_or_pause);
}

/* A packed ring comes back to where it began after every second round: 8 requests make one. */
static void tells_them_apart_where_a_packed_ring_begins(void)
{
	rig.packed = true;
	for (uint32_t requests = 0; requests <= 32; requests += 8) {
		CHECK_INT(resets_after(requests, no_change), 0);
		CHECK_INT(resets_after(requests, low_half), 0);
		CHECK_INT(resets_after(requests, new_driver), 1);
		CHECK_INT(resets_after(requests, new_driver_without_a_base), 1);
	}
	CHECK_INT(resets_after(3, low_half), 0);
	rig.packed = false;
}

static void reset_before_anything_is_popped(void)
{
	rig_setup();
	rig_boot();
	rig_echo(0);
	uint32_t base1;
	rig_stop(&base1);
	rig_clear_ring(0);
	rig_clear_ring(1);
	rig.device.ready[0] = rig.device.ready[1] = 0;
	rig_start(rig_base(0), rig_base(1));
	CHECK_INT(rig.device.resets, 1);
	CHECK_INT(rig.device.resets_before_ready, 1);
	rig_teardown();
}

static void resets_before_anything_is_popped(void)
{
	in_both_layouts(reset_before_anything_is_popped);
}

/* Another driver may choose the other layout. */
static void changes_the_layout(void)
{
	rig_setup();
	for (uint32_t i = 1; i <= 4; i++) {
		rig_negotiate();
		rig_share_memory();
		rig_start(rig_base(0), rig_base(1));
		CHECK_INT(rig.device.resets, i - 1);
		for (int k = 0; k < 10; k++)
			rig_echo(0);
		rig_echo(1);
		uint32_t base1;
		rig_stop(&base1);
		rig.packed = !rig.packed;
		rig_clear_ring(0);
		rig_clear_ring(1);
	}
	rig_teardown();
}

static void reset_on_request(void)
{
	rig_setup();
	rig_ask_u64(VHOST_USER_GET_FEATURES);
	rig_send_u64(VHOST_USER_SET_PROTOCOL_FEATURES,
		VHOST_BIT(VHOST_USER_PROTOCOL_F_RESET_DEVICE) |
			VHOST_BIT(VHOST_USER_PROTOCOL_F_REPLY_ACK));
	CHECK_INT(rig_send_acked(VHOST_USER_RESET_DEVICE, NULL, 0), 0);
	rig_send(VHOST_USER_RESET_DEVICE, NULL, 0);
	CHECK_INT(rig.device.resets, 2);
	rig_boot();
	rig_echo(0);
	CHECK_INT(rig.device.resets, 2);

	/* with both queues running */
	CHECK_INT(rig_send_acked(VHOST_USER_RESET_DEVICE, NULL, 0), 0);
	CHECK_INT(rig.device.resets, 3);
	CHECK_INT(rig.device.stops, 2);
	rig_offer(0);
	rig_run();
	uint32_t id, length;
	CHECK(!rig_take(0, &id, &length));
	struct vhost_user_vring_state state;
	rig_send_state(VHOST_USER_GET_VRING_BASE, 0, 0);
	rig_answer(VHOST_USER_GET_VRING_BASE, &state, sizeof(state));
	CHECK_INT(state.num, 0);
	rig_clear_ring(0);
	rig_clear_ring(1);
	/* what it said means the beginning, in either layout */
	rig_start(0, 0);
	rig_echo(0);
	CHECK_INT(rig.device.resets, 3);
	rig_teardown();
}

static void resets_on_request(void)
{
	in_both_layouts(reset_on_request);
}

/* --- one queue of two ---------------------------------------------------------------------- */

static void stop_one(uint32_t index)
{
	struct vhost_user_vring_state state;
	rig_send_state(VHOST_USER_GET_VRING_BASE, index, 0);
	rig_answer(VHOST_USER_GET_VRING_BASE, &state, sizeof(state));
	rig_take_all(index);
	CHECK_INT(state.num, rig_base(index));
}

/* The driver has reset one queue, which comes back as another ring. */
static void start_one(uint32_t index, uint32_t by, uint32_t size)
{
	rig_move_ring(index, by);
	rig_resize_ring(index, size);
	rig_set_queue(index, rig_base(index));
	rig_kick_queue(index);
	rig_send_state(VHOST_USER_SET_VRING_ENABLE, index, 1);
}

static void reset_of_one_queue(void)
{
	for (uint32_t index = 0; index < RIG_QUEUES; index++) {
		rig_setup();
		rig_boot();
		for (uint32_t i = 0; i < 5; i++) {
			for (int k = 0; k < 11; k++) {
				rig_echo(0);
				rig_echo(1);
			}
			stop_one(index);
			rig_echo(1 - index);
			start_one(index, i % 2 ? 0x8000 : 0, i % 2 ? 8 : 16);
			rig_echo(1 - index);
			rig_echo(index);
		}
		CHECK_INT(rig.device.resets, 0);
		CHECK_INT(rig.device.hurries, 0);
		rig_teardown();
	}
}

static void resets_one_queue_of_two(void)
{
	in_both_layouts(reset_of_one_queue);
}

/* With requests in flight on both: those of one queue end, the others go on. */
static void reset_of_one_queue_in_flight(void)
{
	rig_setup();
	rig_boot();
	rig.device.hold = true;
	rig_offer(0);
	rig_offer(0);
	rig_offer(1);
	rig_run();
	CHECK_INT(rig.device.held_count, 3);
	rig_send_state(VHOST_USER_GET_VRING_BASE, 0, 0);
	CHECK(rig_silent());
	uint64_t begin = loop_now_ms();
	while (rig.device.hurries == 0 && loop_now_ms() < begin + 5 * VHOST_DRAIN_MS)
		CHECK_INT(loop_round(rig.loop, 100), 0);
	CHECK_INT(rig.device.held_count, 1);
	rig_run();
	struct vhost_user_vring_state state;
	rig_answer(VHOST_USER_GET_VRING_BASE, &state, sizeof(state));
	rig.device.hold = false;
	start_one(0, 0x8000, 16);
	rig_echo(0);
	rig_release();
	rig_run();
	uint32_t id, length;
	CHECK(rig_take(1, &id, &length));
	rig_echo(1);
	CHECK_INT(rig.device.resets, 0);
	rig_teardown();
}

static void resets_one_queue_with_requests_in_flight(void)
{
	in_both_layouts(reset_of_one_queue_in_flight);
}

/* Both queues are reset, so that none runs for a while. How often is the device reset? */
static uint32_t resets_of_both_queues(uint64_t features, bool negotiate_again)
{
	rig_setup();
	rig_negotiate();
	rig_send_u64(VHOST_USER_SET_FEATURES, rig.device.features | features);
	rig_share_memory();
	rig_start(rig_base(0), rig_base(1));
	rig_echo(0);
	rig_echo(1);
	stop_one(0);
	stop_one(1);
	if (negotiate_again)
		rig_send_u64(VHOST_USER_SET_FEATURES, rig.device.features);
	start_one(0, 0x8000, 8);
	start_one(1, 0, 16);
	rig_echo(0);
	rig_echo(1);
	uint32_t resets = rig.device.resets;
	rig_teardown();
	return resets;
}

static void reset_of_both_queues(void)
{
	uint64_t ring_reset = VHOST_BIT(VIRTIO_F_RING_RESET);
	CHECK_INT(resets_of_both_queues(ring_reset, false), 0);
	/* the whole device: only then features are negotiated */
	CHECK_INT(resets_of_both_queues(ring_reset, true), 1);
	CHECK_INT(resets_of_both_queues(0, false), 1);
	CHECK_INT(resets_of_both_queues(0, true), 1);
}

static void resets_both_queues(void)
{
	in_both_layouts(reset_of_both_queues);
}

/* A broken queue works again after its reset. */
static void reset_of_a_broken_queue(void)
{
	rig_setup();
	rig_boot();
	rig_echo(0);
	if (rig.packed)
		packed_put(&rig.packed_rings[0], 0, 0, 8, PACKED_ID(0, 0));
	else
		vring_publish(&rig.rings[0], 999);
	fd_eventfd_signal(rig.kicks[0]);
	rig_run();
	rig_echo(1);
	stop_one(0);
	start_one(0, 0, 16);
	rig_echo(0);
	CHECK_INT(rig.device.resets, 0);
	rig_teardown();
}

static void resets_a_broken_queue(void)
{
	in_both_layouts(reset_of_a_broken_queue);
}

int main(int argc, char **argv)
{
	static const struct test_case cases[] = {
		TEST_CASE(resumes_after_a_pause),
		TEST_CASE(resumes_with_requests_in_flight),
		TEST_CASE(tells_a_reset_from_a_pause),
		TEST_CASE(resets_when_rings_moved_in_the_guest),
		TEST_CASE(tells_them_apart_where_a_packed_ring_begins),
		TEST_CASE(resets_before_anything_is_popped),
		TEST_CASE(changes_the_layout),
		TEST_CASE(resets_on_request),
		TEST_CASE(resets_one_queue_of_two),
		TEST_CASE(resets_one_queue_with_requests_in_flight),
		TEST_CASE(resets_both_queues),
		TEST_CASE(resets_a_broken_queue),
	};
	return test_main(argc, argv, cases, ARRAY_SIZE(cases));
}
