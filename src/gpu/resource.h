/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/*
 * Resources (virtio 1.4, 5.7.6.8 and 5.7.6.9).
 *
 * A resource is realised in a renderer when it is needed there: a 2D one in the software renderer
 * when it is created and in a context's renderer when that context does something that could use
 * it, a 3D one in the renderer of the first context that attaches it (at once where there is only
 * one renderer). So a guest's text console is never touched by a GPU.
 *
 * Home is the realisation that has the current picture. Once a 2D resource is realised in a
 * context's renderer home is there. When that renderer is lost, home is the software renderer
 * again, filled from the backing; a 3D resource then has no home until it is attached to another
 * context. A blob never has one: it is nothing but its backing, and read from there (blob.h); or it is
 * memory of the renderer of the context that it was created for, which only the guest looks at
 * (host_visible.h).
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "gpu/backing.h"
#include "gpu/host_visible.h"
#include "gpu/memory.h"
#include "gpu/protocol.h"
#include "renderer/renderer.h"
#include "util/list.h"

struct gpu_command;
struct gpu_device;
struct gpu_resource;
struct gpu_shared;
struct gpu_slot;

/* Gallium's numbers of texture targets, as in RESOURCE_CREATE_3D. */
enum gpu_target {
	GPU_TARGET_BUFFER,
	GPU_TARGET_1D,
	GPU_TARGET_2D,
	GPU_TARGET_3D,
	GPU_TARGET_CUBE,
	GPU_TARGET_RECT,
	GPU_TARGET_1D_ARRAY,
	GPU_TARGET_2D_ARRAY,
	GPU_TARGET_CUBE_ARRAY,
	GPU_TARGET_COUNT
};

#define GPU_BIND_RENDER_TARGET (1u << 1) /* what virtio's 2D resources are bound as */

enum gpu_resource_kind {
	GPU_RESOURCE_2D,
	GPU_RESOURCE_3D,
	GPU_RESOURCE_BLOB, /* of guest memory */
	GPU_RESOURCE_HOST, /* a blob of memory of a renderer */
};

struct gpu_realisation {
	struct list resource_link; /* gpu_resource::realisations */
	struct list slot_link; /* gpu_slot::realisations */
	struct gpu_resource *resource; /* NULL once dropped */
	struct gpu_slot *slot;
	struct gpu_pin *pin; /* its backing; may be NULL */
	struct gpu_command *creator; /* held while it is being created; may be NULL */
	struct renderer_call create_call, export_call;
	uint32_t calls; /* open ones: it is freed when it is dropped and has none */
	uint64_t bytes; /* counted in gpu_device::renderer_bytes */
	bool exporting, export_failed;
	struct image *exported; /* a reference; may be NULL */
};

struct gpu_resource {
	uint32_t refs;
	bool listed; /* the guest's id means this one */
	struct list link; /* gpu_device::resource_list */
	struct gpu_device *device;
	enum gpu_resource_kind kind;
	struct renderer_resource_args args; /* of a blob: only the id */
	struct renderer_blob_args blob; /* of a blob; else 0 */
	struct gpu_host_memory host_memory; /* GPU_RESOURCE_HOST */
	struct gpu_mapping *mapping; /* of that; may be NULL */
	struct gpu_backing backing;
	struct list realisations;
	struct gpu_realisation *home; /* may be NULL */
	struct list attachments; /* gpu_attachment::resource_link */
	struct gpu_shared *shared; /* shared.c: its UUID; may be NULL */
};

/* The resource with this id, or NULL. */
struct gpu_resource *gpu_resource_find(struct gpu_device *device, uint32_t id);

/* True when it is bytes and nothing else, the guest's or a renderer's. */
static inline bool gpu_resource_is_blob(const struct gpu_resource *resource)
{
	return resource->kind == GPU_RESOURCE_BLOB || resource->kind == GPU_RESOURCE_HOST;
}

/* True when there can be a picture of it: one plane of one sample. */
bool gpu_resource_flat(const struct gpu_resource *resource);

/* Registers a resource; it is not realised anywhere yet. Returns VIRTIO_GPU_RESP_…: id 0 or in use,
 * too many, no memory. */
uint32_t gpu_resource_create(struct gpu_device *device, const struct renderer_resource_args *args,
	enum gpu_resource_kind kind, struct gpu_resource **ret_resource);

/* Registers a 2D resource (the header of `create` does not count) and realises it in the software
 * renderer, at once. Returns VIRTIO_GPU_RESP_…; with a command (may be NULL) for which this is done,
 * a failure to realise it becomes the command's result instead. */
uint32_t gpu_resource_create_2d(struct gpu_device *device,
	const struct virtio_gpu_resource_create_2d *create, struct gpu_command *command);

struct gpu_resource *gpu_resource_ref(struct gpu_resource *resource);
void gpu_resource_unref(struct gpu_resource *resource);

/* What RESOURCE_UNREF does: the id is free, nothing shows or attaches the resource any more, its
 * realisations go. The command (may be NULL) is held until the backing is not used any more. */
void gpu_resource_destroy(struct gpu_resource *resource, struct gpu_command *command);

/* Forgets a resource whose renderers have been told to reset. */
void gpu_resource_forget(struct gpu_resource *resource);

/* Realises a resource in a slot that has a renderer, with its backing (a blob must have memory),
 * and uploads a 2D one. Home is then there, unless it is a blob. creator (may be NULL) is held
 * until the renderer has created it; if it cannot the resource is destroyed, without a creator it
 * just loses the realisation. Either may have happened on return. 0, or -ENOMEM (also when there is
 * too much in renderers already): nothing was done. */
int gpu_realise(struct gpu_resource *resource, struct gpu_slot *slot, struct gpu_command *creator);

/* Starts the transfer of all of a 2D resource from its backing, if it has one. */
void gpu_realisation_upload(struct gpu_realisation *realisation);

/* The realisation in a slot, or NULL. */
struct gpu_realisation *gpu_realisation_find(
	const struct gpu_resource *resource, const struct gpu_slot *slot);

/* The slot's renderer is gone, and with it this realisation. */
void gpu_realisation_lost(struct gpu_realisation *realisation);

/* For resource.c: drops a realisation that needs no unref (any more). */
void gpu_realisation_drop(struct gpu_realisation *realisation);

/* Asks for a dma-buf of it, unless that is under way, done or known to fail. When it is there, the
 * scanouts that show the resource are pushed, and the VMM may be told. */
void gpu_realisation_export(struct gpu_realisation *realisation);
