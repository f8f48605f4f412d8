/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/*
 * A new root: a small file system in memory, in which the files of the policy are mounted at their own
 * places. It is put together aside, on top of the old root, which is let go at the end; an error before
 * that leaves the process where it was.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "sandbox/policy.h"
#include "util/fd.h"

static int make_file_system(void)
{
	_cleanup_fd_ int context = fsopen("tmpfs", FSOPEN_CLOEXEC);
	if (context < 0 || fsconfig(context, FSCONFIG_SET_STRING, "mode", "0755", 0) < 0 ||
		fsconfig(context, FSCONFIG_CMD_CREATE, NULL, NULL, 0) < 0)
		return -errno;
	int root = fsmount(context, FSMOUNT_CLOEXEC, MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV);
	return root < 0 ? -errno : root;
}

static int set_attributes(int mount, uint64_t attributes, unsigned flags)
{
	struct mount_attr attr = { .attr_set = attributes };
	return mount_setattr(mount, "", AT_EMPTY_PATH | flags, &attr, sizeof(attr)) < 0 ? -errno
											: 0;
}

static int attach(int mount, int folder, const char *path)
{
	return move_mount(mount, "", folder, path, MOVE_MOUNT_F_EMPTY_PATH) < 0 ? -errno : 0;
}

/* Makes the folders above a path, and at its end a folder or a file to mount something on. */
static int make_place(int root, const char *path, bool folder)
{
	char part[PATH_MAX];
	for (const char *slash = strchr(path, '/'); slash; slash = strchr(slash + 1, '/')) {
		snprintf(part, sizeof(part), "%.*s", (int)(slash - path), path);
		if (mkdirat(root, part, 0755) < 0 && errno != EEXIST)
			return -errno;
	}
	if (folder)
		return mkdirat(root, path, 0755) < 0 && errno != EEXIST ? -errno : 0;
	return mknodat(root, path, S_IFREG | 0444, 0) < 0 && errno != EEXIST ? -errno : 0;
}

/* A copy of the mounts at and below what fd is. */
static int copy_mounts(int fd, enum sandbox_access access)
{
	uint64_t attributes = MOUNT_ATTR_NOSUID;
	if (access == SANDBOX_READ || access == SANDBOX_EXECUTE)
		attributes |= MOUNT_ATTR_RDONLY;
	if (access != SANDBOX_DEVICE)
		attributes |= MOUNT_ATTR_NODEV;
	_cleanup_fd_ int copy = open_tree(
		fd, "", OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_EMPTY_PATH | AT_RECURSIVE);
	if (copy < 0)
		return -errno;
	int error = set_attributes(copy, attributes, AT_RECURSIVE);
	return error < 0 ? error : fd_steal(&copy);
}

/* Mounts one file or folder where it was, unless a folder above it is there already. */
static int mount_file(void *data, enum sandbox_access access, int fd, const char *path)
{
	const int *root = data;
	struct stat status;
	bool has_files = access != SANDBOX_LIST && access != SANDBOX_REMOVE;
	if (!has_files || !path || path[0] != '/' || path[1] == '\0')
		return 0;
	path++;
	if (fstatat(*root, path, &status, AT_SYMLINK_NOFOLLOW) == 0)
		return 0;
	int error = fd_stat(fd, &status);
	if (error == 0)
		error = make_place(*root, path, S_ISDIR(status.st_mode));
	_cleanup_fd_ int copy = error == 0 ? copy_mounts(fd, access) : -1;
	if (error < 0 || copy < 0)
		return error < 0 ? error : copy;
	return attach(copy, *root, path);
}

/* What is on top of the old root becomes the root. */
static int change_to(int root)
{
	if (fchdir(root) < 0 || syscall(SYS_pivot_root, ".", ".") < 0 ||
		umount2(".", MNT_DETACH) < 0 || chdir("/") < 0)
		return -errno;
	return 0;
}

int sandbox_change_root(
	const struct sandbox *sandbox, const struct sandbox_place *places, size_t count)
{
	/* What happens here is nobody else's business. */
	if (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0)
		return -errno;
	_cleanup_fd_ int root = make_file_system();
	if (root < 0)
		return root;
	int error = attach(root, AT_FDCWD, "/");
	if (error < 0)
		return error;
	error = sandbox_each_file(sandbox, places, count, mount_file, &root);
	if (error == 0)
		error = set_attributes(root, MOUNT_ATTR_RDONLY, 0);
	return error < 0 ? error : change_to(root);
}
