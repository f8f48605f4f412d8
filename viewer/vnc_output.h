/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/* Heads for VNC clients (RFC 6143), with LibVNCServer: one port, or UNIX socket, for each head. */
#pragma once

#include "screen.h"

struct input;
struct loop;

struct vnc_args {
	const char *path; /* of a UNIX socket, for head 0; head N is at path.N. NULL: ports */
	const char *address; /* IPv4, of the interface to listen on; NULL: loopback */
	uint32_t port; /* of head 0; head N is at port + N */
	uint32_t heads; /* that there are ports for */
	const char *password; /* NULL: none; the first 8 bytes count */
	struct input *input; /* what clients type for; NULL: nothing */
};

/* Adds an output that listens until it is destroyed. NULL when it cannot (logged). */
struct output *vnc_output_create(
	struct loop *loop, struct screen *screen, const struct vnc_args *args);

/* The folder in which the output removes its sockets when it is destroyed; -1: there is none. */
int vnc_output_folder(struct output *output);
