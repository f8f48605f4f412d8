/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/* Blobs of the backend's own memory: how they are made, and what they are not. */
#include "kit/conform/mapping.h"

#define HOST     VIRTIO_GPU_BLOB_MEM_HOST3D
#define MAPPABLE VIRTIO_GPU_BLOB_FLAG_USE_MAPPABLE
#define MIB      (UINT64_C(1) << 20)

static int create(struct kit_machine *m, struct virtio_gpu_resource_create_blob blob, uint32_t ctx)
{
	return kit_gpu_create_blob(&m->gpu, blob, ctx, NULL, 0);
}

static const uint64_t sizes[] = { KIT_PAGE, 3 * KIT_PAGE, MIB, 64 * MIB };
static const char *const size_names[] = { "1_page", "3_pages", "1_mib", "64_mib", NULL };

static void created(struct conform *c)
{
	struct kit_machine *m = mapping_machine(c, 0);
	for (int round = 0; round < 3; round++) {
		mapping_create(m, 1, sizes[c->variant]);
		CHECK_GOOD(m, kit_gpu_unref(&m->gpu, 1));
	}
	CHECK_ERROR(m, kit_gpu_unref(&m->gpu, 1));
	conform_end(c, m);
}

/* New memory has nothing of others in it. */
static void zeroed(struct conform *c)
{
	struct kit_machine *m = mapping_machine(c, 0);
	for (uint32_t round = 0; round < 4; round++) {
		mapping_create(m, 1, MAPPING_SIZE);
		uint8_t *bytes = mapping_map(m, 1, 0);
		for (uint32_t i = 0; i < MAPPING_SIZE; i++)
			CHECK_INT(bytes[i], 0);
		mapping_write(bytes, MAPPING_SIZE, round);
		mapping_unmap(m, 1, 0);
		CHECK_GOOD(m, kit_gpu_unref(&m->gpu, 1));
	}
	conform_end(c, m);
}

static const uint32_t flags[] = { 0, VIRTIO_GPU_BLOB_FLAG_USE_SHAREABLE,
	MAPPABLE | VIRTIO_GPU_BLOB_FLAG_USE_SHAREABLE, VIRTIO_GPU_BLOB_FLAG_USE_CROSS_DEVICE,
	MAPPABLE | 8, 0x80000000, UINT32_MAX };
static const char *const flag_names[] = { "0", "shareable", "mappable_and_shareable",
	"cross_device", "8", "2_31", "max", NULL };

/* What is made without MAPPABLE cannot be mapped. */
static void other_flags(struct conform *c)
{
	struct kit_machine *m = mapping_machine(c, 0);
	struct virtio_gpu_resource_create_blob blob = mapping_blob(1, MAPPING_SIZE);
	blob.blob_flags = flags[c->variant];
	CHECK_GOOD_OR_REJECT(c, m, create(m, blob, MAPPING_CONTEXT));
	if (flags[c->variant] & MAPPABLE)
		mapping_map(m, 1, 0);
	else
		CHECK_ERROR(m, mapping_try(m, 1, 0));
	CHECK_GOOD(m, kit_gpu_unref(&m->gpu, 1));
	conform_end(c, m);
}

static const struct {
	uint32_t id, mem, context;
	uint64_t size, blob_id;
} bad[] = {
	{ 0, HOST, MAPPING_CONTEXT, MAPPING_SIZE, 0 },
	{ 2, HOST, MAPPING_CONTEXT, MAPPING_SIZE, 0 }, /* there is one */
	{ 3, HOST, MAPPING_CONTEXT, MAPPING_SIZE, 0 }, /* a 2D resource */
	{ 1, HOST, 0, MAPPING_SIZE, 0 },
	{ 1, HOST, 77, MAPPING_SIZE, 0 },
	{ 1, HOST, UINT32_MAX, MAPPING_SIZE, 0 },
	{ 1, HOST, MAPPING_CONTEXT, 0, 0 },
	{ 1, HOST, MAPPING_CONTEXT, UINT64_MAX, 0 },
	{ 1, HOST, MAPPING_CONTEXT, UINT64_MAX - KIT_PAGE + 1, 0 },
	{ 1, HOST, MAPPING_CONTEXT, UINT64_C(1) << 63, 0 },
	{ 1, HOST, MAPPING_CONTEXT, MAPPING_SIZE, 77 },
	{ 1, HOST, MAPPING_CONTEXT, MAPPING_SIZE, UINT64_C(1) << 32 },
	{ 1, HOST, MAPPING_CONTEXT, MAPPING_SIZE, UINT64_MAX },
	{ 1, 0, MAPPING_CONTEXT, MAPPING_SIZE, 0 },
	{ 1, 4, MAPPING_CONTEXT, MAPPING_SIZE, 0 },
	{ 1, VIRTIO_GPU_BLOB_MEM_HOST3D_GUEST, MAPPING_CONTEXT, MAPPING_SIZE, 77 },
};
static const char *const bad_names[] = { "id_0", "id_of_a_blob", "id_of_a_2d_resource", "context_0",
	"context_unknown", "context_max", "size_0", "size_max", "size_last_page", "size_2_63",
	"object_77", "object_2_32", "object_max", "mem_0", "mem_4", "both_of_no_object", NULL };

static void refused(struct conform *c)
{
	struct kit_machine *m = mapping_machine(c, 0);
	struct virtio_gpu_resource_create_blob blob = mapping_blob(bad[c->variant].id, 0);
	mapping_create(m, 2, MAPPING_SIZE);
	CHECK_GOOD(m, kit_gpu_create_2d(&m->gpu, 3, VIRTIO_GPU_FORMAT_B8G8R8X8_UNORM, 16, 16));
	blob.blob_mem = bad[c->variant].mem;
	blob.size = bad[c->variant].size;
	blob.blob_id = bad[c->variant].blob_id;
	CHECK_ERROR(m, create(m, blob, bad[c->variant].context));
	CHECK_ERROR(m, kit_gpu_unref(&m->gpu, 1));
	CHECK_ERROR(m, mapping_try(m, 1, 0));
	mapping_map(m, 2, 0);
	CHECK_GOOD(m, kit_gpu_unref(&m->gpu, 3));
	mapping_check_works(c, m, 1, MAPPING_SIZE);
	conform_end(c, m);
}

/* Larger than any memory: refused, or as good as any, as nobody touches it. */
static void larger_than_memory(struct conform *c)
{
	struct kit_machine *m = mapping_machine(c, 0);
	int type = create(m, mapping_blob(1, UINT64_C(1) << 46), MAPPING_CONTEXT);
	CHECK_OK(m, type);
	CHECK_ERROR(m, mapping_try(m, 1, 0)); /* there, or too large for the window */
	mapping_check_works(c, m, 2, 0);
	conform_end(c, m);
}

/* Sizes that are no whole pages: what is mapped has to be. */
static const uint64_t odd[] = { 1, KIT_PAGE - 1, KIT_PAGE + 1, 3 * KIT_PAGE + 4 };
static const char *const odd_names[] = { "1", "4095", "4097", "12292", NULL };

static void odd_size(struct conform *c)
{
	struct kit_machine *m = mapping_machine(c, 0);
	CHECK_GOOD_OR_REJECT(c, m, create(m, mapping_blob(1, odd[c->variant]), MAPPING_CONTEXT));
	int type = mapping_try(m, 1, 0);
	CHECK_GOOD(m, kit_gpu_unref(&m->gpu, 1));
	mapping_wait_count(m, 0);
	mapping_check_works(c, m, 2, 0);
	if (type >= VIRTIO_GPU_RESP_ERR_UNSPEC)
		conform_reject(c, m, "it is made, and cannot be mapped");
	conform_end(c, m);
}

/* It has no backing, is no texture, and nothing is shown of it that is not there. */
static void no_guest_memory(struct conform *c)
{
	struct kit_machine *m = mapping_machine(c, 0);
	uint64_t memory = kit_alloc(&m->memory, MAPPING_SIZE, KIT_PAGE);
	const struct virtio_gpu_mem_entry entry = { .addr = memory, .length = MAPPING_SIZE };
	const struct virtio_gpu_rect rect = kit_rect(0, 0, 64, 64);
	CHECK(memory);
	mapping_create(m, 1, MAPPING_SIZE);
	uint8_t *bytes = mapping_map(m, 1, 0);
	mapping_write(bytes, MAPPING_SIZE, 5);
	CHECK_ERROR(m, kit_gpu_attach(&m->gpu, 1, &entry, 1));
	CHECK_OK(m, kit_gpu_detach(&m->gpu, 1));
	CHECK_OK(m, kit_gpu_transfer_2d(&m->gpu, 1, rect, 0));
	CHECK_OK(m, kit_gpu_set_scanout(&m->gpu, 0, 1, rect));
	CHECK_OK(m,
		kit_gpu_set_scanout_blob(&m->gpu,
			(struct virtio_gpu_set_scanout_blob){ .r = rect,
				.resource_id = 1,
				.width = 64,
				.height = 64,
				.format = VIRTIO_GPU_FORMAT_B8G8R8X8_UNORM,
				.strides = { 256 } }));
	CHECK_OK(m, kit_gpu_flush(&m->gpu, 1, rect));
	mapping_check(bytes, MAPPING_SIZE, 5);
	CHECK_GOOD(m, kit_gpu_unref(&m->gpu, 1));
	mapping_wait_count(m, 0);
	kit_free(&m->memory, memory, MAPPING_SIZE);
	conform_end(c, m);
}

/* As Linux does it for each of them, and in orders that it does not. */
static void attached(struct conform *c)
{
	struct kit_machine *m = mapping_machine(c, 0);
	mapping_context(c, m, 2);
	mapping_create(m, 1, MAPPING_SIZE);
	for (uint32_t round = 0; round < 3; round++) {
		CHECK_GOOD(m, kit_gpu_ctx_attach(&m->gpu, MAPPING_CONTEXT, 1));
		CHECK_OK(m, kit_gpu_ctx_attach(&m->gpu, MAPPING_CONTEXT, 1));
		CHECK_OK(m, kit_gpu_ctx_attach(&m->gpu, 2, 1));
		CHECK_GOOD(m, kit_gpu_ctx_detach(&m->gpu, MAPPING_CONTEXT, 1));
		CHECK_OK(m, kit_gpu_ctx_detach(&m->gpu, 2, 1));
	}
	mapping_map(m, 1, 0);
	CHECK_GOOD(m, kit_gpu_ctx_attach(&m->gpu, MAPPING_CONTEXT, 1));
	CHECK_GOOD(m, kit_gpu_unref(&m->gpu, 1));
	mapping_wait_count(m, 0);
	conform_end(c, m);
}

static void many(struct conform *c)
{
	enum { COUNT = 200 };
	struct kit_machine *m = mapping_machine(c, 0);
	struct kit_command *commands[COUNT];
	for (uint32_t i = 0; i < COUNT; i++)
		commands[i] = mapping_send_create(m, i + 1, KIT_PAGE);
	for (uint32_t i = 0; i < COUNT; i++)
		CHECK_GOOD(m, mapping_answer(m, commands[i]));
	for (uint32_t i = 0; i < COUNT; i++)
		commands[i] = mapping_send_unref(m, i + 1);
	for (uint32_t i = 0; i < COUNT; i++)
		CHECK_GOOD(m, mapping_answer(m, commands[i]));
	conform_end(c, m);
}

#define CREATE "virtio 1.4, 5.7.6.8: RESOURCE_CREATE_BLOB: "
#define MAPS                                                                                       \
	.features = CONFORM_FEATURE(GPU_F_RESOURCE_BLOB), .protocol = CONFORM_PROTOCOL(SHMEM),     \
	.needs = CONFORM_NEEDS_MAPPED
#define HOSTILE .hostile = true

static const struct conform_case cases[] = {
	{ "created", CREATE "HOST3D is memory of an object of the context", created, size_names,
		MAPS },
	{ "zeroed", "a guest sees nothing of what others had in memory", zeroed, MAPS },
	{ "other_flags", CREATE "blob_flags says what the driver uses the blob for", other_flags,
		flag_names, MAPS, HOSTILE },
	{ "refused", CREATE "of a context that is there, of an object that it has", refused,
		bad_names, MAPS, HOSTILE },
	{ "larger_than_memory", CREATE "sizes are the driver's to choose", larger_than_memory, MAPS,
		HOSTILE },
	{ "odd_size", "mappings are whole pages, of the guest's and of the file", odd_size,
		odd_names, MAPS, HOSTILE },
	{ "no_guest_memory", CREATE "HOST3D has no backing", no_guest_memory, MAPS, HOSTILE },
	{ "attached", "Linux attaches each resource to its contexts", attached, MAPS, HOSTILE },
	{ "many", "Vulkan programs have hundreds of them", many, MAPS },
};
DEFINE_CONFORM_AREA(host_blob, cases);
