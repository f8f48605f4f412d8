/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/* Of src/vhost/chain.c all but vq_chain_add(), which does anything that proof chain_add allows. */
#define vq_chain_add real_chain_add
#include "vhost/chain.c"
#undef vq_chain_add

#include "proof.h"

const char *vq_chain_add(struct vq_chain *chain, const struct vhost_memory *memory,
	uint64_t address, uint32_t length, uint16_t flags)
{
	prove(VQ_CHAIN_SOUND(chain));
	const uint16_t id = chain->id;
	const uint32_t places = chain->places, descriptors = chain->descriptors;
	__CPROVER_havoc_slice(chain, sizeof(*chain));
	assume(chain->id == id && chain->places == places);
	assume(chain->descriptors == descriptors || chain->descriptors == descriptors + 1);
	assume(VQ_CHAIN_SOUND(chain));
	if (nondet_bool())
		return "something wrong";
	assume(chain->descriptors == descriptors + 1);
	return NULL;
}
