/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/* Memory tables for proofs. */
#pragma once

#include "proof.h"
#include "vhost/memory.h"

/* Fills a table with up to `most` regions of any place, as vhost_memory_add() lets them be: not empty,
 * with an address for each byte, and not overlapping. mapped: their bytes are there. */
static void any_table(
	struct vhost_memory *memory, struct vhost_region *regions, uint32_t most, bool mapped)
{
	memory->refs = 1;
	memory->count = nondet_u32();
	assume(memory->count <= most);
	for (uint32_t i = 0; i < most; i++) {
		struct vhost_region *region = &regions[i];
		memory->regions[i] = region;
		region->refs = 1;
		assume(region->size > 0 && region->size <= UINT64_C(1) << 46);
		assume(region->guest_address <= UINT64_MAX - (region->size - 1));
		assume(region->user_address <= UINT64_MAX - (region->size - 1));
		if (mapped)
			region->base = any_memory(region->size);
		for (uint32_t j = 0; j < i; j++) {
			const struct vhost_region *other = &regions[j];
			assume(region->guest_address < other->guest_address
					? other->guest_address - region->guest_address >=
						region->size
					: region->guest_address - other->guest_address >=
						other->size);
			assume(region->user_address < other->user_address
					? other->user_address - region->user_address >= region->size
					: region->user_address - other->user_address >=
						other->size);
		}
	}
}
