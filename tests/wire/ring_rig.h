/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/* A ring of the kit in memory of its own, for tests that play the device. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "kit/ring.h"

struct ring_rig {
	struct kit kit; /* with little patience */
	struct kit_memory memory; /* 1 MiB from 0 on */
	struct kit_ring ring;
};

/* With so many entries. Ends the case when it fails. */
void ring_rig_init(struct ring_rig *rig, uint32_t size, bool packed);

/* Nothing but the ring's own may be left in the memory. */
void ring_rig_finish(struct ring_rig *rig);
