/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/* The network, and services of this machine. */
#include <arpa/inet.h>
#include <errno.h>
#include <linux/if_alg.h>
#include <linux/netlink.h>
#include <linux/vm_sockets.h>
#include <netinet/in.h>
#include <stddef.h>
#include <string.h>
#include <sys/shm.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <unistd.h>

#include "breakout.h"
#include "util/checked.h"

static struct sockaddr_in loopback(uint16_t port)
{
	return (struct sockaddr_in){
		.sin_family = AF_INET,
		.sin_port = htons(port),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK),
	};
}

static int connect_tcp(const struct target *target)
{
	const struct sockaddr_in address = loopback(target->tcp_port);
	int sock = socket(AF_INET, SOCK_STREAM, 0);
	return sock < 0 ? -1 : connect(sock, (const struct sockaddr *)&address, sizeof(address));
}

/* Without socket() and connect(): a socket that listens no more is like one that was never connected. */
static int connect_by_sending(const struct target *target)
{
	const struct sockaddr_in address = loopback(target->tcp_port);
	if (shutdown(target->tcp_listening, SHUT_RD) < 0)
		return -1;
	return (int)sendto(target->tcp_listening, "", 1, MSG_FASTOPEN,
		(const struct sockaddr *)&address, sizeof(address));
}

static int send_byte(int sock, void *address, socklen_t size, int flags)
{
	char byte = 0;
	struct iovec data = { &byte, 1 };
	const struct msghdr message = {
		.msg_name = address,
		.msg_namelen = size,
		.msg_iov = &data,
		.msg_iovlen = 1,
	};
	return (int)sendmsg(sock, &message, flags);
}

static int connect_by_a_message(const struct target *target)
{
	struct sockaddr_in address = loopback(target->tcp_port);
	if (shutdown(target->tcp_listening, SHUT_RD) < 0)
		return -1;
	return send_byte(target->tcp_listening, &address, sizeof(address), MSG_FASTOPEN);
}

static int listen_tcp(const struct target *target)
{
	const struct sockaddr_in address = loopback(0);
	int sock = socket(AF_INET, SOCK_STREAM, 0);
	if (sock < 0 || bind(sock, (const struct sockaddr *)&address, sizeof(address)) < 0)
		return -1;
	return listen(sock, 1);
}

static int send_udp(const struct target *target)
{
	const struct sockaddr_in address = loopback(9);
	int sock = socket(AF_INET, SOCK_DGRAM, 0);
	if (sock < 0)
		return -1;
	return (int)sendto(sock, "", 1, 0, (const struct sockaddr *)&address, sizeof(address));
}

static int send_udp6(const struct target *target)
{
	const struct sockaddr_in6 address = {
		.sin6_family = AF_INET6,
		.sin6_port = htons(9),
		.sin6_addr = IN6ADDR_LOOPBACK_INIT,
	};
	int sock = socket(AF_INET6, SOCK_DGRAM, 0);
	if (sock < 0)
		return -1;
	return (int)sendto(sock, "", 1, 0, (const struct sockaddr *)&address, sizeof(address));
}

static int connect_unix(const char *name, size_t lead)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	size_t length = strlen(name);
	int sock = socket(AF_UNIX, SOCK_STREAM, 0);
	if (sock < 0)
		return -1;
	memcpy(address.sun_path + lead, name, length);
	return connect(sock, (struct sockaddr *)&address,
		(socklen_t)(offsetof(struct sockaddr_un, sun_path) + lead + length));
}

static int connect_path(const struct target *target)
{
	return connect_unix(target->socket_path, 0);
}

static int connect_abstract(const struct target *target)
{
	return connect_unix(target->abstract_name, 1);
}

static int send_datagram(int sock, const char *path)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	memcpy(address.sun_path, path, strlen(path));
	return send_byte(sock, &address, sizeof(address), MSG_DONTWAIT);
}

static int send_to_path(const struct target *target)
{
	int sock = socket(AF_UNIX, SOCK_DGRAM, 0);
	return sock < 0 ? -1 : send_datagram(sock, target->datagram_path);
}

/* Without socket() and connect(). */
static int send_to_path_by_pair(const struct target *target)
{
	int pair[2];
	if (socketpair(AF_UNIX, SOCK_DGRAM, 0, pair) < 0)
		return -1;
	return send_datagram(pair[0], target->datagram_path);
}

/* The kernel makes the sockets, and loads a module for it, before it finds that there are no pairs of them. */
static int make_other_pair(const struct target *target)
{
	int pair[2];
	int result = socketpair(AF_INET, SOCK_DGRAM, 0, pair);
	return result < 0 && errno == EOPNOTSUPP ? 0 : result;
}

static int connect_bus(const struct target *target)
{
	return connect_unix("/run/dbus/system_bus_socket", 0);
}

static int listen_path(const struct target *target)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int sock = socket(AF_UNIX, SOCK_STREAM, 0);
	if (sock < 0)
		return -1;
	memcpy(address.sun_path, target->new_path, strlen(target->new_path));
	int result = bind(sock, (struct sockaddr *)&address, sizeof(address));
	unlink(target->new_path);
	return result;
}

/* Sees the interfaces of the machine: more than one that is down. */
static int see_the_network(const struct target *target)
{
	struct sockaddr_in address = loopback(0);
	int sock = socket(AF_INET, SOCK_DGRAM, 0);
	return sock < 0 ? -1 : connect(sock, (struct sockaddr *)&address, sizeof(address));
}

static int capture_packets(const struct target *target)
{
	return socket(AF_PACKET, SOCK_RAW, 0);
}

static int make_raw_packets(const struct target *target)
{
	return socket(AF_INET, SOCK_RAW, IPPROTO_RAW);
}

static int connect_host(const struct target *target)
{
	const struct sockaddr_vm address = { .svm_family = AF_VSOCK, .svm_cid = VMADDR_CID_LOCAL };
	int sock = socket(AF_VSOCK, SOCK_STREAM | SOCK_NONBLOCK, 0);
	if (sock < 0)
		return -1;
	int result = connect(sock, (const struct sockaddr *)&address, sizeof(address));
	return result < 0 && errno == EINPROGRESS ? 0 : result;
}

static int attach_shared_memory(const struct target *target)
{
	return shmat(target->shared_memory, NULL, 0) == (void *)-1 ? -1 : 0;
}

static const struct action actions[] = {
	{ "connect by TCP", 0, .run = connect_tcp },
	{ "connect by TCP by sending", LAUNCHER, .run = connect_by_sending },
	{ "connect by TCP by a message", LAUNCHER, .run = connect_by_a_message },
	{ "listen by TCP", 0, .run = listen_tcp },
	{ "send by UDP", 0, .run = send_udp },
	{ "send by UDP over IPv6", 0, .run = send_udp6 },
	{ "have a route", 0, .run = see_the_network },
	{ "connect to a socket with a path", 0, .run = connect_path },
	{ "connect to a socket with an abstract name", 0, .run = connect_abstract },
	{ "send a datagram to a path", 0, .run = send_to_path },
	{ "send a datagram to a path by a pair", 0, .run = send_to_path_by_pair },
	{ "make a pair of another family", 0, .run = make_other_pair },
	{ "connect to the system bus", 0, .run = connect_bus },
	{ "listen at a path", 0, .run = listen_path },
	{ "capture packets", 0, .run = capture_packets },
	{ "make raw packets", 0, .run = make_raw_packets },
	{ "connect by VSOCK", 0, .run = connect_host },
	{ "make a socket", LAUNCHER, NULL, SYS_socket, { AF_UNIX, SOCK_STREAM, 0 } },
	{ "make a network socket", LAUNCHER, NULL, SYS_socket, { AF_INET, SOCK_STREAM, 0 } },
	{ "talk to the kernel's network", LAUNCHER, NULL, SYS_socket,
		{ AF_NETLINK, SOCK_RAW, NETLINK_ROUTE } },
	{ "use the kernel's ciphers", LAUNCHER, NULL, SYS_socket, { AF_ALG, SOCK_SEQPACKET, 0 } },
	{ "attach to shared memory of others", 0, .run = attach_shared_memory },
	{ "make shared memory for others", LAUNCHER, NULL, SYS_shmget,
		{ IPC_PRIVATE, 4096, 0600 | IPC_CREAT } },
};

const struct action_table network_actions = { actions, ARRAY_SIZE(actions) };
