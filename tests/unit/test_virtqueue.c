/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
#include "test.h"

#include <unistd.h>

#include "queue_rig.h"
#include "util/fd.h"

static void takes_powers_of_two(void)
{
	struct virtqueue queue;
	virtqueue_init(&queue, 1);
	CHECK_INT(queue.index, 1);
	CHECK_INT(virtqueue_set_size(&queue, 0), -EINVAL);
	CHECK_INT(virtqueue_set_size(&queue, 32769), -EINVAL);
	CHECK_INT(virtqueue_set_size(&queue, 65536), -EINVAL);
	CHECK_INT(virtqueue_set_size(&queue, 0x80000000), -EINVAL);
	CHECK_INT(virtqueue_set_size(&queue, 1), 0);
	CHECK(!virtqueue_fault(&queue));
	CHECK_INT(virtqueue_set_size(&queue, 3), 0);
	CHECK(strstr(virtqueue_fault(&queue), "power of two"));
	CHECK_INT(virtqueue_set_size(&queue, 32767), 0);
	CHECK(virtqueue_fault(&queue));
	CHECK_INT(virtqueue_set_size(&queue, 32768), 0);
	CHECK(!virtqueue_fault(&queue));
	queue.base = 65535;
	CHECK(!virtqueue_fault(&queue));
	queue.base = 65536;
	CHECK(strstr(virtqueue_fault(&queue), "base"));
	queue.started = true;
	CHECK_INT(virtqueue_set_size(&queue, 64), -EBUSY);
	virtqueue_finish(&queue);
}

static void serves_a_request(void)
{
	queue_setup(4);
	queue_start(0);
	CHECK_INT(queue_pop_nothing(), 0);
	memcpy(queue_rig.base + (DATA - GUEST), "question", 8);
	queue_offer(2);
	struct vq_request *request = queue_pop();
	CHECK_INT(request->id, 2);
	CHECK_INT(request->readable_left, 8);
	CHECK_INT(request->writable_size, 8);
	CHECK_INT(queue_rig.queue.in_flight, 1);
	char text[8];
	CHECK(!vq_request_read(request, text, 9));
	CHECK(vq_request_read(request, text, 3));
	CHECK_MEM(text, "que", 3);
	CHECK(vq_request_read(request, text, 5));
	CHECK_MEM(text, "stion", 5);
	CHECK(!vq_request_read(request, text, 1));
	CHECK(vq_request_read(request, text, 0));

	CHECK_INT(vring_used_index(&queue_rig.ring), 0);
	vq_request_complete(request, "answer", 6);
	CHECK_INT(vring_used_index(&queue_rig.ring), 1);
	uint32_t id, length;
	vring_used(&queue_rig.ring, 0, &id, &length);
	CHECK_INT(id, 2);
	CHECK_INT(length, 6);
	CHECK_MEM(queue_rig.base + (DATA - GUEST) + 64, "answer\0\0", 8);
	CHECK_INT(queue_rig.queue.in_flight, 0);
	CHECK(!queue_interrupted());
	virtqueue_notify(&queue_rig.queue);
	CHECK(queue_interrupted());
	virtqueue_notify(&queue_rig.queue);
	CHECK(!queue_interrupted());
	queue_teardown();
}

static void reads_over_pieces(void)
{
	queue_setup(8);
	queue_start(0);
	memcpy(queue_rig.base + (DATA - GUEST), "abc.defgh.i", 11);
	vring_describe(queue_rig.base, 0, DATA, 3, VRING_THEN(0, 1));
	vring_describe(queue_rig.base, 1, DATA + 4, 5, VRING_THEN(0, 2));
	vring_describe(queue_rig.base, 2, DATA + 10, 1, 0);
	vring_publish(&queue_rig.ring, 0);
	struct vq_request *request = queue_pop();
	char text[9];
	CHECK(vq_request_read(request, text, 2));
	CHECK(vq_request_read(request, text + 2, 4));
	CHECK(vq_request_read(request, text + 6, 2));
	CHECK(vq_request_read(request, text + 8, 1));
	CHECK_MEM(text, "abcdefghi", 9);
	CHECK_INT(request->readable_left, 0);
	vq_request_complete(request, NULL, 0);
	queue_teardown();
}

static void cuts_answers_to_the_room(void)
{
	queue_setup(4);
	queue_start(0);
	queue_offer(0);
	vq_request_complete(queue_pop(), "much too long", 13);
	uint32_t id, length;
	vring_used(&queue_rig.ring, 0, &id, &length);
	CHECK_INT(length, 8);
	CHECK_MEM(queue_rig.base + (DATA - GUEST) + 64, "much too\0", 9);

	vring_describe(queue_rig.base, 1, DATA, 8, 0);
	vring_publish(&queue_rig.ring, 1);
	vq_request_complete(queue_pop(), "nowhere", 7);
	vring_used(&queue_rig.ring, 1, &id, &length);
	CHECK_INT(id, 1);
	CHECK_INT(length, 0);
	queue_teardown();
}

static void answers_byte_by_byte(void)
{
	queue_setup(1024);
	queue_start(0);
	for (uint32_t i = 0; i < 1024; i++)
		vring_describe(queue_rig.base, i, DATA + 2 * i, 1,
			i == 0 ? VRING_THEN(0, 1)
			       : (i < 1023 ? VRING_THEN(VRING_WRITE, i + 1) : VRING_WRITE));
	vring_publish(&queue_rig.ring, 0);
	struct vq_request *request = queue_pop();
	CHECK_INT(request->writable_size, 1023);
	uint8_t answer[1023];
	memset(answer, 0xaa, sizeof(answer));
	vq_request_complete(request, answer, sizeof(answer));
	for (uint32_t i = 0; i < 1024; i++) {
		CHECK_INT(queue_rig.base[DATA - GUEST + 2 * i], i == 0 ? 0 : 0xaa);
		CHECK_INT(queue_rig.base[DATA - GUEST + 2 * i + 1], 0);
	}
	queue_teardown();
}

static void reads_each_descriptor_once(void)
{
	queue_setup(4);
	queue_start(0);
	memcpy(queue_rig.base + (DATA - GUEST), "original", 8);
	queue_offer(0);
	struct vq_request *request = queue_pop();
	/* the driver rewrites the chain after it was popped: nothing of that is seen */
	vring_describe(queue_rig.base, 0, UINT64_MAX, 0xffffffff, VRING_THEN(VRING_WRITE, 3));
	vring_describe(queue_rig.base, 1, UINT64_MAX, 0xffffffff, VRING_THEN(0, 0));
	char text[8];
	CHECK(vq_request_read(request, text, 8));
	CHECK_MEM(text, "original", 8);
	vq_request_complete(request, text, 8);
	CHECK_MEM(queue_rig.base + (DATA - GUEST) + 64, "original", 8);
	queue_teardown();
}

static void completes_in_any_order(void)
{
	queue_setup(16);
	queue_start(0);
	struct vq_request *requests[8];
	for (uint16_t i = 0; i < 8; i++)
		queue_offer((uint16_t)(2 * i));
	for (int i = 0; i < 8; i++)
		requests[i] = queue_pop();
	CHECK_INT(queue_pop_nothing(), 0);
	static const int order[8] = { 3, 7, 0, 1, 6, 2, 5, 4 };
	for (uint16_t i = 0; i < 8; i++) {
		vq_request_complete(requests[order[i]], NULL, 0);
		uint32_t id, length;
		vring_used(&queue_rig.ring, i, &id, &length);
		CHECK_INT(id, 2 * order[i]);
		CHECK_INT(length, 0);
	}
	CHECK_INT(vring_used_index(&queue_rig.ring), 8);
	queue_teardown();
}

static void keeps_the_order_when_that_was_negotiated(void)
{
	queue_setup(16);
	queue_rig.queue.in_order = true;
	queue_start(0);
	struct vq_request *requests[4];
	for (uint16_t i = 0; i < 4; i++) {
		queue_offer((uint16_t)(2 * i));
		requests[i] = queue_pop();
	}
	vq_request_complete(requests[2], "c", 1);
	vq_request_complete(requests[1], "bb", 2);
	CHECK_INT(vring_used_index(&queue_rig.ring), 0);
	CHECK_INT(queue_rig.queue.in_flight, 4);
	vq_request_complete(requests[0], NULL, 0);
	CHECK_INT(vring_used_index(&queue_rig.ring), 3);
	CHECK_INT(queue_rig.queue.in_flight, 1);
	static const uint32_t lengths[] = { 0, 2, 1 };
	for (uint16_t i = 0; i < 3; i++) {
		uint32_t id, length;
		vring_used(&queue_rig.ring, i, &id, &length);
		CHECK_INT(id, 2 * i);
		CHECK_INT(length, lengths[i]);
	}
	virtqueue_unpop(requests[3]);
	CHECK_INT(queue_rig.queue.in_flight, 0);
	queue_teardown();
}

static void puts_a_request_back(void)
{
	queue_setup(4);
	queue_start(65535);
	queue_offer(1);
	struct vq_request *request = queue_pop();
	CHECK_INT(virtqueue_base(&queue_rig.queue), 0);
	virtqueue_unpop(request);
	CHECK_INT(virtqueue_base(&queue_rig.queue), 65535);
	CHECK_INT(queue_rig.queue.in_flight, 0);
	CHECK_INT(vring_used_index(&queue_rig.ring), 65535);
	request = queue_pop();
	CHECK_INT(request->id, 1);
	CHECK_INT(request->readable_left, 8);
	vq_request_complete(request, NULL, 0);
	CHECK_INT(queue_pop_nothing(), 0);
	queue_teardown();
}

static void wraps_around(void)
{
	queue_setup(2);
	queue_start(65530);
	for (uint32_t i = 0; i < 70000; i++) {
		queue_offer(i & 1);
		vq_request_complete(queue_pop(), NULL, 0);
	}
	CHECK_INT(vring_used_index(&queue_rig.ring), (uint16_t)(65530 + 70000));
	CHECK(!queue_rig.queue.broken);
	queue_teardown();
}

static void serves_the_largest_queue(void)
{
	queue_setup(32768);
	queue_start(0xfff0);
	/* all of it in flight at the same time, heads in a mixed order */
	static struct vq_request *requests[32768];
	for (uint32_t i = 0; i < 32768; i++) {
		uint16_t head = (uint16_t)(i * 5 & 32767);
		vring_describe(queue_rig.base, head, DATA, 8, VRING_WRITE);
		vring_publish(&queue_rig.ring, head);
	}
	for (uint32_t i = 0; i < 32768; i++) {
		requests[i] = queue_pop();
		CHECK_INT(requests[i]->id, i * 5 & 32767);
	}
	CHECK_INT(queue_rig.queue.in_flight, 32768);
	CHECK_INT(queue_pop_nothing(), 0);
	for (uint32_t i = 0; i < 32768; i++)
		vq_request_complete(requests[i], NULL, 0);
	CHECK_INT(vring_used_index(&queue_rig.ring), (uint16_t)(0xfff0 + 32768));
	/* the cache keeps some, not all of them */
	uint32_t kept = 0;
	for (uint32_t i = 0; i < VQ_SIZE_CLASSES; i++)
		kept += queue_rig.queue.free_requests[i].count;
	CHECK(kept > 0 && kept <= 1024);
	queue_teardown();
}

static void takes_requests_from_the_cache(void)
{
	queue_setup(4);
	queue_start(0);
	queue_offer(0);
	struct vq_request *first = queue_pop();
	vq_request_complete(first, NULL, 0);
	queue_offer(2);
	CHECK(queue_pop() == first);
	vq_request_complete(first, NULL, 0);
	queue_teardown();
}

static void keeps_the_table_it_was_read_with(void)
{
	queue_setup(4);
	queue_start(0);
	queue_offer(0);
	struct vq_request *request = queue_pop();
	CHECK_INT(queue_rig.memory->refs, 3); /* ours, the queue's, the request's */
	struct vhost_memory *empty = vhost_memory_create();
	CHECK_INT(virtqueue_set_memory(&queue_rig.queue, empty), -EFAULT);
	CHECK(!virtqueue_ready(&queue_rig.queue));
	/* answered where the rings were */
	vq_request_complete(request, "late", 4);
	CHECK_INT(vring_used_index(&queue_rig.ring), 1);
	CHECK_MEM(queue_rig.base + (DATA - GUEST) + 64, "late", 4);
	virtqueue_notify(&queue_rig.queue);
	CHECK(queue_interrupted());
	queue_offer(2);
	CHECK_INT(queue_pop_nothing(), 0);
	CHECK_INT(virtqueue_set_memory(&queue_rig.queue, queue_rig.memory), 0);
	vq_request_complete(queue_pop(), NULL, 0);
	CHECK_INT(vring_used_index(&queue_rig.ring), 2);
	vhost_memory_unref(empty);
	queue_teardown();
}

static void loses_its_rings(void)
{
	queue_setup(4);
	queue_start(0);
	queue_offer(0);
	struct vq_request *request = queue_pop();
	CHECK_INT(virtqueue_set_memory(&queue_rig.queue, NULL), 0);
	vq_request_complete(request, "void", 4);
	virtqueue_notify(&queue_rig.queue);
	CHECK(!queue_interrupted());
	CHECK_INT(queue_rig.queue.in_flight, 0);
	CHECK_INT(queue_pop_nothing(), 0);
	queue_teardown();
}

static void pops_only_when_it_may(void)
{
	queue_setup(4);
	queue_start(0);
	queue_offer(0);
	queue_rig.queue.enabled = false;
	CHECK_INT(queue_pop_nothing(), 0);
	queue_rig.queue.enabled = true;
	queue_rig.queue.started = false;
	CHECK_INT(queue_pop_nothing(), 0);
	queue_rig.queue.started = true;
	vq_request_complete(queue_pop(), NULL, 0);
	queue_teardown();
}

static void translates_guest_addresses(void)
{
	queue_setup(4);
	queue_rig.queue.addresses_are_guest = true;
	CHECK_INT(virtqueue_set_memory(&queue_rig.queue, queue_rig.memory), -EFAULT);
	vring_init(&queue_rig.ring, queue_rig.base, GUEST, 4);
	queue_rig.queue.addresses = vring_addresses(&queue_rig.ring);
	CHECK_INT(virtqueue_set_memory(&queue_rig.queue, queue_rig.memory), 0);
	queue_start(0);
	queue_offer(0);
	vq_request_complete(queue_pop(), NULL, 0);
	queue_teardown();
}

static int setup_broken(uint32_t size)
{
	queue_setup(size);
	int error = fd_eventfd();
	queue_rig.queue.err_fd = fd_dup(error);
	queue_start(0);
	return error;
}

static void breaks_at_a_head_outside(void)
{
	int error = setup_broken(4);
	vring_publish(&queue_rig.ring, 4);
	queue_check_broken(error);
	fd_close(&error);
	queue_teardown();
}

static void breaks_at_an_index_that_jumps(void)
{
	int error = setup_broken(4);
	vring_set_available(&queue_rig.ring, 5);
	queue_check_broken(error);
	fd_close(&error);
	queue_teardown();

	error = setup_broken(4);
	vring_set_available(&queue_rig.ring, 0xffff);
	queue_check_broken(error);
	fd_close(&error);
	queue_teardown();
}

static void breaks_at_a_bad_chain(void)
{
	int error = setup_broken(4);
	vring_describe(queue_rig.base, 0, 0, 8, 0);
	vring_publish(&queue_rig.ring, 0);
	queue_check_broken(error);
	CHECK_INT(queue_rig.queue.in_flight, 0);
	CHECK_INT(virtqueue_base(&queue_rig.queue), 0);
	fd_close(&error);
	queue_teardown();
}

static void breaks_at_a_head_in_use(void)
{
	int error = setup_broken(4);
	queue_offer(0);
	struct vq_request *request = queue_pop();
	vring_publish(&queue_rig.ring, 0);
	queue_check_broken(error);
	/* what was in flight still ends, once */
	vq_request_complete(request, NULL, 0);
	CHECK_INT(vring_used_index(&queue_rig.ring), 1);
	CHECK_INT(queue_rig.queue.in_flight, 0);
	fd_close(&error);
	queue_teardown();
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
		queue_setup(4);
		queue_rig.queue.addresses = bad[i];
		CHECK_INT(virtqueue_set_memory(&queue_rig.queue, queue_rig.memory), -EFAULT);
		queue_rig.queue.enabled = true;
		virtqueue_start(&queue_rig.queue, false);
		CHECK(queue_rig.queue.broken && !virtqueue_ready(&queue_rig.queue));
		CHECK_INT(queue_pop_nothing(), 0);
		queue_teardown();
	}
}

static void works_again_after_a_restart(void)
{
	int error = setup_broken(4);
	vring_publish(&queue_rig.ring, 9);
	queue_check_broken(error);
	queue_rig.queue.started = false;
	queue_start(0);
	queue_offer(0);
	vq_request_complete(queue_pop(), NULL, 0);
	fd_close(&error);
	queue_teardown();
}

static void closes_its_descriptors(void)
{
	int before = test_open_fds();
	queue_setup(4);
	queue_rig.queue.kick_fd = fd_eventfd();
	queue_rig.queue.err_fd = fd_eventfd();
	virtqueue_set_call(&queue_rig.queue, fd_eventfd());
	virtqueue_set_call(&queue_rig.queue, -1);
	queue_start(0);
	queue_complete_some(1);
	CHECK(!queue_interrupted());
	queue_teardown();
	CHECK_INT(test_open_fds(), before);
}

int main(int argc, char **argv)
{
	static const struct test_case cases[] = {
		TEST_CASE(takes_powers_of_two),
		TEST_CASE(serves_a_request),
		TEST_CASE(reads_over_pieces),
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
		TEST_CASE(closes_its_descriptors),
	};
	return test_main(argc, argv, cases, ARRAY_SIZE(cases));
}
