/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/*
 * Everything a driver can get wrong in a split ring. A broken queue may stop until the device is
 * reset; the rest of the device goes on.
 */
#include <stdlib.h>

#include "kit/conform/conform.h"
#include "kit/hand.h"

#define ANSWER_SIZE (uint32_t)sizeof(struct virtio_gpu_resp_display_info)
#define HEADER_SIZE (uint32_t)sizeof(struct virtio_gpu_ctrl_hdr)
#define NOWHERE     (UINT64_C(1) << 40) /* no guest memory */

static void hostile_end(struct conform *c, struct kit_hand *h)
{
	conform_check_recovers(h->m);
	kit_hand_finish(h);
	conform_end(c, h->m);
}

static void write_at(struct kit_hand *h, uint16_t at, uint64_t address, uint32_t length,
	uint16_t flags, uint16_t next)
{
	kit_ring_write(h->ring, at, &(struct kit_descriptor){ address, length, flags, next });
}

static void write_table(struct kit_hand *h, uint16_t at, uint64_t address, uint32_t length,
	uint16_t flags, uint16_t next)
{
	kit_table_write(&h->m->memory, h->table, at,
		&(struct kit_descriptor){ address, length, flags, next });
}

#define NEXT     KIT_RING_NEXT
#define WRITE    KIT_RING_WRITE
#define INDIRECT KIT_RING_INDIRECT

/* --- chains -------------------------------------------------------------------------------- */

static void next_out_of_range(struct kit_hand *h)
{
	write_at(h, 0, h->in, HEADER_SIZE, NEXT, h->ring->size);
	kit_ring_publish(h->ring, 0);
}

static void head_out_of_range(struct kit_hand *h)
{
	kit_ring_publish(h->ring, h->ring->size);
}

static void head_65535(struct kit_hand *h)
{
	kit_ring_publish(h->ring, 65535);
}

static void self_loop(struct kit_hand *h)
{
	write_at(h, 0, h->in, HEADER_SIZE, NEXT, 0);
	kit_ring_publish(h->ring, 0);
}

static void two_cycle(struct kit_hand *h)
{
	write_at(h, 0, h->in, HEADER_SIZE, NEXT, 1);
	write_at(h, 1, h->out, ANSWER_SIZE, NEXT | WRITE, 0);
	kit_ring_publish(h->ring, 0);
}

static void longer_than_the_ring(struct kit_hand *h)
{
	for (uint16_t i = 0; i < h->ring->size; i++)
		write_at(h, i, h->out, 1, NEXT | WRITE, (uint16_t)((i + 1) % h->ring->size));
	kit_ring_publish(h->ring, 0);
}

static void outside_memory(struct kit_hand *h)
{
	write_at(h, 0, NOWHERE, HEADER_SIZE, 0, 0);
	kit_ring_publish(h->ring, 0);
}

static void in_the_hole(struct kit_hand *h)
{
	write_at(h, 0, (UINT64_C(64) << 20) - 12, HEADER_SIZE, 0, 0);
	kit_ring_publish(h->ring, 0);
}

static void address_wraps(struct kit_hand *h)
{
	write_at(h, 0, UINT64_MAX - 11, HEADER_SIZE, 0, 0);
	kit_ring_publish(h->ring, 0);
}

static void answer_outside_memory(struct kit_hand *h)
{
	write_at(h, 0, h->in, HEADER_SIZE, NEXT, 1);
	write_at(h, 1, NOWHERE, ANSWER_SIZE, WRITE, 0);
	kit_ring_publish(h->ring, 0);
}

static void readable_behind_writable(struct kit_hand *h)
{
	write_at(h, 0, h->out, ANSWER_SIZE, NEXT | WRITE, 1);
	write_at(h, 1, h->in, HEADER_SIZE, 0, 0);
	kit_ring_publish(h->ring, 0);
}

static void index_jumps(struct kit_hand *h)
{
	kit_ring_set_available(h->ring, (uint16_t)(h->ring->next_available + h->ring->size + 1));
}

static void index_goes_back(struct kit_hand *h)
{
	kit_ring_set_available(h->ring, (uint16_t)(h->ring->next_available - 1));
}

static void indirect_odd_length(struct kit_hand *h)
{
	write_table(h, 0, h->in, HEADER_SIZE, 0, 0);
	write_at(h, 0, h->table, 17, INDIRECT, 0);
	kit_ring_publish(h->ring, 0);
}

static void indirect_empty(struct kit_hand *h)
{
	write_at(h, 0, h->table, 0, INDIRECT, 0);
	kit_ring_publish(h->ring, 0);
}

static void indirect_huge(struct kit_hand *h)
{
	write_at(h, 0, h->table, 0xfffffff0, INDIRECT, 0);
	kit_ring_publish(h->ring, 0);
}

static void indirect_outside_memory(struct kit_hand *h)
{
	write_at(h, 0, NOWHERE, 32, INDIRECT, 0);
	kit_ring_publish(h->ring, 0);
}

static void indirect_nested(struct kit_hand *h)
{
	write_table(h, 0, h->table, 16, INDIRECT, 0);
	write_at(h, 0, h->table, 16, INDIRECT, 0);
	kit_ring_publish(h->ring, 0);
}

static void indirect_loop(struct kit_hand *h)
{
	write_table(h, 0, h->in, HEADER_SIZE, NEXT, 1);
	write_table(h, 1, h->in, HEADER_SIZE, NEXT, 0);
	write_at(h, 0, h->table, 32, INDIRECT, 0);
	kit_ring_publish(h->ring, 0);
}

static void indirect_next_outside(struct kit_hand *h)
{
	write_table(h, 0, h->in, HEADER_SIZE, NEXT, 2);
	write_at(h, 0, h->table, 32, INDIRECT, 0);
	kit_ring_publish(h->ring, 0);
}

static void indirect_and_next(struct kit_hand *h)
{
	write_table(h, 0, h->in, HEADER_SIZE, 0, 0);
	write_at(h, 0, h->table, 16, INDIRECT | NEXT, 1);
	write_at(h, 1, h->out, ANSWER_SIZE, WRITE, 0);
	kit_ring_publish(h->ring, 0);
}

/* 3 GiB to read, in buffers that are all the same 16 MiB. */
static void too_much_to_read(struct kit_hand *h)
{
	for (uint16_t i = 0; i < 200; i++)
		write_table(h, i, 0x10000, 0x1000000, NEXT, (uint16_t)(i + 1));
	write_table(h, 200, h->out, ANSWER_SIZE, WRITE, 0);
	write_at(h, 0, h->table, 201 * 16, INDIRECT, 0);
	kit_ring_publish(h->ring, 0);
}

/* Nothing forbids it, and nobody does it. */
static void empty_buffers(struct kit_hand *h)
{
	write_at(h, 0, h->in, 0, NEXT, 1);
	write_at(h, 1, h->in, HEADER_SIZE, NEXT, 2);
	write_at(h, 2, h->out, 0, NEXT | WRITE, 3);
	write_at(h, 3, h->out, ANSWER_SIZE, WRITE, 0);
	kit_ring_publish(h->ring, 0);
}

static void (*const breakers[])(struct kit_hand *h) = {
	next_out_of_range,
	head_out_of_range,
	head_65535,
	self_loop,
	two_cycle,
	longer_than_the_ring,
	outside_memory,
	in_the_hole,
	address_wraps,
	answer_outside_memory,
	readable_behind_writable,
	index_jumps,
	index_goes_back,
	indirect_odd_length,
	indirect_empty,
	indirect_huge,
	indirect_outside_memory,
	indirect_nested,
	indirect_loop,
	indirect_next_outside,
	indirect_and_next,
	too_much_to_read,
	empty_buffers,
};
static const char *const breaker_names[] = { "next_out_of_range", "head_out_of_range", "head_65535",
	"self_loop", "two_cycle", "longer_than_the_ring", "outside_memory", "in_the_hole",
	"address_wraps", "answer_outside_memory", "readable_behind_writable", "index_jumps",
	"index_goes_back", "indirect_odd_length", "indirect_empty", "indirect_huge",
	"indirect_outside_memory", "indirect_nested", "indirect_loop", "indirect_next_outside",
	"indirect_and_next", "too_much_to_read", "empty_buffers", NULL };

static void chain(struct conform *c)
{
	struct kit_hand h = kit_hand(conform_machine(c, NULL));
	breakers[c->variant](&h);
	kit_ring_kick_always(h.ring);
	hostile_end(c, &h);
}

/* A table where none was negotiated. */
static void table_not_negotiated(struct conform *c)
{
	struct kit_machine *m = conform_machine(
		c, &(struct kit_machine_spec){ .unwanted = CONFORM_FEATURE(RING_F_INDIRECT_DESC) });
	struct kit_descriptor table = { 0x10000, 32, INDIRECT, 0 };
	kit_ring_write(&m->rings[0], 0, &table);
	kit_ring_publish(&m->rings[0], 0);
	kit_ring_kick_always(&m->rings[0]);
	conform_check_recovers(m);
	conform_end(c, m);
}

/* The queue breaks after each reset. */
static void breaks_again(struct conform *c)
{
	struct kit_hand h = kit_hand(conform_machine(c, NULL));
	for (int round = 0; round < 10; round++) {
		self_loop(&h);
		kit_ring_kick_always(h.ring);
		conform_check_recovers(h.m);
	}
	hostile_end(c, &h);
}

/* The cursor queue is broken, and the control queue is not. */
static void cursor_queue(struct conform *c)
{
	struct kit_hand h = kit_hand(conform_machine(c, NULL));
	h.ring = &h.m->rings[VIRTIO_GPU_QUEUE_CURSOR];
	self_loop(&h);
	kit_ring_kick_always(h.ring);
	conform_check_alive(h.m);
	CHECK_OK(h.m, kit_machine_renew(h.m));
	hostile_end(c, &h);
}

/* No request, or no room for the whole answer: whatever comes of the chain, nothing is written
 * beside its buffer. */
static const uint32_t rooms[] = { 0, 1, 8, 23, 24, 407, 409 };
static const char *const room_names[] = { "0", "1", "8", "23", "24", "407", "409", NULL };

static void room_for_the_answer(struct conform *c)
{
	struct kit_hand h = kit_hand(conform_machine(c, NULL));
	uint32_t room = rooms[c->variant];
	struct kit_piece pieces[] = { { h.in, HEADER_SIZE, false }, { h.out, room, true } };
	struct kit_used used = { .token = &h };
	CHECK_OK(h.m, kit_ring_add(h.ring, pieces, room ? 2 : 1, &h));
	kit_ring_kick(h.ring);
	int ret = kit_ring_wait(h.ring, 50);
	if (ret != -ETIMEDOUT)
		CHECK_OK(h.m, ret);
	CHECK_OK(h.m, kit_ring_take(h.ring, &used));
	const uint8_t *out = kit_ptr(&h.m->memory, h.out, KIT_PAGE);
	for (uint32_t i = room; i < KIT_PAGE; i++)
		CHECK_INT(out[i], 0xee);
	hostile_end(c, &h);
}

static void no_request(struct conform *c)
{
	struct kit_hand h = kit_hand(conform_machine(c, NULL));
	struct kit_piece writable = { h.out, ANSWER_SIZE, true };
	CHECK_OK(h.m, kit_ring_add(h.ring, &writable, 1, &h));
	kit_ring_kick(h.ring);
	hostile_end(c, &h);
}

/* The same chain offered many times while the first is in flight. */
static void same_head_twice(struct conform *c)
{
	struct kit_hand h = kit_hand(conform_machine(c, NULL));
	write_at(&h, 0, h.in, HEADER_SIZE, NEXT, 1);
	write_at(&h, 1, h.out, ANSWER_SIZE, WRITE, 0);
	for (int i = 0; i < 20; i++)
		kit_ring_publish(h.ring, 0);
	kit_ring_kick_always(h.ring);
	CHECK_OK(h.m, kit_pump(&h.m->kit, 20));
	hostile_end(c, &h);
}

/* The answer goes into the rings themselves. */
static const char *const ring_part_names[] = { "descriptors", "available", "used", NULL };

static void answer_into_the_ring(struct conform *c)
{
	struct kit_hand h = kit_hand(conform_machine(c, NULL));
	const uint64_t places[] = { h.ring->descriptors, h.ring->available, h.ring->used };
	write_at(&h, 0, h.in, HEADER_SIZE, NEXT, 1);
	write_at(&h, 1, places[c->variant], ANSWER_SIZE, WRITE, 0);
	kit_ring_publish(h.ring, 0);
	kit_ring_kick_always(h.ring);
	CHECK_OK(h.m, kit_pump(&h.m->kit, 20));
	hostile_end(c, &h);
}

/* --- addresses of rings -------------------------------------------------------------------- */

/* For one of the three parts: where it is said to be. */
static const struct {
	uint64_t descriptor, used, available;
} addresses[] = {
	{ 0x1000, 0, 0 },
	{ 0, 0x1000, 0 },
	{ 0, 0, 0x1000 },
	{ UINT64_MAX - 15, 0, 0 },
	{ 0, UINT64_MAX - 3, 0 },
	{ 0, 0, UINT64_MAX - 1 },
};
static const char *const address_names[] = { "descriptors_nowhere", "used_nowhere",
	"available_nowhere", "descriptors_wrap", "used_wraps", "available_wraps",
	"descriptors_misaligned", "used_misaligned", "available_misaligned",
	"descriptors_at_the_end", "used_at_the_end", "available_at_the_end", "all_in_one_place",
	NULL };

/* Moves one part of the ring, or all; by variant behind those of `addresses`. */
static void move_rings(struct kit_machine *m, uint32_t variant, struct vhost_user_vring_addr *addr)
{
	uint64_t end = m->memory.regions[0].user + m->memory.regions[0].spec.size;
	uint64_t *const parts[] = { &addr->descriptor, &addr->used, &addr->available };
	if (variant < ARRAY_SIZE(addresses)) {
		if (addresses[variant].descriptor)
			addr->descriptor = addresses[variant].descriptor;
		if (addresses[variant].used)
			addr->used = addresses[variant].used;
		if (addresses[variant].available)
			addr->available = addresses[variant].available;
		return;
	}
	variant -= (uint32_t)ARRAY_SIZE(addresses);
	if (variant < 3)
		*parts[variant] += 1;
	else if (variant < 6)
		*parts[variant - 3] = end - 16;
	else
		addr->used = addr->available = addr->descriptor;
}

static void impossible_addresses(struct conform *c)
{
	static const struct kit_step before[] = {
		{ KIT_ONCE, 0, { VHOST_USER_SET_FEATURES, KIT_SEND_MEMORY } },
		{ 0 },
	};
	struct kit_machine *m =
		conform_machine(c, &(struct kit_machine_spec){ .stage = KIT_STAGE_REALIZED });
	struct kit_message message;
	struct vhost_user_vring_addr addr;
	CHECK_OK(m, kit_vmm_play(&m->vmm, before));
	CHECK_OK(m, kit_vmm_do(&m->vmm, VHOST_USER_SET_VRING_NUM, 0, 0));
	conform_compose(m, VHOST_USER_SET_VRING_ADDR, &message);
	memcpy(&addr, message.payload, sizeof(addr));
	move_rings(m, c->variant, &addr);
	memcpy(message.payload, &addr, sizeof(addr));
	CHECK_OK(m, kit_vmm_send_message(&m->vmm, &message));
	int ret = kit_vmm_do(&m->vmm, VHOST_USER_SET_VRING_KICK, 0, 0);
	CHECK_OK_OR_REFUSED(m, ret);
	if (ret == 0)
		CHECK_OK_OR_REFUSED(m, kit_vmm_do(&m->vmm, VHOST_USER_SET_VRING_ENABLE, 0, 1));
	kit_ring_kick_always(&m->rings[0]);
	CHECK_OK_OR_REFUSED(m, kit_pump(&m->kit, 5));
	m = conform_check_refused(c, m, address_names[c->variant]);
	conform_start(m);
	conform_end(c, m);
}

static const struct conform_case cases[] = {
	{ "chain", "virtio 1.4, 2.7.5, 2.7.5.3.1 and 2.7.6.1: what a driver must not do",
		.run = chain, .variants = breaker_names, .hostile = true },
	{ "table_not_negotiated", "virtio 1.4, 2.7.5.3.1: no indirect table without INDIRECT_DESC",
		.run = table_not_negotiated, .hostile = true },
	{ "breaks_again", "virtio 1.4, 2.4: a reset makes a broken device good",
		.run = breaks_again, .hostile = true },
	{ "cursor_queue", "virtio 1.4, 5.7.2: the cursor queue is one of its own",
		.run = cursor_queue, .hostile = true },
	{ "room_for_the_answer", "virtio 1.4, 5.7.6.7: an answer has a fixed header",
		.run = room_for_the_answer, .variants = room_names, .hostile = true },
	{ "no_request", "virtio 1.4, 5.7.6.7: a request has a fixed header", .run = no_request,
		.hostile = true },
	{ "same_head_twice", "virtio 1.4, 2.7.13: descriptors in use are not the driver's",
		.run = same_head_twice, .hostile = true },
	{ "answer_into_the_ring", "virtio 1.4, 2.7: a driver that gives the rings as a buffer",
		.run = answer_into_the_ring, .variants = ring_part_names, .hostile = true },
	{ "impossible_addresses",
		"vhost-user: SET_VRING_ADDR; virtio 1.4, 2.7: where and how rings are aligned",
		.run = impossible_addresses, .variants = address_names, .hostile = true },
};
DEFINE_CONFORM_PART(rings, broken, cases);
