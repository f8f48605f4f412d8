/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/*
 * Memory that comes and goes under resources that are attached and shown, with SET_MEM_TABLE,
 * ADD_MEM_REG and REM_MEM_REG in any order: what was transferred stays on the screen, what is not
 * there cannot be transferred, and what comes back can.
 */
#include <stdlib.h>

#include "util/fd.h"
#include "wire_3d.h"

#define XRGB VIRTIO_GPU_FORMAT_B8G8R8X8_UNORM

#define MIB (UINT64_C(1) << 20)
#define GIB (UINT64_C(1) << 30)

#define W     48u
#define H     32u
#define BYTES (W * H * 4)

enum { PLUGS = 3, RESOURCES = PLUGS + 1 };

/* Regions that are plugged, and a resource in each. The last resource is half in the first, half in the
 * last of them. */
struct plugs {
	struct kit_machine *m;
	uint32_t first; /* region of the kit */
	uint32_t plugged; /* one bit each */
	bool is_3d; /* textures of context 1 */
	struct kit_picture *shown[RESOURCES];
};

static uint64_t plug_address(uint32_t plug)
{
	return (8 + plug) * GIB;
}

static uint32_t plugs_needed(uint32_t resource)
{
	return resource < PLUGS ? 1u << resource : 1u | 1u << (PLUGS - 1);
}

static uint32_t entries_of(uint32_t resource, struct virtio_gpu_mem_entry entries[2])
{
	entries[0] = (struct virtio_gpu_mem_entry){ plug_address(resource), BYTES, 0 };
	if (resource < PLUGS)
		return 1;
	entries[0] = (struct virtio_gpu_mem_entry){ plug_address(0) + MIB, BYTES / 2, 0 };
	entries[1] = (struct virtio_gpu_mem_entry){ plug_address(PLUGS - 1) + MIB, BYTES / 2, 0 };
	return 2;
}

/* --- the VMM's side ------------------------------------------------------------------------ */

static void add_regions(struct plugs *p)
{
	p->first = p->m->memory.count;
	for (uint32_t i = 0; i < PLUGS; i++) {
		struct kit_region_spec spec = {
			.guest = plug_address(i), .size = 2 * MIB, .unusable = true
		};
		CHECK_OK(p->m, kit_memory_add(&p->m->memory, &spec));
	}
}

/* Leaves those out of a SET_MEM_TABLE that are not plugged. */
static void filter_table(const struct plugs *p, struct kit_message *message)
{
	struct vhost_user_memory_header header = { 0 };
	const struct kit_message all = *message;
	const size_t size = sizeof(struct vhost_user_memory_region);
	message->fd_count = 0;
	for (uint32_t i = 0; i < all.fd_count; i++) {
		if (i >= p->first && !(p->plugged >> (i - p->first) & 1)) {
			int fd = all.fds[i];
			fd_close(&fd);
			continue;
		}
		memcpy(message->payload + sizeof(header) + header.nregions * size,
			all.payload + sizeof(header) + i * size, size);
		message->fds[message->fd_count++] = all.fds[i];
		header.nregions++;
	}
	memcpy(message->payload, &header, sizeof(header));
	message->header.size = (uint32_t)(sizeof(header) + header.nregions * size);
}

static void send_table(struct plugs *p, uint32_t plugged)
{
	struct kit_vmm *vmm = &p->m->vmm;
	struct kit_message message;
	uint64_t status = 0;
	p->plugged = plugged;
	CHECK_OK(p->m, kit_vmm_compose(vmm, VHOST_USER_SET_MEM_TABLE, 0, 0, &message));
	filter_table(p, &message);
	message.header.flags |= VHOST_USER_NEED_REPLY_MASK;
	CHECK_OK(p->m, kit_vmm_send_message(vmm, &message));
	CHECK_OK(p->m, kit_vmm_receive_answer(vmm, VHOST_USER_SET_MEM_TABLE, &status, 8));
	CHECK_INT(status, 0);
}

static void toggle(struct plugs *p, uint32_t plug)
{
	bool in = p->plugged >> plug & 1;
	CHECK_OK(p->m,
		kit_vmm_do(&p->m->vmm, in ? VHOST_USER_REM_MEM_REG : VHOST_USER_ADD_MEM_REG,
			p->first + plug, 0));
	p->plugged ^= 1u << plug;
}

/* --- the guest's side ---------------------------------------------------------------------- */

static void create(struct plugs *p, uint32_t resource)
{
	struct kit_gpu *gpu = &p->m->gpu;
	struct virtio_gpu_mem_entry entries[2];
	uint32_t id = resource + 1;
	uint32_t count = entries_of(resource, entries);
	if (p->is_3d) {
		wire_texture(p->m, id, W, H);
		CHECK_GOOD(p->m, kit_gpu_ctx_attach(gpu, 1, id));
	} else {
		CHECK_GOOD(p->m, kit_gpu_create_2d(gpu, id, XRGB, W, H));
	}
	CHECK_GOOD(p->m, kit_gpu_attach(gpu, id, entries, count));
	CHECK_GOOD(p->m, kit_gpu_set_scanout(gpu, resource, id, kit_rect(0, 0, W, H)));
	p->shown[resource] = kit_picture_create(W, H);
	CHECK(p->shown[resource]);
}

static int transfer(struct plugs *p, uint32_t resource)
{
	if (!p->is_3d)
		return kit_gpu_transfer_2d(&p->m->gpu, resource + 1, kit_rect(0, 0, W, H), 0);
	return kit_gpu_transfer_to_3d(&p->m->gpu, 1,
		(struct virtio_gpu_transfer_host_3d){
			.box = { .w = W, .h = H, .d = 1 }, .resource_id = resource + 1 });
}

/* Draws into guest memory, plugged or not. */
static void draw(struct plugs *p, uint32_t resource, const struct kit_picture *picture)
{
	struct virtio_gpu_mem_entry entries[2];
	uint32_t count = entries_of(resource, entries);
	const uint8_t *from = (const uint8_t *)picture->pixels;
	for (uint32_t i = 0; i < count; i++) {
		memcpy(kit_ptr(&p->m->memory, entries[i].addr, entries[i].length), from,
			entries[i].length);
		from += entries[i].length;
	}
}

/* New pictures everywhere: those that are plugged get through. */
static void check(struct plugs *p, uint32_t seed)
{
	for (uint32_t i = 0; i < RESOURCES; i++) {
		struct kit_picture *picture = wire_pattern(W, H, seed * RESOURCES + i);
		bool there = (plugs_needed(i) & ~p->plugged) == 0;
		draw(p, i, picture);
		if (there) {
			CHECK_GOOD(p->m, transfer(p, i));
			kit_picture_copy(p->shown[i], 0, 0, picture, kit_rect(0, 0, W, H));
		} else {
			CHECK_ERROR(p->m, transfer(p, i));
		}
		CHECK_GOOD(p->m, kit_gpu_flush(&p->m->gpu, i + 1, kit_rect(0, 0, W, H)));
		kit_picture_destroy(picture);
	}
	for (uint32_t i = 0; i < RESOURCES; i++)
		CHECK_PICTURE(p->m, i, p->shown[i]);
}

static struct plugs start(
	const char *renderer, const char *options, const struct kit_profile *profile)
{
	struct plugs p = { .is_3d = strcmp(renderer, "none") != 0 };
	p.m = wire_machine_with(
		renderer, options, &(struct kit_machine_spec){ .profile = profile });
	add_regions(&p);
	send_table(&p, (1u << PLUGS) - 1);
	if (p.is_3d)
		wire_context(p.m, 1);
	for (uint32_t i = 0; i < RESOURCES; i++)
		create(&p, i);
	return p;
}

static void finish(struct plugs *p)
{
	for (uint32_t i = 0; i < RESOURCES; i++)
		kit_picture_destroy(p->shown[i]);
	wire_end(p->m);
}

/* --- tests --------------------------------------------------------------------------------- */

/* One step: a region is plugged or unplugged, the same table is sent again, or one that has just the
 * others. */
static void step(struct plugs *p, uint32_t what)
{
	if (what < PLUGS)
		toggle(p, what);
	else
		send_table(p, what == PLUGS ? p->plugged : p->plugged ^ ((1u << PLUGS) - 1));
}

/* Every sequence of three steps, one after another. */
static void all_orders(const char *renderer)
{
	enum { STEPS = PLUGS + 2 };
	struct plugs p = start(renderer, "--memory-slots", &kit_profile_qemu_gpu_all);
	check(&p, 0);
	for (uint32_t sequence = 0; sequence < STEPS * STEPS * STEPS; sequence++) {
		step(&p, sequence / STEPS / STEPS);
		step(&p, sequence / STEPS % STEPS);
		check(&p, 2 * sequence);
		step(&p, sequence % STEPS);
		check(&p, 2 * sequence + 1);
	}
	finish(&p);
}

static void orders_2d(void)
{
	all_orders("none");
}

static void orders_3d(void)
{
	all_orders("null");
}

/* VMMs that only know whole tables: from each set of regions to each other. */
static void tables_only(void)
{
	struct plugs p = start("none", "", &kit_profile_qemu_gpu);
	for (uint32_t pair = 0; pair < 1u << 2 * PLUGS; pair++) {
		send_table(&p, pair >> PLUGS);
		send_table(&p, pair & ((1u << PLUGS) - 1));
		check(&p, pair);
	}
	finish(&p);
}

/* Unplugged in the middle of a transfer: that ends well, the VMM does not wait for it, and it is the last
 * one. */
static void unplugged_in_use(void)
{
	struct plugs p = start("null", "--memory-slots", &kit_profile_qemu_gpu_all);
	struct kit_machine *m = p.m;
	for (uint32_t round = 0; round < 5; round++) {
		struct virtio_gpu_transfer_host_3d request = {
			.hdr = kit_header_ctx(VIRTIO_GPU_CMD_TRANSFER_TO_HOST_3D, 1),
			.box = { .w = W, .h = H, .d = 1 },
			.resource_id = 1,
		};
		uint32_t hang[] = { NULL_COMMAND(NULL_HANG, 1), 500 };
		struct kit_picture *picture = wire_pattern(W, H, round);
		draw(&p, 0, picture);
		struct kit_command *busy = wire_send(m, kit_header_ctx(0, 1), hang, 2);
		struct kit_command *command =
			kit_gpu_submit(&m->gpu, 0, &request, sizeof(request), 24);
		wire_check_alive(m); /* so the device has taken both */
		if (round % 2)
			send_table(&p, p.plugged & ~1u);
		else
			toggle(&p, 0);
		CHECK_OK(m, kit_gpu_collect(&m->gpu));
		CHECK(!busy->done && !command->done);
		CHECK_GOOD(m, kit_gpu_complete(&m->gpu, busy, NULL, 0));
		CHECK_GOOD(m, kit_gpu_complete(&m->gpu, command, NULL, 0));
		CHECK_GOOD(m, kit_gpu_flush(&m->gpu, 1, kit_rect(0, 0, W, H)));
		CHECK_PICTURE(m, 0, picture);
		CHECK_ERROR(m, transfer(&p, 0));
		toggle(&p, 0);
		CHECK_GOOD(m, transfer(&p, 0));
		kit_picture_destroy(picture);
	}
	finish(&p);
}

/* The memory is other memory afterwards: what lies there now is what is transferred. */
static void replaced(struct plugs *p, uint32_t seed)
{
	struct kit_memory *memory = &p->m->memory;
	struct kit_region_spec spec = memory->regions[p->first + PLUGS - 1].spec;
	kit_memory_drop(memory);
	CHECK_OK(p->m, kit_memory_add(memory, &spec));
	struct kit_picture *picture = wire_pattern(W, H, seed);
	draw(p, PLUGS - 1, picture);
	kit_picture_copy(p->shown[PLUGS - 1], 0, 0, picture, kit_rect(0, 0, W, H));
	kit_picture_destroy(picture);
}

static void other_memory_in_its_place(void)
{
	static const char *const renderers[] = { "none", "null" };
	for (size_t i = 0; i < ARRAY_SIZE(renderers); i++) {
		struct plugs p = start(renderers[i], "--memory-slots", &kit_profile_qemu_gpu_all);
		check(&p, 1);
		for (uint32_t round = 0; round < 6; round++) {
			if (round % 2) {
				toggle(&p, PLUGS - 1);
				replaced(&p, round);
				toggle(&p, PLUGS - 1);
			} else {
				replaced(&p, round);
				send_table(&p, p.plugged);
			}
			CHECK_GOOD(p.m, transfer(&p, PLUGS - 1));
			CHECK_GOOD(p.m, kit_gpu_flush(&p.m->gpu, PLUGS, kit_rect(0, 0, W, H)));
			CHECK_PICTURE(p.m, PLUGS - 1, p.shown[PLUGS - 1]);
		}
		check(&p, 2);
		finish(&p);
	}
}

/* The machine is paused meanwhile. What it had shown is shown again, by whatever is left. */
static void changes_during_a_pause(void)
{
	static const struct kit_profile *const profiles[] = { &kit_profile_qemu_gpu_all,
		&kit_profile_qemu_generic, &kit_profile_crosvm };
	for (size_t i = 0; i < 2 * ARRAY_SIZE(profiles); i++) {
		struct kit_machine *m = wire_machine_with("none", i % 2 ? "--memory-slots" : "",
			&(struct kit_machine_spec){ .profile = profiles[i / 2] });
		bool slots = kit_vmm_has(&m->vmm, VHOST_USER_PROTOCOL_F_CONFIGURE_MEM_SLOTS);
		struct kit_region_spec more = {
			.guest = 8 * GIB, .size = 2 * MIB, .unusable = true
		};
		struct virtio_gpu_mem_entry entry = { 8 * GIB, BYTES, 0 };
		for (uint32_t round = 0; round < 4; round++) {
			bool there = round % 2 == 0;
			CHECK_OK(m, kit_machine_stop(m));
			if (slots && !there)
				CHECK_OK(m,
					kit_vmm_do(&m->vmm, VHOST_USER_REM_MEM_REG,
						--m->vmm.regions_known, 0));
			if (there)
				CHECK_OK(m, kit_memory_add(&m->memory, &more));
			else
				kit_memory_drop(&m->memory);
			CHECK_OK(m, kit_machine_start(m));
			if (round == 0) {
				CHECK_GOOD(m, kit_gpu_create_2d(&m->gpu, 1, XRGB, W, H));
				CHECK_GOOD(m, kit_gpu_attach(&m->gpu, 1, &entry, 1));
				CHECK_GOOD(m,
					kit_gpu_set_scanout(&m->gpu, 0, 1, kit_rect(0, 0, W, H)));
			}
			int type = kit_gpu_transfer_2d(&m->gpu, 1, kit_rect(0, 0, W, H), 0);
			CHECK_OK(m, type);
			CHECK_INT(type == VIRTIO_GPU_RESP_OK_NODATA, there);
			CHECK_GOOD(m, kit_gpu_flush(&m->gpu, 1, kit_rect(0, 0, W, H)));
		}
		wire_end(m);
	}
}

/* The memory with the rings goes: nothing is done until it is back, and then everything is. */
static void rings_are_unplugged(void)
{
	struct kit_machine *m = wire_machine_with("none", "--memory-slots", NULL);
	for (uint32_t round = 0; round < 10; round++) {
		struct virtio_gpu_ctrl_hdr request = kit_header(VIRTIO_GPU_CMD_GET_DISPLAY_INFO);
		CHECK_OK(m, kit_vmm_do(&m->vmm, VHOST_USER_REM_MEM_REG, 0, 0));
		struct kit_command *command =
			kit_gpu_submit(&m->gpu, 0, &request, sizeof(request), 408);
		CHECK(command);
		kit_ring_kick_always(&m->rings[0]);
		CHECK_OK(m, kit_pump(&m->kit, 10));
		CHECK_OK(m, kit_gpu_collect(&m->gpu));
		CHECK(!command->done);
		CHECK_OK(m, kit_vmm_do(&m->vmm, VHOST_USER_ADD_MEM_REG, 0, 0));
		CHECK_TYPE(m, kit_gpu_complete(&m->gpu, command, NULL, 0),
			VIRTIO_GPU_RESP_OK_DISPLAY_INFO);
	}
	wire_end(m);
}

int main(int argc, char **argv)
{
	static const struct test_case cases[] = {
		TEST_CASE(orders_2d),
		TEST_CASE(orders_3d),
		TEST_CASE(tables_only),
		TEST_CASE(unplugged_in_use),
		TEST_CASE(other_memory_in_its_place),
		TEST_CASE(changes_during_a_pause),
		TEST_CASE(rings_are_unplugged),
	};
	return test_main(argc, argv, cases, ARRAY_SIZE(cases));
}
