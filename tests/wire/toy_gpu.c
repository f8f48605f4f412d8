/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/* The toy backend's GPU: 2D, cursor, EDID, UUIDs. What is to be shown is noted for the display. */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "display/protocol.h"
#include "toy.h"
#include "util/checked.h"

#define SIDE VHOST_USER_GPU_CURSOR_SIDE

/* --- resources ----------------------------------------------------------------------------- */

struct resource *toy_find(struct toy *toy, uint32_t id)
{
	for (uint32_t i = 0; i < RESOURCES; i++)
		if (toy->resources[i].pixels && toy->resources[i].id == id)
			return &toy->resources[i];
	return NULL;
}

/* Where a format has red, green, blue and alpha in a pixel; NULL: there is none such. */
static const uint8_t *layout_of(uint32_t format)
{
	static const uint8_t bgra[] = { 2, 1, 0, 3 }, argb[] = { 1, 2, 3, 0 },
			     rgba[] = { 0, 1, 2, 3 }, abgr[] = { 3, 2, 1, 0 };
	switch (format) {
	case VIRTIO_GPU_FORMAT_B8G8R8A8_UNORM:
	case VIRTIO_GPU_FORMAT_B8G8R8X8_UNORM:
		return bgra;
	case VIRTIO_GPU_FORMAT_A8R8G8B8_UNORM:
	case VIRTIO_GPU_FORMAT_X8R8G8B8_UNORM:
		return argb;
	case VIRTIO_GPU_FORMAT_R8G8B8A8_UNORM:
	case VIRTIO_GPU_FORMAT_R8G8B8X8_UNORM:
		return rgba;
	case VIRTIO_GPU_FORMAT_X8B8G8R8_UNORM:
	case VIRTIO_GPU_FORMAT_A8B8G8R8_UNORM:
		return abgr;
	default:
		return toy_has(FAULT_TAKES_ANY_FORMAT) ? bgra : NULL;
	}
}

uint32_t toy_pixel(const struct resource *resource, uint32_t x, uint32_t y)
{
	const uint8_t *at = layout_of(resource->format);
	if (toy_has(FAULT_PIXEL_OFF) && x > 0)
		x--;
	const uint8_t *p = resource->pixels + ((size_t)y * resource->width + x) * 4;
	return (uint32_t)p[at[3]] << 24 | (uint32_t)p[at[0]] << 16 | (uint32_t)p[at[1]] << 8 |
		p[at[2]];
}

static void switch_off(struct scanout *scanout)
{
	*scanout = (struct scanout){ .size_due = !toy_has(FAULT_SCANOUT_STAYS) };
}

static uint64_t size_of(const struct resource *resource)
{
	return (uint64_t)resource->width * resource->height * 4;
}

static void drop_backing(struct resource *resource)
{
	free(resource->entries);
	resource->entries = NULL;
	resource->entry_count = 0;
}

static void forget_resource(struct toy *toy, struct resource *resource)
{
	for (uint32_t i = 0; i < SCANOUTS; i++)
		if (resource->pixels && toy->scanouts[i].resource_id == resource->id &&
			!toy_has(FAULT_UNREF_STAYS))
			switch_off(&toy->scanouts[i]);
	if (!toy_has(FAULT_MEMORY_LEAK))
		free(resource->pixels);
	drop_backing(resource);
	toy->pixel_bytes -= size_of(resource);
	*resource = (struct resource){ 0 };
}

/* Adds what of rect (of the resource) the scanout shows to what the display has to be sent. */
static void add_damage(struct scanout *scanout, const struct virtio_gpu_rect *rect)
{
	struct virtio_gpu_rect *all = &scanout->damage;
	uint32_t x = max_u32(rect->x, scanout->rect.x), y = max_u32(rect->y, scanout->rect.y);
	uint32_t right = min_u32(rect->x + rect->width, scanout->rect.x + scanout->rect.width);
	uint32_t bottom = min_u32(rect->y + rect->height, scanout->rect.y + scanout->rect.height);
	if (x >= right || y >= bottom)
		return;
	if (all->width) {
		right = max_u32(right, all->x + all->width);
		bottom = max_u32(bottom, all->y + all->height);
		x = min_u32(x, all->x);
		y = min_u32(y, all->y);
	}
	*all = (struct virtio_gpu_rect){ x, y, right - x, bottom - y };
	if (toy_has(FAULT_WHOLE_FRAMES))
		*all = scanout->rect;
}

/* --- EDID ---------------------------------------------------------------------------------- */

/* Of a monitor with one mode (VESA E-EDID 1.4). */
static void make_edid(uint8_t edid[128], uint32_t width, uint32_t height)
{
	static const uint8_t head[] = { 0, 255, 255, 255, 255, 255, 255, 0, 0x52, 0x78, 1 };
	uint8_t *timing = edid + 54, sum = 0;
	memcpy(edid, head, sizeof(head));
	edid[18] = 1;
	edid[19] = 4;
	timing[0] = 1; /* some clock */
	timing[2] = (uint8_t)width;
	timing[4] = (uint8_t)(width >> 8 << 4);
	timing[5] = (uint8_t)height;
	timing[7] = (uint8_t)(height >> 8 << 4);
	for (uint32_t i = 0; i < 127; i++)
		sum = (uint8_t)(sum + edid[i]);
	edid[127] = (uint8_t)-sum;
	if (toy_has(FAULT_EDID_SUM))
		edid[127]++;
}

/* --- commands ------------------------------------------------------------------------------ */

#define WAITS 0u /* instead of a response's type: the display has been asked */

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
		struct virtio_gpu_resource_assign_uuid uuid;
		struct virtio_gpu_update_cursor cursor;
	} in;
	union {
		struct virtio_gpu_ctrl_hdr hdr;
		struct virtio_gpu_resp_display_info info;
		struct virtio_gpu_resp_edid edid;
		struct virtio_gpu_resp_resource_uuid uuid;
	} out;
	size_t out_size;
};

static uint32_t answer_info(struct command *c)
{
	const struct virtio_gpu_resp_display_info *modes = &c->toy->modes;
	c->out_size = sizeof(c->out.info);
	c->out.info = *modes;
	/* nobody has ever said which */
	if (modes->hdr.type != VIRTIO_GPU_RESP_OK_DISPLAY_INFO) {
		c->out.info.pmodes[0].enabled = 1;
		c->out.info.pmodes[0].r = (struct virtio_gpu_rect){ 0, 0, 640, 480 };
	}
	return VIRTIO_GPU_RESP_OK_DISPLAY_INFO;
}

static uint32_t display_info(struct command *c)
{
	bool known = c->toy->modes.hdr.type == VIRTIO_GPU_RESP_OK_DISPLAY_INFO;
	if (!(known && toy_has(FAULT_ASKS_ONCE)) &&
		toy_display_ask(c->toy, VHOST_USER_GPU_GET_DISPLAY_INFO, 0))
		return WAITS;
	return answer_info(c);
}

static uint32_t answer_edid(struct command *c, const struct virtio_gpu_resp_edid *edid)
{
	struct virtio_gpu_rect mode = c->toy->modes.pmodes[c->in.edid.scanout].r;
	c->out_size = sizeof(c->out.edid);
	if (edid && edid->size > 0 && edid->size <= sizeof(edid->edid)) {
		c->out.edid = *edid;
		return VIRTIO_GPU_RESP_OK_EDID;
	}
	c->out.edid.size = 128;
	make_edid(c->out.edid.edid, mode.width ? mode.width : 640, mode.height ? mode.height : 480);
	return VIRTIO_GPU_RESP_OK_EDID;
}

static uint32_t get_edid(struct command *c)
{
	if (c->in.edid.scanout >= SCANOUTS)
		return VIRTIO_GPU_RESP_ERR_INVALID_SCANOUT_ID;
	if (toy_display_ask(c->toy, VHOST_USER_GPU_GET_DISPLAY_INFO, 0))
		return WAITS;
	return answer_edid(c, NULL);
}

static uint32_t create_2d(struct command *c)
{
	const struct virtio_gpu_resource_create_2d *in = &c->in.create;
	if (in->resource_id == 0 || (toy_find(c->toy, in->resource_id) && !toy_has(FAULT_ID_TWICE)))
		return VIRTIO_GPU_RESP_ERR_INVALID_RESOURCE_ID;
	if (in->width == 0 || in->height == 0 || in->width > MAX_SIDE || in->height > MAX_SIDE ||
		!layout_of(in->format))
		return VIRTIO_GPU_RESP_ERR_INVALID_PARAMETER;
	for (uint32_t i = 0; i < RESOURCES; i++) {
		struct resource new = { in->resource_id, in->format, in->width, in->height, NULL,
			NULL, 0, 0 };
		uint64_t size = size_of(&new);
		if (c->toy->resources[i].pixels)
			continue;
		if (size > MAX_BYTES - c->toy->pixel_bytes || !(new.pixels = calloc(1, size)))
			break;
		if (toy_has(FAULT_UNINITIALISED))
			memset(new.pixels, 0x5a, size);
		c->toy->pixel_bytes += size;
		c->toy->resources[i] = new;
		return VIRTIO_GPU_RESP_OK_NODATA;
	}
	return VIRTIO_GPU_RESP_ERR_OUT_OF_MEMORY;
}

static uint32_t unref(struct command *c)
{
	struct resource *resource = toy_find(c->toy, c->in.unref.resource_id);
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
	const struct resource *resource = toy_find(c->toy, in->resource_id);
	if (in->scanout_id >= SCANOUTS)
		return VIRTIO_GPU_RESP_ERR_INVALID_SCANOUT_ID;
	if (in->resource_id && !resource)
		return VIRTIO_GPU_RESP_ERR_INVALID_RESOURCE_ID;
	if (resource && !inside(&in->r, resource))
		return VIRTIO_GPU_RESP_ERR_INVALID_PARAMETER;
	if (resource)
		c->toy->scanouts[in->scanout_id] =
			(struct scanout){ in->resource_id, in->r, true, in->r };
	else
		switch_off(&c->toy->scanouts[in->scanout_id]);
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
			if (!toy_copy_in(toy, to, entry->addr + skip, part))
				return false;
			to += part;
			offset += part;
			size -= part;
		}
		start += entry->length;
	}
	return size == 0;
}

/* Copies a rectangle of the resource, which lies at the offset in the backing. */
static bool transfer(struct toy *toy, struct resource *resource, const struct virtio_gpu_rect *r,
	uint64_t offset)
{
	uint32_t stride = toy_has(FAULT_STRIDE) ? r->width * 4 : resource->width * 4;
	if (toy_has(FAULT_OFFSET))
		offset = 0;
	for (uint32_t y = 0; y < r->height; y++) {
		size_t at = ((size_t)(r->y + y) * resource->width + r->x) * 4;
		if (!read_backing(toy, resource, offset + (uint64_t)y * stride,
			    resource->pixels + at, (uint64_t)r->width * 4))
			return false;
	}
	return true;
}

/* A transfer that is answered before it is done. */
static struct virtio_gpu_transfer_to_host_2d late;

static void do_late(struct toy *toy)
{
	struct resource *resource = toy_find(toy, late.resource_id);
	if (resource && inside(&late.r, resource))
		transfer(toy, resource, &late.r, late.offset);
	late.resource_id = 0;
}

static uint32_t transfer_2d(struct command *c)
{
	const struct virtio_gpu_transfer_to_host_2d *in = &c->in.transfer;
	struct resource *resource = toy_find(c->toy, in->resource_id);
	if (!resource)
		return VIRTIO_GPU_RESP_ERR_INVALID_RESOURCE_ID;
	if (!resource->entries)
		return VIRTIO_GPU_RESP_ERR_UNSPEC;
	if (!inside(&in->r, resource))
		return toy_has(FAULT_TRANSFER_OUTSIDE) ? VIRTIO_GPU_RESP_OK_NODATA
						       : VIRTIO_GPU_RESP_ERR_INVALID_PARAMETER;
	if (toy_has(FAULT_FENCE_EARLY) && in->hdr.flags & VIRTIO_GPU_FLAG_FENCE) {
		late = *in;
		return VIRTIO_GPU_RESP_OK_NODATA;
	}
	return transfer(c->toy, resource, &in->r, in->offset)
		? VIRTIO_GPU_RESP_OK_NODATA
		: VIRTIO_GPU_RESP_ERR_INVALID_PARAMETER;
}

static uint32_t flush(struct command *c)
{
	const struct virtio_gpu_resource_flush *in = &c->in.flush;
	struct resource *resource = toy_find(c->toy, in->resource_id);
	if (!resource)
		return VIRTIO_GPU_RESP_ERR_INVALID_RESOURCE_ID;
	if (!inside(&in->r, resource))
		return VIRTIO_GPU_RESP_ERR_INVALID_PARAMETER;
	if (toy_has(FAULT_TRANSFERS_LATE))
		transfer(c->toy, resource, &in->r,
			((uint64_t)in->r.y * resource->width + in->r.x) * 4);
	for (uint32_t i = 0; i < SCANOUTS; i++) {
		if (c->toy->scanouts[i].resource_id != in->resource_id)
			continue;
		add_damage(&c->toy->scanouts[i], &in->r);
		if (toy_has(FAULT_FIRST_SCANOUT_ONLY))
			break;
	}
	return VIRTIO_GPU_RESP_OK_NODATA;
}

static uint32_t attach(struct command *c)
{
	const struct virtio_gpu_resource_attach_backing *in = &c->in.attach;
	struct resource *resource = toy_find(c->toy, in->resource_id);
	size_t size = in->nr_entries * sizeof(struct virtio_gpu_mem_entry);
	size_t there = c->request->in_size - sizeof(*in);
	if (!resource)
		return VIRTIO_GPU_RESP_ERR_INVALID_RESOURCE_ID;
	if (resource->entries)
		return VIRTIO_GPU_RESP_ERR_UNSPEC;
	if (toy_has(FAULT_ENTRY_COUNT))
		size = min_size(size, there);
	else if (in->nr_entries == 0 || in->nr_entries > ENTRIES || size > there)
		return VIRTIO_GPU_RESP_ERR_INVALID_PARAMETER;
	resource->entries = malloc(size + 1);
	if (!resource->entries)
		return VIRTIO_GPU_RESP_ERR_OUT_OF_MEMORY;
	memcpy(resource->entries, c->request->in + sizeof(*in), size);
	resource->entry_count = (uint32_t)(size / sizeof(struct virtio_gpu_mem_entry));
	for (uint32_t i = 0; i < resource->entry_count; i++)
		if (!toy_is_memory(
			    c->toy, resource->entries[i].addr, resource->entries[i].length)) {
			drop_backing(resource);
			return VIRTIO_GPU_RESP_ERR_INVALID_PARAMETER;
		}
	return VIRTIO_GPU_RESP_OK_NODATA;
}

static uint32_t detach(struct command *c)
{
	struct resource *resource = toy_find(c->toy, c->in.unref.resource_id);
	if (!resource || !resource->entries)
		return VIRTIO_GPU_RESP_ERR_INVALID_RESOURCE_ID;
	drop_backing(resource);
	return VIRTIO_GPU_RESP_OK_NODATA;
}

static uint32_t assign_uuid(struct command *c)
{
	static uint32_t last;
	struct resource *resource = toy_find(c->toy, c->in.uuid.resource_id);
	uint8_t *uuid = c->out.uuid.uuid;
	if (!(c->toy->features & VHOST_BIT(VIRTIO_GPU_F_RESOURCE_UUID)))
		return VIRTIO_GPU_RESP_ERR_UNSPEC;
	if (!resource)
		return VIRTIO_GPU_RESP_ERR_INVALID_RESOURCE_ID;
	if (!resource->uuid || toy_has(FAULT_UUID_ANEW))
		resource->uuid = ++last;
	if (toy_has(FAULT_UUID_OF_ID))
		resource->uuid = resource->id;
	c->out_size = sizeof(c->out.uuid);
	if (!toy_has(FAULT_UUID_NIL))
		memcpy(uuid, &resource->uuid, sizeof(resource->uuid));
	return VIRTIO_GPU_RESP_OK_RESOURCE_UUID;
}

static uint32_t update_cursor(struct command *c)
{
	const struct virtio_gpu_update_cursor *in = &c->in.cursor;
	const struct resource *resource = toy_find(c->toy, in->resource_id);
	if (in->pos.scanout_id >= SCANOUTS)
		return VIRTIO_GPU_RESP_ERR_INVALID_SCANOUT_ID;
	struct cursor *cursor = &c->toy->cursors[in->pos.scanout_id];
	if (in->resource_id && (!resource || resource->width != SIDE || resource->height != SIDE))
		return VIRTIO_GPU_RESP_ERR_INVALID_RESOURCE_ID;
	cursor->at = *in;
	if (!resource && toy_has(FAULT_CURSOR_STAYS))
		return VIRTIO_GPU_RESP_OK_NODATA;
	cursor->visible = cursor->image_due = resource;
	cursor->place_due = !resource;
	for (uint32_t i = 0; resource && i < SIDE * SIDE; i++)
		cursor->pixels[i] = toy_pixel(resource, i % SIDE, i / SIDE);
	return VIRTIO_GPU_RESP_OK_NODATA;
}

static uint32_t move_cursor(struct command *c)
{
	const struct virtio_gpu_update_cursor *in = &c->in.cursor;
	if (in->pos.scanout_id >= SCANOUTS)
		return VIRTIO_GPU_RESP_ERR_INVALID_SCANOUT_ID;
	struct cursor *cursor = &c->toy->cursors[in->pos.scanout_id];
	cursor->at.pos = in->pos;
	cursor->place_due = cursor->visible;
	if (toy_has(FAULT_MOVE_HIDES) && in->resource_id == 0)
		cursor->visible = false;
	return VIRTIO_GPU_RESP_OK_NODATA;
}

/* --- the table ----------------------------------------------------------------------------- */

static const struct {
	uint32_t type;
	uint32_t queue;
	size_t size;
	size_t answer_size; /* without room for it nothing is done */
	uint32_t (*run)(struct command *c);
} commands[] = {
	{ VIRTIO_GPU_CMD_GET_DISPLAY_INFO, 0, 24, 408, display_info },
	{ VIRTIO_GPU_CMD_RESOURCE_CREATE_2D, 0, 40, 24, create_2d },
	{ VIRTIO_GPU_CMD_RESOURCE_UNREF, 0, 32, 24, unref },
	{ VIRTIO_GPU_CMD_SET_SCANOUT, 0, 48, 24, set_scanout },
	{ VIRTIO_GPU_CMD_RESOURCE_FLUSH, 0, 48, 24, flush },
	{ VIRTIO_GPU_CMD_TRANSFER_TO_HOST_2D, 0, 56, 24, transfer_2d },
	{ VIRTIO_GPU_CMD_RESOURCE_ATTACH_BACKING, 0, 32, 24, attach },
	{ VIRTIO_GPU_CMD_RESOURCE_DETACH_BACKING, 0, 32, 24, detach },
	{ VIRTIO_GPU_CMD_RESOURCE_ASSIGN_UUID, 0, 32, 40, assign_uuid },
	{ VIRTIO_GPU_CMD_GET_EDID, 0, 32, 1056, get_edid },
	{ VIRTIO_GPU_CMD_UPDATE_CURSOR, 1, 56, 0, update_cursor },
	{ VIRTIO_GPU_CMD_MOVE_CURSOR, 1, 56, 0, move_cursor },
};

static uint32_t run(struct command *c)
{
	size_t room = 0;
	for (uint32_t i = 0; i < c->request->out_count; i++)
		room += c->request->out[i].length;
	for (size_t i = 0; i < ARRAY_SIZE(commands); i++) {
		if (commands[i].type != c->in.hdr.type || commands[i].queue != c->request->queue)
			continue;
		bool whole = c->request->in_size >= commands[i].size;
		if (!whole && toy_has(FAULT_DIES_OF_TRUNCATED))
			abort();
		if (!whole && toy_has(FAULT_TRUNCATED_DONE))
			return VIRTIO_GPU_RESP_OK_NODATA;
		if (!whole || room < commands[i].answer_size)
			return VIRTIO_GPU_RESP_ERR_UNSPEC;
		return commands[i].run(c);
	}
	if (toy_has(FAULT_DIES_OF_UNKNOWN))
		abort();
	return VIRTIO_GPU_RESP_ERR_UNSPEC;
}

static void begin(struct command *c, struct toy *toy, const struct request *request)
{
	*c = (struct command){
		.toy = toy, .request = request, .out_size = sizeof(struct virtio_gpu_ctrl_hdr)
	};
	if (request->in)
		memcpy(&c->in, request->in, min_size(sizeof(c->in), request->in_size));
}

/* The header, and all of it into the answer; returns its size. */
static size_t end(struct command *c, uint32_t type, void *out)
{
	c->out.hdr = (struct virtio_gpu_ctrl_hdr){ .type = type };
	if (c->in.hdr.flags & VIRTIO_GPU_FLAG_FENCE && !toy_has(FAULT_FENCE_LOST)) {
		c->out.hdr = c->in.hdr;
		c->out.hdr.type = type;
	}
	if (toy_has(FAULT_FENCE_32_BITS))
		c->out.hdr.fence_id = (uint32_t)c->out.hdr.fence_id;
	if (toy_has(FAULT_RESPONSE_FLAGS))
		c->out.hdr.flags |= VIRTIO_GPU_FLAG_FENCE;
	if (toy_has(FAULT_RESPONSE_TYPE) && c->in.hdr.type == VIRTIO_GPU_CMD_SET_SCANOUT)
		c->out.hdr.type = VIRTIO_GPU_RESP_OK_DISPLAY_INFO;
	memcpy(out, &c->out, c->out_size);
	return c->out_size;
}

size_t toy_command(struct toy *toy, const struct request *request, void *out)
{
	struct command c;
	begin(&c, toy, request);
	uint32_t type = run(&c);
	if (c.in.hdr.type != VIRTIO_GPU_CMD_TRANSFER_TO_HOST_2D)
		do_late(toy);
	return type == WAITS ? 0 : end(&c, type, out);
}

size_t toy_finish(struct toy *toy, const struct request *request, const void *edid, void *out)
{
	struct command c;
	uint32_t scanout;
	begin(&c, toy, request);
	uint32_t type = toy_wants_edid(request, &scanout) ? answer_edid(&c, edid) : answer_info(&c);
	return end(&c, type, out);
}

bool toy_wants_edid(const struct request *request, uint32_t *ret_scanout)
{
	struct virtio_gpu_get_edid edid;
	if (request->in_size < sizeof(edid))
		return false;
	memcpy(&edid, request->in, sizeof(edid));
	*ret_scanout = edid.scanout;
	return edid.hdr.type == VIRTIO_GPU_CMD_GET_EDID;
}

void toy_reset(struct toy *toy)
{
	for (uint32_t i = 0; i < SCANOUTS; i++) {
		if (toy->scanouts[i].resource_id)
			switch_off(&toy->scanouts[i]);
		toy->cursors[i].image_due = false;
		toy->cursors[i].place_due = toy->cursors[i].visible;
		toy->cursors[i].visible = false;
	}
	for (uint32_t i = 0; i < RESOURCES; i++)
		forget_resource(toy, &toy->resources[i]);
}
