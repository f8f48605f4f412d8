/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/* What lies in the memory of a ring. For ring.c, and for tests that play a peer which does not keep to
 * the rules. */
#pragma once

#include <stdalign.h>
#include <stdatomic.h>
#include <stdint.h>

#include "renderer/ring.h"

#define RING_CACHE_LINE  64u
#define RING_RECORD_SIZE 128u

/* Free-running counts of records; each on a cache line of its own, as different sides write them. */
struct ring_indices {
	alignas(RING_CACHE_LINE) _Atomic uint32_t produced;
	alignas(RING_CACHE_LINE) _Atomic uint32_t consumed;
};

/* What a side wants: not 0 when it does, taken back by the other side when it does it. */
struct ring_wishes {
	alignas(RING_CACHE_LINE) _Atomic uint32_t armed; /* to be woken by a record */
	_Atomic uint32_t room; /* to be woken by room for one */
};

struct ring_shared {
	struct ring_indices submissions;
	struct ring_indices completions;
	struct ring_wishes wishes[2]; /* by enum ring_side */
	alignas(4096) uint8_t submission_records[RING_SUBMISSIONS * RING_RECORD_SIZE];
	uint8_t completion_records[RING_COMPLETIONS * RING_RECORD_SIZE];
	uint8_t data[RING_DATA_SIZE];
};
