/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/* The display: what it is told, and displays that are slow, silent, talk nonsense, go and come. */
#include "kit/conform/guest.h"

#define W      SCENE_WIDTH
#define H      SCENE_HEIGHT
#define FRAMES 20u

static struct kit_machine *realized(struct conform *c)
{
	return conform_machine(c, &(struct kit_machine_spec){ .stage = KIT_STAGE_REALIZED });
}

/* Submits a command that nobody waits for. */
static void submit(struct kit_machine *m, const void *request, uint32_t size, uint32_t room)
{
	struct kit_command *command =
		kit_gpu_submit(&m->gpu, VIRTIO_GPU_QUEUE_CONTROL, request, size, room);
	CHECK(command);
	kit_command_forget(command);
}

static void ask_for_info(struct kit_machine *m)
{
	struct virtio_gpu_ctrl_hdr request = kit_header(VIRTIO_GPU_CMD_GET_DISPLAY_INFO);
	submit(m, &request, sizeof(request), sizeof(struct virtio_gpu_resp_display_info));
}

static void ask_for_edid(struct kit_machine *m)
{
	struct virtio_gpu_get_edid request = { .hdr = kit_header(VIRTIO_GPU_CMD_GET_EDID) };
	submit(m, &request, sizeof(request), sizeof(struct virtio_gpu_resp_edid));
}

/* Asks what makes the backend ask the display. */
static void ask_everything(struct kit_machine *m)
{
	ask_for_info(m);
	if (kit_vmm_feature(&m->vmm, VIRTIO_GPU_F_EDID))
		ask_for_edid(m);
}

/* More frames than the socket holds, without waiting for one of them. */
static void flood(struct scene *scene)
{
	const struct virtio_gpu_rect rect = { 0, 0, W, H };
	struct virtio_gpu_transfer_to_host_2d transfer = {
		.hdr = kit_header(VIRTIO_GPU_CMD_TRANSFER_TO_HOST_2D), .r = rect, .resource_id = 1
	};
	struct virtio_gpu_resource_flush flush = {
		.hdr = kit_header(VIRTIO_GPU_CMD_RESOURCE_FLUSH), .r = rect, .resource_id = 1
	};
	for (uint32_t i = 0; i < FRAMES; i++) {
		submit(scene->m, &transfer, sizeof(transfer), sizeof(transfer.hdr));
		submit(scene->m, &flush, sizeof(flush), sizeof(flush.hdr));
	}
}

/* --- what it is told ----------------------------------------------------------------------- */

/* Headers of all messages that the backend has. */
static void flags_are_zero(struct conform *c)
{
	struct scene scene;
	struct kit_machine *m = conform_machine(c, NULL);
	struct virtio_gpu_update_cursor cursor = { .resource_id = 2 };
	scene_init(&scene, m);
	/* of many sizes: each may be put together somewhere else */
	for (uint32_t i = 1; i < 40; i++)
		CHECK_GOOD(m, kit_gpu_flush(&m->gpu, 1, kit_rect(i, i, i * i / 4 + 1, i)));
	scene_check(&scene, 2);
	struct kit_surface image = guest_cursor(m, 2, 64, 64);
	guest_cursor_update(m, &cursor);
	cursor.resource_id = 0;
	guest_cursor_update(m, &cursor);
	ask_everything(m);
	CHECK_OK(m, kit_gpu_drain(&m->gpu));
	CHECK_GOOD(m, kit_gpu_set_scanout(&m->gpu, 0, 0, kit_rect(0, 0, 0, 0)));
	guest_watch(m);
	if (m->display.flagged)
		kit_check_failed(KIT_HERE, "%u of %u messages have flags, the last one %#x",
			m->display.flagged, m->display.count, m->display.last_flags);
	kit_surface_finish(&image);
	scene_end(c, &scene);
}

/* A small change costs a small message. */
static const struct virtio_gpu_rect changes[] = {
	{ 0, 0, 1, 1 },
	{ W - 1, H - 1, 1, 1 },
	{ 100, 90, 10, 20 },
	{ 0, 200, W, 1 },
	{ 300, 0, 1, H },
	{ 320, 240, 64, 64 },
};
static const char *const change_names[] = { "first_pixel", "last_pixel", "10x20", "row", "column",
	"64x64", NULL };

static void damage_only(struct conform *c)
{
	struct scene scene;
	struct virtio_gpu_rect rect = changes[c->variant];
	scene_init(&scene, conform_machine(c, NULL));
	scene_check(&scene, 2);
	const struct virtio_gpu_rect *last = &scene.m->display.scanouts[0].last;
	/* what of the whole picture was still on its way comes with the first changes */
	for (uint32_t i = 1; i <= 5; i++) {
		kit_picture_fill(scene.picture, rect, 0x123456 * i);
		kit_surface_draw(&scene.s, scene.picture);
		CHECK_GOOD(scene.m, kit_surface_show(&scene.s, rect));
		CHECK_PICTURE(scene.m, 0, scene.picture);
		/* whoever keeps track of damage in tiles may round it up */
		if (last->width <= rect.width + 64 && last->height <= rect.height + 64) {
			scene_end(c, &scene);
			return;
		}
	}
	kit_check_failed(KIT_HERE, "an update of %ux%u for a change of %ux%u", last->width,
		last->height, rect.width, rect.height);
}

/* --- what it knows ------------------------------------------------------------------------- */

static void get_info(struct kit_machine *m, struct virtio_gpu_resp_display_info *ret_info)
{
	CHECK_TYPE(m, kit_gpu_display_info(&m->gpu, ret_info), VIRTIO_GPU_RESP_OK_DISPLAY_INFO);
}

static void modes(struct conform *c)
{
	struct kit_machine *m = conform_machine(c, NULL);
	struct virtio_gpu_resp_display_info info;
	for (uint32_t i = 0; i < KIT_MAX_SCANOUTS; i++)
		m->display.modes[i] = (struct virtio_gpu_display_one){
			.r = kit_rect(i * 700, i, 640 + i, 480 + i),
			.enabled = i % 2 == 0,
		};
	get_info(m, &info);
	for (uint32_t i = 0; i < KIT_MAX_SCANOUTS; i++) {
		CHECK_INT(!!info.pmodes[i].enabled, i % 2 == 0);
		if (info.pmodes[i].enabled)
			CHECK_MEM(&info.pmodes[i].r, &m->display.modes[i].r,
				sizeof(info.pmodes[i].r));
	}
	conform_end(c, m);
}

/* The window is resized: whoever asks again gets the new size. */
static void resized(struct conform *c)
{
	struct kit_machine *m = conform_machine(c, NULL);
	struct virtio_gpu_resp_display_info info;
	for (uint32_t i = 0; i < 20; i++) {
		kit_display_set_mode(&m->display, 0, 800 + i, 600 + 3 * i);
		get_info(m, &info);
		CHECK_INT(info.pmodes[0].r.width, 800 + i);
		CHECK_INT(info.pmodes[0].r.height, 600 + 3 * i);
	}
	conform_end(c, m);
}

/* Without a display: an output of a sensible size, or none, for which drivers have a fallback. */
static void no_display(struct conform *c)
{
	struct kit_machine *m = conform_machine(
		c, &(struct kit_machine_spec){ .profile = &kit_profile_qemu_generic });
	struct virtio_gpu_resp_display_info info;
	get_info(m, &info);
	for (uint32_t i = 0; i < KIT_MAX_SCANOUTS; i++) {
		const struct virtio_gpu_rect *mode = &info.pmodes[i].r;
		if (info.pmodes[i].enabled)
			CHECK(mode->width >= 320 && mode->width <= 16384 && mode->height >= 200 &&
				mode->height <= 16384);
	}
	conform_end(c, m);
}

/* Modes that cannot be: the guest gets some answer, and the next good one. */
static const uint32_t bad_modes[][2] = { { 0, 0 }, { 0, 600 }, { 800, 0 }, { 1, 1 },
	{ UINT32_MAX, UINT32_MAX }, { 16385, 16385 } };
static const char *const bad_mode_names[] = { "0x0", "0x600", "800x0", "1x1", "maxxmax",
	"16385x16385", NULL };

static void impossible_mode(struct conform *c)
{
	struct kit_machine *m = conform_machine(c, NULL);
	struct virtio_gpu_resp_display_info info;
	m->display.modes[0].r.width = bad_modes[c->variant][0];
	m->display.modes[0].r.height = bad_modes[c->variant][1];
	m->display.modes[0].enabled = UINT32_MAX;
	CHECK_OK(m, kit_gpu_display_info(&m->gpu, &info));
	CHECK_OK(m, kit_machine_stop(m));
	kit_display_set_mode(&m->display, 0, 1280, 800);
	CHECK_OK(m, kit_machine_start(m));
	get_info(m, &info);
	CHECK_INT(info.pmodes[0].r.width, 1280);
	conform_end(c, m);
}

/* What displays may offer; of what nobody knows nothing is taken. */
static const uint64_t offers[] = { 0, 1, 2, 3, UINT64_C(1) << 63 | 3 };
static const char *const offer_names[] = { "nothing", "EDID", "DMABUF2", "both", "and_bit_63",
	NULL };

static void offer(struct conform *c)
{
	struct scene scene;
	struct kit_machine *m = realized(c);
	m->display.features = offers[c->variant];
	CHECK_OK(m, kit_machine_start(m));
	scene_init(&scene, m);
	scene_check(&scene, 2);
	CHECK(!(m->display.features_set >> 63));
	scene_end(c, &scene);
}

static void many_questions(struct conform *c)
{
	struct kit_machine *m = conform_machine(c, NULL);
	for (uint32_t round = 0; round < 5; round++) {
		for (uint32_t i = 0; i < 30; i++)
			ask_everything(m);
		CHECK_OK(m, kit_gpu_drain(&m->gpu));
	}
	conform_end(c, m);
}

/* --- a display that does not read ---------------------------------------------------------- */

/* The VMM waits for an answer in the thread that would read the display's socket. */
static void check_vmm(struct kit_machine *m)
{
	for (int i = 0; i < 5; i++)
		CHECK_OK(m, kit_vmm_do(&m->vmm, VHOST_USER_GET_FEATURES, 0, 0));
}

static void messages_while_it_does_not_read(struct conform *c)
{
	struct scene scene;
	scene_init(&scene, conform_machine(c, NULL));
	kit_display_set_reading(&scene.m->display, false);
	flood(&scene);
	check_vmm(scene.m);
	kit_display_set_reading(&scene.m->display, true);
	CHECK_OK(scene.m, kit_gpu_drain(&scene.m->gpu));
	scene_check(&scene, 3);
	scene_end(c, &scene);
}

static void cursor_while_it_does_not_read(struct conform *c)
{
	struct scene scene;
	struct kit_machine *m = conform_machine(c, NULL);
	struct virtio_gpu_update_cursor cursor = { .resource_id = 2 };
	scene_init(&scene, m);
	struct kit_surface image = guest_cursor(m, 2, 64, 64);
	guest_cursor_update(m, &cursor);
	guest_wait_cursor(m, &cursor);
	kit_display_set_reading(&m->display, false);
	flood(&scene);
	for (uint32_t i = 1; i <= 300; i++) {
		cursor.pos.x = cursor.pos.y = i;
		/* pictures of the cursor fill any socket */
		if (i % 10)
			guest_cursor_move(m, &cursor);
		else
			guest_cursor_update(m, &cursor);
	}
	kit_display_set_reading(&m->display, true);
	guest_wait_cursor(m, &cursor);
	CHECK_OK(m, kit_gpu_drain(&m->gpu));
	scene_check(&scene, 3);
	kit_surface_finish(&image);
	scene_end(c, &scene);
}

/* What was drawn meanwhile is there in the end, the last picture and no older one. */
static void reads_again(struct conform *c)
{
	struct scene scene;
	scene_init(&scene, conform_machine(c, NULL));
	for (uint32_t round = 0; round < 3; round++) {
		CHECK_PICTURE(scene.m, 0, scene.picture);
		kit_display_set_reading(&scene.m->display, false);
		flood(&scene);
		guest_watch(scene.m);
		kit_picture_pattern(scene.picture, kit_rect(0, 0, W, H), 10 + round);
		kit_surface_draw(&scene.s, scene.picture);
		flood(&scene);
		kit_display_set_reading(&scene.m->display, true);
		CHECK_OK(scene.m, kit_gpu_drain(&scene.m->gpu));
		CHECK_PICTURE(scene.m, 0, scene.picture);
	}
	scene_end(c, &scene);
}

/* It goes while its socket is full. */
static void goes_without_having_read(struct conform *c)
{
	struct scene scene;
	scene_init(&scene, conform_machine(c, NULL));
	kit_display_set_reading(&scene.m->display, false);
	flood(&scene);
	guest_watch(scene.m);
	kit_display_close(&scene.m->display);
	CHECK_OK(scene.m, kit_gpu_drain(&scene.m->gpu));
	CHECK_OK(scene.m, kit_machine_stop(scene.m));
	CHECK_OK(scene.m, kit_machine_start(scene.m));
	scene_check(&scene, 4);
	scene_end(c, &scene);
}

/* --- a display that answers nonsense ------------------------------------------------------- */

static const uint32_t questions[] = { VHOST_USER_GPU_GET_PROTOCOL_FEATURES,
	VHOST_USER_GPU_GET_DISPLAY_INFO, VHOST_USER_GPU_GET_EDID };
static const char *const question_names[] = { "features", "info", "edid", NULL };

static const enum kit_display_answer answers[] = { KIT_DISPLAY_WRONG, KIT_DISPLAY_NO_FLAG,
	KIT_DISPLAY_SHORT, KIT_DISPLAY_LONG, KIT_DISPLAY_HUGE, KIT_DISPLAY_HALF, KIT_DISPLAY_TWICE,
	KIT_DISPLAY_WITH_FDS, KIT_DISPLAY_CLOSE };
#define ANSWERS(question)                                                                          \
	question "_wrong_request", question "_no_reply_flag", question "_one_byte_short",          \
		question "_one_byte_long", question "_4_GiB", question "_half", question "_twice", \
		question "_with_descriptors", question "_closed"
static const char *const answer_names[] = { ANSWERS("features"), ANSWERS("info"), ANSWERS("edid"),
	NULL };

static void skip_without_edid(struct kit_machine *m, uint32_t question)
{
	if (question == VHOST_USER_GPU_GET_EDID && !kit_vmm_feature(&m->vmm, VIRTIO_GPU_F_EDID))
		conform_skip("there is no EDID to ask for");
}

/* At the latest when the display goes, the guest's commands are done; the next display is like the
 * first one. */
static void check_next_display(struct conform *c, struct kit_machine *m)
{
	struct virtio_gpu_resp_display_info info;
	struct scene scene;
	kit_display_close(&m->display);
	CHECK_OK(m, kit_gpu_drain(&m->gpu));
	memset(m->display.answers, 0, sizeof(m->display.answers));
	kit_display_set_mode(&m->display, 0, 1000, 700);
	CHECK_OK(m, kit_machine_stop(m));
	CHECK_OK(m, kit_machine_start(m));
	get_info(m, &info);
	CHECK_INT(info.pmodes[0].r.width, 1000);
	scene_init(&scene, m);
	scene_check(&scene, 5);
	scene_end(c, &scene);
}

static void nonsense(struct conform *c)
{
	struct kit_machine *m = realized(c);
	uint32_t question = questions[c->variant / ARRAY_SIZE(answers)];
	m->display.answers[question] = answers[c->variant % ARRAY_SIZE(answers)];
	CHECK_OK(m, kit_machine_start(m));
	skip_without_edid(m, question);
	ask_everything(m);
	guest_watch(m);
	check_vmm(m);
	check_next_display(c, m);
}

/* No answer at all. */
static void silence(struct conform *c)
{
	struct kit_machine *m = realized(c);
	uint32_t question = questions[c->variant];
	m->display.answers[question] = KIT_DISPLAY_SILENT;
	CHECK_OK(m, kit_machine_start(m));
	skip_without_edid(m, question);
	ask_everything(m);
	guest_watch(m);
	check_vmm(m);
	guest_cursor_move(m, &(struct virtio_gpu_update_cursor){ .resource_id = 0 });
	check_next_display(c, m);
}

/* Messages that nobody asked for. */
static const struct vhost_user_gpu_header unasked[] = {
	{ VHOST_USER_GPU_GET_DISPLAY_INFO, VHOST_USER_GPU_FLAG_REPLY, 408 },
	{ VHOST_USER_GPU_GET_EDID, VHOST_USER_GPU_FLAG_REPLY, 408 },
	{ VHOST_USER_GPU_DMABUF_UPDATE, VHOST_USER_GPU_FLAG_REPLY, 0 },
	{ VHOST_USER_GPU_SCANOUT, 0, 12 },
	{ 0, 0, 0 },
	{ UINT32_MAX, UINT32_MAX, 408 },
	{ VHOST_USER_GPU_GET_DISPLAY_INFO, VHOST_USER_GPU_FLAG_REPLY, UINT32_MAX },
};
static const char *const unasked_names[] = { "info", "edid", "acknowledgement", "request", "zeros",
	"unknown", "4_GiB", NULL };

static void unasked_for(struct conform *c)
{
	struct {
		struct vhost_user_gpu_header header;
		uint8_t payload[408];
	} message = { .header = unasked[c->variant] };
	struct kit_machine *m = conform_machine(c, NULL);
	uint32_t size = min_u32(message.header.size, sizeof(message.payload));
	conform_check_alive(m);
	CHECK_OK(
		m, kit_display_send(&m->display, &message, sizeof(message.header) + size, NULL, 0));
	ask_everything(m);
	guest_watch(m);
	check_vmm(m);
	check_next_display(c, m);
}

/* --- displays that go and come ------------------------------------------------------------- */

/* The display closes its end while it shows something: the guest does not notice. */
static void goes_away(struct conform *c)
{
	struct scene scene;
	struct kit_machine *m = conform_machine(c, NULL);
	scene_init(&scene, m);
	scene_check(&scene, 1);
	kit_display_close(&m->display);
	for (int i = 0; i < 20; i++)
		conform_show(m, &scene.s, scene.picture);
	guest_cursor_move(m, &(struct virtio_gpu_update_cursor){ .resource_id = 0 });
	CHECK_GOOD(m, kit_gpu_set_scanout(&m->gpu, 0, 0, kit_rect(0, 0, 0, 0)));
	scene_end(c, &scene);
}

/* GPU_SET_SOCKET while the first one is in use: the new one shows everything. */
static void another_socket(struct conform *c)
{
	struct scene scene;
	struct kit_machine *m = conform_machine(c, NULL);
	scene_init(&scene, m);
	for (uint32_t i = 0; i < 5; i++) {
		CHECK_PICTURE(m, 0, scene.picture);
		CHECK_OK(m, kit_vmm_do(&m->vmm, VHOST_USER_GPU_SET_SOCKET, 0, 0));
	}
	CHECK_PICTURE(m, 0, scene.picture);
	scene_check(&scene, 2);
	scene_end(c, &scene);
}

/* After a pause the picture is there again, on a new socket. */
static void shown_again_after_a_pause(struct conform *c)
{
	struct scene scene;
	struct kit_machine *m = conform_machine(c, NULL);
	scene_init(&scene, m);
	for (uint32_t i = 0; i < 4; i++) {
		CHECK_PICTURE(m, 0, scene.picture);
		CHECK_OK(m, kit_machine_stop(m));
		CHECK_OK(m, kit_machine_start(m));
		CHECK_PICTURE(m, 0, scene.picture);
		scene_check(&scene, i);
	}
	scene_end(c, &scene);
}

/* What is off stays off. */
static void dark_after_a_pause(struct conform *c)
{
	struct scene scene;
	struct kit_machine *m = conform_machine(c, NULL);
	scene_init(&scene, m);
	scene_check(&scene, 1);
	CHECK_GOOD(m, kit_gpu_set_scanout(&m->gpu, 0, 0, kit_rect(0, 0, 0, 0)));
	guest_wait_off(m, 0);
	CHECK_OK(m, kit_machine_stop(m));
	CHECK_OK(m, kit_machine_start(m));
	guest_watch(m);
	CHECK(!m->display.scanouts[0].picture);
	scene_end(c, &scene);
}

/* A new driver begins with a dark screen, whatever the old one showed. */
static void dark_after_a_reset(struct conform *c)
{
	struct scene scene;
	struct kit_machine *m = conform_machine(c, NULL);
	scene_init(&scene, m);
	scene_check(&scene, 1);
	kit_surface_finish(&scene.s);
	kit_picture_destroy(scene.picture);
	CHECK_OK(m, kit_machine_reset(m));
	guest_watch(m);
	CHECK(!m->display.scanouts[0].picture);
	scene_init(&scene, m);
	scene_check(&scene, 2);
	scene_end(c, &scene);
}

static uint32_t count_fds(struct kit_machine *m)
{
	return guest_usage(m).fds;
}

static void check_fds(struct kit_machine *m, uint32_t before, uint32_t rounds)
{
	uint32_t after = count_fds(m);
	if (after > before + rounds / 4)
		kit_check_failed(KIT_HERE, "%u descriptors before, %u after %u rounds", before,
			after, rounds);
}

static void sockets_do_not_pile_up(struct conform *c)
{
	enum { ROUNDS = 20 };
	struct scene scene;
	struct kit_machine *m = conform_machine(c, NULL);
	scene_init(&scene, m);
	scene_check(&scene, 1);
	uint32_t before = guest_usage_before(m).fds;
	for (uint32_t i = 0; i < ROUNDS; i++) {
		CHECK_OK(m, kit_vmm_do(&m->vmm, VHOST_USER_GPU_SET_SOCKET, 0, 0));
		CHECK_PICTURE(m, 0, scene.picture);
	}
	check_fds(m, before, ROUNDS);
	scene_end(c, &scene);
}

/* The same with a connection for each. */
static void connections_do_not_pile_up(struct conform *c)
{
	enum { ROUNDS = 20 };
	struct scene scene;
	struct kit_machine *m = conform_machine(c, NULL);
	uint32_t before = 0;
	for (uint32_t i = 0; i <= ROUNDS; i++) {
		scene_init(&scene, m);
		CHECK_PICTURE(m, 0, scene.picture);
		if (i == 0)
			before = guest_usage_before(m).fds;
		else if (i == ROUNDS)
			break;
		kit_surface_finish(&scene.s);
		kit_picture_destroy(scene.picture);
		CHECK_OK(m, kit_machine_reconnect(m));
	}
	check_fds(m, before, ROUNDS);
	scene_end(c, &scene);
}

/* --- the table ----------------------------------------------------------------------------- */

#define PROTOCOL "vhost-user-gpu: "
#define THREAD   "QEMU reads the display's socket in the thread that waits for vhost-user answers"
#define CLOSES   "QEMU closes the display's socket at each stop and gives another at each start"
#define SHOWN    .needs = CONFORM_NEEDS_DISPLAY
#define RESETS   .protocol = CONFORM_PROTOCOL(RESET_DEVICE), SHOWN
#define HOSTILE  .hostile = true

static const struct conform_case cases[] = {
	{ "flags_are_zero", PROTOCOL "the header has one flag, which is for replies",
		flags_are_zero, SHOWN },
	{ "damage_only", PROTOCOL "UPDATE has a rectangle: a front end redraws what it is told",
		damage_only, change_names, SHOWN },
	{ "modes", "virtio 1.4, 5.7.6.8: which scanouts are enabled, their places and sizes", modes,
		SHOWN },
	{ "resized", "virtio 1.4, 5.7.4: GET_DISPLAY_INFO again when the display has changed",
		resized, SHOWN },
	{ "no_display", "crosvm and QEMU's generic device have no display socket", no_display },
	{ "impossible_mode", "whatever the display says, the guest's command is answered",
		impossible_mode, bad_mode_names, SHOWN, HOSTILE },
	{ "offer", PROTOCOL "features are used when both sides have them", offer, offer_names,
		SHOWN },
	{ "many_questions", "a guest may ask at any time", many_questions, SHOWN, HOSTILE },
	{ "messages_while_it_does_not_read", THREAD, messages_while_it_does_not_read, SHOWN,
		HOSTILE },
	{ "cursor_while_it_does_not_read",
		"virtio 1.4, 5.7.2: cursor commands are not delayed by others; QEMU does not read "
		"while its console is blocked",
		cursor_while_it_does_not_read, SHOWN, HOSTILE },
	{ "reads_again", "QEMU does not read while its console is blocked, and goes on later",
		reads_again, SHOWN },
	{ "goes_without_having_read", CLOSES, goes_without_having_read, SHOWN, HOSTILE },
	{ "nonsense", "whatever the display says, the guest's command is answered", nonsense,
		answer_names, SHOWN, HOSTILE },
	{ "silence", THREAD, silence, question_names, SHOWN, HOSTILE },
	{ "unasked_for", PROTOCOL "the front end only sends replies", unasked_for, unasked_names,
		SHOWN, HOSTILE },
	{ "goes_away", CLOSES, goes_away, SHOWN },
	{ "another_socket", "vhost-user: GPU_SET_SOCKET sets the socket from then on",
		another_socket, SHOWN, .hostile = true },
	{ "shown_again_after_a_pause", CLOSES, shown_again_after_a_pause, SHOWN },
	{ "dark_after_a_pause", CLOSES, dark_after_a_pause, SHOWN },
	{ "dark_after_a_reset", "virtio 1.4, 2.4: a reset device is as it was at first",
		dark_after_a_reset, RESETS },
	{ "sockets_do_not_pile_up", CLOSES, sockets_do_not_pile_up, SHOWN, .hostile = true },
	{ "connections_do_not_pile_up", "a VMM that crashes is started again, and connects again",
		connections_do_not_pile_up, .needs = CONFORM_NEEDS_DISPLAY | CONFORM_NEEDS_MANY },
};
DEFINE_CONFORM_AREA(display, cases);
