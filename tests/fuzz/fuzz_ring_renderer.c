/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/* The device towards the null renderer's process (device_side.h). */
#include "device_side.h"
#include "null/null.h"
#include "util/checked.h"

/* Words of a stream: a command with the arguments it needs, or anything. */
static void fill_stream(struct fuzz_input *input, uint32_t *words, uint32_t count)
{
	static const uint32_t commands[] = { NULL_COMMAND(NULL_FILL, 2),
		NULL_COMMAND(NULL_FILL_RECT, 6), NULL_COMMAND(NULL_WRITE, 4),
		NULL_COMMAND(NULL_DELAY_FENCES, 1), NULL_COMMAND(NULL_NEVER_SIGNAL, 0),
		NULL_COMMAND(NULL_NOP, 3) };
	uint32_t command = commands[fuzz_below(input, ARRAY_SIZE(commands))];
	for (uint32_t i = 0; i < count; i++)
		words[i] = fuzz_below(input, 4);
	if (count > command >> 16)
		words[0] = command;
}

static struct renderer *create(struct loop *loop, struct host_options *options,
	const struct renderer_events *events, void *events_data)
{
	return null_renderer_create(loop, true, events, events_data);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
	static const struct device_side side = { create, fill_stream, 9, NULL };
	device_side_run(bytes, size, &side);
	return 0;
}
