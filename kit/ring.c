/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
#include "kit/ring.h"

#include <assert.h>
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "util/checked.h"
#include "util/fd.h"

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

static_assert(sizeof(struct kit_descriptor) == 16, "wire size");

static uint64_t table_bytes(const struct kit_ring *ring)
{
	return sizeof(struct kit_descriptor) * (uint64_t)ring->size;
}

static uint64_t available_bytes(const struct kit_ring *ring)
{
	return sizeof(struct available) + 2u * ((uint64_t)ring->size + 1);
}

static uint64_t used_bytes(const struct kit_ring *ring)
{
	return sizeof(struct used) + sizeof(struct used_element) * (uint64_t)ring->size + 2u;
}

static struct kit_descriptor *table_of(const struct kit_ring *ring)
{
	return kit_ptr(ring->memory, ring->descriptors, table_bytes(ring));
}

static struct available *available_of(const struct kit_ring *ring)
{
	return kit_ptr(ring->memory, ring->available, available_bytes(ring));
}

static struct used *used_of(const struct kit_ring *ring)
{
	return kit_ptr(ring->memory, ring->used, used_bytes(ring));
}

void kit_ring_reset(struct kit_ring *ring)
{
	for (uint32_t i = 0; i < ring->size; i++) {
		kit_free(ring->memory, ring->chains[i].table, ring->chains[i].table_size);
		ring->chains[i] = (struct kit_chain){ 0 };
	}
	memset(available_of(ring), 0, available_bytes(ring));
	memset(used_of(ring), 0, used_bytes(ring));
	struct kit_descriptor *table = table_of(ring);
	for (uint32_t i = 0; i < ring->size; i++)
		table[i] = (struct kit_descriptor){ .next = (uint16_t)(i + 1) };
	ring->next_available = 0;
	ring->next_used = 0;
	ring->kicked = 0;
	ring->free_head = 0;
	ring->free_count = ring->size;
	available_of(ring)->flags = ring->polling ? AVAILABLE_NO_INTERRUPT : 0;
	kit_ring_interrupts(ring);
}

int kit_ring_take_over(struct kit_ring *ring, struct kit_ring *from)
{
	if (ring->size != from->size || ring->descriptors != from->descriptors ||
		ring->available != from->available || ring->used != from->used)
		return kit_fail(ring->kit, EINVAL, "ring %u is of another shape", ring->index);
	memcpy(ring->chains, from->chains, ring->size * sizeof(*ring->chains));
	memset(from->chains, 0, from->size * sizeof(*from->chains));
	ring->event_idx = from->event_idx;
	ring->indirect = from->indirect;
	ring->polling = from->polling;
	ring->next_available = from->next_available;
	ring->next_used = from->next_used;
	ring->kicked = from->kicked;
	ring->free_head = from->free_head;
	ring->free_count = from->free_count;
	return 0;
}

int kit_ring_init(struct kit_ring *ring, struct kit_memory *memory, uint32_t index, uint32_t size)
{
	*ring = (struct kit_ring){ .kit = memory->kit,
		.memory = memory,
		.index = index,
		.size = (uint16_t)size,
		.kick_fd = fd_eventfd(),
		.call_fd = fd_eventfd(),
		.err_fd = fd_eventfd() };
	ring->chains = calloc(size, sizeof(*ring->chains));
	ring->descriptors = kit_alloc(memory, table_bytes(ring), KIT_PAGE);
	ring->available = kit_alloc(memory, available_bytes(ring), KIT_PAGE);
	ring->used = kit_alloc(memory, used_bytes(ring), KIT_PAGE);
	if (!ring->chains || !ring->descriptors || !ring->available || !ring->used ||
		ring->kick_fd < 0 || ring->call_fd < 0 || ring->err_fd < 0) {
		kit_ring_finish(ring);
		return kit_fail(memory->kit, ENOMEM, "no memory for a ring of %u", size);
	}
	kit_ring_reset(ring);
	return 0;
}

void kit_ring_finish(struct kit_ring *ring)
{
	if (!ring->memory)
		return;
	for (uint32_t i = 0; ring->chains && i < ring->size; i++)
		kit_free(ring->memory, ring->chains[i].table, ring->chains[i].table_size);
	kit_free(ring->memory, ring->descriptors, table_bytes(ring));
	kit_free(ring->memory, ring->available, available_bytes(ring));
	kit_free(ring->memory, ring->used, used_bytes(ring));
	free(ring->chains);
	fd_close(&ring->kick_fd);
	fd_close(&ring->call_fd);
	fd_close(&ring->err_fd);
	*ring = (struct kit_ring){ .kick_fd = -1, .call_fd = -1, .err_fd = -1 };
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

uint16_t kit_ring_used_index(const struct kit_ring *ring)
{
	return __atomic_load_n(&used_of(ring)->index, __ATOMIC_ACQUIRE);
}

uint16_t kit_ring_device_event(const struct kit_ring *ring)
{
	const uint16_t *event = (const uint16_t *)(const void *)&used_of(ring)->ring[ring->size];
	return __atomic_load_n(event, __ATOMIC_ACQUIRE);
}

void kit_ring_kick_always(struct kit_ring *ring)
{
	ring->kicked = ring->next_available;
	ring->kicks++;
	fd_eventfd_signal(ring->kick_fd);
}

/* --- a correct driver ---------------------------------------------------------------------- */

/* Writes the chain's descriptors into a table of their own. */
static int add_indirect(struct kit_ring *ring, const struct kit_piece *pieces, size_t count,
	struct kit_chain *chain)
{
	chain->table_size = (uint32_t)(count * sizeof(struct kit_descriptor));
	chain->table = kit_alloc(ring->memory, chain->table_size, 16);
	if (!chain->table)
		return -ENOMEM;
	for (size_t i = 0; i < count; i++) {
		struct kit_descriptor entry = { pieces[i].address, pieces[i].length,
			pieces[i].writable ? KIT_RING_WRITE : 0, (uint16_t)(i + 1) };
		if (i + 1 < count)
			entry.flags |= KIT_RING_NEXT;
		kit_table_write(ring->memory, chain->table, (uint16_t)i, &entry);
	}
	struct kit_descriptor *table = table_of(ring);
	struct kit_descriptor *head = &table[ring->free_head];
	head->address = chain->table;
	head->length = chain->table_size;
	head->flags = KIT_RING_INDIRECT;
	chain->length = 1;
	return 0;
}

static void add_direct(struct kit_ring *ring, const struct kit_piece *pieces, size_t count,
	struct kit_chain *chain)
{
	struct kit_descriptor *table = table_of(ring);
	uint16_t at = ring->free_head;
	for (size_t i = 0; i < count; i++) {
		table[at].address = pieces[i].address;
		table[at].length = pieces[i].length;
		table[at].flags = pieces[i].writable ? KIT_RING_WRITE : 0;
		if (i + 1 < count)
			table[at].flags |= KIT_RING_NEXT;
		at = table[at].next;
	}
	chain->length = (uint16_t)count;
}

int kit_ring_add(struct kit_ring *ring, const struct kit_piece *pieces, size_t count, void *token)
{
	bool indirect = ring->indirect && count > 1;
	if (count == 0 || (indirect ? 1 : count) > ring->free_count)
		return kit_fail(ring->kit, ENOSPC, "queue %u is full", ring->index);
	struct kit_chain chain = { .in_flight = true, .token = token };
	for (size_t i = 0; i < count; i++)
		chain.writable += pieces[i].writable ? pieces[i].length : 0;
	if (!indirect)
		add_direct(ring, pieces, count, &chain);
	else if (add_indirect(ring, pieces, count, &chain) < 0)
		return -ENOMEM;

	const struct kit_descriptor *table = table_of(ring);
	uint16_t head = ring->free_head;
	for (uint16_t i = 0; i < chain.length; i++)
		ring->free_head = table[ring->free_head].next;
	ring->free_count = (uint16_t)(ring->free_count - chain.length);
	ring->chains[head] = chain;
	kit_ring_publish(ring, head);
	return head;
}

void kit_ring_kick(struct kit_ring *ring)
{
	uint16_t added = (uint16_t)(ring->next_available - ring->kicked);
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	bool wanted;
	if (ring->event_idx)
		wanted = (uint16_t)(ring->next_available - kit_ring_device_event(ring) - 1) < added;
	else
		wanted = !(
			__atomic_load_n(&used_of(ring)->flags, __ATOMIC_RELAXED) & USED_NO_NOTIFY);
	if (wanted)
		kit_ring_kick_always(ring);
	else
		ring->kicked = ring->next_available;
}

/* The descriptors of a chain go back to the front of the free list. */
static void recycle(struct kit_ring *ring, uint16_t head)
{
	struct kit_chain *chain = &ring->chains[head];
	struct kit_descriptor *table = table_of(ring);
	uint16_t last = head;
	for (uint16_t i = 1; i < chain->length; i++)
		last = table[last].next;
	table[last].next = ring->free_head;
	ring->free_head = head;
	ring->free_count = (uint16_t)(ring->free_count + chain->length);
	kit_free(ring->memory, chain->table, chain->table_size);
	*chain = (struct kit_chain){ 0 };
}

int kit_ring_take(struct kit_ring *ring, struct kit_used *ret_used)
{
	uint16_t ahead = (uint16_t)(kit_ring_used_index(ring) - ring->next_used);
	if (ahead == 0)
		return 0;
	if (ahead > kit_ring_in_flight(ring))
		return kit_fail(ring->kit, EPROTO, "queue %u: %u more used than in flight",
			ring->index, ahead);
	struct used_element element = used_of(ring)->ring[ring->next_used % ring->size];
	if (element.id >= ring->size || !ring->chains[element.id].in_flight)
		return kit_fail(ring->kit, EPROTO, "queue %u: used id %u was not in flight",
			ring->index, element.id);
	const struct kit_chain *chain = &ring->chains[element.id];
	if (element.length > chain->writable)
		return kit_fail(ring->kit, EPROTO, "queue %u: %u bytes used of %llu writable",
			ring->index, element.length, (unsigned long long)chain->writable);
	*ret_used = (struct kit_used){ chain->token, (uint16_t)element.id, element.length };
	ring->next_used++;
	recycle(ring, (uint16_t)element.id);
	return 1;
}

uint64_t kit_ring_interrupts(struct kit_ring *ring)
{
	uint64_t count = 0;
	struct pollfd poll_call = { .fd = ring->call_fd, .events = POLLIN };
	/* a test may have put a descriptor there that waits */
	if (poll(&poll_call, 1, 0) != 1)
		return 0;
	if (read(ring->call_fd, &count, sizeof(count)) != sizeof(count))
		return 0;
	ring->interrupts += count;
	return count;
}

static bool has_used(void *data)
{
	const struct kit_ring *ring = data;
	return kit_ring_used_index(ring) != ring->next_used;
}

static int wait_polling(struct kit_ring *ring, int timeout_ms)
{
	uint64_t deadline =
		kit_now() + (uint64_t)(timeout_ms < 0 ? ring->kit->timeout_ms : timeout_ms);
	while (!has_used(ring)) {
		int ret = kit_pump(ring->kit, 0);
		if (ret < 0)
			return ret;
		if (kit_now() >= deadline)
			return -ETIMEDOUT;
	}
	return 0;
}

/* As a driver has to: ask for the interrupt, look once more, then sleep. */
static int wait_interrupt(struct kit_ring *ring, int timeout_ms)
{
	uint64_t deadline =
		kit_now() + (uint64_t)(timeout_ms < 0 ? ring->kit->timeout_ms : timeout_ms);
	for (;;) {
		kit_ring_interrupts(ring);
		kit_ring_set_event(ring, ring->next_used);
		__atomic_thread_fence(__ATOMIC_SEQ_CST);
		if (has_used(ring))
			return 0;
		uint64_t now = kit_now();
		int left = now < deadline ? (int)(deadline - now) : 0;
		int ret = kit_wait_fd(ring->kit, ring->call_fd, POLLIN, left);
		if (ret < 0)
			return ret;
	}
}

int kit_ring_wait(struct kit_ring *ring, int timeout_ms)
{
	if (has_used(ring))
		return 0;
	int ret = ring->polling ? wait_polling(ring, timeout_ms) : wait_interrupt(ring, timeout_ms);
	if (ret == -ETIMEDOUT && has_used(ring))
		return kit_fail(
			ring->kit, EPROTO, "queue %u: an answer without an interrupt", ring->index);
	if (ret == -ETIMEDOUT)
		return kit_fail(ring->kit, ETIMEDOUT, "queue %u: no answer (%u in flight)",
			ring->index, kit_ring_in_flight(ring));
	return ret;
}

uint32_t kit_ring_in_flight(const struct kit_ring *ring)
{
	return (uint16_t)(ring->next_available - ring->next_used);
}
