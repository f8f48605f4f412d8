/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/*
 * One-line messages on standard error: "virtiogpud[role]: level: text".
 *
 * Errors and warnings that a peer can provoke again and again are rate limited per call site, so
 * that a hostile guest cannot fill the host's log. Any thread may log.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum log_level {
	LOG_ERROR,
	LOG_WARN,
	LOG_INFO,
	LOG_DEBUG,
};

/* Per call site state of log_limited(): at most LOG_LIMIT_BURST lines in each second. */
struct log_limit {
	int64_t second;
	uint32_t count;
};

#define LOG_LIMIT_BURST 5u

/* A line is at most this long with its newline, so that a pipe takes it whole (PIPE_BUF is at least 4096). */
#define LOG_LINE_BYTES 1024u

/* Sets the name shown in brackets (a static string, e.g. "device") and the highest level shown. */
void log_init(const char *role, enum log_level max_level);

/* Has lines go to writer, each with its newline, instead of to standard error; NULL: back there. */
void log_set_writer(void (*writer)(void *data, const char *line, size_t length), void *data);

/* Replaces what a terminal could act on by '?': ASCII control characters, and U+0080 to U+009F in UTF-8 or
 * as single bytes. */
void log_clean(char *text, size_t length);

/* True when a message of this level would be shown: to spare costly arguments. */
bool log_enabled(enum log_level level);

/* "error", "warn", "info" or "debug". */
const char *log_level_name(enum log_level level);

/* Parses such a name; returns 0 or -EINVAL. */
int log_level_parse(const char *text, enum log_level *ret_level);

/* Writes one line; a newline is added, control characters are replaced by '?'. errno is kept. */
void log_print(enum log_level level, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* True when this call site may log now; says once how many lines were left out before. */
bool log_limit_pass(struct log_limit *limit);

#define log_error(...) log_print(LOG_ERROR, __VA_ARGS__)
#define log_warn(...)  log_print(LOG_WARN, __VA_ARGS__)
#define log_info(...)  log_print(LOG_INFO, __VA_ARGS__)
#define log_debug(...)                                                                             \
	do {                                                                                       \
		if (log_enabled(LOG_DEBUG))                                                        \
			log_print(LOG_DEBUG, __VA_ARGS__);                                         \
	} while (0)

/* For whatever a guest, a VMM, a renderer or a display peer can trigger at will. */
#define log_limited(level, ...)                                                                    \
	do {                                                                                       \
		static struct log_limit log_limit_here;                                            \
		if (log_enabled(level) && log_limit_pass(&log_limit_here))                         \
			log_print(level, __VA_ARGS__);                                             \
	} while (0)
