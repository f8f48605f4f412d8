/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/*
 * The display in charge and what is known of its outputs. A VMM brings a display with its session,
 * and another one with each start of the device; while it has none the viewer's is in charge, if
 * there is one. GET_DISPLAY_INFO and GET_EDID are asked there and answered when the reply comes;
 * without a display, or when it does not answer, from what is known and the device's arguments.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "display/display.h"

struct gpu_command;
struct gpu_device;

enum gpu_display_owner { GPU_DISPLAY_SESSION, GPU_DISPLAY_VIEWER, GPU_DISPLAY_OWNERS };

struct gpu_outputs {
	struct gpu_display_place {
		struct gpu_device *device;
		struct display *display; /* owned; may be NULL */
	} places[GPU_DISPLAY_OWNERS];
	struct display *active; /* one of them, or NULL */
	bool modes_known; /* from the active display */
	struct display_mode modes[DISPLAY_MAX_SCANOUTS];
};

void gpu_outputs_init(struct gpu_device *device);

/* Puts a display with this socket (taken; -1: none) in the place of the owner's. */
void gpu_outputs_set(struct gpu_device *device, enum gpu_display_owner owner, int sock);

/* Answer the command, now or later. */
uint32_t gpu_outputs_get_info(struct gpu_command *command);
uint32_t gpu_outputs_get_edid(struct gpu_command *command);
