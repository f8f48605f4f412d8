/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/*
 * Every vhost-user request (src/vhost/messages.c), with any number, flags, size, payload and descriptors, in
 * any state of a session.
 *
 * A request does something only if it has the size and the descriptors that the protocol gives it, its
 * feature was negotiated, and it is about a queue that there is. A descriptor is taken once or left in the
 * message. A request that breaks the protocol changes nothing and ends the session. The VMM gets one
 * answer where the protocol has one, or where it asked for one and may; never two, and none otherwise.
 * What queues, memory and the device do is not part of this; of GET_CONFIG and SET_CONFIG there is
 * another proof (vhost_config.c).
 *
 * #proof src/util/fd.c tests/proofs/stubs/descriptors.c tests/proofs/stubs/log.c
 * #cbmc --unwind 9 --unwindset get_shmem_config.0:257
 * #bug src/vhost/messages.c: if (index < session->impl->queues) => if (index <= session->impl->queues)
 * #bug src/vhost/messages.c: if (size < spec->min_size || size > spec->max_size) => if (size > spec->max_size)
 * #bug src/vhost/messages.c: if (message->fd_count < spec->min_fds || => if (
 * #bug src/vhost/messages.c: if (spec->needs & ~session->protocol_features) => if (0)
 * #bug src/vhost/messages.c: if (has_fd != (message->fd_count == 1)) => if (has_fd && !message->fd_count)
 * #bug src/vhost/messages.c: has_fd ? fd_steal(&message->fds[0]) : -1); => has_fd ? message->fds[0] : -1);
 * #bug src/vhost/messages.c: if (session->answer_wanted && status != ANSWER_FOLLOWS) => if (status != ANSWER_FOLLOWS)
 * #bug src/vhost/messages.c: session->features = features;
 *	session->negotiated_since = true; => session->negotiated_since = true;
 * #bug src/vhost/messages.c: ack && spec->reply == REPLY_NONE && => ack &&
 * #bug src/vhost/messages.c: if (enable > 1) => if (enable > 2)
 * #bug src/vhost/messages.c: uint64_t extra = features & ~offered_protocol_features(session);
 *	=> uint64_t extra = 0;
 * #bug src/vhost/messages.c: config.nregions += config.sizes[i] > 0; => config.nregions++;
 * #bug src/vhost/messages.c: if (header->request >= ARRAY_SIZE(specs) || => if (header->request > ARRAY_SIZE(specs) ||
 */
#include "short_queue.h"

#include "vhost/messages.c"

#include "peer.h"

static struct vhost_session session;
static struct vhost_message message;
static struct {
	uint64_t features, protocol_features;
	const struct vhost_memory *memory;
	const struct backend_channel *channel;
	struct queue_before {
		bool started;
		uint16_t size;
		uint32_t base;
		int err_fd;
		struct virtqueue_addresses addresses;
	} queues[VHOST_MAX_QUEUES];
} before;
static int answers, violations, deeds;
static uint64_t offered, offered_protocol;
static uint64_t first_region,
	last_region; /* sizes of two regions of shared memory, all that there are */

/* Something is done because of the message: what must hold then. */
static void deed(uint32_t request, size_t size)
{
	deeds++;
	prove(message.header.request == request && message.header.size == size);
	prove(!(message.header.flags & VHOST_USER_REPLY_MASK));
}

static bool negotiated(uint32_t feature)
{
	return session.protocol_features >> feature & 1;
}

static bool is_queue(const struct vhost_queue *queue)
{
	uint32_t index = (uint32_t)(queue - session.queues);
	return index < session.impl->queues && queue == &session.queues[index];
}

int snprintf(char *text, size_t size, const char *format, ...)
{
	peer_writes(text, size);
	text[size - 1] = '\0';
	return nondet_int();
}

int vhost_session_violation(struct vhost_session *of, const char *format, ...)
{
	violations++;
	return -EPROTO;
}

int vhost_session_refusal(struct vhost_session *of, int error, const char *text)
{
	prove(error > 0);
	return -error;
}

void vhost_session_reply(
	struct vhost_session *of, enum vhost_user_request request, const void *payload, size_t size)
{
	answers++;
	prove(request == message.header.request);
	prove(readable(payload, size) && size <= VHOST_USER_MAX_PAYLOAD);
	if (request != VHOST_USER_GET_SHMEM_CONFIG)
		return;
	const struct vhost_user_shmem_config *config = payload;
	prove(size == sizeof(*config) && config->padding == 0);
	prove(config->nregions == (first_region > 0) + (last_region > 0));
	prove(config->sizes[0] == first_region && config->sizes[255] == last_region);
}

void vhost_session_reply_fd(struct vhost_session *of, enum vhost_user_request request, int fd)
{
	answers++;
	prove(request == message.header.request);
}

bool vhost_session_any_started(const struct vhost_session *of)
{
	return session.queues[0].virtqueue.started || session.queues[1].virtqueue.started;
}

void vhost_session_tell_channel(struct vhost_session *of)
{
	prove(of == &session && session.channel);
}

int virtqueue_set_size(struct virtqueue *queue, uint32_t size)
{
	deed(VHOST_USER_SET_VRING_NUM, 8);
	if (queue->started)
		return -EBUSY;
	if (!virtqueue_size_valid(size))
		return -EINVAL;
	queue->size = (uint16_t)size;
	return 0;
}

void virtqueue_set_call(struct virtqueue *queue, int fd)
{
	deed(VHOST_USER_SET_VRING_CALL, 8);
	prove((fd >= 0) == (message.fd_count == 1));
	if (fd >= 0)
		descriptor_gone(fd);
}

const char *vhost_queue_prepare(struct vhost_queue *queue)
{
	prove(is_queue(queue));
	return nondet_bool() ? "it cannot" : NULL;
}

int vhost_queue_start(struct vhost_queue *queue, int kick)
{
	deed(VHOST_USER_SET_VRING_KICK, 8);
	prove(is_queue(queue));
	descriptor_gone(kick);
	return any_status();
}

void vhost_queue_enable(struct vhost_queue *queue, bool enable)
{
	deed(VHOST_USER_SET_VRING_ENABLE, 8);
	prove(is_queue(queue));
	uint32_t said;
	memcpy(&said, message.payload + 4, sizeof(said));
	prove(said == enable);
}

void vhost_queue_stop(struct vhost_queue *queue)
{
	deed(VHOST_USER_GET_VRING_BASE, 8);
	prove(is_queue(queue));
	answers++; /* now or later */
}

void vhost_session_reset_device(struct vhost_session *of)
{
	deed(VHOST_USER_RESET_DEVICE, 0);
	prove(negotiated(VHOST_USER_PROTOCOL_F_RESET_DEVICE));
}

struct backend_channel *backend_channel_create(struct loop *loop, int sock, uint64_t features)
{
	deed(VHOST_USER_SET_BACKEND_REQ_FD, 0);
	prove(features == before.protocol_features);
	descriptor_gone(sock);
	return (struct backend_channel *)malloc(1);
}

void backend_channel_destroy(struct backend_channel *channel)
{
	prove(channel == before.channel);
}

int vhost_handle_set_mem_table(struct vhost_session *of, struct vhost_message *handled)
{
	deeds++;
	prove(message.header.size >= 8 + 32 && message.header.size <= 8 + 32 * 8);
	prove(message.fd_count >= 1);
	return any_status();
}

int vhost_handle_add_mem_reg(struct vhost_session *of, struct vhost_message *handled)
{
	deed(VHOST_USER_ADD_MEM_REG, 40);
	prove(message.fd_count == 1 && negotiated(VHOST_USER_PROTOCOL_F_CONFIGURE_MEM_SLOTS));
	return any_status();
}

int vhost_handle_rem_mem_reg(struct vhost_session *of, struct vhost_message *handled)
{
	deed(VHOST_USER_REM_MEM_REG, 40);
	prove(negotiated(VHOST_USER_PROTOCOL_F_CONFIGURE_MEM_SLOTS));
	return any_status();
}

int vhost_handle_set_device_state_fd(struct vhost_session *of, struct vhost_message *handled)
{
	deed(VHOST_USER_SET_DEVICE_STATE_FD, 8);
	prove(message.fd_count == 1 && negotiated(VHOST_USER_PROTOCOL_F_DEVICE_STATE));
	answers++;
	return HANDLED;
}

int vhost_handle_check_device_state(struct vhost_session *of, struct vhost_message *handled)
{
	deed(VHOST_USER_CHECK_DEVICE_STATE, 0);
	answers++;
	return nondet_bool() ? HANDLED : ANSWER_FOLLOWS;
}

static uint64_t device_features(void *device)
{
	return offered;
}

static uint64_t device_protocol_features(void *device)
{
	return offered_protocol;
}

static void device_set_features(void *device, uint64_t features)
{
	deed(VHOST_USER_SET_FEATURES, 8);
	prove((features & DEVICE_FEATURES & ~offered) == 0 && features == session.features);
	prove(!vhost_session_any_started(&session));
}

static void device_set_gpu_socket(void *device, int sock)
{
	deed(VHOST_USER_GPU_SET_SOCKET, 0);
	descriptor_gone(sock);
}

static int device_shared_object(void *device, const uint8_t uuid[16])
{
	deed(VHOST_USER_GET_SHARED_OBJECT, 16);
	prove(negotiated(VHOST_USER_PROTOCOL_F_SHARED_OBJECT));
	return nondet_int();
}

static void device_shared_memory(void *device, uint64_t sizes[VHOST_USER_MAX_SHMEMS])
{
	deed(VHOST_USER_GET_SHMEM_CONFIG, 0);
	prove(negotiated(VHOST_USER_PROTOCOL_F_SHMEM));
	prove(writable(sizes, VHOST_USER_MAX_SHMEMS * sizeof(*sizes)));
	sizes[0] = first_region = nondet_u64();
	sizes[VHOST_USER_MAX_SHMEMS - 1] = last_region = nondet_u64();
}

static const struct vhost_state_impl state_impl;
static struct vhost_device_impl impl = {
	.features = device_features,
	.protocol_features = device_protocol_features,
	.set_features = device_set_features,
	.set_gpu_socket = device_set_gpu_socket,
	.shared_object = device_shared_object,
	.shared_memory = device_shared_memory,
};

static void any_session(void)
{
	impl.queues = any_below(VHOST_MAX_QUEUES) + 1;
	impl.state = nondet_bool() ? &state_impl : NULL;
	offered = nondet_u64();
	offered_protocol = nondet_u64();
	session.impl = &impl;
	session.features = nondet_u64();
	session.protocol_features = nondet_u64();
	session.memory_slots = nondet_bool();
	for (uint32_t i = 0; i < VHOST_MAX_QUEUES; i++) {
		struct virtqueue *queue = &session.queues[i].virtqueue;
		queue->started = i < impl.queues && nondet_bool();
		queue->size = nondet_u16();
		queue->base = nondet_u32();
		queue->err_fd = nondet_bool() ? descriptor_new() : -1;
	}
}

static void any_message(void)
{
	ANY_VALUE(message);
	assume(message.header.size <= VHOST_USER_MAX_PAYLOAD);
	assume(message.header.request != VHOST_USER_GET_CONFIG &&
		message.header.request != VHOST_USER_SET_CONFIG);
	assume(message.fd_count <= VHOST_USER_MAX_FDS);
	for (uint32_t i = 0; i < VHOST_USER_MAX_FDS; i++)
		message.fds[i] = i < message.fd_count ? descriptor_new() : -1;
}

static bool has_own_answer(uint32_t request)
{
	switch (request) {
	case VHOST_USER_GET_FEATURES:
	case VHOST_USER_GET_VRING_BASE:
	case VHOST_USER_GET_PROTOCOL_FEATURES:
	case VHOST_USER_GET_QUEUE_NUM:
	case VHOST_USER_GET_MAX_MEM_SLOTS:
	case VHOST_USER_GET_SHARED_OBJECT:
	case VHOST_USER_GET_SHMEM_CONFIG:
	case VHOST_USER_SET_DEVICE_STATE_FD:
	case VHOST_USER_CHECK_DEVICE_STATE:
		return true;
	default:
		return false;
	}
}

static void judge_answers(int status)
{
	bool asks = (message.header.flags & VHOST_USER_NEED_REPLY_MASK) &&
		(before.protocol_features >> VHOST_USER_PROTOCOL_F_REPLY_ACK & 1);
	bool own = has_own_answer(message.header.request);
	prove(status <= 0 && answers == (status == 0 && (own || asks)));
}

static void judge_queue(const struct virtqueue *now, const struct queue_before *was)
{
	prove(now->size == was->size && now->base == was->base && now->err_fd == was->err_fd);
	prove(virtqueue_addresses_same(&now->addresses, &was->addresses));
}

static void judge_descriptors(void)
{
	uint64_t held = 0;
	for (uint32_t i = 0; i < VHOST_USER_MAX_FDS; i++)
		if (message.fds[i] >= 0)
			held |= UINT64_C(1) << message.fds[i];
	for (uint32_t i = 0; i < VHOST_MAX_QUEUES; i++)
		if (session.queues[i].virtqueue.err_fd >= 0)
			held |= UINT64_C(1) << session.queues[i].virtqueue.err_fd;
	prove(held == descriptors_open);
}

static void remember(void)
{
	before.features = session.features;
	before.protocol_features = session.protocol_features;
	before.memory = session.memory;
	before.channel = session.channel;
	for (uint32_t i = 0; i < VHOST_MAX_QUEUES; i++) {
		const struct virtqueue *queue = &session.queues[i].virtqueue;
		before.queues[i] = (struct queue_before){ queue->started, queue->size, queue->base,
			queue->err_fd, queue->addresses };
	}
}

void proof(void)
{
	any_session();
	any_message();
	remember();
	int status = vhost_session_message(&session, &message);

	judge_answers(status);
	judge_descriptors();
	prove(!violations || status == -EPROTO);
	prove(!violations || !deeds || message.header.request == VHOST_USER_SET_VRING_NUM);
	if (violations) {
		prove(session.features == before.features && session.memory == before.memory);
		prove(session.protocol_features == before.protocol_features);
		prove(session.channel == before.channel);
	}
	for (uint32_t i = 0; i < VHOST_MAX_QUEUES; i++)
		if (violations || before.queues[i].started)
			if (message.header.request != VHOST_USER_SET_VRING_ERR || violations)
				judge_queue(&session.queues[i].virtqueue, &before.queues[i]);
	uint64_t mine = PROTOCOL_FEATURES | VHOST_BIT(VHOST_USER_PROTOCOL_F_CONFIGURE_MEM_SLOTS) |
		VHOST_BIT(VHOST_USER_PROTOCOL_F_DEVICE_STATE) | offered_protocol;
	prove(session.protocol_features == before.protocol_features ||
		(session.protocol_features & ~mine) == 0);
}
