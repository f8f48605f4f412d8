/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/* The kit's packed rings, with a device that the test plays. */
#include <stdlib.h>
#include <unistd.h>

#include "kit/ring.h"
#include "ring_rig.h"
#include "test.h"

#define MARKS (KIT_PACKED_AVAILABLE | KIT_PACKED_USED)

static struct kit_packed_descriptor *at(struct ring_rig *rig, uint32_t index)
{
	return (struct kit_packed_descriptor *)kit_ptr(
		       &rig->memory, rig->ring.descriptors, 16ull * rig->ring.size) +
		index;
}

static void use(struct ring_rig *rig, uint32_t index, uint16_t id, uint32_t length, uint16_t flags)
{
	at(rig, index)->id = id;
	at(rig, index)->length = length;
	at(rig, index)->flags = flags;
}

static void want(struct ring_rig *rig, uint16_t position, uint16_t flags)
{
	uint16_t event[2] = { position, flags };
	memcpy(kit_ptr(&rig->memory, rig->ring.used, 4), event, 4);
}

static void describes_chains(void)
{
	struct ring_rig rig;
	struct kit_piece pieces[] = { { 0x8000, 1, false }, { 0x9000, 2, true },
		{ 0xa000, 3, true } };
	int token;
	ring_rig_init(&rig, 5, true);
	for (int round = 0; round < 5; round++) {
		struct kit_position begin = rig.ring.available_at;
		int id = kit_ring_add(&rig.ring, pieces, 3, &token);
		CHECK(id >= 0);
		for (uint32_t i = 0; i < 3; i++) {
			struct kit_position position = kit_packed_ahead(&rig.ring, begin, i);
			const struct kit_packed_descriptor *d = at(&rig, position.index);
			uint32_t flags = (i < 2 ? KIT_RING_NEXT : 0) |
				(i > 0 ? KIT_RING_WRITE : 0) |
				(position.wrap ? KIT_PACKED_AVAILABLE : KIT_PACKED_USED);
			CHECK_INT(d->address, pieces[i].address);
			CHECK_INT(d->length, pieces[i].length);
			CHECK_INT(d->id, id);
			CHECK_INT(d->flags, flags);
		}
		struct kit_used used;
		CHECK_INT(kit_ring_take(&rig.ring, &used), 0);
		CHECK_INT(kit_ring_base(&rig.ring), kit_packed_word(begin) * 0x10001u);
		use(&rig, begin.index, (uint16_t)id, 5,
			(uint16_t)(KIT_RING_WRITE | (begin.wrap ? MARKS : 0)));
		uint32_t base = kit_ring_base(&rig.ring);
		CHECK_INT(base, kit_packed_word(rig.ring.available_at) * 0x10001u);
		CHECK_INT(kit_ring_take(&rig.ring, &used), 1);
		CHECK(used.token == &token && used.length == 5);
		CHECK_INT(kit_ring_base(&rig.ring), base);
	}
	ring_rig_finish(&rig);
}

static void describes_indirect_chains(void)
{
	struct ring_rig rig;
	struct kit_piece pieces[] = { { 0x8000, 1, false }, { 0x9000, 2, true } };
	int token;
	ring_rig_init(&rig, 3, true);
	rig.ring.indirect = true;
	CHECK_INT(kit_ring_add(&rig.ring, pieces, 2, &token), 0);
	CHECK_INT(at(&rig, 0)->flags, KIT_RING_INDIRECT | KIT_PACKED_AVAILABLE);
	CHECK_INT(at(&rig, 0)->length, 32);
	const struct kit_packed_descriptor *table = kit_ptr(&rig.memory, at(&rig, 0)->address, 32);
	CHECK_INT(table[0].flags, 0);
	CHECK_INT(table[1].flags, KIT_RING_WRITE);
	CHECK_INT(table[1].address, 0x9000);
	ring_rig_finish(&rig);
}

static void judges_the_device(void)
{
	static const struct {
		uint16_t id;
		uint32_t length;
		uint16_t flags;
		int verdict;
	} rows[] = {
		{ 0, 100, MARKS | KIT_RING_WRITE, 1 },
		{ 0, 0, MARKS, 1 },
		{ 0, 100, KIT_RING_WRITE, 0 },
		{ 0, 100, KIT_PACKED_AVAILABLE | KIT_RING_WRITE, 0 },
		{ 0, 100, KIT_PACKED_USED | KIT_RING_WRITE, 0 },
		{ 0, 101, MARKS | KIT_RING_WRITE, -EPROTO },
		{ 1, 0, MARKS, -EPROTO },
		{ 8, 0, MARKS, -EPROTO },
		{ 0xffff, 0, MARKS, -EPROTO },
		{ 0, 1, MARKS, -EPROTO },
		{ 0, 0, MARKS | KIT_RING_WRITE, -EPROTO },
		{ 0, 0, MARKS | KIT_RING_NEXT, -EPROTO },
		{ 0, 0, MARKS | KIT_RING_INDIRECT, -EPROTO },
		{ 0, 0, MARKS | 0x100, -EPROTO },
	};
	struct kit_piece piece = { 0x8000, 100, true };
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct ring_rig rig;
		struct kit_used used;
		int token;
		ring_rig_init(&rig, 8, true);
		CHECK_INT(kit_ring_add(&rig.ring, &piece, 1, &token), 0);
		use(&rig, 0, rows[i].id, rows[i].length, rows[i].flags);
		CHECK_INT(kit_ring_take(&rig.ring, &used), rows[i].verdict);
		ring_rig_finish(&rig);
	}
}

static void fills_up(void)
{
	struct ring_rig rig;
	struct kit_piece pieces[3] = { { 0x8000, 1, false }, { 0x9000, 1, true },
		{ 0xa000, 1, true } };
	int tokens[7];
	ring_rig_init(&rig, 7, true);
	CHECK(kit_ring_add(&rig.ring, pieces, 3, &tokens[0]) >= 0);
	CHECK(kit_ring_add(&rig.ring, pieces, 3, &tokens[1]) >= 0);
	CHECK_INT(kit_ring_add(&rig.ring, pieces, 2, &tokens[2]), -ENOSPC);
	CHECK(kit_ring_add(&rig.ring, pieces, 1, &tokens[2]) >= 0);
	CHECK_INT(kit_ring_in_flight(&rig.ring), 3);
	kit_ring_reset(&rig.ring);
	rig.ring.indirect = true;
	for (int i = 0; i < 7; i++)
		CHECK(kit_ring_add(&rig.ring, pieces, 3, &tokens[i]) >= 0);
	CHECK_INT(kit_ring_add(&rig.ring, pieces, 1, &tokens[0]), -ENOSPC);
	CHECK_INT(kit_ring_in_flight(&rig.ring), 7);
	ring_rig_finish(&rig);
}

/* How many of three chains of one descriptor each, added one by one, are kicked. */
static uint64_t kicks_at(uint16_t position, uint16_t flags, int *ret_verdict)
{
	struct ring_rig rig;
	struct kit_piece piece = { 0x8000, 100, true };
	struct kit_used used;
	int tokens[3];
	ring_rig_init(&rig, 3, true);
	rig.ring.event_idx = true;
	want(&rig, position, flags);
	for (int i = 0; i < 3; i++) {
		CHECK(kit_ring_add(&rig.ring, &piece, 1, &tokens[i]) >= 0);
		kit_ring_kick(&rig.ring);
	}
	uint64_t kicks = rig.ring.kicks;
	*ret_verdict = kit_ring_take(&rig.ring, &used);
	ring_rig_finish(&rig);
	return kicks;
}

static void kicks_when_wanted(void)
{
	int verdict;
	CHECK_INT(kicks_at(0, KIT_EVENT_ENABLE, &verdict), 3);
	CHECK_INT(kicks_at(0, KIT_EVENT_DISABLE, &verdict), 0);
	CHECK_INT(kicks_at(0x8001, KIT_EVENT_AT, &verdict), 1);
	CHECK_INT(kicks_at(1, KIT_EVENT_AT, &verdict), 0);
	CHECK_INT(verdict, 0);
	kicks_at(0x8003, KIT_EVENT_AT, &verdict);
	CHECK_INT(verdict, -EPROTO);
	kicks_at(0x8001, 3, &verdict);
	CHECK_INT(verdict, -EPROTO);
	kicks_at(0x8001, 4, &verdict);
	CHECK_INT(verdict, -EPROTO);
}

/* Batches pass an event in their middle; one without event_idx may not be asked for. */
static void kicks_for_a_batch(void)
{
	struct ring_rig rig;
	struct kit_piece piece = { 0x8000, 100, true };
	struct kit_used used;
	int tokens[8];
	ring_rig_init(&rig, 8, true);
	rig.ring.event_idx = true;
	want(&rig, 0x8002, KIT_EVENT_AT);
	for (int i = 0; i < 5; i++)
		CHECK(kit_ring_add(&rig.ring, &piece, 1, &tokens[i]) >= 0);
	kit_ring_kick(&rig.ring);
	CHECK_INT(rig.ring.kicks, 1);
	CHECK(kit_ring_add(&rig.ring, &piece, 1, &tokens[5]) >= 0);
	kit_ring_kick(&rig.ring);
	CHECK_INT(rig.ring.kicks, 1);
	CHECK_INT(kit_ring_take(&rig.ring, &used), 0);
	rig.ring.event_idx = false;
	kit_ring_kick(&rig.ring);
	CHECK_INT(kit_ring_take(&rig.ring, &used), -EPROTO);
	ring_rig_finish(&rig);
}

static int late_answer(void *data, short events)
{
	struct ring_rig *rig = data;
	use(rig, 0, 0, 0, MARKS);
	return 0;
}

static void misses_the_interrupt(void)
{
	struct ring_rig rig;
	struct kit_piece piece = { 0x8000, 100, true };
	struct kit_source source = { .fd = -1, .due = kit_now() + 10 };
	int token;
	ring_rig_init(&rig, 8, true);
	CHECK_INT(kit_ring_wait(&rig.ring, 10), -ETIMEDOUT);
	CHECK_INT(kit_ring_add(&rig.ring, &piece, 1, &token), 0);
	source.ready = late_answer;
	source.data = &rig;
	kit_source_add(&rig.kit, &source);
	CHECK_INT(kit_ring_wait(&rig.ring, 30), -EPROTO);
	kit_source_remove(&source);
	ring_rig_finish(&rig);
}

static void changes_the_layout(void)
{
	struct ring_rig rig;
	struct kit_piece piece = { 0x8000, 100, true };
	int token;
	ring_rig_init(&rig, 8, true);
	CHECK_INT(kit_ring_first_base(&rig.ring), 0x80008000);
	CHECK_INT(kit_ring_base(&rig.ring), 0x80008000);
	CHECK(kit_ring_add(&rig.ring, &piece, 1, &token) >= 0);
	kit_ring_set_packed(&rig.ring, true);
	CHECK_INT(kit_ring_in_flight(&rig.ring), 1);
	kit_ring_set_packed(&rig.ring, false);
	CHECK_INT(kit_ring_in_flight(&rig.ring), 0);
	CHECK_INT(kit_ring_first_base(&rig.ring), 0);
	CHECK(kit_ring_add(&rig.ring, &piece, 1, &token) >= 0);
	ring_rig_finish(&rig);
}

int main(int argc, char **argv)
{
	static const struct test_case cases[] = {
		TEST_CASE(describes_chains),
		TEST_CASE(describes_indirect_chains),
		TEST_CASE(judges_the_device),
		TEST_CASE(fills_up),
		TEST_CASE(kicks_when_wanted),
		TEST_CASE(kicks_for_a_batch),
		TEST_CASE(misses_the_interrupt),
		TEST_CASE(changes_the_layout),
	};
	return test_main(argc, argv, cases, ARRAY_SIZE(cases));
}
