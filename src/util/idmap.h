/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/*
 * Map from 32-bit ids that a peer chooses to pointers. Open addressing; the memory grows with the
 * number of entries, never with the value of an id. The map does not own what it points to.
 */
#pragma once

#include <stdint.h>

struct idmap_slot {
	uint32_t id;
	void *value; /* NULL: free */
};

struct idmap {
	struct idmap_slot *slots; /* may be NULL */
	uint32_t capacity; /* 0 or a power of two */
	uint32_t count;
	uint32_t seed; /* unknown to peers, so that they cannot choose ids that collide */
};

void idmap_init(struct idmap *map);

/* Frees the map, not the values. */
void idmap_finish(struct idmap *map);

/* The value of id, or NULL. */
void *idmap_find(const struct idmap *map, uint32_t id);

/* Adds id (which must not be there) with a non-NULL value. Returns 0 or -ENOMEM. */
int idmap_insert(struct idmap *map, uint32_t id, void *value);

/* Takes id out; returns its value or NULL. */
void *idmap_remove(struct idmap *map, uint32_t id);

/* Visits every entry: start with *position = 0; returns NULL at the end. The map must not change
 * during a walk, except that the entry just returned may be removed when the walk is restarted. */
void *idmap_next(const struct idmap *map, uint32_t *position);
