/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/* What the guest is offered: the size of each head. */
#pragma once

#include <stdint.h>

#include "screen.h"

struct modes {
	struct {
		uint32_t width, height; /* 0: there is no such head */
	} heads[SCREEN_HEADS];
	uint32_t count;
};

/* Adds "1280x800" as the next head. 0, or -EINVAL. */
int modes_add(struct modes *modes, const char *text);
