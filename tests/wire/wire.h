/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/*
 * What the wire tests share: a backend program on the other end of real sockets.
 *
 * BACKEND in the environment is its command line; "{socket}" becomes the path to listen on and
 * "{renderer}" the renderer that a test wants ("none": 2D only). Without "{renderer}" the command
 * has to be a 2D backend, and tests of 3D are skipped.
 */
#pragma once

#include "test.h"

#include "kit/check.h"

/* The backend's command line for this renderer; skips the test when it has no choice of them. Valid
 * until the next call. */
const char *wire_command(const char *renderer);

/* A machine with a backend of its own. spec may be NULL; its command is filled in. Never NULL. */
struct kit_machine *wire_machine(const char *renderer, const struct kit_machine_spec *spec);

/* With a 2D backend that has blobs, which the driver uses. */
struct kit_machine *wire_machine_with_blobs(void);

/* As wire_machine(), with further options for the backend's command line. */
struct kit_machine *wire_machine_with(
	const char *renderer, const char *options, const struct kit_machine_spec *spec);

/* The same as kit_machine_destroy(), which must find nothing wrong. */
void wire_end(struct kit_machine *machine);

/* What every test of a connection that is to be closed does: message sent (or whatever broke it)
 * before, then: the backend closes, writes exactly one line about it (beside what it says as
 * information of every session), and serves the next connection. `what` names the case in a
 * failure. The log was marked with wire_expect_close(). */
void wire_expect_close(struct kit_machine *machine);
void wire_check_closed(struct kit_machine *machine, const char *what);

/* So many lines of the log have the text. What the device process says is in the log a little later than
 * its answer is here. */
void wire_check_lines(struct kit_machine *machine, const char *text, uint32_t count);

/* The device still answers: GET_DISPLAY_INFO is OK. */
void wire_check_alive(struct kit_machine *machine);

/* What the backend uses now; skips the test when that may not be seen. */
struct kit_usage wire_usage(struct kit_machine *machine);

/* The same at rest, for a machine of which nothing is shown: all that it was told is done, renderers have been started
 * in place of those that were used, and the memory for frames that is open is what the device process keeps in stock. The
 * launcher sees to that, and what was in use is closed, a little later than a command is answered. */
struct kit_usage wire_usage_at_rest(struct kit_machine *machine);

/* Its memory grew by less than so many KiB. Sanitizers keep what was freed: with them nothing is
 * judged. */
void wire_check_memory(const struct kit_usage *before, const struct kit_usage *after, uint64_t kib);

/* Looks every millisecond, for what no event tells of: false when done() is not so in time. */
bool wire_poll(struct kit_machine *machine, bool (*done)(void *data), void *data);

/* Waits until there have been so many interrupts of a queue; and checks that there are no more. */
void wire_wait_interrupts(struct kit_machine *machine, uint32_t queue, uint64_t count);
void wire_check_interrupts(struct kit_machine *machine, uint32_t queue, uint64_t count);

/* Waits until no update is under way to the display. */
void wire_settle(struct kit_machine *machine);

/* Moves the cursor, and takes note of how long the answer took. */
struct wire_latency {
	uint32_t count, slow; /* all; those of WIRE_PROMPT_MS and more */
};
void wire_move_cursor(struct kit_machine *machine, struct wire_latency *latency);

/* The cursor queue was answered in less than WIRE_PROMPT_MS: but for one move in ten, as others may
 * use the machine. */
#define WIRE_PROMPT_MS 100
void wire_check_prompt(const struct wire_latency *latency);

/* A surface that is created and attached, or the test fails. */
struct kit_surface wire_surface(
	struct kit_machine *machine, uint32_t id, uint32_t format, uint32_t width, uint32_t height);
struct kit_surface wire_surface_chunked(struct kit_machine *machine,
	const struct virtio_gpu_resource_create_2d *like, uint32_t chunk);

/* The same with a blob (kit_surface_create_blob()). */
struct kit_surface wire_blob(struct kit_machine *machine,
	const struct virtio_gpu_set_scanout_blob *like, uint32_t chunk);

/* For that: a picture of this size, B8G8R8X8, without gaps. */
struct virtio_gpu_set_scanout_blob wire_plain_blob(uint32_t id, uint32_t width, uint32_t height);

/* A blob of the guest's that is such a picture. */
struct kit_surface wire_plain_surface(
	struct kit_machine *machine, uint32_t id, uint32_t width, uint32_t height);

/* Waits until a scanout is switched off. */
void wire_wait_off(struct kit_machine *machine, uint32_t scanout);

/* A pattern of this size. */
struct kit_picture *wire_pattern(uint32_t width, uint32_t height, uint32_t seed);

/* The whole of a surface: draws the picture, transfers and flushes it. */
void wire_show(struct kit_machine *machine, struct kit_surface *surface,
	const struct kit_picture *picture);
