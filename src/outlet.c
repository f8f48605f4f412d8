/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/*
 * Not waiting is an attribute of an open file that all share who have it, so a pipe or a terminal is opened a
 * second time. Where that is not allowed it is looked at before each write, which is then so small that a pipe
 * takes it whole. Files do not make anybody wait.
 */
#include "outlet.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "loop/loop.h"
#include "util/checked.h"
#include "util/fd.h"
#include "util/log.h"

#define LAST_MS 200 /* so long the rest is tried to be written */

static bool is_ready(const struct outlet *outlet, int timeout_ms)
{
	struct pollfd fd = { .fd = outlet->fd, .events = POLLOUT };
	return poll(&fd, 1, timeout_ms) > 0;
}

/* How much was written, or -errno. */
static ssize_t try(const struct outlet *outlet, const char *bytes, size_t length)
{
	ssize_t n;
	if (outlet->patient && !is_ready(outlet, 0))
		return -EAGAIN;
	do {
		if (outlet->socket)
			n = send(outlet->fd, bytes, length, MSG_DONTWAIT | MSG_NOSIGNAL);
		else
			n = write(outlet->fd, bytes,
				outlet->patient ? min_size(length, PIPE_BUF) : length);
	} while (n < 0 && errno == EINTR);
	return n < 0 ? -errno : n;
}

static void keep(struct outlet *outlet, const char *bytes, size_t length)
{
	memcpy(outlet->bytes + outlet->length, bytes, length);
	outlet->length += length;
}

static void drop_front(struct outlet *outlet, size_t length)
{
	outlet->length -= length;
	memmove(outlet->bytes, outlet->bytes + length, outlet->length);
}

/* Once all before it is written. */
static void say_left_out(struct outlet *outlet)
{
	char line[128];
	int length = snprintf(line, sizeof(line),
		"virtiogpud: warning: %" PRIu64 " lines of the log were left out: they were not "
		"read fast enough\n",
		outlet->left_out);
	outlet->left_out = 0;
	keep(outlet, line, (size_t)length);
}

static void flush(struct outlet *outlet)
{
	while (outlet->length > 0 || outlet->left_out > 0) {
		if (outlet->length == 0)
			say_left_out(outlet);
		ssize_t n = try(outlet, outlet->bytes, outlet->length);
		if (n == -EAGAIN)
			break;
		/* there is nobody to tell that it cannot be written */
		drop_front(outlet, n < 0 ? outlet->length : (size_t)n);
	}
	if (outlet->source)
		loop_source_watch(outlet->source, outlet->length > 0 ? LOOP_WRITABLE : 0);
}

/* Whoever has read it may have gone for good, or another may come: each line tries. */
static void on_event(void *data, uint32_t events)
{
	struct outlet *outlet = data;
	if (events & LOOP_HANGUP) {
		loop_source_destroy(outlet->source);
		outlet->source = NULL;
	}
	flush(outlet);
}

void outlet_write(struct outlet *outlet, const char *line, size_t length)
{
	flush(outlet);
	if (outlet->left_out > 0 || length > sizeof(outlet->bytes) - outlet->length) {
		outlet->left_out++;
		return;
	}
	keep(outlet, line, length);
	flush(outlet);
}

static void write_logged(void *data, const char *line, size_t length)
{
	outlet_write(data, line, length);
}

/* The same file, which does not make this process wait; -1: there is no such. */
static int open_again(mode_t type)
{
	if (type != S_IFIFO && type != S_IFCHR)
		return -1;
	return open("/proc/self/fd/2", O_WRONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
}

void outlet_init(struct outlet *outlet, struct loop *loop)
{
	struct stat status;
	mode_t type = fd_stat(STDERR_FILENO, &status) == 0 ? status.st_mode & S_IFMT : 0;
	int again = open_again(type);
	outlet->fd = again >= 0 ? again : STDERR_FILENO;
	outlet->socket = type == S_IFSOCK;
	outlet->patient = again < 0 && !outlet->socket;
	outlet->length = 0;
	outlet->left_out = 0;
	/* NULL for files */
	outlet->source = loop_add_fd(loop, outlet->fd, 0, on_event, outlet);
	signal(SIGPIPE, SIG_IGN);
	log_set_writer(write_logged, outlet);
}

void outlet_finish(struct outlet *outlet)
{
	uint64_t end = loop_now_ms() + LAST_MS;
	log_set_writer(NULL, NULL);
	flush(outlet);
	for (uint64_t now = loop_now_ms(); outlet->length > 0 && now < end; now = loop_now_ms()) {
		if (!is_ready(outlet, (int)(end - now)))
			break;
		flush(outlet);
	}
	loop_source_destroy(outlet->source);
	outlet->source = NULL;
	if (outlet->fd != STDERR_FILENO)
		fd_close(&outlet->fd);
}
