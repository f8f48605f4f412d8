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

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "device_process.h"
#include "util/checked.h"
#include "util/fd.h"

enum {
	CHILD_SOCKET = 3,
	CHILD_RENDER_NODE = 4,
	CHILD_SERVER = 5,
	CHILD_FIRST_FREE = 6,
	CHILD_PROGRAM = CHILD_FIRST_FREE, /* closed when it runs */
};
static_assert((int)CHILD_SOCKET == DEVICE_PROCESS_CONTROL, "where the device process has it");

#define CHILD_DESCRIPTORS (CHILD_FIRST_FREE - CHILD_SOCKET)
#define CHILD_ABOVE       16 /* all of them */
#define ARGUMENTS_MAX     16u

static bool program_in(const char *folder, const char *program, char *path, size_t size)
{
	int length = snprintf(path, size, "%s/%s", folder, program);
	return length > 0 && (size_t)length < size && access(path, X_OK) == 0;
}

static bool program_in_build(const char *folder, const char *program, char *path, size_t size)
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
	int written = snprintf(path, size, "%s/renderers/%s/%s", self, folder, program);
	return written > 0 && (size_t)written < size && access(path, X_OK) == 0;
}

static void find(const char *folder, const char *program, char *path, size_t size)
{
	const char *libexec = getenv("VIRTIOGPUD_LIBEXEC");
	if (libexec && program_in(libexec, program, path, size))
		return;
	if (program_in(VIRTIOGPUD_LIBEXECDIR, program, path, size))
		return;
	if (!program_in_build(folder, program, path, size))
		path[0] = '\0';
}

/* virglrenderer's, which ours becomes. */
static const char *find_render_server(void)
{
	const char *path = getenv("RENDER_SERVER_EXEC_PATH");
	if (!path || path[0] != '/')
		path = VIRTIOGPUD_RENDER_SERVER;
	return access(path, X_OK) == 0 ? path : NULL;
}

/* The folder is beside the server, wherever that is. Drivers' loader looks for it from elsewhere: not where only a path
 * from here leads to. */
static void find_layer(struct process_program *program)
{
	const bool whole = program->server_path[0] == '/';
	const char *slash = whole ? strrchr(program->server_path, '/') : NULL;
	int length = slash
		? snprintf(program->layer_path, sizeof(program->layer_path), "%.*s/layer",
			  (int)(slash - program->server_path), program->server_path)
		: 0;
	if (length <= 0 || (size_t)length >= sizeof(program->layer_path) ||
		access(program->layer_path, X_OK) < 0)
		program->layer_path[0] = '\0';
}

void process_find_program(struct process_program *program, const struct renderer_type *type)
{
	program->type = type;
	find(type->folder, type->program, program->path, sizeof(program->path));
	program->render_server = type->server ? find_render_server() : NULL;
	program->server_path[0] = '\0';
	if (program->render_server)
		find(type->server_folder, type->server, program->server_path,
			sizeof(program->server_path));
	find_layer(program);
}

/* What a child becomes. */
struct image {
	const char *path; /* NULL: see program */
	int program; /* a descriptor; -1: see path */
	const char *const *argv;
	int fds[CHILD_DESCRIPTORS]; /* from CHILD_SOCKET on; -1: none */
};

/* What it has to say goes to log (-1: to nobody). */
static bool set_standard_fds(int null, int log)
{
	log_set_writer(NULL, NULL);
	return dup2(null, STDIN_FILENO) >= 0 && dup2(null, STDOUT_FILENO) >= 0 &&
		dup2(log >= 0 ? log : null, STDERR_FILENO) >= 0;
}

/* Puts each descriptor where the program expects it, and closes all others. */
static bool set_fds(const struct image *image)
{
	/* Moved out of the way first: any may sit where another has to go. */
	int high[CHILD_DESCRIPTORS + 1];
	for (int i = 0; i <= CHILD_DESCRIPTORS; i++) {
		int fd = i < CHILD_DESCRIPTORS ? image->fds[i] : image->program;
		high[i] = fd >= 0 ? fcntl(fd, F_DUPFD, CHILD_ABOVE) : -1;
		if (fd >= 0 && high[i] < 0)
			return false;
	}
	close_range(CHILD_SOCKET, CHILD_PROGRAM, 0);
	for (int i = 0; i <= CHILD_DESCRIPTORS; i++)
		if (high[i] >= 0 &&
			dup3(high[i], CHILD_SOCKET + i, i == CHILD_DESCRIPTORS ? O_CLOEXEC : 0) < 0)
			return false;
	close_range(CHILD_PROGRAM + 1, ~0u, 0);
	return true;
}

/* In the child. If the parent has died before it asks to die with it, the
 * other ends of its sockets have gone as well, and the program ends with those. */
static _Noreturn void become(const struct image *image, int null, int log)
{
	sigset_t none;
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (!set_standard_fds(null, log) || !set_fds(image))
		_exit(EXIT_FAILURE);
	char *const *argv = (char *const *)(uintptr_t)image->argv;
	if (image->path)
		execv(image->path, argv);
	else
		syscall(SYS_execveat, CHILD_PROGRAM, "", argv, environ, AT_EMPTY_PATH);
	log_error("cannot run %s: %s", argv[0], strerror(errno));
	_exit(127);
}

static pid_t start(
	const struct image *image, struct sandbox *sandbox, int null, struct child_log *child_log)
{
	_cleanup_fd_ int log = child_log_open(child_log);
	pid_t pid = sandbox_fork(sandbox);
	if (pid == 0)
		become(image, null, log);
	return pid;
}

int process_open_self(void)
{
	int fd = open("/proc/self/exe", O_PATH | O_CLOEXEC);
	if (fd >= 0)
		return fd;
	log_error("/proc/self/exe: %s", strerror(errno));
	return -errno;
}

/* The name is the child's: this process keeps its command line. */
pid_t process_start_device(const struct process_device_args *args)
{
	size_t count = 0;
	while (args->argv[count])
		count++;
	_cleanup_free_ const char **argv = calloc(count + 2, sizeof(*argv));
	if (!argv)
		return -ENOMEM;
	argv[0] = DEVICE_PROCESS_NAME;
	for (size_t i = 1; i < count; i++)
		argv[i] = args->argv[i];
	const struct image image = {
		.program = args->self,
		.argv = argv,
		.fds = { args->control, -1, -1 },
	};
	return start(&image, args->sandbox, args->null, args->log);
}

static const char *level_name(enum log_level level)
{
	static const char *const levels[] = {
		[LOG_ERROR] = "error",
		[LOG_WARN] = "warn",
		[LOG_INFO] = "info",
		[LOG_DEBUG] = "debug",
	};
	return levels[level];
}

/* server: this program's end of the socket between the two; -1: none. The arguments that are there only
 * sometimes come last. */
static pid_t start_renderer(
	const struct process_program *program, const struct process_args *args, int server)
{
	const struct renderer_type *type = program->type;
	const int node = type->render_node ? args->render_node : -1;
	const char *argv[ARGUMENTS_MAX] = { type->program, "--fd", "3", "--name", type->name,
		"--debug", level_name(args->log_level), "--sandbox",
		sandbox_mode_name(args->sandbox->mode) };
	size_t count = 9;
	if (node >= 0) {
		argv[count++] = "--render-node-fd";
		argv[count++] = "4";
	}
	if (server >= 0) {
		argv[count++] = "--server-fd";
		argv[count++] = "5";
	}
	const struct image image = {
		.path = program->path,
		.program = -1,
		.argv = argv,
		.fds = { args->sock, node, server },
	};
	return start(&image, args->sandbox, args->null, args->log);
}

static pid_t start_server(
	const struct process_program *program, const struct process_args *args, int sock)
{
	const char *argv[ARGUMENTS_MAX] = { program->type->server, "--exec", program->render_server,
		"--debug", level_name(args->log_level), "--sandbox",
		sandbox_mode_name(args->sandbox->mode) };
	size_t count = 7;
	if (program->layer_path[0]) {
		argv[count++] = "--layer";
		argv[count++] = program->layer_path;
	}
	if (args->render_node >= 0)
		argv[count++] = "--render-node";
	if (args->memo >= 0)
		argv[count++] = "--memo";
	const struct image image = {
		.path = program->server_path,
		.program = -1,
		.argv = argv,
		.fds = { sock, args->render_node, args->memo },
	};
	return start(&image, args->sandbox, args->null, args->server_log);
}

/* Returns the renderer's end of the socket between the two; -1: it goes without. */
static int add_server(const struct process_program *program, const struct process_args *args,
	struct process_pids *pids)
{
	int ends[2];
	if (!program->server_path[0] || !(program->type->server_capsets & args->capsets))
		return -1;
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) < 0)
		return -1;
	pid_t pid = start_server(program, args, ends[1]);
	fd_close(&ends[1]);
	if (pid < 0) {
		log_error("renderer %s: cannot start its server: %s", program->type->name,
			strerror(-pid));
		fd_close(&ends[0]);
		return -1;
	}
	pids->server = pid;
	return ends[0];
}

int process_start_renderer(const struct process_program *program, const struct process_args *args,
	struct process_pids *ret_pids)
{
	const struct renderer_type *type = program->type;
	*ret_pids = (struct process_pids){ 0 };
	if (!program->path[0]) {
		log_error("renderer %s: %s is not in %s; install it, or leave it out with "
			  "--renderer",
			type->name, type->program, VIRTIOGPUD_LIBEXECDIR);
		return -ENOENT;
	}
	_cleanup_fd_ int server = add_server(program, args, ret_pids);
	pid_t pid = start_renderer(program, args, server);
	if (pid < 0) {
		log_error("renderer %s: cannot start a process: %s", type->name, strerror(-pid));
		return pid;
	}
	ret_pids->renderer = pid;
	return 0;
}

void process_kill(const struct process_pids *pids)
{
	if (pids->renderer > 0)
		kill(pids->renderer, SIGKILL);
	if (pids->server > 0)
		kill(pids->server, SIGKILL);
}

void process_describe_status(int status, char *text, size_t size)
{
	if (WIFSIGNALED(status))
		snprintf(text, size, "was killed by signal %d (%s)", WTERMSIG(status),
			strsignal(WTERMSIG(status)));
	else
		snprintf(text, size, "exited with status %d", WEXITSTATUS(status));
}
