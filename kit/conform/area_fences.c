/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/* Fences of commands that need no context: the global timeline. That they are echoed is checked with
 * every response. */
#include <errno.h>

#include "kit/conform/guest.h"

#define XRGB   VIRTIO_GPU_FORMAT_B8G8R8X8_UNORM
#define W      256u
#define H      128u
#define HEADER (uint32_t)sizeof(struct virtio_gpu_ctrl_hdr)
#define INFO   (uint32_t)sizeof(struct virtio_gpu_resp_display_info)

static struct kit_command *queue(
	struct kit_machine *m, const void *request, uint32_t size, uint32_t room)
{
	struct kit_command *command =
		kit_gpu_queue(&m->gpu, VIRTIO_GPU_QUEUE_CONTROL, request, size, room);
	CHECK(command);
	return command;
}

static void kick(struct kit_machine *m)
{
	kit_ring_kick(&m->rings[VIRTIO_GPU_QUEUE_CONTROL]);
}

static struct kit_command *queue_info(struct kit_machine *m, uint64_t fence)
{
	struct virtio_gpu_ctrl_hdr request =
		kit_header_fence(VIRTIO_GPU_CMD_GET_DISPLAY_INFO, fence);
	return queue(m, &request, sizeof(request), INFO);
}

static struct kit_command *queue_create(struct kit_machine *m, uint32_t id, uint64_t fence)
{
	struct virtio_gpu_resource_create_2d create = {
		.hdr = kit_header_fence(VIRTIO_GPU_CMD_RESOURCE_CREATE_2D, fence),
		.resource_id = id,
		.format = XRGB,
		.width = 8,
		.height = 8,
	};
	return queue(m, &create, sizeof(create), HEADER);
}

/* Waits for all, which have to be done in the order of the array. */
static void check_order(struct kit_machine *m, struct kit_command **commands, uint32_t count)
{
	CHECK_OK(m, kit_gpu_drain(&m->gpu));
	for (uint32_t i = 1; i < count; i++)
		if (commands[i]->order < commands[i - 1]->order)
			kit_check_failed(
				KIT_HERE, "command %u is answered before command %u", i, i - 1);
	for (uint32_t i = 0; i < count; i++)
		CHECK_OK(m, kit_gpu_complete(&m->gpu, commands[i], NULL, 0));
}

/* --- echoes -------------------------------------------------------------------------------- */

static void with_command(struct conform *c)
{
	struct guest guest;
	struct guest_request request;
	struct virtio_gpu_ctrl_hdr *header = (void *)request.bytes;
	guest_init(c, &guest, NULL);
	guest_compose(&guest, c->row->variants[c->variant], &request);
	guest_need(guest.m, request.spec);
	header->flags = VIRTIO_GPU_FLAG_FENCE;
	header->fence_id = 77;
	int type = guest_send_request(guest.m, &request);
	/* a queue of cursors without any answers is judged elsewhere */
	if (type == 0 && request.spec->queue == VIRTIO_GPU_QUEUE_CURSOR)
		conform_skip("cursor commands are not answered");
	CHECK_TYPE(guest.m, type, request.response);
	guest_end(c, &guest);
}

static const uint64_t ids[] = { 0, 1, UINT32_MAX, UINT64_C(1) << 32, UINT64_C(1) << 63,
	UINT64_MAX };
static const char *const id_names[] = { "0", "1", "32_bits", "33_bits", "highest_bit", "max",
	NULL };

static void id(struct conform *c)
{
	struct kit_machine *m = conform_machine(c, NULL);
	for (uint32_t i = 0; i < 3; i++) {
		struct kit_command *command = queue_info(m, ids[c->variant]);
		kick(m);
		CHECK_TYPE(m, kit_gpu_complete(&m->gpu, command, NULL, 0),
			VIRTIO_GPU_RESP_OK_DISPLAY_INFO);
	}
	conform_end(c, m);
}

/* Sequences that no driver should send: each command still gets its own id back. */
static const uint64_t sequences[][6] = { { 5, 5, 5, 5, 5, 5 }, { 6, 5, 4, 3, 2, 1 },
	{ 1, UINT64_MAX, 0, UINT64_MAX, 1, 0 }, { 9, 1, 8, 2, 7, 3 } };
static const char *const sequence_names[] = { "repeated", "descending", "wrapping", "mixed", NULL };

static void sequence(struct conform *c)
{
	struct kit_machine *m = conform_machine(c, NULL);
	struct kit_command *commands[ARRAY_SIZE(sequences[0])];
	for (uint32_t i = 0; i < ARRAY_SIZE(commands); i++)
		commands[i] = queue_info(m, sequences[c->variant][i]);
	kick(m);
	for (uint32_t i = 0; i < ARRAY_SIZE(commands); i++)
		CHECK_TYPE(m, kit_gpu_complete(&m->gpu, commands[i], NULL, 0),
			VIRTIO_GPU_RESP_OK_DISPLAY_INFO);
	conform_end(c, m);
}

/* Errors are fenced, too. */
static const char *const error_names[] = { "unknown_resource", "unknown_type", "truncated",
	"bad_rectangle", "feature_not_negotiated", NULL };

static void error(struct conform *c)
{
	struct kit_machine *m = conform_machine(c, &(struct kit_machine_spec){ .unwanted = 0x3f });
	struct virtio_gpu_set_scanout request = {
		.hdr = kit_header_fence(VIRTIO_GPU_CMD_SET_SCANOUT, 12345),
		.r = { 0, 0, 64, 64 },
		.resource_id = 1234,
	};
	uint32_t size = sizeof(request);
	if (c->variant == 1)
		request.hdr.type = 0xabcd;
	if (c->variant == 2)
		size = HEADER;
	if (c->variant == 3) {
		CHECK_GOOD(m, kit_gpu_create_2d(&m->gpu, 1234, XRGB, 64, 64));
		request.r.x = 1;
	}
	if (c->variant == 4)
		request.hdr.type = VIRTIO_GPU_CMD_CTX_CREATE;
	int type = kit_gpu_simple(&m->gpu, &request, size);
	/* a device may do what it has not negotiated */
	if (c->variant == 4)
		CHECK_OK(m, type);
	else
		CHECK_ERROR(m, type);
	conform_end(c, m);
}

/* Rings of contexts, where there are none. */
static const uint8_t rings[] = { 0, 1, 63, 64, 255 };
static const char *const ring_names[] = { "0", "1", "63", "64", "255", NULL };

static void ring_without_contexts(struct conform *c)
{
	struct kit_machine *m = conform_machine(c, &(struct kit_machine_spec){ .unwanted = 0x3f });
	for (uint32_t context = 0; context < 2; context++) {
		struct virtio_gpu_ctrl_hdr request = kit_header_ring(
			VIRTIO_GPU_CMD_GET_DISPLAY_INFO, 3, context, rings[c->variant]);
		struct kit_command *command = queue(m, &request, sizeof(request), INFO);
		kick(m);
		int type = kit_gpu_complete(&m->gpu, command, NULL, 0);
		/* the kit misses the ring in the echo, where it means nothing */
		if (type < 0 && type != -EPROTO)
			kit_check_error(KIT_HERE, m, "GET_DISPLAY_INFO with a ring", type);
	}
	conform_end(c, m);
}

/* --- order --------------------------------------------------------------------------------- */

/* Behind one that takes its time. */
static void behind_a_slow_one(struct conform *c)
{
	enum { COUNT = 40 };
	struct kit_machine *m = conform_machine(c, NULL);
	struct kit_command *commands[COUNT];
	m->display.delay_ms[VHOST_USER_GPU_GET_DISPLAY_INFO] = 60;
	commands[0] = queue_info(m, 100);
	for (uint32_t i = 1; i < COUNT; i++)
		commands[i] = queue_create(m, i, 100 + i);
	kick(m);
	check_order(m, commands, COUNT);
	conform_end(c, m);
}

/* Good ones and errors, slow ones and fast ones. */
static void of_all_kinds(struct conform *c)
{
	enum { COUNT = 60 };
	struct kit_machine *m = conform_machine(c, NULL);
	struct kit_command *commands[COUNT];
	m->display.delay_ms[VHOST_USER_GPU_GET_DISPLAY_INFO] = 2;
	for (uint32_t i = 0; i < COUNT; i++) {
		struct virtio_gpu_ctrl_hdr unknown = kit_header_fence(0xabcd, i);
		if (i % 10 == 0)
			commands[i] = queue_info(m, i);
		else if (i % 3 == 0)
			commands[i] = queue(m, &unknown, sizeof(unknown), HEADER);
		else
			commands[i] = queue_create(m, i / 2 + 1, i);
		if (i % 7 == 0)
			kick(m);
	}
	kick(m);
	check_order(m, commands, COUNT);
	conform_end(c, m);
}

/* A whole ring of them, answered once each, in order, round after round. */
static void full_rings(struct conform *c)
{
	struct kit_machine *m = conform_machine(c, NULL);
	struct kit_command *commands[120];
	for (uint64_t round = 0; round < 20; round++) {
		for (uint32_t i = 0; i < ARRAY_SIZE(commands); i++)
			commands[i] = queue_info(m, round * 1000 + i);
		kick(m);
		check_order(m, commands, ARRAY_SIZE(commands));
	}
	CHECK_INT(m->gpu.completed, 20 * ARRAY_SIZE(commands));
	conform_end(c, m);
}

/* Those without one between them may overtake, or not; those with one stay in order. */
static void between_others(struct conform *c)
{
	enum { COUNT = 30 };
	struct kit_machine *m = conform_machine(c, NULL);
	struct kit_command *commands[COUNT];
	m->display.delay_ms[VHOST_USER_GPU_GET_DISPLAY_INFO] = 3;
	for (uint32_t i = 0; i < COUNT; i++) {
		struct virtio_gpu_ctrl_hdr request = kit_header(VIRTIO_GPU_CMD_GET_DISPLAY_INFO);
		commands[i] = i % 3 ? queue_create(m, i, i) : queue_info(m, i);
		kit_command_forget(queue(m, &request, sizeof(request), INFO));
		kick(m);
	}
	check_order(m, commands, COUNT);
	conform_end(c, m);
}

/* --- what is done is done ------------------------------------------------------------------ */

/* The picture is the one of the transfer, whatever the guest does to its memory afterwards. */
static void transfer_is_done(struct conform *c)
{
	struct kit_machine *m = conform_machine(c, NULL);
	struct kit_surface s = conform_surface(m, 1, XRGB, W, H);
	struct kit_picture *picture = conform_pattern(W, H, 1), *later = conform_pattern(W, H, 2);
	struct virtio_gpu_transfer_to_host_2d transfer = {
		.hdr = kit_header_fence(VIRTIO_GPU_CMD_TRANSFER_TO_HOST_2D, 1),
		.r = { 0, 0, W, H },
		.resource_id = 1,
	};
	CHECK_GOOD(m, kit_gpu_set_scanout(&m->gpu, 0, 1, transfer.r));
	for (uint32_t i = 0; i < 10; i++) {
		kit_picture_pattern(picture, transfer.r, 10 + i);
		kit_surface_draw(&s, picture);
		transfer.hdr.fence_id++;
		CHECK_GOOD(m, kit_gpu_simple(&m->gpu, &transfer, sizeof(transfer)));
		kit_surface_draw(&s, later);
		CHECK_GOOD(m, kit_gpu_flush(&m->gpu, 1, transfer.r));
		CHECK_PICTURE(m, 0, picture);
	}
	kit_surface_finish(&s);
	kit_picture_destroy(picture);
	kit_picture_destroy(later);
	conform_end(c, m);
}

/* After a detached backing the memory is the guest's again. */
static void detach_is_done(struct conform *c)
{
	struct kit_machine *m = conform_machine(c, NULL);
	struct kit_surface s = conform_surface(m, 1, XRGB, W, H);
	struct kit_picture *picture = conform_pattern(W, H, 1), *later = conform_pattern(W, H, 2);
	struct virtio_gpu_resource_detach_backing detach = {
		.hdr = kit_header_fence(VIRTIO_GPU_CMD_RESOURCE_DETACH_BACKING, 1), .resource_id = 1
	};
	CHECK_GOOD(m, kit_gpu_set_scanout(&m->gpu, 0, 1, kit_rect(0, 0, W, H)));
	conform_show(m, &s, picture);
	CHECK_GOOD(m, kit_gpu_simple(&m->gpu, &detach, sizeof(detach)));
	kit_surface_draw(&s, later);
	CHECK_GOOD(m, kit_gpu_flush(&m->gpu, 1, kit_rect(0, 0, W, H)));
	CHECK_PICTURE(m, 0, picture);
	kit_surface_finish(&s);
	kit_picture_destroy(picture);
	kit_picture_destroy(later);
	conform_end(c, m);
}

/* In flight when the machine is paused: all are answered once, before or after. */
static void over_a_pause(struct conform *c)
{
	enum { COUNT = 50 };
	struct kit_machine *m = conform_machine(c, NULL);
	struct kit_command *commands[COUNT];
	for (uint32_t round = 0; round < 4; round++) {
		for (uint32_t i = 0; i < COUNT; i++)
			commands[i] =
				i % 5 ? queue_create(m, round * COUNT + i, i) : queue_info(m, i);
		kick(m);
		CHECK_OK(m, kit_machine_stop(m));
		CHECK_OK(m, kit_machine_start(m));
		check_order(m, commands, COUNT);
	}
	conform_end(c, m);
}

/* In flight when the driver resets the device: none of them is heard of again. */
static void over_a_reset(struct conform *c)
{
	struct kit_machine *m = conform_machine(c, NULL);
	m->display.answers[VHOST_USER_GPU_GET_DISPLAY_INFO] = KIT_DISPLAY_SILENT;
	for (uint32_t i = 0; i < 30; i++) {
		kit_command_forget(queue_info(m, i));
		kit_command_forget(queue_create(m, i + 1, i));
	}
	kick(m);
	m->display.answers[VHOST_USER_GPU_GET_DISPLAY_INFO] = KIT_DISPLAY_GOOD;
	CHECK_OK(m, kit_machine_reset(m));
	for (uint32_t i = 0; i < 30; i++) {
		struct kit_command *command = queue_create(m, i + 1, i);
		kick(m);
		CHECK_GOOD(m, kit_gpu_complete(&m->gpu, command, NULL, 0));
	}
	conform_end(c, m);
}

/* --- the table ----------------------------------------------------------------------------- */

#define FENCE   "virtio 1.4, 5.7.6.7: the response has the flag and the fence_id of the request"
#define ORDER   "Linux takes the answer to a fence for the end of all before it"
#define DONE    "virtio 1.4, 5.7.6.7: the response is sent when the command's processing is complete"
#define SHOWN   .needs = CONFORM_NEEDS_DISPLAY
#define HOSTILE .hostile = true

static const struct conform_case cases[] = {
	{ "with_command", FENCE, with_command, .variants = guest_commands_2d },
	{ "id", FENCE, id, .variants = id_names },
	{ "sequence", FENCE, sequence, .variants = sequence_names, HOSTILE },
	{ "error", FENCE, error, .variants = error_names, HOSTILE },
	{ "ring_without_contexts",
		"virtio 1.4, 5.7.6.7: ring_idx is for CONTEXT_INIT; a guest may send it",
		ring_without_contexts, .variants = ring_names, HOSTILE },
	{ "behind_a_slow_one", ORDER, behind_a_slow_one, SHOWN },
	{ "of_all_kinds", ORDER, of_all_kinds, SHOWN },
	{ "full_rings", ORDER, full_rings },
	{ "between_others", ORDER, between_others, SHOWN },
	{ "transfer_is_done", DONE, transfer_is_done, SHOWN },
	{ "detach_is_done", DONE, detach_is_done, SHOWN },
	{ "over_a_pause", "vhost-user: GET_VRING_BASE stops the ring: what was taken is answered",
		over_a_pause },
	{ "over_a_reset", "virtio 1.4, 2.4: a reset device is as it was at first", over_a_reset,
		.protocol = CONFORM_PROTOCOL(RESET_DEVICE), HOSTILE },
};
DEFINE_CONFORM_AREA(fences, cases);
