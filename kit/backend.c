/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
#include "kit/backend.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "util/fd.h"

#define LOG_MAX (8u << 20)

/* Replaces every `mark` of text; a new string. */
static char *replace(const char *text, const char *mark, const char *with)
{
	char *result = NULL;
	size_t size;
	FILE *stream = open_memstream(&result, &size);
	if (!stream)
		return NULL;
	for (const char *at; (at = strstr(text, mark)); text = at + strlen(mark))
		fprintf(stream, "%.*s%s", (int)(at - text), text, with);
	fputs(text, stream);
	if (fclose(stream) == 0)
		return result;
	free(result);
	return NULL;
}

/* In the child: never returns. */
static void run(const char *command, int log_fd, int inherited, pid_t parent)
{
	setpgid(0, 0);
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != parent)
		_exit(126);
	int null = open("/dev/null", O_RDWR);
	if (null < 0 || dup2(null, 0) < 0 || dup2(null, 1) < 0 || dup2(log_fd, 2) < 0)
		_exit(126);
	if (inherited >= 0)
		fcntl(inherited, F_SETFD, 0);
	execl("/bin/sh", "sh", "-c", command, (char *)NULL);
	_exit(127);
}

/* What the shell is given: a new string. The program has the shell's pid, whose signals and status are
 * then its own; env takes the assignments that a command may begin with, which exec does not. */
static char *command_line(const struct kit_backend *backend, const char *command, int inherited)
{
	char number[16];
	char *line = NULL;
	snprintf(number, sizeof(number), "%d", inherited);
	_cleanup_free_ char *half = inherited >= 0 ? replace(command, "{fd}", number)
						   : replace(command, "{socket}", backend->socket);
	_cleanup_free_ char *whole = half ? replace(half, "{viewer}", backend->viewer) : NULL;
	if (!whole || asprintf(&line, "exec env %s", whole) < 0)
		return NULL;
	return line;
}

static int start(struct kit_backend *backend, const char *command, int inherited)
{
	_cleanup_free_ char *line = command_line(backend, command, inherited);
	if (!line)
		return kit_fail(backend->kit, ENOMEM, "no memory for a command line");
	pid_t parent = getpid();
	pid_t pid = fork();
	if (pid < 0)
		return kit_fail(backend->kit, errno, "fork: %s", strerror(errno));
	if (pid == 0)
		run(line, backend->log_fd, inherited, parent);
	setpgid(pid, pid);
	backend->pid = pid;
	return 0;
}

static int make_folder(struct kit_backend *backend)
{
	const char *where = getenv("KIT_FOLDER");
	int length = snprintf(
		backend->folder, sizeof(backend->folder), "%s/kit-XXXXXX", where ? where : "/tmp");
	int error = length < (int)sizeof(backend->folder) ? 0 : ENAMETOOLONG;
	if (error == 0 && !mkdtemp(backend->folder))
		error = errno;
	if (error) {
		backend->folder[0] = '\0';
		return kit_fail(backend->kit, error, "no folder in %s: %s", where ? where : "/tmp",
			strerror(error));
	}
	snprintf(backend->socket, sizeof(backend->socket), "%s/gpu.sock", backend->folder);
	snprintf(backend->viewer, sizeof(backend->viewer), "%s/viewer.sock", backend->folder);
	return 0;
}

/* Makes what the command has places for. */
static int make_sockets(struct kit_backend *backend, const char *command, int *ret_inherited)
{
	bool passed = strstr(command, "{fd}");
	int pair[2];
	if (!passed || strstr(command, "{viewer}")) {
		int ret = make_folder(backend);
		if (ret < 0)
			return ret;
	}
	if (!passed)
		return 0;
	backend->socket[0] = '\0';
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0)
		return kit_fail(backend->kit, errno, "socketpair: %s", strerror(errno));
	backend->sock = pair[0];
	*ret_inherited = pair[1];
	return 0;
}

struct kit_backend *kit_backend_create(struct kit *kit, const char *command)
{
	_cleanup_fd_ int inherited = -1;
	struct kit_backend *backend = calloc(1, sizeof(*backend));
	if (!backend)
		return NULL;
	*backend = (struct kit_backend){ .kit = kit, .sock = -1 };
	backend->log_fd = memfd_create("backend-log", MFD_CLOEXEC);
	int ret = backend->log_fd < 0 ? kit_fail(kit, errno, "memfd: %s", strerror(errno)) : 0;
	if (ret == 0)
		ret = make_sockets(backend, command, &inherited);
	if (ret == 0)
		ret = start(backend, command, inherited);
	if (ret == 0)
		return backend;
	kit_backend_destroy(backend);
	return NULL;
}

struct kit_backend *kit_backend_attach(struct kit *kit, pid_t pid, const char *socket)
{
	struct kit_backend *backend = calloc(1, sizeof(*backend));
	if (!backend)
		return NULL;
	*backend = (struct kit_backend){ .kit = kit, .pid = pid, .sock = -1, .foreign = true };
	snprintf(backend->folder, sizeof(backend->folder), "somewhere");
	backend->log_fd = memfd_create("backend-log", MFD_CLOEXEC);
	int length = snprintf(backend->socket, sizeof(backend->socket), "%s", socket);
	if (backend->log_fd >= 0 && length < (int)sizeof(backend->socket))
		return backend;
	kit_backend_destroy(backend);
	return NULL;
}

void kit_backend_destroy(struct kit_backend *backend)
{
	if (!backend)
		return;
	if (backend->pid > 0 && !backend->foreign) {
		/* first the group: whoever is left in it would lose its parent */
		kill(-backend->pid, SIGKILL);
		kill(backend->pid, SIGKILL);
		waitpid(backend->pid, NULL, 0);
	}
	if (backend->folder[0] && !backend->foreign) {
		unlink(backend->socket);
		unlink(backend->viewer);
		rmdir(backend->folder);
	}
	fd_close(&backend->sock);
	fd_close(&backend->log_fd);
	free(backend);
}

/* --- life ---------------------------------------------------------------------------------- */

bool kit_backend_alive(struct kit_backend *backend)
{
	if (backend->pid <= 0)
		return false;
	if (backend->foreign)
		return kill(backend->pid, 0) == 0;
	if (waitpid(backend->pid, &backend->status, WNOHANG) != backend->pid)
		return true;
	kill(-backend->pid, SIGKILL);
	backend->pid = 0;
	return false;
}

static bool has_ended(void *data)
{
	return !kit_backend_alive(data);
}

/* Like kit_wait(), for what no descriptor tells. */
static int poll_until(struct kit *kit, bool (*done)(void *data), void *data)
{
	uint64_t deadline = kit_now() + (uint64_t)kit->timeout_ms;
	while (!done(data)) {
		int ret = kit_pump(kit, 2);
		if (ret < 0 && ret != -ECONNRESET)
			return ret;
		if (ret < 0)
			usleep(2000);
		if (kit_now() >= deadline)
			return -ETIMEDOUT;
	}
	return 0;
}

int kit_backend_wait(struct kit_backend *backend)
{
	int ret = poll_until(backend->kit, has_ended, backend);
	if (ret == -ETIMEDOUT)
		return kit_fail(backend->kit, ETIMEDOUT, "the backend does not end");
	if (ret < 0)
		return ret;
	return WIFSIGNALED(backend->status) ? 256 + WTERMSIG(backend->status)
					    : WEXITSTATUS(backend->status);
}

int kit_backend_stop(struct kit_backend *backend)
{
	if (kit_backend_alive(backend))
		kill(backend->pid, SIGTERM);
	return kit_backend_wait(backend);
}

struct connecting {
	struct kit_backend *backend;
	const char *path;
	int sock;
};

static bool connected(void *data)
{
	struct connecting *connecting = data;
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	snprintf(address.sun_path, sizeof(address.sun_path), "%s", connecting->path);
	return connect(connecting->sock, (struct sockaddr *)&address, sizeof(address)) == 0 ||
		!kit_backend_alive(connecting->backend);
}

static int connect_to(struct kit_backend *backend, const char *path)
{
	/* non-blocking: a full queue of connections is tried again like a missing socket */
	struct connecting connecting = { backend, path,
		socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0) };
	if (connecting.sock < 0)
		return kit_fail(backend->kit, errno, "socket: %s", strerror(errno));
	int ret = poll_until(backend->kit, connected, &connecting);
	if (ret == 0 && kit_backend_alive(backend))
		return connecting.sock;
	fd_close(&connecting.sock);
	if (ret == -ETIMEDOUT)
		return kit_fail(backend->kit, ETIMEDOUT, "the backend does not listen on %s", path);
	_cleanup_free_ char *log = kit_backend_log(backend);
	return ret < 0 ? ret
		       : kit_fail(backend->kit, ECHILD, "the backend ended (status %#x): %s",
				 (unsigned)backend->status, log ? log : "");
}

int kit_backend_connect(struct kit_backend *backend)
{
	if (backend->socket[0])
		return connect_to(backend, backend->socket);
	return backend->sock >= 0 ? fd_steal(&backend->sock)
				  : kit_fail(backend->kit, ENOTCONN, "already connected");
}

int kit_backend_connect_viewer(struct kit_backend *backend)
{
	return connect_to(backend, backend->viewer);
}

/* --- its log ------------------------------------------------------------------------------- */

char *kit_backend_log(struct kit_backend *backend)
{
	struct stat info;
	if (fstat(backend->log_fd, &info) < 0)
		return NULL;
	uint64_t size = (uint64_t)info.st_size - backend->log_mark;
	if (size > LOG_MAX)
		size = LOG_MAX;
	char *text = calloc(1, size + 1);
	if (text && pread(backend->log_fd, text, size, (off_t)backend->log_mark) < 0)
		text[0] = '\0';
	return text;
}

void kit_backend_log_mark(struct kit_backend *backend)
{
	struct stat info;
	if (fstat(backend->log_fd, &info) == 0)
		backend->log_mark = (uint64_t)info.st_size;
}

uint32_t kit_backend_log_lines(struct kit_backend *backend, const char *text)
{
	_cleanup_free_ char *log = kit_backend_log(backend);
	uint32_t count = 0;
	char *rest = NULL;
	for (char *line = log ? strtok_r(log, "\n", &rest) : NULL; line;
		line = strtok_r(NULL, "\n", &rest))
		count += strstr(line, text) != NULL;
	return count;
}

struct reading {
	struct kit_backend *backend;
	const char *text;
	uint32_t count;
};

static bool has_lines(void *data)
{
	const struct reading *reading = data;
	return kit_backend_log_lines(reading->backend, reading->text) >= reading->count;
}

int kit_backend_wait_lines(struct kit_backend *backend, const char *text, uint32_t count)
{
	struct reading reading = { backend, text, count };
	int ret = poll_until(backend->kit, has_lines, &reading);
	if (ret != -ETIMEDOUT)
		return ret;
	return kit_fail(backend->kit, ETIMEDOUT, "%u log lines with \"%s\", not %u",
		kit_backend_log_lines(backend, text), text, count);
}
