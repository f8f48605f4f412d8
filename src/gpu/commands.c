/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
#include "gpu/commands.h"

#include <stddef.h>

#include "util/checked.h"

#define CONTROL (1u << VIRTIO_GPU_QUEUE_CONTROL)
#define CURSOR  (1u << VIRTIO_GPU_QUEUE_CURSOR)
#define NODATA  sizeof(struct virtio_gpu_ctrl_hdr)

/* Commands not in the table get ERR_UNSPEC, and features that only they need are not offered. */
static const struct gpu_command_spec specs[] = {
	{
		.type = VIRTIO_GPU_CMD_GET_DISPLAY_INFO,
		.name = "GET_DISPLAY_INFO",
		.request_size = sizeof(struct virtio_gpu_ctrl_hdr),
		.response_size = sizeof(struct virtio_gpu_resp_display_info),
		.feature = GPU_FEATURE_NONE,
		.queues = CONTROL,
		.handle = gpu_handle_get_display_info,
	},
	{
		.type = VIRTIO_GPU_CMD_RESOURCE_CREATE_2D,
		.name = "RESOURCE_CREATE_2D",
		.request_size = sizeof(struct virtio_gpu_resource_create_2d),
		.response_size = NODATA,
		.feature = GPU_FEATURE_NONE,
		.queues = CONTROL,
		.resource_field = offsetof(struct virtio_gpu_resource_create_2d, resource_id),
		.handle = gpu_handle_create_2d,
	},
	{
		.type = VIRTIO_GPU_CMD_RESOURCE_UNREF,
		.name = "RESOURCE_UNREF",
		.request_size = sizeof(struct virtio_gpu_resource_unref),
		.response_size = NODATA,
		.feature = GPU_FEATURE_NONE,
		.queues = CONTROL,
		.resource_field = offsetof(struct virtio_gpu_resource_unref, resource_id),
		.handle = gpu_handle_unref,
	},
	{
		.type = VIRTIO_GPU_CMD_SET_SCANOUT,
		.name = "SET_SCANOUT",
		.request_size = sizeof(struct virtio_gpu_set_scanout),
		.response_size = NODATA,
		.feature = GPU_FEATURE_NONE,
		.queues = CONTROL,
		.resource_field = offsetof(struct virtio_gpu_set_scanout, resource_id),
		.handle = gpu_handle_set_scanout,
	},
	{
		.type = VIRTIO_GPU_CMD_RESOURCE_FLUSH,
		.name = "RESOURCE_FLUSH",
		.request_size = sizeof(struct virtio_gpu_resource_flush),
		.response_size = NODATA,
		.feature = GPU_FEATURE_NONE,
		.queues = CONTROL,
		.resource_field = offsetof(struct virtio_gpu_resource_flush, resource_id),
		.handle = gpu_handle_flush,
	},
	{
		.type = VIRTIO_GPU_CMD_TRANSFER_TO_HOST_2D,
		.name = "TRANSFER_TO_HOST_2D",
		.request_size = sizeof(struct virtio_gpu_transfer_to_host_2d),
		.response_size = NODATA,
		.feature = GPU_FEATURE_NONE,
		.queues = CONTROL,
		.resource_field = offsetof(struct virtio_gpu_transfer_to_host_2d, resource_id),
		.handle = gpu_handle_transfer_2d,
	},
	{
		.type = VIRTIO_GPU_CMD_RESOURCE_ATTACH_BACKING,
		.name = "RESOURCE_ATTACH_BACKING",
		.request_size = sizeof(struct virtio_gpu_resource_attach_backing),
		.response_size = NODATA,
		.feature = GPU_FEATURE_NONE,
		.queues = CONTROL,
		.resource_field = offsetof(struct virtio_gpu_resource_attach_backing, resource_id),
		.handle = gpu_handle_attach_backing,
	},
	{
		.type = VIRTIO_GPU_CMD_RESOURCE_DETACH_BACKING,
		.name = "RESOURCE_DETACH_BACKING",
		.request_size = sizeof(struct virtio_gpu_resource_detach_backing),
		.response_size = NODATA,
		.feature = GPU_FEATURE_NONE,
		.queues = CONTROL,
		.resource_field = offsetof(struct virtio_gpu_resource_detach_backing, resource_id),
		.handle = gpu_handle_detach_backing,
	},
	{
		.type = VIRTIO_GPU_CMD_GET_CAPSET_INFO,
		.name = "GET_CAPSET_INFO",
		.request_size = sizeof(struct virtio_gpu_get_capset_info),
		.response_size = sizeof(struct virtio_gpu_resp_capset_info),
		.feature = VIRTIO_GPU_F_VIRGL,
		.queues = CONTROL,
		.handle = gpu_handle_get_capset_info,
	},
	{
		.type = VIRTIO_GPU_CMD_GET_CAPSET,
		.name = "GET_CAPSET",
		.request_size = sizeof(struct virtio_gpu_get_capset),
		.response_size = NODATA, /* and as much as the capset has */
		.feature = VIRTIO_GPU_F_VIRGL,
		.queues = CONTROL,
		.handle = gpu_handle_get_capset,
	},
	{
		.type = VIRTIO_GPU_CMD_GET_EDID,
		.name = "GET_EDID",
		.request_size = sizeof(struct virtio_gpu_get_edid),
		.response_size = sizeof(struct virtio_gpu_resp_edid),
		.feature = VIRTIO_GPU_F_EDID,
		.queues = CONTROL,
		.handle = gpu_handle_get_edid,
	},
	{
		.type = VIRTIO_GPU_CMD_RESOURCE_ASSIGN_UUID,
		.name = "RESOURCE_ASSIGN_UUID",
		.request_size = sizeof(struct virtio_gpu_resource_assign_uuid),
		.response_size = sizeof(struct virtio_gpu_resp_resource_uuid),
		.feature = VIRTIO_GPU_F_RESOURCE_UUID,
		.queues = CONTROL,
		.resource_field = offsetof(struct virtio_gpu_resource_assign_uuid, resource_id),
		.handle = gpu_handle_assign_uuid,
	},
	{
		.type = VIRTIO_GPU_CMD_RESOURCE_CREATE_BLOB,
		.name = "RESOURCE_CREATE_BLOB",
		.request_size = sizeof(struct virtio_gpu_resource_create_blob),
		.response_size = NODATA,
		.feature = VIRTIO_GPU_F_RESOURCE_BLOB,
		.queues = CONTROL,
		.resource_field = offsetof(struct virtio_gpu_resource_create_blob, resource_id),
		.handle = gpu_handle_create_blob,
	},
	{
		.type = VIRTIO_GPU_CMD_SET_SCANOUT_BLOB,
		.name = "SET_SCANOUT_BLOB",
		.request_size = sizeof(struct virtio_gpu_set_scanout_blob),
		.response_size = NODATA,
		.feature = VIRTIO_GPU_F_RESOURCE_BLOB,
		.queues = CONTROL,
		.resource_field = offsetof(struct virtio_gpu_set_scanout_blob, resource_id),
		.handle = gpu_handle_set_scanout_blob,
	},
	{
		.type = VIRTIO_GPU_CMD_CTX_CREATE,
		.name = "CTX_CREATE",
		.request_size = sizeof(struct virtio_gpu_ctx_create),
		.response_size = NODATA,
		.feature = VIRTIO_GPU_F_VIRGL,
		.queues = CONTROL,
		.handle = gpu_handle_ctx_create,
	},
	{
		.type = VIRTIO_GPU_CMD_CTX_DESTROY,
		.name = "CTX_DESTROY",
		.request_size = sizeof(struct virtio_gpu_ctx_destroy),
		.response_size = NODATA,
		.feature = VIRTIO_GPU_F_VIRGL,
		.queues = CONTROL,
		.handle = gpu_handle_ctx_destroy,
	},
	{
		.type = VIRTIO_GPU_CMD_CTX_ATTACH_RESOURCE,
		.name = "CTX_ATTACH_RESOURCE",
		.request_size = sizeof(struct virtio_gpu_ctx_resource),
		.response_size = NODATA,
		.feature = VIRTIO_GPU_F_VIRGL,
		.queues = CONTROL,
		.resource_field = offsetof(struct virtio_gpu_ctx_resource, resource_id),
		.handle = gpu_handle_ctx_attach,
	},
	{
		.type = VIRTIO_GPU_CMD_CTX_DETACH_RESOURCE,
		.name = "CTX_DETACH_RESOURCE",
		.request_size = sizeof(struct virtio_gpu_ctx_resource),
		.response_size = NODATA,
		.feature = VIRTIO_GPU_F_VIRGL,
		.queues = CONTROL,
		.resource_field = offsetof(struct virtio_gpu_ctx_resource, resource_id),
		.handle = gpu_handle_ctx_detach,
	},
	{
		.type = VIRTIO_GPU_CMD_RESOURCE_CREATE_3D,
		.name = "RESOURCE_CREATE_3D",
		.request_size = sizeof(struct virtio_gpu_resource_create_3d),
		.response_size = NODATA,
		.feature = VIRTIO_GPU_F_VIRGL,
		.queues = CONTROL,
		.resource_field = offsetof(struct virtio_gpu_resource_create_3d, resource_id),
		.handle = gpu_handle_create_3d,
	},
	{
		.type = VIRTIO_GPU_CMD_TRANSFER_TO_HOST_3D,
		.name = "TRANSFER_TO_HOST_3D",
		.request_size = sizeof(struct virtio_gpu_transfer_host_3d),
		.response_size = NODATA,
		.feature = VIRTIO_GPU_F_VIRGL,
		.queues = CONTROL,
		.resource_field = offsetof(struct virtio_gpu_transfer_host_3d, resource_id),
		.handle = gpu_handle_transfer_3d,
	},
	{
		.type = VIRTIO_GPU_CMD_TRANSFER_FROM_HOST_3D,
		.name = "TRANSFER_FROM_HOST_3D",
		.request_size = sizeof(struct virtio_gpu_transfer_host_3d),
		.response_size = NODATA,
		.feature = VIRTIO_GPU_F_VIRGL,
		.queues = CONTROL,
		.resource_field = offsetof(struct virtio_gpu_transfer_host_3d, resource_id),
		.handle = gpu_handle_transfer_3d,
	},
	{
		.type = VIRTIO_GPU_CMD_SUBMIT_3D,
		.name = "SUBMIT_3D",
		.request_size = sizeof(struct virtio_gpu_cmd_submit),
		.response_size = NODATA,
		.feature = VIRTIO_GPU_F_VIRGL,
		.queues = CONTROL,
		.handle = gpu_handle_submit,
	},
	{
		.type = VIRTIO_GPU_CMD_RESOURCE_MAP_BLOB,
		.name = "RESOURCE_MAP_BLOB",
		.request_size = sizeof(struct virtio_gpu_resource_map_blob),
		.response_size = sizeof(struct virtio_gpu_resp_map_info),
		.feature = VIRTIO_GPU_F_RESOURCE_BLOB,
		.queues = CONTROL,
		.resource_field = offsetof(struct virtio_gpu_resource_map_blob, resource_id),
		.handle = gpu_handle_map_blob,
	},
	{
		.type = VIRTIO_GPU_CMD_RESOURCE_UNMAP_BLOB,
		.name = "RESOURCE_UNMAP_BLOB",
		.request_size = sizeof(struct virtio_gpu_resource_unmap_blob),
		.response_size = NODATA,
		.feature = VIRTIO_GPU_F_RESOURCE_BLOB,
		.queues = CONTROL,
		.resource_field = offsetof(struct virtio_gpu_resource_unmap_blob, resource_id),
		.handle = gpu_handle_unmap_blob,
	},
	{
		.type = VIRTIO_GPU_CMD_UPDATE_CURSOR,
		.name = "UPDATE_CURSOR",
		.request_size = sizeof(struct virtio_gpu_update_cursor),
		.feature = GPU_FEATURE_NONE,
		.queues = CURSOR,
		.resource_field = offsetof(struct virtio_gpu_update_cursor, resource_id),
		.handle = gpu_handle_update_cursor,
	},
	{
		.type = VIRTIO_GPU_CMD_MOVE_CURSOR,
		.name = "MOVE_CURSOR",
		.request_size = sizeof(struct virtio_gpu_update_cursor),
		.feature = GPU_FEATURE_NONE,
		.queues = CURSOR,
		.resource_field = offsetof(struct virtio_gpu_update_cursor, resource_id),
		.handle = gpu_handle_move_cursor,
	},
};

const struct gpu_command_spec *gpu_command_find(uint32_t type)
{
	for (size_t i = 0; i < ARRAY_SIZE(specs); i++)
		if (specs[i].type == type)
			return &specs[i];
	return NULL;
}

uint64_t gpu_command_features(void)
{
	uint64_t features = 0;
	for (size_t i = 0; i < ARRAY_SIZE(specs); i++)
		if (specs[i].feature != GPU_FEATURE_NONE)
			features |= UINT64_C(1) << specs[i].feature;
	return features;
}
