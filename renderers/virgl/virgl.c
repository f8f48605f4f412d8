/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
#include "virgl.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "loop/loop.h"
#include "util/fd.h"
#include "util/log.h"

static void virgl_region_add(struct renderer *renderer, const struct renderer_region *region)
{
	int error =
		regions_add(&virgl_from(renderer)->regions, region->id, region->base, region->size);
	if (error)
		log_limited(LOG_WARN, "virgl: memory region %u is left out: %s", region->id,
			strerror(-error));
}

static void virgl_region_remove(struct renderer *renderer, uint32_t id)
{
	uint64_t size;
	regions_remove(&virgl_from(renderer)->regions, id, &size);
}

static void virgl_destroy(struct renderer *renderer)
{
	struct virgl *virgl = virgl_from(renderer);
	virgl_fences_answer(&virgl->fences, -ECONNRESET);
	virgl_contexts_drop(virgl);
	virgl_resources_drop(virgl);
	if (!virgl_fences_settle(virgl)) {
		/* Its threads may still call us: everything must stay. */
		log_warn("virgl: GL does not finish; not waiting for it any longer");
		return;
	}
	virgl_contexts_finish(virgl);
	virgl_fences_finish(virgl);
	library_destroy(virgl->library);
	server_finish(&virgl->server);
	virgl_inbox_finish(virgl);
	idmap_finish(&virgl->resources);
	renderer_finish(&virgl->base);
	free(virgl->strip);
	free(virgl);
}

static const struct renderer_impl virgl_impl = {
	.name = "virgl",
	.destroy = virgl_destroy,
	.region_add = virgl_region_add,
	.region_remove = virgl_region_remove,
	.context_create = virgl_context_create,
	.context_destroy = virgl_context_destroy,
	.context_attach = virgl_context_attach,
	.context_detach = virgl_context_detach,
	.submit_stream = virgl_submit_stream,
	.resource_create = virgl_resource_create,
	.resource_create_blob = virgl_resource_create_blob,
	.resource_unref = virgl_resource_unref,
	.resource_set_backing = virgl_resource_set_backing,
	.transfer = virgl_transfer,
	.read_back = virgl_read_back,
	.export_image = virgl_export_image,
	.fence = virgl_fence,
};

static void fence_done(void *data, uint32_t handle, uint32_t ring, uint64_t id)
{
	struct virgl *virgl = data;
	virgl_fence_done(&virgl->inbox, handle, ring, id);
}

/* Whether there is Vulkan is known first: the library does not start well a second time in other ways. */
static int start_library(struct virgl *virgl, int render_node)
{
	const struct library_args args = {
		.render_node = render_node,
		.fence_done = fence_done,
		.server = server_take(&virgl->server),
		.data = virgl,
	};
	virgl->library = library_create(&args);
	if (!virgl->library)
		return -ENODEV;
	/* one that Vulkan did not start with is not missed when it ends */
	if (!library_has_vulkan(virgl->library))
		server_finish(&virgl->server);
	return 0;
}

/* Contexts of Vulkan are gone with it, and no more can be had: all begins anew. */
static void server_lost(void *data)
{
	struct virgl *virgl = data;
	const struct renderer_events *events = virgl->base.events;
	if (events && events->lost)
		events->lost(virgl->base.events_data, &virgl->base);
}

struct renderer *virgl_renderer_create(const struct virgl_args *args)
{
	_cleanup_fd_ int server = args->server;
	struct virgl *virgl = calloc(1, sizeof(*virgl));
	if (!virgl)
		return NULL;
	renderer_init(&virgl->base, &virgl_impl, args->events, args->events_data);
	virgl->loop = args->loop;
	server_init(&virgl->server, fd_steal(&server));
	regions_init(&virgl->regions);
	idmap_init(&virgl->resources);
	idmap_init(&virgl->contexts);
	idmap_init(&virgl->handles);
	list_init(&virgl->fences);
	list_init(&virgl->dying);
	if (virgl_inbox_init(virgl) < 0)
		goto fail_inbox;
	if (start_library(virgl, args->render_node) < 0)
		goto fail_library;
	if (virgl_capsets_init(virgl) < 0)
		goto fail_capsets;
	if (virgl_fences_init(virgl) < 0)
		goto fail_capsets;
	if (virgl_contexts_init(virgl) < 0)
		goto fail_contexts;
	if (server_watch(&virgl->server, args->loop, server_lost, virgl) < 0)
		goto fail_watch;
	virgl->base.can_export = virgl_export_works(virgl);
	virgl->base.can_map =
		library_has_vulkan(virgl->library) || library_has_node(virgl->library);
	virgl_warm_up();
	return &virgl->base;

fail_watch:
	virgl_contexts_finish(virgl);
fail_contexts:
	virgl_fences_finish(virgl);
fail_capsets:
	library_destroy(virgl->library);
fail_library:
	virgl_inbox_finish(virgl);
fail_inbox:
	server_finish(&virgl->server);
	renderer_finish(&virgl->base);
	free(virgl);
	return NULL;
}
