/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/*
 * What the files of a display share; nobody else includes this.
 *
 * display.c keeps what the device wants shown, display_output.c tells the peer, display_input.c
 * reads its answers, display_question.c asks it. All that reaches callbacks runs between
 * display_enter() and display_leave(), so that a callback may destroy the display; after each
 * callback display_open() says whether there is still something to do.
 */
#pragma once

#include "display/display.h"
#include "display/protocol.h"

#define DISPLAY_QUESTIONS_MAX 64u

enum display_shown {
	SHOWN_UNKNOWN,
	SHOWN_NOTHING,
	SHOWN_PIXELS,
	SHOWN_DMABUF,
};

enum display_update_state {
	UPDATE_NONE,
	UPDATE_QUEUED,
	UPDATE_WRITING,
	UPDATE_OWED, /* written; the answer to DMABUF_UPDATE has not come */
};

struct display_scanout {
	/* What the device wants: SHOWN_UNKNOWN until it says something. */
	enum display_shown wanted;
	uint32_t width, height; /* of SHOWN_PIXELS, or of the view of SHOWN_DMABUF */
	struct vhost_user_gpu_dmabuf_scanout2 dmabuf;
	int dmabuf_fd; /* owned; -1 once the peer has it */

	/* What the peer knows. */
	enum display_shown told;
	uint32_t told_width, told_height; /* of SHOWN_PIXELS */

	/* The update under way. */
	enum display_update_state update;
	struct rect rect;
	struct image *image; /* pixels to send; NULL for a dma-buf */
	uint32_t from_x, from_y;
	struct image *band; /* where rows of another format are converted; may be NULL */
	uint64_t owed_order;
	uint64_t owed_deadline_ms;

	/* The cursor; due: what the peer has not been told. */
	struct display_cursor cursor;
	bool cursor_visible;
	bool cursor_image_due, cursor_place_due;
	bool cursor_was_last; /* of what was sent of this scanout */
	uint32_t cursor_pixels[VHOST_USER_GPU_CURSOR_SIDE * VHOST_USER_GPU_CURSOR_SIDE];
};

/* One or more messages on their way. */
struct display_outgoing {
	uint8_t head[sizeof(struct vhost_user_gpu_header) +
		sizeof(struct vhost_user_gpu_cursor_update)];
	size_t head_size; /* 0: nothing is on its way */
	size_t head_sent;
	int fd; /* goes with the first byte; owned, -1 without */

	struct display_scanout *update; /* whose update this is; NULL without */
	uint64_t body_size, body_sent; /* its pixels, after the head */
	uint32_t band_first, band_rows; /* the rows of update->rect that update->band holds */
};

struct display_incoming {
	uint8_t bytes[sizeof(struct vhost_user_gpu_header) + VHOST_USER_GPU_EDID_REPLY_SIZE];
	size_t have;
};

enum question_kind {
	QUESTION_NONE,
	QUESTION_INFO,
	QUESTION_EDID,
};

struct question {
	enum question_kind kind;
	uint32_t scanout;
	display_info_fn info_fn;
	display_edid_fn edid_fn;
	void *data;
	uint64_t deadline_ms;
};

enum asking_state {
	ASKING_NOTHING,
	ASKING_FEATURES_DUE, /* at first, and as a barrier behind a question without an answer */
	ASKING_FEATURES,
	ASKING_QUESTION, /* the first of the queue */
};

struct display_questions {
	struct question queue[DISPLAY_QUESTIONS_MAX]; /* a ring */
	uint32_t first, count;
	enum asking_state asking;
	enum question_kind late; /* an answer to this may come before the barrier's: not wanted */
	struct loop_source *timer;
};

struct display {
	struct loop *loop;
	int sock; /* -1: closed */
	const struct display_events *events;
	void *data;

	uint32_t depth; /* of display_enter() */
	bool destroyed; /* to be freed by the outermost display_leave() */

	struct loop_source *socket_source;
	struct loop_source *flush_source; /* deferred: writes, then says what is ready */
	struct loop_source *ack_timer;
	bool blocked; /* the peer's buffer is full: wait until it is writable */

	bool features_known;
	bool features_due; /* SET_PROTOCOL_FEATURES has not been sent */
	uint64_t features; /* the peer's and ours; 0 until known */

	struct display_scanout scanouts[DISPLAY_MAX_SCANOUTS];
	uint32_t ready_due; /* scanouts, one bit each, to call `ready` for */
	uint32_t turn; /* the scanout to look at first for something to send */
	uint64_t acks_asked;
	uint64_t acks_given_up; /* answers that may still come and are for nobody */

	struct display_outgoing out;
	struct display_incoming in;
	struct display_questions questions;
};

/* display.c */

void display_enter(struct display *display);
void display_leave(struct display *display);

static inline bool display_open(const struct display *display)
{
	return display->sock >= 0;
}

/* Ends the display: answers questions with -ECONNRESET and calls `closed`. The caller has logged
 * why. */
void display_fail(struct display *display);

/* Says why the socket cannot be read or written any more; that the peer has closed it is no
 * fault. */
void display_log_gone(const char *verb, int error);

/* Sees to it that something due is written in this round of the loop. */
void display_want_flush(struct display *display);

/* The update of a scanout is over or was dropped; `ready` follows. */
void display_end_update(struct display *display, struct display_scanout *scanout);

/* The peer's protocol features have come for the first time. */
void display_set_features(struct display *display, uint64_t features);

/* The peer has answered a DMABUF_UPDATE. Returns 0, or -EPROTO when none is owed. */
int display_ack(struct display *display);

/* The scanout's DMABUF_UPDATE is written: waits for its answer from now on. */
void display_await_ack(struct display *display, struct display_scanout *scanout);

/* display_output.c */

void display_output_init(struct display *display);
void display_output_finish(struct display *display);

/* Writes what is due until the peer's buffer is full or others should have a turn. Returns 0 or
 * -errno when the socket is broken. */
int display_output_write(struct display *display);

/* Appends a message to display->out; size is that of the payload here, more what follows
 * elsewhere. */
void display_output_put(
	struct display *display, uint32_t request, const void *payload, size_t size, size_t more);

/* display_input.c */

/* Reads and handles answers that have come. Returns 0 or, logged, -errno. */
int display_input_read(struct display *display);

/* display_question.c */

/* Returns 0 or -ENOMEM. */
int display_questions_init(struct display *display);

/* Answers what is open with -ECONNRESET. */
void display_questions_finish(struct display *display);

/* Answers questions that the peer's features rule out. */
void display_questions_settle(struct display *display);

/* Puts the next question, if one may be asked, into display->out; true when there is one. */
bool display_questions_put(struct display *display);

/* Answers of the peer; payloads are of the right size. Return 0, or -EPROTO when not asked for. */
int display_questions_features(struct display *display, const uint8_t *payload);
int display_questions_info(struct display *display, const uint8_t *payload);
int display_questions_edid(struct display *display, const uint8_t *payload);
