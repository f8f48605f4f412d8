/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/* virtiogpu-vtest: options, the socket, and the program. */
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include "kit/vtest/bridge.h"
#include "kit/vtest/program.h"
#include "kit/vtest/protocol.h"
#include "util/checked.h"
#include "util/listener.h"
#include "util/log.h"

#define DEFAULT_MEMORY_MIB 2048u
#define MAX_MEMORY_MIB     (64u << 10)

enum {
	EXIT_OK = 0,
	EXIT_FAILED = 1,
	EXIT_USAGE = 2,
};

struct options {
	const char *socket;
	const char *backend, *connect;
	uint64_t memory_mib;
	char *const *program; /* NULL: none */
};

struct server {
	struct loop *loop;
	struct bridge bridge;
	struct listener listener;
	pid_t program; /* 0: none */
};

/* --- the command line ---------------------------------------------------------------------- */

static const struct option long_options[] = {
	{ "socket", required_argument, NULL, 's' },
	{ "backend", required_argument, NULL, 'b' },
	{ "connect", required_argument, NULL, 'c' },
	{ "memory", required_argument, NULL, 'm' },
	{ "version", no_argument, NULL, 'V' },
	{ "help", no_argument, NULL, 'h' },
	{ 0 },
};

static void print_help(void)
{
	printf("Usage: virtiogpu-vtest (--backend CMD | --connect PATH) [OPTION]... [-- PROGRAM "
	       "[ARG]...]\n"
	       "Lets programs draw on a vhost-user GPU backend without a virtual machine.\n\n"
	       "  -b, --backend CMD   starts this backend; \"{socket}\" in it is where it has to "
	       "listen\n"
	       "  -c, --connect PATH  uses the one that listens there\n"
	       "  -s, --socket PATH   where programs connect (" VTEST_DEFAULT_SOCKET_NAME ")\n"
	       "  -m, --memory MIB    guest memory for what programs transfer (%u)\n"
	       "      --version       print the version and exit\n"
	       "  -h, --help          print this text and exit\n\n"
	       "With PROGRAM, runs it on the backend and ends when it does, with its status.\n"
	       "See virtiogpu-vtest(1).\n",
		DEFAULT_MEMORY_MIB);
}

static bool take_memory(struct options *options, const char *text)
{
	char *end;
	options->memory_mib = strtoul(text, &end, 10);
	return end != text && !*end && options->memory_mib > 0 &&
		options->memory_mib <= MAX_MEMORY_MIB;
}

static bool take_option(struct options *options, int letter)
{
	switch (letter) {
	case 's':
		options->socket = optarg;
		return true;
	case 'b':
		options->backend = optarg;
		return true;
	case 'c':
		options->connect = optarg;
		return true;
	case 'm':
		return take_memory(options, optarg);
	default:
		return false;
	}
}

static void parse(int argc, char **argv, struct options *options)
{
	int letter;
	while ((letter = getopt_long(argc, argv, "+s:b:c:m:h", long_options, NULL)) >= 0) {
		if (letter == 'h' || letter == 'V') {
			if (letter == 'h')
				print_help();
			else
				printf("virtiogpu-vtest %s\n", VIRTIOGPUD_VERSION);
			exit(EXIT_OK);
		}
		if (!take_option(options, letter)) {
			fprintf(stderr, "virtiogpu-vtest: %s is not right here; see --help\n",
				argv[optind - 1]);
			exit(EXIT_USAGE);
		}
	}
	if (!options->backend == !options->connect) {
		fprintf(stderr,
			"virtiogpu-vtest: which backend? give --backend or --connect; see "
			"--help\n");
		exit(EXIT_USAGE);
	}
	options->program = optind < argc ? argv + optind : NULL;
}

/* --- running ------------------------------------------------------------------------------- */

static void on_connection(void *data, uint32_t events)
{
	struct server *server = data;
	int sock = listener_accept(server->listener.fd);
	if (sock >= 0)
		bridge_add_client(&server->bridge, sock);
}

static void on_end(void *data)
{
	struct server *server = data;
	loop_stop(server->loop, EXIT_OK);
}

static void on_child(void *data)
{
	struct server *server = data;
	int status = server->program > 0 ? program_status(server->program) : -1;
	if (status < 0)
		return;
	server->program = 0;
	loop_stop(server->loop, status);
}

static const struct {
	int number;
	loop_fn fn;
} signals[] = {
	{ SIGTERM, on_end },
	{ SIGINT, on_end },
	{ SIGCHLD, on_child },
};

/* Serves until the end; the exit status. */
static int serve(struct server *server, const struct options *options)
{
	struct loop_source *sources[ARRAY_SIZE(signals)];
	struct loop_source *listening = loop_add_fd(
		server->loop, server->listener.fd, LOOP_READABLE, on_connection, server);
	for (size_t i = 0; i < ARRAY_SIZE(signals); i++)
		sources[i] =
			loop_add_signal(server->loop, signals[i].number, signals[i].fn, server);
	int status = EXIT_OK;
	if (options->program) {
		server->program = program_start(options->program, options->socket);
		status = server->program < 0 ? EXIT_FAILED : EXIT_OK;
	}
	log_info("programs connect to %s", options->socket);
	if (status == EXIT_OK)
		status = loop_run(server->loop);
	program_stop(server->program);
	loop_source_destroy(listening);
	for (size_t i = 0; i < ARRAY_SIZE(signals); i++)
		loop_source_destroy(sources[i]);
	return status < 0 ? EXIT_FAILED : status;
}

/* Each resource that is being made has a descriptor for a moment, and each wait for a sync object one. */
static void raise_limits(void)
{
	struct rlimit limit;
	if (getrlimit(RLIMIT_NOFILE, &limit) < 0)
		return;
	limit.rlim_cur = limit.rlim_max;
	setrlimit(RLIMIT_NOFILE, &limit);
}

static int run(struct server *server, const struct options *options)
{
	const struct bridge_args args = {
		.loop = server->loop,
		.backend = options->backend,
		.connect = options->connect,
		.backing = options->memory_mib << 20,
	};
	/* before signals are the loop's, which the backend would inherit */
	if (bridge_init(&server->bridge, &args) < 0)
		return EXIT_FAILED;
	int status = listener_open(&server->listener, options->socket) < 0 ? EXIT_FAILED
									   : serve(server, options);
	listener_finish(&server->listener);
	int wrong = bridge_finish(&server->bridge);
	return status == EXIT_OK && wrong ? EXIT_FAILED : status;
}

int main(int argc, char **argv)
{
	struct options options = { .socket = VTEST_DEFAULT_SOCKET_NAME,
		.memory_mib = DEFAULT_MEMORY_MIB };
	struct server server = { .listener = LISTENER_NONE };
	log_init("vtest", LOG_INFO);
	parse(argc, argv, &options);
	signal(SIGPIPE, SIG_IGN);
	raise_limits();
	server.loop = loop_create();
	if (!server.loop)
		return EXIT_FAILED;
	int status = run(&server, &options);
	loop_destroy(server.loop);
	return status;
}
