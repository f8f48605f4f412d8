/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/*
 * The device's end of the display protocol: one socket to whoever shows the picture.
 *
 * Nothing here waits. Messages are queued and written as the peer reads; questions are answered by a
 * callback. There is at most one update under way on each scanout: `ready` says when the next one may
 * come, so a slow display costs frames, never memory or queue time. A peer that closes, answers
 * nonsense or stops answering ends the display: `closed` is called once, open questions are
 * answered with an error first.
 *
 * The peer has to be told the size of a scanout before the first update of it; this file sees to it.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "util/image.h"

#define DISPLAY_MAX_SCANOUTS 16u
#define DISPLAY_EDID_MAX     1024u
#define DISPLAY_REPLY_MS     1000u /* how long a question may take */

struct loop;
struct display;

struct display_mode {
	struct rect rect;
	bool enabled;
	uint32_t flags;
};

struct display_events {
	/* The scanout can take an update (again). Called from the loop, never inside a call here. */
	void (*ready)(void *data, uint32_t scanout);
	/* The peer is gone or broke the protocol (logged). Destroy the display now or later. */
	void (*closed)(void *data);
};

/* status 0: modes[DISPLAY_MAX_SCANOUTS] as the peer wants them; else -errno and modes NULL. */
typedef void (*display_info_fn)(void *data, int status, const struct display_mode *modes);
/* status 0: size bytes (1..DISPLAY_EDID_MAX) of EDID; else -errno. */
typedef void (*display_edid_fn)(void *data, int status, const uint8_t *edid, uint32_t size);

/* Takes sock and asks the peer for its protocol features. NULL when memory or the loop refuses. */
struct display *display_create(struct loop *loop, int sock, const struct display_events *events,
	void *data);

/* Open questions end with -ECONNRESET first. NULL is fine. */
void display_destroy(struct display *display);

/* Asks for modes (GET_DISPLAY_INFO). The callback comes exactly once, never inside this call; after
 * DISPLAY_REPLY_MS without an answer with -ETIMEDOUT. -ENOMEM: no callback. */
int display_get_info(struct display *display, display_info_fn fn, void *data);

/* Asks for a scanout's EDID: -EOPNOTSUPP (in the callback) when the peer has not got the feature. A
 * peer may leave a scanout it does not have without an answer; later answers are not mixed up. */
int display_get_edid(struct display *display, uint32_t scanout, display_edid_fn fn, void *data);

/* True when update or dmabuf_update would be taken now. */
bool display_scanout_ready(const struct display *display, uint32_t scanout);

/* Sets the size of a scanout shown by display_update(); 0 x 0 switches it off. */
void display_set_scanout(struct display *display, uint32_t scanout, uint32_t width,
	uint32_t height);

/* Sends the pixels of rect: at (rect.x, rect.y) of the scanout, taken from `from` of an IMAGE_PIXELS
 * image (same size as rect). Only when ready, and inside the scanout's size (both asserted). A
 * reference to the image is kept until all is written. -ENOMEM: not sent, still ready. */
int display_update(struct display *display, uint32_t scanout, const struct rect *rect,
	struct image *image, uint32_t from_x, uint32_t from_y);

/* Shows `view` of a dma-buf image on a scanout (DMABUF_SCANOUT2 when the peer knows it). Returns
 * -EOPNOTSUPP when the peer cannot show this one (planes, modifier): use updates instead. */
int display_set_dmabuf(struct display *display, uint32_t scanout, const struct image *image,
	const struct rect *view);

/* Says that rect of the dma-buf on a scanout has changed. Only when ready (asserted). */
int display_update_dmabuf(struct display *display, uint32_t scanout, const struct rect *rect);

/* Cursor. Pixels are a8r8g8b8, VHOST_USER_GPU_CURSOR_SIDE squared. Positions not yet sent are
 * replaced by newer ones. */
struct display_cursor {
	uint32_t scanout;
	uint32_t x, y;
	uint32_t hot_x, hot_y;
};
void display_cursor_update(struct display *display, const struct display_cursor *cursor,
	const uint32_t *pixels);
void display_cursor_move(struct display *display, const struct display_cursor *cursor);
void display_cursor_hide(struct display *display, const struct display_cursor *cursor);
