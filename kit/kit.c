/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
#include "kit/kit.h"

#include <errno.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

void kit_init(struct kit *kit)
{
	const char *timeout = getenv("KIT_TIMEOUT_MS");
	int milliseconds = timeout ? atoi(timeout) : 0;
	memset(kit, 0, sizeof(*kit));
	list_init(&kit->sources);
	kit->timeout_ms = milliseconds > 0 ? milliseconds : KIT_TIMEOUT_MS;
}

int kit_fail(struct kit *kit, int error, const char *format, ...)
{
	va_list args;
	va_start(args, format);
	vsnprintf(kit->why, sizeof(kit->why), format, args);
	va_end(args);
	return -error;
}

uint64_t kit_now_us(void)
{
	struct timespec now;
	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000;
}

uint64_t kit_now(void)
{
	return kit_now_us() / 1000;
}

void kit_source_add(struct kit *kit, struct kit_source *source)
{
	source->busy = false;
	list_append(&kit->sources, &source->link);
}

void kit_source_remove(struct kit_source *source)
{
	if (source->link.next)
		list_remove(&source->link);
}

static bool is_added(const struct kit *kit, const struct kit_source *source)
{
	for (const struct list *link = kit->sources.next; link != &kit->sources; link = link->next)
		if (link == &source->link)
			return true;
	return false;
}

static int serve(struct kit_source *source, short events)
{
	bool due = source->due && kit_now() >= source->due;
	if (!events && !due)
		return 0;
	source->busy = true;
	int ret = source->ready(source->data, events);
	source->busy = false;
	return ret;
}

/* What it was called for may have been done by another source of the same round that had to wait itself. */
static short look_again(const struct kit_source *source, short events)
{
	struct pollfd look = { .fd = source->fd, .events = source->events };
	return events && poll(&look, 1, 0) > 0 ? look.revents : 0;
}

static int time_left(uint64_t until)
{
	uint64_t now = kit_now();
	return until > now ? (int)(until - now) : 0;
}

/* One round: 1 when fd is ready, 0 when not (yet), or the first error of a source. */
static int pump_round(struct kit *kit, int fd, short events, uint64_t deadline)
{
	struct pollfd polls[KIT_MAX_SOURCES + 1] = { { .fd = fd, .events = events } };
	struct kit_source *sources[KIT_MAX_SOURCES];
	size_t count = 0;
	uint64_t until = deadline;

	list_for_each (link, &kit->sources) {
		struct kit_source *source = container_of(link, struct kit_source, link);
		if (source->busy || count == KIT_MAX_SOURCES)
			continue;
		if (source->due && source->due < until)
			until = source->due;
		sources[count++] = source;
		polls[count] = (struct pollfd){ .fd = source->fd, .events = source->events };
	}

	int ready = poll(polls, count + 1, time_left(until));
	if (ready < 0 && errno != EINTR)
		return kit_fail(kit, errno, "poll: %s", strerror(errno));
	int ret = 0;
	for (size_t i = 0; i < count; i++) {
		/* an earlier one in this round may have removed it */
		if (!is_added(kit, sources[i]))
			continue;
		short happened = ready > 0 ? polls[i + 1].revents : 0;
		int error = serve(sources[i], i > 0 ? look_again(sources[i], happened) : happened);
		if (ret == 0)
			ret = error;
	}
	return ready > 0 && polls[0].revents ? 1 : ret;
}

static uint64_t deadline_of(const struct kit *kit, int timeout_ms)
{
	return kit_now() + (uint64_t)(timeout_ms < 0 ? kit->timeout_ms : timeout_ms);
}

int kit_wait_fd(struct kit *kit, int fd, short events, int timeout_ms)
{
	uint64_t deadline = deadline_of(kit, timeout_ms);
	for (;;) {
		int ret = pump_round(kit, fd, events, deadline);
		if (ret != 0)
			return ret < 0 ? ret : 0;
		if (kit_now() >= deadline)
			return -ETIMEDOUT;
	}
}

int kit_wait(struct kit *kit, bool (*done)(void *data), void *data, int timeout_ms)
{
	uint64_t deadline = deadline_of(kit, timeout_ms);
	while (!done(data)) {
		int ret = pump_round(kit, -1, 0, deadline);
		if (done(data))
			return 0;
		if (ret < 0)
			return ret;
		if (kit_now() >= deadline)
			return -ETIMEDOUT;
	}
	return 0;
}

int kit_pump(struct kit *kit, int duration_ms)
{
	int ret = kit_wait_fd(kit, -1, 0, duration_ms);
	return ret == -ETIMEDOUT ? 0 : ret;
}
