/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
#include "pairs.h"

#include <dirent.h>
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>

#include "util/checked.h"

#define MAX_COUNT 100000u

/* --- the command line ---------------------------------------------------------------------- */

static double number(const char *text, double most)
{
	char *end;
	double value = strtod(text, &end);
	if (*end || !(value > 0 && value <= most)) {
		fprintf(stderr, "%s: %s is not a number up to %g\n", program_invocation_short_name,
			text, most);
		exit(2);
	}
	return value;
}

void pairs_parse(struct pairs *pairs, int argc, char **argv)
{
	static const struct option longs[] = {
		{ "blocks", required_argument, NULL, 'b' },
		{ "frames", required_argument, NULL, 'f' },
		{ "least", required_argument, NULL, 'l' },
		{ 0 },
	};
	int letter;
	while ((letter = getopt_long(argc, argv, "", longs, NULL)) >= 0) {
		if (letter == '?')
			exit(2);
		if (letter == 'l')
			pairs->least = number(optarg, 2);
		else
			*(letter == 'b' ? &pairs->blocks : &pairs->frames) =
				max_u32((uint32_t)number(optarg, MAX_COUNT), 1);
	}
}

/* --- measuring ----------------------------------------------------------------------------- */

struct kit_machine *pairs_machine(const struct kit_machine_spec *spec)
{
	struct kit_machine *m = kit_machine_create(spec);
	if (!m)
		kit_check_failed(KIT_HERE, "there is no machine (see standard error)");
	m->kit.timeout_ms = PAIRS_START_MS;
	return m;
}

static void make_room(const struct pairs *pairs, struct pairs_side *side)
{
	for (enum pairs_measure measure = 0; measure < PAIRS_MEASURES; measure++) {
		side->took_us[measure] = calloc(pairs->blocks, sizeof(double));
		CHECK(side->took_us[measure]);
	}
}

void pairs_prepare(struct pairs *pairs)
{
	pairs->ratios = calloc(pairs->blocks, sizeof(*pairs->ratios));
	CHECK(pairs->ratios);
	make_room(pairs, pairs->first);
	make_room(pairs, pairs->second);
}

void pairs_warm_up(struct pairs_side *side)
{
	for (uint32_t i = 0; i < PAIRS_WARM_UP; i++)
		side->draw(side);
	side->check_shown(side);
}

/* How long a thread has been running, in ns. */
static uint64_t thread_ns(pid_t pid, const char *thread)
{
	char path[64];
	unsigned long long ns = 0;
	snprintf(path, sizeof(path), "/proc/%d/task/%.20s/schedstat", pid, thread);
	FILE *file = thread[0] == '.' ? NULL : fopen(path, "re");
	if (!file)
		return 0;
	if (fscanf(file, "%llu", &ns) != 1)
		ns = 0;
	fclose(file);
	return ns;
}

static double running_us(const struct pairs_side *side)
{
	pid_t pids[KIT_MAX_PROCESSES];
	uint32_t count = kit_backend_processes(side->m->backend, pids, KIT_MAX_PROCESSES);
	uint64_t ns = 0;
	for (uint32_t i = 0; i < count; i++) {
		char path[64];
		snprintf(path, sizeof(path), "/proc/%d/task", pids[i]);
		DIR *threads = opendir(path);
		const struct dirent *thread;
		while (threads && (thread = readdir(threads)))
			ns += thread_ns(pids[i], thread->d_name);
		if (threads)
			closedir(threads);
	}
	return (double)ns / 1000;
}

static void run_block(const struct pairs *pairs, struct pairs_side *side, uint32_t block)
{
	double running = running_us(side);
	uint64_t start = kit_now_us();
	for (uint32_t i = 0; i < pairs->frames; i++)
		side->draw(side);
	side->check_shown(side);
	side->took_us[PAIRS_WALL][block] = (double)(kit_now_us() - start) / pairs->frames;
	side->took_us[PAIRS_RUNNING][block] = (running_us(side) - running) / pairs->frames;
}

void pairs_run(struct pairs *pairs)
{
	for (uint32_t i = 0; i < pairs->blocks; i++) {
		run_block(pairs, i % 2 ? pairs->second : pairs->first, i);
		run_block(pairs, i % 2 ? pairs->first : pairs->second, i);
	}
}

static int by_value(const void *a, const void *b)
{
	const double *x = a, *y = b;
	return (*x > *y) - (*x < *y);
}

static double median(double *values, uint32_t count)
{
	qsort(values, count, sizeof(*values), by_value);
	return values[count / 2];
}

double pairs_median(const struct pairs *pairs, struct pairs_side *side, enum pairs_measure measure)
{
	return median(side->took_us[measure], pairs->blocks);
}

double pairs_ratio(struct pairs *pairs, enum pairs_measure measure)
{
	for (uint32_t i = 0; i < pairs->blocks; i++)
		pairs->ratios[i] =
			pairs->first->took_us[measure][i] / pairs->second->took_us[measure][i];
	return median(pairs->ratios, pairs->blocks);
}

static bool finish(struct pairs_side *side)
{
	for (enum pairs_measure measure = 0; measure < PAIRS_MEASURES; measure++)
		free(side->took_us[measure]);
	return kit_machine_destroy(side->m) == 0;
}

bool pairs_finish(struct pairs *pairs)
{
	free(pairs->ratios);
	bool good = finish(pairs->first);
	return finish(pairs->second) && good;
}
