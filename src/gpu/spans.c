/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
#include <assert.h>
#include <errno.h>
#include <stdlib.h>

#include "gpu/memory.h"

struct builder {
	struct gpu_spans *spans;
	uint32_t capacity;
	struct vhost_region *last; /* the region of the last span */
};

static void note_region(struct gpu_spans *spans, struct vhost_region *region)
{
	for (uint32_t i = 0; i < spans->region_count; i++)
		if (spans->regions[i] == region)
			return;
	assert(spans->region_count < VHOST_MEMORY_MAX_REGIONS);
	spans->regions[spans->region_count++] = region;
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
	if (last && builder->last == span->region && last->offset + last->length == span->offset) {
		last->length += span->length;
		return 0;
	}
	if (spans->count == builder->capacity) {
		int ret = grow(builder);
		if (ret < 0)
			return ret;
	}
	spans->spans[spans->count++] = (struct renderer_span){
		.region = span->region->id,
		.offset = span->offset,
		.length = span->length,
	};
	if (builder->last != span->region)
		note_region(spans, span->region);
	builder->last = span->region;
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

int gpu_spans_create(struct vhost_memory *memory, const struct virtio_gpu_mem_entry *entries,
	uint32_t count, struct gpu_spans **ret_spans)
{
	struct gpu_spans *spans = calloc(1, sizeof(*spans));
	if (!spans)
		return -ENOMEM;
	spans->refs = 1;
	spans->memory = vhost_memory_ref(memory);
	struct builder builder = { .spans = spans };
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

static bool memory_has(const struct vhost_memory *memory, const struct vhost_region *region)
{
	for (uint32_t i = 0; i < memory->count; i++)
		if (memory->regions[i] == region)
			return true;
	return false;
}

bool gpu_spans_move(struct gpu_spans *spans, struct vhost_memory *memory)
{
	for (uint32_t i = 0; i < spans->region_count; i++)
		if (!memory_has(memory, spans->regions[i]))
			return false;
	vhost_memory_ref(memory);
	vhost_memory_unref(spans->memory);
	spans->memory = memory;
	return true;
}
