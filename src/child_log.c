/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
#include "child_log.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <string.h>
#include <unistd.h>

#include "loop/loop.h"
#include "outlet.h"
#include "util/checked.h"
#include "util/fd.h"

#define READ_BYTES 4096u
#define ROUND      16u /* reads: a whole pipe, and then others have their turn */
#define LAST_ROUND 256u /* the largest pipe that an ordinary user can make */
#define TELL_MS    1000u

void child_log_init(struct child_log *log, struct loop *loop, struct outlet *outlet,
	const char *name, bool limited)
{
	*log = (struct child_log){
		.loop = loop,
		.outlet = outlet,
		.name = name,
		.limited = limited,
		.fd = -1,
		.allowed = CHILD_LOG_BURST,
		.second = loop_now_ms() / 1000,
	};
}

static void say_left_out(struct child_log *log)
{
	if (log->left_out > 0)
		log_warn("%" PRIu64 " lines of the %s were left out", log->left_out, log->name);
	log->left_out = 0;
}

static void on_timer(void *data)
{
	say_left_out(data);
}

static bool may_pass(struct child_log *log)
{
	uint64_t second = loop_now_ms() / 1000;
	uint64_t more = min_u64(second - log->second, CHILD_LOG_BURST) * CHILD_LOG_STEADY;
	if (!log->limited)
		return true;
	log->second = second;
	log->allowed = (uint32_t)min_u64(log->allowed + more, CHILD_LOG_BURST);
	if (log->allowed == 0) {
		if (log->left_out++ == 0 && log->timer)
			loop_timer_arm(log->timer, TELL_MS);
		return false;
	}
	log->allowed--;
	say_left_out(log);
	return true;
}

static void end_line(struct child_log *log)
{
	static const char dots[] = "...";
	if (log->cut)
		memcpy(log->line + log->length - strlen(dots), dots, strlen(dots));
	log_clean(log->line, log->length);
	log->line[log->length++] = '\n';
	if (may_pass(log))
		outlet_write(log->outlet, log->line, log->length);
	log->length = 0;
	log->cut = false;
}

/* What has no room in a line is lost. */
static void add(struct child_log *log, const char *bytes, size_t length)
{
	size_t room = sizeof(log->line) - 1 - log->length;
	size_t fits = min_size(length, room);
	memcpy(log->line + log->length, bytes, fits);
	log->length += fits;
	log->cut = log->cut || fits < length;
}

static void take(struct child_log *log, const char *bytes, size_t length)
{
	while (length > 0) {
		const char *end = memchr(bytes, '\n', length);
		size_t part = end ? (size_t)(end - bytes) : length;
		add(log, bytes, part);
		if (end)
			end_line(log);
		part += end != NULL;
		bytes += part;
		length -= part;
	}
}

static void stop(struct child_log *log)
{
	loop_source_destroy(log->source);
	log->source = NULL;
	loop_source_destroy(log->timer);
	log->timer = NULL;
	fd_close(&log->fd);
	if (log->length > 0)
		end_line(log);
	say_left_out(log);
}

/* At most so many times, as it may be written to as fast as it is read. */
static void read_some(struct child_log *log, uint32_t times)
{
	char bytes[READ_BYTES];
	for (uint32_t i = 0; i < times && log->fd >= 0; i++) {
		ssize_t n = read(log->fd, bytes, sizeof(bytes));
		if (n > 0)
			take(log, bytes, (size_t)n);
		else if (n < 0 && errno == EAGAIN)
			break;
		else if (n == 0 || errno != EINTR)
			stop(log);
	}
}

static void on_event(void *data, uint32_t events)
{
	read_some(data, ROUND);
}

/* The child's end waits for this one, and cannot change that this one does not. */
static int make_pipe(struct child_log *log, int ends[static 2])
{
	if (pipe2(ends, O_CLOEXEC) < 0)
		return -errno;
	int error = fd_set_nonblocking(ends[0]);
	if (error == 0) {
		log->source = loop_add_fd(log->loop, ends[0], LOOP_READABLE, on_event, log);
		error = log->source ? 0 : -ENOMEM;
	}
	if (error < 0)
		fd_close_all(ends, 2);
	return error;
}

int child_log_open(struct child_log *log)
{
	int ends[2];
	child_log_close(log);
	int error = make_pipe(log, ends);
	if (error < 0) {
		log_error(
			"cannot make a pipe for what the %s says: %s", log->name, strerror(-error));
		return error;
	}
	log->fd = ends[0];
	log->timer = loop_add_timer(log->loop, on_timer, log);
	return ends[1];
}

void child_log_drain(struct child_log *log)
{
	read_some(log, ROUND);
}

void child_log_close(struct child_log *log)
{
	read_some(log, LAST_ROUND);
	if (log->fd >= 0)
		stop(log);
}
