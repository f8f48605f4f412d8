/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/*
 * A filter that traps makes a signal of each system call that it does not know. The handler writes one
 * line for each number of a call and lets the call fail with ENOSYS, as if the kernel were older: libraries
 * that are not ours, and their next version, have a way to go on then. On any thread, at any time: only
 * async-signal-safe calls here.
 *
 * Two calls are not refused but replaced, as libraries make them with memory files of their own, and nobody
 * is to make them with guest memory: ftruncate() that makes a file longer is done with a write, so that none can
 * be made shorter; and of all seals that fix a file's size it gets the one against being made shorter.
 *
 * #syscalls renderer viewer: pwrite64 fstat write rt_sigreturn fcntl:seal-shrink
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <ucontext.h>
#include <unistd.h>

#include "sandbox/machine.h"
#include "sandbox/policy.h"
#include "util/checked.h"
#include "util/fd.h"

static const char *const names[] = {
#include "syscall_names.h"
};

static atomic_bool told[ARRAY_SIZE(names)];

static size_t append(char *line, size_t length, const char *text)
{
	while (*text)
		line[length++] = *text++;
	return length;
}

static size_t append_number(char *line, size_t length, unsigned number)
{
	if (number >= 10)
		length = append_number(line, length, number / 10);
	line[length++] = (char)('0' + number % 10);
	return length;
}

static void tell(int number)
{
	bool known = number >= 0 && (size_t)number < ARRAY_SIZE(names) && names[number];
	char line[128];
	if (!known || atomic_exchange(&told[number], true))
		return;
	size_t length = append(line, 0, "virtiogpud: warning: the sandbox refuses system call ");
	length = append_number(line, length, (unsigned)number);
	length = append(line, append(line, append(line, length, " ("), names[number]), ")\n");
	ssize_t ignored = write(STDERR_FILENO, line, length);
	(void)ignored;
}

static int grow_file(int fd, int64_t length)
{
	struct stat status;
	int error = fd_stat(fd, &status);
	if (error < 0)
		return error;
	if (!S_ISREG(status.st_mode) || length < status.st_size)
		return -EPERM;
	if (length == status.st_size)
		return 0;
	return pwrite(fd, "", 1, length - 1) == 1 ? 0 : -errno;
}

static int seal_file(int fd)
{
	return fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK) == 0 ? 0 : -errno;
}

static bool seals_size(const ucontext_t *context)
{
	return machine_argument(context, 1) == F_ADD_SEALS &&
		machine_argument(context, 2) == (F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW);
}

static void on_trap(int number, siginfo_t *info, void *data)
{
	ucontext_t *context = data;
	int saved_errno = errno;
	int64_t result = -ENOSYS;
	int fd = (int)machine_argument(context, 0);
	if (info->si_syscall == SYS_ftruncate)
		result = grow_file(fd, (int64_t)machine_argument(context, 1));
	else if (info->si_syscall == SYS_fcntl && seals_size(context))
		result = seal_file(fd);
	if (result == -ENOSYS || result == -EPERM)
		tell(info->si_syscall);
	machine_set_result(context, result);
	errno = saved_errno;
}

void sandbox_refuse_begin(void)
{
	struct sigaction action = { .sa_sigaction = on_trap, .sa_flags = SA_SIGINFO | SA_NODEFER };
	sigset_t trap;
	sigemptyset(&action.sa_mask);
	sigaction(SIGSYS, &action, NULL);
	sigemptyset(&trap);
	sigaddset(&trap, SIGSYS);
	sigprocmask(SIG_UNBLOCK, &trap, NULL);
}
