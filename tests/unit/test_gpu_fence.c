/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/* Fences: on which timeline, in which order, and what happens to them when things end early. */
#include "gpu_rig.h"

#include "gpu/context.h"
#include "gpu/state.h"

static struct gpu_rig rig;

#define OK     VIRTIO_GPU_RESP_OK_NODATA
#define UNSPEC VIRTIO_GPU_RESP_ERR_UNSPEC

#define ON_RING (VIRTIO_GPU_FLAG_FENCE | VIRTIO_GPU_FLAG_INFO_RING_IDX)

static void start(uint32_t contexts)
{
	gpu_rig_prepare(&rig, 1);
	gpu_rig_start(&rig, FEATURES_3D);
	for (uint32_t ctx = 1; ctx <= contexts; ctx++)
		CHECK_INT(gpu_rig_ctx_create(&rig, ctx, 0), OK);
	fake_skip(rig.fakes[0]);
	rig.manual = true;
}

static void finish(void)
{
	rig.manual = false;
	gpu_rig_finish(&rig);
}

static const struct virtio_gpu_ctrl_hdr *answer_to(uint16_t number)
{
	return gpu_rig_answer(&rig, VIRTIO_GPU_QUEUE_CONTROL, number, NULL);
}

/* An empty submit: done by the device alone. */
static uint16_t begin_empty(uint32_t ctx, uint32_t flags, uint8_t ring, uint64_t fence)
{
	const struct virtio_gpu_cmd_submit submit = {
		.hdr = { .type = VIRTIO_GPU_CMD_SUBMIT_3D,
			.flags = flags,
			.fence_id = fence,
			.ctx_id = ctx,
			.ring_idx = ring },
	};
	return gpu_rig_begin(&rig, &submit, sizeof(submit));
}

static uint16_t begin_on_ring(uint32_t ctx, uint8_t ring, uint64_t fence)
{
	const struct {
		struct virtio_gpu_cmd_submit submit;
		uint32_t word;
	} request = {
		.submit = {
			.hdr = { .type = VIRTIO_GPU_CMD_SUBMIT_3D, .flags = ON_RING,
				.fence_id = fence, .ctx_id = ctx, .ring_idx = ring },
			.size = 4,
		},
	};
	return gpu_rig_begin(&rig, &request, sizeof(struct virtio_gpu_cmd_submit) + 4);
}

static void waits_for_work_and_fence(void)
{
	start(1);
	uint16_t plain = gpu_rig_begin_submit(&rig, 1, 0);
	uint16_t fenced = gpu_rig_begin_submit(&rig, 1, 9);
	fake_expect(rig.fakes[0], FAKE_SUBMIT);
	fake_expect(rig.fakes[0], FAKE_SUBMIT);
	const struct fake_op *fence = fake_expect(rig.fakes[0], FAKE_FENCE);
	CHECK_INT(fence->context, 0);
	CHECK_INT(fence->ring, RENDERER_GLOBAL_RING);
	CHECK(!answer_to(plain));
	CHECK(fake_finish_one(rig.fakes[0], 0));
	CHECK_INT(answer_to(plain)->type, OK);
	CHECK(fake_finish_one(rig.fakes[0], 0));
	CHECK(!answer_to(fenced));
	CHECK(fake_finish_one(rig.fakes[0], 0));
	CHECK_INT(answer_to(fenced)->type, OK);
	CHECK_INT(answer_to(fenced)->fence_id, 9);
	finish();
}

static void answers_in_order(void)
{
	start(2);
	uint16_t first = gpu_rig_begin_submit(&rig, 1, 5);
	uint16_t second = begin_empty(2, VIRTIO_GPU_FLAG_FENCE, 0, 6);
	uint16_t third = begin_empty(2, VIRTIO_GPU_FLAG_FENCE, 0, 4);
	uint16_t unfenced = begin_empty(2, 0, 0, 0);
	uint16_t other = begin_empty(2, ON_RING, 0, 1);
	CHECK(answer_to(unfenced) && answer_to(other));
	CHECK(!answer_to(first) && !answer_to(second) && !answer_to(third));
	fake_finish(rig.fakes[0]);
	CHECK(answer_to(first) && answer_to(second) && answer_to(third));
	finish();
}

static void keeps_rings_apart(void)
{
	start(2);
	uint16_t a = begin_on_ring(1, 0, 1);
	uint16_t b = begin_on_ring(1, 63, 1);
	uint16_t c = begin_on_ring(2, 63, 1);
	uint16_t d = begin_empty(1, ON_RING, 63, 2);
	fake_expect(rig.fakes[0], FAKE_SUBMIT);
	CHECK_INT(fake_expect(rig.fakes[0], FAKE_FENCE)->ring, 0);
	fake_expect(rig.fakes[0], FAKE_SUBMIT);
	CHECK_INT(fake_expect(rig.fakes[0], FAKE_FENCE)->ring, 63);
	fake_expect(rig.fakes[0], FAKE_SUBMIT);
	CHECK_INT(fake_expect(rig.fakes[0], FAKE_FENCE)->context, 2);
	fake_finish_work(rig.fakes[0]);
	CHECK(!answer_to(a) && !answer_to(b) && !answer_to(c) && !answer_to(d));
	/* The fences, the last one first. */
	struct fake_op *ops = rig.fakes[0]->ops;
	for (uint32_t i = rig.fakes[0]->count; i-- > 0;) {
		struct renderer_call *call = ops[i].call;
		ops[i].call = NULL;
		if (!call)
			continue;
		call->done(call, 0, NULL);
		if (ops[i].context == 2)
			CHECK(answer_to(c) && !answer_to(b));
		else if (ops[i].ring == 63)
			CHECK(answer_to(b) && answer_to(d) && !answer_to(a));
	}
	CHECK(answer_to(a));
	CHECK_INT(answer_to(d)->flags, ON_RING);
	CHECK_INT(answer_to(d)->ring_idx, 63);
	CHECK_INT(answer_to(d)->ctx_id, 1);
	finish();
}

static void refuses_rings_that_are_not(void)
{
	start(1);
	static const struct {
		uint32_t ctx, flags;
		uint8_t ring;
	} wrong[] = {
		{ 1, ON_RING, 64 },
		{ 1, ON_RING, 255 },
		{ 2, ON_RING, 0 },
		{ 0, ON_RING, 0 },
		{ 1, VIRTIO_GPU_FLAG_INFO_RING_IDX, 64 },
	};
	for (size_t i = 0; i < ARRAY_SIZE(wrong); i++) {
		uint16_t number = begin_empty(wrong[i].ctx, wrong[i].flags, wrong[i].ring, 3);
		CHECK_INT(answer_to(number)->type, VIRTIO_GPU_RESP_ERR_INVALID_PARAMETER);
	}
	CHECK_INT(answer_to(begin_empty(1, VIRTIO_GPU_FLAG_INFO_RING_IDX, 63, 3))->type, OK);
	CHECK_INT(answer_to(begin_empty(1, VIRTIO_GPU_FLAG_FENCE, 255, 3))->type, OK);
	gpu_device_impl.set_features(
		rig.device, FEATURES_3D & ~FEATURE_BIT(VIRTIO_GPU_F_CONTEXT_INIT));
	CHECK_INT(answer_to(begin_empty(1, ON_RING, 0, 3))->type,
		VIRTIO_GPU_RESP_ERR_INVALID_PARAMETER);
	finish();
}

static void errors_wait_their_turn(void)
{
	start(1);
	uint16_t first = gpu_rig_begin_submit(&rig, 1, 1);
	uint16_t second = begin_empty(77, VIRTIO_GPU_FLAG_FENCE, 0, 2);
	CHECK(!answer_to(second));
	fake_finish(rig.fakes[0]);
	CHECK_INT(answer_to(first)->type, OK);
	CHECK_INT(answer_to(second)->type, VIRTIO_GPU_RESP_ERR_INVALID_CONTEXT_ID);
	CHECK_INT(answer_to(second)->flags, VIRTIO_GPU_FLAG_FENCE);
	CHECK_INT(answer_to(second)->fence_id, 2);
	finish();
}

static void outlives_its_context(void)
{
	start(1);
	uint16_t submit = begin_on_ring(1, 3, 1);
	const struct virtio_gpu_ctx_destroy destroy = {
		.hdr = { .type = VIRTIO_GPU_CMD_CTX_DESTROY,
			.flags = ON_RING,
			.fence_id = 2,
			.ctx_id = 1,
			.ring_idx = 3 },
	};
	uint16_t end = gpu_rig_begin(&rig, &destroy, sizeof(destroy));
	fake_expect(rig.fakes[0], FAKE_SUBMIT);
	fake_expect(rig.fakes[0], FAKE_FENCE);
	fake_expect(rig.fakes[0], FAKE_CONTEXT_DESTROY);
	/* The context is not there any more, so this fence can only be of everything. */
	CHECK_INT(fake_expect(rig.fakes[0], FAKE_FENCE)->ring, RENDERER_GLOBAL_RING);
	CHECK(!answer_to(submit) && !answer_to(end));
	fake_finish(rig.fakes[0]);
	CHECK_INT(answer_to(submit)->type, OK);
	CHECK_INT(answer_to(end)->type, OK);
	finish();
}

static void hurries(void)
{
	start(1);
	uint16_t numbers[] = {
		gpu_rig_begin_submit(&rig, 1, 1),
		begin_on_ring(1, 3, 1),
		gpu_rig_begin_submit(&rig, 1, 0),
		begin_empty(1, VIRTIO_GPU_FLAG_FENCE, 0, 2),
	};
	struct virtqueue *queue = &rig.queues[VIRTIO_GPU_QUEUE_CONTROL];
	gpu_device_impl.queue_stop(rig.device, queue, false);
	gpu_rig_run(&rig);
	CHECK_INT(queue->in_flight, 4);
	gpu_device_impl.queue_stop(rig.device, queue, true);
	CHECK_INT(queue->in_flight, 0);
	for (size_t i = 0; i < ARRAY_SIZE(numbers); i++)
		CHECK_INT(answer_to(numbers[i])->type, UNSPEC);
	CHECK_INT(answer_to(numbers[1])->fence_id, 1);
	uint16_t used = vring_used_index(&rig.rings[0]);
	/* What the renderer says afterwards is of no consequence. */
	fake_finish(rig.fakes[0]);
	CHECK_INT(vring_used_index(&rig.rings[0]), used);
	CHECK(list_empty(&rig.device->commands.live));
	/* And the timeline goes on. */
	CHECK_INT(answer_to(begin_empty(1, VIRTIO_GPU_FLAG_FENCE, 0, 3))->type, OK);
	finish();
}

static void stops_without_hurry(void)
{
	start(1);
	struct virtqueue *queue = &rig.queues[VIRTIO_GPU_QUEUE_CONTROL];
	uint16_t first = gpu_rig_begin_submit(&rig, 1, 1);
	gpu_device_impl.queue_stop(rig.device, queue, false);
	queue->started = false;
	fake_finish(rig.fakes[0]);
	CHECK_INT(answer_to(first)->type, OK);
	CHECK_INT(queue->in_flight, 0);
	finish();
}

static void ends_with_the_session(void)
{
	start(2);
	gpu_rig_begin_submit(&rig, 1, 1);
	begin_on_ring(2, 3, 1);
	gpu_device_impl.closed(rig.device);
	CHECK_INT(rig.queues[0].in_flight, 0);
	fake_finish(rig.fakes[0]);
	CHECK(list_empty(&rig.device->commands.live));
	finish();
}

int main(int argc, char **argv)
{
	static const struct test_case cases[] = {
		TEST_CASE(waits_for_work_and_fence),
		TEST_CASE(answers_in_order),
		TEST_CASE(keeps_rings_apart),
		TEST_CASE(refuses_rings_that_are_not),
		TEST_CASE(errors_wait_their_turn),
		TEST_CASE(outlives_its_context),
		TEST_CASE(hurries),
		TEST_CASE(stops_without_hurry),
		TEST_CASE(ends_with_the_session),
	};
	return test_main(argc, argv, cases, ARRAY_SIZE(cases));
}
