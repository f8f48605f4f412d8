/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
#include "outside.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/sendfile.h>
#include <sys/shm.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

static uint64_t secret = 0x7365637265742121;

static bool make_victim(struct target *target)
{
	target->secret = &secret;
	target->victim = fork();
	if (target->victim == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		prctl(PR_SET_PTRACER, PR_SET_PTRACER_ANY);
		for (;;)
			pause();
	}
	pid_t pid = target->victim;
	snprintf(target->victim_memory, sizeof(target->victim_memory), "/proc/%d/mem", pid);
	snprintf(target->victim_maps, sizeof(target->victim_maps), "/proc/%d/maps", pid);
	snprintf(target->victim_net, sizeof(target->victim_net), "/proc/%d/ns/net", pid);
	snprintf(target->victim_root, sizeof(target->victim_root), "/proc/%d/root", pid);
	return pid > 0;
}

static bool make_files(struct target *target)
{
	snprintf(target->pictures, sizeof(target->pictures), "/tmp/pictures-XXXXXX");
	if (!mkdtemp(target->pictures))
		return false;
	snprintf(target->folder, sizeof(target->folder), "/tmp/breakout-XXXXXX");
	if (!mkdtemp(target->folder))
		return false;
	snprintf(target->secret_path, sizeof(target->secret_path), "%s/secret", target->folder);
	snprintf(target->new_path, sizeof(target->new_path), "%s/new", target->folder);
	snprintf(target->socket_path, sizeof(target->socket_path), "%s/socket", target->folder);
	snprintf(target->datagram_path, sizeof(target->datagram_path), "%s/datagrams",
		target->folder);
	snprintf(target->abstract_name, sizeof(target->abstract_name), "breakout-%d", getpid());
	int fd = open(target->secret_path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	return fd >= 0 && close(fd) == 0;
}

static bool bind_unix(int sock, const char *name, size_t lead)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	size_t length = strlen(name);
	memcpy(address.sun_path + lead, name, length);
	return bind(sock, (struct sockaddr *)&address,
		       (socklen_t)(offsetof(struct sockaddr_un, sun_path) + lead + length)) == 0;
}

static bool listen_unix(const char *name, size_t lead)
{
	int sock = socket(AF_UNIX, SOCK_STREAM, 0);
	return bind_unix(sock, name, lead) && listen(sock, 64) == 0;
}

/* As that of a system's log. */
static bool take_datagrams(const char *name)
{
	return bind_unix(socket(AF_UNIX, SOCK_DGRAM, 0), name, 0);
}

/* At a port that the kernel chooses. */
static int listen_tcp(uint16_t *ret_port)
{
	struct sockaddr_in address = {
		.sin_family = AF_INET,
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK),
	};
	socklen_t size = sizeof(address);
	int sock = socket(AF_INET, SOCK_STREAM, 0);
	if (bind(sock, (struct sockaddr *)&address, size) < 0 || listen(sock, 64) < 0 ||
		getsockname(sock, (struct sockaddr *)&address, &size) < 0)
		return -1;
	*ret_port = ntohs(address.sin_port);
	return sock;
}

static bool make_terminal(struct target *target)
{
	target->terminal = posix_openpt(O_RDWR | O_NOCTTY);
	return target->terminal >= 0;
}

/* This one, as whoever can write to memory could have any. */
static bool make_program(struct target *target)
{
	int from = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
	struct stat status;
	target->program = memfd_create("program", FILE_EXEC);
	if (target->program < 0)
		target->program = memfd_create("program", 0);
	snprintf(target->program_path, sizeof(target->program_path), "/proc/self/fd/%d",
		target->program);
	if (from < 0 || target->program < 0 || fstat(from, &status) < 0)
		return false;
	off_t left = status.st_size;
	ssize_t moved = 1;
	while (left > 0 && moved > 0) {
		moved = sendfile(target->program, from, NULL, (size_t)left);
		left -= moved;
	}
	close(from);
	return left == 0;
}

bool outside_make(struct target *target)
{
	*target = (struct target){ 0 };
	target->shared_memory = shmget(IPC_PRIVATE, 4096, 0600 | IPC_CREAT);
	if (target->shared_memory >= 0 && make_victim(target) && make_files(target) &&
		make_program(target) && listen_unix(target->socket_path, 0) &&
		listen_unix(target->abstract_name, 1) && take_datagrams(target->datagram_path) &&
		listen_tcp(&target->tcp_port) >= 0 && make_terminal(target))
		return true;
	perror("breakout: what is to be attacked cannot be made");
	return false;
}

bool outside_renew(struct target *target, bool sealed)
{
	if (target->guest_memory > 0)
		close(target->guest_memory);
	target->guest_memory = memfd_create("guest-memory", MFD_ALLOW_SEALING);
	if (target->guest_memory < 0 || ftruncate(target->guest_memory, GUEST_MEMORY_SIZE) < 0)
		return false;
	uint16_t port;
	if (target->tcp_listening > 0)
		close(target->tcp_listening);
	target->tcp_listening = listen_tcp(&port);
	target->seals = sealed ? F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL : 0;
	if (target->tcp_listening < 0 ||
		(sealed && fcntl(target->guest_memory, F_ADD_SEALS, target->seals) < 0))
		return false;
	snprintf(target->guest_path, sizeof(target->guest_path), "/proc/self/fd/%d",
		target->guest_memory);
	unlink(target->new_path);
	rmdir(target->new_path);
	return true;
}

bool outside_damaged(const struct target *target)
{
	struct stat status;
	return fstat(target->guest_memory, &status) < 0 || status.st_size != GUEST_MEMORY_SIZE ||
		fcntl(target->guest_memory, F_GET_SEALS) != target->seals;
}

void outside_remove(struct target *target)
{
	kill(target->victim, SIGKILL);
	waitpid(target->victim, NULL, 0);
	shmctl(target->shared_memory, IPC_RMID, NULL);
	rmdir(target->pictures);
	unlink(target->secret_path);
	unlink(target->socket_path);
	unlink(target->datagram_path);
	unlink(target->new_path);
	rmdir(target->folder);
}
