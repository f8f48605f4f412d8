/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/* What a guest may take of the host (struct gpu_limits): who takes it keeps the count. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct renderer_resource_args;

/* Whether there may be `more` beside what is used. If not that is logged, with the name of the
 * option (a static string, without dashes) that would allow it. */
bool gpu_limit_allows(uint64_t used, uint64_t more, uint64_t limit, const char *option);

/* How many bytes a resource has by its size, format, levels, layers and samples; UINT64_MAX when
 * that does not fit in 64 bits. What a renderer takes for it beyond that (rows and pages that are
 * filled up, copies) is its own business. Formats are those of virgl; one that is not known counts
 * as the largest. */
uint64_t gpu_footprint(const struct renderer_resource_args *args);
