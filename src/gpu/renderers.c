/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
#include "gpu/renderers.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>

#include "gpu/context.h"
#include "gpu/queues.h"
#include "gpu/resource.h"
#include "gpu/state.h"
#include "loop/loop.h"
#include "renderer/software.h"
#include "util/log.h"

static void renderer_lost(void *data, struct renderer *renderer);
static void renderer_room(void *data, struct renderer *renderer);

static const struct renderer_events slot_events = {
	.lost = renderer_lost,
	.room = renderer_room,
};

static void announced(struct gpu_slot *slot)
{
	slot->announced = true;
	loop_defer_arm(slot->device->renderers.tidy);
}

static void renderer_ready(void *data, struct renderer *renderer)
{
	struct gpu_slot *slot = data;
	if (renderer != slot->renderer)
		return;
	if (gpu_capsets_load(&slot->capsets, renderer, slot->device->args.capset_mask) < 0)
		log_error("renderer %s: no memory for its capability sets", slot->name);
	slot->can_map = renderer->can_map;
	slot->ready = true;
	slot->silent_ms = 0;
	slot->late_ms = 0;
	announced(slot);
}

static void renderer_room(void *data, struct renderer *renderer)
{
	struct gpu_slot *slot = data;
	gpu_queues_wake(slot->device);
}

static uint32_t either(uint32_t value, uint32_t fallback)
{
	return value ? value : fallback;
}

/* How long the slot's renderer may be silent now. */
static uint32_t patience_ms(const struct gpu_slot *slot)
{
	const struct gpu_device_args *args = &slot->device->args;
	return slot->ready ? either(args->renderer_hang_ms, GPU_RENDERER_HANG_MS)
			   : either(args->renderer_start_ms, GPU_RENDERER_READY_MS);
}

static uint32_t late_limit_ms(const struct gpu_slot *slot)
{
	return either(slot->device->args.renderer_late_ms, GPU_RENDERER_LATE_MS);
}

static uint32_t lose_contexts(struct gpu_slot *slot)
{
	uint32_t count = 0;
	while (!list_empty(&slot->contexts)) {
		struct gpu_context *context =
			container_of(slot->contexts.next, struct gpu_context, slot_link);
		gpu_context_lost(context);
		count++;
	}
	return count;
}

/* What was the matter with it, for the log. */
static void say_lost(struct gpu_slot *slot, uint32_t contexts)
{
	char how[64] = "died";
	bool gave_up = slot->silent_ms >= patience_ms(slot);
	if (gave_up && slot->ready)
		snprintf(how, sizeof(how), "does not answer for %u s", slot->silent_ms / 1000);
	else if (gave_up)
		snprintf(how, sizeof(how), "did not get ready in %u s", slot->silent_ms / 1000);
	else if (slot->late_ms >= late_limit_ms(slot))
		snprintf(how, sizeof(how), "has not finished something for %u s",
			slot->late_ms / 1000);
	else if (slot->capsets.count == 0)
		snprintf(how, sizeof(how), "could not be started");
	if (slot->capsets.count > 0)
		log_warn("renderer %s %s; %u contexts lost, 2D goes on, "
			 "a new one starts with the next context",
			slot->name, how, contexts);
	else
		log_warn("renderer %s %s: going on without it", slot->name, how);
}

/* Whatever its process is doing. */
static void end_process(const struct gpu_slot *slot)
{
	const struct gpu_renderer_factory *factory = &slot->device->args.factory;
	factory->end(factory->data, slot->name);
}

static void renderer_lost(void *data, struct renderer *renderer)
{
	struct gpu_slot *slot = data;
	if (renderer != slot->renderer)
		return;
	end_process(slot);
	slot->counts = true;
	/* What it leaves is taken apart below with nothing there that could be called any more. */
	renderer_destroy(slot->dead);
	slot->dead = slot->renderer;
	slot->renderer = NULL;
	uint32_t contexts = lose_contexts(slot);
	while (!list_empty(&slot->realisations))
		gpu_realisation_lost(
			container_of(slot->realisations.next, struct gpu_realisation, slot_link));
	gpu_slot_memory_lost(slot);
	say_lost(slot, contexts);
	announced(slot);
	gpu_queues_wake(slot->device);
}

static uint32_t watch_period_ms(const struct gpu_device *device)
{
	uint32_t hang = either(device->args.renderer_hang_ms, GPU_RENDERER_HANG_MS);
	return hang < 10 ? 1 : hang / 10;
}

static void tidy(void *data)
{
	struct gpu_device *device = data;
	struct gpu_renderers *renderers = &device->renderers;
	bool all = true;
	for (uint32_t i = 0; i < renderers->count; i++) {
		struct gpu_slot *slot = &renderers->slots[i];
		renderer_destroy(slot->dead);
		slot->dead = NULL;
		all = all && slot->announced;
	}
	if (!all || renderers->ready_called)
		return;
	renderers->ready_called = true;
	if (device->args.ready)
		device->args.ready(device->args.data);
}

static void watch_slot(struct gpu_slot *slot, uint64_t since_ms)
{
	/* Time in which this process did not run itself is not held against the renderer: each look
	 * counts for one period, however late it is. */
	if (slot->ready && renderer_silent_ms(slot->renderer) < since_ms)
		slot->silent_ms = 0;
	else
		slot->silent_ms += watch_period_ms(slot->device);
	uint64_t late_ms = slot->late_ms + watch_period_ms(slot->device);
	uint64_t oldest_ms = slot->ready ? renderer_oldest_ms(slot->renderer) : 0;
	slot->late_ms = (uint32_t)(late_ms < oldest_ms ? late_ms : oldest_ms);
	if (slot->silent_ms >= patience_ms(slot) || slot->late_ms >= late_limit_ms(slot))
		renderer_give_up(slot->renderer);
}

static void arm_watch(struct gpu_device *device)
{
	device->renderers.watched_ms = loop_now_ms();
	loop_timer_arm(device->renderers.watch, watch_period_ms(device));
}

static void watch(void *data)
{
	struct gpu_device *device = data;
	struct gpu_renderers *renderers = &device->renderers;
	uint64_t since_ms = loop_now_ms() - renderers->watched_ms;
	bool any = false;
	for (uint32_t i = GPU_SOFTWARE_SLOT + 1; i < renderers->count; i++) {
		struct gpu_slot *slot = &renderers->slots[i];
		if (slot->renderer)
			watch_slot(slot, since_ms);
		any = any || slot->renderer;
	}
	renderers->watching = any;
	if (any)
		arm_watch(device);
}

static uint32_t starts_limit(const struct gpu_slot *slot)
{
	return either(slot->device->args.renderer_starts, GPU_RENDERER_STARTS);
}

static uint64_t *oldest_start(struct gpu_slot *slot)
{
	return &slot->starts[slot->start_count % starts_limit(slot)];
}

static bool may_start(struct gpu_slot *slot, uint64_t now)
{
	uint32_t limit = starts_limit(slot);
	uint32_t time_ms = either(slot->device->args.renderer_starts_ms, GPU_RENDERER_STARTS_MS);
	if (slot->start_count < limit || now - *oldest_start(slot) >= time_ms)
		return true;
	log_limited(LOG_WARN,
		"renderer %s died %u times within %u s: no 3D for a while (--renderer-restarts)",
		slot->name, limit, time_ms / 1000);
	return false;
}

static bool may_renew(struct gpu_slot *slot, uint64_t now)
{
	if (now - slot->renewals_since >= GPU_RENEWALS_MS) {
		slot->renewals_since = now;
		slot->renewals = 0;
	}
	if (slot->renewals < GPU_RENEWALS)
		return true;
	log_limited(LOG_WARN, "renderer %s was needed for %u guests within %u s: no 3D for a while",
		slot->name, GPU_RENEWALS, GPU_RENEWALS_MS / 1000);
	return false;
}

/* A start that has succeeded. */
static void count_start(struct gpu_slot *slot, uint64_t now)
{
	if (!slot->counts) {
		slot->renewals++;
		return;
	}
	*oldest_start(slot) = now;
	slot->start_count++;
}

struct renderer *gpu_slot_acquire(struct gpu_slot *slot)
{
	const struct gpu_renderer_factory *factory = &slot->device->args.factory;
	uint64_t now = loop_now_ms();
	if (slot->renderer || !(slot->counts ? may_start(slot, now) : may_renew(slot, now)))
		return slot->renderer;
	slot->generation++;
	slot->ready = false;
	slot->silent_ms = 0;
	slot->late_ms = 0;
	slot->renderer =
		factory->start(factory->data, slot->name, &slot_events, renderer_ready, slot);
	if (slot->renderer) {
		count_start(slot, now);
		if (!slot->device->renderers.watching)
			arm_watch(slot->device);
		slot->device->renderers.watching = true;
	}
	return slot->renderer;
}

static void slot_init(struct gpu_slot *slot, struct gpu_device *device, const char *name)
{
	slot->device = device;
	slot->name = name;
	slot->counts = true;
	list_init(&slot->realisations);
	list_init(&slot->contexts);
}

static int start_software(struct gpu_device *device, struct gpu_slot *slot)
{
	slot_init(slot, device, "software");
	slot->renderer = software_renderer_create(device->args.limits.host_bytes);
	if (!slot->renderer)
		return -ENOMEM;
	slot->generation = 1;
	slot->announced = true;
	return 0;
}

int gpu_renderers_init(struct gpu_device *device)
{
	struct gpu_renderers *renderers = &device->renderers;
	assert(device->args.renderer_count <= GPU_MAX_RENDERERS);
	assert(device->args.renderer_starts <= GPU_RENDERER_STARTS_MAX);
	renderers->count = 1 + device->args.renderer_count;
	renderers->tidy = loop_add_deferred(device->loop, tidy, device);
	renderers->watch = loop_add_timer(device->loop, watch, device);
	if (!renderers->tidy || !renderers->watch ||
		start_software(device, &renderers->slots[GPU_SOFTWARE_SLOT]) < 0) {
		loop_source_destroy(renderers->watch);
		loop_source_destroy(renderers->tidy);
		return -ENOMEM;
	}
	for (uint32_t i = 1; i < renderers->count; i++) {
		struct gpu_slot *slot = &renderers->slots[i];
		slot_init(slot, device, device->args.renderers[i - 1]);
		if (!gpu_slot_acquire(slot))
			slot->announced = true;
	}
	loop_defer_arm(renderers->tidy);
	return 0;
}

static void destroy_renderer(struct gpu_slot *slot)
{
	struct renderer *renderer = slot->renderer;
	/* What its open calls do when they are finished finds no renderer any more. */
	slot->renderer = NULL;
	renderer_destroy(renderer);
	gpu_slot_memory_lost(slot);
}

void gpu_renderers_finish(struct gpu_device *device)
{
	struct gpu_renderers *renderers = &device->renderers;
	for (uint32_t i = 0; i < renderers->count; i++) {
		struct gpu_slot *slot = &renderers->slots[i];
		renderer_destroy(slot->dead);
		destroy_renderer(slot);
		gpu_capsets_finish(&slot->capsets);
	}
	loop_source_destroy(renderers->watch);
	loop_source_destroy(renderers->tidy);
}

bool gpu_renderers_have_room(const struct gpu_device *device)
{
	for (uint32_t i = 0; i < device->renderers.count; i++) {
		const struct renderer *renderer = device->renderers.slots[i].renderer;
		if (renderer && !renderer_has_room(renderer))
			return false;
	}
	return true;
}

void gpu_renderers_reset(struct gpu_device *device)
{
	software_renderer_reset(gpu_renderers_software(device)->renderer);
}

static void renew(struct gpu_slot *slot)
{
	if (slot->renderer) {
		destroy_renderer(slot);
		end_process(slot);
		slot->counts = false;
	}
	slot->used = false;
	/* At once, so that it is ready by the time it is needed. */
	if (!slot->counts)
		gpu_slot_acquire(slot);
}

void gpu_renderers_renew(struct gpu_device *device)
{
	for (uint32_t i = GPU_SOFTWARE_SLOT + 1; i < device->renderers.count; i++)
		if (device->renderers.slots[i].used)
			renew(&device->renderers.slots[i]);
}

void gpu_renderers_forgive(struct gpu_device *device)
{
	for (uint32_t i = GPU_SOFTWARE_SLOT + 1; i < device->renderers.count; i++) {
		struct gpu_slot *slot = &device->renderers.slots[i];
		if (!slot->used)
			continue;
		slot->counts = false;
		slot->start_count = 0;
	}
}

struct gpu_slot *gpu_renderers_only(struct gpu_device *device)
{
	return device->renderers.count == 2 ? &device->renderers.slots[1] : NULL;
}

struct gpu_slot *gpu_renderers_software(struct gpu_device *device)
{
	return &device->renderers.slots[GPU_SOFTWARE_SLOT];
}

bool gpu_renderers_can_map(const struct gpu_device *device)
{
	bool can_map = false;
	for (uint32_t i = 0; i < device->renderers.count; i++)
		can_map |= device->renderers.slots[i].can_map;
	return can_map;
}
