/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/*
 * virtiogpud: the GPU of a virtual machine as a process of its own.
 *
 *	launcher (this program)
 *	 ├─ device process      (this program as well) serves the VMM: parses everything a guest sends, does 2D
 *	 └─ renderer processes  one per renderer: hold the GPU and a big library each
 *
 * See docs/architecture.md.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "check_host.h"
#include "config.h"
#include "device_process.h"
#include "launcher.h"

/* The format is that of the backend program conventions of vhost-user: one JSON object, with the
 * options that a VMM manager may use as features. */
static int print_capabilities(void)
{
	/* Only renderers that were built with this program: the others may never be installed. */
	bool virgl = VIRTIOGPUD_VIRGL;
	printf("{\n"
	       "  \"type\": \"gpu\",\n"
	       "  \"features\": [%s]\n"
	       "}\n",
		virgl ? "\n    \"render-node\",\n    \"virgl\"\n  " : "");
	return EXIT_OK;
}

static int print_version(void)
{
	printf("virtiogpud %s\n", VIRTIOGPUD_VERSION);
	return EXIT_OK;
}

static int print_help(void)
{
	config_print_help();
	return EXIT_OK;
}

/* Else what is opened first would take the place of standard error, and log lines would go there. */
static int open_standard_fds(void)
{
	for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++)
		if (fcntl(fd, F_GETFD) < 0 && open("/dev/null", O_RDWR) != fd)
			return -errno;
	return 0;
}

/* The launcher has started this program under another name, with its own command line, of which it has said
 * already what is to be said. */
static int be_device_process(int argc, char **argv)
{
	struct config config;
	log_init("device", LOG_ERROR);
	if (config_parse(argc, argv, &config) < 0)
		return EXIT_USAGE;
	log_init("device", config.log_level);
	return device_process_run(&config);
}

int main(int argc, char **argv)
{
	struct config config;
	if (argc > 0 && strcmp(argv[0], DEVICE_PROCESS_NAME) == 0)
		return be_device_process(argc, argv);
	if (open_standard_fds() < 0)
		return EXIT_FAILED;
	log_init(NULL, LOG_INFO);
	if (config_parse(argc, argv, &config) < 0)
		return EXIT_USAGE;
	log_init(NULL, config.log_level);

	switch (config.action) {
	case ACTION_HELP:
		return print_help();
	case ACTION_VERSION:
		return print_version();
	case ACTION_PRINT_CAPABILITIES:
		return print_capabilities();
	case ACTION_DUMP_CONFIG:
		config_dump(&config);
		return EXIT_OK;
	case ACTION_CHECK_HOST:
		return check_host_run(&config);
	case ACTION_RUN:
		break;
	}
	return launcher_run(&config, argv);
}
