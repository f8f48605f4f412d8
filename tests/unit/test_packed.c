/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/* What is different in a packed virtqueue; interrupts and kicks of it are in test_packed_notify. */
#include "test.h"

#include <stdlib.h>
#include <unistd.h>

#include "queue_rig.h"
#include "util/fd.h"
#include "vhost/protocol.h"

#define EVENT_IDX VHOST_BIT(VIRTIO_RING_F_EVENT_IDX)
#define IN_ORDER  VHOST_BIT(VIRTIO_F_IN_ORDER)

/* The flags of the descriptor at a place of the ring. */
static uint16_t flags_at(uint32_t index)
{
	return vring_get16(queue_rig.packed.memory + (size_t)index * 16 + 14);
}

/* The next used descriptor is this one. */
static void check_used(uint32_t places, uint32_t id, uint32_t length)
{
	uint32_t got_id, got_length;
	CHECK(packed_take(&queue_rig.packed, places, &got_id, &got_length));
	CHECK_INT(got_id, id);
	CHECK_INT(got_length, length);
}

static void check_nothing_used(void)
{
	uint32_t id, length;
	CHECK(!packed_take(&queue_rig.packed, 1, &id, &length));
}

static void takes_any_size(void)
{
	struct virtqueue queue;
	virtqueue_init(&queue, 1);
	virtqueue_set_features(&queue, VHOST_BIT(VIRTIO_F_RING_PACKED));
	CHECK_INT(virtqueue_set_size(&queue, 32769), -EINVAL);
	for (uint32_t size = 1; size <= 32768; size++) {
		CHECK_INT(virtqueue_set_size(&queue, size), 0);
		queue.base = size - 1;
		CHECK(!virtqueue_fault(&queue));
		queue.base = (size - 1) | 0x8000 | 0xffff0000; /* its other half says nothing */
		CHECK(!virtqueue_fault(&queue));
		queue.base = size < 32768 ? size : 0;
		CHECK_INT(virtqueue_fault(&queue) != NULL, size < 32768);
	}
	virtqueue_finish(&queue);
}

static void serves_a_request(void)
{
	queue_setup_packed(5, 0);
	queue_start_packed(0, true);
	CHECK_INT(queue_pop_nothing(), 0);
	memcpy(queue_rig.base + (DATA - GUEST), "question", 8);
	queue_offer_packed(3, 2);
	struct vq_request *request = queue_pop();
	CHECK_INT(request->id, 3);
	CHECK_INT(request->readable_left, 8);
	CHECK_INT(request->writable_size, 8);
	CHECK_INT(queue_rig.queue.in_flight, 1);
	CHECK_INT(queue_pop_nothing(), 0);
	char text[8];
	CHECK(vq_request_read(request, text, 8));
	CHECK_MEM(text, "question", 8);
	check_nothing_used();

	vq_request_complete(request, "answer", 6);
	CHECK_INT(flags_at(0), PACKED_MARKS | PACKED_WRITE);
	check_used(2, 3, 6);
	CHECK_MEM(queue_rig.base + (DATA - GUEST) + 64, "answer\0\0", 8);
	CHECK_INT(queue_rig.queue.in_flight, 0);
	CHECK(!queue_interrupted());
	virtqueue_notify(&queue_rig.queue);
	CHECK(queue_interrupted());
	virtqueue_notify(&queue_rig.queue);
	CHECK(!queue_interrupted());

	/* without a byte written it is not marked as written; the place between stays as it was */
	queue_offer_packed(4, 2);
	vq_request_complete(queue_pop(), NULL, 0);
	CHECK_INT(flags_at(2), PACKED_MARKS);
	CHECK_INT(flags_at(3), PACKED_AVAILABLE | PACKED_WRITE);
	check_used(2, 4, 0);
	queue_teardown();
}

static void reads_each_descriptor_once(void)
{
	queue_setup_packed(4, 0);
	queue_start_packed(0, true);
	memcpy(queue_rig.base + (DATA - GUEST), "original", 8);
	queue_offer_packed(1, 2);
	struct vq_request *request = queue_pop();
	/* the driver rewrites the chain after it was popped: nothing of that is seen */
	for (uint32_t i = 0; i < 4; i++)
		packed_describe(queue_rig.base, i, UINT64_MAX, 0xffffffff, 0xffffffff);
	char text[8];
	CHECK(vq_request_read(request, text, 8));
	CHECK_MEM(text, "original", 8);
	vq_request_complete(request, text, 8);
	CHECK_MEM(queue_rig.base + (DATA - GUEST) + 64, "original", 8);
	check_used(2, 1, 8);
	queue_teardown();
}

/* Chains of 1 to 5 places: each used descriptor leaves as many places as its own chain had. */
static void completes_in_any_order(void)
{
	static const int orders[][5] = { { 0, 1, 2, 3, 4 }, { 4, 3, 2, 1, 0 }, { 2, 4, 0, 1, 3 } };
	for (size_t i = 0; i < ARRAY_SIZE(orders); i++) {
		queue_setup_packed(17, 0);
		queue_start_packed(9, false);
		struct vq_request *requests[5];
		for (uint16_t k = 0; k < 5; k++)
			queue_offer_packed((uint16_t)(3 * k), k + 1u);
		for (int k = 0; k < 5; k++)
			requests[k] = queue_pop();
		CHECK_INT(queue_rig.queue.packed.taken, 15);
		for (int k = 0; k < 5; k++) {
			uint32_t which = (uint32_t)orders[i][k];
			vq_request_complete(requests[which], "x", 1);
			check_used(which + 1, 3 * which, 1);
			check_nothing_used();
		}
		CHECK_INT(queue_rig.queue.packed.taken, 0);
		CHECK_INT(virtqueue_base(&queue_rig.queue), packed_base(&queue_rig.packed));
		CHECK_INT(packed_word(queue_rig.packed.next_used), 0x8000 | 7);
		queue_teardown();
	}
}

static void keeps_the_order_when_that_was_negotiated(void)
{
	queue_setup_packed(9, IN_ORDER);
	queue_start_packed(5, true);
	struct vq_request *requests[3];
	for (uint16_t i = 0; i < 3; i++) {
		queue_offer_packed(i, i + 1u);
		requests[i] = queue_pop();
	}
	vq_request_complete(requests[2], "ccc", 3);
	vq_request_complete(requests[1], "bb", 2);
	check_nothing_used();
	CHECK_INT(queue_rig.queue.in_flight, 3);
	vq_request_complete(requests[0], "a", 1);
	for (uint32_t i = 0; i < 3; i++)
		check_used(i + 1, i, i + 1);
	CHECK_INT(queue_rig.queue.in_flight, 0);
	queue_teardown();
}

static void puts_a_request_back(void)
{
	static const struct vring_position begins[] = { { 0, true }, { 2, true }, { 3, true },
		{ 4, true }, { 4, false } };
	for (size_t i = 0; i < ARRAY_SIZE(begins); i++) {
		queue_setup_packed(5, 0);
		queue_start_packed(begins[i].index, begins[i].wrap);
		uint32_t base = virtqueue_base(&queue_rig.queue);
		queue_offer_packed(1, 3);
		virtqueue_unpop(queue_pop());
		CHECK_INT(virtqueue_base(&queue_rig.queue), base);
		CHECK_INT(queue_rig.queue.packed.taken, 0);
		CHECK_INT(queue_rig.queue.in_flight, 0);
		check_nothing_used();
		struct vq_request *request = queue_pop();
		CHECK_INT(request->id, 1);
		vq_request_complete(request, NULL, 0);
		check_used(3, 1, 0);
		CHECK_INT(queue_pop_nothing(), 0);
		queue_teardown();
	}
}

/* Many rounds, with chains of all lengths there is room for, several at a time. */
static void wrap_around(uint32_t size)
{
	uint32_t offered = 0, used = 0;
	queue_setup_packed(size, 0);
	queue_start_packed(0, true);
	while (offered < 20 * size) {
		struct vq_request *requests[4];
		uint32_t places[4], count = 0, room = size;
		while (count < 4 && room > 0) {
			places[count] = 1 + (offered + count) % room;
			queue_offer_packed((uint16_t)((used + count) % size), places[count]);
			offered += places[count];
			room -= places[count++];
		}
		for (uint32_t i = 0; i < count; i++)
			requests[i] = queue_pop();
		CHECK_INT(queue_pop_nothing(), 0);
		for (uint32_t i = count; i-- > 0;) {
			uint32_t id = requests[i]->id;
			vq_request_complete(requests[i], "12345678", i);
			check_used(places[i], id, min_u32(i, 8 * max_u32(places[i] - 1, 1)));
		}
		check_nothing_used();
		used += count;
	}
	CHECK_INT(virtqueue_base(&queue_rig.queue), packed_base(&queue_rig.packed));
	queue_teardown();
}

static void wraps_around_at_every_size(void)
{
	for (uint32_t size = 1; size <= 70; size++)
		wrap_around(size);
	wrap_around(1000);
}

static void serves_the_largest_queue(void)
{
	queue_setup_packed(32768, 0);
	queue_start_packed(32760, false);
	/* all of it in flight at the same time, with ids in a mixed order */
	static struct vq_request *requests[32768];
	for (uint32_t i = 0; i < 32768; i++)
		queue_offer_packed((uint16_t)(i * 5 & 32767), 1);
	for (uint32_t i = 0; i < 32768; i++) {
		requests[i] = queue_pop();
		CHECK_INT(requests[i]->id, i * 5 & 32767);
	}
	CHECK_INT(queue_rig.queue.in_flight, 32768);
	CHECK_INT(queue_pop_nothing(), 0);
	for (uint32_t i = 32768; i-- > 0;) {
		vq_request_complete(requests[i], NULL, 0);
		check_used(1, i * 5 & 32767, 0);
	}
	CHECK_INT(virtqueue_base(&queue_rig.queue), (0x8000 | 32760) * 0x10001u);
	queue_teardown();
}

/* While all places are taken nothing more can be available, whatever the ring says. */
static void takes_no_more_than_the_ring_has(void)
{
	queue_setup_packed(3, 0);
	queue_start_packed(0, true);
	queue_offer_packed(0, 1);
	queue_offer_packed(1, 2);
	struct vq_request *first = queue_pop(), *second = queue_pop();
	queue_offer_packed(2, 1);
	CHECK_INT(queue_pop_nothing(), 0);
	CHECK(!queue_rig.queue.broken);
	vq_request_complete(second, NULL, 0);
	vq_request_complete(first, NULL, 0);
	queue_teardown();
}

static void loses_its_rings(void)
{
	queue_setup_packed(4, 0);
	queue_start_packed(0, true);
	queue_offer_packed(0, 1);
	struct vq_request *request = queue_pop();
	CHECK_INT(virtqueue_set_memory(&queue_rig.queue, NULL), 0);
	CHECK_INT(virtqueue_footprint(&queue_rig.queue), 0);
	vq_request_complete(request, "void", 4);
	virtqueue_notify(&queue_rig.queue);
	CHECK(!queue_interrupted());
	CHECK_INT(queue_rig.queue.in_flight, 0);
	CHECK_INT(queue_pop_nothing(), 0);
	queue_teardown();
}

static void keeps_the_table_it_was_read_with(void)
{
	queue_setup_packed(4, 0);
	queue_start_packed(0, true);
	queue_offer_packed(2, 1);
	struct vq_request *request = queue_pop();
	struct vhost_memory *empty = vhost_memory_create();
	CHECK_INT(virtqueue_set_memory(&queue_rig.queue, empty), -EFAULT);
	CHECK(!virtqueue_ready(&queue_rig.queue));
	vq_request_complete(request, "late", 4);
	check_used(1, 2, 4);
	queue_offer_packed(3, 1);
	CHECK_INT(queue_pop_nothing(), 0);
	CHECK_INT(virtqueue_set_memory(&queue_rig.queue, queue_rig.memory), 0);
	vq_request_complete(queue_pop(), NULL, 0);
	check_used(1, 3, 0);
	vhost_memory_unref(empty);
	queue_teardown();
}

/* --- where it begins ----------------------------------------------------------------------- */

static uint16_t position_after(uint32_t base, bool resumed)
{
	queue_setup_packed(100, 0);
	queue_rig.queue.base = base;
	virtqueue_start(&queue_rig.queue, resumed);
	uint32_t now = virtqueue_base(&queue_rig.queue);
	CHECK_INT(now >> 16, now & 0xffff);
	queue_teardown();
	return (uint16_t)now;
}

static void begins_where_the_base_says(void)
{
	CHECK_INT(position_after(0x80008000, false), 0x8000);
	CHECK_INT(position_after(0x80008000, true), 0x8000);
	CHECK_INT(position_after(0x00008000, false), 0x8000);
	CHECK_INT(position_after(0x00008005, false), 0x8005);
	CHECK_INT(position_after(0x00058005, false), 0x8005);
	CHECK_INT(position_after(0x00050005, false), 5);
	CHECK_INT(position_after(0x80630063, false), 99);
	/* nothing at all: the beginning, unless it stopped there in an even round */
	CHECK_INT(position_after(0, false), 0x8000);
	CHECK_INT(position_after(0, true), 0);
}

static void goes_on_where_it_stopped(void)
{
	queue_setup_packed(7, EVENT_IDX);
	queue_start_packed(0, true);
	for (uint32_t i = 0; i < 100; i++) {
		struct virtqueue *queue = &queue_rig.queue;
		uint32_t places = 1 + i % 7;
		queue_offer_packed((uint16_t)(i % 7), places);
		vq_request_complete(queue_pop(), NULL, 0);
		check_used(places, i % 7, 0);
		virtqueue_stop(queue);
		queue->base = virtqueue_base(queue);
		CHECK_INT(queue->base, packed_base(&queue_rig.packed));
		CHECK(virtqueue_footprint(queue) != 0);
		virtqueue_start(queue, true);
	}
	queue_teardown();
}

/* A ring that a driver has cleared shows it, whatever has been in it. */
static void leaves_a_footprint(void)
{
	static const uint64_t features[] = { 0, EVENT_IDX };
	for (size_t i = 0; i < ARRAY_SIZE(features); i++) {
		for (uint16_t index = 0; index < 3; index++) {
			for (int wrap = 0; wrap < 2; wrap++) {
				queue_setup_packed(3, features[i]);
				CHECK_INT(virtqueue_footprint(&queue_rig.queue), 0);
				queue_start_packed(index, wrap);
				CHECK(virtqueue_footprint(&queue_rig.queue) != 0);
				queue_offer_packed(0, 1);
				vq_request_complete(queue_pop(), NULL, 0);
				CHECK(virtqueue_footprint(&queue_rig.queue) != 0);
				packed_clear(&queue_rig.packed);
				CHECK_INT(virtqueue_footprint(&queue_rig.queue), 0);
				queue_teardown();
			}
		}
	}
}

/* --- what a driver can make wrong ---------------------------------------------------------- */

static int setup_broken(void)
{
	queue_setup_packed(6, 0);
	int error = fd_eventfd();
	queue_rig.queue.err_fd = fd_dup(error);
	queue_start_packed(4, true);
	return error;
}

static void breaks_at_a_bad_chain(void)
{
	int error = setup_broken();
	packed_put(&queue_rig.packed, 0, 0, 8, 0);
	uint32_t base = virtqueue_base(&queue_rig.queue);
	queue_check_broken(error);
	CHECK_INT(queue_rig.queue.in_flight, 0);
	CHECK_INT(virtqueue_base(&queue_rig.queue), base);
	fd_close(&error);
	queue_teardown();
}

static void breaks_at_an_id_outside(void)
{
	int error = setup_broken();
	queue_offer_packed(6, 1);
	queue_check_broken(error);
	fd_close(&error);
	queue_teardown();
}

static void breaks_at_an_id_in_use(void)
{
	int error = setup_broken();
	queue_offer_packed(5, 1);
	struct vq_request *request = queue_pop();
	queue_offer_packed(5, 2);
	queue_check_broken(error);
	/* what was in flight still ends, once */
	vq_request_complete(request, NULL, 0);
	check_used(1, 5, 0);
	check_nothing_used();
	CHECK_INT(queue_rig.queue.in_flight, 0);
	fd_close(&error);
	queue_teardown();
}

/* Over places whose chains have not been made used. */
static void breaks_at_a_chain_over_others(void)
{
	int error = setup_broken();
	queue_offer_packed(0, 2);
	queue_offer_packed(1, 2);
	struct vq_request *first = queue_pop(), *second = queue_pop();
	queue_offer_packed(2, 3);
	queue_check_broken(error);
	vq_request_complete(second, NULL, 0);
	vq_request_complete(first, NULL, 0);
	check_used(2, 1, 0);
	check_used(2, 0, 0);
	fd_close(&error);
	queue_teardown();
}

static void breaks_without_usable_rings(void)
{
	static const struct {
		struct virtqueue_addresses at;
		bool good;
	} rows[] = {
		{ { USER, USER + 0x1004, USER + 0x1000 }, true },
		{ { USER + MEMORY - 64, USER, USER + MEMORY - 68 }, true },
		{ { USER, USER + MEMORY - 4, USER + MEMORY - 4 }, true },
		{ { USER + 8, USER + 0x1000, USER + 0x2000 }, false },
		{ { USER, USER + 0x1002, USER + 0x2000 }, false },
		{ { USER, USER + 0x1000, USER + 0x2002 }, false },
		{ { USER + MEMORY - 48, USER + 0x1000, USER + 0x2000 }, false },
		{ { USER, USER + MEMORY, USER + 0x2000 }, false },
		{ { USER, USER + 0x1000, USER - 4 }, false },
		{ { GUEST, USER + 0x1000, USER + 0x2000 }, false },
		{ { UINT64_MAX & ~UINT64_C(15), USER + 0x1000, USER + 0x2000 }, false },
	};
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		queue_setup_packed(4, 0);
		queue_rig.queue.addresses = rows[i].at;
		CHECK_INT(virtqueue_set_memory(&queue_rig.queue, queue_rig.memory),
			rows[i].good ? 0 : -EFAULT);
		queue_rig.queue.enabled = true;
		virtqueue_start(&queue_rig.queue, false);
		CHECK_INT(queue_rig.queue.broken, !rows[i].good);
		CHECK_INT(virtqueue_ready(&queue_rig.queue), rows[i].good);
		CHECK_INT(queue_pop_nothing(), 0);
		queue_teardown();
	}
}

static void works_again_after_a_restart(void)
{
	int error = setup_broken();
	queue_offer_packed(6, 1);
	queue_check_broken(error);
	virtqueue_stop(&queue_rig.queue);
	packed_clear(&queue_rig.packed);
	queue_rig.queue.base = 0;
	virtqueue_start(&queue_rig.queue, false);
	queue_offer_packed(0, 2);
	vq_request_complete(queue_pop(), NULL, 0);
	check_used(2, 0, 0);
	fd_close(&error);
	queue_teardown();
}

int main(int argc, char **argv)
{
	static const struct test_case cases[] = {
		TEST_CASE(takes_any_size),
		TEST_CASE(serves_a_request),
		TEST_CASE(reads_each_descriptor_once),
		TEST_CASE(completes_in_any_order),
		TEST_CASE(keeps_the_order_when_that_was_negotiated),
		TEST_CASE(puts_a_request_back),
		TEST_CASE(wraps_around_at_every_size),
		TEST_CASE(serves_the_largest_queue),
		TEST_CASE(takes_no_more_than_the_ring_has),
		TEST_CASE(loses_its_rings),
		TEST_CASE(keeps_the_table_it_was_read_with),
		TEST_CASE(begins_where_the_base_says),
		TEST_CASE(goes_on_where_it_stopped),
		TEST_CASE(leaves_a_footprint),
		TEST_CASE(breaks_at_a_bad_chain),
		TEST_CASE(breaks_at_an_id_outside),
		TEST_CASE(breaks_at_an_id_in_use),
		TEST_CASE(breaks_at_a_chain_over_others),
		TEST_CASE(breaks_without_usable_rings),
		TEST_CASE(works_again_after_a_restart),
	};
	return test_main(argc, argv, cases, ARRAY_SIZE(cases));
}
