/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
#include "config_values.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "renderer/registry.h"
#include "util/checked.h"

int config_parse_number(const char *text, uint64_t min, uint64_t max, uint64_t *ret_number)
{
	char *end;
	errno = 0;
	unsigned long long number = strtoull(text, &end, 10);
	if (errno || *end || text[0] < '0' || text[0] > '9' || number < min || number > max)
		return -EINVAL;
	*ret_number = number;
	return 0;
}

static int parse_u32(const char *text, uint32_t min, uint32_t max, uint32_t *ret_number)
{
	uint64_t number;
	int ret = config_parse_number(text, min, max, &number);
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
		if (*text == ',' && *++text == '\0')
			return -EINVAL;
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

void config_add_default_renderers(struct config *config)
{
	size_t count;
	const struct renderer_type *types = renderer_types(&count);
	config->renderer_count = 0;
	for (size_t i = 0; i < count; i++)
		if (types[i].by_default)
			config->renderers[config->renderer_count++] = types[i].name;
}

int config_set_renderer(struct config *config, const char *value)
{
	config->renderer_count = 0;
	if (strcmp(value, "none") == 0)
		return 0;
	if (strcmp(value, "auto") == 0) {
		config_add_default_renderers(config);
		return 0;
	}
	return *value ? for_each_word(config, value, add_renderer) : -EINVAL;
}

void config_print_renderer(const struct config *config)
{
	const char *separator = "";
	for (uint32_t i = 0; i < config->renderer_count; i++) {
		printf("%s%s", separator, config->renderers[i]);
		separator = ",";
	}
	if (config->renderer_count == 0)
		printf("none");
}

/* The mode names of other vhost-user GPU backends. */
int config_set_gpu_mode(struct config *config, const char *value)
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
			return config_set_renderer(config, modes[i].renderer);
	return -EINVAL;
}

int config_set_virgl(struct config *config, const char *value)
{
	return config_set_renderer(config, "virgl");
}

uint64_t config_capsets_of_renderers(void)
{
	size_t count;
	uint64_t capsets = 0;
	const struct renderer_type *types = renderer_types(&count);
	for (size_t i = 0; i < count; i++)
		capsets |= types[i].capsets;
	return capsets;
}

/* Names that other backends know are taken, so that their command lines work here. */
static int add_capset(struct config *config, const char *name)
{
	uint32_t id = capset_id(name);
	if (id == 0)
		return -EINVAL;
	if (!(config_capsets_of_renderers() >> id & 1))
		log_warn("no renderer here has the capability set %s: it is not offered", name);
	config->capset_mask |= UINT64_C(1) << id;
	return 0;
}

int config_set_capset(struct config *config, const char *value)
{
	config->capset_mask = 0;
	return *value ? for_each_word(config, value, add_capset) : -EINVAL;
}

void config_print_capset(const struct config *config)
{
	const char *separator = "";
	for (uint32_t id = 0; id < 64; id++) {
		if (!(config->capset_mask >> id & 1) || !capset_name(id))
			continue;
		printf("%s%s", separator, capset_name(id));
		separator = ",";
	}
}

int config_set_fd(struct config *config, const char *value)
{
	uint32_t fd;
	int ret = parse_u32(value, 3, 1u << 20, &fd);
	if (ret == 0)
		config->fd = (int)fd;
	return ret;
}

void config_print_fd(const struct config *config)
{
	if (config->fd >= 0)
		printf("%d", config->fd);
}

int config_set_mode(struct config *config, const char *value)
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

void config_print_mode(const struct config *config)
{
	printf("%ux%u", config->width, config->height);
}

/* VMMs make a PCI BAR of it. */
int config_set_host_visible(struct config *config, const char *value)
{
	uint64_t mib;
	if (config_parse_number(value, 0, UINT64_C(1) << 20, &mib) < 0 || (mib & (mib - 1)) != 0)
		return -EINVAL;
	config->host_visible_bytes = mib << 20;
	return 0;
}

void config_print_host_visible(const struct config *config)
{
	printf("%" PRIu64, config->host_visible_bytes >> 20);
}

int config_set_restarts(struct config *config, const char *value)
{
	char count[8];
	size_t length = strcspn(value, "/");
	uint32_t starts, seconds = GPU_RENDERER_STARTS_MS / 1000;
	if (length >= sizeof(count))
		return -EINVAL;
	memcpy(count, value, length);
	count[length] = '\0';
	if (parse_u32(count, 1, GPU_RENDERER_STARTS_MAX, &starts) < 0 ||
		(value[length] &&
			parse_u32(value + length + 1, 1, CONFIG_MAX_SECONDS, &seconds) < 0))
		return -EINVAL;
	config->renderer_starts = starts;
	config->renderer_starts_s = seconds;
	return 0;
}

void config_print_restarts(const struct config *config)
{
	printf("%u/%u", config->renderer_starts, config->renderer_starts_s);
}

int config_set_sandbox(struct config *config, const char *value)
{
	return sandbox_mode_parse(value, &config->sandbox);
}

void config_print_sandbox(const struct config *config)
{
	printf("%s", sandbox_mode_name(config->sandbox));
}

int config_set_log_level(struct config *config, const char *value)
{
	return log_level_parse(value, &config->log_level);
}

void config_print_log_level(const struct config *config)
{
	printf("%s", log_level_name(config->log_level));
}

int config_set_debug(struct config *config, const char *value)
{
	config->log_level = LOG_DEBUG;
	return 0;
}
