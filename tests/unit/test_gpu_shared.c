/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/*
 * UUIDs of resources, and what a VMM is told of them.
 */
#include "gpu_rig.h"
#include "session_in_name.h"

#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "gpu/resource.h"
#include "gpu/state.h"
#include "util/fd.h"
#include "vhost/backend_channel.h"

#define OK       VIRTIO_GPU_RESP_OK_NODATA
#define OK_UUID  VIRTIO_GPU_RESP_OK_RESOURCE_UUID
#define ADD      VHOST_USER_BACKEND_SHARED_OBJECT_ADD
#define REMOVE   VHOST_USER_BACKEND_SHARED_OBJECT_REMOVE
#define FEATURES (FEATURES_3D | FEATURE_BIT(VIRTIO_GPU_F_RESOURCE_UUID))
static struct gpu_rig rig;
/* One renderer that exports, resources 5 and 6 of it, and a VMM that can do everything. */
static void start(void)
{
	gpu_rig_prepare(&rig, 1);
	gpu_rig_start(&rig, FEATURES);
	rig.fakes[0]->base.can_export = true;
	gpu_device_set_session(rig.device,
		session_in_name_begin(rig.loop,
			SESSION_LIKE_QEMU | VHOST_BIT(VHOST_USER_PROTOCOL_F_SHARED_OBJECT)));
	CHECK_INT(gpu_rig_create_3d(&rig, 5, 8, 8), OK);
	CHECK_INT(gpu_rig_create_3d(&rig, 6, 8, 8), OK);
}

/* As a session does it: the channel goes first. */
static void finish(void)
{
	session_in_name_close_channel();
	gpu_device_impl.closed(rig.device);
	CHECK(list_empty(&rig.device->shares.all));
	CHECK_INT(rig.device->shares.exports, 0);
	fd_close(&vmm.sock);
	gpu_rig_finish(&rig);
}

static uint16_t begin_assign(uint32_t id)
{
	const struct virtio_gpu_resource_assign_uuid request = {
		.hdr.type = VIRTIO_GPU_CMD_RESOURCE_ASSIGN_UUID,
		.resource_id = id,
	};
	return gpu_rig_begin(&rig, &request, sizeof(request));
}

/* The UUID that a command has been answered with; NULL: not yet. */
static const uint8_t *uuid_of(uint16_t number)
{
	uint32_t length;
	const struct virtio_gpu_resp_resource_uuid *answer =
		(const void *)gpu_rig_answer(&rig, VIRTIO_GPU_QUEUE_CONTROL, number, &length);
	if (!answer)
		return NULL;
	CHECK_INT(answer->hdr.type, OK_UUID);
	CHECK_INT(length, sizeof(*answer));
	return answer->uuid;
}

struct request {
	struct vhost_user_header header;
	struct vhost_user_shared shared;
};

/* The VMM is asked this; *ret_uuid is what of. */
static void expect_asked(uint32_t type, uint8_t ret_uuid[16])
{
	struct request request;
	gpu_rig_run(&rig);
	CHECK_INT(recv(vmm.sock, &request, sizeof(request), MSG_DONTWAIT), sizeof(request));
	CHECK_INT(request.header.request, type);
	CHECK_INT(request.header.flags, VHOST_USER_VERSION | VHOST_USER_NEED_REPLY_MASK);
	CHECK_INT(request.header.size, sizeof(request.shared));
	memcpy(ret_uuid, request.shared.uuid, 16);
}

static void expect_asked_of(uint32_t type, const uint8_t uuid[16])
{
	uint8_t asked[16];
	expect_asked(type, asked);
	CHECK_MEM(asked, uuid, 16);
}

static void expect_not_asked(void)
{
	uint8_t byte;
	gpu_rig_run(&rig);
	CHECK_INT(recv(vmm.sock, &byte, 1, MSG_DONTWAIT), -1);
}

static void answer(uint32_t type, uint64_t status)
{
	const struct {
		struct vhost_user_header header;
		uint64_t status;
	} __attribute__((packed)) reply = {
		.header = { .request = type,
			.flags = VHOST_USER_VERSION | VHOST_USER_REPLY_MASK,
			.size = 8 },
		.status = status,
	};
	CHECK_INT(write(vmm.sock, &reply, sizeof(reply)), sizeof(reply));
	gpu_rig_run(&rig);
}

/* Gives resource id a UUID that the VMM is told of and takes. */
static void assign(uint32_t id, uint8_t ret_uuid[16])
{
	uint16_t number = begin_assign(id);
	expect_asked(ADD, ret_uuid);
	CHECK(!uuid_of(number));
	answer(ADD, 0);
	CHECK_MEM(uuid_of(number), ret_uuid, 16);
}

static void check_shared(const uint8_t uuid[16], bool shared)
{
	int fd = gpu_device_impl.shared_object(rig.device, uuid);
	CHECK_INT(fd >= 0 ? 0 : fd, shared ? 0 : -ENOENT);
	struct stat status;
	CHECK(!shared || fstat(fd, &status) == 0);
}

static void makes_uuids(void)
{
	uint8_t seen[20][16];
	gpu_rig_prepare(&rig, 0);
	gpu_rig_start(&rig, FEATURES_2D | FEATURE_BIT(VIRTIO_GPU_F_RESOURCE_UUID));
	for (uint32_t i = 0; i < ARRAY_SIZE(seen); i++) {
		CHECK_INT(gpu_rig_create_2d(&rig, i + 1, 4, 4), OK);
		const uint8_t *uuid = uuid_of(begin_assign(i + 1));
		CHECK(uuid);
		CHECK_INT(uuid[6] >> 4, 4);
		CHECK_INT(uuid[8] >> 6, 2);
		memcpy(seen[i], uuid, 16);
		for (uint32_t j = 0; j < i; j++)
			CHECK(memcmp(seen[j], uuid, 16) != 0);
		CHECK_MEM(uuid_of(begin_assign(i + 1)), seen[i], 16);
		check_shared(seen[i], false);
	}
	/* Another resource with the same id is another one. */
	CHECK_INT(gpu_rig_unref(&rig, 1), OK);
	CHECK_INT(gpu_rig_create_2d(&rig, 1, 4, 4), OK);
	CHECK(memcmp(uuid_of(begin_assign(1)), seen[0], 16) != 0);
	gpu_rig_finish(&rig);
}

static uint32_t assign_type(uint32_t id)
{
	const struct virtio_gpu_resource_assign_uuid request = {
		.hdr.type = VIRTIO_GPU_CMD_RESOURCE_ASSIGN_UUID,
		.resource_id = id,
	};
	return gpu_rig_do(&rig, &request, sizeof(request));
}

static void refuses_what_is_not_there(void)
{
	gpu_rig_prepare(&rig, 0);
	gpu_rig_start(&rig, FEATURES_2D | FEATURE_BIT(VIRTIO_GPU_F_RESOURCE_UUID));
	CHECK_INT(assign_type(0), VIRTIO_GPU_RESP_ERR_INVALID_RESOURCE_ID);
	CHECK_INT(assign_type(7), VIRTIO_GPU_RESP_ERR_INVALID_RESOURCE_ID);
	gpu_rig_finish(&rig);
	gpu_rig_prepare(&rig, 0);
	gpu_rig_start(&rig, FEATURES_2D);
	CHECK_INT(gpu_rig_create_2d(&rig, 7, 4, 4), OK);
	CHECK_INT(assign_type(7), VIRTIO_GPU_RESP_ERR_UNSPEC);
	gpu_rig_finish(&rig);
}

static void allows_blobs_across_devices(void)
{
	struct {
		struct virtio_gpu_resource_create_blob create;
		struct virtio_gpu_mem_entry entry;
	} request = {
		.create.hdr.type = VIRTIO_GPU_CMD_RESOURCE_CREATE_BLOB,
		.create.resource_id = 1,
		.create.blob_mem = VIRTIO_GPU_BLOB_MEM_GUEST,
		.create.blob_flags = VIRTIO_GPU_BLOB_FLAG_USE_CROSS_DEVICE,
		.create.nr_entries = 1,
		.create.size = 4096,
		.entry = { .addr = GUEST_PAGES, .length = 4096 },
	};
	gpu_rig_prepare(&rig, 0);
	gpu_rig_start(&rig, FEATURES_BLOB | FEATURE_BIT(VIRTIO_GPU_F_RESOURCE_UUID));
	CHECK_INT(gpu_rig_do(&rig, &request, sizeof(request)), OK);
	CHECK(uuid_of(begin_assign(1)));
	gpu_rig_finish(&rig);
}

static void tells_the_vmm(void)
{
	uint8_t uuid[16];
	start();
	assign(5, uuid);
	check_shared(uuid, true);
	CHECK_MEM(uuid_of(begin_assign(5)), uuid, 16);
	expect_not_asked();
	CHECK_INT(fake_count(rig.fakes[0], FAKE_EXPORT), 1);
	CHECK_INT(gpu_rig_unref(&rig, 5), OK);
	check_shared(uuid, false);
	expect_asked_of(REMOVE, uuid);
	answer(REMOVE, 0);
	CHECK(list_empty(&rig.device->shares.all));
	expect_not_asked();
	finish();
}

static void tells_nothing_that_is_not_wanted(void)
{
	for (int why = 0; why < 4; why++) {
		start();
		if (why == 0)
			vmm.features = 0;
		if (why == 1)
			rig.fakes[0]->base.can_export = false;
		if (why == 2) {
			rig.fakes[0]->fail_type = FAKE_EXPORT;
			rig.fakes[0]->fail_status = -EOPNOTSUPP;
		}
		if (why == 3) {
			backend_channel_destroy(vmm.channel);
			vmm.channel = NULL;
		}
		const uint8_t *uuid = uuid_of(begin_assign(5));
		CHECK(uuid);
		check_shared(uuid, false);
		if (why != 3)
			expect_not_asked();
		CHECK_INT(fake_count(rig.fakes[0], FAKE_EXPORT), why == 2);
		finish();
	}
}

static void answers_without_a_vmm_that_refuses(void)
{
	uint8_t uuid[16];
	start();
	uint16_t number = begin_assign(5);
	expect_asked(ADD, uuid);
	answer(ADD, 1);
	CHECK_MEM(uuid_of(number), uuid, 16);
	CHECK_INT(gpu_rig_unref(&rig, 5), OK);
	expect_not_asked();
	CHECK(list_empty(&rig.device->shares.all));
	finish();
}

static void waits_for_the_dmabuf(void)
{
	uint8_t uuid[16];
	start();
	rig.manual = true;
	uint16_t number = begin_assign(5);
	expect_not_asked();
	CHECK(!uuid_of(number));
	fake_finish(rig.fakes[0]);
	expect_asked(ADD, uuid);
	CHECK(!uuid_of(number));
	answer(ADD, 0);
	CHECK_MEM(uuid_of(number), uuid, 16);
	rig.manual = false;
	finish();
}

/* Whatever ends the waiting without the VMM. */
static void does_not_wait_for_ever(void)
{
	for (int how = 0; how < 5; how++) {
		uint8_t uuid[16];
		start();
		uint16_t number = begin_assign(5);
		expect_asked(ADD, uuid);
		CHECK(!uuid_of(number));
		if (how == 0)
			CHECK_INT(gpu_rig_unref(&rig, 5), OK);
		if (how == 1)
			gpu_device_impl.queue_stop(
				rig.device, &rig.queues[VIRTIO_GPU_QUEUE_CONTROL], false);
		if (how == 2)
			gpu_device_impl.reset(rig.device);
		if (how == 3)
			fd_close(&vmm.sock);
		if (how == 4)
			gpu_device_impl.queue_stop(
				rig.device, &rig.queues[VIRTIO_GPU_QUEUE_CONTROL], true);
		gpu_rig_run(&rig);
		if (how != 2)
			CHECK_MEM(uuid_of(number), uuid, 16);
		finish();
		CHECK_INT(rig.queues[VIRTIO_GPU_QUEUE_CONTROL].in_flight, 0);
	}
}

static void nothing_done(void *data, int status)
{
}

/* What the VMM is asked to map before; it is not answered. */
static void ask_for_mapping(bool running)
{
	static const struct vhost_user_mmap map = { .shmid = 1, .length = 4096 };
	const struct backend_channel_args args = {
		.request = VHOST_USER_BACKEND_SHMEM_MAP,
		.payload = &map,
		.size = sizeof(map),
		.fd = -1,
		.while_running = true,
		.done = nothing_done,
	};
	uint8_t bytes[sizeof(struct vhost_user_header)];
	backend_channel_set_running(vmm.channel, running);
	CHECK_INT(backend_channel_request(vmm.channel, &args), 0);
	if (!running)
		return;
	CHECK_INT(recv(vmm.sock, bytes, sizeof(bytes), MSG_DONTWAIT), sizeof(bytes));
	gpu_rig_run(&rig);
	CHECK_INT(recv(vmm.sock, bytes, sizeof(bytes), MSG_DONTWAIT), sizeof(bytes));
	gpu_rig_run(&rig);
	while (recv(vmm.sock, bytes, sizeof(bytes), MSG_DONTWAIT) > 0)
		;
}

/* Waits until the command, which was begun at this time, is answered. */
static void wait_for_uuid(uint16_t number, uint64_t begin_ms)
{
	while (!uuid_of(number) && loop_now_ms() - begin_ms < 10 * GPU_SHARE_MS)
		CHECK_INT(loop_round(rig.loop, 10), 0);
	CHECK(uuid_of(number));
	CHECK(loop_now_ms() - begin_ms >= GPU_SHARE_MS);
}

/* The guest gets its UUIDs in time although the VMM owes an answer to something else, and the VMM is told when it
 * has given that. */
static void does_not_wait_for_a_mapping(void)
{
	uint8_t uuid[16];
	start();
	ask_for_mapping(true);
	uint64_t first_ms = loop_now_ms();
	uint16_t first = begin_assign(5);
	while (loop_now_ms() - first_ms < 50)
		CHECK_INT(loop_round(rig.loop, 10), 0);
	uint64_t second_ms = loop_now_ms();
	uint16_t second = begin_assign(6);
	wait_for_uuid(first, first_ms);
	wait_for_uuid(second, second_ms);
	memcpy(uuid, uuid_of(first), 16);
	CHECK_MEM(uuid_of(begin_assign(5)), uuid, 16);
	expect_not_asked();
	answer(VHOST_USER_BACKEND_SHMEM_MAP, 0);
	expect_asked_of(ADD, uuid);
	answer(ADD, 0);
	expect_asked_of(ADD, uuid_of(second));
	answer(ADD, 0);
	CHECK_INT(gpu_rig_unref(&rig, 5), OK);
	expect_asked_of(REMOVE, uuid);
	finish();
}

/* The other queue is stopped: nothing is mapped, and what is asked next stands behind that. */
static void does_not_wait_for_a_device_that_stops(void)
{
	start();
	ask_for_mapping(false);
	uint64_t begin_ms = loop_now_ms();
	wait_for_uuid(begin_assign(5), begin_ms);
	finish();
}

static void asks_one_at_a_time(void)
{
	uint8_t first[16], second[16];
	start();
	uint16_t numbers[2] = { begin_assign(5), begin_assign(6) };
	expect_asked(ADD, first);
	expect_not_asked();
	CHECK(!uuid_of(numbers[0]) && !uuid_of(numbers[1]));
	/* It is gone before the VMM has answered. */
	CHECK_INT(gpu_rig_unref(&rig, 5), OK);
	expect_not_asked();
	answer(ADD, 0);
	/* What is taken back goes before what is new. */
	expect_asked_of(REMOVE, first);
	answer(REMOVE, 0);
	expect_asked(ADD, second);
	answer(ADD, 0);
	CHECK_MEM(uuid_of(numbers[1]), second, 16);
	expect_not_asked();
	finish();
}

static void takes_all_back_at_a_reset(void)
{
	uint8_t uuids[2][16], asked[16];
	start();
	assign(5, uuids[0]);
	assign(6, uuids[1]);
	gpu_device_impl.reset(rig.device);
	check_shared(uuids[0], false);
	check_shared(uuids[1], false);
	for (int i = 0; i < 2; i++) {
		expect_asked(REMOVE, asked);
		CHECK(memcmp(asked, uuids[0], 16) == 0 || memcmp(asked, uuids[1], 16) == 0);
		answer(REMOVE, 1);
	}
	expect_not_asked();
	CHECK(list_empty(&rig.device->shares.all));
	finish();
}

static void follows_its_renderer(void)
{
	uint8_t uuid[16];
	start();
	assign(5, uuid);
	fake_lose(rig.fakes[0]);
	rig.fakes[0] = NULL;
	check_shared(uuid, false);
	expect_asked_of(REMOVE, uuid);
	answer(REMOVE, 0);
	CHECK_INT(gpu_rig_ctx_create(&rig, 1, 0), OK);
	gpu_rig_fake_ready(&rig, 0);
	rig.fakes[0]->base.can_export = true;
	CHECK_INT(gpu_rig_ctx_attach(&rig, 1, 5), OK);
	expect_asked_of(ADD, uuid);
	answer(ADD, 0);
	check_shared(uuid, true);
	finish();
}

/* A 2D resource can be shared once it is where contexts draw. */
static void shares_2d_where_it_is_rendered(void)
{
	uint8_t uuid[16];
	start();
	CHECK_INT(gpu_rig_create_2d(&rig, 1, 8, 8), OK);
	const uint8_t *given = uuid_of(begin_assign(1));
	CHECK(given);
	memcpy(uuid, given, 16);
	expect_not_asked();
	CHECK_INT(gpu_rig_ctx_create(&rig, 1, 0), OK);
	CHECK_INT(gpu_rig_ctx_attach(&rig, 1, 1), OK);
	CHECK_INT(gpu_rig_submit(&rig, 1, 1), OK);
	expect_asked_of(ADD, uuid);
	answer(ADD, 0);
	check_shared(uuid, true);
	finish();
}

/* What it was told last may have been heard: it is taken back on the next one. */
static void goes_on_with_another_channel(void)
{
	uint8_t uuid[16];
	start();
	uint16_t number = begin_assign(5);
	expect_asked(ADD, uuid);
	session_in_name_open_channel(rig.loop);
	gpu_rig_run(&rig);
	CHECK_MEM(uuid_of(number), uuid, 16);
	check_shared(uuid, true);
	expect_not_asked();
	CHECK_INT(gpu_rig_unref(&rig, 5), OK);
	expect_asked_of(REMOVE, uuid);
	finish();
}

static void exports_so_many(void)
{
	uint8_t uuid[16];
	start();
	rig.device->shares.exports = GPU_MAX_SHARED;
	CHECK(uuid_of(begin_assign(5)));
	expect_not_asked();
	rig.device->shares.exports--;
	assign(6, uuid);
	CHECK_INT(rig.device->shares.exports, GPU_MAX_SHARED);
	CHECK_INT(gpu_rig_unref(&rig, 6), OK);
	expect_asked_of(REMOVE, uuid);
	answer(REMOVE, 0);
	CHECK_INT(rig.device->shares.exports, GPU_MAX_SHARED - 1);
	rig.device->shares.exports = 0;
	finish();
}

int main(int argc, char **argv)
{
	static const struct test_case cases[] = {
		TEST_CASE(makes_uuids),
		TEST_CASE(refuses_what_is_not_there),
		TEST_CASE(allows_blobs_across_devices),
		TEST_CASE(tells_the_vmm),
		TEST_CASE(tells_nothing_that_is_not_wanted),
		TEST_CASE(answers_without_a_vmm_that_refuses),
		TEST_CASE(waits_for_the_dmabuf),
		TEST_CASE(does_not_wait_for_ever),
		TEST_CASE(does_not_wait_for_a_mapping),
		TEST_CASE(does_not_wait_for_a_device_that_stops),
		TEST_CASE(asks_one_at_a_time),
		TEST_CASE(takes_all_back_at_a_reset),
		TEST_CASE(follows_its_renderer),
		TEST_CASE(shares_2d_where_it_is_rendered),
		TEST_CASE(goes_on_with_another_channel),
		TEST_CASE(exports_so_many),
	};
	return test_main(argc, argv, cases, ARRAY_SIZE(cases));
}
