/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/* What cases of 3D share: contexts of virgl, textures with backing, what is in them. */
#pragma once

#include "kit/conform/conform.h"
#include "kit/virgl.h"

#define GL_CONTEXT 1u

/* A machine with context GL_CONTEXT, of the newest virgl. */
struct kit_machine *gl_machine(struct conform *c);

/* Another context of the same kind. */
void gl_context(struct kit_machine *machine, uint32_t ctx_id);

/* The arguments of a 2D texture (target 2D, one level) that can be drawn to. */
struct virtio_gpu_resource_create_3d gl_texture_args(
	uint32_t id, uint32_t format, uint32_t width, uint32_t height);

/* The same for one that is to be shown: row 0 is its top. */
struct virtio_gpu_resource_create_3d gl_framebuffer_args(
	uint32_t id, uint32_t format, uint32_t width, uint32_t height);

/* A texture as kit_surface has 2D resources: created, backed by its size, attached to GL_CONTEXT. */
struct kit_surface gl_texture(
	struct kit_machine *machine, uint32_t id, uint32_t format, uint32_t width, uint32_t height);

struct kit_surface gl_framebuffer(
	struct kit_machine *machine, uint32_t id, uint32_t format, uint32_t width, uint32_t height);

/* The same for any kind of resource, with size bytes of backing in chunks (0: one). */
struct kit_surface gl_resource(struct kit_machine *machine,
	const struct virtio_gpu_resource_create_3d *args, uint64_t size, uint32_t chunk);

/* Transfers between backing (rows of the box without gaps, from offset on) and resource. */
int gl_upload(struct kit_machine *machine, const struct kit_virgl_box *box, uint64_t offset);
int gl_download(struct kit_machine *machine, const struct kit_virgl_box *box, uint64_t offset);

/* All of a texture's level 0. */
struct kit_virgl_box gl_whole(const struct kit_surface *surface);

/* The texture is this picture: downloads it into its backing and compares. */
void gl_check_picture(struct kit_machine *machine, struct kit_surface *surface,
	const struct kit_picture *expected);

/* Fills a texture in GL_CONTEXT: 0xaarrggbb. */
void gl_clear(struct kit_machine *machine, const struct kit_surface *surface, uint32_t color);
