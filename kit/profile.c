/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
#include "kit/profile.h"

#include "gpu/protocol.h"
#include "vhost/protocol.h"

#define STATUS_FEATURES_OK 8u

#define PROTOCOL(name) VHOST_BIT(VHOST_USER_PROTOCOL_F_##name)

#define PROTOCOL_QEMU                                                                              \
	(PROTOCOL(MQ) | PROTOCOL(LOG_SHMFD) | PROTOCOL(REPLY_ACK) | PROTOCOL(BACKEND_REQ) |        \
		PROTOCOL(CONFIG) | PROTOCOL(BACKEND_SEND_FD) | PROTOCOL(INFLIGHT_SHMFD) |          \
		PROTOCOL(RESET_DEVICE) | PROTOCOL(CONFIGURE_MEM_SLOTS) | PROTOCOL(STATUS) |        \
		PROTOCOL(SHARED_OBJECT) | PROTOCOL(DEVICE_STATE) | PROTOCOL(SHMEM))

/* The device's own feature bits are 0-23 and 50-63; the transport's of the split ring: */
#define DEVICE_FEATURES UINT64_C(0xfffc000000ffffff)
#define TRANSPORT_FEATURES                                                                         \
	(VHOST_BIT(VIRTIO_F_VERSION_1) | VHOST_BIT(VHOST_USER_F_PROTOCOL_FEATURES))

/* With its GPU device QEMU leaves the ring's features to the guest, whatever the backend offers. */
#define FORCED_QEMU                                                                                \
	(TRANSPORT_FEATURES | VHOST_BIT(VIRTIO_RING_F_INDIRECT_DESC) |                             \
		VHOST_BIT(VIRTIO_RING_F_EVENT_IDX) | VHOST_BIT(VIRTIO_F_RING_RESET))

#define FEATURES_QEMU_GPU                                                                          \
	(VHOST_BIT(VIRTIO_GPU_F_VIRGL) | VHOST_BIT(VIRTIO_GPU_F_EDID) |                            \
		VHOST_BIT(VIRTIO_GPU_F_RESOURCE_UUID))

/* --- QEMU, vhost-user-gpu-pci -------------------------------------------------------------- */

static const struct kit_step nothing[] = { { 0 } };

static const struct kit_step qemu_gpu_realize[] = {
	{ KIT_ONCE, 0,
		{ VHOST_USER_GET_FEATURES, VHOST_USER_GET_PROTOCOL_FEATURES,
			VHOST_USER_SET_PROTOCOL_FEATURES, VHOST_USER_GET_QUEUE_NUM,
			VHOST_USER_GET_MAX_MEM_SLOTS, KIT_ACK | VHOST_USER_SET_BACKEND_REQ_FD,
			VHOST_USER_SET_OWNER, VHOST_USER_GET_FEATURES } },
	{ KIT_EACH_QUEUE, 0,
		{ KIT_ACK | VHOST_USER_SET_VRING_CALL, KIT_ACK | VHOST_USER_SET_VRING_ERR } },
	{ KIT_ONCE, 0,
		{ VHOST_USER_RESET_DEVICE, VHOST_USER_RESET_DEVICE } }, /* the system's own reset */
	{ 0 },
};

static const struct kit_step qemu_gpu_start[] = {
	{ KIT_ONCE, 0, { VHOST_USER_GPU_SET_SOCKET } },
	{ KIT_EACH_QUEUE, 0, { KIT_ACK | VHOST_USER_SET_VRING_CALL } },
	{ KIT_ONCE, STATUS_FEATURES_OK,
		{ VHOST_USER_SET_FEATURES, VHOST_USER_GET_STATUS, VHOST_USER_SET_STATUS,
			KIT_SEND_MEMORY } },
	{ KIT_EACH_QUEUE, 0,
		{ VHOST_USER_SET_VRING_NUM, VHOST_USER_SET_VRING_BASE, VHOST_USER_SET_VRING_ADDR,
			KIT_ACK | VHOST_USER_SET_VRING_KICK, KIT_INJECT_KICK } },
	{ KIT_EACH_QUEUE, 1, { KIT_ACK | KIT_BARRIER | VHOST_USER_SET_VRING_ENABLE } },
	{ KIT_EACH_QUEUE, 0, { KIT_ACK | VHOST_USER_SET_VRING_CALL } },
	{ 0 },
};

static const struct kit_step qemu_gpu_stop[] = {
	{ KIT_ONCE, 0, { KIT_CLOSE_DISPLAY } },
	{ KIT_EACH_QUEUE, 0, { KIT_ACK | KIT_BARRIER | VHOST_USER_SET_VRING_ENABLE } },
	{ KIT_EACH_QUEUE, 0, { VHOST_USER_GET_VRING_BASE } },
	{ KIT_EACH_QUEUE, 0, { KIT_ACK | VHOST_USER_SET_VRING_CALL } },
	{ 0 },
};

static const struct kit_step qemu_gpu_reset[] = {
	{ KIT_ONCE, 0, { VHOST_USER_RESET_DEVICE } },
	{ 0 },
};

const struct kit_profile kit_profile_qemu_gpu = {
	.name = "qemu-gpu",
	.display = true,
	.protocol = PROTOCOL_QEMU,
	.features = FEATURES_QEMU_GPU,
	.forced = FORCED_QEMU,
	.sizes = { 256, 16 }, /* 64 without VIRGL */
	.read_flags = 0,
	.write_flags = 1,
	.counts_mappings = true,
	.drops_mappings = true,
	.realize = qemu_gpu_realize,
	.start = qemu_gpu_start,
	.stop = qemu_gpu_stop,
	.reset = qemu_gpu_reset,
	.load = nothing,
	.restart = qemu_gpu_start,
};

const struct kit_profile kit_profile_qemu_gpu_all = {
	.name = "qemu-gpu-all",
	.display = true,
	.protocol = PROTOCOL_QEMU,
	.features = DEVICE_FEATURES,
	.forced = FORCED_QEMU,
	.sizes = { 256, 16 }, /* 64 without VIRGL */
	.read_flags = 0,
	.write_flags = 1,
	.counts_mappings = true,
	.drops_mappings = true,
	.realize = qemu_gpu_realize,
	.start = qemu_gpu_start,
	.stop = qemu_gpu_stop,
	.reset = qemu_gpu_reset,
	.load = nothing,
	.restart = qemu_gpu_start,
};

/* --- QEMU, the generic device -------------------------------------------------------------- */

static const struct kit_step qemu_generic_realize[] = {
	{ KIT_ONCE, 0,
		{ VHOST_USER_GET_FEATURES, VHOST_USER_GET_PROTOCOL_FEATURES,
			VHOST_USER_SET_PROTOCOL_FEATURES, VHOST_USER_GET_QUEUE_NUM,
			VHOST_USER_GET_MAX_MEM_SLOTS, KIT_ACK | VHOST_USER_SET_BACKEND_REQ_FD,
			VHOST_USER_SET_OWNER, VHOST_USER_GET_FEATURES } },
	{ KIT_EACH_QUEUE, 0,
		{ KIT_ACK | VHOST_USER_SET_VRING_CALL, KIT_ACK | VHOST_USER_SET_VRING_ERR } },
	{ KIT_ONCE, 0, { VHOST_USER_GET_SHMEM_CONFIG } },
	{ 0 },
};

static const struct kit_step qemu_generic_start[] = {
	{ KIT_ONCE, STATUS_FEATURES_OK,
		{ VHOST_USER_SET_FEATURES, VHOST_USER_GET_STATUS, VHOST_USER_SET_STATUS,
			KIT_SEND_MEMORY } },
	{ KIT_EACH_QUEUE, 0,
		{ VHOST_USER_SET_VRING_NUM, VHOST_USER_SET_VRING_BASE, VHOST_USER_SET_VRING_ADDR,
			KIT_ACK | VHOST_USER_SET_VRING_KICK, KIT_INJECT_KICK,
			KIT_ACK | VHOST_USER_SET_VRING_CALL } },
	{ KIT_EACH_QUEUE, 1, { KIT_ACK | KIT_BARRIER | VHOST_USER_SET_VRING_ENABLE } },
	{ KIT_EACH_QUEUE, 0, { KIT_ACK | VHOST_USER_SET_VRING_CALL } },
	{ 0 },
};

static const struct kit_step qemu_generic_stop[] = {
	{ KIT_EACH_QUEUE, 0, { KIT_ACK | KIT_BARRIER | VHOST_USER_SET_VRING_ENABLE } },
	{ KIT_EACH_QUEUE, 0, { VHOST_USER_GET_VRING_BASE } },
	{ 0 },
};

const struct kit_profile kit_profile_qemu_generic = {
	.name = "qemu-generic",
	.protocol = PROTOCOL_QEMU,
	.features = DEVICE_FEATURES | FORCED_QEMU,
	.sizes = { 256, 256 },
	.read_flags = 0,
	.write_flags = 1,
	.counts_mappings = true,
	.drops_mappings = true,
	.realize = qemu_generic_realize,
	.start = qemu_generic_start,
	.stop = qemu_generic_stop,
	/* it looks like a pause on the wire; the next start shows that it was none (base 0) */
	.reset = nothing,
	.load = nothing,
	.restart = qemu_generic_start,
};

/* --- crosvm -------------------------------------------------------------------------------- */

static const struct kit_step crosvm_realize[] = {
	{ KIT_ONCE, 0,
		{ VHOST_USER_SET_OWNER, VHOST_USER_GET_FEATURES, VHOST_USER_GET_PROTOCOL_FEATURES,
			VHOST_USER_SET_PROTOCOL_FEATURES, VHOST_USER_SET_BACKEND_REQ_FD,
			VHOST_USER_GET_QUEUE_NUM, VHOST_USER_GET_SHMEM_CONFIG } },
	{ 0 },
};

static const struct kit_step crosvm_start[] = {
	{ KIT_ONCE, 0, { VHOST_USER_SET_FEATURES, VHOST_USER_SET_MEM_TABLE } },
	{ KIT_EACH_QUEUE, 1,
		{ VHOST_USER_SET_VRING_NUM, VHOST_USER_SET_VRING_ADDR, VHOST_USER_SET_VRING_BASE,
			VHOST_USER_SET_VRING_CALL, VHOST_USER_SET_VRING_KICK,
			VHOST_USER_SET_VRING_ENABLE } },
	{ 0 },
};

static const struct kit_step crosvm_stop[] = {
	{ KIT_EACH_QUEUE, 0, { VHOST_USER_SET_VRING_ENABLE, VHOST_USER_GET_VRING_BASE } },
	{ 0 },
};

/* The features are negotiated as if there were no driver: its own choice comes with the state. */
static const struct kit_step crosvm_load[] = {
	{ KIT_ONCE, 0, { KIT_BARE_FEATURES } },
	{ 0 },
};

static const struct kit_step crosvm_restart[] = {
	{ KIT_ONCE, 0, { VHOST_USER_SET_MEM_TABLE } },
	{ KIT_EACH_QUEUE, 1,
		{ VHOST_USER_SET_VRING_NUM, VHOST_USER_SET_VRING_ADDR, VHOST_USER_SET_VRING_BASE,
			VHOST_USER_SET_VRING_CALL, VHOST_USER_SET_VRING_KICK,
			VHOST_USER_SET_VRING_ENABLE, KIT_INJECT_KICK } },
	{ 0 },
};

const struct kit_profile kit_profile_crosvm = {
	.name = "crosvm",
	.protocol = PROTOCOL(CONFIG) | PROTOCOL(MQ) | PROTOCOL(BACKEND_REQ) |
		PROTOCOL(DEVICE_STATE) | PROTOCOL(SHMEM) | PROTOCOL(REPLY_ACK),
	.features = DEVICE_FEATURES | TRANSPORT_FEATURES | VHOST_BIT(VIRTIO_RING_F_EVENT_IDX),
	.sizes = { 32768, 32768 },
	.read_flags = 1,
	.write_flags = 0,
	.realize = crosvm_realize,
	.start = crosvm_start,
	.stop = crosvm_stop,
	.reset = nothing,
	.load = crosvm_load,
	.restart = crosvm_restart,
};
