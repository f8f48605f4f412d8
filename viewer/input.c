/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/*
 * held[] counts the sources that hold a key. What the guest takes for pressed is the device's to know,
 * and may differ: modifiers, for a symbol that needs others than are held, and what was dropped.
 */
#include "input.h"

#include <assert.h>
#include <linux/input-event-codes.h>
#include <stdlib.h>

#include "input_device.h"
#include "keymap.h"
#include "util/checked.h"
#include "util/log.h"

#define SOURCE_KEYS 32u
#define LAST_KEY    KEY_MICMUTE
#define LAST_BUTTON BTN_EXTRA

struct input {
	const struct screen *screen;
	struct input_device *keyboard, *pointer; /* may be NULL */
	struct keymap *keymap;
	uint32_t sources;
	uint16_t held[KEY_CNT];
	uint16_t bent_for; /* the key for which modifiers are not as they are held; 0: none */
};

struct pressed {
	uint32_t keysym; /* 0: it was not typed as a symbol */
	uint16_t code; /* 0: there is no key for it */
};

struct input_source {
	struct input *input;
	struct pressed pressed[SOURCE_KEYS];
	uint32_t count;
};

static const struct {
	uint16_t code;
	uint32_t modifier; /* of keymap.h */
	bool main; /* the one that is pressed when it is needed */
} modifiers[] = {
	{ KEY_LEFTSHIFT, KEYMAP_SHIFT, true },
	{ KEY_RIGHTSHIFT, KEYMAP_SHIFT, false },
	{ KEY_RIGHTALT, KEYMAP_ALTGR, true },
};

/* --- keys ---------------------------------------------------------------------------------- */

/* NULL: none has it. */
static struct input_device *device_of(const struct input *input, uint16_t code)
{
	if (code >= BTN_LEFT && code <= LAST_BUTTON)
		return input->pointer;
	return code <= LAST_KEY ? input->keyboard : NULL;
}

/* Tells the guest, if it does not know. */
static void tell(struct input *input, uint16_t code, bool down)
{
	struct input_device *device = device_of(input, code);
	const struct input_device_event event = { EV_KEY, code, down };
	if (device && input_device_key(device, code) != down)
		input_device_report(device, &event, 1);
}

static uint32_t modifiers_held(const struct input *input)
{
	uint32_t held = 0;
	for (size_t i = 0; i < ARRAY_SIZE(modifiers); i++)
		held |= input->held[modifiers[i].code] ? modifiers[i].modifier : 0;
	return held;
}

static uint32_t modifiers_told(const struct input *input)
{
	uint32_t told = 0;
	for (size_t i = 0; input->keyboard && i < ARRAY_SIZE(modifiers); i++)
		if (input_device_key(input->keyboard, modifiers[i].code))
			told |= modifiers[i].modifier;
	return told;
}

static void restore_modifiers(struct input *input)
{
	input->bent_for = 0;
	for (size_t i = 0; i < ARRAY_SIZE(modifiers); i++)
		tell(input, modifiers[i].code, input->held[modifiers[i].code] > 0);
}

static void bend_modifiers(struct input *input, uint32_t wanted, uint16_t code)
{
	uint32_t missing = wanted & ~modifiers_told(input);
	for (size_t i = 0; i < ARRAY_SIZE(modifiers); i++) {
		if (!(wanted & modifiers[i].modifier))
			tell(input, modifiers[i].code, false);
		else if (missing & modifiers[i].modifier && modifiers[i].main)
			tell(input, modifiers[i].code, true);
	}
	input->bent_for = code;
}

static void press(struct input *input, uint16_t code)
{
	if (input->held[code]++ == 0)
		tell(input, code, true);
}

static void release(struct input *input, uint16_t code)
{
	if (--input->held[code] == 0)
		tell(input, code, false);
	if (input->bent_for == code)
		restore_modifiers(input);
}

/* After a time in which events may have been dropped: nothing stays down that nobody holds. What was
 * pressed meanwhile stays unknown, but for modifiers. */
static void release_forgotten(void *data)
{
	struct input *input = data;
	for (uint16_t code = 0; code < KEY_CNT; code++)
		if (!input->held[code])
			tell(input, code, false);
	restore_modifiers(input);
}

/* --- sources ------------------------------------------------------------------------------- */

struct input_source *input_source_create(struct input *input)
{
	struct input_source *source = input ? calloc(1, sizeof(*source)) : NULL;
	if (!source)
		return NULL;
	source->input = input;
	input->sources++;
	return source;
}

void input_source_destroy(struct input_source *source)
{
	if (!source)
		return;
	input_release(source);
	source->input->sources--;
	free(source);
}

static void forget(struct input_source *source, uint32_t index)
{
	uint16_t code = source->pressed[index].code;
	source->pressed[index] = source->pressed[--source->count];
	if (code)
		release(source->input, code);
}

void input_release(struct input_source *source)
{
	while (source && source->count > 0)
		forget(source, source->count - 1);
}

/* SOURCE_KEYS when it is not pressed. */
static uint32_t find_code(const struct input_source *source, uint32_t code)
{
	for (uint32_t i = 0; i < source->count; i++)
		if (source->pressed[i].code == code)
			return i;
	return SOURCE_KEYS;
}

static uint32_t find_keysym(const struct input_source *source, uint32_t keysym)
{
	for (uint32_t i = 0; i < source->count; i++)
		if (source->pressed[i].keysym == keysym)
			return i;
	return SOURCE_KEYS;
}

/* The key that has the symbol with other modifiers: Shift may go up before "A" does, as "a". */
static uint32_t find_relative(const struct input_source *source, uint32_t keysym)
{
	for (uint32_t i = 0; i < source->count; i++)
		if (source->pressed[i].keysym && source->pressed[i].code &&
			keymap_has(source->input->keymap, source->pressed[i].code, keysym))
			return i;
	return SOURCE_KEYS;
}

static void hold(struct input_source *source, uint32_t keysym, uint16_t code)
{
	source->pressed[source->count++] = (struct pressed){ keysym, code };
	if (code)
		press(source->input, code);
}

void input_key(struct input_source *source, uint32_t code, bool down)
{
	if (!source || code == 0 || code > KEY_MAX)
		return;
	uint32_t index = find_code(source, code);
	if (!down && index < SOURCE_KEYS) {
		forget(source, index);
	} else if (down && index == SOURCE_KEYS && source->count < SOURCE_KEYS) {
		restore_modifiers(source->input);
		hold(source, 0, (uint16_t)code);
	}
}

static bool is_modifier(uint16_t code)
{
	static const uint16_t others[] = { KEY_LEFTCTRL, KEY_RIGHTCTRL, KEY_LEFTALT, KEY_LEFTMETA,
		KEY_RIGHTMETA };
	for (size_t i = 0; i < ARRAY_SIZE(others); i++)
		if (others[i] == code)
			return true;
	for (size_t i = 0; i < ARRAY_SIZE(modifiers); i++)
		if (modifiers[i].code == code)
			return true;
	return false;
}

void input_hold(struct input_source *source, uint32_t code)
{
	if (code <= KEY_MAX && is_modifier((uint16_t)code))
		input_key(source, code, true);
}

/* --- symbols ------------------------------------------------------------------------------- */

static uint32_t locks(const struct input *input)
{
	if (!input->keyboard)
		return 0;
	return (input_device_led(input->keyboard, LED_CAPSL) ? KEYMAP_CAPS : 0) |
		(input_device_led(input->keyboard, LED_NUML) ? KEYMAP_NUM : 0);
}

static void press_keysym(struct input_source *source, uint32_t keysym)
{
	struct input *input = source->input;
	struct keymap_stroke stroke;
	if (source->count == SOURCE_KEYS || find_keysym(source, keysym) < SOURCE_KEYS)
		return;
	if (!keymap_find(input->keymap, keysym, modifiers_held(input), locks(input), &stroke)) {
		log_debug("no key for keysym 0x%x", keysym);
		hold(source, keysym, 0);
		return;
	}
	if (stroke.bound && stroke.modifiers != modifiers_held(input))
		bend_modifiers(input, stroke.modifiers, stroke.code);
	else
		restore_modifiers(input);
	hold(source, keysym, stroke.code);
}

/* What goes up was never down: the modifiers changed in between, and on the keyboard of who types the
 * two symbols are on one key. A key that stays down repeats for ever; one that goes up too early hurts
 * less. */
static void release_letters(struct input_source *source)
{
	for (uint32_t i = source->count; i-- > 0;)
		if (source->pressed[i].keysym && !is_modifier(source->pressed[i].code))
			forget(source, i);
}

static void release_keysym(struct input_source *source, uint32_t keysym)
{
	uint32_t index = find_keysym(source, keysym);
	if (index == SOURCE_KEYS)
		index = find_relative(source, keysym);
	if (index < SOURCE_KEYS)
		forget(source, index);
	else
		release_letters(source);
}

void input_keysym(struct input_source *source, uint32_t keysym, bool down)
{
	if (!source || keysym == 0)
		return;
	if (down)
		press_keysym(source, keysym);
	else
		release_keysym(source, keysym);
}

/* --- the pointer --------------------------------------------------------------------------- */

/* The middle of a pixel, so that guests that round either way find it. */
static int32_t scale(uint32_t pixel, uint32_t pixels)
{
	return (int32_t)(((uint64_t)pixel * 2 + 1) * (INPUT_ABS_MAX + 1) / ((uint64_t)pixels * 2));
}

static uint32_t clamp(int32_t value, uint32_t size)
{
	return value < 0 ? 0 : min_u32((uint32_t)value, size - 1);
}

void input_point(struct input_source *source, uint32_t number, int32_t x, int32_t y)
{
	if (!source || !source->input->pointer || number >= SCREEN_HEADS)
		return;
	const struct head *heads = source->input->screen->heads;
	uint32_t left = 0, width = 0, height = 0;
	if (!heads[number].width)
		return;
	for (uint32_t i = 0; i < SCREEN_HEADS; i++) {
		left += i < number ? heads[i].width : 0;
		width += heads[i].width;
		height = max_u32(height, heads[i].height);
	}
	const struct input_device_event events[] = {
		{ EV_ABS, ABS_X, scale(left + clamp(x, heads[number].width), width) },
		{ EV_ABS, ABS_Y, scale(clamp(y, heads[number].height), height) },
	};
	input_device_report(source->input->pointer, events, ARRAY_SIZE(events));
}

void input_wheel(struct input_source *source, int32_t up, int32_t right)
{
	const struct input_device_event vertical = { EV_REL, REL_WHEEL, up };
	const struct input_device_event horizontal = { EV_REL, REL_HWHEEL, right };
	if (!source || !source->input->pointer)
		return;
	if (up)
		input_device_report(source->input->pointer, &vertical, 1);
	if (right)
		input_device_report(source->input->pointer, &horizontal, 1);
}

/* --- beginning and end --------------------------------------------------------------------- */

static const struct input_device_codes keyboard_codes[] = {
	{ EV_KEY, KEY_ESC, LAST_KEY },
	{ EV_LED, LED_NUML, LED_SCROLLL },
	{ EV_REP, REP_DELAY, REP_PERIOD }, /* the guest repeats */
};

static const struct input_device_codes pointer_codes[] = {
	{ EV_KEY, BTN_LEFT, LAST_BUTTON },
	{ EV_REL, REL_HWHEEL, REL_HWHEEL },
	{ EV_REL, REL_WHEEL, REL_WHEEL },
	{ EV_ABS, ABS_X, ABS_Y },
};

static const struct input_device_spec keyboard_spec = {
	.name = "virtiogpu-view keyboard",
	.serial = "keyboard",
	.product = 1,
	.property = -1,
	.codes = keyboard_codes,
	.code_count = ARRAY_SIZE(keyboard_codes),
};

static const struct input_device_spec pointer_spec = {
	.name = "virtiogpu-view pointer",
	.serial = "pointer",
	.product = 2,
	.property = INPUT_PROP_POINTER,
	.codes = pointer_codes,
	.code_count = ARRAY_SIZE(pointer_codes),
};

struct input *input_create(
	struct loop *loop, const struct screen *screen, const struct input_args *args)
{
	struct input *input = calloc(1, sizeof(*input));
	if (!input)
		return NULL;
	input->screen = screen;
	input->keymap = keymap_create(args->layout);
	bool good = input->keymap != NULL;
	if (good && args->keyboard) {
		input->keyboard = input_device_create(
			loop, args->keyboard, &keyboard_spec, release_forgotten, input);
		good = input->keyboard != NULL;
	}
	if (good && args->pointer) {
		input->pointer = input_device_create(
			loop, args->pointer, &pointer_spec, release_forgotten, input);
		good = input->pointer != NULL;
	}
	if (good)
		return input;
	input_destroy(input);
	return NULL;
}

int input_folder(const struct input *input, bool pointer)
{
	const struct input_device *device = NULL;
	if (input)
		device = pointer ? input->pointer : input->keyboard;
	return device ? input_device_folder(device) : -1;
}

void input_destroy(struct input *input)
{
	if (!input)
		return;
	assert(input->sources == 0);
	input_device_destroy(input->keyboard);
	input_device_destroy(input->pointer);
	keymap_destroy(input->keymap);
	free(input);
}
