/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/*
 * The viewer's sandbox, in two steps. What backends, VNC clients and compositors send is read behind both: there
 * is no file but in the folder for pictures, no network but the sockets that listen already, and no process.
 */
#pragma once

#include "sandbox/sandbox.h"

/* First of all, standard input and output included; the process that connects, started next, has this part as well. 0 or -errno (logged). */
int cage_begin(struct sandbox *sandbox, enum sandbox_mode mode);

#define CAGE_SOCKETS 3u

struct cage_places {
	const char
		*pictures; /* a folder in which files are made and replaced: absolute; NULL: none */
	int sockets[CAGE_SOCKETS]; /* folders from which files are removed; -1: none */
};

/* When everything is open; what is left are these places. Must not be called with a second thread. 0 or
 * -errno (logged). */
int cage_close(struct sandbox *sandbox, const struct cage_places *left);

/* Says in the log which layers hold. */
void cage_report(const struct sandbox *sandbox);
