/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/*
 * A connection: a program, and its context on the device.
 *
 * What a program does wrong costs its connection, with a line in the log. What it still has is then given back to the device
 * piece by piece; the client is gone when the device has answered all of it.
 */
#pragma once

#include "kit/vtest/bridge.h"
#include "kit/vtest/protocol.h"

#define CLIENT_MAX_MESSAGE   (16u << 20) /* bytes */
#define CLIENT_MAX_RESOURCES 65536u
#define CLIENT_MAX_MEMORY    (UINT64_C(4) << 30) /* shared with it, in all */
#define CLIENT_NAME          64u

struct client {
	struct list link; /* bridge::clients */
	struct bridge *bridge;
	uint32_t id; /* of its context */
	int sock; /* owned; -1 when it has left */
	struct loop_source *source;
	struct client_input {
		uint8_t *bytes; /* aligned for words; owned */
		size_t capacity, start, end; /* what has come is [start, end) */
	} in;
	struct list out; /* struct reply::link */

	char name[CLIENT_NAME]; /* "": CREATE_RENDERER has not come */
	uint32_t version; /* of the protocol */
	uint32_t asked_version; /* what it would have liked */
	bool has_context;
	uint32_t capset; /* of the context; 0: none was asked for */

	/* Nothing is read meanwhile. */
	enum client_wait {
		CLIENT_READS,
		CLIENT_WAITS_IDLE, /* until all it has sent is done */
		CLIENT_WAITS_DATA, /* for one answer */
	} wait;
	bool stalled; /* the next message waits for room */
	uint32_t in_flight; /* commands */
	uint32_t next_batch; /* of the SUBMIT_CMD2 that is being dealt with */

	struct list resources; /* resource::link */
	uint32_t resource_count;
	uint64_t memory; /* bytes of all of them */
	struct list written; /* resource::written_link: the device may have written there */
	struct idmap queries; /* of OpenGL, by their object's number: where they leave results */
	struct idmap syncs;
	struct list sync_waits; /* sync_wait::link */
	uint32_t sync_wait_count;
};

/* NULL without memory; the socket is then still the caller's. */
struct client *client_create(struct bridge *bridge, int sock, uint32_t id);

/* Ends the connection; the rest follows. */
void client_leave(struct client *client);

/* At once, whatever the device has of it. */
void client_destroy(struct client *client);

/* Reads on, or gives back more of what it had, as far as there is room. May destroy the client. */
void client_go_on(struct client *client);

/* Keeps the reason and returns -error: `return client_fail(client, EINVAL, "…")` in a handler ends the
 * connection. */
int client_fail(const struct client *client, int error, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

/* --- to the device ------------------------------------------------------------------------- */

/* What follows an answer. `ok` says whether it was a good one; for one that was not the client is sent away. */
typedef void (*client_done_fn)(struct client *client, void *data, bool ok);

/* A command of the client's context: done (may be NULL) is called once, if this returns 0. Else as device_send(). */
int client_send(
	struct client *client, const struct kit_request *request, client_done_fn done, void *data);

/* The same in one part. */
int client_command(
	struct client *client, const void *command, uint32_t size, client_done_fn done, void *data);

/* The context, if it is not there yet. */
int client_need_context(struct client *client);

/* A header whose fence is on the timeline of that ring of the client's context, or on the global one where the
 * device has no others. */
struct virtio_gpu_ctrl_hdr client_fence(const struct client *client, uint32_t type, uint32_t ring);

/* --- to the program ------------------------------------------------------------------------ */

/* Answers; what does not fit into the socket follows. 0 or -ENOMEM. */
int client_reply(struct client *client, uint32_t command, const void *words, uint32_t count);

/* Any bytes. */
int client_reply_bytes(struct client *client, const void *bytes, size_t size);

/* A descriptor, which is taken, also on failure. */
int client_reply_fd(struct client *client, int fd);

/* Answers with nothing but this. */
static inline int client_reply_word(struct client *client, uint32_t command, uint32_t word)
{
	return client_reply(client, command, &word, 1);
}
