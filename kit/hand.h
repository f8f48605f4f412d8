/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/* What chains are made of by hand: a good request in memory and room for its answer. */
#pragma once

#include <stdint.h>

#include "kit/machine.h"

struct kit_hand {
	struct kit_machine *m;
	struct kit_ring *ring; /* its control queue's */
	/* A page of guest memory each: GET_DISPLAY_INFO, bytes of 0xee, and one for an indirect table. */
	uint64_t in, out, table;
};

struct kit_hand kit_hand(struct kit_machine *machine);

/* Frees the pages. */
void kit_hand_finish(struct kit_hand *hand);
