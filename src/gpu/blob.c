/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
#include "gpu/blob.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "gpu/context.h"
#include "gpu/resource.h"
#include "gpu/state.h"
#include "gpu/udmabuf.h"
#include "renderer/software.h"
#include "util/checked.h"
#include "util/fd.h"
#include "util/fourcc.h"
#include "util/log.h"

uint32_t gpu_blob_alignment(void)
{
	return (uint32_t)sysconf(_SC_PAGESIZE);
}

static bool create_valid(uint64_t features, const struct virtio_gpu_resource_create_blob *create)
{
	uint32_t flags = VIRTIO_GPU_BLOB_FLAG_USE_MAPPABLE | VIRTIO_GPU_BLOB_FLAG_USE_SHAREABLE;
	bool aligned = features >> VIRTIO_GPU_F_BLOB_ALIGNMENT & 1;
	if (features >> VIRTIO_GPU_F_RESOURCE_UUID & 1)
		flags |= VIRTIO_GPU_BLOB_FLAG_USE_CROSS_DEVICE;
	return !(create->blob_flags & ~flags) && create->size > 0 &&
		(!aligned || create->size % gpu_blob_alignment() == 0);
}

uint32_t gpu_blob_create(struct gpu_device *device, uint64_t features,
	const struct virtio_gpu_resource_create_blob *create, struct gpu_resource **ret_resource)
{
	const struct renderer_resource_args args = { .id = create->resource_id };
	struct gpu_resource *resource;
	if (!create_valid(features, create))
		return VIRTIO_GPU_RESP_ERR_INVALID_PARAMETER;
	bool host = create->blob_mem == VIRTIO_GPU_BLOB_MEM_HOST3D;
	uint32_t result = gpu_resource_create(
		device, &args, host ? GPU_RESOURCE_HOST : GPU_RESOURCE_BLOB, &resource);
	if (result != VIRTIO_GPU_RESP_OK_NODATA)
		return result;
	resource->blob = (struct renderer_blob_args){
		.id = create->resource_id,
		.flags = create->blob_flags,
		.size = create->size,
		.host = host,
		.context = host ? create->hdr.ctx_id : 0,
		.blob_id = host ? create->blob_id : 0,
	};
	*ret_resource = resource;
	return VIRTIO_GPU_RESP_OK_NODATA;
}

/* From the first pixel to the last. */
static uint64_t picture_size(const struct gpu_blob_layout *layout)
{
	return (uint64_t)layout->stride * (layout->height - 1) + (uint64_t)layout->width * 4;
}

bool gpu_blob_has_room(const struct gpu_resource *blob, const struct gpu_blob_layout *layout)
{
	return range_inside(layout->offset, picture_size(layout), blob->blob.size);
}

/* Cuts size bytes from offset on into pieces (NULL: only counts them). */
static uint32_t cut(
	const struct gpu_spans *spans, uint64_t offset, uint64_t size, struct image_piece *pieces)
{
	uint32_t count = 0;
	uint64_t done = 0;
	for (uint32_t i = 0; done < size; i++) {
		assert(i < spans->count);
		const struct renderer_span *span = &spans->spans[i];
		if (offset >= span->length) {
			offset -= span->length;
			continue;
		}
		if (pieces)
			pieces[count] = (struct image_piece){
				.start = done,
				.base = gpu_spans_region(spans, span)->base + span->offset + offset,
			};
		count++;
		done += min_u64(span->length - offset, size - done);
		offset = 0;
	}
	return count;
}

static void release(struct image *image)
{
	gpu_spans_unref(image->owner);
	free((void *)(uintptr_t)image->pieces);
}

/* An image in the memory of spans, which it has a reference to. */
static struct image *create_in(struct gpu_spans *spans, const struct image *like)
{
	struct image *image = image_create_foreign(like, release, gpu_spans_ref(spans));
	if (!image)
		gpu_spans_unref(spans);
	return image;
}

struct image *gpu_blob_view(const struct gpu_resource *blob, const struct gpu_blob_layout *layout)
{
	struct gpu_spans *spans = blob->backing.spans;
	uint64_t size = picture_size(layout);
	if (!spans)
		return NULL;
	uint32_t count = cut(spans, layout->offset, size, NULL);
	struct image_piece *pieces = reallocarray(NULL, count, sizeof(*pieces));
	if (!pieces)
		return NULL;
	cut(spans, layout->offset, size, pieces);
	const struct image like = {
		.kind = count == 1 ? IMAGE_PIXELS : IMAGE_SCATTERED,
		.width = layout->width,
		.height = layout->height,
		.fourcc = software_format_fourcc(layout->format),
		.pixels = count == 1 ? pieces[0].base : NULL,
		.stride = layout->stride,
		.pieces = pieces,
		.piece_count = count,
		.pieces_size = size,
	};
	struct image *view = create_in(spans, &like);
	if (!view)
		free(pieces);
	return view;
}

static struct image *import(struct gpu_resource *blob)
{
	const struct gpu_device *device = blob->device;
	struct image like = {
		.kind = IMAGE_DMABUF,
		.fds = { gpu_udmabuf_create(
			device->udmabuf, blob->backing.spans, blob->blob.size) },
		.planes = 1,
		.modifier = FOURCC_MOD_LINEAR,
	};
	if (like.fds[0] < 0) {
		log_limited(LOG_DEBUG, "blob %u: no dma-buf of it: %s", blob->args.id,
			strerror(-like.fds[0]));
		return NULL;
	}
	struct image *image = create_in(blob->backing.spans, &like);
	if (!image)
		fd_close(&like.fds[0]);
	return image;
}

struct image *gpu_blob_dmabuf(struct gpu_resource *blob)
{
	struct gpu_device *device = blob->device;
	struct gpu_backing *backing = &blob->backing;
	if (backing->dmabuf || backing->no_dmabuf || !backing->spans || device->udmabuf < 0 ||
		device->blob_dmabufs == GPU_MAX_BLOB_DMABUFS)
		return backing->dmabuf;
	backing->dmabuf = import(blob);
	backing->no_dmabuf = !backing->dmabuf;
	device->blob_dmabufs += backing->dmabuf != NULL;
	return backing->dmabuf;
}

struct image *gpu_blob_dmabuf_view(struct gpu_resource *blob, const struct gpu_blob_layout *layout)
{
	const struct image *all = gpu_blob_dmabuf(blob);
	if (!all)
		return NULL;
	struct image like = *all;
	like.width = layout->width;
	like.height = layout->height;
	like.fourcc = software_format_fourcc(layout->format);
	like.strides[0] = layout->stride;
	like.offsets[0] = layout->offset;
	like.fds[0] = fd_dup(all->fds[0]);
	if (like.fds[0] < 0)
		return NULL;
	struct image *view = create_in(all->owner, &like);
	if (!view)
		fd_close(&like.fds[0]);
	return view;
}

static void drop_dmabuf(struct gpu_resource *blob)
{
	blob->device->blob_dmabufs -= blob->backing.dmabuf != NULL;
	image_unref(blob->backing.dmabuf);
	blob->backing.dmabuf = NULL;
	blob->backing.no_dmabuf = false;
}

void gpu_blob_let_go(struct gpu_resource *resource, struct gpu_spans *spans)
{
	struct gpu_device *device = resource->device;
	if (resource->kind != GPU_RESOURCE_BLOB || !spans)
		return;
	drop_dmabuf(resource);
	gpu_scanouts_let_go(device, resource, spans);
	gpu_outputs_release_memory(device, spans);
	gpu_shared_update(resource);
}

void gpu_blob_backed(struct gpu_resource *resource)
{
	if (resource->kind != GPU_RESOURCE_BLOB)
		return;
	gpu_attachments_backed(resource);
	gpu_scanouts_damage(resource->device, resource, NULL);
	gpu_shared_update(resource);
}
