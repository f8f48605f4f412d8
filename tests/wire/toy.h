/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/*
 * The toy backend's parts: toy_backend.c speaks vhost-user, toy_gpu.c does what a GPU does, toy_extras.c
 * has messages that few backends serve.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "gpu/protocol.h"
#include "vhost/protocol.h"

#define QUEUES    2u
#define RESOURCES 32u
#define SCANOUTS  2u
#define ENTRIES   4096u
#define MAX_SIDE  4096u

struct descriptor {
	uint64_t address;
	uint32_t length;
	uint16_t flags, next;
};

struct region {
	struct vhost_user_memory_region info;
	uint8_t *map;
};

struct queue {
	uint32_t size;
	struct vhost_user_vring_addr address;
	uint16_t next_available, next_used;
	bool enabled;
	int kick, call, err;
};

struct resource {
	uint32_t id, format, width, height;
	uint8_t *pixels;
	struct virtio_gpu_mem_entry *entries;
	uint32_t entry_count;
};

struct scanout {
	uint32_t resource_id;
	struct virtio_gpu_rect rect;
};

struct toy {
	int sock, display, channel;
	uint64_t features, protocol;
	bool edid;
	struct region regions[VHOST_USER_MAX_FDS];
	uint32_t region_count;
	struct queue queues[QUEUES];
	struct resource resources[RESOURCES];
	struct scanout scanouts[SCANOUTS];
	const char *why;
	bool extras; /* those of toy_extras.c are on offer */
	uint64_t status;
	int state; /* where the saved state comes from; -1: nowhere */
};

struct message {
	struct vhost_user_header header;
	uint8_t payload[512];
	int fds[VHOST_USER_MAX_FDS]; /* closed behind the handler, unless they are -1 */
	uint32_t fd_count;
};

struct message_row {
	uint32_t request;
	uint32_t min_size, max_size;
	uint32_t max_fds;
	bool replies;
	bool (*run)(struct toy *toy, struct message *message);
};

/* A request of the guest in one piece, and where the answer goes. */
struct request {
	uint8_t *in;
	size_t in_size;
	struct descriptor out[64];
	uint32_t out_count;
	uint16_t head;
};

/* toy_backend.c */
bool toy_read_all(int fd, void *data, size_t size);
bool toy_write_all(int fd, const void *data, size_t size);

/* Sends an answer, with a descriptor (stays the caller's; -1: none). */
bool toy_answer(
	struct toy *toy, const struct message *message, const void *payload, size_t size, int fd);

/* Ends the connection, for this reason. Always false. */
bool toy_refuse(struct toy *toy, const char *why);

/* Our address of guest memory (or of the VMM's address of it), or NULL. */
void *toy_translate(struct toy *toy, uint64_t address, uint64_t size, bool user);

/* toy_gpu.c */

/* Writes the answer to a request into out (which has room for the largest); returns its size. */
size_t toy_command(struct toy *toy, const struct request *request, void *out);
#define TOY_MAX_ANSWER 2048u

/* Takes sock. */
void toy_set_display(struct toy *toy, int sock);

/* Drops everything the guest has made. */
void toy_reset(struct toy *toy);

/* toy_extras.c */

#define TOY_EXTRA_ROWS 9u
extern const struct message_row toy_extras[TOY_EXTRA_ROWS];
extern const uint64_t toy_extra_features; /* of the protocol */
