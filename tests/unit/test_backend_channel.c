/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
#include "test.h"

#include <errno.h>
#include <sys/socket.h>

#include "loop/loop.h"
#include "peer.h"
#include "util/fd.h"
#include "vhost/backend_channel.h"

#define PENDING     12345
#define LIKE_CROSVM VHOST_BIT(VHOST_USER_PROTOCOL_F_REPLY_ACK)
#define LIKE_QEMU   (LIKE_CROSVM | VHOST_BIT(VHOST_USER_PROTOCOL_F_RESET_DEVICE))

/* A request's end. */
struct outcome {
	int status;
	int calls;
	bool destroy; /* the channel, from inside */
	bool again; /* makes another request from inside */
};

static struct {
	struct loop *loop;
	struct backend_channel *channel;
	int peer;
	int fds_before;
	int again_status;
} at;

static void setup(uint64_t features)
{
	memset(&at, 0, sizeof(at));
	at.fds_before = test_open_fds();
	at.loop = loop_create();
	int sock;
	peer_pair(&sock, &at.peer);
	at.channel = backend_channel_create(at.loop, sock, features);
	CHECK(at.channel);
}

static void rounds(int count)
{
	for (int i = 0; i < count; i++)
		CHECK_INT(loop_round(at.loop, 0), 0);
}

static void teardown(void)
{
	backend_channel_destroy(at.channel);
	loop_destroy(at.loop);
	fd_close(&at.peer);
	CHECK_INT(test_open_fds(), at.fds_before);
}

static void done(void *data, int status)
{
	struct outcome *outcome = data;
	outcome->status = status;
	outcome->calls++;
	const struct backend_channel_args args = {
		.request = VHOST_USER_BACKEND_CONFIG_CHANGE_MSG,
		.fd = -1,
	};
	if (outcome->again)
		at.again_status = backend_channel_request(at.channel, &args);
	if (outcome->destroy) {
		backend_channel_destroy(at.channel);
		at.channel = NULL;
	}
}

static int map_blob(struct outcome *outcome, uint64_t offset, int fd)
{
	const struct vhost_user_mmap map = { .shm_offset = offset, .length = 4096 };
	const struct backend_channel_args args = {
		.request = VHOST_USER_BACKEND_SHMEM_MAP,
		.payload = &map,
		.size = sizeof(map),
		.fd = fd,
		.done = done,
		.data = outcome,
	};
	outcome->status = PENDING;
	return backend_channel_request(at.channel, &args);
}

static void answer(uint32_t request, uint64_t value)
{
	peer_send(at.peer, request, VHOST_USER_REPLY_MASK, &value, sizeof(value));
}

/* Takes the next request, which has to be a SHMEM_MAP of this offset. */
static void expect_map(uint64_t offset, bool with_fd)
{
	struct peer_message message;
	struct vhost_user_mmap map;
	CHECK(peer_receive(at.peer, &message));
	CHECK_INT(message.header.request, VHOST_USER_BACKEND_SHMEM_MAP);
	CHECK_INT(message.header.size, sizeof(map));
	memcpy(&map, message.payload, sizeof(map));
	CHECK_INT(map.shm_offset, offset);
	CHECK((message.fd >= 0) == with_fd);
	fd_close(&message.fd);
}

static void waits_for_the_answer(void)
{
	setup(LIKE_QEMU);
	struct outcome outcome = { 0 };
	int fd = fd_eventfd();
	CHECK_INT(map_blob(&outcome, 1, fd), 0);
	fd_close(&fd);
	expect_map(1, true);
	rounds(2);
	CHECK_INT(outcome.calls, 0);
	answer(VHOST_USER_BACKEND_SHMEM_MAP, 0);
	rounds(2);
	CHECK_INT(outcome.calls, 1);
	CHECK_INT(outcome.status, 0);
	teardown();
	CHECK_INT(outcome.calls, 1);
}

static void asks_one_thing_at_a_time(void)
{
	setup(LIKE_QEMU);
	struct outcome outcomes[3] = { 0 };
	struct peer_message message;
	for (uint64_t i = 0; i < 3; i++)
		CHECK_INT(map_blob(&outcomes[i], i, -1), 0);
	for (uint64_t i = 0; i < 3; i++) {
		expect_map(i, false);
		CHECK(!peer_receive(at.peer, &message));
		answer(VHOST_USER_BACKEND_SHMEM_MAP, i == 1 ? 1 : 0);
		rounds(3);
		CHECK_INT(outcomes[i].calls, 1);
		CHECK_INT(outcomes[i].status, i == 1 ? -EIO : 0);
	}
	teardown();
}

static void asks_for_an_answer_only_when_it_gets_one(void)
{
	for (int reply_ack = 0; reply_ack < 2; reply_ack++) {
		for (int with_done = 0; with_done < 2; with_done++) {
			setup(reply_ack ? LIKE_CROSVM : 0);
			struct outcome outcome = { 0 };
			const struct backend_channel_args args = {
				.request = VHOST_USER_BACKEND_CONFIG_CHANGE_MSG,
				.fd = -1,
				.done = with_done ? done : NULL,
				.data = &outcome,
			};
			CHECK_INT(backend_channel_request(at.channel, &args), 0);
			CHECK_INT(outcome.calls, 0); /* never inside the call */
			struct peer_message message;
			CHECK(peer_receive(at.peer, &message));
			uint32_t need = reply_ack && with_done ? VHOST_USER_NEED_REPLY_MASK : 0;
			CHECK_INT(message.header.flags, VHOST_USER_VERSION | need);
			CHECK_INT(message.header.size, 0);
			rounds(2);
			CHECK_INT(outcome.calls, with_done && !reply_ack);
			teardown();
			CHECK_INT(outcome.calls, with_done);
			CHECK_INT(outcome.status, with_done && reply_ack ? -ECONNRESET : 0);
		}
	}
}

static void ends_everything_when_destroyed(void)
{
	setup(LIKE_QEMU);
	struct outcome outcomes[3] = { 0 };
	int fd = fd_eventfd();
	for (uint64_t i = 0; i < 3; i++)
		CHECK_INT(map_blob(&outcomes[i], i, fd), 0);
	fd_close(&fd);
	teardown();
	for (int i = 0; i < 3; i++) {
		CHECK_INT(outcomes[i].calls, 1);
		CHECK_INT(outcomes[i].status, -ECONNRESET);
	}
}

static void ends_everything_when_the_peer_goes(void)
{
	setup(LIKE_QEMU);
	struct outcome outcomes[2] = { 0 };
	for (uint64_t i = 0; i < 2; i++)
		CHECK_INT(map_blob(&outcomes[i], i, -1), 0);
	fd_close(&at.peer);
	rounds(3);
	CHECK_INT(outcomes[0].status, -ECONNRESET);
	CHECK_INT(outcomes[1].status, -ECONNRESET);
	CHECK_INT(map_blob(&outcomes[0], 0, -1), -ENOTCONN);
	teardown();
	CHECK_INT(outcomes[0].calls, 1);
}

static void closes_at_a_wrong_answer(void)
{
	const uint64_t zero[2] = { 0 };
	for (int kind = 0; kind < 6; kind++) {
		setup(LIKE_QEMU);
		struct outcome outcome = { 0 };
		int fd = fd_eventfd();
		if (kind != 0)
			CHECK_INT(map_blob(&outcome, 1, -1), 0);
		uint32_t request = VHOST_USER_BACKEND_SHMEM_MAP;
		uint32_t reply = VHOST_USER_REPLY_MASK;
		switch (kind) {
		case 0: /* to nothing */
		case 1: /* of another request */
			peer_send(at.peer, VHOST_USER_BACKEND_SHMEM_UNMAP, reply, zero, 8);
			break;
		case 2: /* too short */
			peer_send(at.peer, request, reply, zero, 4);
			break;
		case 3: /* too long */
			peer_send(at.peer, request, reply, zero, 16);
			break;
		case 4: /* not an answer */
			peer_send(at.peer, request, 0, zero, 8);
			break;
		default: { /* with a descriptor */
			uint8_t bytes[32];
			size_t size = peer_compose(bytes, request, reply, zero, 8);
			peer_send_bytes(at.peer, bytes, size, &fd, 1);
		}
		}
		fd_close(&fd);
		rounds(3);
		CHECK_INT(outcome.calls, kind != 0);
		CHECK_INT(outcome.status, kind != 0 ? -ECONNRESET : 0);
		CHECK_INT(map_blob(&outcome, 1, -1), -ENOTCONN);
		teardown();
	}
}

static void may_be_used_from_an_outcome(void)
{
	setup(LIKE_QEMU);
	struct outcome outcome = { .again = true };
	CHECK_INT(map_blob(&outcome, 1, -1), 0);
	expect_map(1, false);
	answer(VHOST_USER_BACKEND_SHMEM_MAP, 0);
	rounds(3);
	CHECK_INT(at.again_status, 0);
	struct peer_message message;
	CHECK(peer_receive(at.peer, &message));
	CHECK_INT(message.header.request, VHOST_USER_BACKEND_CONFIG_CHANGE_MSG);
	teardown();
}

static void may_be_destroyed_from_an_outcome(void)
{
	setup(LIKE_QEMU);
	struct outcome outcomes[3] = { { .destroy = true } };
	for (uint64_t i = 0; i < 3; i++)
		CHECK_INT(map_blob(&outcomes[i], i, -1), 0);
	expect_map(0, false);
	answer(VHOST_USER_BACKEND_SHMEM_MAP, 0);
	rounds(3);
	CHECK(!at.channel);
	CHECK_INT(outcomes[0].status, 0);
	CHECK_INT(outcomes[1].status, -ECONNRESET);
	CHECK_INT(outcomes[2].status, -ECONNRESET);
	for (int i = 0; i < 3; i++)
		CHECK_INT(outcomes[i].calls, 1);
	teardown();
}

/* What is asked only while the device runs, and in halves. */
static int ask_while_running(struct outcome *outcome, int fd)
{
	const struct vhost_user_mmap map = { .length = 4096 };
	const struct backend_channel_args args = {
		.request = VHOST_USER_BACKEND_SHMEM_MAP,
		.payload = &map,
		.size = sizeof(map),
		.fd = fd,
		.while_running = true,
		.done = done,
		.data = outcome,
	};
	outcome->status = PENDING;
	return backend_channel_request(at.channel, &args);
}

static bool receive_bytes(void *bytes, size_t size)
{
	return recv(at.peer, bytes, size, MSG_DONTWAIT) == (ssize_t)size;
}

static void asks_in_halves(void)
{
	struct vhost_user_header header;
	struct vhost_user_mmap map;
	struct outcome outcome = { 0 };
	setup(LIKE_QEMU);
	CHECK_INT(ask_while_running(&outcome, -1), 0);
	rounds(2);
	CHECK(!receive_bytes(&header, sizeof(header))); /* not before it runs */
	backend_channel_set_running(at.channel, true);
	rounds(150); /* longer than it looks without a break */
	uint8_t bytes[sizeof(header) + 1];
	CHECK_INT(recv(at.peer, bytes, sizeof(bytes), MSG_DONTWAIT | MSG_PEEK), sizeof(header));
	CHECK(receive_bytes(&header, sizeof(header)));
	CHECK_INT(header.request, VHOST_USER_BACKEND_SHMEM_MAP);
	CHECK_INT(loop_round(at.loop, 100), 0);
	rounds(2);
	CHECK(receive_bytes(&map, sizeof(map)));
	CHECK_INT(map.length, 4096);
	/* It is in the hands of the VMM now. */
	backend_channel_set_running(at.channel, false);
	answer(VHOST_USER_BACKEND_SHMEM_MAP, 0);
	rounds(2);
	CHECK_INT(outcome.calls, 1);
	CHECK_INT(outcome.status, 0);
	teardown();
}

static void does_not_ask_a_vmm_that_stops(void)
{
	struct vhost_user_header header;
	struct outcome outcome = { 0 }, next = { 0 };
	setup(LIKE_QEMU);
	backend_channel_set_running(at.channel, true);
	CHECK_INT(ask_while_running(&outcome, -1), 0);
	CHECK_INT(ask_while_running(&next, -1), 0);
	backend_channel_set_running(at.channel, false);
	rounds(2);
	CHECK_INT(outcome.status, -ECONNRESET);
	CHECK_INT(next.status, -ECONNRESET);
	CHECK(receive_bytes(&header, sizeof(header)));
	CHECK_INT(recv(at.peer, &header, sizeof(header), MSG_DONTWAIT), 0); /* closed */
	CHECK_INT(ask_while_running(&next, -1), -ENOTCONN);
	teardown();
}

/* A VMM that is no QEMU: it keeps its channel, and gets all that was sent before the stop, and nothing else. */
static void asks_others_at_once(void)
{
	struct peer_message message;
	struct outcome outcome = { 0 }, next = { 0 };
	setup(LIKE_CROSVM);
	CHECK_INT(ask_while_running(&outcome, -1), 0);
	CHECK(!peer_receive(at.peer, &message));
	backend_channel_set_running(at.channel, true);
	rounds(1);
	CHECK_INT(ask_while_running(&next, -1), 0);
	backend_channel_set_running(at.channel, false);
	rounds(3);
	CHECK_INT(outcome.calls, 0);
	CHECK(backend_channel_is_open(at.channel));
	expect_map(0, false);
	answer(VHOST_USER_BACKEND_SHMEM_MAP, 0);
	rounds(3);
	CHECK_INT(outcome.calls, 1);
	CHECK_INT(outcome.status, 0);
	CHECK(!peer_receive(at.peer, &message));
	backend_channel_set_running(at.channel, true);
	rounds(1);
	expect_map(0, false);
	answer(VHOST_USER_BACKEND_SHMEM_MAP, 0);
	rounds(3);
	CHECK_INT(next.status, 0);
	teardown();
}

static int tell_of_change(void)
{
	const struct backend_channel_args args = {
		.request = VHOST_USER_BACKEND_CONFIG_CHANGE_MSG,
		.fd = -1,
	};
	return backend_channel_request(at.channel, &args);
}

static void expect_change(void)
{
	struct peer_message message;
	CHECK(peer_receive(at.peer, &message));
	CHECK_INT(message.header.request, VHOST_USER_BACKEND_CONFIG_CHANGE_MSG);
	CHECK_INT(message.header.flags, VHOST_USER_VERSION);
	CHECK_INT(message.header.size, 0);
}

/* The VMM is slow to answer: what else there is waits, in order, and is sent when it has. */
static void a_slow_vmm_is_asked_later(void)
{
	struct vhost_user_header header;
	struct vhost_user_mmap map;
	struct outcome slow = { 0 }, before = { 0 }, after = { 0 };
	setup(LIKE_QEMU);
	backend_channel_set_running(at.channel, true);
	CHECK_INT(map_blob(&slow, 1, -1), 0);
	CHECK_INT(ask_while_running(&before, -1), 0);
	expect_map(1, false);
	uint64_t begin = loop_now_ms();
	while (loop_now_ms() - begin < 600)
		CHECK_INT(loop_round(at.loop, 100), 0);
	CHECK_INT(tell_of_change(), 0);
	CHECK_INT(tell_of_change(), 0); /* says no more than once */
	CHECK_INT(map_blob(&after, 2, -1), 0);
	rounds(3);
	CHECK_INT(slow.calls + before.calls + after.calls, 0);
	CHECK(!receive_bytes(&header, sizeof(header)));
	answer(VHOST_USER_BACKEND_SHMEM_MAP, 0);
	rounds(3);
	CHECK_INT(slow.calls, 1);
	CHECK(receive_bytes(&header, sizeof(header)));
	rounds(3);
	CHECK(receive_bytes(&map, sizeof(map)));
	answer(VHOST_USER_BACKEND_SHMEM_MAP, 0);
	rounds(3);
	CHECK_INT(before.calls, 1);
	expect_change();
	expect_map(2, false);
	answer(VHOST_USER_BACKEND_SHMEM_MAP, 1);
	rounds(3);
	CHECK_INT(after.status, -EIO);
	/* what has been sent may be said again */
	CHECK_INT(tell_of_change(), 0);
	expect_change();
	teardown();
}

/* What must not be asked then holds up nothing else. */
static void a_stopped_device_may_tell(void)
{
	struct peer_message message;
	struct outcome mapping = { 0 }, told = { 0 };
	setup(LIKE_QEMU);
	CHECK_INT(ask_while_running(&mapping, -1), 0);
	CHECK_INT(tell_of_change(), 0);
	CHECK_INT(map_blob(&told, 3, -1), 0);
	expect_change();
	expect_map(3, false);
	answer(VHOST_USER_BACKEND_SHMEM_MAP, 0);
	rounds(3);
	CHECK_INT(told.calls, 1);
	CHECK_INT(mapping.calls, 0);
	CHECK(!peer_receive(at.peer, &message));
	teardown();
	CHECK_INT(mapping.status, -ECONNRESET);
}

int main(int argc, char **argv)
{
	static const struct test_case cases[] = {
		TEST_CASE(waits_for_the_answer),
		TEST_CASE(asks_one_thing_at_a_time),
		TEST_CASE(asks_for_an_answer_only_when_it_gets_one),
		TEST_CASE(ends_everything_when_destroyed),
		TEST_CASE(ends_everything_when_the_peer_goes),
		TEST_CASE(closes_at_a_wrong_answer),
		TEST_CASE(may_be_used_from_an_outcome),
		TEST_CASE(may_be_destroyed_from_an_outcome),
		TEST_CASE(asks_in_halves),
		TEST_CASE(does_not_ask_a_vmm_that_stops),
		TEST_CASE(asks_others_at_once),
		TEST_CASE(a_slow_vmm_is_asked_later),
		TEST_CASE(a_stopped_device_may_tell),
	};
	return test_main(argc, argv, cases, ARRAY_SIZE(cases));
}
