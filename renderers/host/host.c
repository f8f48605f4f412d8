/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
#include "host/host.h"

#include <errno.h>
#include <getopt.h>
#include <limits.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>

#include "util/bus_guard.h"

#define EXIT_USAGE  2
#define SPIN_MAX_US 1000

static bool parse_number(const char *text, int *ret_number)
{
	char *end;
	errno = 0;
	long value = strtol(text, &end, 10);
	if (errno != 0 || end == text || *end != '\0' || value < 0 || value > INT_MAX)
		return false;
	*ret_number = (int)value;
	return true;
}

static bool parse_spin(const char *value, uint32_t *ret_us)
{
	int us;
	if (!parse_number(value, &us) || us > SPIN_MAX_US)
		return false;
	*ret_us = (uint32_t)us;
	return true;
}

static bool parse_option(int option, const char *value, struct host_options *options)
{
	switch (option) {
	case 'f':
		return parse_number(value, &options->fd);
	case 'n':
		options->name = value;
		return value[0] != '\0';
	case 'r':
		return parse_number(value, &options->render_node_fd);
	case 'v':
		return parse_number(value, &options->server_fd);
	case 's':
		return parse_spin(value, &options->spin_us);
	case 'b':
		return sandbox_mode_parse(value, &options->sandbox_mode) == 0;
	case 'd':
		return log_level_parse(value, &options->level) == 0;
	default:
		return false;
	}
}

int host_parse(
	int argc, char **argv, const struct host_program *program, struct host_options *ret_options)
{
	static const struct option longs[] = {
		{ "fd", required_argument, NULL, 'f' },
		{ "name", required_argument, NULL, 'n' },
		{ "render-node-fd", required_argument, NULL, 'r' },
		{ "server-fd", required_argument, NULL, 'v' },
		{ "debug", required_argument, NULL, 'd' },
		{ "spin", required_argument, NULL, 's' },
		{ "sandbox", required_argument, NULL, 'b' },
		{ NULL, 0, NULL, 0 },
	};
	struct host_options options = {
		.fd = -1,
		.render_node_fd = -1,
		.server_fd = -1,
		.name = program->name,
		.level = LOG_INFO,
	};
	int option;
	bool good = true;
	optind = 0; /* from the start, also when this is not the first command line */
	opterr = 0;
	while (good && (option = getopt_long(argc, argv, "", longs, NULL)) != -1)
		good = parse_option(option, optarg, &options);
	if (!good || optind != argc || options.fd < 0) {
		fprintf(stderr,
			"usage: %s --fd N [--name NAME] [--render-node-fd N] [--server-fd N] "
			"[--debug LEVEL] [--spin MICROSECONDS] [--sandbox MODE]\n"
			"This program is started by virtiogpud.\n",
			argc > 0 ? argv[0] : program->name);
		return -EINVAL;
	}
	*ret_options = options;
	return 0;
}

/* The device process says when this one ends, by closing the socket. A terminal's Ctrl-C or a service
 * manager's SIGTERM that reaches all of them must not take the renderer away under it. */
static void set_up_process(const char *role)
{
	prctl(PR_SET_NAME, role);
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	signal(SIGINT, SIG_IGN);
	signal(SIGTERM, SIG_IGN);
	signal(SIGHUP, SIG_IGN);
	signal(SIGPIPE, SIG_IGN);
}

int host_main(int argc, char **argv, const struct host_program *program)
{
	struct host_options options;
	if (host_parse(argc, argv, program, &options) < 0)
		return EXIT_USAGE;
	char role[32];
	snprintf(role, sizeof(role), "render-%s", options.name);
	log_init(role, options.level);
	set_up_process(role);

	struct sandbox sandbox;
	struct sandbox_place places[SANDBOX_NODE_PLACES];
	size_t count = sandbox_node_places(options.render_node_fd, NULL, places);
	sandbox_init(&sandbox, program->policy, options.sandbox_mode);
	/* Libraries read and write guest memory, too. */
	if (bus_guard_install(role) < 0 || sandbox_early(&sandbox, NULL) < 0 ||
		sandbox_files(&sandbox, places, count) < 0)
		return EXIT_FAILURE;
	options.sandbox = &sandbox;
	return host_serve(&options, program) < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}
