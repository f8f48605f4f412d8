/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/* Bytes that are known again, wherever in a file they are. */
#pragma once

#include <stdint.h>

#define PATTERN_SIZE   65536u
#define PATTERN_SEARCH (1u << 20) /* where in a file it may begin at most */

/* bytes: PATTERN_SIZE of them, at an address for words. */
void pattern_write(void *bytes);

/* Where in the file the pattern begins, at a page; -1: nowhere, or there is nothing to be mapped. */
int64_t pattern_find(int fd);
