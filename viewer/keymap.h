/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/*
 * Which key of a keyboard of a certain layout gives a symbol: X11's keysyms to the kernel's key codes
 * (linux/input-event-codes.h), with libxkbcommon and the layouts of the X keyboard database.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct keymap;

/* Modifiers that choose among the symbols of a key. */
enum {
	KEYMAP_SHIFT = 1,
	KEYMAP_ALTGR = 2,
	KEYMAP_ALL = 3,
};

/* Locks. */
enum {
	KEYMAP_CAPS = 1,
	KEYMAP_NUM = 2,
};

struct keymap_stroke {
	uint16_t code;
	bool bound; /* the symbol needs exactly these modifiers: */
	uint32_t modifiers;
};

/* The layout is named as in XKB: "us", "de", "ch(fr)". NULL when there is none (logged). */
struct keymap *keymap_create(const char *layout);

/* NULL is fine. */
void keymap_destroy(struct keymap *keymap);

/* How a keysym is typed on a keyboard with these modifiers pressed and these locks on: with them as they
 * are where that is possible. False: there is no key for it. */
bool keymap_find(const struct keymap *keymap, uint32_t keysym, uint32_t modifiers, uint32_t locks,
	struct keymap_stroke *ret_stroke);

/* Whether a key has the keysym, with whatever modifiers. */
bool keymap_has(const struct keymap *keymap, uint16_t code, uint32_t keysym);
