/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
#include "kit/venus.h"

#include <errno.h>
#include <string.h>

/* VkStructureType */
enum {
	APPLICATION_INFO = 0,
	INSTANCE_CREATE_INFO = 1,
	DEVICE_QUEUE_CREATE_INFO = 2,
	DEVICE_CREATE_INFO = 3,
	SUBMIT_INFO = 4,
	MEMORY_ALLOCATE_INFO = 5,
	BUFFER_CREATE_INFO = 12,
	COMMAND_POOL_CREATE_INFO = 39,
	COMMAND_BUFFER_ALLOCATE_INFO = 40,
	COMMAND_BUFFER_BEGIN_INFO = 42,
	DEVICE_QUEUE_INFO_2 = 1000145003,
	DEVICE_QUEUE_TIMELINE_INFO_MESA = 1000384005,
};

#define VULKAN_1_1          (1u << 22 | 1u << 12)
#define BUFFER_TRANSFER_DST 2u
#define FLOAT_ONE           0x3f800000u
#define QUEUE_RING          1u

void kit_venus_put(struct kit_venus *stream, uint32_t word)
{
	if (stream->count == KIT_VENUS_MAX_WORDS)
		stream->full = true;
	else
		stream->words[stream->count++] = word;
}

void kit_venus_put_64(struct kit_venus *stream, uint64_t value)
{
	kit_venus_put(stream, (uint32_t)value);
	kit_venus_put(stream, (uint32_t)(value >> 32));
}

void kit_venus_command(struct kit_venus *stream, uint32_t number, uint32_t flags)
{
	kit_venus_put(stream, number);
	kit_venus_put(stream, flags);
}

static void put_pointer(struct kit_venus *stream)
{
	kit_venus_put_64(stream, 1);
}

/* Of an array without elements: its size. */
static void put_null(struct kit_venus *stream)
{
	kit_venus_put_64(stream, 0);
}

/* The beginning of a structure with nothing chained to it. */
static void put_type(struct kit_venus *stream, uint32_t type)
{
	kit_venus_put(stream, type);
	put_null(stream);
}

/* A count, and an array without elements. */
static void put_none(struct kit_venus *stream)
{
	kit_venus_put(stream, 0);
	put_null(stream);
}

/* A count, and the size of the array that follows. */
static void put_one(struct kit_venus *stream)
{
	kit_venus_put(stream, 1);
	kit_venus_put_64(stream, 1);
}

/* Behind what a creation is told: no allocator, and the handle of what is created. */
static void put_created(struct kit_venus *stream, uint64_t handle)
{
	put_null(stream);
	put_pointer(stream);
	kit_venus_put_64(stream, handle);
}

static void put_place(struct kit_venus *stream, struct kit_venus_place place)
{
	kit_venus_put(stream, place.resource);
	kit_venus_put_64(stream, place.offset);
	kit_venus_put_64(stream, place.size);
}

void kit_venus_reply_to(struct kit_venus *stream, struct kit_venus_place place)
{
	kit_venus_command(stream, KIT_VENUS_SET_REPLY_STREAM, 0);
	put_pointer(stream);
	put_place(stream, place);
}

void kit_venus_execute(struct kit_venus *stream, struct kit_venus_place place)
{
	kit_venus_command(stream, KIT_VENUS_EXECUTE_STREAMS, 0);
	put_one(stream);
	put_place(stream, place);
	put_null(stream); /* places in the reply stream */
	put_none(stream); /* what it depends on */
	kit_venus_put(stream, 0);
}

void kit_venus_version(struct kit_venus *stream)
{
	kit_venus_command(stream, KIT_VENUS_ENUMERATE_INSTANCE_VERSION, KIT_VENUS_REPLY);
	put_pointer(stream);
}

static void create_instance(struct kit_venus *stream)
{
	kit_venus_command(stream, KIT_VENUS_CREATE_INSTANCE, 0);
	put_pointer(stream);
	put_type(stream, INSTANCE_CREATE_INFO);
	kit_venus_put(stream, 0);
	put_pointer(stream);
	put_type(stream, APPLICATION_INFO);
	put_null(stream); /* its name */
	kit_venus_put(stream, 0);
	put_null(stream); /* its engine's name */
	kit_venus_put(stream, 0);
	kit_venus_put(stream, VULKAN_1_1);
	put_none(stream); /* layers */
	put_none(stream); /* extensions */
	put_created(stream, KIT_VENUS_INSTANCE);
}

static void enumerate_physical_devices(struct kit_venus *stream)
{
	kit_venus_command(stream, KIT_VENUS_ENUMERATE_PHYSICAL_DEVICES, 0);
	kit_venus_put_64(stream, KIT_VENUS_INSTANCE);
	put_pointer(stream);
	put_one(stream);
	kit_venus_put_64(stream, KIT_VENUS_PHYSICAL);
}

static void create_device(struct kit_venus *stream)
{
	kit_venus_command(stream, KIT_VENUS_CREATE_DEVICE, 0);
	kit_venus_put_64(stream, KIT_VENUS_PHYSICAL);
	put_pointer(stream);
	put_type(stream, DEVICE_CREATE_INFO);
	kit_venus_put(stream, 0);
	put_one(stream); /* queues */
	put_type(stream, DEVICE_QUEUE_CREATE_INFO);
	kit_venus_put(stream, 0);
	kit_venus_put(stream, 0); /* of the first family */
	put_one(stream);
	kit_venus_put(stream, FLOAT_ONE); /* priority */
	put_none(stream); /* layers */
	put_none(stream); /* extensions */
	put_null(stream); /* features */
	put_created(stream, KIT_VENUS_DEVICE);
}

static void get_queue(struct kit_venus *stream)
{
	kit_venus_command(stream, KIT_VENUS_GET_DEVICE_QUEUE_2, 0);
	kit_venus_put_64(stream, KIT_VENUS_DEVICE);
	put_pointer(stream);
	kit_venus_put(stream, DEVICE_QUEUE_INFO_2);
	put_pointer(stream);
	put_type(stream, DEVICE_QUEUE_TIMELINE_INFO_MESA);
	kit_venus_put(stream, QUEUE_RING);
	for (uint32_t i = 0; i < 3; i++)
		kit_venus_put(stream, 0); /* flags, family, index */
	put_pointer(stream);
	kit_venus_put_64(stream, KIT_VENUS_QUEUE);
}

static void create_commands(struct kit_venus *stream)
{
	kit_venus_command(stream, KIT_VENUS_CREATE_COMMAND_POOL, 0);
	kit_venus_put_64(stream, KIT_VENUS_DEVICE);
	put_pointer(stream);
	put_type(stream, COMMAND_POOL_CREATE_INFO);
	kit_venus_put(stream, 0);
	kit_venus_put(stream, 0);
	put_created(stream, KIT_VENUS_POOL);

	kit_venus_command(stream, KIT_VENUS_ALLOCATE_COMMAND_BUFFERS, 0);
	kit_venus_put_64(stream, KIT_VENUS_DEVICE);
	put_pointer(stream);
	put_type(stream, COMMAND_BUFFER_ALLOCATE_INFO);
	kit_venus_put_64(stream, KIT_VENUS_POOL);
	kit_venus_put(stream, 0); /* primary */
	put_one(stream);
	kit_venus_put_64(stream, KIT_VENUS_COMMANDS);
}

void kit_venus_device(struct kit_venus *stream)
{
	create_instance(stream);
	enumerate_physical_devices(stream);
	create_device(stream);
	get_queue(stream);
	create_commands(stream);
}

void kit_venus_allocate(
	struct kit_venus *stream, uint64_t memory, uint64_t size, uint32_t memory_type)
{
	kit_venus_command(stream, KIT_VENUS_ALLOCATE_MEMORY, 0);
	kit_venus_put_64(stream, KIT_VENUS_DEVICE);
	put_pointer(stream);
	put_type(stream, MEMORY_ALLOCATE_INFO);
	kit_venus_put_64(stream, size);
	kit_venus_put(stream, memory_type);
	put_created(stream, memory);
}

static void bind_buffer(struct kit_venus *stream, const struct kit_venus_fill *fill)
{
	kit_venus_command(stream, KIT_VENUS_CREATE_BUFFER, 0);
	kit_venus_put_64(stream, KIT_VENUS_DEVICE);
	put_pointer(stream);
	put_type(stream, BUFFER_CREATE_INFO);
	kit_venus_put(stream, 0);
	kit_venus_put_64(stream, fill->size);
	kit_venus_put(stream, BUFFER_TRANSFER_DST);
	kit_venus_put(stream, 0); /* of one queue's */
	put_none(stream);
	put_created(stream, fill->buffer);

	kit_venus_command(stream, KIT_VENUS_BIND_BUFFER_MEMORY, 0);
	kit_venus_put_64(stream, KIT_VENUS_DEVICE);
	kit_venus_put_64(stream, fill->buffer);
	kit_venus_put_64(stream, fill->memory);
	kit_venus_put_64(stream, 0);
}

static void queue_submit(struct kit_venus *stream)
{
	kit_venus_command(stream, KIT_VENUS_QUEUE_SUBMIT, 0);
	kit_venus_put_64(stream, KIT_VENUS_QUEUE);
	put_one(stream);
	put_type(stream, SUBMIT_INFO);
	put_none(stream); /* semaphores to be waited for, */
	put_null(stream); /* and where */
	put_one(stream);
	kit_venus_put_64(stream, KIT_VENUS_COMMANDS);
	put_none(stream); /* semaphores to be signalled */
	put_null(stream); /* fence */
}

void kit_venus_fill(struct kit_venus *stream, const struct kit_venus_fill *fill)
{
	bind_buffer(stream, fill);
	kit_venus_command(stream, KIT_VENUS_BEGIN_COMMAND_BUFFER, 0);
	kit_venus_put_64(stream, KIT_VENUS_COMMANDS);
	put_pointer(stream);
	put_type(stream, COMMAND_BUFFER_BEGIN_INFO);
	kit_venus_put(stream, 0);
	put_null(stream); /* inherits nothing */

	kit_venus_command(stream, KIT_VENUS_CMD_FILL_BUFFER, 0);
	kit_venus_put_64(stream, KIT_VENUS_COMMANDS);
	kit_venus_put_64(stream, fill->buffer);
	kit_venus_put_64(stream, 0);
	kit_venus_put_64(stream, fill->size);
	kit_venus_put(stream, fill->word);

	kit_venus_command(stream, KIT_VENUS_END_COMMAND_BUFFER, 0);
	kit_venus_put_64(stream, KIT_VENUS_COMMANDS);
	queue_submit(stream);
}

int kit_venus_submit(struct kit_gpu *gpu, uint32_t ctx_id, struct kit_venus *stream)
{
	uint32_t size = stream->count * (uint32_t)sizeof(uint32_t);
	stream->count = 0;
	if (stream->full)
		return kit_fail(gpu->kit, ENOSPC, "the command stream is too long");
	return kit_gpu_submit_3d(gpu, ctx_id, stream->words, size);
}
