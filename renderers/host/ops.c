/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
#include "host/ops.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>
#include <sys/mman.h>

#include "renderer/renderer.h"
#include "util/checked.h"
#include "util/file_map.h"
#include "util/log.h"

struct op_spec {
	const char *name;
	bool has_fd;
	uint32_t data_unit; /* its data is a multiple of so many bytes; 0: there is none */
	uint32_t data_min;
	uint32_t data_max;
	void (*start)(const struct ops_target *target, const struct ops_request *request);
};

static void start_nop(const struct ops_target *target, const struct ops_request *request)
{
	renderer_call_done(request->call, 0, NULL);
}

static int map_region(const struct ops_target *target, const struct ops_request *request)
{
	const struct wire_region *wire = &request->record->region;
	uint8_t *base;
	if (wire->size == 0)
		return -EINVAL;
	int error = file_map_create(
		request->fd, wire->offset, wire->size, PROT_READ | PROT_WRITE, &base);
	if (error)
		return error;
	error = regions_add(target->regions, wire->id, base, wire->size);
	if (error) {
		file_map_destroy(base, wire->size);
		return error;
	}
	const struct renderer_region region = {
		.id = wire->id,
		.fd = request->fd,
		.offset = wire->offset,
		.size = wire->size,
		.base = base,
	};
	renderer_region_add(target->renderer, &region);
	return 0;
}

static void start_region_add(const struct ops_target *target, const struct ops_request *request)
{
	int error = map_region(target, request);
	if (error)
		log_error("memory region %u of the guest cannot be used: %s",
			request->record->region.id, strerror(-error));
	renderer_call_done(request->call, error, NULL);
}

static void start_region_remove(const struct ops_target *target, const struct ops_request *request)
{
	uint64_t size;
	uint32_t id = request->record->region.id;
	renderer_region_remove(target->renderer, id);
	uint8_t *base = regions_remove(target->regions, id, &size);
	if (base)
		file_map_destroy(base, size);
	renderer_call_done(request->call, base ? 0 : -ENOENT, NULL);
}

static void start_context_create(const struct ops_target *target, const struct ops_request *request)
{
	struct renderer_context_args args = request->record->context;
	args.name[sizeof(args.name) - 1] = '\0';
	renderer_context_create(target->renderer, &args, request->call);
}

static void start_context_destroy(
	const struct ops_target *target, const struct ops_request *request)
{
	renderer_context_destroy(target->renderer, request->record->ids.context, request->call);
}

static void start_context_attach(const struct ops_target *target, const struct ops_request *request)
{
	const struct wire_ids *ids = &request->record->ids;
	renderer_context_attach(target->renderer, ids->context, ids->resource, request->call);
}

static void start_context_detach(const struct ops_target *target, const struct ops_request *request)
{
	const struct wire_ids *ids = &request->record->ids;
	renderer_context_detach(target->renderer, ids->context, ids->resource, request->call);
}

static void start_submit(const struct ops_target *target, const struct ops_request *request)
{
	renderer_submit_stream(target->renderer, request->record->ids.context, request->data,
		request->record->data_size, request->call);
}

static void start_resource_create(
	const struct ops_target *target, const struct ops_request *request)
{
	renderer_resource_create(target->renderer, &request->record->resource, request->call);
}

static void start_resource_create_blob(
	const struct ops_target *target, const struct ops_request *request)
{
	renderer_resource_create_blob(target->renderer, &request->record->blob, request->call);
}

static void start_resource_unref(const struct ops_target *target, const struct ops_request *request)
{
	renderer_resource_unref(target->renderer, request->record->ids.resource, request->call);
}

static void start_set_backing(const struct ops_target *target, const struct ops_request *request)
{
	uint32_t count = request->record->data_size / (uint32_t)sizeof(struct renderer_span);
	renderer_resource_set_backing(target->renderer, request->record->ids.resource,
		request->data, count, request->call);
}

static void start_transfer(const struct ops_target *target, const struct ops_request *request)
{
	renderer_transfer(target->renderer, &request->record->transfer, request->call);
}

static void start_read_back(const struct ops_target *target, const struct ops_request *request)
{
	renderer_read_back(target->renderer, &request->record->read_back, request->call);
}

static void start_export_image(const struct ops_target *target, const struct ops_request *request)
{
	renderer_export_image(target->renderer, request->record->ids.resource, request->call);
}

static void start_fence(const struct ops_target *target, const struct ops_request *request)
{
	const struct wire_ids *ids = &request->record->ids;
	renderer_fence(target->renderer, ids->context, ids->ring, request->call);
}

#define SPAN ((uint32_t)sizeof(struct renderer_span))

static const struct op_spec op_specs[] = {
	[WIRE_NOP] = { .name = "nop", .start = start_nop },
	[WIRE_REGION_ADD] = { .name = "region add", .has_fd = true, .start = start_region_add },
	[WIRE_REGION_REMOVE] = { .name = "region remove", .start = start_region_remove },
	[WIRE_CONTEXT_CREATE] = { .name = "context create", .start = start_context_create },
	[WIRE_CONTEXT_DESTROY] = { .name = "context destroy", .start = start_context_destroy },
	[WIRE_CONTEXT_ATTACH] = { .name = "context attach", .start = start_context_attach },
	[WIRE_CONTEXT_DETACH] = { .name = "context detach", .start = start_context_detach },
	[WIRE_SUBMIT] = {
		.name = "submit",
		.data_unit = 4,
		.data_min = 4,
		.data_max = RENDERER_MAX_SUBMIT,
		.start = start_submit,
	},
	[WIRE_RESOURCE_CREATE] = { .name = "resource create", .start = start_resource_create },
	[WIRE_RESOURCE_CREATE_BLOB] = {
		.name = "resource create blob",
		.start = start_resource_create_blob,
	},
	[WIRE_RESOURCE_UNREF] = { .name = "resource unref", .start = start_resource_unref },
	[WIRE_RESOURCE_SET_BACKING] = {
		.name = "resource set backing",
		.data_unit = SPAN,
		.data_max = RENDERER_MAX_SPANS * SPAN,
		.start = start_set_backing,
	},
	[WIRE_TRANSFER] = { .name = "transfer", .start = start_transfer },
	[WIRE_READ_BACK] = { .name = "read back", .start = start_read_back },
	[WIRE_EXPORT_IMAGE] = { .name = "export image", .start = start_export_image },
	[WIRE_FENCE] = { .name = "fence", .start = start_fence },
};
static_assert(ARRAY_SIZE(op_specs) == WIRE_OP_COUNT, "a row for each operation");

static bool is_sound(const struct op_spec *spec, const struct ops_request *request)
{
	uint32_t size = request->record->data_size;
	if (spec->has_fd != (request->fd >= 0) || (size > 0) != (request->data != NULL))
		return false;
	if (spec->data_unit == 0)
		return size == 0;
	return size >= spec->data_min && size <= spec->data_max && size % spec->data_unit == 0;
}

void ops_start(const struct ops_target *target, const struct ops_request *request)
{
	uint32_t op = request->record->op;
	const struct op_spec *spec = op < WIRE_OP_COUNT ? &op_specs[op] : NULL;
	if (!spec || !is_sound(spec, request)) {
		log_limited(LOG_ERROR, "operation %s (%u) from the device is malformed",
			spec ? spec->name : "unknown", op);
		renderer_call_done(request->call, -EINVAL, NULL);
		return;
	}
	spec->start(target, request);
}

void ops_unmap_regions(struct regions *regions)
{
	for (uint32_t i = 0; i < regions->count; i++)
		file_map_destroy(regions->entries[i].base, regions->entries[i].size);
	regions_init(regions);
}
