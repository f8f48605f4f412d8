/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/*
 * dma-bufs of blobs: what the kernel is asked for, and where they go. The kernel's part is played
 * here: a memfd stands in for each dma-buf.
 */
#include "gpu_rig.h"
#include "session_in_name.h"

#include <drm/drm_fourcc.h>
#include <linux/udmabuf.h>
#include <stdarg.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "gpu/resource.h"
#include "gpu/state.h"
#include "gpu/udmabuf.h"
#include "util/fd.h"

static struct gpu_rig rig;

#define OK     VIRTIO_GPU_RESP_OK_NODATA
#define W      64u
#define H      16u
#define STRIDE (W * 4)
#define PAGE   4096u
#define SIZE   (2 * PAGE)

static const struct rect all = { 0, 0, W, H };

/* What the kernel was asked for last, and how it answers. */
static struct {
	int device;
	int calls;
	int error; /* 0: none */
	uint32_t flags, count;
	struct udmabuf_create_item items[GPU_UDMABUF_PIECES];
} kernel;

int __wrap_ioctl(int fd, unsigned long request, ...);
int __real_ioctl(int fd, unsigned long request, ...);

int __wrap_ioctl(int fd, unsigned long request, ...)
{
	va_list args;
	va_start(args, request);
	const struct udmabuf_create_list *list = va_arg(args, void *);
	va_end(args);
	if (request != UDMABUF_CREATE_LIST)
		return __real_ioctl(fd, request, list);
	CHECK_INT(fd, kernel.device);
	kernel.calls++;
	kernel.flags = list->flags;
	kernel.count = list->count;
	CHECK(list->count <= GPU_UDMABUF_PIECES);
	memcpy(kernel.items, list->list, list->count * sizeof(*kernel.items));
	errno = kernel.error;
	return kernel.error ? -1 : memfd_create("udmabuf", MFD_CLOEXEC);
}

static void start(void)
{
	memset(&kernel, 0, sizeof(kernel));
	gpu_rig_prepare(&rig, 0);
	rig.udmabuf = kernel.device = memfd_create("device", MFD_CLOEXEC);
	gpu_rig_start(&rig, FEATURES_BLOB | FEATURE_BIT(VIRTIO_GPU_F_RESOURCE_UUID));
}

static void show(void)
{
	gpu_rig_show(&rig, DISPLAY_OF_SESSION);
	gpu_rig_display_begin(&rig, PEER_FEATURES_ALL);
}

static uint32_t set_scanout(uint32_t id, uint32_t offset)
{
	const struct virtio_gpu_set_scanout_blob picture =
		gpu_rig_picture(id, W, H, STRIDE, offset);
	return gpu_rig_set_scanout_blob(&rig, 0, &picture);
}

static void expect_dmabuf(void)
{
	struct vhost_user_gpu_dmabuf_scanout2 scanout;
	peer_expect(&rig.display, VHOST_USER_GPU_DMABUF_SCANOUT2, sizeof(scanout));
	memcpy(&scanout, rig.display.payload, sizeof(scanout));
	CHECK_INT(scanout.scanout.scanout_id, 0);
	CHECK_INT(scanout.scanout.width, W);
	CHECK_INT(scanout.scanout.height, H);
	CHECK_INT(scanout.scanout.fd_width, W);
	CHECK_INT(scanout.scanout.fd_height, H);
	CHECK_INT(scanout.scanout.fd_stride, STRIDE);
	CHECK_INT(scanout.scanout.fd_flags, 0);
	CHECK_INT(scanout.scanout.fd_drm_fourcc, DRM_FORMAT_XRGB8888);
	CHECK_INT(scanout.modifier, DRM_FORMAT_MOD_LINEAR);
	CHECK(rig.display.fd >= 0);
}

static void expect_dmabuf_update(const struct rect *rect)
{
	const struct vhost_user_gpu_update expected = { 0, rect->x, rect->y, rect->w, rect->h };
	peer_expect(&rig.display, VHOST_USER_GPU_DMABUF_UPDATE, sizeof(expected));
	CHECK_MEM(rig.display.payload, &expected, sizeof(expected));
	peer_ack(&rig.display);
	gpu_rig_run(&rig);
}

static void expect_dmabuf_off(void)
{
	const struct vhost_user_gpu_dmabuf_scanout expected = { 0 };
	peer_expect(&rig.display, VHOST_USER_GPU_DMABUF_SCANOUT, sizeof(expected));
	CHECK_MEM(rig.display.payload, &expected, sizeof(expected));
}

static void expect_off(void)
{
	expect_dmabuf_off();
	peer_expect(&rig.display, VHOST_USER_GPU_SCANOUT, 12);
}

static void expect_pixels(void)
{
	peer_expect(&rig.display, VHOST_USER_GPU_SCANOUT, 12);
	peer_expect(&rig.display, VHOST_USER_GPU_UPDATE, 20 + W * H * 4);
	gpu_rig_run(&rig);
}

static void shows_dmabufs(void)
{
	const struct rect part = { 1, 2, 3, 4 };
	start();
	show();
	CHECK_INT(gpu_rig_create_blob(&rig, 1, SIZE, GUEST_PAGES), OK);
	CHECK_INT(set_scanout(1, 0), OK);
	expect_dmabuf();
	expect_dmabuf_update(&all);
	CHECK_INT(kernel.calls, 1);
	CHECK_INT(kernel.flags, UDMABUF_FLAGS_CLOEXEC);
	CHECK_INT(kernel.count, 1);
	CHECK_INT(kernel.items[0].memfd, rig.memory->regions[0]->fd);
	CHECK_INT(kernel.items[0].offset, GUEST_PAGES);
	CHECK_INT(kernel.items[0].size, SIZE);
	CHECK_INT(gpu_rig_flush(&rig, 1, &part), OK);
	expect_dmabuf_update(&part);
	/* It is made once. */
	CHECK_INT(set_scanout(0, 0), OK);
	expect_off();
	CHECK_INT(set_scanout(1, 0), OK);
	expect_dmabuf();
	expect_dmabuf_update(&all);
	CHECK_INT(kernel.calls, 1);
	CHECK_INT(gpu_rig_unref(&rig, 1), OK);
	expect_off();
	CHECK_INT(rig.device->blob_dmabufs, 0);
	gpu_rig_finish(&rig);
}

/* Exactly the pages of the blob, of which the last is not full. */
static void asks_for_pages(void)
{
	const struct virtio_gpu_mem_entry entries[] = {
		{ .addr = GUEST_PAGES + 5 * PAGE, .length = PAGE },
		{ .addr = GUEST_PAGES, .length = 2 * PAGE },
		{ .addr = GUEST_PAGES + 9 * PAGE, .length = 5 * PAGE },
	};
	start();
	show();
	CHECK_INT(gpu_rig_create_blob_of(&rig, 1, 3 * PAGE + 1, entries, 3), OK);
	CHECK_INT(set_scanout(1, 0), OK);
	expect_dmabuf();
	expect_dmabuf_update(&all);
	static const uint32_t offsets[] = { 5, 0, 9 }, sizes[] = { 1, 2, 1 };
	CHECK_INT(kernel.count, 3);
	for (uint32_t i = 0; i < 3; i++) {
		CHECK_INT(kernel.items[i].offset, GUEST_PAGES + offsets[i] * PAGE);
		CHECK_INT(kernel.items[i].size, sizes[i] * PAGE);
	}
	gpu_rig_finish(&rig);
}

/* Memory that is not made of pages, is in too many pieces, or that the kernel does not take:
 * pixels, and the kernel is not asked again. */
static void falls_back_to_pixels(void)
{
	static const struct virtio_gpu_mem_entry odd[][2] = {
		{ { .addr = GUEST_PAGES + 16, .length = SIZE }, { .length = 0 } },
		{ { .addr = GUEST_PAGES, .length = PAGE + 4 },
			{ .addr = GUEST_PAGES + 8 * PAGE, .length = SIZE } },
		{ { .addr = GUEST_PAGES, .length = SIZE - 4 },
			{ .addr = GUEST_PAGES + 8 * PAGE, .length = 4 } },
	};
	for (uint32_t i = 0; i < ARRAY_SIZE(odd); i++) {
		start();
		show();
		CHECK_INT(gpu_rig_create_blob_of(&rig, 1, SIZE, odd[i], 2), OK);
		CHECK_INT(set_scanout(1, 0), OK);
		expect_pixels();
		CHECK_INT(kernel.calls, 0);
		gpu_rig_finish(&rig);
	}
	start();
	show();
	kernel.error = EINVAL;
	CHECK_INT(gpu_rig_create_blob(&rig, 1, SIZE, GUEST_PAGES), OK);
	for (uint32_t i = 0; i < 3; i++) {
		CHECK_INT(set_scanout(1, 0), OK);
		expect_pixels();
		CHECK_INT(set_scanout(0, 0), OK);
		peer_expect(&rig.display, VHOST_USER_GPU_SCANOUT, 12);
	}
	CHECK_INT(kernel.calls, 1);
	/* Other memory may do. */
	kernel.error = 0;
	CHECK_INT(gpu_rig_detach_backing(&rig, 1), OK);
	CHECK_INT(gpu_rig_attach_backing(&rig, 1, GUEST_PAGES, SIZE), OK);
	CHECK_INT(set_scanout(1, 0), OK);
	expect_dmabuf();
	expect_dmabuf_update(&all);
	gpu_rig_finish(&rig);
}

static struct gpu_spans *scattered(uint32_t count)
{
	struct virtio_gpu_mem_entry *entries = calloc(count, sizeof(*entries));
	struct gpu_spans *spans;
	for (uint32_t i = 0; i < count; i++)
		entries[i] = (struct virtio_gpu_mem_entry){
			.addr = GUEST_PAGES + i * 2ull * PAGE,
			.length = PAGE,
		};
	CHECK_INT(gpu_spans_create(rig.device, entries, count, &spans), 0);
	free(entries);
	return spans;
}

static void limits_pieces(void)
{
	start();
	struct gpu_spans *spans = scattered(GPU_UDMABUF_PIECES + 1);
	int fd = gpu_udmabuf_create(kernel.device, spans, GPU_UDMABUF_PIECES * PAGE);
	CHECK(fd >= 0);
	CHECK_INT(kernel.count, GPU_UDMABUF_PIECES);
	fd_close(&fd);
	CHECK_INT(gpu_udmabuf_create(kernel.device, spans, GPU_UDMABUF_PIECES * PAGE + 1), -E2BIG);
	CHECK_INT(kernel.calls, 1);
	gpu_spans_unref(spans);
	gpu_rig_finish(&rig);
}

/* The protocol has no offset, and views from the corner only. */
static void shows_pixels_of_what_has_an_offset(void)
{
	start();
	show();
	CHECK_INT(gpu_rig_create_blob(&rig, 1, SIZE, GUEST_PAGES), OK);
	CHECK_INT(set_scanout(1, 16), OK);
	expect_pixels();
	CHECK_INT(set_scanout(1, 0), OK);
	expect_dmabuf();
	expect_dmabuf_update(&all);
	struct virtio_gpu_set_scanout_blob picture = gpu_rig_picture(1, W + 1, H, 512, 0);
	picture.r = (struct virtio_gpu_rect){ 1, 0, W, H };
	CHECK_INT(gpu_rig_set_scanout_blob(&rig, 0, &picture), OK);
	expect_dmabuf_off();
	expect_pixels();
	gpu_rig_finish(&rig);
}

/* A display that reads the pages itself is not left with them. */
static void takes_them_back(void)
{
	start();
	show();
	CHECK_INT(gpu_rig_create_blob(&rig, 1, SIZE, GUEST_PAGES), OK);
	CHECK_INT(set_scanout(1, 0), OK);
	expect_dmabuf();
	expect_dmabuf_update(&all);
	CHECK_INT(gpu_rig_detach_backing(&rig, 1), OK);
	expect_off();
	CHECK_INT(rig.device->blob_dmabufs, 0);
	CHECK_INT(gpu_rig_flush(&rig, 1, &all), OK);
	peer_expect_nothing(&rig.display);
	CHECK_INT(gpu_rig_attach_backing(&rig, 1, GUEST_PAGES + PAGE, SIZE), OK);
	expect_dmabuf();
	expect_dmabuf_update(&all);
	CHECK_INT(kernel.calls, 2);
	CHECK_INT(kernel.items[0].offset, GUEST_PAGES + PAGE);
	gpu_device_impl.reset(rig.device);
	expect_off();
	CHECK_INT(rig.device->blob_dmabufs, 0);
	gpu_rig_finish(&rig);
}

/* Also when something else is to be shown next, that has not come to be shown. */
static void takes_back_what_was_shown_before(void)
{
	for (int other_layout = 0; other_layout < 2; other_layout++) {
		start();
		show();
		CHECK_INT(gpu_rig_create_blob(&rig, 1, SIZE, GUEST_PAGES), OK);
		CHECK_INT(gpu_rig_create_blob(&rig, 2, SIZE, 0), OK);
		CHECK_INT(set_scanout(1, 0), OK);
		expect_dmabuf();
		expect_dmabuf_update(&all);
		if (other_layout) {
			struct virtio_gpu_set_scanout_blob set =
				gpu_rig_picture(1, W / 2, H, STRIDE, 0);
			set.hdr.type = VIRTIO_GPU_CMD_SET_SCANOUT_BLOB;
			gpu_rig_send(&rig, 0, &set, sizeof(set), 24);
			CHECK_INT(gpu_rig_detach_backing(&rig, 1), OK);
		} else {
			CHECK_INT(set_scanout(2, 0), OK);
			gpu_rig_run(&rig);
			CHECK_INT(gpu_rig_unref(&rig, 1), OK);
		}
		expect_off();
		gpu_rig_finish(&rig);
	}
}

static void makes_so_many(void)
{
	start();
	show();
	CHECK_INT(gpu_rig_create_blob(&rig, 1, SIZE, GUEST_PAGES), OK);
	rig.device->blob_dmabufs = GPU_MAX_BLOB_DMABUFS;
	CHECK_INT(set_scanout(1, 0), OK);
	expect_pixels();
	CHECK_INT(kernel.calls, 0);
	rig.device->blob_dmabufs = 0;
	gpu_rig_finish(&rig);
}

/* --- for other devices ----------------------------------------------------------------------- */

static void expect_asked(uint32_t type, uint8_t ret_uuid[16])
{
	struct {
		struct vhost_user_header header;
		struct vhost_user_shared shared;
	} request;
	gpu_rig_run(&rig);
	CHECK_INT(recv(vmm.sock, &request, sizeof(request), MSG_DONTWAIT), sizeof(request));
	CHECK_INT(request.header.request, type);
	memcpy(ret_uuid, request.shared.uuid, 16);
}

static void shares_blobs(void)
{
	const struct virtio_gpu_resource_assign_uuid assign = {
		.hdr.type = VIRTIO_GPU_CMD_RESOURCE_ASSIGN_UUID,
		.resource_id = 1,
	};
	uint8_t uuid[16], again[16];
	struct stat ours, device;
	start();
	gpu_device_set_session(rig.device,
		session_in_name_begin(rig.loop, VHOST_BIT(VHOST_USER_PROTOCOL_F_SHARED_OBJECT)));
	CHECK_INT(gpu_rig_create_blob(&rig, 1, SIZE, GUEST_PAGES), OK);
	CHECK_INT(gpu_rig_do(&rig, &assign, sizeof(assign)), VIRTIO_GPU_RESP_OK_RESOURCE_UUID);
	expect_asked(VHOST_USER_BACKEND_SHARED_OBJECT_ADD, uuid);
	int fd = gpu_device_impl.shared_object(rig.device, uuid);
	CHECK(fstat(fd, &ours) == 0 && fstat(kernel.device, &device) == 0);
	CHECK(ours.st_ino != device.st_ino);
	/* Without its memory there is nothing to be shared. */
	CHECK_INT(gpu_rig_detach_backing(&rig, 1), OK);
	expect_asked(VHOST_USER_BACKEND_SHARED_OBJECT_REMOVE, again);
	CHECK_MEM(again, uuid, 16);
	CHECK_INT(gpu_device_impl.shared_object(rig.device, uuid), -ENOENT);
	CHECK_INT(gpu_rig_attach_backing(&rig, 1, GUEST_PAGES, SIZE), OK);
	expect_asked(VHOST_USER_BACKEND_SHARED_OBJECT_ADD, again);
	CHECK_MEM(again, uuid, 16);
	CHECK_INT(gpu_rig_unref(&rig, 1), OK);
	expect_asked(VHOST_USER_BACKEND_SHARED_OBJECT_REMOVE, again);
	session_in_name_close_channel();
	fd_close(&vmm.sock);
	gpu_rig_finish(&rig);
}

int main(int argc, char **argv)
{
	static const struct test_case cases[] = {
		TEST_CASE(shows_dmabufs),
		TEST_CASE(asks_for_pages),
		TEST_CASE(falls_back_to_pixels),
		TEST_CASE(limits_pieces),
		TEST_CASE(shows_pixels_of_what_has_an_offset),
		TEST_CASE(takes_them_back),
		TEST_CASE(takes_back_what_was_shown_before),
		TEST_CASE(makes_so_many),
		TEST_CASE(shares_blobs),
	};
	return test_main(argc, argv, cases, ARRAY_SIZE(cases));
}
