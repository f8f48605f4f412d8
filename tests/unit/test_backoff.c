/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
#include "test.h"

#include "backoff.h"

#define NOW 123456789u

static void waits_longer_each_time(void)
{
	static const uint32_t delays[] = { 0, 250, 500, 1000, 2000, 4000, 8000, 8000, 8000 };
	struct backoff backoff = { 0 };
	uint64_t now = NOW;
	for (size_t i = 0; i < ARRAY_SIZE(delays); i++) {
		backoff_started(&backoff, now);
		now += BACKOFF_PEACE_MS - 1;
		CHECK_INT(backoff_ended(&backoff, now), delays[i]);
		now += delays[i];
	}
}

static void forgets_after_a_while(void)
{
	struct backoff backoff = { 0 };
	for (int i = 0; i < 5; i++) {
		backoff_started(&backoff, NOW);
		backoff_ended(&backoff, NOW + 1);
	}
	backoff_started(&backoff, NOW);
	CHECK_INT(backoff_ended(&backoff, NOW + BACKOFF_PEACE_MS), 0);
	backoff_started(&backoff, NOW);
	CHECK_INT(backoff_ended(&backoff, NOW), BACKOFF_FIRST_MS);
}

int main(int argc, char **argv)
{
	static const struct test_case cases[] = {
		TEST_CASE(waits_longer_each_time),
		TEST_CASE(forgets_after_a_while),
	};
	return test_main(argc, argv, cases, ARRAY_SIZE(cases));
}
