/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/*
 * Too much at once: connections, notifications, contexts, fences, descriptors. None of it is wrong by
 * itself; it may be refused, and the next good command is answered as ever.
 */
#include <unistd.h>

#include "kit/conform/guest.h"
#include "kit/hand.h"

#define BGRX        VIRTIO_GPU_FORMAT_B8G8R8X8_UNORM
#define ANSWER_SIZE (uint32_t)sizeof(struct virtio_gpu_resp_display_info)
#define HEADER_SIZE (uint32_t)sizeof(struct virtio_gpu_ctrl_hdr)
#define GROWTH_KIB  8192u

/* --- connections --------------------------------------------------------------------------- */

/* A thousand VMMs, each of which begins to say something and goes. */
static void connections(struct conform *c)
{
	enum { TIMES = 1000 };
	const struct vhost_user_header header = { VHOST_USER_GET_FEATURES, VHOST_USER_VERSION, 0 };
	struct kit_machine *m = conform_machine(c, NULL);
	struct kit_usage before = guest_usage_before(m);
	kit_machine_disconnect(m);
	for (uint32_t i = 0; i < TIMES; i++) {
		int sock = kit_backend_connect(m->backend);
		CHECK_OK(m, sock);
		ssize_t ignored = write(sock, &header, i % (sizeof(header) + 1));
		(void)ignored;
		close(sock);
	}
	CHECK_OK(m, kit_machine_reconnect(m));
	guest_check_usage(m, &before, GROWTH_KIB);
	conform_end(c, m);
}

/* --- notifications ------------------------------------------------------------------------- */

static const char *const kick_names[] = { "counter_at_its_end", "queue_not_enabled",
	"event_index_anywhere", "with_empty_buffers", NULL };

/* The most that an eventfd holds: whoever adds to it from now on waits. */
static void counter_at_its_end(struct kit_machine *m)
{
	const uint64_t most = UINT64_MAX - 1;
	for (uint32_t i = 0; i < KIT_QUEUES; i++) {
		uint64_t drained;
		ssize_t ignored = read(m->rings[i].kick_fd, &drained, sizeof(drained));
		ignored = write(m->rings[i].kick_fd, &most, sizeof(most));
		ignored = write(m->rings[i].call_fd, &most, sizeof(most));
		(void)ignored;
	}
	conform_check_cursor(m);
	for (uint32_t i = 0; i < KIT_QUEUES; i++)
		kit_ring_interrupts(&m->rings[i]);
}

static void queue_not_enabled(struct kit_machine *m)
{
	CHECK_OK(m, kit_vmm_do(&m->vmm, VHOST_USER_SET_VRING_ENABLE, 0, 0));
	for (uint32_t i = 0; i < 20000; i++)
		kit_ring_kick_always(&m->rings[0]);
	conform_check_cursor(m);
	CHECK_OK(m, kit_vmm_do(&m->vmm, VHOST_USER_SET_VRING_ENABLE, 0, 1));
}

/* Where the driver wants to be told of, while commands come and go. */
static void event_index_anywhere(struct kit_machine *m)
{
	const struct virtio_gpu_ctrl_hdr question = kit_header(VIRTIO_GPU_CMD_GET_DISPLAY_INFO);
	struct kit_ring *ring = &m->rings[VIRTIO_GPU_QUEUE_CONTROL];
	ring->polling = true;
	for (uint32_t i = 0; i < 2000; i++) {
		kit_ring_set_event(ring, (uint16_t)(i * 40503));
		CHECK_TYPE(m,
			kit_gpu_command(&m->gpu, &question, sizeof(question),
				&(struct virtio_gpu_resp_display_info){ 0 }, ANSWER_SIZE),
			VIRTIO_GPU_RESP_OK_DISPLAY_INFO);
	}
	ring->polling = false;
}

/* A request without a byte of it, as many as there are places. */
static void with_empty_buffers(struct kit_machine *m)
{
	struct kit_hand hand = kit_hand(m);
	for (uint32_t round = 0; round < 50; round++) {
		kit_ring_write(hand.ring, 0, &(struct kit_descriptor){ hand.in, 0, 0, 0 });
		for (uint32_t i = 0; i < hand.ring->size; i++)
			kit_ring_publish(hand.ring, 0);
		kit_ring_kick_always(hand.ring);
		CHECK_OK(m, kit_pump(&m->kit, 1));
	}
	conform_check_recovers(m);
	kit_hand_finish(&hand);
}

static void kicks(struct conform *c)
{
	static void (*const runs[])(struct kit_machine *m) = { counter_at_its_end,
		queue_not_enabled, event_index_anywhere, with_empty_buffers };
	struct kit_machine *m = conform_machine(c, NULL);
	if (runs[c->variant] == event_index_anywhere && kit_ring_packed(&m->rings[0]))
		conform_skip("the ring is packed");
	runs[c->variant](m);
	conform_end(c, m);
}

/* --- descriptors --------------------------------------------------------------------------- */

/* A request and room for its answer, a byte in each descriptor of a queue with 1024. */
static void a_byte_each(struct conform *c)
{
	struct kit_machine *m =
		conform_machine(c, &(struct kit_machine_spec){ .sizes = { 1024, 16 } });
	struct kit_hand hand = kit_hand(m);
	struct kit_ring *ring = hand.ring;
	uint16_t count = ring->size;
	for (uint32_t round = 0; round < 20; round++) {
		for (uint16_t i = 0; i < count; i++) {
			bool request = i < HEADER_SIZE;
			uint16_t next = (uint16_t)(i + 1);
			kit_ring_write(ring, i,
				&(struct kit_descriptor){
					request ? hand.in + i : hand.out + (i - HEADER_SIZE), 1,
					(uint16_t)((request ? 0 : KIT_RING_WRITE) |
						(next < count ? KIT_RING_NEXT : 0)),
					next });
		}
		kit_ring_publish(ring, 0);
		kit_ring_kick_always(ring);
		CHECK_OK(m, kit_pump(&m->kit, 5));
		conform_check_cursor(m);
	}
	const struct virtio_gpu_ctrl_hdr *answer = kit_ptr(&m->memory, hand.out, HEADER_SIZE);
	CHECK_INT(answer->type, VIRTIO_GPU_RESP_OK_DISPLAY_INFO);
	conform_check_recovers(m);
	kit_hand_finish(&hand);
	conform_end(c, m);
}

/* --- contexts ------------------------------------------------------------------------------ */

/* More contexts than anybody has: at some number the device says no, and goes on. */
static void contexts(struct conform *c)
{
	enum { MOST = 65537, LONGEST_MS = 20000 };
	uint64_t start = kit_now();
	struct kit_machine *m = conform_machine(c, NULL);
	uint32_t count = 0;
	int type = VIRTIO_GPU_RESP_OK_NODATA;
	m->kit.timeout_ms *= 5; /* each is a GL context */
	while (count < MOST && type == VIRTIO_GPU_RESP_OK_NODATA &&
		kit_now() - start < LONGEST_MS) {
		type = kit_gpu_ctx_create(&m->gpu, count + 1, 0, "flood");
		CHECK_OK(m, type);
		count += type == VIRTIO_GPU_RESP_OK_NODATA;
	}
	CHECK(count > 0);
	for (uint32_t i = 1; i <= count; i++)
		CHECK_GOOD(m, kit_gpu_ctx_destroy(&m->gpu, i));
	conform_end(c, m);
}

/* The same context made and destroyed, made and destroyed, in a queue that is always full. */
static void one_context(struct conform *c)
{
	enum { TIMES = 32 };
	struct kit_machine *m = conform_machine(c, NULL);
	const struct virtio_gpu_ctx_create create = {
		.hdr = kit_header_ctx(VIRTIO_GPU_CMD_CTX_CREATE, 7),
	};
	const struct virtio_gpu_ctrl_hdr destroy = kit_header_ctx(VIRTIO_GPU_CMD_CTX_DESTROY, 7);
	m->kit.timeout_ms *= 40;
	for (uint32_t done = 0; done < TIMES;) {
		struct kit_command *command;
		while ((command = done % 2
				? kit_gpu_queue(&m->gpu, 0, &destroy, sizeof(destroy), HEADER_SIZE)
				: kit_gpu_queue(
					  &m->gpu, 0, &create, sizeof(create), HEADER_SIZE))) {
			kit_command_forget(command);
			done++;
		}
		kit_ring_kick(&m->rings[VIRTIO_GPU_QUEUE_CONTROL]);
		CHECK_OK(m, kit_gpu_drain(&m->gpu));
	}
	conform_end(c, m);
}

/* --- fences -------------------------------------------------------------------------------- */

/* A queue full of fenced commands, and then the guest resets the device. */
static void fences_at_a_reset(struct conform *c)
{
	struct kit_machine *m =
		conform_machine(c, &(struct kit_machine_spec){ .sizes = { 1024, 16 } });
	for (uint64_t round = 0; round < 10; round++) {
		uint64_t id = round * 7;
		struct virtio_gpu_resource_create_2d create = {
			.hdr = kit_header_fence(VIRTIO_GPU_CMD_RESOURCE_CREATE_2D, id),
			.resource_id = 1,
			.format = BGRX,
			.width = 64,
			.height = 64,
		};
		struct kit_command *command;
		while ((command =
				kit_gpu_queue(&m->gpu, 0, &create, sizeof(create), HEADER_SIZE))) {
			kit_command_forget(command);
			create.hdr.fence_id = id++ % 3 ? id : UINT64_MAX;
			create.resource_id++;
		}
		kit_ring_kick(&m->rings[VIRTIO_GPU_QUEUE_CONTROL]);
		CHECK_OK(m, kit_machine_reset(m));
		conform_check_alive(m);
	}
	conform_end(c, m);
}

#define MANY  .needs = CONFORM_NEEDS_MANY
#define VIRGL .needs = CONFORM_NEEDS_VIRGL

static const struct conform_case cases[] = {
	{ "connections", "whoever may connect may do so a thousand times", connections, MANY },
	{ "kicks", "virtio 1.4, 2.7.10.2: a device handles spurious notifications", kicks,
		kick_names },
	{ "a_byte_each", "virtio 1.4, 2.7.4: a device must not assume how a message is laid out",
		a_byte_each },
	{ "contexts", "a limit that is reached is an error", contexts, VIRGL },
	{ "one_context", "a context's id is free again when it has been destroyed", one_context,
		VIRGL },
	{ "fences_at_a_reset", "virtio 1.4, 2.4: a reset leaves nothing", fences_at_a_reset },
};
DEFINE_HOSTILE_AREA(floods, cases);
