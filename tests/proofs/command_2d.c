/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/*
 * The commands of 2D and of the cursor, of any contents, on resources of any size: what is transferred and what is said
 * to be damaged lies inside of the resource, and ids of scanouts are those of scanouts. Commands whose resource
 * is not there do nothing.
 *
 * #proof src/gpu/commands_2d.c src/gpu/commands_display.c
 * #bug src/gpu/commands_2d.c: !range_inside(r->x, r->width, resource->args.width) || =>
 * #bug src/gpu/commands_2d.c: if (r->width == 0 || r->height == 0) return VIRTIO_GPU_RESP_OK_NODATA; =>
 * #bug src/gpu/commands_2d.c: .w = r->width, .h = r->height => .w = r->height, .h = r->width
 * #bug src/gpu/commands_2d.c: if (!home || !home->pin) => if (!home)
 * #bug src/gpu/commands_display.c: return range_inside(rect->x, rect->w, resource->args.width) && =>
 *	return rect->x + rect->w <= resource->args.width &&
 * #bug src/gpu/commands_display.c: if (update->pos.scanout_id >= VIRTIO_GPU_MAX_SCANOUTS) => if (update->pos.scanout_id > VIRTIO_GPU_MAX_SCANOUTS)
 * #bug src/gpu/commands_display.c: if (position->scanout_id >= VIRTIO_GPU_MAX_SCANOUTS) return VIRTIO_GPU_RESP_ERR_INVALID_SCANOUT_ID; =>
 */
#include "gpu/commands.h"
#include "gpu/resource.h"
#include "gpu/state.h"
#include "proof.h"

static struct gpu_device device;
static struct gpu_slot slot;
static struct gpu_pin pin;
static struct gpu_realisation home = { .slot = &slot };
static struct gpu_resource resource = { .device = &device };
static struct gpu_command command = { .device = &device };
static bool there;

struct gpu_resource *gpu_resource_find(struct gpu_device *of, uint32_t id)
{
	there = nondet_bool();
	return there ? &resource : NULL;
}

struct renderer_call *gpu_command_call(struct gpu_command *of, struct gpu_slot *in)
{
	return &of->call;
}

void renderer_transfer(struct renderer *renderer, const struct renderer_transfer_args *args,
	struct renderer_call *call)
{
	prove(there && home.pin);
	prove(args->box.w > 0 && args->box.h > 0 && args->box.d == 1 && args->box.z == 0);
	prove((uint64_t)args->box.x + args->box.w <= resource.args.width);
	prove((uint64_t)args->box.y + args->box.h <= resource.args.height);
}

void gpu_scanouts_damage(
	struct gpu_device *of, const struct gpu_resource *what, const struct rect *rect)
{
	prove(there && !rect_empty(rect));
	if (what->kind != GPU_RESOURCE_BLOB) {
		prove((uint64_t)rect->x + rect->w <= what->args.width);
		prove((uint64_t)rect->y + rect->h <= what->args.height);
	}
}

bool gpu_scanouts_may_flush(
	struct gpu_device *of, const struct gpu_resource *what, const struct rect *rect)
{
	return nondet_bool();
}

uint32_t gpu_cursor_update(struct gpu_device *of, const struct virtio_gpu_update_cursor *update)
{
	prove(update->pos.scanout_id < VIRTIO_GPU_MAX_SCANOUTS);
	return nondet_u32();
}

void gpu_cursor_move(struct gpu_device *of, const struct virtio_gpu_cursor_pos *position)
{
	prove(position->scanout_id < VIRTIO_GPU_MAX_SCANOUTS);
}

uint32_t gpu_outputs_get_edid(struct gpu_command *of)
{
	prove(of->fixed.get_edid.scanout < VIRTIO_GPU_MAX_SCANOUTS);
	return nondet_u32();
}

void proof(void)
{
	any_contents(&command);
	command.device = &device;
	resource.kind = nondet_bool() ? GPU_RESOURCE_BLOB : GPU_RESOURCE_3D;
	resource.args.width = nondet_u32();
	resource.args.height = nondet_u32();
	resource.home = nondet_bool() ? &home : NULL;
	home.pin = nondet_bool() ? &pin : NULL;
	gpu_handle_transfer_2d(&command);
	gpu_handle_flush(&command);
	gpu_handle_update_cursor(&command);
	gpu_handle_move_cursor(&command);
	gpu_handle_get_edid(&command);
}
