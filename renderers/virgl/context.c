/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/*
 * Contexts. The library forgets the fences of a context that is destroyed and may still be
 * looking at it while it waits for one. So a context with pending fences is put aside: it keeps
 * its handle in the library until the last fence is done, while the guest may use its id again at
 * once. After GIVE_UP_MS the guest's fences are finished without the library, but the context
 * still stays.
 *
 * A context of Vulkan is in another process, which is ended at once: its fences are all done then.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "loop/loop.h"
#include "util/checked.h"
#include "virgl.h"

#define GIVE_UP_MS 1000u

/* The library takes handles as int. */
#define MAX_HANDLE 0x7fffffffu

struct context *virgl_context_find(struct virgl *virgl, uint32_t id)
{
	return idmap_find(&virgl->contexts, id);
}

static uint32_t new_handle(struct virgl *virgl)
{
	do
		virgl->last_handle = virgl->last_handle % MAX_HANDLE + 1;
	while (idmap_find(&virgl->handles, virgl->last_handle));
	return virgl->last_handle;
}

static int create_context(struct virgl *virgl, const struct renderer_context_args *args)
{
	if (virgl_context_find(virgl, args->id))
		return -EEXIST;
	if (!renderer_find_capset(&virgl->base, args->capset))
		return -EINVAL;
	int error = virgl_inbox_reserve(virgl, (virgl->handles.count + 1) * CONTEXT_RINGS + 1);
	if (error)
		return error;
	struct context *context = calloc(1, sizeof(*context));
	if (!context)
		return -ENOMEM;
	context->id = args->id;
	context->handle = new_handle(virgl);
	context->opengl = args->capset == CAPSET_VIRGL || args->capset == CAPSET_VIRGL2;
	context->vulkan = args->capset == CAPSET_VENUS;
	for (uint32_t i = 0; i < CONTEXT_RINGS; i++)
		list_init(&context->fences[i]);
	list_init(&context->dying);

	char name[sizeof(args->name)];
	memcpy(name, args->name, sizeof(name));
	name[sizeof(name) - 1] = '\0';
	error = idmap_insert(&virgl->contexts, context->id, context);
	if (error)
		goto fail_contexts;
	error = idmap_insert(&virgl->handles, context->handle, context);
	if (error)
		goto fail_handles;
	error = library_context_create(context->handle, args->capset, name);
	if (error)
		goto fail_create;
	return 0;

fail_create:
	idmap_remove(&virgl->handles, context->handle);
fail_handles:
	idmap_remove(&virgl->contexts, context->id);
fail_contexts:
	free(context);
	return error;
}

void virgl_context_create(struct renderer *renderer, const struct renderer_context_args *args,
	struct renderer_call *call)
{
	renderer_call_done(call, create_context(virgl_from(renderer), args), NULL);
}

/* No fence of it may be pending in the library. */
static void bury(struct virgl *virgl, struct context *context)
{
	struct renderer_call *destroyed = context->destroyed;
	list_remove(&context->dying);
	idmap_remove(&virgl->handles, context->handle);
	library_context_destroy(context->handle);
	virgl_inbox_forget(virgl, context->handle);
	virgl_fences_renew(virgl);
	free(context);
	renderer_call_done(destroyed, 0, NULL);
}

/* Searched anew each time: what bury() finishes may change the list. */
static struct context *find_dead(const struct virgl *virgl)
{
	list_for_each (link, &virgl->dying) {
		struct context *context = container_of(link, struct context, dying);
		if (virgl_context_fences_done(context))
			return context;
	}
	return NULL;
}

void virgl_contexts_bury(struct virgl *virgl)
{
	struct context *context;
	while ((context = find_dead(virgl)))
		bury(virgl, context);
}

/* Finishes what waits for a dying context, which stays for the library's sake. */
static void give_up(struct context *context, int status)
{
	struct renderer_call *destroyed = context->destroyed;
	context->destroyed = NULL;
	context->given_up = true;
	virgl_context_fences_answer(context, status);
	renderer_call_done(destroyed, status, NULL);
}

static struct context *find_awaited(const struct virgl *virgl)
{
	list_for_each (link, &virgl->dying) {
		struct context *context = container_of(link, struct context, dying);
		if (!context->given_up)
			return context;
	}
	return NULL;
}

static void give_up_all(struct virgl *virgl, int status)
{
	struct context *context;
	while ((context = find_awaited(virgl)))
		give_up(context, status);
}

static void handle_give_up(void *data)
{
	give_up_all(data, 0);
}

int virgl_contexts_init(struct virgl *virgl)
{
	virgl->give_up_timer = loop_add_timer(virgl->loop, handle_give_up, virgl);
	return virgl->give_up_timer ? 0 : -ENOMEM;
}

void virgl_contexts_finish(struct virgl *virgl)
{
	loop_source_destroy(virgl->give_up_timer);
	idmap_finish(&virgl->contexts);
	idmap_finish(&virgl->handles);
}

/* From now on the guest knows nothing of it. */
static void put_aside(struct virgl *virgl, struct context *context, struct renderer_call *call)
{
	idmap_remove(&virgl->contexts, context->id);
	list_append(&virgl->dying, &context->dying);
	context->destroyed = call;
	if (!context->vulkan)
		return;
	virgl_context_fences_answer(context, 0);
	virgl_context_fences_drop(context);
}

void virgl_contexts_drop(struct virgl *virgl)
{
	uint32_t position = 0;
	struct context *context;
	while ((context = idmap_next(&virgl->contexts, &position))) {
		put_aside(virgl, context, NULL);
		position = 0;
	}
	give_up_all(virgl, -ECONNRESET);
	virgl_contexts_bury(virgl);
}

void virgl_context_destroy(struct renderer *renderer, uint32_t id, struct renderer_call *call)
{
	struct virgl *virgl = virgl_from(renderer);
	struct context *context = virgl_context_find(virgl, id);
	if (!context) {
		renderer_call_done(call, -ENOENT, NULL);
		return;
	}
	put_aside(virgl, context, call);
	if (virgl_context_fences_done(context))
		bury(virgl, context);
	else
		loop_timer_arm(virgl->give_up_timer, GIVE_UP_MS);
}

void virgl_context_attach(
	struct renderer *renderer, uint32_t id, uint32_t resource, struct renderer_call *call)
{
	struct virgl *virgl = virgl_from(renderer);
	const struct context *context = virgl_context_find(virgl, id);
	if (context && virgl_resource_find(virgl, resource)) {
		library_context_attach(context->handle, resource);
		renderer_call_done(call, 0, NULL);
	} else {
		renderer_call_done(call, -ENOENT, NULL);
	}
}

void virgl_context_detach(
	struct renderer *renderer, uint32_t id, uint32_t resource, struct renderer_call *call)
{
	struct virgl *virgl = virgl_from(renderer);
	const struct context *context = virgl_context_find(virgl, id);
	if (context && virgl_resource_find(virgl, resource)) {
		library_context_detach(context->handle, resource);
		renderer_call_done(call, 0, NULL);
	} else {
		renderer_call_done(call, -ENOENT, NULL);
	}
}

static int submit(struct virgl *virgl, uint32_t id, const void *stream, uint32_t size)
{
	const struct context *context = virgl_context_find(virgl, id);
	if (!context)
		return -ENOENT;
	if (size == 0 || size > RENDERER_MAX_SUBMIT || size % 4 != 0 ||
		(context->opengl && !virgl_stream_is_sane(virgl, stream, size)))
		return -EINVAL;
	return library_submit(context->handle, stream, size);
}

void virgl_submit_stream(struct renderer *renderer, uint32_t context, void *stream, uint32_t size,
	struct renderer_call *call)
{
	renderer_call_done(call, submit(virgl_from(renderer), context, stream, size), NULL);
}
