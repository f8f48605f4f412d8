/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
#include "renderer/remote_peer.h"

#include <errno.h>
#include <string.h>

#include "renderer/renderer.h"
#include "util/checked.h"
#include "util/fd.h"
#include "util/image.h"

#define ERRNO_MAX      4095
#define PAGE_ALIGNMENT 4096u /* no page is smaller */
#define MAP_INFO_MAX   3u /* VIRTIO_GPU_MAP_CACHE_WC */

/* Enough for any real layout of the widest image, and no product of it with the height overflows. */
#define STRIDE_MAX (IMAGE_MAX_SIDE * 16u)

struct capset_packet {
	struct wire_packet header;
	uint8_t data[RENDERER_MAX_CAPSET_SIZE];
};
static_assert(sizeof(struct capset_packet) == WIRE_PACKET_MAX, "nothing in between");

static int add_capset(struct renderer *renderer, const struct capset_packet *packet, size_t length)
{
	uint32_t size = packet->header.size;
	if (packet->header.capset_id == 0 || length != sizeof(packet->header) + (size_t)size)
		return -EPROTO;
	int error = renderer_add_capset(
		renderer, packet->header.capset_id, packet->header.max_version, packet->data, size);
	return error == 0 || error == -ENOMEM ? error : -EPROTO;
}

/* 1: that was the last one; 0: there will be more. */
static int handle_packet(
	struct renderer *renderer, const struct capset_packet *packet, size_t length)
{
	if (length < sizeof(packet->header))
		return -EPROTO;
	switch (packet->header.type) {
	case WIRE_CAPSET:
		return add_capset(renderer, packet, length);
	case WIRE_READY:
		if (packet->header.version != RENDERER_WIRE_VERSION)
			return -EPROTO;
		renderer->can_export = packet->header.can_export != 0;
		renderer->can_map = packet->header.can_map != 0;
		return 1;
	default:
		return -EPROTO;
	}
}

int peer_read_handshake(int sock, struct renderer *renderer)
{
	struct capset_packet packet;
	int result = 0;
	while (result == 0) {
		ssize_t length = fd_recv_packet(sock, &packet, sizeof(packet), NULL, 0);
		if (length == -EAGAIN)
			return -EAGAIN;
		if (length <= 0)
			return length == -EBADMSG ? -EPROTO : -ECONNRESET;
		result = handle_packet(renderer, &packet, (size_t)length);
	}
	return result < 0 ? result : 0;
}

bool peer_completion_valid(const struct wire_completion *completion)
{
	return completion->status <= 0 && completion->status >= -ERRNO_MAX &&
		(completion->flags & ~WIRE_FLAG_FD) == 0;
}

int peer_take_fd(int sock, int *ret_fd)
{
	struct wire_packet packet;
	_cleanup_fd_ int fd = -1;
	ssize_t length = fd_recv_packet(sock, &packet, sizeof(packet), &fd, 1);
	if (length != (ssize_t)sizeof(packet) || packet.type != WIRE_FD || fd < 0)
		return -EPROTO;
	*ret_fd = fd_steal(&fd);
	return 0;
}

bool peer_brings(uint32_t op, int status, bool has_fd)
{
	if (op == WIRE_RESOURCE_CREATE_BLOB && status == 0)
		return true;
	return has_fd == (op == WIRE_EXPORT_IMAGE && status == 0);
}

int peer_make_memory(const struct wire_memory *wire, int fd, struct renderer_memory *ret_memory)
{
	if (wire->offset > INT64_MAX || wire->offset % PAGE_ALIGNMENT != 0 ||
		wire->map_info > MAP_INFO_MAX)
		return -EIO;
	*ret_memory = (struct renderer_memory){
		.fd = fd,
		.map_info = wire->map_info,
		.offset = wire->offset,
	};
	return 0;
}

static bool image_is_possible(const struct wire_image *wire)
{
	if (wire->width == 0 || wire->width > IMAGE_MAX_SIDE || wire->height == 0 ||
		wire->height > IMAGE_MAX_SIDE)
		return false;
	if (wire->planes == 0 || wire->planes > IMAGE_MAX_PLANES)
		return false;
	for (uint32_t i = 0; i < wire->planes; i++)
		if (wire->strides[i] == 0 || wire->strides[i] > STRIDE_MAX)
			return false;
	return true;
}

int peer_make_image(const struct wire_image *wire, int *fd, struct image **ret_image)
{
	_cleanup_fd_ int owned = fd_steal(fd);
	if (!image_is_possible(wire))
		return -EIO;
	if (!image_format_known(wire->fourcc))
		return -EOPNOTSUPP;

	struct image like = {
		.kind = IMAGE_DMABUF,
		.width = wire->width,
		.height = wire->height,
		.fourcc = wire->fourcc,
		.fds = { -1, -1, -1, -1 },
		.planes = wire->planes,
		.modifier = wire->modifier,
		.y_0_top = wire->y_0_top != 0,
	};
	memcpy(like.strides, wire->strides, sizeof(like.strides));
	memcpy(like.offsets, wire->offsets, sizeof(like.offsets));
	like.fds[0] = fd_steal(&owned);
	int error = 0;
	for (uint32_t i = 1; i < wire->planes && !error; i++) {
		like.fds[i] = fd_dup(like.fds[0]);
		error = like.fds[i] < 0 ? -EMFILE : 0;
	}
	struct image *image = error ? NULL : image_create_foreign(&like, NULL, NULL);
	if (!image) {
		fd_close_all(like.fds, IMAGE_MAX_PLANES);
		return error ? error : -ENOMEM;
	}
	*ret_image = image;
	return 0;
}
