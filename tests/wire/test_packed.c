/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/*
 * The whole device over packed rings: pictures, sizes, notifications, pause and reset, and what a
 * driver can get wrong in them.
 */
#include <stdlib.h>
#include <unistd.h>

#include "wire.h"

#define BIT(n)      (UINT64_C(1) << (n))
#define XRGB        VIRTIO_GPU_FORMAT_B8G8R8X8_UNORM
#define ARGB        VIRTIO_GPU_FORMAT_B8G8R8A8_UNORM
#define ANSWER_SIZE (uint32_t)sizeof(struct virtio_gpu_resp_display_info)

static const struct kit_profile *const profiles[] = {
	&kit_profile_qemu_gpu,
	&kit_profile_qemu_generic,
	&kit_profile_crosvm,
};

static struct kit_machine *packed_machine(const struct kit_machine_spec *spec)
{
	struct kit_machine_spec own = { 0 };
	if (spec)
		own = *spec;
	own.packed = true;
	struct kit_machine *m = wire_machine("none", &own);
	if (own.stage == KIT_STAGE_STARTED)
		CHECK(kit_ring_packed(&m->rings[0]) && kit_ring_packed(&m->rings[1]));
	return m;
}

/* --- right --------------------------------------------------------------------------------- */

static void pictures_and_cursors(void)
{
	struct kit_machine *m = packed_machine(NULL);
	struct kit_picture *picture = wire_pattern(100, 80, 1);
	struct kit_surface s = wire_surface(m, 1, XRGB, 100, 80);
	struct kit_surface cursor = wire_surface(m, 2, ARGB, 64, 64);
	CHECK_GOOD(m, kit_gpu_set_scanout(&m->gpu, 0, 1, kit_rect(0, 0, 100, 80)));
	CHECK_GOOD(m, kit_gpu_transfer_2d(&m->gpu, 2, kit_rect(0, 0, 64, 64), 0));
	CHECK_GOOD(m,
		kit_gpu_update_cursor(&m->gpu,
			(struct virtio_gpu_update_cursor){
				.pos = { .x = 5, .y = 6 }, .resource_id = 2 }));
	for (uint32_t i = 0; i < 100; i++) {
		kit_picture_pattern(picture, kit_rect(0, 0, 100, 80), i);
		wire_show(m, &s, picture);
		CHECK_GOOD(m, kit_gpu_move_cursor(&m->gpu, 0, i, i + 1));
	}
	CHECK_PICTURE(m, 0, picture);
	CHECK_OK(m, kit_display_wait(&m->display, VHOST_USER_GPU_CURSOR_POS, 1));
	kit_surface_finish(&s);
	kit_surface_finish(&cursor);
	kit_picture_destroy(picture);
	wire_end(m);
}

/* With the ways of every VMM, in single bytes as well. */
static void profiles_start(void)
{
	for (size_t i = 0; i < 2 * ARRAY_SIZE(profiles); i++) {
		struct kit_machine *m = packed_machine(
			&(struct kit_machine_spec){ .profile = profiles[i / 2], .piece = i % 2 });
		wire_check_alive(m);
		CHECK_GOOD(m, kit_gpu_move_cursor(&m->gpu, 0, 1, 1));
		wire_end(m);
	}
}

/* Sizes need not be powers of two. Each with more rounds than the ring has places, as far as that
 * goes, with and without either feature. */
static void all_sizes(void)
{
	static const uint32_t sizes[] = { 1, 2, 3, 4, 5, 7, 16, 17, 64, 100, 255, 1000, 1024, 12345,
		32767, 32768 };
	for (size_t i = 0; i < ARRAY_SIZE(sizes); i++) {
		uint64_t unwanted = i % 3 == 1 ? BIT(VIRTIO_RING_F_EVENT_IDX) : 0;
		if (sizes[i] >= 2 && i % 4 >= 2)
			unwanted |= BIT(VIRTIO_RING_F_INDIRECT_DESC);
		struct kit_machine *m = packed_machine(&(struct kit_machine_spec){
			.sizes = { sizes[i], sizes[i] }, .unwanted = unwanted });
		for (uint32_t k = 0; k < 5 * sizes[i] && k < 200; k++)
			wire_check_alive(m);
		CHECK_GOOD(m, kit_gpu_move_cursor(&m->gpu, 0, 1, 1));
		wire_end(m);
	}
}

/* Many rounds in batches that are answered as one. */
static void rings_wrap(void)
{
	struct virtio_gpu_ctrl_hdr request = kit_header(VIRTIO_GPU_CMD_GET_CAPSET_INFO);
	for (int round = 0; round < 4; round++) {
		uint64_t unwanted = round & 1 ? BIT(VIRTIO_RING_F_EVENT_IDX) : 0;
		if (round & 2)
			unwanted |= BIT(VIRTIO_RING_F_INDIRECT_DESC);
		struct kit_machine *m = packed_machine(
			&(struct kit_machine_spec){ .sizes = { 211, 16 }, .unwanted = unwanted });
		for (uint32_t done = 0; done < 10000; done += 100) {
			struct kit_command *batch[100];
			for (uint32_t i = 0; i < ARRAY_SIZE(batch); i++) {
				batch[i] = kit_gpu_queue(&m->gpu, 0, &request, sizeof(request), 24);
				CHECK(batch[i]);
			}
			kit_ring_kick(&m->rings[0]);
			for (uint32_t i = 0; i < ARRAY_SIZE(batch); i++)
				CHECK_OK(m, kit_gpu_complete(&m->gpu, batch[i], NULL, 0));
		}
		wire_end(m);
	}
}

/* Requests and responses in buffers of any size, down to single bytes. */
static void any_buffers(void)
{
	static const uint32_t pieces[] = { 1, 2, 3, 7, 8, 23, 24, 25, 100 };
	for (int indirect = 0; indirect < 2; indirect++) {
		struct kit_machine *m =
			packed_machine(&(struct kit_machine_spec){ .sizes = { 999, 16 },
				.unwanted = indirect ? 0 : BIT(VIRTIO_RING_F_INDIRECT_DESC) });
		struct virtio_gpu_resp_display_info whole, info;
		CHECK_TYPE(
			m, kit_gpu_display_info(&m->gpu, &whole), VIRTIO_GPU_RESP_OK_DISPLAY_INFO);
		for (size_t i = 0; i < 3 * ARRAY_SIZE(pieces); i++) {
			size_t at = i % ARRAY_SIZE(pieces);
			m->gpu.request_piece = pieces[at];
			m->gpu.response_piece = pieces[ARRAY_SIZE(pieces) - 1 - at];
			CHECK_TYPE(m, kit_gpu_display_info(&m->gpu, &info),
				VIRTIO_GPU_RESP_OK_DISPLAY_INFO);
			CHECK_MEM(&info, &whole, sizeof(info));
		}
		wire_end(m);
	}
}

/* Questions that the display has not answered yet are overtaken by what needs no display. */
static void answers_overtake(void)
{
	struct kit_machine *m = packed_machine(&(struct kit_machine_spec){ .sizes = { 50, 16 } });
	struct virtio_gpu_ctrl_hdr request = kit_header(VIRTIO_GPU_CMD_GET_DISPLAY_INFO);
	struct kit_command *slow[8];
	m->display.answers[VHOST_USER_GPU_GET_DISPLAY_INFO] = KIT_DISPLAY_SILENT;
	for (int i = 0; i < 8; i++) {
		slow[i] = kit_gpu_submit(&m->gpu, 0, &request, sizeof(request), ANSWER_SIZE);
		CHECK(slow[i]);
		for (uint32_t k = 1; k <= 20; k++) {
			CHECK_GOOD(m, kit_gpu_create_2d(&m->gpu, k, XRGB, 1, 1));
			CHECK_GOOD(m, kit_gpu_unref(&m->gpu, k));
		}
		CHECK(!slow[i]->done);
	}
	m->display.answers[VHOST_USER_GPU_GET_DISPLAY_INFO] = KIT_DISPLAY_GOOD;
	/* a new display answers what the one before has left open */
	CHECK_OK(m, kit_machine_stop(m));
	CHECK_OK(m, kit_machine_start(m));
	for (int i = 0; i < 8; i++)
		CHECK_OK(m, kit_gpu_complete(&m->gpu, slow[i], NULL, 0));
	wire_check_alive(m);
	wire_end(m);
}

/* --- notifications ------------------------------------------------------------------------- */

/* A batch of cheap commands, of one place each, answered while the driver only looks. Returns how many interrupts
 * there were before. */
static uint64_t run_batch(struct kit_machine *m)
{
	struct virtio_gpu_ctrl_hdr request = kit_header(VIRTIO_GPU_CMD_GET_CAPSET_INFO);
	struct kit_ring *ring = &m->rings[0];
	struct kit_command *batch[51];
	uint64_t before = ring->interrupts;
	ring->polling = true;
	for (size_t i = 0; i < ARRAY_SIZE(batch); i++)
		batch[i] = kit_gpu_queue(&m->gpu, 0, &request, sizeof(request), 24);
	kit_ring_kick(ring);
	for (size_t i = 0; i < ARRAY_SIZE(batch); i++)
		CHECK_OK(m, kit_gpu_complete(&m->gpu, batch[i], NULL, 0));
	return before;
}

static void set_event(struct kit_ring *ring, uint32_t ahead, uint16_t flags)
{
	uint16_t word = kit_packed_word(kit_packed_ahead(ring, ring->used_at, ahead));
	kit_packed_set_event(ring, word, flags);
}

/* An interrupt only where the driver asked for one, also behind the end of the ring. */
static void interrupts_are_suppressed(void)
{
	struct kit_machine *m = packed_machine(&(struct kit_machine_spec){ .sizes = { 60, 16 } });
	struct kit_ring *ring = &m->rings[0];
	CHECK(ring->event_idx && ring->indirect);
	wire_check_alive(m);
	kit_ring_interrupts(ring);
	for (int round = 0; round < 4; round++) {
		set_event(ring, 50, KIT_EVENT_AT); /* the last of the batch */
		wire_check_interrupts(m, 0, run_batch(m) + 1);
		set_event(ring, 51, KIT_EVENT_AT);
		wire_check_interrupts(m, 0, run_batch(m));
		set_event(ring, 0, KIT_EVENT_DISABLE);
		wire_check_interrupts(m, 0, run_batch(m));
		set_event(ring, 30, KIT_EVENT_ENABLE);
		uint64_t before = run_batch(m);
		wire_wait_interrupts(m, 0, before + 1);
	}
	wire_end(m);
}

static void polling_driver(void)
{
	for (int event_idx = 0; event_idx < 2; event_idx++) {
		struct kit_machine *m = packed_machine(&(struct kit_machine_spec){
			.unwanted = event_idx ? 0 : BIT(VIRTIO_RING_F_EVENT_IDX) });
		struct kit_ring *ring = &m->rings[0];
		kit_packed_set_event(ring, 0, KIT_EVENT_DISABLE);
		kit_ring_interrupts(ring);
		wire_check_interrupts(m, 0, run_batch(m));
		wire_end(m);
	}
}

/* It does so when it has answered, perhaps a little later. */
static bool asks_for_the_next(void *data)
{
	const struct kit_ring *ring = data;
	uint16_t position, flags;
	kit_packed_device_event(ring, &position, &flags);
	if (!ring->event_idx)
		return flags == KIT_EVENT_ENABLE;
	return flags == KIT_EVENT_AT && position == kit_packed_word(ring->available_at);
}

/* The device asks to be kicked for the next descriptor, and for no other. */
static void asks_for_kicks(void)
{
	for (int event_idx = 0; event_idx < 2; event_idx++) {
		struct kit_machine *m =
			packed_machine(&(struct kit_machine_spec){ .sizes = { 7, 16 },
				.unwanted = event_idx ? 0 : BIT(VIRTIO_RING_F_EVENT_IDX) });
		struct kit_ring *ring = &m->rings[0];
		CHECK_INT(ring->event_idx, event_idx);
		for (int i = 0; i < 20; i++) {
			wire_check_alive(m);
			CHECK(wire_poll(m, asks_for_the_next, ring));
		}
		wire_end(m);
	}
}

/* --- pause and reset ----------------------------------------------------------------------- */

/* At every position of a small ring, in both rounds: nothing is lost or done twice. */
static void pauses_at_every_position(void)
{
	static const uint32_t sizes[] = { 3, 4, 7 };
	for (size_t i = 0; i < ARRAY_SIZE(profiles) * ARRAY_SIZE(sizes); i++) {
		uint32_t size = sizes[i / ARRAY_SIZE(profiles)];
		uint64_t unwanted = i % 2 ? BIT(VIRTIO_RING_F_INDIRECT_DESC) : 0;
		struct kit_machine *m = packed_machine(
			&(struct kit_machine_spec){ .profile = profiles[i % ARRAY_SIZE(profiles)],
				.sizes = { size, size },
				.unwanted = unwanted });
		CHECK_GOOD(m, kit_gpu_create_2d(&m->gpu, 1, XRGB, 8, 8));
		for (uint32_t k = 0; k < 2 * size + 2; k++) {
			CHECK_OK(m, kit_machine_stop(m));
			CHECK_OK(m, kit_machine_start(m));
			CHECK_TYPE(m, kit_gpu_create_2d(&m->gpu, 1, XRGB, 8, 8),
				VIRTIO_GPU_RESP_ERR_INVALID_RESOURCE_ID);
		}
		CHECK_GOOD(m, kit_gpu_unref(&m->gpu, 1));
		wire_end(m);
	}
}

static void commands_wait_for_the_resume(void)
{
	for (size_t i = 0; i < ARRAY_SIZE(profiles); i++) {
		struct kit_machine *m = packed_machine(
			&(struct kit_machine_spec){ .profile = profiles[i], .sizes = { 5, 5 } });
		struct virtio_gpu_resource_create_2d request = {
			.hdr = kit_header(VIRTIO_GPU_CMD_RESOURCE_CREATE_2D),
			.resource_id = 9,
			.format = XRGB,
			.width = 8,
			.height = 8,
		};
		for (int round = 0; round < 12; round++) {
			CHECK_OK(m, kit_machine_stop(m));
			struct kit_command *command =
				kit_gpu_submit(&m->gpu, 0, &request, sizeof(request), 24);
			CHECK(command);
			CHECK_OK(m, kit_gpu_collect(&m->gpu));
			CHECK(!command->done);
			CHECK_OK(m, kit_machine_start(m));
			CHECK_GOOD(m, kit_gpu_complete(&m->gpu, command, NULL, 0));
			CHECK_GOOD(m, kit_gpu_unref(&m->gpu, 9));
		}
		wire_end(m);
	}
}

/* GET_VRING_BASE is answered when all that was taken is answered, at whatever position. */
static void stops_in_flight(void)
{
	struct kit_machine *m = packed_machine(&(struct kit_machine_spec){ .sizes = { 11, 16 } });
	struct virtio_gpu_ctrl_hdr request = kit_header(VIRTIO_GPU_CMD_GET_DISPLAY_INFO);
	for (int round = 0; round < 5; round++) {
		struct kit_command *commands[8];
		uint32_t asked = m->display.counts[VHOST_USER_GPU_GET_DISPLAY_INFO];
		m->display.answers[VHOST_USER_GPU_GET_DISPLAY_INFO] = KIT_DISPLAY_SILENT;
		for (int i = 0; i < 8; i++) {
			commands[i] =
				kit_gpu_submit(&m->gpu, 0, &request, sizeof(request), ANSWER_SIZE);
			CHECK(commands[i]);
		}
		CHECK_OK(m,
			kit_display_wait(&m->display, VHOST_USER_GPU_GET_DISPLAY_INFO, asked + 1));
		uint64_t start = kit_now();
		CHECK_OK(m, kit_machine_stop(m));
		CHECK(kit_now() - start < 2000);
		m->display.answers[VHOST_USER_GPU_GET_DISPLAY_INFO] = KIT_DISPLAY_GOOD;
		CHECK_OK(m, kit_machine_start(m));
		for (int i = 0; i < 8; i++)
			CHECK_OK(m, kit_gpu_complete(&m->gpu, commands[i], NULL, 0));
		wire_check_alive(m);
	}
	wire_end(m);
}

/* Also where the ring is just where a new one begins. */
static void resets_leave_nothing(void)
{
	for (size_t i = 0; i < ARRAY_SIZE(profiles); i++) {
		struct kit_machine *m = packed_machine(
			&(struct kit_machine_spec){ .profile = profiles[i], .sizes = { 4, 4 } });
		for (uint32_t round = 0; round < 20; round++) {
			CHECK_GOOD(m, kit_gpu_create_2d(&m->gpu, 1, XRGB, 100, 80));
			for (uint32_t k = 0; k < round % 9; k++)
				CHECK_TYPE(m, kit_gpu_create_2d(&m->gpu, 1, XRGB, 100, 80),
					VIRTIO_GPU_RESP_ERR_INVALID_RESOURCE_ID);
			CHECK_OK(m, kit_machine_reset(m));
		}
		CHECK_TYPE(m, kit_gpu_unref(&m->gpu, 1), VIRTIO_GPU_RESP_ERR_INVALID_RESOURCE_ID);
		wire_end(m);
	}
}

/* Firmware takes one layout and the system another. */
static void resets_change_the_layout(void)
{
	for (size_t i = 0; i < ARRAY_SIZE(profiles); i++) {
		struct kit_machine *m =
			packed_machine(&(struct kit_machine_spec){ .profile = profiles[i] });
		for (int round = 0; round < 6; round++) {
			CHECK_INT(kit_ring_packed(&m->rings[0]), round % 2 == 0);
			CHECK_GOOD(m, kit_gpu_create_2d(&m->gpu, 1, XRGB, 8, 8));
			wire_check_alive(m);
			CHECK_GOOD(m, kit_gpu_move_cursor(&m->gpu, 0, 1, 1));
			m->vmm.packed = !m->vmm.packed;
			CHECK_OK(m, kit_machine_reset(m));
		}
		wire_end(m);
	}
}

/* What VMMs say of a ring that is new: both halves of the base, one of them, or nothing. */
static void first_bases(void)
{
	static const uint32_t bases[] = { 0x80008000, 0x8000, 0 };
	for (size_t i = 0; i < ARRAY_SIZE(bases); i++) {
		struct kit_machine *m =
			packed_machine(&(struct kit_machine_spec){ .stage = KIT_STAGE_REALIZED });
		for (uint32_t k = 0; k < KIT_QUEUES; k++) {
			m->vmm.has_base[k] = true;
			m->vmm.bases[k] = bases[i];
		}
		CHECK_OK(m, kit_machine_start(m));
		for (int k = 0; k < 300; k++)
			wire_check_alive(m);
		CHECK_OK(m, kit_machine_stop(m));
		/* and the same half when it goes on */
		for (uint32_t k = 0; k < KIT_QUEUES; k++)
			if (i > 0)
				m->vmm.bases[k] &= 0xffff;
		CHECK_OK(m, kit_machine_start(m));
		wire_check_alive(m);
		wire_end(m);
	}
}

/* --- reset of single queues ---------------------------------------------------------------- */

static void stop_queue(struct kit_machine *m, uint32_t queue)
{
	CHECK_OK(m, kit_vmm_do(&m->vmm, VHOST_USER_SET_VRING_ENABLE, queue, 0));
	CHECK_OK(m, kit_vmm_do(&m->vmm, VHOST_USER_GET_VRING_BASE, queue, 0));
	CHECK_INT(m->vmm.bases[queue], kit_ring_base(&m->rings[queue]));
}

/* The queue comes back elsewhere and of another size. */
static void start_queue(struct kit_machine *m, uint32_t queue, uint32_t size)
{
	static const uint32_t messages[] = { VHOST_USER_SET_VRING_NUM, VHOST_USER_SET_VRING_BASE,
		VHOST_USER_SET_VRING_ADDR, VHOST_USER_SET_VRING_CALL, VHOST_USER_SET_VRING_KICK };
	struct kit_ring *ring = &m->rings[queue], before = *ring;
	CHECK_OK(m, kit_ring_init(ring, &m->memory, queue, size));
	ring->event_idx = before.event_idx;
	ring->indirect = before.indirect;
	kit_ring_set_packed(ring, kit_ring_packed(&before));
	kit_ring_finish(&before);
	m->vmm.has_base[queue] = false;
	for (size_t i = 0; i < ARRAY_SIZE(messages); i++)
		CHECK_OK(m, kit_vmm_do(&m->vmm, messages[i], queue, 0));
	CHECK_OK(m, kit_vmm_do(&m->vmm, VHOST_USER_SET_VRING_ENABLE, queue, 1));
}

static struct kit_machine *machine_of(bool packed)
{
	return wire_machine("none", &(struct kit_machine_spec){ .packed = packed });
}

/* One queue after the other, while the other one works: resources, scanout and cursor stay. */
static void one_queue_is_reset(void)
{
	static const uint32_t sizes[] = { 8, 256, 64, 2, 1024 };
	for (int packed = 0; packed < 2; packed++) {
		struct kit_machine *m = machine_of(packed);
		struct kit_picture *picture = wire_pattern(100, 80, 1);
		struct kit_surface s = wire_surface(m, 1, XRGB, 100, 80);
		CHECK_GOOD(m, kit_gpu_set_scanout(&m->gpu, 0, 1, kit_rect(0, 0, 100, 80)));
		for (size_t i = 0; i < 2 * ARRAY_SIZE(sizes); i++) {
			uint32_t queue = i % 2;
			for (int k = 0; k < 5; k++) {
				wire_check_alive(m);
				CHECK_GOOD(m, kit_gpu_move_cursor(&m->gpu, 0, 1, 1));
			}
			stop_queue(m, queue);
			if (queue == 0)
				CHECK_GOOD(m, kit_gpu_move_cursor(&m->gpu, 0, 2, 2));
			else
				wire_check_alive(m);
			start_queue(m, queue, sizes[i / 2]);
			kit_picture_pattern(picture, kit_rect(0, 0, 100, 80), (uint32_t)i);
			wire_show(m, &s, picture);
			CHECK_PICTURE(m, 0, picture);
			CHECK_GOOD(m, kit_gpu_move_cursor(&m->gpu, 0, 3, 3));
		}
		kit_surface_finish(&s);
		kit_picture_destroy(picture);
		wire_end(m);
	}
}

/* With questions open that the display does not answer: they end, the queue is reset. */
static void a_queue_is_reset_in_flight(void)
{
	for (int packed = 0; packed < 2; packed++) {
		struct kit_machine *m = machine_of(packed);
		struct virtio_gpu_ctrl_hdr request = kit_header(VIRTIO_GPU_CMD_GET_DISPLAY_INFO);
		CHECK_GOOD(m, kit_gpu_create_2d(&m->gpu, 1, XRGB, 8, 8));
		m->display.answers[VHOST_USER_GPU_GET_DISPLAY_INFO] = KIT_DISPLAY_SILENT;
		struct kit_command *command =
			kit_gpu_submit(&m->gpu, 0, &request, sizeof(request), ANSWER_SIZE);
		CHECK(command);
		CHECK_OK(m, kit_display_wait(&m->display, VHOST_USER_GPU_GET_DISPLAY_INFO, 1));
		uint64_t start = kit_now();
		stop_queue(m, 0);
		CHECK(kit_now() - start < 2000);
		CHECK_OK(m, kit_gpu_complete(&m->gpu, command, NULL, 0));
		start_queue(m, 0, 32);
		CHECK_GOOD(m, kit_gpu_unref(&m->gpu, 1));
		wire_end(m);
	}
}

/* All queues at the same time: still no reset of the device, if that is what was negotiated. */
static void all_queues_are_reset(void)
{
	for (int packed = 0; packed < 2; packed++) {
		struct kit_machine *m = machine_of(packed);
		CHECK(kit_vmm_feature(&m->vmm, VIRTIO_F_RING_RESET));
		CHECK_GOOD(m, kit_gpu_create_2d(&m->gpu, 1, XRGB, 8, 8));
		for (int round = 0; round < 3; round++) {
			stop_queue(m, 0);
			stop_queue(m, 1);
			start_queue(m, 1, 4);
			start_queue(m, 0, 16);
			CHECK_TYPE(m, kit_gpu_create_2d(&m->gpu, 1, XRGB, 8, 8),
				VIRTIO_GPU_RESP_ERR_INVALID_RESOURCE_ID);
		}
		/* a pause and a reset are still what they are */
		CHECK_OK(m, kit_machine_stop(m));
		CHECK_OK(m, kit_machine_start(m));
		CHECK_GOOD(m, kit_gpu_unref(&m->gpu, 1));
		CHECK_GOOD(m, kit_gpu_create_2d(&m->gpu, 1, XRGB, 8, 8));
		CHECK_OK(m, kit_machine_reset(m));
		CHECK_GOOD(m, kit_gpu_create_2d(&m->gpu, 1, XRGB, 8, 8));
		wire_end(m);
	}
}

int main(int argc, char **argv)
{
	static const struct test_case cases[] = {
		TEST_CASE(pictures_and_cursors),
		TEST_CASE(profiles_start),
		TEST_CASE(all_sizes),
		TEST_CASE(rings_wrap),
		TEST_CASE(any_buffers),
		TEST_CASE(answers_overtake),
		TEST_CASE(interrupts_are_suppressed),
		TEST_CASE(polling_driver),
		TEST_CASE(asks_for_kicks),
		TEST_CASE(pauses_at_every_position),
		TEST_CASE(commands_wait_for_the_resume),
		TEST_CASE(stops_in_flight),
		TEST_CASE(resets_leave_nothing),
		TEST_CASE(resets_change_the_layout),
		TEST_CASE(first_bases),
		TEST_CASE(one_queue_is_reset),
		TEST_CASE(a_queue_is_reset_in_flight),
		TEST_CASE(all_queues_are_reset),
	};
	return test_main(argc, argv, cases, ARRAY_SIZE(cases));
}
