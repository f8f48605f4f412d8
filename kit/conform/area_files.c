/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/* VMMs that do to the files of guest memory what they like, while the device uses them. */
#include <fcntl.h>
#include <unistd.h>

#include "kit/conform/conform.h"

#define MIB  (UINT64_C(1) << 20)
#define GIB  (UINT64_C(1) << 30)
#define XRGB VIRTIO_GPU_FORMAT_B8G8R8X8_UNORM

static const char *const change_names[] = { "cut_off", "holes", NULL };

static void change(struct conform *c)
{
	static const struct kit_region_spec regions[] = {
		{ .guest = 0, .size = 64 * MIB },
		{ .guest = GIB, .size = 4 * MIB, .unsealed = true, .unusable = true },
	};
	struct kit_machine *m = conform_machine(c,
		&(struct kit_machine_spec){
			.regions = regions, .region_count = ARRAY_SIZE(regions) });
	const struct virtio_gpu_mem_entry entry = { GIB, 16384, 0 };
	int fd = m->memory.regions[1].fd;
	CHECK_GOOD(m, kit_gpu_create_2d(&m->gpu, 1, XRGB, 64, 64));
	CHECK_GOOD(m, kit_gpu_attach(&m->gpu, 1, &entry, 1));
	CHECK_GOOD(m, kit_gpu_set_scanout(&m->gpu, 0, 1, kit_rect(0, 0, 64, 64)));
	for (int round = 0; round < 10; round++) {
		CHECK(c->variant == 0 ? ftruncate(fd, 0) == 0
				      : fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0,
						4 * MIB) == 0);
		CHECK_OK(m, kit_gpu_transfer_2d(&m->gpu, 1, kit_rect(0, 0, 64, 64), 0));
		CHECK_OK(m, kit_gpu_flush(&m->gpu, 1, kit_rect(0, 0, 64, 64)));
		CHECK(ftruncate(fd, (off_t)(4 * MIB)) == 0);
	}
	conform_end(c, m);
}

static const struct conform_case cases[] = {
	{ "change", "a VMM that takes memory away harms its own guest only", change, change_names },
};
DEFINE_HOSTILE_AREA(files, cases);
