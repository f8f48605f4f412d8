/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "util/checked.h"
#include "util/fd.h"
#include "util/log.h"
#include "virgl.h"

/* Offsets in the capsets (struct virgl_caps_v2, whose beginning is virgl_caps_v1). */
#define CAPS_GLSL_LEVEL      264u
#define CAPS_CAPABILITY_BITS 392u
#define CAPS_RENDERER        696u
#define CAPS_RENDERER_SIZE   64u

#define CAP_HOST_IS_GLES       (1u << 19)
#define CAP_ARB_BUFFER_STORAGE (1u << 31)

static uint32_t read_word(const uint8_t *data, uint32_t size, uint32_t offset)
{
	uint32_t word = 0;
	if (range_inside(offset, sizeof(word), size))
		memcpy(&word, data + offset, sizeof(word));
	return word;
}

/* Buffers that stay mapped need memory that can be handed out. */
static void take_buffer_storage(uint8_t *data, uint32_t size)
{
	uint32_t bits = read_word(data, size, CAPS_CAPABILITY_BITS) & ~CAP_ARB_BUFFER_STORAGE;
	if (range_inside(CAPS_CAPABILITY_BITS, sizeof(bits), size))
		memcpy(data + CAPS_CAPABILITY_BITS, &bits, sizeof(bits));
}

static void log_capabilities(const struct virgl *virgl, const uint8_t *data, uint32_t size)
{
	uint32_t glsl = read_word(data, size, CAPS_GLSL_LEVEL);
	uint32_t bits = read_word(data, size, CAPS_CAPABILITY_BITS);
	char name[CAPS_RENDERER_SIZE + 1] = "unknown";
	if (range_inside(CAPS_RENDERER, CAPS_RENDERER_SIZE, size))
		memcpy(name, data + CAPS_RENDERER, CAPS_RENDERER_SIZE);
	log_info("virgl: OpenGL%s, GLSL %u.%02u, by %s, %s a render node",
		bits & CAP_HOST_IS_GLES ? " ES" : "", glsl / 100, glsl % 100, name,
		library_has_node(virgl->library) ? "on" : "without");
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
	if (id == CAPSET_VENUS && read_word(data, size, 0) == 0)
		return 0; /* its first word, the wire format's version */
	if (id == CAPSET_VIRGL2) {
		if (!library_has_node(virgl->library))
			take_buffer_storage(data, size);
		log_capabilities(virgl, data, size);
	}
	return renderer_add_capset(&virgl->base, id, version, data, size);
}

int virgl_capsets_init(struct virgl *virgl)
{
	static const uint32_t ids[] = { CAPSET_VIRGL, CAPSET_VIRGL2, CAPSET_VENUS, CAPSET_DRM };
	for (size_t i = 0; i < ARRAY_SIZE(ids); i++) {
		/* The library has a size for it in any case. */
		bool has = ids[i] != CAPSET_VENUS || library_has_vulkan(virgl->library);
		int error = has ? offer(virgl, ids[i]) : 0;
		if (error)
			return error;
	}
	return virgl->base.capset_count > 0 ? 0 : -ENODEV;
}
