/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/*
 * One VMM's connection: negotiated features, memory, queues, and the device behind them. The
 * transport knows nothing of GPUs; a device is a struct vhost_device_impl.
 *
 * Life of a queue: SET_VRING_NUM/ADDR/BASE in any order, KICK starts it, ENABLE 1 lets it run (it
 * runs at once when PROTOCOL_FEATURES was not negotiated). GET_VRING_BASE stops it: the device
 * finishes what is in flight and the answer is sent when the last request is completed; the main
 * socket pauses meanwhile, nothing else does. After VHOST_DRAIN_MS the device is told to give up.
 *
 * A request that breaks the protocol (unknown, wrong size, wrong number of descriptors, a feature
 * not negotiated, an index out of range) closes the session with one log line. A request the host
 * cannot carry out (mmap fails) is answered with an error when REPLY_ACK asks for an answer, and
 * closes the session otherwise.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "vhost/backend_channel.h"
#include "vhost/memory.h"
#include "vhost/protocol.h"
#include "vhost/virtqueue.h"

#define VHOST_MAX_QUEUES 2u
#define VHOST_DRAIN_MS   1000u

struct loop;
struct vhost_session;

/* What a device gives the transport. All are called on the loop's thread; all are required. */
struct vhost_device_impl {
	uint32_t queues; /* how many, at most VHOST_MAX_QUEUES */
	uint32_t config_size; /* bytes of configuration space, at most VHOST_USER_MAX_CONFIG_SIZE */

	/* The device's virtio feature bits (0-23, 50-63) on offer; the transport adds its own. */
	uint64_t (*features)(void *device);
	/* The driver's choice, device-specific and transport bits; may come again after a reset. */
	void (*set_features)(void *device, uint64_t features);
	/* Further protocol features that the device can serve
	 * (VHOST_BIT(VHOST_USER_PROTOCOL_F_…)). */
	uint64_t (*protocol_features)(void *device);

	/* Writes the whole configuration space (config_size bytes). */
	void (*read_config)(void *device, uint8_t *config);
	/* The driver wrote [offset, offset + size), inside the configuration space. */
	void (*write_config)(void *device, uint32_t offset, const uint8_t *bytes, uint32_t size);

	/* The queue may have requests to pop (a kick, or it has just been started or enabled). */
	void (*queue_ready)(void *device, struct virtqueue *queue);
	/* The queue stops: nothing more can be popped from it; hurry: complete all requests of it
	 * before returning, unfinished ones with an error. Called with hurry == false first. */
	void (*queue_stop)(void *device, struct virtqueue *queue, bool hurry);

	/* The memory table changed: addresses resolved before have to be resolved again. */
	void (*memory_changed)(void *device, struct vhost_memory *memory);
	/* GPU_SET_SOCKET: takes sock. */
	void (*set_gpu_socket)(void *device, int sock);
	/* Device reset (RESET_DEVICE, or a restart that shows one took place): all state of the
	 * guest is dropped; features, memory and GPU socket stay in force until they are set
	 * again. No request is in flight then. */
	void (*reset)(void *device);
	/* The session is over (called once, last): complete every request, drop everything. */
	void (*closed)(void *device);
};

struct vhost_session_args {
	struct loop *loop;
	int sock; /* taken */
	const struct vhost_device_impl *impl;
	void *device;
	bool memory_slots; /* offer CONFIGURE_MEM_SLOTS */
	void (*ended)(void *data); /* from the loop, after impl->closed: destroy the session */
	void *data;
};

/* NULL when memory is short (sock is closed then, too). */
struct vhost_session *vhost_session_create(const struct vhost_session_args *args);

/* Calls impl->closed when the session is still open. NULL is fine. */
void vhost_session_destroy(struct vhost_session *session);

/* The table now in force; never NULL (it may be empty). Not a new reference. */
struct vhost_memory *vhost_session_memory(struct vhost_session *session);

/* To be called by the device whenever it has completed requests of a queue: sends the interrupt if
 * the driver wants one, and answers a GET_VRING_BASE that waited for the last of them. */
void vhost_session_completed(struct vhost_session *session, struct virtqueue *queue);

/* Tells the VMM that the configuration space changed. 0, or -ENOTCONN without a backend channel. */
int vhost_session_config_changed(struct vhost_session *session);

/* The protocol features that the VMM has acknowledged (VHOST_BIT(VHOST_USER_PROTOCOL_F_…)). */
uint64_t vhost_session_protocol_features(const struct vhost_session *session);

/* The backend channel, or NULL while there is none. */
struct backend_channel *vhost_session_backend_channel(struct vhost_session *session);
