/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/*
 * The packed layout (virtio 1.4, 2.8).
 *
 * Driver and device go round the same ring of descriptors, each with a wrap counter that turns
 * over at its end. Behind next_available lie the chains in flight, `taken` places of them, and the
 * device makes used from next_used on: as no chain may take more places than are free, next_used
 * never gets past next_available, in whatever order chains become used and whatever the driver
 * writes.
 *
 * When nothing is in flight both positions are the same. So a base says it all in its low half:
 * the place in bits 0 to 14, the wrap counter in bit 15. GET_VRING_BASE gives the same in the high
 * half, where the used position goes; in SET_VRING_BASE that half is not looked at, for there are
 * VMMs that leave it 0.
 *
 * A ring that is new begins at 0x8000, for wrap counters begin at 1. A base of 0 is that as well
 * (of a VMM that does not care, or after RESET_DEVICE), except for a ring that was stopped there.
 */
#include "vhost/vring.h"

#include <string.h>

#include "vhost/chain_private.h"
#include "vhost/virtqueue.h"

#define INDEX_MASK 0x7fffu
#define WRAP_BIT   0x8000u

/* Offsets in a descriptor (virtio 1.4, 2.8.13). */
enum {
	DESCRIPTOR_LENGTH = 8,
	DESCRIPTOR_ID = 12,
	DESCRIPTOR_FLAGS = 14,
};

/* An event suppression structure is one word of 32 bits: position and, above it, flags
 * (virtio 1.4, 2.8.10 and 2.8.14). */
enum {
	EVENT_SIZE = 4,
	EVENT_ENABLE = 0,
	EVENT_DISABLE = 1,
	EVENT_DESCRIPTOR = 2,
	EVENT_FLAGS = 3,
};

/* The position in the device area where it means nothing: never 0, so that a ring which has run is
 * told from one that a driver has cleared. */
#define EVENT_NOWHERE 0xffffu

static uint8_t *descriptor(const struct virtqueue *queue, struct vring_position position)
{
	return queue->descriptors + (size_t)DESCRIPTOR_SIZE * position.index;
}

static uint16_t position_word(struct vring_position position)
{
	return (uint16_t)(position.index | (position.wrap ? WRAP_BIT : 0));
}

static struct vring_position word_position(uint16_t word)
{
	return (struct vring_position){ word & INDEX_MASK, word & WRAP_BIT };
}

/* By as many places as there are, at most. */
static void move_on(struct vring_position *position, uint32_t places, uint32_t size)
{
	uint32_t index = position->index + places;
	if (index >= size) {
		index -= size;
		position->wrap = !position->wrap;
	}
	position->index = (uint16_t)index;
}

static void move_back(struct vring_position *position, uint32_t places, uint32_t size)
{
	uint32_t index = position->index;
	if (index < places) {
		index += size;
		position->wrap = !position->wrap;
	}
	position->index = (uint16_t)(index - places);
}

/* How many places `to` lies ahead of `from`, on the circle that two rounds make. */
static uint32_t distance(struct vring_position from, struct vring_position to, uint32_t size)
{
	uint32_t begin = from.index + (from.wrap ? 0 : size);
	uint32_t end = to.index + (to.wrap ? 0 : size);
	return end >= begin ? end - begin : end + 2 * size - begin;
}

static const char *fault(const struct virtqueue *queue)
{
	return (queue->base & INDEX_MASK) < queue->size ? NULL : "its base is outside the ring";
}

static void start(struct virtqueue *queue, bool resumed)
{
	struct vring_position position = word_position((uint16_t)queue->base);
	if (queue->base == 0 && !resumed)
		position.wrap = true;
	queue->packed = (struct vring_packed_state){
		.next_available = position,
		.next_used = position,
	};
}

static uint32_t base(const struct virtqueue *queue)
{
	uint32_t used = position_word(queue->packed.next_used);
	return used << 16 | position_word(queue->packed.next_available);
}

static uint32_t footprint(const struct virtqueue *queue)
{
	return vring_load32(queue->device);
}

static const char *look(struct virtqueue *queue, bool *ret_found)
{
	const struct vring_packed_state *ring = &queue->packed;
	const uint8_t *next = descriptor(queue, ring->next_available);
	*ret_found = ring->taken < queue->size &&
		vq_marked_available(
			vring_load16(next + DESCRIPTOR_FLAGS), ring->next_available.wrap);
	return NULL;
}

/* A wish for one place comes true again two rounds later, so it is taken back in between. */
static void ask(struct virtqueue *queue, bool kick)
{
	uint32_t flags = EVENT_DISABLE;
	uint32_t position = EVENT_NOWHERE;
	if (kick && queue->event_idx) {
		flags = EVENT_DESCRIPTOR;
		position = position_word(queue->packed.next_available);
	} else if (kick) {
		flags = EVENT_ENABLE;
	}
	vring_store32(queue->device, flags << 16 | position);
}

static const char *walk(struct virtqueue *queue)
{
	const struct vring_packed_state *ring = &queue->packed;
	const struct vq_chain_source source = {
		.memory = queue->memory,
		.descriptors = queue->descriptors,
		.size = queue->size,
		.indirect = queue->indirect,
		.head = ring->next_available.index,
		.wrap = ring->next_available.wrap,
		.room = queue->size - ring->taken,
	};
	return vq_chain_walk_packed(&source, &queue->chain);
}

static void forward(struct virtqueue *queue, uint32_t places)
{
	move_on(&queue->packed.next_available, places, queue->size);
	queue->packed.taken += places;
}

static void back(struct virtqueue *queue, uint32_t places)
{
	move_back(&queue->packed.next_available, places, queue->size);
	queue->packed.taken -= places;
}

/* The first place of as many as the chain had (virtio 1.4, 2.8.6). Its flags go last: they are what
 * the driver looks at. */
static void put_used(struct virtqueue *queue, const struct vq_request *request)
{
	struct vring_packed_state *ring = &queue->packed;
	uint8_t *to = descriptor(queue, ring->next_used);
	uint16_t flags = ring->next_used.wrap ? DESCRIPTOR_AVAILABLE | DESCRIPTOR_USED : 0;
	uint32_t length = htole32(request->written);
	uint16_t id = htole16(request->id);
	if (request->written > 0)
		flags |= DESCRIPTOR_WRITE;
	memcpy(to + DESCRIPTOR_LENGTH, &length, sizeof(length));
	memcpy(to + DESCRIPTOR_ID, &id, sizeof(id));
	vring_store16(to + DESCRIPTOR_FLAGS, flags);
	move_on(&ring->next_used, request->places, queue->size);
	ring->taken -= request->places;
}

/* A driver that asks in vain for one place (there is no event_idx, or no such place) gets more
 * interrupts than it wants, never fewer. */
static bool wants_interrupt(const struct virtqueue *queue, uint32_t places)
{
	uint32_t event = vring_load32(queue->driver);
	uint32_t flags = event >> 16 & EVENT_FLAGS;
	struct vring_position wanted = word_position((uint16_t)event);
	if (flags == EVENT_DISABLE)
		return false;
	if (flags != EVENT_DESCRIPTOR || !queue->event_idx || wanted.index >= queue->size)
		return true;
	uint32_t behind = distance(wanted, queue->packed.next_used, queue->size);
	return behind > 0 ? behind <= places : places >= 2u * queue->size;
}

const struct vring_impl vring_packed = {
	.descriptors = { 0, DESCRIPTOR_SIZE, 16 },
	.driver = { EVENT_SIZE, 0, 4 },
	.device = { EVENT_SIZE, 0, 4 },
	.fault = fault,
	.start = start,
	.base = base,
	.footprint = footprint,
	.look = look,
	.ask = ask,
	.walk = walk,
	.forward = forward,
	.back = back,
	.put_used = put_used,
	.wants_interrupt = wants_interrupt,
};
