/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/*
 * kills [--kills N] [--within MS]: SIGKILL for the renderer process at random moments of a guest at work,
 * again and again. The picture of 2D has to be as drawn each time, and 3D usable again; it says how long
 * that takes and what is left behind in the end. BACKEND in the environment is the daemon's command
 * line. The last line is the sum; exit status 1 when something is not as it should be, or with --within
 * when one new context in a hundred takes longer than so many milliseconds.
 */
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/random.h>

#include "kit/check.h"
#include "kit/picture.h"
#include "kit/virgl.h"
#include "util/checked.h"

#define PROGRAM    "virtiogpud-render-virgl"
#define BGRX       VIRTIO_GPU_FORMAT_B8G8R8X8_UNORM
#define SIDE       64u
#define FRAME      1u /* the resource that is shown */
#define TEXTURE    2u
#define SURFACE    7u
#define WARM_UP    10u
#define MAX_KILLS  1000000u
#define USABLE_MS  20000 /* after this, it counts as lost for good */
#define GROWTH_KIB 4096u
#define START_MS   20000

struct run {
	struct kit_machine *m;
	struct kit_surface frame;
	struct kit_picture *picture;
	struct kit_virgl stream;
	uint64_t backing; /* of the texture */
	uint32_t kills;
	uint32_t within_ms; /* 0: as long as it takes */
	uint32_t ctx_id;
	uint64_t *took_us; /* kills of them */
	uint64_t cursor_us; /* the slowest answer of the cursor queue */
	struct kit_usage before, after;
};

/* --- the guest ----------------------------------------------------------------------------- */

static int make_texture(struct run *run)
{
	const struct virtio_gpu_resource_create_3d args = {
		.resource_id = TEXTURE,
		.target = KIT_VIRGL_2D,
		.format = BGRX,
		.bind = KIT_VIRGL_RENDER_TARGET,
		.width = SIDE,
		.height = SIDE,
		.depth = 1,
		.array_size = 1,
	};
	const struct virtio_gpu_mem_entry entry = { run->backing, SIDE * SIDE * 4, 0 };
	int type = kit_gpu_create_3d(&run->m->gpu, args);
	return type == VIRTIO_GPU_RESP_OK_NODATA ? kit_gpu_attach(&run->m->gpu, TEXTURE, &entry, 1)
						 : type;
}

static void compose(struct run *run, uint32_t color)
{
	kit_virgl_surface(&run->stream, SURFACE, TEXTURE, BGRX);
	kit_virgl_framebuffer(&run->stream, SURFACE);
	kit_virgl_clear(&run->stream, color);
}

/* A new context draws into a new texture, and its pixels come to guest memory: OK_NODATA then. */
static int draw(struct run *run, uint32_t color)
{
	struct kit_gpu *gpu = &run->m->gpu;
	const struct virtio_gpu_transfer_host_3d whole = {
		.box = { 0, 0, 0, SIDE, SIDE, 1 },
		.resource_id = TEXTURE,
		.stride = SIDE * 4,
	};
	uint32_t *pixels = kit_ptr(&run->m->memory, run->backing, SIDE * SIDE * 4);
	int type = kit_gpu_ctx_create(gpu, ++run->ctx_id, 0, "kills");
	if (type == VIRTIO_GPU_RESP_OK_NODATA)
		type = make_texture(run);
	if (type == VIRTIO_GPU_RESP_OK_NODATA)
		type = kit_gpu_ctx_attach(gpu, run->ctx_id, TEXTURE);
	compose(run, color);
	if (type == VIRTIO_GPU_RESP_OK_NODATA)
		type = kit_virgl_submit(gpu, run->ctx_id, &run->stream);
	run->stream.count = 0;
	pixels[SIDE * SIDE - 1] = ~color;
	if (type == VIRTIO_GPU_RESP_OK_NODATA)
		type = kit_gpu_transfer_from_3d(gpu, run->ctx_id, whole);
	if (type == VIRTIO_GPU_RESP_OK_NODATA)
		CHECK_INT(pixels[SIDE * SIDE - 1] & 0xffffff, color & 0xffffff);
	return type;
}

static void drop(struct run *run)
{
	CHECK_OK(run->m, kit_gpu_unref(&run->m->gpu, TEXTURE));
	CHECK_OK(run->m, kit_gpu_ctx_destroy(&run->m->gpu, run->ctx_id));
}

/* How long until 3D is usable, for a guest that tries again and again. */
static uint64_t until_usable(struct run *run, uint32_t color)
{
	uint64_t start = kit_now_us();
	int type = draw(run, color);
	while (type != VIRTIO_GPU_RESP_OK_NODATA) {
		CHECK_OK(run->m, type);
		CHECK(kit_now_us() - start < USABLE_MS * UINT64_C(1000));
		drop(run);
		CHECK_OK(run->m, kit_pump(&run->m->kit, 2));
		type = draw(run, color);
	}
	return kit_now_us() - start;
}

/* Streams that nobody waits for, each with a fence. */
static void load(struct run *run, uint32_t count)
{
	for (uint32_t i = 0; i < count; i++) {
		struct virtio_gpu_ctrl_hdr header =
			kit_header_fence(VIRTIO_GPU_CMD_SUBMIT_3D, run->ctx_id * 100u + i);
		header.ctx_id = run->ctx_id;
		kit_virgl_framebuffer(&run->stream, SURFACE);
		for (uint32_t j = 0; j < 20; j++)
			kit_virgl_clear(&run->stream, i * 0x123456 + j);
		struct kit_command *command = kit_virgl_send(&run->m->gpu, header, &run->stream);
		if (command)
			kit_command_forget(command);
	}
}

/* The console goes on: another picture, and the cursor moves. */
static void check_2d(struct run *run, uint32_t seed)
{
	const struct virtio_gpu_rect all = kit_rect(0, 0, SIDE, SIDE);
	kit_picture_pattern(run->picture, all, seed);
	kit_surface_draw(&run->frame, run->picture);
	CHECK_GOOD(run->m, kit_surface_show(&run->frame, all));
	CHECK_PICTURE(run->m, 0, run->picture);
	uint64_t start = kit_now_us();
	CHECK_GOOD(run->m, kit_gpu_move_cursor(&run->m->gpu, 0, seed % SIDE, 1));
	uint64_t took = kit_now_us() - start;
	run->cursor_us = took > run->cursor_us ? took : run->cursor_us;
}

/* --- the kills ----------------------------------------------------------------------------- */

static uint32_t up_to(uint32_t most)
{
	uint32_t number = 0;
	return getrandom(&number, sizeof(number), 0) == sizeof(number) ? number % (most + 1) : 0;
}

static void kill_once(struct run *run, uint32_t round)
{
	load(run, up_to(30));
	CHECK_OK(run->m, kit_pump(&run->m->kit, (int)up_to(20)));
	pid_t pid = kit_backend_find(run->m->backend, PROGRAM);
	CHECK(pid > 0);
	kill(pid, SIGKILL);
	check_2d(run, round);
	/* what was under way is answered, well or not */
	CHECK_OK(run->m, kit_gpu_drain(&run->m->gpu));
	drop(run);
	run->took_us[round] = until_usable(run, 0xff000000 | round * 0x10307);
	check_2d(run, round + 1);
}

static void start(struct run *run)
{
	struct kit_machine_spec spec = {
		.profile = &kit_profile_qemu_gpu_all,
		.patience_ms = START_MS,
	};
	run->m = kit_machine_create(&spec);
	if (!run->m)
		kit_check_failed(KIT_HERE, "there is no machine (see standard error)");
	run->m->kit.timeout_ms = USABLE_MS;
	run->picture = kit_picture_create(SIDE, SIDE);
	run->backing = kit_alloc(&run->m->memory, SIDE * SIDE * 4, KIT_PAGE);
	run->took_us = calloc(run->kills, sizeof(*run->took_us));
	CHECK(run->picture && run->backing && run->took_us);
	const struct virtio_gpu_resource_create_2d like = {
		.resource_id = FRAME, .format = BGRX, .width = SIDE, .height = SIDE
	};
	CHECK_GOOD(run->m, kit_surface_create(&run->m->gpu, &run->frame, &like, 0));
	CHECK_GOOD(run->m, kit_gpu_set_scanout(&run->m->gpu, 0, FRAME, kit_rect(0, 0, SIDE, SIDE)));
	until_usable(run, 0xff123456);
}

static int by_value(const void *a, const void *b)
{
	const uint64_t *x = a, *y = b;
	return (*x > *y) - (*x < *y);
}

static double percentile_ms(const struct run *run, uint32_t percent)
{
	uint64_t at = (uint64_t)(run->kills - 1) * percent / 100;
	return (double)run->took_us[at] / 1000;
}

/* Whether all is as it should be. */
static bool report(struct run *run, bool usage_known)
{
	qsort(run->took_us, run->kills, sizeof(run->took_us[0]), by_value);
	double p99 = percentile_ms(run, 99);
	bool grew = kit_usage_grew(&run->before, &run->after, GROWTH_KIB) ||
		(usage_known && run->after.fds > run->before.fds);
	printf("kills: %u kills, 3D usable again after %.0f ms (p50), %.0f ms (p99), %.0f ms "
	       "(most); "
	       "pictures %u of %u; slowest cursor %.2f ms; processes %u to %u, descriptors %u to "
	       "%u, memory %llu to %llu KiB\n",
		run->kills, percentile_ms(run, 50), p99, percentile_ms(run, 100), 2 * run->kills,
		2 * run->kills, (double)run->cursor_us / 1000, run->before.processes,
		run->after.processes, run->before.fds, run->after.fds,
		(unsigned long long)run->before.memory_kib,
		(unsigned long long)run->after.memory_kib);
	return !grew && run->after.processes <= run->before.processes &&
		(run->within_ms == 0 || p99 <= run->within_ms);
}

static uint32_t number(const char *text, uint32_t most)
{
	char *end;
	unsigned long value = strtoul(text, &end, 10);
	if (*end || value == 0 || value > most) {
		fprintf(stderr, "kills: %s is not a number from 1 to %u\n", text, most);
		exit(2);
	}
	return (uint32_t)value;
}

static void parse(struct run *run, int argc, char **argv)
{
	static const struct option longs[] = {
		{ "kills", required_argument, NULL, 'k' },
		{ "within", required_argument, NULL, 'w' },
		{ 0 },
	};
	int letter;
	run->kills = 100;
	while ((letter = getopt_long(argc, argv, "", longs, NULL)) >= 0) {
		if (letter == '?')
			exit(2);
		*(letter == 'k' ? &run->kills : &run->within_ms) = number(optarg, MAX_KILLS);
	}
}

int main(int argc, char **argv)
{
	static struct run run;
	setvbuf(stdout, NULL, _IOLBF, 0);
	parse(&run, argc, argv);
	start(&run);
	bool usage_known = true;
	for (uint32_t i = 0; i < run.kills; i++) {
		if (i == min_u32(WARM_UP, run.kills / 2))
			usage_known = kit_backend_usage(run.m->backend, &run.before) == 0;
		kill_once(&run, i);
		if (i % 100 == 99)
			printf("# %u kills\n", i + 1);
	}
	CHECK_OK(run.m, kit_gpu_drain(&run.m->gpu));
	kit_backend_usage(run.m->backend, &run.after);
	drop(&run);
	kit_free(&run.m->memory, run.backing, SIDE * SIDE * 4);
	kit_surface_finish(&run.frame);
	bool good = report(&run, usage_known);
	kit_picture_destroy(run.picture);
	free(run.took_us);
	return kit_machine_destroy(run.m) == 0 && good ? EXIT_SUCCESS : EXIT_FAILURE;
}
