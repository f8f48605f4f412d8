/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/*
 * Fence timelines (virtio 1.4, 5.7.6.7, fence_id and ring_idx).
 *
 * A fenced command belongs to one timeline: that of a ring of a context when it says so
 * (FLAG_INFO_RING_IDX), else the global one. Commands of a timeline are answered in the order in
 * which they came, as drivers take the answer to one for the end of all before it; fence ids are
 * echoed and never used for anything.
 */
#pragma once

#include <stdint.h>

#include "util/list.h"

struct gpu_command;

struct gpu_timeline {
	struct list commands; /* gpu_command::timeline_link, oldest first */
};

void gpu_timeline_init(struct gpu_timeline *timeline);

/* Puts a command at the end of the timeline that its header names, if it is fenced. Returns
 * VIRTIO_GPU_RESP_…: ERR_INVALID_PARAMETER when there is no such timeline (the ring is out of range,
 * the driver did not choose CONTEXT_INIT, or the context does not exist), ERR_OUT_OF_MEMORY when too
 * many are under way: the command is on the timeline then all the same, as its answer has its turn,
 * too, but does not count. */
uint32_t gpu_fence_enter(struct gpu_command *command);

/* Takes a command off its timeline, if it is on one. */
void gpu_fence_leave(struct gpu_command *command);

/* Starts the renderer's side of the fence of a command that a renderer works on. */
void gpu_fence_follow(struct gpu_command *command);

/* A command of a timeline has settled: answers those whose turn has come. The command may be gone
 * afterwards. */
void gpu_fence_settled(struct gpu_command *command);
