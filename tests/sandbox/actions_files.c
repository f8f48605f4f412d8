/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/* Files of others, and files that stay. */
#include <fcntl.h>
#include <stdio.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "breakout.h"
#include "util/checked.h"

#define OPEN(path, flags)                                                                          \
	.number = SYS_openat, .arguments = { AT_FDCWD, POINTER(path), (flags), 0600 }

/* Everything that can be seen of a folder. */
static int list(const char *path)
{
	char entries[1024];
	int fd = open(path, O_RDONLY | O_DIRECTORY);
	return fd < 0 ? -1 : (int)syscall(SYS_getdents64, fd, entries, sizeof(entries));
}

static int list_home(const struct target *target)
{
	return list("/root") >= 0 ? 0 : list("/home");
}

static int list_processes(const struct target *target)
{
	return list("/proc");
}

/* Replaces the program that will run next time. */
static int write_beside_program(const struct target *target)
{
	char path[512];
	ssize_t length = readlink("/proc/self/exe", path, sizeof(path) - 16);
	if (length < 0)
		return -1;
	snprintf(path + length, 16, ".new");
	int fd = open(path, O_WRONLY | O_CREAT | O_EXCL, 0700);
	if (fd >= 0)
		unlink(path);
	return fd;
}

static int leave_a_folder(const struct target *target)
{
	int result = mkdir(target->new_path, 0700);
	rmdir(target->new_path);
	return result;
}

static int leave_a_link(const struct target *target)
{
	int result = symlink("/etc/shadow", target->new_path);
	unlink(target->new_path);
	return result;
}

static int leave_a_hard_link(const struct target *target)
{
	int result = link(target->secret_path, target->new_path);
	unlink(target->new_path);
	return result;
}

static int rename_a_file(const struct target *target)
{
	int result = rename(target->secret_path, target->new_path);
	rename(target->new_path, target->secret_path);
	return result;
}

static int make_a_device(const struct target *target)
{
	int result = mknod(target->new_path, S_IFCHR | 0600, makedev(1, 1));
	unlink(target->new_path);
	return result;
}

/* What a viewer may make is a file, no more. */
static const char *among_pictures(const struct target *target)
{
	static char path[sizeof(target->pictures) + 8];
	snprintf(path, sizeof(path), "%s/new", target->pictures);
	return path;
}

static int leave_a_folder_among_pictures(const struct target *target)
{
	const char *path = among_pictures(target);
	int result = mkdir(path, 0700);
	rmdir(path);
	return result;
}

static int leave_a_link_among_pictures(const struct target *target)
{
	const char *path = among_pictures(target);
	int result = symlink("/etc/shadow", path);
	unlink(path);
	return result;
}

static int leave_a_pipe_among_pictures(const struct target *target)
{
	const char *path = among_pictures(target);
	int result = mkfifo(path, 0600);
	unlink(path);
	return result;
}

static int list_pictures(const struct target *target)
{
	return list(target->pictures);
}

static int shorten_by_path(const struct target *target)
{
	return truncate(target->secret_path, 0);
}

static int watch_a_folder(const struct target *target)
{
	int fd = inotify_init();
	return fd < 0 ? -1 : inotify_add_watch(fd, target->folder, IN_CREATE);
}

static const struct action actions[] = {
	{ "read a file of the user", 0, OPEN(SECRET_PATH, O_RDONLY) },
	{ "write a file of the user", 0, OPEN(SECRET_PATH, O_WRONLY) },
	{ "read the passwords", 0, OPEN("/etc/shadow", O_RDONLY) },
	{ "read the users", 0, OPEN("/etc/passwd", O_RDONLY) },
	{ "read the machine's identity", 0, OPEN("/etc/machine-id", O_RDONLY) },
	{ "read the kernel's symbols", LAUNCHER, OPEN("/proc/kallsyms", O_RDONLY) },
	{ "write a setting of the kernel", 0, OPEN("/proc/sys/kernel/hostname", O_WRONLY) },
	{ "write one's own attributes", 0, OPEN("/proc/self/oom_score_adj", O_WRONLY) },
	{ "open the memory", 0, OPEN("/dev/mem", O_RDONLY) },
	{ "open the hypervisor", 0, OPEN("/dev/kvm", O_RDWR) },
	{ "open a terminal", 0, OPEN("/dev/ptmx", O_RDWR | O_NOCTTY) },
	{ "open the terminal of the session", 0, OPEN("/dev/tty", O_RDWR) },
	{ "open FUSE", 0, OPEN("/dev/fuse", O_RDWR) },
	{ "open a network tunnel", 0, OPEN("/dev/net/tun", O_RDWR) },
	{ "open the first GPU", 0, OPEN("/dev/dri/card0", O_RDWR) },
	{ "open a render node", 0, OPEN("/dev/dri/renderD128", O_RDWR) },
	{ "open the kernel's messages", 0, OPEN("/dev/kmsg", O_RDONLY) },
	{ "open the log's socket folder", 0, OPEN("/run", O_RDONLY | O_DIRECTORY) },
	{ "make a file in /tmp", 0, OPEN("/tmp", O_RDWR | O_TMPFILE) },
	{ "make a file in /dev/shm", 0, OPEN("/dev/shm", O_RDWR | O_TMPFILE) },
	{ "make a file in /var/tmp", 0, OPEN("/var/tmp", O_RDWR | O_TMPFILE) },
	{ "make a file of the user", 0, OPEN(NEW_PATH, O_RDWR | O_CREAT) },
	{ "list homes", 0, .run = list_home },
	{ "list processes", LAUNCHER, .run = list_processes },
	{ "write beside the program", 0, .run = write_beside_program },
	{ "leave a folder", 0, .run = leave_a_folder },
	{ "leave a link", 0, .run = leave_a_link },
	{ "leave a hard link", 0, .run = leave_a_hard_link },
	{ "rename a file", 0, .run = rename_a_file },
	{ "leave a folder among pictures", 0, .run = leave_a_folder_among_pictures },
	{ "leave a link among pictures", 0, .run = leave_a_link_among_pictures },
	{ "leave a pipe among pictures", 0, .run = leave_a_pipe_among_pictures },
	{ "list pictures", 0, .run = list_pictures },
	{ "make a device", 0, .run = make_a_device },
	{ "shorten a file by its path", 0, .run = shorten_by_path },
	{ "change the mode of a file", 0, NULL, SYS_fchmodat, { AT_FDCWD, SECRET_PATH, 0666 } },
	{ "change the owner of a file", 0, NULL, SYS_fchownat, { AT_FDCWD, SECRET_PATH, 0, 0, 0 } },
	{ "change the times of a file", 0, NULL, SYS_utimensat, { AT_FDCWD, SECRET_PATH, 0, 0 } },
	{ "give a file an attribute", 0, NULL, SYS_setxattr,
		{ SECRET_PATH, POINTER("user.a"), POINTER("b"), 1, 0 } },
	{ "look at a file of the user", 0, NULL, SYS_faccessat, { AT_FDCWD, SECRET_PATH, R_OK } },
	{ "go to a folder of the user", 0, NULL, SYS_chdir, { FOLDER } },
	{ "watch a folder of the user", 0, .run = watch_a_folder },
};

const struct action_table file_actions = { actions, ARRAY_SIZE(actions) };
