/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/*
 * The lists of system calls are beside the code that makes them. What the libraries make in addition:
 *
 * LibVNCServer takes clients, and looks at who they are, its own descriptors and their limit:
 * #syscalls viewer: accept accept4 getpeername getsockname setsockopt:no-delay shutdown select pselect6
 *	sendto:data-to-peer recvfrom getpid fcntl:flags prlimit64:read getrlimit futex getrandom
 *
 * libwayland sends and receives with descriptors:
 * #syscalls viewer: sendmsg:to-peer recvmsg fcntl:dup poll ppoll
 *
 * And all of them get and give back memory: #syscalls viewer: madvise
 */
#include "cage.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "util/checked.h"
#include "util/fd.h"
#include "util/log.h"

/* What is typed at the terminal is none of its business. */
static int leave_input_and_output(void)
{
	_cleanup_fd_ int null = open("/dev/null", O_RDWR | O_CLOEXEC);
	if (null < 0 || dup2(null, STDIN_FILENO) < 0 || dup2(null, STDOUT_FILENO) < 0) {
		log_error("/dev/null: %s", strerror(errno));
		return -errno;
	}
	/* they were closed, and this is one of them */
	if (null <= STDERR_FILENO)
		fd_steal(&null);
	return 0;
}

int cage_begin(struct sandbox *sandbox, enum sandbox_mode mode)
{
	sandbox_init(sandbox, &sandbox_viewer, mode);
	int error = leave_input_and_output();
	return error ? error : sandbox_early(sandbox, NULL);
}

int cage_close(struct sandbox *sandbox, const struct cage_places *left)
{
	struct sandbox_place places[1 + CAGE_SOCKETS] = { { SANDBOX_CREATE, left->pictures, -1 } };
	for (size_t i = 0; i < CAGE_SOCKETS; i++)
		places[1 + i] = (struct sandbox_place){ SANDBOX_REMOVE, NULL, left->sockets[i] };
	int error = sandbox_namespaces(sandbox, places, ARRAY_SIZE(places));
	if (error == 0)
		error = sandbox_files(sandbox, places, ARRAY_SIZE(places));
	return error == 0 ? sandbox_seal(sandbox) : error;
}

void cage_report(const struct sandbox *sandbox)
{
	char text[512];
	if (sandbox->mode == SANDBOX_OFF) {
		log_warn("sandbox: OFF: a backend or a VNC client that takes over this program has "
			 "all "
			 "rights of the user who started it");
		return;
	}
	sandbox_describe(sandbox, text, sizeof(text));
	log_print(sandbox->missing ? LOG_WARN : LOG_INFO, "sandbox: %s", text);
}
