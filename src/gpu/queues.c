/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
#include "gpu/queues.h"

#include <errno.h>

#include "gpu/state.h"
#include "loop/loop.h"
#include "vhost/virtqueue.h"

/* Takes and starts the next command of a queue; false when there is none now. */
static bool serve_one(struct gpu_device *device, uint32_t index)
{
	struct virtqueue *queue = device->queues.runnable[index];
	struct vq_request *request;
	if (!queue || !virtqueue_ready(queue))
		return false;
	/* Before the request is taken, so that it need not be given back. */
	struct gpu_command *command = gpu_command_create(device);
	int ret = command ? virtqueue_pop(queue, &request) : -ENOMEM;
	if (ret == 1) {
		gpu_command_start(command, request);
		return true;
	}
	if (command)
		gpu_command_discard(command);
	if (ret == -ENOMEM)
		loop_timer_arm(device->queues.retry, GPU_RETRY_MS);
	return false;
}

/* Whether the control queue has to be looked at again soon. A few commands may be much work (copies
 * of whole frames), so a portion is bounded by the clock as well. */
static bool serve_control(struct gpu_device *device)
{
	struct gpu_command *stalled = device->queues.stalled;
	uint64_t end = loop_now_ms() + GPU_CONTROL_MS;
	bool used_up = false;
	uint32_t count = 0;
	if (!gpu_renderers_have_room(device))
		return false;
	if (stalled) {
		device->queues.stalled = NULL;
		gpu_command_resume(stalled);
	}
	while (!used_up && !device->queues.stalled && gpu_renderers_have_room(device) &&
		serve_one(device, VIRTIO_GPU_QUEUE_CONTROL))
		used_up = ++count == GPU_CONTROL_PORTION || loop_now_ms() >= end;
	return device->queues.stalled || used_up;
}

static void notify(void *data)
{
	struct gpu_device *device = data;
	for (uint32_t i = 0; i < VIRTIO_GPU_QUEUES; i++) {
		struct virtqueue *queue = device->queues.completed[i];
		device->queues.completed[i] = NULL;
		if (queue && device->session)
			vhost_session_completed(device->session, queue);
	}
}

static void process(void *data)
{
	struct gpu_device *device = data;
	uint32_t count = 0;
	while (count < GPU_CURSOR_PORTION && serve_one(device, VIRTIO_GPU_QUEUE_CURSOR))
		count++;
	if (serve_control(device) || count == GPU_CURSOR_PORTION)
		gpu_queues_wake(device);
	notify(device);
}

int gpu_queues_init(struct gpu_device *device)
{
	struct gpu_queues *queues = &device->queues;
	queues->process = loop_add_deferred(device->loop, process, device);
	queues->notify = loop_add_deferred(device->loop, notify, device);
	queues->retry = loop_add_timer(device->loop, process, device);
	if (queues->process && queues->notify && queues->retry)
		return 0;
	gpu_queues_finish(device);
	return -ENOMEM;
}

void gpu_queues_finish(struct gpu_device *device)
{
	struct gpu_queues *queues = &device->queues;
	loop_source_destroy(queues->process);
	loop_source_destroy(queues->notify);
	loop_source_destroy(queues->retry);
}

void gpu_queues_ready(struct gpu_device *device, struct virtqueue *queue)
{
	device->queues.runnable[queue->index] = queue;
	gpu_queues_wake(device);
}

void gpu_queues_stop(struct gpu_device *device, uint32_t index)
{
	device->queues.runnable[index] = NULL;
}

void gpu_queues_wake(struct gpu_device *device)
{
	loop_defer_arm(device->queues.process);
}

void gpu_queues_completed(struct gpu_device *device, struct virtqueue *queue)
{
	device->queues.completed[queue->index] = queue;
	loop_defer_arm(device->queues.notify);
}

void gpu_queues_forget(struct gpu_device *device)
{
	for (uint32_t i = 0; i < VIRTIO_GPU_QUEUES; i++) {
		device->queues.runnable[i] = NULL;
		device->queues.completed[i] = NULL;
	}
}
