/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/*
 * What RESOURCE_CREATE_BLOB accepts, of all values, with any features: a size that is not 0, of whole pages where that was
 * agreed on, flags that there are, and of kinds of memory the guest's and a renderer's. One of a renderer's has
 * no entries, and a context that is there and not lost, in whose renderer it is made. What becomes of nothing
 * leaves no resource behind. RESOURCE_MAP_BLOB and UNMAP_BLOB are passed on for resources that there are.
 *
 * #proof src/gpu/blob.c tests/proofs/stubs/log.c
 * #bug src/gpu/commands_blob.c: if (context->lost) return VIRTIO_GPU_RESP_ERR_UNSPEC; =>
 * #bug src/gpu/commands_blob.c: if (create->nr_entries > 0) return VIRTIO_GPU_RESP_ERR_INVALID_PARAMETER; =>
 * #bug src/gpu/commands_blob.c: gpu_resource_destroy(resource, NULL); return VIRTIO_GPU_RESP_ERR_OUT_OF_MEMORY;
 *	=> return VIRTIO_GPU_RESP_ERR_OUT_OF_MEMORY;
 * #bug src/gpu/commands_blob.c: if (where >= ARRAY_SIZE(creators) || !creators[where]) => if (!creators[where])
 * #bug src/gpu/commands_blob.c: if (!context) return VIRTIO_GPU_RESP_ERR_INVALID_CONTEXT_ID; =>
 * #bug src/gpu/blob.c: create->size > 0 && => true &&
 * #bug src/gpu/blob.c: return !(create->blob_flags & ~flags) && => return
 * #bug src/gpu/blob.c: .context = host ? create->hdr.ctx_id : 0, => .context = 0,
 */
#include "gpu/commands_blob.c"

#include "gpu/state.h"
#include "proof.h"

static struct gpu_device device;
static struct gpu_command command;
static struct gpu_resource resource;
static struct gpu_context context;
static bool exists, found, realised, passed_on;

long sysconf(int name)
{
	return 4096;
}

struct gpu_context *gpu_context_find(const struct gpu_device *of, uint32_t id)
{
	prove(id == command.fixed.create_blob.hdr.ctx_id);
	found = nondet_bool();
	return found ? &context : NULL;
}

struct gpu_resource *gpu_resource_find(struct gpu_device *of, uint32_t id)
{
	exists = nondet_bool();
	return exists ? &resource : NULL;
}

uint32_t gpu_resource_create(struct gpu_device *of, const struct renderer_resource_args *args,
	enum gpu_resource_kind kind, struct gpu_resource **ret_resource)
{
	prove(args->id == command.fixed.create_blob.resource_id && !exists);
	if (nondet_bool())
		return VIRTIO_GPU_RESP_ERR_OUT_OF_MEMORY;
	exists = true;
	resource.device = of;
	resource.kind = kind;
	*ret_resource = &resource;
	return VIRTIO_GPU_RESP_OK_NODATA;
}

void gpu_resource_destroy(struct gpu_resource *of, struct gpu_command *waiter)
{
	prove(of == &resource && exists);
	exists = false;
}

static void look_at(void)
{
	const struct virtio_gpu_resource_create_blob *create = &command.fixed.create_blob;
	const struct renderer_blob_args *blob = &resource.blob;
	uint32_t known = 3 | (device.features >> VIRTIO_GPU_F_RESOURCE_UUID & 1) << 2;
	prove(blob->id == create->resource_id && blob->size == create->size && blob->size > 0);
	prove(blob->flags == create->blob_flags && !(blob->flags & ~known));
	if (device.features >> VIRTIO_GPU_F_BLOB_ALIGNMENT & 1)
		prove(blob->size % 4096 == 0);
	prove(blob->host == (resource.kind == GPU_RESOURCE_HOST));
	prove(blob->host == (create->blob_mem == VIRTIO_GPU_BLOB_MEM_HOST3D));
}

int gpu_realise(struct gpu_resource *of, struct gpu_slot *slot, struct gpu_command *creator)
{
	look_at();
	prove(of == &resource && creator == &command && resource.kind == GPU_RESOURCE_HOST);
	prove(found && !context.lost && slot == context.slot);
	prove(resource.blob.context == command.fixed.create_blob.hdr.ctx_id);
	prove(resource.blob.blob_id == command.fixed.create_blob.blob_id);
	prove(command.fixed.create_blob.nr_entries == 0);
	realised = nondet_bool();
	return realised ? 0 : -12;
}

uint32_t gpu_backing_attach(struct gpu_resource *of, struct gpu_command *from, uint32_t count)
{
	look_at();
	prove(resource.kind == GPU_RESOURCE_BLOB && count > 0);
	prove(count == command.fixed.create_blob.nr_entries);
	return nondet_bool() ? VIRTIO_GPU_RESP_OK_NODATA : VIRTIO_GPU_RESP_ERR_OUT_OF_MEMORY;
}

uint32_t gpu_host_memory_map(struct gpu_resource *of, uint64_t offset, struct gpu_command *by)
{
	prove(of == &resource && by == &command && offset == command.fixed.map_blob.offset);
	passed_on = true;
	return nondet_u32();
}

uint32_t gpu_host_memory_unmap(struct gpu_resource *of, struct gpu_command *by)
{
	prove(of == &resource && by == &command);
	passed_on = true;
	return nondet_u32();
}

void proof(void)
{
	__CPROVER_havoc_slice(&command.fixed, sizeof(command.fixed));
	command.device = &device;
	device.features = nondet_u64();
	context.lost = nondet_bool();
	uint8_t which = nondet_u8();
	if (which == 0) {
		uint32_t result = gpu_handle_create_blob(&command);
		uint32_t memory = command.fixed.create_blob.blob_mem;
		prove(exists == (result == VIRTIO_GPU_RESP_OK_NODATA));
		prove(!exists || memory == VIRTIO_GPU_BLOB_MEM_GUEST ||
			(memory == VIRTIO_GPU_BLOB_MEM_HOST3D && realised));
		if (exists)
			look_at();
		return;
	}
	if (which == 1)
		gpu_handle_map_blob(&command);
	else
		gpu_handle_unmap_blob(&command);
	prove(passed_on == exists);
}
