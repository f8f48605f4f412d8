/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
#include "gpu/limits.h"

#include <inttypes.h>

#include "util/log.h"

bool gpu_limit_allows(uint64_t used, uint64_t more, uint64_t limit, const char *option)
{
	if (used <= limit && more <= limit - used)
		return true;
	log_limited(LOG_WARN,
		"the guest wants more than --%s allows (has %" PRIu64 ", asks for %" PRIu64 ")",
		option, used, more);
	return false;
}
