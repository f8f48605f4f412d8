/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
#include "renderer/registry.h"

#include <string.h>

#include "util/checked.h"

#define CAPSET(id) (UINT64_C(1) << (id))

enum {
	CAPSET_VIRGL = 1,
	CAPSET_VIRGL2 = 2,
	CAPSET_GFXSTREAM_VULKAN = 3,
	CAPSET_VENUS = 4,
	CAPSET_CROSS_DOMAIN = 5,
	CAPSET_DRM = 6,
	CAPSET_GFXSTREAM_GLES = 8,
	CAPSET_GFXSTREAM_COMPOSER = 9,
};

static const struct renderer_type types[] = {
	{
		.name = "virgl",
		.program = "virtiogpud-render-virgl",
		.folder = "virgl",
		.description = "OpenGL, OpenGL ES and Vulkan through virglrenderer",
		.capsets = CAPSET(CAPSET_VIRGL) | CAPSET(CAPSET_VIRGL2) | CAPSET(CAPSET_VENUS) |
			CAPSET(CAPSET_DRM),
		.server = "virtiogpud-render-venus",
		.server_folder = "venus",
		.server_capsets = CAPSET(CAPSET_VENUS),
		.by_default = true,
		.render_node = true,
	},
	{
		.name = "null",
		.program = "virtiogpud-render-null",
		.folder = "null",
		.description = "no GPU at all, for tests of the device",
		.capsets = CAPSET(CAPSET_VIRGL2),
	},
	{
		.name = "null-export",
		.program = "virtiogpud-render-null",
		.folder = "null",
		.description = "the same with pictures that are exported, for tests of displays",
		.capsets = CAPSET(CAPSET_VIRGL2),
	},
};

static const char *const capset_names[] = {
	[CAPSET_VIRGL] = "virgl",
	[CAPSET_VIRGL2] = "virgl2",
	[CAPSET_GFXSTREAM_VULKAN] = "gfxstream-vulkan",
	[CAPSET_VENUS] = "venus",
	[CAPSET_CROSS_DOMAIN] = "cross-domain",
	[CAPSET_DRM] = "drm",
	[CAPSET_GFXSTREAM_GLES] = "gfxstream-gles",
	[CAPSET_GFXSTREAM_COMPOSER] = "gfxstream-composer",
};

const struct renderer_type *renderer_type_find(const char *name)
{
	for (size_t i = 0; i < ARRAY_SIZE(types); i++)
		if (strcmp(types[i].name, name) == 0)
			return &types[i];
	return NULL;
}

const struct renderer_type *renderer_types(size_t *ret_count)
{
	*ret_count = ARRAY_SIZE(types);
	return types;
}

uint32_t capset_id(const char *name)
{
	for (uint32_t id = 0; id < ARRAY_SIZE(capset_names); id++)
		if (capset_names[id] && strcmp(capset_names[id], name) == 0)
			return id;
	return 0;
}

const char *capset_name(uint32_t id)
{
	return id < ARRAY_SIZE(capset_names) ? capset_names[id] : NULL;
}
