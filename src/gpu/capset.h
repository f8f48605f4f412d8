/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/*
 * Capability sets (virtio 1.4, 5.7.6.8): what the driver is told of the renderers, and which
 * renderer a context goes to. They are copied from a renderer when it is ready, so they stay the
 * same for the guest while it is being replaced. Where two renderers have the same one the first
 * counts.
 */
#pragma once

#include <stdint.h>

#include "renderer/renderer.h"

struct gpu_device;
struct gpu_slot;

struct gpu_capset_list {
	uint32_t count;
	struct renderer_capset sets[RENDERER_MAX_CAPSETS]; /* data is owned */
};

/* Replaces the list by those of a renderer that the device's capset mask allows. -ENOMEM: it is as
 * before. */
int gpu_capsets_load(struct gpu_capset_list *list, const struct renderer *renderer, uint64_t mask);

void gpu_capsets_finish(struct gpu_capset_list *list);

/* How many the device has in all. */
uint32_t gpu_capset_count(struct gpu_device *device);

/* The one with this index (less than the count), or NULL. */
const struct renderer_capset *gpu_capset_at(struct gpu_device *device, uint32_t index);

/* The one with this id and the slot that has it; NULL when there is none. */
const struct renderer_capset *gpu_capset_find(
	struct gpu_device *device, uint32_t id, struct gpu_slot **ret_slot);
