/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/* The split layout (virtio 1.4, 2.7). */
#include "vhost/vring.h"

#include <assert.h>
#include <string.h>

#include "vhost/chain_private.h"
#include "vhost/virtqueue.h"

/* Bytes before the ring array, and of its elements (virtio 1.4, 2.7.6 and 2.7.8). */
enum {
	RING_FLAGS = 0,
	RING_INDEX = 2,
	RING_ARRAY = 4,
	AVAILABLE_ELEMENT = 2,
	USED_ELEMENT = 8,
	EVENT_SIZE = 2,
};

enum {
	AVAILABLE_F_NO_INTERRUPT = 1,
	USED_F_NO_NOTIFY = 1,
};

struct used_element {
	uint32_t id;
	uint32_t length;
};
static_assert(sizeof(struct used_element) == USED_ELEMENT, "virtio 1.4, 2.7.8");

static uint8_t *used_event(const struct virtqueue *queue)
{
	return queue->driver + RING_ARRAY + (size_t)AVAILABLE_ELEMENT * queue->size;
}

static uint8_t *available_event(const struct virtqueue *queue)
{
	return queue->device + RING_ARRAY + (size_t)USED_ELEMENT * queue->size;
}

static const char *fault(const struct virtqueue *queue)
{
	if ((queue->size & (queue->size - 1)) != 0)
		return "its size is not a power of two";
	if (queue->base > UINT16_MAX)
		return "its base is above 65535";
	return NULL;
}

/* With the last element: an index of 0 is also that of a ring that was used 65536 times. */
static uint32_t footprint(const struct virtqueue *queue)
{
	uint16_t index = vring_load16(queue->device + RING_INDEX);
	uint16_t last = (uint16_t)((index + 0xffffu) & (queue->size - 1u));
	const uint8_t *element = queue->device + RING_ARRAY + (size_t)USED_ELEMENT * last;
	uint32_t id = vring_load32(element), length = vring_load32(element + sizeof(id));
	return index | ((id ^ length) & 0xffffu) << 16;
}

static void start(struct virtqueue *queue, bool resumed)
{
	queue->split.next_available = (uint16_t)queue->base;
	queue->split.seen_available = (uint16_t)queue->base;
	queue->split.next_used = (uint16_t)virtqueue_footprint(queue);
}

static uint32_t base(const struct virtqueue *queue)
{
	return queue->split.next_available;
}

static const char *look(struct virtqueue *queue, bool *ret_found)
{
	struct vring_split_state *ring = &queue->split;
	if (ring->seen_available == ring->next_available) {
		uint16_t index = vring_load16(queue->driver + RING_INDEX);
		if ((uint16_t)(index - ring->next_available) > queue->size)
			return "an available index that jumps";
		ring->seen_available = index;
	}
	*ret_found = ring->seen_available != ring->next_available;
	return NULL;
}

/* virtio 1.4, 2.7.10: with event_idx the flag stays 0, and the event index is where the next kick
 * is wanted: one that lies behind asks for none. */
static void ask(struct virtqueue *queue, bool kick)
{
	if (!queue->event_idx)
		vring_store16(queue->device + RING_FLAGS, kick ? 0 : USED_F_NO_NOTIFY);
	else if (kick)
		vring_store16(available_event(queue), queue->split.next_available);
}

static uint16_t next_head(const struct virtqueue *queue)
{
	uint32_t place = queue->split.next_available & (queue->size - 1u);
	return vring_load16(queue->driver + RING_ARRAY + (size_t)AVAILABLE_ELEMENT * place);
}

static const char *walk(struct virtqueue *queue)
{
	const struct vq_chain_source source = {
		.memory = queue->memory,
		.descriptors = queue->descriptors,
		.size = queue->size,
		.indirect = queue->indirect,
		.head = next_head(queue),
	};
	if (source.head >= queue->size)
		return "a chain that begins outside the descriptor table";
	return vq_chain_walk_split(&source, &queue->chain);
}

static void forward(struct virtqueue *queue, uint32_t places)
{
	queue->split.next_available++;
}

static void back(struct virtqueue *queue, uint32_t places)
{
	queue->split.next_available--;
}

static void put_used(struct virtqueue *queue, const struct vq_request *request)
{
	const struct used_element element = { htole32(request->id), htole32(request->written) };
	uint32_t place = queue->split.next_used & (queue->size - 1u);
	memcpy(queue->device + RING_ARRAY + (size_t)USED_ELEMENT * place, &element,
		sizeof(element));
	queue->split.next_used++;
	vring_store16(queue->device + RING_INDEX, queue->split.next_used);
}

/* virtio 1.4, 2.7.7.2. */
static bool wants_interrupt(const struct virtqueue *queue, uint32_t places)
{
	if (!queue->event_idx)
		return !(vring_load16(queue->driver + RING_FLAGS) & AVAILABLE_F_NO_INTERRUPT);
	uint16_t behind = (uint16_t)(queue->split.next_used - vring_load16(used_event(queue)) - 1);
	return behind < places;
}

const struct vring_impl vring_split = {
	.descriptors = { 0, DESCRIPTOR_SIZE, 16 },
	.driver = { RING_ARRAY + EVENT_SIZE, AVAILABLE_ELEMENT, 2 },
	.device = { RING_ARRAY + EVENT_SIZE, USED_ELEMENT, 4 },
	.fault = fault,
	.start = start,
	.base = base,
	.footprint = footprint,
	.look = look,
	.ask = ask,
	.walk = walk,
	.forward = forward,
	.back = back,
	.put_used = put_used,
	.wants_interrupt = wants_interrupt,
};
