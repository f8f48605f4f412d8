/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/*
 * Rings of any size at any address, of the guest or of the VMM, in either layout: a queue has them only when all three
 * areas lie in guest memory as a whole and are aligned as the layout needs; what fails changes nothing, and
 * references to memory tables are neither lost nor dropped too early. What translating may return is as
 * proofs memory_translate and memory_user say.
 *
 * #proof src/vhost/virtqueue.c src/vhost/vring_split.c src/vhost/vring_packed.c tests/proofs/stubs/log.c
 * #bug src/vhost/virtqueue.c: if (!descriptors || !driver || !device) => if (!descriptors || !device)
 * #bug src/vhost/virtqueue.c: (uint64_t)part->for_each * queue->size => (uint64_t)part->for_each
 * #bug src/vhost/virtqueue.c: return (uintptr_t)base % part->alignment == 0 ? base : NULL; => return base;
 * #bug src/vhost/virtqueue.c: vhost_memory_ref(memory); vhost_memory_unref(queue->memory); =>
 *	vhost_memory_unref(queue->memory);
 */
#include "proof.h"
#include "vhost/virtqueue.h"
#include "vhost/vring.h"

static struct vhost_memory tables[2]; /* the one before, and the new one */

/* A place of which so many bytes are there. */
static uint8_t *any_place(uint64_t length)
{
	assume(length <= UINT64_C(1) << 20);
	size_t lead = nondet_u8();
	return nondet_bool() ? (uint8_t *)any_memory(lead + length) + lead : NULL;
}

uint8_t *vhost_memory_translate(
	const struct vhost_memory *memory, uint64_t guest_address, uint64_t length)
{
	prove(memory == &tables[1]);
	return any_place(length);
}

uint8_t *vhost_memory_translate_user(
	const struct vhost_memory *memory, uint64_t user_address, uint64_t length)
{
	prove(memory == &tables[1]);
	return any_place(length);
}

struct vhost_memory *vhost_memory_ref(struct vhost_memory *memory)
{
	prove(memory->refs > 0);
	memory->refs++;
	return memory;
}

void vhost_memory_unref(struct vhost_memory *memory)
{
	if (memory) {
		prove(memory->refs > 0);
		memory->refs--;
	}
}

static bool part_there(const uint8_t *part, const struct vring_part *spec, uint16_t size)
{
	return writable(part, spec->fixed + (size_t)spec->for_each * size) &&
		(uintptr_t)part % spec->alignment == 0;
}

void proof(void)
{
	static struct virtqueue queue;
	bool had = nondet_bool(), table = nondet_bool();
	queue.size = nondet_u16();
	assume(queue.size == 0 || virtqueue_size_valid(queue.size));
	queue.impl = nondet_bool() ? &vring_split : &vring_packed;
	queue.addresses_set = nondet_bool();
	queue.addresses_are_guest = nondet_bool();
	queue.memory = had ? &tables[0] : NULL;
	tables[0].refs = 2;
	tables[1].refs = 1;
	int status = virtqueue_set_memory(&queue, table ? &tables[1] : NULL);
	prove(queue.translated == (status == 0 && table));
	if (queue.translated) {
		prove(queue.size > 0 && queue.addresses_set && queue.memory == &tables[1]);
		prove(part_there(queue.descriptors, &queue.impl->descriptors, queue.size));
		prove(part_there(queue.driver, &queue.impl->driver, queue.size));
		prove(part_there(queue.device, &queue.impl->device, queue.size));
	}
	prove(tables[0].refs == (had && queue.memory != &tables[0] ? 1 : 2));
	prove(tables[1].refs == (queue.memory == &tables[1] ? 2 : 1));
}
