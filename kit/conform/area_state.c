/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/*
 * Snapshots and migration: the device's state is saved, and loaded where the guest goes on, by another
 * backend or, with --keep, by the next connection to the same one. What is wrong with a state is said,
 * and harms nobody.
 */
#include <errno.h>
#include <stdlib.h>

#include "kit/conform/gl.h"
#include "kit/conform/guest.h"

#define XRGB VIRTIO_GPU_FORMAT_B8G8R8X8_UNORM

#define PIPE_SIZE  65536u /* what Linux takes without a reader */
#define GARBAGE    5000u /* bytes */
#define FLIPS      48u /* places all over a state */
#define HEAD_FLIPS 48u /* single bytes from its start */

#define W 100u
#define H 80u

static const struct kit_profile *const profiles[] = {
	&kit_profile_qemu_gpu,
	&kit_profile_qemu_generic,
	&kit_profile_crosvm,
};
static const char *const profile_names[] = { "qemu_gpu", "qemu_generic", "crosvm", NULL };

/* --- there and back ------------------------------------------------------------------------ */

static struct kit_machine *realized(struct conform *c, const struct kit_profile *profile)
{
	return conform_machine(
		c, &(struct kit_machine_spec){ .profile = profile, .stage = KIT_STAGE_REALIZED });
}

static void save(struct kit_machine *m, struct kit_state *ret_state)
{
	CHECK_OK(m, kit_machine_stop(m));
	CHECK_OK(m, kit_machine_save(m, ret_state));
}

/* The guest goes on in another machine; this one is gone then. Its connection goes before, as a kept
 * backend serves one at a time, and its driver with all that is in flight stays. */
static struct kit_machine *move_to(
	struct conform *c, struct kit_machine *m, const struct kit_state *state)
{
	kit_vmm_finish(&m->vmm);
	kit_display_close(&m->display);
	struct kit_machine *other = realized(c, m->spec.profile);
	CHECK_OK(other, kit_machine_take_over(other, m, state));
	other->spec.stage = KIT_STAGE_STARTED;
	conform_close(c, m);
	return other;
}

static struct kit_machine *move(struct conform *c, struct kit_machine *m)
{
	struct kit_state state;
	save(m, &state);
	struct kit_machine *other = move_to(c, m, &state);
	kit_state_finish(&state);
	return other;
}

static void move_scene(struct conform *c, struct scene *scene)
{
	scene->m = move(c, scene->m);
	scene->s.gpu = &scene->m->gpu;
}

/* Brings a display to a VMM that has none of its own. */
static void bring_display(struct kit_machine *m)
{
	if (m->vmm.display)
		return;
	m->vmm.display = &m->display;
	CHECK_OK(m, kit_vmm_do(&m->vmm, VHOST_USER_GPU_SET_SOCKET, 0, 0));
}

/* What is shown is shown again, and the guest draws on in what it had. */
static void pictures(struct conform *c)
{
	struct scene scene;
	scene_init(&scene,
		conform_machine(c, &(struct kit_machine_spec){ .profile = profiles[c->variant] }));
	for (uint32_t round = 0; round < 2; round++) {
		move_scene(c, &scene);
		bring_display(scene.m);
		CHECK_PICTURE(scene.m, 0, scene.picture);
		scene_check(&scene, round + 2);
	}
	scene_end(c, &scene);
}

/* Two outputs, one of which shows a part; a third is off. */
static void scanouts(struct conform *c)
{
	const struct virtio_gpu_rect part = { 50, 20, 30, 40 };
	struct kit_machine *m = conform_machine(c, NULL);
	struct kit_surface s = conform_surface(m, 1, XRGB, W, H);
	struct kit_picture *picture = conform_pattern(W, H, 1);
	struct kit_picture *expected = kit_picture_create(part.width, part.height);
	CHECK(expected);
	kit_picture_copy(expected, 0, 0, picture, part);
	CHECK_GOOD(m, kit_gpu_set_scanout(&m->gpu, 0, 1, part));
	bool two = kit_gpu_set_scanout(&m->gpu, 1, 1, kit_rect(0, 0, W, H)) ==
		VIRTIO_GPU_RESP_OK_NODATA;
	conform_show(m, &s, picture);
	m = move(c, m);
	s.gpu = &m->gpu;
	CHECK_PICTURE(m, 0, expected);
	if (two)
		CHECK_PICTURE(m, 1, picture);
	CHECK(!m->display.scanouts[2].picture);
	CHECK_GOOD(m, kit_gpu_unref(&m->gpu, 1));
	guest_wait_off(m, 0);
	kit_surface_finish(&s);
	kit_picture_destroy(picture);
	kit_picture_destroy(expected);
	conform_end(c, m);
}

/* Ids are taken, backing is attached, and what the guest has not transferred is not shown. */
static void resources(struct conform *c)
{
	enum { COUNT = 200 };
	struct scene scene;
	scene_init(&scene, conform_machine(c, NULL));
	for (uint32_t i = 1; i <= COUNT; i++)
		CHECK_GOOD(
			scene.m, kit_gpu_create_2d(&scene.m->gpu, i * 1000003, XRGB, 1 + i % 9, 2));
	struct kit_picture *next = conform_pattern(SCENE_WIDTH, SCENE_HEIGHT, 2);
	kit_surface_draw(&scene.s, next);
	move_scene(c, &scene);
	struct kit_machine *m = scene.m;
	CHECK_PICTURE(m, 0, scene.picture);
	CHECK_ERROR(m, kit_gpu_create_2d(&m->gpu, 1, XRGB, 1, 1));
	for (uint32_t i = 1; i <= COUNT; i++)
		CHECK_GOOD(m, kit_gpu_unref(&m->gpu, i * 1000003));
	CHECK_ERROR(m, kit_gpu_unref(&m->gpu, 1000003));
	CHECK_GOOD(m, kit_surface_show(&scene.s, kit_rect(0, 0, SCENE_WIDTH, SCENE_HEIGHT)));
	CHECK_PICTURE(m, 0, next);
	kit_picture_destroy(next);
	scene_end(c, &scene);
}

/* With its picture, though the guest has done away with the resource, and where it is. */
static void cursor(struct conform *c)
{
	struct kit_machine *m = conform_machine(c, NULL);
	struct virtio_gpu_update_cursor place = {
		.pos = { .x = 5, .y = 6 }, .resource_id = 2, .hot_x = 1, .hot_y = 2
	};
	struct kit_surface s = guest_cursor(m, 2, 64, 64);
	guest_cursor_update(m, &place);
	place.pos.x = 50;
	guest_cursor_move(m, &place);
	guest_wait_cursor(m, &place);
	m = move(c, m);
	s.gpu = &m->gpu;
	guest_wait_cursor(m, &place);
	CHECK_INT(m->display.cursor.hot_x, 1);
	CHECK_INT(m->display.cursor.hot_y, 2);
	for (uint32_t i = 0; i < 64 * 64; i++)
		CHECK_INT(m->display.cursor.pixels[i], guest_cursor_pixel(i));
	place.pos.x = 70;
	guest_cursor_move(m, &place);
	guest_wait_cursor(m, &place);
	kit_surface_finish(&s);
	conform_end(c, m);
}

/* What lies in the ring is carried out where the guest goes on, once. */
static void commands_in_the_ring(struct conform *c)
{
	struct kit_machine *m =
		conform_machine(c, &(struct kit_machine_spec){ .profile = profiles[c->variant] });
	struct virtio_gpu_resource_create_2d request = {
		.hdr = kit_header(VIRTIO_GPU_CMD_RESOURCE_CREATE_2D),
		.format = XRGB,
		.width = 8,
		.height = 8,
	};
	struct kit_command *commands[10];
	struct kit_state state;
	conform_check_alive(m);
	CHECK_OK(m, kit_machine_stop(m));
	for (uint32_t i = 0; i < ARRAY_SIZE(commands); i++) {
		request.resource_id = i + 1;
		commands[i] = kit_gpu_submit(&m->gpu, VIRTIO_GPU_QUEUE_CONTROL, &request,
			sizeof(request), sizeof(struct virtio_gpu_ctrl_hdr));
		CHECK(commands[i]);
	}
	CHECK_OK(m, kit_machine_save(m, &state));
	m = move_to(c, m, &state);
	for (uint32_t i = 0; i < ARRAY_SIZE(commands); i++) {
		CHECK_GOOD(m, kit_gpu_complete(&m->gpu, commands[i], NULL, 0));
		CHECK_GOOD(m, kit_gpu_unref(&m->gpu, i + 1));
	}
	kit_state_finish(&state);
	conform_end(c, m);
}

static const char *const channel_names[] = { "pipe", "socket", "file", NULL };
static const enum kit_transfer_channel channels[] = { KIT_TRANSFER_PIPE, KIT_TRANSFER_SOCKET,
	KIT_TRANSFER_FILE };

/* Any descriptor that can be read from or written to. */
static void channel(struct conform *c)
{
	struct scene scene;
	struct kit_transfer transfer;
	struct kit_state state = { 0 };
	enum kit_transfer_channel kind = channels[c->variant];
	scene_init(&scene, conform_machine(c, NULL));
	struct kit_vmm *vmm = &scene.m->vmm;
	CHECK_OK(scene.m, kit_machine_stop(scene.m));
	for (uint32_t i = 0; i < 2; i++) {
		uint32_t direction = i ? VHOST_USER_TRANSFER_LOAD : VHOST_USER_TRANSFER_SAVE;
		CHECK_OK(scene.m, kit_transfer_begin(&transfer, vmm, direction, kind, &state));
		CHECK_OK(scene.m, kit_transfer_finish(&transfer));
	}
	kit_state_finish(&state);
	conform_start(scene.m);
	scene_check(&scene, 2);
	scene_end(c, &scene);
}

/* The second one is as good as the first, for the guest as it stands. */
static void saved_twice(struct conform *c)
{
	struct scene scene;
	struct kit_state first, second;
	scene_init(&scene, conform_machine(c, NULL));
	save(scene.m, &first);
	CHECK_OK(scene.m, kit_machine_save(scene.m, &second));
	kit_state_finish(&first);
	scene.m = move_to(c, scene.m, &second);
	scene.s.gpu = &scene.m->gpu;
	CHECK_PICTURE(scene.m, 0, scene.picture);
	scene_check(&scene, 2);
	kit_state_finish(&second);
	scene_end(c, &scene);
}

/* The guest goes on where it was: snapshots, migrations that fail. */
static void goes_on(struct conform *c)
{
	struct scene scene;
	struct kit_state state;
	scene_init(&scene, conform_machine(c, NULL));
	for (uint32_t round = 0; round < 3; round++) {
		save(scene.m, &state);
		kit_state_finish(&state);
		conform_start(scene.m);
		scene_check(&scene, round + 2);
	}
	CHECK_GOOD(scene.m, kit_gpu_unref(&scene.m->gpu, 1));
	guest_wait_off(scene.m, 0);
	scene_end(c, &scene);
}

/* A device that no driver has looked at. */
static void no_resources(struct conform *c)
{
	struct kit_machine *m = realized(c, profiles[c->variant]);
	struct kit_state state;
	CHECK_OK(m, kit_machine_save(m, &state));
	CHECK_OK(m, kit_machine_load(m, &state));
	kit_state_finish(&state);
	conform_start(m);
	conform_end(c, m);
}

/* --- states that are none ------------------------------------------------------------------ */

/* Loads it, and takes no notice of a backend that has read enough. 0 or -EREMOTEIO. */
static int try_load(struct kit_machine *m, struct kit_state *state)
{
	struct kit_transfer transfer;
	CHECK_OK(m,
		kit_transfer_begin(
			&transfer, &m->vmm, VHOST_USER_TRANSFER_LOAD, KIT_TRANSFER_PIPE, state));
	int ret = kit_transfer_wait(&transfer);
	if (ret != -EPIPE)
		CHECK_OK(m, ret);
	kit_transfer_drop(&transfer);
	ret = kit_vmm_do(&m->vmm, VHOST_USER_CHECK_DEVICE_STATE, 0, 0);
	if (ret != -EREMOTEIO)
		CHECK_OK(m, ret);
	return ret;
}

/* A guest that starts anew is not bothered. */
static void check_new_guest(struct conform *c, struct kit_machine *m)
{
	struct scene scene;
	m->spec.stage = KIT_STAGE_REALIZED;
	CHECK_OK(m, kit_machine_reconnect(m));
	conform_start(m);
	scene_init(&scene, m);
	scene_check(&scene, 2);
	scene_end(c, &scene);
}

static const char *const garbage_names[] = { "zeros", "ones", "numbers", "long", NULL };

static void garbage(struct conform *c)
{
	struct kit_machine *m = realized(c, NULL);
	struct kit_state state = { .size = c->variant == 3 ? 100 * GARBAGE : GARBAGE };
	state.bytes = malloc(state.size);
	CHECK(state.bytes);
	for (size_t i = 0; i < state.size; i++)
		state.bytes[i] = (uint8_t)(c->variant == 0 ? 0
				: c->variant == 1          ? 0xff
							   : i * 2654435761u >> 13);
	CHECK_INT(try_load(m, &state), -EREMOTEIO);
	CHECK_INT(try_load(m, &state), -EREMOTEIO);
	kit_state_finish(&state);
	check_new_guest(c, m);
}

/* The state of a guest with a picture; the machine is stopped. */
static struct kit_machine *stopped(struct conform *c, struct kit_state *ret_state)
{
	struct kit_machine *m = conform_machine(c, NULL);
	struct kit_surface s = conform_surface(m, 1, XRGB, W, H);
	struct kit_picture *picture = conform_pattern(W, H, 1);
	CHECK_GOOD(m, kit_gpu_set_scanout(&m->gpu, 0, 1, kit_rect(0, 0, W, H)));
	conform_show(m, &s, picture);
	kit_picture_destroy(picture);
	save(m, ret_state);
	CHECK(ret_state->size > 0);
	kit_surface_finish(&s);
	return m;
}

static const char *const cut_names[] = { "empty", "one_byte", "half", "all_but_one", NULL };

static void cut_short(struct conform *c)
{
	struct kit_state state;
	struct kit_machine *m = stopped(c, &state);
	const size_t sizes[] = { 0, 1, state.size / 2, state.size - 1 };
	size_t size = state.size;
	state.size = sizes[c->variant];
	CHECK_INT(try_load(m, &state), -EREMOTEIO);
	/* the whole of it is still good */
	state.size = size;
	CHECK_OK(m, kit_machine_load(m, &state));
	kit_state_finish(&state);
	check_new_guest(c, m);
}

/* A picture may have any bytes: it is taken or refused, and nothing else. */
static void flipped(struct conform *c)
{
	struct kit_state state;
	struct kit_machine *m = stopped(c, &state);
	for (size_t i = 0; i < HEAD_FLIPS + FLIPS; i++) {
		size_t at = i < HEAD_FLIPS ? i : (i - HEAD_FLIPS) * state.size / FLIPS;
		if (at >= state.size)
			continue;
		state.bytes[at] ^= 0xff;
		try_load(m, &state);
		state.bytes[at] ^= 0xff;
	}
	CHECK_OK(m, kit_machine_load(m, &state));
	kit_state_finish(&state);
	check_new_guest(c, m);
}

/* --- requests that are none ---------------------------------------------------------------- */

static const char *const request_names[] = { "direction_2", "direction_max", "phase_1", "phase_max",
	NULL };

static void unknown_request(struct conform *c)
{
	static const uint32_t rows[][2] = { { 2, 0 }, { UINT32_MAX, 0 }, { 0, 1 },
		{ 0, UINT32_MAX } };
	struct kit_machine *m = realized(c, NULL);
	const uint32_t *row = rows[c->variant];
	int ret = kit_vmm_do(&m->vmm, VHOST_USER_SET_DEVICE_STATE_FD, row[0], row[1]);
	if (ret >= 0)
		kit_check_failed(KIT_HERE, "direction %u in phase %u is taken", row[0], row[1]);
	if (ret != -EREMOTEIO && ret != -ECONNRESET)
		CHECK_OK(m, ret);
	m = conform_check_refused(c, m, "SET_DEVICE_STATE_FD");
	conform_start(m);
	conform_end(c, m);
}

/* Of what is there to be said, anything may be. */
static void check_of_nothing(struct conform *c)
{
	struct kit_machine *m = realized(c, NULL);
	for (uint32_t i = 0; i < 3; i++)
		CHECK_OK_OR_REFUSED(m, kit_vmm_do(&m->vmm, VHOST_USER_CHECK_DEVICE_STATE, 0, 0));
	m = conform_check_refused(c, m, "CHECK_DEVICE_STATE");
	conform_start(m);
	conform_end(c, m);
}

/* The VMM has to stop the rings before; if it does not, the guest does not notice. */
static void while_rings_run(struct conform *c)
{
	struct scene scene;
	struct kit_state state = { 0 };
	scene_init(&scene, conform_machine(c, NULL));
	CHECK_OK_OR_REFUSED(scene.m, kit_machine_save(scene.m, &state));
	kit_state_finish(&state);
	scene_check(&scene, 2);
	scene_end(c, &scene);
}

/* --- slow and lost readers ----------------------------------------------------------------- */

/* A machine with a picture that no pipe takes as a whole, stopped. */
static void stop_large(struct conform *c, struct scene *scene)
{
	struct kit_state state;
	scene_init(scene, conform_machine(c, NULL));
	save(scene->m, &state);
	size_t size = state.size;
	kit_state_finish(&state);
	if (size < 4 * PIPE_SIZE)
		conform_skip("a state of %zu bytes only", size);
}

static void begin_save(struct kit_machine *m, struct kit_transfer *transfer,
	struct kit_state *state, size_t stop_at)
{
	CHECK_OK(m,
		kit_transfer_begin(
			transfer, &m->vmm, VHOST_USER_TRANSFER_SAVE, KIT_TRANSFER_PIPE, state));
	transfer->stop_at = stop_at;
	for (uint32_t i = 0; transfer->moved < stop_at; i++) {
		CHECK(i < 200);
		CHECK_OK(m, kit_pump(&m->kit, 5));
	}
}

static const char *const close_names[] = { "at_once", "later", NULL };

static void reader_closes(struct conform *c)
{
	struct scene scene;
	struct kit_transfer transfer;
	struct kit_state state = { 0 };
	stop_large(c, &scene);
	struct kit_machine *m = scene.m;
	begin_save(m, &transfer, &state, c->variant ? PIPE_SIZE / 2 : 0);
	kit_transfer_drop(&transfer);
	CHECK_INT(kit_vmm_do(&m->vmm, VHOST_USER_CHECK_DEVICE_STATE, 0, 0), -EREMOTEIO);
	kit_state_finish(&state);
	/* another one may do better */
	CHECK_OK(m, kit_machine_save(m, &state));
	kit_state_finish(&state);
	conform_start(m);
	scene_check(&scene, 2);
	scene_end(c, &scene);
}

/* The VMM takes its time over a state: other messages are answered. */
static void slow_reader(struct conform *c)
{
	struct scene scene;
	struct kit_transfer transfer;
	struct kit_state state = { 0 };
	stop_large(c, &scene);
	struct kit_machine *m = scene.m;
	begin_save(m, &transfer, &state, PIPE_SIZE);
	for (uint32_t i = 0; i < 10; i++) {
		CHECK_OK(m, kit_vmm_do(&m->vmm, VHOST_USER_GET_FEATURES, 0, 0));
		CHECK_OK(m, kit_pump(&m->kit, 10));
	}
	CHECK_INT(transfer.moved, PIPE_SIZE);
	transfer.stop_at = SIZE_MAX;
	CHECK_OK(m, kit_transfer_finish(&transfer));
	m = move_to(c, m, &state);
	kit_state_finish(&state);
	scene.m = m;
	scene.s.gpu = &m->gpu;
	CHECK_PICTURE(m, 0, scene.picture);
	scene_end(c, &scene);
}

/* A migration's VMM dies with the state half moved. */
static void vmm_goes(struct conform *c)
{
	struct scene scene;
	struct kit_transfer transfer;
	struct kit_state state = { 0 };
	stop_large(c, &scene);
	begin_save(scene.m, &transfer, &state, PIPE_SIZE);
	CHECK_OK(scene.m, kit_machine_reconnect(scene.m));
	kit_transfer_drop(&transfer);
	kit_state_finish(&state);
	kit_surface_finish(&scene.s);
	kit_picture_destroy(scene.picture);
	CHECK_ERROR(scene.m, kit_gpu_unref(&scene.m->gpu, 1));
	scene_init(&scene, scene.m);
	scene_check(&scene, 2);
	scene_end(c, &scene);
}

/* --- 3D ------------------------------------------------------------------------------------ */

/* Nobody can save what a driver has: that is said, and holds only as long as it is so. */
static void context_lives(struct conform *c)
{
	struct kit_machine *m = gl_machine(c);
	struct kit_state state = { 0 };
	CHECK_OK(m, kit_machine_stop(m));
	int ret = kit_machine_save(m, &state);
	if (ret != -EREMOTEIO)
		CHECK_OK(m, ret);
	kit_state_finish(&state);
	conform_start(m);
	struct kit_surface s = gl_texture(m, 1, XRGB, 64, 64);
	gl_clear(m, &s, 0xff123456);
	CHECK_GOOD(m, kit_gpu_unref(&m->gpu, 1));
	CHECK_GOOD(m, kit_gpu_ctx_destroy(&m->gpu, GL_CONTEXT));
	kit_surface_finish(&s);
	save(m, &state);
	kit_state_finish(&state);
	conform_start(m);
	conform_end(c, m);
}

/* --- the table ----------------------------------------------------------------------------- */

#define MIGRATING  "vhost-user, Migrating back-end state: "
#define SET_FD     "vhost-user, SET_DEVICE_STATE_FD: "
#define CHECKED    "vhost-user, CHECK_DEVICE_STATE: "
#define STATE      .protocol = CONFORM_PROTOCOL(DEVICE_STATE)
#define SHOWN      STATE, .needs = CONFORM_NEEDS_DISPLAY
#define SHOWN_ANEW STATE, .needs = CONFORM_NEEDS_DISPLAY | CONFORM_NEEDS_MANY
#define HOSTILE    .hostile = true

static const struct conform_case cases[] = {
	{ "pictures", MIGRATING "the destination goes on from the state of the source", pictures,
		profile_names, SHOWN },
	{ "scanouts", MIGRATING "the destination goes on from the state of the source", scanouts,
		SHOWN },
	{ "resources", MIGRATING "the destination goes on from the state of the source", resources,
		SHOWN },
	{ "cursor", MIGRATING "the destination goes on from the state of the source", cursor,
		SHOWN },
	{ "commands_in_the_ring",
		"crosvm's snapshots restore vring bases: what was available is still to be done",
		commands_in_the_ring, profile_names, STATE },
	{ "channel", SET_FD "a pipe or anything else with its semantics, read until its end",
		channel, channel_names, SHOWN },
	{ "saved_twice", MIGRATING "a transfer that has ended may be followed by another one",
		saved_twice, SHOWN },
	{ "goes_on", "crosvm resumes a machine after a snapshot; QEMU one that did not migrate",
		goes_on, SHOWN },
	{ "no_resources", "QEMU migrates machines whose guest has no driver yet", no_resources,
		profile_names, STATE },
	{ "garbage", CHECKED "a non-zero value says that the state was not loaded", garbage,
		garbage_names, SHOWN_ANEW, HOSTILE },
	{ "cut_short", CHECKED "a non-zero value says that the state was not loaded", cut_short,
		cut_names, SHOWN_ANEW, HOSTILE },
	{ "flipped", CHECKED "it says of any state whether it was loaded", flipped, SHOWN_ANEW,
		HOSTILE },
	{ "unknown_request", SET_FD "direction is 0 or 1, phase is 0; the answer has an error",
		unknown_request, request_names, STATE, HOSTILE },
	{ "check_of_nothing", CHECKED "the answer to this is a number", check_of_nothing, STATE,
		HOSTILE },
	{ "while_rings_run", SET_FD "phase 0 is the one in which all vrings are stopped",
		while_rings_run, SHOWN, HOSTILE },
	{ "reader_closes", CHECKED "a non-zero value says that the state was not saved",
		reader_closes, close_names, SHOWN, HOSTILE },
	{ "slow_reader", MIGRATING "the transfer is apart from the connection", slow_reader,
		SHOWN },
	{ "vmm_goes", "a VMM can be killed at any time", vmm_goes, SHOWN_ANEW, HOSTILE },
	{ "context_lives", SET_FD "a back-end that cannot says so in its answer", context_lives,
		STATE, .needs = CONFORM_NEEDS_VIRGL },
};
DEFINE_CONFORM_AREA(state, cases);
