/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
#include "test.h"

#include <dirent.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdlib.h>

enum outcome {
	OUTCOME_PASSED,
	OUTCOME_FAILED,
	OUTCOME_SKIPPED,
};

static jmp_buf test_end;
static char test_message[512];

void test_fail(const char *file, int line, const char *format, ...)
{
	va_list args;
	va_start(args, format);
	int length = snprintf(test_message, sizeof(test_message), "%s:%d: ", file, line);
	if (length > 0 && (size_t)length < sizeof(test_message))
		vsnprintf(
			test_message + length, sizeof(test_message) - (size_t)length, format, args);
	va_end(args);
	longjmp(test_end, 1 + OUTCOME_FAILED);
}

void test_skip(const char *format, ...)
{
	va_list args;
	va_start(args, format);
	vsnprintf(test_message, sizeof(test_message), format, args);
	va_end(args);
	longjmp(test_end, 1 + OUTCOME_SKIPPED);
}

int test_open_fds(void)
{
	DIR *dir = opendir("/proc/self/fd");
	int count = 0;
	while (dir && readdir(dir))
		count++;
	if (dir)
		closedir(dir);
	return count - 3; /* ".", ".." and the directory itself */
}

static enum outcome run_case(const struct test_case *test)
{
	int jumped = setjmp(test_end);
	if (jumped)
		return (enum outcome)(jumped - 1);
	test->run();
	return OUTCOME_PASSED;
}

static bool selected(int argc, char **argv, const char *name)
{
	if (argc < 2)
		return true;
	for (int i = 1; i < argc; i++)
		if (strcmp(argv[i], name) == 0)
			return true;
	return false;
}

static void report(size_t number, const char *name, enum outcome outcome)
{
	if (outcome == OUTCOME_PASSED)
		printf("ok %zu - %s\n", number, name);
	else if (outcome == OUTCOME_FAILED)
		printf("not ok %zu - %s # %s\n", number, name, test_message);
	else
		printf("ok %zu - %s # SKIP %s\n", number, name, test_message);
}

int test_main(int argc, char **argv, const struct test_case *cases, size_t count)
{
	setvbuf(stdout, NULL, _IOLBF, 0);
	size_t number = 0;
	int status = EXIT_SUCCESS;
	for (size_t i = 0; i < count; i++) {
		if (!selected(argc, argv, cases[i].name))
			continue;
		enum outcome outcome = run_case(&cases[i]);
		report(++number, cases[i].name, outcome);
		if (outcome == OUTCOME_FAILED)
			status = EXIT_FAILURE;
	}
	printf("1..%zu\n", number);
	return number ? status : EXIT_FAILURE;
}
