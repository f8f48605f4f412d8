/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/* Contexts, capability sets, 3D resources and what goes to renderers for them. */
#include "gpu_rig.h"

#include "gpu/context.h"
#include "gpu/resource.h"
#include "gpu/state.h"

static struct gpu_rig rig;

#define OK         VIRTIO_GPU_RESP_OK_NODATA
#define UNSPEC     VIRTIO_GPU_RESP_ERR_UNSPEC
#define NO_MEMORY  VIRTIO_GPU_RESP_ERR_OUT_OF_MEMORY
#define BAD_ID     VIRTIO_GPU_RESP_ERR_INVALID_RESOURCE_ID
#define BAD_CTX    VIRTIO_GPU_RESP_ERR_INVALID_CONTEXT_ID
#define BAD_NUMBER VIRTIO_GPU_RESP_ERR_INVALID_PARAMETER

static void start(uint32_t renderers)
{
	gpu_rig_prepare(&rig, renderers);
	gpu_rig_start(&rig, FEATURES_3D);
}

static const struct virtio_gpu_resp_capset_info *capset_info(uint32_t index)
{
	const struct virtio_gpu_get_capset_info get = {
		.hdr.type = VIRTIO_GPU_CMD_GET_CAPSET_INFO,
		.capset_index = index,
	};
	uint16_t number = gpu_rig_begin(&rig, &get, sizeof(get));
	return (const void *)gpu_rig_answer(&rig, VIRTIO_GPU_QUEUE_CONTROL, number, NULL);
}

static void tells_capsets(void)
{
	start(2);
	static const uint32_t ids[] = { 1, 2, 4 };
	for (uint32_t i = 0; i < ARRAY_SIZE(ids); i++) {
		const struct virtio_gpu_resp_capset_info *info = capset_info(i);
		CHECK_INT(info->hdr.type, VIRTIO_GPU_RESP_OK_CAPSET_INFO);
		CHECK_INT(info->capset_id, ids[i]);
		CHECK_INT(info->capset_max_version, 2);
		CHECK_INT(info->capset_max_size, 100);
		CHECK_INT(info->padding, 0);
	}
	CHECK_INT(capset_info(3)->hdr.type, BAD_NUMBER);
	CHECK_INT(capset_info(UINT32_MAX)->hdr.type, BAD_NUMBER);

	struct virtio_gpu_get_capset get = {
		.hdr.type = VIRTIO_GPU_CMD_GET_CAPSET,
		.capset_id = 4,
		.capset_version = 1,
	};
	uint32_t length;
	uint16_t number = gpu_rig_begin(&rig, &get, sizeof(get));
	const struct virtio_gpu_ctrl_hdr *answer =
		gpu_rig_answer(&rig, VIRTIO_GPU_QUEUE_CONTROL, number, &length);
	CHECK_INT(answer->type, VIRTIO_GPU_RESP_OK_CAPSET);
	CHECK_INT(length, 124);
	for (uint32_t i = 0; i < 100; i++)
		CHECK_INT(((const uint8_t *)(answer + 1))[i], 4);
	number = gpu_rig_send(&rig, VIRTIO_GPU_QUEUE_CONTROL, &get, sizeof(get), 123);
	gpu_rig_run(&rig);
	answer = gpu_rig_answer(&rig, VIRTIO_GPU_QUEUE_CONTROL, number, &length);
	CHECK_INT(answer->type, UNSPEC);
	CHECK_INT(length, 24);
	get.capset_version = 3;
	CHECK_INT(gpu_rig_do(&rig, &get, sizeof(get)), BAD_NUMBER);
	get.capset_version = 1;
	get.capset_id = 3;
	CHECK_INT(gpu_rig_do(&rig, &get, sizeof(get)), BAD_NUMBER);
	gpu_rig_finish(&rig);
}

static void offers_only_allowed_capsets(void)
{
	gpu_rig_prepare(&rig, 2);
	rig.args.capset_mask = 1u << 4;
	gpu_rig_start(&rig, FEATURES_3D);
	CHECK_INT(capset_info(0)->capset_id, 4);
	CHECK_INT(capset_info(1)->hdr.type, BAD_NUMBER);
	CHECK_INT(gpu_rig_ctx_create(&rig, 1, 0), BAD_NUMBER);
	CHECK_INT(gpu_rig_ctx_create(&rig, 1, 2), BAD_NUMBER);
	CHECK_INT(gpu_rig_ctx_create(&rig, 1, 4), OK);
	gpu_rig_finish(&rig);
}

static void routes_contexts(void)
{
	start(2);
	CHECK_INT(gpu_rig_ctx_create(&rig, 0, 0), BAD_CTX);
	CHECK_INT(gpu_rig_ctx_create(&rig, 1, 0), OK);
	CHECK_INT(gpu_rig_ctx_create(&rig, 1, 0), BAD_CTX);
	CHECK_INT(gpu_rig_ctx_create(&rig, 2, 4), OK);
	CHECK_INT(gpu_rig_ctx_create(&rig, 3, 1), OK);
	CHECK_INT(gpu_rig_ctx_create(&rig, 4, 7), BAD_NUMBER);
	CHECK_INT(gpu_rig_ctx_create(&rig, 4, 0x102), BAD_NUMBER);
	struct fake_op *op = fake_expect(rig.fakes[0], FAKE_CONTEXT_CREATE);
	CHECK_INT(op->context_args.capset, 2);
	CHECK_INT(strcmp(op->context_args.name, "te?t"), 0);
	CHECK_INT(fake_expect(rig.fakes[1], FAKE_CONTEXT_CREATE)->context, 2);
	CHECK_INT(fake_expect(rig.fakes[0], FAKE_CONTEXT_CREATE)->context_args.capset, 1);
	CHECK_INT(gpu_rig_ctx_destroy(&rig, 2), OK);
	CHECK_INT(gpu_rig_ctx_destroy(&rig, 2), BAD_CTX);
	CHECK_INT(gpu_rig_submit(&rig, 2, 1), BAD_CTX);
	CHECK_INT(fake_expect(rig.fakes[1], FAKE_CONTEXT_DESTROY)->context, 2);
	gpu_rig_finish(&rig);
}

static void ignores_context_init_unless_chosen(void)
{
	gpu_rig_prepare(&rig, 2);
	gpu_rig_start(&rig, FEATURES_3D & ~FEATURE_BIT(VIRTIO_GPU_F_CONTEXT_INIT));
	CHECK_INT(gpu_rig_ctx_create(&rig, 1, 4), OK);
	CHECK_INT(fake_expect(rig.fakes[0], FAKE_CONTEXT_CREATE)->context_args.capset, 2);
	gpu_rig_finish(&rig);
}

static void forgets_contexts_that_failed(void)
{
	start(1);
	rig.fakes[0]->fail_type = FAKE_CONTEXT_CREATE;
	rig.fakes[0]->fail_status = -ENOMEM;
	CHECK_INT(gpu_rig_ctx_create(&rig, 1, 0), NO_MEMORY);
	CHECK_INT(gpu_rig_submit(&rig, 1, 1), BAD_CTX);
	rig.fakes[0]->at_once = true;
	rig.fakes[0]->fail_status = -EIO;
	CHECK_INT(gpu_rig_ctx_create(&rig, 1, 0), UNSPEC);
	rig.fakes[0]->fail_type = FAKE_NONE;
	CHECK_INT(gpu_rig_ctx_create(&rig, 1, 0), OK);
	gpu_rig_finish(&rig);
}

static void limits_contexts(void)
{
	gpu_rig_prepare(&rig, 1);
	rig.args.limits.contexts = 2;
	gpu_rig_start(&rig, FEATURES_3D);
	for (int round = 0; round < 50; round++) {
		CHECK_INT(gpu_rig_ctx_create(&rig, 7, 0), OK);
		CHECK_INT(gpu_rig_ctx_create(&rig, 8, 0), OK);
		CHECK_INT(gpu_rig_ctx_create(&rig, 9, 0), NO_MEMORY);
		CHECK_INT(gpu_rig_ctx_destroy(&rig, 7), OK);
		CHECK_INT(gpu_rig_ctx_destroy(&rig, 8), OK);
	}
	gpu_rig_finish(&rig);
}

static void judges_numbers_of_3d(void)
{
	static const struct {
		size_t field;
		uint32_t wrong;
	} faults[] = {
		{ offsetof(struct virtio_gpu_resource_create_3d, target), 9 },
		{ offsetof(struct virtio_gpu_resource_create_3d, target), UINT32_MAX },
		{ offsetof(struct virtio_gpu_resource_create_3d, width), 0 },
		{ offsetof(struct virtio_gpu_resource_create_3d, width), 16385 },
		{ offsetof(struct virtio_gpu_resource_create_3d, height), 0 },
		{ offsetof(struct virtio_gpu_resource_create_3d, height), UINT32_MAX },
		{ offsetof(struct virtio_gpu_resource_create_3d, depth), 0 },
		{ offsetof(struct virtio_gpu_resource_create_3d, depth), 16385 },
		{ offsetof(struct virtio_gpu_resource_create_3d, array_size), 0 },
		{ offsetof(struct virtio_gpu_resource_create_3d, array_size), 16385 },
		{ offsetof(struct virtio_gpu_resource_create_3d, last_level), 16 },
		{ offsetof(struct virtio_gpu_resource_create_3d, nr_samples), 65 },
	};
	const struct virtio_gpu_resource_create_3d good = {
		.hdr.type = VIRTIO_GPU_CMD_RESOURCE_CREATE_3D,
		.resource_id = 5,
		.target = 2,
		.width = 16384,
		.height = 16384,
		.depth = 1,
		.array_size = 1,
	};
	start(1);
	for (size_t i = 0; i < ARRAY_SIZE(faults); i++) {
		struct virtio_gpu_resource_create_3d create = good;
		memcpy((uint8_t *)&create + faults[i].field, &faults[i].wrong, sizeof(uint32_t));
		CHECK_INT(gpu_rig_do(&rig, &create, sizeof(create)), BAD_NUMBER);
	}
	CHECK_INT(gpu_rig_create_3d(&rig, 0, 4, 4), BAD_ID);
	CHECK_INT(gpu_rig_do(&rig, &good, sizeof(good)), OK);
	CHECK_INT(gpu_rig_do(&rig, &good, sizeof(good)), BAD_ID);
	CHECK_INT(fake_count(rig.fakes[0], FAKE_RESOURCE_CREATE), 1);
	gpu_rig_finish(&rig);
}

static void tells_a_failed_creation(void)
{
	start(1);
	rig.fakes[0]->fail_type = FAKE_RESOURCE_CREATE;
	rig.fakes[0]->fail_status = -EINVAL;
	CHECK_INT(gpu_rig_create_3d(&rig, 5, 4, 4), BAD_NUMBER);
	CHECK_INT(gpu_rig_unref(&rig, 5), BAD_ID);
	rig.fakes[0]->at_once = true;
	CHECK_INT(gpu_rig_create_3d(&rig, 5, 4, 4), BAD_NUMBER);
	rig.fakes[0]->fail_type = FAKE_NONE;
	CHECK_INT(gpu_rig_create_3d(&rig, 5, 4, 4), OK);
	CHECK_INT(fake_count(rig.fakes[0], FAKE_RESOURCE_UNREF), 0);
	gpu_rig_finish(&rig);
}

/* What a driver sends without waiting after a creation that will fail. */
static void survives_use_of_a_failed_creation(void)
{
	start(1);
	CHECK_INT(gpu_rig_ctx_create(&rig, 1, 0), OK);
	rig.manual = true;
	rig.fakes[0]->fail_type = FAKE_RESOURCE_CREATE;
	rig.fakes[0]->fail_status = -EINVAL;
	const struct virtio_gpu_resource_create_3d create = {
		.hdr.type = VIRTIO_GPU_CMD_RESOURCE_CREATE_3D,
		.resource_id = 5,
		.target = 2,
		.width = 4,
		.height = 4,
		.depth = 1,
		.array_size = 1,
	};
	const struct {
		struct virtio_gpu_resource_attach_backing attach;
		struct virtio_gpu_mem_entry entry;
	} backing = {
		.attach = { .hdr.type = VIRTIO_GPU_CMD_RESOURCE_ATTACH_BACKING,
			.resource_id = 5,
			.nr_entries = 1 },
		.entry = { .addr = GUEST_PAGES, .length = 64 },
	};
	const struct virtio_gpu_ctx_resource attach = {
		.hdr = { .type = VIRTIO_GPU_CMD_CTX_ATTACH_RESOURCE, .ctx_id = 1 },
		.resource_id = 5,
	};
	gpu_rig_begin(&rig, &create, sizeof(create));
	gpu_rig_begin(&rig, &backing, sizeof(backing));
	uint16_t last = gpu_rig_begin(&rig, &attach, sizeof(attach));
	CHECK(!gpu_rig_answer(&rig, VIRTIO_GPU_QUEUE_CONTROL, last, NULL));
	while (fake_finish_one(rig.fakes[0], -EINVAL))
		continue;
	CHECK_INT(gpu_rig_answer(&rig, VIRTIO_GPU_QUEUE_CONTROL, last, NULL)->type, BAD_NUMBER);
	rig.manual = false;
	CHECK_INT(gpu_rig_ctx_detach(&rig, 1, 5), BAD_ID);
	CHECK_INT(rig.device->backing_entries, 0);
	CHECK_INT(rig.device->attachment_count, 0);
	gpu_rig_finish(&rig);
}

static void realises_3d_where_it_is_attached(void)
{
	start(2);
	struct fake *first = rig.fakes[0], *second = rig.fakes[1];
	CHECK_INT(gpu_rig_ctx_create(&rig, 1, 2), OK);
	CHECK_INT(gpu_rig_ctx_create(&rig, 2, 4), OK);
	CHECK_INT(gpu_rig_create_3d(&rig, 5, 4, 4), OK);
	CHECK_INT(gpu_rig_attach_backing(&rig, 5, GUEST_PAGES, 64), OK);
	fake_skip(first);
	fake_skip(second);
	CHECK_INT(gpu_rig_ctx_attach(&rig, 2, 5), OK);
	fake_expect_nothing(first);
	CHECK_INT(fake_expect(second, FAKE_RESOURCE_CREATE)->resource, 5);
	fake_expect(second, FAKE_REGION_ADD);
	CHECK_INT(fake_expect(second, FAKE_SET_BACKING)->length, 64);
	CHECK_INT(fake_expect(second, FAKE_CONTEXT_ATTACH)->context, 2);
	fake_expect_nothing(second);
	CHECK_INT(gpu_rig_ctx_attach(&rig, 2, 5), OK);
	fake_expect_nothing(second);
	CHECK_INT(gpu_rig_ctx_attach(&rig, 1, 5), OK);
	fake_expect(first, FAKE_RESOURCE_CREATE);
	CHECK_INT(gpu_rig_detach_backing(&rig, 5), OK);
	CHECK_INT(fake_expect(second, FAKE_SET_BACKING)->count, 0);
	CHECK_INT(gpu_rig_unref(&rig, 5), OK);
	fake_expect(second, FAKE_CONTEXT_DETACH);
	fake_expect(second, FAKE_RESOURCE_UNREF);
	CHECK_INT(gpu_rig_ctx_attach(&rig, 1, 5), BAD_ID);
	CHECK_INT(gpu_rig_ctx_attach(&rig, 3, 5), BAD_CTX);
	gpu_rig_finish(&rig);
}

static void records_2d_until_it_matters(void)
{
	start(1);
	struct fake *fake = rig.fakes[0];
	CHECK_INT(gpu_rig_ctx_create(&rig, 1, 0), OK);
	CHECK_INT(gpu_rig_create_2d(&rig, 5, 8, 8), OK);
	CHECK_INT(gpu_rig_attach_backing(&rig, 5, GUEST_PAGES, 256), OK);
	fake_skip(fake);
	CHECK_INT(gpu_rig_ctx_attach(&rig, 1, 5), OK);
	CHECK_INT(gpu_rig_transfer_2d(&rig, 5, 8, 8), OK);
	fake_expect_nothing(fake);

	CHECK_INT(gpu_rig_submit(&rig, 1, 0x1234), OK);
	const struct fake_op *create = fake_expect(fake, FAKE_RESOURCE_CREATE);
	CHECK_INT(create->resource_args.target, 2);
	CHECK_INT(create->resource_args.bind, 2);
	CHECK_INT(create->resource_args.flags, 1);
	fake_expect(fake, FAKE_REGION_ADD);
	CHECK_INT(fake_expect(fake, FAKE_SET_BACKING)->length, 256);
	const struct fake_op *upload = fake_expect(fake, FAKE_TRANSFER);
	CHECK_INT(upload->transfer.box.w, 8);
	CHECK_INT(upload->transfer.direction, RENDERER_TO_HOST);
	CHECK_INT(fake_expect(fake, FAKE_CONTEXT_ATTACH)->resource, 5);
	CHECK_INT(fake_expect(fake, FAKE_SUBMIT)->word, 0x1234);
	fake_expect_nothing(fake);

	/* From now on it lives there. */
	CHECK_INT(gpu_rig_transfer_2d(&rig, 5, 8, 8), OK);
	CHECK_INT(fake_expect(fake, FAKE_TRANSFER)->context, 0);
	CHECK_INT(gpu_rig_ctx_detach(&rig, 1, 5), OK);
	fake_expect(fake, FAKE_CONTEXT_DETACH);
	CHECK_INT(gpu_rig_ctx_detach(&rig, 1, 5), OK);
	fake_expect_nothing(fake);
	gpu_rig_finish(&rig);
}

static void realises_2d_for_a_transfer(void)
{
	start(1);
	CHECK_INT(gpu_rig_ctx_create(&rig, 1, 0), OK);
	CHECK_INT(gpu_rig_create_2d(&rig, 5, 8, 8), OK);
	CHECK_INT(gpu_rig_attach_backing(&rig, 5, GUEST_PAGES, 256), OK);
	CHECK_INT(gpu_rig_transfer_3d(&rig, VIRTIO_GPU_CMD_TRANSFER_TO_HOST_3D, 1, 5), BAD_ID);
	CHECK_INT(gpu_rig_ctx_attach(&rig, 1, 5), OK);
	CHECK_INT(gpu_rig_transfer_3d(&rig, VIRTIO_GPU_CMD_TRANSFER_FROM_HOST_3D, 1, 5), OK);
	fake_expect(rig.fakes[0], FAKE_CONTEXT_CREATE);
	fake_expect(rig.fakes[0], FAKE_RESOURCE_CREATE);
	fake_expect(rig.fakes[0], FAKE_REGION_ADD);
	fake_expect(rig.fakes[0], FAKE_SET_BACKING);
	fake_expect(rig.fakes[0], FAKE_TRANSFER);
	fake_expect(rig.fakes[0], FAKE_CONTEXT_ATTACH);
	CHECK_INT(fake_expect(rig.fakes[0], FAKE_TRANSFER)->transfer.direction, RENDERER_FROM_HOST);
	gpu_rig_finish(&rig);
}

/* A context with very many recorded resources does not keep the others waiting, nor fill the
 * ring. */
static void catches_up_in_portions(void)
{
	start(1);
	CHECK_INT(gpu_rig_ctx_create(&rig, 1, 0), OK);
	for (uint32_t id = 1; id <= 3 * GPU_CATCH_UP + 1; id++) {
		CHECK_INT(gpu_rig_create_2d(&rig, id, 8, 8), OK);
		CHECK_INT(gpu_rig_ctx_attach(&rig, 1, id), OK);
	}
	rig.manual = true;
	const struct {
		struct virtio_gpu_cmd_submit submit;
		uint32_t word;
	} submit = {
		.submit = { .hdr = { .type = VIRTIO_GPU_CMD_SUBMIT_3D, .ctx_id = 1 }, .size = 4 },
	};
	const struct virtio_gpu_ctrl_hdr info = { .type = VIRTIO_GPU_CMD_GET_DISPLAY_INFO };
	uint16_t number = gpu_rig_send(&rig, 0, &submit, 36, 24);
	uint16_t next = gpu_rig_send(&rig, 0, &info, sizeof(info), 408);
	CHECK_INT(loop_round(rig.loop, 0), 0);
	CHECK_INT(fake_count(rig.fakes[0], FAKE_RESOURCE_CREATE), GPU_CATCH_UP);
	rig.fakes[0]->no_room = true;
	gpu_rig_run(&rig);
	CHECK_INT(fake_count(rig.fakes[0], FAKE_RESOURCE_CREATE), GPU_CATCH_UP);
	CHECK(!gpu_rig_answer(&rig, 0, next, NULL));
	rig.fakes[0]->no_room = false;
	rig.fakes[0]->base.events->room(rig.fakes[0]->base.events_data, &rig.fakes[0]->base);
	gpu_rig_run(&rig);
	CHECK_INT(fake_count(rig.fakes[0], FAKE_RESOURCE_CREATE), 3 * GPU_CATCH_UP + 1);
	CHECK_INT(fake_count(rig.fakes[0], FAKE_SUBMIT), 1);
	CHECK(gpu_rig_answer(&rig, 0, next, NULL));
	fake_finish(rig.fakes[0]);
	CHECK_INT(gpu_rig_answer(&rig, 0, number, NULL)->type, OK);
	gpu_rig_finish(&rig);
}

static void judges_submits(void)
{
	uint8_t request[REQUEST_ROOM] = { 0 };
	struct virtio_gpu_cmd_submit *submit = (void *)request;
	gpu_rig_prepare(&rig, 1);
	rig.args.limits.submit_bytes = 512;
	gpu_rig_start(&rig, FEATURES_3D);
	CHECK_INT(gpu_rig_submit(&rig, 1, 1), BAD_CTX);
	CHECK_INT(gpu_rig_ctx_create(&rig, 1, 0), OK);
	fake_skip(rig.fakes[0]);
	*submit = (struct virtio_gpu_cmd_submit){
		.hdr = { .type = VIRTIO_GPU_CMD_SUBMIT_3D, .ctx_id = 1 },
	};
	CHECK_INT(gpu_rig_do(&rig, request, 32), OK);
	static const struct {
		uint32_t size, fences, bytes, result;
	} cases[] = {
		{ 3, 0, 3, BAD_NUMBER },
		{ 8, 0, 7, BAD_NUMBER },
		{ 516, 0, 516, NO_MEMORY },
		{ UINT32_MAX, 0, 100, BAD_NUMBER },
		{ 0xfffffffc, 0, 100, NO_MEMORY },
		{ 4, 65, 900, BAD_NUMBER },
		{ 4, UINT32_MAX, 900, BAD_NUMBER },
		{ 4, 1, 4, BAD_NUMBER },
		{ 4, 1, 11, BAD_NUMBER },
		{ 0, 1, 7, BAD_NUMBER },
	};
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		submit->size = cases[i].size;
		submit->num_in_fences = cases[i].fences;
		CHECK_INT(gpu_rig_do(&rig, request, 32 + cases[i].bytes), cases[i].result);
	}
	fake_expect_nothing(rig.fakes[0]);
	submit->size = 8;
	submit->num_in_fences = 64;
	memset(request + 32 + 512, 0x5a, 8);
	CHECK_INT(gpu_rig_do(&rig, request, 32 + 520), OK);
	const struct fake_op *op = fake_expect(rig.fakes[0], FAKE_SUBMIT);
	CHECK_INT(op->count, 8);
	CHECK_INT(op->word, 0x5a5a5a5a);
	gpu_rig_finish(&rig);
}

static void passes_errors_on(void)
{
	static const struct {
		int status;
		uint32_t result;
	} cases[] = {
		{ -ENOMEM, NO_MEMORY },
		{ -EINVAL, BAD_NUMBER },
		{ -EIO, UNSPEC },
		{ -EOPNOTSUPP, UNSPEC },
		{ -ECONNRESET, UNSPEC },
	};
	start(1);
	CHECK_INT(gpu_rig_ctx_create(&rig, 1, 0), OK);
	rig.fakes[0]->fail_type = FAKE_SUBMIT;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		rig.fakes[0]->fail_status = cases[i].status;
		rig.fakes[0]->at_once = i % 2;
		CHECK_INT(gpu_rig_submit(&rig, 1, 1), cases[i].result);
	}
	gpu_rig_finish(&rig);
}

static uint32_t transfer_box(const struct virtio_gpu_box *box, uint32_t level)
{
	const struct virtio_gpu_transfer_host_3d transfer = {
		.hdr = { .type = VIRTIO_GPU_CMD_TRANSFER_TO_HOST_3D, .ctx_id = 1 },
		.box = *box,
		.resource_id = 5,
		.level = level,
		.stride = 77,
		.layer_stride = 88,
		.offset = 99,
	};
	return gpu_rig_do(&rig, &transfer, sizeof(transfer));
}

static void judges_boxes(void)
{
	static const struct virtio_gpu_box bad[] = {
		{ .w = 0, .h = 1, .d = 1 },
		{ .w = 1, .h = 0, .d = 1 },
		{ .w = 1, .h = 1, .d = 0 },
		{ .w = 33, .h = 1, .d = 1 },
		{ .x = UINT32_MAX, .w = 2, .h = 1, .d = 1 },
		{ .y = 32, .w = 1, .h = 1, .d = 1 },
		{ .z = 1, .w = 1, .h = 1, .d = 1 },
		{ .w = UINT32_MAX, .h = UINT32_MAX, .d = UINT32_MAX },
	};
	const struct virtio_gpu_box good = { .x = 1, .y = 2, .w = 31, .h = 30, .d = 1 };
	start(1);
	CHECK_INT(gpu_rig_ctx_create(&rig, 1, 0), OK);
	CHECK_INT(gpu_rig_create_3d(&rig, 5, 32, 32), OK);
	CHECK_INT(gpu_rig_ctx_attach(&rig, 1, 5), OK);
	CHECK_INT(transfer_box(&good, 0), UNSPEC);
	CHECK_INT(gpu_rig_attach_backing(&rig, 5, GUEST_PAGES, 8192), OK);
	fake_skip(rig.fakes[0]);
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		CHECK_INT(transfer_box(&bad[i], 0), BAD_NUMBER);
	CHECK_INT(transfer_box(&good, 1), BAD_NUMBER);
	CHECK_INT(transfer_box(&good, UINT32_MAX), BAD_NUMBER);
	fake_expect_nothing(rig.fakes[0]);
	CHECK_INT(transfer_box(&good, 0), OK);
	const struct fake_op *op = fake_expect(rig.fakes[0], FAKE_TRANSFER);
	CHECK_INT(op->transfer.context, 1);
	CHECK_INT(op->transfer.stride, 77);
	CHECK_INT(op->transfer.layer_stride, 88);
	CHECK_INT(op->transfer.offset, 99);
	CHECK_INT(op->transfer.box.h, 30);
	gpu_rig_finish(&rig);
}

int main(int argc, char **argv)
{
	static const struct test_case cases[] = {
		TEST_CASE(tells_capsets),
		TEST_CASE(offers_only_allowed_capsets),
		TEST_CASE(routes_contexts),
		TEST_CASE(ignores_context_init_unless_chosen),
		TEST_CASE(forgets_contexts_that_failed),
		TEST_CASE(limits_contexts),
		TEST_CASE(judges_numbers_of_3d),
		TEST_CASE(tells_a_failed_creation),
		TEST_CASE(survives_use_of_a_failed_creation),
		TEST_CASE(realises_3d_where_it_is_attached),
		TEST_CASE(records_2d_until_it_matters),
		TEST_CASE(realises_2d_for_a_transfer),
		TEST_CASE(catches_up_in_portions),
		TEST_CASE(judges_submits),
		TEST_CASE(passes_errors_on),
		TEST_CASE(judges_boxes),
	};
	return test_main(argc, argv, cases, ARRAY_SIZE(cases));
}
