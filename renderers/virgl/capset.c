/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "util/checked.h"
#include "util/fd.h"
#include "util/log.h"
#include "virgl.h"

#define CAPSET_VIRGL  1u
#define CAPSET_VIRGL2 2u

/* Offsets in the capsets (struct virgl_caps_v2, whose beginning is virgl_caps_v1). */
#define CAPS_GLSL_LEVEL      264u
#define CAPS_CAPABILITY_BITS 392u
#define CAPS_RENDERER        696u
#define CAPS_RENDERER_SIZE   64u

#define CAP_ARB_BUFFER_STORAGE (1u << 31)

/* Buffers that stay mapped need memory that can be handed out. */
static void take_buffer_storage(uint8_t *data, uint32_t size)
{
	uint32_t bits;
	if (size < CAPS_CAPABILITY_BITS + sizeof(bits))
		return;
	memcpy(&bits, data + CAPS_CAPABILITY_BITS, sizeof(bits));
	bits &= ~CAP_ARB_BUFFER_STORAGE;
	memcpy(data + CAPS_CAPABILITY_BITS, &bits, sizeof(bits));
}

static void log_capabilities(const struct virgl *virgl, const uint8_t *data, uint32_t size)
{
	uint32_t glsl = 0;
	char name[CAPS_RENDERER_SIZE + 1] = "GL";
	if (size >= CAPS_GLSL_LEVEL + sizeof(glsl))
		memcpy(&glsl, data + CAPS_GLSL_LEVEL, sizeof(glsl));
	if (size >= CAPS_RENDERER + CAPS_RENDERER_SIZE)
		memcpy(name, data + CAPS_RENDERER, CAPS_RENDERER_SIZE);
	log_info("virgl: %s, GLSL %u.%02u, %s", name, glsl / 100, glsl % 100,
		library_has_node(virgl->library) ? "on the render node" : "without a render node");
}

static int offer(struct virgl *virgl, uint32_t id)
{
	uint32_t version;
	uint32_t size = library_capset_size(id, &version);
	if (size == 0)
		return 0;
	if (size > RENDERER_MAX_CAPSET_SIZE)
		return -E2BIG;
	_cleanup_free_ uint8_t *data = calloc(1, size);
	if (!data)
		return -ENOMEM;
	library_capset_fill(id, version, data);
	if (id == CAPSET_VIRGL2) {
		if (!library_has_node(virgl->library))
			take_buffer_storage(data, size);
		log_capabilities(virgl, data, size);
	}
	return renderer_add_capset(&virgl->base, id, version, data, size);
}

int virgl_capsets_init(struct virgl *virgl)
{
	static const uint32_t ids[] = { CAPSET_VIRGL, CAPSET_VIRGL2 };
	for (size_t i = 0; i < ARRAY_SIZE(ids); i++) {
		int error = offer(virgl, ids[i]);
		if (error)
			return error;
	}
	return virgl->base.capset_count > 0 ? 0 : -ENODEV;
}
