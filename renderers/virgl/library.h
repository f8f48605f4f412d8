/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/*
 * What is used of virglrenderer, in this project's terms: results are 0 or -errno, ids that the
 * library does not know are errors. There can be one struct library in a process. Everything is
 * called on the thread that created it.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/uio.h>

#include "renderer/renderer.h"

struct library;

struct library_args {
	int render_node; /* kept by the caller; -1: none */
	/* Fence id of a context's ring (context 0: the global timeline, where only 32 bits of the id come
	 * back) is done, and all before it on that timeline. On any thread, with locks of the library
	 * held: must neither call anything here nor block. */
	void (*fence_done)(void *data, uint32_t context, uint32_t ring, uint64_t id);
	int server; /* taken: the socket to the server of Vulkan; -1: there is none */
	void *data;
};

/* Starts the library in the best way that works here, and logs which. NULL when none does
 * (logged). */
struct library *library_create(const struct library_args *args);

/* Drops whatever contexts and resources there are. No fence may be pending. NULL is fine. */
void library_destroy(struct library *library);

/* True when GL runs on the render node that was given. */
bool library_has_node(const struct library *library);

/* True when Vulkan is there, in other processes. */
bool library_has_vulkan(const struct library *library);

/* When this is readable, library_poll() is due; owned by the library. -1: there is no such
 * descriptor, fences are found done by library_poll() alone. */
int library_poll_fd(void);
void library_poll(void);

/* The size of capset id (0: not there) and its newest version. */
uint32_t library_capset_size(uint32_t id, uint32_t *ret_version);
/* Writes as many bytes to data. */
void library_capset_fill(uint32_t id, uint32_t version, void *data);

int library_context_create(uint32_t context, uint32_t capset, const char *name);
void library_context_destroy(uint32_t context);
void library_context_attach(uint32_t context, uint32_t resource);
void library_context_detach(uint32_t context, uint32_t resource);

/* size bytes, a multiple of 4, at an address that is one as well; read during the call only. */
int library_submit(uint32_t context, const void *commands, uint32_t size);

int library_resource_create(const struct renderer_resource_args *args);
/* Guest memory and nothing else, to be seen by contexts; the array stays in use as below. -EINVAL
 * when the pieces are not as much as the blob's size. */
int library_blob_create(
	const struct renderer_blob_args *args, const struct iovec *pieces, uint32_t count);
/* Memory of a context's, which is called blob_id there, or made for it when that is 0. */
int library_host_blob_create(const struct renderer_blob_args *args, uint32_t context);
/* A descriptor of such memory (the caller's), and how it is to be mapped (VIRTIO_GPU_MAP_CACHE_…).
 * *ret_opaque: it is a driver's own. -EOPNOTSUPP: there is none. */
int library_blob_export(uint32_t resource, uint32_t *ret_map_info, bool *ret_opaque);
void library_resource_unref(uint32_t resource);

/* The array stays in use until library_resource_detach() or unref. */
int library_resource_attach(uint32_t resource, struct iovec *pieces, uint32_t count);
void library_resource_detach(uint32_t resource);

/* To or from the pieces, or the attached ones when count is 0. args->context: the library's own.
 * Nothing here is checked well enough for numbers that a guest chose. */
int library_transfer(
	const struct renderer_transfer_args *args, const struct iovec *pieces, uint32_t count);

/* A fence behind all commands so far of a context's ring, or of all when the context is 0. */
int library_fence(uint32_t context, uint32_t ring, uint64_t id);

/* Bytes from row to row of level 0. */
int library_resource_stride(uint32_t resource, uint32_t *ret_stride);

/* Level 0 of a resource as a dma-buf: a description with one plane, whose descriptor is the
 * caller's. -EOPNOTSUPP when it cannot be had. */
int library_export(uint32_t resource, struct image *ret_image);
