/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/* What reaches a display that takes shared memory, by way of it. */
#include "gpu_rig.h"

#include <sys/mman.h>
#include <sys/stat.h>

#include "gpu/frame.h"
#include "gpu/state.h"
#include "util/fd.h"
#include "util/fourcc.h"

#define OK    VIRTIO_GPU_RESP_OK_NODATA
#define WIDTH 64u
#define LINES 32u

static struct gpu_rig rig;
static const uint32_t *pixels; /* as the display sees them; its own to unmap */
static ino_t inode; /* of what they lie in */

static const struct rect all = { 0, 0, WIDTH, LINES };

static void forget_pixels(void)
{
	if (pixels)
		munmap((void *)(uintptr_t)pixels, WIDTH * LINES * 4);
	pixels = NULL;
}

/* Pixel i of what the guest has is now first + i. */
static void draw(uint32_t first)
{
	for (uint32_t i = 0; i < WIDTH * LINES; i++) {
		uint32_t pixel = first + i;
		memcpy(rig.guest + GUEST_PAGES + 4 * i, &pixel, 4);
	}
}

static void show(void)
{
	gpu_rig_show(&rig, DISPLAY_OF_SESSION);
	gpu_rig_display_begin(&rig, PEER_FEATURES_ALL | PEER_FEATURES_MEMORY);
}

/* With 2D resource 1, and a display. */
static void start(uint32_t renderers)
{
	gpu_rig_prepare(&rig, renderers);
	gpu_rig_start(&rig, renderers ? FEATURES_3D : FEATURES_2D);
	draw(0);
	CHECK_INT(gpu_rig_create_2d(&rig, 1, WIDTH, LINES), OK);
	CHECK_INT(gpu_rig_attach_backing(&rig, 1, GUEST_PAGES, WIDTH * LINES * 4), OK);
	CHECK_INT(gpu_rig_transfer_2d(&rig, 1, WIDTH, LINES), OK);
	show();
}

/* With 3D resource 5 on scanout 0, too. */
static void start_3d(void)
{
	start(1);
	CHECK_INT(gpu_rig_create_3d(&rig, 5, WIDTH, LINES), OK);
	fake_skip(rig.fakes[0]);
	CHECK_INT(gpu_rig_set_scanout(&rig, 0, 5, &all), OK);
}

static void finish(void)
{
	forget_pixels();
	gpu_rig_finish(&rig);
}

static void expect_memory(void)
{
	struct vhost_user_gpu_dmabuf_scanout2 scanout;
	struct stat st;
	peer_expect(&rig.display, VHOST_USER_GPU_DMABUF_SCANOUT2, sizeof(scanout));
	memcpy(&scanout, rig.display.payload, sizeof(scanout));
	const struct vhost_user_gpu_dmabuf_scanout expected = {
		.width = WIDTH,
		.height = LINES,
		.fd_width = WIDTH,
		.fd_height = LINES,
		.fd_stride = WIDTH * 4,
		.fd_flags = VHOST_USER_GPU_DMABUF_SHARED_MEMORY,
		.fd_drm_fourcc = (int32_t)FOURCC_XRGB8888,
	};
	CHECK_MEM(&scanout.scanout, &expected, sizeof(expected));
	CHECK_INT(fstat(rig.display.fd, &st), 0);
	inode = st.st_ino;
	forget_pixels();
	void *map = mmap(NULL, WIDTH * LINES * 4, PROT_READ, MAP_SHARED, rig.display.fd, 0);
	CHECK(map != MAP_FAILED);
	pixels = map;
}

static void expect_update(const struct rect *rect)
{
	const struct vhost_user_gpu_update expected = { 0, rect->x, rect->y, rect->w, rect->h };
	peer_expect(&rig.display, VHOST_USER_GPU_DMABUF_UPDATE, sizeof(expected));
	CHECK_MEM(rig.display.payload, &expected, sizeof(expected));
}

static void expect_off(void)
{
	const struct vhost_user_gpu_dmabuf_scanout off = { 0 };
	const struct vhost_user_gpu_scanout none = { 0 };
	peer_expect(&rig.display, VHOST_USER_GPU_DMABUF_SCANOUT, sizeof(off));
	CHECK_MEM(rig.display.payload, &off, sizeof(off));
	peer_expect(&rig.display, VHOST_USER_GPU_SCANOUT, sizeof(none));
	CHECK_MEM(rig.display.payload, &none, sizeof(none));
}

/* Pixels by the socket, and the first of them. */
static void expect_pixels(uint32_t first)
{
	const struct vhost_user_gpu_scanout size = { 0, WIDTH, LINES };
	peer_expect(&rig.display, VHOST_USER_GPU_SCANOUT, sizeof(size));
	CHECK_MEM(rig.display.payload, &size, sizeof(size));
	peer_expect(&rig.display, VHOST_USER_GPU_UPDATE, 20 + WIDTH * LINES * 4);
	CHECK_MEM(rig.display.payload + 20, &first, sizeof(first));
	gpu_rig_run(&rig);
}

static void copies_what_was_drawn(void)
{
	const struct rect part = { 3, 5, 7, 2 };
	start(0);
	CHECK_INT(gpu_rig_set_scanout(&rig, 0, 1, &all), OK);
	expect_memory();
	expect_update(&all);
	CHECK_MEM(pixels, rig.guest + GUEST_PAGES, WIDTH * LINES * 4);
	draw(0x1000);
	CHECK_INT(gpu_rig_transfer_2d(&rig, 1, WIDTH, LINES), OK);
	CHECK_INT(gpu_rig_flush(&rig, 1, &part), OK);
	/* The display looks at it. */
	peer_expect_nothing(&rig.display);
	CHECK_INT(pixels[5 * WIDTH + 3], 5 * WIDTH + 3);
	peer_ack(&rig.display);
	expect_update(&part);
	CHECK_INT(pixels[5 * WIDTH + 2], 5 * WIDTH + 2);
	CHECK_INT(pixels[5 * WIDTH + 3], 0x1000 + 5 * WIDTH + 3);
	CHECK_INT(pixels[6 * WIDTH + 9], 0x1000 + 6 * WIDTH + 9);
	CHECK_INT(pixels[6 * WIDTH + 10], 6 * WIDTH + 10);
	peer_ack(&rig.display);
	peer_expect_nothing(&rig.display);
	finish();
}

/* The display keeps what it has when another resource of the same size is shown. */
static void flips_pages(void)
{
	start(0);
	CHECK_INT(gpu_rig_create_2d(&rig, 2, WIDTH, LINES), OK);
	CHECK_INT(gpu_rig_set_scanout(&rig, 0, 1, &all), OK);
	expect_memory();
	expect_update(&all);
	peer_ack(&rig.display);
	CHECK_INT(gpu_rig_set_scanout(&rig, 0, 2, &all), OK);
	expect_update(&all);
	CHECK_INT(pixels[1], 0);
	peer_ack(&rig.display);
	CHECK_INT(gpu_rig_set_scanout(&rig, 0, 1, &all), OK);
	expect_update(&all);
	CHECK_INT(pixels[1], 1);
	finish();
}

static void reads_3d_back_to_it(void)
{
	const struct rect part = { 8, 4, 3, 2 };
	start_3d();
	expect_memory();
	expect_update(&all);
	CHECK_INT(pixels[WIDTH * LINES - 1], fake_pixel(5));
	CHECK_INT(fake_count(rig.fakes[0], FAKE_READ_BACK), 1);
	CHECK_INT(gpu_rig_flush(&rig, 5, &part), OK);
	CHECK_INT(gpu_rig_flush(&rig, 5, &part), OK);
	/* The display looks at it. */
	CHECK_INT(fake_count(rig.fakes[0], FAKE_READ_BACK), 1);
	peer_expect_nothing(&rig.display);
	peer_ack(&rig.display);
	gpu_rig_run(&rig);
	expect_update(&part);
	CHECK_INT(fake_count(rig.fakes[0], FAKE_READ_BACK), 2);
	peer_ack(&rig.display);
	peer_expect_nothing(&rig.display);
	finish();
}

/* What a renderer has had is nothing for other pictures: it may still write to it. */
static void keeps_renderers_out(void)
{
	start_3d();
	expect_memory();
	expect_update(&all);
	peer_ack(&rig.display);
	ino_t of_renderer = inode;
	rig.manual = true;
	CHECK_INT(gpu_rig_flush(&rig, 5, &all), OK); /* is being read back */
	CHECK_INT(gpu_rig_set_scanout(&rig, 0, 1, &all), OK);
	expect_memory();
	CHECK(inode != of_renderer);
	expect_update(&all);
	CHECK_INT(pixels[1], 1);
	peer_ack(&rig.display);
	fake_finish(rig.fakes[0]);
	rig.manual = false;
	gpu_rig_run(&rig);
	CHECK_INT(pixels[1], 1);
	CHECK_INT(fake_regions(rig.fakes[0]), 0);
	ino_t of_2d = inode;
	CHECK_INT(gpu_rig_set_scanout(&rig, 0, 5, &all), OK);
	expect_memory();
	CHECK(inode != of_2d && inode != of_renderer);
	expect_update(&all);
	CHECK_INT(pixels[1], fake_pixel(5));
	finish();
}

/* A renderer that dies while it reads back leaves the picture to others. */
static void outlives_renderers(void)
{
	start_3d();
	expect_memory();
	expect_update(&all);
	peer_ack(&rig.display);
	rig.manual = true;
	CHECK_INT(gpu_rig_flush(&rig, 5, &all), OK);
	rig.manual = false;
	fake_lose(rig.fakes[0]);
	rig.fakes[0] = NULL;
	peer_expect_nothing(&rig.display);
	CHECK_INT(gpu_rig_set_scanout(&rig, 0, 1, &all), OK);
	expect_memory();
	expect_update(&all);
	CHECK_INT(pixels[1], 1);
	finish();
}

/* Pixels go by the socket while there is no memory for them, or too little. */
static void does_without(void)
{
	start(0);
	rig.memory_fails = -EAGAIN;
	CHECK_INT(gpu_rig_set_scanout(&rig, 0, 1, &all), OK);
	expect_pixels(0);
	rig.memory_fails = 0;
	CHECK_INT(gpu_rig_flush(&rig, 1, &all), OK);
	expect_memory();
	expect_update(&all);
	CHECK_INT(pixels[1], 1);
	finish();

	gpu_rig_prepare(&rig, 0);
	rig.args.limits.host_bytes = WIDTH * LINES * 4 + 4096; /* the resource's own */
	gpu_rig_start(&rig, FEATURES_2D);
	show();
	CHECK_INT(gpu_rig_create_2d(&rig, 1, WIDTH, LINES), OK);
	rig.device->frame_bytes = rig.args.limits.host_bytes;
	CHECK_INT(gpu_rig_set_scanout(&rig, 0, 1, &all), OK);
	expect_pixels(0);
	rig.device->frame_bytes = 0;
	finish();
}

/* A blob's memory may go while the display looks at the copy. */
static void copies_blobs(void)
{
	const struct virtio_gpu_mem_entry entries[] = {
		{ GUEST_PAGES, 1000, 0 },
		{ GUEST_PAGES + 1000, WIDTH * LINES * 4 - 1000, 0 },
	};
	gpu_rig_prepare(&rig, 0);
	gpu_rig_start(&rig, FEATURES_BLOB);
	draw(7);
	show();
	CHECK_INT(gpu_rig_create_blob_of(&rig, 1, WIDTH * LINES * 4, entries, 2), OK);
	const struct virtio_gpu_set_scanout_blob picture =
		gpu_rig_picture(1, WIDTH, LINES, WIDTH * 4, 0);
	CHECK_INT(gpu_rig_set_scanout_blob(&rig, 0, &picture), OK);
	expect_memory();
	expect_update(&all);
	CHECK_MEM(pixels, rig.guest + GUEST_PAGES, WIDTH * LINES * 4);
	CHECK_INT(gpu_rig_detach_backing(&rig, 1), OK);
	draw(9);
	CHECK_INT(pixels[0], 7);
	peer_ack(&rig.display);
	CHECK_INT(gpu_rig_flush(&rig, 1, &all), OK);
	peer_expect_nothing(&rig.display);
	finish();
}

/* A picture does not wait until it is known what the display takes. */
static void gives_it_to_the_next_display(void)
{
	start(0);
	CHECK_INT(gpu_rig_set_scanout(&rig, 0, 1, &all), OK);
	for (int round = 0; round < 3; round++) {
		ino_t before = inode;
		expect_memory();
		CHECK(inode != before);
		expect_update(&all);
		show();
		expect_pixels(0);
		CHECK_INT(gpu_rig_flush(&rig, 1, &all), OK);
	}
	expect_memory();
	expect_update(&all);
	gpu_rig_show(&rig, DISPLAY_OF_SESSION);
	gpu_rig_display_begin(&rig, 0); /* this one takes none */
	expect_pixels(0);
	finish();
}

/* What has been read back meanwhile is not for the next display: the one before may write there. */
static void reads_back_for_the_next_display(void)
{
	start_3d();
	expect_memory();
	expect_update(&all);
	peer_ack(&rig.display);
	ino_t before = inode;
	rig.manual = true;
	CHECK_INT(gpu_rig_flush(&rig, 5, &all), OK);
	gpu_rig_show(&rig, DISPLAY_OF_SESSION);
	gpu_rig_display_begin(&rig, PEER_FEATURES_ALL);
	fake_finish(rig.fakes[0]);
	rig.manual = false;
	gpu_rig_run(&rig);
	CHECK_INT(fake_count(rig.fakes[0], FAKE_READ_BACK), 3);
	expect_pixels(fake_pixel(5));
	show();
	gpu_rig_run(&rig);
	expect_pixels(fake_pixel(5));
	CHECK_INT(gpu_rig_flush(&rig, 5, &all), OK);
	expect_memory();
	CHECK(inode != before);
	finish();
}

/* A display that has gone sees nothing of what the next one is shown. */
static void one_that_has_gone_sees_no_more(void)
{
	start(0);
	CHECK_INT(gpu_rig_set_scanout(&rig, 0, 1, &all), OK);
	expect_memory();
	expect_update(&all);
	const uint32_t *seen = pixels;
	pixels = NULL;
	peer_close(&rig.display);
	gpu_rig_run(&rig);
	CHECK_INT(rig.device->frame_bytes, 0);
	show();
	draw(0x1000);
	CHECK_INT(gpu_rig_transfer_2d(&rig, 1, WIDTH, LINES), OK);
	CHECK_INT(gpu_rig_flush(&rig, 1, &all), OK);
	gpu_rig_run(&rig);
	CHECK_INT(seen[1], 1);
	munmap((void *)(uintptr_t)seen, WIDTH * LINES * 4);
	finish();
}

/* However long it takes, and also when an answer came late before. */
static void holds_still_until_answered(void)
{
	start(0);
	CHECK_INT(gpu_rig_set_scanout(&rig, 0, 1, &all), OK);
	expect_memory();
	expect_update(&all);
	for (uint32_t round = 1; round < 4; round++) {
		draw(0x1000 * round);
		CHECK_INT(gpu_rig_transfer_2d(&rig, 1, WIDTH, LINES), OK);
		CHECK_INT(gpu_rig_flush(&rig, 1, &all), OK);
		if (round == 1)
			peer_wait(&rig.display, DISPLAY_ACK_MS + 100);
		CHECK_INT(pixels[1], 0x1000 * (round - 1) + 1);
		peer_expect_nothing(&rig.display);
		peer_ack(&rig.display);
		expect_update(&all);
		CHECK_INT(pixels[1], 0x1000 * round + 1);
	}
	peer_ack(&rig.display);
	CHECK_INT(rig.display.closed, 0);
	peer_ack(&rig.display); /* which nobody owes */
	gpu_rig_run(&rig);
	CHECK(!rig.device->outputs.active);
	finish();
}

/* A display that does not read on gets no more memory, whatever a guest does. */
static void gives_no_more_to_one_that_waits(void)
{
	start(0);
	CHECK_INT(gpu_rig_set_scanout(&rig, 0, 1, &all), OK);
	for (uint32_t i = 0; i < 8; i++) {
		const struct rect size = { 0, 0, WIDTH, LINES - 1 - i };
		CHECK_INT(gpu_rig_set_scanout(&rig, 0, 1, &size), OK);
		if (i == 4)
			peer_wait(&rig.display, DISPLAY_ACK_MS + 100);
		CHECK_INT(gpu_rig_set_scanout(&rig, 0, 0, &all), OK);
	}
	CHECK_INT(rig.memories, 1);
	CHECK_INT(gpu_rig_set_scanout(&rig, 0, 1, &all), OK);
	CHECK_INT(rig.memories, 1);
	expect_memory();
	expect_update(&all);
	peer_ack(&rig.display);
	expect_off();
	CHECK_INT(rig.memories, 2);
	expect_memory();
	expect_update(&all);
	finish();
}

static bool copying(void)
{
	const struct gpu_scanout *scanouts = rig.device->scanouts;
	return !rect_empty(&scanouts[0].copy) || !rect_empty(&scanouts[1].copy);
}

/* So much that nothing else would be served meanwhile is copied in several rounds. */
static void copies_large_pictures_in_rounds(void)
{
	enum { SIDE = 2048, ROUNDS = 4 };
	const struct virtio_gpu_set_scanout_blob picture =
		gpu_rig_picture(1, SIDE, SIDE, SIDE * 4, 0);
	const struct vhost_user_gpu_header answer = { VHOST_USER_GPU_DMABUF_UPDATE,
		VHOST_USER_GPU_FLAG_REPLY, 0 };
	uint32_t rounds = 0;
	gpu_rig_prepare(&rig, 0);
	gpu_rig_start(&rig, FEATURES_BLOB);
	show();
	CHECK_INT(gpu_rig_create_blob(&rig, 1, SIDE * SIDE * 4, GUEST_PAGES), OK);
	for (uint32_t i = 0; i < 2; i++) {
		CHECK_INT(gpu_rig_set_scanout_blob(&rig, i, &picture), OK);
		peer_expect(&rig.display, VHOST_USER_GPU_DMABUF_SCANOUT2,
			sizeof(struct vhost_user_gpu_dmabuf_scanout2));
		peer_expect(&rig.display, VHOST_USER_GPU_DMABUF_UPDATE,
			sizeof(struct vhost_user_gpu_update));
	}
	CHECK_INT(gpu_rig_flush(&rig, 1, &(struct rect){ 0, 0, SIDE, SIDE }), OK);
	for (uint32_t i = 0; i < 2; i++)
		peer_send(&rig.display, &answer, sizeof(answer));
	for (uint32_t i = 0; i < 20; i++) {
		loop_round(rig.loop, 0);
		rounds += copying();
	}
	CHECK_INT(rounds, 2 * ROUNDS - 1);
	finish();
}

static void send_scanout(uint32_t id, uint32_t resource, uint32_t side)
{
	const struct virtio_gpu_set_scanout request = {
		.hdr.type = VIRTIO_GPU_CMD_SET_SCANOUT,
		.r = { 0, 0, side, side },
		.scanout_id = id,
		.resource_id = resource,
	};
	gpu_rig_send(&rig, VIRTIO_GPU_QUEUE_CONTROL, &request, sizeof(request), ANSWER_ROOM);
}

/* A picture goes to a renderer while its copy waits for those of others: nothing of it is left out. */
static void reads_back_what_was_to_be_copied(void)
{
	enum { SIDE = 2048, LAST = 2 };
	start(1);
	const struct gpu_scanout *scanout = &rig.device->scanouts[LAST];
	CHECK_INT(gpu_rig_ctx_create(&rig, 1, 0), OK);
	CHECK_INT(gpu_rig_ctx_attach(&rig, 1, 1), OK);
	CHECK_INT(gpu_rig_create_2d(&rig, 2, SIDE, SIDE), OK);
	send_scanout(0, 2, SIDE);
	send_scanout(1, 2, SIDE);
	send_scanout(LAST, 1, LINES);
	for (int i = 0; i < 4 && rect_empty(&scanout->copy); i++)
		CHECK_INT(loop_round(rig.loop, 0), 0);
	CHECK(!rect_empty(&scanout->copy) && scanout->copied == 0);
	CHECK_INT(gpu_rig_submit(&rig, 1, 1), OK); /* which takes it there */
	CHECK_INT(fake_count(rig.fakes[0], FAKE_READ_BACK), 1);
	for (uint32_t i = 0; i < rig.fakes[0]->count; i++) {
		const struct fake_op *op = &rig.fakes[0]->ops[i];
		CHECK(op->type != FAKE_READ_BACK ||
			(op->read_back.rect.w == LINES && op->read_back.rect.h == LINES));
	}
	CHECK(rect_empty(&scanout->copy) && rect_empty(&scanout->damage));
	finish();
}

static void goes_off(void)
{
	start_3d();
	expect_memory();
	expect_update(&all);
	CHECK_INT(gpu_rig_set_scanout(&rig, 0, 0, &all), OK);
	expect_off();
	CHECK_INT(rig.device->frame_bytes, 0);
	CHECK_INT(fake_regions(rig.fakes[0]), 0);
	finish();
}

int main(int argc, char **argv)
{
	static const struct test_case cases[] = {
		TEST_CASE(copies_what_was_drawn),
		TEST_CASE(flips_pages),
		TEST_CASE(reads_3d_back_to_it),
		TEST_CASE(keeps_renderers_out),
		TEST_CASE(outlives_renderers),
		TEST_CASE(does_without),
		TEST_CASE(copies_blobs),
		TEST_CASE(gives_it_to_the_next_display),
		TEST_CASE(reads_back_for_the_next_display),
		TEST_CASE(one_that_has_gone_sees_no_more),
		TEST_CASE(holds_still_until_answered),
		TEST_CASE(gives_no_more_to_one_that_waits),
		TEST_CASE(copies_large_pictures_in_rounds),
		TEST_CASE(reads_back_what_was_to_be_copied),
		TEST_CASE(goes_off),
	};
	return test_main(argc, argv, cases, ARRAY_SIZE(cases));
}
