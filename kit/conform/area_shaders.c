/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/*
 * Programs for the GPU that do not end. How long they may run is up to the renderer; the rest of the device
 * does not wait for them, and what was asked for with them is answered in the end.
 */
#include <stdlib.h>

#include "kit/conform/gl.h"
#include "kit/conform/guest.h"

#define BGRX VIRTIO_GPU_FORMAT_B8G8R8X8_UNORM

#define SIDE     128u
#define TARGET   1u
#define VERTICES 2u
#define PATIENCE 40 /* times the time for an answer */

#define FORMAT_R8 64

/* Handles: above those of kit_virgl_state(). */
enum {
	VERTEX_SHADER = 16,
	FRAGMENT_SHADER,
	SURFACE_HANDLE,
};

static const char *const shader_names[] = { "of_fragments", "of_vertices", NULL };

/* Vertex and fragment shader of each variant. */
static const char *const shaders[][2] = {
	{ "VERT\nDCL IN[0]\nDCL OUT[0], POSITION\n  0: MOV OUT[0], IN[0]\n  1: END\n",
		"FRAG\nDCL OUT[0], COLOR\nDCL TEMP[0]\nIMM[0] FLT32 {1.0, 0.5, 0.25, 1.0}\n"
		"  0: MOV TEMP[0], IMM[0]\n  1: BGNLOOP :4\n  2: ADD TEMP[0], TEMP[0], IMM[0]\n"
		"  3: ENDLOOP :1\n  4: MOV OUT[0], TEMP[0]\n  5: END\n" },
	{ "VERT\nDCL IN[0]\nDCL OUT[0], POSITION\nDCL TEMP[0]\n  0: MOV TEMP[0], IN[0]\n"
	  "  1: BGNLOOP :4\n  2: ADD TEMP[0], TEMP[0], IN[0]\n  3: ENDLOOP :1\n"
	  "  4: MOV OUT[0], TEMP[0]\n  5: END\n",
		"FRAG\nDCL OUT[0], COLOR\nIMM[0] FLT32 {1.0, 0.5, 0.25, 1.0}\n"
		"  0: MOV OUT[0], IMM[0]\n  1: END\n" },
};

/* A triangle that covers everything. */
static void add_triangle(struct kit_virgl *stream)
{
	static const float corners[3][4] = { { -1, -1, 0, 1 }, { 3, -1, 0, 1 }, { -1, 3, 0, 1 } };
	kit_virgl_corners(stream, VERTICES, corners, ARRAY_SIZE(corners));
	kit_virgl_triangles(stream, ARRAY_SIZE(corners));
}

static void make_buffer(struct kit_machine *m)
{
	const struct virtio_gpu_resource_create_3d buffer = {
		.resource_id = VERTICES,
		.target = KIT_VIRGL_BUFFER,
		.format = FORMAT_R8,
		.bind = KIT_VIRGL_VERTEX_BUFFER,
		.width = 64,
		.height = 1,
		.depth = 1,
		.array_size = 1,
	};
	CHECK_GOOD(m, kit_gpu_create_3d(&m->gpu, buffer));
	CHECK_GOOD(m, kit_gpu_ctx_attach(&m->gpu, GL_CONTEXT, VERTICES));
}

/* The renderer may have been replaced; contexts can be had as before. */
static void check_draws(struct kit_machine *m)
{
	CHECK_OK(m, kit_gpu_ctx_destroy(&m->gpu, GL_CONTEXT));
	gl_context(m, GL_CONTEXT);
	struct kit_surface s = gl_texture(m, 9, BGRX, 16, 16);
	struct kit_picture *picture = kit_picture_create(16, 16);
	CHECK(picture);
	kit_picture_fill(picture, kit_rect(0, 0, 16, 16), 0x55aa33);
	gl_clear(m, &s, 0xff55aa33);
	gl_check_picture(m, &s, picture);
	kit_picture_destroy(picture);
	kit_surface_finish(&s);
}

static void endless(struct conform *c)
{
	struct kit_machine *m = gl_machine(c);
	struct kit_surface s = gl_texture(m, TARGET, BGRX, SIDE, SIDE);
	struct kit_virgl *stream = calloc(1, sizeof(*stream));
	int timeout_ms = m->kit.timeout_ms;
	CHECK(stream);
	make_buffer(m);
	kit_virgl_surface(stream, SURFACE_HANDLE, TARGET, BGRX);
	kit_virgl_framebuffer(stream, SURFACE_HANDLE);
	kit_virgl_state(stream, SIDE, SIDE);
	kit_virgl_shader(stream, VERTEX_SHADER, KIT_VIRGL_VERTICES, shaders[c->variant][0]);
	kit_virgl_shader(stream, FRAGMENT_SHADER, KIT_VIRGL_FRAGMENTS, shaders[c->variant][1]);
	add_triangle(stream);
	struct virtio_gpu_ctrl_hdr header = kit_header_fence(VIRTIO_GPU_CMD_SUBMIT_3D, 1);
	header.ctx_id = GL_CONTEXT;
	struct kit_command *command = kit_virgl_send(&m->gpu, header, stream);
	CHECK(command);
	conform_check_alive(m);
	conform_check_cursor(m);
	m->kit.timeout_ms = timeout_ms * PATIENCE;
	CHECK_OK(m, kit_gpu_complete(&m->gpu, command, NULL, 0));
	check_draws(m);
	m->kit.timeout_ms = timeout_ms;
	free(stream);
	kit_surface_finish(&s);
	conform_end(c, m);
}

static const struct conform_case cases[] = {
	{ "endless", "a program that does not end is its own trouble, and nobody waits for it",
		endless, shader_names, .needs = CONFORM_NEEDS_VIRGL },
};
DEFINE_HOSTILE_AREA(shaders, cases);
