/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
#include "fuzz.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "test.h"
#include "util/checked.h"
#include "util/log.h"

#define MOST_FDS    64 /* that a target has open at a time */
#define CLOCK_START 1000000 /* seconds */
#define CLOCK_STEP  UINT64_C(10000) /* nanoseconds from one look to the next */
#define NS_PER_MS   UINT64_C(1000000)
#define NS_PER_SEC  UINT64_C(1000000000)

#define MEMORY_SHORT 0xe0u /* from this byte on */

static uint64_t clock_ns;
static bool clock_stopped;
static uint32_t allocations_left; /* and descriptors, before one fails; 0: none does */

struct fuzz_input fuzz_begin(const uint8_t *bytes, size_t size)
{
	clock_ns = NS_PER_SEC * CLOCK_START;
	clock_stopped = true;
	allocations_left = 0;
	signal(SIGPIPE, SIG_IGN);
	log_init("fuzz", LOG_DEBUG);
	return (struct fuzz_input){ bytes, size };
}

void fuzz_clock_advance(uint64_t ms)
{
	clock_ns += NS_PER_MS * ms;
}

void fuzz_memory_short(struct fuzz_input *input)
{
	uint8_t byte = fuzz_u8(input);
	allocations_left = byte < MEMORY_SHORT ? 0 : 1 + byte - MEMORY_SHORT;
}

void fuzz_memory_back(void)
{
	allocations_left = 0;
}

void fuzz_bytes(struct fuzz_input *input, void *dst, size_t size)
{
	size_t part = min_size(size, input->left);
	memset(dst, 0, size);
	if (part > 0)
		memcpy(dst, input->bytes, part);
	input->bytes += part;
	input->left -= part;
}

uint8_t fuzz_u8(struct fuzz_input *input)
{
	uint8_t value;
	fuzz_bytes(input, &value, sizeof(value));
	return value;
}

uint16_t fuzz_u16(struct fuzz_input *input)
{
	uint16_t value;
	fuzz_bytes(input, &value, sizeof(value));
	return value;
}

uint32_t fuzz_u32(struct fuzz_input *input)
{
	uint32_t value;
	fuzz_bytes(input, &value, sizeof(value));
	return value;
}

uint64_t fuzz_u64(struct fuzz_input *input)
{
	uint64_t value;
	fuzz_bytes(input, &value, sizeof(value));
	return value;
}

uint32_t fuzz_below(struct fuzz_input *input, uint32_t count)
{
	return fuzz_u8(input) % count;
}

/* Up to this byte it is the number itself. */
#define SMALL 0xa0u

static const uint32_t edges[] = { 0xff, 0x100, 0x1000, 0xfff, 0x1001, 0x4000, 0x4001, 0x7fff,
	0x8000, 0x8001, 0xffff, 0x10000, 0x10001, 0x100000, 0x1000000, 0x3fffffff, 0x40000000,
	0x40000001, 0x7fffffff, 0x80000000, 0x80000001, 0xfffff000, 0xfffffffe, 0xffffffff };

static const uint64_t edges64[] = { 0xff, 0x1000, 0xfff, 0x1001, 0x10000, 0x100000, 0x10000000,
	0x7fffffff, 0x80000000, 0xfffff000, 0xffffffff, 0x100000000, 0x100000001,
	0x3fffffffffffffff, 0x4000000000000000, 0x7fffffffffffffff, 0x8000000000000000,
	0x8000000000000001, 0xfffffffffffff000, 0xfffffffffffffffe, 0xffffffffffffffff };

uint32_t fuzz_number(struct fuzz_input *input)
{
	uint8_t which = fuzz_u8(input);
	if (which < SMALL)
		return which;
	if (which - SMALL < ARRAY_SIZE(edges))
		return edges[which - SMALL];
	return which & 1 ? fuzz_u32(input) : fuzz_u16(input);
}

uint64_t fuzz_number64(struct fuzz_input *input)
{
	uint8_t which = fuzz_u8(input);
	if (which < SMALL)
		return which;
	if (which - SMALL < ARRAY_SIZE(edges64))
		return edges64[which - SMALL];
	return which & 1 ? fuzz_u64(input) : fuzz_u32(input);
}

/* --- instead of test.c ---------------------------------------------------------------------------- */

void test_fail(const char *file, int line, const char *format, ...)
{
	va_list args;
	va_start(args, format);
	fprintf(stderr, "%s:%d: ", file, line);
	vfprintf(stderr, format, args);
	fputc('\n', stderr);
	va_end(args);
	abort();
}

int test_open_fds(void)
{
	int count = 0;
	for (int fd = 0; fd < MOST_FDS; fd++)
		count += fcntl(fd, F_GETFD) >= 0;
	return count;
}

/* --- instead of memory, and of descriptors (see meson.build) ------------------------------------------------------------- */

void *__real_malloc(size_t size);
void *__real_calloc(size_t count, size_t size);
void *__real_realloc(void *memory, size_t size);
void *__real_reallocarray(void *memory, size_t count, size_t size);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t count, size_t size);
void *__wrap_realloc(void *memory, size_t size);
void *__wrap_reallocarray(void *memory, size_t count, size_t size);
int __real_fd_dup(int fd);
int __wrap_fd_dup(int fd);

static bool allocation_fails(void)
{
	if (allocations_left == 0 || --allocations_left > 0)
		return false;
	errno = ENOMEM;
	return true;
}

void *__wrap_malloc(size_t size)
{
	return allocation_fails() ? NULL : __real_malloc(size);
}

void *__wrap_calloc(size_t count, size_t size)
{
	return allocation_fails() ? NULL : __real_calloc(count, size);
}

void *__wrap_realloc(void *memory, size_t size)
{
	return allocation_fails() ? NULL : __real_realloc(memory, size);
}

void *__wrap_reallocarray(void *memory, size_t count, size_t size)
{
	return allocation_fails() ? NULL : __real_reallocarray(memory, count, size);
}

int __wrap_fd_dup(int fd)
{
	return allocation_fails() ? -EMFILE : __real_fd_dup(fd);
}

/* --- instead of the clock and the log (see meson.build) --------------------------------------------- */

int __real_clock_gettime(clockid_t clock, struct timespec *ret_time);
int __wrap_clock_gettime(clockid_t clock, struct timespec *ret_time);
void __wrap_log_print(enum log_level level, const char *format, ...)
	__attribute__((format(printf, 2, 3)));
bool __wrap_log_limit_pass(struct log_limit *limit);

int __wrap_clock_gettime(clockid_t clock, struct timespec *ret_time)
{
	if (clock != CLOCK_MONOTONIC || !clock_stopped)
		return __real_clock_gettime(clock, ret_time);
	clock_ns += CLOCK_STEP;
	ret_time->tv_sec = (time_t)(clock_ns / NS_PER_SEC);
	ret_time->tv_nsec = (long)(clock_ns % NS_PER_SEC);
	return 0;
}

void __wrap_log_print(enum log_level level, const char *format, ...)
{
	char line[1024];
	va_list args;
	va_start(args, format);
	vsnprintf(line, sizeof(line), format, args);
	va_end(args);
	if (getenv("FUZZ_LOG"))
		fprintf(stderr, "%s: %s\n", log_level_name(level), line);
}

bool __wrap_log_limit_pass(struct log_limit *limit)
{
	return true;
}
