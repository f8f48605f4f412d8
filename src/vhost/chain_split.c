/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/*
 * Why the walk ends: every step takes one from a budget, which is the number of descriptors of the
 * table in use, so a chain that visits a descriptor twice runs out of it. The one step into an
 * indirect table sets a new budget and cannot happen twice.
 */
#include <assert.h>
#include <endian.h>

#include "util/checked.h"
#include "util/contract.h"
#include "vhost/chain_private.h"

/* One step more than the longest chain has, so that a chain too long is told from a loop. */
#define MAX_BUDGET (VIRTQUEUE_MAX_CHAIN + 1)

struct descriptor {
	uint64_t address;
	uint32_t length;
	uint16_t flags;
	uint16_t next;
};
static_assert(sizeof(struct descriptor) == DESCRIPTOR_SIZE, "virtio 1.4, 2.7.5");

/* The table being walked. */
struct table {
	const uint8_t *direct; /* NULL: an indirect table at address */
	uint64_t address;
	uint32_t count; /* descriptors */
	uint32_t budget;
};

static bool table_read(const struct table *table, const struct vhost_memory *memory, uint32_t index,
	struct descriptor *ret_descriptor)
{
	struct descriptor raw;
	if (table->direct)
		vhost_memory_copy_in(
			&raw, table->direct + (uint64_t)index * DESCRIPTOR_SIZE, sizeof(raw));
	else if (!vq_table_read(memory, table->address, index, &raw))
		return false;
	ret_descriptor->address = le64toh(raw.address);
	ret_descriptor->length = le32toh(raw.length);
	ret_descriptor->flags = le16toh(raw.flags);
	ret_descriptor->next = le16toh(raw.next);
	return true;
}

/* virtio 1.4, 2.7.5.3: WRITE is to be ignored here, a chain may end with an indirect table. */
static const char *table_enter(struct table *table, const struct vq_chain_source *source,
	const struct descriptor *descriptor)
{
	if (!table->direct)
		return "an indirect table inside an indirect table";
	const char *fault = vq_table_fault(source, descriptor->length, descriptor->flags);
	if (fault)
		return fault;
	table->direct = NULL;
	table->address = descriptor->address;
	table->count = descriptor->length / DESCRIPTOR_SIZE;
	table->budget = min_u32(table->count, MAX_BUDGET);
	return NULL;
}

const char *vq_chain_walk_split(const struct vq_chain_source *source, struct vq_chain *ret_chain)
{
	struct table table = {
		.direct = source->descriptors,
		.count = source->size,
		.budget = min_u32(source->size, MAX_BUDGET),
	};
	uint32_t index = source->head;
	bool more = true;
	vq_chain_begin(ret_chain, source->head, 1);

	while (more)
		LOOP_ASSIGNS(more, index, table, *ret_chain)
	LOOP_INVARIANT(table.budget <= table.count && table.budget <= MAX_BUDGET)
	LOOP_INVARIANT(!table.direct ||
		(table.direct == source->descriptors && table.count == source->size))
	LOOP_INVARIANT(more ? index < table.count : ret_chain->descriptors > 0)
	LOOP_INVARIANT(ret_chain->id == source->head && ret_chain->places == 1)
	LOOP_INVARIANT(VQ_CHAIN_SOUND(ret_chain))
	LOOP_DECREASES((table.direct ? 2 * MAX_BUDGET : 0) + table.budget)
	{
		struct descriptor descriptor;
		if (table.budget == 0)
			return "a chain that is a loop";
		table.budget--;
		if (!table_read(&table, source->memory, index, &descriptor))
			return "an indirect table outside guest memory";
		const char *fault;
		if (descriptor.flags & DESCRIPTOR_INDIRECT) {
			fault = table_enter(&table, source, &descriptor);
			index = 0;
		} else {
			fault = vq_chain_add(ret_chain, source->memory, descriptor.address,
				descriptor.length, descriptor.flags);
			index = descriptor.next;
			more = descriptor.flags & DESCRIPTOR_NEXT;
		}
		if (fault)
			return fault;
		if (more && index >= table.count)
			return "a descriptor index outside its table";
	}
	return NULL;
}
