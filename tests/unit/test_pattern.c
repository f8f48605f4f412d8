/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/* Where in files of drivers the memory is that they describe (renderers/venus/pattern.c). */
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "test.h"
#include "util/fd.h"
#include "venus/pattern.h"

#define PAGE 4096

/* A file with the pattern, cut off or grown to a size. */
static int file_with(off_t offset, off_t size)
{
	static uint32_t bytes[PATTERN_SIZE / sizeof(uint32_t)];
	int fd = memfd_create("file", MFD_CLOEXEC);
	pattern_write(bytes);
	CHECK_INT(pwrite(fd, bytes, sizeof(bytes), offset), sizeof(bytes));
	CHECK_INT(ftruncate(fd, size), 0);
	return fd;
}

static void is_found_where_it_begins(void)
{
	static const struct {
		off_t offset, size;
		int64_t found;
	} rows[] = {
		{ 0, PATTERN_SIZE, 0 },
		{ 0, 2 * PATTERN_SIZE, 0 },
		{ PAGE, PAGE + PATTERN_SIZE, PAGE },
		{ 3 * PAGE, 4 * PATTERN_SIZE, 3 * PAGE },
		{ PATTERN_SEARCH, PATTERN_SEARCH + PATTERN_SIZE, PATTERN_SEARCH },
		{ PATTERN_SEARCH + PAGE, 2 * PATTERN_SEARCH, -1 },
		{ 512, 2 * PATTERN_SIZE, -1 },
		{ 0, PATTERN_SIZE - 1, -1 },
		{ PAGE, PATTERN_SIZE, -1 },
		{ 0, 0, -1 },
	};
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		int fd = file_with(rows[i].offset, rows[i].size);
		CHECK_INT(pattern_find(fd), rows[i].found);
		fd_close(&fd);
	}
}

static void all_of_it_is_looked_at(void)
{
	static const off_t places[] = { 0, PATTERN_SIZE / 2, PATTERN_SIZE - 1 };
	for (size_t i = 0; i < ARRAY_SIZE(places); i++) {
		int fd = file_with(0, PATTERN_SIZE);
		uint8_t byte;
		CHECK_INT(pread(fd, &byte, 1, places[i]), 1);
		byte ^= 0x80;
		CHECK_INT(pwrite(fd, &byte, 1, places[i]), 1);
		CHECK_INT(pattern_find(fd), -1);
		fd_close(&fd);
	}
}

static void other_descriptors_have_none(void)
{
	int fd = fd_eventfd();
	CHECK_INT(pattern_find(fd), -1);
	fd_close(&fd);
	CHECK_INT(pattern_find(-1), -1);
}

int main(int argc, char **argv)
{
	static const struct test_case cases[] = {
		TEST_CASE(is_found_where_it_begins),
		TEST_CASE(all_of_it_is_looked_at),
		TEST_CASE(other_descriptors_have_none),
	};
	return test_main(argc, argv, cases, ARRAY_SIZE(cases));
}
