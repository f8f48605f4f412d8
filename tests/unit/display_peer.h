/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/*
 * A display and its peer in one process, for the tests of src/display: the test plays the peer on
 * the other end of the socket and runs the loop in between. All of this ends the case when it
 * fails.
 */
#pragma once

#include <stdbool.h>

#include "display/display.h"
#include "display/protocol.h"
#include "loop/loop.h"
#include "test.h"

#define PEER_FEATURES_ALL    3u /* of the specification */
#define PEER_FEATURES_MEMORY (UINT64_C(1) << VHOST_USER_GPU_PROTOCOL_F_SHARED_MEMORY)

struct peer {
	struct loop *loop;
	struct display *display; /* NULL once destroyed */
	int sock; /* the peer's end; -1 once closed */
	int display_sock; /* number of the other end: for its socket options only */
	int open_fds; /* before all this */

	/* What the display has said by its events. */
	int ready[DISPLAY_MAX_SCANOUTS];
	int closed;
	void (*on_ready)(struct peer *peer, uint32_t scanout); /* may be NULL */
	bool destroy_when_closed;

	/* What peer_expect() got. */
	uint8_t *payload;
	uint32_t size;
	int fd;
};

/* A display whose first question has not been answered. */
void peer_open(struct peer *peer);

/* The same after the features were told and taken. */
void peer_open_with(struct peer *peer, uint64_t features);

/* Destroys the display if it is still there; nothing may be left unread or open. */
void peer_finish(struct peer *peer);

/* Runs the loop until it has nothing more to do. */
void peer_run(struct peer *peer);

/* Runs the loop until the clock has gone on by ms. */
void peer_wait(struct peer *peer, uint64_t ms);

/* Reads exactly size bytes as the display writes them. */
void peer_read(struct peer *peer, void *data, size_t size);

/* Reads a message of this kind and size into peer->payload (and a descriptor into peer->fd). */
void peer_expect(struct peer *peer, uint32_t request, uint32_t size);

/* Nothing more has been written. */
void peer_expect_nothing(struct peer *peer);

/* Answers, with the flags and size that belong to it. */
void peer_answer(struct peer *peer, uint32_t request, const void *payload, uint32_t size);

/* Sends anything. */
void peer_send(struct peer *peer, const void *data, size_t size);

/* Answers a DMABUF_UPDATE. */
void peer_ack(struct peer *peer);

void peer_close(struct peer *peer);

/* Makes the socket hold little, so that big messages are written in parts. */
void peer_narrow(struct peer *peer);
