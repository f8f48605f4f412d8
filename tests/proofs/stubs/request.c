/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/* A request of the guest: anything is read from it, as far as it goes. */
#include "vhost/virtqueue.h"

#include "proof.h"

bool vq_request_read(struct vq_request *request, void *dst, size_t size)
{
	prove(writable(dst, size));
	if (size > request->readable_left)
		return false;
	request->readable_left -= size;
	if (size > 0)
		__CPROVER_havoc_slice(dst, size);
	return true;
}
