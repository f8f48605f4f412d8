/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/*
 * The virtio-gpu device behind the bridge: a machine of the kit whose answers come through the loop, so that
 * any number of commands are under way and nobody waits for one.
 */
#pragma once

#include "kit/machine.h"
#include "loop/loop.h"

#define DEVICE_MAX_CAPSETS 16u

/* The guest's memory: one region for rings and commands, one for the backing of resources. */
#define DEVICE_BACKING_REGION 1u

struct device_capset {
	uint32_t id;
	uint32_t version;
	uint32_t size; /* a multiple of 4 */
	uint8_t *data;
};

struct device_args {
	struct loop *loop;
	const char *backend; /* the command line that starts one; NULL: */
	const char *connect; /* the socket of one that runs */
	uint64_t backing; /* bytes of guest memory for resources */
	/* After answers have been dealt with. */
	void (*progress)(void *data);
	/* The backend is gone or has broken the protocol (logged). */
	void (*lost)(void *data);
	void *data;
};

struct device {
	struct device_args args;
	struct kit kit; /* of a backend that was there before */
	struct kit_backend *backend; /* the same */
	struct kit_machine *machine;
	struct loop_source *answers, *hangup, *channel, *log_timer;
	int channel_fd; /* owned: the kit closes its own when the backend does */
	struct list ops; /* device_op::link, oldest first */
	uint32_t op_count;
	uint64_t last_fence;
	bool unkicked;
	struct device_capset capsets[DEVICE_MAX_CAPSETS];
	uint32_t capset_count;
};

/* A command under way. */
struct device_op {
	struct list link;
	struct kit_command *command;
	/* Called once, with the type of the response or -errno. */
	void (*done)(struct device_op *op, int type);
	void *owner;
	void *data;
};

/* Starts or connects to a backend and its device. NULL on failure (logged). */
struct device *device_create(const struct device_args *args);

/* Forgets all commands under way: each is done, with -ECANCELED. */
void device_cancel(struct device *device);

/* Ends it; nothing may be under way. Returns how many things were not right in the end, as kit_machine_destroy(). NULL is fine. */
int device_destroy(struct device *device);

/* Is there room for so many commands? */
bool device_has_room(const struct device *device, uint32_t commands);

/* Sends a command; the device hears of it with device_flush(). The op is a model for the one that is made. 0;
 * -EAGAIN when there will be room later, -ENOMEM when there will not. */
int device_send(
	struct device *device, const struct kit_request *request, const struct device_op *op);

/* The backing of a resource: guest memory, zeroed. 0 in place of an address as with device_send(). */
int device_alloc(struct device *device, uint64_t size, uint64_t *ret_guest);

/* Gives it, and its pages, back. */
void device_free(struct device *device, uint64_t guest, uint64_t size);

static inline void *device_ptr(const struct device *device, uint64_t guest, uint64_t size)
{
	return kit_ptr(&device->machine->memory, guest, size);
}

/* Kicks, when something was sent. */
void device_flush(struct device *device);

/* The capability set, or NULL. */
const struct device_capset *device_capset(const struct device *device, uint32_t id);

static inline bool device_feature(const struct device *device, int feature)
{
	return kit_vmm_feature(&device->machine->vmm, feature);
}
