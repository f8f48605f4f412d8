/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/*
 * 2D resources in memory of this process: the renderer that is always there, and the reference for
 * what TRANSFER_TO_HOST_2D means. No contexts. Every call is finished before its operation returns.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct renderer;

/* max_bytes: what all resources together may take; creating more fails with -ENOMEM. Resources are
 * textures of one level in the eight formats that virtio's 2D commands name, each side at most
 * IMAGE_MAX_SIDE; others fail with -EINVAL. NULL when memory is short. */
struct renderer *software_renderer_create(uint64_t max_bytes);

/* Drops all resources (not regions). renderer: made by software_renderer_create(). */
void software_renderer_reset(struct renderer *renderer);

/* The DRM fourcc of a virtio format with 4 bytes a pixel, or 0 when it is none of the eight. */
uint32_t software_format_fourcc(uint32_t virtio_format);
