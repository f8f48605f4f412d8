/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/*
 * overhead [--blocks N] [--frames N] [--least RATIO]: what the sandbox costs a guest that draws.
 *
 * Two daemons, one with its sandbox and one without, each with a guest that draws frames: triangles, a fence
 * that is waited for, a flush whose pixels come to the display. The least favourable kind of guest: nothing is under way while it waits, so each frame wakes every process.
 *
 * BACKEND in the environment is the daemon's command line, without --sandbox. The last line has the medians:
 * how long a frame took, and how much of it the daemon's processes were running. Exit status 1 when one of
 * the two is better without the sandbox by more than --least says.
 */
#include <stdio.h>
#include <stdlib.h>

#include "kit/virgl.h"
#include "pairs.h"
#include "util/checked.h"

#define BGRX      VIRTIO_GPU_FORMAT_B8G8R8X8_UNORM
#define WIDTH     640u
#define HEIGHT    480u
#define FRAME     1u /* the resource that is drawn to and shown */
#define BUFFER    2u
#define CONTEXT   1u
#define FORMAT_R8 64u
#define DRAWS     20u /* in a frame */
#define CORNERS   60u /* in a draw */
#define COMMAND   512u

enum handle {
	SURFACE = 16,
	VERTEX_SHADER,
	FRAGMENT_SHADER,
};

struct side {
	struct pairs_side base;
	char command[COMMAND];
	struct kit_virgl stream;
	uint64_t frames;
};

/* --- the guest ----------------------------------------------------------------------------- */

static void create(struct side *side, uint32_t id, enum kit_virgl_target target, uint32_t format,
	uint32_t bind, uint32_t width, uint32_t height)
{
	const struct virtio_gpu_resource_create_3d args = {
		.resource_id = id,
		.target = target,
		.format = format,
		.bind = bind,
		.width = width,
		.height = height,
		.depth = 1,
		.array_size = 1,
	};
	CHECK_GOOD(side->base.m, kit_gpu_create_3d(&side->base.m->gpu, args));
	CHECK_GOOD(side->base.m, kit_gpu_ctx_attach(&side->base.m->gpu, CONTEXT, id));
}

/* Triangles all over the frame, an eighth of it wide. */
static void add_corners(struct kit_virgl *stream)
{
	float corners[CORNERS][4];
	for (uint32_t i = 0; i < CORNERS; i++) {
		float x = (float)(i / 3 % 5) * 0.4f - 1, y = (float)(i / 15) * 0.5f - 1;
		corners[i][0] = x + (i % 3 == 1 ? 0.25f : 0);
		corners[i][1] = y + (i % 3 == 2 ? 0.25f : 0);
		corners[i][2] = 0;
		corners[i][3] = 1;
	}
	kit_virgl_corners(stream, BUFFER, (const float (*)[4])corners, CORNERS);
}

static void prepare(struct side *side)
{
	static const char vertices[] =
		"VERT\nDCL IN[0]\nDCL OUT[0], POSITION\nDCL OUT[1], GENERIC[0]\n"
		"  0: MOV OUT[0], IN[0]\n  1: MOV OUT[1], IN[0]\n  2: END\n";
	static const char fragments[] =
		"FRAG\nDCL IN[0], GENERIC[0], PERSPECTIVE\nDCL OUT[0], COLOR\nDCL TEMP[0]\n"
		"IMM[0] FLT32 {0.5, 0.5, 0.5, 1.0}\n  0: MUL TEMP[0], IN[0], IMM[0]\n"
		"  1: ADD OUT[0], TEMP[0], IMM[0]\n  2: END\n";
	struct kit_gpu *gpu = &side->base.m->gpu;
	CHECK_GOOD(side->base.m, kit_gpu_ctx_create(gpu, CONTEXT, 0, "overhead"));
	create(side, FRAME, KIT_VIRGL_2D, BGRX, KIT_VIRGL_RENDER_TARGET | KIT_VIRGL_SCANOUT, WIDTH,
		HEIGHT);
	create(side, BUFFER, KIT_VIRGL_BUFFER, FORMAT_R8, KIT_VIRGL_VERTEX_BUFFER,
		CORNERS * 4 * (uint32_t)sizeof(float), 1);
	CHECK_GOOD(side->base.m, kit_gpu_set_scanout(gpu, 0, FRAME, kit_rect(0, 0, WIDTH, HEIGHT)));
	kit_virgl_surface(&side->stream, SURFACE, FRAME, BGRX);
	kit_virgl_framebuffer(&side->stream, SURFACE);
	kit_virgl_state(&side->stream, WIDTH, HEIGHT);
	kit_virgl_shader(&side->stream, VERTEX_SHADER, KIT_VIRGL_VERTICES, vertices);
	kit_virgl_shader(&side->stream, FRAGMENT_SHADER, KIT_VIRGL_FRAGMENTS, fragments);
	add_corners(&side->stream);
	CHECK_GOOD(side->base.m, kit_virgl_submit(gpu, CONTEXT, &side->stream));
}

static void draw(struct pairs_side *base)
{
	struct side *side = container_of(base, struct side, base);
	struct kit_gpu *gpu = &side->base.m->gpu;
	struct virtio_gpu_ctrl_hdr header =
		kit_header_fence(VIRTIO_GPU_CMD_SUBMIT_3D, ++side->frames);
	header.ctx_id = CONTEXT;
	kit_virgl_clear(&side->stream, 0xff000000 | (uint32_t)side->frames * 0x010307);
	for (uint32_t i = 0; i < DRAWS; i++)
		kit_virgl_triangles(&side->stream, CORNERS);
	struct kit_command *command = kit_virgl_send(gpu, header, &side->stream);
	CHECK(command);
	CHECK_GOOD(side->base.m, kit_gpu_complete(gpu, command, NULL, 0));
	CHECK_GOOD(side->base.m, kit_gpu_flush(gpu, FRAME, kit_rect(0, 0, WIDTH, HEIGHT)));
}

static uint32_t shown(const struct side *side, uint32_t x, uint32_t y)
{
	const struct kit_picture *picture = side->base.m->display.scanouts[0].picture;
	return picture ? picture->pixels[y * WIDTH + x] & 0xffffff : 0;
}

/* The picture is there: the last clear's colour where no triangle is, and another one where there is. */
static void check_shown(struct pairs_side *base)
{
	struct side *side = container_of(base, struct side, base);
	uint32_t color = ((uint32_t)side->frames * 0x010307) & 0xffffff;
	uint64_t start = kit_now();
	while (shown(side, WIDTH - 1, 0) != color) {
		CHECK(kit_now() - start < PAIRS_START_MS);
		CHECK_OK(side->base.m, kit_pump(&side->base.m->kit, 1));
	}
	CHECK(shown(side, 2, 2) != color || shown(side, 2, HEIGHT - 3) != color);
}

/* --- the program --------------------------------------------------------------------------- */

static void start(struct side *side, const char *sandbox)
{
	const char *program = getenv("BACKEND");
	CHECK(program);
	int length =
		snprintf(side->command, sizeof(side->command), "%s --sandbox=%s", program, sandbox);
	CHECK(length > 0 && (size_t)length < sizeof(side->command));
	side->base.m = pairs_machine(&(struct kit_machine_spec){
		.command = side->command,
		.profile = &kit_profile_qemu_gpu_all,
		.patience_ms = PAIRS_START_MS,
	});
	side->base.draw = draw;
	side->base.check_shown = check_shown;
	prepare(side);
	pairs_warm_up(&side->base);
}

static bool report(struct pairs *pairs)
{
	double wall = pairs_ratio(pairs, PAIRS_WALL), running = pairs_ratio(pairs, PAIRS_RUNNING);
	printf("overhead: %u pairs of %u frames; a frame took %.0f us without sandbox, %.0f us "
	       "with, "
	       "ratio %.3f; the daemon ran %.0f us, %.0f us, ratio %.3f (at least %.2f wanted)\n",
		pairs->blocks, pairs->frames, pairs_median(pairs, pairs->first, PAIRS_WALL),
		pairs_median(pairs, pairs->second, PAIRS_WALL), wall,
		pairs_median(pairs, pairs->first, PAIRS_RUNNING),
		pairs_median(pairs, pairs->second, PAIRS_RUNNING), running, pairs->least);
	return wall >= pairs->least && running >= pairs->least;
}

int main(int argc, char **argv)
{
	static struct side off, on;
	struct pairs pairs = {
		.first = &off.base,
		.second = &on.base,
		.blocks = 100,
		.frames = 30,
		.least = 0.95,
	};
	setvbuf(stdout, NULL, _IOLBF, 0);
	pairs_parse(&pairs, argc, argv);
	pairs_prepare(&pairs);
	start(&off, "off");
	start(&on, "auto");
	pairs_run(&pairs);
	bool good = report(&pairs);
	good &= pairs_finish(&pairs);
	return good ? EXIT_SUCCESS : EXIT_FAILURE;
}
