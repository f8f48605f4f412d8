/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/*
 * Cursors (virtio 1.4, 5.7.6.10), one for each scanout. The image is copied when UPDATE_CURSOR
 * comes (of a blob, its first bytes as 64 x 64 pixels of B8G8R8A8 without gaps); where the
 * resource lives in another process it is read back, which the command does not wait for.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "gpu/protocol.h"

struct display;
struct gpu_cursor_read;
struct gpu_device;
struct gpu_frame;
struct gpu_resource;
struct image;

struct gpu_cursor {
	bool visible;
	uint32_t x, y, hot_x, hot_y;
	struct image *image; /* owned; side x side pixels; NULL: never had one */
	struct gpu_frame *frame; /* a reference; may be NULL */
	struct gpu_cursor_read *read; /* under way; may be NULL */
	uint32_t next_resource; /* to be read back after that, or when there is memory; 0: none */
};

/* Scanout ids are valid. Returns VIRTIO_GPU_RESP_…. */
uint32_t gpu_cursor_update(
	struct gpu_device *device, const struct virtio_gpu_update_cursor *update);
void gpu_cursor_move(struct gpu_device *device, const struct virtio_gpu_cursor_pos *position);

/* Makes a cursor like one that was saved, and shows it. Takes like->image (may be NULL; else side x
 * side pixels, ARGB8888); its last three members do not count. There must be no image yet. */
void gpu_cursor_restore(struct gpu_device *device, uint32_t id, const struct gpu_cursor *like);

/* True when an image is still being read back. */
bool gpu_cursors_busy(const struct gpu_device *device);

/* The resource with this id is gone. */
void gpu_cursors_forget(struct gpu_device *device, uint32_t resource);

/* Reads back what memory was missing for. */
void gpu_cursors_memory_came(struct gpu_device *device);

/* Hides all cursors and forgets their images. */
void gpu_cursors_reset(struct gpu_device *device);

/* Another display is in charge, which knows nothing: what is visible is sent to it, and hidden on
 * the one left behind (may be NULL). */
void gpu_cursors_display_changed(struct gpu_device *device, struct display *left);
