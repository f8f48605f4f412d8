/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
#include <stdlib.h>

#include "renderer/regions.h"
#include "test.h"

static uint8_t memory[3][4096];

static void fill(struct regions *regions)
{
	regions_init(regions);
	for (uint32_t i = 0; i < 3; i++)
		CHECK_INT(regions_add(regions, 10 + i, memory[i], 4096), 0);
}

static void adds_and_removes(void)
{
	struct regions regions;
	uint64_t size = 0;
	fill(&regions);
	CHECK_INT(regions_add(&regions, 11, memory[0], 1), -EEXIST);
	CHECK(regions_remove(&regions, 11, &size) == memory[1]);
	CHECK_INT(size, 4096);
	CHECK(!regions_remove(&regions, 11, &size));
	CHECK(regions_remove(&regions, 12, &size) == memory[2]);
	CHECK(regions_remove(&regions, 10, &size) == memory[0]);
	CHECK_INT(regions.count, 0);
}

static void is_bounded(void)
{
	struct regions regions;
	regions_init(&regions);
	for (uint32_t i = 1; i <= RENDERER_MAX_REGIONS; i++)
		CHECK_INT(regions_add(&regions, i, memory[0], 1), 0);
	CHECK_INT(regions_add(&regions, 1000, memory[0], 1), -ENOSPC);
	uint64_t size;
	CHECK(regions_remove(&regions, 17, &size));
	CHECK_INT(regions_add(&regions, 1000, memory[0], 1), 0);
}

static void translates(void)
{
	struct regions regions;
	fill(&regions);
	static const struct {
		struct renderer_span span;
		int good;
	} rows[] = {
		{ { .region = 10, .offset = 0, .length = 4096 }, 1 },
		{ { .region = 10, .offset = 4095, .length = 1 }, 1 },
		{ { .region = 10, .offset = 4096, .length = 0 }, 1 },
		{ { .region = 10, .offset = 4096, .length = 1 }, 0 },
		{ { .region = 10, .offset = 1, .length = 4096 }, 0 },
		{ { .region = 10, .offset = UINT64_MAX, .length = 2 }, 0 },
		{ { .region = 10, .offset = 2, .length = UINT64_MAX }, 0 },
		{ { .region = 13, .offset = 0, .length = 1 }, 0 },
		{ { .region = 0, .offset = 0, .length = 1 }, 0 },
	};
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		const uint8_t *address = regions_translate(&regions, &rows[i].span);
		CHECK_INT(address != NULL, rows[i].good);
		if (address)
			CHECK(address == memory[0] + rows[i].span.offset);
	}
}

static void makes_iovecs(void)
{
	struct regions regions;
	struct iovec *iovecs = NULL;
	fill(&regions);
	struct renderer_span spans[] = {
		{ .region = 12, .offset = 100, .length = 5 },
		{ .region = 10, .offset = 0, .length = 4096 },
	};
	CHECK_INT(regions_iovecs(&regions, spans, 2, &iovecs), 0);
	CHECK(iovecs[0].iov_base == memory[2] + 100);
	CHECK_INT(iovecs[0].iov_len, 5);
	CHECK(iovecs[1].iov_base == memory[0]);
	CHECK_INT(iovecs[1].iov_len, 4096);
	free(iovecs);
	CHECK_INT(regions_iovecs(&regions, spans, 0, &iovecs), 0);
	CHECK(iovecs);
	free(iovecs);
	iovecs = NULL;
	spans[1].length++;
	CHECK_INT(regions_iovecs(&regions, spans, 2, &iovecs), -EINVAL);
	CHECK(!iovecs);
}

int main(int argc, char **argv)
{
	static const struct test_case cases[] = {
		TEST_CASE(adds_and_removes),
		TEST_CASE(is_bounded),
		TEST_CASE(translates),
		TEST_CASE(makes_iovecs),
	};
	return test_main(argc, argv, cases, ARRAY_SIZE(cases));
}
