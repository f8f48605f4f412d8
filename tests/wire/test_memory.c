/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/* The memory a VMM shares: tables, single regions, what is wrong with them, and changes of them. */
#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "util/fd.h"
#include "wire.h"

#define MIB (UINT64_C(1) << 20)
#define GIB (UINT64_C(1) << 30)

static struct kit_machine *realized(void)
{
	return wire_machine("none", &(struct kit_machine_spec){ .stage = KIT_STAGE_REALIZED });
}

/* Eight regions with holes, each at another offset of its file. */
static void many_regions(void)
{
	struct kit_region_spec regions[8];
	for (uint32_t i = 0; i < ARRAY_SIZE(regions); i++)
		regions[i] = (struct kit_region_spec){ .guest = i * GIB,
			.size = (i + 1) * 2 * MIB,
			.offset = i * 8 * MIB + i * KIT_PAGE };
	struct kit_machine *m = wire_machine("none",
		&(struct kit_machine_spec){
			.regions = regions, .region_count = ARRAY_SIZE(regions) });
	struct kit_picture *picture = wire_pattern(512, 300, 1);
	struct virtio_gpu_resource_create_2d like = { .resource_id = 1,
		.format = VIRTIO_GPU_FORMAT_B8G8R8X8_UNORM,
		.width = 512,
		.height = 300 };
	for (uint32_t i = 1; i < ARRAY_SIZE(regions); i++) {
		/* the surface in this region alone; rings and commands wherever they are */
		for (uint32_t k = 0; k < ARRAY_SIZE(regions); k++)
			m->memory.regions[k].spec.unusable = k != i;
		struct kit_surface surface = wire_surface_chunked(m, &like, 7777);
		CHECK_GOOD(m, kit_gpu_set_scanout(&m->gpu, 0, 1, kit_rect(0, 0, 512, 300)));
		kit_picture_pattern(picture, kit_rect(0, 0, 512, 300), i);
		wire_show(m, &surface, picture);
		CHECK_PICTURE(m, 0, picture);
		CHECK_GOOD(m, kit_gpu_unref(&m->gpu, 1));
		kit_surface_finish(&surface);
	}
	kit_picture_destroy(picture);
	wire_end(m);
}

/* A backing entry that crosses from one region into the next, which follows it in guest memory. */
static void entry_across_regions(void)
{
	static const struct kit_region_spec regions[] = {
		{ .guest = 0, .size = 4 * MIB },
		{ .guest = 4 * MIB, .size = 4 * MIB },
	};
	struct kit_machine *m = wire_machine("none",
		&(struct kit_machine_spec){
			.regions = regions, .region_count = ARRAY_SIZE(regions) });
	struct kit_picture *picture = wire_pattern(64, 64, 2);
	struct virtio_gpu_mem_entry entry = { 4 * MIB - 8192, 16384, 0 };
	uint8_t *low = kit_ptr(&m->memory, 4 * MIB - 8192, 8192);
	uint8_t *high = kit_ptr(&m->memory, 4 * MIB, 8192);
	memcpy(low, picture->pixels, 8192);
	memcpy(high, (uint8_t *)picture->pixels + 8192, 8192);
	CHECK_GOOD(m, kit_gpu_create_2d(&m->gpu, 1, VIRTIO_GPU_FORMAT_B8G8R8X8_UNORM, 64, 64));
	CHECK_GOOD(m, kit_gpu_attach(&m->gpu, 1, &entry, 1));
	CHECK_GOOD(m, kit_gpu_set_scanout(&m->gpu, 0, 1, kit_rect(0, 0, 64, 64)));
	CHECK_GOOD(m, kit_gpu_transfer_2d(&m->gpu, 1, kit_rect(0, 0, 64, 64), 0));
	CHECK_GOOD(m, kit_gpu_flush(&m->gpu, 1, kit_rect(0, 0, 64, 64)));
	CHECK_PICTURE(m, 0, picture);
	kit_picture_destroy(picture);
	wire_end(m);
}

/* Sends a table of one region that differs from the kit's first one; 0, or what came of it. */
static int send_region(struct kit_machine *m, const struct vhost_user_memory_region *region, int fd)
{
	struct kit_message message;
	struct {
		struct vhost_user_memory_header header;
		struct vhost_user_memory_region region;
	} table = { .header.nregions = 1, .region = *region };
	CHECK_OK(m, kit_vmm_compose(&m->vmm, VHOST_USER_SET_MEM_TABLE, 0, 0, &message));
	kit_message_finish(&message);
	memcpy(message.payload, &table, sizeof(table));
	message.header.size = sizeof(table);
	message.header.flags |= VHOST_USER_NEED_REPLY_MASK;
	message.fds[message.fd_count++] = fd_dup(fd);
	CHECK_OK(m, kit_vmm_send_message(&m->vmm, &message));
	uint64_t status = 0;
	int ret = kit_vmm_receive_answer(&m->vmm, VHOST_USER_SET_MEM_TABLE, &status, 8);
	return ret == 0 && status ? -EREMOTEIO : ret;
}

/* Regions that cannot be: refused (or the session is closed), and the next VMM is served. */
static void impossible_regions(void)
{
	static const struct vhost_user_memory_region regions[] = {
		{ 0, 0, 0x10000, 0 }, /* empty */
		{ 0, UINT64_C(1) << 63, 0x10000, 0 }, /* larger than anything */
		{ 0, UINT64_MAX, 0x10000, 0 },
		{ UINT64_MAX - 4095, 2 * MIB, 0x10000, 0 }, /* guest address wraps */
		{ 0, 2 * MIB, UINT64_MAX - 4095, 0 }, /* user address wraps */
		{ 0, 2 * MIB, 0x10000, 63 * MIB }, /* beyond the file */
		{ 0, 65 * MIB, 0x10000, 0 },
		{ 0, 2 * MIB, 0x10000, UINT64_MAX - 4095 }, /* offset wraps */
		{ 0, 2 * MIB, 0x10000, 100 }, /* offset not of a page */
	};
	struct kit_machine *m = realized();
	for (size_t i = 0; i < ARRAY_SIZE(regions); i++) {
		int ret = send_region(m, &regions[i], m->memory.regions[0].fd);
		if (ret != -EREMOTEIO && ret != -ECONNRESET)
			test_fail(__FILE__, __LINE__, "region %zu: %d", i, ret);
		CHECK_OK(m, kit_machine_reconnect(m));
	}
	CHECK_OK(m, kit_machine_start(m));
	wire_check_alive(m);
	wire_end(m);
}

/* Two regions of one table in the same place. */
static void overlapping_regions(void)
{
	static const struct {
		uint64_t guest, user;
	} rows[] = { { 4096, 1 << 30 }, { 1 << 30, 4096 }, { 0, 0 } };
	struct kit_machine *m = realized();
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct kit_message message;
		CHECK_OK(m, kit_vmm_compose(&m->vmm, VHOST_USER_SET_MEM_TABLE, 0, 0, &message));
		struct vhost_user_memory_region two[2] = { { 0, 2 * MIB, 0, 0 },
			{ rows[i].guest, 2 * MIB, rows[i].user, 0 } };
		memcpy(message.payload + sizeof(struct vhost_user_memory_header), two, sizeof(two));
		message.header.flags |= VHOST_USER_NEED_REPLY_MASK;
		CHECK_OK(m, kit_vmm_send_message(&m->vmm, &message));
		uint64_t status = 0;
		int ret = kit_vmm_receive_answer(&m->vmm, VHOST_USER_SET_MEM_TABLE, &status, 8);
		CHECK(ret == -ECONNRESET || (ret == 0 && status != 0));
		CHECK_OK(m, kit_machine_reconnect(m));
	}
	wire_end(m);
}

/* A table whose header, regions and descriptors do not agree. */
static void counts_differ(void)
{
	static const uint32_t counts[] = { 0, 1, 3, 8, 9, 255, 0x80000000, UINT32_MAX };
	struct kit_machine *m = realized();
	for (size_t i = 0; i < ARRAY_SIZE(counts); i++) {
		struct kit_message message;
		CHECK_OK(m, kit_vmm_compose(&m->vmm, VHOST_USER_SET_MEM_TABLE, 0, 0, &message));
		memcpy(message.payload, &counts[i], sizeof(counts[i]));
		wire_expect_close(m);
		CHECK_OK(m, kit_vmm_send_message(&m->vmm, &message));
		wire_check_closed(m, "a memory table");
	}
	wire_end(m);
}

/* --- changes ------------------------------------------------------------------------------- */

/* A new table while the device runs: what was attached before is found in it. */
static void table_changes_while_running(void)
{
	struct kit_machine *m = wire_machine("none",
		&(struct kit_machine_spec){ .protocol_unwanted = UINT64_C(1)
				<< VHOST_USER_PROTOCOL_F_CONFIGURE_MEM_SLOTS });
	struct kit_picture *picture = wire_pattern(64, 64, 1);
	struct kit_surface surface = wire_surface(m, 1, VIRTIO_GPU_FORMAT_B8G8R8X8_UNORM, 64, 64);
	CHECK_GOOD(m, kit_gpu_set_scanout(&m->gpu, 0, 1, kit_rect(0, 0, 64, 64)));
	for (uint32_t i = 0; i < 6; i++) {
		struct kit_region_spec more = { .guest = (8 + i) * GIB, .size = 2 * MIB };
		CHECK_OK(m, kit_memory_add(&m->memory, &more));
		CHECK_OK(m, kit_vmm_do(&m->vmm, VHOST_USER_SET_MEM_TABLE, 0, 0));
		kit_picture_pattern(picture, kit_rect(0, 0, 64, 64), 10 + i);
		wire_show(m, &surface, picture);
		CHECK_PICTURE(m, 0, picture);
	}
	kit_surface_finish(&surface);
	kit_picture_destroy(picture);
	wire_end(m);
}

/* Backing in a region that goes away cannot be transferred; when the region comes back it can. */
static void backing_goes_and_comes(void)
{
	struct kit_machine *m = wire_machine("none",
		&(struct kit_machine_spec){ .protocol_unwanted = UINT64_C(1)
				<< VHOST_USER_PROTOCOL_F_CONFIGURE_MEM_SLOTS });
	struct kit_region_spec more = { .guest = 8 * GIB, .size = 2 * MIB, .unusable = true };
	struct virtio_gpu_mem_entry entry = { 8 * GIB, 16384, 0 };
	CHECK_OK(m, kit_memory_add(&m->memory, &more));
	CHECK_OK(m, kit_vmm_do(&m->vmm, VHOST_USER_SET_MEM_TABLE, 0, 0));
	CHECK_GOOD(m, kit_gpu_create_2d(&m->gpu, 1, VIRTIO_GPU_FORMAT_B8G8R8X8_UNORM, 64, 64));
	CHECK_GOOD(m, kit_gpu_attach(&m->gpu, 1, &entry, 1));
	CHECK_GOOD(m, kit_gpu_transfer_2d(&m->gpu, 1, kit_rect(0, 0, 64, 64), 0));

	kit_memory_drop(&m->memory);
	CHECK_OK(m, kit_vmm_do(&m->vmm, VHOST_USER_SET_MEM_TABLE, 0, 0));
	CHECK_ERROR(m, kit_gpu_transfer_2d(&m->gpu, 1, kit_rect(0, 0, 64, 64), 0));
	wire_check_alive(m);

	struct kit_picture *picture = wire_pattern(64, 64, 3);
	CHECK_OK(m, kit_memory_add(&m->memory, &more));
	CHECK_OK(m, kit_vmm_do(&m->vmm, VHOST_USER_SET_MEM_TABLE, 0, 0));
	memcpy(kit_ptr(&m->memory, 8 * GIB, 16384), picture->pixels, 16384);
	CHECK_GOOD(m, kit_gpu_set_scanout(&m->gpu, 0, 1, kit_rect(0, 0, 64, 64)));
	CHECK_GOOD(m, kit_gpu_transfer_2d(&m->gpu, 1, kit_rect(0, 0, 64, 64), 0));
	CHECK_GOOD(m, kit_gpu_flush(&m->gpu, 1, kit_rect(0, 0, 64, 64)));
	CHECK_PICTURE(m, 0, picture);
	kit_picture_destroy(picture);
	wire_end(m);
}

/* The table that takes the rings away: the device does not touch them; with the old table it goes
 * on. */
static void rings_go_away(void)
{
	struct kit_machine *m = wire_machine("none",
		&(struct kit_machine_spec){ .protocol_unwanted = UINT64_C(1)
				<< VHOST_USER_PROTOCOL_F_CONFIGURE_MEM_SLOTS });
	struct vhost_user_memory_region other = { 64 * GIB, 2 * MIB, 0x1000, 0 };
	int ret = send_region(m, &other, m->memory.regions[0].fd);
	if (ret == -ECONNRESET) {
		CHECK_OK(m, kit_machine_reconnect(m));
	} else {
		kit_ring_kick_always(&m->rings[0]);
		CHECK_OK(m, kit_vmm_do(&m->vmm, VHOST_USER_GET_FEATURES, 0, 0));
		CHECK_OK(m, kit_vmm_do(&m->vmm, VHOST_USER_SET_MEM_TABLE, 0, 0));
	}
	wire_check_alive(m);
	wire_end(m);
}

/* A VMM that cuts its memory off under the device loses what was in it, and nothing else. */
static void memory_is_cut_off(void)
{
	static const struct kit_region_spec regions[] = {
		{ .guest = 0, .size = 4 * MIB },
		{ .guest = GIB, .size = 4 * MIB, .unsealed = true, .unusable = true },
	};
	struct kit_machine *m = wire_machine("none",
		&(struct kit_machine_spec){
			.regions = regions, .region_count = ARRAY_SIZE(regions) });
	struct virtio_gpu_mem_entry entry = { GIB, 16384, 0 };
	CHECK_GOOD(m, kit_gpu_create_2d(&m->gpu, 1, VIRTIO_GPU_FORMAT_B8G8R8X8_UNORM, 64, 64));
	CHECK_GOOD(m, kit_gpu_attach(&m->gpu, 1, &entry, 1));
	CHECK_GOOD(m, kit_gpu_transfer_2d(&m->gpu, 1, kit_rect(0, 0, 64, 64), 0));
	CHECK_INT(ftruncate(m->memory.regions[1].fd, 0), 0);
	int ret = kit_gpu_transfer_2d(&m->gpu, 1, kit_rect(0, 0, 64, 64), 0);
	CHECK(ret > 0); /* answered, and by the same process */
	wire_check_alive(m);
	CHECK_INT(ftruncate(m->memory.regions[1].fd, 4 << 20), 0);
	CHECK_OK(m, kit_machine_reconnect(m));
	wire_check_alive(m);
	wire_end(m);
}

/* --- single regions ------------------------------------------------------------------------ */

static struct kit_machine *with_slots(void)
{
	struct kit_machine *m = wire_machine("none", NULL);
	if (!kit_vmm_has(&m->vmm, VHOST_USER_PROTOCOL_F_CONFIGURE_MEM_SLOTS)) {
		wire_end(m);
		test_skip("the backend does not offer CONFIGURE_MEM_SLOTS");
	}
	return m;
}

static void slots_come_and_go(void)
{
	struct kit_machine *m = with_slots();
	CHECK(m->vmm.memory_slots >= 8);
	uint32_t first = m->memory.count;
	struct kit_region_spec more = { .guest = 8 * GIB, .size = 2 * MIB, .unusable = true };
	for (int round = 0; round < 20; round++) {
		CHECK_OK(m, kit_memory_add(&m->memory, &more));
		CHECK_OK(m, kit_vmm_do(&m->vmm, VHOST_USER_ADD_MEM_REG, first, 0));
		struct virtio_gpu_mem_entry entry = { 8 * GIB, 16384, 0 };
		CHECK_GOOD(
			m, kit_gpu_create_2d(&m->gpu, 1, VIRTIO_GPU_FORMAT_B8G8R8X8_UNORM, 64, 64));
		CHECK_GOOD(m, kit_gpu_attach(&m->gpu, 1, &entry, 1));
		CHECK_GOOD(m, kit_gpu_transfer_2d(&m->gpu, 1, kit_rect(0, 0, 64, 64), 0));
		CHECK_GOOD(m, kit_gpu_unref(&m->gpu, 1));
		CHECK_OK(m, kit_vmm_do(&m->vmm, VHOST_USER_REM_MEM_REG, first, 0));
		kit_memory_drop(&m->memory);
	}
	wire_end(m);
}

/* As many as the backend said it takes, and one more. */
static void slots_run_out(void)
{
	struct kit_machine *m = with_slots();
	int ret = 0;
	uint32_t i;
	for (i = m->memory.count; i < m->vmm.memory_slots && i < KIT_MAX_REGIONS; i++) {
		struct kit_region_spec more = { .guest = (8 + i) * GIB, .size = KIT_PAGE };
		CHECK_OK(m, kit_memory_add(&m->memory, &more));
		CHECK_OK(m, kit_vmm_do(&m->vmm, VHOST_USER_ADD_MEM_REG, i, 0));
	}
	wire_check_alive(m);
	if (i == m->vmm.memory_slots && i < KIT_MAX_REGIONS) {
		struct kit_region_spec more = { .guest = (8 + i) * GIB, .size = KIT_PAGE };
		CHECK_OK(m, kit_memory_add(&m->memory, &more));
		ret = kit_vmm_do(&m->vmm, VHOST_USER_ADD_MEM_REG, i, 0);
		CHECK(ret == -EREMOTEIO || ret == -ECONNRESET);
	}
	wire_end(m);
}

static void slots_twice_and_unknown(void)
{
	struct kit_machine *m = with_slots();
	CHECK_INT(kit_vmm_do(&m->vmm, VHOST_USER_ADD_MEM_REG, 0, 0), -EREMOTEIO);
	struct kit_region_spec more = { .guest = 8 * GIB, .size = 2 * MIB, .unusable = true };
	CHECK_OK(m, kit_memory_add(&m->memory, &more));
	CHECK_INT(kit_vmm_do(&m->vmm, VHOST_USER_REM_MEM_REG, m->memory.count - 1, 0), -EREMOTEIO);
	wire_check_alive(m);
	wire_end(m);
}

int main(int argc, char **argv)
{
	static const struct test_case cases[] = {
		TEST_CASE(many_regions),
		TEST_CASE(entry_across_regions),
		TEST_CASE(impossible_regions),
		TEST_CASE(overlapping_regions),
		TEST_CASE(counts_differ),
		TEST_CASE(table_changes_while_running),
		TEST_CASE(backing_goes_and_comes),
		TEST_CASE(rings_go_away),
		TEST_CASE(memory_is_cut_off),
		TEST_CASE(slots_come_and_go),
		TEST_CASE(slots_run_out),
		TEST_CASE(slots_twice_and_unknown),
	};
	return test_main(argc, argv, cases, ARRAY_SIZE(cases));
}
