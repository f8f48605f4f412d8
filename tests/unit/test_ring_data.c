/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/* The data area of a ring: who owns which part of it, and when it is free again. */
#include <stdlib.h>

#include "renderer/ring.h"
#include "test.h"
#include "util/fd.h"

#define LARGEST (RING_DATA_SIZE - RENDERER_SUBMIT_PADDING)

static struct ring *device;
static struct ring *renderer;

static void open_rings(void)
{
	device = ring_create(ring_memory());
	CHECK(device);
	const struct ring_fds fds = ring_get_fds(device);
	struct ring_fds sent = { fd_dup(fds.memory), fd_dup(fds.to_renderer),
		fd_dup(fds.to_device) };
	renderer = ring_open(&sent);
	CHECK(renderer);
}

static void close_rings(void)
{
	ring_destroy(device);
	ring_destroy(renderer);
}

/* Reserves, fills and pushes; false when there is no room for the data. */
static bool send(uint32_t size, uint8_t fill)
{
	struct wire_submission record = { .op = WIRE_SUBMIT, .cookie = fill, .data_size = size };
	uint8_t *data = ring_data_reserve(device, size, &record.data_position);
	if (!data)
		return false;
	CHECK_INT((uintptr_t)data % 64, 0);
	memset(data, fill, size);
	CHECK(ring_push_submission(device, &record));
	return true;
}

/* Pops one record and looks at its data. */
static void receive(uint32_t size, uint8_t fill)
{
	struct wire_submission record;
	CHECK_INT(ring_pop_submission(renderer, &record), 1);
	CHECK_INT(record.cookie, fill);
	CHECK_INT(record.data_size, size);
	const uint8_t *data = ring_data(renderer, &record);
	CHECK(data);
	for (uint32_t i = 0; i < size; i++)
		CHECK_INT(data[i], fill);
	for (uint32_t i = 0; i < RENDERER_SUBMIT_PADDING; i++)
		CHECK_INT(data[size + i], 0);
}

static void pop_nothing(void)
{
	struct wire_submission record;
	CHECK_INT(ring_pop_submission(renderer, &record), 0);
}

static void the_largest_block_fits(void)
{
	open_rings();
	uint64_t position;
	CHECK_INT(ring_data_room(device), LARGEST);
	CHECK(!ring_data_reserve(device, LARGEST + 1, &position));
	CHECK(!ring_data_reserve(device, UINT32_MAX, &position));
	CHECK(send(LARGEST, 9));
	CHECK_INT(ring_data_room(device), 0);
	CHECK(!send(1, 1));
	receive(LARGEST, 9);
	CHECK(!send(1, 1)); /* still in use */
	pop_nothing();
	CHECK(send(1, 1));
	receive(1, 1);
	close_rings();
}

static void is_freed_in_order(void)
{
	enum { SIZE = 1 << 20 };
	open_rings();
	uint8_t sent = 0;
	while (send(SIZE, sent))
		sent++;
	CHECK_INT(sent, 15); /* sixteen would fit but for the padding */
	for (uint8_t i = 0; i < sent; i++)
		receive(SIZE, i);
	pop_nothing();
	CHECK_INT(ring_data_room(device), LARGEST);
	close_rings();
}

/* A block that does not fit before the end goes to the front, and the end is not lost. */
static void wraps(void)
{
	enum { MIB = 1 << 20 };
	open_rings();
	CHECK(send(6 * MIB, 1));
	CHECK(send(6 * MIB, 2));
	CHECK(!send(5 * MIB, 3)); /* neither behind nor before */
	receive(6 * MIB, 1);
	CHECK(!send(5 * MIB, 3));
	CHECK(send(3 * MIB, 3)); /* the end */
	struct wire_submission record;
	CHECK_INT(ring_pop_submission(renderer, &record), 1);
	CHECK(send(5 * MIB, 4)); /* where 1 was */
	CHECK(!send(MIB, 5));
	CHECK(ring_data(renderer, &record));
	receive(3 * MIB, 3);
	CHECK(send(5 * MIB, 5)); /* where 2 was */
	receive(5 * MIB, 4);
	receive(5 * MIB, 5);
	pop_nothing();
	CHECK_INT(ring_data_room(device), LARGEST);
	close_rings();
}

static void starts_at_the_front_when_idle(void)
{
	open_rings();
	uint64_t first, next;
	for (uint8_t i = 0; i < 100; i++) {
		CHECK(send(100000, i));
		receive(100000, i);
		pop_nothing();
	}
	CHECK(ring_data_reserve(device, 4, &first));
	CHECK_INT(first % RING_DATA_SIZE, 0);
	/* Records without data, pushed before, must not hand out what is in use after. */
	const struct wire_submission nop = { .op = WIRE_NOP };
	CHECK(ring_push_submission(device, &nop));
	CHECK(send(64, 7));
	CHECK(send(64, 8));
	struct wire_submission record;
	CHECK_INT(ring_pop_submission(renderer, &record), 1);
	receive(64, 7);
	CHECK(ring_data_reserve(device, 64, &next));
	CHECK(next % RING_DATA_SIZE >= 256);
	receive(64, 8);
	close_rings();
}

/* A record without data that was pushed before the area was begun anew, and is consumed after. */
static void an_old_record_takes_nothing_back(void)
{
	open_rings();
	const struct wire_submission nop = { .op = WIRE_NOP };
	struct wire_submission record;
	CHECK(send(100000, 1));
	CHECK(ring_push_submission(device, &nop));
	receive(100000, 1);
	CHECK_INT(ring_pop_submission(renderer, &record), 1);
	CHECK(send(64, 2)); /* at the front again */
	CHECK(send(64, 3));
	receive(64, 2);
	CHECK(ring_data_room(device) > LARGEST - 1024);
	receive(64, 3);
	close_rings();
}

static void an_unused_reservation_is_replaced(void)
{
	open_rings();
	uint64_t first, second;
	uint8_t *data = ring_data_reserve(device, 4 << 20, &first);
	CHECK(data);
	memset(data, 0xff, 4 << 20);
	CHECK(ring_data_reserve(device, 32, &second) == (void *)data);
	CHECK_INT(first, second);
	const struct wire_submission nop = { .op = WIRE_NOP };
	CHECK(ring_push_submission(device, &nop));
	CHECK_INT(ring_data_room(device), LARGEST);
	CHECK(send(32, 5));
	struct wire_submission record;
	CHECK_INT(ring_pop_submission(renderer, &record), 1);
	receive(32, 5); /* zeroes behind it, though there was something else */
	close_rings();
}

static void data_outside_is_refused(void)
{
	open_rings();
	static const struct {
		uint64_t position;
		uint32_t size;
		bool good;
	} rows[] = {
		{ 0, 0, false },
		{ 0, 1, true },
		{ 64, LARGEST, false },
		{ 0, LARGEST, true },
		{ 0, LARGEST + 1, false },
		{ 0, UINT32_MAX, false },
		{ 1, 4, false },
		{ RING_DATA_SIZE - 64, 1, false },
		{ RING_DATA_SIZE - 128, 64, true },
		{ UINT64_MAX, 4, false },
		{ 5ull * RING_DATA_SIZE, 4, true },
	};
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		const struct wire_submission record = {
			.data_position = rows[i].position,
			.data_size = rows[i].size,
		};
		CHECK_INT(ring_data(renderer, &record) != NULL, rows[i].good);
	}
	close_rings();
}

/* What ring_data_room() says is what ring_data_reserve() gives; nothing in use is handed out. */
static void random_sizes(void)
{
	enum { IN_FLIGHT = 64 };
	uint32_t sizes[IN_FLIGHT];
	uint32_t sent = 0, received = 0;
	open_rings();
	srand(11);
	while (received < 3000) {
		uint32_t size = 1 + (uint32_t)rand() % (rand() % 8 == 0 ? 3u << 20 : 5000u);
		bool fits = size <= ring_data_room(device);
		if (sent - received < IN_FLIGHT) {
			bool done = send(size, (uint8_t)sent);
			CHECK(done || !fits);
			if (done)
				sizes[sent++ % IN_FLIGHT] = size;
			uint32_t room = ring_data_room(device);
			uint64_t position;
			CHECK(room == 0 || ring_data_reserve(device, room, &position));
			CHECK(!ring_data_reserve(device, room + 64, &position));
		}
		if (sent > received && rand() % 2) {
			receive(sizes[received % IN_FLIGHT], (uint8_t)received);
			received++;
		}
	}
	close_rings();
}

int main(int argc, char **argv)
{
	static const struct test_case cases[] = {
		TEST_CASE(the_largest_block_fits),
		TEST_CASE(is_freed_in_order),
		TEST_CASE(wraps),
		TEST_CASE(starts_at_the_front_when_idle),
		TEST_CASE(an_old_record_takes_nothing_back),
		TEST_CASE(an_unused_reservation_is_replaced),
		TEST_CASE(data_outside_is_refused),
		TEST_CASE(random_sizes),
	};
	return test_main(argc, argv, cases, ARRAY_SIZE(cases));
}
