/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/* Blobs of guest memory: what may be made of them, and what of them reaches a display. */
#include "gpu_rig.h"

#include <sys/socket.h>

#include "gpu/resource.h"
#include "gpu/state.h"

static struct gpu_rig rig;

#define OK         VIRTIO_GPU_RESP_OK_NODATA
#define UNSPEC     VIRTIO_GPU_RESP_ERR_UNSPEC
#define NO_MEMORY  VIRTIO_GPU_RESP_ERR_OUT_OF_MEMORY
#define BAD_ID     VIRTIO_GPU_RESP_ERR_INVALID_RESOURCE_ID
#define BAD_NUMBER VIRTIO_GPU_RESP_ERR_INVALID_PARAMETER

#define W      64u
#define H      32u
#define STRIDE (W * 4)
#define SIZE   UINT64_C(0x10000)

static const struct rect all = { 0, 0, W, H };

/* The pages of the guest, as numbers of 32 bits that say where they are. */
static void write_pages(uint32_t first)
{
	for (uint32_t i = 0; i < (3u << 20); i++) {
		uint32_t word = first + i;
		memcpy(rig.guest + GUEST_PAGES + 4 * i, &word, 4);
	}
}

static void start_with(uint64_t features)
{
	gpu_rig_prepare(&rig, 0);
	gpu_rig_start(&rig, features);
	write_pages(0);
}

static void start(void)
{
	start_with(FEATURES_BLOB);
}

static void show(void)
{
	gpu_rig_show(&rig, DISPLAY_OF_SESSION);
	gpu_rig_display_begin(&rig, 0);
}

static void expect_size(uint32_t scanout, uint32_t w, uint32_t h)
{
	const struct vhost_user_gpu_scanout expected = { scanout, w, h };
	peer_expect(&rig.display, VHOST_USER_GPU_SCANOUT, sizeof(expected));
	CHECK_MEM(rig.display.payload, &expected, sizeof(expected));
}

/* An update of rect whose rows are, from `first` on and `stride` bytes apart, what write_pages(0)
 * wrote, with `added` to each word. */
static void expect_update_of(
	uint32_t scanout, const struct rect *rect, uint32_t first, uint32_t stride, uint32_t added)
{
	const struct vhost_user_gpu_update head = { scanout, rect->x, rect->y, rect->w, rect->h };
	peer_expect(&rig.display, VHOST_USER_GPU_UPDATE,
		(uint32_t)sizeof(head) + rect->w * rect->h * 4);
	CHECK_MEM(rig.display.payload, &head, sizeof(head));
	const uint8_t *pixels = rig.display.payload + sizeof(head);
	for (uint32_t y = 0; y < rect->h; y++)
		for (uint32_t x = 0; x < rect->w; x++, pixels += 4) {
			uint32_t word = first + y * (stride / 4) + x + added;
			CHECK_MEM(pixels, &word, 4);
		}
	gpu_rig_run(&rig);
}

static void expect_update(uint32_t first, uint32_t added)
{
	expect_update_of(0, &all, first, STRIDE, added);
}

static uint32_t create(const struct virtio_gpu_resource_create_blob *from)
{
	struct {
		struct virtio_gpu_resource_create_blob create;
		struct virtio_gpu_mem_entry entry;
	} request = {
		.create = *from,
		.entry = { .addr = GUEST_PAGES, .length = (uint32_t)SIZE },
	};
	request.create.hdr.type = VIRTIO_GPU_CMD_RESOURCE_CREATE_BLOB;
	return gpu_rig_do(&rig, &request, sizeof(request));
}

static void judges_creation(void)
{
	const struct virtio_gpu_resource_create_blob good = {
		.resource_id = 1,
		.blob_mem = VIRTIO_GPU_BLOB_MEM_GUEST,
		.nr_entries = 1,
		.blob_id = 77,
		.size = SIZE,
	};
	static const struct {
		uint32_t mem, flags, entries;
		uint64_t size;
	} wrong[] = {
		{ 0, 0, 1, SIZE },
		{ VIRTIO_GPU_BLOB_MEM_HOST3D_GUEST, 0, 1, SIZE },
		{ 4, 0, 1, SIZE },
		{ 9, 0, 1, SIZE },
		{ UINT32_MAX, 0, 1, SIZE },
		{ 1, 8, 1, SIZE },
		{ 1, VIRTIO_GPU_BLOB_FLAG_USE_CROSS_DEVICE, 1, SIZE },
		{ 1, UINT32_MAX, 1, SIZE },
		{ 1, 0, 1, 0 },
		{ 1, 0, 1, SIZE + 1 },
		{ 1, 0, 1, UINT64_MAX },
		{ 1, 0, 2, SIZE },
	};
	start();
	for (size_t i = 0; i < ARRAY_SIZE(wrong); i++) {
		struct virtio_gpu_resource_create_blob bad = good;
		bad.blob_mem = wrong[i].mem;
		bad.blob_flags = wrong[i].flags;
		bad.nr_entries = wrong[i].entries;
		bad.size = wrong[i].size;
		CHECK_INT(create(&bad), BAD_NUMBER);
	}
	struct virtio_gpu_resource_create_blob request = good;
	request.nr_entries = UINT32_MAX;
	CHECK_INT(create(&request), NO_MEMORY);
	request = good;
	request.resource_id = 0;
	CHECK_INT(create(&request), BAD_ID);
	CHECK_INT(rig.device->blob_count, 0);
	CHECK_INT(rig.device->backing_entries, 0);

	request = good;
	request.blob_flags = VIRTIO_GPU_BLOB_FLAG_USE_MAPPABLE | VIRTIO_GPU_BLOB_FLAG_USE_SHAREABLE;
	CHECK_INT(create(&request), OK);
	CHECK_INT(create(&good), BAD_ID);
	CHECK_INT(gpu_rig_create_2d(&rig, 1, 4, 4), BAD_ID);
	request.resource_id = 2;
	request.size = 1;
	CHECK_INT(create(&request), OK);
	CHECK_INT(rig.device->blob_count, 2);
	CHECK_INT(gpu_rig_unref(&rig, 1), OK);
	CHECK_INT(create(&good), OK);
	gpu_rig_finish(&rig);
}

static void wants_aligned_sizes_when_agreed(void)
{
	uint64_t page = gpu_blob_alignment();
	start_with(FEATURES_BLOB | FEATURE_BIT(VIRTIO_GPU_F_BLOB_ALIGNMENT));
	CHECK_INT(gpu_rig_create_blob(&rig, 1, page - 1, GUEST_PAGES), BAD_NUMBER);
	CHECK_INT(gpu_rig_create_blob(&rig, 1, page + 4, GUEST_PAGES), BAD_NUMBER);
	CHECK_INT(gpu_rig_create_blob(&rig, 1, 2 * page, GUEST_PAGES), OK);
	gpu_rig_finish(&rig);
	start();
	CHECK_INT(gpu_rig_create_blob(&rig, 1, page - 1, GUEST_PAGES), OK);
	gpu_rig_finish(&rig);
}

static void needs_the_feature(void)
{
	const struct virtio_gpu_set_scanout_blob picture = gpu_rig_picture(1, W, H, STRIDE, 0);
	start_with(FEATURES_2D);
	CHECK_INT(gpu_rig_create_blob(&rig, 1, SIZE, GUEST_PAGES), UNSPEC);
	CHECK_INT(gpu_rig_set_scanout_blob(&rig, 0, &picture), UNSPEC);
	gpu_rig_finish(&rig);
}

static void limits_their_number(void)
{
	gpu_rig_prepare(&rig, 0);
	rig.args.limits.blobs = 2;
	gpu_rig_start(&rig, FEATURES_BLOB);
	CHECK_INT(gpu_rig_create_blob(&rig, 1, SIZE, GUEST_PAGES), OK);
	CHECK_INT(gpu_rig_create_blob(&rig, 2, SIZE, 0), OK);
	CHECK_INT(gpu_rig_create_blob(&rig, 3, SIZE, 0), NO_MEMORY);
	CHECK_INT(gpu_rig_create_2d(&rig, 3, 4, 4), OK);
	CHECK_INT(gpu_rig_unref(&rig, 1), OK);
	CHECK_INT(gpu_rig_create_blob(&rig, 1, SIZE, GUEST_PAGES), OK);
	gpu_device_impl.reset(rig.device);
	CHECK_INT(rig.device->blob_count, 0);
	gpu_rig_finish(&rig);
}

static void gets_its_memory_later(void)
{
	start();
	CHECK_INT(gpu_rig_create_blob(&rig, 1, SIZE, 0), OK);
	CHECK_INT(gpu_rig_detach_backing(&rig, 1), UNSPEC);
	CHECK_INT(gpu_rig_attach_backing(&rig, 1, GUEST_PAGES, SIZE - 1), BAD_NUMBER);
	CHECK_INT(gpu_rig_attach_backing(&rig, 1, GUEST_SIZE, SIZE), BAD_NUMBER);
	CHECK_INT(gpu_rig_attach_backing(&rig, 1, GUEST_PAGES, SIZE + 1), OK);
	CHECK_INT(gpu_rig_attach_backing(&rig, 1, GUEST_PAGES, SIZE), UNSPEC);
	CHECK_INT(gpu_rig_detach_backing(&rig, 1), OK);
	CHECK_INT(gpu_rig_create_blob(&rig, 2, UINT64_MAX, 0), OK);
	CHECK_INT(gpu_rig_attach_backing(&rig, 2, GUEST_PAGES, SIZE), BAD_NUMBER);
	CHECK_INT(rig.device->backing_entries, 0);
	gpu_rig_finish(&rig);
}

static void judges_pictures(void)
{
	static const struct {
		uint32_t w, h, format, stride, offset;
	} wrong[] = {
		{ 0, H, 2, STRIDE, 0 },
		{ W, 0, 2, STRIDE, 0 },
		{ 16385, 1, 2, 16385 * 4, 0 },
		{ 1, 16385, 2, 4, 0 },
		{ UINT32_MAX, 1, 2, UINT32_MAX, 0 },
		{ 0x40000001, 1, 2, 4, 0 },
		{ W, H, 0, STRIDE, 0 },
		{ W, H, 5, STRIDE, 0 },
		{ W, H, UINT32_MAX, STRIDE, 0 },
		{ W, H, 2, STRIDE - 1, 0 },
		{ W, H, 2, 0, 0 },
		{ W, H, 2, STRIDE, SIZE },
		{ W, H, 2, STRIDE, SIZE - STRIDE * H + 1 },
		{ W, H, 2, UINT32_MAX, 0 },
		{ W, H, 2, STRIDE, UINT32_MAX },
		{ W, 2, 2, SIZE - STRIDE + 1, 0 },
		{ W, 16384, 2, 0x40000, 0 },
		{ W, 16384, 2, UINT32_MAX, UINT32_MAX },
	};
	static const uint32_t formats[] = { 1, 2, 3, 4, 67, 68, 121, 134 };
	const struct rect outside = { 1, 0, W, H };
	start();
	CHECK_INT(gpu_rig_create_blob(&rig, 1, SIZE, GUEST_PAGES), OK);
	struct virtio_gpu_set_scanout_blob picture;
	for (size_t i = 0; i < ARRAY_SIZE(wrong); i++) {
		picture = gpu_rig_picture(
			1, wrong[i].w, wrong[i].h, wrong[i].stride, wrong[i].offset);
		picture.format = wrong[i].format;
		CHECK_INT(gpu_rig_set_scanout_blob(&rig, 0, &picture), BAD_NUMBER);
	}
	picture = gpu_rig_picture(1, W, H, STRIDE, 0);
	CHECK_INT(gpu_rig_set_scanout_blob(&rig, 16, &picture),
		VIRTIO_GPU_RESP_ERR_INVALID_SCANOUT_ID);
	picture.r.x = outside.x;
	CHECK_INT(gpu_rig_set_scanout_blob(&rig, 0, &picture), BAD_NUMBER);
	picture.r = (struct virtio_gpu_rect){ 0 };
	CHECK_INT(gpu_rig_set_scanout_blob(&rig, 0, &picture), BAD_NUMBER);
	CHECK(!rig.device->scanouts[0].resource);

	picture = gpu_rig_picture(1, W, H, STRIDE, SIZE - STRIDE * H);
	for (uint32_t i = 1; i < 4; i++)
		picture.strides[i] = picture.offsets[i] = UINT32_MAX;
	for (size_t i = 0; i < ARRAY_SIZE(formats); i++) {
		picture.format = formats[i];
		CHECK_INT(gpu_rig_set_scanout_blob(&rig, 15, &picture), OK);
	}
	gpu_rig_finish(&rig);
}

static void keeps_kinds_apart(void)
{
	start();
	CHECK_INT(gpu_rig_create_blob(&rig, 1, SIZE, GUEST_PAGES), OK);
	CHECK_INT(gpu_rig_create_2d(&rig, 2, W, H), OK);
	CHECK_INT(gpu_rig_set_scanout(&rig, 0, 1, &all), BAD_NUMBER);
	struct virtio_gpu_set_scanout_blob picture = gpu_rig_picture(2, W, H, STRIDE, 0);
	CHECK_INT(gpu_rig_set_scanout_blob(&rig, 0, &picture), BAD_NUMBER);
	picture.resource_id = 3;
	CHECK_INT(gpu_rig_set_scanout_blob(&rig, 0, &picture), BAD_ID);
	/* What drivers do for buffers of any kind. */
	CHECK_INT(gpu_rig_transfer_2d(&rig, 1, W, H), OK);
	CHECK_INT(gpu_rig_transfer_2d(&rig, 3, W, H), BAD_ID);
	gpu_rig_finish(&rig);
}

/* Shows blob 1, its size, and takes the first update. */
static void show_blob(uint32_t offset)
{
	const struct virtio_gpu_set_scanout_blob picture = gpu_rig_picture(1, W, H, STRIDE, offset);
	CHECK_INT(gpu_rig_set_scanout_blob(&rig, 0, &picture), OK);
	expect_size(0, W, H);
	expect_update(offset / 4, 0);
}

static void shows_what_is_there_at_each_flush(void)
{
	const struct rect part = { 3, 5, 7, 2 };
	start();
	show();
	CHECK_INT(gpu_rig_create_blob(&rig, 1, SIZE, GUEST_PAGES), OK);
	CHECK_INT(gpu_rig_flush(&rig, 1, &all), OK);
	peer_expect_nothing(&rig.display);
	show_blob(400);
	peer_expect_nothing(&rig.display);
	write_pages(1000000);
	gpu_rig_run(&rig);
	peer_expect_nothing(&rig.display);
	CHECK_INT(gpu_rig_flush(&rig, 1, &part), OK);
	expect_update_of(0, &part, 100 + 5 * W + 3, STRIDE, 1000000);
	peer_expect_nothing(&rig.display);
	const struct virtio_gpu_set_scanout_blob off = gpu_rig_picture(0, W, H, STRIDE, 0);
	CHECK_INT(gpu_rig_set_scanout_blob(&rig, 0, &off), OK);
	expect_size(0, 0, 0);
	CHECK_INT(gpu_rig_flush(&rig, 1, &all), OK);
	peer_expect_nothing(&rig.display);
	gpu_rig_finish(&rig);
}

/* Pieces of odd lengths, none beside the one before, that end inside of pixels. */
static void shows_scattered_pages(void)
{
	static const uint32_t lengths[] = { 1, 3, 4096, 2, 5, 1021, 64, 7 };
	struct virtio_gpu_mem_entry entries[40];
	uint8_t bytes[W * H * 4 + 512];
	uint64_t size = 0;
	start();
	for (uint32_t i = 0; i < sizeof(bytes); i++)
		bytes[i] = (uint8_t)(i * 7 + (i >> 8) * 13);
	for (uint32_t i = 0; i < ARRAY_SIZE(entries); i++) {
		uint32_t length = lengths[i % ARRAY_SIZE(lengths)];
		uint64_t at = GUEST_PAGES + (ARRAY_SIZE(entries) - i) * 8192u + i;
		entries[i] = (struct virtio_gpu_mem_entry){ .addr = at, .length = length };
		if (size < sizeof(bytes))
			memcpy(rig.guest + at, bytes + size,
				min_size(length, sizeof(bytes) - size));
		size += length;
	}
	CHECK(size >= sizeof(bytes));
	show();
	CHECK_INT(gpu_rig_create_blob_of(&rig, 1, sizeof(bytes), entries, ARRAY_SIZE(entries)), OK);
	const struct virtio_gpu_set_scanout_blob picture = gpu_rig_picture(1, W, H, STRIDE, 509);
	CHECK_INT(gpu_rig_set_scanout_blob(&rig, 0, &picture), OK);
	CHECK_INT(rig.device->scanouts[0].view->kind, IMAGE_SCATTERED);
	expect_size(0, W, H);
	peer_expect(&rig.display, VHOST_USER_GPU_UPDATE, 20 + W * H * 4);
	CHECK_MEM(rig.display.payload + 20, bytes + 509, W * H * 4);
	gpu_rig_finish(&rig);
}

static void shows_several_pictures(void)
{
	const struct rect half = { 0, 0, W / 2, H };
	const struct rect middle = { W / 2 - 1, 8, 2, 1 };
	start();
	show();
	CHECK_INT(gpu_rig_create_blob(&rig, 1, SIZE, GUEST_PAGES), OK);
	struct virtio_gpu_set_scanout_blob picture = gpu_rig_picture(1, W, H, STRIDE, 0);
	picture.r.width = W / 2;
	CHECK_INT(gpu_rig_set_scanout_blob(&rig, 0, &picture), OK);
	expect_size(0, W / 2, H);
	expect_update_of(0, &half, 0, STRIDE, 0);
	picture.r.x = W / 2;
	CHECK_INT(gpu_rig_set_scanout_blob(&rig, 1, &picture), OK);
	expect_size(1, W / 2, H);
	expect_update_of(1, &half, W / 2, STRIDE, 0);
	/* A smaller one of the same bytes. */
	const struct virtio_gpu_set_scanout_blob small = gpu_rig_picture(1, 4, 4, 16, 4096);
	CHECK_INT(gpu_rig_set_scanout_blob(&rig, 2, &small), OK);
	expect_size(2, 4, 4);
	expect_update_of(2, &(struct rect){ 0, 0, 4, 4 }, 1024, 16, 0);
	CHECK_INT(gpu_rig_flush(&rig, 1, &middle), OK);
	expect_update_of(0, &(struct rect){ W / 2 - 1, 8, 1, 1 }, 8 * W + W / 2 - 1, STRIDE, 0);
	expect_update_of(1, &(struct rect){ 0, 8, 1, 1 }, 8 * W + W / 2, STRIDE, 0);
	peer_expect_nothing(&rig.display);
	/* Another picture in the same place. */
	picture.offsets[0] = 8;
	CHECK_INT(gpu_rig_set_scanout_blob(&rig, 1, &picture), OK);
	expect_update_of(1, &half, W / 2 + 2, STRIDE, 0);
	CHECK_INT(gpu_rig_set_scanout_blob(&rig, 1, &picture), OK);
	peer_expect_nothing(&rig.display);
	gpu_rig_finish(&rig);
}

static void judges_flushes(void)
{
	static const struct rect wrong[] = {
		{ 1, 0, W, H },
		{ 0, 1, W, H },
		{ UINT32_MAX, 0, 2, 1 },
		{ 0, 0, UINT32_MAX, UINT32_MAX },
	};
	start();
	CHECK_INT(gpu_rig_create_blob(&rig, 1, SIZE, GUEST_PAGES), OK);
	/* As long as there is no picture, nothing is outside of it. */
	for (size_t i = 0; i < ARRAY_SIZE(wrong); i++)
		CHECK_INT(gpu_rig_flush(&rig, 1, &wrong[i]), OK);
	const struct virtio_gpu_set_scanout_blob picture = gpu_rig_picture(1, W, H, STRIDE, 0);
	CHECK_INT(gpu_rig_set_scanout_blob(&rig, 0, &picture), OK);
	for (size_t i = 0; i < ARRAY_SIZE(wrong); i++)
		CHECK_INT(gpu_rig_flush(&rig, 1, &wrong[i]), BAD_NUMBER);
	CHECK_INT(gpu_rig_flush(&rig, 1, &all), OK);
	const struct virtio_gpu_set_scanout_blob other = gpu_rig_picture(1, W + 1, H, 512, 0);
	CHECK_INT(gpu_rig_set_scanout_blob(&rig, 1, &other), OK);
	CHECK_INT(gpu_rig_flush(&rig, 1, &wrong[0]), OK);
	gpu_rig_finish(&rig);
}

static void is_not_read_after_it_is_gone(void)
{
	/* More than the socket holds. */
	static const uint32_t sides[] = { 2048, 1536 };
	for (int how = 0; how < 4; how++) {
		const struct rect whole = { 0, 0, sides[0], sides[1] };
		start();
		show();
		CHECK_INT(gpu_rig_create_blob(&rig, 1, 12u << 20, GUEST_PAGES), OK);
		const struct virtio_gpu_set_scanout_blob picture =
			gpu_rig_picture(1, sides[0], sides[1], sides[0] * 4, 0);
		CHECK_INT(gpu_rig_set_scanout_blob(&rig, 0, &picture), OK);
		CHECK(!display_scanout_ready(rig.device->outputs.active, 0));
		if (how == 0)
			CHECK_INT(gpu_rig_unref(&rig, 1), OK);
		else if (how == 1)
			CHECK_INT(gpu_rig_detach_backing(&rig, 1), OK);
		else if (how == 2)
			gpu_device_impl.reset(rig.device);
		else
			gpu_device_impl.memory_changed(rig.device, vhost_memory_create());
		/* The memory is the guest's again. */
		write_pages(1000000);
		expect_size(0, sides[0], sides[1]);
		expect_update_of(0, &whole, 0, sides[0] * 4, 0);
		if (how == 0 || how == 2)
			expect_size(0, 0, 0);
		peer_expect_nothing(&rig.display);
		if (how == 3) {
			struct vhost_memory *empty = rig.device->memory;
			gpu_device_impl.memory_changed(rig.device, rig.memory);
			vhost_memory_unref(empty);
		}
		gpu_rig_finish(&rig);
	}
}

static void keeps_the_last_picture_without_memory(void)
{
	start();
	show();
	CHECK_INT(gpu_rig_create_blob(&rig, 1, SIZE, GUEST_PAGES), OK);
	show_blob(0);
	CHECK_INT(gpu_rig_detach_backing(&rig, 1), OK);
	CHECK_INT(gpu_rig_flush(&rig, 1, &(struct rect){ 1, 1, 1, 1 }), OK);
	peer_expect_nothing(&rig.display);
	CHECK_INT(gpu_rig_attach_backing(&rig, 1, GUEST_PAGES + 4096, SIZE), OK);
	expect_update(1024, 0);
	peer_expect_nothing(&rig.display);
	gpu_rig_finish(&rig);
}

static void follows_the_memory_table(void)
{
	start();
	struct vhost_memory *fresh = gpu_rig_other_memory(&rig, 0);
	struct vhost_memory *elsewhere = gpu_rig_other_memory(&rig, GUEST_SIZE);
	struct vhost_memory *same = vhost_memory_clone(rig.memory);
	show();
	CHECK_INT(gpu_rig_create_blob(&rig, 1, SIZE, GUEST_PAGES), OK);
	show_blob(0);
	/* Its pages stay where they are. */
	gpu_device_impl.memory_changed(rig.device, same);
	peer_expect_nothing(&rig.display);
	CHECK_INT(gpu_rig_flush(&rig, 1, &all), OK);
	expect_update(0, 0);
	/* There is nothing at its addresses, then other memory, then its own again. */
	gpu_device_impl.memory_changed(rig.device, elsewhere);
	gpu_rig_run(&rig);
	CHECK(rig.device->memory == elsewhere);
	peer_expect_nothing(&rig.display);
	gpu_device_impl.memory_changed(rig.device, fresh);
	memset(fresh->regions[0]->base + GUEST_PAGES, 0x55, SIZE);
	peer_expect(&rig.display, VHOST_USER_GPU_UPDATE, 20 + W * H * 4);
	for (uint32_t i = 0; i < W * H * 4; i++)
		CHECK_INT(rig.display.payload[20 + i], 0x55);
	gpu_rig_run(&rig);
	gpu_device_impl.memory_changed(rig.device, rig.memory);
	expect_update(0, 0);
	peer_expect_nothing(&rig.display);
	vhost_memory_unref(fresh);
	vhost_memory_unref(elsewhere);
	vhost_memory_unref(same);
	gpu_rig_finish(&rig);
}

static void goes_to_the_next_display(void)
{
	start();
	CHECK_INT(gpu_rig_create_blob(&rig, 1, SIZE, GUEST_PAGES), OK);
	const struct virtio_gpu_set_scanout_blob picture = gpu_rig_picture(1, W, H, STRIDE, 0);
	CHECK_INT(gpu_rig_set_scanout_blob(&rig, 0, &picture), OK);
	for (int round = 0; round < 3; round++) {
		show();
		expect_size(0, W, H);
		expect_update(0, 0);
		peer_expect_nothing(&rig.display);
	}
	gpu_rig_finish(&rig);
}

static void changes_place_with_2d(void)
{
	start();
	show();
	CHECK_INT(gpu_rig_create_blob(&rig, 1, SIZE, GUEST_PAGES), OK);
	CHECK_INT(gpu_rig_create_2d(&rig, 2, W, H), OK);
	CHECK_INT(gpu_rig_attach_backing(&rig, 2, GUEST_PAGES + 4096, STRIDE * H), OK);
	CHECK_INT(gpu_rig_transfer_2d(&rig, 2, W, H), OK);
	show_blob(0);
	CHECK_INT(gpu_rig_set_scanout(&rig, 0, 2, &all), OK);
	expect_update(1024, 0);
	const struct virtio_gpu_set_scanout_blob picture = gpu_rig_picture(1, W, H, STRIDE, 0);
	CHECK_INT(gpu_rig_set_scanout_blob(&rig, 0, &picture), OK);
	expect_update(0, 0);
	CHECK_INT(gpu_rig_unref(&rig, 1), OK);
	expect_size(0, 0, 0);
	peer_expect_nothing(&rig.display);
	gpu_rig_finish(&rig);
}

int main(int argc, char **argv)
{
	static const struct test_case cases[] = {
		TEST_CASE(judges_creation),
		TEST_CASE(wants_aligned_sizes_when_agreed),
		TEST_CASE(needs_the_feature),
		TEST_CASE(limits_their_number),
		TEST_CASE(gets_its_memory_later),
		TEST_CASE(judges_pictures),
		TEST_CASE(keeps_kinds_apart),
		TEST_CASE(shows_what_is_there_at_each_flush),
		TEST_CASE(shows_scattered_pages),
		TEST_CASE(shows_several_pictures),
		TEST_CASE(judges_flushes),
		TEST_CASE(is_not_read_after_it_is_gone),
		TEST_CASE(keeps_the_last_picture_without_memory),
		TEST_CASE(follows_the_memory_table),
		TEST_CASE(goes_to_the_next_display),
		TEST_CASE(changes_place_with_2d),
	};
	return test_main(argc, argv, cases, ARRAY_SIZE(cases));
}
