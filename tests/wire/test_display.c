/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/* A display that takes its time with an answer. */
#include "wire.h"

#define XRGB     VIRTIO_GPU_FORMAT_B8G8R8X8_UNORM
#define DELAY_MS 1000

/* An answer that takes its time: other commands, and the other queue, do not wait for it. */
static void slow_answers_hold_nobody_up(void)
{
	struct kit_machine *m = wire_machine("none", NULL);
	struct virtio_gpu_ctrl_hdr request = kit_header(VIRTIO_GPU_CMD_GET_DISPLAY_INFO);
	m->display.delay_ms[VHOST_USER_GPU_GET_DISPLAY_INFO] = DELAY_MS;
	struct kit_command *info = kit_gpu_submit(&m->gpu, 0, &request, sizeof(request), 408);
	CHECK_GOOD(m, kit_gpu_create_2d(&m->gpu, 1, XRGB, 64, 64));
	CHECK_GOOD(m, kit_gpu_move_cursor(&m->gpu, 0, 1, 1));
	CHECK_OK(m, kit_gpu_collect(&m->gpu));
	CHECK(!info->done);
	CHECK_TYPE(m, kit_gpu_complete(&m->gpu, info, NULL, 0), VIRTIO_GPU_RESP_OK_DISPLAY_INFO);
	wire_end(m);
}

/* A command without a fence does not wait for those that have one. */
static void unfenced_commands_overtake(void)
{
	struct kit_machine *m = wire_machine("none", NULL);
	struct virtio_gpu_ctrl_hdr slow = kit_header_fence(VIRTIO_GPU_CMD_GET_DISPLAY_INFO, 1);
	m->display.delay_ms[VHOST_USER_GPU_GET_DISPLAY_INFO] = DELAY_MS;
	struct kit_command *info = kit_gpu_submit(&m->gpu, 0, &slow, sizeof(slow), 408);
	CHECK_GOOD(m, kit_gpu_create_2d(&m->gpu, 1, XRGB, 8, 8));
	CHECK(!info->done);
	CHECK_TYPE(m, kit_gpu_complete(&m->gpu, info, NULL, 0), VIRTIO_GPU_RESP_OK_DISPLAY_INFO);
	wire_end(m);
}

int main(int argc, char **argv)
{
	static const struct test_case cases[] = {
		TEST_CASE(slow_answers_hold_nobody_up),
		TEST_CASE(unfenced_commands_overtake),
	};
	return test_main(argc, argv, cases, ARRAY_SIZE(cases));
}
