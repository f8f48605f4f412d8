/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
#include "kit/conform/blob.h"

struct kit_machine *blob_machine_without(struct conform *c, uint64_t unwanted)
{
	return conform_machine(c,
		&(struct kit_machine_spec){
			.unwanted = unwanted | CONFORM_FEATURE(GPU_F_BLOB_ALIGNMENT) });
}

struct kit_machine *blob_machine(struct conform *c)
{
	return blob_machine_without(c, 0);
}

struct virtio_gpu_set_scanout_blob blob_plain(uint32_t id, uint32_t width, uint32_t height)
{
	return (struct virtio_gpu_set_scanout_blob){
		.r = { .width = width, .height = height },
		.resource_id = id,
		.width = width,
		.height = height,
		.format = VIRTIO_GPU_FORMAT_B8G8R8X8_UNORM,
		.strides = { width * 4 },
	};
}

struct kit_surface blob_surface_like(
	struct kit_machine *machine, const struct virtio_gpu_set_scanout_blob *like, uint32_t chunk)
{
	struct kit_surface surface = { 0 };
	CHECK_GOOD(machine, kit_surface_create_blob(&machine->gpu, &surface, like, chunk));
	return surface;
}

struct kit_surface blob_surface(
	struct kit_machine *machine, uint32_t id, uint32_t width, uint32_t height)
{
	const struct virtio_gpu_set_scanout_blob like = blob_plain(id, width, height);
	return blob_surface_like(machine, &like, 0);
}

struct virtio_gpu_rect blob_whole(const struct kit_surface *surface)
{
	return kit_rect(0, 0, surface->width, surface->height);
}

void blob_check_shown(struct kit_machine *machine, struct kit_surface *surface, uint32_t seed)
{
	struct kit_picture *picture = conform_pattern(surface->width, surface->height, seed);
	CHECK_GOOD(machine, kit_surface_set_scanout(surface, 0, blob_whole(surface)));
	conform_show(machine, surface, picture);
	CHECK_PICTURE(machine, 0, picture);
	kit_picture_destroy(picture);
}
