/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/*
 * The backing of a resource (virtio 1.4, RESOURCE_ATTACH_BACKING): the guest's entries, kept as
 * guest addresses, and the spans they come to with the memory table in force. An attached backing
 * whose entries are not all in the table has no spans: it cannot be transferred from or to until a
 * later table has them again.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "gpu/memory.h"

struct gpu_device;
struct gpu_resource;
struct image;
struct vq_request;

struct gpu_backing {
	struct virtio_gpu_mem_entry *entries; /* owned; NULL: nothing is attached */
	uint32_t count;
	struct gpu_spans *spans; /* a reference; NULL: see above */
	struct image *dmabuf; /* blob.c: of a blob's spans; a reference; may be NULL */
	bool no_dmabuf; /* there cannot be one of these spans */
};

/* Whether a further backing may have so many entries. Returns VIRTIO_GPU_RESP_…. */
uint32_t gpu_backing_judge(const struct gpu_device *device, uint32_t nr_entries);

/* Attaches nr_entries entries read from the command's request. The resource must have none; those
 * of a blob must come to its size. Returns VIRTIO_GPU_RESP_…; the command is held while renderers
 * work on it. */
uint32_t gpu_backing_attach(
	struct gpu_resource *resource, struct gpu_command *command, uint32_t nr_entries);

/* Attaches entries (taken) that a resource had in another process. They need not be in the memory
 * table now. The resource must have none. Returns VIRTIO_GPU_RESP_…. */
uint32_t gpu_backing_restore(
	struct gpu_resource *resource, struct virtio_gpu_mem_entry *entries, uint32_t nr_entries);

/* Takes the backing away. The command is held until nobody uses the memory. */
void gpu_backing_detach(struct gpu_resource *resource, struct gpu_command *command);

/* Frees what is kept of a resource that goes. */
void gpu_backing_finish(struct gpu_resource *resource);

/* Resolves the backings of all resources with the device's new memory table. */
void gpu_backings_resolve(struct gpu_device *device);
