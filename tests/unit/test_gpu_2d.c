/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/* 2D resources and backings of all kinds of resources. */
#include "gpu_rig.h"

#include "gpu/resource.h"
#include "gpu/state.h"

static struct gpu_rig rig;

#define OK         VIRTIO_GPU_RESP_OK_NODATA
#define UNSPEC     VIRTIO_GPU_RESP_ERR_UNSPEC
#define NO_MEMORY  VIRTIO_GPU_RESP_ERR_OUT_OF_MEMORY
#define BAD_ID     VIRTIO_GPU_RESP_ERR_INVALID_RESOURCE_ID
#define BAD_NUMBER VIRTIO_GPU_RESP_ERR_INVALID_PARAMETER

static void start(void)
{
	gpu_rig_prepare(&rig, 0);
	gpu_rig_start(&rig, FEATURES_2D);
}

static const struct image *pixels_of(uint32_t id)
{
	struct gpu_slot *software = gpu_renderers_software(rig.device);
	const struct image *image = renderer_image(software->renderer, id);
	CHECK(image);
	return image;
}

static void judges_numbers_of_2d(void)
{
	struct virtio_gpu_resource_create_2d create = {
		.hdr.type = VIRTIO_GPU_CMD_RESOURCE_CREATE_2D,
		.resource_id = 1,
		.width = 4,
		.height = 4,
	};
	start();
	for (create.format = 0; create.format < 200; create.format++) {
		uint32_t result = gpu_rig_do(&rig, &create, sizeof(create));
		CHECK(result == OK || result == BAD_NUMBER);
		create.resource_id += result == OK;
	}
	CHECK_INT(create.resource_id, 9);
	CHECK_INT(gpu_rig_create_2d(&rig, 0, 4, 4), BAD_ID);
	CHECK_INT(gpu_rig_create_2d(&rig, 1, 4, 4), BAD_ID);
	CHECK_INT(gpu_rig_create_2d(&rig, 20, 0, 4), BAD_NUMBER);
	CHECK_INT(gpu_rig_create_2d(&rig, 20, 4, 0), BAD_NUMBER);
	CHECK_INT(gpu_rig_create_2d(&rig, 20, 1, UINT32_MAX), BAD_NUMBER);
	CHECK_INT(gpu_rig_create_2d(&rig, 20, 0x40000001, 128), BAD_NUMBER);
	CHECK_INT(gpu_rig_create_2d(&rig, 20, 16385, 1), BAD_NUMBER);
	CHECK_INT(gpu_rig_create_2d(&rig, UINT32_MAX, 16384, 1), OK);
	CHECK_INT(gpu_rig_unref(&rig, UINT32_MAX), OK);
	CHECK_INT(gpu_rig_unref(&rig, UINT32_MAX), BAD_ID);
	CHECK_INT(gpu_rig_unref(&rig, 0), BAD_ID);
	gpu_rig_finish(&rig);
}

static void keeps_to_its_limits(void)
{
	gpu_rig_prepare(&rig, 0);
	rig.args.limits.resources = 3;
	rig.args.limits.host_bytes = 4096;
	gpu_rig_start(&rig, FEATURES_2D);
	CHECK_INT(gpu_rig_create_2d(&rig, 1, 32, 33), NO_MEMORY);
	CHECK_INT(gpu_rig_unref(&rig, 1), BAD_ID);
	for (int round = 0; round < 100; round++) {
		CHECK_INT(gpu_rig_create_2d(&rig, 1, 32, 31), OK);
		CHECK_INT(gpu_rig_create_2d(&rig, 2, 32, 2), NO_MEMORY);
		CHECK_INT(gpu_rig_create_2d(&rig, 2, 8, 2), OK);
		CHECK_INT(gpu_rig_create_2d(&rig, 3, 8, 2), OK);
		CHECK_INT(gpu_rig_create_2d(&rig, 4, 1, 1), NO_MEMORY);
		for (uint32_t id = 1; id <= 3; id++)
			CHECK_INT(gpu_rig_unref(&rig, id), OK);
	}
	gpu_rig_finish(&rig);
}

static void transfers_pixels(void)
{
	start();
	for (uint32_t i = 0; i < 64 * 32 * 4; i++)
		rig.guest[GUEST_PAGES + i] = (uint8_t)(i * 31);
	CHECK_INT(gpu_rig_create_2d(&rig, 1, 64, 32), OK);
	CHECK_INT(gpu_rig_transfer_2d(&rig, 1, 64, 32), UNSPEC);
	CHECK_INT(gpu_rig_attach_backing(&rig, 1, GUEST_PAGES, 64 * 32 * 4), OK);
	CHECK_INT(gpu_rig_transfer_2d(&rig, 1, 64, 32), OK);
	CHECK_MEM(pixels_of(1)->pixels, rig.guest + GUEST_PAGES, 64 * 32 * 4);
	CHECK_INT(gpu_rig_transfer_2d(&rig, 1, 65, 32), BAD_NUMBER);
	CHECK_INT(gpu_rig_transfer_2d(&rig, 1, 64, UINT32_MAX), BAD_NUMBER);
	CHECK_INT(gpu_rig_transfer_2d(&rig, 1, 0, 32), OK);
	CHECK_INT(gpu_rig_transfer_2d(&rig, 2, 1, 1), BAD_ID);

	struct virtio_gpu_transfer_to_host_2d transfer = {
		.hdr.type = VIRTIO_GPU_CMD_TRANSFER_TO_HOST_2D,
		.r = { .x = 63, .y = 31, .width = 1, .height = 1 },
		.offset = UINT64_MAX,
		.resource_id = 1,
	};
	CHECK_INT(gpu_rig_do(&rig, &transfer, sizeof(transfer)), BAD_NUMBER);
	transfer.offset = 64 * 32 * 4 - 4;
	CHECK_INT(gpu_rig_do(&rig, &transfer, sizeof(transfer)), OK);
	transfer.offset++;
	CHECK_INT(gpu_rig_do(&rig, &transfer, sizeof(transfer)), BAD_NUMBER);
	transfer.r.x = UINT32_MAX;
	CHECK_INT(gpu_rig_do(&rig, &transfer, sizeof(transfer)), BAD_NUMBER);
	gpu_rig_finish(&rig);
}

static void attaches_once(void)
{
	start();
	CHECK_INT(gpu_rig_attach_backing(&rig, 1, GUEST_PAGES, 4096), BAD_ID);
	CHECK_INT(gpu_rig_create_2d(&rig, 1, 16, 16), OK);
	CHECK_INT(gpu_rig_detach_backing(&rig, 1), UNSPEC);
	CHECK_INT(gpu_rig_attach_backing(&rig, 1, GUEST_SIZE - 4096, 4097), BAD_NUMBER);
	CHECK_INT(gpu_rig_attach_backing(&rig, 1, UINT64_MAX, 1), BAD_NUMBER);
	CHECK_INT(gpu_rig_attach_backing(&rig, 1, UINT64_MAX - 10, UINT32_MAX), BAD_NUMBER);
	CHECK_INT(gpu_rig_attach_backing(&rig, 1, GUEST_PAGES, 0), BAD_NUMBER);
	CHECK_INT(gpu_rig_attach_backing(&rig, 1, GUEST_SIZE - 4096, 4096), OK);
	CHECK_INT(gpu_rig_attach_backing(&rig, 1, GUEST_PAGES, 4096), UNSPEC);
	CHECK_INT(gpu_rig_transfer_2d(&rig, 1, 16, 16), OK);
	CHECK_INT(gpu_rig_detach_backing(&rig, 1), OK);
	CHECK_INT(gpu_rig_transfer_2d(&rig, 1, 16, 16), UNSPEC);
	CHECK_INT(gpu_rig_detach_backing(&rig, 1), UNSPEC);
	CHECK_INT(gpu_rig_detach_backing(&rig, 2), BAD_ID);
	CHECK_INT(gpu_rig_attach_backing(&rig, 1, GUEST_PAGES, 4096), OK);
	CHECK_INT(gpu_rig_unref(&rig, 1), OK);
	CHECK_INT(rig.device->backing_entries, 0);
	gpu_rig_finish(&rig);
}

struct many_entries {
	struct virtio_gpu_resource_attach_backing attach;
	struct virtio_gpu_mem_entry entries[60];
};

static struct many_entries many(uint32_t count)
{
	struct many_entries request = {
		.attach.hdr.type = VIRTIO_GPU_CMD_RESOURCE_ATTACH_BACKING,
		.attach.resource_id = 1,
		.attach.nr_entries = count,
	};
	for (uint32_t i = 0; i < ARRAY_SIZE(request.entries); i++)
		request.entries[i] = (struct virtio_gpu_mem_entry){
			.addr = GUEST_PAGES + i * 8192,
			.length = 4096,
		};
	return request;
}

static void counts_entries(void)
{
	struct many_entries request = many(60);
	gpu_rig_prepare(&rig, 0);
	rig.args.limits.backing_entries = 60;
	gpu_rig_start(&rig, FEATURES_2D);
	CHECK_INT(gpu_rig_create_2d(&rig, 1, 16, 16), OK);
	CHECK_INT(gpu_rig_do(&rig, &request, sizeof(request) - 1), BAD_NUMBER);
	CHECK_INT(gpu_rig_do(&rig, &request, sizeof(request)), OK);
	CHECK_INT(gpu_resource_find(rig.device, 1)->backing.spans->count, 60);
	CHECK_INT(gpu_rig_detach_backing(&rig, 1), OK);
	static const uint32_t wrong[] = { 0, 61, 16385, 0x10000001, UINT32_MAX };
	for (size_t i = 0; i < ARRAY_SIZE(wrong); i++) {
		request.attach.nr_entries = wrong[i];
		CHECK_INT(gpu_rig_do(&rig, &request, sizeof(request)),
			wrong[i] ? NO_MEMORY : BAD_NUMBER);
	}
	gpu_rig_finish(&rig);
}

static void merges_neighbours(void)
{
	struct many_entries request = many(4);
	start();
	/* two that touch, an empty one, and one elsewhere */
	request.entries[1].addr = request.entries[0].addr + 4096;
	request.entries[2].length = 0;
	request.entries[2].addr = UINT64_MAX;
	CHECK_INT(gpu_rig_create_2d(&rig, 1, 16, 16), OK);
	CHECK_INT(gpu_rig_do(&rig, &request, sizeof(request)), OK);
	const struct gpu_spans *spans = gpu_resource_find(rig.device, 1)->backing.spans;
	CHECK_INT(spans->count, 2);
	CHECK_INT(spans->length, 3 * 4096);
	CHECK_INT(spans->spans[0].length, 8192);
	CHECK_INT(spans->region_count, 1);
	gpu_rig_finish(&rig);
}

static void limits_all_entries_together(void)
{
	struct many_entries request = many(60);
	gpu_rig_prepare(&rig, 0);
	rig.args.limits.backing_total = 120;
	gpu_rig_start(&rig, FEATURES_2D);
	for (uint32_t id = 1; id <= 3; id++)
		CHECK_INT(gpu_rig_create_2d(&rig, id, 16, 16), OK);
	for (int round = 0; round < 20; round++) {
		for (uint32_t id = 1; id <= 2; id++) {
			request.attach.resource_id = id;
			CHECK_INT(gpu_rig_do(&rig, &request, sizeof(request)), OK);
		}
		CHECK_INT(gpu_rig_attach_backing(&rig, 3, GUEST_PAGES, 16), NO_MEMORY);
		CHECK_INT(gpu_rig_detach_backing(&rig, 1), OK);
		CHECK_INT(gpu_rig_attach_backing(&rig, 3, GUEST_PAGES, 16), OK);
		request.attach.resource_id = 1;
		CHECK_INT(gpu_rig_do(&rig, &request, sizeof(request)), NO_MEMORY);
		CHECK_INT(gpu_rig_detach_backing(&rig, 3), OK);
		CHECK_INT(gpu_rig_detach_backing(&rig, 2), OK);
		CHECK_INT(rig.device->backing_entries, 0);
	}
	gpu_rig_finish(&rig);
}

static void follows_the_memory_table(void)
{
	start();
	memset(rig.guest + GUEST_PAGES, 1, 4096);
	CHECK_INT(gpu_rig_create_2d(&rig, 1, 16, 16), OK);
	CHECK_INT(gpu_rig_attach_backing(&rig, 1, GUEST_PAGES, 1024), OK);

	/* The same address in another table. */
	struct vhost_memory *same = gpu_rig_other_memory(&rig, 0);
	memset(same->regions[0]->base + GUEST_PAGES, 2, 4096);
	gpu_device_impl.memory_changed(rig.device, same);
	CHECK_INT(gpu_rig_transfer_2d(&rig, 1, 16, 16), OK);
	CHECK_INT(pixels_of(1)->pixels[0], 2);

	/* It is not there any more: the backing is, but has no memory. */
	struct vhost_memory *elsewhere = gpu_rig_other_memory(&rig, GUEST_SIZE);
	gpu_device_impl.memory_changed(rig.device, elsewhere);
	CHECK_INT(same->refs, 1);
	vhost_memory_unref(same);
	CHECK_INT(gpu_rig_transfer_2d(&rig, 1, 16, 16), UNSPEC);
	CHECK_INT(gpu_rig_attach_backing(&rig, 1, GUEST_PAGES, 1024), UNSPEC);

	/* And there again. */
	memset(rig.guest + GUEST_PAGES, 3, 4096);
	gpu_device_impl.memory_changed(rig.device, rig.memory);
	CHECK_INT(elsewhere->refs, 1);
	vhost_memory_unref(elsewhere);
	CHECK_INT(gpu_rig_transfer_2d(&rig, 1, 16, 16), OK);
	CHECK_INT(pixels_of(1)->pixels[0], 3);
	CHECK_INT(gpu_rig_detach_backing(&rig, 1), OK);
	gpu_rig_finish(&rig);
}

static void keeps_spans_of_an_unchanged_region(void)
{
	start();
	CHECK_INT(gpu_rig_create_2d(&rig, 1, 16, 16), OK);
	CHECK_INT(gpu_rig_attach_backing(&rig, 1, GUEST_PAGES, 1024), OK);
	const struct gpu_spans *before = gpu_resource_find(rig.device, 1)->backing.spans;
	struct vhost_memory *clone = vhost_memory_clone(rig.memory);
	CHECK(clone);
	gpu_device_impl.memory_changed(rig.device, clone);
	CHECK(gpu_resource_find(rig.device, 1)->backing.spans == before);
	CHECK(before->memory == clone);
	gpu_device_impl.memory_changed(rig.device, rig.memory);
	CHECK_INT(clone->refs, 1);
	vhost_memory_unref(clone);
	gpu_rig_finish(&rig);
}

int main(int argc, char **argv)
{
	static const struct test_case cases[] = {
		TEST_CASE(judges_numbers_of_2d),
		TEST_CASE(keeps_to_its_limits),
		TEST_CASE(transfers_pixels),
		TEST_CASE(attaches_once),
		TEST_CASE(counts_entries),
		TEST_CASE(merges_neighbours),
		TEST_CASE(limits_all_entries_together),
		TEST_CASE(follows_the_memory_table),
		TEST_CASE(keeps_spans_of_an_unchanged_region),
	};
	return test_main(argc, argv, cases, ARRAY_SIZE(cases));
}
