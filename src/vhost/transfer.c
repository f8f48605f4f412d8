/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/*
 * What epoll can watch (pipes, sockets) is moved when it is ready. Files always are: they are moved
 * from a deferred call, which arms itself again.
 */
#include "vhost/transfer.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include "loop/loop.h"
#include "util/bounded_io.h"
#include "util/checked.h"
#include "util/fd.h"
#include "util/log.h"

/* #syscalls device: sendmsg:to-peer recvfrom getsockopt:socket-type */

#define BUFFER_SIZE 65536u
#define PORTION_MS  10u /* a portion ends then, too: each piece of it may have been waited for */

/* What moving a portion comes to, beside -errno. */
enum {
	MOVED_ALL = 0,
	MOVED_SOME, /* and there may be more at once */
	MUST_WAIT,
};

struct vhost_transfer {
	int fd; /* owned */
	bool is_socket;
	enum vhost_transfer_direction direction;
	const struct vhost_transfer_events *events;
	void *data;
	struct loop_source *source; /* NULL for a file */
	struct loop_source *again; /* deferred: another portion */
	bool settled;

	const uint8_t *bytes; /* saving: what next() gave */
	size_t left; /* of them */

	bool enough; /* loading: take() needs no more */
	int fault; /* loading: what take() said, or 0 */
	uint8_t buffer[BUFFER_SIZE];
};

static bool is_stream(int sock)
{
	int type = 0;
	socklen_t size = sizeof(type);
	return getsockopt(sock, SOL_SOCKET, SO_TYPE, &type, &size) == 0 && type == SOCK_STREAM;
}

static bool usable(int fd, enum vhost_transfer_direction direction, mode_t *ret_kind)
{
	struct stat status;
	int flags = fcntl(fd, F_GETFL);
	if (flags < 0 || (flags & O_PATH) || fd_stat(fd, &status) < 0)
		return false;
	int other = direction == VHOST_TRANSFER_SAVE ? O_RDONLY : O_WRONLY;
	*ret_kind = status.st_mode & S_IFMT;
	return (flags & O_ACCMODE) != other &&
		(*ret_kind == S_IFREG || *ret_kind == S_IFIFO ||
			(*ret_kind == S_IFSOCK && is_stream(fd)));
}

static ssize_t io_result(ssize_t moved)
{
	return moved < 0 ? -errno : moved;
}

static ssize_t send_some(int sock, const uint8_t *bytes, size_t size)
{
	/* sendmsg() because send() would be one more system call to allow. */
	struct iovec iov = { .iov_base = (void *)(uintptr_t)bytes, .iov_len = size };
	const struct msghdr message = { .msg_iov = &iov, .msg_iovlen = 1 };
	return io_result(sendmsg(sock, &message, MSG_DONTWAIT | MSG_NOSIGNAL));
}

static ssize_t write_some(struct vhost_transfer *transfer, size_t size)
{
	if (transfer->is_socket)
		return send_some(transfer->fd, transfer->bytes, size);
	return bounded_write(transfer->fd, transfer->bytes, size);
}

static ssize_t read_some(struct vhost_transfer *transfer)
{
	if (transfer->is_socket)
		return io_result(recv(
			transfer->fd, transfer->buffer, sizeof(transfer->buffer), MSG_DONTWAIT));
	return bounded_read(transfer->fd, transfer->buffer, sizeof(transfer->buffer));
}

static int io_failed(const char *what, ssize_t status)
{
	log_limited(LOG_WARN, "vhost-user: the device's state cannot be %s: %s", what,
		strerror((int)-status));
	return (int)status;
}

static int save_portion(struct vhost_transfer *transfer)
{
	uint64_t room = VHOST_TRANSFER_PORTION, until = loop_now_ms() + PORTION_MS;
	while (room > 0 && loop_now_ms() <= until) {
		if (transfer->left == 0) {
			const void *bytes;
			ssize_t size = transfer->events->next(transfer->data, &bytes);
			if (size <= 0)
				return (int)size;
			transfer->bytes = bytes;
			transfer->left = (size_t)size;
		}
		ssize_t written = write_some(transfer, min_u64(transfer->left, room));
		if (written == -EAGAIN || written == -EINTR)
			return MUST_WAIT;
		if (written < 0)
			return io_failed("written", written);
		transfer->bytes += written;
		transfer->left -= (size_t)written;
		room -= (uint64_t)written;
	}
	return MOVED_SOME;
}

static void take(struct vhost_transfer *transfer, size_t size)
{
	if (transfer->fault)
		return;
	int status = transfer->events->take(transfer->data, transfer->buffer, size);
	transfer->enough = status > 0;
	transfer->fault = status < 0 ? status : 0;
}

static int load_portion(struct vhost_transfer *transfer)
{
	uint64_t moved = 0, until = loop_now_ms() + PORTION_MS;
	while (moved < VHOST_TRANSFER_PORTION && loop_now_ms() <= until) {
		if (transfer->settled && transfer->fault)
			return transfer->fault;
		ssize_t got = read_some(transfer);
		if (got == 0)
			return transfer->fault;
		if (got == -EAGAIN || got == -EINTR)
			return transfer->settled && transfer->enough ? MOVED_ALL : MUST_WAIT;
		if (got < 0)
			return transfer->fault ? transfer->fault : io_failed("read", got);
		take(transfer, (size_t)got);
		/* Nobody writes to a file meanwhile whom its end could hurt. */
		if (transfer->fault && !transfer->source)
			return transfer->fault;
		moved += (uint64_t)got;
	}
	return MOVED_SOME;
}

static void close_all(struct vhost_transfer *transfer)
{
	loop_source_destroy(transfer->source);
	loop_source_destroy(transfer->again);
	transfer->source = NULL;
	transfer->again = NULL;
	fd_close(&transfer->fd);
}

static void move(void *data)
{
	struct vhost_transfer *transfer = data;
	int status = transfer->direction == VHOST_TRANSFER_SAVE ? save_portion(transfer)
								: load_portion(transfer);
	if (status > 0) {
		/* Nothing more may come that epoll could tell of. */
		if (!transfer->source || (transfer->settled && status == MOVED_SOME))
			loop_defer_arm(transfer->again);
		return;
	}
	close_all(transfer);
	transfer->events->ended(transfer->data, status);
}

static void on_ready(void *data, uint32_t events)
{
	move(data);
}

static int watch(struct vhost_transfer *transfer, struct loop *loop, mode_t kind)
{
	transfer->is_socket = kind == S_IFSOCK;
	transfer->again = loop_add_deferred(loop, move, transfer);
	if (!transfer->again)
		return -ENOMEM;
	if (kind == S_IFREG) {
		loop_defer_arm(transfer->again);
		return 0;
	}
	int status = transfer->is_socket ? 0 : fd_set_nonblocking(transfer->fd);
	if (status < 0)
		return status;
	bool saves = transfer->direction == VHOST_TRANSFER_SAVE;
	transfer->source = loop_add_fd(
		loop, transfer->fd, saves ? LOOP_WRITABLE : LOOP_READABLE, on_ready, transfer);
	return transfer->source ? 0 : -ENOMEM;
}

int vhost_transfer_create(struct loop *loop, int fd, enum vhost_transfer_direction direction,
	const struct vhost_transfer_events *events, void *data,
	struct vhost_transfer **ret_transfer)
{
	mode_t kind = 0;
	bool good = usable(fd, direction, &kind);
	struct vhost_transfer *transfer = good ? calloc(1, sizeof(*transfer)) : NULL;
	if (!transfer) {
		fd_close(&fd);
		return good ? -ENOMEM : -EINVAL;
	}
	transfer->fd = fd;
	transfer->direction = direction;
	transfer->events = events;
	transfer->data = data;
	int status = watch(transfer, loop, kind);
	if (status < 0) {
		vhost_transfer_destroy(transfer);
		return status;
	}
	*ret_transfer = transfer;
	return 0;
}

void vhost_transfer_destroy(struct vhost_transfer *transfer)
{
	if (!transfer)
		return;
	close_all(transfer);
	free(transfer);
}

void vhost_transfer_settle(struct vhost_transfer *transfer)
{
	transfer->settled = true;
	loop_defer_arm(transfer->again);
}
