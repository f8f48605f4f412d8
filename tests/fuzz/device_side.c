/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
#include "device_side.h"

#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "renderer/ring.h"
#include "renderer/ring_layout.h"
#include "test.h"
#include "util/fd.h"

#define MOST_TURNS  200u
#define MEMORY      0x10000u
#define MOST_NUMBER 0xf0u
#define MOST_SPANS  9u
#define RINGS       64u
#define CAPSET      2u /* of all renderers that are fuzzed */
#define VULKAN      4u

static struct {
	struct fuzz_input input;
	const struct device_side *side;
	int sock;
	struct ring *ring;
	struct ring_shared *shared;
	uint32_t turns;
} device;

int __real_epoll_wait(int epoll, struct epoll_event *events, int most, int timeout_ms);
int __wrap_epoll_wait(int epoll, struct epoll_event *events, int most, int timeout_ms);

static uint32_t some_id(void)
{
	uint8_t byte = fuzz_u8(&device.input);
	return byte < MOST_NUMBER ? 1u + byte % 3u : fuzz_number(&device.input);
}

static uint32_t usually(uint32_t number)
{
	return fuzz_u8(&device.input) < MOST_NUMBER ? number : fuzz_number(&device.input);
}

static void send_fd(void)
{
	const struct wire_packet packet = { .type = usually(WIRE_FD) };
	int fd = memfd_create("memory", MFD_CLOEXEC);
	CHECK_INT(ftruncate(fd, MEMORY), 0);
	fd_send_packet(device.sock, &packet, sizeof(packet), &fd, 1);
	fd_close(&fd);
}

/* Never longer than its file, as the device sees to. */
static void fill_region(struct wire_submission *record)
{
	record->region.id = some_id();
	record->region.offset = fuzz_below(&device.input, 3) * 0x1000u;
	record->region.size = MEMORY - 0x2000u;
	if (fuzz_u8(&device.input) >= MOST_NUMBER)
		record->region.size = fuzz_bit(&device.input) ? 0 : UINT64_MAX;
	if (record->op != WIRE_REGION_ADD)
		return;
	record->flags = usually(WIRE_FLAG_FD);
	if (usually(1))
		send_fd();
}

static void fill_context(struct wire_submission *record)
{
	record->context.id = some_id();
	record->context.capset = usually(fuzz_bit(&device.input) ? CAPSET : VULKAN);
	memset(record->context.name, 'x', sizeof(record->context.name));
}

static void fill_ids(struct wire_submission *record)
{
	record->ids.context = some_id();
	record->ids.resource = some_id();
	uint32_t ring = fuzz_bit(&device.input) ? fuzz_below(&device.input, RINGS) : 0;
	record->ids.ring = (int32_t)(usually(ring) - fuzz_bit(&device.input));
}

/* Gallium's numbers. */
static uint32_t some_target(void)
{
	static const uint32_t targets[] = { 2, 0, 2, 2, 3, 4, 6, 7, 8 };
	return usually(targets[fuzz_below(&device.input, ARRAY_SIZE(targets))]);
}

static uint32_t some_format(void)
{
	static const uint32_t formats[] = { 2, 1, 3, 4, 67, 68, 121, 134 };
	return usually(formats[fuzz_below(&device.input, ARRAY_SIZE(formats))]);
}

static void fill_resource(struct wire_submission *record)
{
	/* One side may be any, or filling it would take too long. */
	bool wide = fuzz_bit(&device.input);
	record->resource = (struct renderer_resource_args){
		.id = some_id(),
		.target = some_target(),
		.format = some_format(),
		.width = wide ? usually(16) : 16,
		.height = wide ? 16 : usually(16),
		.depth = usually(1),
		.array_size = usually(1),
		.last_level = usually(0),
		.nr_samples = usually(0),
	};
}

static void fill_blob(struct wire_submission *record)
{
	record->blob = (struct renderer_blob_args){ .id = some_id(), .size = usually(4096) };
	if (fuzz_bit(&device.input))
		return;
	record->blob.host = true;
	record->blob.flags = usually(1);
	record->blob.context = some_id();
	record->blob.blob_id = usually(0);
}

static void fill_transfer(struct wire_submission *record)
{
	record->transfer = (struct renderer_transfer_args){
		.direction = fuzz_u8(&device.input) & 1 ? RENDERER_FROM_HOST : RENDERER_TO_HOST,
		.context = fuzz_bit(&device.input) ? some_id() : 0,
		.resource = some_id(),
		.level = usually(0),
		.stride = usually(0),
		.layer_stride = usually(0),
		.offset = usually(0),
		.box = { usually(0), usually(0), usually(0), usually(8), usually(8), usually(1) },
	};
}

static void fill_read_back(struct wire_submission *record)
{
	record->read_back = (struct renderer_read_back_args){
		.resource = some_id(),
		.rect = { usually(0), usually(0), usually(8), usually(8) },
		.region = some_id(),
		.stride = usually(64),
		.offset = usually(0),
	};
}

static void fill_bytes(struct wire_submission *record)
{
	fuzz_bytes(&device.input, record->bytes, 16);
}

static void (*const fillers[])(struct wire_submission *record) = {
	[WIRE_NOP] = fill_bytes,
	[WIRE_REGION_ADD] = fill_region,
	[WIRE_REGION_REMOVE] = fill_region,
	[WIRE_CONTEXT_CREATE] = fill_context,
	[WIRE_CONTEXT_DESTROY] = fill_ids,
	[WIRE_CONTEXT_ATTACH] = fill_ids,
	[WIRE_CONTEXT_DETACH] = fill_ids,
	[WIRE_SUBMIT] = fill_ids,
	[WIRE_RESOURCE_CREATE] = fill_resource,
	[WIRE_RESOURCE_CREATE_BLOB] = fill_blob,
	[WIRE_RESOURCE_UNREF] = fill_ids,
	[WIRE_RESOURCE_SET_BACKING] = fill_ids,
	[WIRE_TRANSFER] = fill_transfer,
	[WIRE_READ_BACK] = fill_read_back,
	[WIRE_EXPORT_IMAGE] = fill_ids,
	[WIRE_FENCE] = fill_ids,
};

static void fill_spans(struct renderer_span *spans, uint32_t count)
{
	for (uint32_t i = 0; i < count; i++)
		spans[i] = (struct renderer_span){
			.region = some_id(), .offset = usually(0), .length = usually(4096)
		};
}

static void add_data(struct wire_submission *record)
{
	bool is_stream = record->op == WIRE_SUBMIT;
	uint32_t count =
		fuzz_below(&device.input, is_stream ? device.side->most_words : MOST_SPANS);
	uint32_t size =
		count * (uint32_t)(is_stream ? sizeof(uint32_t) : sizeof(struct renderer_span));
	if (count == 0 || (!is_stream && record->op != WIRE_RESOURCE_SET_BACKING))
		return;
	void *data = ring_data_reserve(device.ring, size, &record->data_position);
	if (!data)
		return;
	record->data_size = size;
	if (is_stream)
		device.side->fill_stream(&device.input, data, count);
	else
		fill_spans(data, count);
}

/* What the ring's own code would not write is written over what it did. */
static void spoil(struct wire_submission *record, uint8_t odd)
{
	uint32_t last = (device.shared->submissions.produced - 1) % RING_SUBMISSIONS;
	if (odd == 0xff)
		record->op = fuzz_number(&device.input);
	if (record->op == WIRE_REGION_REMOVE)
		record->op = WIRE_NOP;
	if (odd == 0xfe)
		record->data_size = fuzz_number(&device.input);
	if (odd == 0xfd)
		record->data_position = fuzz_number64(&device.input);
	if (odd == 0xfc)
		record->flags = fuzz_number(&device.input);
	memcpy(device.shared->submission_records + (size_t)last * RING_RECORD_SIZE, record,
		sizeof(*record));
}

/* A renderer relies on that: nothing is backed by a region that is taken away. */
static void let_go(void)
{
	struct wire_submission unref = { .op = WIRE_RESOURCE_UNREF };
	for (unref.ids.resource = 1; unref.ids.resource <= 3; unref.ids.resource++)
		ring_push_submission(device.ring, &unref);
}

static void submit(void)
{
	struct wire_submission record = {
		.op = fuzz_below(&device.input, ARRAY_SIZE(fillers)),
		.cookie = fuzz_u8(&device.input),
	};
	fillers[record.op](&record);
	add_data(&record);
	if (record.op == WIRE_REGION_REMOVE)
		let_go();
	uint8_t odd = fuzz_u8(&device.input);
	if (ring_push_submission(device.ring, &record) && odd >= 0xfc)
		spoil(&record, odd);
	ring_notify(device.ring);
}

static void submit_some(void)
{
	for (uint32_t i = 1 + fuzz_below(&device.input, 8); i > 0; i--)
		submit();
}

static void push(const struct wire_submission *record)
{
	ring_push_submission(device.ring, record);
	ring_notify(device.ring);
}

/* What a guest has after a while; each of them has the number 1. */
static void submit_world(void)
{
	const struct wire_submission region = {
		.op = WIRE_REGION_ADD, .flags = WIRE_FLAG_FD, .region = { .id = 1, .size = MEMORY }
	};
	const struct wire_submission context = { .op = WIRE_CONTEXT_CREATE,
		.context = { .id = 1, .capset = CAPSET } };
	const struct wire_submission attach = { .op = WIRE_CONTEXT_ATTACH,
		.ids = { .context = 1, .resource = 1 } };
	const struct renderer_span backing = { .region = 1, .length = 4096 };
	struct wire_submission set_backing = { .op = WIRE_RESOURCE_SET_BACKING,
		.data_size = sizeof(backing),
		.ids = { .resource = 1 } };
	struct wire_submission resource = { .op = WIRE_RESOURCE_CREATE };
	const int fd = memfd_create("memory", MFD_CLOEXEC);
	const struct wire_packet packet = { .type = WIRE_FD };
	CHECK_INT(ftruncate(fd, MEMORY), 0);
	fd_send_packet(device.sock, &packet, sizeof(packet), &fd, 1);
	close(fd);
	push(&region);
	push(&context);
	fill_resource(&resource);
	resource.resource.id = 1;
	push(&resource);
	push(&attach);
	void *span = ring_data_reserve(device.ring, sizeof(backing), &set_backing.data_position);
	if (!span)
		return;
	memcpy(span, &backing, sizeof(backing));
	push(&set_backing);
}

static void submit_much(void)
{
	const struct wire_submission record = { .op = WIRE_NOP, .cookie = 1 };
	for (uint32_t i = 8u * fuzz_u8(&device.input); i > 0; i--)
		ring_push_submission(device.ring, &record);
	ring_notify(device.ring);
}

static void take(void)
{
	struct wire_completion completion;
	struct wire_packet packet;
	int fd;
	for (uint32_t i = fuzz_u8(&device.input); i > 0; i--) {
		if (ring_pop_completion(device.ring, &completion) != 1)
			break;
		if (completion.flags & WIRE_FLAG_FD &&
			fd_recv_packet(device.sock, &packet, sizeof(packet), &fd, 1) > 0)
			fd_close(&fd);
	}
	ring_notify(device.ring);
}

static void write_index(void)
{
	struct ring_shared *shared = device.shared;
	_Atomic uint32_t *const places[] = {
		&shared->submissions.produced,
		&shared->completions.consumed,
		&shared->wishes[RING_RENDERER].armed,
		&shared->wishes[RING_RENDERER].room,
		&shared->wishes[RING_DEVICE].armed,
	};
	_Atomic uint32_t *place = places[fuzz_below(&device.input, ARRAY_SIZE(places))];
	uint32_t by = fuzz_number(&device.input);
	/* Records that nobody has written are not there for the renderer. */
	if (place == &shared->submissions.produced)
		*place += RING_SUBMISSIONS + 1 + (by & 0xff);
	else
		*place = fuzz_u8(&device.input) >= MOST_NUMBER ? by : *place + (by & 3);
}

static void wait_long(void)
{
	fuzz_clock_advance(1 + fuzz_number(&device.input) % 10000);
}

static void (*const steps[])(void) = {
	submit_some,
	submit_some,
	submit_some,
	submit_some,
	take,
	submit_world,
	submit_much,
	write_index,
	wait_long,
};

int __wrap_epoll_wait(int epoll, struct epoll_event *events, int most, int timeout_ms)
{
	fuzz_memory_back();
	if (device.input.left == 0 || ++device.turns > MOST_TURNS)
		fd_close(&device.sock);
	else if (timeout_ms != 0)
		steps[fuzz_below(&device.input, ARRAY_SIZE(steps))]();
	fuzz_memory_short(&device.input);
	return __real_epoll_wait(epoll, events, most, 0);
}

static void send_hello(uint8_t odd)
{
	struct wire_packet packet = {
		.type = WIRE_HELLO,
		.version = RENDERER_WIRE_VERSION + (odd == 0xff),
	};
	const struct ring_fds fds = ring_get_fds(device.ring);
	const int list[] = { odd == 0xfe ? fds.to_device : fds.memory, fds.to_renderer,
		fds.to_device };
	if (odd == 0xfd)
		packet.type = fuzz_number(&device.input);
	if (odd != 0xfc)
		fd_send_packet(device.sock, &packet, sizeof(packet), list, odd == 0xfb ? 2 : 3);
	else
		fd_close(&device.sock);
}

struct fuzz_input *device_side_input(void)
{
	return &device.input;
}

void device_side_run(const uint8_t *bytes, size_t size, const struct device_side *side)
{
	const struct host_program program = { .name = "fuzzed", .create = side->create };
	memset(&device, 0, sizeof(device));
	device.input = fuzz_begin(bytes, size);
	device.side = side;
	int fds = test_open_fds();
	int socks[2];
	CHECK_INT(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, socks), 0);
	device.sock = socks[0];
	device.ring = ring_create(ring_memory());
	CHECK(device.ring);
	device.shared = mmap(NULL, sizeof(*device.shared), PROT_READ | PROT_WRITE, MAP_SHARED,
		ring_get_fds(device.ring).memory, 0);
	CHECK(device.shared != MAP_FAILED);
	send_hello(fuzz_u8(&device.input));
	struct host_options options = { .fd = socks[1], .render_node_fd = -1, .name = "fuzzed" };
	options.spin_us = fuzz_bit(&device.input) ? 50 : 0;
	fuzz_memory_short(&device.input);
	host_serve(&options, &program);
	fuzz_memory_back();
	if (side->end)
		side->end();
	munmap(device.shared, sizeof(*device.shared));
	ring_destroy(device.ring);
	fd_close(&device.sock);
	CHECK_INT(test_open_fds(), fds);
}
