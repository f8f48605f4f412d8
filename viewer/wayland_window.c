/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/*
 * Two surfaces: the window's has one black pixel, stretched over all of it; the picture's lies on it, with
 * its own size in pixels and the one that it is shown with. So the compositor does the scaling, and what is
 * sent of a picture is what has changed in it.
 */
#include "wayland_window.h"

#include <assert.h>
#include <stdlib.h>

#include "util/checked.h"
#include "viewporter-client-protocol.h"
#include "wayland.h"
#include "xdg-decoration-unstable-v1-client-protocol.h"
#include "xdg-shell-client-protocol.h"

#define LARGEST INT32_C(65536) /* window, in a compositor's units */

struct surface {
	struct wl_surface *surface;
	struct wp_viewport *viewport;
};

struct wayland_window {
	struct wayland *wayland;
	const struct wayland_window_events *events;
	void *data;

	const struct wayland_buffer *black;
	struct surface back; /* the window's */
	struct xdg_surface *shell_surface;
	struct xdg_toplevel *toplevel;
	struct zxdg_toplevel_decoration_v1 *decoration;
	struct surface front; /* the picture's */
	struct wl_subsurface *place; /* of it */
	struct wl_callback *frame; /* comes when the picture has been drawn */

	bool there; /* the compositor has said how large it is */
	uint32_t asked_width, asked_height; /* 0: as we like */
	uint32_t width, height;
	uint32_t picture_width, picture_height; /* 0: none is shown */
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

/* Takes effect with the next commit of both surfaces. */
static void place_picture(struct wayland_window *window)
{
	struct rect place = place_for_picture(window);
	wp_viewport_set_destination(window->front.viewport, (int32_t)place.w, (int32_t)place.h);
	wl_subsurface_set_position(window->place, (int32_t)place.x, (int32_t)place.y);
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

void wayland_window_show(struct wayland_window *window, struct wayland_buffer *picture,
	uint32_t width, uint32_t height, const struct rect *damage)
{
	struct wl_surface *surface = window->front.surface;
	bool resized = width != window->picture_width || height != window->picture_height;
	assert(wayland_window_ready(window));
	window->picture_width = width;
	window->picture_height = height;
	picture->busy = true;
	wl_surface_attach(surface, picture->handle, 0, 0);
	wl_surface_damage_buffer(surface, (int32_t)damage->x, (int32_t)damage->y,
		(int32_t)damage->w, (int32_t)damage->h);
	window->frame = wl_surface_frame(surface);
	if (window->frame)
		wl_callback_add_listener(window->frame, &frame_listener, window);
	if (resized)
		place_picture(window);
	wl_surface_commit(surface);
	/* where it lies is a matter of the window's surface */
	if (resized)
		wl_surface_commit(window->back.surface);
	wayland_want_flush(window->wayland);
}

void wayland_window_clear(struct wayland_window *window)
{
	if (!window->picture_width)
		return;
	window->picture_width = 0;
	window->picture_height = 0;
	/* what is not seen is never drawn */
	end_frame(window);
	wl_surface_attach(window->front.surface, NULL, 0, 0);
	wl_surface_commit(window->front.surface);
	wayland_want_flush(window->wayland);
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

static bool make_picture_place(struct wayland_window *window)
{
	if (!make_surface(&window->front, window->wayland))
		return false;
	window->place = wl_subcompositor_get_subsurface(
		window->wayland->subcompositor, window->front.surface, window->back.surface);
	if (window->place)
		wl_subsurface_set_desync(window->place);
	return window->place;
}

static bool make_toplevel(struct wayland_window *window, const struct wayland_window_args *args)
{
	struct wayland *wayland = window->wayland;
	if (!make_surface(&window->back, wayland))
		return false;
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
	window->black = args->black;
	window->width = args->width;
	window->height = args->height;
	if (!make_toplevel(window, args) || !make_picture_place(window)) {
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
	end_frame(window);
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
