/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/*
 * The device's way to send submissions: into the ring while they fit, behind one another in memory of
 * our own while they do not. Descriptors go over the socket just before their record.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "renderer/wire.h"
#include "util/list.h"

struct ring;

/* In bytes: a few times what all backing of a guest comes to, which is more than a renderer that works ever leaves
 * untaken. */
#define SENDER_HELD_MAX (UINT64_C(512) << 20)

struct sender {
	struct ring *ring; /* the caller's */
	int sock; /* the caller's, non-blocking */
	struct list held; /* struct held, in order */
	uint64_t held_bytes; /* what these take */
	bool sock_full; /* the first of them waits for the socket, not for the ring */

	/* What sender_reserve() gave last */
	uint8_t *reserved; /* NULL: nothing */
	uint8_t *heap; /* the same when it does not lie in the ring */
	uint64_t position; /* when it does */
	uint32_t reserved_size;
};

void sender_init(struct sender *sender, struct ring *ring, int sock);

/* Drops what was not sent. */
void sender_finish(struct sender *sender);

/* Memory for the data of the next record, to be filled before it is pushed; replaces one that was not
 * used. NULL when memory is short. */
void *sender_reserve(struct sender *sender, uint32_t size);

/* Sends a record: with what was reserved just before, of data_size bytes, when that is not 0; with fd
 * (not taken) when that is >= 0, but not with both. The record's flags and data_position are set here.
 * Returns 0 (it may be held), -ENOMEM or -EMFILE when it could not be kept, -EOVERFLOW when the peer takes nothing of
 * what is held (SENDER_HELD_MAX), another -errno when the socket has failed. */
int sender_push(struct sender *sender, struct wire_submission *record, int fd);

/* Sends what was held, as far as it fits now. Returns 0 or the socket's -errno. */
int sender_flush(struct sender *sender);

/* Whether anything is held. */
bool sender_holds(const struct sender *sender);
