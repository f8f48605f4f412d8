/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/*
 * A region that a VMM adds, of any place, size and file, to a table of up to 2 regions, with or without a table
 * before it: a table with it has no two regions that overlap or wrap, for the guest or for the VMM; the
 * bytes of all regions are inside what was mapped; the descriptor is taken when it has been added, and
 * only then; what fails leaves the table as it was and leaks nothing, mapped memory included. The guard is told of what is
 * mapped with huge pages, all of it. mmap and fstat do anything that they may.
 *
 * #proof src/vhost/memory.c src/util/file_map.c tests/proofs/stubs/log.c
 * #cbmc --unwind 4 --memory-leak-check
 * #bug src/vhost/memory.c: || info_overlaps(memory, info)) return -EINVAL; => ) return -EINVAL;
 * #bug src/vhost/memory.c: a < b ? b - a < a_size : a - b < b_size => a < b ? b - a < a_size : a - b < a_size
 * #bug src/vhost/memory.c: checked_add(info->guest_address, info->size - 1, &end) && =>
 * #bug src/util/file_map.c: !checked_add(lead + page - 1, size, &whole) => !checked_add(page - 1, size, &whole)
 * #bug src/util/file_map.c: munmap(mapping, whole); return status; => return status;
 * #bug src/vhost/memory.c: free(region); return status; => return status;
 */
#include <errno.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "regions.h"
#include "util/bus_guard.h"
#include "util/fd.h"

#define REGIONS 2u
#define FD      7

static size_t mapped;
static void *mapping;

long sysconf(int name)
{
	return 4096;
}

int fd_stat(int fd, struct stat *ret_stat)
{
	struct stat any;
	prove(fd == FD);
	if (nondet_bool())
		return -EIO;
	*ret_stat = any;
	return 0;
}

int fd_steal(int *fd)
{
	prove(*fd == FD);
	*fd = -1;
	return FD;
}

void fd_close(int *fd)
{
	*fd = -1;
}

int fcntl(int fd, int command, ...)
{
	return nondet_int();
}

int madvise(void *address, size_t size, int advice)
{
	return nondet_int();
}

int munmap(void *address, size_t size)
{
	prove(address == mapping && size == mapped);
	mapping = NULL;
	return 0;
}

int bus_guard_add(void *start, size_t size, size_t page_size)
{
	prove(start == mapping && size == mapped);
	prove(page_size > 4096 && (page_size & (page_size - 1)) == 0 && size % page_size == 0);
	return nondet_bool() ? 0 : -ENOSPC;
}

bool bus_guard_remove(const void *inside, void **ret_start, size_t *ret_size)
{
	prove(false); /* regions stay */
	return false;
}

void *mmap(void *address, size_t size, int protection, int flags, int fd, off_t offset)
{
	errno = ENOMEM;
	prove(size > 0 && size % 4096 == 0 && offset >= 0 && offset % 4096 == 0);
	if (nondet_bool() || size > UINT64_C(1) << 46)
		return MAP_FAILED;
	mapped = size;
	mapping = __CPROVER_allocate(size, false);
	return mapping;
}

void proof(void)
{
	struct vhost_memory memory, previous;
	struct vhost_region regions[REGIONS], old[1];
	struct vhost_region_info info;
	int fd = FD;
	any_table(&memory, regions, REGIONS, false);
	any_table(&previous, old, 1, false);
	uint32_t count = memory.count;
	int status = vhost_memory_add(&memory, &info, &fd, nondet_bool() ? &previous : NULL);
	prove(fd == (status < 0 ? FD : -1));
	prove(memory.count == count + (status == 0));
	if (status < 0) {
		prove(!mapping);
		return;
	}
	const struct vhost_region *added = memory.regions[count];
	prove(added->size > 0 && added->size == info.size);
	prove(added->guest_address <= UINT64_MAX - (added->size - 1));
	prove(added->user_address <= UINT64_MAX - (added->size - 1));
	uint32_t i = nondet_u32();
	uint64_t byte = nondet_u64();
	assume(i < count && byte < added->size);
	uint64_t guest = added->guest_address + byte, user = added->user_address + byte;
	prove(guest < regions[i].guest_address ||
		guest - regions[i].guest_address >= regions[i].size);
	prove(user < regions[i].user_address || user - regions[i].user_address >= regions[i].size);
	if (added == &old[0]) {
		prove(old[0].refs == 2);
		return;
	}
	prove(added->id > 0 && added->fd == FD && mapping);
	size_t lead = (size_t)(added->base - (uint8_t *)mapping);
	prove(lead <= mapped && added->size <= mapped - lead);
	free((void *)(uintptr_t)added);
}
