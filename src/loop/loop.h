/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/*
 * The event loop of a process: descriptors, timers, signals and deferred calls on one thread.
 *
 * Everything but loop_waker_wake() is called on the thread that runs the loop. A source may be
 * destroyed at any time, also inside its own callback or that of another source that is due in
 * the same round: it is then not called any more.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct loop;
struct loop_source;

enum {
	LOOP_READABLE = 1,
	LOOP_WRITABLE = 2,
	LOOP_HANGUP = 4, /* reported always; also for errors on the descriptor */
};

typedef void (*loop_fd_fn)(void *data, uint32_t events);
typedef void (*loop_fn)(void *data);

/* NULL when the kernel refuses (logged). */
struct loop *loop_create(void);

/* All sources must have been destroyed (asserted). NULL is fine. */
void loop_destroy(struct loop *loop);

/* Runs until loop_stop() (which may have been called before); returns the status given to it, or
 * -errno when waiting fails. */
int loop_run(struct loop *loop);

/* One round: waits at most timeout_ms (-1: for ever) and dispatches what is due. Returns 0 or
 * -errno. For tests and start-up. */
int loop_round(struct loop *loop, int timeout_ms);

void loop_stop(struct loop *loop, int status);

/* Watches fd (not owned) for events of the mask. NULL when memory is short or the kernel cannot
 * watch this kind of file (regular files, for one). Level-triggered. Destroy the source before fd
 * is closed (asserted). */
struct loop_source *loop_add_fd(
	struct loop *loop, int fd, uint32_t events, loop_fd_fn fn, void *data);

/* Changes the mask of a descriptor source; 0 leaves only hang-ups. */
void loop_source_watch(struct loop_source *source, uint32_t events);

/* A one-shot timer, disarmed at first. */
struct loop_source *loop_add_timer(struct loop *loop, loop_fn fn, void *data);

/* Arms (again) a timer to fire in delay_ms milliseconds from now. */
void loop_timer_arm(struct loop_source *timer, uint64_t delay_ms);
void loop_timer_disarm(struct loop_source *timer);

/* A call that runs once in each round after loop_defer_arm(): before waiting again, after the
 * descriptors of the round. Arming it inside its own call means the next round. */
struct loop_source *loop_add_deferred(struct loop *loop, loop_fn fn, void *data);
void loop_defer_arm(struct loop_source *deferred);

/* Calls fn on the loop for a signal, which is blocked in this thread first. */
struct loop_source *loop_add_signal(struct loop *loop, int signal_number, loop_fn fn, void *data);

/* A source that other threads wake with loop_waker_wake(); wakes in between are merged. */
struct loop_source *loop_add_waker(struct loop *loop, loop_fn fn, void *data);

/* Any thread, also in a signal handler; never blocks. */
void loop_waker_wake(struct loop_source *waker);

/* NULL is fine. Does not close descriptors given to loop_add_fd(); a signal stays blocked. */
void loop_source_destroy(struct loop_source *source);

/* Milliseconds of the monotonic clock. */
uint64_t loop_now_ms(void);
