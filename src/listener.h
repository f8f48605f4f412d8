/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/* Listening UNIX sockets with a path. */
#pragma once

#include <stdbool.h>

/* Listens at path; a socket file that nobody listens on any more is replaced. Returns a close-on-exec,
 * non-blocking descriptor, or -errno after one line that says what is wrong. */
int listener_open(const char *path);

/* Accepts one connection: a close-on-exec, non-blocking descriptor or -errno (-EAGAIN: none now). */
int listener_accept(int fd);

/* Whether a descriptor that was given (--fd) is a UNIX stream socket that VMMs connect to (*ret_listening)
 * or that one is connected to. 0, or -errno after one line that says what is wrong. */
int listener_check(int fd, bool *ret_listening);
