/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/*
 * What changes is only noted. It is drawn once at the end of a round of the loop, into the picture that the
 * compositor does not look at, and only after the compositor has drawn the one before: so one that draws
 * nothing, as the window is hidden or it hangs, costs nothing.
 *
 * The guest's pointer is drawn into the picture.
 */
#include "wayland_output.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "loop/loop.h"
#include "util/checked.h"
#include "util/log.h"
#include "wayland.h"
#include "wayland_memory.h"
#include "wayland_window.h"

struct pane {
	struct wayland_output *output;
	uint32_t head;
	struct wayland_window *window; /* NULL: there is none (any more) */
	struct wayland_memory memory;
	bool failed; /* there was no memory for pictures of this size */
	struct rect damage; /* since the last picture that was shown */
	struct rect pointer; /* where it is */
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

static uint32_t blend(uint32_t below, uint32_t above)
{
	uint32_t rest = 255 - (above >> 24);
	uint32_t mixed = 0;
	for (uint32_t shift = 0; shift < 24; shift += 8) {
		uint32_t channel =
			(above >> shift & 255) + ((below >> shift & 255) * rest + 127) / 255;
		mixed |= min_u32(channel, 255) << shift;
	}
	return mixed;
}

/* Over all of `place`, which has to be of the head's own pixels until now. */
static void draw_pointer(const struct head *head, const struct rect *place, uint32_t *pixels)
{
	const struct head_cursor *cursor = &head->cursor;
	for (uint32_t y = 0; y < place->h; y++) {
		uint32_t *row = pixels + (size_t)(place->y + y) * head->width + place->x;
		uint32_t image_y = place->y + y + cursor->hot_y - cursor->y;
		uint32_t image_x = place->x + cursor->hot_x - cursor->x;
		const uint32_t *image = &cursor->pixels[image_y * SCREEN_CURSOR_SIDE + image_x];
		for (uint32_t x = 0; x < place->w; x++)
			row[x] = blend(row[x], image[x]);
	}
}

static void copy(const struct head *head, const struct rect *rect, uint32_t *pixels)
{
	for (uint32_t y = rect->y; y < rect->y + rect->h; y++) {
		size_t at = (size_t)y * head->width + rect->x;
		memcpy(pixels + at, head->pixels + at, (size_t)rect->w * sizeof(*pixels));
	}
}

/* Brings a picture up to date. */
static void bring_up(struct pane *pane, struct wayland_picture *picture)
{
	const struct head *head = head_of(pane);
	struct rect touched = rect_intersect(&pane->pointer, &picture->stale);
	if (!rect_empty(&touched))
		picture->stale = rect_union(&picture->stale, &pane->pointer);
	copy(head, &picture->stale, picture->pixels);
	if (!rect_empty(&touched))
		draw_pointer(head, &pane->pointer, picture->pixels);
	picture->stale = (struct rect){ 0 };
}

/* Pictures of the head's size; false: there are none. */
static bool have_memory(struct pane *pane)
{
	const struct head *head = head_of(pane);
	if (pane->memory.width == head->width && pane->memory.height == head->height)
		return true;
	int error = wayland_memory_resize(&pane->memory, head->width, head->height);
	pane->failed = error < 0;
	if (error)
		log_error("wayland: head %u cannot be shown: %s", pane->head, strerror(-error));
	return error == 0;
}

static void draw_pane(struct pane *pane)
{
	const struct head *head = head_of(pane);
	if (rect_empty(&pane->damage) || pane->failed || !wayland_window_ready(pane->window) ||
		!have_memory(pane))
		return;
	struct wayland_picture *picture = wayland_memory_free(&pane->memory);
	if (!picture)
		return;
	bring_up(pane, picture);
	wayland_window_show(
		pane->window, &picture->buffer, head->width, head->height, &pane->damage);
	pane->damage = (struct rect){ 0 };
}

static void on_draw(void *data)
{
	struct wayland_output *output = data;
	for (uint32_t i = 0; output->wayland && i < output->count; i++)
		if (output->panes[i].window)
			draw_pane(&output->panes[i]);
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

/* The new pictures are made when there is something to be drawn. */
static void resized(struct output *base, uint32_t number)
{
	struct pane *pane = pane_of(base, number);
	if (!pane)
		return;
	const struct head *head = head_of(pane);
	const struct rect all = { 0, 0, head->width, head->height };
	wayland_memory_finish(&pane->memory);
	pane->failed = false;
	pane->damage = (struct rect){ 0 };
	pane->pointer = place_of_pointer(head);
	if (rect_empty(&all))
		wayland_window_clear(pane->window);
	damage_pane(pane, &all);
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
	if (!pane || !head_of(pane)->width)
		return;
	damage_pane(pane, &pane->pointer);
	pane->pointer = place_of_pointer(head_of(pane));
	damage_pane(pane, &pane->pointer);
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
	pane->window = NULL;
}

static void window_closed(void *data)
{
	struct pane *pane = data;
	close_pane(pane);
	pane->output->args.closed(pane->output->args.data, pane->head);
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
		.black = &output->black.pictures[0].buffer,
	};
	wayland_memory_init(&pane->memory, output->wayland, draw_soon, pane);
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
	int error = wayland_memory_resize(&output->black, 1, 1);
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
	output->wayland = wayland_connect(loop, &events, output);
	if (!output->draw || !output->wayland) {
		destroy(&output->base);
		return NULL;
	}
	screen_add(screen, &output->base, &impl);
	return &output->base;
}
