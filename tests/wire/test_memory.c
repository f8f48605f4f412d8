/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/* The memory a VMM shares: what is wrong with it is said, what is cut off is survived. */
#include <sys/mman.h>
#include <unistd.h>

#include "wire_3d.h"

#define MIB (UINT64_C(1) << 20)
#define GIB (UINT64_C(1) << 30)

static struct kit_machine *realized(void)
{
	return wire_machine("none", &(struct kit_machine_spec){ .stage = KIT_STAGE_REALIZED });
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

/* Region 1 is cut off while a texture of a renderer lies at address: it lives on, with its contexts. */
static void check_renderer_outlives(struct kit_machine *m, uint64_t address)
{
	struct virtio_gpu_mem_entry entry = { address, 16384, 0 };
	const struct virtio_gpu_transfer_host_3d transfer = { .box = { 0, 0, 0, 64, 64, 1 },
		.resource_id = 1 };
	wire_context(m, 1);
	wire_texture(m, 1, 64, 64);
	CHECK_GOOD(m, kit_gpu_attach(&m->gpu, 1, &entry, 1));
	CHECK_GOOD(m, kit_gpu_ctx_attach(&m->gpu, 1, 1));
	pid_t before = kit_backend_find(m->backend, "virtiogpud-render-null");
	CHECK_INT(ftruncate(m->memory.regions[1].fd, 0), 0);
	CHECK_GOOD(m, kit_gpu_transfer_to_3d(&m->gpu, 1, transfer));
	CHECK_GOOD(m, kit_gpu_transfer_from_3d(&m->gpu, 1, transfer));
	CHECK_OK(m, kit_backend_wait_lines(m->backend, "has cut off guest memory", 1));
	CHECK_GOOD(m, WIRE_SUBMIT(m, 1, NULL_NOP, 0));
	CHECK(before > 0);
	CHECK_INT(kit_backend_find(m->backend, "virtiogpud-render-null"), before);
}

/* The same with memory that a renderer reads and writes. */
static void memory_of_renderers_is_cut_off(void)
{
	static const struct kit_region_spec regions[] = {
		{ .guest = 0, .size = 4 * MIB },
		{ .guest = GIB, .size = 4 * MIB, .unsealed = true, .unusable = true },
	};
	struct kit_machine *m = wire_machine("null",
		&(struct kit_machine_spec){ .profile = &kit_profile_qemu_gpu_all,
			.regions = regions,
			.region_count = ARRAY_SIZE(regions) });
	check_renderer_outlives(m, GIB);
	CHECK_INT(ftruncate(m->memory.regions[1].fd, 4 << 20), 0);
	wire_end(m);
}

static struct kit_machine *with_huge_pages(const char *renderer)
{
	static const struct kit_region_spec regions[] = {
		{ .guest = 0, .size = 4 * MIB },
		{ .guest = GIB, .size = 4 * MIB, .unsealed = true, .unusable = true, .huge = true },
	};
	int fd = memfd_create("huge", MFD_CLOEXEC | MFD_HUGETLB | MAP_HUGE_2MB);
	if (fd < 0)
		test_skip("the kernel has no huge pages of 2 MiB");
	close(fd);
	return wire_machine(renderer,
		&(struct kit_machine_spec){ .profile = &kit_profile_qemu_gpu_all,
			.regions = regions,
			.region_count = ARRAY_SIZE(regions) });
}

/* Memory on huge pages that are not there, or no longer: a page is lost as a whole. */
static void huge_pages_are_missing(void)
{
	struct kit_machine *m = with_huge_pages("none");
	struct virtio_gpu_mem_entry entry = { GIB + 2 * MIB - 8192, 16384, 0 };
	CHECK_GOOD(m, kit_gpu_create_2d(&m->gpu, 1, VIRTIO_GPU_FORMAT_B8G8R8X8_UNORM, 64, 64));
	CHECK_GOOD(m, kit_gpu_attach(&m->gpu, 1, &entry, 1));
	CHECK(kit_gpu_transfer_2d(&m->gpu, 1, kit_rect(0, 0, 64, 64), 0) > 0);
	CHECK_INT(ftruncate(m->memory.regions[1].fd, 0), 0);
	CHECK(kit_gpu_transfer_2d(&m->gpu, 1, kit_rect(0, 0, 64, 64), 0) > 0);
	CHECK_OK(m, kit_backend_wait_lines(m->backend, "has cut off guest memory", 1));
	wire_check_alive(m);
	CHECK_INT(ftruncate(m->memory.regions[1].fd, 4 << 20), 0);
	CHECK_OK(m, kit_machine_reconnect(m));
	wire_check_alive(m);
	wire_end(m);
}

static void huge_pages_of_renderers_are_missing(void)
{
	struct kit_machine *m = with_huge_pages("null");
	check_renderer_outlives(m, GIB + 2 * MIB - 8192);
	wire_end(m);
}

static struct kit_machine *with_slots(void)
{
	struct kit_machine *m = wire_machine("none", NULL);
	if (!kit_vmm_has(&m->vmm, VHOST_USER_PROTOCOL_F_CONFIGURE_MEM_SLOTS)) {
		wire_end(m);
		test_skip("the backend does not offer CONFIGURE_MEM_SLOTS");
	}
	return m;
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
		TEST_CASE(counts_differ),
		TEST_CASE(memory_is_cut_off),
		TEST_CASE(memory_of_renderers_is_cut_off),
		TEST_CASE(huge_pages_are_missing),
		TEST_CASE(huge_pages_of_renderers_are_missing),
		TEST_CASE(slots_twice_and_unknown),
	};
	return test_main(argc, argv, cases, ARRAY_SIZE(cases));
}
