/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/* Commands that are wrong: each gets the error that says so, and changes nothing. */
#include <stdlib.h>

#include "wire.h"

#define XRGB VIRTIO_GPU_FORMAT_B8G8R8X8_UNORM

#define UNSPEC    VIRTIO_GPU_RESP_ERR_UNSPEC
#define NO_MEMORY VIRTIO_GPU_RESP_ERR_OUT_OF_MEMORY
#define RESOURCE  VIRTIO_GPU_RESP_ERR_INVALID_RESOURCE_ID
#define SCANOUT   VIRTIO_GPU_RESP_ERR_INVALID_SCANOUT_ID
#define PARAMETER VIRTIO_GPU_RESP_ERR_INVALID_PARAMETER

/* --- any command --------------------------------------------------------------------------- */

/* Every command that there is, with the size of its fixed part. */
static const struct {
	uint32_t type;
	uint32_t size;
} commands[] = {
	{ VIRTIO_GPU_CMD_GET_DISPLAY_INFO, 24 },
	{ VIRTIO_GPU_CMD_RESOURCE_CREATE_2D, 40 },
	{ VIRTIO_GPU_CMD_RESOURCE_UNREF, 32 },
	{ VIRTIO_GPU_CMD_SET_SCANOUT, 48 },
	{ VIRTIO_GPU_CMD_RESOURCE_FLUSH, 48 },
	{ VIRTIO_GPU_CMD_TRANSFER_TO_HOST_2D, 56 },
	{ VIRTIO_GPU_CMD_RESOURCE_ATTACH_BACKING, 32 },
	{ VIRTIO_GPU_CMD_RESOURCE_DETACH_BACKING, 32 },
	{ VIRTIO_GPU_CMD_GET_CAPSET_INFO, 32 },
	{ VIRTIO_GPU_CMD_GET_CAPSET, 32 },
	{ VIRTIO_GPU_CMD_GET_EDID, 32 },
	{ VIRTIO_GPU_CMD_RESOURCE_ASSIGN_UUID, 32 },
	{ VIRTIO_GPU_CMD_RESOURCE_CREATE_BLOB, 56 },
	{ VIRTIO_GPU_CMD_SET_SCANOUT_BLOB, 96 },
	{ VIRTIO_GPU_CMD_CTX_CREATE, 96 },
	{ VIRTIO_GPU_CMD_CTX_DESTROY, 24 },
	{ VIRTIO_GPU_CMD_CTX_ATTACH_RESOURCE, 32 },
	{ VIRTIO_GPU_CMD_CTX_DETACH_RESOURCE, 32 },
	{ VIRTIO_GPU_CMD_RESOURCE_CREATE_3D, 72 },
	{ VIRTIO_GPU_CMD_TRANSFER_TO_HOST_3D, 72 },
	{ VIRTIO_GPU_CMD_TRANSFER_FROM_HOST_3D, 72 },
	{ VIRTIO_GPU_CMD_SUBMIT_3D, 32 },
	{ VIRTIO_GPU_CMD_RESOURCE_MAP_BLOB, 40 },
	{ VIRTIO_GPU_CMD_RESOURCE_UNMAP_BLOB, 32 },
	{ VIRTIO_GPU_CMD_UPDATE_CURSOR, 56 },
	{ VIRTIO_GPU_CMD_MOVE_CURSOR, 56 },
};

/* Sends size bytes of a command; the answer's type. */
static int send_cut(struct kit_machine *m, const void *request, uint32_t type, uint32_t size)
{
	uint32_t queue = type >> 8 == 3 ? VIRTIO_GPU_QUEUE_CURSOR : VIRTIO_GPU_QUEUE_CONTROL;
	struct kit_command *command = kit_gpu_submit(&m->gpu, queue, request, size, 2048);
	return kit_gpu_complete(&m->gpu, command, NULL, 0);
}

/* Each command cut off at each length. */
static void cut_off(void)
{
	struct kit_machine *m = wire_machine("none", NULL);
	for (size_t i = 0; i < ARRAY_SIZE(commands); i++)
		for (uint32_t size = 1; size < commands[i].size; size++) {
			uint8_t request[96] = { 0 };
			struct virtio_gpu_ctrl_hdr header = kit_header(commands[i].type);
			memcpy(request, &header, sizeof(header));
			int type = send_cut(m, request, commands[i].type, size);
			if (type < VIRTIO_GPU_RESP_ERR_UNSPEC)
				test_fail(__FILE__, __LINE__, "command %#x of %u bytes: %s",
					commands[i].type, size,
					type < 0 ? m->kit.why : kit_response_name(type));
		}
	wire_check_alive(m);
	wire_end(m);
}

/* Types that there are not, all over the number space. */
static void unknown_types(void)
{
	struct kit_machine *m = wire_machine("none", NULL);
	for (uint32_t type = 0; type < 0x10000; type += type < 0x400 ? 1 : 211) {
		bool known = false;
		for (size_t i = 0; i < ARRAY_SIZE(commands); i++)
			known |= commands[i].type == type;
		uint8_t request[128] = { 0 };
		struct virtio_gpu_ctrl_hdr header = kit_header(type);
		memcpy(request, &header, sizeof(header));
		if (known)
			continue;
		CHECK_TYPE(m, kit_gpu_simple(&m->gpu, request, sizeof(request)), UNSPEC);
		CHECK_TYPE(m, kit_gpu_simple(&m->gpu, request, 24), UNSPEC);
	}
	static const uint32_t far[] = { 0x10100, 0x80000100, 0xffffffff, 0x1100, 0x1200 };
	for (size_t i = 0; i < ARRAY_SIZE(far); i++) {
		struct virtio_gpu_ctrl_hdr header = kit_header(far[i]);
		CHECK_TYPE(m, kit_gpu_simple(&m->gpu, &header, sizeof(header)), UNSPEC);
	}
	wire_end(m);
}

/* Commands of features that were not negotiated. */
static void features_not_negotiated(void)
{
	static const struct {
		uint32_t type;
		int feature;
	} rows[] = {
		{ VIRTIO_GPU_CMD_GET_CAPSET_INFO, VIRTIO_GPU_F_VIRGL },
		{ VIRTIO_GPU_CMD_GET_CAPSET, VIRTIO_GPU_F_VIRGL },
		{ VIRTIO_GPU_CMD_CTX_CREATE, VIRTIO_GPU_F_VIRGL },
		{ VIRTIO_GPU_CMD_CTX_DESTROY, VIRTIO_GPU_F_VIRGL },
		{ VIRTIO_GPU_CMD_CTX_ATTACH_RESOURCE, VIRTIO_GPU_F_VIRGL },
		{ VIRTIO_GPU_CMD_CTX_DETACH_RESOURCE, VIRTIO_GPU_F_VIRGL },
		{ VIRTIO_GPU_CMD_RESOURCE_CREATE_3D, VIRTIO_GPU_F_VIRGL },
		{ VIRTIO_GPU_CMD_TRANSFER_TO_HOST_3D, VIRTIO_GPU_F_VIRGL },
		{ VIRTIO_GPU_CMD_TRANSFER_FROM_HOST_3D, VIRTIO_GPU_F_VIRGL },
		{ VIRTIO_GPU_CMD_SUBMIT_3D, VIRTIO_GPU_F_VIRGL },
		{ VIRTIO_GPU_CMD_GET_EDID, VIRTIO_GPU_F_EDID },
		{ VIRTIO_GPU_CMD_RESOURCE_ASSIGN_UUID, VIRTIO_GPU_F_RESOURCE_UUID },
		{ VIRTIO_GPU_CMD_RESOURCE_CREATE_BLOB, VIRTIO_GPU_F_RESOURCE_BLOB },
		{ VIRTIO_GPU_CMD_SET_SCANOUT_BLOB, VIRTIO_GPU_F_RESOURCE_BLOB },
		{ VIRTIO_GPU_CMD_RESOURCE_MAP_BLOB, VIRTIO_GPU_F_RESOURCE_BLOB },
		{ VIRTIO_GPU_CMD_RESOURCE_UNMAP_BLOB, VIRTIO_GPU_F_RESOURCE_BLOB },
	};
	struct kit_machine *m =
		wire_machine("none", &(struct kit_machine_spec){ .unwanted = 0x3f });
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		uint8_t request[128] = { 0 };
		struct virtio_gpu_ctrl_hdr header = kit_header(rows[i].type);
		memcpy(request, &header, sizeof(header));
		CHECK(!kit_vmm_feature(&m->vmm, rows[i].feature));
		int type = send_cut(m, request, rows[i].type, sizeof(request));
		if (type != UNSPEC)
			test_fail(__FILE__, __LINE__, "command %#x: %s", rows[i].type,
				type < 0 ? m->kit.why : kit_response_name(type));
	}
	wire_end(m);
}

/* Flags, fence and padding full of bits that mean nothing to the command. */
static void header_garbage(void)
{
	struct kit_machine *m = wire_machine("none", NULL);
	struct virtio_gpu_ctrl_hdr header = {
		.type = VIRTIO_GPU_CMD_GET_DISPLAY_INFO,
		.flags = ~(VIRTIO_GPU_FLAG_FENCE | VIRTIO_GPU_FLAG_INFO_RING_IDX),
		.fence_id = UINT64_MAX,
		.ctx_id = UINT32_MAX,
		.ring_idx = 255,
		.padding = { 255, 255, 255 },
	};
	CHECK_TYPE(m, send_cut(m, &header, header.type, sizeof(header)),
		VIRTIO_GPU_RESP_OK_DISPLAY_INFO);
	wire_end(m);
}

/* More bytes than the command has: they do not matter. */
static void longer_than_needed(void)
{
	struct kit_machine *m = wire_machine("none", NULL);
	uint8_t request[4096];
	struct virtio_gpu_ctrl_hdr header = kit_header(VIRTIO_GPU_CMD_GET_DISPLAY_INFO);
	memset(request, 0xff, sizeof(request));
	memcpy(request, &header, sizeof(header));
	CHECK_TYPE(m, send_cut(m, request, header.type, sizeof(request)),
		VIRTIO_GPU_RESP_OK_DISPLAY_INFO);
	wire_end(m);
}

/* --- CREATE_2D and UNREF ------------------------------------------------------------------- */

static void create_2d(void)
{
	static const struct {
		uint32_t id, format, width, height;
		int expected; /* 0: any error */
	} rows[] = {
		{ 0, XRGB, 64, 64, RESOURCE },
		{ 1, XRGB, 64, 64, RESOURCE }, /* exists */
		{ 2, 0, 64, 64, PARAMETER },
		{ 2, 5, 64, 64, PARAMETER },
		{ 2, 66, 64, 64, PARAMETER },
		{ 2, 135, 64, 64, PARAMETER },
		{ 2, UINT32_MAX, 64, 64, PARAMETER },
		{ 2, XRGB, 0, 64, PARAMETER },
		{ 2, XRGB, 64, 0, PARAMETER },
		{ 2, XRGB, 0, 0, PARAMETER },
		{ 2, XRGB, 1, UINT32_MAX, 0 },
		{ 2, XRGB, UINT32_MAX, 1, 0 },
		{ 2, XRGB, UINT32_MAX, UINT32_MAX, 0 },
		{ 2, XRGB, 0x40000001, 128, 0 }, /* 512 bytes, in 32-bit arithmetic */
		{ 2, XRGB, 0x8000, 0x8000, 0 },
		{ 2, XRGB, 0x10000, 0x10000, 0 },
		{ 2, XRGB, 16385, 1, 0 },
	};
	struct kit_machine *m = wire_machine("none", NULL);
	CHECK_GOOD(m, kit_gpu_create_2d(&m->gpu, 1, XRGB, 64, 64));
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		int type = kit_gpu_create_2d(
			&m->gpu, rows[i].id, rows[i].format, rows[i].width, rows[i].height);
		if (type < UNSPEC || (rows[i].expected && type != rows[i].expected))
			test_fail(__FILE__, __LINE__, "resource %u, format %u, %u x %u: %s",
				rows[i].id, rows[i].format, rows[i].width, rows[i].height,
				type < 0 ? m->kit.why : kit_response_name(type));
	}
	/* none of them left anything */
	CHECK_TYPE(m, kit_gpu_unref(&m->gpu, 2), RESOURCE);
	CHECK_GOOD(m, kit_gpu_create_2d(&m->gpu, 2, XRGB, 64, 64));
	wire_end(m);
}

/* Resources until the host's patience ends: an error then, and room again after the guest has
 * cleaned up. */
static void host_memory_runs_out(void)
{
	struct kit_machine *m = wire_machine("none", NULL);
	struct kit_usage before, after;
	for (int round = 0; round < 2; round++) {
		uint32_t id = 1;
		int type;
		do {
			type = kit_gpu_create_2d(&m->gpu, id, XRGB, 4096, 4096);
			CHECK_OK(m, type);
		} while (type == VIRTIO_GPU_RESP_OK_NODATA && ++id < 1000);
		CHECK_TYPE(m, type, NO_MEMORY);
		wire_check_alive(m);
		while (--id > 0)
			CHECK_GOOD(m, kit_gpu_unref(&m->gpu, id));
		kit_backend_usage(m->backend, round ? &after : &before);
	}
	if (!getenv("KIT_SANITIZED"))
		CHECK(after.memory_kib < before.memory_kib + 4096);
	wire_end(m);
}

/* Small ones, by number. */
static void resources_run_out(void)
{
	struct kit_machine *m = wire_machine("none", NULL);
	uint32_t id = 1;
	int type;
	do {
		type = kit_gpu_create_2d(&m->gpu, id, XRGB, 1, 1);
		CHECK_OK(m, type);
	} while (type == VIRTIO_GPU_RESP_OK_NODATA && ++id < 200000);
	CHECK_TYPE(m, type, NO_MEMORY);
	CHECK(id > 1000);
	CHECK_GOOD(m, kit_gpu_unref(&m->gpu, 1));
	CHECK_GOOD(m, kit_gpu_create_2d(&m->gpu, 1, XRGB, 1, 1));
	wire_check_alive(m);
	wire_end(m);
}

static void unref(void)
{
	static const uint32_t ids[] = { 0, 2, 0x80000000, UINT32_MAX };
	struct kit_machine *m = wire_machine("none", NULL);
	CHECK_GOOD(m, kit_gpu_create_2d(&m->gpu, 1, XRGB, 64, 64));
	for (size_t i = 0; i < ARRAY_SIZE(ids); i++)
		CHECK_TYPE(m, kit_gpu_unref(&m->gpu, ids[i]), RESOURCE);
	CHECK_GOOD(m, kit_gpu_unref(&m->gpu, 1));
	CHECK_TYPE(m, kit_gpu_unref(&m->gpu, 1), RESOURCE);
	wire_end(m);
}

/* --- rectangles ---------------------------------------------------------------------------- */

static const struct virtio_gpu_rect wrong_rects[] = {
	{ 0, 0, 65, 64 },
	{ 0, 0, 64, 65 },
	{ 1, 0, 64, 64 },
	{ 0, 1, 64, 64 },
	{ 64, 0, 1, 1 },
	{ 0, 64, 1, 1 },
	{ 65, 65, 1, 1 },
	{ 63, 63, 2, 2 },
	{ UINT32_MAX, 0, 1, 1 },
	{ UINT32_MAX, 0, 2, 1 },
	{ 0, UINT32_MAX, 1, 2 },
	{ 1, 1, UINT32_MAX, UINT32_MAX },
	{ 0x80000000, 0x80000000, 0x80000000, 0x80000000 },
	{ 0, 0, UINT32_MAX, 1 },
	{ 0, 0, 1, UINT32_MAX },
};

static void rectangles(void)
{
	struct kit_machine *m = wire_machine("none", NULL);
	struct kit_surface s = wire_surface(m, 1, XRGB, 64, 64);
	for (size_t i = 0; i < ARRAY_SIZE(wrong_rects); i++) {
		struct virtio_gpu_rect rect = wrong_rects[i];
		CHECK_TYPE(m, kit_gpu_set_scanout(&m->gpu, 0, 1, rect), PARAMETER);
		CHECK_TYPE(m, kit_gpu_flush(&m->gpu, 1, rect), PARAMETER);
		CHECK_TYPE(m, kit_gpu_transfer_2d(&m->gpu, 1, rect, 0), PARAMETER);
	}
	/* nothing at all may be transferred or flushed, or not; it cannot be shown */
	CHECK_OK(m, kit_gpu_transfer_2d(&m->gpu, 1, kit_rect(0, 0, 0, 0), 0));
	CHECK_OK(m, kit_gpu_flush(&m->gpu, 1, kit_rect(0, 0, 0, 0)));
	CHECK_OK(m, kit_gpu_flush(&m->gpu, 1, kit_rect(64, 64, 0, 0)));
	CHECK_ERROR(m, kit_gpu_set_scanout(&m->gpu, 0, 1, kit_rect(0, 0, 0, 64)));
	CHECK_ERROR(m, kit_gpu_set_scanout(&m->gpu, 0, 1, kit_rect(0, 0, 64, 0)));
	wire_check_alive(m);
	kit_surface_finish(&s);
	wire_end(m);
}

static void unknown_resources(void)
{
	static const uint32_t ids[] = { 2, 0x80000000, UINT32_MAX };
	struct kit_machine *m = wire_machine("none", NULL);
	struct virtio_gpu_mem_entry entry = { 0x10000, 16384, 0 };
	struct virtio_gpu_rect rect = kit_rect(0, 0, 1, 1);
	for (size_t i = 0; i < ARRAY_SIZE(ids); i++) {
		CHECK_TYPE(m, kit_gpu_set_scanout(&m->gpu, 0, ids[i], rect), RESOURCE);
		CHECK_TYPE(m, kit_gpu_flush(&m->gpu, ids[i], rect), RESOURCE);
		CHECK_TYPE(m, kit_gpu_transfer_2d(&m->gpu, ids[i], rect, 0), RESOURCE);
		CHECK_TYPE(m, kit_gpu_attach(&m->gpu, ids[i], &entry, 1), RESOURCE);
		CHECK_TYPE(m, kit_gpu_detach(&m->gpu, ids[i]), RESOURCE);
	}
	CHECK_TYPE(m, kit_gpu_flush(&m->gpu, 0, rect), RESOURCE);
	CHECK_TYPE(m, kit_gpu_transfer_2d(&m->gpu, 0, rect, 0), RESOURCE);
	CHECK_TYPE(m, kit_gpu_attach(&m->gpu, 0, &entry, 1), RESOURCE);
	CHECK_TYPE(m, kit_gpu_detach(&m->gpu, 0), RESOURCE);
	wire_end(m);
}

/* --- backing ------------------------------------------------------------------------------- */

/* nr_entries that does not agree with what follows. */
static void entry_counts(void)
{
	static const uint32_t counts[] = { 2, 3, 16384, 16385, 0x10000000, 0x10000001, UINT32_MAX };
	struct kit_machine *m = wire_machine("none", NULL);
	CHECK_GOOD(m, kit_gpu_create_2d(&m->gpu, 1, XRGB, 64, 64));
	for (size_t i = 0; i < ARRAY_SIZE(counts); i++) {
		struct {
			struct virtio_gpu_resource_attach_backing attach;
			struct virtio_gpu_mem_entry entry;
		} request = {
			.attach = { .hdr = kit_header(VIRTIO_GPU_CMD_RESOURCE_ATTACH_BACKING),
				.resource_id = 1,
				.nr_entries = counts[i] },
			.entry = { 0x10000, 16384, 0 },
		};
		CHECK_ERROR(m, kit_gpu_simple(&m->gpu, &request, sizeof(request)));
	}
	struct virtio_gpu_mem_entry entry = { 0x10000, 16384, 0 };
	CHECK_GOOD(m, kit_gpu_attach(&m->gpu, 1, &entry, 1));
	wire_end(m);
}

/* No entries at all: may be refused, and is no backing to transfer from. */
static void no_entries(void)
{
	struct kit_machine *m = wire_machine("none", NULL);
	CHECK_GOOD(m, kit_gpu_create_2d(&m->gpu, 1, XRGB, 64, 64));
	CHECK_OK(m, kit_gpu_attach(&m->gpu, 1, NULL, 0));
	CHECK_ERROR(m, kit_gpu_transfer_2d(&m->gpu, 1, kit_rect(0, 0, 64, 64), 0));
	wire_end(m);
}

/* Entries that are not in the guest's memory. */
static void entries_outside_memory(void)
{
	static const struct virtio_gpu_mem_entry entries[] = {
		{ UINT64_C(1) << 40, 16384, 0 },
		{ (UINT64_C(64) << 20) - 4096, 16384, 0 }, /* into the hole */
		{ UINT64_C(64) << 20, 16384, 0 },
		{ UINT64_MAX - 4095, 4096, 0 },
		{ UINT64_MAX - 4095, 16384, 0 },
		{ 0x10000, UINT32_MAX, 0 },
	};
	struct kit_machine *m = wire_machine("none", NULL);
	for (uint32_t i = 0; i < ARRAY_SIZE(entries); i++) {
		CHECK_GOOD(m, kit_gpu_create_2d(&m->gpu, 1, XRGB, 64, 64));
		int type = kit_gpu_attach(&m->gpu, 1, &entries[i], 1);
		CHECK_OK(m, type);
		/* whichever of the two refuses */
		if (type == VIRTIO_GPU_RESP_OK_NODATA)
			CHECK_ERROR(m, kit_gpu_transfer_2d(&m->gpu, 1, kit_rect(0, 0, 64, 64), 0));
		CHECK_GOOD(m, kit_gpu_unref(&m->gpu, 1));
	}
	wire_end(m);
}

static void attach_twice(void)
{
	struct kit_machine *m = wire_machine("none", NULL);
	struct kit_surface s = wire_surface(m, 1, XRGB, 64, 64);
	struct kit_picture *picture = wire_pattern(64, 64, 1);
	struct virtio_gpu_mem_entry other = { 0x10000, 16384, 0 };
	CHECK_GOOD(m, kit_gpu_set_scanout(&m->gpu, 0, 1, kit_rect(0, 0, 64, 64)));
	CHECK_ERROR(m, kit_gpu_attach(&m->gpu, 1, &other, 1));
	/* the first one is still there */
	wire_show(m, &s, picture);
	CHECK_PICTURE(m, 0, picture);
	kit_picture_destroy(picture);
	kit_surface_finish(&s);
	wire_end(m);
}

static void detach_what_is_not_there(void)
{
	struct kit_machine *m = wire_machine("none", NULL);
	CHECK_GOOD(m, kit_gpu_create_2d(&m->gpu, 1, XRGB, 64, 64));
	CHECK_OK(m, kit_gpu_detach(&m->gpu, 1));
	struct virtio_gpu_mem_entry entry = { 0x10000, 16384, 0 };
	CHECK_GOOD(m, kit_gpu_attach(&m->gpu, 1, &entry, 1));
	CHECK_GOOD(m, kit_gpu_detach(&m->gpu, 1));
	wire_check_alive(m);
	wire_end(m);
}

/* Offsets and rectangles that run over the backing's end. */
static void transfers_past_the_backing(void)
{
	static const struct {
		struct virtio_gpu_rect rect;
		uint64_t offset;
		bool good;
	} rows[] = {
		{ { 0, 0, 64, 64 }, 0, true },
		{ { 0, 0, 64, 64 }, 1, false },
		{ { 0, 0, 64, 64 }, 4, false },
		{ { 0, 0, 1, 1 }, 16380, true },
		{ { 0, 0, 1, 1 }, 16381, false },
		{ { 0, 0, 1, 1 }, 16384, false },
		{ { 0, 0, 1, 2 }, 16380 - 256, true },
		{ { 0, 0, 1, 2 }, 16380 - 255, false },
		{ { 0, 0, 1, 1 }, UINT32_MAX, false },
		{ { 0, 0, 1, 1 }, UINT64_MAX, false },
		{ { 0, 0, 1, 1 }, UINT64_MAX - 3, false },
		{ { 0, 0, 64, 64 }, UINT64_MAX - 16383, false },
		{ { 0, 0, 64, 64 }, UINT64_C(1) << 63, false },
	};
	struct kit_machine *m = wire_machine("none", NULL);
	struct kit_surface s = wire_surface(m, 1, XRGB, 64, 64);
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		int type = kit_gpu_transfer_2d(&m->gpu, 1, rows[i].rect, rows[i].offset);
		int good = VIRTIO_GPU_RESP_OK_NODATA;
		if (type < 0 || (rows[i].good ? type != good : type < UNSPEC))
			test_fail(__FILE__, __LINE__, "offset %llu: %s",
				(unsigned long long)rows[i].offset,
				type < 0 ? m->kit.why : kit_response_name(type));
	}
	kit_surface_finish(&s);
	wire_end(m);
}

/* Backing that is smaller than the resource: what lies in it can be transferred. */
static void backing_too_small(void)
{
	struct kit_machine *m = wire_machine("none", NULL);
	struct virtio_gpu_mem_entry entry = { 0x10000, 8192, 0 };
	CHECK_GOOD(m, kit_gpu_create_2d(&m->gpu, 1, XRGB, 64, 64));
	CHECK_GOOD(m, kit_gpu_attach(&m->gpu, 1, &entry, 1));
	CHECK_GOOD(m, kit_gpu_transfer_2d(&m->gpu, 1, kit_rect(0, 0, 64, 32), 0));
	CHECK_ERROR(m, kit_gpu_transfer_2d(&m->gpu, 1, kit_rect(0, 0, 64, 33), 0));
	wire_end(m);
}

int main(int argc, char **argv)
{
	static const struct test_case cases[] = {
		TEST_CASE(cut_off),
		TEST_CASE(unknown_types),
		TEST_CASE(features_not_negotiated),
		TEST_CASE(header_garbage),
		TEST_CASE(longer_than_needed),
		TEST_CASE(create_2d),
		TEST_CASE(host_memory_runs_out),
		TEST_CASE(resources_run_out),
		TEST_CASE(unref),
		TEST_CASE(rectangles),
		TEST_CASE(unknown_resources),
		TEST_CASE(entry_counts),
		TEST_CASE(no_entries),
		TEST_CASE(entries_outside_memory),
		TEST_CASE(attach_twice),
		TEST_CASE(detach_what_is_not_there),
		TEST_CASE(transfers_past_the_backing),
		TEST_CASE(backing_too_small),
	};
	return test_main(argc, argv, cases, ARRAY_SIZE(cases));
}
