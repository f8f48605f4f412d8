/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
#include "config.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "renderer/registry.h"
#include "util/checked.h"

/* One option: value is NULL where the option takes none. 0, or -EINVAL when the value is no good. */
struct option_spec {
	const char *name;
	char letter; /* 0: none */
	const char *argument; /* what the help calls it; NULL: takes none */
	const char *help; /* NULL: an alias that the help leaves to the manual */
	const char *expected; /* for the error line */
	int (*set)(struct config *config, const char *value);
};

static int parse_number(const char *text, uint64_t min, uint64_t max, uint64_t *ret_number)
{
	char *end;
	errno = 0;
	unsigned long long number = strtoull(text, &end, 10);
	if (errno || end == text || *end || text[0] == '-' || number < min || number > max)
		return -EINVAL;
	*ret_number = number;
	return 0;
}

static int parse_u32(const char *text, uint32_t min, uint32_t max, uint32_t *ret_number)
{
	uint64_t number;
	int ret = parse_number(text, min, max, &number);
	if (ret == 0)
		*ret_number = (uint32_t)number;
	return ret;
}

/* Calls fn for each comma-separated word of text. */
static int for_each_word(
	struct config *config, const char *text, int (*fn)(struct config *config, const char *word))
{
	char word[64];
	while (*text) {
		size_t length = strcspn(text, ",");
		if (length == 0 || length >= sizeof(word))
			return -EINVAL;
		memcpy(word, text, length);
		word[length] = '\0';
		int ret = fn(config, word);
		if (ret < 0)
			return ret;
		text += length;
		if (*text == ',')
			text++;
	}
	return 0;
}

static int add_renderer(struct config *config, const char *name)
{
	const struct renderer_type *type = renderer_type_find(name);
	if (!type || config->renderer_count == GPU_MAX_RENDERERS)
		return -EINVAL;
	for (uint32_t i = 0; i < config->renderer_count; i++)
		if (config->renderers[i] == type->name)
			return -EINVAL;
	config->renderers[config->renderer_count++] = type->name;
	return 0;
}

static void add_default_renderers(struct config *config)
{
	size_t count;
	const struct renderer_type *types = renderer_types(&count);
	config->renderer_count = 0;
	for (size_t i = 0; i < count; i++)
		if (types[i].by_default)
			config->renderers[config->renderer_count++] = types[i].name;
}

static int set_renderer(struct config *config, const char *value)
{
	config->renderer_count = 0;
	if (strcmp(value, "none") == 0)
		return 0;
	if (strcmp(value, "auto") == 0) {
		add_default_renderers(config);
		return 0;
	}
	return *value ? for_each_word(config, value, add_renderer) : -EINVAL;
}

/* The mode names of other vhost-user GPU backends. */
static int set_gpu_mode(struct config *config, const char *value)
{
	static const struct {
		const char *mode, *renderer;
	} modes[] = {
		{ "virglrenderer", "virgl" },
		{ "virgl", "virgl" },
		{ "null", "none" },
	};
	for (size_t i = 0; i < ARRAY_SIZE(modes); i++)
		if (strcmp(modes[i].mode, value) == 0)
			return set_renderer(config, modes[i].renderer);
	return -EINVAL;
}

static int set_virgl(struct config *config, const char *value)
{
	return set_renderer(config, "virgl");
}

static int add_capset(struct config *config, const char *name)
{
	uint32_t id = capset_id(name);
	if (id == 0)
		return -EINVAL;
	config->capset_mask |= UINT64_C(1) << id;
	return 0;
}

static int set_capset(struct config *config, const char *value)
{
	config->capset_mask = 0;
	return *value ? for_each_word(config, value, add_capset) : -EINVAL;
}

static int set_socket_path(struct config *config, const char *value)
{
	config->socket_path = value;
	return *value ? 0 : -EINVAL;
}

static int set_fd(struct config *config, const char *value)
{
	uint32_t fd;
	int ret = parse_u32(value, 3, 1u << 20, &fd);
	if (ret == 0)
		config->fd = (int)fd;
	return ret;
}

static int set_render_node(struct config *config, const char *value)
{
	config->render_node = value;
	return *value ? 0 : -EINVAL;
}

static int set_display_socket(struct config *config, const char *value)
{
	config->display_socket = value;
	return *value ? 0 : -EINVAL;
}

static int set_headless(struct config *config, const char *value)
{
	config->headless = true;
	return 0;
}

static int set_memory_slots(struct config *config, const char *value)
{
	config->memory_slots = true;
	return 0;
}

static int set_scanouts(struct config *config, const char *value)
{
	return parse_u32(value, 1, VIRTIO_GPU_MAX_SCANOUTS, &config->scanouts);
}

static int set_mode(struct config *config, const char *value)
{
	char width[8];
	size_t length = strcspn(value, "x");
	uint32_t w, h;
	if (length >= sizeof(width) || value[length] != 'x')
		return -EINVAL;
	memcpy(width, value, length);
	width[length] = '\0';
	if (parse_u32(width, 16, IMAGE_MAX_SIDE, &w) < 0 ||
		parse_u32(value + length + 1, 16, IMAGE_MAX_SIDE, &h) < 0)
		return -EINVAL;
	config->width = w;
	config->height = h;
	return 0;
}

static int set_max_resources(struct config *config, const char *value)
{
	return parse_u32(value, 1, 1u << 24, &config->limits.resources);
}

static int set_max_contexts(struct config *config, const char *value)
{
	return parse_u32(value, 1, 1u << 16, &config->limits.contexts);
}

static int set_max_host_memory(struct config *config, const char *value)
{
	uint64_t mebibytes;
	int ret = parse_number(value, 1, 1u << 24, &mebibytes);
	if (ret == 0)
		config->limits.host_bytes = mebibytes << 20;
	return ret;
}

static int set_log_level(struct config *config, const char *value)
{
	return log_level_parse(value, &config->log_level);
}

static int set_debug(struct config *config, const char *value)
{
	config->log_level = LOG_DEBUG;
	return 0;
}

static int set_help(struct config *config, const char *value)
{
	config->action = ACTION_HELP;
	return 0;
}

static int set_version(struct config *config, const char *value)
{
	config->action = ACTION_VERSION;
	return 0;
}

static int set_print_capabilities(struct config *config, const char *value)
{
	config->action = ACTION_PRINT_CAPABILITIES;
	return 0;
}

static int set_dump_config(struct config *config, const char *value)
{
	config->action = ACTION_DUMP_CONFIG;
	return 0;
}

static int set_check_host(struct config *config, const char *value)
{
	config->action = ACTION_CHECK_HOST;
	return 0;
}

static const struct option_spec options[] = {
	{ "socket-path", 's', "PATH", "listen for the VMM on a UNIX socket at PATH", "a path",
		set_socket_path },
	{ "fd", 'f', "N", "serve the VMM on descriptor N, listening or connected",
		"the number of an open descriptor, 3 or more", set_fd },
	{ "renderer", 0, "LIST", "what renders for guests: auto, none (2D only), or of: virgl",
		"auto, none, or names that --help lists", set_renderer },
	{ "capset", 'c', "LIST", "offer no other capability sets than these (virgl, virgl2)",
		"names of capability sets, like virgl,virgl2", set_capset },
	{ "render-node", 'r', "PATH", "the GPU to render with, like /dev/dri/renderD128", "a path",
		set_render_node },
	{ "display-socket", 0, "PATH", "listen for a viewer that shows what the VMM does not",
		"a path", set_display_socket },
	{ "headless", 0, NULL, "leave the VMM's display alone: nothing is shown", NULL,
		set_headless },
	{ "scanouts", 0, "N", "outputs of the device where no display says how many (1)",
		"a number from 1 to 16", set_scanouts },
	{ "mode", 0, "WxH", "their size in pixels (1280x800)",
		"a width and a height from 16 to 16384, like 1280x800", set_mode },
	{ "memory-slots", 0, NULL, "let the VMM add and remove memory piece by piece", NULL,
		set_memory_slots },
	{ "max-resources", 0, "N", "most resources a guest may have (16384)",
		"a number from 1 to 16777216", set_max_resources },
	{ "max-contexts", 0, "N", "most 3D contexts a guest may have (256)",
		"a number from 1 to 65536", set_max_contexts },
	{ "max-host-memory", 0, "MIB", "most memory for 2D resources, in MiB (512)",
		"a number of MiB from 1 to 16777216", set_max_host_memory },
	{ "log-level", 'l', "LEVEL", "error, warn, info (default) or debug",
		"error, warn, info or debug", set_log_level },
	{ "debug", 'd', NULL, "short for --log-level=debug", NULL, set_debug },
	{ "print-capabilities", 0, NULL, "tell VMM managers what this program can do (JSON)", NULL,
		set_print_capabilities },
	{ "check-host", 0, NULL, "say in plain words what this host can do for guests", NULL,
		set_check_host },
	{ "dump-config", 0, NULL, "print the configuration and exit", NULL, set_dump_config },
	{ "version", 'V', NULL, "print the version and exit", NULL, set_version },
	{ "help", 'h', NULL, "print this text and exit", NULL, set_help },

	/* As VMM managers and other backends call them. */
	{ "virgl", 'v', NULL, NULL, NULL, set_virgl },
	{ "gpu-mode", 'g', "MODE", NULL, "virglrenderer or null", set_gpu_mode },
	{ "gpu-device", 0, "PATH", NULL, "a path", set_render_node },
};

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
			log_error("--%s needs %s", option->name, option->expected);
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

int config_parse(int argc, char **argv, struct config *ret_config)
{
	struct config config = {
		.action = ACTION_RUN,
		.fd = -1,
		.capset_mask = UINT64_MAX,
		.scanouts = 1,
		.width = 1280,
		.height = 800,
		.limits = GPU_LIMITS_DEFAULT,
		.log_level = LOG_INFO,
	};
	add_default_renderers(&config);
	for (int i = 1; i < argc; i++) {
		const struct option_spec *option;
		const char *value;
		if (next_option(argc, argv, &i, &option, &value) < 0)
			return -EINVAL;
		if (option->set(&config, value) < 0) {
			log_error("--%s: %s is not good here: give %s", option->name, value,
				option->expected);
			return -EINVAL;
		}
	}
	if (check(&config) < 0)
		return -EINVAL;
	*ret_config = config;
	return 0;
}

void config_print_help(void)
{
	printf("Usage: virtiogpud --socket-path PATH [OPTION]...\n"
	       "The GPU of a virtual machine as a process of its own (vhost-user-gpu).\n\n");
	for (size_t i = 0; i < ARRAY_SIZE(options); i++) {
		const struct option_spec *option = &options[i];
		char left[64];
		if (!option->help)
			continue;
		snprintf(left, sizeof(left), "--%s%s%s", option->name, option->argument ? " " : "",
			option->argument ? option->argument : "");
		if (option->letter)
			printf("  -%c, %-24s  %s\n", option->letter, left, option->help);
		else
			printf("      %-24s  %s\n", left, option->help);
	}
	printf("\nExit status: 0 ended as asked, 1 the host could not do it, 2 wrong command "
	       "line.\n"
	       "See virtiogpud(1) for all of it, and for how to tell a VMM.\n");
}

void config_dump(const struct config *config)
{
	const char *separator = "";
	printf("socket-path=%s\n", config->socket_path ? config->socket_path : "");
	printf("fd=%d\n", config->fd);
	printf("renderer=");
	for (uint32_t i = 0; i < config->renderer_count; i++) {
		printf("%s%s", separator, config->renderers[i]);
		separator = ",";
	}
	printf("\ncapset=");
	separator = "";
	for (uint32_t id = 0; id < 64; id++) {
		if (!(config->capset_mask >> id & 1) || !capset_name(id))
			continue;
		printf("%s%s", separator, capset_name(id));
		separator = ",";
	}
	printf("\nrender-node=%s\n", config->render_node ? config->render_node : "");
	printf("display-socket=%s\n", config->display_socket ? config->display_socket : "");
	printf("headless=%d\n", config->headless);
	printf("scanouts=%u\n", config->scanouts);
	printf("mode=%ux%u\n", config->width, config->height);
	printf("memory-slots=%d\n", config->memory_slots);
	printf("max-resources=%u\n", config->limits.resources);
	printf("max-contexts=%u\n", config->limits.contexts);
	printf("max-host-memory=%llu\n", (unsigned long long)(config->limits.host_bytes >> 20));
	printf("log-level=%u\n", config->log_level);
}
