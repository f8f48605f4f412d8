/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/*
 * The connection to a Wayland compositor, for the files wayland_*.c: what it offers, and the loop.
 *
 * Nothing here waits. Requests gather in the library and go out once in a round of the loop; that there
 * are few of them sees to whoever makes them: nothing is drawn that the compositor has not asked for.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "util/list.h"

struct input;
struct loop;
struct loop_source;
struct wl_buffer;
struct wl_interface;

struct wayland_events {
	/* What it offers is known, and enough: windows may be made. */
	void (*ready)(void *data);
	/* It has gone, broke the protocol or lacks something (logged). Called once, from the loop; destroy all
	 * that was made with it, then this, now or later. */
	void (*gone)(void *data);
};

/* What people do in windows. */
struct wayland_typing {
	struct input *devices; /* whose it is; stays. NULL: nobody's */
	bool all_keys; /* also what the compositor would keep for itself, if it lets us */
};

enum wayland_format { WAYLAND_XRGB, WAYLAND_XBGR, WAYLAND_FORMATS };

struct wayland {
	const struct wayland_events *events;
	void *data;
	struct wl_display *display;
	struct wl_registry *registry;
	struct wl_callback *sync;
	struct loop_source *source;
	struct loop_source *flush; /* deferred */
	bool lacking; /* something that is needed */
	struct wayland_typing typing;
	struct list seats; /* of wayland_seat.c */
	uint32_t seat_count;

	/* What it offers; NULL: does not. */
	struct wl_compositor *compositor;
	struct wl_subcompositor *subcompositor;
	struct wl_shm *shm;
	struct wp_viewporter *viewporter;
	struct xdg_wm_base *shell;
	struct zxdg_decoration_manager_v1 *decorations; /* these need not be there */
	struct zwp_linux_dmabuf_v1 *dmabufs;
	struct zwp_keyboard_shortcuts_inhibit_manager_v1 *shortcuts;
	struct wayland_takes {
		bool linear,
			unsaid; /* dma-bufs whose rows follow each other, or of which nothing is said */
	} takes[WAYLAND_FORMATS];
};

/* A row of a table of what is looked for among the things that a compositor offers. */
struct wayland_global {
	const struct wl_interface *interface;
	uint32_t least, most; /* versions that will do */
	size_t place; /* of the pointer in struct wayland */
	bool needed;
	void (*bound)(struct wayland *wayland); /* NULL: nothing to be done */
	void (*destroy)(struct wayland *wayland);
};

/* wayland_window.c */
extern const struct wayland_global wayland_window_globals[];
extern const size_t wayland_window_global_count;

/* wayland_seat.c */
extern const struct wayland_global wayland_seat_global;

/* Connects to the compositor of $WAYLAND_DISPLAY. NULL: there is none, or no memory (logged). */
struct wayland *wayland_connect(struct loop *loop, const struct wayland_typing *typing,
	const struct wayland_events *events, void *data);

/* All windows and pictures have been destroyed. NULL is fine. */
void wayland_destroy(struct wayland *wayland);

/* Requests have been made: they go out in this round of the loop. */
void wayland_want_flush(struct wayland *wayland);

/* A picture as the compositor knows it. */
struct wayland_buffer {
	struct wl_buffer *handle; /* NULL: there is none */
	bool busy; /* it may be read; whoever shows it sets this */
	void (*released)(void *data); /* is not busy any more */
	void *data;
};

/* Of the memory of a file (not kept): x8r8g8b8, or a8r8g8b8 with alpha multiplied in, rows without gaps, at most
 * 512 MiB. buffer->released and data are set. 0 or -ENOMEM. */
struct wayland_layout {
	uint32_t width, height;
	bool alpha;
};
int wayland_buffer_open(struct wayland_buffer *buffer, struct wayland *wayland, int fd,
	const struct wayland_layout *layout);

/* The same of one that the compositor has made. */
void wayland_buffer_take(struct wayland_buffer *buffer, struct wl_buffer *handle);

/* The memory may be read for as long as it takes to hear of this. */
void wayland_buffer_close(struct wayland_buffer *buffer);
