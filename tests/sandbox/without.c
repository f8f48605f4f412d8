/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/*
 * without LAYER COMMAND…: runs a command as if on a machine that does not let programs have a layer of the
 * sandbox: landlock (no such system calls), namespaces (not permitted), seccomp (no filters).
 */
#include <errno.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "util/checked.h"

#define NAMESPACES (CLONE_NEWUSER | CLONE_NEWNS | CLONE_NEWNET | CLONE_NEWIPC | CLONE_NEWPID)

#define LOAD(field)   BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, field))
#define ANSWER(error) BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | (error))
#define ALLOW         BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW)
/* The next `skip` instructions are for other values. */
#define UNLESS(value, skip)    BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (value), 0, (skip))
#define UNLESS_ANY(bits, skip) BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, (bits), 0, (skip))

static struct sock_filter no_landlock[] = {
	LOAD(nr),
	UNLESS(SYS_landlock_create_ruleset, 1),
	ANSWER(ENOSYS),
	ALLOW,
};

static struct sock_filter no_namespaces[] = {
	LOAD(nr),
	UNLESS(SYS_unshare, 1),
	ANSWER(EPERM),
	UNLESS(SYS_clone3, 1),
	ANSWER(ENOSYS),
	UNLESS(SYS_clone, 3),
	LOAD(args[0]),
	UNLESS_ANY(NAMESPACES, 1),
	ANSWER(EPERM),
	ALLOW,
};

static struct sock_filter no_seccomp[] = {
	LOAD(nr),
	UNLESS(SYS_seccomp, 1),
	ANSWER(EINVAL),
	ALLOW,
};

static const struct layer {
	const char *name;
	struct sock_fprog filter;
} layers[] = {
	{ "landlock", { ARRAY_SIZE(no_landlock), no_landlock } },
	{ "namespaces", { ARRAY_SIZE(no_namespaces), no_namespaces } },
	{ "seccomp", { ARRAY_SIZE(no_seccomp), no_seccomp } },
};

int main(int argc, char **argv)
{
	for (size_t i = 0; argc > 2 && i < ARRAY_SIZE(layers); i++) {
		if (strcmp(layers[i].name, argv[1]) != 0)
			continue;
		if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 ||
			prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &layers[i].filter) < 0) {
			perror("without");
			return 126;
		}
		execvp(argv[2], argv + 2);
		perror(argv[2]);
		return 127;
	}
	fprintf(stderr, "usage: without landlock|namespaces|seccomp COMMAND…\n");
	return EXIT_FAILURE;
}
