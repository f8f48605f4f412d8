/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/* The toy backend's guest memory and queues. */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "toy.h"
#include "util/checked.h"

#define MAX_IN 0x2000000u /* bytes of a request */

#define DESCRIPTOR_NEXT     1u
#define DESCRIPTOR_WRITE    2u
#define DESCRIPTOR_INDIRECT 4u

/* --- memory -------------------------------------------------------------------------------- */

/* Cuts *size to what lies in one region. */
static void *translate_some(struct toy *toy, uint64_t address, uint64_t *size, bool user)
{
	for (uint32_t i = 0; i < toy->region_count; i++) {
		const struct vhost_user_memory_region *info = &toy->regions[i].info;
		uint64_t start = user ? info->user_address : info->guest_address;
		if (address < start || address - start >= info->size)
			continue;
		*size = min_u64(*size, info->size - (address - start));
		return toy->regions[i].map + info->mmap_offset + (address - start);
	}
	return NULL;
}

void *toy_translate(struct toy *toy, uint64_t address, uint64_t size, bool user)
{
	uint64_t some = size;
	void *pointer = translate_some(toy, address, &some, user);
	return some == size ? pointer : NULL;
}

bool toy_is_memory(struct toy *toy, uint64_t address, uint64_t size)
{
	for (uint64_t done = 0; done < size;) {
		uint64_t some = size - done;
		if (!translate_some(toy, address + done, &some, false))
			return false;
		done += some;
	}
	return true;
}

bool toy_copy_in(struct toy *toy, void *to, uint64_t address, uint64_t size)
{
	for (uint64_t done = 0; done < size;) {
		uint64_t some = size - done;
		const void *from = translate_some(toy, address + done, &some, false);
		if (!from)
			return false;
		memcpy((uint8_t *)to + done, from, some);
		done += some;
	}
	return true;
}

bool toy_copy_out(struct toy *toy, uint64_t address, const void *from, uint64_t size)
{
	for (uint64_t done = 0; done < size;) {
		uint64_t some = size - done;
		void *to = translate_some(toy, address + done, &some, false);
		if (!to)
			return false;
		memcpy(to, (const uint8_t *)from + done, some);
		done += some;
	}
	return true;
}

/* --- rings --------------------------------------------------------------------------------- */

/* flags, index, the ring, the event index */
static uint16_t *available_ring(struct toy *toy, const struct queue *queue)
{
	return toy_translate(toy, queue->address.available, 6 + 2ull * queue->size, true);
}

static uint8_t *used_ring(struct toy *toy, const struct queue *queue)
{
	return toy_translate(toy, queue->address.used, 6 + 8ull * queue->size, true);
}

static const uint8_t *descriptors(struct toy *toy, const struct queue *queue)
{
	return toy_translate(toy, queue->address.descriptor, 16ull * queue->size, true);
}

bool toy_ring_set(struct toy *toy, struct queue *queue)
{
	const uint8_t *used = used_ring(toy, queue);
	if (!used || !available_ring(toy, queue) || !descriptors(toy, queue) ||
		queue->address.available % 2 || queue->address.used % 4)
		return false;
	memcpy(&queue->next_used, used + 2, 2);
	return true;
}

/* --- requests ------------------------------------------------------------------------------ */

static bool add_part(struct toy *toy, struct request *request, const struct descriptor *part)
{
	if (part->flags & DESCRIPTOR_WRITE) {
		if (request->out_count == MAX_OUT)
			return false;
		request->out[request->out_count++] = *part;
		return toy_is_memory(toy, part->address, part->length);
	}
	if (request->out_count || part->length > MAX_IN - request->in_size)
		return false;
	uint8_t *in = realloc(request->in, request->in_size + part->length + 1u);
	if (!in)
		return false;
	request->in = in;
	request->in_size += part->length;
	return toy_copy_in(toy, in + request->in_size - part->length, part->address, part->length);
}

struct table {
	const uint8_t *entries; /* of struct descriptor, anywhere */
	uint32_t size;
	bool indirect;
};

static bool walk(struct toy *toy, struct request *request, const struct table *table, uint32_t at)
{
	for (uint32_t steps = 0; at < table->size && steps < table->size; steps++) {
		struct descriptor part;
		memcpy(&part, table->entries + at * sizeof(part), sizeof(part));
		if (part.flags & DESCRIPTOR_INDIRECT) {
			struct table inner = { toy_translate(toy, part.address, part.length, false),
				part.length / 16, true };
			if (!inner.entries || part.length % 16 || table->indirect ||
				part.flags & DESCRIPTOR_NEXT)
				return false;
			return walk(toy, request, &inner, 0);
		}
		if (!add_part(toy, request, &part))
			return false;
		if (!(part.flags & DESCRIPTOR_NEXT))
			return true;
		at = part.next;
	}
	while (toy_has(FAULT_LOOPS_FOR_EVER))
		pause();
	return false;
}

struct request *toy_pop(struct toy *toy, struct queue *queue)
{
	uint16_t *available = available_ring(toy, queue);
	uint8_t *used = used_ring(toy, queue);
	const struct table table = { descriptors(toy, queue), queue->size, false };
	if (queue->broken || !available || !used || !table.entries)
		return NULL;
	uint16_t event = queue->next_available;
	if (!toy_has(FAULT_IGNORES_EVENT_IDX))
		memcpy(used + 4 + 8ull * queue->size, &event, 2);
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	uint16_t pending = (uint16_t)(__atomic_load_n(&available[1], __ATOMIC_ACQUIRE) -
		queue->next_available);
	if (pending == 0)
		return NULL;
	struct request *request = calloc(1, sizeof(*request));
	if (!request)
		return NULL;
	request->queue = (uint32_t)(queue - toy->queues);
	request->head = available[2 + queue->next_available % queue->size];
	queue->broken = pending > queue->size || !walk(toy, request, &table, request->head);
	if (queue->broken) {
		toy_drop(request);
		return NULL;
	}
	queue->next_available++;
	return request;
}

void toy_drop(struct request *request)
{
	if (request)
		free(request->in);
	free(request);
}

/* --- answers ------------------------------------------------------------------------------- */

/* Returns how many bytes there was room for. */
static uint32_t write_answer(
	struct toy *toy, const struct request *request, const void *answer, size_t size)
{
	uint32_t written = 0;
	for (uint32_t i = 0; i < request->out_count && written < size; i++) {
		uint32_t left = (uint32_t)size - written;
		uint32_t part = min_u32(request->out[i].length, left);
		if (!toy_copy_out(toy, request->out[i].address, (const uint8_t *)answer + written,
			    toy_has(FAULT_WRITES_BEYOND) ? left : part))
			break;
		written += part;
	}
	if (toy_has(FAULT_USED_LENGTH))
		return 0;
	return written;
}

bool toy_ring_is_new(struct toy *toy, const struct queue *queue)
{
	const uint8_t *used = used_ring(toy, queue);
	uint16_t last = (uint16_t)((queue->next_used + 0xffffu) % queue->size);
	return !used || memcmp(used + 4 + 8 * (size_t)last, queue->last, 8) != 0;
}

static void put_used(struct queue *queue, uint8_t *used, uint32_t head, uint32_t written)
{
	uint32_t element[2] = { head, written };
	memcpy(used + 4 + 8 * (queue->next_used % queue->size), element, 8);
	memcpy(queue->last, element, 8);
	queue->next_used++;
	__atomic_store_n((uint16_t *)(void *)(used + 2), queue->next_used, __ATOMIC_RELEASE);
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
}

static void interrupt(struct toy *toy, struct queue *queue, const uint16_t *available)
{
	static uint32_t count;
	uint64_t one = 1;
	bool wanted = !(available[0] & 1);
	if (toy->features & VHOST_BIT(VIRTIO_RING_F_EVENT_IDX))
		wanted = available[2 + queue->size] == (uint16_t)(queue->next_used - 1);
	if (wanted && toy_has(FAULT_INTERRUPT_MISSING) && ++count % 8 == 0)
		return;
	if (wanted && queue->call >= 0 && write(queue->call, &one, 8) < 0)
		toy->why = "the call descriptor fails";
}

void toy_push(struct toy *toy, struct queue *queue, struct request *request, const void *answer,
	size_t size)
{
	uint8_t *used = used_ring(toy, queue);
	const uint16_t *available = available_ring(toy, queue);
	if (used && available) {
		uint32_t written = write_answer(toy, request, answer, size);
		for (int i = 0; i < (toy_has(FAULT_USED_TWICE) ? 2 : 1); i++) {
			put_used(queue, used, request->head, written);
			interrupt(toy, queue, available);
		}
	}
	toy_drop(request);
}
