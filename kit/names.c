/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
#include "kit/names.h"

#include "gpu/protocol.h"
#include "util/checked.h"
#include "vhost/protocol.h"

#define CONTROL VIRTIO_GPU_QUEUE_CONTROL
#define CURSOR  VIRTIO_GPU_QUEUE_CURSOR
#define VIRGL   VIRTIO_GPU_F_VIRGL
#define EDID    VIRTIO_GPU_F_EDID
#define UUID    VIRTIO_GPU_F_RESOURCE_UUID
#define BLOB    VIRTIO_GPU_F_RESOURCE_BLOB

#define ROW(name, size, feature, queue) { VIRTIO_GPU_CMD_##name, #name, size, feature, queue }

static const struct kit_command_spec commands[] = {
	ROW(GET_DISPLAY_INFO, 24, -1, CONTROL),
	ROW(RESOURCE_CREATE_2D, 40, -1, CONTROL),
	ROW(RESOURCE_UNREF, 32, -1, CONTROL),
	ROW(SET_SCANOUT, 48, -1, CONTROL),
	ROW(RESOURCE_FLUSH, 48, -1, CONTROL),
	ROW(TRANSFER_TO_HOST_2D, 56, -1, CONTROL),
	ROW(RESOURCE_ATTACH_BACKING, 32, -1, CONTROL),
	ROW(RESOURCE_DETACH_BACKING, 32, -1, CONTROL),
	ROW(GET_CAPSET_INFO, 32, VIRGL, CONTROL),
	ROW(GET_CAPSET, 32, VIRGL, CONTROL),
	ROW(GET_EDID, 32, EDID, CONTROL),
	ROW(RESOURCE_ASSIGN_UUID, 32, UUID, CONTROL),
	ROW(RESOURCE_CREATE_BLOB, 56, BLOB, CONTROL),
	ROW(SET_SCANOUT_BLOB, 96, BLOB, CONTROL),
	ROW(CTX_CREATE, 96, VIRGL, CONTROL),
	ROW(CTX_DESTROY, 24, VIRGL, CONTROL),
	ROW(CTX_ATTACH_RESOURCE, 32, VIRGL, CONTROL),
	ROW(CTX_DETACH_RESOURCE, 32, VIRGL, CONTROL),
	ROW(RESOURCE_CREATE_3D, 72, VIRGL, CONTROL),
	ROW(TRANSFER_TO_HOST_3D, 72, VIRGL, CONTROL),
	ROW(TRANSFER_FROM_HOST_3D, 72, VIRGL, CONTROL),
	ROW(SUBMIT_3D, 32, VIRGL, CONTROL),
	ROW(RESOURCE_MAP_BLOB, 40, BLOB, CONTROL),
	ROW(RESOURCE_UNMAP_BLOB, 32, BLOB, CONTROL),
	ROW(UPDATE_CURSOR, 56, -1, CURSOR),
	ROW(MOVE_CURSOR, 56, -1, CURSOR),
};

const struct kit_command_spec *kit_command_specs(size_t *ret_count)
{
	*ret_count = ARRAY_SIZE(commands);
	return commands;
}

const struct kit_command_spec *kit_command_spec(uint32_t type)
{
	for (size_t i = 0; i < ARRAY_SIZE(commands); i++)
		if (commands[i].type == type)
			return &commands[i];
	return NULL;
}

struct name {
	uint32_t number;
	const char *name;
};

#define NAME(prefix, name) { prefix##name, #name }
#define RESPONSE(name)     NAME(VIRTIO_GPU_RESP_, name)
#define PROTOCOL(name)     NAME(VHOST_USER_PROTOCOL_F_, name)

static const struct name responses[] = {
	RESPONSE(OK_NODATA),
	RESPONSE(OK_DISPLAY_INFO),
	RESPONSE(OK_CAPSET_INFO),
	RESPONSE(OK_CAPSET),
	RESPONSE(OK_EDID),
	RESPONSE(OK_RESOURCE_UUID),
	RESPONSE(OK_MAP_INFO),
	RESPONSE(ERR_UNSPEC),
	RESPONSE(ERR_OUT_OF_MEMORY),
	RESPONSE(ERR_INVALID_SCANOUT_ID),
	RESPONSE(ERR_INVALID_RESOURCE_ID),
	RESPONSE(ERR_INVALID_CONTEXT_ID),
	RESPONSE(ERR_INVALID_PARAMETER),
};

static const struct name features[] = {
	{ VIRTIO_GPU_F_VIRGL, "VIRTIO_GPU_F_VIRGL" },
	{ VIRTIO_GPU_F_EDID, "VIRTIO_GPU_F_EDID" },
	{ VIRTIO_GPU_F_RESOURCE_UUID, "VIRTIO_GPU_F_RESOURCE_UUID" },
	{ VIRTIO_GPU_F_RESOURCE_BLOB, "VIRTIO_GPU_F_RESOURCE_BLOB" },
	{ VIRTIO_GPU_F_CONTEXT_INIT, "VIRTIO_GPU_F_CONTEXT_INIT" },
	{ VIRTIO_GPU_F_BLOB_ALIGNMENT, "VIRTIO_GPU_F_BLOB_ALIGNMENT" },
	{ VHOST_F_LOG_ALL, "VHOST_F_LOG_ALL" },
	{ VIRTIO_RING_F_INDIRECT_DESC, "VIRTIO_RING_F_INDIRECT_DESC" },
	{ VIRTIO_RING_F_EVENT_IDX, "VIRTIO_RING_F_EVENT_IDX" },
	{ VHOST_USER_F_PROTOCOL_FEATURES, "VHOST_USER_F_PROTOCOL_FEATURES" },
	{ VIRTIO_F_VERSION_1, "VIRTIO_F_VERSION_1" },
	{ VIRTIO_F_RING_PACKED, "VIRTIO_F_RING_PACKED" },
	{ VIRTIO_F_IN_ORDER, "VIRTIO_F_IN_ORDER" },
	{ VIRTIO_F_RING_RESET, "VIRTIO_F_RING_RESET" },
};

static const struct name protocol_features[] = {
	PROTOCOL(MQ),
	PROTOCOL(LOG_SHMFD),
	PROTOCOL(REPLY_ACK),
	PROTOCOL(BACKEND_REQ),
	PROTOCOL(CONFIG),
	PROTOCOL(BACKEND_SEND_FD),
	PROTOCOL(INFLIGHT_SHMFD),
	PROTOCOL(RESET_DEVICE),
	PROTOCOL(INBAND_NOTIFICATIONS),
	PROTOCOL(CONFIGURE_MEM_SLOTS),
	PROTOCOL(STATUS),
	PROTOCOL(SHARED_OBJECT),
	PROTOCOL(DEVICE_STATE),
	PROTOCOL(GET_VRING_BASE_INFLIGHT),
	PROTOCOL(GPA_ADDRESSES),
	PROTOCOL(SHMEM),
};

static const char *find(const struct name *names, size_t count, uint32_t number)
{
	for (size_t i = 0; i < count; i++)
		if (names[i].number == number)
			return names[i].name;
	return NULL;
}

const char *kit_response_name(int type)
{
	const char *name = find(responses, ARRAY_SIZE(responses), (uint32_t)type);
	return name ? name : "no response type";
}

const char *kit_feature_name(uint32_t bit)
{
	return find(features, ARRAY_SIZE(features), bit);
}

const char *kit_protocol_feature_name(uint32_t bit)
{
	return find(protocol_features, ARRAY_SIZE(protocol_features), bit);
}
