/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/* Renderers that die, do not start, start again, or are slow to let go of memory. */
#include "gpu_rig.h"

#include "gpu/resource.h"
#include "gpu/state.h"

static struct gpu_rig rig;

#define OK      VIRTIO_GPU_RESP_OK_NODATA
#define UNSPEC  VIRTIO_GPU_RESP_ERR_UNSPEC
#define BAD_ID  VIRTIO_GPU_RESP_ERR_INVALID_RESOURCE_ID
#define BAD_CTX VIRTIO_GPU_RESP_ERR_INVALID_CONTEXT_ID

static void start(uint32_t renderers)
{
	gpu_rig_prepare(&rig, renderers);
	gpu_rig_start(&rig, FEATURES_3D);
}

static void answers_everything(void)
{
	bool destroyed = false;
	start(1);
	rig.fakes[0]->destroyed = &destroyed;
	CHECK_INT(gpu_rig_ctx_create(&rig, 1, 0), OK);
	CHECK_INT(gpu_rig_create_3d(&rig, 5, 8, 8), OK);
	CHECK_INT(gpu_rig_ctx_attach(&rig, 1, 5), OK);
	rig.manual = true;
	uint16_t plain = gpu_rig_begin_submit(&rig, 1, 0);
	uint16_t fenced = gpu_rig_begin_submit(&rig, 1, 7);
	fake_lose(rig.fakes[0]);
	CHECK_INT(gpu_rig_answer(&rig, 0, plain, NULL)->type, UNSPEC);
	CHECK_INT(gpu_rig_answer(&rig, 0, fenced, NULL)->type, UNSPEC);
	CHECK_INT(gpu_rig_answer(&rig, 0, fenced, NULL)->fence_id, 7);
	rig.fakes[0] = NULL;
	gpu_rig_run(&rig);
	CHECK(destroyed);

	CHECK_INT(gpu_rig_submit(&rig, 1, 1), UNSPEC);
	CHECK_INT(gpu_rig_ctx_attach(&rig, 1, 5), UNSPEC);
	CHECK_INT(gpu_rig_ctx_detach(&rig, 1, 5), OK);
	CHECK_INT(gpu_rig_ctx_create(&rig, 1, 0), BAD_CTX);
	CHECK_INT(rig.starts, 1);
	CHECK_INT(gpu_rig_ctx_destroy(&rig, 1), OK);
	CHECK_INT(gpu_rig_create_2d(&rig, 6, 8, 8), OK);
	rig.manual = false;
	gpu_rig_finish(&rig);
}

/* All that a guest can begin while the renderer is known to be gone but not yet said to be. */
static void survives_the_time_between(void)
{
	start(1);
	CHECK_INT(gpu_rig_ctx_create(&rig, 1, 0), OK);
	CHECK_INT(gpu_rig_create_2d(&rig, 4, 8, 8), OK);
	CHECK_INT(gpu_rig_create_3d(&rig, 5, 8, 8), OK);
	CHECK_INT(gpu_rig_attach_backing(&rig, 5, GUEST_PAGES, 256), OK);
	CHECK_INT(gpu_rig_attach_backing(&rig, 4, GUEST_PAGES, 256), OK);
	CHECK_INT(gpu_rig_ctx_attach(&rig, 1, 5), OK);
	CHECK_INT(gpu_rig_ctx_attach(&rig, 1, 4), OK);
	struct fake *fake = rig.fakes[0];
	fake->lost = true;
	rig.manual = true;
	CHECK_INT(gpu_rig_submit(&rig, 1, 1), UNSPEC);
	CHECK_INT(gpu_rig_transfer_3d(&rig, VIRTIO_GPU_CMD_TRANSFER_TO_HOST_3D, 1, 5), UNSPEC);
	CHECK_INT(gpu_rig_detach_backing(&rig, 5), UNSPEC);
	CHECK_INT(gpu_rig_attach_backing(&rig, 5, GUEST_PAGES, 256), UNSPEC);
	CHECK_INT(gpu_rig_create_3d(&rig, 7, 8, 8), UNSPEC);
	CHECK_INT(gpu_rig_ctx_create(&rig, 2, 0), UNSPEC);
	CHECK_INT(gpu_rig_unref(&rig, 5), UNSPEC);
	CHECK_INT(gpu_rig_ctx_destroy(&rig, 1), UNSPEC);
	fake_lose(fake);
	rig.fakes[0] = NULL;
	rig.manual = false;
	CHECK_INT(gpu_rig_ctx_create(&rig, 1, 0), OK);
	CHECK_INT(rig.starts, 2);
	gpu_rig_finish(&rig);
}

static void starts_again_with_the_next_context(void)
{
	start(1);
	CHECK_INT(gpu_rig_ctx_create(&rig, 1, 0), OK);
	CHECK_INT(gpu_rig_create_3d(&rig, 5, 8, 8), OK);
	CHECK_INT(gpu_rig_attach_backing(&rig, 5, GUEST_PAGES, 256), OK);
	fake_lose(rig.fakes[0]);
	rig.fakes[0] = NULL;
	CHECK_INT(rig.starts, 1);
	CHECK_INT(gpu_rig_create_3d(&rig, 6, 8, 8), OK);
	CHECK_INT(rig.starts, 1);
	CHECK_INT(gpu_rig_ctx_create(&rig, 2, 0), OK);
	CHECK_INT(rig.starts, 2);
	struct fake *next = rig.fakes[0];
	CHECK_INT(fake_expect(next, FAKE_CONTEXT_CREATE)->context, 2);
	fake_expect_nothing(next);
	/* Not ready yet, but what is asked of it waits there. */
	CHECK_INT(gpu_rig_ctx_attach(&rig, 2, 5), OK);
	fake_expect(next, FAKE_RESOURCE_CREATE);
	fake_expect(next, FAKE_REGION_ADD);
	fake_expect(next, FAKE_SET_BACKING);
	fake_expect(next, FAKE_CONTEXT_ATTACH);
	gpu_rig_fake_ready(&rig, 0);
	CHECK_INT(gpu_rig_submit(&rig, 2, 1), OK);
	CHECK_INT(gpu_rig_submit(&rig, 1, 1), UNSPEC);
	gpu_rig_finish(&rig);
}

static void gives_up_on_one_that_keeps_dying(void)
{
	start(1);
	for (uint32_t ctx = 1; ctx <= GPU_RENDERER_STARTS; ctx++) {
		CHECK_INT(gpu_rig_ctx_create(&rig, ctx, 0), OK);
		fake_lose(rig.fakes[0]);
		rig.fakes[0] = NULL;
	}
	CHECK_INT(gpu_rig_ctx_create(&rig, 9, 0), UNSPEC);
	CHECK_INT(rig.starts, GPU_RENDERER_STARTS);
	CHECK_INT(gpu_rig_create_2d(&rig, 6, 8, 8), OK);
	/* After a while it may try again. */
	rig.device->renderers.slots[1].starts[0] -= GPU_RENDERER_STARTS_MS;
	CHECK_INT(gpu_rig_ctx_create(&rig, 9, 0), OK);
	CHECK_INT(gpu_rig_ctx_create(&rig, 10, 0), OK);
	CHECK_INT(rig.starts, GPU_RENDERER_STARTS + 1);
	gpu_rig_finish(&rig);
}

static void goes_on_without_one_that_cannot_start(void)
{
	gpu_rig_prepare(&rig, 1);
	rig.start_fails = true;
	gpu_rig_start(&rig, FEATURES_2D);
	CHECK_INT(gpu_device_impl.features(rig.device), FEATURES_ALWAYS);
	CHECK_INT(gpu_rig_create_2d(&rig, 6, 8, 8), OK);
	gpu_rig_finish(&rig);
}

static void goes_on_without_one_that_does_not_get_ready(void)
{
	gpu_rig_prepare(&rig, 1);
	rig.start_hangs = true;
	rig.args.renderer_start_ms = 50;
	gpu_rig_start(&rig, FEATURES_2D);
	CHECK_INT(gpu_device_impl.features(rig.device), FEATURES_ALWAYS);
	CHECK_INT(gpu_rig_create_2d(&rig, 6, 8, 8), OK);
	gpu_rig_finish(&rig);
}

/* Rounds of the loop for so long. */
static void pass(uint64_t ms)
{
	for (uint64_t end = loop_now_ms() + ms; loop_now_ms() < end;)
		CHECK_INT(loop_round(rig.loop, 5), 0);
}

static void gives_up_one_that_hangs(void)
{
	bool destroyed = false;
	gpu_rig_prepare(&rig, 1);
	rig.args.renderer_hang_ms = 50;
	gpu_rig_start(&rig, FEATURES_3D);
	rig.fakes[0]->destroyed = &destroyed;
	CHECK_INT(gpu_rig_ctx_create(&rig, 1, 0), OK);
	rig.manual = true;
	uint16_t submit = gpu_rig_begin_submit(&rig, 1, 7);
	rig.fakes[0]->no_room = true;
	const struct virtio_gpu_ctrl_hdr question = { .type = VIRTIO_GPU_CMD_GET_DISPLAY_INFO };
	uint16_t waits = gpu_rig_begin(&rig, &question, sizeof(question));
	/* Busy, but not silent: it may take as long as it likes. */
	pass(150);
	CHECK(!destroyed);
	CHECK(!gpu_rig_answer(&rig, 0, waits, NULL));
	rig.fakes[0]->silent_ms = 1000000;
	pass(200);
	CHECK(destroyed);
	rig.fakes[0] = NULL;
	CHECK_INT(gpu_rig_answer(&rig, 0, submit, NULL)->type, UNSPEC);
	CHECK_INT(gpu_rig_answer(&rig, 0, waits, NULL)->type, VIRTIO_GPU_RESP_OK_DISPLAY_INFO);
	CHECK(!rig.device->renderers.slots[1].renderer);
	/* The next one is watched as well. */
	rig.manual = false;
	CHECK_INT(gpu_rig_ctx_create(&rig, 2, 0), OK);
	CHECK_INT(rig.starts, 2);
	gpu_rig_fake_ready(&rig, 0);
	destroyed = false;
	rig.fakes[0]->destroyed = &destroyed;
	rig.fakes[0]->silent_ms = 1000000;
	pass(200);
	CHECK(destroyed);
	rig.fakes[0] = NULL;
	CHECK_INT(gpu_rig_submit(&rig, 2, 1), UNSPEC);
	gpu_rig_finish(&rig);
}

/* It finishes one thing after another, but not the oldest: a fence, say. */
static void gives_up_one_that_leaves_something_undone(void)
{
	bool destroyed = false;
	gpu_rig_prepare(&rig, 1);
	rig.args.renderer_hang_ms = 50;
	rig.args.renderer_late_ms = 200;
	gpu_rig_start(&rig, FEATURES_3D);
	rig.fakes[0]->destroyed = &destroyed;
	CHECK_INT(gpu_rig_ctx_create(&rig, 1, 0), OK);
	/* What became old while this process did not look is not held against it at once. */
	rig.fakes[0]->oldest_ms = 1000000;
	pass(100);
	CHECK(!destroyed);
	/* Nor is what has been finished meanwhile. */
	rig.fakes[0]->oldest_ms = 0;
	pass(20);
	rig.fakes[0]->oldest_ms = 150;
	pass(400);
	CHECK(!destroyed);
	rig.fakes[0]->oldest_ms = 1000000;
	pass(400);
	CHECK(destroyed);
	rig.fakes[0] = NULL;
	CHECK_INT(gpu_rig_submit(&rig, 1, 1), UNSPEC);
	CHECK_INT(gpu_rig_ctx_create(&rig, 2, 0), OK);
	CHECK_INT(rig.starts, 2);
	gpu_rig_finish(&rig);
}

static void may_be_started_as_often_as_is_configured(void)
{
	gpu_rig_prepare(&rig, 1);
	rig.args.renderer_starts = 5;
	rig.args.renderer_starts_ms = 100;
	gpu_rig_start(&rig, FEATURES_3D);
	for (uint32_t ctx = 1; ctx <= 5; ctx++) {
		CHECK_INT(gpu_rig_ctx_create(&rig, ctx, 0), OK);
		fake_lose(rig.fakes[0]);
		rig.fakes[0] = NULL;
	}
	CHECK_INT(rig.starts, 5);
	pass(100);
	CHECK_INT(gpu_rig_ctx_create(&rig, 10, 0), OK);
	CHECK_INT(rig.starts, 6);
	gpu_rig_finish(&rig);
}

static void does_not_count_starts_that_fail(void)
{
	start(1);
	fake_lose(rig.fakes[0]);
	rig.fakes[0] = NULL;
	rig.start_fails = true;
	for (int i = 0; i < 10; i++)
		CHECK_INT(gpu_rig_ctx_create(&rig, 1, 0), UNSPEC);
	rig.start_fails = false;
	CHECK_INT(gpu_rig_ctx_create(&rig, 1, 0), OK);
	CHECK_INT(gpu_rig_submit(&rig, 1, 1), OK);
	gpu_rig_finish(&rig);
}

static void still_offers_3d_while_it_is_away(void)
{
	start(1);
	fake_lose(rig.fakes[0]);
	rig.fakes[0] = NULL;
	gpu_rig_run(&rig);
	CHECK_INT(gpu_device_impl.features(rig.device), FEATURES_ALWAYS | FEATURES_3D);
	CHECK_INT(rig.ready, 1);
	gpu_rig_finish(&rig);
}

static const struct image *software_image_of(uint32_t id)
{
	return renderer_image(gpu_renderers_software(rig.device)->renderer, id);
}

static void brings_2d_home(void)
{
	start(1);
	CHECK_INT(gpu_rig_ctx_create(&rig, 1, 0), OK);
	CHECK_INT(gpu_rig_create_2d(&rig, 4, 8, 8), OK);
	CHECK_INT(gpu_rig_attach_backing(&rig, 4, GUEST_PAGES, 256), OK);
	CHECK_INT(gpu_rig_ctx_attach(&rig, 1, 4), OK);
	CHECK_INT(gpu_rig_submit(&rig, 1, 1), OK);
	CHECK(gpu_resource_find(rig.device, 4)->home->slot == &rig.device->renderers.slots[1]);
	memset(rig.guest + GUEST_PAGES, 0x77, 256);
	CHECK_INT(gpu_rig_transfer_2d(&rig, 4, 8, 8), OK);
	CHECK_INT(software_image_of(4)->pixels[0], 0);
	fake_lose(rig.fakes[0]);
	rig.fakes[0] = NULL;
	CHECK(gpu_resource_find(rig.device, 4)->home->slot == &rig.device->renderers.slots[0]);
	CHECK_INT(software_image_of(4)->pixels[0], 0x77);
	memset(rig.guest + GUEST_PAGES, 0x66, 256);
	CHECK_INT(gpu_rig_transfer_2d(&rig, 4, 8, 8), OK);
	CHECK_INT(software_image_of(4)->pixels[255], 0x66);
	gpu_rig_finish(&rig);
}

static void loses_only_its_own(void)
{
	start(2);
	CHECK_INT(gpu_rig_ctx_create(&rig, 1, 2), OK);
	CHECK_INT(gpu_rig_ctx_create(&rig, 2, 4), OK);
	fake_lose(rig.fakes[0]);
	rig.fakes[0] = NULL;
	CHECK_INT(gpu_rig_submit(&rig, 1, 1), UNSPEC);
	CHECK_INT(gpu_rig_submit(&rig, 2, 1), OK);
	gpu_rig_finish(&rig);
}

static void holds_memory_until_the_renderer_has_let_go(void)
{
	start(1);
	CHECK_INT(gpu_rig_create_3d(&rig, 5, 8, 8), OK);
	CHECK_INT(gpu_rig_attach_backing(&rig, 5, GUEST_PAGES, 256), OK);
	CHECK_INT(fake_regions(rig.fakes[0]), 1);
	rig.manual = true;
	struct vhost_memory *other = gpu_rig_other_memory(&rig, GUEST_SIZE);
	gpu_device_impl.memory_changed(rig.device, other);
	/* The renderer may still use the old memory: it has it, and so do we. */
	CHECK_INT(fake_regions(rig.fakes[0]), 1);
	CHECK(rig.memory->refs > 1 + VIRTIO_GPU_QUEUES);
	fake_finish(rig.fakes[0]);
	CHECK_INT(fake_regions(rig.fakes[0]), 0);
	CHECK_INT(rig.memory->refs, 1 + VIRTIO_GPU_QUEUES);
	gpu_device_impl.memory_changed(rig.device, rig.memory);
	fake_finish(rig.fakes[0]);
	CHECK_INT(fake_regions(rig.fakes[0]), 1);
	CHECK_INT(other->refs, 1);
	vhost_memory_unref(other);
	rig.manual = false;
	gpu_rig_finish(&rig);
}

static void answers_unref_when_memory_is_free(void)
{
	start(1);
	CHECK_INT(gpu_rig_create_3d(&rig, 5, 8, 8), OK);
	CHECK_INT(gpu_rig_attach_backing(&rig, 5, GUEST_PAGES, 256), OK);
	rig.manual = true;
	const struct virtio_gpu_resource_unref unref = {
		.hdr.type = VIRTIO_GPU_CMD_RESOURCE_UNREF,
		.resource_id = 5,
	};
	uint16_t number = gpu_rig_begin(&rig, &unref, sizeof(unref));
	CHECK(!gpu_rig_answer(&rig, 0, number, NULL));
	CHECK_INT(gpu_rig_unref(&rig, 5), BAD_ID);
	fake_finish(rig.fakes[0]);
	CHECK_INT(gpu_rig_answer(&rig, 0, number, NULL)->type, OK);
	rig.manual = false;
	gpu_rig_finish(&rig);
}

/* A session that ends while the renderer hangs; the next one has another renderer, and other memory. */
static void keeps_sessions_apart(void)
{
	start(1);
	CHECK_INT(gpu_rig_create_3d(&rig, 5, 8, 8), OK);
	CHECK_INT(gpu_rig_attach_backing(&rig, 5, GUEST_PAGES, 256), OK);
	rig.manual = true;
	gpu_device_impl.closed(rig.device);
	CHECK_INT(rig.device->resource_count, 0);
	CHECK_INT(fake_regions(rig.fakes[0]), 0);
	CHECK_INT(rig.memory->refs, 1 + VIRTIO_GPU_QUEUES);
	gpu_rig_fake_ready(&rig, 0);

	struct vhost_memory *other = gpu_rig_other_memory(&rig, 0);
	gpu_device_impl.memory_changed(rig.device, other);
	gpu_device_impl.set_features(rig.device, FEATURES_3D);
	const struct virtio_gpu_resource_create_3d create = {
		.hdr.type = VIRTIO_GPU_CMD_RESOURCE_CREATE_3D,
		.resource_id = 5,
		.target = 2,
		.width = 8,
		.height = 8,
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
	gpu_rig_begin(&rig, &create, sizeof(create));
	gpu_rig_begin(&rig, &backing, sizeof(backing));
	fake_expect(rig.fakes[0], FAKE_RESOURCE_CREATE);
	uint32_t region = fake_expect(rig.fakes[0], FAKE_REGION_ADD)->region;
	CHECK_INT(fake_expect(rig.fakes[0], FAKE_SET_BACKING)->region, region);
	CHECK_INT(fake_regions(rig.fakes[0]), 1);
	fake_finish(rig.fakes[0]);
	gpu_device_impl.closed(rig.device);
	CHECK_INT(fake_regions(rig.fakes[0]), 0);
	CHECK_INT(other->refs, 1);
	vhost_memory_unref(other);
	rig.manual = false;
	gpu_rig_finish(&rig);
}

static void guests_do_not_share_renderers(void)
{
	bool destroyed[2] = { false, false };
	start(2);
	for (uint32_t i = 0; i < 2; i++)
		rig.fakes[i]->destroyed = &destroyed[i];
	CHECK_INT(gpu_rig_ctx_create(&rig, 1, 4), OK);
	gpu_device_impl.reset(rig.device);
	CHECK(!destroyed[0] && destroyed[1]);
	CHECK_INT(rig.ends, 1);
	CHECK_INT(rig.starts, 3);
	gpu_device_impl.reset(rig.device);
	CHECK(!destroyed[0]);
	CHECK_INT(rig.starts, 3);
	/* One that is not ready yet is as good. */
	CHECK_INT(gpu_rig_ctx_create(&rig, 1, 4), OK);
	CHECK_INT(gpu_rig_create_3d(&rig, 5, 8, 8), OK);
	gpu_device_impl.closed(rig.device);
	CHECK_INT(rig.ends, 2);
	CHECK_INT(rig.starts, 4);
	gpu_rig_finish(&rig);
}

static void use_up_restarts(void)
{
	for (uint32_t i = 0; i < 3; i++) {
		CHECK_INT(gpu_rig_ctx_create(&rig, 1 + i, 0), OK);
		fake_lose(rig.fakes[0]);
		rig.fakes[0] = NULL;
	}
	CHECK_INT(gpu_rig_ctx_create(&rig, 9, 0), UNSPEC);
}

static void a_new_guest_is_no_death(void)
{
	start(1);
	for (uint32_t i = 0; i < 20; i++) {
		CHECK_INT(gpu_rig_ctx_create(&rig, 1, 0), OK);
		gpu_device_impl.reset(rig.device);
	}
	CHECK_INT(rig.starts, 21);
	use_up_restarts();
	/* A reset does not bring it back, ... */
	gpu_device_impl.reset(rig.device);
	CHECK_INT(gpu_rig_ctx_create(&rig, 9, 0), UNSPEC);
	CHECK_INT(rig.starts, 23);
	gpu_rig_finish(&rig);
}

/* ... but what one guest's renderers died of is not the next one's fault. */
static void deaths_are_the_guests_own(void)
{
	start(1);
	use_up_restarts();
	gpu_device_impl.closed(rig.device);
	CHECK_INT(rig.starts, 4);
	CHECK(rig.device->renderers.slots[1].renderer);
	gpu_rig_finish(&rig);
}

static void guests_in_bad_faith_do_not_keep_us_busy(void)
{
	uint32_t count = 0;
	start(1);
	while (count < 2 * GPU_RENEWALS && gpu_rig_ctx_create(&rig, 1, 0) == OK) {
		gpu_device_impl.reset(rig.device);
		count++;
	}
	CHECK(count >= GPU_RENEWALS && count < 2 * GPU_RENEWALS);
	CHECK_INT(gpu_rig_create_2d(&rig, 6, 8, 8), OK);
	gpu_rig_finish(&rig);
}

int main(int argc, char **argv)
{
	static const struct test_case cases[] = {
		TEST_CASE(answers_everything),
		TEST_CASE(survives_the_time_between),
		TEST_CASE(starts_again_with_the_next_context),
		TEST_CASE(gives_up_on_one_that_keeps_dying),
		TEST_CASE(goes_on_without_one_that_cannot_start),
		TEST_CASE(goes_on_without_one_that_does_not_get_ready),
		TEST_CASE(gives_up_one_that_hangs),
		TEST_CASE(gives_up_one_that_leaves_something_undone),
		TEST_CASE(may_be_started_as_often_as_is_configured),
		TEST_CASE(does_not_count_starts_that_fail),
		TEST_CASE(still_offers_3d_while_it_is_away),
		TEST_CASE(brings_2d_home),
		TEST_CASE(loses_only_its_own),
		TEST_CASE(holds_memory_until_the_renderer_has_let_go),
		TEST_CASE(answers_unref_when_memory_is_free),
		TEST_CASE(keeps_sessions_apart),
		TEST_CASE(guests_do_not_share_renderers),
		TEST_CASE(a_new_guest_is_no_death),
		TEST_CASE(deaths_are_the_guests_own),
		TEST_CASE(guests_in_bad_faith_do_not_keep_us_busy),
	};
	return test_main(argc, argv, cases, ARRAY_SIZE(cases));
}
