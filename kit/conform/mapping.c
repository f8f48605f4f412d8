/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
#include "kit/conform/mapping.h"

#include <stdlib.h>

#define SPARE_CONTEXT 999u
#define PRIME         0x9e3779b1u

static const struct {
	const struct kit_profile *profile;
	enum kit_echo echo;
} vmms[] = {
	{ &kit_profile_qemu_generic, KIT_ECHO_AFTER },
	{ &kit_profile_qemu_generic, KIT_ECHO_BEFORE },
	{ &kit_profile_qemu_generic, KIT_ECHO_NEVER },
	{ &kit_profile_crosvm, KIT_ECHO_NEVER },
};
const char *const mapping_vmm_names[] = { "qemu", "qemu_tells_first", "qemu_tells_never", "crosvm",
	NULL };

void mapping_context(struct conform *c, struct kit_machine *m, uint32_t ctx_id)
{
	CHECK_GOOD(m, kit_gpu_ctx_create(&m->gpu, ctx_id, c->probe->maps_capset, "conform"));
}

struct kit_machine *mapping_machine_like(
	struct conform *c, uint32_t variant, struct kit_machine_spec spec)
{
	spec.profile = vmms[variant].profile;
	struct kit_machine *m = conform_machine(c, &spec);
	m->vmm.echo = vmms[variant].echo;
	if (!mapping_window(m))
		conform_skip("it has no shared memory %u", MAPPING_SHM);
	mapping_context(c, m, MAPPING_CONTEXT);
	return m;
}

struct kit_machine *mapping_machine(struct conform *c, uint32_t variant)
{
	return mapping_machine_like(c, variant, (struct kit_machine_spec){ 0 });
}

uint64_t mapping_window(const struct kit_machine *m)
{
	return m->vmm.shmem.sizes[MAPPING_SHM];
}

struct virtio_gpu_resource_create_blob mapping_blob(uint32_t id, uint64_t size)
{
	return (struct virtio_gpu_resource_create_blob){
		.hdr = kit_header_ctx(VIRTIO_GPU_CMD_RESOURCE_CREATE_BLOB, MAPPING_CONTEXT),
		.resource_id = id,
		.blob_mem = VIRTIO_GPU_BLOB_MEM_HOST3D,
		.blob_flags = VIRTIO_GPU_BLOB_FLAG_USE_MAPPABLE,
		.size = size,
	};
}

void mapping_create(struct kit_machine *m, uint32_t id, uint64_t size)
{
	CHECK_GOOD(
		m, kit_gpu_create_blob(&m->gpu, mapping_blob(id, size), MAPPING_CONTEXT, NULL, 0));
}

int mapping_try(struct kit_machine *m, uint32_t id, uint64_t offset)
{
	uint32_t info = 0;
	int type = kit_gpu_map_blob(&m->gpu, id, offset, &info);
	CHECK_OK(m, type);
	if (type == VIRTIO_GPU_RESP_OK_MAP_INFO)
		CHECK(info <= VIRTIO_GPU_MAP_CACHE_WC);
	return type;
}

int mapping_try_unmap(struct kit_machine *m, uint32_t id)
{
	return kit_gpu_unmap_blob(&m->gpu, id);
}

uint8_t *mapping_map_all(struct kit_machine *m, uint32_t id, uint64_t offset, uint64_t size)
{
	int type = mapping_try(m, id, offset);
	uint8_t *bytes = kit_channel_shmem(&m->vmm.channel, MAPPING_SHM, offset, size);
	if (type != VIRTIO_GPU_RESP_OK_MAP_INFO || !bytes)
		kit_check_failed(KIT_HERE, "mapping blob %u is %s, there is %s; the VMM: %s", id,
			kit_response_name(type), bytes ? "memory" : "none",
			m->vmm.channel.why_refused);
	return bytes;
}

uint8_t *mapping_map(struct kit_machine *m, uint32_t id, uint64_t offset)
{
	return mapping_map_all(m, id, offset, MAPPING_SIZE);
}

void mapping_unmap(struct kit_machine *m, uint32_t id, uint64_t offset)
{
	CHECK_GOOD(m, mapping_try_unmap(m, id));
	CHECK(!kit_channel_shmem(&m->vmm.channel, MAPPING_SHM, offset, 1));
}

struct counting {
	const struct kit_channel *channel;
	uint32_t count;
};

static bool has_count(void *data)
{
	const struct counting *counting = data;
	return counting->channel->map_count == counting->count;
}

void mapping_wait_count(struct kit_machine *m, uint32_t count)
{
	struct counting counting = { &m->vmm.channel, count };
	int ret = kit_wait(&m->kit, has_count, &counting, -1);
	if (ret == -ETIMEDOUT)
		kit_check_failed(
			KIT_HERE, "%u mappings, and not %u", m->vmm.channel.map_count, count);
	CHECK_OK(m, ret);
}

void mapping_need_channel(struct conform *c, struct kit_machine *m)
{
	CHECK_OK(m, kit_pump(&m->kit, 0));
	if (m->vmm.channel.peer_closed)
		conform_reject(
			c, m, "it closes the backend channel when it is stopped while it asks");
}

/* --- without waiting ----------------------------------------------------------------------- */

static struct kit_command *send(
	struct kit_machine *m, const void *request, uint32_t size, uint32_t response_size)
{
	struct kit_command *command =
		kit_gpu_submit(&m->gpu, VIRTIO_GPU_QUEUE_CONTROL, request, size, response_size);
	CHECK(command);
	return command;
}

struct kit_command *mapping_send_create(struct kit_machine *m, uint32_t id, uint64_t size)
{
	const struct virtio_gpu_resource_create_blob blob = mapping_blob(id, size);
	return send(m, &blob, sizeof(blob), sizeof(struct virtio_gpu_ctrl_hdr));
}

struct kit_command *mapping_send_map(struct kit_machine *m, uint32_t id, uint64_t offset)
{
	const struct virtio_gpu_resource_map_blob map = {
		.hdr = kit_header(VIRTIO_GPU_CMD_RESOURCE_MAP_BLOB),
		.resource_id = id,
		.offset = offset,
	};
	return send(m, &map, sizeof(map), sizeof(struct virtio_gpu_resp_map_info));
}

struct kit_command *mapping_send_unmap(struct kit_machine *m, uint32_t id)
{
	const struct virtio_gpu_resource_unmap_blob unmap = {
		.hdr = kit_header(VIRTIO_GPU_CMD_RESOURCE_UNMAP_BLOB),
		.resource_id = id,
	};
	return send(m, &unmap, sizeof(unmap), sizeof(struct virtio_gpu_ctrl_hdr));
}

struct kit_command *mapping_send_unref(struct kit_machine *m, uint32_t id)
{
	const struct virtio_gpu_resource_unref unref = {
		.hdr = kit_header(VIRTIO_GPU_CMD_RESOURCE_UNREF),
		.resource_id = id,
	};
	return send(m, &unref, sizeof(unref), sizeof(struct virtio_gpu_ctrl_hdr));
}

int mapping_answer(struct kit_machine *m, struct kit_command *command)
{
	return kit_gpu_complete(&m->gpu, command, NULL, 0);
}

void mapping_leave(struct kit_machine *m, struct kit_command *command)
{
	if (command->done)
		CHECK_OK(m, mapping_answer(m, command));
	else
		kit_command_forget(command);
}

/* --- bytes --------------------------------------------------------------------------------- */

static uint8_t byte_at(uint64_t place, uint32_t seed)
{
	return (uint8_t)(((uint32_t)place + seed * 7919) * PRIME >> 24);
}

void mapping_write(uint8_t *bytes, uint64_t size, uint32_t seed)
{
	for (uint64_t i = 0; i < size; i++)
		bytes[i] = byte_at(i, seed);
}

void mapping_check(const uint8_t *bytes, uint64_t size, uint32_t seed)
{
	for (uint64_t i = 0; i < size; i++)
		if (bytes[i] != byte_at(i, seed))
			kit_check_failed(KIT_HERE, "byte %llu is %#x, and not %#x",
				(unsigned long long)i, bytes[i], byte_at(i, seed));
}

void mapping_check_works(struct conform *c, struct kit_machine *m, uint32_t id, uint64_t offset)
{
	kit_gpu_ctx_destroy(&m->gpu, SPARE_CONTEXT);
	mapping_context(c, m, SPARE_CONTEXT);
	CHECK_GOOD(m,
		kit_gpu_create_blob(
			&m->gpu, mapping_blob(id, MAPPING_SIZE), SPARE_CONTEXT, NULL, 0));
	uint8_t *bytes = mapping_map(m, id, offset);
	mapping_write(bytes, MAPPING_SIZE, id);
	mapping_check(bytes, MAPPING_SIZE, id);
	mapping_unmap(m, id, offset);
	CHECK_GOOD(m, kit_gpu_unref(&m->gpu, id));
	CHECK_GOOD(m, kit_gpu_ctx_destroy(&m->gpu, SPARE_CONTEXT));
}
