/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
#include "display/display.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "display/internal.h"
#include "loop/loop.h"
#include "util/checked.h"
#include "util/fd.h"
#include "util/fourcc.h"
#include "util/log.h"

#define SEND_BUFFER_SIZE (4 * 1024 * 1024)
#define BAND_SIZE        (256u * 1024)

#define FEATURES                                                                                   \
	(UINT64_C(1) << VHOST_USER_GPU_PROTOCOL_F_EDID |                                           \
		UINT64_C(1) << VHOST_USER_GPU_PROTOCOL_F_DMABUF2 |                                 \
		UINT64_C(1) << VHOST_USER_GPU_PROTOCOL_F_SHARED_MEMORY)

static struct display_scanout *find_scanout(struct display *display, uint32_t scanout)
{
	assert(scanout < DISPLAY_MAX_SCANOUTS);
	return &display->scanouts[scanout];
}

static bool has_feature(const struct display *display, unsigned int bit)
{
	return (display->features >> bit & 1) != 0;
}

void display_enter(struct display *display)
{
	display->depth++;
}

void display_leave(struct display *display)
{
	if (--display->depth == 0 && display->destroyed)
		free(display);
}

void display_want_flush(struct display *display)
{
	if (display_open(display))
		loop_defer_arm(display->flush_source);
}

static void drop_pictures(struct display_scanout *scanout)
{
	image_unref(scanout->image);
	image_unref(scanout->band);
	scanout->image = NULL;
	scanout->band = NULL;
}

/* Lets go of the peer and of all that was meant for it; questions are answered. */
static void tear_down(struct display *display)
{
	if (!display_open(display))
		return;
	loop_source_destroy(display->socket_source);
	loop_source_destroy(display->flush_source);
	loop_source_destroy(display->ack_timer);
	fd_close(&display->sock);
	display_output_finish(display);
	for (uint32_t i = 0; i < DISPLAY_MAX_SCANOUTS; i++) {
		drop_pictures(&display->scanouts[i]);
		fd_close(&display->scanouts[i].dmabuf_fd);
	}
	display_questions_finish(display);
}

void display_log_gone(const char *verb, int error)
{
	if (error == -EPIPE || error == -ECONNRESET)
		log_info("the display has closed its socket");
	else
		log_limited(LOG_ERROR, "cannot %s the display: %s", verb, strerror(-error));
}

void display_fail(struct display *display)
{
	display_enter(display);
	tear_down(display);
	if (!display->destroyed)
		display->events->closed(display->data);
	display_leave(display);
}

/* Also when it is off, which it may have become during an update. */
static bool may_go_on(const struct display *display, uint32_t scanout)
{
	bool off = display->scanouts[scanout].wanted == SHOWN_NOTHING;
	return off ? display_open(display) && !display_scanout_busy(display, scanout)
		   : display_scanout_ready(display, scanout);
}

static void call_ready(struct display *display)
{
	for (uint32_t i = 0; i < DISPLAY_MAX_SCANOUTS; i++) {
		uint32_t bit = 1u << i;
		if (!(display->ready_due & bit))
			continue;
		display->ready_due &= ~bit;
		if (may_go_on(display, i)) /* also: not destroyed by the one before */
			display->events->ready(display->data, i);
	}
}

static void flush(struct display *display)
{
	display_questions_settle(display);
	if (!display_open(display))
		return;
	int error = display_output_write(display);
	if (error) {
		display_log_gone("write to", error);
		display_fail(display);
		return;
	}
	call_ready(display);
}

static void on_flush(void *data)
{
	struct display *display = data;
	display_enter(display);
	flush(display);
	display_leave(display);
}

static void on_socket(void *data, uint32_t events)
{
	struct display *display = data;
	display_enter(display);
	if (events & LOOP_WRITABLE)
		display->blocked = false;
	if (events & (LOOP_READABLE | LOOP_HANGUP) && display_input_read(display) < 0)
		display_fail(display);
	if (display_open(display))
		flush(display);
	display_leave(display);
}

void display_end_update(struct display *display, struct display_scanout *scanout)
{
	drop_pictures(scanout);
	scanout->update = UPDATE_NONE;
	display->ready_due |= 1u << (scanout - display->scanouts);
	display_want_flush(display);
}

/* The scanout whose answer has been owed for longest; NULL when none is owed. */
static struct display_scanout *first_owed(struct display *display)
{
	struct display_scanout *first = NULL;
	for (uint32_t i = 0; i < DISPLAY_MAX_SCANOUTS; i++) {
		struct display_scanout *scanout = &display->scanouts[i];
		if (scanout->update == UPDATE_OWED &&
			(!first || scanout->owed_order < first->owed_order))
			first = scanout;
	}
	return first;
}

/* Some displays lose answers. Those that take shared memory do not: nobody writes there before they answer. */
static bool may_give_up(const struct display *display)
{
	return !display_takes_memory(display);
}

static void restart_ack_timer(struct display *display)
{
	const struct display_scanout *first = first_owed(display);
	uint64_t now = loop_now_ms();
	if (first && may_give_up(display))
		loop_timer_arm(display->ack_timer,
			first->owed_deadline_ms > now ? first->owed_deadline_ms - now : 0);
	else
		loop_timer_disarm(display->ack_timer);
}

void display_await_ack(struct display *display, struct display_scanout *scanout)
{
	scanout->update = UPDATE_OWED;
	scanout->owed_order = display->acks_asked++;
	scanout->owed_deadline_ms = loop_now_ms() + DISPLAY_ACK_MS;
	if (first_owed(display) == scanout)
		restart_ack_timer(display);
}

int display_ack(struct display *display)
{
	/* Answers name no scanout; they come in the order of the updates. */
	struct display_scanout *scanout = first_owed(display);
	if (scanout) {
		display_end_update(display, scanout);
		restart_ack_timer(display);
		return 0;
	}
	if (display->acks_given_up == 0)
		return -EPROTO;
	display->acks_given_up--;
	return 0;
}

static void on_ack_timer(void *data)
{
	struct display *display = data;
	uint64_t now = loop_now_ms();
	struct display_scanout *scanout;
	while (may_give_up(display) && (scanout = first_owed(display)) &&
		scanout->owed_deadline_ms <= now) {
		display->acks_given_up++;
		display_end_update(display, scanout);
	}
	restart_ack_timer(display);
}

/* #syscalls device: setsockopt:send-buffer */
static void set_send_buffer(int sock)
{
	/* Only speed: either may be refused. */
	int size = SEND_BUFFER_SIZE;
	if (setsockopt(sock, SOL_SOCKET, SO_SNDBUFFORCE, &size, sizeof(size)) < 0)
		setsockopt(sock, SOL_SOCKET, SO_SNDBUF, &size, sizeof(size));
}

struct display *display_create(
	struct loop *loop, int sock, const struct display_events *events, void *data)
{
	struct display *display = calloc(1, sizeof(*display));
	if (!display)
		goto fail;
	display->loop = loop;
	display->sock = sock;
	display->events = events;
	display->data = data;
	for (uint32_t i = 0; i < DISPLAY_MAX_SCANOUTS; i++)
		display->scanouts[i].dmabuf_fd = -1;
	display_output_init(display);
	display->socket_source = loop_add_fd(loop, sock, LOOP_READABLE, on_socket, display);
	if (!display->socket_source)
		goto fail_socket;
	display->flush_source = loop_add_deferred(loop, on_flush, display);
	if (!display->flush_source)
		goto fail_flush;
	display->ack_timer = loop_add_timer(loop, on_ack_timer, display);
	if (!display->ack_timer)
		goto fail_timer;
	if (display_questions_init(display) < 0)
		goto fail_questions;
	set_send_buffer(sock);
	display_want_flush(display);
	return display;

fail_questions:
	loop_source_destroy(display->ack_timer);
fail_timer:
	loop_source_destroy(display->flush_source);
fail_flush:
	loop_source_destroy(display->socket_source);
fail_socket:
	free(display);
fail:
	fd_close(&sock);
	return NULL;
}

void display_destroy(struct display *display)
{
	if (!display || display->destroyed)
		return;
	display->destroyed = true;
	display_enter(display);
	tear_down(display);
	display_leave(display);
}

bool display_scanout_ready(const struct display *display, uint32_t scanout)
{
	assert(scanout < DISPLAY_MAX_SCANOUTS);
	const struct display_scanout *s = &display->scanouts[scanout];
	if (!display_open(display) || s->update != UPDATE_NONE)
		return false;
	return s->wanted == SHOWN_PIXELS || (s->wanted == SHOWN_DMABUF && display->features_known);
}

bool display_scanout_busy(const struct display *display, uint32_t scanout)
{
	assert(scanout < DISPLAY_MAX_SCANOUTS);
	return display->scanouts[scanout].update != UPDATE_NONE;
}

/* Makes room for something else to be shown: what has not begun to be written is out of date. */
static void forget_wanted(struct display *display, struct display_scanout *s)
{
	if (s->update == UPDATE_QUEUED)
		display_end_update(display, s);
	fd_close(&s->dmabuf_fd);
	if (s->update == UPDATE_NONE)
		display->ready_due |= 1u << (s - display->scanouts);
}

void display_set_scanout(struct display *display, uint32_t scanout, uint32_t width, uint32_t height)
{
	struct display_scanout *s = find_scanout(display, scanout);
	enum display_shown wanted = width && height ? SHOWN_PIXELS : SHOWN_NOTHING;
	if (!display_open(display))
		return;
	if (s->wanted == wanted &&
		(wanted == SHOWN_NOTHING || (s->width == width && s->height == height)))
		return;
	forget_wanted(display, s);
	s->wanted = wanted;
	s->width = width;
	s->height = height;
	display_want_flush(display);
}

/* Formats that are sent as they are: the protocol's x8r8g8b8, whose X may be anything. */
static bool sent_as_it_is(uint32_t fourcc)
{
	return fourcc == FOURCC_XRGB8888 || fourcc == FOURCC_ARGB8888;
}

int display_update(struct display *display, uint32_t scanout, const struct rect *rect,
	struct image *image, uint32_t from_x, uint32_t from_y)
{
	struct display_scanout *s = find_scanout(display, scanout);
	const struct rect from = { from_x, from_y, rect->w, rect->h };
	assert(display_scanout_ready(display, scanout) && s->wanted == SHOWN_PIXELS);
	assert(rect_inside(rect, s->width, s->height));
	assert(image_readable(image) && rect_inside(&from, image->width, image->height));
	assert(image_format_known(image->fourcc));

	if (rect->w > IMAGE_MAX_SIDE || rect->h > IMAGE_MAX_SIDE)
		return -EMSGSIZE;
	if (!sent_as_it_is(image->fourcc)) {
		/* Converted a few rows at a time: memory does not grow with the picture. */
		uint32_t rows = min_u32(max_u32(BAND_SIZE / 4 / rect->w, 1), rect->h);
		s->band = image_create(rect->w, rows, FOURCC_XRGB8888);
		if (!s->band)
			return -ENOMEM;
	}
	s->image = image_ref(image);
	s->rect = *rect;
	s->from_x = from_x;
	s->from_y = from_y;
	s->update = UPDATE_QUEUED;
	display_want_flush(display);
	return 0;
}

/* What stands in for pixels that there is no memory to keep: every row is the same one. */
static uint8_t black_row[IMAGE_MAX_SIDE * 4];
static struct image black = {
	.refs = 1, /* never the last */
	.kind = IMAGE_PIXELS,
	.width = IMAGE_MAX_SIDE,
	.height = IMAGE_MAX_SIDE,
	.fourcc = FOURCC_XRGB8888,
	.pixels = black_row,
	.stride = 0,
	.fds = { -1, -1, -1, -1 },
};

/* Gives the update of a scanout pixels of its own. */
static void keep_pixels(struct display_scanout *s)
{
	const struct rect rect = { s->from_x, s->from_y, s->rect.w, s->rect.h };
	bool fits = (uint64_t)rect.w * rect.h * sizeof(uint32_t) <= DISPLAY_KEEP_MAX;
	struct image *own = fits ? image_create(rect.w, rect.h, s->image->fourcc) : NULL;
	if (own)
		image_copy(own, 0, 0, s->image, &rect);
	else
		own = image_ref(&black);
	image_unref(s->image);
	s->image = own;
	s->from_x = 0;
	s->from_y = 0;
}

void display_release_memory(struct display *display, const void *owner)
{
	assert(owner);
	for (uint32_t i = 0; i < DISPLAY_MAX_SCANOUTS; i++) {
		struct display_scanout *s = &display->scanouts[i];
		if (!s->image || s->image->owner != owner)
			continue;
		if (s->update == UPDATE_QUEUED)
			display_end_update(display, s);
		else
			keep_pixels(s);
	}
}

bool display_takes_memory(const struct display *display)
{
	return has_feature(display, VHOST_USER_GPU_PROTOCOL_F_SHARED_MEMORY);
}

/* Without DMABUF2 the peer hears of no modifier and takes the buffer to be linear. */
static bool dmabuf_allowed(const struct display *display, uint64_t modifier, bool shared_memory)
{
	if (shared_memory && !display_takes_memory(display))
		return false;
	return has_feature(display, VHOST_USER_GPU_PROTOCOL_F_DMABUF2) ||
		modifier == FOURCC_MOD_INVALID || modifier == FOURCC_MOD_LINEAR;
}

void display_set_features(struct display *display, uint64_t features)
{
	display->features_known = true;
	display->features_due = true;
	display->features = features & FEATURES;
	for (uint32_t i = 0; i < DISPLAY_MAX_SCANOUTS; i++)
		if (display->scanouts[i].wanted == SHOWN_DMABUF)
			display->ready_due |= 1u << i;
	display_want_flush(display);
}

static uint32_t flags_of(const struct image *image)
{
	return (image->y_0_top ? VHOST_USER_GPU_DMABUF_Y_0_TOP : 0u) |
		(image->shared_memory ? VHOST_USER_GPU_DMABUF_SHARED_MEMORY : 0u);
}

int display_set_dmabuf(struct display *display, uint32_t scanout, const struct image *image,
	const struct rect *view)
{
	struct display_scanout *s = find_scanout(display, scanout);
	assert(image->kind == IMAGE_DMABUF && rect_inside(view, image->width, image->height));
	if (!display_open(display))
		return 0;
	/* The protocol has one plane and no offset; QEMU shows a view from (0, 0) wherever it
	 * begins. */
	if (image->planes != 1 || image->offsets[0] != 0 || view->x != 0 || view->y != 0)
		return -EOPNOTSUPP;
	if (display->features_known &&
		!dmabuf_allowed(display, image->modifier, image->shared_memory))
		return -EOPNOTSUPP;
	int fd = fd_dup(image->fds[0]);
	if (fd < 0)
		return fd;

	forget_wanted(display, s);
	s->wanted = SHOWN_DMABUF;
	s->width = view->w;
	s->height = view->h;
	s->dmabuf_fd = fd;
	s->dmabuf = (struct vhost_user_gpu_dmabuf_scanout2){
		.scanout = {
			.scanout_id = scanout,
			.width = view->w,
			.height = view->h,
			.fd_width = image->width,
			.fd_height = image->height,
			.fd_stride = image->strides[0],
			.fd_flags = flags_of(image),
			.fd_drm_fourcc = (int32_t)image->fourcc,
		},
		.modifier = image->modifier,
	};
	display_want_flush(display);
	return 0;
}

int display_update_dmabuf(struct display *display, uint32_t scanout, const struct rect *rect)
{
	struct display_scanout *s = find_scanout(display, scanout);
	assert(display_scanout_ready(display, scanout) && s->wanted == SHOWN_DMABUF);
	assert(rect_inside(rect, s->width, s->height));
	bool shared_memory = s->dmabuf.scanout.fd_flags & VHOST_USER_GPU_DMABUF_SHARED_MEMORY;
	if (!dmabuf_allowed(display, s->dmabuf.modifier, shared_memory))
		return -EOPNOTSUPP;
	s->rect = *rect;
	s->update = UPDATE_QUEUED;
	display_want_flush(display);
	return 0;
}

static struct display_scanout *place_cursor(
	struct display *display, const struct display_cursor *cursor, bool visible)
{
	struct display_scanout *s = find_scanout(display, cursor->scanout);
	s->cursor.x = cursor->x;
	s->cursor.y = cursor->y;
	s->cursor_visible = visible;
	s->cursor_place_due = true;
	display_want_flush(display);
	return s;
}

void display_cursor_update(
	struct display *display, const struct display_cursor *cursor, const uint32_t *pixels)
{
	struct display_scanout *s = place_cursor(display, cursor, true);
	memcpy(s->cursor_pixels, pixels, sizeof(s->cursor_pixels));
	s->cursor.hot_x = cursor->hot_x;
	s->cursor.hot_y = cursor->hot_y;
	s->cursor_image_due = true;
}

void display_cursor_move(struct display *display, const struct display_cursor *cursor)
{
	place_cursor(display, cursor, true);
}

void display_cursor_hide(struct display *display, const struct display_cursor *cursor)
{
	place_cursor(display, cursor, false);
}
