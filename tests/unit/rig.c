/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
#include "rig.h"

#include <sys/mman.h>
#include <unistd.h>

#include "loop/loop.h"
#include "test.h"
#include "util/fd.h"

struct rig rig;

static uint64_t device_features(void *data)
{
	return RIG_FEATURES;
}

static void device_set_features(void *data, uint64_t features)
{
	struct rig_device *device = data;
	device->features = features;
	device->set_features++;
}

static uint64_t device_protocol_features(void *data)
{
	return rig.shares ? VHOST_BIT(VHOST_USER_PROTOCOL_F_SHARED_OBJECT) |
			VHOST_BIT(VHOST_USER_PROTOCOL_F_SHMEM)
			  : 0;
}

static void device_shared_memory(void *data, uint64_t sizes[VHOST_USER_MAX_SHMEMS])
{
	sizes[1] = RIG_SHARED_MEMORY;
	sizes[255] = 2 * RIG_SHARED_MEMORY;
}

static void device_read_config(void *data, uint8_t *config)
{
	struct rig_device *device = data;
	memcpy(config, device->config, RIG_CONFIG);
}

static void device_write_config(void *data, uint32_t offset, const uint8_t *bytes, uint32_t size)
{
	struct rig_device *device = data;
	CHECK(size > 0 && range_inside(offset, size, RIG_CONFIG));
	memcpy(device->config + offset, bytes, size);
}

static void echo(struct vq_request *request)
{
	uint8_t bytes[64];
	size_t size = min_size(request->readable_left, sizeof(bytes));
	CHECK(vq_request_read(request, bytes, size));
	vq_request_complete(request, bytes, size);
}

static void device_queue_ready(void *data, struct virtqueue *queue)
{
	struct rig_device *device = data;
	struct vq_request *request;
	if (device->ready[0] + device->ready[1] == 0)
		device->resets_before_ready = device->resets;
	device->ready[queue->index]++;
	while (virtqueue_pop(queue, &request) == 1) {
		if (!device->hold) {
			echo(request);
			continue;
		}
		list_insert(device->backwards ? &device->held : device->held.prev, &request->link);
		device->held_count++;
	}
	vhost_session_completed(rig.session, queue);
}

static void release_queue(struct rig_device *device, const struct virtqueue *queue)
{
	list_for_each_safe (link, after, &device->held) {
		struct vq_request *request = container_of(link, struct vq_request, link);
		if (queue && request->queue != queue)
			continue;
		struct virtqueue *its = request->queue;
		list_remove(link);
		device->held_count--;
		vq_request_complete(request, NULL, 0);
		vhost_session_completed(rig.session, its);
	}
}

static void device_queue_stop(void *data, struct virtqueue *queue, bool hurry)
{
	struct rig_device *device = data;
	struct vq_request *request = NULL;
	CHECK_INT(virtqueue_pop(queue, &request), 0);
	if (!hurry) {
		device->stops++;
		return;
	}
	device->hurries++;
	release_queue(device, queue);
}

static void device_memory_changed(void *data, struct vhost_memory *memory)
{
	struct rig_device *device = data;
	CHECK(memory == vhost_session_memory(rig.session));
	device->memory_changes++;
}

static void device_set_gpu_socket(void *data, int sock)
{
	struct rig_device *device = data;
	fd_close(&device->gpu_socket);
	device->gpu_socket = sock;
}

static int device_shared_object(void *data, const uint8_t uuid[16])
{
	const struct rig_device *device = data;
	if (device->shared_fd < 0 || memcmp(uuid, RIG_UUID, 16) != 0)
		return -ENOENT;
	return device->shared_fd;
}

static void device_reset(void *data)
{
	struct rig_device *device = data;
	CHECK_INT(device->held_count, 0);
	device->resets++;
}

static void device_closed(void *data)
{
	struct rig_device *device = data;
	device->closes++;
	release_queue(device, NULL);
	fd_close(&device->gpu_socket);
}

static const struct vhost_device_impl impl = {
	.queues = RIG_QUEUES,
	.config_size = RIG_CONFIG,
	.features = device_features,
	.set_features = device_set_features,
	.protocol_features = device_protocol_features,
	.read_config = device_read_config,
	.write_config = device_write_config,
	.queue_ready = device_queue_ready,
	.queue_stop = device_queue_stop,
	.memory_changed = device_memory_changed,
	.set_gpu_socket = device_set_gpu_socket,
	.shared_object = device_shared_object,
	.shared_memory = device_shared_memory,
	.reset = device_reset,
	.closed = device_closed,
};

static void on_ended(void *data)
{
	rig.ended++;
	vhost_session_destroy(rig.session);
	rig.session = NULL;
}

static void setup_memory(void)
{
	rig.memory_fd = memfd_create("guest", MFD_CLOEXEC);
	CHECK_INT(ftruncate(rig.memory_fd, (off_t)RIG_MEMORY), 0);
	rig.memory = mmap(NULL, RIG_MEMORY, PROT_READ | PROT_WRITE, MAP_SHARED, rig.memory_fd, 0);
	CHECK(rig.memory != MAP_FAILED);
	for (uint32_t i = 0; i < RIG_QUEUES; i++) {
		uint64_t offset = i * UINT64_C(0x4000);
		vring_init(&rig.rings[i], rig.memory + offset, RIG_USER + offset, RIG_SIZE);
		packed_init(&rig.packed_rings[i], rig.memory + offset, RIG_USER + offset, RIG_SIZE);
		rig.kicks[i] = fd_eventfd();
		rig.calls[i] = fd_eventfd();
		rig.errors[i] = fd_eventfd();
	}
}

void rig_setup(void)
{
	rig = (struct rig){ .memory_slots = rig.memory_slots,
		.shares = rig.shares,
		.state = rig.state,
		.packed = rig.packed,
		.impl = impl };
	rig.impl.state = rig.state;
	rig.fds_before = test_open_fds();
	rig.device.gpu_socket = rig.device.shared_fd = -1;
	list_init(&rig.device.held);
	setup_memory();
	rig.loop = loop_create();
	int sock;
	peer_pair(&sock, &rig.peer);
	rig.session_sock = sock;
	const struct vhost_session_args args = {
		.loop = rig.loop,
		.sock = sock,
		.impl = &rig.impl,
		.device = &rig.device,
		.memory_slots = rig.memory_slots,
		.ended = on_ended,
	};
	rig.session = vhost_session_create(&args);
	CHECK(rig.session);
}

void rig_teardown(void)
{
	fd_close(&rig.peer);
	/* what was sent before comes first, a part of it in each round */
	rig_run();
	for (uint32_t i = 0; i < 1000 && !rig.ended; i++)
		rig_run();
	CHECK_INT(rig.ended, 1);
	CHECK_INT(rig.device.closes, 1);
	loop_destroy(rig.loop);
	munmap(rig.memory, RIG_MEMORY);
	fd_close(&rig.memory_fd);
	for (uint32_t i = 0; i < RIG_QUEUES; i++) {
		fd_close(&rig.kicks[i]);
		fd_close(&rig.calls[i]);
		fd_close(&rig.errors[i]);
	}
	CHECK_INT(test_open_fds(), rig.fds_before);
}

void rig_run(void)
{
	for (int i = 0; i < 6; i++)
		CHECK_INT(loop_round(rig.loop, 0), 0);
}

void rig_release(void)
{
	release_queue(&rig.device, NULL);
}

void rig_send(uint32_t request, const void *payload, size_t size)
{
	peer_send(rig.peer, request, 0, payload, size);
	rig_run();
}

void rig_send_u64(uint32_t request, uint64_t value)
{
	rig_send(request, &value, sizeof(value));
}

void rig_send_state(uint32_t request, uint32_t index, uint32_t num)
{
	const struct vhost_user_vring_state state = { index, num };
	rig_send(request, &state, sizeof(state));
}

void rig_send_fd(uint32_t request, const void *payload, size_t size, int fd)
{
	peer_send_fds(rig.peer, request, payload, size, &fd, 1);
	rig_run();
}

void rig_answer(uint32_t request, void *ret_payload, size_t size)
{
	struct peer_message message;
	CHECK(peer_receive(rig.peer, &message));
	CHECK_INT(message.header.request, request);
	CHECK_INT(message.header.flags, VHOST_USER_VERSION | VHOST_USER_REPLY_MASK);
	CHECK_INT(message.header.size, size);
	CHECK_INT(message.fd, -1);
	memcpy(ret_payload, message.payload, size);
}

uint64_t rig_send_acked(uint32_t request, const void *payload, size_t size)
{
	uint64_t status;
	peer_send(rig.peer, request, VHOST_USER_NEED_REPLY_MASK, payload, size);
	rig_run();
	rig_answer(request, &status, sizeof(status));
	return status;
}

uint64_t rig_ask_u64(uint32_t request)
{
	uint64_t value;
	rig_send(request, NULL, 0);
	rig_answer(request, &value, sizeof(value));
	return value;
}

bool rig_silent(void)
{
	struct peer_message message;
	return !peer_receive(rig.peer, &message);
}

bool rig_over(void)
{
	return rig.ended == 1 && rig.device.closes == 1 && peer_closed(rig.peer);
}

static uint64_t layout_unwanted(void)
{
	return rig.packed ? 0 : VHOST_BIT(VIRTIO_F_RING_PACKED);
}

void rig_negotiate_without(uint64_t features)
{
	uint64_t offered = rig_ask_u64(VHOST_USER_GET_FEATURES);
	if (!(features & VHOST_BIT(VHOST_USER_F_PROTOCOL_FEATURES)))
		rig_send_u64(VHOST_USER_SET_PROTOCOL_FEATURES,
			rig_ask_u64(VHOST_USER_GET_PROTOCOL_FEATURES));
	rig_send(VHOST_USER_SET_OWNER, NULL, 0);
	rig_send_u64(VHOST_USER_SET_FEATURES, offered & ~(features | layout_unwanted()));
}

/* interrupts are easier to count without event_idx, which has tests of its own */
#define UNWANTED VHOST_BIT(VIRTIO_RING_F_EVENT_IDX)

uint64_t rig_features(void)
{
	return rig_ask_u64(VHOST_USER_GET_FEATURES) & ~(UNWANTED | layout_unwanted());
}

void rig_negotiate(void)
{
	rig_negotiate_without(UNWANTED);
}

struct vhost_user_memory_region rig_region(void)
{
	return (struct vhost_user_memory_region){
		.guest_address = RIG_GUEST,
		.size = RIG_MEMORY,
		.user_address = RIG_USER,
	};
}

void rig_share_memory(void)
{
	const struct {
		struct vhost_user_memory_header header;
		struct vhost_user_memory_region region;
	} table = { .header.nregions = 1, .region = rig_region() };
	rig_send_fd(VHOST_USER_SET_MEM_TABLE, &table, sizeof(table), rig.memory_fd);
}

void rig_set_queue(uint32_t index, uint32_t base)
{
	const struct vhost_user_vring_addr addr = rig_vring_addr(index);
	const uint64_t number = index;
	rig_send_state(VHOST_USER_SET_VRING_NUM, index,
		rig.packed ? rig.packed_rings[index].size : rig.rings[index].size);
	rig_send_state(VHOST_USER_SET_VRING_BASE, index, base);
	rig_send(VHOST_USER_SET_VRING_ADDR, &addr, sizeof(addr));
	rig_send_fd(VHOST_USER_SET_VRING_CALL, &number, sizeof(number), rig.calls[index]);
	rig_send_fd(VHOST_USER_SET_VRING_ERR, &number, sizeof(number), rig.errors[index]);
}

void rig_kick_queue(uint32_t index)
{
	const uint64_t number = index;
	rig_send_fd(VHOST_USER_SET_VRING_KICK, &number, sizeof(number), rig.kicks[index]);
}

void rig_start(uint32_t base0, uint32_t base1)
{
	rig_set_queue(0, base0);
	rig_kick_queue(0);
	rig_set_queue(1, base1);
	rig_kick_queue(1);
	rig_send_state(VHOST_USER_SET_VRING_ENABLE, 0, 1);
	rig_send_state(VHOST_USER_SET_VRING_ENABLE, 1, 1);
}

void rig_boot(void)
{
	rig_negotiate();
	rig_share_memory();
	rig_start(rig_base(0), rig_base(1));
	CHECK_INT(rig.ended, 0);
}

static uint32_t stop_queue(uint32_t index)
{
	struct vhost_user_vring_state state;
	rig_send_state(VHOST_USER_GET_VRING_BASE, index, 0);
	rig_answer(VHOST_USER_GET_VRING_BASE, &state, sizeof(state));
	CHECK_INT(state.index, index);
	return state.num;
}

uint32_t rig_stop(uint32_t *ret_base1)
{
	rig_send_state(VHOST_USER_SET_VRING_ENABLE, 0, 0);
	rig_send_state(VHOST_USER_SET_VRING_ENABLE, 1, 0);
	uint32_t base0 = stop_queue(0);
	*ret_base1 = stop_queue(1);
	return base0;
}

bool rig_interrupted(uint32_t index)
{
	uint64_t count;
	return read(rig.calls[index], &count, sizeof(count)) == (ssize_t)sizeof(count);
}
