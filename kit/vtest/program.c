/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
#include "kit/vtest/program.h"

#include <errno.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

#include "util/checked.h"
#include "util/log.h"

#define STATUS_SIGNAL 128 /* and the number of the signal that ended it */

/* What makes Mesa speak vtest: OpenGL as if it were software, and Vulkan. */
static const struct {
	const char *name, *value;
} variables[] = {
	{ "LIBGL_ALWAYS_SOFTWARE", "1" },
	{ "GALLIUM_DRIVER", "virpipe" },
	{ "VN_DEBUG", "vtest" },
};

pid_t program_start(char *const *argv, const char *socket)
{
	pid_t pid = -ENOMEM;
	sigset_t none;
	posix_spawnattr_t attributes;
	setenv("VTEST_SOCKET_NAME", socket, true);
	for (size_t i = 0; i < ARRAY_SIZE(variables); i++)
		setenv(variables[i].name, variables[i].value, true);
	sigemptyset(&none);
	if (posix_spawnattr_init(&attributes) != 0)
		return -ENOMEM;
	posix_spawnattr_setsigmask(&attributes, &none);
	posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK);
	int error = posix_spawnp(&pid, argv[0], NULL, &attributes, argv, environ);
	posix_spawnattr_destroy(&attributes);
	if (error)
		log_error("%s cannot be run: %s", argv[0], strerror(error));
	return error ? -error : pid;
}

int program_status(pid_t pid)
{
	int status;
	if (waitpid(pid, &status, WNOHANG) != pid)
		return -1;
	return WIFSIGNALED(status) ? STATUS_SIGNAL + WTERMSIG(status) : WEXITSTATUS(status);
}

void program_stop(pid_t pid)
{
	if (pid <= 0 || program_status(pid) >= 0)
		return;
	kill(pid, SIGTERM);
	waitpid(pid, NULL, 0);
}
