/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/*
 * Three surfaces: the window's has one black pixel, stretched over all of it; the picture's lies on it, with
 * its own size in pixels and the one that it is shown with; the pointer's lies on the picture. So the compositor
 * does the scaling, and what is sent of a picture is what has changed in it.
 */
#include "wayland_window.h"

#include <assert.h>
#include <stdlib.h>

#include "util/checked.h"
#include "viewporter-client-protocol.h"
#include "wayland.h"
#include "wayland_seat.h"
#include "xdg-decoration-unstable-v1-client-protocol.h"
#include "xdg-shell-client-protocol.h"

#define LARGEST INT32_C(65536) /* window, in a compositor's units */
#define UNIT    256 /* parts in which places are told */

struct surface {
	struct wl_surface *surface;
	struct wp_viewport *viewport;
};

struct wayland_window {
	struct wayland *wayland;
	const struct wayland_window_events *events;
	void *data;
	uint32_t head;

	const struct wayland_buffer *black;
	struct surface back; /* the window's */
	struct xdg_surface *shell_surface;
	struct xdg_toplevel *toplevel;
	struct zxdg_toplevel_decoration_v1 *decoration;
	struct surface front; /* the picture's */
	struct wl_subsurface *place; /* of it */
	struct surface above; /* the pointer's */
	struct wl_subsurface *pointer_place;
	struct wl_callback *frame; /* comes when the picture has been drawn */

	bool there; /* the compositor has said how large it is */
	uint32_t asked_width, asked_height; /* 0: as we like */
	uint32_t width, height;
	uint32_t picture_width, picture_height; /* 0: none is shown */
	struct rect shown; /* where, in the window */
	struct rect pointer; /* on the picture; empty: there is none */
};

/* --- what the compositor has to offer ------------------------------------------------------ */

static void on_ping(void *data, struct xdg_wm_base *shell, uint32_t serial)
{
	xdg_wm_base_pong(shell, serial);
}

static void bound_shell(struct wayland *wayland)
{
	static const struct xdg_wm_base_listener listener = { on_ping };
	xdg_wm_base_add_listener(wayland->shell, &listener, wayland);
}

static void destroy_shell(struct wayland *wayland)
{
	xdg_wm_base_destroy(wayland->shell);
}

static void destroy_viewporter(struct wayland *wayland)
{
	wp_viewporter_destroy(wayland->viewporter);
}

static void destroy_decorations(struct wayland *wayland)
{
	zxdg_decoration_manager_v1_destroy(wayland->decorations);
}

const struct wayland_global wayland_window_globals[] = {
	{ &xdg_wm_base_interface, 1, 1, offsetof(struct wayland, shell), true, bound_shell,
		destroy_shell },
	{ &wp_viewporter_interface, 1, 1, offsetof(struct wayland, viewporter), true, NULL,
		destroy_viewporter },
	{ &zxdg_decoration_manager_v1_interface, 1, 1, offsetof(struct wayland, decorations), false,
		NULL, destroy_decorations },
};
const size_t wayland_window_global_count = ARRAY_SIZE(wayland_window_globals);

/* --- sizes --------------------------------------------------------------------------------- */

/* The largest place in the middle of the window that has the sides' ratio of the picture. */
static struct rect place_for_picture(const struct wayland_window *window)
{
	uint64_t width = window->width, height = window->height;
	uint64_t high = width * window->picture_height, wide = height * window->picture_width;
	if (high <= wide)
		height = high / window->picture_width;
	else
		width = wide / window->picture_height;
	width = width ? width : 1;
	height = height ? height : 1;
	return (struct rect){ (uint32_t)(window->width - width) / 2,
		(uint32_t)(window->height - height) / 2, (uint32_t)width, (uint32_t)height };
}

static uint32_t scale(uint32_t number, uint32_t to, uint32_t from)
{
	return (uint32_t)((uint64_t)number * to / from);
}

/* Takes effect with the next commit of the pointer's and the picture's surface. */
static void place_pointer(struct wayland_window *window)
{
	const struct rect *pointer = &window->pointer, *shown = &window->shown;
	uint32_t width = scale(pointer->w, shown->w, window->picture_width);
	uint32_t height = scale(pointer->h, shown->h, window->picture_height);
	wp_viewport_set_destination(
		window->above.viewport, (int32_t)max_u32(width, 1), (int32_t)max_u32(height, 1));
	wl_subsurface_set_position(window->pointer_place,
		(int32_t)scale(pointer->x, shown->w, window->picture_width),
		(int32_t)scale(pointer->y, shown->h, window->picture_height));
}

/* Takes effect with the next commit of window and picture. */
static void place_picture(struct wayland_window *window)
{
	window->shown = place_for_picture(window);
	wp_viewport_set_destination(
		window->front.viewport, (int32_t)window->shown.w, (int32_t)window->shown.h);
	wl_subsurface_set_position(
		window->place, (int32_t)window->shown.x, (int32_t)window->shown.y);
	if (rect_empty(&window->pointer))
		return;
	place_pointer(window);
	wl_surface_commit(window->above.surface);
}

static void take_size(struct wayland_window *window)
{
	window->width = window->asked_width ? window->asked_width : window->width;
	window->height = window->asked_height ? window->asked_height : window->height;
	xdg_surface_set_window_geometry(
		window->shell_surface, 0, 0, (int32_t)window->width, (int32_t)window->height);
	wp_viewport_set_destination(
		window->back.viewport, (int32_t)window->width, (int32_t)window->height);
	if (window->picture_width) {
		place_picture(window);
		wl_surface_commit(window->front.surface);
	}
	wl_surface_attach(window->back.surface, window->black->handle, 0, 0);
	wl_surface_damage_buffer(window->back.surface, 0, 0, 1, 1);
	wl_surface_commit(window->back.surface);
	wayland_want_flush(window->wayland);
}

/* --- what the compositor says -------------------------------------------------------------- */

static void on_size(void *data, struct xdg_toplevel *toplevel, int32_t width, int32_t height,
	struct wl_array *states)
{
	struct wayland_window *window = data;
	window->asked_width = width > 0 && width <= LARGEST ? (uint32_t)width : 0;
	window->asked_height = height > 0 && height <= LARGEST ? (uint32_t)height : 0;
}

static void on_close(void *data, struct xdg_toplevel *toplevel)
{
	struct wayland_window *window = data;
	/* whatever is still said of it, nobody types in it */
	wl_surface_set_user_data(window->back.surface, NULL);
	wayland_seats_leave(window->wayland, window);
	window->events->closed(window->data);
}

static const struct xdg_toplevel_listener toplevel_listener = {
	.configure = on_size,
	.close = on_close,
};

/* All of what on_size() and others have told is to be taken together now. */
static void on_configure(void *data, struct xdg_surface *surface, uint32_t serial)
{
	struct wayland_window *window = data;
	bool first = !window->there;
	uint32_t width = window->width, height = window->height;
	xdg_surface_ack_configure(surface, serial);
	window->there = true;
	take_size(window);
	if (first || width != window->width || height != window->height)
		window->events->resized(window->data, window->width, window->height);
	if (first)
		window->events->ready(window->data);
}

static const struct xdg_surface_listener surface_listener = { on_configure };

static void end_frame(struct wayland_window *window)
{
	if (window->frame)
		wl_callback_destroy(window->frame);
	window->frame = NULL;
}

static void on_frame(void *data, struct wl_callback *frame, uint32_t time)
{
	struct wayland_window *window = data;
	end_frame(window);
	window->events->ready(window->data);
}

static const struct wl_callback_listener frame_listener = { on_frame };

/* --- pictures ------------------------------------------------------------------------------ */

bool wayland_window_ready(const struct wayland_window *window)
{
	return window->there && !window->frame;
}

static void ask_for_frame(struct wayland_window *window)
{
	window->frame = wl_surface_frame(window->front.surface);
	if (window->frame)
		wl_callback_add_listener(window->frame, &frame_listener, window);
}

static void set_part(struct surface *surface, const struct rect *part)
{
	wp_viewport_set_source(surface->viewport, wl_fixed_from_int((int)part->x),
		wl_fixed_from_int((int)part->y), wl_fixed_from_int((int)part->w),
		wl_fixed_from_int((int)part->h));
}

/* Counted in rows as they lie in the buffer. */
static void damage_picture(struct wayland_window *window, const struct wayland_view *view)
{
	const struct rect *damage = &view->damage;
	uint32_t y = view->part.y + damage->y;
	if (view->bottom_up)
		y = view->height - y - damage->h;
	wl_surface_damage_buffer(window->front.surface, (int32_t)(view->part.x + damage->x),
		(int32_t)y, (int32_t)damage->w, (int32_t)damage->h);
}

void wayland_window_show(struct wayland_window *window, const struct wayland_view *view)
{
	struct wl_surface *surface = window->front.surface;
	const struct rect *part = &view->part;
	bool resized = part->w != window->picture_width || part->h != window->picture_height;
	assert(wayland_window_ready(window));
	window->picture_width = part->w;
	window->picture_height = part->h;
	view->picture->busy = true;
	wl_surface_attach(surface, view->picture->handle, 0, 0);
	wl_surface_set_buffer_transform(surface,
		view->bottom_up ? WL_OUTPUT_TRANSFORM_FLIPPED_180 : WL_OUTPUT_TRANSFORM_NORMAL);
	set_part(&window->front, part);
	damage_picture(window, view);
	ask_for_frame(window);
	if (resized)
		place_picture(window);
	wl_surface_commit(surface);
	/* where it lies is a matter of the window's surface */
	if (resized)
		wl_surface_commit(window->back.surface);
	wayland_want_flush(window->wayland);
}

/* False: there was none. */
static bool hide_pointer(struct wayland_window *window)
{
	if (rect_empty(&window->pointer))
		return false;
	window->pointer = (struct rect){ 0 };
	wl_surface_attach(window->above.surface, NULL, 0, 0);
	wl_surface_commit(window->above.surface);
	wayland_seats_show_pointers(window->wayland, window);
	return true;
}

bool wayland_window_point(struct wayland_window *window, const struct wayland_pointer *pointer)
{
	struct wl_surface *surface = window->above.surface;
	const struct rect part = { pointer->x, pointer->y, pointer->place.w, pointer->place.h };
	assert(wayland_window_ready(window) && window->picture_width);
	if (rect_empty(&part))
		return hide_pointer(window);
	bool appears = rect_empty(&window->pointer);
	if (appears || pointer->fresh) {
		pointer->image->busy = true;
		wl_surface_attach(surface, pointer->image->handle, 0, 0);
		wl_surface_damage_buffer(surface, 0, 0, INT32_MAX, INT32_MAX);
	}
	window->pointer = pointer->place;
	set_part(&window->above, &part);
	place_pointer(window);
	wl_surface_commit(surface);
	if (appears)
		wayland_seats_show_pointers(window->wayland, window);
	return true;
}

bool wayland_window_has_pointer(const struct wayland_window *window)
{
	return !rect_empty(&window->pointer);
}

void wayland_window_commit(struct wayland_window *window)
{
	assert(wayland_window_ready(window));
	ask_for_frame(window);
	wl_surface_commit(window->front.surface);
	wayland_want_flush(window->wayland);
}

void wayland_window_clear(struct wayland_window *window)
{
	if (!window->picture_width)
		return;
	hide_pointer(window);
	window->picture_width = 0;
	window->picture_height = 0;
	/* what is not seen is never drawn */
	end_frame(window);
	wl_surface_attach(window->front.surface, NULL, 0, 0);
	wl_surface_commit(window->front.surface);
	wayland_want_flush(window->wayland);
}

/* --- input --------------------------------------------------------------------------------- */

struct wl_surface *wayland_window_surface(const struct wayland_window *window)
{
	return window->back.surface;
}

uint32_t wayland_window_head(const struct wayland_window *window)
{
	return window->head;
}

/* On a line of so many pixels, which is `shown` units long and begins at `first`. */
static int32_t find_pixel(int32_t place, uint32_t first, uint32_t shown, uint32_t pixels)
{
	int64_t from = place - (int64_t)first * UNIT, length = (int64_t)shown * UNIT;
	if (from < 0)
		return 0;
	return (int32_t)(from < length ? from * pixels / length : pixels - 1);
}

bool wayland_window_find(const struct wayland_window *window, const struct wayland_spot *place,
	struct wayland_spot *ret_pixel)
{
	const struct rect *shown = &window->shown;
	if (!window->picture_width)
		return false;
	*ret_pixel = (struct wayland_spot){
		find_pixel(place->x, shown->x, shown->w, window->picture_width),
		find_pixel(place->y, shown->y, shown->h, window->picture_height),
	};
	return true;
}

/* --- beginning and end --------------------------------------------------------------------- */

static bool make_surface(struct surface *surface, struct wayland *wayland)
{
	surface->surface = wl_compositor_create_surface(wayland->compositor);
	if (surface->surface)
		surface->viewport =
			wp_viewporter_get_viewport(wayland->viewporter, surface->surface);
	return surface->viewport;
}

static void destroy_surface(struct surface *surface)
{
	if (surface->viewport)
		wp_viewport_destroy(surface->viewport);
	if (surface->surface)
		wl_surface_destroy(surface->surface);
}

/* A surface on another one, whose commits are its own. */
static struct wl_subsurface *make_above(
	struct wayland *wayland, struct surface *surface, const struct surface *below)
{
	if (!make_surface(surface, wayland))
		return NULL;
	struct wl_region *nothing = wl_compositor_create_region(wayland->compositor);
	struct wl_subsurface *place = wl_subcompositor_get_subsurface(
		wayland->subcompositor, surface->surface, below->surface);
	if (place)
		wl_subsurface_set_desync(place);
	if (!nothing)
		return place;
	/* pointers are in the window, wherever in it they are */
	wl_surface_set_input_region(surface->surface, nothing);
	wl_region_destroy(nothing);
	return place;
}

static bool make_places(struct wayland_window *window)
{
	window->place = make_above(window->wayland, &window->front, &window->back);
	if (window->place)
		window->pointer_place = make_above(window->wayland, &window->above, &window->front);
	return window->pointer_place;
}

static bool make_toplevel(struct wayland_window *window, const struct wayland_window_args *args)
{
	struct wayland *wayland = window->wayland;
	if (!make_surface(&window->back, wayland))
		return false;
	wl_surface_set_user_data(window->back.surface, window);
	window->shell_surface = xdg_wm_base_get_xdg_surface(wayland->shell, window->back.surface);
	if (window->shell_surface)
		window->toplevel = xdg_surface_get_toplevel(window->shell_surface);
	if (!window->toplevel)
		return false;
	xdg_surface_add_listener(window->shell_surface, &surface_listener, window);
	xdg_toplevel_add_listener(window->toplevel, &toplevel_listener, window);
	xdg_toplevel_set_title(window->toplevel, args->title);
	xdg_toplevel_set_app_id(window->toplevel, args->name);
	if (!wayland->decorations)
		return true;
	window->decoration = zxdg_decoration_manager_v1_get_toplevel_decoration(
		wayland->decorations, window->toplevel);
	if (window->decoration)
		zxdg_toplevel_decoration_v1_set_mode(
			window->decoration, ZXDG_TOPLEVEL_DECORATION_V1_MODE_SERVER_SIDE);
	return true;
}

struct wayland_window *wayland_window_create(struct wayland *wayland,
	const struct wayland_window_args *args, const struct wayland_window_events *events,
	void *data)
{
	struct wayland_window *window = calloc(1, sizeof(*window));
	if (!window)
		return NULL;
	window->wayland = wayland;
	window->events = events;
	window->data = data;
	window->head = args->head;
	window->black = args->black;
	window->width = args->width;
	window->height = args->height;
	if (!make_toplevel(window, args) || !make_places(window)) {
		wayland_window_destroy(window);
		return NULL;
	}
	/* asks how large it is to be */
	wl_surface_commit(window->back.surface);
	wayland_want_flush(wayland);
	return window;
}

void wayland_window_destroy(struct wayland_window *window)
{
	if (!window)
		return;
	wayland_seats_leave(window->wayland, window);
	end_frame(window);
	if (window->pointer_place)
		wl_subsurface_destroy(window->pointer_place);
	destroy_surface(&window->above);
	if (window->place)
		wl_subsurface_destroy(window->place);
	destroy_surface(&window->front);
	if (window->decoration)
		zxdg_toplevel_decoration_v1_destroy(window->decoration);
	if (window->toplevel)
		xdg_toplevel_destroy(window->toplevel);
	if (window->shell_surface)
		xdg_surface_destroy(window->shell_surface);
	destroy_surface(&window->back);
	wayland_want_flush(window->wayland);
	free(window);
}
