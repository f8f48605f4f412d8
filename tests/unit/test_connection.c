/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
#include "test.h"

#include <stdlib.h>
#include <sys/resource.h>
#include <sys/socket.h>

#include "loop/loop.h"
#include "peer.h"
#include "util/fd.h"
#include "vhost/connection.h"

#define MESSAGES 8

/* A connection and what it has handed on. */
static struct {
	struct loop *loop;
	struct vhost_connection *connection;
	int sock; /* the connection's, to set options */
	int peer;
	int fds_before;

	struct vhost_message messages[MESSAGES];
	size_t count;
	int keep_fd; /* -2: the handler takes the first descriptor of a message */
	int status; /* what the handler returns */
	bool destroy; /* inside the handler */
	bool pause; /* inside the handler */
	int closed;
	const char *reason;
} at;

static int on_message(void *data, struct vhost_message *message)
{
	CHECK(at.count < MESSAGES);
	at.messages[at.count++] = *message;
	if (message->fd_count > 0 && at.keep_fd == -2)
		at.keep_fd = fd_steal(&message->fds[0]);
	if (at.pause)
		vhost_connection_pause(at.connection, true);
	if (at.destroy) {
		vhost_connection_destroy(at.connection);
		at.connection = NULL;
		/* still there until the handler returns */
		CHECK_INT(message->header.request, at.messages[at.count - 1].header.request);
	}
	return at.status;
}

static void on_closed(void *data, const char *reason)
{
	at.closed++;
	at.reason = reason;
	vhost_connection_destroy(at.connection);
	at.connection = NULL;
}

static const struct vhost_connection_events events = { on_message, on_closed };

static void setup(void)
{
	memset(&at, 0, sizeof(at));
	at.keep_fd = -1;
	at.fds_before = test_open_fds();
	at.loop = loop_create();
	peer_pair(&at.sock, &at.peer);
	at.connection = vhost_connection_create(at.loop, at.sock, &events, NULL);
	CHECK(at.connection);
}

static void rounds(int count)
{
	for (int i = 0; i < count; i++)
		CHECK_INT(loop_round(at.loop, 0), 0);
}

static void teardown(void)
{
	vhost_connection_destroy(at.connection);
	loop_destroy(at.loop);
	fd_close(&at.peer);
	CHECK_INT(test_open_fds(), at.fds_before);
}

static void hands_on_a_message(void)
{
	setup();
	peer_send(at.peer, 7, VHOST_USER_NEED_REPLY_MASK, "payload", 7);
	rounds(1);
	CHECK_INT(at.count, 1);
	CHECK_INT(at.messages[0].header.request, 7);
	CHECK_INT(at.messages[0].header.flags, VHOST_USER_VERSION | VHOST_USER_NEED_REPLY_MASK);
	CHECK_INT(at.messages[0].header.size, 7);
	CHECK_MEM(at.messages[0].payload, "payload", 7);
	CHECK_INT(at.messages[0].fd_count, 0);
	rounds(2);
	CHECK_INT(at.count, 1);
	CHECK_INT(at.closed, 0);
	teardown();
}

static void takes_a_message_byte_by_byte(void)
{
	setup();
	uint8_t bytes[64];
	size_t size = peer_compose(bytes, 9, 0, "slowly", 6);
	int fd = fd_eventfd();
	at.keep_fd = -2;
	for (size_t i = 0; i < size; i++) {
		CHECK_INT(at.count, 0);
		peer_send_bytes(at.peer, bytes + i, 1, &fd, i == 0);
		rounds(1);
	}
	rounds(1);
	CHECK_INT(at.count, 1);
	CHECK_INT(at.messages[0].fd_count, 1);
	CHECK(at.keep_fd >= 0);
	CHECK_MEM(at.messages[0].payload, "slowly", 6);
	fd_close(&at.keep_fd);
	fd_close(&fd);
	teardown();
}

static void tells_joined_messages_apart(void)
{
	setup();
	uint8_t bytes[256];
	int fds[3] = { fd_eventfd(), fd_eventfd(), fd_eventfd() };
	/* plain bytes, then a send that holds the end of a message, one with descriptors... */
	size_t size = peer_compose(bytes, 1, 0, "one", 3);
	peer_send_bytes(at.peer, bytes, size, NULL, 0);
	size = peer_compose(bytes, 2, 0, "two", 3);
	size += peer_compose(bytes + size, 3, 0, NULL, 0);
	peer_send_bytes(at.peer, bytes, size, fds, 2);
	size = peer_compose(bytes, 4, 0, "four", 4);
	size += peer_compose(bytes + size, 5, 0, "five", 4);
	peer_send_bytes(at.peer, bytes, size, NULL, 0);
	size = peer_compose(bytes, 6, 0, "six", 3);
	peer_send_bytes(at.peer, bytes, size, fds, 3);
	rounds(6);
	CHECK_INT(at.count, 6);
	static const uint32_t fd_counts[] = { 0, 2, 0, 0, 0, 3 };
	for (uint32_t i = 0; i < 6; i++) {
		CHECK_INT(at.messages[i].header.request, i + 1);
		CHECK_INT(at.messages[i].fd_count, fd_counts[i]);
	}
	CHECK_MEM(at.messages[4].payload, "five", 4);
	fd_close_all(fds, 3);
	teardown();
}

static void takes_the_largest_message(void)
{
	setup();
	uint8_t payload[VHOST_USER_MAX_PAYLOAD];
	for (size_t i = 0; i < sizeof(payload); i++)
		payload[i] = (uint8_t)i;
	peer_send(at.peer, 1, 0, payload, sizeof(payload));
	rounds(2);
	CHECK_INT(at.count, 1);
	CHECK_MEM(at.messages[0].payload, payload, sizeof(payload));
	teardown();
}

static void check_closed(const char *reason)
{
	rounds(3);
	CHECK_INT(at.closed, 1);
	CHECK((at.reason == NULL) == (reason == NULL));
	if (reason && !strstr(at.reason, reason))
		test_fail(__FILE__, __LINE__, "the reason is \"%s\"", at.reason);
	CHECK(peer_closed(at.peer));
}

static void refuses_a_broken_header(void)
{
	static const struct {
		struct vhost_user_header header;
		const char *reason;
	} broken[] = {
		{ { 1, VHOST_USER_VERSION, VHOST_USER_MAX_PAYLOAD + 1 }, "larger" },
		{ { 1, VHOST_USER_VERSION, UINT32_MAX }, "larger" },
		{ { 1, 0, 0 }, "version" },
		{ { 1, 2, 0 }, "version" },
		{ { 1, 3, 0 }, "version" },
		{ { 1, UINT32_MAX, 0 }, "version" },
	};
	for (size_t i = 0; i < ARRAY_SIZE(broken); i++) {
		setup();
		int fd = fd_eventfd();
		peer_send_bytes(at.peer, &broken[i].header, sizeof(broken[i].header), &fd, 1);
		fd_close(&fd);
		check_closed(broken[i].reason);
		CHECK_INT(at.count, 0);
		teardown();
	}
}

static void refuses_too_many_descriptors(void)
{
	for (size_t count = VHOST_USER_MAX_FDS; count <= 40; count += 8) {
		setup();
		int fds[40];
		for (size_t i = 0; i < count; i++)
			fds[i] = fd_eventfd();
		peer_send_fds(at.peer, 1, "x", 1, fds, count);
		fd_close_all(fds, count);
		if (count == VHOST_USER_MAX_FDS) {
			rounds(1);
			CHECK_INT(at.messages[0].fd_count, VHOST_USER_MAX_FDS);
		} else {
			check_closed("too many descriptors");
			CHECK_INT(at.count, 0);
		}
		teardown();
	}
}

static void says_that_descriptors_are_short(void)
{
	setup();
	int fds[2] = { fd_eventfd(), fd_eventfd() };
	struct rlimit limit, low;
	CHECK_INT(getrlimit(RLIMIT_NOFILE, &limit), 0);
	peer_send_fds(at.peer, 1, "x", 1, fds, 2);
	low = limit;
	low.rlim_cur = (rlim_t)fds[1] + 1; /* one more */
	fd_close(&fds[1]);
	CHECK_INT(setrlimit(RLIMIT_NOFILE, &low), 0);
	check_closed("out of descriptors");
	CHECK_INT(at.count, 0);
	CHECK_INT(setrlimit(RLIMIT_NOFILE, &limit), 0);
	fd_close(&fds[0]);
	teardown();
}

static void refuses_descriptors_that_add_up(void)
{
	setup();
	uint8_t bytes[64];
	int fds[5];
	size_t size = peer_compose(bytes, 1, 0, "payload", 7);
	for (size_t i = 0; i < 5; i++)
		fds[i] = fd_eventfd();
	peer_send_bytes(at.peer, bytes, 4, fds, 5);
	peer_send_bytes(at.peer, bytes + 4, size - 4, fds, 5);
	fd_close_all(fds, 5);
	check_closed("too many descriptors");
	teardown();
}

static void ends_when_the_peer_goes(void)
{
	uint8_t bytes[64];
	size_t size = peer_compose(bytes, 1, 0, "payload", 7);
	for (size_t cut = 0; cut < size; cut++) {
		setup();
		int fd = fd_eventfd();
		if (cut > 0)
			peer_send_bytes(at.peer, bytes, cut, &fd, 1);
		fd_close(&fd);
		fd_close(&at.peer);
		rounds(4);
		CHECK_INT(at.closed, 1);
		CHECK(!at.reason);
		CHECK_INT(at.count, 0);
		teardown();
	}
}

static void hands_on_what_came_before_the_end(void)
{
	setup();
	peer_send(at.peer, 1, 0, "last", 4);
	peer_send(at.peer, 2, 0, "words", 5);
	fd_close(&at.peer);
	rounds(4);
	CHECK_INT(at.count, 2);
	CHECK_INT(at.closed, 1);
	teardown();
}

static void ends_when_the_handler_says_so(void)
{
	setup();
	at.status = -EPROTO;
	peer_send(at.peer, 1, 0, NULL, 0);
	peer_send(at.peer, 2, 0, NULL, 0);
	check_closed(NULL);
	CHECK_INT(at.count, 1);
	teardown();
}

static void may_be_destroyed_by_its_handler(void)
{
	setup();
	at.destroy = true;
	int fd = fd_eventfd();
	peer_send_fds(at.peer, 3, "x", 1, &fd, 1);
	fd_close(&fd);
	rounds(2);
	CHECK_INT(at.count, 1);
	CHECK_INT(at.closed, 0);
	CHECK(peer_closed(at.peer));
	teardown();
}

static void pauses(void)
{
	setup();
	at.pause = true;
	peer_send(at.peer, 1, 0, NULL, 0);
	peer_send(at.peer, 2, 0, NULL, 0);
	rounds(3);
	CHECK_INT(at.count, 1);
	at.pause = false;
	vhost_connection_pause(at.connection, false);
	rounds(1);
	CHECK_INT(at.count, 2);

	vhost_connection_pause(at.connection, true);
	fd_close(&at.peer);
	rounds(2);
	CHECK_INT(at.closed, 1);
	teardown();
}

static int send_size(uint32_t request, size_t size)
{
	static const uint8_t payload[VHOST_USER_MAX_PAYLOAD];
	const struct vhost_user_header header = { request, VHOST_USER_VERSION, (uint32_t)size };
	return vhost_connection_send(at.connection, &header, payload, NULL, 0);
}

static void sends(void)
{
	setup();
	int fd = fd_eventfd();
	const struct vhost_user_header header = { 5, VHOST_USER_VERSION, 5 };
	CHECK_INT(vhost_connection_send(at.connection, &header, "hello", &fd, 1), 0);
	CHECK_INT(send_size(6, 0), 0);
	struct peer_message message;
	CHECK(peer_receive(at.peer, &message));
	CHECK_INT(message.header.request, 5);
	CHECK_MEM(message.payload, "hello", 5);
	CHECK(message.fd >= 0);
	fd_close(&message.fd);
	CHECK(peer_receive(at.peer, &message));
	CHECK_INT(message.header.request, 6);
	CHECK(!peer_receive(at.peer, &message));
	fd_close(&fd);
	teardown();
}

/* The socket takes few messages, the others wait in the connection. */
static void queues_what_the_socket_does_not_take(void)
{
	setup();
	int small = 4096;
	CHECK_INT(setsockopt(at.sock, SOL_SOCKET, SO_SNDBUF, &small, sizeof(small)), 0);
	int fd = fd_eventfd();
	const uint8_t payload[2000] = { 0 };
	for (uint32_t i = 0; i < 30; i++) {
		const struct vhost_user_header header = { i, VHOST_USER_VERSION, sizeof(payload) };
		CHECK_INT(vhost_connection_send(at.connection, &header, payload, &fd, i & 1), 0);
	}
	fd_close(&fd);
	CHECK(test_open_fds() > at.fds_before + 12); /* duplicates wait, too */

	uint32_t received = 0;
	struct peer_message message;
	for (int round = 0; round < 100 && received < 30; round++) {
		while (peer_receive(at.peer, &message)) {
			CHECK_INT(message.header.request, received);
			CHECK((message.fd >= 0) == (received & 1));
			fd_close(&message.fd);
			received++;
		}
		rounds(1);
	}
	CHECK_INT(received, 30);
	CHECK_INT(at.closed, 0);
	teardown();
}

static void drops_what_waits_when_destroyed(void)
{
	setup();
	int small = 4096;
	CHECK_INT(setsockopt(at.sock, SOL_SOCKET, SO_SNDBUF, &small, sizeof(small)), 0);
	int fd = fd_eventfd();
	const struct vhost_user_header header = { 1, VHOST_USER_VERSION, 1000 };
	const uint8_t payload[1000] = { 0 };
	for (uint32_t i = 0; i < 30; i++)
		CHECK_INT(vhost_connection_send(at.connection, &header, payload, &fd, 1), 0);
	fd_close(&fd);
	teardown(); /* which counts descriptors */
}

static void gives_up_a_peer_that_does_not_read(void)
{
	setup();
	int status = 0;
	uint32_t sent = 0;
	while (status == 0 && sent < 10000) {
		status = send_size(1, VHOST_USER_MAX_PAYLOAD);
		sent++;
	}
	CHECK_INT(status, -ENOBUFS);
	CHECK_INT(at.closed, 0); /* from the loop only */
	CHECK_INT(send_size(1, 0), -ENOTCONN);
	rounds(1);
	CHECK_INT(at.closed, 1);
	CHECK(strstr(at.reason, "not read"));
	teardown();
}

static void survives_sending_to_nobody(void)
{
	setup();
	fd_close(&at.peer);
	CHECK(send_size(1, 8) < 0);
	rounds(1);
	CHECK_INT(at.closed, 1);
	teardown();
}

int main(int argc, char **argv)
{
	static const struct test_case cases[] = {
		TEST_CASE(hands_on_a_message),
		TEST_CASE(takes_a_message_byte_by_byte),
		TEST_CASE(tells_joined_messages_apart),
		TEST_CASE(takes_the_largest_message),
		TEST_CASE(refuses_a_broken_header),
		TEST_CASE(refuses_too_many_descriptors),
		TEST_CASE(says_that_descriptors_are_short),
		TEST_CASE(refuses_descriptors_that_add_up),
		TEST_CASE(ends_when_the_peer_goes),
		TEST_CASE(hands_on_what_came_before_the_end),
		TEST_CASE(ends_when_the_handler_says_so),
		TEST_CASE(may_be_destroyed_by_its_handler),
		TEST_CASE(pauses),
		TEST_CASE(sends),
		TEST_CASE(queues_what_the_socket_does_not_take),
		TEST_CASE(drops_what_waits_when_destroyed),
		TEST_CASE(gives_up_a_peer_that_does_not_read),
		TEST_CASE(survives_sending_to_nobody),
	};
	return test_main(argc, argv, cases, ARRAY_SIZE(cases));
}
