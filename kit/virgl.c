/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
#include "kit/virgl.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "util/checked.h"

enum {
	CLEAR_COLOR0 = 4,
	INLINE_WRITE_WORDS = 11, /* before the pixels */
	MAX_WORDS = 0xffff, /* of one command */
	FORMAT_FLOAT4 = 31,
	PRIM_TRIANGLES = 4,
	SHADER_WORDS = 5, /* before the text */
	SHADER_BYTES = 400,
	SHADER_TOKENS = 200,
};

static void put(struct kit_virgl *stream, const uint32_t *words, uint32_t count)
{
	if (count > KIT_VIRGL_MAX_WORDS - stream->count) {
		stream->full = true;
		return;
	}
	if (count > 0)
		memcpy(stream->words + stream->count, words, count * sizeof(*words));
	stream->count += count;
}

static void put_header(struct kit_virgl *stream, uint32_t number, uint32_t object, uint32_t count)
{
	const uint32_t header = number | object << 8 | min_u32(count, MAX_WORDS) << 16;
	put(stream, &header, 1);
}

void kit_virgl_command(struct kit_virgl *stream, uint32_t number, uint32_t object,
	const uint32_t *words, uint32_t count)
{
	put_header(stream, number, object, count);
	put(stream, words, count);
}

void kit_virgl_nop(struct kit_virgl *stream, uint32_t words)
{
	const uint32_t zero = 0;
	put_header(stream, KIT_VIRGL_NOP, 0, words);
	for (uint32_t i = 0; i < words; i++)
		put(stream, &zero, 1);
}

void kit_virgl_surface(
	struct kit_virgl *stream, uint32_t surface, uint32_t resource, uint32_t format)
{
	const uint32_t words[] = { surface, resource, format, 0, 0 };
	kit_virgl_command(
		stream, KIT_VIRGL_CREATE_OBJECT, KIT_VIRGL_SURFACE, words, ARRAY_SIZE(words));
}

void kit_virgl_framebuffer(struct kit_virgl *stream, uint32_t surface)
{
	const uint32_t words[] = { 1, 0, surface };
	kit_virgl_command(stream, KIT_VIRGL_SET_FRAMEBUFFER_STATE, 0, words, ARRAY_SIZE(words));
}

void kit_virgl_clear(struct kit_virgl *stream, uint32_t color)
{
	uint32_t words[8] = { CLEAR_COLOR0 };
	const float components[] = {
		(float)(color >> 16 & 0xff) / 255.0f,
		(float)(color >> 8 & 0xff) / 255.0f,
		(float)(color & 0xff) / 255.0f,
		(float)(color >> 24) / 255.0f,
	};
	memcpy(words + 1, components, sizeof(components));
	kit_virgl_command(stream, KIT_VIRGL_CLEAR, 0, words, ARRAY_SIZE(words));
}

#define ADD(stream, number, object, ...)                                                           \
	kit_virgl_command(stream, number, object, (const uint32_t[]){ __VA_ARGS__ },               \
		(uint32_t)ARRAY_SIZE(((const uint32_t[]){ __VA_ARGS__ })))

static uint32_t bits_of(float number)
{
	uint32_t bits;
	memcpy(&bits, &number, sizeof(bits));
	return bits;
}

static void bind(struct kit_virgl *stream, enum kit_virgl_object kind)
{
	ADD(stream, KIT_VIRGL_BIND_OBJECT, kind, kind);
}

void kit_virgl_state(struct kit_virgl *stream, uint32_t width, uint32_t height)
{
	const uint32_t one = bits_of(1.0f), half = bits_of(0.5f);
	const uint32_t x = bits_of((float)width / 2.0f), y = bits_of((float)height / 2.0f);
	ADD(stream, KIT_VIRGL_SET_VIEWPORT_STATE, 0, 0, x, y, half, x, y, half);
	ADD(stream, KIT_VIRGL_CREATE_OBJECT, KIT_VIRGL_BLEND, KIT_VIRGL_BLEND, 0, 0, 0xfu << 27, 0,
		0, 0, 0, 0, 0, 0);
	bind(stream, KIT_VIRGL_BLEND);
	ADD(stream, KIT_VIRGL_CREATE_OBJECT, KIT_VIRGL_DSA, KIT_VIRGL_DSA, 0, 0, 0, 0);
	bind(stream, KIT_VIRGL_DSA);
	ADD(stream, KIT_VIRGL_CREATE_OBJECT, KIT_VIRGL_RASTERIZER, KIT_VIRGL_RASTERIZER, 1u << 29,
		one, 0, 0, one, 0, 0, 0);
	bind(stream, KIT_VIRGL_RASTERIZER);
}

void kit_virgl_shader(
	struct kit_virgl *stream, uint32_t handle, enum kit_virgl_stage stage, const char *text)
{
	uint32_t bytes = (uint32_t)strlen(text) + 1;
	uint32_t words[SHADER_WORDS + SHADER_BYTES / 4] = { handle, stage, bytes, SHADER_TOKENS };
	if (bytes > SHADER_BYTES) {
		stream->full = true;
		return;
	}
	memcpy(words + SHADER_WORDS, text, bytes);
	kit_virgl_command(stream, KIT_VIRGL_CREATE_OBJECT, KIT_VIRGL_SHADER, words,
		SHADER_WORDS + (bytes + 3) / 4);
	ADD(stream, KIT_VIRGL_BIND_SHADER, 0, handle, stage);
}

void kit_virgl_corners(
	struct kit_virgl *stream, uint32_t buffer, const float (*corners)[4], uint32_t count)
{
	const struct kit_virgl_box box = {
		.resource = buffer, .w = count * (uint32_t)sizeof(*corners), .h = 1, .d = 1
	};
	/* floats go over as the words that they are in memory */
	kit_virgl_inline_write(stream, &box, 0, (const uint32_t *)(const void *)corners, 4 * count);
	ADD(stream, KIT_VIRGL_CREATE_OBJECT, KIT_VIRGL_VERTEX_ELEMENTS, KIT_VIRGL_VERTEX_ELEMENTS,
		0, 0, 0, FORMAT_FLOAT4);
	bind(stream, KIT_VIRGL_VERTEX_ELEMENTS);
	ADD(stream, KIT_VIRGL_SET_VERTEX_BUFFERS, 0, sizeof(*corners), 0, buffer);
}

void kit_virgl_triangles(struct kit_virgl *stream, uint32_t count)
{
	ADD(stream, KIT_VIRGL_DRAW_VBO, 0, 0, count, PRIM_TRIANGLES, 0, 1, 0, 0, 0, 0, 0, count - 1,
		0);
}

void kit_virgl_copy(
	struct kit_virgl *stream, const struct kit_virgl_box *from, const struct kit_virgl_box *to)
{
	const uint32_t words[] = { to->resource, to->level, to->x, to->y, to->z, from->resource,
		from->level, from->x, from->y, from->z, from->w, from->h, from->d };
	kit_virgl_command(stream, KIT_VIRGL_RESOURCE_COPY_REGION, 0, words, ARRAY_SIZE(words));
}

void kit_virgl_inline_write(struct kit_virgl *stream, const struct kit_virgl_box *box,
	uint32_t stride, const uint32_t *pixels, uint32_t count)
{
	const uint32_t words[INLINE_WRITE_WORDS] = { box->resource, box->level, 0, stride, 0,
		box->x, box->y, box->z, box->w, box->h, box->d };
	put_header(stream, KIT_VIRGL_RESOURCE_INLINE_WRITE, 0, INLINE_WRITE_WORDS + count);
	put(stream, words, INLINE_WRITE_WORDS);
	put(stream, pixels, count);
}

int kit_virgl_submit(struct kit_gpu *gpu, uint32_t ctx_id, struct kit_virgl *stream)
{
	uint32_t size = stream->count * (uint32_t)sizeof(uint32_t);
	stream->count = 0;
	if (stream->full)
		return kit_fail(gpu->kit, ENOSPC, "the command stream is too long");
	return kit_gpu_submit_3d(gpu, ctx_id, stream->words, size);
}

struct kit_command *kit_virgl_send(
	struct kit_gpu *gpu, struct virtio_gpu_ctrl_hdr header, struct kit_virgl *stream)
{
	uint32_t size = stream->count * (uint32_t)sizeof(uint32_t);
	const struct virtio_gpu_cmd_submit submit = { .hdr = header, .size = size };
	uint8_t *request = malloc(sizeof(submit) + size);
	stream->count = 0;
	if (!request || stream->full) {
		free(request);
		return NULL;
	}
	memcpy(request, &submit, sizeof(submit));
	memcpy(request + sizeof(submit), stream->words, size);
	struct kit_command *command = kit_gpu_submit(gpu, VIRTIO_GPU_QUEUE_CONTROL, request,
		(uint32_t)sizeof(submit) + size, sizeof(struct virtio_gpu_ctrl_hdr));
	free(request);
	return command;
}
