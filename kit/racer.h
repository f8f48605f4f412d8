/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/*
 * Another vCPU: a process that writes to guest memory as fast as it can, while the driver waits for
 * the device. For what must be read once only.
 */
#pragma once

#include <sys/types.h>

#include "kit/memory.h"

#define KIT_RACER_MAX 256u /* bytes */

struct kit_racer {
	pid_t pid;
	uint64_t *rounds; /* shared with it */
};

/* What is written, in turns. */
struct kit_race {
	uint64_t guest;
	const void *a, *b;
	size_t size; /* of each, at most KIT_RACER_MAX */
};

/* Starts writing. 0 or -errno. */
int kit_racer_start(
	struct kit_racer *racer, struct kit_memory *memory, const struct kit_race *race);

/* How often it has written since it was started. */
uint64_t kit_racer_rounds(const struct kit_racer *racer);

/* Whatever was written last stays. Stopping twice is fine. */
void kit_racer_stop(struct kit_racer *racer);
