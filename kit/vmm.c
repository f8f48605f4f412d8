/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
#include "kit/vmm.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>

#include "kit/display.h"
#include "kit/seen.h"
#include "util/checked.h"
#include "util/fd.h"

static int hung_up(void *data, short events)
{
	struct kit_vmm *vmm = data;
	return kit_fail(vmm->kit, ECONNRESET, "the backend closed the connection");
}

void kit_vmm_init(struct kit_vmm *vmm, struct kit *kit, int sock)
{
	memset(vmm, 0, sizeof(*vmm));
	vmm->kit = kit;
	vmm->sock = sock;
	vmm->ack = true;
	vmm->wanted = UINT64_MAX;
	vmm->protocol_wanted = UINT64_MAX;
	fd_set_nonblocking(sock);
	kit_channel_init(&vmm->channel, kit);
	kit_vmm_window_init(vmm);
	vmm->hangup = (struct kit_source){ .fd = sock, .ready = hung_up, .data = vmm };
	kit_source_add(kit, &vmm->hangup);
}

void kit_vmm_finish(struct kit_vmm *vmm)
{
	if (!vmm->kit)
		return;
	kit_source_remove(&vmm->hangup);
	kit_source_remove(&vmm->echo_source);
	fd_close(&vmm->sock);
	kit_channel_finish(&vmm->channel);
}

/* --- bytes --------------------------------------------------------------------------------- */

int kit_vmm_send_bytes(
	struct kit_vmm *vmm, const void *data, size_t size, const int *fds, size_t fd_count)
{
	struct kit_bytes bytes = { data, size, fds, fd_count, vmm->piece };
	return kit_stream_send(vmm->kit, vmm->sock, &bytes);
}

int kit_vmm_receive_message(struct kit_vmm *vmm, struct kit_message *ret_message)
{
	ret_message->fd_count = 0;
	struct kit_room room = { &ret_message->header, sizeof(ret_message->header),
		ret_message->fds, KIT_MAX_FDS, &ret_message->fd_count };
	int ret = kit_stream_receive(vmm->kit, vmm->sock, &room);
	if (ret == 0 && ret_message->header.size > KIT_MAX_PAYLOAD)
		ret = kit_fail(vmm->kit, EPROTO, "an answer of %u bytes", ret_message->header.size);
	if (ret == 0 && ret_message->header.size) {
		room = (struct kit_room){ ret_message->payload, ret_message->header.size, NULL, 0,
			NULL };
		ret = kit_stream_receive(vmm->kit, vmm->sock, &room);
	}
	if (ret < 0)
		kit_message_finish(ret_message);
	return ret;
}

int kit_vmm_wait_closed(struct kit_vmm *vmm)
{
	char byte;
	int ret = kit_wait_fd(vmm->kit, vmm->sock, POLLIN, -1);
	if (ret == -ETIMEDOUT)
		return kit_fail(vmm->kit, ETIMEDOUT, "the backend keeps the connection");
	if (ret < 0 && ret != -ECONNRESET)
		return ret;
	ssize_t got = recv(vmm->sock, &byte, 1, MSG_PEEK | MSG_DONTWAIT);
	if (got > 0)
		return kit_fail(vmm->kit, EPROTO, "the backend spoke instead of closing");
	return 0;
}

/* --- messages ------------------------------------------------------------------------------ */

int kit_vmm_send_message(struct kit_vmm *vmm, struct kit_message *message)
{
	struct {
		struct vhost_user_header header;
		uint8_t payload[KIT_MAX_PAYLOAD];
	} wire;
	size_t size = min_size(message->header.size, KIT_MAX_PAYLOAD);
	kit_seen_message(vmm->kit->seen, message->header.request);
	wire.header = message->header;
	memcpy(wire.payload, message->payload, size);
	int ret = kit_vmm_send_bytes(
		vmm, &wire, sizeof(wire.header) + size, message->fds, message->fd_count);
	kit_message_finish(message);
	return ret;
}

void kit_message_finish(struct kit_message *message)
{
	fd_close_all(message->fds, message->fd_count);
	message->fd_count = 0;
}

static const char *name_of(uint32_t request)
{
	const struct kit_request_spec *spec = kit_request_spec(request);
	return spec ? spec->name : "unknown request";
}

static int receive_any_fds(struct kit_vmm *vmm, uint32_t request, struct kit_message *answer)
{
	int ret = kit_vmm_receive_message(vmm, answer);
	if (ret < 0)
		return ret;
	const struct vhost_user_header *header = &answer->header;
	if (header->request == request &&
		header->flags == (VHOST_USER_VERSION | VHOST_USER_REPLY_MASK))
		return 0;
	kit_message_finish(answer);
	return kit_fail(vmm->kit, EPROTO, "answer to %s: request %u, flags %#x", name_of(request),
		header->request, header->flags);
}

/* Receives the answer to a request; its size is still to be judged. */
static int receive_any_size(struct kit_vmm *vmm, uint32_t request, struct kit_message *answer)
{
	int ret = receive_any_fds(vmm, request, answer);
	if (ret < 0)
		return ret;
	uint32_t fds = answer->fd_count;
	kit_message_finish(answer);
	return fds ? kit_fail(vmm->kit, EPROTO, "answer to %s: %u fds", name_of(request), fds) : 0;
}

int kit_vmm_ask(struct kit_vmm *vmm, struct kit_message *message)
{
	uint32_t request = message->header.request;
	int ret = kit_vmm_send_message(vmm, message);
	return ret < 0 ? ret : receive_any_fds(vmm, request, message);
}

int kit_vmm_receive_answer(struct kit_vmm *vmm, uint32_t request, void *payload, size_t size)
{
	struct kit_message answer;
	int ret = receive_any_size(vmm, request, &answer);
	if (ret < 0)
		return ret;
	if (answer.header.size != size)
		return kit_fail(vmm->kit, EPROTO, "answer to %s: %u bytes, not %zu",
			name_of(request), answer.header.size, size);
	memcpy(payload, answer.payload, size);
	return 0;
}

static int take_vring_base(struct kit_vmm *vmm, uint32_t queue, const void *payload)
{
	struct vhost_user_vring_state state;
	memcpy(&state, payload, sizeof(state));
	bool packed = kit_vmm_feature(vmm, VIRTIO_F_RING_PACKED);
	if (state.index != queue || (!packed && state.num > UINT16_MAX))
		return kit_fail(vmm->kit, EPROTO, "GET_VRING_BASE of %u: index %u, num %u", queue,
			state.index, state.num);
	vmm->bases[queue] = state.num;
	vmm->has_base[queue] = true;
	return 0;
}

static int take_state_answer(struct kit_vmm *vmm, uint64_t value)
{
	if (value & ~(uint64_t)(VHOST_USER_TRANSFER_ERROR_MASK | VHOST_USER_TRANSFER_NOFD_MASK) ||
		!(value & VHOST_USER_TRANSFER_NOFD_MASK))
		return kit_fail(vmm->kit, EPROTO, "SET_DEVICE_STATE_FD is answered with %#llx",
			(unsigned long long)value);
	return value & VHOST_USER_TRANSFER_ERROR_MASK
		? kit_fail(vmm->kit, EREMOTEIO, "SET_DEVICE_STATE_FD is refused")
		: 0;
}

/* Keeps what an answer says. */
static int keep(struct kit_vmm *vmm, uint32_t request, uint32_t index, const void *payload)
{
	uint64_t value;
	memcpy(&value, payload, sizeof(value));
	switch (request) {
	case VHOST_USER_GET_FEATURES:
		vmm->offered = value;
		return 0;
	case VHOST_USER_GET_PROTOCOL_FEATURES:
		vmm->protocol_offered = value;
		return 0;
	case VHOST_USER_GET_QUEUE_NUM:
		vmm->queue_num = value;
		return 0;
	case VHOST_USER_GET_MAX_MEM_SLOTS:
		vmm->memory_slots = value;
		return 0;
	case VHOST_USER_GET_STATUS:
		vmm->status = value;
		return 0;
	case VHOST_USER_GET_VRING_BASE:
		return take_vring_base(vmm, index, payload);
	case VHOST_USER_SET_DEVICE_STATE_FD:
		return take_state_answer(vmm, value);
	case VHOST_USER_CHECK_DEVICE_STATE:
		return value ? kit_fail(vmm->kit, EREMOTEIO, "CHECK_DEVICE_STATE: %#llx",
				       (unsigned long long)value)
			     : 0;
	case VHOST_USER_GET_SHMEM_CONFIG:
		memcpy(&vmm->shmem, payload, sizeof(vmm->shmem));
		return kit_channel_set_shmem(&vmm->channel, &vmm->shmem);
	default:
		return 0;
	}
}

/* Keeps what was asked for and accepted. */
static void keep_sent(struct kit_vmm *vmm, uint32_t request, uint32_t index, uint64_t value)
{
	switch (request) {
	case VHOST_USER_SET_FEATURES:
		vmm->features = value;
		for (uint32_t i = 0; vmm->rings && i < KIT_QUEUES; i++) {
			vmm->rings[i].event_idx = kit_vmm_feature(vmm, VIRTIO_RING_F_EVENT_IDX);
			vmm->rings[i].indirect = kit_vmm_feature(vmm, VIRTIO_RING_F_INDIRECT_DESC);
			kit_ring_set_packed(
				&vmm->rings[i], kit_vmm_feature(vmm, VIRTIO_F_RING_PACKED));
		}
		break;
	case VHOST_USER_SET_PROTOCOL_FEATURES:
		vmm->protocol = value;
		break;
	case VHOST_USER_SET_MEM_TABLE:
		vmm->regions_known = vmm->memory->count;
		break;
	case VHOST_USER_ADD_MEM_REG:
		vmm->regions_known = max_u32(vmm->regions_known, index + 1);
		break;
	default:
		break;
	}
}

static int take_ack(struct kit_vmm *vmm, uint32_t request)
{
	uint64_t status;
	int ret = kit_vmm_receive_answer(vmm, request, &status, sizeof(status));
	if (ret == 0 && status)
		ret = kit_fail(vmm->kit, EREMOTEIO, "%s is answered with %llu", name_of(request),
			(unsigned long long)status);
	return ret;
}

int kit_vmm_get_shared_object(struct kit_vmm *vmm, const uint8_t *uuid, int *ret_fd)
{
	struct kit_message message;
	int ret = kit_vmm_compose(vmm, VHOST_USER_GET_SHARED_OBJECT, 0, 0, &message);
	if (ret < 0)
		return ret;
	if (uuid)
		memcpy(message.payload, uuid, sizeof(struct vhost_user_shared));
	else
		message.header.size = 0;
	ret = kit_vmm_send_message(vmm, &message);
	if (ret == 0)
		ret = kit_vmm_receive_message(vmm, &message);
	if (ret < 0)
		return ret;
	const struct vhost_user_header *header = &message.header;
	*ret_fd = message.fd_count ? fd_steal(&message.fds[0]) : -1;
	uint32_t fds = message.fd_count;
	kit_message_finish(&message);
	if (header->request == VHOST_USER_GET_SHARED_OBJECT && header->size == 0 && fds <= 1 &&
		header->flags == (VHOST_USER_VERSION | VHOST_USER_REPLY_MASK))
		return 0;
	fd_close(ret_fd);
	return kit_fail(vmm->kit, EPROTO,
		"answer to GET_SHARED_OBJECT: request %u, flags %#x, %u bytes, %u fds",
		header->request, header->flags, header->size, fds);
}

static int take_answer(struct kit_vmm *vmm, uint32_t request, uint32_t index, size_t size)
{
	struct kit_message answer;
	int ret = kit_vmm_receive_answer(vmm, request, answer.payload, size);
	return ret < 0 ? ret : keep(vmm, request, index, answer.payload);
}

int kit_vmm_tell(struct kit_vmm *vmm, struct kit_message *message)
{
	uint32_t request = message->header.request;
	bool ack = vmm->ack && kit_vmm_has(vmm, VHOST_USER_PROTOCOL_F_REPLY_ACK);
	if (ack)
		message->header.flags |= VHOST_USER_NEED_REPLY_MASK;
	vmm->asking++;
	int ret = kit_vmm_send_message(vmm, message);
	if (ret == 0 && ack)
		ret = take_ack(vmm, request);
	vmm->asking--;
	kit_vmm_window_resume(vmm);
	return ret;
}

static int do_request(struct kit_vmm *vmm, uint32_t request, uint32_t index, uint64_t value)
{
	static const uint8_t no_uuid[16] = { 0 };
	int fd = -1;
	if (request == VHOST_USER_GET_SHARED_OBJECT) {
		int status = kit_vmm_get_shared_object(vmm, no_uuid, &fd);
		fd_close(&fd);
		return status;
	}
	const struct kit_request_spec *spec = kit_request_spec(request);
	size_t answer_size = spec ? spec->answer_size : 0;
	if (request == VHOST_USER_GET_CONFIG)
		answer_size += value;
	/* SET_PROTOCOL_FEATURES comes before REPLY_ACK is in force; the display has no use for it
	 * */
	bool ack = !answer_size && vmm->ack && kit_vmm_has(vmm, VHOST_USER_PROTOCOL_F_REPLY_ACK) &&
		request != VHOST_USER_SET_PROTOCOL_FEATURES && request != VHOST_USER_GPU_SET_SOCKET;

	struct kit_message message;
	int ret = kit_vmm_compose(vmm, request, index, value, &message);
	if (ret < 0)
		return ret;
	if (ack)
		message.header.flags |= VHOST_USER_NEED_REPLY_MASK;
	ret = kit_vmm_send_message(vmm, &message);
	if (ret == 0 && answer_size)
		ret = take_answer(vmm, request, index, answer_size);
	else if (ret == 0 && ack)
		ret = take_ack(vmm, request);
	if (ret == 0)
		keep_sent(vmm, request, index, value);
	return ret;
}

int kit_vmm_do(struct kit_vmm *vmm, uint32_t request, uint32_t index, uint64_t value)
{
	if (request == VHOST_USER_SET_VRING_ENABLE && value)
		vmm->stopped = false;
	vmm->asking++;
	int ret = do_request(vmm, request, index, value);
	vmm->asking--;
	kit_vmm_window_resume(vmm);
	return ret;
}

int kit_vmm_set_state_fd(struct kit_vmm *vmm, uint32_t direction, int fd)
{
	struct kit_message message;
	int ret = kit_vmm_compose(vmm, VHOST_USER_SET_DEVICE_STATE_FD, direction,
		VHOST_USER_TRANSFER_STOPPED, &message);
	if (ret < 0) {
		fd_close(&fd);
		return ret;
	}
	fd_close(&message.fds[0]);
	message.fds[0] = fd;
	ret = kit_vmm_send_message(vmm, &message);
	return ret < 0 ? ret : take_answer(vmm, VHOST_USER_SET_DEVICE_STATE_FD, 0, 8);
}

static int ask_config(
	struct kit_vmm *vmm, uint32_t offset, uint32_t size, struct kit_message *message)
{
	vmm->asking++;
	int ret = kit_vmm_compose(vmm, VHOST_USER_GET_CONFIG, offset, size, message);
	if (ret == 0)
		ret = kit_vmm_send_message(vmm, message);
	if (ret == 0)
		ret = receive_any_size(vmm, VHOST_USER_GET_CONFIG, message);
	vmm->asking--;
	kit_vmm_window_resume(vmm);
	return ret;
}

int kit_vmm_read_config(struct kit_vmm *vmm, uint32_t offset, void *ret_bytes, uint32_t size)
{
	struct kit_message message;
	int ret = ask_config(vmm, offset, size, &message);
	if (ret < 0)
		return ret;
	if (message.header.size == 0)
		return kit_fail(vmm->kit, EREMOTEIO, "GET_CONFIG of %u bytes from %u is refused",
			size, offset);
	struct vhost_user_config_header header;
	memcpy(&header, message.payload, sizeof(header));
	if (message.header.size != sizeof(header) + size || header.offset != offset ||
		header.size != size)
		return kit_fail(vmm->kit, EPROTO, "GET_CONFIG of %u bytes: %u bytes, size %u", size,
			message.header.size, header.size);
	memcpy(ret_bytes, message.payload + sizeof(header), size);
	return 0;
}

int kit_vmm_write_config(struct kit_vmm *vmm, uint32_t offset, const void *bytes, uint32_t size)
{
	struct kit_message message;
	int ret = kit_vmm_compose(vmm, VHOST_USER_SET_CONFIG, offset, size, &message);
	if (ret < 0)
		return ret;
	memcpy(message.payload + sizeof(struct vhost_user_config_header), bytes, size);
	return kit_vmm_tell(vmm, &message);
}
