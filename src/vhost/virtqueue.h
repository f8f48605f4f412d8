/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/*
 * A split virtqueue seen from the device (virtio 1.4, 2.7), with indirect descriptors (2.7.5.3) and
 * both directions of notification suppression (2.7.7, 2.7.10).
 *
 * virtqueue_pop() walks one chain, with every descriptor read once into private memory, and returns
 * a request. The request keeps the memory table it was read with. It is completed exactly once
 * (asserted), in any order. Readable bytes are taken by a cursor that only moves forwards, so nothing
 * is read twice; the answer is written in one go.
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
#include "vhost/memory.h"

#define VIRTQUEUE_MAX_SIZE      32768u
#define VIRTQUEUE_MAX_CHAIN     1024u /* descriptors in one chain, indirect ones included */
#define VIRTQUEUE_MAX_READABLE  (64u << 20) /* bytes of one chain */

struct virtqueue;

struct vq_request {
	struct list link;             /* free for the device's use while it has the request */
	struct virtqueue *queue;
	struct vhost_memory *memory;  /* a reference */
	uint16_t head;
	uint32_t readable_count, writable_count;
	uint32_t readable_index;      /* the cursor */
	size_t readable_offset;
	uint64_t readable_left;       /* bytes not yet taken */
	uint64_t writable_size;
	struct iovec iov[];           /* readable ones first */
};

/* Ring addresses as SET_VRING_ADDR gives them. */
struct virtqueue_addresses {
	uint64_t descriptors, used, available;
};

struct virtqueue {
	uint32_t index; /* which queue of the device */
	uint16_t size;  /* 0: not set */
	bool addresses_set;
	struct virtqueue_addresses addresses;
	bool addresses_are_guest; /* GPA_ADDRESSES negotiated */
	bool event_idx;
	bool indirect;

	uint16_t next_available; /* free-running, as SET/GET_VRING_BASE */
	uint16_t next_used;
	uint16_t signalled_used; /* next_used at the last interrupt */
	bool signalled_valid;
	uint32_t in_flight;

	bool started, enabled, broken;
	int kick_fd, call_fd, err_fd; /* owned; -1: none */

	struct vhost_memory *memory; /* a reference; NULL while no table is set */
	const uint8_t *descriptors;  /* translated; NULL while not usable */
	uint8_t *available;
	uint8_t *used;

	struct vq_request *free_requests; /* small cache, linked by link.next */
};

void virtqueue_init(struct virtqueue *queue, uint32_t index);

/* Forgets all state and closes the descriptors; requests must all be completed (asserted). */
void virtqueue_finish(struct virtqueue *queue);

/* SET_VRING_NUM: a power of two up to VIRTQUEUE_MAX_SIZE, else -EINVAL. -EBUSY once started. */
int virtqueue_set_size(struct virtqueue *queue, uint32_t size);

/* (Re-)translates the ring addresses with a table (NULL: none) and takes a reference to it. -EFAULT
 * when they do not lie in it: the queue is then not usable until the next call. */
int virtqueue_set_memory(struct virtqueue *queue, struct vhost_memory *memory);

/* True when the queue may be popped: started, enabled, translated and not broken. */
bool virtqueue_ready(const struct virtqueue *queue);

/* Starts at next_available == base; the used index is taken from guest memory. */
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

/* Interrupts the driver if it wants to know of what was completed since the last interrupt. */
void virtqueue_notify(struct virtqueue *queue);
