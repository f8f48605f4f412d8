/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/* Split rings: sizes and features a driver may choose, and shapes that a chain may have. */
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "kit/conform/conform.h"
#include "kit/hand.h"
#include "util/fd.h"

#define FEATURE(bit) (UINT64_C(1) << (bit))
#define EVENT_IDX    FEATURE(VIRTIO_RING_F_EVENT_IDX)
#define INDIRECT     FEATURE(VIRTIO_RING_F_INDIRECT_DESC)
#define ANSWER_SIZE  (uint32_t)sizeof(struct virtio_gpu_resp_display_info)
#define HEADER_SIZE  (uint32_t)sizeof(struct virtio_gpu_ctrl_hdr)

static const char *const suppression_names[] = { "event_idx", "flags", NULL };

static struct kit_machine *with_suppression(struct conform *c)
{
	return conform_machine(
		c, &(struct kit_machine_spec){ .unwanted = c->variant == 0 ? 0 : EVENT_IDX });
}

/* --- sizes and indices --------------------------------------------------------------------- */

static const char *const size_names[] = { "1", "2", "4", "8", "16", "32", "64", "128", "256", "512",
	"1024", "2048", "4096", "8192", "16384", "32768", NULL };

/* More rounds than the ring has places. A ring of one place has room for an indirect table only. */
static void size(struct conform *c)
{
	uint32_t places = 1u << c->variant;
	for (uint32_t i = 0; i < 4; i++) {
		uint64_t unwanted = (i & 1 ? EVENT_IDX : 0) | (i & 2 && places > 1 ? INDIRECT : 0);
		struct kit_machine *m = conform_machine(c,
			&(struct kit_machine_spec){ .stage = KIT_STAGE_REALIZED,
				.sizes = { places, places },
				.unwanted = unwanted });
		conform_start(m);
		for (uint32_t k = 0; k < 3 * places && k < 50; k++)
			conform_check_alive(m);
		conform_check_cursor(m);
		conform_end(c, m);
	}
}

/* A hundred at a time, `rounds` times. */
static void run_batches(struct kit_machine *m, uint32_t rounds)
{
	struct virtio_gpu_ctrl_hdr request = kit_header(VIRTIO_GPU_CMD_GET_DISPLAY_INFO);
	struct kit_command *batch[100];
	while (rounds-- > 0) {
		for (uint32_t i = 0; i < ARRAY_SIZE(batch); i++) {
			batch[i] =
				kit_gpu_queue(&m->gpu, 0, &request, sizeof(request), ANSWER_SIZE);
			CHECK(batch[i]);
		}
		kit_ring_kick(&m->rings[0]);
		for (uint32_t i = 0; i < ARRAY_SIZE(batch); i++)
			CHECK_OK(m, kit_gpu_complete(&m->gpu, batch[i], NULL, 0));
	}
}

/* Starts with indices as they are in the middle of a ring's life. */
static const uint16_t bases[] = { 5, 255, 256, 0x7fff, 0x8000, 0xffff };
static const char *const base_names[] = { "5", "255", "256", "32767", "32768", "65535", NULL };

static void base(struct conform *c)
{
	struct kit_machine *m =
		conform_machine(c, &(struct kit_machine_spec){ .stage = KIT_STAGE_REALIZED });
	for (uint32_t i = 0; i < KIT_QUEUES; i++) {
		kit_ring_reset_at(&m->rings[i], bases[c->variant]);
		m->vmm.bases[i] = bases[c->variant];
		m->vmm.has_base[i] = true;
	}
	conform_start(m);
	run_batches(m, 3);
	conform_check_cursor(m);
	CHECK_OK(m, kit_machine_stop(m));
	CHECK_INT(m->vmm.bases[0], (uint16_t)(bases[c->variant] + 301));
	conform_close(c, m);
}

/* Once around all 16 bits, with commands that fail and so do little else. */
static void indices_wrap(struct conform *c)
{
	struct kit_machine *m = with_suppression(c);
	const struct virtio_gpu_resource_unref request = {
		.hdr = kit_header(VIRTIO_GPU_CMD_RESOURCE_UNREF), .resource_id = 12345
	};
	for (uint32_t done = 0; done < 66000; done += 100) {
		for (uint32_t i = 0; i < 100; i++) {
			struct kit_command *command =
				kit_gpu_queue(&m->gpu, 0, &request, sizeof(request), HEADER_SIZE);
			CHECK(command);
			kit_command_forget(command);
		}
		kit_ring_kick(&m->rings[0]);
		CHECK_OK(m, kit_gpu_drain(&m->gpu));
	}
	conform_end(c, m);
}

/* Every place of the ring is in use, and one kick is all there is. */
static void full_ring(struct conform *c)
{
	struct kit_machine *m = conform_machine(c,
		&(struct kit_machine_spec){
			.sizes = { 64, 16 }, .unwanted = c->variant == 0 ? 0 : INDIRECT });
	struct virtio_gpu_ctrl_hdr request = kit_header(VIRTIO_GPU_CMD_GET_DISPLAY_INFO);
	for (int round = 0; round < 5; round++) {
		struct kit_command *batch[64];
		uint32_t count = c->variant == 0 ? 64 : 32;
		for (uint32_t i = 0; i < count; i++)
			batch[i] =
				kit_gpu_queue(&m->gpu, 0, &request, sizeof(request), ANSWER_SIZE);
		CHECK_INT(m->rings[0].free_count, 0);
		kit_ring_kick(&m->rings[0]);
		for (uint32_t i = 0; i < count; i++)
			CHECK_TYPE(m, kit_gpu_complete(&m->gpu, batch[i], NULL, 0),
				VIRTIO_GPU_RESP_OK_DISPLAY_INFO);
	}
	conform_end(c, m);
}

static const char *const table_names[] = { "indirect", "direct", NULL };

/* --- chains -------------------------------------------------------------------------------- */

/* Requests and responses in buffers of any size. */
static const uint32_t pieces[] = { 1, 2, 3, 7, 8, 23, 24, 25, 100 };
static const char *const piece_names[] = { "1", "2", "3", "7", "8", "23", "24", "25", "100", NULL };

static void pieces_of(struct conform *c)
{
	for (int i = 0; i < 2; i++) {
		struct kit_machine *m = conform_machine(c,
			&(struct kit_machine_spec){
				.sizes = { 1024, 16 }, .unwanted = i ? INDIRECT : 0 });
		struct virtio_gpu_resp_display_info whole, info;
		CHECK_TYPE(
			m, kit_gpu_display_info(&m->gpu, &whole), VIRTIO_GPU_RESP_OK_DISPLAY_INFO);
		m->gpu.request_piece = pieces[c->variant];
		m->gpu.response_piece = pieces[ARRAY_SIZE(pieces) - 1 - c->variant];
		CHECK_TYPE(
			m, kit_gpu_display_info(&m->gpu, &info), VIRTIO_GPU_RESP_OK_DISPLAY_INFO);
		CHECK_MEM(&info, &whole, sizeof(info));
		m->gpu.request_piece = m->gpu.response_piece = 0;
		conform_end(c, m);
	}
}

/* Linux passes a large buffer page by page in an indirect table, however small the ring is. */
static const char *const page_names[] = { "1", "255", "256", "1023", "1024", "1280", NULL };

static void pages(struct conform *c)
{
	enum { PAGE = 4096 };
	uint32_t count = (uint32_t)strtoul(page_names[c->variant], NULL, 10);
	struct virtio_gpu_cmd_submit submit = { .hdr = kit_header(VIRTIO_GPU_CMD_SUBMIT_3D) };
	struct kit_machine *m = conform_machine(c, NULL);
	uint8_t *request = calloc(count, PAGE);
	CHECK(request);
	submit.size = count * PAGE - (uint32_t)sizeof(submit);
	memcpy(request, &submit, sizeof(submit));
	m->gpu.request_piece = PAGE;
	struct kit_command *command = kit_gpu_submit(
		&m->gpu, 0, request, count * PAGE, sizeof(struct virtio_gpu_ctrl_hdr));
	CHECK(command);
	CHECK_ERROR(m, kit_gpu_complete(&m->gpu, command, NULL, 0));
	m->gpu.request_piece = 0;
	free(request);
	conform_end(c, m);
}

/* The ring is not as the driver's half of the kit believes: its last word is what it answered. */
static void hand_end(struct conform *c, struct kit_hand *h)
{
	conform_check_cursor(h->m);
	kit_hand_finish(h);
	conform_close(c, h->m);
}

static void write_at(struct kit_hand *h, uint16_t at, const struct kit_descriptor *descriptor)
{
	kit_ring_write(h->ring, at, descriptor);
}

static void write_table(struct kit_hand *h, uint16_t at, const struct kit_descriptor *descriptor)
{
	kit_table_write(&h->m->memory, h->table, at, descriptor);
}

/* Offers the chain that begins at `head` and waits: it is answered. */
static void offer(struct kit_hand *h, uint16_t head)
{
	uint16_t used = kit_ring_used_index(h->ring);
	kit_ring_publish(h->ring, head);
	kit_ring_kick_always(h->ring);
	CHECK_OK(h->m, kit_ring_wait(h->ring, -1));
	CHECK_INT(kit_ring_used_index(h->ring), (uint16_t)(used + 1));
	h->ring->next_used++;
	struct virtio_gpu_ctrl_hdr answer;
	memcpy(&answer, kit_ptr(&h->m->memory, h->out, sizeof(answer)), sizeof(answer));
	CHECK_INT(answer.type, VIRTIO_GPU_RESP_OK_DISPLAY_INFO);
}

#define NEXT            KIT_RING_NEXT
#define WRITE           KIT_RING_WRITE
#define IN_TABLE        KIT_RING_INDIRECT
#define DESCRIPTOR(...) (&(struct kit_descriptor){ __VA_ARGS__ })

/* Descriptors lie in the table in any order. */
static void descriptors_in_any_order(struct kit_hand *h)
{
	write_at(h, 9, DESCRIPTOR(h->in, 10, NEXT, 2));
	write_at(h, 2, DESCRIPTOR(h->in + 10, HEADER_SIZE - 10, NEXT, 5));
	write_at(h, 5, DESCRIPTOR(h->out, 8, NEXT | WRITE, 0));
	write_at(h, 0, DESCRIPTOR(h->out + 8, ANSWER_SIZE - 8, WRITE, 0));
	offer(h, 9);
}

/* Flags and next of an indirect descriptor, where they do not count. */
static void write_flag_of_a_table(struct kit_hand *h)
{
	write_table(h, 0, DESCRIPTOR(h->in, HEADER_SIZE, NEXT, 1));
	write_table(h, 1, DESCRIPTOR(h->out, ANSWER_SIZE, WRITE, 0));
	write_at(h, 0, DESCRIPTOR(h->table, 32, IN_TABLE | WRITE, 7));
	offer(h, 0);
}

static void table_behind_descriptors(struct kit_hand *h)
{
	write_at(h, 3, DESCRIPTOR(h->in, 10, NEXT, 1));
	write_at(h, 1, DESCRIPTOR(h->in + 10, HEADER_SIZE - 10, NEXT, 6));
	write_at(h, 6, DESCRIPTOR(h->table, 16, IN_TABLE, 0));
	write_table(h, 0, DESCRIPTOR(h->out, ANSWER_SIZE, WRITE, 0));
	offer(h, 3);
}

/* Entries that no chain reaches may say anything. */
static void table_with_more_entries(struct kit_hand *h)
{
	write_table(h, 0, DESCRIPTOR(h->in, HEADER_SIZE, NEXT, 3));
	write_table(h, 3, DESCRIPTOR(h->out, ANSWER_SIZE, WRITE, 0));
	for (uint16_t i = 4; i < 16; i++)
		write_table(h, i, DESCRIPTOR(UINT64_MAX, UINT32_MAX, 0xffff, 0xffff));
	write_at(h, 0, DESCRIPTOR(h->table, 16 * 16, IN_TABLE, 0));
	offer(h, 0);
}

static void table_at_any_address(struct kit_hand *h)
{
	uint64_t odd = h->table + 3;
	kit_table_write(&h->m->memory, odd, 0, DESCRIPTOR(h->in, HEADER_SIZE, NEXT, 1));
	kit_table_write(&h->m->memory, odd, 1, DESCRIPTOR(h->out, ANSWER_SIZE, WRITE, 0));
	write_at(h, 0, DESCRIPTOR(odd, 32, IN_TABLE, 0));
	offer(h, 0);
}

static void more_room_than_answer(struct kit_hand *h)
{
	write_at(h, 0, DESCRIPTOR(h->in, HEADER_SIZE, NEXT, 1));
	write_at(h, 1, DESCRIPTOR(h->out, KIT_PAGE, WRITE, 0));
	offer(h, 0);
}

static const struct {
	void (*build)(struct kit_hand *h);
	uint64_t features;
} shapes[] = {
	{ descriptors_in_any_order, 0 },
	{ write_flag_of_a_table, INDIRECT },
	{ table_behind_descriptors, INDIRECT },
	{ table_with_more_entries, INDIRECT },
	{ table_at_any_address, INDIRECT },
	{ more_room_than_answer, 0 },
};
static const char *const shape_names[] = { "descriptors_in_any_order", "write_flag_of_a_table",
	"table_behind_descriptors", "table_with_more_entries", "table_at_any_address",
	"more_room_than_answer", NULL };

static void shape(struct conform *c)
{
	if (shapes[c->variant].features & ~c->probe->features)
		conform_skip("VIRTIO_RING_F_INDIRECT_DESC is not offered");
	struct kit_hand h = kit_hand(conform_machine(c, NULL));
	for (int i = 0; i < 3; i++)
		shapes[c->variant].build(&h);
	hand_end(c, &h);
}

/* An indirect table has more entries than the ring has places. */
static void table_longer_than_the_ring(struct conform *c)
{
	struct kit_machine *m =
		conform_machine(c, &(struct kit_machine_spec){ .sizes = { 16, 16 } });
	m->gpu.response_piece = 8;
	for (int i = 0; i < 20; i++)
		conform_check_alive(m);
	m->gpu.response_piece = 0;
	conform_end(c, m);
}

/* Only the answer's buffer is written: not what lies beside it, not the request, no descriptor. */
static void writes_nothing_else(struct conform *c)
{
	struct kit_hand h = kit_hand(conform_machine(c, NULL));
	uint8_t in[KIT_PAGE], out[KIT_PAGE];
	struct kit_descriptor table[2];
	memcpy(in, kit_ptr(&h.m->memory, h.in, KIT_PAGE), KIT_PAGE);
	memcpy(out, kit_ptr(&h.m->memory, h.out, KIT_PAGE), KIT_PAGE);
	write_at(&h, 0, DESCRIPTOR(h.in, HEADER_SIZE, NEXT, 1));
	write_at(&h, 1, DESCRIPTOR(h.out + 1000, ANSWER_SIZE, WRITE, 0));
	memcpy(table, kit_ptr(&h.m->memory, h.ring->descriptors, sizeof(table)), sizeof(table));
	kit_ring_publish(h.ring, 0);
	kit_ring_kick_always(h.ring);
	CHECK_OK(h.m, kit_ring_wait(h.ring, -1));
	const uint8_t *now = kit_ptr(&h.m->memory, h.out, KIT_PAGE);
	CHECK_MEM(now, out, 1000);
	CHECK_MEM(now + 1000 + ANSWER_SIZE, out, KIT_PAGE - 1000 - ANSWER_SIZE);
	CHECK_MEM(kit_ptr(&h.m->memory, h.in, KIT_PAGE), in, KIT_PAGE);
	CHECK_MEM(kit_ptr(&h.m->memory, h.ring->descriptors, sizeof(table)), table, sizeof(table));
	hand_end(c, &h);
}

/* --- notifications ------------------------------------------------------------------------- */

/* The driver asked for an interrupt at the 51st of 51, and there is one. */
static void interrupt_where_asked(struct conform *c)
{
	struct kit_machine *m = conform_machine(c, NULL);
	struct kit_ring *ring = &m->rings[0];
	struct virtio_gpu_ctrl_hdr request = kit_header(VIRTIO_GPU_CMD_GET_DISPLAY_INFO);
	struct kit_command *batch[51];
	for (int round = 0; round < 5; round++) {
		kit_ring_interrupts(ring);
		kit_ring_set_event(ring, (uint16_t)(ring->next_used + ARRAY_SIZE(batch) - 1));
		for (size_t i = 0; i < ARRAY_SIZE(batch); i++)
			batch[i] =
				kit_gpu_queue(&m->gpu, 0, &request, sizeof(request), ANSWER_SIZE);
		kit_ring_kick(ring);
		CHECK_OK(m, kit_wait_fd(&m->kit, ring->call_fd, POLLIN, -1));
		for (size_t i = 0; i < ARRAY_SIZE(batch); i++)
			CHECK_OK(m, kit_gpu_complete(&m->gpu, batch[i], NULL, 0));
	}
	conform_end(c, m);
}

/* The other mechanism's field says that no interrupt is wanted, which does not count. */
static void other_suppression_is_ignored(struct conform *c)
{
	struct kit_machine *m = with_suppression(c);
	struct kit_ring *ring = &m->rings[0];
	struct virtio_gpu_ctrl_hdr request = kit_header(VIRTIO_GPU_CMD_GET_DISPLAY_INFO);
	for (int round = 0; round < 5; round++) {
		kit_ring_interrupts(ring);
		if (ring->event_idx) {
			kit_ring_set_flags(ring, 1);
			kit_ring_set_event(ring, ring->next_used);
		} else {
			kit_ring_set_event(ring, (uint16_t)(ring->next_used + 1000));
		}
		struct kit_command *command =
			kit_gpu_submit(&m->gpu, 0, &request, sizeof(request), ANSWER_SIZE);
		CHECK(command);
		CHECK_OK(m, kit_wait_fd(&m->kit, ring->call_fd, POLLIN, -1));
		CHECK_OK(m, kit_gpu_complete(&m->gpu, command, NULL, 0));
	}
	kit_ring_set_flags(ring, 0);
	conform_end(c, m);
}

static void device_flags(struct conform *c)
{
	struct kit_machine *m = with_suppression(c);
	for (int i = 0; i < 20; i++) {
		conform_check_alive(m);
		CHECK(kit_ring_device_flags(&m->rings[0]) <= (m->rings[0].event_idx ? 0 : 1));
	}
	conform_end(c, m);
}

/* A driver that looks instead of waiting. */
static void polling_driver(struct conform *c)
{
	struct kit_machine *m = with_suppression(c);
	m->rings[0].polling = true;
	kit_ring_set_flags(&m->rings[0], m->rings[0].event_idx ? 0 : 1);
	for (int i = 0; i < 50; i++)
		conform_check_alive(m);
	conform_end(c, m);
}

/* Kicks without anything to do, by the ten thousand. */
static void needless_kicks(struct conform *c)
{
	struct kit_machine *m = with_suppression(c);
	for (int i = 0; i < 20000; i++)
		kit_ring_kick_always(&m->rings[i & 1]);
	conform_check_cursor(m);
	conform_end(c, m);
}

/* The VMM exchanges a descriptor of a queue that runs, with a command in flight. */
static const char *const exchanged_names[] = { "SET_VRING_CALL", "SET_VRING_KICK", NULL };

static void descriptor_exchanged(struct conform *c)
{
	struct kit_machine *m = conform_machine(c, NULL);
	struct kit_ring *ring = &m->rings[0];
	struct virtio_gpu_ctrl_hdr request = kit_header(VIRTIO_GPU_CMD_GET_DISPLAY_INFO);
	int *fd = c->variant == 0 ? &ring->call_fd : &ring->kick_fd;
	for (int round = 0; round < 10; round++) {
		struct kit_command *command =
			kit_gpu_submit(&m->gpu, 0, &request, sizeof(request), ANSWER_SIZE);
		CHECK(command);
		fd_close(fd);
		*fd = fd_eventfd();
		CHECK_OK(m, kit_vmm_do(&m->vmm, conform_request(c)->request, 0, 0));
		CHECK_OK(m, kit_gpu_complete(&m->gpu, command, NULL, 0));
		conform_check_alive(m);
	}
	conform_end(c, m);
}

/* The VMM has no descriptor for it, and looks, or wants the backend to look. */
static const char *const without_names[] = { "SET_VRING_CALL", "SET_VRING_ERR", "SET_VRING_KICK",
	NULL };

static void without_descriptor(struct conform *c)
{
	struct kit_machine *m = conform_machine(c, NULL);
	struct kit_message message;
	uint64_t value = VHOST_USER_VRING_NOFD_MASK;
	conform_compose(m, conform_request(c)->request, &message);
	kit_message_finish(&message);
	memcpy(message.payload, &value, sizeof(value));
	CHECK_OK(m, kit_vmm_send_message(&m->vmm, &message));
	int ret = kit_vmm_do(&m->vmm, VHOST_USER_GET_FEATURES, 0, 0);
	if (ret == -ECONNRESET && message.header.request == VHOST_USER_SET_VRING_KICK) {
		m = conform_check_refused(c, m, "SET_VRING_KICK without a descriptor");
		conform_reject(c, m, "it does not poll");
	}
	CHECK_OK(m, ret);
	m->rings[0].polling = message.header.request == VHOST_USER_SET_VRING_CALL;
	for (int i = 0; i < 10; i++)
		conform_check_alive(m);
	conform_end(c, m);
}

/* What a stopped ring says of itself: where it was set to, or came to. */
static void base_of_a_stopped_ring(struct conform *c)
{
	struct kit_machine *m =
		conform_machine(c, &(struct kit_machine_spec){ .stage = KIT_STAGE_REALIZED });
	struct kit_vmm *vmm = &m->vmm;
	CHECK_OK(m, kit_vmm_do(vmm, VHOST_USER_GET_VRING_BASE, 1, 0));
	CHECK_INT(vmm->bases[1], 0);
	vmm->bases[1] = 77;
	CHECK_OK(m, kit_vmm_do(vmm, VHOST_USER_SET_VRING_BASE, 1, 0));
	CHECK_OK(m, kit_vmm_do(vmm, VHOST_USER_GET_VRING_BASE, 1, 0));
	CHECK_INT(vmm->bases[1], 77);
	vmm->bases[1] = 0;
	conform_start(m);
	for (int i = 0; i < 2; i++) {
		CHECK_OK(m, kit_vmm_do(vmm, VHOST_USER_GET_VRING_BASE, 0, 0));
		CHECK_INT(vmm->bases[0], 1);
	}
	conform_close(c, m);
}

#define NEEDS_EVENT_IDX .features = EVENT_IDX
#define NEEDS_INDIRECT  .features = INDIRECT

static const struct conform_case cases[] = {
	{ "size", "virtio 1.4, 2.7: sizes are powers of two up to 32768, which is crosvm's default",
		.run = size, .variants = size_names },
	{ "base", "vhost-user: SET_VRING_BASE: a ring goes on where another backend left it",
		.run = base, .variants = base_names },
	{ "base_of_a_stopped_ring", "vhost-user: GET_VRING_BASE: the next index to process",
		.run = base_of_a_stopped_ring },
	{ "indices_wrap", "virtio 1.4, 2.7.13.3: indices wrap at 65536", .run = indices_wrap,
		.variants = suppression_names },
	{ "full_ring", "virtio 1.4, 2.7: so many buffers can be queued at any time",
		.run = full_ring, .variants = table_names },
	{ "pieces", "virtio 1.4, 2.7.4.1: a device assumes nothing about the sizes of buffers",
		.run = pieces_of, .variants = piece_names },
	{ "pages", "Linux passes what it has no one address for page by page", .run = pages,
		.variants = page_names, .features = INDIRECT },
	{ "shape", "virtio 1.4, 2.7.4.1, 2.7.5 and 2.7.5.3.2: what a chain may look like",
		.run = shape, .variants = shape_names },
	{ "table_longer_than_the_ring",
		"Linux: an indirect table may have more entries than the ring",
		.run = table_longer_than_the_ring, NEEDS_INDIRECT },
	{ "writes_nothing_else",
		"virtio 1.4, 2.7.5.1: neither readable buffers nor descriptors are written",
		.run = writes_nothing_else },
	{ "interrupt_where_asked",
		"virtio 1.4, 2.7.7.2: a notification when the used index was used_event",
		.run = interrupt_where_asked, NEEDS_EVENT_IDX },
	{ "other_suppression_is_ignored",
		"virtio 1.4, 2.7.7.2: flags are ignored with EVENT_IDX, used_event without",
		.run = other_suppression_is_ignored, .variants = suppression_names },
	{ "device_flags", "virtio 1.4, 2.7.10.2: the device's flags are 0 with EVENT_IDX",
		.run = device_flags, .variants = suppression_names },
	{ "polling_driver", "virtio 1.4, 2.7.7.1: a driver may not want notifications",
		.run = polling_driver, .variants = suppression_names },
	{ "needless_kicks", "virtio 1.4, 2.7.10.2: a device handles spurious notifications",
		.run = needless_kicks, .variants = suppression_names, .hostile = true },
	{ "descriptor_exchanged", "QEMU exchanges the interrupt's descriptor in running",
		.run = descriptor_exchanged, .variants = exchanged_names },
	{ "without_descriptor", "vhost-user: bit 8: no descriptor, polling is used instead",
		.run = without_descriptor, .variants = without_names },
};
DEFINE_CONFORM_AREA(rings, cases);
