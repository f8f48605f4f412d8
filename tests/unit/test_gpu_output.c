/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/* GET_DISPLAY_INFO and GET_EDID, with and without a display that could tell. */
#include "gpu_rig.h"

#include <unistd.h>

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

/* --- EVENT_DISPLAY ------------------------------------------------------------------------- */

static struct virtio_gpu_config read_config(void)
{
	struct virtio_gpu_config config;
	gpu_device_impl.read_config(rig.device, (uint8_t *)&config);
	return config;
}

static void clear_event(void)
{
	const uint32_t event = VIRTIO_GPU_EVENT_DISPLAY;
	gpu_device_impl.write_config(rig.device, 4, (const uint8_t *)&event, sizeof(event));
}

static void expect_event(bool raised)
{
	gpu_rig_run(&rig);
	CHECK_INT(read_config().events_read, raised ? VIRTIO_GPU_EVENT_DISPLAY : 0);
}

/* One output, number 0, of this size; 0: none. */
static void answer_size(uint32_t width, uint32_t height)
{
	struct virtio_gpu_resp_display_info reply = { 0 };
	reply.pmodes[0] = (struct virtio_gpu_display_one){
		.r = { .width = width, .height = height },
		.enabled = width > 0,
	};
	peer_expect(&rig.display, VHOST_USER_GPU_GET_DISPLAY_INFO, 0);
	peer_answer(&rig.display, VHOST_USER_GPU_GET_DISPLAY_INFO, &reply, sizeof(reply));
}

/* A viewer comes that has been asked for its modes, and has not answered. */
static void viewer_comes(void)
{
	gpu_rig_show(&rig, DISPLAY_OF_VIEWER);
	gpu_rig_display_begin(&rig, PEER_FEATURES_ALL);
}

static void viewer_goes(void)
{
	peer_close(&rig.display);
	gpu_rig_run(&rig);
	peer_wait(&rig.display, GPU_VIEWER_GONE_MS);
}

/* What the guest finds when it asks. */
static void ask(uint32_t width, uint32_t height)
{
	uint16_t number = begin_info();
	if (rig.display.sock >= 0)
		answer_size(width, height);
	const struct virtio_gpu_resp_display_info *info = info_answer(number);
	CHECK(info);
	CHECK_INT(info->pmodes[0].enabled, width > 0);
	CHECK_INT(info->pmodes[0].r.width, width);
	CHECK_INT(info->pmodes[0].r.height, height);
}

static void tells_when_a_viewer_comes_and_goes(void)
{
	start(false);
	ask(1024, 768);
	for (uint32_t round = 0; round < 3; round++) {
		viewer_comes();
		expect_event(false); /* it has not answered yet */
		answer_size(800 + round, 600);
		expect_event(true);
		ask(800 + round, 600);
		expect_event(true);
		clear_event();
		expect_event(false);
		viewer_goes();
		expect_event(true);
		ask(1024, 768);
		clear_event();
		expect_event(false);
	}
	gpu_rig_finish(&rig);
}

/* The other size of a window is said by a new connection, and that the same as before is no news. */
static void tells_only_what_is_new(void)
{
	start(false);
	viewer_comes();
	answer_size(800, 600);
	ask(800, 600);
	for (int round = 0; round < 5; round++) {
		if (round % 2 == 0) {
			peer_close(&rig.display);
			gpu_rig_run(&rig);
			expect_event(false); /* not gone for long enough */
		}
		viewer_comes(); /* else in the place of the one before */
		answer_size(800, 600);
		expect_event(false);
	}
	viewer_comes();
	expect_event(false); /* not of what is there in between */
	answer_size(801, 600);
	expect_event(true);
	clear_event();
	viewer_comes();
	answer_size(0, 0); /* switched off */
	expect_event(true);
	gpu_rig_finish(&rig);
}

/* A guest that has not asked is not told; neither is the next one of what the one before knew. */
static void tells_nobody_who_has_not_asked(void)
{
	start(false);
	viewer_comes();
	answer_size(800, 600);
	expect_event(false);
	viewer_goes();
	expect_event(false);
	ask(1024, 768);
	gpu_device_impl.reset(rig.device);
	viewer_comes();
	answer_size(640, 480);
	expect_event(false);
	ask(640, 480);
	viewer_goes();
	expect_event(true);
	gpu_device_impl.reset(rig.device);
	expect_event(false);
	gpu_rig_finish(&rig);
}

/* VMMs with a display raise the event themselves: whatever comes and goes, while they pause, too. */
static void leaves_it_to_vmms_with_a_display(void)
{
	start(true);
	uint16_t number = begin_info();
	answer_info(640, 480);
	CHECK(info_answer(number));
	begin_edid(0);
	answer_info(800, 600);
	expect_event(false);
	peer_close(&rig.display);
	expect_event(false);
	viewer_comes();
	peer_expect_nothing(&rig.display);
	expect_event(false);
	viewer_goes();
	gpu_rig_show(&rig, DISPLAY_OF_SESSION);
	gpu_rig_display_begin(&rig, 0);
	expect_event(false);
	viewer_goes();

	/* The next session may have none. */
	gpu_device_impl.closed(rig.device);
	gpu_rig_finish(&rig);
}

/* The outputs change after the guest was answered and before it has cleared the event: what it
 * clears then is not the event of that change. */
static void keeps_an_event_that_comes_in_between(void)
{
	start(false);
	ask(1024, 768);
	viewer_comes();
	answer_size(800, 600);
	expect_event(true);
	ask(800, 600);
	viewer_comes();
	answer_size(640, 480);
	clear_event();
	expect_event(true);
	ask(640, 480);
	viewer_comes();
	answer_size(642, 480);
	viewer_comes();
	answer_size(643, 480); /* twice in between */
	clear_event();
	expect_event(true);
	ask(643, 480);
	clear_event();
	expect_event(false);

	/* Asked again after that: nothing is left to tell. */
	for (uint32_t i = 0; i < 2; i++) {
		viewer_comes();
		answer_size(900 + i, 600);
		expect_event(true);
		ask(900 + i, 600);
	}
	clear_event();
	expect_event(false);

	/* Before the answer: that has it all. */
	viewer_comes();
	answer_size(800, 600);
	viewer_comes();
	answer_size(801, 600);
	expect_event(true);
	ask(801, 600);
	clear_event();
	expect_event(false);

	/* A guest that clears and does not ask is not told the same once more, but what comes then. */
	viewer_comes();
	answer_size(800, 600);
	clear_event();
	expect_event(false);
	uint16_t number = begin_edid(0);
	answer_size(800, 600);
	peer_expect(&rig.display, VHOST_USER_GPU_GET_EDID, 4);
	expect_event(false);
	viewer_goes();
	expect_event(true);
	CHECK(edid_answer(number));
	gpu_rig_finish(&rig);
}

/* It is asked for an EDID, and says by the way that it is another size now. */
static void tells_what_comes_out_by_the_way(void)
{
	struct virtio_gpu_resp_edid reply = { .size = 128 };
	start(false);
	viewer_comes();
	answer_size(800, 600);
	ask(800, 600);
	uint16_t number = begin_edid(0);
	answer_size(640, 480);
	peer_expect(&rig.display, VHOST_USER_GPU_GET_EDID, 4);
	peer_answer(&rig.display, VHOST_USER_GPU_GET_EDID, &reply, sizeof(reply));
	CHECK(edid_answer(number));
	expect_event(true);
	gpu_rig_finish(&rig);
}

/* A viewer without EDIDs: the one made here is of its size, and of the own one when it has gone. */
static void edids_follow_the_viewer(void)
{
	start(false);
	gpu_rig_show(&rig, DISPLAY_OF_VIEWER);
	gpu_rig_display_begin(&rig, 0);
	answer_size(808, 606);
	uint16_t number = begin_edid(0);
	answer_size(808, 606);
	check_own_edid(edid_answer(number), 0, 808, 606);
	viewer_goes();
	check_own_edid(edid_answer(begin_edid(0)), 0, 1024, 768);
	gpu_rig_finish(&rig);
}

/* The guest was told how many outputs there are: a viewer with more of them has no more. */
static void viewers_have_no_more_outputs(void)
{
	struct virtio_gpu_resp_display_info reply = { 0 };
	for (uint32_t i = 0; i < VIRTIO_GPU_MAX_SCANOUTS; i++)
		reply.pmodes[i] = (struct virtio_gpu_display_one){
			.r = { i, i, 100 + i, 100 },
			.enabled = 1,
		};
	start(false);
	viewer_comes();
	answer_size(800, 600);
	CHECK_INT(read_config().num_scanouts, 2);
	uint16_t number = begin_info();
	peer_expect(&rig.display, VHOST_USER_GPU_GET_DISPLAY_INFO, 0);
	peer_answer(&rig.display, VHOST_USER_GPU_GET_DISPLAY_INFO, &reply, sizeof(reply));
	const struct virtio_gpu_resp_display_info *info = info_answer(number);
	for (uint32_t i = 0; i < VIRTIO_GPU_MAX_SCANOUTS; i++) {
		CHECK_INT(info->pmodes[i].enabled, i < 2);
		CHECK_INT(info->pmodes[i].r.width, i < 2 ? 100 + i : 0);
	}
	/* nor EDIDs of them: the viewer is not asked */
	number = begin_edid(2);
	peer_expect(&rig.display, VHOST_USER_GPU_GET_DISPLAY_INFO, 0);
	peer_answer(&rig.display, VHOST_USER_GPU_GET_DISPLAY_INFO, &reply, sizeof(reply));
	peer_expect_nothing(&rig.display);
	check_own_edid(edid_answer(number), 2, 1024, 768);
	/* and what it says of them is no news */
	expect_event(false);
	reply.pmodes[2].enabled = 0;
	viewer_comes();
	peer_expect(&rig.display, VHOST_USER_GPU_GET_DISPLAY_INFO, 0);
	peer_answer(&rig.display, VHOST_USER_GPU_GET_DISPLAY_INFO, &reply, sizeof(reply));
	expect_event(false);
	gpu_rig_finish(&rig);
}

/* The answer of a viewer that is not in charge any more says nothing of the display that is. */
static void late_answers_of_others_do_not_count(void)
{
	start(false);
	viewer_comes();
	answer_size(800, 600);
	uint16_t number = begin_info();
	int viewer = rig.display.sock;
	rig.display.sock = -1;
	gpu_rig_show(&rig, DISPLAY_OF_SESSION);
	gpu_rig_display_begin(&rig, 0);
	int session = rig.display.sock;
	rig.display.sock = viewer;
	answer_size(640, 480);
	CHECK(info_answer(number));
	CHECK(!rig.device->outputs.modes_known);
	rig.display.sock = session;
	uint16_t next = begin_info();
	answer_info(320, 200);
	CHECK_INT(info_answer(next)->pmodes[1].r.width, 320);
	CHECK_INT(info_answer(next)->pmodes[0].enabled, 0);
	close(viewer);
	gpu_rig_finish(&rig);
}

/* A viewer that does not say what it is like is what the options say. */
static void viewers_may_be_silent(void)
{
	start(false);
	viewer_comes();
	answer_size(800, 600);
	ask(800, 600);
	viewer_comes();
	peer_wait(&rig.display, DISPLAY_REPLY_MS);
	expect_event(true);
	gpu_rig_finish(&rig);
}

/* Every write of any part: only bits of events_clear do anything, and only what they say. */
static void clears_by_any_write(void)
{
	start(false);
	for (uint32_t offset = 0; offset < sizeof(struct virtio_gpu_config); offset++)
		for (uint32_t size = 1; size <= sizeof(struct virtio_gpu_config) - offset; size++) {
			uint8_t bytes[sizeof(struct virtio_gpu_config)];
			uint32_t cleared = 0;
			memset(bytes, 0xff, sizeof(bytes));
			for (uint32_t i = offset; i < offset + size; i++)
				if (i >= 4 && i < 8)
					cleared |= UINT32_C(0xff) << 8 * (i - 4);
			rig.device->events.raised = UINT32_MAX;
			gpu_device_impl.write_config(rig.device, offset, bytes, size);
			CHECK_INT(read_config().events_read, UINT32_MAX & ~cleared);
		}
	for (uint32_t bit = 0; bit < 32; bit++) {
		const uint8_t byte = (uint8_t)(1u << bit % 8);
		rig.device->events.raised = UINT32_MAX;
		gpu_device_impl.write_config(rig.device, 4 + bit / 8, &byte, 1);
		CHECK_INT(read_config().events_read, ~(UINT32_C(1) << bit));
		CHECK_INT(read_config().events_clear, 0);
		CHECK_INT(read_config().num_scanouts, 2);
	}
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
		TEST_CASE(tells_when_a_viewer_comes_and_goes),
		TEST_CASE(tells_only_what_is_new),
		TEST_CASE(tells_nobody_who_has_not_asked),
		TEST_CASE(leaves_it_to_vmms_with_a_display),
		TEST_CASE(keeps_an_event_that_comes_in_between),
		TEST_CASE(tells_what_comes_out_by_the_way),
		TEST_CASE(edids_follow_the_viewer),
		TEST_CASE(viewers_have_no_more_outputs),
		TEST_CASE(late_answers_of_others_do_not_count),
		TEST_CASE(viewers_may_be_silent),
		TEST_CASE(clears_by_any_write),
	};
	return test_main(argc, argv, cases, ARRAY_SIZE(cases));
}
