/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
#include "gpu_rig.h"

#include <stdlib.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "gpu/state.h"
#include "util/fd.h"
#include "util/shm.h"

/* In guest memory: a ring for each queue, then room for a request and an answer for each of its
 * entries. */
#define RING_AREA    UINT64_C(0x10000)
#define REQUEST_AREA UINT64_C(0x100000)
#define SLOT_BYTES   (REQUEST_ROOM + ANSWER_ROOM)

static const char *const fake_names[GPU_MAX_RENDERERS] = { "fake-0", "fake-1", "fake-2", "fake-3" };

struct vhost_memory *gpu_rig_other_memory(struct gpu_rig *rig, uint64_t address)
{
	struct vhost_memory *memory = vhost_memory_create();
	const struct vhost_region_info info = {
		.guest_address = address,
		.size = GUEST_SIZE,
		.user_address = UINT64_C(0x7f0000000000) + address,
	};
	int fd = memfd_create("guest", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	CHECK(memory && fd >= 0);
	CHECK_INT(ftruncate(fd, (off_t)GUEST_SIZE), 0);
	CHECK_INT(vhost_memory_add(memory, &info, &fd, NULL), 0);
	return memory;
}

static void add_capset(struct fake *fake, uint32_t id)
{
	uint8_t data[100];
	memset(data, (int)id, sizeof(data));
	int ret = renderer_add_capset(&fake->base, id, 2, data, sizeof(data));
	CHECK(ret == 0 || ret == -ENOMEM);
}

static uint32_t fake_index(const char *name)
{
	uint32_t index = 0;
	while (strcmp(fake_names[index], name) != 0)
		index++;
	return index;
}

static struct renderer *start(void *data, const char *name, const struct renderer_events *events,
	void (*ready)(void *events_data, struct renderer *renderer), void *events_data)
{
	struct gpu_rig *rig = data;
	uint32_t index = fake_index(name);
	rig->starts++;
	if (rig->start_fails)
		return NULL;
	struct fake *fake = fake_create(events, events_data);
	if (!fake)
		return NULL;
	rig->fakes[index] = fake;
	add_capset(fake, index == 0 ? VIRTIO_GPU_CAPSET_VIRGL : VIRTIO_GPU_CAPSET_VENUS);
	if (index == 0)
		add_capset(fake, VIRTIO_GPU_CAPSET_VIRGL2);
	rig->factory[index].ready = ready;
	rig->factory[index].data = events_data;
	return &fake->base;
}

static void end(void *data, const char *name)
{
	struct gpu_rig *rig = data;
	rig->ends++;
	rig->fakes[fake_index(name)] = NULL;
}

static int memory(void *data, uint64_t size)
{
	struct gpu_rig *rig = data;
	rig->memories++;
	return rig->memory_fails ? rig->memory_fails : shm_create("frame", size);
}

void gpu_rig_fake_ready(struct gpu_rig *rig, uint32_t index)
{
	rig->factory[index].ready(rig->factory[index].data, &rig->fakes[index]->base);
}

static void ready(void *data)
{
	struct gpu_rig *rig = data;
	rig->ready++;
}

void gpu_rig_prepare(struct gpu_rig *rig, uint32_t renderers)
{
	*rig = (struct gpu_rig){ .open_fds = test_open_fds() };
	rig->display.sock = rig->display.fd = rig->udmabuf = -1;
	rig->loop = loop_create();
	CHECK(rig->loop);
	rig->display.loop = rig->loop;
	rig->args = (struct gpu_device_args){
		.loop = rig->loop,
		.limits = GPU_LIMITS_DEFAULT,
		.scanouts = 1,
		.width = 1024,
		.height = 768,
		.capset_mask = UINT64_MAX,
		.factory = { .start = start, .end = end, .memory = memory, .data = rig },
		.renderer_count = renderers,
		.ready = ready,
		.data = rig,
	};
	for (uint32_t i = 0; i < renderers; i++)
		rig->args.renderers[i] = fake_names[i];
}

static void start_queue(struct gpu_rig *rig, uint32_t index)
{
	struct virtqueue *queue = &rig->queues[index];
	struct vring *ring = &rig->rings[index];
	uint64_t address = RING_AREA * index;
	virtqueue_init(queue, index);
	vring_init(ring, rig->guest + address, address, QUEUE_SIZE);
	CHECK_INT(virtqueue_set_size(queue, QUEUE_SIZE), 0);
	queue->addresses = vring_addresses(ring);
	queue->addresses_set = true;
	queue->addresses_are_guest = true;
	CHECK_INT(virtqueue_set_memory(queue, rig->memory), 0);
	virtqueue_start(queue, false);
	queue->enabled = true;
}

void gpu_rig_start(struct gpu_rig *rig, uint64_t features)
{
	rig->memory = gpu_rig_other_memory(rig, 0);
	rig->guest = rig->memory->regions[0]->base;
	rig->device = gpu_device_create(&rig->args);
	CHECK(rig->device);
	gpu_device_set_udmabuf(rig->device, rig->udmabuf);
	/* As if they had said it from the loop. */
	for (uint32_t i = 0; i < rig->args.renderer_count; i++)
		if (rig->fakes[i] && !rig->start_hangs)
			gpu_rig_fake_ready(rig, i);
	while (rig->start_hangs && !rig->ready) {
		CHECK_INT(loop_round(rig->loop, 100), 0);
		for (uint32_t i = 0; i < rig->args.renderer_count && rig->ready; i++)
			rig->fakes[i] = NULL;
	}
	gpu_rig_run(rig);
	CHECK_INT(rig->ready, 1);
	gpu_device_impl.memory_changed(rig->device, rig->memory);
	gpu_device_impl.set_features(rig->device, features);
	for (uint32_t i = 0; i < VIRTIO_GPU_QUEUES; i++)
		start_queue(rig, i);
}

void gpu_rig_finish(struct gpu_rig *rig)
{
	gpu_device_impl.closed(rig->device);
	gpu_device_set_session(rig->device, NULL);
	for (uint32_t i = 0; i < VIRTIO_GPU_QUEUES; i++)
		virtqueue_finish(&rig->queues[i]);
	gpu_device_destroy(rig->device);
	CHECK_INT(rig->memory->refs, 1);
	vhost_memory_unref(rig->memory);
	fd_close(&rig->display.sock);
	fd_close(&rig->display.fd);
	free(rig->display.payload);
	loop_destroy(rig->loop);
	CHECK_INT(test_open_fds(), rig->open_fds);
}

void gpu_rig_lose(struct gpu_rig *rig, struct fake *fake)
{
	for (uint32_t i = 0; i < rig->args.renderer_count; i++)
		if (rig->fakes[i] == fake)
			rig->fakes[i] = NULL;
	fake_lose(fake);
	for (uint32_t i = 0; i < rig->device->renderers.count; i++)
		rig->device->renderers.slots[i].start_count = 0;
}

void gpu_rig_run(struct gpu_rig *rig)
{
	for (int i = 0; i < 8; i++) {
		CHECK_INT(loop_round(rig->loop, 0), 0);
		for (uint32_t j = 0; j < rig->args.renderer_count && !rig->manual; j++)
			if (rig->fakes[j] && !rig->fakes[j]->lost)
				fake_finish(rig->fakes[j]);
	}
}

static uint64_t slot_address(uint32_t queue, uint16_t number)
{
	return REQUEST_AREA + (queue * QUEUE_SIZE + number % QUEUE_SIZE) * SLOT_BYTES;
}

uint16_t gpu_rig_send(
	struct gpu_rig *rig, uint32_t queue, const void *request, size_t size, uint32_t room)
{
	struct vring *ring = &rig->rings[queue];
	uint16_t number = ring->next_available;
	uint16_t head = (uint16_t)((2u * number) % QUEUE_SIZE);
	uint64_t address = slot_address(queue, number);
	CHECK(size <= REQUEST_ROOM && room <= ANSWER_ROOM);
	if (size)
		memcpy(rig->guest + address, request, size);
	memset(rig->guest + address + REQUEST_ROOM, 0xee, ANSWER_ROOM);
	if (size && room)
		vring_describe(
			ring->memory, head, address, (uint32_t)size, VRING_THEN(0, head + 1));
	if (size && !room)
		vring_describe(ring->memory, head, address, (uint32_t)size, 0);
	if (room)
		vring_describe(ring->memory, size ? head + 1u : head, address + REQUEST_ROOM, room,
			VRING_WRITE);
	rig->sent_at[queue][head] = vring_used_index(ring);
	vring_publish(ring, head);
	gpu_device_impl.queue_ready(rig->device, &rig->queues[queue]);
	return number;
}

const struct virtio_gpu_ctrl_hdr *gpu_rig_answer(
	struct gpu_rig *rig, uint32_t queue, uint16_t number, uint32_t *ret_length)
{
	const struct vring *ring = &rig->rings[queue];
	uint16_t head = (uint16_t)((2u * number) % QUEUE_SIZE);
	for (uint16_t i = rig->sent_at[queue][head]; i != vring_used_index(ring); i++) {
		uint32_t id, length;
		vring_used(ring, i, &id, &length);
		if (id != head)
			continue;
		if (ret_length)
			*ret_length = length;
		return (const void *)(rig->guest + slot_address(queue, number) + REQUEST_ROOM);
	}
	return NULL;
}

uint16_t gpu_rig_begin(struct gpu_rig *rig, const void *request, size_t size)
{
	uint16_t number = gpu_rig_send(rig, VIRTIO_GPU_QUEUE_CONTROL, request, size, ANSWER_ROOM);
	gpu_rig_run(rig);
	return number;
}

uint32_t gpu_rig_do(struct gpu_rig *rig, const void *request, size_t size)
{
	uint16_t number = gpu_rig_begin(rig, request, size);
	const struct virtio_gpu_ctrl_hdr *answer =
		gpu_rig_answer(rig, VIRTIO_GPU_QUEUE_CONTROL, number, NULL);
	CHECK(answer);
	return answer->type;
}

void gpu_rig_show(struct gpu_rig *rig, enum gpu_rig_display kind)
{
	int pair[2];
	CHECK_INT(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
	fd_close(&rig->display.sock);
	rig->display.sock = pair[0];
	if (kind == DISPLAY_OF_SESSION)
		gpu_device_impl.set_gpu_socket(rig->device, pair[1]);
	else
		gpu_device_set_viewer(rig->device, pair[1]);
}

void gpu_rig_display_begin(struct gpu_rig *rig, uint64_t features)
{
	struct peer *display = &rig->display;
	peer_expect(display, VHOST_USER_GPU_GET_PROTOCOL_FEATURES, 0);
	peer_answer(display, VHOST_USER_GPU_GET_PROTOCOL_FEATURES, &features, sizeof(features));
	peer_expect(display, VHOST_USER_GPU_SET_PROTOCOL_FEATURES, sizeof(features));
}
