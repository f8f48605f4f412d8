/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
#include "test.h"

#include <fcntl.h>
#include <stdbool.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <unistd.h>

#include "util/fd.h"
#include "vhost/virtqueue.h"
#include "vring.h"

#define GUEST  UINT64_C(0x40000000)
#define USER   UINT64_C(0x7f0000000000)
#define MEMORY UINT64_C(0x400000)
#define DATA   (GUEST + 0x200000)

/* One queue at the start of one region. */
static struct {
	struct vhost_memory *memory;
	uint8_t *base;
	struct vring ring;
	struct virtqueue queue;
	int call;
} at;

static void setup(uint32_t size)
{
	int fd = memfd_create("test", MFD_CLOEXEC);
	struct vhost_region_info info = { .guest_address = GUEST,
		.size = MEMORY,
		.user_address = USER };
	CHECK_INT(ftruncate(fd, (off_t)MEMORY), 0);
	at.memory = vhost_memory_create();
	CHECK_INT(vhost_memory_add(at.memory, &info, &fd, NULL), 0);
	at.base = at.memory->regions[0]->base;
	vring_init(&at.ring, at.base, USER, size);
	CHECK(vring_bytes(&at.ring) <= DATA - GUEST);

	virtqueue_init(&at.queue, 0);
	CHECK_INT(virtqueue_set_size(&at.queue, size), 0);
	at.queue.addresses = vring_addresses(&at.ring);
	at.queue.addresses_set = true;
	at.call = fd_eventfd();
	virtqueue_set_call(&at.queue, fd_dup(at.call));
	CHECK_INT(virtqueue_set_memory(&at.queue, at.memory), 0);
}

/* The driver's and the device's indices both begin at index. */
static void start(uint16_t index)
{
	vring_set_available(&at.ring, index);
	vring_put16(at.base + vring_used_offset(&at.ring) + 2, index);
	at.queue.next_available = index;
	at.queue.enabled = true;
	virtqueue_start(&at.queue);
}

static void teardown(void)
{
	virtqueue_finish(&at.queue);
	CHECK_INT(at.memory->refs, 1);
	vhost_memory_unref(at.memory);
	fd_close(&at.call);
}

/* Makes one chain of "request" (8 bytes) and room for 8 bytes available. */
static void offer(uint16_t head)
{
	uint16_t second = (uint16_t)((head + 1u) & (at.ring.size - 1));
	vring_describe(at.base, head, DATA, 8, VRING_THEN(0, second));
	vring_describe(at.base, second, DATA + 64, 8, VRING_WRITE);
	vring_publish(&at.ring, head);
}

static struct vq_request *pop(void)
{
	struct vq_request *request = NULL;
	CHECK_INT(virtqueue_pop(&at.queue, &request), 1);
	CHECK(request);
	return request;
}

static int pop_nothing(void)
{
	struct vq_request *request = NULL;
	int status = virtqueue_pop(&at.queue, &request);
	CHECK(!request);
	return status;
}

static bool interrupted(void)
{
	uint64_t count;
	return read(at.call, &count, sizeof(count)) == (ssize_t)sizeof(count);
}

static void takes_powers_of_two(void)
{
	struct virtqueue queue;
	virtqueue_init(&queue, 1);
	CHECK_INT(queue.index, 1);
	CHECK_INT(virtqueue_set_size(&queue, 0), -EINVAL);
	CHECK_INT(virtqueue_set_size(&queue, 3), -EINVAL);
	CHECK_INT(virtqueue_set_size(&queue, 65535), -EINVAL);
	CHECK_INT(virtqueue_set_size(&queue, 65536), -EINVAL);
	CHECK_INT(virtqueue_set_size(&queue, 0x80000000), -EINVAL);
	CHECK_INT(virtqueue_set_size(&queue, 1), 0);
	CHECK_INT(virtqueue_set_size(&queue, 32768), 0);
	queue.started = true;
	CHECK_INT(virtqueue_set_size(&queue, 64), -EBUSY);
	virtqueue_finish(&queue);
}

static void serves_a_request(void)
{
	setup(4);
	start(0);
	CHECK_INT(pop_nothing(), 0);
	memcpy(at.base + (DATA - GUEST), "question", 8);
	offer(2);
	struct vq_request *request = pop();
	CHECK_INT(request->head, 2);
	CHECK_INT(request->readable_left, 8);
	CHECK_INT(request->writable_size, 8);
	CHECK_INT(at.queue.in_flight, 1);
	char text[8];
	CHECK(!vq_request_read(request, text, 9));
	CHECK(vq_request_read(request, text, 3));
	CHECK_MEM(text, "que", 3);
	CHECK(vq_request_read(request, text, 5));
	CHECK_MEM(text, "stion", 5);
	CHECK(!vq_request_read(request, text, 1));
	CHECK(vq_request_read(request, text, 0));

	CHECK_INT(vring_used_index(&at.ring), 0);
	vq_request_complete(request, "answer", 6);
	CHECK_INT(vring_used_index(&at.ring), 1);
	uint32_t id, length;
	vring_used(&at.ring, 0, &id, &length);
	CHECK_INT(id, 2);
	CHECK_INT(length, 6);
	CHECK_MEM(at.base + (DATA - GUEST) + 64, "answer\0\0", 8);
	CHECK_INT(at.queue.in_flight, 0);
	CHECK(!interrupted());
	virtqueue_notify(&at.queue);
	CHECK(interrupted());
	virtqueue_notify(&at.queue);
	CHECK(!interrupted());
	teardown();
}

static void cuts_answers_to_the_room(void)
{
	setup(4);
	start(0);
	offer(0);
	vq_request_complete(pop(), "much too long", 13);
	uint32_t id, length;
	vring_used(&at.ring, 0, &id, &length);
	CHECK_INT(length, 8);
	CHECK_MEM(at.base + (DATA - GUEST) + 64, "much too\0", 9);

	vring_describe(at.base, 1, DATA, 8, 0);
	vring_publish(&at.ring, 1);
	vq_request_complete(pop(), "nowhere", 7);
	vring_used(&at.ring, 1, &id, &length);
	CHECK_INT(id, 1);
	CHECK_INT(length, 0);
	teardown();
}

static void answers_byte_by_byte(void)
{
	setup(1024);
	start(0);
	for (uint32_t i = 0; i < 1024; i++)
		vring_describe(at.base, i, DATA + 2 * i, 1,
			i == 0 ? VRING_THEN(0, 1)
			       : (i < 1023 ? VRING_THEN(VRING_WRITE, i + 1) : VRING_WRITE));
	vring_publish(&at.ring, 0);
	struct vq_request *request = pop();
	CHECK_INT(request->writable_size, 1023);
	uint8_t answer[1023];
	memset(answer, 0xaa, sizeof(answer));
	vq_request_complete(request, answer, sizeof(answer));
	for (uint32_t i = 0; i < 1024; i++) {
		CHECK_INT(at.base[DATA - GUEST + 2 * i], i == 0 ? 0 : 0xaa);
		CHECK_INT(at.base[DATA - GUEST + 2 * i + 1], 0);
	}
	teardown();
}

static void reads_each_descriptor_once(void)
{
	setup(4);
	start(0);
	memcpy(at.base + (DATA - GUEST), "original", 8);
	offer(0);
	struct vq_request *request = pop();
	/* the driver rewrites the chain after it was popped: nothing of that is seen */
	vring_describe(at.base, 0, UINT64_MAX, 0xffffffff, VRING_THEN(VRING_WRITE, 3));
	vring_describe(at.base, 1, UINT64_MAX, 0xffffffff, VRING_THEN(0, 0));
	char text[8];
	CHECK(vq_request_read(request, text, 8));
	CHECK_MEM(text, "original", 8);
	vq_request_complete(request, text, 8);
	CHECK_MEM(at.base + (DATA - GUEST) + 64, "original", 8);
	teardown();
}

static void completes_in_any_order(void)
{
	setup(16);
	start(0);
	struct vq_request *requests[8];
	for (uint16_t i = 0; i < 8; i++)
		offer((uint16_t)(2 * i));
	for (int i = 0; i < 8; i++)
		requests[i] = pop();
	CHECK_INT(pop_nothing(), 0);
	static const int order[8] = { 3, 7, 0, 1, 6, 2, 5, 4 };
	for (uint16_t i = 0; i < 8; i++) {
		vq_request_complete(requests[order[i]], NULL, 0);
		uint32_t id, length;
		vring_used(&at.ring, i, &id, &length);
		CHECK_INT(id, 2 * order[i]);
		CHECK_INT(length, 0);
	}
	CHECK_INT(vring_used_index(&at.ring), 8);
	teardown();
}

static void keeps_the_order_when_that_was_negotiated(void)
{
	setup(16);
	at.queue.in_order = true;
	start(0);
	struct vq_request *requests[4];
	for (uint16_t i = 0; i < 4; i++) {
		offer((uint16_t)(2 * i));
		requests[i] = pop();
	}
	vq_request_complete(requests[2], "c", 1);
	vq_request_complete(requests[1], "bb", 2);
	CHECK_INT(vring_used_index(&at.ring), 0);
	CHECK_INT(at.queue.in_flight, 4);
	vq_request_complete(requests[0], NULL, 0);
	CHECK_INT(vring_used_index(&at.ring), 3);
	CHECK_INT(at.queue.in_flight, 1);
	static const uint32_t lengths[] = { 0, 2, 1 };
	for (uint16_t i = 0; i < 3; i++) {
		uint32_t id, length;
		vring_used(&at.ring, i, &id, &length);
		CHECK_INT(id, 2 * i);
		CHECK_INT(length, lengths[i]);
	}
	virtqueue_unpop(requests[3]);
	CHECK_INT(at.queue.in_flight, 0);
	teardown();
}

static void puts_a_request_back(void)
{
	setup(4);
	start(65535);
	offer(1);
	struct vq_request *request = pop();
	CHECK_INT(at.queue.next_available, 0);
	virtqueue_unpop(request);
	CHECK_INT(at.queue.next_available, 65535);
	CHECK_INT(at.queue.in_flight, 0);
	CHECK_INT(vring_used_index(&at.ring), 65535);
	request = pop();
	CHECK_INT(request->head, 1);
	CHECK_INT(request->readable_left, 8);
	vq_request_complete(request, NULL, 0);
	CHECK_INT(pop_nothing(), 0);
	teardown();
}

static void wraps_around(void)
{
	setup(2);
	start(65530);
	for (uint32_t i = 0; i < 70000; i++) {
		offer(i & 1);
		vq_request_complete(pop(), NULL, 0);
	}
	CHECK_INT(vring_used_index(&at.ring), (uint16_t)(65530 + 70000));
	CHECK(!at.queue.broken);
	teardown();
}

static void serves_the_largest_queue(void)
{
	setup(32768);
	start(0xfff0);
	/* all of it in flight at the same time, heads in a mixed order */
	static struct vq_request *requests[32768];
	for (uint32_t i = 0; i < 32768; i++) {
		uint16_t head = (uint16_t)(i * 5 & 32767);
		vring_describe(at.base, head, DATA, 8, VRING_WRITE);
		vring_publish(&at.ring, head);
	}
	for (uint32_t i = 0; i < 32768; i++) {
		requests[i] = pop();
		CHECK_INT(requests[i]->head, i * 5 & 32767);
	}
	CHECK_INT(at.queue.in_flight, 32768);
	CHECK_INT(pop_nothing(), 0);
	for (uint32_t i = 0; i < 32768; i++)
		vq_request_complete(requests[i], NULL, 0);
	CHECK_INT(vring_used_index(&at.ring), (uint16_t)(0xfff0 + 32768));
	/* the cache keeps some, not all of them */
	uint32_t kept = 0;
	for (uint32_t i = 0; i < VQ_SIZE_CLASSES; i++)
		kept += at.queue.free_requests[i].count;
	CHECK(kept > 0 && kept <= 1024);
	teardown();
}

static void takes_requests_from_the_cache(void)
{
	setup(4);
	start(0);
	offer(0);
	struct vq_request *first = pop();
	vq_request_complete(first, NULL, 0);
	offer(2);
	CHECK(pop() == first);
	vq_request_complete(first, NULL, 0);
	teardown();
}

static void keeps_the_table_it_was_read_with(void)
{
	setup(4);
	start(0);
	offer(0);
	struct vq_request *request = pop();
	CHECK_INT(at.memory->refs, 3); /* ours, the queue's, the request's */
	struct vhost_memory *empty = vhost_memory_create();
	CHECK_INT(virtqueue_set_memory(&at.queue, empty), -EFAULT);
	CHECK(!virtqueue_ready(&at.queue));
	/* answered where the rings were */
	vq_request_complete(request, "late", 4);
	CHECK_INT(vring_used_index(&at.ring), 1);
	CHECK_MEM(at.base + (DATA - GUEST) + 64, "late", 4);
	virtqueue_notify(&at.queue);
	CHECK(interrupted());
	offer(2);
	CHECK_INT(pop_nothing(), 0);
	CHECK_INT(virtqueue_set_memory(&at.queue, at.memory), 0);
	vq_request_complete(pop(), NULL, 0);
	CHECK_INT(vring_used_index(&at.ring), 2);
	vhost_memory_unref(empty);
	teardown();
}

static void loses_its_rings(void)
{
	setup(4);
	start(0);
	offer(0);
	struct vq_request *request = pop();
	CHECK_INT(virtqueue_set_memory(&at.queue, NULL), 0);
	vq_request_complete(request, "void", 4);
	virtqueue_notify(&at.queue);
	CHECK(!interrupted());
	CHECK_INT(at.queue.in_flight, 0);
	CHECK_INT(pop_nothing(), 0);
	teardown();
}

static void pops_only_when_it_may(void)
{
	setup(4);
	start(0);
	offer(0);
	at.queue.enabled = false;
	CHECK_INT(pop_nothing(), 0);
	at.queue.enabled = true;
	at.queue.started = false;
	CHECK_INT(pop_nothing(), 0);
	at.queue.started = true;
	vq_request_complete(pop(), NULL, 0);
	teardown();
}

static void translates_guest_addresses(void)
{
	setup(4);
	at.queue.addresses_are_guest = true;
	CHECK_INT(virtqueue_set_memory(&at.queue, at.memory), -EFAULT);
	vring_init(&at.ring, at.base, GUEST, 4);
	at.queue.addresses = vring_addresses(&at.ring);
	CHECK_INT(virtqueue_set_memory(&at.queue, at.memory), 0);
	start(0);
	offer(0);
	vq_request_complete(pop(), NULL, 0);
	teardown();
}

/* The queue is broken, said so on its error descriptor, and stays broken. */
static void check_broken(int error)
{
	CHECK_INT(pop_nothing(), -EPROTO);
	CHECK(at.queue.broken);
	uint64_t count;
	CHECK_INT(read(error, &count, sizeof(count)), sizeof(count));
	CHECK_INT(pop_nothing(), 0);
	CHECK(!virtqueue_ready(&at.queue));
}

static int setup_broken(uint32_t size)
{
	setup(size);
	int error = fd_eventfd();
	at.queue.err_fd = fd_dup(error);
	start(0);
	return error;
}

static void breaks_at_a_head_outside(void)
{
	int error = setup_broken(4);
	vring_publish(&at.ring, 4);
	check_broken(error);
	fd_close(&error);
	teardown();
}

static void breaks_at_an_index_that_jumps(void)
{
	int error = setup_broken(4);
	vring_set_available(&at.ring, 5);
	check_broken(error);
	fd_close(&error);
	teardown();

	error = setup_broken(4);
	vring_set_available(&at.ring, 0xffff);
	check_broken(error);
	fd_close(&error);
	teardown();
}

static void breaks_at_a_bad_chain(void)
{
	int error = setup_broken(4);
	vring_describe(at.base, 0, 0, 8, 0);
	vring_publish(&at.ring, 0);
	check_broken(error);
	CHECK_INT(at.queue.in_flight, 0);
	CHECK_INT(at.queue.next_available, 0);
	fd_close(&error);
	teardown();
}

static void breaks_at_a_head_in_use(void)
{
	int error = setup_broken(4);
	offer(0);
	struct vq_request *request = pop();
	vring_publish(&at.ring, 0);
	check_broken(error);
	/* what was in flight still ends, once */
	vq_request_complete(request, NULL, 0);
	CHECK_INT(vring_used_index(&at.ring), 1);
	CHECK_INT(at.queue.in_flight, 0);
	fd_close(&error);
	teardown();
}

static void breaks_without_usable_rings(void)
{
	static const struct virtqueue_addresses bad[] = {
		{ USER + 8, USER + 0x1000, USER + 0x2000 },
		{ USER, USER + 0x1001, USER + 0x2000 },
		{ USER, USER + 0x1000, USER + 0x2001 },
		{ USER + MEMORY - 16, USER + 0x1000, USER + 0x2000 },
		{ USER, USER + MEMORY - 12, USER + 0x2000 },
		{ USER, USER + 0x1000, USER + MEMORY - 12 },
		{ GUEST, USER + 0x1000, USER + 0x2000 },
		{ UINT64_MAX & ~UINT64_C(15), USER + 0x1000, USER + 0x2000 },
	};
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		setup(4);
		at.queue.addresses = bad[i];
		CHECK_INT(virtqueue_set_memory(&at.queue, at.memory), -EFAULT);
		at.queue.enabled = true;
		virtqueue_start(&at.queue);
		CHECK(at.queue.broken && !virtqueue_ready(&at.queue));
		CHECK_INT(pop_nothing(), 0);
		teardown();
	}
}

static void works_again_after_a_restart(void)
{
	int error = setup_broken(4);
	vring_publish(&at.ring, 9);
	check_broken(error);
	at.queue.started = false;
	start(0);
	offer(0);
	vq_request_complete(pop(), NULL, 0);
	fd_close(&error);
	teardown();
}

static void honours_no_interrupt(void)
{
	setup(4);
	start(0);
	vring_set_flags(&at.ring, 1);
	offer(0);
	vq_request_complete(pop(), NULL, 0);
	virtqueue_notify(&at.queue);
	CHECK(!interrupted());
	vring_set_flags(&at.ring, 0);
	virtqueue_notify(&at.queue);
	CHECK(!interrupted()); /* nothing new */
	offer(2);
	vq_request_complete(pop(), NULL, 0);
	virtqueue_notify(&at.queue);
	CHECK(interrupted());
	teardown();
}

static void complete_some(uint32_t count)
{
	for (uint32_t i = 0; i < count; i++) {
		offer(0);
		vq_request_complete(pop(), NULL, 0);
	}
	virtqueue_notify(&at.queue);
}

static void interrupts_at_the_used_event(void)
{
	static const uint16_t starts[] = { 0, 1000, 32760, 65530, 65535 };
	for (size_t i = 0; i < ARRAY_SIZE(starts); i++) {
		uint16_t index = starts[i];
		setup(8);
		at.queue.event_idx = true;
		start(index);
		vring_set_flags(&at.ring, 1); /* means nothing with event_idx */
		vring_set_used_event(&at.ring, (uint16_t)(index + 5000));
		complete_some(1);
		CHECK(interrupted()); /* the first is always told */
		complete_some(1);
		CHECK(!interrupted());

		vring_set_used_event(&at.ring, (uint16_t)(index + 4));
		complete_some(2);
		CHECK(!interrupted()); /* 4 used: the event is the fifth */
		complete_some(1);
		CHECK(interrupted());
		complete_some(3);
		CHECK(!interrupted());

		vring_set_used_event(&at.ring, (uint16_t)(index + 9));
		complete_some(5); /* a batch over the event */
		CHECK(interrupted());
		complete_some(1);
		CHECK(!interrupted());
		teardown();
	}
}

static void tells_of_a_batch_that_wraps(void)
{
	setup(8);
	at.queue.event_idx = true;
	start(0);
	complete_some(1);
	CHECK(interrupted());
	vring_set_used_event(&at.ring, 0x8000);
	/* exactly 65536 more: the index is the same as at the last interrupt */
	complete_some(65536);
	CHECK(interrupted());
	teardown();
}

static void asks_for_a_kick(void)
{
	setup(4);
	at.queue.event_idx = true;
	start(65534);
	CHECK_INT(pop_nothing(), 0);
	CHECK_INT(vring_available_event(&at.ring), 65534);
	offer(0);
	offer(2);
	struct vq_request *first = pop();
	struct vq_request *second = pop();
	CHECK_INT(vring_available_event(&at.ring), 65534); /* not while there is work */
	CHECK_INT(pop_nothing(), 0);
	CHECK_INT(vring_available_event(&at.ring), 0);
	vq_request_complete(first, NULL, 0);
	vq_request_complete(second, NULL, 0);
	teardown();
}

static void never_blocks_on_a_full_interrupt(void)
{
	setup(4);
	start(0);
	int blocking = eventfd(0, EFD_CLOEXEC);
	const uint64_t full = UINT64_MAX - 1;
	CHECK_INT(write(blocking, &full, sizeof(full)), sizeof(full));
	int ours = fd_dup(blocking);
	virtqueue_set_call(&at.queue, ours);
	alarm(10);
	complete_some(1);
	alarm(0);
	CHECK(!(fcntl(blocking, F_GETFL) & O_NONBLOCK));
	uint64_t count;
	CHECK_INT(read(blocking, &count, sizeof(count)), sizeof(count));
	complete_some(1);
	CHECK_INT(read(blocking, &count, sizeof(count)), sizeof(count));
	CHECK_INT(count, 1);
	fd_close(&blocking);
	teardown();
}

static void signals_once_for_a_batch(void)
{
	setup(8);
	start(0);
	complete_some(5);
	uint64_t count;
	CHECK_INT(read(at.call, &count, sizeof(count)), sizeof(count));
	CHECK_INT(count, 1);
	teardown();
}

static void closes_its_descriptors(void)
{
	int before = test_open_fds();
	setup(4);
	at.queue.kick_fd = fd_eventfd();
	at.queue.err_fd = fd_eventfd();
	virtqueue_set_call(&at.queue, fd_eventfd());
	virtqueue_set_call(&at.queue, -1);
	start(0);
	complete_some(1);
	CHECK(!interrupted());
	teardown();
	CHECK_INT(test_open_fds(), before);
}

int main(int argc, char **argv)
{
	static const struct test_case cases[] = {
		TEST_CASE(takes_powers_of_two),
		TEST_CASE(serves_a_request),
		TEST_CASE(cuts_answers_to_the_room),
		TEST_CASE(answers_byte_by_byte),
		TEST_CASE(reads_each_descriptor_once),
		TEST_CASE(completes_in_any_order),
		TEST_CASE(keeps_the_order_when_that_was_negotiated),
		TEST_CASE(puts_a_request_back),
		TEST_CASE(wraps_around),
		TEST_CASE(serves_the_largest_queue),
		TEST_CASE(takes_requests_from_the_cache),
		TEST_CASE(keeps_the_table_it_was_read_with),
		TEST_CASE(loses_its_rings),
		TEST_CASE(pops_only_when_it_may),
		TEST_CASE(translates_guest_addresses),
		TEST_CASE(breaks_at_a_head_outside),
		TEST_CASE(breaks_at_an_index_that_jumps),
		TEST_CASE(breaks_at_a_bad_chain),
		TEST_CASE(breaks_at_a_head_in_use),
		TEST_CASE(breaks_without_usable_rings),
		TEST_CASE(works_again_after_a_restart),
		TEST_CASE(honours_no_interrupt),
		TEST_CASE(interrupts_at_the_used_event),
		TEST_CASE(tells_of_a_batch_that_wraps),
		TEST_CASE(asks_for_a_kick),
		TEST_CASE(never_blocks_on_a_full_interrupt),
		TEST_CASE(signals_once_for_a_batch),
		TEST_CASE(closes_its_descriptors),
	};
	return test_main(argc, argv, cases, ARRAY_SIZE(cases));
}
