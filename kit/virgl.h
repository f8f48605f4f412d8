/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/*
 * A writer of virgl command streams: the few commands that show whether a renderer of OpenGL works.
 * A command is a word with its number, an object type and the number of words that follow. Formats,
 * targets and bindings are gallium's numbers.
 */
#pragma once

#include "kit/gpu.h"

#define KIT_VIRGL_MAX_WORDS 16384u

enum kit_virgl_target {
	KIT_VIRGL_BUFFER = 0,
	KIT_VIRGL_1D = 1,
	KIT_VIRGL_2D = 2,
	KIT_VIRGL_3D = 3,
	KIT_VIRGL_CUBE = 4,
	KIT_VIRGL_RECT = 5,
	KIT_VIRGL_1D_ARRAY = 6,
	KIT_VIRGL_2D_ARRAY = 7,
};

enum kit_virgl_bind {
	KIT_VIRGL_RENDER_TARGET = 1 << 1,
	KIT_VIRGL_SAMPLER_VIEW = 1 << 3,
	KIT_VIRGL_VERTEX_BUFFER = 1 << 4,
	KIT_VIRGL_SCANOUT = 1 << 18,
};

enum kit_virgl_number {
	KIT_VIRGL_NOP = 0,
	KIT_VIRGL_CREATE_OBJECT = 1,
	KIT_VIRGL_BIND_OBJECT = 2,
	KIT_VIRGL_DESTROY_OBJECT = 3,
	KIT_VIRGL_SET_VIEWPORT_STATE = 4,
	KIT_VIRGL_SET_FRAMEBUFFER_STATE = 5,
	KIT_VIRGL_SET_VERTEX_BUFFERS = 6,
	KIT_VIRGL_CLEAR = 7,
	KIT_VIRGL_DRAW_VBO = 8,
	KIT_VIRGL_RESOURCE_INLINE_WRITE = 9,
	KIT_VIRGL_RESOURCE_COPY_REGION = 17,
	KIT_VIRGL_GET_QUERY_RESULT = 21,
	KIT_VIRGL_BIND_SHADER = 31,
	KIT_VIRGL_TRANSFER3D = 43,
	KIT_VIRGL_COPY_TRANSFER3D = 45,
	KIT_VIRGL_GET_MEMORY_INFO = 50,
	KIT_VIRGL_GET_PIPE_RESOURCE_LAYOUT = 63,
};

enum kit_virgl_object {
	KIT_VIRGL_NO_OBJECT,
	KIT_VIRGL_BLEND,
	KIT_VIRGL_RASTERIZER,
	KIT_VIRGL_DSA,
	KIT_VIRGL_SHADER,
	KIT_VIRGL_VERTEX_ELEMENTS,
	KIT_VIRGL_SURFACE = 8,
	KIT_VIRGL_QUERY = 9,
};

/* A stream under construction; zeroed: empty. What does not fit any more makes it `full`. */
struct kit_virgl {
	uint32_t count;
	bool full;
	uint32_t words[KIT_VIRGL_MAX_WORDS];
};

/* Any command: kit_virgl_number, kit_virgl_object, and its words. */
void kit_virgl_command(struct kit_virgl *stream, uint32_t number, uint32_t object,
	const uint32_t *words, uint32_t count);

/* One of `words` words that does nothing. */
void kit_virgl_nop(struct kit_virgl *stream, uint32_t words);

/* Makes a surface (its handle is the caller's to choose) of level 0 of a resource. */
void kit_virgl_surface(
	struct kit_virgl *stream, uint32_t surface, uint32_t resource, uint32_t format);

/* Draws to a surface from now on. */
void kit_virgl_framebuffer(struct kit_virgl *stream, uint32_t surface);

/* Fills what is drawn to: 0xaarrggbb. */
void kit_virgl_clear(struct kit_virgl *stream, uint32_t color);

/* A box of a resource's level, as transfers and copies name it. */
struct kit_virgl_box {
	uint32_t resource, level;
	uint32_t x, y, z, w, h, d;
};

/* The state that a triangle needs: a viewport of this size, all colours written, no test, no culling. Once
 * in a context: the objects' handles are their kinds. */
void kit_virgl_state(struct kit_virgl *stream, uint32_t width, uint32_t height);

enum kit_virgl_stage {
	KIT_VIRGL_VERTICES = 0,
	KIT_VIRGL_FRAGMENTS = 1,
};

/* Makes a shader of a TGSI text (of at most 400 bytes), and uses it from now on. */
void kit_virgl_shader(
	struct kit_virgl *stream, uint32_t handle, enum kit_virgl_stage stage, const char *text);

/* Writes corners (x, y, z, w) into a vertex buffer, and takes vertices from it from now on. Once in a
 * context, like the state. */
void kit_virgl_corners(
	struct kit_virgl *stream, uint32_t buffer, const float (*corners)[4], uint32_t count);

/* Draws count vertices as triangles. */
void kit_virgl_triangles(struct kit_virgl *stream, uint32_t count);

/* Copies a box to (x, y, z) of another resource. */
void kit_virgl_copy(
	struct kit_virgl *stream, const struct kit_virgl_box *from, const struct kit_virgl_box *to);

/* Writes words of pixels, stride bytes in a row, into a box. */
void kit_virgl_inline_write(struct kit_virgl *stream, const struct kit_virgl_box *box,
	uint32_t stride, const uint32_t *pixels, uint32_t count);

/* SUBMIT_3D: the response's type or -errno. The stream is empty afterwards. */
int kit_virgl_submit(struct kit_gpu *gpu, uint32_t ctx_id, struct kit_virgl *stream);

/* The same without waiting; the header says context and fence. */
struct kit_command *kit_virgl_send(
	struct kit_gpu *gpu, struct virtio_gpu_ctrl_hdr header, struct kit_virgl *stream);
