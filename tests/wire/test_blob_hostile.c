/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/* Blobs of guest memory that there cannot be, and pictures that cannot be in them. */
#include "wire.h"

#define XRGB VIRTIO_GPU_FORMAT_B8G8R8X8_UNORM

#define BAD_ID     VIRTIO_GPU_RESP_ERR_INVALID_RESOURCE_ID
#define BAD_NUMBER VIRTIO_GPU_RESP_ERR_INVALID_PARAMETER

static void hostile_creation(void)
{
	static const struct {
		uint32_t id, mem, flags, entries;
		uint64_t size;
	} rows[] = {
		{ 0, 1, 0, 1, 4096 },
		{ 1, 0, 0, 1, 4096 },
		{ 1, 2, 0, 0, 4096 },
		{ 1, 3, 0, 1, 4096 },
		{ 1, 9, 0, 1, 4096 },
		{ 1, UINT32_MAX, 0, 1, 4096 },
		{ 1, 1, 8, 1, 4096 },
		{ 1, 1, UINT32_MAX, 1, 4096 },
		{ 1, 1, 0, 1, 0 },
		{ 1, 1, 0, 1, 8192 },
		{ 1, 1, 0, 1, 4095 }, /* not a multiple of the alignment */
		{ 1, 1, 0, 1, UINT64_MAX },
		{ 1, 1, 0, 1, UINT64_MAX - 4095 },
		{ 1, 1, 0, 2, 4096 },
		{ 1, 1, 0, 16385, 4096 },
		{ 1, 1, 0, 0x10000000, 4096 },
		{ 1, 1, 0, UINT32_MAX, 4096 },
	};
	struct kit_machine *m = wire_machine_with_blobs();
	CHECK(kit_vmm_feature(&m->vmm, VIRTIO_GPU_F_BLOB_ALIGNMENT));
	uint64_t page = kit_alloc(&m->memory, 4096, 4096);
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct {
			struct virtio_gpu_resource_create_blob create;
			struct virtio_gpu_mem_entry entry;
		} request = {
			.create.hdr = kit_header(VIRTIO_GPU_CMD_RESOURCE_CREATE_BLOB),
			.create.resource_id = rows[i].id,
			.create.blob_mem = rows[i].mem,
			.create.blob_flags = rows[i].flags,
			.create.nr_entries = rows[i].entries,
			.create.size = rows[i].size,
			.entry = { .addr = page, .length = 4096 },
		};
		int type = kit_gpu_simple(&m->gpu, &request, sizeof(request));
		if (type < VIRTIO_GPU_RESP_ERR_UNSPEC)
			test_fail(__FILE__, __LINE__, "row %zu: %s", i,
				type < 0 ? m->kit.why : kit_response_name(type));
		CHECK_TYPE(m, kit_gpu_unref(&m->gpu, 1), BAD_ID);
	}
	struct kit_surface s = wire_plain_surface(m, 1, 10, 10);
	CHECK_TYPE(m, kit_gpu_create_2d(&m->gpu, 1, XRGB, 4, 4), BAD_ID);
	kit_surface_finish(&s);
	kit_free(&m->memory, page, 4096);
	wire_end(m);
}

static void hostile_pictures(void)
{
	static const struct {
		uint32_t w, h, format, stride, offset;
	} rows[] = {
		{ 0, 16, XRGB, 64, 0 },
		{ 16, 0, XRGB, 64, 0 },
		{ 16, 16, 0, 64, 0 },
		{ 16, 16, 5, 64, 0 },
		{ 16, 16, XRGB, 63, 0 },
		{ 16, 16, XRGB, 0, 0 },
		{ 16, 16, XRGB, 64, 3073 },
		{ 16, 16, XRGB, 64, UINT32_MAX },
		{ 16, 16, XRGB, UINT32_MAX, 0 },
		{ 16, 16, XRGB, 0x10000000, 0 },
		{ 16384, 16384, XRGB, 65536, 0 },
		{ 0x40000000, 1, XRGB, 0, 0 },
		{ UINT32_MAX, UINT32_MAX, XRGB, UINT32_MAX, UINT32_MAX },
	};
	struct kit_machine *m = wire_machine_with_blobs();
	struct kit_surface s = wire_plain_surface(m, 1, 32, 32);
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct virtio_gpu_set_scanout_blob set = wire_plain_blob(1, rows[i].w, rows[i].h);
		set.format = rows[i].format;
		set.strides[0] = rows[i].stride;
		set.offsets[0] = rows[i].offset;
		CHECK_TYPE(m, kit_gpu_set_scanout_blob(&m->gpu, set), BAD_NUMBER);
	}
	struct virtio_gpu_set_scanout_blob set = wire_plain_blob(1, 16, 16);
	set.r.x = UINT32_MAX;
	CHECK_TYPE(m, kit_gpu_set_scanout_blob(&m->gpu, set), BAD_NUMBER);
	set = wire_plain_blob(2, 16, 16);
	CHECK_TYPE(m, kit_gpu_set_scanout_blob(&m->gpu, set), BAD_ID);
	set.scanout_id = 16;
	CHECK_TYPE(
		m, kit_gpu_set_scanout_blob(&m->gpu, set), VIRTIO_GPU_RESP_ERR_INVALID_SCANOUT_ID);
	CHECK_OK(m, kit_pump(&m->kit, 20));
	CHECK(!m->display.scanouts[0].picture);
	CHECK_GOOD(m, kit_surface_set_scanout(&s, 0, kit_rect(0, 0, 32, 32)));
	CHECK_TYPE(m, kit_gpu_flush(&m->gpu, 1, kit_rect(1, 0, 32, 32)), BAD_NUMBER);
	CHECK_TYPE(m, kit_gpu_flush(&m->gpu, 1, kit_rect(UINT32_MAX, 0, 2, 2)), BAD_NUMBER);
	kit_surface_finish(&s);
	wire_end(m);
}

int main(int argc, char **argv)
{
	static const struct test_case cases[] = {
		TEST_CASE(hostile_creation),
		TEST_CASE(hostile_pictures),
	};
	return test_main(argc, argv, cases, ARRAY_SIZE(cases));
}
