/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
#include "memory_book.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <unistd.h>

#include "util/checked.h"
#include "util/fd.h"

void memory_book_init(struct memory_book *book)
{
	*book = (struct memory_book){ .lock = PTHREAD_MUTEX_INITIALIZER };
	list_init(&book->memories);
}

void memory_book_finish(struct memory_book *book)
{
	list_for_each_safe (link, after, &book->memories) {
		list_remove(link);
		memory_destroy(book, container_of(link, struct memory, link));
	}
	pthread_mutex_destroy(&book->lock);
}

/* Counts before anything is made. */
static int take(struct memory_book *book, const struct memory_wish *wish, uint64_t *ret_size)
{
	const uint64_t page = (uint64_t)sysconf(_SC_PAGESIZE);
	uint64_t size;
	if (wish->size == 0 || !checked_add(wish->size, page - 1, &size))
		return -ENOSPC;
	size -= size % page;
	pthread_mutex_lock(&book->lock);
	bool fits = range_inside(book->taken[wish->heap], size, wish->heap_size);
	if (fits)
		book->taken[wish->heap] += size;
	pthread_mutex_unlock(&book->lock);
	*ret_size = size;
	return fits ? 0 : -ENOSPC;
}

static void give_back(struct memory_book *book, uint32_t heap, uint64_t size)
{
	pthread_mutex_lock(&book->lock);
	book->taken[heap] -= size;
	pthread_mutex_unlock(&book->lock);
}

int memory_create(
	struct memory_book *book, const struct memory_wish *wish, struct memory **ret_memory)
{
	uint64_t size;
	int error = take(book, wish, &size);
	if (error)
		return error;
	struct memory *memory = calloc(1, sizeof(*memory));
	if (!memory)
		error = -ENOMEM;
	else if (wish->fd < 0)
		error = memory_file_create(&memory->file, size);
	else
		error = memory_file_open(&memory->file, wish->fd, size);
	if (error) {
		free(memory);
		give_back(book, wish->heap, size);
		return error;
	}
	list_init(&memory->link);
	memory->heap = wish->heap;
	*ret_memory = memory;
	return 0;
}

void memory_destroy(struct memory_book *book, struct memory *memory)
{
	give_back(book, memory->heap, memory->file.size);
	memory_file_finish(&memory->file);
	free(memory);
}

void memory_give_up(struct memory_book *book, struct memory *memory)
{
	fd_steal(&memory->file.fd);
	memory_destroy(book, memory);
}

void memory_keep(struct memory_book *book, struct memory *memory, uint64_t handle)
{
	memory->handle = handle;
	pthread_mutex_lock(&book->lock);
	list_insert(&book->memories, &memory->link);
	pthread_mutex_unlock(&book->lock);
}

/* Only while the lock is held. */
static struct memory *find(const struct memory_book *book, uint64_t handle)
{
	list_for_each (link, &book->memories) {
		struct memory *memory = container_of(link, struct memory, link);
		if (memory->handle == handle)
			return memory;
	}
	return NULL;
}

struct memory *memory_take_out(struct memory_book *book, uint64_t handle)
{
	pthread_mutex_lock(&book->lock);
	struct memory *memory = find(book, handle);
	if (memory)
		list_remove(&memory->link);
	pthread_mutex_unlock(&book->lock);
	return memory;
}

int memory_export(struct memory_book *book, uint64_t handle)
{
	pthread_mutex_lock(&book->lock);
	const struct memory *memory = find(book, handle);
	int fd = memory ? fd_dup(memory->file.fd) : -ENOENT;
	pthread_mutex_unlock(&book->lock);
	return fd;
}
