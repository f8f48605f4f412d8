/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/*
 * dma-bufs of guest memory, by the kernel's udmabuf device: for displays that show a blob without
 * a copy and for other devices that are to use it.
 */
#pragma once

#include <stdint.h>

struct gpu_spans;

#define GPU_UDMABUF_PATH "/dev/udmabuf"

#define GPU_UDMABUF_PIECES 1024u /* the kernel's own limit, unless it was told another one */

/* Makes a dma-buf of the pages of the first `size` bytes of the spans (which have as many);
 * device is /dev/udmabuf. Returns a descriptor (the caller's), -EINVAL when pieces are not whole
 * pages, -E2BIG when there are too many, -ENOMEM, or what the kernel says: it takes sealed memfds
 * only. */
int gpu_udmabuf_create(int device, const struct gpu_spans *spans, uint64_t size);
