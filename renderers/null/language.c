/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
#include <errno.h>
#include <stdlib.h>
#include <time.h>

#include "null/null.h"
#include "null/objects.h"
#include "util/checked.h"

#define ANY_WORDS UINT32_MAX

struct command_spec {
	uint32_t words;
	bool (*run)(struct null_context *context, const uint32_t *args);
};

static bool run_nop(struct null_context *context, const uint32_t *args)
{
	return true;
}

static bool run_fill(struct null_context *context, const uint32_t *args)
{
	struct null_resource *resource = idmap_find(&context->attached, args[0]);
	if (!resource)
		return false;
	const struct rect all = { 0, 0, resource->width, resource->height };
	return null_resource_fill(resource, &all, args[1]);
}

static bool run_fill_rect(struct null_context *context, const uint32_t *args)
{
	struct null_resource *resource = idmap_find(&context->attached, args[0]);
	const struct rect rect = { args[2], args[3], args[4], args[5] };
	return resource && null_resource_fill(resource, &rect, args[1]);
}

static bool run_write(struct null_context *context, const uint32_t *args)
{
	struct null_resource *resource = idmap_find(&context->attached, args[0]);
	return resource && null_resource_write(resource, args[1], args[2], args[3]);
}

/* #syscalls null: clock_nanosleep nanosleep */
static bool run_hang(struct null_context *context, const uint32_t *args)
{
	struct timespec rest = {
		.tv_sec = args[0] / 1000,
		.tv_nsec = (long)(args[0] % 1000) * 1000000,
	};
	while (nanosleep(&rest, &rest) < 0 && errno == EINTR)
		;
	return true;
}

static bool run_abort(struct null_context *context, const uint32_t *args)
{
	abort();
}

static bool run_exit(struct null_context *context, const uint32_t *args)
{
	_Exit((int)(args[0] & 0xff));
}

static bool run_delay_fences(struct null_context *context, const uint32_t *args)
{
	context->fence_delay_ms = args[0];
	return true;
}

static bool run_never_signal(struct null_context *context, const uint32_t *args)
{
	context->never_signals = true;
	return true;
}

static const struct command_spec command_specs[] = {
	[NULL_NOP] = { ANY_WORDS, run_nop },
	[NULL_FILL] = { 2, run_fill },
	[NULL_FILL_RECT] = { 6, run_fill_rect },
	[NULL_WRITE] = { 4, run_write },
	[NULL_HANG] = { 1, run_hang },
	[NULL_ABORT] = { 0, run_abort },
	[NULL_EXIT] = { 1, run_exit },
	[NULL_DELAY_FENCES] = { 1, run_delay_fences },
	[NULL_NEVER_SIGNAL] = { 0, run_never_signal },
};
_Static_assert(ARRAY_SIZE(command_specs) == NULL_CODE_COUNT, "a row for each command");

int null_context_run(struct null_context *context, const uint32_t *stream, uint32_t words)
{
	while (words > 0) {
		uint32_t code = *stream & 0xffff;
		uint32_t count = *stream >> 16;
		stream++;
		words--;
		if (code >= NULL_CODE_COUNT || !command_specs[code].run || count > words)
			return -EINVAL;
		const struct command_spec *spec = &command_specs[code];
		if (spec->words != ANY_WORDS && spec->words != count)
			return -EINVAL;
		if (!spec->run(context, stream))
			return -EINVAL;
		stream += count;
		words -= count;
	}
	return 0;
}

struct null_context *null_context_create(uint32_t id)
{
	struct null_context *context = calloc(1, sizeof(*context));
	if (!context)
		return NULL;
	context->id = id;
	idmap_init(&context->attached);
	return context;
}

void null_context_destroy(struct null_context *context)
{
	idmap_finish(&context->attached);
	free(context);
}
