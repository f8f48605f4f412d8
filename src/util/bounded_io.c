/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/*
 * Per-call flags (RWF_NOWAIT) would do for some kinds of files on new kernels, but never for writing an eventfd;
 * nor would looking first (poll), as the peer can change its mind in between.
 *
 * The timer goes on until it is stopped: the first tick may come before the call has begun.
 */
#include "util/bounded_io.h"

#include <errno.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/time.h>
#include <unistd.h>

/* #syscalls device viewer: read write setitimer rt_sigaction rt_sigreturn rt_sigprocmask */

static volatile sig_atomic_t ticked;

static void on_tick(int number)
{
	ticked = 1;
}

/* Once, as whoever started the process may have it blocked or ignored. */
static void listen_for_ticks(void)
{
	static bool done;
	if (done)
		return;
	done = true;
	/* Without SA_RESTART. */
	struct sigaction action = { .sa_handler = on_tick };
	sigset_t set;
	sigemptyset(&action.sa_mask);
	sigaction(SIGALRM, &action, NULL);
	sigemptyset(&set);
	sigaddset(&set, SIGALRM);
	sigprocmask(SIG_UNBLOCK, &set, NULL);
}

static void set_timer(suseconds_t microseconds)
{
	const struct itimerval ticks = {
		.it_interval = { .tv_usec = microseconds },
		.it_value = { .tv_usec = microseconds },
	};
	setitimer(ITIMER_REAL, &ticks, NULL);
}

static void begin(void)
{
	listen_for_ticks();
	ticked = 0;
	set_timer(BOUNDED_IO_MS * 1000);
}

static bool interrupted(ssize_t result)
{
	return result < 0 && errno == EINTR;
}

static ssize_t end(ssize_t result)
{
	int error = interrupted(result) ? EAGAIN : errno;
	set_timer(0);
	return result < 0 ? -error : result;
}

ssize_t bounded_read(int fd, void *bytes, size_t size)
{
	ssize_t got;
	begin();
	do
		got = read(fd, bytes, size);
	while (interrupted(got) && !ticked);
	return end(got);
}

ssize_t bounded_write(int fd, const void *bytes, size_t size)
{
	ssize_t put;
	begin();
	do
		put = write(fd, bytes, size);
	while (interrupted(put) && !ticked);
	return end(put);
}

void bounded_signal(int fd)
{
	const uint64_t one = 1;
	bounded_write(fd, &one, sizeof(one));
}
