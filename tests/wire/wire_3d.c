/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
#include "wire_3d.h"

#include <signal.h>
#include <stdlib.h>

#define TARGET_2D          2u
#define BIND_RENDER_TARGET (1u << 1)
#define BIND_SCANOUT       (1u << 18)

struct kit_machine *wire_machine_3d(const char *renderer)
{
	return wire_machine(
		renderer, &(struct kit_machine_spec){ .profile = &kit_profile_qemu_gpu_all });
}

struct virtio_gpu_resource_create_3d wire_texture_args(uint32_t id, uint32_t width, uint32_t height)
{
	return (struct virtio_gpu_resource_create_3d){
		.resource_id = id,
		.target = TARGET_2D,
		.format = VIRTIO_GPU_FORMAT_B8G8R8X8_UNORM,
		.bind = BIND_RENDER_TARGET | BIND_SCANOUT,
		.width = width,
		.height = height,
		.depth = 1,
		.array_size = 1,
	};
}

void wire_texture(struct kit_machine *machine, uint32_t id, uint32_t width, uint32_t height)
{
	CHECK_GOOD(machine, kit_gpu_create_3d(&machine->gpu, wire_texture_args(id, width, height)));
}

void wire_kill_renderer(struct kit_machine *machine)
{
	pid_t pid = kit_backend_find(machine->backend, "virtiogpud-render-null");
	CHECK(pid > 0);
	kit_backend_log_mark(machine->backend);
	kill(pid, SIGKILL);
	CHECK_OK(machine, kit_backend_wait_lines(machine->backend, "contexts lost", 1));
}

void wire_context(struct kit_machine *machine, uint32_t ctx_id)
{
	CHECK_GOOD(machine, kit_gpu_ctx_create(&machine->gpu, ctx_id, NULL_CAPSET, "test"));
}

int wire_submit(struct kit_machine *machine, uint32_t ctx_id, uint32_t code, const uint32_t *args,
	uint32_t count)
{
	uint32_t words[64] = { NULL_COMMAND(code, count) };
	CHECK(count < ARRAY_SIZE(words));
	memcpy(words + 1, args, count * sizeof(*args));
	return kit_gpu_submit_3d(&machine->gpu, ctx_id, words, (count + 1) * 4);
}

struct kit_command *wire_send(struct kit_machine *machine, struct virtio_gpu_ctrl_hdr header,
	const uint32_t *words, uint32_t count)
{
	struct {
		struct virtio_gpu_cmd_submit submit;
		uint32_t words[64];
	} request = { .submit = { .hdr = header, .size = count * 4 } };
	CHECK(count <= ARRAY_SIZE(request.words));
	request.submit.hdr.type = VIRTIO_GPU_CMD_SUBMIT_3D;
	if (count)
		memcpy(request.words, words, count * 4);
	struct kit_command *command = kit_gpu_submit(&machine->gpu, VIRTIO_GPU_QUEUE_CONTROL,
		&request, (uint32_t)sizeof(request.submit) + count * 4,
		sizeof(struct virtio_gpu_ctrl_hdr));
	CHECK(command);
	return command;
}

void wire_show_texture(struct kit_machine *machine, uint32_t width, uint32_t height)
{
	struct kit_gpu *gpu = &machine->gpu;
	wire_context(machine, 1);
	wire_texture(machine, 1, width, height);
	CHECK_GOOD(machine, kit_gpu_ctx_attach(gpu, 1, 1));
	CHECK_GOOD(machine, kit_gpu_set_scanout(gpu, 0, 1, kit_rect(0, 0, width, height)));
}

void wire_fill(struct kit_machine *machine, struct kit_picture *picture,
	struct virtio_gpu_rect rect, uint32_t color)
{
	CHECK_GOOD(machine,
		WIRE_SUBMIT(machine, 1, NULL_FILL_RECT, 1, color, rect.x, rect.y, rect.width,
			rect.height));
	CHECK_GOOD(machine, kit_gpu_flush(&machine->gpu, 1, rect));
	kit_picture_fill(picture, rect, color);
}
