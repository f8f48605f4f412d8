/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/* Other processes, further processes, other programs, and who one is. */
#include <fcntl.h>
#include <linux/kcmp.h>
#include <linux/sched.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "breakout.h"
#include "util/checked.h"

#define OPEN(path, flags) .number = SYS_openat, .arguments = { AT_FDCWD, POINTER(path), (flags) }

static uint64_t buffer[2];
static size_t length;
static const uint64_t nothing[2];
static const uint64_t no_limit[2] = { UINT64_MAX, UINT64_MAX };
static cpu_set_t all_processors = { { ~0ul } };
static char name[] = "true";
static char *const arguments[] = { name, NULL };
static char shell[] = "sh", option[] = "-c";
static char *const shell_arguments[] = { shell, option, name, NULL };
static char no_work[] = "--nothing";
static char *const nothing_arguments[] = { name, no_work, NULL };
static char *const no_environment[] = { NULL };
static const struct clone_args in_user_namespace = { .flags = CLONE_NEWUSER,
	.exit_signal = SIGCHLD };
static const uint64_t no_capabilities[2] = { 0x20080522 };

static int read_victim(const struct target *target)
{
	const struct iovec local = { buffer, sizeof(buffer[0]) };
	const struct iovec remote = { target->secret, sizeof(buffer[0]) };
	return (int)process_vm_readv(target->victim, &local, 1, &remote, 1, 0);
}

static int write_victim(const struct target *target)
{
	uint64_t same = 0x7365637265742121;
	const struct iovec local = { &same, sizeof(same) };
	const struct iovec remote = { target->secret, sizeof(same) };
	return (int)process_vm_writev(target->victim, &local, 1, &remote, 1, 0);
}

static int steal_a_descriptor(const struct target *target)
{
	int process = (int)syscall(SYS_pidfd_open, target->victim, 0);
	return process < 0 ? -1 : (int)syscall(SYS_pidfd_getfd, process, 0, 0);
}

static int signal_by_descriptor(const struct target *target)
{
	int process = (int)syscall(SYS_pidfd_open, target->victim, 0);
	return process < 0 ? -1 : (int)syscall(SYS_pidfd_send_signal, process, 0, NULL, 0);
}

/* Whoever may be signalled at all. */
static int signal_anybody(const struct target *target)
{
	for (pid_t pid = 2; pid < 1 << 16; pid++)
		if (pid != getpid() && kill(pid, 0) == 0)
			return 0;
	return -1;
}

static int queue_a_signal(const struct target *target)
{
	siginfo_t info = { .si_signo = SIGCONT, .si_code = SI_QUEUE };
	return (int)syscall(SYS_rt_sigqueueinfo, target->victim, SIGCONT, &info);
}

static int reap(pid_t child)
{
	if (child == 0)
		_exit(0);
	if (child > 0)
		waitpid(child, NULL, 0);
	return child;
}

static int fork_once(const struct target *target)
{
	return reap((pid_t)syscall(SYS_clone, SIGCHLD, 0, 0, 0, 0));
}

static int fork_into_namespaces(const struct target *target)
{
	return reap((pid_t)syscall(SYS_clone, SIGCHLD | CLONE_NEWUSER | CLONE_NEWNET, 0, 0, 0, 0));
}

static int fork_by_structure(const struct target *target)
{
	return reap((pid_t)syscall(SYS_clone3, &in_user_namespace, sizeof(in_user_namespace)));
}

static int run_memory(const struct target *target)
{
	int fd = memfd_create("program", 0);
	if (fd < 0 || write(fd, "#!/bin/sh\n", 10) != 10)
		return -1;
	return (int)syscall(SYS_execveat, fd, "", arguments, no_environment, AT_EMPTY_PATH);
}

/* Without execveat(). */
static int run_memory_by_path(const struct target *target)
{
	return (int)syscall(SYS_execve, target->program_path, nothing_arguments, no_environment);
}

static int run_as_interpreter_does(const struct target *target)
{
	int fd = open("/bin/true", O_RDONLY);
	if (fd < 0)
		return -1;
	return (int)syscall(SYS_execveat, fd, "", arguments, no_environment, AT_EMPTY_PATH);
}

static int join_namespace(const struct target *target)
{
	int fd = open(target->victim_net, O_RDONLY);
	return fd < 0 ? -1 : (int)syscall(SYS_setns, fd, CLONE_NEWNET);
}

static int regain_capabilities(const struct target *target)
{
	/* version 3: effective, permitted, inheritable, twice */
	uint32_t data[6] = { 1u << 21, 1u << 21, 0, 0, 0, 0 };
	return (int)syscall(SYS_capset, no_capabilities, data);
}

static int get_dumped(const struct target *target)
{
	struct rlimit core = { 1 << 20, 1 << 20 };
	if (prctl(PR_SET_DUMPABLE, 1) < 0 || setrlimit(RLIMIT_CORE, &core) < 0)
		return -1;
	return 0;
}

/* A new program would get its privileges. */
static int allow_privileges(const struct target *target)
{
	int given_up = prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0);
	return given_up == 1 ? -1 : given_up;
}

static const struct action actions[] = {
	{ "trace the VMM", 0, NULL, SYS_ptrace, { PTRACE_SEIZE, VICTIM, 0, 0 } },
	{ "be traced", 0, NULL, SYS_ptrace, { PTRACE_TRACEME, 0, 0, 0 } },
	{ "read the VMM's memory", 0, .run = read_victim },
	{ "write the VMM's memory", 0, .run = write_victim },
	{ "open the VMM's memory", 0, OPEN(VICTIM_MEMORY, O_RDWR) },
	{ "read the VMM's mappings", 0, OPEN(VICTIM_MAPS, O_RDONLY) },
	{ "enter the VMM's root", 0, OPEN(VICTIM_ROOT, O_RDONLY | O_DIRECTORY) },
	{ "take a descriptor of the VMM", 0, .run = steal_a_descriptor },
	{ "signal the VMM", 0, NULL, SYS_kill, { VICTIM, 0 } },
	{ "signal a thread of the VMM", 0, NULL, SYS_tgkill, { VICTIM, VICTIM, 0 } },
	{ "signal the VMM by descriptor", 0, .run = signal_by_descriptor },
	{ "queue a signal for the VMM", 0, .run = queue_a_signal },
	{ "signal anybody", LAUNCHER, .run = signal_anybody },
	{ "compare with the VMM", 0, NULL, SYS_kcmp, { VICTIM, VICTIM, KCMP_FILE, 0, 0 } },
	{ "limit the VMM", LAUNCHER, NULL, SYS_prlimit64,
		{ VICTIM, RLIMIT_MEMLOCK, POINTER(nothing), 0 } },
	{ "read the limits of the VMM", LAUNCHER, NULL, SYS_prlimit64,
		{ VICTIM, RLIMIT_NOFILE, 0, POINTER(buffer) } },
	{ "slow the VMM down", LAUNCHER, NULL, SYS_setpriority, { PRIO_PROCESS, VICTIM, 0 } },
	{ "pin the VMM", LAUNCHER, NULL, SYS_sched_setaffinity,
		{ VICTIM, sizeof(all_processors), POINTER(&all_processors) } },
	{ "let the VMM wait for its disk", LAUNCHER, NULL, SYS_ioprio_set, { 1, VICTIM, 0x4000 } },
	{ "read the VMM's locks", 0, NULL, SYS_get_robust_list,
		{ VICTIM, POINTER(buffer), POINTER(&length) } },
	{ "raise one's own limits", 0, NULL, SYS_prlimit64,
		{ 0, RLIMIT_CORE, POINTER(no_limit), 0 } },
	{ "get into real time", 0, NULL, SYS_setpriority, { PRIO_PROCESS, 0, -20 } },
	{ "fork", LAUNCHER | VENUS, .run = fork_once },
	{ "fork into namespaces", LAUNCHER, .run = fork_into_namespaces },
	{ "fork by a structure", LAUNCHER, .run = fork_by_structure },
	{ "run a shell", 0, NULL, SYS_execve,
		{ POINTER("/bin/sh"), POINTER(shell_arguments), POINTER(no_environment) } },
	{ "run a program", 0, NULL, SYS_execve,
		{ POINTER("/usr/bin/true"), POINTER(arguments), POINTER(no_environment) } },
	{ "run a program in memory", 0, .run = run_memory },
	{ "run a program in memory by its path", LAUNCHER | VENUS, .run = run_memory_by_path },
	{ "run a program that is open", 0, .run = run_as_interpreter_does },
	{ "leave for a user namespace", 0, NULL, SYS_unshare, { CLONE_NEWUSER } },
	{ "leave for a mount namespace", 0, NULL, SYS_unshare, { CLONE_NEWNS } },
	{ "leave for a PID namespace", 0, NULL, SYS_unshare, { CLONE_NEWPID } },
	{ "leave for a network namespace", 0, NULL, SYS_unshare, { CLONE_NEWNET } },
	{ "join the VMM's network", 0, .run = join_namespace },
	{ "become another user", 0, NULL, SYS_setresuid, { 12345, 12345, 12345 } },
	{ "become another group", 0, NULL, SYS_setresgid, { 12345, 12345, 12345 } },
	{ "use files as another user", 0, .number = SYS_setreuid, .arguments = { 12345, 12345 } },
	{ "leave all groups", 0, NULL, SYS_setgroups, { 0, 0 } },
	{ "regain a capability", 0, .run = regain_capabilities },
	{ "be dumped", 0, .run = get_dumped },
	{ "gain privileges by a program", 0, .run = allow_privileges },
	{ "be a different machine", 0, NULL, SYS_personality, { 0x0400000 } },
};

const struct action_table process_actions = { actions, ARRAY_SIZE(actions) };
