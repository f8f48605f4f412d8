/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/* How a queue is set up: in which orders, and what is found wrong only when it is to start. */
#include "test.h"

#include <sys/socket.h>
#include <unistd.h>

#include "rig.h"
#include "util/fd.h"
#include "vhost/backend_channel.h"

static void send_num(uint32_t size)
{
	rig_send_state(VHOST_USER_SET_VRING_NUM, 0, size);
}

static void send_base(uint32_t base)
{
	rig_send_state(VHOST_USER_SET_VRING_BASE, 0, base);
}

static void send_addr(void)
{
	const struct vhost_user_vring_addr addr = rig_vring_addr(0);
	rig_send(VHOST_USER_SET_VRING_ADDR, &addr, sizeof(addr));
}

static void send_features(void)
{
	rig_send_u64(VHOST_USER_SET_FEATURES, rig_features());
}

static void send_call(void)
{
	const uint64_t index = 0;
	rig_send_fd(VHOST_USER_SET_VRING_CALL, &index, sizeof(index), rig.calls[0]);
}

static void send_enable(void)
{
	rig_send_state(VHOST_USER_SET_VRING_ENABLE, 0, 1);
}

static void send_size(void)
{
	send_num(RIG_SIZE);
}

static void send_first_base(void)
{
	send_base(rig_base(0));
}

static void send_kick(void)
{
	rig_kick_queue(0);
}

typedef void (*send_fn)(void);

#define STEPS 10

/* Each up to its first NULL; all end with a queue that runs. */
static const send_fn orders[][STEPS] = {
	{ send_features, rig_share_memory, send_size, send_first_base, send_addr, send_kick,
		send_enable, send_call },
	{ send_features, rig_share_memory, send_size, send_addr, send_first_base, send_call,
		send_kick, send_enable },
	/* features last of all */
	{ send_addr, send_first_base, send_size, rig_share_memory, send_call, send_features,
		send_kick, send_enable },
	{ send_first_base, send_enable, send_features, send_size, send_addr, rig_share_memory,
		send_kick, send_call },
	{ send_features, send_enable, send_size, send_addr, send_addr, send_first_base, send_call,
		rig_share_memory, send_kick },
	/* the same again */
	{ send_features, send_features, send_size, send_size, send_addr, send_first_base,
		rig_share_memory, send_call, send_kick, send_enable },
	/* without a base it begins at the beginning */
	{ send_features, send_size, send_addr, rig_share_memory, send_kick, send_call,
		send_enable },
};

static void runs_after_every_order(void)
{
	for (size_t i = 0; i < 2 * ARRAY_SIZE(orders); i++) {
		const send_fn *order = orders[i / 2];
		rig.packed = i % 2;
		rig_setup();
		for (size_t j = 0; j < STEPS && order[j]; j++)
			order[j]();
		CHECK(!rig.ended);
		for (int k = 0; k < 40; k++)
			rig_echo(0);
		rig_teardown();
	}
	rig.packed = false;
}

static void needs_size_and_address(void)
{
	static const send_fn lacking[] = { send_size, send_addr };
	for (size_t i = 0; i < ARRAY_SIZE(lacking); i++) {
		rig_setup();
		send_features();
		rig_share_memory();
		lacking[i]();
		int log = rig_log_begin();
		send_kick();
		rig_log_check(log, "queue 0 cannot start: it has no size or no address");
		rig_teardown();
	}
}

/* What sizes and bases are worth is known when the features are. */
static void check_start(uint32_t size, uint32_t base, const char *fault)
{
	rig_setup();
	send_num(size);
	send_base(base);
	send_addr();
	rig_share_memory();
	send_features();
	CHECK(!rig.ended);
	int log = rig_log_begin();
	send_kick();
	if (fault) {
		rig_log_check(log, fault);
	} else {
		char text[256];
		rig_log_end(log, text, sizeof(text));
		CHECK(!rig.ended);
	}
	rig_teardown();
}

static void judges_sizes_and_bases_when_it_starts(void)
{
	check_start(3, 0, "queue 0 cannot start: its size is not a power of two");
	check_start(16, 65536, "its base is above 65535");
	check_start(16, UINT32_MAX, "its base is above 65535");
	check_start(16, 65535, NULL);
	check_start(1, 0, NULL);

	rig.packed = true;
	check_start(3, 0, NULL);
	check_start(3, 0x80028002, NULL);
	check_start(3, 0x80008003, "queue 0 cannot start: its base is outside the ring");
	check_start(3, UINT32_MAX, "its base is outside the ring");
	check_start(16, 0x0000000f, NULL);
	check_start(16, 0x00000010, "its base is outside the ring");
	rig.packed = false;
}

static void keeps_a_running_queue_as_it_is(void)
{
	rig_setup();
	rig_boot();
	rig_echo(0);
	/* the same address, and the kick once more, are no change */
	send_addr();
	send_kick();
	send_call();
	CHECK(!rig.ended);
	rig_echo(0);
	rig_teardown();
}

/* Asks for memory to be unmapped, which is not done while the device is stopped. */
static void ask_for_memory(void)
{
	const struct vhost_user_mmap map = { .shmid = 1, .length = 4096 };
	const struct backend_channel_args args = {
		.request = VHOST_USER_BACKEND_SHMEM_UNMAP,
		.payload = &map,
		.size = sizeof(map),
		.fd = -1,
		.while_running = true,
	};
	CHECK_INT(backend_channel_request(vhost_session_backend_channel(rig.session), &args), 0);
	rig_run();
}

/* How many bytes there are now; they are taken. */
static ssize_t take_bytes(int sock)
{
	uint8_t bytes[256];
	rig_run();
	return recv(sock, bytes, sizeof(bytes), MSG_DONTWAIT);
}

static void start_one(uint32_t index)
{
	rig_set_queue(index, rig_base(index));
	rig_kick_queue(index);
}

static void stop_one(uint32_t index)
{
	struct vhost_user_vring_state state;
	rig_send_state(VHOST_USER_SET_VRING_ENABLE, index, 0);
	rig_send_state(VHOST_USER_GET_VRING_BASE, index, 0);
	rig_answer(VHOST_USER_GET_VRING_BASE, &state, sizeof(state));
}

/* As crosvm does it: the device is not stopped in between, nor does it go on. */
static void starts_and_stops_one_queue_after_the_other(void)
{
	const ssize_t header = sizeof(struct vhost_user_header);
	int ours, theirs;
	rig_setup();
	rig_negotiate();
	rig_share_memory();
	peer_pair(&ours, &theirs);
	rig_send_fd(VHOST_USER_SET_BACKEND_REQ_FD, NULL, 0, ours);
	fd_close(&ours);
	start_one(0);
	rig_send_state(VHOST_USER_SET_VRING_ENABLE, 0, 1);
	ask_for_memory();
	start_one(1); /* with the header under way */
	CHECK_INT(take_bytes(theirs), header);
	rig_send_state(VHOST_USER_SET_VRING_ENABLE, 1, 1);
	CHECK_INT(take_bytes(theirs), sizeof(struct vhost_user_mmap));

	stop_one(0);
	ask_for_memory(); /* the other one runs */
	CHECK_INT(take_bytes(theirs), -1);
	stop_one(1);
	CHECK_INT(take_bytes(theirs), -1);
	fd_close(&theirs);
	rig_teardown();
}

static void tells_the_base_that_it_was_told(void)
{
	struct vhost_user_vring_state state;
	rig_setup();
	send_base(4711);
	rig_send_state(VHOST_USER_GET_VRING_BASE, 0, 0);
	rig_answer(VHOST_USER_GET_VRING_BASE, &state, sizeof(state));
	CHECK_INT(state.num, 4711);
	rig_teardown();
}

int main(int argc, char **argv)
{
	static const struct test_case cases[] = {
		TEST_CASE(runs_after_every_order),
		TEST_CASE(needs_size_and_address),
		TEST_CASE(judges_sizes_and_bases_when_it_starts),
		TEST_CASE(keeps_a_running_queue_as_it_is),
		TEST_CASE(starts_and_stops_one_queue_after_the_other),
		TEST_CASE(tells_the_base_that_it_was_told),
	};
	return test_main(argc, argv, cases, ARRAY_SIZE(cases));
}
