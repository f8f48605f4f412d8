/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/*
 * One VMM's connection: negotiated features, memory, queues, and the device behind them. The
 * transport knows nothing of GPUs; a device is a struct vhost_device_impl.
 *
 * Life of a queue: SET_VRING_NUM/ADDR/BASE and SET_FEATURES in any order, KICK judges them together
 * and starts it, ENABLE 1 lets it run (it runs at once when PROTOCOL_FEATURES was not negotiated).
 * GET_VRING_BASE stops it: the device finishes what is in flight and the answer is sent when the
 * last request is completed; the main socket pauses meanwhile, nothing else does. After
 * VHOST_DRAIN_MS the device is told to give up. It can start again, as it was or as another one.
 *
 * SET_DEVICE_STATE_FD begins to move the device's state, and everything goes on meanwhile, but for
 * the queues, which must not run. CHECK_DEVICE_STATE is answered when the state has been moved; the
 * main socket pauses until then, without a time limit, as the VMM has the other end in its hands.
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
#include <sys/types.h>

#include "vhost/backend_channel.h"
#include "vhost/memory.h"
#include "vhost/protocol.h"
#include "vhost/virtqueue.h"

#define VHOST_MAX_QUEUES 2u
#define VHOST_DRAIN_MS   1000u

struct loop;
struct vhost_session;

/* How a queue stood when it was stopped, to tell a resume from a reset. */
struct vhost_stopped {
	bool valid;
	uint16_t size;
	uint32_t base; /* virtqueue_base() */
	uint32_t footprint; /* virtqueue_footprint() */
	struct virtqueue_addresses addresses; /* the guest's */
};

/* What the transport keeps for a guest whose queues are stopped: goes into the device's state. */
struct vhost_session_state {
	uint64_t features; /* the driver's choice */
	struct vhost_stopped queues[VHOST_MAX_QUEUES];
};

/* Saving and loading the state of a device, all queues of which are stopped. One of them is under way
 * at a time, from its begin() to end(); no other calls but those for memory, features, configuration
 * and display come in between. */
struct vhost_state_impl {
	/* The session's part is to become part of the state. 0, or -errno (logged): what there is
	 * cannot be saved; end() does not follow. */
	int (*save_begin)(void *device, const struct vhost_session_state *session);
	/* The next bytes of the state, which stay where *ret_bytes is until the next call or end().
	 * How many; 0: that was all. */
	ssize_t (*save_next)(void *device, const void **ret_bytes);

	/* The device has just been reset. 0 or -errno (logged); end() does not follow then. */
	int (*load_begin)(void *device);
	/* The next bytes of the state, from whoever kept it: nothing in them is to be relied upon. 0;
	 * 1: it is whole; -errno (logged): it cannot be had here. */
	int (*load)(void *device, const void *bytes, size_t size);
	/* No more bytes come. 0, with the session's part as it was saved (its values are the
	 * caller's to judge); -errno (logged) when the state is not whole. */
	int (*load_end)(void *device, struct vhost_session_state *ret_session);

	/* The end, however it has come; when a load has failed reset() follows. */
	void (*end)(void *device);
};

/* What a device gives the transport. All are called on the loop's thread; all are required but
 * `state`, and what says otherwise. */
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
	 * before returning (asserted), unfinished ones with an error. Called with hurry == false first. */
	void (*queue_stop)(void *device, struct virtqueue *queue, bool hurry);

	/* The memory table changed: addresses resolved before have to be resolved again. */
	void (*memory_changed)(void *device, struct vhost_memory *memory);
	/* GPU_SET_SOCKET: takes sock. */
	void (*set_gpu_socket)(void *device, int sock);
	/* GET_SHARED_OBJECT: a descriptor of what the device shares under this UUID, which stays
	 * the device's, or -ENOENT. Required of devices that offer SHARED_OBJECT. */
	int (*shared_object)(void *device, const uint8_t uuid[16]);
	/* GET_SHMEM_CONFIG: writes the size in bytes of each shared memory region that the device has,
	 * by its id; the others are 0. Required of devices that offer SHMEM. */
	void (*shared_memory)(void *device, uint64_t sizes[VHOST_USER_MAX_SHMEMS]);
	/* Device reset (RESET_DEVICE, or a restart that shows one took place): all state of the
	 * guest is dropped; features, memory and GPU socket stay in force until they are set
	 * again. No request is in flight then. */
	void (*reset)(void *device);
	/* The session is over (called once, last): complete every request, drop everything. */
	void (*closed)(void *device);

	/* NULL: the state cannot be transferred, and DEVICE_STATE is not offered. */
	const struct vhost_state_impl *state;
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

/* Tells the VMM that the configuration space changed, as soon as it has answered what it was asked before. 0, or
 * -errno: -ENOTCONN when it has given no backend channel or takes no configuration from us. */
int vhost_session_config_changed(struct vhost_session *session);

/* The protocol features that the VMM has acknowledged (VHOST_BIT(VHOST_USER_PROTOCOL_F_…)). */
uint64_t vhost_session_protocol_features(const struct vhost_session *session);

/* The backend channel, or NULL while there is none. */
struct backend_channel *vhost_session_backend_channel(struct vhost_session *session);
