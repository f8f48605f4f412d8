/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/* What reaches a display of what resources show. */
#include "gpu_rig.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "gpu/frame.h"
#include "gpu/resource.h"
#include "gpu/state.h"
#include "util/fd.h"
#include "util/shm.h"

static struct gpu_rig rig;

#define OK         VIRTIO_GPU_RESP_OK_NODATA
#define BAD_NUMBER VIRTIO_GPU_RESP_ERR_INVALID_PARAMETER
#define BAD_ID     VIRTIO_GPU_RESP_ERR_INVALID_RESOURCE_ID

static const struct rect all = { 0, 0, 64, 32 };

/* A device with a 2D resource 1 of 64 x 32 pixels, which hold their number. */
static void start(uint32_t renderers)
{
	gpu_rig_prepare(&rig, renderers);
	gpu_rig_start(&rig, renderers ? FEATURES_3D : FEATURES_2D);
	for (uint32_t i = 0; i < 64 * 32; i++)
		memcpy(rig.guest + GUEST_PAGES + 4 * i, &i, 4);
	CHECK_INT(gpu_rig_create_2d(&rig, 1, 64, 32), OK);
	CHECK_INT(gpu_rig_attach_backing(&rig, 1, GUEST_PAGES, 64 * 32 * 4), OK);
	CHECK_INT(gpu_rig_transfer_2d(&rig, 1, 64, 32), OK);
}

static void show(uint64_t features)
{
	gpu_rig_show(&rig, DISPLAY_OF_SESSION);
	gpu_rig_display_begin(&rig, features);
}

static void expect_size(uint32_t scanout, uint32_t w, uint32_t h)
{
	const struct vhost_user_gpu_scanout expected = { scanout, w, h };
	peer_expect(&rig.display, VHOST_USER_GPU_SCANOUT, sizeof(expected));
	CHECK_MEM(rig.display.payload, &expected, sizeof(expected));
}

/* An update of rect; first is what its first pixel must be. */
static void expect_update(uint32_t scanout, const struct rect *rect, uint32_t first)
{
	const struct vhost_user_gpu_update expected = {
		scanout,
		rect->x,
		rect->y,
		rect->w,
		rect->h,
	};
	peer_expect(&rig.display, VHOST_USER_GPU_UPDATE,
		(uint32_t)sizeof(expected) + rect->w * rect->h * 4);
	CHECK_MEM(rig.display.payload, &expected, sizeof(expected));
	CHECK_MEM(rig.display.payload + sizeof(expected), &first, sizeof(first));
	gpu_rig_run(&rig);
}

static void shows_2d(void)
{
	const struct rect part = { 3, 5, 7, 2 };
	start(0);
	show(0);
	CHECK_INT(gpu_rig_flush(&rig, 1, &all), OK);
	peer_expect_nothing(&rig.display);
	CHECK_INT(gpu_rig_set_scanout(&rig, 0, 1, &all), OK);
	expect_size(0, 64, 32);
	expect_update(0, &all, 0);
	peer_expect_nothing(&rig.display);
	CHECK_INT(gpu_rig_flush(&rig, 1, &part), OK);
	expect_update(0, &part, 5 * 64 + 3);
	peer_expect_nothing(&rig.display);
	gpu_rig_finish(&rig);
}

static void judges_scanouts(void)
{
	static const struct rect wrong[] = {
		{ 0, 0, 0, 32 },
		{ 0, 0, 64, 0 },
		{ 1, 0, 64, 32 },
		{ 0, 1, 64, 32 },
		{ UINT32_MAX, 0, 2, 1 },
		{ 0, 0, UINT32_MAX, UINT32_MAX },
	};
	const struct rect one = { 63, 31, 1, 1 };
	const struct rect beyond = { 0, 0, 64, 33 };
	start(0);
	for (size_t i = 0; i < ARRAY_SIZE(wrong); i++)
		CHECK_INT(gpu_rig_set_scanout(&rig, 0, 1, &wrong[i]), BAD_NUMBER);
	CHECK_INT(gpu_rig_set_scanout(&rig, 16, 1, &all), VIRTIO_GPU_RESP_ERR_INVALID_SCANOUT_ID);
	CHECK_INT(gpu_rig_set_scanout(&rig, UINT32_MAX, 0, &all),
		VIRTIO_GPU_RESP_ERR_INVALID_SCANOUT_ID);
	CHECK_INT(gpu_rig_set_scanout(&rig, 0, 2, &all), BAD_ID);
	CHECK_INT(gpu_rig_set_scanout(&rig, 15, 1, &one), OK);
	CHECK_INT(gpu_rig_set_scanout(&rig, 15, 0, &all), OK);
	CHECK_INT(gpu_rig_flush(&rig, 2, &all), BAD_ID);
	CHECK_INT(gpu_rig_flush(&rig, 1, &beyond), BAD_NUMBER);
	CHECK_INT(gpu_rig_flush(&rig, 1, &wrong[4]), BAD_NUMBER);
	CHECK_INT(gpu_rig_flush(&rig, 1, &wrong[0]), OK);
	gpu_rig_finish(&rig);
}

static void shows_parts_on_several(void)
{
	const struct rect left = { 0, 0, 32, 32 }, right = { 32, 0, 32, 32 };
	const struct rect middle = { 30, 8, 4, 4 };
	start(0);
	show(0);
	CHECK_INT(gpu_rig_set_scanout(&rig, 0, 1, &left), OK);
	expect_size(0, 32, 32);
	expect_update(0, &left, 0);
	CHECK_INT(gpu_rig_set_scanout(&rig, 2, 1, &right), OK);
	expect_size(2, 32, 32);
	expect_update(2, &left, 32);
	CHECK_INT(gpu_rig_flush(&rig, 1, &middle), OK);
	expect_update(0, &(struct rect){ 30, 8, 2, 4 }, 8 * 64 + 30);
	expect_update(2, &(struct rect){ 0, 8, 2, 4 }, 8 * 64 + 32);
	CHECK_INT(gpu_rig_flush(&rig, 1, &(struct rect){ 40, 0, 1, 1 }), OK);
	expect_update(2, &(struct rect){ 8, 0, 1, 1 }, 40);
	peer_expect_nothing(&rig.display);
	gpu_rig_finish(&rig);
}

static void goes_off(void)
{
	start(0);
	show(0);
	CHECK_INT(gpu_rig_set_scanout(&rig, 0, 1, &all), OK);
	expect_size(0, 64, 32);
	expect_update(0, &all, 0);
	CHECK_INT(gpu_rig_set_scanout(&rig, 0, 0, &all), OK);
	expect_size(0, 0, 0);
	CHECK_INT(gpu_rig_flush(&rig, 1, &all), OK);
	peer_expect_nothing(&rig.display);

	CHECK_INT(gpu_rig_set_scanout(&rig, 0, 1, &all), OK);
	expect_size(0, 64, 32);
	expect_update(0, &all, 0);
	CHECK_INT(gpu_rig_unref(&rig, 1), OK);
	expect_size(0, 0, 0);
	peer_expect_nothing(&rig.display);
	CHECK(!rig.device->scanouts[0].resource);
	gpu_rig_finish(&rig);
}

static void flips_pages(void)
{
	start(0);
	show(0);
	CHECK_INT(gpu_rig_create_2d(&rig, 2, 64, 32), OK);
	CHECK_INT(gpu_rig_set_scanout(&rig, 0, 1, &all), OK);
	expect_size(0, 64, 32);
	expect_update(0, &all, 0);
	CHECK_INT(gpu_rig_set_scanout(&rig, 0, 2, &all), OK);
	expect_update(0, &all, 0);
	CHECK_INT(gpu_rig_flush(&rig, 1, &all), OK);
	peer_expect_nothing(&rig.display);
	CHECK_INT(gpu_rig_set_scanout(&rig, 0, 2, &all), OK);
	peer_expect_nothing(&rig.display);
	CHECK_INT(gpu_rig_unref(&rig, 1), OK);
	peer_expect_nothing(&rig.display);
	gpu_rig_finish(&rig);
}

static void gathers_damage_for_a_slow_display(void)
{
	start(0);
	CHECK_INT(gpu_rig_create_2d(&rig, 2, 4096, 1024), OK);
	show(0);
	CHECK_INT(gpu_rig_set_scanout(&rig, 0, 2, &(struct rect){ 0, 0, 4096, 1024 }), OK);
	gpu_rig_run(&rig);
	/* 16 MiB: more than the socket holds. */
	CHECK(!display_scanout_ready(rig.device->outputs.active, 0));
	CHECK_INT(gpu_rig_flush(&rig, 2, &(struct rect){ 10, 10, 1, 1 }), OK);
	CHECK_INT(gpu_rig_flush(&rig, 2, &(struct rect){ 100, 100, 4, 4 }), OK);
	expect_size(0, 4096, 1024);
	expect_update(0, &(struct rect){ 0, 0, 4096, 1024 }, 0);
	expect_update(0, &(struct rect){ 10, 10, 94, 94 }, 0);
	peer_expect_nothing(&rig.display);
	gpu_rig_finish(&rig);
}

static void sends_everything_to_the_next_display(void)
{
	start(0);
	CHECK_INT(gpu_rig_set_scanout(&rig, 0, 1, &all), OK);
	CHECK_INT(gpu_rig_flush(&rig, 1, &all), OK);
	for (int round = 0; round < 3; round++) {
		show(0);
		expect_size(0, 64, 32);
		expect_update(0, &all, 0);
		peer_expect_nothing(&rig.display);
	}
	peer_close(&rig.display);
	gpu_rig_run(&rig);
	CHECK(!rig.device->outputs.active);
	CHECK_INT(gpu_rig_flush(&rig, 1, &all), OK);
	show(0);
	expect_size(0, 64, 32);
	expect_update(0, &all, 0);
	gpu_rig_finish(&rig);
}

static void gives_way_to_the_sessions_display(void)
{
	start(0);
	const struct virtio_gpu_resp_display_info info = { .pmodes[0].enabled = 1 };
	gpu_rig_show(&rig, DISPLAY_OF_VIEWER);
	gpu_rig_display_begin(&rig, 0);
	peer_expect(&rig.display, VHOST_USER_GPU_GET_DISPLAY_INFO, 0);
	peer_answer(&rig.display, VHOST_USER_GPU_GET_DISPLAY_INFO, &info, sizeof(info));
	CHECK_INT(gpu_rig_set_scanout(&rig, 0, 1, &all), OK);
	expect_size(0, 64, 32);
	expect_update(0, &all, 0);
	int viewer = fd_steal(&rig.display.sock);

	show(0);
	expect_size(0, 64, 32);
	expect_update(0, &all, 0);
	int session = fd_steal(&rig.display.sock);
	rig.display.sock = viewer;
	expect_size(0, 0, 0);
	CHECK_INT(gpu_rig_flush(&rig, 1, &all), OK);
	peer_expect_nothing(&rig.display);
	fd_close(&session);
	gpu_rig_run(&rig);
	expect_size(0, 64, 32);
	expect_update(0, &all, 0);
	gpu_rig_finish(&rig);
}

/* With 3D resource 5 of 64 x 32 pixels on scanout 0 and a display of these features. */
static void start_3d(uint64_t features, bool exports)
{
	start(1);
	rig.fakes[0]->base.can_export = exports;
	show(features);
	CHECK_INT(gpu_rig_create_3d(&rig, 5, 64, 32), OK);
	fake_skip(rig.fakes[0]);
	CHECK_INT(gpu_rig_set_scanout(&rig, 0, 5, &all), OK);
}

static void reads_3d_back(void)
{
	const struct rect part = { 8, 4, 3, 2 };
	start_3d(0, false);
	expect_size(0, 64, 32);
	expect_update(0, &all, fake_pixel(5));
	uint32_t region = fake_expect(rig.fakes[0], FAKE_REGION_ADD)->region;
	CHECK_INT(fake_expect(rig.fakes[0], FAKE_READ_BACK)->region, region);
	CHECK_INT(gpu_rig_flush(&rig, 5, &part), OK);
	expect_update(0, &part, fake_pixel(5));
	const struct renderer_read_back_args *args =
		&fake_expect(rig.fakes[0], FAKE_READ_BACK)->read_back;
	CHECK_INT(args->stride, 256);
	CHECK_INT(args->offset, 4 * 256 + 8 * 4);
	CHECK_INT(args->rect.x, 8);
	CHECK_INT(args->rect.h, 2);
	fake_expect_nothing(rig.fakes[0]);
	CHECK_INT(gpu_rig_set_scanout(&rig, 0, 0, &all), OK);
	CHECK_INT(fake_expect(rig.fakes[0], FAKE_REGION_REMOVE)->region, region);
	CHECK_INT(rig.device->frame_bytes, 0);
	gpu_rig_finish(&rig);
}

static void reads_back_one_at_a_time(void)
{
	start_3d(0, false);
	expect_size(0, 64, 32);
	expect_update(0, &all, fake_pixel(5));
	rig.manual = true;
	for (uint32_t i = 0; i < 5; i++)
		CHECK_INT(gpu_rig_flush(&rig, 5, &(struct rect){ i, i, 1, 1 }), OK);
	CHECK_INT(fake_count(rig.fakes[0], FAKE_READ_BACK), 2);
	peer_expect_nothing(&rig.display);
	fake_finish(rig.fakes[0]);
	expect_update(0, &(struct rect){ 0, 0, 1, 1 }, fake_pixel(5));
	fake_finish(rig.fakes[0]);
	expect_update(0, &(struct rect){ 1, 1, 4, 4 }, fake_pixel(5));
	CHECK_INT(fake_count(rig.fakes[0], FAKE_READ_BACK), 3);
	rig.manual = false;
	gpu_rig_finish(&rig);
}

static void drops_a_stale_read_back(void)
{
	start_3d(0, false);
	expect_size(0, 64, 32);
	expect_update(0, &all, fake_pixel(5));
	rig.manual = true;
	CHECK_INT(gpu_rig_flush(&rig, 5, &all), OK);
	CHECK_INT(gpu_rig_set_scanout(&rig, 0, 0, &all), OK);
	expect_size(0, 0, 0);
	/* The renderer still writes to the frame. */
	CHECK_INT(fake_regions(rig.fakes[0]), 1);
	fake_finish(rig.fakes[0]);
	CHECK_INT(fake_regions(rig.fakes[0]), 0);
	peer_expect_nothing(&rig.display);
	rig.manual = false;
	gpu_rig_finish(&rig);
}

static void stays_at_the_last_picture(void)
{
	start_3d(0, false);
	expect_size(0, 64, 32);
	expect_update(0, &all, fake_pixel(5));
	rig.fakes[0]->fail_type = FAKE_READ_BACK;
	rig.fakes[0]->fail_status = -EIO;
	CHECK_INT(gpu_rig_flush(&rig, 5, &all), OK);
	gpu_rig_run(&rig);
	CHECK_INT(fake_count(rig.fakes[0], FAKE_READ_BACK), 2);
	fake_lose(rig.fakes[0]);
	rig.fakes[0] = NULL;
	CHECK_INT(gpu_rig_flush(&rig, 5, &all), OK);
	peer_expect_nothing(&rig.display);
	CHECK_INT(gpu_rig_set_scanout(&rig, 0, 1, &all), OK);
	expect_update(0, &all, 0);
	gpu_rig_finish(&rig);
}

static void limits_frames(void)
{
	gpu_rig_prepare(&rig, 1);
	rig.args.limits.host_bytes = 64 * 32 * 4;
	gpu_rig_start(&rig, FEATURES_3D);
	show(0);
	CHECK_INT(gpu_rig_create_3d(&rig, 5, 64, 64), OK);
	CHECK_INT(gpu_rig_set_scanout(&rig, 0, 5, &all), OK);
	expect_size(0, 64, 32);
	expect_update(0, &all, fake_pixel(5));
	CHECK_INT(gpu_rig_set_scanout(&rig, 1, 5, &(struct rect){ 0, 0, 32, 32 }), OK);
	peer_expect_nothing(&rig.display);
	CHECK_INT(gpu_rig_set_scanout(&rig, 0, 0, &all), OK);
	expect_size(0, 0, 0);
	CHECK_INT(gpu_rig_flush(&rig, 5, &all), OK);
	expect_size(1, 32, 32);
	gpu_rig_finish(&rig);
}

/* A frame whose memory comes later is shown when it has come. */
static void waits_for_memory(void)
{
	start(1);
	show(0);
	rig.memory_fails = -EAGAIN;
	CHECK_INT(gpu_rig_create_3d(&rig, 5, 64, 32), OK);
	CHECK_INT(gpu_rig_set_scanout(&rig, 0, 5, &all), OK);
	CHECK_INT(gpu_rig_flush(&rig, 5, &all), OK);
	gpu_device_memory_came(rig.device);
	gpu_rig_run(&rig);
	peer_expect_nothing(&rig.display);
	rig.memory_fails = 0;
	gpu_device_memory_came(rig.device);
	gpu_rig_run(&rig);
	expect_size(0, 64, 32);
	expect_update(0, &all, fake_pixel(5));
	gpu_rig_finish(&rig);
}

static void expect_dmabuf(uint32_t w, uint32_t h)
{
	struct vhost_user_gpu_dmabuf_scanout scanout;
	peer_expect(&rig.display, VHOST_USER_GPU_DMABUF_SCANOUT2, 48);
	memcpy(&scanout, rig.display.payload, sizeof(scanout));
	CHECK_INT(scanout.scanout_id, 0);
	CHECK_INT(scanout.width, w);
	CHECK_INT(scanout.height, h);
	CHECK_INT(scanout.fd_width, 64);
	CHECK_INT(scanout.fd_flags, VHOST_USER_GPU_DMABUF_Y_0_TOP);
	CHECK(rig.display.fd >= 0);
}

static void expect_dmabuf_off(void)
{
	const struct vhost_user_gpu_dmabuf_scanout expected = { 0 };
	peer_expect(&rig.display, VHOST_USER_GPU_DMABUF_SCANOUT, sizeof(expected));
	CHECK_MEM(rig.display.payload, &expected, sizeof(expected));
}

static void expect_dmabuf_update(const struct rect *rect)
{
	const struct vhost_user_gpu_update expected = { 0, rect->x, rect->y, rect->w, rect->h };
	peer_expect(&rig.display, VHOST_USER_GPU_DMABUF_UPDATE, sizeof(expected));
	CHECK_MEM(rig.display.payload, &expected, sizeof(expected));
}

static void shows_dmabufs(void)
{
	const struct rect part = { 8, 4, 3, 2 }, half = { 0, 0, 32, 32 };
	start_3d(PEER_FEATURES_ALL, true);
	expect_dmabuf(64, 32);
	expect_dmabuf_update(&all);
	CHECK_INT(gpu_rig_flush(&rig, 5, &part), OK);
	CHECK_INT(gpu_rig_flush(&rig, 5, &part), OK);
	peer_expect_nothing(&rig.display);
	peer_ack(&rig.display);
	expect_dmabuf_update(&part);
	peer_ack(&rig.display);
	CHECK_INT(gpu_rig_set_scanout(&rig, 0, 5, &half), OK);
	expect_dmabuf(32, 32);
	expect_dmabuf_update(&half);
	CHECK_INT(fake_count(rig.fakes[0], FAKE_EXPORT), 1);
	CHECK_INT(fake_count(rig.fakes[0], FAKE_READ_BACK), 0);
	peer_ack(&rig.display);
	/* A display cannot show a view from elsewhere: pixels do. */
	const struct rect corner = { 32, 0, 32, 32 };
	CHECK_INT(gpu_rig_set_scanout(&rig, 0, 5, &corner), OK);
	expect_dmabuf_off();
	expect_size(0, 32, 32);
	expect_update(0, &half, fake_pixel(5));
	peer_expect_nothing(&rig.display);
	gpu_rig_finish(&rig);
}

static void falls_back_when_export_fails(void)
{
	start(1);
	rig.fakes[0]->base.can_export = true;
	rig.fakes[0]->fail_type = FAKE_EXPORT;
	rig.fakes[0]->fail_status = -EOPNOTSUPP;
	show(PEER_FEATURES_ALL);
	CHECK_INT(gpu_rig_create_3d(&rig, 5, 64, 32), OK);
	CHECK_INT(gpu_rig_set_scanout(&rig, 0, 5, &all), OK);
	expect_size(0, 64, 32);
	expect_update(0, &all, fake_pixel(5));
	CHECK_INT(gpu_rig_flush(&rig, 5, &all), OK);
	expect_update(0, &all, fake_pixel(5));
	CHECK_INT(fake_count(rig.fakes[0], FAKE_EXPORT), 1);
	gpu_rig_finish(&rig);
}

/* Whoever shows it would trust in it. */
static void shows_no_export_that_is_no_memory(void)
{
	int ends[2];
	CHECK_INT(pipe2(ends, O_CLOEXEC), 0);
	const int fds[] = {
		ends[0],
		socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0),
		open("/dev/null", O_RDWR | O_CLOEXEC),
		shm_create("short", 64 * 32 * 4 - 1),
		memfd_create("unsealable", MFD_CLOEXEC),
	};
	CHECK_INT(ftruncate(fds[4], 64 * 32 * 4), 0);
	for (uint32_t i = 0; i < ARRAY_SIZE(fds); i++) {
		start(1);
		rig.fakes[0]->base.can_export = true;
		rig.fakes[0]->export_fd = fds[i];
		show(PEER_FEATURES_ALL);
		CHECK_INT(gpu_rig_create_3d(&rig, 5, 64, 32), OK);
		CHECK_INT(gpu_rig_set_scanout(&rig, 0, 5, &all), OK);
		expect_size(0, 64, 32);
		expect_update(0, &all, fake_pixel(5));
		CHECK_INT(fake_count(rig.fakes[0], FAKE_EXPORT), 1);
		gpu_rig_finish(&rig);
		close(fds[i]);
	}
	close(ends[1]);
}

static void shows_nothing_when_headless(void)
{
	gpu_rig_prepare(&rig, 0);
	rig.args.headless = true;
	gpu_rig_start(&rig, FEATURES_2D);
	for (int kind = DISPLAY_OF_SESSION; kind <= DISPLAY_OF_VIEWER; kind++) {
		uint8_t byte;
		gpu_rig_show(&rig, (enum gpu_rig_display)kind);
		gpu_rig_run(&rig);
		CHECK(!rig.device->outputs.active);
		CHECK_INT(recv(rig.display.sock, &byte, 1, MSG_DONTWAIT), 0);
	}
	CHECK_INT(gpu_rig_create_2d(&rig, 1, 64, 32), OK);
	CHECK_INT(gpu_rig_set_scanout(&rig, 0, 1, &all), OK);
	CHECK_INT(gpu_rig_flush(&rig, 1, &all), OK);
	gpu_rig_finish(&rig);
}

static void follows_2d_to_its_renderer_and_back(void)
{
	start(1);
	show(0);
	CHECK_INT(gpu_rig_set_scanout(&rig, 0, 1, &all), OK);
	expect_size(0, 64, 32);
	expect_update(0, &all, 0);
	CHECK_INT(gpu_rig_ctx_create(&rig, 1, 0), OK);
	CHECK_INT(gpu_rig_ctx_attach(&rig, 1, 1), OK);
	CHECK_INT(gpu_rig_flush(&rig, 1, &all), OK);
	expect_update(0, &all, 0);
	CHECK_INT(gpu_rig_submit(&rig, 1, 1), OK);
	CHECK_INT(gpu_rig_flush(&rig, 1, &all), OK);
	expect_update(0, &all, fake_pixel(1));
	uint32_t pixel = 0x1234;
	memcpy(rig.guest + GUEST_PAGES, &pixel, 4);
	fake_lose(rig.fakes[0]);
	rig.fakes[0] = NULL;
	expect_update(0, &all, pixel);
	peer_expect_nothing(&rig.display);
	gpu_rig_finish(&rig);
}

static void goes_dark_at_a_reset(void)
{
	start_3d(0, false);
	expect_size(0, 64, 32);
	expect_update(0, &all, fake_pixel(5));
	gpu_device_impl.reset(rig.device);
	expect_size(0, 0, 0);
	peer_expect_nothing(&rig.display);
	gpu_rig_run(&rig);
	CHECK_INT(fake_regions(rig.fakes[0]), 0);
	CHECK_INT(rig.device->frame_bytes, 0);
	gpu_rig_finish(&rig);
}

int main(int argc, char **argv)
{
	static const struct test_case cases[] = {
		TEST_CASE(shows_2d),
		TEST_CASE(judges_scanouts),
		TEST_CASE(shows_parts_on_several),
		TEST_CASE(goes_off),
		TEST_CASE(flips_pages),
		TEST_CASE(gathers_damage_for_a_slow_display),
		TEST_CASE(sends_everything_to_the_next_display),
		TEST_CASE(gives_way_to_the_sessions_display),
		TEST_CASE(reads_3d_back),
		TEST_CASE(reads_back_one_at_a_time),
		TEST_CASE(drops_a_stale_read_back),
		TEST_CASE(stays_at_the_last_picture),
		TEST_CASE(limits_frames),
		TEST_CASE(waits_for_memory),
		TEST_CASE(shows_dmabufs),
		TEST_CASE(falls_back_when_export_fails),
		TEST_CASE(shows_no_export_that_is_no_memory),
		TEST_CASE(shows_nothing_when_headless),
		TEST_CASE(follows_2d_to_its_renderer_and_back),
		TEST_CASE(goes_dark_at_a_reset),
	};
	return test_main(argc, argv, cases, ARRAY_SIZE(cases));
}
