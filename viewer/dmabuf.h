/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/*
 * A dma-buf that a head shows, or shared memory in place of one, read by the processor: rows of 32-bit pixels,
 * without a modifier.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "util/image.h"

struct dmabuf {
	int fd; /* owned; -1: none */
	uint8_t *map;
	size_t size;
	uint32_t width, height, stride; /* of all of it; stride in bytes */
	uint32_t x, y; /* of the part that is shown */
	bool bottom_up;
	bool swapped; /* x8b8g8r8 */
	uint32_t fourcc;
	bool shared_memory; /* nothing that others could show: it has to be read */
};

/* Nothing. */
void dmabuf_init(struct dmabuf *dmabuf);

/* Gives it back; another may follow. */
void dmabuf_finish(struct dmabuf *dmabuf);

/* Takes fd, whatever comes of it; geometry, and `fourcc` of DRM. 0; -ENOTSUP: another format; -EINVAL: it is too
 * small for that; -EPERM: it is shared memory that could be cut off; -errno of mmap. */
struct dmabuf_args {
	int fd;
	uint32_t width, height, stride;
	uint32_t x, y;
	bool bottom_up;
	bool shared_memory;
	uint32_t fourcc;
};
int dmabuf_open(struct dmabuf *dmabuf, const struct dmabuf_args *args);

/* Copies a part of what is shown to the same place of pixels (`width` in a row). rect is inside of the
 * part that is shown, and that of the dma-buf. Waits for the GPU that writes to it, if one does. */
void dmabuf_read(
	const struct dmabuf *dmabuf, const struct rect *rect, uint32_t *pixels, uint32_t width);
