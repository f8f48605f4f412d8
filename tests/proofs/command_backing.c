/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/*
 * The entries of a backing, any number of them in a request of any length, with any limits: they are only copied when
 * the request has all of them and no limit is passed, into memory that has room for all, and what is not
 * taken is freed. Their lengths can be summed up without an overflow.
 *
 * #proof src/gpu/limits.c tests/proofs/stubs/request.c tests/proofs/stubs/log.c
 * #loops
 * #bug src/gpu/backing.c: uint32_t result = gpu_backing_judge(command->device, count); =>
 *	uint32_t result = VIRTIO_GPU_RESP_OK_NODATA;
 * #bug src/gpu/backing.c: (size_t)count * sizeof(struct virtio_gpu_mem_entry) => (size_t)count * 8
 * #bug src/gpu/backing.c: if (nr_entries == 0) return VIRTIO_GPU_RESP_ERR_INVALID_PARAMETER; =>
 * #bug src/gpu/backing.c: for (uint32_t i = 0; i < count; i++) => for (uint32_t i = 0; i <= count; i++)
 * #bug src/gpu/backing.c: uint64_t length = 0; => uint32_t length = 0;
 * #bug src/gpu/limits.c: if (used <= limit && more <= limit - used) => if (used + more <= limit)
 */
#include "gpu/backing.c"

#include "proof.h"

void proof(void)
{
	static struct gpu_device device;
	struct vq_request request;
	struct gpu_command command = { .device = &device, .request = &request };
	struct gpu_resource resource = { .device = &device, .blob.size = nondet_u64() };
	struct virtio_gpu_mem_entry *entries = NULL;
	uint32_t count = nondet_u32();
	device.backing_entries = nondet_u64();
	device.args.limits.backing_total = nondet_u32();
	device.args.limits.backing_entries = nondet_u32();
	assume(device.args.limits.backing_entries <= RENDERER_MAX_SPANS);
	const uint64_t had = request.readable_left, needed = (uint64_t)count * sizeof(*entries);
	if (read_entries(&command, count, &entries) != VIRTIO_GPU_RESP_OK_NODATA) {
		prove(!entries && request.readable_left == had);
		return;
	}
	prove(count > 0 && count <= device.args.limits.backing_entries);
	prove(device.backing_entries + count <= device.args.limits.backing_total);
	prove(request.readable_left == had - needed && writable(entries, needed));
	suffice(&resource, entries, count);
}
