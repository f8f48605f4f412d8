/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/*
 * Guest memory in the hands of renderers.
 *
 * Spans: what a list of guest addresses comes to with one memory table. Pin: spans that are the
 * backing of a resource in one renderer. A region is given to a renderer when the first pin needs
 * it and taken away when the memory table has it no longer and nothing that could use it is under
 * way: the last pin has ended. Until then a table that has it is kept, so it stays mapped here, too.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "gpu/protocol.h"
#include "renderer/renderer.h"
#include "vhost/memory.h"

struct gpu_command;
struct gpu_device;
struct gpu_slot;

/* The regions of the memory table in force under the ids that renderers know them by: never 0 and
 * never used again in this process. Frames have ids of the same kind. */
struct gpu_regions {
	uint32_t last_id;
	uint32_t count;
	struct gpu_region {
		uint32_t id;
		struct vhost_region *region; /* held by the table */
	} entries[VHOST_MEMORY_MAX_REGIONS];
};

uint32_t gpu_regions_new_id(struct gpu_regions *regions);

/* Another table (may be NULL) is in force; the one before must still be there. Regions that both
 * have keep their ids. */
void gpu_regions_update(struct gpu_regions *regions, const struct vhost_memory *memory);

/* True when the table in force has it. */
bool gpu_regions_have(const struct gpu_regions *regions, uint32_t id);

struct gpu_spans {
	uint32_t refs;
	struct vhost_memory *memory; /* a reference; has all of regions */
	uint32_t region_count;
	struct gpu_region regions[VHOST_MEMORY_MAX_REGIONS]; /* each once */
	uint64_t length; /* of all spans together */
	uint32_t count;
	struct renderer_span *spans; /* owned */
};

/* Resolves entries with the device's memory table, merging what is adjacent. One reference to
 * *ret_spans is the caller's. -EFAULT when a byte is not in the table, -EINVAL when there is none
 * at all, -ENOSPC when it comes to more than RENDERER_MAX_SPANS, -ENOMEM. */
int gpu_spans_create(const struct gpu_device *device, const struct virtio_gpu_mem_entry *entries,
	uint32_t count, struct gpu_spans **ret_spans);

struct gpu_spans *gpu_spans_ref(struct gpu_spans *spans);

/* NULL is fine. */
void gpu_spans_unref(struct gpu_spans *spans);

/* The region that one of the spans lies in. */
const struct vhost_region *gpu_spans_region(
	const struct gpu_spans *spans, const struct renderer_span *span);

/* True, with their table replaced, when all that the spans need is in the device's new table,
 * too. */
bool gpu_spans_move(struct gpu_spans *spans, const struct gpu_device *device);

#define GPU_SLOT_REGIONS 200u /* the rest of a renderer's RENDERER_MAX_REGIONS is for frames */

/* What of guest memory a slot's renderer has been given. */
struct gpu_slot_memory {
	uint32_t count;
	struct gpu_slot_region {
		uint32_t id;
		uint32_t pins;
		struct vhost_memory *memory; /* a reference; a table that has it */
	} regions[GPU_SLOT_REGIONS];
};

struct gpu_pin {
	struct gpu_slot *slot;
	uint32_t generation; /* of the slot */
	struct gpu_spans *spans; /* a reference */
	struct gpu_command *begin_command, *end_command; /* held; may be NULL */
	struct renderer_call begin_call, end_call;
	uint32_t calls; /* open ones */
	bool ended;
};

/* Makes spans the backing of a resource that has none in a slot. The command (may be NULL) is held
 * until that is done. NULL: nothing was done; -ENOMEM in effect. */
struct gpu_pin *gpu_pin_create(struct gpu_slot *slot, uint32_t resource, struct gpu_spans *spans,
	struct gpu_command *command);

/* The three ways in which a pin ends; it must not be used after. The command (may be NULL) is held
 * until the memory is not used any more. */

/* The resource gets no backing, or that of the next pin, which must have been made by
 * gpu_pin_replace(). */
void gpu_pin_detach(struct gpu_pin *pin, uint32_t resource, struct gpu_command *command);

/* Ends a pin by putting another in its place. NULL: nothing was done. */
struct gpu_pin *gpu_pin_replace(struct gpu_pin *pin, uint32_t resource, struct gpu_spans *spans);

/* The resource goes (the unref of it is done here). pin may be NULL. */
void gpu_pin_unref_resource(
	struct gpu_slot *slot, struct gpu_pin *pin, uint32_t resource, struct gpu_command *command);

/* Ends a pin whose renderer is gone, never came to know of it, has been reset, or is about to be destroyed. NULL is
 * fine. */
void gpu_pin_forget(struct gpu_pin *pin);

/* The memory table changed: keeps and removes regions accordingly. */
void gpu_slot_memory_changed(struct gpu_slot *slot);

/* The renderer is gone: forgets everything. */
void gpu_slot_memory_lost(struct gpu_slot *slot);
