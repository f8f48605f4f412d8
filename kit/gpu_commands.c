/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/* One function for each command of virtio-gpu. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "kit/gpu.h"
#include "util/checked.h"

/* Copies a response out when it is the expected one. */
static int keep(int type, uint32_t expected, void *ret, const void *response, size_t size)
{
	if (type == (int)expected)
		memcpy(ret, response, size);
	return type;
}

int kit_gpu_display_info(struct kit_gpu *gpu, struct virtio_gpu_resp_display_info *ret_info)
{
	struct virtio_gpu_ctrl_hdr request = kit_header(VIRTIO_GPU_CMD_GET_DISPLAY_INFO);
	struct virtio_gpu_resp_display_info info;
	int type = kit_gpu_command(gpu, &request, sizeof(request), &info, sizeof(info));
	return keep(type, VIRTIO_GPU_RESP_OK_DISPLAY_INFO, ret_info, &info, sizeof(info));
}

int kit_gpu_edid(struct kit_gpu *gpu, uint32_t scanout, struct virtio_gpu_resp_edid *ret_edid)
{
	struct virtio_gpu_get_edid request = { .hdr = kit_header(VIRTIO_GPU_CMD_GET_EDID),
		.scanout = scanout };
	struct virtio_gpu_resp_edid edid;
	int type = kit_gpu_command(gpu, &request, sizeof(request), &edid, sizeof(edid));
	return keep(type, VIRTIO_GPU_RESP_OK_EDID, ret_edid, &edid, sizeof(edid));
}

int kit_gpu_create_2d(
	struct kit_gpu *gpu, uint32_t id, uint32_t format, uint32_t width, uint32_t height)
{
	struct virtio_gpu_resource_create_2d request = {
		.hdr = kit_header(VIRTIO_GPU_CMD_RESOURCE_CREATE_2D),
		.resource_id = id,
		.format = format,
		.width = width,
		.height = height,
	};
	return kit_gpu_simple(gpu, &request, sizeof(request));
}

int kit_gpu_unref(struct kit_gpu *gpu, uint32_t id)
{
	struct virtio_gpu_resource_unref request = {
		.hdr = kit_header(VIRTIO_GPU_CMD_RESOURCE_UNREF),
		.resource_id = id,
	};
	return kit_gpu_simple(gpu, &request, sizeof(request));
}

int kit_gpu_set_scanout(
	struct kit_gpu *gpu, uint32_t scanout, uint32_t id, struct virtio_gpu_rect rect)
{
	struct virtio_gpu_set_scanout request = {
		.hdr = kit_header(VIRTIO_GPU_CMD_SET_SCANOUT),
		.r = rect,
		.scanout_id = scanout,
		.resource_id = id,
	};
	return kit_gpu_simple(gpu, &request, sizeof(request));
}

int kit_gpu_flush(struct kit_gpu *gpu, uint32_t id, struct virtio_gpu_rect rect)
{
	struct virtio_gpu_resource_flush request = {
		.hdr = kit_header(VIRTIO_GPU_CMD_RESOURCE_FLUSH),
		.r = rect,
		.resource_id = id,
	};
	return kit_gpu_simple(gpu, &request, sizeof(request));
}

int kit_gpu_transfer_2d(
	struct kit_gpu *gpu, uint32_t id, struct virtio_gpu_rect rect, uint64_t offset)
{
	struct virtio_gpu_transfer_to_host_2d request = {
		.hdr = kit_header(VIRTIO_GPU_CMD_TRANSFER_TO_HOST_2D),
		.r = rect,
		.offset = offset,
		.resource_id = id,
	};
	return kit_gpu_simple(gpu, &request, sizeof(request));
}

/* Sends a request with something of a size of its own behind it. */
static int with_tail(struct kit_gpu *gpu, const void *request, uint32_t size, const void *tail,
	uint32_t tail_size)
{
	uint8_t *whole = malloc((size_t)size + tail_size);
	if (!whole)
		return -ENOMEM;
	memcpy(whole, request, size);
	if (tail_size)
		memcpy(whole + size, tail, tail_size);
	int type = kit_gpu_simple(gpu, whole, size + tail_size);
	free(whole);
	return type;
}

int kit_gpu_attach(struct kit_gpu *gpu, uint32_t id, const struct virtio_gpu_mem_entry *entries,
	uint32_t count)
{
	struct virtio_gpu_resource_attach_backing request = {
		.hdr = kit_header(VIRTIO_GPU_CMD_RESOURCE_ATTACH_BACKING),
		.resource_id = id,
		.nr_entries = count,
	};
	return with_tail(
		gpu, &request, sizeof(request), entries, count * (uint32_t)sizeof(*entries));
}

int kit_gpu_detach(struct kit_gpu *gpu, uint32_t id)
{
	struct virtio_gpu_resource_detach_backing request = {
		.hdr = kit_header(VIRTIO_GPU_CMD_RESOURCE_DETACH_BACKING),
		.resource_id = id,
	};
	return kit_gpu_simple(gpu, &request, sizeof(request));
}

int kit_gpu_capset_info(
	struct kit_gpu *gpu, uint32_t index, struct virtio_gpu_resp_capset_info *ret_info)
{
	struct virtio_gpu_get_capset_info request = {
		.hdr = kit_header(VIRTIO_GPU_CMD_GET_CAPSET_INFO),
		.capset_index = index,
	};
	struct virtio_gpu_resp_capset_info info;
	int type = kit_gpu_command(gpu, &request, sizeof(request), &info, sizeof(info));
	return keep(type, VIRTIO_GPU_RESP_OK_CAPSET_INFO, ret_info, &info, sizeof(info));
}

int kit_gpu_capset(
	struct kit_gpu *gpu, uint32_t id, uint32_t version, void *ret_capset, uint32_t *size)
{
	struct virtio_gpu_get_capset request = {
		.hdr = kit_header(VIRTIO_GPU_CMD_GET_CAPSET),
		.capset_id = id,
		.capset_version = version,
	};
	uint32_t head = sizeof(struct virtio_gpu_ctrl_hdr);
	struct kit_command *command = kit_gpu_submit(
		gpu, VIRTIO_GPU_QUEUE_CONTROL, &request, sizeof(request), head + *size);
	if (!command)
		return -ENOSPC;
	int type = kit_gpu_wait(gpu, command);
	if (type == VIRTIO_GPU_RESP_OK_CAPSET) {
		const uint8_t *response = kit_command_response(command);
		*size = command->written - head;
		memcpy(ret_capset, response + head, *size);
	}
	if (command->done)
		kit_command_finish(command);
	return type;
}

int kit_gpu_assign_uuid(struct kit_gpu *gpu, uint32_t id, uint8_t ret_uuid[16])
{
	struct virtio_gpu_resource_assign_uuid request = {
		.hdr = kit_header(VIRTIO_GPU_CMD_RESOURCE_ASSIGN_UUID),
		.resource_id = id,
	};
	struct virtio_gpu_resp_resource_uuid uuid;
	int type = kit_gpu_command(gpu, &request, sizeof(request), &uuid, sizeof(uuid));
	return keep(type, VIRTIO_GPU_RESP_OK_RESOURCE_UUID, ret_uuid, uuid.uuid, sizeof(uuid.uuid));
}

/* --- blobs --------------------------------------------------------------------------------- */

int kit_gpu_create_blob(struct kit_gpu *gpu, struct virtio_gpu_resource_create_blob blob,
	uint32_t ctx_id, const struct virtio_gpu_mem_entry *entries, uint32_t count)
{
	blob.hdr = kit_header_ctx(VIRTIO_GPU_CMD_RESOURCE_CREATE_BLOB, ctx_id);
	blob.nr_entries = count;
	return with_tail(gpu, &blob, sizeof(blob), entries, count * (uint32_t)sizeof(*entries));
}

int kit_gpu_set_scanout_blob(struct kit_gpu *gpu, struct virtio_gpu_set_scanout_blob scanout)
{
	scanout.hdr = kit_header(VIRTIO_GPU_CMD_SET_SCANOUT_BLOB);
	return kit_gpu_simple(gpu, &scanout, sizeof(scanout));
}

int kit_gpu_map_blob(struct kit_gpu *gpu, uint32_t id, uint64_t offset, uint32_t *ret_map_info)
{
	struct virtio_gpu_resource_map_blob request = {
		.hdr = kit_header(VIRTIO_GPU_CMD_RESOURCE_MAP_BLOB),
		.resource_id = id,
		.offset = offset,
	};
	struct virtio_gpu_resp_map_info info;
	int type = kit_gpu_command(gpu, &request, sizeof(request), &info, sizeof(info));
	return keep(type, VIRTIO_GPU_RESP_OK_MAP_INFO, ret_map_info, &info.map_info,
		sizeof(info.map_info));
}

int kit_gpu_unmap_blob(struct kit_gpu *gpu, uint32_t id)
{
	struct virtio_gpu_resource_unmap_blob request = {
		.hdr = kit_header(VIRTIO_GPU_CMD_RESOURCE_UNMAP_BLOB),
		.resource_id = id,
	};
	return kit_gpu_simple(gpu, &request, sizeof(request));
}

/* --- contexts and 3D ----------------------------------------------------------------------- */

int kit_gpu_ctx_create(
	struct kit_gpu *gpu, uint32_t ctx_id, uint32_t context_init, const char *name)
{
	struct virtio_gpu_ctx_create request = {
		.hdr = kit_header_ctx(VIRTIO_GPU_CMD_CTX_CREATE, ctx_id),
		.nlen = (uint32_t)strnlen(name, VIRTIO_GPU_DEBUG_NAME_MAX),
		.context_init = context_init,
	};
	memcpy(request.debug_name, name, request.nlen);
	int timeout_ms = gpu->kit->timeout_ms;
	if (timeout_ms < KIT_RENDERER_MS)
		gpu->kit->timeout_ms = KIT_RENDERER_MS;
	int type = kit_gpu_simple(gpu, &request, sizeof(request));
	gpu->kit->timeout_ms = timeout_ms;
	return type;
}

int kit_gpu_ctx_destroy(struct kit_gpu *gpu, uint32_t ctx_id)
{
	struct virtio_gpu_ctx_destroy request = {
		.hdr = kit_header_ctx(VIRTIO_GPU_CMD_CTX_DESTROY, ctx_id),
	};
	return kit_gpu_simple(gpu, &request, sizeof(request));
}

static int ctx_resource(struct kit_gpu *gpu, uint32_t type, uint32_t ctx_id, uint32_t id)
{
	struct virtio_gpu_ctx_resource request = {
		.hdr = kit_header_ctx(type, ctx_id),
		.resource_id = id,
	};
	return kit_gpu_simple(gpu, &request, sizeof(request));
}

int kit_gpu_ctx_attach(struct kit_gpu *gpu, uint32_t ctx_id, uint32_t id)
{
	return ctx_resource(gpu, VIRTIO_GPU_CMD_CTX_ATTACH_RESOURCE, ctx_id, id);
}

int kit_gpu_ctx_detach(struct kit_gpu *gpu, uint32_t ctx_id, uint32_t id)
{
	return ctx_resource(gpu, VIRTIO_GPU_CMD_CTX_DETACH_RESOURCE, ctx_id, id);
}

int kit_gpu_create_3d(struct kit_gpu *gpu, struct virtio_gpu_resource_create_3d resource)
{
	resource.hdr = kit_header(VIRTIO_GPU_CMD_RESOURCE_CREATE_3D);
	return kit_gpu_simple(gpu, &resource, sizeof(resource));
}

int kit_gpu_transfer_to_3d(
	struct kit_gpu *gpu, uint32_t ctx_id, struct virtio_gpu_transfer_host_3d transfer)
{
	transfer.hdr.type = VIRTIO_GPU_CMD_TRANSFER_TO_HOST_3D;
	transfer.hdr.ctx_id = ctx_id;
	return kit_gpu_simple(gpu, &transfer, sizeof(transfer));
}

int kit_gpu_transfer_from_3d(
	struct kit_gpu *gpu, uint32_t ctx_id, struct virtio_gpu_transfer_host_3d transfer)
{
	transfer.hdr.type = VIRTIO_GPU_CMD_TRANSFER_FROM_HOST_3D;
	transfer.hdr.ctx_id = ctx_id;
	return kit_gpu_simple(gpu, &transfer, sizeof(transfer));
}

int kit_gpu_submit_3d(struct kit_gpu *gpu, uint32_t ctx_id, const void *commands, uint32_t size)
{
	struct virtio_gpu_cmd_submit request = {
		.hdr = kit_header_ctx(VIRTIO_GPU_CMD_SUBMIT_3D, ctx_id),
		.size = size,
	};
	return with_tail(gpu, &request, sizeof(request), commands, size);
}

/* --- cursor -------------------------------------------------------------------------------- */

int kit_gpu_update_cursor(struct kit_gpu *gpu, struct virtio_gpu_update_cursor cursor)
{
	cursor.hdr = kit_header(VIRTIO_GPU_CMD_UPDATE_CURSOR);
	return kit_gpu_simple(gpu, &cursor, sizeof(cursor));
}

int kit_gpu_move_cursor(struct kit_gpu *gpu, uint32_t scanout, uint32_t x, uint32_t y)
{
	struct virtio_gpu_update_cursor request = {
		.hdr = kit_header(VIRTIO_GPU_CMD_MOVE_CURSOR),
		.pos = { .scanout_id = scanout, .x = x, .y = y },
	};
	return kit_gpu_simple(gpu, &request, sizeof(request));
}
