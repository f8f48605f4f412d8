/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/* The split layout (virtio 1.4, 2.7). */
#include <errno.h>
#include <string.h>

#include "kit/ring_private.h"

#define AVAILABLE_NO_INTERRUPT 1u
#define USED_NO_NOTIFY         1u

struct available {
	uint16_t flags;
	uint16_t index;
	uint16_t ring[]; /* and behind it the event index */
};

struct used_element {
	uint32_t id;
	uint32_t length;
};

struct used {
	uint16_t flags;
	uint16_t index;
	struct used_element ring[]; /* and behind it the event index */
};

static struct kit_descriptor *table_of(const struct kit_ring *ring)
{
	return kit_ptr(ring->memory, ring->descriptors, kit_table_bytes(ring));
}

static struct available *available_of(const struct kit_ring *ring)
{
	return kit_ptr(ring->memory, ring->available, kit_available_bytes(ring));
}

static struct used *used_of(const struct kit_ring *ring)
{
	return kit_ptr(ring->memory, ring->used, kit_used_bytes(ring));
}

static void clear(struct kit_ring *ring)
{
	struct kit_descriptor *table = table_of(ring);
	for (uint32_t i = 0; i < ring->size; i++)
		table[i].next = (uint16_t)(i + 1);
	ring->next_available = 0;
	ring->next_used = 0;
	ring->kicked = 0;
	available_of(ring)->flags = ring->polling ? AVAILABLE_NO_INTERRUPT : 0;
}

/* --- as it is told ------------------------------------------------------------------------- */

void kit_ring_write(struct kit_ring *ring, uint16_t at, const struct kit_descriptor *descriptor)
{
	table_of(ring)[at] = *descriptor;
}

void kit_table_write(struct kit_memory *memory, uint64_t table, uint16_t at,
	const struct kit_descriptor *descriptor)
{
	struct kit_descriptor *entry = kit_ptr(memory, table + sizeof(*entry) * at, sizeof(*entry));
	if (entry)
		*entry = *descriptor;
}

void kit_ring_set_available(struct kit_ring *ring, uint16_t index)
{
	ring->next_available = index;
	__atomic_store_n(&available_of(ring)->index, index, __ATOMIC_RELEASE);
}

void kit_ring_publish(struct kit_ring *ring, uint16_t head)
{
	available_of(ring)->ring[ring->next_available % ring->size] = head;
	kit_ring_set_available(ring, (uint16_t)(ring->next_available + 1));
}

void kit_ring_set_event(struct kit_ring *ring, uint16_t index)
{
	__atomic_store_n(&available_of(ring)->ring[ring->size], index, __ATOMIC_SEQ_CST);
}

void kit_ring_set_flags(struct kit_ring *ring, uint16_t flags)
{
	__atomic_store_n(&available_of(ring)->flags, flags, __ATOMIC_SEQ_CST);
}

uint16_t kit_ring_device_flags(const struct kit_ring *ring)
{
	return __atomic_load_n(&used_of(ring)->flags, __ATOMIC_ACQUIRE);
}

void kit_ring_reset_at(struct kit_ring *ring, uint16_t index)
{
	kit_ring_reset(ring);
	ring->next_used = ring->kicked = index;
	used_of(ring)->index = index;
	memcpy(&used_of(ring)->ring[ring->size], &index, sizeof(index)); /* the device's event */
	kit_ring_set_available(ring, index);
}

uint16_t kit_ring_used_index(const struct kit_ring *ring)
{
	return __atomic_load_n(&used_of(ring)->index, __ATOMIC_ACQUIRE);
}

uint16_t kit_ring_device_event(const struct kit_ring *ring)
{
	const uint16_t *event = (const uint16_t *)(const void *)&used_of(ring)->ring[ring->size];
	return __atomic_load_n(event, __ATOMIC_ACQUIRE);
}

/* --- a correct driver ---------------------------------------------------------------------- */

static void write_entry(void *table, size_t at, const struct kit_piece *piece, bool is_last)
{
	struct kit_descriptor *entries = table;
	entries[at] = (struct kit_descriptor){ piece->address, piece->length,
		piece->writable ? KIT_RING_WRITE : 0, (uint16_t)(at + 1) };
	if (!is_last)
		entries[at].flags |= KIT_RING_NEXT;
}

static uint16_t offer(
	struct kit_ring *ring, const struct kit_offer *offer, const struct kit_chain *chain)
{
	struct kit_descriptor *table = table_of(ring);
	uint16_t head = ring->free_head;
	for (size_t i = 0; i < offer->count; i++) {
		struct kit_descriptor *entry = &table[ring->free_head];
		entry->address = offer->pieces[i].address;
		entry->length = offer->pieces[i].length;
		entry->flags = offer->pieces[i].writable ? KIT_RING_WRITE : 0;
		if (offer->indirect)
			entry->flags |= KIT_RING_INDIRECT;
		if (i + 1 < offer->count)
			entry->flags |= KIT_RING_NEXT;
		ring->free_head = entry->next;
	}
	ring->chains[head] = *chain;
	kit_ring_publish(ring, head);
	return head;
}

static bool kick_wanted(struct kit_ring *ring)
{
	uint16_t added = (uint16_t)(ring->next_available - ring->kicked);
	if (ring->event_idx)
		return (uint16_t)(ring->next_available - kit_ring_device_event(ring) - 1) < added;
	return !(__atomic_load_n(&used_of(ring)->flags, __ATOMIC_RELAXED) & USED_NO_NOTIFY);
}

static void ask(struct kit_ring *ring)
{
	kit_ring_set_event(ring, ring->next_used);
}

static bool has_used(const struct kit_ring *ring)
{
	return kit_ring_used_index(ring) != ring->next_used;
}

static uint32_t in_flight(const struct kit_ring *ring)
{
	return (uint16_t)(ring->next_available - ring->next_used);
}

/* The descriptors of a chain go back to the front of the free list. */
static void recycle(struct kit_ring *ring, uint16_t head)
{
	const struct kit_chain *chain = &ring->chains[head];
	struct kit_descriptor *table = table_of(ring);
	uint16_t last = head;
	for (uint16_t i = 1; i < chain->length; i++)
		last = table[last].next;
	table[last].next = ring->free_head;
	ring->free_head = head;
	ring->free_count = (uint16_t)(ring->free_count + chain->length);
	kit_ring_forget(ring, head);
}

static int take(struct kit_ring *ring, struct kit_used *ret_used)
{
	uint16_t ahead = (uint16_t)(kit_ring_used_index(ring) - ring->next_used);
	if (ahead == 0)
		return 0;
	if (ahead > in_flight(ring))
		return kit_fail(ring->kit, EPROTO, "queue %u: %u more used than in flight",
			ring->index, ahead);
	struct used_element element = used_of(ring)->ring[ring->next_used % ring->size];
	int ret = kit_ring_judge_used(ring, element.id, element.length);
	if (ret < 0)
		return ret;
	*ret_used = (struct kit_used){ ring->chains[element.id].token, (uint16_t)element.id,
		element.length };
	ring->next_used++;
	recycle(ring, (uint16_t)element.id);
	return 1;
}

static uint32_t base(const struct kit_ring *ring)
{
	return kit_ring_used_index(ring);
}

const struct kit_ring_impl kit_ring_split_impl = {
	.clear = clear,
	.write_entry = write_entry,
	.offer = offer,
	.kick_wanted = kick_wanted,
	.ask = ask,
	.has_used = has_used,
	.take = take,
	.in_flight = in_flight,
	.first_base = 0,
	.base = base,
};
