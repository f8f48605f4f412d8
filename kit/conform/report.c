/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/*
 * What a run says: a line that moves while it goes on, a line for each case that is not as it
 * should be, a table by area, what was never sent, and the totals as the last line.
 */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "kit/conform/plan.h"

#define LOG_LINES   30u /* of a failed case that are shown */
#define PROGRESS_MS 10000u /* between lines about it, where none moves */

void conform_report_list(const struct conform_plan *plan)
{
	for (size_t i = 0; i < plan->count; i++)
		printf("%-48s %s\n", plan->items[i].name, plan->items[i].row->source);
	printf("%zu cases\n", plan->count);
}

/* --- while it runs ------------------------------------------------------------------------- */

/* Whether there is a line that moves; else there are lines like any others, from time to time. */
static bool moves(void)
{
	const char *terminal = getenv("TERM");
	return isatty(STDOUT_FILENO) && terminal && strcmp(terminal, "dumb") != 0;
}

static void print_features(const char *what, uint64_t bits, const char *(*name)(uint32_t bit))
{
	printf("# %s:", what);
	for (uint32_t bit = 0; bit < 64; bit++) {
		if (!(bits >> bit & 1))
			continue;
		if (name(bit))
			printf(" %s", name(bit));
		else
			printf(" bit %u", bit);
	}
	printf("\n");
}

void conform_report_start(const struct conform_plan *plan)
{
	const struct conform_probe *probe = &plan->shared->probe;
	printf("# backend: %s\n", plan->options.backend);
	printf("# limits: %d ms for an answer, %u s for a case\n", plan->options.timeout_ms,
		conform_case_limit_ms(&plan->options) / 1000);
	if (!probe->done) {
		printf("# it could not be probed: %s\n", probe->why);
		return;
	}
	print_features("features", probe->features, kit_feature_name);
	print_features("protocol features", probe->protocol, kit_protocol_feature_name);
	printf("# it serves %s, %s, %s, %s, and %s\n",
		probe->many ? "one connection after another" : "one connection",
		probe->display ? "shows pictures on the VMM's display" : "does not use the display",
		probe->virgl ? "renders with virgl" : "has no virgl",
		probe->venus ? "with venus" : "has no venus",
		probe->maps ? "maps memory of its own" : "maps no memory");
}

void conform_report_note(const char *text)
{
	printf("# %s\n", text);
}

static void print_log(const struct conform_item *item)
{
	const char *line = item->log;
	for (uint32_t i = 0; line && *line && i < LOG_LINES; i++) {
		size_t length = strcspn(line, "\n");
		printf("#   %.*s\n", (int)length, line);
		line += length + (line[length] == '\n');
	}
}

static uint32_t count_ended(const struct conform_plan *plan)
{
	uint32_t ended = 0;
	for (size_t i = 0; i < plan->count; i++)
		ended += plan->items[i].ended;
	return ended;
}

/* Those that are tests to a harness: a feature that is not there is none. */
static uint32_t count_tests(const struct conform_plan *plan)
{
	uint32_t tests = 0;
	for (size_t i = 0; i < plan->count; i++)
		tests += plan->items[i].ended && !plan->items[i].not_offered;
	return tests;
}

static void print_progress(const struct conform_plan *plan)
{
	static const enum conform_verdict bad[] = { CONFORM_WEDGED, CONFORM_FAIL };
	printf("%u of %zu", count_ended(plan), plan->count);
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		printf(", %u %s", conform_plan_count(plan, bad[i]), conform_verdict_names[bad[i]]);
}

void conform_report_progress(const struct conform_plan *plan)
{
	static uint64_t last;
	if (last == 0)
		last = kit_now();
	if ((moves() && !plan->options.tap) || kit_now() - last < PROGRESS_MS)
		return;
	last = kit_now();
	printf("# ");
	print_progress(plan);
	printf("\n");
	fflush(stdout);
}

static void print_tap(const struct conform_plan *plan, size_t index)
{
	const struct conform_item *item = &plan->items[index];
	bool good = item->verdict < CONFORM_WEDGED;
	if (item->not_offered) {
		printf("# %s: %s\n", item->name, item->why);
		return;
	}
	/* in the order in which they end: harnesses want the numbers to rise */
	printf("%s %u - %s", good ? "ok" : "not ok", count_tests(plan), item->name);
	if (item->verdict == CONFORM_SKIP)
		printf(" # SKIP %s", item->why);
	else if (item->verdict != CONFORM_PASS)
		printf(" (%s: %s)", conform_verdict_names[item->verdict], item->why);
	printf("\n");
	if (!good)
		print_log(item);
	fflush(stdout);
}

static void print_item(const struct conform_plan *plan, size_t index)
{
	const struct conform_item *item = &plan->items[index];
	bool good = item->verdict < CONFORM_WEDGED;
	if (moves())
		printf("\r\033[K");
	if (!good || plan->options.verbose)
		printf("%-6s %s%s%s\n", conform_verdict_names[item->verdict], item->name,
			item->why[0] ? ": " : "", item->why);
	if (!good) {
		printf("#   holds it to: %s\n", item->row->source);
		print_log(item);
	}
}

void conform_report_item(struct conform_plan *plan, size_t index)
{
	plan->items[index].ended = true;
	if (plan->options.tap) {
		print_tap(plan, index);
		return;
	}
	print_item(plan, index);
	if (moves()) {
		printf("\r");
		print_progress(plan);
		printf("  ");
	}
	fflush(stdout);
}

/* --- at the end ---------------------------------------------------------------------------- */

static void print_row(const char *name, const uint32_t counts[CONFORM_VERDICTS])
{
	printf("%-12s", name);
	for (uint32_t i = 0; i < CONFORM_VERDICTS; i++)
		printf(" %7u", counts[i]);
	printf("\n");
}

static bool same_area(const struct conform_area *a, const struct conform_area *b)
{
	return strcmp(a->name, b->name) == 0;
}

static void print_table(const struct conform_plan *plan)
{
	printf("%-12s", "area");
	for (uint32_t i = 0; i < CONFORM_VERDICTS; i++)
		printf(" %7s", conform_verdict_names[i]);
	printf("\n");
	for (size_t i = 0; i < conform_area_count; i++) {
		uint32_t counts[CONFORM_VERDICTS] = { 0 };
		bool any = false;
		/* a part of the area before it */
		if (i > 0 && same_area(conform_areas[i], conform_areas[i - 1]))
			continue;
		for (size_t j = 0; j < plan->count; j++) {
			if (!same_area(plan->items[j].area, conform_areas[i]))
				continue;
			counts[plan->items[j].verdict]++;
			any = true;
		}
		if (any)
			print_row(conform_areas[i]->name, counts);
	}
}

static void print_name(void *data, const char *name)
{
	uint32_t *count = data;
	printf("%s%s", (*count)++ ? " " : "never sent: ", name);
}

void conform_report_end(const struct conform_plan *plan)
{
	uint32_t unsent = 0;
	if (plan->options.tap) {
		printf("1..%u\n", count_tests(plan));
		return;
	}
	if (moves())
		printf("\r\033[K");
	print_table(plan);
	conform_plan_never_sent(plan, print_name, &unsent);
	printf("%s\n", unsent ? "" : "never sent: nothing, every message and command was");
	for (uint32_t i = 0; i < CONFORM_VERDICTS; i++)
		printf("%s%u %s", i ? ", " : "", conform_plan_count(plan, (enum conform_verdict)i),
			conform_verdict_names[i]);
	printf("\n");
}
