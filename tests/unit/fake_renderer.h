/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/* A remote renderer whose process is played by the test, record by record. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "renderer/remote.h"
#include "renderer/ring.h"
#include "renderer/wire.h"

struct fake {
	struct loop *loop;
	struct renderer *renderer; /* NULL when it was destroyed */
	int sock; /* the peer's end */
	struct ring *ring; /* the peer's side */
	struct ring_shared *shared;
	uint32_t ready;
	uint32_t lost;
	uint32_t room;
	void (*on_event)(struct fake *fake); /* after each of these was counted; may be NULL */
};

/* Makes the renderer and takes its hello; the peer has said nothing yet. */
void fake_start(struct fake *fake);

/* The same, and the peer is ready, with one capset. */
void fake_start_ready(struct fake *fake);

/* Destroys what is left. */
void fake_stop(struct fake *fake);

/* Runs the loop until nothing more is due. */
void fake_settle(struct fake *fake);

/* Sends a packet of a header and size more bytes, with fd when >= 0. Returns 0 or -errno. */
int fake_send(struct fake *fake, const struct wire_packet *header, const void *data, uint32_t size,
	int fd);
void fake_send_capset(struct fake *fake, uint32_t id, uint32_t size);
void fake_send_ready(struct fake *fake);
/* A WIRE_FD packet with a new memfd. */
void fake_send_fd(struct fake *fake);

/* The next submission, which must be there. */
struct wire_submission fake_pop(struct fake *fake);

/* Pushes a completion and wakes the device. */
void fake_complete(struct fake *fake, const struct wire_completion *completion);
void fake_finish(struct fake *fake, uint64_t cookie, int status);

/* An image of 4 x 4 pixels that there is nothing wrong with. */
struct wire_completion fake_image(uint64_t cookie);
