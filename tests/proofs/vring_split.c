/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/*
 * The rings of a split queue of any size, 1 to 32768, at any index, with anything in them: looking, taking, putting
 * back, making used and asking for notifications touch only the rings; what looking accepts is at most as
 * much as the ring has, and a head is inside the descriptor table. Indices wrap on purpose.
 *
 * #proof src/vhost/vring_split.c
 * #cbmc --no-conversion-check --no-unsigned-overflow-check
 * #bug src/vhost/vring_split.c: uint32_t place = queue->split.next_used & (queue->size - 1u); =>
 *	uint32_t place = queue->split.next_used;
 * #bug src/vhost/vring_split.c: uint32_t place = queue->split.next_available & (queue->size - 1u); =>
 *	uint32_t place = queue->split.next_available;
 * #bug src/vhost/vring_split.c: if (source.head >= queue->size) => if (source.head > queue->size)
 * #bug src/vhost/vring_split.c: return queue->driver + RING_ARRAY + (size_t)AVAILABLE_ELEMENT * queue->size; =>
 *	return queue->driver + RING_ARRAY + (size_t)USED_ELEMENT * queue->size;
 * #bug src/vhost/vring_split.c: if ((uint16_t)(index - ring->next_available) > queue->size) =>
 *	if ((uint16_t)(index - ring->next_available) > queue->size + 1)
 * #bug src/vhost/vring_split.c: if ((queue->size & (queue->size - 1)) != 0) => if (false)
 */
#include "proof.h"
#include "vhost/virtqueue.h"
#include "vhost/vring.h"

const char *vq_chain_walk_split(const struct vq_chain_source *source, struct vq_chain *ret_chain)
{
	prove(source->head < source->size);
	return NULL;
}

uint32_t virtqueue_footprint(const struct virtqueue *queue)
{
	return queue->impl->footprint(queue);
}

static void any_rings(struct virtqueue *queue)
{
	size_t size = queue->size;
	queue->impl = &vring_split;
	queue->driver = any_memory(vring_split.driver.fixed + vring_split.driver.for_each * size);
	queue->device = any_memory(vring_split.device.fixed + vring_split.device.for_each * size);
}

void proof(void)
{
	static struct virtqueue queue;
	struct vq_request request;
	bool found = false;
	queue.size = nondet_u16();
	queue.base = nondet_u32();
	queue.event_idx = nondet_bool();
	assume(virtqueue_size_valid(queue.size) && !vring_split.fault(&queue));
	prove((queue.size & (queue.size - 1)) == 0);
	any_rings(&queue);
	vring_split.start(&queue, nondet_bool());
	queue.split.next_available = nondet_u16();
	queue.split.seen_available = nondet_u16();
	queue.split.next_used = nondet_u16();
	const uint16_t seen = queue.split.seen_available;
	if (!vring_split.look(&queue, &found) && queue.split.seen_available != seen) {
		uint16_t ahead =
			(uint16_t)(queue.split.seen_available - queue.split.next_available);
		prove(found == (ahead > 0) && ahead <= queue.size);
	}
	vring_split.ask(&queue, nondet_bool());
	vring_split.walk(&queue);
	vring_split.forward(&queue, 1);
	vring_split.put_used(&queue, &request);
	vring_split.wants_interrupt(&queue, nondet_u32());
	vring_split.back(&queue, 1);
}
