/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/*
 * Reset, pause and disconnection while everything is under way at once: fences that never signal, a renderer
 * that is busy, a display that neither reads nor answers, read backs, objects that are being made and
 * unmade. In time, and with nothing left over.
 */
#include <stdlib.h>

#include "wire_3d.h"

#define XRGB VIRTIO_GPU_FORMAT_B8G8R8X8_UNORM

/* How long a VMM may have to wait: DRAIN_MS (VHOST_DRAIN_MS) for each queue at most, and some more under load. */
#define DRAIN_MS    1000
#define PATIENCE_MS 4000

static const struct kit_profile *const profiles[] = {
	&kit_profile_qemu_gpu_all,
	&kit_profile_qemu_generic,
	&kit_profile_crosvm,
};

enum { COMMANDS = 64 };

struct flight {
	struct kit_machine *m;
	struct kit_surface surfaces[2];
	uint32_t count;
	struct kit_command *commands[COMMANDS];
};

/* A display of its own, or a viewer where the VMM has none. */
static void show(struct kit_machine *m)
{
	if (m->vmm.profile->display)
		return;
	int sock = kit_backend_connect_viewer(m->backend);
	CHECK_OK(m, sock);
	uint32_t asked = m->display.counts[VHOST_USER_GPU_GET_DISPLAY_INFO];
	kit_display_attach(&m->display, sock);
	CHECK_OK(m, kit_display_wait(&m->display, VHOST_USER_GPU_GET_DISPLAY_INFO, asked + 1));
}

static struct kit_machine *start(const struct kit_profile *profile)
{
	struct kit_machine *m = wire_machine_with("null", "--display-socket {viewer}",
		&(struct kit_machine_spec){ .profile = profile });
	show(m);
	return m;
}

static void add(struct flight *f, struct kit_command *command)
{
	CHECK(command && f->count < COMMANDS);
	f->commands[f->count++] = command;
}

static void send(struct flight *f, const void *request, uint32_t size, uint32_t room)
{
	add(f, kit_gpu_submit(&f->m->gpu, VIRTIO_GPU_QUEUE_CONTROL, request, size, room));
}

static void submit(struct flight *f, struct virtio_gpu_ctrl_hdr header, uint32_t code,
	const uint32_t *argument)
{
	const uint32_t words[] = { NULL_COMMAND(code, argument ? 1 : 0), argument ? *argument : 0 };
	add(f, wire_send(f->m, header, words, argument ? 2 : 1));
}

/* --- what there is first ------------------------------------------------------------------- */

/* Texture 1, on output 0, and resource 2, on output 1; both have backing. */
static void make_objects(struct flight *f)
{
	struct kit_gpu *gpu = &f->m->gpu;
	wire_context(f->m, 1);
	wire_texture(f->m, 1, 64, 64);
	f->surfaces[0] = wire_surface(f->m, 3, XRGB, 64, 64);
	f->surfaces[1] = wire_surface(f->m, 2, XRGB, 1500, 1000);
	CHECK_GOOD(f->m, kit_gpu_attach(gpu, 1, f->surfaces[0].entries, f->surfaces[0].count));
	for (uint32_t id = 1; id <= 3; id++)
		CHECK_GOOD(f->m, kit_gpu_ctx_attach(gpu, 1, id));
	CHECK_GOOD(f->m, kit_gpu_set_scanout(gpu, 0, 1, kit_rect(0, 0, 64, 64)));
	CHECK_GOOD(f->m, kit_gpu_set_scanout(gpu, 1, 2, kit_rect(0, 0, 1500, 1000)));
}

/* --- what is then under way ---------------------------------------------------------------- */

/* From here on the display hears nothing, and the renderer is busy for a while. */
static void block_others(struct flight *f)
{
	static const uint32_t busy_ms = 200;
	f->m->display.answers[VHOST_USER_GPU_GET_DISPLAY_INFO] = KIT_DISPLAY_SILENT;
	kit_display_set_reading(&f->m->display, false);
	submit(f, kit_header_ctx(0, 1), NULL_NEVER_SIGNAL, NULL);
	submit(f, kit_header_ctx(0, 1), NULL_HANG, &busy_ms);
}

static void send_fences(struct flight *f)
{
	bool typed = kit_vmm_feature(&f->m->vmm, VIRTIO_GPU_F_CONTEXT_INIT);
	for (uint8_t ring = 0; ring < 8; ring++) {
		struct virtio_gpu_ctrl_hdr header = kit_header_ring(0, ring, 1, typed ? ring : 0);
		submit(f, header, NULL_NOP, NULL);
	}
	struct virtio_gpu_ctrl_hdr global = kit_header_fence(0, 99);
	global.ctx_id = 1;
	submit(f, global, NULL_NOP, NULL);
}

static void send_transfers(struct flight *f)
{
	const struct virtio_gpu_transfer_host_3d to_host = {
		.hdr = kit_header_ctx(VIRTIO_GPU_CMD_TRANSFER_TO_HOST_3D, 1),
		.box = { .w = 64, .h = 64, .d = 1 },
		.resource_id = 1,
	};
	const struct virtio_gpu_transfer_to_host_2d transfer = {
		.hdr = kit_header_fence(VIRTIO_GPU_CMD_TRANSFER_TO_HOST_2D, 100),
		.r = { 0, 0, 1500, 1000 },
		.resource_id = 2,
	};
	send(f, &to_host, sizeof(to_host), 24);
	send(f, &transfer, sizeof(transfer), 24);
	for (uint32_t id = 1; id <= 2; id++) {
		const struct virtio_gpu_resource_flush flush = {
			.hdr = kit_header(VIRTIO_GPU_CMD_RESOURCE_FLUSH),
			.r = { 0, 0, 64, 64 },
			.resource_id = id,
		};
		send(f, &flush, sizeof(flush), 24);
	}
}

static void send_questions(struct flight *f)
{
	const struct virtio_gpu_ctrl_hdr info = kit_header(VIRTIO_GPU_CMD_GET_DISPLAY_INFO);
	const struct virtio_gpu_get_edid edid = { .hdr = kit_header(VIRTIO_GPU_CMD_GET_EDID) };
	for (int i = 0; i < 4; i++) {
		send(f, &info, sizeof(info), sizeof(struct virtio_gpu_resp_display_info));
		send(f, &edid, sizeof(edid), sizeof(struct virtio_gpu_resp_edid));
	}
}

/* Objects that come and go behind the work that the renderer is at. */
static void send_changes(struct flight *f)
{
	struct virtio_gpu_ctx_create context = {
		.hdr = kit_header_ctx(VIRTIO_GPU_CMD_CTX_CREATE, 2),
		.context_init = NULL_CAPSET,
	};
	struct virtio_gpu_resource_create_3d texture = wire_texture_args(4, 32, 32);
	const struct virtio_gpu_resource_unref unref = {
		.hdr = kit_header(VIRTIO_GPU_CMD_RESOURCE_UNREF), .resource_id = 1
	};
	const struct virtio_gpu_resource_detach_backing detach = {
		.hdr = kit_header(VIRTIO_GPU_CMD_RESOURCE_DETACH_BACKING), .resource_id = 3
	};
	struct virtio_gpu_update_cursor cursor = { .hdr = kit_header(VIRTIO_GPU_CMD_UPDATE_CURSOR),
		.resource_id = 3 };
	texture.hdr = kit_header(VIRTIO_GPU_CMD_RESOURCE_CREATE_3D);
	send(f, &context, sizeof(context), 24);
	send(f, &texture, sizeof(texture), 24);
	add(f, kit_gpu_submit(&f->m->gpu, VIRTIO_GPU_QUEUE_CURSOR, &cursor, sizeof(cursor), 24));
	send(f, &unref, sizeof(unref), 24);
	send(f, &detach, sizeof(detach), 24);
}

static struct flight take_off(struct kit_machine *m)
{
	struct flight f = { .m = m };
	make_objects(&f);
	block_others(&f);
	send_fences(&f);
	send_transfers(&f);
	send_questions(&f);
	send_changes(&f);
	CHECK_OK(m, kit_pump(&m->kit, 30));
	CHECK_OK(m, kit_gpu_collect(&m->gpu));
	uint32_t open = 0;
	for (uint32_t i = 0; i < f.count; i++)
		open += !f.commands[i]->done;
	CHECK(open >= 8);
	return f;
}

static void land(struct flight *f)
{
	for (uint32_t i = 0; i < ARRAY_SIZE(f->surfaces); i++)
		kit_surface_finish(&f->surfaces[i]);
	f->m->display.answers[VHOST_USER_GPU_GET_DISPLAY_INFO] = KIT_DISPLAY_GOOD;
	kit_display_set_reading(&f->m->display, true);
}

/* --- how it ends --------------------------------------------------------------------------- */

/* Nothing of what there was is there, and everything works. */
static void check_afresh(struct kit_machine *m)
{
	static const uint32_t fill[] = { 1, 0x00112233 };
	struct kit_picture *picture = kit_picture_create(64, 64);
	show(m);
	for (uint32_t id = 1; id <= 4; id++)
		CHECK_TYPE(m, kit_gpu_unref(&m->gpu, id), VIRTIO_GPU_RESP_ERR_INVALID_RESOURCE_ID);
	for (uint32_t id = 1; id <= 2; id++)
		CHECK_TYPE(m, kit_gpu_ctx_destroy(&m->gpu, id),
			VIRTIO_GPU_RESP_ERR_INVALID_CONTEXT_ID);
	wire_check_alive(m);
	wire_context(m, 1);
	wire_texture(m, 1, 64, 64);
	CHECK_GOOD(m, kit_gpu_ctx_attach(&m->gpu, 1, 1));
	CHECK_GOOD(m, wire_submit(m, 1, NULL_FILL, fill, 2));
	CHECK_GOOD(m, kit_gpu_set_scanout(&m->gpu, 0, 1, kit_rect(0, 0, 64, 64)));
	CHECK_GOOD(m, kit_gpu_flush(&m->gpu, 1, kit_rect(0, 0, 64, 64)));
	kit_picture_fill(picture, kit_rect(0, 0, 64, 64), 0x112233);
	CHECK_PICTURE(m, 0, picture);
	CHECK_GOOD(m, kit_gpu_unref(&m->gpu, 1));
	CHECK_GOOD(m, kit_gpu_ctx_destroy(&m->gpu, 1));
	kit_picture_destroy(picture);
}

/* Nobody waits for the commands any more. */
static void forget(struct flight *f)
{
	for (uint32_t i = 0; i < f->count; i++) {
		if (f->commands[i]->done)
			kit_command_finish(f->commands[i]);
		else
			kit_command_forget(f->commands[i]);
	}
}

/* Round after round ends in the same way: neither memory nor descriptors grow, and no renderer is in
 * trouble. */
static void rounds(struct kit_machine *m, void (*end)(struct kit_machine *m))
{
	struct kit_usage before = { 0 };
	for (int round = 0; round < 4; round++) {
		struct flight f = take_off(m);
		uint64_t begin = kit_now();
		forget(&f);
		end(m);
		CHECK(kit_now() - begin < PATIENCE_MS);
		land(&f);
		check_afresh(m);
		if (round == 1)
			before = wire_usage_at_rest(m);
	}
	struct kit_usage after = wire_usage_at_rest(m);
	CHECK_INT(after.processes, before.processes);
	CHECK_INT(after.fds, before.fds);
	wire_check_memory(&before, &after, 1024);
	CHECK_INT(kit_backend_log_lines(m->backend, "renderer null"), 0);
	wire_end(m);
}

/* As each VMM does it: QEMU with RESET_DEVICE behind the stop, others by a start that is no resume. */
static void reset(struct kit_machine *m)
{
	CHECK_OK(m, kit_machine_reset(m));
}

static void resets(void)
{
	for (size_t i = 0; i < ARRAY_SIZE(profiles); i++)
		rounds(start(profiles[i]), reset);
}

/* RESET_DEVICE while the queues run. */
static void reset_running(struct kit_machine *m)
{
	uint64_t begin = kit_now();
	CHECK_OK(m, kit_vmm_do(&m->vmm, VHOST_USER_RESET_DEVICE, 0, 0));
	CHECK(kit_now() - begin < DRAIN_MS); /* nobody waits for what is under way */
	CHECK_OK(m, kit_vmm_play(&m->vmm, m->vmm.profile->stop));
	CHECK_OK(m, kit_vmm_reset(&m->vmm));
	kit_gpu_finish(&m->gpu);
	for (uint32_t i = 0; i < KIT_QUEUES; i++)
		kit_ring_reset(&m->rings[i]);
	CHECK_OK(m, kit_machine_start(m));
}

static void resets_while_running(void)
{
	rounds(start(&kit_profile_qemu_gpu_all), reset_running);
}

static void reconnect(struct kit_machine *m)
{
	CHECK_OK(m, kit_machine_reconnect(m));
}

static void disconnections(void)
{
	for (size_t i = 0; i < ARRAY_SIZE(profiles); i++)
		rounds(start(profiles[i]), reconnect);
}

/* A pause answers everything or takes it up again: no command is lost, none is done twice, and what
 * there was is there afterwards. */
static void pauses(void)
{
	for (size_t i = 0; i < ARRAY_SIZE(profiles); i++) {
		struct kit_machine *m = start(profiles[i]);
		for (int round = 0; round < 2; round++) {
			struct flight f = take_off(m);
			uint64_t begin = kit_now();
			CHECK_OK(m, kit_machine_stop(m));
			CHECK(kit_now() - begin < PATIENCE_MS);
			land(&f);
			CHECK_OK(m, kit_machine_start(m));
			CHECK_GOOD(m, kit_gpu_ctx_destroy(&m->gpu, 1));
			for (uint32_t k = 0; k < f.count; k++)
				CHECK_OK(m, kit_gpu_complete(&m->gpu, f.commands[k], NULL, 0));
			CHECK_GOOD(m, kit_gpu_unref(&m->gpu, 2));
			CHECK_GOOD(m, kit_gpu_unref(&m->gpu, 3));
			/* the others may have been given up before or been made */
			for (uint32_t id = 1; id <= 4; id += 3)
				CHECK_OK(m, kit_gpu_unref(&m->gpu, id));
			CHECK_OK(m, kit_gpu_ctx_destroy(&m->gpu, 2));
			show(m);
			wire_check_alive(m);
		}
		wire_end(m);
	}
}

int main(int argc, char **argv)
{
	static const struct test_case cases[] = {
		TEST_CASE(resets),
		TEST_CASE(resets_while_running),
		TEST_CASE(disconnections),
		TEST_CASE(pauses),
	};
	return test_main(argc, argv, cases, ARRAY_SIZE(cases));
}
