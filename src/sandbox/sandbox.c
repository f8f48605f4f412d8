/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
#include "sandbox/sandbox.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "sandbox/policy.h"
#include "util/checked.h"
#include "util/log.h"

static const char *const mode_names[] = {
	[SANDBOX_AUTO] = "auto",
	[SANDBOX_STRICT] = "strict",
	[SANDBOX_OFF] = "off",
};

static const char *const layer_names[] = {
	[SANDBOX_SECCOMP] = "seccomp",
	[SANDBOX_LANDLOCK] = "landlock",
	[SANDBOX_USER] = "user",
	[SANDBOX_MOUNT] = "mount",
	[SANDBOX_NET] = "net",
	[SANDBOX_IPC] = "ipc",
	[SANDBOX_PID] = "pid",
};
static_assert(ARRAY_SIZE(layer_names) == SANDBOX_LAYERS, "a name for each layer");

int sandbox_mode_parse(const char *text, enum sandbox_mode *ret_mode)
{
	for (size_t i = 0; i < ARRAY_SIZE(mode_names); i++) {
		if (strcmp(mode_names[i], text) == 0) {
			*ret_mode = (enum sandbox_mode)i;
			return 0;
		}
	}
	return -EINVAL;
}

const char *sandbox_mode_name(enum sandbox_mode mode)
{
	return mode_names[mode];
}

void sandbox_init(
	struct sandbox *sandbox, const struct sandbox_policy *policy, enum sandbox_mode mode)
{
	*sandbox = (struct sandbox){ .policy = policy, .mode = mode };
}

static bool is_namespace(enum sandbox_layer layer)
{
	return layer != SANDBOX_SECCOMP && layer != SANDBOX_LANDLOCK;
}

int sandbox_record(struct sandbox *sandbox, enum sandbox_layer layer, int error)
{
	uint32_t bit = 1u << layer;
	if (error == 0) {
		sandbox->holds |= bit;
		return 0;
	}
	sandbox->missing |= bit;
	sandbox->errors[layer] = error;
	if (sandbox->mode != SANDBOX_STRICT)
		return 0;
	log_error("--sandbox=strict: the %s has no %s%s here: %s", sandbox->policy->name,
		layer_names[layer], is_namespace(layer) ? " namespace" : "", strerror(error));
	return -error;
}

struct text {
	char *bytes;
	size_t size, length;
};

static void add(struct text *text, const char *word)
{
	int length = snprintf(text->bytes + text->length, text->size - text->length, "%s", word);
	text->length = min_size(text->length + (size_t)length, text->size - 1);
}

/* "namespaces user+mount" of those in layers; nothing when there are none. */
static void add_namespaces(struct text *text, uint32_t layers, const char *before)
{
	for (uint32_t i = 0; i < SANDBOX_LAYERS; i++) {
		if (!(layers >> i & 1) || !is_namespace((enum sandbox_layer)i))
			continue;
		add(text, before);
		add(text, layer_names[i]);
		before = "+";
	}
}

static void add_missing(struct text *text, const struct sandbox *sandbox)
{
	const char *before = "; without ";
	for (uint32_t i = 0; i < SANDBOX_LAYERS; i++) {
		if (!(sandbox->missing >> i & 1))
			continue;
		add(text, before);
		add(text, layer_names[i]);
		add(text, " (");
		add(text, strerror(sandbox->errors[i]));
		add(text, ")");
		before = ", ";
	}
}

void sandbox_describe(const struct sandbox *sandbox, char *bytes, size_t size)
{
	struct text text = { .bytes = bytes, .size = size };
	char landlock[32];
	bytes[0] = '\0';
	if (sandbox->holds >> SANDBOX_SECCOMP & 1)
		add(&text, "seccomp");
	if (sandbox->landlock > 0) {
		snprintf(landlock, sizeof(landlock), "%slandlock %d", text.length ? ", " : "",
			sandbox->landlock);
		add(&text, landlock);
	}
	add_namespaces(&text, sandbox->holds, text.length ? ", namespaces " : "namespaces ");
	if (text.length == 0)
		add(&text, "none");
	add_missing(&text, sandbox);
}
