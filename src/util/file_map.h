/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/*
 * Parts of files that others have, as memory of ours. Files on huge pages are mapped and unmapped in whole ones. What is
 * not there when it is used is the business of the process's guard (util/bus_guard.h), which knows of these.
 */
#pragma once

#include <stdint.h>

/* Maps [offset, offset + size) of a file, not empty, for PROT_READ and PROT_WRITE as in `protection`, shared with
 * whoever else has it; no core file has it. fd stays the caller's.
 * 0; -EINVAL: offset is no multiple of the size of small pages, or too large; what fstat or mmap said; -ENOSPC: too
 * many with huge pages. From one thread at a time. */
int file_map_create(int fd, uint64_t offset, uint64_t size, int protection, uint8_t **ret_base);

/* Unmaps it, with the size that it was mapped with. */
void file_map_destroy(uint8_t *base, uint64_t size);
