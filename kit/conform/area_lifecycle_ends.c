/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/* VMMs that go, displays that hang, and what must not grow. */
#include <stdlib.h>
#include <unistd.h>

#include "kit/conform/guest.h"
#include "util/fd.h"

#define XRGB     VIRTIO_GPU_FORMAT_B8G8R8X8_UNORM
#define PATIENCE 4 /* time limits: a device may give its display some time to answer */

static const struct kit_profile *const profiles[] = {
	&kit_profile_qemu_gpu_all,
	&kit_profile_qemu_generic,
	&kit_profile_crosvm,
};
static const char *const profile_names[] = { "qemu_gpu", "qemu_generic", "crosvm", NULL };

/* --- disconnects --------------------------------------------------------------------------- */

/* A VMM that goes away at any byte of its first messages. */
static void gone_at_every_byte(struct conform *c)
{
	static const uint32_t requests[] = { VHOST_USER_SET_OWNER, VHOST_USER_GET_FEATURES,
		VHOST_USER_SET_VRING_NUM, VHOST_USER_SET_VRING_CALL };
	enum { HEADER = sizeof(struct vhost_user_header), LAST = HEADER + 8 };
	struct kit_machine *m =
		conform_machine(c, &(struct kit_machine_spec){ .stage = KIT_STAGE_REALIZED });
	uint8_t bytes[128];
	int fd = -1;
	size_t size = 0;
	for (size_t i = 0; i < ARRAY_SIZE(requests); i++) {
		struct kit_message message;
		conform_compose(m, requests[i], &message);
		memcpy(bytes + size, &message.header, HEADER);
		memcpy(bytes + size + HEADER, message.payload, message.header.size);
		size += HEADER + message.header.size;
		if (message.fd_count)
			fd = fd_steal(&message.fds[0]);
		kit_message_finish(&message);
	}
	kit_machine_disconnect(m);
	for (size_t cut = 1; cut <= size; cut++) {
		/* the last message's descriptor comes with its header */
		struct kit_bytes head = { bytes, min_size(cut, size - LAST), NULL, 0, 0 };
		struct kit_bytes tail = { bytes + size - LAST, cut - head.size, &fd, 1, 0 };
		int sock = kit_backend_connect(m->backend);
		CHECK_OK(m, sock);
		CHECK_OK(m, kit_stream_send(&m->kit, sock, &head));
		if (tail.size)
			CHECK_OK(m, kit_stream_send(&m->kit, sock, &tail));
		close(sock);
	}
	close(fd);
	CHECK_OK(m, kit_machine_reconnect(m));
	conform_start(m);
	conform_end(c, m);
}

/* Plays the messages of the steps one by one while *left lasts. */
static void play_some(struct kit_machine *m, const struct kit_step *steps, uint32_t *left)
{
	for (; steps->kind != KIT_END; steps++)
		for (uint32_t i = 0; i < KIT_STEP_MESSAGES && steps->messages[i]; i++) {
			const struct kit_step one[] = {
				{ steps->kind, steps->value, { steps->messages[i] } }, { 0 }
			};
			if (*left == 0)
				return;
			CHECK_OK(m, kit_vmm_play(&m->vmm, one));
			--*left;
		}
}

/* A VMM that goes away after each of the messages with which it starts the device. */
static void gone_at_every_message(struct conform *c)
{
	const struct kit_profile *profile = profiles[c->variant];
	struct kit_machine *m =
		conform_machine(c, &(struct kit_machine_spec){ .profile = profile });
	uint32_t left = 0;
	m->spec.stage = KIT_STAGE_CONNECTED;
	for (uint32_t count = 1; left == 0; count++) {
		CHECK_OK(m, kit_machine_reconnect(m));
		left = count;
		play_some(m, profile->realize, &left);
		play_some(m, profile->start, &left);
	}
	m->spec.stage = KIT_STAGE_STARTED;
	CHECK_OK(m, kit_machine_reconnect(m));
	conform_end(c, m);
}

static void silent_connections(struct conform *c)
{
	struct kit_machine *m = conform_machine(c, NULL);
	kit_machine_disconnect(m);
	for (int i = 0; i < 50; i++) {
		int sock = kit_backend_connect(m->backend);
		CHECK_OK(m, sock);
		close(sock);
	}
	CHECK_OK(m, kit_machine_reconnect(m));
	conform_end(c, m);
}

/* VMMs one after another, each of which leaves everything lying about. */
static void one_after_another(struct conform *c)
{
	struct kit_machine *m = conform_machine(c, NULL);
	struct kit_picture *picture = conform_pattern(64, 64, 1);
	for (uint32_t i = 0; i < 20; i++) {
		struct kit_surface s = conform_surface(m, 1, XRGB, 64, 64);
		kit_picture_pattern(picture, kit_rect(0, 0, 64, 64), i);
		CHECK_GOOD(m, kit_gpu_set_scanout(&m->gpu, 0, 1, kit_rect(0, 0, 64, 64)));
		conform_show(m, &s, picture);
		if (c->probe->display)
			CHECK_PICTURE(m, 0, picture);
		kit_surface_finish(&s);
		CHECK_OK(m, kit_machine_reconnect(m));
	}
	kit_picture_destroy(picture);
	conform_end(c, m);
}

/* The next VMM is another one, whose habits are others. */
static void front_ends_in_turn(struct conform *c)
{
	struct kit_machine *m = conform_machine(c, NULL);
	for (size_t i = 0; i < 3 * ARRAY_SIZE(profiles); i++) {
		m->spec.profile = profiles[i % ARRAY_SIZE(profiles)];
		CHECK_OK(m, kit_machine_reconnect(m));
		conform_check_alive(m);
		CHECK_GOOD(m, kit_gpu_create_2d(&m->gpu, 1, XRGB, 64, 64));
	}
	conform_end(c, m);
}

/* The VMM is killed with everything in flight: nothing of it is left to the next. */
static void gone_in_flight(struct conform *c)
{
	struct kit_machine *m = conform_machine(c, NULL);
	struct virtio_gpu_ctrl_hdr question = kit_header(VIRTIO_GPU_CMD_GET_DISPLAY_INFO);
	for (int round = 0; round < 10; round++) {
		CHECK_GOOD(m, kit_gpu_create_2d(&m->gpu, 1, XRGB, 1000, 1000));
		CHECK_GOOD(m, kit_gpu_set_scanout(&m->gpu, 0, 1, kit_rect(0, 0, 1000, 1000)));
		CHECK_GOOD(m, kit_gpu_flush(&m->gpu, 1, kit_rect(0, 0, 1000, 1000)));
		m->display.answers[VHOST_USER_GPU_GET_DISPLAY_INFO] = KIT_DISPLAY_SILENT;
		for (int i = 0; i < 8; i++)
			CHECK(kit_gpu_submit(&m->gpu, 0, &question, sizeof(question), 408));
		CHECK_OK(m, kit_pump(&m->kit, 2));
		CHECK_OK(m, kit_machine_reconnect(m));
		m->display.answers[VHOST_USER_GPU_GET_DISPLAY_INFO] = KIT_DISPLAY_GOOD;
		conform_check_alive(m);
	}
	conform_end(c, m);
}

static void ends_on_sigterm(struct conform *c)
{
	struct kit_machine *m = conform_machine(c, NULL);
	CHECK_OK(m, kit_backend_stop(m->backend));
	CHECK_OK(m, kit_vmm_wait_closed(&m->vmm));
	conform_close(c, m);
}

/* The VMM closes its end of the backend channel, or brings another one. */
static const char *const channel_names[] = { "closed", "replaced", NULL };

static void channel(struct conform *c)
{
	struct kit_machine *m = conform_machine(c, NULL);
	for (int i = 0; i < 5; i++) {
		if (c->variant == 0)
			kit_channel_close(&m->vmm.channel);
		else
			CHECK_OK(m, kit_vmm_do(&m->vmm, VHOST_USER_SET_BACKEND_REQ_FD, 0, 0));
		conform_check_alive(m);
	}
	conform_end(c, m);
}

/* --- displays that hang -------------------------------------------------------------------- */

/* Commands of both queues are answered as ever, and when the display reads again it gets the last
 * picture. */
static void display_does_not_read(struct conform *c)
{
	struct kit_machine *m = conform_machine(c, NULL);
	struct kit_surface s = conform_surface(m, 1, XRGB, 640, 480);
	struct kit_picture *picture = conform_pattern(640, 480, 0);
	CHECK_GOOD(m, kit_gpu_set_scanout(&m->gpu, 0, 1, kit_rect(0, 0, 640, 480)));
	conform_show(m, &s, picture);
	CHECK_PICTURE(m, 0, picture);
	kit_display_set_reading(&m->display, false);
	for (uint32_t i = 0; i < 30; i++) {
		kit_picture_fill(picture, kit_rect(0, 0, 640, 480), i * 0x010203);
		conform_show(m, &s, picture);
		conform_check_cursor(m);
	}
	kit_display_set_reading(&m->display, true);
	CHECK_PICTURE(m, 0, picture);
	kit_surface_finish(&s);
	kit_picture_destroy(picture);
	conform_end(c, m);
}

/* The question of the guest is answered although the display never reads it. */
static void question_that_is_not_read(struct conform *c)
{
	struct kit_machine *m = conform_machine(c, NULL);
	m->kit.timeout_ms *= PATIENCE;
	conform_check_alive(m);
	kit_display_set_reading(&m->display, false);
	conform_check_alive(m);
	conform_check_cursor(m);
	kit_display_set_reading(&m->display, true);
	conform_end(c, m);
}

/* --- what must not grow or wait ------------------------------------------------------------- */

#define ROUNDS     1500u
#define GROWTH_KIB 4096u

/* Create, attach, destroy; and commands that fail at their last step. */
static void resources_come_and_go(struct conform *c)
{
	struct kit_machine *m = conform_machine(c, NULL);
	struct virtio_gpu_mem_entry good = { 0x10000, 65536, 0 };
	struct virtio_gpu_mem_entry bad = { UINT64_C(1) << 40, 65536, 0 };
	struct kit_usage before = { 0 };
	for (uint32_t i = 0; i < ROUNDS; i++) {
		CHECK_GOOD(m, kit_gpu_create_2d(&m->gpu, 1 + i, XRGB, 128, 128));
		CHECK_GOOD(m, kit_gpu_attach(&m->gpu, 1 + i, &good, 1));
		if (i % 2)
			CHECK_GOOD(m, kit_gpu_detach(&m->gpu, 1 + i));
		CHECK_GOOD(m, kit_gpu_unref(&m->gpu, 1 + i));
		CHECK_ERROR(m, kit_gpu_attach(&m->gpu, 1 + i, &bad, 1));
		if (i == ROUNDS / 10)
			before = guest_usage_before(m);
	}
	guest_check_usage(m, &before, GROWTH_KIB);
	conform_end(c, m);
}

/* The control queue is full of transfers of whole frames: the cursor does not wait for all of
 * them. */
static void cursor_beside_a_full_control_queue(struct conform *c)
{
	struct kit_machine *m =
		conform_machine(c, &(struct kit_machine_spec){ .sizes = { 64, 16 } });
	struct kit_surface s = conform_surface(m, 1, XRGB, 1920, 1080);
	struct virtio_gpu_transfer_to_host_2d transfer = {
		.hdr = kit_header(VIRTIO_GPU_CMD_TRANSFER_TO_HOST_2D),
		.r = kit_rect(0, 0, 1920, 1080),
		.resource_id = 1,
	};
	for (int round = 0; round < 3; round++) {
		struct kit_command *command;
		while ((command = kit_gpu_queue(&m->gpu, 0, &transfer, sizeof(transfer), 24)))
			kit_command_forget(command);
		kit_ring_kick(&m->rings[0]);
		conform_check_cursor(m);
		CHECK_OK(m, kit_gpu_drain(&m->gpu));
	}
	kit_surface_finish(&s);
	conform_end(c, m);
}

#define SHOWN .needs = CONFORM_NEEDS_DISPLAY
#define MANY  .needs = CONFORM_NEEDS_MANY

static const struct conform_case cases[] = {
	{ "gone_at_every_byte", "a VMM may be killed at any time", .run = gone_at_every_byte, MANY,
		.hostile = true },
	{ "gone_at_every_message", "a VMM may be killed at any time", .run = gone_at_every_message,
		.variants = profile_names, MANY, .hostile = true },
	{ "silent_connections", "tools that look for a socket connect and go",
		.run = silent_connections, MANY, .hostile = true },
	{ "one_after_another", "libvirt and others start the next VM on the same socket",
		.run = one_after_another, MANY },
	{ "front_ends_in_turn", "a socket does not say which VMM comes", .run = front_ends_in_turn,
		MANY },
	{ "gone_in_flight", "a VMM may be killed at any time", .run = gone_in_flight, MANY,
		.hostile = true },
	{ "ends_on_sigterm", "vhost-user, backend program conventions: it ends on SIGTERM",
		.run = ends_on_sigterm, .needs = CONFORM_NEEDS_OWN },
	{ "channel", "vhost-user: SET_BACKEND_REQ_FD: the channel is optional", .run = channel,
		.variants = channel_names, .protocol = CONFORM_PROTOCOL(BACKEND_REQ) },
	{ "display_does_not_read", "QEMU's display may stop reading: the guest goes on",
		.run = display_does_not_read, SHOWN, .hostile = true },
	{ "question_that_is_not_read", "QEMU's display may stop reading: the guest goes on",
		.run = question_that_is_not_read, SHOWN },
	{ "resources_come_and_go", "a guest that runs for months", .run = resources_come_and_go },
	{ "cursor_beside_a_full_control_queue",
		"virtio 1.4, 5.7.2: cursor commands are not delayed by those of the control queue",
		.run = cursor_beside_a_full_control_queue },
};
DEFINE_CONFORM_PART(lifecycle, ends, cases);
