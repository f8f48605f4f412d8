/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
#include "renderer/regions.h"

#include <errno.h>
#include <stdlib.h>

#include "util/checked.h"

void regions_init(struct regions *regions)
{
	regions->count = 0;
}

static const struct regions_entry *find(const struct regions *regions, uint32_t id)
{
	for (uint32_t i = 0; i < regions->count; i++)
		if (regions->entries[i].id == id)
			return &regions->entries[i];
	return NULL;
}

int regions_add(struct regions *regions, uint32_t id, uint8_t *base, uint64_t size)
{
	if (find(regions, id))
		return -EEXIST;
	if (regions->count == RENDERER_MAX_REGIONS)
		return -ENOSPC;
	regions->entries[regions->count++] = (struct regions_entry){ id, size, base };
	return 0;
}

uint8_t *regions_remove(struct regions *regions, uint32_t id, uint64_t *ret_size)
{
	const struct regions_entry *entry = find(regions, id);
	if (!entry)
		return NULL;
	uint8_t *base = entry->base;
	*ret_size = entry->size;
	size_t index = (size_t)(entry - regions->entries);
	regions->entries[index] = regions->entries[--regions->count];
	return base;
}

uint8_t *regions_translate(const struct regions *regions, const struct renderer_span *span)
{
	const struct regions_entry *entry = find(regions, span->region);
	if (!entry || !range_inside(span->offset, span->length, entry->size))
		return NULL;
	return entry->base + span->offset;
}

int regions_iovecs(const struct regions *regions, const struct renderer_span *spans, uint32_t count,
	struct iovec **ret_iovecs)
{
	/* One more, so that none at all is not taken for a failure. */
	struct iovec *iovecs = calloc((size_t)count + 1, sizeof(*iovecs));
	if (!iovecs)
		return -ENOMEM;
	for (uint32_t i = 0; i < count; i++) {
		iovecs[i].iov_base = regions_translate(regions, &spans[i]);
		iovecs[i].iov_len = (size_t)spans[i].length;
		if (!iovecs[i].iov_base) {
			free(iovecs);
			return -EINVAL;
		}
	}
	*ret_iovecs = iovecs;
	return 0;
}
