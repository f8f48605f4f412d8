/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/*
 * A virtqueue seen from the device, split (virtio 1.4, 2.7) or packed (2.8), with indirect
 * descriptors and both directions of notification suppression.
 *
 * virtqueue_pop() walks one chain, with every descriptor read once into private memory, and returns
 * a request. The request keeps the memory table it was read with. It is completed exactly once
 * (asserted), in any order. Readable bytes are taken by a cursor that only moves forwards, so
 * nothing is read twice; the answer is written in one go.
 *
 * What a guest can get wrong (a head, next or buffer id out of range or in use, a loop, a chain
 * longer than the queue, nested or misshapen indirect tables, memory that is not there, readable
 * after writable) breaks the queue: it is stopped and said once, until the driver resets the device
 * or the queue (virtio 1.4, 2.1.2 and 2.6.1).
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "util/list.h"
#include "vhost/chain.h"
#include "vhost/memory.h"

#define VIRTQUEUE_MAX_SIZE 32768u

struct virtqueue;
struct vring_impl;

struct vq_request {
	struct list link; /* free for the device's use while it has the request */
	struct virtqueue *queue;
	struct vhost_memory *memory; /* a reference */
	uint16_t id; /* vq_chain::id */
	uint32_t places; /* vq_chain::places */
	uint32_t readable_count, writable_count;
	uint32_t readable_index; /* the cursor */
	size_t readable_offset;
	uint64_t readable_left; /* bytes not yet taken */
	uint64_t writable_size;

	/* virtqueue.c's own */
	struct vq_request *next_free;
	struct list order; /* virtqueue::order */
	uint32_t size_class;
	uint32_t written;
	bool completed;

	struct iovec iov[]; /* readable ones first */
};

#define VQ_SIZE_CLASSES 4u

/* Ring addresses as SET_VRING_ADDR gives them: of a packed queue, available is its driver area and
 * used its device area. */
struct virtqueue_addresses {
	uint64_t descriptors, used, available;
};

static inline bool virtqueue_addresses_same(
	const struct virtqueue_addresses *a, const struct virtqueue_addresses *b)
{
	return a->descriptors == b->descriptors && a->used == b->used &&
		a->available == b->available;
}

/* Where a split queue stands (vring_split.c): free-running indices. */
struct vring_split_state {
	uint16_t next_available;
	uint16_t seen_available; /* the driver's index when last looked at */
	uint16_t next_used;
};

/* A place in a packed ring, and the wrap counter of the round it is in. */
struct vring_position {
	uint16_t index;
	bool wrap;
};

/* Where a packed queue stands (vring_packed.c). */
struct vring_packed_state {
	struct vring_position next_available, next_used;
	uint32_t taken; /* places from next_used to next_available: of chains in flight */
};

struct virtqueue {
	uint32_t index; /* which queue of the device */
	uint16_t size; /* 0: not set */
	bool addresses_set;
	struct virtqueue_addresses addresses;
	bool addresses_are_guest; /* GPA_ADDRESSES negotiated */
	uint32_t base; /* where to start, as SET_VRING_BASE says; 0: at the beginning */

	/* virtqueue_set_features() */
	const struct vring_impl *impl;
	bool event_idx;
	bool indirect;
	bool in_order; /* requests become used in the order they were popped in */

	union { /* the layout's own */
		struct vring_split_state split;
		struct vring_packed_state packed;
	};
	bool asks_for_kicks;
	bool unsignalled; /* something was completed since the last virtqueue_notify() */
	uint32_t unsignalled_places; /* how many places became used since; VRING_ROUND: or more */
	uint32_t in_flight;
	uint32_t pieces_in_flight; /* that there is room for in them */
	uint64_t in_flight_ids[VIRTQUEUE_MAX_SIZE / 64];
	struct list order; /* in_order: what is in flight, vq_request::order */

	bool started, enabled, broken;
	int kick_fd, call_fd, err_fd; /* owned; -1: none */

	struct vhost_memory *memory; /* a reference; NULL while no table is set */
	bool translated; /* the rings lie in the memory table in force */
	uint8_t *descriptors; /* where they were last; NULL while no table is set */
	uint8_t *driver, *device; /* virtio 1.4, 2.6: driver area and device area */

	struct {
		struct vq_request *first; /* linked by next_free */
		uint32_t count;
	} free_requests[VQ_SIZE_CLASSES];

	/* The one being popped: last, for it is large, and nothing between two pops. */
	struct vq_chain chain;
};

void virtqueue_init(struct virtqueue *queue, uint32_t index);

/* Forgets all state, frees the cache and closes the descriptors; requests must all be completed
 * (asserted). */
void virtqueue_finish(struct virtqueue *queue);

static inline bool virtqueue_size_valid(uint32_t size)
{
	return size > 0 && size <= VIRTQUEUE_MAX_SIZE;
}

/* SET_VRING_NUM: 1 to VIRTQUEUE_MAX_SIZE, else -EINVAL. -EBUSY once started. Whether the layout can
 * have it is for virtqueue_fault() to say. */
int virtqueue_set_size(struct virtqueue *queue, uint32_t size);

/* The virtio features that were acknowledged. Not once started. */
void virtqueue_set_features(struct virtqueue *queue, uint64_t features);

/* Why the queue cannot be started with the size and the base that it has, in words; NULL: it can.
 * Split: the size is a power of two, the base the next available index. Packed: any size; the base
 * is the next descriptor, its wrap counter in bit 15 (vhost-user, "Vring descriptor indices for
 * packed virtqueues"). */
const char *virtqueue_fault(const struct virtqueue *queue);

/* SET_VRING_CALL: takes fd (-1: no interrupts) in place of the one before. An interrupt that fell
 * due while there was none is made up for. */
void virtqueue_set_call(struct virtqueue *queue, int fd);

/* (Re-)translates the ring addresses with a table and takes a reference to it. -EFAULT when they do
 * not lie in it or are not aligned: the queue cannot then be popped until the next call that
 * succeeds; what is in flight is still completed where the rings were. NULL: there is no table any
 * more; what is in flight is completed for nobody, and the queue has to be started anew. */
int virtqueue_set_memory(struct virtqueue *queue, struct vhost_memory *memory);

/* Where the rings are for the guest, whatever address space SET_VRING_ADDR speaks of. False when
 * they have not been translated. */
bool virtqueue_guest_addresses(
	const struct virtqueue *queue, struct virtqueue_addresses *ret_addresses);

/* True when the queue may be popped: started, enabled, translated and not broken. */
bool virtqueue_ready(const struct virtqueue *queue);

/* Starts at the base, of which virtqueue_fault() must have nothing to say (asserted). resumed: this
 * is the ring that was last stopped, at this base and not touched since. A queue whose rings could
 * not be translated is broken from the start. */
void virtqueue_start(struct virtqueue *queue, bool resumed);

/* Stops: nothing more can be popped. What is in flight can still be completed. */
void virtqueue_stop(struct virtqueue *queue);

/* Where a queue that was started stands, in the form of SET_VRING_BASE: where it can go on once
 * nothing is in flight. */
uint32_t virtqueue_base(const struct virtqueue *queue);

/* A number in the rings' memory that the device keeps changing and a driver clears when it makes a
 * new ring there (the split used index and element, or the packed device area); 0 while they are not
 * translated. */
uint32_t virtqueue_footprint(const struct virtqueue *queue);

/* Takes the next chain. 1: *ret_request is the caller's; 0: nothing there (and the driver has been
 * asked to kick for the next one); -EPROTO: the guest broke the queue; -ENOMEM: try again later. */
int virtqueue_pop(struct virtqueue *queue, struct vq_request **ret_request);

/* Puts a chain just popped back, so that the next pop returns it again. Only for the last popped
 * one, before any byte of it has been taken. */
void virtqueue_unpop(struct vq_request *request);

/* Takes size bytes of the readable part. False, with nothing taken, when fewer are left. */
bool vq_request_read(struct vq_request *request, void *dst, size_t size);

/* Writes at most size bytes of answer, makes the chain used with the number of bytes written and
 * frees the request. The interrupt follows with virtqueue_notify(). */
void vq_request_complete(struct vq_request *request, const void *answer, size_t size);

/* Interrupts the driver if it wants to know of what was completed since the last interrupt. */
void virtqueue_notify(struct virtqueue *queue);
