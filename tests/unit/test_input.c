/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/* What is typed and pointed at, as reports of devices that the test plays. */
#include "test.h"

#include <linux/input-event-codes.h>
#include <stdlib.h>

#include "input.h"
#include "input_device.h"

#define DEVICES 2u

enum {
	SYM_SHIFT_L = 0xffe1,
	SYM_SHIFT_R = 0xffe2,
	SYM_CONTROL_L = 0xffe3,
	SYM_LEFT = 0xff51,
	SYM_LEVEL3 = 0xfe03,
};

struct input_device {
	void (*able)(void *data);
	void *data;
	bool exists;
	bool drops;
	bool keys[KEY_CNT];
	uint32_t leds;
};

static struct input_device devices[DEVICES]; /* keyboard, pointer */
static char reports[1024]; /* a word for each */
static int32_t position[2];
static bool refuse_pointer; /* it cannot be made */
static struct screen screen;
static struct input *input;

struct input_device *input_device_create(struct loop *loop, const char *path,
	const struct input_device_spec *spec, void (*able)(void *data), void *data)
{
	struct input_device *device = &devices[spec->product - 1];
	CHECK(!device->exists && spec->product <= DEVICES);
	if (spec->product == 2 && refuse_pointer)
		return NULL;
	CHECK(strcmp(path, spec->product == 1 ? "/keys" : "/points") == 0);
	*device = (struct input_device){ .able = able, .data = data, .exists = true };
	return device;
}

void input_device_destroy(struct input_device *device)
{
	if (device)
		device->exists = false;
}

int input_device_folder(const struct input_device *device)
{
	return 5;
}

static void note(const struct input_device_event *event)
{
	size_t length = strlen(reports);
	char *end = reports + length;
	if (event->type == EV_KEY)
		snprintf(end, sizeof(reports) - length, " %u%c", event->code,
			event->value ? '+' : '-');
	else if (event->type == EV_REL)
		snprintf(end, sizeof(reports) - length, " %c%d",
			event->code == REL_WHEEL ? 'v' : 'h', event->value);
}

bool input_device_report(
	struct input_device *device, const struct input_device_event *events, size_t count)
{
	CHECK(device->exists);
	if (device->drops)
		return false;
	if (events[0].type == EV_ABS) {
		CHECK_INT(count, 2);
		CHECK(events[0].code == ABS_X && events[1].code == ABS_Y &&
			events[1].type == EV_ABS);
		position[0] = events[0].value;
		position[1] = events[1].value;
		return true;
	}
	CHECK_INT(count, 1);
	note(&events[0]);
	if (events[0].type == EV_KEY) {
		CHECK((events[0].code >= BTN_LEFT) == (device == &devices[1]));
		device->keys[events[0].code] = events[0].value;
	}
	return true;
}

bool input_device_key(const struct input_device *device, uint16_t code)
{
	return device->keys[code];
}

bool input_device_led(const struct input_device *device, uint16_t code)
{
	return device->leds >> code & 1;
}

/* --- helpers ------------------------------------------------------------------------------- */

static struct input_source *begin_with(const struct input_args *args)
{
	screen_init(&screen);
	memset(devices, 0, sizeof(devices));
	reports[0] = '\0';
	refuse_pointer = false;
	input = input_create(NULL, &screen, args);
	CHECK(input);
	struct input_source *source = input_source_create(input);
	CHECK(source);
	return source;
}

static struct input_source *begin(const char *layout)
{
	return begin_with(&(struct input_args){ "/keys", "/points", layout });
}

static void end(struct input_source *source)
{
	input_source_destroy(source);
	input_destroy(input);
	CHECK(!devices[0].exists && !devices[1].exists);
	screen_finish(&screen);
}

static void expect(const char *expected)
{
	const char *seen = reports[0] ? reports + 1 : reports;
	if (strcmp(seen, expected) != 0)
		test_fail(__FILE__, __LINE__, "\"%s\" was reported, not \"%s\"", seen, expected);
	reports[0] = '\0';
}

static void type(struct input_source *source, uint32_t keysym)
{
	input_keysym(source, keysym, true);
	input_keysym(source, keysym, false);
}

/* --- symbols ------------------------------------------------------------------------------- */

static void letters(void)
{
	struct input_source *source = begin("us");
	type(source, 'a');
	expect("30+ 30-");
	type(source, 'A');
	expect("42+ 30+ 30- 42-");
	type(source, SYM_LEFT);
	expect("105+ 105-");
	end(source);
}

static void letters_of_other_layouts(void)
{
	struct input_source *source = begin("de");
	type(source, '@');
	expect("100+ 16+ 16- 100-");
	type(source, '/');
	expect("42+ 8+ 8- 42-");
	type(source, 'z');
	expect("21+ 21-");
	end(source);
}

/* They stay as they are where they are right, and come back where they were not. */
static void modifiers_of_who_types(void)
{
	struct input_source *source = begin("us");
	input_keysym(source, SYM_SHIFT_R, true);
	type(source, 'A');
	type(source, SYM_LEFT);
	expect("54+ 30+ 30- 105+ 105-");
	type(source, '/');
	expect("54- 53+ 53- 54+");
	input_keysym(source, SYM_SHIFT_R, false);
	input_keysym(source, SYM_CONTROL_L, true);
	type(source, 'c');
	input_keysym(source, SYM_CONTROL_L, false);
	expect("54- 29+ 46+ 46- 29-");
	end(source);

	source = begin("de");
	input_keysym(source, SYM_LEVEL3, true);
	type(source, '@');
	type(source, 'x');
	input_keysym(source, SYM_LEVEL3, false);
	expect("100+ 16+ 16- 100- 45+ 45- 100+ 100-");
	end(source);
}

/* One key goes down before the one before it is up: each has the modifiers that it needs. */
static void letters_that_overlap(void)
{
	struct input_source *source = begin("us");
	input_keysym(source, 'A', true);
	input_keysym(source, 'B', true);
	input_keysym(source, 'A', false);
	input_keysym(source, 'B', false);
	expect("42+ 30+ 48+ 30- 48- 42-");
	input_keysym(source, 'A', true);
	input_keysym(source, 'b', true);
	input_keysym(source, 'A', false);
	input_keysym(source, 'b', false);
	expect("42+ 30+ 42- 48+ 30- 48-");
	input_keysym(source, 'A', true);
	input_keysym(source, SYM_CONTROL_L, true);
	input_keysym(source, 'A', false);
	input_keysym(source, SYM_CONTROL_L, false);
	expect("42+ 30+ 42- 29+ 30- 29-");
	end(source);
}

/* What is held is said again and again by some. */
static void letters_that_are_held(void)
{
	struct input_source *source = begin("us");
	for (int i = 0; i < 5; i++)
		input_keysym(source, 'A', true);
	input_keysym(source, 'A', false);
	input_keysym(source, 'A', false);
	expect("42+ 30+ 30- 42-");
	end(source);
}

/* Shift goes up first: what goes up then has another name than what went down. */
static void shift_goes_first(void)
{
	struct input_source *source = begin("us");
	input_keysym(source, SYM_SHIFT_L, true);
	input_keysym(source, 'A', true);
	input_keysym(source, SYM_SHIFT_L, false);
	input_keysym(source, 'a', false);
	expect("42+ 30+ 42- 30-");
	/* on the keyboard of who types "/" is above 7 */
	input_keysym(source, SYM_SHIFT_L, true);
	input_keysym(source, '/', true);
	input_keysym(source, SYM_SHIFT_L, false);
	input_keysym(source, '7', false);
	expect("42+ 42- 53+ 53-");
	end(source);
}

/* Modifiers are not what goes up when what goes up is not known. */
static void modifiers_stay(void)
{
	struct input_source *source = begin("us");
	input_keysym(source, SYM_CONTROL_L, true);
	input_keysym(source, 'x', false);
	expect("29+");
	end(source);
	expect("29-");
}

static void symbols_without_a_key(void)
{
	struct input_source *source = begin("us");
	input_keysym(source, 'w', true);
	type(source, 0xe4);
	type(source, 0);
	expect("17+");
	input_keysym(source, 'w', false);
	expect("17-");
	end(source);
}

static void locks(void)
{
	struct input_source *source = begin("us");
	devices[0].leds = 1u << LED_CAPSL;
	type(source, 'a');
	expect("42+ 30+ 30- 42-");
	type(source, 'A');
	expect("30+ 30-");
	devices[0].leds = 1u << LED_NUML;
	type(source, 0xffb7); /* KP_7 */
	expect("71+ 71-");
	end(source);
}

/* --- keys, sources ------------------------------------------------------------------------- */

static void keys(void)
{
	static const uint32_t nonsense[] = { 0, KEY_MICMUTE + 1, BTN_EXTRA + 1, KEY_MAX, KEY_CNT,
		0x10000 + KEY_A, UINT32_MAX };
	struct input_source *source = begin("us");
	input_key(source, KEY_LEFTSHIFT, true);
	input_key(source, KEY_A, true);
	input_key(source, KEY_A, true);
	input_key(source, KEY_A, false);
	input_key(source, KEY_A, false);
	input_key(source, KEY_LEFTSHIFT, false);
	expect("42+ 30+ 30- 42-");
	for (size_t i = 0; i < ARRAY_SIZE(nonsense); i++) {
		input_key(source, nonsense[i], true);
		input_key(source, nonsense[i], false);
	}
	expect("");
	/* beside symbols: modifiers are as they are held */
	input_keysym(source, 'A', true);
	input_key(source, KEY_B, true);
	expect("42+ 30+ 42- 48+");
	end(source);
}

/* What was held before is not typed, but for modifiers, which go up like any other key. */
static void keys_that_were_held(void)
{
	static const uint32_t held[] = { KEY_A, KEY_LEFTCTRL, KEY_ENTER, KEY_RIGHTSHIFT,
		KEY_CAPSLOCK, BTN_LEFT, 0, KEY_CNT, 0x10000 + KEY_LEFTCTRL, UINT32_MAX,
		KEY_LEFTCTRL };
	struct input_source *source = begin("us");
	for (size_t i = 0; i < ARRAY_SIZE(held); i++)
		input_hold(source, held[i]);
	expect("29+ 54+");
	for (size_t i = 0; i < ARRAY_SIZE(held); i++)
		input_key(source, held[i], false);
	expect("29- 54-");
	input_hold(source, KEY_LEFTALT);
	input_release(source);
	expect("56+ 56-");
	input_hold(NULL, KEY_LEFTALT);
	end(source);
}

static void sources(void)
{
	struct input_source *one = begin("us");
	struct input_source *two = input_source_create(input);
	CHECK(two);
	input_keysym(one, 'a', true);
	input_key(two, KEY_A, true);
	input_keysym(one, 'a', false);
	expect("30+");
	input_key(two, KEY_A, false);
	expect("30-");
	/* what one releases is not the other's */
	input_keysym(one, 'b', true);
	input_keysym(two, 'b', false);
	input_key(two, KEY_B, false);
	expect("48+");
	input_source_destroy(two);
	expect("");
	end(one);
	expect("48-");
}

static void source_goes(void)
{
	struct input_source *source = begin("us");
	struct input_source *other = input_source_create(input);
	input_key(other, BTN_LEFT, true);
	input_keysym(other, SYM_SHIFT_L, true);
	input_keysym(other, '/', true);
	expect("272+ 42+ 42- 53+");
	input_source_destroy(other);
	CHECK(!devices[0].keys[KEY_LEFTSHIFT] && !devices[0].keys[KEY_SLASH] &&
		!devices[1].keys[BTN_LEFT]);
	reports[0] = '\0';
	input_keysym(source, 'x', true);
	input_release(source);
	expect("45+ 45-");
	type(source, 'x');
	expect("45+ 45-");
	end(source);
}

static void more_keys_than_fingers(void)
{
	struct input_source *source = begin("us");
	for (uint32_t code = 1; code <= 100; code++)
		input_key(source, code, true);
	for (uint32_t keysym = 'a'; keysym <= 'z'; keysym++)
		input_keysym(source, keysym, true);
	CHECK(devices[0].keys[1]);
	end(source);
	for (uint32_t code = 0; code < KEY_CNT; code++)
		CHECK(!devices[0].keys[code]);
}

/* --- what is dropped ----------------------------------------------------------------------- */

static void releases_that_were_dropped(void)
{
	struct input_source *source = begin("us");
	input_key(source, BTN_LEFT, true);
	input_keysym(source, 'A', true);
	expect("272+ 42+ 30+");
	devices[0].drops = devices[1].drops = true;
	input_keysym(source, 'A', false);
	input_key(source, BTN_LEFT, false);
	expect("");
	devices[0].drops = devices[1].drops = false;
	devices[0].able(devices[0].data);
	CHECK(!devices[0].keys[KEY_LEFTSHIFT] && !devices[0].keys[KEY_A]);
	devices[1].able(devices[1].data);
	CHECK(!devices[1].keys[BTN_LEFT]);
	reports[0] = '\0';
	type(source, 'a');
	expect("30+ 30-");
	end(source);
}

/* A letter is not typed later; a modifier that is still held is. */
static void presses_that_were_dropped(void)
{
	struct input_source *source = begin("us");
	devices[0].drops = true;
	input_keysym(source, SYM_SHIFT_L, true);
	input_keysym(source, 'A', true);
	devices[0].drops = false;
	devices[0].able(devices[0].data);
	expect("42+");
	input_keysym(source, 'A', false);
	input_keysym(source, SYM_SHIFT_L, false);
	expect("42-");
	end(source);
}

/* --- the pointer --------------------------------------------------------------------------- */

static void head(uint32_t number, uint32_t width, uint32_t height)
{
	CHECK_INT(screen_resize(&screen, number, width, height), 0);
}

/* The pixel that a guest finds, which takes the area for half open. */
static uint32_t pixel(int32_t value, uint32_t pixels)
{
	CHECK(value >= 0 && value <= (int32_t)INPUT_ABS_MAX);
	return (uint32_t)((uint64_t)(uint32_t)value * pixels / (INPUT_ABS_MAX + 1));
}

static void check_pixel(uint32_t x, uint32_t width, uint32_t y, uint32_t height)
{
	CHECK_INT(pixel(position[0], width), x);
	CHECK_INT(pixel(position[1], height), y);
}

static void every_pixel(void)
{
	static const uint32_t sides[] = { 1, 2, 3, 320, 800, 1024, 1366, 1920, 3840, 16384 };
	struct input_source *source = begin("us");
	for (size_t i = 0; i < ARRAY_SIZE(sides); i++) {
		head(0, sides[i], 1);
		for (uint32_t x = 0; x < sides[i]; x++) {
			input_point(source, 0, (int32_t)x, 0);
			check_pixel(x, sides[i], 0, 1);
		}
		head(0, 1, sides[i]);
		for (uint32_t y = 0; y < sides[i]; y++) {
			input_point(source, 0, 0, (int32_t)y);
			check_pixel(0, 1, y, sides[i]);
		}
	}
	end(source);
}

static void beyond_the_border(void)
{
	struct input_source *source = begin("us");
	head(0, 640, 480);
	input_point(source, 0, -1, INT32_MIN);
	check_pixel(0, 640, 0, 480);
	input_point(source, 0, 640, INT32_MAX);
	check_pixel(639, 640, 479, 480);
	end(source);
}

/* They lie side by side; one that is off is not there. */
static void several_heads(void)
{
	struct input_source *source = begin("us");
	head(0, 640, 480);
	head(2, 1024, 768);
	input_point(source, 0, 100, 200);
	check_pixel(100, 1664, 200, 768);
	input_point(source, 2, 100, 200);
	check_pixel(740, 1664, 200, 768);
	input_point(source, 0, 9999, 9999);
	check_pixel(639, 1664, 479, 768);
	position[0] = -1;
	input_point(source, 1, 5, 5);
	input_point(source, SCREEN_HEADS, 5, 5);
	input_point(source, UINT32_MAX, 5, 5);
	CHECK_INT(position[0], -1);
	head(1, 100, 100);
	input_point(source, 2, 100, 200);
	check_pixel(840, 1764, 200, 768);
	end(source);
}

static void buttons_and_wheels(void)
{
	struct input_source *source = begin("us");
	input_key(source, BTN_LEFT, true);
	input_key(source, BTN_RIGHT, true);
	input_key(source, BTN_LEFT, false);
	input_key(source, BTN_RIGHT, false);
	expect("272+ 273+ 272- 273-");
	/* clicks are with what is held, not with what a symbol needs */
	input_keysym(source, SYM_SHIFT_L, true);
	input_keysym(source, '/', true);
	input_key(source, BTN_LEFT, true);
	expect("42+ 42- 53+ 42+ 272+");
	input_wheel(source, 1, 0);
	input_wheel(source, 0, -2);
	input_wheel(source, -1, 1);
	input_wheel(source, 0, 0);
	expect("v1 h-2 v-1 h1");
	end(source);
}

/* --- without devices ----------------------------------------------------------------------- */

static void everything(struct input_source *source)
{
	input_keysym(source, 'A', true);
	input_key(source, KEY_A, true);
	input_key(source, BTN_LEFT, true);
	input_point(source, 0, 1, 1);
	input_wheel(source, 1, 1);
	input_keysym(source, 'A', false);
	input_release(source);
}

static void one_device_only(void)
{
	struct input_source *source = begin_with(&(struct input_args){ "/keys", NULL, "us" });
	head(0, 64, 64);
	everything(source);
	expect("42+ 30+ 42- 30-");
	end(source);
	source = begin_with(&(struct input_args){ NULL, "/points", "us" });
	head(0, 64, 64);
	everything(source);
	expect("272+ v1 h1 272-");
	end(source);
}

static void nothing(void)
{
	struct input_source *source = input_source_create(NULL);
	CHECK(!source);
	everything(source);
	input_source_destroy(source);
	input_destroy(NULL);
	CHECK(!input_create(NULL, &screen, &(struct input_args){ "/keys", "/points", "none" }));
	refuse_pointer = true;
	CHECK(!input_create(NULL, &screen, &(struct input_args){ "/keys", "/points", "us" }));
	CHECK(!devices[0].exists);
}

int main(int argc, char **argv)
{
	static const struct test_case cases[] = {
		TEST_CASE(letters),
		TEST_CASE(letters_of_other_layouts),
		TEST_CASE(modifiers_of_who_types),
		TEST_CASE(letters_that_overlap),
		TEST_CASE(letters_that_are_held),
		TEST_CASE(shift_goes_first),
		TEST_CASE(modifiers_stay),
		TEST_CASE(symbols_without_a_key),
		TEST_CASE(locks),
		TEST_CASE(keys),
		TEST_CASE(keys_that_were_held),
		TEST_CASE(sources),
		TEST_CASE(source_goes),
		TEST_CASE(more_keys_than_fingers),
		TEST_CASE(releases_that_were_dropped),
		TEST_CASE(presses_that_were_dropped),
		TEST_CASE(every_pixel),
		TEST_CASE(beyond_the_border),
		TEST_CASE(several_heads),
		TEST_CASE(buttons_and_wheels),
		TEST_CASE(one_device_only),
		TEST_CASE(nothing),
	};
	return test_main(argc, argv, cases, ARRAY_SIZE(cases));
}
