/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/* Bytes and descriptors over a UNIX stream socket, with a time limit and everything else served. */
#pragma once

#include "kit/kit.h"

#define KIT_MAX_FDS 253u /* what the kernel takes in one message */

struct kit_bytes {
	const void *data;
	size_t size;
	const int *fds; /* go with the first byte; stay the caller's */
	size_t fd_count;
	size_t piece; /* send at most this many bytes at a time; 0: all at once */
};

/* 0; -ETIMEDOUT when the peer does not read; -ECONNRESET when it is gone. */
int kit_stream_send(struct kit *kit, int sock, const struct kit_bytes *bytes);

/* Receives exactly size bytes. Descriptors that come with them are put into fds (room for fd_max;
 * more, or any cut off by the kernel, is -EPROTO) and belong to the caller, also after an error.
 * *fd_count is added to. An end of file is -ECONNRESET. */
struct kit_room {
	void *data;
	size_t size;
	int *fds; /* may be NULL when fd_max is 0 */
	uint32_t fd_max;
	uint32_t *fd_count;
};
int kit_stream_receive(struct kit *kit, int sock, const struct kit_room *room);
