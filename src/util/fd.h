/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/*
 * Owned file descriptors and scoped clean-up.
 *
 * An owned descriptor is an int that is -1 when empty. Whoever holds it closes it with fd_close()
 * or hands it on with fd_steal(). Every descriptor made here is close-on-exec.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/types.h>

/* Closes *fd when it is >= 0 and sets it to -1; errno is kept. */
void fd_close(int *fd);

/* Empties *fd and returns what it held. */
static inline int fd_steal(int *fd)
{
	int stolen = *fd;
	*fd = -1;
	return stolen;
}

/* Closes every descriptor of an array and sets it to -1. */
void fd_close_all(int *fds, size_t count);

/* A close-on-exec duplicate; returns it or -errno. */
int fd_dup(int fd);

/* Makes fd non-blocking; returns 0 or -errno. */
int fd_set_nonblocking(int fd);

/* fstat() by the system call of that name: some C libraries use one for it that takes paths too, which
 * the sandbox refuses. Returns 0 or -errno. */
int fd_stat(int fd, struct stat *ret_status);

/* Sees to it that a file of memory cannot get shorter from now on. False: it still can, or is no such file. */
bool fd_seal_size(int fd);

/* Whether others can map so many bytes of fd for as long as they like: a file of memory, which is sealed for that, or a
 * dma-buf, which says nothing of its size and has no type; never a device or the like. *ret_file tells which. */
bool fd_keeps(int fd, uint64_t bytes, struct stat *ret_file);

/* A non-blocking eventfd with count 0; returns it or -errno. */
int fd_eventfd(void);

/* Adds one to an eventfd of this process. A counter at its maximum still wakes the reader, so EAGAIN is success.
 * On one that a peer has made this could wait: that is for bounded_signal(). */
void fd_eventfd_signal(int fd);

/* Sets an eventfd (or a pipe of up to 256 wake-up bytes) back to unread. Never blocks on one that
 * is readable or non-blocking. */
void fd_eventfd_drain(int fd);

/* Sends exactly one datagram on a SEQPACKET socket with up to 8 descriptors (not consumed).
 * Returns 0 or -errno (-EAGAIN when the peer's buffer is full). Never raises SIGPIPE. */
int fd_send_packet(int sock, const void *data, size_t size, const int *fds, size_t fd_count);

/* Receives one datagram of at most size bytes. Descriptors beyond fd_max, and all of them when the
 * packet is refused, are closed; unused places of fds are set to -1. Returns the length (0: the
 * peer has closed) or -errno; a truncated packet or too many descriptors is -EBADMSG. */
ssize_t fd_recv_packet(int sock, void *data, size_t size, int *fds, size_t fd_max);

static inline void fd_cleanup(int *fd)
{
	fd_close(fd);
}

static inline void free_cleanup(void *pointer)
{
	free(*(void **)pointer);
}

/* Scope attributes: `_cleanup_fd_ int fd = -1;`, `_cleanup_free_ char *text = NULL;` */
#define _cleanup_fd_   __attribute__((cleanup(fd_cleanup)))
#define _cleanup_free_ __attribute__((cleanup(free_cleanup)))
