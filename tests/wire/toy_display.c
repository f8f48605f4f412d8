/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/*
 * The toy backend's display: it is told what has changed since it was told last, one message after
 * another as its socket takes them, and asked one thing at a time. When it says what was not asked
 * for, or goes, it is gone.
 */
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "display/protocol.h"
#include "toy.h"
#include "util/checked.h"

#define HEADER sizeof(struct vhost_user_gpu_header)
#define PAD    4u /* in front of the header, so that the payload is aligned */

static void leave(struct toy *toy)
{
	struct screen *screen = &toy->screen;
	if (screen->sock >= 0 && !toy_has(FAULT_LEAKS_SOCKETS))
		close(screen->sock);
	free(screen->out);
	*screen = (struct screen){ .sock = -1 };
}

/* The display is gone: whoever waits for it has waited long enough. */
static void lose(struct toy *toy)
{
	leave(toy);
	if (toy->waiting)
		toy_answered(toy, NULL);
}

/* --- what it is told ----------------------------------------------------------------------- */

/* Makes a message with room for so much payload, which is returned. */
static void *put(struct screen *screen, uint32_t request, size_t size)
{
	struct vhost_user_gpu_header header = { request, 0, (uint32_t)size };
	if (toy_has(FAULT_DISPLAY_FLAGS) && request == VHOST_USER_GPU_UPDATE)
		header.flags = 0xabcd00;
	screen->out = calloc(1, PAD + HEADER + size);
	if (!screen->out)
		return NULL;
	screen->out_size = HEADER + size;
	screen->out_sent = 0;
	memcpy(screen->out + PAD, &header, HEADER);
	return screen->out + PAD + HEADER;
}

static bool put_question(struct screen *screen)
{
	bool edid = screen->question == VHOST_USER_GPU_GET_EDID;
	uint32_t *scanout = put(screen, screen->question, edid ? sizeof(*scanout) : 0);
	if (scanout && edid)
		*scanout = toy_has(FAULT_EDID_FIRST) ? 0 : screen->question_scanout;
	screen->question_due = false;
	return scanout;
}

static bool put_features(struct screen *screen)
{
	uint64_t *features = put(screen, VHOST_USER_GPU_SET_PROTOCOL_FEATURES, sizeof(*features));
	if (features)
		*features = (uint64_t)screen->edid << VHOST_USER_GPU_PROTOCOL_F_EDID;
	screen->features_due = false;
	return features;
}

static bool put_size(struct screen *screen, uint32_t id, struct scanout *scanout)
{
	struct vhost_user_gpu_scanout *message =
		put(screen, VHOST_USER_GPU_SCANOUT, sizeof(*message));
	if (message)
		*message = (struct vhost_user_gpu_scanout){ id, scanout->rect.width,
			scanout->rect.height };
	scanout->size_due = false;
	return message;
}

static bool put_update(struct toy *toy, uint32_t id, struct scanout *scanout)
{
	const struct virtio_gpu_rect rect = scanout->damage;
	const struct resource *resource = toy_find(toy, scanout->resource_id);
	scanout->damage = (struct virtio_gpu_rect){ 0 };
	if (!resource)
		return false;
	struct vhost_user_gpu_update *update = put(&toy->screen, VHOST_USER_GPU_UPDATE,
		sizeof(*update) + (size_t)rect.width * rect.height * 4);
	if (!update)
		return false;
	*update = (struct vhost_user_gpu_update){ id, rect.x - scanout->rect.x,
		rect.y - scanout->rect.y, rect.width, rect.height };
	if (toy_has(FAULT_RESOURCE_PLACE)) {
		update->x = rect.x;
		update->y = rect.y;
	}
	uint32_t *to = (uint32_t *)(update + 1);
	for (uint32_t y = rect.y; y < rect.y + rect.height; y++)
		for (uint32_t x = rect.x; x < rect.x + rect.width; x++)
			*to++ = toy_pixel(resource, x, y);
	return true;
}

static bool put_cursor(struct screen *screen, struct cursor *cursor)
{
	const struct vhost_user_gpu_cursor_pos pos = { cursor->at.pos.scanout_id, cursor->at.pos.x,
		cursor->at.pos.y };
	if (cursor->image_due) {
		struct vhost_user_gpu_cursor_update *update =
			put(screen, VHOST_USER_GPU_CURSOR_UPDATE, sizeof(*update));
		if (!update)
			return false;
		update->pos = pos;
		update->hot_x = toy_has(FAULT_HOT_SPOT) ? 0 : cursor->at.hot_x;
		update->hot_y = toy_has(FAULT_HOT_SPOT) ? 0 : cursor->at.hot_y;
		memcpy(update->data, cursor->pixels, sizeof(update->data));
		cursor->image_due = false;
		cursor->place_due = !cursor->visible;
		return true;
	}
	struct vhost_user_gpu_cursor_pos *message = put(screen,
		cursor->visible ? VHOST_USER_GPU_CURSOR_POS : VHOST_USER_GPU_CURSOR_POS_HIDE,
		sizeof(pos));
	if (message)
		*message = pos;
	cursor->place_due = false;
	return message;
}

static bool put_scanout(struct toy *toy, uint32_t id)
{
	struct scanout *scanout = &toy->scanouts[id];
	bool update = scanout->damage.width > 0;
	if (scanout->size_due && !(update && toy_has(FAULT_UPDATE_FIRST)))
		return put_size(&toy->screen, id, scanout);
	return update && put_update(toy, id, scanout);
}

/* The next message, if there is anything left to say. */
static bool put_next(struct toy *toy)
{
	struct screen *screen = &toy->screen;
	if (screen->features_due)
		return put_features(screen);
	if (screen->question_due)
		return put_question(screen);
	for (uint32_t i = 0; i < SCANOUTS; i++)
		if (toy->cursors[i].image_due || toy->cursors[i].place_due)
			return put_cursor(screen, &toy->cursors[i]);
	for (uint32_t i = 0; i < SCANOUTS; i++)
		if (put_scanout(toy, i))
			return true;
	return false;
}

static void speak(struct toy *toy)
{
	struct screen *screen = &toy->screen;
	int flags = MSG_NOSIGNAL | (toy_has(FAULT_DISPLAY_BLOCKS) ? 0 : MSG_DONTWAIT);
	while (screen->sock >= 0 && (screen->out || put_next(toy))) {
		ssize_t sent = send(screen->sock, screen->out + PAD + screen->out_sent,
			screen->out_size - screen->out_sent, flags);
		if (sent < 0 && errno == EAGAIN)
			return;
		if (sent < 0) {
			lose(toy);
			return;
		}
		screen->out_sent += (size_t)sent;
		if (screen->out_sent == screen->out_size) {
			free(screen->out);
			screen->out = NULL;
		}
	}
}

/* --- what it says -------------------------------------------------------------------------- */

static size_t answer_size(uint32_t question)
{
	switch (question) {
	case VHOST_USER_GPU_GET_PROTOCOL_FEATURES:
		return sizeof(uint64_t);
	case VHOST_USER_GPU_GET_DISPLAY_INFO:
		return sizeof(struct virtio_gpu_resp_display_info);
	default:
		return sizeof(struct virtio_gpu_resp_edid);
	}
}

static void take_features(struct toy *toy, const void *payload)
{
	uint64_t features;
	memcpy(&features, payload, sizeof(features));
	toy->screen.edid = features >> VHOST_USER_GPU_PROTOCOL_F_EDID & 1;
	toy->screen.features_due = true;
	/* who came first has waited for this */
	if (toy->waiting)
		toy_display_ask(toy, VHOST_USER_GPU_GET_DISPLAY_INFO, 0);
}

static void take_info(struct toy *toy, const void *payload)
{
	uint32_t scanout;
	memcpy(&toy->modes, payload, sizeof(toy->modes));
	/* of what the display does not have it would not tell the EDID */
	if (toy->waiting && toy_wants_edid(toy->waiting, &scanout) &&
		toy->modes.pmodes[scanout].enabled &&
		(toy->screen.edid || toy_has(FAULT_EDID_UNASKED)))
		toy_display_ask(toy, VHOST_USER_GPU_GET_EDID, scanout);
	else
		toy_answered(toy, NULL);
}

static void take_answer(struct toy *toy)
{
	struct screen *screen = &toy->screen;
	const void *payload = screen->in + PAD + HEADER;
	uint32_t question = screen->question;
	bool late = screen->late;
	screen->question = 0;
	screen->late = false;
	screen->in_got = 0;
	if (late && question != VHOST_USER_GPU_GET_PROTOCOL_FEATURES) {
		if (toy->waiting)
			toy_display_ask(toy, VHOST_USER_GPU_GET_DISPLAY_INFO, 0);
		return;
	}
	if (question == VHOST_USER_GPU_GET_PROTOCOL_FEATURES)
		take_features(toy, payload);
	else if (question == VHOST_USER_GPU_GET_DISPLAY_INFO)
		take_info(toy, payload);
	else
		toy_answered(toy, payload);
}

/* Whether this can be the answer to what was asked. */
static bool expected(const struct screen *screen)
{
	struct vhost_user_gpu_header header;
	memcpy(&header, screen->in + PAD, HEADER);
	return screen->question && !screen->question_due && header.request == screen->question &&
		header.flags == VHOST_USER_GPU_FLAG_REPLY &&
		header.size == answer_size(screen->question);
}

static void listen_to(struct toy *toy)
{
	struct screen *screen = &toy->screen;
	while (screen->sock >= 0) {
		size_t size = HEADER;
		if (screen->in_got >= HEADER)
			size += answer_size(screen->question);
		ssize_t got = recv(screen->sock, screen->in + PAD + screen->in_got,
			size - screen->in_got, MSG_DONTWAIT);
		if (got < 0 && errno == EAGAIN)
			return;
		screen->in_got += got > 0 ? (size_t)got : 0;
		if (got <= 0 || (screen->in_got == HEADER && !expected(screen)))
			lose(toy);
		else if (screen->in_got > HEADER &&
			screen->in_got == HEADER + answer_size(screen->question))
			take_answer(toy);
	}
}

/* --- from outside -------------------------------------------------------------------------- */

static void tell_everything(struct toy *toy)
{
	for (uint32_t i = 0; i < SCANOUTS; i++) {
		struct scanout *scanout = &toy->scanouts[i];
		scanout->size_due = scanout->resource_id;
		scanout->damage = scanout->rect;
		if (toy_has(FAULT_SHOWS_ONCE))
			scanout->damage.width = 0;
		toy->cursors[i].image_due = toy->cursors[i].visible;
	}
}

void toy_display_set(struct toy *toy, int sock)
{
	lose(toy);
	toy->screen.sock = sock;
	if (sock < 0)
		return;
	tell_everything(toy);
	toy_display_ask(toy, VHOST_USER_GPU_GET_PROTOCOL_FEATURES, 0);
	speak(toy);
}

void toy_display_give_up(struct toy *toy)
{
	toy->screen.late = toy->screen.question;
	toy_answered(toy, NULL);
}

short toy_display_events(const struct toy *toy)
{
	return toy->screen.out ? POLLIN | POLLOUT : POLLIN;
}

void toy_display_ready(struct toy *toy, short events)
{
	if (events)
		listen_to(toy);
	speak(toy);
}

bool toy_display_ask(struct toy *toy, uint32_t question, uint32_t scanout)
{
	struct screen *screen = &toy->screen;
	if (screen->sock < 0)
		return false;
	/* the answer to the one that is open comes first, and asks for the rest */
	if (screen->question)
		return true;
	screen->question = question;
	screen->question_scanout = scanout;
	screen->question_due = true;
	return true;
}
