/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
#include "util/file_map.h"

#include <errno.h>
#include <stddef.h>
#include <sys/mman.h>
#include <unistd.h>

#include "util/bus_guard.h"
#include "util/checked.h"
#include "util/fd.h"

/* #syscalls all: mmap:no-exec munmap madvise fstat */

#define MAX_PAGE (UINT64_C(1) << 30) /* the largest huge page */

/* Of files on huge pages st_blksize is their size. */
static uint64_t page_size(const struct stat *file, uint64_t small)
{
	uint64_t size = file->st_blksize > 0 ? (uint64_t)file->st_blksize : small;
	bool power_of_two = (size & (size - 1)) == 0;
	return power_of_two && size > small && size <= MAX_PAGE ? size : small;
}

int file_map_create(int fd, uint64_t offset, uint64_t size, int protection, uint8_t **ret_base)
{
	struct stat file;
	int status = fd_stat(fd, &file);
	if (status < 0)
		return status;
	uint64_t small = (uint64_t)sysconf(_SC_PAGESIZE);
	uint64_t page = page_size(&file, small);
	uint64_t start = offset & ~(page - 1);
	uint64_t lead = offset - start;
	uint64_t whole;
	if (offset > INT64_MAX || offset % small != 0 ||
		!checked_add(lead + page - 1, size, &whole))
		return -EINVAL;
	whole &= ~(page - 1);

	/* Nothing is set aside for huge pages that the VMM has reserved already. */
	void *mapping = mmap(NULL, whole, protection, MAP_SHARED | MAP_NORESERVE, fd, (off_t)start);
	if (mapping == MAP_FAILED)
		return -errno;
	status = page > small ? bus_guard_add(mapping, whole, page) : 0;
	if (status < 0) {
		munmap(mapping, whole);
		return status;
	}
	/* Harmless where it is not supported. */
	madvise(mapping, whole, MADV_DONTDUMP);
	*ret_base = (uint8_t *)mapping + lead;
	return 0;
}

void file_map_destroy(uint8_t *base, uint64_t size)
{
	void *mapping = base;
	size_t whole = size;
	bus_guard_remove(base, &mapping, &whole);
	munmap(mapping, whole);
}
