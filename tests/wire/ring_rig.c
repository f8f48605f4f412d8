/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
#include "ring_rig.h"

#include "test.h"

void ring_rig_init(struct ring_rig *rig, uint32_t size, bool packed)
{
	static const struct kit_region_spec spec = { .guest = 0, .size = 1 << 20 };
	kit_init(&rig->kit);
	rig->kit.timeout_ms = 50;
	kit_memory_init(&rig->memory, &rig->kit);
	CHECK_INT(kit_memory_add(&rig->memory, &spec), 0);
	CHECK_INT(kit_ring_init(&rig->ring, &rig->memory, 0, size), 0);
	kit_ring_set_packed(&rig->ring, packed);
}

void ring_rig_finish(struct ring_rig *rig)
{
	kit_ring_finish(&rig->ring);
	CHECK_INT(kit_memory_allocated(&rig->memory), 0);
	kit_memory_finish(&rig->memory);
}
