/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
#include "config.h"

#include <errno.h>
#include <inttypes.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "config_values.h"
#include "renderer/registry.h"
#include "util/checked.h"

enum option_kind {
	OPTION_OWN, /* set, and print unless it is an alias */
	OPTION_TEXT, /* not empty: into a const char * */
	OPTION_FLAG, /* takes no value: sets a bool */
	OPTION_NUMBER, /* into an unsigned field of 4 or 8 bytes */
	OPTION_ACTION, /* takes no value: what the program is to do */
};

/* One option: all that the command line, --help and --dump-config know of it. */
struct option_spec {
	const char *name;
	char letter; /* 0: none */
	const char *argument; /* what the help calls it; NULL: takes none */
	const char *help; /* NULL: an alias that the help leaves to the manual */
	enum option_kind kind;
	const char *expected; /* for the error line; of a number it follows from what is below */
	size_t field; /* of struct config: TEXT, FLAG, NUMBER */

	/* OPTION_NUMBER: as it is given; the field has it in units of 1 << shift. */
	size_t field_size;
	uint64_t min, max;
	const char *unit; /* NULL: a count */
	uint32_t shift;

	enum config_action action; /* OPTION_ACTION */

	/* OPTION_OWN. 0, or -EINVAL when the value is no good. */
	int (*set)(struct config *config, const char *value);
	void (*print)(const struct config *config); /* the value, as it would be given */
};

#define OWN(set_fn, print_fn) .kind = OPTION_OWN, .set = (set_fn), .print = (print_fn)
#define TEXT(member)          .kind = OPTION_TEXT, .field = offsetof(struct config, member)
#define FLAG(member)          .kind = OPTION_FLAG, .field = offsetof(struct config, member)
#define ACTION(number)        .kind = OPTION_ACTION, .action = (number)
#define NUMBER(member, least, most)                                                                \
	.kind = OPTION_NUMBER, .field = offsetof(struct config, member),                           \
	.field_size = sizeof(((struct config *)NULL)->member), .min = (least), .max = (most)
#define KIB     .unit = "KiB", .shift = 10
#define MIB     .unit = "MiB", .shift = 20
#define SECONDS .unit = "seconds"

/* clang-format off */
static const struct option_spec options[] = {
	{ "socket-path", 's', "PATH", "listen for the VMM on a UNIX socket at PATH",
		TEXT(socket_path), .expected = "a path" },
	{ "fd", 'f', "N", "serve the VMM on descriptor N, listening or connected",
		OWN(config_set_fd, config_print_fd), .expected = "the number of an open descriptor, 3 or more" },
	{ "renderer", 0, "LIST", "what renders for guests: auto, none (2D only), or of: virgl",
		OWN(config_set_renderer, config_print_renderer),
		.expected = "auto, none, or names that --help lists" },
	{ "capset", 'c', "LIST", "offer only these capability sets: virgl, virgl2, venus, drm",
		OWN(config_set_capset, config_print_capset),
		.expected = "names of capability sets, like virgl,virgl2" },
	{ "render-node", 'r', "PATH", "the GPU to render with, like /dev/dri/renderD128",
		TEXT(render_node), .expected = "a path" },
	{ "display-socket", 0, "PATH", "listen for a viewer that shows what the VMM does not",
		TEXT(display_socket), .expected = "a path" },
	{ "headless", 0, NULL, "leave the VMM's display alone: nothing is shown", FLAG(headless) },
	{ "scanouts", 0, "N", "outputs of the device where the VMM's display does not say",
		NUMBER(scanouts, 1, VIRTIO_GPU_MAX_SCANOUTS) },
	{ "mode", 0, "WxH", "their size in pixels where no display says (1280x800)",
		OWN(config_set_mode, config_print_mode),
		.expected = "a width and a height from 16 to 16384, like 1280x800" },
	{ "host-visible-memory", 0, "MIB", "room for memory of renderers in the guest, in MiB",
		OWN(config_set_host_visible, config_print_host_visible),
		.expected = "0 or a power of two, like 8192" },
	{ "memory-slots", 0, NULL, "let the VMM add and remove memory piece by piece",
		FLAG(memory_slots) },

	/* What a guest may take (gpu/device.h); the defaults are GPU_LIMITS_DEFAULT. */
	{ "max-resources", 0, "N", "most resources a guest may have",
		NUMBER(limits.resources, 1, 1u << 24) },
	{ "max-blobs", 0, "N", "most blobs among them", NUMBER(limits.blobs, 1, 1u << 24) },
	{ "max-mappings", 0, "N", "most blobs of renderers that a guest may have mapped",
		NUMBER(limits.mappings, 1, 1u << 16) },
	{ "max-contexts", 0, "N", "most 3D contexts a guest may have",
		NUMBER(limits.contexts, 1, 1u << 16) },
	{ "max-attachments", 0, "N", "most attachments of resources to contexts",
		NUMBER(limits.attachments, 1, 1u << 28) },
	{ "max-fences", 0, "N", "most fenced commands under way",
		NUMBER(limits.fences, 1, VIRTQUEUE_MAX_SIZE) },
	{ "max-submit-size", 0, "KIB", "largest command stream, in KiB",
		NUMBER(limits.submit_bytes, 1, RENDERER_MAX_SUBMIT >> 10), KIB },
	{ "max-backing-entries", 0, "N", "most pieces of memory behind one resource",
		NUMBER(limits.backing_entries, 1, RENDERER_MAX_SPANS) },
	{ "max-backing-total", 0, "N", "most pieces of memory behind all resources together",
		NUMBER(limits.backing_total, 1, 1u << 28) },
	{ "max-host-memory", 0, "MIB", "most memory for 2D resources, in MiB",
		NUMBER(limits.host_bytes, 1, 1u << 24), MIB },
	{ "max-3d-memory", 0, "MIB", "most memory for resources in renderers, in MiB",
		NUMBER(limits.renderer_bytes, 1, 1u << 24), MIB },

	{ "renderer-timeout", 0, "S", "seconds until one that leaves something undone is replaced",
		NUMBER(renderer_late_s, 1, CONFIG_MAX_SECONDS), SECONDS },
	{ "renderer-restarts", 0, "N/S", "start each at most N times in S seconds (3/60)",
		OWN(config_set_restarts, config_print_restarts),
		.expected = "a number of starts from 1 to 64 and seconds from 1 to 86400, like 3/60" },

	{ "sandbox", 0, "MODE", "auto (what the kernel has), strict (all of it) or off",
		OWN(config_set_sandbox, config_print_sandbox), .expected = "auto, strict or off" },

	{ "log-level", 'l', "LEVEL", "error, warn, info (default) or debug",
		OWN(config_set_log_level, config_print_log_level), .expected = "error, warn, info or debug" },
	{ "debug", 'd', NULL, "short for --log-level=debug", OWN(config_set_debug, NULL) },
	{ "print-capabilities", 0, NULL, "tell VMM managers what this program can do (JSON)",
		ACTION(ACTION_PRINT_CAPABILITIES) },
	{ "check-host", 0, NULL, "say in plain words what this host can do for guests",
		ACTION(ACTION_CHECK_HOST) },
	{ "dump-config", 0, NULL, "print the configuration and exit", ACTION(ACTION_DUMP_CONFIG) },
	{ "version", 'V', NULL, "print the version and exit", ACTION(ACTION_VERSION) },
	{ "help", 'h', NULL, "print this text and exit", ACTION(ACTION_HELP) },

	/* As VMM managers and other backends call them. */
	{ "virgl", 'v', NULL, NULL, OWN(config_set_virgl, NULL) },
	{ "gpu-mode", 'g', "MODE", NULL, OWN(config_set_gpu_mode, NULL), .expected = "virglrenderer, virgl or null" },
	{ "gpu-device", 0, "PATH", NULL, TEXT(render_node), .expected = "a path" },
};
/* clang-format on */

static void *field_of(struct config *config, const struct option_spec *option)
{
	return (uint8_t *)config + option->field;
}

static const void *const_field_of(const struct config *config, const struct option_spec *option)
{
	return (const uint8_t *)config + option->field;
}

static int set_text(struct config *config, const struct option_spec *option, const char *value)
{
	memcpy(field_of(config, option), &value, sizeof(value));
	return *value ? 0 : -EINVAL;
}

static int set_number(struct config *config, const struct option_spec *option, const char *value)
{
	uint64_t number;
	int ret = config_parse_number(value, option->min, option->max, &number);
	if (ret < 0)
		return ret;
	number <<= option->shift;
	const uint32_t narrow = (uint32_t)number;
	if (option->field_size == sizeof(narrow))
		memcpy(field_of(config, option), &narrow, sizeof(narrow));
	else
		memcpy(field_of(config, option), &number, sizeof(number));
	return 0;
}

static uint64_t get_number(const struct config *config, const struct option_spec *option)
{
	uint32_t narrow;
	uint64_t number;
	if (option->field_size != sizeof(narrow)) {
		memcpy(&number, const_field_of(config, option), sizeof(number));
		return number >> option->shift;
	}
	memcpy(&narrow, const_field_of(config, option), sizeof(narrow));
	return narrow >> option->shift;
}

/* 0, or -EINVAL when the value is no good. */
static int set_option(struct config *config, const struct option_spec *option, const char *value)
{
	switch (option->kind) {
	case OPTION_OWN:
		return option->set(config, value);
	case OPTION_TEXT:
		return set_text(config, option, value);
	case OPTION_FLAG:
		*(bool *)field_of(config, option) = true;
		return 0;
	case OPTION_NUMBER:
		return set_number(config, option, value);
	case OPTION_ACTION:
		config->action = option->action;
		return 0;
	}
	return -EINVAL;
}

static void print_option(const struct config *config, const struct option_spec *option)
{
	const char *text = "";
	switch (option->kind) {
	case OPTION_OWN:
		option->print(config);
		break;
	case OPTION_TEXT:
		memcpy(&text, const_field_of(config, option), sizeof(text));
		printf("%s", text ? text : "");
		break;
	case OPTION_FLAG:
		printf("%d", *(const bool *)const_field_of(config, option));
		break;
	case OPTION_NUMBER:
		printf("%" PRIu64, get_number(config, option));
		break;
	case OPTION_ACTION:
		break;
	}
}

/* What to give instead of a value that is no good. */
static const char *expected(const struct option_spec *option)
{
	static char text[64];
	if (option->kind != OPTION_NUMBER)
		return option->expected;
	snprintf(text, sizeof(text), "a number%s%s from %" PRIu64 " to %" PRIu64,
		option->unit ? " of " : "", option->unit ? option->unit : "", option->min,
		option->max);
	return text;
}

static const struct option_spec *find_long(const char *name, size_t length)
{
	for (size_t i = 0; i < ARRAY_SIZE(options); i++)
		if (strlen(options[i].name) == length &&
			strncmp(options[i].name, name, length) == 0)
			return &options[i];
	return NULL;
}

static const struct option_spec *find_letter(char letter)
{
	for (size_t i = 0; i < ARRAY_SIZE(options); i++)
		if (letter && options[i].letter == letter)
			return &options[i];
	return NULL;
}

/* Finds the option that argv[*index] names and its value there or in the next argument. */
static int next_option(int argc, char **argv, int *index, const struct option_spec **ret_option,
	const char **ret_value)
{
	const char *argument = argv[*index];
	const char *value = NULL;
	const struct option_spec *option = NULL;
	if (strncmp(argument, "--", 2) == 0) {
		size_t length = strcspn(argument + 2, "=");
		option = find_long(argument + 2, length);
		if (argument[2 + length] == '=')
			value = argument + 2 + length + 1;
	} else if (argument[0] == '-' && argument[1]) {
		option = find_letter(argument[1]);
		if (argument[2])
			value = argument + 2;
	}
	if (!option) {
		log_error("%s is not an option of this program; see --help", argument);
		return -EINVAL;
	}
	if (!option->argument && value) {
		log_error("--%s takes no value", option->name);
		return -EINVAL;
	}
	if (option->argument && !value) {
		if (*index + 1 == argc) {
			log_error("--%s needs %s", option->name, expected(option));
			return -EINVAL;
		}
		value = argv[++*index];
	}
	*ret_option = option;
	*ret_value = value;
	return 0;
}

static int check(const struct config *config)
{
	if (config->action != ACTION_RUN)
		return 0;
	if (config->socket_path && config->fd >= 0) {
		log_error("--socket-path and --fd exclude each other: give one of them");
		return -EINVAL;
	}
	if (!config->socket_path && config->fd < 0) {
		log_error("where is the VMM? give --socket-path PATH (or --fd N); see --help");
		return -EINVAL;
	}
	return 0;
}

static struct config default_config(void)
{
	struct config config = {
		.action = ACTION_RUN,
		.fd = -1,
		.capset_mask = config_capsets_of_renderers(),
		.scanouts = 1,
		.width = 1280,
		.height = 800,
		.host_visible_bytes = GPU_HOST_VISIBLE_BYTES,
		.limits = GPU_LIMITS_DEFAULT,
		.renderer_late_s = GPU_RENDERER_LATE_MS / 1000,
		.renderer_starts = GPU_RENDERER_STARTS,
		.renderer_starts_s = GPU_RENDERER_STARTS_MS / 1000,
		.sandbox = SANDBOX_AUTO,
		.log_level = LOG_INFO,
	};
	config_add_default_renderers(&config);
	return config;
}

int config_parse(int argc, char **argv, struct config *ret_config)
{
	struct config config = default_config();
	for (int i = 1; i < argc; i++) {
		const struct option_spec *option;
		const char *value;
		if (next_option(argc, argv, &i, &option, &value) < 0)
			return -EINVAL;
		if (set_option(&config, option, value) < 0) {
			log_error("--%s: %s is not good here: give %s", option->name, value,
				expected(option));
			return -EINVAL;
		}
	}
	if (check(&config) < 0)
		return -EINVAL;
	*ret_config = config;
	return 0;
}

static void print_help_line(const struct config *defaults, const struct option_spec *option)
{
	char left[64];
	snprintf(left, sizeof(left), "--%s%s%s", option->name, option->argument ? " " : "",
		option->argument ? option->argument : "");
	if (option->letter)
		printf("  -%c, %-24s  %s", option->letter, left, option->help);
	else
		printf("      %-24s  %s", left, option->help);
	if (option->kind == OPTION_NUMBER)
		printf(" (%" PRIu64 ")", get_number(defaults, option));
	printf("\n");
}

void config_print_help(void)
{
	const struct config defaults = default_config();
	printf("Usage: virtiogpud --socket-path PATH [OPTION]...\n"
	       "The GPU of a virtual machine as a process of its own (vhost-user-gpu).\n\n");
	for (size_t i = 0; i < ARRAY_SIZE(options); i++)
		if (options[i].help)
			print_help_line(&defaults, &options[i]);
	printf("\nExit status: 0 ended as asked, 1 the host could not do it, 2 wrong command "
	       "line.\n"
	       "See virtiogpud(1) for all of it, and for how to tell a VMM.\n");
}

void config_dump(const struct config *config)
{
	for (size_t i = 0; i < ARRAY_SIZE(options); i++) {
		const struct option_spec *option = &options[i];
		bool alias = option->kind == OPTION_OWN ? !option->print : !option->help;
		if (alias || option->kind == OPTION_ACTION)
			continue;
		printf("%s=", option->name);
		print_option(config, option);
		printf("\n");
	}
}
