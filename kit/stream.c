/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
#include "kit/stream.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>

#include "util/checked.h"
#include "util/fd.h"

union control {
	struct cmsghdr align;
	char bytes[CMSG_SPACE(sizeof(int) * KIT_MAX_FDS)];
};

static void attach_fds(struct msghdr *message, union control *control, const int *fds, size_t count)
{
	memset(control, 0, sizeof(*control));
	message->msg_control = control->bytes;
	message->msg_controllen = CMSG_SPACE(sizeof(int) * count);
	struct cmsghdr *header = CMSG_FIRSTHDR(message);
	header->cmsg_level = SOL_SOCKET;
	header->cmsg_type = SCM_RIGHTS;
	header->cmsg_len = CMSG_LEN(sizeof(int) * count);
	memcpy(CMSG_DATA(header), fds, sizeof(int) * count);
}

static int gone(struct kit *kit)
{
	return kit_fail(kit, ECONNRESET, "the backend closed the connection");
}

int kit_stream_send(struct kit *kit, int sock, const struct kit_bytes *bytes)
{
	const uint8_t *data = bytes->data;
	size_t sent = 0;
	while (sent < bytes->size) {
		size_t size = bytes->size - sent;
		if (bytes->piece)
			size = min_size(size, bytes->piece);
		union control control;
		struct iovec iov = { (void *)(uintptr_t)(data + sent), size };
		struct msghdr message = { .msg_iov = &iov, .msg_iovlen = 1 };
		if (sent == 0 && bytes->fd_count)
			attach_fds(&message, &control, bytes->fds, bytes->fd_count);
		ssize_t ret = sendmsg(sock, &message, MSG_NOSIGNAL | MSG_DONTWAIT);
		if (ret >= 0) {
			sent += (size_t)ret;
		} else if (errno == EAGAIN) {
			int error = kit_wait_fd(kit, sock, POLLOUT, -1);
			if (error == -ETIMEDOUT)
				return kit_fail(kit, ETIMEDOUT, "the backend does not read");
			if (error < 0)
				return error;
		} else if (errno == EPIPE || errno == ECONNRESET) {
			return gone(kit);
		} else if (errno != EINTR) {
			return kit_fail(kit, errno, "sendmsg: %s", strerror(errno));
		}
	}
	return 0;
}

/* Takes every descriptor of a message; false when there are more than there is room for. */
static bool take_fds(struct msghdr *message, const struct kit_room *room)
{
	bool fits = !(message->msg_flags & MSG_CTRUNC);
	for (struct cmsghdr *header = CMSG_FIRSTHDR(message); header;
		header = CMSG_NXTHDR(message, header)) {
		if (header->cmsg_level != SOL_SOCKET || header->cmsg_type != SCM_RIGHTS)
			continue;
		size_t count = (header->cmsg_len - CMSG_LEN(0)) / sizeof(int);
		for (size_t i = 0; i < count; i++) {
			int fd;
			memcpy(&fd, CMSG_DATA(header) + i * sizeof(int), sizeof(fd));
			if (room->fd_count && *room->fd_count < room->fd_max) {
				room->fds[(*room->fd_count)++] = fd;
			} else {
				fd_close(&fd);
				fits = false;
			}
		}
	}
	return fits;
}

int kit_stream_receive(struct kit *kit, int sock, const struct kit_room *room)
{
	uint8_t *data = room->data;
	size_t got = 0;
	while (got < room->size) {
		union control control;
		struct iovec iov = { data + got, room->size - got };
		struct msghdr message = { .msg_iov = &iov,
			.msg_iovlen = 1,
			.msg_control = control.bytes,
			.msg_controllen = sizeof(control.bytes) };
		ssize_t ret = recvmsg(sock, &message, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
		if (ret > 0) {
			got += (size_t)ret;
			if (!take_fds(&message, room))
				return kit_fail(
					kit, EPROTO, "descriptors that do not belong there");
		} else if (ret == 0 || errno == ECONNRESET) {
			return gone(kit);
		} else if (errno == EAGAIN) {
			int error = kit_wait_fd(kit, sock, POLLIN, -1);
			if (error == -ETIMEDOUT)
				return kit_fail(kit, ETIMEDOUT, "no answer from the backend");
			if (error < 0)
				return error;
		} else if (errno != EINTR) {
			return kit_fail(kit, errno, "recvmsg: %s", strerror(errno));
		}
	}
	return 0;
}
