/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/*
 * A guest towards one virtqueue, split or packed. Every descriptor and every byte of a request that the
 * device reads comes from the input at the moment it is read, so that it may be another one each time,
 * as with a guest that writes meanwhile; what lies in the rings is written before each step.
 */
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "fuzz.h"
#include "test.h"
#include "util/fd.h"
#include "vhost/protocol.h"
#include "vhost/virtqueue.h"
#include "vhost/vring.h"

#define LOW        UINT64_C(0x100000)
#define LOW_SIZE   UINT64_C(0x90000)
#define HIGH       (LOW + LOW_SIZE)
#define HIGH_SIZE  UINT64_C(0x2000)
#define FAR        UINT64_C(0x800000)
#define FAR_SIZE   UINT64_C(0x1000)
#define USER       UINT64_C(0x7f0000000000) /* of guest address 0 */
#define DRIVER     (LOW + 0x80000)
#define DEVICE     (LOW + 0x84000)
#define MOST_HELD  64u
#define MOST_STEPS 512u

static struct {
	struct fuzz_input input;
	bool serving, packed;
	bool walking; /* a chain, so that all that is copied are descriptors of the ring */
	struct vhost_memory *memory, *other;
	struct virtqueue queue;
	struct vq_request *held[MOST_HELD];
	uint32_t held_count;
} guest;

void __real_vhost_memory_copy_in(void *dst, const void *from, size_t size);
bool __real_vhost_memory_read(
	const struct vhost_memory *memory, uint64_t guest_address, void *dst, size_t length);
void __wrap_vhost_memory_copy_in(void *dst, const void *from, size_t size);
bool __wrap_vhost_memory_read(
	const struct vhost_memory *memory, uint64_t guest_address, void *dst, size_t length);

static uint64_t some_address(struct fuzz_input *input)
{
	static const uint64_t addresses[] = { LOW, LOW + 0x1000, HIGH - 16, HIGH - 1, HIGH,
		HIGH + HIGH_SIZE - 16, HIGH + HIGH_SIZE, FAR, FAR + FAR_SIZE - 1, DRIVER, DEVICE };
	uint32_t which = fuzz_below(input, ARRAY_SIZE(addresses) + 1);
	return which < ARRAY_SIZE(addresses) ? addresses[which] : fuzz_number64(input);
}

/* The first byte says whether there are more bits than the three that mean something. */
static uint16_t some_flags(struct fuzz_input *input)
{
	uint8_t byte = fuzz_u8(input);
	return byte & 8 ? fuzz_u16(input) : byte & 7;
}

static void serve_descriptor(uint8_t *dst)
{
	struct fuzz_input *input = &guest.input;
	uint64_t address = some_address(input);
	uint32_t length = fuzz_number(input);
	uint16_t flags = some_flags(input);
	uint16_t number = (uint16_t)fuzz_number(input);
	if (guest.packed && !(flags & 0xfff8))
		flags |= guest.queue.packed.next_available.wrap ? 0x80 : 0x8000;
	uint16_t first = guest.packed ? number : flags;
	uint16_t second = guest.packed ? flags : number;
	memcpy(dst, &address, sizeof(address));
	memcpy(dst + 8, &length, sizeof(length));
	memcpy(dst + 12, &first, sizeof(first));
	memcpy(dst + 14, &second, sizeof(second));
}

static void serve(void *dst, size_t size)
{
	uint8_t start[32];
	if (size == 16) {
		serve_descriptor(dst);
		return;
	}
	fuzz_bytes(&guest.input, start, min_size(size, sizeof(start)));
	memcpy(dst, start, min_size(size, sizeof(start)));
}

void __wrap_vhost_memory_copy_in(void *dst, const void *from, size_t size)
{
	const uint8_t *table = guest.queue.descriptors;
	const uint8_t *at = from;
	CHECK(!guest.walking ||
		(at >= table && at + size <= table + (size_t)16 * guest.queue.size));
	__real_vhost_memory_copy_in(dst, from, size);
	if (guest.serving)
		serve(dst, size);
}

bool __wrap_vhost_memory_read(
	const struct vhost_memory *memory, uint64_t guest_address, void *dst, size_t length)
{
	bool there = __real_vhost_memory_read(memory, guest_address, dst, length);
	if (there && guest.serving)
		serve(dst, length);
	return there;
}

static void add_region(struct vhost_memory *memory, uint64_t address, uint64_t size)
{
	const struct vhost_region_info info = {
		.guest_address = address, .size = size, .user_address = USER + address
	};
	int fd = memfd_create("guest", MFD_CLOEXEC);
	CHECK_INT(ftruncate(fd, (off_t)size), 0);
	CHECK_INT(vhost_memory_add(memory, &info, &fd, NULL), 0);
}

static void set_up_memory(void)
{
	guest.memory = vhost_memory_create();
	guest.other = vhost_memory_create();
	add_region(guest.memory, LOW, LOW_SIZE);
	add_region(guest.memory, HIGH, HIGH_SIZE);
	add_region(guest.memory, FAR, FAR_SIZE);
	add_region(guest.other, FAR, FAR_SIZE);
}

static void start_queue(void)
{
	static const uint32_t sizes[] = { 4, 1, 2, 3, 8, 16, 256, 1024, 2048, 32768, 100, 0 };
	struct fuzz_input *input = &guest.input;
	struct virtqueue *queue = &guest.queue;
	if (queue->started || guest.held_count > 0)
		return;
	uint8_t bits = fuzz_u8(input);
	uint64_t base = bits & 16 ? USER : 0;
	uint64_t features = (bits & 1 ? VHOST_BIT(VIRTIO_F_RING_PACKED) : 0) |
		(bits & 2 ? VHOST_BIT(VIRTIO_RING_F_INDIRECT_DESC) : 0) |
		(bits & 4 ? VHOST_BIT(VIRTIO_RING_F_EVENT_IDX) : 0) |
		(bits & 8 ? VHOST_BIT(VIRTIO_F_IN_ORDER) : 0);
	guest.packed = bits & 1;
	virtqueue_set_size(queue, sizes[fuzz_below(input, ARRAY_SIZE(sizes))]);
	virtqueue_set_features(queue, features);
	queue->addresses =
		(struct virtqueue_addresses){ base + (bits & 32 ? some_address(input) : LOW),
			base + DEVICE, base + DRIVER };
	queue->addresses_set = true;
	queue->addresses_are_guest = !(bits & 16);
	queue->base = bits & 64 ? fuzz_number(input) : 0;
	virtqueue_set_memory(queue, guest.memory);
	if (queue->size == 0 || virtqueue_fault(queue))
		return;
	queue->enabled = true;
	virtqueue_start(queue, bits & 128);
}

static void write_word(uint64_t address, uint16_t word)
{
	uint8_t *place = vhost_memory_translate(guest.memory, address, sizeof(word));
	if (place)
		memcpy(place, &word, sizeof(word));
}

/* As many more heads as the byte says, which is what a driver does; or any index. */
static void make_available(void)
{
	struct fuzz_input *input = &guest.input;
	const struct virtqueue *queue = &guest.queue;
	uint8_t count = fuzz_u8(input);
	if (!queue->started)
		return;
	if (guest.packed) {
		struct vring_position next = queue->packed.next_available;
		write_word(LOW + 16 * next.index + 14,
			count & 128         ? fuzz_u16(input)
				: next.wrap ? 0x80
					    : 0x8000);
		return;
	}
	for (uint32_t i = 0; i < 4; i++)
		write_word(
			DRIVER + 4 + 2 * ((queue->split.next_available + i) & (queue->size - 1u)),
			(uint16_t)fuzz_number(input));
	write_word(DRIVER + 2,
		count & 128 ? fuzz_u16(input) : (uint16_t)(queue->split.next_available + count));
}

static void pop(void)
{
	struct vq_request *request = NULL;
	bool again = fuzz_bit(&guest.input);
	if (guest.held_count == MOST_HELD)
		return;
	fuzz_memory_short(&guest.input);
	guest.serving = guest.walking = true;
	int ret = virtqueue_pop(&guest.queue, &request);
	guest.serving = guest.walking = false;
	fuzz_memory_back();
	CHECK((ret == 1) == (request != NULL));
	CHECK(ret == 1 || ret == 0 || ret == -EPROTO || ret == -ENOMEM);
	if (request && again)
		virtqueue_unpop(request);
	else if (request)
		guest.held[guest.held_count++] = request;
}

static struct vq_request *some_request(void)
{
	if (guest.held_count == 0)
		return NULL;
	return guest.held[fuzz_below(&guest.input, guest.held_count)];
}

static void read_some(void)
{
	static uint8_t bytes[0x10000];
	struct vq_request *request = some_request();
	size_t size = fuzz_number(&guest.input) % sizeof(bytes);
	if (!request)
		return;
	uint64_t left = request->readable_left;
	guest.serving = true;
	bool done = vq_request_read(request, bytes, size);
	guest.serving = false;
	CHECK(done == (size <= left));
	CHECK(request->readable_left == left - (done ? size : 0));
}

static void complete(void)
{
	static const uint8_t answer[0x4000];
	struct vq_request *request = some_request();
	size_t size = fuzz_number(&guest.input) % sizeof(answer);
	if (!request)
		return;
	for (uint32_t i = 0; i < guest.held_count; i++)
		if (guest.held[i] == request)
			guest.held[i] = guest.held[--guest.held_count];
	vq_request_complete(request, answer, size);
}

static void notify(void)
{
	struct fuzz_input *input = &guest.input;
	write_word(DRIVER, (uint16_t)fuzz_number(input));
	write_word(
		DRIVER + 2, (uint16_t)(guest.packed ? fuzz_below(input, 5) : fuzz_number(input)));
	write_word(DRIVER + 4 + 2u * guest.queue.size, (uint16_t)fuzz_number(input));
	virtqueue_notify(&guest.queue);
}

static void change_call(void)
{
	virtqueue_set_call(&guest.queue, fuzz_bit(&guest.input) ? fd_eventfd() : -1);
}

static void change_memory(void)
{
	struct vhost_memory *const tables[] = { guest.memory, guest.other, NULL };
	struct vhost_memory *table = tables[fuzz_below(&guest.input, ARRAY_SIZE(tables))];
	virtqueue_set_memory(&guest.queue, table);
}

static void stop_queue(void)
{
	struct virtqueue_addresses addresses;
	if (!guest.queue.started)
		return;
	virtqueue_guest_addresses(&guest.queue, &addresses);
	virtqueue_footprint(&guest.queue);
	virtqueue_base(&guest.queue);
	virtqueue_stop(&guest.queue);
}

static void (*const steps[])(void) = {
	pop,
	make_available,
	read_some,
	complete,
	notify,
	start_queue,
	stop_queue,
	change_memory,
	change_call,
};

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
	memset(&guest, 0, sizeof(guest));
	guest.input = fuzz_begin(bytes, size);
	int fds = test_open_fds();
	set_up_memory();
	virtqueue_init(&guest.queue, 0);
	change_call();
	start_queue();
	for (uint32_t i = 0; i < MOST_STEPS && guest.input.left > 0; i++)
		steps[fuzz_below(&guest.input, ARRAY_SIZE(steps))]();
	while (guest.held_count > 0)
		complete();
	virtqueue_finish(&guest.queue);
	CHECK_INT(guest.memory->refs, 1);
	CHECK_INT(guest.other->refs, 1);
	vhost_memory_unref(guest.memory);
	vhost_memory_unref(guest.other);
	CHECK_INT(test_open_fds(), fds);
	return 0;
}
