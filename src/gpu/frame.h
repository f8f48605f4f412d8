/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/*
 * Shared memory for pictures. A renderer reads pixels back into it, for scanouts and cursors whose
 * resource lives in a renderer that shares no image with us; and a display that takes shared memory looks at
 * it.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "gpu/renderers.h"
#include "util/image.h"

struct gpu_frame {
	uint32_t refs;
	struct gpu_device *device;
	struct image *image; /* a reference: the pixels, rows without gaps */
	struct image
		*memory; /* a reference: the same for displays; NULL until gpu_frame_memory() */
	uint32_t region;
	int fd; /* owned */
	uint64_t size;
	bool written; /* by this process */
	uint32_t given[GPU_MAX_SLOTS]; /* generation of the slot that has the region; 0: none */
};

/* A frame of width x height pixels (1..IMAGE_MAX_SIDE each), or NULL and errno: no memory, or all frames
 * together would take more than the device's limit of host_bytes. EAGAIN: not before memory has come. */
struct gpu_frame *gpu_frame_create(struct gpu_device *device, uint32_t width, uint32_t height);

struct gpu_frame *gpu_frame_ref(struct gpu_frame *frame);

/* NULL is fine. The last one takes the region away from the renderers; the pixels stay for whoever
 * has a reference to the image. */
void gpu_frame_unref(struct gpu_frame *frame);

/* The frame as displays take it, an IMAGE_DMABUF of shared memory; it lives as long as the frame. NULL: no
 * memory, or no descriptor. */
struct image *gpu_frame_memory(struct gpu_frame *frame);

/* True when nobody but this renderer can have written to the frame; NULL: nobody but this process. */
bool gpu_frame_is_for(const struct gpu_frame *frame, const struct gpu_slot *slot);

/* Reads rect of a resource back to (x, y) of the frame, which must have room for it. The frame and
 * what it is for must be kept until the call is finished. */
struct gpu_frame_read {
	struct gpu_slot *slot; /* has a renderer */
	uint32_t resource;
	struct rect rect;
	uint32_t x, y;
};
void gpu_frame_read_back(
	struct gpu_frame *frame, const struct gpu_frame_read *read, struct renderer_call *call);
