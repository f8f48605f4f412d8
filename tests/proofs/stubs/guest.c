/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/* Guest memory holds anything, and something else at each look. */
#include "proof.h"
#include "vhost/memory.h"

void vhost_memory_copy_in(void *dst, const void *guest, size_t size)
{
	prove(writable(dst, size));
	prove(readable(guest, size));
	if (size > 0)
		__CPROVER_havoc_slice(dst, size);
}

bool vhost_memory_read(
	const struct vhost_memory *memory, uint64_t guest_address, void *dst, size_t length)
{
	prove(writable(dst, length));
	if (nondet_bool())
		return false;
	if (length > 0)
		__CPROVER_havoc_slice(dst, length);
	return true;
}
