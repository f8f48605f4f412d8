/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/* What the walkers and the layouts (vring_*.c) share. Nobody else includes this. */
#pragma once

#include "vhost/chain.h"

/* Flags of a descriptor that mean the same in both layouts (virtio 1.4, 2.7.5, 2.8.3 to 2.8.7). */
enum {
	DESCRIPTOR_NEXT = 1,
	DESCRIPTOR_WRITE = 2,
	DESCRIPTOR_INDIRECT = 4,
};

/* Marks of a packed descriptor (virtio 1.4, 2.8.1). */
enum {
	DESCRIPTOR_AVAILABLE = 1 << 7,
	DESCRIPTOR_USED = 1 << 15,
};

/* Of every descriptor, in rings and tables of both layouts. */
#define DESCRIPTOR_SIZE 16u

/* What holds of a chain while it is walked. A macro, as contracts of loops call no functions. */
#define VQ_CHAIN_SOUND(chain)                                                                      \
	((chain)->descriptors <= VIRTQUEUE_MAX_CHAIN &&                                            \
		(chain)->readable_count <= VQ_CHAIN_MAX_PIECES &&                                  \
		(chain)->writable_count <= VQ_CHAIN_MAX_PIECES - (chain)->readable_count &&        \
		(chain)->readable_size <= VIRTQUEUE_MAX_READABLE &&                                \
		(chain)->writable_size <= (uint64_t)(chain)->descriptors * UINT32_MAX)

/* An empty chain that begins. */
void vq_chain_begin(struct vq_chain *chain, uint16_t id, uint32_t places);

/* Adds the buffer of the next descriptor, of whose flags only WRITE counts. NULL, or what is wrong with
 * it. */
const char *vq_chain_add(struct vq_chain *chain, const struct vhost_memory *memory,
	uint64_t address, uint32_t length, uint16_t flags);

/* What is wrong with a descriptor of the ring that names an indirect table; NULL: nothing. Its
 * length is then that of 1 descriptor or more. WRITE means nothing there. */
const char *vq_table_fault(const struct vq_chain_source *source, uint32_t length, uint16_t flags);

/* Copies the descriptor number index of an indirect table; false outside guest memory. */
bool vq_table_read(
	const struct vhost_memory *memory, uint64_t table, uint32_t index, void *ret_descriptor);

/* True when a packed descriptor's marks make it available in a round with this wrap counter. */
static inline bool vq_marked_available(uint16_t flags, bool wrap)
{
	bool available = flags & DESCRIPTOR_AVAILABLE;
	bool used = flags & DESCRIPTOR_USED;
	return available == wrap && used != wrap;
}
