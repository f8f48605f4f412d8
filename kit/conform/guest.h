/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/*
 * What cases about commands share: a device that is in use, requests that it can carry out, and what
 * becomes of them on the display.
 */
#pragma once

#include "kit/conform/conform.h"

#define GUEST_SIDE 64u /* of all resources, in pixels */
#define GUEST_SIZE (GUEST_SIDE * GUEST_SIDE * 4u) /* of their backing, in bytes */

/* Resource ids. */
#define GUEST_SHOWN  1u /* with backing, on scanout 0 */
#define GUEST_NEW    2u /* there is none */
#define GUEST_BARE   3u /* without backing */
#define GUEST_CURSOR 4u /* with backing, filled */

struct guest {
	struct kit_machine *m;
	struct kit_surface shown, cursor;
	uint64_t memory; /* GUEST_SIZE bytes for the backing of others */
};

/* A machine with these resources. spec may be NULL. */
void guest_init(struct conform *c, struct guest *guest, const struct kit_machine_spec *spec);

/* Gives the guest's memory back, then conform_end(). */
void guest_end(struct conform *c, struct guest *guest);

/* --- requests ------------------------------------------------------------------------------ */

/* Names of commands, as variants of cases: all; those of 2D (GET_EDID is one, the cursor's are);
 * those that need a feature. */
extern const char *const guest_commands[];
extern const char *const guest_commands_2d[];
extern const char *const guest_commands_optional[];

struct guest_request {
	const struct kit_command_spec *spec;
	_Alignas(8) uint8_t bytes[128];
	uint32_t size;
	uint32_t needed; /* bytes that say something: behind them is padding */
	uint32_t response_size;
	uint32_t response; /* its type when the command is carried out; 0: it cannot be, as all but
			      the type is zero */
};

/* The command with this name as the guest above may send it; those beyond 2D only have a type. */
void guest_compose(const struct guest *guest, const char *name, struct guest_request *ret_request);

/* Ends the case with SKIP when the command's feature is not negotiated. */
void guest_need(const struct kit_machine *machine, const struct kit_command_spec *spec);

/* Sends size bytes, with so much room for the answer. The response's type; 0 when the buffers came
 * back with less than a header in them; else the end of the case. */
int guest_send(struct kit_machine *machine, uint32_t queue, const void *request, uint32_t size,
	uint32_t room);

/* The request to the queue of its command, whole, with all the room it wants. */
int guest_send_request(struct kit_machine *machine, const struct guest_request *request);

/* --- the display --------------------------------------------------------------------------- */

/* Waits until the scanout is off. */
void guest_wait_off(struct kit_machine *machine, uint32_t scanout);

/* What the backend has; ends the case where that cannot be seen. */
struct kit_usage guest_usage(struct kit_machine *machine);

/* The same, to compare with: a renderer that may just be starting, after another guest's, is there then. */
struct kit_usage guest_usage_before(struct kit_machine *machine);

/* It has no more descriptors than then, and at most `kib` more memory. */
void guest_check_usage(struct kit_machine *machine, const struct kit_usage *before, uint64_t kib);

/* For long enough to see what should not come. */
void guest_watch(struct kit_machine *machine);

#define SCENE_WIDTH  640u
#define SCENE_HEIGHT 480u

/* Something to look at: resource 1, all of scanout 0. */
struct scene {
	struct kit_machine *m;
	struct kit_surface s;
	struct kit_picture *picture;
};

/* Creates and shows it: a pattern with seed 1. */
void scene_init(struct scene *scene, struct kit_machine *machine);

/* Draws another pattern, which has to be seen. */
void scene_check(struct scene *scene, uint32_t seed);

/* Gives everything back, then conform_end(). */
void scene_end(struct conform *c, struct scene *scene);

/* --- the cursor ---------------------------------------------------------------------------- */

/* A cursor's resource of some size, filled: every pixel another colour, and alpha of all values. */
struct kit_surface guest_cursor(
	struct kit_machine *machine, uint32_t id, uint32_t width, uint32_t height);
uint32_t guest_cursor_pixel(uint32_t index);

/* UPDATE_CURSOR and MOVE_CURSOR as Linux sends them: without room for an answer, and with the
 * resource's id in both. The header's type is filled in. */
void guest_cursor_update(
	struct kit_machine *machine, const struct virtio_gpu_update_cursor *cursor);
void guest_cursor_move(struct kit_machine *machine, const struct virtio_gpu_update_cursor *cursor);

/* Waits until the display's cursor is shown there. */
void guest_wait_cursor(struct kit_machine *machine, const struct virtio_gpu_update_cursor *cursor);

/* Waits until it is hidden. */
void guest_wait_no_cursor(struct kit_machine *machine);
