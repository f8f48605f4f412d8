/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
#include "wayland.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <wayland-client.h>

#include "loop/loop.h"
#include "util/checked.h"
#include "util/log.h"
#include "wayland_dmabuf.h"
#include "wayland_seat.h"

/* --- what the compositor offers ------------------------------------------------------------ */

static void destroy_compositor(struct wayland *wayland)
{
	wl_compositor_destroy(wayland->compositor);
}

static void destroy_subcompositor(struct wayland *wayland)
{
	wl_subcompositor_destroy(wayland->subcompositor);
}

static void destroy_shm(struct wayland *wayland)
{
	wl_shm_destroy(wayland->shm);
}

static const struct wayland_global core_globals[] = {
	/* damage in the pixels of a picture came with version 4 */
	{ &wl_compositor_interface, 4, 4, offsetof(struct wayland, compositor), true, NULL,
		destroy_compositor },
	{ &wl_subcompositor_interface, 1, 1, offsetof(struct wayland, subcompositor), true, NULL,
		destroy_subcompositor },
	{ &wl_shm_interface, 1, 1, offsetof(struct wayland, shm), true, NULL, destroy_shm },
};

typedef void (*global_fn)(struct wayland *wayland, const struct wayland_global *global, void *data);

static void each_global(struct wayland *wayland, global_fn fn, void *data)
{
	for (size_t i = 0; i < ARRAY_SIZE(core_globals); i++)
		fn(wayland, &core_globals[i], data);
	for (size_t i = 0; i < wayland_window_global_count; i++)
		fn(wayland, &wayland_window_globals[i], data);
	fn(wayland, &wayland_dmabuf_global, data);
	fn(wayland, &wayland_seat_global, data);
}

static void **place_of(struct wayland *wayland, const struct wayland_global *global)
{
	return (void **)(void *)((char *)wayland + global->place);
}

struct offer {
	uint32_t name, version;
	const char *interface;
};

static void consider(struct wayland *wayland, const struct wayland_global *global, void *data)
{
	const struct offer *offer = data;
	void **place = place_of(wayland, global);
	if (*place || offer->version < global->least ||
		strcmp(offer->interface, global->interface->name) != 0)
		return;
	*place = wl_registry_bind(wayland->registry, offer->name, global->interface,
		min_u32(offer->version, global->most));
	if (*place && global->bound)
		global->bound(wayland);
}

static void on_global(void *data, struct wl_registry *registry, uint32_t name,
	const char *interface, uint32_t version)
{
	struct offer offer = { name, version, interface };
	each_global(data, consider, &offer);
	if (strcmp(interface, wl_seat_interface.name) == 0)
		wayland_seat_offered(data, name, version);
}

/* Of what else is used here nothing goes before the compositor does. */
static void on_global_remove(void *data, struct wl_registry *registry, uint32_t name)
{
	wayland_seat_withdrawn(data, name);
}

static const struct wl_registry_listener registry_listener = { on_global, on_global_remove };

static void miss(struct wayland *wayland, const struct wayland_global *global, void *data)
{
	if (!global->needed || *place_of(wayland, global) || wayland->lacking)
		return;
	wayland->lacking = true;
	log_error("wayland: the compositor has no %s of version %u", global->interface->name,
		global->least);
}

/* All offers have come. */
static void on_sync(void *data, struct wl_callback *callback, uint32_t serial)
{
	struct wayland *wayland = data;
	wl_callback_destroy(wayland->sync);
	wayland->sync = NULL;
	each_global(wayland, miss, NULL);
	if (!wayland->lacking)
		wayland->events->ready(wayland->data);
}

static const struct wl_callback_listener sync_listener = { on_sync };

/* --- the loop ------------------------------------------------------------------------------ */

/* The library must not be left in the middle of a callback: called when none is running. */
static void lose(struct wayland *wayland)
{
	const struct wl_interface *interface = NULL;
	uint32_t id;
	if (wl_display_get_error(wayland->display) == EPROTO) {
		uint32_t code = wl_display_get_protocol_error(wayland->display, &interface, &id);
		log_error("wayland: the compositor refuses what was asked of it: error %u of %s",
			code, interface ? interface->name : "something");
	} else if (!wayland->lacking) {
		log_error("wayland: the compositor has gone");
	}
	loop_source_destroy(wayland->source);
	loop_source_destroy(wayland->flush);
	wayland->source = NULL;
	wayland->flush = NULL;
	wayland->events->gone(wayland->data);
}

/* -1: it has gone. */
static int read_events(struct wayland *wayland)
{
	while (wl_display_prepare_read(wayland->display) < 0)
		if (wl_display_dispatch_pending(wayland->display) < 0)
			return -1;
	if (wl_display_read_events(wayland->display) < 0 ||
		wl_display_dispatch_pending(wayland->display) < 0)
		return -1;
	return wayland->lacking ? -1 : 0;
}

static void on_socket(void *data, uint32_t events)
{
	struct wayland *wayland = data;
	if (read_events(wayland) < 0)
		lose(wayland);
	else
		wayland_want_flush(wayland);
}

static void on_flush(void *data)
{
	struct wayland *wayland = data;
	int sent = wl_display_flush(wayland->display);
	/* that it has gone is seen where its last words are read */
	bool full = sent < 0 && errno == EAGAIN;
	loop_source_watch(wayland->source, LOOP_READABLE | (full ? LOOP_WRITABLE : 0));
}

void wayland_want_flush(struct wayland *wayland)
{
	if (wayland->flush)
		loop_defer_arm(wayland->flush);
}

/* --- pictures ------------------------------------------------------------------------------ */

static void on_release(void *data, struct wl_buffer *handle)
{
	struct wayland_buffer *buffer = data;
	buffer->busy = false;
	buffer->released(buffer->data);
}

static const struct wl_buffer_listener buffer_listener = { on_release };

void wayland_buffer_take(struct wayland_buffer *buffer, struct wl_buffer *handle)
{
	buffer->handle = handle;
	buffer->busy = false;
	wl_buffer_add_listener(handle, &buffer_listener, buffer);
}

int wayland_buffer_open(struct wayland_buffer *buffer, struct wayland *wayland, int fd,
	const struct wayland_layout *layout)
{
	const uint32_t stride = layout->width * (uint32_t)sizeof(uint32_t);
	struct wl_shm_pool *pool =
		wl_shm_create_pool(wayland->shm, fd, (int32_t)(stride * layout->height));
	if (!pool)
		return -ENOMEM;
	struct wl_buffer *handle = wl_shm_pool_create_buffer(pool, 0, (int32_t)layout->width,
		(int32_t)layout->height, (int32_t)stride,
		layout->alpha ? WL_SHM_FORMAT_ARGB8888 : WL_SHM_FORMAT_XRGB8888);
	wl_shm_pool_destroy(pool);
	if (!handle)
		return -ENOMEM;
	wayland_buffer_take(buffer, handle);
	wayland_want_flush(wayland);
	return 0;
}

void wayland_buffer_close(struct wayland_buffer *buffer)
{
	if (buffer->handle)
		wl_buffer_destroy(buffer->handle);
	buffer->handle = NULL;
	buffer->busy = false;
}

/* --- beginning and end --------------------------------------------------------------------- */

__attribute__((format(printf, 1, 0))) static void library_says(const char *format, va_list args)
{
	char text[256];
	vsnprintf(text, sizeof(text), format, args);
	text[strcspn(text, "\n")] = '\0';
	log_debug("wayland: %s", text);
}

static bool begin(struct wayland *wayland, struct loop *loop)
{
	wayland->source = loop_add_fd(
		loop, wl_display_get_fd(wayland->display), LOOP_READABLE, on_socket, wayland);
	wayland->flush = loop_add_deferred(loop, on_flush, wayland);
	wayland->registry = wl_display_get_registry(wayland->display);
	wayland->sync = wl_display_sync(wayland->display);
	if (!wayland->source || !wayland->flush || !wayland->registry || !wayland->sync)
		return false;
	wl_registry_add_listener(wayland->registry, &registry_listener, wayland);
	wl_callback_add_listener(wayland->sync, &sync_listener, wayland);
	wayland_want_flush(wayland);
	return true;
}

struct wayland *wayland_connect(struct loop *loop, const struct wayland_typing *typing,
	const struct wayland_events *events, void *data)
{
	struct wayland *wayland = calloc(1, sizeof(*wayland));
	if (!wayland)
		return NULL;
	wl_log_set_handler_client(library_says);
	wayland->events = events;
	wayland->data = data;
	wayland->typing = *typing;
	list_init(&wayland->seats);
	wayland->display = wl_display_connect(NULL);
	if (!wayland->display) {
		log_error("wayland: no compositor can be reached: %s", strerror(errno));
		free(wayland);
		return NULL;
	}
	if (begin(wayland, loop))
		return wayland;
	wayland_destroy(wayland);
	return NULL;
}

static void unbind(struct wayland *wayland, const struct wayland_global *global, void *data)
{
	if (*place_of(wayland, global))
		global->destroy(wayland);
}

void wayland_destroy(struct wayland *wayland)
{
	if (!wayland)
		return;
	loop_source_destroy(wayland->source);
	loop_source_destroy(wayland->flush);
	wayland_seats_destroy(wayland);
	each_global(wayland, unbind, NULL);
	if (wayland->sync)
		wl_callback_destroy(wayland->sync);
	if (wayland->registry)
		wl_registry_destroy(wayland->registry);
	/* what closes windows should reach it, if it takes it */
	wl_display_flush(wayland->display);
	wl_display_disconnect(wayland->display);
	free(wayland);
}
