/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/*
 * The device's end of the ring with a renderer that may write anything into it at any time
 * (src/renderer/ring.c): its indices have any value, its records any contents. One call of any kind, in any
 * state that the device's own side can be in.
 *
 * A record is copied whole, from inside the queue it belongs to, and to where the caller wants it. No more
 * records are taken than a queue has, nor pushed than it has room for, and what was pushed before is not
 * written over as long as it is not consumed. An index that cannot be is noticed, and the ring is useless
 * from then on. Counts of records may wrap, which is what they do.
 *
 * #proof tests/proofs/stubs/packets.c tests/proofs/stubs/descriptors.c
 * #cbmc --unwind 4
 * #bug src/renderer/ring.c: if (used > queue->size || => if (
 * #bug src/renderer/ring.c: if (consumed - queue->theirs > queue->mine - queue->theirs) { => if (0) {
 * #bug src/renderer/ring.c: if (push_room(ring) == 0)
 *	refresh_push(ring);
 *	return push_room(ring) != 0; => refresh_push(ring); return true;
 * #bug src/renderer/ring.c: if (queue->theirs == queue->mine)
 *	return 0; =>
 * #bug src/renderer/ring.c: uint32_t index = queue->mine & (queue->size - 1);
 *	memcpy(ret_record, => uint32_t index = queue->mine & queue->size; memcpy(ret_record,
 */
#include <stdatomic.h>
#include <string.h>
#include <sys/mman.h>

#include "renderer/ring_layout.h"

#include "peer.h"

/* The renderer has written before each load, and nothing is ever read back from what it can write. */
static uint32_t came; /* what it wrote last */

static uint32_t hostile_load(const void *from)
{
	prove(readable(from, sizeof(uint32_t)));
	return came;
}

static void publish(const void *to)
{
	prove(readable(to, sizeof(uint32_t)));
}

static void watched_copy(void *dst, const void *src, size_t size);

#undef atomic_load_explicit
#undef atomic_store_explicit
#undef atomic_exchange_explicit
#define atomic_load_explicit(from, order)          hostile_load(from)
#define atomic_store_explicit(to, value, order)    publish(to)
#define atomic_exchange_explicit(to, value, order) hostile_load(to)
#undef atomic_thread_fence
#undef atomic_signal_fence
#define atomic_thread_fence(order) (void)0
#define atomic_signal_fence(order) (void)0
#define memcpy                     watched_copy

#pragma CPROVER check push
#pragma CPROVER check disable "unsigned-overflow"
#include "renderer/ring.c"

static struct ring ring;
static struct wire_completion completion;
static struct wire_submission submission;
static uint32_t copies, mine_before, theirs_before;

static void watched_copy(void *dst, const void *src, size_t size)
{
	copies++;
	prove(size == RING_RECORD_SIZE);
	if (dst == &completion) {
		uint32_t place = mine_before & (RING_COMPLETIONS - 1);
		prove(src == ring.shared->completion_records + place * RING_RECORD_SIZE);
		prove(place < RING_COMPLETIONS && !ring.broken);
	} else {
		uint32_t place = mine_before & (RING_SUBMISSIONS - 1);
		prove(dst == ring.shared->submission_records + place * RING_RECORD_SIZE);
		prove(src == &submission && !ring.broken);
		prove(mine_before - ring.push.theirs < RING_SUBMISSIONS);
	}
}

static bool is_sound(void)
{
	return ring.push.mine - ring.push.theirs <= RING_SUBMISSIONS &&
		ring.pop.theirs - ring.pop.mine <= RING_COMPLETIONS && ring.tail <= ring.head;
}

static void any_ring(void)
{
	ring.side = RING_DEVICE;
	ring.shared = any_memory(sizeof(*ring.shared));
	init_queues(&ring);
	ring.push.mine = nondet_u32();
	ring.push.theirs = nondet_u32();
	ring.pop.mine = nondet_u32();
	ring.pop.theirs = nondet_u32();
	ring.pop.published = nondet_u32();
	ring.broken = nondet_bool();
	ring.tail = nondet_u64();
	ring.head = nondet_u64();
	assume(is_sound());
}

static void pop_one(void)
{
	bool was_broken = ring.broken;
	mine_before = ring.pop.mine;
	theirs_before = ring.pop.theirs;
	int result = ring_pop_completion(&ring, &completion);
	prove(result == 1 || result == 0 || result == -EPROTO);
	prove(copies == (result == 1) && ring.pop.mine == mine_before + copies);
	prove(!was_broken || result == -EPROTO);
	prove((result == -EPROTO) == ring.broken);
	prove(ring.pop.theirs - mine_before >= theirs_before - mine_before);
	prove(result != 1 || ring.pop.theirs - mine_before >= 1);
}

static void push_one(void)
{
	mine_before = ring.push.mine;
	submission.data_size = 0;
	bool pushed = ring_push_submission(&ring, &submission);
	prove(copies == pushed && ring.push.mine == mine_before + copies);
}

static void look_for_room(void)
{
	theirs_before = ring.push.theirs;
	uint32_t room = ring_submission_room(&ring);
	prove(room <= RING_SUBMISSIONS && (!ring.broken || room == 0));
	prove(ring.push.theirs - theirs_before <= ring.push.mine - theirs_before);
}

void proof(void)
{
	any_ring();
	came = nondet_u32();
	uint64_t end = nondet_u64();
	assume(end <= ring.head);
	/* The others are not looked at in one call. */
	ring.ends[(came - 1) & (RING_SUBMISSIONS - 1)] = end;
	switch (any_below(3)) {
	case 0:
		pop_one();
		break;
	case 1:
		push_one();
		break;
	case 2:
		look_for_room();
		break;
	}
	prove(is_sound());
}
#pragma CPROVER check pop
