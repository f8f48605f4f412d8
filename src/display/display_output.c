/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/*
 * Tells the peer what it does not know yet.
 *
 * Whenever nothing is on its way, the next thing is chosen from the state: questions first, then
 * the scanouts in turn, each giving its cursor and its picture alternately, so that none of them
 * can keep the others from being sent. Nothing is queued: all that waits is what is in struct
 * display_scanout.
 *
 * A size goes out together with the update that needs it, and so does a dma-buf. That keeps a guest
 * that only changes them from filling the socket with descriptors, and there is never an update
 * without a size before it, which no peer has to expect.
 */
#include <assert.h>
#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include "display/internal.h"
#include "loop/loop.h"
#include "util/checked.h"
#include "util/fd.h"

/* #syscalls device: sendmsg:to-peer */

#define IOV_MAX_BATCH 64
#define TURN_BYTES    (2u * 1024 * 1024) /* how much is written before others have a turn */
#define PAGE_BYTES    4096u /* or less than a page */

/* Makes room for the next message. */
static void clear(struct display_outgoing *out)
{
	out->head_size = 0;
	out->head_sent = 0;
	out->update = NULL;
	out->body_size = 0;
	out->body_sent = 0;
	out->band_first = 0;
	out->band_rows = 0;
}

void display_output_init(struct display *display)
{
	display->out.fd = -1;
	clear(&display->out);
}

void display_output_finish(struct display *display)
{
	fd_close(&display->out.fd);
	clear(&display->out);
}

void display_output_put(
	struct display *display, uint32_t request, const void *payload, size_t size, size_t more)
{
	struct display_outgoing *out = &display->out;
	const struct vhost_user_gpu_header header = {
		.request = request,
		.size = (uint32_t)(size + more),
	};
	assert(out->head_size + sizeof(header) + size <= sizeof(out->head));
	memcpy(out->head + out->head_size, &header, sizeof(header));
	out->head_size += sizeof(header);
	if (size > 0)
		memcpy(out->head + out->head_size, payload, size);
	out->head_size += size;
}

static uint32_t id_of(const struct display *display, const struct display_scanout *s)
{
	return (uint32_t)(s - display->scanouts);
}

static void put_size(
	struct display *display, struct display_scanout *s, uint32_t width, uint32_t height)
{
	const struct vhost_user_gpu_scanout message = { id_of(display, s), width, height };
	/* A dma-buf has to be taken away first: a size alone would leave it with the peer. */
	if (s->told == SHOWN_DMABUF) {
		const struct vhost_user_gpu_dmabuf_scanout none = {
			.scanout_id = message.scanout_id,
		};
		display_output_put(display, VHOST_USER_GPU_DMABUF_SCANOUT, &none, sizeof(none), 0);
	}
	display_output_put(display, VHOST_USER_GPU_SCANOUT, &message, sizeof(message), 0);
	s->told = width ? SHOWN_PIXELS : SHOWN_NOTHING;
	s->told_width = width;
	s->told_height = height;
}

static void put_dmabuf(struct display *display, struct display_scanout *s)
{
	if (display->features >> VHOST_USER_GPU_PROTOCOL_F_DMABUF2 & 1)
		display_output_put(
			display, VHOST_USER_GPU_DMABUF_SCANOUT2, &s->dmabuf, sizeof(s->dmabuf), 0);
	else
		display_output_put(display, VHOST_USER_GPU_DMABUF_SCANOUT, &s->dmabuf.scanout,
			sizeof(s->dmabuf.scanout), 0);
	display->out.fd = fd_steal(&s->dmabuf_fd);
	s->told = SHOWN_DMABUF;
}

static void put_update(struct display *display, struct display_scanout *s)
{
	struct display_outgoing *out = &display->out;
	const struct vhost_user_gpu_update message = { id_of(display, s), s->rect.x, s->rect.y,
		s->rect.w, s->rect.h };
	out->update = s;
	s->update = UPDATE_WRITING;
	if (!s->image) {
		if (s->dmabuf_fd >= 0)
			put_dmabuf(display, s);
		display_output_put(
			display, VHOST_USER_GPU_DMABUF_UPDATE, &message, sizeof(message), 0);
		return;
	}
	if (s->told != SHOWN_PIXELS || s->told_width != s->width || s->told_height != s->height)
		put_size(display, s, s->width, s->height);
	out->body_size = (uint64_t)s->rect.w * s->rect.h * 4;
	display_output_put(
		display, VHOST_USER_GPU_UPDATE, &message, sizeof(message), out->body_size);
}

static void put_cursor(struct display *display, struct display_scanout *s)
{
	const struct vhost_user_gpu_cursor_pos pos = { id_of(display, s), s->cursor.x,
		s->cursor.y };
	if (s->cursor_image_due) {
		struct vhost_user_gpu_cursor_update message = {
			.pos = pos,
			.hot_x = s->cursor.hot_x,
			.hot_y = s->cursor.hot_y,
		};
		static_assert(sizeof(message.data) == sizeof(s->cursor_pixels), "same image");
		memcpy(message.data, s->cursor_pixels, sizeof(message.data));
		display_output_put(
			display, VHOST_USER_GPU_CURSOR_UPDATE, &message, sizeof(message), 0);
		s->cursor_image_due = false;
		s->cursor_place_due = !s->cursor_visible; /* an update shows it */
		return;
	}
	uint32_t request =
		s->cursor_visible ? VHOST_USER_GPU_CURSOR_POS : VHOST_USER_GPU_CURSOR_POS_HIDE;
	display_output_put(display, request, &pos, sizeof(pos), 0);
	s->cursor_place_due = false;
}

/* Puts one thing that the peer should know of a scanout; false when there is none. */
static bool put_scanout(struct display *display, struct display_scanout *s)
{
	bool off = s->wanted == SHOWN_NOTHING && s->told != SHOWN_NOTHING;
	bool picture = off || s->update == UPDATE_QUEUED;
	bool cursor = s->cursor_image_due || s->cursor_place_due;
	if (cursor && !(picture && s->cursor_was_last)) {
		put_cursor(display, s);
		s->cursor_was_last = true;
		return true;
	}
	s->cursor_was_last = false;
	if (off)
		put_size(display, s, 0, 0);
	else if (picture)
		put_update(display, s);
	return picture;
}

/* Chooses what to send next; false when the peer knows everything. */
static bool put_next(struct display *display)
{
	assert(display->out.head_size == 0);
	if (display_questions_put(display))
		return true;
	for (uint32_t i = 0; i < DISPLAY_MAX_SCANOUTS; i++) {
		uint32_t id = (display->turn + i) % DISPLAY_MAX_SCANOUTS;
		if (put_scanout(display, &display->scanouts[id])) {
			display->turn = id + 1;
			return true;
		}
	}
	return false;
}

/* Fills the band with the rows from `row` on. */
static void convert_band(struct display_outgoing *out, uint32_t row)
{
	const struct display_scanout *s = out->update;
	const struct rect rows = { s->from_x, s->from_y + row, s->rect.w,
		min_u32(s->band->height, s->rect.h - row) };
	image_copy(s->band, 0, 0, s->image, &rows);
	out->band_first = row;
	out->band_rows = rows.h;
}

/* What of an update has not been written yet, in units that can be described one after the other. */
struct body {
	const struct image *image; /* where the pixels are now: its own or the band */
	uint64_t offset; /* in the image, of the unit that is to be continued */
	size_t unit; /* bytes that follow each other: those of a row, or more */
	size_t skip; /* bytes of the first unit that have been written */
	uint32_t units;
};

static struct body find_body(struct display_outgoing *out)
{
	const struct display_scanout *s = out->update;
	const size_t row_size = (size_t)s->rect.w * 4;
	uint32_t row = (uint32_t)(out->body_sent / row_size);
	struct body body = {
		.image = s->image,
		.offset = (uint64_t)(s->from_y + row) * s->image->stride + (uint64_t)s->from_x * 4,
		.unit = row_size,
		.skip = (size_t)(out->body_sent % row_size),
		.units = s->rect.h - row,
	};
	if (s->band) {
		if (row >= out->band_first + out->band_rows)
			convert_band(out, row);
		body.image = s->band;
		body.offset = (uint64_t)(row - out->band_first) * s->band->stride;
		body.units = out->band_first + out->band_rows - row;
	}
	if (body.image->stride == row_size) {
		/* Not all at once: a big socket would take it. */
		body.unit = min_size(row_size * body.units, body.skip + TURN_BYTES);
		body.units = 1;
	}
	return body;
}

/* Describes pixels that have not been written yet, as many as fit into iov; returns how many. */
static size_t describe_body(struct display_outgoing *out, struct iovec *iov, size_t max)
{
	struct body body = find_body(out);
	size_t count = 0;
	while (count < max && body.units > 0) {
		size_t size = body.unit - body.skip;
		const uint8_t *bytes = image_at(body.image, body.offset + body.skip, &size);
		iov[count++] = (struct iovec){ (void *)(uintptr_t)bytes, size };
		body.skip += size;
		if (body.skip < body.unit)
			continue;
		body.skip = 0;
		body.offset += body.image->stride;
		body.units--;
	}
	return count;
}

/* Memory that has been cut off makes the kernel refuse what is described; read by ourselves it is
 * replaced (whoever runs us sees to that), or ends the process as any such access does. */
static void touch(const struct iovec *iov, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		const volatile uint8_t *bytes = iov[i].iov_base;
		for (size_t at = 0; at < iov[i].iov_len; at += PAGE_BYTES)
			(void)bytes[at];
		(void)bytes[iov[i].iov_len - 1];
	}
}

static ssize_t send_part(int sock, const struct msghdr *msg)
{
	bool touched = false;
	for (;;) {
		ssize_t n = sendmsg(sock, msg, MSG_NOSIGNAL | MSG_DONTWAIT);
		if (n >= 0)
			return n;
		if (errno == EINTR)
			continue;
		if (errno != EFAULT || touched)
			return -errno;
		touch(msg->msg_iov, msg->msg_iovlen);
		touched = true;
	}
}

/* Writes a part of what is on its way. Returns how much or -errno. */
static ssize_t write_part(struct display *display)
{
	struct display_outgoing *out = &display->out;
	struct iovec iov[IOV_MAX_BATCH];
	union {
		struct cmsghdr align;
		char bytes[CMSG_SPACE(sizeof(int))];
	} control = { 0 };
	struct msghdr msg = { .msg_iov = iov };
	if (out->head_sent < out->head_size)
		iov[msg.msg_iovlen++] = (struct iovec){ out->head + out->head_sent,
			out->head_size - out->head_sent };
	if (out->body_sent < out->body_size)
		msg.msg_iovlen +=
			describe_body(out, iov + msg.msg_iovlen, IOV_MAX_BATCH - msg.msg_iovlen);
	if (out->fd >= 0) {
		msg.msg_control = control.bytes;
		msg.msg_controllen = sizeof(control.bytes);
		struct cmsghdr *cmsg = CMSG_FIRSTHDR(&msg);
		cmsg->cmsg_level = SOL_SOCKET;
		cmsg->cmsg_type = SCM_RIGHTS;
		cmsg->cmsg_len = CMSG_LEN(sizeof(int));
		memcpy(CMSG_DATA(cmsg), &out->fd, sizeof(int));
	}
	return send_part(display->sock, &msg);
}

static void count_written(struct display_outgoing *out, size_t size)
{
	size_t head = min_size(size, out->head_size - out->head_sent);
	fd_close(&out->fd);
	out->head_sent += head;
	out->body_sent += size - head;
}

static bool all_written(const struct display_outgoing *out)
{
	return out->head_sent == out->head_size && out->body_sent == out->body_size;
}

static void end_written(struct display *display)
{
	struct display_scanout *s = display->out.update;
	clear(&display->out);
	if (!s)
		return;
	if (s->image)
		display_end_update(display, s);
	else
		display_await_ack(display, s);
}

static void watch(struct display *display, bool blocked)
{
	display->blocked = blocked;
	loop_source_watch(display->socket_source, LOOP_READABLE | (blocked ? LOOP_WRITABLE : 0u));
}

int display_output_write(struct display *display)
{
	struct display_outgoing *out = &display->out;
	if (display->blocked)
		return 0;
	size_t total = 0;
	while (out->head_size > 0 || put_next(display)) {
		ssize_t n = write_part(display);
		if (n == -EAGAIN) {
			watch(display, true);
			return 0;
		}
		if (n < 0)
			return (int)n;
		count_written(out, (size_t)n);
		if (all_written(out))
			end_written(display);
		total += (size_t)n;
		if (total >= TURN_BYTES) {
			display_want_flush(display);
			break;
		}
	}
	watch(display, false);
	return 0;
}
