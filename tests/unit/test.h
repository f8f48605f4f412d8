/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/*
 * A test program: a table of cases, run in order, reported as TAP. CHECK() ends the running case
 * with a message when it does not hold; everything a case left open is the process's to lose.
 *
 *	static void adds(void) { CHECK(1 + 1 == 2); }
 *	int main(int argc, char **argv)
 *	{
 *		static const struct test_case cases[] = { TEST_CASE(adds) };
 *		return test_main(argc, argv, cases, ARRAY_SIZE(cases));
 *	}
 *
 * With arguments only the cases so named run.
 */
#pragma once

#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "util/checked.h"

struct test_case {
	const char *name;
	void (*run)(void);
};

#define TEST_CASE(function) { #function, function }

/* Runs the cases; returns the exit status of the program. */
int test_main(int argc, char **argv, const struct test_case *cases, size_t count);

/* Ends the running case as failed. */
void test_fail(const char *file, int line, const char *format, ...)
	__attribute__((format(printf, 3, 4), noreturn));

/* Ends the running case as skipped; says which component is missing. */
void test_skip(const char *format, ...) __attribute__((format(printf, 1, 2), noreturn));

/* How many descriptors this process has open: to show that none is left behind. */
int test_open_fds(void);

#define CHECK(condition)                                                                           \
	do {                                                                                       \
		if (!(condition))                                                                  \
			test_fail(__FILE__, __LINE__, "%s", #condition);                           \
	} while (0)

#define CHECK_INT(value, expected)                                                                 \
	do {                                                                                       \
		long long test_value = (long long)(value);                                         \
		long long test_expected = (long long)(expected);                                   \
		if (test_value != test_expected)                                                   \
			test_fail(__FILE__, __LINE__, "%s is %lld (0x%llx), not %lld (0x%llx)",    \
				#value, test_value, (unsigned long long)test_value, test_expected, \
				(unsigned long long)test_expected);                                \
	} while (0)

#define CHECK_MEM(value, expected, size)                                                           \
	do {                                                                                       \
		if (memcmp((value), (expected), (size)) != 0)                                      \
			test_fail(__FILE__, __LINE__, "%s differs from %s", #value, #expected);    \
	} while (0)
