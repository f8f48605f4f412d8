/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
#include "gpu/scanout.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>

#include "display/display.h"
#include "gpu/frame.h"
#include "gpu/resource.h"
#include "gpu/state.h"
#include "loop/loop.h"
#include "renderer/software.h"
#include "util/checked.h"
#include "util/fourcc.h"
#include "util/log.h"

#define COPY_BYTES (4u << 20) /* how much is copied in a round, for all scanouts together */

struct gpu_scanout_read {
	struct renderer_call call;
	struct gpu_device *device;
	uint32_t id;
	struct gpu_frame *frame; /* a reference */
	struct rect rect; /* of the scanout */
	bool stale; /* the scanout shows something else now */
};

static void damage_all(struct gpu_scanout *scanout)
{
	scanout->damage = (struct rect){ .w = scanout->rect.w, .h = scanout->rect.h };
	scanout->copy = (struct rect){ 0 };
}

static void set_told(struct gpu_scanout *scanout, enum gpu_scanout_told told)
{
	image_unref(scanout->told_image);
	scanout->told_image = NULL;
	scanout->told = told;
}

/* Makes the display expect pixels of the scanout's size. */
static void tell_size(struct gpu_scanout *scanout, struct display *display, uint32_t id)
{
	uint32_t width = scanout->rect.w, height = scanout->rect.h;
	if (scanout->told == GPU_TOLD_SIZE && scanout->told_width == width &&
		scanout->told_height == height)
		return;
	display_set_scanout(display, id, width, height);
	set_told(scanout, GPU_TOLD_SIZE);
	scanout->told_width = width;
	scanout->told_height = height;
	damage_all(scanout);
}

static void push_pixels(
	struct gpu_scanout *scanout, struct display *display, uint32_t id, struct image *image)
{
	tell_size(scanout, display, id);
	if (!display_scanout_ready(display, id))
		return;
	const struct rect damage = scanout->damage;
	if (display_update(display, id, &damage, image, scanout->rect.x + damage.x,
		    scanout->rect.y + damage.y) == 0)
		scanout->damage = (struct rect){ 0 };
}

static bool same_rect(const struct rect *a, const struct rect *b)
{
	return a->x == b->x && a->y == b->y && a->w == b->w && a->h == b->h;
}

/* False when the display does not take it. */
static bool tell_dmabuf(struct gpu_scanout *scanout, struct display *display, uint32_t id,
	struct image *image, const struct rect *view)
{
	if (scanout->told == GPU_TOLD_DMABUF && scanout->told_image == image &&
		same_rect(&scanout->told_view, view))
		return true;
	if (display_set_dmabuf(display, id, image, view) < 0)
		return false;
	set_told(scanout, GPU_TOLD_DMABUF);
	scanout->told_image = image_ref(image);
	scanout->told_view = *view;
	damage_all(scanout);
	return true;
}

/* The same for what has changed there; changed is empty then. */
static bool update_dmabuf(struct display *display, uint32_t id, struct rect *changed)
{
	const struct rect rect = *changed;
	int ret = display_update_dmabuf(display, id, &rect);
	if (ret == 0)
		*changed = (struct rect){ 0 };
	return ret != -EOPNOTSUPP;
}

/* True when the damage has gone this way, or will when the display is ready. */
static bool push_dmabuf(
	struct gpu_scanout *scanout, struct display *display, uint32_t id, struct image *image)
{
	if (!image)
		return false;
	scanout->no_dmabuf = !tell_dmabuf(scanout, display, id, image, &scanout->rect) ||
		(display_scanout_ready(display, id) &&
			!update_dmabuf(display, id, &scanout->damage));
	return !scanout->no_dmabuf;
}

static void drop_frame(struct gpu_scanout *scanout)
{
	gpu_frame_unref(scanout->frame);
	scanout->frame = NULL;
}

/* One that nobody writes to but a renderer (slot), or but this process (NULL). False and errno. */
static bool ensure_frame(struct gpu_scanout *scanout, const struct gpu_slot *slot)
{
	const struct rect *rect = &scanout->rect;
	if (scanout->frame && !gpu_frame_is_for(scanout->frame, slot))
		drop_frame(scanout);
	if (!scanout->frame)
		scanout->frame = gpu_frame_create(scanout->resource->device, rect->w, rect->h);
	return scanout->frame;
}

/* A display that owes an answer gets no other frame, so that it never has more than two for a scanout. */
static bool wait_for_answer(const struct display *display, uint32_t id)
{
	return display_takes_memory(display) && display_scanout_busy(display, id);
}

/* Makes the display look at the frame itself; false: it cannot. */
static bool tell_frame(struct gpu_scanout *scanout, struct display *display, uint32_t id)
{
	const struct rect view = { .w = scanout->rect.w, .h = scanout->rect.h };
	if (!display_takes_memory(display))
		return false;
	struct image *memory = gpu_frame_memory(scanout->frame);
	return memory && tell_dmabuf(scanout, display, id, memory, &view);
}

/* As much as may be copied in this round; whoever comes to an end of that comes last in the next. */
static void copy_rows(struct gpu_scanout *scanout, uint32_t id, struct image *image)
{
	struct gpu_device *device = scanout->resource->device;
	const struct rect *copy = &scanout->copy;
	uint32_t row = copy->w * (uint32_t)sizeof(uint32_t);
	uint32_t rows = min_u32(device->copy_left / row, copy->h - scanout->copied);
	const struct rect from = { scanout->rect.x + copy->x,
		scanout->rect.y + copy->y + scanout->copied, copy->w, rows };
	if (rows == 0)
		return;
	struct image to = *scanout->frame->image;
	to.fourcc = FOURCC_XRGB8888; /* as the display takes it: no alpha has to be made */
	image_copy(&to, copy->x, copy->y + scanout->copied, image, &from);
	scanout->frame->written = true;
	scanout->copied += rows;
	device->copy_left -= rows * row;
	if (scanout->copied < copy->h)
		device->push_first = id + 1;
}

/* False when the display does not take it. */
static bool copy_and_update(
	struct gpu_scanout *scanout, struct display *display, uint32_t id, struct image *image)
{
	if (rect_empty(&scanout->copy)) {
		scanout->copy = scanout->damage;
		scanout->damage = (struct rect){ 0 };
		scanout->copied = 0;
	}
	copy_rows(scanout, id, image);
	if (scanout->copied == scanout->copy.h)
		return update_dmabuf(display, id, &scanout->copy);
	gpu_scanouts_push(scanout->resource->device);
	return true;
}

/* The same as push_dmabuf() with a copy of the damage in a frame, which no renderer may write to. */
static bool push_copy(
	struct gpu_scanout *scanout, struct display *display, uint32_t id, struct image *image)
{
	if (!display_takes_memory(display))
		return false;
	if (wait_for_answer(display, id))
		return true;
	if (!ensure_frame(scanout, NULL) || !tell_frame(scanout, display, id))
		return false;
	return !display_scanout_ready(display, id) || copy_and_update(scanout, display, id, image);
}

static void push_image(
	struct gpu_scanout *scanout, struct display *display, uint32_t id, struct image *image)
{
	if (!push_copy(scanout, display, id, image))
		push_pixels(scanout, display, id, image);
}

/* What was read back goes to the display; false: not now. */
static bool show_read(struct gpu_scanout *scanout, const struct gpu_scanout_read *read)
{
	struct display *display = read->device->outputs.active;
	struct gpu_frame *frame = read->frame;
	const struct rect *rect = &read->rect;
	if (!display || !display_scanout_ready(display, read->id))
		return false;
	if (scanout->told == GPU_TOLD_DMABUF)
		return scanout->told_image == frame->memory &&
			display_update_dmabuf(display, read->id, rect) == 0;
	return scanout->told == GPU_TOLD_SIZE &&
		display_update(display, read->id, rect, frame->image, rect->x, rect->y) == 0;
}

static void read_done(struct renderer_call *call, int status, const struct renderer_reply *reply)
{
	struct gpu_scanout_read *read = container_of(call, struct gpu_scanout_read, call);
	struct gpu_device *device = read->device;
	struct gpu_scanout *scanout = &device->scanouts[read->id];
	scanout->read = NULL;
	/* On failure it is left at the last picture: trying again would not end. */
	if (status < 0)
		log_limited(LOG_DEBUG, "scanout %u cannot be read back: %d", read->id, status);
	else if (!read->stale && !show_read(scanout, read))
		scanout->damage = rect_union(&scanout->damage, &read->rect);
	gpu_frame_unref(read->frame);
	free(read);
	gpu_scanouts_push(device);
}

/* What was to be copied is where a renderer has it now, and is damage again. */
static void give_up_copy(struct gpu_scanout *scanout)
{
	scanout->damage = rect_union(&scanout->damage, &scanout->copy);
	scanout->copy = (struct rect){ 0 };
}

static void push_read_back(struct gpu_scanout *scanout, struct display *display, uint32_t id)
{
	struct gpu_resource *resource = scanout->resource;
	if (scanout->read || wait_for_answer(display, id))
		return;
	give_up_copy(scanout);
	if (!ensure_frame(scanout, resource->home->slot)) {
		if (errno != EAGAIN)
			log_limited(LOG_WARN, "no memory for a frame of %u x %u pixels: not shown",
				scanout->rect.w, scanout->rect.h);
		return;
	}
	if (!tell_frame(scanout, display, id))
		tell_size(scanout, display, id);
	if (!display_scanout_ready(display, id))
		return;
	struct gpu_scanout_read *read = calloc(1, sizeof(*read));
	if (!read)
		return;
	*read = (struct gpu_scanout_read){
		.call.done = read_done,
		.device = resource->device,
		.id = id,
		.frame = gpu_frame_ref(scanout->frame),
		.rect = scanout->damage,
	};
	scanout->damage = (struct rect){ 0 };
	scanout->read = read;
	const struct gpu_frame_read args = {
		.slot = resource->home->slot,
		.resource = resource->args.id,
		.rect = { scanout->rect.x + read->rect.x, scanout->rect.y + read->rect.y,
			read->rect.w, read->rect.h },
		.x = read->rect.x,
		.y = read->rect.y,
	};
	gpu_frame_read_back(read->frame, &args, &read->call);
}

/* The same when the renderer has to export the image first. */
static bool push_exported(struct gpu_scanout *scanout, struct display *display, uint32_t id)
{
	struct gpu_realisation *home = scanout->resource->home;
	if (scanout->no_dmabuf || !home->slot->renderer->can_export)
		return false;
	gpu_realisation_export(home);
	return home->exporting || push_dmabuf(scanout, display, id, home->exported);
}

static void push_blob(struct gpu_scanout *scanout, struct display *display, uint32_t id)
{
	if (!scanout->no_dmabuf && !scanout->dmabuf)
		scanout->dmabuf = gpu_blob_dmabuf_view(scanout->resource, &scanout->layout);
	if (!scanout->no_dmabuf && push_dmabuf(scanout, display, id, scanout->dmabuf))
		return;
	if (!scanout->view)
		scanout->view = gpu_blob_view(scanout->resource, &scanout->layout);
	if (scanout->view)
		push_image(scanout, display, id, scanout->view);
}

static void push_realised(struct gpu_scanout *scanout, struct display *display, uint32_t id)
{
	struct gpu_realisation *home = scanout->resource->home;
	if (!home)
		return;
	struct image *image = renderer_image(home->slot->renderer, scanout->resource->args.id);
	if (image)
		push_image(scanout, display, id, image);
	else if (!push_exported(scanout, display, id))
		push_read_back(scanout, display, id);
}

static void push(struct gpu_device *device, uint32_t id)
{
	struct gpu_scanout *scanout = &device->scanouts[id];
	struct display *display = device->outputs.active;
	if (!scanout->resource || (rect_empty(&scanout->damage) && rect_empty(&scanout->copy)))
		return;
	if (scanout->resource->kind == GPU_RESOURCE_BLOB)
		push_blob(scanout, display, id);
	else
		push_realised(scanout, display, id);
}

static void push_all(void *data)
{
	struct gpu_device *device = data;
	device->copy_left = COPY_BYTES;
	uint32_t first = device->push_first;
	for (uint32_t i = 0; device->outputs.active && i < VIRTIO_GPU_MAX_SCANOUTS; i++)
		push(device, (first + i) % VIRTIO_GPU_MAX_SCANOUTS);
}

int gpu_scanouts_init(struct gpu_device *device)
{
	device->push = loop_add_deferred(device->loop, push_all, device);
	return device->push ? 0 : -ENOMEM;
}

void gpu_scanouts_finish(struct gpu_device *device)
{
	for (uint32_t i = 0; i < VIRTIO_GPU_MAX_SCANOUTS; i++) {
		assert(!device->scanouts[i].resource && !device->scanouts[i].read);
		set_told(&device->scanouts[i], GPU_TOLD_NOTHING);
	}
	loop_source_destroy(device->push);
}

void gpu_scanouts_push(struct gpu_device *device)
{
	loop_defer_arm(device->push);
}

static void switch_off(struct gpu_scanout *scanout, struct display *display, uint32_t id)
{
	if (scanout->told != GPU_TOLD_NOTHING && display)
		display_set_scanout(display, id, 0, 0);
	set_told(scanout, GPU_TOLD_NOTHING);
}

static void drop_view(struct gpu_scanout *scanout)
{
	image_unref(scanout->view);
	scanout->view = NULL;
	image_unref(scanout->dmabuf);
	scanout->dmabuf = NULL;
}

static void forget(struct gpu_scanout *scanout)
{
	if (scanout->read)
		scanout->read->stale = true;
	if (scanout->resource)
		gpu_resource_unref(scanout->resource);
	drop_view(scanout);
	scanout->resource = NULL;
	scanout->no_dmabuf = false;
	scanout->damage = (struct rect){ 0 };
	scanout->copy = (struct rect){ 0 };
}

static bool same_layout(const struct gpu_blob_layout *a, const struct gpu_blob_layout *b)
{
	return a->width == b->width && a->height == b->height && a->format == b->format &&
		a->stride == b->stride && a->offset == b->offset;
}

void gpu_scanout_set(struct gpu_device *device, uint32_t id, struct gpu_resource *resource,
	const struct rect *rect, const struct gpu_blob_layout *layout)
{
	static const struct gpu_blob_layout no_layout = { 0 };
	if (!layout)
		layout = &no_layout;
	struct gpu_scanout *scanout = &device->scanouts[id];
	if (!resource) {
		forget(scanout);
		drop_frame(scanout);
		switch_off(scanout, device->outputs.active, id);
		return;
	}
	if (scanout->resource == resource && same_rect(&scanout->rect, rect) &&
		same_layout(&scanout->layout, layout))
		return;
	gpu_resource_ref(resource);
	forget(scanout);
	if (scanout->rect.w != rect->w || scanout->rect.h != rect->h)
		drop_frame(scanout);
	scanout->resource = resource;
	scanout->rect = *rect;
	scanout->layout = *layout;
	damage_all(scanout);
	gpu_scanouts_push(device);
}

/* The resource that is to be shown on a scanout. NULL: none, and the result is the command's. */
static struct gpu_resource *find_wanted(
	struct gpu_device *device, uint32_t scanout, uint32_t id, uint32_t *ret_result)
{
	*ret_result = VIRTIO_GPU_RESP_OK_NODATA;
	if (scanout >= VIRTIO_GPU_MAX_SCANOUTS) {
		*ret_result = VIRTIO_GPU_RESP_ERR_INVALID_SCANOUT_ID;
		return NULL;
	}
	if (id == 0) {
		gpu_scanout_set(device, scanout, NULL, NULL, NULL);
		return NULL;
	}
	struct gpu_resource *resource = gpu_resource_find(device, id);
	if (!resource)
		*ret_result = VIRTIO_GPU_RESP_ERR_INVALID_RESOURCE_ID;
	return resource;
}

uint32_t gpu_scanout_show(struct gpu_device *device, const struct virtio_gpu_set_scanout *set)
{
	const struct rect rect = { set->r.x, set->r.y, set->r.width, set->r.height };
	uint32_t result;
	struct gpu_resource *resource =
		find_wanted(device, set->scanout_id, set->resource_id, &result);
	if (!resource)
		return result;
	if (!gpu_resource_flat(resource) ||
		!rect_inside(&rect, resource->args.width, resource->args.height))
		return VIRTIO_GPU_RESP_ERR_INVALID_PARAMETER;
	gpu_scanout_set(device, set->scanout_id, resource, &rect, NULL);
	return VIRTIO_GPU_RESP_OK_NODATA;
}

/* All formats have one plane: what is said of others is not looked at. */
static bool read_layout(
	const struct virtio_gpu_set_scanout_blob *set, struct gpu_blob_layout *ret_layout)
{
	*ret_layout = (struct gpu_blob_layout){
		.width = set->width,
		.height = set->height,
		.format = set->format,
		.stride = set->strides[0],
		.offset = set->offsets[0],
	};
	return set->width >= 1 && set->width <= IMAGE_MAX_SIDE && set->height >= 1 &&
		set->height <= IMAGE_MAX_SIDE && software_format_fourcc(set->format) &&
		set->strides[0] >= set->width * 4;
}

uint32_t gpu_scanout_show_blob(
	struct gpu_device *device, const struct virtio_gpu_set_scanout_blob *set)
{
	const struct rect rect = { set->r.x, set->r.y, set->r.width, set->r.height };
	struct gpu_blob_layout layout;
	uint32_t result;
	struct gpu_resource *resource =
		find_wanted(device, set->scanout_id, set->resource_id, &result);
	if (!resource)
		return result;
	if (resource->kind != GPU_RESOURCE_BLOB || !read_layout(set, &layout) ||
		!rect_inside(&rect, layout.width, layout.height) ||
		!gpu_blob_has_room(resource, &layout))
		return VIRTIO_GPU_RESP_ERR_INVALID_PARAMETER;
	gpu_scanout_set(device, set->scanout_id, resource, &rect, &layout);
	return VIRTIO_GPU_RESP_OK_NODATA;
}

bool gpu_scanouts_may_flush(
	const struct gpu_device *device, const struct gpu_resource *blob, const struct rect *rect)
{
	bool shown = false;
	for (uint32_t i = 0; i < VIRTIO_GPU_MAX_SCANOUTS; i++) {
		const struct gpu_scanout *scanout = &device->scanouts[i];
		if (scanout->resource != blob)
			continue;
		if (range_inside(rect->x, rect->w, scanout->layout.width) &&
			range_inside(rect->y, rect->h, scanout->layout.height))
			return true;
		shown = true;
	}
	return !shown;
}

/* The display would go on to look at pages that are not the blob's any more, whatever is to be shown
 * next. */
static void take_back(struct gpu_device *device, uint32_t id, const struct gpu_spans *spans)
{
	struct gpu_scanout *scanout = &device->scanouts[id];
	if (scanout->told != GPU_TOLD_DMABUF || scanout->told_image->owner != spans)
		return;
	switch_off(scanout, device->outputs.active, id);
	if (scanout->resource)
		damage_all(scanout);
	gpu_scanouts_push(device);
}

void gpu_scanouts_let_go(
	struct gpu_device *device, const struct gpu_resource *blob, const struct gpu_spans *spans)
{
	for (uint32_t i = 0; i < VIRTIO_GPU_MAX_SCANOUTS; i++) {
		take_back(device, i, spans);
		if (device->scanouts[i].resource == blob)
			drop_view(&device->scanouts[i]);
	}
}

void gpu_scanouts_damage(
	struct gpu_device *device, const struct gpu_resource *resource, const struct rect *rect)
{
	for (uint32_t i = 0; i < VIRTIO_GPU_MAX_SCANOUTS; i++) {
		struct gpu_scanout *scanout = &device->scanouts[i];
		if (scanout->resource != resource)
			continue;
		struct rect part = rect ? rect_intersect(rect, &scanout->rect) : scanout->rect;
		if (rect_empty(&part))
			continue;
		part.x -= scanout->rect.x;
		part.y -= scanout->rect.y;
		scanout->damage = rect_union(&scanout->damage, &part);
		gpu_scanouts_push(device);
	}
}

void gpu_scanouts_off(struct gpu_device *device, const struct gpu_resource *resource)
{
	for (uint32_t i = 0; i < VIRTIO_GPU_MAX_SCANOUTS; i++) {
		struct gpu_scanout *scanout = &device->scanouts[i];
		if (scanout->resource && (!resource || scanout->resource == resource))
			gpu_scanout_set(device, i, NULL, NULL, NULL);
	}
}

void gpu_scanouts_display_changed(struct gpu_device *device, struct display *left)
{
	for (uint32_t i = 0; i < VIRTIO_GPU_MAX_SCANOUTS; i++) {
		struct gpu_scanout *scanout = &device->scanouts[i];
		switch_off(scanout, left, i);
		/* the one that left may still look at it, and write */
		drop_frame(scanout);
		if (scanout->read)
			scanout->read->stale = true;
		scanout->no_dmabuf = false;
		if (scanout->resource)
			damage_all(scanout);
	}
	gpu_scanouts_push(device);
}
