/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/* Blobs of guest memory in contexts: when a renderer hears of them, and of their memory. */
#include "gpu_rig.h"

#include <fcntl.h>
#include <unistd.h>

#include "gpu/context.h"
#include "gpu/resource.h"
#include "gpu/state.h"

static struct gpu_rig rig;

#define OK         VIRTIO_GPU_RESP_OK_NODATA
#define SIZE       UINT64_C(0x10000)
#define BLOB       1u
#define FEATURES   (FEATURES_3D | FEATURES_BLOB)
#define TO_HOST    VIRTIO_GPU_CMD_TRANSFER_TO_HOST_3D
#define FROM_HOST  VIRTIO_GPU_CMD_TRANSFER_FROM_HOST_3D
#define BAD_NUMBER VIRTIO_GPU_RESP_ERR_INVALID_PARAMETER

/* A context 1 and a blob of one page more than it needs, in two pieces. */
static void start(bool with_memory)
{
	const struct virtio_gpu_mem_entry entries[] = {
		{ .addr = GUEST_PAGES, .length = 4096 },
		{ .addr = GUEST_PAGES + 8192, .length = SIZE },
	};
	gpu_rig_prepare(&rig, 1);
	gpu_rig_start(&rig, FEATURES);
	CHECK_INT(gpu_rig_ctx_create(&rig, 1, 0), OK);
	CHECK_INT(gpu_rig_create_blob_of(&rig, BLOB, SIZE, entries, with_memory ? 2 : 0), OK);
	fake_skip(rig.fakes[0]);
}

static void expect_creation(void)
{
	struct fake *fake = rig.fakes[0];
	const struct fake_op *op = fake_expect(fake, FAKE_RESOURCE_CREATE_BLOB);
	CHECK_INT(op->blob_args.id, BLOB);
	CHECK_INT(op->blob_args.size, SIZE);
	CHECK_INT(op->blob_args.flags, 0);
	fake_expect(fake, FAKE_REGION_ADD);
	op = fake_expect(fake, FAKE_SET_BACKING);
	CHECK_INT(op->resource, BLOB);
	CHECK_INT(op->count, 2);
	CHECK_INT(op->length, SIZE + 4096);
	op = fake_expect(fake, FAKE_CONTEXT_ATTACH);
	CHECK_INT(op->context, 1);
	CHECK_INT(op->resource, BLOB);
}

static void is_made_when_a_context_works(void)
{
	start(true);
	struct fake *fake = rig.fakes[0];
	CHECK_INT(gpu_rig_ctx_attach(&rig, 1, BLOB), OK);
	fake_expect_nothing(fake);
	CHECK_INT(gpu_rig_submit(&rig, 1, 1), OK);
	expect_creation();
	fake_expect(fake, FAKE_SUBMIT);
	fake_expect_nothing(fake);
	/* There is nothing to be transferred, in either direction. */
	CHECK_INT(gpu_rig_transfer_2d(&rig, BLOB, 4, 4), OK);
	CHECK_INT(gpu_rig_transfer_3d(&rig, TO_HOST, 1, BLOB), OK);
	CHECK_INT(gpu_rig_transfer_3d(&rig, FROM_HOST, 0, BLOB), OK);
	CHECK(!gpu_resource_find(rig.device, BLOB)->home);
	fake_expect_nothing(fake);

	CHECK_INT(gpu_rig_ctx_detach(&rig, 1, BLOB), OK);
	fake_expect(fake, FAKE_CONTEXT_DETACH);
	CHECK_INT(gpu_rig_unref(&rig, BLOB), OK);
	CHECK_INT(fake_expect(fake, FAKE_RESOURCE_UNREF)->resource, BLOB);
	fake_expect_nothing(fake);
	gpu_rig_finish(&rig);
}

/* A renderer that was taken over must not be able to have it cut off. The VMM may still do the rest. */
static void its_memory_cannot_be_cut_off(void)
{
	start(true);
	int fd = rig.memory->regions[0]->fd;
	CHECK_INT(fcntl(fd, F_GET_SEALS), 0);
	CHECK_INT(gpu_rig_ctx_attach(&rig, 1, BLOB), OK);
	CHECK_INT(fcntl(fd, F_GET_SEALS), 0);
	CHECK_INT(gpu_rig_submit(&rig, 1, 1), OK);
	expect_creation();
	CHECK_INT(fcntl(fd, F_GET_SEALS), F_SEAL_SHRINK);
	CHECK(ftruncate(fd, 4096) < 0);
	gpu_rig_finish(&rig);
}

static void is_never_made_when_it_goes_before(void)
{
	start(true);
	CHECK_INT(gpu_rig_ctx_attach(&rig, 1, BLOB), OK);
	CHECK_INT(gpu_rig_unref(&rig, BLOB), OK);
	CHECK_INT(gpu_rig_submit(&rig, 1, 1), OK);
	fake_expect(rig.fakes[0], FAKE_SUBMIT);
	fake_expect_nothing(rig.fakes[0]);
	gpu_rig_finish(&rig);
}

static void is_answered_when_its_memory_is_free(void)
{
	start(true);
	CHECK_INT(gpu_rig_ctx_attach(&rig, 1, BLOB), OK);
	CHECK_INT(gpu_rig_submit(&rig, 1, 1), OK);
	rig.manual = true;
	const struct virtio_gpu_resource_unref unref = {
		.hdr.type = VIRTIO_GPU_CMD_RESOURCE_UNREF,
		.resource_id = BLOB,
	};
	uint16_t number = gpu_rig_begin(&rig, &unref, sizeof(unref));
	CHECK(!gpu_rig_answer(&rig, VIRTIO_GPU_QUEUE_CONTROL, number, NULL));
	rig.manual = false;
	gpu_rig_run(&rig);
	CHECK(gpu_rig_answer(&rig, VIRTIO_GPU_QUEUE_CONTROL, number, NULL));
	gpu_rig_finish(&rig);
}

static void waits_for_its_memory(void)
{
	start(false);
	struct fake *fake = rig.fakes[0];
	CHECK_INT(gpu_rig_ctx_attach(&rig, 1, BLOB), OK);
	for (int i = 0; i < 2; i++) {
		CHECK_INT(gpu_rig_submit(&rig, 1, 1), OK);
		fake_expect(fake, FAKE_SUBMIT);
		fake_expect_nothing(fake);
	}
	CHECK_INT(gpu_rig_attach_backing(&rig, BLOB, GUEST_PAGES, SIZE), OK);
	fake_expect_nothing(fake);
	CHECK_INT(gpu_rig_submit(&rig, 1, 1), OK);
	fake_expect(fake, FAKE_RESOURCE_CREATE_BLOB);
	fake_expect(fake, FAKE_REGION_ADD);
	CHECK_INT(fake_expect(fake, FAKE_SET_BACKING)->length, SIZE);
	fake_expect(fake, FAKE_CONTEXT_ATTACH);
	fake_expect(fake, FAKE_SUBMIT);
	/* Once it is made, its memory comes and goes like any other. */
	CHECK_INT(gpu_rig_detach_backing(&rig, BLOB), OK);
	CHECK_INT(fake_expect(fake, FAKE_SET_BACKING)->count, 0);
	CHECK_INT(gpu_rig_attach_backing(&rig, BLOB, GUEST_PAGES + 4, SIZE), OK);
	CHECK_INT(fake_expect(fake, FAKE_SET_BACKING)->length, SIZE);
	fake_expect_nothing(fake);
	gpu_rig_finish(&rig);
}

/* Whatever takes an attachment away while it waits. */
static void goes_while_it_waits(void)
{
	for (int how = 0; how < 5; how++) {
		start(false);
		CHECK_INT(gpu_rig_ctx_attach(&rig, 1, BLOB), OK);
		CHECK_INT(gpu_rig_submit(&rig, 1, 1), OK);
		CHECK_INT(rig.device->attachment_count, 1);
		if (how == 0)
			CHECK_INT(gpu_rig_ctx_detach(&rig, 1, BLOB), OK);
		if (how == 1)
			CHECK_INT(gpu_rig_ctx_destroy(&rig, 1), OK);
		if (how == 2)
			CHECK_INT(gpu_rig_unref(&rig, BLOB), OK);
		if (how == 3)
			gpu_device_impl.reset(rig.device);
		if (how == 4) {
			fake_lose(rig.fakes[0]);
			rig.fakes[0] = NULL;
		}
		CHECK_INT(rig.device->attachment_count, 0);
		gpu_rig_finish(&rig);
	}
}

static void is_dropped_where_it_cannot_be_made(void)
{
	for (int at_once = 0; at_once < 2; at_once++) {
		start(true);
		struct fake *fake = rig.fakes[0];
		fake->fail_type = FAKE_RESOURCE_CREATE_BLOB;
		fake->fail_status = -EINVAL;
		fake->at_once = at_once;
		CHECK_INT(gpu_rig_ctx_attach(&rig, 1, BLOB), OK);
		CHECK_INT(gpu_rig_submit(&rig, 1, 1), OK);
		CHECK_INT(rig.device->attachment_count, 0);
		/* It is still there to be looked at. */
		const struct virtio_gpu_set_scanout_blob picture =
			gpu_rig_picture(BLOB, 4, 4, 16, 0);
		CHECK_INT(gpu_rig_set_scanout_blob(&rig, 0, &picture), OK);
		CHECK_INT(gpu_rig_unref(&rig, BLOB), OK);
		gpu_rig_finish(&rig);
	}
}

/* More regions than a renderer takes: this one cannot be pinned. */
static void is_not_made_without_its_memory(void)
{
	start(true);
	struct fake *fake = rig.fakes[0];
	CHECK_INT(gpu_rig_ctx_attach(&rig, 1, BLOB), OK);
	struct gpu_slot_memory *memory = &rig.device->renderers.slots[1].memory;
	uint32_t count = memory->count;
	memory->count = GPU_SLOT_REGIONS;
	CHECK_INT(gpu_rig_submit(&rig, 1, 1), OK);
	memory->count = count;
	fake_expect(fake, FAKE_RESOURCE_CREATE_BLOB);
	fake_expect(fake, FAKE_RESOURCE_UNREF);
	fake_expect(fake, FAKE_SUBMIT);
	fake_expect_nothing(fake);
	CHECK_INT(rig.device->attachment_count, 0);
	gpu_rig_finish(&rig);
}

static void outlives_its_renderer(void)
{
	const struct virtio_gpu_set_scanout_blob picture = gpu_rig_picture(BLOB, 4, 4, 16, 0);
	start(true);
	gpu_rig_show(&rig, DISPLAY_OF_SESSION);
	gpu_rig_display_begin(&rig, 0);
	CHECK_INT(gpu_rig_ctx_attach(&rig, 1, BLOB), OK);
	CHECK_INT(gpu_rig_submit(&rig, 1, 1), OK);
	CHECK_INT(gpu_rig_set_scanout_blob(&rig, 0, &picture), OK);
	peer_expect(&rig.display, VHOST_USER_GPU_SCANOUT, 12);
	peer_expect(&rig.display, VHOST_USER_GPU_UPDATE, 20 + 64);
	gpu_rig_run(&rig);
	fake_lose(rig.fakes[0]);
	rig.fakes[0] = NULL;
	peer_expect_nothing(&rig.display);
	CHECK_INT(gpu_rig_flush(&rig, BLOB, &(struct rect){ 0, 0, 4, 4 }), OK);
	peer_expect(&rig.display, VHOST_USER_GPU_UPDATE, 20 + 64);
	gpu_rig_run(&rig);

	CHECK_INT(gpu_rig_ctx_create(&rig, 2, 0), OK);
	gpu_rig_fake_ready(&rig, 0);
	CHECK_INT(gpu_rig_ctx_attach(&rig, 2, BLOB), OK);
	CHECK_INT(gpu_rig_submit(&rig, 2, 1), OK);
	CHECK_INT(fake_count(rig.fakes[0], FAKE_RESOURCE_CREATE_BLOB), 1);
	CHECK_INT(fake_count(rig.fakes[0], FAKE_CONTEXT_ATTACH), 1);
	gpu_rig_finish(&rig);
}

int main(int argc, char **argv)
{
	static const struct test_case cases[] = {
		TEST_CASE(is_made_when_a_context_works),
		TEST_CASE(its_memory_cannot_be_cut_off),
		TEST_CASE(is_never_made_when_it_goes_before),
		TEST_CASE(is_answered_when_its_memory_is_free),
		TEST_CASE(waits_for_its_memory),
		TEST_CASE(goes_while_it_waits),
		TEST_CASE(is_dropped_where_it_cannot_be_made),
		TEST_CASE(is_not_made_without_its_memory),
		TEST_CASE(outlives_its_renderer),
	};
	return test_main(argc, argv, cases, ARRAY_SIZE(cases));
}
