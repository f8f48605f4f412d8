/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/*
 * For the launcher: what a child writes to standard error. It has a pipe of its own there instead of the user's
 * file, and comes into the launcher's log line by line, without what a terminal could act on, and not more than
 * so many lines in a second: a child that was taken over can write whatever it likes.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "util/log.h"

struct loop;
struct loop_source;
struct outlet;

#define CHILD_LOG_BURST  1000u /* lines at once, as many as the longest report of a crash */
#define CHILD_LOG_STEADY 50u /* for each second afterwards */

/* For one child after another. */
struct child_log {
	struct loop *loop;
	struct outlet *outlet;
	const char *name; /* for log lines */
	bool limited;
	int fd; /* owned: where it is read; -1: there is nothing to be read */
	struct loop_source *source;
	uint32_t allowed; /* lines that may come now */
	uint64_t second; /* when that was counted */
	uint64_t left_out;
	struct loop_source *timer; /* until it is said how many those are */
	size_t length;
	bool cut; /* the line is longer than that */
	char line[LOG_LINE_BYTES];
};

/* limited: not to be set when the user wants to see everything. name and outlet must stay. */
void child_log_init(struct child_log *log, struct loop *loop, struct outlet *outlet,
	const char *name, bool limited);

/* Returns what the next child gets as its standard error (the caller's), or -errno (logged). What the one before it
 * has written is read first. */
int child_log_open(struct child_log *log);

/* Passes on what has been written so far, so that what the launcher says next comes after it. */
void child_log_drain(struct child_log *log);

/* The child has ended: the same, to the last byte. */
void child_log_close(struct child_log *log);
