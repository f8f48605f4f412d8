/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/*
 * A triangle, drawn and read back before any guest is served: so that what the driver loads, starts and
 * compiles with is there before the sandbox is sealed. The stream is what a guest's driver would send, in the
 * language of virglrenderer (virgl_protocol.h).
 */
#include <errno.h>
#include <string.h>

#include "util/checked.h"
#include "util/log.h"
#include "virgl.h"

#define CONTEXT 1u /* at a time when no guest has anything */
#define TARGET  1u
#define BUFFER  2u

#define SIDE         16u
#define PIXEL        0x00ff8040u /* what the fragment shader gives, as BGRX */
#define CAPSET       2u
#define STREAM_WORDS 256u

#define TARGET_2D          2u
#define FORMAT_BGRX        2u
#define FORMAT_R8          64u
#define FORMAT_FLOAT4      31u
#define BIND_RENDER_TARGET (1u << 1)
#define BIND_VERTEX_BUFFER (1u << 4)

enum command {
	CREATE_OBJECT = 1,
	BIND_OBJECT = 2,
	SET_VIEWPORT_STATE = 4,
	SET_FRAMEBUFFER_STATE = 5,
	SET_VERTEX_BUFFERS = 6,
	CLEAR = 7,
	DRAW_VBO = 8,
	RESOURCE_INLINE_WRITE = 9,
	BIND_SHADER = 31,
};

enum object {
	NO_OBJECT,
	BLEND,
	RASTERIZER,
	DSA,
	SHADER,
	VERTEX_ELEMENTS,
	SURFACE = 8,
};

/* Handles of the objects: their kind, but for the shaders. */
enum {
	VERTEX_SHADER = 16,
	FRAGMENT_SHADER,
};

struct stream {
	uint32_t words[STREAM_WORDS];
	uint32_t count;
};

static uint32_t bits_of(float number)
{
	uint32_t bits;
	memcpy(&bits, &number, sizeof(bits));
	return bits;
}

static void add(struct stream *stream, uint32_t head, const void *words, uint32_t count)
{
	stream->words[stream->count++] = head | count << 16;
	memcpy(stream->words + stream->count, words, count * sizeof(uint32_t));
	stream->count += count;
}

#define ADD(stream, command, ...)                                                                  \
	add(stream, (command), (const uint32_t[]){ __VA_ARGS__ },                                  \
		(uint32_t)ARRAY_SIZE(((const uint32_t[]){ __VA_ARGS__ })))
#define CREATE(object) (CREATE_OBJECT | (object) << 8)
#define BIND(object)   (BIND_OBJECT | (object) << 8)

static void add_shader(struct stream *stream, uint32_t handle, uint32_t type, const char *text)
{
	struct {
		uint32_t handle, type, bytes, tokens, outputs;
		char text[200];
	} shader = {
		.handle = handle,
		.type = type,
		.bytes = (uint32_t)strlen(text) + 1,
		.tokens = 100,
	};
	memcpy(shader.text, text, shader.bytes);
	add(stream, CREATE(SHADER), &shader, 5 + (shader.bytes + 3) / 4);
	ADD(stream, BIND_SHADER, handle, type);
}

static void add_target(struct stream *stream)
{
	const uint32_t half = bits_of(SIDE / 2.0f);
	ADD(stream, CREATE(SURFACE), SURFACE, TARGET, FORMAT_BGRX, 0, 0);
	ADD(stream, SET_FRAMEBUFFER_STATE, 1, 0, SURFACE);
	ADD(stream, SET_VIEWPORT_STATE, 0, half, half, bits_of(0.5f), half, half, bits_of(0.5f));
	ADD(stream, CLEAR, 4, 0, 0, 0, 0, 0, 0, 0);
}

static void add_state(struct stream *stream)
{
	const uint32_t all_channels = 0xfu << 27, pixel_centers = 1u << 29;
	const uint32_t one = bits_of(1.0f);
	ADD(stream, CREATE(BLEND), BLEND, 0, 0, all_channels, 0, 0, 0, 0, 0, 0, 0);
	ADD(stream, BIND(BLEND), BLEND);
	ADD(stream, CREATE(DSA), DSA, 0, 0, 0, 0);
	ADD(stream, BIND(DSA), DSA);
	ADD(stream, CREATE(RASTERIZER), RASTERIZER, pixel_centers, one, 0, 0, one, 0, 0, 0);
	ADD(stream, BIND(RASTERIZER), RASTERIZER);
	add_shader(stream, VERTEX_SHADER, 0,
		"VERT\nDCL IN[0]\nDCL OUT[0], POSITION\n  0: MOV OUT[0], IN[0]\n  1: END\n");
	add_shader(stream, FRAGMENT_SHADER, 1,
		"FRAG\nDCL OUT[0], COLOR\nIMM[0] FLT32 {1.0, 0.5, 0.25, 1.0}\n"
		"  0: MOV OUT[0], IMM[0]\n  1: END\n");
}

/* One that covers everything. */
static void add_triangle(struct stream *stream)
{
	static const float corners[] = { -1, -1, 0, 1, 3, -1, 0, 1, -1, 3, 0, 1 };
	struct {
		uint32_t resource, level, usage, stride, layer_stride, x, y, z, w, h, d;
		float corners[ARRAY_SIZE(corners)];
	} write = { .resource = BUFFER, .w = sizeof(corners), .h = 1, .d = 1 };
	memcpy(write.corners, corners, sizeof(corners));
	add(stream, RESOURCE_INLINE_WRITE, &write, (uint32_t)(sizeof(write) / 4));
	ADD(stream, CREATE(VERTEX_ELEMENTS), VERTEX_ELEMENTS, 0, 0, 0, FORMAT_FLOAT4);
	ADD(stream, BIND(VERTEX_ELEMENTS), VERTEX_ELEMENTS);
	ADD(stream, SET_VERTEX_BUFFERS, 4 * sizeof(float), 0, BUFFER);
	ADD(stream, DRAW_VBO, 0, 3, 4, 0, 1, 0, 0, 0, 0, 0, 2, 0);
}

static int make_resource(uint32_t id, uint32_t bind, uint32_t width, uint32_t height)
{
	bool buffer = bind == BIND_VERTEX_BUFFER;
	const struct renderer_resource_args args = {
		.id = id,
		.target = buffer ? 0 : TARGET_2D,
		.format = buffer ? FORMAT_R8 : FORMAT_BGRX,
		.bind = bind,
		.width = width,
		.height = height,
		.depth = 1,
		.array_size = 1,
	};
	int error = library_resource_create(&args);
	if (error == 0)
		library_context_attach(CONTEXT, id);
	return error;
}

static int draw(void)
{
	struct stream stream = { .count = 0 };
	int error = make_resource(TARGET, BIND_RENDER_TARGET, SIDE, SIDE);
	if (error == 0)
		error = make_resource(BUFFER, BIND_VERTEX_BUFFER, 64, 1);
	if (error)
		return error;
	add_target(&stream);
	add_state(&stream);
	add_triangle(&stream);
	return library_submit(CONTEXT, stream.words, stream.count * (uint32_t)sizeof(uint32_t));
}

static int look(void)
{
	uint32_t pixels[SIDE * SIDE] = { 0 };
	const struct iovec piece = { pixels, sizeof(pixels) };
	const struct renderer_transfer_args args = {
		.direction = RENDERER_FROM_HOST,
		.resource = TARGET,
		.context = CONTEXT,
		.stride = SIDE * 4,
		.box = { .w = SIDE, .h = SIDE, .d = 1 },
	};
	int error = library_transfer(&args, &piece, 1);
	if (error)
		return error;
	for (uint32_t i = 0; i < SIDE * SIDE; i++)
		if ((pixels[i] & 0xffffffu) != PIXEL)
			return -EIO;
	return 0;
}

int virgl_warm_up(void)
{
	int error = library_context_create(CONTEXT, CAPSET, "warm-up");
	if (error)
		return error;
	error = draw();
	if (error == 0)
		error = look();
	library_context_destroy(CONTEXT);
	library_resource_unref(TARGET);
	library_resource_unref(BUFFER);
	if (error)
		log_warn("virgl: a first picture does not come out as drawn: %s", strerror(-error));
	return error;
}
