/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/*
 * Pause, resume and reset, in the ways of the front ends there are. A pause loses nothing, and the
 * display that a VMM brings afterwards is shown everything again; a reset leaves nothing.
 */
#include <stdlib.h>

#include "kit/conform/conform.h"

#define XRGB     VIRTIO_GPU_FORMAT_B8G8R8X8_UNORM
#define ARGB     VIRTIO_GPU_FORMAT_B8G8R8A8_UNORM
#define W        100u
#define H        80u
#define PATIENCE 4 /* time limits: a device may give its display some time to answer */

static const struct kit_profile *const profiles[] = {
	&kit_profile_qemu_gpu_all,
	&kit_profile_qemu_generic,
	&kit_profile_crosvm,
};
static const char *const profile_names[] = { "qemu_gpu", "qemu_generic", "crosvm", NULL };

static struct kit_machine *of_front_end(struct conform *c)
{
	return conform_machine(c, &(struct kit_machine_spec){ .profile = profiles[c->variant] });
}

/* It has a resource of W x H, shown where there is a display. */
static struct kit_surface show_something(struct kit_machine *m)
{
	struct kit_surface s = conform_surface(m, 1, XRGB, W, H);
	CHECK_GOOD(m, kit_gpu_set_scanout(&m->gpu, 0, 1, kit_rect(0, 0, W, H)));
	return s;
}

static bool has_display(const struct conform *c, const struct kit_machine *m)
{
	return m->vmm.display && c->probe->display;
}

/* --- pause and resume ---------------------------------------------------------------------- */

static void pause_keeps_resources(struct conform *c)
{
	struct kit_machine *m = of_front_end(c);
	struct kit_surface s = show_something(m);
	struct kit_picture *picture = conform_pattern(W, H, 1);
	for (uint32_t round = 0; round < 3; round++) {
		CHECK_OK(m, kit_machine_stop(m));
		CHECK_OK(m, kit_machine_start(m));
		kit_picture_pattern(picture, kit_rect(0, 0, W, H), round);
		conform_show(m, &s, picture);
		if (has_display(c, m))
			CHECK_PICTURE(m, 0, picture);
	}
	kit_surface_finish(&s);
	kit_picture_destroy(picture);
	conform_end(c, m);
}

static void pauses_without_work(struct conform *c)
{
	struct kit_machine *m = of_front_end(c);
	struct kit_surface s = show_something(m);
	for (int round = 0; round < 20; round++) {
		CHECK_OK(m, kit_machine_stop(m));
		CHECK_OK(m, kit_machine_start(m));
	}
	CHECK_GOOD(m, kit_gpu_flush(&m->gpu, 1, kit_rect(0, 0, W, H)));
	kit_surface_finish(&s);
	conform_end(c, m);
}

/* What was added while the device was stopped is done when it resumes, and not before. */
static void commands_wait_for_the_resume(struct conform *c)
{
	struct kit_machine *m = of_front_end(c);
	const struct virtio_gpu_resource_create_2d request = {
		.hdr = kit_header(VIRTIO_GPU_CMD_RESOURCE_CREATE_2D),
		.resource_id = 9,
		.format = XRGB,
		.width = 8,
		.height = 8,
	};
	CHECK_OK(m, kit_machine_stop(m));
	struct kit_command *command = kit_gpu_submit(&m->gpu, 0, &request, sizeof(request), 24);
	CHECK(command);
	CHECK_OK(m, kit_pump(&m->kit, 30));
	CHECK_OK(m, kit_gpu_collect(&m->gpu));
	CHECK(!command->done);
	CHECK_OK(m, kit_machine_start(m));
	CHECK_GOOD(m, kit_gpu_complete(&m->gpu, command, NULL, 0));
	CHECK_GOOD(m, kit_gpu_unref(&m->gpu, 9));
	conform_end(c, m);
}

/* A device at rest touches neither its rings nor the VMM. */
static void quiet_while_stopped(struct conform *c)
{
	struct kit_machine *m = of_front_end(c);
	CHECK_OK(m, kit_machine_stop(m));
	for (uint32_t i = 0; i < KIT_QUEUES; i++) {
		kit_ring_interrupts(&m->rings[i]);
		kit_ring_kick_always(&m->rings[i]);
	}
	CHECK_OK(m, kit_pump(&m->kit, 30));
	for (uint32_t i = 0; i < KIT_QUEUES; i++)
		CHECK_INT(kit_ring_interrupts(&m->rings[i]), 0);
	CHECK_OK(m, kit_machine_start(m));
	conform_end(c, m);
}

/* The display that comes with a resume is shown the picture without the guest's doing. */
static void picture_on_the_next_display(struct conform *c)
{
	struct kit_machine *m = conform_machine(c, NULL);
	struct kit_surface s = show_something(m);
	struct kit_picture *picture = conform_pattern(W, H, 1);
	conform_show(m, &s, picture);
	CHECK_PICTURE(m, 0, picture);
	for (uint32_t round = 0; round < 3; round++) {
		CHECK_OK(m, kit_machine_stop(m));
		CHECK_OK(m, kit_machine_start(m));
		CHECK_PICTURE(m, 0, picture);
	}
	kit_surface_finish(&s);
	kit_picture_destroy(picture);
	conform_end(c, m);
}

static void cursor_on_the_next_display(struct conform *c)
{
	struct kit_machine *m = conform_machine(c, NULL);
	struct kit_surface s = show_something(m), cursor = conform_surface(m, 2, ARGB, 64, 64);
	struct virtio_gpu_update_cursor update = { .hdr = kit_header(VIRTIO_GPU_CMD_UPDATE_CURSOR),
		.pos = { .x = 5, .y = 6 },
		.resource_id = 2,
		.hot_x = 1,
		.hot_y = 2 };
	CHECK_GOOD(m, kit_gpu_transfer_2d(&m->gpu, 2, kit_rect(0, 0, 64, 64), 0));
	conform_send_cursor(m, &update);
	update.hdr.type = VIRTIO_GPU_CMD_MOVE_CURSOR;
	update.pos.x = 50;
	update.pos.y = 60;
	conform_send_cursor(m, &update);
	CHECK_OK(m, kit_display_wait(&m->display, VHOST_USER_GPU_CURSOR_UPDATE, 1));
	for (uint32_t round = 0; round < 3; round++) {
		uint32_t cursors = m->display.counts[VHOST_USER_GPU_CURSOR_UPDATE];
		CHECK_OK(m, kit_machine_stop(m));
		CHECK_OK(m, kit_machine_start(m));
		CHECK_OK(m,
			kit_display_wait(&m->display, VHOST_USER_GPU_CURSOR_UPDATE, cursors + 1));
		CHECK(m->display.cursor.visible);
		CHECK_INT(m->display.cursor.x, 50);
		CHECK_INT(m->display.cursor.y, 60);
		CHECK_INT(m->display.cursor.hot_x, 1);
	}
	kit_surface_finish(&s);
	kit_surface_finish(&cursor);
	conform_end(c, m);
}

/* What was flushed while there was no display, or while it hung, is on the next one. */
static void flushes_without_a_display(struct conform *c)
{
	struct kit_machine *m = conform_machine(c, NULL);
	struct kit_surface s = show_something(m);
	struct kit_picture *picture = conform_pattern(W, H, 1);
	kit_display_set_reading(&m->display, false);
	for (uint32_t i = 0; i < 30; i++) {
		kit_picture_pattern(picture, kit_rect(0, 0, W, H), i);
		conform_show(m, &s, picture);
	}
	kit_display_close(&m->display);
	kit_picture_pattern(picture, kit_rect(0, 0, W, H), 99);
	conform_show(m, &s, picture);
	CHECK_OK(m, kit_machine_stop(m));
	CHECK_OK(m, kit_machine_start(m));
	CHECK_PICTURE(m, 0, picture);
	kit_surface_finish(&s);
	kit_picture_destroy(picture);
	conform_end(c, m);
}

/* --- reset --------------------------------------------------------------------------------- */

static bool anything_shown(const struct kit_display *display)
{
	for (uint32_t i = 0; i < KIT_MAX_SCANOUTS; i++)
		if (display->scanouts[i].picture)
			return true;
	return display->cursor.visible;
}

/* The next driver begins with the same numbers, and an empty screen. */
static void reset_leaves_nothing(struct conform *c)
{
	struct kit_machine *m = of_front_end(c);
	struct kit_surface s = show_something(m);
	for (int round = 0; round < 3; round++) {
		CHECK_GOOD(m, kit_surface_show(&s, kit_rect(0, 0, W, H)));
		CHECK_OK(m, kit_machine_reset(m));
		conform_check_alive(m);
		CHECK_OK(m, kit_pump(&m->kit, 20));
		CHECK(!anything_shown(&m->display));
		CHECK_GOOD(m, kit_gpu_create_2d(&m->gpu, 1, XRGB, W, H));
		CHECK_GOOD(m, kit_gpu_attach(&m->gpu, 1, s.entries, s.count));
		CHECK_GOOD(m, kit_gpu_set_scanout(&m->gpu, 0, 1, kit_rect(0, 0, W, H)));
	}
	kit_surface_finish(&s);
	conform_end(c, m);
}

/* Which queue a VMM starts first is its own business. */
static void reset_in_reverse(struct conform *c)
{
	struct kit_machine *m = conform_machine(
		c, &(struct kit_machine_spec){ .profile = profiles[c->variant], .reverse = true });
	for (int round = 0; round < 3; round++) {
		CHECK_GOOD(m, kit_gpu_create_2d(&m->gpu, 1, XRGB, W, H));
		CHECK_OK(m, kit_machine_reset(m));
	}
	CHECK_GOOD(m, kit_gpu_create_2d(&m->gpu, 1, XRGB, W, H));
	CHECK_OK(m, kit_machine_stop(m));
	CHECK_OK(m, kit_machine_start(m));
	CHECK_GOOD(m, kit_gpu_unref(&m->gpu, 1));
	conform_end(c, m);
}

/* The used index is back at 0, as in the ring that the next driver makes. */
static void reset_after_a_wrap(struct conform *c)
{
	struct kit_machine *m = of_front_end(c);
	struct virtio_gpu_resp_display_info info;
	CHECK_GOOD(m, kit_gpu_create_2d(&m->gpu, 1, XRGB, W, H));
	while (kit_ring_used_index(&m->rings[0]) != 0)
		CHECK_TYPE(
			m, kit_gpu_display_info(&m->gpu, &info), VIRTIO_GPU_RESP_OK_DISPLAY_INFO);
	CHECK_OK(m, kit_machine_stop(m));
	CHECK_OK(m, kit_machine_start(m));
	CHECK_ERROR(m, kit_gpu_create_2d(&m->gpu, 1, XRGB, W, H));
	while (kit_ring_used_index(&m->rings[0]) != 0)
		CHECK_TYPE(
			m, kit_gpu_display_info(&m->gpu, &info), VIRTIO_GPU_RESP_OK_DISPLAY_INFO);
	CHECK_OK(m, kit_machine_reset(m));
	CHECK_GOOD(m, kit_gpu_create_2d(&m->gpu, 1, XRGB, W, H));
	conform_end(c, m);
}

static void reset_and_draw(struct conform *c)
{
	struct kit_machine *m = conform_machine(c, NULL);
	struct kit_picture *picture = conform_pattern(W, H, 1);
	for (uint32_t round = 0; round < 5; round++) {
		struct kit_surface s = show_something(m);
		kit_picture_pattern(picture, kit_rect(0, 0, W, H), round);
		conform_show(m, &s, picture);
		CHECK_PICTURE(m, 0, picture);
		kit_surface_finish(&s);
		CHECK_OK(m, kit_machine_reset(m));
	}
	kit_picture_destroy(picture);
	conform_end(c, m);
}

static void many_resets(struct conform *c)
{
	struct kit_machine *m = of_front_end(c);
	for (int round = 0; round < 30; round++) {
		CHECK_GOOD(m, kit_gpu_create_2d(&m->gpu, 1, XRGB, 300, 300));
		CHECK_OK(m, kit_machine_reset(m));
	}
	conform_end(c, m);
}

/* A reset that comes while the device never ran, and several at once. */
static void reset_before_the_start(struct conform *c)
{
	struct kit_machine *m =
		conform_machine(c, &(struct kit_machine_spec){ .stage = KIT_STAGE_REALIZED });
	for (int i = 0; i < 5; i++)
		CHECK_OK(m, kit_vmm_do(&m->vmm, VHOST_USER_RESET_DEVICE, 0, 0));
	conform_start(m);
	conform_end(c, m);
}

/* The device is reset while its queues run: they stop, and start again as ever. */
static void reset_while_running(struct conform *c)
{
	struct kit_machine *m = conform_machine(c, NULL);
	struct virtio_gpu_ctrl_hdr request = kit_header(VIRTIO_GPU_CMD_GET_DISPLAY_INFO);
	CHECK_GOOD(m, kit_gpu_create_2d(&m->gpu, 1, XRGB, W, H));
	CHECK_OK(m, kit_vmm_do(&m->vmm, VHOST_USER_RESET_DEVICE, 0, 0));
	struct kit_command *command = kit_gpu_submit(&m->gpu, 0, &request, sizeof(request), 408);
	CHECK(command);
	CHECK_OK(m, kit_pump(&m->kit, 30));
	CHECK_OK(m, kit_gpu_collect(&m->gpu));
	CHECK(!command->done);
	CHECK_OK(m, kit_machine_renew(m));
	CHECK_GOOD(m, kit_gpu_create_2d(&m->gpu, 1, XRGB, W, H));
	conform_end(c, m);
}

/* Another driver: features may be chosen anew. */
static void other_features_after_a_reset(struct conform *c)
{
	struct kit_machine *m = conform_machine(c, NULL);
	struct virtio_gpu_resp_edid edid;
	CHECK_TYPE(m, kit_gpu_edid(&m->gpu, 0, &edid), VIRTIO_GPU_RESP_OK_EDID);
	m->vmm.wanted = ~(CONFORM_FEATURE(RING_F_EVENT_IDX) |
		CONFORM_FEATURE(RING_F_INDIRECT_DESC) | CONFORM_FEATURE(GPU_F_EDID));
	CHECK_OK(m, kit_machine_reset(m));
	CHECK(!m->rings[0].event_idx && !m->rings[0].indirect);
	conform_check_alive(m);
	m->vmm.wanted = UINT64_MAX;
	CHECK_OK(m, kit_machine_reset(m));
	CHECK_TYPE(m, kit_gpu_edid(&m->gpu, 0, &edid), VIRTIO_GPU_RESP_OK_EDID);
	conform_end(c, m);
}

/* Another driver: the rings lie elsewhere, and have other sizes. The VMM does not say that there was
 * a reset, unless it uses RESET_DEVICE. */
static void other_rings_after_a_reset(struct conform *c)
{
	static const uint32_t sizes[] = { 16, 256, 64, 1024 };
	struct kit_machine *m = of_front_end(c);
	for (size_t round = 0; round < ARRAY_SIZE(sizes); round++) {
		CHECK_GOOD(m, kit_gpu_create_2d(&m->gpu, 1, XRGB, W, H));
		CHECK_OK(m, kit_machine_stop(m));
		CHECK_OK(m, kit_vmm_reset(&m->vmm));
		kit_gpu_finish(&m->gpu);
		for (uint32_t i = 0; i < KIT_QUEUES; i++) {
			kit_ring_finish(&m->rings[i]);
			CHECK_OK(m, kit_ring_init(&m->rings[i], &m->memory, i, sizes[round]));
		}
		CHECK_OK(m, kit_machine_start(m));
		conform_check_cursor(m);
		conform_check_alive(m);
	}
	conform_end(c, m);
}

/* --- with requests in flight --------------------------------------------------------------- */

#define BATCH 30u

/* Transfers that take a while, and questions to the display. */
static void fill(struct kit_machine *m, struct kit_command *commands[BATCH])
{
	struct virtio_gpu_transfer_to_host_2d transfer = {
		.hdr = kit_header(VIRTIO_GPU_CMD_TRANSFER_TO_HOST_2D),
		.r = kit_rect(0, 0, 1000, 1000),
		.resource_id = 5,
	};
	struct virtio_gpu_ctrl_hdr question = kit_header(VIRTIO_GPU_CMD_GET_DISPLAY_INFO);
	for (uint32_t i = 0; i < BATCH; i++) {
		commands[i] = i % 3 == 0
			? kit_gpu_queue(&m->gpu, 0, &question, sizeof(question), 408)
			: kit_gpu_queue(&m->gpu, 0, &transfer, sizeof(transfer), 24);
		CHECK(commands[i]);
	}
	kit_ring_kick(&m->rings[0]);
}

static void pause_in_flight(struct conform *c)
{
	struct kit_machine *m = of_front_end(c);
	struct kit_surface s = conform_surface(m, 5, XRGB, 1000, 1000);
	for (int round = 0; round < 3; round++) {
		struct kit_command *commands[BATCH];
		fill(m, commands);
		CHECK_OK(m, kit_machine_stop(m));
		CHECK_OK(m, kit_machine_start(m));
		for (uint32_t i = 0; i < BATCH; i++)
			CHECK_TYPE(m, kit_gpu_complete(&m->gpu, commands[i], NULL, 0),
				i % 3 == 0 ? VIRTIO_GPU_RESP_OK_DISPLAY_INFO
					   : VIRTIO_GPU_RESP_OK_NODATA);
	}
	kit_surface_finish(&s);
	conform_end(c, m);
}

static void reset_in_flight(struct conform *c)
{
	struct kit_machine *m = of_front_end(c);
	for (int round = 0; round < 3; round++) {
		struct kit_surface s = conform_surface(m, 5, XRGB, 1000, 1000);
		struct kit_command *commands[BATCH];
		fill(m, commands);
		CHECK_OK(m, kit_machine_reset(m));
		kit_surface_finish(&s);
	}
	CHECK_GOOD(m, kit_gpu_create_2d(&m->gpu, 5, XRGB, W, H));
	conform_end(c, m);
}

/* RESET_DEVICE is all that the VMM says. */
static void sudden_reset_in_flight(struct conform *c)
{
	struct kit_machine *m = conform_machine(c, NULL);
	for (int round = 0; round < 3; round++) {
		struct kit_surface s = conform_surface(m, 5, XRGB, 1000, 1000);
		struct kit_command *commands[BATCH];
		fill(m, commands);
		CHECK_OK(m, kit_vmm_do(&m->vmm, VHOST_USER_RESET_DEVICE, 0, 0));
		CHECK_OK(m, kit_machine_renew(m));
		kit_surface_finish(&s);
	}
	CHECK_GOOD(m, kit_gpu_create_2d(&m->gpu, 5, XRGB, W, H));
	conform_end(c, m);
}

/* Eight questions that the display never answers. */
static void ask_in_vain(struct kit_machine *m, struct kit_command *commands[8])
{
	struct virtio_gpu_ctrl_hdr request = kit_header(VIRTIO_GPU_CMD_GET_DISPLAY_INFO);
	m->display.answers[VHOST_USER_GPU_GET_DISPLAY_INFO] = KIT_DISPLAY_SILENT;
	for (int i = 0; i < 8; i++) {
		commands[i] = kit_gpu_submit(&m->gpu, 0, &request, sizeof(request), 408);
		CHECK(commands[i]);
	}
	CHECK_OK(m, kit_pump(&m->kit, 10));
}

/* Those that the device had taken are answered already, the others after the resume. */
static void finish_all(struct kit_machine *m, struct kit_command *commands[8])
{
	m->display.answers[VHOST_USER_GPU_GET_DISPLAY_INFO] = KIT_DISPLAY_GOOD;
	CHECK_OK(m, kit_machine_start(m));
	for (int i = 0; i < 8; i++)
		CHECK_OK(m, kit_gpu_complete(&m->gpu, commands[i], NULL, 0));
}

/* GET_VRING_BASE is answered although the display is not. */
static void pause_with_a_silent_display(struct conform *c)
{
	bool stays = c->variant == 1;
	struct kit_machine *m = conform_machine(c, NULL);
	struct kit_command *commands[8];
	m->kit.timeout_ms *= PATIENCE;
	ask_in_vain(m, commands);
	if (stays) {
		CHECK_OK(m, kit_vmm_do(&m->vmm, VHOST_USER_SET_VRING_ENABLE, 0, 0));
		CHECK_OK(m, kit_vmm_do(&m->vmm, VHOST_USER_GET_VRING_BASE, 0, 0));
		CHECK_INT(m->vmm.bases[0], kit_ring_used_index(&m->rings[0]));
	}
	CHECK_OK(m, kit_machine_stop(m));
	finish_all(m, commands);
	conform_end(c, m);
}

static const char *const silent_names[] = { "display_closed_first", "display_stays", NULL };

#define SHOWN .needs = CONFORM_NEEDS_DISPLAY
#define RESET .protocol = CONFORM_PROTOCOL(RESET_DEVICE)

static const struct conform_case cases[] = {
	{ "pause_keeps_resources", "vhost-user: GET_VRING_BASE: a stop that is no reset",
		.run = pause_keeps_resources, .variants = profile_names },
	{ "pauses_without_work", "each front end's own way to pause and resume",
		.run = pauses_without_work, .variants = profile_names },
	{ "commands_wait_for_the_resume",
		"vhost-user, ring states: a stopped ring is not processed",
		.run = commands_wait_for_the_resume, .variants = profile_names },
	{ "quiet_while_stopped", "vhost-user, suspended device state: no notifications",
		.run = quiet_while_stopped, .variants = profile_names },
	{ "picture_on_the_next_display",
		"QEMU brings a new display socket at each resume, that knows of nothing",
		.run = picture_on_the_next_display, SHOWN },
	{ "cursor_on_the_next_display",
		"QEMU brings a new display socket at each resume, that knows of nothing",
		.run = cursor_on_the_next_display, SHOWN },
	{ "flushes_without_a_display", "Linux flushes whether or not anybody looks",
		.run = flushes_without_a_display, SHOWN },
	{ "reset_leaves_nothing",
		"virtio 1.4, 2.4; QEMU's generic device and crosvm only stop and start at 0",
		.run = reset_leaves_nothing, .variants = profile_names },
	{ "reset_in_reverse", "vhost-user names no order of queues", .run = reset_in_reverse,
		.variants = profile_names },
	{ "reset_after_a_wrap", "virtio 1.4, 2.7.8: the index starts at 0, and wraps",
		.run = reset_after_a_wrap, .variants = profile_names },
	{ "reset_and_draw", "a guest that reboots", .run = reset_and_draw, SHOWN },
	{ "many_resets", "a guest that reboots", .run = many_resets, .variants = profile_names },
	{ "reset_before_the_start", "QEMU resets all devices before the guest starts",
		.run = reset_before_the_start, RESET },
	{ "reset_while_running", "vhost-user: RESET_DEVICE disables all rings",
		.run = reset_while_running, RESET },
	{ "other_features_after_a_reset", "virtio 1.4, 2.2: features are negotiated anew",
		.run = other_features_after_a_reset, .features = CONFORM_FEATURE(GPU_F_EDID) },
	{ "other_rings_after_a_reset",
		"firmware and Linux have rings of their own, one after "
		"the other",
		.run = other_rings_after_a_reset, .variants = profile_names },
	{ "pause_in_flight",
		"vhost-user: GET_VRING_BASE: requests in flight are completed before the stop",
		.run = pause_in_flight, .variants = profile_names },
	{ "reset_in_flight", "virtio 1.4, 2.4: a reset at any time", .run = reset_in_flight,
		.variants = profile_names, .hostile = true },
	{ "sudden_reset_in_flight", "vhost-user: RESET_DEVICE at any time",
		.run = sudden_reset_in_flight, RESET, .hostile = true },
	{ "pause_with_a_silent_display", "a VM is paused although its display hangs",
		.run = pause_with_a_silent_display, .variants = silent_names, SHOWN },
};
DEFINE_CONFORM_AREA(lifecycle, cases);
