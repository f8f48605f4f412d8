/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/* The virgl renderer: what contexts and resources leave behind, which is nothing. */
#include <dirent.h>
#include <stdio.h>
#include <unistd.h>

#include "virgl_fixture.h"

/* Each compiler has a way of its own to say that it is there. */
#ifdef __has_feature
#if __has_feature(address_sanitizer)
#define __SANITIZE_ADDRESS__ 1
#endif
#endif

/* What was freed stays with the sanitizer for a while, and a life takes many times as long: a second on a busy
 * machine. What leaks it says itself. */
#ifdef __SANITIZE_ADDRESS__
#define ALLOWED_GROWTH (256 << 20)
#define LIVES          150
#else
#define ALLOWED_GROWTH (8 << 20)
#define LIVES          1000
#endif

/* What the renderer's process holds. */
struct holdings {
	long pages;
	int fds;
};

static struct holdings count_holdings(const struct fixture *f)
{
	struct holdings holdings = { 0 };
	pid_t process = f->process ? f->process : getpid();
	char path[64];
	snprintf(path, sizeof(path), "/proc/%d/statm", (int)process);
	FILE *file = fopen(path, "re");
	CHECK(file && fscanf(file, "%*d %ld", &holdings.pages) == 1);
	fclose(file);
	snprintf(path, sizeof(path), "/proc/%d/fd", (int)process);
	DIR *folder = opendir(path);
	CHECK(folder);
	while (readdir(folder))
		holdings.fds++;
	closedir(folder);
	return holdings;
}

static void live_and_die(struct fixture *f, uint32_t rounds)
{
	static struct outcome pending;
	struct stream stream = { 0 };
	for (uint32_t round = 0; round < rounds; round++) {
		CHECK_INT(create_context(f, 1), 0);
		CHECK_INT(create_texture(f, 1, BGRX, 64, 64), 0);
		CHECK_INT(back(f, 1, 0, 64 * 64 * 4), 0);
		CHECK_INT(STATUS_OF(f, renderer_context_attach(f->renderer, 1, 1, call)), 0);
		CHECK_INT(transfer(f, RENDERER_TO_HOST, 1, (struct rect){ 0, 0, 64, 64 }, 0, 0), 0);
		stream_target(&stream, 1, 1, BGRX);
		stream_clear(&stream, 0.5f, 0.5f, 0.5f, 1.0f);
		CHECK_INT(stream_submit(f, 1, &stream), 0);
		renderer_fence(f->renderer, 1, 0, outcome_call(&pending));
		CHECK_INT(read_back(f, 1, (struct rect){ 0, 0, 64, 64 }, 256), 0);
		if (round % 2)
			CHECK_INT(STATUS_OF(f, renderer_resource_unref(f->renderer, 1, call)), 0);
		CHECK_INT(STATUS_OF(f, renderer_context_destroy(f->renderer, 1, call)), 0);
		if (round % 2 == 0)
			CHECK_INT(STATUS_OF(f, renderer_resource_unref(f->renderer, 1, call)), 0);
		CHECK_INT(outcome_wait(f, &pending), 0);
	}
}

static void nothing_is_left_behind(void)
{
	struct fixture f = fixture_create();
	live_and_die(&f, LIVES / 10);
	struct holdings before = count_holdings(&f);
	live_and_die(&f, LIVES);
	struct holdings after = count_holdings(&f);
	CHECK_INT(after.fds, before.fds);
	long growth = after.pages - before.pages;
	printf("# grown by %ld KiB in %d lives\n", growth * sysconf(_SC_PAGESIZE) / 1024, LIVES);
	CHECK(growth * sysconf(_SC_PAGESIZE) < ALLOWED_GROWTH);
	fixture_destroy(&f);
}

int main(int argc, char **argv)
{
	static const struct test_case cases[] = {
		TEST_CASE(nothing_is_left_behind),
	};
	return test_main(argc, argv, cases, ARRAY_SIZE(cases));
}
