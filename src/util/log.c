/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
#include "util/log.h"

#include <errno.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "util/checked.h"

static const char *log_role;
static enum log_level log_max_level = LOG_INFO;
static void (*log_writer)(void *data, const char *line, size_t length);
static void *log_writer_data;

static const char *const level_text[] = {
	[LOG_ERROR] = "error",
	[LOG_WARN] = "warning",
	[LOG_INFO] = "info",
	[LOG_DEBUG] = "debug",
};

void log_init(const char *role, enum log_level max_level)
{
	log_role = role;
	log_max_level = max_level;
}

bool log_enabled(enum log_level level)
{
	return level <= log_max_level;
}

static const char *const level_names[] = {
	[LOG_ERROR] = "error",
	[LOG_WARN] = "warn",
	[LOG_INFO] = "info",
	[LOG_DEBUG] = "debug",
};

const char *log_level_name(enum log_level level)
{
	return level_names[level];
}

int log_level_parse(const char *text, enum log_level *ret_level)
{
	for (size_t i = 0; i < ARRAY_SIZE(level_names); i++) {
		if (strcmp(text, level_names[i]) == 0) {
			*ret_level = (enum log_level)i;
			return 0;
		}
	}
	return -EINVAL;
}

void log_set_writer(void (*writer)(void *data, const char *line, size_t length), void *data)
{
	log_writer = writer;
	log_writer_data = data;
}

/* How many bytes of text are one character of UTF-8 that is not ASCII; 0: they are none. */
static size_t character(const char *text, size_t length)
{
	const unsigned char first = (unsigned char)text[0];
	size_t size = first >= 0xf0 ? 4 : first >= 0xe0 ? 3 : 2;
	if (first < 0xc2 || first > 0xf4 || size > length)
		return 0;
	for (size_t i = 1; i < size; i++)
		if (((unsigned char)text[i] & 0xc0) != 0x80)
			return 0;
	return size;
}

static bool is_control(unsigned char c)
{
	return c < 0x20 || (c >= 0x7f && c <= 0x9f);
}

void log_clean(char *text, size_t length)
{
	size_t size;
	for (size_t i = 0; i < length; i += size) {
		const unsigned char c = (unsigned char)text[i];
		size = c >= 0x80 ? character(text + i, length - i) : 0;
		bool control = size == 0 ? is_control(c)
					 : c == 0xc2 && is_control((unsigned char)text[i + 1]);
		size = size == 0 ? 1 : size;
		if (control)
			memset(text + i, '?', size);
	}
}

/* What snprintf() says it wanted to write, as what it has written into room bytes. */
static size_t written(int wanted, size_t room)
{
	if (wanted < 0)
		return 0;
	return min_size((size_t)wanted, room - 1);
}

/* #syscalls all: write clock_gettime */
static void write_line(const char *line, size_t length)
{
	/* Nobody to tell when this fails; a short write is left at that. */
	ssize_t n;
	if (log_writer) {
		log_writer(log_writer_data, line, length);
		return;
	}
	do {
		n = write(STDERR_FILENO, line, length);
	} while (n < 0 && errno == EINTR);
}

void log_print(enum log_level level, const char *format, ...)
{
	if (!log_enabled(level))
		return;
	int saved_errno = errno;
	char line[LOG_LINE_BYTES];
	size_t room = sizeof(line) - 1; /* the last byte is for the newline */
	int prefix = log_role
		? snprintf(line, room, "virtiogpud[%s]: %s: ", log_role, level_text[level])
		: snprintf(line, room, "virtiogpud: %s: ", level_text[level]);
	size_t length = written(prefix, room);

	va_list args;
	va_start(args, format);
	errno = saved_errno; /* for %m */
	int wanted = vsnprintf(line + length, room - length, format, args);
	va_end(args);
	if (wanted > 0 && (size_t)wanted >= room - length)
		memcpy(line + room - 4, "...", 3);
	length += written(wanted, room - length);

	/* Peers put text into messages. */
	log_clean(line, length);
	line[length++] = '\n';
	write_line(line, length);
	errno = saved_errno;
}

bool log_limit_pass(struct log_limit *limit)
{
	struct timespec now;
	clock_gettime(CLOCK_MONOTONIC_COARSE, &now);
	int64_t second = (int64_t)now.tv_sec + 1; /* never the 0 of a fresh call site */

	/* Threads may race here: then a line more or less is shown, nothing worse. */
	int64_t before = __atomic_load_n(&limit->second, __ATOMIC_RELAXED);
	if (before != second) {
		__atomic_store_n(&limit->second, second, __ATOMIC_RELAXED);
		uint32_t count = __atomic_exchange_n(&limit->count, 0, __ATOMIC_RELAXED);
		if (count > LOG_LIMIT_BURST)
			log_warn("%u more messages like the next one were left out",
				count - LOG_LIMIT_BURST);
	}
	return __atomic_fetch_add(&limit->count, 1, __ATOMIC_RELAXED) < LOG_LIMIT_BURST;
}
