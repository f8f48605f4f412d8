/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
#include "test.h"

#include <fcntl.h>
#include <sys/epoll.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "loop/loop.h"
#include "rig.h"
#include "util/fd.h"

static void negotiates(void)
{
	rig_setup();
	uint64_t features = rig_ask_u64(VHOST_USER_GET_FEATURES);
	CHECK_INT(features,
		RIG_FEATURES | VHOST_BIT(28) | VHOST_BIT(29) | VHOST_BIT(30) | VHOST_BIT(32) |
			VHOST_BIT(34));
	CHECK_INT(rig_ask_u64(VHOST_USER_GET_PROTOCOL_FEATURES),
		VHOST_BIT(0) | VHOST_BIT(3) | VHOST_BIT(5) | VHOST_BIT(9) | VHOST_BIT(10) |
			VHOST_BIT(13));
	rig_negotiate_without(1);
	CHECK_INT(rig.device.features, features & ~(VHOST_BIT(0) | VHOST_BIT(34)));
	CHECK_INT(rig_ask_u64(VHOST_USER_GET_QUEUE_NUM), RIG_QUEUES);
	CHECK_INT(vhost_session_protocol_features(rig.session) & VHOST_BIT(13), VHOST_BIT(13));
	CHECK(!rig.ended);
	rig_teardown();
}

static void echoes(void)
{
	rig_setup();
	rig_boot();
	for (int i = 0; i < 40; i++) {
		rig_echo(0);
		rig_echo(1);
	}
	CHECK_INT(rig.device.resets, 0);
	rig_teardown();
}

static void finds_what_came_before_the_start(void)
{
	rig_setup();
	rig_negotiate();
	rig_share_memory();
	rig_offer(0);
	uint64_t unseen;
	CHECK_INT(read(rig.kicks[0], &unseen, sizeof(unseen)), sizeof(unseen));
	rig_start(0, 0);
	CHECK_INT(vring_used_index(&rig.rings[0]), 1);
	rig_teardown();
}

static void runs_only_enabled_queues(void)
{
	rig_setup();
	rig_negotiate();
	rig_share_memory();
	rig_set_queue(0, 0);
	rig_kick_queue(0);
	rig_offer(0);
	rig_run();
	CHECK_INT(vring_used_index(&rig.rings[0]), 0);
	rig_send_state(VHOST_USER_SET_VRING_ENABLE, 0, 1);
	CHECK_INT(vring_used_index(&rig.rings[0]), 1);
	rig_echo(0);
	rig_send_state(VHOST_USER_SET_VRING_ENABLE, 0, 0);
	rig_offer(0);
	rig_run();
	CHECK_INT(vring_used_index(&rig.rings[0]), 2);
	rig_send_state(VHOST_USER_SET_VRING_ENABLE, 0, 1);
	CHECK_INT(vring_used_index(&rig.rings[0]), 3);
	rig_teardown();
}

static void runs_at_once_without_protocol_features(void)
{
	rig_setup();
	rig_negotiate_without(
		VHOST_BIT(VHOST_USER_F_PROTOCOL_FEATURES) | VHOST_BIT(VIRTIO_RING_F_EVENT_IDX));
	rig_share_memory();
	rig_set_queue(0, 0);
	rig_kick_queue(0);
	rig_echo(0);
	rig_teardown();
}

static void suppresses_kicks_with_event_idx(void)
{
	rig_setup();
	rig_negotiate_without(0);
	rig_share_memory();
	rig_start(0, 0);
	rig_echo(0);
	CHECK_INT(vring_available_event(&rig.rings[0]), 1);
	rig_teardown();
}

static void negotiates_indirect_descriptors(void)
{
	for (int negotiated = 0; negotiated < 2; negotiated++) {
		rig_setup();
		rig_negotiate_without(negotiated ? 0 : VHOST_BIT(VIRTIO_RING_F_INDIRECT_DESC));
		rig_share_memory();
		rig_start(0, 0);
		vring_describe(rig.memory + RIG_DATA, 0, RIG_GUEST + RIG_DATA, 8, VRING_WRITE);
		vring_describe(rig.rings[0].memory, 0, RIG_GUEST + RIG_DATA, 16, VRING_INDIRECT);
		vring_publish(&rig.rings[0], 0);
		fd_eventfd_signal(rig.kicks[0]);
		rig_run();
		CHECK_INT(vring_used_index(&rig.rings[0]), negotiated);
		rig_teardown();
	}
}

static void negotiates_order(void)
{
	for (uint32_t negotiated = 0; negotiated < 2; negotiated++) {
		rig_setup();
		rig_negotiate();
		if (negotiated)
			rig_send_u64(VHOST_USER_SET_FEATURES,
				rig.device.features | VHOST_BIT(VIRTIO_F_IN_ORDER));
		rig_share_memory();
		rig_start(0, 0);
		rig.device.hold = true;
		rig.device.backwards = true;
		rig_offer(0);
		rig_offer(0);
		rig_run();
		rig_release();
		uint32_t first, second, length;
		vring_used(&rig.rings[0], 0, &first, &length);
		vring_used(&rig.rings[0], 1, &second, &length);
		CHECK_INT(first, negotiated ? 0 : 2);
		CHECK_INT(second, negotiated ? 2 : 0);
		rig_teardown();
	}
}

static void hold_one_of_each(void)
{
	rig_setup();
	rig_boot();
	rig.device.hold = true;
	rig_offer(0);
	rig_offer(1);
	rig_run();
	CHECK_INT(rig.device.held_count, 2);
}

static void drains_before_it_answers(void)
{
	hold_one_of_each();
	rig_send_state(VHOST_USER_GET_VRING_BASE, 0, 0);
	rig_send(VHOST_USER_GET_FEATURES, NULL, 0);
	CHECK(rig_silent());
	CHECK_INT(rig.device.stops, 1);
	CHECK_INT(rig.device.hurries, 0);
	/* the other queue goes on */
	rig_offer(1);
	rig_run();
	CHECK_INT(rig.device.held_count, 3);

	rig_release();
	struct vhost_user_vring_state state;
	uint64_t features;
	CHECK(rig_silent()); /* not from inside the device */
	rig_run();
	rig_answer(VHOST_USER_GET_VRING_BASE, &state, sizeof(state));
	CHECK_INT(state.num, 1);
	rig_answer(VHOST_USER_GET_FEATURES, &features, sizeof(features));
	CHECK_INT(vring_used_index(&rig.rings[0]), 1);
	CHECK(rig_interrupted(0));
	rig_teardown();
}

static void gives_up_after_a_while(void)
{
	hold_one_of_each();
	uint64_t begin = loop_now_ms();
	rig_send_state(VHOST_USER_GET_VRING_BASE, 0, 0);
	while (rig.device.hurries == 0 && loop_now_ms() < begin + 5 * VHOST_DRAIN_MS)
		CHECK_INT(loop_round(rig.loop, 100), 0);
	CHECK(loop_now_ms() >= begin + VHOST_DRAIN_MS);
	CHECK_INT(rig.device.hurries, 1);
	CHECK_INT(rig.device.held_count, 1); /* queue 1's */
	rig_run();
	struct vhost_user_vring_state state;
	rig_answer(VHOST_USER_GET_VRING_BASE, &state, sizeof(state));
	rig_teardown();
}

static void hurries_for_a_reset(void)
{
	hold_one_of_each();
	CHECK_INT(rig_send_acked(VHOST_USER_RESET_DEVICE, NULL, 0), 0);
	CHECK_INT(rig.device.hurries, 2);
	CHECK_INT(rig.device.resets, 1);
	CHECK_INT(vring_used_index(&rig.rings[0]), 1);
	rig_teardown();
}

static void ends_with_requests_in_flight(void)
{
	hold_one_of_each();
	rig_teardown();

	hold_one_of_each();
	rig_send_state(VHOST_USER_GET_VRING_BASE, 0, 0);
	rig_teardown();

	/* the owner may end it, too */
	hold_one_of_each();
	vhost_session_destroy(rig.session);
	rig.session = NULL;
	CHECK_INT(rig.device.closes, 1);
	rig.ended = 1;
	rig_teardown();
}

static void keeps_going_when_memory_changes(void)
{
	hold_one_of_each();
	rig_share_memory();
	rig_share_memory();
	CHECK_INT(rig.device.memory_changes, 3);
	rig_release();
	rig_run();
	CHECK_INT(vring_used_index(&rig.rings[0]), 1);
	rig.device.hold = false;
	rig_echo(0);
	rig_teardown();
}

static void pauses_queues_without_memory(void)
{
	rig.memory_slots = true;
	hold_one_of_each();
	const struct vhost_user_single_region region = { .region = rig_region() };
	rig_send(VHOST_USER_REM_MEM_REG, &region, sizeof(region));
	CHECK_INT(vhost_session_memory(rig.session)->count, 0);
	rig_release();
	rig_run();
	CHECK_INT(vring_used_index(&rig.rings[0]), 1);
	rig.device.hold = false;
	rig_offer(0);
	rig_run();
	CHECK_INT(vring_used_index(&rig.rings[0]), 1);
	rig_send_fd(VHOST_USER_ADD_MEM_REG, &region, sizeof(region), rig.memory_fd);
	rig_run();
	CHECK_INT(vring_used_index(&rig.rings[0]), 2);
	rig_echo(0);
	rig_teardown();
	rig.memory_slots = false;
}

static void lets_go_of_memory_when_stopped(void)
{
	rig_setup();
	rig_boot();
	rig_echo(0);
	uint32_t base1;
	rig_stop(&base1);
	CHECK_INT(vhost_session_memory(rig.session)->refs, 1);
	rig_teardown();
}

static void says_when_a_queue_breaks(void)
{
	rig_setup();
	rig_boot();
	rig_echo(0);
	vring_publish(&rig.rings[0], 999);
	fd_eventfd_signal(rig.kicks[0]);
	rig_run();
	uint64_t count;
	CHECK_INT(read(rig.errors[0], &count, sizeof(count)), sizeof(count));
	CHECK(!rig.ended);
	rig_echo(1); /* the other one lives */
	CHECK_INT(rig_send_acked(VHOST_USER_RESET_DEVICE, NULL, 0), 0);
	rig_clear_ring(0);
	rig_clear_ring(1);
	rig_start(0, 0);
	rig_echo(0);
	rig_teardown();
}

static void exchanges_descriptors_of_a_running_queue(void)
{
	rig_setup();
	rig_boot();
	rig_echo(0);
	fd_close(&rig.kicks[0]);
	fd_close(&rig.calls[0]);
	rig.kicks[0] = fd_eventfd();
	rig.calls[0] = fd_eventfd();
	const uint64_t index = 0;
	rig_offer(0);
	uint64_t lost;
	CHECK_INT(read(rig.kicks[0], &lost, sizeof(lost)), sizeof(lost));
	rig_send_fd(VHOST_USER_SET_VRING_CALL, &index, sizeof(index), rig.calls[0]);
	rig_kick_queue(0);
	CHECK_INT(vring_used_index(&rig.rings[0]), 2);
	rig_echo(0);
	rig_send_u64(VHOST_USER_SET_VRING_CALL, VHOST_USER_VRING_NOFD_MASK);
	rig_send_u64(VHOST_USER_SET_VRING_ERR, VHOST_USER_VRING_NOFD_MASK);
	rig_offer(0);
	rig_run();
	CHECK_INT(vring_used_index(&rig.rings[0]), 4);
	CHECK(!rig_interrupted(0));
	/* what fell due without an interrupt is made up for */
	rig_send_fd(VHOST_USER_SET_VRING_CALL, &index, sizeof(index), rig.calls[0]);
	CHECK(rig_interrupted(0));
	rig_send_fd(VHOST_USER_SET_VRING_CALL, &index, sizeof(index), rig.calls[0]);
	CHECK(!rig_interrupted(0));
	rig_teardown();
}

static void survives_a_flood_of_kicks(void)
{
	rig_setup();
	rig_boot();
	for (int i = 0; i < 10000; i++) {
		fd_eventfd_signal(rig.kicks[0]);
		if (i % 100 == 0)
			CHECK_INT(loop_round(rig.loop, 0), 0);
	}
	const uint64_t full = UINT64_MAX - 2;
	rig_run();
	CHECK_INT(write(rig.kicks[0], &full, sizeof(full)), sizeof(full));
	rig_echo(0);
	CHECK_INT(vring_used_index(&rig.rings[0]), 1);
	rig_teardown();
}

static void take_kick(void *data, uint32_t events)
{
	uint64_t count;
	CHECK_INT(read(rig.kicks[0], &count, sizeof(count)), sizeof(count));
	loop_source_watch(*(struct loop_source **)data, 0);
}

/* Somebody else reads it after we were told of it, and has it so that reading waits. */
static void does_not_wait_for_a_kick(void)
{
	rig_setup();
	rig_boot();
	int first = fd_eventfd();
	struct loop_source *source = NULL;
	source = loop_add_fd(rig.loop, first, LOOP_READABLE, take_kick, &source);
	CHECK_INT(fcntl(rig.kicks[0], F_SETFL, 0), 0);
	fd_eventfd_signal(first);
	fd_eventfd_signal(rig.kicks[0]);
	CHECK_INT(loop_round(rig.loop, 0), 0);
	rig_echo(0);
	loop_source_destroy(source);
	fd_close(&first);
	rig_teardown();
}

static void leaves_a_kick_that_cannot_be_read(void)
{
	rig_setup();
	rig_boot();
	/* an epoll descriptor looks like an eventfd until it is read */
	int poll_fd = epoll_create1(EPOLL_CLOEXEC);
	int ready = fd_eventfd();
	struct epoll_event event = { .events = EPOLLIN };
	CHECK_INT(epoll_ctl(poll_fd, EPOLL_CTL_ADD, ready, &event), 0);
	fd_eventfd_signal(ready);
	const uint64_t index = 0;
	rig_send_fd(VHOST_USER_SET_VRING_KICK, &index, sizeof(index), poll_fd);
	rig_run();
	uint32_t seen = rig.device.ready[0];
	rig_run();
	CHECK_INT(rig.device.ready[0], seen);
	rig_echo(1);
	rig_kick_queue(0);
	rig_echo(0);
	fd_close(&poll_fd);
	fd_close(&ready);
	rig_teardown();
}

static void refuses_a_kick_that_cannot_be_watched(void)
{
	/* such a descriptor cannot be polled */
	const uint64_t access = 1;
	int ruleset = (int)syscall(SYS_landlock_create_ruleset, &access, sizeof(access), 0);
	if (ruleset < 0)
		test_skip("no Landlock: %s", strerror(errno));
	rig_setup();
	rig_boot();
	const uint64_t index = 0;
	rig_send_fd(VHOST_USER_SET_VRING_KICK, &index, sizeof(index), ruleset);
	CHECK(rig_over());
	rig_teardown();
	fd_close(&ruleset);
}

static void gives_the_device_its_display(void)
{
	rig_setup();
	rig_boot();
	int ours, theirs;
	for (int i = 0; i < 2; i++) {
		peer_pair(&ours, &theirs);
		rig_send_fd(VHOST_USER_GPU_SET_SOCKET, NULL, 0, ours);
		fd_close(&ours);
		CHECK(rig_silent());
		CHECK(rig.device.gpu_socket >= 0);
		CHECK_INT(write(theirs, "x", 1), 1);
		char byte;
		CHECK_INT(read(rig.device.gpu_socket, &byte, 1), 1);
		fd_close(&theirs);
	}
	rig_teardown();
}

static void talks_back(void)
{
	rig_setup();
	rig_negotiate();
	CHECK(!vhost_session_backend_channel(rig.session));
	CHECK_INT(vhost_session_config_changed(rig.session), -ENOTCONN);
	int ours, theirs;
	for (int i = 0; i < 2; i++) {
		peer_pair(&ours, &theirs);
		rig_send_fd(VHOST_USER_SET_BACKEND_REQ_FD, NULL, 0, ours);
		fd_close(&ours);
		CHECK(vhost_session_backend_channel(rig.session));
		CHECK_INT(vhost_session_config_changed(rig.session), 0);
		struct peer_message message;
		CHECK(peer_receive(theirs, &message));
		CHECK_INT(message.header.request, VHOST_USER_BACKEND_CONFIG_CHANGE_MSG);
		CHECK_INT(message.header.size, 0);
		if (i == 0)
			fd_close(&theirs); /* the channel may go without the session */
		rig_run();
		CHECK(!rig.ended);
	}
	fd_close(&theirs);
	rig_teardown();
}

static int ask_shared_object(const void *uuid, size_t size)
{
	struct peer_message message;
	rig_send(VHOST_USER_GET_SHARED_OBJECT, uuid, size);
	CHECK(peer_receive(rig.peer, &message));
	CHECK_INT(message.header.request, VHOST_USER_GET_SHARED_OBJECT);
	CHECK_INT(message.header.flags, VHOST_USER_VERSION | VHOST_USER_REPLY_MASK);
	CHECK_INT(message.header.size, 0);
	return message.fd;
}

static void hands_out_shared_objects(void)
{
	static const uint8_t other[16] = { 1, 2, 3 };
	rig.shares = true;
	rig_setup();
	rig_negotiate();
	CHECK_INT(ask_shared_object(RIG_UUID, 16), -1);
	rig.device.shared_fd = rig.memory_fd;
	for (int i = 0; i < 3; i++) {
		int fd = ask_shared_object(RIG_UUID, 16);
		struct stat theirs, ours;
		CHECK(fd >= 0 && fstat(fd, &theirs) == 0 && fstat(rig.memory_fd, &ours) == 0);
		CHECK_INT(theirs.st_ino, ours.st_ino);
		fd_close(&fd);
		CHECK_INT(ask_shared_object(other, sizeof(other)), -1);
		/* Without a UUID, too, there is nothing to be had. */
		CHECK_INT(ask_shared_object(NULL, 0), -1);
	}
	CHECK(!rig.ended);
	rig_teardown();
	rig.shares = false;
}

int main(int argc, char **argv)
{
	static const struct test_case cases[] = {
		TEST_CASE(negotiates),
		TEST_CASE(echoes),
		TEST_CASE(finds_what_came_before_the_start),
		TEST_CASE(runs_only_enabled_queues),
		TEST_CASE(runs_at_once_without_protocol_features),
		TEST_CASE(suppresses_kicks_with_event_idx),
		TEST_CASE(negotiates_indirect_descriptors),
		TEST_CASE(negotiates_order),
		TEST_CASE(drains_before_it_answers),
		TEST_CASE(gives_up_after_a_while),
		TEST_CASE(hurries_for_a_reset),
		TEST_CASE(ends_with_requests_in_flight),
		TEST_CASE(keeps_going_when_memory_changes),
		TEST_CASE(pauses_queues_without_memory),
		TEST_CASE(lets_go_of_memory_when_stopped),
		TEST_CASE(says_when_a_queue_breaks),
		TEST_CASE(exchanges_descriptors_of_a_running_queue),
		TEST_CASE(survives_a_flood_of_kicks),
		TEST_CASE(does_not_wait_for_a_kick),
		TEST_CASE(leaves_a_kick_that_cannot_be_read),
		TEST_CASE(refuses_a_kick_that_cannot_be_watched),
		TEST_CASE(gives_the_device_its_display),
		TEST_CASE(talks_back),
		TEST_CASE(hands_out_shared_objects),
	};
	return test_main(argc, argv, cases, ARRAY_SIZE(cases));
}
