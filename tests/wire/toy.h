/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/*
 * The parts of the toy backend: toy_backend.c speaks vhost-user, toy_ring.c has guest memory and
 * queues, toy_gpu.c does what a GPU does, toy_display.c shows it, toy_faults.c names what can be
 * done wrong on purpose, toy_extras.c has messages that few backends serve.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "gpu/protocol.h"
#include "toy_faults.h"
#include "vhost/protocol.h"

#define QUEUES    VIRTIO_GPU_QUEUES
#define RESOURCES 1024u
#define SCANOUTS  VIRTIO_GPU_MAX_SCANOUTS
#define ENTRIES   16384u
#define MAX_SIDE  16384u
#define MAX_BYTES (UINT64_C(256) << 20) /* of all pixels */
#define MAX_OUT   2048u /* writable buffers of a request */

#define TOY_MAX_ANSWER sizeof(struct virtio_gpu_resp_edid)

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
	bool kicked; /* there may be something in it */
	uint16_t stopped_at; /* a start from elsewhere is another driver's */
	uint32_t last[2]; /* used element; another one there is another driver's ring */
	bool broken; /* by the driver, until it is started again */
	int kick, call, err;
};

/* A request of the guest in one piece, and where the answer goes. */
struct request {
	uint8_t *in;
	size_t in_size;
	struct descriptor out[MAX_OUT];
	uint32_t out_count;
	uint32_t queue;
	uint16_t head;
};

struct resource {
	uint32_t id, format, width, height;
	uint8_t *pixels;
	struct virtio_gpu_mem_entry *entries;
	uint32_t entry_count;
	uint32_t uuid; /* what its UUID is made of; 0: it has none yet */
};

struct scanout {
	uint32_t resource_id;
	struct virtio_gpu_rect rect;
	bool size_due; /* the display does not know its size yet */
	struct virtio_gpu_rect damage; /* of the resource */
};

struct cursor {
	struct virtio_gpu_update_cursor at;
	uint32_t pixels[64 * 64];
	bool visible;
	bool image_due, place_due;
};

/* The display's socket. There is one message under way in each direction, and one question. */
struct screen {
	int sock; /* -1: none */
	bool edid; /* it can be asked for it */
	uint32_t question; /* 0: none */
	uint32_t question_scanout;
	bool question_due; /* not sent yet */
	bool late; /* nobody waits for the answer any more */
	bool features_due; /* SET_PROTOCOL_FEATURES is to be sent */
	uint8_t *out; /* NULL: nothing under way */
	size_t out_size, out_sent;
	_Alignas(8) uint8_t in[16 + TOY_MAX_ANSWER];
	size_t in_got;
};

struct toy {
	int sock, channel;
	uint64_t features, protocol;
	struct region regions[VHOST_USER_MAX_FDS];
	uint32_t region_count;
	struct queue queues[QUEUES];
	struct resource resources[RESOURCES];
	uint64_t pixel_bytes;
	struct scanout scanouts[SCANOUTS];
	struct cursor cursors[SCANOUTS];
	struct screen screen;
	struct request *waiting; /* for the display's answer; the control queue waits, too */
	uint64_t waiting_until; /* in ms; the display may have stopped reading */
	struct virtio_gpu_resp_display_info modes; /* what the display said last */
	const char *why; /* the session is to end */
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
	bool replies; /* it has an answer of its own */
	bool (*run)(struct toy *toy, struct message *message);
};

/* --- toy_backend.c ------------------------------------------------------------------------- */

/* Sends an answer, with a descriptor (stays the caller's; -1: none). */
bool toy_answer(
	struct toy *toy, const struct message *message, const void *payload, size_t size, int fd);

/* Ends the connection, for this reason. Always false. */
bool toy_refuse(struct toy *toy, const char *why);

/* --- toy_extras.c -------------------------------------------------------------------------- */

#define TOY_EXTRA_ROWS 9u
extern const struct message_row toy_extras[TOY_EXTRA_ROWS];
extern const uint64_t toy_extra_features;

/* --- toy_ring.c ---------------------------------------------------------------------------- */

/* Our address of guest memory (or of the VMM's address of it) in one piece, or NULL. */
void *toy_translate(struct toy *toy, uint64_t address, uint64_t size, bool user);

/* Whether all of it is guest memory, in several regions if need be. */
bool toy_is_memory(struct toy *toy, uint64_t address, uint64_t size);

/* Copies between us and guest memory, which may lie in several regions. */
bool toy_copy_in(struct toy *toy, void *to, uint64_t address, uint64_t size);
bool toy_copy_out(struct toy *toy, uint64_t address, const void *from, uint64_t size);

/* Takes the used index from the rings; false: they are not in memory. */
bool toy_ring_is_new(struct toy *toy, const struct queue *queue);
bool toy_ring_set(struct toy *toy, struct queue *queue);

/* The next request of a queue, to be given to toy_push(); NULL: none, or the queue is broken. */
struct request *toy_pop(struct toy *toy, struct queue *queue);

/* Answers a request and frees it. */
void toy_push(struct toy *toy, struct queue *queue, struct request *request, const void *answer,
	size_t size);
void toy_drop(struct request *request);

/* --- toy_gpu.c ----------------------------------------------------------------------------- */

/* Writes the answer to a request into out (TOY_MAX_ANSWER bytes); returns its size, 0 when it waits
 * for the display. */
size_t toy_command(struct toy *toy, const struct request *request, void *out);

/* The same for the one that waits, with what is known now (a struct virtio_gpu_resp_edid, or NULL
 * when the display has none). */
size_t toy_finish(struct toy *toy, const struct request *request, const void *edid, void *out);

struct resource *toy_find(struct toy *toy, uint32_t id);

/* Whether the request that waits is GET_EDID, and for which scanout. */
bool toy_wants_edid(const struct request *request, uint32_t *ret_scanout);

/* One pixel, as 0xaarrggbb. */
uint32_t toy_pixel(const struct resource *resource, uint32_t x, uint32_t y);

/* Drops everything the guest has made. */
void toy_reset(struct toy *toy);

/* --- toy_display.c ------------------------------------------------------------------------- */

/* Takes sock (-1: none), tells it everything. */
void toy_display_set(struct toy *toy, int sock);

/* The one that waits has waited long enough. */
void toy_display_give_up(struct toy *toy);

/* For poll(): what to wait for, and what came. */
short toy_display_events(const struct toy *toy);
void toy_display_ready(struct toy *toy, short events);

/* Asks for something for the request that waits; false: there is nobody to ask. */
bool toy_display_ask(struct toy *toy, uint32_t question, uint32_t scanout);

/* --- toy_backend.c ------------------------------------------------------------------------- */

/* The display has answered (edid: as toy_finish()), or is gone. */
void toy_answered(struct toy *toy, const void *edid);
