/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/* Heads as windows of a Wayland compositor: one for each head. */
#pragma once

#include "modes.h"
#include "screen.h"

struct input;
struct loop;

struct wayland_args {
	const struct modes *modes; /* stay; a window has the size of its head's mode at first */
	struct input *input; /* where what is done in windows goes; stays. NULL: nowhere */
	bool all_keys; /* also what the compositor would keep for itself */
	/* The window of a head has another size than its mode. */
	void (*resized)(void *data, uint32_t head, uint32_t width, uint32_t height);
	/* It was closed. */
	void (*closed)(void *data, uint32_t head);
	/* The compositor has gone, or cannot be used (logged). The output does nothing any more. */
	void (*gone)(void *data);
	void *data;
};

/* Adds an output for the compositor of $WAYLAND_DISPLAY. NULL when there is none, or no memory (logged). */
struct output *wayland_output_create(
	struct loop *loop, struct screen *screen, const struct wayland_args *args);
