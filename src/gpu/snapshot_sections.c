/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
#include "gpu/snapshot_sections.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "display/protocol.h"
#include "gpu/resource.h"
#include "gpu/state.h"
#include "util/checked.h"
#include "util/fourcc.h"

#define CURSOR_SIDE VHOST_USER_GPU_CURSOR_SIDE

static const char *say(struct gpu_sections *sections, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

static const char *say(struct gpu_sections *sections, const char *format, ...)
{
	va_list args;
	va_start(args, format);
	vsnprintf(sections->text, sizeof(sections->text), format, args);
	va_end(args);
	return sections->text;
}

/* What the answer to a command would mean here. */
static const char *result_fault(uint32_t result)
{
	switch (result) {
	case VIRTIO_GPU_RESP_OK_NODATA:
		return NULL;
	case VIRTIO_GPU_RESP_ERR_OUT_OF_MEMORY:
		return "it needs more than the limits of this device allow";
	case VIRTIO_GPU_RESP_ERR_INVALID_RESOURCE_ID:
		return "a resource id that cannot be";
	case VIRTIO_GPU_RESP_ERR_INVALID_SCANOUT_ID:
		return "a scanout id that cannot be";
	default:
		return "a number that cannot be";
	}
}

static const char *yes_or_no(uint32_t number)
{
	return number <= 1 ? NULL : "a number that is neither 0 nor 1";
}

static const char *zero(uint32_t number)
{
	return number == 0 ? NULL : "a number that has to be 0";
}

/* --- SESSION -------------------------------------------------------------------------------- */

static bool session_save(struct gpu_sections *sections, struct gpu_section *section)
{
	struct gpu_snapshot_session *fixed = &section->fixed.session;
	const struct vhost_session_state *state = &sections->session;
	if (sections->position++ > 0)
		return false;
	fixed->features = state->features;
	for (uint32_t i = 0; i < VIRTIO_GPU_QUEUES; i++) {
		const struct vhost_stopped *stopped = &state->queues[i];
		fixed->queues[i] = (struct gpu_snapshot_queue){
			.descriptors = stopped->addresses.descriptors,
			.available = stopped->addresses.available,
			.used = stopped->addresses.used,
			.valid = stopped->valid,
			.size = stopped->size,
			.base = stopped->base,
			.footprint = stopped->footprint,
		};
	}
	return true;
}

static const char *queue_fault(const struct gpu_snapshot_queue *queue)
{
	static const struct gpu_snapshot_queue none = { 0 };
	const char *fault = yes_or_no(queue->valid);
	if (fault)
		return fault;
	if (!queue->valid && memcmp(queue, &none, sizeof(none)) != 0)
		return "the position of a queue that never stopped";
	if (queue->size > UINT16_MAX)
		return result_fault(VIRTIO_GPU_RESP_ERR_INVALID_PARAMETER);
	return NULL;
}

/* The transport judges what these numbers mean, when all is there. */
static const char *session_load(struct gpu_sections *sections, struct gpu_section *section)
{
	const struct gpu_snapshot_session *fixed = &section->fixed.session;
	struct vhost_session_state *state = &sections->session;
	const char *fault = NULL;
	state->features = fixed->features;
	for (uint32_t i = 0; i < VIRTIO_GPU_QUEUES; i++) {
		const struct gpu_snapshot_queue *queue = &fixed->queues[i];
		if (!fault)
			fault = queue_fault(queue);
		state->queues[i] = (struct vhost_stopped){
			.valid = queue->valid,
			.size = (uint16_t)queue->size,
			.base = queue->base,
			.footprint = queue->footprint,
			.addresses = { .descriptors = queue->descriptors,
				.available = queue->available,
				.used = queue->used },
		};
	}
	return fault;
}

/* --- DEVICE --------------------------------------------------------------------------------- */

static uint64_t capset_bits(struct gpu_device *device)
{
	uint64_t bits = 0;
	for (uint32_t i = 0; i < gpu_capset_count(device); i++)
		bits |= UINT64_C(1) << (gpu_capset_at(device, i)->id % 64);
	return bits;
}

static bool device_save(struct gpu_sections *sections, struct gpu_section *section)
{
	if (sections->position++ > 0)
		return false;
	section->fixed.device = (struct gpu_snapshot_device){
		.scanouts = sections->device->args.scanouts,
		.events_read = sections->device->events.raised,
		.capsets = capset_bits(sections->device),
	};
	return true;
}

static const char *device_load(struct gpu_sections *sections, struct gpu_section *section)
{
	const struct gpu_snapshot_device *fixed = &section->fixed.device;
	struct gpu_device *device = sections->device;
	bool is_3d = sections->session.features >> VIRTIO_GPU_F_VIRGL & 1;
	if (fixed->scanouts > device->args.scanouts)
		return say(sections, "it has %u outputs, and this device %u", fixed->scanouts,
			device->args.scanouts);
	if (fixed->events_read & ~VIRTIO_GPU_EVENT_DISPLAY)
		return "an event that cannot be";
	if (is_3d && (fixed->capsets & ~capset_bits(device)))
		return "the guest uses capability sets that no renderer here has";
	device->events.raised = fixed->events_read;
	return NULL;
}

/* --- OUTPUTS -------------------------------------------------------------------------------- */

static bool outputs_save(struct gpu_sections *sections, struct gpu_section *section)
{
	const struct gpu_events *events = &sections->device->events;
	if (!events->asked || sections->position++ > 0)
		return false;
	for (uint32_t i = 0; i < VIRTIO_GPU_MAX_SCANOUTS; i++)
		section->fixed.outputs.modes[i] = gpu_output_describe(&events->known[i]);
	return true;
}

static const char *outputs_load(struct gpu_sections *sections, struct gpu_section *section)
{
	struct display_mode modes[VIRTIO_GPU_MAX_SCANOUTS];
	if (sections->position++ > 0)
		return "it is there twice";
	for (uint32_t i = 0; i < VIRTIO_GPU_MAX_SCANOUTS; i++) {
		const struct virtio_gpu_display_one *one = &section->fixed.outputs.modes[i];
		const char *fault = yes_or_no(one->enabled);
		if (fault)
			return fault;
		modes[i] = (struct display_mode){
			.rect = { one->r.x, one->r.y, one->r.width, one->r.height },
			.enabled = one->enabled,
			.flags = one->flags,
		};
	}
	gpu_events_answered(sections->device, modes);
	gpu_outputs_check_soon(sections->device);
	return NULL;
}

/* --- RESOURCE_2D ---------------------------------------------------------------------------- */

/* The pixels; they are the renderer's for as long as the resource is. */
static struct gpu_section_block pixels_of(struct gpu_device *device, uint32_t id)
{
	struct image *image = renderer_image(gpu_renderers_software(device)->renderer, id);
	assert(image && image->stride == (size_t)image->width * 4);
	return (struct gpu_section_block){ image->pixels, image->stride * image->height };
}

/* The next resource of this kind, or NULL. */
static const struct gpu_resource *next_resource(
	struct gpu_sections *sections, enum gpu_resource_kind kind)
{
	struct list *head = &sections->device->resource_list;
	struct list *link = sections->link ? sections->link : head;
	while ((link = link->next) != head) {
		const struct gpu_resource *resource = container_of(link, struct gpu_resource, link);
		sections->link = link;
		if (resource->kind == kind)
			return resource;
	}
	return NULL;
}

static struct gpu_section_block block_of(struct virtio_gpu_mem_entry *entries, uint32_t count)
{
	return (struct gpu_section_block){ (uint8_t *)entries, count * sizeof(*entries) };
}

static bool resource_2d_save(struct gpu_sections *sections, struct gpu_section *section)
{
	const struct gpu_resource *resource = next_resource(sections, GPU_RESOURCE_2D);
	if (!resource)
		return false;
	const struct gpu_backing *backing = &resource->backing;
	section->fixed.resource_2d = (struct gpu_snapshot_resource_2d){
		.id = resource->args.id,
		.format = resource->args.format,
		.width = resource->args.width,
		.height = resource->args.height,
		.entries = backing->count,
	};
	section->blocks[0] = block_of(backing->entries, backing->count);
	section->blocks[1] = pixels_of(sections->device, resource->args.id);
	return true;
}

/* Makes room for the entries that follow, if any. */
static const char *make_entries(
	struct gpu_sections *sections, struct gpu_section *section, uint32_t count)
{
	if (count == 0)
		return NULL;
	uint32_t result = gpu_backing_judge(sections->device, count);
	if (result != VIRTIO_GPU_RESP_OK_NODATA)
		return result_fault(result);
	sections->entries = calloc(count, sizeof(*sections->entries));
	section->blocks[0] = block_of(sections->entries, count);
	return sections->entries ? NULL : "there is no memory";
}

static const char *resource_2d_load(struct gpu_sections *sections, struct gpu_section *section)
{
	const struct gpu_snapshot_resource_2d *fixed = &section->fixed.resource_2d;
	const struct virtio_gpu_resource_create_2d create = {
		.resource_id = fixed->id,
		.format = fixed->format,
		.width = fixed->width,
		.height = fixed->height,
	};
	const char *fault = zero(fixed->zero);
	if (!fault)
		fault = result_fault(gpu_resource_create_2d(sections->device, &create, NULL));
	if (!fault)
		fault = make_entries(sections, section, fixed->entries);
	if (!fault)
		section->blocks[1] = pixels_of(sections->device, fixed->id);
	return fault;
}

/* Gives a resource the entries that have come, if any. */
static const char *restore_backing(struct gpu_sections *sections, uint32_t id, uint32_t count)
{
	struct gpu_resource *resource = gpu_resource_find(sections->device, id);
	struct virtio_gpu_mem_entry *entries = sections->entries;
	assert(resource);
	sections->entries = NULL;
	return entries ? result_fault(gpu_backing_restore(resource, entries, count)) : NULL;
}

static const char *resource_2d_loaded(struct gpu_sections *sections, struct gpu_section *section)
{
	const struct gpu_snapshot_resource_2d *fixed = &section->fixed.resource_2d;
	return restore_backing(sections, fixed->id, fixed->entries);
}

/* --- BLOB ----------------------------------------------------------------------------------- */

static bool blob_save(struct gpu_sections *sections, struct gpu_section *section)
{
	const struct gpu_resource *resource = next_resource(sections, GPU_RESOURCE_BLOB);
	if (!resource)
		return false;
	const struct gpu_backing *backing = &resource->backing;
	section->fixed.blob = (struct gpu_snapshot_blob){
		.id = resource->args.id,
		.flags = resource->blob.flags,
		.size = resource->blob.size,
		.entries = backing->count,
	};
	section->blocks[0] = block_of(backing->entries, backing->count);
	return true;
}

static const char *chosen(const struct gpu_sections *sections, uint32_t feature)
{
	bool has = sections->session.features >> feature & 1;
	return has ? NULL : "the driver did not choose the feature that it needs";
}

static const char *blob_load(struct gpu_sections *sections, struct gpu_section *section)
{
	const struct gpu_snapshot_blob *fixed = &section->fixed.blob;
	const struct virtio_gpu_resource_create_blob create = {
		.resource_id = fixed->id,
		.blob_flags = fixed->flags,
		.size = fixed->size,
	};
	struct gpu_resource *resource;
	const char *fault = chosen(sections, VIRTIO_GPU_F_RESOURCE_BLOB);
	if (!fault)
		fault = zero(fixed->zero);
	if (!fault)
		fault = result_fault(gpu_blob_create(
			sections->device, sections->session.features, &create, &resource));
	return fault ? fault : make_entries(sections, section, fixed->entries);
}

static const char *blob_loaded(struct gpu_sections *sections, struct gpu_section *section)
{
	const struct gpu_snapshot_blob *fixed = &section->fixed.blob;
	return restore_backing(sections, fixed->id, fixed->entries);
}

/* --- UUID ----------------------------------------------------------------------------------- */

static bool uuid_save(struct gpu_sections *sections, struct gpu_section *section)
{
	static const enum gpu_resource_kind kinds[] = { GPU_RESOURCE_2D, GPU_RESOURCE_BLOB };
	while (sections->position < ARRAY_SIZE(kinds)) {
		const struct gpu_resource *resource =
			next_resource(sections, kinds[sections->position]);
		if (!resource) {
			sections->position++;
			sections->link = NULL;
		} else if (resource->shared) {
			section->fixed.uuid.resource = resource->args.id;
			memcpy(section->fixed.uuid.uuid, resource->shared->uuid, GPU_UUID_SIZE);
			return true;
		}
	}
	return false;
}

static const char *uuid_load(struct gpu_sections *sections, struct gpu_section *section)
{
	const struct gpu_snapshot_uuid *fixed = &section->fixed.uuid;
	struct gpu_resource *resource = gpu_resource_find(sections->device, fixed->resource);
	const char *fault = chosen(sections, VIRTIO_GPU_F_RESOURCE_UUID);
	if (!fault)
		fault = zero(fixed->zero);
	if (!fault && (!resource || resource->shared))
		fault = result_fault(VIRTIO_GPU_RESP_ERR_INVALID_RESOURCE_ID);
	if (!fault && gpu_shared_restore(resource, fixed->uuid) < 0)
		fault = "there is no memory";
	return fault;
}

/* --- SCANOUT -------------------------------------------------------------------------------- */

static bool scanout_save(struct gpu_sections *sections, struct gpu_section *section)
{
	while (sections->position < VIRTIO_GPU_MAX_SCANOUTS) {
		uint32_t id = sections->position++;
		const struct gpu_scanout *scanout = &sections->device->scanouts[id];
		const struct rect *rect = &scanout->rect;
		if (!scanout->resource || scanout->resource->kind == GPU_RESOURCE_BLOB)
			continue;
		section->fixed.scanout = (struct gpu_snapshot_scanout){
			.scanout = id,
			.resource = scanout->resource->args.id,
			.rect = { rect->x, rect->y, rect->w, rect->h },
		};
		return true;
	}
	return false;
}

/* Ids ascend, so none comes twice. */
static const char *next_id(struct gpu_sections *sections, uint32_t id)
{
	if (id >= VIRTIO_GPU_MAX_SCANOUTS || id < sections->position)
		return result_fault(VIRTIO_GPU_RESP_ERR_INVALID_SCANOUT_ID);
	sections->position = id + 1;
	return NULL;
}

static const char *scanout_load(struct gpu_sections *sections, struct gpu_section *section)
{
	const struct gpu_snapshot_scanout *fixed = &section->fixed.scanout;
	const struct virtio_gpu_set_scanout set = {
		.r = fixed->rect,
		.scanout_id = fixed->scanout,
		.resource_id = fixed->resource,
	};
	const char *fault = next_id(sections, fixed->scanout);
	if (!fault && fixed->resource == 0)
		fault = result_fault(VIRTIO_GPU_RESP_ERR_INVALID_RESOURCE_ID);
	return fault ? fault : result_fault(gpu_scanout_show(sections->device, &set));
}

/* --- SCANOUT_BLOB --------------------------------------------------------------------------- */

static bool scanout_blob_save(struct gpu_sections *sections, struct gpu_section *section)
{
	while (sections->position < VIRTIO_GPU_MAX_SCANOUTS) {
		uint32_t id = sections->position++;
		const struct gpu_scanout *scanout = &sections->device->scanouts[id];
		const struct rect *rect = &scanout->rect;
		const struct gpu_blob_layout *layout = &scanout->layout;
		if (!scanout->resource || scanout->resource->kind != GPU_RESOURCE_BLOB)
			continue;
		section->fixed.scanout_blob = (struct gpu_snapshot_scanout_blob){
			.scanout = id,
			.resource = scanout->resource->args.id,
			.rect = { rect->x, rect->y, rect->w, rect->h },
			.width = layout->width,
			.height = layout->height,
			.format = layout->format,
			.stride = layout->stride,
			.offset = layout->offset,
		};
		return true;
	}
	return false;
}

static const char *scanout_blob_load(struct gpu_sections *sections, struct gpu_section *section)
{
	const struct gpu_snapshot_scanout_blob *fixed = &section->fixed.scanout_blob;
	const struct virtio_gpu_set_scanout_blob set = {
		.r = fixed->rect,
		.scanout_id = fixed->scanout,
		.resource_id = fixed->resource,
		.width = fixed->width,
		.height = fixed->height,
		.format = fixed->format,
		.strides = { fixed->stride },
		.offsets = { fixed->offset },
	};
	const char *fault = next_id(sections, fixed->scanout);
	if (!fault && sections->device->scanouts[fixed->scanout].resource)
		fault = result_fault(VIRTIO_GPU_RESP_ERR_INVALID_SCANOUT_ID);
	if (!fault)
		fault = zero(fixed->zero);
	if (!fault && fixed->resource == 0)
		fault = result_fault(VIRTIO_GPU_RESP_ERR_INVALID_RESOURCE_ID);
	return fault ? fault : result_fault(gpu_scanout_show_blob(sections->device, &set));
}

/* --- CURSOR --------------------------------------------------------------------------------- */

static bool cursor_save(struct gpu_sections *sections, struct gpu_section *section)
{
	while (sections->position < VIRTIO_GPU_MAX_SCANOUTS) {
		uint32_t id = sections->position++;
		const struct gpu_cursor *cursor = &sections->device->cursors[id];
		if (!cursor->image && !cursor->visible && !cursor->x && !cursor->y &&
			!cursor->hot_x && !cursor->hot_y)
			continue;
		section->fixed.cursor = (struct gpu_snapshot_cursor){
			.scanout = id,
			.x = cursor->x,
			.y = cursor->y,
			.hot_x = cursor->hot_x,
			.hot_y = cursor->hot_y,
			.visible = cursor->visible,
			.has_image = cursor->image != NULL,
		};
		if (cursor->image)
			section->blocks[0] = (struct gpu_section_block){ cursor->image->pixels,
				cursor->image->stride * CURSOR_SIDE };
		return true;
	}
	return false;
}

static const char *cursor_load(struct gpu_sections *sections, struct gpu_section *section)
{
	const struct gpu_snapshot_cursor *fixed = &section->fixed.cursor;
	const char *fault = next_id(sections, fixed->scanout);
	if (!fault)
		fault = yes_or_no(fixed->visible | fixed->has_image);
	if (!fault)
		fault = zero(fixed->zero);
	if (fault || !fixed->has_image)
		return fault;
	sections->image = image_create(CURSOR_SIDE, CURSOR_SIDE, FOURCC_ARGB8888);
	if (!sections->image)
		return "there is no memory";
	section->blocks[0] = (struct gpu_section_block){ sections->image->pixels,
		sections->image->stride * CURSOR_SIDE };
	return NULL;
}

static const char *cursor_loaded(struct gpu_sections *sections, struct gpu_section *section)
{
	const struct gpu_snapshot_cursor *fixed = &section->fixed.cursor;
	const struct gpu_cursor like = {
		.visible = fixed->visible,
		.x = fixed->x,
		.y = fixed->y,
		.hot_x = fixed->hot_x,
		.hot_y = fixed->hot_y,
		.image = sections->image,
	};
	sections->image = NULL;
	gpu_cursor_restore(sections->device, fixed->scanout, &like);
	return NULL;
}

/* --- END ------------------------------------------------------------------------------------ */

static bool end_save(struct gpu_sections *sections, struct gpu_section *section)
{
	return sections->position++ == 0;
}

static const char *end_load(struct gpu_sections *sections, struct gpu_section *section)
{
	return NULL;
}

#define ONCE          true
#define OFTEN         false
#define FIXED(member) sizeof(((struct gpu_section *)0)->fixed.member)

/* By type. */
const struct gpu_section_spec gpu_section_specs[] = {
	{ GPU_SNAPSHOT_SESSION, "session", ONCE, FIXED(session), session_save, session_load, NULL },
	{ GPU_SNAPSHOT_DEVICE, "device", ONCE, FIXED(device), device_save, device_load, NULL },
	{ GPU_SNAPSHOT_OUTPUTS, "outputs", OFTEN, FIXED(outputs), outputs_save, outputs_load,
		NULL },
	{ GPU_SNAPSHOT_RESOURCE_2D, "2D resource", OFTEN, FIXED(resource_2d), resource_2d_save,
		resource_2d_load, resource_2d_loaded },
	{ GPU_SNAPSHOT_BLOB, "blob", OFTEN, FIXED(blob), blob_save, blob_load, blob_loaded },
	{ GPU_SNAPSHOT_UUID, "UUID", OFTEN, FIXED(uuid), uuid_save, uuid_load, NULL },
	{ GPU_SNAPSHOT_SCANOUT, "scanout", OFTEN, FIXED(scanout), scanout_save, scanout_load,
		NULL },
	{ GPU_SNAPSHOT_SCANOUT_BLOB, "scanout of a blob", OFTEN, FIXED(scanout_blob),
		scanout_blob_save, scanout_blob_load, NULL },
	{ GPU_SNAPSHOT_CURSOR, "cursor", OFTEN, FIXED(cursor), cursor_save, cursor_load,
		cursor_loaded },
	{ GPU_SNAPSHOT_END, "end", ONCE, 0, end_save, end_load, NULL },
};
const size_t gpu_section_spec_count = ARRAY_SIZE(gpu_section_specs);

const char *gpu_sections_unsaved(const struct gpu_device *device)
{
	const struct gpu_slot *software = &device->renderers.slots[GPU_SOFTWARE_SLOT];
	if (device->context_count > 0)
		return "the guest has 3D contexts";
	list_for_each (link, &device->resource_list) {
		const struct gpu_resource *resource = container_of(link, struct gpu_resource, link);
		if (resource->kind == GPU_RESOURCE_3D || resource->kind == GPU_RESOURCE_HOST)
			return "the guest has 3D resources";
		if (resource->kind == GPU_RESOURCE_BLOB)
			continue;
		if (!resource->home || resource->home->slot != software)
			return "a renderer has pictures of the guest";
	}
	return gpu_cursors_busy(device) ? "a renderer has pictures of the guest" : NULL;
}

void gpu_sections_finish(struct gpu_sections *sections)
{
	free(sections->entries);
	image_unref(sections->image);
}
