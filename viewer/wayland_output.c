/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/*
 * What changes is only noted. It is drawn once at the end of a round of the loop, into the picture that the
 * compositor does not look at, and only after the compositor has drawn the one before: so one that draws
 * nothing, as the window is hidden or it hangs, costs nothing.
 *
 * A dma-buf that the compositor takes is shown as it is, and its pixels are read by nobody. While the
 * compositor has not said whether it does, the picture before stays.
 */
#include "wayland_output.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "dmabuf.h"
#include "loop/loop.h"
#include "util/checked.h"
#include "util/log.h"
#include "wayland.h"
#include "wayland_dmabuf.h"
#include "wayland_memory.h"
#include "wayland_window.h"

#define MAX_SIDE 32767u /* of pictures, so that protocols' numbers of all kinds hold them */

struct pane {
	struct wayland_output *output;
	uint32_t head;
	struct wayland_window *window; /* NULL: there is none (any more) */
	bool closed; /* it is to go */
	struct wayland_memory memory;
	struct wayland_dmabuf import;
	struct wayland_view view; /* of the dma-buf */
	bool failed; /* there was no memory for pictures of this size */
	bool shown; /* there is a picture in the window */
	struct rect damage; /* since the last picture that was shown */

	struct wayland_memory pointer; /* pictures of it */
	struct wayland_picture *image; /* the last one; NULL: there is none yet */
	bool pointer_due, image_due; /* they are not as the compositor knows them */
};

struct wayland_output {
	struct output base;
	struct wayland_args args;
	struct wayland *wayland; /* NULL: it has gone */
	struct loop_source *draw; /* deferred */
	struct wayland_memory black;
	struct pane panes[SCREEN_HEADS];
	uint32_t count;
};

static struct wayland_output *wayland_output(struct output *output)
{
	return container_of(output, struct wayland_output, base);
}

/* --- drawing ------------------------------------------------------------------------------- */

static const struct head *head_of(const struct pane *pane)
{
	return &pane->output->base.screen->heads[pane->head];
}

/* Where the pointer is, as far as it is on the head. */
static struct rect place_of_pointer(const struct head *head)
{
	const struct head_cursor *cursor = &head->cursor;
	const struct rect all = { 0, 0, head->width, head->height };
	/* from 64 pixels left of and above the head on, so that nothing is negative */
	const struct rect moved = { SCREEN_CURSOR_SIDE, SCREEN_CURSOR_SIDE, all.w, all.h };
	if (!cursor->visible || cursor->x >= head->width + SCREEN_CURSOR_SIDE ||
		cursor->y >= head->height + SCREEN_CURSOR_SIDE)
		return (struct rect){ 0 };
	struct rect place = { cursor->x + SCREEN_CURSOR_SIDE - cursor->hot_x,
		cursor->y + SCREEN_CURSOR_SIDE - cursor->hot_y, SCREEN_CURSOR_SIDE,
		SCREEN_CURSOR_SIDE };
	place = rect_intersect(&place, &moved);
	if (rect_empty(&place))
		return (struct rect){ 0 };
	place.x -= SCREEN_CURSOR_SIDE;
	place.y -= SCREEN_CURSOR_SIDE;
	return place;
}

static void copy(const struct head *head, const struct rect *rect, uint32_t *pixels)
{
	for (uint32_t y = rect->y; y < rect->y + rect->h; y++) {
		size_t at = (size_t)y * head->width + rect->x;
		memcpy(pixels + at, head->pixels + at, (size_t)rect->w * sizeof(*pixels));
	}
}

/* Pictures of the head's size; false: there are none. */
static bool have_memory(struct pane *pane)
{
	const struct head *head = head_of(pane);
	const struct wayland_layout layout = { head->width, head->height, false };
	if (pane->memory.layout.width == head->width && pane->memory.layout.height == head->height)
		return true;
	bool large = head->width > MAX_SIDE || head->height > MAX_SIDE;
	int error = large ? -E2BIG : wayland_memory_open(&pane->memory, &layout);
	pane->failed = error < 0;
	if (error)
		log_limited(LOG_ERROR, "wayland: head %u cannot be shown: %s", pane->head,
			strerror(-error));
	return error == 0;
}

/* What to show now; false: nothing can be. */
static bool bring_up(struct pane *pane, struct wayland_view *ret_view)
{
	const struct head *head = head_of(pane);
	if (pane->import.buffer.handle) {
		*ret_view = pane->view;
		ret_view->picture = &pane->import.buffer;
	} else {
		struct wayland_picture *picture = !pane->failed && have_memory(pane)
			? wayland_memory_free(&pane->memory)
			: NULL;
		if (!picture)
			return false;
		copy(head, &picture->stale, picture->pixels);
		picture->stale = (struct rect){ 0 };
		*ret_view = (struct wayland_view){
			.picture = &picture->buffer,
			.part = { 0, 0, head->width, head->height },
			.height = head->height,
		};
	}
	ret_view->damage = pane->damage;
	return true;
}

/* A picture of the pointer; false: there is none now. */
static bool take_image(struct pane *pane)
{
	const struct wayland_layout layout = { SCREEN_CURSOR_SIDE, SCREEN_CURSOR_SIDE, true };
	if (!pane->pointer.layout.width && wayland_memory_open(&pane->pointer, &layout) < 0)
		return false;
	struct wayland_picture *picture = wayland_memory_free(&pane->pointer);
	if (!picture)
		return false;
	memcpy(picture->pixels, head_of(pane)->cursor.pixels, picture->size);
	pane->image = picture;
	pane->image_due = false;
	return true;
}

/* True: something is to be committed. */
static bool draw_pointer(struct pane *pane)
{
	const struct head_cursor *cursor = &head_of(pane)->cursor;
	struct wayland_pointer pointer = { .place = place_of_pointer(head_of(pane)) };
	if (!rect_empty(&pointer.place)) {
		pointer.fresh = pane->image_due;
		if (pane->image_due && !take_image(pane))
			return false;
		pointer.image = &pane->image->buffer;
		pointer.x = pointer.place.x + cursor->hot_x - cursor->x;
		pointer.y = pointer.place.y + cursor->hot_y - cursor->y;
	}
	pane->pointer_due = false;
	return wayland_window_point(pane->window, &pointer);
}

static void draw_pane(struct pane *pane)
{
	struct wayland_view view;
	if (!wayland_window_ready(pane->window) || pane->import.asked)
		return;
	bool pointed = pane->pointer_due && pane->shown && draw_pointer(pane);
	if (!rect_empty(&pane->damage) && bring_up(pane, &view)) {
		wayland_window_show(pane->window, &view);
		pane->shown = true;
		pane->damage = (struct rect){ 0 };
	} else if (pointed) {
		wayland_window_commit(pane->window);
	}
}

static void draw_soon(void *data)
{
	struct pane *pane = data;
	loop_defer_arm(pane->output->draw);
}

static void damage_pane(struct pane *pane, const struct rect *rect)
{
	if (rect_empty(rect))
		return;
	pane->damage = rect_union(&pane->damage, rect);
	wayland_memory_damage(&pane->memory, rect);
	draw_soon(pane);
}

/* --- what the screen says ------------------------------------------------------------------ */

/* NULL: the head has no window. */
static struct pane *pane_of(struct output *base, uint32_t head)
{
	struct wayland_output *output = wayland_output(base);
	return head < output->count && output->panes[head].window ? &output->panes[head] : NULL;
}

/* The compositor shows the dma-buf if it can. */
static void ask_for_import(struct pane *pane)
{
	const struct head *head = head_of(pane);
	const struct dmabuf *dmabuf = head->dmabuf;
	wayland_dmabuf_finish(&pane->import);
	if (!dmabuf || dmabuf->shared_memory || !head->width || dmabuf->width > MAX_SIDE ||
		dmabuf->height > MAX_SIDE || !wayland_dmabuf_ask(&pane->import, dmabuf))
		return;
	pane->view = (struct wayland_view){
		.part = { dmabuf->x, dmabuf->y, head->width, head->height },
		.height = dmabuf->height,
		.bottom_up = dmabuf->bottom_up,
	};
}

static void damage_all(struct pane *pane)
{
	const struct head *head = head_of(pane);
	const struct rect all = { 0, 0, head->width, head->height };
	pane->damage = (struct rect){ 0 };
	damage_pane(pane, &all);
}

/* The new pictures are made when there is something to be drawn. */
static void resized(struct output *base, uint32_t number)
{
	struct pane *pane = pane_of(base, number);
	if (!pane)
		return;
	const struct head *head = head_of(pane);
	const struct wayland_layout *layout = &pane->memory.layout;
	if (head->width != layout->width || head->height != layout->height)
		wayland_memory_finish(&pane->memory);
	pane->failed = false;
	pane->pointer_due = true;
	if (!head->width) {
		wayland_window_clear(pane->window);
		pane->shown = false;
	}
	ask_for_import(pane);
	damage_all(pane);
}

static void import_answered(void *data)
{
	struct pane *pane = data;
	if (!pane->import.buffer.handle)
		screen_read(pane->output->base.screen, pane->head);
	damage_all(pane);
}

static bool needs_pixels(struct output *base, uint32_t number)
{
	const struct pane *pane = pane_of(base, number);
	return pane && !pane->import.asked && !pane->import.buffer.handle;
}

static void damaged(struct output *base, uint32_t number, const struct rect *rect)
{
	struct pane *pane = pane_of(base, number);
	if (pane)
		damage_pane(pane, rect);
}

static void pointer(struct output *base, uint32_t number, bool image)
{
	struct pane *pane = pane_of(base, number);
	if (!pane)
		return;
	pane->pointer_due = true;
	pane->image_due |= image;
	draw_soon(pane);
}

/* --- what the compositor says -------------------------------------------------------------- */

static void window_resized(void *data, uint32_t width, uint32_t height)
{
	struct pane *pane = data;
	struct wayland_output *output = pane->output;
	uint32_t head = pane->head;
	if (width != output->args.modes->heads[head].width ||
		height != output->args.modes->heads[head].height)
		output->args.resized(output->args.data, head, width, height);
}

static void close_pane(struct pane *pane)
{
	wayland_window_destroy(pane->window);
	wayland_memory_finish(&pane->memory);
	wayland_memory_finish(&pane->pointer);
	wayland_dmabuf_finish(&pane->import);
	pane->window = NULL;
}

/* Not at once: what goes while the library still has events that name it is never given back. */
static void window_closed(void *data)
{
	struct pane *pane = data;
	pane->closed = true;
	draw_soon(pane);
}

static void on_draw(void *data)
{
	struct wayland_output *output = data;
	for (uint32_t i = 0; output->wayland && i < output->count; i++) {
		struct pane *pane = &output->panes[i];
		if (pane->window && !pane->closed) {
			draw_pane(pane);
		} else if (pane->window) {
			close_pane(pane);
			output->args.closed(output->args.data, i);
		}
	}
}

static void open_pane(struct pane *pane)
{
	static const struct wayland_window_events events = {
		.resized = window_resized,
		.ready = draw_soon,
		.closed = window_closed,
	};
	struct wayland_output *output = pane->output;
	char title[32] = "virtiogpu-view", name[32] = "virtiogpu-view";
	if (output->count > 1)
		snprintf(title, sizeof(title), "virtiogpu-view: head %u", pane->head);
	if (pane->head > 0)
		snprintf(name, sizeof(name), "virtiogpu-view-%u", pane->head);
	const struct wayland_window_args args = {
		.title = title,
		.name = name,
		.width = output->args.modes->heads[pane->head].width,
		.height = output->args.modes->heads[pane->head].height,
		.head = pane->head,
		.black = &output->black.pictures[0].buffer,
	};
	wayland_memory_init(&pane->memory, output->wayland, draw_soon, pane);
	wayland_memory_init(&pane->pointer, output->wayland, draw_soon, pane);
	wayland_dmabuf_init(&pane->import, output->wayland, import_answered, pane);
	pane->image_due = true;
	pane->window = wayland_window_create(output->wayland, &args, &events, pane);
	if (pane->window)
		resized(&output->base, pane->head);
	else
		log_error("wayland: no memory for the window of head %u", pane->head);
}

static void nothing(void *data)
{
}

static void ready(void *data)
{
	struct wayland_output *output = data;
	wayland_memory_init(&output->black, output->wayland, nothing, NULL);
	const struct wayland_layout pixel = { 1, 1, false };
	int error = wayland_memory_open(&output->black, &pixel);
	if (error)
		log_error("wayland: no window can be shown: %s", strerror(-error));
	for (uint32_t i = 0; i < output->count && error == 0; i++)
		open_pane(&output->panes[i]);
}

static void leave(struct wayland_output *output)
{
	if (!output->wayland)
		return;
	for (uint32_t i = 0; i < output->count; i++)
		close_pane(&output->panes[i]);
	wayland_memory_finish(&output->black);
	wayland_destroy(output->wayland);
	output->wayland = NULL;
}

static void gone(void *data)
{
	struct wayland_output *output = data;
	leave(output);
	output->args.gone(output->args.data);
}

/* --- beginning and end --------------------------------------------------------------------- */

static void destroy(struct output *base)
{
	struct wayland_output *output = wayland_output(base);
	leave(output);
	loop_source_destroy(output->draw);
	free(output);
}

struct output *wayland_output_create(
	struct loop *loop, struct screen *screen, const struct wayland_args *args)
{
	static const struct output_impl impl = {
		.resized = resized,
		.damaged = damaged,
		.needs_pixels = needs_pixels,
		.pointer = pointer,
		.destroy = destroy,
	};
	static const struct wayland_events events = { ready, gone };
	struct wayland_output *output = calloc(1, sizeof(*output));
	if (!output)
		return NULL;
	output->args = *args;
	output->count = args->modes->count;
	for (uint32_t i = 0; i < output->count; i++) {
		output->panes[i].output = output;
		output->panes[i].head = i;
	}
	output->draw = loop_add_deferred(loop, on_draw, output);
	const struct wayland_typing typing = { args->input, args->all_keys };
	output->wayland = wayland_connect(loop, &typing, &events, output);
	if (!output->draw || !output->wayland) {
		destroy(&output->base);
		return NULL;
	}
	screen_add(screen, &output->base, &impl);
	return &output->base;
}
