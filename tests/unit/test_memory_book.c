/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/* Files that memory of Vulkan is, and what is known of them (renderers/venus/memory_*.c). */
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "test.h"
#include "util/fd.h"
#include "venus/layer_object.h"
#include "venus/memory_book.h"
#include "venus/memory_file.h"
#include "venus/memory_types.h"

#define PAGE 4096u
#define HEAP (16u * PAGE)

static struct memory_book book;

static int make(uint64_t size, uint32_t heap, int fd, struct memory **ret_memory)
{
	const struct memory_wish wish = {
		.size = size,
		.heap = heap,
		.heap_size = HEAP,
		.fd = fd,
	};
	return memory_create(&book, &wish, ret_memory);
}

static struct memory *made(uint64_t size, uint64_t handle)
{
	struct memory *memory;
	CHECK_INT(make(size, 0, -1, &memory), 0);
	memory_keep(&book, memory, handle);
	return memory;
}

static int64_t size_of(int fd)
{
	struct stat status;
	CHECK_INT(fstat(fd, &status), 0);
	return status.st_size;
}

static void is_a_file_of_whole_pages(void)
{
	int before = test_open_fds();
	memory_book_init(&book);
	struct memory *memory = made(PAGE + 1, 7);
	memset(memory->file.bytes, 0x5a, PAGE + 1);
	int fd = memory_export(&book, 7);
	CHECK(fd >= 0 && fd != memory->file.fd);
	CHECK_INT(size_of(fd), 2 * PAGE);
	CHECK_INT(fcntl(fd, F_GETFD), FD_CLOEXEC);
	/* from its first byte on, and for as long as anybody has it */
	CHECK(memory_take_out(&book, 7) == memory);
	memory_destroy(&book, memory);
	uint8_t byte = 0;
	CHECK_INT(pread(fd, &byte, 1, 0), 1);
	CHECK_INT(byte, 0x5a);
	CHECK_INT(pread(fd, &byte, 1, PAGE + 1), 1);
	CHECK_INT(byte, 0);
	CHECK(ftruncate(fd, PAGE) < 0 && ftruncate(fd, 3 * PAGE) < 0);
	fd_close(&fd);
	memory_book_finish(&book);
	CHECK_INT(test_open_fds(), before);
}

static void others_are_not_known(void)
{
	memory_book_init(&book);
	struct memory *memory = made(PAGE, 1);
	CHECK_INT(memory_export(&book, 2), -ENOENT);
	CHECK(!memory_take_out(&book, 2));
	CHECK(memory_take_out(&book, 1) == memory);
	memory_destroy(&book, memory);
	CHECK_INT(memory_export(&book, 1), -ENOENT);
	CHECK(!memory_take_out(&book, 1));
	memory_book_finish(&book);
}

static void takes_no_more_than_a_heap(void)
{
	static const uint64_t too_much[] = { 0, HEAP + 1, UINT64_MAX, UINT64_MAX - PAGE, INT64_MAX,
		UINT64_C(1) << 63 };
	struct memory *memory, *other;
	int before = test_open_fds();
	memory_book_init(&book);
	for (size_t i = 0; i < ARRAY_SIZE(too_much); i++)
		CHECK_INT(make(too_much[i], 0, -1, &memory), -ENOSPC);
	CHECK_INT(make(HEAP - PAGE, 0, -1, &memory), 0);
	CHECK_INT(make(PAGE + 1, 0, -1, &other), -ENOSPC);
	CHECK_INT(make(1, 0, -1, &other), 0);
	/* each has its own */
	CHECK_INT(make(1, 0, -1, &other), -ENOSPC);
	struct memory *elsewhere;
	CHECK_INT(make(HEAP, 1, -1, &elsewhere), 0);
	memory_destroy(&book, memory);
	CHECK_INT(make(HEAP - PAGE, 0, -1, &memory), 0);
	memory_destroy(&book, memory);
	memory_destroy(&book, other);
	memory_destroy(&book, elsewhere);
	CHECK_INT(make(HEAP, 0, -1, &memory), 0);
	memory_keep(&book, memory, 1);
	memory_book_finish(&book);
	CHECK_INT(test_open_fds(), before);
}

static void one_file_for_two(void)
{
	struct memory *second;
	int before = test_open_fds();
	memory_book_init(&book);
	struct memory *first = made(2 * PAGE, 1);
	int fd = memory_export(&book, 1);
	CHECK(memory_file_is(fd));
	CHECK_INT(make(2 * PAGE + 1, 0, fd, &second), -EINVAL);
	/* What is not taken is still the caller's, and not counted. */
	CHECK_INT(make(2 * PAGE, 0, fd, &second), 0);
	memory_give_up(&book, second);
	CHECK_INT(size_of(fd), 2 * PAGE);
	CHECK_INT(make(PAGE, 0, fd, &second), 0);
	memory_keep(&book, second, 2);
	memset(first->file.bytes, 1, PAGE);
	CHECK_INT(*(const uint8_t *)second->file.bytes, 1);
	CHECK_INT(book.taken[0], 3 * PAGE);
	memory_book_finish(&book);
	CHECK_INT(test_open_fds(), before);
}

static void other_files_are_told_apart(void)
{
	int pair[2];
	int growing = memfd_create("growing", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	int plain = memfd_create("plain", MFD_CLOEXEC);
	CHECK_INT(pipe(pair), 0);
	CHECK_INT(ftruncate(growing, PAGE), 0);
	CHECK(!memory_file_is(growing) && !memory_file_is(plain) && !memory_file_is(pair[0]));
	CHECK(!memory_file_is(-1));
	CHECK_INT(fcntl(growing, F_ADD_SEALS, F_SEAL_SHRINK), 0);
	CHECK(memory_file_is(growing));
}

/* --- the text of devices ------------------------------------------------------------------- */

static void uuid_of(unsigned number, uint8_t uuid[static MEMORY_TYPES_UUID])
{
	for (unsigned i = 0; i < MEMORY_TYPES_UUID; i++)
		uuid[i] = (uint8_t)(number * 0x35 + i * 0x11);
}

static void devices_are_found_again(void)
{
	char text[MEMORY_TYPES_TEXT] = "";
	uint8_t uuid[MEMORY_TYPES_UUID];
	unsigned count = 0;
	uint32_t types;
	for (;; count++) {
		uuid_of(count, uuid);
		CHECK(!memory_types_find(text, uuid, &types));
		int error = memory_types_add(text, uuid, 0x80000001u + 16 * count);
		if (error) {
			CHECK_INT(error, -ENOSPC);
			break;
		}
	}
	CHECK_INT(count, 8);
	CHECK(!memory_types_find(text, uuid, &types));
	while (count-- > 0) {
		uuid_of(count, uuid);
		CHECK(memory_types_find(text, uuid, &types));
		CHECK_INT(types, 0x80000001u + 16 * count);
	}
}

static void no_text_is_none(void)
{
	static const char *const texts[] = { "", ":", "00112233445566778899aabbccddeeff",
		"00112233445566778899aabbccddeeff:", "00112233445566778899aabbccddeeff:x," };
	uint8_t uuid[MEMORY_TYPES_UUID];
	uint32_t types;
	for (unsigned i = 0; i < MEMORY_TYPES_UUID; i++)
		uuid[i] = (uint8_t)(i * 0x11);
	for (size_t i = 0; i < ARRAY_SIZE(texts); i++)
		CHECK(!memory_types_find(texts[i], uuid, &types));
	CHECK(memory_types_find("00112233445566778899aabbccddeeff:0000000c,", uuid, &types));
	CHECK_INT(types, 12);
}

/* --- instances and devices ------------------------------------------------------------------ */

static void what_is_inside_is_found(void)
{
	static struct layer_objects objects = LAYER_OBJECTS_INIT(objects);
	struct layer_object first = { 0 }, second = { 0 };
	int tables[3];
	const void *a = &tables[0], *in_a = &tables[0], *b = &tables[1], *none = &tables[2];
	CHECK(!layer_object_find(&objects, &a));
	layer_object_add(&objects, &first, &a);
	layer_object_add(&objects, &second, &b);
	CHECK(layer_object_find(&objects, &a) == &first);
	CHECK(layer_object_find(&objects, &in_a) == &first);
	CHECK(layer_object_find(&objects, &b) == &second);
	CHECK(!layer_object_find(&objects, &none));
	layer_object_remove(&objects, &first);
	CHECK(!layer_object_find(&objects, &in_a));
	CHECK(layer_object_find(&objects, &b) == &second);
}

int main(int argc, char **argv)
{
	static const struct test_case cases[] = {
		TEST_CASE(is_a_file_of_whole_pages),
		TEST_CASE(others_are_not_known),
		TEST_CASE(takes_no_more_than_a_heap),
		TEST_CASE(one_file_for_two),
		TEST_CASE(other_files_are_told_apart),
		TEST_CASE(devices_are_found_again),
		TEST_CASE(no_text_is_none),
		TEST_CASE(what_is_inside_is_found),
	};
	return test_main(argc, argv, cases, ARRAY_SIZE(cases));
}
