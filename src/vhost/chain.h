/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/*
 * Walking one descriptor chain of a split virtqueue (virtio 1.4, 2.7.5): the code that reads what a
 * hostile guest wrote. It has no state, allocates nothing, and each descriptor is copied once into
 * private memory and then judged.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/uio.h>

#include "vhost/memory.h"

#define VIRTQUEUE_MAX_CHAIN    1024u /* descriptors of one chain, indirect ones included */
#define VIRTQUEUE_MAX_READABLE (64u << 20) /* bytes of one chain */

/* A buffer that crosses regions takes one more piece for each. */
#define VQ_CHAIN_MAX_PIECES (VIRTQUEUE_MAX_CHAIN + VHOST_MEMORY_MAX_REGIONS)

/* Where a chain begins. */
struct vq_chain_source {
	const struct vhost_memory *memory;
	const uint8_t *descriptors; /* size of them, translated */
	uint32_t size;
	bool indirect; /* INDIRECT_DESC was negotiated */
	uint16_t head; /* below size */
};

struct vq_chain {
	uint32_t descriptors; /* walked, without those that name an indirect table */
	uint32_t readable_count, writable_count;
	uint64_t readable_size, writable_size;
	struct iovec pieces[VQ_CHAIN_MAX_PIECES]; /* readable ones first */
};

/* Walks the chain. NULL, or in words what is wrong with it (ret_chain is then undefined). */
const char *vq_chain_walk(const struct vq_chain_source *source, struct vq_chain *ret_chain);
