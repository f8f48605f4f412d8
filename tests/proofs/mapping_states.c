/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/*
 * What becomes of mappings (src/gpu/host_visible.c): one of them in any state that there can be, with any requests to
 * the VMM under way for it, others that are only counted, a resource that has none, and one thing that
 * happens, which is any: an answer of the VMM, whatever it says, another memory table, time, RESOURCE_MAP_BLOB and
 * UNMAP_BLOB, a blob that has come, a resource that goes, a stop of the queue. Requests to the VMM fail as they like.
 *
 * Afterwards it is in a state that there can be (may_be() below says what those are), or gone, so it always
 * is. In particular: what is under way for a mapping is counted, and while it is the mapping is there; what
 * is taken back goes with the last answer; a mapping that somebody waits for is one that something is under way
 * for, that a blob is to come for, or that a timer runs for; a command that waits is let go exactly once, and
 * answered once at most.
 *
 * #proof tests/proofs/stubs/log.c
 * #cbmc --unwind 4
 * #bug src/gpu/host_visible.c: if (!is_left(mapping) || mapping->state != GPU_MAPPING_ASKED) return;
 *	=> mapping->asked--; if (mapping->state != GPU_MAPPING_ASKED) return;
 * #bug src/gpu/host_visible.c: if (mapping->state != GPU_MAPPING_TAKEN || mapping->asked > 0) return true;
 *	=> if (mapping->state != GPU_MAPPING_TAKEN) return true;
 * #bug src/gpu/host_visible.c: if (is_left(mapping) && mapping->state == GPU_MAPPING_DOUBTED) =>
 *	if (is_left(mapping))
 * #bug src/gpu/host_visible.c: loop_timer_arm(all->echo, GPU_ECHO_MS); => (void)0;
 * #bug src/gpu/host_visible.c: let_waiter_go(mapping, -ECANCELED); =>
 * #bug src/gpu/host_visible.c: else take_back(mapping, gone); => else destroy(mapping, 0);
 * #bug src/gpu/host_visible.c: mapping->asked += status == 0; => mapping->asked++;
 * #bug src/gpu/host_visible.c: mapping->device->host_visible.count--; detach(mapping); =>
 *	mapping->device->host_visible.count--;
 * #bug src/gpu/host_visible.c: if (mapping->waiter && mapping->state != GPU_MAPPING_WAITS) => if (mapping->waiter)
 * #bug src/gpu/host_visible.c: if (mapping->state == GPU_MAPPING_TAKEN) let_waiter_go(mapping, 0); else =>
 * #bug src/gpu/host_visible.c: if (mapping->asked == 0) destroy(mapping, 0); => destroy(mapping, 0);
 */
#include "gpu/host_visible.c"

#include "peer.h"

#define MAPPINGS 1u /* and one that may come */
#define ALL      (MAPPINGS + 1u)
#define PAGE     4096u

/* What the VMM has still to answer for a mapping, in this order. */
static struct under_way {
	bool map, confirm, unmap;
} under_way[ALL];

static struct gpu_device device;
static struct vhost_memory table;
static struct vhost_region region;
static struct gpu_realisation realisation;
static struct gpu_resource resources[ALL];
static struct gpu_mapping *mappings[ALL];
static struct gpu_command waiters[ALL], command; /* of the command the holds are what counts */
static uint32_t others;
static bool timer;

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
	return nondet_bool();
}

uint64_t vhost_session_protocol_features(const struct vhost_session *session)
{
	return nondet_u64();
}

struct backend_channel *vhost_session_backend_channel(struct vhost_session *session)
{
	return nondet_bool() ? (struct backend_channel *)malloc(1) : NULL;
}

static uint32_t number_of(const struct gpu_mapping *mapping)
{
	for (uint32_t i = 0; i < MAPPINGS; i++)
		if (mapping == mappings[i])
			return i;
	return MAPPINGS;
}

bool backend_channel_is_open(const struct backend_channel *channel)
{
	return nondet_bool();
}

int backend_channel_request(
	struct backend_channel *channel, const struct backend_channel_args *args)
{
	struct gpu_mapping *mapping = args->data;
	struct under_way *of = &under_way[number_of(mapping)];
	bool maps = args->request == VHOST_USER_BACKEND_SHMEM_MAP;
	bool unmaps = args->request == VHOST_USER_BACKEND_SHMEM_UNMAP;
	const struct vhost_user_mmap *mmap = args->payload;
	prove(args->done == (maps ? map_done : unmaps ? unmap_done : confirmed));
	if (maps || unmaps)
		prove(mmap->shm_offset == mapping->offset && mmap->length == mapping->size);
	prove(maps == (args->fd >= 0) && readable(args->payload, args->size));
	prove(!of->unmap && (unmaps || (!of->map && !of->confirm)));
	if (nondet_bool())
		return any_error();
	of->map |= maps;
	of->unmap |= unmaps;
	of->confirm |= !maps && !unmaps;
	return 0;
}

void gpu_command_hold(struct gpu_command *of, struct gpu_slot *slot)
{
	of->holds++;
}

void gpu_command_release(struct gpu_command *of, int status)
{
	if (!of)
		return;
	prove(of->holds == 1);
	of->holds--;
}

uint32_t gpu_command_answer(struct gpu_command *of, uint32_t type, const void *payload, size_t size)
{
	prove(of->holds == 1 && type == VIRTIO_GPU_RESP_OK_MAP_INFO);
	prove(of->result == 0 && readable(payload, size));
	of->result = type;
	return type;
}

void loop_timer_arm(struct loop_source *source, uint64_t ms)
{
	timer = true;
}

void fd_close(int *fd)
{
	*fd = -1;
}

/* The states that there are, with what is so in each. */
static bool may_be(const struct gpu_mapping *mapping, const struct under_way *of)
{
	uint32_t count = (uint32_t)of->map + (uint32_t)of->confirm + (uint32_t)of->unmap;
	const struct gpu_resource *resource = mapping->resource;
	if (mapping->asked != count || (of->map && of->confirm) ||
		(resource && resource->mapping != mapping))
		return false;
	switch (mapping->state) {
	case GPU_MAPPING_WAITS:
		return count == 0 && resource && mapping->waiter;
	case GPU_MAPPING_ASKED:
		return of->map && !of->unmap && resource;
	case GPU_MAPPING_DOUBTED:
		return of->confirm && !of->unmap && resource;
	case GPU_MAPPING_MADE:
		return count == 0 && resource && timer;
	case GPU_MAPPING_THERE:
		return count == 0 && resource && !mapping->waiter;
	case GPU_MAPPING_TAKEN:
		return count > 0 && !resource;
	}
	return false;
}

static void any_resource(uint32_t i)
{
	struct gpu_resource *resource = &resources[i];
	resource->device = &device;
	resource->kind = GPU_RESOURCE_HOST;
	resource->blob.size = PAGE * (uint64_t)(1 + any_below(8));
	resource->blob.flags = VIRTIO_GPU_BLOB_FLAG_USE_MAPPABLE;
	resource->host_memory.fd = nondet_bool() ? 5 : -1;
	resource->host_memory.offset = nondet_u64();
	resource->host_memory.inode = nondet_u64();
	list_init(&resource->realisations);
}

static void any_mapping(uint32_t i)
{
	struct gpu_mapping *mapping = any_memory(sizeof(*mapping));
	mappings[i] = mapping;
	mapping->device = &device;
	mapping->state = (enum gpu_mapping_state)any_below(GPU_MAPPING_TAKEN + 1u);
	mapping->resource = NULL;
	if (mapping->state != GPU_MAPPING_TAKEN) {
		mapping->resource = &resources[i];
		resources[i].mapping = mapping;
	}
	mapping->size = resources[i].blob.size;
	mapping->offset = PAGE * (uint64_t)any_below(64);
	mapping->waiter = nondet_bool() ? &waiters[i] : NULL;
	waiters[i].holds = mapping->waiter != NULL;
	mapping->seen = nondet_bool();
	mapping->asked = any_below(3);
	under_way[i] = (struct under_way){ nondet_bool(), nondet_bool(), nondet_bool() };
	assume(may_be(mapping, &under_way[i]));
	list_append(&device.host_visible.mappings, &mapping->link);
	device.host_visible.count++;
}

static void any_world(void)
{
	device.session = (struct vhost_session *)any_memory(1);
	device.args.host_visible_bytes = UINT64_C(1) << 30;
	table.count = any_below(2);
	table.regions[0] = &region;
	ANY_VALUE(region);
	device.memory = &table;
	device.host_visible.no_echo = nondet_bool();
	device.queues.runnable[VIRTIO_GPU_QUEUE_CONTROL] = nondet_bool() ? any_memory(1) : NULL;
	timer = nondet_bool();
	list_init(&device.host_visible.mappings);
	for (uint32_t i = 0; i < ALL; i++)
		any_resource(i);
	device.host_visible.count = others = any_below(1000);
	for (uint32_t i = 0; i < MAPPINGS; i++)
		any_mapping(i);
	list_append(&resources[MAPPINGS].realisations, &realisation.resource_link);
	realisation.creator = nondet_bool() ? &command : NULL;
}

/* The first of what is under way. */
static void answers(uint32_t i)
{
	struct under_way *of = &under_way[i];
	assume(of->map || of->confirm || of->unmap);
	if (of->map) {
		of->map = false;
		map_done(mappings[i], any_status());
	} else if (of->confirm) {
		of->confirm = false;
		confirmed(mappings[i], any_status());
	} else {
		of->unmap = false;
		unmap_done(mappings[i], any_status());
	}
}

static void time_passes(uint32_t i)
{
	assume(timer);
	timer = false;
	no_echo(&device);
}

static void table_changes(uint32_t i)
{
	gpu_host_visible_table_changed(&device);
}

static void stops(uint32_t i)
{
	gpu_host_visible_hurry(&device);
	prove(mappings[i]->state == GPU_MAPPING_WAITS || !mappings[i]->waiter);
}

static void unmaps(uint32_t i)
{
	struct gpu_resource *resource = &resources[i];
	bool any = resource->mapping;
	uint32_t result = gpu_host_memory_unmap(resource, &command);
	prove(any == (result == VIRTIO_GPU_RESP_OK_NODATA) && !resource->mapping);
}

static void goes(uint32_t i)
{
	struct gpu_resource *resource = &resources[i];
	gpu_host_memory_drop(resource, nondet_bool() ? &command : NULL);
	prove(!resource->mapping && resource->host_memory.fd < 0);
}

static void comes(uint32_t i)
{
	gpu_host_memory_known(&resources[i]);
}

static void maps(uint32_t i)
{
	gpu_host_memory_map(&resources[MAPPINGS], PAGE * (uint64_t)any_below(64), &command);
}

static bool nothing(const struct under_way *of)
{
	return !of->map && !of->confirm && !of->unmap;
}

/* How many mappings hold a command. */
static void count_holds(const struct gpu_mapping *mapping, uint32_t holds[ALL + 1])
{
	for (uint32_t i = 0; i < ALL; i++)
		holds[i] += mapping->waiter == &waiters[i];
	holds[ALL] += mapping->waiter == &command;
}

static void check_all(void)
{
	uint32_t count = others, holds[ALL + 1] = { 0 };
	bool seen[ALL] = { false };
	list_for_each (link, &device.host_visible.mappings) {
		const struct gpu_mapping *mapping = MAPPING(link);
		uint32_t i = number_of(mapping);
		prove(may_be(mapping, &under_way[i]) && !seen[i]);
		seen[i] = true;
		count++;
		count_holds(mapping, holds);
	}
	prove(count == device.host_visible.count);
	for (uint32_t i = 0; i < ALL; i++) {
		prove(seen[i] || (nothing(&under_way[i]) && !resources[i].mapping));
		prove(waiters[i].holds == holds[i]);
		prove(waiters[i].result == 0 || waiters[i].holds == 0);
	}
	prove(command.holds == holds[ALL]);
}

/* Each by itself, as what all could lead to at once is too much for the solver. */
#define OR_THIS(event)                                                                             \
	do {                                                                                       \
		if (nondet_bool()) {                                                               \
			event(0);                                                                  \
			check_all();                                                               \
			return;                                                                    \
		}                                                                                  \
	} while (0)

void proof(void)
{
	any_world();
	OR_THIS(answers);
	OR_THIS(time_passes);
	OR_THIS(table_changes);
	OR_THIS(stops);
	OR_THIS(unmaps);
	OR_THIS(goes);
	OR_THIS(comes);
	OR_THIS(maps);
}
