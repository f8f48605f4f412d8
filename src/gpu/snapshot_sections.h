/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/*
 * The table of the sections that a state is made of: how each is made of what the device has, and what
 * the device is to have because of it. Only for snapshot.c.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "gpu/snapshot.h"

struct gpu_device;
struct image;
struct list;

#define GPU_SECTION_BLOCKS 2u

/* One section: the struct of its type, and what comes behind it, where it lies in memory. */
struct gpu_section {
	union {
		struct gpu_snapshot_session session;
		struct gpu_snapshot_device device;
		struct gpu_snapshot_outputs outputs;
		struct gpu_snapshot_resource_2d resource_2d;
		struct gpu_snapshot_blob blob;
		struct gpu_snapshot_uuid uuid;
		struct gpu_snapshot_scanout scanout;
		struct gpu_snapshot_scanout_blob scanout_blob;
		struct gpu_snapshot_cursor cursor;
	} fixed;
	struct gpu_section_block {
		uint8_t *bytes;
		uint64_t size;
	} blocks[GPU_SECTION_BLOCKS];
};

/* What sections need to know of the state that is being saved or loaded. */
struct gpu_sections {
	struct gpu_device *device;
	struct vhost_session_state session;
	uint32_t
		position; /* in the sections of the type at hand: 0 at first, then the section's own */
	struct list *link; /* likewise; NULL at first */

	/* loading: what the section at hand has made, and not given to the device yet */
	struct virtio_gpu_mem_entry *entries; /* owned */
	struct image *image; /* owned */
	char text[96];
};

struct gpu_section_spec {
	uint32_t type;
	const char *name;
	bool once;
	uint16_t fixed_size;
	/* Makes the next section of this type of what the device has; false: there is none. The
	 * blocks are to stay where they are until the next call. */
	bool (*save)(struct gpu_sections *sections, struct gpu_section *section);
	/* The struct has come: judges it, and says in blocks where the rest of the section is to go.
	 * What is wrong with it, or NULL. */
	const char *(*load)(struct gpu_sections *sections, struct gpu_section *section);
	/* The rest is there. As load(); may be NULL. */
	const char *(*loaded)(struct gpu_sections *sections, struct gpu_section *section);
};

extern const struct gpu_section_spec gpu_section_specs[];
extern const size_t gpu_section_spec_count;

/* Why the device cannot be saved now ("while …"), or NULL. */
const char *gpu_sections_unsaved(const struct gpu_device *device);

/* Frees what a section that was not loaded to its end has made. */
void gpu_sections_finish(struct gpu_sections *sections);
