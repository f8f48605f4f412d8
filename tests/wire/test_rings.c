/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/*
 * The rings: sizes and features a driver may choose, shapes a chain may have, and everything a
 * driver can get wrong in them. A broken queue stops until the device is reset; the rest of the
 * device goes on.
 */
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "util/fd.h"
#include "wire.h"

#define BIT(n)      (UINT64_C(1) << (n))
#define ANSWER_SIZE (uint32_t)sizeof(struct virtio_gpu_resp_display_info)

/* --- right --------------------------------------------------------------------------------- */

/* Every size, with and without either feature, more rounds than the ring has places. */
static void all_sizes(void)
{
	for (uint32_t size = 1; size <= 32768; size *= 2) {
		uint64_t unwanted = size % 3 == 1 ? BIT(VIRTIO_RING_F_EVENT_IDX) : 0;
		if (size >= 2 && size % 5 == 1)
			unwanted |= BIT(VIRTIO_RING_F_INDIRECT_DESC);
		struct kit_machine *m = wire_machine("none",
			&(struct kit_machine_spec){
				.sizes = { size, size }, .unwanted = unwanted });
		for (uint32_t i = 0; i < 3 * size && i < 300; i++)
			wire_check_alive(m);
		wire_end(m);
	}
}

/* Around the end of the 16-bit indices, in batches that are answered as one. */
static void indices_wrap(void)
{
	struct virtio_gpu_ctrl_hdr request = kit_header(VIRTIO_GPU_CMD_GET_CAPSET_INFO);
	for (int event_idx = 0; event_idx < 2; event_idx++) {
		struct kit_machine *m = wire_machine("none",
			&(struct kit_machine_spec){
				.unwanted = event_idx ? 0 : BIT(VIRTIO_RING_F_EVENT_IDX) });
		uint32_t done = 0;
		while (done < 70000) {
			struct kit_command *batch[100];
			for (uint32_t i = 0; i < ARRAY_SIZE(batch); i++) {
				batch[i] = kit_gpu_queue(&m->gpu, 0, &request, sizeof(request), 24);
				CHECK(batch[i]);
			}
			kit_ring_kick(&m->rings[0]);
			for (uint32_t i = 0; i < ARRAY_SIZE(batch); i++)
				CHECK_OK(m, kit_gpu_complete(&m->gpu, batch[i], NULL, 0));
			done += ARRAY_SIZE(batch);
		}
		wire_end(m);
	}
}

/* Requests and responses in buffers of any size, down to single bytes. */
static void any_buffers(void)
{
	static const uint32_t pieces[] = { 1, 2, 3, 7, 8, 23, 24, 25, 100 };
	for (int indirect = 0; indirect < 2; indirect++) {
		struct kit_machine *m = wire_machine("none",
			&(struct kit_machine_spec){ .sizes = { 1024, 16 },
				.unwanted = indirect ? 0 : BIT(VIRTIO_RING_F_INDIRECT_DESC) });
		struct virtio_gpu_resp_display_info whole, info;
		CHECK_TYPE(
			m, kit_gpu_display_info(&m->gpu, &whole), VIRTIO_GPU_RESP_OK_DISPLAY_INFO);
		for (size_t i = 0; i < ARRAY_SIZE(pieces); i++) {
			m->gpu.request_piece = pieces[i];
			m->gpu.response_piece = pieces[ARRAY_SIZE(pieces) - 1 - i];
			CHECK_TYPE(m, kit_gpu_display_info(&m->gpu, &info),
				VIRTIO_GPU_RESP_OK_DISPLAY_INFO);
			CHECK_MEM(&info, &whole, sizeof(info));
		}
		wire_end(m);
	}
}

/* A device that suppresses what nobody needs: an interrupt only where the driver asked for one. */
static void notifications_are_suppressed(void)
{
	struct kit_machine *m = wire_machine("none", NULL);
	CHECK(m->rings[0].event_idx);
	/* the driver wants to hear of the 51st only */
	wire_check_alive(m);
	struct kit_ring *ring = &m->rings[0];
	struct virtio_gpu_ctrl_hdr request = kit_header(VIRTIO_GPU_CMD_GET_CAPSET_INFO);
	struct kit_command *batch[51];
	kit_ring_interrupts(ring);
	kit_ring_set_event(ring, (uint16_t)(ring->next_used + ARRAY_SIZE(batch) - 1));
	uint64_t before = ring->interrupts;
	for (size_t i = 0; i < ARRAY_SIZE(batch); i++)
		batch[i] = kit_gpu_queue(&m->gpu, 0, &request, sizeof(request), 24);
	kit_ring_kick(ring);
	/* polling, so that the event index stays as it was set */
	ring->polling = true;
	for (size_t i = 0; i < ARRAY_SIZE(batch); i++)
		CHECK_OK(m, kit_gpu_complete(&m->gpu, batch[i], NULL, 0));
	CHECK_OK(m, kit_pump(&m->kit, 50));
	kit_ring_interrupts(ring);
	CHECK_INT(ring->interrupts - before, 1);

	/* and now of none */
	before = ring->interrupts;
	kit_ring_set_event(ring, (uint16_t)(ring->next_used + 1000));
	for (size_t i = 0; i < ARRAY_SIZE(batch); i++)
		wire_check_alive(m);
	CHECK_OK(m, kit_pump(&m->kit, 50));
	kit_ring_interrupts(ring);
	CHECK_INT(ring->interrupts, before);
	wire_end(m);
}

/* A driver that polls gets no interrupts. */
static void polling_driver(void)
{
	struct kit_machine *m = wire_machine("none",
		&(struct kit_machine_spec){
			.stage = KIT_STAGE_REALIZED, .unwanted = BIT(VIRTIO_RING_F_EVENT_IDX) });
	m->rings[0].polling = true;
	kit_ring_reset(&m->rings[0]);
	CHECK_OK(m, kit_machine_start(m));
	kit_ring_interrupts(&m->rings[0]);
	uint64_t before = m->rings[0].interrupts;
	for (int i = 0; i < 50; i++)
		wire_check_alive(m);
	CHECK_OK(m, kit_pump(&m->kit, 20));
	kit_ring_interrupts(&m->rings[0]);
	CHECK_INT(m->rings[0].interrupts, before);
	wire_end(m);
}

/* Kicks without anything to do, by the hundred thousand. */
static void kick_flood(void)
{
	struct kit_machine *m = wire_machine("none", NULL);
	for (int i = 0; i < 100000; i++)
		kit_ring_kick_always(&m->rings[i & 1]);
	uint64_t start = kit_now();
	wire_check_alive(m);
	CHECK(kit_now() - start < 1000);
	wire_end(m);
}

/* The VMM does not look at its interrupts, whose counter cannot take one more: nobody waits for it,
 * whether the descriptor is one that waits or not. */
static void interrupt_counter_is_full(void)
{
	for (int blocking = 0; blocking < 2; blocking++) {
		struct kit_machine *m = wire_machine(
			"none", &(struct kit_machine_spec){ .stage = KIT_STAGE_REALIZED });
		int *call_fd = &m->rings[0].call_fd;
		uint64_t full = UINT64_MAX - 1;
		fd_close(call_fd);
		*call_fd = eventfd(0, EFD_CLOEXEC | (blocking ? 0 : EFD_NONBLOCK));
		CHECK(write(*call_fd, &full, sizeof(full)) == sizeof(full));
		CHECK_OK(m, kit_machine_start(m));
		m->rings[0].polling = true;
		for (int i = 0; i < 10; i++)
			wire_check_alive(m);
		CHECK_GOOD(m, kit_gpu_move_cursor(&m->gpu, 0, 1, 1));
		CHECK_OK(m, kit_machine_stop(m));
		wire_end(m);
	}
}

/* --- wrong --------------------------------------------------------------------------------- */

struct hostile {
	struct kit_machine *m;
	struct kit_ring *ring;
	uint64_t in, out, table; /* a page of guest memory each */
};

/* A good request in memory, and room for its answer, to build wrong chains around. */
static struct hostile hostile(const struct kit_machine_spec *spec)
{
	struct hostile h = { .m = wire_machine("none", spec) };
	struct virtio_gpu_ctrl_hdr request = kit_header(VIRTIO_GPU_CMD_GET_DISPLAY_INFO);
	h.ring = &h.m->rings[0];
	h.in = kit_alloc(&h.m->memory, KIT_PAGE, KIT_PAGE);
	h.out = kit_alloc(&h.m->memory, KIT_PAGE, KIT_PAGE);
	h.table = kit_alloc(&h.m->memory, KIT_PAGE, KIT_PAGE);
	memcpy(kit_ptr(&h.m->memory, h.in, sizeof(request)), &request, sizeof(request));
	return h;
}

static void hostile_end(struct hostile *h)
{
	kit_free(&h->m->memory, h->in, KIT_PAGE);
	kit_free(&h->m->memory, h->out, KIT_PAGE);
	kit_free(&h->m->memory, h->table, KIT_PAGE);
	wire_end(h->m);
}

static void write_at(struct hostile *h, uint16_t at, uint64_t address, uint32_t length,
	uint16_t flags, uint16_t next)
{
	kit_ring_write(h->ring, at, &(struct kit_descriptor){ address, length, flags, next });
}

static void write_table(struct hostile *h, uint16_t at, uint64_t address, uint32_t length,
	uint16_t flags, uint16_t next)
{
	kit_table_write(&h->m->memory, h->table, at,
		&(struct kit_descriptor){ address, length, flags, next });
}

#define NEXT     KIT_RING_NEXT
#define WRITE    KIT_RING_WRITE
#define INDIRECT KIT_RING_INDIRECT

/* A chain in the ring that cannot be walked. */
static void next_out_of_range(struct hostile *h)
{
	write_at(h, 0, h->in, 24, NEXT, h->ring->size);
	kit_ring_publish(h->ring, 0);
}

static void head_out_of_range(struct hostile *h)
{
	kit_ring_publish(h->ring, h->ring->size);
}

static void head_65535(struct hostile *h)
{
	kit_ring_publish(h->ring, 65535);
}

static void self_loop(struct hostile *h)
{
	write_at(h, 0, h->in, 24, NEXT, 0);
	kit_ring_publish(h->ring, 0);
}

static void two_cycle(struct hostile *h)
{
	write_at(h, 0, h->in, 24, NEXT, 1);
	write_at(h, 1, h->out, ANSWER_SIZE, NEXT | WRITE, 0);
	kit_ring_publish(h->ring, 0);
}

static void longer_than_the_ring(struct hostile *h)
{
	for (uint16_t i = 0; i < h->ring->size; i++)
		write_at(h, i, h->out, 1, NEXT | WRITE, (uint16_t)((i + 1) % h->ring->size));
	kit_ring_publish(h->ring, 0);
}

static void outside_memory(struct hostile *h)
{
	write_at(h, 0, UINT64_C(1) << 40, 24, 0, 0);
	kit_ring_publish(h->ring, 0);
}

static void in_the_hole(struct hostile *h)
{
	write_at(h, 0, (UINT64_C(64) << 20) - 12, 24, 0, 0);
	kit_ring_publish(h->ring, 0);
}

static void address_wraps(struct hostile *h)
{
	write_at(h, 0, UINT64_MAX - 11, 24, 0, 0);
	kit_ring_publish(h->ring, 0);
}

static void answer_outside_memory(struct hostile *h)
{
	write_at(h, 0, h->in, 24, NEXT, 1);
	write_at(h, 1, UINT64_C(1) << 40, ANSWER_SIZE, WRITE, 0);
	kit_ring_publish(h->ring, 0);
}

static void readable_behind_writable(struct hostile *h)
{
	write_at(h, 0, h->out, ANSWER_SIZE, NEXT | WRITE, 1);
	write_at(h, 1, h->in, 24, 0, 0);
	kit_ring_publish(h->ring, 0);
}

static void index_jumps(struct hostile *h)
{
	kit_ring_set_available(h->ring, (uint16_t)(h->ring->next_available + h->ring->size + 1));
}

static void index_goes_back(struct hostile *h)
{
	kit_ring_set_available(h->ring, (uint16_t)(h->ring->next_available - 1));
}

static void indirect_odd_length(struct hostile *h)
{
	write_table(h, 0, h->in, 24, 0, 0);
	write_at(h, 0, h->table, 17, INDIRECT, 0);
	kit_ring_publish(h->ring, 0);
}

static void indirect_empty(struct hostile *h)
{
	write_at(h, 0, h->table, 0, INDIRECT, 0);
	kit_ring_publish(h->ring, 0);
}

static void indirect_huge(struct hostile *h)
{
	write_at(h, 0, h->table, 0xfffffff0, INDIRECT, 0);
	kit_ring_publish(h->ring, 0);
}

static void indirect_outside_memory(struct hostile *h)
{
	write_at(h, 0, UINT64_C(1) << 40, 32, INDIRECT, 0);
	kit_ring_publish(h->ring, 0);
}

static void indirect_nested(struct hostile *h)
{
	write_table(h, 0, h->table, 16, INDIRECT, 0);
	write_at(h, 0, h->table, 16, INDIRECT, 0);
	kit_ring_publish(h->ring, 0);
}

static void indirect_loop(struct hostile *h)
{
	write_table(h, 0, h->in, 24, NEXT, 1);
	write_table(h, 1, h->in, 24, NEXT, 0);
	write_at(h, 0, h->table, 32, INDIRECT, 0);
	kit_ring_publish(h->ring, 0);
}

static void indirect_next_outside(struct hostile *h)
{
	write_table(h, 0, h->in, 24, NEXT, 2);
	write_at(h, 0, h->table, 32, INDIRECT, 0);
	kit_ring_publish(h->ring, 0);
}

static void indirect_and_next(struct hostile *h)
{
	write_table(h, 0, h->in, 24, 0, 0);
	write_at(h, 0, h->table, 16, INDIRECT | NEXT, 1);
	write_at(h, 1, h->out, ANSWER_SIZE, WRITE, 0);
	kit_ring_publish(h->ring, 0);
}

static const struct {
	const char *name;
	void (*break_ring)(struct hostile *h);
} breakers[] = {
	{ "next out of range", next_out_of_range },
	{ "head out of range", head_out_of_range },
	{ "head 65535", head_65535 },
	{ "self loop", self_loop },
	{ "two-cycle", two_cycle },
	{ "longer than the ring", longer_than_the_ring },
	{ "outside memory", outside_memory },
	{ "in the hole", in_the_hole },
	{ "address wraps", address_wraps },
	{ "answer outside memory", answer_outside_memory },
	{ "readable behind writable", readable_behind_writable },
	{ "index jumps", index_jumps },
	{ "index goes back", index_goes_back },
	{ "indirect: odd length", indirect_odd_length },
	{ "indirect: empty", indirect_empty },
	{ "indirect: huge", indirect_huge },
	{ "indirect: outside memory", indirect_outside_memory },
	{ "indirect: nested", indirect_nested },
	{ "indirect: loop", indirect_loop },
	{ "indirect: next outside", indirect_next_outside },
	{ "indirect: and next", indirect_and_next },
};

static int cursor_alive(struct kit_machine *m)
{
	return kit_gpu_move_cursor(&m->gpu, 0, 1, 1);
}

/* Each breaks the control queue only: the cursor queue answers, the session goes on, and after a
 * reset everything works. */
static void broken_rings(void)
{
	struct hostile h = hostile(NULL);
	for (size_t i = 0; i < ARRAY_SIZE(breakers); i++) {
		breakers[i].break_ring(&h);
		kit_ring_kick_always(h.ring);
		int type = cursor_alive(h.m);
		if (type < 0)
			test_fail(__FILE__, __LINE__, "%s: cursor queue: %s", breakers[i].name,
				h.m->kit.why);
		if (kit_vmm_do(&h.m->vmm, VHOST_USER_GET_FEATURES, 0, 0) < 0)
			test_fail(__FILE__, __LINE__, "%s: session: %s", breakers[i].name,
				h.m->kit.why);
		CHECK_OK(h.m, kit_vmm_play(&h.m->vmm, h.m->vmm.profile->stop));
		CHECK_OK(h.m, kit_vmm_reset(&h.m->vmm));
		for (uint32_t k = 0; k < KIT_QUEUES; k++)
			kit_ring_reset(&h.m->rings[k]);
		if (kit_machine_start(h.m) < 0)
			test_fail(__FILE__, __LINE__, "%s: restart: %s", breakers[i].name,
				h.m->kit.why);
		wire_check_alive(h.m);
	}
	hostile_end(&h);
}

/* Broken queues are said in the log, but not for each kick. */
static void broken_ring_is_said_once(void)
{
	struct hostile h = hostile(NULL);
	kit_backend_log_mark(h.m->backend);
	self_loop(&h);
	for (int i = 0; i < 100; i++)
		kit_ring_kick_always(h.ring);
	CHECK_OK(h.m, kit_backend_wait_lines(h.m->backend, "", 1));
	CHECK_OK(h.m, kit_pump(&h.m->kit, 100));
	CHECK_INT(kit_backend_log_lines(h.m->backend, ""), 1);
	hostile_end(&h);
}

/* Chains that are odd but not wrong: answered, with whatever fits. */
static void odd_chains(void)
{
	struct hostile h = hostile(NULL);
	struct kit_piece empty_ones[] = { { h.in, 0, false }, { h.in, 24, false },
		{ h.out, 0, true }, { h.out, ANSWER_SIZE, true } };
	struct kit_used used;
	int token;
	h.ring->indirect = false;
	/* buffers of no length between the others */
	CHECK_OK(h.m, kit_ring_add(h.ring, empty_ones, ARRAY_SIZE(empty_ones), &token));
	kit_ring_kick(h.ring);
	CHECK_OK(h.m, kit_ring_wait(h.ring, -1));
	CHECK_INT(kit_ring_take(h.ring, &used), 1);
	hostile_end(&h);
}

/* No request, or no room for an answer: the chain comes back, nothing is written beyond it. */
static void one_sided_chains(void)
{
	static const uint32_t rooms[] = { 0, 1, 8, 23, 24, 407, 408, 409 };
	struct hostile h = hostile(NULL);
	struct kit_used used;
	int token;
	for (size_t i = 0; i < ARRAY_SIZE(rooms); i++) {
		struct kit_piece pieces[] = { { h.in, 24, false }, { h.out, rooms[i], true } };
		memset(kit_ptr(&h.m->memory, h.out, KIT_PAGE), 0xee, KIT_PAGE);
		CHECK_OK(h.m, kit_ring_add(h.ring, pieces, rooms[i] ? 2 : 1, &token));
		kit_ring_kick(h.ring);
		CHECK_OK(h.m, kit_ring_wait(h.ring, -1));
		CHECK_INT(kit_ring_take(h.ring, &used), 1);
		const uint8_t *out = kit_ptr(&h.m->memory, h.out, KIT_PAGE);
		for (uint32_t k = used.length; k < KIT_PAGE; k++)
			CHECK_INT(out[k], 0xee);
	}
	struct kit_piece writable = { h.out, ANSWER_SIZE, true };
	CHECK_OK(h.m, kit_ring_add(h.ring, &writable, 1, &token));
	kit_ring_kick(h.ring);
	CHECK_OK(h.m, kit_ring_wait(h.ring, -1));
	CHECK_INT(kit_ring_take(h.ring, &used), 1);
	wire_check_alive(h.m);
	hostile_end(&h);
}

/* The same chain offered twice while the first is in flight: two answers or a broken queue, no
 * crash. */
static void same_head_twice(void)
{
	struct hostile h = hostile(NULL);
	write_at(&h, 0, h.in, 24, NEXT, 1);
	write_at(&h, 1, h.out, ANSWER_SIZE, WRITE, 0);
	for (int i = 0; i < 20; i++)
		kit_ring_publish(h.ring, 0);
	kit_ring_kick_always(h.ring);
	CHECK_OK(h.m, kit_pump(&h.m->kit, 200));
	CHECK_GOOD(h.m, cursor_alive(h.m));
	hostile_end(&h);
}

/* The answer goes into the descriptor table itself, or the used ring. */
static void answer_into_the_rings(void)
{
	struct hostile h = hostile(NULL);
	uint64_t places[] = { h.ring->descriptors, h.ring->used, h.ring->available };
	for (size_t i = 0; i < ARRAY_SIZE(places); i++) {
		write_at(&h, 0, h.in, 24, NEXT, 1);
		write_at(&h, 1, places[i], 400, WRITE, 0);
		kit_ring_publish(h.ring, 0);
		kit_ring_kick_always(h.ring);
		CHECK_OK(h.m, kit_pump(&h.m->kit, 50));
		CHECK_GOOD(h.m, cursor_alive(h.m));
		CHECK_OK(h.m, kit_vmm_play(&h.m->vmm, h.m->vmm.profile->stop));
		CHECK_OK(h.m, kit_vmm_reset(&h.m->vmm));
		for (uint32_t k = 0; k < KIT_QUEUES; k++)
			kit_ring_reset(&h.m->rings[k]);
		CHECK_OK(h.m, kit_machine_start(h.m));
		wire_check_alive(h.m);
	}
	hostile_end(&h);
}

/* Ring addresses that cannot be: refused when the ring starts, and no access outside. */
static void impossible_addresses(void)
{
	static const struct {
		uint64_t descriptor, used, available;
	} rows[] = {
		{ 0x1000, 0, 0 },
		{ 0, 0x1000, 0 },
		{ 0, 0, 0x1000 },
		{ UINT64_MAX - 15, 0, 0 },
		{ 0, UINT64_MAX - 3, 0 },
		{ 0, 0, UINT64_MAX - 1 },
	};
	struct kit_machine *m =
		wire_machine("none", &(struct kit_machine_spec){ .stage = KIT_STAGE_REALIZED });
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct kit_vmm *vmm = &m->vmm;
		struct kit_message message;
		struct vhost_user_vring_addr addr;
		CHECK_OK(m, kit_vmm_do(vmm, VHOST_USER_SET_FEATURES, 0, vmm->offered));
		CHECK_OK(m, kit_vmm_do(vmm, VHOST_USER_SET_MEM_TABLE, 0, 0));
		CHECK_OK(m, kit_vmm_do(vmm, VHOST_USER_SET_VRING_NUM, 0, 0));
		CHECK_OK(m, kit_vmm_compose(vmm, VHOST_USER_SET_VRING_ADDR, 0, 0, &message));
		memcpy(&addr, message.payload, sizeof(addr));
		addr.descriptor = rows[i].descriptor ? rows[i].descriptor : addr.descriptor;
		addr.used = rows[i].used ? rows[i].used : addr.used;
		addr.available = rows[i].available ? rows[i].available : addr.available;
		memcpy(message.payload, &addr, sizeof(addr));
		CHECK_OK(m, kit_vmm_send_message(vmm, &message));
		int ret = kit_vmm_do(vmm, VHOST_USER_SET_VRING_KICK, 0, 0);
		if (ret == 0)
			ret = kit_vmm_do(vmm, VHOST_USER_SET_VRING_ENABLE, 0, 1);
		kit_ring_kick_always(&m->rings[0]);
		if (ret == 0)
			ret = kit_vmm_do(vmm, VHOST_USER_GET_FEATURES, 0, 0);
		CHECK(ret == 0 || ret == -EREMOTEIO || ret == -ECONNRESET);
		CHECK_OK(m, kit_machine_reconnect(m));
	}
	CHECK_OK(m, kit_machine_start(m));
	wire_check_alive(m);
	wire_end(m);
}

int main(int argc, char **argv)
{
	static const struct test_case cases[] = {
		TEST_CASE(all_sizes),
		TEST_CASE(indices_wrap),
		TEST_CASE(any_buffers),
		TEST_CASE(notifications_are_suppressed),
		TEST_CASE(polling_driver),
		TEST_CASE(kick_flood),
		TEST_CASE(interrupt_counter_is_full),
		TEST_CASE(broken_rings),
		TEST_CASE(broken_ring_is_said_once),
		TEST_CASE(odd_chains),
		TEST_CASE(one_sided_chains),
		TEST_CASE(same_head_twice),
		TEST_CASE(answer_into_the_rings),
		TEST_CASE(impossible_addresses),
	};
	return test_main(argc, argv, cases, ARRAY_SIZE(cases));
}
