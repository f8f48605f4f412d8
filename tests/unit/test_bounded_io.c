/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/* Reading and writing what somebody else can let wait. Where nothing is said of it, a failure is a test that does not
 * end. */
#include "test.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#include "util/bounded_io.h"
#include "util/fd.h"

#define PAGE 4096u
#define FULL (UINT64_MAX - 1)

static uint8_t bytes[1u << 20];

/* A pipe without O_NONBLOCK. */
static void make_pipe(int ends[2])
{
	CHECK_INT(pipe2(ends, O_CLOEXEC), 0);
}

static void check_no_timer(void)
{
	struct itimerval timer;
	CHECK_INT(getitimer(ITIMER_REAL, &timer), 0);
	CHECK(timer.it_value.tv_sec == 0 && timer.it_value.tv_usec == 0);
}

static void moves_what_there_is(void)
{
	int ends[2];
	make_pipe(ends);
	CHECK_INT(bounded_write(ends[1], "hello", 5), 5);
	CHECK_INT(bounded_read(ends[0], bytes, sizeof(bytes)), 5);
	CHECK_MEM(bytes, "hello", 5);
	fd_close(&ends[1]);
	CHECK_INT(bounded_read(ends[0], bytes, sizeof(bytes)), 0);
	fd_close(&ends[0]);
	make_pipe(ends);
	fd_close(&ends[0]);
	signal(SIGPIPE, SIG_IGN);
	CHECK_INT(bounded_write(ends[1], "hello", 5), -EPIPE);
	fd_close(&ends[1]);
	CHECK_INT(bounded_read(-1, bytes, 1), -EBADF);
	check_no_timer();
}

static void says_at_once_what_does_not_wait(void)
{
	int ends[2], event = fd_eventfd();
	CHECK_INT(pipe2(ends, O_CLOEXEC | O_NONBLOCK), 0);
	CHECK_INT(bounded_read(ends[0], bytes, 1), -EAGAIN);
	CHECK_INT(bounded_read(event, bytes, 8), -EAGAIN);
	fd_close_all(ends, 2);
	fd_close(&event);
}

static void gives_up_reading(void)
{
	int ends[2], event = eventfd(0, EFD_CLOEXEC);
	make_pipe(ends);
	CHECK_INT(bounded_read(ends[0], bytes, 1), -EAGAIN);
	CHECK_INT(bounded_read(event, bytes, 8), -EAGAIN);
	check_no_timer();
	fd_close_all(ends, 2);
	fd_close(&event);
}

static void gives_up_writing(void)
{
	int ends[2], event = eventfd(0, EFD_CLOEXEC);
	const uint64_t full = FULL;
	uint64_t count;
	make_pipe(ends);
	ssize_t room = fcntl(ends[1], F_GETPIPE_SZ);
	CHECK(room > 0 && room < (ssize_t)sizeof(bytes));
	CHECK_INT(bounded_write(ends[1], bytes, sizeof(bytes)), room);
	CHECK_INT(bounded_write(ends[1], bytes, 1), -EAGAIN);
	CHECK_INT(read(ends[0], bytes, PAGE), PAGE);
	CHECK_INT(bounded_write(ends[1], bytes, 3 * PAGE), PAGE);
	CHECK_INT(write(event, &full, sizeof(full)), sizeof(full));
	bounded_signal(event);
	CHECK_INT(read(event, &count, sizeof(count)), sizeof(count));
	CHECK(count == FULL);
	bounded_signal(event);
	CHECK_INT(read(event, &count, sizeof(count)), sizeof(count));
	CHECK_INT(count, 1);
	check_no_timer();
	fd_close_all(ends, 2);
	fd_close(&event);
}

/* Whoever started the process does not want to hear of alarms. */
static void works_in_any_process(void)
{
	int event = eventfd(0, EFD_CLOEXEC);
	sigset_t set;
	sigemptyset(&set);
	sigaddset(&set, SIGALRM);
	CHECK_INT(sigprocmask(SIG_BLOCK, &set, NULL), 0);
	signal(SIGALRM, SIG_IGN);
	CHECK_INT(bounded_read(event, bytes, 8), -EAGAIN);
	fd_close(&event);
}

static int signals;

static void on_other(int number)
{
	signals++;
}

/* Another signal is no reason to give up. */
static void goes_on_after_other_signals(void)
{
	int ends[2];
	timer_t timer;
	struct sigevent event = { .sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGUSR1 };
	const struct itimerspec once = { .it_value.tv_nsec = 1000000 };
	struct sigaction action = { .sa_handler = on_other };
	struct timespec before, after;
	make_pipe(ends);
	CHECK_INT(sigaction(SIGUSR1, &action, NULL), 0);
	CHECK_INT(timer_create(CLOCK_MONOTONIC, &event, &timer), 0);
	CHECK_INT(timer_settime(timer, 0, &once, NULL), 0);
	clock_gettime(CLOCK_MONOTONIC, &before);
	CHECK_INT(bounded_read(ends[0], bytes, 1), -EAGAIN);
	clock_gettime(CLOCK_MONOTONIC, &after);
	CHECK_INT(signals, 1);
	CHECK((after.tv_sec - before.tv_sec) * 1000000000 + after.tv_nsec - before.tv_nsec >=
		BOUNDED_IO_MS * 1000000 - 1000000);
	fd_close_all(ends, 2);
}

int main(int argc, char **argv)
{
	static const struct test_case cases[] = {
		TEST_CASE(works_in_any_process),
		TEST_CASE(moves_what_there_is),
		TEST_CASE(says_at_once_what_does_not_wait),
		TEST_CASE(gives_up_reading),
		TEST_CASE(gives_up_writing),
		TEST_CASE(goes_on_after_other_signals),
	};
	return test_main(argc, argv, cases, ARRAY_SIZE(cases));
}
