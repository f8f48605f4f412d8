/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/*
 * The guest's driver: virtio-gpu commands over the rings (virtio 1.4, 5.7).
 *
 * A command is submitted, and waited for now or later, in any order. Waiting gives the type of the
 * response (VIRTIO_GPU_RESP_…, more than 0) or -errno when there was none; what every response has
 * to hold is checked: that it is whole, and that a fence is echoed.
 */
#pragma once

#include "gpu/protocol.h"
#include "kit/picture.h"
#include "kit/ring.h"

struct kit_gpu {
	struct kit *kit;
	struct kit_memory *memory;
	struct kit_ring *rings; /* VIRTIO_GPU_QUEUES of them */
	uint32_t request_piece; /* bytes in each readable buffer; 0: one buffer for all */
	uint32_t response_piece; /* the same for writable ones */
	struct list in_flight; /* kit_command::link, not yet done */
	uint64_t completed; /* commands done so far */
};

/* A command under way. */
struct kit_command {
	struct list link; /* kit_gpu::in_flight */
	struct kit_gpu *gpu;
	struct kit_ring *ring;
	uint64_t request, response; /* guest addresses */
	uint32_t request_size, response_size;
	bool done;
	bool forgotten;
	uint32_t written; /* bytes, as the used element says */
	uint64_t order; /* how many commands were done before it */
	uint64_t sent_us, done_us;
};

void kit_gpu_init(struct kit_gpu *gpu, struct kit_memory *memory, struct kit_ring *rings);

/* Forgets all commands in flight (as a driver does after a reset): they must not be used again. */
void kit_gpu_finish(struct kit_gpu *gpu);

/* Takes over the commands in flight of a driver whose memory and rings were taken over. */
void kit_gpu_take_over(struct kit_gpu *gpu, struct kit_gpu *from);

/* --- any command --------------------------------------------------------------------------- */

/* Submits size bytes of request, with room for response_size bytes of answer (either may be 0, not
 * both), and kicks. NULL when the queue is full or the guest has no memory. */
struct kit_command *kit_gpu_submit(struct kit_gpu *gpu, uint32_t queue, const void *request,
	uint32_t size, uint32_t response_size);

/* A request in two parts, the second of which may be empty: so that what is large is copied once. */
struct kit_request {
	const void *head;
	uint32_t head_size;
	const void *tail;
	uint32_t tail_size;
};

/* Such a request without a kick: for batches, and for commands that a later kick covers. */
struct kit_command *kit_gpu_queue_request(struct kit_gpu *gpu, uint32_t queue,
	const struct kit_request *request, uint32_t response_size);

/* The same of one part. */
struct kit_command *kit_gpu_queue(struct kit_gpu *gpu, uint32_t queue, const void *request,
	uint32_t size, uint32_t response_size);

/* Takes in what the device has answered, without waiting. 0 or -EPROTO. */
int kit_gpu_collect(struct kit_gpu *gpu);

/* The same of one queue: for a source that must not take what a wait on the other is for. */
int kit_gpu_collect_queue(struct kit_gpu *gpu, uint32_t queue);

/* Waits until the command is done. Its response's type (0 when there is no room for one) or -errno.
 * */
int kit_gpu_wait(struct kit_gpu *gpu, struct kit_command *command);

/* The response of a command that is done: response_size bytes, of which `written` count. */
const void *kit_command_response(const struct kit_command *command);

/* Nobody waits for this command: it is given back as soon as it is done (in collect, wait, drain).
 * */
void kit_command_forget(struct kit_command *command);

/* Gives back what a command that is done has used. NULL is fine. */
void kit_command_finish(struct kit_command *command);

/* Waits, copies the response (at most size bytes) and gives the command back. NULL is -ENOSPC. */
int kit_gpu_complete(
	struct kit_gpu *gpu, struct kit_command *command, void *ret_response, uint32_t size);

/* Request out, response in, on the queue that the type of the request belongs to. */
int kit_gpu_command(struct kit_gpu *gpu, const void *request, uint32_t size, void *ret_response,
	uint32_t response_size);

/* The same when nothing but a header is expected. */
int kit_gpu_simple(struct kit_gpu *gpu, const void *request, uint32_t size);

/* Waits until nothing is in flight. 0 or -errno. */
int kit_gpu_drain(struct kit_gpu *gpu);

/* --- headers ------------------------------------------------------------------------------- */

static inline struct virtio_gpu_ctrl_hdr kit_header(uint32_t type)
{
	return (struct virtio_gpu_ctrl_hdr){ .type = type };
}

static inline struct virtio_gpu_ctrl_hdr kit_header_ctx(uint32_t type, uint32_t ctx_id)
{
	return (struct virtio_gpu_ctrl_hdr){ .type = type, .ctx_id = ctx_id };
}

/* With a fence on the global timeline. */
static inline struct virtio_gpu_ctrl_hdr kit_header_fence(uint32_t type, uint64_t fence_id)
{
	return (struct virtio_gpu_ctrl_hdr){
		.type = type, .flags = VIRTIO_GPU_FLAG_FENCE, .fence_id = fence_id
	};
}

/* With a fence on the timeline of a context's ring. */
static inline struct virtio_gpu_ctrl_hdr kit_header_ring(
	uint32_t type, uint64_t fence_id, uint32_t ctx_id, uint8_t ring_idx)
{
	return (struct virtio_gpu_ctrl_hdr){ .type = type,
		.flags = VIRTIO_GPU_FLAG_FENCE | VIRTIO_GPU_FLAG_INFO_RING_IDX,
		.fence_id = fence_id,
		.ctx_id = ctx_id,
		.ring_idx = ring_idx };
}

/* --- each command -------------------------------------------------------------------------- */

/* All return the response's type or -errno; ret_ parameters are written when it is the OK one. */

int kit_gpu_display_info(struct kit_gpu *gpu, struct virtio_gpu_resp_display_info *ret_info);
int kit_gpu_edid(struct kit_gpu *gpu, uint32_t scanout, struct virtio_gpu_resp_edid *ret_edid);
int kit_gpu_create_2d(
	struct kit_gpu *gpu, uint32_t id, uint32_t format, uint32_t width, uint32_t height);
int kit_gpu_unref(struct kit_gpu *gpu, uint32_t id);
int kit_gpu_set_scanout(
	struct kit_gpu *gpu, uint32_t scanout, uint32_t id, struct virtio_gpu_rect rect);
int kit_gpu_flush(struct kit_gpu *gpu, uint32_t id, struct virtio_gpu_rect rect);
int kit_gpu_transfer_2d(
	struct kit_gpu *gpu, uint32_t id, struct virtio_gpu_rect rect, uint64_t offset);
int kit_gpu_attach(struct kit_gpu *gpu, uint32_t id, const struct virtio_gpu_mem_entry *entries,
	uint32_t count);
int kit_gpu_detach(struct kit_gpu *gpu, uint32_t id);
int kit_gpu_capset_info(
	struct kit_gpu *gpu, uint32_t index, struct virtio_gpu_resp_capset_info *ret_info);
/* Up to size bytes of capset; *ret_size of them came. */
int kit_gpu_capset(
	struct kit_gpu *gpu, uint32_t id, uint32_t version, void *ret_capset, uint32_t *size);
int kit_gpu_assign_uuid(struct kit_gpu *gpu, uint32_t id, uint8_t ret_uuid[16]);

/* header and nr_entries are filled in. */
int kit_gpu_create_blob(struct kit_gpu *gpu, struct virtio_gpu_resource_create_blob blob,
	uint32_t ctx_id, const struct virtio_gpu_mem_entry *entries, uint32_t count);
int kit_gpu_set_scanout_blob(struct kit_gpu *gpu, struct virtio_gpu_set_scanout_blob scanout);
int kit_gpu_map_blob(struct kit_gpu *gpu, uint32_t id, uint64_t offset, uint32_t *ret_map_info);
int kit_gpu_unmap_blob(struct kit_gpu *gpu, uint32_t id);

/* Waits for KIT_RENDERER_MS at least. */
int kit_gpu_ctx_create(
	struct kit_gpu *gpu, uint32_t ctx_id, uint32_t context_init, const char *name);
int kit_gpu_ctx_destroy(struct kit_gpu *gpu, uint32_t ctx_id);
int kit_gpu_ctx_attach(struct kit_gpu *gpu, uint32_t ctx_id, uint32_t id);
int kit_gpu_ctx_detach(struct kit_gpu *gpu, uint32_t ctx_id, uint32_t id);
/* header is filled in. */
int kit_gpu_create_3d(struct kit_gpu *gpu, struct virtio_gpu_resource_create_3d resource);
/* header.type and ctx_id are filled in. */
int kit_gpu_transfer_to_3d(
	struct kit_gpu *gpu, uint32_t ctx_id, struct virtio_gpu_transfer_host_3d transfer);
int kit_gpu_transfer_from_3d(
	struct kit_gpu *gpu, uint32_t ctx_id, struct virtio_gpu_transfer_host_3d transfer);
int kit_gpu_submit_3d(struct kit_gpu *gpu, uint32_t ctx_id, const void *commands, uint32_t size);

/* UPDATE_CURSOR; resource 0 hides the cursor. MOVE_CURSOR takes only the position. */
int kit_gpu_update_cursor(struct kit_gpu *gpu, struct virtio_gpu_update_cursor cursor);
int kit_gpu_move_cursor(struct kit_gpu *gpu, uint32_t scanout, uint32_t x, uint32_t y);

/* --- surfaces ------------------------------------------------------------------------------ */

/* A 2D resource, or a picture in a blob, with backing of its own. */
struct kit_surface {
	struct kit_gpu *gpu;
	uint32_t id, format, width, height;
	bool blob;
	uint32_t stride, offset; /* of the rows in the backing; stride 0: without gaps */
	uint64_t size; /* of the backing */
	struct virtio_gpu_mem_entry *entries;
	uint32_t count;
};

/* CREATE_2D and ATTACH_BACKING with chunks of so many bytes (0: one chunk), which do not follow
 * each other in guest memory. The response's type; OK_NODATA: the surface is to be finished. */
int kit_surface_create(struct kit_gpu *gpu, struct kit_surface *ret_surface,
	const struct virtio_gpu_resource_create_2d *like, uint32_t chunk);

/* ATTACH_BACKING only, of size bytes, to a resource of any kind; format, width and height are the
 * caller's to fill in. */
int kit_surface_back(struct kit_gpu *gpu, struct kit_surface *ret_surface, uint32_t id,
	uint64_t size, uint32_t chunk);

/* The same with a blob of whole pages, and a picture in it as `like` says: what SET_SCANOUT_BLOB
 * has of resource, sides, format, stride (0: without gaps) and offset. */
int kit_surface_create_blob(struct kit_gpu *gpu, struct kit_surface *ret_surface,
	const struct virtio_gpu_set_scanout_blob *like, uint32_t chunk);

/* SET_SCANOUT or, of a blob, SET_SCANOUT_BLOB. */
int kit_surface_set_scanout(
	const struct kit_surface *surface, uint32_t scanout, struct virtio_gpu_rect rect);

/* Frees the backing; the resource is left to the test. NULL-safe on a zeroed one. */
void kit_surface_finish(struct kit_surface *surface);

/* Writes the picture (as large as the surface) into the backing. */
void kit_surface_draw(struct kit_surface *surface, const struct kit_picture *picture);

/* Copies [offset, +size) of the backing, which may cross chunks. */
void kit_surface_write(
	struct kit_surface *surface, uint64_t offset, const void *bytes, size_t size);
void kit_surface_read(
	const struct kit_surface *surface, uint64_t offset, void *ret_bytes, size_t size);

/* TRANSFER_TO_HOST_2D of a rectangle, from where it lies in the backing (blobs need none), then
 * RESOURCE_FLUSH. */
int kit_surface_show(struct kit_surface *surface, struct virtio_gpu_rect rect);
