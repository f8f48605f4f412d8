/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/* What the guest is offered: the size of each head. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "screen.h"

struct modes {
	struct {
		uint32_t width, height; /* 0: there is no such head, or not any more */
	} heads[SCREEN_HEADS];
	uint32_t count;
};

/* Adds "1280x800" as the next head. 0, or -EINVAL. */
int modes_add(struct modes *modes, const char *text);

/* The size of a head that is there; 0 x 0: it is switched off. 0, or -EINVAL: no head can have it. */
int modes_set(struct modes *modes, uint32_t head, uint32_t width, uint32_t height);

/* True when all heads are off. */
bool modes_off(const struct modes *modes);
