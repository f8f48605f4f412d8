/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/*
 * The VMM's end of a transfer of the device's state (vhost-user, "Migrating back-end state"). It is
 * served like everything else while the kit waits.
 */
#pragma once

#include "kit/vmm.h"

struct kit_state {
	uint8_t *bytes; /* owned */
	size_t size;
	size_t capacity;
};

void kit_state_finish(struct kit_state *state);

enum kit_transfer_channel {
	KIT_TRANSFER_PIPE,
	KIT_TRANSFER_SOCKET,
	KIT_TRANSFER_FILE, /* a memfd, which is written before and read afterwards */
};

struct kit_transfer {
	struct kit_vmm *vmm;
	uint32_t direction; /* VHOST_USER_TRANSFER_… */
	enum kit_transfer_channel channel;
	struct kit_state *state; /* what is loaded, or has been saved; stays the caller's */
	struct kit_source source;
	int fd; /* our end; -1 once it is closed */
	size_t moved;
	bool ended; /* all has been moved, as far as it shows at this end */

	/* may be changed at any time */
	size_t piece; /* move at most so many bytes at a time; 0: as many as go */
	size_t stop_at; /* leave it when so many have been moved; SIZE_MAX at first */
};

/* Asks the backend for a transfer and serves it. On failure (-EREMOTEIO when the backend refuses)
 * nothing is left; else it has to be finished or dropped. */
int kit_transfer_begin(struct kit_transfer *transfer, struct kit_vmm *vmm, uint32_t direction,
	enum kit_transfer_channel channel, struct kit_state *state);

/* Waits until all has been moved, asks whether it was well (CHECK_DEVICE_STATE), and drops it. 0 or
 * -errno. */
int kit_transfer_finish(struct kit_transfer *transfer);

/* Waits only for the first of these. */
int kit_transfer_wait(struct kit_transfer *transfer);

/* Closes our end. Twice is fine. */
void kit_transfer_drop(struct kit_transfer *transfer);
