/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/* #syscalls venus: memfd_create:plain ftruncate fcntl:seal-size fcntl:get-seals mmap:write-or-exec */
#include "memory_file.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include "util/fd.h"
#include "util/shm.h"

static int map(struct memory_file *file, int fd, uint64_t size)
{
	if (size == 0 || size > PTRDIFF_MAX)
		return -EINVAL;
	void *bytes = mmap(NULL, (size_t)size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (bytes == MAP_FAILED)
		return -errno;
	*file = (struct memory_file){ .fd = fd, .bytes = bytes, .size = (size_t)size };
	return 0;
}

int memory_file_create(struct memory_file *file, uint64_t size)
{
	_cleanup_fd_ int fd = shm_create("virtiogpud-vulkan", size);
	if (fd < 0)
		return fd;
	int error = map(file, fd, size);
	if (error == 0)
		fd_steal(&fd);
	return error;
}

bool memory_file_is(int fd)
{
	struct stat status;
	if (fd_stat(fd, &status) < 0 || !S_ISREG(status.st_mode))
		return false;
	int seals = fcntl(fd, F_GET_SEALS);
	return seals >= 0 && (seals & F_SEAL_SHRINK);
}

int memory_file_open(struct memory_file *file, int fd, uint64_t size)
{
	struct stat status;
	int error = fd_stat(fd, &status);
	if (error < 0)
		return error;
	if (status.st_size < 0 || (uint64_t)status.st_size < size)
		return -EINVAL;
	return map(file, fd, size);
}

void memory_file_finish(struct memory_file *file)
{
	munmap(file->bytes, file->size);
	fd_close(&file->fd);
}
