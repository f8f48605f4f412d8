/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
#include "gpu/output.h"

#include <errno.h>
#include <string.h>

#include "display/edid.h"
#include "gpu/protocol.h"
#include "gpu/state.h"
#include "loop/loop.h"
#include "util/fd.h"
#include "util/log.h"

static void display_ready(void *data, uint32_t scanout)
{
	struct gpu_display_place *place = data;
	gpu_scanouts_push(place->device);
}

static void display_closed(void *data)
{
	struct gpu_display_place *place = data;
	struct gpu_outputs *outputs = &place->device->outputs;
	gpu_outputs_set(place->device, (enum gpu_display_owner)(place - outputs->places), -1);
}

static const struct display_events display_events = {
	.ready = display_ready,
	.closed = display_closed,
};

static bool still_there(const struct gpu_outputs *outputs, const struct display *display)
{
	for (uint32_t i = 0; i < GPU_DISPLAY_OWNERS; i++)
		if (display && outputs->places[i].display == display)
			return true;
	return false;
}

/* The mode of an output: when nobody else says, they stand side by side. */
static struct display_mode mode_of(const struct gpu_device *device, uint32_t id)
{
	const struct gpu_device_args *args = &device->args;
	const struct gpu_outputs *outputs = &device->outputs;
	const struct display *session = outputs->places[GPU_DISPLAY_SESSION].display;
	bool vmm_says = outputs->modes_known && outputs->active == session;
	if (id >= args->scanouts && !vmm_says)
		return (struct display_mode){ 0 };
	if (outputs->modes_known)
		return outputs->modes[id];
	return (struct display_mode){
		.rect = { .x = id * args->width, .w = args->width, .h = args->height },
		.enabled = true,
	};
}

static void all_modes(const struct gpu_device *device, struct display_mode *ret_modes)
{
	for (uint32_t i = 0; i < DISPLAY_MAX_SCANOUTS; i++)
		ret_modes[i] = mode_of(device, i);
}

/* Outputs may have changed without the guest's asking. */
static void compare(void *data)
{
	struct gpu_device *device = data;
	struct display_mode modes[DISPLAY_MAX_SCANOUTS];
	if (device->outputs.session_shows)
		return;
	all_modes(device, modes);
	gpu_events_compare(device, modes);
}

/* Keeps what a display has answered, if it is still the one in charge. */
static bool keep_modes(struct gpu_device *device, const struct display *display, int status,
	const struct display_mode *modes)
{
	struct gpu_outputs *outputs = &device->outputs;
	if (status < 0 || display != outputs->active)
		return false;
	memcpy(outputs->modes, modes, sizeof(outputs->modes));
	outputs->modes_known = true;
	return true;
}

int gpu_outputs_init(struct gpu_device *device)
{
	for (uint32_t i = 0; i < GPU_DISPLAY_OWNERS; i++)
		device->outputs.places[i].device = device;
	device->outputs.check = loop_add_timer(device->loop, compare, device);
	return device->outputs.check ? 0 : -ENOMEM;
}

void gpu_outputs_finish(struct gpu_device *device)
{
	loop_source_destroy(device->outputs.check);
}

void gpu_outputs_check_soon(struct gpu_device *device)
{
	loop_timer_arm(device->outputs.check, GPU_VIEWER_GONE_MS);
}

static void viewer_answered(void *data, int status, const struct display_mode *modes)
{
	struct gpu_display_place *place = data;
	/* When it has gone another one may be in its place: then that one is asked. */
	if (status == -ECONNRESET)
		return;
	keep_modes(place->device, place->display, status, modes);
	compare(place->device);
}

static void ask_viewer(struct gpu_device *device)
{
	struct gpu_display_place *viewer = &device->outputs.places[GPU_DISPLAY_VIEWER];
	struct gpu_outputs *outputs = &device->outputs;
	loop_timer_disarm(outputs->check);
	if (outputs->session_shows)
		return;
	if (!outputs->active || outputs->active != viewer->display ||
		display_get_info(viewer->display, viewer_answered, viewer) < 0)
		gpu_outputs_check_soon(device);
}

static void choose(struct gpu_device *device)
{
	struct gpu_outputs *outputs = &device->outputs;
	struct display *before = outputs->active;
	struct display *session = outputs->places[GPU_DISPLAY_SESSION].display;
	outputs->active = session ? session : outputs->places[GPU_DISPLAY_VIEWER].display;
	if (outputs->active == before)
		return;
	struct display *left = still_there(outputs, before) ? before : NULL;
	outputs->modes_known = false;
	gpu_scanouts_display_changed(device, left);
	gpu_cursors_display_changed(device, left);
	ask_viewer(device);
}

void gpu_outputs_set(struct gpu_device *device, enum gpu_display_owner owner, int sock)
{
	struct gpu_display_place *place = &device->outputs.places[owner];
	struct display *old = place->display;
	place->display = NULL;
	if (device->args.headless)
		fd_close(&sock);
	if (sock >= 0) {
		place->display = display_create(device->loop, sock, &display_events, place);
		if (!place->display)
			log_limited(LOG_ERROR, "no memory for a display");
	}
	choose(device);
	/* Last, as its open questions are answered now, from what there is without it. */
	display_destroy(old);
}

void gpu_outputs_release_memory(struct gpu_device *device, const void *owner)
{
	for (uint32_t i = 0; i < GPU_DISPLAY_OWNERS; i++)
		if (device->outputs.places[i].display)
			display_release_memory(device->outputs.places[i].display, owner);
}

struct virtio_gpu_display_one gpu_output_describe(const struct display_mode *mode)
{
	return (struct virtio_gpu_display_one){
		.r = { mode->rect.x, mode->rect.y, mode->rect.w, mode->rect.h },
		.enabled = mode->enabled,
		.flags = mode->flags,
	};
}

static uint32_t answer_info(struct gpu_command *command)
{
	struct display_mode modes[DISPLAY_MAX_SCANOUTS];
	struct virtio_gpu_display_one reply[VIRTIO_GPU_MAX_SCANOUTS];
	all_modes(command->device, modes);
	for (uint32_t i = 0; i < VIRTIO_GPU_MAX_SCANOUTS; i++)
		reply[i] = gpu_output_describe(&modes[i]);
	gpu_events_answered(command->device, modes);
	return gpu_command_answer(command, VIRTIO_GPU_RESP_OK_DISPLAY_INFO, reply, sizeof(reply));
}

static void info_done(void *data, int status, const struct display_mode *modes)
{
	struct gpu_command *command = data;
	keep_modes(command->device, command->asked, status, modes);
	answer_info(command);
	gpu_command_release(command, 0);
}

uint32_t gpu_outputs_get_info(struct gpu_command *command)
{
	struct display *display = command->device->outputs.active;
	if (!display || display_get_info(display, info_done, command) < 0)
		return answer_info(command);
	command->asked = display;
	gpu_command_hold(command, NULL);
	return VIRTIO_GPU_RESP_OK_NODATA;
}

static uint32_t answer_edid(struct gpu_command *command, const uint8_t *edid, uint32_t size)
{
	struct virtio_gpu_resp_edid reply = { .size = size };
	memcpy(reply.edid, edid, size);
	return gpu_command_answer(
		command, VIRTIO_GPU_RESP_OK_EDID, &reply.size, sizeof(reply) - sizeof(reply.hdr));
}

static uint32_t answer_own_edid(struct gpu_command *command)
{
	const struct gpu_device *device = command->device;
	uint32_t id = command->fixed.get_edid.scanout;
	struct display_mode mode = mode_of(device, id);
	uint8_t edid[EDID_BLOCK_SIZE];
	bool usable = mode.rect.w > 0 && mode.rect.h > 0;
	edid_fill(edid, usable ? mode.rect.w : device->args.width,
		usable ? mode.rect.h : device->args.height, id);
	return answer_edid(command, edid, sizeof(edid));
}

static void edid_done(void *data, int status, const uint8_t *edid, uint32_t size)
{
	struct gpu_command *command = data;
	if (status < 0)
		answer_own_edid(command);
	else
		answer_edid(command, edid, size);
	gpu_command_release(command, 0);
}

/* A display is only asked for the EDID of an output that it has just said it has, as it may leave
 * other questions without a reply. */
static void edid_info_done(void *data, int status, const struct display_mode *modes)
{
	struct gpu_command *command = data;
	struct gpu_device *device = command->device;
	uint32_t id = command->fixed.get_edid.scanout;
	bool kept = keep_modes(device, command->asked, status, modes);
	compare(device);
	if (kept && mode_of(device, id).enabled &&
		display_get_edid(device->outputs.active, id, edid_done, command) == 0)
		return;
	answer_own_edid(command);
	gpu_command_release(command, 0);
}

uint32_t gpu_outputs_get_edid(struct gpu_command *command)
{
	struct display *display = command->device->outputs.active;
	if (!display || display_get_info(display, edid_info_done, command) < 0)
		return answer_own_edid(command);
	command->asked = display;
	gpu_command_hold(command, NULL);
	return VIRTIO_GPU_RESP_OK_NODATA;
}
