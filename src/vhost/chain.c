/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/*
 * Why the walk ends: every step takes one from a budget, which is the number of descriptors of the
 * table in use, so a chain that visits a descriptor twice runs out of it. The one step into an
 * indirect table sets a new budget and cannot happen twice.
 */
#include "vhost/chain.h"

#include <assert.h>
#include <endian.h>

#include "util/checked.h"

enum {
	DESCRIPTOR_NEXT = 1,
	DESCRIPTOR_WRITE = 2,
	DESCRIPTOR_INDIRECT = 4,
};

/* One step more than the longest chain has, so that a chain too long is told from a loop. */
#define MAX_BUDGET (VIRTQUEUE_MAX_CHAIN + 1)

struct descriptor {
	uint64_t address;
	uint32_t length;
	uint16_t flags;
	uint16_t next;
};
static_assert(sizeof(struct descriptor) == 16, "virtio 1.4, 2.7.5");

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
	uint64_t offset = (uint64_t)index * sizeof(raw);
	uint64_t address;
	if (table->direct)
		vhost_memory_copy_in(&raw, table->direct + offset, sizeof(raw));
	else if (!checked_add(table->address, offset, &address) ||
		!vhost_memory_read(memory, address, &raw, sizeof(raw)))
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
	if (!source->indirect)
		return "an indirect descriptor, which was not negotiated";
	if (!table->direct)
		return "an indirect table inside an indirect table";
	if (descriptor->flags & DESCRIPTOR_NEXT)
		return "a descriptor that goes on after an indirect table";
	if (descriptor->length == 0 || descriptor->length % sizeof(*descriptor) != 0)
		return "an indirect table of a broken size";
	table->direct = NULL;
	table->address = descriptor->address;
	table->count = descriptor->length / (uint32_t)sizeof(*descriptor);
	table->budget = min_u32(table->count, MAX_BUDGET);
	return NULL;
}

/* The slow way, for a buffer that is not inside one region. Returns how many pieces, or -errno. */
static __attribute__((noinline)) int split_buffer(const struct vhost_memory *memory,
	const struct descriptor *descriptor, struct iovec *pieces, size_t max)
{
	struct vhost_span spans[VHOST_MEMORY_MAX_REGIONS];
	int count = vhost_memory_resolve(memory, descriptor->address, descriptor->length, spans,
		min_size(max, ARRAY_SIZE(spans)));
	for (int i = 0; i < count; i++)
		pieces[i] =
			(struct iovec){ spans[i].region->base + spans[i].offset, spans[i].length };
	return count;
}

static int add_pieces(struct vq_chain *chain, const struct vhost_memory *memory,
	const struct descriptor *descriptor)
{
	uint32_t used = chain->readable_count + chain->writable_count;
	if (used == VQ_CHAIN_MAX_PIECES)
		return -1;
	uint8_t *base = vhost_memory_translate(memory, descriptor->address, descriptor->length);
	if (!base)
		return split_buffer(
			memory, descriptor, chain->pieces + used, VQ_CHAIN_MAX_PIECES - used);
	chain->pieces[used] = (struct iovec){ base, descriptor->length };
	return 1;
}

static const char *add_buffer(struct vq_chain *chain, const struct vhost_memory *memory,
	const struct descriptor *descriptor)
{
	if (chain->descriptors == VIRTQUEUE_MAX_CHAIN)
		return "a chain of too many descriptors";
	chain->descriptors++;
	if (descriptor->length == 0)
		return NULL;
	bool writable = descriptor->flags & DESCRIPTOR_WRITE;
	if (!writable && chain->writable_count > 0)
		return "a readable buffer after a writable one";
	if (!writable && descriptor->length > VIRTQUEUE_MAX_READABLE - chain->readable_size)
		return "a chain with too much to read";

	int pieces = add_pieces(chain, memory, descriptor);
	if (pieces < 0)
		return "a buffer outside guest memory";
	if (writable) {
		chain->writable_count += (uint32_t)pieces;
		chain->writable_size += descriptor->length;
	} else {
		chain->readable_count += (uint32_t)pieces;
		chain->readable_size += descriptor->length;
	}
	return NULL;
}

const char *vq_chain_walk(const struct vq_chain_source *source, struct vq_chain *ret_chain)
{
	struct table table = {
		.direct = source->descriptors,
		.count = source->size,
		.budget = min_u32(source->size, MAX_BUDGET),
	};
	uint32_t index = source->head;
	bool more = true;
	ret_chain->descriptors = 0;
	ret_chain->readable_count = ret_chain->writable_count = 0;
	ret_chain->readable_size = ret_chain->writable_size = 0;

	while (more) {
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
			fault = add_buffer(ret_chain, source->memory, &descriptor);
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
