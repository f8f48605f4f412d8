/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/*
 * The viewer's sandbox, in two steps. What backends, VNC clients and compositors send is read behind both: there
 * is no file but in the folder for pictures, no network but the sockets that listen already, and no process.
 */
#pragma once

#include "sandbox/sandbox.h"

/* First of all; the process that connects, started next, has this part as well. 0 or -errno (logged). */
int cage_begin(struct sandbox *sandbox, enum sandbox_mode mode);

/* When everything is open. What is left are `pictures`, a folder in which files are made and replaced (an
 * absolute path; NULL: none are), and `sockets`, one from which files are removed (-1: none are). Must not be
 * called with a second thread. 0 or -errno (logged). */
int cage_close(struct sandbox *sandbox, const char *pictures, int sockets);

/* Says in the log which layers hold. */
void cage_report(const struct sandbox *sandbox);
