/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
#include "kit/ring.h"

#include <assert.h>
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "kit/ring_private.h"
#include "util/checked.h"
#include "util/fd.h"

static_assert(sizeof(struct kit_descriptor) == 16, "wire size");
static_assert(sizeof(struct kit_packed_descriptor) == 16, "wire size");

void kit_ring_reset(struct kit_ring *ring)
{
	for (uint32_t i = 0; i < ring->size; i++)
		kit_ring_forget(ring, (uint16_t)i);
	memset(kit_ptr(ring->memory, ring->descriptors, kit_table_bytes(ring)), 0,
		kit_table_bytes(ring));
	memset(kit_ptr(ring->memory, ring->available, kit_available_bytes(ring)), 0,
		kit_available_bytes(ring));
	memset(kit_ptr(ring->memory, ring->used, kit_used_bytes(ring)), 0, kit_used_bytes(ring));
	ring->free_head = 0;
	ring->free_count = ring->size;
	ring->impl->clear(ring);
	kit_ring_interrupts(ring);
}

int kit_ring_take_over(struct kit_ring *ring, struct kit_ring *from)
{
	if (ring->size != from->size || ring->descriptors != from->descriptors ||
		ring->available != from->available || ring->used != from->used)
		return kit_fail(ring->kit, EINVAL, "ring %u is of another shape", ring->index);
	memcpy(ring->chains, from->chains, ring->size * sizeof(*ring->chains));
	memset(from->chains, 0, from->size * sizeof(*from->chains));
	ring->impl = from->impl;
	ring->event_idx = from->event_idx;
	ring->indirect = from->indirect;
	ring->polling = from->polling;
	ring->available_at = from->available_at;
	ring->used_at = from->used_at;
	ring->unkicked = from->unkicked;
	ring->in_flight = from->in_flight;
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
		.impl = &kit_ring_split_impl,
		.index = index,
		.size = (uint16_t)size,
		.kick_fd = fd_eventfd(),
		.call_fd = fd_eventfd(),
		.err_fd = fd_eventfd() };
	ring->chains = calloc(size, sizeof(*ring->chains));
	ring->descriptors = kit_alloc(memory, kit_table_bytes(ring), KIT_PAGE);
	ring->available = kit_alloc(memory, kit_available_bytes(ring), KIT_PAGE);
	ring->used = kit_alloc(memory, kit_used_bytes(ring), KIT_PAGE);
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
		kit_ring_forget(ring, (uint16_t)i);
	kit_free(ring->memory, ring->descriptors, kit_table_bytes(ring));
	kit_free(ring->memory, ring->available, kit_available_bytes(ring));
	kit_free(ring->memory, ring->used, kit_used_bytes(ring));
	free(ring->chains);
	fd_close(&ring->kick_fd);
	fd_close(&ring->call_fd);
	fd_close(&ring->err_fd);
	*ring = (struct kit_ring){ .kick_fd = -1, .call_fd = -1, .err_fd = -1 };
}

bool kit_ring_packed(const struct kit_ring *ring)
{
	return ring->impl == &kit_ring_packed_impl;
}

void kit_ring_set_packed(struct kit_ring *ring, bool packed)
{
	if (kit_ring_packed(ring) == packed)
		return;
	ring->impl = packed ? &kit_ring_packed_impl : &kit_ring_split_impl;
	kit_ring_reset(ring);
}

uint32_t kit_ring_first_base(const struct kit_ring *ring)
{
	return ring->impl->first_base;
}

uint32_t kit_ring_base(const struct kit_ring *ring)
{
	return ring->impl->base(ring);
}

int kit_ring_judge_used(struct kit_ring *ring, uint32_t id, uint32_t length)
{
	if (id >= ring->size || !ring->chains[id].in_flight)
		return kit_fail(ring->kit, EPROTO, "queue %u: used id %u was not in flight",
			ring->index, id);
	if (length > ring->chains[id].writable)
		return kit_fail(ring->kit, EPROTO, "queue %u: %u bytes used of %llu writable",
			ring->index, length, (unsigned long long)ring->chains[id].writable);
	return 0;
}

void kit_ring_forget(struct kit_ring *ring, uint16_t id)
{
	kit_free(ring->memory, ring->chains[id].table, ring->chains[id].table_size);
	ring->chains[id] = (struct kit_chain){ 0 };
}

/* Writes the chain's descriptors into a table of their own. */
static int make_table(struct kit_ring *ring, const struct kit_piece *pieces, size_t count,
	struct kit_chain *chain)
{
	chain->table_size = (uint32_t)(count * sizeof(struct kit_descriptor));
	chain->table = kit_alloc(ring->memory, chain->table_size, 16);
	if (!chain->table)
		return -ENOMEM;
	void *table = kit_ptr(ring->memory, chain->table, chain->table_size);
	for (size_t i = 0; i < count; i++)
		ring->impl->write_entry(table, i, &pieces[i], i + 1 == count);
	return 0;
}

int kit_ring_add(struct kit_ring *ring, const struct kit_piece *pieces, size_t count, void *token)
{
	bool indirect = ring->indirect && count > 1;
	if (count == 0 || (indirect ? 1 : count) > ring->free_count)
		return kit_fail(ring->kit, ENOSPC, "queue %u is full", ring->index);
	struct kit_chain chain = { .in_flight = true, .token = token };
	for (size_t i = 0; i < count; i++)
		chain.writable += pieces[i].writable ? pieces[i].length : 0;
	if (indirect && make_table(ring, pieces, count, &chain) < 0)
		return -ENOMEM;

	const struct kit_piece table = { chain.table, chain.table_size, false };
	const struct kit_offer offer = {
		.pieces = indirect ? &table : pieces,
		.count = indirect ? 1 : count,
		.indirect = indirect,
	};
	chain.length = (uint16_t)offer.count;
	ring->free_count = (uint16_t)(ring->free_count - chain.length);
	return ring->impl->offer(ring, &offer, &chain);
}

void kit_ring_kick_always(struct kit_ring *ring)
{
	ring->kicked = ring->next_available;
	ring->unkicked = 0;
	ring->kicks++;
	fd_eventfd_signal(ring->kick_fd);
}

void kit_ring_kick(struct kit_ring *ring)
{
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	if (ring->impl->kick_wanted(ring))
		kit_ring_kick_always(ring);
	ring->kicked = ring->next_available;
	ring->unkicked = 0;
}

int kit_ring_take(struct kit_ring *ring, struct kit_used *ret_used)
{
	return ring->impl->take(ring, ret_used);
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

static bool has_used(const struct kit_ring *ring)
{
	return ring->impl->has_used(ring);
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

bool kit_ring_ask(struct kit_ring *ring)
{
	kit_ring_interrupts(ring);
	ring->impl->ask(ring);
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	return has_used(ring);
}

/* As a driver has to: ask for the interrupt, look once more, then sleep. */
static int wait_interrupt(struct kit_ring *ring, int timeout_ms)
{
	uint64_t deadline =
		kit_now() + (uint64_t)(timeout_ms < 0 ? ring->kit->timeout_ms : timeout_ms);
	for (;;) {
		if (kit_ring_ask(ring))
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
	return ring->impl->in_flight(ring);
}
