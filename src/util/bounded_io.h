/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/*
 * Reading and writing descriptors that a peer has given, and may have kept: O_NONBLOCK belongs to what both have
 * open, so it can be taken away at any time. What would wait is given up after BOUNDED_IO_MS.
 *
 * Sockets need none of this, but MSG_DONTWAIT. For the main thread only: it is a timer of the process, ITIMER_REAL,
 * whose signal, SIGALRM, ends the wait. Waits that no signal ends are not bounded: those for a file system that the peer
 * itself serves.
 */
#pragma once

#include <stddef.h>
#include <sys/types.h>

#define BOUNDED_IO_MS 10u

/* As read() and write(), but the count or -errno; -EAGAIN also for what has been given up. */
ssize_t bounded_read(int fd, void *bytes, size_t size);
ssize_t bounded_write(int fd, const void *bytes, size_t size);

/* Adds one to an eventfd. A counter that cannot take it wakes its reader as it is, so nothing is lost. */
void bounded_signal(int fd);
