/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/*
 * Resources that other devices of the VM may use (virtio 1.4, RESOURCE_ASSIGN_UUID; vhost-user,
 * SHARED_OBJECT_ADD and its like). The guest gives a UUID to another device, which asks the VMM
 * what is behind it, and the VMM asks us.
 *
 * A resource with a UUID is told to the VMM when there is a dma-buf of it, and taken back when
 * that is gone. The guest gets the UUID when the VMM knows of it, too, or when it is clear that
 * it never will, or after GPU_SHARE_MS, whatever the VMM is busy with: then it is told later. One
 * request to the VMM is under way at a time: what changes meanwhile is seen when it is answered.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "util/list.h"

struct gpu_command;
struct gpu_device;
struct gpu_resource;
struct image;
struct loop_source;

#define GPU_MAX_SHARED 1024u /* resources that are exported for this */
#define GPU_UUID_SIZE  16u
#define GPU_SHARE_MS   500u /* how long a guest waits for the VMM */

struct gpu_shared {
	struct list link; /* gpu_shares::all */
	struct list due_link; /* gpu_shares::due */
	struct gpu_device *device;
	struct gpu_resource *resource; /* NULL: gone, but not yet for the VMM */
	uint8_t uuid[GPU_UUID_SIZE];
	struct image *image; /* a reference: a dma-buf; NULL: there is none now */
	bool told; /* the VMM knows of it */
	bool refused; /* the VMM does not want to */
	bool exports; /* counts in gpu_shares::exports */
	struct list waiters; /* gpu_command::shared_link; held */
	struct list late_link; /* gpu_shares::awaited */
	uint64_t deadline_ms; /* while it is there */
};

struct gpu_shares {
	struct list all;
	struct list due; /* the VMM is to be told of a change */
	struct gpu_shared *asked; /* whose request is under way; may be NULL */
	struct list awaited; /* guests wait for the VMM; who waits longest is first */
	struct loop_source *late;
	uint32_t exports;
};

/* -ENOMEM. */
int gpu_shares_init(struct gpu_device *device);

/* Nothing may be shared any more. */
void gpu_shares_finish(struct gpu_device *device);

/* Gives the resource a UUID, or the one that it has, and answers the command with it, now or later.
 * Returns what a handler returns. */
uint32_t gpu_shared_assign(struct gpu_resource *resource, struct gpu_command *command);

/* Gives a resource that has none the UUID it had in another process. 0 or -ENOMEM. */
int gpu_shared_restore(struct gpu_resource *resource, const uint8_t uuid[GPU_UUID_SIZE]);

/* What there is to be shared of the resource may have changed. */
void gpu_shared_update(struct gpu_resource *resource);

/* The resource goes. */
void gpu_shared_drop(struct gpu_resource *resource);

/* The queues stop: commands do not wait for the VMM any more. */
void gpu_shares_hurry(struct gpu_device *device);

/* A descriptor of what is shared under the UUID, which stays ours, or -ENOENT. */
int gpu_shares_find(const struct gpu_device *device, const uint8_t uuid[GPU_UUID_SIZE]);
