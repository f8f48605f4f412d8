/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
#include "short_memory.h"

#include <errno.h>
#include <stdbool.h>
#include <stddef.h>

/* What the linker makes of the names. */
void *__real_malloc(size_t size);
void *__real_calloc(size_t count, size_t size);
void *__real_realloc(void *pointer, size_t size);
void *__real_reallocarray(void *pointer, size_t count, size_t size);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t count, size_t size);
void *__wrap_realloc(void *pointer, size_t size);
void *__wrap_reallocarray(void *pointer, size_t count, size_t size);

static uint32_t rate;
static uint64_t state = 1, failures;

uint32_t short_memory(uint32_t one_in)
{
	uint32_t before = rate;
	rate = one_in;
	return before;
}

uint64_t short_memory_failures(void)
{
	return failures;
}

static bool fails(void)
{
	if (rate == 0)
		return false;
	state = state * UINT64_C(6364136223846793005) + 1442695040888963407;
	if ((uint32_t)(state >> 33) % rate != 0)
		return false;
	failures++;
	errno = ENOMEM;
	return true;
}

void *__wrap_malloc(size_t size)
{
	return fails() ? NULL : __real_malloc(size);
}

void *__wrap_calloc(size_t count, size_t size)
{
	return fails() ? NULL : __real_calloc(count, size);
}

void *__wrap_realloc(void *pointer, size_t size)
{
	return fails() ? NULL : __real_realloc(pointer, size);
}

void *__wrap_reallocarray(void *pointer, size_t count, size_t size)
{
	return fails() ? NULL : __real_reallocarray(pointer, count, size);
}
