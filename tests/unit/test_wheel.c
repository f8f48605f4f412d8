/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/* Steps of a wheel, of what compositors say. */
#include "test.h"

#include "wheel.h"

#define UNIT 256 /* of a distance */

static int32_t turn(struct wheel *wheel, int64_t parts)
{
	wheel_turn(wheel, parts);
	return wheel_steps(wheel);
}

static int32_t move(struct wheel *wheel, int32_t distance)
{
	wheel_move(wheel, distance);
	return wheel_steps(wheel);
}

static void whole_steps(void)
{
	struct wheel wheel = { 0 };
	CHECK_INT(wheel_steps(&wheel), 0);
	CHECK_INT(turn(&wheel, 120), 1);
	CHECK_INT(turn(&wheel, -360), -3);
	/* the same again in other words */
	wheel_move(&wheel, 10 * UNIT);
	wheel_turn(&wheel, 120);
	wheel_move(&wheel, 300 * UNIT);
	CHECK_INT(wheel_steps(&wheel), 1);
	CHECK_INT(wheel_steps(&wheel), 0);
	/* two of them in a frame */
	wheel_turn(&wheel, 120);
	wheel_turn(&wheel, 240);
	CHECK_INT(wheel_steps(&wheel), 3);
	/* none, by a wheel */
	wheel_move(&wheel, 300 * UNIT);
	CHECK_INT(turn(&wheel, 0), 0);
}

static void parts_of_steps(void)
{
	struct wheel wheel = { 0 };
	int32_t steps = 0;
	for (int i = 0; i < 16; i++)
		steps += turn(&wheel, 15);
	CHECK_INT(steps, 2);
	for (int i = 0; i < 120 * 7; i++)
		steps += turn(&wheel, -1);
	CHECK_INT(steps, -5);
	/* the other way */
	CHECK_INT(turn(&wheel, 119), 0);
	CHECK_INT(turn(&wheel, -119), 0);
	CHECK_INT(turn(&wheel, -1), -1);
}

/* However slowly fingers move. */
static void distances(void)
{
	struct wheel wheel = { 0 };
	int32_t steps = 0;
	for (int i = 0; i < 45 * UNIT; i++)
		steps += move(&wheel, 1);
	CHECK_INT(steps, 3);
	CHECK_INT(move(&wheel, -31 * UNIT), -2);
	CHECK_INT(move(&wheel, -14 * UNIT), -1);
	/* beside a wheel */
	CHECK_INT(move(&wheel, 14 * UNIT), 0);
	CHECK_INT(turn(&wheel, 8), 1);
}

static void stops(void)
{
	struct wheel wheel = { 0 };
	CHECK_INT(turn(&wheel, 119), 0);
	wheel_stop(&wheel);
	CHECK_INT(turn(&wheel, 119), 0);
	/* what is in the same frame counts */
	wheel_turn(&wheel, 120);
	wheel_stop(&wheel);
	CHECK_INT(wheel_steps(&wheel), 1);
}

static void too_much(void)
{
	static const int64_t parts[] = { INT32_MAX, INT32_MIN, INT64_MAX, INT64_MIN };
	struct wheel wheel = { 0 };
	for (size_t i = 0; i < ARRAY_SIZE(parts); i++) {
		const int32_t expected = parts[i] > 0 ? 100 : -100;
		for (int round = 0; round < 3; round++) {
			wheel_turn(&wheel, parts[i]);
			CHECK_INT(turn(&wheel, parts[i]), expected);
			wheel_move(&wheel, parts[i] > 0 ? INT32_MAX : INT32_MIN);
			CHECK_INT(move(&wheel, parts[i] > 0 ? INT32_MAX : INT32_MIN), expected);
		}
	}
	CHECK_INT(turn(&wheel, 0), 0);
}

int main(int argc, char **argv)
{
	static const struct test_case cases[] = {
		TEST_CASE(whole_steps),
		TEST_CASE(parts_of_steps),
		TEST_CASE(distances),
		TEST_CASE(stops),
		TEST_CASE(too_much),
	};
	return test_main(argc, argv, cases, ARRAY_SIZE(cases));
}
