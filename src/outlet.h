/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/*
 * The launcher's own standard error, without waiting for whoever reads it: a terminal that is stopped, or a
 * program that does not read, stops nobody. What cannot be written at once waits in a buffer; what has no room
 * there is left out, and a line says how much that was.
 *
 * Others may have the same file open: nothing of it is changed for them.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct loop;
struct loop_source;

#define OUTLET_BYTES 65536u

struct outlet {
	int fd; /* STDERR_FILENO, or owned: the same opened again */
	bool socket;
	bool patient; /* writing to it might wait: it is asked first */
	struct loop_source *source; /* NULL: nothing tells when it can be written to */
	size_t length;
	uint64_t left_out; /* lines, since it was full */
	char bytes[OUTLET_BYTES];
};

/* From now on all that is logged in this process goes this way; SIGPIPE is ignored. The outlet must stay where
 * it is. */
void outlet_init(struct outlet *outlet, struct loop *loop);

/* One line with its newline, of LOG_LINE_BYTES at most. */
void outlet_write(struct outlet *outlet, const char *line, size_t length);

/* What is left is written within a fifth of a second, or not at all; from now on lines are logged as before. */
void outlet_finish(struct outlet *outlet);
