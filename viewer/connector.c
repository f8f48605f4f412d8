/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
#include "connector.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "loop/loop.h"
#include "util/fd.h"
#include "util/log.h"

#define TRIES   100u
#define WAIT_MS 100

struct connector {
	struct loop_source *source;
	int sock; /* the other end is the process's */
	const char *path;
	bool asked;
	void (*connected)(void *data, int sock);
	void *data;
};

/* --- the process --------------------------------------------------------------------------- */

/* A socket or -errno. */
static int try_once(const struct sockaddr_un *address)
{
	_cleanup_fd_ int sock = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (sock < 0 || connect(sock, (const struct sockaddr *)address, sizeof(*address)) < 0)
		return -errno;
	return fd_steal(&sock);
}

/* The backend may be about to start. The viewer may end meanwhile. */
static int connect_to(const char *path, int viewer)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	struct pollfd end = { .fd = viewer };
	if (strlen(path) >= sizeof(address.sun_path))
		return -ENAMETOOLONG;
	strcpy(address.sun_path, path);
	int sock = -ETIMEDOUT;
	for (uint32_t i = 0; i < TRIES; i++) {
		sock = try_once(&address);
		if ((sock != -ENOENT && sock != -ECONNREFUSED) || poll(&end, 1, WAIT_MS) > 0)
			break;
	}
	return sock;
}

/* False: the viewer has gone. */
static bool wait_until_asked(int viewer)
{
	struct pollfd end = { .fd = viewer, .events = POLLIN };
	char asked;
	while (poll(&end, 1, -1) < 0 && errno == EINTR)
		;
	return fd_recv_packet(viewer, &asked, sizeof(asked), NULL, 0) > 0;
}

static _Noreturn void serve(const char *path, int viewer)
{
	prctl(PR_SET_NAME, "view-connector");
	while (wait_until_asked(viewer)) {
		_cleanup_fd_ int sock = connect_to(path, viewer);
		int error = sock < 0 ? sock : 0;
		if (fd_send_packet(viewer, &error, sizeof(error), &sock, error == 0) < 0)
			break;
	}
	_exit(0);
}

/* --- the viewer's side --------------------------------------------------------------------- */

static void on_answer(void *data, uint32_t events)
{
	struct connector *connector = data;
	int error = 0, sock = -1;
	ssize_t got = fd_recv_packet(connector->sock, &error, sizeof(error), &sock, 1);
	if (got == -EAGAIN || got == -EINTR)
		return;
	if (got != sizeof(error) || (error == 0 && sock < 0)) {
		loop_source_destroy(connector->source);
		connector->source = NULL;
		error = -ECONNRESET;
	}
	/* that it has gone matters when it is needed */
	if (!connector->asked)
		return;
	connector->asked = false;
	if (error)
		log_error("%s: %s", connector->path, strerror(-error));
	connector->connected(connector->data, error ? error : sock);
}

static bool start(struct connector *connector)
{
	int pair[2];
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
		return false;
	connector->sock = pair[0];
	/* nobody waits for it */
	signal(SIGCHLD, SIG_IGN);
	pid_t pid = fork();
	if (pid == 0) {
		close(pair[0]);
		serve(connector->path, pair[1]);
	}
	close(pair[1]);
	return pid > 0 && fd_set_nonblocking(pair[0]) == 0;
}

struct connector *connector_create(
	struct loop *loop, const char *path, void (*connected)(void *data, int sock), void *data)
{
	struct connector *connector = calloc(1, sizeof(*connector));
	if (!connector)
		return NULL;
	*connector = (struct connector){
		.sock = -1,
		.path = path,
		.connected = connected,
		.data = data,
	};
	if (start(connector))
		connector->source =
			loop_add_fd(loop, connector->sock, LOOP_READABLE, on_answer, connector);
	if (connector->source)
		return connector;
	log_error("the process that connects cannot be started: %s", strerror(errno));
	connector_destroy(connector);
	return NULL;
}

int connector_ask(struct connector *connector)
{
	int error = fd_send_packet(connector->sock, "", 1, NULL, 0);
	connector->asked = error == 0;
	if (error)
		log_error("%s: %s", connector->path, strerror(-error));
	return error;
}

void connector_destroy(struct connector *connector)
{
	if (!connector)
		return;
	loop_source_destroy(connector->source);
	fd_close(&connector->sock);
	free(connector);
}
