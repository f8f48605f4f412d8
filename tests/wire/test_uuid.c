/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/* UUIDs of resources: what the VMM hears of them, and what it gets when it asks. */
#include <signal.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "util/fd.h"
#include "wire_3d.h"

#define XRGB   VIRTIO_GPU_FORMAT_B8G8R8X8_UNORM
#define SIDE   32u
#define BAD_ID VIRTIO_GPU_RESP_ERR_INVALID_RESOURCE_ID

/* A machine whose textures leave the renderer as "dma-bufs", with context 1. */
static struct kit_machine *exporting(void)
{
	struct kit_machine *m = wire_machine_3d("null-export");
	CHECK(kit_vmm_has(&m->vmm, VHOST_USER_PROTOCOL_F_SHARED_OBJECT));
	wire_context(m, 1);
	return m;
}

static void texture(struct kit_machine *m, uint32_t id, uint32_t color)
{
	wire_texture(m, id, SIDE, SIDE);
	CHECK_GOOD(m, kit_gpu_ctx_attach(&m->gpu, 1, id));
	CHECK_GOOD(m, WIRE_SUBMIT(m, 1, NULL_FILL, id, color));
}

static void assign(struct kit_machine *m, uint32_t id, uint8_t ret_uuid[16])
{
	CHECK_TYPE(m, kit_gpu_assign_uuid(&m->gpu, id, ret_uuid), VIRTIO_GPU_RESP_OK_RESOURCE_UUID);
	CHECK_INT(ret_uuid[6] >> 4, 4);
	CHECK_INT(ret_uuid[8] >> 6, 2);
}

static int shared(struct kit_machine *m, const uint8_t *uuid)
{
	int fd;
	CHECK_OK(m, kit_vmm_get_shared_object(&m->vmm, uuid, &fd));
	return fd;
}

static void check_not_shared(struct kit_machine *m, const uint8_t *uuid)
{
	CHECK_INT(shared(m, uuid), -1);
}

/* What is shared is the texture itself. */
static void check_shared(struct kit_machine *m, const uint8_t *uuid, uint32_t color)
{
	int fd = shared(m, uuid);
	CHECK(fd >= 0);
	const uint32_t *pixels = mmap(NULL, SIDE * SIDE * 4, PROT_READ, MAP_SHARED, fd, 0);
	CHECK(pixels != MAP_FAILED);
	for (uint32_t i = 0; i < SIDE * SIDE; i++)
		CHECK_INT(pixels[i], color);
	munmap((void *)(uintptr_t)pixels, SIDE * SIDE * 4);
	fd_close(&fd);
}

/* The VMM knows of it before the guest does. */
static void life_of_an_object(void)
{
	uint8_t uuid[16], again[16];
	struct kit_machine *m = exporting();
	texture(m, 1, 0x445566);
	assign(m, 1, uuid);
	CHECK_INT(m->vmm.channel.shared_count, 1);
	CHECK(kit_channel_shares(&m->vmm.channel, uuid));
	check_shared(m, uuid, 0x445566);
	CHECK_GOOD(m, WIRE_SUBMIT(m, 1, NULL_FILL, 1, 0x112233));
	check_shared(m, uuid, 0x112233);
	assign(m, 1, again);
	CHECK_MEM(again, uuid, 16);
	CHECK_INT(m->vmm.channel.count, 1);

	CHECK_GOOD(m, kit_gpu_unref(&m->gpu, 1));
	check_not_shared(m, uuid);
	CHECK_OK(m, kit_channel_wait_shared(&m->vmm.channel, 0));
	CHECK_TYPE(m, kit_gpu_assign_uuid(&m->gpu, 1, again), BAD_ID);
	texture(m, 1, 0x445566);
	assign(m, 1, again);
	CHECK(memcmp(again, uuid, 16) != 0);
	CHECK_INT(m->vmm.channel.refused, 0);
	wire_end(m);
}

static void many_objects(void)
{
	uint8_t uuids[40][16];
	struct kit_machine *m = exporting();
	for (uint32_t i = 0; i < ARRAY_SIZE(uuids); i++) {
		texture(m, 10 + i, 0x10101 * i);
		assign(m, 10 + i, uuids[i]);
	}
	CHECK_INT(m->vmm.channel.shared_count, ARRAY_SIZE(uuids));
	for (uint32_t i = 0; i < ARRAY_SIZE(uuids); i++)
		check_shared(m, uuids[i], 0x10101 * i);
	for (uint32_t i = 0; i < ARRAY_SIZE(uuids); i += 2)
		CHECK_GOOD(m, kit_gpu_unref(&m->gpu, 10 + i));
	CHECK_OK(m, kit_channel_wait_shared(&m->vmm.channel, ARRAY_SIZE(uuids) / 2));
	for (uint32_t i = 0; i < ARRAY_SIZE(uuids); i++)
		if (i % 2)
			check_shared(m, uuids[i], 0x10101 * i);
		else
			check_not_shared(m, uuids[i]);
	CHECK_INT(m->vmm.channel.refused, 0);
	wire_end(m);
}

/* A reset and a pause: objects end with the one, and outlive the other. */
static void resets_and_pauses(void)
{
	uint8_t uuid[16];
	struct kit_machine *m = exporting();
	for (uint32_t i = 0; i < 3; i++) {
		texture(m, 1, 0x445566);
		assign(m, 1, uuid);
		CHECK_OK(m, kit_machine_stop(m));
		check_shared(m, uuid, 0x445566);
		CHECK_OK(m, kit_machine_start(m));
		check_shared(m, uuid, 0x445566);
		CHECK_INT(m->vmm.channel.shared_count, 1);
		CHECK_OK(m, kit_machine_reset(m));
		CHECK_OK(m, kit_channel_wait_shared(&m->vmm.channel, 0));
		check_not_shared(m, uuid);
		wire_context(m, 1);
	}
	CHECK_INT(m->vmm.channel.refused, 0);
	wire_end(m);
}

/* With the renderer goes what it exported. */
static void renderer_dies(void)
{
	uint8_t uuid[16];
	struct kit_machine *m = exporting();
	texture(m, 1, 0x445566);
	assign(m, 1, uuid);
	pid_t pid = kit_backend_find(m->backend, "virtiogpud-render-null");
	CHECK(pid > 0);
	kill(pid, SIGKILL);
	CHECK_OK(m, kit_channel_wait_shared(&m->vmm.channel, 0));
	check_not_shared(m, uuid);
	wire_check_alive(m);
	wire_end(m);
}

/* There is a UUID for everything, also where there is nothing to be shared. */
static void nothing_to_be_shared(void)
{
	uint8_t uuids[3][16];
	const struct virtio_gpu_set_scanout_blob like = {
		.resource_id = 2, .width = SIDE, .height = SIDE, .format = XRGB
	};
	struct kit_machine *m = wire_machine_3d("null");
	struct kit_surface blob;
	CHECK_GOOD(m, kit_gpu_create_2d(&m->gpu, 1, XRGB, SIDE, SIDE));
	CHECK_GOOD(m, kit_surface_create_blob(&m->gpu, &blob, &like, 0));
	wire_texture(m, 3, SIDE, SIDE);
	for (uint32_t i = 0; i < 3; i++) {
		assign(m, i + 1, uuids[i]);
		check_not_shared(m, uuids[i]);
	}
	CHECK_INT(m->vmm.channel.count, 0);
	check_not_shared(m, NULL); /* as QEMU asks */
	kit_surface_finish(&blob);
	wire_end(m);
}

/* VMMs that have no such list, no channel, or do not want the object. */
static void vmms_that_do_not_share(void)
{
	static const uint32_t unwanted[] = {
		VHOST_USER_PROTOCOL_F_SHARED_OBJECT,
		VHOST_USER_PROTOCOL_F_BACKEND_REQ,
	};
	uint8_t uuid[16];
	for (size_t i = 0; i < ARRAY_SIZE(unwanted); i++) {
		struct kit_machine *m = wire_machine("null-export",
			&(struct kit_machine_spec){ .profile = &kit_profile_qemu_gpu_all,
				.protocol_unwanted = VHOST_BIT(unwanted[i]) });
		wire_context(m, 1);
		texture(m, 1, 0x445566);
		assign(m, 1, uuid);
		CHECK_GOOD(m, kit_gpu_unref(&m->gpu, 1));
		CHECK_INT(m->vmm.channel.count, 0);
		wire_end(m);
	}
	struct kit_machine *m = exporting();
	m->vmm.channel.answer = KIT_CHANNEL_REFUSE;
	texture(m, 1, 0x445566);
	assign(m, 1, uuid);
	CHECK_GOOD(m, kit_gpu_unref(&m->gpu, 1));
	CHECK_OK(m, kit_pump(&m->kit, 20));
	CHECK_INT(m->vmm.channel.count, 1);
	wire_end(m);
}

/* A VMM that breaks the channel: the guest gets its UUID all the same, and what it needs the
 * main socket for goes on. */
static void broken_channels(void)
{
	static const enum kit_channel_answer answers[] = {
		KIT_CHANNEL_WRONG,
		KIT_CHANNEL_WRONG_SIZE,
		KIT_CHANNEL_UNSOLICITED,
		KIT_CHANNEL_CLOSE,
	};
	for (size_t i = 0; i < ARRAY_SIZE(answers); i++) {
		uint8_t uuids[2][16];
		struct kit_machine *m = exporting();
		m->vmm.channel.answer = answers[i];
		for (uint32_t k = 0; k < 2; k++) {
			texture(m, 1 + k, 0x445566);
			assign(m, 1 + k, uuids[k]);
		}
		check_shared(m, uuids[0], 0x445566);
		CHECK_OK(m, kit_machine_reset(m));
		wire_check_alive(m);
		wire_end(m);
	}
}

/* A VMM that never answers holds up that one command, until it stops the queues. */
static void silent_vmm(void)
{
	struct kit_machine *m = exporting();
	const struct virtio_gpu_resource_assign_uuid request = {
		.hdr = kit_header(VIRTIO_GPU_CMD_RESOURCE_ASSIGN_UUID),
		.resource_id = 1,
	};
	struct virtio_gpu_resp_resource_uuid response;
	m->vmm.channel.answer = KIT_CHANNEL_SILENT;
	texture(m, 1, 0x445566);
	struct kit_command *command = kit_gpu_submit(
		&m->gpu, VIRTIO_GPU_QUEUE_CONTROL, &request, sizeof(request), sizeof(response));
	wire_check_alive(m);
	CHECK_OK(m, kit_pump(&m->kit, 20));
	CHECK(!command->done);
	uint64_t start = kit_now();
	CHECK_OK(m, kit_machine_stop(m));
	CHECK(kit_now() - start < 900);
	CHECK_TYPE(m, kit_gpu_complete(&m->gpu, command, &response, sizeof(response)),
		VIRTIO_GPU_RESP_OK_RESOURCE_UUID);
	CHECK_OK(m, kit_machine_start(m));
	wire_check_alive(m);
	wire_end(m);
}

int main(int argc, char **argv)
{
	static const struct test_case cases[] = {
		TEST_CASE(life_of_an_object),
		TEST_CASE(many_objects),
		TEST_CASE(resets_and_pauses),
		TEST_CASE(renderer_dies),
		TEST_CASE(nothing_to_be_shared),
		TEST_CASE(vmms_that_do_not_share),
		TEST_CASE(broken_channels),
		TEST_CASE(silent_vmm),
	};
	return test_main(argc, argv, cases, ARRAY_SIZE(cases));
}
