/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/* What becomes of the kit's checks in programs that are no tests: they end, and say why. */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "kit/check.h"

void kit_check_failed(struct kit_place place, const char *format, ...)
{
	va_list args;
	va_start(args, format);
	printf("%s: FAILED: ", program_invocation_short_name);
	vprintf(format, args);
	printf(" (%s:%d)\n", place.file, place.line);
	va_end(args);
	exit(EXIT_FAILURE);
}

void kit_check_error(
	struct kit_place place, struct kit_machine *machine, const char *expression, int error)
{
	kit_check_failed(place, "%s: %s (%s)", expression, strerror(-error), machine->kit.why);
}
