/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/*
 * scanout [--blocks N] [--frames N] [--least RATIO]: what pictures in shared memory save on their way to the
 * display, against pixels that are written to its socket.
 *
 * Two daemons, each with a guest that transfers and flushes whole frames of 1920 x 1080, and a display that
 * copies what comes; the display of one takes shared memory. A frame is drawn when the display has got the one
 * before.
 *
 * BACKEND in the environment is the daemon's command line. The last line has the medians: how long a frame
 * took, and how much of it the daemon's processes were running. Exit status 1 when shared memory is not at
 * least --least as fast.
 */
#include <stdio.h>
#include <stdlib.h>

#include "pairs.h"
#include "util/checked.h"

#define WIDTH  1920u
#define HEIGHT 1080u

struct side {
	struct pairs_side base;
	struct kit_surface surface;
	uint32_t update; /* what the display is sent for each frame */
	uint32_t frames;
};

/* The frame's number in its first pixel: drawing is not what is measured. */
static void draw(struct pairs_side *base)
{
	struct side *side = container_of(base, struct side, base);
	struct kit_machine *m = base->m;
	uint32_t before = m->display.counts[side->update];
	side->frames++;
	kit_surface_write(&side->surface, 0, &side->frames, sizeof(side->frames));
	CHECK_GOOD(m, kit_surface_show(&side->surface, kit_rect(0, 0, WIDTH, HEIGHT)));
	CHECK_OK(m, kit_display_wait(&m->display, side->update, before + 1));
}

static void check_shown(struct pairs_side *base)
{
	struct side *side = container_of(base, struct side, base);
	const struct kit_picture *picture = base->m->display.scanouts[0].picture;
	CHECK(picture && (picture->pixels[0] & KIT_RGB) == (side->frames & KIT_RGB));
}

static void start(struct side *side, bool shared_memory)
{
	struct kit_machine *m = pairs_machine(&(struct kit_machine_spec){
		.command = getenv("BACKEND"),
		.profile = &kit_profile_qemu_gpu_all,
		.stage = KIT_STAGE_REALIZED,
		.patience_ms = PAIRS_START_MS,
	});
	if (shared_memory)
		m->display.features |= UINT64_C(1) << VHOST_USER_GPU_PROTOCOL_F_SHARED_MEMORY;
	side->update = shared_memory ? VHOST_USER_GPU_DMABUF_UPDATE : VHOST_USER_GPU_UPDATE;
	side->base.m = m;
	side->base.draw = draw;
	side->base.check_shown = check_shown;
	CHECK_OK(m, kit_machine_start(m));
	CHECK_OK(m, kit_display_wait(&m->display, VHOST_USER_GPU_SET_PROTOCOL_FEATURES, 1));
	const struct virtio_gpu_resource_create_2d like = {
		.resource_id = 1,
		.format = VIRTIO_GPU_FORMAT_B8G8R8X8_UNORM,
		.width = WIDTH,
		.height = HEIGHT,
	};
	CHECK_GOOD(m, kit_surface_create(&m->gpu, &side->surface, &like, 0));
	CHECK_GOOD(m, kit_gpu_set_scanout(&m->gpu, 0, 1, kit_rect(0, 0, WIDTH, HEIGHT)));
	CHECK_OK(m, kit_display_wait(&m->display, side->update, 1));
	pairs_warm_up(&side->base);
}

static bool report(struct pairs *pairs)
{
	double wall = pairs_ratio(pairs, PAIRS_WALL), running = pairs_ratio(pairs, PAIRS_RUNNING);
	printf("scanout: %u pairs of %u frames; a frame took %.0f us by the socket, %.0f us by "
	       "shared memory, ratio %.2f; the daemon ran %.0f us, %.0f us, ratio %.2f\n",
		pairs->blocks, pairs->frames, pairs_median(pairs, pairs->first, PAIRS_WALL),
		pairs_median(pairs, pairs->second, PAIRS_WALL), wall,
		pairs_median(pairs, pairs->first, PAIRS_RUNNING),
		pairs_median(pairs, pairs->second, PAIRS_RUNNING), running);
	return wall >= pairs->least;
}

int main(int argc, char **argv)
{
	static struct side by_socket, by_memory;
	struct pairs pairs = {
		.first = &by_socket.base,
		.second = &by_memory.base,
		.blocks = 40,
		.frames = 20,
		.least = 1,
	};
	setvbuf(stdout, NULL, _IOLBF, 0);
	pairs_parse(&pairs, argc, argv);
	CHECK(getenv("BACKEND"));
	pairs_prepare(&pairs);
	start(&by_socket, false);
	start(&by_memory, true);
	pairs_run(&pairs);
	bool good = report(&pairs);
	kit_surface_finish(&by_socket.surface);
	kit_surface_finish(&by_memory.surface);
	good &= pairs_finish(&pairs);
	return good ? EXIT_SUCCESS : EXIT_FAILURE;
}
