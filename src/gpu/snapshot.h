/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/*
 * The state of a device in bytes: what a VMM keeps of it in a snapshot, and gives to another process
 * later.
 *
 * There is no 3D in it: as long as the guest has contexts or 3D resources, or a renderer has the
 * picture of a 2D one, nothing can be saved. All else that a guest can see of the device is the same
 * afterwards: features, queue positions, resources with their pixels, backing and UUIDs, scanouts,
 * cursors, events. Not part of it are options of the program; a device whose options promise less
 * than what the guest was told does not load the state.
 *
 * Format, version 1. All numbers are little-endian, without gaps but for the `zero` members:
 *
 *	struct gpu_snapshot_header
 *	sections: a struct gpu_snapshot_section each, then as many bytes as it says: the struct that
 *		belongs to its type, and for some types more
 *	the last section is END; nothing follows
 *
 * Sections come in the order of their types. Those marked with 1 are there once, the others as often
 * as there is something to say. A reader refuses types and versions that it does not know.
 *
 * Who gives a state to be loaded is not trusted: every number in it is judged like those of a guest's
 * commands, and by the same functions.
 */
#pragma once

#include <assert.h>
#include <stdint.h>

#include "gpu/protocol.h"
#include "vhost/session.h"

#define GPU_SNAPSHOT_MAGIC   "vgpustat" /* 8 bytes, without the NUL */
#define GPU_SNAPSHOT_VERSION 1u

struct gpu_snapshot_header {
	uint8_t magic[8];
	uint32_t version;
	uint32_t zero;
};
static_assert(sizeof(struct gpu_snapshot_header) == 16, "format");

enum gpu_snapshot_type {
	GPU_SNAPSHOT_SESSION = 0x100, /* 1: struct gpu_snapshot_session */
	GPU_SNAPSHOT_DEVICE = 0x200, /* 1: struct gpu_snapshot_device */
	/* At most one: struct gpu_snapshot_outputs, if the guest has ever asked for them. */
	GPU_SNAPSHOT_OUTPUTS = 0x280,
	/* struct gpu_snapshot_resource_2d, then `entries` of struct virtio_gpu_mem_entry, then the
	 * pixels as virtio orders their bytes, row after row. In the order of their creation. */
	GPU_SNAPSHOT_RESOURCE_2D = 0x300,
	/* struct gpu_snapshot_blob, then `entries` of struct virtio_gpu_mem_entry. In the order
	 * of their creation. */
	GPU_SNAPSHOT_BLOB = 0x310,
	/* struct gpu_snapshot_uuid: of a resource above, in the same order. */
	GPU_SNAPSHOT_UUID = 0x380,
	GPU_SNAPSHOT_SCANOUT = 0x400, /* struct gpu_snapshot_scanout; by their ids */
	/* struct gpu_snapshot_scanout_blob; by their ids, which no section above has */
	GPU_SNAPSHOT_SCANOUT_BLOB = 0x410,
	/* struct gpu_snapshot_cursor, then the image if there is one: a8r8g8b8, side x side pixels of
	 * the display protocol. By the ids of their scanouts. */
	GPU_SNAPSHOT_CURSOR = 0x500,
	GPU_SNAPSHOT_END = 0xffff, /* 1 */
};

struct gpu_snapshot_section {
	uint32_t type;
	uint32_t zero;
	uint64_t length; /* of what follows */
};
static_assert(sizeof(struct gpu_snapshot_section) == 16, "format");

/* What the transport keeps for the guest (struct vhost_session_state). */
struct gpu_snapshot_session {
	uint64_t features;
	struct gpu_snapshot_queue {
		uint64_t descriptors, available, used; /* the guest's addresses */
		uint32_t valid; /* 0: the others are 0 */
		uint32_t size;
		uint32_t base; /* as GET_VRING_BASE says it */
		uint32_t footprint; /* what the device has written into the rings last */
	} queues[VIRTIO_GPU_QUEUES];
};
static_assert(sizeof(struct gpu_snapshot_session) == 88, "format");

struct gpu_snapshot_device {
	uint32_t scanouts; /* as the configuration space says */
	uint32_t events_read;
	uint64_t capsets; /* bit n: the driver was told of capset n */
};
static_assert(sizeof(struct gpu_snapshot_device) == 16, "format");

/* What the guest knows of its outputs; others that this device has become an event. */
struct gpu_snapshot_outputs {
	struct virtio_gpu_display_one modes[VIRTIO_GPU_MAX_SCANOUTS];
};
static_assert(sizeof(struct gpu_snapshot_outputs) == 384, "format");

struct gpu_snapshot_resource_2d {
	uint32_t id;
	uint32_t format;
	uint32_t width;
	uint32_t height;
	uint32_t entries; /* 0: no backing is attached */
	uint32_t zero;
};
static_assert(sizeof(struct gpu_snapshot_resource_2d) == 24, "format");

struct gpu_snapshot_scanout {
	uint32_t scanout;
	uint32_t resource;
	struct virtio_gpu_rect rect;
};
static_assert(sizeof(struct gpu_snapshot_scanout) == 24, "format");

/* Of guest memory, whose bytes are not part of the state. */
struct gpu_snapshot_blob {
	uint32_t id;
	uint32_t flags;
	uint64_t size;
	uint32_t entries; /* 0: no backing is attached */
	uint32_t zero;
};
static_assert(sizeof(struct gpu_snapshot_blob) == 24, "format");

struct gpu_snapshot_uuid {
	uint32_t resource;
	uint32_t zero;
	uint8_t uuid[16];
};
static_assert(sizeof(struct gpu_snapshot_uuid) == 24, "format");

struct gpu_snapshot_scanout_blob {
	uint32_t scanout;
	uint32_t resource;
	struct virtio_gpu_rect rect;
	uint32_t width, height;
	uint32_t format;
	uint32_t stride, offset;
	uint32_t zero;
};
static_assert(sizeof(struct gpu_snapshot_scanout_blob) == 48, "format");

struct gpu_snapshot_cursor {
	uint32_t scanout;
	uint32_t x, y;
	uint32_t hot_x, hot_y;
	uint32_t visible;
	uint32_t has_image;
	uint32_t zero;
};
static_assert(sizeof(struct gpu_snapshot_cursor) == 32, "format");

/* For struct vhost_device_impl::state; devices are struct gpu_device. */
extern const struct vhost_state_impl gpu_snapshot_impl;
