/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/*
 * Memory that several processes can map: a file that nobody can cut off any more, mapped here. Its size may be a
 * guest's choice; none of it is there before it is touched.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct memory_file {
	int fd; /* owned */
	void *bytes;
	size_t size;
};

/* size: whole pages. 0 or -errno. */
int memory_file_create(struct memory_file *file, uint64_t size);

/* True for what memory_file_create() makes, in this process or another one: files that cannot get shorter. */
bool memory_file_is(int fd);

/* Maps the first size bytes of such a file. On success, and only then, fd is taken. 0 or -errno; -EINVAL: it has
 * fewer. */
int memory_file_open(struct memory_file *file, int fd, uint64_t size);

void memory_file_finish(struct memory_file *file);
