/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/* Messages of a VMM to a session of tests/unit/rig.h, made from an input: mostly such that they can be served. */
#pragma once

#include "fuzz.h"
#include "vhost/protocol.h"

/* What kind of descriptors goes along. */
enum vmm_fd {
	VMM_FD_EVENTFD,
	VMM_FD_MEMORY,
	VMM_FD_STATE,
	VMM_FD_CHANNEL,
	VMM_FD_SOCKET,
	VMM_FD_KINDS
};

struct vmm_message {
	uint8_t bytes[sizeof(struct vhost_user_header) + VHOST_USER_MAX_PAYLOAD];
	size_t size; /* of the payload */
	uint32_t fd_count;
	enum vmm_fd kind;
};

struct vmm_request {
	uint32_t request;
	void (*compose)(struct fuzz_input *input, struct vmm_message *message);
};

extern const struct vmm_request vmm_requests[];
extern const uint32_t vmm_request_count;

/* A choice of features that has all the transport's bits. */
#define VMM_TRANSPORT_FEATURES                                                                     \
	(VHOST_BIT(VIRTIO_RING_F_INDIRECT_DESC) | VHOST_BIT(VIRTIO_RING_F_EVENT_IDX) |             \
		VHOST_BIT(VHOST_USER_F_PROTOCOL_FEATURES) | VHOST_BIT(VIRTIO_F_VERSION_1) |        \
		VHOST_BIT(VIRTIO_F_RING_PACKED))
