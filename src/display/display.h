/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/*
 * The device's end of the display protocol: one socket to whoever shows the picture.
 *
 * Nothing here waits. What is to be sent is kept as state and not as a queue, and written as the
 * peer reads: a newer size, dma-buf or cursor replaces one that the peer has not been told yet.
 * There is at most one update under way on each scanout: `ready` says when the next one may come,
 * so a slow display costs frames, never memory or queue time. Questions are answered by a callback;
 * a peer that does not answer costs them their time. One that closes or answers nonsense ends the
 * display: open questions are answered with an error, then `closed` is called once.
 *
 * The peer has to be told the size of a scanout before the first update of it; this file sees to
 * it, together with the update: the peer hears nothing of sizes and dma-bufs that get no update.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "util/image.h"

#define DISPLAY_MAX_SCANOUTS 16u
#define DISPLAY_EDID_MAX     1024u
#define DISPLAY_REPLY_MS     1000u /* how long a question may take */
#define DISPLAY_KEEP_MAX     (64u << 20) /* bytes of an update whose memory goes */
#define DISPLAY_ACK_MS       2000u /* how long showing a dma-buf may take */

struct loop;
struct display;

struct display_mode {
	struct rect rect;
	bool enabled;
	uint32_t flags;
};

struct display_events {
	/* The scanout can take an update (again), or is off and not busy (any more). Called from the loop, never
	 * inside a call here. */
	void (*ready)(void *data, uint32_t scanout);
	/* The peer is gone or broke the protocol (logged). Destroy the display now or later. */
	void (*closed)(void *data);
};

/* status 0: modes[DISPLAY_MAX_SCANOUTS] as the peer wants them, any values; else -errno and modes
 * NULL. */
typedef void (*display_info_fn)(void *data, int status, const struct display_mode *modes);
/* status 0: size bytes (1..DISPLAY_EDID_MAX) of EDID; else -errno. */
typedef void (*display_edid_fn)(void *data, int status, const uint8_t *edid, uint32_t size);

/* Takes sock (closes it when this fails) and asks the peer for its protocol features. NULL when
 * memory or the loop refuses. events must stay as long as the display. */
struct display *display_create(
	struct loop *loop, int sock, const struct display_events *events, void *data);

/* Open questions end with -ECONNRESET first. NULL is fine. */
void display_destroy(struct display *display);

/* Asks for modes (GET_DISPLAY_INFO). The callback comes exactly once, never inside this call; after
 * DISPLAY_REPLY_MS without an answer with -ETIMEDOUT (questions are asked one after the other: the
 * time starts again when the one before has ended). No callback when this returns -ENOMEM (too many
 * questions are open) or -ENOTCONN (the peer is gone). */
int display_get_info(struct display *display, display_info_fn fn, void *data);

/* Asks for a scanout's EDID: -EOPNOTSUPP (in the callback) when the peer has not got the feature. A
 * peer may leave a scanout it does not have without an answer; later answers are not mixed up. Else
 * like display_get_info(). */
int display_get_edid(struct display *display, uint32_t scanout, display_edid_fn fn, void *data);

/* True when update or update_dmabuf, whichever goes with what was set last, would be taken now. Not
 * so while nothing is set, for a dma-buf until the peer has told its features, and without a
 * peer. */
bool display_scanout_ready(const struct display *display, uint32_t scanout);

/* True from an update on until it is written and, if it was of a dma-buf or shared memory, answered. */
bool display_scanout_busy(const struct display *display, uint32_t scanout);

/* Sets the size of a scanout shown by display_update(); 0 x 0 switches it off (and is sent at
 * once). An update that has not begun to be written is dropped when this changes anything. */
void display_set_scanout(
	struct display *display, uint32_t scanout, uint32_t width, uint32_t height);

/* Sends the pixels of rect: at (rect.x, rect.y) of the scanout, taken from (from_x, from_y) of a
 * readable image, where an area of the same size must be. Only when ready, and inside the
 * scanout's size (both asserted). A reference to the image is kept, and its pixels are read, until
 * all is written. Its memory may be cut off meanwhile where the process survives that by itself
 * (util/bus_guard.h). -ENOMEM, or -EMSGSIZE when a side of rect is longer than IMAGE_MAX_SIDE: not sent,
 * still ready. */
int display_update(struct display *display, uint32_t scanout, const struct rect *rect,
	struct image *image, uint32_t from_x, uint32_t from_y);

/* The memory of all images with this owner (not NULL) is about to go. An update of them that has not
 * begun to be written is dropped. Of the one that has, there is at most one, the rest is copied, and
 * written from there; where it is larger than DISPLAY_KEEP_MAX, or there is no memory, it becomes black. */
void display_release_memory(struct display *display, const void *owner);

/* True when the peer is known to take shared memory in place of a dma-buf. */
bool display_takes_memory(const struct display *display);

/* Shows `view` of a dma-buf image, or of shared memory, on a scanout (DMABUF_SCANOUT2 when the peer knows it), from the
 * next display_update_dmabuf() on, which should be of all of the view. Returns -EOPNOTSUPP when the
 * peer cannot show this one (planes, offset, modifier, shared memory, a view that is not at (0, 0)): use
 * updates instead. The descriptor is duplicated: -EMFILE. An update that has not begun to be written is
 * dropped. */
int display_set_dmabuf(struct display *display, uint32_t scanout, const struct image *image,
	const struct rect *view);

/* Says that rect of the view has changed. Only when ready (asserted). -EOPNOTSUPP: the peer's
 * features, which were not known to display_set_dmabuf() yet, do not allow this one; use updates
 * instead. The scanout is ready again when the peer answers: shared memory must hold still until then. A peer
 * that takes no shared memory has DISPLAY_ACK_MS for that. */
int display_update_dmabuf(struct display *display, uint32_t scanout, const struct rect *rect);

/* Cursor. Pixels are a8r8g8b8, VHOST_USER_GPU_CURSOR_SIDE squared, and copied. Positions and images
 * not yet sent are replaced by newer ones. An update also shows the cursor. The hot point belongs
 * to the image: move and hide do not look at it. */
struct display_cursor {
	uint32_t scanout;
	uint32_t x, y;
	uint32_t hot_x, hot_y;
};
void display_cursor_update(
	struct display *display, const struct display_cursor *cursor, const uint32_t *pixels);
void display_cursor_move(struct display *display, const struct display_cursor *cursor);
void display_cursor_hide(struct display *display, const struct display_cursor *cursor);
