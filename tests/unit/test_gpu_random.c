/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/*
 * Commands in any order with small ids and a few numbers that are wrong, while renderers finish
 * what they like, fail, die, or finish at once, displays come and go, memory changes and the device
 * is reset, or saved and loaded. Whatever happens, every request is answered and nothing is left behind.
 */
#include "gpu_rig.h"

#include <stdlib.h>
#include <unistd.h>

#include "gpu/commands.h"
#include "gpu/queues.h"
#include "gpu/resource.h"
#include "gpu/state.h"
#include "short_memory.h"
#include "util/fd.h"
#include "util/log.h"

#define STEPS 4000

static struct gpu_rig rig;
static uint64_t random_state;
static uint32_t failing; /* one allocation in so many; 0: none */
static uint32_t sent[VIRTIO_GPU_QUEUES];
static struct vhost_memory *other_memory;
static uint32_t snapshots; /* that were saved and loaded */

static uint32_t random_below(uint32_t limit)
{
	random_state = random_state * UINT64_C(6364136223846793005) + 1442695040888963407;
	return (uint32_t)(random_state >> 33) % limit;
}

/* Mostly below limit, sometimes anything. */
static uint32_t number(uint32_t limit)
{
	static const uint32_t wrong[] = { 0, 1, 0x7fffffff, 0x80000000, UINT32_MAX, 16384, 65536 };
	return random_below(40) ? random_below(limit) : wrong[random_below(ARRAY_SIZE(wrong))];
}

static struct virtio_gpu_ctrl_hdr header(uint32_t type)
{
	return (struct virtio_gpu_ctrl_hdr){
		.type = type,
		.flags = random_below(3),
		.fence_id = random_below(100),
		.ctx_id = number(5),
		.ring_idx = (uint8_t)random_below(3),
	};
}

static const uint32_t types[] = {
	VIRTIO_GPU_CMD_GET_DISPLAY_INFO,
	VIRTIO_GPU_CMD_GET_EDID,
	VIRTIO_GPU_CMD_RESOURCE_CREATE_2D,
	VIRTIO_GPU_CMD_RESOURCE_UNREF,
	VIRTIO_GPU_CMD_SET_SCANOUT,
	VIRTIO_GPU_CMD_RESOURCE_FLUSH,
	VIRTIO_GPU_CMD_RESOURCE_FLUSH,
	VIRTIO_GPU_CMD_TRANSFER_TO_HOST_2D,
	VIRTIO_GPU_CMD_RESOURCE_ATTACH_BACKING,
	VIRTIO_GPU_CMD_RESOURCE_ATTACH_BACKING,
	VIRTIO_GPU_CMD_RESOURCE_DETACH_BACKING,
	VIRTIO_GPU_CMD_RESOURCE_ASSIGN_UUID,
	VIRTIO_GPU_CMD_RESOURCE_CREATE_BLOB,
	VIRTIO_GPU_CMD_SET_SCANOUT_BLOB,
	VIRTIO_GPU_CMD_GET_CAPSET_INFO,
	VIRTIO_GPU_CMD_GET_CAPSET,
	VIRTIO_GPU_CMD_CTX_CREATE,
	VIRTIO_GPU_CMD_CTX_CREATE,
	VIRTIO_GPU_CMD_CTX_DESTROY,
	VIRTIO_GPU_CMD_CTX_ATTACH_RESOURCE,
	VIRTIO_GPU_CMD_CTX_ATTACH_RESOURCE,
	VIRTIO_GPU_CMD_CTX_DETACH_RESOURCE,
	VIRTIO_GPU_CMD_RESOURCE_CREATE_3D,
	VIRTIO_GPU_CMD_TRANSFER_TO_HOST_3D,
	VIRTIO_GPU_CMD_TRANSFER_FROM_HOST_3D,
	VIRTIO_GPU_CMD_SUBMIT_3D,
	VIRTIO_GPU_CMD_SUBMIT_3D,
	VIRTIO_GPU_CMD_UPDATE_CURSOR,
	VIRTIO_GPU_CMD_MOVE_CURSOR,
};

static struct virtio_gpu_rect rectangle(void)
{
	return (struct virtio_gpu_rect){ number(8), number(8), 1 + number(24), 1 + number(24) };
}

static void fill_2d(union gpu_request *request, uint32_t type)
{
	if (type == VIRTIO_GPU_CMD_RESOURCE_CREATE_2D) {
		request->create_2d.resource_id = number(9);
		request->create_2d.format = 1 + number(4);
		request->create_2d.width = 32;
		request->create_2d.height = random_below(20) ? 32 : number(100);
	} else if (type == VIRTIO_GPU_CMD_SET_SCANOUT) {
		request->set_scanout.r = rectangle();
		request->set_scanout.scanout_id = number(3);
		request->set_scanout.resource_id = number(9);
	} else if (type == VIRTIO_GPU_CMD_RESOURCE_FLUSH) {
		request->flush.r = rectangle();
		request->flush.resource_id = number(9);
	} else if (type == VIRTIO_GPU_CMD_TRANSFER_TO_HOST_2D) {
		request->transfer_2d.r = rectangle();
		request->transfer_2d.resource_id = number(9);
	} else if (type == VIRTIO_GPU_CMD_RESOURCE_ATTACH_BACKING) {
		request->attach_backing.resource_id = number(9);
		request->attach_backing.nr_entries = number(5);
	} else {
		request->cursor.pos.scanout_id = number(3);
		request->cursor.resource_id = number(9);
	}
}

static void fill_blob(union gpu_request *request, uint32_t type)
{
	if (type == VIRTIO_GPU_CMD_RESOURCE_CREATE_BLOB) {
		request->create_blob.resource_id = number(9);
		request->create_blob.blob_mem = random_below(10) ? 1 : number(4);
		request->create_blob.blob_flags = number(4);
		request->create_blob.nr_entries = number(5);
		request->create_blob.size = random_below(4) ? 4096 : number(20000);
	} else {
		request->set_scanout_blob.r = rectangle();
		request->set_scanout_blob.scanout_id = number(3);
		request->set_scanout_blob.resource_id = number(9);
		request->set_scanout_blob.width = random_below(20) ? 32 : number(100);
		request->set_scanout_blob.height = random_below(20) ? 30 : number(100);
		request->set_scanout_blob.format = 1 + number(4);
		request->set_scanout_blob.strides[0] = 128 + number(3);
		request->set_scanout_blob.offsets[0] = number(200);
	}
}

static void fill_3d(union gpu_request *request, uint32_t type)
{
	if (type == VIRTIO_GPU_CMD_CTX_CREATE) {
		request->ctx_create.context_init = random_below(2) ? 4 : number(4);
		request->ctx_create.nlen = number(60);
	} else if (type == VIRTIO_GPU_CMD_RESOURCE_CREATE_3D) {
		request->create_3d.resource_id = number(9);
		request->create_3d.target = random_below(4) ? 2 : number(9);
		request->create_3d.width = request->create_3d.height = 32;
		request->create_3d.depth = request->create_3d.array_size = 1;
		request->create_3d.last_level = number(3);
	} else if (type == VIRTIO_GPU_CMD_SUBMIT_3D) {
		request->submit.size = 4 * number(4);
		request->submit.num_in_fences = random_below(2);
	} else {
		request->transfer_3d.box = (struct virtio_gpu_box){ .w = 4, .h = 4, .d = 1 };
		request->transfer_3d.resource_id = number(9);
		request->transfer_3d.level = number(2);
	}
}

/* A request of this type in bytes; returns its size. */
static size_t make_request(uint32_t type, uint8_t *bytes)
{
	const struct gpu_command_spec *spec = gpu_command_find(type);
	union gpu_request request = { 0 };
	if (spec->resource_field) {
		uint32_t id = number(9);
		memcpy((uint8_t *)&request + spec->resource_field, &id, sizeof(id));
	}
	if (spec->feature == VIRTIO_GPU_F_RESOURCE_BLOB)
		fill_blob(&request, type);
	else if (spec->feature == VIRTIO_GPU_F_VIRGL && type != VIRTIO_GPU_CMD_CTX_DESTROY &&
		spec->request_size > sizeof(struct virtio_gpu_ctx_resource))
		fill_3d(&request, type);
	else if (spec->request_size > sizeof(struct virtio_gpu_ctx_resource))
		fill_2d(&request, type);
	else if (type == VIRTIO_GPU_CMD_SUBMIT_3D)
		fill_3d(&request, type);
	else if (type == VIRTIO_GPU_CMD_RESOURCE_ATTACH_BACKING)
		fill_2d(&request, type);
	request.header = header(type);
	memcpy(bytes, &request, spec->request_size);
	struct virtio_gpu_mem_entry entries[4];
	for (size_t i = 0; i < ARRAY_SIZE(entries); i++)
		entries[i] = (struct virtio_gpu_mem_entry){
			.addr = GUEST_PAGES + number(64) * 4096ull,
			.length = 4096,
		};
	memcpy(bytes + spec->request_size, entries, sizeof(entries));
	size_t size = spec->request_size + sizeof(entries);
	return random_below(50) ? size : random_below((uint32_t)size);
}

static void send_command(void)
{
	uint8_t bytes[sizeof(union gpu_request) + 4 * sizeof(struct virtio_gpu_mem_entry)];
	uint32_t type = types[random_below(ARRAY_SIZE(types))];
	uint32_t queue = type >= VIRTIO_GPU_CMD_UPDATE_CURSOR && random_below(20)
		? VIRTIO_GPU_QUEUE_CURSOR
		: VIRTIO_GPU_QUEUE_CONTROL;
	/* The rig has a place for each of the last half queue of requests. */
	if (rig.queues[queue].in_flight +
			(uint16_t)(rig.rings[queue].next_available -
				rig.queues[queue].split.next_available) >
		QUEUE_SIZE / 4)
		return;
	uint16_t oldest = (uint16_t)(rig.rings[queue].next_available - QUEUE_SIZE / 2);
	if (sent[queue] >= QUEUE_SIZE / 2 && !gpu_rig_answer(&rig, queue, oldest, NULL))
		return;
	sent[queue]++;
	size_t size = make_request(type, bytes);
	gpu_rig_send(&rig, queue, bytes, size, random_below(30) ? ANSWER_ROOM : random_below(64));
}

static struct fake *some_fake(void)
{
	struct fake *fake = rig.fakes[random_below(2)];
	return fake && !fake->lost ? fake : NULL;
}

static void meddle_with_renderer(struct fake *fake)
{
	switch (random_below(12)) {
	case 0:
		fake->at_once = !fake->at_once;
		break;
	case 1:
		fake->fail_type = (enum fake_type)random_below(2 * FAKE_NONE);
		fake->fail_status = random_below(2) ? -ENOMEM : -EINVAL;
		break;
	case 2:
		if (random_below(20) == 0)
			gpu_rig_lose(&rig, fake);
		break;
	case 3:
		fake->base.can_export = !fake->base.can_export;
		break;
	default:
		for (uint32_t n = random_below(20); n > 0 && fake_finish_one(fake, 0); n--)
			continue;
	}
}

static void drain_display(void)
{
	uint8_t bytes[65536];
	while (rig.display.sock >= 0 && read(rig.display.sock, bytes, sizeof(bytes)) > 0)
		continue;
}

/* The device is saved and loaded again, which it does not notice. */
static void save_and_load(void)
{
	struct vhost_session_state session = { .features = rig.device->features };
	struct gpu_rig_state first = { NULL, 0 }, second = { NULL, 0 };
	for (uint32_t i = 0; i < VIRTIO_GPU_QUEUES; i++)
		gpu_device_impl.queue_stop(rig.device, &rig.queues[i], true);
	if (gpu_rig_save(&rig, &session, &first) == 0 &&
		gpu_rig_load(&rig, &first, 1 + random_below(5000), &session) == 0 &&
		gpu_rig_save(&rig, &session, &second) == 0) {
		snapshots++;
		CHECK_INT(first.size, second.size);
		CHECK_MEM(first.bytes, second.bytes, first.size);
	}
	free(first.bytes);
	free(second.bytes);
	for (uint32_t i = 0; i < VIRTIO_GPU_QUEUES; i++)
		gpu_device_impl.queue_ready(rig.device, &rig.queues[i]);
}

static void meddle_with_session(void)
{
	struct virtqueue *control = &rig.queues[VIRTIO_GPU_QUEUE_CONTROL];
	switch (random_below(100)) {
	case 0:
		for (uint32_t i = 0; i < VIRTIO_GPU_QUEUES; i++)
			gpu_device_impl.queue_stop(rig.device, &rig.queues[i], true);
		gpu_device_impl.reset(rig.device);
		for (uint32_t i = 0; i < VIRTIO_GPU_QUEUES; i++)
			gpu_device_impl.queue_ready(rig.device, &rig.queues[i]);
		break;
	case 1:
		gpu_device_impl.queue_stop(rig.device, control, true);
		CHECK_INT(control->in_flight, 0);
		gpu_device_impl.queue_ready(rig.device, control);
		break;
	case 2:
		gpu_device_impl.memory_changed(rig.device, other_memory);
		break;
	case 3:
	case 4:
		gpu_device_impl.memory_changed(rig.device, rig.memory);
		break;
	case 5:
		gpu_rig_show(&rig, random_below(2) ? DISPLAY_OF_SESSION : DISPLAY_OF_VIEWER);
		fd_set_nonblocking(rig.display.sock);
		break;
	case 6:
		fd_close(&rig.display.sock);
		break;
	case 7:
		save_and_load();
		break;
	default:
		drain_display();
	}
}

/* The logs of the fakes would fill up: they are kept short, with what is still open. */
static void forget_history(struct fake *fake)
{
	uint32_t kept = 0;
	for (uint32_t i = 0; i < fake->count; i++)
		if (fake->ops[i].call || fake->ops[i].type == FAKE_RESOURCE_CREATE)
			fake->ops[kept++] = fake->ops[i];
	fake->count = kept;
}

static void step(void)
{
	struct fake *fake = some_fake();
	for (uint32_t n = random_below(6); n > 0; n--)
		send_command();
	short_memory(failing);
	if (random_below(2))
		CHECK_INT(loop_round(rig.loop, 0), 0);
	if (fake)
		meddle_with_renderer(fake);
	meddle_with_session();
	short_memory(0);
	for (uint32_t i = 0; i < 2; i++)
		if (rig.fakes[i] && rig.fakes[i]->count > FAKE_MAX_OPS / 2)
			forget_history(rig.fakes[i]);
}

static void check_all_answered(void)
{
	for (uint32_t i = 0; i < 2; i++)
		if (rig.fakes[i])
			rig.fakes[i]->fail_type = FAKE_NONE;
	fd_close(&rig.display.sock);
	rig.manual = false;
	for (int i = 0; i < 10; i++) {
		CHECK_INT(loop_round(rig.loop, failing ? 2 * (int)GPU_RETRY_MS : 0), 0);
		gpu_rig_run(&rig);
	}
	for (uint32_t i = 0; i < VIRTIO_GPU_QUEUES; i++) {
		CHECK(!rig.queues[i].broken);
		CHECK_INT(rig.queues[i].in_flight, 0);
		CHECK_INT((uint16_t)(rig.rings[i].next_available - vring_used_index(&rig.rings[i])),
			0);
	}
	CHECK(list_empty(&rig.device->commands.live));
	gpu_device_impl.reset(rig.device);
	gpu_rig_run(&rig);
	CHECK_INT(rig.device->resource_count, 0);
	CHECK_INT(rig.device->blob_count, 0);
	CHECK_INT(rig.device->context_count, 0);
	CHECK_INT(rig.device->attachment_count, 0);
	CHECK_INT(rig.device->backing_entries, 0);
	CHECK_INT(rig.device->frame_bytes, 0);
}

static void survive_with(uint64_t seed, uint32_t renderers, uint64_t features)
{
	random_state = seed;
	memset(sent, 0, sizeof(sent));
	gpu_rig_prepare(&rig, renderers);
	gpu_rig_start(&rig, features);
	other_memory = gpu_rig_other_memory(&rig, 0);
	rig.manual = true;
	for (int i = 0; i < STEPS; i++)
		step();
	check_all_answered();
	gpu_device_impl.memory_changed(rig.device, rig.memory);
	gpu_rig_run(&rig);
	CHECK_INT(other_memory->refs, 1);
	vhost_memory_unref(other_memory);
	gpu_rig_finish(&rig);
}

static void survive(uint64_t seed, uint32_t renderers)
{
	survive_with(seed, renderers,
		FEATURES_3D | FEATURES_BLOB | FEATURE_BIT(VIRTIO_GPU_F_RESOURCE_UUID));
}

static void survives_with_two_renderers(void)
{
	for (uint64_t seed = 1; seed <= 6; seed++)
		survive(seed, 2);
}

static void survives_with_one_renderer(void)
{
	for (uint64_t seed = 101; seed <= 106; seed++)
		survive(seed, 1);
}

static void survives_short_memory(void)
{
	for (uint64_t seed = 301; seed <= 306; seed++) {
		failing = (uint32_t)(seed % 3 + 1) * 10;
		survive(seed, (uint32_t)(seed % 3));
	}
	failing = 0;
	CHECK(short_memory_failures() > 1000);
}

static void survives_without_renderers(void)
{
	survive(201, 0);
}

static void survives_in_2d(void)
{
	snapshots = 0;
	survive_with(401, 0, FEATURES_BLOB | FEATURE_BIT(VIRTIO_GPU_F_RESOURCE_UUID));
	CHECK(snapshots > 20);
}

int main(int argc, char **argv)
{
	static const struct test_case cases[] = {
		TEST_CASE(survives_with_two_renderers),
		TEST_CASE(survives_with_one_renderer),
		TEST_CASE(survives_without_renderers),
		TEST_CASE(survives_in_2d),
		TEST_CASE(survives_short_memory),
	};
	log_init("test", LOG_ERROR);
	return test_main(argc, argv, cases, ARRAY_SIZE(cases));
}
