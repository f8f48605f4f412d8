/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/*
 * Who types and points in windows: a compositor's seats, whose keyboards and pointers come and go. What they do is
 * told to the VM's input devices (input.h), keys and buttons as the kernel numbers them: no layout matters, and
 * the guest repeats what is held.
 *
 * A keyboard or pointer of a seat that the VM has no device for is not used at all.
 */
#pragma once

#include <stdint.h>

struct wayland;
struct wayland_window;

/* The compositor has a seat of this number and version. It is not used if it is too old or one too many (logged). */
void wayland_seat_offered(struct wayland *wayland, uint32_t name, uint32_t version);

/* Whatever had this number, it has gone. */
void wayland_seat_withdrawn(struct wayland *wayland, uint32_t name);

/* Releases all that is held. */
void wayland_seats_destroy(struct wayland *wayland);

/* The window goes: what is held in it is released. */
void wayland_seats_leave(struct wayland *wayland, const struct wayland_window *window);

/* The guest's pointer has appeared in the window, or gone from it: the compositor's is not shown beside it. */
void wayland_seats_show_pointers(struct wayland *wayland, const struct wayland_window *window);
