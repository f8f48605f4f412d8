/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/*
 * A renderer program is looked for in, one after the other:
 *
 *	$VIRTIOGPUD_LIBEXEC/PROGRAM
 *	LIBEXECDIR/PROGRAM, as installed
 *	FOLDER/renderers/NAME/PROGRAM beside this executable, in a build folder
 *
 * It gets its descriptors at fixed numbers and no others.
 */
#include "process.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "util/checked.h"

enum {
	CHILD_SOCKET = 3,
	CHILD_RENDER_NODE = 4,
	CHILD_FIRST_FREE = 5,
};

static bool program_in(const char *folder, const char *program, char *path, size_t size)
{
	int length = snprintf(path, size, "%s/%s", folder, program);
	return length > 0 && (size_t)length < size && access(path, X_OK) == 0;
}

static bool program_in_build(const struct renderer_type *type, char *path, size_t size)
{
	char self[PATH_MAX];
	ssize_t length = readlink("/proc/self/exe", self, sizeof(self) - 1);
	if (length <= 0)
		return false;
	self[length] = '\0';
	char *slash = strrchr(self, '/');
	if (!slash)
		return false;
	*slash = '\0';
	int written = snprintf(path, size, "%s/renderers/%s/%s", self, type->folder, type->program);
	return written > 0 && (size_t)written < size && access(path, X_OK) == 0;
}

void process_find_program(struct process_program *program, const struct renderer_type *type)
{
	const char *libexec = getenv("VIRTIOGPUD_LIBEXEC");
	char *path = program->path;
	size_t size = sizeof(program->path);
	program->type = type;
	if (libexec && program_in(libexec, type->program, path, size))
		return;
	if (program_in(VIRTIOGPUD_LIBEXECDIR, type->program, path, size))
		return;
	if (!program_in_build(type, path, size))
		path[0] = '\0';
}

/* In the child, before exec: only async-signal-safe calls. If the parent has died before it asks to die with
 * it, the device process has gone as well, and the renderer ends with its socket. */
static void become_renderer(const char *path, char *const argv[], int sock, int render_node)
{
	sigset_t none;
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	/* Moved out of the way first: either may sit where the other has to go. */
	int high_sock = fcntl(sock, F_DUPFD, 16);
	int high_node = render_node >= 0 ? fcntl(render_node, F_DUPFD, 16) : -1;
	if (high_sock < 0 || dup2(high_sock, CHILD_SOCKET) < 0)
		_exit(EXIT_FAILURE);
	if (high_node >= 0 && dup2(high_node, CHILD_RENDER_NODE) < 0)
		_exit(EXIT_FAILURE);
	close_range(high_node >= 0 ? CHILD_FIRST_FREE : CHILD_RENDER_NODE, ~0u, 0);
	execv(path, argv);
	_exit(127);
}

pid_t process_start_renderer(const struct process_program *program, const struct process_args *args)
{
	static const char *const levels[] = {
		[LOG_ERROR] = "error",
		[LOG_WARN] = "warn",
		[LOG_INFO] = "info",
		[LOG_DEBUG] = "debug",
	};
	const struct renderer_type *type = program->type;
	if (!program->path[0]) {
		log_error("renderer %s: %s is not in %s; install it, or leave it out with "
			  "--renderer",
			type->name, type->program, VIRTIOGPUD_LIBEXECDIR);
		return -ENOENT;
	}
	bool with_node = type->render_node && args->render_node >= 0;
	const char *argv[] = { type->program, "--fd", "3", "--name", type->name, "--debug",
		levels[args->log_level], "--sandbox", sandbox_mode_name(args->sandbox->mode),
		with_node ? "--render-node-fd" : NULL, "4", NULL };
	pid_t pid = sandbox_fork(args->sandbox);
	if (pid == 0) {
		char *child_argv[ARRAY_SIZE(argv)];
		memcpy(child_argv, argv, sizeof(argv));
		become_renderer(
			program->path, child_argv, args->sock, with_node ? args->render_node : -1);
	}
	if (pid < 0)
		log_error("renderer %s: cannot start a process: %s", type->name, strerror(-pid));
	return pid;
}

void process_describe_status(int status, char *text, size_t size)
{
	if (WIFSIGNALED(status))
		snprintf(text, size, "was killed by signal %d (%s)", WTERMSIG(status),
			strsignal(WTERMSIG(status)));
	else
		snprintf(text, size, "exited with status %d", WEXITSTATUS(status));
}
