/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/*
 * A buffer that is added to a chain, with any address, length and flags, in any
 * number of regions: pieces are only written where there is room for them, they come to the buffer's length, and
 * the limits hold of all that is counted. What translating and cutting into spans may return is as
 * proofs memory_translate and memory_resolve say.
 *
 * #proof src/vhost/chain.c
 * #loops
 * #cbmc --unwind 65
 * #bug src/vhost/chain.c: if (used == VQ_CHAIN_MAX_PIECES) return -1; =>
 * #bug src/vhost/chain.c: min_size(VQ_CHAIN_MAX_PIECES - used, ARRAY_SIZE(spans)) => ARRAY_SIZE(spans)
 * #bug src/vhost/chain.c: min_size(VQ_CHAIN_MAX_PIECES - used, ARRAY_SIZE(spans)) => VQ_CHAIN_MAX_PIECES - used
 * #bug src/vhost/chain.c: if (chain->descriptors == VIRTQUEUE_MAX_CHAIN) return "a chain of too many descriptors"; =>
 * #bug src/vhost/chain.c: length > VIRTQUEUE_MAX_READABLE - chain->readable_size => length > VIRTQUEUE_MAX_READABLE
 * #bug src/vhost/chain.c: if (pieces < 0) return "a buffer outside guest memory"; =>
 */
#include <errno.h>

#include "proof.h"
#include "vhost/chain_private.h"

static struct vhost_region region;

uint8_t *vhost_memory_translate(
	const struct vhost_memory *memory, uint64_t guest_address, uint64_t length)
{
	return nondet_bool() ? region.base : NULL;
}

bool vhost_memory_read(
	const struct vhost_memory *memory, uint64_t guest_address, void *dst, size_t length)
{
	return false;
}

int vhost_memory_resolve(const struct vhost_memory *memory, uint64_t guest_address, uint64_t length,
	struct vhost_span *spans, size_t max)
{
	size_t count = nondet_size();
	prove(max >= 1 && writable(spans, max * sizeof(*spans)));
	if (count == 0 || count > max)
		return nondet_bool() ? -EFAULT : -ENOSPC;
	for (size_t i = 0; i < VHOST_MEMORY_MAX_REGIONS; i++)
		if (i < max)
			spans[i] = (struct vhost_span){ .region = &region };
	return (int)count;
}

void proof(void)
{
	struct vhost_memory memory;
	struct vq_chain chain;
	region.base = any_memory(1);
	assume(VQ_CHAIN_SOUND(&chain));
	const uint16_t id = chain.id;
	const uint32_t places = chain.places, descriptors = chain.descriptors;
	const uint64_t readable_size = chain.readable_size;
	if (vq_chain_add(&chain, &memory, nondet_u64(), nondet_u32(), nondet_u16()))
		return;
	prove(VQ_CHAIN_SOUND(&chain));
	prove(chain.id == id && chain.places == places);
	prove(chain.descriptors == descriptors + 1);
	prove(chain.readable_size == readable_size || chain.writable_count == 0);
}
