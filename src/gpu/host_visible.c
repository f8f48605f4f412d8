/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
#include "gpu/host_visible.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "gpu/blob.h"
#include "gpu/limits.h"
#include "gpu/resource.h"
#include "gpu/state.h"
#include "loop/loop.h"
#include "util/checked.h"
#include "util/fd.h"
#include "util/log.h"
#include "vhost/backend_channel.h"

/* Kept free of the places that a VMM has for memory: for the guest's own. */
#define PLACES_KEPT 8u

#define MAPPING(list_link) container_of((list_link), struct gpu_mapping, link)

static struct backend_channel *find_channel(const struct gpu_device *device)
{
	uint64_t needed = VHOST_BIT(VHOST_USER_PROTOCOL_F_SHMEM);
	struct vhost_session *session = device->session;
	if (!session || !(vhost_session_protocol_features(session) & needed))
		return NULL;
	return vhost_session_backend_channel(session);
}

uint64_t gpu_host_visible_size(const struct gpu_device *device)
{
	return gpu_renderers_can_map(device) ? device->args.host_visible_bytes : 0;
}

static void let_waiter_go(struct gpu_mapping *mapping, int status)
{
	struct gpu_command *waiter = mapping->waiter;
	mapping->waiter = NULL;
	gpu_command_release(waiter, status);
}

/* The resource can have another mapping, or go. */
static void detach(struct gpu_mapping *mapping)
{
	if (mapping->resource)
		mapping->resource->mapping = NULL;
	mapping->resource = NULL;
}

static void destroy(struct gpu_mapping *mapping, int status)
{
	struct gpu_command *waiter = mapping->waiter;
	mapping->device->host_visible.count--;
	detach(mapping);
	list_remove(&mapping->link);
	free(mapping);
	gpu_command_release(waiter, status);
}

/* The guest's answer is made when the memory is there. */
static void answer_map(struct gpu_mapping *mapping)
{
	struct gpu_command *waiter = mapping->waiter;
	if (!waiter)
		return;
	mapping->waiter = NULL;
	const struct {
		uint32_t map_info, padding;
	} payload = { .map_info = mapping->resource->host_memory.map_info };
	gpu_command_answer(waiter, VIRTIO_GPU_RESP_OK_MAP_INFO, &payload, sizeof(payload));
	gpu_command_release(waiter, 0);
}

static void is_there(struct gpu_mapping *mapping)
{
	mapping->state = GPU_MAPPING_THERE;
	answer_map(mapping);
}

static int ask(struct gpu_mapping *mapping, enum vhost_user_backend_request request, int fd,
	backend_channel_fn done)
{
	struct backend_channel *channel = find_channel(mapping->device);
	const struct vhost_user_mmap payload = {
		.shmid = VIRTIO_GPU_SHM_ID_HOST_VISIBLE,
		.fd_offset = fd >= 0 ? mapping->resource->host_memory.offset : 0,
		.shm_offset = mapping->offset,
		.length = mapping->size,
		.flags = fd >= 0 ? VHOST_USER_FLAG_MAP_RW : 0,
	};
	const struct backend_channel_args args = {
		.request = request,
		.payload = &payload,
		.size = sizeof(payload),
		.fd = fd,
		.while_running = true,
		.done = done,
		.data = mapping,
	};
	int status = channel ? backend_channel_request(channel, &args) : -ENOTCONN;
	mapping->asked += status == 0;
	return status;
}

/* One answer, whatever it is. False: that was the last of one that is taken back, and it is gone. */
static bool is_left(struct gpu_mapping *mapping)
{
	mapping->asked--;
	if (mapping->state != GPU_MAPPING_TAKEN || mapping->asked > 0)
		return true;
	destroy(mapping, 0);
	return false;
}

static void unmap_done(void *data, int status)
{
	is_left(data);
}

/* gone: the VMM has dropped it by itself. */
static void take_back(struct gpu_mapping *mapping, bool gone)
{
	mapping->state = GPU_MAPPING_TAKEN;
	if (!gone)
		ask(mapping, VHOST_USER_BACKEND_SHMEM_UNMAP, -1, unmap_done);
	if (mapping->asked == 0)
		destroy(mapping, 0);
}

static bool region_shows(const struct vhost_region *region, const struct gpu_mapping *mapping)
{
	const struct gpu_host_memory *memory = &mapping->resource->host_memory;
	return region->inode == memory->inode && region->device == memory->device &&
		region->mmap_offset == memory->offset && region->size == mapping->size;
}

static bool is_in_table(const struct gpu_mapping *mapping)
{
	const struct vhost_memory *table = mapping->device->memory;
	for (uint32_t i = 0; table && i < table->count; i++)
		if (region_shows(table->regions[i], mapping))
			return true;
	return false;
}

/* The next mapping that is made and not yet seen; NULL: there is none. */
static struct gpu_mapping *find_made(const struct gpu_device *device, bool in_table)
{
	list_for_each (link, &device->host_visible.mappings) {
		struct gpu_mapping *mapping = MAPPING(link);
		if (mapping->state == GPU_MAPPING_MADE && (!in_table || is_in_table(mapping)))
			return mapping;
	}
	return NULL;
}

void gpu_host_visible_table_changed(struct gpu_device *device)
{
	struct gpu_mapping *mapping;
	while ((mapping = find_made(device, true))) {
		device->host_visible.no_echo = false;
		mapping->seen = true;
		is_there(mapping);
	}
}

static void confirmed(void *data, int status)
{
	struct gpu_mapping *mapping = data;
	if (is_left(mapping) && mapping->state == GPU_MAPPING_DOUBTED)
		is_there(mapping);
}

/* QEMU answers SHMEM_MAP before the guest sees the memory, and looks at the next request afterwards: this one, for
 * an object that nobody has, which it refuses without a word. */
static void confirm(struct gpu_mapping *mapping)
{
	static const uint8_t nobodys_uuid[16];
	struct vhost_session *session = mapping->device->session;
	struct backend_channel *channel = find_channel(mapping->device);
	const struct backend_channel_args args = {
		.request = VHOST_USER_BACKEND_SHARED_OBJECT_LOOKUP,
		.payload = nobodys_uuid,
		.size = sizeof(nobodys_uuid),
		.fd = -1,
		.while_running = true,
		.done = confirmed,
		.data = mapping,
	};
	uint64_t needed = VHOST_BIT(VHOST_USER_PROTOCOL_F_SHARED_OBJECT);
	mapping->state = GPU_MAPPING_DOUBTED;
	if (channel && (vhost_session_protocol_features(session) & needed) &&
		backend_channel_request(channel, &args) == 0)
		mapping->asked++;
	else
		is_there(mapping);
}

static void no_echo(void *data)
{
	struct gpu_device *device = data;
	struct gpu_mapping *mapping;
	while ((mapping = find_made(device, false))) {
		device->host_visible.no_echo = true;
		confirm(mapping);
	}
}

static void map_done(void *data, int status)
{
	struct gpu_mapping *mapping = data;
	if (!is_left(mapping) || mapping->state != GPU_MAPPING_ASKED)
		return; /* it was taken back since */
	struct gpu_host_visible *all = &mapping->device->host_visible;
	if (status < 0) {
		log_limited(LOG_WARN, "the VMM does not map memory of %" PRIu64 " bytes: %s",
			mapping->size, strerror(-status));
		destroy(mapping, status);
		return;
	}
	mapping->state = GPU_MAPPING_MADE;
	gpu_host_visible_table_changed(mapping->device); /* it may have come before */
	if (all->no_echo)
		no_echo(mapping->device);
	else
		loop_timer_arm(all->echo, GPU_ECHO_MS);
}

/* Asks for the mapping, if the memory is known. */
static void proceed(struct gpu_mapping *mapping)
{
	int fd = mapping->resource->host_memory.fd;
	int status = -EOPNOTSUPP;
	mapping->state = GPU_MAPPING_ASKED;
	if (fd >= 0)
		status = ask(mapping, VHOST_USER_BACKEND_SHMEM_MAP, fd, map_done);
	if (status < 0)
		destroy(mapping, status);
}

/* A table has only so many places, and a VMM that gives each mapping one may not survive that there are more. */
static bool table_has_room(const struct gpu_device *device)
{
	uint64_t slots = VHOST_BIT(VHOST_USER_PROTOCOL_F_CONFIGURE_MEM_SLOTS);
	uint32_t coming = 0;
	if (!(vhost_session_protocol_features(device->session) & slots))
		return true;
	list_for_each (link, &device->host_visible.mappings)
		coming += MAPPING(link)->state < GPU_MAPPING_THERE;
	return (device->memory ? device->memory->count : 0) + coming + PLACES_KEPT <
		VHOST_MEMORY_MAX_REGIONS;
}

static bool meets_another(const struct gpu_device *device, uint64_t offset, uint64_t size)
{
	list_for_each (link, &device->host_visible.mappings) {
		const struct gpu_mapping *other = MAPPING(link);
		if (other->state != GPU_MAPPING_TAKEN && offset < other->offset + other->size &&
			other->offset < offset + size)
			return true;
	}
	return false;
}

static uint32_t judge(const struct gpu_resource *resource, uint64_t offset)
{
	const struct gpu_device *device = resource->device;
	uint64_t page = gpu_blob_alignment();
	uint64_t size = resource->blob.size;
	if (resource->kind != GPU_RESOURCE_HOST || resource->mapping ||
		!(resource->blob.flags & VIRTIO_GPU_BLOB_FLAG_USE_MAPPABLE))
		return VIRTIO_GPU_RESP_ERR_INVALID_PARAMETER;
	if (!find_channel(device))
		return VIRTIO_GPU_RESP_ERR_UNSPEC;
	if (offset % page != 0 || size % page != 0 ||
		!range_inside(offset, size, gpu_host_visible_size(device)) ||
		meets_another(device, offset, size))
		return VIRTIO_GPU_RESP_ERR_INVALID_PARAMETER;
	if (!gpu_limit_allows(
		    device->host_visible.count, 1, device->args.limits.mappings, "max-mappings") ||
		!table_has_room(device))
		return VIRTIO_GPU_RESP_ERR_OUT_OF_MEMORY;
	return VIRTIO_GPU_RESP_OK_NODATA;
}

/* Whether the renderer is still about to say what memory it has. */
static bool is_being_created(const struct gpu_resource *resource)
{
	list_for_each (link, &resource->realisations) {
		const struct gpu_realisation *realisation =
			container_of(link, struct gpu_realisation, resource_link);
		if (realisation->creator)
			return true;
	}
	return false;
}

uint32_t gpu_host_memory_map(
	struct gpu_resource *resource, uint64_t offset, struct gpu_command *command)
{
	struct gpu_device *device = resource->device;
	uint32_t result = judge(resource, offset);
	if (result != VIRTIO_GPU_RESP_OK_NODATA)
		return result;
	struct gpu_mapping *mapping = calloc(1, sizeof(*mapping));
	if (!mapping)
		return VIRTIO_GPU_RESP_ERR_OUT_OF_MEMORY;
	mapping->device = device;
	mapping->resource = resource;
	mapping->offset = offset;
	mapping->size = resource->blob.size;
	mapping->waiter = command;
	resource->mapping = mapping;
	list_append(&device->host_visible.mappings, &mapping->link);
	device->host_visible.count++;
	gpu_command_hold(command, NULL);
	if (!is_being_created(resource))
		proceed(mapping);
	return VIRTIO_GPU_RESP_OK_NODATA;
}

/* Ends the mapping, in whatever state it is; what is asked of the VMM is carried out in order. */
static void end(struct gpu_mapping *mapping, struct gpu_command *command)
{
	bool gone = mapping->seen && !is_in_table(mapping);
	let_waiter_go(mapping, -ECANCELED);
	detach(mapping);
	if (command)
		gpu_command_hold(command, NULL);
	mapping->waiter = command;
	if (mapping->state == GPU_MAPPING_WAITS)
		destroy(mapping, 0);
	else
		take_back(mapping, gone);
}

uint32_t gpu_host_memory_unmap(struct gpu_resource *resource, struct gpu_command *command)
{
	if (!resource->mapping)
		return VIRTIO_GPU_RESP_ERR_INVALID_PARAMETER;
	end(resource->mapping, command);
	return VIRTIO_GPU_RESP_OK_NODATA;
}

void gpu_host_memory_known(struct gpu_resource *resource)
{
	struct gpu_device *device = resource->device;
	struct gpu_mapping *mapping = resource->mapping;
	if (!mapping || mapping->state != GPU_MAPPING_WAITS)
		return;
	proceed(mapping);
	/* the queue may have been stopped meanwhile, and nothing is asked before it runs again */
	if (!device->queues.runnable[VIRTIO_GPU_QUEUE_CONTROL])
		gpu_host_visible_hurry(device);
}

void gpu_host_memory_lost(struct gpu_resource *resource)
{
	fd_close(&resource->host_memory.fd);
}

void gpu_host_memory_drop(struct gpu_resource *resource, struct gpu_command *command)
{
	fd_close(&resource->host_memory.fd);
	if (resource->mapping)
		end(resource->mapping, command);
}

/* A file that gets shorter later ends whoever looks behind its end, and that would be the VMM. */
static bool may_be_memory(
	const struct renderer_memory *memory, uint64_t size, struct stat *ret_file)
{
	uint64_t end;
	return checked_add(memory->offset, size, &end) && fd_keeps(memory->fd, end, ret_file) &&
		(S_ISREG(ret_file->st_mode) || memory->offset == 0);
}

void gpu_host_memory_set(struct gpu_resource *resource, const struct renderer_memory *memory)
{
	struct stat file;
	if (!may_be_memory(memory, resource->blob.size, &file)) {
		log_limited(LOG_WARN, "blob %u: what the renderer has for it cannot be mapped",
			resource->args.id);
		return;
	}
	resource->host_memory = (struct gpu_host_memory){
		.fd = fd_dup(memory->fd),
		.map_info = memory->map_info,
		.offset = memory->offset,
		.device = file.st_dev,
		.inode = file.st_ino,
	};
}

/* Searched anew each time: what is answered may change the list. */
static struct gpu_mapping *find_awaited(const struct gpu_device *device)
{
	list_for_each (link, &device->host_visible.mappings) {
		struct gpu_mapping *mapping = MAPPING(link);
		if (mapping->waiter && mapping->state != GPU_MAPPING_WAITS)
			return mapping;
	}
	return NULL;
}

/* The VMM does in any case what it was asked before the guest runs again, as long as it can be asked. */
void gpu_host_visible_hurry(struct gpu_device *device)
{
	const struct backend_channel *channel = find_channel(device);
	bool is_open = channel && backend_channel_is_open(channel);
	struct gpu_mapping *mapping;
	while ((mapping = find_awaited(device))) {
		if (mapping->state == GPU_MAPPING_TAKEN)
			let_waiter_go(mapping, 0);
		else if (!is_open)
			let_waiter_go(mapping, -ECONNRESET);
		else
			answer_map(mapping);
	}
}

int gpu_host_visible_init(struct gpu_device *device)
{
	list_init(&device->host_visible.mappings);
	device->host_visible.echo = loop_add_timer(device->loop, no_echo, device);
	return device->host_visible.echo ? 0 : -ENOMEM;
}

void gpu_host_visible_forget(struct gpu_device *device)
{
	device->host_visible.no_echo = false;
}

void gpu_host_visible_finish(struct gpu_device *device)
{
	assert(list_empty(&device->host_visible.mappings));
	loop_source_destroy(device->host_visible.echo);
}
