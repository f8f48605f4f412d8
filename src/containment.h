/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/* The sandbox of the process that starts the others: what they need is all that is left. */
#pragma once

#include "process.h"
#include "sandbox/sandbox.h"

struct containment_args {
	const struct process_program *programs; /* those that will be started */
	uint32_t program_count;
	int render_node; /* -1: none */
	int self; /* this program, if it will be started once more; -1: it will not */
	int folders[2]; /* in which files may be removed later; -1: none */
};

/* All stages of the policy sandbox_launcher, for this process. 0 or -errno (logged). */
int containment_enter(struct sandbox *sandbox, const struct containment_args *args);

/* Says in one line which layers hold, when all that can be known is known. */
void containment_report(const struct sandbox *sandbox);
