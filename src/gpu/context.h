/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/*
 * Rendering contexts (virtio 1.4, 5.7.6.9) and what is attached to them.
 *
 * A context belongs to the renderer that it was created in. When that is lost the context stays
 * until the guest destroys it, but can do nothing any more. An attachment of a 2D resource or a
 * blob is only recorded at first; see gpu_context_catch_up().
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "gpu/fence.h"
#include "gpu/protocol.h"
#include "renderer/renderer.h"
#include "util/idmap.h"
#include "util/list.h"

struct gpu_command;
struct gpu_device;
struct gpu_resource;
struct gpu_slot;

#define GPU_CATCH_UP 16u /* resources realised before other work has its turn */

struct gpu_context {
	uint32_t refs;
	bool listed; /* the guest's id means this one */
	bool lost;
	struct list link; /* gpu_device::context_list */
	struct list slot_link; /* gpu_slot::contexts */
	struct gpu_device *device;
	struct gpu_slot *slot;
	uint32_t id;
	struct gpu_command *creator; /* held while creating */
	struct renderer_call create_call;
	struct idmap attachments; /* resource id → struct gpu_attachment */
	struct list recorded; /* gpu_attachment::context_link: not known to the renderer */
	struct list waiting; /* not known either: of blobs that have no memory now */
	struct list attached; /* the others */
	struct gpu_timeline rings[VIRTIO_GPU_MAX_RINGS];
};

struct gpu_attachment {
	struct list context_link;
	struct list resource_link; /* gpu_resource::attachments */
	struct gpu_context *context;
	struct gpu_resource *resource;
	bool recorded; /* also those that wait */
};

/* The context with this id, or NULL. */
struct gpu_context *gpu_context_find(struct gpu_device *device, uint32_t id);

/* Creates a context in a slot that has a renderer; the command is held until that is done. Returns
 * VIRTIO_GPU_RESP_…: id 0 or in use, too many, no memory. */
uint32_t gpu_context_create(struct gpu_slot *slot, const struct renderer_context_args *args,
	struct gpu_command *command);

/* What CTX_DESTROY does. The command is held until the renderer has done it. */
void gpu_context_destroy(struct gpu_context *context, struct gpu_command *command);

/* Forgets a context whose renderer has been told to reset. */
void gpu_context_forget(struct gpu_context *context);

/* Its renderer is gone: marks it lost and drops what is attached. */
void gpu_context_lost(struct gpu_context *context);

struct gpu_context *gpu_context_ref(struct gpu_context *context);
void gpu_context_unref(struct gpu_context *context);

/* Attaches a resource; twice is as good as once. Returns VIRTIO_GPU_RESP_…. */
uint32_t gpu_context_attach(
	struct gpu_context *context, struct gpu_resource *resource, struct gpu_command *command);

/* Detaches a resource if it is attached. */
void gpu_context_detach(struct gpu_context *context, struct gpu_resource *resource);

struct gpu_attachment *gpu_context_attachment(const struct gpu_context *context, uint32_t resource);

/* Tells the renderer of one recorded attachment, realising the resource if need be. -ENOMEM. */
int gpu_attachment_catch_up(struct gpu_attachment *attachment);

/* The same for at most GPU_CATCH_UP of a context: before it does what could use them. True when
 * none is left to be done now. Those that memory is too short for are dropped. */
bool gpu_context_catch_up(struct gpu_context *context);

/* A blob has memory now: its attachments need not wait any more. */
void gpu_attachments_backed(struct gpu_resource *resource);

/* Takes an attachment away without telling a renderer. */
void gpu_attachment_destroy(struct gpu_attachment *attachment);
