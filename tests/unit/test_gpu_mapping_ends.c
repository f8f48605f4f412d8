/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/* How mappings of renderers' memory end, or do not: in order, with what they are of, and when the VMM stops. */
#include "mapping_rig.h"

#include "gpu/state.h"
#include "vhost/backend_channel.h"

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

/* Nobody counts its memory any more: what is not mapped is not kept. */
static void memory_goes_with_the_renderer(void)
{
	mapping_start();
	int before = test_open_fds();
	CHECK_INT(mapping_create_blob(5), OK);
	CHECK_INT(mapping_create_blob(6), OK);
	rig.device->host_visible.no_echo = true;
	mapping_map(6, 0, 0);
	CHECK_INT(test_open_fds(), before + 2);
	gpu_rig_lose(&rig, rig.fakes[0]);
	gpu_rig_run(&rig);
	CHECK_INT(rig.device->renderer_bytes, 0);
	CHECK_INT(test_open_fds(), before);
	CHECK_INT(mapping_answer_of(mapping_begin_map(5, SIZE)), UNSPEC);
	CHECK_INT(rig.device->host_visible.count, 1);
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

/* Nor is the VMM waited for with what the renderer makes meanwhile. */
static void a_stop_while_it_is_created(void)
{
	mapping_start();
	rig.manual = true;
	rig.fakes[0]->at_once = false;
	const struct virtio_gpu_resource_create_blob request = mapping_blob(5);
	uint16_t created = gpu_rig_begin(&rig, &request, sizeof(request));
	uint16_t mapped = mapping_begin_map(5, 0);
	backend_channel_set_running(vmm.channel, false);
	gpu_device_impl.queue_stop(rig.device, &rig.queues[VIRTIO_GPU_QUEUE_CONTROL], false);
	CHECK_INT(mapping_answer_of(mapped), 0);
	fake_finish(rig.fakes[0]);
	CHECK_INT(mapping_answer_of(created), OK);
	CHECK_INT(mapping_answer_of(mapped), OK_MAP);
	mapping_expect_not_asked();
	backend_channel_set_running(vmm.channel, true);
	mapping_expect_map(0);
	mapping_say(MAP, 0);
	mapping_finish();
}

/* One of those VMMs that would not survive to be asked now: what a reset leaves is for later. */
static void nothing_is_asked_while_it_is_stopped(void)
{
	mapping_start();
	CHECK_INT(mapping_create_blob(5), OK);
	CHECK_INT(mapping_create_blob(6), OK);
	rig.device->host_visible.no_echo = true;
	mapping_map(5, 0, 0);
	mapping_map(6, SIZE, 0);
	backend_channel_set_running(vmm.channel, false);
	gpu_device_impl.queue_stop(rig.device, &rig.queues[VIRTIO_GPU_QUEUE_CONTROL], false);
	gpu_device_impl.reset(rig.device);
	mapping_expect_not_asked();
	CHECK_INT(rig.device->host_visible.count, 2);
	backend_channel_set_running(vmm.channel, true);
	mapping_expect_unmap(0);
	backend_channel_set_running(vmm.channel, false);
	mapping_say(UNMAP, 0);
	mapping_expect_not_asked();
	backend_channel_set_running(vmm.channel, true);
	mapping_expect_unmap(SIZE);
	mapping_say(UNMAP, 0);
	CHECK_INT(rig.device->host_visible.count, 0);
	mapping_finish();
}

/* The VMM can be asked nothing more, as happens when it goes; what it was asked is answered all the same. */
static void cannot_be_taken_back(void)
{
	mapping_start();
	CHECK_INT(mapping_create_blob(5), OK);
	uint16_t mapped = mapping_begin_map(5, 0);
	mapping_expect_map(0);
	struct backend_channel *channel = vmm.channel;
	vmm.channel = NULL;
	uint16_t unmapped = mapping_begin_unmap(5);
	CHECK_INT(mapping_answer_of(mapped), UNSPEC);
	CHECK_INT(mapping_answer_of(unmapped), 0);
	vmm.channel = channel;
	mapping_say(MAP, 0);
	CHECK_INT(mapping_answer_of(unmapped), OK);
	CHECK_INT(rig.device->host_visible.count, 0);
	mapping_finish();
}

/* What it shows no more it has dropped by itself. */
static void what_has_gone_is_not_taken_back(void)
{
	mapping_start();
	CHECK_INT(mapping_create_blob(5), OK);
	mapping_map(5, 0, 1);
	mapping_show(0);
	gpu_device_impl.reset(rig.device);
	CHECK_INT(rig.device->host_visible.count, 0);
	mapping_expect_not_asked();
	mapping_finish();
}

int main(int argc, char **argv)
{
	static const struct test_case cases[] = {
		TEST_CASE(does_things_in_order),
		TEST_CASE(unmaps_what_goes),
		TEST_CASE(outlives_the_renderer),
		TEST_CASE(memory_goes_with_the_renderer),
		TEST_CASE(is_of_one_renderer),
		TEST_CASE(a_stop_ends_waiting),
		TEST_CASE(a_stop_while_it_is_created),
		TEST_CASE(cannot_be_taken_back),
		TEST_CASE(nothing_is_asked_while_it_is_stopped),
		TEST_CASE(what_has_gone_is_not_taken_back),
	};
	return test_main(argc, argv, cases, ARRAY_SIZE(cases));
}
