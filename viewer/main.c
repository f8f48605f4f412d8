/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/*
 * virtiogpu-view: shows what a vhost-user GPU backend draws, for VMMs that have no display for it.
 *
 *	backend ──display protocol──► peer ──► screen ──► outputs: PNG files, VNC, windows
 *	VMM ◄──vhost-user, virtio-input── devices ◄── input ◄──┘
 */
#include <errno.h>
#include <getopt.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cage.h"
#include "connector.h"
#include "input.h"
#include "loop/loop.h"
#include "modes.h"
#include "peer.h"
#include "png_output.h"
#include "util/bus_guard.h"
#include "util/checked.h"
#include "util/log.h"
#include "vnc_output.h"
#include "wayland_output.h"

#define MAX_PORT       65535u
#define SIZE_SETTLE_MS 200u /* so long a window has one size before the guest hears of it */

enum {
	EXIT_OK = 0,
	EXIT_FAILED = 1,
	EXIT_USAGE = 2,
};

struct options {
	const char *socket;
	struct modes modes;
	struct png_args png;
	char png_folder[PATH_MAX];
	struct vnc_args vnc;
	char vnc_address[64];
	char vnc_password[64];
	struct input_args input;
	bool wayland;
	bool all_keys;
	enum sandbox_mode sandbox;
};

struct view {
	struct loop *loop;
	struct screen screen;
	struct modes *modes; /* change with the sizes of windows */
	struct connector *connector;
	const char *path; /* of the backend */
	bool connecting, connected; /* at this moment; ever */
	struct loop_source *settle; /* a timer: modes have changed */
	struct peer *peer;
	struct output *png, *vnc;
	struct input *input; /* NULL: there are no devices */
	bool only_windows; /* show anything */
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
	{ "wayland", no_argument, NULL, 'y' },
	{ "all-keys", no_argument, NULL, 'a' },
	{ "keyboard-socket", required_argument, NULL, 'k' },
	{ "pointer-socket", required_argument, NULL, 't' },
	{ "keymap", required_argument, NULL, 'l' },
	{ "sandbox", required_argument, NULL, 'b' },
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
	       "      --wayland                 opens a window for each head\n"
	       "      --all-keys                and asks the compositor for keys that it keeps to "
	       "itself\n"
	       "      --keyboard-socket PATH    is a keyboard of the VM (vhost-user-input), typed "
	       "on by VNC\n"
	       "                                clients and in windows\n"
	       "      --pointer-socket PATH     is a tablet, for its pointer\n"
	       "      --keymap LAYOUT           that the guest takes the keyboard for, as in XKB "
	       "(us)\n"
	       "      --sandbox MODE            auto (what the kernel has), strict (all of it) or "
	       "off\n"
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

/* Without links, and from the root: where the sandbox has it. */
static int set_folder(struct options *options, const char *path)
{
	options->png.folder = realpath(path, options->png_folder);
	if (options->png.folder)
		return 0;
	int error = -errno;
	log_error("%s: %s", path, strerror(-error));
	return error;
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
		return set_folder(options, optarg);
	case 'e':
		return set_interval(options, optarg);
	case 'c':
		options->png.when = PNG_ON_CHANGE;
		return 0;
	case 'v':
		return set_vnc(options, optarg);
	case 'w':
		return read_password(options, optarg);
	case 'k':
		options->input.keyboard = optarg;
		return 0;
	case 't':
		options->input.pointer = optarg;
		return 0;
	case 'l':
		options->input.layout = optarg;
		return 0;
	case 'b':
		return sandbox_mode_parse(optarg, &options->sandbox);
	case 'y':
		options->wayland = true;
		return 0;
	case 'a':
		options->all_keys = true;
		return 0;
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
	if (!options->input.layout)
		options->input.layout = "us";
}

/* --- the backend --------------------------------------------------------------------------- */

static void on_closed(void *data, int status)
{
	struct view *view = data;
	if (status == 0)
		log_info("the backend has closed its socket");
	loop_stop(view->loop, status);
}

static void on_connected(void *data, int sock)
{
	struct view *view = data;
	view->connecting = false;
	if (sock >= 0)
		view->peer =
			peer_create(view->loop, sock, &view->screen, view->modes, on_closed, view);
	if (!view->peer)
		loop_stop(view->loop, sock < 0 ? sock : -ENOMEM);
	else if (!view->connected)
		log_info("shows %s", view->path);
	view->connected = true;
}

static int connect_backend(struct view *view)
{
	view->connecting = true;
	return connector_ask(view->connector);
}

/* A backend asks for modes when it is connected to. */
static void on_settled(void *data)
{
	struct view *view = data;
	if (view->connecting)
		return;
	peer_destroy(view->peer);
	view->peer = NULL;
	int error = connect_backend(view);
	if (error)
		loop_stop(view->loop, error);
}

/* --- windows ------------------------------------------------------------------------------- */

static void on_window_resized(void *data, uint32_t head, uint32_t width, uint32_t height)
{
	struct view *view = data;
	if (modes_set(view->modes, head, width, height) == 0)
		loop_timer_arm(view->settle, SIZE_SETTLE_MS);
}

static void on_window_closed(void *data, uint32_t head)
{
	struct view *view = data;
	if (!view->only_windows)
		return;
	modes_set(view->modes, head, 0, 0);
	loop_timer_arm(view->settle, SIZE_SETTLE_MS);
	if (modes_off(view->modes))
		loop_stop(view->loop, 0);
}

static void on_compositor_gone(void *data)
{
	struct view *view = data;
	if (view->only_windows)
		loop_stop(view->loop, -ECONNRESET);
}

static int add_windows(struct view *view, const struct options *options)
{
	const struct wayland_args args = {
		.modes = view->modes,
		.input = view->input,
		.all_keys = options->all_keys,
		.resized = on_window_resized,
		.closed = on_window_closed,
		.gone = on_compositor_gone,
		.data = view,
	};
	return wayland_output_create(view->loop, &view->screen, &args) ? 0 : -ECONNREFUSED;
}

/* --- running ------------------------------------------------------------------------------- */

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

static int add_input(struct view *view, struct options *options)
{
	if (!options->input.keyboard && !options->input.pointer)
		return 0;
	view->input = input_create(view->loop, &view->screen, &options->input);
	options->vnc.input = view->input;
	return view->input ? 0 : -EINVAL;
}

static int add_outputs(struct view *view, const struct options *options)
{
	if (options->png.folder) {
		view->png = png_output_create(view->loop, &view->screen, &options->png);
		if (!view->png)
			return -ENOMEM;
	}
	if (options->vnc.port || options->vnc.path) {
		view->vnc = vnc_output_create(view->loop, &view->screen, &options->vnc);
		if (!view->vnc)
			return -EADDRINUSE;
	}
	view->only_windows = !view->png && !view->vnc;
	return options->wayland ? add_windows(view, options) : 0;
}

/* The process that connects is started first: it has nothing of what is opened then. */
static int open_all(struct view *view, struct options *options)
{
	view->path = options->socket;
	view->connector = connector_create(view->loop, options->socket, on_connected, view);
	view->settle = loop_add_timer(view->loop, on_settled, view);
	if (!view->connector || !view->settle)
		return -ENOMEM;
	int error = add_input(view, options);
	return error ? error : add_outputs(view, options);
}

static int close_cage(struct view *view, const struct options *options, struct sandbox *sandbox)
{
	const struct cage_places places = {
		.pictures = options->png.folder,
		.sockets = {
			view->vnc ? vnc_output_folder(view->vnc) : -1,
			input_folder(view->input, false),
			input_folder(view->input, true),
		},
	};
	return cage_close(sandbox, &places);
}

static int run(struct view *view, struct options *options)
{
	struct sandbox sandbox;
	int error = cage_begin(&sandbox, options->sandbox);
	if (error == 0)
		error = open_all(view, options);
	if (error == 0)
		error = close_cage(view, options, &sandbox);
	if (error)
		return error;
	cage_report(&sandbox);
	/* From here on it sees what others send. */
	error = connect_backend(view);
	return error ? error : loop_run(view->loop);
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
	/* buffers of backends, and the memory of guests, may be cut off */
	if (bus_guard_install("view") < 0)
		return EXIT_FAILED;
	view.loop = loop_create();
	if (!view.loop)
		return EXIT_FAILED;
	screen_init(&view.screen);
	for (size_t i = 0; i < ARRAY_SIZE(signals); i++)
		sources[i] = loop_add_signal(view.loop, signals[i].number, signals[i].fn, &view);
	view.modes = &options.modes;
	int error = run(&view, &options);
	peer_destroy(view.peer);
	connector_destroy(view.connector);
	loop_source_destroy(view.settle);
	screen_finish(&view.screen);
	input_destroy(view.input);
	for (size_t i = 0; i < ARRAY_SIZE(signals); i++)
		loop_source_destroy(sources[i]);
	loop_destroy(view.loop);
	return error ? EXIT_FAILED : EXIT_OK;
}
