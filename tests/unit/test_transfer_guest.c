/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/* What of a guest goes with a device's state, and how the guest goes on elsewhere. */
#include <signal.h>

#include "transfer_rig.h"
#include "util/fd.h"

/* A guest has run in another session, and its state was saved. */
static void save_a_guest(uint32_t *ret_base0, uint32_t *ret_base1)
{
	transfer_setup(1000);
	rig_share_memory();
	rig_start(0, 0);
	for (int i = 0; i < 5; i++)
		rig_echo(0);
	rig_echo(1);
	*ret_base0 = rig_stop(ret_base1);
	int fd = transfer_begin(VHOST_USER_TRANSFER_SAVE);
	transfer_check_saved(transfer_read(fd, 4096));
	CHECK_INT(transfer_check(), 0);
	fd_close(&fd);
}

static void load_saved(void)
{
	int fd = transfer_begin(VHOST_USER_TRANSFER_LOAD);
	transfer_write(fd, transfer_rig.saved, 1000, 1000);
	fd_close(&fd);
	CHECK_INT(transfer_check(), 0);
	CHECK_INT(rig.device.resets, 1);
	CHECK_INT(transfer_rig.loads, 1);
}

static void saves_where_queues_stand(void)
{
	uint32_t base0, base1;
	save_a_guest(&base0, &base1);
	struct vhost_session_state session;
	memcpy(&session, transfer_rig.saved, sizeof(session));
	CHECK_INT(session.features, rig.device.features);
	CHECK(session.queues[0].valid && session.queues[1].valid);
	CHECK_INT(session.queues[0].size, RIG_SIZE);
	CHECK_INT(session.queues[0].base, 5);
	CHECK_INT(session.queues[0].footprint & 0xffff, 5);
	CHECK_INT(session.queues[1].footprint & 0xffff, 1);
	CHECK_INT(session.queues[0].addresses.descriptors, RIG_GUEST);
	CHECK_INT(session.queues[1].addresses.descriptors, RIG_GUEST + 0x4000);

	/* with other features the next start is none of the same guest */
	rig_send_u64(VHOST_USER_SET_FEATURES, rig.device.features & ~UINT64_C(1));
	int fd = transfer_begin(VHOST_USER_TRANSFER_SAVE);
	transfer_check_saved(transfer_read(fd, 4096));
	memcpy(&session, transfer_rig.saved, sizeof(session));
	CHECK(!session.queues[0].valid && !session.queues[1].valid);
	fd_close(&fd);
	transfer_teardown();
}

/* The rest of what another process needs: the same memory, and the driver's side of the rings. */
static void move_guest(void)
{
	static uint8_t memory[RIG_MEMORY];
	struct vring rings[RIG_QUEUES];
	memcpy(memory, rig.memory, RIG_MEMORY);
	memcpy(rings, rig.rings, sizeof(rings));
	transfer_teardown();
	transfer_setup_only(1000);
	memcpy(rig.memory, memory, RIG_MEMORY);
	for (uint32_t i = 0; i < RIG_QUEUES; i++) {
		rig.rings[i].next_available = rings[i].next_available;
		rig.rings[i].next_used = rings[i].next_used;
	}
}

static void negotiate_protocol(void)
{
	rig_send(VHOST_USER_SET_OWNER, NULL, 0);
	rig_ask_u64(VHOST_USER_GET_FEATURES);
	rig_send_u64(
		VHOST_USER_SET_PROTOCOL_FEATURES, rig_ask_u64(VHOST_USER_GET_PROTOCOL_FEATURES));
}

/* The features come with the state; those that were set before are none of the guest's. */
static void order_of_crosvm(uint32_t base0, uint32_t base1)
{
	negotiate_protocol();
	rig_send_u64(VHOST_USER_SET_FEATURES, VHOST_BIT(VHOST_USER_F_PROTOCOL_FEATURES));
	load_saved();
	rig_share_memory();
	rig_start(base0, base1);
}

static void order_of_qemu(uint32_t base0, uint32_t base1)
{
	struct vhost_session_state session;
	memcpy(&session, transfer_rig.saved, sizeof(session));
	negotiate_protocol();
	load_saved();
	rig_send_u64(VHOST_USER_SET_FEATURES, session.features);
	rig_share_memory();
	rig_start(base0, base1);
}

static void everything_before(uint32_t base0, uint32_t base1)
{
	rig_negotiate();
	rig_share_memory();
	rig_set_queue(0, base0);
	rig_set_queue(1, base1);
	load_saved();
	rig_kick_queue(0);
	rig_kick_queue(1);
	rig_send_state(VHOST_USER_SET_VRING_ENABLE, 0, 1);
	rig_send_state(VHOST_USER_SET_VRING_ENABLE, 1, 1);
}

static void resumes_in_any_order(void)
{
	static void (*const orders[])(uint32_t base0, uint32_t base1) = {
		order_of_crosvm,
		order_of_qemu,
		everything_before,
	};
	for (size_t i = 0; i < ARRAY_SIZE(orders); i++) {
		uint32_t base0, base1;
		save_a_guest(&base0, &base1);
		uint64_t features = rig.device.features;
		move_guest();
		orders[i](base0, base1);
		CHECK_INT(rig.device.resets, 1); /* before the load */
		CHECK_INT(rig.device.features, features);
		rig_echo(0);
		rig_echo(1);
		CHECK_INT(rig.device.resets, 1);
		transfer_teardown();
	}
}

static void resets_when_another_guest_starts(void)
{
	uint32_t base0, base1;
	save_a_guest(&base0, &base1);
	move_guest();
	negotiate_protocol();
	load_saved();
	rig_share_memory();
	rig_clear_ring(0);
	rig_clear_ring(1);
	rig_start(0, 0);
	CHECK_INT(rig.device.resets, 2);
	rig_echo(0);
	transfer_teardown();
}

/* Saved again, before anything has started, it is the same. */
static void saves_what_was_loaded(void)
{
	static uint8_t first[1000];
	uint32_t base0, base1;
	save_a_guest(&base0, &base1);
	memcpy(first, transfer_rig.saved, sizeof(first));
	move_guest();
	negotiate_protocol();
	load_saved();
	int fd = transfer_begin(VHOST_USER_TRANSFER_SAVE);
	transfer_check_saved(transfer_read(fd, 4096));
	CHECK_MEM(transfer_rig.saved, first, sizeof(first));
	fd_close(&fd);
	transfer_teardown();
}

static void judges_what_it_loads(void)
{
	static const int bits[] = { 3, VHOST_F_LOG_ALL, 62, 63 };
	for (int wrong = 0; wrong < 6; wrong++) {
		struct vhost_session_state session;
		uint32_t base0, base1;
		save_a_guest(&base0, &base1);
		move_guest();
		negotiate_protocol();
		memcpy(&session, transfer_rig.saved, sizeof(session));
		if (wrong < 4)
			session.features |= VHOST_BIT(bits[wrong]);
		else
			session.queues[1].size = wrong == 4 ? 0 : VIRTQUEUE_MAX_SIZE + 1;
		memcpy(transfer_rig.saved, &session, sizeof(session));
		int fd = transfer_begin(VHOST_USER_TRANSFER_LOAD);
		transfer_write(fd, transfer_rig.saved, 1000, 1000);
		fd_close(&fd);
		CHECK_INT(transfer_check(), 1);
		CHECK_INT(rig.device.resets, 2);
		CHECK_INT(rig.device.set_features, 0);
		rig_share_memory();
		rig_clear_ring(0);
		rig_clear_ring(1);
		rig_start(0, 0);
		transfer_teardown();
	}
}

int main(int argc, char **argv)
{
	static const struct test_case cases[] = {
		TEST_CASE(saves_where_queues_stand),
		TEST_CASE(resumes_in_any_order),
		TEST_CASE(resets_when_another_guest_starts),
		TEST_CASE(saves_what_was_loaded),
		TEST_CASE(judges_what_it_loads),
	};
	signal(SIGPIPE, SIG_IGN);
	return test_main(argc, argv, cases, ARRAY_SIZE(cases));
}
