/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
#include "test.h"

#include <linux/input-event-codes.h>
#include <stdbool.h>

#include "keymap.h"
#include "util/log.h"

#define SHIFT KEYMAP_SHIFT
#define ALTGR KEYMAP_ALTGR

/* X11's keysyms of what is no letter. */
enum {
	SYM_BACKSPACE = 0xff08,
	SYM_TAB = 0xff09,
	SYM_RETURN = 0xff0d,
	SYM_ESCAPE = 0xff1b,
	SYM_HOME = 0xff50,
	SYM_LEFT = 0xff51,
	SYM_KP_HOME = 0xff95,
	SYM_KP_7 = 0xffb7,
	SYM_F1 = 0xffbe,
	SYM_F12 = 0xffc9,
	SYM_SHIFT_L = 0xffe1,
	SYM_SHIFT_R = 0xffe2,
	SYM_CONTROL_L = 0xffe3,
	SYM_CAPS_LOCK = 0xffe5,
	SYM_META_L = 0xffe7,
	SYM_ALT_L = 0xffe9,
	SYM_SUPER_L = 0xffeb,
	SYM_DELETE = 0xffff,
	SYM_LEVEL3 = 0xfe03,
	SYM_LEFT_TAB = 0xfe20,
	SYM_EURO = 0x20ac,
	SYM_SWITCH_VT_1 = 0x1008fe01,
	SYM_UNICODE = 0x01000000,
};

struct expected {
	uint32_t keysym;
	uint16_t code;
	uint32_t modifiers;
};

static struct keymap *make(const char *layout)
{
	struct keymap *keymap = keymap_create(layout);
	CHECK(keymap);
	return keymap;
}

static void check(const struct keymap *keymap, const struct expected *expected, uint32_t modifiers,
	uint32_t locks)
{
	struct keymap_stroke stroke;
	if (!keymap_find(keymap, expected->keysym, modifiers, locks, &stroke))
		test_fail(__FILE__, __LINE__, "no key for 0x%x", expected->keysym);
	if (stroke.code != expected->code || !stroke.bound ||
		stroke.modifiers != expected->modifiers)
		test_fail(__FILE__, __LINE__, "0x%x is key %u with %u, not key %u with %u",
			expected->keysym, stroke.code, stroke.modifiers, expected->code,
			expected->modifiers);
	CHECK(keymap_has(keymap, stroke.code, expected->keysym));
}

static void check_all(const char *layout, const struct expected *expected, size_t count)
{
	struct keymap *keymap = make(layout);
	for (size_t i = 0; i < count; i++)
		check(keymap, &expected[i], 0, 0);
	keymap_destroy(keymap);
}

/* Where there are several keys for a symbol, that of an ordinary keyboard. */
static void american(void)
{
	static const struct expected expected[] = {
		{ 'a', KEY_A, 0 },
		{ 'A', KEY_A, SHIFT },
		{ 'z', KEY_Z, 0 },
		{ '1', KEY_1, 0 },
		{ '!', KEY_1, SHIFT },
		{ '(', KEY_9, SHIFT },
		{ ')', KEY_0, SHIFT },
		{ '<', KEY_COMMA, SHIFT },
		{ '>', KEY_DOT, SHIFT },
		{ '|', KEY_BACKSLASH, SHIFT },
		{ '=', KEY_EQUAL, 0 },
		{ '~', KEY_GRAVE, SHIFT },
		{ ' ', KEY_SPACE, 0 },
		{ SYM_BACKSPACE, KEY_BACKSPACE, 0 },
		{ SYM_TAB, KEY_TAB, 0 },
		{ SYM_LEFT_TAB, KEY_TAB, SHIFT },
		{ SYM_RETURN, KEY_ENTER, 0 },
		{ SYM_ESCAPE, KEY_ESC, 0 },
		{ SYM_HOME, KEY_HOME, 0 },
		{ SYM_LEFT, KEY_LEFT, 0 },
		{ SYM_DELETE, KEY_DELETE, 0 },
		{ SYM_F1, KEY_F1, 0 },
		{ SYM_F12, KEY_F12, 0 },
		{ SYM_CAPS_LOCK, KEY_CAPSLOCK, 0 },
		{ SYM_UNICODE + 'q', KEY_Q, 0 },
	};
	check_all("us", expected, ARRAY_SIZE(expected));
}

static void german(void)
{
	static const struct expected expected[] = {
		{ 'y', KEY_Z, 0 },
		{ 'Z', KEY_Y, SHIFT },
		{ '/', KEY_7, SHIFT },
		{ '-', KEY_SLASH, 0 },
		{ '@', KEY_Q, ALTGR },
		{ '{', KEY_7, ALTGR },
		{ '\\', KEY_MINUS, ALTGR },
		{ '<', KEY_102ND, 0 },
		{ '>', KEY_102ND, SHIFT },
		{ '|', KEY_102ND, ALTGR },
		{ 0xe4, KEY_APOSTROPHE, 0 },
		{ 0xc4, KEY_APOSTROPHE, SHIFT },
		{ 0xdf, KEY_MINUS, 0 },
		{ SYM_UNICODE + 0xe4, KEY_APOSTROPHE, 0 },
		{ SYM_EURO, KEY_E, ALTGR },
		{ SYM_UNICODE + 0x20ac, KEY_E, ALTGR },
	};
	check_all("de", expected, ARRAY_SIZE(expected));
}

/* Digits need Shift. */
static void french(void)
{
	static const struct expected expected[] = {
		{ 'a', KEY_Q, 0 },
		{ '1', KEY_1, SHIFT },
		{ '&', KEY_1, 0 },
		{ '#', KEY_3, ALTGR },
		{ '.', KEY_COMMA, SHIFT },
	};
	check_all("fr", expected, ARRAY_SIZE(expected));
}

/* Another variant: as XKB writes it. */
static void variant(void)
{
	static const struct expected expected[] = {
		{ 'a', KEY_A, 0 },
		{ 'o', KEY_S, 0 },
		{ 's', KEY_SEMICOLON, 0 },
	};
	check_all("us(dvorak)", expected, ARRAY_SIZE(expected));
}

/* What can be typed is on every layout of Latin letters, on a key that every keyboard has. */
static void all_of_ascii(void)
{
	static const char *const layouts[] = { "us", "gb", "de(nodeadkeys)", "fr(nodeadkeys)",
		"es(nodeadkeys)", "pl", "se(nodeadkeys)", "us(dvorak)", "ch(fr_nodeadkeys)" };
	for (size_t i = 0; i < ARRAY_SIZE(layouts); i++) {
		struct keymap *keymap = make(layouts[i]);
		for (uint32_t letter = ' '; letter <= '~'; letter++) {
			struct keymap_stroke stroke;
			if (!keymap_find(keymap, letter, 0, 0, &stroke) || stroke.code > KEY_F12 ||
				!stroke.bound)
				test_fail(__FILE__, __LINE__, "%s has no \"%c\"", layouts[i],
					(int)letter);
		}
		keymap_destroy(keymap);
	}
}

/* They stay pressed where the key has the same with them. */
static void with_modifiers_pressed(void)
{
	struct keymap *keymap = make("us");
	check(keymap, &(struct expected){ 'A', KEY_A, SHIFT }, SHIFT, 0);
	check(keymap, &(struct expected){ 'a', KEY_A, 0 }, SHIFT, 0);
	check(keymap, &(struct expected){ '/', KEY_SLASH, 0 }, SHIFT, 0);
	check(keymap, &(struct expected){ SYM_LEFT, KEY_LEFT, SHIFT }, SHIFT, 0);
	check(keymap, &(struct expected){ SYM_F1, KEY_F1, SHIFT }, SHIFT, 0);
	check(keymap, &(struct expected){ SYM_RETURN, KEY_ENTER, ALTGR }, ALTGR, 0);
	keymap_destroy(keymap);
}

static void with_locks(void)
{
	struct keymap *keymap = make("us");
	check(keymap, &(struct expected){ 'a', KEY_A, SHIFT }, 0, KEYMAP_CAPS);
	check(keymap, &(struct expected){ 'A', KEY_A, 0 }, 0, KEYMAP_CAPS);
	check(keymap, &(struct expected){ '1', KEY_1, 0 }, 0, KEYMAP_CAPS);
	check(keymap, &(struct expected){ '!', KEY_1, SHIFT }, 0, KEYMAP_CAPS);
	keymap_destroy(keymap);
}

/* Where the keypad has the other symbols now, a key elsewhere does. */
static void keypad(void)
{
	struct keymap *keymap = make("fr");
	struct keymap_stroke stroke;
	check(keymap, &(struct expected){ SYM_KP_7, KEY_KP7, 0 }, 0, KEYMAP_NUM);
	check(keymap, &(struct expected){ SYM_KP_HOME, KEY_KP7, 0 }, 0, 0);
	CHECK(keymap_find(keymap, SYM_KP_7, 0, 0, &stroke));
	CHECK(stroke.code == KEY_7 && stroke.bound && stroke.modifiers == SHIFT);
	CHECK(keymap_find(keymap, SYM_KP_HOME, 0, KEYMAP_NUM, &stroke));
	CHECK(stroke.code == KEY_HOME && stroke.bound && stroke.modifiers == 0);
	keymap_destroy(keymap);
}

/* Modifiers are the same keys on all layouts, and need no others. */
static void modifiers(void)
{
	static const struct expected expected[] = {
		{ SYM_SHIFT_L, KEY_LEFTSHIFT, 0 },
		{ SYM_SHIFT_R, KEY_RIGHTSHIFT, 0 },
		{ SYM_CONTROL_L, KEY_LEFTCTRL, 0 },
		{ SYM_ALT_L, KEY_LEFTALT, 0 },
		{ SYM_META_L, KEY_LEFTALT, 0 },
		{ SYM_SUPER_L, KEY_LEFTMETA, 0 },
		{ SYM_LEVEL3, KEY_RIGHTALT, 0 },
	};
	static const char *const layouts[] = { "us", "de", "fr" };
	for (size_t i = 0; i < ARRAY_SIZE(layouts); i++) {
		struct keymap *keymap = make(layouts[i]);
		for (size_t k = 0; k < ARRAY_SIZE(expected); k++) {
			struct keymap_stroke stroke;
			CHECK(keymap_find(keymap, expected[k].keysym, SHIFT, 0, &stroke));
			CHECK_INT(stroke.code, expected[k].code);
			CHECK(!stroke.bound);
		}
		keymap_destroy(keymap);
	}
}

/* A key has symbols that come with modifiers of others: the key is found, they are left alone. */
static void with_other_modifiers(void)
{
	struct keymap *keymap = make("us");
	struct keymap_stroke stroke;
	CHECK(keymap_find(keymap, SYM_SWITCH_VT_1, 0, 0, &stroke));
	CHECK_INT(stroke.code, KEY_F1);
	CHECK(!stroke.bound);
	keymap_destroy(keymap);
}

static void not_there(void)
{
	static const uint32_t keysyms[] = { 0, 0xe4, SYM_UNICODE + 0x3b1, 0x7fffffff, UINT32_MAX,
		SYM_UNICODE + 0x110000, 0xffffff };
	struct keymap *keymap = make("us");
	struct keymap_stroke stroke;
	for (size_t i = 0; i < ARRAY_SIZE(keysyms); i++)
		CHECK(!keymap_find(keymap, keysyms[i], 0, 0, &stroke));
	CHECK(!keymap_has(keymap, KEY_A, 'b'));
	CHECK(!keymap_has(keymap, 0, 'a'));
	CHECK(!keymap_has(keymap, UINT16_MAX, 'a'));
	keymap_destroy(keymap);
}

static void no_such_layout(void)
{
	log_init("test", LOG_ERROR);
	CHECK(!keymap_create("nonsense"));
	CHECK(!keymap_create("us(nonsense)"));
	CHECK(!keymap_create("../us"));
	keymap_destroy(NULL);
}

int main(int argc, char **argv)
{
	static const struct test_case cases[] = {
		TEST_CASE(american),
		TEST_CASE(german),
		TEST_CASE(french),
		TEST_CASE(variant),
		TEST_CASE(all_of_ascii),
		TEST_CASE(with_modifiers_pressed),
		TEST_CASE(with_locks),
		TEST_CASE(keypad),
		TEST_CASE(modifiers),
		TEST_CASE(with_other_modifiers),
		TEST_CASE(not_there),
		TEST_CASE(no_such_layout),
	};
	return test_main(argc, argv, cases, ARRAY_SIZE(cases));
}
