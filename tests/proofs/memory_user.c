/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/*
 * Addresses in the VMM's own address space, as rings have: what vhost_memory_translate_user() gives lies in
 * the mapping of one region, and vhost_memory_guest_address() gives the guest's address of the same
 * byte. For all tables of up to 3 regions of any place and size, overlapping or not.
 *
 * #proof src/vhost/memory.c tests/proofs/stubs/log.c
 * #cbmc --unwind 4
 * #bug src/vhost/memory.c: if (offset_in(region->user_address, region->size, user_address, &offset))
 *	return length <= region->size - offset ? => if (offset_in(region->user_address, region->size,
 *	user_address, &offset)) return length <= region->size + offset ?
 * #bug src/vhost/memory.c: *ret_guest_address = region->guest_address + offset; =>
 *	*ret_guest_address = region->user_address + offset;
 * #bug src/vhost/memory.c: if (!offset_in(region->user_address, region->size, user_address, &offset)) continue;
 *	*ret_guest_address => offset_in(region->user_address, region->size, user_address, &offset);
 *	*ret_guest_address
 */
#include "proof.h"
#include "vhost/memory.h"

#define REGIONS 3u

void proof(void)
{
	struct vhost_memory memory;
	struct vhost_region regions[REGIONS];
	memory.count = nondet_u32();
	assume(memory.count <= REGIONS);
	for (uint32_t i = 0; i < REGIONS; i++) {
		memory.regions[i] = &regions[i];
		assume(regions[i].size > 0 && regions[i].size <= UINT64_C(1) << 40);
		assume(regions[i].user_address <= UINT64_MAX - (regions[i].size - 1));
		assume(regions[i].guest_address <= UINT64_MAX - (regions[i].size - 1));
		regions[i].base = any_memory(regions[i].size);
	}
	uint64_t address = nondet_u64(), length = nondet_u64(), guest_address;
	uint8_t *found = vhost_memory_translate_user(&memory, address, length);
	bool known = vhost_memory_guest_address(&memory, address, &guest_address);
	if (!found)
		return;
	uint32_t in = nondet_u32();
	assume(in < memory.count && __CPROVER_same_object(found, regions[in].base));
	uint64_t offset = (uint64_t)(found - regions[in].base);
	prove(writable(found, length > 0 ? length : 1));
	prove(offset == address - regions[in].user_address);
	prove(known && guest_address == regions[in].guest_address + offset);
}
