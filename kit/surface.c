/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/* 2D resources and blobs with backing, as a guest's frame buffer driver keeps them. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "kit/gpu.h"
#include "util/checked.h"

#define GAP 64u

/* From the last chunk to the first, with gaps: neighbours in the resource are not in memory. */
static int alloc_chunks(struct kit_surface *surface, uint32_t chunk)
{
	struct kit_memory *memory = surface->gpu->memory;
	for (uint32_t i = surface->count; i-- > 0;) {
		uint64_t left = surface->size - (uint64_t)i * chunk;
		uint32_t length = (uint32_t)min_u64(chunk, left);
		uint64_t guest = kit_alloc(memory, (uint64_t)length + GAP, 16);
		if (!guest)
			return -ENOMEM;
		surface->entries[i] = (struct virtio_gpu_mem_entry){ guest, length, 0 };
	}
	return 0;
}

static int alloc_backing(struct kit_surface *surface, uint32_t chunk)
{
	if (chunk == 0)
		chunk = (uint32_t)surface->size;
	surface->count = (uint32_t)((surface->size + chunk - 1) / chunk);
	surface->entries = calloc(surface->count, sizeof(*surface->entries));
	return surface->entries ? alloc_chunks(surface, chunk) : -ENOMEM;
}

int kit_surface_back(struct kit_gpu *gpu, struct kit_surface *ret_surface, uint32_t id,
	uint64_t size, uint32_t chunk)
{
	struct kit_surface surface = { .gpu = gpu, .id = id, .size = size };
	int ret = alloc_backing(&surface, chunk);
	if (ret == 0)
		ret = kit_gpu_attach(gpu, id, surface.entries, surface.count);
	if (ret == VIRTIO_GPU_RESP_OK_NODATA)
		*ret_surface = surface;
	else
		kit_surface_finish(&surface);
	return ret;
}

int kit_surface_create(struct kit_gpu *gpu, struct kit_surface *ret_surface,
	const struct virtio_gpu_resource_create_2d *like, uint32_t chunk)
{
	uint32_t id = like->resource_id;
	int ret = kit_gpu_create_2d(gpu, id, like->format, like->width, like->height);
	if (ret == VIRTIO_GPU_RESP_OK_NODATA)
		ret = kit_surface_back(
			gpu, ret_surface, id, (uint64_t)like->width * like->height * 4, chunk);
	if (ret != VIRTIO_GPU_RESP_OK_NODATA)
		return ret;
	ret_surface->format = like->format;
	ret_surface->width = like->width;
	ret_surface->height = like->height;
	return ret;
}

static uint32_t stride_of(const struct kit_surface *surface)
{
	return surface->stride ? surface->stride : surface->width * 4;
}

int kit_surface_create_blob(struct kit_gpu *gpu, struct kit_surface *ret_surface,
	const struct virtio_gpu_set_scanout_blob *like, uint32_t chunk)
{
	struct kit_surface surface = { .gpu = gpu,
		.id = like->resource_id,
		.format = like->format,
		.width = like->width,
		.height = like->height,
		.blob = true,
		.stride = like->strides[0],
		.offset = like->offsets[0] };
	uint64_t end = surface.offset + (uint64_t)stride_of(&surface) * surface.height;
	surface.size = (end + KIT_PAGE - 1) / KIT_PAGE * KIT_PAGE;
	const struct virtio_gpu_resource_create_blob blob = {
		.resource_id = surface.id,
		.blob_mem = VIRTIO_GPU_BLOB_MEM_GUEST,
		.blob_flags = VIRTIO_GPU_BLOB_FLAG_USE_SHAREABLE,
		.size = surface.size,
	};
	int ret = alloc_backing(&surface, chunk);
	if (ret == 0)
		ret = kit_gpu_create_blob(gpu, blob, 0, surface.entries, surface.count);
	if (ret == VIRTIO_GPU_RESP_OK_NODATA)
		*ret_surface = surface;
	else
		kit_surface_finish(&surface);
	return ret;
}

int kit_surface_set_scanout(
	const struct kit_surface *surface, uint32_t scanout, struct virtio_gpu_rect rect)
{
	const struct virtio_gpu_set_scanout_blob set = {
		.r = rect,
		.scanout_id = scanout,
		.resource_id = surface->id,
		.width = surface->width,
		.height = surface->height,
		.format = surface->format,
		.strides = { stride_of(surface) },
		.offsets = { surface->offset },
	};
	return surface->blob ? kit_gpu_set_scanout_blob(surface->gpu, set)
			     : kit_gpu_set_scanout(surface->gpu, scanout, surface->id, rect);
}

void kit_surface_finish(struct kit_surface *surface)
{
	for (uint32_t i = 0; surface->entries && i < surface->count; i++)
		kit_free(surface->gpu->memory, surface->entries[i].addr,
			(uint64_t)surface->entries[i].length + GAP);
	free(surface->entries);
	surface->entries = NULL;
	surface->count = 0;
}

/* Moves bytes between the backing and a buffer: into the backing when `in`. */
static void move(
	const struct kit_surface *surface, uint64_t offset, uint8_t *bytes, size_t size, bool in)
{
	uint64_t start = 0;
	for (uint32_t i = 0; i < surface->count && size; i++) {
		const struct virtio_gpu_mem_entry *entry = &surface->entries[i];
		if (offset < start + entry->length) {
			uint64_t skip = offset - start;
			size_t part = min_size(size, entry->length - skip);
			void *there = kit_ptr(surface->gpu->memory, entry->addr + skip, part);
			memcpy(in ? there : bytes, in ? bytes : there, part);
			bytes += part;
			offset += part;
			size -= part;
		}
		start += entry->length;
	}
}

void kit_surface_write(struct kit_surface *surface, uint64_t offset, const void *bytes, size_t size)
{
	move(surface, offset, (uint8_t *)(uintptr_t)bytes, size, true);
}

void kit_surface_read(
	const struct kit_surface *surface, uint64_t offset, void *ret_bytes, size_t size)
{
	move(surface, offset, ret_bytes, size, false);
}

void kit_surface_draw(struct kit_surface *surface, const struct kit_picture *picture)
{
	size_t row = (size_t)surface->width * 4;
	uint8_t *bytes = malloc(row);
	for (uint32_t y = 0; bytes && y < surface->height; y++) {
		for (uint32_t x = 0; x < surface->width; x++)
			kit_pixel_encode(surface->format,
				picture->pixels[(size_t)y * picture->width + x], (uint8_t)(x + y),
				bytes + (size_t)x * 4);
		kit_surface_write(
			surface, surface->offset + (uint64_t)y * stride_of(surface), bytes, row);
	}
	free(bytes);
}

int kit_surface_show(struct kit_surface *surface, struct virtio_gpu_rect rect)
{
	uint64_t offset = (uint64_t)rect.y * stride_of(surface) + (uint64_t)rect.x * 4;
	int ret = VIRTIO_GPU_RESP_OK_NODATA;
	if (!surface->blob)
		ret = kit_gpu_transfer_2d(surface->gpu, surface->id, rect, offset);
	return ret == VIRTIO_GPU_RESP_OK_NODATA ? kit_gpu_flush(surface->gpu, surface->id, rect)
						: ret;
}
