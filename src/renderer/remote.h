/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/*
 * A renderer in another process: the operations of renderer.h forwarded over a ring in shared memory
 * (see ring.h), descriptors over a SEQPACKET socket beside it.
 *
 * The peer is not trusted: a completion for a call that is not open is counted and dropped, a record
 * or index out of range ends the renderer as if it had died.
 *
 * Whatever is called back (done, ready, room, lost) may start operations or destroy the renderer.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "renderer/renderer.h"

struct loop;

struct remote_args {
	struct loop *loop;
	int sock; /* taken; the renderer process holds the other end */
	int memory; /* taken: what ring_memory() gave */
	const char *name; /* of the renderer, for log lines; a static string */
	const struct renderer_events *events;
	/* The renderer said what it can do (its capsets are there now). Once, from the loop; `lost`
	 * instead when it died before. Operations may be started earlier: they wait in the ring. */
	void (*ready)(void *data, struct renderer *renderer);
	void *data; /* for events and ready */
};

/* Makes a ring of the memory and sends it to the peer. NULL when memory or descriptors are short. */
struct renderer *remote_renderer_create(const struct remote_args *args);

/* What the peer sent that was not right, since the start (for tests and the log). */
uint64_t remote_renderer_dropped(const struct renderer *renderer);
