/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
#include "pattern.h"

#include <stdbool.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include "util/checked.h"
#include "util/fd.h"

#define PAGE 4096u

static uint32_t pattern_word(uint32_t index)
{
	return 0x9e3779b9u * (index + 1);
}

void pattern_write(void *bytes)
{
	uint32_t *words = bytes;
	for (uint32_t i = 0; i < PATTERN_SIZE / sizeof(*words); i++)
		words[i] = pattern_word(i);
}

static bool is_at(const uint8_t *bytes)
{
	for (uint32_t i = 0; i < PATTERN_SIZE / sizeof(uint32_t); i++) {
		uint32_t word;
		memcpy(&word, bytes + i * sizeof(word), sizeof(word));
		if (word != pattern_word(i))
			return false;
	}
	return true;
}

int64_t pattern_find(int fd)
{
	struct stat file;
	/* Those that have no size are dma-bufs. */
	uint64_t size = PATTERN_SIZE;
	if (fd_stat(fd, &file) == 0 && S_ISREG(file.st_mode))
		size = min_u64((uint64_t)file.st_size, PATTERN_SEARCH + PATTERN_SIZE);
	uint8_t *bytes = mmap(NULL, size, PROT_READ, MAP_SHARED, fd, 0);
	if (bytes == MAP_FAILED)
		return -1;
	int64_t found = -1;
	for (uint64_t at = 0; found < 0 && at + PATTERN_SIZE <= size; at += PAGE)
		if (is_at(bytes + at))
			found = (int64_t)at;
	munmap(bytes, size);
	return found;
}
