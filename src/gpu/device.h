/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/*
 * The virtio-gpu device (virtio 1.4, section 5.7): everything a guest can see of it. One lives as
 * long as its process and serves one VMM's session after another.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "gpu/protocol.h"
#include "renderer/renderer.h"
#include "vhost/session.h"

struct gpu_device;
struct loop;

/* What a guest may take of the host; over a limit its command gets ERR_OUT_OF_MEMORY. */
struct gpu_limits {
	uint32_t resources;
	uint32_t blobs; /* of the resources */
	uint32_t contexts;
	uint32_t attachments; /* of resources to contexts */
	uint32_t mappings; /* of blobs of renderers, into the guest */
	uint32_t fences; /* fenced commands that are not answered yet */
	uint32_t submit_bytes; /* of one command stream; at most RENDERER_MAX_SUBMIT */
	uint32_t backing_entries; /* of one resource; at most RENDERER_MAX_SPANS */
	uint32_t backing_total; /* entries of all resources together */
	uint64_t host_bytes; /* of 2D resources in the device process; as much again of frames */
	uint64_t renderer_bytes; /* of resources in renderer processes, see gpu_footprint() */
};

#define GPU_LIMITS_DEFAULT                                                                         \
	((struct gpu_limits){                                                                      \
		.resources = 16384,                                                                \
		.blobs = 4096,                                                                     \
		.mappings = 256,                                                                   \
		.contexts = 256,                                                                   \
		.attachments = 131072,                                                             \
		.fences = 16384,                                                                   \
		.submit_bytes = RENDERER_MAX_SUBMIT,                                               \
		.backing_entries = RENDERER_MAX_SPANS,                                             \
		.backing_total = 2u << 20, /* 8 GiB in single pages */                             \
		.host_bytes = UINT64_C(512) << 20,                                                 \
		.renderer_bytes = UINT64_C(8) << 30,                                               \
	})

/* How the device gets renderers for contexts, and memory to share with them. */
struct gpu_renderer_factory {
	/* Starts the renderer called name. The result is the caller's; `ready` comes once from the
	 * loop when its capsets are known, `events->lost` when it is not to be had any more. NULL:
	 * it cannot be started now (logged). Never waits. */
	struct renderer *(*start)(void *data, const char *name,
		const struct renderer_events *events,
		void (*ready)(void *events_data, struct renderer *renderer), void *events_data);
	/* The one of this name that was started last is of no more use, whether it has been destroyed or not yet: whatever
	 * it is doing, it ends, and before another of the name begins. Never waits. */
	void (*end)(void *data, const char *name);
	/* A memfd of at least size bytes (at most what gpu_frame_bytes_max() says), all zero, that nobody
	 * can shrink: the caller's. Or -errno; -EAGAIN: there is none now, gpu_device_memory_came() says
	 * when. Never waits. */
	int (*memory)(void *data, uint64_t size);
	void *data;
};

#define GPU_MAX_RENDERERS 4u

#define GPU_HOST_VISIBLE_BYTES (UINT64_C(8) << 30) /* by default */

#define GPU_RENDERER_READY_MS 20000u
#define GPU_RENDERER_HANG_MS  10000u
#define GPU_RENDERER_LATE_MS  60000u

/* How often a renderer is started: at most so many times in such a time. */
#define GPU_RENDERER_STARTS     3u
#define GPU_RENDERER_STARTS_MS  60000u
#define GPU_RENDERER_STARTS_MAX 64u /* that can be configured */

struct gpu_device_args {
	struct loop *loop;
	struct gpu_limits limits;
	uint32_t scanouts; /* 1..VIRTIO_GPU_MAX_SCANOUTS; a VMM's display may say otherwise */
	uint32_t width, height; /* of each, where no display tells */
	/* Of the window for memory of renderers: a power of two, or 0. */
	uint64_t host_visible_bytes;
	uint64_t capset_mask; /* bit n: capset id n may be offered */
	bool headless; /* displays are not used, even when a VMM brings one */
	struct gpu_renderer_factory factory;
	uint32_t renderer_count;
	const char *renderers[GPU_MAX_RENDERERS]; /* names, best first; static strings */
	/* A renderer that does not say what it can do for so long, or then finishes nothing of what it
	 * was asked, is lost; and so is one that leaves a single thing undone, a fence for example,
	 * for late_ms, whatever else it finishes. In milliseconds; 0: the defaults. */
	uint32_t renderer_start_ms;
	uint32_t renderer_hang_ms;
	uint32_t renderer_late_ms;
	uint32_t
		renderer_starts; /* in renderer_starts_ms; at most GPU_RENDERER_STARTS_MAX; 0: the default */
	uint32_t renderer_starts_ms; /* 0: the default */
	/* All renderers have said what they can do, or have failed to: sessions may be served.
	 * Called once, from the loop. */
	void (*ready)(void *data);
	void *data;
};

/* NULL when memory is short. Starts the renderers. */
struct gpu_device *gpu_device_create(const struct gpu_device_args *args);

/* No session may be open. NULL is fine. */
void gpu_device_destroy(struct gpu_device *device);

/* The transport's view of a device: `device` of the calls is a struct gpu_device. */
extern const struct vhost_device_impl gpu_device_impl;

/* The session now served, set right after vhost_session_create() and before the loop runs again;
 * NULL when it has ended (impl->closed has been called before). */
void gpu_device_set_session(struct gpu_device *device, struct vhost_session *session);

/* The kernel's means to make dma-bufs of guest memory: /dev/udmabuf. Takes fd. */
void gpu_device_set_udmabuf(struct gpu_device *device, int fd);

/* The factory has memory again. */
void gpu_device_memory_came(struct gpu_device *device);

/* The most that a device with these limits asks the factory for at once. */
uint64_t gpu_frame_bytes_max(const struct gpu_limits *limits);

/* A display for all sessions that bring none of their own: a viewer's socket. Takes sock. */
void gpu_device_set_viewer(struct gpu_device *device, int sock);
