/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/*
 * The device's state, out and in (vhost-user, "Migrating back-end state").
 *
 * A VMM that loads a state may have chosen features and shared memory before, or do so later, or
 * leave the features to the state. So a state brings the features with it, as if they had been chosen
 * now, and says where the guest's queues stood: the first one that starts is compared with that, as
 * after a pause.
 *
 * What is wrong with a request is told in its answer, which has room for that, and the session goes
 * on: a guest should not lose its display over a snapshot.
 */
#include <errno.h>
#include <string.h>

#include "util/fd.h"
#include "util/log.h"
#include "vhost/session_private.h"

static const char *doing(const struct vhost_session *session)
{
	return session->state.direction == VHOST_TRANSFER_SAVE ? "saved" : "loaded";
}

static struct vhost_session_state own_state(const struct vhost_session *session)
{
	struct vhost_session_state state = { .features = session->features };
	for (uint32_t i = 0; i < session->impl->queues; i++) {
		const struct vhost_stopped *stopped = &session->queues[i].stopped;
		/* With other features it would not be a resume, wherever the queue is. */
		if (stopped->valid && session->features == session->stopped_features)
			state.queues[i] = *stopped;
	}
	return state;
}

static const char *state_fault(const struct vhost_session *session,
	const struct vhost_session_state *state, char *text, size_t size)
{
	for (uint32_t i = 0; i < session->impl->queues; i++)
		if (state->queues[i].valid && !virtqueue_size_valid(state->queues[i].size))
			return "a queue of a size that cannot be";
	return vhost_session_features_fault(session, state->features, text, size);
}

static int adopt_state(struct vhost_session *session, const struct vhost_session_state *state)
{
	char text[64];
	const char *fault = state_fault(session, state, text, sizeof(text));
	if (fault) {
		log_limited(LOG_WARN, "vhost-user: the device's state cannot be loaded: %s", fault);
		return -EINVAL;
	}
	session->features = state->features;
	session->stopped_features = state->features;
	session->guest_state = true;
	session->negotiated_since = false;
	for (uint32_t i = 0; i < session->impl->queues; i++)
		session->queues[i].stopped = state->queues[i];
	session->impl->set_features(session->device, state->features);
	return 0;
}

/* Lets the device finish, or forget, what was transferred. */
static int finish(struct vhost_session *session, int status)
{
	const struct vhost_state_impl *impl = session->impl->state;
	bool loads = session->state.direction == VHOST_TRANSFER_LOAD;
	struct vhost_session_state loaded;
	if (loads && status == 0)
		status = impl->load_end(session->device, &loaded);
	impl->end(session->device);
	if (loads && status == 0)
		status = adopt_state(session, &loaded);
	if (loads && status < 0)
		vhost_session_drop_guest(session);
	return status;
}

static void answer_check(struct vhost_session *session)
{
	struct vhost_session_transfer *state = &session->state;
	const uint64_t failed = !state->ended || state->status < 0;
	state->ended = false;
	vhost_session_reply(session, VHOST_USER_CHECK_DEVICE_STATE, &failed, sizeof(failed));
}

static void end_transfer(struct vhost_session *session, int status)
{
	struct vhost_session_transfer *state = &session->state;
	vhost_transfer_destroy(state->transfer);
	state->transfer = NULL;
	state->status = finish(session, status);
	state->ended = true;
	if (state->status == 0)
		log_info("vhost-user: the device's state is %s", doing(session));
	if (!state->check_waits)
		return;
	state->check_waits = false;
	vhost_connection_pause(session->connection, false);
	answer_check(session);
}

static ssize_t next_bytes(void *data, const void **ret_bytes)
{
	struct vhost_session *session = data;
	return session->impl->state->save_next(session->device, ret_bytes);
}

static int take_bytes(void *data, const void *bytes, size_t size)
{
	struct vhost_session *session = data;
	return session->impl->state->load(session->device, bytes, size);
}

static void transfer_ended(void *data, int status)
{
	end_transfer(data, status);
}

static const struct vhost_transfer_events transfer_events = {
	.next = next_bytes,
	.take = take_bytes,
	.ended = transfer_ended,
};

static int begin_device(struct vhost_session *session)
{
	const struct vhost_state_impl *impl = session->impl->state;
	if (session->state.direction == VHOST_TRANSFER_LOAD) {
		vhost_session_drop_guest(session);
		return impl->load_begin(session->device);
	}
	const struct vhost_session_state state = own_state(session);
	return impl->save_begin(session->device, &state);
}

static const char *request_fault(
	const struct vhost_session *session, const struct vhost_user_transfer_device_state *request)
{
	if (request->direction != VHOST_USER_TRANSFER_SAVE &&
		request->direction != VHOST_USER_TRANSFER_LOAD)
		return "neither saves nor loads";
	if (request->phase != VHOST_USER_TRANSFER_STOPPED)
		return "an unknown phase";
	if (session->state.transfer)
		return "another transfer is under way";
	if (vhost_session_any_started(session))
		return "queues run";
	return NULL;
}

static int refuse(struct vhost_session *session, const char *reason)
{
	log_limited(LOG_WARN, "vhost-user: %s: %s", session->request_name, reason);
	return -EINVAL;
}

/* Takes fd. */
static int begin(struct vhost_session *session, uint32_t direction, int fd)
{
	struct vhost_session_transfer *state = &session->state;
	struct vhost_transfer *transfer;
	/* The outcome of one that nobody asked for. */
	state->ended = false;
	state->direction =
		direction == VHOST_USER_TRANSFER_SAVE ? VHOST_TRANSFER_SAVE : VHOST_TRANSFER_LOAD;
	int status = vhost_transfer_create(
		session->loop, fd, state->direction, &transfer_events, session, &transfer);
	if (status < 0)
		return refuse(session,
			status == -EINVAL ? "the descriptor is of no use" : strerror(-status));
	status = begin_device(session);
	if (status < 0)
		vhost_transfer_destroy(transfer);
	else
		state->transfer = transfer;
	return status;
}

int vhost_handle_set_device_state_fd(struct vhost_session *session, struct vhost_message *message)
{
	struct vhost_user_transfer_device_state request;
	memcpy(&request, message->payload, sizeof(request));
	const char *fault = request_fault(session, &request);
	int status = fault ? refuse(session, fault)
			   : begin(session, request.direction, fd_steal(&message->fds[0]));
	const uint64_t answer = VHOST_USER_TRANSFER_NOFD_MASK | (status < 0);
	vhost_session_reply(session, VHOST_USER_SET_DEVICE_STATE_FD, &answer, sizeof(answer));
	return HANDLED;
}

int vhost_handle_check_device_state(struct vhost_session *session, struct vhost_message *message)
{
	struct vhost_session_transfer *state = &session->state;
	if (state->transfer) {
		state->check_waits = true;
		vhost_connection_pause(session->connection, true);
		vhost_transfer_settle(state->transfer);
		return ANSWER_FOLLOWS;
	}
	if (!state->ended)
		refuse(session, "no state has been transferred");
	answer_check(session);
	return HANDLED;
}

void vhost_session_interrupt_transfer(struct vhost_session *session, const char *what)
{
	if (!session->state.transfer)
		return;
	log_limited(LOG_WARN, "vhost-user: %s while the device's state is being %s: giving that up",
		what, doing(session));
	end_transfer(session, -ECANCELED);
}

void vhost_session_drop_transfer(struct vhost_session *session)
{
	struct vhost_session_transfer *state = &session->state;
	if (!state->transfer)
		return;
	vhost_transfer_destroy(state->transfer);
	state->transfer = NULL;
	session->impl->state->end(session->device);
}
