/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
#include "util/fd.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "util/checked.h"

/* #syscalls all: close fstat eventfd2 read write sendmsg:to-peer recvmsg fcntl:dup fcntl:flags */

#define SEND_FDS_MAX 8u
#define RECV_FDS_MAX 253u /* what the kernel lets a sender attach (SCM_MAX_FD) */

void fd_close(int *fd)
{
	if (*fd < 0)
		return;
	int saved_errno = errno;
	close(*fd);
	*fd = -1;
	errno = saved_errno;
}

void fd_close_all(int *fds, size_t count)
{
	for (size_t i = 0; i < count; i++)
		fd_close(&fds[i]);
}

int fd_dup(int fd)
{
	int copy = fcntl(fd, F_DUPFD_CLOEXEC, 0);
	return copy < 0 ? -errno : copy;
}

int fd_set_nonblocking(int fd)
{
	int flags = fcntl(fd, F_GETFL);
	if (flags < 0)
		return -errno;
	if (flags & O_NONBLOCK)
		return 0;
	return fcntl(fd, F_SETFL, flags | O_NONBLOCK) < 0 ? -errno : 0;
}

int fd_stat(int fd, struct stat *ret_status)
{
	return syscall(SYS_fstat, fd, ret_status) < 0 ? -errno : 0;
}

/* What has been sealed against everything before is as good.
 *
 * #syscalls device: fcntl:seal-shrink fcntl:get-seals */
bool fd_seal_size(int fd)
{
	if (fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK) == 0)
		return true;
	int seals = fcntl(fd, F_GET_SEALS);
	return seals >= 0 && (seals & F_SEAL_SHRINK);
}

/* Sealed before its size is looked at, which may change until then. */
bool fd_keeps(int fd, uint64_t bytes, struct stat *ret_file)
{
	bool sealed = fd_seal_size(fd);
	if (fd_stat(fd, ret_file) < 0)
		return false;
	if (S_ISREG(ret_file->st_mode))
		return sealed && ret_file->st_size >= 0 && bytes <= (uint64_t)ret_file->st_size;
	return (ret_file->st_mode & S_IFMT) == 0;
}

int fd_eventfd(void)
{
	int fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	return fd < 0 ? -errno : fd;
}

void fd_eventfd_signal(int fd)
{
	const uint64_t one = 1;
	ssize_t n;
	do {
		n = write(fd, &one, sizeof(one));
	} while (n < 0 && errno == EINTR);
}

void fd_eventfd_drain(int fd)
{
	uint8_t bytes[256];
	ssize_t n;
	do {
		n = read(fd, bytes, sizeof(bytes));
	} while (n < 0 && errno == EINTR);
}

int fd_send_packet(int sock, const void *data, size_t size, const int *fds, size_t fd_count)
{
	assert(fd_count <= SEND_FDS_MAX);
	union {
		struct cmsghdr align;
		char bytes[CMSG_SPACE(sizeof(int) * SEND_FDS_MAX)];
	} control = { 0 };
	struct iovec iov = { (void *)(uintptr_t)data, size };
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1 };
	if (fd_count > 0) {
		msg.msg_control = control.bytes;
		msg.msg_controllen = CMSG_SPACE(sizeof(int) * fd_count);
		struct cmsghdr *cmsg = CMSG_FIRSTHDR(&msg);
		cmsg->cmsg_level = SOL_SOCKET;
		cmsg->cmsg_type = SCM_RIGHTS;
		cmsg->cmsg_len = CMSG_LEN(sizeof(int) * fd_count);
		memcpy(CMSG_DATA(cmsg), fds, sizeof(int) * fd_count);
	}
	ssize_t n;
	do {
		n = sendmsg(sock, &msg, MSG_NOSIGNAL | MSG_DONTWAIT);
	} while (n < 0 && errno == EINTR);
	return n < 0 ? -errno : 0;
}

/* Moves the descriptors of one control message to fds[*used...]; those without room are closed.
 * Returns false when there were such. */
static bool take_fds(const struct cmsghdr *cmsg, int *fds, size_t fd_max, size_t *used)
{
	bool fits = true;
	size_t count = (cmsg->cmsg_len - CMSG_LEN(0)) / sizeof(int);
	for (size_t i = 0; i < count; i++) {
		int fd;
		memcpy(&fd, CMSG_DATA(cmsg) + i * sizeof(int), sizeof(int));
		if (*used < fd_max) {
			fds[(*used)++] = fd;
		} else {
			fd_close(&fd);
			fits = false;
		}
	}
	return fits;
}

ssize_t fd_recv_packet(int sock, void *data, size_t size, int *fds, size_t fd_max)
{
	union {
		struct cmsghdr align;
		char bytes[CMSG_SPACE(sizeof(int) * RECV_FDS_MAX)];
	} control;
	struct iovec iov = { data, size };
	struct msghdr msg = {
		.msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = control.bytes,
		.msg_controllen = sizeof(control.bytes),
	};
	for (size_t i = 0; i < fd_max; i++)
		fds[i] = -1;

	ssize_t n;
	do {
		n = recvmsg(sock, &msg, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
	} while (n < 0 && errno == EINTR);
	if (n < 0)
		return -errno;

	bool good = !(msg.msg_flags & (MSG_TRUNC | MSG_CTRUNC));
	size_t used = 0;
	for (struct cmsghdr *cmsg = CMSG_FIRSTHDR(&msg); cmsg; cmsg = CMSG_NXTHDR(&msg, cmsg)) {
		if (cmsg->cmsg_level == SOL_SOCKET && cmsg->cmsg_type == SCM_RIGHTS)
			good &= take_fds(cmsg, fds, fd_max, &used);
	}
	if (good)
		return n;
	fd_close_all(fds, used);
	return -EBADMSG;
}
