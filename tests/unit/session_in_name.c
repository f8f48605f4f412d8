/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
#include "session_in_name.h"

#include <sys/socket.h>

#include "test.h"
#include "util/fd.h"
#include "vhost/session.h"

struct session_in_name vmm = { .sock = -1 };

uint64_t __wrap_vhost_session_protocol_features(const struct vhost_session *session);
struct backend_channel *__wrap_vhost_session_backend_channel(struct vhost_session *session);
void __wrap_vhost_session_completed(struct vhost_session *session, struct virtqueue *queue);

uint64_t __wrap_vhost_session_protocol_features(const struct vhost_session *session)
{
	return vmm.features;
}

struct backend_channel *__wrap_vhost_session_backend_channel(struct vhost_session *session)
{
	return vmm.channel;
}

void __wrap_vhost_session_completed(struct vhost_session *session, struct virtqueue *queue)
{
}

void session_in_name_open_channel(struct loop *loop)
{
	int pair[2];
	CHECK_INT(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
	struct backend_channel *old = vmm.channel;
	vmm.channel = backend_channel_create(loop, pair[0], vmm.features);
	backend_channel_destroy(old);
	fd_close(&vmm.sock);
	vmm.sock = pair[1];
}

struct vhost_session *session_in_name_begin(struct loop *loop, uint64_t features)
{
	vmm.features = features;
	session_in_name_open_channel(loop);
	return (struct vhost_session *)&vmm;
}

void session_in_name_close_channel(void)
{
	struct backend_channel *channel = vmm.channel;
	vmm.channel = NULL;
	backend_channel_destroy(channel);
}
