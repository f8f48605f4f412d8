/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/*
 * Which of a device's memory is files of ours, and how much of each heap they take. Any thread may call.
 */
#pragma once

#include <pthread.h>
#include <stddef.h>
#include <stdint.h>

#include "memory_file.h"
#include "util/list.h"

#define MEMORY_BOOK_HEAPS 16u /* as in VK_MAX_MEMORY_HEAPS */

struct memory_book {
	pthread_mutex_t lock;
	struct list memories; /* those that are kept */
	uint64_t taken[MEMORY_BOOK_HEAPS]; /* bytes */
};

struct memory {
	struct list link;
	uint64_t handle; /* what it is to its user */
	struct memory_file file;
	uint32_t heap;
};

struct memory_wish {
	uint64_t size; /* of any number; it is rounded up to whole pages */
	uint32_t heap; /* below MEMORY_BOOK_HEAPS */
	uint64_t heap_size; /* bytes that all files of this heap together may have */
	int fd; /* the file of another memory_create(), taken on success; -1: a new one is made */
};

void memory_book_init(struct memory_book *book);

/* What is still kept goes as well. */
void memory_book_finish(struct memory_book *book);

/* Memory that the book counts, but does not know by a handle yet. 0 or -errno: -ENOSPC does not fit into the heap,
 * -EINVAL the file is shorter. */
int memory_create(
	struct memory_book *book, const struct memory_wish *wish, struct memory **ret_memory);

/* For what the book does not keep (any more). */
void memory_destroy(struct memory_book *book, struct memory *memory);

/* Like memory_destroy(), but the file stays open and is the caller's again: undoes memory_create() with an fd. */
void memory_give_up(struct memory_book *book, struct memory *memory);

/* The book owns it from now on. */
void memory_keep(struct memory_book *book, struct memory *memory, uint64_t handle);

/* The caller owns it again. NULL: there is none with this handle. */
struct memory *memory_take_out(struct memory_book *book, uint64_t handle);

/* A descriptor of its file, owned by the caller; or -errno: -ENOENT there is none with this handle. */
int memory_export(struct memory_book *book, uint64_t handle);
