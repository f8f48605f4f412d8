/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/*
 * The contract between the device model and whatever renders.
 *
 * A renderer sees ids, numbers that the device model has already judged, and memory that it may
 * reach; it knows no guest, no queue and no display. The same table of operations is implemented in
 * the device process (software: 2D), forwarded to another process (remote), and implemented there
 * again by what drives a library (virgl). Where a renderer lives shows only in how long it takes.
 *
 * Operations are ordered: each sees the effects of those before it. An operation that can fail, or
 * that takes time, is given a call, which is finished exactly once: now (before the operation
 * returns), later from the loop, or with -ECONNRESET when the renderer is lost. So a caller does
 * nothing after handing over a call. Operations may be started without waiting for those that they
 * build upon; if one fails those fail as well.
 *
 * Ids of contexts and resources are the guest's own, never 0, and unique while they live: the device
 * model sees to that, as it sees to it that contexts exist, resources are created before they are used
 * and unref'd once, boxes are not empty, and backing lies in regions that were added. A renderer must
 * still survive contents (command streams, odd sizes and formats) of any kind.
 *
 * All on the thread of the process's loop.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "util/image.h"

struct renderer;

/* Memory of a blob that others may map. */
struct renderer_memory {
	int fd; /* duplicate it to keep it */
	uint32_t map_info; /* VIRTIO_GPU_MAP_CACHE_…: how it is to be mapped */
	uint64_t offset; /* where in the file the blob's bytes begin, page-aligned */
};

/* What some calls bring back; only for the duration of done(). */
struct renderer_reply {
	struct image *image; /* export_image: take a reference to keep it */
	const struct renderer_memory *memory; /* resource_create_blob; NULL: it cannot be mapped */
};

/* One operation under way. Owned by who starts it, must stay in place until done() is called; done()
 * may free it. status: 0 or -errno; reply is NULL unless the operation says otherwise. */
struct renderer_call {
	void (*done)(struct renderer_call *call, int status, const struct renderer_reply *reply);
};

#define RENDERER_MAX_CAPSETS     8u
#define RENDERER_MAX_CAPSET_SIZE 16384u
#define RENDERER_MAX_SUBMIT      (4u << 20) /* bytes of one command stream */
#define RENDERER_MAX_SPANS       16384u
/* A command stream is followed by this many zero bytes: some decoders read ahead. */
#define RENDERER_SUBMIT_PADDING 64u
#define RENDERER_GLOBAL_RING    (-1)

struct renderer_capset {
	uint32_t id;
	uint32_t max_version;
	uint32_t size;
	uint8_t *data; /* of max_version; owned by the renderer */
};

/* Memory that resources can be backed by: guest memory, or a frame to read back into. */
struct renderer_region {
	uint32_t id; /* never 0, never used again */
	int fd; /* the caller's; duplicated where it is needed */
	uint64_t offset; /* of the region in the file, page-aligned */
	uint64_t size;
	uint8_t *base; /* this process's mapping of it, which outlives the region here */
};

/* A piece of a region. */
struct renderer_span {
	uint32_t region;
	uint32_t padding;
	uint64_t offset;
	uint64_t length;
};

struct renderer_context_args {
	uint32_t id;
	uint32_t capset; /* one of the renderer's */
	char name[64]; /* for debugging; printable, NUL-terminated */
};

/* The numbers of RESOURCE_CREATE_3D; a 2D resource has the target, bind and so on that virtio's
 * 2D commands imply (gallium's texture target 2D, depth and array size 1). */
struct renderer_resource_args {
	uint32_t id;
	uint32_t target;
	uint32_t format;
	uint32_t bind;
	uint32_t width, height, depth;
	uint32_t array_size;
	uint32_t last_level;
	uint32_t nr_samples;
	uint32_t flags;
};

/* A resource that is nothing but bytes: of guest memory (BLOB_MEM_GUEST of RESOURCE_CREATE_BLOB), or of
 * the renderer's (BLOB_MEM_HOST3D). */
struct renderer_blob_args {
	uint32_t id;
	uint32_t flags; /* VIRTIO_GPU_BLOB_FLAG_…: what it is to be used for */
	uint64_t size; /* not 0 */
	uint32_t host; /* not 0: the renderer's; else neither of the following counts */
	uint32_t context; /* whose memory it is, or is made for */
	uint64_t blob_id; /* what the context calls that memory */
};

enum renderer_direction {
	RENDERER_TO_HOST, /* backing → resource */
	RENDERER_FROM_HOST, /* resource → backing */
};

struct renderer_box {
	uint32_t x, y, z, w, h, d;
};

struct renderer_transfer_args {
	enum renderer_direction direction;
	uint32_t context; /* 0: none */
	uint32_t resource;
	uint32_t level;
	uint32_t stride; /* of the backing; 0: as the format and the level's width imply */
	uint32_t layer_stride; /* 0: likewise */
	uint64_t offset; /* into the backing */
	struct renderer_box box;
};

/* Pixels of a resource's level 0, layer 0, as shown: row 0 on top, in DRM_FORMAT_XRGB8888 or
 * ARGB8888 (alpha kept where the resource has it). rect lies inside the resource. */
struct renderer_read_back_args {
	uint32_t resource;
	struct rect rect;
	uint32_t region;
	uint32_t stride; /* of the destination, at least 4 * rect.w */
	uint64_t
		offset; /* of the first pixel, in the region; stride * rect.h more bytes are there */
};

struct renderer_events {
	/* The renderer has died, or was given up. Open calls have been finished with -ECONNRESET
	 * before; nothing but destroy may be called after. Called from the loop. */
	void (*lost)(void *data, struct renderer *renderer);
	/* has_room() is true again. */
	void (*room)(void *data, struct renderer *renderer);
};

/* Members marked optional may be NULL; a caller uses the renderer_…() functions below, which finish
 * the call with -EOPNOTSUPP then. */
struct renderer_impl {
	const char *name;

	/* Open calls are finished with -ECONNRESET first. */
	void (*destroy)(struct renderer *renderer);
	/* Optional (always true): whether a further guest command may be started. A caller that asks
	 * first never sees submit_buffer() fail for lack of room. */
	bool (*has_room)(const struct renderer *renderer);
	/* Optional, all or none: for renderers that may hang. Milliseconds that calls (fences aside)
	 * have been open and none was finished; 0 when none is open. */
	uint64_t (*silent_ms)(const struct renderer *renderer);
	/* Milliseconds since the oldest open call, fences included, was started; 0: none is open. */
	uint64_t (*oldest_ms)(const struct renderer *renderer);
	/* No more is expected of it: lost() comes as if it had died, from there or from the loop. */
	void (*give_up)(struct renderer *renderer);

	/* Optional, both. A region is removed only when nothing is backed by it any more. */
	void (*region_add)(struct renderer *renderer, const struct renderer_region *region);
	void (*region_remove)(struct renderer *renderer, uint32_t id);

	/* Contexts: optional, all or none, with a way to submit. Destroying one finishes its fences
	 * (status 0) first. */
	void (*context_create)(struct renderer *renderer, const struct renderer_context_args *args,
		struct renderer_call *call);
	void (*context_destroy)(
		struct renderer *renderer, uint32_t context, struct renderer_call *call);
	void (*context_attach)(struct renderer *renderer, uint32_t context, uint32_t resource,
		struct renderer_call *call);
	void (*context_detach)(struct renderer *renderer, uint32_t context, uint32_t resource,
		struct renderer_call *call);

	/* Room for a command stream of size bytes (1..RENDERER_MAX_SUBMIT, a multiple of 4), to be
	 * filled and then handed over by submit(), before any other operation. NULL: no memory. */
	void *(*submit_buffer)(struct renderer *renderer, uint32_t size);
	void (*submit)(struct renderer *renderer, uint32_t context, uint32_t size,
		struct renderer_call *call);
	/* Optional, may stand in for both: submits a stream where it lies, in the caller's memory, with
	 * RENDERER_SUBMIT_PADDING zero bytes behind it. It may be overwritten by the renderer, and is
	 * not looked at after the operation has returned. */
	void (*submit_stream)(struct renderer *renderer, uint32_t context, void *stream,
		uint32_t size, struct renderer_call *call);

	void (*resource_create)(struct renderer *renderer,
		const struct renderer_resource_args *args, struct renderer_call *call);
	/* Optional. One of guest memory: its backing, of at least its size, is set before anything
	 * else is done with it. One of the renderer's: reply->memory, if it is to be mappable. */
	void (*resource_create_blob)(struct renderer *renderer,
		const struct renderer_blob_args *args, struct renderer_call *call);
	void (*resource_unref)(
		struct renderer *renderer, uint32_t resource, struct renderer_call *call);
	/* Replaces the backing; count 0 takes it away. The memory is not touched after the call that
	 * does so is finished. */
	void (*resource_set_backing)(struct renderer *renderer, uint32_t resource,
		const struct renderer_span *spans, uint32_t count, struct renderer_call *call);
	void (*transfer)(struct renderer *renderer, const struct renderer_transfer_args *args,
		struct renderer_call *call);

	/* Optional: copies pixels out, for a display. */
	void (*read_back)(struct renderer *renderer, const struct renderer_read_back_args *args,
		struct renderer_call *call);
	/* Optional: reply->image is a dma-buf of the resource. */
	void (*export_image)(
		struct renderer *renderer, uint32_t resource, struct renderer_call *call);
	/* Optional: the live pixels of a resource that lie in this process; not a new reference. */
	struct image *(*image)(struct renderer *renderer, uint32_t resource);

	/* The call is finished when all that was submitted before on this timeline is done: context
	 * and ring (0..63), or context 0 and RENDERER_GLOBAL_RING for all of the renderer. Fences of a
	 * timeline finish in order. Optional (finished at once). */
	void (*fence)(struct renderer *renderer, uint32_t context, int32_t ring,
		struct renderer_call *call);
};

/* The base of every renderer; implementations embed it first. */
struct renderer {
	const struct renderer_impl *impl;
	const struct renderer_events *events;
	void *events_data;
	bool can_export; /* export_image() can work */
	bool can_map; /* blobs of its own memory can be mapped */
	uint32_t capset_count;
	struct renderer_capset capsets[RENDERER_MAX_CAPSETS];
};

/* For implementations: sets the base up; asserts that the required operations are there. */
void renderer_init(struct renderer *renderer, const struct renderer_impl *impl,
	const struct renderer_events *events, void *events_data);
/* Frees what the base owns (capset data). */
void renderer_finish(struct renderer *renderer);
/* Adds a capset (data is copied). 0, -ENOSPC, -EINVAL (size, or the id is there already), -ENOMEM. */
int renderer_add_capset(struct renderer *renderer, uint32_t id, uint32_t max_version,
	const void *data, uint32_t size);

/* The capset with this id, or NULL. */
const struct renderer_capset *renderer_find_capset(const struct renderer *renderer, uint32_t id);

/* Finishes a call; NULL is fine (nobody wants to know). */
void renderer_call_done(struct renderer_call *call, int status, const struct renderer_reply *reply);

/* For callers: the operations, with the defaults of optional ones. destroy(NULL) is fine. */
void renderer_destroy(struct renderer *renderer);
bool renderer_has_room(const struct renderer *renderer);
uint64_t renderer_silent_ms(const struct renderer *renderer);
uint64_t renderer_oldest_ms(const struct renderer *renderer);
void renderer_give_up(struct renderer *renderer);
void renderer_region_add(struct renderer *renderer, const struct renderer_region *region);
void renderer_region_remove(struct renderer *renderer, uint32_t id);
void renderer_context_create(struct renderer *renderer, const struct renderer_context_args *args,
	struct renderer_call *call);
void renderer_context_destroy(
	struct renderer *renderer, uint32_t context, struct renderer_call *call);
void renderer_context_attach(
	struct renderer *renderer, uint32_t context, uint32_t resource, struct renderer_call *call);
void renderer_context_detach(
	struct renderer *renderer, uint32_t context, uint32_t resource, struct renderer_call *call);
void *renderer_submit_buffer(struct renderer *renderer, uint32_t size);
void renderer_submit(
	struct renderer *renderer, uint32_t context, uint32_t size, struct renderer_call *call);
/* Copies where the renderer only has submit_buffer() and submit(). */
void renderer_submit_stream(struct renderer *renderer, uint32_t context, void *stream,
	uint32_t size, struct renderer_call *call);
void renderer_resource_create(struct renderer *renderer, const struct renderer_resource_args *args,
	struct renderer_call *call);
void renderer_resource_create_blob(struct renderer *renderer, const struct renderer_blob_args *args,
	struct renderer_call *call);
void renderer_resource_unref(
	struct renderer *renderer, uint32_t resource, struct renderer_call *call);
void renderer_resource_set_backing(struct renderer *renderer, uint32_t resource,
	const struct renderer_span *spans, uint32_t count, struct renderer_call *call);
void renderer_transfer(struct renderer *renderer, const struct renderer_transfer_args *args,
	struct renderer_call *call);
void renderer_read_back(struct renderer *renderer, const struct renderer_read_back_args *args,
	struct renderer_call *call);
void renderer_export_image(
	struct renderer *renderer, uint32_t resource, struct renderer_call *call);
struct image *renderer_image(struct renderer *renderer, uint32_t resource);
void renderer_fence(
	struct renderer *renderer, uint32_t context, int32_t ring, struct renderer_call *call);
