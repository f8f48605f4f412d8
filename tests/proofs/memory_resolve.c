/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/*
 * A range of guest memory that is cut into spans, with up to 2 regions of any place: the spans are inside their
 * regions, they follow each other in guest addresses, come to the length asked for, are never more than
 * there is room for, and the cutting ends.
 *
 * #proof src/vhost/memory.c tests/proofs/stubs/log.c
 * #cbmc --unwind 4
 * #bug src/vhost/memory.c: if (count == max) return -ENOSPC; =>
 * #bug src/vhost/memory.c: .length = min_u64(length, region->size - offset) => .length = min_u64(length, region->size)
 * #bug src/vhost/memory.c: spans[count++] = span; length -= span.length; =>
 *	spans[count++] = span; length -= min_u64(length, span.region->size);
 * #bug src/vhost/memory.c: if (!first_span(memory, guest_address, length, &span)) return -EFAULT; if (count =>
 *	if (!first_span(memory, guest_address, length, &span)) break; if (count
 */
#include "regions.h"

#define REGIONS 2u

void proof(void)
{
	struct vhost_memory memory;
	struct vhost_region regions[REGIONS];
	struct vhost_span spans[REGIONS];
	any_table(&memory, regions, REGIONS, false);
	uint64_t address = nondet_u64(), length = nondet_u64();
	size_t max = nondet_size();
	assume(max <= REGIONS);
	int count = vhost_memory_resolve(&memory, address, length, spans, max);
	prove(count <= (int)max);
	uint64_t done = 0;
	for (int i = 0; i < count; i++) {
		const struct vhost_span *span = &spans[i];
		prove(span->length > 0 && span->length <= span->region->size);
		prove(span->offset <= span->region->size - span->length);
		prove(span->length <= length - done);
		prove(span->region->guest_address + span->offset == address + done);
		done += span->length;
	}
	prove(count < 0 || done == length);
}
