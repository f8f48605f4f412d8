/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/*
 * The driver's side of a packed virtqueue, for tests: writes rings byte by byte as a guest would,
 * well-formed or not. Descriptor ring, driver and device area lie one after the other.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "vhost/virtqueue.h"

enum {
	PACKED_NEXT = 1,
	PACKED_WRITE = 2,
	PACKED_INDIRECT = 4,
	PACKED_AVAILABLE = 0x80,
	PACKED_USED = 0x8000,
	PACKED_MARKS = PACKED_AVAILABLE | PACKED_USED,

	PACKED_ENABLE = 0,
	PACKED_DISABLE = 1,
	PACKED_AT = 2, /* at one descriptor */
};

struct packed_ring {
	uint8_t *memory; /* where the descriptor ring is, as the test sees it */
	uint64_t address; /* the same, as SET_VRING_ADDR says it */
	uint32_t size;
	uint32_t device_gap; /* bytes left free before the device area */
	struct vring_position next_available, next_used;
};

static inline void packed_init(
	struct packed_ring *ring, uint8_t *memory, uint64_t address, uint32_t size)
{
	*ring = (struct packed_ring){ .memory = memory,
		.address = address,
		.size = size,
		.next_available = { 0, true },
		.next_used = { 0, true } };
}

static inline size_t packed_driver_offset(const struct packed_ring *ring)
{
	return (size_t)ring->size * 16;
}

static inline size_t packed_device_offset(const struct packed_ring *ring)
{
	return packed_driver_offset(ring) + 4 + ring->device_gap;
}

static inline size_t packed_bytes(const struct packed_ring *ring)
{
	return packed_device_offset(ring) + 4;
}

static inline struct virtqueue_addresses packed_addresses(const struct packed_ring *ring)
{
	return (struct virtqueue_addresses){
		.descriptors = ring->address,
		.available = ring->address + packed_driver_offset(ring),
		.used = ring->address + packed_device_offset(ring),
	};
}

static inline struct vring_position packed_ahead(
	const struct packed_ring *ring, struct vring_position position, uint32_t places)
{
	uint32_t index = position.index + places;
	return (struct vring_position){ (uint16_t)(index % ring->size),
		position.wrap ^ (index / ring->size & 1) };
}

/* As in SET_VRING_BASE (its low half) and in event structures. */
static inline uint16_t packed_word(struct vring_position position)
{
	return (uint16_t)(position.index | position.wrap << 15);
}

/* The base of a ring in which everything is used. */
static inline uint32_t packed_base(const struct packed_ring *ring)
{
	return packed_word(ring->next_used) * 0x10001u;
}

/* Any descriptor of a ring or of an indirect table. */
static inline void packed_describe(
	uint8_t *table, uint32_t index, uint64_t address, uint32_t length, uint32_t id_and_flags)
{
	uint8_t *to = table + (size_t)index * 16;
	memcpy(to, &address, sizeof(address));
	memcpy(to + 8, &length, sizeof(length));
	memcpy(to + 12, &id_and_flags, sizeof(id_and_flags));
}

#define PACKED_ID(id, flags) ((uint32_t)(id) | (uint32_t)(flags) << 16)

/* What marks the descriptor so many places ahead as available. */
static inline uint16_t packed_marks(const struct packed_ring *ring, uint32_t ahead)
{
	bool wrap = packed_ahead(ring, ring->next_available, ahead).wrap;
	return wrap ? PACKED_AVAILABLE : PACKED_USED;
}

/* Writes the descriptor so many places ahead of those that are available, marked as available. */
static inline void packed_put(struct packed_ring *ring, uint32_t ahead, uint64_t address,
	uint32_t length, uint32_t id_and_flags)
{
	uint32_t index = packed_ahead(ring, ring->next_available, ahead).index;
	packed_describe(ring->memory, index, address, length,
		id_and_flags | (uint32_t)packed_marks(ring, ahead) << 16);
}

static inline void packed_publish(struct packed_ring *ring, uint32_t places)
{
	ring->next_available = packed_ahead(ring, ring->next_available, places);
}

/* The next used descriptor, when there is one. The caller says how many places it had. */
static inline bool packed_take(
	struct packed_ring *ring, uint32_t places, uint32_t *ret_id, uint32_t *ret_length)
{
	const uint8_t *from = ring->memory + (size_t)ring->next_used.index * 16;
	uint16_t id, flags;
	memcpy(&id, from + 12, sizeof(id));
	memcpy(&flags, from + 14, sizeof(flags));
	if ((flags & PACKED_MARKS) != (ring->next_used.wrap ? PACKED_MARKS : 0))
		return false;
	/* as new memory is zero, so is this: nothing is used that was not available */
	if (packed_word(ring->next_used) == packed_word(ring->next_available))
		return false;
	memcpy(ret_length, from + 8, sizeof(*ret_length));
	*ret_id = id;
	ring->next_used = packed_ahead(ring, ring->next_used, places);
	return true;
}

static inline void packed_set_event(struct packed_ring *ring, uint16_t position, uint16_t flags)
{
	uint32_t word = position | (uint32_t)flags << 16;
	memcpy(ring->memory + packed_driver_offset(ring), &word, sizeof(word));
}

/* What the device asks for: position, and flags above it. */
static inline uint32_t packed_device_event(const struct packed_ring *ring)
{
	uint32_t word;
	memcpy(&word, ring->memory + packed_device_offset(ring), sizeof(word));
	return word;
}

static inline void packed_clear(struct packed_ring *ring)
{
	memset(ring->memory, 0, packed_bytes(ring));
	ring->next_available = ring->next_used = (struct vring_position){ 0, true };
}
