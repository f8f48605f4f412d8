/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/* Resources as dma-bufs. Drivers may announce what then fails, so it is tried once at the start. */
#include <errno.h>

#include "util/fd.h"
#include "virgl.h"

#define TRIAL_RESOURCE 1u /* at a time when no guest has one */
#define TRIAL_SIDE     64u

#define TARGET_2D    2u
#define FORMAT_BGRX  2u
#define BIND_RENDER  (1u << 1)
#define BIND_SAMPLER (1u << 3)
#define BIND_SCANOUT (1u << 18)

bool virgl_export_works(struct virgl *virgl)
{
	const struct renderer_resource_args args = {
		.id = TRIAL_RESOURCE,
		.target = TARGET_2D,
		.format = FORMAT_BGRX,
		.bind = BIND_RENDER | BIND_SAMPLER | BIND_SCANOUT,
		.width = TRIAL_SIDE,
		.height = TRIAL_SIDE,
		.depth = 1,
		.array_size = 1,
	};
	if (library_resource_create(&args) != 0)
		return false;
	struct image image;
	bool works = library_export(TRIAL_RESOURCE, &image) == 0;
	if (works)
		fd_close(&image.fds[0]);
	library_resource_unref(TRIAL_RESOURCE);
	return works;
}

static int export_image(struct virgl *virgl, uint32_t id, struct image **ret_image)
{
	if (!virgl_resource_find(virgl, id))
		return -ENOENT;
	if (!virgl->base.can_export)
		return -EOPNOTSUPP;
	struct image like;
	int error = library_export(id, &like);
	if (error)
		return error;
	struct image *image = image_create_foreign(&like, NULL, NULL);
	if (!image) {
		fd_close(&like.fds[0]);
		return -ENOMEM;
	}
	*ret_image = image;
	return 0;
}

void virgl_export_image(struct renderer *renderer, uint32_t resource, struct renderer_call *call)
{
	struct renderer_reply reply;
	int error = export_image(virgl_from(renderer), resource, &reply.image);
	if (error) {
		renderer_call_done(call, error, NULL);
		return;
	}
	renderer_call_done(call, 0, &reply);
	image_unref(reply.image);
}
