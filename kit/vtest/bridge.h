/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/*
 * virtiogpu-vtest: programs that speak vtest, each with a context of its own, in front of one virtio-gpu device.
 *
 *	program ──vtest socket──► client ──commands──► device ──vhost-user──► backend
 *	        ◄─shared memory─► resource ──copies──► guest memory
 *
 * One thread. No client waits for another: messages are taken as they come, each becomes commands that are
 * answered through the loop, and a client that has to wait just does not read on.
 *
 * A program maps each resource from the beginning of a file of its own, so none of them can be a piece of guest
 * memory, and there are far more of them than a backend takes regions. What is transferred is therefore copied
 * between the two, at the times at which the protocol lets a renderer look at the memory (resource.h, stream.h).
 */
#pragma once

#include "kit/vtest/device.h"
#include "util/idmap.h"

#define BRIDGE_MAX_CLIENTS 64u

struct bridge {
	struct loop *loop;
	struct device *device;
	struct list clients; /* client::link */
	bool used[BRIDGE_MAX_CLIENTS + 1]; /* contexts, by id from 1 on */
	struct idmap resources; /* of all clients */
	uint32_t next_resource;
	bool running; /* takes clients */
	enum bridge_mapping {
		BRIDGE_MAPS_NOTHING,
		BRIDGE_MAPS,
		BRIDGE_HAS_MAPPED,
		BRIDGE_UNMAPS,
	} mapping; /* blob.h */
	uint32_t mapped; /* the resource */
};

struct bridge_args {
	struct loop *loop;
	const char *backend, *connect;
	uint64_t backing;
};

/* 0 or -errno (logged). The loop is stopped with status 1 when the device is lost. */
int bridge_init(struct bridge *bridge, const struct bridge_args *args);

/* Takes a connection (owned from now on). */
void bridge_add_client(struct bridge *bridge, int sock);

/* Sends the clients away and ends the device; runs the loop meanwhile. Returns how many things were not right in
 * the end. Nothing is done after a bridge_init() that failed. */
int bridge_finish(struct bridge *bridge);
