/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
#include "check_host.h"

#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "config.h"
#include "containment.h"
#include "gpu/udmabuf.h"
#include "logs.h"
#include "loop/loop.h"
#include "process.h"
#include "renderer/remote.h"
#include "renderer/ring.h"
#include "util/fd.h"

#define TRY_MS 20000u

/* One renderer being tried. */
struct trial {
	const struct renderer_type *type;
	struct loop *loop;
	bool ready, lost;
};

static void trial_ready(void *data, struct renderer *renderer)
{
	struct trial *trial = data;
	trial->ready = true;
}

static void trial_lost(void *data, struct renderer *renderer)
{
	struct trial *trial = data;
	trial->lost = true;
}

static void trial_room(void *data, struct renderer *renderer)
{
}

static const struct renderer_events trial_events = {
	.lost = trial_lost,
	.room = trial_room,
};

static void print_capsets(const struct renderer *renderer)
{
	for (uint32_t i = 0; i < renderer->capset_count; i++) {
		const char *name = capset_name(renderer->capsets[i].id);
		printf("%s%s", i ? ", " : "", name ? name : "unknown");
	}
}

static void report_trial(const struct trial *trial, const struct renderer *renderer)
{
	const char *name = trial->type->name;
	if (trial->ready) {
		printf("renderer %s: works (capability sets: ", name);
		print_capsets(renderer);
		printf("); pictures leave it %s; memory of it %s\n",
			renderer->can_export ? "as dma-bufs, without a copy" : "by copying",
			renderer->can_map ? "can be mapped into guests"
					  : "cannot be mapped into guests");
	} else if (trial->lost) {
		printf("renderer %s: does not work: it ended at start (see above)\n", name);
	} else {
		printf("renderer %s: does not work: no answer within %u s\n", name, TRY_MS / 1000);
	}
}

static void wait_for_trial(struct trial *trial)
{
	uint64_t end = loop_now_ms() + TRY_MS;
	while (!trial->ready && !trial->lost) {
		uint64_t now = loop_now_ms();
		if (now >= end || loop_round(trial->loop, (int)(end - now)) < 0)
			break;
	}
}

static bool try_renderer(
	struct loop *loop, const struct process_program *program, struct process_args *start)
{
	int ends[2];
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends) < 0)
		return false;
	struct trial trial = { .type = program->type, .loop = loop };
	start->sock = ends[1];
	struct process_pids pids;
	int error = process_start_renderer(program, start, &pids);
	fd_close(&ends[1]);
	if (error < 0) {
		fd_close(&ends[0]);
		printf("renderer %s: does not work: its program cannot be started\n",
			program->type->name);
		return false;
	}
	struct remote_args args = {
		.loop = loop,
		.sock = ends[0],
		.memory = ring_memory(),
		.name = program->type->name,
		.events = &trial_events,
		.ready = trial_ready,
		.data = &trial,
	};
	struct renderer *renderer = remote_renderer_create(&args);
	if (renderer) {
		wait_for_trial(&trial);
		report_trial(&trial, renderer);
	}
	renderer_destroy(renderer);
	process_kill(&pids);
	waitpid(pids.renderer, NULL, 0);
	if (pids.server > 0)
		waitpid(pids.server, NULL, 0);
	return trial.ready;
}

static void report_node(const char *path, const char *use)
{
	_cleanup_fd_ int fd = open(path, O_RDWR | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	if (fd >= 0)
		printf("%s: usable, %s\n", path, use);
	else if (errno == EACCES || errno == EPERM)
		printf("%s: this user may not open it; add the user to the group that owns it\n",
			path);
	else
		printf("%s: %s\n", path, strerror(errno));
}

static void report_nodes(void)
{
	glob_t nodes;
	if (glob("/dev/dri/renderD*", 0, NULL, &nodes) == 0) {
		for (size_t i = 0; i < nodes.gl_pathc; i++)
			report_node(nodes.gl_pathv[i], "give it with --render-node");
		globfree(&nodes);
	} else {
		printf("GPU: no render node in /dev/dri; what is rendered in 3D, is by the "
		       "processor\n");
	}
}

static int open_given_node(const struct config *config)
{
	if (!config->render_node)
		return -1;
	return open(config->render_node, O_RDWR | O_CLOEXEC | O_NOCTTY);
}

/* As it is when guests are served. */
static int enter_sandbox(struct sandbox *sandbox, const struct config *config,
	struct process_program *programs, int render_node)
{
	for (uint32_t i = 0; i < config->renderer_count; i++)
		process_find_program(&programs[i], renderer_type_find(config->renderers[i]));
	const struct containment_args args = {
		.programs = programs,
		.program_count = config->renderer_count,
		.render_node = render_node,
		.self = -1,
		.folders = { -1, -1 },
	};
	sandbox_init(sandbox, &sandbox_launcher, config->sandbox);
	return containment_enter(sandbox, &args);
}

/* Some of it is only known when there is another process. */
static int report_sandbox(struct sandbox *sandbox)
{
	char text[512];
	pid_t pid = sandbox_fork(sandbox);
	if (pid == 0)
		_exit(EXIT_OK);
	if (pid < 0)
		return pid;
	waitpid(pid, NULL, 0);
	sandbox_describe(sandbox, text, sizeof(text));
	printf("sandbox: %s\n", text);
	return 0;
}

/* All are tried, in the sandbox. An exit status. */
static int try_all(
	const struct config *config, struct loop *loop, struct logs *logs, int render_node)
{
	struct process_program programs[GPU_MAX_RENDERERS];
	struct sandbox sandbox;
	bool good = true;
	if (enter_sandbox(&sandbox, config, programs, render_node) < 0 ||
		report_sandbox(&sandbox) < 0)
		return EXIT_FAILED;
	struct process_args start = {
		.render_node = render_node,
		.memo = -1,
		.capsets = config->capset_mask,
		.log_level = config->log_level,
		.sandbox = &sandbox,
		.null = logs->null,
	};
	for (uint32_t i = 0; i < config->renderer_count; i++) {
		start.log = &logs->renderers[i];
		start.server_log = &logs->servers[i];
		good = try_renderer(loop, &programs[i], &start) && good;
		logs_drain(logs);
	}
	return good ? EXIT_OK : EXIT_FAILED;
}

int check_host_run(const struct config *config)
{
	struct logs logs = { .null = -1 };
	printf("2D: works\n");
	report_nodes();
	report_node(GPU_UDMABUF_PATH, "blobs of the guest's memory become dma-bufs");
	_cleanup_fd_ int render_node = open_given_node(config);
	bool good = !config->render_node || render_node >= 0;
	if (!good)
		printf("%s: %s\n", config->render_node, strerror(errno));

	struct loop *loop = loop_create();
	if (!loop)
		return EXIT_FAILED;
	int status = logs_init(&logs, loop, config) < 0 ? EXIT_FAILED
							: try_all(config, loop, &logs, render_node);
	logs_finish(&logs);
	loop_destroy(loop);
	return good ? status : EXIT_FAILED;
}
