/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/* A vCPU that rewrites what the device is reading: whatever is seen, it is seen once. */
#include "kit/conform/guest.h"
#include "kit/racer.h"

#define XRGB     VIRTIO_GPU_FORMAT_B8G8R8X8_UNORM
#define LEAST_MS 300
#define MOST_MS  20000 /* where others use the processors, too */
#define ROUNDS   1000000u /* in which it is written */

struct arena {
	struct kit_machine *m;
	struct kit_ring *ring;
	struct kit_racer racer;
	uint64_t in, out;
};

static struct arena arena_of(struct conform *c, const struct kit_machine_spec *spec)
{
	struct arena a = { .m = conform_machine(c, spec) };
	a.ring = &a.m->rings[VIRTIO_GPU_QUEUE_CONTROL];
	a.in = kit_alloc(&a.m->memory, KIT_PAGE, KIT_PAGE);
	a.out = kit_alloc(&a.m->memory, KIT_PAGE, KIT_PAGE);
	return a;
}

static void race(struct arena *a, uint64_t guest, const void *x, const void *y, size_t size)
{
	CHECK_OK(a->m,
		kit_racer_start(&a->racer, &a->m->memory, &(struct kit_race){ guest, x, y, size }));
}

/* True while there have to be more rounds. */
static bool goes_on(const struct arena *a, uint64_t start)
{
	uint64_t passed = kit_now() - start;
	return passed < LEAST_MS || (passed < MOST_MS && kit_racer_rounds(&a->racer) < ROUNDS);
}

/* The same chain again and again, without looking at what the device makes of it. */
static void offer(struct arena *a)
{
	uint64_t start = kit_now();
	while (goes_on(a, start)) {
		for (int i = 0; i < 64; i++)
			kit_ring_publish(a->ring, 0);
		kit_ring_kick_always(a->ring);
		CHECK_OK(a->m, kit_pump(&a->m->kit, 1));
	}
}

static void kick(struct arena *a)
{
	uint64_t start = kit_now();
	while (goes_on(a, start)) {
		kit_ring_kick_always(a->ring);
		CHECK_OK(a->m, kit_pump(&a->m->kit, 1));
	}
}

/* The queue may be broken now: the other one is not, and a reset makes all good. */
static void renew(struct arena *a)
{
	struct kit_machine *m = a->m;
	guest_cursor_move(m, &(struct virtio_gpu_update_cursor){ .resource_id = 0 });
	/* not kit_machine_reset(): what was offered twice is answered or not */
	CHECK_OK(m, kit_vmm_play(&m->vmm, m->vmm.profile->stop));
	CHECK_OK(m, kit_vmm_reset(&m->vmm));
	for (uint32_t i = 0; i < KIT_QUEUES; i++)
		kit_ring_reset(&m->rings[i]);
	CHECK_OK(m, kit_machine_start(m));
}

static void arena_end(struct conform *c, struct arena *a)
{
	kit_racer_stop(&a->racer);
	renew(a);
	kit_free(&a->m->memory, a->in, KIT_PAGE);
	kit_free(&a->m->memory, a->out, KIT_PAGE);
	conform_end(c, a->m);
}

/* A descriptor that is inside memory, and is not. */
static void descriptors(struct conform *c)
{
	struct arena a = arena_of(c, NULL);
	struct virtio_gpu_ctrl_hdr request = kit_header(VIRTIO_GPU_CMD_GET_DISPLAY_INFO);
	struct kit_descriptor good = { a.in, 24, KIT_RING_NEXT, 1 };
	struct kit_descriptor bad = { UINT64_C(1) << 40, UINT32_MAX, KIT_RING_NEXT, 1 };
	memcpy(kit_ptr(&a.m->memory, a.in, 24), &request, sizeof(request));
	kit_ring_write(a.ring, 0, &good);
	kit_ring_write(a.ring, 1, &(struct kit_descriptor){ a.out, 408, KIT_RING_WRITE, 0 });
	race(&a, a.ring->descriptors, &good, &bad, sizeof(good));
	offer(&a);
	arena_end(c, &a);
}

static void write_pair(struct arena *a, const struct kit_descriptor *second)
{
	const struct kit_descriptor first = { a->in, 24, KIT_RING_NEXT, 1 };
	kit_ring_write(a->ring, 0, &first);
	kit_ring_write(a->ring, 1, second);
}

/* A chain that goes round in a circle, and one that does so at times only. */
static void circles(struct conform *c)
{
	struct arena a = arena_of(c, NULL);
	struct virtio_gpu_ctrl_hdr request = kit_header(VIRTIO_GPU_CMD_GET_DISPLAY_INFO);
	struct kit_descriptor end = { a.out, 408, KIT_RING_WRITE, 0 };
	struct kit_descriptor back = { a.in, 24, KIT_RING_NEXT, 0 };
	memcpy(kit_ptr(&a.m->memory, a.in, 24), &request, sizeof(request));
	write_pair(&a, &back);
	kit_ring_publish(a.ring, 0);
	kit_ring_kick_always(a.ring);
	renew(&a);
	write_pair(&a, &back);
	race(&a, a.ring->descriptors + sizeof(end), &end, &back, sizeof(end));
	offer(&a);
	arena_end(c, &a);
}

/* An indirect table that is short, and long. */
static void indirect_tables(struct conform *c)
{
	struct arena a = arena_of(c, NULL);
	struct kit_descriptor table = { a.in + 1024, 32, KIT_RING_INDIRECT, 0 };
	struct kit_descriptor end = { a.in, 24, 0, 0 };
	struct kit_descriptor on = { a.in, 0x10000000, KIT_RING_NEXT, 200 };
	kit_ring_write(a.ring, 0, &table);
	kit_table_write(&a.m->memory, a.in + 1024, 0, &end);
	race(&a, a.in + 1024, &end, &on, sizeof(end));
	offer(&a);
	arena_end(c, &a);
}

/* The only descriptor of a packed ring, which is available in one round and in the next: a request
 * without room for an answer, or room without a request. */
static void packed_descriptors(struct conform *c)
{
	struct arena a =
		arena_of(c, &(struct kit_machine_spec){ .packed = true, .sizes = { 1, 16 } });
	struct kit_packed_descriptor request = { a.in, 24, 0, KIT_PACKED_AVAILABLE };
	struct kit_packed_descriptor room = { a.out, 408, 0, KIT_RING_WRITE | KIT_PACKED_USED };
	race(&a, a.ring->descriptors, &request, &room, sizeof(request));
	kick(&a);
	arena_end(c, &a);
}

/* A command that is one and another: the numbers that were judged are those that are used. */
static void commands(struct conform *c)
{
	struct arena a = arena_of(c, NULL);
	struct virtio_gpu_transfer_to_host_2d good = {
		.hdr = kit_header(VIRTIO_GPU_CMD_TRANSFER_TO_HOST_2D),
		.r = kit_rect(0, 0, 64, 64),
		.resource_id = 1,
	};
	struct virtio_gpu_transfer_to_host_2d bad = good;
	bad.r = kit_rect(0x7fffffff, 0, 0x10000, 0x10000);
	bad.offset = UINT64_MAX - 100;
	struct kit_surface s = conform_surface(a.m, 1, XRGB, 64, 64);
	memcpy(kit_ptr(&a.m->memory, a.in, sizeof(good)), &good, sizeof(good));
	kit_ring_write(a.ring, 0, &(struct kit_descriptor){ a.in, sizeof(good), KIT_RING_NEXT, 1 });
	kit_ring_write(a.ring, 1, &(struct kit_descriptor){ a.out, 24, KIT_RING_WRITE, 0 });
	race(&a, a.in, &good, &bad, sizeof(good));
	offer(&a);
	kit_surface_finish(&s);
	arena_end(c, &a);
}

/* A count of entries that is 1, and 4 thousand million. */
static void entry_counts(struct conform *c)
{
	struct arena a = arena_of(c, NULL);
	struct {
		struct virtio_gpu_resource_attach_backing attach;
		struct virtio_gpu_mem_entry entry;
	} good = {
		.attach = { .hdr = kit_header(VIRTIO_GPU_CMD_RESOURCE_ATTACH_BACKING),
			.resource_id = 1, .nr_entries = 1 },
		.entry = { 0x10000, 16384, 0 },
	}, bad = good;
	bad.attach.nr_entries = UINT32_MAX;
	bad.entry.addr = UINT64_MAX - 5;
	CHECK_GOOD(a.m, kit_gpu_create_2d(&a.m->gpu, 1, XRGB, 64, 64));
	memcpy(kit_ptr(&a.m->memory, a.in, sizeof(good)), &good, sizeof(good));
	kit_ring_write(a.ring, 0, &(struct kit_descriptor){ a.in, sizeof(good), KIT_RING_NEXT, 1 });
	kit_ring_write(a.ring, 1, &(struct kit_descriptor){ a.out, 24, KIT_RING_WRITE, 0 });
	race(&a, a.in, &good, &bad, sizeof(good));
	offer(&a);
	arena_end(c, &a);
}

/* The available index itself, far ahead and back. */
static void available_index(struct conform *c)
{
	struct arena a = arena_of(c, NULL);
	uint16_t near = a.ring->next_available, far = (uint16_t)(near + 1);
	struct kit_descriptor end = { a.in, 24, 0, 0 };
	kit_ring_write(a.ring, 0, &end);
	race(&a, a.ring->available + 2, &near, &far, sizeof(near));
	kick(&a);
	arena_end(c, &a);
}

/* Pixels that change while they are transferred and shown: that is what guests do. */
static void pixels(struct conform *c)
{
	struct arena a = arena_of(c, NULL);
	uint32_t x[64], y[64];
	for (uint32_t i = 0; i < ARRAY_SIZE(x); i++) {
		x[i] = 0x111111 * (i % 15);
		y[i] = ~x[i];
	}
	struct kit_surface s = conform_surface(a.m, 1, XRGB, 64, 64);
	struct kit_picture *picture = conform_pattern(64, 64, 1);
	CHECK_GOOD(a.m, kit_gpu_set_scanout(&a.m->gpu, 0, 1, kit_rect(0, 0, 64, 64)));
	race(&a, s.entries[0].addr, x, y, sizeof(x));
	uint64_t start = kit_now();
	while (goes_on(&a, start))
		CHECK_GOOD(a.m, kit_surface_show(&s, kit_rect(0, 0, 64, 64)));
	kit_racer_stop(&a.racer);
	conform_show(a.m, &s, picture);
	CHECK_PICTURE(a.m, 0, picture);
	kit_picture_destroy(picture);
	kit_surface_finish(&s);
	kit_free(&a.m->memory, a.in, KIT_PAGE);
	kit_free(&a.m->memory, a.out, KIT_PAGE);
	conform_end(c, a.m);
}

/* --- the table ----------------------------------------------------------------------------- */

#define VCPU    "another vCPU may write to what the device reads: "
#define HOSTILE .hostile = true

static const struct conform_case cases[] = {
	{ "descriptors", VCPU "descriptors", descriptors, HOSTILE },
	{ "circles", VCPU "where a chain goes on", circles, HOSTILE },
	{ "indirect_tables", VCPU "an indirect table", indirect_tables,
		.features = CONFORM_FEATURE(RING_F_INDIRECT_DESC), HOSTILE },
	{ "packed_descriptors", VCPU "descriptors of a packed ring", packed_descriptors,
		.features = CONFORM_FEATURE(F_RING_PACKED), HOSTILE },
	{ "commands", VCPU "a command's numbers", commands, HOSTILE },
	{ "entry_counts", VCPU "the number of entries, and entries", entry_counts, HOSTILE },
	{ "available_index", VCPU "the available index", available_index, HOSTILE },
	{ "pixels", VCPU "the frame buffer, which guests do all the time", pixels,
		.needs = CONFORM_NEEDS_DISPLAY, HOSTILE },
};
DEFINE_CONFORM_AREA(races, cases);
