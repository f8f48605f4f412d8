/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/*
 * Guests that take all they can get, and guests that make one mistake a hundred thousand times: what
 * they took comes back, and their mistakes leave nothing behind.
 */
#include <stdlib.h>

#include "kit/conform/gl.h"
#include "kit/conform/guest.h"

#define BGRX VIRTIO_GPU_FORMAT_B8G8R8X8_UNORM
#define ARGB VIRTIO_GPU_FORMAT_B8G8R8A8_UNORM

#define BATCH       64u
#define GROWTH_KIB  8192u /* caches, fragments: what is no leak */
#define MAX_IDS     70000u
#define GOOD_SOURCE 7u /* a resource that cases leave alone */

/* --- one command, very often --------------------------------------------------------------- */

/* Sends a command so many times, a batch at a time, and wants the same kind of answer each time. */
static void repeat(struct kit_machine *m, const void *request, uint32_t size, uint32_t times)
{
	uint32_t type;
	memcpy(&type, request, sizeof(type));
	const struct kit_command_spec *spec = kit_command_spec(type);
	for (uint32_t done = 0; done < times; done += BATCH) {
		struct kit_command *commands[BATCH];
		uint32_t count = 0;
		while (count < BATCH) {
			commands[count] = kit_gpu_queue(&m->gpu, spec->queue, request, size, 2048);
			if (!commands[count])
				break;
			count++;
		}
		CHECK(count > 0);
		kit_ring_kick(&m->rings[spec->queue]);
		for (uint32_t i = 0; i < count; i++)
			CHECK_ERROR(m, kit_gpu_complete(&m->gpu, commands[i], NULL, 0));
	}
}

union request {
	struct virtio_gpu_ctrl_hdr header;
	struct virtio_gpu_get_edid edid;
	struct virtio_gpu_resource_create_2d create_2d;
	struct virtio_gpu_resource_unref unref;
	struct virtio_gpu_set_scanout scanout;
	struct virtio_gpu_resource_flush flush;
	struct virtio_gpu_transfer_to_host_2d transfer;
	struct {
		struct virtio_gpu_resource_attach_backing attach;
		struct virtio_gpu_mem_entry entries[4];
	} backing;
	struct virtio_gpu_resource_detach_backing detach;
	struct virtio_gpu_resource_assign_uuid uuid;
	struct {
		struct virtio_gpu_resource_create_blob create;
		struct virtio_gpu_mem_entry entries[4];
	} blob;
	struct virtio_gpu_set_scanout_blob scanout_blob;
	struct virtio_gpu_update_cursor cursor;
};

/* Wrong in the last thing that is looked at. */
static const struct {
	uint32_t size;
	uint64_t feature;
	union request request;
} mistakes[] = {
	{ sizeof(struct virtio_gpu_get_edid), CONFORM_FEATURE(GPU_F_EDID),
		{ .edid = { { VIRTIO_GPU_CMD_GET_EDID }, 16, 0 } } },
	{ sizeof(struct virtio_gpu_resource_create_2d), 0,
		{ .create_2d = { { VIRTIO_GPU_CMD_RESOURCE_CREATE_2D }, GOOD_SOURCE, BGRX, 64,
			  64 } } },
	{ sizeof(struct virtio_gpu_resource_create_2d), 0,
		{ .create_2d = { { VIRTIO_GPU_CMD_RESOURCE_CREATE_2D }, 8, 9999, 64, 64 } } },
	{ sizeof(struct virtio_gpu_resource_unref), 0,
		{ .unref = { { VIRTIO_GPU_CMD_RESOURCE_UNREF }, 8, 0 } } },
	{ sizeof(struct virtio_gpu_set_scanout), 0,
		{ .scanout = { { VIRTIO_GPU_CMD_SET_SCANOUT }, { 0, 0, 65, 64 }, 0,
			  GOOD_SOURCE } } },
	{ sizeof(struct virtio_gpu_resource_flush), 0,
		{ .flush = { { VIRTIO_GPU_CMD_RESOURCE_FLUSH }, { 0, 64, 1, 1 }, GOOD_SOURCE,
			  0 } } },
	{ sizeof(struct virtio_gpu_transfer_to_host_2d), 0,
		{ .transfer = { { VIRTIO_GPU_CMD_TRANSFER_TO_HOST_2D }, { 0, 0, 64, 64 }, 1,
			  GOOD_SOURCE, 0 } } },
	{ sizeof(((union request *)NULL)->backing), 0,
		{ .backing = { { { VIRTIO_GPU_CMD_RESOURCE_ATTACH_BACKING }, 9, 4 },
			  { { 0x10000, 4096, 0 }, { 0x20000, 4096, 0 }, { 0x30000, 4096, 0 },
				  { UINT64_C(1) << 60, 4096, 0 } } } } },
	{ sizeof(struct virtio_gpu_resource_detach_backing), 0,
		{ .detach = { { VIRTIO_GPU_CMD_RESOURCE_DETACH_BACKING }, 9, 0 } } },
	{ sizeof(struct virtio_gpu_resource_assign_uuid), CONFORM_FEATURE(GPU_F_RESOURCE_UUID),
		{ .uuid = { { VIRTIO_GPU_CMD_RESOURCE_ASSIGN_UUID }, 8, 0 } } },
	{ sizeof(((union request *)NULL)->blob), CONFORM_FEATURE(GPU_F_RESOURCE_BLOB),
		{ .blob = { { { VIRTIO_GPU_CMD_RESOURCE_CREATE_BLOB }, 8, VIRTIO_GPU_BLOB_MEM_GUEST,
				    0, 4, 0, 5 * 4096 },
			  { { 0x10000, 4096, 0 }, { 0x20000, 4096, 0 }, { 0x30000, 4096, 0 },
				  { 0x40000, 4096, 0 } } } } },
	{ sizeof(struct virtio_gpu_set_scanout_blob), CONFORM_FEATURE(GPU_F_RESOURCE_BLOB),
		{ .scanout_blob = { { VIRTIO_GPU_CMD_SET_SCANOUT_BLOB }, { 0, 0, 8, 8 }, 0, 8, 8, 8,
			  BGRX, 0, { 32 }, { 0 } } } },
	{ sizeof(struct virtio_gpu_update_cursor), 0,
		{ .cursor = { { VIRTIO_GPU_CMD_UPDATE_CURSOR }, { 0, 0, 0, 0 }, 8, 0, 0, 0 } } },
};

static void mistake(struct conform *c)
{
	enum { WARM_UP = 500, TIMES = 100000 };
	struct kit_machine *m = conform_machine(c, NULL);
	uint64_t feature = mistakes[c->variant].feature;
	if (feature & ~m->vmm.features)
		conform_skip("the feature of this command is not offered");
	struct kit_surface good = conform_surface(m, GOOD_SOURCE, BGRX, 64, 64);
	CHECK_GOOD(m, kit_gpu_create_2d(&m->gpu, 9, BGRX, 64, 64));
	const union request *request = &mistakes[c->variant].request;
	repeat(m, request, mistakes[c->variant].size, WARM_UP);
	struct kit_usage before = guest_usage_before(m);
	repeat(m, request, mistakes[c->variant].size, TIMES);
	guest_check_usage(m, &before, GROWTH_KIB);
	kit_surface_finish(&good);
	conform_end(c, m);
}

/* --- until nothing is left ----------------------------------------------------------------- */

/* Resources of a size until one is refused; frees them. How many there were. */
static uint32_t take_all(struct kit_machine *m, uint32_t side)
{
	uint32_t count = 0;
	int type = VIRTIO_GPU_RESP_OK_NODATA;
	while (count < MAX_IDS && type == VIRTIO_GPU_RESP_OK_NODATA) {
		type = kit_gpu_create_2d(&m->gpu, count + 1, BGRX, side, side);
		CHECK_OK(m, type);
		count += type == VIRTIO_GPU_RESP_OK_NODATA;
	}
	for (uint32_t i = 1; i <= count; i++)
		CHECK_GOOD(m, kit_gpu_unref(&m->gpu, i));
	return count;
}

static void resources(struct conform *c)
{
	static const uint32_t sides[] = { 1, 256, 2048, 8192 };
	struct kit_machine *m = conform_machine(c, NULL);
	uint32_t count = take_all(m, sides[c->variant]);
	struct kit_usage before = guest_usage_before(m);
	CHECK(count > 0);
	CHECK_INT(take_all(m, sides[c->variant]), count);
	guest_check_usage(m, &before, GROWTH_KIB);
	conform_end(c, m);
}

/* Backing of as many entries as one resource takes, on as many resources as there may be. */
static void backing(struct conform *c)
{
	enum { ENTRIES = 16384 };
	struct kit_machine *m = conform_machine(c, NULL);
	struct virtio_gpu_mem_entry *entries = calloc(ENTRIES, sizeof(*entries));
	uint64_t page = kit_alloc(&m->memory, KIT_PAGE, KIT_PAGE);
	CHECK(entries && page);
	for (uint32_t i = 0; i < ENTRIES; i++)
		entries[i] = (struct virtio_gpu_mem_entry){ page + i % 4096, 1, 0 };
	struct kit_usage before = { 0 };
	for (uint32_t round = 0; round < 2; round++) {
		uint32_t count = 0;
		int type = VIRTIO_GPU_RESP_OK_NODATA;
		while (count < 400 && type == VIRTIO_GPU_RESP_OK_NODATA) {
			type = kit_gpu_create_2d(&m->gpu, ++count, BGRX, 64, 64);
			CHECK_OK(m, type);
			if (type == VIRTIO_GPU_RESP_OK_NODATA)
				type = kit_gpu_attach(&m->gpu, count, entries, ENTRIES);
			CHECK_OK(m, type);
		}
		for (uint32_t i = 1; i <= count; i++)
			CHECK_OK(m, kit_gpu_unref(&m->gpu, i));
		if (round == 0)
			before = guest_usage_before(m);
	}
	guest_check_usage(m, &before, GROWTH_KIB);
	free(entries);
	kit_free(&m->memory, page, KIT_PAGE);
	conform_end(c, m);
}

static struct kit_command *queue_create(struct kit_machine *m, uint32_t id)
{
	const struct virtio_gpu_resource_create_2d create = {
		.hdr = kit_header(VIRTIO_GPU_CMD_RESOURCE_CREATE_2D),
		.resource_id = id,
		.format = BGRX,
		.width = 100,
		.height = 100,
	};
	return kit_gpu_queue(&m->gpu, VIRTIO_GPU_QUEUE_CONTROL, &create, sizeof(create),
		sizeof(struct virtio_gpu_ctrl_hdr));
}

static struct kit_command *queue_unref(struct kit_machine *m, uint32_t id)
{
	const struct virtio_gpu_resource_unref unref = {
		.hdr = kit_header(VIRTIO_GPU_CMD_RESOURCE_UNREF),
		.resource_id = id,
	};
	return kit_gpu_queue(&m->gpu, VIRTIO_GPU_QUEUE_CONTROL, &unref, sizeof(unref),
		sizeof(struct virtio_gpu_ctrl_hdr));
}

static void resource_cycles(struct conform *c)
{
	enum { TIMES = 100000 };
	struct kit_machine *m = conform_machine(c, NULL);
	struct kit_usage before = { 0 };
	for (uint32_t done = 0; done < TIMES; done += BATCH / 2) {
		struct kit_command *commands[BATCH];
		for (uint32_t i = 0; i < BATCH; i += 2) {
			commands[i] = queue_create(m, i / 2 + 1);
			commands[i + 1] = queue_unref(m, i / 2 + 1);
			CHECK(commands[i] && commands[i + 1]);
		}
		kit_ring_kick(&m->rings[VIRTIO_GPU_QUEUE_CONTROL]);
		for (uint32_t i = 0; i < BATCH; i++)
			CHECK_GOOD(m, kit_gpu_complete(&m->gpu, commands[i], NULL, 0));
		if (done == BATCH / 2 * 100)
			before = guest_usage_before(m);
	}
	guest_check_usage(m, &before, GROWTH_KIB);
	conform_end(c, m);
}

static void cursor_cycles(struct conform *c)
{
	enum { TIMES = 3000 };
	struct kit_machine *m = conform_machine(c, NULL);
	struct kit_surface s = conform_surface(m, 1, ARGB, 64, 64);
	struct kit_usage before = { 0 };
	for (uint32_t i = 0; i < TIMES; i++) {
		const struct virtio_gpu_update_cursor cursor = { .resource_id = i % 2 };
		CHECK_GOOD(m, kit_gpu_update_cursor(&m->gpu, cursor));
		if (i == TIMES / 10)
			before = guest_usage_before(m);
	}
	guest_check_usage(m, &before, GROWTH_KIB);
	kit_surface_finish(&s);
	conform_end(c, m);
}

static void context_cycles(struct conform *c)
{
	enum { TIMES = 150 };
	struct kit_machine *m = conform_machine(c, NULL);
	struct kit_usage before = { 0 };
	for (uint32_t i = 0; i < TIMES; i++) {
		gl_context(m, i % 3 + 1);
		CHECK_GOOD(m, kit_gpu_ctx_destroy(&m->gpu, i % 3 + 1));
		if (i == TIMES / 3)
			before = guest_usage_before(m);
	}
	/* a graphics driver keeps what it likes */
	guest_check_usage(m, &before, 9 * GROWTH_KIB);
	conform_end(c, m);
}

/* The queue full of fenced commands, again and again. */
static void fence_flood(struct conform *c)
{
	struct kit_machine *m = conform_machine(c, NULL);
	struct kit_usage before = { 0 };
	for (uint64_t round = 0; round < 200; round++) {
		const struct virtio_gpu_ctrl_hdr header =
			kit_header_fence(VIRTIO_GPU_CMD_GET_DISPLAY_INFO, round);
		struct kit_command *command;
		uint32_t count = 0;
		while ((command = kit_gpu_queue(&m->gpu, VIRTIO_GPU_QUEUE_CONTROL, &header,
				sizeof(header), sizeof(struct virtio_gpu_resp_display_info)))) {
			kit_command_forget(command);
			count++;
		}
		CHECK(count > 0);
		kit_ring_kick(&m->rings[VIRTIO_GPU_QUEUE_CONTROL]);
		CHECK_OK(m, kit_gpu_drain(&m->gpu));
		if (round == 20)
			before = guest_usage_before(m);
	}
	guest_check_usage(m, &before, GROWTH_KIB);
	conform_end(c, m);
}

/* The VMM is killed with everything in flight. */
static void vmm_killed(struct conform *c)
{
	struct kit_machine *m = conform_machine(c, NULL);
	struct kit_usage before = { 0 };
	for (uint32_t round = 0; round < 30; round++) {
		for (uint32_t i = 0; i < 20; i++) {
			const struct virtio_gpu_resource_create_2d create = {
				.hdr = kit_header_fence(VIRTIO_GPU_CMD_RESOURCE_CREATE_2D, i),
				.resource_id = i + 1,
				.format = BGRX,
				.width = 500,
				.height = 500,
			};
			struct kit_command *command =
				kit_gpu_submit(&m->gpu, VIRTIO_GPU_QUEUE_CONTROL, &create,
					sizeof(create), sizeof(struct virtio_gpu_ctrl_hdr));
			CHECK(command);
			kit_command_forget(command);
		}
		CHECK_OK(m, kit_machine_reconnect(m));
		if (round == 5)
			before = guest_usage_before(m);
	}
	guest_check_usage(m, &before, GROWTH_KIB);
	conform_end(c, m);
}

static const char *const mistake_names[] = { "edid_of_no_scanout", "create_2d_id_in_use",
	"create_2d_format", "unref_unknown", "scanout_too_wide", "flush_outside",
	"transfer_behind_the_backing", "backing_outside_memory", "detach_of_nothing",
	"uuid_of_nothing", "blob_larger_than_its_entries", "scanout_blob_of_nothing",
	"cursor_of_nothing", NULL };
static const char *const side_names[] = { "1x1", "256x256", "2048x2048", "8192x8192", NULL };

static const struct conform_case cases[] = {
	{ "mistake", "a command that fails leaves nothing behind, however often", mistake,
		mistake_names },
	{ "resources", "a limit that is reached is an error, and what is freed can be had again",
		resources, side_names },
	{ "backing", "the memory that lists of entries take is limited, too", backing },
	{ "resource_cycles", "a hundred thousand resources, one after another", resource_cycles },
	{ "cursor_cycles", "thousands of cursors, one after another", cursor_cycles },
	{ "context_cycles", "more than a hundred contexts, one after another", context_cycles,
		.needs = CONFORM_NEEDS_VIRGL },
	{ "fence_flood", "as many fences as the queue has room for, again and again", fence_flood },
	{ "vmm_killed", "a VMM that dies takes everything with it that it had", vmm_killed,
		.needs = CONFORM_NEEDS_MANY },
};
DEFINE_HOSTILE_AREA(exhaust, cases);
