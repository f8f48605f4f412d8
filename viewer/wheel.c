/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
#include "wheel.h"

#define DISTANCE   (15 * 256) /* of a step: libinput's degrees for a click */
#define STEP       DISTANCE /* in the parts that are counted here */
#define STEPS_MOST 100

/* So that sums stay small, however much comes. */
static int64_t within(int64_t value, int64_t most)
{
	if (value > most)
		return most;
	return value < -most ? -most : value;
}

void wheel_turn(struct wheel *wheel, int64_t parts)
{
	const int64_t most = STEPS_MOST * WHEEL_PARTS;
	wheel->turned = within(
		wheel->turned + within(parts, most) * (STEP / WHEEL_PARTS), STEPS_MOST * STEP);
	wheel->has_turned = true;
}

void wheel_move(struct wheel *wheel, int32_t distance)
{
	wheel->moved = within(wheel->moved + distance, STEPS_MOST * STEP);
}

int32_t wheel_steps(struct wheel *wheel)
{
	int64_t amount = wheel->has_turned ? wheel->turned : wheel->moved;
	/* whoever turns back means it at once */
	if ((amount > 0 && wheel->rest < 0) || (amount < 0 && wheel->rest > 0))
		wheel->rest = 0;
	int64_t sum = within(wheel->rest + amount, STEPS_MOST * STEP);
	*wheel = (struct wheel){ .rest = sum % STEP };
	return (int32_t)(sum / STEP);
}

void wheel_stop(struct wheel *wheel)
{
	wheel->rest = 0;
}
