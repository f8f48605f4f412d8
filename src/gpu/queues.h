/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/*
 * From queues to commands. The cursor queue is always served first. The control queue is served in
 * small portions, so that other descriptors have their turn in between, and only while every
 * renderer has room for what a command may come to.
 */
#pragma once

#include <stdint.h>

struct gpu_command;
struct gpu_device;
struct virtqueue;

#define GPU_CONTROL_PORTION 64u /* requests in one round */
#define GPU_CONTROL_MS      2u /* after which no further one is started in that round */
#define GPU_CURSOR_PORTION  256u
#define GPU_RETRY_MS        10u /* when memory was short */

/* -ENOMEM. */
int gpu_queues_init(struct gpu_device *device);
void gpu_queues_finish(struct gpu_device *device);

/* There may be requests in the queue. */
void gpu_queues_ready(struct gpu_device *device, struct virtqueue *queue);

/* Nothing may be popped from it any more. */
void gpu_queues_stop(struct gpu_device *device, uint32_t index);

/* Looks at the queues again, soon: there may be room now. */
void gpu_queues_wake(struct gpu_device *device);

/* A request of the queue has been completed: the session is told at the end of the round. */
void gpu_queues_completed(struct gpu_device *device, struct virtqueue *queue);

/* The session has ended: forgets its queues. */
void gpu_queues_forget(struct gpu_device *device);
