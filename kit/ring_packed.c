/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/* The packed layout (virtio 1.4, 2.8). */
#include <errno.h>

#include "kit/ring_private.h"

#define MARKS      (KIT_PACKED_AVAILABLE | KIT_PACKED_USED)
#define USED_FLAGS (MARKS | KIT_RING_WRITE) /* all that a device may set */

static struct kit_packed_descriptor *table_of(const struct kit_ring *ring)
{
	return kit_ptr(ring->memory, ring->descriptors, kit_table_bytes(ring));
}

/* An event structure: the position and, above it, flags. */
static uint32_t *event_of(const struct kit_ring *ring, uint64_t area)
{
	return kit_ptr(ring->memory, area, sizeof(uint32_t));
}

static uint16_t flags_at(const struct kit_ring *ring, struct kit_position position)
{
	return __atomic_load_n(&table_of(ring)[position.index].flags, __ATOMIC_ACQUIRE);
}

static bool is_used(const struct kit_ring *ring, struct kit_position position)
{
	return (flags_at(ring, position) & MARKS) == (position.wrap ? MARKS : 0);
}

static void clear(struct kit_ring *ring)
{
	for (uint32_t i = 0; i < ring->size; i++)
		ring->chains[i].next_free = (uint16_t)(i + 1);
	ring->available_at = ring->used_at = (struct kit_position){ 0, true };
	ring->unkicked = 0;
	ring->in_flight = 0;
	ring->misled = false;
	if (ring->polling)
		kit_packed_set_event(ring, 0, KIT_EVENT_DISABLE);
}

/* --- as it is told ------------------------------------------------------------------------- */

struct kit_position kit_packed_ahead(
	const struct kit_ring *ring, struct kit_position position, uint32_t places)
{
	uint32_t index = position.index + places;
	return (struct kit_position){ (uint16_t)(index % ring->size),
		position.wrap ^ (index / ring->size & 1) };
}

uint16_t kit_packed_word(struct kit_position position)
{
	return (uint16_t)(position.index | position.wrap << 15);
}

uint16_t kit_packed_marks(struct kit_position position)
{
	return position.wrap ? KIT_PACKED_AVAILABLE : KIT_PACKED_USED;
}

/* The flags go last, as the device looks at them. */
void kit_packed_write(struct kit_ring *ring, uint32_t ahead,
	const struct kit_packed_descriptor *descriptor, uint16_t marks)
{
	struct kit_position position = kit_packed_ahead(ring, ring->available_at, ahead);
	struct kit_packed_descriptor *to = &table_of(ring)[position.index];
	to->address = descriptor->address;
	to->length = descriptor->length;
	to->id = descriptor->id;
	__atomic_store_n(&to->flags, (uint16_t)(descriptor->flags | marks), __ATOMIC_RELEASE);
}

void kit_packed_table_write(struct kit_memory *memory, uint64_t table, uint16_t at,
	const struct kit_packed_descriptor *descriptor)
{
	struct kit_packed_descriptor *entry =
		kit_ptr(memory, table + sizeof(*entry) * at, sizeof(*entry));
	if (entry)
		*entry = *descriptor;
}

void kit_packed_publish(struct kit_ring *ring, uint32_t places)
{
	ring->available_at = kit_packed_ahead(ring, ring->available_at, places);
	ring->unkicked += places;
}

void kit_packed_set_event(struct kit_ring *ring, uint16_t position, uint16_t flags)
{
	__atomic_store_n(event_of(ring, ring->available), position | (uint32_t)flags << 16,
		__ATOMIC_SEQ_CST);
}

void kit_packed_device_event(
	const struct kit_ring *ring, uint16_t *ret_position, uint16_t *ret_flags)
{
	uint32_t word = __atomic_load_n(event_of(ring, ring->used), __ATOMIC_ACQUIRE);
	*ret_position = (uint16_t)word;
	*ret_flags = (uint16_t)(word >> 16);
}

/* --- a correct driver ---------------------------------------------------------------------- */

static void write_entry(void *table, size_t at, const struct kit_piece *piece, bool is_last)
{
	struct kit_packed_descriptor *entries = table;
	entries[at] = (struct kit_packed_descriptor){ piece->address, piece->length, 0,
		piece->writable ? KIT_RING_WRITE : 0 };
}

static void write_piece(
	struct kit_ring *ring, const struct kit_offer *offer, uint32_t at, uint16_t id)
{
	struct kit_packed_descriptor descriptor = { offer->pieces[at].address,
		offer->pieces[at].length, id, offer->pieces[at].writable ? KIT_RING_WRITE : 0 };
	if (offer->indirect)
		descriptor.flags |= KIT_RING_INDIRECT;
	if (at + 1 < offer->count)
		descriptor.flags |= KIT_RING_NEXT;
	kit_packed_write(ring, at, &descriptor,
		kit_packed_marks(kit_packed_ahead(ring, ring->available_at, at)));
}

/* From the last descriptor to the first: with that one all of them are available. */
static uint16_t offer(
	struct kit_ring *ring, const struct kit_offer *offer, const struct kit_chain *chain)
{
	uint16_t id = ring->free_head;
	ring->free_head = ring->chains[id].next_free;
	ring->chains[id] = *chain;
	for (uint32_t i = (uint32_t)offer->count; i-- > 0;)
		write_piece(ring, offer, i, id);
	kit_packed_publish(ring, (uint32_t)offer->count);
	ring->in_flight++;
	return id;
}

/* Lies the event among the last `unkicked` places? */
static bool event_passed(const struct kit_ring *ring, uint16_t event)
{
	uint32_t back = ring->unkicked < 2u * ring->size ? ring->unkicked : 2u * ring->size;
	for (uint32_t i = 1; i <= back; i++)
		if (kit_packed_word(kit_packed_ahead(
			    ring, ring->available_at, 2u * ring->size - i)) == event)
			return true;
	return false;
}

static bool kick_wanted(struct kit_ring *ring)
{
	uint16_t position, flags;
	kit_packed_device_event(ring, &position, &flags);
	switch (flags) {
	case KIT_EVENT_ENABLE:
		return true;
	case KIT_EVENT_DISABLE:
		return false;
	case KIT_EVENT_AT:
		ring->misled |= !ring->event_idx || (position & 0x7fff) >= ring->size;
		return event_passed(ring, position);
	default:
		ring->misled = true;
		return false;
	}
}

static void ask(struct kit_ring *ring)
{
	if (ring->event_idx)
		kit_packed_set_event(ring, kit_packed_word(ring->used_at), KIT_EVENT_AT);
	else
		kit_packed_set_event(ring, 0, KIT_EVENT_ENABLE);
}

/* In a ring without anything in flight, zeroes may look used. */
static bool has_used(const struct kit_ring *ring)
{
	return ring->misled || (ring->in_flight > 0 && is_used(ring, ring->used_at));
}

static uint32_t in_flight(const struct kit_ring *ring)
{
	return ring->in_flight;
}

static void recycle(struct kit_ring *ring, uint16_t id)
{
	uint16_t length = ring->chains[id].length;
	kit_ring_forget(ring, id);
	ring->chains[id].next_free = ring->free_head;
	ring->free_head = id;
	ring->free_count = (uint16_t)(ring->free_count + length);
	ring->used_at = kit_packed_ahead(ring, ring->used_at, length);
	ring->in_flight--;
}

static int judge_flags(struct kit_ring *ring, const struct kit_packed_descriptor *used)
{
	if (used->flags & ~USED_FLAGS)
		return kit_fail(
			ring->kit, EPROTO, "queue %u: used flags %#x", ring->index, used->flags);
	if (!(used->flags & KIT_RING_WRITE) != (used->length == 0))
		return kit_fail(ring->kit, EPROTO, "queue %u: %u bytes used, flags %#x",
			ring->index, used->length, used->flags);
	return 0;
}

static int take(struct kit_ring *ring, struct kit_used *ret_used)
{
	if (ring->misled)
		return kit_fail(
			ring->kit, EPROTO, "queue %u: an event that means nothing", ring->index);
	if (!has_used(ring))
		return 0;
	struct kit_packed_descriptor used = table_of(ring)[ring->used_at.index];
	int ret = judge_flags(ring, &used);
	if (ret == 0)
		ret = kit_ring_judge_used(ring, used.id, used.length);
	if (ret < 0)
		return ret;
	*ret_used = (struct kit_used){ ring->chains[used.id].token, used.id, used.length };
	recycle(ring, used.id);
	return 1;
}

/* The device's position: past all that it has made used, taken by the driver or not. */
static uint32_t base(const struct kit_ring *ring)
{
	const struct kit_packed_descriptor *table = table_of(ring);
	struct kit_position position = ring->used_at;
	for (uint32_t i = 0; i < ring->in_flight && is_used(ring, position); i++) {
		uint16_t id = table[position.index].id;
		if (id >= ring->size || !ring->chains[id].in_flight)
			break;
		position = kit_packed_ahead(ring, position, ring->chains[id].length);
	}
	return kit_packed_word(position) * 0x10001u;
}

const struct kit_ring_impl kit_ring_packed_impl = {
	.clear = clear,
	.write_entry = write_entry,
	.offer = offer,
	.kick_wanted = kick_wanted,
	.ask = ask,
	.has_used = has_used,
	.take = take,
	.in_flight = in_flight,
	.first_base = 0x80008000,
	.base = base,
};
