/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
#include "backoff.h"

#include "util/checked.h"

void backoff_started(struct backoff *backoff, uint64_t now_ms)
{
	backoff->started_ms = now_ms;
}

uint32_t backoff_ended(struct backoff *backoff, uint64_t now_ms)
{
	if (now_ms - backoff->started_ms >= BACKOFF_PEACE_MS)
		backoff->next_ms = 0;
	uint32_t delay = backoff->next_ms;
	backoff->next_ms = delay == 0 ? BACKOFF_FIRST_MS : min_u32(2 * delay, BACKOFF_MOST_MS);
	return delay;
}
