/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/* What every command has in common: how a request is read and an answer is given. */
#include "gpu_rig.h"

#include "gpu/commands.h"
#include "gpu/queues.h"

static struct gpu_rig rig;

#define CONTROL VIRTIO_GPU_QUEUE_CONTROL
#define CURSOR  VIRTIO_GPU_QUEUE_CURSOR

static void start_2d(void)
{
	gpu_rig_prepare(&rig, 0);
	gpu_rig_start(&rig, FEATURES_2D);
}

static void start_3d(void)
{
	gpu_rig_prepare(&rig, 1);
	gpu_rig_start(&rig, FEATURES_ALWAYS | FEATURES_3D);
}

/* Sends as it is said and returns the answer's length; its type goes to *ret_type. */
static uint32_t exchange(
	uint32_t queue, const void *request, size_t size, uint32_t room, uint32_t *ret_type)
{
	uint32_t length;
	uint16_t number = gpu_rig_send(&rig, queue, request, size, room);
	gpu_rig_run(&rig);
	const struct virtio_gpu_ctrl_hdr *answer = gpu_rig_answer(&rig, queue, number, &length);
	CHECK(answer);
	*ret_type = answer->type;
	return length;
}

static void answers_a_header_cut_short(void)
{
	struct virtio_gpu_ctrl_hdr header = {
		.type = VIRTIO_GPU_CMD_GET_DISPLAY_INFO,
		.flags = VIRTIO_GPU_FLAG_FENCE,
		.fence_id = 7,
	};
	uint32_t type;
	start_2d();
	for (size_t size = 1; size < sizeof(header); size++) {
		CHECK_INT(exchange(CONTROL, &header, size, ANSWER_ROOM, &type), sizeof(header));
		CHECK_INT(type, VIRTIO_GPU_RESP_ERR_UNSPEC);
	}
	uint16_t number = gpu_rig_begin(&rig, &header, 23);
	const struct virtio_gpu_ctrl_hdr *answer = gpu_rig_answer(&rig, CONTROL, number, NULL);
	CHECK_INT(answer->flags, 0);
	CHECK_INT(answer->fence_id, 0);
	gpu_rig_finish(&rig);
}

static void answers_what_has_no_room(void)
{
	const struct virtio_gpu_ctrl_hdr header = { .type = VIRTIO_GPU_CMD_GET_DISPLAY_INFO };
	uint32_t type;
	start_2d();
	CHECK_INT(exchange(CONTROL, &header, sizeof(header), 0, &type), 0);
	CHECK_INT(exchange(CONTROL, &header, sizeof(header), 23, &type), 0);
	CHECK_INT(exchange(CONTROL, &header, sizeof(header), 24, &type), 24);
	CHECK_INT(type, VIRTIO_GPU_RESP_ERR_UNSPEC);
	CHECK_INT(exchange(CONTROL, &header, sizeof(header), 407, &type), 24);
	CHECK_INT(type, VIRTIO_GPU_RESP_ERR_UNSPEC);
	CHECK_INT(exchange(CONTROL, &header, sizeof(header), 408, &type), 408);
	CHECK_INT(type, VIRTIO_GPU_RESP_OK_DISPLAY_INFO);
	CHECK_INT(exchange(CONTROL, NULL, 0, 24, &type), 24);
	CHECK_INT(type, VIRTIO_GPU_RESP_ERR_UNSPEC);
	gpu_rig_finish(&rig);
}

/* A command that has no room for its answer does nothing. */
static void does_nothing_without_room(void)
{
	const struct virtio_gpu_resource_create_2d create = {
		.hdr.type = VIRTIO_GPU_CMD_RESOURCE_CREATE_2D,
		.resource_id = 1,
		.format = VIRTIO_GPU_FORMAT_B8G8R8X8_UNORM,
		.width = 8,
		.height = 8,
	};
	uint32_t type;
	start_2d();
	exchange(CONTROL, &create, sizeof(create), 0, &type);
	CHECK_INT(gpu_rig_create_2d(&rig, 1, 8, 8), VIRTIO_GPU_RESP_OK_NODATA);
	gpu_rig_finish(&rig);
}

static void refuses_unknown_types(void)
{
	uint32_t known = 0;
	start_3d();
	for (uint32_t type = 0; type < 0x2000; type++) {
		struct virtio_gpu_ctrl_hdr header = { .type = type };
		if (gpu_command_find(type)) {
			known++;
			continue;
		}
		CHECK_INT(gpu_rig_do(&rig, &header, sizeof(header)), VIRTIO_GPU_RESP_ERR_UNSPEC);
	}
	CHECK_INT(known, 26);
	struct virtio_gpu_ctrl_hdr header = { .type = UINT32_MAX };
	CHECK_INT(gpu_rig_do(&rig, &header, sizeof(header)), VIRTIO_GPU_RESP_ERR_UNSPEC);
	gpu_rig_finish(&rig);
}

/* Each command at each length that is too short, and at its own, filled with each of a few
 * bytes. */
static void survives_every_length(void)
{
	uint8_t request[128];
	start_3d();
	for (uint32_t type = 0x100; type < 0x310; type++) {
		const struct gpu_command_spec *spec = gpu_command_find(type);
		if (!spec || spec->queues != 1u << CONTROL)
			continue;
		for (size_t size = sizeof(struct virtio_gpu_ctrl_hdr); size < spec->request_size;
			size++) {
			memset(request, 0, sizeof(request));
			memcpy(request, &type, sizeof(type));
			CHECK_INT(gpu_rig_do(&rig, request, size),
				VIRTIO_GPU_RESP_ERR_INVALID_PARAMETER);
		}
		for (uint32_t fill = 0; fill < 256; fill += 85) {
			memset(request, (int)fill, sizeof(request));
			memcpy(request, &type, sizeof(type));
			CHECK(gpu_rig_do(&rig, request, spec->request_size) != 0);
		}
	}
	gpu_rig_finish(&rig);
}

static void keeps_commands_to_their_queue(void)
{
	const struct virtio_gpu_update_cursor cursor = { .hdr.type = VIRTIO_GPU_CMD_UPDATE_CURSOR };
	const struct virtio_gpu_ctrl_hdr header = { .type = VIRTIO_GPU_CMD_GET_DISPLAY_INFO };
	uint32_t type;
	start_2d();
	exchange(CONTROL, &cursor, sizeof(cursor), 24, &type);
	CHECK_INT(type, VIRTIO_GPU_RESP_ERR_UNSPEC);
	exchange(CURSOR, &header, sizeof(header), 408, &type);
	CHECK_INT(type, VIRTIO_GPU_RESP_ERR_UNSPEC);
	exchange(CURSOR, &cursor, sizeof(cursor), 24, &type);
	CHECK_INT(type, VIRTIO_GPU_RESP_OK_NODATA);
	CHECK_INT(exchange(CURSOR, &cursor, sizeof(cursor), 0, &type), 0);
	gpu_rig_finish(&rig);
}

static void refuses_what_was_not_chosen(void)
{
	const struct virtio_gpu_get_edid edid = { .hdr.type = VIRTIO_GPU_CMD_GET_EDID };
	const struct virtio_gpu_get_capset_info capset = {
		.hdr.type = VIRTIO_GPU_CMD_GET_CAPSET_INFO,
	};
	gpu_rig_prepare(&rig, 1);
	gpu_rig_start(&rig, 0);
	CHECK_INT(gpu_rig_do(&rig, &edid, sizeof(edid)), VIRTIO_GPU_RESP_ERR_UNSPEC);
	CHECK_INT(gpu_rig_do(&rig, &capset, sizeof(capset)), VIRTIO_GPU_RESP_ERR_UNSPEC);
	CHECK_INT(gpu_rig_ctx_create(&rig, 1, 0), VIRTIO_GPU_RESP_ERR_UNSPEC);
	CHECK_INT(gpu_rig_create_3d(&rig, 1, 8, 8), VIRTIO_GPU_RESP_ERR_UNSPEC);
	CHECK_INT(gpu_rig_submit(&rig, 1, 0), VIRTIO_GPU_RESP_ERR_UNSPEC);
	CHECK_INT(gpu_rig_create_2d(&rig, 1, 8, 8), VIRTIO_GPU_RESP_OK_NODATA);
	gpu_rig_finish(&rig);
}

static void echoes_fences(void)
{
	struct virtio_gpu_ctrl_hdr header = {
		.type = VIRTIO_GPU_CMD_GET_DISPLAY_INFO,
		.flags = 0xfffffffc | VIRTIO_GPU_FLAG_FENCE,
		.fence_id = UINT64_MAX,
		.ctx_id = 5,
		.ring_idx = 9,
	};
	start_2d();
	uint16_t number = gpu_rig_begin(&rig, &header, sizeof(header));
	const struct virtio_gpu_ctrl_hdr *answer = gpu_rig_answer(&rig, CONTROL, number, NULL);
	CHECK(answer);
	CHECK_INT(answer->type, VIRTIO_GPU_RESP_OK_DISPLAY_INFO);
	CHECK_INT(answer->flags, VIRTIO_GPU_FLAG_FENCE);
	CHECK(answer->fence_id == UINT64_MAX);
	CHECK_INT(answer->ctx_id, 5);
	CHECK_INT(answer->ring_idx, 0);

	header.flags = 0;
	number = gpu_rig_begin(&rig, &header, sizeof(header));
	answer = gpu_rig_answer(&rig, CONTROL, number, NULL);
	CHECK_INT(answer->flags, 0);
	CHECK_INT(answer->fence_id, 0);
	CHECK_INT(answer->ctx_id, 0);
	gpu_rig_finish(&rig);
}

/* A full queue of control commands takes several rounds; cursor commands come first in each. */
static void serves_the_cursor_first(void)
{
	const struct virtio_gpu_ctrl_hdr header = { .type = VIRTIO_GPU_CMD_GET_DISPLAY_INFO };
	const struct virtio_gpu_update_cursor cursor = { .hdr.type = VIRTIO_GPU_CMD_MOVE_CURSOR };
	start_2d();
	uint16_t last = 0;
	for (int i = 0; i < 120; i++)
		last = gpu_rig_send(&rig, CONTROL, &header, sizeof(header), 408);
	uint16_t move = gpu_rig_send(&rig, CURSOR, &cursor, sizeof(cursor), 0);
	CHECK_INT(loop_round(rig.loop, 0), 0);
	CHECK(gpu_rig_answer(&rig, CURSOR, move, NULL));
	CHECK(!gpu_rig_answer(&rig, CONTROL, last, NULL));
	uint16_t served = vring_used_index(&rig.rings[CONTROL]);
	CHECK(served > 0 && served <= GPU_CONTROL_PORTION);
	for (int i = 0; i < 120; i++)
		gpu_rig_run(&rig);
	CHECK(gpu_rig_answer(&rig, CONTROL, last, NULL));
	gpu_rig_finish(&rig);
}

int main(int argc, char **argv)
{
	static const struct test_case cases[] = {
		TEST_CASE(answers_a_header_cut_short),
		TEST_CASE(answers_what_has_no_room),
		TEST_CASE(does_nothing_without_room),
		TEST_CASE(refuses_unknown_types),
		TEST_CASE(survives_every_length),
		TEST_CASE(keeps_commands_to_their_queue),
		TEST_CASE(refuses_what_was_not_chosen),
		TEST_CASE(echoes_fences),
		TEST_CASE(serves_the_cursor_first),
	};
	return test_main(argc, argv, cases, ARRAY_SIZE(cases));
}
