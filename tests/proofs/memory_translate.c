/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/*
 * What vhost_memory_translate() gives lies, with all the bytes asked for, inside the mapping of one
 * region, at the place that the guest's address says: for all tables of up to 8 regions of any place
 * and size, overlapping or not, and all addresses and lengths.
 *
 * #proof src/vhost/memory.c tests/proofs/stubs/log.c
 * #cbmc --unwind 9
 * #bug src/vhost/memory.c: address - start >= size => address - start > size
 * #bug src/vhost/memory.c: if (offset_in(region->guest_address, region->size, guest_address, &offset))
 *	return length <= region->size - offset => if (offset_in(region->guest_address, region->size,
 *	guest_address, &offset)) return length <= region->size
 * #bug src/vhost/memory.c: if (address < start || => if (
 */
#include "proof.h"
#include "vhost/memory.h"

#define REGIONS 8u

void proof(void)
{
	struct vhost_memory memory = { .refs = 1, .count = nondet_u32() };
	struct vhost_region regions[REGIONS];
	assume(memory.count <= REGIONS);
	for (uint32_t i = 0; i < REGIONS; i++) {
		memory.regions[i] = &regions[i];
		assume(regions[i].size > 0 && regions[i].size <= UINT64_C(1) << 40);
		assume(regions[i].guest_address <= UINT64_MAX - (regions[i].size - 1));
		regions[i].base = any_memory(regions[i].size);
	}
	uint64_t address = nondet_u64(), length = nondet_u64();
	uint8_t *found = vhost_memory_translate(&memory, address, length);
	if (!found)
		return;
	uint32_t in = nondet_u32();
	assume(in < memory.count && __CPROVER_same_object(found, regions[in].base));
	prove(writable(found, length > 0 ? length : 1));
	prove((uint64_t)(found - regions[in].base) == address - regions[in].guest_address);
}
