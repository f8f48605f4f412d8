/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/* Listening UNIX sockets with a path. */
#pragma once

#include <stdbool.h>

struct listener {
	int fd; /* owned: close-on-exec, non-blocking; -1: none */
	int folder; /* owned: where the socket file is; -1: it is not ours */
	const char *name; /* of the file, in that folder */
};

#define LISTENER_NONE ((struct listener){ .fd = -1, .folder = -1 })

/* Listens at path, which is kept; a socket file that nobody listens on any more is replaced. 0, or -errno
 * after one line that says what is wrong. */
int listener_open(struct listener *listener, const char *path);

/* Closes it and removes its file. */
void listener_finish(struct listener *listener);

/* Accepts one connection: a close-on-exec, non-blocking descriptor or -errno (-EAGAIN: none now). */
int listener_accept(int fd);

/* Whether a descriptor that was given (--fd) is a UNIX stream socket that VMMs connect to (*ret_listening)
 * or that one is connected to. 0, or -errno after one line that says what is wrong. */
int listener_check(int fd, bool *ret_listening);
