/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
#include "test.h"

#include <fcntl.h>
#include <stdbool.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "util/fd.h"
#include "vhost/memory.h"

#define PAGE UINT64_C(4096)
#define USER UINT64_C(0x7f0000000000)

static int memfd(uint64_t size)
{
	int fd = memfd_create("test", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	CHECK(fd >= 0);
	CHECK_INT(ftruncate(fd, (off_t)size), 0);
	return fd;
}

static struct vhost_region_info info(uint64_t guest, uint64_t size)
{
	return (struct vhost_region_info){
		.guest_address = guest,
		.size = size,
		.user_address = USER + guest,
	};
}

/* Adds a region with a file of its own; returns what vhost_memory_add() says. */
static int add(struct vhost_memory *memory, struct vhost_region_info region)
{
	int fd = memfd(region.mmap_offset + region.size);
	int status = vhost_memory_add(memory, &region, &fd, NULL);
	CHECK((fd < 0) == (status == 0));
	fd_close(&fd);
	return status;
}

static void translates_what_is_inside(void)
{
	int before = test_open_fds();
	struct vhost_memory *memory = vhost_memory_create();
	CHECK_INT(add(memory, info(0x10000, 4 * PAGE)), 0);
	CHECK_INT(add(memory, info(0x80000, PAGE)), 0);
	uint8_t *base = memory->regions[0]->base;

	CHECK(vhost_memory_translate(memory, 0x10000, 4 * PAGE) == base);
	CHECK(vhost_memory_translate(memory, 0x10000 + 5, 1) == base + 5);
	CHECK(vhost_memory_translate(memory, 0x10000 + 4 * PAGE - 1, 1) == base + 4 * PAGE - 1);
	CHECK(vhost_memory_translate(memory, 0x10000 + 4 * PAGE - 1, 0));
	CHECK(vhost_memory_translate(memory, 0x80000, PAGE) == memory->regions[1]->base);
	CHECK(vhost_memory_translate_user(memory, USER + 0x80001, 1) ==
		memory->regions[1]->base + 1);

	CHECK(!vhost_memory_translate(memory, 0x10000 - 1, 1));
	CHECK(!vhost_memory_translate(memory, 0x10000 + 4 * PAGE, 0));
	CHECK(!vhost_memory_translate(memory, 0x10000, 4 * PAGE + 1));
	CHECK(!vhost_memory_translate(memory, 0x10001, 4 * PAGE));
	CHECK(!vhost_memory_translate(memory, 0x10001, UINT64_MAX));
	CHECK(!vhost_memory_translate(memory, UINT64_MAX, 2));
	CHECK(!vhost_memory_translate_user(memory, 0x10000, 1));

	uint64_t guest = 7;
	CHECK(vhost_memory_guest_address(memory, USER + 0x80001, &guest));
	CHECK_INT(guest, 0x80001);
	CHECK(vhost_memory_guest_address(memory, USER + 0x10000 + 4 * PAGE - 1, &guest));
	CHECK_INT(guest, 0x10000 + 4 * PAGE - 1);
	CHECK(!vhost_memory_guest_address(memory, USER + 0x10000 + 4 * PAGE, &guest));
	CHECK(!vhost_memory_guest_address(memory, 0x10000, &guest));
	vhost_memory_unref(memory);
	CHECK_INT(test_open_fds(), before);
}

static void maps_the_offset_of_the_file(void)
{
	int fd = memfd(3 * PAGE);
	CHECK_INT(pwrite(fd, "second", 6, (off_t)PAGE), 6);
	struct vhost_memory *memory = vhost_memory_create();
	struct vhost_region_info region = info(0, 2 * PAGE);
	region.mmap_offset = PAGE;
	CHECK_INT(vhost_memory_add(memory, &region, &fd, NULL), 0);
	CHECK_MEM(vhost_memory_translate(memory, 0, 6), "second", 6);
	vhost_memory_unref(memory);
}

static void serves_the_end_of_the_address_space(void)
{
	struct vhost_memory *memory = vhost_memory_create();
	struct vhost_region_info region = info(UINT64_MAX - PAGE + 1, PAGE);
	region.user_address = UINT64_MAX - PAGE + 1;
	CHECK_INT(add(memory, region), 0);
	uint8_t bytes[16];
	CHECK(vhost_memory_translate(memory, UINT64_MAX, 1) == memory->regions[0]->base + PAGE - 1);
	CHECK(!vhost_memory_translate(memory, UINT64_MAX, 2));
	CHECK(vhost_memory_read(memory, UINT64_MAX - 15, bytes, 16));
	CHECK(!vhost_memory_read(memory, UINT64_MAX - 14, bytes, 16));
	struct vhost_span span;
	CHECK_INT(vhost_memory_resolve(memory, UINT64_MAX, 2, &span, 1), -EFAULT);
	vhost_memory_unref(memory);
}

static void refuses_malformed_regions(void)
{
	static const struct vhost_region_info malformed[] = {
		{ .guest_address = PAGE, .size = 0, .user_address = USER },
		{ .guest_address = UINT64_MAX - PAGE + 2, .size = PAGE, .user_address = USER },
		{ .guest_address = PAGE, .size = UINT64_MAX, .user_address = USER },
		{ .guest_address = PAGE, .size = UINT64_C(1) << 63, .user_address = USER },
		{ .guest_address = PAGE, .size = PAGE, .user_address = UINT64_MAX - PAGE + 2 },
		{ .guest_address = PAGE, .size = PAGE, .user_address = USER, .mmap_offset = 1 },
		{ .guest_address = PAGE,
			.size = PAGE,
			.user_address = USER,
			.mmap_offset = 2 * PAGE },
		{ .guest_address = PAGE, .size = 2 * PAGE + 1, .user_address = USER },
		{ .guest_address = PAGE,
			.size = 2 * PAGE,
			.user_address = USER,
			.mmap_offset = PAGE },
		{ .guest_address = PAGE,
			.size = PAGE,
			.user_address = USER,
			.mmap_offset = UINT64_MAX - PAGE + 1 },
		{ .guest_address = PAGE,
			.size = PAGE,
			.user_address = USER,
			.mmap_offset = UINT64_C(1) << 63 },
	};
	for (size_t i = 0; i < ARRAY_SIZE(malformed); i++) {
		struct vhost_memory *memory = vhost_memory_create();
		int fd = memfd(2 * PAGE);
		CHECK_INT(vhost_memory_add(memory, &malformed[i], &fd, NULL), -EINVAL);
		CHECK(fd >= 0);
		CHECK_INT(memory->count, 0);
		fd_close(&fd);
		vhost_memory_unref(memory);
	}
}

static void refuses_overlaps(void)
{
	struct vhost_memory *memory = vhost_memory_create();
	CHECK_INT(add(memory, info(4 * PAGE, 4 * PAGE)), 0);
	CHECK_INT(add(memory, info(4 * PAGE, 4 * PAGE)), -EINVAL);
	CHECK_INT(add(memory, info(3 * PAGE, 2 * PAGE)), -EINVAL);
	CHECK_INT(add(memory, info(7 * PAGE, PAGE)), -EINVAL);
	CHECK_INT(add(memory, info(5 * PAGE, PAGE)), -EINVAL);
	CHECK_INT(add(memory, info(0, 16 * PAGE)), -EINVAL);
	struct vhost_region_info elsewhere = info(64 * PAGE, PAGE);
	elsewhere.user_address = USER + 5 * PAGE;
	CHECK_INT(add(memory, elsewhere), -EINVAL);
	CHECK_INT(add(memory, info(3 * PAGE, PAGE)), 0);
	CHECK_INT(add(memory, info(8 * PAGE, PAGE)), 0);
	CHECK_INT(memory->count, 3);
	vhost_memory_unref(memory);
}

static void refuses_what_is_no_memory(void)
{
	int pipe_fds[2];
	CHECK_INT(pipe2(pipe_fds, O_CLOEXEC), 0);
	int fds[] = {
		pipe_fds[0],
		pipe_fds[1],
		eventfd(0, EFD_CLOEXEC),
		open("/proc/self", O_RDONLY | O_DIRECTORY | O_CLOEXEC),
		open("/dev/null", O_RDWR | O_CLOEXEC),
		open("/proc/self/exe", O_RDONLY | O_CLOEXEC), /* long enough, not writable */
	};
	struct vhost_region_info region = info(0, PAGE);
	for (size_t i = 0; i < ARRAY_SIZE(fds); i++) {
		struct vhost_memory *memory = vhost_memory_create();
		CHECK(fds[i] >= 0);
		CHECK(vhost_memory_add(memory, &region, &fds[i], NULL) < 0);
		CHECK(fds[i] >= 0);
		CHECK_INT(memory->count, 0);
		vhost_memory_unref(memory);
	}
	fd_close_all(fds, ARRAY_SIZE(fds));
}

static void has_room_for_so_many_regions(void)
{
	struct vhost_memory *memory = vhost_memory_create();
	for (uint32_t i = 0; i < VHOST_MEMORY_MAX_REGIONS; i++)
		CHECK_INT(add(memory, info(i * PAGE, PAGE)), 0);
	CHECK_INT(add(memory, info(VHOST_MEMORY_MAX_REGIONS * PAGE, PAGE)), -ENOSPC);
	vhost_memory_unref(memory);
}

static void reuses_the_same_region(void)
{
	int fd = memfd(2 * PAGE);
	int again = fd_dup(fd);
	int other = memfd(2 * PAGE);
	int before = test_open_fds();
	struct vhost_region_info region = info(0, PAGE);
	struct vhost_memory *first = vhost_memory_create();
	CHECK_INT(vhost_memory_add(first, &region, &fd, NULL), 0);

	struct vhost_memory *second = vhost_memory_create();
	CHECK_INT(vhost_memory_add(second, &region, &again, first), 0);
	CHECK_INT(again, -1);
	CHECK_INT(test_open_fds(), before - 1);
	CHECK(second->regions[0] == first->regions[0]);

	struct vhost_memory *third = vhost_memory_create();
	CHECK_INT(vhost_memory_add(third, &region, &other, first), 0);
	CHECK(third->regions[0] != first->regions[0]);
	CHECK(third->regions[0]->id != first->regions[0]->id);

	uint8_t *base = first->regions[0]->base;
	vhost_memory_unref(first);
	base[0] = 7; /* still mapped: second has it */
	vhost_memory_unref(second);
	vhost_memory_unref(third);
	CHECK_INT(test_open_fds(), before - 3);
}

static void does_not_reuse_another_part_of_the_file(void)
{
	int fd = memfd(2 * PAGE);
	int again = fd_dup(fd);
	struct vhost_region_info region = info(0, PAGE);
	struct vhost_memory *first = vhost_memory_create();
	CHECK_INT(vhost_memory_add(first, &region, &fd, NULL), 0);
	region.mmap_offset = PAGE;
	struct vhost_memory *second = vhost_memory_create();
	CHECK_INT(vhost_memory_add(second, &region, &again, first), 0);
	CHECK(second->regions[0] != first->regions[0]);
	vhost_memory_unref(first);
	vhost_memory_unref(second);
}

static void takes_regions_away(void)
{
	int before = test_open_fds();
	struct vhost_memory *all = vhost_memory_create();
	for (uint32_t i = 0; i < 3; i++)
		CHECK_INT(add(all, info(i * PAGE, PAGE)), 0);
	struct vhost_region_info wrong = info(PAGE, 2 * PAGE);
	struct vhost_memory *rest = NULL;
	CHECK_INT(vhost_memory_without(all, &wrong, &rest), -ENOENT);
	wrong = info(PAGE, PAGE);
	wrong.user_address++;
	CHECK_INT(vhost_memory_without(all, &wrong, &rest), -ENOENT);
	CHECK(!rest);

	struct vhost_region_info middle = info(PAGE, PAGE);
	CHECK_INT(vhost_memory_without(all, &middle, &rest), 0);
	CHECK_INT(rest->count, 2);
	CHECK_INT(all->count, 3);
	CHECK(!vhost_memory_translate(rest, PAGE, 1));
	CHECK(vhost_memory_translate(rest, 0, 1) == vhost_memory_translate(all, 0, 1));
	CHECK(vhost_memory_translate(rest, 2 * PAGE, 1) ==
		vhost_memory_translate(all, 2 * PAGE, 1));
	CHECK_INT(vhost_memory_without(rest, &middle, &rest), -ENOENT);
	vhost_memory_unref(all);
	vhost_memory_unref(rest);
	CHECK_INT(test_open_fds(), before);
}

static void never_gives_an_id_twice(void)
{
	struct vhost_memory *memory = vhost_memory_create();
	CHECK_INT(add(memory, info(0, PAGE)), 0);
	uint32_t last = memory->regions[0]->id;
	CHECK(last != 0);
	for (int i = 0; i < 5; i++) {
		struct vhost_region_info region = info(0, PAGE);
		struct vhost_memory *next;
		CHECK_INT(vhost_memory_without(memory, &region, &next), 0);
		vhost_memory_unref(memory);
		memory = next;
		CHECK_INT(add(memory, region), 0);
		CHECK(memory->regions[0]->id > last);
		last = memory->regions[0]->id;
	}
	vhost_memory_unref(memory);
}

static void resolves_across_regions(void)
{
	struct vhost_memory *memory = vhost_memory_create();
	CHECK_INT(add(memory, info(2 * PAGE, PAGE)), 0);
	CHECK_INT(add(memory, info(PAGE, PAGE)), 0);
	struct vhost_span spans[3];
	CHECK_INT(vhost_memory_resolve(memory, PAGE + 16, 2 * PAGE - 32, spans, 3), 2);
	CHECK(spans[0].region == memory->regions[1] && spans[1].region == memory->regions[0]);
	CHECK_INT(spans[0].offset, 16);
	CHECK_INT(spans[0].length, PAGE - 16);
	CHECK_INT(spans[1].offset, 0);
	CHECK_INT(spans[1].length, PAGE - 16);

	CHECK_INT(vhost_memory_resolve(memory, PAGE, 2 * PAGE, spans, 1), -ENOSPC);
	CHECK_INT(vhost_memory_resolve(memory, PAGE, 2 * PAGE + 1, spans, 3), -EFAULT);
	CHECK_INT(vhost_memory_resolve(memory, PAGE - 1, 2, spans, 3), -EFAULT);
	CHECK_INT(vhost_memory_resolve(memory, PAGE, UINT64_MAX, spans, 3), -EFAULT);
	CHECK_INT(vhost_memory_resolve(memory, PAGE, 0, spans, 3), 0);
	vhost_memory_unref(memory);
}

static void reads_across_regions(void)
{
	struct vhost_memory *memory = vhost_memory_create();
	CHECK_INT(add(memory, info(0, PAGE)), 0);
	CHECK_INT(add(memory, info(PAGE, PAGE)), 0);
	memcpy(memory->regions[0]->base + PAGE - 3, "abc", 3);
	memcpy(memory->regions[1]->base, "def", 3);
	char text[6];
	CHECK(vhost_memory_read(memory, PAGE - 3, text, sizeof(text)));
	CHECK_MEM(text, "abcdef", 6);
	CHECK(vhost_memory_read(memory, 12345678, text, 0));
	CHECK(!vhost_memory_read(memory, 2 * PAGE - 5, text, sizeof(text)));
	CHECK(!vhost_memory_read(memory, 12345678, text, 1));
	vhost_memory_unref(memory);
}

static void closes_files(void)
{
	int before = test_open_fds();
	struct vhost_memory *memory = vhost_memory_create();
	CHECK_INT(add(memory, info(0, PAGE)), 0);
	CHECK_INT(add(memory, info(4 * PAGE, PAGE)), 0);
	CHECK_INT(test_open_fds(), before + 2);
	vhost_memory_close_files(memory);
	CHECK_INT(test_open_fds(), before);
	*vhost_memory_translate(memory, 4 * PAGE, 1) = 1;
	vhost_memory_close_files(memory);
	vhost_memory_unref(memory);
}

static int seal(int fd)
{
	CHECK_INT(fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK), 0);
	return fd;
}

/* How many bytes it writes to standard error. */
static off_t said_about(struct vhost_memory *memory, uint64_t address, int fd)
{
	const struct vhost_region_info region = info(address, PAGE);
	int before = dup(STDERR_FILENO), log = memfd_create("log", MFD_CLOEXEC);
	CHECK(before >= 0 && log >= 0 && dup2(log, STDERR_FILENO) == STDERR_FILENO);
	int status = vhost_memory_add(memory, &region, &fd, NULL);
	CHECK(dup2(before, STDERR_FILENO) == STDERR_FILENO);
	CHECK_INT(status, 0);
	off_t size = lseek(log, 0, SEEK_END);
	close(before);
	close(log);
	return size;
}

static void warns_once_of_files_that_may_shrink(void)
{
	int status;
	/* In a process that has said nothing yet. */
	if (fork() != 0) {
		CHECK(wait(&status) > 0);
		CHECK(WIFEXITED(status));
		CHECK_INT(WEXITSTATUS(status), 1 + 2);
		return;
	}
	struct vhost_memory *memory = vhost_memory_create();
	bool sealed = said_about(memory, 0, seal(memfd(PAGE))) > 0;
	bool first = said_about(memory, 4 * PAGE, memfd(PAGE)) > 0;
	bool second = said_about(memory, 8 * PAGE, memfd(PAGE)) > 0;
	_exit((sealed ? 8 : 0) + (first ? 1 : 0) + (second ? 0 : 2));
}

static void maps_huge_pages(void)
{
	int fd = memfd_create("huge", MFD_CLOEXEC | MFD_HUGETLB);
	struct stat file;
	if (fd < 0 || fstat(fd, &file) < 0)
		test_skip("no huge pages: %s", strerror(errno));
	const uint64_t huge = (uint64_t)file.st_blksize;
	CHECK_INT(ftruncate(fd, (off_t)(2 * huge)), 0);
	struct vhost_memory *memory = vhost_memory_create();
	struct vhost_region_info region = info(0, huge);
	region.mmap_offset = huge + PAGE;
	region.size = huge - PAGE;
	/* whether there are any or not */
	CHECK_INT(vhost_memory_add(memory, &region, &fd, NULL), 0);
	uint8_t *mapping = memory->regions[0]->base - PAGE;
	CHECK_INT(msync(mapping, huge, MS_ASYNC), 0);
	vhost_memory_unref(memory);
	CHECK(msync(mapping, huge, MS_ASYNC) < 0 && errno == ENOMEM);
}

int main(int argc, char **argv)
{
	static const struct test_case cases[] = {
		TEST_CASE(warns_once_of_files_that_may_shrink),
		TEST_CASE(translates_what_is_inside),
		TEST_CASE(maps_the_offset_of_the_file),
		TEST_CASE(serves_the_end_of_the_address_space),
		TEST_CASE(refuses_malformed_regions),
		TEST_CASE(refuses_overlaps),
		TEST_CASE(refuses_what_is_no_memory),
		TEST_CASE(has_room_for_so_many_regions),
		TEST_CASE(reuses_the_same_region),
		TEST_CASE(does_not_reuse_another_part_of_the_file),
		TEST_CASE(takes_regions_away),
		TEST_CASE(never_gives_an_id_twice),
		TEST_CASE(resolves_across_regions),
		TEST_CASE(reads_across_regions),
		TEST_CASE(closes_files),
		TEST_CASE(maps_huge_pages),
	};
	return test_main(argc, argv, cases, ARRAY_SIZE(cases));
}
