/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/*
 * The same random traffic over a split and a packed queue: what device and driver see of each other
 * is the same, interrupts included.
 *
 * The driver is the kit's, which judges what the device writes into the ring. Chains of all shapes
 * are added, popped, put back, completed in any order, paused and resumed.
 */
#include "test.h"

#include <stdlib.h>
#include <unistd.h>

#include "kit/ring_private.h"
#include "util/fd.h"
#include "vhost/protocol.h"
#include "vhost/virtqueue.h"

#define STEPS      4000u
#define SLOTS      64u /* chains in flight at most */
#define SLOT_BYTES 2048u
#define MAX_PIECES 7u
#define MAX_PIECE  200u

struct request {
	uint32_t number;
	uint32_t slot;
	struct vq_request *device; /* once popped */
};

/* Everything of one run. */
struct run {
	uint64_t random;
	struct kit kit;
	struct kit_memory guest;
	struct kit_ring ring;
	uint64_t data;
	struct vhost_memory *memory;
	struct virtqueue queue;

	struct request requests[SLOTS];
	bool slot_used[SLOTS];
	uint32_t offered; /* chains so far */
	struct vq_request *popped[SLOTS];
	uint32_t popped_count;
	bool asleep; /* the device has found nothing when it looked last */
	bool added; /* something, since then and since the last kick */

	/* what happened */
	uint32_t log_count;
	struct note {
		const char *what; /* the same pointer for the same thing */
		uint64_t number;
	} log[STEPS * 16];
};

static const char interrupts[] = "interrupts";

static struct run *run;

static void note(const char *what, uint64_t number)
{
	CHECK(run->log_count < ARRAY_SIZE(run->log));
	run->log[run->log_count].what = what;
	run->log[run->log_count++].number = number;
}

static uint32_t random_below(uint32_t limit)
{
	run->random ^= run->random << 13;
	run->random ^= run->random >> 7;
	run->random ^= run->random << 17;
	return (uint32_t)(run->random >> 20) % limit;
}

static uint64_t hash(uint64_t sum, const uint8_t *bytes, size_t size)
{
	for (size_t i = 0; i < size; i++)
		sum = (sum ^ bytes[i]) * UINT64_C(1099511628211);
	return sum;
}

/* --- the two sides ------------------------------------------------------------------------- */

static void begin(uint32_t size, uint64_t features, uint64_t seed)
{
	static const struct kit_region_spec region = { .guest = 0x100000, .size = 1 << 20 };
	run = calloc(1, sizeof(*run));
	CHECK(run);
	run->random = seed;
	kit_init(&run->kit);
	kit_memory_init(&run->guest, &run->kit);
	CHECK_INT(kit_memory_add(&run->guest, &region), 0);
	CHECK_INT(kit_ring_init(&run->ring, &run->guest, 0, size), 0);
	kit_ring_set_packed(&run->ring, features & VHOST_BIT(VIRTIO_F_RING_PACKED));
	run->ring.event_idx = features & VHOST_BIT(VIRTIO_RING_F_EVENT_IDX);
	run->data = kit_alloc(&run->guest, SLOTS * SLOT_BYTES, KIT_PAGE);

	const struct vhost_region_info info = { .guest_address = region.guest,
		.size = region.size,
		.user_address = run->guest.regions[0].user };
	int fd = fd_dup(run->guest.regions[0].fd);
	run->memory = vhost_memory_create();
	CHECK_INT(vhost_memory_add(run->memory, &info, &fd, NULL), 0);
	struct virtqueue *queue = &run->queue;
	virtqueue_init(queue, 0);
	CHECK_INT(virtqueue_set_size(queue, size), 0);
	virtqueue_set_features(queue, features);
	queue->addresses_are_guest = true;
	queue->addresses_set = true;
	queue->addresses = (struct virtqueue_addresses){ .descriptors = run->ring.descriptors,
		.used = run->ring.used,
		.available = run->ring.available };
	queue->base = kit_ring_first_base(&run->ring);
	queue->enabled = true;
	virtqueue_set_call(queue, fd_dup(run->ring.call_fd));
	CHECK_INT(virtqueue_set_memory(queue, run->memory), 0);
	virtqueue_start(queue, false);
	run->ring.impl->ask(&run->ring);
}

static void end(void)
{
	virtqueue_finish(&run->queue);
	vhost_memory_unref(run->memory);
	kit_ring_finish(&run->ring);
	kit_free(&run->guest, run->data, SLOTS * SLOT_BYTES);
	CHECK_INT(kit_memory_allocated(&run->guest), 0);
	kit_memory_finish(&run->guest);
}

/* --- what the driver does ------------------------------------------------------------------ */

static uint32_t free_slot(void)
{
	for (uint32_t i = 0; i < SLOTS; i++)
		if (!run->slot_used[i])
			return i;
	return SLOTS;
}

static void add_chain(void)
{
	struct kit_piece pieces[MAX_PIECES];
	uint32_t slot = free_slot();
	uint32_t count = 1 + random_below(1 + random_below(MAX_PIECES));
	uint32_t readable = random_below(count + 1);
	run->ring.indirect = run->queue.indirect && random_below(2);
	if (slot == SLOTS)
		return;
	uint64_t address = run->data + slot * SLOT_BYTES;
	uint8_t *bytes = kit_ptr(&run->guest, address, SLOT_BYTES);
	for (uint32_t i = 0; i < SLOT_BYTES; i++)
		bytes[i] = (uint8_t)(run->offered + i);
	for (uint32_t i = 0; i < count; i++) {
		pieces[i] = (struct kit_piece){ address, random_below(MAX_PIECE), i >= readable };
		address += pieces[i].length + random_below(8);
	}
	struct request *request = &run->requests[slot];
	*request = (struct request){ .number = run->offered, .slot = slot };
	int id = kit_ring_add(&run->ring, pieces, count, request);
	note(id < 0 ? "refused" : "added", run->offered);
	if (id < 0)
		return;
	run->slot_used[slot] = true;
	run->added = true;
	run->offered++;
}

/* A device that has found nothing is woken; which other kicks there are is the layout's business. */
static void kick(void)
{
	uint64_t before = run->ring.kicks;
	kit_ring_kick(&run->ring);
	if (run->asleep && run->added)
		CHECK(run->ring.kicks > before);
	run->asleep &= run->ring.kicks == before;
	run->added = false;
}

static void take_one(void)
{
	struct kit_used used;
	int ret = kit_ring_take(&run->ring, &used);
	if (ret < 0)
		test_fail(__FILE__, __LINE__, "%s", run->kit.why);
	if (ret == 0)
		return;
	struct request *request = used.token;
	note("taken", request->number);
	note("bytes", used.length);
	note("slot is",
		hash(0, kit_ptr(&run->guest, run->data + request->slot * SLOT_BYTES, SLOT_BYTES),
			SLOT_BYTES));
	run->slot_used[request->slot] = false;
	/* a packed ring gets back to where an interrupt was wanted long ago, the other one does not */
	run->ring.impl->ask(&run->ring);
}

static void look_for_interrupt(void)
{
	kit_ring_interrupts(&run->ring);
	note(interrupts, run->ring.interrupts);
}

/* --- what the device does ------------------------------------------------------------------ */

static void pop_one(void)
{
	struct vq_request *request;
	int ret = virtqueue_pop(&run->queue, &request);
	note("popped", (uint64_t)ret);
	CHECK(ret >= 0);
	run->asleep = ret == 0;
	run->added &= !run->asleep;
	if (ret == 0)
		return;
	if (random_below(8) == 0) {
		virtqueue_unpop(request);
		note("put back", run->queue.in_flight);
		return;
	}
	uint8_t bytes[MAX_PIECES * MAX_PIECE];
	size_t part = random_below((uint32_t)request->readable_left + 1);
	note("readable", request->readable_left);
	note("writable", request->writable_size);
	CHECK(vq_request_read(request, bytes, part));
	note("read", hash(0, bytes, part));
	run->popped[run->popped_count++] = request;
}

static void complete_one(void)
{
	uint8_t answer[MAX_PIECES * MAX_PIECE];
	if (run->popped_count == 0)
		return;
	uint32_t which = random_below(run->popped_count);
	struct vq_request *request = run->popped[which];
	run->popped[which] = run->popped[--run->popped_count];
	size_t size = random_below((uint32_t)request->writable_size + 20);
	size = min_size(size, sizeof(answer));
	memset(answer, (int)random_below(256), size);
	vq_request_complete(request, answer, size);
	note("in flight", run->queue.in_flight);
}

static void notify(void)
{
	virtqueue_notify(&run->queue);
}

/* A pause: what is in flight ends first. */
static void pause_and_resume(void)
{
	struct virtqueue *queue = &run->queue;
	if (random_below(10) != 0)
		return;
	virtqueue_stop(queue);
	while (run->popped_count > 0)
		complete_one();
	virtqueue_notify(queue);
	queue->base = virtqueue_base(queue);
	CHECK_INT(queue->base, kit_ring_base(&run->ring));
	CHECK_INT(virtqueue_set_memory(queue, NULL), 0);
	CHECK_INT(virtqueue_set_memory(queue, run->memory), 0);
	virtqueue_start(queue, true);
	run->asleep = false;
	note("resumed", run->offered);
}

static void play(uint32_t size, uint64_t features, uint64_t seed)
{
	/* more of what fills the ring, then of what empties it, by turns */
	static void (*const filling[])(void) = { add_chain, add_chain, kick, pop_one, complete_one,
		take_one, notify, look_for_interrupt };
	static void (*const emptying[])(void) = { add_chain, kick, pop_one, pop_one, complete_one,
		complete_one, take_one, take_one, notify, look_for_interrupt, pause_and_resume };
	begin(size, features, seed);
	for (uint32_t i = 0; i < STEPS; i++) {
		if (i / 100 % 2)
			emptying[random_below(ARRAY_SIZE(emptying))]();
		else
			filling[random_below(ARRAY_SIZE(filling))]();
	}
	while (run->popped_count > 0)
		complete_one();
	CHECK(!run->queue.broken);
	CHECK(run->offered > 4 * size);
	end();
}

/* Small rings come back to a place where an interrupt was wanted before: then it is one too many,
 * never one too few. */
static bool same(uint32_t size, const struct note *split, const struct note *packed)
{
	if (split->what != packed->what)
		return false;
	if (size < 8 && split->what == interrupts)
		return packed->number >= split->number;
	return packed->number == split->number;
}

static void compare(uint32_t size, uint64_t features, uint64_t seed)
{
	play(size, features, seed);
	struct run *split = run;
	play(size, features | VHOST_BIT(VIRTIO_F_RING_PACKED), seed);
	struct run *packed = run;
	for (uint32_t i = 0; i < min_u32(split->log_count, packed->log_count); i++)
		if (!same(size, &split->log[i], &packed->log[i]))
			test_fail(__FILE__, __LINE__,
				"size %u, seed %llu, event %u: split %s %llu, packed %s %llu", size,
				(unsigned long long)seed, i, split->log[i].what,
				(unsigned long long)split->log[i].number, packed->log[i].what,
				(unsigned long long)packed->log[i].number);
	CHECK_INT(split->log_count, packed->log_count);
	free(split);
	free(packed);
}

static void compare_all(uint64_t features)
{
	for (uint32_t size = 1; size <= 64; size *= 2)
		for (uint64_t seed = 1; seed <= 2; seed++)
			compare(size, features, seed * 0x9e3779b97f4a7c15);
}

#define EVENT_IDX VHOST_BIT(VIRTIO_RING_F_EVENT_IDX)
#define INDIRECT  VHOST_BIT(VIRTIO_RING_F_INDIRECT_DESC)
#define IN_ORDER  VHOST_BIT(VIRTIO_F_IN_ORDER)

static void plain(void)
{
	compare_all(0);
}

static void with_indirect_descriptors(void)
{
	compare_all(INDIRECT);
}

static void with_event_index(void)
{
	compare_all(EVENT_IDX);
	compare_all(EVENT_IDX | INDIRECT);
}

static void in_order(void)
{
	compare_all(IN_ORDER);
	compare_all(EVENT_IDX | INDIRECT | IN_ORDER);
}

/* Sizes that only a packed ring can have. */
static void odd_sizes(void)
{
	static const uint64_t features[] = { 0, INDIRECT, EVENT_IDX, EVENT_IDX | IN_ORDER };
	for (uint32_t size = 3; size <= 63; size += 4) {
		for (size_t i = 0; i < ARRAY_SIZE(features); i++) {
			play(size, features[i] | VHOST_BIT(VIRTIO_F_RING_PACKED), size);
			free(run);
		}
	}
}

int main(int argc, char **argv)
{
	static const struct test_case cases[] = {
		TEST_CASE(plain),
		TEST_CASE(with_indirect_descriptors),
		TEST_CASE(with_event_index),
		TEST_CASE(in_order),
		TEST_CASE(odd_sizes),
	};
	return test_main(argc, argv, cases, ARRAY_SIZE(cases));
}
