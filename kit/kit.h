/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/*
 * The test VMM: what every part of it shares.
 *
 * The kit plays everything around a GPU backend (the VMM, the guest's driver, the display) over the
 * real sockets and real shared memory. It is single-threaded: whoever waits for something serves
 * all sources (display, backend channel) meanwhile, so a backend that asks for one thing while it
 * owes another is always answered, runs are repeatable, and a debugger sees one thread. Nothing in
 * the kit waits without a time limit.
 *
 * Functions return 0 or a positive answer, or -errno; the reason in words is then in kit->why:
 *	-ETIMEDOUT   the backend did not do it in time
 *	-ECONNRESET  the backend closed the connection
 *	-EPROTO      the backend broke the protocol
 *	-EREMOTEIO   the backend answered that it failed
 * Contracts of virtio and vhost-user that can be checked at the kit's end are checked there,
 * always.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "util/list.h"

#define KIT_TIMEOUT_MS  5000
#define KIT_RENDERER_MS 15000 /* a renderer may have to load a graphics driver first */
#define KIT_MAX_SOURCES 16u

struct kit_seen;

struct kit {
	struct list sources; /* kit_source::link */
	int timeout_ms; /* of every wait that names none; KIT_TIMEOUT_MS in the environment */
	char why[256]; /* of the last failure */
	struct kit_seen *seen; /* what is sent is counted there; may be NULL */
};

/* Something served during waits. Not called while it is running: waits nest. */
struct kit_source {
	struct list link; /* kit::sources */
	int fd; /* not owned; -1: only `due` counts */
	short events; /* POLLIN, POLLOUT; hang-ups are always reported */
	uint64_t due; /* call at this time (kit_now) even without events; 0: never */
	/* Returns 0, or -errno to end the wait that is going on with this error. */
	int (*ready)(void *data, short events);
	void *data;
	bool busy;
};

void kit_init(struct kit *kit);

/* Keeps the reason (printf style) and returns -error: `return kit_fail(kit, EPROTO, "…");` */
int kit_fail(struct kit *kit, int error, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

/* The monotonic clock in milliseconds and in microseconds. */
uint64_t kit_now(void);
uint64_t kit_now_us(void);

/* Starts serving a source (set up by the caller, who keeps it until removed). */
void kit_source_add(struct kit *kit, struct kit_source *source);

/* Removing twice, or a zeroed one, is fine. */
void kit_source_remove(struct kit_source *source);

/* Serves everything until fd has one of the events (or hung up). 0, -ETIMEDOUT (without setting
 * `why`: the caller knows what it waited for) or a source's error. timeout_ms < 0: kit->timeout_ms.
 * */
int kit_wait_fd(struct kit *kit, int fd, short events, int timeout_ms);

/* The same until done(data) says yes. */
int kit_wait(struct kit *kit, bool (*done)(void *data), void *data, int timeout_ms);

/* Serves everything for this long: to show that something does not happen. 0 or a source's error.
 * */
int kit_pump(struct kit *kit, int duration_ms);
