/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/*
 * One command of the guest, from the request to the answer.
 *
 * Life: create → start (header and fixed part are copied out once and judged, the handler runs) →
 * settled (nothing it holds on to is under way any more) → answered (at once, or when its turn on a
 * fence timeline comes) → freed. The answer is given exactly once. When it has to be given early
 * (gpu_commands_abort), the command stays as an orphan until the last thing under way is finished.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "gpu/protocol.h"
#include "renderer/renderer.h"
#include "util/list.h"

struct display;
struct gpu_context;
struct gpu_device;
struct gpu_slot;
struct gpu_timeline;
struct vq_request;
struct gpu_command;

/* The part of a request that has a fixed size, as the guest wrote it. */
union gpu_request {
	struct virtio_gpu_ctrl_hdr header;
	struct virtio_gpu_get_edid get_edid;
	struct virtio_gpu_resource_create_2d create_2d;
	struct virtio_gpu_resource_unref unref;
	struct virtio_gpu_set_scanout set_scanout;
	struct virtio_gpu_resource_flush flush;
	struct virtio_gpu_transfer_to_host_2d transfer_2d;
	struct virtio_gpu_resource_attach_backing attach_backing;
	struct virtio_gpu_resource_detach_backing detach_backing;
	struct virtio_gpu_get_capset_info get_capset_info;
	struct virtio_gpu_get_capset get_capset;
	struct virtio_gpu_resource_assign_uuid assign_uuid;
	struct virtio_gpu_resource_create_blob create_blob;
	struct virtio_gpu_set_scanout_blob set_scanout_blob;
	struct virtio_gpu_resource_map_blob map_blob;
	struct virtio_gpu_resource_unmap_blob unmap_blob;
	struct virtio_gpu_ctx_create ctx_create;
	struct virtio_gpu_ctx_resource ctx_resource;
	struct virtio_gpu_resource_create_3d create_3d;
	struct virtio_gpu_transfer_host_3d transfer_3d;
	struct virtio_gpu_cmd_submit submit;
	struct virtio_gpu_update_cursor cursor;
};

#define GPU_FEATURE_NONE 64u

/* What a handler returns when it has to go on later, when the renderers have room again: it is then
 * called once more. It must not have read from the request nor hold anything. */
#define GPU_STALLED VIRTIO_GPU_UNDEFINED

/* One row for each type of command (commands.c). */
struct gpu_command_spec {
	uint32_t type;
	const char *name;
	uint16_t request_size; /* of the fixed part */
	uint16_t response_size; /* room the answer needs at least; 0: it may be left out */
	uint8_t feature; /* bit number that must have been chosen, or GPU_FEATURE_NONE */
	uint8_t queues; /* mask of the queues it may come on */
	uint16_t resource_field; /* where the fixed part has the resource's id; 0: nowhere */
	/* Returns VIRTIO_GPU_RESP_…; OK_NODATA also when the outcome is decided later. */
	uint32_t (*handle)(struct gpu_command *command);
};

struct gpu_command {
	struct list link; /* gpu_commands::live or ::unused */
	struct list timeline_link; /* gpu_timeline::commands */
	struct list shared_link; /* gpu_shared::waiters */
	struct gpu_device *device;
	struct vq_request *request; /* owned; NULL once answered */
	const struct gpu_command_spec *spec; /* NULL: no such type */
	union gpu_request fixed;
	uint32_t result; /* VIRTIO_GPU_RESP_… */
	uint32_t holds; /* what must be released before it is settled */
	uint8_t *response; /* owned: room for a header, then the payload; may be NULL */
	size_t response_size;
	struct gpu_slot *slot; /* whose renderer works on it; NULL: nobody's */
	uint32_t generation; /* of the slot then */
	const struct display
		*asked; /* whose answer it waits for: only to be compared; may be NULL */
	struct gpu_timeline *timeline; /* NULL: answered when settled */
	bool fence_counts; /* in gpu_device::fence_count */
	struct gpu_context *context; /* a reference; the one that has the timeline; may be NULL */
	struct renderer_call call, fence_call;
};

struct gpu_commands {
	struct list live;
	struct list unused; /* kept for the next ones */
	uint32_t unused_count;
};

void gpu_commands_init(struct gpu_commands *commands);

/* No command may be live (asserted). */
void gpu_commands_finish(struct gpu_commands *commands);

/* A command without a request, or NULL. */
struct gpu_command *gpu_command_create(struct gpu_device *device);

/* Frees a command that has never been started. */
void gpu_command_discard(struct gpu_command *command);

/* Takes the request and does what it says. The command may be gone afterwards. */
void gpu_command_start(struct gpu_command *command, struct vq_request *request);

/* Runs the handler again of a command that has stalled. */
void gpu_command_resume(struct gpu_command *command);

/* Answers with ERR_UNSPEC every command of the queue with this index that is not answered yet, or
 * of all queues (VIRTIO_GPU_QUEUES). */
void gpu_commands_abort(struct gpu_device *device, uint32_t queue);

/* For handlers and those who work on their behalf: the command is not settled before each hold is
 * released. slot (may be NULL) is whose renderer does the work; a fence follows it there. */
void gpu_command_hold(struct gpu_command *command, struct gpu_slot *slot);

/* status: 0 or -errno, becomes the answer unless an earlier one was an error. command may be NULL
 * (nobody wants to know) and may be gone afterwards. */
void gpu_command_release(struct gpu_command *command, int status);

/* A hold in the form of the command's own renderer_call: at most once in a handler. */
struct renderer_call *gpu_command_call(struct gpu_command *command, struct gpu_slot *slot);

/* Makes the answer `type` with a payload (copied). Returns what the handler returns: type, or
 * ERR_OUT_OF_MEMORY. Also for use before a release, on a command without an error so far. */
uint32_t gpu_command_answer(
	struct gpu_command *command, uint32_t type, const void *payload, size_t size);

/* Settled and waiting for its turn. */
bool gpu_command_settled(const struct gpu_command *command);

/* For fence.c: gives the answer of a settled command and frees it. */
void gpu_command_complete(struct gpu_command *command);

/* The answer for a negative errno of a renderer. */
uint32_t gpu_result_from_errno(int status);
