/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/*
 * A viewer (--display-socket): where VMMs without a display of their own have their picture. It comes
 * and goes, and the guest is told: EVENT_DISPLAY, with CONFIG_CHANGE_MSG on the backend channel. The
 * machine's display plays the viewer.
 */
#include <stdlib.h>

#include "wire.h"

#define XRGB VIRTIO_GPU_FORMAT_B8G8R8X8_UNORM

#define OWN_WIDTH  1024u
#define OWN_HEIGHT 768u

static const struct kit_profile *const profiles[] = {
	&kit_profile_qemu_generic,
	&kit_profile_crosvm,
};

static struct kit_machine *start(const struct kit_profile *profile, uint32_t outputs)
{
	char options[128];
	snprintf(options, sizeof(options), "--display-socket {viewer} --scanouts %u --mode %ux%u",
		outputs, OWN_WIDTH, OWN_HEIGHT);
	return wire_machine_with("none", options, &(struct kit_machine_spec){ .profile = profile });
}

static void viewer_comes(struct kit_machine *m)
{
	int sock = kit_backend_connect_viewer(m->backend);
	CHECK_OK(m, sock);
	uint32_t asked = m->display.counts[VHOST_USER_GPU_GET_DISPLAY_INFO];
	kit_display_attach(&m->display, sock);
	CHECK_OK(m, kit_display_wait(&m->display, VHOST_USER_GPU_GET_DISPLAY_INFO, asked + 1));
}

/* --- the guest's side ---------------------------------------------------------------------- */

struct changes {
	const struct kit_channel *channel;
	uint32_t count;
};

static bool changed(void *data)
{
	const struct changes *changes = data;
	return changes->channel->config_changes >= changes->count;
}

/* The VMM has been told of so many changes, and of no more. */
static void expect_changes(struct kit_machine *m, uint32_t count)
{
	struct changes changes = { &m->vmm.channel, count };
	if (kit_wait(&m->kit, changed, &changes, -1) < 0)
		test_fail(__FILE__, __LINE__, "%u changes of the configuration, not %u",
			m->vmm.channel.config_changes, count);
	CHECK_OK(m, kit_pump(&m->kit, 20));
	CHECK_INT(m->vmm.channel.config_changes, count);
}

static uint32_t events(struct kit_machine *m)
{
	uint32_t events;
	CHECK_OK(m, kit_vmm_read_config(&m->vmm, 0, &events, sizeof(events)));
	return events;
}

static void clear(struct kit_machine *m)
{
	const uint32_t event = VIRTIO_GPU_EVENT_DISPLAY;
	CHECK_OK(m, kit_vmm_write_config(&m->vmm, 4, &event, sizeof(event)));
}

static struct virtio_gpu_resp_display_info info(struct kit_machine *m)
{
	struct virtio_gpu_resp_display_info info;
	CHECK_TYPE(m, kit_gpu_display_info(&m->gpu, &info), VIRTIO_GPU_RESP_OK_DISPLAY_INFO);
	return info;
}

static void expect_mode(struct kit_machine *m, uint32_t output, uint32_t width, uint32_t height)
{
	const struct virtio_gpu_display_one mode = info(m).pmodes[output];
	CHECK_INT(mode.enabled, width > 0);
	CHECK_INT(mode.r.width, width);
	CHECK_INT(mode.r.height, height);
}

/* What a driver does when the configuration has changed. */
static void handle_event(struct kit_machine *m, uint32_t width, uint32_t height)
{
	CHECK_INT(events(m), VIRTIO_GPU_EVENT_DISPLAY);
	expect_mode(m, 0, width, height);
	clear(m);
	CHECK_INT(events(m), 0);
}

/* The size in the first detailed timing of an EDID. */
static void expect_edid_size(struct kit_machine *m, uint32_t width, uint32_t height)
{
	struct virtio_gpu_resp_edid edid;
	CHECK_TYPE(m, kit_gpu_edid(&m->gpu, 0, &edid), VIRTIO_GPU_RESP_OK_EDID);
	CHECK_INT(edid.size, 128);
	const uint8_t *timing = edid.edid + 54;
	CHECK_INT(timing[2] | (timing[4] & 0xf0) << 4, width);
	CHECK_INT(timing[5] | (timing[7] & 0xf0) << 4, height);
}

/* --- tests --------------------------------------------------------------------------------- */

static void comes_and_goes(void)
{
	for (size_t i = 0; i < ARRAY_SIZE(profiles); i++) {
		struct kit_machine *m = start(profiles[i], 1);
		uint32_t count = 0;
		expect_mode(m, 0, OWN_WIDTH, OWN_HEIGHT);
		CHECK_INT(events(m), 0);
		for (uint32_t round = 0; round < 4; round++) {
			kit_display_set_mode(&m->display, 0, 640 + round, 480);
			viewer_comes(m);
			expect_changes(m, ++count);
			handle_event(m, 640 + round, 480);
			kit_display_close(&m->display);
			expect_changes(m, ++count);
			handle_event(m, OWN_WIDTH, OWN_HEIGHT);
		}
		wire_end(m);
	}
}

/* The window gets another size: the viewer says so by connecting anew. */
static void changes_its_size(void)
{
	struct kit_machine *m = start(&kit_profile_qemu_generic, 1);
	m->display.features = 0; /* no EDID: the device makes one */
	kit_display_set_mode(&m->display, 0, 1200, 900);
	viewer_comes(m);
	expect_mode(m, 0, 1200, 900);
	expect_edid_size(m, 1200, 900);
	CHECK_INT(events(m), 0); /* it was there before the guest asked */
	for (uint32_t i = 1; i <= 4; i++) {
		kit_display_set_mode(&m->display, 0, 1200 + i, 900 - i);
		viewer_comes(m);
		expect_changes(m, i);
		handle_event(m, 1200 + i, 900 - i);
		expect_edid_size(m, 1200 + i, 900 - i);
	}
	viewer_comes(m); /* the same again is no news */
	expect_changes(m, 4);
	CHECK_INT(events(m), 0);
	wire_end(m);
}

static void brings_its_edid(void)
{
	struct kit_machine *m = start(&kit_profile_crosvm, 1);
	struct virtio_gpu_resp_edid edid;
	expect_edid_size(m, OWN_WIDTH, OWN_HEIGHT);
	viewer_comes(m);
	CHECK_TYPE(m, kit_gpu_edid(&m->gpu, 0, &edid), VIRTIO_GPU_RESP_OK_EDID);
	CHECK_INT(edid.size, m->display.edid_size);
	CHECK_MEM(edid.edid, m->display.edid[0], edid.size);
	kit_display_close(&m->display);
	/* also when the device has not noticed yet that it has gone */
	expect_edid_size(m, OWN_WIDTH, OWN_HEIGHT);
	wire_end(m);
}

/* A driver that starts later finds what is there; there is nothing to tell it. */
static void is_there_before_the_driver(void)
{
	for (size_t i = 0; i < ARRAY_SIZE(profiles); i++) {
		struct kit_machine *m = start(profiles[i], 1);
		viewer_comes(m);
		expect_changes(m, 0);
		expect_mode(m, 0, 1280, 800);
		CHECK_OK(m, kit_machine_reset(m));
		kit_display_set_mode(&m->display, 0, 640, 480);
		viewer_comes(m);
		expect_changes(m, 0);
		CHECK_INT(events(m), 0);
		expect_mode(m, 0, 640, 480);
		wire_end(m);
	}
}

/* More outputs than the device has, fewer, and which they are. */
static void has_other_outputs(void)
{
	struct kit_machine *m = start(&kit_profile_qemu_generic, 3);
	struct virtio_gpu_config config;
	CHECK_OK(m, kit_vmm_read_config(&m->vmm, 0, &config, sizeof(config)));
	CHECK_INT(config.num_scanouts, 3);
	for (uint32_t i = 0; i < VIRTIO_GPU_MAX_SCANOUTS; i++) {
		expect_mode(m, i, i < 3 ? OWN_WIDTH : 0, i < 3 ? OWN_HEIGHT : 0);
		kit_display_set_mode(&m->display, i, 600 + i, 400);
	}
	viewer_comes(m);
	expect_changes(m, 1);
	for (uint32_t i = 0; i < VIRTIO_GPU_MAX_SCANOUTS; i++)
		expect_mode(m, i, i < 3 ? 600 + i : 0, i < 3 ? 400 : 0);
	CHECK_OK(m, kit_vmm_read_config(&m->vmm, 0, &config, sizeof(config)));
	CHECK_INT(config.num_scanouts, 3);
	clear(m);

	for (uint32_t i = 0; i < VIRTIO_GPU_MAX_SCANOUTS; i++)
		kit_display_set_mode(&m->display, i, i == 1 ? 800 : 0, i == 1 ? 600 : 0);
	viewer_comes(m);
	expect_changes(m, 2);
	for (uint32_t i = 0; i < VIRTIO_GPU_MAX_SCANOUTS; i++)
		expect_mode(m, i, i == 1 ? 800 : 0, i == 1 ? 600 : 0);
	wire_end(m);
}

/* It sees what the guest shows, as soon as it comes. */
static void is_shown_everything(void)
{
	for (size_t i = 0; i < ARRAY_SIZE(profiles); i++) {
		struct kit_machine *m = start(profiles[i], 1);
		struct kit_surface s = wire_surface(m, 1, XRGB, 100, 80);
		struct kit_picture *picture = wire_pattern(100, 80, 1);
		CHECK_GOOD(m, kit_gpu_set_scanout(&m->gpu, 0, 1, kit_rect(0, 0, 100, 80)));
		wire_show(m, &s, picture);
		for (uint32_t round = 0; round < 3; round++) {
			viewer_comes(m);
			CHECK_PICTURE(m, 0, picture);
			kit_picture_pattern(picture, kit_rect(0, 0, 100, 80), round);
			wire_show(m, &s, picture);
			CHECK_PICTURE(m, 0, picture);
			if (round == 1)
				kit_display_close(&m->display);
		}
		kit_surface_finish(&s);
		kit_picture_destroy(picture);
		wire_end(m);
	}
}

/* With QEMU's own device the VMM tells the guest; it does not understand CONFIG_CHANGE_MSG. */
static void is_none_of_a_display_vmms_business(void)
{
	struct kit_machine *m = start(&kit_profile_qemu_gpu, 1);
	struct kit_display viewer;
	CHECK_OK(m, kit_display_init(&viewer, &m->kit));
	kit_display_set_mode(&viewer, 0, 640, 480);
	expect_mode(m, 0, 1280, 800);
	for (int round = 0; round < 2; round++) {
		int sock = kit_backend_connect_viewer(m->backend);
		CHECK_OK(m, sock);
		kit_display_attach(&viewer, sock);
		CHECK_OK(m, kit_pump(&m->kit, 20));
		/* a pause, in which the VMM takes its display away */
		CHECK_OK(m, kit_machine_stop(m));
		CHECK_OK(m, kit_pump(&m->kit, 20));
		kit_display_close(&viewer);
		CHECK_OK(m, kit_machine_start(m));
		expect_changes(m, 0);
		CHECK_INT(events(m), 0);
		expect_mode(m, 0, 1280, 800);
	}
	kit_display_finish(&viewer);
	wire_end(m);
}

/* VMMs that give no channel, or do not ask us for the configuration, are not told. */
static void vmms_that_cannot_be_told(void)
{
	static const uint64_t unwanted[] = { VHOST_BIT(VHOST_USER_PROTOCOL_F_BACKEND_REQ),
		VHOST_BIT(VHOST_USER_PROTOCOL_F_CONFIG) };
	for (size_t i = 0; i < ARRAY_SIZE(unwanted); i++) {
		struct kit_machine *m = wire_machine_with("none", "--display-socket {viewer}",
			&(struct kit_machine_spec){ .profile = &kit_profile_qemu_generic,
				.protocol_unwanted = unwanted[i] });
		expect_mode(m, 0, 1280, 800);
		kit_display_set_mode(&m->display, 0, 640, 480);
		viewer_comes(m);
		expect_changes(m, 0);
		/* the event is there for who looks */
		if (i == 0)
			handle_event(m, 640, 480);
		expect_mode(m, 0, 640, 480);
		wire_end(m);
	}
}

/* A guest that does not look is told once, however often a viewer comes; and then what is so. */
static void is_told_once(void)
{
	struct kit_machine *m = start(&kit_profile_qemu_generic, 1);
	expect_mode(m, 0, OWN_WIDTH, OWN_HEIGHT);
	for (uint32_t i = 0; i < 50; i++) {
		kit_display_set_mode(&m->display, 0, 700 + i, 500);
		viewer_comes(m);
	}
	expect_changes(m, 1);
	handle_event(m, 749, 500);
	/* and once more from then on */
	kit_display_close(&m->display);
	expect_changes(m, 2);
	handle_event(m, OWN_WIDTH, OWN_HEIGHT);
	wire_end(m);
}

/* The outputs change once more while the guest handles the event: it is told of that, too. */
static void no_change_gets_lost(void)
{
	for (size_t i = 0; i < ARRAY_SIZE(profiles); i++) {
		struct kit_machine *m = start(profiles[i], 1);
		expect_mode(m, 0, OWN_WIDTH, OWN_HEIGHT);
		kit_display_set_mode(&m->display, 0, 640, 480);
		viewer_comes(m);
		expect_changes(m, 1);
		CHECK_INT(events(m), VIRTIO_GPU_EVENT_DISPLAY);
		expect_mode(m, 0, 640, 480);
		kit_display_set_mode(&m->display, 0, 800, 600);
		viewer_comes(m);
		expect_changes(m, 2);
		clear(m);
		handle_event(m, 800, 600);
		wire_end(m);
	}
}

/* events_clear a byte at a time, as some VMMs write it; other fields cannot be written. */
static void events_are_cleared_in_parts(void)
{
	const uint8_t one = 1, zero = 0, all = 0xff;
	struct kit_machine *m = start(&kit_profile_crosvm, 1);
	struct virtio_gpu_config config;
	expect_mode(m, 0, OWN_WIDTH, OWN_HEIGHT);
	kit_display_set_mode(&m->display, 0, 640, 480);
	viewer_comes(m);
	expect_changes(m, 1);
	for (uint32_t offset = 0; offset < 24; offset++) {
		if (offset == 4)
			continue;
		CHECK_OK(m, kit_vmm_write_config(&m->vmm, offset, &all, 1));
		CHECK_INT(events(m), VIRTIO_GPU_EVENT_DISPLAY);
	}
	CHECK_OK(m, kit_vmm_write_config(&m->vmm, 4, &zero, 1));
	CHECK_INT(events(m), VIRTIO_GPU_EVENT_DISPLAY);
	CHECK_OK(m, kit_vmm_write_config(&m->vmm, 4, &one, 1));
	CHECK_OK(m, kit_vmm_read_config(&m->vmm, 0, &config, sizeof(config)));
	CHECK_INT(config.events_read, 0);
	CHECK_INT(config.events_clear, 0);
	CHECK_INT(config.num_scanouts, 1);
	wire_end(m);
}

/* A viewer that answers nonsense, or nothing, costs the guest nothing. */
static void misbehaves(void)
{
	static const enum kit_display_answer answers[] = { KIT_DISPLAY_SILENT, KIT_DISPLAY_WRONG,
		KIT_DISPLAY_NO_FLAG, KIT_DISPLAY_SHORT, KIT_DISPLAY_LONG, KIT_DISPLAY_HUGE,
		KIT_DISPLAY_HALF, KIT_DISPLAY_TWICE, KIT_DISPLAY_WITH_FDS, KIT_DISPLAY_CLOSE };
	struct kit_machine *m = start(&kit_profile_qemu_generic, 1);
	expect_mode(m, 0, OWN_WIDTH, OWN_HEIGHT);
	for (size_t i = 0; i < ARRAY_SIZE(answers); i++) {
		m->display.answers[VHOST_USER_GPU_GET_DISPLAY_INFO] = answers[i];
		viewer_comes(m);
		CHECK_OK(m, kit_pump(&m->kit, 20));
		CHECK(info(m).pmodes[0].enabled);
		wire_check_alive(m);
	}
	m->display.answers[VHOST_USER_GPU_GET_DISPLAY_INFO] = KIT_DISPLAY_GOOD;
	kit_display_set_mode(&m->display, 0, 640, 480);
	viewer_comes(m);
	expect_mode(m, 0, 640, 480);
	wire_end(m);
}

/* The viewer stays when VMMs come and go: each finds it there, and has nothing to be told. */
static void outlives_the_vmm(void)
{
	for (size_t i = 0; i < ARRAY_SIZE(profiles); i++) {
		struct kit_machine *m = start(profiles[i], 1);
		struct kit_display viewer;
		CHECK_OK(m, kit_display_init(&viewer, &m->kit));
		kit_display_set_mode(&viewer, 0, 640, 480);
		int sock = kit_backend_connect_viewer(m->backend);
		CHECK_OK(m, sock);
		kit_display_attach(&viewer, sock);
		CHECK_OK(m, kit_display_wait(&viewer, VHOST_USER_GPU_GET_DISPLAY_INFO, 1));
		for (int round = 0; round < 3; round++) {
			uint32_t updates = viewer.counts[VHOST_USER_GPU_UPDATE];
			expect_mode(m, 0, 640, 480);
			CHECK_GOOD(m, kit_gpu_create_2d(&m->gpu, 1, XRGB, 100, 80));
			CHECK_GOOD(m, kit_gpu_set_scanout(&m->gpu, 0, 1, kit_rect(0, 0, 100, 80)));
			CHECK_OK(m, kit_display_wait(&viewer, VHOST_USER_GPU_UPDATE, updates + 1));
			CHECK_OK(m, kit_machine_reconnect(m));
			CHECK_INT(events(m), 0);
			expect_changes(m, 0);
		}
		CHECK(!viewer.peer_closed && viewer.violations == 0);
		kit_display_finish(&viewer);
		wire_end(m);
	}
}

int main(int argc, char **argv)
{
	static const struct test_case cases[] = {
		TEST_CASE(comes_and_goes),
		TEST_CASE(changes_its_size),
		TEST_CASE(brings_its_edid),
		TEST_CASE(is_there_before_the_driver),
		TEST_CASE(has_other_outputs),
		TEST_CASE(is_shown_everything),
		TEST_CASE(is_none_of_a_display_vmms_business),
		TEST_CASE(vmms_that_cannot_be_told),
		TEST_CASE(is_told_once),
		TEST_CASE(no_change_gets_lost),
		TEST_CASE(events_are_cleared_in_parts),
		TEST_CASE(misbehaves),
		TEST_CASE(outlives_the_vmm),
	};
	return test_main(argc, argv, cases, ARRAY_SIZE(cases));
}
