/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
#include "test.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "util/fd.h"
#include "util/shm.h"

static void makes_zeroed_memory(void)
{
	int before = test_open_fds();
	int fd = shm_create("test", 100000);
	CHECK(fd >= 0);
	struct stat file;
	CHECK_INT(fstat(fd, &file), 0);
	CHECK_INT(file.st_size, 100000);
	CHECK(fcntl(fd, F_GETFD) & FD_CLOEXEC);
	uint8_t *memory = mmap(NULL, 100000, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	CHECK(memory != MAP_FAILED);
	for (int i = 0; i < 100000; i++)
		CHECK_INT(memory[i], 0);
	memory[99999] = 1;
	munmap(memory, 100000);
	fd_close(&fd);
	CHECK_INT(test_open_fds(), before);
}

static void seals_its_size(void)
{
	int fd = shm_create("test", 4096);
	CHECK(fd >= 0);
	CHECK_INT(ftruncate(fd, 1), -1);
	CHECK_INT(errno, EPERM);
	CHECK_INT(ftruncate(fd, 8192), -1);
	CHECK_INT(errno, EPERM);
	CHECK_INT(fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE), -1);
	fd_close(&fd);
}

static void refuses_sizes_that_are_none(void)
{
	int before = test_open_fds();
	CHECK_INT(shm_create("test", 0), -EINVAL);
	CHECK_INT(shm_create("test", UINT64_MAX), -EINVAL);
	CHECK_INT(shm_create("test", UINT64_C(1) << 63), -EINVAL);
	CHECK_INT(test_open_fds(), before);
}

int main(int argc, char **argv)
{
	static const struct test_case cases[] = {
		TEST_CASE(makes_zeroed_memory),
		TEST_CASE(seals_its_size),
		TEST_CASE(refuses_sizes_that_are_none),
	};
	return test_main(argc, argv, cases, ARRAY_SIZE(cases));
}
