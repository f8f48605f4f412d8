/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/*
 * Bytes that go over a descriptor which the VMM gave for them: a device's state, out or in
 * (vhost-user, SET_DEVICE_STATE_FD). The descriptor is a pipe, a stream socket or a file; its being
 * closed is the end of what is sent.
 *
 * Nothing waits for the VMM: bytes move when the descriptor is ready, a bounded portion in each
 * round of the loop, and nothing is kept beyond one buffer. One that makes us wait nevertheless gets no more
 * than some milliseconds a round (util/bounded_io.h). A transfer has no time limit of its own.
 *
 * The process must ignore SIGPIPE.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct loop;
struct vhost_transfer;

#define VHOST_TRANSFER_PORTION (UINT64_C(256) << 10) /* bytes in one round of the loop */

enum vhost_transfer_direction {
	VHOST_TRANSFER_SAVE, /* to the VMM */
	VHOST_TRANSFER_LOAD, /* from the VMM */
};

struct vhost_transfer_events {
	/* Saving: what comes next, to be kept in place until the next call. How many bytes; 0: there
	 * are no more; -errno. */
	ssize_t (*next)(void *data, const void **ret_bytes);
	/* Loading: what has come. 0; 1: no more is needed; -errno: what else comes over a pipe or
	 * socket is read and dropped, as the VMM only asks for the outcome when it has got rid of
	 * everything. */
	int (*take)(void *data, const void *bytes, size_t size);
	/* It is over and the descriptor closed. status: 0, or the first -errno; those that next() and
	 * take() have not returned are logged. Called once, from the loop. Destroy the transfer, now
	 * or later. */
	void (*ended)(void *data, int status);
};

/* Takes fd (closes it when this fails). 0 or -errno: -EINVAL when fd is none that bytes can be moved
 * over in this direction. */
int vhost_transfer_create(struct loop *loop, int fd, enum vhost_transfer_direction direction,
	const struct vhost_transfer_events *events, void *data,
	struct vhost_transfer **ret_transfer);

/* Ends it in the middle, without an event. NULL is fine. */
void vhost_transfer_destroy(struct vhost_transfer *transfer);

/* The VMM says that it is done. A load that has failed then ends, and one that needs no more ends when
 * there is nothing left to read, even if somebody still holds the other end. */
void vhost_transfer_settle(struct vhost_transfer *transfer);
