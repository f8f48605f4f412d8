/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/* For refuse.c: where a machine has the arguments (0..5) and the result of a system call that trapped. One
 * file for each kind of machine. */
#pragma once

#include <stdint.h>
#include <ucontext.h>

uint64_t machine_argument(const ucontext_t *context, unsigned index);
void machine_set_result(ucontext_t *context, int64_t result);
