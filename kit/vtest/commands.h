/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/* The messages of the protocol, as rows of a table. */
#pragma once

#include "kit/vtest/client.h"

/* How many bytes follow the header, as far as that can be told from the `there` bytes that have come. 0, or
 * -errno (said) when the client may not send this now. */
int command_size(const struct client *client, const struct vtest_header *header,
	const uint8_t *body, size_t there, uint64_t *ret_size);

/* Carries a whole message out. 0; -EAGAIN: it has to be taken again when there is room; else the connection
 * ends. */
int command_take(struct client *client, const struct vtest_header *header, const void *body);

/* All is done that a client waits for in RESOURCE_BUSY_WAIT. 0 or -errno. */
int command_idle(struct client *client);

/* The handlers that are not in commands.c. */
typedef int (*command_fn)(struct client *client, const uint32_t *words, uint32_t count);
int resource_take_create(struct client *client, const uint32_t *words, uint32_t count);
int resource_take_create2(struct client *client, const uint32_t *words, uint32_t count);
int blob_take_create(struct client *client, const uint32_t *words, uint32_t count);
int resource_take_unref(struct client *client, const uint32_t *words, uint32_t count);
int transfer_take_get(struct client *client, const uint32_t *words, uint32_t count);
int transfer_take_put(struct client *client, const uint32_t *words, uint32_t count);
int transfer_take_get2(struct client *client, const uint32_t *words, uint32_t count);
int transfer_take_put2(struct client *client, const uint32_t *words, uint32_t count);
int submit_take(struct client *client, const uint32_t *words, uint32_t count);
int submit_take2(struct client *client, const uint32_t *words, uint32_t count);
int sync_take_create(struct client *client, const uint32_t *words, uint32_t count);
int sync_take_unref(struct client *client, const uint32_t *words, uint32_t count);
int sync_take_read(struct client *client, const uint32_t *words, uint32_t count);
int sync_take_write(struct client *client, const uint32_t *words, uint32_t count);
int sync_take_wait(struct client *client, const uint32_t *words, uint32_t count);
