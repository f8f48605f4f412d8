/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
#include "keymap.h"

#include <linux/input-event-codes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <xkbcommon/xkbcommon.h>

#include "util/checked.h"
#include "util/log.h"

/* XKB's key codes are the kernel's and 8 more. */
#define XKB_OFFSET 8u

/* Keys of an ordinary keyboard. Others may have the same symbols ("(" has one of its own), and guests
 * often do not know them. */
#define LAST_ORDINARY KEY_F12

#define UNICODE_KEYSYMS 0x01000000u

struct keymap {
	struct xkb_context *context;
	struct xkb_keymap *map;
	struct xkb_state *state; /* set anew for each question */
	xkb_mod_mask_t shift, altgr, caps, num;
};

/* Those that are modifiers everywhere: not what else a layout has for them. */
static const struct {
	xkb_keysym_t keysym;
	uint16_t code;
} modifier_keys[] = {
	{ XKB_KEY_Shift_L, KEY_LEFTSHIFT },
	{ XKB_KEY_Shift_R, KEY_RIGHTSHIFT },
	{ XKB_KEY_Control_L, KEY_LEFTCTRL },
	{ XKB_KEY_Control_R, KEY_RIGHTCTRL },
	{ XKB_KEY_Alt_L, KEY_LEFTALT },
	{ XKB_KEY_Alt_R, KEY_RIGHTALT },
	{ XKB_KEY_Meta_L, KEY_LEFTALT },
	{ XKB_KEY_Meta_R, KEY_RIGHTALT },
	{ XKB_KEY_ISO_Level3_Shift, KEY_RIGHTALT },
	{ XKB_KEY_Mode_switch, KEY_RIGHTALT },
	{ XKB_KEY_Super_L, KEY_LEFTMETA },
	{ XKB_KEY_Super_R, KEY_RIGHTMETA },
};

/* The keypad has digits or arrows, as Num Lock says; who types may have another one on than the guest. */
static const struct {
	xkb_keysym_t keypad, elsewhere;
} twins[] = {
	{ XKB_KEY_KP_0, XKB_KEY_0 },
	{ XKB_KEY_KP_1, XKB_KEY_1 },
	{ XKB_KEY_KP_2, XKB_KEY_2 },
	{ XKB_KEY_KP_3, XKB_KEY_3 },
	{ XKB_KEY_KP_4, XKB_KEY_4 },
	{ XKB_KEY_KP_5, XKB_KEY_5 },
	{ XKB_KEY_KP_6, XKB_KEY_6 },
	{ XKB_KEY_KP_7, XKB_KEY_7 },
	{ XKB_KEY_KP_8, XKB_KEY_8 },
	{ XKB_KEY_KP_9, XKB_KEY_9 },
	{ XKB_KEY_KP_Decimal, XKB_KEY_period },
	{ XKB_KEY_KP_Separator, XKB_KEY_comma },
	{ XKB_KEY_KP_Home, XKB_KEY_Home },
	{ XKB_KEY_KP_Left, XKB_KEY_Left },
	{ XKB_KEY_KP_Up, XKB_KEY_Up },
	{ XKB_KEY_KP_Right, XKB_KEY_Right },
	{ XKB_KEY_KP_Down, XKB_KEY_Down },
	{ XKB_KEY_KP_Page_Up, XKB_KEY_Page_Up },
	{ XKB_KEY_KP_Page_Down, XKB_KEY_Page_Down },
	{ XKB_KEY_KP_End, XKB_KEY_End },
	{ XKB_KEY_KP_Insert, XKB_KEY_Insert },
	{ XKB_KEY_KP_Delete, XKB_KEY_Delete },
};

__attribute__((format(printf, 3, 0))) static void library_says(
	struct xkb_context *context, enum xkb_log_level level, const char *format, va_list args)
{
	char text[256];
	vsnprintf(text, sizeof(text), format, args);
	text[strcspn(text, "\n")] = '\0';
	log_debug("keymap: %s", text);
}

/* 0 when the map has none of this name. */
static xkb_mod_mask_t modifier(const struct keymap *keymap, const char *name)
{
	xkb_mod_index_t index = xkb_keymap_mod_get_index(keymap->map, name);
	return index == XKB_MOD_INVALID ? 0 : (xkb_mod_mask_t)1 << index;
}

struct keymap *keymap_create(const char *layout)
{
	const struct xkb_rule_names names = {
		.rules = "evdev", .model = "pc105", .layout = layout
	};
	struct keymap *keymap = calloc(1, sizeof(*keymap));
	if (!keymap)
		return NULL;
	keymap->context = xkb_context_new(XKB_CONTEXT_NO_ENVIRONMENT_NAMES);
	if (keymap->context) {
		xkb_context_set_log_fn(keymap->context, library_says);
		keymap->map = xkb_keymap_new_from_names(
			keymap->context, &names, XKB_KEYMAP_COMPILE_NO_FLAGS);
	}
	if (keymap->map)
		keymap->state = xkb_state_new(keymap->map);
	if (!keymap->state) {
		log_error("there is no keyboard layout %s", layout);
		keymap_destroy(keymap);
		return NULL;
	}
	keymap->shift = modifier(keymap, XKB_MOD_NAME_SHIFT);
	keymap->caps = modifier(keymap, XKB_MOD_NAME_CAPS);
	keymap->altgr = modifier(keymap, "Mod5");
	keymap->num = modifier(keymap, "Mod2");
	return keymap;
}

void keymap_destroy(struct keymap *keymap)
{
	if (!keymap)
		return;
	xkb_state_unref(keymap->state);
	xkb_keymap_unref(keymap->map);
	xkb_context_unref(keymap->context);
	free(keymap);
}

static void set_state(const struct keymap *keymap, uint32_t modifiers, uint32_t locks)
{
	xkb_mod_mask_t pressed = (modifiers & KEYMAP_SHIFT ? keymap->shift : 0) |
		(modifiers & KEYMAP_ALTGR ? keymap->altgr : 0);
	xkb_mod_mask_t locked =
		(locks & KEYMAP_CAPS ? keymap->caps : 0) | (locks & KEYMAP_NUM ? keymap->num : 0);
	xkb_state_update_mask(keymap->state, pressed, 0, locked, 0, 0, 0);
}

static bool ordinary(uint32_t code)
{
	/* which many keyboards have not */
	return code <= LAST_ORDINARY && code != KEY_102ND;
}

/* The first of the ordinary keys, or of the others, that gives the symbol in the state; 0: none. */
static uint16_t find_key(const struct keymap *keymap, xkb_keysym_t keysym, bool among_ordinary)
{
	xkb_keycode_t last = xkb_keymap_max_keycode(keymap->map);
	last = min_u32(last, KEY_MAX + XKB_OFFSET);
	for (xkb_keycode_t key = XKB_OFFSET + 1; key <= last; key++)
		if (ordinary(key - XKB_OFFSET) == among_ordinary &&
			xkb_state_key_get_one_sym(keymap->state, key) == keysym)
			return (uint16_t)(key - XKB_OFFSET);
	return 0;
}

static bool find_stroke(const struct keymap *keymap, xkb_keysym_t keysym, uint32_t locks,
	uint32_t modifiers, struct keymap_stroke *ret_stroke)
{
	for (uint32_t round = 0; round < 2; round++) {
		/* first with those that are pressed: 0 of the difference */
		for (uint32_t change = 0; change <= KEYMAP_ALL; change++) {
			uint32_t tried = modifiers ^ change;
			set_state(keymap, tried, locks);
			uint16_t code = find_key(keymap, keysym, round == 0);
			if (code == 0)
				continue;
			*ret_stroke = (struct keymap_stroke){ code, true, tried };
			return true;
		}
	}
	return false;
}

/* A letter that has a number of its own has that in layouts, too. */
static xkb_keysym_t as_in_layouts(xkb_keysym_t keysym)
{
	if (keysym < UNICODE_KEYSYMS)
		return keysym;
	xkb_keysym_t own = xkb_utf32_to_keysym(xkb_keysym_to_utf32(keysym));
	return own == XKB_KEY_NoSymbol ? keysym : own;
}

bool keymap_has(const struct keymap *keymap, uint16_t code, uint32_t keysym)
{
	xkb_keycode_t key = code + XKB_OFFSET;
	xkb_level_index_t levels = xkb_keymap_num_levels_for_key(keymap->map, key, 0);
	for (xkb_level_index_t level = 0; level < levels; level++) {
		const xkb_keysym_t *symbols;
		int count = xkb_keymap_key_get_syms_by_level(keymap->map, key, 0, level, &symbols);
		if (count == 1 && symbols[0] == as_in_layouts(keysym))
			return true;
	}
	return false;
}

static bool find_modifier(xkb_keysym_t keysym, struct keymap_stroke *ret_stroke)
{
	for (size_t i = 0; i < ARRAY_SIZE(modifier_keys); i++) {
		if (modifier_keys[i].keysym != keysym)
			continue;
		*ret_stroke = (struct keymap_stroke){ .code = modifier_keys[i].code };
		return true;
	}
	return false;
}

/* With modifiers that are not ours to press: Ctrl and Alt on F1 give another symbol. */
static bool find_anyhow(
	const struct keymap *keymap, xkb_keysym_t keysym, struct keymap_stroke *ret_stroke)
{
	for (uint16_t code = 1; code <= LAST_ORDINARY; code++) {
		if (!keymap_has(keymap, code, keysym))
			continue;
		*ret_stroke = (struct keymap_stroke){ .code = code };
		return true;
	}
	return false;
}

bool keymap_find(const struct keymap *keymap, uint32_t keysym, uint32_t modifiers, uint32_t locks,
	struct keymap_stroke *ret_stroke)
{
	if (keysym == XKB_KEY_NoSymbol)
		return false;
	if (find_modifier(keysym, ret_stroke))
		return true;
	if (find_stroke(keymap, as_in_layouts(keysym), locks, modifiers, ret_stroke))
		return true;
	for (size_t i = 0; i < ARRAY_SIZE(twins); i++)
		if (twins[i].keypad == keysym)
			return find_stroke(
				keymap, twins[i].elsewhere, locks, modifiers, ret_stroke);
	return find_anyhow(keymap, keysym, ret_stroke);
}
