/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/* What the display knows (modes, EDID), and displays that do not answer, answer nonsense or go
 * away. */
#include <stdlib.h>
#include <unistd.h>

#include "util/fd.h"
#include "wire.h"

#define XRGB VIRTIO_GPU_FORMAT_B8G8R8X8_UNORM

static void modes_from_the_display(void)
{
	struct kit_machine *m = wire_machine("none", NULL);
	struct virtio_gpu_resp_display_info info;
	kit_display_set_mode(&m->display, 0, 1600, 900);
	CHECK_TYPE(m, kit_gpu_display_info(&m->gpu, &info), VIRTIO_GPU_RESP_OK_DISPLAY_INFO);
	CHECK_INT(info.pmodes[0].r.width, 1600);
	CHECK_INT(info.pmodes[0].r.height, 900);
	CHECK_INT(info.pmodes[0].enabled, 1);
	CHECK_INT(info.pmodes[1].enabled, 0);
	/* the window is resized: the guest asks again and gets the new size */
	kit_display_set_mode(&m->display, 0, 801, 601);
	CHECK_TYPE(m, kit_gpu_display_info(&m->gpu, &info), VIRTIO_GPU_RESP_OK_DISPLAY_INFO);
	CHECK_INT(info.pmodes[0].r.width, 801);
	CHECK_INT(info.pmodes[0].r.height, 601);
	wire_end(m);
}

static void all_modes_of_the_display(void)
{
	struct kit_machine *m = wire_machine("none", NULL);
	struct virtio_gpu_resp_display_info info;
	for (uint32_t i = 0; i < VIRTIO_GPU_MAX_SCANOUTS; i++)
		m->display.modes[i] = (struct virtio_gpu_display_one){
			.r = kit_rect(i * 100, i, 640 + i, 480 + i),
			.enabled = i % 2 == 0,
			.flags = i,
		};
	CHECK_TYPE(m, kit_gpu_display_info(&m->gpu, &info), VIRTIO_GPU_RESP_OK_DISPLAY_INFO);
	for (uint32_t i = 0; i < VIRTIO_GPU_MAX_SCANOUTS; i++) {
		CHECK_INT(info.pmodes[i].enabled, i % 2 == 0);
		if (info.pmodes[i].enabled)
			CHECK_MEM(&info.pmodes[i], &m->display.modes[i], sizeof(info.pmodes[i].r));
	}
	wire_end(m);
}

/* Without a display: at least one output of a sensible size. */
static void modes_without_a_display(void)
{
	struct kit_machine *m = wire_machine(
		"none", &(struct kit_machine_spec){ .profile = &kit_profile_qemu_generic });
	struct virtio_gpu_resp_display_info info;
	CHECK_TYPE(m, kit_gpu_display_info(&m->gpu, &info), VIRTIO_GPU_RESP_OK_DISPLAY_INFO);
	CHECK_INT(info.pmodes[0].enabled, 1);
	CHECK(info.pmodes[0].r.width >= 320 && info.pmodes[0].r.width <= 16384);
	CHECK(info.pmodes[0].r.height >= 200 && info.pmodes[0].r.height <= 16384);
	wire_end(m);
}

/* --- EDID ---------------------------------------------------------------------------------- */

static void edid_from_the_display(void)
{
	struct kit_machine *m = wire_machine("none", NULL);
	struct virtio_gpu_resp_edid edid;
	struct virtio_gpu_config config;
	CHECK_OK(m, kit_vmm_read_config(&m->vmm, 0, &config, sizeof(config)));
	for (uint32_t i = 0; i < config.num_scanouts; i++) {
		CHECK_TYPE(m, kit_gpu_edid(&m->gpu, i, &edid), VIRTIO_GPU_RESP_OK_EDID);
		CHECK_INT(edid.size, m->display.edid_size);
		CHECK_MEM(edid.edid, m->display.edid[i], edid.size);
	}
	wire_end(m);
}

/* Is a base block: header, checksum, and a first detailed timing of this size (VESA E-EDID 1.4). */
static void check_edid(const struct virtio_gpu_resp_edid *edid, uint32_t width, uint32_t height)
{
	static const uint8_t magic[8] = { 0, 255, 255, 255, 255, 255, 255, 0 };
	uint8_t sum = 0;
	CHECK(edid->size >= 128 && edid->size % 128 == 0);
	CHECK_MEM(edid->edid, magic, sizeof(magic));
	for (int i = 0; i < 128; i++)
		sum = (uint8_t)(sum + edid->edid[i]);
	CHECK_INT(sum, 0);
	CHECK_INT(edid->edid[18], 1);
	const uint8_t *timing = edid->edid + 54;
	CHECK_INT(timing[2] | (timing[4] & 0xf0) << 4, width);
	CHECK_INT(timing[5] | (timing[7] & 0xf0) << 4, height);
}

static void edid_without_a_display(void)
{
	struct kit_machine *m = wire_machine(
		"none", &(struct kit_machine_spec){ .profile = &kit_profile_qemu_generic });
	struct virtio_gpu_resp_display_info info;
	struct virtio_gpu_resp_edid edid;
	CHECK_TYPE(m, kit_gpu_display_info(&m->gpu, &info), VIRTIO_GPU_RESP_OK_DISPLAY_INFO);
	CHECK_TYPE(m, kit_gpu_edid(&m->gpu, 0, &edid), VIRTIO_GPU_RESP_OK_EDID);
	check_edid(&edid, info.pmodes[0].r.width, info.pmodes[0].r.height);
	wire_end(m);
}

/* A display without the EDID feature is not asked. */
static void edid_of_a_display_without_it(void)
{
	struct kit_machine *m =
		wire_machine("none", &(struct kit_machine_spec){ .stage = KIT_STAGE_REALIZED });
	m->display.features = 0;
	CHECK_OK(m, kit_machine_start(m));
	struct virtio_gpu_resp_edid edid;
	wire_check_alive(m);
	CHECK_TYPE(m, kit_gpu_edid(&m->gpu, 0, &edid), VIRTIO_GPU_RESP_OK_EDID);
	check_edid(&edid, 1280, 800);
	CHECK_INT(m->display.counts[VHOST_USER_GPU_GET_EDID], 0);
	wire_end(m);
}

static void edid_of_wrong_scanouts(void)
{
	static const uint32_t ids[] = { VIRTIO_GPU_MAX_SCANOUTS, 255, 0x80000000, UINT32_MAX };
	struct kit_machine *m = wire_machine("none", NULL);
	struct virtio_gpu_resp_edid edid;
	for (size_t i = 0; i < ARRAY_SIZE(ids); i++)
		CHECK_ERROR(m, kit_gpu_edid(&m->gpu, ids[i], &edid));
	/* the display has never heard of it: it would not have answered */
	CHECK_INT(m->display.counts[VHOST_USER_GPU_GET_EDID], 0);
	wire_end(m);
}

/* --- displays that misbehave --------------------------------------------------------------- */

static const struct {
	const char *name;
	enum kit_display_answer answer;
} answers[] = {
	{ "never", KIT_DISPLAY_SILENT },
	{ "with another request's number", KIT_DISPLAY_WRONG },
	{ "without the reply flag", KIT_DISPLAY_NO_FLAG },
	{ "one byte short", KIT_DISPLAY_SHORT },
	{ "one byte long", KIT_DISPLAY_LONG },
	{ "4 GiB", KIT_DISPLAY_HUGE },
	{ "half and away", KIT_DISPLAY_HALF },
	{ "twice", KIT_DISPLAY_TWICE },
	{ "with descriptors", KIT_DISPLAY_WITH_FDS },
	{ "away", KIT_DISPLAY_CLOSE },
};

/* Whatever the display makes of a question, the guest gets an answer, the cursor queue is not held
 * up, and the device works on. */
static void misbehaves_at(uint32_t request)
{
	for (size_t i = 0; i < ARRAY_SIZE(answers); i++) {
		struct kit_machine *m = wire_machine(
			"none", &(struct kit_machine_spec){ .stage = KIT_STAGE_REALIZED });
		struct virtio_gpu_resp_display_info info;
		struct virtio_gpu_resp_edid edid;
		m->display.answers[request] = answers[i].answer;
		CHECK_OK(m, kit_machine_start(m));
		int type = kit_gpu_display_info(&m->gpu, &info);
		if (type != VIRTIO_GPU_RESP_OK_DISPLAY_INFO)
			test_fail(__FILE__, __LINE__, "%s: GET_DISPLAY_INFO: %s", answers[i].name,
				type < 0 ? m->kit.why : kit_response_name(type));
		CHECK(info.pmodes[0].enabled);
		CHECK(info.pmodes[0].r.width > 0 && info.pmodes[0].r.width <= 16384);
		type = kit_gpu_edid(&m->gpu, 0, &edid);
		if (type != VIRTIO_GPU_RESP_OK_EDID)
			test_fail(__FILE__, __LINE__, "%s: GET_EDID: %s", answers[i].name,
				type < 0 ? m->kit.why : kit_response_name(type));
		CHECK(edid.size >= 128 && edid.size <= sizeof(edid.edid));
		CHECK_GOOD(m, kit_gpu_create_2d(&m->gpu, 1, XRGB, 64, 64));
		CHECK_GOOD(m, kit_gpu_set_scanout(&m->gpu, 0, 1, kit_rect(0, 0, 64, 64)));
		CHECK_GOOD(m, kit_gpu_flush(&m->gpu, 1, kit_rect(0, 0, 64, 64)));
		CHECK_GOOD(m, kit_gpu_move_cursor(&m->gpu, 0, 1, 1));
		CHECK_OK(m, kit_machine_stop(m));
		wire_end(m);
	}
}

static void misbehaves_at_features(void)
{
	misbehaves_at(VHOST_USER_GPU_GET_PROTOCOL_FEATURES);
}

static void misbehaves_at_display_info(void)
{
	misbehaves_at(VHOST_USER_GPU_GET_DISPLAY_INFO);
}

static void misbehaves_at_edid(void)
{
	misbehaves_at(VHOST_USER_GPU_GET_EDID);
}

/* Numbers in the answers that cannot be. */
static void impossible_numbers(void)
{
	static const uint32_t sizes[] = { 0, 1025, 0x7fffffff, UINT32_MAX };
	static const uint32_t modes[][2] = { { 0, 0 }, { 0, 600 }, { UINT32_MAX, UINT32_MAX },
		{ 1, 1 }, { 16385, 16385 } };
	struct kit_machine *m = wire_machine("none", NULL);
	struct virtio_gpu_resp_edid edid;
	struct virtio_gpu_resp_display_info info;
	for (size_t i = 0; i < ARRAY_SIZE(sizes); i++) {
		m->display.edid_size = sizes[i];
		int type = kit_gpu_edid(&m->gpu, 0, &edid);
		CHECK_OK(m, type);
		if (type == VIRTIO_GPU_RESP_OK_EDID)
			CHECK(edid.size > 0 && edid.size <= sizeof(edid.edid));
		CHECK_OK(m, kit_machine_stop(m));
		CHECK_OK(m, kit_machine_start(m));
	}
	for (size_t i = 0; i < ARRAY_SIZE(modes); i++) {
		m->display.modes[0].r.width = modes[i][0];
		m->display.modes[0].r.height = modes[i][1];
		m->display.modes[0].enabled = UINT32_MAX;
		CHECK_TYPE(
			m, kit_gpu_display_info(&m->gpu, &info), VIRTIO_GPU_RESP_OK_DISPLAY_INFO);
		CHECK_OK(m, kit_machine_stop(m));
		CHECK_OK(m, kit_machine_start(m));
	}
	wire_end(m);
}

/* Things that nobody asked for. */
static void unsolicited(void)
{
	struct kit_machine *m = wire_machine("none", NULL);
	struct kit_surface s = wire_surface(m, 1, XRGB, 64, 64);
	struct kit_picture *picture = wire_pattern(64, 64, 1);
	for (uint32_t request = 0; request < 16; request++) {
		struct {
			struct vhost_user_gpu_header header;
			uint8_t payload[408];
		} message = { .header = { request, VHOST_USER_GPU_FLAG_REPLY, 408 } };
		wire_check_alive(m);
		CHECK_OK(m, kit_display_send(&m->display, &message, sizeof(message), NULL, 0));
		wire_check_alive(m);
		CHECK_OK(m, kit_machine_stop(m));
		CHECK_OK(m, kit_machine_start(m));
	}
	CHECK_GOOD(m, kit_gpu_set_scanout(&m->gpu, 0, 1, kit_rect(0, 0, 64, 64)));
	wire_show(m, &s, picture);
	CHECK_PICTURE(m, 0, picture);
	kit_surface_finish(&s);
	kit_picture_destroy(picture);
	wire_end(m);
}

/* The display closes its end while it shows something: the guest does not notice. */
static void display_goes_away(void)
{
	struct kit_machine *m = wire_machine("none", NULL);
	struct kit_surface s = wire_surface(m, 1, XRGB, 640, 480);
	struct kit_picture *picture = wire_pattern(640, 480, 1);
	CHECK_GOOD(m, kit_gpu_set_scanout(&m->gpu, 0, 1, kit_rect(0, 0, 640, 480)));
	wire_show(m, &s, picture);
	CHECK_PICTURE(m, 0, picture);
	kit_display_close(&m->display);
	for (int i = 0; i < 20; i++)
		wire_show(m, &s, picture);
	wire_check_alive(m);
	CHECK_GOOD(m, kit_gpu_move_cursor(&m->gpu, 0, 1, 1));
	kit_surface_finish(&s);
	kit_picture_destroy(picture);
	wire_end(m);
}

/* An answer that takes half a second: other commands, and the other queue, do not wait for it. */
static void slow_answers_hold_nobody_up(void)
{
	struct kit_machine *m = wire_machine("none", NULL);
	struct virtio_gpu_ctrl_hdr request = kit_header(VIRTIO_GPU_CMD_GET_DISPLAY_INFO);
	m->display.delay_ms[VHOST_USER_GPU_GET_DISPLAY_INFO] = 500;
	struct kit_command *info = kit_gpu_submit(&m->gpu, 0, &request, sizeof(request), 408);
	uint64_t start = kit_now();
	CHECK_GOOD(m, kit_gpu_create_2d(&m->gpu, 1, XRGB, 64, 64));
	CHECK_GOOD(m, kit_gpu_move_cursor(&m->gpu, 0, 1, 1));
	CHECK(kit_now() - start < 100);
	CHECK_TYPE(m, kit_gpu_complete(&m->gpu, info, NULL, 0), VIRTIO_GPU_RESP_OK_DISPLAY_INFO);
	wire_end(m);
}

/* GPU_SET_SOCKET again while the first is in use: the old one is left, the new one shows
 * everything. */
static void another_display(void)
{
	struct kit_machine *m = wire_machine("none", NULL);
	struct kit_surface s = wire_surface(m, 1, XRGB, 64, 64);
	struct kit_picture *picture = wire_pattern(64, 64, 1);
	CHECK_GOOD(m, kit_gpu_set_scanout(&m->gpu, 0, 1, kit_rect(0, 0, 64, 64)));
	wire_show(m, &s, picture);
	for (int i = 0; i < 5; i++) {
		CHECK_PICTURE(m, 0, picture);
		CHECK_OK(m, kit_vmm_do(&m->vmm, VHOST_USER_GPU_SET_SOCKET, 0, 0));
	}
	CHECK_PICTURE(m, 0, picture);
	kit_surface_finish(&s);
	kit_picture_destroy(picture);
	wire_end(m);
}

int main(int argc, char **argv)
{
	static const struct test_case cases[] = {
		TEST_CASE(modes_from_the_display),
		TEST_CASE(all_modes_of_the_display),
		TEST_CASE(modes_without_a_display),
		TEST_CASE(edid_from_the_display),
		TEST_CASE(edid_without_a_display),
		TEST_CASE(edid_of_a_display_without_it),
		TEST_CASE(edid_of_wrong_scanouts),
		TEST_CASE(misbehaves_at_features),
		TEST_CASE(misbehaves_at_display_info),
		TEST_CASE(misbehaves_at_edid),
		TEST_CASE(impossible_numbers),
		TEST_CASE(unsolicited),
		TEST_CASE(display_goes_away),
		TEST_CASE(slow_answers_hold_nobody_up),
		TEST_CASE(another_display),
	};
	return test_main(argc, argv, cases, ARRAY_SIZE(cases));
}
