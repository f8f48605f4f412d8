/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
#include "test.h"

#include <fcntl.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "util/fd.h"

static int is_cloexec(int fd)
{
	return (fcntl(fd, F_GETFD) & FD_CLOEXEC) != 0;
}

static void make_pair(int pair[2])
{
	CHECK_INT(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair), 0);
}

static void closes_once(void)
{
	int before = test_open_fds();
	int fds[3] = { fd_eventfd(), -1, fd_eventfd() };
	CHECK(fds[0] >= 0 && fds[2] >= 0);
	errno = ERANGE;
	fd_close(&fds[1]);
	int stolen = fd_steal(&fds[0]);
	CHECK_INT(fds[0], -1);
	fd_close_all(fds, 3);
	CHECK_INT(fds[2], -1);
	CHECK_INT(test_open_fds(), before + 1);
	close(stolen);
	fd_close(&stolen); /* EBADF inside */
	CHECK_INT(errno, ERANGE);
	CHECK_INT(stolen, -1);
	CHECK_INT(test_open_fds(), before);
}

static void scope(void)
{
	_cleanup_fd_ int fd = fd_eventfd();
	_cleanup_free_ char *text = strdup("freed at the end");
	CHECK(fd >= 0 && text);
}

static void cleans_up_scopes(void)
{
	int before = test_open_fds();
	scope();
	CHECK_INT(test_open_fds(), before);
}

static void duplicates(void)
{
	_cleanup_fd_ int fd = fd_eventfd();
	_cleanup_fd_ int copy = fd_dup(fd);
	CHECK(copy >= 0 && copy != fd);
	CHECK(is_cloexec(copy));
	CHECK_INT(fd_dup(-1), -EBADF);
}

static void sets_nonblocking(void)
{
	int ends[2];
	CHECK_INT(pipe2(ends, O_CLOEXEC), 0);
	CHECK_INT(fd_set_nonblocking(ends[0]), 0);
	CHECK_INT(fd_set_nonblocking(ends[0]), 0);
	CHECK(fcntl(ends[0], F_GETFL) & O_NONBLOCK);
	CHECK_INT(fd_set_nonblocking(-1), -EBADF);
	fd_close_all(ends, 2);
}

static void counts_events(void)
{
	_cleanup_fd_ int fd = fd_eventfd();
	eventfd_t value = 0;
	CHECK(is_cloexec(fd));
	fd_eventfd_signal(fd);
	fd_eventfd_signal(fd);
	CHECK_INT(eventfd_read(fd, &value), 0);
	CHECK_INT(value, 2);

	fd_eventfd_drain(fd); /* nothing there: must return */
	fd_eventfd_signal(fd);
	fd_eventfd_drain(fd);
	CHECK_INT(eventfd_read(fd, &value), -1);
	CHECK_INT(errno, EAGAIN);

	CHECK_INT(eventfd_write(fd, UINT64_MAX - 1), 0);
	fd_eventfd_signal(fd); /* full: must return */
	CHECK_INT(eventfd_read(fd, &value), 0);
	CHECK(value == UINT64_MAX - 1);
}

static void drains_pipes(void)
{
	int ends[2];
	char c;
	CHECK_INT(pipe2(ends, O_CLOEXEC | O_NONBLOCK), 0);
	CHECK_INT(write(ends[1], "abc", 3), 3);
	fd_eventfd_drain(ends[0]);
	CHECK_INT(read(ends[0], &c, 1), -1);
	CHECK_INT(errno, EAGAIN);
	fd_close_all(ends, 2);
}

static void passes_packets(void)
{
	int before = test_open_fds();
	int pair[2], sent[2] = { fd_eventfd(), fd_eventfd() }, got[4];
	char text[16];
	make_pair(pair);
	CHECK_INT(fd_send_packet(pair[0], "hello", 5, sent, 2), 0);
	CHECK_INT(fd_send_packet(pair[0], "plain", 5, NULL, 0), 0);

	CHECK_INT(fd_recv_packet(pair[1], text, sizeof(text), got, 4), 5);
	CHECK_MEM(text, "hello", 5);
	CHECK(got[0] >= 0 && got[1] >= 0);
	CHECK_INT(got[2], -1);
	CHECK_INT(got[3], -1);
	CHECK(is_cloexec(got[0]) && is_cloexec(got[1]));
	fd_eventfd_signal(sent[1]);
	eventfd_t value = 0;
	CHECK_INT(eventfd_read(got[1], &value), 0);
	CHECK_INT(value, 1);
	fd_close_all(got, 4);

	CHECK_INT(fd_recv_packet(pair[1], text, sizeof(text), got, 4), 5);
	CHECK_INT(got[0], -1);
	CHECK_INT(fd_recv_packet(pair[1], text, sizeof(text), got, 4), -EAGAIN);
	fd_close(&pair[0]);
	CHECK_INT(fd_recv_packet(pair[1], text, sizeof(text), got, 4), 0);
	CHECK_INT(fd_send_packet(pair[1], "x", 1, NULL, 0), -EPIPE);
	fd_close(&pair[1]);
	fd_close_all(sent, 2);
	CHECK_INT(test_open_fds(), before);
}

static void refuses_odd_packets(void)
{
	int pair[2], got[2], event = fd_eventfd();
	int many[8] = { event, event, event, event, event, event, event, event };
	char text[4];
	make_pair(pair);
	int before = test_open_fds();

	CHECK_INT(fd_send_packet(pair[0], "abc", 3, many, 8), 0);
	CHECK_INT(fd_recv_packet(pair[1], text, sizeof(text), got, 2), -EBADMSG);
	CHECK_INT(got[0], -1);
	CHECK_INT(got[1], -1);
	CHECK_INT(test_open_fds(), before);

	CHECK_INT(fd_send_packet(pair[0], "abc", 3, many, 1), 0);
	CHECK_INT(fd_recv_packet(pair[1], text, sizeof(text), NULL, 0), -EBADMSG);
	CHECK_INT(test_open_fds(), before);

	CHECK_INT(fd_send_packet(pair[0], "too long", 8, many, 1), 0);
	CHECK_INT(fd_recv_packet(pair[1], text, sizeof(text), got, 2), -EBADMSG);
	CHECK_INT(got[0], -1);
	CHECK_INT(test_open_fds(), before);

	CHECK_INT(fd_send_packet(pair[0], "abcd", 4, NULL, 0), 0);
	CHECK_INT(fd_recv_packet(pair[1], text, sizeof(text), got, 2), 4);
	fd_close_all(pair, 2);
	fd_close(&event);
}

static void says_when_full(void)
{
	static const char block[4096];
	int pair[2], error = 0;
	make_pair(pair);
	for (int i = 0; i < 100000 && !error; i++)
		error = fd_send_packet(pair[0], block, sizeof(block), NULL, 0);
	CHECK_INT(error, -EAGAIN);
	fd_close_all(pair, 2);
}

int main(int argc, char **argv)
{
	static const struct test_case cases[] = {
		TEST_CASE(closes_once),
		TEST_CASE(cleans_up_scopes),
		TEST_CASE(duplicates),
		TEST_CASE(sets_nonblocking),
		TEST_CASE(counts_events),
		TEST_CASE(drains_pipes),
		TEST_CASE(passes_packets),
		TEST_CASE(refuses_odd_packets),
		TEST_CASE(says_when_full),
	};
	return test_main(argc, argv, cases, ARRAY_SIZE(cases));
}
