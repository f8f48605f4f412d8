/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/*
 * The user namespace comes first: in it this process has the capabilities that the others need, whoever
 * started it. Where none can be had, root gets the others without.
 *
 * In its user namespace the launcher is who it was outside, and there is nobody else; what it forks is in a
 * further one where there is nobody at all, so that no process can become anybody.
 */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "sandbox/policy.h"
#include "util/checked.h"
#include "util/fd.h"

static int write_file(const char *path, const char *text)
{
	_cleanup_fd_ int fd = open(path, O_WRONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	size_t length = strlen(text);
	return write(fd, text, length) == (ssize_t)length ? 0 : -errno;
}

/* This process stays who it is. */
static int map_ids(uid_t uid, gid_t gid)
{
	char uid_map[48], gid_map[48];
	snprintf(uid_map, sizeof(uid_map), "%u %u 1\n", uid, uid);
	snprintf(gid_map, sizeof(gid_map), "%u %u 1\n", gid, gid);
	int error = write_file("/proc/self/setgroups", "deny");
	if (error == 0)
		error = write_file("/proc/self/uid_map", uid_map);
	return error == 0 ? write_file("/proc/self/gid_map", gid_map) : error;
}

static int enter_user_namespace(void)
{
	uid_t uid = geteuid();
	gid_t gid = getegid();
	if (unshare(CLONE_NEWUSER) < 0)
		return -errno;
	/* The files in /proc of a process that is not dumpable are root's. */
	bool dumpable = prctl(PR_GET_DUMPABLE) == 1;
	prctl(PR_SET_DUMPABLE, 1);
	int error = map_ids(uid, gid);
	prctl(PR_SET_DUMPABLE, dumpable);
	return error;
}

struct namespace_spec {
	enum sandbox_layer layer;
	int flag;
};

static const struct namespace_spec namespace_specs[] = {
	{ SANDBOX_NET, CLONE_NEWNET },
	{ SANDBOX_IPC, CLONE_NEWIPC },
};

static int change_root(
	const struct sandbox *sandbox, const struct sandbox_place *places, size_t count)
{
	if (unshare(CLONE_NEWNS) < 0)
		return -errno;
	return sandbox_change_root(sandbox, places, count);
}

int sandbox_namespaces(struct sandbox *sandbox, const struct sandbox_place *places, size_t count)
{
	if (sandbox->mode == SANDBOX_OFF)
		return 0;
	int ret = sandbox_record(sandbox, SANDBOX_USER, -enter_user_namespace());
	for (size_t i = 0; i < ARRAY_SIZE(namespace_specs) && ret == 0; i++) {
		const struct namespace_spec *spec = &namespace_specs[i];
		ret = sandbox_record(sandbox, spec->layer, unshare(spec->flag) < 0 ? errno : 0);
	}
	if (ret < 0)
		return ret;
	return sandbox_record(sandbox, SANDBOX_MOUNT, -change_root(sandbox, places, count));
}

static pid_t plain_fork(void)
{
	pid_t pid = fork();
	return pid < 0 ? -errno : pid;
}

pid_t sandbox_fork(struct sandbox *sandbox)
{
	if (sandbox->mode == SANDBOX_OFF)
		return plain_fork();
	/* The flags first and no stack: the same on all machines that there are filters for. */
	long pid = syscall(SYS_clone, CLONE_NEWUSER | CLONE_NEWPID | SIGCHLD, 0, 0, 0, 0);
	int error = pid < 0 ? errno : 0;
	if (pid == 0) {
		/* In a new user namespace it has all of them. */
		sandbox_drop_capabilities();
		return 0;
	}
	int ret = sandbox_record(sandbox, SANDBOX_PID, error);
	if (pid > 0 || ret < 0)
		return pid > 0 ? (pid_t)pid : ret;
	return plain_fork();
}
