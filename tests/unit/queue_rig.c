/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
#include "queue_rig.h"

#include <errno.h>
#include <sys/mman.h>
#include <unistd.h>

#include "test.h"
#include "util/fd.h"
#include "vhost/protocol.h"

struct queue_rig queue_rig;

static void setup_memory(void)
{
	int fd = memfd_create("test", MFD_CLOEXEC);
	struct vhost_region_info info = {
		.guest_address = GUEST, .size = MEMORY, .user_address = USER
	};
	CHECK_INT(ftruncate(fd, (off_t)MEMORY), 0);
	queue_rig.memory = vhost_memory_create();
	CHECK_INT(vhost_memory_add(queue_rig.memory, &info, &fd, NULL), 0);
	queue_rig.base = queue_rig.memory->regions[0]->base;
}

static void setup_queue(
	uint32_t size, const struct virtqueue_addresses *addresses, uint64_t features)
{
	virtqueue_init(&queue_rig.queue, 0);
	CHECK_INT(virtqueue_set_size(&queue_rig.queue, size), 0);
	virtqueue_set_features(&queue_rig.queue, features);
	queue_rig.queue.addresses = *addresses;
	queue_rig.queue.addresses_set = true;
	queue_rig.call = fd_eventfd();
	virtqueue_set_call(&queue_rig.queue, fd_dup(queue_rig.call));
	CHECK_INT(virtqueue_set_memory(&queue_rig.queue, queue_rig.memory), 0);
}

void queue_setup(uint32_t size)
{
	setup_memory();
	vring_init(&queue_rig.ring, queue_rig.base, USER, size);
	CHECK(vring_bytes(&queue_rig.ring) <= DATA - GUEST);
	const struct virtqueue_addresses addresses = vring_addresses(&queue_rig.ring);
	setup_queue(size, &addresses, 0);
}

void queue_setup_packed(uint32_t size, uint64_t features)
{
	setup_memory();
	packed_init(&queue_rig.packed, queue_rig.base, USER, size);
	CHECK(packed_bytes(&queue_rig.packed) <= DATA - GUEST);
	const struct virtqueue_addresses addresses = packed_addresses(&queue_rig.packed);
	setup_queue(size, &addresses, features | VHOST_BIT(VIRTIO_F_RING_PACKED));
}

void queue_start(uint16_t index)
{
	vring_set_available(&queue_rig.ring, index);
	vring_put16(queue_rig.base + vring_used_offset(&queue_rig.ring) + 2, index);
	queue_rig.queue.base = index;
	queue_rig.queue.enabled = true;
	virtqueue_start(&queue_rig.queue, false);
}

void queue_start_packed(uint16_t index, bool wrap)
{
	struct packed_ring *ring = &queue_rig.packed;
	/* what the device left there when it came by last */
	for (uint32_t i = 0; i < ring->size; i++)
		packed_describe(ring->memory, i, 0, 0,
			PACKED_ID(0, (i < index) == wrap ? PACKED_MARKS : 0));
	ring->next_available = ring->next_used = (struct vring_position){ index, wrap };
	queue_rig.queue.base = packed_base(ring);
	queue_rig.queue.enabled = true;
	virtqueue_start(&queue_rig.queue, true);
}

void queue_teardown(void)
{
	virtqueue_finish(&queue_rig.queue);
	CHECK_INT(queue_rig.memory->refs, 1);
	vhost_memory_unref(queue_rig.memory);
	fd_close(&queue_rig.call);
}

void queue_offer(uint16_t head)
{
	uint16_t second = (uint16_t)((head + 1u) & (queue_rig.ring.size - 1));
	vring_describe(queue_rig.base, head, DATA, 8, VRING_THEN(0, second));
	vring_describe(queue_rig.base, second, DATA + 64, 8, VRING_WRITE);
	vring_publish(&queue_rig.ring, head);
}

void queue_offer_packed(uint16_t id, uint32_t places)
{
	struct packed_ring *ring = &queue_rig.packed;
	for (uint32_t i = 0; i < places; i++) {
		uint32_t flags = i + 1 < places ? PACKED_NEXT : 0;
		if (i > 0 || places == 1)
			flags |= PACKED_WRITE;
		packed_put(ring, i, DATA + 64 * i, 8, PACKED_ID(id, flags));
	}
	packed_publish(ring, places);
}

struct vq_request *queue_pop(void)
{
	struct vq_request *request = NULL;
	CHECK_INT(virtqueue_pop(&queue_rig.queue, &request), 1);
	CHECK(request);
	return request;
}

int queue_pop_nothing(void)
{
	struct vq_request *request = NULL;
	int status = virtqueue_pop(&queue_rig.queue, &request);
	CHECK(!request);
	return status;
}

void queue_check_broken(int error)
{
	CHECK_INT(queue_pop_nothing(), -EPROTO);
	CHECK(queue_rig.queue.broken);
	uint64_t count;
	CHECK_INT(read(error, &count, sizeof(count)), sizeof(count));
	CHECK_INT(queue_pop_nothing(), 0);
	CHECK(!virtqueue_ready(&queue_rig.queue));
}

bool queue_interrupted(void)
{
	uint64_t count;
	return read(queue_rig.call, &count, sizeof(count)) == (ssize_t)sizeof(count);
}

void queue_complete_some(uint32_t count)
{
	for (uint32_t i = 0; i < count; i++) {
		queue_offer(0);
		vq_request_complete(queue_pop(), NULL, 0);
	}
	virtqueue_notify(&queue_rig.queue);
}
