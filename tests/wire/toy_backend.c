/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/*
 * A toy: the smallest vhost-user GPU backend that the kit can be tried on. It is the kit's
 * self-test and nothing else: it waits wherever it likes, trusts the guest's memory addresses only
 * as far as its mappings, does 2D with UPDATE, and shares no code with the daemon.
 *
 *	toy-backend SOCKET          serves one connection after another
 *	toy-backend SOCKET extras   and offers what hardly any backend does
 */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "toy.h"
#include "util/checked.h"

#define FEATURES                                                                                   \
	(VHOST_BIT(VIRTIO_F_VERSION_1) | VHOST_BIT(VHOST_USER_F_PROTOCOL_FEATURES) |               \
		VHOST_BIT(VIRTIO_RING_F_INDIRECT_DESC) | VHOST_BIT(VIRTIO_RING_F_EVENT_IDX) |      \
		VHOST_BIT(VIRTIO_GPU_F_EDID))
#define PROTOCOL(name) VHOST_BIT(VHOST_USER_PROTOCOL_F_##name)
#define PROTOCOL_FEATURES                                                                          \
	(PROTOCOL(MQ) | PROTOCOL(REPLY_ACK) | PROTOCOL(CONFIG) | PROTOCOL(BACKEND_REQ) |           \
		PROTOCOL(RESET_DEVICE))

static void close_fd(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}

bool toy_read_all(int fd, void *data, size_t size)
{
	for (size_t got = 0; got < size;) {
		ssize_t ret = read(fd, (uint8_t *)data + got, size - got);
		if (ret <= 0)
			return false;
		got += (size_t)ret;
	}
	return true;
}

bool toy_write_all(int fd, const void *data, size_t size)
{
	for (size_t sent = 0; sent < size;) {
		ssize_t ret = send(fd, (const uint8_t *)data + sent, size - sent, MSG_NOSIGNAL);
		if (ret <= 0)
			return false;
		sent += (size_t)ret;
	}
	return true;
}

/* --- memory and rings ---------------------------------------------------------------------- */

void *toy_translate(struct toy *toy, uint64_t address, uint64_t size, bool user)
{
	for (uint32_t i = 0; i < toy->region_count; i++) {
		const struct vhost_user_memory_region *info = &toy->regions[i].info;
		uint64_t start = user ? info->user_address : info->guest_address;
		if (address >= start && range_inside(address - start, size, info->size))
			return toy->regions[i].map + info->mmap_offset + (address - start);
	}
	return NULL;
}

static void forget_memory(struct toy *toy)
{
	for (uint32_t i = 0; i < toy->region_count; i++)
		munmap(toy->regions[i].map,
			toy->regions[i].info.size + toy->regions[i].info.mmap_offset);
	toy->region_count = 0;
}

static bool add_part(struct toy *toy, struct request *request, const struct descriptor *part)
{
	if (part->flags & 2) {
		if (request->out_count == ARRAY_SIZE(request->out))
			return false;
		request->out[request->out_count++] = *part;
		return toy_translate(toy, part->address, part->length, false);
	}
	const void *from = toy_translate(toy, part->address, part->length, false);
	uint8_t *in = realloc(request->in, request->in_size + part->length + 1u);
	if (!from || !in)
		return false;
	memcpy(in + request->in_size, from, part->length);
	request->in = in;
	request->in_size += part->length;
	return true;
}

static bool walk(struct toy *toy, struct request *request, const struct descriptor *table,
	uint32_t size, uint32_t at)
{
	for (uint32_t steps = 0; at < size && steps < size; steps++) {
		struct descriptor part = table[at];
		if (part.flags & 4) {
			const struct descriptor *inner =
				toy_translate(toy, part.address, part.length, false);
			return inner && walk(toy, request, inner, part.length / 16, 0);
		}
		if (!add_part(toy, request, &part))
			return false;
		if (!(part.flags & 1))
			return true;
		at = part.next;
	}
	return false;
}

static uint16_t *available_ring(struct toy *toy, struct queue *queue)
{
	return toy_translate(toy, queue->address.available, 6 + 2ull * queue->size, true);
}

static uint8_t *used_ring(struct toy *toy, struct queue *queue)
{
	return toy_translate(toy, queue->address.used, 6 + 8ull * queue->size, true);
}

/* 1: a request; 0: nothing there; -1: the guest is wrong. */
static int pop(struct toy *toy, struct queue *queue, struct request *request)
{
	uint16_t *available = available_ring(toy, queue);
	uint8_t *used = used_ring(toy, queue);
	const struct descriptor *table =
		toy_translate(toy, queue->address.descriptor, 16ull * queue->size, true);
	if (!available || !used || !table)
		return -1;
	uint16_t event = queue->next_available;
	memcpy(used + 4 + 8ull * queue->size, &event, 2);
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	if (__atomic_load_n(&available[1], __ATOMIC_ACQUIRE) == queue->next_available)
		return 0;
	*request = (struct request){ .head = available[2 + queue->next_available % queue->size] };
	queue->next_available++;
	if (walk(toy, request, table, queue->size, request->head))
		return 1;
	free(request->in);
	return -1;
}

static void push(struct toy *toy, struct queue *queue, const struct request *request,
	const void *answer, size_t size)
{
	uint32_t written = 0;
	for (uint32_t i = 0; i < request->out_count && written < size; i++) {
		size_t part = min_size(request->out[i].length, size - written);
		void *to = toy_translate(toy, request->out[i].address, part, false);
		memcpy(to, (const uint8_t *)answer + written, part);
		written += (uint32_t)part;
	}
	uint8_t *used = used_ring(toy, queue);
	const uint16_t *available = available_ring(toy, queue);
	uint32_t element[2] = { request->head, written };
	memcpy(used + 4 + 8 * (queue->next_used % queue->size), element, 8);
	queue->next_used++;
	__atomic_store_n((uint16_t *)(void *)(used + 2), queue->next_used, __ATOMIC_RELEASE);
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	bool wanted = !(available[0] & 1);
	if (toy->features & VHOST_BIT(VIRTIO_RING_F_EVENT_IDX))
		wanted = available[2 + queue->size] == (uint16_t)(queue->next_used - 1);
	uint64_t one = 1;
	if (wanted && queue->call >= 0 && write(queue->call, &one, 8) < 0)
		toy->why = "the call descriptor fails";
}

static void serve_queue(struct toy *toy, struct queue *queue)
{
	struct request request;
	while (queue->enabled && queue->kick >= 0 && pop(toy, queue, &request) > 0) {
		_Alignas(8) uint8_t answer[TOY_MAX_ANSWER];
		size_t size = toy_command(toy, &request, answer);
		push(toy, queue, &request, answer, size);
		free(request.in);
	}
}

/* --- messages ------------------------------------------------------------------------------ */

bool toy_refuse(struct toy *toy, const char *why)
{
	toy->why = why;
	return false;
}

bool toy_answer(
	struct toy *toy, const struct message *message, const void *payload, size_t size, int fd)
{
	struct vhost_user_header header = { message->header.request,
		VHOST_USER_VERSION | VHOST_USER_REPLY_MASK, (uint32_t)size };
	union {
		struct cmsghdr align;
		char bytes[CMSG_SPACE(sizeof(int))];
	} control = { 0 };
	struct iovec iov = { &header, sizeof(header) };
	struct msghdr wire = { .msg_iov = &iov, .msg_iovlen = 1 };
	if (fd >= 0) {
		wire.msg_control = control.bytes;
		wire.msg_controllen = sizeof(control.bytes);
		*CMSG_FIRSTHDR(&wire) = (struct cmsghdr){ .cmsg_level = SOL_SOCKET,
			.cmsg_type = SCM_RIGHTS,
			.cmsg_len = CMSG_LEN(sizeof(fd)) };
		memcpy(CMSG_DATA(CMSG_FIRSTHDR(&wire)), &fd, sizeof(fd));
	}
	return sendmsg(toy->sock, &wire, MSG_NOSIGNAL) == (ssize_t)sizeof(header) &&
		toy_write_all(toy->sock, payload, size);
}

static uint64_t offered(const struct toy *toy)
{
	return PROTOCOL_FEATURES | (toy->extras ? toy_extra_features : 0);
}

static bool set_mem_table(struct toy *toy, struct message *message)
{
	struct vhost_user_memory_header head;
	memcpy(&head, message->payload, sizeof(head));
	size_t size = sizeof(head) + head.nregions * sizeof(struct vhost_user_memory_region);
	if (head.nregions != message->fd_count || message->header.size != size)
		return toy_refuse(toy, "misshapen memory table");
	forget_memory(toy);
	for (uint32_t i = 0; i < head.nregions; i++) {
		struct region *region = &toy->regions[i];
		memcpy(&region->info, message->payload + sizeof(head) + i * sizeof(region->info),
			sizeof(region->info));
		region->map = mmap(NULL, region->info.size + region->info.mmap_offset,
			PROT_READ | PROT_WRITE, MAP_SHARED, message->fds[i], 0);
		if (region->map == MAP_FAILED)
			return toy_refuse(toy, "memory cannot be mapped");
		toy->region_count++;
	}
	return true;
}

static bool vring_message(struct toy *toy, struct message *message)
{
	struct vhost_user_vring_state state;
	memcpy(&state, message->payload, sizeof(state));
	if (state.index >= QUEUES)
		return toy_refuse(toy, "no such queue");
	struct queue *queue = &toy->queues[state.index];
	switch (message->header.request) {
	case VHOST_USER_SET_VRING_NUM:
		if (state.num == 0 || state.num > 32768 || state.num & (state.num - 1))
			return toy_refuse(toy, "queue size");
		queue->size = state.num;
		return true;
	case VHOST_USER_SET_VRING_BASE:
		queue->next_available = (uint16_t)state.num;
		return true;
	case VHOST_USER_SET_VRING_ENABLE:
		queue->enabled = state.num;
		serve_queue(toy, queue);
		return true;
	case VHOST_USER_SET_VRING_ADDR:
		memcpy(&queue->address, message->payload, sizeof(queue->address));
		if (!used_ring(toy, queue) || !available_ring(toy, queue))
			return toy_refuse(toy, "ring addresses");
		memcpy(&queue->next_used, used_ring(toy, queue) + 2, 2);
		return true;
	default: /* GET_VRING_BASE */
		close_fd(&queue->kick);
		state.num = queue->next_available;
		return toy_answer(toy, message, &state, sizeof(state), -1);
	}
}

static bool vring_fd(struct toy *toy, struct message *message)
{
	uint64_t value;
	memcpy(&value, message->payload, sizeof(value));
	if ((value & VHOST_USER_VRING_INDEX_MASK) >= QUEUES)
		return toy_refuse(toy, "no such queue");
	struct queue *queue = &toy->queues[value & VHOST_USER_VRING_INDEX_MASK];
	int *fd = &queue->err;
	if (message->header.request == VHOST_USER_SET_VRING_KICK)
		fd = &queue->kick;
	else if (message->header.request == VHOST_USER_SET_VRING_CALL)
		fd = &queue->call;
	close_fd(fd);
	*fd = message->fds[0];
	message->fds[0] = -1;
	if (!(toy->features & VHOST_BIT(VHOST_USER_F_PROTOCOL_FEATURES)))
		queue->enabled = true;
	return true;
}

static bool get_config(struct toy *toy, struct message *message)
{
	struct virtio_gpu_config config = { .num_scanouts = SCANOUTS };
	struct vhost_user_config_header header;
	memcpy(&header, message->payload, sizeof(header));
	uint8_t *bytes = message->payload + sizeof(header);
	if (message->header.size != sizeof(header) + header.size ||
		header.size > VHOST_USER_MAX_CONFIG_SIZE)
		return toy_refuse(toy, "misshapen configuration message");
	if (!range_inside(header.offset, header.size, sizeof(config)))
		return toy_answer(toy, message, NULL, 0, -1);
	memcpy(bytes, (const uint8_t *)&config + header.offset, header.size);
	return toy_answer(toy, message, message->payload, message->header.size, -1);
}

static bool value_message(struct toy *toy, struct message *message)
{
	uint64_t value = 0;
	switch (message->header.request) {
	case VHOST_USER_GET_FEATURES:
		value = FEATURES;
		break;
	case VHOST_USER_GET_PROTOCOL_FEATURES:
		value = offered(toy);
		break;
	case VHOST_USER_GET_QUEUE_NUM:
		value = QUEUES;
		break;
	case VHOST_USER_SET_FEATURES:
		memcpy(&toy->features, message->payload, sizeof(toy->features));
		return true;
	default: /* SET_PROTOCOL_FEATURES */
		memcpy(&toy->protocol, message->payload, sizeof(toy->protocol));
		return !(toy->protocol & ~offered(toy)) ||
			toy_refuse(toy, "protocol features that were not on offer");
	}
	return toy_answer(toy, message, &value, sizeof(value), -1);
}

static bool socket_message(struct toy *toy, struct message *message)
{
	int sock = message->fds[0];
	message->fds[0] = -1;
	if (message->header.request == VHOST_USER_GPU_SET_SOCKET) {
		toy_set_display(toy, sock);
		return true;
	}
	close_fd(&toy->channel);
	toy->channel = sock;
	return true;
}

static bool plain_message(struct toy *toy, struct message *message)
{
	if (message->header.request == VHOST_USER_RESET_DEVICE)
		toy_reset(toy);
	return true;
}

static const struct message_row messages[] = {
	{ VHOST_USER_GET_FEATURES, 0, 0, 0, true, value_message },
	{ VHOST_USER_SET_FEATURES, 8, 8, 0, false, value_message },
	{ VHOST_USER_SET_OWNER, 0, 0, 0, false, plain_message },
	{ VHOST_USER_SET_MEM_TABLE, 8, 264, 8, false, set_mem_table },
	{ VHOST_USER_SET_VRING_NUM, 8, 8, 0, false, vring_message },
	{ VHOST_USER_SET_VRING_ADDR, 40, 40, 0, false, vring_message },
	{ VHOST_USER_SET_VRING_BASE, 8, 8, 0, false, vring_message },
	{ VHOST_USER_GET_VRING_BASE, 8, 8, 0, true, vring_message },
	{ VHOST_USER_SET_VRING_KICK, 8, 8, 1, false, vring_fd },
	{ VHOST_USER_SET_VRING_CALL, 8, 8, 1, false, vring_fd },
	{ VHOST_USER_SET_VRING_ERR, 8, 8, 1, false, vring_fd },
	{ VHOST_USER_GET_PROTOCOL_FEATURES, 0, 0, 0, true, value_message },
	{ VHOST_USER_SET_PROTOCOL_FEATURES, 8, 8, 0, false, value_message },
	{ VHOST_USER_GET_QUEUE_NUM, 0, 0, 0, true, value_message },
	{ VHOST_USER_SET_VRING_ENABLE, 8, 8, 0, false, vring_message },
	{ VHOST_USER_SET_BACKEND_REQ_FD, 0, 0, 1, false, socket_message },
	{ VHOST_USER_GET_CONFIG, 12, 268, 0, true, get_config },
	{ VHOST_USER_SET_CONFIG, 12, 268, 0, false, plain_message },
	{ VHOST_USER_GPU_SET_SOCKET, 0, 0, 1, false, socket_message },
	{ VHOST_USER_RESET_DEVICE, 0, 0, 0, false, plain_message },
};

static const struct message_row *find_row(const struct toy *toy, uint32_t request)
{
	for (size_t i = 0; i < ARRAY_SIZE(messages); i++)
		if (messages[i].request == request)
			return &messages[i];
	for (size_t i = 0; toy->extras && i < TOY_EXTRA_ROWS; i++)
		if (toy_extras[i].request == request)
			return &toy_extras[i];
	return NULL;
}

static bool handle(struct toy *toy, struct message *message)
{
	const struct vhost_user_header *header = &message->header;
	const struct message_row *row = find_row(toy, header->request);
	if (!row)
		return toy_refuse(toy, "unknown request");
	if (header->size < row->min_size || header->size > row->max_size)
		return toy_refuse(toy, "wrong payload size");
	if (message->fd_count > row->max_fds || (row->max_fds == 1 && message->fd_count == 0))
		return toy_refuse(toy, "wrong number of descriptors");
	if (!row->run(toy, message))
		return false;
	uint64_t done = 0;
	if (header->flags & VHOST_USER_NEED_REPLY_MASK && !row->replies)
		return toy_answer(toy, message, &done, sizeof(done), -1);
	return true;
}

static bool receive(struct toy *toy, struct message *message)
{
	union {
		struct cmsghdr align;
		char bytes[CMSG_SPACE(sizeof(int) * VHOST_USER_MAX_FDS)];
	} control;
	struct vhost_user_header *header = &message->header;
	struct iovec iov = { header, sizeof(*header) };
	struct msghdr wire = { .msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = control.bytes,
		.msg_controllen = sizeof(control.bytes) };
	ssize_t got = recvmsg(toy->sock, &wire, MSG_CMSG_CLOEXEC);
	message->fd_count = 0;
	if (got <= 0)
		return toy_refuse(toy, NULL);
	const struct cmsghdr *rights = CMSG_FIRSTHDR(&wire);
	if (rights) {
		size_t size = rights->cmsg_len - CMSG_LEN(0);
		memcpy(message->fds, CMSG_DATA(rights), size);
		message->fd_count = (uint32_t)(size / sizeof(int));
	}
	if (wire.msg_flags & MSG_CTRUNC)
		return toy_refuse(toy, "too many descriptors");
	if (!toy_read_all(toy->sock, (uint8_t *)header + got, sizeof(*header) - (size_t)got))
		return toy_refuse(toy, NULL);
	if ((header->flags & ~VHOST_USER_NEED_REPLY_MASK) != VHOST_USER_VERSION ||
		header->size > sizeof(message->payload))
		return toy_refuse(toy, "wrong header");
	return toy_read_all(toy->sock, message->payload, header->size) || toy_refuse(toy, NULL);
}

static bool serve_message(struct toy *toy)
{
	struct message message;
	bool good = receive(toy, &message) && handle(toy, &message);
	for (uint32_t i = 0; i < message.fd_count; i++)
		close_fd(&message.fds[i]);
	return good;
}

static void serve_round(struct toy *toy, bool *ret_open)
{
	struct pollfd polls[1 + QUEUES] = { { toy->sock, POLLIN, 0 } };
	for (uint32_t i = 0; i < QUEUES; i++)
		polls[1 + i] = (struct pollfd){ toy->queues[i].kick, POLLIN, 0 };
	poll(polls, ARRAY_SIZE(polls), -1);
	for (uint32_t i = 0; i < QUEUES; i++) {
		uint64_t kicks;
		if (polls[1 + i].revents && read(toy->queues[i].kick, &kicks, sizeof(kicks)) > 0)
			serve_queue(toy, &toy->queues[i]);
	}
	*ret_open = !polls[0].revents || serve_message(toy);
}

static void serve(int sock, bool extras)
{
	struct toy toy = {
		.sock = sock, .display = -1, .channel = -1, .extras = extras, .state = -1
	};
	bool open = true;
	for (uint32_t i = 0; i < QUEUES; i++)
		toy.queues[i].kick = toy.queues[i].call = toy.queues[i].err = -1;
	while (open)
		serve_round(&toy, &open);
	fprintf(stderr, "toy: session closed: %s\n", toy.why ? toy.why : "the VMM is gone");
	close_fd(&toy.display);
	toy_reset(&toy);
	forget_memory(&toy);
	for (uint32_t i = 0; i < QUEUES; i++) {
		close_fd(&toy.queues[i].kick);
		close_fd(&toy.queues[i].call);
		close_fd(&toy.queues[i].err);
	}
	close_fd(&toy.channel);
	close_fd(&toy.state);
	close_fd(&toy.sock);
}

static void end(int signal)
{
	_exit(0);
}

int main(int argc, char **argv)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	bool extras = argc == 3 && strcmp(argv[2], "extras") == 0;
	signal(SIGTERM, end);
	if (argc != (extras ? 3 : 2) || strlen(argv[1]) >= sizeof(address.sun_path))
		return 2;
	strcpy(address.sun_path, argv[1]);
	if (bind(listener, (struct sockaddr *)&address, sizeof(address)) < 0 ||
		listen(listener, 1) < 0)
		return 1;
	for (;;) {
		int sock = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
		if (sock >= 0)
			serve(sock, extras);
	}
}
