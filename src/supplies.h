/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/*
 * For the launcher: what the device process always has in stock, because it cannot make it itself.
 *
 *	spares	for each renderer of the configuration a socket pair, whose one end the device has, and
 *		memory for the ring to the renderer process that will hold the other end
 *	memory	for frames that are read back from renderers
 *
 * What is used up is replaced at once; what could not be made or sent, a second later.
 */
#pragma once

#include <stdint.h>

#include "gpu/device.h"

struct loop;
struct loop_source;

struct supplies {
	int control; /* the socket to the device process, not owned; -1: none */
	uint32_t renderer_count;
	const char *const *renderers; /* their names */
	uint64_t memory_bytes; /* for one frame */
	uint32_t memory_count; /* how many the device has */
	int spares[GPU_MAX_RENDERERS]; /* owned: the ends for the next processes; -1: none */
	struct loop_source *timer; /* armed when something is missing */
};

/* Sets the timer. 0 or -ENOMEM. Everything else is the caller's to set first; spares to -1. */
int supplies_init(struct supplies *supplies, struct loop *loop);
void supplies_finish(struct supplies *supplies);

/* A new device process is at control and has nothing. -1: there is none any more. */
void supplies_deliver(struct supplies *supplies, int control);

/* The socket for the next process of a renderer (the caller's), whose other end the device uses from now
 * on, or -1. The next spare is made when supplies_renew() is called. */
int supplies_take(struct supplies *supplies, uint32_t renderer);
void supplies_renew(struct supplies *supplies, uint32_t renderer);

/* The device process says that it could not take a spare; that it uses memory, or could not take it. */
void supplies_spare_lost(struct supplies *supplies, uint32_t renderer);
void supplies_memory_taken(struct supplies *supplies);
void supplies_memory_lost(struct supplies *supplies);
