/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
#include "gpu/shared.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "gpu/blob.h"
#include "gpu/resource.h"
#include "gpu/state.h"
#include "loop/loop.h"
#include "util/image.h"
#include "util/log.h"
#include "vhost/backend_channel.h"

#define DUE(list_link)     container_of((list_link), struct gpu_shared, due_link)
#define AWAITED(list_link) container_of((list_link), struct gpu_shared, late_link)
#define ALL(list_link)     container_of((list_link), struct gpu_shared, link)

static struct backend_channel *find_channel(const struct gpu_device *device)
{
	uint64_t needed = VHOST_BIT(VHOST_USER_PROTOCOL_F_SHARED_OBJECT);
	struct vhost_session *session = device->session;
	if (!session || !(vhost_session_protocol_features(session) & needed))
		return NULL;
	return vhost_session_backend_channel(session);
}

/* Takes one of the places for exports, if it has none yet. */
static bool may_export(struct gpu_shared *shared)
{
	struct gpu_shares *shares = &shared->device->shares;
	if (shared->exports || shares->exports == GPU_MAX_SHARED)
		return shared->exports;
	shared->exports = true;
	shares->exports++;
	return true;
}

static struct image *find_exported(struct gpu_shared *shared)
{
	struct gpu_realisation *home = shared->resource->home;
	const struct renderer *renderer = home ? home->slot->renderer : NULL;
	if (!renderer || !renderer->can_export || !may_export(shared))
		return NULL;
	gpu_realisation_export(home);
	return home->exported;
}

/* The dma-buf that there is now; one that there is not may come later. */
static struct image *find_image(struct gpu_shared *shared)
{
	if (!find_channel(shared->device))
		return NULL;
	return shared->resource->kind == GPU_RESOURCE_BLOB ? gpu_blob_dmabuf(shared->resource)
							   : find_exported(shared);
}

static void set_image(struct gpu_shared *shared, struct image *image)
{
	if (image)
		image_ref(image);
	image_unref(shared->image);
	shared->image = image;
}

static bool is_due(const struct gpu_shared *shared)
{
	bool wanted = shared->image && !shared->refused;
	return shared->told != wanted;
}

static void stop_waiting(struct gpu_shared *shared)
{
	list_remove(&shared->late_link);
	list_for_each_safe (link, after, &shared->waiters) {
		struct gpu_command *waiter = container_of(link, struct gpu_command, shared_link);
		list_remove(link);
		gpu_command_release(waiter, 0);
	}
}

/* The VMM may be busy with what others have asked of it, and never be done with that. */
static void on_late(void *data)
{
	struct gpu_shares *shares = &((struct gpu_device *)data)->shares;
	uint64_t now = loop_now_ms();
	while (!list_empty(&shares->awaited)) {
		struct gpu_shared *shared = AWAITED(shares->awaited.next);
		if (shared->deadline_ms > now) {
			loop_timer_arm(shares->late, shared->deadline_ms - now);
			return;
		}
		log_limited(
			LOG_WARN, "the VMM does not answer: a UUID is given before it knows it");
		stop_waiting(shared);
	}
}

static void limit_waiting(struct gpu_shared *shared)
{
	struct gpu_shares *shares = &shared->device->shares;
	if (list_empty(&shared->waiters) || !list_empty(&shared->late_link))
		return;
	if (list_empty(&shares->awaited))
		loop_timer_arm(shares->late, GPU_SHARE_MS);
	shared->deadline_ms = loop_now_ms() + GPU_SHARE_MS;
	list_append(&shares->awaited, &shared->late_link);
}

int gpu_shares_init(struct gpu_device *device)
{
	struct gpu_shares *shares = &device->shares;
	list_init(&shares->all);
	list_init(&shares->due);
	list_init(&shares->awaited);
	shares->late = loop_add_timer(device->loop, on_late, device);
	return shares->late ? 0 : -ENOMEM;
}

void gpu_shares_finish(struct gpu_device *device)
{
	assert(list_empty(&device->shares.all));
	loop_source_destroy(device->shares.late);
}

static void destroy(struct gpu_shared *shared)
{
	shared->device->shares.exports -= shared->exports;
	list_remove(&shared->link);
	list_remove(&shared->late_link);
	list_remove(&shared->due_link);
	free(shared);
}

/* Puts it in line, or ends what waits for it when there is nothing to be told. It may be gone
 * afterwards. */
static void settle(struct gpu_shared *shared)
{
	struct gpu_shares *shares = &shared->device->shares;
	const struct gpu_resource *resource = shared->resource;
	if (shares->asked == shared)
		return;
	list_remove(&shared->due_link);
	/* What is taken back goes first: the VMM must not hand it out any more. */
	if (is_due(shared)) {
		list_insert(shared->told ? &shares->due : shares->due.prev, &shared->due_link);
		limit_waiting(shared);
	} else if (!resource)
		destroy(shared);
	else if (!shared->exports || !resource->home || !resource->home->exporting)
		stop_waiting(shared);
}

static void answered(struct gpu_shared *shared, int status)
{
	/* Whether the VMM knows of what it was told last when its channel closed is not known: it is taken back
	 * later in any case. */
	if (shared->told)
		shared->told = false;
	else if (status == 0 || status == -ECONNRESET)
		shared->told = true;
	else
		shared->refused = true;
	if (shared->refused && shared->resource)
		log_limited(LOG_DEBUG, "resource %u: the VMM does not take it: %d",
			shared->resource->args.id, status);
	settle(shared);
}

static void run(struct gpu_device *device);

static void request_done(void *data, int status)
{
	struct gpu_device *device = data;
	struct gpu_shared *shared = device->shares.asked;
	device->shares.asked = NULL;
	answered(shared, status);
	run(device);
}

static void ask(struct gpu_shared *shared)
{
	struct gpu_device *device = shared->device;
	struct backend_channel *channel = find_channel(device);
	struct vhost_user_shared payload;
	memcpy(payload.uuid, shared->uuid, sizeof(payload.uuid));
	const struct backend_channel_args args = {
		.request = shared->told ? VHOST_USER_BACKEND_SHARED_OBJECT_REMOVE
					: VHOST_USER_BACKEND_SHARED_OBJECT_ADD,
		.payload = &payload,
		.size = sizeof(payload),
		.fd = -1,
		.done = request_done,
		.data = device,
	};
	list_remove(&shared->due_link);
	device->shares.asked = shared;
	int ret = -ENOTCONN;
	if (channel)
		ret = backend_channel_request(channel, &args);
	if (ret < 0) {
		device->shares.asked = NULL;
		answered(shared, ret);
	}
}

static void run(struct gpu_device *device)
{
	struct gpu_shares *shares = &device->shares;
	while (!shares->asked && !list_empty(&shares->due))
		ask(DUE(shares->due.next));
}

void gpu_shared_update(struct gpu_resource *resource)
{
	struct gpu_shared *shared = resource->shared;
	if (!shared)
		return;
	set_image(shared, find_image(shared));
	settle(shared);
	run(resource->device);
}

void gpu_shared_drop(struct gpu_resource *resource)
{
	struct gpu_device *device = resource->device;
	struct gpu_shared *shared = resource->shared;
	if (!shared)
		return;
	resource->shared = NULL;
	shared->resource = NULL;
	set_image(shared, NULL);
	stop_waiting(shared);
	settle(shared);
	run(device);
}

/* A random one (RFC 9562, version 4).
 *
 * #syscalls device: getrandom */
static int make_uuid(uint8_t uuid[GPU_UUID_SIZE])
{
	if (getrandom(uuid, GPU_UUID_SIZE, GRND_NONBLOCK) != GPU_UUID_SIZE)
		return -EAGAIN;
	uuid[6] = (uint8_t)((uuid[6] & 0x0f) | 0x40);
	uuid[8] = (uint8_t)((uuid[8] & 0x3f) | 0x80);
	return 0;
}

static struct gpu_shared *create(struct gpu_resource *resource, const uint8_t uuid[GPU_UUID_SIZE])
{
	struct gpu_device *device = resource->device;
	struct gpu_shared *shared = calloc(1, sizeof(*shared));
	if (!shared)
		return NULL;
	memcpy(shared->uuid, uuid, GPU_UUID_SIZE);
	shared->device = device;
	shared->resource = resource;
	resource->shared = shared;
	list_append(&device->shares.all, &shared->link);
	list_init(&shared->due_link);
	list_init(&shared->late_link);
	list_init(&shared->waiters);
	return shared;
}

uint32_t gpu_shared_assign(struct gpu_resource *resource, struct gpu_command *command)
{
	uint8_t uuid[GPU_UUID_SIZE];
	bool known = resource->shared;
	struct gpu_shared *shared = resource->shared;
	if (!known && make_uuid(uuid) == 0)
		shared = create(resource, uuid);
	if (!shared)
		return VIRTIO_GPU_RESP_ERR_OUT_OF_MEMORY;
	uint32_t result = gpu_command_answer(
		command, VIRTIO_GPU_RESP_OK_RESOURCE_UUID, shared->uuid, sizeof(shared->uuid));
	if (result != VIRTIO_GPU_RESP_OK_RESOURCE_UUID) {
		if (!known)
			gpu_shared_drop(resource);
	} else if (!known || !list_empty(&shared->waiters)) {
		list_append(&shared->waiters, &command->shared_link);
		gpu_command_hold(command, NULL);
		if (!known)
			gpu_shared_update(resource);
	}
	return result;
}

int gpu_shared_restore(struct gpu_resource *resource, const uint8_t uuid[GPU_UUID_SIZE])
{
	assert(!resource->shared);
	if (!create(resource, uuid))
		return -ENOMEM;
	gpu_shared_update(resource);
	return 0;
}

void gpu_shares_hurry(struct gpu_device *device)
{
	list_for_each (link, &device->shares.all)
		stop_waiting(ALL(link));
}

int gpu_shares_find(const struct gpu_device *device, const uint8_t uuid[GPU_UUID_SIZE])
{
	list_for_each (link, &device->shares.all) {
		const struct gpu_shared *shared = ALL(link);
		if (shared->image && memcmp(shared->uuid, uuid, GPU_UUID_SIZE) == 0)
			return shared->image->fds[0];
	}
	return -ENOENT;
}
