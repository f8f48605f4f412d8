/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/*
 * The ring between the device process and a renderer process: one sealed memfd with a submission
 * queue, a completion queue (both single producer, single consumer, fixed-size records) and a data
 * area; two pipes that wake.
 *
 *	 device process (RING_DEVICE)                 renderer process (RING_RENDERER)
 *	   ring_push(record) ── submissions ──────────►  ring_pop(record)
 *	   ring_pop(record)  ◄───────── completions ──   ring_push(record)
 *	   ring_data_reserve ── data area ────────────►  ring_data
 *
 * A side that is about to sleep arms its wake-up and looks once more; the other side writes the pipe
 * only when it finds it armed. So a busy peer costs no system call. Pipes, because whether a write to an
 * eventfd may block is a property of both ends, which a renderer could change under the device.
 *
 * Both sides copy a record out before they look at it, and believe no index of the other beyond what
 * is consistent: a queue is never found longer than it is, nor to have shrunk.
 *
 * The data area is written by the device only, front to back, and freed in the order of the
 * submissions that use it, as the renderer consumes them.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "renderer/wire.h"

#define RING_SUBMISSIONS 1024u /* powers of two */
#define RING_COMPLETIONS 1024u
#define RING_DATA_SIZE   (16u << 20)

enum ring_side {
	RING_DEVICE,
	RING_RENDERER,
};

struct ring;

/* What is handed to the other process: owned by the ring it was taken from. */
struct ring_fds {
	int memory;
	int to_renderer; /* the renderer's end, to read, of the pipe that wakes it */
	int to_device; /* the renderer's end, to write, of the pipe that wakes the device */
};

/* Memory for one ring: made by whoever may make files, for a device that may not. The caller's, or
 * -errno. */
int ring_memory(void);

/* The device's side: makes the pipes. memory is what ring_memory() gave (taken in any case; -errno of it
 * is fine). NULL and errno when that fails. */
struct ring *ring_create(int memory);

/* The renderer's side: maps what it was given (taken in any case; fds is emptied). NULL and errno when
 * it is not a ring. The process ignores SIGPIPE, or ends when it wakes a device that is gone. */
struct ring *ring_open(struct ring_fds *fds);

/* NULL is fine. */
void ring_destroy(struct ring *ring);

/* The descriptors to send to the other side. */
struct ring_fds ring_get_fds(const struct ring *ring);

/* The descriptor to wait on for this side, until it is readable. */
int ring_wake_fd(const struct ring *ring);

/* Submissions: device pushes, renderer pops. Completions: the other way round. A push returns false
 * when the queue is full. A pop returns 1 with a record, 0 when there is none, -EPROTO when the other
 * side wrote an impossible index (the ring is then useless). What ring_data() gave for a submission
 * stays until the next pop. */
bool ring_push_submission(struct ring *ring, const struct wire_submission *record);
int ring_pop_submission(struct ring *ring, struct wire_submission *ret_record);
bool ring_push_completion(struct ring *ring, const struct wire_completion *record);
int ring_pop_completion(struct ring *ring, struct wire_completion *ret_record);

/* How many further records this side can push. 0 also after an impossible index. */
uint32_t ring_submission_room(struct ring *ring);
uint32_t ring_completion_room(struct ring *ring);

/* Wakes the other side if it sleeps and there is news, or if it waits for the room that was made: once
 * after a batch of pushes and pops. */
void ring_notify(struct ring *ring);

/* Whether there is something to pop (or to be found wrong with the ring). */
bool ring_pending(struct ring *ring);

/* Before sleeping: arms the wake-up; true when there is something to pop after all (do not sleep). */
bool ring_arm(struct ring *ring);

/* The wake-up has come (the descriptor is readable): takes it, and the arming back. */
void ring_disarm(struct ring *ring);

/* What this side pushes does not fit: wakes it when the other side has popped some more. Look again
 * after this and before sleeping. */
void ring_want_room(struct ring *ring);

/* Device: room for size bytes (and RENDERER_SUBMIT_PADDING zero bytes behind), 64-byte aligned; NULL
 * when the area is too full now. The next submission pushed with data_position set to *ret_position
 * owns it; a reservation not pushed is replaced by the next. */
void *ring_data_reserve(struct ring *ring, uint32_t size, uint64_t *ret_position);

/* Device: the largest block that ring_data_reserve() would give now. */
uint32_t ring_data_room(struct ring *ring);

/* Renderer: the data of a submission, or NULL when it does not lie in the area. */
void *ring_data(struct ring *ring, const struct wire_submission *record);
