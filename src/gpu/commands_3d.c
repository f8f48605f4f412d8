/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
#include "gpu/commands.h"

#include <assert.h>
#include <ctype.h>
#include <string.h>

#include "gpu/context.h"
#include "gpu/limits.h"
#include "gpu/resource.h"
#include "gpu/state.h"
#include "util/checked.h"

#define MAX_LEVEL       15u
#define MAX_SAMPLES     64u
#define MAX_BUFFER_SIZE (UINT32_C(1) << 31)
#define MAX_IN_FENCES   64u
#define MAX_BLOCK       16u /* no compressed format has larger blocks */

uint32_t gpu_handle_get_capset_info(struct gpu_command *command)
{
	const struct renderer_capset *set =
		gpu_capset_at(command->device, command->fixed.get_capset_info.capset_index);
	if (!set)
		return VIRTIO_GPU_RESP_ERR_INVALID_PARAMETER;
	const struct virtio_gpu_resp_capset_info info = {
		.capset_id = set->id,
		.capset_max_version = set->max_version,
		.capset_max_size = set->size,
	};
	return gpu_command_answer(command, VIRTIO_GPU_RESP_OK_CAPSET_INFO, &info.capset_id,
		sizeof(info) - sizeof(info.hdr));
}

uint32_t gpu_handle_get_capset(struct gpu_command *command)
{
	const struct virtio_gpu_get_capset *get = &command->fixed.get_capset;
	struct gpu_slot *slot;
	const struct renderer_capset *set = gpu_capset_find(command->device, get->capset_id, &slot);
	if (!set || get->capset_version > set->max_version)
		return VIRTIO_GPU_RESP_ERR_INVALID_PARAMETER;
	return gpu_command_answer(command, VIRTIO_GPU_RESP_OK_CAPSET, set->data, set->size);
}

/* The capset a context is to speak: what the driver says, or OpenGL of the newest kind. */
static const struct renderer_capset *choose_capset(
	struct gpu_device *device, uint32_t id, struct gpu_slot **ret_slot)
{
	if (id)
		return gpu_capset_find(device, id, ret_slot);
	const struct renderer_capset *set =
		gpu_capset_find(device, VIRTIO_GPU_CAPSET_VIRGL2, ret_slot);
	return set ? set : gpu_capset_find(device, VIRTIO_GPU_CAPSET_VIRGL, ret_slot);
}

static void copy_name(char *to, const char *from, uint32_t length)
{
	for (uint32_t i = 0; i < length && from[i]; i++)
		to[i] = isprint((unsigned char)from[i]) ? from[i] : '?';
}

uint32_t gpu_handle_ctx_create(struct gpu_command *command)
{
	struct gpu_device *device = command->device;
	const struct virtio_gpu_ctx_create *create = &command->fixed.ctx_create;
	bool typed = gpu_device_has(device, VIRTIO_GPU_F_CONTEXT_INIT);
	uint32_t init = typed ? create->context_init : 0;
	struct gpu_slot *slot;
	if (create->hdr.ctx_id == 0 || gpu_context_find(device, create->hdr.ctx_id))
		return VIRTIO_GPU_RESP_ERR_INVALID_CONTEXT_ID;
	if (create->nlen > VIRTIO_GPU_DEBUG_NAME_MAX ||
		(init & ~VIRTIO_GPU_CONTEXT_INIT_CAPSET_ID_MASK))
		return VIRTIO_GPU_RESP_ERR_INVALID_PARAMETER;
	const struct renderer_capset *set = choose_capset(device, init, &slot);
	if (!set)
		return VIRTIO_GPU_RESP_ERR_INVALID_PARAMETER;
	struct renderer_context_args args = { .id = create->hdr.ctx_id, .capset = set->id };
	copy_name(args.name, create->debug_name, min_u32(create->nlen, sizeof(args.name) - 1));
	return gpu_context_create(slot, &args, command);
}

uint32_t gpu_handle_ctx_destroy(struct gpu_command *command)
{
	struct gpu_context *context =
		gpu_context_find(command->device, command->fixed.header.ctx_id);
	if (!context)
		return VIRTIO_GPU_RESP_ERR_INVALID_CONTEXT_ID;
	gpu_context_destroy(context, command);
	return VIRTIO_GPU_RESP_OK_NODATA;
}

/* Finds a context that can still do something. */
static uint32_t find_context(struct gpu_command *command, struct gpu_context **ret_context)
{
	struct gpu_context *context =
		gpu_context_find(command->device, command->fixed.header.ctx_id);
	if (!context)
		return VIRTIO_GPU_RESP_ERR_INVALID_CONTEXT_ID;
	if (context->lost)
		return VIRTIO_GPU_RESP_ERR_UNSPEC;
	*ret_context = context;
	return VIRTIO_GPU_RESP_OK_NODATA;
}

uint32_t gpu_handle_ctx_attach(struct gpu_command *command)
{
	struct gpu_context *context;
	uint32_t result = find_context(command, &context);
	if (result != VIRTIO_GPU_RESP_OK_NODATA)
		return result;
	struct gpu_resource *resource =
		gpu_resource_find(command->device, command->fixed.ctx_resource.resource_id);
	if (!resource)
		return VIRTIO_GPU_RESP_ERR_INVALID_RESOURCE_ID;
	return gpu_context_attach(context, resource, command);
}

uint32_t gpu_handle_ctx_detach(struct gpu_command *command)
{
	struct gpu_context *context =
		gpu_context_find(command->device, command->fixed.header.ctx_id);
	struct gpu_resource *resource =
		gpu_resource_find(command->device, command->fixed.ctx_resource.resource_id);
	if (!context)
		return VIRTIO_GPU_RESP_ERR_INVALID_CONTEXT_ID;
	if (!resource)
		return VIRTIO_GPU_RESP_ERR_INVALID_RESOURCE_ID;
	gpu_context_detach(context, resource);
	return VIRTIO_GPU_RESP_OK_NODATA;
}

static bool within(uint32_t value, uint32_t max)
{
	return value >= 1 && value <= max;
}

/* What no renderer could make sense of; whether it can do the rest is its own to say. */
static bool create_3d_valid(const struct virtio_gpu_resource_create_3d *create)
{
	uint32_t width_max = create->target == GPU_TARGET_BUFFER ? MAX_BUFFER_SIZE : IMAGE_MAX_SIDE;
	return create->target < GPU_TARGET_COUNT && within(create->width, width_max) &&
		within(create->height, IMAGE_MAX_SIDE) && within(create->depth, IMAGE_MAX_SIDE) &&
		within(create->array_size, IMAGE_MAX_SIDE) && create->last_level <= MAX_LEVEL &&
		create->nr_samples <= MAX_SAMPLES;
}

uint32_t gpu_handle_create_3d(struct gpu_command *command)
{
	struct gpu_device *device = command->device;
	const struct virtio_gpu_resource_create_3d *create = &command->fixed.create_3d;
	const struct renderer_resource_args args = {
		.id = create->resource_id,
		.target = create->target,
		.format = create->format,
		.bind = create->bind,
		.width = create->width,
		.height = create->height,
		.depth = create->depth,
		.array_size = create->array_size,
		.last_level = create->last_level,
		.nr_samples = create->nr_samples,
		.flags = create->flags,
	};
	struct gpu_resource *resource;
	if (!create_3d_valid(create))
		return VIRTIO_GPU_RESP_ERR_INVALID_PARAMETER;
	uint32_t result = gpu_resource_create(device, &args, GPU_RESOURCE_3D, &resource);
	if (result != VIRTIO_GPU_RESP_OK_NODATA)
		return result;
	struct gpu_slot *only = gpu_renderers_only(device);
	if (only && only->renderer && gpu_realise(resource, only, command) < 0) {
		gpu_resource_destroy(resource, NULL);
		return VIRTIO_GPU_RESP_ERR_OUT_OF_MEMORY;
	}
	return VIRTIO_GPU_RESP_OK_NODATA;
}

static uint64_t level_side(uint32_t side, uint32_t level, uint32_t block)
{
	uint64_t at_level = max_u32(side >> level, 1);
	return (at_level + block - 1) / block * block;
}

/* Boxes may end where the last block of a compressed format does. */
static bool box_valid(
	const struct renderer_resource_args *args, uint32_t level, const struct virtio_gpu_box *box)
{
	uint32_t block = args->target == GPU_TARGET_BUFFER ? 1 : MAX_BLOCK;
	if (level > args->last_level)
		return false;
	uint64_t layers = args->target == GPU_TARGET_3D ? level_side(args->depth, level, 1)
							: args->array_size;
	return box->w > 0 && box->h > 0 && box->d > 0 &&
		range_inside(box->x, box->w, level_side(args->width, level, block)) &&
		range_inside(box->y, box->h, level_side(args->height, level, block)) &&
		range_inside(box->z, box->d, layers);
}

/* The realisation that a context's transfer goes to; one that was only recorded is made now. */
static uint32_t transfer_target(struct gpu_command *command, struct gpu_resource *resource,
	struct gpu_realisation **ret_realisation)
{
	struct gpu_context *context;
	uint32_t result = find_context(command, &context);
	if (result != VIRTIO_GPU_RESP_OK_NODATA)
		return result;
	struct gpu_attachment *attachment = gpu_context_attachment(context, resource->args.id);
	if (!attachment)
		return VIRTIO_GPU_RESP_ERR_INVALID_RESOURCE_ID;
	if (attachment->recorded && gpu_attachment_catch_up(attachment) < 0)
		return VIRTIO_GPU_RESP_ERR_OUT_OF_MEMORY;
	*ret_realisation = gpu_realisation_find(resource, context->slot);
	return VIRTIO_GPU_RESP_OK_NODATA;
}

uint32_t gpu_handle_transfer_3d(struct gpu_command *command)
{
	const struct virtio_gpu_transfer_host_3d *transfer = &command->fixed.transfer_3d;
	struct gpu_resource *resource = gpu_resource_find(command->device, transfer->resource_id);
	if (!resource)
		return VIRTIO_GPU_RESP_ERR_INVALID_RESOURCE_ID;
	if (gpu_resource_is_blob(resource)) /* see gpu_handle_transfer_2d() */
		return VIRTIO_GPU_RESP_OK_NODATA;
	struct gpu_realisation *target = resource->home;
	if (transfer->hdr.ctx_id) {
		uint32_t result = transfer_target(command, resource, &target);
		if (result != VIRTIO_GPU_RESP_OK_NODATA)
			return result;
	}
	if (!box_valid(&resource->args, transfer->level, &transfer->box))
		return VIRTIO_GPU_RESP_ERR_INVALID_PARAMETER;
	if (!target || !target->pin)
		return VIRTIO_GPU_RESP_ERR_UNSPEC;
	const struct virtio_gpu_box *box = &transfer->box;
	const struct renderer_transfer_args args = {
		.direction = transfer->hdr.type == VIRTIO_GPU_CMD_TRANSFER_TO_HOST_3D
			? RENDERER_TO_HOST
			: RENDERER_FROM_HOST,
		.context = transfer->hdr.ctx_id,
		.resource = resource->args.id,
		.level = transfer->level,
		.stride = transfer->stride,
		.layer_stride = transfer->layer_stride,
		.offset = transfer->offset,
		.box = { box->x, box->y, box->z, box->w, box->h, box->d },
	};
	renderer_transfer(target->slot->renderer, &args, gpu_command_call(command, target->slot));
	return VIRTIO_GPU_RESP_OK_NODATA;
}

static uint32_t submit_valid(const struct gpu_command *command)
{
	const struct virtio_gpu_cmd_submit *submit = &command->fixed.submit;
	if (submit->num_in_fences > MAX_IN_FENCES || submit->size % 4 != 0)
		return VIRTIO_GPU_RESP_ERR_INVALID_PARAMETER;
	if (!gpu_limit_allows(
		    0, submit->size, command->device->args.limits.submit_bytes, "max-submit-size"))
		return VIRTIO_GPU_RESP_ERR_OUT_OF_MEMORY;
	uint64_t needed = submit->size + (uint64_t)submit->num_in_fences * sizeof(uint64_t);
	if (needed > command->request->readable_left)
		return VIRTIO_GPU_RESP_ERR_INVALID_PARAMETER;
	return VIRTIO_GPU_RESP_OK_NODATA;
}

uint32_t gpu_handle_submit(struct gpu_command *command)
{
	const struct virtio_gpu_cmd_submit *submit = &command->fixed.submit;
	struct gpu_context *context;
	uint64_t in_fences[MAX_IN_FENCES];
	uint32_t result = find_context(command, &context);
	if (result == VIRTIO_GPU_RESP_OK_NODATA)
		result = submit_valid(command);
	if (result != VIRTIO_GPU_RESP_OK_NODATA || submit->size == 0)
		return result;
	if (!gpu_context_catch_up(context))
		return GPU_STALLED;
	struct renderer *renderer = context->slot->renderer;
	void *buffer = renderer_submit_buffer(renderer, submit->size);
	if (!buffer)
		return VIRTIO_GPU_RESP_ERR_OUT_OF_MEMORY;
	/* All is there, as submit_valid() has found. What the fences stand for was submitted
	 * before, and a context's work is done in order. */
	bool read = vq_request_read(command->request, in_fences,
			    submit->num_in_fences * sizeof(uint64_t)) &&
		vq_request_read(command->request, buffer, submit->size);
	assert(read);
	renderer_submit(
		renderer, context->id, submit->size, gpu_command_call(command, context->slot));
	return VIRTIO_GPU_RESP_OK_NODATA;
}
