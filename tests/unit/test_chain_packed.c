/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
#include "test.h"

#include <stdlib.h>

#include "chain_rig.h"
#include "packed_ring.h"

static struct packed_ring ring;

static void setup(void)
{
	chain_setup(vq_chain_walk_packed);
	packed_init(&ring, at.direct, LOW, QUEUE);
}

/* The driver and the walk begin here. */
static void begin(uint16_t index, bool wrap)
{
	ring.next_available = (struct vring_position){ index, wrap };
	at.source.head = index;
	at.source.wrap = wrap;
}

static void put(uint32_t ahead, uint64_t address, uint32_t length, uint32_t flags, uint32_t id)
{
	packed_put(&ring, ahead, address, length, PACKED_ID(id, flags));
}

static void walks_readable_then_writable(void)
{
	setup();
	put(0, DATA, 100, PACKED_NEXT, 11);
	put(1, DATA + 0x1000, 20, PACKED_NEXT, 12);
	put(2, DATA + 0x2000, 30, PACKED_NEXT | PACKED_WRITE, 13);
	put(3, DATA + 0x3000, 40, PACKED_WRITE, 14);
	chain_walks();
	CHECK_INT(at.chain.id, 14); /* the last one's */
	CHECK_INT(at.chain.places, 4);
	CHECK_INT(at.chain.descriptors, 4);
	CHECK_INT(at.chain.readable_count, 2);
	CHECK_INT(at.chain.writable_count, 2);
	CHECK_INT(at.chain.readable_size, 120);
	CHECK_INT(at.chain.writable_size, 70);
	CHECK(at.chain.pieces[0].iov_base == chain_guest(DATA));
	CHECK(at.chain.pieces[3].iov_base == chain_guest(DATA + 0x3000));
	chain_teardown();
}

static void walks_over_the_end_of_the_ring(void)
{
	static const bool wraps[] = { true, false };
	for (size_t i = 0; i < ARRAY_SIZE(wraps); i++) {
		setup();
		begin(QUEUE - 2, wraps[i]);
		put(0, DATA, 1, PACKED_NEXT, 0);
		put(1, DATA + 1, 2, PACKED_NEXT, 0);
		put(2, DATA + 2, 4, PACKED_NEXT, 0);
		put(3, DATA + 3, 8, PACKED_WRITE, QUEUE - 1);
		chain_walks();
		CHECK_INT(at.chain.readable_size, 7);
		CHECK_INT(at.chain.writable_size, 8);
		CHECK_INT(at.chain.places, 4);
		CHECK_INT(at.chain.id, QUEUE - 1);
		chain_teardown();
	}
}

static void skips_empty_descriptors(void)
{
	setup();
	put(0, 12345, 0, PACKED_NEXT | PACKED_WRITE, 0);
	put(1, DATA, 8, PACKED_NEXT, 0);
	put(2, UINT64_MAX, 0, 0, 5);
	chain_walks();
	CHECK_INT(at.chain.readable_count, 1);
	CHECK_INT(at.chain.writable_count, 0);
	CHECK_INT(at.chain.places, 3);
	chain_teardown();
}

static void splits_buffers_at_regions(void)
{
	setup();
	put(0, HIGH - 4, 10, PACKED_NEXT, 0);
	put(1, HIGH - 1, (uint32_t)REGION + 1, PACKED_WRITE, 0);
	chain_walks();
	CHECK_INT(at.chain.readable_count, 2);
	CHECK_INT(at.chain.writable_count, 2);
	CHECK_INT(at.chain.writable_size, REGION + 1);
	chain_teardown();
}

static void walks_a_chain_as_long_as_the_room(void)
{
	setup();
	for (uint16_t begin_at = 0; begin_at < QUEUE; begin_at = (uint16_t)(begin_at + 51)) {
		begin(begin_at, true);
		for (uint32_t i = 0; i < QUEUE; i++)
			put(i, DATA, 1, i + 1 < QUEUE ? PACKED_NEXT : 0, 3);
		chain_walks();
		CHECK_INT(at.chain.places, QUEUE);
		CHECK_INT(at.chain.readable_count, QUEUE);
		at.source.room = QUEUE - 1;
		CHECK_FAULT("more descriptors than are free");
		at.source.room = 1;
		CHECK_FAULT("more descriptors than are free");
		at.source.room = QUEUE;
	}
	chain_teardown();
}

/* As many as there are, marked as in the first round: the next one is the first once more. */
static void finds_chains_longer_than_the_ring(void)
{
	setup();
	for (uint32_t i = 0; i < QUEUE; i++)
		put(i, DATA, 1, PACKED_NEXT, 3);
	CHECK_FAULT("more descriptors than are free");
	/* a ring of one, which goes on at itself */
	at.source.size = at.source.room = 1;
	CHECK_FAULT("more descriptors than are free");
	chain_teardown();
}

static void finds_descriptors_that_are_not_available(void)
{
	static const uint16_t marks[] = { 0, PACKED_USED, PACKED_MARKS };
	setup();
	for (size_t i = 0; i < ARRAY_SIZE(marks); i++) {
		put(0, DATA, 1, PACKED_NEXT, 0);
		packed_describe(at.direct, 1, DATA, 1, PACKED_ID(0, marks[i]));
		CHECK_FAULT("not available");
		packed_describe(at.direct, 0, DATA, 1, PACKED_ID(0, marks[i]));
		CHECK_FAULT("not available");
	}
	/* behind the end of the ring the marks are the other way round */
	begin(QUEUE - 1, true);
	put(0, DATA, 1, PACKED_NEXT, 0);
	packed_describe(at.direct, 0, DATA, 1, PACKED_ID(0, PACKED_AVAILABLE));
	CHECK_FAULT("not available");
	packed_describe(at.direct, 0, DATA, 1, PACKED_ID(0, PACKED_USED));
	chain_walks();
	chain_teardown();
}

static void finds_bad_ids(void)
{
	static const uint16_t bad[] = { QUEUE, QUEUE + 1, 0x7fff, 0x8000, 0xffff };
	setup();
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		put(0, DATA, 1, 0, bad[i]);
		CHECK_FAULT("buffer id outside");
		/* only the last one counts */
		put(0, DATA, 1, PACKED_NEXT, bad[i]);
		put(1, DATA, 1, 0, 7);
		chain_walks();
		CHECK_INT(at.chain.id, 7);
		put(0, DATA, 1, PACKED_NEXT, 7);
		put(1, DATA, 1, 0, bad[i]);
		CHECK_FAULT("buffer id outside");
		put(0, TABLE, 16, PACKED_INDIRECT, bad[i]);
		CHECK_FAULT("buffer id outside");
	}
	at.source.size = at.source.room = 1;
	put(0, DATA, 1, 0, 1);
	CHECK_FAULT("buffer id outside");
	put(0, DATA, 1, 0, 0);
	chain_walks();
	chain_teardown();
}

static void walks_indirect_tables(void)
{
	setup();
	uint8_t *table = chain_guest(TABLE);
	/* WRITE of the table's descriptor means nothing, nor do ids and other flags in the table */
	put(0, TABLE, 16 * 3, PACKED_INDIRECT | PACKED_WRITE, 9);
	packed_describe(table, 0, DATA, 2, PACKED_ID(0xffff, PACKED_INDIRECT));
	packed_describe(table, 1, DATA + 32, 4, PACKED_ID(QUEUE, PACKED_MARKS));
	packed_describe(table, 2, DATA + 64, 8, PACKED_ID(0, PACKED_WRITE | PACKED_NEXT));
	chain_walks();
	CHECK_INT(at.chain.id, 9);
	CHECK_INT(at.chain.places, 1);
	CHECK_INT(at.chain.descriptors, 3);
	CHECK_INT(at.chain.readable_size, 6);
	CHECK_INT(at.chain.writable_size, 8);
	CHECK(at.chain.pieces[1].iov_base == chain_guest(DATA + 32));
	chain_teardown();
}

static void walks_an_indirect_table_across_regions(void)
{
	setup();
	uint8_t copy[3 * 16];
	for (uint32_t i = 0; i < 3; i++)
		packed_describe(copy, i, DATA + i * 64, 8, 0);
	memcpy(chain_guest(HIGH - 24), copy, 24);
	memcpy(chain_guest(HIGH), copy + 24, 24);
	put(0, HIGH - 24, 48, PACKED_INDIRECT, 0);
	chain_walks();
	CHECK_INT(at.chain.readable_count, 3);
	CHECK(at.chain.pieces[1].iov_base == chain_guest(DATA + 64));
	chain_teardown();
}

static void walks_the_longest_chain(void)
{
	setup();
	uint8_t *table = chain_guest(TABLE);
	put(0, TABLE, 16 * VIRTQUEUE_MAX_CHAIN, PACKED_INDIRECT, 0);
	for (uint32_t i = 0; i < VIRTQUEUE_MAX_CHAIN; i++)
		packed_describe(table, i, HIGH - 1, 2, 0);
	CHECK_FAULT("outside guest memory"); /* that many cannot all cross regions */

	for (uint32_t i = 64; i < VIRTQUEUE_MAX_CHAIN; i++)
		packed_describe(table, i, DATA, 2, 0);
	chain_walks();
	CHECK_INT(at.chain.readable_count, VIRTQUEUE_MAX_CHAIN + 64);
	put(0, TABLE, 16 * (VIRTQUEUE_MAX_CHAIN + 1), PACKED_INDIRECT, 0);
	CHECK_FAULT("too many descriptors");
	put(0, TABLE, 0xfffffff0, PACKED_INDIRECT, 0);
	CHECK_FAULT("too many descriptors");
	chain_teardown();
}

/* A chain may be as long as the ring. */
static void walks_a_whole_ring(void)
{
	setup();
	at.source.descriptors = chain_guest(FAR);
	at.source.size = at.source.room = 2048;
	packed_init(&ring, chain_guest(FAR), FAR, 2048);
	for (uint32_t i = 0; i < 2048; i++)
		put(i, DATA, 1, i + 1 < 2048 ? PACKED_NEXT : 0, 1);
	chain_walks();
	CHECK_INT(at.chain.places, 2048);
	put(2047, DATA, 0, PACKED_NEXT, 1);
	CHECK_FAULT("than are free in the ring");
	chain_teardown();
}

static void finds_misshapen_indirect_tables(void)
{
	setup();
	packed_describe(chain_guest(TABLE), 0, DATA, 1, 0);
	for (uint32_t length = 0; length < 32; length++) {
		put(0, TABLE, length, PACKED_INDIRECT, 0);
		if (length == 16)
			chain_walks();
		else
			CHECK_FAULT("broken size");
	}
	put(0, TABLE, 16, PACKED_INDIRECT | PACKED_NEXT, 0);
	put(1, DATA, 1, 0, 0);
	CHECK_FAULT("goes on");
	/* a list has descriptors of one kind */
	put(0, DATA, 1, PACKED_NEXT, 0);
	put(1, TABLE, 16, PACKED_INDIRECT, 0);
	CHECK_FAULT("behind another");
	put(0, TABLE, 16, PACKED_INDIRECT, 0);
	chain_walks();
	at.source.indirect = false;
	CHECK_FAULT("not negotiated");
	chain_teardown();
}

static void finds_indirect_tables_outside_memory(void)
{
	static const uint64_t outside[] = { 0, LOW - 16, HIGH + REGION, FAR - 1, FAR + REGION,
		FAR + REGION - 16, UINT64_MAX - 15, UINT64_MAX };
	setup();
	packed_describe(chain_guest(FAR + REGION - 16), 0, DATA, 1, 0);
	for (size_t i = 0; i < ARRAY_SIZE(outside); i++) {
		put(0, outside[i], 32, PACKED_INDIRECT, 0);
		CHECK_FAULT("table outside guest memory");
	}
	chain_teardown();
}

static void finds_buffers_outside_memory(void)
{
	static const struct {
		uint64_t address;
		uint32_t length;
	} outside[] = { { 0, 1 }, { LOW - 1, 2 }, { HIGH + REGION, 1 }, { HIGH + REGION - 1, 2 },
		{ FAR + REGION - 8, 9 }, { UINT64_MAX, 1 }, { UINT64_MAX, 2 },
		{ UINT64_MAX - 0xffff, 0x1ffff } };
	setup();
	for (size_t i = 0; i < ARRAY_SIZE(outside); i++) {
		put(0, outside[i].address, outside[i].length, 0, 0);
		CHECK_FAULT("buffer outside");
		put(0, outside[i].address, outside[i].length, PACKED_WRITE, 0);
		CHECK_FAULT("buffer outside");
		packed_describe(chain_guest(TABLE), 0, outside[i].address, outside[i].length, 0);
		put(0, TABLE, 16, PACKED_INDIRECT, 0);
		CHECK_FAULT("buffer outside");
	}
	chain_teardown();
}

static void finds_readable_after_writable(void)
{
	setup();
	put(0, DATA, 1, PACKED_WRITE | PACKED_NEXT, 0);
	put(1, DATA, 1, 0, 0);
	CHECK_FAULT("readable buffer after");
	uint8_t *table = chain_guest(TABLE);
	packed_describe(table, 0, DATA, 1, PACKED_ID(0, PACKED_WRITE));
	packed_describe(table, 1, DATA, 1, 0);
	put(0, TABLE, 32, PACKED_INDIRECT, 0);
	CHECK_FAULT("readable buffer after");
	chain_teardown();
}

static void limits_what_is_read(void)
{
	setup();
	for (uint32_t i = 0; i < 64; i++)
		put(i, HIGH, (uint32_t)REGION, PACKED_NEXT, 0);
	put(64, DATA, 1, PACKED_WRITE, 0);
	chain_walks();
	CHECK_INT(at.chain.readable_size, VIRTQUEUE_MAX_READABLE);
	put(64, DATA, 1, 0, 0);
	CHECK_FAULT("too much to read");
	chain_teardown();
}

/* Whatever the bytes are, the walk ends and what it gives lies in memory. */
static void survives_random_rings(void)
{
	setup();
	uint8_t *table = chain_guest(TABLE);
	uint32_t walked = 0;
	srandom(1);
	at.source.size = 8;
	ring.size = 8;
	for (int round = 0; round < 20000; round++) {
		begin((uint16_t)(random() & 7), random() & 1);
		at.source.room = 1 + (uint32_t)(random() & 7);
		for (uint32_t i = 0; i < 8; i++) {
			uint64_t address =
				(random() & 1) ? TABLE : HIGH - 8 + (uint64_t)(random() & 15);
			uint32_t length = (uint32_t)(random() & 3) * 16;
			uint32_t flags = (uint32_t)(random() & 7);
			uint32_t id = (uint32_t)(random() % 9);
			if (random() % 16 == 0)
				flags = (uint32_t)(random() & 0xffff);
			put(i, address, length, flags, id);
			packed_describe(table, i, address, length, PACKED_ID(id, flags));
		}
		if (at.walk(&at.source, &at.chain))
			continue;
		walked++;
		CHECK(at.chain.places >= 1 && at.chain.places <= at.source.room);
		CHECK(at.chain.id < 8);
		chain_check_sums();
	}
	CHECK(walked > 1000);
	chain_teardown();
}

int main(int argc, char **argv)
{
	static const struct test_case cases[] = {
		TEST_CASE(walks_readable_then_writable),
		TEST_CASE(walks_over_the_end_of_the_ring),
		TEST_CASE(skips_empty_descriptors),
		TEST_CASE(splits_buffers_at_regions),
		TEST_CASE(walks_a_chain_as_long_as_the_room),
		TEST_CASE(finds_chains_longer_than_the_ring),
		TEST_CASE(finds_descriptors_that_are_not_available),
		TEST_CASE(finds_bad_ids),
		TEST_CASE(walks_indirect_tables),
		TEST_CASE(walks_an_indirect_table_across_regions),
		TEST_CASE(walks_the_longest_chain),
		TEST_CASE(walks_a_whole_ring),
		TEST_CASE(finds_misshapen_indirect_tables),
		TEST_CASE(finds_indirect_tables_outside_memory),
		TEST_CASE(finds_buffers_outside_memory),
		TEST_CASE(finds_readable_after_writable),
		TEST_CASE(limits_what_is_read),
		TEST_CASE(survives_random_rings),
	};
	return test_main(argc, argv, cases, ARRAY_SIZE(cases));
}
