/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/* The server of Vulkan as the renderer sees it (renderers/virgl/server.c): what it says, and that it ends. */
#include <fcntl.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "loop/loop.h"
#include "server.h"
#include "test.h"
#include "util/fd.h"
#include "venus/report.h"

#define LATE_US 200000

static struct server server;
static int theirs; /* the server's end */

static void begin(void)
{
	int pair[2];
	CHECK_INT(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair), 0);
	server_init(&server, pair[0]);
	theirs = pair[1];
}

static void end(void)
{
	server_finish(&server);
	fd_close(&theirs);
}

static struct venus_report good_report(void)
{
	return (struct venus_report){
		.version = VENUS_REPORT_VERSION,
		.can_map_opaque = 1,
		.opaque_offset = 8192,
		.text = "a device",
	};
}

static void say(const struct venus_report *report, size_t size)
{
	CHECK_INT(send(theirs, report, size, 0), size);
}

static void there_may_be_none(void)
{
	server_init(&server, -1);
	CHECK_INT(server_take(&server), -1);
	CHECK(!server.can_map_opaque);
	CHECK_INT(server_watch(&server, NULL, NULL, NULL), 0);
	server_finish(&server);
}

static void says_what_it_found(void)
{
	const struct venus_report report = good_report();
	int before = test_open_fds();
	begin();
	say(&report, sizeof(report));
	int sock = server_take(&server);
	CHECK(sock >= 0);
	CHECK(server.can_map_opaque);
	CHECK_INT(server.opaque_offset, 8192);
	/* It is the library's, whatever becomes of the rest. */
	CHECK_INT(server.sock, -1);
	end();
	CHECK_INT(fcntl(sock, F_GETFD), FD_CLOEXEC);
	fd_close(&sock);
	CHECK_INT(test_open_fds(), before);
}

static void text_need_not_end(void)
{
	struct venus_report report = good_report();
	begin();
	memset(report.text, 'x', sizeof(report.text));
	say(&report, sizeof(report));
	int sock = server_take(&server);
	CHECK(sock >= 0);
	fd_close(&sock);
	end();
}

static void may_take_its_time(void)
{
	const struct venus_report report = good_report();
	begin();
	pid_t pid = fork();
	CHECK(pid >= 0);
	if (pid == 0) {
		usleep(LATE_US);
		_exit(send(theirs, &report, sizeof(report), 0) < 0);
	}
	int sock = server_take(&server);
	CHECK(sock >= 0);
	fd_close(&sock);
	CHECK_INT(waitpid(pid, NULL, 0), pid);
	end();
}

static void is_not_believed(void)
{
	static const struct {
		const char *what;
		size_t size; /* 0: says nothing and ends */
		uint32_t version;
		int32_t status;
	} rows[] = {
		{ "that there is none", sizeof(struct venus_report), VENUS_REPORT_VERSION,
			-ENODEV },
		{ "another version", sizeof(struct venus_report), VENUS_REPORT_VERSION + 1, 0 },
		{ "zeros", sizeof(struct venus_report), 0, 0 },
		{ "too little", sizeof(struct venus_report) - 1, VENUS_REPORT_VERSION, 0 },
		{ "one byte", 1, VENUS_REPORT_VERSION, 0 },
		{ "too much", sizeof(struct venus_report) + 1, VENUS_REPORT_VERSION, 0 },
		{ "nothing", 0, 0, 0 },
	};
	int before = test_open_fds();
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct {
			struct venus_report report;
			uint8_t more;
		} said = { .report = good_report() };
		said.report.version = rows[i].version;
		said.report.status = rows[i].status;
		begin();
		if (rows[i].size > 0)
			say(&said.report, rows[i].size);
		else
			fd_close(&theirs);
		if (server_take(&server) != -1 || server.can_map_opaque)
			test_fail(__FILE__, __LINE__, "%s was taken", rows[i].what);
		CHECK_INT(server.watched, -1);
		end();
	}
	CHECK_INT(test_open_fds(), before);
}

/* A descriptor that nobody asked for is not kept. */
static void hands_out_nothing(void)
{
	const struct venus_report report = good_report();
	int before = test_open_fds();
	begin();
	CHECK_INT(fd_send_packet(theirs, &report, sizeof(report), &theirs, 1), 0);
	int sock = server_take(&server);
	fd_close(&sock);
	end();
	CHECK_INT(test_open_fds(), before);
}

static void count(void *data)
{
	++*(int *)data;
}

static void is_seen_to_end(void)
{
	const struct venus_report report = good_report();
	struct loop *loop = loop_create();
	int lost = 0;
	begin();
	say(&report, sizeof(report));
	int sock = server_take(&server);
	CHECK_INT(server_watch(&server, loop, count, &lost), 0);
	/* What it says to the library is none of our business. */
	say(&report, sizeof(report));
	CHECK_INT(loop_round(loop, 0), 0);
	CHECK_INT(lost, 0);
	fd_close(&theirs);
	for (int i = 0; i < 3; i++)
		CHECK_INT(loop_round(loop, 0), 0);
	CHECK_INT(lost, 1);
	end();
	fd_close(&sock);
	loop_destroy(loop);
}

int main(int argc, char **argv)
{
	static const struct test_case cases[] = {
		TEST_CASE(there_may_be_none),
		TEST_CASE(says_what_it_found),
		TEST_CASE(text_need_not_end),
		TEST_CASE(may_take_its_time),
		TEST_CASE(is_not_believed),
		TEST_CASE(hands_out_nothing),
		TEST_CASE(is_seen_to_end),
	};
	return test_main(argc, argv, cases, ARRAY_SIZE(cases));
}
