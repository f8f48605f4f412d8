/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/* What a child says, and how it reaches the launcher's standard error. */
#include "test.h"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "child_log.h"
#include "loop/loop.h"
#include "outlet.h"
#include "util/fd.h"

#define PIPE_HOLDS 65536

static struct {
	struct loop *loop;
	struct outlet outlet;
	struct child_log log;
	int reader; /* of the launcher's standard error */
	int saved; /* the test's */
	int child; /* what the child has as its standard error */
	char read[4 << 20];
	size_t length;
} rig;

/* writer: the launcher's standard error (taken). */
static void begin_at(int reader, int writer, bool limited)
{
	rig.reader = reader;
	rig.length = 0;
	rig.saved = fd_dup(STDERR_FILENO);
	CHECK_INT(dup2(writer, STDERR_FILENO), STDERR_FILENO);
	fd_close(&writer);
	log_init(NULL, LOG_INFO);
	rig.loop = loop_create();
	CHECK(rig.loop);
	outlet_init(&rig.outlet, rig.loop);
	child_log_init(&rig.log, rig.loop, &rig.outlet, "child", limited);
	rig.child = child_log_open(&rig.log);
	CHECK(rig.child >= 0);
}

static void begin(bool limited)
{
	int ends[2];
	CHECK_INT(pipe2(ends, O_CLOEXEC), 0);
	CHECK_INT(fd_set_nonblocking(ends[0]), 0);
	begin_at(ends[0], ends[1], limited);
}

static void end(void)
{
	fd_close(&rig.child);
	child_log_close(&rig.log);
	outlet_finish(&rig.outlet);
	loop_destroy(rig.loop);
	CHECK_INT(dup2(rig.saved, STDERR_FILENO), STDERR_FILENO);
	fd_close(&rig.saved);
	fd_close(&rig.reader);
}

static void say_bytes(const char *bytes, size_t length)
{
	CHECK_INT(write(rig.child, bytes, length), length);
}

static void say(const char *text)
{
	say_bytes(text, strlen(text));
}

/* Everything that has come out so far, as one string. */
static const char *seen(void)
{
	ssize_t n;
	while ((n = read(rig.reader, rig.read + rig.length, sizeof(rig.read) - 1 - rig.length)) > 0)
		rig.length += (size_t)n;
	rig.read[rig.length] = '\0';
	return rig.read;
}

static void rounds(int count)
{
	for (int i = 0; i < count; i++)
		CHECK_INT(loop_round(rig.loop, 0), 0);
}

static void check_seen(const char *expected)
{
	rounds(3);
	if (strcmp(seen(), expected) != 0)
		test_fail(__FILE__, __LINE__, "\"%.2000s\" came out, not \"%s\"", seen(), expected);
}

static unsigned lines(const char *text)
{
	unsigned count = 0;
	for (const char *at = text; (at = strchr(at, '\n')); at++)
		count++;
	return count;
}

static void lines_come_whole(void)
{
	begin(true);
	say("virtiogpud[device]: inf");
	check_seen("");
	say("o: one\ntwo\n\nthr");
	check_seen("virtiogpud[device]: info: one\ntwo\n\n");
	say("ee\n");
	check_seen("virtiogpud[device]: info: one\ntwo\n\nthree\n");
	end();
}

static void terminals_see_no_controls(void)
{
	begin(true);
	say("a\033]0;title\a\rb\tc\233d\177 caf\303\251 \342\202\254\n");
	check_seen("a?]0;title??b?c?d? caf\303\251 \342\202\254\n");
	end();
}

static void endless_lines_are_cut(void)
{
	static char bytes[PIPE_HOLDS / 2];
	memset(bytes, 'x', sizeof(bytes));
	begin(true);
	for (int i = 0; i < 100; i++) {
		say_bytes(bytes, sizeof(bytes));
		rounds(2);
	}
	CHECK_INT(strlen(seen()), 0);
	say("\nnext\n");
	rounds(3);
	CHECK_INT(strlen(seen()), LOG_LINE_BYTES + strlen("next\n"));
	CHECK(strcmp(seen() + LOG_LINE_BYTES - 5, "x...\nnext\n") == 0);
	end();
}

static void last_words_are_heard(void)
{
	begin(true);
	say("one\nlast words");
	fd_close(&rig.child);
	child_log_close(&rig.log);
	check_seen("one\nlast words\n");
	CHECK_INT(rig.log.fd, -1);
	end();
}

/* As much as a pipe takes, which is more than the launcher reads at once. */
static void long_reports_are_heard(void)
{
	static char bytes[PIPE_HOLDS];
	for (size_t i = 0; i < sizeof(bytes); i++)
		bytes[i] = i % 80 == 79 ? '\n' : 'r';
	begin(true);
	CHECK(fcntl(rig.reader, F_SETPIPE_SZ, 4 * PIPE_HOLDS) > 0);
	say_bytes(bytes, sizeof(bytes));
	fd_close(&rig.child);
	child_log_close(&rig.log);
	CHECK_INT(lines(seen()), sizeof(bytes) / 80 + 1);
	CHECK(strstr(seen(), "left out") == NULL);
	end();
}

/* A child's own children may live longer than it, and say something for ever. */
static void end_does_not_wait(void)
{
	begin(true);
	say("one\n");
	child_log_close(&rig.log);
	CHECK_INT(rig.log.fd, -1);
	check_seen("one\n");
	end();
}

static void next_child_has_another_pipe(void)
{
	begin(true);
	say("first");
	int first = rig.child;
	rig.child = child_log_open(&rig.log);
	say("second\n");
	check_seen("first\nsecond\n");
	CHECK(write(first, "late\n", 5) < 0 && errno == EPIPE);
	fd_close(&first);
	end();
}

static void say_many(unsigned count)
{
	for (unsigned i = 0; i < count; i++) {
		say("again\n");
		if (i % 1000 == 999)
			child_log_drain(&rig.log);
	}
	child_log_drain(&rig.log);
}

static void floods_are_limited(void)
{
	begin(true);
	CHECK(fcntl(rig.reader, F_SETPIPE_SZ, 4 * PIPE_HOLDS) > 0);
	say_many(5000);
	CHECK(lines(seen()) >= CHILD_LOG_BURST);
	CHECK(lines(seen()) < 2 * CHILD_LOG_BURST);
	fd_close(&rig.child);
	child_log_close(&rig.log);
	CHECK(strstr(seen(), "virtiogpud: warning: ") != NULL);
	CHECK(strstr(seen(), " lines of the child were left out\n") != NULL);
	end();
}

static void everything_is_seen_when_wanted(void)
{
	begin(false);
	CHECK(fcntl(rig.reader, F_SETPIPE_SZ, 4 * PIPE_HOLDS) > 0);
	say_many(5000);
	CHECK_INT(lines(seen()), 5000);
	end();
}

/* Nobody reads the launcher's standard error: neither it nor the child waits, and it is said how much is missing. */
static void check_blocked(void)
{
	static char line[1000];
	memset(line, 'b', sizeof(line) - 1);
	line[sizeof(line) - 1] = '\n';
	for (int i = 0; i < 1000; i++) {
		say_bytes(line, sizeof(line));
		rounds(1);
	}
	log_info("the launcher's own");
	for (int i = 0; i < 100; i++) {
		seen();
		rounds(1);
	}
	log_info("after it");
	rounds(1);
	unsigned left_out = 0;
	const char *said = strstr(seen(), "virtiogpud: warning: ");
	CHECK(said);
	CHECK_INT(sscanf(said, "virtiogpud: warning: %u lines of the log were left out", &left_out),
		1);
	/* the two others are the warning and what came after it */
	CHECK_INT(left_out + lines(seen()) - 2, 1001);
	CHECK(strcmp(strchr(said, '\n'), "\nvirtiogpud: info: after it\n") == 0);
	end();
}

static void a_pipe_that_is_full(void)
{
	begin(true);
	check_blocked();
}

static void a_socket_that_is_full(void)
{
	int ends[2];
	CHECK_INT(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
	CHECK_INT(fd_set_nonblocking(ends[0]), 0);
	begin_at(ends[0], ends[1], true);
	check_blocked();
}

/* As when it may not be opened a second time. */
static void a_pipe_that_is_looked_at_first(void)
{
	begin(false);
	CHECK(rig.outlet.fd != STDERR_FILENO);
	loop_source_destroy(rig.outlet.source);
	rig.outlet.source = NULL;
	fd_close(&rig.outlet.fd);
	rig.outlet.fd = STDERR_FILENO;
	rig.outlet.patient = true;
	rig.outlet.source = NULL;
	for (int i = 0; i < 1000; i++) {
		say("a line that is not read by anybody for a long time, as long as many others "
		    "are\n");
		say("and one more of them, which is not read by anybody either, nor is the next\n");
		rounds(1);
	}
	CHECK(rig.outlet.length > 0);
	for (int i = 0; i < 100 && rig.outlet.length > 0; i++) {
		seen();
		say("more\n");
		rounds(1);
	}
	CHECK_INT(rig.outlet.length, 0);
	end();
}

/* It is the user's file, which others write to as well. */
static void others_may_wait_as_before(void)
{
	begin(true);
	CHECK((fcntl(STDERR_FILENO, F_GETFL) & O_NONBLOCK) == 0);
	CHECK_INT(fd_set_nonblocking(rig.child), 0);
	CHECK((fcntl(STDERR_FILENO, F_GETFL) & O_NONBLOCK) == 0);
	end();
	CHECK((fcntl(STDERR_FILENO, F_GETFL) & O_NONBLOCK) == 0);
}

static void a_file(void)
{
	char path[] = "/tmp/child-log-XXXXXX";
	int file = mkstemp(path);
	CHECK(file >= 0);
	int reader = open(path, O_RDONLY | O_CLOEXEC);
	CHECK_INT(unlink(path), 0);
	begin_at(reader, file, true);
	say("one\n");
	rounds(1);
	log_info("two");
	say("three\n");
	check_seen("one\nvirtiogpud: info: two\nthree\n");
	end();
}

static void nobody_reads_any_more(void)
{
	begin(true);
	fd_close(&rig.reader);
	for (int i = 0; i < 100; i++) {
		say("one\n");
		rounds(1);
		log_info("two");
	}
	CHECK_INT(rig.outlet.length, 0);
	end();
}

int main(int argc, char **argv)
{
	static const struct test_case cases[] = {
		TEST_CASE(lines_come_whole),
		TEST_CASE(terminals_see_no_controls),
		TEST_CASE(endless_lines_are_cut),
		TEST_CASE(last_words_are_heard),
		TEST_CASE(long_reports_are_heard),
		TEST_CASE(end_does_not_wait),
		TEST_CASE(next_child_has_another_pipe),
		TEST_CASE(floods_are_limited),
		TEST_CASE(everything_is_seen_when_wanted),
		TEST_CASE(a_pipe_that_is_full),
		TEST_CASE(a_socket_that_is_full),
		TEST_CASE(a_pipe_that_is_looked_at_first),
		TEST_CASE(others_may_wait_as_before),
		TEST_CASE(a_file),
		TEST_CASE(nobody_reads_any_more),
	};
	return test_main(argc, argv, cases, ARRAY_SIZE(cases));
}
