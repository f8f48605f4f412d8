/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/*
 * EVENT_DISPLAY (virtio 1.4, 5.7.4 and 5.7.5): the guest is told that its outputs are not any more
 * what GET_DISPLAY_INFO said last. A guest that has never asked is not told.
 *
 * The VMM hears of it with CONFIG_CHANGE_MSG; one it has not looked into yet is enough. A guest may
 * ask, and see the outputs change once more before it clears the event that it asked for: that must
 * not be lost, so the event is then raised anew.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "display/display.h"

struct gpu_device;

struct gpu_events {
	uint32_t raised; /* events_read of the configuration space */
	bool asked; /* the guest has, ever */
	/* What it was told last, or when it was last told to ask. */
	struct display_mode known[DISPLAY_MAX_SCANOUTS];
	bool answered; /* it has asked since the event was raised */
	bool again; /* raised once more after that: it has to outlive being cleared */
	bool announced; /* the VMM was told and has not read the configuration since */
};

/* The guest begins anew. */
void gpu_events_reset(struct gpu_device *device);

/* The guest was told modes[DISPLAY_MAX_SCANOUTS]. */
void gpu_events_answered(struct gpu_device *device, const struct display_mode *modes);

/* This is what it would be told now: raises the event if that is new. */
void gpu_events_compare(struct gpu_device *device, const struct display_mode *modes);

/* The VMM reads the configuration: events_read. */
uint32_t gpu_events_read(struct gpu_device *device);

/* The guest wrote events_clear. */
void gpu_events_clear(struct gpu_device *device, uint32_t events);
