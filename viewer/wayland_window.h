/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/*
 * A window of a Wayland compositor: black, with a picture in the middle that the compositor scales so
 * that all of it is seen and its sides keep their ratio.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "util/image.h"

struct wayland;
struct wl_surface;
struct wayland_buffer;
struct wayland_window;

struct wayland_window_events {
	/* It is there, or has another size, in the compositor's units. */
	void (*resized)(void *data, uint32_t width, uint32_t height);
	/* The compositor has taken the last picture, or can take the first one. */
	void (*ready)(void *data);
	/* It should be destroyed. Only told. */
	void (*closed)(void *data);
};

struct wayland_window_args {
	const char *title;
	const char *name; /* that rules of compositors know it by (app_id) */
	uint32_t width, height; /* where the compositor leaves it to us */
	uint32_t head; /* that it shows */
	const struct wayland_buffer *black; /* of one pixel; stays */
};

/* NULL when memory is short. */
struct wayland_window *wayland_window_create(struct wayland *wayland,
	const struct wayland_window_args *args, const struct wayland_window_events *events,
	void *data);

/* NULL is fine. */
void wayland_window_destroy(struct wayland_window *window);

/* True when a picture may be shown. Not so while the compositor has not drawn the last one, nor before it
 * has said how large the window is. */
bool wayland_window_ready(const struct wayland_window *window);

/* Of the whole window, and what is typed and pointed at in it. It has the window as its data; the other surfaces that are
 * made here have none, and hear of no input. */
struct wl_surface *wayland_window_surface(const struct wayland_window *window);

uint32_t wayland_window_head(const struct wayland_window *window);

struct wayland_view {
	struct wayland_buffer *picture; /* busy from now on */
	struct rect part; /* of it: what is shown */
	uint32_t height; /* of all of it */
	bool bottom_up; /* its first row is the lowest; `part` is counted from the top all the same */
	struct rect damage; /* what is new, in the part */
};

/* Shows a picture. Only when ready. */
void wayland_window_show(struct wayland_window *window, const struct wayland_view *view);

struct wayland_pointer {
	struct wayland_buffer *image;
	bool fresh; /* it is another one, or drawn anew: busy from now on */
	uint32_t x, y; /* of what is seen of it, in it */
	struct rect place; /* on the picture; empty: nothing is seen of it */
};

/* Puts the pointer on the picture that is shown. Only when ready. True: it is seen with the next picture, or else
 * wayland_window_commit(). */
bool wayland_window_point(struct wayland_window *window, const struct wayland_pointer *pointer);
void wayland_window_commit(struct wayland_window *window);

/* Whether it is seen. */
bool wayland_window_has_pointer(const struct wayland_window *window);

/* The pixel of the picture that is nearest to a place in the window, which is in 256ths of the compositor's
 * units. False: no picture is shown. */
struct wayland_spot {
	int32_t x, y;
};
bool wayland_window_find(const struct wayland_window *window, const struct wayland_spot *place,
	struct wayland_spot *ret_pixel);

/* Shows nothing, nor a pointer. The last picture stays busy until the compositor says otherwise. */
void wayland_window_clear(struct wayland_window *window);
