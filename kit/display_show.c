/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/* What the messages of the display protocol mean, and what is wrong with them. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "kit/display_parts.h"
#include "util/checked.h"
#include "util/fd.h"

#define FOURCC(a, b, c, d)                                                                         \
	((uint32_t)(a) | (uint32_t)(b) << 8 | (uint32_t)(c) << 16 | (uint32_t)(d) << 24)

#define PATIENCE_MS   1000u
#define UNKNOWN_PIXEL 0x00bad1deu

static size_t buffer_size(const struct vhost_user_gpu_dmabuf_scanout *info)
{
	return (size_t)info->fd_stride * info->fd_height;
}

static void scanout_off(struct kit_scanout *scanout)
{
	if (scanout->map)
		munmap((void *)(uintptr_t)scanout->map, buffer_size(&scanout->dmabuf_info));
	kit_picture_destroy(scanout->picture);
	fd_close(&scanout->fd);
	*scanout = (struct kit_scanout){ .fd = -1 };
}

void kit_display_forget(struct kit_display *display)
{
	for (uint32_t i = 0; i < KIT_MAX_SCANOUTS; i++)
		scanout_off(&display->scanouts[i]);
	display->cursor = (struct kit_cursor){ 0 };
}

static struct kit_scanout *find_scanout(struct kit_display *display, uint32_t id, const char *what)
{
	if (id < KIT_MAX_SCANOUTS)
		return &display->scanouts[id];
	kit_display_violation(display, "%s of scanout %u", what, id);
	return NULL;
}

/* --- questions ----------------------------------------------------------------------------- */

static void get_features(struct kit_display *display, const struct kit_display_message *message)
{
	kit_display_post(display, message->request, &display->features, sizeof(display->features));
}

static void set_features(struct kit_display *display, const struct kit_display_message *message)
{
	memcpy(&display->features_set, message->payload, sizeof(display->features_set));
	display->features_were_set = true;
	if (display->features_set & ~display->features)
		kit_display_violation(display, "features %#llx were not on offer",
			(unsigned long long)display->features_set);
}

static void get_info(struct kit_display *display, const struct kit_display_message *message)
{
	struct virtio_gpu_resp_display_info info = {
		.hdr.type = VIRTIO_GPU_RESP_OK_DISPLAY_INFO,
	};
	memcpy(info.pmodes, display->modes, sizeof(info.pmodes));
	kit_display_post(display, message->request, &info, sizeof(info));
}

static void get_edid(struct kit_display *display, const struct kit_display_message *message)
{
	struct vhost_user_gpu_edid_request request;
	struct virtio_gpu_resp_edid edid = { .hdr.type = VIRTIO_GPU_RESP_OK_EDID,
		.size = display->edid_size };
	memcpy(&request, message->payload, sizeof(request));
	if (!(display->features_set & 1u << VHOST_USER_GPU_PROTOCOL_F_EDID))
		kit_display_violation(display, "GET_EDID without the feature");
	if (!find_scanout(display, request.scanout_id, "GET_EDID"))
		return;
	memcpy(edid.edid, display->edid[request.scanout_id], sizeof(display->edid[0]));
	kit_display_post(display, message->request, &edid, sizeof(edid));
}

/* --- pixels -------------------------------------------------------------------------------- */

/* What a display has before the first update is not known: a pixel says so, which no test draws. */
static struct kit_picture *unknown_picture(uint32_t width, uint32_t height)
{
	struct kit_picture *picture = kit_picture_create(width, height);
	if (picture && width && height)
		kit_picture_fill(picture, kit_rect(0, 0, 1, 1), UNKNOWN_PIXEL);
	return picture;
}

static void set_scanout(struct kit_display *display, const struct kit_display_message *message)
{
	struct vhost_user_gpu_scanout request;
	memcpy(&request, message->payload, sizeof(request));
	struct kit_scanout *scanout = find_scanout(display, request.scanout_id, "SCANOUT");
	if (!scanout)
		return;
	scanout_off(scanout);
	if (request.width == 0 || request.height == 0)
		return;
	if (request.width > 16384 || request.height > 16384) {
		kit_display_violation(display, "SCANOUT of %u x %u", request.width, request.height);
		return;
	}
	scanout->picture = unknown_picture(request.width, request.height);
}

static void update(struct kit_display *display, const struct kit_display_message *message)
{
	struct vhost_user_gpu_update request;
	memcpy(&request, message->payload, sizeof(request));
	struct kit_scanout *scanout = find_scanout(display, request.scanout_id, "UPDATE");
	uint64_t pixels = (uint64_t)request.width * request.height;
	if (!scanout)
		return;
	if (!scanout->picture || scanout->dmabuf) {
		kit_display_violation(
			display, "UPDATE of scanout %u before SCANOUT", request.scanout_id);
		return;
	}
	if (pixels == 0)
		return; /* changes nothing */
	const struct kit_picture *picture = scanout->picture;
	if (message->size - sizeof(request) != pixels * sizeof(uint32_t) ||
		!range_inside(request.x, request.width, picture->width) ||
		!range_inside(request.y, request.height, picture->height)) {
		kit_display_violation(display, "UPDATE %u,%u %ux%u in %u bytes of a %ux%u scanout",
			request.x, request.y, request.width, request.height, message->size,
			picture->width, picture->height);
		return;
	}
	const uint8_t *from = message->payload + sizeof(request);
	for (uint32_t y = 0; y < request.height; y++) {
		size_t row = request.width * sizeof(uint32_t);
		uint32_t *to = scanout->picture->pixels + (size_t)(request.y + y) * picture->width;
		memcpy(to + request.x, from + y * row, row);
	}
	scanout->last = kit_rect(request.x, request.y, request.width, request.height);
	scanout->updates++;
}

/* --- dma-bufs ------------------------------------------------------------------------------ */

/* DRM formats that a scanout may have, as virtio formats with the same bytes. */
static uint32_t format_of(uint32_t fourcc)
{
	switch (fourcc) {
	case FOURCC('X', 'R', '2', '4'):
	case FOURCC('A', 'R', '2', '4'):
		return VIRTIO_GPU_FORMAT_B8G8R8X8_UNORM;
	case FOURCC('X', 'B', '2', '4'):
	case FOURCC('A', 'B', '2', '4'):
		return VIRTIO_GPU_FORMAT_R8G8B8X8_UNORM;
	case FOURCC('B', 'X', '2', '4'):
	case FOURCC('B', 'A', '2', '4'):
		return VIRTIO_GPU_FORMAT_X8R8G8B8_UNORM;
	case FOURCC('R', 'X', '2', '4'):
	case FOURCC('R', 'A', '2', '4'):
		return VIRTIO_GPU_FORMAT_X8B8G8R8_UNORM;
	default:
		return 0;
	}
}

static void draw_row(uint32_t *to, const uint8_t *from, uint32_t format, uint32_t count)
{
	if (format == VIRTIO_GPU_FORMAT_B8G8R8X8_UNORM) {
		memcpy(to, from, (size_t)count * 4);
		return;
	}
	for (uint32_t x = 0; x < count; x++)
		to[x] = kit_pixel_decode(format, from + (size_t)x * 4);
}

static void draw_mapped(struct kit_scanout *scanout, uint32_t format, struct virtio_gpu_rect rect)
{
	const struct vhost_user_gpu_dmabuf_scanout *info = &scanout->dmabuf_info;
	bool flipped = info->fd_flags & VHOST_USER_GPU_DMABUF_Y_0_TOP;
	for (uint32_t y = rect.y; y < rect.y + rect.height; y++) {
		uint32_t from_y = flipped ? info->fd_height - 1 - (info->y + y) : info->y + y;
		const uint8_t *from = scanout->map + (size_t)from_y * info->fd_stride +
			(size_t)(info->x + rect.x) * 4;
		uint32_t *to =
			scanout->picture->pixels + (size_t)y * scanout->picture->width + rect.x;
		draw_row(to, from, format, rect.width);
	}
}

/* Shows what lies in the buffer, if it can be mapped at all. */
static void draw_dmabuf(struct kit_scanout *scanout, struct virtio_gpu_rect rect)
{
	const struct vhost_user_gpu_dmabuf_scanout *info = &scanout->dmabuf_info;
	uint32_t format = format_of((uint32_t)info->fd_drm_fourcc);
	if (!format)
		return;
	if (!scanout->map) {
		void *map = mmap(NULL, buffer_size(info), PROT_READ, MAP_SHARED, scanout->fd, 0);
		if (map == MAP_FAILED)
			return;
		scanout->map = map;
	}
	draw_mapped(scanout, format, rect);
}

static void check_shared_memory(
	struct kit_display *display, const struct kit_display_message *message)
{
	if (!(display->features_set >> VHOST_USER_GPU_PROTOCOL_F_SHARED_MEMORY & 1))
		kit_display_violation(display, "shared memory without the feature");
	int seals = message->fd_count ? fcntl(message->fds[0], F_GET_SEALS) : -1;
	if (seals < 0 || !(seals & F_SEAL_SHRINK))
		kit_display_violation(display, "shared memory that can be cut off");
}

static void dmabuf_scanout(struct kit_display *display, const struct kit_display_message *message)
{
	bool second = message->request == VHOST_USER_GPU_DMABUF_SCANOUT2;
	struct vhost_user_gpu_dmabuf_scanout2 request = { .modifier = 0 };
	memcpy(&request, message->payload, second ? sizeof(request) : sizeof(request.scanout));
	const struct vhost_user_gpu_dmabuf_scanout copy = request.scanout, *info = &copy;
	struct kit_scanout *scanout = find_scanout(display, info->scanout_id, "DMABUF_SCANOUT");
	if (!scanout)
		return;
	scanout_off(scanout);
	if (second && !(display->features_set & 1u << VHOST_USER_GPU_PROTOCOL_F_DMABUF2))
		kit_display_violation(display, "DMABUF_SCANOUT2 without the feature");
	if (info->fd_flags & VHOST_USER_GPU_DMABUF_SHARED_MEMORY)
		check_shared_memory(display, message);
	if (message->fd_count == 0) {
		if (info->width && info->height)
			kit_display_violation(display, "DMABUF_SCANOUT without a descriptor");
		return;
	}
	if (!range_inside(info->x, info->width, info->fd_width) ||
		!range_inside(info->y, info->height, info->fd_height) || info->width == 0 ||
		info->height == 0 || info->fd_width > 16384 || info->fd_height > 16384 ||
		info->fd_stride / 4 < info->fd_width) {
		kit_display_violation(display, "DMABUF_SCANOUT: %ux%u of %ux%u, stride %u",
			info->width, info->height, info->fd_width, info->fd_height,
			info->fd_stride);
		return;
	}
	scanout->dmabuf = true;
	scanout->dmabuf_info = *info;
	scanout->modifier = request.modifier;
	scanout->has_modifier = second;
	scanout->fd = fd_steal(&message->fds[0]);
	scanout->picture = unknown_picture(info->width, info->height);
}

static void dmabuf_update(struct kit_display *display, const struct kit_display_message *message)
{
	struct vhost_user_gpu_update request;
	memcpy(&request, message->payload, sizeof(request));
	struct kit_scanout *scanout = find_scanout(display, request.scanout_id, "DMABUF_UPDATE");
	if (!scanout)
		return;
	if (!scanout->dmabuf || !range_inside(request.x, request.width, scanout->picture->width) ||
		!range_inside(request.y, request.height, scanout->picture->height))
		kit_display_violation(display, "DMABUF_UPDATE %u,%u %ux%u of scanout %u", request.x,
			request.y, request.width, request.height, request.scanout_id);
	else
		draw_dmabuf(scanout, kit_rect(request.x, request.y, request.width, request.height));
	/* a backend may give up waiting at some time */
	if (scanout->acknowledging && kit_now() - scanout->acknowledging_since < PATIENCE_MS)
		kit_display_violation(display, "a second DMABUF_UPDATE of scanout %u at once",
			request.scanout_id);
	scanout->last = kit_rect(request.x, request.y, request.width, request.height);
	scanout->updates++;
	scanout->acknowledging_since = kit_now();
	scanout->acknowledging = display->answers[message->request] == KIT_DISPLAY_SILENT;
	kit_display_post(display, message->request, NULL, 0);
}

int kit_display_redraw(struct kit_display *display, uint32_t scanout)
{
	struct kit_scanout *shown = &display->scanouts[scanout];
	if (!shown->dmabuf)
		return kit_fail(display->kit, EINVAL, "scanout %u shows no buffer", scanout);
	draw_dmabuf(shown, kit_rect(0, 0, shown->picture->width, shown->picture->height));
	return 0;
}

int kit_display_acknowledge(struct kit_display *display)
{
	struct vhost_user_gpu_header header = { VHOST_USER_GPU_DMABUF_UPDATE,
		VHOST_USER_GPU_FLAG_REPLY, 0 };
	for (uint32_t i = 0; i < KIT_MAX_SCANOUTS; i++) {
		if (!display->scanouts[i].acknowledging)
			continue;
		display->scanouts[i].acknowledging = false;
		return kit_display_send(display, &header, sizeof(header), NULL, 0);
	}
	return kit_fail(display->kit, EINVAL, "there is no DMABUF_UPDATE to acknowledge");
}

/* --- cursor -------------------------------------------------------------------------------- */

static void place_cursor(struct kit_display *display, const struct vhost_user_gpu_cursor_pos *pos)
{
	if (!find_scanout(display, pos->scanout_id, "the cursor"))
		return;
	display->cursor.scanout = pos->scanout_id;
	display->cursor.x = pos->x;
	display->cursor.y = pos->y;
}

static void cursor_update(struct kit_display *display, const struct kit_display_message *message)
{
	struct vhost_user_gpu_cursor_update request;
	memcpy(&request, message->payload, sizeof(request));
	struct kit_cursor *cursor = &display->cursor;
	place_cursor(display, &request.pos);
	cursor->hot_x = request.hot_x;
	cursor->hot_y = request.hot_y;
	memcpy(cursor->pixels, request.data, sizeof(cursor->pixels));
	cursor->visible = true;
	cursor->updates++;
}

static void cursor_move(struct kit_display *display, const struct kit_display_message *message)
{
	struct vhost_user_gpu_cursor_pos pos;
	memcpy(&pos, message->payload, sizeof(pos));
	place_cursor(display, &pos);
	display->cursor.visible = display->cursor.updates > 0;
	display->cursor.moves++;
}

static void cursor_hide(struct kit_display *display, const struct kit_display_message *message)
{
	struct vhost_user_gpu_cursor_pos pos;
	memcpy(&pos, message->payload, sizeof(pos));
	display->cursor.hides++;
	/* each scanout has its own, and the kit keeps the one that was shown last */
	if (display->cursor.visible && pos.scanout_id != display->cursor.scanout)
		return;
	place_cursor(display, &pos);
	display->cursor.visible = false;
}

/* --- the table ----------------------------------------------------------------------------- */

struct display_spec {
	const char *name;
	uint32_t size; /* of the payload; of UPDATE: at least */
	uint32_t max_fds;
	void (*take)(struct kit_display *display, const struct kit_display_message *message);
};

static const struct display_spec specs[KIT_DISPLAY_REQUESTS] = {
	[VHOST_USER_GPU_GET_PROTOCOL_FEATURES] = { "GET_PROTOCOL_FEATURES", 0, 0, get_features },
	[VHOST_USER_GPU_SET_PROTOCOL_FEATURES] = { "SET_PROTOCOL_FEATURES", 8, 0, set_features },
	[VHOST_USER_GPU_GET_DISPLAY_INFO] = { "GET_DISPLAY_INFO", 0, 0, get_info },
	[VHOST_USER_GPU_CURSOR_POS] = { "CURSOR_POS", 12, 0, cursor_move },
	[VHOST_USER_GPU_CURSOR_POS_HIDE] = { "CURSOR_POS_HIDE", 12, 0, cursor_hide },
	[VHOST_USER_GPU_CURSOR_UPDATE] = { "CURSOR_UPDATE",
		sizeof(struct vhost_user_gpu_cursor_update), 0, cursor_update },
	[VHOST_USER_GPU_SCANOUT] = { "SCANOUT", 12, 0, set_scanout },
	[VHOST_USER_GPU_UPDATE] = { "UPDATE", 20, 0, update },
	[VHOST_USER_GPU_DMABUF_SCANOUT] = { "DMABUF_SCANOUT", 40, 1, dmabuf_scanout },
	[VHOST_USER_GPU_DMABUF_UPDATE] = { "DMABUF_UPDATE", 20, 0, dmabuf_update },
	[VHOST_USER_GPU_GET_EDID] = { "GET_EDID", 4, 0, get_edid },
	[VHOST_USER_GPU_DMABUF_SCANOUT2] = { "DMABUF_SCANOUT2", 48, 1, dmabuf_scanout },
};

void kit_display_take(struct kit_display *display, const struct kit_display_message *message)
{
	const struct display_spec *spec =
		message->request < KIT_DISPLAY_REQUESTS ? &specs[message->request] : NULL;
	if (!spec || !spec->take) {
		kit_display_violation(display, "unknown message %u", message->request);
		return;
	}
	bool varies = message->request == VHOST_USER_GPU_UPDATE;
	if (message->size < spec->size || (message->size > spec->size && !varies) ||
		message->fd_count > spec->max_fds) {
		kit_display_violation(display, "%s of %u bytes with %u descriptors", spec->name,
			message->size, message->fd_count);
		return;
	}
	spec->take(display, message);
}

/* --- waiting for a picture ----------------------------------------------------------------- */

struct comparing {
	const struct kit_scanout *scanout;
	const struct kit_picture *expected;
};

static bool shows(void *data)
{
	const struct comparing *comparing = data;
	return comparing->scanout->picture &&
		kit_picture_same(comparing->scanout->picture, comparing->expected, NULL, NULL);
}

static void write_pictures(const struct comparing *comparing)
{
	char path[512];
	const char *folder = getenv("KIT_PICTURES");
	if (!folder)
		return;
	snprintf(path, sizeof(path), "%s/expected.png", folder);
	kit_picture_write_png(comparing->expected, path);
	snprintf(path, sizeof(path), "%s/shown.png", folder);
	kit_picture_write_png(comparing->scanout->picture, path);
}

int kit_display_wait_picture(
	struct kit_display *display, uint32_t scanout, const struct kit_picture *expected)
{
	struct comparing comparing = { &display->scanouts[scanout], expected };
	int ret = kit_wait(display->kit, shows, &comparing, -1);
	if (ret != -ETIMEDOUT)
		return ret;
	const struct kit_picture *shown = comparing.scanout->picture;
	uint32_t x, y;
	if (!shown)
		return kit_fail(display->kit, ETIMEDOUT, "scanout %u shows nothing", scanout);
	write_pictures(&comparing);
	if (shown->width != expected->width || shown->height != expected->height)
		return kit_fail(display->kit, ETIMEDOUT, "scanout %u is %u x %u, not %u x %u",
			scanout, shown->width, shown->height, expected->width, expected->height);
	kit_picture_same(shown, expected, &x, &y);
	size_t at = (size_t)y * expected->width + x;
	return kit_fail(display->kit, ETIMEDOUT, "scanout %u: pixel %u,%u is %06x, not %06x",
		scanout, x, y, shown->pixels[at] & KIT_RGB, expected->pixels[at] & KIT_RGB);
}
