/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/* The transfer of a device's state: channels and peers of all kinds, and what is refused. */
#include <fcntl.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "util/fd.h"
#include "wire_3d.h"

#define XRGB VIRTIO_GPU_FORMAT_B8G8R8X8_UNORM

static struct kit_machine *machine(const struct kit_profile *profile)
{
	return wire_machine("none", &(struct kit_machine_spec){ .profile = profile });
}

static struct kit_machine *realized(const struct kit_profile *profile)
{
	return wire_machine("none",
		&(struct kit_machine_spec){ .profile = profile, .stage = KIT_STAGE_REALIZED });
}

static void check_same(const struct kit_state *a, const struct kit_state *b)
{
	CHECK_INT(a->size, b->size);
	CHECK_MEM(a->bytes, b->bytes, a->size);
}

/* A machine that is stopped, with so many bytes of pixels. */
static struct kit_machine *stopped(uint32_t bytes)
{
	struct kit_machine *m = machine(&kit_profile_qemu_gpu);
	CHECK_GOOD(m, kit_gpu_create_2d(&m->gpu, 1, XRGB, 128, bytes / 512));
	CHECK_GOOD(m, kit_gpu_set_scanout(&m->gpu, 0, 1, kit_rect(0, 0, 128, bytes / 512)));
	CHECK_OK(m, kit_machine_stop(m));
	return m;
}

static void check_goes_on(struct kit_machine *m, bool has_resource)
{
	CHECK_OK(m, kit_machine_start(m));
	CHECK_TYPE(m, kit_gpu_unref(&m->gpu, 1),
		has_resource ? VIRTIO_GPU_RESP_OK_NODATA : VIRTIO_GPU_RESP_ERR_INVALID_RESOURCE_ID);
}

static void channels_of_all_kinds(void)
{
	static const enum kit_transfer_channel channels[] = { KIT_TRANSFER_PIPE,
		KIT_TRANSFER_SOCKET, KIT_TRANSFER_FILE };
	struct kit_machine *m = stopped(3000000);
	struct kit_state first;
	CHECK_OK(m, kit_machine_save(m, &first));
	for (size_t i = 0; i < ARRAY_SIZE(channels); i++) {
		struct kit_transfer transfer;
		struct kit_state state = { 0 };
		CHECK_OK(m,
			kit_transfer_begin(
				&transfer, &m->vmm, VHOST_USER_TRANSFER_SAVE, channels[i], &state));
		CHECK_OK(m, kit_transfer_finish(&transfer));
		check_same(&first, &state);
		CHECK_OK(m,
			kit_transfer_begin(
				&transfer, &m->vmm, VHOST_USER_TRANSFER_LOAD, channels[i], &state));
		CHECK_OK(m, kit_transfer_finish(&transfer));
		kit_state_finish(&state);
	}
	kit_state_finish(&first);
	check_goes_on(m, true);
	wire_end(m);
}

static void single_bytes(void)
{
	struct kit_machine *m = stopped(2048);
	struct kit_transfer transfer;
	struct kit_state first, second = { 0 };
	CHECK_OK(m, kit_machine_save(m, &first));
	CHECK_OK(m,
		kit_transfer_begin(
			&transfer, &m->vmm, VHOST_USER_TRANSFER_SAVE, KIT_TRANSFER_PIPE, &second));
	transfer.piece = 1;
	CHECK_OK(m, kit_transfer_finish(&transfer));
	check_same(&first, &second);
	CHECK_OK(m,
		kit_transfer_begin(
			&transfer, &m->vmm, VHOST_USER_TRANSFER_LOAD, KIT_TRANSFER_PIPE, &second));
	transfer.piece = 1;
	CHECK_OK(m, kit_transfer_finish(&transfer));
	check_goes_on(m, true);
	kit_state_finish(&first);
	kit_state_finish(&second);
	wire_end(m);
}

static void pump_until(struct kit_machine *m, const struct kit_transfer *transfer, size_t moved)
{
	for (int i = 0; transfer->moved < moved; i++) {
		CHECK(i < 500);
		CHECK_OK(m, kit_pump(&m->kit, 10));
	}
}

/* A VMM that takes its time: the rest of the device does not wait. */
static void reader_that_stops(void)
{
	struct kit_machine *m = stopped(4000000);
	struct kit_transfer transfer;
	struct kit_state first, state = { 0 };
	CHECK_OK(m, kit_machine_save(m, &first));
	CHECK_OK(m,
		kit_transfer_begin(
			&transfer, &m->vmm, VHOST_USER_TRANSFER_SAVE, KIT_TRANSFER_PIPE, &state));
	transfer.stop_at = 300000;
	pump_until(m, &transfer, 300000);
	CHECK_OK(m, kit_vmm_do(&m->vmm, VHOST_USER_GET_FEATURES, 0, 0));
	uint32_t updates = m->display.counts[VHOST_USER_GPU_UPDATE];
	CHECK_OK(m, kit_vmm_do(&m->vmm, VHOST_USER_GPU_SET_SOCKET, 0, 0));
	CHECK_OK(m, kit_display_wait(&m->display, VHOST_USER_GPU_UPDATE, updates + 1));
	CHECK_INT(transfer.moved, 300000);
	transfer.stop_at = SIZE_MAX;
	CHECK_OK(m, kit_transfer_finish(&transfer));
	check_same(&first, &state);
	kit_state_finish(&first);
	kit_state_finish(&state);
	check_goes_on(m, true);
	wire_end(m);
}

/* CHECK_DEVICE_STATE is answered when the state has been moved, however long that takes. */
static void check_comes_early(void)
{
	for (uint32_t direction = 0; direction < 2; direction++) {
		struct kit_machine *m = stopped(1000000);
		struct kit_transfer transfer;
		struct kit_state first, state = { 0 };
		CHECK_OK(m, kit_machine_save(m, &first));
		CHECK_OK(m,
			kit_transfer_begin(&transfer, &m->vmm, direction, KIT_TRANSFER_PIPE,
				direction == VHOST_USER_TRANSFER_SAVE ? &state : &first));
		transfer.piece = 1000;
		CHECK_OK(m, kit_vmm_do(&m->vmm, VHOST_USER_CHECK_DEVICE_STATE, 0, 0));
		CHECK_OK(m, kit_transfer_wait(&transfer));
		if (direction == VHOST_USER_TRANSFER_SAVE)
			check_same(&first, &state);
		kit_state_finish(&first);
		kit_state_finish(&state);
		check_goes_on(m, true);
		wire_end(m);
	}
}

static void readers_that_close_early(void)
{
	/* no more than the log takes of a kind in a second */
	static const size_t stops[] = { 0, 1, 70000, 700000 };
	struct kit_machine *m = stopped(1000000);
	for (size_t i = 0; i < ARRAY_SIZE(stops); i++) {
		struct kit_transfer transfer;
		struct kit_state state = { 0 };
		kit_backend_log_mark(m->backend);
		CHECK_OK(m,
			kit_transfer_begin(&transfer, &m->vmm, VHOST_USER_TRANSFER_SAVE,
				KIT_TRANSFER_PIPE, &state));
		transfer.stop_at = stops[i];
		pump_until(m, &transfer, stops[i]);
		kit_transfer_drop(&transfer);
		CHECK_INT(kit_vmm_do(&m->vmm, VHOST_USER_CHECK_DEVICE_STATE, 0, 0), -EREMOTEIO);
		wire_check_lines(m, ": warning: ", 1);
		wire_check_lines(m, "cannot be written: Broken pipe", 1);
		kit_state_finish(&state);
	}
	check_goes_on(m, true);
	wire_end(m);
}

/* Of a state that is cut short nothing is left, nor of what there was before. */
static void states_that_are_cut_short(void)
{
	struct kit_machine *m = stopped(1000000);
	struct kit_state state;
	CHECK_OK(m, kit_machine_save(m, &state));
	const size_t size = state.size, sizes[] = { 0, 10, 500, size - 1 };
	for (size_t i = 0; i < ARRAY_SIZE(sizes); i++) {
		state.size = sizes[i];
		kit_backend_log_mark(m->backend);
		CHECK_INT(kit_machine_load(m, &state), -EREMOTEIO);
		wire_check_lines(m, ": warning: ", 1);
		wire_check_lines(m, "loaded: it is cut short", 1);
	}
	check_goes_on(m, false);
	kit_state_finish(&state);
	wire_end(m);
}

static void disconnects_in_between(void)
{
	struct kit_machine *m = stopped(1000000);
	struct kit_state first;
	CHECK_OK(m, kit_machine_save(m, &first));
	for (uint32_t round = 0; round < 8; round++) {
		struct kit_transfer transfer;
		struct kit_state state = { 0 };
		bool save = round % 2 == VHOST_USER_TRANSFER_SAVE;
		if (save)
			CHECK_OK(m, kit_machine_load(m, &first));
		CHECK_OK(m,
			kit_transfer_begin(&transfer, &m->vmm, round % 2, KIT_TRANSFER_PIPE,
				save ? &state : &first));
		transfer.stop_at = 100000;
		pump_until(m, &transfer, 100000);
		if (round >= 4) {
			struct kit_message message;
			CHECK_OK(m,
				kit_vmm_compose(
					&m->vmm, VHOST_USER_CHECK_DEVICE_STATE, 0, 0, &message));
			CHECK_OK(m, kit_vmm_send_message(&m->vmm, &message));
			CHECK_OK(m, kit_pump(&m->kit, 20));
		}
		CHECK_OK(m, kit_machine_reconnect(m));
		kit_transfer_drop(&transfer);
		CHECK_TYPE(m, kit_gpu_unref(&m->gpu, 1), VIRTIO_GPU_RESP_ERR_INVALID_RESOURCE_ID);
		CHECK_OK(m, kit_machine_stop(m));
		kit_state_finish(&state);
	}
	kit_state_finish(&first);
	check_goes_on(m, false);
	wire_end(m);
}

/* The guest goes on although its state is not moved yet. */
static void starts_in_between(void)
{
	struct kit_machine *m = stopped(1000000);
	struct kit_transfer transfer;
	struct kit_state state = { 0 };
	CHECK_OK(m,
		kit_transfer_begin(
			&transfer, &m->vmm, VHOST_USER_TRANSFER_SAVE, KIT_TRANSFER_PIPE, &state));
	transfer.stop_at = 100000;
	pump_until(m, &transfer, 100000);
	check_goes_on(m, true);
	CHECK_INT(kit_vmm_do(&m->vmm, VHOST_USER_CHECK_DEVICE_STATE, 0, 0), -EREMOTEIO);
	kit_transfer_drop(&transfer);
	kit_state_finish(&state);
	wire_end(m);
}

static bool is_full(void *data)
{
	int filled = 0, fd = *(int *)data;
	return ioctl(fd, FIONREAD, &filled) == 0 && filled == fcntl(fd, F_GETPIPE_SZ);
}

/* A VMM that has the device's end of the pipe as well, and lets it wait when it does not expect that. */
static void writing_waits_later(void)
{
	struct kit_machine *m = stopped(1000000);
	int ends[2];
	uint8_t bytes[4096];
	CHECK_INT(pipe2(ends, O_CLOEXEC), 0);
	int kept = fd_dup(ends[1]);
	CHECK_OK(m, kit_vmm_set_state_fd(&m->vmm, VHOST_USER_TRANSFER_SAVE, ends[1]));
	CHECK(wire_poll(m, is_full, &ends[0]));
	CHECK_INT(fcntl(kept, F_SETFL, 0), 0);
	for (int i = 0; i < 5; i++) {
		CHECK_INT(read(ends[0], bytes, sizeof(bytes)), sizeof(bytes));
		CHECK_OK(m, kit_vmm_do(&m->vmm, VHOST_USER_GET_FEATURES, 0, 0));
	}
	fd_close(&ends[0]);
	fd_close(&kept);
	CHECK_INT(kit_vmm_do(&m->vmm, VHOST_USER_CHECK_DEVICE_STATE, 0, 0), -EREMOTEIO);
	check_goes_on(m, true);
	wire_check_alive(m);
	wire_end(m);
}

static void reading_waits_later(void)
{
	struct kit_machine *m = stopped(1000000);
	int ends[2];
	CHECK_INT(pipe2(ends, O_CLOEXEC), 0);
	int kept = fd_dup(ends[0]);
	CHECK_OK(m, kit_vmm_set_state_fd(&m->vmm, VHOST_USER_TRANSFER_LOAD, ends[0]));
	CHECK_INT(fcntl(kept, F_SETFL, 0), 0);
	for (int i = 0; i < 5; i++) {
		CHECK_INT(write(ends[1], "x", 1), 1);
		CHECK_OK(m, kit_vmm_do(&m->vmm, VHOST_USER_GET_FEATURES, 0, 0));
	}
	fd_close(&ends[1]);
	CHECK_INT(kit_vmm_do(&m->vmm, VHOST_USER_CHECK_DEVICE_STATE, 0, 0), -EREMOTEIO);
	fd_close(&kept);
	check_goes_on(m, false);
	wire_check_alive(m);
	wire_end(m);
}

/* --- what is refused ------------------------------------------------------------------------- */

/* Whatever is changed in a state, it is taken or refused, and nothing else. */
static void states_that_are_none(void)
{
	struct kit_machine *m = stopped(100000);
	struct kit_state state;
	uint32_t refused = 0;
	CHECK_OK(m, kit_machine_save(m, &state));
	for (size_t at = 0; at < 200; at++) {
		state.bytes[at] ^= 0xff;
		int ret = kit_machine_load(m, &state);
		CHECK(ret == 0 || ret == -EREMOTEIO);
		refused += ret < 0;
		state.bytes[at] ^= 0xff;
	}
	CHECK(refused > 50);
	CHECK_OK(m, kit_machine_load(m, &state));
	check_goes_on(m, true);
	kit_state_finish(&state);
	wire_end(m);
}

static void while_queues_run(void)
{
	struct kit_machine *m = machine(&kit_profile_qemu_gpu);
	struct kit_state state = { 0 };
	kit_backend_log_mark(m->backend);
	CHECK_INT(kit_machine_save(m, &state), -EREMOTEIO);
	CHECK_INT(kit_machine_load(m, &state), -EREMOTEIO);
	wire_check_lines(m, "SET_DEVICE_STATE_FD: queues run", 2);
	CHECK_INT(kit_vmm_do(&m->vmm, VHOST_USER_CHECK_DEVICE_STATE, 0, 0), -EREMOTEIO);
	wire_check_alive(m);
	wire_end(m);
}

/* A device whose options promise less. */
static void options_that_are_less(void)
{
	static const struct {
		const char *option;
		uint32_t resources, side;
	} rows[] = {
		{ "--max-resources 3", 4, 8 },
		{ "--max-host-memory 1", 1, 520 },
	};
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct kit_machine *m = machine(&kit_profile_crosvm);
		struct kit_state state;
		char command[4200];
		for (uint32_t id = 1; id <= rows[i].resources; id++)
			CHECK_GOOD(m,
				kit_gpu_create_2d(&m->gpu, id, XRGB, rows[i].side, rows[i].side));
		CHECK_OK(m, kit_machine_stop(m));
		CHECK_OK(m, kit_machine_save(m, &state));
		snprintf(command, sizeof(command), "%s %s", wire_command("none"), rows[i].option);
		struct kit_machine *other =
			kit_machine_create(&(struct kit_machine_spec){ .command = command,
				.profile = &kit_profile_crosvm,
				.stage = KIT_STAGE_REALIZED });
		CHECK(other);
		kit_backend_log_mark(other->backend);
		CHECK_INT(kit_machine_take_over(other, m, &state), -EREMOTEIO);
		/* which limit it is, and what comes of that */
		wire_check_lines(other, "more than the limits", 1);
		CHECK(kit_backend_log_lines(other->backend, ": warning: ") <= 2);
		/* it can still be given to a guest that is new */
		CHECK_OK(other, kit_machine_start(other));
		CHECK_GOOD(other, kit_gpu_create_2d(&other->gpu, 1, XRGB, 8, 8));
		kit_state_finish(&state);
		wire_end(other);
		wire_end(m);
	}
}

static void fewer_outputs(void)
{
	struct kit_state state;
	char command[4200];
	snprintf(command, sizeof(command), "%s --scanouts 3", wire_command("none"));
	struct kit_machine *m = kit_machine_create(
		&(struct kit_machine_spec){ .command = command, .profile = &kit_profile_crosvm });
	CHECK(m);
	CHECK_OK(m, kit_machine_stop(m));
	CHECK_OK(m, kit_machine_save(m, &state));
	struct kit_machine *other = realized(&kit_profile_crosvm);
	kit_backend_log_mark(other->backend);
	CHECK_INT(kit_machine_take_over(other, m, &state), -EREMOTEIO);
	wire_check_lines(other, "it has 3 outputs, and this device 1", 1);
	kit_state_finish(&state);
	wire_end(other);
	wire_end(m);
}

static void guests_with_3d(void)
{
	struct kit_machine *m = wire_machine_3d("null");
	struct kit_state state;
	static const char context[] = "cannot be saved while the guest has 3D contexts";
	static const char resource[] = "cannot be saved while the guest has 3D resources";
	wire_context(m, 1);
	CHECK_OK(m, kit_machine_stop(m));
	kit_backend_log_mark(m->backend);
	CHECK_INT(kit_machine_save(m, &state), -EREMOTEIO);
	wire_check_lines(m, context, 1);
	wire_check_lines(m, ": warning: ", 1);

	CHECK_OK(m, kit_machine_start(m));
	CHECK_GOOD(m, kit_gpu_ctx_destroy(&m->gpu, 1));
	wire_texture(m, 1, 8, 8);
	CHECK_OK(m, kit_machine_stop(m));
	kit_backend_log_mark(m->backend);
	CHECK_INT(kit_machine_save(m, &state), -EREMOTEIO);
	wire_check_lines(m, resource, 1);
	wire_check_lines(m, ": warning: ", 1);

	CHECK_OK(m, kit_machine_start(m));
	CHECK_GOOD(m, kit_gpu_unref(&m->gpu, 1));
	CHECK_GOOD(m, kit_gpu_create_2d(&m->gpu, 2, XRGB, 8, 8));
	CHECK_OK(m, kit_machine_stop(m));
	CHECK_OK(m, kit_machine_save(m, &state));

	/* it goes on where there is the same renderer, and not where there is none */
	struct kit_machine *other = wire_machine("null",
		&(struct kit_machine_spec){
			.profile = &kit_profile_qemu_gpu_all, .stage = KIT_STAGE_REALIZED });
	struct kit_machine *none = realized(&kit_profile_qemu_gpu_all);
	CHECK_INT(kit_machine_load(none, &state), -EREMOTEIO);
	CHECK_OK(other, kit_machine_take_over(other, m, &state));
	wire_end(m);
	wire_end(none);
	CHECK_GOOD(other, kit_gpu_unref(&other->gpu, 2));
	wire_context(other, 1);
	kit_state_finish(&state);
	wire_end(other);
}

int main(int argc, char **argv)
{
	static const struct test_case cases[] = {
		TEST_CASE(channels_of_all_kinds),
		TEST_CASE(single_bytes),
		TEST_CASE(reader_that_stops),
		TEST_CASE(check_comes_early),
		TEST_CASE(readers_that_close_early),
		TEST_CASE(states_that_are_cut_short),
		TEST_CASE(disconnects_in_between),
		TEST_CASE(starts_in_between),
		TEST_CASE(writing_waits_later),
		TEST_CASE(reading_waits_later),
		TEST_CASE(states_that_are_none),
		TEST_CASE(while_queues_run),
		TEST_CASE(options_that_are_less),
		TEST_CASE(fewer_outputs),
		TEST_CASE(guests_with_3d),
	};
	return test_main(argc, argv, cases, ARRAY_SIZE(cases));
}
