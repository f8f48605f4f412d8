/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/* Survives memory that is not there while we use it: a VMM can shorten the file behind guest memory, or have
 * no huge pages left for it. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#define BUS_GUARD_MAX 512u /* mappings with huge pages */

/* From now on a page of a mapping that is no longer backed by its file (SIGBUS, BUS_ADRERR) is replaced by
 * a private page of zeros, with one line in the log for the first of them. Other causes of SIGBUS end
 * the process as before. role: as for log_init(). Returns 0 or -errno. */
int bus_guard_install(const char *role);

/* The pages of a mapping are so large that they can be replaced only as a whole: size, and that of a page (a power
 * of two that divides size). 0 or -ENOSPC. From one thread at a time; memory may be missing in any. */
int bus_guard_add(void *start, size_t size, size_t page_size);

/* Forgets the one that was added and has this address, before it is unmapped; false when there is none. */
bool bus_guard_remove(const void *inside, void **ret_start, size_t *ret_size);
