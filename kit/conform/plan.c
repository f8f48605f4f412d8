/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
#include "kit/conform/plan.h"

#include <errno.h>
#include <fnmatch.h>
#include <stdlib.h>

#include "util/checked.h"

#define CASE_LIMIT_MS 60000u /* of what a case does beside waiting for what does not come */

const char *const conform_verdict_names[CONFORM_VERDICTS] = {
	[CONFORM_PASS] = "PASS",
	[CONFORM_REJECT] = "REJECT",
	[CONFORM_SKIP] = "SKIP",
	[CONFORM_WEDGED] = "WEDGED",
	[CONFORM_FAIL] = "FAIL",
};

static bool selected(const struct conform_options *options, const char *name)
{
	for (uint32_t i = 0; i < options->only_count; i++)
		if (fnmatch(options->only[i], name, 0) == 0)
			return true;
	return options->only_count == 0;
}

static void name_item(struct conform_item *item)
{
	const struct conform_case *row = item->row;
	const char *variant = row->variants ? row->variants[item->variant] : NULL;
	snprintf(item->name, sizeof(item->name), "%s.%s%s%s", item->area->name, row->name,
		variant ? "." : "", variant ? variant : "");
}

static int add(struct conform_plan *plan, const struct conform_item *like)
{
	struct conform_item item = *like;
	name_item(&item);
	if (!selected(&plan->options, item.name))
		return 0;
	struct conform_item *items = reallocarray(plan->items, plan->count + 1, sizeof(*items));
	if (!items)
		return -ENOMEM;
	plan->items = items;
	plan->items[plan->count++] = item;
	return 0;
}

static int add_case(
	struct conform_plan *plan, const struct conform_area *area, const struct conform_case *row)
{
	struct conform_item item = { .area = area, .row = row };
	int ret = 0;
	if (plan->options.hostile ? !(area->hostile || row->hostile) : area->hostile)
		return 0;
	do {
		ret = add(plan, &item);
		item.variant++;
	} while (ret == 0 && row->variants && row->variants[item.variant]);
	return ret;
}

int conform_plan_init(struct conform_plan *plan)
{
	for (size_t i = 0; i < conform_area_count; i++)
		for (size_t j = 0; j < conform_areas[i]->count; j++) {
			int ret = add_case(plan, conform_areas[i], &conform_areas[i]->cases[j]);
			if (ret < 0)
				return ret;
		}
	return 0;
}

void conform_plan_finish(struct conform_plan *plan)
{
	for (size_t i = 0; i < plan->count; i++)
		free(plan->items[i].log);
	free(plan->items);
}

uint32_t conform_case_limit_ms(const struct conform_options *options)
{
	/* the start, the answer, the question whether it answers at all, the end */
	return CASE_LIMIT_MS + 4 * (uint32_t)options->timeout_ms;
}

uint32_t conform_plan_count(const struct conform_plan *plan, enum conform_verdict verdict)
{
	uint32_t count = 0;
	for (size_t i = 0; i < plan->count; i++)
		count += plan->items[i].verdict == verdict;
	return count;
}

void conform_plan_never_sent(
	const struct conform_plan *plan, void (*each)(void *data, const char *name), void *data)
{
	size_t count;
	const struct kit_request_spec *requests = kit_requests(&count);
	for (size_t i = 0; i < count; i++)
		if (!plan->shared->seen.messages[requests[i].request])
			each(data, requests[i].name);
	const struct kit_command_spec *commands = kit_command_specs(&count);
	for (size_t i = 0; i < count; i++)
		if (!plan->shared->seen.commands[commands[i].type])
			each(data, commands[i].name);
}
