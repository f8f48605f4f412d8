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
	struct list
		link; /* backend_channel::waiting or ::finished; in none while it is under way */
	struct vhost_user_header header;
	int fd; /* owned; -1: none */
	bool while_running;
	backend_channel_fn done;
	void *data;
	int status; /* once finished */
	uint8_t payload[];
};

#define REQUEST(list_link) container_of((list_link), struct request, link)

struct backend_channel {
	struct vhost_connection *connection; /* NULL once closed */
	struct loop_source *deferred;
	struct loop_source *look; /* at a header that is still not read */
	bool reply_ack;
	bool careful; /* the VMM may be one that does not survive to be asked while it stops the device */
	bool running; /* the device, for the VMM */
	struct request *under_way; /* sent, all or a part of it, and not answered; NULL: none */
	bool halfway; /* its header is sent */
	uint32_t looks; /* whether that has been read */
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

static void finish_under_way(struct backend_channel *channel, int status)
{
	struct request *request = channel->under_way;
	channel->under_way = NULL;
	channel->halfway = false;
	request_finish(channel, request, status);
}

static void finish_all(struct backend_channel *channel, int status)
{
	if (channel->under_way)
		finish_under_way(channel, status);
	while (!list_empty(&channel->waiting))
		request_finish(channel, REQUEST(channel->waiting.next), status);
}

/* Calls done for what is finished; a call may add requests or destroy the channel. */
static void report_finished(struct backend_channel *channel)
{
	while (!list_empty(&channel->finished)) {
		struct request *request = REQUEST(channel->finished.next);
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

static bool send_part(struct backend_channel *channel, const void *bytes, size_t size, int fd)
{
	return vhost_connection_send_part(channel->connection, bytes, size, &fd, fd >= 0) == 0;
}

static struct request *find_next(const struct backend_channel *channel)
{
	list_for_each (link, &channel->waiting)
		if (channel->running || !REQUEST(link)->while_running)
			return REQUEST(link);
	return NULL;
}

/* With care, a request begins with the header: when that has been read the VMM is where it handles the request,
 * waiting for the payload, and does not stop the device meanwhile. False when nothing is sent now. */
static bool begin_next(struct backend_channel *channel)
{
	struct request *request = find_next(channel);
	if (!request)
		return false;
	const struct vhost_user_header *header = &request->header;
	list_remove(&request->link);
	channel->under_way = request;
	channel->halfway = channel->careful && request->while_running;
	channel->looks = 0;
	if (channel->halfway)
		return send_part(channel, header, sizeof(*header), request->fd);
	return vhost_connection_send(channel->connection, header, request->payload, &request->fd,
		       request->fd >= 0) == 0;
}

/* True when the rest is sent. */
static bool go_on(struct backend_channel *channel)
{
	const struct request *request = channel->under_way;
	if (!vhost_connection_is_read(channel->connection)) {
		look_again(channel);
		return false;
	}
	channel->halfway = false;
	return send_part(channel, request->payload, request->header.size, -1);
}

/* Sends what can be sent: up to and with the next request that has to be answered. When something cannot be,
 * on_closed() ends it. */
static void send_waiting(struct backend_channel *channel)
{
	while (channel->connection && (!channel->under_way || channel->halfway)) {
		if (!channel->under_way && !begin_next(channel))
			return;
		if (channel->halfway && !go_on(channel))
			return;
		if (!(channel->under_way->header.flags & VHOST_USER_NEED_REPLY_MASK))
			finish_under_way(channel, 0);
	}
}

static const char *answer_fault(
	const struct backend_channel *channel, const struct vhost_message *message)
{
	if (!channel->under_way || channel->halfway)
		return "an answer to nothing";
	uint32_t asked = channel->under_way->header.request;
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
	uint64_t answer;
	memcpy(&answer, message->payload, sizeof(answer));
	finish_under_way(channel, answer == 0 ? 0 : -EIO);
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

static void on_look(void *data)
{
	send_waiting(data);
}

static const struct vhost_connection_events connection_events = {
	.message = on_message,
	.closed = on_closed,
};

struct backend_channel *backend_channel_create(struct loop *loop, int sock, uint64_t features)
{
	struct backend_channel *channel = calloc(1, sizeof(*channel));
	if (!channel)
		goto err_sock;
	channel->reply_ack = features & VHOST_BIT(VHOST_USER_PROTOCOL_F_REPLY_ACK);
	channel->careful = features & VHOST_BIT(VHOST_USER_PROTOCOL_F_RESET_DEVICE);
	list_init(&channel->waiting);
	list_init(&channel->finished);
	channel->deferred = loop_add_deferred(loop, on_deferred, channel);
	channel->look = loop_add_timer(loop, on_look, channel);
	if (!channel->deferred || !channel->look)
		goto err_sources;
	channel->connection =
		vhost_connection_create(loop, fd_steal(&sock), &connection_events, channel);
	if (!channel->connection)
		goto err_sources;
	return channel;

err_sources:
	loop_source_destroy(channel->look);
	loop_source_destroy(channel->deferred);
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
	list_init(&request->link);
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

static bool is_in_line(
	const struct backend_channel *channel, const struct backend_channel_args *args)
{
	list_for_each (link, &channel->waiting) {
		const struct request *other = REQUEST(link);
		if (other->header.request == args->request && other->header.size == 0 &&
			!other->done)
			return true;
	}
	return false;
}

int backend_channel_request(
	struct backend_channel *channel, const struct backend_channel_args *args)
{
	assert(args->size <= VHOST_USER_MAX_PAYLOAD);
	if (!channel->connection)
		return -ENOTCONN;
	if (args->size == 0 && !args->done && is_in_line(channel, args))
		return 0;
	bool answered = channel->reply_ack && args->done;
	const struct vhost_user_header header = {
		.request = args->request,
		.flags = VHOST_USER_VERSION | (answered ? VHOST_USER_NEED_REPLY_MASK : 0),
		.size = (uint32_t)args->size,
	};
	struct request *new = request_create(&header, args->payload, args->fd);
	if (!new)
		return -ENOMEM;
	new->while_running = args->while_running;
	new->done = args->done;
	new->data = args->data;
	list_append(&channel->waiting, &new->link);
	send_waiting(channel);
	return 0;
}
