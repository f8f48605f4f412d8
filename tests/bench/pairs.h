/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/*
 * Two daemons, each with a guest that draws frames, compared side by side: blocks of frames alternate between
 * them and are compared in pairs, so that whatever else the machine does meets both.
 *
 * Everything here ends the program when it fails.
 */
#pragma once

#include "kit/check.h"

#define PAIRS_WARM_UP  20u
#define PAIRS_START_MS 20000

/* What blocks took, per frame. */
enum pairs_measure {
	PAIRS_WALL, /* how long */
	PAIRS_RUNNING, /* how much of it the daemon's processes were running */
	PAIRS_MEASURES,
};

struct pairs_side {
	struct kit_machine *m;
	/* Draws a frame. */
	void (*draw)(struct pairs_side *side);
	/* Waits until what was drawn last is shown, after each block. */
	void (*check_shown)(struct pairs_side *side);
	double *took_us[PAIRS_MEASURES]; /* per block */
};

struct pairs {
	struct pairs_side *first, *second;
	uint32_t blocks, frames;
	double least;
	double *ratios; /* room for one per block */
};

/* Takes --blocks, --frames and --least from the command line. */
void pairs_parse(struct pairs *pairs, int argc, char **argv);

/* A machine with a daemon of this command line. */
struct kit_machine *pairs_machine(const struct kit_machine_spec *spec);

/* Makes room for the results of both sides. */
void pairs_prepare(struct pairs *pairs);

/* Frames that do not count. */
void pairs_warm_up(struct pairs_side *side);

void pairs_run(struct pairs *pairs);

/* Of the first side's result by the second's, the median. */
double pairs_ratio(struct pairs *pairs, enum pairs_measure measure);

/* The median of one side. */
double pairs_median(const struct pairs *pairs, struct pairs_side *side, enum pairs_measure measure);

/* Ends both machines; false: something was wrong. */
bool pairs_finish(struct pairs *pairs);
