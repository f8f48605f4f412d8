/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/* For host: what each submission means. */
#pragma once

#include <stdint.h>

#include "renderer/regions.h"
#include "renderer/wire.h"

/* What an operation may need beside its record. */
struct ops_target {
	struct renderer *renderer;
	struct regions *regions;
};

struct ops_request {
	const struct wire_submission *record;
	void *data; /* record->data_size bytes; NULL when that is 0 */
	int fd; /* -1: none; the caller's */
	struct renderer_call *call; /* may be NULL */
};

/* Calls the renderer's operation for a record. One that is wrong in itself finishes its call with
 * -EINVAL (and is logged); ops_start() always uses the call up. */
void ops_start(const struct ops_target *target, const struct ops_request *request);

/* Unmaps all regions. */
void ops_unmap_regions(struct regions *regions);
