/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/*
 * A test rig: a session with an echo device behind it, and the VMM's and the driver's side of it in
 * the same thread. The device answers each request with the bytes it reads.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "packed_ring.h"
#include "peer.h"
#include "vhost/session.h"
#include "vring.h"

#define RIG_QUEUES   2u
#define RIG_CONFIG   20u
#define RIG_SIZE     16u /* of a queue */
#define RIG_GUEST    UINT64_C(0x100000) /* where memory is for the guest */
#define RIG_USER     UINT64_C(0x7f0000000000) /* and for the VMM */
#define RIG_MEMORY   UINT64_C(0x100000)
#define RIG_DATA     UINT64_C(0x80000) /* offset of buffers in it */
#define RIG_FEATURES UINT64_C(7) /* of the device */
#define RIG_UUID     "sixteen letters!" /* what it shares */

#define RIG_SHARED_MEMORY (UINT64_C(1) << 30) /* of region 1, and twice as much of region 255 */

/* What was said and done to the device. */
struct rig_device {
	uint64_t features;
	uint32_t set_features, ready[RIG_QUEUES], stops, hurries, memory_changes, resets, closes;
	uint32_t resets_before_ready; /* resets at the time of the first queue_ready */
	uint8_t config[RIG_CONFIG];
	int gpu_socket;
	int shared_fd; /* what it shares as RIG_UUID; -1: nothing */
	bool hold; /* keeps what it pops */
	bool backwards; /* completes what it has kept from the last to the first */
	struct list held;
	uint32_t held_count;
};

struct rig {
	struct loop *loop;
	struct vhost_session *session; /* NULL once it has ended */
	struct vhost_device_impl impl;
	struct rig_device device;
	uint32_t ended;

	int peer;
	int session_sock; /* number of the other end: for its socket options only */
	int memory_fd;
	uint8_t *memory;
	struct vring rings[RIG_QUEUES]; /* the ones or the others */
	struct packed_ring packed_rings[RIG_QUEUES];
	uint32_t offered[RIG_QUEUES]; /* requests, since the ring was cleared */
	int kicks[RIG_QUEUES], calls[RIG_QUEUES], errors[RIG_QUEUES];
	int fds_before;
	/* of the next rig_setup(), too */
	bool memory_slots;
	bool packed;
	const struct vhost_state_impl *state; /* NULL: the device's state cannot be transferred */
	bool shares;
};

extern struct rig rig;

void rig_setup(void);

/* Checks that the session ended well and nothing is left open. */
void rig_teardown(void);

/* Lets the loop run until nothing more happens at once. */
void rig_run(void);

/* Completes what the device holds, with an empty answer. */
void rig_release(void);

/* Sends a request and lets it be handled. */
void rig_send(uint32_t request, const void *payload, size_t size);
void rig_send_u64(uint32_t request, uint64_t value);
void rig_send_state(uint32_t request, uint32_t index, uint32_t num);
void rig_send_fd(uint32_t request, const void *payload, size_t size, int fd);

/* Sends a request with need_reply; returns the acknowledgement. */
uint64_t rig_send_acked(uint32_t request, const void *payload, size_t size);

/* Takes an answer of this request and size, which has to be there. */
void rig_answer(uint32_t request, void *ret_payload, size_t size);

/* Sends a request and takes a 64-bit answer. */
uint64_t rig_ask_u64(uint32_t request);

/* True when nothing has come back. */
bool rig_silent(void);

/* True when the session has closed itself and the device knows. */
bool rig_over(void);

/* What the log says from now on, until one of the others is called. */
int rig_log_begin(void);
void rig_log_end(int log, char *ret_text, size_t size);

/* The session has ended, and said so in one error line with this word. */
void rig_log_check(int log, const char *word);

/* The features that rig_negotiate() chooses. */
uint64_t rig_features(void);

/* GET_FEATURES and so on, with everything offered acknowledged, but these features. */
void rig_negotiate_without(uint64_t features);
void rig_negotiate(void);

/* One region for all of memory. */
struct vhost_user_memory_region rig_region(void);
void rig_share_memory(void);

/* The base of a ring that is as the driver has it. */
uint32_t rig_base(uint32_t index);

struct vhost_user_vring_addr rig_vring_addr(uint32_t index);

/* NUM, BASE, ADDR, CALL, ERR; then KICK. The ring is not cleared. */
void rig_set_queue(uint32_t index, uint32_t base);
void rig_kick_queue(uint32_t index);

/* rig_set_queue() and rig_kick_queue() of both, then ENABLE. */
void rig_start(uint32_t base0, uint32_t base1);

/* Negotiation, memory, start at the beginning. */
void rig_boot(void);

/* ENABLE 0 and GET_VRING_BASE for both; returns queue 0's base (and queue 1's). */
uint32_t rig_stop(uint32_t *ret_base1);

/* A driver begins anew: clears the ring of a queue, or makes it of another size. */
void rig_clear_ring(uint32_t index);
void rig_resize_ring(uint32_t index, uint32_t size);

/* The ring is as it was, so many bytes further on. */
void rig_move_ring(uint32_t index, uint32_t by);

/* Takes what has been used: one, which may not be there, or all. */
bool rig_take(uint32_t index, uint32_t *ret_id, uint32_t *ret_length);
void rig_take_all(uint32_t index);

/* Makes a request of 8 bytes available; kicks. */
void rig_offer(uint32_t index);

/* Makes one, and checks that it is echoed with an interrupt. */
void rig_echo(uint32_t index);

/* True when the interrupt (once) came. */
bool rig_interrupted(uint32_t index);
