/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/*
 * The renderer that gives guests OpenGL, and Vulkan, by means of virglrenderer. Files: virgl.c (the table of
 * operations), context.c, fence.c, resource.c, blob.c, transfer.c, stream.c, read_back.c, export.c,
 * capset.c, warm_up.c, server.c; library.c alone knows the library. All but the inbox of fence.c is on one
 * thread, which is the library's.
 *
 * Vulkan is not done here: the library passes it on to processes of its own, one for each context, which
 * a server (renderers/venus) starts. What of them comes here has to be believed no more than a guest.
 */
#pragma once

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/uio.h>

#include "library.h"
#include "renderer/regions.h"
#include "renderer/renderer.h"
#include "server.h"
#include "util/idmap.h"
#include "util/list.h"

struct loop;
struct loop_source;

struct virgl_args {
	struct loop *loop;
	int render_node; /* kept by the caller; -1: none, GL runs where EGL finds it */
	int server; /* taken: a socket to the server of Vulkan; -1: there is none */
	const struct renderer_events *events;
	void *events_data;
};

/* NULL when OpenGL cannot be had here, or there is one already (logged). */
struct renderer *virgl_renderer_create(const struct virgl_args *args);

/* --- private to this folder --- */

/* A fence that is not done; in the list of its timeline. */
struct fence {
	struct list link;
	uint64_t id; /* in the library; grows over all timelines */
	int status; /* not 0: never reached the library, waits for those before it */
	struct renderer_call *call; /* may be NULL */
};

#define CAPSET_VIRGL  1u
#define CAPSET_VIRGL2 2u
#define CAPSET_VENUS  4u
#define CAPSET_DRM    6u
#define CONTEXT_RINGS 64u

struct context {
	uint32_t id; /* the guest's */
	uint32_t handle; /* the library's: a context that is being destroyed keeps it */
	bool opengl; /* works in order, whatever the ring: has but the first list of fences */
	bool vulkan; /* lives in a process of its own */
	struct list fences[CONTEXT_RINGS]; /* as the library finishes them */
	struct list dying; /* virgl::dying, or empty */
	bool given_up; /* when dying: nobody waits for it any more */
	struct renderer_call *destroyed; /* when dying; may be NULL */
};

struct resource {
	struct renderer_resource_args args; /* of a blob only the id */
	struct renderer_blob_args blob; /* size 0: it is none */
	bool in_library; /* a blob is when it has been backed for the first time */
	struct iovec *pieces; /* of the backing, in use by the library; NULL: none */
	uint32_t piece_count;
	uint64_t backing_size;
	uint32_t stride; /* of level 0; 0: not asked yet */
};

/* What the library says from its threads, one entry for each timeline at most. */
struct fence_inbox {
	pthread_mutex_t lock;
	struct fence_event {
		uint32_t handle; /* 0: global */
		uint32_t ring;
		uint64_t id;
	} *events;
	uint32_t count;
	uint32_t capacity; /* at least one for each timeline in the library */
	struct loop_source *waker;
};

struct virgl {
	struct renderer base;
	struct loop *loop;
	struct library *library;
	struct server server;
	struct regions regions;
	struct idmap resources; /* struct resource by id */
	struct idmap contexts; /* struct context by id, without the dying */
	struct idmap handles; /* struct context by handle, with the dying */
	uint32_t last_handle;

	struct list fences; /* of the global timeline */
	uint64_t last_fence;
	struct list dying; /* contexts whose fences are awaited */
	struct fence_inbox inbox;
	struct loop_source *poll; /* descriptor of the library, or NULL: then the timer */
	struct loop_source *poll_timer;
	struct loop_source *give_up_timer; /* on the dying */

	uint8_t *strip; /* pixels on their way to another format; NULL until needed */
};

static inline struct virgl *virgl_from(struct renderer *renderer)
{
	return container_of(renderer, struct virgl, base);
}

/* capset.c: offers what the library has. 0 or -errno. */
int virgl_capsets_init(struct virgl *virgl);

/* context.c */
int virgl_contexts_init(struct virgl *virgl);
void virgl_contexts_finish(struct virgl *virgl);
struct context *virgl_context_find(struct virgl *virgl, uint32_t id);
/* Destroys every context; their fences and the calls of those that are dying are finished with -ECONNRESET. */
void virgl_contexts_drop(struct virgl *virgl);
/* Ends those of the dying whose last fence is done. */
void virgl_contexts_bury(struct virgl *virgl);
void virgl_context_create(struct renderer *renderer, const struct renderer_context_args *args,
	struct renderer_call *call);
void virgl_context_destroy(struct renderer *renderer, uint32_t id, struct renderer_call *call);
void virgl_context_attach(
	struct renderer *renderer, uint32_t context, uint32_t resource, struct renderer_call *call);
void virgl_context_detach(
	struct renderer *renderer, uint32_t context, uint32_t resource, struct renderer_call *call);
void virgl_submit_stream(struct renderer *renderer, uint32_t context, void *stream, uint32_t size,
	struct renderer_call *call);

/* fence.c. The inbox is there before the library is, which calls virgl_fence_done() with it. */
int virgl_inbox_init(struct virgl *virgl);
void virgl_inbox_finish(struct virgl *virgl);
void virgl_fence_done(struct fence_inbox *inbox, uint32_t handle, uint32_t ring, uint64_t id);
/* Room for so many timelines. 0 or -ENOMEM. */
int virgl_inbox_reserve(struct virgl *virgl, uint32_t timelines);
/* Forgets what was said of a context that is no more. */
void virgl_inbox_forget(struct virgl *virgl, uint32_t handle);
int virgl_fences_init(struct virgl *virgl);
void virgl_fences_finish(struct virgl *virgl);
/* Finishes the calls of a timeline's fences at once; the fences stay until the library is done. */
void virgl_fences_answer(struct list *fences, int status);
/* The same for all of a context. */
void virgl_context_fences_answer(struct context *context, int status);
/* Forgets fences that the library has forgotten, which have been answered. */
void virgl_context_fences_drop(struct context *context);
bool virgl_context_fences_done(const struct context *context);
/* Asks the library again for the fences of every timeline. */
void virgl_fences_renew(struct virgl *virgl);
/* Blocks until the library has no fence left; false when that takes too long. */
bool virgl_fences_settle(struct virgl *virgl);
void virgl_fence(
	struct renderer *renderer, uint32_t context, int32_t ring, struct renderer_call *call);

/* resource.c */
struct resource *virgl_resource_find(struct virgl *virgl, uint32_t id);
void virgl_resources_drop(struct virgl *virgl);
void virgl_resource_create(struct renderer *renderer, const struct renderer_resource_args *args,
	struct renderer_call *call);
void virgl_resource_create_blob(struct renderer *renderer, const struct renderer_blob_args *args,
	struct renderer_call *call);
void virgl_resource_unref(struct renderer *renderer, uint32_t id, struct renderer_call *call);
void virgl_resource_set_backing(struct renderer *renderer, uint32_t id,
	const struct renderer_span *spans, uint32_t count, struct renderer_call *call);

/* blob.c: a blob of memory of the library's, in a resource that has just been made; what is said of
 * memory is an answer's. 0 or -errno. */
int virgl_blob_create(
	struct virgl *virgl, struct resource *resource, struct renderer_memory *ret_memory);

/* transfer.c */
void virgl_transfer(struct renderer *renderer, const struct renderer_transfer_args *args,
	struct renderer_call *call);

/* 0, or -EINVAL when the box is not in the resource, which may have no boxes, or the library
 * cannot compute its size. */
int virgl_transfer_check(struct resource *resource, const struct renderer_transfer_args *args);

/* stream.c: whether a command stream may go to the library. */
bool virgl_stream_is_sane(struct virgl *virgl, const uint8_t *stream, uint32_t size);

/* read_back.c */
void virgl_read_back(struct renderer *renderer, const struct renderer_read_back_args *args,
	struct renderer_call *call);

/* warm_up.c: draws something and looks at it, before there are guests. 0, or -errno (logged). */
int virgl_warm_up(void);

/* export.c */
/* Whether a dma-buf can really be had: tries it once. */
bool virgl_export_works(struct virgl *virgl);
void virgl_export_image(struct renderer *renderer, uint32_t resource, struct renderer_call *call);
