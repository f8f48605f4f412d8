/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
#include "guest_requests.h"

#include <string.h>

#include "gpu/command.h"
#include "gpu/commands.h"
#include "util/checked.h"

#define ODD        0xf0u /* from this byte on it may be any number */
#define IDS        3u
#define SCANOUTS   2u
#define SIDES      40u
#define MOST_EXTRA 32u /* entries or words behind the fixed part */
#define PAGE       4096u
#define WORD       ((uint32_t)sizeof(uint32_t))

uint32_t guest_id(struct fuzz_input *input)
{
	uint8_t byte = fuzz_u8(input);
	return byte < ODD ? 1 + byte % IDS : fuzz_number(input);
}

uint32_t guest_scanout(struct fuzz_input *input)
{
	uint8_t byte = fuzz_u8(input);
	if (byte < ODD)
		return byte % SCANOUTS;
	return byte & 1 ? VIRTIO_GPU_MAX_SCANOUTS - 1u + (byte >> 1 & 3) : fuzz_number(input);
}

uint32_t guest_side(struct fuzz_input *input)
{
	uint8_t byte = fuzz_u8(input);
	return byte < ODD ? byte % SIDES : fuzz_number(input);
}

/* This number, but for one time in sixteen. */
static uint32_t usually(struct fuzz_input *input, uint32_t number)
{
	return fuzz_u8(input) < ODD ? number : fuzz_number(input);
}

static uint32_t some_format(struct fuzz_input *input)
{
	static const uint32_t formats[] = { 2, 1, 3, 4, 67, 68, 121, 134 };
	return usually(input, formats[fuzz_below(input, ARRAY_SIZE(formats))]);
}

static struct virtio_gpu_rect some_rect(struct fuzz_input *input)
{
	struct virtio_gpu_rect rect = { 0, 0, 32, 32 };
	if (fuzz_bit(input))
		rect = (struct virtio_gpu_rect){ guest_side(input), guest_side(input),
			guest_side(input), guest_side(input) };
	return rect;
}

static void make_get_edid(struct fuzz_input *input, union gpu_request *request)
{
	request->get_edid.scanout = guest_scanout(input);
}

static void make_create_2d(struct fuzz_input *input, union gpu_request *request)
{
	request->create_2d.resource_id = guest_id(input);
	request->create_2d.format = some_format(input);
	request->create_2d.width = usually(input, 32);
	request->create_2d.height = usually(input, 32);
}

static void make_resource(struct fuzz_input *input, union gpu_request *request)
{
	request->unref.resource_id = guest_id(input);
}

static void make_set_scanout(struct fuzz_input *input, union gpu_request *request)
{
	request->set_scanout.r = some_rect(input);
	request->set_scanout.scanout_id = guest_scanout(input);
	request->set_scanout.resource_id = guest_id(input);
}

static void make_flush(struct fuzz_input *input, union gpu_request *request)
{
	request->flush.r = some_rect(input);
	request->flush.resource_id = guest_id(input);
}

static void make_transfer_2d(struct fuzz_input *input, union gpu_request *request)
{
	request->transfer_2d.r = some_rect(input);
	request->transfer_2d.resource_id = guest_id(input);
	request->transfer_2d.offset = usually(input, 0);
}

static void make_attach_backing(struct fuzz_input *input, union gpu_request *request)
{
	request->attach_backing.resource_id = guest_id(input);
	request->attach_backing.nr_entries = usually(input, 1 + fuzz_below(input, 4));
}

static void make_capset_info(struct fuzz_input *input, union gpu_request *request)
{
	request->get_capset_info.capset_index = fuzz_number(input);
}

static void make_capset(struct fuzz_input *input, union gpu_request *request)
{
	request->get_capset.capset_id = guest_id(input);
	request->get_capset.capset_version = guest_id(input);
}

static void make_create_blob(struct fuzz_input *input, union gpu_request *request)
{
	request->create_blob.resource_id = guest_id(input);
	bool host = fuzz_bit(input);
	request->create_blob.blob_mem =
		usually(input, host ? VIRTIO_GPU_BLOB_MEM_HOST3D : VIRTIO_GPU_BLOB_MEM_GUEST);
	request->create_blob.blob_flags = fuzz_u8(input) & 7;
	request->create_blob.nr_entries = host ? 0 : usually(input, fuzz_below(input, 4));
	request->create_blob.size = usually(input, PAGE);
	request->create_blob.blob_id = usually(input, 0);
}

static void make_map_blob(struct fuzz_input *input, union gpu_request *request)
{
	request->map_blob.resource_id = guest_id(input);
	request->map_blob.offset = usually(input, PAGE * fuzz_below(input, GUEST_WINDOW / PAGE));
}

static void make_scanout_blob(struct fuzz_input *input, union gpu_request *request)
{
	struct virtio_gpu_set_scanout_blob *set = &request->set_scanout_blob;
	set->r = some_rect(input);
	set->scanout_id = guest_scanout(input);
	set->resource_id = guest_id(input);
	set->width = usually(input, 32);
	set->height = usually(input, 32);
	set->format = some_format(input);
	set->strides[0] = usually(input, 128);
	set->offsets[0] = usually(input, 0);
}

static void make_ctx_create(struct fuzz_input *input, union gpu_request *request)
{
	request->ctx_create.nlen = usually(input, 4);
	request->ctx_create.context_init = usually(input, fuzz_below(input, 3));
	fuzz_bytes(input, request->ctx_create.debug_name, 4);
}

static void make_create_3d(struct fuzz_input *input, union gpu_request *request)
{
	struct virtio_gpu_resource_create_3d *create = &request->create_3d;
	create->resource_id = guest_id(input);
	create->target = usually(input, 2);
	create->format = some_format(input);
	create->bind = fuzz_number(input);
	create->width = usually(input, 32);
	create->height = usually(input, 32);
	create->depth = usually(input, 1);
	create->array_size = usually(input, 1);
	create->last_level = usually(input, 0);
	create->nr_samples = usually(input, 0);
	create->flags = usually(input, 0);
}

static void make_transfer_3d(struct fuzz_input *input, union gpu_request *request)
{
	struct virtio_gpu_transfer_host_3d *transfer = &request->transfer_3d;
	transfer->box = (struct virtio_gpu_box){ .w = 4, .h = 4, .d = 1 };
	if (fuzz_bit(input))
		transfer->box = (struct virtio_gpu_box){ guest_side(input), guest_side(input),
			usually(input, 0), guest_side(input), guest_side(input),
			usually(input, 1) };
	transfer->offset = usually(input, 0);
	transfer->resource_id = guest_id(input);
	transfer->level = usually(input, 0);
	transfer->stride = usually(input, 0);
	transfer->layer_stride = usually(input, 0);
}

static void make_submit(struct fuzz_input *input, union gpu_request *request)
{
	request->submit.size = usually(input, WORD * fuzz_below(input, MOST_EXTRA));
	request->submit.num_in_fences = usually(input, 0);
}

static void make_cursor(struct fuzz_input *input, union gpu_request *request)
{
	request->cursor.pos.scanout_id = guest_scanout(input);
	request->cursor.pos.x = fuzz_number(input);
	request->cursor.pos.y = fuzz_number(input);
	request->cursor.resource_id = guest_id(input);
	request->cursor.hot_x = fuzz_number(input);
	request->cursor.hot_y = fuzz_number(input);
}

static void make_nothing(struct fuzz_input *input, union gpu_request *request)
{
}

/* nlen of ctx_create and so on aside, the context is in the header. */
static const struct {
	uint32_t type;
	void (*make)(struct fuzz_input *input, union gpu_request *request);
} makers[] = {
	{ VIRTIO_GPU_CMD_GET_DISPLAY_INFO, make_nothing },
	{ VIRTIO_GPU_CMD_GET_EDID, make_get_edid },
	{ VIRTIO_GPU_CMD_RESOURCE_CREATE_2D, make_create_2d },
	{ VIRTIO_GPU_CMD_RESOURCE_UNREF, make_resource },
	{ VIRTIO_GPU_CMD_SET_SCANOUT, make_set_scanout },
	{ VIRTIO_GPU_CMD_RESOURCE_FLUSH, make_flush },
	{ VIRTIO_GPU_CMD_TRANSFER_TO_HOST_2D, make_transfer_2d },
	{ VIRTIO_GPU_CMD_RESOURCE_ATTACH_BACKING, make_attach_backing },
	{ VIRTIO_GPU_CMD_RESOURCE_DETACH_BACKING, make_resource },
	{ VIRTIO_GPU_CMD_RESOURCE_ASSIGN_UUID, make_resource },
	{ VIRTIO_GPU_CMD_RESOURCE_CREATE_BLOB, make_create_blob },
	{ VIRTIO_GPU_CMD_SET_SCANOUT_BLOB, make_scanout_blob },
	{ VIRTIO_GPU_CMD_RESOURCE_MAP_BLOB, make_map_blob },
	{ VIRTIO_GPU_CMD_RESOURCE_MAP_BLOB, make_map_blob },
	{ VIRTIO_GPU_CMD_RESOURCE_UNMAP_BLOB, make_resource },
	{ VIRTIO_GPU_CMD_GET_CAPSET_INFO, make_capset_info },
	{ VIRTIO_GPU_CMD_GET_CAPSET, make_capset },
	{ VIRTIO_GPU_CMD_CTX_CREATE, make_ctx_create },
	{ VIRTIO_GPU_CMD_CTX_DESTROY, make_nothing },
	{ VIRTIO_GPU_CMD_CTX_ATTACH_RESOURCE, make_resource },
	{ VIRTIO_GPU_CMD_CTX_DETACH_RESOURCE, make_resource },
	{ VIRTIO_GPU_CMD_RESOURCE_CREATE_3D, make_create_3d },
	{ VIRTIO_GPU_CMD_TRANSFER_TO_HOST_3D, make_transfer_3d },
	{ VIRTIO_GPU_CMD_TRANSFER_FROM_HOST_3D, make_transfer_3d },
	{ VIRTIO_GPU_CMD_SUBMIT_3D, make_submit },
	{ VIRTIO_GPU_CMD_UPDATE_CURSOR, make_cursor },
	{ VIRTIO_GPU_CMD_MOVE_CURSOR, make_cursor },
};
const uint32_t guest_request_count = ARRAY_SIZE(makers);

static void make_header(struct fuzz_input *input, struct virtio_gpu_ctrl_hdr *header)
{
	uint8_t bits = fuzz_u8(input);
	header->flags = bits < ODD ? bits & 3 : fuzz_number(input);
	if (header->flags & VIRTIO_GPU_FLAG_FENCE)
		header->fence_id = fuzz_number64(input);
	if (header->flags & VIRTIO_GPU_FLAG_INFO_RING_IDX)
		header->ring_idx = fuzz_u8(input);
	header->ctx_id = guest_id(input);
}

static size_t make_entries(struct fuzz_input *input, uint64_t pages, uint32_t count, uint8_t *bytes)
{
	count = min_u32(count, MOST_EXTRA);
	for (uint32_t i = 0; i < count; i++) {
		const struct virtio_gpu_mem_entry entry = {
			.addr = pages + PAGE * (uint64_t)guest_id(input),
			.length = usually(input, PAGE),
		};
		memcpy(bytes + i * sizeof(entry), &entry, sizeof(entry));
	}
	return count * sizeof(struct virtio_gpu_mem_entry);
}

/* In the language of the null renderer: a command, and arguments that are ids and sides. */
static size_t make_stream(struct fuzz_input *input, uint32_t size, uint8_t *bytes)
{
	uint32_t count = min_u32(size / WORD, MOST_EXTRA);
	for (uint32_t i = 0; i < count; i++) {
		uint32_t word = guest_id(input) | (uint32_t)fuzz_below(input, 8) << 16;
		if (fuzz_bit(input))
			word = guest_side(input);
		memcpy(bytes + i * WORD, &word, WORD);
	}
	return count * WORD;
}

size_t guest_request_make(struct fuzz_input *input, uint64_t pages,
	uint8_t bytes[GUEST_REQUEST_MAX], uint32_t *ret_type)
{
	union gpu_request request = { 0 };
	uint32_t which = fuzz_below(input, ARRAY_SIZE(makers));
	uint32_t type = makers[which].type;
	size_t size = gpu_command_find(type)->request_size;
	makers[which].make(input, &request);
	make_header(input, &request.header);
	request.header.type = type;
	if (type == VIRTIO_GPU_CMD_RESOURCE_ATTACH_BACKING)
		size += make_entries(input, pages, request.attach_backing.nr_entries, bytes + size);
	else if (type == VIRTIO_GPU_CMD_RESOURCE_CREATE_BLOB)
		size += make_entries(input, pages, request.create_blob.nr_entries, bytes + size);
	else if (type == VIRTIO_GPU_CMD_SUBMIT_3D)
		size += make_stream(input, request.submit.size, bytes + size);
	*ret_type = type;
	uint8_t odd = fuzz_u8(input);
	if (odd == 0xff)
		request.header.type = fuzz_number(input);
	memcpy(bytes, &request, gpu_command_find(type)->request_size);
	return odd == 0xfe ? min_size(size, fuzz_u8(input)) : size;
}
