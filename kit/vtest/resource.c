/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
#include "kit/vtest/resource.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "kit/vtest/commands.h"
#include "util/checked.h"
#include "util/fd.h"
#include "util/shm.h"

#define PAGE 4096u

/* --- life ---------------------------------------------------------------------------------- */

struct resource *resource_find(const struct client *client, uint32_t id)
{
	struct resource *resource = idmap_find(&client->bridge->resources, id);
	return resource && resource->client == client ? resource : NULL;
}

static uint32_t choose_id(struct bridge *bridge)
{
	while (bridge->next_resource == 0 || idmap_find(&bridge->resources, bridge->next_resource))
		bridge->next_resource++;
	return bridge->next_resource++;
}

struct resource *resource_create(
	struct client *client, const struct vtest_resource_create *info, int *ret_error)
{
	struct bridge *bridge = client->bridge;
	struct resource *resource = calloc(1, sizeof(*resource));
	*ret_error = -ENOMEM;
	if (!resource)
		return NULL;
	*resource = (struct resource){ .client = client, .refs = 1, .info = *info };
	resource->id = info->handle ? info->handle : choose_id(bridge);
	list_init(&resource->written_link);
	if (idmap_insert(&bridge->resources, resource->id, resource) < 0) {
		free(resource);
		return NULL;
	}
	list_append(&client->resources, &resource->link);
	client->resource_count++;
	*ret_error = 0;
	return resource;
}

struct resource *resource_ref(struct resource *resource)
{
	resource->refs++;
	return resource;
}

void resource_unref(struct resource *resource)
{
	if (--resource->refs)
		return;
	if (resource->shared)
		munmap(resource->shared, resource->size);
	device_free(resource->client->bridge->device, resource->backing, resource->size);
	free(resource);
}

void resource_drop(struct resource *resource)
{
	struct client *client = resource->client;
	list_remove(&resource->link);
	list_remove(&resource->written_link);
	idmap_remove(&client->bridge->resources, resource->id);
	client->resource_count--;
	client->memory -= resource->size;
	resource_unref(resource);
}

static void on_unref(struct client *client, void *data, bool ok)
{
	resource_unref(data);
}

int resource_give_up(struct resource *resource)
{
	const struct virtio_gpu_resource_unref unref = {
		.hdr = kit_header(VIRTIO_GPU_CMD_RESOURCE_UNREF),
		.resource_id = resource->id,
	};
	/* its memory stays until the device has let go of it */
	int ret = client_command(
		resource->client, &unref, sizeof(unref), on_unref, resource_ref(resource));
	if (ret < 0)
		resource_unref(resource);
	else
		resource_drop(resource);
	return ret;
}

/* --- backing ------------------------------------------------------------------------------- */

static void on_attached(struct client *client, void *data, bool ok)
{
	struct resource *resource = data;
	resource->attached = ok && resource->backing;
	resource_unref(resource);
}

static int send_attach(struct resource *resource, uint64_t guest)
{
	const struct {
		struct virtio_gpu_resource_attach_backing attach;
		struct virtio_gpu_mem_entry entry;
	} command = {
		.attach = { .hdr = kit_header(VIRTIO_GPU_CMD_RESOURCE_ATTACH_BACKING),
			.resource_id = resource->id,
			.nr_entries = 1 },
		.entry = { .addr = guest, .length = (uint32_t)resource->size },
	};
	int ret = client_command(
		resource->client, &command, sizeof(command), on_attached, resource_ref(resource));
	if (ret < 0)
		resource_unref(resource);
	return ret;
}

int resource_back(struct resource *resource)
{
	struct device *device = resource->client->bridge->device;
	uint64_t guest;
	if (resource->backing)
		return 0;
	int ret = device_alloc(device, resource->size, &guest);
	if (ret < 0)
		return ret;
	ret = send_attach(resource, guest);
	if (ret < 0)
		device_free(device, guest, resource->size);
	else
		resource->backing = guest;
	return ret;
}

struct old_backing {
	uint64_t guest, size;
};

static void on_detached(struct client *client, void *data, bool ok)
{
	struct old_backing *old = data;
	device_free(client->bridge->device, old->guest, old->size);
	free(old);
}

int resource_unback(struct resource *resource)
{
	const struct virtio_gpu_resource_detach_backing detach = {
		.hdr = kit_header(VIRTIO_GPU_CMD_RESOURCE_DETACH_BACKING),
		.resource_id = resource->id,
	};
	if (!resource->backing)
		return 0;
	struct old_backing *old = malloc(sizeof(*old));
	if (!old)
		return -ENOMEM;
	*old = (struct old_backing){ resource->backing, resource->size };
	int ret = client_command(resource->client, &detach, sizeof(detach), on_detached, old);
	if (ret < 0) {
		free(old);
		return ret;
	}
	resource->backing = 0;
	resource->attached = false;
	return 0;
}

/* --- copies -------------------------------------------------------------------------------- */

int resource_put(struct resource *resource, uint64_t offset, uint64_t size)
{
	int ret = resource_back(resource);
	if (ret < 0)
		return ret;
	/* what virglrenderer keeps in its own memory it writes out when backing is attached */
	if (resource->info.bind & RESOURCE_BIND_CUSTOM && !resource->attached)
		return -EAGAIN;
	if (offset < resource->size) {
		const struct device *device = resource->client->bridge->device;
		uint8_t *backing = device_ptr(device, resource->backing, resource->size);
		memcpy(backing + offset, resource->shared + offset,
			min_u64(size, resource->size - offset));
	}
	return 0;
}

void resource_fetch(struct resource *resource, uint64_t offset, uint64_t size)
{
	if (!resource->backing || offset >= resource->size)
		return;
	const struct device *device = resource->client->bridge->device;
	const uint8_t *backing = device_ptr(device, resource->backing, resource->size);
	memcpy(resource->shared + offset, backing + offset, min_u64(size, resource->size - offset));
}

void resource_mark_written(struct resource *resource, uint64_t offset, uint64_t size)
{
	uint64_t from = min_u64(offset, resource->size);
	uint64_t to = from + min_u64(size, resource->size - from);
	if (!list_empty(&resource->written_link)) {
		from = min_u64(from, resource->written_from);
		to = to > resource->written_to ? to : resource->written_to;
		list_remove(&resource->written_link);
	}
	resource->written_from = from;
	resource->written_to = to;
	list_append(&resource->client->written, &resource->written_link);
}

void resource_fetch_written(struct client *client)
{
	list_for_each_safe (link, after, &client->written) {
		struct resource *resource = container_of(link, struct resource, written_link);
		resource_fetch(resource, resource->written_from,
			resource->written_to - resource->written_from);
		list_remove(link);
	}
}

/* --- messages ------------------------------------------------------------------------------ */

static int judge_create(const struct client *client, const struct vtest_resource_create *info)
{
	bool chooses = client->version < VTEST_PROTOCOL_VERSION;
	if (chooses != (info->handle != 0))
		return client_fail(client, EINVAL, "resource number %u with version %u",
			info->handle, client->version);
	if (chooses && idmap_find(&client->bridge->resources, info->handle))
		return client_fail(client, EEXIST, "resource number %u is in use%s", info->handle,
			resource_find(client, info->handle) ? "" : " by another program");
	if (client->resource_count == CLIENT_MAX_RESOURCES ||
		client->memory + info->data_size > CLIENT_MAX_MEMORY)
		return client_fail(client, ENOSPC, "more than %u resources or %llu bytes",
			CLIENT_MAX_RESOURCES, (unsigned long long)CLIENT_MAX_MEMORY);
	return 0;
}

/* Memory for the program to see: a descriptor, or -errno. */
static int share(struct resource *resource)
{
	uint64_t size = ((uint64_t)resource->info.data_size + PAGE - 1) / PAGE * PAGE;
	_cleanup_fd_ int fd = shm_create("vtest", size);
	if (fd < 0)
		return fd;
	void *shared = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (shared == MAP_FAILED)
		return -errno;
	resource->shared = shared;
	resource->size = size;
	resource->client->memory += size;
	return fd_steal(&fd);
}

static int send_create(const struct resource *resource)
{
	const struct vtest_resource_create *info = &resource->info;
	struct client *client = resource->client;
	const struct virtio_gpu_resource_create_3d create = {
		.hdr = kit_header(VIRTIO_GPU_CMD_RESOURCE_CREATE_3D),
		.resource_id = resource->id,
		.target = info->target,
		.format = info->format,
		.bind = info->bind,
		.width = info->width,
		.height = info->height,
		.depth = info->depth,
		.array_size = max_u32(info->array_size, 1), /* Mesa's fences have 0 */
		.last_level = info->last_level,
		.nr_samples = info->nr_samples,
	};
	const struct virtio_gpu_ctx_resource attach = {
		.hdr = kit_header_ctx(VIRTIO_GPU_CMD_CTX_ATTACH_RESOURCE, client->id),
		.resource_id = resource->id,
	};
	int ret = client_command(client, &create, sizeof(create), NULL, NULL);
	return ret < 0 ? ret : client_command(client, &attach, sizeof(attach), NULL, NULL);
}

static int make(struct client *client, uint32_t command, const struct vtest_resource_create *info)
{
	if (!device_has_room(client->bridge->device, 3))
		return -EAGAIN;
	int fd = -1;
	int ret = judge_create(client, info);
	if (ret < 0)
		return ret;
	struct resource *resource = resource_create(client, info, &ret);
	if (!resource)
		return ret;
	if (info->data_size)
		ret = fd = share(resource);
	if (ret < 0) {
		resource_drop(resource);
		return ret;
	}
	ret = send_create(resource);
	if (ret == 0 && resource->shared && info->bind & RESOURCE_BIND_CUSTOM)
		ret = resource_back(resource) == -ENOMEM ? -ENOMEM : 0; /* or else later */
	if (ret == 0 && client->version >= VTEST_PROTOCOL_VERSION)
		ret = client_reply_word(client, command, resource->id);
	if (ret == 0 && fd >= 0)
		ret = client_reply_fd(client, fd_steal(&fd));
	fd_close(&fd);
	return ret == -EAGAIN ? -ENOMEM : ret;
}

int resource_take_create(struct client *client, const uint32_t *words, uint32_t count)
{
	struct vtest_resource_create info = { 0 };
	memcpy(&info, words, VTEST_RESOURCE_CREATE_WORDS * sizeof(uint32_t));
	return make(client, VCMD_RESOURCE_CREATE, &info);
}

int resource_take_create2(struct client *client, const uint32_t *words, uint32_t count)
{
	struct vtest_resource_create info;
	memcpy(&info, words, sizeof(info));
	return make(client, VCMD_RESOURCE_CREATE2, &info);
}

int resource_take_unref(struct client *client, const uint32_t *words, uint32_t count)
{
	struct resource *resource = resource_find(client, words[0]);
	return resource ? resource_give_up(resource) : 0;
}
