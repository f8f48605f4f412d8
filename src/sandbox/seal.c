/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
#include <errno.h>
#include <linux/seccomp.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "sandbox/policy.h"

/* For all threads, or for none. */
static int load_filter(const struct sandbox_policy *policy)
{
	const struct sock_fprog program = {
		.len = (unsigned short)policy->filter_length,
		.filter = (struct sock_filter *)(uintptr_t)policy->filter,
	};
	long result =
		syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_TSYNC, &program);
	if (result > 0)
		return ESRCH; /* a thread that has a filter of its own */
	return result < 0 ? errno : 0;
}

int sandbox_seal(struct sandbox *sandbox)
{
	if (sandbox->mode == SANDBOX_OFF)
		return 0;
	if (sandbox->policy->refuses)
		sandbox_refuse_begin();
	return sandbox_record(sandbox, SANDBOX_SECCOMP, load_filter(sandbox->policy));
}
