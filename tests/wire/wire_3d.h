/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/* For tests of 3D: contexts and textures of the null renderer (renderers/null/null.h). */
#pragma once

#include "null/null.h"
#include "wire.h"

/* A machine with the null renderer ("null", or "null-export": pictures leave it as dma-bufs), all
 * features passed on, and a display. */
struct kit_machine *wire_machine_3d(const char *renderer);

/* A texture of w x h pixels, B8G8R8X8, that can be drawn to and shown. */
struct virtio_gpu_resource_create_3d wire_texture_args(
	uint32_t id, uint32_t width, uint32_t height);
void wire_texture(struct kit_machine *machine, uint32_t id, uint32_t width, uint32_t height);

/* Context 1, and texture 1 in it, which is shown whole on scanout 0. */
void wire_show_texture(struct kit_machine *machine, uint32_t width, uint32_t height);

/* That context fills a part of that texture, which is flushed; the same in the picture. */
void wire_fill(struct kit_machine *machine, struct kit_picture *picture,
	struct virtio_gpu_rect rect, uint32_t color);

/* Kills the renderer's process, and waits until the device knows. The log is marked before. */
void wire_kill_renderer(struct kit_machine *machine);

/* Creates a context (its capset is the renderer's only one). */
void wire_context(struct kit_machine *machine, uint32_t ctx_id);

/* Submits a command of the null renderer: the response's type. */
int wire_submit(struct kit_machine *machine, uint32_t ctx_id, uint32_t code, const uint32_t *args,
	uint32_t count);

#define WIRE_SUBMIT(machine, ctx_id, code, ...)                                                    \
	wire_submit(machine, ctx_id, code, (const uint32_t[]){ __VA_ARGS__ },                      \
		sizeof((const uint32_t[]){ __VA_ARGS__ }) / sizeof(uint32_t))

/* The same with any header (a fence), without waiting. */
struct kit_command *wire_send(struct kit_machine *machine, struct virtio_gpu_ctrl_hdr header,
	const uint32_t *words, uint32_t count);
