/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
#include "vmm_messages.h"

#include <string.h>

#include "rig.h"
#include "util/checked.h"

static void add(struct vmm_message *message, const void *bytes, size_t size)
{
	memcpy(message->bytes + sizeof(struct vhost_user_header) + message->size, bytes, size);
	message->size += size;
}

static void add_u64(struct vmm_message *message, uint64_t value)
{
	add(message, &value, sizeof(value));
}

static void compose_nothing(struct fuzz_input *input, struct vmm_message *message)
{
}

static void compose_features(struct fuzz_input *input, struct vmm_message *message)
{
	uint64_t features = RIG_FEATURES | VMM_TRANSPORT_FEATURES;
	features &= ~(fuzz_u32(input) & UINT64_C(0xfffffff8));
	if (fuzz_below(input, 4) == 3)
		features ^= VHOST_BIT(VIRTIO_F_RING_PACKED);
	if (fuzz_below(input, 16) == 15)
		features |= fuzz_number64(input);
	add_u64(message, features);
}

static void compose_protocol_features(struct fuzz_input *input, struct vmm_message *message)
{
	uint64_t all = VHOST_BIT(VHOST_USER_PROTOCOL_F_MQ) |
		VHOST_BIT(VHOST_USER_PROTOCOL_F_REPLY_ACK) |
		VHOST_BIT(VHOST_USER_PROTOCOL_F_BACKEND_REQ) |
		VHOST_BIT(VHOST_USER_PROTOCOL_F_CONFIG) |
		VHOST_BIT(VHOST_USER_PROTOCOL_F_BACKEND_SEND_FD) |
		VHOST_BIT(VHOST_USER_PROTOCOL_F_RESET_DEVICE) |
		VHOST_BIT(VHOST_USER_PROTOCOL_F_CONFIGURE_MEM_SLOTS) |
		VHOST_BIT(VHOST_USER_PROTOCOL_F_SHARED_OBJECT) |
		VHOST_BIT(VHOST_USER_PROTOCOL_F_SHMEM) |
		VHOST_BIT(VHOST_USER_PROTOCOL_F_DEVICE_STATE);
	all &= ~(uint64_t)fuzz_u32(input);
	if (fuzz_below(input, 16) == 15)
		all |= fuzz_number64(input);
	add_u64(message, all);
}

static struct vhost_user_memory_region some_region(struct fuzz_input *input)
{
	struct vhost_user_memory_region region = rig_region();
	uint8_t bits = fuzz_u8(input);
	if (bits & 1)
		region.guest_address = fuzz_number64(input) << 12;
	if (bits & 2)
		region.size = fuzz_number64(input) << (bits & 16 ? 12 : 0);
	if (bits & 4)
		region.user_address += fuzz_number64(input) << 12;
	if (bits & 8)
		region.mmap_offset = fuzz_number64(input) << (bits & 16 ? 12 : 0);
	return region;
}

static void compose_table(struct fuzz_input *input, struct vmm_message *message)
{
	uint32_t count = fuzz_below(input, 9);
	const struct vhost_user_memory_header header = {
		.nregions = fuzz_below(input, 16) == 15 ? fuzz_number(input) : count
	};
	add(message, &header, sizeof(header));
	for (uint32_t i = 0; i < count; i++) {
		struct vhost_user_memory_region region = some_region(input);
		add(message, &region, sizeof(region));
	}
	message->fd_count = count;
	message->kind = VMM_FD_MEMORY;
}

static void compose_region(struct fuzz_input *input, struct vmm_message *message)
{
	const struct vhost_user_single_region region = { .region = some_region(input) };
	add(message, &region, sizeof(region));
	message->fd_count = 1;
	message->kind = VMM_FD_MEMORY;
}

static uint32_t some_queue(struct fuzz_input *input)
{
	uint8_t byte = fuzz_u8(input);
	return byte < 0xf0 ? byte & 1 : fuzz_number(input);
}

static void compose_vring_state(struct fuzz_input *input, struct vmm_message *message)
{
	const struct vhost_user_vring_state state = { some_queue(input), fuzz_number(input) };
	add(message, &state, sizeof(state));
}

static void compose_vring_addr(struct fuzz_input *input, struct vmm_message *message)
{
	struct vhost_user_vring_addr addr = rig_vring_addr(fuzz_below(input, RIG_QUEUES));
	uint8_t bits = fuzz_u8(input);
	addr.flags = bits & 1 ? fuzz_number(input) : 0;
	addr.descriptor += bits & 2 ? fuzz_number64(input) : 0;
	addr.used += bits & 4 ? fuzz_number64(input) : 0;
	addr.available += bits & 8 ? fuzz_number64(input) : 0;
	addr.index = bits & 16 ? some_queue(input) : addr.index;
	add(message, &addr, sizeof(addr));
}

static void compose_vring_fd(struct fuzz_input *input, struct vmm_message *message)
{
	uint64_t value = some_queue(input);
	if (fuzz_below(input, 8) == 7)
		value |= VHOST_USER_VRING_NOFD_MASK;
	add_u64(message, value);
	message->fd_count = !(value & VHOST_USER_VRING_NOFD_MASK);
	message->kind = VMM_FD_EVENTFD;
}

static void compose_config(struct fuzz_input *input, struct vmm_message *message)
{
	const struct vhost_user_config_header header = { fuzz_number(input), fuzz_number(input),
		fuzz_below(input, 3) };
	uint8_t bytes[VHOST_USER_MAX_CONFIG_SIZE] = { 0 };
	add(message, &header, sizeof(header));
	add(message, bytes, min_u32(header.size, sizeof(bytes)));
}

static void compose_channel(struct fuzz_input *input, struct vmm_message *message)
{
	message->fd_count = 1;
	message->kind = VMM_FD_CHANNEL;
}

static void compose_gpu_socket(struct fuzz_input *input, struct vmm_message *message)
{
	message->fd_count = 1;
	message->kind = VMM_FD_SOCKET;
}

static void compose_state_fd(struct fuzz_input *input, struct vmm_message *message)
{
	const struct vhost_user_transfer_device_state state = {
		fuzz_below(input, 4) == 3 ? fuzz_number(input) : fuzz_u8(input) & 1,
		fuzz_below(input, 16) == 15,
	};
	add(message, &state, sizeof(state));
	message->fd_count = 1;
	message->kind = VMM_FD_STATE;
}

static void compose_uuid(struct fuzz_input *input, struct vmm_message *message)
{
	struct vhost_user_shared shared;
	memcpy(shared.uuid, RIG_UUID, sizeof(shared.uuid));
	shared.uuid[0] ^= fuzz_u8(input) & 1;
	add(message, &shared, sizeof(shared));
}

const struct vmm_request vmm_requests[] = {
	{ VHOST_USER_GET_FEATURES, compose_nothing },
	{ VHOST_USER_SET_FEATURES, compose_features },
	{ VHOST_USER_SET_OWNER, compose_nothing },
	{ VHOST_USER_RESET_OWNER, compose_nothing },
	{ VHOST_USER_SET_MEM_TABLE, compose_table },
	{ VHOST_USER_SET_VRING_NUM, compose_vring_state },
	{ VHOST_USER_SET_VRING_ADDR, compose_vring_addr },
	{ VHOST_USER_SET_VRING_BASE, compose_vring_state },
	{ VHOST_USER_GET_VRING_BASE, compose_vring_state },
	{ VHOST_USER_SET_VRING_KICK, compose_vring_fd },
	{ VHOST_USER_SET_VRING_CALL, compose_vring_fd },
	{ VHOST_USER_SET_VRING_ERR, compose_vring_fd },
	{ VHOST_USER_GET_PROTOCOL_FEATURES, compose_nothing },
	{ VHOST_USER_SET_PROTOCOL_FEATURES, compose_protocol_features },
	{ VHOST_USER_GET_QUEUE_NUM, compose_nothing },
	{ VHOST_USER_SET_VRING_ENABLE, compose_vring_state },
	{ VHOST_USER_SET_BACKEND_REQ_FD, compose_channel },
	{ VHOST_USER_GET_CONFIG, compose_config },
	{ VHOST_USER_SET_CONFIG, compose_config },
	{ VHOST_USER_GPU_SET_SOCKET, compose_gpu_socket },
	{ VHOST_USER_RESET_DEVICE, compose_nothing },
	{ VHOST_USER_GET_MAX_MEM_SLOTS, compose_nothing },
	{ VHOST_USER_ADD_MEM_REG, compose_region },
	{ VHOST_USER_REM_MEM_REG, compose_region },
	{ VHOST_USER_SET_DEVICE_STATE_FD, compose_state_fd },
	{ VHOST_USER_CHECK_DEVICE_STATE, compose_nothing },
	{ VHOST_USER_GET_SHARED_OBJECT, compose_uuid },
	{ VHOST_USER_GET_SHMEM_CONFIG, compose_nothing },
	{ VHOST_USER_GET_INFLIGHT_FD, compose_nothing },
};
const uint32_t vmm_request_count = ARRAY_SIZE(vmm_requests);
