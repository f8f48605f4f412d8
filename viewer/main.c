/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/*
 * virtiogpu-view: shows what a vhost-user GPU backend draws, for VMMs that have no display for it.
 *
 *	backend ──display protocol──► peer ──► screen ──► outputs: PNG files, VNC
 */
#include <errno.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "loop/loop.h"
#include "modes.h"
#include "peer.h"
#include "png_output.h"
#include "util/checked.h"
#include "util/fd.h"
#include "util/log.h"
#include "vnc_output.h"

#define CONNECT_TRIES   100u
#define CONNECT_WAIT_US 100000u
#define MAX_PORT        65535u

enum {
	EXIT_OK = 0,
	EXIT_FAILED = 1,
	EXIT_USAGE = 2,
};

struct options {
	const char *socket;
	struct modes modes;
	struct png_args png;
	struct vnc_args vnc;
	char vnc_address[64];
	char vnc_password[64];
};

struct view {
	struct loop *loop;
	struct screen screen;
	struct peer *peer;
	struct output *png;
};

/* --- the command line ---------------------------------------------------------------------- */

static const struct option long_options[] = {
	{ "socket", required_argument, NULL, 's' },
	{ "mode", required_argument, NULL, 'm' },
	{ "png", required_argument, NULL, 'p' },
	{ "png-every", required_argument, NULL, 'e' },
	{ "png-changes", no_argument, NULL, 'c' },
	{ "vnc", required_argument, NULL, 'v' },
	{ "vnc-password-file", required_argument, NULL, 'w' },
	{ "version", no_argument, NULL, 'V' },
	{ "help", no_argument, NULL, 'h' },
	{ 0 },
};

static void print_help(void)
{
	printf("Usage: virtiogpu-view --socket PATH [OPTION]...\n"
	       "Shows what a vhost-user GPU backend draws.\n\n"
	       "  -s, --socket PATH             where the backend listens: virtiogpud's "
	       "--display-socket\n"
	       "  -m, --mode WIDTHxHEIGHT       the size of a head; again for the next one "
	       "(1280x800)\n"
	       "      --png FOLDER              writes head-N.png on SIGUSR1\n"
	       "      --png-every SECONDS       and so often, if something has changed\n"
	       "      --png-changes             and for every change, with a number\n"
	       "      --vnc [ADDRESS:]PORT      serves VNC: head N at PORT + N (at 127.0.0.1)\n"
	       "      --vnc PATH                the same at UNIX sockets (with a /): head N at "
	       "PATH.N\n"
	       "      --vnc-password-file FILE  its first line is asked for\n"
	       "      --version                 print the version and exit\n"
	       "  -h, --help                    print this text and exit\n\n"
	       "See virtiogpu-view(1).\n");
}

static int set_vnc(struct options *options, const char *text)
{
	options->vnc.path = strchr(text, '/') ? text : NULL;
	if (options->vnc.path)
		return 0;
	const char *colon = strrchr(text, ':');
	const char *port = colon ? colon + 1 : text;
	char *end;
	unsigned long number = strtoul(port, &end, 10);
	size_t length = colon ? (size_t)(colon - text) : 0;
	if (end == port || *end || number == 0 || number > MAX_PORT - SCREEN_HEADS ||
		length >= sizeof(options->vnc_address))
		return -EINVAL;
	memcpy(options->vnc_address, text, length);
	options->vnc.address = colon ? options->vnc_address : NULL;
	options->vnc.port = (uint32_t)number;
	return 0;
}

static int read_password(struct options *options, const char *path)
{
	FILE *file = fopen(path, "re");
	if (!file || !fgets(options->vnc_password, sizeof(options->vnc_password), file)) {
		int error = file ? -ENODATA : -errno;
		log_error("%s cannot be read: %s", path, strerror(-error));
		if (file)
			fclose(file);
		return error;
	}
	fclose(file);
	options->vnc_password[strcspn(options->vnc_password, "\r\n")] = '\0';
	options->vnc.password = options->vnc_password;
	return 0;
}

static int set_interval(struct options *options, const char *text)
{
	char *end;
	double seconds = strtod(text, &end);
	if (end == text || *end || !(seconds >= 0.1 && seconds <= 86400))
		return -EINVAL;
	options->png.when = PNG_AT_INTERVAL;
	options->png.interval_ms = (uint64_t)(seconds * 1000);
	return 0;
}

static int take_option(struct options *options, int letter)
{
	switch (letter) {
	case 's':
		options->socket = optarg;
		return 0;
	case 'm':
		return modes_add(&options->modes, optarg);
	case 'p':
		options->png.folder = optarg;
		return 0;
	case 'e':
		return set_interval(options, optarg);
	case 'c':
		options->png.when = PNG_ON_CHANGE;
		return 0;
	case 'v':
		return set_vnc(options, optarg);
	case 'w':
		return read_password(options, optarg);
	default:
		return -EINVAL;
	}
}

static void parse(int argc, char **argv, struct options *options)
{
	int letter;
	while ((letter = getopt_long(argc, argv, "s:m:h", long_options, NULL)) >= 0) {
		if (letter == 'h' || letter == 'V') {
			if (letter == 'h')
				print_help();
			else
				printf("virtiogpu-view %s\n", VIRTIOGPUD_VERSION);
			exit(EXIT_OK);
		}
		if (take_option(options, letter) < 0) {
			fprintf(stderr, "virtiogpu-view: %s is not right here; see --help\n",
				argv[optind - 1]);
			exit(EXIT_USAGE);
		}
	}
	if (optind < argc || !options->socket) {
		fprintf(stderr, "virtiogpu-view: which backend? give --socket PATH; see --help\n");
		exit(EXIT_USAGE);
	}
	if (options->modes.count == 0)
		modes_add(&options->modes, "1280x800");
	options->vnc.heads = options->modes.count;
}

/* --- running ------------------------------------------------------------------------------- */

/* The backend may be about to start. A socket, or -errno (logged). */
static int connect_to(const char *path)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int error = -ENAMETOOLONG;
	if (strlen(path) < sizeof(address.sun_path)) {
		strcpy(address.sun_path, path);
		for (uint32_t i = 0; i < CONNECT_TRIES; i++) {
			_cleanup_fd_ int sock = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
			if (sock < 0)
				return -errno;
			if (connect(sock, (struct sockaddr *)&address, sizeof(address)) == 0)
				return fd_steal(&sock);
			error = -errno;
			if (error != -ENOENT && error != -ECONNREFUSED)
				break;
			usleep(CONNECT_WAIT_US);
		}
	}
	log_error("%s: %s", path, strerror(-error));
	return error;
}

static void on_closed(void *data, int status)
{
	struct view *view = data;
	if (status == 0)
		log_info("the backend has closed its socket");
	loop_stop(view->loop, status);
}

static void on_snapshot(void *data)
{
	struct view *view = data;
	if (view->png)
		png_output_save(view->png);
}

static void on_end(void *data)
{
	struct view *view = data;
	loop_stop(view->loop, 0);
}

static int add_outputs(struct view *view, const struct options *options)
{
	if (options->png.folder) {
		view->png = png_output_create(view->loop, &view->screen, &options->png);
		if (!view->png)
			return -ENOMEM;
	}
	bool vnc = options->vnc.port || options->vnc.path;
	if (vnc && !vnc_output_create(view->loop, &view->screen, &options->vnc))
		return -EADDRINUSE;
	return 0;
}

static int run(struct view *view, const struct options *options)
{
	int sock = connect_to(options->socket);
	if (sock < 0)
		return sock;
	view->peer = peer_create(view->loop, sock, &view->screen, &options->modes, on_closed, view);
	if (!view->peer)
		return -ENOMEM;
	log_info("shows %s", options->socket);
	return loop_run(view->loop);
}

static const struct {
	int number;
	loop_fn fn;
} signals[] = {
	{ SIGUSR1, on_snapshot },
	{ SIGTERM, on_end },
	{ SIGINT, on_end },
};

int main(int argc, char **argv)
{
	struct options options = { 0 };
	struct view view = { 0 };
	struct loop_source *sources[ARRAY_SIZE(signals)] = { NULL };
	log_init("view", LOG_INFO);
	parse(argc, argv, &options);
	signal(SIGPIPE, SIG_IGN);
	view.loop = loop_create();
	if (!view.loop)
		return EXIT_FAILED;
	screen_init(&view.screen);
	for (size_t i = 0; i < ARRAY_SIZE(signals); i++)
		sources[i] = loop_add_signal(view.loop, signals[i].number, signals[i].fn, &view);
	int error = add_outputs(&view, &options);
	if (error == 0)
		error = run(&view, &options);
	peer_destroy(view.peer);
	screen_finish(&view.screen);
	for (size_t i = 0; i < ARRAY_SIZE(signals); i++)
		loop_source_destroy(sources[i]);
	loop_destroy(view.loop);
	return error ? EXIT_FAILED : EXIT_OK;
}
