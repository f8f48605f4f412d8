/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/* Shared memory that can be given to other processes. */
#pragma once

#include <stdint.h>

/* A zeroed memfd of size bytes (not 0), close-on-exec, which nobody can shrink, grow or unseal;
 * name is for /proc. Returns the descriptor or -errno. */
int shm_create(const char *name, uint64_t size);
