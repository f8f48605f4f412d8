/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/*
 * Scanouts: which part of which resource an output shows, and how it gets to the display.
 *
 * RESOURCE_FLUSH and SET_SCANOUT only add to the damage of scanouts. At the end of a round,
 * whenever the display can take an update, the damage goes out: straight from the pixels of a
 * blob or of a resource whose home is in this process, as a dma-buf where renderer and display
 * can do that, else by a read back of just the damage into a shared frame. A display that takes shared
 * memory looks at such a frame itself; pixels are copied to one for it, a few MiB in each round. There is one
 * update, copy or read back under way on each scanout; what is flushed meanwhile is gathered for the next.
 * Without a display it is only gathered.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "gpu/blob.h"
#include "gpu/protocol.h"
#include "util/image.h"

struct display;
struct gpu_device;
struct gpu_frame;
struct gpu_resource;
struct gpu_scanout_read;
struct gpu_spans;

enum gpu_scanout_told {
	GPU_TOLD_NOTHING, /* as far as the display knows it is off */
	GPU_TOLD_SIZE, /* display_set_scanout() */
	GPU_TOLD_DMABUF, /* display_set_dmabuf() */
};

struct gpu_scanout {
	struct gpu_resource *resource; /* a reference; NULL: off */
	struct rect rect; /* of the resource; of the picture in a blob */
	struct gpu_blob_layout layout; /* of that picture */
	struct image *view; /* a reference: that picture; may be NULL */
	struct image *dmabuf; /* likewise, as a dma-buf */
	struct rect damage; /* of the scanout: (0, 0) is rect's corner */
	struct gpu_frame *frame; /* a reference; of rect's size; may be NULL */
	struct rect copy; /* what is being copied to it, in several rounds; empty: nothing */
	uint32_t copied; /* of copy, so many rows */
	struct gpu_scanout_read *read; /* under way, maybe for what was shown before; may be NULL */

	enum gpu_scanout_told told;
	uint32_t told_width, told_height; /* GPU_TOLD_SIZE */
	struct image *told_image; /* GPU_TOLD_DMABUF: a reference */
	struct rect told_view;
	bool no_dmabuf; /* the display does not take those of this resource */
};

/* -ENOMEM. */
int gpu_scanouts_init(struct gpu_device *device);

/* All scanouts must be off (asserted). */
void gpu_scanouts_finish(struct gpu_device *device);

/* Shows rect of resource (which covers it) on scanout id, or switches it off: resource NULL.
 * layout is for blobs only, has rect inside it, and room in the blob. */
void gpu_scanout_set(struct gpu_device *device, uint32_t id, struct gpu_resource *resource,
	const struct rect *rect, const struct gpu_blob_layout *layout);

/* True unless the blob is shown, but nowhere in a picture that has rect in it. */
bool gpu_scanouts_may_flush(
	const struct gpu_device *device, const struct gpu_resource *blob, const struct rect *rect);

/* Stops to read the blob's memory. Where it is shown the last picture stays, unless the display
 * reads it from there, or from there still. */
void gpu_scanouts_let_go(
	struct gpu_device *device, const struct gpu_resource *blob, const struct gpu_spans *spans);

/* The same as SET_SCANOUT asks for it (the header does not count). Returns VIRTIO_GPU_RESP_…. */
uint32_t gpu_scanout_show(struct gpu_device *device, const struct virtio_gpu_set_scanout *set);

/* The same of a picture in a blob, as SET_SCANOUT_BLOB asks for it. */
uint32_t gpu_scanout_show_blob(
	struct gpu_device *device, const struct virtio_gpu_set_scanout_blob *set);

/* Damages rect (of the resource, not empty) wherever the resource is shown; NULL: all of it. */
void gpu_scanouts_damage(
	struct gpu_device *device, const struct gpu_resource *resource, const struct rect *rect);

/* Switches off every scanout that shows the resource; NULL: all. */
void gpu_scanouts_off(struct gpu_device *device, const struct gpu_resource *resource);

/* Another display is in charge, which knows nothing: everything shown is sent to it again. On the
 * one left behind (may be NULL) everything is switched off. */
void gpu_scanouts_display_changed(struct gpu_device *device, struct display *left);

/* Sends what can be sent, at the end of this round. */
void gpu_scanouts_push(struct gpu_device *device);
