/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/*
 * The display in charge and what is known of its outputs. A VMM brings a display with its session,
 * and another one with each start of the device; while it has none the viewer's is in charge, if
 * there is one. GET_DISPLAY_INFO and GET_EDID are asked there and answered when the reply comes;
 * without a display, or when it does not answer, from what is known and the device's arguments.
 *
 * A VMM that has a display tells the guest itself when that changes. Otherwise this is done here: a
 * viewer is asked for its modes when it comes, and the guest is told to ask again when they, or what
 * is left when the viewer has gone for a while, are others than it knows. A viewer whose modes change
 * connects anew. It has no more outputs than the device was made with, as the guest has been told
 * their number.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "display/display.h"

struct gpu_command;
struct gpu_device;

#define GPU_VIEWER_GONE_MS 250u /* one that connects anew sooner than this has not gone */

enum gpu_display_owner { GPU_DISPLAY_SESSION, GPU_DISPLAY_VIEWER, GPU_DISPLAY_OWNERS };

struct gpu_outputs {
	struct gpu_display_place {
		struct gpu_device *device;
		struct display *display; /* owned; may be NULL */
	} places[GPU_DISPLAY_OWNERS];
	struct display *active; /* one of them, or NULL */
	struct loop_source *check; /* timer: are they what the guest knows? */
	bool session_shows; /* the VMM of this session brings displays */
	bool modes_known; /* from the active display */
	struct display_mode modes[DISPLAY_MAX_SCANOUTS];
};

/* -ENOMEM. */
int gpu_outputs_init(struct gpu_device *device);
void gpu_outputs_finish(struct gpu_device *device);

/* Puts a display with this socket (taken; -1: none) in the place of the owner's. */
void gpu_outputs_set(struct gpu_device *device, enum gpu_display_owner owner, int sock);

/* See display_release_memory(). */
void gpu_outputs_release_memory(struct gpu_device *device, const void *owner);

/* They may be others than the guest knows: looks at that when a viewer has had time to come. */
void gpu_outputs_check_soon(struct gpu_device *device);

/* A mode as the guest is told of it. */
struct virtio_gpu_display_one gpu_output_describe(const struct display_mode *mode);

/* Answer the command, now or later. */
uint32_t gpu_outputs_get_info(struct gpu_command *command);
uint32_t gpu_outputs_get_edid(struct gpu_command *command);
