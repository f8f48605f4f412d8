/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/*
 * A writer of venus command streams: the few commands of Vulkan that show whether a renderer of it works, and
 * whose memory is the guest's as well.
 *
 * A command is its number and a word of flags, then its parameters: numbers as they are, handles (chosen by whoever
 * writes) and sizes of arrays in 64 bits, each pointer as 1 or 0 in 64 bits and what it points to behind it. What it
 * returns is written, if it is asked for, to the reply stream: a piece of a resource of the context.
 */
#pragma once

#include "kit/gpu.h"

#define KIT_VENUS_MAX_WORDS 1024u
#define KIT_VENUS_REPLY     1u /* a command's flag: write what it returns */

enum kit_venus_number {
	KIT_VENUS_CREATE_INSTANCE = 0,
	KIT_VENUS_ENUMERATE_PHYSICAL_DEVICES = 2,
	KIT_VENUS_CREATE_DEVICE = 11,
	KIT_VENUS_QUEUE_SUBMIT = 18,
	KIT_VENUS_ALLOCATE_MEMORY = 21,
	KIT_VENUS_FREE_MEMORY = 22,
	KIT_VENUS_BIND_BUFFER_MEMORY = 28,
	KIT_VENUS_CREATE_BUFFER = 50,
	KIT_VENUS_CREATE_COMMAND_POOL = 85,
	KIT_VENUS_ALLOCATE_COMMAND_BUFFERS = 88,
	KIT_VENUS_BEGIN_COMMAND_BUFFER = 90,
	KIT_VENUS_END_COMMAND_BUFFER = 91,
	KIT_VENUS_CMD_FILL_BUFFER = 118,
	KIT_VENUS_ENUMERATE_INSTANCE_VERSION = 137,
	KIT_VENUS_GET_DEVICE_QUEUE_2 = 155,
	KIT_VENUS_SET_REPLY_STREAM = 178,
	KIT_VENUS_EXECUTE_STREAMS = 180,
	KIT_VENUS_CREATE_RING = 188,
};

/* A stream under construction; zeroed: empty. What does not fit any more makes it `full`. */
struct kit_venus {
	uint32_t count;
	bool full;
	uint32_t words[KIT_VENUS_MAX_WORDS];
};

/* A piece of a resource that is attached to the context. */
struct kit_venus_place {
	uint32_t resource;
	uint64_t offset, size;
};

/* --- words --------------------------------------------------------------------------------- */

void kit_venus_command(struct kit_venus *stream, uint32_t number, uint32_t flags);
void kit_venus_put(struct kit_venus *stream, uint32_t word);
void kit_venus_put_64(struct kit_venus *stream, uint64_t value); /* handles, sizes, pointers */

/* --- commands ------------------------------------------------------------------------------ */

/* What commands return is written there from now on, one after the other. */
void kit_venus_reply_to(struct kit_venus *stream, struct kit_venus_place place);

/* Carries out the commands that are there. */
void kit_venus_execute(struct kit_venus *stream, struct kit_venus_place place);

/* Needs nothing; returns KIT_VENUS_VERSION_WORDS: its number, 0, a pointer, and the version. */
#define KIT_VENUS_VERSION_WORDS 5u
void kit_venus_version(struct kit_venus *stream);

/* Handles of what every guest of Vulkan has: all are made by kit_venus_device(), of the first physical device. */
enum kit_venus_handle {
	KIT_VENUS_INSTANCE = 0x1000,
	KIT_VENUS_PHYSICAL,
	KIT_VENUS_DEVICE,
	KIT_VENUS_QUEUE, /* its timeline is ring 1 of the context */
	KIT_VENUS_POOL,
	KIT_VENUS_COMMANDS,
	KIT_VENUS_FREE_HANDLE, /* and what follows is the caller's */
};
void kit_venus_device(struct kit_venus *stream);

/* Memory of the device: its handle is the blob_id of the blob that can be made of it. */
void kit_venus_allocate(
	struct kit_venus *stream, uint64_t memory, uint64_t size, uint32_t memory_type);

/* Has the GPU fill such memory, through a buffer with this handle. */
struct kit_venus_fill {
	uint64_t memory, buffer, size;
	uint32_t word;
};
void kit_venus_fill(struct kit_venus *stream, const struct kit_venus_fill *fill);

/* SUBMIT_3D: the response's type or -errno. The stream is empty afterwards. */
int kit_venus_submit(struct kit_gpu *gpu, uint32_t ctx_id, struct kit_venus *stream);
