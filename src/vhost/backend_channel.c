/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
#include "vhost/backend_channel.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "loop/loop.h"
#include "util/fd.h"
#include "util/list.h"
#include "util/log.h"
#include "vhost/connection.h"

/* How often, and then when, it is looked whether a header has been read. */
#define LOOKS   100u
#define LOOK_MS 1u

struct request {
	struct list link; /* backend_channel::waiting or ::finished */
	struct vhost_user_header header;
	int fd; /* owned; -1: none */
	bool patient;
	backend_channel_fn done;
	void *data;
	int status; /* once finished */
	uint8_t payload[];
};

struct backend_channel {
	struct vhost_connection *connection; /* NULL once closed */
	struct loop_source *deferred;
	struct loop_source *patience; /* for the answer that is awaited */
	struct loop_source *look; /* at a header that is still not read */
	bool reply_ack;
	bool running; /* the device, for the VMM */
	uint32_t owed; /* the request whose answer is overdue; 0: none */
	bool halfway; /* of the first of waiting the header is sent */
	uint32_t looks; /* whether it has been read */
	bool awaiting; /* the first of waiting is sent and not answered */
	struct list waiting; /* request::link */
	struct list finished; /* done is to be called */
	bool reporting, destroyed; /* destroyed inside a done call: freed when that returns */
};

static void request_finish(struct backend_channel *channel, struct request *request, int status)
{
	request->status = status;
	fd_close(&request->fd);
	list_remove(&request->link);
	list_append(&channel->finished, &request->link);
	loop_defer_arm(channel->deferred);
}

static struct request *first_waiting(const struct backend_channel *channel)
{
	return container_of(channel->waiting.next, struct request, link);
}

static void finish_all(struct backend_channel *channel, int status)
{
	channel->awaiting = false;
	channel->halfway = false;
	while (!list_empty(&channel->waiting))
		request_finish(channel, first_waiting(channel), status);
}

/* Calls done for what is finished; a call may add requests or destroy the channel. */
static void report_finished(struct backend_channel *channel)
{
	while (!list_empty(&channel->finished)) {
		struct request *request =
			container_of(channel->finished.next, struct request, link);
		list_remove(&request->link);
		if (request->done)
			request->done(request->data, request->status);
		free(request);
	}
}

static void look_again(struct backend_channel *channel)
{
	if (channel->looks++ < LOOKS)
		loop_defer_arm(channel->deferred);
	else
		loop_timer_arm(channel->look, LOOK_MS);
}

/* For VMMs that do not survive to be asked while the device is stopped. When the header has been read the VMM is
 * where it handles the request, waiting for the payload, and does not stop the device meanwhile. True when all is
 * sent. */
static bool send_in_halves(struct backend_channel *channel, struct request *request)
{
	struct vhost_connection *connection = channel->connection;
	if (!channel->halfway) {
		if (!channel->running ||
			vhost_connection_send_part(connection, &request->header,
				sizeof(request->header), &request->fd, request->fd >= 0) < 0)
			return false;
		channel->halfway = true;
		channel->looks = 0;
	}
	if (!vhost_connection_is_read(connection)) {
		look_again(channel);
		return false;
	}
	channel->halfway = false;
	return vhost_connection_send_part(
		       connection, request->payload, request->header.size, NULL, 0) == 0;
}

static bool send_whole(struct backend_channel *channel, struct request *request)
{
	return vhost_connection_send(channel->connection, &request->header, request->payload,
		       &request->fd, request->fd >= 0) == 0;
}

/* Sends what can be sent: up to and with the next request that has to be answered. */
static void send_waiting(struct backend_channel *channel)
{
	while (channel->connection && !channel->awaiting && !channel->owed &&
		!list_empty(&channel->waiting)) {
		struct request *request = first_waiting(channel);
		bool sent = request->patient ? send_in_halves(channel, request)
					     : send_whole(channel, request);
		if (!sent)
			return; /* when it could not be, on_closed() ends the request */
		if (!(request->header.flags & VHOST_USER_NEED_REPLY_MASK)) {
			request_finish(channel, request, 0);
			continue;
		}
		channel->awaiting = true;
		if (!request->patient)
			loop_timer_arm(channel->patience, BACKEND_CHANNEL_REPLY_MS);
	}
}

static const char *answer_fault(
	const struct backend_channel *channel, const struct vhost_message *message)
{
	if (!channel->awaiting && !channel->owed)
		return "an answer to nothing";
	uint32_t asked = channel->owed ? channel->owed : first_waiting(channel)->header.request;
	if (!(message->header.flags & VHOST_USER_REPLY_MASK) || message->header.request != asked)
		return "an answer to another request";
	if (message->header.size != sizeof(uint64_t) || message->fd_count > 0)
		return "a malformed answer";
	return NULL;
}

static int on_message(void *data, struct vhost_message *message)
{
	struct backend_channel *channel = data;
	const char *fault = answer_fault(channel, message);
	if (fault) {
		log_error("vhost-user: backend channel: %s; closing it", fault);
		return -EPROTO;
	}
	if (channel->owed) {
		channel->owed = 0;
		loop_defer_arm(channel->deferred);
		return 0;
	}
	uint64_t answer;
	memcpy(&answer, message->payload, sizeof(answer));
	channel->awaiting = false;
	loop_timer_disarm(channel->patience);
	request_finish(channel, first_waiting(channel), answer == 0 ? 0 : -EIO);
	return 0;
}

static void on_closed(void *data, const char *reason)
{
	struct backend_channel *channel = data;
	if (reason)
		log_error("vhost-user: backend channel: %s; closing it", reason);
	vhost_connection_destroy(channel->connection);
	channel->connection = NULL;
	finish_all(channel, -ECONNRESET);
}

static void on_deferred(void *data)
{
	struct backend_channel *channel = data;
	send_waiting(channel);
	channel->reporting = true;
	report_finished(channel);
	channel->reporting = false;
	if (channel->destroyed)
		free(channel);
}

/* Whoever waits goes on, but for the patient: what those ask must not get lost. Nothing else is sent before the
 * answer has come after all. */
static void on_overdue(void *data)
{
	struct backend_channel *channel = data;
	if (!channel->awaiting)
		return;
	log_limited(LOG_WARN, "vhost-user: backend channel: the VMM does not answer");
	channel->owed = first_waiting(channel)->header.request;
	channel->awaiting = false;
	list_for_each_safe (link, after, &channel->waiting) {
		struct request *request = container_of(link, struct request, link);
		if (!request->patient)
			request_finish(channel, request, -ETIMEDOUT);
	}
}

static void on_look(void *data)
{
	send_waiting(data);
}

static const struct vhost_connection_events connection_events = {
	.message = on_message,
	.closed = on_closed,
};

struct backend_channel *backend_channel_create(struct loop *loop, int sock, bool reply_ack)
{
	struct backend_channel *channel = calloc(1, sizeof(*channel));
	if (!channel)
		goto err_sock;
	channel->reply_ack = reply_ack;
	list_init(&channel->waiting);
	list_init(&channel->finished);
	channel->deferred = loop_add_deferred(loop, on_deferred, channel);
	channel->patience = loop_add_timer(loop, on_overdue, channel);
	channel->look = loop_add_timer(loop, on_look, channel);
	if (!channel->deferred || !channel->patience || !channel->look)
		goto err_sources;
	channel->connection =
		vhost_connection_create(loop, fd_steal(&sock), &connection_events, channel);
	if (!channel->connection)
		goto err_sources;
	return channel;

err_sources:
	loop_source_destroy(channel->look);
	loop_source_destroy(channel->deferred);
	loop_source_destroy(channel->patience);
	free(channel);
err_sock:
	fd_close(&sock);
	return NULL;
}

void backend_channel_destroy(struct backend_channel *channel)
{
	if (!channel)
		return;
	vhost_connection_destroy(channel->connection);
	channel->connection = NULL;
	finish_all(channel, -ECONNRESET);
	report_finished(channel);
	loop_source_destroy(channel->look);
	loop_source_destroy(channel->deferred);
	loop_source_destroy(channel->patience);
	channel->destroyed = true;
	if (!channel->reporting)
		free(channel);
}

bool backend_channel_is_open(const struct backend_channel *channel)
{
	return channel->connection != NULL;
}

void backend_channel_set_running(struct backend_channel *channel, bool running)
{
	bool goes_on = running && !channel->running;
	channel->running = running;
	if (goes_on)
		loop_defer_arm(channel->deferred);
	/* It would be read when the device has stopped. What follows the header, and what never comes, is for us to
	 * say. */
	if (!running && channel->halfway && !vhost_connection_is_read(channel->connection))
		on_closed(channel,
			"the VMM stops the device while it is asked for memory, and would not "
			"survive that it is asked now");
}

static struct request *request_create(
	const struct vhost_user_header *header, const void *payload, int fd)
{
	struct request *request = calloc(1, sizeof(*request) + header->size);
	if (!request)
		return NULL;
	request->header = *header;
	if (header->size > 0)
		memcpy(request->payload, payload, header->size);
	request->fd = fd >= 0 ? fd_dup(fd) : -1;
	if (fd >= 0 && request->fd < 0) {
		free(request);
		return NULL;
	}
	return request;
}

int backend_channel_request(
	struct backend_channel *channel, const struct backend_channel_args *args)
{
	assert(args->size <= VHOST_USER_MAX_PAYLOAD);
	if (!channel->connection)
		return -ENOTCONN;
	if (channel->owed && !args->patient)
		return -EBUSY;
	bool answered = channel->reply_ack && args->done;
	const struct vhost_user_header header = {
		.request = args->request,
		.flags = VHOST_USER_VERSION | (answered ? VHOST_USER_NEED_REPLY_MASK : 0),
		.size = (uint32_t)args->size,
	};
	struct request *new = request_create(&header, args->payload, args->fd);
	if (!new)
		return -ENOMEM;
	new->patient = args->patient;
	new->done = args->done;
	new->data = args->data;
	list_append(&channel->waiting, &new->link);
	send_waiting(channel);
	return 0;
}
