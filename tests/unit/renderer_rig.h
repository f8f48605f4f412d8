/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/* A renderer process (the null renderer behind the ring server) with the device's side of it here. */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "renderer/renderer.h"

/* How long anything here may take before a test fails, in milliseconds. */
#define RIG_PATIENCE_MS 60000

struct rig {
	struct loop *loop;
	struct renderer *renderer;
	pid_t process;
	uint32_t ready; /* how often it was told */
	uint32_t lost;
	uint32_t room;
};

/* Memory of a memfd that the renderer is given. */
struct rig_region {
	uint32_t id;
	int fd;
	uint64_t size;
	uint8_t *base;
};

struct rig_call {
	struct renderer_call base;
	bool done;
	int status;
	uint32_t order; /* how many calls were done before this one, of all with the same counter */
	uint32_t *counter; /* may be NULL */
	struct image *image; /* a reference of its own, or NULL */
};

/* Starts a renderer process that serves as `name` and waits until it is ready. */
void rig_start(struct rig *rig, const char *name);
/* The same for one that spins before it sleeps. */
void rig_start_spinning(struct rig *rig, const char *name, uint32_t spin_us);

/* Destroys the renderer and the loop, waits for the process and returns its wait status. */
int rig_stop(struct rig *rig);

/* Runs the loop until *flag is true; fails the test when that takes too long. */
void rig_wait(struct rig *rig, const bool *flag);
void rig_wait_count(struct rig *rig, const uint32_t *count, uint32_t at_least);

/* A call that says here when it is done. */
struct renderer_call *rig_call(struct rig_call *call, uint32_t *counter);

/* Waits for a call and returns its status. */
int rig_finish(struct rig *rig, struct rig_call *call);

/* Makes size bytes of shared memory, and gives them to the renderer. */
void rig_add_region(struct rig *rig, struct rig_region *region, uint32_t id, uint64_t size);
/* Takes them away again (unless the renderer is gone: rig->renderer NULL) and frees them. */
void rig_remove_region(struct rig *rig, struct rig_region *region);

/* The arguments of a texture of w x h pixels (B8G8R8X8). */
struct renderer_resource_args rig_texture(uint32_t id, uint32_t w, uint32_t h);

/* Creates context 1 and texture 1 of w x h, attached to it; fails the test when that fails. */
void rig_add_canvas(struct rig *rig, uint32_t w, uint32_t h);

/* Submits words to context 1. */
void rig_submit(struct rig *rig, const uint32_t *words, uint32_t count, struct renderer_call *call);
