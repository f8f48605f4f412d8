/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
#include "gpu_rig.h"

static struct virtio_gpu_rect wire_rect(const struct rect *rect)
{
	return (struct virtio_gpu_rect){ rect->x, rect->y, rect->w, rect->h };
}

uint32_t gpu_rig_create_2d(struct gpu_rig *rig, uint32_t id, uint32_t w, uint32_t h)
{
	const struct virtio_gpu_resource_create_2d request = {
		.hdr.type = VIRTIO_GPU_CMD_RESOURCE_CREATE_2D,
		.resource_id = id,
		.format = VIRTIO_GPU_FORMAT_B8G8R8X8_UNORM,
		.width = w,
		.height = h,
	};
	return gpu_rig_do(rig, &request, sizeof(request));
}

uint32_t gpu_rig_create_3d(struct gpu_rig *rig, uint32_t id, uint32_t w, uint32_t h)
{
	const struct virtio_gpu_resource_create_3d request = {
		.hdr.type = VIRTIO_GPU_CMD_RESOURCE_CREATE_3D,
		.resource_id = id,
		.target = 2,
		.format = VIRTIO_GPU_FORMAT_B8G8R8A8_UNORM,
		.bind = 10,
		.width = w,
		.height = h,
		.depth = 1,
		.array_size = 1,
	};
	return gpu_rig_do(rig, &request, sizeof(request));
}

uint32_t gpu_rig_attach_backing(struct gpu_rig *rig, uint32_t id, uint64_t address, uint32_t length)
{
	const struct {
		struct virtio_gpu_resource_attach_backing attach;
		struct virtio_gpu_mem_entry entry;
	} request = {
		.attach.hdr.type = VIRTIO_GPU_CMD_RESOURCE_ATTACH_BACKING,
		.attach.resource_id = id,
		.attach.nr_entries = 1,
		.entry = { .addr = address, .length = length },
	};
	return gpu_rig_do(rig, &request, sizeof(request));
}

uint32_t gpu_rig_detach_backing(struct gpu_rig *rig, uint32_t id)
{
	const struct virtio_gpu_resource_detach_backing request = {
		.hdr.type = VIRTIO_GPU_CMD_RESOURCE_DETACH_BACKING,
		.resource_id = id,
	};
	return gpu_rig_do(rig, &request, sizeof(request));
}

uint32_t gpu_rig_unref(struct gpu_rig *rig, uint32_t id)
{
	const struct virtio_gpu_resource_unref request = {
		.hdr.type = VIRTIO_GPU_CMD_RESOURCE_UNREF,
		.resource_id = id,
	};
	return gpu_rig_do(rig, &request, sizeof(request));
}

uint32_t gpu_rig_transfer_2d(struct gpu_rig *rig, uint32_t id, uint32_t w, uint32_t h)
{
	const struct virtio_gpu_transfer_to_host_2d request = {
		.hdr.type = VIRTIO_GPU_CMD_TRANSFER_TO_HOST_2D,
		.r = { .width = w, .height = h },
		.resource_id = id,
	};
	return gpu_rig_do(rig, &request, sizeof(request));
}

uint32_t gpu_rig_set_scanout(
	struct gpu_rig *rig, uint32_t scanout, uint32_t id, const struct rect *rect)
{
	const struct virtio_gpu_set_scanout request = {
		.hdr.type = VIRTIO_GPU_CMD_SET_SCANOUT,
		.r = wire_rect(rect),
		.scanout_id = scanout,
		.resource_id = id,
	};
	return gpu_rig_do(rig, &request, sizeof(request));
}

uint32_t gpu_rig_flush(struct gpu_rig *rig, uint32_t id, const struct rect *rect)
{
	const struct virtio_gpu_resource_flush request = {
		.hdr.type = VIRTIO_GPU_CMD_RESOURCE_FLUSH,
		.r = wire_rect(rect),
		.resource_id = id,
	};
	return gpu_rig_do(rig, &request, sizeof(request));
}

uint32_t gpu_rig_create_blob_of(struct gpu_rig *rig, uint32_t id, uint64_t size,
	const struct virtio_gpu_mem_entry *entries, uint32_t count)
{
	struct {
		struct virtio_gpu_resource_create_blob create;
		struct virtio_gpu_mem_entry entries[RIG_MAX_ENTRIES];
	} request = {
		.create.hdr.type = VIRTIO_GPU_CMD_RESOURCE_CREATE_BLOB,
		.create.resource_id = id,
		.create.blob_mem = VIRTIO_GPU_BLOB_MEM_GUEST,
		.create.nr_entries = count,
		.create.size = size,
	};
	CHECK(count <= RIG_MAX_ENTRIES);
	if (count)
		memcpy(request.entries, entries, count * sizeof(*entries));
	return gpu_rig_do(rig, &request, sizeof(request.create) + count * sizeof(*entries));
}

uint32_t gpu_rig_create_blob(struct gpu_rig *rig, uint32_t id, uint64_t size, uint64_t address)
{
	const struct virtio_gpu_mem_entry entry = { .addr = address, .length = (uint32_t)size };
	return gpu_rig_create_blob_of(rig, id, size, &entry, address ? 1 : 0);
}

struct virtio_gpu_set_scanout_blob gpu_rig_picture(
	uint32_t id, uint32_t w, uint32_t h, uint32_t stride, uint32_t offset)
{
	return (struct virtio_gpu_set_scanout_blob){
		.hdr.type = VIRTIO_GPU_CMD_SET_SCANOUT_BLOB,
		.r = { .width = w, .height = h },
		.resource_id = id,
		.width = w,
		.height = h,
		.format = VIRTIO_GPU_FORMAT_B8G8R8X8_UNORM,
		.strides = { stride },
		.offsets = { offset },
	};
}

uint32_t gpu_rig_set_scanout_blob(
	struct gpu_rig *rig, uint32_t scanout, const struct virtio_gpu_set_scanout_blob *picture)
{
	struct virtio_gpu_set_scanout_blob request = *picture;
	request.scanout_id = scanout;
	return gpu_rig_do(rig, &request, sizeof(request));
}

uint32_t gpu_rig_ctx_create(struct gpu_rig *rig, uint32_t ctx, uint32_t capset)
{
	const struct virtio_gpu_ctx_create request = {
		.hdr = { .type = VIRTIO_GPU_CMD_CTX_CREATE, .ctx_id = ctx },
		.nlen = 4,
		.context_init = capset,
		.debug_name = "te\nt",
	};
	return gpu_rig_do(rig, &request, sizeof(request));
}

uint32_t gpu_rig_ctx_destroy(struct gpu_rig *rig, uint32_t ctx)
{
	const struct virtio_gpu_ctx_destroy request = {
		.hdr = { .type = VIRTIO_GPU_CMD_CTX_DESTROY, .ctx_id = ctx },
	};
	return gpu_rig_do(rig, &request, sizeof(request));
}

static uint32_t ctx_resource(struct gpu_rig *rig, uint32_t type, uint32_t ctx, uint32_t id)
{
	const struct virtio_gpu_ctx_resource request = {
		.hdr = { .type = type, .ctx_id = ctx },
		.resource_id = id,
	};
	return gpu_rig_do(rig, &request, sizeof(request));
}

uint32_t gpu_rig_ctx_attach(struct gpu_rig *rig, uint32_t ctx, uint32_t id)
{
	return ctx_resource(rig, VIRTIO_GPU_CMD_CTX_ATTACH_RESOURCE, ctx, id);
}

uint32_t gpu_rig_ctx_detach(struct gpu_rig *rig, uint32_t ctx, uint32_t id)
{
	return ctx_resource(rig, VIRTIO_GPU_CMD_CTX_DETACH_RESOURCE, ctx, id);
}

struct submit_one {
	struct virtio_gpu_cmd_submit submit;
	uint32_t word;
} __attribute__((packed));

uint32_t gpu_rig_submit(struct gpu_rig *rig, uint32_t ctx, uint32_t word)
{
	const struct submit_one request = {
		.submit.hdr = { .type = VIRTIO_GPU_CMD_SUBMIT_3D, .ctx_id = ctx },
		.submit.size = sizeof(word),
		.word = word,
	};
	return gpu_rig_do(rig, &request, sizeof(request));
}

uint16_t gpu_rig_begin_submit(struct gpu_rig *rig, uint32_t ctx, uint64_t fence)
{
	const struct submit_one request = {
		.submit.hdr = {
			.type = VIRTIO_GPU_CMD_SUBMIT_3D,
			.flags = fence ? VIRTIO_GPU_FLAG_FENCE : 0,
			.fence_id = fence,
			.ctx_id = ctx,
		},
		.submit.size = sizeof(request.word),
		.word = 1,
	};
	return gpu_rig_begin(rig, &request, sizeof(request));
}

uint32_t gpu_rig_transfer_3d(struct gpu_rig *rig, uint32_t type, uint32_t ctx, uint32_t id)
{
	const struct virtio_gpu_transfer_host_3d request = {
		.hdr = { .type = type, .ctx_id = ctx },
		.box = { .w = 4, .h = 4, .d = 1 },
		.resource_id = id,
	};
	return gpu_rig_do(rig, &request, sizeof(request));
}
