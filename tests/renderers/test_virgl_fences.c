/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/* The virgl renderer: what is awaited, and what ends. */
#include <stdlib.h>

#include "loop/loop.h"
#include "virgl_fixture.h"

static void start_fence(struct fixture *f, uint32_t context, int32_t ring, struct outcome *outcome)
{
	renderer_fence(f->renderer, context, ring, outcome_call(outcome));
}

static int fence(struct fixture *f, uint32_t context, int32_t ring)
{
	return STATUS_OF(f, renderer_fence(f->renderer, context, ring, call));
}

/* Something to do for GL: clears of a big target. */
static void draw(struct fixture *f, uint32_t context, uint32_t resource)
{
	struct stream stream = { 0 };
	stream_target(&stream, 1, resource, BGRX);
	for (uint32_t i = 0; i < 4; i++)
		stream_clear(&stream, 0.1f * (float)i, 0.5f, 0.5f, 1.0f);
	CHECK_INT(stream_submit(f, context, &stream), 0);
}

static void add_drawing_context(struct fixture *f, uint32_t id)
{
	CHECK_INT(create_context(f, id), 0);
	CHECK_INT(create_texture(f, id, BGRX, 512, 384), 0);
	CHECK_INT(STATUS_OF(f, renderer_context_attach(f->renderer, id, id, call)), 0);
}

static void fences_finish_in_order(void)
{
	enum { CONTEXTS = 4, ROUNDS = 25 };
	static struct outcome fences[CONTEXTS + 1][ROUNDS];
	struct fixture f = fixture_create();
	for (uint32_t context = 1; context <= CONTEXTS; context++)
		add_drawing_context(&f, context);
	for (uint32_t round = 0; round < ROUNDS; round++) {
		for (uint32_t context = 1; context <= CONTEXTS; context++) {
			if (round % 5 == 0)
				draw(&f, context, context);
			start_fence(&f, context, 0, &fences[context][round]);
		}
		start_fence(&f, 0, RENDERER_GLOBAL_RING, &fences[0][round]);
	}
	for (uint32_t timeline = 0; timeline <= CONTEXTS; timeline++) {
		uint32_t last = 0;
		for (uint32_t round = 0; round < ROUNDS; round++) {
			CHECK_INT(outcome_wait(&f, &fences[timeline][round]), 0);
			CHECK(fences[timeline][round].number > last);
			last = fences[timeline][round].number;
		}
	}
	fixture_destroy(&f);
}

/* A fence alone is finished without another one that pushes it. */
static void a_lone_fence_finishes(void)
{
	struct fixture f = fixture_create();
	add_drawing_context(&f, 1);
	for (uint32_t i = 0; i < 200; i++) {
		if (i % 2)
			draw(&f, 1, 1);
		CHECK_INT(fence(&f, 1, 0), 0);
		CHECK_INT(fence(&f, 0, RENDERER_GLOBAL_RING), 0);
	}
	fixture_destroy(&f);
}

static void timelines_that_are_not_there(void)
{
	struct fixture f = fixture_create();
	CHECK_INT(create_context(&f, 1), 0);
	CHECK_INT(fence(&f, 1, 1), 0);
	CHECK_INT(fence(&f, 1, 63), 0);
	CHECK_INT(fence(&f, 1, RENDERER_GLOBAL_RING), -EINVAL);
	CHECK_INT(fence(&f, 0, 0), -ENOENT);
	CHECK_INT(fence(&f, 2, 0), -ENOENT);
	fixture_destroy(&f);
}

static void destroying_finishes_fences(void)
{
	enum { FENCES = 50, ROUNDS = 20 };
	static struct outcome fences[ROUNDS][FENCES], other[ROUNDS], destroyed[ROUNDS];
	struct fixture f = fixture_create();
	add_drawing_context(&f, 99);
	CHECK_INT(create_texture(&f, 1, BGRX, 512, 384), 0);
	for (uint32_t round = 0; round < ROUNDS; round++) {
		/* the same id at once again */
		CHECK_INT(create_context(&f, 1), 0);
		CHECK_INT(STATUS_OF(&f, renderer_context_attach(f.renderer, 1, 1, call)), 0);
		draw(&f, 99, 99);
		start_fence(&f, 99, 0, &other[round]);
		draw(&f, 1, 1);
		for (uint32_t i = 0; i < FENCES; i++)
			start_fence(&f, 1, 0, &fences[round][i]);
		renderer_context_destroy(f.renderer, 1, outcome_call(&destroyed[round]));
	}
	for (uint32_t round = 0; round < ROUNDS; round++) {
		for (uint32_t i = 0; i < FENCES; i++)
			CHECK_INT(outcome_wait(&f, &fences[round][i]), 0);
		CHECK_INT(outcome_wait(&f, &destroyed[round]), 0);
		CHECK(destroyed[round].number > fences[round][FENCES - 1].number);
		CHECK_INT(outcome_wait(&f, &other[round]), 0);
	}
	fixture_destroy(&f);
}

static void the_end_finishes_fences(void)
{
	static struct outcome fences[10], destroyed;
	struct fixture f = fixture_create();
	add_drawing_context(&f, 1);
	add_drawing_context(&f, 2);
	draw(&f, 1, 1);
	draw(&f, 2, 2);
	for (uint32_t i = 0; i < ARRAY_SIZE(fences); i++)
		start_fence(&f, i % 2 + 1, 0, &fences[i]);
	renderer_context_destroy(f.renderer, 2, outcome_call(&destroyed));
	fixture_destroy(&f);
	for (uint32_t i = 0; i < ARRAY_SIZE(fences); i++) {
		CHECK_INT(fences[i].done, 1);
		CHECK(fences[i].status == 0 || fences[i].status == -ECONNRESET);
	}
	CHECK_INT(destroyed.done, 1);
}

/* The library waits for poll() before it tells of fences while a query has no result. */
static void queries_do_not_hold_fences_up(void)
{
	enum { QUERY_RESOURCE = 50, QUERY = 60, OBJECT_QUERY = 9, BIND_CUSTOM = 1 << 17 };
	struct fixture f = fixture_create();
	add_drawing_context(&f, 1);
	const struct renderer_resource_args args = { .id = QUERY_RESOURCE,
		.format = 64 /* R8 */,
		.bind = BIND_CUSTOM,
		.width = 64,
		.height = 1,
		.depth = 1,
		.array_size = 1 };
	CHECK_INT(STATUS_OF(&f, renderer_resource_create(f.renderer, &args, call)), 0);
	memset(f.guest, 0, 64);
	CHECK_INT(back(&f, QUERY_RESOURCE, 0, 64), 0);
	CHECK_INT(STATUS_OF(&f, renderer_context_attach(f.renderer, 1, QUERY_RESOURCE, call)), 0);
	const uint32_t create[] = { 1 | OBJECT_QUERY << 8 | 4 << 16, QUERY, 0, 0, QUERY_RESOURCE };
	const uint32_t begin[] = { 19 | 1 << 16, QUERY }, end[] = { 20 | 1 << 16, QUERY };
	const uint32_t result[] = { 21 | 2 << 16, QUERY, 0 };
	struct stream stream = { 0 };
	stream_words(&stream, create, ARRAY_SIZE(create));
	uint64_t start = loop_now_ms();
	for (uint32_t round = 0; round < 20; round++) {
		f.guest[0] = 0;
		stream_words(&stream, begin, ARRAY_SIZE(begin));
		stream_target(&stream, 100 + round, 1, BGRX);
		for (uint32_t i = 0; i < 8; i++)
			stream_clear(&stream, 1.0f, 0.1f * (float)i, 1.0f, 1.0f);
		stream_words(&stream, end, ARRAY_SIZE(end));
		stream_words(&stream, result, ARRAY_SIZE(result));
		CHECK_INT(stream_submit(&f, 1, &stream), 0);
		CHECK_INT(fence(&f, 1, 0), 0);
		CHECK_INT(f.guest[0], 1); /* VIRGL_QUERY_STATE_DONE */
	}
	CHECK(loop_now_ms() - start < 15000);
	fixture_destroy(&f);
}

static void starts_again(void)
{
	int fds = 0;
	for (uint32_t round = 0; round < 5; round++) {
		struct fixture f = fixture_create();
		add_drawing_context(&f, 1);
		draw(&f, 1, 1);
		CHECK_INT(fence(&f, 1, 0), 0);
		fixture_destroy(&f);
		if (round == 0)
			fds = test_open_fds();
	}
	CHECK_INT(test_open_fds(), fds);
}

int main(int argc, char **argv)
{
	static const struct test_case cases[] = {
		TEST_CASE(fences_finish_in_order),
		TEST_CASE(a_lone_fence_finishes),
		TEST_CASE(timelines_that_are_not_there),
		TEST_CASE(destroying_finishes_fences),
		TEST_CASE(the_end_finishes_fences),
		TEST_CASE(queries_do_not_hold_fences_up),
		TEST_CASE(starts_again),
	};
	return test_main(argc, argv, cases, ARRAY_SIZE(cases));
}
