/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/* One virtqueue at the start of one memory region, and its driver, for tests. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "packed_ring.h"
#include "vhost/virtqueue.h"
#include "vring.h"

#define GUEST  UINT64_C(0x40000000)
#define USER   UINT64_C(0x7f0000000000)
#define MEMORY UINT64_C(0x400000)
#define DATA   (GUEST + 0x200000) /* of the requests that queue_offer() makes */

struct queue_rig {
	struct vhost_memory *memory;
	uint8_t *base;
	struct vring ring; /* the one or the other */
	struct packed_ring packed;
	struct virtqueue queue;
	int call; /* the driver's end of its interrupt */
};

extern struct queue_rig queue_rig;

/* A queue of this size, ready to be started. */
void queue_setup(uint32_t size);

/* The same of a packed one, with these features. */
void queue_setup_packed(uint32_t size, uint64_t features);

/* The driver's and the device's indices both begin at index. */
void queue_start(uint16_t index);

/* A packed queue and its driver begin at this position, as after a round before it. */
void queue_start_packed(uint16_t index, bool wrap);

/* Checks that nothing is left over. */
void queue_teardown(void);

/* Makes one chain of 8 bytes to read and room for 8 bytes available. */
void queue_offer(uint16_t head);

/* Makes a packed chain available, of so many places: the first is 8 bytes to read when there are
 * two or more, the others are room for 8 bytes each. */
void queue_offer_packed(uint16_t id, uint32_t places);

/* The next request, which has to be there. */
struct vq_request *queue_pop(void);

/* What virtqueue_pop() says when it gives no request. */
int queue_pop_nothing(void);

/* The queue is broken, said so on its error descriptor, and stays broken. */
void queue_check_broken(int error);

/* True when an interrupt came since the last look. */
bool queue_interrupted(void);

/* Offers and completes so many chains, then notifies once. */
void queue_complete_some(uint32_t count);
