/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/* Queues that stop and start again: is it a pause or a reset? */
#include "test.h"

#include "rig.h"

static void resumes_after_a_pause(void)
{
	rig_setup();
	rig_boot();
	rig_echo(0);
	rig_echo(0);
	rig_echo(1);
	for (int i = 0; i < 3; i++) {
		uint32_t base1, base0 = rig_stop(&base1);
		CHECK_INT(base0, 2 + i);
		CHECK_INT(base1, 1);
		rig_share_memory();
		rig_start(base0, base1);
		CHECK_INT(rig.device.resets, 0);
		rig_echo(0);
	}
	CHECK_INT(rig.device.stops, 6);
	CHECK_INT(rig.device.hurries, 0);
	rig_teardown();
}

/* Stops, lets the VMM change something, starts: how often was the device reset? */
static uint32_t resets_when(void (*change)(uint32_t *base0))
{
	rig_setup();
	rig_boot();
	rig_echo(0);
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

static void no_change(uint32_t *base0)
{
}

static void new_driver(uint32_t *base0)
{
	*base0 = 0;
	rig_clear_ring(0);
}

static void cleared_ring(uint32_t *base0)
{
	rig_clear_ring(0);
	vring_set_available(&rig.rings[0], (uint16_t)*base0);
}

static void other_base(uint32_t *base0)
{
	*base0 = 1; /* the ring is the same: its last request comes again */
}

static void moved_used_ring(uint32_t *base0)
{
	struct vring *ring = &rig.rings[0];
	const uint8_t *old = ring->memory + vring_used_offset(ring);
	ring->used_gap = 0x1000;
	memcpy(ring->memory + vring_used_offset(ring), old, 6 + 8 * (size_t)ring->size);
}

static void moved_ring(uint32_t *base0)
{
	struct vring *ring = &rig.rings[0];
	memcpy(ring->memory + 0x8000, ring->memory, vring_bytes(ring));
	ring->memory += 0x8000;
	ring->address += 0x8000;
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
	rig.rings[0].address += moved;
	rig.rings[1].address += moved;
}

static void tells_a_reset_from_a_pause(void)
{
	CHECK_INT(resets_when(no_change), 0);
	CHECK_INT(resets_when(same_features), 0);
	CHECK_INT(resets_when(other_vmm_addresses), 0);
	CHECK_INT(resets_when(new_driver), 1);
	CHECK_INT(resets_when(cleared_ring), 1);
	CHECK_INT(resets_when(other_base), 1);
	CHECK_INT(resets_when(moved_ring), 1);
	CHECK_INT(resets_when(moved_used_ring), 1);
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

static void resets_before_anything_is_popped(void)
{
	rig_setup();
	rig_boot();
	rig_echo(0);
	uint32_t base1;
	rig_stop(&base1);
	rig_clear_ring(0);
	rig_clear_ring(1);
	rig.device.ready[0] = rig.device.ready[1] = 0;
	rig_start(0, 0);
	CHECK_INT(rig.device.resets, 1);
	CHECK_INT(rig.device.resets_before_ready, 1);
	rig_teardown();
}

static void does_not_reset_for_one_queue_of_two(void)
{
	rig_setup();
	rig_boot();
	rig_echo(0);
	struct vhost_user_vring_state state;
	rig_send_state(VHOST_USER_GET_VRING_BASE, 0, 0);
	rig_answer(VHOST_USER_GET_VRING_BASE, &state, sizeof(state));
	rig_clear_ring(0);
	rig_set_queue(0, 0);
	rig_kick_queue(0);
	rig_echo(0);
	CHECK_INT(rig.device.resets, 0);
	rig_teardown();
}

static void resets_on_request(void)
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
	CHECK_INT(vring_used_index(&rig.rings[0]), 1);
	struct vhost_user_vring_state state;
	rig_send_state(VHOST_USER_GET_VRING_BASE, 0, 0);
	rig_answer(VHOST_USER_GET_VRING_BASE, &state, sizeof(state));
	CHECK_INT(state.num, 0);
	rig_clear_ring(0);
	rig_clear_ring(1);
	rig_start(0, 0);
	rig_echo(0);
	CHECK_INT(rig.device.resets, 3);
	rig_teardown();
}

int main(int argc, char **argv)
{
	static const struct test_case cases[] = {
		TEST_CASE(resumes_after_a_pause),
		TEST_CASE(tells_a_reset_from_a_pause),
		TEST_CASE(resets_when_rings_moved_in_the_guest),
		TEST_CASE(resets_before_anything_is_popped),
		TEST_CASE(does_not_reset_for_one_queue_of_two),
		TEST_CASE(resets_on_request),
	};
	return test_main(argc, argv, cases, ARRAY_SIZE(cases));
}
