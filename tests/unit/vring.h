/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/*
 * The driver's side of a split virtqueue, for tests: writes rings byte by byte as a guest would,
 * well-formed or not. Descriptor table, available and used ring lie one after the other.
 */
#pragma once

#include <stdint.h>
#include <string.h>

#include "vhost/virtqueue.h"

enum {
	VRING_NEXT = 1,
	VRING_WRITE = 2,
	VRING_INDIRECT = 4,
};

struct vring {
	uint8_t *memory; /* where the descriptor table is, as the test sees it */
	uint64_t address; /* the same, as SET_VRING_ADDR says it */
	uint32_t size;
	uint32_t used_gap; /* bytes left free before the used ring */
	uint16_t next_available;
	uint16_t next_used;
};

static inline void vring_init(struct vring *ring, uint8_t *memory, uint64_t address, uint32_t size)
{
	*ring = (struct vring){ .memory = memory, .address = address, .size = size };
}

static inline size_t vring_available_offset(const struct vring *ring)
{
	return (size_t)ring->size * 16;
}

static inline size_t vring_used_offset(const struct vring *ring)
{
	size_t end = vring_available_offset(ring) + 6 + (size_t)ring->size * 2;
	return ((end + 3) & ~(size_t)3) + ring->used_gap;
}

static inline size_t vring_bytes(const struct vring *ring)
{
	return vring_used_offset(ring) + 6 + (size_t)ring->size * 8;
}

static inline struct virtqueue_addresses vring_addresses(const struct vring *ring)
{
	return (struct virtqueue_addresses){
		.descriptors = ring->address,
		.available = ring->address + vring_available_offset(ring),
		.used = ring->address + vring_used_offset(ring),
	};
}

static inline void vring_put16(uint8_t *to, uint16_t value)
{
	memcpy(to, &value, sizeof(value));
}

static inline uint16_t vring_get16(const uint8_t *from)
{
	uint16_t value;
	memcpy(&value, from, sizeof(value));
	return value;
}

/* Descriptor number index of a table of descriptors, indirect ones included. */
static inline void vring_describe(
	uint8_t *table, uint32_t index, uint64_t address, uint32_t length, uint32_t flags_and_next)
{
	uint8_t *to = table + (size_t)index * 16;
	memcpy(to, &address, sizeof(address));
	memcpy(to + 8, &length, sizeof(length));
	memcpy(to + 12, &flags_and_next, sizeof(flags_and_next));
}

/* Flags with VRING_NEXT and the index of the next one. */
#define VRING_THEN(flags, next) ((uint32_t)((flags) | VRING_NEXT) | (uint32_t)(next) << 16)

static inline void vring_set_available(struct vring *ring, uint16_t index)
{
	ring->next_available = index;
	vring_put16(ring->memory + vring_available_offset(ring) + 2, index);
}

static inline void vring_publish(struct vring *ring, uint16_t head)
{
	uint8_t *available = ring->memory + vring_available_offset(ring);
	vring_put16(available + 4 + 2 * (ring->next_available & (ring->size - 1)), head);
	vring_set_available(ring, (uint16_t)(ring->next_available + 1));
}

static inline void vring_set_flags(struct vring *ring, uint16_t flags)
{
	vring_put16(ring->memory + vring_available_offset(ring), flags);
}

static inline void vring_set_used_event(struct vring *ring, uint16_t event)
{
	vring_put16(ring->memory + vring_available_offset(ring) + 4 + 2 * ring->size, event);
}

static inline uint16_t vring_available_event(const struct vring *ring)
{
	return vring_get16(ring->memory + vring_used_offset(ring) + 4 + 8 * (size_t)ring->size);
}

static inline uint16_t vring_used_flags(const struct vring *ring)
{
	return vring_get16(ring->memory + vring_used_offset(ring));
}

static inline uint16_t vring_used_index(const struct vring *ring)
{
	return vring_get16(ring->memory + vring_used_offset(ring) + 2);
}

/* The used element at an index of the ring. */
static inline void vring_used(
	const struct vring *ring, uint16_t index, uint32_t *ret_id, uint32_t *ret_length)
{
	const uint8_t *element =
		ring->memory + vring_used_offset(ring) + 4 + 8 * (size_t)(index & (ring->size - 1));
	memcpy(ret_id, element, 4);
	memcpy(ret_length, element + 4, 4);
}
