/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/*
 * A device with the guest that drives it, for tests of src/gpu: queues made by hand in memory that
 * the test writes as a driver would, renderers of gpu_fake.h, and a display whose other end is the
 * test's. Everything here ends the case when it fails.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "display_peer.h"
#include "gpu/device.h"
#include "gpu/protocol.h"
#include "gpu_fake.h"
#include "loop/loop.h"
#include "test.h"
#include "vring.h"

#define GUEST_SIZE   (UINT64_C(32) << 20)
#define GUEST_PAGES  (UINT64_C(8) << 20) /* from here on the memory is the test's */
#define QUEUE_SIZE   256u
#define REQUEST_ROOM 1024u
#define ANSWER_ROOM  4096u

#define RIG_MAX_ENTRIES 60u /* of a blob that is created with them: what a request has room for */

#define FEATURE_BIT(bit) (UINT64_C(1) << (bit))
#define FEATURES_2D      FEATURE_BIT(VIRTIO_GPU_F_EDID)
#define FEATURES_BLOB    (FEATURES_2D | FEATURE_BIT(VIRTIO_GPU_F_RESOURCE_BLOB))
#define FEATURES_3D                                                                                \
	(FEATURES_2D | FEATURE_BIT(VIRTIO_GPU_F_VIRGL) | FEATURE_BIT(VIRTIO_GPU_F_CONTEXT_INIT))

/* What a device offers whatever its renderers can do. */
#define FEATURES_ALWAYS                                                                            \
	(FEATURES_BLOB | FEATURE_BIT(VIRTIO_GPU_F_BLOB_ALIGNMENT) |                                \
		FEATURE_BIT(VIRTIO_GPU_F_RESOURCE_UUID))

struct gpu_rig {
	struct loop *loop;
	struct gpu_device_args args;
	struct gpu_device *device;
	int open_fds; /* before all this */
	struct vhost_memory *memory;
	uint8_t *guest; /* the region's mapping: guest address 0 */
	struct virtqueue queues[VIRTIO_GPU_QUEUES];
	struct vring rings[VIRTIO_GPU_QUEUES];
	uint16_t sent_at[VIRTIO_GPU_QUEUES][QUEUE_SIZE]; /* used index then, for each head */
	struct peer display; /* only loop and sock are used */

	struct fake *fakes[GPU_MAX_RENDERERS]; /* those that are in use */
	struct {
		void (*ready)(void *data, struct renderer *renderer);
		void *data;
	} factory[GPU_MAX_RENDERERS];
	uint32_t starts, ends;
	bool start_fails;
	uint32_t memories; /* how often the factory was asked for memory */
	int memory_fails; /* the -errno that the factory has for memory; 0: it has memory */
	bool start_hangs; /* they are started and do not say that they are ready */
	int udmabuf; /* given to the device, which owns it then; -1: none */
	bool manual; /* calls of the fakes are left to the test */
	uint32_t ready; /* how often the device said it is */
};

/* With so many renderers (fake-0 has capsets 1 and 2, fake-1 has 4), ready, the queues running and
 * features chosen. Set rig->args first to have it otherwise: gpu_rig_prepare() fills it. */
void gpu_rig_prepare(struct gpu_rig *rig, uint32_t renderers);
void gpu_rig_start(struct gpu_rig *rig, uint64_t features);

/* Says that a fake knows its capsets: only needed for one that was started again. */
void gpu_rig_fake_ready(struct gpu_rig *rig, uint32_t index);

/* Ends the session and destroys everything: nothing may be left. */
void gpu_rig_finish(struct gpu_rig *rig);

/* Runs the loop until nothing happens any more. */
void gpu_rig_run(struct gpu_rig *rig);

/* The renderer dies. The guest is patient: it waits until others may be started again. */
void gpu_rig_lose(struct gpu_rig *rig, struct fake *fake);

/* Puts a request into a queue with room for an answer, and tells the device. Returns its number. */
uint16_t gpu_rig_send(
	struct gpu_rig *rig, uint32_t queue, const void *request, size_t size, uint32_t room);

/* The answer to a request when it has been given, else NULL. ret_length may be NULL. */
const struct virtio_gpu_ctrl_hdr *gpu_rig_answer(
	struct gpu_rig *rig, uint32_t queue, uint16_t number, uint32_t *ret_length);

/* Sends on the control queue, runs and returns the type of the answer, which must have come. */
uint32_t gpu_rig_do(struct gpu_rig *rig, const void *request, size_t size);

/* Sends on the control queue and runs; the answer, if any, comes by gpu_rig_answer(). */
uint16_t gpu_rig_begin(struct gpu_rig *rig, const void *request, size_t size);

enum gpu_rig_display {
	DISPLAY_OF_SESSION,
	DISPLAY_OF_VIEWER,
};

/* Gives the device a new display; the test has the other end in rig->display. */
void gpu_rig_show(struct gpu_rig *rig, enum gpu_rig_display kind);

/* Answers the display's first question. */
void gpu_rig_display_begin(struct gpu_rig *rig, uint64_t features);

/* Frequent commands; each returns the type of the answer. */
uint32_t gpu_rig_create_2d(struct gpu_rig *rig, uint32_t id, uint32_t w, uint32_t h);
uint32_t gpu_rig_create_3d(struct gpu_rig *rig, uint32_t id, uint32_t w, uint32_t h);
uint32_t gpu_rig_attach_backing(
	struct gpu_rig *rig, uint32_t id, uint64_t address, uint32_t length);
uint32_t gpu_rig_detach_backing(struct gpu_rig *rig, uint32_t id);
uint32_t gpu_rig_unref(struct gpu_rig *rig, uint32_t id);
uint32_t gpu_rig_transfer_2d(struct gpu_rig *rig, uint32_t id, uint32_t w, uint32_t h);
uint32_t gpu_rig_set_scanout(
	struct gpu_rig *rig, uint32_t scanout, uint32_t id, const struct rect *rect);
uint32_t gpu_rig_flush(struct gpu_rig *rig, uint32_t id, const struct rect *rect);
uint32_t gpu_rig_ctx_create(struct gpu_rig *rig, uint32_t ctx, uint32_t capset);
uint32_t gpu_rig_ctx_destroy(struct gpu_rig *rig, uint32_t ctx);
uint32_t gpu_rig_ctx_attach(struct gpu_rig *rig, uint32_t ctx, uint32_t id);
uint32_t gpu_rig_ctx_detach(struct gpu_rig *rig, uint32_t ctx, uint32_t id);
uint32_t gpu_rig_submit(struct gpu_rig *rig, uint32_t ctx, uint32_t word);
uint32_t gpu_rig_transfer_3d(struct gpu_rig *rig, uint32_t type, uint32_t ctx, uint32_t id);

/* A blob of guest memory: in one piece from address on (0: without memory), or in these. */
uint32_t gpu_rig_create_blob(struct gpu_rig *rig, uint32_t id, uint64_t size, uint64_t address);
uint32_t gpu_rig_create_blob_of(struct gpu_rig *rig, uint32_t id, uint64_t size,
	const struct virtio_gpu_mem_entry *entries, uint32_t count);

/* A picture of X8R8G8B8 in a blob, of these sides, from offset on. */
struct virtio_gpu_set_scanout_blob gpu_rig_picture(
	uint32_t id, uint32_t w, uint32_t h, uint32_t stride, uint32_t offset);
uint32_t gpu_rig_set_scanout_blob(
	struct gpu_rig *rig, uint32_t scanout, const struct virtio_gpu_set_scanout_blob *picture);

/* The same without waiting for the answer; fenced on the global timeline when fence is not 0. */
uint16_t gpu_rig_begin_submit(struct gpu_rig *rig, uint32_t ctx, uint64_t fence);

/* The state of the device as the transport saves and loads it (vhost_device_impl::state). */
struct gpu_rig_state {
	uint8_t *bytes; /* the test's to free */
	size_t size;
};

/* 0 or -errno; an error leaves *ret_state as it was. */
int gpu_rig_save(struct gpu_rig *rig, const struct vhost_session_state *session,
	struct gpu_rig_state *ret_state);

/* Resets the device first and, when it fails, afterwards. At most `piece` bytes at a time. */
int gpu_rig_load(struct gpu_rig *rig, const struct gpu_rig_state *state, size_t piece,
	struct vhost_session_state *ret_session);

/* A table with the rig's memory at another guest address, for memory_changed. */
struct vhost_memory *gpu_rig_other_memory(struct gpu_rig *rig, uint64_t address);
