/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/*
 * The rig (rig.h) with a device whose state can be transferred, and the VMM's end of that. The state
 * is the session's part and then bytes of a pattern.
 */
#pragma once

#include "rig.h"
#include "test.h"

#define TRANSFER_MAX_STATE (4u << 20)

struct transfer_rig {
	/* of the device, to be set by the test */
	uint32_t size; /* of a state */
	uint32_t piece; /* given at a time */
	bool refuse; /* does not begin */
	uint32_t fail_at; /* 0: not */

	/* what it has given or taken */
	uint8_t bytes[TRANSFER_MAX_STATE];
	uint32_t position;
	bool saving, loading;
	uint32_t saves, loads, ends;

	uint8_t saved[TRANSFER_MAX_STATE + 1]; /* the VMM's; one more, to see that no more comes */
};

extern struct transfer_rig transfer_rig;
extern const struct vhost_state_impl transfer_state_impl;

/* A session whose device has a state of this size; transfer_setup() also negotiates. */
void transfer_setup_only(uint32_t size);
void transfer_setup(uint32_t size);
void transfer_teardown(void);

/* SET_DEVICE_STATE_FD with a descriptor, which is closed here; returns the answer. */
uint64_t transfer_set_fd(uint32_t direction, int fd);

/* CHECK_DEVICE_STATE, which has to be answered at once. */
uint64_t transfer_check(void);

/* Begins a transfer over a pipe; returns the test's end, which does not block. */
int transfer_begin(uint32_t direction);

/* Reads to the end, at most `piece` at a time; returns how much has come to transfer_rig.saved. */
uint32_t transfer_read(int fd, uint32_t piece);

/* Writes bytes, at most `piece` at a time, while the session runs. */
void transfer_write(int fd, const uint8_t *bytes, uint32_t size, uint32_t piece);

/* What a device of this size would have saved in a session without a guest. */
void transfer_make_saved(uint32_t size);

/* transfer_rig.saved, so many bytes of it, is what the device has given; or has taken. */
void transfer_check_saved(uint32_t size);
void transfer_check_loaded(void);
