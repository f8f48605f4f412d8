/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/*
 * Guest memory that is copied out, over the borders of up to 2 regions of any place: nothing but the mappings
 * is read and nothing but the room for the copy is written.
 *
 * #proof src/vhost/memory.c tests/proofs/stubs/log.c
 * #stub vhost_memory_copy_in
 * #cbmc --unwind 4
 * #bug src/vhost/memory.c: vhost_memory_copy_in(to, span.region->base + span.offset, span.length); =>
 *	vhost_memory_copy_in(to, span.region->base + span.offset, length);
 * #bug src/vhost/memory.c: to += span.length; left -= span.length; => to += length; left -= span.length;
 * #bug src/vhost/memory.c: span.region->base + span.offset, span.length => span.region->base + guest_address, span.length
 * #bug src/vhost/memory.c: .length = min_u64(length, region->size - offset) => .length = length
 */
#include "regions.h"

#define REGIONS 2u

void vhost_memory_copy_in(void *dst, const void *guest, size_t size)
{
	prove(size > 0 && writable(dst, size) && readable(guest, size));
}

void proof(void)
{
	struct vhost_memory memory;
	struct vhost_region regions[REGIONS];
	any_table(&memory, regions, REGIONS, true);
	size_t length = nondet_size();
	assume(length <= UINT64_C(1) << 40);
	uint8_t *to = any_memory(length);
	vhost_memory_read(&memory, nondet_u64(), to, length);
}
