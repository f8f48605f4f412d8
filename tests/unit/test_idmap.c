/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
#include "test.h"

#include <stdbool.h>
#include <stdlib.h>

#include "util/idmap.h"

#define MODEL_IDS 512u

static int values[MODEL_IDS];

static void starts_empty(void)
{
	struct idmap map;
	uint32_t position = 0;
	idmap_init(&map);
	CHECK(!idmap_find(&map, 0));
	CHECK(!idmap_remove(&map, 0));
	CHECK(!idmap_next(&map, &position));
	idmap_finish(&map);
}

static void keeps_extreme_ids(void)
{
	static const uint32_t ids[] = { 0, 1, 0x7fffffff, 0x80000000, UINT32_MAX };
	struct idmap map;
	idmap_init(&map);
	for (size_t i = 0; i < ARRAY_SIZE(ids); i++)
		CHECK_INT(idmap_insert(&map, ids[i], &values[i]), 0);
	for (size_t i = 0; i < ARRAY_SIZE(ids); i++)
		CHECK(idmap_find(&map, ids[i]) == &values[i]);
	CHECK(!idmap_find(&map, 2));
	CHECK_INT(map.count, ARRAY_SIZE(ids));
	CHECK(map.capacity <= 16); /* the memory follows the count, not the ids */
	idmap_finish(&map);
}

/* Random inserts and removals against a plain array, with ids that share their low bits. */
static void agrees_with_model(void)
{
	bool present[MODEL_IDS] = { false };
	struct idmap map;
	uint32_t random = 1;
	idmap_init(&map);
	for (int step = 0; step < 200000; step++) {
		random = random * 1664525u + 1013904223u;
		uint32_t i = (random >> 16) % MODEL_IDS;
		uint32_t id = i << 20;
		CHECK(idmap_find(&map, id) == (present[i] ? &values[i] : NULL));
		if (present[i])
			CHECK(idmap_remove(&map, id) == &values[i]);
		else
			CHECK_INT(idmap_insert(&map, id, &values[i]), 0);
		present[i] = !present[i];
	}
	uint32_t count = 0;
	for (uint32_t i = 0; i < MODEL_IDS; i++) {
		CHECK(idmap_find(&map, i << 20) == (present[i] ? &values[i] : NULL));
		count += present[i];
	}
	CHECK_INT(map.count, count);
	CHECK(map.capacity <= 2 * MODEL_IDS);
	idmap_finish(&map);
}

static void visits_each_once(void)
{
	int seen[MODEL_IDS] = { 0 };
	struct idmap map;
	idmap_init(&map);
	for (uint32_t i = 0; i < MODEL_IDS; i++)
		CHECK_INT(idmap_insert(&map, i * 7919, &values[i]), 0);
	uint32_t position = 0;
	int *value;
	while ((value = idmap_next(&map, &position)))
		seen[value - values]++;
	for (uint32_t i = 0; i < MODEL_IDS; i++)
		CHECK_INT(seen[i], 1);
	idmap_finish(&map);
}

static void empties_by_restarted_walks(void)
{
	struct idmap map;
	idmap_init(&map);
	for (uint32_t i = 0; i < MODEL_IDS; i++)
		CHECK_INT(idmap_insert(&map, i, &values[i]), 0);
	for (uint32_t left = MODEL_IDS; left > 0; left--) {
		uint32_t position = 0;
		int *value = idmap_next(&map, &position);
		CHECK(value);
		CHECK(idmap_remove(&map, (uint32_t)(value - values)) == value);
		CHECK_INT(map.count, left - 1);
	}
	idmap_finish(&map);
}

/* A table that is filled and emptied for ever neither grows nor slows down. */
static void survives_churn(void)
{
	struct idmap map;
	idmap_init(&map);
	for (uint32_t id = 0; id < 1000000; id++) {
		CHECK_INT(idmap_insert(&map, id, &values[0]), 0);
		CHECK(idmap_remove(&map, id));
	}
	CHECK_INT(map.count, 0);
	CHECK(map.capacity <= 16);
	idmap_finish(&map);
}

int main(int argc, char **argv)
{
	static const struct test_case cases[] = {
		TEST_CASE(starts_empty),
		TEST_CASE(keeps_extreme_ids),
		TEST_CASE(agrees_with_model),
		TEST_CASE(visits_each_once),
		TEST_CASE(empties_by_restarted_walks),
		TEST_CASE(survives_churn),
	};
	return test_main(argc, argv, cases, ARRAY_SIZE(cases));
}
