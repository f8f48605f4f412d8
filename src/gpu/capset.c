/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
#include "gpu/capset.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "gpu/state.h"

static int add(struct gpu_capset_list *list, const struct renderer_capset *set)
{
	uint8_t *data = malloc(set->size);
	if (!data)
		return -ENOMEM;
	memcpy(data, set->data, set->size);
	list->sets[list->count] = *set;
	list->sets[list->count++].data = data;
	return 0;
}

int gpu_capsets_load(struct gpu_capset_list *list, const struct renderer *renderer, uint64_t mask)
{
	struct gpu_capset_list loaded = { 0 };
	for (uint32_t i = 0; i < renderer->capset_count; i++) {
		const struct renderer_capset *set = &renderer->capsets[i];
		if (set->id > VIRTIO_GPU_CAPSET_MAX || !(mask >> set->id & 1) || set->size == 0)
			continue;
		if (add(&loaded, set) < 0) {
			gpu_capsets_finish(&loaded);
			return -ENOMEM;
		}
	}
	gpu_capsets_finish(list);
	*list = loaded;
	return 0;
}

void gpu_capsets_finish(struct gpu_capset_list *list)
{
	for (uint32_t i = 0; i < list->count; i++)
		free(list->sets[i].data);
	*list = (struct gpu_capset_list){ 0 };
}

const struct renderer_capset *gpu_capset_find(
	struct gpu_device *device, uint32_t id, struct gpu_slot **ret_slot)
{
	for (uint32_t i = 0; i < device->renderers.count; i++) {
		struct gpu_slot *slot = &device->renderers.slots[i];
		for (uint32_t j = 0; j < slot->capsets.count; j++) {
			if (slot->capsets.sets[j].id != id)
				continue;
			*ret_slot = slot;
			return &slot->capsets.sets[j];
		}
	}
	return NULL;
}

const struct renderer_capset *gpu_capset_at(struct gpu_device *device, uint32_t index)
{
	struct gpu_slot *owner;
	for (uint32_t i = 0; i < device->renderers.count; i++) {
		struct gpu_slot *slot = &device->renderers.slots[i];
		for (uint32_t j = 0; j < slot->capsets.count; j++) {
			const struct renderer_capset *set = &slot->capsets.sets[j];
			if (gpu_capset_find(device, set->id, &owner) == set && index-- == 0)
				return set;
		}
	}
	return NULL;
}

uint32_t gpu_capset_count(struct gpu_device *device)
{
	uint32_t count = 0;
	while (gpu_capset_at(device, count))
		count++;
	return count;
}
