/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/* The null renderer dies and sleeps when it is told to, which is of no use here: streams with such a
 * command are refused before they get there. */
#include <errno.h>

#include "null/null.h"
#include "null/objects.h"

int __real_null_context_run(struct null_context *context, const uint32_t *stream, uint32_t words);
int __wrap_null_context_run(struct null_context *context, const uint32_t *stream, uint32_t words);

static bool is_harmless(const uint32_t *stream, uint32_t words)
{
	uint32_t at = 0;
	while (at < words) {
		uint32_t code = stream[at] & 0xffff;
		if (code == NULL_HANG || code == NULL_ABORT || code == NULL_EXIT)
			return false;
		at += 1 + (stream[at] >> 16);
	}
	return true;
}

int __wrap_null_context_run(struct null_context *context, const uint32_t *stream, uint32_t words)
{
	return is_harmless(stream, words) ? __real_null_context_run(context, stream, words)
					  : -EINVAL;
}
