/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
#include "kit/vtest/client.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "kit/names.h"
#include "kit/vtest/commands.h"
#include "kit/vtest/resource.h"
#include "kit/vtest/sync.h"
#include "util/checked.h"
#include "util/fd.h"
#include "util/log.h"

#define INPUT_BYTES 65536u

struct reply {
	struct list link; /* client::out */
	size_t size, sent;
	int fd; /* owned: goes with the first byte; -1 */
	uint8_t bytes[];
};

static void on_socket(void *data, uint32_t events);

static const char *name_of(const struct client *client)
{
	return client->name[0] ? client->name : "a program";
}

int client_fail(const struct client *client, int error, const char *format, ...)
{
	char why[200];
	va_list args;
	va_start(args, format);
	vsnprintf(why, sizeof(why), format, args);
	va_end(args);
	log_limited(LOG_WARN, "%s (context %u): %s", name_of(client), client->id, why);
	return -error;
}

/* --- life ---------------------------------------------------------------------------------- */

struct client *client_create(struct bridge *bridge, int sock, uint32_t id)
{
	struct client *client = calloc(1, sizeof(*client));
	if (!client)
		return NULL;
	client->bridge = bridge;
	client->id = id;
	client->source = loop_add_fd(bridge->loop, sock, LOOP_READABLE, on_socket, client);
	if (!client->source) {
		free(client);
		return NULL;
	}
	client->sock = sock;
	list_init(&client->out);
	list_init(&client->resources);
	list_init(&client->written);
	list_init(&client->sync_waits);
	idmap_init(&client->syncs);
	idmap_init(&client->queries);
	bridge->used[id] = true;
	list_append(&bridge->clients, &client->link);
	return client;
}

static void drop_reply(struct reply *reply)
{
	list_remove(&reply->link);
	fd_close(&reply->fd);
	free(reply);
}

void client_leave(struct client *client)
{
	loop_source_destroy(client->source);
	client->source = NULL;
	fd_close(&client->sock);
	while (!list_empty(&client->out))
		drop_reply(container_of(client->out.next, struct reply, link));
	sync_finish(client);
}

void client_destroy(struct client *client)
{
	client_leave(client);
	while (!list_empty(&client->resources))
		resource_drop(container_of(client->resources.next, struct resource, link));
	client->bridge->used[client->id] = false;
	idmap_finish(&client->syncs);
	idmap_finish(&client->queries);
	list_remove(&client->link);
	free(client->in.bytes);
	free(client);
}

/* Gives back what the device has of it, as far as there is room. */
static void wind_down(struct client *client)
{
	const struct virtio_gpu_ctx_destroy end = {
		.hdr = kit_header_ctx(VIRTIO_GPU_CMD_CTX_DESTROY, client->id),
	};
	while (!list_empty(&client->resources))
		if (resource_give_up(container_of(client->resources.next, struct resource, link)) <
			0)
			return;
	if (client->has_context && client_command(client, &end, sizeof(end), NULL, NULL) == 0)
		client->has_context = false;
	if (!client->has_context && client->in_flight == 0)
		client_destroy(client);
}

/* --- to the device ------------------------------------------------------------------------- */

struct call {
	client_done_fn done;
	void *data;
	uint32_t type;
};

static void on_answer(struct device_op *op, int type)
{
	struct client *client = op->owner;
	struct call *call = op->data;
	const struct kit_command_spec *spec = kit_command_spec(call->type);
	bool ok = type >= VIRTIO_GPU_RESP_OK_NODATA && type < VIRTIO_GPU_RESP_ERR_UNSPEC;
	client->in_flight--;
	if (call->done)
		call->done(client, call->data, ok);
	if (!ok && client->sock >= 0) {
		client_fail(client, EREMOTEIO, "%s is answered with %s",
			spec ? spec->name : "a command",
			type < 0 ? strerror(-type) : kit_response_name(type));
		client_leave(client);
	}
	free(call);
}

int client_send(
	struct client *client, const struct kit_request *request, client_done_fn done, void *data)
{
	struct call *call = malloc(sizeof(*call));
	if (!call)
		return -ENOMEM;
	*call = (struct call){ .done = done, .data = data };
	memcpy(&call->type, request->head, sizeof(call->type));
	const struct device_op op = { .done = on_answer, .owner = client, .data = call };
	int ret = device_send(client->bridge->device, request, &op);
	if (ret < 0)
		free(call);
	else
		client->in_flight++;
	return ret;
}

int client_command(
	struct client *client, const void *command, uint32_t size, client_done_fn done, void *data)
{
	const struct kit_request request = { .head = command, .head_size = size };
	return client_send(client, &request, done, data);
}

int client_need_context(struct client *client)
{
	if (client->has_context)
		return 0;
	struct virtio_gpu_ctx_create create = {
		.hdr = kit_header_ctx(VIRTIO_GPU_CMD_CTX_CREATE, client->id),
		.nlen = (uint32_t)strlen(client->name),
		.context_init = client->capset,
	};
	memcpy(create.debug_name, client->name, create.nlen);
	int ret = client_command(client, &create, sizeof(create), NULL, NULL);
	client->has_context = ret == 0;
	return ret;
}

struct virtio_gpu_ctrl_hdr client_fence(const struct client *client, uint32_t type, uint32_t ring)
{
	struct device *device = client->bridge->device;
	struct virtio_gpu_ctrl_hdr header =
		kit_header_ring(type, ++device->last_fence, client->id, (uint8_t)ring);
	if (!device_feature(device, VIRTIO_GPU_F_CONTEXT_INIT)) {
		header.flags = VIRTIO_GPU_FLAG_FENCE;
		header.ring_idx = 0;
	}
	return header;
}

/* --- to the program ------------------------------------------------------------------------ */

static ssize_t send_some(int sock, const struct reply *reply)
{
	union {
		struct cmsghdr align;
		char bytes[CMSG_SPACE(sizeof(int))];
	} control = { 0 };
	struct iovec iov = { (void *)(uintptr_t)(reply->bytes + reply->sent),
		reply->size - reply->sent };
	struct msghdr message = { .msg_iov = &iov, .msg_iovlen = 1 };
	if (reply->fd >= 0) {
		message.msg_control = control.bytes;
		message.msg_controllen = sizeof(control.bytes);
		struct cmsghdr *header = CMSG_FIRSTHDR(&message);
		header->cmsg_level = SOL_SOCKET;
		header->cmsg_type = SCM_RIGHTS;
		header->cmsg_len = CMSG_LEN(sizeof(int));
		memcpy(CMSG_DATA(header), &reply->fd, sizeof(int));
	}
	return sendmsg(sock, &message, MSG_NOSIGNAL | MSG_DONTWAIT);
}

/* 0, -EAGAIN when the program does not read, or what is wrong with the socket. */
static int flush_replies(struct client *client)
{
	while (!list_empty(&client->out)) {
		struct reply *reply = container_of(client->out.next, struct reply, link);
		ssize_t sent = send_some(client->sock, reply);
		if (sent < 0)
			return -errno;
		fd_close(&reply->fd);
		reply->sent += (size_t)sent;
		if (reply->sent == reply->size)
			drop_reply(reply);
	}
	return 0;
}

static int add_reply(struct client *client, const void *bytes, size_t size, int fd)
{
	struct reply *reply = malloc(sizeof(*reply) + size);
	if (!reply) {
		fd_close(&fd);
		return -ENOMEM;
	}
	*reply = (struct reply){ .size = size, .fd = fd };
	memcpy(reply->bytes, bytes, size);
	list_append(&client->out, &reply->link);
	return 0;
}

int client_reply_bytes(struct client *client, const void *bytes, size_t size)
{
	return add_reply(client, bytes, size, -1);
}

int client_reply_fd(struct client *client, int fd)
{
	static const char byte;
	return add_reply(client, &byte, sizeof(byte), fd);
}

int client_reply(struct client *client, uint32_t command, const void *words, uint32_t count)
{
	const struct vtest_header header = { count, command };
	int ret = client_reply_bytes(client, &header, sizeof(header));
	if (ret == 0 && count)
		ret = client_reply_bytes(client, words, count * sizeof(uint32_t));
	return ret;
}

/* --- messages ------------------------------------------------------------------------------ */

static bool reads(const struct client *client)
{
	return client->sock >= 0 && client->wait == CLIENT_READS && !client->stalled &&
		list_empty(&client->out);
}

/* Makes room for more, and puts what is there at the front: an unaligned message, or what is in the way. */
static int make_room(struct client_input *in)
{
	if (in->start) {
		memmove(in->bytes, in->bytes + in->start, in->end - in->start);
		in->end -= in->start;
		in->start = 0;
	}
	if (in->end < in->capacity)
		return 0;
	size_t capacity = in->capacity ? 2 * in->capacity : INPUT_BYTES;
	uint8_t *bytes = realloc(in->bytes, capacity);
	if (!bytes)
		return -ENOMEM;
	in->bytes = bytes;
	in->capacity = capacity;
	return 0;
}

/* 1: a message was taken; 0: there is no whole one. */
static int take_message(struct client *client)
{
	struct client_input *in = &client->in;
	struct vtest_header header;
	size_t there = in->end - in->start;
	if (there < sizeof(header))
		return 0;
	if (in->start % sizeof(uint32_t) && make_room(in) < 0)
		return -ENOMEM;
	const uint8_t *body = in->bytes + in->start + sizeof(header);
	memcpy(&header, in->bytes + in->start, sizeof(header));
	there -= sizeof(header);
	uint64_t size;
	int ret = command_size(client, &header, body, there, &size);
	if (ret == 0 && size > CLIENT_MAX_MESSAGE)
		ret = client_fail(
			client, EMSGSIZE, "a message of %llu bytes", (unsigned long long)size);
	if (ret < 0 || there < size)
		return ret;
	ret = command_take(client, &header, body);
	if (ret < 0)
		return ret;
	client->next_batch = 0;
	in->start += sizeof(header) + size;
	return 1;
}

static void take_messages(struct client *client)
{
	int ret = flush_replies(client);
	while ((ret == 0 || ret == 1) && reads(client)) {
		ret = take_message(client);
		if (ret == 0)
			break;
		if (ret == 1 && client->sock >= 0)
			ret = flush_replies(client);
	}
	client->stalled = ret == -EAGAIN && list_empty(&client->out);
	if (ret < 0 && ret != -EAGAIN)
		client_leave(client);
	if (client->sock < 0)
		return;
	uint32_t events = list_empty(&client->out) ? 0 : LOOP_WRITABLE;
	loop_source_watch(client->source, reads(client) ? LOOP_READABLE : events);
}

void client_go_on(struct client *client)
{
	client->stalled = false;
	if (client->sock >= 0 && client->wait == CLIENT_WAITS_IDLE && client->in_flight == 0) {
		client->wait = CLIENT_READS;
		if (command_idle(client) < 0)
			client_leave(client);
	}
	if (client->sock >= 0)
		take_messages(client);
	if (client->sock < 0)
		wind_down(client);
}

/* 0, or what ends the connection: -ECONNRESET when the program has. */
static int receive(struct client *client)
{
	struct client_input *in = &client->in;
	if (make_room(in) < 0)
		return -ENOMEM;
	ssize_t got = recv(client->sock, in->bytes + in->end, in->capacity - in->end, MSG_DONTWAIT);
	if (got > 0)
		in->end += (size_t)got;
	else if (got == 0)
		return -ECONNRESET;
	else if (errno != EAGAIN && errno != EINTR)
		return -errno;
	return 0;
}

static void on_socket(void *data, uint32_t events)
{
	struct client *client = data;
	struct device *device = client->bridge->device;
	int ret = 0;
	if (events & LOOP_READABLE)
		ret = receive(client);
	else if (events & LOOP_HANGUP)
		ret = -ECONNRESET;
	if (ret < 0)
		client_leave(client);
	client_go_on(client);
	device_flush(device);
}
