/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/* GET_DISPLAY_INFO and GET_EDID, with and without a display that could tell. */
#include "gpu_rig.h"

#include "display/edid.h"
#include "gpu/state.h"

static struct gpu_rig rig;

static const struct virtio_gpu_ctrl_hdr info_request = { .type = VIRTIO_GPU_CMD_GET_DISPLAY_INFO };

static void start(bool with_display)
{
	gpu_rig_prepare(&rig, 0);
	rig.args.scanouts = 2;
	gpu_rig_start(&rig, FEATURES_2D);
	if (!with_display)
		return;
	gpu_rig_show(&rig, DISPLAY_OF_SESSION);
	gpu_rig_display_begin(&rig, PEER_FEATURES_ALL);
}

static const struct virtio_gpu_resp_display_info *info_answer(uint16_t number)
{
	return (const void *)gpu_rig_answer(&rig, VIRTIO_GPU_QUEUE_CONTROL, number, NULL);
}

static const struct virtio_gpu_resp_edid *edid_answer(uint16_t number)
{
	return (const void *)gpu_rig_answer(&rig, VIRTIO_GPU_QUEUE_CONTROL, number, NULL);
}

static uint16_t begin_info(void)
{
	return gpu_rig_begin(&rig, &info_request, sizeof(info_request));
}

static uint16_t begin_edid(uint32_t scanout)
{
	const struct virtio_gpu_get_edid get = {
		.hdr.type = VIRTIO_GPU_CMD_GET_EDID,
		.scanout = scanout,
	};
	return gpu_rig_begin(&rig, &get, sizeof(get));
}

/* Answers the display's question with one enabled output, number 1. */
static void answer_info(uint32_t width, uint32_t height)
{
	struct virtio_gpu_resp_display_info reply = { 0 };
	reply.pmodes[1] = (struct virtio_gpu_display_one){
		.r = { 100, 200, width, height },
		.enabled = 1,
		.flags = 0x55,
	};
	peer_expect(&rig.display, VHOST_USER_GPU_GET_DISPLAY_INFO, 0);
	peer_answer(&rig.display, VHOST_USER_GPU_GET_DISPLAY_INFO, &reply, sizeof(reply));
}

static void check_own_modes(const struct virtio_gpu_resp_display_info *info)
{
	CHECK(info);
	CHECK_INT(info->hdr.type, VIRTIO_GPU_RESP_OK_DISPLAY_INFO);
	for (uint32_t i = 0; i < VIRTIO_GPU_MAX_SCANOUTS; i++) {
		CHECK_INT(info->pmodes[i].enabled, i < 2);
		CHECK_INT(info->pmodes[i].r.width, i < 2 ? 1024 : 0);
		CHECK_INT(info->pmodes[i].r.height, i < 2 ? 768 : 0);
		CHECK_INT(info->pmodes[i].r.x, i == 1 ? 1024 : 0);
	}
}

static void check_own_edid(
	const struct virtio_gpu_resp_edid *answer, uint32_t scanout, uint32_t w, uint32_t h)
{
	uint8_t edid[EDID_BLOCK_SIZE];
	edid_fill(edid, w, h, scanout);
	CHECK(answer);
	CHECK_INT(answer->hdr.type, VIRTIO_GPU_RESP_OK_EDID);
	CHECK_INT(answer->size, sizeof(edid));
	CHECK_MEM(answer->edid, edid, sizeof(edid));
	for (size_t i = sizeof(edid); i < sizeof(answer->edid); i++)
		CHECK_INT(answer->edid[i], 0);
}

static void answers_without_a_display(void)
{
	start(false);
	check_own_modes(info_answer(begin_info()));
	check_own_edid(edid_answer(begin_edid(0)), 0, 1024, 768);
	check_own_edid(edid_answer(begin_edid(15)), 15, 1024, 768);
	CHECK_INT(edid_answer(begin_edid(16))->hdr.type, VIRTIO_GPU_RESP_ERR_INVALID_SCANOUT_ID);
	CHECK_INT(edid_answer(begin_edid(UINT32_MAX))->hdr.type,
		VIRTIO_GPU_RESP_ERR_INVALID_SCANOUT_ID);
	gpu_rig_finish(&rig);
}

static void asks_the_display(void)
{
	start(true);
	uint16_t number = begin_info();
	CHECK(!info_answer(number));
	answer_info(800, 600);
	const struct virtio_gpu_resp_display_info *info = info_answer(number);
	CHECK(info);
	CHECK_INT(info->pmodes[0].enabled, 0);
	CHECK_INT(info->pmodes[1].enabled, 1);
	CHECK_INT(info->pmodes[1].r.x, 100);
	CHECK_INT(info->pmodes[1].r.y, 200);
	CHECK_INT(info->pmodes[1].r.width, 800);
	CHECK_INT(info->pmodes[1].r.height, 600);
	CHECK_INT(info->pmodes[1].flags, 0x55);
	gpu_rig_finish(&rig);
}

static void asks_only_for_edids_there_are(void)
{
	struct virtio_gpu_resp_edid reply = { .size = 256 };
	memset(reply.edid, 0xed, 256);
	start(true);
	uint16_t number = begin_edid(1);
	answer_info(800, 600);
	CHECK(!edid_answer(number));
	peer_expect(&rig.display, VHOST_USER_GPU_GET_EDID, 4);
	CHECK_INT(rig.display.payload[0], 1);
	peer_answer(&rig.display, VHOST_USER_GPU_GET_EDID, &reply, sizeof(reply));
	CHECK_INT(edid_answer(number)->size, 256);
	CHECK_MEM(edid_answer(number)->edid, reply.edid, 256);

	number = begin_edid(0);
	answer_info(800, 600);
	peer_expect_nothing(&rig.display);
	check_own_edid(edid_answer(number), 0, 1024, 768);

	/* An answer that makes no sense. */
	number = begin_edid(1);
	answer_info(640, 480);
	peer_expect(&rig.display, VHOST_USER_GPU_GET_EDID, 4);
	reply.size = UINT32_MAX;
	peer_answer(&rig.display, VHOST_USER_GPU_GET_EDID, &reply, sizeof(reply));
	check_own_edid(edid_answer(number), 1, 640, 480);
	gpu_rig_finish(&rig);
}

static void goes_on_when_the_display_does_not_answer(void)
{
	start(true);
	uint16_t first = begin_info();
	uint16_t second = begin_edid(1);
	peer_wait(&rig.display, DISPLAY_REPLY_MS);
	check_own_modes(info_answer(first));
	peer_wait(&rig.display, DISPLAY_REPLY_MS);
	check_own_edid(edid_answer(second), 1, 1024, 768);
	gpu_rig_finish(&rig);
}

static void goes_on_when_the_display_goes(void)
{
	start(true);
	uint16_t known = begin_info();
	answer_info(800, 600);
	CHECK(info_answer(known));
	uint16_t info = begin_info(), edid = begin_edid(0);
	CHECK(!info_answer(info) && !edid_answer(edid));
	peer_close(&rig.display);
	gpu_rig_run(&rig);
	/* By then what it said last still counts. */
	CHECK_INT(info_answer(info)->pmodes[0].enabled, 0);
	CHECK_INT(info_answer(info)->pmodes[1].r.width, 800);
	check_own_edid(edid_answer(edid), 0, 1024, 768);
	check_own_modes(info_answer(begin_info()));
	gpu_rig_finish(&rig);
}

/* The next display is another: what the one before said does not count for it. */
static void forgets_modes_with_their_display(void)
{
	start(true);
	uint16_t number = begin_info();
	answer_info(800, 600);
	number = begin_info();
	gpu_rig_show(&rig, DISPLAY_OF_SESSION);
	check_own_modes(info_answer(number));
	gpu_rig_finish(&rig);
}

static void leaves_questions_when_hurried(void)
{
	start(true);
	begin_info();
	begin_edid(1);
	struct virtqueue *queue = &rig.queues[VIRTIO_GPU_QUEUE_CONTROL];
	gpu_device_impl.queue_stop(rig.device, queue, true);
	CHECK_INT(queue->in_flight, 0);
	answer_info(800, 600);
	answer_info(800, 600);
	peer_expect(&rig.display, VHOST_USER_GPU_GET_EDID, 4);
	gpu_rig_finish(&rig);
}

int main(int argc, char **argv)
{
	static const struct test_case cases[] = {
		TEST_CASE(answers_without_a_display),
		TEST_CASE(asks_the_display),
		TEST_CASE(asks_only_for_edids_there_are),
		TEST_CASE(goes_on_when_the_display_does_not_answer),
		TEST_CASE(goes_on_when_the_display_goes),
		TEST_CASE(forgets_modes_with_their_display),
		TEST_CASE(leaves_questions_when_hurried),
	};
	return test_main(argc, argv, cases, ARRAY_SIZE(cases));
}
