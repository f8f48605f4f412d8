/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/*
 * The vhost-user protocol on the wire (QEMU, docs/interop/vhost-user). Native byte order.
 * Names follow the specification.
 */
#pragma once

#include <assert.h>
#include <stdint.h>

#define VHOST_USER_VERSION         0x1u
#define VHOST_USER_VERSION_MASK    0x3u
#define VHOST_USER_REPLY_MASK      0x4u
#define VHOST_USER_NEED_REPLY_MASK 0x8u

#define VHOST_USER_MAX_FDS         8u
#define VHOST_USER_MAX_CONFIG_SIZE 256u
#define VHOST_USER_MAX_SHMEMS      256u

enum vhost_user_request {
	VHOST_USER_GET_FEATURES = 1,
	VHOST_USER_SET_FEATURES = 2,
	VHOST_USER_SET_OWNER = 3,
	VHOST_USER_RESET_OWNER = 4,
	VHOST_USER_SET_MEM_TABLE = 5,
	VHOST_USER_SET_LOG_BASE = 6,
	VHOST_USER_SET_LOG_FD = 7,
	VHOST_USER_SET_VRING_NUM = 8,
	VHOST_USER_SET_VRING_ADDR = 9,
	VHOST_USER_SET_VRING_BASE = 10,
	VHOST_USER_GET_VRING_BASE = 11,
	VHOST_USER_SET_VRING_KICK = 12,
	VHOST_USER_SET_VRING_CALL = 13,
	VHOST_USER_SET_VRING_ERR = 14,
	VHOST_USER_GET_PROTOCOL_FEATURES = 15,
	VHOST_USER_SET_PROTOCOL_FEATURES = 16,
	VHOST_USER_GET_QUEUE_NUM = 17,
	VHOST_USER_SET_VRING_ENABLE = 18,
	VHOST_USER_SET_BACKEND_REQ_FD = 21,
	VHOST_USER_GET_CONFIG = 24,
	VHOST_USER_SET_CONFIG = 25,
	VHOST_USER_GET_INFLIGHT_FD = 31,
	VHOST_USER_SET_INFLIGHT_FD = 32,
	VHOST_USER_GPU_SET_SOCKET = 33,
	VHOST_USER_RESET_DEVICE = 34,
	VHOST_USER_GET_MAX_MEM_SLOTS = 36,
	VHOST_USER_ADD_MEM_REG = 37,
	VHOST_USER_REM_MEM_REG = 38,
	VHOST_USER_SET_STATUS = 39,
	VHOST_USER_GET_STATUS = 40,
	VHOST_USER_GET_SHARED_OBJECT = 41,
	VHOST_USER_SET_DEVICE_STATE_FD = 42,
	VHOST_USER_CHECK_DEVICE_STATE = 43,
	VHOST_USER_GET_SHMEM_CONFIG = 44,
	VHOST_USER_REQUEST_MAX
};

enum vhost_user_backend_request {
	VHOST_USER_BACKEND_IOTLB_MSG = 1,
	VHOST_USER_BACKEND_CONFIG_CHANGE_MSG = 2,
	VHOST_USER_BACKEND_VRING_HOST_NOTIFIER_MSG = 3,
	VHOST_USER_BACKEND_SHARED_OBJECT_ADD = 6,
	VHOST_USER_BACKEND_SHARED_OBJECT_REMOVE = 7,
	VHOST_USER_BACKEND_SHARED_OBJECT_LOOKUP = 8,
	VHOST_USER_BACKEND_SHMEM_MAP = 9,
	VHOST_USER_BACKEND_SHMEM_UNMAP = 10,
};

/* Bit numbers of the protocol features. */
enum vhost_user_protocol_feature {
	VHOST_USER_PROTOCOL_F_MQ = 0,
	VHOST_USER_PROTOCOL_F_LOG_SHMFD = 1,
	VHOST_USER_PROTOCOL_F_REPLY_ACK = 3,
	VHOST_USER_PROTOCOL_F_BACKEND_REQ = 5,
	VHOST_USER_PROTOCOL_F_CONFIG = 9,
	VHOST_USER_PROTOCOL_F_BACKEND_SEND_FD = 10,
	VHOST_USER_PROTOCOL_F_INFLIGHT_SHMFD = 12,
	VHOST_USER_PROTOCOL_F_RESET_DEVICE = 13,
	VHOST_USER_PROTOCOL_F_INBAND_NOTIFICATIONS = 14,
	VHOST_USER_PROTOCOL_F_CONFIGURE_MEM_SLOTS = 15,
	VHOST_USER_PROTOCOL_F_STATUS = 16,
	VHOST_USER_PROTOCOL_F_SHARED_OBJECT = 18,
	VHOST_USER_PROTOCOL_F_DEVICE_STATE = 19,
	VHOST_USER_PROTOCOL_F_GET_VRING_BASE_INFLIGHT = 20,
	VHOST_USER_PROTOCOL_F_GPA_ADDRESSES = 21,
	VHOST_USER_PROTOCOL_F_SHMEM = 22,
};

/* Bit numbers of the virtio features that belong to the transport. */
#define VHOST_F_LOG_ALL                26
#define VHOST_USER_F_PROTOCOL_FEATURES 30
#define VIRTIO_RING_F_INDIRECT_DESC    28
#define VIRTIO_RING_F_EVENT_IDX        29
#define VIRTIO_F_VERSION_1             32
#define VIRTIO_F_RING_PACKED           34
#define VIRTIO_F_IN_ORDER              35
#define VIRTIO_F_RING_RESET            40

#define VHOST_BIT(n) (UINT64_C(1) << (n))

struct vhost_user_header {
	uint32_t request;
	uint32_t flags;
	uint32_t size; /* of the payload */
};
static_assert(sizeof(struct vhost_user_header) == 12, "wire size");

struct vhost_user_vring_state {
	uint32_t index;
	uint32_t num;
};

struct vhost_user_vring_addr {
	uint32_t index;
	uint32_t flags;
	uint64_t descriptor;
	uint64_t used;
	uint64_t available;
	uint64_t log;
};
static_assert(sizeof(struct vhost_user_vring_addr) == 40, "wire size");

/* SET_DEVICE_STATE_FD */
struct vhost_user_transfer_device_state {
	uint32_t direction;
	uint32_t phase;
};

#define VHOST_USER_TRANSFER_SAVE    0u
#define VHOST_USER_TRANSFER_LOAD    1u
#define VHOST_USER_TRANSFER_STOPPED 0u /* the phase: all rings are */

/* Of its answer: bits 0-7 are an error. */
#define VHOST_USER_TRANSFER_ERROR_MASK 0xffu
#define VHOST_USER_TRANSFER_NOFD_MASK  0x100u

/* SET_VRING_KICK, _CALL, _ERR: bits 0-7 are the index. */
#define VHOST_USER_VRING_INDEX_MASK 0xffu
#define VHOST_USER_VRING_NOFD_MASK  0x100u

struct vhost_user_memory_region {
	uint64_t guest_address;
	uint64_t size;
	uint64_t user_address;
	uint64_t mmap_offset;
};

struct vhost_user_memory_header {
	uint32_t nregions;
	uint32_t padding;
};

struct vhost_user_single_region {
	uint64_t padding;
	struct vhost_user_memory_region region;
};
static_assert(sizeof(struct vhost_user_single_region) == 40, "wire size");

struct vhost_user_config_header {
	uint32_t offset;
	uint32_t size;
	uint32_t flags;
};

/* GET_SHARED_OBJECT and the backend's SHARED_OBJECT_… requests. */
struct vhost_user_shared {
	uint8_t uuid[16];
};

struct vhost_user_shmem_config {
	uint32_t nregions;
	uint32_t padding;
	uint64_t sizes[VHOST_USER_MAX_SHMEMS];
};

struct vhost_user_mmap {
	uint8_t shmid;
	uint8_t padding[7];
	uint64_t fd_offset;
	uint64_t shm_offset;
	uint64_t length;
	uint64_t flags;
};
static_assert(sizeof(struct vhost_user_mmap) == 40, "wire size");

#define VHOST_USER_FLAG_MAP_RW 1u

/* The largest payload any request may have: GET_SHMEM_CONFIG's answer is the biggest of all. */
#define VHOST_USER_MAX_PAYLOAD sizeof(struct vhost_user_shmem_config)
