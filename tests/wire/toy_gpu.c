/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/* The toy backend's GPU: 2D, cursor, display. */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "display/protocol.h"
#include "toy.h"
#include "util/checked.h"

/* --- display ------------------------------------------------------------------------------- */

static bool tell(struct toy *toy, uint32_t request, const void *payload, uint32_t size)
{
	struct vhost_user_gpu_header header = { request, 0, size };
	if (toy->display < 0)
		return false;
	return toy_write_all(toy->display, &header, sizeof(header)) &&
		toy_write_all(toy->display, payload, size);
}

static bool ask(struct toy *toy, uint32_t request, const void *payload, uint32_t payload_size,
	void *answer, uint32_t answer_size)
{
	struct vhost_user_gpu_header header;
	return tell(toy, request, payload, payload_size) &&
		toy_read_all(toy->display, &header, sizeof(header)) && header.request == request &&
		header.size == answer_size && toy_read_all(toy->display, answer, answer_size);
}

static void greet_display(struct toy *toy)
{
	uint64_t features = 0;
	toy->edid = false;
	if (!ask(toy, VHOST_USER_GPU_GET_PROTOCOL_FEATURES, NULL, 0, &features, sizeof(features)))
		return;
	features &= VHOST_BIT(VHOST_USER_GPU_PROTOCOL_F_EDID);
	toy->edid = features;
	tell(toy, VHOST_USER_GPU_SET_PROTOCOL_FEATURES, &features, sizeof(features));
}

static struct resource *find(struct toy *toy, uint32_t id)
{
	for (uint32_t i = 0; i < RESOURCES; i++)
		if (toy->resources[i].pixels && toy->resources[i].id == id)
			return &toy->resources[i];
	return NULL;
}

static uint32_t to_xrgb(uint32_t format, const uint8_t *p)
{
	switch (format) {
	case VIRTIO_GPU_FORMAT_A8R8G8B8_UNORM:
	case VIRTIO_GPU_FORMAT_X8R8G8B8_UNORM:
		return (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
	case VIRTIO_GPU_FORMAT_R8G8B8A8_UNORM:
	case VIRTIO_GPU_FORMAT_R8G8B8X8_UNORM:
		return (uint32_t)p[0] << 16 | (uint32_t)p[1] << 8 | p[2];
	case VIRTIO_GPU_FORMAT_X8B8G8R8_UNORM:
	case VIRTIO_GPU_FORMAT_A8B8G8R8_UNORM:
		return (uint32_t)p[3] << 16 | (uint32_t)p[2] << 8 | p[1];
	default:
		return (uint32_t)p[2] << 16 | (uint32_t)p[1] << 8 | p[0];
	}
}

/* Sends rect (of the resource) to a scanout that shows it. */
static void show(struct toy *toy, uint32_t scanout_id, const struct virtio_gpu_rect *rect)
{
	const struct scanout *scanout = &toy->scanouts[scanout_id];
	const struct resource *resource = find(toy, scanout->resource_id);
	uint32_t x = max_u32(rect->x, scanout->rect.x), y = max_u32(rect->y, scanout->rect.y);
	uint32_t right = min_u32(rect->x + rect->width, scanout->rect.x + scanout->rect.width);
	uint32_t bottom = min_u32(rect->y + rect->height, scanout->rect.y + scanout->rect.height);
	if (!resource || x >= right || y >= bottom)
		return;
	size_t size = sizeof(struct vhost_user_gpu_update) + (size_t)(right - x) * (bottom - y) * 4;
	struct vhost_user_gpu_update *update = malloc(size);
	if (!update)
		return;
	*update = (struct vhost_user_gpu_update){ scanout_id, x - scanout->rect.x,
		y - scanout->rect.y, right - x, bottom - y };
	uint32_t *to = (uint32_t *)(update + 1);
	for (uint32_t row = y; row < bottom; row++)
		for (uint32_t column = x; column < right; column++)
			*to++ = to_xrgb(resource->format,
				resource->pixels + ((size_t)row * resource->width + column) * 4);
	tell(toy, VHOST_USER_GPU_UPDATE, update, (uint32_t)size);
	free(update);
}

static void announce(struct toy *toy, uint32_t scanout_id)
{
	const struct scanout *scanout = &toy->scanouts[scanout_id];
	struct vhost_user_gpu_scanout message = { scanout_id, scanout->rect.width,
		scanout->rect.height };
	tell(toy, VHOST_USER_GPU_SCANOUT, &message, sizeof(message));
}

/* --- commands ------------------------------------------------------------------------------ */

/* A command's fixed part in c (zeros where the request is short), and its whole request. */
struct command {
	struct toy *toy;
	const struct request *request;
	union {
		struct virtio_gpu_ctrl_hdr hdr;
		struct virtio_gpu_get_edid edid;
		struct virtio_gpu_resource_create_2d create;
		struct virtio_gpu_resource_unref unref;
		struct virtio_gpu_set_scanout scanout;
		struct virtio_gpu_resource_flush flush;
		struct virtio_gpu_transfer_to_host_2d transfer;
		struct virtio_gpu_resource_attach_backing attach;
		struct virtio_gpu_update_cursor cursor;
	} in;
	union {
		struct virtio_gpu_ctrl_hdr hdr;
		struct virtio_gpu_resp_display_info info;
		struct virtio_gpu_resp_edid edid;
	} out;
	size_t out_size;
};

static uint32_t display_info(struct command *c)
{
	c->out_size = sizeof(c->out.info);
	if (!ask(c->toy, VHOST_USER_GPU_GET_DISPLAY_INFO, NULL, 0, &c->out.info,
		    sizeof(c->out.info))) {
		memset(&c->out, 0, sizeof(c->out));
		c->out.info.pmodes[0].enabled = 1;
		c->out.info.pmodes[0].r = (struct virtio_gpu_rect){ 0, 0, 640, 480 };
	}
	return VIRTIO_GPU_RESP_OK_DISPLAY_INFO;
}

static uint32_t get_edid(struct command *c)
{
	if (c->in.edid.scanout >= SCANOUTS)
		return VIRTIO_GPU_RESP_ERR_INVALID_SCANOUT_ID;
	if (!c->toy->edid ||
		!ask(c->toy, VHOST_USER_GPU_GET_EDID, &c->in.edid.scanout, 4, &c->out.edid,
			sizeof(c->out.edid)))
		return VIRTIO_GPU_RESP_ERR_UNSPEC;
	c->out_size = sizeof(c->out.edid);
	return VIRTIO_GPU_RESP_OK_EDID;
}

static uint32_t create_2d(struct command *c)
{
	const struct virtio_gpu_resource_create_2d *in = &c->in.create;
	if (in->resource_id == 0 || find(c->toy, in->resource_id))
		return VIRTIO_GPU_RESP_ERR_INVALID_RESOURCE_ID;
	if (in->width == 0 || in->height == 0 || in->width > MAX_SIDE || in->height > MAX_SIDE)
		return VIRTIO_GPU_RESP_ERR_INVALID_PARAMETER;
	for (uint32_t i = 0; i < RESOURCES; i++) {
		struct resource *resource = &c->toy->resources[i];
		if (resource->pixels)
			continue;
		*resource = (struct resource){ in->resource_id, in->format, in->width, in->height,
			calloc((size_t)in->width * in->height, 4), NULL, 0 };
		return resource->pixels ? VIRTIO_GPU_RESP_OK_NODATA
					: VIRTIO_GPU_RESP_ERR_OUT_OF_MEMORY;
	}
	return VIRTIO_GPU_RESP_ERR_OUT_OF_MEMORY;
}

static void forget_resource(struct toy *toy, struct resource *resource)
{
	for (uint32_t i = 0; i < SCANOUTS; i++)
		if (resource->pixels && toy->scanouts[i].resource_id == resource->id) {
			toy->scanouts[i] = (struct scanout){ 0 };
			announce(toy, i);
		}
	free(resource->pixels);
	free(resource->entries);
	*resource = (struct resource){ 0 };
}

static uint32_t unref(struct command *c)
{
	struct resource *resource = find(c->toy, c->in.unref.resource_id);
	if (!resource)
		return VIRTIO_GPU_RESP_ERR_INVALID_RESOURCE_ID;
	forget_resource(c->toy, resource);
	return VIRTIO_GPU_RESP_OK_NODATA;
}

static bool inside(const struct virtio_gpu_rect *r, const struct resource *resource)
{
	return r->width && r->height && range_inside(r->x, r->width, resource->width) &&
		range_inside(r->y, r->height, resource->height);
}

static uint32_t set_scanout(struct command *c)
{
	const struct virtio_gpu_set_scanout *in = &c->in.scanout;
	if (in->scanout_id >= SCANOUTS)
		return VIRTIO_GPU_RESP_ERR_INVALID_SCANOUT_ID;
	const struct resource *resource = find(c->toy, in->resource_id);
	if (in->resource_id && !resource)
		return VIRTIO_GPU_RESP_ERR_INVALID_RESOURCE_ID;
	if (resource && !inside(&in->r, resource))
		return VIRTIO_GPU_RESP_ERR_INVALID_PARAMETER;
	c->toy->scanouts[in->scanout_id] = (struct scanout){ in->resource_id, in->r };
	if (!resource)
		c->toy->scanouts[in->scanout_id] = (struct scanout){ 0 };
	announce(c->toy, in->scanout_id);
	return VIRTIO_GPU_RESP_OK_NODATA;
}

static uint32_t flush(struct command *c)
{
	const struct virtio_gpu_resource_flush *in = &c->in.flush;
	const struct resource *resource = find(c->toy, in->resource_id);
	if (!resource)
		return VIRTIO_GPU_RESP_ERR_INVALID_RESOURCE_ID;
	if (!inside(&in->r, resource))
		return VIRTIO_GPU_RESP_ERR_INVALID_PARAMETER;
	for (uint32_t i = 0; i < SCANOUTS; i++)
		if (c->toy->scanouts[i].resource_id == in->resource_id)
			show(c->toy, i, &in->r);
	return VIRTIO_GPU_RESP_OK_NODATA;
}

static bool read_backing(struct toy *toy, const struct resource *resource, uint64_t offset,
	uint8_t *to, uint64_t size)
{
	uint64_t start = 0;
	for (uint32_t i = 0; i < resource->entry_count && size; i++) {
		const struct virtio_gpu_mem_entry *entry = &resource->entries[i];
		if (offset < start + entry->length) {
			uint64_t skip = offset - start;
			uint64_t part = min_u64(size, entry->length - skip);
			const void *from = toy_translate(toy, entry->addr + skip, part, false);
			if (!from)
				return false;
			memcpy(to, from, part);
			to += part;
			offset += part;
			size -= part;
		}
		start += entry->length;
	}
	return size == 0;
}

static uint32_t transfer_2d(struct command *c)
{
	const struct virtio_gpu_transfer_to_host_2d *in = &c->in.transfer;
	struct resource *resource = find(c->toy, in->resource_id);
	if (!resource)
		return VIRTIO_GPU_RESP_ERR_INVALID_RESOURCE_ID;
	if (!resource->entries)
		return VIRTIO_GPU_RESP_ERR_UNSPEC;
	if (!inside(&in->r, resource))
		return VIRTIO_GPU_RESP_ERR_INVALID_PARAMETER;
	for (uint32_t y = 0; y < in->r.height; y++) {
		uint8_t *to =
			resource->pixels + ((size_t)(in->r.y + y) * resource->width + in->r.x) * 4;
		if (!read_backing(c->toy, resource, in->offset + (uint64_t)y * resource->width * 4,
			    to, (uint64_t)in->r.width * 4))
			return VIRTIO_GPU_RESP_ERR_INVALID_PARAMETER;
	}
	return VIRTIO_GPU_RESP_OK_NODATA;
}

static uint32_t attach(struct command *c)
{
	const struct virtio_gpu_resource_attach_backing *in = &c->in.attach;
	struct resource *resource = find(c->toy, in->resource_id);
	size_t size = in->nr_entries * sizeof(struct virtio_gpu_mem_entry);
	if (!resource)
		return VIRTIO_GPU_RESP_ERR_INVALID_RESOURCE_ID;
	if (resource->entries)
		return VIRTIO_GPU_RESP_ERR_UNSPEC;
	if (in->nr_entries == 0 || in->nr_entries > ENTRIES ||
		c->request->in_size < sizeof(*in) + size)
		return VIRTIO_GPU_RESP_ERR_INVALID_PARAMETER;
	resource->entries = malloc(size);
	if (!resource->entries)
		return VIRTIO_GPU_RESP_ERR_OUT_OF_MEMORY;
	memcpy(resource->entries, c->request->in + sizeof(*in), size);
	resource->entry_count = in->nr_entries;
	return VIRTIO_GPU_RESP_OK_NODATA;
}

static uint32_t detach(struct command *c)
{
	struct resource *resource = find(c->toy, c->in.unref.resource_id);
	if (!resource)
		return VIRTIO_GPU_RESP_ERR_INVALID_RESOURCE_ID;
	free(resource->entries);
	resource->entries = NULL;
	resource->entry_count = 0;
	return VIRTIO_GPU_RESP_OK_NODATA;
}

static uint32_t cursor(struct command *c)
{
	const struct virtio_gpu_update_cursor *in = &c->in.cursor;
	struct vhost_user_gpu_cursor_update update = {
		{ in->pos.scanout_id, in->pos.x, in->pos.y },
		in->hot_x,
		in->hot_y,
		{ 0 },
	};
	const struct resource *resource = find(c->toy, in->resource_id);
	if (in->pos.scanout_id >= SCANOUTS)
		return VIRTIO_GPU_RESP_ERR_INVALID_SCANOUT_ID;
	if (in->hdr.type == VIRTIO_GPU_CMD_MOVE_CURSOR) {
		tell(c->toy, VHOST_USER_GPU_CURSOR_POS, &update.pos, sizeof(update.pos));
	} else if (in->resource_id == 0) {
		tell(c->toy, VHOST_USER_GPU_CURSOR_POS_HIDE, &update.pos, sizeof(update.pos));
	} else if (!resource || resource->width != 64 || resource->height != 64) {
		return VIRTIO_GPU_RESP_ERR_INVALID_RESOURCE_ID;
	} else {
		memcpy(update.data, resource->pixels, sizeof(update.data));
		tell(c->toy, VHOST_USER_GPU_CURSOR_UPDATE, &update, sizeof(update));
	}
	return VIRTIO_GPU_RESP_OK_NODATA;
}

static const struct {
	uint32_t type;
	size_t size;
	uint32_t (*run)(struct command *c);
} commands[] = {
	{ VIRTIO_GPU_CMD_GET_DISPLAY_INFO, 24, display_info },
	{ VIRTIO_GPU_CMD_RESOURCE_CREATE_2D, 40, create_2d },
	{ VIRTIO_GPU_CMD_RESOURCE_UNREF, 32, unref },
	{ VIRTIO_GPU_CMD_SET_SCANOUT, 48, set_scanout },
	{ VIRTIO_GPU_CMD_RESOURCE_FLUSH, 48, flush },
	{ VIRTIO_GPU_CMD_TRANSFER_TO_HOST_2D, 56, transfer_2d },
	{ VIRTIO_GPU_CMD_RESOURCE_ATTACH_BACKING, 32, attach },
	{ VIRTIO_GPU_CMD_RESOURCE_DETACH_BACKING, 32, detach },
	{ VIRTIO_GPU_CMD_GET_EDID, 32, get_edid },
	{ VIRTIO_GPU_CMD_UPDATE_CURSOR, 56, cursor },
	{ VIRTIO_GPU_CMD_MOVE_CURSOR, 56, cursor },
};

size_t toy_command(struct toy *toy, const struct request *request, void *out)
{
	struct command c = {
		.toy = toy, .request = request, .out_size = sizeof(struct virtio_gpu_ctrl_hdr)
	};
	uint32_t type = VIRTIO_GPU_RESP_ERR_UNSPEC;
	memcpy(&c.in, request->in, min_size(sizeof(c.in), request->in_size));
	for (size_t i = 0; i < ARRAY_SIZE(commands); i++)
		if (commands[i].type == c.in.hdr.type && request->in_size >= commands[i].size)
			type = commands[i].run(&c);
	c.out.hdr = (struct virtio_gpu_ctrl_hdr){ .type = type };
	if (c.in.hdr.flags & VIRTIO_GPU_FLAG_FENCE) {
		c.out.hdr = c.in.hdr;
		c.out.hdr.type = type;
	}
	memcpy(out, &c.out, c.out_size);
	return c.out_size;
}

void toy_set_display(struct toy *toy, int sock)
{
	if (toy->display >= 0)
		close(toy->display);
	toy->display = sock;
	greet_display(toy);
	for (uint32_t i = 0; i < SCANOUTS; i++) {
		const struct resource *resource = find(toy, toy->scanouts[i].resource_id);
		if (!resource)
			continue;
		announce(toy, i);
		show(toy, i, &toy->scanouts[i].rect);
	}
}

void toy_reset(struct toy *toy)
{
	memset(toy->scanouts, 0, sizeof(toy->scanouts));
	for (uint32_t i = 0; i < RESOURCES; i++)
		forget_resource(toy, &toy->resources[i]);
}
