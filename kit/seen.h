/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/*
 * A tally of what was sent to backends: to say what a run never tried. It may lie in memory that
 * several processes share.
 */
#pragma once

#include <stdint.h>

#include "vhost/protocol.h"

#define KIT_SEEN_COMMANDS 0x304u /* types below this are counted */

struct kit_seen {
	uint32_t messages[VHOST_USER_REQUEST_MAX]; /* vhost-user requests, well formed or not */
	uint32_t commands[KIT_SEEN_COMMANDS]; /* virtio-gpu commands */
};

/* seen may be NULL; unknown numbers are not counted. */
static inline void kit_seen_message(struct kit_seen *seen, uint32_t request)
{
	if (seen && request < VHOST_USER_REQUEST_MAX)
		__atomic_fetch_add(&seen->messages[request], 1, __ATOMIC_RELAXED);
}

static inline void kit_seen_command(struct kit_seen *seen, uint32_t type)
{
	if (seen && type < KIT_SEEN_COMMANDS)
		__atomic_fetch_add(&seen->commands[type], 1, __ATOMIC_RELAXED);
}
