/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/* What cases of blobs share: blobs of guest memory with a picture in them. */
#pragma once

#include "kit/conform/conform.h"

/* A machine whose driver knows of no alignment, as Linux's did not for years: blobs are whole pages. */
struct kit_machine *blob_machine(struct conform *c);

/* The same without these features. */
struct kit_machine *blob_machine_without(struct conform *c, uint64_t unwanted);

/* A picture of these sides in B8G8R8X8, without gaps, and all of it is to be shown. */
struct virtio_gpu_set_scanout_blob blob_plain(uint32_t id, uint32_t width, uint32_t height);

/* A blob for such a picture; for another one, in chunks (0: one). */
struct kit_surface blob_surface(
	struct kit_machine *machine, uint32_t id, uint32_t width, uint32_t height);
struct kit_surface blob_surface_like(struct kit_machine *machine,
	const struct virtio_gpu_set_scanout_blob *like, uint32_t chunk);

struct virtio_gpu_rect blob_whole(const struct kit_surface *surface);

/* A pattern that is drawn into it is what scanout 0 shows. */
void blob_check_shown(struct kit_machine *machine, struct kit_surface *surface, uint32_t seed);
