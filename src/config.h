/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/* Options of the command line, parsed once; constant afterwards. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "gpu/device.h"
#include "sandbox/sandbox.h"
#include "util/log.h"

/* Exit codes (virtiogpud(1), EXIT STATUS). */
enum config_exit {
	EXIT_OK = 0,
	EXIT_FAILED = 1, /* the host could not do it; one line says what and why */
	EXIT_USAGE = 2, /* the command line is wrong */
};

enum config_action {
	ACTION_RUN,
	ACTION_HELP,
	ACTION_VERSION,
	ACTION_PRINT_CAPABILITIES,
	ACTION_DUMP_CONFIG,
	ACTION_CHECK_HOST,
};

struct config {
	enum config_action action;
	const char *socket_path; /* may be NULL */
	int fd; /* -1: none */
	const char *render_node; /* may be NULL */
	const char *display_socket; /* may be NULL */
	bool headless;
	bool memory_slots;
	uint32_t renderer_count;
	const char *renderers[GPU_MAX_RENDERERS]; /* names in renderer/registry.h */
	uint64_t capset_mask;
	uint32_t scanouts;
	uint32_t width, height;
	uint64_t host_visible_bytes;
	struct gpu_limits limits;
	uint32_t renderer_late_s;
	uint32_t renderer_starts, renderer_starts_s; /* so many in such a time */
	enum sandbox_mode sandbox;
	enum log_level log_level;
};

/* Parses the command line into *ret_config, whose strings point into argv. Returns 0, or -EINVAL after
 * one line on standard error that says what is wrong and what to do. */
int config_parse(int argc, char **argv, struct config *ret_config);

/* The text of --help, on standard output. */
void config_print_help(void);

/* key=value lines of everything that was configured, on standard output. */
void config_dump(const struct config *config);
