/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/* Pictures as PNG files. */
#pragma once

#include "screen.h"

struct loop;

enum png_when {
	PNG_ON_SIGNAL, /* only when png_output_save() is called */
	PNG_AT_INTERVAL, /* and every interval_ms, if something has changed */
	PNG_ON_CHANGE, /* and for every change, each in a file of its own */
};

struct png_args {
	const char *folder; /* is there */
	enum png_when when;
	uint64_t interval_ms; /* for PNG_ON_CHANGE: at least so long between two */
};

/* Adds an output that writes head-N.png (head-N-000001.png and so on with PNG_ON_CHANGE) to the folder; a
 * file is there as a whole, or not at all. NULL when memory is short. */
struct output *png_output_create(
	struct loop *loop, struct screen *screen, const struct png_args *args);

/* Writes a picture of every head that is on. 0, or -errno of the first that failed (logged). */
int png_output_save(struct output *output);
