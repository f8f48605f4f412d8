/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/*
 * Pause, resume, reset, disconnect: in the ways of the VMMs there are. A pause loses nothing, and
 * the display that a VMM brings afterwards is shown everything again; a reset leaves nothing.
 */
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

#include "wire.h"

#define XRGB VIRTIO_GPU_FORMAT_B8G8R8X8_UNORM
#define ARGB VIRTIO_GPU_FORMAT_B8G8R8A8_UNORM

static const struct kit_profile *const profiles[] = {
	&kit_profile_qemu_gpu,
	&kit_profile_qemu_generic,
	&kit_profile_crosvm,
};

/* A machine of this profile that has a resource, shown where there is a display. */
static struct kit_machine *running(
	const struct kit_profile *profile, struct kit_surface *ret_surface)
{
	struct kit_machine *m =
		wire_machine("none", &(struct kit_machine_spec){ .profile = profile });
	*ret_surface = wire_surface(m, 1, XRGB, 100, 80);
	CHECK_GOOD(m, kit_gpu_set_scanout(&m->gpu, 0, 1, kit_rect(0, 0, 100, 80)));
	return m;
}

static void resources_survive_a_pause(void)
{
	for (size_t i = 0; i < ARRAY_SIZE(profiles); i++) {
		struct kit_surface s;
		struct kit_machine *m = running(profiles[i], &s);
		struct kit_picture *picture = wire_pattern(100, 80, 1);
		for (uint32_t round = 0; round < 5; round++) {
			CHECK_OK(m, kit_machine_stop(m));
			CHECK_OK(m, kit_machine_start(m));
			CHECK_TYPE(m, kit_gpu_create_2d(&m->gpu, 1, XRGB, 1, 1),
				VIRTIO_GPU_RESP_ERR_INVALID_RESOURCE_ID);
			kit_picture_pattern(picture, kit_rect(0, 0, 100, 80), round);
			wire_show(m, &s, picture);
			if (profiles[i]->display)
				CHECK_PICTURE(m, 0, picture);
		}
		kit_surface_finish(&s);
		kit_picture_destroy(picture);
		wire_end(m);
	}
}

/* Several pauses in a row, with nothing in between. */
static void pauses_without_work(void)
{
	for (size_t i = 0; i < ARRAY_SIZE(profiles); i++) {
		struct kit_surface s;
		struct kit_machine *m = running(profiles[i], &s);
		for (uint32_t round = 0; round < 20; round++) {
			CHECK_OK(m, kit_machine_stop(m));
			CHECK_OK(m, kit_machine_start(m));
		}
		CHECK_GOOD(m, kit_gpu_flush(&m->gpu, 1, kit_rect(0, 0, 100, 80)));
		kit_surface_finish(&s);
		wire_end(m);
	}
}

/* The display that comes with a resume is shown scanouts and cursor without the guest's doing. */
static void new_display_shows_everything(void)
{
	struct kit_surface s;
	struct kit_machine *m = running(&kit_profile_qemu_gpu, &s);
	struct kit_picture *picture = wire_pattern(100, 80, 1);
	struct kit_surface cursor = wire_surface(m, 2, ARGB, 64, 64);
	CHECK_GOOD(m, kit_gpu_transfer_2d(&m->gpu, 2, kit_rect(0, 0, 64, 64), 0));
	CHECK_GOOD(m,
		kit_gpu_update_cursor(&m->gpu,
			(struct virtio_gpu_update_cursor){ .pos = { .x = 5, .y = 6 },
				.resource_id = 2,
				.hot_x = 1,
				.hot_y = 2 }));
	CHECK_GOOD(m, kit_gpu_move_cursor(&m->gpu, 0, 50, 60));
	wire_show(m, &s, picture);
	CHECK_PICTURE(m, 0, picture);
	for (uint32_t round = 1; round <= 3; round++) {
		uint32_t cursors = m->display.counts[VHOST_USER_GPU_CURSOR_UPDATE];
		CHECK_OK(m, kit_machine_stop(m));
		CHECK_OK(m, kit_machine_start(m));
		CHECK_PICTURE(m, 0, picture);
		CHECK_OK(m,
			kit_display_wait(&m->display, VHOST_USER_GPU_CURSOR_UPDATE, cursors + 1));
		CHECK_INT(m->display.cursor.x, 50);
		CHECK_INT(m->display.cursor.y, 60);
		CHECK_INT(m->display.cursor.hot_x, 1);
		CHECK(m->display.cursor.visible);
		CHECK_INT(m->display.counts[VHOST_USER_GPU_GET_PROTOCOL_FEATURES], round + 1);
	}
	kit_surface_finish(&s);
	kit_surface_finish(&cursor);
	kit_picture_destroy(picture);
	wire_end(m);
}

/* What was flushed while there was no display, or while it hung, is on the new one. */
static void flushes_into_a_gap(void)
{
	struct kit_surface s;
	struct kit_machine *m = running(&kit_profile_qemu_gpu, &s);
	struct kit_picture *picture = wire_pattern(100, 80, 1);
	kit_display_set_reading(&m->display, false);
	for (uint32_t i = 0; i < 30; i++) {
		kit_picture_pattern(picture, kit_rect(0, 0, 100, 80), i);
		wire_show(m, &s, picture);
	}
	kit_display_close(&m->display);
	kit_picture_pattern(picture, kit_rect(0, 0, 100, 80), 99);
	wire_show(m, &s, picture);
	CHECK_OK(m, kit_machine_stop(m));
	CHECK_OK(m, kit_machine_start(m));
	CHECK_PICTURE(m, 0, picture);
	kit_surface_finish(&s);
	kit_picture_destroy(picture);
	wire_end(m);
}

/* Commands added while the device is stopped are done when it resumes, once. */
static void commands_wait_for_the_resume(void)
{
	for (size_t i = 0; i < ARRAY_SIZE(profiles); i++) {
		struct kit_machine *m =
			wire_machine("none", &(struct kit_machine_spec){ .profile = profiles[i] });
		CHECK_OK(m, kit_machine_stop(m));
		struct virtio_gpu_resource_create_2d request = {
			.hdr = kit_header(VIRTIO_GPU_CMD_RESOURCE_CREATE_2D),
			.resource_id = 9,
			.format = XRGB,
			.width = 8,
			.height = 8,
		};
		struct kit_command *command =
			kit_gpu_submit(&m->gpu, 0, &request, sizeof(request), 24);
		CHECK(command);
		CHECK_OK(m, kit_pump(&m->kit, 50));
		CHECK_OK(m, kit_gpu_collect(&m->gpu));
		CHECK(!command->done);
		CHECK_OK(m, kit_machine_start(m));
		CHECK_GOOD(m, kit_gpu_complete(&m->gpu, command, NULL, 0));
		CHECK_GOOD(m, kit_gpu_unref(&m->gpu, 9));
		wire_end(m);
	}
}

/* --- reset --------------------------------------------------------------------------------- */

static bool anything_shown(const struct kit_display *display)
{
	for (uint32_t i = 0; i < KIT_MAX_SCANOUTS; i++)
		if (display->scanouts[i].picture)
			return true;
	return display->cursor.visible;
}

static void reset_leaves_nothing(void)
{
	for (size_t i = 0; i < ARRAY_SIZE(profiles); i++) {
		struct kit_surface s;
		struct kit_machine *m = running(profiles[i], &s);
		for (int round = 0; round < 3; round++) {
			CHECK_OK(m, kit_machine_reset(m));
			CHECK_TYPE(m, kit_gpu_unref(&m->gpu, 1),
				VIRTIO_GPU_RESP_ERR_INVALID_RESOURCE_ID);
			wire_check_alive(m);
			CHECK_OK(m, kit_pump(&m->kit, 30));
			CHECK(!anything_shown(&m->display));
			CHECK_GOOD(m, kit_gpu_create_2d(&m->gpu, 1, XRGB, 100, 80));
			CHECK_GOOD(m, kit_gpu_attach(&m->gpu, 1, s.entries, s.count));
			CHECK_GOOD(m, kit_gpu_set_scanout(&m->gpu, 0, 1, kit_rect(0, 0, 100, 80)));
			CHECK_GOOD(m, kit_surface_show(&s, kit_rect(0, 0, 100, 80)));
		}
		kit_surface_finish(&s);
		wire_end(m);
	}
}

/* A reset that comes while the device never ran, and several at once. */
static void reset_before_the_start(void)
{
	struct kit_machine *m =
		wire_machine("none", &(struct kit_machine_spec){ .stage = KIT_STAGE_REALIZED });
	for (int i = 0; i < 5; i++)
		CHECK_OK(m, kit_vmm_do(&m->vmm, VHOST_USER_RESET_DEVICE, 0, 0));
	CHECK_OK(m, kit_machine_start(m));
	wire_check_alive(m);
	wire_end(m);
}

/* The device is reset while its queues run: they stop, and start again as ever. */
static void reset_while_running(void)
{
	struct kit_surface s;
	struct kit_machine *m = running(&kit_profile_qemu_gpu, &s);
	CHECK_OK(m, kit_vmm_do(&m->vmm, VHOST_USER_RESET_DEVICE, 0, 0));
	CHECK_OK(m, kit_vmm_play(&m->vmm, m->vmm.profile->stop));
	CHECK_OK(m, kit_vmm_reset(&m->vmm));
	for (uint32_t i = 0; i < KIT_QUEUES; i++)
		kit_ring_reset(&m->rings[i]);
	CHECK_OK(m, kit_machine_start(m));
	CHECK_TYPE(m, kit_gpu_unref(&m->gpu, 1), VIRTIO_GPU_RESP_ERR_INVALID_RESOURCE_ID);
	kit_surface_finish(&s);
	wire_end(m);
}

/* Another driver, another ring: sizes and features may be chosen anew. */
static void other_features_after_a_reset(void)
{
	struct kit_machine *m = wire_machine("none", NULL);
	wire_check_alive(m);
	m->vmm.wanted = ~(UINT64_C(1) << VIRTIO_RING_F_EVENT_IDX |
		UINT64_C(1) << VIRTIO_RING_F_INDIRECT_DESC | UINT64_C(1) << VIRTIO_GPU_F_EDID);
	CHECK_OK(m, kit_machine_reset(m));
	CHECK(!m->rings[0].event_idx && !m->rings[0].indirect);
	wire_check_alive(m);
	struct virtio_gpu_resp_edid edid;
	CHECK_TYPE(m, kit_gpu_edid(&m->gpu, 0, &edid), VIRTIO_GPU_RESP_ERR_UNSPEC);
	m->vmm.wanted = UINT64_MAX;
	CHECK_OK(m, kit_machine_reset(m));
	CHECK_TYPE(m, kit_gpu_edid(&m->gpu, 0, &edid), VIRTIO_GPU_RESP_OK_EDID);
	wire_end(m);
}

/* --- with requests in flight --------------------------------------------------------------- */

/* Eight questions that the display never answers. */
static void ask_in_vain(struct kit_machine *m, struct kit_command *commands[8])
{
	struct virtio_gpu_ctrl_hdr request = kit_header(VIRTIO_GPU_CMD_GET_DISPLAY_INFO);
	m->display.answers[VHOST_USER_GPU_GET_DISPLAY_INFO] = KIT_DISPLAY_SILENT;
	for (int i = 0; i < 8; i++) {
		commands[i] = kit_gpu_submit(&m->gpu, 0, &request, sizeof(request), 408);
		CHECK(commands[i]);
	}
	CHECK_OK(m, kit_display_wait(&m->display, VHOST_USER_GPU_GET_DISPLAY_INFO, 1));
}

/* Those that the device had taken are answered already, the others after the resume. */
static void finish_all(struct kit_machine *m, struct kit_command *commands[8])
{
	m->display.answers[VHOST_USER_GPU_GET_DISPLAY_INFO] = KIT_DISPLAY_GOOD;
	CHECK_OK(m, kit_machine_start(m));
	for (int i = 0; i < 8; i++)
		CHECK_OK(m, kit_gpu_complete(&m->gpu, commands[i], NULL, 0));
}

/* GET_VRING_BASE is answered when all that was taken is answered, and soon. */
static void stop_in_flight(void)
{
	struct kit_machine *m = wire_machine("none", NULL);
	for (int round = 0; round < 3; round++) {
		struct kit_command *commands[8];
		ask_in_vain(m, commands);
		uint64_t start = kit_now();
		CHECK_OK(m, kit_machine_stop(m));
		CHECK(kit_now() - start < 2000);
		finish_all(m, commands);
	}
	wire_end(m);
}

/* The same with a display that stays. */
static void stop_in_flight_with_a_silent_display(void)
{
	struct kit_machine *m = wire_machine("none", NULL);
	struct kit_command *commands[8];
	ask_in_vain(m, commands);
	uint64_t start = kit_now();
	CHECK_OK(m, kit_vmm_do(&m->vmm, VHOST_USER_SET_VRING_ENABLE, 0, 0));
	CHECK_OK(m, kit_vmm_do(&m->vmm, VHOST_USER_GET_VRING_BASE, 0, 0));
	CHECK(kit_now() - start < 2000);
	CHECK_INT(m->vmm.bases[0], kit_ring_base(&m->rings[0]));
	CHECK_OK(m, kit_machine_stop(m));
	finish_all(m, commands);
	wire_end(m);
}

/* The VMM is killed with everything in flight: nothing of it is left to the next. */
static void vmm_dies_in_flight(void)
{
	struct kit_machine *m = wire_machine("none", NULL);
	for (int round = 0; round < 10; round++) {
		struct kit_command *commands[8];
		CHECK_GOOD(m, kit_gpu_create_2d(&m->gpu, 1, XRGB, 1000, 1000));
		CHECK_GOOD(m, kit_gpu_set_scanout(&m->gpu, 0, 1, kit_rect(0, 0, 1000, 1000)));
		CHECK_GOOD(m, kit_gpu_flush(&m->gpu, 1, kit_rect(0, 0, 1000, 1000)));
		ask_in_vain(m, commands);
		/* they are neither done nor in flight for the driver that is gone */
		CHECK_OK(m, kit_machine_reconnect(m));
		CHECK_TYPE(m, kit_gpu_unref(&m->gpu, 1), VIRTIO_GPU_RESP_ERR_INVALID_RESOURCE_ID);
		m->display.answers[VHOST_USER_GPU_GET_DISPLAY_INFO] = KIT_DISPLAY_GOOD;
		wire_check_alive(m);
	}
	wire_end(m);
}

/* --- the program --------------------------------------------------------------------------- */

static void ends_on_sigterm_while_connected(void)
{
	struct kit_machine *m = wire_machine("none", NULL);
	CHECK_INT(kit_backend_stop(m->backend), 0);
	CHECK_OK(m, kit_vmm_wait_closed(&m->vmm));
	wire_end(m);
}

/* Started with a connection instead of a path: it ends with it. */
static void connection_by_descriptor(void)
{
	char command[4096];
	static const char mark[] = "--socket-path {socket}";
	const char *backend = wire_command("none");
	const char *at = strstr(backend, mark);
	if (!at)
		test_skip("the backend is not started with --socket-path");
	snprintf(command, sizeof(command), "%.*s--fd {fd}%s", (int)(at - backend), backend,
		at + strlen(mark));
	struct kit_machine *m =
		kit_machine_create(&(struct kit_machine_spec){ .command = command });
	CHECK(m);
	wire_check_alive(m);
	kit_vmm_finish(&m->vmm);
	CHECK_INT(kit_backend_wait(m->backend), 0);
	wire_end(m);
}

/* The program that was started is killed: nobody of it stays behind. */
static void nobody_stays_behind(void)
{
	struct kit_machine *m = wire_machine("none", NULL);
	pid_t pids[KIT_MAX_PROCESSES];
	uint32_t count = kit_backend_processes(m->backend, pids, KIT_MAX_PROCESSES);
	CHECK(count >= 1);
	kill(pids[0], SIGKILL);
	CHECK_INT(kit_backend_wait(m->backend), 256 + SIGKILL);
	for (uint32_t i = 1; i < count; i++)
		for (int wait = 0; kill(pids[i], 0) == 0; wait++) {
			if (wait == 200)
				test_fail(__FILE__, __LINE__, "process %d stays", pids[i]);
			usleep(10000);
		}
	kit_machine_destroy(m);
}

int main(int argc, char **argv)
{
	static const struct test_case cases[] = {
		TEST_CASE(resources_survive_a_pause),
		TEST_CASE(pauses_without_work),
		TEST_CASE(new_display_shows_everything),
		TEST_CASE(flushes_into_a_gap),
		TEST_CASE(commands_wait_for_the_resume),
		TEST_CASE(reset_leaves_nothing),
		TEST_CASE(reset_before_the_start),
		TEST_CASE(reset_while_running),
		TEST_CASE(other_features_after_a_reset),
		TEST_CASE(stop_in_flight),
		TEST_CASE(stop_in_flight_with_a_silent_display),
		TEST_CASE(vmm_dies_in_flight),
		TEST_CASE(ends_on_sigterm_while_connected),
		TEST_CASE(connection_by_descriptor),
		TEST_CASE(nobody_stays_behind),
	};
	return test_main(argc, argv, cases, ARRAY_SIZE(cases));
}
