/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/*
 * What RESOURCE_CREATE_3D and the transfers in 3D accept, of all values: sides within the limits, levels that can be
 * shifted by, and boxes that are not empty and end, in each direction, inside the level of the resource,
 * rounded up to the largest block.
 *
 * #proof
 * #bug src/gpu/commands_3d.c: if (level > args->last_level) return false; =>
 * #bug src/gpu/commands_3d.c: within(create->height, IMAGE_MAX_SIDE) && =>
 * #bug src/gpu/commands_3d.c: return value >= 1 && value <= max; => return value <= max;
 * #bug src/gpu/commands_3d.c: range_inside(box->z, box->d, layers) => box->z + box->d <= layers
 * #bug src/gpu/commands_3d.c: create->last_level <= MAX_LEVEL && =>
 * #bug src/gpu/commands_3d.c: box->w > 0 && box->h > 0 => box->w > 0 || box->h > 0
 */
#include "gpu/commands_3d.c"

#include "proof.h"

static bool ends_inside(
	uint32_t start, uint32_t size, uint32_t side, uint32_t level, uint32_t block)
{
	uint64_t at_level = side >> level > 0 ? side >> level : 1;
	return size > 0 && (uint64_t)start + size <= at_level + block - 1;
}

void proof(void)
{
	struct virtio_gpu_resource_create_3d create;
	struct virtio_gpu_box box;
	uint32_t level = nondet_u32();
	if (!create_3d_valid(&create))
		return;
	bool buffer = create.target == GPU_TARGET_BUFFER;
	prove(create.width >= 1 && create.width <= (buffer ? UINT32_C(1) << 31 : 16384));
	prove(create.height >= 1 && create.height <= 16384);
	prove(create.depth >= 1 && create.depth <= 16384);
	prove(create.array_size >= 1 && create.array_size <= 16384 && create.nr_samples <= 64);
	const struct renderer_resource_args args = {
		.target = create.target,
		.width = create.width,
		.height = create.height,
		.depth = create.depth,
		.array_size = create.array_size,
		.last_level = create.last_level,
	};
	if (!box_valid(&args, level, &box))
		return;
	uint32_t block = buffer ? 1 : 16;
	prove(level < 16);
	prove(ends_inside(box.x, box.w, create.width, level, block));
	prove(ends_inside(box.y, box.h, create.height, level, block));
	if (create.target == GPU_TARGET_3D)
		prove(ends_inside(box.z, box.d, create.depth, level, 1));
	else
		prove(ends_inside(box.z, box.d, create.array_size, 0, 1));
}
