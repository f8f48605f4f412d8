/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/*
 * What is to be seen: a picture and a pointer for each head (the display protocol's scanouts), and
 * who shows them. Pictures change by the peer's messages; outputs are told of it and read the picture
 * when they get to it. One thread.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "util/image.h"
#include "util/list.h"

#define SCREEN_HEADS       16u
#define SCREEN_MAX_PIXELS  (64u << 20) /* of a head: larger ones are not shown */
#define SCREEN_CURSOR_SIDE 64u

struct head_cursor {
	bool visible;
	uint32_t x, y; /* of the hot point, on the head */
	uint32_t hot_x, hot_y;
	uint32_t
		pixels[SCREEN_CURSOR_SIDE * SCREEN_CURSOR_SIDE]; /* a8r8g8b8, alpha multiplied in */
};

struct dmabuf;

struct head {
	uint32_t width, height; /* 0: it is off */
	uint32_t *pixels; /* x8r8g8b8, rows without gaps */
	const struct dmabuf *dmabuf; /* that the picture lies in; NULL: it is sent as pixels */
	struct head_cursor cursor;
};

struct output;

struct output_impl {
	/* The head has another size, or was switched on or off. Its picture is black, or will come. */
	void (*resized)(struct output *output, uint32_t head);
	/* This part of the picture is new; it is inside. */
	void (*damaged)(struct output *output, uint32_t head, const struct rect *rect);
	/* False: shows the head's dma-buf itself, or nothing of the head, so that the pixels need not be read
	 * from it. NULL: is always true. */
	bool (*needs_pixels)(struct output *output, uint32_t head);
	/* The pointer is elsewhere, or looks different. NULL: does not matter. */
	void (*pointer)(struct output *output, uint32_t head, bool image);
	void (*destroy)(struct output *output);
};

/* One way to show heads; the first member of an implementation's struct. */
struct output {
	const struct output_impl *impl;
	struct screen *screen;
	struct list link;
};

struct screen {
	struct head heads[SCREEN_HEADS];
	struct list outputs;
};

void screen_init(struct screen *screen);

/* Destroys the outputs as well. */
void screen_finish(struct screen *screen);

/* The output is the screen's from now on, and hears of everything that is on already. */
void screen_add(struct screen *screen, struct output *output, const struct output_impl *impl);

/* Switches a head on with a black picture, or off (0 x 0). -E2BIG when it is too large, -ENOMEM: it is
 * off then. Outputs are told in any case. */
int screen_resize(struct screen *screen, uint32_t head, uint32_t width, uint32_t height);

/* True when somebody wants pixels and not the head's dma-buf. */
bool screen_needs_pixels(const struct screen *screen, uint32_t head);

/* Reads all of the head's dma-buf, if it has one: for who needs pixels from now on. */
void screen_read(struct screen *screen, uint32_t head);

/* Says that rect, inside of the picture, was drawn anew. */
void screen_damage(struct screen *screen, uint32_t head, const struct rect *rect);

/* Says that the head's cursor was changed; with another image, too. */
void screen_pointer(struct screen *screen, uint32_t head, bool image);
