/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/*
 * These programs are run by tests: what goes wrong ends them, with a line that says what and exit status 1.
 */
#pragma once

#include <stdint.h>
#include <stdnoreturn.h>

noreturn void fail(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* A number of a command line, of at most `most`; ends the program when text is something else. */
uint64_t parse_number(const char *text, uint64_t most);
