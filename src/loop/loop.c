/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/*
 * A round waits in epoll and then calls what is due: descriptors, timers, deferred calls.
 *
 * Descriptors, signals and wakers are epoll members whose data is their source. Timers wait in a
 * list sorted by deadline, deferred calls in a list in the order they were armed; both only shape
 * the time epoll waits, so arming them is a few stores and no system call.
 *
 * Sources destroyed during a round stay in memory, marked dead, until its end: what epoll has
 * already reported may point at them.
 */
#include "loop/loop.h"

#include <assert.h>
#include <errno.h>
#include <limits.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <time.h>
#include <unistd.h>

#include "util/checked.h"
#include "util/fd.h"
#include "util/list.h"
#include "util/log.h"

/* #syscalls all: epoll_ctl epoll_wait epoll_pwait read */

#define EVENTS_MAX   64
#define NS_PER_MS    UINT64_C(1000000)
#define NS_PER_SEC   UINT64_C(1000000000)
#define WATCH_EVENTS (LOOP_READABLE | LOOP_WRITABLE)

struct loop {
	int epoll_fd;
	uint32_t source_count;
	struct list timers; /* loop_source::link, armed ones, earliest first */
	struct list deferred; /* loop_source::link, armed ones */
	struct list dead; /* loop_source::link, to be freed at the end of the round */
	bool in_round;
	bool stopped;
	int status;
};

enum source_kind {
	SOURCE_FD,
	SOURCE_SIGNAL,
	SOURCE_WAKER,
	SOURCE_TIMER,
	SOURCE_DEFERRED,
};

struct loop_source {
	struct loop *loop;
	enum source_kind kind;
	bool dead;
	struct list link; /* in loop::timers, loop::deferred or loop::dead, or in none */
	int fd; /* -1 without; owned unless SOURCE_FD */
	uint32_t events;
	uint64_t deadline_ns;
	loop_fd_fn fd_fn; /* SOURCE_FD only */
	loop_fn fn; /* the others */
	void *data;
};

static uint64_t now_ns(void)
{
	struct timespec now;
	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * NS_PER_SEC + (uint64_t)now.tv_nsec;
}

uint64_t loop_now_ms(void)
{
	return now_ns() / NS_PER_MS;
}

struct loop *loop_create(void)
{
	struct loop *loop = calloc(1, sizeof(*loop));
	if (!loop)
		goto fail;
	loop->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	if (loop->epoll_fd < 0)
		goto fail_epoll;
	list_init(&loop->timers);
	list_init(&loop->deferred);
	list_init(&loop->dead);
	return loop;

fail_epoll:
	free(loop);
fail:
	log_error("cannot create an event loop: %s", strerror(errno));
	return NULL;
}

void loop_destroy(struct loop *loop)
{
	if (!loop)
		return;
	assert(loop->source_count == 0 && !loop->in_round);
	fd_close(&loop->epoll_fd);
	free(loop);
}

static struct loop_source *source_create(
	struct loop *loop, enum source_kind kind, loop_fn fn, void *data)
{
	struct loop_source *source = calloc(1, sizeof(*source));
	if (!source)
		return NULL;
	source->loop = loop;
	source->kind = kind;
	source->fd = -1;
	source->fn = fn;
	source->data = data;
	list_init(&source->link);
	loop->source_count++;
	return source;
}

static uint32_t epoll_mask(uint32_t events)
{
	return (events & LOOP_READABLE ? (uint32_t)EPOLLIN : 0) |
		(events & LOOP_WRITABLE ? (uint32_t)EPOLLOUT : 0);
}

/* Puts source->fd into the epoll set. Returns 0 or -errno. */
static int source_watch_fd(struct loop_source *source, uint32_t events)
{
	struct epoll_event event = { .events = epoll_mask(events), .data.ptr = source };
	if (epoll_ctl(source->loop->epoll_fd, EPOLL_CTL_ADD, source->fd, &event) < 0)
		return -errno;
	source->events = events;
	return 0;
}

/* Makes a source that owns fd, which may be the -errno of making it. */
static struct loop_source *source_create_owning(
	struct loop *loop, enum source_kind kind, int fd, loop_fn fn, void *data)
{
	if (fd < 0)
		return NULL;
	struct loop_source *source = source_create(loop, kind, fn, data);
	if (!source)
		goto fail;
	source->fd = fd;
	if (source_watch_fd(source, LOOP_READABLE) < 0)
		goto fail_watch;
	return source;

fail_watch:
	loop->source_count--;
	free(source);
fail:
	fd_close(&fd);
	return NULL;
}

struct loop_source *loop_add_fd(
	struct loop *loop, int fd, uint32_t events, loop_fd_fn fn, void *data)
{
	struct loop_source *source = source_create(loop, SOURCE_FD, NULL, data);
	if (!source)
		return NULL;
	source->fd = fd;
	source->fd_fn = fn;
	if (source_watch_fd(source, events & WATCH_EVENTS) < 0) {
		loop->source_count--;
		free(source);
		return NULL;
	}
	return source;
}

void loop_source_watch(struct loop_source *source, uint32_t events)
{
	assert(source->kind == SOURCE_FD && !source->dead);
	events &= WATCH_EVENTS;
	if (source->events == events)
		return;
	struct epoll_event event = { .events = epoll_mask(events), .data.ptr = source };
	int result = epoll_ctl(source->loop->epoll_fd, EPOLL_CTL_MOD, source->fd, &event);
	assert(result == 0);
	(void)result;
	source->events = events;
}

struct loop_source *loop_add_timer(struct loop *loop, loop_fn fn, void *data)
{
	return source_create(loop, SOURCE_TIMER, fn, data);
}

void loop_timer_arm(struct loop_source *timer, uint64_t delay_ms)
{
	assert(timer->kind == SOURCE_TIMER && !timer->dead);
	uint64_t delay_ns;
	if (!checked_mul(delay_ms, NS_PER_MS, &delay_ns) ||
		!checked_add(now_ns(), delay_ns, &timer->deadline_ns))
		timer->deadline_ns = UINT64_MAX;

	/* From the end: most timers of a process have like delays, so the last armed is the last
	 * due. */
	list_remove(&timer->link);
	struct list *position = timer->loop->timers.prev;
	while (position != &timer->loop->timers &&
		container_of(position, struct loop_source, link)->deadline_ns > timer->deadline_ns)
		position = position->prev;
	list_insert(position, &timer->link);
}

void loop_timer_disarm(struct loop_source *timer)
{
	assert(timer->kind == SOURCE_TIMER && !timer->dead);
	list_remove(&timer->link);
}

struct loop_source *loop_add_deferred(struct loop *loop, loop_fn fn, void *data)
{
	return source_create(loop, SOURCE_DEFERRED, fn, data);
}

void loop_defer_arm(struct loop_source *deferred)
{
	assert(deferred->kind == SOURCE_DEFERRED && !deferred->dead);
	if (list_empty(&deferred->link))
		list_append(&deferred->loop->deferred, &deferred->link);
}

struct loop_source *loop_add_signal(struct loop *loop, int signal_number, loop_fn fn, void *data)
{
	sigset_t set;
	sigemptyset(&set);
	if (sigaddset(&set, signal_number) < 0 || pthread_sigmask(SIG_BLOCK, &set, NULL) != 0)
		return NULL;
	int fd = signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);
	return source_create_owning(loop, SOURCE_SIGNAL, fd, fn, data);
}

struct loop_source *loop_add_waker(struct loop *loop, loop_fn fn, void *data)
{
	return source_create_owning(loop, SOURCE_WAKER, fd_eventfd(), fn, data);
}

void loop_waker_wake(struct loop_source *waker)
{
	/* errno is kept for the signal handlers this may be called from */
	int saved_errno = errno;
	fd_eventfd_signal(waker->fd);
	errno = saved_errno;
}

void loop_source_destroy(struct loop_source *source)
{
	if (!source)
		return;
	struct loop *loop = source->loop;
	assert(!source->dead);
	if (source->fd >= 0) {
		int result = epoll_ctl(loop->epoll_fd, EPOLL_CTL_DEL, source->fd, NULL);
		/* Else fd was closed too early, and epoll may still know the source. */
		assert(result == 0);
		(void)result;
		if (source->kind != SOURCE_FD)
			fd_close(&source->fd);
	}
	list_remove(&source->link);
	loop->source_count--;
	source->dead = true;
	if (loop->in_round)
		list_append(&loop->dead, &source->link);
	else
		free(source);
}

/* Takes the record of one delivered signal off; false when another reader was faster. */
static bool take_signal(int fd)
{
	struct signalfd_siginfo info;
	return read(fd, &info, sizeof(info)) == (ssize_t)sizeof(info);
}

static void dispatch_fd(struct loop_source *source, uint32_t mask)
{
	uint32_t events = (mask & EPOLLIN ? (uint32_t)LOOP_READABLE : 0) |
		(mask & EPOLLOUT ? (uint32_t)LOOP_WRITABLE : 0) |
		(mask & (EPOLLHUP | EPOLLERR) ? (uint32_t)LOOP_HANGUP : 0);
	/* A callback earlier in this round may have lost interest on behalf of this one. */
	events &= source->events | LOOP_HANGUP;
	if (events)
		source->fd_fn(source->data, events);
}

static void dispatch_event(struct loop_source *source, uint32_t mask)
{
	switch (source->kind) {
	case SOURCE_FD:
		dispatch_fd(source, mask);
		break;
	case SOURCE_SIGNAL:
		if (take_signal(source->fd))
			source->fn(source->data);
		break;
	case SOURCE_WAKER:
		fd_eventfd_drain(source->fd);
		source->fn(source->data);
		break;
	case SOURCE_TIMER:
	case SOURCE_DEFERRED:
		assert(false); /* never in the epoll set */
	}
}

/* Calls the sources of a private list once each. They may destroy or arm again each other. */
static void dispatch_list(struct list *due)
{
	while (!list_empty(due)) {
		struct loop_source *source = container_of(due->next, struct loop_source, link);
		list_remove(&source->link);
		source->fn(source->data);
	}
}

static void dispatch_timers(struct loop *loop)
{
	if (list_empty(&loop->timers))
		return;
	uint64_t now = now_ns();
	struct list due;
	list_init(&due);
	list_for_each_safe (link, after, &loop->timers) {
		if (container_of(link, struct loop_source, link)->deadline_ns > now)
			break;
		list_remove(link);
		list_append(&due, link);
	}
	dispatch_list(&due);
}

static void dispatch_deferred(struct loop *loop)
{
	struct list due;
	list_init(&due);
	list_for_each_safe (link, after, &loop->deferred) {
		list_remove(link);
		list_append(&due, link);
	}
	dispatch_list(&due);
}

/* How long epoll may wait: not at all with a deferred call armed, at most until the next timer. */
static int wait_ms(const struct loop *loop, int timeout_ms)
{
	if (!list_empty(&loop->deferred))
		return 0;
	if (list_empty(&loop->timers))
		return timeout_ms;
	uint64_t deadline = container_of(loop->timers.next, struct loop_source, link)->deadline_ns;
	uint64_t now = now_ns();
	if (deadline <= now)
		return 0;
	uint64_t rest = (deadline - now - 1) / NS_PER_MS + 1; /* upwards: not before its time */
	uint64_t limit = timeout_ms < 0 ? INT_MAX : (uint64_t)timeout_ms;
	return (int)min_u64(rest, limit);
}

static void bury_dead(struct loop *loop)
{
	list_for_each_safe (link, after, &loop->dead)
		free(container_of(link, struct loop_source, link));
	list_init(&loop->dead);
}

int loop_round(struct loop *loop, int timeout_ms)
{
	assert(!loop->in_round);
	struct epoll_event events[EVENTS_MAX];
	int count = epoll_wait(loop->epoll_fd, events, EVENTS_MAX, wait_ms(loop, timeout_ms));
	if (count < 0 && errno != EINTR)
		return -errno;

	loop->in_round = true;
	for (int i = 0; i < count; i++) {
		struct loop_source *source = events[i].data.ptr;
		if (!source->dead)
			dispatch_event(source, events[i].events);
	}
	dispatch_timers(loop);
	dispatch_deferred(loop);
	loop->in_round = false;
	bury_dead(loop);
	return 0;
}

int loop_run(struct loop *loop)
{
	while (!loop->stopped) {
		int error = loop_round(loop, -1);
		if (error) {
			log_error("the event loop cannot wait: %s", strerror(-error));
			return error;
		}
	}
	loop->stopped = false;
	return loop->status;
}

void loop_stop(struct loop *loop, int status)
{
	loop->stopped = true;
	loop->status = status;
}
