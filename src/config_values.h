/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/* For config.c: the options whose values are more than a text or a number. */
#pragma once

#include "config.h"

#define CONFIG_MAX_SECONDS 86400u /* of a limit of time */

/* A decimal number from min to max: 0, or -EINVAL. */
int config_parse_number(const char *text, uint64_t min, uint64_t max, uint64_t *ret_number);

/* Those that are part of "auto". */
void config_add_default_renderers(struct config *config);

/* All that the configured renderers may serve: a bit for each capset. */
uint64_t config_capsets_of_renderers(void);

/* Take the value of an option as it is given: 0, or -EINVAL when it is no good. */
int config_set_renderer(struct config *config, const char *value);
int config_set_gpu_mode(struct config *config, const char *value);
int config_set_virgl(struct config *config, const char *value);
int config_set_capset(struct config *config, const char *value);
int config_set_fd(struct config *config, const char *value);
int config_set_mode(struct config *config, const char *value);
int config_set_host_visible(struct config *config, const char *value);
int config_set_restarts(struct config *config, const char *value);
int config_set_sandbox(struct config *config, const char *value);
int config_set_log_level(struct config *config, const char *value);
int config_set_debug(struct config *config, const char *value);

/* Print it, on standard output, as it would be given. */
void config_print_renderer(const struct config *config);
void config_print_capset(const struct config *config);
void config_print_fd(const struct config *config);
void config_print_mode(const struct config *config);
void config_print_host_visible(const struct config *config);
void config_print_restarts(const struct config *config);
void config_print_sandbox(const struct config *config);
void config_print_log_level(const struct config *config);
