/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/* What the two layouts of a ring do differently. ring.c has everything else and calls them. */
#pragma once

#include "kit/ring.h"

/* A chain to be made available: its pieces are in the ring, or in the table that is its only one. */
struct kit_offer {
	const struct kit_piece *pieces;
	size_t count;
	bool indirect;
};

struct kit_ring_impl {
	/* Memory (which is zero) and state of a ring in which nothing has happened yet. */
	void (*clear)(struct kit_ring *ring);

	/* Writes entry `at` of an indirect table. */
	void (*write_entry)(void *table, size_t at, const struct kit_piece *piece, bool is_last);

	/* Makes it available, with what is known of it in *chain. Returns the head or id. */
	uint16_t (*offer)(struct kit_ring *ring, const struct kit_offer *offer,
		const struct kit_chain *chain);

	/* Does the device want a kick for what was offered since the last one? */
	bool (*kick_wanted)(struct kit_ring *ring);

	/* Wants an interrupt when the next chain is used. */
	void (*ask)(struct kit_ring *ring);

	bool (*has_used)(const struct kit_ring *ring);
	int (*take)(struct kit_ring *ring, struct kit_used *ret_used);
	uint32_t (*in_flight)(const struct kit_ring *ring);
	uint32_t first_base;
	uint32_t (*base)(const struct kit_ring *ring);
};

extern const struct kit_ring_impl kit_ring_split_impl;
extern const struct kit_ring_impl kit_ring_packed_impl;

/* What a split ring takes is enough for a packed one as well. */
static inline uint64_t kit_table_bytes(const struct kit_ring *ring)
{
	return sizeof(struct kit_descriptor) * (uint64_t)ring->size;
}

static inline uint64_t kit_available_bytes(const struct kit_ring *ring)
{
	return 2u * ((uint64_t)ring->size + 3);
}

static inline uint64_t kit_used_bytes(const struct kit_ring *ring)
{
	return 8u * (uint64_t)ring->size + 6u;
}

/* A used element that names this chain, which has to be in flight with room for so many bytes. 0 or
 * -EPROTO. */
int kit_ring_judge_used(struct kit_ring *ring, uint32_t id, uint32_t length);

/* Gives back the chain's table and forgets it. */
void kit_ring_forget(struct kit_ring *ring, uint16_t id);
