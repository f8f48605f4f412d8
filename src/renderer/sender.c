/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
#include "renderer/sender.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "renderer/ring.h"
#include "util/fd.h"

/* A record that waits. */
struct held {
	struct list link; /* sender::held */
	struct wire_submission record;
	uint8_t *data; /* of record.data_size bytes; NULL without */
	int fd; /* -1 without, or when it has been sent */
};

void sender_init(struct sender *sender, struct ring *ring, int sock)
{
	*sender = (struct sender){ .ring = ring, .sock = sock };
	list_init(&sender->held);
}

static uint64_t bytes_of(const struct wire_submission *record)
{
	return sizeof(struct held) + record->data_size;
}

static void free_held(struct sender *sender, struct held *held)
{
	sender->held_bytes -= bytes_of(&held->record);
	list_remove(&held->link);
	fd_close(&held->fd);
	free(held->data);
	free(held);
}

static void drop_reserved(struct sender *sender)
{
	free(sender->heap);
	sender->heap = NULL;
	sender->reserved = NULL;
	sender->reserved_size = 0;
}

void sender_finish(struct sender *sender)
{
	list_for_each_safe (link, after, &sender->held)
		free_held(sender, container_of(link, struct held, link));
	drop_reserved(sender);
}

bool sender_holds(const struct sender *sender)
{
	return !list_empty(&sender->held);
}

void *sender_reserve(struct sender *sender, uint32_t size)
{
	drop_reserved(sender);
	if (!sender_holds(sender) && ring_submission_room(sender->ring) > 0)
		sender->reserved = ring_data_reserve(sender->ring, size, &sender->position);
	if (!sender->reserved) {
		sender->heap = malloc(size);
		sender->reserved = sender->heap;
	}
	sender->reserved_size = size;
	return sender->reserved;
}

/* 1: sent; 0: the socket is full; or -errno. */
static int send_fd(struct sender *sender, int fd)
{
	const struct wire_packet packet = { .type = WIRE_FD };
	int error = fd_send_packet(sender->sock, &packet, sizeof(packet), &fd, 1);
	sender->sock_full = error == -EAGAIN;
	return error == -EAGAIN ? 0 : error ? error : 1;
}

/* Keeps a record, and its data, for later. */
static int hold(struct sender *sender, const struct wire_submission *record, int fd)
{
	if (sender->held_bytes + bytes_of(record) > SENDER_HELD_MAX)
		return -EOVERFLOW;
	struct held *held = malloc(sizeof(*held));
	if (!held)
		return -ENOMEM;
	*held = (struct held){ .record = *record, .fd = -1 };
	list_init(&held->link);
	if (fd >= 0) {
		held->fd = fd_dup(fd);
		if (held->fd < 0) {
			free(held);
			return -EMFILE;
		}
	}
	held->data = sender->heap;
	sender->heap = NULL;
	sender->held_bytes += bytes_of(record);
	list_append(&sender->held, &held->link);
	return 0;
}

/* 1: sent; 0: does not fit yet; or -errno. Its data lies in the ring. */
static int send_now(struct sender *sender, const struct wire_submission *record, int fd)
{
	if (ring_submission_room(sender->ring) == 0)
		return 0;
	if (fd >= 0) {
		int result = send_fd(sender, fd);
		if (result <= 0)
			return result;
	}
	return ring_push_submission(sender->ring, record);
}

int sender_push(struct sender *sender, struct wire_submission *record, int fd)
{
	assert(record->data_size == 0 || record->data_size == sender->reserved_size);
	assert(record->data_size == 0 || fd < 0);
	if (record->data_size == 0)
		drop_reserved(sender);
	record->flags = fd >= 0 ? WIRE_FLAG_FD : 0;
	record->data_position = sender->position;

	int result = 0;
	if (!sender_holds(sender) && !sender->heap)
		result = send_now(sender, record, fd);
	if (result == 0)
		result = hold(sender, record, fd);
	drop_reserved(sender);
	return result < 0 ? result : 0;
}

static int send_held(struct sender *sender, struct held *held)
{
	struct wire_submission *record = &held->record;
	if (held->data) {
		void *data =
			ring_data_reserve(sender->ring, record->data_size, &record->data_position);
		if (!data)
			return 0;
		memcpy(data, held->data, record->data_size);
	}
	return send_now(sender, record, held->fd);
}

int sender_flush(struct sender *sender)
{
	while (sender_holds(sender)) {
		struct held *held = container_of(sender->held.next, struct held, link);
		int result = send_held(sender, held);
		if (result <= 0)
			return result;
		free_held(sender, held);
	}
	return 0;
}
