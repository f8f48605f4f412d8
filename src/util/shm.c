/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
#include "util/shm.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "util/fd.h"

int shm_create(const char *name, uint64_t size)
{
	if (size == 0 || size > INT64_MAX)
		return -EINVAL;
	_cleanup_fd_ int fd = memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING);
	if (fd < 0)
		return -errno;
	if (ftruncate(fd, (off_t)size) < 0)
		return -errno;
	if (fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) < 0)
		return -errno;
	return fd_steal(&fd);
}
