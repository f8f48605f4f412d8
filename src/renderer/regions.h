/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/* The regions a renderer has been given, and spans of them as memory of this process. */
#pragma once

#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>

#include "renderer/renderer.h"

#define RENDERER_MAX_REGIONS 256u

struct regions {
	uint32_t count;
	struct regions_entry {
		uint32_t id;
		uint64_t size;
		uint8_t *base;
	} entries[RENDERER_MAX_REGIONS];
};

void regions_init(struct regions *regions);

/* 0, -ENOSPC or -EEXIST. */
int regions_add(struct regions *regions, uint32_t id, uint8_t *base, uint64_t size);

/* Returns the base that was added, or NULL when there is no such region. */
uint8_t *regions_remove(struct regions *regions, uint32_t id, uint64_t *ret_size);

/* Our address of a span, or NULL when it is not inside its region. */
uint8_t *regions_translate(const struct regions *regions, const struct renderer_span *span);

/* A new array of count iovecs for the spans (the caller frees it). -EINVAL when one is not inside its
 * region, -ENOMEM. */
int regions_iovecs(const struct regions *regions, const struct renderer_span *spans, uint32_t count,
	struct iovec **ret_iovecs);
