/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/* Cursors, from the cursor queue to the display. */
#include "gpu_rig.h"

#include "gpu/state.h"

static struct gpu_rig rig;

#define OK   VIRTIO_GPU_RESP_OK_NODATA
#define SIDE VHOST_USER_GPU_CURSOR_SIDE

static void start(uint32_t renderers, bool with_display)
{
	gpu_rig_prepare(&rig, renderers);
	gpu_rig_start(&rig, renderers ? FEATURES_3D : FEATURES_BLOB);
	if (!with_display)
		return;
	gpu_rig_show(&rig, DISPLAY_OF_SESSION);
	gpu_rig_display_begin(&rig, 0);
}

/* A 2D resource whose pixels are `first`, `first` + 1 and so on. */
static void make_2d(uint32_t id, uint32_t w, uint32_t h, uint32_t format, uint32_t first)
{
	const struct virtio_gpu_resource_create_2d create = {
		.hdr.type = VIRTIO_GPU_CMD_RESOURCE_CREATE_2D,
		.resource_id = id,
		.format = format,
		.width = w,
		.height = h,
	};
	for (uint32_t i = 0; i < w * h; i++) {
		uint32_t pixel = first + i;
		memcpy(rig.guest + GUEST_PAGES + 4 * i, &pixel, 4);
	}
	CHECK_INT(gpu_rig_do(&rig, &create, sizeof(create)), OK);
	CHECK_INT(gpu_rig_attach_backing(&rig, id, GUEST_PAGES, w * h * 4), OK);
	CHECK_INT(gpu_rig_transfer_2d(&rig, id, w, h), OK);
	CHECK_INT(gpu_rig_detach_backing(&rig, id), OK);
}

static uint32_t cursor_command(uint32_t type, uint32_t scanout, uint32_t x, uint32_t id)
{
	const struct virtio_gpu_update_cursor update = {
		.hdr.type = type,
		.pos = { .scanout_id = scanout, .x = x, .y = x + 1 },
		.resource_id = id,
		.hot_x = 3,
		.hot_y = 4,
	};
	uint16_t number = gpu_rig_send(&rig, VIRTIO_GPU_QUEUE_CURSOR, &update, sizeof(update), 24);
	gpu_rig_run(&rig);
	const struct virtio_gpu_ctrl_hdr *answer =
		gpu_rig_answer(&rig, VIRTIO_GPU_QUEUE_CURSOR, number, NULL);
	CHECK(answer);
	return answer->type;
}

static uint32_t update(uint32_t scanout, uint32_t x, uint32_t id)
{
	return cursor_command(VIRTIO_GPU_CMD_UPDATE_CURSOR, scanout, x, id);
}

static uint32_t move(uint32_t scanout, uint32_t x, uint32_t id)
{
	return cursor_command(VIRTIO_GPU_CMD_MOVE_CURSOR, scanout, x, id);
}

static const struct vhost_user_gpu_cursor_update *expect_update(uint32_t scanout, uint32_t x)
{
	const struct vhost_user_gpu_cursor_update *cursor;
	peer_expect(&rig.display, VHOST_USER_GPU_CURSOR_UPDATE, sizeof(*cursor));
	cursor = (const void *)rig.display.payload;
	CHECK_INT(cursor->pos.scanout_id, scanout);
	CHECK_INT(cursor->pos.x, x);
	CHECK_INT(cursor->pos.y, x + 1);
	CHECK_INT(cursor->hot_x, 3);
	CHECK_INT(cursor->hot_y, 4);
	return cursor;
}

static void expect_position(uint32_t request, uint32_t x)
{
	const struct vhost_user_gpu_cursor_pos expected = { 0, x, x + 1 };
	peer_expect(&rig.display, request, sizeof(expected));
	CHECK_MEM(rig.display.payload, &expected, sizeof(expected));
}

static void shows_moves_and_hides(void)
{
	start(0, true);
	make_2d(1, SIDE, SIDE, VIRTIO_GPU_FORMAT_B8G8R8A8_UNORM, 0x80000000);
	CHECK_INT(move(0, 5, 0), OK);
	peer_expect_nothing(&rig.display);
	CHECK_INT(update(0, 10, 1), OK);
	const struct vhost_user_gpu_cursor_update *cursor = expect_update(0, 10);
	for (uint32_t i = 0; i < SIDE * SIDE; i++)
		CHECK_INT(cursor->data[i], 0x80000000 + i);
	peer_expect_nothing(&rig.display);
	/* The other fields of a move mean nothing. */
	CHECK_INT(move(0, 20, 0), OK);
	expect_position(VHOST_USER_GPU_CURSOR_POS, 20);
	CHECK_INT(update(0, 30, 0), OK);
	expect_position(VHOST_USER_GPU_CURSOR_POS_HIDE, 30);
	CHECK_INT(move(0, 40, 1), OK);
	peer_expect_nothing(&rig.display);
	gpu_rig_finish(&rig);
}

static void refuses_what_is_not_there(void)
{
	start(0, false);
	make_2d(1, 8, 8, VIRTIO_GPU_FORMAT_B8G8R8A8_UNORM, 0);
	CHECK_INT(update(0, 1, 2), VIRTIO_GPU_RESP_ERR_INVALID_RESOURCE_ID);
	CHECK_INT(update(16, 1, 1), VIRTIO_GPU_RESP_ERR_INVALID_SCANOUT_ID);
	CHECK_INT(update(UINT32_MAX, 1, 0), VIRTIO_GPU_RESP_ERR_INVALID_SCANOUT_ID);
	CHECK_INT(move(16, 1, 0), VIRTIO_GPU_RESP_ERR_INVALID_SCANOUT_ID);
	CHECK_INT(move(15, 0x80000000, 0), OK);
	gpu_rig_finish(&rig);
}

static void cuts_and_pads_other_sizes(void)
{
	start(0, true);
	make_2d(1, 63, 65, VIRTIO_GPU_FORMAT_B8G8R8A8_UNORM, 0x1000);
	CHECK_INT(update(0, 10, 1), OK);
	const struct vhost_user_gpu_cursor_update *cursor = expect_update(0, 10);
	CHECK_INT(cursor->data[0], 0x1000);
	CHECK_INT(cursor->data[62], 0x1000 + 62);
	CHECK_INT(cursor->data[63], 0);
	CHECK_INT(cursor->data[64], 0x1000 + 63);
	CHECK_INT(cursor->data[63 * 64 + 62], 0x1000 + 63 * 63 + 62);
	gpu_rig_finish(&rig);
}

static void converts_formats(void)
{
	start(0, true);
	make_2d(1, SIDE, SIDE, VIRTIO_GPU_FORMAT_R8G8B8X8_UNORM, 0x00332211);
	CHECK_INT(update(0, 10, 1), OK);
	CHECK_INT(expect_update(0, 10)->data[0], 0xff112233);
	gpu_rig_finish(&rig);
}

static void keeps_its_own_image(void)
{
	start(0, true);
	make_2d(1, SIDE, SIDE, VIRTIO_GPU_FORMAT_B8G8R8A8_UNORM, 7);
	CHECK_INT(update(1, 10, 1), OK);
	expect_update(1, 10);
	CHECK_INT(gpu_rig_unref(&rig, 1), OK);
	CHECK_INT(move(1, 12, 0), OK);
	peer_expect(&rig.display, VHOST_USER_GPU_CURSOR_POS, 12);
	/* Also for the next display. */
	gpu_rig_show(&rig, DISPLAY_OF_SESSION);
	peer_expect(&rig.display, VHOST_USER_GPU_GET_PROTOCOL_FEATURES, 0);
	CHECK_INT(expect_update(1, 12)->data[0], 7);
	gpu_device_impl.reset(rig.device);
	peer_expect(&rig.display, VHOST_USER_GPU_CURSOR_POS_HIDE, 12);
	gpu_rig_show(&rig, DISPLAY_OF_SESSION);
	gpu_rig_display_begin(&rig, 0);
	peer_expect_nothing(&rig.display);
	gpu_rig_finish(&rig);
}

/* The first bytes of a blob are the image, whatever else is in it. */
static void takes_it_from_blobs(void)
{
	const struct virtio_gpu_mem_entry entries[] = {
		{ .addr = GUEST_PAGES + 20003, .length = 4097 },
		{ .addr = GUEST_PAGES, .length = 20000 },
	};
	uint32_t pixels[SIDE * SIDE];
	for (uint32_t i = 0; i < SIDE * SIDE; i++)
		pixels[i] = 0x40302010 + i;
	start(0, true);
	memcpy(rig.guest + entries[0].addr, pixels, 4097);
	memcpy(rig.guest + entries[1].addr, (uint8_t *)pixels + 4097, sizeof(pixels) - 4097);
	CHECK_INT(gpu_rig_create_blob_of(&rig, 1, 24000, entries, 2), OK);
	CHECK_INT(update(0, 10, 1), OK);
	CHECK_MEM(expect_update(0, 10)->data, pixels, sizeof(pixels));
	/* It is copied: what the guest does to it is not seen until the next update. */
	memset(rig.guest + GUEST_PAGES, 0, 20000);
	CHECK_INT(move(0, 20, 0), OK);
	expect_position(VHOST_USER_GPU_CURSOR_POS, 20);
	CHECK_INT(gpu_rig_detach_backing(&rig, 1), OK);
	peer_expect_nothing(&rig.display);
	CHECK_INT(update(0, 30, 1), OK);
	expect_position(VHOST_USER_GPU_CURSOR_POS_HIDE, 30);

	CHECK_INT(gpu_rig_create_blob(&rig, 2, sizeof(pixels) - 1, GUEST_PAGES), OK);
	CHECK_INT(update(0, 10, 2), VIRTIO_GPU_RESP_ERR_INVALID_PARAMETER);
	CHECK_INT(gpu_rig_create_blob(&rig, 3, sizeof(pixels), GUEST_PAGES), OK);
	CHECK_INT(update(0, 10, 3), OK);
	CHECK_INT(expect_update(0, 10)->data[SIDE], 0);
	gpu_rig_finish(&rig);
}

static void reads_3d_back_without_waiting(void)
{
	start(1, true);
	CHECK_INT(gpu_rig_create_3d(&rig, 5, SIDE, 32), OK);
	CHECK_INT(gpu_rig_create_3d(&rig, 6, SIDE, SIDE), OK);
	CHECK_INT(gpu_rig_create_3d(&rig, 7, SIDE, SIDE), OK);
	rig.manual = true;
	CHECK_INT(update(0, 10, 5), OK);
	CHECK_INT(fake_count(rig.fakes[0], FAKE_READ_BACK), 1);
	/* Newer images replace one another while it is busy, and what it reads is out of date. */
	CHECK_INT(update(0, 11, 6), OK);
	CHECK_INT(update(0, 12, 7), OK);
	CHECK_INT(fake_count(rig.fakes[0], FAKE_READ_BACK), 1);
	CHECK(fake_finish_one(rig.fakes[0], 0));
	peer_expect_nothing(&rig.display);
	CHECK_INT(fake_count(rig.fakes[0], FAKE_READ_BACK), 2);
	CHECK(fake_finish_one(rig.fakes[0], 0));
	CHECK_INT(expect_update(0, 12)->data[SIDE * SIDE - 1], fake_pixel(7));
	CHECK_INT(update(0, 10, 5), OK);
	fake_finish(rig.fakes[0]);
	const struct vhost_user_gpu_cursor_update *cursor = expect_update(0, 10);
	CHECK_INT(cursor->data[0], fake_pixel(5));
	CHECK_INT(cursor->data[32 * SIDE], 0);
	rig.manual = false;
	gpu_rig_finish(&rig);
}

static void waits_for_memory(void)
{
	start(1, true);
	CHECK_INT(gpu_rig_create_3d(&rig, 5, SIDE, SIDE), OK);
	CHECK_INT(gpu_rig_create_3d(&rig, 6, SIDE, SIDE), OK);
	rig.memory_fails = -EAGAIN;
	CHECK_INT(update(0, 10, 5), OK);
	CHECK_INT(update(0, 11, 6), OK);
	gpu_device_memory_came(rig.device);
	CHECK_INT(fake_count(rig.fakes[0], FAKE_READ_BACK), 0);
	rig.memory_fails = 0;
	gpu_device_memory_came(rig.device);
	gpu_rig_run(&rig);
	CHECK_INT(expect_update(0, 11)->data[0], fake_pixel(6));
	CHECK_INT(fake_count(rig.fakes[0], FAKE_READ_BACK), 1);
	/* Where there will be none it is given up. */
	gpu_device_impl.reset(rig.device);
	peer_expect(&rig.display, VHOST_USER_GPU_CURSOR_POS_HIDE, 12);
	rig.memory_fails = -ENOMEM;
	CHECK_INT(gpu_rig_create_3d(&rig, 5, SIDE, SIDE), OK);
	CHECK_INT(update(0, 10, 5), OK);
	rig.memory_fails = 0;
	gpu_device_memory_came(rig.device);
	CHECK_INT(fake_count(rig.fakes[0], FAKE_READ_BACK), 0);
	gpu_rig_finish(&rig);
}

static void forgets_a_read_back_when_hidden(void)
{
	start(1, true);
	CHECK_INT(gpu_rig_create_3d(&rig, 5, SIDE, SIDE), OK);
	CHECK_INT(gpu_rig_create_3d(&rig, 6, SIDE, SIDE), OK);
	rig.manual = true;
	CHECK_INT(update(0, 10, 5), OK);
	CHECK_INT(update(0, 10, 6), OK);
	CHECK_INT(update(0, 10, 0), OK);
	expect_position(VHOST_USER_GPU_CURSOR_POS_HIDE, 10);
	fake_finish(rig.fakes[0]);
	CHECK_INT(fake_count(rig.fakes[0], FAKE_READ_BACK), 1);
	peer_expect_nothing(&rig.display);
	/* The one to be read next is gone by then. */
	CHECK_INT(update(0, 10, 5), OK);
	CHECK_INT(update(0, 10, 6), OK);
	const struct virtio_gpu_resource_unref unref = {
		.hdr.type = VIRTIO_GPU_CMD_RESOURCE_UNREF,
		.resource_id = 6,
	};
	gpu_rig_begin(&rig, &unref, sizeof(unref));
	fake_finish(rig.fakes[0]);
	CHECK_INT(fake_count(rig.fakes[0], FAKE_READ_BACK), 2);
	peer_expect_nothing(&rig.display);
	rig.manual = false;
	gpu_rig_finish(&rig);
}

static void survives_the_loss_of_its_renderer(void)
{
	start(1, true);
	CHECK_INT(gpu_rig_create_3d(&rig, 5, SIDE, SIDE), OK);
	rig.manual = true;
	CHECK_INT(update(0, 10, 5), OK);
	fake_lose(rig.fakes[0]);
	rig.fakes[0] = NULL;
	peer_expect_nothing(&rig.display);
	CHECK_INT(update(0, 10, 5), OK);
	expect_position(VHOST_USER_GPU_CURSOR_POS_HIDE, 10);
	rig.manual = false;
	gpu_rig_finish(&rig);
}

int main(int argc, char **argv)
{
	static const struct test_case cases[] = {
		TEST_CASE(shows_moves_and_hides),
		TEST_CASE(refuses_what_is_not_there),
		TEST_CASE(cuts_and_pads_other_sizes),
		TEST_CASE(converts_formats),
		TEST_CASE(keeps_its_own_image),
		TEST_CASE(takes_it_from_blobs),
		TEST_CASE(reads_3d_back_without_waiting),
		TEST_CASE(waits_for_memory),
		TEST_CASE(forgets_a_read_back_when_hidden),
		TEST_CASE(survives_the_loss_of_its_renderer),
	};
	return test_main(argc, argv, cases, ARRAY_SIZE(cases));
}
