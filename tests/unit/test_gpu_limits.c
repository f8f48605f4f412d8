/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/* What a guest may take: up to the limit, not one more, and again what it has given back. */
#include "gpu_rig.h"

#include "gpu/limits.h"
#include "gpu/resource.h"
#include "gpu/state.h"

static struct gpu_rig rig;

#define OK        VIRTIO_GPU_RESP_OK_NODATA
#define NO_MEMORY VIRTIO_GPU_RESP_ERR_OUT_OF_MEMORY

#define ON_RING (VIRTIO_GPU_FLAG_FENCE | VIRTIO_GPU_FLAG_INFO_RING_IDX)

#define ROUNDS 20

/* --- attachments --------------------------------------------------------------------------- */

static void attachments(void)
{
	gpu_rig_prepare(&rig, 1);
	rig.args.limits.attachments = 5;
	gpu_rig_start(&rig, FEATURES_3D);
	CHECK_INT(gpu_rig_create_2d(&rig, 5, 8, 8), OK);
	CHECK_INT(gpu_rig_create_3d(&rig, 6, 8, 8), OK);
	for (uint32_t ctx = 1; ctx <= 4; ctx++)
		CHECK_INT(gpu_rig_ctx_create(&rig, ctx, 0), OK);
	for (int round = 0; round < ROUNDS; round++) {
		for (uint32_t i = 0; i < 5; i++)
			CHECK_INT(gpu_rig_ctx_attach(&rig, 1 + i / 2, 5 + i % 2), OK);
		CHECK_INT(gpu_rig_ctx_attach(&rig, 3, 6), NO_MEMORY);
		CHECK_INT(gpu_rig_ctx_attach(&rig, 4, 5), NO_MEMORY);
		/* What is attached already is no further one. */
		CHECK_INT(gpu_rig_ctx_attach(&rig, 3, 5), OK);
		CHECK_INT(gpu_rig_ctx_detach(&rig, 1, 6), OK);
		CHECK_INT(gpu_rig_ctx_attach(&rig, 4, 6), OK);
		CHECK_INT(gpu_rig_ctx_attach(&rig, 3, 6), NO_MEMORY);
		for (uint32_t i = 0; i < 8; i++)
			CHECK_INT(gpu_rig_ctx_detach(&rig, 1 + i / 2, 5 + i % 2), OK);
		CHECK_INT(rig.device->attachment_count, 0);
	}
	for (uint32_t ctx = 1; ctx <= 3; ctx++)
		CHECK_INT(gpu_rig_ctx_attach(&rig, ctx, 5), OK);
	CHECK_INT(gpu_rig_unref(&rig, 5), OK);
	CHECK_INT(rig.device->attachment_count, 0);
	gpu_rig_finish(&rig);
}

/* --- fences -------------------------------------------------------------------------------- */

static void start_fences(uint32_t limit)
{
	gpu_rig_prepare(&rig, 1);
	rig.args.limits.fences = limit;
	gpu_rig_start(&rig, FEATURES_3D);
	CHECK_INT(gpu_rig_ctx_create(&rig, 1, 0), OK);
	CHECK_INT(gpu_rig_ctx_create(&rig, 2, 0), OK);
	rig.manual = true;
}

static void finish_fences(void)
{
	rig.manual = false;
	gpu_rig_run(&rig);
	CHECK_INT(rig.device->fence_count, 0);
	gpu_rig_finish(&rig);
}

static const struct virtio_gpu_ctrl_hdr *answer_to(uint16_t number)
{
	return gpu_rig_answer(&rig, VIRTIO_GPU_QUEUE_CONTROL, number, NULL);
}

static uint16_t begin_on_ring(uint32_t ctx, uint8_t ring, uint64_t fence)
{
	const struct virtio_gpu_cmd_submit submit = {
		.hdr = { .type = VIRTIO_GPU_CMD_SUBMIT_3D,
			.flags = ON_RING,
			.fence_id = fence,
			.ctx_id = ctx,
			.ring_idx = ring },
	};
	return gpu_rig_begin(&rig, &submit, sizeof(submit));
}

static void fences(void)
{
	start_fences(3);
	for (int round = 0; round < ROUNDS; round++) {
		uint16_t numbers[3];
		for (uint32_t i = 0; i < 3; i++)
			numbers[i] = gpu_rig_begin_submit(&rig, 1, i + 1);
		CHECK_INT(rig.device->fence_count, 3);
		/* Nobody is before it on its timeline: it is refused at once. */
		uint32_t asked = fake_count(rig.fakes[0], FAKE_FENCE);
		uint16_t refused = begin_on_ring(2, 7, 9);
		CHECK_INT(answer_to(refused)->type, NO_MEMORY);
		CHECK_INT(answer_to(refused)->flags, ON_RING);
		CHECK_INT(answer_to(refused)->fence_id, 9);
		/* Without a fence everything goes on. */
		CHECK(!answer_to(gpu_rig_begin_submit(&rig, 2, 0)));
		CHECK_INT(gpu_rig_create_2d(&rig, 5, 8, 8), OK);
		CHECK_INT(gpu_rig_unref(&rig, 5), OK);
		CHECK_INT(fake_count(rig.fakes[0], FAKE_FENCE), asked);

		fake_finish(rig.fakes[0]);
		for (uint32_t i = 0; i < 3; i++)
			CHECK_INT(answer_to(numbers[i])->type, OK);
		CHECK_INT(answer_to(begin_on_ring(2, 7, 10))->type, OK);
		fake_skip(rig.fakes[0]);
		rig.fakes[0]->count = rig.fakes[0]->next = 0;
	}
	finish_fences();
}

/* The answer to a refused one does not overtake those before it; it is not counted. */
static void refused_fences_keep_their_place(void)
{
	start_fences(1);
	uint16_t first = gpu_rig_begin_submit(&rig, 1, 1);
	uint16_t refused[5];
	for (uint32_t i = 0; i < ARRAY_SIZE(refused); i++) {
		refused[i] = gpu_rig_begin_submit(&rig, 1, 2 + i);
		CHECK(!answer_to(refused[i]));
	}
	CHECK_INT(fake_count(rig.fakes[0], FAKE_SUBMIT), 1);
	CHECK_INT(rig.device->fence_count, 1);
	fake_finish(rig.fakes[0]);
	CHECK_INT(answer_to(first)->type, OK);
	for (uint32_t i = 0; i < ARRAY_SIZE(refused); i++) {
		CHECK_INT(answer_to(refused[i])->type, NO_MEMORY);
		CHECK_INT(answer_to(refused[i])->fence_id, 2 + i);
	}
	finish_fences();
}

/* What is given up does not count any more. */
static void fences_that_are_given_up(void)
{
	start_fences(2);
	for (int round = 0; round < ROUNDS; round++) {
		gpu_rig_begin_submit(&rig, 1, 1);
		gpu_rig_begin_submit(&rig, 1, 2);
		gpu_rig_begin_submit(&rig, 1, 3);
		CHECK_INT(rig.device->fence_count, 2);
		gpu_commands_abort(rig.device, VIRTIO_GPU_QUEUE_CONTROL);
		CHECK_INT(rig.device->fence_count, 0);
		fake_finish(rig.fakes[0]);
	}
	gpu_rig_begin_submit(&rig, 1, 4);
	gpu_device_impl.reset(rig.device);
	CHECK_INT(rig.device->fence_count, 0);
	finish_fences();
}

/* Fenced cursor commands wait for nothing, and ones that cannot be are refused for that. */
static void fences_that_do_not_count(void)
{
	start_fences(1);
	uint16_t first = gpu_rig_begin_submit(&rig, 1, 1);
	const struct virtio_gpu_update_cursor move = {
		.hdr = { .type = VIRTIO_GPU_CMD_MOVE_CURSOR, .flags = VIRTIO_GPU_FLAG_FENCE },
	};
	uint16_t number = gpu_rig_send(&rig, VIRTIO_GPU_QUEUE_CURSOR, &move, sizeof(move), 24);
	gpu_rig_run(&rig);
	CHECK_INT(gpu_rig_answer(&rig, VIRTIO_GPU_QUEUE_CURSOR, number, NULL)->type, OK);
	CHECK_INT(answer_to(begin_on_ring(3, 0, 1))->type, VIRTIO_GPU_RESP_ERR_INVALID_PARAMETER);
	CHECK_INT(answer_to(begin_on_ring(1, 64, 1))->type, VIRTIO_GPU_RESP_ERR_INVALID_PARAMETER);
	fake_finish(rig.fakes[0]);
	CHECK_INT(answer_to(first)->type, OK);
	finish_fences();
}

/* --- memory in renderers ------------------------------------------------------------------- */

static void start_memory(uint32_t renderers, uint64_t limit)
{
	gpu_rig_prepare(&rig, renderers);
	rig.args.limits.renderer_bytes = limit;
	gpu_rig_start(&rig, FEATURES_3D);
}

static void renderer_memory(void)
{
	start_memory(1, 4 * 64 * 64 * 3);
	for (int round = 0; round < ROUNDS; round++) {
		for (uint32_t id = 1; id <= 3; id++)
			CHECK_INT(gpu_rig_create_3d(&rig, id, 64, 64), OK);
		uint32_t created = fake_count(rig.fakes[0], FAKE_RESOURCE_CREATE);
		CHECK_INT(gpu_rig_create_3d(&rig, 4, 1, 1), NO_MEMORY);
		CHECK_INT(fake_count(rig.fakes[0], FAKE_RESOURCE_CREATE), created);
		CHECK_INT(rig.device->resource_count, 3);
		CHECK_INT(gpu_rig_unref(&rig, 2), OK);
		CHECK_INT(gpu_rig_create_3d(&rig, 4, 64, 65), NO_MEMORY);
		CHECK_INT(gpu_rig_create_3d(&rig, 4, 64, 64), OK);
		CHECK_INT(gpu_rig_unref(&rig, 1), OK);
		CHECK_INT(gpu_rig_unref(&rig, 3), OK);
		CHECK_INT(gpu_rig_unref(&rig, 4), OK);
		CHECK_INT(rig.device->renderer_bytes, 0);
	}
	gpu_rig_finish(&rig);
}

/* A 2D resource counts as soon as a context really uses it. */
static void renderer_memory_of_2d(void)
{
	start_memory(1, 4 * 8 * 8 * 2);
	CHECK_INT(gpu_rig_ctx_create(&rig, 1, 0), OK);
	for (uint32_t id = 1; id <= 3; id++) {
		CHECK_INT(gpu_rig_create_2d(&rig, id, 8, 8), OK);
		CHECK_INT(gpu_rig_ctx_attach(&rig, 1, id), OK);
	}
	CHECK_INT(rig.device->renderer_bytes, 0);
	CHECK_INT(gpu_rig_submit(&rig, 1, 1), OK);
	CHECK_INT(rig.device->renderer_bytes, 4 * 8 * 8 * 2);
	CHECK_INT(fake_count(rig.fakes[0], FAKE_RESOURCE_CREATE), 2);
	CHECK_INT(gpu_rig_unref(&rig, 1), OK);
	CHECK_INT(gpu_rig_ctx_attach(&rig, 1, 3), OK);
	CHECK_INT(gpu_rig_submit(&rig, 1, 1), OK);
	CHECK_INT(fake_count(rig.fakes[0], FAKE_RESOURCE_CREATE), 3);
	CHECK_INT(rig.device->renderer_bytes, 4 * 8 * 8 * 2);
	gpu_device_impl.reset(rig.device);
	CHECK_INT(rig.device->renderer_bytes, 0);
	gpu_rig_finish(&rig);
}

/* A blob of guest memory takes none of a renderer's. */
static void renderer_memory_of_blobs(void)
{
	gpu_rig_prepare(&rig, 1);
	rig.args.limits.renderer_bytes = 0;
	gpu_rig_start(&rig, FEATURES_3D | FEATURE_BIT(VIRTIO_GPU_F_RESOURCE_BLOB));
	CHECK_INT(gpu_rig_ctx_create(&rig, 1, 0), OK);
	CHECK_INT(gpu_rig_create_blob(&rig, 5, 1 << 20, GUEST_PAGES), OK);
	CHECK_INT(gpu_rig_ctx_attach(&rig, 1, 5), OK);
	CHECK_INT(gpu_rig_submit(&rig, 1, 1), OK);
	CHECK(!list_empty(&gpu_resource_find(rig.device, 5)->realisations));
	CHECK_INT(rig.device->renderer_bytes, 0);
	CHECK_INT(gpu_rig_create_3d(&rig, 6, 1, 1), NO_MEMORY);
	gpu_rig_finish(&rig);
}

/* With several renderers it counts in each that it is attached in. */
static void renderer_memory_of_two(void)
{
	start_memory(2, 4 * 8 * 8);
	CHECK_INT(gpu_rig_ctx_create(&rig, 1, 1), OK);
	CHECK_INT(gpu_rig_ctx_create(&rig, 2, 4), OK);
	CHECK_INT(gpu_rig_create_3d(&rig, 5, 8, 8), OK);
	CHECK_INT(rig.device->renderer_bytes, 0);
	CHECK_INT(gpu_rig_ctx_attach(&rig, 1, 5), OK);
	CHECK_INT(gpu_rig_ctx_attach(&rig, 2, 5), NO_MEMORY);
	CHECK_INT(rig.device->attachment_count, 1);
	CHECK_INT(gpu_rig_unref(&rig, 5), OK);
	CHECK_INT(gpu_rig_create_3d(&rig, 5, 8, 8), OK);
	CHECK_INT(gpu_rig_ctx_attach(&rig, 2, 5), OK);
	gpu_rig_finish(&rig);
}

/* Neither what the renderer could not make nor what went with it counts. */
static void renderer_memory_that_is_gone(void)
{
	start_memory(1, 4 * 8 * 8);
	rig.fakes[0]->fail_type = FAKE_RESOURCE_CREATE;
	rig.fakes[0]->fail_status = -EINVAL;
	CHECK_INT(gpu_rig_create_3d(&rig, 5, 8, 8), VIRTIO_GPU_RESP_ERR_INVALID_PARAMETER);
	CHECK_INT(rig.device->renderer_bytes, 0);
	rig.fakes[0]->fail_type = FAKE_NONE;
	CHECK_INT(gpu_rig_create_3d(&rig, 5, 8, 8), OK);
	CHECK_INT(rig.device->renderer_bytes, 4 * 8 * 8);
	fake_lose(rig.fakes[0]);
	rig.fakes[0] = NULL;
	gpu_rig_run(&rig);
	CHECK_INT(rig.device->renderer_bytes, 0);
	gpu_rig_finish(&rig);
}

/* --- what a resource comes to -------------------------------------------------------------- */

#define ASTC_10x8 289u
#define RGBA32    31u

static void footprints(void)
{
	static const struct {
		struct renderer_resource_args args; /* depth and array_size: 1 where 0 */
		uint64_t bytes;
	} cases[] = {
		{ { .target = GPU_TARGET_2D, .format = 1, .width = 1920, .height = 1080 },
			1920 * 1080 * 4 },
		/* a buffer has no pixels */
		{ { .target = GPU_TARGET_BUFFER, .format = RGBA32, .width = 1u << 31 },
			UINT64_C(1) << 31 },
		{ { .target = GPU_TARGET_BUFFER, .format = 64, .width = 1 }, 1 },
		/* formats */
		{ { .target = GPU_TARGET_2D, .format = 28, .width = 3, .height = 5 }, 15 * 4 },
		{ { .target = GPU_TARGET_2D, .format = 29, .width = 3, .height = 5 }, 15 * 8 },
		{ { .target = GPU_TARGET_2D, .format = 30, .width = 3, .height = 5 }, 15 * 12 },
		{ { .target = GPU_TARGET_2D, .format = RGBA32, .width = 3, .height = 5 }, 15 * 16 },
		{ { .target = GPU_TARGET_2D, .format = 47, .width = 3, .height = 5 }, 15 * 16 },
		{ { .target = GPU_TARGET_2D, .format = 48, .width = 3, .height = 5 }, 15 * 2 },
		{ { .target = GPU_TARGET_2D, .format = 94, .width = 3, .height = 5 }, 15 * 8 },
		{ { .target = GPU_TARGET_2D, .format = 177, .width = 3, .height = 5 }, 15 },
		{ { .target = GPU_TARGET_2D, .format = 184, .width = 3, .height = 5 }, 15 * 4 },
		{ { .target = GPU_TARGET_2D, .format = 16, .width = 3, .height = 5 }, 15 * 2 },
		{ { .target = GPU_TARGET_2D, .format = 126, .width = 3, .height = 5 }, 15 * 8 },
		/* blocks: S3TC of 4 x 4, ASTC of 10 x 8 */
		{ { .target = GPU_TARGET_2D, .format = 105, .width = 8, .height = 8 }, 4 * 8 },
		{ { .target = GPU_TARGET_2D, .format = 105, .width = 9, .height = 1 }, 3 * 8 },
		{ { .target = GPU_TARGET_2D, .format = 108, .width = 1, .height = 1 }, 16 },
		{ { .target = GPU_TARGET_2D, .format = ASTC_10x8, .width = 20, .height = 17 },
			2 * 3 * 16 },
		/* levels: 4 x 2, 2 x 1, 1 x 1, 1 x 1 */
		{ { .target = GPU_TARGET_2D,
			  .format = 1,
			  .width = 4,
			  .height = 2,
			  .last_level = 3 },
			(8 + 2 + 1 + 1) * 4 },
		/* a depth gets smaller, layers do not */
		{ { .target = GPU_TARGET_3D,
			  .format = 1,
			  .width = 4,
			  .height = 4,
			  .depth = 4,
			  .last_level = 2 },
			(64 + 8 + 1) * 4 },
		{ { .target = GPU_TARGET_2D_ARRAY,
			  .format = 1,
			  .width = 4,
			  .height = 4,
			  .array_size = 4,
			  .last_level = 2 },
			(16 + 4 + 1) * 4 * 4 },
		{ { .target = GPU_TARGET_CUBE,
			  .format = 1,
			  .width = 4,
			  .height = 4,
			  .array_size = 6 },
			16 * 4 * 6 },
		{ { .target = GPU_TARGET_2D,
			  .format = 1,
			  .width = 4,
			  .height = 4,
			  .nr_samples = 8 },
			16 * 4 * 8 },
		{ { .target = GPU_TARGET_2D,
			  .format = 1,
			  .width = 4,
			  .height = 4,
			  .nr_samples = 1 },
			16 * 4 },
		/* what is not known is large */
		{ { .target = GPU_TARGET_2D, .format = 0, .width = 1, .height = 1 }, 32 },
		{ { .target = GPU_TARGET_2D, .format = UINT32_MAX, .width = 1, .height = 1 }, 32 },
		{ { .target = GPU_TARGET_2D, .format = 443, .width = 1, .height = 1 }, 32 },
		/* the largest there are */
		{ { .target = GPU_TARGET_3D,
			  .format = RGBA32,
			  .width = 16384,
			  .height = 16384,
			  .depth = 16384,
			  .array_size = 16384,
			  .nr_samples = 64 },
			UINT64_C(1) << 52 },
		{ { .target = GPU_TARGET_2D_ARRAY,
			  .format = RGBA32,
			  .width = UINT32_MAX,
			  .height = UINT32_MAX,
			  .array_size = UINT32_MAX,
			  .last_level = 15,
			  .nr_samples = 64 },
			UINT64_MAX },
	};
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct renderer_resource_args args = cases[i].args;
		args.height = max_u32(args.height, 1);
		args.depth = max_u32(args.depth, 1);
		args.array_size = max_u32(args.array_size, 1);
		uint64_t bytes = gpu_footprint(&args);
		if (bytes != cases[i].bytes)
			test_fail(__FILE__, __LINE__, "case %zu: %llu bytes, not %llu", i,
				(unsigned long long)bytes, (unsigned long long)cases[i].bytes);
	}
}

/* Sizes that are fit to overflow are refused, not made small. */
static void impossible_sizes(void)
{
	gpu_rig_prepare(&rig, 1);
	gpu_rig_start(&rig, FEATURES_3D);
	const struct virtio_gpu_resource_create_3d request = {
		.hdr.type = VIRTIO_GPU_CMD_RESOURCE_CREATE_3D,
		.resource_id = 1,
		.target = GPU_TARGET_CUBE_ARRAY,
		.format = RGBA32,
		.width = 16384,
		.height = 16384,
		.depth = 1,
		.array_size = 16384,
		.last_level = 14,
		.nr_samples = 64,
	};
	CHECK_INT(gpu_rig_do(&rig, &request, sizeof(request)), NO_MEMORY);
	CHECK_INT(rig.device->resource_count, 0);
	CHECK_INT(rig.device->renderer_bytes, 0);
	gpu_rig_finish(&rig);
}

static void sums_do_not_wrap(void)
{
	CHECK(gpu_limit_allows(0, 0, 0, "x"));
	CHECK(gpu_limit_allows(3, 2, 5, "x"));
	CHECK(!gpu_limit_allows(3, 3, 5, "x"));
	CHECK(!gpu_limit_allows(1, UINT64_MAX, UINT64_MAX, "x"));
	CHECK(!gpu_limit_allows(UINT64_MAX, 1, 5, "x"));
	CHECK(gpu_limit_allows(0, UINT64_MAX, UINT64_MAX, "x"));
}

int main(int argc, char **argv)
{
	static const struct test_case cases[] = {
		TEST_CASE(attachments),
		TEST_CASE(fences),
		TEST_CASE(refused_fences_keep_their_place),
		TEST_CASE(fences_that_are_given_up),
		TEST_CASE(fences_that_do_not_count),
		TEST_CASE(renderer_memory),
		TEST_CASE(renderer_memory_of_2d),
		TEST_CASE(renderer_memory_of_blobs),
		TEST_CASE(renderer_memory_of_two),
		TEST_CASE(renderer_memory_that_is_gone),
		TEST_CASE(footprints),
		TEST_CASE(impossible_sizes),
		TEST_CASE(sums_do_not_wrap),
	};
	return test_main(argc, argv, cases, ARRAY_SIZE(cases));
}
