/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/*
 * Requests from the backend to the VMM over the socket that SET_BACKEND_REQ_FD gave. They are continuations:
 * they stand in line, one is under way at a time, and the loop goes on serving the main socket meanwhile (VMMs
 * send there before they answer here). An answer may take as long as the VMM likes: nothing is left out
 * because of that, and who does not want to wait has to see to it.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "vhost/protocol.h"

struct loop;
struct backend_channel;

/* status: 0 when the VMM said 0, -EIO when it refused, -ECONNRESET when the channel closed first */
typedef void (*backend_channel_fn)(void *data, int status);

/* Takes sock. features: the protocol features that the VMM has acknowledged. Without REPLY_ACK requests count as
 * done once sent. With RESET_DEVICE it may be QEMU, which takes whatever it knows of what is offered, and this is
 * always offered: then it is asked with care, as QEMU 11.1 does not survive a SHMEM_… while it stops the device.
 * Whoever has not taken it is no QEMU. */
struct backend_channel *backend_channel_create(struct loop *loop, int sock, uint64_t features);

/* Open requests end with -ECONNRESET, before this returns. NULL is fine. */
void backend_channel_destroy(struct backend_channel *channel);

/* Whether the device runs, as far as the VMM knows: at first it does not. A request that is for a device that
 * runs, which the VMM has begun to get when the device stops and has not begun to read, ends the channel for the
 * VMM's sake, where that may be QEMU. Others get what was sent when they read it. */
void backend_channel_set_running(struct backend_channel *channel, bool running);

struct backend_channel_args {
	enum vhost_user_backend_request request;
	const void *payload; /* size bytes */
	size_t size;
	int fd; /* -1: none; stays the caller's, it is duplicated */
	/* It is not sent while the device is stopped, as some VMMs do not survive a SHMEM_… then. Among themselves
	 * such requests keep their order; others go before them meanwhile. */
	bool while_running;
	backend_channel_fn done; /* may be NULL: nobody wants to know */
	void *data;
};

/* False once it is closed: nothing that was asked is carried out any more. */
bool backend_channel_is_open(const struct backend_channel *channel);

/* Sends a request, as soon as it can be. done is called exactly once, never inside this call. What has neither
 * payload nor done is sent once, however often it is asked for until then. Returns 0, -ENOTCONN after the channel
 * closed, -ENOMEM. */
int backend_channel_request(
	struct backend_channel *channel, const struct backend_channel_args *args);
