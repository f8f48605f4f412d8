/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/*
 * Blobs of guest memory (virtio 1.4, RESOURCE_CREATE_BLOB): bytes of the guest without any meaning
 * but what a command gives them. The device has no copy of them. A picture in a blob is read where the
 * guest keeps it, whenever it is shown, so what the guest has written is seen with the next flush.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "gpu/protocol.h"

struct gpu_device;
struct gpu_resource;
struct gpu_spans;
struct image;

#define GPU_MAX_BLOB_DMABUFS 256u /* blobs that there is a dma-buf of at a time */

/* How a picture lies in a blob. */
struct gpu_blob_layout {
	uint32_t width, height; /* 1..IMAGE_MAX_SIDE */
	uint32_t format; /* one of virtio's eight */
	uint32_t stride; /* bytes; at least 4 * width */
	uint32_t offset; /* of the first pixel */
};

/* What blob sizes are a multiple of (VIRTIO_GPU_F_BLOB_ALIGNMENT): a page of ours. */
uint32_t gpu_blob_alignment(void);

/* Registers a blob that has no memory yet, the guest's or a renderer's, as blob_mem says (of the header only
 * the context counts, and only for a renderer's; nr_entries does not), for a driver that chose these features.
 * Returns VIRTIO_GPU_RESP_…. */
uint32_t gpu_blob_create(struct gpu_device *device, uint64_t features,
	const struct virtio_gpu_resource_create_blob *create, struct gpu_resource **ret_resource);

/* True when all pixels of the picture lie inside of the blob. */
bool gpu_blob_has_room(const struct gpu_resource *blob, const struct gpu_blob_layout *layout);

/* A picture that the blob has room for, as a readable image of the guest's own memory; one
 * reference is the caller's. NULL when the blob has no memory now, or there is none for the
 * image. */
struct image *gpu_blob_view(const struct gpu_resource *blob, const struct gpu_blob_layout *layout);

/* A dma-buf of all of the blob's pages; not a new reference, and of no sides. NULL when there
 * cannot be one now. */
struct image *gpu_blob_dmabuf(struct gpu_resource *blob);

/* A picture in it, as a dma-buf; one reference is the caller's. NULL likewise. */
struct image *gpu_blob_dmabuf_view(struct gpu_resource *blob, const struct gpu_blob_layout *layout);

/* For backing.c; do nothing for other resources. The first: it has these spans (may be NULL) no
 * more, which are about to go: nothing may read there. The second: it has spans now. */
void gpu_blob_let_go(struct gpu_resource *resource, struct gpu_spans *spans);
void gpu_blob_backed(struct gpu_resource *resource);
