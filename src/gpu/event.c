/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
#include "gpu/event.h"

#include <string.h>

#include "gpu/state.h"

void gpu_events_reset(struct gpu_device *device)
{
	device->events = (struct gpu_events){ 0 };
}

static void raise(struct gpu_device *device)
{
	struct gpu_events *events = &device->events;
	if (!(events->raised & VIRTIO_GPU_EVENT_DISPLAY))
		events->again = false;
	else if (events->answered)
		events->again = true;
	events->answered = false;
	events->raised |= VIRTIO_GPU_EVENT_DISPLAY;
	if (!events->announced && device->session)
		events->announced = vhost_session_config_changed(device->session) == 0;
}

static void take_note(struct gpu_events *events, const struct display_mode *modes)
{
	memcpy(events->known, modes, sizeof(events->known));
}

void gpu_events_answered(struct gpu_device *device, const struct display_mode *modes)
{
	struct gpu_events *events = &device->events;
	events->asked = true;
	events->answered = true;
	events->again = false;
	take_note(events, modes);
}

/* Where an output that is off would be is of no interest. */
static bool same_mode(const struct display_mode *a, const struct display_mode *b)
{
	if (!a->enabled || !b->enabled)
		return a->enabled == b->enabled;
	return a->rect.x == b->rect.x && a->rect.y == b->rect.y && a->rect.w == b->rect.w &&
		a->rect.h == b->rect.h && a->flags == b->flags;
}

void gpu_events_compare(struct gpu_device *device, const struct display_mode *modes)
{
	struct gpu_events *events = &device->events;
	bool same = true;
	for (uint32_t i = 0; i < DISPLAY_MAX_SCANOUTS; i++)
		same = same && same_mode(&events->known[i], &modes[i]);
	if (same || !events->asked)
		return;
	take_note(events, modes);
	raise(device);
}

uint32_t gpu_events_read(struct gpu_device *device)
{
	device->events.announced = false;
	return device->events.raised;
}

void gpu_events_clear(struct gpu_device *device, uint32_t events)
{
	device->events.raised &= ~events;
	if ((events & VIRTIO_GPU_EVENT_DISPLAY) && device->events.again)
		raise(device);
}
