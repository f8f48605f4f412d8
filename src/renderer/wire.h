/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/*
 * What the device process and a renderer process say to each other. Both come from the same build, so
 * there is one version; RENDERER_WIRE_VERSION changes with any change here and is checked at start.
 *
 * Ring: a submission is one operation of renderer.h. A completion with the same cookie finishes its
 * call. Cookie 0: nobody waits, no completion.
 *
 * Socket (SEQPACKET): the device sends WIRE_HELLO with the ring's three descriptors; the renderer
 * answers with a WIRE_CAPSET for each capset and then WIRE_READY. Later packets carry one descriptor
 * each for a record that has WIRE_FLAG_FD: in the order of those records, sent before the record is
 * pushed. Nothing else is said on it; closing it ends the renderer.
 */
#pragma once

#include <assert.h>
#include <stdint.h>

#include "renderer/renderer.h"

#define RENDERER_WIRE_VERSION 4u

enum wire_op {
	WIRE_NOP,
	WIRE_REGION_ADD, /* FLAG_FD */
	WIRE_REGION_REMOVE,
	WIRE_CONTEXT_CREATE,
	WIRE_CONTEXT_DESTROY,
	WIRE_CONTEXT_ATTACH,
	WIRE_CONTEXT_DETACH,
	WIRE_SUBMIT, /* data: the stream */
	WIRE_RESOURCE_CREATE,
	WIRE_RESOURCE_CREATE_BLOB,
	WIRE_RESOURCE_UNREF,
	WIRE_RESOURCE_SET_BACKING, /* data: struct renderer_span[] */
	WIRE_TRANSFER,
	WIRE_READ_BACK,
	WIRE_EXPORT_IMAGE,
	WIRE_FENCE,
	WIRE_OP_COUNT
};

#define WIRE_FLAG_FD 1u

struct wire_region {
	uint32_t id;
	uint32_t padding;
	uint64_t offset;
	uint64_t size;
};

struct wire_ids {
	uint32_t context;
	uint32_t resource;
	int32_t ring;
};

struct wire_submission {
	uint32_t op; /* enum wire_op */
	uint32_t flags;
	uint64_t cookie;
	uint64_t data_position;
	uint32_t data_size;
	uint32_t padding;
	union {
		struct wire_region region;
		struct wire_ids
			ids; /* context_*, submit, resource_unref, _set_backing, export, fence */
		struct renderer_context_args context;
		struct renderer_resource_args resource;
		struct renderer_blob_args blob;
		struct renderer_transfer_args transfer;
		struct renderer_read_back_args read_back;
		uint8_t bytes[96];
	};
};
static_assert(sizeof(struct wire_submission) == 128, "two cache lines");

/* An exported image; its descriptors are one (planes share it) and come with FLAG_FD. */
struct wire_image {
	uint32_t width, height;
	uint32_t fourcc;
	uint32_t planes;
	uint32_t strides[IMAGE_MAX_PLANES];
	uint32_t offsets[IMAGE_MAX_PLANES];
	uint64_t modifier;
	uint32_t y_0_top;
	uint32_t padding;
};

/* Memory of a blob; its descriptor comes with FLAG_FD. */
struct wire_memory {
	uint64_t offset;
	uint32_t map_info;
	uint32_t padding;
};

struct wire_completion {
	uint64_t cookie;
	int32_t status; /* 0 or -errno */
	uint32_t flags;
	union {
		struct wire_image image; /* export_image */
		struct wire_memory memory; /* resource_create_blob, with FLAG_FD */
		uint8_t bytes[112];
	};
};
static_assert(sizeof(struct wire_completion) == 128, "two cache lines");

enum wire_packet_type {
	WIRE_HELLO = 1,
	WIRE_CAPSET,
	WIRE_READY,
	WIRE_FD,
};

struct wire_packet {
	uint32_t type; /* enum wire_packet_type */
	uint32_t version; /* HELLO, READY: RENDERER_WIRE_VERSION */
	uint32_t capset_id; /* CAPSET */
	uint32_t max_version; /* CAPSET */
	uint32_t size; /* CAPSET: bytes that follow */
	uint32_t can_export; /* READY */
	uint32_t can_map; /* READY */
};

#define WIRE_PACKET_MAX (sizeof(struct wire_packet) + RENDERER_MAX_CAPSET_SIZE)
