/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/* Features, configuration, resets, and that nothing is left behind by anything. */
#include "gpu_rig.h"

#include <unistd.h>

#include "gpu/resource.h"
#include "gpu/state.h"

static struct gpu_rig rig;

#define OK VIRTIO_GPU_RESP_OK_NODATA

static struct virtio_gpu_config read_config(void)
{
	struct virtio_gpu_config config;
	memset(&config, 0xee, sizeof(config));
	gpu_device_impl.read_config(rig.device, (uint8_t *)&config);
	return config;
}

static void offers_what_it_can(void)
{
	gpu_rig_prepare(&rig, 0);
	rig.args.scanouts = 3;
	gpu_rig_start(&rig, FEATURES_2D);
	CHECK_INT(gpu_device_impl.features(rig.device), FEATURES_ALWAYS);
	struct virtio_gpu_config config = read_config();
	CHECK_INT(config.events_read, 0);
	CHECK_INT(config.events_clear, 0);
	CHECK_INT(config.num_scanouts, 3);
	CHECK_INT(config.num_capsets, 0);
	CHECK_INT(config.blob_alignment, sysconf(_SC_PAGESIZE));
	gpu_rig_finish(&rig);

	gpu_rig_prepare(&rig, 2);
	gpu_rig_start(&rig, FEATURES_3D);
	CHECK_INT(gpu_device_impl.features(rig.device), FEATURES_ALWAYS | FEATURES_3D);
	CHECK_INT(read_config().num_capsets, 3);
	gpu_rig_finish(&rig);

	gpu_rig_prepare(&rig, 1);
	rig.args.capset_mask = 1u << 4;
	gpu_rig_start(&rig, FEATURES_2D);
	CHECK_INT(gpu_device_impl.features(rig.device), FEATURES_ALWAYS);
	CHECK_INT(read_config().num_capsets, 0);
	gpu_rig_finish(&rig);
}

static void clears_events(void)
{
	gpu_rig_prepare(&rig, 0);
	gpu_rig_start(&rig, FEATURES_2D);
	rig.device->events.raised = 3;
	const struct virtio_gpu_config config = { .events_read = 0xff, .events_clear = 1 };
	gpu_device_impl.write_config(rig.device, 0, (const uint8_t *)&config, sizeof(config));
	CHECK_INT(read_config().events_read, 2);
	const uint8_t byte = 2;
	gpu_device_impl.write_config(rig.device, 4, &byte, 1);
	CHECK_INT(read_config().events_read, 0);
	gpu_device_impl.write_config(rig.device, 19, &byte, 1);
	gpu_rig_finish(&rig);
}

static void waits_for_all_renderers(void)
{
	gpu_rig_prepare(&rig, 2);
	rig.device = gpu_device_create(&rig.args);
	CHECK(rig.device);
	CHECK_INT(loop_round(rig.loop, 0), 0);
	CHECK_INT(rig.ready, 0);
	gpu_rig_fake_ready(&rig, 1);
	CHECK_INT(loop_round(rig.loop, 0), 0);
	CHECK_INT(rig.ready, 0);
	fake_lose(rig.fakes[0]);
	CHECK_INT(loop_round(rig.loop, 0), 0);
	CHECK_INT(rig.ready, 1);
	CHECK_INT(read_config().num_capsets, 1);
	gpu_device_destroy(rig.device);
	loop_destroy(rig.loop);
}

static void make_a_bit_of_everything(void)
{
	const struct rect all = { 0, 0, 8, 8 };
	CHECK_INT(gpu_rig_ctx_create(&rig, 1, 0), OK);
	CHECK_INT(gpu_rig_create_2d(&rig, 4, 8, 8), OK);
	CHECK_INT(gpu_rig_create_3d(&rig, 5, 8, 8), OK);
	CHECK_INT(gpu_rig_create_3d(&rig, 6, 8, 8), OK);
	CHECK_INT(gpu_rig_attach_backing(&rig, 4, GUEST_PAGES, 256), OK);
	CHECK_INT(gpu_rig_attach_backing(&rig, 5, GUEST_PAGES, 256), OK);
	CHECK_INT(gpu_rig_ctx_attach(&rig, 1, 4), OK);
	CHECK_INT(gpu_rig_ctx_attach(&rig, 1, 5), OK);
	CHECK_INT(gpu_rig_submit(&rig, 1, 1), OK);
	CHECK_INT(gpu_rig_set_scanout(&rig, 0, 4, &all), OK);
	CHECK_INT(gpu_rig_set_scanout(&rig, 1, 5, &all), OK);
	CHECK_INT(gpu_rig_flush(&rig, 5, &all), OK);
	const struct virtio_gpu_update_cursor cursor = {
		.hdr.type = VIRTIO_GPU_CMD_UPDATE_CURSOR,
		.resource_id = 5,
	};
	gpu_rig_send(&rig, VIRTIO_GPU_QUEUE_CURSOR, &cursor, sizeof(cursor), 0);
	gpu_rig_run(&rig);
}

static void check_nothing_left(void)
{
	const struct gpu_device *device = rig.device;
	CHECK_INT(device->resource_count, 0);
	CHECK_INT(device->context_count, 0);
	CHECK_INT(device->attachment_count, 0);
	CHECK_INT(device->backing_entries, 0);
	CHECK_INT(device->frame_bytes, 0);
	CHECK(list_empty(&device->commands.live));
	CHECK(list_empty(&device->global.commands));
	for (uint32_t i = 0; i < device->renderers.count; i++) {
		CHECK(list_empty(&device->renderers.slots[i].realisations));
		CHECK(list_empty(&device->renderers.slots[i].contexts));
		for (uint32_t j = 0; j < device->renderers.slots[i].memory.count; j++)
			CHECK_INT(device->renderers.slots[i].memory.regions[j].pins, 0);
	}
}

static void drops_everything_at_a_reset(void)
{
	gpu_rig_prepare(&rig, 1);
	gpu_rig_start(&rig, FEATURES_3D);
	gpu_rig_show(&rig, DISPLAY_OF_SESSION);
	gpu_rig_display_begin(&rig, 0);
	for (int round = 0; round < 20; round++) {
		make_a_bit_of_everything();
		gpu_device_impl.reset(rig.device);
		gpu_rig_run(&rig);
		check_nothing_left();
		fake_skip(rig.fakes[0]);
	}
	/* A driver that starts again has chosen its features before. */
	CHECK_INT(rig.device->features, FEATURES_3D);
	gpu_rig_finish(&rig);
}

static void drops_everything_by_itself(void)
{
	gpu_rig_prepare(&rig, 1);
	gpu_rig_start(&rig, FEATURES_3D);
	for (int round = 0; round < 20; round++) {
		make_a_bit_of_everything();
		for (uint32_t id = 4; id <= 6; id++)
			CHECK_INT(gpu_rig_unref(&rig, id), OK);
		CHECK_INT(gpu_rig_ctx_destroy(&rig, 1), OK);
		gpu_rig_run(&rig);
		const struct virtio_gpu_update_cursor hide = {
			.hdr.type = VIRTIO_GPU_CMD_UPDATE_CURSOR,
		};
		gpu_rig_send(&rig, VIRTIO_GPU_QUEUE_CURSOR, &hide, sizeof(hide), 0);
		gpu_rig_run(&rig);
		gpu_cursors_reset(rig.device);
		check_nothing_left();
	}
	gpu_rig_finish(&rig);
}

/* Everything is under way when the session ends, the renderer dies or the process stops. */
static void ends_in_the_middle(void)
{
	for (int how = 0; how < 4; how++) {
		gpu_rig_prepare(&rig, 1);
		gpu_rig_start(&rig, FEATURES_3D);
		gpu_rig_show(&rig, DISPLAY_OF_SESSION);
		gpu_rig_display_begin(&rig, 0);
		make_a_bit_of_everything();
		rig.manual = true;
		const struct rect all = { 0, 0, 8, 8 };
		const struct virtio_gpu_ctrl_hdr info = { .type = VIRTIO_GPU_CMD_GET_DISPLAY_INFO };
		const struct virtio_gpu_resource_unref unref = {
			.hdr.type = VIRTIO_GPU_CMD_RESOURCE_UNREF,
			.resource_id = 5,
		};
		CHECK_INT(gpu_rig_flush(&rig, 5, &all), OK);
		gpu_rig_begin_submit(&rig, 1, 7);
		gpu_rig_begin(&rig, &info, sizeof(info));
		gpu_rig_begin(&rig, &unref, sizeof(unref));
		if (how == 1)
			gpu_device_impl.closed(rig.device);
		if (how == 2 || how == 3)
			fake_lose(rig.fakes[0]);
		if (how == 3)
			gpu_rig_run(&rig);
		gpu_rig_finish(&rig);
	}
}

int main(int argc, char **argv)
{
	static const struct test_case cases[] = {
		TEST_CASE(offers_what_it_can),
		TEST_CASE(clears_events),
		TEST_CASE(waits_for_all_renderers),
		TEST_CASE(drops_everything_at_a_reset),
		TEST_CASE(drops_everything_by_itself),
		TEST_CASE(ends_in_the_middle),
	};
	return test_main(argc, argv, cases, ARRAY_SIZE(cases));
}
