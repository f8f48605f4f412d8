/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/*
 * A resource: what the program shares with the bridge, and the guest memory behind it that the device sees.
 *
 * The program's memory is what counts. It is copied into the backing when a transfer to the host begins, which is
 * right because a program leaves alone what it has sent to be read until it has been told that all is done
 * (RESOURCE_BUSY_WAIT); and back when a transfer from the host is done, before the program is told. Most
 * resources are only drawn to and never transferred: backing comes with the first transfer.
 */
#pragma once

#include "kit/vtest/client.h"

#define RESOURCE_BUFFER      0u /* a target of gallium's */
#define RESOURCE_BIND_CUSTOM (1u << 17)

struct resource {
	struct list link; /* client::resources; holds a reference */
	struct list written_link; /* client::written */
	struct client *client;
	uint32_t refs;
	uint32_t id;
	struct vtest_resource_create info;
	uint8_t *shared; /* mapping of what the program has; NULL: nothing */
	uint64_t size; /* of it, in whole pages */
	uint64_t backing; /* guest address; 0: none */
	bool attached; /* the device has said so */
	uint64_t written_from, written_to;
};

/* The client's resource, or NULL. */
struct resource *resource_find(const struct client *client, uint32_t id);

/* Makes what was checked known: with an id of the bridge's choice where info.handle is 0. NULL on failure, with
 * the reason in *ret_error. */
struct resource *resource_create(
	struct client *client, const struct vtest_resource_create *info, int *ret_error);

struct resource *resource_ref(struct resource *resource);
void resource_unref(struct resource *resource);

/* RESOURCE_UNREF; on success the client has no such resource any more. As device_send(). */
int resource_give_up(struct resource *resource);

/* The device does not know of it (any more). */
void resource_drop(struct resource *resource);

/* Backing, attached before whatever is sent next. As device_send(). */
int resource_back(struct resource *resource);

/* Detaches the backing, if there is some. As device_send(). */
int resource_unback(struct resource *resource);

/* Copies what lies in [offset, +size) of it to the backing, which is made if need be. As device_send(). */
int resource_put(struct resource *resource, uint64_t offset, uint64_t size);

/* And back; without backing nothing. */
void resource_fetch(struct resource *resource, uint64_t offset, uint64_t size);

/* What is under way writes there: it is fetched when all is done. */
void resource_mark_written(struct resource *resource, uint64_t offset, uint64_t size);

/* Fetches all that was marked. */
void resource_fetch_written(struct client *client);
