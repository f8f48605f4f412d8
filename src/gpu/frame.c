/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
#include "gpu/frame.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/mman.h>

#include "gpu/state.h"
#include "util/checked.h"
#include "util/fd.h"
#include "util/fourcc.h"

#define FRAME_ALIGN 4096u

static uint64_t size_of(uint32_t width, uint32_t height)
{
	uint64_t size = (uint64_t)width * height * 4;
	return (size + FRAME_ALIGN - 1) / FRAME_ALIGN * FRAME_ALIGN;
}

uint64_t gpu_frame_bytes_max(const struct gpu_limits *limits)
{
	return min_u64(size_of(IMAGE_MAX_SIDE, IMAGE_MAX_SIDE), limits->host_bytes);
}

static void unmap(struct image *image)
{
	munmap(image->pixels, image->stride * image->height);
}

/* The pixels of the frame's descriptor; they stay mapped as long as the image. */
static struct image *map_image(const struct gpu_frame *frame, uint32_t width, uint32_t height)
{
	void *pixels = mmap(NULL, frame->size, PROT_READ | PROT_WRITE, MAP_SHARED, frame->fd, 0);
	if (pixels == MAP_FAILED)
		return NULL;
	const struct image like = {
		.kind = IMAGE_PIXELS,
		.width = width,
		.height = height,
		.fourcc = FOURCC_ARGB8888,
		.pixels = pixels,
		.stride = (size_t)width * 4,
	};
	struct image *image = image_create_foreign(&like, unmap, NULL);
	if (!image)
		munmap(pixels, frame->size);
	return image;
}

struct gpu_frame *gpu_frame_create(struct gpu_device *device, uint32_t width, uint32_t height)
{
	const struct gpu_renderer_factory *factory = &device->args.factory;
	uint64_t size = size_of(width, height);
	errno = ENOMEM;
	if (size > device->args.limits.host_bytes - device->frame_bytes)
		return NULL;
	struct gpu_frame *frame = calloc(1, sizeof(*frame));
	if (!frame)
		return NULL;
	frame->fd = factory->memory(factory->data, size);
	if (frame->fd < 0) {
		errno = -frame->fd;
		goto fail_fd;
	}
	frame->size = size;
	frame->image = map_image(frame, width, height);
	if (!frame->image)
		goto fail_image;
	frame->refs = 1;
	frame->device = device;
	frame->region = gpu_regions_new_id(&device->regions);
	device->frame_bytes += size;
	return frame;

fail_image:
	fd_close(&frame->fd);
fail_fd:
	free(frame);
	return NULL;
}

struct image *gpu_frame_memory(struct gpu_frame *frame)
{
	if (frame->memory)
		return frame->memory;
	struct image like = *frame->image;
	like.kind = IMAGE_DMABUF;
	like.fourcc = FOURCC_XRGB8888;
	like.fds[0] = fd_dup(frame->fd);
	if (like.fds[0] < 0)
		return NULL;
	like.strides[0] = (uint32_t)frame->image->stride;
	like.offsets[0] = 0;
	like.planes = 1;
	like.modifier = FOURCC_MOD_LINEAR;
	like.shared_memory = true;
	frame->memory = image_create_foreign(&like, NULL, NULL);
	if (!frame->memory)
		fd_close(&like.fds[0]);
	return frame->memory;
}

bool gpu_frame_is_for(const struct gpu_frame *frame, const struct gpu_slot *slot)
{
	const struct gpu_slot *slots = frame->device->renderers.slots;
	for (uint32_t i = 0; i < GPU_MAX_SLOTS; i++)
		if (frame->given[i] && (slot != &slots[i] || frame->given[i] != slot->generation))
			return false;
	return !slot || !frame->written;
}

struct gpu_frame *gpu_frame_ref(struct gpu_frame *frame)
{
	frame->refs++;
	return frame;
}

void gpu_frame_unref(struct gpu_frame *frame)
{
	if (!frame || --frame->refs > 0)
		return;
	struct gpu_device *device = frame->device;
	for (uint32_t i = 0; i < device->renderers.count; i++) {
		struct gpu_slot *slot = &device->renderers.slots[i];
		if (slot->renderer && frame->given[i] == slot->generation)
			renderer_region_remove(slot->renderer, frame->region);
	}
	device->frame_bytes -= frame->size;
	image_unref(frame->memory);
	image_unref(frame->image);
	fd_close(&frame->fd);
	free(frame);
}

static void give(struct gpu_frame *frame, struct gpu_slot *slot)
{
	uint32_t *given = &frame->given[slot - frame->device->renderers.slots];
	if (*given == slot->generation)
		return;
	const struct renderer_region region = {
		.id = frame->region,
		.fd = frame->fd,
		.size = frame->size,
		.base = frame->image->pixels,
	};
	renderer_region_add(slot->renderer, &region);
	*given = slot->generation;
}

void gpu_frame_read_back(
	struct gpu_frame *frame, const struct gpu_frame_read *read, struct renderer_call *call)
{
	struct renderer *renderer = read->slot->renderer;
	uint32_t stride = frame->image->width * 4;
	give(frame, read->slot);
	const struct renderer_read_back_args args = {
		.resource = read->resource,
		.rect = read->rect,
		.region = frame->region,
		.stride = stride,
		.offset = (uint64_t)read->y * stride + (uint64_t)read->x * 4,
	};
	renderer_read_back(renderer, &args, call);
}
