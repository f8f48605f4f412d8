/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/* Ways in which the shape of a correct message can be broken: its header, size and descriptors. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "kit/vmm.h"

#define KIT_MUTATIONS 10u

struct kit_mutation {
	const char *name; /* "one byte more" */
	bool needs_payload; /* only messages that have one */
	bool needs_fd;
	void (*apply)(struct kit_message *message);
};

extern const struct kit_mutation kit_mutations[KIT_MUTATIONS];

/* Breaks the message. False when there is nothing of it to be broken so: then it is finished. */
bool kit_mutate(const struct kit_mutation *mutation, struct kit_message *message);

/* Adds eventfds, as many as there is room for. */
void kit_message_add_fds(struct kit_message *message, uint32_t count);
