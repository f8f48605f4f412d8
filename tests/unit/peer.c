/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
#include "peer.h"

#include <sys/socket.h>

#include "test.h"
#include "util/fd.h"

#define MOST_FDS 64u

void peer_pair(int *ret_ours, int *ret_theirs)
{
	int socks[2];
	CHECK_INT(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, socks), 0);
	*ret_ours = socks[0];
	*ret_theirs = socks[1];
}

void peer_send_bytes(int sock, const void *bytes, size_t size, const int *fds, size_t fd_count)
{
	union {
		struct cmsghdr align;
		uint8_t bytes[CMSG_SPACE(MOST_FDS * sizeof(int))];
	} control = { 0 };
	struct iovec iov = { (void *)(uintptr_t)bytes, size };
	struct msghdr message = { .msg_iov = &iov, .msg_iovlen = 1 };
	CHECK(fd_count <= MOST_FDS);
	if (fd_count > 0) {
		message.msg_control = control.bytes;
		message.msg_controllen = CMSG_SPACE(fd_count * sizeof(int));
		struct cmsghdr *rights = CMSG_FIRSTHDR(&message);
		rights->cmsg_level = SOL_SOCKET;
		rights->cmsg_type = SCM_RIGHTS;
		rights->cmsg_len = CMSG_LEN(fd_count * sizeof(int));
		memcpy(CMSG_DATA(rights), fds, fd_count * sizeof(int));
	}
	CHECK_INT(sendmsg(sock, &message, MSG_DONTWAIT | MSG_NOSIGNAL), size);
}

size_t peer_compose(
	uint8_t *bytes, uint32_t request, uint32_t flags, const void *payload, size_t size)
{
	const struct vhost_user_header header = {
		.request = request,
		.flags = VHOST_USER_VERSION | flags,
		.size = (uint32_t)size,
	};
	memcpy(bytes, &header, sizeof(header));
	if (size > 0)
		memcpy(bytes + sizeof(header), payload, size);
	return sizeof(header) + size;
}

static void send_message(int sock, const struct vhost_user_header *header, const void *payload,
	const int *fds, size_t fd_count)
{
	uint8_t bytes[sizeof(*header) + 2 * VHOST_USER_MAX_PAYLOAD];
	CHECK(header->size <= 2 * VHOST_USER_MAX_PAYLOAD);
	size_t size = peer_compose(bytes, header->request, header->flags, payload, header->size);
	peer_send_bytes(sock, bytes, size, fds, fd_count);
}

void peer_send(int sock, uint32_t request, uint32_t flags, const void *payload, size_t size)
{
	const struct vhost_user_header header = { request, flags, (uint32_t)size };
	send_message(sock, &header, payload, NULL, 0);
}

void peer_send_fds(int sock, uint32_t request, const void *payload, size_t size, const int *fds,
	size_t fd_count)
{
	const struct vhost_user_header header = { request, 0, (uint32_t)size };
	send_message(sock, &header, payload, fds, fd_count);
}

bool peer_receive(int sock, struct peer_message *ret_message)
{
	union {
		struct cmsghdr align;
		uint8_t bytes[CMSG_SPACE(MOST_FDS * sizeof(int))];
	} control;
	struct iovec iov = { &ret_message->header, sizeof(ret_message->header) };
	struct msghdr message = { .msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = control.bytes,
		.msg_controllen = sizeof(control.bytes) };
	ssize_t got = recvmsg(sock, &message, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
	ret_message->fd = -1;
	if (got <= 0)
		return false;
	CHECK_INT(got, sizeof(ret_message->header));
	struct cmsghdr *rights = CMSG_FIRSTHDR(&message);
	for (size_t i = 0; rights && i < (rights->cmsg_len - CMSG_LEN(0)) / sizeof(int); i++) {
		int fd;
		memcpy(&fd, CMSG_DATA(rights) + i * sizeof(int), sizeof(fd));
		if (i == 0)
			ret_message->fd = fd;
		else
			fd_close(&fd);
	}
	CHECK(ret_message->header.size <= sizeof(ret_message->payload));
	if (ret_message->header.size > 0)
		CHECK_INT(recv(sock, ret_message->payload, ret_message->header.size, MSG_DONTWAIT),
			ret_message->header.size);
	return true;
}

bool peer_closed(int sock)
{
	char byte;
	ssize_t got = recv(sock, &byte, 1, MSG_DONTWAIT | MSG_PEEK);
	return got == 0 || (got < 0 && errno == ECONNRESET);
}
