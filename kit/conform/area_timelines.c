/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/* Fences of 3D: on the global timeline, and on those of a context's rings. */
#include <stdlib.h>

#include "kit/conform/gl.h"

#define BGRX  VIRTIO_GPU_FORMAT_B8G8R8X8_UNORM
#define RINGS 64u

/* A fenced stream that does nothing. */
static struct kit_command *fence(struct kit_machine *m, struct virtio_gpu_ctrl_hdr header)
{
	struct kit_virgl *stream = calloc(1, sizeof(*stream));
	CHECK(stream);
	kit_virgl_nop(stream, 0);
	struct kit_command *command = kit_virgl_send(&m->gpu, header, stream);
	free(stream);
	CHECK(command);
	return command;
}

static struct kit_command *ring_fence(
	struct kit_machine *m, uint32_t ctx_id, uint32_t ring, uint64_t id)
{
	return fence(m, kit_header_ring(VIRTIO_GPU_CMD_SUBMIT_3D, id, ctx_id, (uint8_t)ring));
}

static struct kit_command *global_fence(struct kit_machine *m, uint64_t id)
{
	struct virtio_gpu_ctrl_hdr header = kit_header_fence(VIRTIO_GPU_CMD_SUBMIT_3D, id);
	header.ctx_id = GL_CONTEXT;
	return fence(m, header);
}

static void finish(struct kit_machine *m, struct kit_command *command)
{
	CHECK_GOOD(m, kit_gpu_complete(&m->gpu, command, NULL, 0));
}

static void fence_id(struct conform *c)
{
	static const uint64_t ids[] = { 0, 1, UINT32_MAX, UINT64_C(1) << 32,
		UINT64_C(0x8000000000000000), UINT64_MAX };
	struct kit_machine *m = gl_machine(c);
	for (uint32_t round = 0; round < 3; round++)
		finish(m, global_fence(m, ids[c->variant]));
	conform_end(c, m);
}

static void in_order(struct conform *c)
{
	enum { COUNT = 60 };
	struct kit_machine *m = gl_machine(c);
	struct kit_command *commands[COUNT];
	for (uint32_t i = 0; i < COUNT; i++)
		commands[i] = global_fence(m, i + 1);
	for (uint32_t i = 0; i < COUNT; i++)
		CHECK_OK(m, kit_gpu_wait(&m->gpu, commands[i]));
	for (uint32_t i = 1; i < COUNT; i++)
		CHECK(commands[i]->order > commands[i - 1]->order);
	for (uint32_t i = 0; i < COUNT; i++)
		finish(m, commands[i]);
	conform_end(c, m);
}

/* When the fence is done the picture is there: drawn, and moved to the guest's memory. */
static void work_is_done(struct conform *c)
{
	struct kit_machine *m = gl_machine(c);
	struct kit_surface s = gl_texture(m, 1, BGRX, 256, 256);
	for (uint32_t round = 0; round < 10; round++) {
		uint32_t color = 0x102030 + round * 0x010101, word;
		gl_clear(m, &s, 0xff000000 | color);
		struct virtio_gpu_transfer_host_3d transfer = {
			.hdr = kit_header_fence(VIRTIO_GPU_CMD_TRANSFER_FROM_HOST_3D, round),
			.box = { 0, 0, 0, 256, 256, 1 },
			.resource_id = 1,
		};
		transfer.hdr.ctx_id = GL_CONTEXT;
		CHECK_GOOD(m, kit_gpu_simple(&m->gpu, &transfer, sizeof(transfer)));
		kit_surface_read(&s, 256 * 256 * 4 - 4, &word, sizeof(word));
		CHECK_INT(word & KIT_RGB, color);
	}
	kit_surface_finish(&s);
	conform_end(c, m);
}

static void every_ring(struct conform *c)
{
	struct kit_machine *m = gl_machine(c);
	for (uint32_t ring = 0; ring < RINGS; ring++)
		finish(m, ring_fence(m, GL_CONTEXT, ring, 1000 - ring));
	conform_end(c, m);
}

static void no_such_ring(struct conform *c)
{
	static const uint32_t rings[] = { 64, 65, 128, 255 };
	struct kit_machine *m = gl_machine(c);
	struct kit_command *command = ring_fence(m, GL_CONTEXT, rings[c->variant], 1);
	CHECK_ERROR(m, kit_gpu_complete(&m->gpu, command, NULL, 0));
	conform_end(c, m);
}

static void ring_of_no_context(struct conform *c)
{
	struct kit_machine *m = gl_machine(c);
	struct kit_command *command = ring_fence(m, 77, 0, 1);
	CHECK_ERROR(m, kit_gpu_complete(&m->gpu, command, NULL, 0));
	finish(m, ring_fence(m, GL_CONTEXT, 0, 2));
	conform_end(c, m);
}

static void each_ring_in_order(struct conform *c)
{
	enum { EACH = 8, COUNT = 8 * EACH };
	struct kit_machine *m = gl_machine(c);
	struct kit_command *commands[COUNT];
	for (uint32_t i = 0; i < COUNT; i++)
		commands[i] = ring_fence(m, GL_CONTEXT, i % 8, i + 1);
	for (uint32_t i = 0; i < COUNT; i++)
		CHECK_OK(m, kit_gpu_wait(&m->gpu, commands[i]));
	for (uint32_t i = 8; i < COUNT; i++)
		CHECK(commands[i]->order > commands[i - 8]->order);
	for (uint32_t i = 0; i < COUNT; i++)
		finish(m, commands[i]);
	conform_end(c, m);
}

/* The same id on different timelines. */
static void ids_belong_to_a_timeline(struct conform *c)
{
	enum { COUNT = 6 };
	struct kit_machine *m = gl_machine(c);
	gl_context(m, 2);
	struct kit_command *commands[COUNT] = {
		ring_fence(m, GL_CONTEXT, 0, 5),
		ring_fence(m, GL_CONTEXT, 1, 5),
		ring_fence(m, 2, 0, 5),
		global_fence(m, 5),
		ring_fence(m, 2, 0, 3),
		global_fence(m, 4),
	};
	for (uint32_t i = 0; i < COUNT; i++)
		finish(m, commands[i]);
	conform_end(c, m);
}

/* Nobody waits for ever for a context that is gone. */
static void context_destroyed(struct conform *c)
{
	enum { COUNT = 16 };
	struct kit_machine *m = gl_machine(c);
	struct kit_command *commands[COUNT];
	for (uint32_t i = 0; i < COUNT; i++)
		commands[i] = ring_fence(m, GL_CONTEXT, i % 4, i + 1);
	CHECK_GOOD(m, kit_gpu_ctx_destroy(&m->gpu, GL_CONTEXT));
	for (uint32_t i = 0; i < COUNT; i++)
		CHECK_OK(m, kit_gpu_complete(&m->gpu, commands[i], NULL, 0));
	conform_end(c, m);
}

static void reset_in_the_middle(struct conform *c)
{
	struct kit_machine *m = gl_machine(c);
	for (uint32_t round = 0; round < 5; round++) {
		for (uint32_t i = 0; i < 30; i++)
			kit_command_forget(ring_fence(m, GL_CONTEXT, i % 4, i + 1));
		CHECK_OK(m, kit_machine_reset(m));
		gl_context(m, GL_CONTEXT);
	}
	finish(m, ring_fence(m, GL_CONTEXT, 0, 1));
	conform_end(c, m);
}

/* GET_VRING_BASE in the middle of work: nothing is lost, and nothing is done twice. */
static void pause_in_the_middle(struct conform *c)
{
	enum { COUNT = 20 };
	struct kit_machine *m = gl_machine(c);
	for (uint32_t round = 0; round < 5; round++) {
		struct kit_command *commands[COUNT];
		for (uint32_t i = 0; i < COUNT; i++)
			commands[i] = global_fence(m, round * COUNT + i);
		CHECK_OK(m, kit_machine_stop(m));
		CHECK_OK(m, kit_machine_start(m));
		for (uint32_t i = 0; i < COUNT; i++)
			finish(m, commands[i]);
	}
	conform_end(c, m);
}

static const char *const id_names[] = { "0", "1", "2_32_less_1", "2_32", "2_63", "max", NULL };
static const char *const ring_names[] = { "64", "65", "128", "255", NULL };

#define VIRGL  .needs = CONFORM_NEEDS_VIRGL
#define RINGED .needs = CONFORM_NEEDS_VIRGL, .features = CONFORM_FEATURE(GPU_F_CONTEXT_INIT)

static const struct conform_case cases[] = {
	{ "fence_id", "virtio 1.4, 5.7.6.7: fence_id is the driver's, all 64 bits of it", fence_id,
		id_names, VIRGL, .hostile = true },
	{ "in_order", "virtio 1.4, 5.7.6.7: fences of the global timeline are done in order",
		in_order, VIRGL },
	{ "work_is_done", "virtio 1.4, 5.7.6.7: the response comes when the work is done",
		work_is_done, VIRGL },
	{ "every_ring", "virtio 1.4, 5.7.6.7: INFO_RING_IDX, rings 0 to 63 of a context",
		every_ring, RINGED },
	{ "no_such_ring", "virtio 1.4, 5.7.6.7: there are 64 rings", no_such_ring, ring_names,
		RINGED, .hostile = true },
	{ "ring_of_no_context", "virtio 1.4, 5.7.6.7: a ring belongs to ctx_id", ring_of_no_context,
		RINGED, .hostile = true },
	{ "each_ring_in_order", "virtio 1.4, 5.7.6.7: each ring is a timeline", each_ring_in_order,
		RINGED },
	{ "ids_belong_to_a_timeline", "virtio 1.4, 5.7.6.7: ids are compared within a timeline",
		ids_belong_to_a_timeline, RINGED },
	{ "context_destroyed", "Linux waits for every fence it has asked for", context_destroyed,
		RINGED, .hostile = true },
	{ "reset_in_the_middle", "a guest that reboots does not wait", reset_in_the_middle, RINGED,
		.hostile = true },
	{ "pause_in_the_middle", "vhost-user: GET_VRING_BASE with requests in flight",
		pause_in_the_middle, VIRGL },
};
DEFINE_CONFORM_AREA(timelines, cases);
