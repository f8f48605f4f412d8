/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/*
 * Where RESOURCE_MAP_BLOB maps (src/gpu/host_visible.c): any offset, a blob of any kind, flags and size, a window of
 * any size, three other mappings in it in any state, a memory table with any number of regions, any
 * features of the VMM.
 *
 * What is accepted lies in the window, on whole pages, and meets no other mapping that is not being taken
 * back; it is the only one of its resource, which is mappable memory of a renderer that is there or about to
 * come; and a VMM that counts mappings among its memory has places for all. The VMM is asked for exactly that, with
 * the descriptor and the offset in its file that the renderer gave. What is not accepted is not asked for, and
 * leaves nothing behind. The command is let go exactly once, unless it waits.
 *
 * #proof tests/proofs/stubs/log.c
 * #cbmc --unwind 6
 * #bug src/gpu/host_visible.c: offset < other->offset + other->size && => offset <= other->offset &&
 * #bug src/gpu/host_visible.c: other->offset < offset + size) return true; =>
 *	other->offset + other->size < offset + size) return true;
 * #bug src/gpu/host_visible.c: !range_inside(offset, size, gpu_host_visible_size(device)) || =>
 *	offset + size > gpu_host_visible_size(device) ||
 * #bug src/gpu/host_visible.c: offset % page != 0 || => offset % 512 != 0 ||
 * #bug src/gpu/host_visible.c: size % page != 0 || =>
 * #bug src/gpu/host_visible.c: resource->kind != GPU_RESOURCE_HOST || resource->mapping || =>
 *	resource->kind != GPU_RESOURCE_HOST ||
 * #bug src/gpu/host_visible.c: !(resource->blob.flags & VIRTIO_GPU_BLOB_FLAG_USE_MAPPABLE)) => false)
 * #bug src/gpu/host_visible.c: other->state != GPU_MAPPING_TAKEN && => other->state < GPU_MAPPING_THERE &&
 * #bug src/gpu/host_visible.c: coming += MAPPING(link)->state < GPU_MAPPING_THERE; =>
 * #bug src/gpu/host_visible.c: .length = mapping->size, => .length = mapping->size + mapping->offset,
 * #bug src/gpu/host_visible.c: int status = -EOPNOTSUPP; => int status = 0;
 */
#include "gpu/host_visible.c"

#include "peer.h"

#define OTHERS 3u
#define PAGE   4096u

static struct gpu_device device;
static struct vhost_memory table;
static struct gpu_realisation realisation;
static struct gpu_resource resource;
static struct gpu_mapping others[OTHERS];
static struct gpu_command command, creator;
static uint64_t offset, features;
static int asked, held, let_go;

uint32_t gpu_blob_alignment(void)
{
	return PAGE;
}

bool gpu_renderers_can_map(const struct gpu_device *of)
{
	return nondet_bool();
}

bool gpu_limit_allows(uint64_t used, uint64_t more, uint64_t limit, const char *option)
{
	prove(more == 1 && used == OTHERS);
	return nondet_bool();
}

uint64_t vhost_session_protocol_features(const struct vhost_session *session)
{
	return features;
}

struct backend_channel *vhost_session_backend_channel(struct vhost_session *session)
{
	return nondet_bool() ? (struct backend_channel *)malloc(1) : NULL;
}

int backend_channel_request(
	struct backend_channel *channel, const struct backend_channel_args *args)
{
	const struct vhost_user_mmap *mmap = args->payload;
	asked++;
	prove(args->request == VHOST_USER_BACKEND_SHMEM_MAP && args->size == sizeof(*mmap));
	prove(args->fd == resource.host_memory.fd && args->fd >= 0);
	prove(mmap->shmid == VIRTIO_GPU_SHM_ID_HOST_VISIBLE);
	prove(mmap->fd_offset == resource.host_memory.offset);
	prove(mmap->shm_offset == offset && mmap->length == resource.blob.size);
	return any_status();
}

void gpu_command_hold(struct gpu_command *of, struct gpu_slot *slot)
{
	prove(of == &command && !slot);
	held++;
}

void gpu_command_release(struct gpu_command *of, int status)
{
	prove(of == &command && status < 0);
	let_go++;
}

static void add_others(void)
{
	list_init(&device.host_visible.mappings);
	for (uint32_t i = 0; i < OTHERS; i++) {
		others[i].device = &device;
		others[i].offset = nondet_u64();
		others[i].size = nondet_u64();
		others[i].state = (enum gpu_mapping_state)any_below(GPU_MAPPING_TAKEN + 1u);
		assume(range_inside(
			others[i].offset, others[i].size, device.args.host_visible_bytes));
		assume(others[i].size > 0);
		list_append(&device.host_visible.mappings, &others[i].link);
	}
	device.host_visible.count = OTHERS;
}

static void any_world(void)
{
	features = nondet_u64();
	device.session = nondet_bool() ? (struct vhost_session *)any_memory(1) : NULL;
	device.args.host_visible_bytes = nondet_u64();
	device.memory = nondet_bool() ? &table : NULL;
	table.count = any_below(VHOST_MEMORY_MAX_REGIONS + 1);
	add_others();
	resource.device = &device;
	resource.kind = (enum gpu_resource_kind)any_below(GPU_RESOURCE_HOST + 1u);
	resource.blob.size = nondet_u64();
	assume(resource.blob.size > 0);
	resource.blob.flags = nondet_u32();
	resource.host_memory.fd = nondet_bool() ? 5 : -1;
	resource.host_memory.offset = nondet_u64();
	resource.mapping = nondet_bool() ? &others[0] : NULL;
	list_init(&resource.realisations);
	list_append(&resource.realisations, &realisation.resource_link);
	realisation.creator = nondet_bool() ? &creator : NULL;
	offset = nondet_u64();
}

static void check_place(const struct gpu_mapping *mapping)
{
	uint64_t size = mapping->size;
	prove(mapping->offset == offset && size == resource.blob.size && size > 0);
	prove(offset % PAGE == 0 && size % PAGE == 0);
	prove(offset <= device.args.host_visible_bytes);
	prove(size <= device.args.host_visible_bytes - offset);
	for (uint32_t i = 0; i < OTHERS; i++)
		if (others[i].state != GPU_MAPPING_TAKEN)
			prove(others[i].offset + others[i].size <= offset ||
				offset + size <= others[i].offset);
	prove(resource.kind == GPU_RESOURCE_HOST);
	prove(resource.blob.flags & VIRTIO_GPU_BLOB_FLAG_USE_MAPPABLE);
	prove(device.session && (features >> VHOST_USER_PROTOCOL_F_SHMEM & 1));
}

static void check_places_left(void)
{
	uint32_t places = device.memory ? table.count + 1 : 1;
	for (uint32_t i = 0; i < OTHERS; i++)
		places += others[i].state < GPU_MAPPING_THERE;
	if (features >> VHOST_USER_PROTOCOL_F_CONFIGURE_MEM_SLOTS & 1)
		prove(places + PLACES_KEPT <= VHOST_MEMORY_MAX_REGIONS);
}

void proof(void)
{
	any_world();
	bool had_one = resource.mapping;
	uint32_t result = gpu_host_memory_map(&resource, offset, &command);
	bool is_new = resource.mapping && !had_one;
	prove(held == (result == VIRTIO_GPU_RESP_OK_NODATA) && asked <= held);
	prove(device.host_visible.count == OTHERS + is_new);
	prove(let_go == (held && !is_new));
	if (!held)
		return;
	check_places_left();
	prove(!had_one);
	if (!is_new)
		return;
	check_place(resource.mapping);
	prove(resource.mapping->waiter == &command && resource.mapping->asked == (uint32_t)asked);
	prove((resource.mapping->state == GPU_MAPPING_WAITS) == (realisation.creator != NULL));
	prove((resource.mapping->state == GPU_MAPPING_ASKED) == (asked == 1));
}
