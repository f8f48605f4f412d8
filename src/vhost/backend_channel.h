/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/*
 * Requests from the backend to the VMM over the socket that SET_BACKEND_REQ_FD gave. Requests that
 * want an answer are continuations: they are queued, one is under way at a time, and the loop goes
 * on serving the main socket meanwhile (VMMs send there before they answer here).
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "vhost/protocol.h"

struct loop;
struct backend_channel;

#define BACKEND_CHANNEL_REPLY_MS                                                                   \
	500u /* how long an answer may take that is not waited for patiently */

/* status: 0 when the VMM said 0, -EIO when it refused, -ECONNRESET when the channel closed first,
 * -ETIMEDOUT when there is no answer yet, or it was not sent because of that */
typedef void (*backend_channel_fn)(void *data, int status);

/* Takes sock. reply_ack: REPLY_ACK was negotiated (else requests count as done once sent). */
struct backend_channel *backend_channel_create(struct loop *loop, int sock, bool reply_ack);

/* Open requests end with -ECONNRESET, before this returns. NULL is fine. */
void backend_channel_destroy(struct backend_channel *channel);

/* Whether the device runs, as far as the VMM knows: at first it does not. A request that the VMM has begun to
 * get when the device stops, and has not begun to read, ends the channel, for the VMM's sake. */
void backend_channel_set_running(struct backend_channel *channel, bool running);

struct backend_channel_args {
	enum vhost_user_backend_request request;
	const void *payload; /* size bytes */
	size_t size;
	int fd; /* -1: none; stays the caller's, it is duplicated */
	/* Its answer may take as long as the VMM likes, and so may that to what is asked before it. It is not
	 * sent while the device is stopped, nor is what is asked after it: some VMMs do not survive a SHMEM_…
	 * then. */
	bool patient;
	backend_channel_fn done; /* may be NULL: nobody wants to know */
	void *data;
};

/* False once it is closed: nothing that was asked is carried out any more. */
bool backend_channel_is_open(const struct backend_channel *channel);

/* Sends a request. done is called exactly once, never inside this call. Returns 0, -ENOTCONN after the
 * channel closed, -EBUSY while an answer is overdue (not to the patient), -ENOMEM. */
int backend_channel_request(
	struct backend_channel *channel, const struct backend_channel_args *args);
