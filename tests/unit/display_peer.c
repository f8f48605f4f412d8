/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
#include "display_peer.h"

#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "util/fd.h"

static void on_ready(void *data, uint32_t scanout)
{
	struct peer *peer = data;
	CHECK(scanout < DISPLAY_MAX_SCANOUTS);
	CHECK(!display_scanout_busy(peer->display, scanout));
	peer->ready[scanout]++;
	if (peer->on_ready)
		peer->on_ready(peer, scanout);
}

static void on_closed(void *data)
{
	struct peer *peer = data;
	peer->closed++;
	if (peer->destroy_when_closed) {
		display_destroy(peer->display);
		peer->display = NULL;
	}
}

void peer_open(struct peer *peer)
{
	static const struct display_events events = { on_ready, on_closed };
	int pair[2];
	*peer = (struct peer){ .open_fds = test_open_fds(), .fd = -1 };
	CHECK_INT(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
	peer->sock = pair[0];
	peer->display_sock = pair[1];
	peer->loop = loop_create();
	CHECK(peer->loop);
	peer->display = display_create(peer->loop, pair[1], &events, peer);
	CHECK(peer->display);
}

void peer_open_with(struct peer *peer, uint64_t features)
{
	uint64_t taken;
	peer_open(peer);
	peer_expect(peer, VHOST_USER_GPU_GET_PROTOCOL_FEATURES, 0);
	peer_answer(peer, VHOST_USER_GPU_GET_PROTOCOL_FEATURES, &features, sizeof(features));
	peer_expect(peer, VHOST_USER_GPU_SET_PROTOCOL_FEATURES, sizeof(taken));
	memcpy(&taken, peer->payload, sizeof(taken));
	CHECK_INT(taken, features & (PEER_FEATURES_ALL | PEER_FEATURES_MEMORY));
	peer_expect_nothing(peer);
}

void peer_finish(struct peer *peer)
{
	if (peer->sock >= 0 && peer->display && !peer->closed)
		peer_expect_nothing(peer);
	display_destroy(peer->display);
	peer->display = NULL;
	peer_run(peer);
	loop_destroy(peer->loop);
	fd_close(&peer->fd);
	fd_close(&peer->sock);
	free(peer->payload);
	CHECK_INT(test_open_fds(), peer->open_fds);
}

void peer_run(struct peer *peer)
{
	for (int i = 0; i < 8; i++)
		CHECK_INT(loop_round(peer->loop, 0), 0);
}

void peer_wait(struct peer *peer, uint64_t ms)
{
	uint64_t end = loop_now_ms() + ms;
	for (uint64_t now = loop_now_ms(); now <= end; now = loop_now_ms())
		CHECK_INT(loop_round(peer->loop, (int)(end - now) + 1), 0);
	peer_run(peer);
}

/* Takes what is there, up to size bytes; a descriptor that comes with it goes to peer->fd. */
static size_t take(struct peer *peer, void *data, size_t size)
{
	union {
		struct cmsghdr align;
		char bytes[CMSG_SPACE(sizeof(int) * 4)];
	} control;
	struct iovec iov = { data, size };
	struct msghdr msg = {
		.msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = control.bytes,
		.msg_controllen = sizeof(control.bytes),
	};
	ssize_t n = recvmsg(peer->sock, &msg, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
	if (n < 0) {
		CHECK_INT(errno, EAGAIN);
		return 0;
	}
	CHECK(n > 0);
	struct cmsghdr *cmsg = CMSG_FIRSTHDR(&msg);
	if (cmsg) {
		CHECK_INT(cmsg->cmsg_len, CMSG_LEN(sizeof(int)));
		CHECK_INT(peer->fd, -1);
		memcpy(&peer->fd, CMSG_DATA(cmsg), sizeof(int));
	}
	return (size_t)n;
}

void peer_read(struct peer *peer, void *data, size_t size)
{
	int idle = 0;
	for (size_t have = 0; have < size;) {
		CHECK_INT(loop_round(peer->loop, 0), 0);
		size_t n = take(peer, (uint8_t *)data + have, size - have);
		have += n;
		idle = n ? 0 : idle + 1;
		if (idle > 100)
			test_fail(__FILE__, __LINE__, "the display wrote %zu bytes, not %zu", have,
				size);
	}
}

void peer_expect(struct peer *peer, uint32_t request, uint32_t size)
{
	struct vhost_user_gpu_header header;
	fd_close(&peer->fd);
	peer_read(peer, &header, sizeof(header));
	CHECK_INT(header.request, request);
	CHECK_INT(header.flags, 0);
	CHECK_INT(header.size, size);
	free(peer->payload);
	peer->payload = malloc(size + 1);
	CHECK(peer->payload);
	peer->size = size;
	peer_read(peer, peer->payload, size);
}

void peer_expect_nothing(struct peer *peer)
{
	uint8_t byte;
	peer_run(peer);
	if (take(peer, &byte, 1) > 0)
		test_fail(__FILE__, __LINE__, "the display wrote more: 0x%x", byte);
}

void peer_send(struct peer *peer, const void *data, size_t size)
{
	CHECK_INT(send(peer->sock, data, size, MSG_DONTWAIT | MSG_NOSIGNAL), size);
}

void peer_answer(struct peer *peer, uint32_t request, const void *payload, uint32_t size)
{
	const struct vhost_user_gpu_header header = { request, VHOST_USER_GPU_FLAG_REPLY, size };
	peer_send(peer, &header, sizeof(header));
	if (size > 0)
		peer_send(peer, payload, size);
	peer_run(peer);
}

void peer_ack(struct peer *peer)
{
	peer_answer(peer, VHOST_USER_GPU_DMABUF_UPDATE, NULL, 0);
}

void peer_close(struct peer *peer)
{
	fd_close(&peer->sock);
}

void peer_narrow(struct peer *peer)
{
	int size = 1; /* the kernel makes it its minimum */
	CHECK_INT(setsockopt(peer->display_sock, SOL_SOCKET, SO_SNDBUF, &size, sizeof(size)), 0);
}
