/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/* The memory a VMM shares: tables, single regions, what is wrong with them, and changes of them. */
#include <stdlib.h>
#include <unistd.h>

#include "kit/conform/conform.h"
#include "util/fd.h"

#define MIB  (UINT64_C(1) << 20)
#define GIB  (UINT64_C(1) << 30)
#define XRGB VIRTIO_GPU_FORMAT_B8G8R8X8_UNORM
#define SIDE 64u
#define SIZE (SIDE * SIDE * 4u) /* of such a resource's backing */

static struct kit_machine *realized(struct conform *c)
{
	return conform_machine(c, &(struct kit_machine_spec){ .stage = KIT_STAGE_REALIZED });
}

/* A VMM that sends the whole table each time. */
static struct kit_machine *with_tables(struct conform *c)
{
	return conform_machine(c,
		&(struct kit_machine_spec){
			.protocol_unwanted = CONFORM_PROTOCOL(CONFIGURE_MEM_SLOTS) });
}

static struct kit_machine *with_regions(
	struct conform *c, const struct kit_region_spec *regions, uint32_t count)
{
	return conform_machine(
		c, &(struct kit_machine_spec){ .regions = regions, .region_count = count });
}

/* A resource with this backing, shown: what is in guest memory is on the display. */
static void show_from(struct kit_machine *m, const struct virtio_gpu_mem_entry *entry)
{
	CHECK_GOOD(m, kit_gpu_create_2d(&m->gpu, 1, XRGB, SIDE, SIDE));
	CHECK_GOOD(m, kit_gpu_attach(&m->gpu, 1, entry, 1));
	CHECK_GOOD(m, kit_gpu_set_scanout(&m->gpu, 0, 1, kit_rect(0, 0, SIDE, SIDE)));
}

static void show_again(struct kit_machine *m)
{
	CHECK_GOOD(m, kit_gpu_transfer_2d(&m->gpu, 1, kit_rect(0, 0, SIDE, SIDE), 0));
	CHECK_GOOD(m, kit_gpu_flush(&m->gpu, 1, kit_rect(0, 0, SIDE, SIDE)));
}

/* --- regions ------------------------------------------------------------------------------- */

/* With holes between them, each at another offset of its file; the surface is in one of them, rings
 * and commands wherever they are. */
static const char *const region_names[] = { "0", "1", "2", "3", "4", "5", "6", "7", NULL };

static void region(struct conform *c)
{
	struct kit_region_spec regions[8];
	for (uint32_t i = 0; i < ARRAY_SIZE(regions); i++)
		regions[i] = (struct kit_region_spec){ .guest = i * GIB,
			.size = (i + 1) * 2 * MIB,
			.offset = i * 8 * MIB + i * KIT_PAGE };
	struct kit_machine *m = with_regions(c, regions, ARRAY_SIZE(regions));
	struct kit_picture *picture = conform_pattern(300, 200, c->variant);
	struct virtio_gpu_resource_create_2d like = {
		.resource_id = 1, .format = XRGB, .width = 300, .height = 200
	};
	for (uint32_t i = 0; i < ARRAY_SIZE(regions); i++)
		m->memory.regions[i].spec.unusable = i != c->variant;
	struct kit_surface s = conform_surface_chunked(m, &like, 7777);
	CHECK_GOOD(m, kit_gpu_set_scanout(&m->gpu, 0, 1, kit_rect(0, 0, 300, 200)));
	conform_show(m, &s, picture);
	CHECK_PICTURE(m, 0, picture);
	kit_surface_finish(&s);
	kit_picture_destroy(picture);
	conform_end(c, m);
}

/* Two regions that follow each other in guest memory. */
static const struct kit_region_spec neighbours[] = {
	{ .guest = 0, .size = 4 * MIB },
	{ .guest = 4 * MIB, .size = 4 * MIB },
};

/* Copies a picture of SIDE x SIDE there, across regions. */
static void put(struct kit_machine *m, uint64_t guest, const struct kit_picture *picture)
{
	const uint8_t *from = (const uint8_t *)picture->pixels;
	for (uint32_t done = 0; done < SIZE; done += KIT_PAGE)
		memcpy(kit_ptr(&m->memory, guest + done, KIT_PAGE), from + done, KIT_PAGE);
}

/* One backing entry at the edges of a region, and across them. */
static const uint64_t edges[] = { 4 * MIB - SIZE, 4 * MIB - SIZE / 2, 4 * MIB, 8 * MIB - SIZE };
static const char *const edge_names[] = { "end_of_the_first", "across", "start_of_the_second",
	"end_of_memory", NULL };

static void edge(struct conform *c)
{
	struct kit_machine *m = with_regions(c, neighbours, ARRAY_SIZE(neighbours));
	struct kit_picture *picture = conform_pattern(SIDE, SIDE, 2);
	struct virtio_gpu_mem_entry entry = { edges[c->variant], SIZE, 0 };
	put(m, entry.addr, picture);
	show_from(m, &entry);
	show_again(m);
	CHECK_PICTURE(m, 0, picture);
	kit_picture_destroy(picture);
	conform_end(c, m);
}

/* Request and response themselves across the border, and up to the last byte of memory. */
static const char *const command_names[] = { "across", "end_of_memory", NULL };

static void command(struct conform *c)
{
	static const uint64_t ends[] = { 4 * MIB + 100, 8 * MIB };
	enum { ANSWER = sizeof(struct virtio_gpu_resp_display_info) };
	struct kit_machine *m = with_regions(c, neighbours, ARRAY_SIZE(neighbours));
	struct virtio_gpu_ctrl_hdr request = kit_header(VIRTIO_GPU_CMD_GET_DISPLAY_INFO);
	struct virtio_gpu_resp_display_info info;
	uint64_t out = ends[c->variant] - ANSWER, in = kit_alloc(&m->memory, sizeof(request), 8);
	struct kit_piece pieces[] = { { in, sizeof(request), false }, { out, ANSWER, true } };
	struct kit_used used;
	CHECK_TYPE(m, kit_gpu_display_info(&m->gpu, &info), VIRTIO_GPU_RESP_OK_DISPLAY_INFO);
	memcpy(kit_ptr(&m->memory, in, sizeof(request)), &request, sizeof(request));
	CHECK_OK(m, kit_ring_add(&m->rings[0], pieces, ARRAY_SIZE(pieces), &used));
	kit_ring_kick(&m->rings[0]);
	CHECK_OK(m, kit_ring_wait(&m->rings[0], -1));
	CHECK_INT(kit_ring_take(&m->rings[0], &used), 1);
	for (uint32_t i = 0; i < ANSWER; i++)
		CHECK_MEM(kit_ptr(&m->memory, out + i, 1), (uint8_t *)&info + i, 1);
	kit_free(&m->memory, in, sizeof(request));
	conform_end(c, m);
}

/* --- what cannot be ------------------------------------------------------------------------ */

/* Sends a table of one region; with REPLY_ACK true when it was acknowledged as good. */
static bool takes_region(struct kit_machine *m, const struct vhost_user_memory_region *region)
{
	struct {
		struct vhost_user_memory_header header;
		struct vhost_user_memory_region region;
	} table = { .header.nregions = 1, .region = *region };
	struct kit_message message;
	bool ack = kit_vmm_has(&m->vmm, VHOST_USER_PROTOCOL_F_REPLY_ACK);
	uint64_t status = 0;
	conform_compose(m, VHOST_USER_SET_MEM_TABLE, &message);
	for (uint32_t i = 1; i < message.fd_count; i++)
		fd_close(&message.fds[i]);
	message.fd_count = 1;
	memcpy(message.payload, &table, sizeof(table));
	message.header.size = sizeof(table);
	message.header.flags |= ack ? VHOST_USER_NEED_REPLY_MASK : 0;
	CHECK_OK(m, kit_vmm_send_message(&m->vmm, &message));
	if (!ack)
		return false;
	int ret = kit_vmm_receive_answer(&m->vmm, VHOST_USER_SET_MEM_TABLE, &status, 8);
	CHECK_OK_OR_REFUSED(m, ret);
	return ret == 0 && status == 0;
}

/* Some of them nobody can serve; others may be, as long as nobody goes there. */
static const struct {
	struct vhost_user_memory_region region;
	bool possible;
} impossible[] = {
	{ { 0, 0, 0x10000, 0 }, true },
	{ { 0, UINT64_C(1) << 63, 0x10000, 0 }, false },
	{ { 0, UINT64_MAX, 0x10000, 0 }, false },
	{ { UINT64_MAX - 4095, 2 * MIB, 0x10000, 0 }, true },
	{ { 0, 2 * MIB, UINT64_MAX - 4095, 0 }, true },
	{ { 0, 2 * MIB, 0x10000, 63 * MIB }, true },
	{ { 0, 65 * MIB, 0x10000, 0 }, true },
	{ { 0, 2 * MIB, 0x10000, UINT64_MAX - 4095 }, true },
	{ { 0, 2 * MIB, 0x10000, 100 }, true },
};
static const char *const impossible_names[] = { "empty", "2_to_the_63", "2_to_the_64",
	"guest_address_wraps", "user_address_wraps", "offset_at_the_end", "longer_than_its_file",
	"offset_wraps", "offset_not_of_a_page", NULL };

static void impossible_region(struct conform *c)
{
	struct kit_machine *m = realized(c);
	if (takes_region(m, &impossible[c->variant].region))
		CHECK(impossible[c->variant].possible);
	m = conform_check_refused(c, m, impossible_names[c->variant]);
	conform_start(m);
	conform_end(c, m);
}

/* Two regions of one table in the same place: of the guest's addresses, the VMM's, both. */
static const char *const overlap_names[] = { "guest", "user", "both", NULL };

static void overlapping_regions(struct conform *c)
{
	static const struct {
		uint64_t guest, user;
	} rows[] = { { 4096, 1 << 30 }, { 1 << 30, 4096 }, { 0, 0 } };
	struct kit_machine *m = realized(c);
	struct vhost_user_memory_region two[2] = { { 0, 2 * MIB, 0, 0 },
		{ rows[c->variant].guest, 2 * MIB, rows[c->variant].user, 0 } };
	struct kit_message message;
	conform_compose(m, VHOST_USER_SET_MEM_TABLE, &message);
	memcpy(message.payload + sizeof(struct vhost_user_memory_header), two, sizeof(two));
	CHECK_OK(m, kit_vmm_send_message(&m->vmm, &message));
	m = conform_check_refused(c, m, "regions that overlap");
	conform_start(m);
	conform_end(c, m);
}

/* A table whose header, regions (two) and descriptors do not agree. */
static const uint32_t counts[] = { 0, 1, 3, 8, 9, 255, 0x80000000, UINT32_MAX };
static const char *const count_names[] = { "0", "1", "3", "8", "9", "255", "2147483648",
	"4294967295", NULL };

static void count_differs(struct conform *c)
{
	struct kit_machine *m = realized(c);
	struct kit_message message;
	conform_compose(m, VHOST_USER_SET_MEM_TABLE, &message);
	memcpy(message.payload, &counts[c->variant], sizeof(counts[0]));
	CHECK_OK(m, kit_vmm_send_message(&m->vmm, &message));
	m = conform_check_refused(c, m, "a memory table");
	conform_start(m);
	conform_end(c, m);
}

/* --- changes ------------------------------------------------------------------------------- */

/* A new table while the device runs: what was attached before is found in it. */
static void table_changes(struct conform *c)
{
	struct kit_machine *m = with_tables(c);
	struct kit_picture *picture = conform_pattern(SIDE, SIDE, 1);
	struct kit_surface s = conform_surface(m, 1, XRGB, SIDE, SIDE);
	CHECK_GOOD(m, kit_gpu_set_scanout(&m->gpu, 0, 1, kit_rect(0, 0, SIDE, SIDE)));
	for (uint32_t i = 0; i < 6; i++) {
		struct kit_region_spec more = { .guest = (8 + i) * GIB, .size = 2 * MIB };
		CHECK_OK(m, kit_memory_add(&m->memory, &more));
		CHECK_OK(m, kit_vmm_do(&m->vmm, VHOST_USER_SET_MEM_TABLE, 0, 0));
		kit_picture_pattern(picture, kit_rect(0, 0, SIDE, SIDE), 10 + i);
		conform_show(m, &s, picture);
		CHECK_PICTURE(m, 0, picture);
	}
	kit_surface_finish(&s);
	kit_picture_destroy(picture);
	conform_end(c, m);
}

/* The same table again and again, with commands in between. */
static void table_again(struct conform *c)
{
	struct kit_machine *m = with_tables(c);
	for (uint32_t i = 0; i < 100; i++) {
		CHECK_OK(m, kit_vmm_do(&m->vmm, VHOST_USER_SET_MEM_TABLE, 0, 0));
		conform_check_alive(m);
	}
	conform_end(c, m);
}

static const struct kit_region_spec more_memory = {
	.guest = 8 * GIB, .size = 2 * MIB, .unusable = true
};

/* Backing in a region that goes away is not looked at; when the region comes back, as another file,
 * it is found there. */
static void backing_goes_and_comes(struct conform *c)
{
	struct kit_machine *m = with_tables(c);
	struct kit_picture *picture = conform_pattern(SIDE, SIDE, 3);
	struct virtio_gpu_mem_entry entry = { 8 * GIB, SIZE, 0 };
	CHECK_OK(m, kit_memory_add(&m->memory, &more_memory));
	CHECK_OK(m, kit_vmm_do(&m->vmm, VHOST_USER_SET_MEM_TABLE, 0, 0));
	show_from(m, &entry);
	show_again(m);

	kit_memory_drop(&m->memory);
	CHECK_OK(m, kit_vmm_do(&m->vmm, VHOST_USER_SET_MEM_TABLE, 0, 0));
	CHECK_OK(m, kit_gpu_transfer_2d(&m->gpu, 1, kit_rect(0, 0, SIDE, SIDE), 0));
	conform_check_alive(m);

	CHECK_OK(m, kit_memory_add(&m->memory, &more_memory));
	CHECK_OK(m, kit_vmm_do(&m->vmm, VHOST_USER_SET_MEM_TABLE, 0, 0));
	put(m, entry.addr, picture);
	show_again(m);
	CHECK_PICTURE(m, 0, picture);
	kit_picture_destroy(picture);
	conform_end(c, m);
}

/* The table that takes the rings away: the device does not touch them; with the old table it goes
 * on, or the device is reset. */
static void rings_go_away(struct conform *c)
{
	struct kit_machine *m = with_tables(c);
	struct vhost_user_memory_region other = { 64 * GIB, 2 * MIB, 0x1000, 0 };
	takes_region(m, &other);
	for (uint32_t i = 0; i < KIT_QUEUES; i++)
		kit_ring_kick_always(&m->rings[i]);
	m = conform_check_refused(c, m, "a table without the rings");
	conform_end(c, m);
}

static void rings_come_back(struct conform *c)
{
	struct kit_machine *m = with_tables(c);
	struct vhost_user_memory_region other = { 64 * GIB, 2 * MIB, 0x1000, 0 };
	if (!takes_region(m, &other)) {
		m = conform_check_refused(c, m, "a table without the rings");
		conform_reject(c, m, "a table without the rings is refused");
	}
	CHECK_OK(m, kit_vmm_do(&m->vmm, VHOST_USER_GET_FEATURES, 0, 0));
	CHECK_OK(m, kit_vmm_do(&m->vmm, VHOST_USER_SET_MEM_TABLE, 0, 0));
	conform_end(c, m);
}

/* Takes the last region away while the machine is stopped. */
static void remove_last(struct kit_machine *m)
{
	if (kit_vmm_has(&m->vmm, VHOST_USER_PROTOCOL_F_CONFIGURE_MEM_SLOTS))
		CHECK_OK(m, kit_vmm_do(&m->vmm, VHOST_USER_REM_MEM_REG, --m->vmm.regions_known, 0));
	kit_memory_drop(&m->memory);
}

static const struct kit_profile *const profiles[] = {
	&kit_profile_qemu_gpu_all,
	&kit_profile_qemu_generic,
	&kit_profile_crosvm,
};
static const char *const profile_names[] = { "qemu_gpu", "qemu_generic", "crosvm", NULL };

/* Memory is plugged and unplugged while the machine is paused. */
static void changes_in_a_pause(struct conform *c)
{
	struct kit_machine *m =
		conform_machine(c, &(struct kit_machine_spec){ .profile = profiles[c->variant] });
	struct virtio_gpu_mem_entry entry = { 8 * GIB, SIZE, 0 };
	CHECK_GOOD(m, kit_gpu_create_2d(&m->gpu, 1, XRGB, SIDE, SIDE));
	for (int round = 0; round < 3; round++) {
		CHECK_OK(m, kit_machine_stop(m));
		CHECK_OK(m, kit_memory_add(&m->memory, &more_memory));
		CHECK_OK(m, kit_machine_start(m));
		CHECK_GOOD(m, kit_gpu_attach(&m->gpu, 1, &entry, 1));
		CHECK_GOOD(m, kit_gpu_transfer_2d(&m->gpu, 1, kit_rect(0, 0, SIDE, SIDE), 0));
		CHECK_GOOD(m, kit_gpu_detach(&m->gpu, 1));
		CHECK_OK(m, kit_machine_stop(m));
		remove_last(m);
		CHECK_OK(m, kit_machine_start(m));
		conform_check_alive(m);
	}
	conform_end(c, m);
}

/* --- single regions ------------------------------------------------------------------------ */

static void use_more_memory(struct kit_machine *m)
{
	struct virtio_gpu_mem_entry entry = { 8 * GIB, SIZE, 0 };
	CHECK_GOOD(m, kit_gpu_create_2d(&m->gpu, 1, XRGB, SIDE, SIDE));
	CHECK_GOOD(m, kit_gpu_attach(&m->gpu, 1, &entry, 1));
	CHECK_GOOD(m, kit_gpu_transfer_2d(&m->gpu, 1, kit_rect(0, 0, SIDE, SIDE), 0));
	CHECK_GOOD(m, kit_gpu_unref(&m->gpu, 1));
}

static void slots_come_and_go(struct conform *c)
{
	struct kit_machine *m = conform_machine(c, NULL);
	uint32_t first = m->memory.count;
	CHECK(m->vmm.memory_slots > first);
	for (int round = 0; round < 20; round++) {
		CHECK_OK(m, kit_memory_add(&m->memory, &more_memory));
		CHECK_OK(m, kit_vmm_do(&m->vmm, VHOST_USER_ADD_MEM_REG, first, 0));
		use_more_memory(m);
		CHECK_OK(m, kit_vmm_do(&m->vmm, VHOST_USER_REM_MEM_REG, first, 0));
		kit_memory_drop(&m->memory);
	}
	conform_end(c, m);
}

/* Removes or adds the memory with the rings; a backend that does not like it ends the case. */
static void change_rings(struct conform *c, struct kit_machine *m, uint32_t request)
{
	int ret = kit_vmm_do(&m->vmm, request, 0, 0);
	CHECK_OK_OR_REFUSED(m, ret);
	if (ret == 0)
		return;
	m = conform_check_refused(c, m, "memory with rings that comes and goes");
	conform_reject(c, m, "memory with rings does not come and go");
}

/* It goes while they run: what is added meanwhile is done when it is back. */
static void slot_of_the_rings(struct conform *c)
{
	struct kit_machine *m = conform_machine(c, NULL);
	struct virtio_gpu_ctrl_hdr request = kit_header(VIRTIO_GPU_CMD_GET_DISPLAY_INFO);
	for (int round = 0; round < 5; round++) {
		change_rings(c, m, VHOST_USER_REM_MEM_REG);
		struct kit_command *command =
			kit_gpu_submit(&m->gpu, 0, &request, sizeof(request), 408);
		CHECK(command);
		kit_ring_kick_always(&m->rings[0]);
		CHECK_OK_OR_REFUSED(m, kit_pump(&m->kit, 5));
		change_rings(c, m, VHOST_USER_ADD_MEM_REG);
		CHECK_OK(m, kit_gpu_complete(&m->gpu, command, NULL, 0));
	}
	conform_end(c, m);
}

/* As many as the backend said it takes, and one more. */
static void slots_run_out(struct conform *c)
{
	struct kit_machine *m = conform_machine(c, NULL);
	uint32_t slots = (uint32_t)min_u64(m->vmm.memory_slots, KIT_MAX_REGIONS - 1);
	while (m->memory.count <= slots) {
		uint32_t next = m->memory.count;
		struct kit_region_spec more = { .guest = (8 + next) * GIB, .size = KIT_PAGE };
		CHECK_OK(m, kit_memory_add(&m->memory, &more));
		int ret = kit_vmm_do(&m->vmm, VHOST_USER_ADD_MEM_REG, next, 0);
		if (next < slots)
			CHECK_OK(m, ret);
		CHECK_OK_OR_REFUSED(m, ret);
		if (next + 1 == slots)
			conform_check_alive(m);
	}
	kit_memory_drop(&m->memory);
	conform_end(c, conform_check_refused(c, m, "one region too many"));
}

/* How a region may be named that is to go, beside the good way. */
static const char *const removal_names[] = { "other_offset", "with_descriptor", NULL };

static void slot_removal(struct conform *c)
{
	struct kit_machine *m = conform_machine(c, NULL);
	struct kit_message message;
	uint32_t first = m->memory.count;
	uint64_t offset = 123 * KIT_PAGE;
	CHECK_OK(m, kit_memory_add(&m->memory, &more_memory));
	CHECK_OK(m, kit_vmm_do(&m->vmm, VHOST_USER_ADD_MEM_REG, first, 0));
	CHECK_OK(m, kit_vmm_compose(&m->vmm, VHOST_USER_REM_MEM_REG, first, 0, &message));
	if (c->variant == 0)
		memcpy(message.payload + 32, &offset, sizeof(offset));
	else
		message.fds[message.fd_count++] = fd_dup(m->memory.regions[first].fd);
	CHECK_OK(m, kit_vmm_send_message(&m->vmm, &message));
	/* it is gone: the same one can be added again */
	CHECK_OK(m, kit_vmm_do(&m->vmm, VHOST_USER_ADD_MEM_REG, first, 0));
	use_more_memory(m);
	conform_end(c, m);
}

static const char *const wrong_slot_names[] = { "added_twice", "overlaps", "removed_twice",
	"never_added", NULL };

static void wrong_slot(struct conform *c)
{
	struct kit_region_spec overlapping = {
		.guest = 2 * MIB, .size = 2 * MIB, .unusable = true
	};
	bool overlaps = c->variant == 1;
	struct kit_machine *m = conform_machine(c, NULL);
	uint32_t first = m->memory.count;
	CHECK_OK(m, kit_memory_add(&m->memory, overlaps ? &overlapping : &more_memory));
	if (c->variant == 0 || c->variant == 2)
		CHECK_OK(m, kit_vmm_do(&m->vmm, VHOST_USER_ADD_MEM_REG, first, 0));
	if (c->variant == 2)
		CHECK_OK(m, kit_vmm_do(&m->vmm, VHOST_USER_REM_MEM_REG, first, 0));
	CHECK_OK_OR_REFUSED(m,
		kit_vmm_do(&m->vmm,
			c->variant < 2 ? VHOST_USER_ADD_MEM_REG : VHOST_USER_REM_MEM_REG, first,
			0));
	kit_memory_drop(&m->memory);
	conform_end(c, conform_check_refused(c, m, wrong_slot_names[c->variant]));
}

#define SHOWN .needs = CONFORM_NEEDS_DISPLAY
#define SLOTS .protocol = CONFORM_PROTOCOL(CONFIGURE_MEM_SLOTS)

static const struct conform_case cases[] = {
	{ "region", "vhost-user: SET_MEM_TABLE: regions at any address and offset of their files",
		.run = region, .variants = region_names, SHOWN },
	{ "edge",
		"virtio 1.4, 5.7.6.8: an entry of backing is guest memory, whatever region it is "
		"in",
		.run = edge, .variants = edge_names, SHOWN },
	{ "command", "virtio 1.4, 2.7.5: a buffer is guest memory, whatever region it is in",
		.run = command, .variants = command_names },
	{ "impossible_region", "vhost-user: SET_MEM_TABLE: a region that cannot be",
		.run = impossible_region, .variants = impossible_names, .hostile = true },
	{ "overlapping_regions", "vhost-user: regions that overlap are a bug of the front end",
		.run = overlapping_regions, .variants = overlap_names, .hostile = true },
	{ "count_differs", "vhost-user: SET_MEM_TABLE: as many descriptors as regions",
		.run = count_differs, .variants = count_names, .hostile = true },
	{ "table_changes",
		"QEMU sends SET_MEM_TABLE whenever the guest's memory map changes, in running too",
		.run = table_changes, SHOWN },
	{ "table_again", "QEMU sends SET_MEM_TABLE in running", .run = table_again },
	{ "backing_goes_and_comes",
		"virtio 1.4, 5.7.6.8: backing is guest addresses; the VMM says what is behind "
		"them",
		.run = backing_goes_and_comes, SHOWN, .hostile = true },
	{ "rings_go_away", "vhost-user: SET_MEM_TABLE: memory that is not in it is not touched",
		.run = rings_go_away, .hostile = true },
	{ "rings_come_back", "vhost-user: SET_MEM_TABLE: ring addresses are found in the last one",
		.run = rings_come_back, .protocol = CONFORM_PROTOCOL(REPLY_ACK) },
	{ "changes_in_a_pause", "memory can be plugged and unplugged while a VM is paused",
		.run = changes_in_a_pause, .variants = profile_names },
	{ "slot_of_the_rings", "vhost-user: REM_MEM_REG of any region, ADD_MEM_REG again",
		.run = slot_of_the_rings, SLOTS },
	{ "slots_come_and_go", "vhost-user: ADD_MEM_REG and REM_MEM_REG", .run = slots_come_and_go,
		SLOTS },
	{ "slots_run_out", "vhost-user: GET_MAX_MEM_SLOTS", .run = slots_run_out, SLOTS },
	{ "slot_removal",
		"vhost-user: REM_MEM_REG: the offset is ignored; a descriptor is closed unused",
		.run = slot_removal, .variants = removal_names, SLOTS },
	{ "wrong_slot", "vhost-user: regions that overlap, or are not there to be removed",
		.run = wrong_slot, .variants = wrong_slot_names, SLOTS, .hostile = true },
};
DEFINE_CONFORM_AREA(memory, cases);
