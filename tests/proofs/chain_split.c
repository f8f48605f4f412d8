/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/*
 * The walk of a split chain, for queues of 1 to 32768 entries, any head, any descriptors, in the ring and in
 * indirect tables of any size and place, which change between any two reads: it ends, reads only
 * descriptors of the ring or what it asks of guest memory, and a chain that it accepts has at most as
 * many descriptors, pieces and readable bytes as there is room for. Buffers are added as
 * proof chain_add says.
 *
 * #proof src/vhost/chain_split.c tests/proofs/stubs/guest.c tests/proofs/stubs/chain_add.c
 * #loops
 * #bug src/vhost/chain_split.c: if (more && index >= table.count) => if (more && index > table.count)
 * #bug src/vhost/chain_split.c: if (table.budget == 0) return "a chain that is a loop"; table.budget--; =>
 * #bug src/vhost/chain_split.c: if (!table->direct) return "an indirect table inside an indirect table"; =>
 * #bug src/vhost/chain_split.c: table->budget = min_u32(table->count, MAX_BUDGET); => table->budget = MAX_BUDGET;
 * #bug src/vhost/chain_split.c: table->direct = NULL; =>
 * #bug src/vhost/chain_split.c: if (fault) return fault; if (more => if (more
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
	};
	assume(source.size >= 1 && source.size <= 32768 && source.head < source.size);
	source.descriptors = any_memory((size_t)source.size * DESCRIPTOR_SIZE);
	if (vq_chain_walk_split(&source, &chain))
		return;
	prove(chain.id < source.size && chain.places == 1);
	prove(chain.descriptors >= 1);
	prove(VQ_CHAIN_SOUND(&chain));
}
