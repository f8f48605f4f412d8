/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/*
 * A toy: a small vhost-user GPU backend that the kit and virtiogpu-conform can be tried on, and
 * nothing else: it does 2D with UPDATE, waits for the VMM's messages to be complete, and shares no
 * code with the daemon.
 *
 *	toy-backend SOCKET                  serves one connection after another
 *	toy-backend NUMBER                  serves the connection that it inherits as this descriptor
 *	toy-backend SOCKET extras           and offers what hardly any backend does
 *	toy-backend SOCKET --fault NAME     with something wrong
 *	toy-backend --faults                what there is of that
 */
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "toy.h"
#include "util/checked.h"

#define FEATURES                                                                                   \
	(VHOST_BIT(VIRTIO_F_VERSION_1) | VHOST_BIT(VHOST_USER_F_PROTOCOL_FEATURES) |               \
		VHOST_BIT(VIRTIO_RING_F_INDIRECT_DESC) | VHOST_BIT(VIRTIO_RING_F_EVENT_IDX) |      \
		VHOST_BIT(VIRTIO_GPU_F_EDID) | VHOST_BIT(VIRTIO_GPU_F_RESOURCE_UUID))
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

static bool read_all(int fd, void *data, size_t size)
{
	for (size_t got = 0; got < size;) {
		ssize_t ret = read(fd, (uint8_t *)data + got, size - got);
		if (ret <= 0)
			return false;
		got += (size_t)ret;
	}
	return true;
}

static bool write_all(int fd, const void *data, size_t size)
{
	for (size_t sent = 0; sent < size;) {
		ssize_t ret = send(fd, (const uint8_t *)data + sent, size - sent, MSG_NOSIGNAL);
		if (ret <= 0)
			return false;
		sent += (size_t)ret;
	}
	return true;
}

/* --- queues -------------------------------------------------------------------------------- */

#define TURN    16u /* commands of the control queue before others have a turn */
#define WAIT_MS 1000 /* for an answer of the display */

static uint64_t now_ms(void)
{
	struct timespec now;
	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

/* An answer that is held back, to do wrong to it. */
static struct {
	struct request *request;
	_Alignas(8) uint8_t answer[TOY_MAX_ANSWER];
	size_t size;
} held;

static void release(struct toy *toy, struct queue *queue)
{
	if (held.request)
		toy_push(toy, queue, held.request, held.answer, held.size);
	held.request = NULL;
}

static void push(struct toy *toy, struct queue *queue, struct request *request, const void *answer,
	size_t size)
{
	bool control = queue == &toy->queues[VIRTIO_GPU_QUEUE_CONTROL];
	bool hold = toy_has(FAULT_FENCE_ORDER) || toy_has(FAULT_SWAPS_ANSWERS);
	if (control && hold && !held.request) {
		held.request = request;
		held.size = size;
		memcpy(held.answer, answer, size);
	} else if (control && toy_has(FAULT_SWAPS_ANSWERS)) {
		toy_push(toy, queue, held.request, answer, size);
		held.request = request;
		release(toy, queue);
	} else {
		toy_push(toy, queue, request, answer, size);
		if (control)
			release(toy, queue);
	}
}

/* Serves one request; false: there is none now. */
static bool serve_one(struct toy *toy, struct queue *queue)
{
	_Alignas(8) uint8_t answer[TOY_MAX_ANSWER];
	bool waits = queue == &toy->queues[VIRTIO_GPU_QUEUE_CONTROL] && toy->waiting;
	if (!queue->enabled || queue->kick < 0 || waits)
		return false;
	struct request *request = toy_pop(toy, queue);
	if (!request) {
		queue->kicked = false;
		if (queue == &toy->queues[VIRTIO_GPU_QUEUE_CONTROL])
			release(toy, queue);
		return false;
	}
	size_t size = toy_command(toy, request, answer);
	if (size) {
		push(toy, queue, request, answer, size);
	} else {
		toy->waiting = request;
		toy->waiting_until = now_ms() + WAIT_MS;
	}
	return true;
}

static void serve_queues(struct toy *toy)
{
	struct queue *control = &toy->queues[VIRTIO_GPU_QUEUE_CONTROL];
	struct queue *cursor = &toy->queues[VIRTIO_GPU_QUEUE_CURSOR];
	for (uint32_t i = 0; cursor->kicked && i < TURN && serve_one(toy, cursor); i++)
		;
	for (uint32_t i = 0; control->kicked && i < TURN && serve_one(toy, control); i++)
		i -= toy_has(FAULT_CURSOR_LAST);
}

void toy_answered(struct toy *toy, const void *edid)
{
	_Alignas(8) uint8_t answer[TOY_MAX_ANSWER];
	struct request *request = toy->waiting;
	toy->waiting = NULL;
	if (!request)
		return;
	size_t size = toy_finish(toy, request, edid, answer);
	push(toy, &toy->queues[VIRTIO_GPU_QUEUE_CONTROL], request, answer, size);
}

/* Whether a queue has something that can be served now. */
static bool has_work(const struct toy *toy)
{
	for (uint32_t i = 0; i < QUEUES; i++)
		if (toy->queues[i].kicked && toy->queues[i].enabled && toy->queues[i].kick >= 0 &&
			!(i == VIRTIO_GPU_QUEUE_CONTROL && toy->waiting))
			return true;
	return false;
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
	if (toy_has(FAULT_REPLY_FLAGS))
		header.flags = VHOST_USER_VERSION;
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
		write_all(toy->sock, payload, size);
}

static uint64_t protocol_features(const struct toy *toy)
{
	return PROTOCOL_FEATURES | (toy->extras ? toy_extra_features : 0);
}

static void forget_memory(struct toy *toy)
{
	for (uint32_t i = 0; i < toy->region_count; i++)
		munmap(toy->regions[i].map,
			toy->regions[i].info.size + toy->regions[i].info.mmap_offset);
	toy->region_count = 0;
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

static void reset(struct toy *toy)
{
	if (!toy_has(FAULT_KEEPS_OVER_RESET))
		toy_reset(toy);
}

/* Nothing of the queue is under way any more. */
static bool stop_ring(struct toy *toy, const struct message *message, uint32_t index)
{
	struct queue *queue = &toy->queues[index];
	if (index == VIRTIO_GPU_QUEUE_CONTROL) {
		toy_answered(toy, NULL);
		release(toy, queue);
		if (toy_has(FAULT_FORGETS_AT_PAUSE))
			toy_reset(toy);
	}
	close_fd(&queue->kick);
	queue->stopped_at = queue->next_available;
	struct vhost_user_vring_state state = { index, queue->next_available };
	if (toy_has(FAULT_VRING_BASE))
		state.num++;
	return toy_answer(toy, message, &state, sizeof(state), -1);
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
		/* not all VMMs say that there was a reset */
		if (state.num != queue->stopped_at && state.index == VIRTIO_GPU_QUEUE_CONTROL)
			reset(toy);
		queue->next_available = (uint16_t)state.num;
		return true;
	case VHOST_USER_SET_VRING_ENABLE:
		queue->enabled = state.num;
		queue->kicked = true;
		return true;
	case VHOST_USER_SET_VRING_ADDR:
		memcpy(&queue->address, message->payload, sizeof(queue->address));
		if (!toy_ring_set(toy, queue))
			return toy_refuse(toy, "ring addresses");
		if (state.index == VIRTIO_GPU_QUEUE_CONTROL && toy_ring_is_new(toy, queue))
			reset(toy);
		return true;
	default:
		return stop_ring(toy, message, state.index);
	}
}

static bool vring_fd(struct toy *toy, struct message *message)
{
	uint64_t value;
	memcpy(&value, message->payload, sizeof(value));
	if ((value & VHOST_USER_VRING_INDEX_MASK) >= QUEUES)
		return toy_refuse(toy, "no such queue");
	bool without = value & VHOST_USER_VRING_NOFD_MASK;
	bool kick = message->header.request == VHOST_USER_SET_VRING_KICK;
	/* nothing is polled here */
	if (message->fd_count != !without || (kick && without))
		return toy_refuse(toy, "wrong number of descriptors");
	struct queue *queue = &toy->queues[value & VHOST_USER_VRING_INDEX_MASK];
	int *fd = kick                                                 ? &queue->kick
		: message->header.request == VHOST_USER_SET_VRING_CALL ? &queue->call
								       : &queue->err;
	close_fd(fd);
	*fd = without ? -1 : message->fds[0];
	message->fds[0] = without ? message->fds[0] : -1;
	if (!kick)
		return true;
	queue->kicked = true;
	queue->broken = false;
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
	if (toy_has(FAULT_CONFIG_SIZE))
		message->header.size -= header.size / 2;
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
		value = protocol_features(toy);
		break;
	case VHOST_USER_GET_QUEUE_NUM:
		value = QUEUES;
		break;
	case VHOST_USER_SET_FEATURES:
		memcpy(&toy->features, message->payload, sizeof(toy->features));
		return true;
	default: /* SET_PROTOCOL_FEATURES */
		memcpy(&toy->protocol, message->payload, sizeof(toy->protocol));
		return !(toy->protocol & ~protocol_features(toy)) ||
			toy_refuse(toy, "protocol features that were not on offer");
	}
	return toy_answer(toy, message, &value, sizeof(value), -1);
}

static bool socket_message(struct toy *toy, struct message *message)
{
	int sock = message->fds[0];
	message->fds[0] = -1;
	if (message->header.request == VHOST_USER_GPU_SET_SOCKET) {
		toy_display_set(toy, sock);
		return true;
	}
	close_fd(&toy->channel);
	toy->channel = sock;
	return true;
}

static bool plain_message(struct toy *toy, struct message *message)
{
	if (message->header.request != VHOST_USER_RESET_DEVICE)
		return true;
	toy_drop(toy->waiting);
	toy->waiting = NULL;
	for (uint32_t i = 0; i < QUEUES; i++) {
		close_fd(&toy->queues[i].kick);
		toy->queues[i].stopped_at = 0;
	}
	reset(toy);
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
	bool fd_missing = row->run == socket_message && message->fd_count == 0;
	if (message->fd_count > row->max_fds || fd_missing)
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
	if (!read_all(toy->sock, (uint8_t *)header + got, sizeof(*header) - (size_t)got))
		return toy_refuse(toy, NULL);
	if ((header->flags & ~VHOST_USER_NEED_REPLY_MASK) != VHOST_USER_VERSION ||
		header->size > sizeof(message->payload))
		return toy_refuse(toy, "wrong header");
	return read_all(toy->sock, message->payload, header->size) || toy_refuse(toy, NULL);
}

static bool serve_message(struct toy *toy)
{
	struct message message;
	bool good = receive(toy, &message) && handle(toy, &message);
	for (uint32_t i = 0; i < message.fd_count; i++)
		close_fd(&message.fds[i]);
	return good;
}

/* What happens next, or what is left to do. False: the session is over. */
static bool serve_round(struct toy *toy)
{
	enum { VMM, DISPLAY, KICKS };
	struct pollfd polls[KICKS + QUEUES] = {
		[VMM] = { toy->sock, POLLIN, 0 },
		[DISPLAY] = { toy->screen.sock, toy_display_events(toy), 0 },
	};
	for (uint32_t i = 0; i < QUEUES; i++)
		polls[KICKS + i] = (struct pollfd){ toy->queues[i].kick, POLLIN, 0 };
	poll(polls, ARRAY_SIZE(polls), has_work(toy) ? 0 : toy->waiting ? WAIT_MS / 10 : -1);
	for (uint32_t i = 0; i < QUEUES; i++) {
		uint64_t kicks;
		if (polls[KICKS + i].revents &&
			read(toy->queues[i].kick, &kicks, sizeof(kicks)) > 0)
			toy->queues[i].kicked = true;
	}
	serve_queues(toy);
	toy_display_ready(toy, polls[DISPLAY].revents);
	if (toy->waiting && now_ms() >= toy->waiting_until)
		toy_display_give_up(toy);
	return !polls[VMM].revents || serve_message(toy);
}

static void serve(int sock, bool extras)
{
	struct toy *toy = calloc(1, sizeof(*toy));
	if (!toy)
		abort();
	toy->sock = sock;
	toy->channel = toy->screen.sock = toy->state = -1;
	toy->extras = extras;
	for (uint32_t i = 0; i < QUEUES; i++)
		toy->queues[i].kick = toy->queues[i].call = toy->queues[i].err = -1;
	while (serve_round(toy))
		;
	fprintf(stderr, "toy: session closed: %s\n", toy->why ? toy->why : "the VMM is gone");
	toy_display_set(toy, -1);
	release(toy, &toy->queues[VIRTIO_GPU_QUEUE_CONTROL]);
	toy_reset(toy);
	forget_memory(toy);
	for (uint32_t i = 0; i < QUEUES; i++) {
		close_fd(&toy->queues[i].kick);
		close_fd(&toy->queues[i].call);
		close_fd(&toy->queues[i].err);
	}
	close_fd(&toy->state);
	close_fd(&toy->channel);
	close_fd(&toy->sock);
	free(toy);
}

static void end(int signal)
{
	_exit(0);
}

static int listen_at(const char *path)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (listener < 0 || strlen(path) >= sizeof(address.sun_path))
		return -1;
	strcpy(address.sun_path, path);
	if (bind(listener, (struct sockaddr *)&address, sizeof(address)) < 0 ||
		listen(listener, 1) < 0)
		return -1;
	return listener;
}

static int serve_all(const char *where, bool extras)
{
	if (where[strspn(where, "0123456789")] == '\0') {
		serve(atoi(where), extras);
		return 0;
	}
	int listener = listen_at(where);
	while (listener >= 0) {
		int sock = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
		if (sock >= 0)
			serve(sock, extras);
	}
	return 1;
}

int main(int argc, char **argv)
{
	signal(SIGTERM, end);
	if (argc == 2 && strcmp(argv[1], "--faults") == 0) {
		toy_faults_list();
		return 0;
	}
	bool with_fault = argc == 4 && strcmp(argv[2], "--fault") == 0;
	bool extras = argc == 3 && strcmp(argv[2], "extras") == 0;
	if ((argc != 2 && !extras && !with_fault) || (with_fault && !toy_fault_set(argv[3])))
		return 2;
	return serve_all(argv[1], extras);
}
