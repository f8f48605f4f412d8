/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/*
 * Transfers between a resource and its backing. The library checks them as well, but computes sizes
 * in 32 bits: what does not fit there is refused here.
 */
#include <errno.h>

#include "util/checked.h"
#include "virgl.h"

/* Gallium's texture targets, as in virtio's RESOURCE_CREATE_3D. */
enum target {
	TARGET_BUFFER,
	TARGET_1D,
	TARGET_2D,
	TARGET_3D,
	TARGET_CUBE,
	TARGET_RECT,
	TARGET_1D_ARRAY,
	TARGET_2D_ARRAY,
	TARGET_CUBE_ARRAY,
};

static uint32_t level_side(uint32_t side, uint32_t level)
{
	return max_u32(1, level < 32 ? side >> level : 0);
}

static uint32_t level_depth(const struct renderer_resource_args *args, uint32_t level)
{
	switch (args->target) {
	case TARGET_3D:
		return level_side(args->depth, level);
	case TARGET_CUBE:
	case TARGET_1D_ARRAY:
	case TARGET_2D_ARRAY:
	case TARGET_CUBE_ARRAY:
		return args->array_size;
	default:
		return 1;
	}
}

static bool is_empty(const struct renderer_box *box)
{
	return box->w == 0 || box->h == 0 || box->d == 0;
}

static bool box_inside(
	const struct renderer_resource_args *args, const struct renderer_transfer_args *transfer)
{
	const struct renderer_box *box = &transfer->box;
	uint32_t level = transfer->level;
	return level <= args->last_level &&
		range_inside(box->x, box->w, level_side(args->width, level)) &&
		range_inside(box->y, box->h, level_side(args->height, level)) &&
		range_inside(box->z, box->d, level_depth(args, level));
}

/* The stride that is meant by 0: never more than that of level 0. */
static int stride_of(struct resource *resource, uint32_t *ret_stride)
{
	if (resource->stride == 0) {
		int error = library_resource_stride(resource->args.id, &resource->stride);
		if (error)
			return error;
	}
	*ret_stride = resource->stride;
	return 0;
}

/* Whether the last byte lies within 32 bits of the memory's first. For compressed formats, whose
 * rows of blocks are fewer, this asks for more than there is. */
static int check_extent(struct resource *resource, const struct renderer_transfer_args *transfer)
{
	const struct renderer_box *box = &transfer->box;
	if (box->h == 1 && box->d == 1)
		return 0;
	uint32_t stride = transfer->stride;
	if (stride == 0) {
		int error = stride_of(resource, &stride);
		if (error)
			return error;
	}
	uint64_t layer_stride = transfer->layer_stride;
	if (layer_stride == 0)
		layer_stride =
			(uint64_t)stride * level_side(resource->args.height, transfer->level);
	uint64_t size = (uint64_t)stride * box->h, layers;
	if (!checked_mul(box->d - 1, layer_stride, &layers) || !checked_add(size, layers, &size))
		return -EINVAL;
	return range_inside(transfer->offset, size, UINT32_MAX) ? 0 : -EINVAL;
}

int virgl_transfer_check(struct resource *resource, const struct renderer_transfer_args *args)
{
	if (resource->blob.size > 0 || !box_inside(&resource->args, args))
		return -EINVAL;
	return is_empty(&args->box) ? 0 : check_extent(resource, args);
}

static int transfer(struct virgl *virgl, const struct renderer_transfer_args *args)
{
	struct resource *resource = virgl_resource_find(virgl, args->resource);
	if (!resource)
		return -ENOENT;
	struct renderer_transfer_args own = *args;
	if (args->context != 0) {
		const struct context *context = virgl_context_find(virgl, args->context);
		if (!context)
			return -ENOENT;
		own.context = context->handle;
	}
	if (!resource->pieces || is_empty(&args->box))
		return -EINVAL;
	int error = virgl_transfer_check(resource, args);
	return error ? error : library_transfer(&own, NULL, 0);
}

void virgl_transfer(struct renderer *renderer, const struct renderer_transfer_args *args,
	struct renderer_call *call)
{
	renderer_call_done(call, transfer(virgl_from(renderer), args), NULL);
}
