/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/*
 * Walking one descriptor chain of a virtqueue: the code that reads what a hostile guest wrote. It
 * has no state, allocates nothing, and each descriptor is copied once into private memory and then
 * judged. One walker for each layout: split (virtio 1.4, 2.7.5) and packed (2.8.5 to 2.8.7).
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/uio.h>

#include "vhost/memory.h"

/* Descriptors of one chain, indirect ones included: as many as the largest ring has. Drivers make such
 * chains for smaller rings, too: Linux passes a large buffer page by page in an indirect table. */
#define VIRTQUEUE_MAX_CHAIN    32768u
#define VIRTQUEUE_MAX_READABLE (64u << 20) /* bytes of one chain */

/* A buffer that crosses regions takes one more piece for each. */
#define VQ_CHAIN_MAX_PIECES (VIRTQUEUE_MAX_CHAIN + VHOST_MEMORY_MAX_REGIONS)

/* Where a chain begins. */
struct vq_chain_source {
	const struct vhost_memory *memory;
	const uint8_t *descriptors; /* size of them, translated */
	uint32_t size; /* 1 to 32768 */
	bool indirect; /* INDIRECT_DESC was negotiated */
	uint16_t head; /* below size */

	/* packed only */
	bool wrap; /* the driver's wrap counter at head */
	uint32_t room; /* places of the ring that the chain may take, 1 to size */
};

struct vq_chain {
	uint16_t id; /* below size: split: the head, packed: the buffer id */
	uint32_t places; /* of the ring that it takes: split: one, in the available ring */
	uint32_t descriptors; /* walked, without those that name an indirect table */
	uint32_t readable_count, writable_count;
	uint64_t readable_size, writable_size;
	struct iovec pieces[VQ_CHAIN_MAX_PIECES]; /* readable ones first */
};

/* Each walks the chain. NULL, or in words what is wrong with it (ret_chain is then undefined). */
const char *vq_chain_walk_split(const struct vq_chain_source *source, struct vq_chain *ret_chain);
const char *vq_chain_walk_packed(const struct vq_chain_source *source, struct vq_chain *ret_chain);
