/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/* Blobs: how they are made of guest memory, and what they cannot be made of. */
#include "kit/conform/blob.h"
#include "kit/conform/guest.h"

#define XRGB  VIRTIO_GPU_FORMAT_B8G8R8X8_UNORM
#define W     120u
#define H     80u
#define GUEST VIRTIO_GPU_BLOB_MEM_GUEST

#define ALIGNMENT CONFORM_FEATURE(GPU_F_BLOB_ALIGNMENT)
#define THREE_D   (CONFORM_FEATURE(GPU_F_VIRGL) | CONFORM_FEATURE(GPU_F_CONTEXT_INIT))

/* --- creating ------------------------------------------------------------------------------ */

#define PAGES 4u

struct creation {
	struct virtio_gpu_resource_create_blob create;
	struct virtio_gpu_mem_entry entries[PAGES];
};

/* Sends the command with so many entries behind it, whatever it says itself. */
static int send(struct kit_machine *m, struct creation *creation, uint32_t follow)
{
	creation->create.hdr = kit_header(VIRTIO_GPU_CMD_RESOURCE_CREATE_BLOB);
	return kit_gpu_simple(&m->gpu, creation,
		(uint32_t)(sizeof(creation->create) + follow * sizeof(creation->entries[0])));
}

/* Blob 1 of one page, with pages of the guest for its entries. */
static struct creation one_page(struct kit_machine *m)
{
	struct creation creation = {
		.create = { .resource_id = 1, .blob_mem = GUEST, .nr_entries = 1, .size = KIT_PAGE }
	};
	uint64_t memory = kit_alloc(&m->memory, (uint64_t)PAGES * KIT_PAGE, KIT_PAGE);
	CHECK(memory);
	for (uint32_t i = 0; i < PAGES; i++)
		creation.entries[i] =
			(struct virtio_gpu_mem_entry){ .addr = memory + (uint64_t)i * KIT_PAGE,
				.length = KIT_PAGE };
	return creation;
}

/* Gives the memory back that one_page() took, which begins there. */
static void end_at(struct conform *c, struct kit_machine *m, uint64_t memory)
{
	kit_free(&m->memory, memory, (uint64_t)PAGES * KIT_PAGE);
	conform_end(c, m);
}

static const struct {
	uint32_t entries, flags, pages;
} good[] = {
	{ 1, 0, 1 },
	{ 1, VIRTIO_GPU_BLOB_FLAG_USE_MAPPABLE, 1 },
	{ 1, VIRTIO_GPU_BLOB_FLAG_USE_SHAREABLE, 1 },
	{ 1, VIRTIO_GPU_BLOB_FLAG_USE_MAPPABLE | VIRTIO_GPU_BLOB_FLAG_USE_SHAREABLE, 1 },
	{ PAGES, 0, PAGES },
	{ 0, 0, 1 },
};
static const char *const good_names[] = { "one_page", "mappable", "shareable",
	"mappable_and_shareable", "four_pages", "no_entries", NULL };

static void created(struct conform *c)
{
	struct kit_machine *m = blob_machine(c);
	struct creation creation = one_page(m);
	uint32_t entries = good[c->variant].entries;
	creation.create.nr_entries = entries;
	creation.create.blob_flags = good[c->variant].flags;
	creation.create.size = (uint64_t)good[c->variant].pages * KIT_PAGE;
	for (int round = 0; round < 3; round++) {
		CHECK_GOOD(m, send(m, &creation, entries));
		CHECK_GOOD(m, kit_gpu_unref(&m->gpu, 1));
	}
	CHECK_ERROR(m, kit_gpu_unref(&m->gpu, 1));
	end_at(c, m, creation.entries[0].addr);
}

/* entries: said, not sent; one is. */
static const struct {
	uint32_t id, mem, entries;
	uint64_t size, address; /* 0: a page of the guest */
} bad[] = {
	{ 0, GUEST, 1, KIT_PAGE, 0 },
	{ 2, GUEST, 1, KIT_PAGE, 0 }, /* there is one */
	{ 3, GUEST, 1, KIT_PAGE, 0 }, /* a 2D resource */
	{ 1, 0, 1, KIT_PAGE, 0 },
	{ 1, 4, 1, KIT_PAGE, 0 },
	{ 1, UINT32_MAX, 1, KIT_PAGE, 0 },
	{ 1, GUEST, 1, 0, 0 },
	{ 1, GUEST, 2, KIT_PAGE, 0 },
	{ 1, GUEST, 1000, KIT_PAGE, 0 },
	{ 1, GUEST, 0x10000001, KIT_PAGE, 0 },
	{ 1, GUEST, UINT32_MAX, KIT_PAGE, 0 },
	{ 1, GUEST, 1, KIT_PAGE, UINT64_C(1) << 40 },
	{ 1, GUEST, 1, KIT_PAGE, UINT64_MAX - KIT_PAGE + 1 },
	{ 1, GUEST, 1, KIT_PAGE, UINT64_MAX },
};
static const char *const bad_names[] = { "id_0", "id_of_a_blob", "id_of_a_2d_resource", "mem_0",
	"mem_4", "mem_max", "size_0", "one_entry_missing", "entries_missing", "entries_wrap",
	"entries_max", "entry_outside", "entry_at_the_end", "entry_wraps", NULL };

static void refused(struct conform *c)
{
	struct kit_machine *m = blob_machine(c);
	struct creation creation = one_page(m);
	uint64_t memory = creation.entries[0].addr, address = bad[c->variant].address;
	struct kit_surface s = blob_surface(m, 2, W, H);
	CHECK_GOOD(m, kit_gpu_create_2d(&m->gpu, 3, XRGB, 16, 16));
	creation.create.resource_id = bad[c->variant].id;
	creation.create.blob_mem = bad[c->variant].mem;
	creation.create.nr_entries = bad[c->variant].entries;
	creation.create.size = bad[c->variant].size;
	if (address)
		creation.entries[0].addr = address;
	CHECK_ERROR(m, send(m, &creation, 1));
	CHECK_ERROR(m, kit_gpu_unref(&m->gpu, 1));
	/* the others are what they were, and the id is free */
	CHECK_GOOD(m, kit_gpu_unref(&m->gpu, 3));
	struct kit_surface next = blob_surface(m, 1, W, H);
	blob_check_shown(m, &s, 1);
	blob_check_shown(m, &next, 2);
	kit_surface_finish(&s);
	kit_surface_finish(&next);
	end_at(c, m, memory);
}

static const uint32_t flags[] = { 8, 0x80000000, UINT32_MAX };
static const char *const flag_names[] = { "8", "2_31", "max", NULL };

static void unknown_flags(struct conform *c)
{
	struct kit_machine *m = blob_machine(c);
	struct creation creation = one_page(m);
	creation.create.blob_flags = flags[c->variant];
	CHECK_GOOD_OR_REJECT(c, m, send(m, &creation, 1));
	end_at(c, m, creation.entries[0].addr);
}

/* What is not there is not shown, and is not anything else of the guest's or the device's. */
static const uint64_t sizes[] = { KIT_PAGE + 1, 16 * KIT_PAGE, UINT64_C(1) << 32,
	UINT64_MAX - KIT_PAGE + 1, UINT64_MAX };
static const char *const size_names[] = { "by_a_byte", "16_pages", "2_32", "last_page", "max",
	NULL };

static void larger_than_its_entries(struct conform *c)
{
	struct kit_machine *m = blob_machine(c);
	struct creation creation = one_page(m);
	const struct virtio_gpu_set_scanout_blob set = blob_plain(1, 128, 128);
	creation.create.size = sizes[c->variant];
	CHECK_GOOD_OR_REJECT(c, m, send(m, &creation, 1));
	int type = kit_gpu_set_scanout_blob(&m->gpu, set);
	CHECK_OK(m, type);
	type = kit_gpu_flush(&m->gpu, 1, set.r);
	CHECK_OK(m, type);
	guest_watch(m);
	end_at(c, m, creation.entries[0].addr);
}

/* Blob 1 of a size that is `less` bytes short of a multiple of the alignment. */
static int create_aligned(struct kit_machine *m, uint32_t less)
{
	struct virtio_gpu_config config;
	CHECK_OK(m, kit_vmm_read_config(&m->vmm, 0, &config, sizeof(config)));
	uint32_t alignment = config.blob_alignment;
	if (alignment <= less)
		conform_skip("blob_alignment is %u", alignment);
	uint64_t memory = kit_alloc(&m->memory, alignment, KIT_PAGE);
	if (!memory)
		conform_skip("the kit has no %u bytes in one piece", alignment);
	struct creation creation = {
		.create = { .resource_id = 1,
			.blob_mem = GUEST,
			.nr_entries = 1,
			.size = alignment - less },
		.entries = { { .addr = memory, .length = alignment } },
	};
	int type = send(m, &creation, 1);
	if (type < VIRTIO_GPU_RESP_ERR_UNSPEC)
		CHECK_GOOD(m, kit_gpu_unref(&m->gpu, 1));
	kit_free(&m->memory, memory, alignment);
	return type;
}

static void aligned(struct conform *c)
{
	struct kit_machine *m = conform_machine(c, NULL);
	CHECK_GOOD(m, create_aligned(m, 0));
	conform_end(c, m);
}

static void not_aligned(struct conform *c)
{
	struct kit_machine *m = conform_machine(c, NULL);
	CHECK_GOOD_OR_REJECT(c, m, create_aligned(m, 1));
	conform_end(c, m);
}

/* Refused, or done as if it had been negotiated. */
static void without_the_feature(struct conform *c)
{
	struct kit_machine *m = blob_machine_without(c, CONFORM_FEATURE(GPU_F_RESOURCE_BLOB));
	struct creation creation = one_page(m);
	int type = send(m, &creation, 1);
	CHECK_OK(m, type);
	if (type < VIRTIO_GPU_RESP_ERR_UNSPEC)
		conform_reject(c, m, "the device makes blobs without the feature");
	CHECK_ERROR(m, kit_gpu_set_scanout_blob(&m->gpu, blob_plain(1, 32, 32)));
	CHECK_ERROR(m, kit_gpu_unref(&m->gpu, 1));
	end_at(c, m, creation.entries[0].addr);
}

/* --- host memory --------------------------------------------------------------------------- */

static const struct {
	uint32_t mem;
	uint64_t unwanted;
} hosts[] = {
	{ VIRTIO_GPU_BLOB_MEM_HOST3D, THREE_D },
	{ VIRTIO_GPU_BLOB_MEM_HOST3D_GUEST, THREE_D },
	{ VIRTIO_GPU_BLOB_MEM_HOST3D, 0 },
	{ VIRTIO_GPU_BLOB_MEM_HOST3D_GUEST, 0 },
};
static const char *const host_names[] = { "host_without_3d", "both_without_3d", "host_of_no_object",
	"both_of_no_object", NULL };

/* There is no context, so it has no object with this id. */
static void host_memory(struct conform *c)
{
	struct kit_machine *m = blob_machine_without(c, hosts[c->variant].unwanted);
	struct creation creation = one_page(m);
	uint32_t entries = hosts[c->variant].mem == VIRTIO_GPU_BLOB_MEM_HOST3D_GUEST;
	creation.create.blob_mem = hosts[c->variant].mem;
	creation.create.blob_id = 77;
	creation.create.nr_entries = entries;
	CHECK_ERROR(m, send(m, &creation, entries));
	CHECK_ERROR(m, kit_gpu_unref(&m->gpu, 1));
	end_at(c, m, creation.entries[0].addr);
}

static const uint64_t offsets[] = { 0, KIT_PAGE, UINT64_C(1) << 40, UINT64_MAX };
static const char *const offset_names[] = { "0", "4096", "2_40", "max", NULL };

static void not_mapped(struct conform *c)
{
	uint32_t info;
	struct kit_machine *m = blob_machine(c);
	struct kit_surface s = blob_surface(m, 1, W, H);
	CHECK_GOOD(m, kit_gpu_create_2d(&m->gpu, 2, XRGB, 16, 16));
	for (uint32_t id = 0; id <= 3; id++) {
		CHECK_ERROR(m, kit_gpu_map_blob(&m->gpu, id, offsets[c->variant], &info));
		CHECK_ERROR(m, kit_gpu_unmap_blob(&m->gpu, id));
	}
	blob_check_shown(m, &s, 1);
	kit_surface_finish(&s);
	conform_end(c, m);
}

#define CREATE "virtio 1.4, 5.7.6.8: RESOURCE_CREATE_BLOB: "
#define BLOB   .features = CONFORM_FEATURE(GPU_F_RESOURCE_BLOB)
#define SHOWN  BLOB, .needs = CONFORM_NEEDS_DISPLAY
#define ALIGNED                                                                                    \
	.features = CONFORM_FEATURE(GPU_F_RESOURCE_BLOB) | ALIGNMENT,                              \
	.protocol = CONFORM_PROTOCOL(CONFIG)
#define HOSTILE .hostile = true

static const struct conform_case cases[] = {
	{ "created", CREATE "guest memory is valid with and without 3D; nr_entries may be zero",
		created, good_names, BLOB },
	{ "refused", CREATE "blob_mem is one of three, entries are guest memory and follow",
		refused, bad_names, SHOWN, HOSTILE },
	{ "unknown_flags", CREATE "blob_flags says what the driver uses the blob for",
		unknown_flags, flag_names, BLOB, HOSTILE },
	{ "larger_than_its_entries", CREATE "a blob is a container for guest memory, not more",
		larger_than_its_entries, size_names, BLOB, HOSTILE },
	{ "aligned", "virtio 1.4, 5.7.4: sizes of blobs are multiples of blob_alignment", aligned,
		ALIGNED },
	{ "not_aligned", "virtio 1.4, 5.7.4: sizes of blobs are multiples of blob_alignment",
		not_aligned, ALIGNED, HOSTILE },
	{ "without_the_feature", CREATE "negotiated using VIRTIO_GPU_F_RESOURCE_BLOB",
		without_the_feature, BLOB, HOSTILE },
	{ "host_memory", CREATE "host memory needs 3D, and an object of a context with this id",
		host_memory, host_names, BLOB, HOSTILE },
	{ "not_mapped", "virtio 1.4, 5.7.6.9: RESOURCE_MAP_BLOB is of host-only blobs", not_mapped,
		offset_names, SHOWN, HOSTILE },
};
DEFINE_CONFORM_AREA(blob, cases);
