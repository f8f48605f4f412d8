/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/* What all children of the launcher say. */
#pragma once

#include "child_log.h"
#include "gpu/device.h"
#include "outlet.h"

struct config;

struct logs {
	struct outlet outlet;
	int null; /* owned: /dev/null, for what children do not need */
	struct child_log device;
	struct child_log renderers[GPU_MAX_RENDERERS], servers[GPU_MAX_RENDERERS];
};

/* 0, or -errno (logged); as long as files can be opened. From now on this process logs by way of the outlet. logs and
 * config must stay where they are. */
int logs_init(struct logs *logs, struct loop *loop, const struct config *config);

/* All that children have said so far, before what the launcher says next. */
void logs_drain(struct logs *logs);

/* All children have ended. Without logs_init() null has to be -1. */
void logs_finish(struct logs *logs);
