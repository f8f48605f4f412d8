/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/*
 * Instead of a fuzzer: runs a target with all inputs of a corpus (lines with a name and the bytes in
 * hexadecimal), or those of the names that follow, and says so as TAP.
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "fuzz.h"
#include "util/checked.h"

static char current[128]; /* the name of the input that runs */

static void on_crash(int number)
{
	static const char text[] = "# this input crashes: ";
	if (write(STDERR_FILENO, text, sizeof(text) - 1) >= 0 &&
		write(STDERR_FILENO, current, strlen(current)) >= 0 &&
		write(STDERR_FILENO, "\n", 1) >= 0)
		signal(number, SIG_DFL);
	raise(number);
}

static int digit(char character)
{
	static const char digits[] = "0123456789abcdef";
	const char *found = character ? strchr(digits, character) : NULL;
	return found ? (int)(found - digits) : -1;
}

/* Turns hexadecimal to bytes where it lies; -1 when it is none. */
static ssize_t decode(char *text)
{
	uint8_t *to = (uint8_t *)text;
	size_t size = 0;
	for (; digit(text[2 * size]) >= 0 && digit(text[2 * size + 1]) >= 0; size++)
		to[size] = (uint8_t)(digit(text[2 * size]) << 4 | digit(text[2 * size + 1]));
	return text[2 * size] == '\n' || text[2 * size] == '\0' ? (ssize_t)size : -1;
}

static bool selected(int argc, char **argv, const char *name)
{
	for (int i = 2; i < argc; i++)
		if (strcmp(argv[i], name) == 0)
			return true;
	return argc <= 2;
}

/* In memory of its own size, so that reading behind it is found. */
static void run_input(const char *text, size_t size)
{
	uint8_t *bytes = malloc(size ? size : 1);
	if (!bytes)
		abort();
	memcpy(bytes, text, size);
	LLVMFuzzerTestOneInput(bytes, size);
	free(bytes);
}

/* Returns how many ran, or -1 when a line is none. */
static int run_lines(FILE *file, int argc, char **argv)
{
	char *line = NULL;
	size_t room = 0;
	int count = 0;
	while (count >= 0 && getline(&line, &room, file) > 0) {
		char *space = strchr(line, ' ');
		ssize_t size = space ? decode(space + 1) : -1;
		if (size < 0) {
			count = -1;
			break;
		}
		*space = '\0';
		if (!selected(argc, argv, line))
			continue;
		snprintf(current, sizeof(current), "%s", line);
		run_input(space + 1, (size_t)size);
		count++;
	}
	free(line);
	return count;
}

int main(int argc, char **argv)
{
	FILE *file = argc > 1 ? fopen(argv[1], "re") : NULL;
	if (!file) {
		fprintf(stderr, "usage: %s CORPUS [NAME…]\n", argv[0]);
		return 2;
	}
	signal(SIGABRT, on_crash);
	signal(SIGPIPE, SIG_IGN);
	int count = run_lines(file, argc, argv);
	fclose(file);
	printf("1..1\n%s 1 - %d inputs\n", count > 0 ? "ok" : "not ok", count);
	return count > 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
