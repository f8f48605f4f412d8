/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
#include "peer.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "display/edid.h"
#include "display/protocol.h"
#include "dmabuf.h"
#include "loop/loop.h"
#include "util/checked.h"
#include "util/fd.h"
#include "util/log.h"

#define MAX_PAYLOAD sizeof(struct vhost_user_gpu_cursor_update)
#define MAX_OUTBOX  (32u << 10) /* bytes of answers that the backend has not read */
#define HEADER      sizeof(struct vhost_user_gpu_header)

/* A rectangle of pixels that comes in: read into the head's picture row by row. */
struct pixels {
	bool coming;
	uint32_t head;
	struct rect rect;
	uint32_t row; /* of the rectangle */
	size_t got; /* bytes of that row */
};

struct peer {
	struct loop_source *source;
	int sock;
	struct screen *screen;
	const struct modes *modes;
	void (*closed)(void *data, int status);
	void *data;
	struct dmabuf dmabufs[SCREEN_HEADS];

	uint8_t input[HEADER + MAX_PAYLOAD];
	size_t got;
	int fd; /* that came with the message */
	struct pixels pixels;

	uint8_t outbox[MAX_OUTBOX];
	size_t waiting;
};

/* 0, or -EPROTO. The payload is as long as the message's row says. */
typedef int (*handler_fn)(struct peer *peer, const void *payload);

static struct vhost_user_gpu_header header_of(const struct peer *peer)
{
	struct vhost_user_gpu_header header;
	memcpy(&header, peer->input, sizeof(header));
	return header;
}

/* --- answers ------------------------------------------------------------------------------- */

/* #syscalls viewer: sendto:data-to-peer */
static int send_waiting(struct peer *peer)
{
	ssize_t sent = send(peer->sock, peer->outbox, peer->waiting, MSG_DONTWAIT | MSG_NOSIGNAL);
	if (sent < 0)
		return errno == EAGAIN || errno == EINTR ? 0 : -errno;
	peer->waiting -= (size_t)sent;
	memmove(peer->outbox, peer->outbox + sent, peer->waiting);
	return 0;
}

/* Answers the message that is being handled. */
static int answer(struct peer *peer, const void *payload, uint32_t size)
{
	const struct vhost_user_gpu_header header = { header_of(peer).request,
		VHOST_USER_GPU_FLAG_REPLY, size };
	if (HEADER + size > sizeof(peer->outbox) - peer->waiting)
		return -EPROTO;
	memcpy(peer->outbox + peer->waiting, &header, HEADER);
	if (size)
		memcpy(peer->outbox + peer->waiting + HEADER, payload, size);
	peer->waiting += HEADER + size;
	return 0;
}

static int get_protocol_features(struct peer *peer, const void *payload)
{
	/* no DMABUF2: a backend then gives no buffers whose pixels lie in a GPU's own order */
	const uint64_t features = UINT64_C(1) << VHOST_USER_GPU_PROTOCOL_F_EDID |
		UINT64_C(1) << VHOST_USER_GPU_PROTOCOL_F_SHARED_MEMORY;
	return answer(peer, &features, sizeof(features));
}

static int set_protocol_features(struct peer *peer, const void *payload)
{
	return 0;
}

/* What a GPU tells of an output (virtio 1.4, 5.7.6.8: GET_DISPLAY_INFO). */
struct display_info {
	uint8_t response[24];
	struct {
		uint32_t x, y, width, height;
		uint32_t enabled;
		uint32_t flags;
	} modes[SCREEN_HEADS];
};
static_assert(sizeof(struct display_info) == VHOST_USER_GPU_DISPLAY_INFO_SIZE, "wire size");

struct edid_info {
	uint8_t response[24];
	uint32_t size;
	uint32_t padding;
	uint8_t edid[1024];
};
static_assert(sizeof(struct edid_info) == VHOST_USER_GPU_EDID_REPLY_SIZE, "wire size");

#define OK_DISPLAY_INFO UINT32_C(0x1101)
#define OK_EDID         UINT32_C(0x1104)

static int get_display_info(struct peer *peer, const void *payload)
{
	struct display_info info = { 0 };
	const uint32_t type = OK_DISPLAY_INFO;
	uint32_t x = 0;
	memcpy(info.response, &type, sizeof(type));
	for (uint32_t i = 0; i < peer->modes->count; i++) {
		info.modes[i].x = x;
		info.modes[i].width = peer->modes->heads[i].width;
		info.modes[i].height = peer->modes->heads[i].height;
		info.modes[i].enabled = info.modes[i].width > 0;
		x += info.modes[i].width;
	}
	return answer(peer, &info, sizeof(info));
}

static int get_edid(struct peer *peer, const void *payload)
{
	struct edid_info info = { .size = EDID_BLOCK_SIZE };
	const uint32_t type = OK_EDID;
	uint32_t head;
	memcpy(&head, payload, sizeof(head));
	if (head >= SCREEN_HEADS)
		return -EPROTO;
	memcpy(info.response, &type, sizeof(type));
	/* a head that is not there has an EDID of some size, and is not enabled */
	bool there = head < peer->modes->count && peer->modes->heads[head].width > 0;
	edid_fill(info.edid, there ? peer->modes->heads[head].width : 1024,
		there ? peer->modes->heads[head].height : 768, head + 1);
	return answer(peer, &info, sizeof(info));
}

/* --- pictures ------------------------------------------------------------------------------ */

static int resize(struct peer *peer, uint32_t head, uint32_t width, uint32_t height)
{
	int error = screen_resize(peer->screen, head, width, height);
	if (error)
		log_limited(LOG_WARN, "head %u cannot be shown with %u x %u pixels: %s", head,
			width, height, strerror(-error));
	return error;
}

static void drop_dmabuf(struct peer *peer, uint32_t head)
{
	dmabuf_finish(&peer->dmabufs[head]);
	peer->screen->heads[head].dmabuf = NULL;
}

static int scanout(struct peer *peer, const void *payload)
{
	struct vhost_user_gpu_scanout request;
	memcpy(&request, payload, sizeof(request));
	if (request.scanout_id >= SCREEN_HEADS)
		return -EPROTO;
	drop_dmabuf(peer, request.scanout_id);
	resize(peer, request.scanout_id, request.width, request.height);
	return 0;
}

static struct rect rect_of(const struct vhost_user_gpu_update *update)
{
	return (struct rect){ update->x, update->y, update->width, update->height };
}

static uint32_t width_of(const struct peer *peer, uint32_t head)
{
	return peer->screen->heads[head].width;
}

static bool inside(const struct peer *peer, uint32_t head, const struct rect *rect)
{
	return rect_inside(rect, width_of(peer, head), peer->screen->heads[head].height);
}

/* Pixels for a head that is not shown here are read, too: to nowhere. */
static int update(struct peer *peer, const void *payload)
{
	struct vhost_user_gpu_update request;
	memcpy(&request, payload, sizeof(request));
	struct rect rect = rect_of(&request);
	if (request.scanout_id >= SCREEN_HEADS || rect_empty(&rect) ||
		(width_of(peer, request.scanout_id) && !inside(peer, request.scanout_id, &rect)))
		return -EPROTO;
	uint64_t size = (uint64_t)rect.w * rect.h * sizeof(uint32_t) + sizeof(request);
	if (size != header_of(peer).size)
		return -EPROTO;
	peer->pixels = (struct pixels){ true, request.scanout_id, rect, 0, 0 };
	return 0;
}

static int dmabuf_scanout(struct peer *peer, const void *payload)
{
	struct vhost_user_gpu_dmabuf_scanout request;
	memcpy(&request, payload, sizeof(request));
	const struct rect view = { request.x, request.y, request.width, request.height };
	uint32_t head = request.scanout_id;
	if (head >= SCREEN_HEADS)
		return -EPROTO;
	drop_dmabuf(peer, head);
	if (peer->fd < 0)
		return screen_resize(peer->screen, head, 0, 0);
	if (!rect_inside(&view, request.fd_width, request.fd_height))
		return -EPROTO;
	const struct dmabuf_args args = {
		.fd = fd_steal(&peer->fd),
		.width = request.fd_width,
		.height = request.fd_height,
		.stride = request.fd_stride,
		.x = request.x,
		.y = request.y,
		.bottom_up = request.fd_flags & VHOST_USER_GPU_DMABUF_Y_0_TOP,
		.shared_memory = request.fd_flags & VHOST_USER_GPU_DMABUF_SHARED_MEMORY,
		.fourcc = (uint32_t)request.fd_drm_fourcc,
	};
	int error = dmabuf_open(&peer->dmabufs[head], &args);
	if (error)
		log_limited(
			LOG_WARN, "head %u: its buffer cannot be read: %s", head, strerror(-error));
	else
		peer->screen->heads[head].dmabuf = &peer->dmabufs[head];
	if (resize(peer, head, request.width, request.height) < 0)
		drop_dmabuf(peer, head);
	return 0;
}

static int dmabuf_update(struct peer *peer, const void *payload)
{
	struct vhost_user_gpu_update request;
	memcpy(&request, payload, sizeof(request));
	struct rect rect = rect_of(&request);
	uint32_t head = request.scanout_id;
	if (head >= SCREEN_HEADS)
		return -EPROTO;
	if (peer->dmabufs[head].map) {
		if (!inside(peer, head, &rect))
			return -EPROTO;
		if (screen_needs_pixels(peer->screen, head))
			dmabuf_read(&peer->dmabufs[head], &rect, peer->screen->heads[head].pixels,
				width_of(peer, head));
		screen_damage(peer->screen, head, &rect);
	}
	return answer(peer, NULL, 0);
}

/* --- the pointer --------------------------------------------------------------------------- */

static int move_pointer(
	struct peer *peer, const struct vhost_user_gpu_cursor_pos *pos, bool visible)
{
	if (pos->scanout_id >= SCREEN_HEADS)
		return -EPROTO;
	struct head_cursor *cursor = &peer->screen->heads[pos->scanout_id].cursor;
	cursor->x = pos->x;
	cursor->y = pos->y;
	cursor->visible = visible;
	return 0;
}

static int cursor_pos(struct peer *peer, const void *payload)
{
	struct vhost_user_gpu_cursor_pos request;
	memcpy(&request, payload, sizeof(request));
	bool visible = header_of(peer).request == VHOST_USER_GPU_CURSOR_POS;
	int error = move_pointer(peer, &request, visible);
	if (error == 0)
		screen_pointer(peer->screen, request.scanout_id, false);
	return error;
}

static int cursor_update(struct peer *peer, const void *payload)
{
	struct vhost_user_gpu_cursor_update request;
	memcpy(&request, payload, sizeof(request));
	int error = move_pointer(peer, &request.pos, true);
	if (error)
		return error;
	struct head_cursor *cursor = &peer->screen->heads[request.pos.scanout_id].cursor;
	cursor->hot_x = min_u32(request.hot_x, SCREEN_CURSOR_SIDE - 1);
	cursor->hot_y = min_u32(request.hot_y, SCREEN_CURSOR_SIDE - 1);
	memcpy(cursor->pixels, request.data, sizeof(cursor->pixels));
	screen_pointer(peer->screen, request.pos.scanout_id, true);
	return 0;
}

/* --- messages ------------------------------------------------------------------------------ */

static const struct message {
	size_t size; /* of the payload, without pixels */
	handler_fn handle;
	bool pixels; /* follow */
} messages[] = {
	[VHOST_USER_GPU_GET_PROTOCOL_FEATURES] = { 0, get_protocol_features, false },
	[VHOST_USER_GPU_SET_PROTOCOL_FEATURES] = { 8, set_protocol_features, false },
	[VHOST_USER_GPU_GET_DISPLAY_INFO] = { 0, get_display_info, false },
	[VHOST_USER_GPU_CURSOR_POS] = { 12, cursor_pos, false },
	[VHOST_USER_GPU_CURSOR_POS_HIDE] = { 12, cursor_pos, false },
	[VHOST_USER_GPU_CURSOR_UPDATE] = { 16404, cursor_update, false },
	[VHOST_USER_GPU_SCANOUT] = { 12, scanout, false },
	[VHOST_USER_GPU_UPDATE] = { 20, update, true },
	[VHOST_USER_GPU_DMABUF_SCANOUT] = { 40, dmabuf_scanout, false },
	[VHOST_USER_GPU_DMABUF_UPDATE] = { 20, dmabuf_update, false },
	[VHOST_USER_GPU_GET_EDID] = { 4, get_edid, false },
};

/* NULL: there is no such message, or not of that size. */
static const struct message *message_of(const struct peer *peer)
{
	struct vhost_user_gpu_header header = header_of(peer);
	if (header.request >= ARRAY_SIZE(messages) || !messages[header.request].handle)
		return NULL;
	const struct message *message = &messages[header.request];
	bool fits = message->pixels ? header.size >= message->size : header.size == message->size;
	return fits && !(header.flags & VHOST_USER_GPU_FLAG_REPLY) ? message : NULL;
}

static int handle(struct peer *peer, const struct message *message)
{
	int error = message->handle(peer, peer->input + HEADER);
	if (error)
		log_error("the backend broke the protocol: message %u is not right",
			header_of(peer).request);
	fd_close(&peer->fd);
	peer->got = 0;
	return error;
}

/* --- reading ------------------------------------------------------------------------------- */

/* The last one: no message has more. */
static void keep_fd(struct peer *peer, struct msghdr *message)
{
	for (struct cmsghdr *c = CMSG_FIRSTHDR(message); c; c = CMSG_NXTHDR(message, c)) {
		if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
			continue;
		for (size_t at = 0; at + sizeof(int) <= c->cmsg_len - CMSG_LEN(0);
			at += sizeof(int)) {
			fd_close(&peer->fd);
			memcpy(&peer->fd, CMSG_DATA(c) + at, sizeof(peer->fd));
		}
	}
}

/* What is there of so many bytes; to NULL: to nowhere. The number; -EAGAIN; 0: the backend has gone; -errno. */
static ssize_t receive(struct peer *peer, void *to, size_t size)
{
	union {
		struct cmsghdr align;
		char room[CMSG_SPACE(sizeof(int))];
	} control;
	char nowhere[4096];
	struct iovec piece = { to ? to : nowhere, to ? size : min_size(size, sizeof(nowhere)) };
	struct msghdr message = {
		.msg_iov = &piece,
		.msg_iovlen = 1,
		.msg_control = &control,
		.msg_controllen = sizeof(control),
	};
	/* #syscalls viewer: recvmsg */
	ssize_t got = recvmsg(peer->sock, &message, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
	if (got < 0)
		return -errno;
	keep_fd(peer, &message);
	return got;
}

/* Where the next pixels belong, and how many bytes of them. */
static void *next_pixels(const struct peer *peer, size_t *ret_size)
{
	const struct pixels *pixels = &peer->pixels;
	const struct head *head = &peer->screen->heads[pixels->head];
	*ret_size = (size_t)pixels->rect.w * sizeof(uint32_t) - pixels->got;
	if (!head->pixels)
		return NULL;
	uint32_t *row = head->pixels + (size_t)(pixels->rect.y + pixels->row) * head->width +
		pixels->rect.x;
	return (uint8_t *)row + pixels->got;
}

static ssize_t read_pixels(struct peer *peer)
{
	struct pixels *pixels = &peer->pixels;
	size_t size;
	void *to = next_pixels(peer, &size);
	ssize_t got = receive(peer, to, size);
	if (got <= 0)
		return got;
	pixels->got += (size_t)got;
	if ((size_t)got < size)
		return got;
	pixels->got = 0;
	if (++pixels->row < pixels->rect.h)
		return got;
	pixels->coming = false;
	if (to)
		screen_damage(peer->screen, pixels->head, &pixels->rect);
	return got;
}

static ssize_t read_message(struct peer *peer)
{
	const struct message *message = peer->got >= HEADER ? message_of(peer) : NULL;
	size_t size = HEADER + (message ? message->size : 0);
	ssize_t got = receive(peer, peer->input + peer->got, size - peer->got);
	if (got <= 0)
		return got;
	peer->got += (size_t)got;
	if (peer->got < HEADER)
		return got;
	message = message_of(peer);
	if (!message) {
		log_error("the backend broke the protocol: message %u of %u bytes",
			header_of(peer).request, header_of(peer).size);
		return -EPROTO;
	}
	int error = peer->got == HEADER + message->size ? handle(peer, message) : 0;
	return error ? error : got;
}

/* So much before others get their turn. */
#define READS_AT_ONCE 4096u

static void on_socket(void *data, uint32_t events)
{
	struct peer *peer = data;
	ssize_t got = 1;
	for (uint32_t i = 0; i < READS_AT_ONCE && got > 0; i++)
		got = peer->pixels.coming ? read_pixels(peer) : read_message(peer);
	int error = got < 0 && got != -EAGAIN && got != -EINTR ? (int)got : 0;
	if (error == 0 && peer->waiting)
		error = send_waiting(peer);
	if (error == 0 && got != 0) {
		loop_source_watch(
			peer->source, LOOP_READABLE | (peer->waiting ? LOOP_WRITABLE : 0));
		return;
	}
	loop_source_destroy(peer->source);
	peer->source = NULL;
	peer->closed(peer->data, error == -ECONNRESET || error == -EPIPE ? 0 : error);
}

struct peer *peer_create(struct loop *loop, int sock, struct screen *screen,
	const struct modes *modes, void (*closed)(void *data, int status), void *data)
{
	struct peer *peer = calloc(1, sizeof(*peer));
	if (!peer) {
		fd_close(&sock);
		return NULL;
	}
	peer->sock = sock;
	peer->screen = screen;
	peer->modes = modes;
	peer->closed = closed;
	peer->data = data;
	peer->fd = -1;
	for (uint32_t i = 0; i < SCREEN_HEADS; i++)
		dmabuf_init(&peer->dmabufs[i]);
	peer->source = loop_add_fd(loop, sock, LOOP_READABLE, on_socket, peer);
	if (peer->source)
		return peer;
	peer_destroy(peer);
	return NULL;
}

void peer_destroy(struct peer *peer)
{
	if (!peer)
		return;
	loop_source_destroy(peer->source);
	for (uint32_t i = 0; i < SCREEN_HEADS; i++)
		drop_dmabuf(peer, i);
	fd_close(&peer->fd);
	fd_close(&peer->sock);
	free(peer);
}
