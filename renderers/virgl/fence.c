/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/*
 * Fences. Every one gets an id of our own, from one counter for all timelines; the library says
 * that an id is done, and thereby all before it on the timeline. It says so on a thread of its
 * own, with locks held: the inbox takes that in without allocating, since it keeps but the newest
 * id of each timeline, and wakes the loop, which finishes the calls.
 *
 * An OpenGL context does its work in order, so it has one timeline: fences of all its rings are on
 * that. Others have a timeline for each ring.
 *
 * The global timeline gives back the lower 32 bits of an id only: it is the next such after the
 * oldest pending one, unless that has never been given out.
 */
#include <errno.h>
#include <poll.h>
#include <stdlib.h>

#include "loop/loop.h"
#include "util/log.h"
#include "virgl.h"

/* Where the library has no descriptor that tells of fences. */
#define POLL_MS 2u

#define SETTLE_MS 2000u

int virgl_inbox_reserve(struct virgl *virgl, uint32_t timelines)
{
	struct fence_inbox *inbox = &virgl->inbox;
	if (timelines <= inbox->capacity)
		return 0;
	int error = -ENOMEM;
	pthread_mutex_lock(&inbox->lock);
	struct fence_event *events = reallocarray(inbox->events, timelines, sizeof(*events));
	if (events) {
		inbox->events = events;
		inbox->capacity = timelines;
		error = 0;
	}
	pthread_mutex_unlock(&inbox->lock);
	return error;
}

static struct fence_event *find_event(
	const struct fence_inbox *inbox, uint32_t handle, uint32_t ring)
{
	for (uint32_t i = 0; i < inbox->count; i++)
		if (inbox->events[i].handle == handle && inbox->events[i].ring == ring)
			return &inbox->events[i];
	return NULL;
}

void virgl_inbox_forget(struct virgl *virgl, uint32_t handle)
{
	struct fence_inbox *inbox = &virgl->inbox;
	uint32_t kept = 0;
	pthread_mutex_lock(&inbox->lock);
	for (uint32_t i = 0; i < inbox->count; i++)
		if (inbox->events[i].handle != handle)
			inbox->events[kept++] = inbox->events[i];
	inbox->count = kept;
	pthread_mutex_unlock(&inbox->lock);
}

void virgl_fence_done(struct fence_inbox *inbox, uint32_t handle, uint32_t ring, uint64_t id)
{
	pthread_mutex_lock(&inbox->lock);
	struct fence_event *event = find_event(inbox, handle, ring);
	if (!event && inbox->count < inbox->capacity)
		event = &inbox->events[inbox->count++];
	if (event)
		*event = (struct fence_event){ .handle = handle, .ring = ring, .id = id };
	pthread_mutex_unlock(&inbox->lock);
	loop_waker_wake(inbox->waker);
}

static bool take_event(struct fence_inbox *inbox, struct fence_event *ret_event)
{
	pthread_mutex_lock(&inbox->lock);
	bool any = inbox->count > 0;
	if (any)
		*ret_event = inbox->events[--inbox->count];
	pthread_mutex_unlock(&inbox->lock);
	return any;
}

static struct fence *first_fence(const struct list *fences)
{
	return list_empty(fences) ? NULL : container_of(fences->next, struct fence, link);
}

/* Moves the fences up to id, and the failed ones behind them, to `done`. */
static void collect(struct list *fences, uint64_t id, struct list *done)
{
	struct fence *fence;
	while ((fence = first_fence(fences)) && (fence->id <= id || fence->status != 0)) {
		list_remove(&fence->link);
		list_append(done, &fence->link);
	}
}

static void collect_global(struct virgl *virgl, uint32_t low, struct list *done)
{
	const struct fence *oldest = first_fence(&virgl->fences);
	if (!oldest)
		return;
	uint64_t id = oldest->id + (uint32_t)(low - (uint32_t)oldest->id);
	if (id <= virgl->last_fence)
		collect(&virgl->fences, id, done);
}

static void finish_done(struct list *done)
{
	struct fence *fence;
	while ((fence = first_fence(done))) {
		struct renderer_call *call = fence->call;
		int status = fence->status;
		list_remove(&fence->link);
		free(fence);
		renderer_call_done(call, status, NULL);
	}
}

static void handle_inbox(void *data)
{
	struct virgl *virgl = data;
	struct fence_event event;
	struct list done;
	list_init(&done);
	while (take_event(&virgl->inbox, &event)) {
		if (event.handle == 0) {
			collect_global(virgl, (uint32_t)event.id, &done);
			continue;
		}
		struct context *context = idmap_find(&virgl->handles, event.handle);
		if (context && event.ring < CONTEXT_RINGS)
			collect(&context->fences[event.ring], event.id, &done);
	}
	finish_done(&done);
	virgl_contexts_bury(virgl);
}

bool virgl_context_fences_done(const struct context *context)
{
	for (uint32_t i = 0; i < CONTEXT_RINGS; i++)
		if (!list_empty(&context->fences[i]))
			return false;
	return true;
}

static bool any_pending(const struct virgl *virgl)
{
	if (!list_empty(&virgl->fences))
		return true;
	uint32_t position = 0;
	const struct context *context;
	while ((context = idmap_next(&virgl->handles, &position)))
		if (!virgl_context_fences_done(context))
			return true;
	return false;
}

static void handle_poll_fd(void *data, uint32_t events)
{
	library_poll();
}

static void handle_poll_timer(void *data)
{
	struct virgl *virgl = data;
	library_poll();
	handle_inbox(virgl);
	if (any_pending(virgl))
		loop_timer_arm(virgl->poll_timer, POLL_MS);
}

static void fail(struct list *fences, struct fence *fence, int error)
{
	fence->status = error;
	if (!list_empty(fences)) {
		list_append(fences, &fence->link);
		return;
	}
	struct renderer_call *call = fence->call;
	free(fence);
	renderer_call_done(call, error, NULL);
}

/* A timeline in the library: the global one (handle 0), or a ring of a context. */
struct timeline {
	struct list *fences;
	uint32_t handle;
	uint32_t ring;
};

static void add_fence(
	struct virgl *virgl, const struct timeline *timeline, struct renderer_call *call)
{
	struct list *fences = timeline->fences;
	struct fence *fence = calloc(1, sizeof(*fence));
	if (!fence) {
		renderer_call_done(call, -ENOMEM, NULL);
		return;
	}
	fence->id = ++virgl->last_fence;
	fence->call = call;
	int error = library_fence(timeline->handle, timeline->ring, fence->id);
	if (error) {
		fail(fences, fence, error);
		return;
	}
	list_append(fences, &fence->link);
	if (!virgl->poll)
		loop_timer_arm(virgl->poll_timer, POLL_MS);
}

static void add_context_fence(
	struct virgl *virgl, struct context *context, uint32_t ring, struct renderer_call *call)
{
	const struct timeline timeline = { &context->fences[ring], context->handle, ring };
	add_fence(virgl, &timeline, call);
}

void virgl_fence(struct renderer *renderer, uint32_t id, int32_t ring, struct renderer_call *call)
{
	struct virgl *virgl = virgl_from(renderer);
	if (id == 0 && ring == RENDERER_GLOBAL_RING) {
		add_fence(virgl, &(struct timeline){ &virgl->fences, 0, 0 }, call);
		return;
	}
	struct context *context = virgl_context_find(virgl, id);
	if (!context)
		renderer_call_done(call, -ENOENT, NULL);
	else if (ring < 0 || ring >= (int32_t)CONTEXT_RINGS)
		renderer_call_done(call, -EINVAL, NULL);
	else
		add_context_fence(virgl, context, context->opengl ? 0 : (uint32_t)ring, call);
}

/* Searched anew each time: done() may add fences. */
static struct renderer_call *take_call(const struct list *fences)
{
	list_for_each (link, fences) {
		struct fence *fence = container_of(link, struct fence, link);
		struct renderer_call *call = fence->call;
		fence->call = NULL;
		if (call)
			return call;
	}
	return NULL;
}

void virgl_fences_answer(struct list *fences, int status)
{
	struct renderer_call *call;
	while ((call = take_call(fences)))
		renderer_call_done(call, status, NULL);
}

void virgl_context_fences_answer(struct context *context, int status)
{
	for (uint32_t i = 0; i < CONTEXT_RINGS; i++)
		virgl_fences_answer(&context->fences[i], status);
}

void virgl_context_fences_drop(struct context *context)
{
	struct fence *fence;
	for (uint32_t i = 0; i < CONTEXT_RINGS; i++)
		while ((fence = first_fence(&context->fences[i]))) {
			list_remove(&fence->link);
			free(fence);
		}
}

/* The library can lose a fence of OpenGL that it waits for while any context is destroyed. A younger one
 * takes its place: it says that those before it are done. */
void virgl_fences_renew(struct virgl *virgl)
{
	if (!list_empty(&virgl->fences))
		add_fence(virgl, &(struct timeline){ &virgl->fences, 0, 0 }, NULL);
	uint32_t position = 0;
	struct context *context;
	while ((context = idmap_next(&virgl->handles, &position)))
		if (context->opengl && !list_empty(&context->fences[0]))
			add_context_fence(virgl, context, 0, NULL);
}

bool virgl_fences_settle(struct virgl *virgl)
{
	uint64_t end = loop_now_ms() + SETTLE_MS;
	virgl_fences_renew(virgl);
	handle_inbox(virgl);
	while (any_pending(virgl) && loop_now_ms() < end) {
		poll(NULL, 0, 1);
		library_poll();
		handle_inbox(virgl);
	}
	return !any_pending(virgl);
}

int virgl_inbox_init(struct virgl *virgl)
{
	struct fence_inbox *inbox = &virgl->inbox;
	inbox->waker = loop_add_waker(virgl->loop, handle_inbox, virgl);
	if (!inbox->waker)
		return -ENOMEM;
	pthread_mutex_init(&inbox->lock, NULL);
	int error = virgl_inbox_reserve(virgl, 1);
	if (error)
		virgl_inbox_finish(virgl);
	return error;
}

void virgl_inbox_finish(struct virgl *virgl)
{
	struct fence_inbox *inbox = &virgl->inbox;
	loop_source_destroy(inbox->waker);
	pthread_mutex_destroy(&inbox->lock);
	free(inbox->events);
}

int virgl_fences_init(struct virgl *virgl)
{
	virgl->poll_timer = loop_add_timer(virgl->loop, handle_poll_timer, virgl);
	if (!virgl->poll_timer)
		return -ENOMEM;
	int fd = library_poll_fd();
	if (fd < 0) {
		log_debug("virgl: fences are polled for");
		return 0;
	}
	virgl->poll = loop_add_fd(virgl->loop, fd, LOOP_READABLE, handle_poll_fd, virgl);
	if (!virgl->poll) {
		loop_source_destroy(virgl->poll_timer);
		return -ENOMEM;
	}
	return 0;
}

void virgl_fences_finish(struct virgl *virgl)
{
	loop_source_destroy(virgl->poll);
	loop_source_destroy(virgl->poll_timer);
}
