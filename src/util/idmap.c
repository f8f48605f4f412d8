/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/*
 * Linear probing; an entry is taken out by moving the ones behind it up, so there are no
 * tombstones and a map that is filled and emptied for ever does not get slower. The hash is keyed
 * with a number of this process, since ids come from guests.
 */
#include "util/idmap.h"

#include <assert.h>
#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>

#define CAPACITY_FIRST 16u
#define CAPACITY_MAX   (1u << 30)

/* 32 random bits that the kernel gave this process at its start: needs no system call. */
static uint32_t process_seed(void)
{
	uint32_t seed = 0;
	const void *random = (const void *)getauxval(AT_RANDOM);
	if (random)
		memcpy(&seed, random, sizeof(seed));
	return seed;
}

void idmap_init(struct idmap *map)
{
	*map = (struct idmap){ .seed = process_seed() };
}

void idmap_finish(struct idmap *map)
{
	free(map->slots);
	*map = (struct idmap){ 0 };
}

/* The slot where id is looked for first. */
static uint32_t home(const struct idmap *map, uint32_t id)
{
	uint64_t hash = (uint64_t)(id ^ map->seed) * UINT64_C(0x9e3779b97f4a7c15);
	hash ^= hash >> 32;
	hash *= UINT64_C(0xd6e8feb86659fd93) ^ map->seed;
	return (uint32_t)(hash >> 32) & (map->capacity - 1);
}

/* The slot of id, or the free one where it would go. There is always a free one. */
static uint32_t probe(const struct idmap *map, uint32_t id)
{
	uint32_t i = home(map, id);
	while (map->slots[i].value && map->slots[i].id != id)
		i = (i + 1) & (map->capacity - 1);
	return i;
}

void *idmap_find(const struct idmap *map, uint32_t id)
{
	return map->count ? map->slots[probe(map, id)].value : NULL;
}

static int grow(struct idmap *map)
{
	if (map->capacity >= CAPACITY_MAX)
		return -ENOMEM;
	struct idmap bigger = *map;
	bigger.capacity = map->capacity ? map->capacity * 2 : CAPACITY_FIRST;
	bigger.slots = calloc(bigger.capacity, sizeof(*bigger.slots));
	if (!bigger.slots)
		return -ENOMEM;
	for (uint32_t i = 0; i < map->capacity; i++) {
		if (map->slots[i].value)
			bigger.slots[probe(&bigger, map->slots[i].id)] = map->slots[i];
	}
	free(map->slots);
	*map = bigger;
	return 0;
}

int idmap_insert(struct idmap *map, uint32_t id, void *value)
{
	assert(value);
	/* at most three quarters full: probes stay short */
	if (map->count >= map->capacity - map->capacity / 4) {
		int error = grow(map);
		if (error)
			return error;
	}
	struct idmap_slot *slot = &map->slots[probe(map, id)];
	assert(!slot->value);
	*slot = (struct idmap_slot){ .id = id, .value = value };
	map->count++;
	return 0;
}

void *idmap_remove(struct idmap *map, uint32_t id)
{
	if (map->count == 0)
		return NULL;
	uint32_t mask = map->capacity - 1;
	uint32_t hole = probe(map, id);
	void *value = map->slots[hole].value;
	if (!value)
		return NULL;
	/* An entry behind may move into the hole unless its home lies cyclically in (hole, i]. */
	for (uint32_t i = (hole + 1) & mask; map->slots[i].value; i = (i + 1) & mask) {
		uint32_t from_home = (i - home(map, map->slots[i].id)) & mask;
		uint32_t from_hole = (i - hole) & mask;
		if (from_home >= from_hole) {
			map->slots[hole] = map->slots[i];
			hole = i;
		}
	}
	map->slots[hole].value = NULL;
	map->count--;
	return value;
}

void *idmap_next(const struct idmap *map, uint32_t *position)
{
	while (*position < map->capacity) {
		void *value = map->slots[(*position)++].value;
		if (value)
			return value;
	}
	return NULL;
}
