/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/*
 * Who is alive when: the device and a viewer's display live as long as the process;
 * a session brings memory, queues and maybe a display, and takes them away. Between two sessions,
 * and when the guest resets the device, everything that the guest made is dropped, and the renderers
 * that it used are ended: others begin in their places, as what a guest has made of one must not meet
 * the next. What displays have not finished by then is finished later, for nobody.
 */
#include "gpu/device.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "gpu/blob.h"
#include "gpu/commands.h"
#include "gpu/context.h"
#include "gpu/queues.h"
#include "gpu/resource.h"
#include "gpu/snapshot.h"
#include "gpu/state.h"
#include "util/fd.h"

#define FEATURE(bit) (UINT64_C(1) << (bit))

/* Drops all that a guest has made. */
static void device_reset(struct gpu_device *device)
{
	gpu_commands_abort(device, VIRTIO_GPU_QUEUES);
	gpu_scanouts_off(device, NULL);
	gpu_cursors_reset(device);
	gpu_renderers_reset(device);
	while (!list_empty(&device->context_list))
		gpu_context_forget(
			container_of(device->context_list.next, struct gpu_context, link));
	while (!list_empty(&device->resource_list))
		gpu_resource_forget(
			container_of(device->resource_list.next, struct gpu_resource, link));
	gpu_renderers_renew(device);
	gpu_events_reset(device);
}

static void set_memory(struct gpu_device *device, struct vhost_memory *memory)
{
	struct vhost_memory *before = device->memory;
	device->memory = memory ? vhost_memory_ref(memory) : NULL;
	gpu_regions_update(&device->regions, memory);
	if (memory)
		gpu_backings_resolve(device);
	for (uint32_t i = 0; i < device->renderers.count; i++)
		if (device->renderers.slots[i].renderer)
			gpu_slot_memory_changed(&device->renderers.slots[i]);
	/* Regions are only ever handed to renderers in other processes, and made dma-bufs of. */
	if (memory && device->args.renderer_count == 0 && device->udmabuf < 0)
		vhost_memory_close_files(memory);
	vhost_memory_unref(before);
}

static uint64_t impl_features(void *data)
{
	uint64_t features = gpu_command_features() | FEATURE(VIRTIO_GPU_F_CONTEXT_INIT) |
		FEATURE(VIRTIO_GPU_F_BLOB_ALIGNMENT);
	if (gpu_capset_count(data) == 0)
		features &= ~(FEATURE(VIRTIO_GPU_F_VIRGL) | FEATURE(VIRTIO_GPU_F_CONTEXT_INIT));
	return features;
}

static void impl_set_features(void *data, uint64_t features)
{
	struct gpu_device *device = data;
	device->features = features;
}

static uint64_t impl_protocol_features(void *data)
{
	uint64_t memory = VHOST_BIT(VHOST_USER_PROTOCOL_F_SHMEM);
	return VHOST_BIT(VHOST_USER_PROTOCOL_F_SHARED_OBJECT) |
		(gpu_host_visible_size(data) > 0 ? memory : 0);
}

static void impl_shared_memory(void *data, uint64_t sizes[VHOST_USER_MAX_SHMEMS])
{
	sizes[VIRTIO_GPU_SHM_ID_HOST_VISIBLE] = gpu_host_visible_size(data);
}

static void impl_read_config(void *data, uint8_t *bytes)
{
	struct gpu_device *device = data;
	const struct virtio_gpu_config config = {
		.events_read = gpu_events_read(device),
		.num_scanouts = device->args.scanouts,
		.num_capsets = gpu_capset_count(device),
		.blob_alignment = gpu_blob_alignment(),
	};
	memcpy(bytes, &config, sizeof(config));
}

static void impl_write_config(void *data, uint32_t offset, const uint8_t *bytes, uint32_t size)
{
	struct gpu_device *device = data;
	struct virtio_gpu_config config = { 0 };
	memcpy((uint8_t *)&config + offset, bytes, size);
	gpu_events_clear(device, config.events_clear);
}

static void impl_queue_ready(void *data, struct virtqueue *queue)
{
	gpu_queues_ready(data, queue);
}

static void impl_queue_stop(void *data, struct virtqueue *queue, bool hurry)
{
	gpu_queues_stop(data, queue->index);
	if (queue->index == VIRTIO_GPU_QUEUE_CONTROL) {
		gpu_shares_hurry(data);
		gpu_host_visible_hurry(data);
	}
	if (hurry)
		gpu_commands_abort(data, queue->index);
}

static void impl_memory_changed(void *data, struct vhost_memory *memory)
{
	set_memory(data, memory);
	gpu_host_visible_table_changed(data);
}

static void impl_set_gpu_socket(void *data, int sock)
{
	struct gpu_device *device = data;
	device->outputs.session_shows = true;
	gpu_outputs_set(device, GPU_DISPLAY_SESSION, sock);
}

static int impl_shared_object(void *data, const uint8_t uuid[16])
{
	return gpu_shares_find(data, uuid);
}

static void impl_reset(void *data)
{
	device_reset(data);
}

static void impl_closed(void *data)
{
	struct gpu_device *device = data;
	gpu_renderers_forgive(device);
	device_reset(device);
	device->outputs.session_shows = false;
	gpu_outputs_set(device, GPU_DISPLAY_SESSION, -1);
	set_memory(device, NULL);
	gpu_queues_forget(device);
	gpu_host_visible_forget(device);
	device->features = 0;
	device->session = NULL;
}

const struct vhost_device_impl gpu_device_impl = {
	.queues = VIRTIO_GPU_QUEUES,
	.config_size = sizeof(struct virtio_gpu_config),
	.features = impl_features,
	.set_features = impl_set_features,
	.protocol_features = impl_protocol_features,
	.read_config = impl_read_config,
	.write_config = impl_write_config,
	.queue_ready = impl_queue_ready,
	.queue_stop = impl_queue_stop,
	.memory_changed = impl_memory_changed,
	.set_gpu_socket = impl_set_gpu_socket,
	.shared_object = impl_shared_object,
	.shared_memory = impl_shared_memory,
	.reset = impl_reset,
	.closed = impl_closed,
	.state = &gpu_snapshot_impl,
};

struct gpu_device *gpu_device_create(const struct gpu_device_args *args)
{
	assert(args->scanouts >= 1 && args->scanouts <= VIRTIO_GPU_MAX_SCANOUTS);
	struct gpu_device *device = calloc(1, sizeof(*device));
	if (!device)
		return NULL;
	device->loop = args->loop;
	device->args = *args;
	device->udmabuf = -1;
	gpu_commands_init(&device->commands);
	gpu_timeline_init(&device->global);
	idmap_init(&device->resources);
	idmap_init(&device->contexts);
	list_init(&device->resource_list);
	list_init(&device->context_list);
	if (gpu_shares_init(device) < 0)
		goto fail_shares;
	if (gpu_host_visible_init(device) < 0)
		goto fail_host_visible;
	if (gpu_outputs_init(device) < 0)
		goto fail_outputs;
	if (gpu_queues_init(device) < 0)
		goto fail_queues;
	if (gpu_scanouts_init(device) < 0)
		goto fail_scanouts;
	if (gpu_renderers_init(device) < 0)
		goto fail_renderers;
	return device;

fail_renderers:
	gpu_scanouts_finish(device);
fail_scanouts:
	gpu_queues_finish(device);
fail_queues:
	gpu_outputs_finish(device);
fail_outputs:
	gpu_host_visible_finish(device);
fail_host_visible:
	gpu_shares_finish(device);
fail_shares:
	free(device);
	return NULL;
}

void gpu_device_destroy(struct gpu_device *device)
{
	if (!device)
		return;
	device_reset(device);
	/* These finish what is under way, for which the rest has to be there still. */
	for (uint32_t i = 0; i < GPU_DISPLAY_OWNERS; i++)
		gpu_outputs_set(device, (enum gpu_display_owner)i, -1);
	gpu_renderers_finish(device);
	gpu_scanouts_finish(device);
	gpu_queues_finish(device);
	gpu_outputs_finish(device);
	gpu_host_visible_finish(device);
	gpu_shares_finish(device); /* no session is open that would know of any */
	gpu_commands_finish(&device->commands);
	idmap_finish(&device->resources);
	idmap_finish(&device->contexts);
	vhost_memory_unref(device->memory);
	fd_close(&device->udmabuf);
	free(device);
}

void gpu_device_set_session(struct gpu_device *device, struct vhost_session *session)
{
	device->session = session;
}

void gpu_device_set_udmabuf(struct gpu_device *device, int fd)
{
	fd_close(&device->udmabuf);
	device->udmabuf = fd;
}

void gpu_device_memory_came(struct gpu_device *device)
{
	gpu_scanouts_push(device);
	gpu_cursors_memory_came(device);
}

void gpu_device_set_viewer(struct gpu_device *device, int sock)
{
	gpu_outputs_set(device, GPU_DISPLAY_VIEWER, sock);
}
