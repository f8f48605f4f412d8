/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
#include "kit/vtest/stream.h"

#include <errno.h>

#include "kit/virgl.h"
#include "kit/vtest/resource.h"
#include "util/checked.h"

#define MAX_QUERIES 65536u

/* Words of the commands, their header being word 0. */
enum {
	TRANSFER_RESOURCE = 1,
	TRANSFER_STRIDE = 4,
	TRANSFER_LAYER_STRIDE = 5,
	TRANSFER_WIDTH = 9,
	TRANSFER_HEIGHT = 10,
	TRANSFER_DEPTH = 11,
	TRANSFER_OFFSET = 12,
	TRANSFER_DIRECTION = 13,
	COPY_SOURCE = 12,
	COPY_OFFSET = 13,
	COPY_FLAGS = 14,
	QUERY_HANDLE = 1,
	QUERY_RESOURCE = 4,
	RESULT_RESOURCE = 1, /* of the commands that only write something there */
};

#define DIRECTION_FROM_HOST 2u
#define COPY_FROM_HOST      2u

static uint32_t command_of(uint32_t header)
{
	return header & 0xff;
}

static uint32_t object_of(uint32_t header)
{
	return header >> 8 & 0xff;
}

static uint32_t length_of(uint32_t header)
{
	return header >> 16;
}

/* The client's resource, if there is something shared with it. */
static struct resource *find(const struct client *client, uint32_t id)
{
	struct resource *resource = resource_find(client, id);
	return resource && resource->shared ? resource : NULL;
}

/* How far behind its offset a transfer of this box reaches, at most. A stride of 0 stands for one that only the
 * renderer knows. */
static uint64_t reach(const struct client *client, const uint32_t *words)
{
	const struct resource *target = resource_find(client, words[TRANSFER_RESOURCE]);
	uint64_t stride = words[TRANSFER_STRIDE], layer = words[TRANSFER_LAYER_STRIDE];
	uint64_t depth = words[TRANSFER_DEPTH];
	if (target && target->info.target == RESOURCE_BUFFER)
		return words[TRANSFER_WIDTH];
	if (stride == 0 || (depth > 1 && layer == 0))
		return UINT64_MAX;
	return depth > 1 ? layer * depth : stride * words[TRANSFER_HEIGHT];
}

static int move(struct resource *resource, uint64_t offset, uint64_t size, bool from_host)
{
	/* what is written may have gaps, which have to come back as they are */
	int ret = resource_put(resource, offset, size);
	if (ret == 0 && from_host)
		resource_mark_written(resource, offset, size);
	return ret;
}

static int see_transfer(struct client *client, const uint32_t *words)
{
	struct resource *resource = find(client, words[TRANSFER_RESOURCE]);
	return resource ? move(resource, words[TRANSFER_OFFSET], reach(client, words),
				  words[TRANSFER_DIRECTION] == DIRECTION_FROM_HOST)
			: 0;
}

static int see_copy(struct client *client, const uint32_t *words)
{
	struct resource *resource = find(client, words[COPY_SOURCE]);
	return resource ? move(resource, words[COPY_OFFSET], reach(client, words),
				  words[COPY_FLAGS] & COPY_FROM_HOST)
			: 0;
}

static int see_written(struct client *client, const uint32_t *words)
{
	struct resource *resource = find(client, words[RESULT_RESOURCE]);
	return resource ? move(resource, 0, UINT64_MAX, true) : 0;
}

/* A query's result goes to the resource that it was made with. */
static int see_create(struct client *client, const uint32_t *words)
{
	if (object_of(words[0]) != KIT_VIRGL_QUERY || length_of(words[0]) < QUERY_RESOURCE)
		return 0;
	uint32_t handle = words[QUERY_HANDLE];
	idmap_remove(&client->queries, handle);
	if (client->queries.count == MAX_QUERIES || words[QUERY_RESOURCE] == 0)
		return 0;
	void *resource = (void *)(uintptr_t)words[QUERY_RESOURCE];
	return idmap_insert(&client->queries, handle, resource);
}

static int see_destroy(struct client *client, const uint32_t *words)
{
	if (object_of(words[0]) == KIT_VIRGL_QUERY)
		idmap_remove(&client->queries, words[QUERY_HANDLE]);
	return 0;
}

static int see_result(struct client *client, const uint32_t *words)
{
	uintptr_t id = (uintptr_t)idmap_find(&client->queries, words[QUERY_HANDLE]);
	struct resource *resource = find(client, (uint32_t)id);
	return resource ? move(resource, 0, UINT64_MAX, true) : 0;
}

static const struct {
	uint32_t words; /* behind the header, at least */
	int (*see)(struct client *client, const uint32_t *words);
} commands[] = {
	[KIT_VIRGL_CREATE_OBJECT] = { 1, see_create },
	[KIT_VIRGL_DESTROY_OBJECT] = { QUERY_HANDLE, see_destroy },
	[KIT_VIRGL_GET_QUERY_RESULT] = { QUERY_HANDLE, see_result },
	[KIT_VIRGL_TRANSFER3D] = { TRANSFER_DIRECTION, see_transfer },
	[KIT_VIRGL_COPY_TRANSFER3D] = { COPY_FLAGS, see_copy },
	[KIT_VIRGL_GET_MEMORY_INFO] = { RESULT_RESOURCE, see_written },
	[KIT_VIRGL_GET_PIPE_RESOURCE_LAYOUT] = { RESULT_RESOURCE, see_written },
};

int stream_prepare(struct client *client, const uint32_t *words, uint32_t count)
{
	int ret = 0;
	for (uint32_t at = 0; at < count && ret == 0;) {
		const uint32_t *command = words + at;
		uint32_t number = command_of(*command), length = length_of(*command);
		if (length >= count - at)
			break;
		if (number < ARRAY_SIZE(commands) && commands[number].see &&
			length >= commands[number].words)
			ret = commands[number].see(client, command);
		at += 1 + length;
	}
	return ret;
}
