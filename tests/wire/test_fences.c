/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/* Fences of commands that need no renderer: the global timeline. Echoes are checked by the kit. */
#include <stdlib.h>

#include "wire.h"

#define XRGB VIRTIO_GPU_FORMAT_B8G8R8X8_UNORM

/* Any id will do: 0, the largest, the same again, smaller than the last. */
static void any_id(void)
{
	static const uint64_t ids[] = { 1, 2, 3, 0, UINT64_MAX, UINT64_MAX, 5, 5, 4,
		UINT64_C(1) << 32, 1 };
	struct kit_machine *m = wire_machine("none", NULL);
	for (size_t i = 0; i < ARRAY_SIZE(ids); i++) {
		struct virtio_gpu_ctrl_hdr request =
			kit_header_fence(VIRTIO_GPU_CMD_GET_DISPLAY_INFO, ids[i]);
		request.ctx_id = (uint32_t)i;
		struct virtio_gpu_resp_display_info info;
		CHECK_TYPE(m,
			kit_gpu_command(&m->gpu, &request, sizeof(request), &info, sizeof(info)),
			VIRTIO_GPU_RESP_OK_DISPLAY_INFO);
	}
	wire_end(m);
}

/* Errors are fenced, too. */
static void errors_echo_the_fence(void)
{
	struct kit_machine *m = wire_machine("none", NULL);
	struct virtio_gpu_resource_unref unref = {
		.hdr = kit_header_fence(VIRTIO_GPU_CMD_RESOURCE_UNREF, 77),
		.resource_id = 1234,
	};
	CHECK_TYPE(m, kit_gpu_simple(&m->gpu, &unref, sizeof(unref)),
		VIRTIO_GPU_RESP_ERR_INVALID_RESOURCE_ID);
	struct virtio_gpu_ctrl_hdr unknown = kit_header_fence(0xabcd, 78);
	CHECK_TYPE(
		m, kit_gpu_simple(&m->gpu, &unknown, sizeof(unknown)), VIRTIO_GPU_RESP_ERR_UNSPEC);
	struct virtio_gpu_ctrl_hdr cut = kit_header_fence(VIRTIO_GPU_CMD_RESOURCE_UNREF, 79);
	CHECK_ERROR(m, kit_gpu_simple(&m->gpu, &cut, sizeof(cut)));
	wire_end(m);
}

static void cursor_commands_with_a_fence(void)
{
	struct kit_machine *m = wire_machine("none", NULL);
	struct virtio_gpu_update_cursor move = {
		.hdr = kit_header_fence(VIRTIO_GPU_CMD_MOVE_CURSOR, 5),
	};
	CHECK_GOOD(m, kit_gpu_simple(&m->gpu, &move, sizeof(move)));
	wire_end(m);
}

/* Fenced commands are done in order, even behind one that takes its time. */
static void global_order(void)
{
	enum { COUNT = 20 };
	struct kit_machine *m = wire_machine("none", NULL);
	struct kit_command *commands[COUNT];
	struct virtio_gpu_ctrl_hdr slow = kit_header_fence(VIRTIO_GPU_CMD_GET_DISPLAY_INFO, 100);
	m->display.delay_ms[VHOST_USER_GPU_GET_DISPLAY_INFO] = 200;
	commands[0] = kit_gpu_submit(&m->gpu, 0, &slow, sizeof(slow), 408);
	for (uint32_t i = 1; i < COUNT; i++) {
		struct virtio_gpu_resource_create_2d create = {
			.hdr = kit_header_fence(VIRTIO_GPU_CMD_RESOURCE_CREATE_2D, 100 + i),
			.resource_id = i,
			.format = XRGB,
			.width = 8,
			.height = 8,
		};
		commands[i] = kit_gpu_submit(&m->gpu, 0, &create, sizeof(create), 24);
		CHECK(commands[i]);
	}
	CHECK_OK(m, kit_gpu_drain(&m->gpu));
	for (uint32_t i = 1; i < COUNT; i++)
		CHECK(commands[i]->order > commands[i - 1]->order);
	for (uint32_t i = 0; i < COUNT; i++)
		CHECK_OK(m, kit_gpu_complete(&m->gpu, commands[i], NULL, 0));
	wire_end(m);
}

/* A command without a fence does not wait for those that have one. */
static void unfenced_commands_overtake(void)
{
	struct kit_machine *m = wire_machine("none", NULL);
	struct virtio_gpu_ctrl_hdr slow = kit_header_fence(VIRTIO_GPU_CMD_GET_DISPLAY_INFO, 1);
	m->display.delay_ms[VHOST_USER_GPU_GET_DISPLAY_INFO] = 400;
	struct kit_command *info = kit_gpu_submit(&m->gpu, 0, &slow, sizeof(slow), 408);
	CHECK_GOOD(m, kit_gpu_create_2d(&m->gpu, 1, XRGB, 8, 8));
	CHECK(!info->done);
	CHECK_TYPE(m, kit_gpu_complete(&m->gpu, info, NULL, 0), VIRTIO_GPU_RESP_OK_DISPLAY_INFO);
	wire_end(m);
}

/* A whole ring of fenced commands, answered once each, in order, round after round. */
static void full_ring_of_fences(void)
{
	struct kit_machine *m = wire_machine("none", NULL);
	for (uint64_t round = 0; round < 20; round++) {
		struct kit_command *commands[256];
		for (uint32_t i = 0; i < ARRAY_SIZE(commands); i++) {
			struct virtio_gpu_ctrl_hdr request =
				kit_header_fence(VIRTIO_GPU_CMD_GET_DISPLAY_INFO, round * 256 + i);
			commands[i] = kit_gpu_queue(&m->gpu, 0, &request, sizeof(request), 408);
			CHECK(commands[i]);
		}
		kit_ring_kick(&m->rings[0]);
		CHECK_OK(m, kit_gpu_drain(&m->gpu));
		for (uint32_t i = 0; i < ARRAY_SIZE(commands); i++) {
			CHECK_INT(commands[i]->order, round * 256 + i);
			CHECK_TYPE(m, kit_gpu_complete(&m->gpu, commands[i], NULL, 0),
				VIRTIO_GPU_RESP_OK_DISPLAY_INFO);
		}
	}
	wire_end(m);
}

/* Rings of contexts, where the driver has not chosen context types or there is no such context: an
 * answer comes, of whatever kind. */
static void rings_that_are_not_there(void)
{
	static const uint8_t rings[] = { 0, 1, 63, 64, 255 };
	struct kit_machine *m = wire_machine("none", NULL);
	for (size_t i = 0; i < ARRAY_SIZE(rings); i++) {
		struct virtio_gpu_ctrl_hdr request = kit_header_ring(
			VIRTIO_GPU_CMD_GET_DISPLAY_INFO, i, i % 2 ? 7 : 0, rings[i]);
		struct kit_command *command =
			kit_gpu_submit(&m->gpu, 0, &request, sizeof(request), 408);
		int ret = kit_gpu_complete(&m->gpu, command, NULL, 0);
		/* the kit misses the ring in the echo, where it means nothing */
		CHECK(ret > 0 || ret == -EPROTO);
	}
	wire_check_alive(m);
	wire_end(m);
}

int main(int argc, char **argv)
{
	static const struct test_case cases[] = {
		TEST_CASE(any_id),
		TEST_CASE(errors_echo_the_fence),
		TEST_CASE(cursor_commands_with_a_fence),
		TEST_CASE(global_order),
		TEST_CASE(unfenced_commands_overtake),
		TEST_CASE(full_ring_of_fences),
		TEST_CASE(rings_that_are_not_there),
	};
	return test_main(argc, argv, cases, ARRAY_SIZE(cases));
}
