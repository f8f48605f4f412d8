/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/*
 * overhead [--blocks N] [--frames N] [--least RATIO]: what the sandbox costs a guest that draws.
 *
 * Two daemons, one with its sandbox and one without, each with a guest that draws frames: triangles, a fence
 * that is waited for, a flush whose pixels come to the display. Blocks of frames alternate between them and
 * are compared in pairs, so that whatever else the machine does meets both. The least favourable kind of
 * guest: nothing is under way while it waits, so each frame wakes every process.
 *
 * BACKEND in the environment is the daemon's command line, without --sandbox. The last line has the medians:
 * how long a frame took, and how much of it the daemon's processes were running. Exit status 1 when one of
 * the two is better without the sandbox by more than --least says.
 */
#include <dirent.h>
#include <getopt.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "kit/check.h"
#include "kit/virgl.h"
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
#define WARM_UP   20u
#define START_MS  20000
#define MAX_COUNT 100000u
#define COMMAND   512u

enum handle {
	SURFACE = 16,
	VERTEX_SHADER,
	FRAGMENT_SHADER,
};

/* What blocks took, per frame. */
enum measure {
	WALL,
	RUNNING,
	MEASURES,
};

struct side {
	const char *sandbox;
	char command[COMMAND];
	struct kit_machine *m;
	struct kit_virgl stream;
	uint64_t frames;
	double *took_us[MEASURES]; /* per block */
};

struct bench {
	struct side off, on;
	uint32_t blocks, frames;
	double least;
	double *ratios; /* room for one per block */
};

void kit_check_failed(struct kit_place place, const char *format, ...)
{
	va_list args;
	va_start(args, format);
	printf("overhead: FAILED: ");
	vprintf(format, args);
	printf(" (%s:%d)\n", place.file, place.line);
	va_end(args);
	exit(EXIT_FAILURE);
}

void kit_check_error(
	struct kit_place place, struct kit_machine *machine, const char *expression, int error)
{
	kit_check_failed(place, "%s: %s (%s)", expression, strerror(-error), machine->kit.why);
}

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
	CHECK_GOOD(side->m, kit_gpu_create_3d(&side->m->gpu, args));
	CHECK_GOOD(side->m, kit_gpu_ctx_attach(&side->m->gpu, CONTEXT, id));
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
	struct kit_gpu *gpu = &side->m->gpu;
	CHECK_GOOD(side->m, kit_gpu_ctx_create(gpu, CONTEXT, 0, "overhead"));
	create(side, FRAME, KIT_VIRGL_2D, BGRX, KIT_VIRGL_RENDER_TARGET | KIT_VIRGL_SCANOUT, WIDTH,
		HEIGHT);
	create(side, BUFFER, KIT_VIRGL_BUFFER, FORMAT_R8, KIT_VIRGL_VERTEX_BUFFER,
		CORNERS * 4 * (uint32_t)sizeof(float), 1);
	CHECK_GOOD(side->m, kit_gpu_set_scanout(gpu, 0, FRAME, kit_rect(0, 0, WIDTH, HEIGHT)));
	kit_virgl_surface(&side->stream, SURFACE, FRAME, BGRX);
	kit_virgl_framebuffer(&side->stream, SURFACE);
	kit_virgl_state(&side->stream, WIDTH, HEIGHT);
	kit_virgl_shader(&side->stream, VERTEX_SHADER, KIT_VIRGL_VERTICES, vertices);
	kit_virgl_shader(&side->stream, FRAGMENT_SHADER, KIT_VIRGL_FRAGMENTS, fragments);
	add_corners(&side->stream);
	CHECK_GOOD(side->m, kit_virgl_submit(gpu, CONTEXT, &side->stream));
}

static void draw(struct side *side)
{
	struct kit_gpu *gpu = &side->m->gpu;
	struct virtio_gpu_ctrl_hdr header =
		kit_header_fence(VIRTIO_GPU_CMD_SUBMIT_3D, ++side->frames);
	header.ctx_id = CONTEXT;
	kit_virgl_clear(&side->stream, 0xff000000 | (uint32_t)side->frames * 0x010307);
	for (uint32_t i = 0; i < DRAWS; i++)
		kit_virgl_triangles(&side->stream, CORNERS);
	struct kit_command *command = kit_virgl_send(gpu, header, &side->stream);
	CHECK(command);
	CHECK_GOOD(side->m, kit_gpu_complete(gpu, command, NULL, 0));
	CHECK_GOOD(side->m, kit_gpu_flush(gpu, FRAME, kit_rect(0, 0, WIDTH, HEIGHT)));
}

static uint32_t shown(const struct side *side, uint32_t x, uint32_t y)
{
	const struct kit_picture *picture = side->m->display.scanouts[0].picture;
	return picture ? picture->pixels[y * WIDTH + x] & 0xffffff : 0;
}

/* The picture is there: the last clear's colour where no triangle is, and another one where there is. */
static void check_shown(struct side *side)
{
	uint32_t color = ((uint32_t)side->frames * 0x010307) & 0xffffff;
	uint64_t start = kit_now();
	while (shown(side, WIDTH - 1, 0) != color) {
		CHECK(kit_now() - start < START_MS);
		CHECK_OK(side->m, kit_pump(&side->m->kit, 1));
	}
	CHECK(shown(side, 2, 2) != color || shown(side, 2, HEIGHT - 3) != color);
}

/* --- what it takes ------------------------------------------------------------------------- */

/* How long a thread has been running, in ns. */
static uint64_t thread_ns(pid_t pid, const char *thread)
{
	char path[64];
	unsigned long long ns = 0;
	snprintf(path, sizeof(path), "/proc/%d/task/%.20s/schedstat", pid, thread);
	FILE *file = thread[0] == '.' ? NULL : fopen(path, "re");
	if (!file)
		return 0;
	if (fscanf(file, "%llu", &ns) != 1)
		ns = 0;
	fclose(file);
	return ns;
}

static double running_us(struct side *side)
{
	pid_t pids[KIT_MAX_PROCESSES];
	uint32_t count = kit_backend_processes(side->m->backend, pids, KIT_MAX_PROCESSES);
	uint64_t ns = 0;
	for (uint32_t i = 0; i < count; i++) {
		char path[64];
		snprintf(path, sizeof(path), "/proc/%d/task", pids[i]);
		DIR *threads = opendir(path);
		const struct dirent *thread;
		while (threads && (thread = readdir(threads)))
			ns += thread_ns(pids[i], thread->d_name);
		if (threads)
			closedir(threads);
	}
	return (double)ns / 1000;
}

static void run_block(struct bench *bench, struct side *side, uint32_t block)
{
	double running = running_us(side);
	uint64_t start = kit_now_us();
	for (uint32_t i = 0; i < bench->frames; i++)
		draw(side);
	side->took_us[WALL][block] = (double)(kit_now_us() - start) / bench->frames;
	side->took_us[RUNNING][block] = (running_us(side) - running) / bench->frames;
	check_shown(side);
}

static int by_value(const void *a, const void *b)
{
	const double *x = a, *y = b;
	return (*x > *y) - (*x < *y);
}

static double median(double *values, uint32_t count)
{
	qsort(values, count, sizeof(*values), by_value);
	return values[count / 2];
}

/* The median of off / on, pair by pair. */
static double ratio(struct bench *bench, enum measure measure)
{
	for (uint32_t i = 0; i < bench->blocks; i++)
		bench->ratios[i] = bench->off.took_us[measure][i] / bench->on.took_us[measure][i];
	return median(bench->ratios, bench->blocks);
}

static bool report(struct bench *bench)
{
	double wall = ratio(bench, WALL), running = ratio(bench, RUNNING);
	printf("overhead: %u pairs of %u frames; a frame took %.0f us without sandbox, %.0f us "
	       "with, "
	       "ratio %.3f; the daemon ran %.0f us, %.0f us, ratio %.3f (at least %.2f wanted)\n",
		bench->blocks, bench->frames, median(bench->off.took_us[WALL], bench->blocks),
		median(bench->on.took_us[WALL], bench->blocks), wall,
		median(bench->off.took_us[RUNNING], bench->blocks),
		median(bench->on.took_us[RUNNING], bench->blocks), running, bench->least);
	return wall >= bench->least && running >= bench->least;
}

/* --- the program --------------------------------------------------------------------------- */

static void start(struct bench *bench, struct side *side, const char *sandbox)
{
	const char *program = getenv("BACKEND");
	CHECK(program);
	int length =
		snprintf(side->command, sizeof(side->command), "%s --sandbox=%s", program, sandbox);
	CHECK(length > 0 && (size_t)length < sizeof(side->command));
	side->m = kit_machine_create(&(struct kit_machine_spec){
		.command = side->command,
		.profile = &kit_profile_qemu_gpu_all,
		.patience_ms = START_MS,
	});
	if (!side->m)
		kit_check_failed(KIT_HERE, "there is no machine (see standard error)");
	side->m->kit.timeout_ms = START_MS;
	for (enum measure measure = 0; measure < MEASURES; measure++) {
		side->took_us[measure] = calloc(bench->blocks, sizeof(double));
		CHECK(side->took_us[measure]);
	}
	prepare(side);
	for (uint32_t i = 0; i < WARM_UP; i++)
		draw(side);
	check_shown(side);
}

static bool finish(struct side *side)
{
	for (enum measure measure = 0; measure < MEASURES; measure++)
		free(side->took_us[measure]);
	return kit_machine_destroy(side->m) == 0;
}

static double number(const char *text, double most)
{
	char *end;
	double value = strtod(text, &end);
	if (*end || !(value > 0 && value <= most)) {
		fprintf(stderr, "overhead: %s is not a number up to %g\n", text, most);
		exit(2);
	}
	return value;
}

static void parse(struct bench *bench, int argc, char **argv)
{
	static const struct option longs[] = {
		{ "blocks", required_argument, NULL, 'b' },
		{ "frames", required_argument, NULL, 'f' },
		{ "least", required_argument, NULL, 'l' },
		{ 0 },
	};
	int letter;
	while ((letter = getopt_long(argc, argv, "", longs, NULL)) >= 0) {
		if (letter == '?')
			exit(2);
		if (letter == 'l')
			bench->least = number(optarg, 2);
		else
			*(letter == 'b' ? &bench->blocks : &bench->frames) =
				max_u32((uint32_t)number(optarg, MAX_COUNT), 1);
	}
}

int main(int argc, char **argv)
{
	static struct bench bench = { .blocks = 100, .frames = 30, .least = 0.95 };
	setvbuf(stdout, NULL, _IOLBF, 0);
	parse(&bench, argc, argv);
	bench.ratios = calloc(bench.blocks, sizeof(*bench.ratios));
	CHECK(bench.ratios);
	start(&bench, &bench.off, "off");
	start(&bench, &bench.on, "auto");
	for (uint32_t i = 0; i < bench.blocks; i++) {
		run_block(&bench, i % 2 ? &bench.on : &bench.off, i);
		run_block(&bench, i % 2 ? &bench.off : &bench.on, i);
	}
	bool good = report(&bench);
	good &= finish(&bench.off);
	good &= finish(&bench.on);
	free(bench.ratios);
	return good ? EXIT_SUCCESS : EXIT_FAILURE;
}
