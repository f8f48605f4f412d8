/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/* Lets allocations of the code under test fail now and then; for programs linked with the --wrap
 * options of short_memory_dep. */
#pragma once

#include <stdint.h>

/* From now on one allocation in so many fails (0: none). Returns what it was before. */
uint32_t short_memory(uint32_t one_in);

/* How many have failed. */
uint64_t short_memory_failures(void);
