/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/* Transfers between resources and what the program shares with us, or (of old) sends and receives. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "kit/vtest/commands.h"
#include "kit/vtest/resource.h"
#include "util/checked.h"

static int find(const struct client *client, uint32_t id, struct resource **ret_resource)
{
	*ret_resource = resource_find(client, id);
	return *ret_resource ? 0 : client_fail(client, ESRCH, "no resource %u", id);
}

/* --- shared memory ------------------------------------------------------------------------- */

/* Reads the message; who does not say how much it is about means all there is. */
static int take_shared(const struct client *client, const uint32_t *words,
	struct vtest_transfer2 *ret_transfer, struct resource **ret_resource)
{
	struct vtest_transfer2 *transfer = ret_transfer;
	memcpy(transfer, words, sizeof(*transfer));
	int ret = find(client, transfer->handle, ret_resource);
	if (ret == 0 && transfer->offset >= (*ret_resource)->size)
		ret = client_fail(client, EFAULT, "a transfer at %u of %llu shared bytes",
			transfer->offset, (unsigned long long)(*ret_resource)->size);
	if (transfer->data_size == 0)
		transfer->data_size = UINT32_MAX;
	return ret;
}

static int send_transfer(struct client *client, struct virtio_gpu_ctrl_hdr header,
	const struct vtest_transfer2 *transfer, client_done_fn done, void *data)
{
	const struct virtio_gpu_transfer_host_3d command = {
		.hdr = header,
		.box = { transfer->x, transfer->y, transfer->z, transfer->width, transfer->height,
			transfer->depth },
		.offset = transfer->offset,
		.resource_id = transfer->handle,
		.level = transfer->level,
	};
	return client_command(client, &command, sizeof(command), done, data);
}

int transfer_take_put2(struct client *client, const uint32_t *words, uint32_t count)
{
	struct vtest_transfer2 transfer;
	struct resource *resource;
	int ret = take_shared(client, words, &transfer, &resource);
	if (ret == 0)
		ret = resource_put(resource, transfer.offset, transfer.data_size);
	return ret < 0 ? ret
		       : send_transfer(client,
				 kit_header_ctx(VIRTIO_GPU_CMD_TRANSFER_TO_HOST_3D, client->id),
				 &transfer, NULL, NULL);
}

struct getting {
	struct resource *resource;
	uint32_t offset, size;
};

static void on_got(struct client *client, void *data, bool ok)
{
	struct getting *getting = data;
	if (ok)
		resource_fetch(getting->resource, getting->offset, getting->size);
	resource_unref(getting->resource);
	free(getting);
}

static uint32_t level_size(uint32_t size, uint32_t level)
{
	return level < 32 ? max_u32(size >> level, 1) : 1;
}

/* Does the box have bytes between its rows or layers that are not its own? */
static bool has_gaps(const struct resource *resource, const struct vtest_transfer2 *transfer)
{
	const struct vtest_resource_create *info = &resource->info;
	if (info->target == RESOURCE_BUFFER)
		return false;
	return transfer->width != level_size(info->width, transfer->level) ||
		(transfer->depth > 1 &&
			transfer->height != level_size(info->height, transfer->level));
}

int transfer_take_get2(struct client *client, const uint32_t *words, uint32_t count)
{
	struct vtest_transfer2 transfer;
	struct resource *resource;
	int ret = take_shared(client, words, &transfer, &resource);
	if (ret == 0)
		ret = resource_back(resource);
	/* the gaps are fetched too, and have to come back as they are */
	if (ret == 0 && has_gaps(resource, &transfer))
		ret = resource_put(resource, transfer.offset, transfer.data_size);
	if (ret < 0)
		return ret;
	struct getting *getting = malloc(sizeof(*getting));
	if (!getting)
		return -ENOMEM;
	*getting = (struct getting){ resource_ref(resource), transfer.offset, transfer.data_size };
	ret = send_transfer(client, client_fence(client, VIRTIO_GPU_CMD_TRANSFER_FROM_HOST_3D, 0),
		&transfer, on_got, getting);
	if (ret < 0) {
		resource_unref(resource);
		free(getting);
	}
	return ret;
}

/* --- data in messages ---------------------------------------------------------------------- */

/* Backing for one transfer. Attached, used, detached: three commands, whose answers may come in any order. */
struct carrier {
	uint32_t refs;
	uint64_t guest;
	uint32_t size;
	bool get;
};

static void carrier_unref(struct client *client, struct carrier *carrier)
{
	if (--carrier->refs)
		return;
	device_free(client->bridge->device, carrier->guest, carrier->size);
	free(carrier);
}

static void on_carried(struct client *client, void *data, bool ok)
{
	struct carrier *carrier = data;
	if (ok && carrier->get && client->sock >= 0) {
		const void *bytes =
			device_ptr(client->bridge->device, carrier->guest, carrier->size);
		client->wait = CLIENT_READS;
		if (client_reply_bytes(client, bytes, carrier->size) < 0)
			client_leave(client);
	}
	carrier_unref(client, carrier);
}

static void on_carrier_answer(struct client *client, void *data, bool ok)
{
	carrier_unref(client, data);
}

/* The carrier has a reference for each command. */
static int send_carried(struct client *client, struct carrier *carrier, const void *command,
	uint32_t size, client_done_fn done)
{
	carrier->refs++;
	int ret = client_command(client, command, size, done, carrier);
	if (ret < 0)
		carrier_unref(client, carrier);
	return ret;
}

static int carry(
	struct client *client, struct carrier *carrier, const struct vtest_transfer *transfer)
{
	uint32_t id = transfer->handle;
	const struct {
		struct virtio_gpu_resource_attach_backing attach;
		struct virtio_gpu_mem_entry entry;
	} attach = {
		.attach = { .hdr = kit_header(VIRTIO_GPU_CMD_RESOURCE_ATTACH_BACKING),
			.resource_id = id,
			.nr_entries = 1 },
		.entry = { .addr = carrier->guest, .length = carrier->size },
	};
	const struct virtio_gpu_transfer_host_3d command = {
		.hdr = carrier->get
			? client_fence(client, VIRTIO_GPU_CMD_TRANSFER_FROM_HOST_3D, 0)
			: kit_header_ctx(VIRTIO_GPU_CMD_TRANSFER_TO_HOST_3D, client->id),
		.box = { transfer->x, transfer->y, transfer->z, transfer->width, transfer->height,
			transfer->depth },
		.resource_id = id,
		.level = transfer->level,
		.stride = transfer->stride,
		.layer_stride = transfer->layer_stride,
	};
	const struct virtio_gpu_resource_detach_backing detach = {
		.hdr = kit_header(VIRTIO_GPU_CMD_RESOURCE_DETACH_BACKING),
		.resource_id = id,
	};
	int ret = send_carried(client, carrier, &attach, sizeof(attach), on_carrier_answer);
	if (ret == 0)
		ret = send_carried(client, carrier, &command, sizeof(command), on_carried);
	if (ret == 0)
		ret = send_carried(client, carrier, &detach, sizeof(detach), on_carrier_answer);
	return ret == -EAGAIN ? -ENOMEM : ret;
}

/* bytes: what is put; NULL: it is a get. */
static int transfer_inline(
	struct client *client, const struct vtest_transfer *transfer, const uint8_t *bytes)
{
	struct device *device = client->bridge->device;
	struct resource *resource;
	uint64_t guest;
	int ret = find(client, transfer->handle, &resource);
	if (ret == 0 && (transfer->data_size == 0 || transfer->data_size > CLIENT_MAX_MESSAGE))
		ret = client_fail(client, EINVAL, "a transfer of %u bytes", transfer->data_size);
	if (ret == 0 && !device_has_room(device, 4))
		ret = -EAGAIN;
	if (ret == 0)
		ret = resource_unback(resource);
	if (ret == 0)
		ret = device_alloc(device, transfer->data_size, &guest);
	if (ret < 0)
		return ret;
	if (bytes)
		memcpy(device_ptr(device, guest, transfer->data_size), bytes, transfer->data_size);
	struct carrier *carrier = calloc(1, sizeof(*carrier));
	if (!carrier) {
		device_free(device, guest, transfer->data_size);
		return -ENOMEM;
	}
	*carrier = (struct carrier){ 1, guest, transfer->data_size, !bytes };
	ret = carry(client, carrier, transfer);
	carrier_unref(client, carrier);
	if (ret == 0 && !bytes)
		client->wait = CLIENT_WAITS_DATA;
	return ret;
}

int transfer_take_get(struct client *client, const uint32_t *words, uint32_t count)
{
	struct vtest_transfer transfer;
	memcpy(&transfer, words, sizeof(transfer));
	return transfer_inline(client, &transfer, NULL);
}

int transfer_take_put(struct client *client, const uint32_t *words, uint32_t count)
{
	struct vtest_transfer transfer;
	memcpy(&transfer, words, sizeof(transfer));
	return transfer_inline(client, &transfer, (const uint8_t *)words + sizeof(transfer));
}
