/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/* 3D with the null renderer: capsets, contexts, resources, command streams, transfers. */
#include <stdlib.h>

#include "wire_3d.h"

#define UNSPEC    VIRTIO_GPU_RESP_ERR_UNSPEC
#define RESOURCE  VIRTIO_GPU_RESP_ERR_INVALID_RESOURCE_ID
#define CONTEXT   VIRTIO_GPU_RESP_ERR_INVALID_CONTEXT_ID
#define PARAMETER VIRTIO_GPU_RESP_ERR_INVALID_PARAMETER

/* --- capsets ------------------------------------------------------------------------------- */

static void capset_info(void)
{
	static const uint32_t wrong[] = { 1, 2, 64, 0x80000000, UINT32_MAX };
	struct kit_machine *m = wire_machine_3d("null");
	struct virtio_gpu_resp_capset_info info;
	CHECK_TYPE(m, kit_gpu_capset_info(&m->gpu, 0, &info), VIRTIO_GPU_RESP_OK_CAPSET_INFO);
	CHECK_INT(info.capset_id, NULL_CAPSET);
	CHECK_INT(info.capset_max_version, NULL_CAPSET_VERSION);
	CHECK_INT(info.capset_max_size, NULL_CAPSET_SIZE);
	for (size_t i = 0; i < ARRAY_SIZE(wrong); i++)
		CHECK_ERROR(m, kit_gpu_capset_info(&m->gpu, wrong[i], &info));
	wire_end(m);
}

static void capset(void)
{
	static const uint32_t wrong[] = { 0, 1, 3, 63, 64, 0x80000000, UINT32_MAX };
	struct kit_machine *m = wire_machine_3d("null");
	uint8_t bytes[4096];
	uint32_t size = NULL_CAPSET_SIZE;
	CHECK_TYPE(m, kit_gpu_capset(&m->gpu, NULL_CAPSET, NULL_CAPSET_VERSION, bytes, &size),
		VIRTIO_GPU_RESP_OK_CAPSET);
	CHECK_INT(size, NULL_CAPSET_SIZE);
	for (uint32_t i = 0; i < size; i++)
		CHECK_INT(bytes[i], null_capset_byte(i));
	for (size_t i = 0; i < ARRAY_SIZE(wrong); i++) {
		size = sizeof(bytes);
		CHECK_ERROR(m, kit_gpu_capset(&m->gpu, wrong[i], 1, bytes, &size));
	}
	size = sizeof(bytes);
	CHECK_ERROR(m, kit_gpu_capset(&m->gpu, NULL_CAPSET, UINT32_MAX, bytes, &size));
	/* more room than needed, and less */
	size = sizeof(bytes);
	CHECK_TYPE(m, kit_gpu_capset(&m->gpu, NULL_CAPSET, NULL_CAPSET_VERSION, bytes, &size),
		VIRTIO_GPU_RESP_OK_CAPSET);
	CHECK_INT(size, NULL_CAPSET_SIZE);
	size = 100;
	CHECK_OK(m, kit_gpu_capset(&m->gpu, NULL_CAPSET, NULL_CAPSET_VERSION, bytes, &size));
	CHECK(size <= 100);
	wire_end(m);
}

/* --- contexts ------------------------------------------------------------------------------ */

static void contexts(void)
{
	struct kit_machine *m = wire_machine_3d("null");
	struct kit_gpu *gpu = &m->gpu;
	wire_context(m, 1);
	CHECK_TYPE(m, kit_gpu_ctx_create(gpu, 1, NULL_CAPSET, "again"), CONTEXT);
	CHECK_TYPE(m, kit_gpu_ctx_create(gpu, 0, NULL_CAPSET, "zero"), CONTEXT);
	/* capsets that are not there, bits that mean nothing */
	CHECK_TYPE(m, kit_gpu_ctx_create(gpu, 2, 1, ""), PARAMETER);
	CHECK_TYPE(m, kit_gpu_ctx_create(gpu, 2, 4, ""), PARAMETER);
	CHECK_TYPE(m, kit_gpu_ctx_create(gpu, 2, 255, ""), PARAMETER);
	CHECK_TYPE(m, kit_gpu_ctx_create(gpu, 2, 0x100 | NULL_CAPSET, ""), PARAMETER);
	/* the default is OpenGL */
	CHECK_GOOD(m, kit_gpu_ctx_create(gpu, 2, 0, "default"));
	CHECK_GOOD(m, kit_gpu_ctx_create(gpu, UINT32_MAX, NULL_CAPSET, "last"));
	CHECK_GOOD(m, kit_gpu_ctx_destroy(gpu, UINT32_MAX));
	CHECK_TYPE(m, kit_gpu_ctx_destroy(gpu, UINT32_MAX), CONTEXT);
	CHECK_TYPE(m, kit_gpu_ctx_destroy(gpu, 0), CONTEXT);
	CHECK_TYPE(m, kit_gpu_ctx_destroy(gpu, 77), CONTEXT);
	CHECK_GOOD(m, kit_gpu_ctx_destroy(gpu, 1));
	wire_context(m, 1);
	wire_end(m);
}

/* Names that are full, that claim to be longer, that are not text. */
static void context_names(void)
{
	static const uint32_t lengths[] = { 0, 1, 63, 64 };
	static const uint32_t wrong[] = { 65, 255, 0x80000000, UINT32_MAX };
	struct kit_machine *m = wire_machine_3d("null");
	struct virtio_gpu_ctx_create create = {
		.hdr = kit_header_ctx(VIRTIO_GPU_CMD_CTX_CREATE, 1),
		.context_init = NULL_CAPSET,
	};
	memset(create.debug_name, 0xc3, sizeof(create.debug_name));
	for (size_t i = 0; i < ARRAY_SIZE(lengths); i++) {
		create.nlen = lengths[i];
		CHECK_GOOD(m, kit_gpu_simple(&m->gpu, &create, sizeof(create)));
		CHECK_GOOD(m, kit_gpu_ctx_destroy(&m->gpu, 1));
	}
	for (size_t i = 0; i < ARRAY_SIZE(wrong); i++) {
		create.nlen = wrong[i];
		int type = kit_gpu_simple(&m->gpu, &create, sizeof(create));
		CHECK_OK(m, type);
		if (type == VIRTIO_GPU_RESP_OK_NODATA)
			CHECK_GOOD(m, kit_gpu_ctx_destroy(&m->gpu, 1));
	}
	wire_end(m);
}

/* Without CONTEXT_INIT the field is padding: whatever is in it, the context is OpenGL's. */
static void contexts_of_old_drivers(void)
{
	struct kit_machine *m = wire_machine("null", NULL);
	CHECK(kit_vmm_feature(&m->vmm, VIRTIO_GPU_F_VIRGL));
	CHECK(!kit_vmm_feature(&m->vmm, VIRTIO_GPU_F_CONTEXT_INIT));
	CHECK_GOOD(m, kit_gpu_ctx_create(&m->gpu, 1, 0, ""));
	CHECK_GOOD(m, kit_gpu_ctx_create(&m->gpu, 2, 0xdeadbeef, ""));
	wire_end(m);
}

static void contexts_run_out(void)
{
	struct kit_machine *m = wire_machine_3d("null");
	for (int round = 0; round < 2; round++) {
		uint32_t id = 1;
		int type;
		do {
			type = kit_gpu_ctx_create(&m->gpu, id, NULL_CAPSET, "");
			CHECK_OK(m, type);
		} while (type == VIRTIO_GPU_RESP_OK_NODATA && ++id < 70000);
		CHECK_TYPE(m, type, VIRTIO_GPU_RESP_ERR_OUT_OF_MEMORY);
		CHECK(id > 16);
		while (--id > 0)
			CHECK_GOOD(m, kit_gpu_ctx_destroy(&m->gpu, id));
	}
	wire_end(m);
}

static void attachments(void)
{
	struct kit_machine *m = wire_machine_3d("null");
	struct kit_gpu *gpu = &m->gpu;
	wire_context(m, 1);
	wire_texture(m, 5, 16, 16);
	CHECK_TYPE(m, kit_gpu_ctx_attach(gpu, 2, 5), CONTEXT);
	CHECK_TYPE(m, kit_gpu_ctx_attach(gpu, 0, 5), CONTEXT);
	CHECK_TYPE(m, kit_gpu_ctx_attach(gpu, 1, 6), RESOURCE);
	CHECK_TYPE(m, kit_gpu_ctx_attach(gpu, 1, 0), RESOURCE);
	CHECK_TYPE(m, kit_gpu_ctx_detach(gpu, 2, 5), CONTEXT);
	CHECK_TYPE(m, kit_gpu_ctx_detach(gpu, 1, 6), RESOURCE);
	/* what is not attached cannot be drawn to */
	CHECK_ERROR(m, WIRE_SUBMIT(m, 1, NULL_FILL, 5, 1));
	CHECK_GOOD(m, kit_gpu_ctx_attach(gpu, 1, 5));
	CHECK_GOOD(m, kit_gpu_ctx_attach(gpu, 1, 5));
	CHECK_GOOD(m, WIRE_SUBMIT(m, 1, NULL_FILL, 5, 1));
	CHECK_GOOD(m, kit_gpu_ctx_detach(gpu, 1, 5));
	CHECK_ERROR(m, WIRE_SUBMIT(m, 1, NULL_FILL, 5, 1));
	CHECK_GOOD(m, kit_gpu_ctx_attach(gpu, 1, 5));
	CHECK_GOOD(m, kit_gpu_unref(gpu, 5));
	CHECK_ERROR(m, WIRE_SUBMIT(m, 1, NULL_FILL, 5, 1));
	/* another resource with the id is another one */
	wire_texture(m, 5, 16, 16);
	CHECK_ERROR(m, WIRE_SUBMIT(m, 1, NULL_FILL, 5, 1));
	wire_end(m);
}

/* --- command streams ----------------------------------------------------------------------- */

static void streams(void)
{
	struct kit_machine *m = wire_machine_3d("null");
	wire_context(m, 1);
	CHECK_TYPE(m, WIRE_SUBMIT(m, 2, NULL_NOP, 0), CONTEXT);
	CHECK_TYPE(m, WIRE_SUBMIT(m, 0, NULL_NOP, 0), CONTEXT);
	CHECK_GOOD(m, WIRE_SUBMIT(m, 1, NULL_NOP, 1, 2, 3));
	CHECK_ERROR(m, WIRE_SUBMIT(m, 1, 0xffff, 0));
	CHECK_GOOD(m, WIRE_SUBMIT(m, 1, NULL_NOP, 1));
	/* nothing at all is done at once */
	CHECK_OK(m, kit_gpu_submit_3d(&m->gpu, 1, NULL, 0));
	wire_end(m);
}

/* A size that does not agree with what follows, or is no number of words. */
static void stream_sizes(void)
{
	static const uint32_t sizes[] = { 9, 12, 4096, 0x400004, 0x80000000, UINT32_MAX - 3,
		UINT32_MAX };
	struct kit_machine *m = wire_machine_3d("null");
	wire_context(m, 1);
	for (size_t i = 0; i < ARRAY_SIZE(sizes); i++) {
		struct {
			struct virtio_gpu_cmd_submit submit;
			uint32_t words[2];
		} request = {
			.submit = { .hdr = kit_header_ctx(VIRTIO_GPU_CMD_SUBMIT_3D, 1),
				.size = sizes[i] },
			.words = { NULL_COMMAND(NULL_NOP, 1), 0 },
		};
		CHECK_ERROR(m, kit_gpu_simple(&m->gpu, &request, sizeof(request)));
	}
	wire_check_alive(m);
	wire_end(m);
}

/* As large as it may be, in hundreds of buffers. */
static void large_stream(void)
{
	struct kit_machine *m = wire_machine("null",
		&(struct kit_machine_spec){
			.profile = &kit_profile_qemu_gpu_all, .sizes = { 1024, 16 } });
	uint32_t size = 4u << 20;
	uint32_t *words = calloc(1, size);
	CHECK(words);
	wire_context(m, 1);
	wire_texture(m, 1, 16, 16);
	CHECK_GOOD(m, kit_gpu_ctx_attach(&m->gpu, 1, 1));
	uint32_t count = size / 4, at = 0;
	while (count - at > 4) {
		uint32_t args = count - at - 1 - 3 < 0xffff ? count - at - 1 - 3 : 0xffff;
		words[at] = NULL_COMMAND(NULL_NOP, args);
		at += args + 1;
	}
	if (count - at == 4)
		words[at++] = NULL_COMMAND(NULL_NOP, 0);
	CHECK_INT(count - at, 3);
	words[at] = NULL_COMMAND(NULL_FILL, 2);
	words[at + 1] = 1;
	words[at + 2] = 0x00abcdef;
	m->gpu.request_piece = 2 * KIT_PAGE;
	CHECK_GOOD(m, kit_gpu_submit_3d(&m->gpu, 1, words, size));
	m->gpu.request_piece = 0;
	struct kit_picture *picture = kit_picture_create(16, 16);
	kit_picture_fill(picture, kit_rect(0, 0, 16, 16), 0xabcdef);
	CHECK_GOOD(m, kit_gpu_set_scanout(&m->gpu, 0, 1, kit_rect(0, 0, 16, 16)));
	CHECK_GOOD(m, kit_gpu_flush(&m->gpu, 1, kit_rect(0, 0, 16, 16)));
	CHECK_PICTURE(m, 0, picture);
	free(words);
	kit_picture_destroy(picture);
	wire_end(m);
}

/* Thousands of small streams, more than any ring between processes holds. */
static void many_streams(void)
{
	struct kit_machine *m = wire_machine_3d("null");
	wire_context(m, 1);
	for (uint32_t i = 0; i < 20000; i++) {
		uint32_t words[2] = { NULL_COMMAND(NULL_NOP, 1), i };
		while (m->rings[0].free_count < 2)
			CHECK_OK(m, kit_gpu_drain(&m->gpu));
		kit_command_forget(wire_send(m, kit_header_ctx(0, 1), words, 2));
	}
	CHECK_OK(m, kit_gpu_drain(&m->gpu));
	wire_check_alive(m);
	wire_end(m);
}

/* --- resources ----------------------------------------------------------------------------- */

static void create_3d(void)
{
	struct kit_machine *m = wire_machine_3d("null");
	struct virtio_gpu_resource_create_3d good = wire_texture_args(1, 16, 16);
	wire_texture(m, 1, 16, 16);
	CHECK_TYPE(m, kit_gpu_create_3d(&m->gpu, good), RESOURCE);
	good.resource_id = 0;
	CHECK_TYPE(m, kit_gpu_create_3d(&m->gpu, good), RESOURCE);
	good.resource_id = 2;
	struct virtio_gpu_resource_create_3d wrong[8];
	for (size_t i = 0; i < ARRAY_SIZE(wrong); i++)
		wrong[i] = good;
	wrong[0].target = UINT32_MAX;
	wrong[1].format = UINT32_MAX;
	wrong[2].width = 0;
	wrong[3].height = UINT32_MAX;
	wrong[4].depth = UINT32_MAX;
	wrong[5].array_size = UINT32_MAX;
	wrong[6].last_level = UINT32_MAX;
	wrong[7].nr_samples = UINT32_MAX;
	for (size_t i = 0; i < ARRAY_SIZE(wrong); i++) {
		int type = kit_gpu_create_3d(&m->gpu, wrong[i]);
		if (type < UNSPEC)
			test_fail(__FILE__, __LINE__, "wrong resource %zu: %s", i,
				type < 0 ? m->kit.why : kit_response_name(type));
	}
	CHECK_GOOD(m, kit_gpu_create_3d(&m->gpu, good));
	wire_end(m);
}

/* Pixels from the guest's memory into a texture, and out of it. */
static void transfers(void)
{
	struct kit_machine *m = wire_machine_3d("null");
	struct kit_picture *picture = wire_pattern(64, 48, 1);
	uint64_t backing = kit_alloc(&m->memory, 64 * 48 * 4, KIT_PAGE);
	uint32_t *pixels = kit_ptr(&m->memory, backing, 64 * 48 * 4);
	struct virtio_gpu_mem_entry entry = { backing, 64 * 48 * 4, 0 };
	struct virtio_gpu_transfer_host_3d all = { .box = { .w = 64, .h = 48, .d = 1 },
		.resource_id = 1 };
	wire_context(m, 1);
	wire_texture(m, 1, 64, 48);
	CHECK_GOOD(m, kit_gpu_attach(&m->gpu, 1, &entry, 1));
	CHECK_GOOD(m, kit_gpu_ctx_attach(&m->gpu, 1, 1));
	memcpy(pixels, picture->pixels, 64 * 48 * 4);
	CHECK_GOOD(m, kit_gpu_transfer_to_3d(&m->gpu, 1, all));
	CHECK_GOOD(m, kit_gpu_set_scanout(&m->gpu, 0, 1, kit_rect(0, 0, 64, 48)));
	CHECK_GOOD(m, kit_gpu_flush(&m->gpu, 1, kit_rect(0, 0, 64, 48)));
	CHECK_PICTURE(m, 0, picture);

	/* drawn over by the renderer, and read back in part, with a stride of the guest's */
	CHECK_GOOD(m, WIRE_SUBMIT(m, 1, NULL_FILL_RECT, 1, 0x00112233, 10, 20, 5, 6));
	memset(pixels, 0, 64 * 48 * 4);
	struct virtio_gpu_transfer_host_3d part = {
		.box = { .x = 8, .y = 19, .w = 9, .h = 8, .d = 1 },
		.resource_id = 1,
		.offset = 100,
		.stride = 200
	};
	CHECK_GOOD(m, kit_gpu_transfer_from_3d(&m->gpu, 1, part));
	for (uint32_t y = 0; y < 8; y++)
		for (uint32_t x = 0; x < 9; x++) {
			uint32_t sx = 8 + x, sy = 19 + y;
			bool filled = sx >= 10 && sx < 15 && sy >= 20 && sy < 26;
			uint32_t expected = filled ? 0x112233 : picture->pixels[sy * 64 + sx];
			CHECK_INT(pixels[(100 + 200 * y) / 4 + x] & KIT_RGB, expected);
		}
	CHECK_INT(pixels[0], 0);
	kit_free(&m->memory, backing, 64 * 48 * 4);
	kit_picture_destroy(picture);
	wire_end(m);
}

static void wrong_transfers(void)
{
	struct kit_machine *m = wire_machine_3d("null");
	struct virtio_gpu_mem_entry entry = { 0x10000, 64 * 48 * 4, 0 };
	struct virtio_gpu_transfer_host_3d good = { .box = { .w = 64, .h = 48, .d = 1 },
		.resource_id = 1 };
	wire_context(m, 1);
	wire_texture(m, 1, 64, 48);
	CHECK_GOOD(m, kit_gpu_ctx_attach(&m->gpu, 1, 1));
	/* without backing */
	CHECK_ERROR(m, kit_gpu_transfer_to_3d(&m->gpu, 1, good));
	CHECK_ERROR(m, kit_gpu_transfer_from_3d(&m->gpu, 1, good));
	CHECK_GOOD(m, kit_gpu_attach(&m->gpu, 1, &entry, 1));
	CHECK_GOOD(m, kit_gpu_transfer_to_3d(&m->gpu, 1, good));
	CHECK_TYPE(m, kit_gpu_transfer_to_3d(&m->gpu, 9, good), CONTEXT);
	struct virtio_gpu_transfer_host_3d wrong[12];
	for (size_t i = 0; i < ARRAY_SIZE(wrong); i++)
		wrong[i] = good;
	wrong[0].resource_id = 2;
	wrong[1].level = 1;
	wrong[2].level = UINT32_MAX;
	wrong[3].box.x = 1;
	wrong[4].box.h = 49;
	wrong[5].box.x = UINT32_MAX;
	wrong[6].box.w = UINT32_MAX;
	wrong[7].box.d = 2;
	wrong[8].box.z = 1;
	wrong[9].offset = 4;
	wrong[10].offset = UINT64_MAX;
	wrong[11].stride = UINT32_MAX - 3;
	for (size_t i = 0; i < ARRAY_SIZE(wrong); i++) {
		int to = kit_gpu_transfer_to_3d(&m->gpu, 1, wrong[i]);
		int from = kit_gpu_transfer_from_3d(&m->gpu, 1, wrong[i]);
		if (to < UNSPEC || from < UNSPEC)
			test_fail(__FILE__, __LINE__, "wrong transfer %zu: %s, %s (%s)", i,
				kit_response_name(to), kit_response_name(from), m->kit.why);
	}
	CHECK_GOOD(m, kit_gpu_transfer_from_3d(&m->gpu, 1, good));
	wire_end(m);
}

/* A 2D resource that contexts use: what was in it is there, what they draw is shown. */
static void resource_2d_in_a_context(void)
{
	struct kit_machine *m = wire_machine_3d("null");
	struct kit_surface s = wire_surface(m, 1, VIRTIO_GPU_FORMAT_B8G8R8X8_UNORM, 64, 48);
	struct kit_picture *picture = wire_pattern(64, 48, 1);
	CHECK_GOOD(m, kit_gpu_set_scanout(&m->gpu, 0, 1, kit_rect(0, 0, 64, 48)));
	wire_show(m, &s, picture);
	CHECK_PICTURE(m, 0, picture);
	wire_context(m, 1);
	CHECK_GOOD(m, kit_gpu_ctx_attach(&m->gpu, 1, 1));
	CHECK_GOOD(m, WIRE_SUBMIT(m, 1, NULL_FILL_RECT, 1, 0x00445566, 1, 2, 3, 4));
	kit_picture_fill(picture, kit_rect(1, 2, 3, 4), 0x445566);
	CHECK_GOOD(m, kit_gpu_flush(&m->gpu, 1, kit_rect(0, 0, 64, 48)));
	CHECK_PICTURE(m, 0, picture);
	/* and 2D commands still work on it */
	kit_picture_pattern(picture, kit_rect(0, 0, 64, 48), 7);
	wire_show(m, &s, picture);
	CHECK_PICTURE(m, 0, picture);
	CHECK_GOOD(m, kit_gpu_ctx_destroy(&m->gpu, 1));
	kit_picture_pattern(picture, kit_rect(0, 0, 64, 48), 8);
	wire_show(m, &s, picture);
	CHECK_PICTURE(m, 0, picture);
	kit_surface_finish(&s);
	kit_picture_destroy(picture);
	wire_end(m);
}

/* Buffers (target 0) have no pixels, but can be transferred. */
static void buffers(void)
{
	struct kit_machine *m = wire_machine_3d("null");
	struct virtio_gpu_resource_create_3d args = { .resource_id = 1,
		.target = 0,
		.format = 64,
		.width = 10000,
		.height = 1,
		.depth = 1,
		.array_size = 1 };
	uint64_t backing = kit_alloc(&m->memory, 10000, 4096);
	uint8_t *bytes = kit_ptr(&m->memory, backing, 10000);
	struct virtio_gpu_mem_entry entry = { backing, 10000, 0 };
	struct virtio_gpu_transfer_host_3d part = {
		.box = { .x = 17, .w = 9000, .h = 1, .d = 1 }, .resource_id = 1, .offset = 17
	};
	wire_context(m, 1);
	CHECK_GOOD(m, kit_gpu_create_3d(&m->gpu, args));
	CHECK_GOOD(m, kit_gpu_attach(&m->gpu, 1, &entry, 1));
	CHECK_GOOD(m, kit_gpu_ctx_attach(&m->gpu, 1, 1));
	for (uint32_t i = 0; i < 10000; i++)
		bytes[i] = (uint8_t)(i * 13);
	CHECK_GOOD(m, kit_gpu_transfer_to_3d(&m->gpu, 1, part));
	memset(bytes, 0, 10000);
	CHECK_GOOD(m, kit_gpu_transfer_from_3d(&m->gpu, 1, part));
	for (uint32_t i = 0; i < 10000; i++)
		CHECK_INT(bytes[i], i >= 17 && i < 9017 ? (uint8_t)(i * 13) : 0);
	CHECK_ERROR(m, kit_gpu_set_scanout(&m->gpu, 0, 1, kit_rect(0, 0, 100, 1)));
	kit_free(&m->memory, backing, 10000);
	wire_end(m);
}

int main(int argc, char **argv)
{
	static const struct test_case cases[] = {
		TEST_CASE(capset_info),
		TEST_CASE(capset),
		TEST_CASE(contexts),
		TEST_CASE(context_names),
		TEST_CASE(contexts_of_old_drivers),
		TEST_CASE(contexts_run_out),
		TEST_CASE(attachments),
		TEST_CASE(streams),
		TEST_CASE(stream_sizes),
		TEST_CASE(large_stream),
		TEST_CASE(many_streams),
		TEST_CASE(create_3d),
		TEST_CASE(transfers),
		TEST_CASE(wrong_transfers),
		TEST_CASE(resource_2d_in_a_context),
		TEST_CASE(buffers),
	};
	return test_main(argc, argv, cases, ARRAY_SIZE(cases));
}
