/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/*
 * What people do at the outputs, as events of the VM's two input devices: a keyboard and a tablet, each a
 * vhost-user socket that a VMM connects to (input_device.h).
 *
 * Each one who types (a VNC client, a window) is a source. A key is down for the guest as long as one
 * source holds it, and up when that one is destroyed. Outputs use the same calls whether there are
 * devices or not.
 *
 * There is one tablet for all heads. Its area is that of the heads that are on, side by side in their
 * order with their tops aligned, as guests arrange them by themselves.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "screen.h"

struct loop;
struct input;
struct input_source;

struct input_args {
	const char *keyboard; /* paths to listen at; NULL: there is no such device */
	const char *pointer;
	const char *layout; /* of the guest's keyboard: what keymap_create() takes */
};

/* The screen is looked at for the heads' sizes; it and the strings must stay. NULL when a socket or the
 * layout cannot be had (logged). */
struct input *input_create(
	struct loop *loop, const struct screen *screen, const struct input_args *args);

/* Where the socket of a device is: a folder, for the sandbox; -1: there is no such device. input may be
 * NULL. */
int input_folder(const struct input *input, bool pointer);

/* All sources must have been destroyed (asserted). NULL is fine. */
void input_destroy(struct input *input);

/* NULL when memory is short. input may be NULL: there is nothing to type for. */
struct input_source *input_source_create(struct input *input);

/* Releases what the source holds. NULL is fine here, and does nothing in what follows. */
void input_source_destroy(struct input_source *source);

/* Releases what the source holds, as when a window is left. */
void input_release(struct input_source *source);

/* A key or button (KEY_…, BTN_… of linux/input-event-codes.h) goes down or up, with whatever modifiers are
 * down. That it goes down again, as when it is held, does not matter: guests repeat by themselves. */
void input_key(struct input_source *source, uint32_t code, bool down);

/* A key was down before the source could type, as when a window gets the keyboard: modifiers are down from now
 * on. Whatever else is held was meant for somebody else, and is not typed. */
void input_hold(struct input_source *source, uint32_t code);

/* A symbol (X11's keysym) is typed: the key that has it in the layout is pressed, Shift and AltGr being
 * pressed or released for it as long as it is down. */
void input_keysym(struct input_source *source, uint32_t keysym, bool down);

/* The pointer is at this pixel of a head; beyond its borders it is at the border. */
void input_point(struct input_source *source, uint32_t head, int32_t x, int32_t y);

/* The wheel was turned by so many steps: up and to the right are positive. */
void input_wheel(struct input_source *source, int32_t up, int32_t right);
