/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/*
 * The vtest protocol on the wire: what Mesa's virpipe (OpenGL) and venus (Vulkan) speak to a renderer in
 * another process, over a UNIX stream socket. Native byte order. Names follow virglrenderer.
 *
 * A message is a header and so many words (the name of CREATE_RENDERER is counted in bytes, and so is what is
 * behind the words of TRANSFER_PUT); only some have an answer, which has the same form. A descriptor comes with
 * a byte of its own, behind the answer it belongs to.
 */
#pragma once

#include <assert.h>
#include <stdint.h>

#define VTEST_DEFAULT_SOCKET_NAME "/tmp/.virgl_test"

/* 1 was never in use; with 2 resources are shared memory, and since 3 the server chooses their numbers. */
#define VTEST_PROTOCOL_VERSION        3u
#define VTEST_PROTOCOL_VERSION_SHM    2u
#define VTEST_PROTOCOL_VERSION_BATCH8 4u /* batches of SUBMIT_CMD2 have two words more */

struct vtest_header {
	uint32_t length;
	uint32_t command;
};
static_assert(sizeof(struct vtest_header) == 8, "wire size");

enum vtest_command {
	VCMD_GET_CAPS = 1,
	VCMD_RESOURCE_CREATE = 2,
	VCMD_RESOURCE_UNREF = 3,
	VCMD_TRANSFER_GET = 4,
	VCMD_TRANSFER_PUT = 5,
	VCMD_SUBMIT_CMD = 6,
	VCMD_RESOURCE_BUSY_WAIT = 7,
	VCMD_CREATE_RENDERER = 8,
	VCMD_GET_CAPS2 = 9,
	VCMD_PING_PROTOCOL_VERSION = 10,
	VCMD_PROTOCOL_VERSION = 11,
	/* since version 2 */
	VCMD_RESOURCE_CREATE2 = 12,
	VCMD_TRANSFER_GET2 = 13,
	VCMD_TRANSFER_PUT2 = 14,
	/* since version 3 */
	VCMD_GET_PARAM = 15,
	VCMD_GET_CAPSET = 16,
	VCMD_CONTEXT_INIT = 17,
	VCMD_RESOURCE_CREATE_BLOB = 18,
	VCMD_SYNC_CREATE = 19,
	VCMD_SYNC_UNREF = 20,
	VCMD_SYNC_READ = 21,
	VCMD_SYNC_WRITE = 22,
	VCMD_SYNC_WAIT = 23,
	VCMD_SUBMIT_CMD2 = 24,
	VCMD_MAX,
};

/* RESOURCE_CREATE, and RESOURCE_CREATE2 with a data size. */
struct vtest_resource_create {
	uint32_t handle; /* 0 since version 3 */
	uint32_t target;
	uint32_t format;
	uint32_t bind;
	uint32_t width, height, depth;
	uint32_t array_size;
	uint32_t last_level;
	uint32_t nr_samples;
	uint32_t data_size; /* of the shared memory, in bytes */
};
#define VTEST_RESOURCE_CREATE_WORDS  10u
#define VTEST_RESOURCE_CREATE2_WORDS 11u
static_assert(
	sizeof(struct vtest_resource_create) == 4 * VTEST_RESOURCE_CREATE2_WORDS, "wire size");

/* TRANSFER_GET, which is answered with so many bytes alone, and TRANSFER_PUT, which they follow. */
struct vtest_transfer {
	uint32_t handle;
	uint32_t level;
	uint32_t stride, layer_stride;
	uint32_t x, y, z;
	uint32_t width, height, depth;
	uint32_t data_size;
};
#define VTEST_TRANSFER_WORDS 11u
static_assert(sizeof(struct vtest_transfer) == 4 * VTEST_TRANSFER_WORDS, "wire size");

/* TRANSFER_GET2 and TRANSFER_PUT2: no answer, no data, whatever the header's length says. */
struct vtest_transfer2 {
	uint32_t handle;
	uint32_t level;
	uint32_t x, y, z;
	uint32_t width, height, depth;
	uint32_t data_size;
	uint32_t offset; /* into the shared memory */
};
#define VTEST_TRANSFER2_WORDS 10u
static_assert(sizeof(struct vtest_transfer2) == 4 * VTEST_TRANSFER2_WORDS, "wire size");

#define VCMD_BUSY_WAIT_FLAG_WAIT 1u

enum vtest_param {
	VCMD_PARAM_MAX_TIMELINE_COUNT = 1,
	VCMD_PARAM_HAS_TIMELINE_SYNCOBJ = 2,
};

struct vtest_resource_create_blob {
	uint32_t type; /* as virtio-gpu's blob_mem */
	uint32_t flags; /* as virtio-gpu's blob_flags */
	uint32_t size_low, size_high;
	uint32_t id_low, id_high;
};
#define VTEST_RESOURCE_CREATE_BLOB_WORDS 6u

/* SYNC_WRITE; SYNC_WAIT has any number of them behind flags and a timeout in milliseconds. */
struct vtest_sync_value {
	uint32_t id;
	uint32_t low, high;
};
#define VTEST_SYNC_VALUE_WORDS   3u
#define VTEST_SYNC_WAIT_WORDS    2u
#define VCMD_SYNC_WAIT_FLAG_ANY  1u
#define VTEST_SYNC_WAIT_NO_LIMIT INT32_MAX /* timeouts above it mean for ever */
static_assert(sizeof(struct vtest_sync_value) == 4 * VTEST_SYNC_VALUE_WORDS, "wire size");

/* SUBMIT_CMD2: their number, the batches, and what they point at; offsets are words from the number on. */
struct vtest_batch {
	uint32_t flags;
	uint32_t cmd_offset, cmd_size;
	uint32_t sync_offset, sync_count;
	uint32_t ring_idx; /* with VCMD_SUBMIT_CMD2_FLAG_RING_IDX */
};
#define VTEST_BATCH_WORDS              6u
#define VTEST_BATCH8_WORDS             8u
#define VCMD_SUBMIT_CMD2_FLAG_RING_IDX 1u
static_assert(sizeof(struct vtest_batch) == 4 * VTEST_BATCH_WORDS, "wire size");
