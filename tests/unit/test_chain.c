/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
#include "test.h"

#include <stdlib.h>

#include "chain_rig.h"
#include "vring.h"

static void walks_readable_then_writable(void)
{
	chain_setup(vq_chain_walk_split);
	at.source.head = 5;
	vring_describe(at.direct, 5, DATA, 100, VRING_THEN(0, 9));
	vring_describe(at.direct, 9, DATA + 0x1000, 20, VRING_THEN(0, 0));
	vring_describe(at.direct, 0, DATA + 0x2000, 30, VRING_THEN(VRING_WRITE, 255));
	vring_describe(at.direct, 255, DATA + 0x3000, 40, VRING_WRITE);
	chain_walks();
	CHECK_INT(at.chain.readable_count, 2);
	CHECK_INT(at.chain.writable_count, 2);
	CHECK_INT(at.chain.readable_size, 120);
	CHECK_INT(at.chain.writable_size, 70);
	CHECK(at.chain.pieces[0].iov_base == chain_guest(DATA) &&
		at.chain.pieces[0].iov_len == 100);
	CHECK(at.chain.pieces[3].iov_base == chain_guest(DATA + 0x3000));
	chain_teardown();
}

static void skips_empty_descriptors(void)
{
	chain_setup(vq_chain_walk_split);
	vring_describe(at.direct, 0, 12345, 0, VRING_THEN(VRING_WRITE, 1));
	vring_describe(at.direct, 1, DATA, 8, VRING_THEN(0, 2));
	vring_describe(at.direct, 2, UINT64_MAX, 0, 0);
	chain_walks();
	CHECK_INT(at.chain.readable_count, 1);
	CHECK_INT(at.chain.writable_count, 0);
	CHECK_INT(at.chain.descriptors, 3);

	vring_describe(at.direct, 0, DATA, 0, 0);
	chain_walks();
	CHECK_INT(at.chain.readable_count, 0);
	chain_teardown();
}

static void splits_buffers_at_regions(void)
{
	chain_setup(vq_chain_walk_split);
	vring_describe(at.direct, 0, HIGH - 4, 10, VRING_THEN(0, 1));
	vring_describe(at.direct, 1, HIGH - 1, (uint32_t)REGION + 1, VRING_WRITE);
	chain_walks();
	CHECK_INT(at.chain.readable_count, 2);
	CHECK_INT(at.chain.readable_size, 10);
	CHECK_INT(at.chain.pieces[0].iov_len, 4);
	CHECK(at.chain.pieces[1].iov_base == chain_guest(HIGH) && at.chain.pieces[1].iov_len == 6);
	CHECK_INT(at.chain.writable_count, 2);
	CHECK_INT(at.chain.writable_size, REGION + 1);
	chain_teardown();
}

static void walks_indirect_tables(void)
{
	chain_setup(vq_chain_walk_split);
	uint8_t *table = chain_guest(TABLE);
	/* a direct one first, and WRITE on the table's descriptor, which means nothing */
	vring_describe(at.direct, 0, DATA, 1, VRING_THEN(0, 1));
	vring_describe(at.direct, 1, TABLE, 16 * 3, VRING_INDIRECT | VRING_WRITE);
	vring_describe(table, 0, DATA + 16, 2, VRING_THEN(0, 2));
	vring_describe(table, 2, DATA + 32, 4, VRING_WRITE);
	chain_walks();
	CHECK_INT(at.chain.readable_size, 3);
	CHECK_INT(at.chain.readable_count, 2);
	CHECK_INT(at.chain.writable_size, 4);
	CHECK_INT(at.chain.descriptors, 3);
	chain_teardown();
}

static void walks_an_indirect_table_across_regions(void)
{
	chain_setup(vq_chain_walk_split);
	struct {
		uint8_t table[3 * 16];
	} copy;
	for (uint32_t i = 0; i < 3; i++)
		vring_describe(copy.table, i, DATA + i * 64, 8, i < 2 ? VRING_THEN(0, i + 1) : 0);
	memcpy(chain_guest(HIGH - 24), copy.table, 24);
	memcpy(chain_guest(HIGH), copy.table + 24, 24);
	vring_describe(at.direct, 0, HIGH - 24, 48, VRING_INDIRECT);
	chain_walks();
	CHECK_INT(at.chain.readable_count, 3);
	CHECK(at.chain.pieces[1].iov_base == chain_guest(DATA + 64));
	chain_teardown();
}

static void walks_the_longest_chain(void)
{
	chain_setup(vq_chain_walk_split);
	uint8_t *table = chain_guest(TABLE);
	vring_describe(at.direct, 0, TABLE, 16 * VIRTQUEUE_MAX_CHAIN, VRING_INDIRECT);
	for (uint32_t i = 0; i < VIRTQUEUE_MAX_CHAIN; i++)
		vring_describe(table, i, HIGH - 1, 2,
			i + 1 < VIRTQUEUE_MAX_CHAIN ? VRING_THEN(0, i + 1) : VRING_WRITE);
	CHECK_FAULT("outside guest memory"); /* that many cannot all cross regions */

	for (uint32_t i = 0; i < VIRTQUEUE_MAX_CHAIN; i++)
		vring_describe(table, i, i < 64 ? HIGH - 1 : DATA, 2,
			i + 1 < VIRTQUEUE_MAX_CHAIN ? VRING_THEN(0, i + 1) : VRING_WRITE);
	chain_walks();
	CHECK_INT(at.chain.readable_count, VIRTQUEUE_MAX_CHAIN - 1 + 64);
	CHECK_INT(at.chain.writable_count, 1);

	vring_describe(at.direct, 0, TABLE, 16 * (VIRTQUEUE_MAX_CHAIN + 1), VRING_INDIRECT);
	vring_describe(table, VIRTQUEUE_MAX_CHAIN - 1, DATA, 2, VRING_THEN(0, VIRTQUEUE_MAX_CHAIN));
	vring_describe(table, VIRTQUEUE_MAX_CHAIN, DATA, 2, 0);
	CHECK_FAULT("too many descriptors");
	chain_teardown();
}

static void walks_a_chain_as_long_as_the_queue(void)
{
	chain_setup(vq_chain_walk_split);
	for (uint32_t i = 0; i < QUEUE; i++)
		vring_describe(at.direct, i, DATA, 1, i + 1 < QUEUE ? VRING_THEN(0, i + 1) : 0);
	chain_walks();
	CHECK_INT(at.chain.readable_count, QUEUE);
	chain_teardown();
}

static void finds_loops(void)
{
	chain_setup(vq_chain_walk_split);
	vring_describe(at.direct, 0, DATA, 1, VRING_THEN(0, 0));
	CHECK_FAULT("loop");
	vring_describe(at.direct, 0, DATA, 1, VRING_THEN(0, 1));
	vring_describe(at.direct, 1, DATA, 0, VRING_THEN(0, 0));
	CHECK_FAULT("loop");
	for (uint32_t i = 0; i < QUEUE; i++)
		vring_describe(at.direct, i, DATA, 1, VRING_THEN(0, (i + 1) % QUEUE));
	CHECK_FAULT("loop");

	uint8_t *table = chain_guest(TABLE);
	vring_describe(at.direct, 0, TABLE, 32, VRING_INDIRECT);
	vring_describe(table, 0, DATA, 1, VRING_THEN(0, 1));
	vring_describe(table, 1, DATA, 1, VRING_THEN(0, 0));
	CHECK_FAULT("loop");
	chain_teardown();
}

static void finds_bad_indices(void)
{
	chain_setup(vq_chain_walk_split);
	vring_describe(at.direct, 0, DATA, 1, VRING_THEN(0, QUEUE));
	CHECK_FAULT("outside its table");
	vring_describe(at.direct, 0, DATA, 1, VRING_THEN(0, 0xffff));
	CHECK_FAULT("outside its table");

	uint8_t *table = chain_guest(TABLE);
	vring_describe(at.direct, 0, TABLE, 32, VRING_INDIRECT);
	vring_describe(table, 0, DATA, 1, VRING_THEN(0, 2));
	CHECK_FAULT("outside its table");
	chain_teardown();
}

static void finds_misshapen_indirect_tables(void)
{
	chain_setup(vq_chain_walk_split);
	uint8_t *table = chain_guest(TABLE);
	vring_describe(table, 0, DATA, 1, 0);
	for (uint32_t length = 0; length < 32; length++) {
		vring_describe(at.direct, 0, TABLE, length, VRING_INDIRECT);
		if (length == 16)
			chain_walks();
		else
			CHECK_FAULT("broken size");
	}
	vring_describe(at.direct, 0, TABLE, 16, VRING_THEN(VRING_INDIRECT, 1));
	vring_describe(at.direct, 1, DATA, 1, 0);
	CHECK_FAULT("goes on");
	vring_describe(at.direct, 0, TABLE, 16, VRING_INDIRECT);
	vring_describe(table, 0, TABLE, 16, VRING_INDIRECT);
	CHECK_FAULT("inside an indirect table");

	at.source.indirect = false;
	vring_describe(table, 0, DATA, 1, 0);
	CHECK_FAULT("not negotiated");
	chain_teardown();
}

static void finds_indirect_tables_outside_memory(void)
{
	static const uint64_t outside[] = { 0, LOW - 16, HIGH + REGION, FAR - 1, FAR + REGION,
		UINT64_MAX - 15, UINT64_MAX };
	chain_setup(vq_chain_walk_split);
	for (size_t i = 0; i < ARRAY_SIZE(outside); i++) {
		vring_describe(at.direct, 0, outside[i], 32, VRING_INDIRECT);
		CHECK_FAULT("table outside guest memory");
	}
	/* the table begins inside and its next descriptor is outside */
	vring_describe(at.direct, 0, FAR + REGION - 16, 0xfffffff0, VRING_INDIRECT);
	vring_describe(chain_guest(FAR + REGION - 16), 0, DATA, 1, VRING_THEN(0, 1));
	CHECK_FAULT("table outside guest memory");
	chain_teardown();
}

static void finds_buffers_outside_memory(void)
{
	static const struct {
		uint64_t address;
		uint32_t length;
	} outside[] = { { 0, 1 }, { LOW - 1, 2 }, { HIGH + REGION, 1 }, { HIGH + REGION - 1, 2 },
		{ FAR + REGION - 8, 9 }, { HIGH, 0xffffffff }, { UINT64_MAX, 1 }, { UINT64_MAX, 2 },
		{ UINT64_MAX - 0xffff, 0xffffffff } };
	chain_setup(vq_chain_walk_split);
	for (size_t i = 0; i < ARRAY_SIZE(outside); i++) {
		vring_describe(at.direct, 0, outside[i].address, outside[i].length, 0);
		/* too long to be read counts first */
		CHECK_FAULT(
			outside[i].length == 0xffffffff ? "too much to read" : "buffer outside");
		vring_describe(at.direct, 0, outside[i].address, outside[i].length, VRING_WRITE);
		CHECK_FAULT("buffer outside");
	}
	chain_teardown();
}

static void finds_readable_after_writable(void)
{
	chain_setup(vq_chain_walk_split);
	vring_describe(at.direct, 0, DATA, 1, VRING_THEN(VRING_WRITE, 1));
	vring_describe(at.direct, 1, DATA, 1, 0);
	CHECK_FAULT("readable buffer after");
	chain_teardown();
}

static void limits_what_is_read(void)
{
	chain_setup(vq_chain_walk_split);
	/* 64 times the same megabyte are allowed, one byte more is not */
	for (uint32_t i = 0; i < 64; i++)
		vring_describe(at.direct, i, HIGH, (uint32_t)REGION, VRING_THEN(0, i + 1));
	vring_describe(at.direct, 64, DATA, 1, VRING_WRITE);
	chain_walks();
	CHECK_INT(at.chain.readable_size, VIRTQUEUE_MAX_READABLE);
	vring_describe(at.direct, 64, DATA, 1, 0);
	CHECK_FAULT("too much to read");
	chain_teardown();
}

/* Whatever the bytes are, the walk ends and what it gives lies in memory. */
static void survives_random_tables(void)
{
	chain_setup(vq_chain_walk_split);
	uint8_t *table = chain_guest(TABLE);
	srandom(1);
	uint32_t walked = 0;
	for (int round = 0; round < 20000; round++) {
		for (uint32_t i = 0; i < 8; i++) {
			uint64_t address =
				(random() & 1) ? TABLE : HIGH - 8 + (uint64_t)(random() & 15);
			uint32_t length = (uint32_t)(random() & 3) * 16;
			uint32_t flags = (uint32_t)(random() & 7);
			uint32_t next = (uint32_t)(random() & 7);
			vring_describe(i & 1 ? table : at.direct, i / 2, address, length,
				flags | next << 16);
		}
		if (at.walk(&at.source, &at.chain))
			continue;
		walked++;
		chain_check_sums();
	}
	CHECK(walked > 1000);
	chain_teardown();
}

int main(int argc, char **argv)
{
	static const struct test_case cases[] = {
		TEST_CASE(walks_readable_then_writable),
		TEST_CASE(skips_empty_descriptors),
		TEST_CASE(splits_buffers_at_regions),
		TEST_CASE(walks_indirect_tables),
		TEST_CASE(walks_an_indirect_table_across_regions),
		TEST_CASE(walks_the_longest_chain),
		TEST_CASE(walks_a_chain_as_long_as_the_queue),
		TEST_CASE(finds_loops),
		TEST_CASE(finds_bad_indices),
		TEST_CASE(finds_misshapen_indirect_tables),
		TEST_CASE(finds_indirect_tables_outside_memory),
		TEST_CASE(finds_buffers_outside_memory),
		TEST_CASE(finds_readable_after_writable),
		TEST_CASE(limits_what_is_read),
		TEST_CASE(survives_random_tables),
	};
	return test_main(argc, argv, cases, ARRAY_SIZE(cases));
}
