/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/*
 * The answer of a request of any size, into up to 3 writable pieces behind up to 2 readable ones: only writable pieces
 * are written, no more than the answer has is read, and what is reported as written is the smaller of
 * both.
 *
 * #proof
 * #cbmc --unwind 5
 * #bug src/vhost/virtqueue.c: size_t left = min_size(size, request->writable_size); => size_t left = size;
 * #bug src/vhost/virtqueue.c: size_t part = min_size(left, request->iov[i].iov_len); => size_t part = left;
 * #bug src/vhost/virtqueue.c: for (uint32_t i = request->readable_count; left > 0; i++) => for (uint32_t i = 0; left > 0; i++)
 * #bug src/vhost/virtqueue.c: from += part; left -= part; => left -= part;
 */
#include <string.h>

#include "proof.h"

#define PIECES 3u

static const uint8_t *answer;
static size_t copied;

static void copy(void *to, const void *from, size_t size)
{
	prove(size > 0 && writable(to, size) && readable(from, size));
	prove((const uint8_t *)from == answer + copied);
	copied += size;
}

#define memcpy(to, from, size) copy(to, from, size)
#include "vhost/virtqueue.c"
#undef memcpy

void proof(void)
{
	struct vq_request *request = any_memory(sizeof(*request) + 5 * sizeof(request->iov[0]));
	request->readable_count = nondet_u32();
	request->writable_count = nondet_u32();
	request->writable_size = 0;
	assume(request->readable_count <= 2 && request->writable_count <= PIECES);
	for (uint32_t i = 0; i < request->readable_count; i++)
		request->iov[i] = (struct iovec){ NULL, nondet_u32() };
	for (uint32_t i = 0; i < request->writable_count; i++) {
		size_t length = nondet_u32();
		assume(length > 0);
		request->iov[request->readable_count + i] =
			(struct iovec){ any_memory(length), length };
		request->writable_size += length;
	}
	size_t size = nondet_u32();
	answer = any_memory(size);
	uint32_t written = write_answer(request, answer, size);
	prove(written == min_size(size, request->writable_size));
	prove(copied == written);
}
