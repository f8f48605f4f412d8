/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>

#include "sandbox/policy.h"
#include "util/checked.h"
#include "util/log.h"

static void limit(__rlimit_resource_t resource, rlim_t most)
{
	struct rlimit limit;
	if (getrlimit(resource, &limit) < 0)
		return;
	limit.rlim_max = limit.rlim_max < most ? limit.rlim_max : most;
	limit.rlim_cur = limit.rlim_max;
	setrlimit(resource, &limit);
}

static void limit_files(const struct sandbox_limits *limits)
{
	if (limits->file_bytes == 0)
		return;
	/* A write that is too much is an error, and no more. */
	signal(SIGXFSZ, SIG_IGN);
	limit(RLIMIT_FSIZE, limits->file_bytes);
}

void sandbox_limit_descriptors(const struct sandbox *sandbox)
{
	if (sandbox->policy->descriptors > 0)
		limit(RLIMIT_NOFILE, sandbox->policy->descriptors);
}

int sandbox_early(struct sandbox *sandbox, const struct sandbox_limits *limits)
{
	if (limits && limits->descriptors > 0)
		limit(RLIMIT_NOFILE, limits->descriptors);
	else
		sandbox_limit_descriptors(sandbox);
	if (sandbox->mode == SANDBOX_OFF)
		return 0;
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0) {
		log_error("sandbox: new privileges cannot be given up: %s", strerror(errno));
		return -errno;
	}
	limit(RLIMIT_CORE, 0);
	if (limits)
		limit_files(limits);
	if (!sandbox_inspects_itself)
		prctl(PR_SET_DUMPABLE, 0);
	return 0;
}
