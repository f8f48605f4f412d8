/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/*
 * Starting, stopping and draining queues.
 *
 * A VMM that stops a device to pause the machine and one that stops it because the guest reset the
 * device send the same messages, unless they use RESET_DEVICE. The difference shows when a queue
 * starts again: a paused ring comes back as it was left (same place in the guest's memory, size,
 * base, features and what the device has written into it last), a ring of a freshly initialised
 * driver is empty. So that is when the device is reset, if it has to be. A ring that was empty when
 * it stopped looks the same in both cases: the next queue that starts has to tell.
 *
 * A driver may also reset single queues (virtio 1.4, 2.6.1): then a queue stops and comes back
 * anew, perhaps elsewhere and of another size, and the device keeps its state. As long as another
 * queue runs on there is no doubt about that. When none does, the device was not reset if RING_RESET
 * is in force and the features were not negotiated anew.
 *
 * A stop waits for the requests in flight, a reset does not. The wait always ends: after
 * VHOST_DRAIN_MS the device is told to complete everything. The answer that follows it is sent from
 * a deferred call, as the last completion comes from deep inside the device.
 */
#include <assert.h>
#include <errno.h>

#include "loop/loop.h"
#include "util/bounded_io.h"
#include "util/fd.h"
#include "util/log.h"
#include "vhost/session_private.h"

bool vhost_session_any_started(const struct vhost_session *session)
{
	for (uint32_t i = 0; i < session->impl->queues; i++)
		if (session->queues[i].virtqueue.started)
			return true;
	return false;
}

void vhost_session_check_soon(struct vhost_session *session)
{
	loop_defer_arm(session->deferred);
}

static void ready_soon(struct vhost_queue *queue)
{
	queue->ready_pending = true;
	vhost_session_check_soon(queue->session);
}

static void unwatch_kick(struct vhost_queue *queue)
{
	loop_source_destroy(queue->kick);
	queue->kick = NULL;
	fd_close(&queue->virtqueue.kick_fd);
}

static void on_kick(void *data, uint32_t events)
{
	struct vhost_queue *queue = data;
	struct vhost_session *session = queue->session;
	uint64_t count;
	ssize_t got = bounded_read(queue->virtqueue.kick_fd, &count, sizeof(count));
	if (got == -EAGAIN)
		return;
	if (got != (ssize_t)sizeof(count)) {
		/* Not an eventfd: it would be readable for ever. */
		log_limited(LOG_ERROR, "vhost-user: the kick of queue %u cannot be read",
			queue->virtqueue.index);
		unwatch_kick(queue);
		return;
	}
	if (virtqueue_ready(&queue->virtqueue))
		session->impl->queue_ready(session->device, &queue->virtqueue);
}

/* Of a base the low half counts: the rest, where there is any, says the same of a drained queue. */
static bool resumes(const struct vhost_queue *queue)
{
	const struct vhost_stopped *stopped = &queue->stopped;
	const struct virtqueue *now = &queue->virtqueue;
	struct virtqueue_addresses addresses;
	return stopped->valid && now->size == stopped->size &&
		(uint16_t)now->base == (uint16_t)stopped->base &&
		virtqueue_footprint(now) == stopped->footprint &&
		virtqueue_guest_addresses(now, &addresses) &&
		virtqueue_addresses_same(&addresses, &stopped->addresses) &&
		queue->session->features == queue->session->stopped_features;
}

/* A queue starts that is not as it was left: has the driver reset all of the device? */
static bool starts_afresh(const struct vhost_session *session)
{
	bool ring_reset = session->features & VHOST_BIT(VIRTIO_F_RING_RESET);
	return session->guest_state && !session->settled &&
		(!ring_reset || session->negotiated_since);
}

void vhost_session_drop_guest(struct vhost_session *session)
{
	for (uint32_t i = 0; i < session->impl->queues; i++)
		session->queues[i].stopped.valid = false;
	session->guest_state = false;
	session->impl->reset(session->device);
}

/* Resets the device if this queue shows that the driver did. True: the queue goes on as it was. */
static bool settle(struct vhost_queue *queue)
{
	struct vhost_session *session = queue->session;
	bool resumed = resumes(queue);
	bool untouched = queue->stopped.base == 0 && queue->stopped.footprint == 0;
	if (!vhost_session_any_started(session))
		session->settled = false;
	if (!resumed && starts_afresh(session)) {
		log_debug("vhost-user: queue %u starts afresh: resetting the device",
			queue->virtqueue.index);
		vhost_session_drop_guest(session);
	}
	session->settled |= !resumed || !untouched;
	return resumed;
}

static int watch_kick(struct vhost_queue *queue, int kick)
{
	fd_set_nonblocking(kick);
	struct loop_source *source =
		loop_add_fd(queue->session->loop, kick, LOOP_READABLE, on_kick, queue);
	if (!source) {
		fd_close(&kick);
		return -EINVAL;
	}
	unwatch_kick(queue);
	queue->kick = source;
	queue->virtqueue.kick_fd = kick;
	return 0;
}

const char *vhost_queue_prepare(struct vhost_queue *queue)
{
	struct virtqueue *virtqueue = &queue->virtqueue;
	if (virtqueue->started)
		return NULL;
	if (virtqueue->size == 0 || !virtqueue->addresses_set)
		return "it has no size or no address";
	virtqueue_set_features(virtqueue, queue->session->features);
	return virtqueue_fault(virtqueue);
}

static bool is_running(const struct vhost_session *session)
{
	bool running = vhost_session_any_started(session);
	for (uint32_t i = 0; i < session->impl->queues; i++) {
		const struct virtqueue *virtqueue = &session->queues[i].virtqueue;
		running = running && (!virtqueue->started || virtqueue->enabled);
	}
	return running;
}

void vhost_session_tell_channel(struct vhost_session *session)
{
	if (session->channel)
		backend_channel_set_running(session->channel, is_running(session));
}

/* Some VMMs start and enable one queue after the other, and stop them so: meanwhile the device goes neither on nor
 * back. */
static void tell_of_start(struct vhost_session *session)
{
	if (is_running(session))
		vhost_session_tell_channel(session);
}

static void tell_of_stop(struct vhost_session *session)
{
	if (!is_running(session))
		vhost_session_tell_channel(session);
}

int vhost_queue_start(struct vhost_queue *queue, int kick)
{
	struct vhost_session *session = queue->session;
	struct virtqueue *virtqueue = &queue->virtqueue;
	int status = watch_kick(queue, kick);
	if (status < 0)
		return status;
	/* Also when it ran before: its old descriptor may have held a kick. */
	ready_soon(queue);
	if (virtqueue->started)
		return 0;

	vhost_session_interrupt_transfer(session, "a queue starts");
	virtqueue_set_memory(virtqueue, session->memory);
	bool resumed = settle(queue);
	session->guest_state = true;
	queue->stopped.valid = false;
	if (!(session->features & VHOST_BIT(VHOST_USER_F_PROTOCOL_FEATURES)))
		virtqueue->enabled = true;
	virtqueue_start(virtqueue, resumed);
	tell_of_start(session);
	return 0;
}

void vhost_queue_enable(struct vhost_queue *queue, bool enable)
{
	queue->virtqueue.enabled = enable;
	if (!enable) {
		tell_of_stop(queue->session);
		return;
	}
	tell_of_start(queue->session);
	ready_soon(queue);
}

/* From here on nothing can be popped; completions still reach the ring. */
static void stop_queue(struct vhost_queue *queue)
{
	struct vhost_session *session = queue->session;
	unwatch_kick(queue);
	virtqueue_stop(&queue->virtqueue);
	tell_of_stop(session);
	session->impl->queue_stop(session->device, &queue->virtqueue, false);
}

static void answer_vring_base(struct vhost_queue *queue)
{
	const struct vhost_user_vring_state state = {
		.index = queue->virtqueue.index,
		.num = queue->virtqueue.base,
	};
	vhost_session_reply(queue->session, VHOST_USER_GET_VRING_BASE, &state, sizeof(state));
}

static void queue_stopped(struct vhost_queue *queue)
{
	struct virtqueue *virtqueue = &queue->virtqueue;
	struct vhost_stopped *stopped = &queue->stopped;
	virtqueue_notify(virtqueue);
	virtqueue->base = virtqueue_base(virtqueue);
	*stopped = (struct vhost_stopped){
		.size = virtqueue->size,
		.base = virtqueue->base,
		.footprint = virtqueue_footprint(virtqueue),
	};
	stopped->valid = virtqueue_guest_addresses(virtqueue, &stopped->addresses);
	queue->session->stopped_features = queue->session->features;
	queue->session->negotiated_since = false;
	virtqueue_set_memory(virtqueue, NULL);
	answer_vring_base(queue);
}

void vhost_queue_stop(struct vhost_queue *queue)
{
	if (!queue->virtqueue.started) {
		answer_vring_base(queue);
		return;
	}
	stop_queue(queue);
	if (queue->virtqueue.in_flight == 0) {
		queue_stopped(queue);
		return;
	}
	queue->session->draining = queue;
	vhost_connection_pause(queue->session->connection, true);
	loop_timer_arm(queue->session->drain_timer, VHOST_DRAIN_MS);
}

/* Ends what is in flight at once, with errors. */
static void hurry_queue(struct vhost_queue *queue)
{
	struct vhost_session *session = queue->session;
	if (queue->virtqueue.in_flight > 0)
		session->impl->queue_stop(session->device, &queue->virtqueue, true);
	assert(queue->virtqueue.in_flight == 0);
}

/* The interrupt and error descriptors stay: a VMM gives some of them only once. */
void vhost_session_reset_device(struct vhost_session *session)
{
	vhost_session_interrupt_transfer(session, "the device is reset");
	for (uint32_t i = 0; i < session->impl->queues; i++) {
		struct vhost_queue *queue = &session->queues[i];
		if (queue->virtqueue.started)
			stop_queue(queue);
		hurry_queue(queue);
		queue->virtqueue.enabled = false;
		queue->virtqueue.base = 0;
		virtqueue_set_memory(&queue->virtqueue, NULL);
	}
	vhost_session_drop_guest(session);
}

void vhost_session_hurry(void *data)
{
	struct vhost_session *session = data;
	if (!session->draining)
		return;
	log_warn("vhost-user: requests take longer than %u ms to end: giving them up",
		VHOST_DRAIN_MS);
	hurry_queue(session->draining);
	vhost_session_check_soon(session);
}

static void check_drain(struct vhost_session *session)
{
	struct vhost_queue *queue = session->draining;
	if (!queue || queue->virtqueue.in_flight > 0)
		return;
	session->draining = NULL;
	loop_timer_disarm(session->drain_timer);
	vhost_connection_pause(session->connection, false);
	queue_stopped(queue);
}

void vhost_session_check(struct vhost_session *session)
{
	check_drain(session);
	for (uint32_t i = 0; i < session->impl->queues; i++) {
		struct vhost_queue *queue = &session->queues[i];
		if (!queue->ready_pending)
			continue;
		queue->ready_pending = false;
		if (virtqueue_ready(&queue->virtqueue))
			session->impl->queue_ready(session->device, &queue->virtqueue);
	}
}

void vhost_session_set_memory(struct vhost_session *session, struct vhost_memory *memory)
{
	vhost_memory_unref(session->memory);
	session->memory = memory;
	for (uint32_t i = 0; i < session->impl->queues; i++) {
		struct vhost_queue *queue = &session->queues[i];
		if (!queue->virtqueue.started)
			continue;
		bool usable = queue->virtqueue.translated;
		if (virtqueue_set_memory(&queue->virtqueue, memory) < 0)
			log_limited(LOG_WARN,
				"vhost-user: the rings of queue %u have left the guest's memory",
				queue->virtqueue.index);
		else if (!usable)
			ready_soon(queue);
	}
	session->impl->memory_changed(session->device, memory);
}

void vhost_session_stop_queues(struct vhost_session *session)
{
	for (uint32_t i = 0; i < session->impl->queues; i++) {
		unwatch_kick(&session->queues[i]);
		virtqueue_stop(&session->queues[i].virtqueue);
	}
	loop_timer_disarm(session->drain_timer);
}
