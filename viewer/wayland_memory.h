/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/* Pictures in memory that is shared with the compositor: it shows one while the other one is drawn. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "util/image.h"
#include "wayland.h"

#define WAYLAND_PICTURES 2u

struct wayland_picture {
	struct wayland_buffer buffer;
	uint32_t *pixels; /* x8r8g8b8, rows without gaps */
	size_t size;
	struct rect stale; /* was drawn anew elsewhere; whoever draws it empties this */
};

struct wayland_memory {
	struct wayland *wayland;
	struct wayland_layout layout; /* 0 x 0: there is none */
	struct wayland_picture pictures[WAYLAND_PICTURES];
	void (*released)(void *data); /* one of them is not busy any more */
	void *data;
};

/* Nothing yet. */
void wayland_memory_init(struct wayland_memory *memory, struct wayland *wayland,
	void (*released)(void *data), void *data);

/* Pictures of that size, not 0, all stale; what was there before goes. 0, or -errno: there are none. */
int wayland_memory_open(struct wayland_memory *memory, const struct wayland_layout *layout);

void wayland_memory_finish(struct wayland_memory *memory);

void wayland_memory_damage(struct wayland_memory *memory, const struct rect *rect);

/* One that can be drawn now; NULL: none. */
struct wayland_picture *wayland_memory_free(struct wayland_memory *memory);
