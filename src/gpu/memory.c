/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/*
 * A pin counts in the regions of its slot from its creation until it has ended and its calls are
 * finished: only then has the renderer stopped to use the memory.
 */
#include "gpu/memory.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>

#include "gpu/command.h"
#include "gpu/state.h"
#include "util/fd.h"

static struct gpu_slot_region *find_region(struct gpu_slot *slot, uint32_t id)
{
	for (uint32_t i = 0; i < slot->memory.count; i++)
		if (slot->memory.regions[i].id == id)
			return &slot->memory.regions[i];
	return NULL;
}

static void sweep(struct gpu_slot *slot)
{
	struct gpu_slot_memory *memory = &slot->memory;
	for (uint32_t i = memory->count; i-- > 0;) {
		struct gpu_slot_region *region = &memory->regions[i];
		if (region->pins > 0 || gpu_regions_have(&slot->device->regions, region->id))
			continue;
		renderer_region_remove(slot->renderer, region->id);
		vhost_memory_unref(region->memory);
		*region = memory->regions[--memory->count];
	}
}

static void unclaim(struct gpu_slot *slot, const struct gpu_spans *spans, uint32_t count)
{
	for (uint32_t i = 0; i < count; i++) {
		struct gpu_slot_region *region = find_region(slot, spans->regions[i].id);
		assert(region && region->pins > 0);
		region->pins--;
	}
}

static struct gpu_slot_region *give_region(
	struct gpu_slot *slot, const struct gpu_spans *spans, const struct gpu_region *known)
{
	const struct vhost_region *region = known->region;
	if (slot->memory.count == GPU_SLOT_REGIONS)
		return NULL;
	const struct renderer_region given = {
		.id = known->id,
		.fd = region->fd,
		.offset = region->mmap_offset,
		.size = region->size,
		.base = region->base,
	};
	/* Whoever takes a renderer over can hand the file on, to processes that may change the sizes of their own.
	 * What cannot be sealed has been before, or is no file of memory. */
	fd_seal_size(region->fd);
	renderer_region_add(slot->renderer, &given);
	struct gpu_slot_region *entry = &slot->memory.regions[slot->memory.count++];
	*entry = (struct gpu_slot_region){
		.id = known->id,
		.memory = vhost_memory_ref(spans->memory),
	};
	return entry;
}

static int claim(struct gpu_slot *slot, const struct gpu_spans *spans)
{
	for (uint32_t i = 0; i < spans->region_count; i++) {
		struct gpu_slot_region *region = find_region(slot, spans->regions[i].id);
		if (!region)
			region = give_region(slot, spans, &spans->regions[i]);
		if (!region) {
			unclaim(slot, spans, i);
			return -ENOSPC;
		}
		region->pins++;
	}
	return 0;
}

static void pin_check(struct gpu_pin *pin)
{
	if (!pin->ended || pin->calls > 0)
		return;
	struct gpu_slot *slot = pin->slot;
	if (slot->renderer && slot->generation == pin->generation) {
		unclaim(slot, pin->spans, pin->spans->region_count);
		sweep(slot);
	}
	gpu_spans_unref(pin->spans);
	free(pin);
}

static void call_done(struct gpu_pin *pin, struct gpu_command *command, int status)
{
	pin->calls--;
	pin_check(pin);
	gpu_command_release(command, status);
}

static void begin_done(struct renderer_call *call, int status, const struct renderer_reply *reply)
{
	struct gpu_pin *pin = container_of(call, struct gpu_pin, begin_call);
	call_done(pin, pin->begin_command, status);
}

static void end_done(struct renderer_call *call, int status, const struct renderer_reply *reply)
{
	struct gpu_pin *pin = container_of(call, struct gpu_pin, end_call);
	call_done(pin, pin->end_command, status);
}

static struct gpu_pin *pin_new(struct gpu_slot *slot, struct gpu_spans *spans)
{
	struct gpu_pin *pin = calloc(1, sizeof(*pin));
	if (!pin)
		return NULL;
	if (claim(slot, spans) < 0) {
		free(pin);
		return NULL;
	}
	pin->slot = slot;
	pin->generation = slot->generation;
	pin->spans = gpu_spans_ref(spans);
	pin->begin_call.done = begin_done;
	pin->end_call.done = end_done;
	return pin;
}

struct gpu_pin *gpu_pin_create(struct gpu_slot *slot, uint32_t resource, struct gpu_spans *spans,
	struct gpu_command *command)
{
	struct gpu_pin *pin = pin_new(slot, spans);
	if (!pin)
		return NULL;
	pin->calls = 1;
	pin->begin_command = command;
	if (command)
		gpu_command_hold(command, slot);
	renderer_resource_set_backing(
		slot->renderer, resource, spans->spans, spans->count, &pin->begin_call);
	return pin;
}

static struct renderer_call *end(struct gpu_pin *pin, struct gpu_command *command)
{
	assert(!pin->ended);
	pin->ended = true;
	pin->calls++;
	pin->end_command = command;
	if (command)
		gpu_command_hold(command, pin->slot);
	return &pin->end_call;
}

void gpu_pin_detach(struct gpu_pin *pin, uint32_t resource, struct gpu_command *command)
{
	struct renderer *renderer = pin->slot->renderer;
	renderer_resource_set_backing(renderer, resource, NULL, 0, end(pin, command));
}

struct gpu_pin *gpu_pin_replace(struct gpu_pin *pin, uint32_t resource, struct gpu_spans *spans)
{
	struct gpu_slot *slot = pin->slot;
	struct gpu_pin *next = pin_new(slot, spans);
	if (!next)
		return NULL;
	renderer_resource_set_backing(
		slot->renderer, resource, spans->spans, spans->count, end(pin, NULL));
	return next;
}

void gpu_pin_unref_resource(
	struct gpu_slot *slot, struct gpu_pin *pin, uint32_t resource, struct gpu_command *command)
{
	renderer_resource_unref(slot->renderer, resource, pin ? end(pin, command) : NULL);
}

void gpu_pin_forget(struct gpu_pin *pin)
{
	if (!pin)
		return;
	assert(!pin->ended);
	pin->ended = true;
	pin_check(pin);
}

void gpu_slot_memory_changed(struct gpu_slot *slot)
{
	for (uint32_t i = 0; i < slot->memory.count; i++) {
		struct gpu_slot_region *region = &slot->memory.regions[i];
		if (!gpu_regions_have(&slot->device->regions, region->id))
			continue;
		vhost_memory_unref(region->memory);
		region->memory = vhost_memory_ref(slot->device->memory);
	}
	sweep(slot);
}

void gpu_slot_memory_lost(struct gpu_slot *slot)
{
	for (uint32_t i = 0; i < slot->memory.count; i++)
		vhost_memory_unref(slot->memory.regions[i].memory);
	slot->memory = (struct gpu_slot_memory){ 0 };
}
