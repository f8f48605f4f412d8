/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/* What requests do that a proof is not about: they are not sent. */
#include "short_queue.h"

#include "peer.h"
#include "vhost/session_private.h"

bool vhost_session_any_started(const struct vhost_session *session)
{
	prove(false);
	return false;
}

int virtqueue_set_size(struct virtqueue *queue, uint32_t size)
{
	prove(false);
	return 0;
}

void virtqueue_set_call(struct virtqueue *queue, int fd)
{
	prove(false);
}

const char *vhost_queue_prepare(struct vhost_queue *queue)
{
	prove(false);
	return NULL;
}

int vhost_queue_start(struct vhost_queue *queue, int kick)
{
	prove(false);
	return 0;
}

void vhost_queue_enable(struct vhost_queue *queue, bool enable)
{
	prove(false);
}

void vhost_queue_stop(struct vhost_queue *queue)
{
	prove(false);
}

void vhost_session_reset_device(struct vhost_session *session)
{
	prove(false);
}

int vhost_session_refusal(struct vhost_session *session, int error, const char *text)
{
	prove(false);
	return -error;
}

void vhost_session_reply_fd(struct vhost_session *session, enum vhost_user_request request, int fd)
{
	prove(false);
}

struct backend_channel *backend_channel_create(struct loop *loop, int sock, uint64_t features)
{
	prove(false);
	return NULL;
}

void backend_channel_destroy(struct backend_channel *channel)
{
	prove(false);
}

static int unexpected(void)
{
	prove(false);
	return 0;
}

int vhost_handle_set_mem_table(struct vhost_session *session, struct vhost_message *message)
{
	return unexpected();
}

int vhost_handle_add_mem_reg(struct vhost_session *session, struct vhost_message *message)
{
	return unexpected();
}

int vhost_handle_rem_mem_reg(struct vhost_session *session, struct vhost_message *message)
{
	return unexpected();
}

int vhost_handle_set_device_state_fd(struct vhost_session *session, struct vhost_message *message)
{
	return unexpected();
}

int vhost_handle_check_device_state(struct vhost_session *session, struct vhost_message *message)
{
	return unexpected();
}
