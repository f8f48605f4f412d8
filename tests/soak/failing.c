/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/*
 * failing SYSCALL SECOND ERRNO NTH FILE COMMAND…: runs a command, in which the NTH call of that number by a
 * process called "virtiogpud-dev" fails; 0: none does. SECOND: calls with another second argument do not
 * count; -1: all do. How many such calls there were is kept in FILE, a uint32_t. Numbers all; exit status 77
 * when the kernel has no means for it.
 *
 * The calls come to a process beside it, by a seccomp filter that is passed on to all that the
 * command starts. That process has the descriptor of the filter from the time when both shared theirs.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <poll.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define DEVICE    "virtiogpud-dev\n"
#define EXIT_SKIP 77
#define STACK     (64u << 10)

struct failing {
	uint32_t number, nth;
	int error;
	int second;
	_Atomic uint32_t *seen; /* in the file */
	_Atomic int listener; /* -1: not yet */
};

static bool is_device(pid_t pid)
{
	char path[64], name[32] = "";
	snprintf(path, sizeof(path), "/proc/%d/comm", pid);
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t length = fd < 0 ? -1 : read(fd, name, sizeof(name) - 1);
	if (fd >= 0)
		close(fd);
	return length > 0 && strcmp(name, DEVICE) == 0;
}

/* Everybody's calls go on, but for one. */
static void answer_calls(struct failing *failing, int listener)
{
	struct pollfd comes = { .fd = listener, .events = POLLIN };
	for (;;) {
		struct seccomp_notif call = { 0 };
		if (poll(&comes, 1, -1) < 0 || !(comes.revents & POLLIN))
			return;
		if (ioctl(listener, SECCOMP_IOCTL_NOTIF_RECV, &call) < 0)
			continue;
		struct seccomp_notif_resp answer = { .id = call.id,
			.flags = SECCOMP_USER_NOTIF_FLAG_CONTINUE };
		bool counts = failing->second < 0 || call.data.args[1] == (uint64_t)failing->second;
		if (counts && is_device((pid_t)call.pid) && ++*failing->seen == failing->nth) {
			answer.flags = 0;
			answer.error = -failing->error; /* 0: with the result 0 */
		}
		ioctl(listener, SECCOMP_IOCTL_NOTIF_SEND, &answer);
	}
}

/* Shares descriptors and memory with the process that becomes the command, until that does. */
static int watcher(void *data)
{
	struct failing *failing = data;
	while (failing->listener == -1)
		usleep(200);
	if (failing->listener < 0)
		return 0;
	int listener = failing->listener;
	unshare(CLONE_FILES);
	answer_calls(failing, listener);
	return 0;
}

/* One that nobody waits for, so that the command has no children that it does not know. */
static int start_watcher(struct failing *failing)
{
	char *stack =
		mmap(NULL, 2 * STACK, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (stack == MAP_FAILED)
		return -errno;
	/* CLONE_PARENT: a child of whoever started this one */
	return clone(watcher, stack + STACK, CLONE_FILES | CLONE_PARENT | SIGCHLD, failing) < 0
		? -errno
		: 0;
}

static int listen_to(uint32_t number)
{
	struct sock_filter filter[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, number, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_USER_NOTIF),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	const struct sock_fprog program = { sizeof(filter) / sizeof(filter[0]), filter };
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		return -errno;
	long listener = syscall(
		SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_NEW_LISTENER, &program);
	return listener < 0 ? -errno : (int)listener;
}

int main(int argc, char **argv)
{
	if (argc < 7) {
		fprintf(stderr, "usage: failing SYSCALL SECOND ERRNO NTH FILE COMMAND...\n");
		return 2;
	}
	struct failing *failing = mmap(
		NULL, sizeof(*failing), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	int file = open(argv[5], O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	if (failing == MAP_FAILED || file < 0 || ftruncate(file, sizeof(uint32_t)) < 0)
		return EXIT_FAILURE;
	failing->number = (uint32_t)atoi(argv[1]);
	failing->second = atoi(argv[2]);
	failing->error = atoi(argv[3]);
	failing->nth = (uint32_t)atoi(argv[4]);
	failing->listener = -1;
	failing->seen = mmap(NULL, sizeof(uint32_t), PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
	if (failing->seen == MAP_FAILED || start_watcher(failing) < 0)
		return EXIT_FAILURE;
	int listener = listen_to(failing->number);
	failing->listener = listener < 0 ? -2 : listener;
	if (listener < 0)
		return EXIT_SKIP;
	execvp(argv[6], argv + 6);
	return EXIT_FAILURE;
}
