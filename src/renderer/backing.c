/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
#include "renderer/backing.h"

#include <string.h>

#include "util/checked.h"

uint64_t backing_size(const struct iovec *pieces, uint32_t count)
{
	uint64_t size = 0;
	for (uint32_t i = 0; i < count; i++)
		if (!checked_add(size, pieces[i].iov_len, &size))
			return UINT64_MAX;
	return size;
}

struct backing_cursor backing_start(const struct iovec *pieces, uint32_t count)
{
	return (struct backing_cursor){ .piece = pieces, .pieces = count };
}

/* The bytes left in the cursor's piece; never 0, unless all is at its end. */
static size_t piece_left(struct backing_cursor *cursor)
{
	while (cursor->pieces > 0) {
		size_t left = cursor->piece->iov_len - cursor->offset;
		if (left > 0)
			return left;
		cursor->piece++;
		cursor->pieces--;
		cursor->offset = 0;
	}
	return 0;
}

bool backing_skip(struct backing_cursor *cursor, uint64_t size)
{
	while (size > 0) {
		size_t left = piece_left(cursor);
		if (left == 0)
			return false;
		size_t step = (size_t)min_u64(left, size);
		cursor->offset += step;
		size -= step;
	}
	return true;
}

bool backing_copy(struct backing_cursor *cursor, enum renderer_direction direction, uint8_t *memory,
	size_t size)
{
	while (size > 0) {
		size_t left = piece_left(cursor);
		if (left == 0)
			return false;
		size_t step = min_size(left, size);
		uint8_t *piece = (uint8_t *)cursor->piece->iov_base + cursor->offset;
		if (direction == RENDERER_TO_HOST)
			memcpy(memory, piece, step);
		else
			memcpy(piece, memory, step);
		cursor->offset += step;
		memory += step;
		size -= step;
	}
	return true;
}
