/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
#include "gpu/backing.h"

#include <errno.h>
#include <stdlib.h>

#include "gpu/blob.h"
#include "gpu/limits.h"
#include "gpu/resource.h"
#include "gpu/state.h"
#include "util/contract.h"
#include "util/log.h"

#define REALISATION(link) container_of((link), struct gpu_realisation, resource_link)

uint32_t gpu_backing_judge(const struct gpu_device *device, uint32_t nr_entries)
{
	const struct gpu_limits *limits = &device->args.limits;
	if (nr_entries == 0)
		return VIRTIO_GPU_RESP_ERR_INVALID_PARAMETER;
	if (!gpu_limit_allows(0, nr_entries, limits->backing_entries, "max-backing-entries") ||
		!gpu_limit_allows(device->backing_entries, nr_entries, limits->backing_total,
			"max-backing-total"))
		return VIRTIO_GPU_RESP_ERR_OUT_OF_MEMORY;
	return VIRTIO_GPU_RESP_OK_NODATA;
}

/* Copies the entries out of the request; they are only resolved after that. */
static uint32_t read_entries(
	struct gpu_command *command, uint32_t count, struct virtio_gpu_mem_entry **ret_entries)
{
	size_t size = (size_t)count * sizeof(struct virtio_gpu_mem_entry);
	uint32_t result = gpu_backing_judge(command->device, count);
	if (result != VIRTIO_GPU_RESP_OK_NODATA)
		return result;
	if (size > command->request->readable_left)
		return VIRTIO_GPU_RESP_ERR_INVALID_PARAMETER;
	struct virtio_gpu_mem_entry *entries = malloc(size);
	if (!entries)
		return VIRTIO_GPU_RESP_ERR_OUT_OF_MEMORY;
	if (!vq_request_read(command->request, entries, size)) {
		free(entries);
		return VIRTIO_GPU_RESP_ERR_INVALID_PARAMETER;
	}
	*ret_entries = entries;
	return VIRTIO_GPU_RESP_OK_NODATA;
}

static void unpin_all(struct gpu_resource *resource, struct gpu_command *command)
{
	list_for_each (link, &resource->realisations) {
		struct gpu_realisation *realisation = REALISATION(link);
		if (realisation->pin)
			gpu_pin_detach(realisation->pin, resource->args.id, command);
		realisation->pin = NULL;
	}
}

static uint32_t pin_all(struct gpu_resource *resource, struct gpu_command *command)
{
	list_for_each (link, &resource->realisations) {
		struct gpu_realisation *realisation = REALISATION(link);
		realisation->pin = gpu_pin_create(
			realisation->slot, resource->args.id, resource->backing.spans, command);
		if (!realisation->pin) {
			unpin_all(resource, command);
			return VIRTIO_GPU_RESP_ERR_OUT_OF_MEMORY;
		}
	}
	return VIRTIO_GPU_RESP_OK_NODATA;
}

/* Whether they come to what the resource needs: a blob all of its size, others nothing. */
static bool suffice(const struct gpu_resource *resource, const struct virtio_gpu_mem_entry *entries,
	uint32_t count)
{
	uint64_t length = 0;
	for (uint32_t i = 0; i < count; i++)
		LOOP_ASSIGNS(i, length)
	LOOP_INVARIANT(i <= count && length <= (uint64_t)i * UINT32_MAX)
	LOOP_DECREASES(count - i)
	{
		length += entries[i].length;
	}
	return length >= resource->blob.size;
}

static void keep_entries(
	struct gpu_resource *resource, struct virtio_gpu_mem_entry *entries, uint32_t count)
{
	resource->backing.entries = entries;
	resource->backing.count = count;
	resource->device->backing_entries += count;
}

uint32_t gpu_backing_attach(
	struct gpu_resource *resource, struct gpu_command *command, uint32_t nr_entries)
{
	struct gpu_backing *backing = &resource->backing;
	struct virtio_gpu_mem_entry *entries;
	uint32_t result = read_entries(command, nr_entries, &entries);
	if (result != VIRTIO_GPU_RESP_OK_NODATA)
		return result;
	int ret = -EINVAL;
	if (suffice(resource, entries, nr_entries))
		ret = gpu_spans_create(resource->device, entries, nr_entries, &backing->spans);
	if (ret < 0) {
		free(entries);
		return ret == -ENOMEM || ret == -ENOSPC ? VIRTIO_GPU_RESP_ERR_OUT_OF_MEMORY
							: VIRTIO_GPU_RESP_ERR_INVALID_PARAMETER;
	}
	keep_entries(resource, entries, nr_entries);
	result = pin_all(resource, command);
	if (result == VIRTIO_GPU_RESP_OK_NODATA)
		gpu_blob_backed(resource);
	else
		gpu_backing_finish(resource);
	return result;
}

static void drop_spans(struct gpu_resource *resource)
{
	struct gpu_spans *spans = resource->backing.spans;
	resource->backing.spans = NULL;
	gpu_blob_let_go(resource, spans);
	gpu_spans_unref(spans);
}

void gpu_backing_detach(struct gpu_resource *resource, struct gpu_command *command)
{
	unpin_all(resource, command);
	gpu_backing_finish(resource);
}

void gpu_backing_finish(struct gpu_resource *resource)
{
	struct gpu_backing *backing = &resource->backing;
	drop_spans(resource);
	resource->device->backing_entries -= backing->count;
	free(backing->entries);
	*backing = (struct gpu_backing){ 0 };
}

static void pin_again(struct gpu_realisation *realisation, struct gpu_spans *spans)
{
	uint32_t id = realisation->resource->args.id;
	struct gpu_pin *old = realisation->pin;
	if (!old) {
		realisation->pin = gpu_pin_create(realisation->slot, id, spans, NULL);
		return;
	}
	realisation->pin = gpu_pin_replace(old, id, spans);
	if (!realisation->pin)
		gpu_pin_detach(old, id, NULL);
}

static void resolve(struct gpu_resource *resource)
{
	struct gpu_backing *backing = &resource->backing;
	struct gpu_spans *spans = NULL;
	if (!backing->entries)
		return;
	if (backing->spans && gpu_spans_move(backing->spans, resource->device))
		return;
	int ret = gpu_spans_create(resource->device, backing->entries, backing->count, &spans);
	if (ret < 0) {
		log_limited(LOG_DEBUG, "resource %u: its backing is not in memory any more",
			resource->args.id);
		unpin_all(resource, NULL);
	} else {
		list_for_each (link, &resource->realisations)
			pin_again(REALISATION(link), spans);
	}
	drop_spans(resource);
	backing->spans = spans;
	if (spans)
		gpu_blob_backed(resource);
}

uint32_t gpu_backing_restore(
	struct gpu_resource *resource, struct virtio_gpu_mem_entry *entries, uint32_t nr_entries)
{
	if (!suffice(resource, entries, nr_entries)) {
		free(entries);
		return VIRTIO_GPU_RESP_ERR_INVALID_PARAMETER;
	}
	keep_entries(resource, entries, nr_entries);
	resolve(resource);
	return VIRTIO_GPU_RESP_OK_NODATA;
}

void gpu_backings_resolve(struct gpu_device *device)
{
	list_for_each (link, &device->resource_list)
		resolve(container_of(link, struct gpu_resource, link));
}
