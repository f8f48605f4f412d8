/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/*
 * Ring indices are the only words that both sides write and read at the same time. They are read
 * with acquire and written with release; where each side first writes its own word and then reads
 * the other's (to decide whether to sleep, or whether to interrupt), a full barrier stands in
 * between, as virtio 1.4, 2.7.7.2 and 2.7.10 ask.
 */
#include "vhost/virtqueue.h"

#include <assert.h>
#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>

#include "util/checked.h"
#include "util/fd.h"
#include "util/log.h"

/* Bytes before the ring array, and of its elements (virtio 1.4, 2.7.6 and 2.7.8). */
enum {
	DESCRIPTOR_SIZE = 16,
	RING_INDEX = 2,
	RING_ARRAY = 4,
	AVAILABLE_ELEMENT = 2,
	USED_ELEMENT = 8,
	EVENT_SIZE = 2,
};

#define AVAILABLE_F_NO_INTERRUPT 1u

struct used_element {
	uint32_t id;
	uint32_t length;
};
static_assert(sizeof(struct used_element) == USED_ELEMENT, "virtio 1.4, 2.7.8");

/* Requests are cached by how many pieces they have room for, a bounded number of each. */
static const struct {
	uint32_t pieces;
	uint32_t keep;
} size_classes[VQ_SIZE_CLASSES] = {
	{ 8, 256 },
	{ 80, 64 },
	{ VQ_CHAIN_MAX_PIECES, 4 },
};

static uint16_t load16(const uint8_t *address)
{
	return le16toh(__atomic_load_n((const uint16_t *)(const void *)address, __ATOMIC_ACQUIRE));
}

static void store16(uint8_t *address, uint16_t value)
{
	__atomic_store_n((uint16_t *)(void *)address, htole16(value), __ATOMIC_RELEASE);
}

static uint8_t *used_event(const struct virtqueue *queue)
{
	return queue->available + RING_ARRAY + (size_t)AVAILABLE_ELEMENT * queue->size;
}

static uint8_t *available_event(const struct virtqueue *queue)
{
	return queue->used + RING_ARRAY + (size_t)USED_ELEMENT * queue->size;
}

static uint64_t *head_word(struct virtqueue *queue, uint16_t head)
{
	return &queue->in_flight_heads[head / 64];
}

static uint64_t head_bit(uint16_t head)
{
	return UINT64_C(1) << (head % 64);
}

static bool head_in_flight(struct virtqueue *queue, uint16_t head)
{
	return *head_word(queue, head) & head_bit(head);
}

void virtqueue_init(struct virtqueue *queue, uint32_t index)
{
	memset(queue, 0, sizeof(*queue));
	queue->index = index;
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

static uint8_t *translate_ring(const struct virtqueue *queue, const struct vhost_memory *memory,
	uint64_t address, uint64_t length)
{
	return queue->addresses_are_guest ? vhost_memory_translate(memory, address, length)
					  : vhost_memory_translate_user(memory, address, length);
}

static bool aligned(const uint8_t *pointer, uintptr_t alignment)
{
	return (uintptr_t)pointer % alignment == 0;
}

static int set_rings(struct virtqueue *queue, struct vhost_memory *memory)
{
	uint64_t size = queue->size;
	const uint8_t *descriptors =
		translate_ring(queue, memory, queue->addresses.descriptors, DESCRIPTOR_SIZE * size);
	uint8_t *available = translate_ring(queue, memory, queue->addresses.available,
		RING_ARRAY + AVAILABLE_ELEMENT * size + EVENT_SIZE);
	uint8_t *used = translate_ring(queue, memory, queue->addresses.used,
		RING_ARRAY + USED_ELEMENT * size + EVENT_SIZE);
	/* The alignments of virtio 1.4, 2.7: atomic access depends on them. */
	if (!descriptors || !available || !used || !aligned(descriptors, 16) ||
		!aligned(available, 2) || !aligned(used, 4))
		return -EFAULT;

	vhost_memory_ref(memory);
	vhost_memory_unref(queue->memory);
	queue->memory = memory;
	queue->descriptors = descriptors;
	queue->available = available;
	queue->used = used;
	return 0;
}

int virtqueue_set_memory(struct virtqueue *queue, struct vhost_memory *memory)
{
	if (memory && queue->size > 0 && queue->addresses_set && set_rings(queue, memory) == 0)
		return 0;
	queue->descriptors = NULL;
	if (!memory) {
		vhost_memory_unref(queue->memory);
		queue->memory = NULL;
		queue->available = NULL;
		queue->used = NULL;
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
	return queue->started && queue->enabled && !queue->broken && queue->descriptors;
}

/* An eventfd at its maximum would block, and wakes its reader without being written again. */
static void signal_event(int fd, bool may_block)
{
	struct pollfd writable = { .fd = fd, .events = POLLOUT };
	if (fd < 0)
		return;
	if (!may_block || (poll(&writable, 1, 0) == 1 && (writable.revents & POLLOUT)))
		fd_eventfd_signal(fd);
}

static int queue_break(struct virtqueue *queue, const char *reason)
{
	queue->broken = true;
	log_limited(LOG_WARN, "virtqueue %u: the guest's driver made %s; the queue is stopped",
		queue->index, reason);
	signal_event(queue->err_fd, true);
	return -EPROTO;
}

void virtqueue_start(struct virtqueue *queue)
{
	assert(queue->in_flight == 0);
	queue->started = true;
	queue->broken = false;
	queue->seen_available = queue->next_available;
	queue->signalled_valid = false;
	queue->unsignalled = false;
	if (queue->descriptors)
		queue->next_used = virtqueue_used_index(queue);
	else
		queue_break(queue, "rings that are misaligned or not in memory");
}

uint16_t virtqueue_used_index(const struct virtqueue *queue)
{
	return queue->used ? load16(queue->used + RING_INDEX) : 0;
}

/* Reads the driver's index. 1: there are chains, 0: none, -EPROTO. */
static int look(struct virtqueue *queue)
{
	uint16_t index = load16(queue->available + RING_INDEX);
	uint16_t pending = (uint16_t)(index - queue->next_available);
	if (pending > queue->size)
		return queue_break(queue, "an available index that jumps");
	queue->seen_available = index;
	return pending > 0;
}

/* As look(), after asking for a kick when there is nothing. */
static int look_or_ask(struct virtqueue *queue)
{
	if (queue->seen_available != queue->next_available)
		return 1;
	int found = look(queue);
	if (found != 0 || !queue->event_idx)
		return found;
	store16(available_event(queue), queue->next_available);
	/* The driver may have added a chain just before it could see what it was asked. */
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	return look(queue);
}

static struct vq_request *request_take(struct virtqueue *queue, uint32_t pieces)
{
	uint32_t size_class = 0;
	while (size_classes[size_class].pieces < pieces)
		size_class++;
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
	*head_word(queue, request->head) &= ~head_bit(request->head);
	queue->in_flight--;
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

static void request_fill(struct vq_request *request, struct virtqueue *queue, uint16_t head)
{
	const struct vq_chain *chain = &queue->chain;
	list_init(&request->link);
	request->queue = queue;
	request->memory = vhost_memory_ref(queue->memory);
	request->head = head;
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

static uint16_t next_head(const struct virtqueue *queue)
{
	uint32_t slot = queue->next_available & (queue->size - 1u);
	return load16(queue->available + RING_ARRAY + (size_t)AVAILABLE_ELEMENT * slot);
}

int virtqueue_pop(struct virtqueue *queue, struct vq_request **ret_request)
{
	if (!virtqueue_ready(queue))
		return 0;
	int found = look_or_ask(queue);
	if (found <= 0)
		return found;

	uint16_t head = next_head(queue);
	if (head >= queue->size)
		return queue_break(queue, "a chain that begins outside the descriptor table");
	if (head_in_flight(queue, head))
		return queue_break(queue, "a chain available that is still in use");
	const struct vq_chain_source source = {
		.memory = queue->memory,
		.descriptors = queue->descriptors,
		.size = queue->size,
		.indirect = queue->indirect,
		.head = head,
	};
	const char *fault = vq_chain_walk(&source, &queue->chain);
	if (fault)
		return queue_break(queue, fault);

	struct vq_request *request =
		request_take(queue, queue->chain.readable_count + queue->chain.writable_count);
	if (!request)
		return -ENOMEM;
	request_fill(request, queue, head);
	*head_word(queue, head) |= head_bit(head);
	queue->in_flight++;
	queue->next_available++;
	*ret_request = request;
	return 1;
}

void virtqueue_unpop(struct vq_request *request)
{
	struct virtqueue *queue = request->queue;
	assert(head_in_flight(queue, request->head) && !request->completed);
	queue->next_available--;
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

static void put_used(struct virtqueue *queue, uint16_t head, uint32_t written)
{
	/* Without rings (the VMM took the memory away) there is nobody to tell. */
	if (!queue->used)
		return;
	const struct used_element element = { htole32(head), htole32(written) };
	uint32_t slot = queue->next_used & (queue->size - 1u);
	memcpy(queue->used + RING_ARRAY + (size_t)USED_ELEMENT * slot, &element, sizeof(element));
	queue->next_used++;
	store16(queue->used + RING_INDEX, queue->next_used);
	queue->unsignalled = true;
	/* 65536 later the same index means another chain. */
	if (queue->next_used == queue->signalled_used)
		queue->signalled_valid = false;
}

static void request_retire(struct vq_request *request)
{
	put_used(request->queue, request->head, request->written);
	request_give_back(request);
}

void vq_request_complete(struct vq_request *request, const void *answer, size_t size)
{
	struct virtqueue *queue = request->queue;
	assert(head_in_flight(queue, request->head) && !request->completed);
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

/* virtio 1.4, 2.7.7.2 and 2.7.10. */
static bool interrupt_wanted(struct virtqueue *queue)
{
	uint16_t old = queue->signalled_used;
	uint16_t new = queue->next_used;
	bool old_valid = queue->signalled_valid;
	queue->signalled_used = new;
	queue->signalled_valid = true;
	/* The used index has to be out before the driver's wish is read. */
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	if (!queue->event_idx)
		return !(load16(queue->available) & AVAILABLE_F_NO_INTERRUPT);
	if (!old_valid)
		return true;
	uint16_t behind = (uint16_t)(new - load16(used_event(queue)) - 1);
	return behind < (uint16_t)(new - old);
}

void virtqueue_notify(struct virtqueue *queue)
{
	if (!queue->unsignalled || !queue->available || queue->call_fd < 0)
		return;
	queue->unsignalled = false;
	if (interrupt_wanted(queue))
		signal_event(queue->call_fd, queue->call_may_block);
}

void virtqueue_set_call(struct virtqueue *queue, int fd)
{
	fd_close(&queue->call_fd);
	queue->call_fd = fd;
	/* The flag is shared with the VMM, so it is not ours to change. */
	int flags = fd >= 0 ? fcntl(fd, F_GETFL) : O_NONBLOCK;
	queue->call_may_block = flags < 0 || !(flags & O_NONBLOCK);
	virtqueue_notify(queue);
}
