/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
#include "vhost/session.h"

#include <assert.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "loop/loop.h"
#include "util/fd.h"
#include "util/log.h"
#include "vhost/session_private.h"

int vhost_session_violation(struct vhost_session *session, const char *format, ...)
{
	char text[160];
	va_list args;
	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	log_error("vhost-user: %s: %s; closing the session", session->request_name, text);
	return -EPROTO;
}

int vhost_session_refusal(struct vhost_session *session, int error, const char *text)
{
	if (session->answer_wanted)
		log_limited(LOG_WARN, "vhost-user: %s: %s: %s", session->request_name, text,
			strerror(error));
	else
		log_error("vhost-user: %s: %s: %s; closing the session", session->request_name,
			text, strerror(error));
	return -error;
}

static struct vhost_user_header reply_header(enum vhost_user_request request, size_t size)
{
	return (struct vhost_user_header){
		.request = request,
		.flags = VHOST_USER_VERSION | VHOST_USER_REPLY_MASK,
		.size = (uint32_t)size,
	};
}

void vhost_session_reply(struct vhost_session *session, enum vhost_user_request request,
	const void *payload, size_t size)
{
	const struct vhost_user_header header = reply_header(request, size);
	if (session->connection)
		vhost_connection_send(session->connection, &header, payload, NULL, 0);
}

void vhost_session_reply_fd(struct vhost_session *session, enum vhost_user_request request, int fd)
{
	const struct vhost_user_header header = reply_header(request, 0);
	if (session->connection)
		vhost_connection_send(session->connection, &header, NULL, &fd, fd >= 0);
}

/* Everything stops; the device hears of it last. Once. */
static void close_session(struct vhost_session *session)
{
	if (!session->connection)
		return;
	vhost_connection_destroy(session->connection);
	session->connection = NULL;
	vhost_session_drop_transfer(session);
	session->draining = NULL;
	vhost_session_stop_queues(session);
	struct backend_channel *channel = session->channel;
	session->channel = NULL;
	backend_channel_destroy(channel);
	session->impl->closed(session->device);
}

static void on_closed(void *data, const char *reason)
{
	struct vhost_session *session = data;
	if (reason)
		log_error("vhost-user: %s; closing the session", reason);
	else
		log_info("vhost-user: the session is over");
	close_session(session);
	loop_defer_arm(session->deferred);
}

static void on_deferred(void *data)
{
	struct vhost_session *session = data;
	if (session->connection)
		vhost_session_check(session);
	else if (session->ended)
		session->ended(session->data);
}

static const struct vhost_connection_events connection_events = {
	.message = vhost_session_message,
	.closed = on_closed,
};

static void init_queues(struct vhost_session *session)
{
	for (uint32_t i = 0; i < session->impl->queues; i++) {
		session->queues[i].session = session;
		virtqueue_init(&session->queues[i].virtqueue, i);
	}
}

struct vhost_session *vhost_session_create(const struct vhost_session_args *args)
{
	assert(args->impl->queues <= VHOST_MAX_QUEUES);
	assert(args->impl->config_size <= VHOST_USER_MAX_CONFIG_SIZE);
	int sock = args->sock;
	struct vhost_session *session = calloc(1, sizeof(*session));
	if (!session)
		goto err_sock;
	session->impl = args->impl;
	session->device = args->device;
	session->loop = args->loop;
	session->memory_slots = args->memory_slots;
	session->ended = args->ended;
	session->data = args->data;
	init_queues(session);
	session->memory = vhost_memory_create();
	if (!session->memory)
		goto err_session;
	session->deferred = loop_add_deferred(args->loop, on_deferred, session);
	if (!session->deferred)
		goto err_memory;
	session->drain_timer = loop_add_timer(args->loop, vhost_session_hurry, session);
	if (!session->drain_timer)
		goto err_deferred;
	session->connection =
		vhost_connection_create(args->loop, fd_steal(&sock), &connection_events, session);
	if (!session->connection)
		goto err_timer;
	return session;

err_timer:
	loop_source_destroy(session->drain_timer);
err_deferred:
	loop_source_destroy(session->deferred);
err_memory:
	vhost_memory_unref(session->memory);
err_session:
	free(session);
err_sock:
	fd_close(&sock);
	return NULL;
}

void vhost_session_destroy(struct vhost_session *session)
{
	if (!session)
		return;
	close_session(session);
	for (uint32_t i = 0; i < session->impl->queues; i++)
		virtqueue_finish(&session->queues[i].virtqueue);
	vhost_memory_unref(session->memory);
	loop_source_destroy(session->drain_timer);
	loop_source_destroy(session->deferred);
	free(session);
}

struct vhost_memory *vhost_session_memory(struct vhost_session *session)
{
	return session->memory;
}

void vhost_session_completed(struct vhost_session *session, struct virtqueue *queue)
{
	virtqueue_notify(queue);
	if (session->draining && queue->in_flight == 0)
		vhost_session_check_soon(session);
}

int vhost_session_config_changed(struct vhost_session *session)
{
	uint64_t config = session->protocol_features & VHOST_BIT(VHOST_USER_PROTOCOL_F_CONFIG);
	if (!session->channel || !config)
		return -ENOTCONN;
	const struct backend_channel_args args = {
		.request = VHOST_USER_BACKEND_CONFIG_CHANGE_MSG,
		.fd = -1,
	};
	return backend_channel_request(session->channel, &args);
}

uint64_t vhost_session_protocol_features(const struct vhost_session *session)
{
	return session->protocol_features;
}

struct backend_channel *vhost_session_backend_channel(struct vhost_session *session)
{
	return session->channel;
}
