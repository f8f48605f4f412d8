/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
#include <stdlib.h>
#include <unistd.h>

#include "renderer/calls.h"
#include "renderer/renderer.h"
#include "test.h"

static void closes_what_was_opened(void)
{
	enum { COUNT = 1000 };
	struct calls calls;
	struct renderer_call table[COUNT];
	uint64_t cookies[COUNT];
	uint32_t tag;
	calls_init(&calls);
	for (uint32_t i = 0; i < COUNT; i++) {
		CHECK_INT(calls_open(&calls, &table[i], CALLS_WORK, i, &cookies[i]), 0);
		CHECK(cookies[i] != 0);
	}
	for (uint32_t i = 0; i < COUNT; i++) {
		uint32_t at = (i * 37) % COUNT;
		CHECK(calls_close(&calls, cookies[at], &tag) == &table[at]);
		CHECK_INT(tag, at);
	}
	CHECK(!calls_close_oldest(&calls, CALLS_WORK));
	calls_finish(&calls);
}

static void knows_stale_and_invented_cookies(void)
{
	struct calls calls;
	struct renderer_call call;
	uint64_t old, new;
	uint32_t tag = 77;
	calls_init(&calls);
	CHECK(!calls_close(&calls, 0, &tag));
	CHECK(!calls_close(&calls, 1, &tag));
	CHECK_INT(calls_open(&calls, &call, CALLS_FENCE, 1, &old), 0);
	static const uint64_t offsets[] = { 1, UINT64_C(1) << 32, UINT64_MAX, UINT64_C(1) << 31 };
	for (size_t i = 0; i < ARRAY_SIZE(offsets); i++)
		CHECK(!calls_close(&calls, old + offsets[i], &tag));
	CHECK_INT(tag, 77);
	CHECK(calls_close(&calls, old, &tag) == &call);
	CHECK(!calls_close(&calls, old, &tag));
	CHECK_INT(calls_open(&calls, &call, CALLS_FENCE, 1, &new), 0);
	CHECK(new != old);
	CHECK(!calls_close(&calls, old, &tag));
	CHECK(calls_close(&calls, new, &tag) == &call);
	calls_finish(&calls);
}

static void takes_the_oldest_first(void)
{
	struct calls calls;
	struct renderer_call table[9];
	uint64_t cookies[9];
	uint32_t tag;
	calls_init(&calls);
	for (uint32_t i = 0; i < 9; i++)
		CHECK_INT(calls_open(&calls, &table[i], i % 3 ? CALLS_WORK : CALLS_FENCE, 0,
				  &cookies[i]),
			0);
	CHECK(calls_close(&calls, cookies[1], &tag));
	CHECK(calls_close(&calls, cookies[8], &tag));
	CHECK(calls_close(&calls, cookies[4], &tag));
	static const int work[] = { 2, 5, 7 };
	for (size_t i = 0; i < ARRAY_SIZE(work); i++)
		CHECK(calls_close_oldest(&calls, CALLS_WORK) == &table[work[i]]);
	CHECK(!calls_close_oldest(&calls, CALLS_WORK));
	for (int i = 0; i < 9; i += 3)
		CHECK(calls_close_oldest(&calls, CALLS_FENCE) == &table[i]);
	CHECK(!calls_close_oldest(&calls, CALLS_FENCE));
	calls_finish(&calls);
}

static void is_bounded(void)
{
	struct calls calls;
	struct renderer_call call;
	uint64_t cookie, last;
	uint32_t tag;
	calls_init(&calls);
	for (uint32_t i = 0; i < CALLS_MAX; i++)
		CHECK_INT(calls_open(&calls, &call, CALLS_WORK, 0, &last), 0);
	CHECK_INT(calls_open(&calls, &call, CALLS_WORK, 0, &cookie), -ENOSPC);
	CHECK(calls_close(&calls, last, &tag));
	CHECK_INT(calls_open(&calls, &call, CALLS_WORK, 0, &cookie), 0);
	calls_finish(&calls);
}

static void tells_the_age_of_the_oldest(void)
{
	struct calls calls;
	struct renderer_call call;
	uint64_t first, second;
	uint32_t tag;
	calls_init(&calls);
	CHECK_INT(calls_oldest_ms(&calls, CALLS_WORK), 0);
	CHECK_INT(calls_open(&calls, &call, CALLS_WORK, 0, &first), 0);
	usleep(60000);
	CHECK_INT(calls_open(&calls, &call, CALLS_WORK, 0, &second), 0);
	CHECK(calls_oldest_ms(&calls, CALLS_WORK) >= 40);
	CHECK_INT(calls_oldest_ms(&calls, CALLS_FENCE), 0);
	CHECK(calls_close(&calls, first, &tag));
	CHECK(calls_oldest_ms(&calls, CALLS_WORK) < 40);
	CHECK(calls_close(&calls, second, &tag));
	CHECK_INT(calls_oldest_ms(&calls, CALLS_WORK), 0);
	calls_finish(&calls);
}

int main(int argc, char **argv)
{
	static const struct test_case cases[] = {
		TEST_CASE(closes_what_was_opened),
		TEST_CASE(knows_stale_and_invented_cookies),
		TEST_CASE(takes_the_oldest_first),
		TEST_CASE(is_bounded),
		TEST_CASE(tells_the_age_of_the_oldest),
	};
	return test_main(argc, argv, cases, ARRAY_SIZE(cases));
}
