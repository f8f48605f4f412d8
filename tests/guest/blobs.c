/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
#include "blobs.h"

#include <stdio.h>
#include <sys/random.h>
#include <unistd.h>

#include "fail.h"

#define MIB (1024u * 1024u)

struct run {
	const struct blob_options *options;
	const struct blob_impl *impl;
	void *user;
	uint64_t random;
	struct blob live[BLOB_LIVE_MAX];
	uint32_t live_count;
	size_t live_bytes, most_bytes;
	uint32_t most_live, started;
	uint64_t total_bytes;
};

struct blob_options blob_options_default(void)
{
	struct blob_options options = {
		.count = 1000,
		.smallest = BLOB_PAGE,
		.largest = 64u * MIB,
		.draws = 1,
		.live = 16,
		.live_bytes = 256u * MIB,
	};
	uint32_t seed = 0;
	if (getrandom(&seed, sizeof(seed), 0) != sizeof(seed)) {
		fail("no random number");
	}
	options.seed = seed;
	return options;
}

bool blob_options_take(struct blob_options *options, int option, const char *value)
{
	switch (option) {
	case 'n':
		options->count = (uint32_t)parse_number(value, 10000000);
		return true;
	case 's':
		options->smallest = parse_number(value, SIZE_MAX / 4);
		return true;
	case 'l':
		options->largest = parse_number(value, SIZE_MAX / 4);
		return true;
	case 'z':
		options->draws = (uint32_t)parse_number(value, 1000);
		return true;
	case 'c':
		options->live = (uint32_t)parse_number(value, BLOB_LIVE_MAX);
		return true;
	case 'b':
		options->live_bytes = parse_number(value, SIZE_MAX / 4);
		return true;
	case 'r':
		options->seed = parse_number(value, UINT64_MAX);
		return true;
	case 'x':
		options->spoil = (uint32_t)parse_number(value, UINT32_MAX);
		return true;
	case 'h':
		options->hold = true;
		return true;
	default:
		return false;
	}
}

/* splitmix64 */
static uint64_t next_random(struct run *run)
{
	uint64_t z = run->random += 0x9e3779b97f4a7c15u;
	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
	z = (z ^ z >> 27) * 0x94d049bb133111ebu;
	return z ^ z >> 31;
}

static size_t draw_size(struct run *run)
{
	const struct blob_options *options = run->options;
	uint32_t doublings = 0;
	while (options->smallest << (doublings + 1) <= options->largest) {
		doublings++;
	}
	size_t size = options->smallest << next_random(run) % (doublings + 1);
	size += next_random(run) % (size + 1);
	size -= size % BLOB_PAGE;
	return size < options->largest ? size : options->largest;
}

static size_t next_size(struct run *run, uint32_t number)
{
	const struct blob_options *options = run->options;
	size_t size = number == 0 ? options->smallest : options->largest;
	for (uint32_t i = 0; i < options->draws && number >= 2; i++) {
		size_t drawn = draw_size(run);
		size = drawn < size ? drawn : size;
	}
	return size;
}

/* The same in check.comp. */
static uint32_t word_at(uint32_t seed, size_t index)
{
	return ((uint32_t)index ^ seed) * 0x9e3779b1u;
}

static void fill(struct blob *blob, uint32_t seed)
{
	for (size_t i = 0; i < blob->size / 4; i++) {
		blob->words[i] = word_at(seed, i);
	}
	blob->seed = seed;
}

static void compare(const struct blob *blob, const char *when)
{
	const volatile uint32_t *words = blob->words;
	for (size_t i = 0; i < blob->size / 4; i++) {
		uint32_t word = words[i];
		if (word != word_at(blob->seed, i)) {
			fail("%s, at byte %zu of a blob of %zu there is %08x, not %08x", when,
				i * 4, blob->size, word, word_at(blob->seed, i));
		}
	}
}

static void compare_zero(const struct blob *blob)
{
	for (size_t i = 0; i < blob->size / 4; i++) {
		if (blob->words[i] != 0) {
			fail("at byte %zu of a new blob of %zu there is %08x", i * 4, blob->size,
				blob->words[i]);
		}
	}
}

static void blob_start(struct run *run, size_t size)
{
	struct blob *blob = &run->live[run->live_count++];
	*blob = (struct blob){ .size = size };
	run->impl->create(run->user, blob);
	run->total_bytes += size;
	run->live_bytes += size;
	run->most_live = run->live_count > run->most_live ? run->live_count : run->most_live;
	run->most_bytes = run->live_bytes > run->most_bytes ? run->live_bytes : run->most_bytes;
	if (run->impl->zeroed) {
		compare_zero(blob);
	}
	fill(blob, (uint32_t)next_random(run));
	if (++run->started == run->options->spoil) {
		blob->words[size / 8] ^= 0x100;
	}
	if (run->impl->exchange) {
		uint32_t next = (uint32_t)next_random(run);
		run->impl->exchange(run->user, blob, next);
		blob->seed = next;
	}
	compare(blob, "after it was written");
}

static void blob_end(struct run *run, uint32_t number)
{
	struct blob *blob = &run->live[number];
	compare(blob, "before it goes");
	run->impl->destroy(run->user, blob);
	run->live_bytes -= blob->size;
	*blob = run->live[--run->live_count];
}

static void check_options(const struct blob_options *options)
{
	if (options->smallest < BLOB_PAGE || options->smallest % BLOB_PAGE != 0 ||
		options->largest % BLOB_PAGE != 0 || options->largest < options->smallest) {
		fail("sizes are multiples of %u, and the largest is not below the smallest",
			BLOB_PAGE);
	}
	if (options->live < 1 || options->live_bytes < options->largest) {
		fail("the largest blob has to fit into --live and --live-bytes");
	}
}

void blobs_run(const char *name, const struct blob_options *options, const struct blob_impl *impl,
	void *user)
{
	check_options(options);
	static struct run run;
	run = (struct run){
		.options = options, .impl = impl, .user = user, .random = options->seed
	};
	for (uint32_t number = 0; number < options->count; number++) {
		size_t size = next_size(&run, number);
		while (run.live_count == options->live ||
			run.live_bytes + size > options->live_bytes) {
			blob_end(&run, (uint32_t)(next_random(&run) % run.live_count));
		}
		blob_start(&run, size);
	}
	if (options->hold) {
		printf("%s: holding %u blobs, %zu KiB\n", name, run.live_count,
			run.live_bytes / 1024);
		fflush(stdout);
		pause();
	}
	while (run.live_count > 0) {
		blob_end(&run, run.live_count - 1);
	}
	printf("%s ok: %u blobs of %zu to %zu KiB, %llu MiB, at most %u and %zu MiB at a time "
	       "(seed %llu)\n",
		name, options->count, options->smallest / 1024, options->largest / 1024,
		(unsigned long long)(run.total_bytes / MIB), run.most_live, run.most_bytes / MIB,
		(unsigned long long)options->seed);
	fflush(stdout);
}
