/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
#include "kit/conform/gl.h"

#include <stdlib.h>

/* Handles of surfaces: any number above those that cases use themselves. */
#define SURFACE_BASE 0x10000u

void gl_context(struct kit_machine *machine, uint32_t ctx_id)
{
	/* 0: OpenGL, also where contexts have no type */
	CHECK_GOOD(machine, kit_gpu_ctx_create(&machine->gpu, ctx_id, 0, "conform"));
}

struct kit_machine *gl_machine(struct conform *c)
{
	struct kit_machine *machine = conform_machine(c, NULL);
	gl_context(machine, GL_CONTEXT);
	return machine;
}

struct virtio_gpu_resource_create_3d gl_texture_args(
	uint32_t id, uint32_t format, uint32_t width, uint32_t height)
{
	return (struct virtio_gpu_resource_create_3d){
		.resource_id = id,
		.target = KIT_VIRGL_2D,
		.format = format,
		.bind = KIT_VIRGL_RENDER_TARGET | KIT_VIRGL_SAMPLER_VIEW,
		.width = width,
		.height = height,
		.depth = 1,
		.array_size = 1,
	};
}

struct virtio_gpu_resource_create_3d gl_framebuffer_args(
	uint32_t id, uint32_t format, uint32_t width, uint32_t height)
{
	struct virtio_gpu_resource_create_3d args = gl_texture_args(id, format, width, height);
	args.bind |= KIT_VIRGL_SCANOUT;
	args.flags = VIRTIO_GPU_RESOURCE_FLAG_Y_0_TOP;
	return args;
}

struct kit_surface gl_resource(struct kit_machine *machine,
	const struct virtio_gpu_resource_create_3d *args, uint64_t size, uint32_t chunk)
{
	struct kit_surface surface = { 0 };
	CHECK_GOOD(machine, kit_gpu_create_3d(&machine->gpu, *args));
	CHECK_GOOD(
		machine, kit_surface_back(&machine->gpu, &surface, args->resource_id, size, chunk));
	surface.format = args->format;
	surface.width = args->width;
	surface.height = args->height;
	CHECK_GOOD(machine, kit_gpu_ctx_attach(&machine->gpu, GL_CONTEXT, args->resource_id));
	return surface;
}

struct kit_surface gl_texture(
	struct kit_machine *machine, uint32_t id, uint32_t format, uint32_t width, uint32_t height)
{
	const struct virtio_gpu_resource_create_3d args =
		gl_texture_args(id, format, width, height);
	return gl_resource(machine, &args, (uint64_t)width * height * 4, 0);
}

struct kit_surface gl_framebuffer(
	struct kit_machine *machine, uint32_t id, uint32_t format, uint32_t width, uint32_t height)
{
	const struct virtio_gpu_resource_create_3d args =
		gl_framebuffer_args(id, format, width, height);
	return gl_resource(machine, &args, (uint64_t)width * height * 4, 0);
}

struct kit_virgl_box gl_whole(const struct kit_surface *surface)
{
	return (struct kit_virgl_box){
		.resource = surface->id, .w = surface->width, .h = surface->height, .d = 1
	};
}

static struct virtio_gpu_transfer_host_3d transfer_of(
	const struct kit_virgl_box *box, uint64_t offset)
{
	return (struct virtio_gpu_transfer_host_3d){
		.box = { box->x, box->y, box->z, box->w, box->h, box->d },
		.offset = offset,
		.resource_id = box->resource,
		.level = box->level,
	};
}

int gl_upload(struct kit_machine *machine, const struct kit_virgl_box *box, uint64_t offset)
{
	return kit_gpu_transfer_to_3d(&machine->gpu, GL_CONTEXT, transfer_of(box, offset));
}

int gl_download(struct kit_machine *machine, const struct kit_virgl_box *box, uint64_t offset)
{
	return kit_gpu_transfer_from_3d(&machine->gpu, GL_CONTEXT, transfer_of(box, offset));
}

void gl_check_picture(struct kit_machine *machine, struct kit_surface *surface,
	const struct kit_picture *expected)
{
	struct kit_virgl_box whole = gl_whole(surface);
	uint8_t *bytes = calloc(1, surface->size);
	CHECK(bytes);
	kit_surface_write(surface, 0, bytes, surface->size);
	CHECK_GOOD(machine, gl_download(machine, &whole, 0));
	kit_surface_read(surface, 0, bytes, surface->size);
	for (uint32_t i = 0; i < surface->width * surface->height; i++) {
		uint32_t pixel = kit_pixel_decode(surface->format, bytes + (size_t)i * 4);
		if (pixel != expected->pixels[i])
			kit_check_failed(KIT_HERE, "resource %u: pixel %u,%u is %06x, not %06x",
				surface->id, i % surface->width, i / surface->width, pixel,
				expected->pixels[i]);
	}
	free(bytes);
}

void gl_clear(struct kit_machine *machine, const struct kit_surface *surface, uint32_t color)
{
	struct kit_virgl *stream = calloc(1, sizeof(*stream));
	CHECK(stream);
	kit_virgl_surface(stream, SURFACE_BASE + surface->id, surface->id, surface->format);
	kit_virgl_framebuffer(stream, SURFACE_BASE + surface->id);
	kit_virgl_clear(stream, color);
	CHECK_GOOD(machine, kit_virgl_submit(&machine->gpu, GL_CONTEXT, stream));
	free(stream);
}
