/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
#include "toy_faults.h"

#include <stdio.h>
#include <string.h>

#include "util/checked.h"

static const struct {
	enum toy_fault fault;
	const char *name;
} faults[] = {
	{ FAULT_REPLY_FLAGS, "reply-flags" },
	{ FAULT_CONFIG_SIZE, "config-size" },
	{ FAULT_VRING_BASE, "vring-base" },
	{ FAULT_LEAKS_SOCKETS, "leaks-sockets" },
	{ FAULT_FORGETS_AT_PAUSE, "forgets-at-pause" },
	{ FAULT_KEEPS_OVER_RESET, "keeps-over-reset" },
	{ FAULT_LOOPS_FOR_EVER, "loops-for-ever" },
	{ FAULT_USED_TWICE, "used-twice" },
	{ FAULT_USED_LENGTH, "used-length" },
	{ FAULT_SWAPS_ANSWERS, "swaps-answers" },
	{ FAULT_INTERRUPT_MISSING, "interrupt-missing" },
	{ FAULT_IGNORES_EVENT_IDX, "ignores-event-idx" },
	{ FAULT_WRITES_BEYOND, "writes-beyond" },
	{ FAULT_CURSOR_LAST, "cursor-last" },
	{ FAULT_RESPONSE_TYPE, "response-type" },
	{ FAULT_RESPONSE_FLAGS, "response-flags" },
	{ FAULT_DIES_OF_UNKNOWN, "dies-of-unknown" },
	{ FAULT_DIES_OF_TRUNCATED, "dies-of-truncated" },
	{ FAULT_TRUNCATED_DONE, "truncated-done" },
	{ FAULT_TAKES_ANY_FORMAT, "takes-any-format" },
	{ FAULT_ID_TWICE, "id-twice" },
	{ FAULT_TRANSFER_OUTSIDE, "transfer-outside" },
	{ FAULT_ENTRY_COUNT, "entry-count" },
	{ FAULT_FENCE_LOST, "fence-lost" },
	{ FAULT_FENCE_32_BITS, "fence-32-bits" },
	{ FAULT_FENCE_EARLY, "fence-early" },
	{ FAULT_FENCE_ORDER, "fence-order" },
	{ FAULT_PIXEL_OFF, "pixel-off" },
	{ FAULT_STRIDE, "stride" },
	{ FAULT_OFFSET, "offset" },
	{ FAULT_UNINITIALISED, "uninitialised" },
	{ FAULT_TRANSFERS_LATE, "transfers-late" },
	{ FAULT_MEMORY_LEAK, "memory-leak" },
	{ FAULT_SCANOUT_STAYS, "scanout-stays" },
	{ FAULT_UNREF_STAYS, "unref-stays" },
	{ FAULT_FIRST_SCANOUT_ONLY, "first-scanout-only" },
	{ FAULT_RESOURCE_PLACE, "resource-place" },
	{ FAULT_CURSOR_STAYS, "cursor-stays" },
	{ FAULT_MOVE_HIDES, "move-hides" },
	{ FAULT_HOT_SPOT, "hot-spot" },
	{ FAULT_WHOLE_FRAMES, "whole-frames" },
	{ FAULT_UPDATE_FIRST, "update-first" },
	{ FAULT_DISPLAY_FLAGS, "display-flags" },
	{ FAULT_DISPLAY_BLOCKS, "display-blocks" },
	{ FAULT_ASKS_ONCE, "asks-once" },
	{ FAULT_SHOWS_ONCE, "shows-once" },
	{ FAULT_EDID_SUM, "edid-sum" },
	{ FAULT_EDID_FIRST, "edid-first" },
	{ FAULT_EDID_UNASKED, "edid-unasked" },
	{ FAULT_UUID_NIL, "uuid-nil" },
	{ FAULT_UUID_ANEW, "uuid-anew" },
	{ FAULT_UUID_OF_ID, "uuid-of-id" },
};

static enum toy_fault chosen;

bool toy_fault_set(const char *name)
{
	for (size_t i = 0; i < ARRAY_SIZE(faults); i++)
		if (strcmp(faults[i].name, name) == 0)
			chosen = faults[i].fault;
	return chosen != FAULT_NONE;
}

bool toy_has(enum toy_fault fault)
{
	return chosen == fault;
}

void toy_faults_list(void)
{
	for (size_t i = 0; i < ARRAY_SIZE(faults); i++)
		printf("%s\n", faults[i].name);
}
