/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/*
 * Events are taken by number, from tables of our own: the library would end the program for one that its
 * listeners have no function for, as compositors of later versions may send.
 *
 * No window is told of what happens in it: keyboard and pointer remember which one they are in, until it goes.
 */
#include "wayland_seat.h"

#include <stdlib.h>
#include <unistd.h>

#include "input.h"
#include "keyboard-shortcuts-inhibit-unstable-v1-client-protocol.h"
#include "util/checked.h"
#include "util/log.h"
#include "wayland.h"
#include "wayland_memory.h"
#include "wayland_window.h"
#include "wheel.h"

#define SEATS 8u

/* Of wl_seat: 5 has frames and an end for everything, 8 parts of wheels' steps. */
#define LEAST_VERSION 5u
#define MOST_VERSION  8u

#define DOT_SIDE   7u
#define DOT_MIDDLE 3

struct keyboard {
	struct wl_keyboard *handle; /* NULL: the seat has none, or it is not used */
	struct input_source *source;
	struct wayland_window *in; /* NULL: in none of ours */
	struct zwp_keyboard_shortcuts_inhibitor_v1 *inhibitors[SCREEN_HEADS]; /* of windows */
};

struct mouse {
	struct wl_pointer *handle; /* the same */
	struct input_source *source;
	struct wayland_window *in;
	uint32_t entered; /* the number of the event */
	struct wheel wheels[2]; /* by wl_pointer's axis */
	struct wl_surface *dot; /* what is shown where the guest shows no pointer; NULL: not yet */
	struct wayland_memory picture; /* of it */
};

struct seat {
	struct list link;
	struct wayland *wayland;
	uint32_t name;
	struct wl_seat *handle;
	struct keyboard keyboard;
	struct mouse mouse;
};

/* --- events -------------------------------------------------------------------------------- */

typedef void (*event_fn)(struct seat *seat, const union wl_argument *args);

/* In the order of the protocol; NULL: of no interest. */
struct event_table {
	const event_fn *fns;
	size_t count;
};

static int dispatch(const void *implementation, void *target, uint32_t number,
	const struct wl_message *message, union wl_argument *args)
{
	const struct event_table *table = implementation;
	if (number < table->count && table->fns[number])
		table->fns[number](wl_proxy_get_user_data(target), args);
	return 0;
}

static bool listen_to(void *proxy, const struct event_table *table, struct seat *seat)
{
	return proxy && wl_proxy_add_dispatcher(proxy, dispatch, table, seat) == 0;
}

/* NULL also for a surface that is no window's, or has been destroyed meanwhile. */
static struct wayland_window *window_of(const union wl_argument *surface)
{
	return surface->o ? wl_proxy_get_user_data((struct wl_proxy *)surface->o) : NULL;
}

/* --- keyboards ----------------------------------------------------------------------------- */

static void destroy_shortcuts(struct wayland *wayland)
{
	zwp_keyboard_shortcuts_inhibit_manager_v1_destroy(wayland->shortcuts);
}

const struct wayland_global wayland_seat_global = {
	&zwp_keyboard_shortcuts_inhibit_manager_v1_interface, 1, 1,
	offsetof(struct wayland, shortcuts), false, NULL, destroy_shortcuts
};

/* Once for each window, as compositors may ask the user. */
static void ask_for_all_keys(struct seat *seat)
{
	struct wayland *wayland = seat->wayland;
	const struct wayland_window *window = seat->keyboard.in;
	struct zwp_keyboard_shortcuts_inhibitor_v1 **inhibitor =
		&seat->keyboard.inhibitors[wayland_window_head(window)];
	if (wayland->shortcuts && wayland->typing.all_keys && !*inhibitor)
		*inhibitor = zwp_keyboard_shortcuts_inhibit_manager_v1_inhibit_shortcuts(
			wayland->shortcuts, wayland_window_surface(window), seat->handle);
}

static void spare_keys(struct keyboard *keyboard, uint32_t head)
{
	if (keyboard->inhibitors[head])
		zwp_keyboard_shortcuts_inhibitor_v1_destroy(keyboard->inhibitors[head]);
	keyboard->inhibitors[head] = NULL;
}

/* The guest has a layout of its own. */
static void on_keymap(struct seat *seat, const union wl_argument *args)
{
	/* #syscalls viewer: close */
	close(args[1].h);
}

static void leave_keyboard(struct keyboard *keyboard)
{
	input_release(keyboard->source);
	keyboard->in = NULL;
}

static void on_keyboard_enter(struct seat *seat, const union wl_argument *args)
{
	const struct wl_array *keys = args[2].a;
	leave_keyboard(&seat->keyboard);
	seat->keyboard.in = window_of(&args[1]);
	if (!seat->keyboard.in)
		return;
	for (size_t i = 0; i < keys->size / sizeof(uint32_t); i++)
		input_hold(seat->keyboard.source, ((const uint32_t *)keys->data)[i]);
	ask_for_all_keys(seat);
}

static void on_keyboard_leave(struct seat *seat, const union wl_argument *args)
{
	leave_keyboard(&seat->keyboard);
}

static void on_key(struct seat *seat, const union wl_argument *args)
{
	uint32_t code = args[2].u, state = args[3].u;
	if (seat->keyboard.in && state <= WL_KEYBOARD_KEY_STATE_PRESSED)
		input_key(seat->keyboard.source, code, state == WL_KEYBOARD_KEY_STATE_PRESSED);
}

static const event_fn keyboard_fns[] = { on_keymap, on_keyboard_enter, on_keyboard_leave, on_key };
static const struct event_table keyboard_events = { keyboard_fns, ARRAY_SIZE(keyboard_fns) };

static void drop_keyboard(struct keyboard *keyboard)
{
	for (uint32_t i = 0; i < SCREEN_HEADS; i++)
		spare_keys(keyboard, i);
	input_source_destroy(keyboard->source);
	if (keyboard->handle)
		wl_keyboard_release(keyboard->handle);
	*keyboard = (struct keyboard){ 0 };
}

static void take_keyboard(struct seat *seat)
{
	struct keyboard *keyboard = &seat->keyboard;
	keyboard->source = input_source_create(seat->wayland->typing.devices);
	keyboard->handle = keyboard->source ? wl_seat_get_keyboard(seat->handle) : NULL;
	if (!listen_to(keyboard->handle, &keyboard_events, seat))
		drop_keyboard(keyboard);
}

/* --- what is seen of pointers -------------------------------------------------------------- */

/* White in black, with alpha multiplied in. */
static void draw_dot(uint32_t *pixels)
{
	for (int y = -DOT_MIDDLE; y <= DOT_MIDDLE; y++) {
		for (int x = -DOT_MIDDLE; x <= DOT_MIDDLE; x++) {
			int square = x * x + y * y;
			uint32_t edge = square <= 10 ? UINT32_C(0xff000000) : 0;
			*pixels++ = square <= 4 ? UINT32_C(0xffffffff) : edge;
		}
	}
}

/* It is never drawn anew: that it is not busy is of no interest. */
static void on_released(void *data)
{
}

static bool have_dot(struct seat *seat)
{
	static const struct wayland_layout layout = { DOT_SIDE, DOT_SIDE, true };
	struct mouse *mouse = &seat->mouse;
	if (mouse->dot)
		return true;
	wayland_memory_init(&mouse->picture, seat->wayland, on_released, NULL);
	if (wayland_memory_open(&mouse->picture, &layout) < 0)
		return false;
	draw_dot(mouse->picture.pictures[0].pixels);
	mouse->dot = wl_compositor_create_surface(seat->wayland->compositor);
	if (!mouse->dot)
		wayland_memory_finish(&mouse->picture);
	return mouse->dot;
}

static void show_pointer(struct seat *seat)
{
	struct mouse *mouse = &seat->mouse;
	if (wayland_window_has_pointer(mouse->in)) {
		wl_pointer_set_cursor(mouse->handle, mouse->entered, NULL, 0, 0);
	} else if (have_dot(seat)) {
		wl_pointer_set_cursor(
			mouse->handle, mouse->entered, mouse->dot, DOT_MIDDLE, DOT_MIDDLE);
		/* it has lost its picture if it was not seen before */
		wl_surface_attach(mouse->dot, mouse->picture.pictures[0].buffer.handle, 0, 0);
		wl_surface_damage_buffer(mouse->dot, 0, 0, DOT_SIDE, DOT_SIDE);
		wl_surface_commit(mouse->dot);
	}
	wayland_want_flush(seat->wayland);
}

/* --- pointers ------------------------------------------------------------------------------ */

static void leave_mouse(struct mouse *mouse)
{
	input_release(mouse->source);
	mouse->in = NULL;
	mouse->wheels[0] = mouse->wheels[1] = (struct wheel){ 0 };
}

static void point_at(struct mouse *mouse, wl_fixed_t x, wl_fixed_t y)
{
	const struct wayland_spot place = { x, y };
	struct wayland_spot pixel;
	if (mouse->in && wayland_window_find(mouse->in, &place, &pixel))
		input_point(mouse->source, wayland_window_head(mouse->in), pixel.x, pixel.y);
}

static void on_mouse_enter(struct seat *seat, const union wl_argument *args)
{
	struct mouse *mouse = &seat->mouse;
	leave_mouse(mouse);
	mouse->entered = args[0].u;
	mouse->in = window_of(&args[1]);
	if (!mouse->in)
		return;
	point_at(mouse, args[2].f, args[3].f);
	show_pointer(seat);
}

static void on_mouse_leave(struct seat *seat, const union wl_argument *args)
{
	leave_mouse(&seat->mouse);
}

static void on_motion(struct seat *seat, const union wl_argument *args)
{
	point_at(&seat->mouse, args[1].f, args[2].f);
}

static void on_button(struct seat *seat, const union wl_argument *args)
{
	uint32_t code = args[2].u, state = args[3].u;
	if (seat->mouse.in && state <= WL_POINTER_BUTTON_STATE_PRESSED)
		input_key(seat->mouse.source, code, state == WL_POINTER_BUTTON_STATE_PRESSED);
}

/* NULL: there is no such axis, or it is nobody's. */
static struct wheel *wheel_of(struct seat *seat, const union wl_argument *axis)
{
	bool good = seat->mouse.in && axis->u < ARRAY_SIZE(seat->mouse.wheels);
	return good ? &seat->mouse.wheels[axis->u] : NULL;
}

static void on_axis(struct seat *seat, const union wl_argument *args)
{
	struct wheel *wheel = wheel_of(seat, &args[1]);
	if (wheel)
		wheel_move(wheel, args[2].f);
}

static void on_axis_stop(struct seat *seat, const union wl_argument *args)
{
	struct wheel *wheel = wheel_of(seat, &args[1]);
	if (wheel)
		wheel_stop(wheel);
}

static void on_axis_discrete(struct seat *seat, const union wl_argument *args)
{
	struct wheel *wheel = wheel_of(seat, &args[0]);
	if (wheel)
		wheel_turn(wheel, (int64_t)args[1].i * WHEEL_PARTS);
}

static void on_axis_parts(struct seat *seat, const union wl_argument *args)
{
	struct wheel *wheel = wheel_of(seat, &args[0]);
	if (wheel)
		wheel_turn(wheel, args[1].i);
}

/* Of axes, that is: what else belongs together matters to nobody here. */
static void on_frame(struct seat *seat, const union wl_argument *args)
{
	struct wheel *wheels = seat->mouse.wheels;
	int32_t down = wheel_steps(&wheels[WL_POINTER_AXIS_VERTICAL_SCROLL]);
	int32_t right = wheel_steps(&wheels[WL_POINTER_AXIS_HORIZONTAL_SCROLL]);
	input_wheel(seat->mouse.source, -down, right);
}

static const event_fn mouse_fns[] = { on_mouse_enter, on_mouse_leave, on_motion, on_button, on_axis,
	on_frame, NULL /* what turned: axis_source */, on_axis_stop, on_axis_discrete,
	on_axis_parts };
static const struct event_table mouse_events = { mouse_fns, ARRAY_SIZE(mouse_fns) };

static void drop_mouse(struct mouse *mouse)
{
	input_source_destroy(mouse->source);
	if (mouse->handle)
		wl_pointer_release(mouse->handle);
	if (mouse->dot)
		wl_surface_destroy(mouse->dot);
	wayland_memory_finish(&mouse->picture);
	*mouse = (struct mouse){ 0 };
}

static void take_mouse(struct seat *seat)
{
	struct mouse *mouse = &seat->mouse;
	mouse->source = input_source_create(seat->wayland->typing.devices);
	mouse->handle = mouse->source ? wl_seat_get_pointer(seat->handle) : NULL;
	if (!listen_to(mouse->handle, &mouse_events, seat))
		drop_mouse(mouse);
}

/* --- seats --------------------------------------------------------------------------------- */

static void on_capabilities(struct seat *seat, const union wl_argument *args)
{
	const struct input *devices = seat->wayland->typing.devices;
	bool types = args[0].u & WL_SEAT_CAPABILITY_KEYBOARD && input_folder(devices, false) >= 0;
	bool points = args[0].u & WL_SEAT_CAPABILITY_POINTER && input_folder(devices, true) >= 0;
	if (types && !seat->keyboard.handle)
		take_keyboard(seat);
	if (!types)
		drop_keyboard(&seat->keyboard);
	if (points && !seat->mouse.handle)
		take_mouse(seat);
	if (!points)
		drop_mouse(&seat->mouse);
}

static const event_fn seat_fns[] = { on_capabilities };
static const struct event_table seat_events = { seat_fns, ARRAY_SIZE(seat_fns) };

static void destroy_seat(struct seat *seat)
{
	drop_keyboard(&seat->keyboard);
	drop_mouse(&seat->mouse);
	if (seat->handle)
		wl_seat_release(seat->handle);
	list_remove(&seat->link);
	seat->wayland->seat_count--;
	free(seat);
}

void wayland_seat_offered(struct wayland *wayland, uint32_t name, uint32_t version)
{
	if (!wayland->typing.devices)
		return;
	if (version < LEAST_VERSION || wayland->seat_count == SEATS) {
		log_limited(LOG_INFO, "wayland: a seat is not used: %s",
			version < LEAST_VERSION ? "it is too old" : "there are too many");
		return;
	}
	struct seat *seat = calloc(1, sizeof(*seat));
	if (!seat)
		return;
	seat->wayland = wayland;
	seat->name = name;
	wayland->seat_count++;
	list_append(&wayland->seats, &seat->link);
	/* the library may be older than the compositor: what it does not know would end the connection */
	version = min_u32(version, (uint32_t)wl_seat_interface.version);
	seat->handle = wl_registry_bind(
		wayland->registry, name, &wl_seat_interface, min_u32(version, MOST_VERSION));
	if (!listen_to(seat->handle, &seat_events, seat))
		destroy_seat(seat);
}

void wayland_seat_withdrawn(struct wayland *wayland, uint32_t name)
{
	list_for_each_safe (link, after, &wayland->seats) {
		struct seat *seat = container_of(link, struct seat, link);
		if (seat->name == name)
			destroy_seat(seat);
	}
}

void wayland_seats_destroy(struct wayland *wayland)
{
	list_for_each_safe (link, after, &wayland->seats)
		destroy_seat(container_of(link, struct seat, link));
}

void wayland_seats_leave(struct wayland *wayland, const struct wayland_window *window)
{
	list_for_each (link, &wayland->seats) {
		struct seat *seat = container_of(link, struct seat, link);
		spare_keys(&seat->keyboard, wayland_window_head(window));
		if (seat->keyboard.in == window)
			leave_keyboard(&seat->keyboard);
		if (seat->mouse.in == window)
			leave_mouse(&seat->mouse);
	}
}

void wayland_seats_show_pointers(struct wayland *wayland, const struct wayland_window *window)
{
	list_for_each (link, &wayland->seats) {
		struct seat *seat = container_of(link, struct seat, link);
		if (seat->mouse.in == window)
			show_pointer(seat);
	}
}
