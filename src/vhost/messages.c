/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/*
 * The table of vhost-user requests and their handlers (QEMU, docs/interop/vhost-user, "Front-end
 * message types"). Size, descriptors and needed feature are checked from the table before a handler
 * runs; a handler judges the contents.
 *
 * A request without a row is not served, so its feature must not be offered.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "util/checked.h"
#include "util/fd.h"
#include "util/log.h"
#include "vhost/session_private.h"

/* Virtio feature bits that are the device's (virtio 1.4, 2.2); the others are the transport's. */
#define DEVICE_FEATURES (UINT64_C(0x0000000000ffffff) | UINT64_C(0xfffc000000000000))
#define TRANSPORT_FEATURES                                                                         \
	(VHOST_BIT(VIRTIO_RING_F_INDIRECT_DESC) | VHOST_BIT(VIRTIO_RING_F_EVENT_IDX) |             \
		VHOST_BIT(VHOST_USER_F_PROTOCOL_FEATURES) | VHOST_BIT(VIRTIO_F_VERSION_1) |        \
		VHOST_BIT(VIRTIO_F_RING_PACKED))
#define PROTOCOL_FEATURES                                                                          \
	(VHOST_BIT(VHOST_USER_PROTOCOL_F_MQ) | VHOST_BIT(VHOST_USER_PROTOCOL_F_REPLY_ACK) |        \
		VHOST_BIT(VHOST_USER_PROTOCOL_F_BACKEND_REQ) |                                     \
		VHOST_BIT(VHOST_USER_PROTOCOL_F_CONFIG) |                                          \
		VHOST_BIT(VHOST_USER_PROTOCOL_F_BACKEND_SEND_FD) |                                 \
		VHOST_BIT(VHOST_USER_PROTOCOL_F_RESET_DEVICE))

enum reply {
	REPLY_NONE, /* only an acknowledgement, where one is asked for */
	REPLY_OWN, /* the handler sends it */
};

typedef int (*handler_fn)(struct vhost_session *session, struct vhost_message *message);

struct vhost_message_spec {
	const char *name;
	uint32_t min_size, max_size; /* of the payload */
	uint32_t min_fds, max_fds;
	uint64_t needs; /* protocol features */
	enum reply reply;
	handler_fn handle;
};

static uint64_t payload_u64(const struct vhost_message *message)
{
	uint64_t value;
	memcpy(&value, message->payload, sizeof(value));
	return value;
}

static void reply_u64(
	struct vhost_session *session, const struct vhost_message *message, uint64_t value)
{
	vhost_session_reply(
		session, (enum vhost_user_request)message->header.request, &value, sizeof(value));
}

/* Finds a queue by index; NULL when there is no such queue (said). */
static struct vhost_queue *find_queue(struct vhost_session *session, uint64_t index)
{
	if (index < session->impl->queues)
		return &session->queues[index];
	vhost_session_violation(session, "there is no queue %" PRIu64, index);
	return NULL;
}

static struct vhost_queue *vring_state(
	struct vhost_session *session, const struct vhost_message *message, uint32_t *ret_num)
{
	struct vhost_user_vring_state state;
	memcpy(&state, message->payload, sizeof(state));
	*ret_num = state.num;
	return find_queue(session, state.index);
}

/* True when fd is of a kind that an eventfd can be: no file, pipe, socket or device. */
static bool may_be_eventfd(int fd)
{
	struct stat status;
	return fd_stat(fd, &status) == 0 && (status.st_mode & S_IFMT) == 0;
}

static bool is_socket(int fd)
{
	struct stat status;
	return fd_stat(fd, &status) == 0 && S_ISSOCK(status.st_mode);
}

/* The descriptor of SET_VRING_KICK, _CALL and _ERR is left in the message; -1: none. */
static struct vhost_queue *vring_fd(
	struct vhost_session *session, struct vhost_message *message, bool *ret_has_fd)
{
	uint64_t value = payload_u64(message);
	bool has_fd = !(value & VHOST_USER_VRING_NOFD_MASK);
	if (has_fd != (message->fd_count == 1)) {
		vhost_session_violation(
			session, "it has %u descriptors but says %u", message->fd_count, has_fd);
		return NULL;
	}
	if (has_fd && !may_be_eventfd(message->fds[0])) {
		vhost_session_violation(session, "the descriptor is not an eventfd");
		return NULL;
	}
	*ret_has_fd = has_fd;
	return find_queue(session, value & VHOST_USER_VRING_INDEX_MASK);
}

static uint64_t offered_features(const struct vhost_session *session)
{
	uint64_t device = session->impl->features(session->device);
	return (device & DEVICE_FEATURES) | TRANSPORT_FEATURES;
}

static uint64_t offered_protocol_features(const struct vhost_session *session)
{
	uint64_t slots = VHOST_BIT(VHOST_USER_PROTOCOL_F_CONFIGURE_MEM_SLOTS);
	uint64_t state = VHOST_BIT(VHOST_USER_PROTOCOL_F_DEVICE_STATE);
	return PROTOCOL_FEATURES | (session->memory_slots ? slots : 0) |
		(session->impl->state ? state : 0) |
		session->impl->protocol_features(session->device);
}

static int ignore(struct vhost_session *session, struct vhost_message *message)
{
	return HANDLED;
}

static int get_features(struct vhost_session *session, struct vhost_message *message)
{
	reply_u64(session, message, offered_features(session));
	return HANDLED;
}

/* VMMs pass on transport bits that were not offered: what can be meant by them is served. */
const char *vhost_session_features_fault(
	const struct vhost_session *session, uint64_t features, char *text, size_t size)
{
	uint64_t extra = features & DEVICE_FEATURES & ~offered_features(session);
	snprintf(text, size, "features 0x%" PRIx64 " were not offered", extra);
	if (extra)
		return text;
	if (features & VHOST_BIT(VHOST_F_LOG_ALL))
		return "dirty page logging is not supported";
	return NULL;
}

static int set_features(struct vhost_session *session, struct vhost_message *message)
{
	uint64_t features = payload_u64(message);
	char text[64];
	const char *fault = vhost_session_features_fault(session, features, text, sizeof(text));
	if (fault)
		return vhost_session_violation(session, "%s", fault);
	if (vhost_session_any_started(session))
		return features == session->features
			? HANDLED
			: vhost_session_violation(session, "the features change while queues run");
	session->features = features;
	session->negotiated_since = true;
	session->impl->set_features(session->device, features);
	return HANDLED;
}

static int get_protocol_features(struct vhost_session *session, struct vhost_message *message)
{
	reply_u64(session, message, offered_protocol_features(session));
	return HANDLED;
}

static int set_protocol_features(struct vhost_session *session, struct vhost_message *message)
{
	uint64_t features = payload_u64(message);
	uint64_t extra = features & ~offered_protocol_features(session);
	if (extra)
		return vhost_session_violation(
			session, "features 0x%" PRIx64 " were not offered", extra);
	session->protocol_features = features;
	bool guest = features & VHOST_BIT(VHOST_USER_PROTOCOL_F_GPA_ADDRESSES);
	for (uint32_t i = 0; i < session->impl->queues; i++)
		session->queues[i].virtqueue.addresses_are_guest = guest;
	return HANDLED;
}

static int get_queue_num(struct vhost_session *session, struct vhost_message *message)
{
	reply_u64(session, message, session->impl->queues);
	return HANDLED;
}

static int get_max_mem_slots(struct vhost_session *session, struct vhost_message *message)
{
	reply_u64(session, message, VHOST_MEMORY_MAX_REGIONS);
	return HANDLED;
}

static int set_vring_num(struct vhost_session *session, struct vhost_message *message)
{
	uint32_t num;
	struct vhost_queue *queue = vring_state(session, message, &num);
	if (!queue)
		return -EPROTO;
	int status = virtqueue_set_size(&queue->virtqueue, num);
	if (status == -EBUSY)
		return vhost_session_violation(session, "queue %u runs", queue->virtqueue.index);
	if (status < 0)
		return vhost_session_violation(
			session, "size %u is not 1 to %u", num, VIRTQUEUE_MAX_SIZE);
	return HANDLED;
}

static int set_vring_addr(struct vhost_session *session, struct vhost_message *message)
{
	struct vhost_user_vring_addr wire;
	memcpy(&wire, message->payload, sizeof(wire));
	const struct virtqueue_addresses addresses = {
		.descriptors = wire.descriptor,
		.used = wire.used,
		.available = wire.available,
	};
	struct vhost_queue *queue = find_queue(session, wire.index);
	if (!queue)
		return -EPROTO;
	if (queue->virtqueue.started &&
		!virtqueue_addresses_same(&queue->virtqueue.addresses, &addresses))
		return vhost_session_violation(session, "queue %u runs", wire.index);
	queue->virtqueue.addresses = addresses;
	queue->virtqueue.addresses_set = true;
	return HANDLED;
}

static int set_vring_base(struct vhost_session *session, struct vhost_message *message)
{
	uint32_t base;
	struct vhost_queue *queue = vring_state(session, message, &base);
	if (!queue)
		return -EPROTO;
	if (queue->virtqueue.started)
		return vhost_session_violation(session, "queue %u runs", queue->virtqueue.index);
	queue->virtqueue.base = base;
	return HANDLED;
}

static int get_vring_base(struct vhost_session *session, struct vhost_message *message)
{
	uint32_t ignored;
	struct vhost_queue *queue = vring_state(session, message, &ignored);
	if (!queue)
		return -EPROTO;
	vhost_queue_stop(queue);
	return HANDLED;
}

static int set_vring_kick(struct vhost_session *session, struct vhost_message *message)
{
	bool has_fd;
	struct vhost_queue *queue = vring_fd(session, message, &has_fd);
	if (!queue)
		return -EPROTO;
	if (!has_fd)
		return vhost_session_violation(session, "queues without a kick are not supported");
	const char *fault = vhost_queue_prepare(queue);
	if (fault)
		return vhost_session_violation(
			session, "queue %u cannot start: %s", queue->virtqueue.index, fault);
	int status = vhost_queue_start(queue, fd_steal(&message->fds[0]));
	if (status < 0)
		return vhost_session_refusal(session, -status, "the descriptor cannot be watched");
	return HANDLED;
}

static int set_vring_call(struct vhost_session *session, struct vhost_message *message)
{
	bool has_fd;
	struct vhost_queue *queue = vring_fd(session, message, &has_fd);
	if (!queue)
		return -EPROTO;
	virtqueue_set_call(&queue->virtqueue, has_fd ? fd_steal(&message->fds[0]) : -1);
	return HANDLED;
}

static int set_vring_err(struct vhost_session *session, struct vhost_message *message)
{
	bool has_fd;
	struct vhost_queue *queue = vring_fd(session, message, &has_fd);
	if (!queue)
		return -EPROTO;
	fd_close(&queue->virtqueue.err_fd);
	if (has_fd)
		queue->virtqueue.err_fd = fd_steal(&message->fds[0]);
	return HANDLED;
}

static int set_vring_enable(struct vhost_session *session, struct vhost_message *message)
{
	uint32_t enable;
	struct vhost_queue *queue = vring_state(session, message, &enable);
	if (!queue)
		return -EPROTO;
	if (enable > 1)
		return vhost_session_violation(session, "%u is neither 0 nor 1", enable);
	vhost_queue_enable(queue, enable);
	return HANDLED;
}

static int set_backend_req_fd(struct vhost_session *session, struct vhost_message *message)
{
	if (!is_socket(message->fds[0]))
		return vhost_session_violation(session, "the descriptor is not a socket");
	struct backend_channel *channel = backend_channel_create(
		session->loop, fd_steal(&message->fds[0]), session->protocol_features);
	if (!channel)
		return vhost_session_refusal(session, ENOMEM, "the channel cannot be served");
	struct backend_channel *old = session->channel;
	session->channel = channel;
	vhost_session_tell_channel(session);
	backend_channel_destroy(old);
	return HANDLED;
}

/* Reads and checks what GET_CONFIG and SET_CONFIG begin with. The flags are nothing to go by: VMMs
 * disagree about them. */
static int config_header(struct vhost_session *session, const struct vhost_message *message,
	struct vhost_user_config_header *ret_config)
{
	memcpy(ret_config, message->payload, sizeof(*ret_config));
	if (message->header.size - sizeof(*ret_config) != ret_config->size)
		return vhost_session_violation(session, "%u bytes of configuration in %u",
			ret_config->size, message->header.size);
	return HANDLED;
}

/* Bytes behind the device's own are zero: the VMM may know of more fields than the device. */
static int get_config(struct vhost_session *session, struct vhost_message *message)
{
	struct {
		struct vhost_user_config_header header;
		uint8_t bytes[VHOST_USER_MAX_CONFIG_SIZE];
	} answer;
	int status = config_header(session, message, &answer.header);
	if (status < 0)
		return status;
	size_t size = 0; /* which says that it cannot be had */
	if (range_inside(answer.header.offset, answer.header.size, sizeof(answer.bytes))) {
		uint8_t config[VHOST_USER_MAX_CONFIG_SIZE] = { 0 };
		session->impl->read_config(session->device, config);
		memcpy(answer.bytes, config + answer.header.offset, answer.header.size);
		size = sizeof(answer.header) + answer.header.size;
	}
	vhost_session_reply(session, VHOST_USER_GET_CONFIG, &answer, size);
	return HANDLED;
}

/* A guest may write anywhere behind the device's fields, when the VMM has more: nobody's error. */
static int set_config(struct vhost_session *session, struct vhost_message *message)
{
	struct vhost_user_config_header config;
	int status = config_header(session, message, &config);
	if (status < 0)
		return status;
	if (config.offset >= session->impl->config_size)
		return HANDLED;
	uint32_t size = min_u32(config.size, session->impl->config_size - config.offset);
	if (size > 0)
		session->impl->write_config(
			session->device, config.offset, message->payload + sizeof(config), size);
	return HANDLED;
}

/* Some VMMs leave the UUID out: they get the same as when there is no such object. */
static int get_shared_object(struct vhost_session *session, struct vhost_message *message)
{
	struct vhost_user_shared shared;
	int fd = -1;
	if (message->header.size > 0 && message->header.size != sizeof(shared))
		return vhost_session_violation(
			session, "%u bytes of payload", message->header.size);
	if (message->header.size > 0) {
		memcpy(&shared, message->payload, sizeof(shared));
		fd = session->impl->shared_object(session->device, shared.uuid);
	}
	vhost_session_reply_fd(session, VHOST_USER_GET_SHARED_OBJECT, fd);
	return HANDLED;
}

static int get_shmem_config(struct vhost_session *session, struct vhost_message *message)
{
	struct vhost_user_shmem_config config = { 0 };
	session->impl->shared_memory(session->device, config.sizes);
	for (size_t i = 0; i < ARRAY_SIZE(config.sizes); i++)
		config.nregions += config.sizes[i] > 0;
	vhost_session_reply(session, VHOST_USER_GET_SHMEM_CONFIG, &config, sizeof(config));
	return HANDLED;
}

static int gpu_set_socket(struct vhost_session *session, struct vhost_message *message)
{
	if (!is_socket(message->fds[0]))
		return vhost_session_violation(session, "the descriptor is not a socket");
	session->impl->set_gpu_socket(session->device, fd_steal(&message->fds[0]));
	return HANDLED;
}

static int reset_device(struct vhost_session *session, struct vhost_message *message)
{
	vhost_session_reset_device(session);
	return HANDLED;
}

#define EXACTLY(number) (number), (number)
#define EMPTY           EXACTLY(0)
#define U64             EXACTLY(sizeof(uint64_t))
#define VRING_STATE     EXACTLY(sizeof(struct vhost_user_vring_state))
#define VRING_ADDR      EXACTLY(sizeof(struct vhost_user_vring_addr))
#define REGION          EXACTLY(sizeof(struct vhost_user_single_region))
#define TRANSFER        EXACTLY(sizeof(struct vhost_user_transfer_device_state))
#define TABLE(regions)                                                                             \
	(sizeof(struct vhost_user_memory_header) +                                                 \
		(regions) * sizeof(struct vhost_user_memory_region))
#define REGIONS TABLE(1), TABLE(VHOST_USER_MAX_FDS)
#define CONFIG                                                                                     \
	sizeof(struct vhost_user_config_header),                                                   \
		sizeof(struct vhost_user_config_header) + VHOST_USER_MAX_CONFIG_SIZE

#define UUID 0, sizeof(struct vhost_user_shared)

#define NO_FD  EXACTLY(0)
#define ONE_FD EXACTLY(1)
#define AN_FD  0, 1 /* perhaps */
#define FDS    1, VHOST_USER_MAX_FDS

#define NOTHING   0
#define F_MQ      VHOST_BIT(VHOST_USER_PROTOCOL_F_MQ)
#define F_CHANNEL VHOST_BIT(VHOST_USER_PROTOCOL_F_BACKEND_REQ)
#define F_CONFIG  VHOST_BIT(VHOST_USER_PROTOCOL_F_CONFIG)
#define F_RESET   VHOST_BIT(VHOST_USER_PROTOCOL_F_RESET_DEVICE)
#define F_SLOTS   VHOST_BIT(VHOST_USER_PROTOCOL_F_CONFIGURE_MEM_SLOTS)
#define F_STATE   VHOST_BIT(VHOST_USER_PROTOCOL_F_DEVICE_STATE)
#define F_SHARED  VHOST_BIT(VHOST_USER_PROTOCOL_F_SHARED_OBJECT)
#define F_SHMEM   VHOST_BIT(VHOST_USER_PROTOCOL_F_SHMEM)

#define ROW(request, ...) [VHOST_USER_##request] = { #request, __VA_ARGS__ }

/* clang-format off */
static const struct vhost_message_spec specs[VHOST_USER_REQUEST_MAX] = {
	/*  request                payload      fds     needs      answer       handler */
	ROW(GET_FEATURES,          EMPTY,       NO_FD,  NOTHING,   REPLY_OWN,  get_features),
	ROW(SET_FEATURES,          U64,         NO_FD,  NOTHING,   REPLY_NONE, set_features),
	ROW(SET_OWNER,             EMPTY,       NO_FD,  NOTHING,   REPLY_NONE, ignore),
	ROW(RESET_OWNER,           EMPTY,       NO_FD,  NOTHING,   REPLY_NONE, ignore),
	ROW(SET_MEM_TABLE,         REGIONS,     FDS,    NOTHING,   REPLY_NONE,
		vhost_handle_set_mem_table),
	ROW(SET_VRING_NUM,         VRING_STATE, NO_FD,  NOTHING,   REPLY_NONE, set_vring_num),
	ROW(SET_VRING_ADDR,        VRING_ADDR,  NO_FD,  NOTHING,   REPLY_NONE, set_vring_addr),
	ROW(SET_VRING_BASE,        VRING_STATE, NO_FD,  NOTHING,   REPLY_NONE, set_vring_base),
	ROW(GET_VRING_BASE,        VRING_STATE, NO_FD,  NOTHING,   REPLY_OWN,  get_vring_base),
	ROW(SET_VRING_KICK,        U64,         AN_FD,  NOTHING,   REPLY_NONE, set_vring_kick),
	ROW(SET_VRING_CALL,        U64,         AN_FD,  NOTHING,   REPLY_NONE, set_vring_call),
	ROW(SET_VRING_ERR,         U64,         AN_FD,  NOTHING,   REPLY_NONE, set_vring_err),
	ROW(GET_PROTOCOL_FEATURES, EMPTY,       NO_FD,  NOTHING,   REPLY_OWN,
		get_protocol_features),
	ROW(SET_PROTOCOL_FEATURES, U64,         NO_FD,  NOTHING,   REPLY_NONE,
		set_protocol_features),
	ROW(GET_QUEUE_NUM,         EMPTY,       NO_FD,  F_MQ,      REPLY_OWN,  get_queue_num),
	ROW(SET_VRING_ENABLE,      VRING_STATE, NO_FD,  NOTHING,   REPLY_NONE, set_vring_enable),
	ROW(SET_BACKEND_REQ_FD,    EMPTY,       ONE_FD, F_CHANNEL, REPLY_NONE, set_backend_req_fd),
	ROW(GET_CONFIG,            CONFIG,      NO_FD,  F_CONFIG,  REPLY_OWN,  get_config),
	ROW(SET_CONFIG,            CONFIG,      NO_FD,  F_CONFIG,  REPLY_NONE, set_config),
	ROW(GPU_SET_SOCKET,        EMPTY,       ONE_FD, NOTHING,   REPLY_NONE, gpu_set_socket),
	ROW(RESET_DEVICE,          EMPTY,       NO_FD,  F_RESET,   REPLY_NONE, reset_device),
	ROW(GET_MAX_MEM_SLOTS,     EMPTY,       NO_FD,  F_SLOTS,   REPLY_OWN,  get_max_mem_slots),
	ROW(ADD_MEM_REG,           REGION,      ONE_FD, F_SLOTS,   REPLY_NONE,
		vhost_handle_add_mem_reg),
	ROW(REM_MEM_REG,           REGION,      AN_FD,  F_SLOTS,   REPLY_NONE,
		vhost_handle_rem_mem_reg),
	ROW(SET_DEVICE_STATE_FD,   TRANSFER,    ONE_FD, F_STATE,   REPLY_OWN,
		vhost_handle_set_device_state_fd),
	ROW(CHECK_DEVICE_STATE,    EMPTY,       NO_FD,  F_STATE,   REPLY_OWN,
		vhost_handle_check_device_state),
	ROW(GET_SHARED_OBJECT,     UUID,        NO_FD,  F_SHARED,  REPLY_OWN,  get_shared_object),
	ROW(GET_SHMEM_CONFIG,      EMPTY,       NO_FD,  F_SHMEM,   REPLY_OWN,  get_shmem_config),
};
/* clang-format on */

static int check_shape(struct vhost_session *session, const struct vhost_message_spec *spec,
	const struct vhost_message *message)
{
	uint32_t size = message->header.size;
	if (message->header.flags & VHOST_USER_REPLY_MASK)
		return vhost_session_violation(session, "an answer to nothing");
	if (spec->needs & ~session->protocol_features)
		return vhost_session_violation(session, "its feature was not negotiated");
	if (size < spec->min_size || size > spec->max_size)
		return vhost_session_violation(session, "%u bytes of payload", size);
	if (message->fd_count < spec->min_fds || message->fd_count > spec->max_fds)
		return vhost_session_violation(session, "%u descriptors", message->fd_count);
	return 0;
}

int vhost_session_message(void *data, struct vhost_message *message)
{
	struct vhost_session *session = data;
	const struct vhost_user_header *header = &message->header;
	if (header->request >= ARRAY_SIZE(specs) || !specs[header->request].handle) {
		session->request_name = "unknown request";
		return vhost_session_violation(session, "number %u", header->request);
	}
	const struct vhost_message_spec *spec = &specs[header->request];
	uint64_t ack = session->protocol_features & VHOST_BIT(VHOST_USER_PROTOCOL_F_REPLY_ACK);
	session->request_name = spec->name;
	session->answer_wanted =
		ack && spec->reply == REPLY_NONE && (header->flags & VHOST_USER_NEED_REPLY_MASK);
	log_debug("vhost-user: %s, %u bytes, %u descriptors", spec->name, header->size,
		message->fd_count);

	int status = check_shape(session, spec, message);
	if (status < 0)
		return status;
	status = spec->handle(session, message);
	if (status == -EPROTO || (status < 0 && !session->answer_wanted))
		return status;
	if (session->answer_wanted && status != ANSWER_FOLLOWS)
		reply_u64(session, message, status < 0);
	return 0;
}
