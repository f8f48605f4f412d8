/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/* The areas, in the order in which they are run and shown. */
#include "kit/conform/plan.h"

extern const struct conform_area conform_area_2d;
extern const struct conform_area conform_area_3d;
extern const struct conform_area conform_area_blob;
extern const struct conform_area conform_area_blob_shown;
extern const struct conform_area conform_area_capset;
extern const struct conform_area conform_area_commands;
extern const struct conform_area conform_area_config;
extern const struct conform_area conform_area_context;
extern const struct conform_area conform_area_cursor;
extern const struct conform_area conform_area_display;
extern const struct conform_area conform_area_edid;
extern const struct conform_area conform_area_exhaust;
extern const struct conform_area conform_area_fences;
extern const struct conform_area conform_area_files;
extern const struct conform_area conform_area_floods;
extern const struct conform_area conform_area_handshake;
extern const struct conform_area conform_area_handshake_broken;
extern const struct conform_area conform_area_handshake_messages;
extern const struct conform_area conform_area_host_blob;
extern const struct conform_area conform_area_lifecycle;
extern const struct conform_area conform_area_lifecycle_ends;
extern const struct conform_area conform_area_limits;
extern const struct conform_area conform_area_mapping;
extern const struct conform_area conform_area_mapping_ends;
extern const struct conform_area conform_area_mapping_vmm;
extern const struct conform_area conform_area_memory;
extern const struct conform_area conform_area_numbers;
extern const struct conform_area conform_area_races;
extern const struct conform_area conform_area_rings;
extern const struct conform_area conform_area_rings_broken;
extern const struct conform_area conform_area_scanout;
extern const struct conform_area conform_area_shaders;
extern const struct conform_area conform_area_state;
extern const struct conform_area conform_area_submit;
extern const struct conform_area conform_area_timelines;
extern const struct conform_area conform_area_uuid;
extern const struct conform_area conform_area_venus;

const struct conform_area *const conform_areas[] = {
	&conform_area_handshake,
	&conform_area_handshake_messages,
	&conform_area_handshake_broken,
	&conform_area_config,
	&conform_area_memory,
	&conform_area_rings,
	&conform_area_rings_broken,
	&conform_area_lifecycle,
	&conform_area_lifecycle_ends,
	&conform_area_state,
	&conform_area_2d,
	&conform_area_commands,
	&conform_area_numbers,
	&conform_area_scanout,
	&conform_area_cursor,
	&conform_area_blob,
	&conform_area_blob_shown,
	&conform_area_uuid,
	&conform_area_display,
	&conform_area_edid,
	&conform_area_fences,
	&conform_area_races,
	&conform_area_capset,
	&conform_area_context,
	&conform_area_3d,
	&conform_area_submit,
	&conform_area_shaders,
	&conform_area_timelines,
	&conform_area_host_blob,
	&conform_area_mapping,
	&conform_area_mapping_ends,
	&conform_area_mapping_vmm,
	&conform_area_venus,
	&conform_area_limits,
	&conform_area_exhaust,
	&conform_area_files,
	&conform_area_floods,
};
const size_t conform_area_count = ARRAY_SIZE(conform_areas);
