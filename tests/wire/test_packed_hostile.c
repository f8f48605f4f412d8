/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/*
 * What a driver can get wrong in a packed ring. The queue breaks and stops until it is reset; the
 * rest of the device goes on.
 */
#include <poll.h>
#include <unistd.h>

#include "kit/hand.h"
#include "wire.h"

#define ANSWER_SIZE (uint32_t)sizeof(struct virtio_gpu_resp_display_info)
#define SIZE        16u

#define NEXT      KIT_RING_NEXT
#define WRITE     KIT_RING_WRITE
#define INDIRECT  KIT_RING_INDIRECT
#define AVAILABLE KIT_PACKED_AVAILABLE
#define USED      KIT_PACKED_USED

static struct kit_hand hostile(void)
{
	return kit_hand(wire_machine(
		"none", &(struct kit_machine_spec){ .packed = true, .sizes = { SIZE, SIZE } }));
}

static void hostile_end(struct kit_hand *h)
{
	kit_hand_finish(h);
	wire_end(h->m);
}

/* Available, so many places ahead. */
static void put(struct kit_hand *h, uint32_t ahead, const struct kit_packed_descriptor *descriptor)
{
	struct kit_position at = kit_packed_ahead(h->ring, h->ring->available_at, ahead);
	kit_packed_write(h->ring, ahead, descriptor, kit_packed_marks(at));
}

#define PUT(h, ahead, ...) put(h, ahead, &(struct kit_packed_descriptor){ __VA_ARGS__ })
#define TABLE(h, at, ...)                                                                          \
	kit_packed_table_write(                                                                    \
		&(h)->m->memory, (h)->table, at, &(struct kit_packed_descriptor){ __VA_ARGS__ })

static void id_outside(struct kit_hand *h)
{
	PUT(h, 0, h->in, 24, SIZE, 0);
}

static void id_65535(struct kit_hand *h)
{
	PUT(h, 0, h->in, 24, 65535, 0);
}

static void last_id_outside(struct kit_hand *h)
{
	PUT(h, 1, h->out, ANSWER_SIZE, SIZE, WRITE);
	PUT(h, 0, h->in, 24, 0, NEXT);
}

static void longer_than_the_ring(struct kit_hand *h)
{
	for (uint32_t i = SIZE; i-- > 0;)
		PUT(h, i, h->out, 1, 0, NEXT | WRITE);
}

static void over_what_is_not_available(struct kit_hand *h)
{
	PUT(h, 0, h->in, 24, 0, NEXT);
}

static void over_what_is_used(struct kit_hand *h)
{
	kit_packed_write(h->ring, 1,
		&(struct kit_packed_descriptor){ h->out, ANSWER_SIZE, 0, WRITE }, AVAILABLE | USED);
	PUT(h, 0, h->in, 24, 0, NEXT);
}

static void outside_memory(struct kit_hand *h)
{
	PUT(h, 0, UINT64_C(1) << 40, 24, 0, 0);
}

static void in_the_hole(struct kit_hand *h)
{
	PUT(h, 0, (UINT64_C(64) << 20) - 12, 24, 0, 0);
}

static void address_wraps(struct kit_hand *h)
{
	PUT(h, 0, UINT64_MAX - 11, 24, 0, 0);
}

static void answer_outside_memory(struct kit_hand *h)
{
	PUT(h, 1, UINT64_C(1) << 40, ANSWER_SIZE, 0, WRITE);
	PUT(h, 0, h->in, 24, 0, NEXT);
}

static void readable_behind_writable(struct kit_hand *h)
{
	PUT(h, 1, h->in, 24, 0, 0);
	PUT(h, 0, h->out, ANSWER_SIZE, 0, NEXT | WRITE);
}

static void indirect_odd_length(struct kit_hand *h)
{
	TABLE(h, 0, h->in, 24, 0, 0);
	PUT(h, 0, h->table, 17, 0, INDIRECT);
}

static void indirect_empty(struct kit_hand *h)
{
	PUT(h, 0, h->table, 0, 0, INDIRECT);
}

static void indirect_huge(struct kit_hand *h)
{
	PUT(h, 0, h->table, 0xfffffff0, 0, INDIRECT);
}

static void indirect_outside_memory(struct kit_hand *h)
{
	PUT(h, 0, UINT64_C(1) << 40, 32, 0, INDIRECT);
}

static void indirect_and_next(struct kit_hand *h)
{
	TABLE(h, 0, h->in, 24, 0, 0);
	PUT(h, 1, h->out, ANSWER_SIZE, 0, WRITE);
	PUT(h, 0, h->table, 16, 0, INDIRECT | NEXT);
}

static void indirect_behind_direct(struct kit_hand *h)
{
	TABLE(h, 0, h->out, ANSWER_SIZE, 0, WRITE);
	PUT(h, 1, h->table, 16, 0, INDIRECT);
	PUT(h, 0, h->in, 24, 0, NEXT);
}

static const struct {
	const char *name;
	void (*break_ring)(struct kit_hand *h);
} breakers[] = {
	{ "id outside", id_outside },
	{ "id 65535", id_65535 },
	{ "last id outside", last_id_outside },
	{ "longer than the ring", longer_than_the_ring },
	{ "over what is not available", over_what_is_not_available },
	{ "over what is used", over_what_is_used },
	{ "outside memory", outside_memory },
	{ "in the hole", in_the_hole },
	{ "address wraps", address_wraps },
	{ "answer outside memory", answer_outside_memory },
	{ "readable behind writable", readable_behind_writable },
	{ "indirect: odd length", indirect_odd_length },
	{ "indirect: empty", indirect_empty },
	{ "indirect: huge", indirect_huge },
	{ "indirect: outside memory", indirect_outside_memory },
	{ "indirect: and next", indirect_and_next },
	{ "indirect: behind direct", indirect_behind_direct },
};

/* The guest resets the device, and its driver begins anew. */
static void restart(struct kit_hand *h, const char *after)
{
	CHECK_OK(h->m, kit_vmm_play(&h->m->vmm, h->m->vmm.profile->stop));
	CHECK_OK(h->m, kit_vmm_reset(&h->m->vmm));
	for (uint32_t i = 0; i < KIT_QUEUES; i++)
		kit_ring_reset(&h->m->rings[i]);
	if (kit_machine_start(h->m) < 0)
		test_fail(__FILE__, __LINE__, "%s: restart: %s", after, h->m->kit.why);
	wire_check_alive(h->m);
}

/* The backend says on the error descriptor that the queue is broken. */
static void check_broken(struct kit_hand *h, const char *what)
{
	uint64_t count;
	if (kit_wait_fd(&h->m->kit, h->ring->err_fd, POLLIN, -1) < 0)
		test_fail(__FILE__, __LINE__, "%s: the queue is not broken", what);
	CHECK(read(h->ring->err_fd, &count, sizeof(count)) == sizeof(count));
}

/* Each breaks the control queue only: the cursor queue answers, the session goes on, and after a
 * reset everything works. At the beginning of the ring and around its end. */
static void broken_rings(void)
{
	struct kit_hand h = hostile();
	for (size_t i = 0; i < ARRAY_SIZE(breakers); i++) {
		for (uint32_t before = 0; before < 2 * SIZE; before += SIZE - 1) {
			for (uint32_t k = 0; k < before; k++)
				wire_check_alive(h.m);
			breakers[i].break_ring(&h);
			kit_ring_kick_always(h.ring);
			check_broken(&h, breakers[i].name);
			CHECK_GOOD(h.m, kit_gpu_move_cursor(&h.m->gpu, 0, 1, 1));
			CHECK_OK(h.m, kit_vmm_do(&h.m->vmm, VHOST_USER_GET_FEATURES, 0, 0));
			restart(&h, breakers[i].name);
		}
	}
	hostile_end(&h);
}

/* An id that is in flight: the queue breaks, what was in flight is answered once. */
static void same_id_twice(void)
{
	struct kit_hand h = hostile();
	h.m->display.answers[VHOST_USER_GPU_GET_DISPLAY_INFO] = KIT_DISPLAY_SILENT;
	for (uint32_t i = 0; i < 4; i++) {
		PUT(&h, 1, h.out, ANSWER_SIZE, 3, WRITE);
		PUT(&h, 0, h.in, 24, 3, NEXT);
		kit_packed_publish(h.ring, 2);
	}
	kit_ring_kick_always(h.ring);
	check_broken(&h, "same id twice");
	wire_check_lines(h.m, "still in use", 1);
	CHECK_GOOD(h.m, kit_gpu_move_cursor(&h.m->gpu, 0, 1, 1));
	h.m->display.answers[VHOST_USER_GPU_GET_DISPLAY_INFO] = KIT_DISPLAY_GOOD;
	restart(&h, "same id twice");
	hostile_end(&h);
}

/* Marks that say used, or nothing, are no chains: nothing happens, and later ones are served. */
static void marks_that_mean_nothing(void)
{
	static const uint16_t marks[] = { 0, USED, AVAILABLE | USED };
	struct kit_hand h = hostile();
	kit_backend_log_mark(h.m->backend);
	for (size_t i = 0; i < ARRAY_SIZE(marks); i++) {
		kit_packed_write(
			h.ring, 0, &(struct kit_packed_descriptor){ h.in, 24, 0, 0 }, marks[i]);
		kit_ring_kick_always(h.ring);
		CHECK_GOOD(h.m, kit_gpu_move_cursor(&h.m->gpu, 0, 1, 1));
	}
	wire_check_alive(h.m);
	CHECK_INT(kit_backend_log_lines(h.m->backend, "virtqueue"), 0);
	hostile_end(&h);
}

/* In an indirect table only WRITE means something. */
static void flags_of_a_table_are_ignored(void)
{
	struct kit_hand h = hostile();
	struct virtio_gpu_resp_display_info *answer = kit_ptr(&h.m->memory, h.out, sizeof(*answer));
	answer->hdr.type = 0;
	TABLE(&h, 0, h.in, 24, 0xffff, INDIRECT | NEXT | AVAILABLE);
	TABLE(&h, 1, h.out, ANSWER_SIZE, 0x8000, WRITE | NEXT | USED);
	PUT(&h, 0, h.table, 32, 2, INDIRECT | WRITE);
	kit_ring_kick_always(h.ring);
	for (int i = 0; i < 200 && answer->hdr.type == 0; i++)
		CHECK_OK(h.m, kit_pump(&h.m->kit, 5));
	CHECK_INT(answer->hdr.type, VIRTIO_GPU_RESP_OK_DISPLAY_INFO);
	hostile_end(&h);
}

/* The answer goes into the ring itself, or the areas of events. */
static void answers_into_the_ring(void)
{
	struct kit_hand h = hostile();
	uint64_t places[] = { h.ring->descriptors, h.ring->used, h.ring->available };
	for (size_t i = 0; i < ARRAY_SIZE(places); i++) {
		PUT(&h, 1, places[i], 256, 0, WRITE);
		PUT(&h, 0, h.in, 24, 0, NEXT);
		kit_ring_kick_always(h.ring);
		CHECK_OK(h.m, kit_pump(&h.m->kit, 50));
		CHECK_GOOD(h.m, kit_gpu_move_cursor(&h.m->gpu, 0, 1, 1));
		restart(&h, "answer into the ring");
	}
	hostile_end(&h);
}

/* Event structures full of nonsense: at worst there are more interrupts. */
static void events_that_mean_nothing(void)
{
	struct kit_hand h = hostile();
	for (uint32_t flags = 0; flags < 8; flags++) {
		for (uint32_t position = 0; position < 0x10000; position += 0x1fff) {
			h.ring->polling = true;
			kit_packed_set_event(h.ring, (uint16_t)position, (uint16_t)flags);
			wire_check_alive(h.m);
		}
	}
	h.ring->polling = false;
	wire_check_alive(h.m);
	hostile_end(&h);
}

/* Ring addresses and bases that cannot be. */
static void impossible_rings(void)
{
	static const struct {
		uint32_t request;
		uint32_t offset; /* in the message's payload */
		uint64_t value;
		size_t size;
	} rows[] = {
		{ VHOST_USER_SET_VRING_ADDR, 8, 0x1000, 8 },
		{ VHOST_USER_SET_VRING_ADDR, 16, 0x1000, 8 },
		{ VHOST_USER_SET_VRING_ADDR, 24, 0x1000, 8 },
		{ VHOST_USER_SET_VRING_ADDR, 8, UINT64_MAX - 15, 8 },
		{ VHOST_USER_SET_VRING_ADDR, 16, UINT64_MAX - 3, 8 },
		{ VHOST_USER_SET_VRING_ADDR, 24, UINT64_MAX - 3, 8 },
		{ VHOST_USER_SET_VRING_BASE, 4, 0x80000000 | SIZE, 4 },
		{ VHOST_USER_SET_VRING_BASE, 4, UINT32_MAX, 4 },
	};
	static const uint32_t messages[] = { VHOST_USER_SET_VRING_NUM, VHOST_USER_SET_VRING_BASE,
		VHOST_USER_SET_VRING_ADDR, VHOST_USER_SET_VRING_KICK };
	struct kit_machine *m = wire_machine("none",
		&(struct kit_machine_spec){
			.packed = true, .sizes = { SIZE, SIZE }, .stage = KIT_STAGE_REALIZED });
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct kit_vmm *vmm = &m->vmm;
		CHECK_OK(m,
			kit_vmm_do(vmm, VHOST_USER_SET_FEATURES, 0,
				vmm->offered | UINT64_C(1) << VIRTIO_F_RING_PACKED));
		CHECK_OK(m, kit_vmm_do(vmm, VHOST_USER_SET_MEM_TABLE, 0, 0));
		int ret = 0;
		for (size_t k = 0; k < ARRAY_SIZE(messages) && ret == 0; k++) {
			struct kit_message message;
			CHECK_OK(m, kit_vmm_compose(vmm, messages[k], 0, 0, &message));
			if (messages[k] == rows[i].request)
				memcpy(message.payload + rows[i].offset, &rows[i].value,
					rows[i].size);
			ret = kit_vmm_send_message(vmm, &message);
		}
		kit_ring_kick_always(&m->rings[0]);
		if (ret == 0)
			ret = kit_vmm_do(vmm, VHOST_USER_GET_FEATURES, 0, 0);
		CHECK(ret == 0 || ret == -ECONNRESET);
		CHECK_OK(m, kit_machine_reconnect(m));
	}
	CHECK_OK(m, kit_machine_start(m));
	wire_check_alive(m);
	wire_end(m);
}

int main(int argc, char **argv)
{
	static const struct test_case cases[] = {
		TEST_CASE(broken_rings),
		TEST_CASE(same_id_twice),
		TEST_CASE(marks_that_mean_nothing),
		TEST_CASE(flags_of_a_table_are_ignored),
		TEST_CASE(answers_into_the_ring),
		TEST_CASE(events_that_mean_nothing),
		TEST_CASE(impossible_rings),
	};
	return test_main(argc, argv, cases, ARRAY_SIZE(cases));
}
