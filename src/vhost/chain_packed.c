/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/*
 * Why the walk ends: a chain goes on at the next place of the ring, so it can neither jump nor come
 * back, and it takes no more places than there is room. An indirect table is read from its first
 * descriptor to its last, whatever they say, and ends the chain.
 */
#include <assert.h>
#include <endian.h>

#include "util/contract.h"
#include "vhost/chain_private.h"

struct descriptor {
	uint64_t address;
	uint32_t length;
	uint16_t id;
	uint16_t flags;
};
static_assert(sizeof(struct descriptor) == DESCRIPTOR_SIZE, "virtio 1.4, 2.8.13");

static struct descriptor to_host(const struct descriptor *raw)
{
	return (struct descriptor){
		.address = le64toh(raw->address),
		.length = le32toh(raw->length),
		.id = le16toh(raw->id),
		.flags = le16toh(raw->flags),
	};
}

static struct descriptor ring_read(const struct vq_chain_source *source, uint32_t index)
{
	struct descriptor raw;
	vhost_memory_copy_in(
		&raw, source->descriptors + (uint64_t)index * DESCRIPTOR_SIZE, sizeof(raw));
	return to_host(&raw);
}

/* virtio 1.4, 2.8.7: a list is either of direct descriptors or one indirect one, and inside a table
 * flags other than WRITE, and the ids, are to be ignored. */
static const char *add_table(const struct vq_chain_source *source, struct vq_chain *chain,
	const struct descriptor *descriptor)
{
	const char *fault = chain->places > 1
		? "an indirect table behind another descriptor"
		: vq_table_fault(source, descriptor->length, descriptor->flags);
	uint32_t count = descriptor->length / DESCRIPTOR_SIZE;
	if (!fault && count > VIRTQUEUE_MAX_CHAIN)
		fault = "a chain of too many descriptors";
	for (uint32_t i = 0; !fault && i < count; i++)
		LOOP_ASSIGNS(i, fault, *chain)
	LOOP_INVARIANT(i <= count && chain->places == 1)
	LOOP_INVARIANT(VQ_CHAIN_SOUND(chain))
	LOOP_DECREASES(count - i)
	{
		struct descriptor raw;
		if (!vq_table_read(source->memory, descriptor->address, i, &raw))
			return "an indirect table outside guest memory";
		const struct descriptor entry = to_host(&raw);
		fault = vq_chain_add(
			chain, source->memory, entry.address, entry.length, entry.flags);
	}
	return fault;
}

const char *vq_chain_walk_packed(const struct vq_chain_source *source, struct vq_chain *ret_chain)
{
	uint32_t index = source->head;
	bool wrap = source->wrap;
	bool more = true;
	vq_chain_begin(ret_chain, 0, 0);

	while (more)
		LOOP_ASSIGNS(more, index, wrap, *ret_chain)
	LOOP_INVARIANT(index < source->size)
	LOOP_INVARIANT(ret_chain->places <= source->room && (more || ret_chain->places > 0))
	LOOP_INVARIANT(VQ_CHAIN_SOUND(ret_chain))
	LOOP_DECREASES(source->room - ret_chain->places)
	{
		if (ret_chain->places == source->room)
			return "a chain with more descriptors than are free in the ring";
		const struct descriptor descriptor = ring_read(source, index);
		ret_chain->places++;
		if (!vq_marked_available(descriptor.flags, wrap))
			return "a chain over descriptors that are not available";
		const char *fault = descriptor.flags & DESCRIPTOR_INDIRECT
			? add_table(source, ret_chain, &descriptor)
			: vq_chain_add(ret_chain, source->memory, descriptor.address,
				  descriptor.length, descriptor.flags);
		if (fault)
			return fault;
		ret_chain->id = descriptor.id;
		more = descriptor.flags & DESCRIPTOR_NEXT;
		if (++index == source->size) {
			index = 0;
			wrap = !wrap;
		}
	}
	/* Requests in flight are told apart by it, as many as there are places. */
	return ret_chain->id < source->size ? NULL : "a buffer id outside the ring";
}
