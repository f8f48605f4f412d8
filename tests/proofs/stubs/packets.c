/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/*
 * util/fd.h where descriptors are only counted (stubs/descriptors.c) and packets of peers come: of any
 * length, with any contents, with or without the descriptors that there is room for.
 */
#include <errno.h>
#include <unistd.h>

#include "peer.h"
#include "util/fd.h"

uint64_t packet_descriptors;

void fd_close(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}

void fd_close_all(int *fds, size_t count)
{
	for (size_t i = 0; i < count; i++)
		fd_close(&fds[i]);
}

int fd_dup(int fd)
{
	prove(descriptor_is_open(fd));
	return nondet_bool() ? descriptor_new() : any_error();
}

int fd_send_packet(int sock, const void *data, size_t size, const int *fds, size_t fd_count)
{
	prove(readable(data, size));
	for (size_t i = 0; i < fd_count; i++)
		prove(descriptor_is_open(fds[i]));
	return any_status();
}

ssize_t fd_recv_packet(int sock, void *data, size_t size, int *fds, size_t fd_max)
{
	peer_writes(data, size);
	for (size_t i = 0; i < fd_max; i++)
		fds[i] = -1;
	ssize_t length = nondet_ssize();
	assume(length >= -4095 && length <= (ssize_t)size);
	for (size_t i = 0; i < fd_max && length >= 0; i++) {
		if (nondet_bool())
			continue;
		fds[i] = descriptor_new();
		packet_descriptors |= UINT64_C(1) << fds[i];
	}
	return length;
}
