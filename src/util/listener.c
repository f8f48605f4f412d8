/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
#include "util/listener.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "util/fd.h"
#include "util/log.h"

static int make_address(const char *path, struct sockaddr_un *address)
{
	size_t length = strlen(path);
	if (length >= sizeof(address->sun_path)) {
		log_error("%s: a socket's path may have %zu characters; use a shorter one", path,
			sizeof(address->sun_path) - 1);
		return -ENAMETOOLONG;
	}
	*address = (struct sockaddr_un){ .sun_family = AF_UNIX };
	memcpy(address->sun_path, path, length + 1);
	return 0;
}

/* Removes a socket file without a listener. -EADDRINUSE when there is one, or it is no socket. */
static int remove_stale(const struct sockaddr_un *address)
{
	struct stat st;
	if (lstat(address->sun_path, &st) < 0)
		return errno == ENOENT ? 0 : -errno;
	if (!S_ISSOCK(st.st_mode)) {
		log_error("%s is there and is not a socket; remove it or use another path",
			address->sun_path);
		return -EADDRINUSE;
	}
	_cleanup_fd_ int probe = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (probe < 0)
		return -errno;
	if (connect(probe, (const struct sockaddr *)address, sizeof(*address)) == 0 ||
		errno != ECONNREFUSED) {
		log_error("%s is in use by another program; use another path", address->sun_path);
		return -EADDRINUSE;
	}
	return unlink(address->sun_path) < 0 ? -errno : 0;
}

static int bind_and_listen(int fd, const struct sockaddr_un *address)
{
	if (bind(fd, (const struct sockaddr *)address, sizeof(*address)) < 0 || listen(fd, 8) < 0) {
		int ret = -errno;
		log_error("cannot listen at %s: %s", address->sun_path, strerror(-ret));
		return ret;
	}
	return 0;
}

/* The file will be removed when its path may not lead there any more. */
static int open_folder(struct listener *listener, const char *path)
{
	const char *slash = strrchr(path, '/');
	_cleanup_free_ char *folder =
		slash ? strndup(path, (size_t)(slash - path) + 1) : strdup(".");
	if (!folder)
		return -ENOMEM;
	listener->name = slash ? slash + 1 : path;
	listener->folder = open(folder, O_PATH | O_DIRECTORY | O_CLOEXEC);
	return listener->folder < 0 ? -errno : 0;
}

int listener_open(struct listener *listener, const char *path)
{
	struct sockaddr_un address;
	int ret = make_address(path, &address);
	if (ret < 0)
		return ret;
	ret = remove_stale(&address);
	if (ret < 0)
		return ret;
	_cleanup_fd_ int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0) {
		ret = -errno;
		log_error("cannot make a socket: %s", strerror(-ret));
		return ret;
	}
	ret = bind_and_listen(fd, &address);
	if (ret == 0)
		ret = open_folder(listener, path);
	if (ret == 0)
		listener->fd = fd_steal(&fd);
	return ret;
}

void listener_finish(struct listener *listener)
{
	if (listener->folder >= 0 && unlinkat(listener->folder, listener->name, 0) < 0)
		log_debug("%s is left behind: %s", listener->name, strerror(errno));
	fd_close(&listener->folder);
	fd_close(&listener->fd);
}

int listener_accept(int fd)
{
	int accepted = accept4(fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
	if (accepted >= 0)
		return accepted;
	bool again = errno == EWOULDBLOCK || errno == ECONNABORTED || errno == EINTR;
	return again ? -EAGAIN : -errno;
}

static int get_option(int fd, int option, int *ret_value)
{
	socklen_t size = sizeof(*ret_value);
	return getsockopt(fd, SOL_SOCKET, option, ret_value, &size) < 0 ? -errno : 0;
}

int listener_check(int fd, bool *ret_listening)
{
	int domain = 0, type = 0, listening = 0;
	int ret = get_option(fd, SO_DOMAIN, &domain);
	if (ret == 0)
		ret = get_option(fd, SO_TYPE, &type);
	if (ret == 0)
		ret = get_option(fd, SO_ACCEPTCONN, &listening);
	if (ret < 0) {
		log_error("--fd=%d is not a socket: %s", fd, strerror(-ret));
		return ret;
	}
	if (domain != AF_UNIX || type != SOCK_STREAM) {
		log_error("--fd=%d is not a UNIX stream socket", fd);
		return -EPROTOTYPE;
	}
	struct sockaddr_storage peer;
	socklen_t size = sizeof(peer);
	if (!listening && getpeername(fd, (struct sockaddr *)&peer, &size) < 0) {
		ret = -errno;
		log_error("--fd=%d is neither listening nor connected: %s", fd, strerror(-ret));
		return ret;
	}
	*ret_listening = listening != 0;
	return 0;
}
