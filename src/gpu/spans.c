/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
#include <assert.h>
#include <errno.h>
#include <stdlib.h>

#include "gpu/memory.h"
#include "gpu/state.h"

struct builder {
	const struct gpu_regions *known;
	struct gpu_spans *spans;
	uint32_t capacity;
	struct gpu_region last; /* the region of the last span */
};

static uint32_t find_id(const struct gpu_regions *regions, const struct vhost_region *region)
{
	for (uint32_t i = 0; i < regions->count; i++)
		if (regions->entries[i].region == region)
			return regions->entries[i].id;
	return 0;
}

uint32_t gpu_regions_new_id(struct gpu_regions *regions)
{
	return ++regions->last_id;
}

void gpu_regions_update(struct gpu_regions *regions, const struct vhost_memory *memory)
{
	struct gpu_regions next = { .last_id = regions->last_id };
	for (uint32_t i = 0; memory && i < memory->count; i++) {
		struct vhost_region *region = memory->regions[i];
		uint32_t id = find_id(regions, region);
		next.entries[next.count++] = (struct gpu_region){
			.id = id ? id : gpu_regions_new_id(&next),
			.region = region,
		};
	}
	*regions = next;
}

bool gpu_regions_have(const struct gpu_regions *regions, uint32_t id)
{
	for (uint32_t i = 0; i < regions->count; i++)
		if (regions->entries[i].id == id)
			return true;
	return false;
}

/* Makes a region the builder's last one, and one of the spans'. */
static void use_region(struct builder *builder, struct vhost_region *region)
{
	struct gpu_spans *spans = builder->spans;
	if (builder->last.region == region)
		return;
	builder->last.region = region;
	builder->last.id = find_id(builder->known, region);
	assert(builder->last.id != 0);
	for (uint32_t i = 0; i < spans->region_count; i++)
		if (spans->regions[i].region == region)
			return;
	assert(spans->region_count < VHOST_MEMORY_MAX_REGIONS);
	spans->regions[spans->region_count++] = builder->last;
}

static int grow(struct builder *builder)
{
	struct gpu_spans *spans = builder->spans;
	if (spans->count == RENDERER_MAX_SPANS)
		return -ENOSPC;
	uint32_t capacity = builder->capacity ? 2 * builder->capacity : 16;
	if (capacity > RENDERER_MAX_SPANS)
		capacity = RENDERER_MAX_SPANS;
	struct renderer_span *array = reallocarray(spans->spans, capacity, sizeof(*array));
	if (!array)
		return -ENOMEM;
	spans->spans = array;
	builder->capacity = capacity;
	return 0;
}

static int append(struct builder *builder, const struct vhost_span *span)
{
	struct gpu_spans *spans = builder->spans;
	struct renderer_span *last = spans->count ? &spans->spans[spans->count - 1] : NULL;
	spans->length += span->length;
	if (last && builder->last.region == span->region &&
		last->offset + last->length == span->offset) {
		last->length += span->length;
		return 0;
	}
	if (spans->count == builder->capacity) {
		int ret = grow(builder);
		if (ret < 0)
			return ret;
	}
	use_region(builder, span->region);
	spans->spans[spans->count++] = (struct renderer_span){
		.region = builder->last.id,
		.offset = span->offset,
		.length = span->length,
	};
	return 0;
}

static int add_entry(struct builder *builder, const struct virtio_gpu_mem_entry *entry)
{
	struct vhost_span pieces[VHOST_MEMORY_MAX_REGIONS];
	if (entry->length == 0)
		return 0;
	int count = vhost_memory_resolve(builder->spans->memory, entry->addr, entry->length, pieces,
		VHOST_MEMORY_MAX_REGIONS);
	if (count < 0)
		return count;
	for (int i = 0; i < count; i++) {
		int ret = append(builder, &pieces[i]);
		if (ret < 0)
			return ret;
	}
	return 0;
}

int gpu_spans_create(const struct gpu_device *device, const struct virtio_gpu_mem_entry *entries,
	uint32_t count, struct gpu_spans **ret_spans)
{
	if (!device->memory)
		return -EFAULT;
	struct gpu_spans *spans = calloc(1, sizeof(*spans));
	if (!spans)
		return -ENOMEM;
	spans->refs = 1;
	spans->memory = vhost_memory_ref(device->memory);
	struct builder builder = { .known = &device->regions, .spans = spans };
	int ret = 0;
	for (uint32_t i = 0; i < count && ret == 0; i++)
		ret = add_entry(&builder, &entries[i]);
	if (ret == 0 && spans->count == 0)
		ret = -EINVAL;
	if (ret < 0) {
		gpu_spans_unref(spans);
		return ret;
	}
	*ret_spans = spans;
	return 0;
}

struct gpu_spans *gpu_spans_ref(struct gpu_spans *spans)
{
	spans->refs++;
	return spans;
}

void gpu_spans_unref(struct gpu_spans *spans)
{
	if (!spans || --spans->refs > 0)
		return;
	vhost_memory_unref(spans->memory);
	free(spans->spans);
	free(spans);
}

const struct vhost_region *gpu_spans_region(
	const struct gpu_spans *spans, const struct renderer_span *span)
{
	uint32_t i = 0;
	while (spans->regions[i].id != span->region)
		i++;
	return spans->regions[i].region;
}

bool gpu_spans_move(struct gpu_spans *spans, const struct gpu_device *device)
{
	for (uint32_t i = 0; i < spans->region_count; i++)
		if (!gpu_regions_have(&device->regions, spans->regions[i].id))
			return false;
	vhost_memory_ref(device->memory);
	vhost_memory_unref(spans->memory);
	spans->memory = device->memory;
	return true;
}
