/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/* Memory that is cut off, or was never there: pages of all sizes, and nothing beside them. */
#include "test.h"

#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "util/bus_guard.h"
#include "util/fd.h"
#include "util/file_map.h"

#define SMALL ((size_t)sysconf(_SC_PAGESIZE))
#define HUGE  ((size_t)2 << 20)
#define BOTH  (PROT_READ | PROT_WRITE)

static int small_file(size_t size)
{
	int fd = memfd_create("small", MFD_CLOEXEC);
	CHECK(fd >= 0);
	CHECK_INT(ftruncate(fd, (off_t)size), 0);
	return fd;
}

/* The host need not have any such page for that. */
static int huge_file(size_t pages)
{
	int fd = memfd_create("huge", MFD_CLOEXEC | MFD_HUGETLB | MAP_HUGE_2MB);
	if (fd < 0)
		test_skip("the kernel has no huge pages of 2 MiB: %s", strerror(errno));
	CHECK_INT(ftruncate(fd, (off_t)(pages * HUGE)), 0);
	return fd;
}

static void cut_off(int fd)
{
	CHECK_INT(ftruncate(fd, 0), 0);
}

static bool all_are(const uint8_t *bytes, size_t size, uint8_t value)
{
	return bytes[0] == value && memcmp(bytes, bytes + 1, size - 1) == 0;
}

/* Can be read and written, and holds nothing. */
static void check_zeros(uint8_t *bytes, size_t size)
{
	CHECK(all_are(bytes, size, 0));
	memset(bytes, 0xab, size);
	CHECK(all_are(bytes, size, 0xab));
}

static void forget(uint8_t *base)
{
	void *start;
	size_t size;
	CHECK(bus_guard_remove(base + 1, &start, &size));
	CHECK(start == base && size == HUGE);
	CHECK(!bus_guard_remove(base, &start, &size));
}

static void replaces_small_pages(void)
{
	int fd = small_file(4 * SMALL);
	uint8_t *base;
	CHECK_INT(bus_guard_install("test"), 0);
	CHECK_INT(file_map_create(fd, 0, 4 * SMALL, BOTH, &base), 0);
	memset(base, 1, 4 * SMALL);
	CHECK_INT(ftruncate(fd, (off_t)SMALL), 0);
	check_zeros(base + 2 * SMALL, SMALL);
	CHECK(all_are(base, SMALL, 1));
	/* and nothing more than it has to */
	CHECK_INT(ftruncate(fd, (off_t)(4 * SMALL)), 0);
	CHECK_INT(pwrite(fd, "x", 1, (off_t)SMALL), 1);
	CHECK_INT(base[SMALL], 'x');
	file_map_destroy(base, 4 * SMALL);
	fd_close(&fd);
}

static void replaces_huge_pages(void)
{
	int fd = huge_file(3);
	uint8_t *base;
	CHECK_INT(bus_guard_install("test"), 0);
	CHECK_INT(file_map_create(fd, 0, 3 * HUGE, BOTH, &base), 0);
	cut_off(fd);
	/* one by its middle, one by its last byte */
	CHECK_INT(base[HUGE + HUGE / 2 + 5], 0);
	check_zeros(base + HUGE, HUGE);
	CHECK_INT(base[3 * HUGE - 1], 0);
	check_zeros(base + 2 * HUGE, HUGE);
	check_zeros(base, HUGE);
	file_map_destroy(base, 3 * HUGE);
	fd_close(&fd);
	CHECK(msync(base, 3 * HUGE, MS_ASYNC) < 0 && errno == ENOMEM);
}

/* As many as there are, and one more. */
static void replaces_pages_that_there_are_none_of(void)
{
	enum { PAGES = 4096 };
	int fd = huge_file(PAGES);
	uint8_t *base;
	CHECK_INT(bus_guard_install("test"), 0);
	CHECK_INT(file_map_create(fd, 0, PAGES * HUGE, BOTH, &base), 0);
	for (size_t i = 0; i < PAGES; i += 64)
		CHECK_INT(base[i * HUGE + i], 0);
	file_map_destroy(base, PAGES * HUGE);
	fd_close(&fd);
}

/* Parts of a file that begin and end within a page. */
static void maps_whole_pages(void)
{
	int fd = huge_file(3);
	uint8_t *base;
	CHECK_INT(bus_guard_install("test"), 0);
	CHECK_INT(file_map_create(fd, HUGE + SMALL, HUGE, BOTH, &base), 0);
	CHECK_INT((uintptr_t)base % HUGE, SMALL);
	cut_off(fd);
	check_zeros(base, HUGE);
	file_map_destroy(base, HUGE);
	CHECK(msync(base - SMALL, SMALL, MS_ASYNC) < 0 && errno == ENOMEM);
	CHECK(msync(base + HUGE, SMALL, MS_ASYNC) < 0 && errno == ENOMEM);
	fd_close(&fd);
}

/* What lies directly before and behind. */
static void leaves_neighbours_alone(void)
{
	int fd = huge_file(1);
	uint8_t *area = mmap(NULL, 4 * HUGE, BOTH, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	CHECK(area != MAP_FAILED);
	uint8_t *middle = area + (2 * HUGE - (uintptr_t)area % HUGE);
	memset(area, 7, 4 * HUGE);
	CHECK_INT(bus_guard_install("test"), 0);
	CHECK(mmap(middle, HUGE, BOTH, MAP_SHARED | MAP_NORESERVE | MAP_FIXED, fd, 0) == middle);
	CHECK_INT(bus_guard_add(middle, HUGE, HUGE), 0);
	cut_off(fd);
	CHECK_INT(middle[HUGE - 1], 0);
	check_zeros(middle, HUGE);
	CHECK(all_are(area, (size_t)(middle - area), 7));
	CHECK(all_are(middle + HUGE, (size_t)(area + 3 * HUGE - middle), 7));
	forget(middle);
	munmap(area, 4 * HUGE);
	fd_close(&fd);
}

/* Files in memory may say that they have huge pages, and have small ones. */
static void takes_no_more_than_it_must(void)
{
	int fd = small_file(HUGE);
	uint8_t *base = mmap(NULL, HUGE, BOTH, MAP_SHARED, fd, 0);
	CHECK(base != MAP_FAILED);
	memset(base, 3, HUGE);
	CHECK_INT(bus_guard_install("test"), 0);
	CHECK_INT(bus_guard_add(base, HUGE, HUGE), 0);
	CHECK_INT(ftruncate(fd, (off_t)(HUGE / 2)), 0);
	check_zeros(base + HUGE - SMALL, SMALL);
	CHECK(all_are(base, HUGE / 2, 3));
	forget(base);
	munmap(base, HUGE);
	fd_close(&fd);
}

/* How a process ends that reads a huge page which is not there, known to the guard or not. */
static int end_of_reader(bool known)
{
	int fd = huge_file(1), status;
	uint8_t *base;
	CHECK_INT(bus_guard_install("test"), 0);
	CHECK_INT(file_map_create(fd, 0, HUGE, BOTH, &base), 0);
	cut_off(fd);
	pid_t child = fork();
	if (child == 0) {
		if (!known)
			forget(base);
		_exit(*(volatile uint8_t *)base);
	}
	CHECK(child > 0 && waitpid(child, &status, 0) == child);
	file_map_destroy(base, HUGE);
	fd_close(&fd);
	return status;
}

static void knows_what_it_was_told(void)
{
	int status = end_of_reader(true);
	CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 0);
	status = end_of_reader(false);
	CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGBUS);
}

static void refuses_too_many(void)
{
	int fd = huge_file(1);
	uint8_t *base = NULL;
	void *start;
	size_t size;
	for (uintptr_t i = 1; i <= BUS_GUARD_MAX; i++)
		CHECK_INT(bus_guard_add((void *)(i * HUGE), HUGE, HUGE), 0);
	CHECK_INT(bus_guard_add((void *)(1000 * HUGE), HUGE, HUGE), -ENOSPC);
	CHECK_INT(file_map_create(fd, 0, HUGE, BOTH, &base), -ENOSPC);
	CHECK(!base);
	CHECK(bus_guard_remove((void *)(17 * HUGE + 4), &start, &size));
	CHECK(start == (void *)(17 * HUGE) && size == HUGE);
	CHECK(!bus_guard_remove((void *)(17 * HUGE + 4), &start, &size));
	CHECK_INT(file_map_create(fd, 0, HUGE, BOTH, &base), 0);
	file_map_destroy(base, HUGE);
	fd_close(&fd);
}

static void refuses_what_cannot_be_mapped(void)
{
	int fd = small_file(SMALL);
	uint8_t *base;
	CHECK_INT(file_map_create(-1, 0, SMALL, BOTH, &base), -EBADF);
	CHECK_INT(file_map_create(fd, UINT64_MAX - SMALL + 1, SMALL, BOTH, &base), -EINVAL);
	CHECK_INT(file_map_create(fd, 1, SMALL, BOTH, &base), -EINVAL);
	CHECK_INT(file_map_create(fd, 0, UINT64_MAX, BOTH, &base), -EINVAL);
	CHECK_INT(file_map_create(fd, 0, UINT64_C(1) << 62, BOTH, &base), -ENOMEM);
	fd_close(&fd);
}

int main(int argc, char **argv)
{
	static const struct test_case cases[] = {
		TEST_CASE(replaces_small_pages),
		TEST_CASE(replaces_huge_pages),
		TEST_CASE(replaces_pages_that_there_are_none_of),
		TEST_CASE(maps_whole_pages),
		TEST_CASE(leaves_neighbours_alone),
		TEST_CASE(takes_no_more_than_it_must),
		TEST_CASE(knows_what_it_was_told),
		TEST_CASE(refuses_too_many),
		TEST_CASE(refuses_what_cannot_be_mapped),
	};
	return test_main(argc, argv, cases, ARRAY_SIZE(cases));
}
