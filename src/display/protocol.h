/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/*
 * The vhost-user-gpu display protocol on the wire (QEMU, docs/interop/vhost-user-gpu), spoken on
 * the socket that GPU_SET_SOCKET gives. Native byte order. Names follow the specification.
 */
#pragma once

#include <assert.h>
#include <stdint.h>

enum vhost_user_gpu_request {
	VHOST_USER_GPU_GET_PROTOCOL_FEATURES = 1,
	VHOST_USER_GPU_SET_PROTOCOL_FEATURES = 2,
	VHOST_USER_GPU_GET_DISPLAY_INFO = 3,
	VHOST_USER_GPU_CURSOR_POS = 4,
	VHOST_USER_GPU_CURSOR_POS_HIDE = 5,
	VHOST_USER_GPU_CURSOR_UPDATE = 6,
	VHOST_USER_GPU_SCANOUT = 7,
	VHOST_USER_GPU_UPDATE = 8,
	VHOST_USER_GPU_DMABUF_SCANOUT = 9,
	VHOST_USER_GPU_DMABUF_UPDATE = 10,
	VHOST_USER_GPU_GET_EDID = 11,
	VHOST_USER_GPU_DMABUF_SCANOUT2 = 12,
};

#define VHOST_USER_GPU_FLAG_REPLY 0x4u

/* Bit numbers. */
#define VHOST_USER_GPU_PROTOCOL_F_EDID    0
#define VHOST_USER_GPU_PROTOCOL_F_DMABUF2 1

/* Not in the specification, for a backend and a viewer that both know it: what DMABUF_SCANOUT brings may be
 * shared memory instead of a dma-buf. fd_flags says so. It is a file that cannot shrink (F_SEAL_SHRINK), is
 * mapped by whoever reads it, and holds still from each DMABUF_UPDATE until that is answered: such a viewer
 * answers each of them, of dma-bufs too, or gets no other. */
#define VHOST_USER_GPU_PROTOCOL_F_SHARED_MEMORY 48

struct vhost_user_gpu_header {
	uint32_t request;
	uint32_t flags;
	uint32_t size;
};
static_assert(sizeof(struct vhost_user_gpu_header) == 12, "wire size");

struct vhost_user_gpu_cursor_pos {
	uint32_t scanout_id;
	uint32_t x;
	uint32_t y;
};

#define VHOST_USER_GPU_CURSOR_SIDE 64u

struct vhost_user_gpu_cursor_update {
	struct vhost_user_gpu_cursor_pos pos;
	uint32_t hot_x;
	uint32_t hot_y;
	uint32_t data[VHOST_USER_GPU_CURSOR_SIDE * VHOST_USER_GPU_CURSOR_SIDE]; /* a8r8g8b8 */
};
static_assert(sizeof(struct vhost_user_gpu_cursor_update) == 16404, "wire size");

struct vhost_user_gpu_scanout {
	uint32_t scanout_id;
	uint32_t width;
	uint32_t height;
};

/* Followed by width * height pixels, x8r8g8b8, rows without gaps. */
struct vhost_user_gpu_update {
	uint32_t scanout_id;
	uint32_t x;
	uint32_t y;
	uint32_t width;
	uint32_t height;
};

struct vhost_user_gpu_dmabuf_scanout {
	uint32_t scanout_id;
	uint32_t x;
	uint32_t y;
	uint32_t width;
	uint32_t height;
	uint32_t fd_width;
	uint32_t fd_height;
	uint32_t fd_stride;
	uint32_t fd_flags;
	int32_t fd_drm_fourcc;
};
static_assert(sizeof(struct vhost_user_gpu_dmabuf_scanout) == 40, "wire size");

#define VHOST_USER_GPU_DMABUF_Y_0_TOP       1u
#define VHOST_USER_GPU_DMABUF_SHARED_MEMORY 0x80000000u

struct vhost_user_gpu_dmabuf_scanout2 {
	struct vhost_user_gpu_dmabuf_scanout scanout;
	uint64_t modifier;
} __attribute__((packed));
static_assert(sizeof(struct vhost_user_gpu_dmabuf_scanout2) == 48, "wire size");

struct vhost_user_gpu_edid_request {
	uint32_t scanout_id;
};

#define VHOST_USER_GPU_DISPLAY_INFO_SIZE 408u /* struct virtio_gpu_resp_display_info */
#define VHOST_USER_GPU_EDID_REPLY_SIZE   1056u /* struct virtio_gpu_resp_edid */
