/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/*
 * How long to wait before something that ends again and again is started again: not at all the first time, and
 * then twice as long each time, until it has run for a while.
 */
#pragma once

#include <stdint.h>

#define BACKOFF_FIRST_MS 250u
#define BACKOFF_MOST_MS  8000u
#define BACKOFF_PEACE_MS 60000u /* what runs for so long is as good as new */

/* All zero at first. Times are those of loop_now_ms(). */
struct backoff {
	uint64_t started_ms;
	uint32_t next_ms;
};

void backoff_started(struct backoff *backoff, uint64_t now_ms);

/* It has ended, or could not be started: returns in how many milliseconds it may be started. */
uint32_t backoff_ended(struct backoff *backoff, uint64_t now_ms);
