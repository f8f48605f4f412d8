/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/*
 * The piece of an image in scattered memory that has a byte: of any number of pieces, at any places, the one is found
 * that begins there or before and is the last that does or is followed by one that begins behind, and the
 * search ends. Pieces need not even be in order for that.
 *
 * #proof
 * #loops
 * #bug src/util/image.c: if (image->pieces[middle].start <= offset) => if (image->pieces[middle].start < offset)
 * #bug src/util/image.c: first = middle; => first = middle + 1;
 * #bug src/util/image.c: end = middle; => end = middle - 1;
 * #bug src/util/image.c: while (end - first > 1) => while (end - first > 0)
 */
#include "util/image.c"

#include "proof.h"

void proof(void)
{
	struct image image;
	assume(image.piece_count >= 1 && image.piece_count <= UINT32_C(1) << 24);
	struct image_piece *pieces = any_memory(image.piece_count * sizeof(*pieces));
	image.pieces = pieces;
	assume(pieces[0].start == 0);
	uint64_t offset = nondet_u64();
	uint32_t found = find_piece(&image, offset);
	prove(found < image.piece_count && pieces[found].start <= offset);
	prove(found + 1 == image.piece_count || pieces[found + 1].start > offset);
	free(pieces);
}
