/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
#include "vhost/virtqueue.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "util/bounded_io.h"
#include "util/checked.h"
#include "util/fd.h"
#include "util/log.h"
#include "vhost/protocol.h"
#include "vhost/vring.h"

/* Requests are cached by how many pieces they have room for, a bounded number of each. */
static const struct {
	uint32_t pieces;
	uint32_t keep;
} size_classes[VQ_SIZE_CLASSES] = {
	{ 8, 256 },
	{ 80, 64 },
	{ 1104, 4 },
	{ VQ_CHAIN_MAX_PIECES, 1 },
};

/* Of all requests of a queue together, but that there is always one: chains may share their tables, so
 * that a guest needs little memory of its own for them. */
#define MAX_PIECES (1u << 20)

static uint64_t *id_word(struct virtqueue *queue, uint16_t id)
{
	return &queue->in_flight_ids[id / 64];
}

static uint64_t id_bit(uint16_t id)
{
	return UINT64_C(1) << (id % 64);
}

static bool id_in_flight(struct virtqueue *queue, uint16_t id)
{
	return *id_word(queue, id) & id_bit(id);
}

void virtqueue_init(struct virtqueue *queue, uint32_t index)
{
	memset(queue, 0, offsetof(struct virtqueue, chain));
	queue->index = index;
	queue->impl = &vring_split;
	queue->kick_fd = queue->call_fd = queue->err_fd = -1;
	list_init(&queue->order);
}

void virtqueue_finish(struct virtqueue *queue)
{
	assert(queue->in_flight == 0);
	for (uint32_t i = 0; i < VQ_SIZE_CLASSES; i++) {
		while (queue->free_requests[i].first) {
			struct vq_request *request = queue->free_requests[i].first;
			queue->free_requests[i].first = request->next_free;
			free(request);
		}
	}
	vhost_memory_unref(queue->memory);
	fd_close(&queue->kick_fd);
	fd_close(&queue->call_fd);
	fd_close(&queue->err_fd);
	virtqueue_init(queue, queue->index);
}

int virtqueue_set_size(struct virtqueue *queue, uint32_t size)
{
	if (queue->started)
		return -EBUSY;
	if (!virtqueue_size_valid(size))
		return -EINVAL;
	queue->size = (uint16_t)size;
	return 0;
}

void virtqueue_set_features(struct virtqueue *queue, uint64_t features)
{
	assert(!queue->started);
	queue->impl = features & VHOST_BIT(VIRTIO_F_RING_PACKED) ? &vring_packed : &vring_split;
	queue->event_idx = features & VHOST_BIT(VIRTIO_RING_F_EVENT_IDX);
	queue->indirect = features & VHOST_BIT(VIRTIO_RING_F_INDIRECT_DESC);
	queue->in_order = features & VHOST_BIT(VIRTIO_F_IN_ORDER);
}

const char *virtqueue_fault(const struct virtqueue *queue)
{
	return queue->impl->fault(queue);
}

/* NULL when it is not in memory or not aligned: atomic access depends on that. */
static uint8_t *translate_part(const struct virtqueue *queue, const struct vhost_memory *memory,
	uint64_t address, const struct vring_part *part)
{
	uint64_t length = part->fixed + (uint64_t)part->for_each * queue->size;
	uint8_t *base = queue->addresses_are_guest
		? vhost_memory_translate(memory, address, length)
		: vhost_memory_translate_user(memory, address, length);
	return (uintptr_t)base % part->alignment == 0 ? base : NULL;
}

static int set_rings(struct virtqueue *queue, struct vhost_memory *memory)
{
	const struct virtqueue_addresses *at = &queue->addresses;
	const struct vring_impl *impl = queue->impl;
	uint8_t *descriptors = translate_part(queue, memory, at->descriptors, &impl->descriptors);
	uint8_t *driver = translate_part(queue, memory, at->available, &impl->driver);
	uint8_t *device = translate_part(queue, memory, at->used, &impl->device);
	if (!descriptors || !driver || !device)
		return -EFAULT;

	vhost_memory_ref(memory);
	vhost_memory_unref(queue->memory);
	queue->memory = memory;
	queue->descriptors = descriptors;
	queue->driver = driver;
	queue->device = device;
	return 0;
}

int virtqueue_set_memory(struct virtqueue *queue, struct vhost_memory *memory)
{
	queue->translated =
		memory && queue->size > 0 && queue->addresses_set && set_rings(queue, memory) == 0;
	if (queue->translated)
		return 0;
	if (!memory) {
		vhost_memory_unref(queue->memory);
		queue->memory = NULL;
		queue->descriptors = queue->driver = queue->device = NULL;
		return 0;
	}
	return -EFAULT;
}

bool virtqueue_guest_addresses(
	const struct virtqueue *queue, struct virtqueue_addresses *ret_addresses)
{
	struct virtqueue_addresses found = queue->addresses;
	if (!queue->memory)
		return false;
	if (!queue->addresses_are_guest &&
		(!vhost_memory_guest_address(
			 queue->memory, found.descriptors, &found.descriptors) ||
			!vhost_memory_guest_address(
				queue->memory, found.available, &found.available) ||
			!vhost_memory_guest_address(queue->memory, found.used, &found.used)))
		return false;
	*ret_addresses = found;
	return true;
}

bool virtqueue_ready(const struct virtqueue *queue)
{
	return queue->started && queue->enabled && !queue->broken && queue->translated;
}

static void signal_event(int fd)
{
	if (fd >= 0)
		bounded_signal(fd);
}

static int queue_break(struct virtqueue *queue, const char *reason)
{
	queue->broken = true;
	log_limited(LOG_WARN, "virtqueue %u: the guest's driver made %s; the queue is stopped",
		queue->index, reason);
	signal_event(queue->err_fd);
	return -EPROTO;
}

/* With event_idx a wish is for one place only, so it is said anew each time. */
static void ask(struct virtqueue *queue, bool kick)
{
	if (queue->asks_for_kicks == kick && !(kick && queue->event_idx))
		return;
	queue->asks_for_kicks = kick;
	queue->impl->ask(queue, kick);
}

void virtqueue_start(struct virtqueue *queue, bool resumed)
{
	assert(queue->in_flight == 0 && !virtqueue_fault(queue));
	queue->started = true;
	queue->broken = false;
	queue->unsignalled = false;
	queue->unsignalled_places = VRING_ROUND;
	queue->impl->start(queue, resumed);
	queue->asks_for_kicks = false;
	if (queue->translated)
		ask(queue, true);
	else
		queue_break(queue, "rings that are misaligned or not in memory");
}

void virtqueue_stop(struct virtqueue *queue)
{
	queue->started = false;
	/* Whoever serves the ring next may take it for granted. */
	if (queue->translated)
		ask(queue, true);
}

uint32_t virtqueue_base(const struct virtqueue *queue)
{
	return queue->impl->base(queue);
}

uint32_t virtqueue_footprint(const struct virtqueue *queue)
{
	return queue->device ? queue->impl->footprint(queue) : 0;
}

/* 1: there are chains, 0: none, -EPROTO. */
static int look(struct virtqueue *queue)
{
	bool found = false;
	const char *fault = queue->impl->look(queue, &found);
	return fault ? queue_break(queue, fault) : found;
}

/* As look(), after asking for a kick when there is nothing. */
static int look_or_ask(struct virtqueue *queue)
{
	int found = look(queue);
	if (found == 0) {
		ask(queue, true);
		/* The driver may have added a chain before it could see what it was asked. */
		__atomic_thread_fence(__ATOMIC_SEQ_CST);
		found = look(queue);
	}
	if (found > 0)
		ask(queue, false);
	return found;
}

static struct vq_request *request_take(struct virtqueue *queue, uint32_t pieces)
{
	uint32_t size_class = 0;
	while (size_classes[size_class].pieces < pieces)
		size_class++;
	if (queue->in_flight > 0 &&
		size_classes[size_class].pieces > MAX_PIECES - queue->pieces_in_flight)
		return NULL;
	struct vq_request *request = queue->free_requests[size_class].first;
	if (request) {
		queue->free_requests[size_class].first = request->next_free;
		queue->free_requests[size_class].count--;
		return request;
	}
	request = malloc(
		sizeof(*request) + size_classes[size_class].pieces * sizeof(request->iov[0]));
	if (request)
		request->size_class = size_class;
	return request;
}

static void request_give_back(struct vq_request *request)
{
	struct virtqueue *queue = request->queue;
	uint32_t size_class = request->size_class;
	*id_word(queue, request->id) &= ~id_bit(request->id);
	queue->in_flight--;
	queue->pieces_in_flight -= size_classes[size_class].pieces;
	list_remove(&request->order);
	vhost_memory_unref(request->memory);
	if (queue->free_requests[size_class].count == size_classes[size_class].keep) {
		free(request);
		return;
	}
	request->next_free = queue->free_requests[size_class].first;
	queue->free_requests[size_class].first = request;
	queue->free_requests[size_class].count++;
}

static void request_fill(struct vq_request *request, struct virtqueue *queue)
{
	const struct vq_chain *chain = &queue->chain;
	list_init(&request->link);
	request->queue = queue;
	request->memory = vhost_memory_ref(queue->memory);
	request->id = chain->id;
	request->places = chain->places;
	request->readable_count = chain->readable_count;
	request->writable_count = chain->writable_count;
	request->readable_index = 0;
	request->readable_offset = 0;
	request->readable_left = chain->readable_size;
	request->writable_size = chain->writable_size;
	request->next_free = NULL;
	request->written = 0;
	request->completed = false;
	memcpy(request->iov, chain->pieces,
		(chain->readable_count + chain->writable_count) * sizeof(chain->pieces[0]));
	list_init(&request->order);
	if (queue->in_order)
		list_append(&queue->order, &request->order);
}

int virtqueue_pop(struct virtqueue *queue, struct vq_request **ret_request)
{
	const struct vq_chain *chain = &queue->chain;
	if (!virtqueue_ready(queue))
		return 0;
	int found = look_or_ask(queue);
	if (found <= 0)
		return found;

	const char *fault = queue->impl->walk(queue);
	if (fault)
		return queue_break(queue, fault);
	if (id_in_flight(queue, chain->id))
		return queue_break(queue, "a chain available that is still in use");

	struct vq_request *request =
		request_take(queue, chain->readable_count + chain->writable_count);
	if (!request)
		return -ENOMEM;
	request_fill(request, queue);
	*id_word(queue, chain->id) |= id_bit(chain->id);
	queue->in_flight++;
	queue->pieces_in_flight += size_classes[request->size_class].pieces;
	queue->impl->forward(queue, chain->places);
	*ret_request = request;
	return 1;
}

void virtqueue_unpop(struct vq_request *request)
{
	struct virtqueue *queue = request->queue;
	assert(id_in_flight(queue, request->id) && !request->completed);
	queue->impl->back(queue, request->places);
	request_give_back(request);
}

bool vq_request_read(struct vq_request *request, void *dst, size_t size)
{
	uint8_t *to = dst;
	if (size > request->readable_left)
		return false;
	request->readable_left -= size;
	while (size > 0) {
		const struct iovec *piece = &request->iov[request->readable_index];
		size_t part = min_size(size, piece->iov_len - request->readable_offset);
		vhost_memory_copy_in(
			to, (const uint8_t *)piece->iov_base + request->readable_offset, part);
		to += part;
		size -= part;
		request->readable_offset += part;
		if (request->readable_offset == piece->iov_len) {
			request->readable_index++;
			request->readable_offset = 0;
		}
	}
	return true;
}

/* Returns the number of bytes that there was room for. */
static uint32_t write_answer(const struct vq_request *request, const void *answer, size_t size)
{
	const uint8_t *from = answer;
	size_t left = min_size(size, request->writable_size);
	uint32_t written = (uint32_t)min_size(left, UINT32_MAX);
	left = written;
	for (uint32_t i = request->readable_count; left > 0; i++) {
		size_t part = min_size(left, request->iov[i].iov_len);
		memcpy(request->iov[i].iov_base, from, part);
		from += part;
		left -= part;
	}
	return written;
}

static void put_used(const struct vq_request *request)
{
	struct virtqueue *queue = request->queue;
	/* Without rings (the VMM took the memory away) there is nobody to tell. */
	if (!queue->device)
		return;
	queue->impl->put_used(queue, request);
	queue->unsignalled = true;
	queue->unsignalled_places =
		min_u32(queue->unsignalled_places + request->places, VRING_ROUND);
}

static void request_retire(struct vq_request *request)
{
	put_used(request);
	request_give_back(request);
}

void vq_request_complete(struct vq_request *request, const void *answer, size_t size)
{
	struct virtqueue *queue = request->queue;
	assert(id_in_flight(queue, request->id) && !request->completed);
	request->written = write_answer(request, answer, size);
	request->completed = true;
	if (!queue->in_order) {
		request_retire(request);
		return;
	}
	while (!list_empty(&queue->order)) {
		struct vq_request *oldest =
			container_of(queue->order.next, struct vq_request, order);
		if (!oldest->completed)
			break;
		request_retire(oldest);
	}
}

void virtqueue_notify(struct virtqueue *queue)
{
	if (!queue->unsignalled || !queue->driver || queue->call_fd < 0)
		return;
	uint32_t places = queue->unsignalled_places;
	queue->unsignalled = false;
	queue->unsignalled_places = 0;
	/* What became used has to be out before the driver's wish is read. */
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	if (queue->impl->wants_interrupt(queue, places))
		signal_event(queue->call_fd);
}

void virtqueue_set_call(struct virtqueue *queue, int fd)
{
	fd_close(&queue->call_fd);
	queue->call_fd = fd;
	virtqueue_notify(queue);
}
