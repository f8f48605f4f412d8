/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/* What session.c, session_queues.c and messages.c share. Nobody else includes this. */
#pragma once

#include "vhost/connection.h"
#include "vhost/session.h"
#include "vhost/transfer.h"

struct loop_source;

struct vhost_queue {
	struct vhost_session *session;
	struct virtqueue virtqueue;
	struct loop_source *kick; /* NULL while stopped */
	struct vhost_stopped stopped;
	bool ready_pending; /* queue_ready is to be called from the deferred call */
};

/* The transfer of the device's state (messages_state.c). */
struct vhost_session_transfer {
	struct vhost_transfer *transfer; /* NULL: none is under way */
	enum vhost_transfer_direction direction;
	bool ended; /* there was one that CHECK_DEVICE_STATE has not asked for yet … */
	int status; /* … with this outcome */
	bool check_waits; /* CHECK_DEVICE_STATE is to be answered; the main socket is paused */
};

struct vhost_session {
	const struct vhost_device_impl *impl;
	void *device;
	struct loop *loop;
	struct vhost_connection *connection; /* NULL once the session is over */
	struct backend_channel *channel; /* may be NULL */
	struct loop_source *deferred;
	struct loop_source *drain_timer;
	void (*ended)(void *data);
	void *data;
	bool memory_slots;

	uint64_t features, protocol_features; /* acknowledged */
	struct vhost_memory *memory;
	struct vhost_queue queues[VHOST_MAX_QUEUES];
	bool guest_state; /* a queue has run, or a state was loaded, since the last reset */
	/* Of the queues that run, one has shown whether the driver reset the device before it. */
	bool settled;
	uint64_t stopped_features; /* when the last queue stopped */
	bool negotiated_since; /* SET_FEATURES came since then */

	/* Stopped, and its requests in flight are waited for; the main socket is paused. Or NULL. */
	struct vhost_queue *draining;

	struct vhost_session_transfer state;

	/* the message being handled */
	const char *request_name;
	bool answer_wanted; /* need_reply, and REPLY_ACK was negotiated */
};

/* session.c */

/* Logs "NAME: text; closing the session" and returns -EPROTO. */
int vhost_session_violation(struct vhost_session *session, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

/* For what the host cannot carry out: logs "NAME: text: error" and returns -error (positive). The
 * session lives on when the VMM wants an answer. */
int vhost_session_refusal(struct vhost_session *session, int error, const char *text);

/* Sends an answer; a failure ends the connection by itself. */
void vhost_session_reply(struct vhost_session *session, enum vhost_user_request request,
	const void *payload, size_t size);

/* An answer without payload; fd (-1: none) stays the caller's. */
void vhost_session_reply_fd(struct vhost_session *session, enum vhost_user_request request, int fd);

/* session_queues.c */

bool vhost_session_any_started(const struct vhost_session *session);

/* Gives the queue the features and says why it cannot be started as it is set up; NULL: it can, or
 * runs. */
const char *vhost_queue_prepare(struct vhost_queue *queue);

/* SET_VRING_KICK: takes kick. Starts the queue, which is prepared, or only exchanges its kick when
 * it runs. Decides first whether this start is a resume or follows a reset that nobody told of. 0
 * or -errno. */
int vhost_queue_start(struct vhost_queue *queue, int kick);

/* Drops all that the guest has made; no queue may be started. */
void vhost_session_drop_guest(struct vhost_session *session);

/* Tells the backend channel whether the device runs, when there is another channel. It runs as soon as there are
 * queues, none of which is disabled, until one is disabled or all are stopped. */
void vhost_session_tell_channel(struct vhost_session *session);

/* SET_VRING_ENABLE. */
void vhost_queue_enable(struct vhost_queue *queue, bool enable);

/* GET_VRING_BASE: stops the queue; the answer is sent at once or when it is drained. */
void vhost_queue_stop(struct vhost_queue *queue);

/* RESET_DEVICE: stops every queue, without waiting for anything, and resets the device. */
void vhost_session_reset_device(struct vhost_session *session);

/* A waiting drain may have ended, or a queue become ready: to be looked at from the loop. */
void vhost_session_check_soon(struct vhost_session *session);

/* The deferred call behind it. */
void vhost_session_check(struct vhost_session *session);

/* The drain timer: tells the device to give up. */
void vhost_session_hurry(void *data);

/* The new table is in force: takes the caller's reference to memory. */
void vhost_session_set_memory(struct vhost_session *session, struct vhost_memory *memory);

/* Stops everything for good, without talking to the device. */
void vhost_session_stop_queues(struct vhost_session *session);

/* messages.c */

/* struct vhost_connection_events::message */
int vhost_session_message(void *data, struct vhost_message *message);

/* What is wrong with a driver's choice of features, in words; NULL when it can be had. */
const char *vhost_session_features_fault(
	const struct vhost_session *session, uint64_t features, char *text, size_t size);

/* Handlers of requests. They return one of these, or -errno: -EPROTO comes from
 * vhost_session_violation(), the others from vhost_session_refusal(). */
enum {
	HANDLED = 0,
	ANSWER_FOLLOWS = 1,
};

/* messages_memory.c */
int vhost_handle_set_mem_table(struct vhost_session *session, struct vhost_message *message);
int vhost_handle_add_mem_reg(struct vhost_session *session, struct vhost_message *message);
int vhost_handle_rem_mem_reg(struct vhost_session *session, struct vhost_message *message);

/* messages_state.c */
int vhost_handle_set_device_state_fd(struct vhost_session *session, struct vhost_message *message);
int vhost_handle_check_device_state(struct vhost_session *session, struct vhost_message *message);

/* Gives up a transfer that is under way, because of what the VMM does (a word for the log). */
void vhost_session_interrupt_transfer(struct vhost_session *session, const char *what);

/* The same when the session ends. */
void vhost_session_drop_transfer(struct vhost_session *session);
