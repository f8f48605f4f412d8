/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
#include "gpu/cursor.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "display/display.h"
#include "display/protocol.h"
#include "gpu/blob.h"
#include "gpu/frame.h"
#include "gpu/resource.h"
#include "gpu/state.h"
#include "renderer/software.h"
#include "util/checked.h"
#include "util/fourcc.h"

#define SIDE VHOST_USER_GPU_CURSOR_SIDE

struct gpu_cursor_read {
	struct renderer_call call;
	struct gpu_device *device;
	uint32_t id; /* of the scanout */
	struct gpu_frame *frame; /* a reference */
	struct rect rect;
	bool opaque; /* the resource has no alpha */
	bool stale; /* there is a newer image, or none any more */
};

static struct display_cursor place(const struct gpu_cursor *cursor, uint32_t id)
{
	return (struct display_cursor){
		.scanout = id,
		.x = cursor->x,
		.y = cursor->y,
		.hot_x = cursor->hot_x,
		.hot_y = cursor->hot_y,
	};
}

static void show(struct gpu_device *device, uint32_t id)
{
	const struct gpu_cursor *cursor = &device->cursors[id];
	struct display *display = device->outputs.active;
	if (!display || !cursor->visible || !cursor->image)
		return;
	const struct display_cursor at = place(cursor, id);
	display_cursor_update(display, &at, (const uint32_t *)(void *)cursor->image->pixels);
}

static void hide(struct gpu_device *device, uint32_t id)
{
	struct gpu_cursor *cursor = &device->cursors[id];
	struct display *display = device->outputs.active;
	const struct display_cursor at = place(cursor, id);
	cursor->visible = false;
	if (display)
		display_cursor_hide(display, &at);
}

/* Makes rect of from the cursor's image: what is missing is transparent. */
static void take_image(
	struct gpu_device *device, uint32_t id, const struct image *from, const struct rect *rect)
{
	struct gpu_cursor *cursor = &device->cursors[id];
	if (!cursor->image)
		cursor->image = image_create(SIDE, SIDE, FOURCC_ARGB8888);
	if (!cursor->image)
		return;
	memset(cursor->image->pixels, 0, cursor->image->stride * SIDE);
	image_copy(cursor->image, 0, 0, from, rect);
	show(device, id);
}

static struct rect top_left(const struct gpu_resource *resource)
{
	return (struct rect){
		.w = min_u32(resource->args.width, SIDE),
		.h = min_u32(resource->args.height, SIDE),
	};
}

/* Renderers leave what is not alpha as it is. */
static void take_frame(struct gpu_device *device, const struct gpu_cursor_read *read)
{
	struct image image = *read->frame->image;
	if (read->opaque)
		image.fourcc = FOURCC_XRGB8888;
	take_image(device, read->id, &image, &read->rect);
}

static bool is_opaque(const struct gpu_resource *resource)
{
	uint32_t fourcc = software_format_fourcc(resource->args.format);
	return fourcc && !image_format_has_alpha(fourcc);
}

static void read_back(struct gpu_device *device, uint32_t id, struct gpu_resource *resource);

static void read_next(struct gpu_device *device, uint32_t id)
{
	struct gpu_cursor *cursor = &device->cursors[id];
	struct gpu_resource *next =
		cursor->next_resource ? gpu_resource_find(device, cursor->next_resource) : NULL;
	cursor->next_resource = 0;
	if (next && next->home)
		read_back(device, id, next);
}

static void read_done(struct renderer_call *call, int status, const struct renderer_reply *reply)
{
	struct gpu_cursor_read *read = container_of(call, struct gpu_cursor_read, call);
	struct gpu_device *device = read->device;
	uint32_t id = read->id;
	struct gpu_cursor *cursor = &device->cursors[id];
	cursor->read = NULL;
	if (status == 0 && !read->stale)
		take_frame(device, read);
	gpu_frame_unref(read->frame);
	free(read);
	read_next(device, id);
}

static void read_back(struct gpu_device *device, uint32_t id, struct gpu_resource *resource)
{
	struct gpu_cursor *cursor = &device->cursors[id];
	if (!cursor->frame)
		cursor->frame = gpu_frame_create(device, SIDE, SIDE);
	if (!cursor->frame && errno == EAGAIN)
		cursor->next_resource = resource->args.id;
	struct gpu_cursor_read *read = cursor->frame ? calloc(1, sizeof(*read)) : NULL;
	if (!read)
		return;
	*read = (struct gpu_cursor_read){
		.call.done = read_done,
		.device = device,
		.id = id,
		.frame = gpu_frame_ref(cursor->frame),
		.rect = top_left(resource),
		.opaque = is_opaque(resource),
	};
	cursor->read = read;
	const struct gpu_frame_read args = {
		.slot = resource->home->slot,
		.resource = resource->args.id,
		.rect = read->rect,
	};
	gpu_frame_read_back(read->frame, &args, &read->call);
}

/* An image that is still being read back is not wanted any more. */
static void outdate(struct gpu_cursor *cursor)
{
	if (cursor->read)
		cursor->read->stale = true;
	cursor->next_resource = 0;
}

/* How a cursor lies in a blob, which has no sides of its own. */
static const struct gpu_blob_layout blob_layout = {
	.width = SIDE,
	.height = SIDE,
	.format = VIRTIO_GPU_FORMAT_B8G8R8A8_UNORM,
	.stride = SIDE * 4,
};

static void load_blob(struct gpu_device *device, uint32_t id, const struct gpu_resource *blob)
{
	const struct rect rect = { .w = SIDE, .h = SIDE };
	struct image *view = gpu_blob_view(blob, &blob_layout);
	if (view)
		take_image(device, id, view, &rect);
	image_unref(view);
}

static void load(struct gpu_device *device, uint32_t id, struct gpu_resource *resource)
{
	struct gpu_cursor *cursor = &device->cursors[id];
	if (resource->kind == GPU_RESOURCE_BLOB) {
		load_blob(device, id, resource);
		return;
	}
	uint32_t resource_id = resource->args.id;
	const struct rect rect = top_left(resource);
	struct image *image = renderer_image(resource->home->slot->renderer, resource_id);
	if (image)
		take_image(device, id, image, &rect);
	else if (cursor->read)
		cursor->next_resource = resource_id;
	else
		read_back(device, id, resource);
}

static bool may_be_cursor(const struct gpu_resource *resource)
{
	return resource->kind == GPU_RESOURCE_BLOB ? gpu_blob_has_room(resource, &blob_layout)
						   : gpu_resource_flat(resource);
}

/* Whether there is a picture of it now. */
static bool has_picture(const struct gpu_resource *resource)
{
	return resource->home || (resource->kind == GPU_RESOURCE_BLOB && resource->backing.spans);
}

uint32_t gpu_cursor_update(struct gpu_device *device, const struct virtio_gpu_update_cursor *update)
{
	uint32_t id = update->pos.scanout_id;
	struct gpu_cursor *cursor = &device->cursors[id];
	struct gpu_resource *resource = gpu_resource_find(device, update->resource_id);
	if (update->resource_id && !resource)
		return VIRTIO_GPU_RESP_ERR_INVALID_RESOURCE_ID;
	if (resource && !may_be_cursor(resource))
		return VIRTIO_GPU_RESP_ERR_INVALID_PARAMETER;
	outdate(cursor);
	cursor->x = update->pos.x;
	cursor->y = update->pos.y;
	cursor->hot_x = update->hot_x;
	cursor->hot_y = update->hot_y;
	if (!resource || !has_picture(resource)) {
		hide(device, id);
		return VIRTIO_GPU_RESP_OK_NODATA;
	}
	cursor->visible = true;
	load(device, id, resource);
	return VIRTIO_GPU_RESP_OK_NODATA;
}

void gpu_cursor_move(struct gpu_device *device, const struct virtio_gpu_cursor_pos *position)
{
	uint32_t id = position->scanout_id;
	struct gpu_cursor *cursor = &device->cursors[id];
	struct display *display = device->outputs.active;
	cursor->x = position->x;
	cursor->y = position->y;
	if (!display || !cursor->visible || !cursor->image)
		return;
	const struct display_cursor at = place(cursor, id);
	display_cursor_move(display, &at);
}

void gpu_cursor_restore(struct gpu_device *device, uint32_t id, const struct gpu_cursor *like)
{
	struct gpu_cursor *cursor = &device->cursors[id];
	outdate(cursor);
	cursor->visible = like->visible;
	cursor->x = like->x;
	cursor->y = like->y;
	cursor->hot_x = like->hot_x;
	cursor->hot_y = like->hot_y;
	cursor->image = like->image;
	show(device, id);
}

bool gpu_cursors_busy(const struct gpu_device *device)
{
	for (uint32_t i = 0; i < VIRTIO_GPU_MAX_SCANOUTS; i++) {
		const struct gpu_cursor *cursor = &device->cursors[i];
		if ((cursor->read && !cursor->read->stale) || cursor->next_resource)
			return true;
	}
	return false;
}

void gpu_cursors_memory_came(struct gpu_device *device)
{
	for (uint32_t i = 0; i < VIRTIO_GPU_MAX_SCANOUTS; i++)
		if (!device->cursors[i].read)
			read_next(device, i);
}

void gpu_cursors_forget(struct gpu_device *device, uint32_t resource)
{
	for (uint32_t i = 0; i < VIRTIO_GPU_MAX_SCANOUTS; i++)
		if (device->cursors[i].next_resource == resource)
			device->cursors[i].next_resource = 0;
}

void gpu_cursors_reset(struct gpu_device *device)
{
	for (uint32_t i = 0; i < VIRTIO_GPU_MAX_SCANOUTS; i++) {
		struct gpu_cursor *cursor = &device->cursors[i];
		outdate(cursor);
		if (cursor->visible)
			hide(device, i);
		image_unref(cursor->image);
		gpu_frame_unref(cursor->frame);
		*cursor = (struct gpu_cursor){ .read = cursor->read };
	}
}

void gpu_cursors_display_changed(struct gpu_device *device, struct display *left)
{
	for (uint32_t i = 0; i < VIRTIO_GPU_MAX_SCANOUTS; i++) {
		const struct gpu_cursor *cursor = &device->cursors[i];
		const struct display_cursor at = place(cursor, i);
		if (left && cursor->visible)
			display_cursor_hide(left, &at);
		show(device, i);
	}
}
