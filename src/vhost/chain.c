/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
#include "vhost/chain.h"

#include "util/checked.h"
#include "util/contract.h"
#include "vhost/chain_private.h"

void vq_chain_begin(struct vq_chain *chain, uint16_t id, uint32_t places)
{
	chain->id = id;
	chain->places = places;
	chain->descriptors = 0;
	chain->readable_count = chain->writable_count = 0;
	chain->readable_size = chain->writable_size = 0;
}

/* The slow way, for a buffer that is not inside one region. Returns how many pieces, or -errno. */
static __attribute__((noinline)) int split_buffer(struct vq_chain *chain, uint32_t used,
	const struct vhost_memory *memory, uint64_t address, uint32_t length)
{
	struct vhost_span spans[VHOST_MEMORY_MAX_REGIONS];
	int count = vhost_memory_resolve(memory, address, length, spans,
		min_size(VQ_CHAIN_MAX_PIECES - used, ARRAY_SIZE(spans)));
	for (int i = 0; i < count; i++)
		LOOP_ASSIGNS(i, __CPROVER_object_upto(chain->pieces, sizeof(chain->pieces)))
	LOOP_INVARIANT(i >= 0 && (i <= count || count < 0))
	LOOP_DECREASES(count - i)
	{
		chain->pieces[used + (uint32_t)i] =
			(struct iovec){ spans[i].region->base + spans[i].offset, spans[i].length };
	}
	return count;
}

static int add_pieces(struct vq_chain *chain, const struct vhost_memory *memory, uint64_t address,
	uint32_t length)
{
	uint32_t used = chain->readable_count + chain->writable_count;
	if (used == VQ_CHAIN_MAX_PIECES)
		return -1;
	uint8_t *base = vhost_memory_translate(memory, address, length);
	if (!base)
		return split_buffer(chain, used, memory, address, length);
	chain->pieces[used] = (struct iovec){ base, length };
	return 1;
}

const char *vq_chain_add(struct vq_chain *chain, const struct vhost_memory *memory,
	uint64_t address, uint32_t length, uint16_t flags)
{
	bool writable = flags & DESCRIPTOR_WRITE;
	if (chain->descriptors == VIRTQUEUE_MAX_CHAIN)
		return "a chain of too many descriptors";
	chain->descriptors++;
	if (length == 0)
		return NULL;
	if (!writable && chain->writable_count > 0)
		return "a readable buffer after a writable one";
	if (!writable && length > VIRTQUEUE_MAX_READABLE - chain->readable_size)
		return "a chain with too much to read";

	int pieces = add_pieces(chain, memory, address, length);
	if (pieces < 0)
		return "a buffer outside guest memory";
	if (writable) {
		chain->writable_count += (uint32_t)pieces;
		chain->writable_size += length;
	} else {
		chain->readable_count += (uint32_t)pieces;
		chain->readable_size += length;
	}
	return NULL;
}

const char *vq_table_fault(const struct vq_chain_source *source, uint32_t length, uint16_t flags)
{
	if (!source->indirect)
		return "an indirect descriptor, which was not negotiated";
	if (flags & DESCRIPTOR_NEXT)
		return "a descriptor that goes on after an indirect table";
	if (length == 0 || length % DESCRIPTOR_SIZE != 0)
		return "an indirect table of a broken size";
	return NULL;
}

bool vq_table_read(
	const struct vhost_memory *memory, uint64_t table, uint32_t index, void *ret_descriptor)
{
	uint64_t address;
	return checked_add(table, (uint64_t)index * DESCRIPTOR_SIZE, &address) &&
		vhost_memory_read(memory, address, ret_descriptor, DESCRIPTOR_SIZE);
}
