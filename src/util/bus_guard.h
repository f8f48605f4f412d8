/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/* Survives memory that is cut off while we use it: a VMM can shorten the file behind guest memory. */
#pragma once

/* From now on a page of a mapping that is no longer backed by its file (SIGBUS, BUS_ADRERR) is replaced by
 * a private page of zeros, with one line in the log for the first of them. Other causes of SIGBUS end
 * the process as before. role: as for log_init(). Returns 0 or -errno. */
int bus_guard_install(const char *role);
