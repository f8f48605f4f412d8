/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/*
 * The walk of a packed chain, for queues of 1 to 32768 entries with any room left, from any place, over any
 * descriptors in the ring and in indirect tables of any size and place, which change between any two reads:
 * it ends, reads only descriptors of the ring or what it asks of guest memory, and a chain that it
 * accepts takes no more places than there is room, has a buffer id of the ring, and keeps the limits.
 * Buffers are added as proof chain_add says.
 *
 * #proof src/vhost/chain_packed.c tests/proofs/stubs/guest.c tests/proofs/stubs/chain_add.c
 * #loops
 * #bug src/vhost/chain_packed.c: if (++index == source->size) => if (++index > source->size)
 * #bug src/vhost/chain_packed.c: ret_chain->places == source->room => ret_chain->places > source->room
 * #bug src/vhost/chain_packed.c: return ret_chain->id < source->size ? NULL => return ret_chain->id <= source->size ? NULL
 * #bug src/vhost/chain_packed.c: ret_chain->places++; =>
 * #bug src/vhost/chain_packed.c: chain->places > 1 => chain->places > 2
 */
#include "proof.h"
#include "vhost/chain_private.h"

void proof(void)
{
	struct vhost_memory memory;
	struct vq_chain chain;
	struct vq_chain_source source = {
		.memory = &memory,
		.size = nondet_u32(),
		.indirect = nondet_bool(),
		.head = nondet_u16(),
		.wrap = nondet_bool(),
		.room = nondet_u32(),
	};
	assume(source.size >= 1 && source.size <= 32768 && source.head < source.size);
	assume(source.room >= 1 && source.room <= source.size);
	source.descriptors = any_memory((size_t)source.size * DESCRIPTOR_SIZE);
	if (vq_chain_walk_packed(&source, &chain))
		return;
	prove(chain.id < source.size);
	prove(chain.places >= 1 && chain.places <= source.room);
	prove(VQ_CHAIN_SOUND(&chain));
}
