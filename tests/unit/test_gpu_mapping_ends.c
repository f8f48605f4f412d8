/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/* How mappings of renderers' memory end, or do not: in order, with what they are of, and when the VMM stops. */
#include "mapping_rig.h"

#include "gpu/state.h"

/* What is asked of the VMM is carried out in order, so nobody need wait for the answer. */
static void does_things_in_order(void)
{
	mapping_start();
	CHECK_INT(mapping_create_blob(5), OK);
	uint16_t mapped = mapping_begin_map(5, 0);
	uint16_t unmapped = mapping_begin_unmap(5);
	uint16_t again = mapping_begin_map(5, 0);
	mapping_expect_map(0);
	mapping_say(MAP, 0);
	mapping_expect_unmap(0);
	CHECK_INT(mapping_answer_of(mapped), UNSPEC);
	CHECK_INT(mapping_answer_of(unmapped), 0);
	mapping_say(UNMAP, 0);
	CHECK_INT(mapping_answer_of(unmapped), OK);
	mapping_expect_map(0);
	mapping_show(1);
	mapping_say(MAP, 0);
	CHECK_INT(mapping_answer_of(again), OK_MAP);
	mapping_finish();
}

static void unmaps_what_goes(void)
{
	mapping_start();
	CHECK_INT(mapping_create_blob(5), OK);
	mapping_map(5, 0, 1);
	const struct virtio_gpu_resource_unref request = {
		.hdr.type = VIRTIO_GPU_CMD_RESOURCE_UNREF,
		.resource_id = 5,
	};
	uint16_t number = gpu_rig_begin(&rig, &request, sizeof(request));
	mapping_expect_unmap(0);
	CHECK_INT(mapping_answer_of(number), 0);
	mapping_say(UNMAP, 0);
	CHECK_INT(mapping_answer_of(number), OK);
	CHECK_INT(mapping_create_blob(5), OK);
	mapping_map(5, 0, 1);
	gpu_device_impl.reset(rig.device);
	mapping_expect_unmap(0);
	CHECK_INT(rig.device->host_visible.count, 1);
	mapping_say(UNMAP, 1); /* it has done so by itself */
	CHECK_INT(rig.device->host_visible.count, 0);
	mapping_finish();
}

/* The guest has it still, and unmaps it. */
static void outlives_the_renderer(void)
{
	mapping_start();
	CHECK_INT(mapping_create_blob(5), OK);
	mapping_map(5, 0, 1);
	gpu_rig_lose(&rig, rig.fakes[0]);
	mapping_expect_not_asked();
	CHECK_INT(mapping_create_blob(6), UNSPEC);
	uint16_t number = mapping_begin_unmap(5);
	mapping_expect_unmap(0);
	mapping_say(UNMAP, 0);
	CHECK_INT(mapping_answer_of(number), OK);
	CHECK_INT(gpu_rig_unref(&rig, 5), OK);
	mapping_finish();
}

static void is_of_one_renderer(void)
{
	mapping_start();
	CHECK_INT(mapping_create_blob(5), OK);
	CHECK_INT(gpu_rig_ctx_attach(&rig, CTX, 5), OK);
	gpu_rig_lose(&rig, rig.fakes[0]);
	CHECK_INT(gpu_rig_ctx_create(&rig, 2, 0), OK);
	CHECK_INT(gpu_rig_ctx_attach(&rig, 2, 5), UNSPEC);
	mapping_finish();
}

/* Whoever stops the queue is not waited for. */
static void a_stop_ends_waiting(void)
{
	mapping_start();
	CHECK_INT(mapping_create_blob(5), OK);
	CHECK_INT(mapping_create_blob(6), OK);
	mapping_map(5, 0, 1);
	uint16_t unmapped = mapping_begin_unmap(5);
	uint16_t mapped = mapping_begin_map(6, SIZE);
	mapping_expect_unmap(0);
	gpu_device_impl.queue_stop(rig.device, &rig.queues[VIRTIO_GPU_QUEUE_CONTROL], false);
	CHECK_INT(mapping_answer_of(unmapped), OK);
	CHECK_INT(mapping_answer_of(mapped), OK_MAP);
	mapping_say(UNMAP, 0);
	mapping_expect_map(SIZE);
	mapping_say(MAP, 0);
	mapping_finish();
}

/* With more memory than a VMM's table has places for all of it is put aside while the device is stopped. */
static void is_put_aside(void)
{
	mapping_start();
	for (uint32_t i = 0; i < 8; i++) {
		CHECK_INT(mapping_create_blob(5 + i), OK);
		mapping_map(5 + i, i * SIZE, 1);
	}
	struct virtqueue *queue = &rig.queues[VIRTIO_GPU_QUEUE_CONTROL];
	gpu_device_impl.queue_stop(rig.device, queue, false);
	for (uint32_t i = 0; i < 8; i++) {
		mapping_expect_unmap(i * SIZE);
		mapping_say(UNMAP, 0);
	}
	mapping_show(0);
	mapping_expect_not_asked();
	const struct virtio_gpu_ctrl_hdr get = { .type = VIRTIO_GPU_CMD_GET_DISPLAY_INFO };
	uint16_t number = gpu_rig_begin(&rig, &get, sizeof(get));
	gpu_device_impl.queue_ready(rig.device, queue);
	CHECK_INT(mapping_answer_of(number), 0);
	for (uint32_t i = 0; i < 8; i++) {
		mapping_expect_map(i * SIZE);
		mapping_show(i + 1 < 8 ? i + 1 : 7);
		mapping_say(MAP, 0);
	}
	CHECK_INT(mapping_answer_of(number), VIRTIO_GPU_RESP_OK_DISPLAY_INFO);
	/* Again, and this time it was a reset. */
	gpu_device_impl.queue_stop(rig.device, queue, false);
	mapping_expect_unmap(0);
	gpu_device_impl.reset(rig.device);
	CHECK_INT(rig.device->host_visible.aside, 0);
	mapping_finish();
}

/* Fewer are in nobody's way. */
static void is_left_where_it_is(void)
{
	mapping_start();
	for (uint32_t i = 0; i < 7; i++) {
		CHECK_INT(mapping_create_blob(5 + i), OK);
		mapping_map(5 + i, i * SIZE, 1);
	}
	gpu_device_impl.queue_stop(rig.device, &rig.queues[VIRTIO_GPU_QUEUE_CONTROL], false);
	mapping_expect_not_asked();
	mapping_finish();
}

int main(int argc, char **argv)
{
	static const struct test_case cases[] = {
		TEST_CASE(does_things_in_order),
		TEST_CASE(unmaps_what_goes),
		TEST_CASE(outlives_the_renderer),
		TEST_CASE(is_of_one_renderer),
		TEST_CASE(a_stop_ends_waiting),
		TEST_CASE(is_put_aside),
		TEST_CASE(is_left_where_it_is),
	};
	return test_main(argc, argv, cases, ARRAY_SIZE(cases));
}
