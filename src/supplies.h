/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/*
 * For the launcher: what the device process always has in stock, because it cannot make it itself.
 *
 *	spares	for each renderer of the configuration CONTROL_SPARE_STOCK socket pairs, whose one end the
 *		device has, each with memory for the ring to the renderer process that will hold the other end
 *	memory	for frames that are read back from renderers
 *
 * What is used up is replaced at once; what could not be made or sent, a second later.
 */
#pragma once

#include <stdint.h>

#include "control.h"
#include "gpu/device.h"

struct loop;
struct loop_source;

struct supplies {
	int control; /* the socket to the device process, not owned; -1: none */
	uint32_t renderer_count;
	const char *const *renderers; /* their names */
	uint64_t memory_bytes; /* for one frame */
	uint32_t memory_count; /* how many the device has */
	struct supplies_spares {
		uint32_t count;
		struct supplies_spare {
			int end; /* owned: the next process's */
			uint32_t number;
		} list[CONTROL_SPARE_STOCK];
	} spares[GPU_MAX_RENDERERS];
	uint32_t next_number;
	struct loop_source *timer; /* armed when something is missing */
};

/* Sets the timer. 0 or -ENOMEM. Everything else is the caller's to set first. */
int supplies_init(struct supplies *supplies, struct loop *loop);
void supplies_finish(struct supplies *supplies);

/* A new device process is at control and has nothing. -1: there is none any more. */
void supplies_deliver(struct supplies *supplies, int control);

/* The end of a spare for a process (the caller's), whose other end the device uses from now on, or -1. Another one is
 * made when supplies_renew() is called. */
int supplies_take(struct supplies *supplies, uint32_t renderer, uint32_t number);
void supplies_renew(struct supplies *supplies, uint32_t renderer);

/* The device process says that it could not take a spare; that it uses memory, or could not take it. */
void supplies_spare_lost(struct supplies *supplies, uint32_t renderer, uint32_t number);
void supplies_memory_taken(struct supplies *supplies);
void supplies_memory_lost(struct supplies *supplies);
