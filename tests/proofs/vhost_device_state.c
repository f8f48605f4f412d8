/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/*
 * The transfer of a device's state (src/vhost/messages_state.c): any four events of a session after one
 * another, which are SET_DEVICE_STATE_FD and CHECK_DEVICE_STATE with any payload, the end of the transfer
 * with any outcome, something else that interrupts it, and the end of the session.
 *
 * The device begins only when no queue runs and no other transfer is under way, and what has begun ends
 * once. The main socket pauses as long as CHECK_DEVICE_STATE waits, which gets one answer, and says that all
 * went well only if it did. A load that failed leaves nothing of the guest. What a state says of queues
 * and features is in force only when it can be.
 *
 * #proof src/util/fd.c tests/proofs/stubs/descriptors.c tests/proofs/stubs/log.c
 * #cbmc --unwind 5
 * #bug src/vhost/messages_state.c: if (session->state.transfer)
 *	return "another transfer is under way"; =>
 * #bug src/vhost/messages_state.c: if (vhost_session_any_started(session)) => if (0)
 * #bug src/vhost/messages_state.c: impl->end(session->device);
 *	if (loads && status == 0) => if (loads && status == 0)
 * #bug src/vhost/messages_state.c: state->check_waits = false; => (void)state;
 * #bug src/vhost/messages_state.c: const uint64_t failed = !state->ended || state->status < 0;
 *	=> const uint64_t failed = state->status < 0;
 * #bug src/vhost/messages_state.c: if (loads && status < 0) => if (0)
 * #bug src/vhost/messages_state.c: !virtqueue_size_valid(state->queues[i].size)) => state->queues[i].size == 0)
 * #bug src/vhost/messages_state.c: if (status < 0)
 *	vhost_transfer_destroy(transfer); => if (status < 0) state->transfer = transfer;
 */
#include "short_queue.h"

#include "vhost/messages_state.c"

#include "peer.h"

#define EVENTS 4

static struct vhost_session session;
static struct vhost_message message;
static struct vhost_transfer *transfer;
static struct {
	bool begun, guest, paused, well;
	bool waits; /* for an answer to CHECK_DEVICE_STATE */
	int answers;
} ghost;

void vhost_session_reply(
	struct vhost_session *of, enum vhost_user_request request, const void *payload, size_t size)
{
	uint64_t answer;
	prove(size == sizeof(answer) && readable(payload, size));
	memcpy(&answer, payload, sizeof(answer));
	ghost.answers++;
	if (request == VHOST_USER_SET_DEVICE_STATE_FD) {
		prove(answer == (VHOST_USER_TRANSFER_NOFD_MASK | !ghost.begun) ||
			session.state.transfer);
		return;
	}
	prove(request == VHOST_USER_CHECK_DEVICE_STATE && answer <= 1);
	prove(answer == 1 || ghost.well);
	prove(!ghost.begun && !ghost.paused && ghost.waits);
	ghost.waits = false;
	ghost.well = false;
}

bool vhost_session_any_started(const struct vhost_session *of)
{
	return session.queues[0].virtqueue.started || session.queues[1].virtqueue.started;
}

void vhost_session_drop_guest(struct vhost_session *of)
{
	ghost.guest = false;
}

const char *vhost_session_features_fault(
	const struct vhost_session *of, uint64_t features, char *text, size_t size)
{
	prove(writable(text, size));
	return features & 1 ? "it was not offered" : NULL;
}

void vhost_connection_pause(struct vhost_connection *connection, bool pause)
{
	ghost.paused = pause;
}

int vhost_transfer_create(struct loop *loop, int fd, enum vhost_transfer_direction direction,
	const struct vhost_transfer_events *events, void *data,
	struct vhost_transfer **ret_transfer)
{
	prove(!transfer);
	descriptor_gone(fd);
	transfer = (struct vhost_transfer *)malloc(1);
	if (!transfer)
		return any_error();
	*ret_transfer = transfer;
	return 0;
}

void vhost_transfer_destroy(struct vhost_transfer *of)
{
	prove(of == transfer);
	free(of);
	transfer = NULL;
}

void vhost_transfer_settle(struct vhost_transfer *of)
{
	prove(of && of == transfer);
}

char *strerror(int error)
{
	return "an error";
}

static int begin_it(void)
{
	prove(!ghost.begun && !vhost_session_any_started(&session));
	ghost.begun = nondet_bool();
	ghost.well = false;
	return ghost.begun ? 0 : any_error();
}

static int save_begin(void *device, const struct vhost_session_state *state)
{
	prove(state->features == session.features);
	return begin_it();
}

static int load_begin(void *device)
{
	prove(!ghost.guest);
	int status = begin_it();
	ghost.guest = ghost.begun;
	return status;
}

static int load_end(void *device, struct vhost_session_state *ret_state)
{
	prove(ghost.begun);
	if (nondet_bool())
		return any_error();
	ANY_VALUE(*ret_state);
	return 0;
}

static void end_it(void *device)
{
	prove(ghost.begun);
	ghost.begun = false;
}

static void set_features(void *device, uint64_t features)
{
	prove(!ghost.begun && !(features & 1) && features == session.features);
	for (uint32_t i = 0; i < VHOST_MAX_QUEUES; i++)
		prove(!session.queues[i].stopped.valid ||
			virtqueue_size_valid(session.queues[i].stopped.size));
}

static const struct vhost_state_impl state_impl = {
	.save_begin = save_begin,
	.load_begin = load_begin,
	.load_end = load_end,
	.end = end_it,
};

static const struct vhost_device_impl impl = {
	.queues = VHOST_MAX_QUEUES,
	.set_features = set_features,
	.state = &state_impl,
};

static void transfer_ends(void)
{
	if (!transfer)
		return;
	bool loads = session.state.direction == VHOST_TRANSFER_LOAD;
	int status = any_status();
	ghost.well = status == 0;
	transfer_events.ended(&session, status);
	prove(!loads || session.state.status == 0 || !ghost.guest);
	prove(status == 0 || session.state.status < 0);
}

static void request(void)
{
	if (ghost.paused)
		return;
	ghost.answers = 0;
	ANY_VALUE(message.payload);
	if (nondet_bool()) {
		message.fds[0] = descriptor_new();
		vhost_handle_set_device_state_fd(&session, &message);
		prove(ghost.answers == 1);
		fd_close(&message.fds[0]);
	} else {
		ghost.waits = true;
		int status = vhost_handle_check_device_state(&session, &message);
		prove(ghost.answers == (status == HANDLED));
	}
}

void proof(void)
{
	session.impl = &impl;
	session.features = nondet_u64();
	for (uint32_t i = 0; i < VHOST_MAX_QUEUES; i++) {
		session.queues[i].virtqueue.started = nondet_bool();
		ANY_VALUE(session.queues[i].stopped);
		assume(!session.queues[i].stopped.valid ||
			virtqueue_size_valid(session.queues[i].stopped.size));
	}
	ghost.guest = true;
	for (int i = 0; i < EVENTS; i++) {
		switch (any_below(3)) {
		case 0:
			request();
			break;
		case 1:
			transfer_ends();
			break;
		case 2:
			vhost_session_interrupt_transfer(&session, "something");
			break;
		}
		prove(session.state.transfer == transfer && ghost.begun == !!transfer);
		prove(ghost.paused == ghost.waits && (!ghost.waits || transfer));
		prove(session.state.check_waits == ghost.waits && descriptors_open == 0);
	}
	vhost_session_drop_transfer(&session);
	prove(!transfer && !ghost.begun);
}
