/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/*
 * The renderers that a device has: slot 0 is the software renderer of this process, which is always
 * there; each other slot is a place for one renderer process after another.
 *
 * A renderer that is lost takes its contexts and realisations with it. Its slot is empty until the
 * next context is created in it, which starts a new one; that operation and what follows wait in
 * its ring, never here. A renderer that keeps dying is not started again for a while, and its deaths are not held against
 * the next guest. One that was used gives way to another one when the guest is reset or goes. One that does
 * not get ready, does not answer, or leaves something undone for too long is given up as if it had died:
 * while there are renderers a timer looks after them.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "gpu/capset.h"
#include "gpu/device.h"
#include "gpu/memory.h"
#include "renderer/renderer.h"
#include "util/list.h"

/* So many starts, of those that are not after a death, are plenty for guests in good faith. */
#define GPU_RENEWALS    256u
#define GPU_RENEWALS_MS 10000u

#define GPU_SOFTWARE_SLOT 0u
#define GPU_MAX_SLOTS     (1u + GPU_MAX_RENDERERS)

struct gpu_slot {
	struct gpu_device *device;
	const char *name;
	struct renderer *renderer; /* owned; NULL while there is none */
	struct renderer *dead; /* owned: lost, to be destroyed at the end of the round */
	uint32_t generation; /* how many renderers it has had */
	bool ready; /* the renderer has said what it can do */
	uint32_t silent_ms; /* it did not do what it should, as far as was watched */
	uint32_t late_ms; /* the same of the oldest of what it was asked */
	bool announced; /* its first renderer is ready or lost */
	bool used; /* this guest has asked something of its renderers */
	bool counts; /* the next start is after a death, or the first: there may be only so many */
	uint64_t starts
		[GPU_RENDERER_STARTS_MAX]; /* when, in ms; the oldest is next to be replaced */
	uint32_t start_count;
	uint64_t renewals_since; /* in ms */
	uint32_t renewals; /* starts that do not count, since then */
	struct gpu_capset_list capsets; /* what the last one that got ready can do */
	bool can_map; /* the same */
	struct gpu_slot_memory memory;
	struct list realisations; /* gpu_realisation::slot_link */
	struct list contexts; /* gpu_context::slot_link */
};

struct gpu_renderers {
	struct gpu_slot slots[GPU_MAX_SLOTS];
	uint32_t count; /* of slots in use */
	struct loop_source *tidy; /* destroys the dead; says once that all have been heard of */
	struct loop_source *watch; /* armed while there is any but the software renderer */
	uint64_t watched_ms; /* when it was last looked at them */
	bool watching;
	bool ready_called;
};

/* Makes the software renderer and starts the others. -ENOMEM. */
int gpu_renderers_init(struct gpu_device *device);

/* Destroys all renderers: open calls are finished. */
void gpu_renderers_finish(struct gpu_device *device);

/* True when every live renderer would take a further command. */
bool gpu_renderers_have_room(const struct gpu_device *device);

/* A guest is reset or goes: drops everything in the software renderer, before the resources are forgotten here; and puts
 * others in the place of those that the guest used, when resources and contexts have been forgotten. Open calls are
 * finished. */
void gpu_renderers_reset(struct gpu_device *device);
void gpu_renderers_renew(struct gpu_device *device);

/* The guest goes, before that: what renderers died of under it is not held against the next. */
void gpu_renderers_forgive(struct gpu_device *device);

/* The slot's renderer, a new one if it has died; NULL when that cannot be had now. */
struct renderer *gpu_slot_acquire(struct gpu_slot *slot);

/* The one renderer slot when exactly one is configured, else NULL. */
struct gpu_slot *gpu_renderers_only(struct gpu_device *device);

struct gpu_slot *gpu_renderers_software(struct gpu_device *device);

/* True when one of them has memory that can be mapped into the guest. */
bool gpu_renderers_can_map(const struct gpu_device *device);
