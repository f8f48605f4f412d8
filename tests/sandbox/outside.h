/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/* For breakout: what there is to get at outside of a sandbox. */
#pragma once

#include <stdbool.h>

#include "breakout.h"

/* Makes all of it; false and a line on standard error when that fails. */
bool outside_make(struct target *target);

/* Guest memory as new, sealed or not, and nothing left of the action before. False when that fails. */
bool outside_renew(struct target *target, bool sealed);

/* Whether guest memory is not as it was. */
bool outside_damaged(const struct target *target);

void outside_remove(struct target *target);
