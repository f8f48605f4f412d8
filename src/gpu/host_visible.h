/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/*
 * Host visible memory (virtio 1.4, 5.7.6.8 and 5.7.6.10: RESOURCE_MAP_BLOB, shared memory region 1):
 * memory of renderers that the guest sees in a window, at places that its driver chooses.
 *
 * The VMM does the mapping (vhost-user, SHMEM_MAP), one for each blob, and answers when it likes; what
 * comes of it is a state of the mapping, which may outlive its resource. Some VMMs answer just before the
 * guest sees the memory and then count it among the guest's memory. So a mapping is there when it is in the
 * memory table, as long as the VMM is one of those: that is found out. A table that is full shows nothing; so a
 * VMM that does not show a mapping is asked something else, which it answers after what it was asked before.
 *
 * Every mapping is taken back when its resource goes, also by a reset: some VMMs drop them by themselves then,
 * and say that there is nothing to be taken back, others do not.
 *
 * Nothing of this is asked while the device is stopped (backend_channel.h): there are VMMs that do not survive that. What a
 * reset leaves is taken back when the queues run again, before anything else is asked for.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "renderer/renderer.h"
#include "util/list.h"

struct gpu_command;
struct gpu_device;
struct gpu_resource;
struct loop_source;

/* How long the VMM has to show a mapping in its memory table. */
#define GPU_ECHO_MS 100u

/* Memory of a blob as the renderer has given it. */
struct gpu_host_memory {
	int fd; /* owned; -1: there is none that could be mapped */
	uint32_t map_info;
	uint64_t offset;
	dev_t device; /* of the file */
	ino_t inode;
};

enum gpu_mapping_state {
	GPU_MAPPING_WAITS, /* for the renderer to create the blob */
	GPU_MAPPING_ASKED, /* SHMEM_MAP is under way */
	GPU_MAPPING_MADE, /* and answered; to be seen in the memory table */
	GPU_MAPPING_DOUBTED, /* another question is under way, whose answer says that it is there */
	GPU_MAPPING_THERE,
	GPU_MAPPING_TAKEN, /* SHMEM_UNMAP is under way */
};

struct gpu_mapping {
	struct list link; /* gpu_host_visible::mappings */
	struct gpu_device *device;
	struct gpu_resource *resource; /* NULL: TAKEN */
	enum gpu_mapping_state state;
	uint64_t offset, size; /* in the window, whole pages */
	struct gpu_command *waiter; /* held; may be NULL */
	bool seen; /* in the memory table */
	uint32_t asked; /* requests to the VMM that are not answered */
};

struct gpu_host_visible {
	struct list mappings;
	uint32_t count;
	struct loop_source *echo; /* armed while one is MADE */
	bool no_echo; /* the VMM does not show mappings in its table, as far as was seen */
};

/* -ENOMEM. */
int gpu_host_visible_init(struct gpu_device *device);

/* No mapping may be left (asserted). */
void gpu_host_visible_finish(struct gpu_device *device);

/* Another VMM may come, of another make. */
void gpu_host_visible_forget(struct gpu_device *device);

/* The size of the window in bytes; 0: there is none, as no renderer has memory for it. */
uint64_t gpu_host_visible_size(const struct gpu_device *device);

/* The renderer has created a blob of its memory, which can be mapped: keeps what it is given. Memory that
 * must not be handed to a VMM is left (logged). */
void gpu_host_memory_set(struct gpu_resource *resource, const struct renderer_memory *memory);

/* It has created it, with memory or without: goes on with a mapping that waits for that. */
void gpu_host_memory_known(struct gpu_resource *resource);

/* Its renderer is lost, and nobody counts its memory any more: forgets it. What is mapped stays. */
void gpu_host_memory_lost(struct gpu_resource *resource);

/* The resource goes: forgets its memory, and takes back what is mapped of it. The command (may be NULL) is held
 * until that is done. */
void gpu_host_memory_drop(struct gpu_resource *resource, struct gpu_command *command);

/* What RESOURCE_MAP_BLOB and RESOURCE_UNMAP_BLOB do; the command is held until it is done. Return
 * VIRTIO_GPU_RESP_…. */
uint32_t gpu_host_memory_map(
	struct gpu_resource *resource, uint64_t offset, struct gpu_command *command);
uint32_t gpu_host_memory_unmap(struct gpu_resource *resource, struct gpu_command *command);

/* Another memory table is in force. */
void gpu_host_visible_table_changed(struct gpu_device *device);

/* The control queue stops: ends what waits for the VMM, which may be waiting for the queue. */
void gpu_host_visible_hurry(struct gpu_device *device);
