/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/*
 * Framing of vhost-user style messages on a non-blocking UNIX stream socket: a 12-byte header, a
 * payload, descriptors with the first byte. Used for the main socket and for the backend channel.
 *
 * A message is handed on only when it is whole. However a peer cuts or joins its messages, the
 * descriptors that came with a header belong to that header's message. Answers that the peer does
 * not read are kept up to a bound, then the connection counts as failed.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "vhost/protocol.h"

struct loop;
struct vhost_connection;

struct vhost_message {
	struct vhost_user_header header;
	uint32_t fd_count;
	int fds[VHOST_USER_MAX_FDS]; /* owned by the message; a handler takes one with fd_steal() */
	_Alignas(8) uint8_t payload[VHOST_USER_MAX_PAYLOAD];
};

struct vhost_connection_events {
	/* A whole message. Descriptors left in it are closed afterwards. Returns 0, or -errno to
	 * close the connection (the callee has logged why): `closed` follows with no reason. The
	 * connection may be destroyed inside. */
	int (*message)(void *data, struct vhost_message *message);
	/* The peer is gone (reason NULL) or broke the framing (reason says how). Called once, from
	 * the loop and never inside another call; the callee destroys the connection, now or
	 * later. */
	void (*closed)(void *data, const char *reason);
};

/* Takes sock. NULL when memory or the loop refuses (sock is closed then, too). */
struct vhost_connection *vhost_connection_create(
	struct loop *loop, int sock, const struct vhost_connection_events *events, void *data);

/* Closes the socket; no event is called any more. NULL is fine. */
void vhost_connection_destroy(struct vhost_connection *connection);

/* Sends or queues one message; fds are duplicated by the kernel and stay the caller's. 0 or -errno
 * (-ENOBUFS when the peer has stopped reading): `closed` follows from the loop then. */
int vhost_connection_send(struct vhost_connection *connection,
	const struct vhost_user_header *header, const void *payload, const int *fds,
	size_t fd_count);

/* The same with bytes that are a part of a message: the caller sends all of it, in order. */
int vhost_connection_send_part(struct vhost_connection *connection, const void *bytes, size_t size,
	const int *fds, size_t fd_count);

/* True when the peer has read all that was sent. */
bool vhost_connection_is_read(const struct vhost_connection *connection);

/* Stops (true) and resumes handing on messages, e.g. while an answer is still being worked out.
 * That the peer has gone is noticed all the same. */
void vhost_connection_pause(struct vhost_connection *connection, bool pause);
