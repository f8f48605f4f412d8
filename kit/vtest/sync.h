/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/*
 * Sync objects: numbers that programs and finished commands set, and that programs wait for by descriptors that
 * become readable.
 */
#pragma once

#include "kit/vtest/client.h"

/* Sets it, and wakes who waits for that. A sync object that is not there any more is left alone. */
void sync_signal(struct client *client, uint32_t id, uint64_t value);

/* Is there one with this number? */
bool sync_exists(const struct client *client, uint32_t id);

/* Drops all of them and their waits. Doing it twice is fine. */
void sync_finish(struct client *client);

static inline uint64_t sync_value(const struct vtest_sync_value *value)
{
	return (uint64_t)value->high << 32 | value->low;
}
