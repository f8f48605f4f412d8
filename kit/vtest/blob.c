/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
#include "kit/vtest/blob.h"

#include <errno.h>
#include <string.h>

#include "kit/vtest/commands.h"
#include "kit/vtest/resource.h"
#include "util/checked.h"
#include "util/fd.h"

#define HOST_VISIBLE 1u /* the shared memory region (virtio 1.4, 5.7.6.10) */
#define PLACE        0u /* in it */

/* --- unmapping ----------------------------------------------------------------------------- */

static void on_unmapped(struct device_op *op, int type)
{
	struct bridge *bridge = op->owner;
	bridge->mapping = BRIDGE_MAPS_NOTHING;
}

void blob_go_on(struct bridge *bridge)
{
	if (bridge->mapping != BRIDGE_HAS_MAPPED)
		return;
	const struct virtio_gpu_resource_unmap_blob unmap = {
		.hdr = kit_header(VIRTIO_GPU_CMD_RESOURCE_UNMAP_BLOB),
		.resource_id = bridge->mapped,
	};
	const struct kit_request request = { .head = &unmap, .head_size = sizeof(unmap) };
	const struct device_op op = { .done = on_unmapped, .owner = bridge };
	/* of a blob that is gone there is nothing to unmap, which the device says */
	if (device_send(bridge->device, &request, &op) == 0)
		bridge->mapping = BRIDGE_UNMAPS;
}

/* --- mapping ------------------------------------------------------------------------------- */

/* The program's own mapping begins where the file does: where that would not be right it gets something that
 * cannot be mapped, which Mesa makes a proper error of. */
static int hand_over(struct client *client, uint32_t id, int *fd, uint64_t offset)
{
	if (*fd >= 0 && offset) {
		client_fail(client, ENOTSUP,
			"it cannot map memory that begins %llu bytes into its file, as software "
			"Vulkan has it",
			(unsigned long long)offset);
		fd_close(fd);
		*fd = fd_eventfd();
	}
	if (*fd < 0)
		return client_fail(client, EPROTO, "there is no descriptor of a blob");
	int ret = client_reply_word(client, VCMD_RESOURCE_CREATE_BLOB, id);
	return ret < 0 ? ret : client_reply_fd(client, fd_steal(fd));
}

static void on_mapped(struct client *client, void *data, bool ok)
{
	struct bridge *bridge = client->bridge;
	uint64_t offset = 0;
	bridge->mapping = ok ? BRIDGE_HAS_MAPPED : BRIDGE_MAPS_NOTHING;
	if (!ok || client->sock < 0)
		return;
	_cleanup_fd_ int fd = kit_channel_shmem_fd(
		&bridge->device->machine->vmm.channel, HOST_VISIBLE, PLACE, &offset);
	client->wait = CLIENT_READS;
	if (hand_over(client, bridge->mapped, &fd, offset) < 0)
		client_leave(client);
}

/* Devices make blobs of nothing else; 0 when there are no so many. */
static uint64_t whole_pages(const struct vtest_resource_create_blob *info)
{
	uint64_t size = (uint64_t)info->size_high << 32 | info->size_low;
	return checked_add(size, KIT_PAGE - 1, &size) ? size & ~(uint64_t)(KIT_PAGE - 1) : 0;
}

static int send_blob(
	struct client *client, uint32_t id, const struct vtest_resource_create_blob *info)
{
	const struct virtio_gpu_resource_create_blob create = {
		.hdr = kit_header_ctx(VIRTIO_GPU_CMD_RESOURCE_CREATE_BLOB, client->id),
		.resource_id = id,
		.blob_mem = info->type,
		.blob_flags = info->flags,
		.blob_id = (uint64_t)info->id_high << 32 | info->id_low,
		.size = whole_pages(info),
	};
	const struct virtio_gpu_ctx_resource attach = {
		.hdr = kit_header_ctx(VIRTIO_GPU_CMD_CTX_ATTACH_RESOURCE, client->id),
		.resource_id = id,
	};
	const struct virtio_gpu_resource_map_blob map = {
		.hdr = kit_header(VIRTIO_GPU_CMD_RESOURCE_MAP_BLOB),
		.resource_id = id,
		.offset = PLACE,
	};
	int ret = client_command(client, &create, sizeof(create), NULL, NULL);
	if (ret == 0)
		ret = client_command(client, &attach, sizeof(attach), NULL, NULL);
	if (ret == 0)
		ret = client_command(client, &map, sizeof(map), on_mapped, NULL);
	return ret;
}

static int judge_blob(const struct client *client, const struct vtest_resource_create_blob *info)
{
	const struct device *device = client->bridge->device;
	if (info->type != VIRTIO_GPU_BLOB_MEM_HOST3D)
		return client_fail(client, ENOTSUP,
			"blobs of guest memory (type %u) are not passed on", info->type);
	if (!(info->flags & VIRTIO_GPU_BLOB_FLAG_USE_MAPPABLE))
		return client_fail(client, ENOTSUP, "a blob that is not to be mapped");
	if (!device_feature(device, VIRTIO_GPU_F_RESOURCE_BLOB) ||
		device->machine->vmm.shmem.sizes[HOST_VISIBLE] == 0)
		return client_fail(client, ENOTSUP, "the backend has no memory that can be mapped");
	if (client->resource_count == CLIENT_MAX_RESOURCES)
		return client_fail(client, ENOSPC, "more than %u resources", CLIENT_MAX_RESOURCES);
	return 0;
}

int blob_take_create(struct client *client, const uint32_t *words, uint32_t count)
{
	struct bridge *bridge = client->bridge;
	struct vtest_resource_create_blob info;
	memcpy(&info, words, sizeof(info));
	int ret = judge_blob(client, &info);
	if (ret < 0)
		return ret;
	if (bridge->mapping != BRIDGE_MAPS_NOTHING || !device_has_room(bridge->device, 3))
		return -EAGAIN;
	const struct vtest_resource_create none = { 0 };
	struct resource *resource = resource_create(client, &none, &ret);
	if (!resource)
		return ret;
	ret = send_blob(client, resource->id, &info);
	if (ret < 0)
		return ret == -EAGAIN ? -ENOMEM : ret;
	client->wait = CLIENT_WAITS_DATA;
	bridge->mapping = BRIDGE_MAPS;
	bridge->mapped = resource->id;
	return 0;
}
