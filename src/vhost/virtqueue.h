/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/*
 * A split virtqueue seen from the device (virtio 1.4, 2.7), with indirect descriptors (2.7.5.3) and
 * both directions of notification suppression (2.7.7, 2.7.10).
 *
 * virtqueue_pop() walks one chain, with every descriptor read once into private memory, and returns
 * a request. The request keeps the memory table it was read with. It is completed exactly once
 * (asserted), in any order. Readable bytes are taken by a cursor that only moves forwards, so
 * nothing is read twice; the answer is written in one go.
 *
 * What a guest can get wrong (a head or next out of range, a loop, a chain longer than the queue,
 * nested or misshapen indirect tables, memory that is not there, readable after writable) breaks
 * the queue: it is stopped and said once, until the driver resets the device (virtio 1.4, 2.1.2).
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

struct vq_request {
	struct list link; /* free for the device's use while it has the request */
	struct virtqueue *queue;
	struct vhost_memory *memory; /* a reference */
	uint16_t head;
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

#define VQ_SIZE_CLASSES 3u

/* Ring addresses as SET_VRING_ADDR gives them. */
struct virtqueue_addresses {
	uint64_t descriptors, used, available;
};

static inline bool virtqueue_addresses_same(
	const struct virtqueue_addresses *a, const struct virtqueue_addresses *b)
{
	return a->descriptors == b->descriptors && a->used == b->used &&
		a->available == b->available;
}

struct virtqueue {
	uint32_t index; /* which queue of the device */
	uint16_t size; /* 0: not set */
	bool addresses_set;
	struct virtqueue_addresses addresses;
	bool addresses_are_guest; /* GPA_ADDRESSES negotiated */
	bool event_idx;
	bool indirect;
	bool in_order; /* requests go to the used ring in the order they were popped in */

	uint16_t next_available; /* free-running, as SET/GET_VRING_BASE */
	uint16_t seen_available; /* the driver's index when last looked at */
	uint16_t next_used;
	uint16_t signalled_used; /* next_used at the last virtqueue_notify() */
	bool signalled_valid;
	bool unsignalled; /* something was completed since then */
	uint32_t in_flight;
	uint64_t in_flight_heads[VIRTQUEUE_MAX_SIZE / 64];
	struct list order; /* in_order: what is in flight, vq_request::order */

	bool started, enabled, broken;
	int kick_fd, call_fd, err_fd; /* owned; -1: none */
	bool call_may_block; /* the VMM made call_fd without O_NONBLOCK */

	struct vhost_memory *memory; /* a reference; NULL while no table is set */
	const uint8_t *descriptors; /* translated; NULL while not usable */
	uint8_t *available;
	uint8_t *used;

	struct vq_chain chain; /* the one being popped */
	struct {
		struct vq_request *first; /* linked by next_free */
		uint32_t count;
	} free_requests[VQ_SIZE_CLASSES];
};

void virtqueue_init(struct virtqueue *queue, uint32_t index);

/* Forgets all state, frees the cache and closes the descriptors; requests must all be completed
 * (asserted). */
void virtqueue_finish(struct virtqueue *queue);

static inline bool virtqueue_size_valid(uint32_t size)
{
	return size > 0 && size <= VIRTQUEUE_MAX_SIZE && (size & (size - 1)) == 0;
}

/* SET_VRING_NUM: a power of two up to VIRTQUEUE_MAX_SIZE, else -EINVAL. -EBUSY once started. */
int virtqueue_set_size(struct virtqueue *queue, uint32_t size);

/* SET_VRING_CALL: takes fd (-1: no interrupts) in place of the one before. An interrupt that fell
 * due while there was none is made up for. */
void virtqueue_set_call(struct virtqueue *queue, int fd);

/* (Re-)translates the ring addresses with a table (NULL: none) and takes a reference to it. -EFAULT
 * when they do not lie in it or are not aligned: the queue cannot then be popped until the next
 * call that succeeds; what is in flight is still completed where the rings were. */
int virtqueue_set_memory(struct virtqueue *queue, struct vhost_memory *memory);

/* Where the rings are for the guest, whatever address space SET_VRING_ADDR speaks of. False when
 * they have not been translated. */
bool virtqueue_guest_addresses(
	const struct virtqueue *queue, struct virtqueue_addresses *ret_addresses);

/* True when the queue may be popped: started, enabled, translated and not broken. */
bool virtqueue_ready(const struct virtqueue *queue);

/* Starts at next_available as it stands (SET_VRING_BASE); the used index is taken from guest
 * memory. A queue whose rings could not be translated is broken from the start. */
void virtqueue_start(struct virtqueue *queue);

/* Takes the next chain. 1: *ret_request is the caller's; 0: nothing there (and the driver has been
 * asked to kick for the next one); -EPROTO: the guest broke the queue; -ENOMEM: try again later. */
int virtqueue_pop(struct virtqueue *queue, struct vq_request **ret_request);

/* Puts a chain just popped back, so that the next pop returns it again. Only for the last popped
 * one, before any byte of it has been taken. */
void virtqueue_unpop(struct vq_request *request);

/* Takes size bytes of the readable part. False, with nothing taken, when fewer are left. */
bool vq_request_read(struct vq_request *request, void *dst, size_t size);

/* Writes at most size bytes of answer, puts the chain into the used ring with the number of bytes
 * written and frees the request. The interrupt follows with virtqueue_notify(). */
void vq_request_complete(struct vq_request *request, const void *answer, size_t size);

/* The used index that the rings in guest memory show now; 0 while they are not translated. */
uint16_t virtqueue_used_index(const struct virtqueue *queue);

/* Interrupts the driver if it wants to know of what was completed since the last interrupt. */
void virtqueue_notify(struct virtqueue *queue);
