/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/*
 * Whole steps of a wheel, of what a compositor says about one axis (wl_pointer): wheels are told in parts of
 * steps, fingers and others only as a distance. What belongs together is a frame. The signs are the axis's.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#define WHEEL_PARTS 120 /* of a step: what wheels are told in */

struct wheel {
	/* in this frame, and left over from others; in parts of their own */
	int64_t turned, moved, rest;
	bool has_turned;
};

/* All zero in the beginning. */

/* So many 120ths of a step. */
void wheel_turn(struct wheel *wheel, int64_t parts);

/* A distance in 256ths; it is what wheel_turn() says in other words, where that is called in the same frame. */
void wheel_move(struct wheel *wheel, int32_t distance);

/* The frame has ended: the whole steps since then, at most 100. */
int32_t wheel_steps(struct wheel *wheel);

/* Nothing is left over, as when fingers are lifted. */
void wheel_stop(struct wheel *wheel);
