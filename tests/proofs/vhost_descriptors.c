/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/*
 * The descriptors that a VMM sends (src/vhost/connection.c).
 *
 * A message has any number of descriptors already; a read brings up to two control messages, of any kind,
 * with up to five more each. None is forgotten: those that have places are in the message, in the order in which
 * they came, the others are closed. More than a message may have is a fault. When the message is
 * cleared all are closed, once.
 *
 * #proof src/util/fd.c tests/proofs/stubs/descriptors.c tests/proofs/stubs/log.c
 * #cbmc --unwind 10
 * #bug src/vhost/connection.c: if (message->fd_count < VHOST_USER_MAX_FDS) { => if (message->fd_count <= VHOST_USER_MAX_FDS) {
 * #bug src/vhost/connection.c: fd_close(&fd); => (void)fd;
 * #bug src/vhost/connection.c: return cut || !fitted ? => return cut ?
 * #bug src/vhost/connection.c: control->cmsg_type == SCM_RIGHTS && => control->cmsg_type >= SCM_RIGHTS &&
 * #bug src/vhost/connection.c: connection->message.fd_count = 0; => (void)0;
 */
#include "vhost/connection.c"

#include "peer.h"

#define CAME_MAX 5

struct cmsghdr *second;

struct cmsghdr *__cmsg_nxthdr(struct msghdr *message, struct cmsghdr *control)
{
	return control == second ? NULL : second;
}

union place {
	struct cmsghdr control;
	char bytes[CMSG_SPACE(CAME_MAX * sizeof(int))];
};

/* Returns how many descriptors are in it. */
static size_t put_control(union place *place)
{
	struct cmsghdr *control = &place->control;
	size_t count = any_size(0, CAME_MAX);
	control->cmsg_len = CMSG_LEN(count * sizeof(int));
	control->cmsg_level = nondet_int();
	control->cmsg_type = nondet_int();
	if (control->cmsg_level != SOL_SOCKET || control->cmsg_type != SCM_RIGHTS)
		return 0;
	for (size_t i = 0; i < CAME_MAX; i++) {
		int fd = i < count ? descriptor_new() : -1;
		memcpy(CMSG_DATA(control) + i * sizeof(int), &fd, sizeof(fd));
	}
	return count;
}

void proof(void)
{
	static struct vhost_connection connection;
	static union place places[2];
	struct vhost_message *message = &connection.message;
	struct msghdr received = {
		.msg_control = &places[0],
		.msg_controllen = nondet_bool() ? sizeof(places) : 0,
		.msg_flags = nondet_int(),
	};
	uint32_t before = any_below(VHOST_USER_MAX_FDS + 1);
	for (uint32_t i = 0; i < before; i++)
		message->fds[i] = descriptor_new();
	message->fd_count = before;
	size_t came = 0;
	if (received.msg_controllen > 0)
		came = put_control(&places[0]);
	if (received.msg_controllen > 0 && nondet_bool()) {
		came += put_control(&places[1]);
		second = &places[1].control;
	}

	const char *fault = take_control(message, &received);
	size_t all = before + came;
	size_t kept = all < VHOST_USER_MAX_FDS ? all : VHOST_USER_MAX_FDS;
	prove(message->fd_count == kept);
	prove(fault || all <= VHOST_USER_MAX_FDS);
	prove(fault || !(received.msg_flags & MSG_CTRUNC));
	prove(!fault || all > VHOST_USER_MAX_FDS || (received.msg_flags & MSG_CTRUNC));
	for (uint32_t i = 0; i < VHOST_USER_MAX_FDS; i++)
		prove(i >= kept || message->fds[i] == (int)i);
	prove(descriptors_open == (UINT64_C(1) << kept) - 1);

	message_clear(&connection);
	prove(descriptors_open == 0 && message->fd_count == 0);
	message_clear(&connection);
}
