/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/* The areas, in the order in which they are run and shown. */
#include "kit/conform/plan.h"

extern const struct conform_area conform_area_2d;

const struct conform_area *const conform_areas[] = {
	&conform_area_2d,
};
const size_t conform_area_count = ARRAY_SIZE(conform_areas);
