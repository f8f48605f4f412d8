/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/* A VMM's end of a backend channel, played by an input. */
#pragma once

#include "fuzz.h"

struct backend_channel;
struct loop;

struct channel_end {
	struct backend_channel *channel;
	int sock; /* the VMM's; -1: none */
};

/* A new channel in place of the one before, which has gone when this returns. It is one for a VMM that may be QEMU,
 * or not, and the device runs. */
void channel_open(struct fuzz_input *input, struct loop *loop, struct channel_end *end);

/* Answers what was asked, and now and then something else, or nothing. Without a socket nothing happens. */
void channel_answer(struct fuzz_input *input, struct loop *loop, struct channel_end *end);

/* Whether the device runs; there may be no channel. */
void channel_running(const struct channel_end *end, bool running);
