/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/*
 * One message is read at a time: its header, then exactly its payload. The kernel joins the bytes
 * of several sends in one read, but gives the descriptors of at most one of them; only reads that
 * never go past the end of a message tell for sure to which message descriptors belong.
 *
 * However a connection ends (peer gone, framing broken, answers not read, the callee's wish), it
 * stops being watched at once and `closed` comes from a deferred call, so never from inside send().
 */
#include "vhost/connection.h"

#include <assert.h>
#include <errno.h>
#include <linux/sockios.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include "loop/loop.h"
#include "util/checked.h"
#include "util/fd.h"
#include "util/list.h"

/* #syscalls device viewer: recvmsg sendmsg:to-peer */

#define HEADER_SIZE sizeof(struct vhost_user_header)
#define MAX_OUTPUT  (64u << 10) /* bytes kept for a peer that does not read */
#define FDS_SIZE    (VHOST_USER_MAX_FDS * sizeof(int))
#define NO_REASON   NULL

/* A message, or the rest of one, that the socket did not take yet. */
struct chunk {
	struct list link; /* vhost_connection::output */
	size_t size, sent;
	size_t fd_count;
	int fds[VHOST_USER_MAX_FDS]; /* owned; they go with the first byte */
	uint8_t bytes[];
};

struct vhost_connection {
	int sock;
	struct loop_source *source; /* NULL once ended */
	struct loop_source *ending;
	const struct vhost_connection_events *events;
	void *data;
	bool paused, ended;
	const char *reason;
	bool dispatching, destroyed; /* destroyed inside an event: freed when that returns */

	size_t received; /* bytes of message so far, header included */
	struct vhost_message message;

	struct list output;
	size_t output_size;
};

union control {
	struct cmsghdr align;
	char bytes[CMSG_SPACE(FDS_SIZE)];
};

static void end(struct vhost_connection *connection, const char *reason)
{
	if (connection->ended)
		return;
	connection->ended = true;
	connection->reason = reason;
	loop_source_destroy(connection->source);
	connection->source = NULL;
	loop_defer_arm(connection->ending);
}

static void update_watch(struct vhost_connection *connection)
{
	if (connection->ended)
		return;
	uint32_t events = connection->paused ? 0 : LOOP_READABLE;
	if (!list_empty(&connection->output))
		events |= LOOP_WRITABLE;
	loop_source_watch(connection->source, events);
}

static void message_clear(struct vhost_connection *connection)
{
	fd_close_all(connection->message.fds, connection->message.fd_count);
	connection->message.fd_count = 0;
	connection->received = 0;
}

static void finish_dispatch(struct vhost_connection *connection)
{
	connection->dispatching = false;
	message_clear(connection);
	if (connection->destroyed)
		free(connection);
}

static void on_ending(void *data)
{
	struct vhost_connection *connection = data;
	connection->dispatching = true;
	connection->events->closed(connection->data, connection->reason);
	finish_dispatch(connection);
}

/* Keeps what fits of one control message; false when there were too many. */
static bool take_fds(struct vhost_message *message, struct cmsghdr *control)
{
	size_t count = (control->cmsg_len - CMSG_LEN(0)) / sizeof(int);
	bool fitted = true;
	for (size_t i = 0; i < count; i++) {
		int fd;
		memcpy(&fd, CMSG_DATA(control) + i * sizeof(int), sizeof(fd));
		if (message->fd_count < VHOST_USER_MAX_FDS) {
			message->fds[message->fd_count++] = fd;
		} else {
			fd_close(&fd);
			fitted = false;
		}
	}
	return fitted;
}

/* What is wrong with the descriptors, or NULL. */
static const char *take_control(struct vhost_message *message, struct msghdr *received)
{
	bool cut = received->msg_flags & MSG_CTRUNC, fitted = true;
	size_t before = message->fd_count;
	for (struct cmsghdr *control = CMSG_FIRSTHDR(received); control;
		control = CMSG_NXTHDR(received, control)) {
		if (control->cmsg_level == SOL_SOCKET && control->cmsg_type == SCM_RIGHTS &&
			!take_fds(message, control))
			fitted = false;
	}
	/* There was room for as many as a message may have. */
	if (cut && message->fd_count - before < VHOST_USER_MAX_FDS && fitted)
		return "this process is out of descriptors";
	return cut || !fitted ? "a message with too many descriptors" : NULL;
}

/* Reads at most size bytes to dst; returns how many, 0 when there is nothing for now or no more. */
static size_t receive(struct vhost_connection *connection, void *dst, size_t size)
{
	union control control;
	struct iovec iov = { dst, size };
	struct msghdr header = {
		.msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = control.bytes,
		.msg_controllen = sizeof(control.bytes),
	};
	ssize_t got = recvmsg(connection->sock, &header, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
	if (got > 0) {
		const char *fault = take_control(&connection->message, &header);
		if (!fault)
			return (size_t)got;
		end(connection, fault);
	} else if (got == 0 || errno == ECONNRESET || errno == EPIPE) {
		end(connection, NO_REASON);
	} else if (errno != EAGAIN && errno != EINTR) {
		end(connection, "reading from the socket failed");
	}
	return 0;
}

static const char *header_fault(const struct vhost_user_header *header)
{
	if ((header->flags & VHOST_USER_VERSION_MASK) != VHOST_USER_VERSION)
		return "a message of an unknown protocol version";
	if (header->size > VHOST_USER_MAX_PAYLOAD)
		return "a message larger than any can be";
	return NULL;
}

/* Where the next bytes go, and how many of them belong to this part of the message. */
static void *next_part(struct vhost_connection *connection, size_t *ret_size)
{
	struct vhost_message *message = &connection->message;
	if (connection->received < HEADER_SIZE) {
		*ret_size = HEADER_SIZE - connection->received;
		return (uint8_t *)&message->header + connection->received;
	}
	*ret_size = HEADER_SIZE + message->header.size - connection->received;
	return message->payload + (connection->received - HEADER_SIZE);
}

/* True when the message is whole. */
static bool receive_message(struct vhost_connection *connection)
{
	for (;;) {
		size_t size;
		void *dst = next_part(connection, &size);
		if (size == 0)
			return true;
		size_t got = receive(connection, dst, size);
		if (got == 0)
			return false;
		connection->received += got;
		if (connection->received != HEADER_SIZE)
			continue;
		const char *fault = header_fault(&connection->message.header);
		if (fault) {
			end(connection, fault);
			return false;
		}
	}
}

static void dispatch(struct vhost_connection *connection)
{
	connection->dispatching = true;
	int status = connection->events->message(connection->data, &connection->message);
	if (status < 0 && !connection->destroyed)
		end(connection, NO_REASON);
	finish_dispatch(connection);
}

static ssize_t send_bytes(
	int sock, struct iovec *iov, size_t iov_count, const int *fds, size_t fd_count)
{
	union control control = { 0 };
	struct msghdr header = { .msg_iov = iov, .msg_iovlen = iov_count };
	if (fd_count > 0) {
		header.msg_control = control.bytes;
		header.msg_controllen = CMSG_SPACE(fd_count * sizeof(int));
		struct cmsghdr *rights = CMSG_FIRSTHDR(&header);
		rights->cmsg_level = SOL_SOCKET;
		rights->cmsg_type = SCM_RIGHTS;
		rights->cmsg_len = CMSG_LEN(fd_count * sizeof(int));
		memcpy(CMSG_DATA(rights), fds, fd_count * sizeof(int));
	}
	ssize_t sent = sendmsg(sock, &header, MSG_DONTWAIT | MSG_NOSIGNAL);
	if (sent >= 0)
		return sent;
	return errno == EAGAIN || errno == EINTR ? 0 : -errno;
}

static void chunk_destroy(struct vhost_connection *connection, struct chunk *chunk)
{
	connection->output_size -= chunk->size;
	list_remove(&chunk->link);
	fd_close_all(chunk->fds, chunk->fd_count);
	free(chunk);
}

/* Returns 1 when the chunk is out, 0 when the socket is full, -errno. */
static int send_chunk(struct vhost_connection *connection, struct chunk *chunk)
{
	struct iovec iov = { chunk->bytes + chunk->sent, chunk->size - chunk->sent };
	size_t fd_count = chunk->sent == 0 ? chunk->fd_count : 0;
	ssize_t sent = send_bytes(connection->sock, &iov, 1, chunk->fds, fd_count);
	if (sent < 0)
		return (int)sent;
	chunk->sent += (size_t)sent;
	return chunk->sent == chunk->size;
}

static void flush(struct vhost_connection *connection)
{
	while (!list_empty(&connection->output)) {
		struct chunk *chunk = container_of(connection->output.next, struct chunk, link);
		int status = send_chunk(connection, chunk);
		if (status < 0)
			end(connection, NO_REASON);
		if (status <= 0)
			break;
		chunk_destroy(connection, chunk);
	}
	update_watch(connection);
}

static int queue_message(struct vhost_connection *connection, const struct iovec *iov, size_t sent,
	const int *fds, size_t fd_count)
{
	size_t size = iov[0].iov_len + iov[1].iov_len;
	if (size > MAX_OUTPUT - connection->output_size) {
		end(connection, "answers are not read");
		return -ENOBUFS;
	}
	struct chunk *chunk = calloc(1, sizeof(*chunk) + size);
	if (!chunk)
		return -ENOMEM;
	for (size_t i = 0; sent == 0 && i < fd_count; i++) {
		chunk->fds[i] = fd_dup(fds[i]);
		if (chunk->fds[i] < 0) {
			int status = chunk->fds[i];
			fd_close_all(chunk->fds, i);
			free(chunk);
			return status;
		}
		chunk->fd_count = i + 1;
	}
	memcpy(chunk->bytes, iov[0].iov_base, iov[0].iov_len);
	if (iov[1].iov_len > 0)
		memcpy(chunk->bytes + iov[0].iov_len, iov[1].iov_base, iov[1].iov_len);
	chunk->size = size;
	chunk->sent = sent;
	connection->output_size += size;
	list_append(&connection->output, &chunk->link);
	update_watch(connection);
	return 0;
}

static void on_socket(void *data, uint32_t events)
{
	struct vhost_connection *connection = data;
	if (events & LOOP_WRITABLE)
		flush(connection);
	if (connection->ended)
		return;
	if (!connection->paused && (events & LOOP_READABLE)) {
		if (receive_message(connection))
			dispatch(connection);
	} else if (events & LOOP_HANGUP) {
		end(connection, NO_REASON);
	}
}

struct vhost_connection *vhost_connection_create(
	struct loop *loop, int sock, const struct vhost_connection_events *events, void *data)
{
	struct vhost_connection *connection = calloc(1, sizeof(*connection));
	if (!connection)
		goto err_sock;
	connection->sock = sock;
	connection->events = events;
	connection->data = data;
	list_init(&connection->output);
	connection->ending = loop_add_deferred(loop, on_ending, connection);
	if (!connection->ending)
		goto err_connection;
	connection->source = loop_add_fd(loop, sock, LOOP_READABLE, on_socket, connection);
	if (!connection->source)
		goto err_ending;
	return connection;

err_ending:
	loop_source_destroy(connection->ending);
err_connection:
	free(connection);
err_sock:
	fd_close(&sock);
	return NULL;
}

void vhost_connection_destroy(struct vhost_connection *connection)
{
	if (!connection)
		return;
	assert(!connection->destroyed);
	loop_source_destroy(connection->source);
	loop_source_destroy(connection->ending);
	list_for_each_safe (link, after, &connection->output)
		chunk_destroy(connection, container_of(link, struct chunk, link));
	fd_close(&connection->sock);
	connection->ended = true;
	connection->destroyed = true;
	if (connection->dispatching)
		return;
	message_clear(connection);
	free(connection);
}

static int send_pieces(
	struct vhost_connection *connection, struct iovec iov[2], const int *fds, size_t fd_count)
{
	assert(fd_count <= VHOST_USER_MAX_FDS);
	if (connection->ended)
		return -ENOTCONN;
	ssize_t sent = 0;
	if (list_empty(&connection->output))
		sent = send_bytes(connection->sock, iov, 2, fds, fd_count);
	int status = 0;
	if (sent < 0)
		status = (int)sent;
	else if ((size_t)sent < iov[0].iov_len + iov[1].iov_len)
		status = queue_message(connection, iov, (size_t)sent, fds, fd_count);
	if (status < 0)
		end(connection, NO_REASON);
	return status;
}

/* sendmsg() does not write where struct iovec points; it cannot say so. */
int vhost_connection_send(struct vhost_connection *connection,
	const struct vhost_user_header *header, const void *payload, const int *fds,
	size_t fd_count)
{
	assert(header->size <= VHOST_USER_MAX_PAYLOAD);
	struct vhost_user_header copy = *header;
	struct iovec iov[2] = { { &copy, HEADER_SIZE },
		{ (void *)(uintptr_t)payload, header->size } };
	return send_pieces(connection, iov, fds, fd_count);
}

int vhost_connection_send_part(struct vhost_connection *connection, const void *bytes, size_t size,
	const int *fds, size_t fd_count)
{
	struct iovec iov[2] = { { (void *)(uintptr_t)bytes, size }, { NULL, 0 } };
	return send_pieces(connection, iov, fds, fd_count);
}

/* #syscalls device: ioctl:unread */
bool vhost_connection_is_read(const struct vhost_connection *connection)
{
	int unread;
	return list_empty(&connection->output) &&
		(connection->ended || ioctl(connection->sock, SIOCOUTQ, &unread) < 0 ||
			unread == 0);
}

void vhost_connection_pause(struct vhost_connection *connection, bool pause)
{
	connection->paused = pause;
	update_watch(connection);
}
