/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/*
 * What the two layouts of a virtqueue do differently: split (virtio 1.4, 2.7) and packed (2.8).
 * virtqueue.c has everything else, and calls them; nobody else does. The layout follows from the
 * features and does not change while the queue runs.
 *
 * Words that both sides write and read at the same time are read with acquire and written with
 * release; where each side first writes its own word and then reads the other's (to decide whether
 * to sleep, or whether to interrupt), virtqueue.c puts a full barrier in between, as virtio 1.4,
 * 2.7.7.2 and 2.7.10 ask.
 */
#pragma once

#include <endian.h>
#include <stdbool.h>
#include <stdint.h>

#include "vhost/chain.h"

struct virtqueue;
struct vq_request;

/* More elements than any ring has before its places come round again. */
#define VRING_ROUND 65536u

/* The bytes that a part of the rings has: fixed, and for each place. */
struct vring_part {
	uint32_t fixed;
	uint32_t for_each;
	uint32_t alignment;
};

struct vring_impl {
	struct vring_part descriptors, driver, device; /* the three areas of virtio 1.4, 2.6 */

	/* Why a queue of this size cannot start at its base; NULL: it can. */
	const char *(*fault)(const struct virtqueue *queue);

	/* Begins at the base, with nothing in flight. resumed: the ring is known to be the one that
	 * was stopped at this base. */
	void (*start)(struct virtqueue *queue, bool resumed);

	/* Where the queue stands, in the form of SET_VRING_BASE. */
	uint32_t (*base)(const struct virtqueue *queue);

	/* virtqueue_footprint(), with the rings translated. */
	uint32_t (*footprint)(const struct virtqueue *queue);

	/* Is there a chain to take? NULL, or in words what the driver made wrong. */
	const char *(*look)(struct virtqueue *queue, bool *ret_found);

	/* Tells the driver whether to kick when it makes the next chain available. */
	void (*ask)(struct virtqueue *queue, bool kick);

	/* Walks the chain that look() has found into queue->chain; NULL or what is wrong. It is
	 * taken by forward(), with the number of places it has, and given back by back(). */
	const char *(*walk)(struct virtqueue *queue);
	void (*forward)(struct virtqueue *queue, uint32_t places);
	void (*back)(struct virtqueue *queue, uint32_t places);

	/* Makes the chain of a request used: its id, places and written. */
	void (*put_used)(struct virtqueue *queue, const struct vq_request *request);

	/* Does the driver want an interrupt after the last `places` places that became used
	 * (VRING_ROUND: all there are)? */
	bool (*wants_interrupt)(const struct virtqueue *queue, uint32_t places);
};

extern const struct vring_impl vring_split;
extern const struct vring_impl vring_packed;

static inline uint16_t vring_load16(const uint8_t *address)
{
	return le16toh(__atomic_load_n((const uint16_t *)(const void *)address, __ATOMIC_ACQUIRE));
}

static inline void vring_store16(uint8_t *address, uint16_t value)
{
	__atomic_store_n((uint16_t *)(void *)address, htole16(value), __ATOMIC_RELEASE);
}

static inline uint32_t vring_load32(const uint8_t *address)
{
	return le32toh(__atomic_load_n((const uint32_t *)(const void *)address, __ATOMIC_ACQUIRE));
}

static inline void vring_store32(uint8_t *address, uint32_t value)
{
	__atomic_store_n((uint32_t *)(void *)address, htole32(value), __ATOMIC_RELEASE);
}
