/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/*
 * The memory that a resource is backed by: pieces, read or written from front to back. It is shared
 * with a guest that may change it at any time, so nothing but plain bytes is copied from it.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>

#include "renderer/renderer.h"

/* Where a copy stands; moves forward only. */
struct backing_cursor {
	const struct iovec *piece;
	uint32_t pieces; /* from `piece` on */
	size_t offset; /* in `piece`; at most its length */
};

/* All pieces together; UINT64_MAX when that does not fit. */
uint64_t backing_size(const struct iovec *pieces, uint32_t count);

/* A cursor at the first byte. */
struct backing_cursor backing_start(const struct iovec *pieces, uint32_t count);

/* Moves on by size bytes. False, with the cursor at the end, when there are not so many. */
bool backing_skip(struct backing_cursor *cursor, uint64_t size);

/* Copies size bytes from the cursor on to memory (RENDERER_TO_HOST), or from it, and moves on.
 * False when the pieces end before (what was there has been copied). */
bool backing_copy(struct backing_cursor *cursor, enum renderer_direction direction, uint8_t *memory,
	size_t size);
