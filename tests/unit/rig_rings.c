/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/* The driver's side of the rig's rings, in both layouts. Each request has two descriptors. */
#include "rig.h"
#include "test.h"
#include "util/fd.h"

uint32_t rig_base(uint32_t index)
{
	return rig.packed ? packed_base(&rig.packed_rings[index])
			  : vring_used_index(&rig.rings[index]);
}

struct vhost_user_vring_addr rig_vring_addr(uint32_t index)
{
	const struct virtqueue_addresses addresses = rig.packed
		? packed_addresses(&rig.packed_rings[index])
		: vring_addresses(&rig.rings[index]);
	return (struct vhost_user_vring_addr){
		.index = index,
		.descriptor = addresses.descriptors,
		.used = addresses.used,
		.available = addresses.available,
	};
}

void rig_clear_ring(uint32_t index)
{
	struct vring *ring = &rig.rings[index];
	rig.offered[index] = 0;
	if (rig.packed) {
		packed_clear(&rig.packed_rings[index]);
		return;
	}
	memset(ring->memory, 0, vring_bytes(ring));
	ring->next_available = 0;
	ring->next_used = 0;
}

void rig_move_ring(uint32_t index, uint32_t by)
{
	struct vring *ring = &rig.rings[index];
	struct packed_ring *packed = &rig.packed_rings[index];
	memcpy(ring->memory + by, ring->memory,
		rig.packed ? packed_bytes(packed) : vring_bytes(ring));
	ring->memory += by;
	ring->address += by;
	packed->memory += by;
	packed->address += by;
}

void rig_resize_ring(uint32_t index, uint32_t size)
{
	rig.rings[index].size = size;
	rig.packed_rings[index].size = size;
	rig_clear_ring(index);
}

/* The id of the next request: one that is not in flight. */
static uint16_t next_id(uint32_t index)
{
	return (uint16_t)(2 * rig.offered[index] % rig.rings[index].size);
}

static uint64_t data_of(uint32_t index, uint16_t id)
{
	return RIG_DATA + (index * RIG_SIZE + id) * UINT64_C(64);
}

void rig_offer(uint32_t index)
{
	uint16_t id = next_id(index);
	uint64_t data = data_of(index, id);
	const uint64_t question = UINT64_C(0x1234567800000000) + rig.offered[index]++;
	memcpy(rig.memory + data, &question, sizeof(question));
	memset(rig.memory + data + 32, 0, 8);
	if (rig.packed) {
		struct packed_ring *ring = &rig.packed_rings[index];
		packed_put(ring, 0, RIG_GUEST + data, 8, PACKED_ID(id, PACKED_NEXT));
		packed_put(ring, 1, RIG_GUEST + data + 32, 8, PACKED_ID(id, PACKED_WRITE));
		packed_publish(ring, 2);
	} else {
		struct vring *ring = &rig.rings[index];
		vring_describe(ring->memory, id, RIG_GUEST + data, 8, VRING_THEN(0, id + 1u));
		vring_describe(ring->memory, id + 1u, RIG_GUEST + data + 32, 8, VRING_WRITE);
		vring_publish(ring, id);
	}
	fd_eventfd_signal(rig.kicks[index]);
}

bool rig_take(uint32_t index, uint32_t *ret_id, uint32_t *ret_length)
{
	struct vring *ring = &rig.rings[index];
	if (rig.packed)
		return packed_take(&rig.packed_rings[index], 2, ret_id, ret_length);
	if (vring_used_index(ring) == ring->next_used)
		return false;
	vring_used(ring, ring->next_used++, ret_id, ret_length);
	return true;
}

void rig_take_all(uint32_t index)
{
	uint32_t id, length;
	while (rig_take(index, &id, &length))
		;
}

void rig_echo(uint32_t index)
{
	uint16_t expected = next_id(index);
	uint64_t data = data_of(index, expected);
	uint32_t id, length;
	rig_take_all(index);
	rig_interrupted(index);
	rig_offer(index);
	rig_run();
	CHECK(rig_take(index, &id, &length));
	CHECK_INT(id, expected);
	CHECK_INT(length, 8);
	CHECK_MEM(rig.memory + data, rig.memory + data + 32, 8);
	CHECK(rig_interrupted(index));
	CHECK(!rig_take(index, &id, &length));
}
