/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/* Mappings of the backend's memory into the guest: where the driver wants them, and where they cannot be. */
#include <stdlib.h>
#include <unistd.h>

#include "kit/conform/mapping.h"
#include "util/fd.h"

#define BAD_OFFSETS 12u

static void mapped(struct conform *c)
{
	struct kit_machine *m = mapping_machine(c, c->variant);
	mapping_create(m, 1, MAPPING_SIZE);
	for (uint32_t round = 0; round < 3; round++) {
		uint8_t *bytes = mapping_map(m, 1, round * KIT_PAGE);
		if (round > 0)
			mapping_check(bytes, MAPPING_SIZE, round - 1);
		mapping_write(bytes, MAPPING_SIZE, round);
		mapping_unmap(m, 1, round * KIT_PAGE);
	}
	CHECK_GOOD(m, kit_gpu_unref(&m->gpu, 1));
	CHECK_INT(m->vmm.channel.map_count, 0);
	conform_end(c, m);
}

/* Each has its own bytes, wherever it is. */
static void side_by_side(struct conform *c)
{
	enum { COUNT = 5 };
	struct kit_machine *m = mapping_machine(c, c->variant);
	const uint64_t end = mapping_window(m) - MAPPING_SIZE;
	const uint64_t places[COUNT] = { 0, MAPPING_SIZE, (end / 2) & ~(uint64_t)(KIT_PAGE - 1),
		end - MAPPING_SIZE, end };
	uint8_t *bytes[COUNT];
	for (uint32_t i = 0; i < COUNT; i++) {
		mapping_create(m, i + 1, MAPPING_SIZE);
		bytes[i] = mapping_map(m, i + 1, places[i]);
		mapping_write(bytes[i], MAPPING_SIZE, i);
	}
	for (uint32_t i = 0; i < COUNT; i++)
		mapping_check(bytes[i], MAPPING_SIZE, i);
	for (uint32_t i = 0; i < COUNT; i++) {
		mapping_unmap(m, i + 1, places[i]);
		CHECK_GOOD(m, kit_gpu_unref(&m->gpu, i + 1));
	}
	conform_end(c, m);
}

static uint64_t bad_offset(const struct kit_machine *m, uint32_t variant)
{
	const uint64_t end = mapping_window(m);
	const uint64_t offsets[BAD_OFFSETS] = { 1, KIT_PAGE / 2, KIT_PAGE + 1,
		end - MAPPING_SIZE + KIT_PAGE, end - KIT_PAGE, end, end + KIT_PAGE,
		UINT64_C(1) << 40, UINT64_C(1) << 63, UINT64_MAX - MAPPING_SIZE + 1,
		UINT64_MAX - KIT_PAGE + 1, UINT64_MAX };
	return offsets[variant];
}
static const char *const bad_offset_names[BAD_OFFSETS + 1] = { "1", "2048", "4097",
	"a_page_over_the_end", "last_page", "end", "behind_the_end", "2_40", "2_63", "ends_at_2_64",
	"wraps", "max", NULL };

static void refused(struct conform *c)
{
	struct kit_machine *m = mapping_machine(c, 0);
	mapping_create(m, 1, MAPPING_SIZE);
	CHECK_ERROR(m, mapping_try(m, 1, bad_offset(m, c->variant)));
	CHECK_INT(m->vmm.channel.map_count, 0);
	CHECK_ERROR(m, mapping_try_unmap(m, 1));
	mapping_map(m, 1, 0);
	mapping_unmap(m, 1, 0);
	CHECK_GOOD(m, kit_gpu_unref(&m->gpu, 1));
	mapping_check_works(c, m, 2, 0);
	conform_end(c, m);
}

/* Blob 1 is in the middle: what touches it is refused, what does not is not. In pages from its beginning. */
static const struct {
	int64_t from;
	uint32_t pages;
	bool good;
} others[] = {
	{ 0, 16, false },
	{ 0, 1, false },
	{ 15, 1, false },
	{ 4, 4, false },
	{ -4, 24, false },
	{ -15, 16, false },
	{ 15, 16, false },
	{ -16, 16, true },
	{ 16, 16, true },
};
static const char *const other_names[] = { "same", "first_page", "last_page", "inside", "around",
	"its_end_on_the_first_page", "its_first_on_the_last_page", "before", "behind", NULL };

static void overlapping(struct conform *c)
{
	const uint64_t place = 64 * KIT_PAGE;
	struct kit_machine *m = mapping_machine(c, 0);
	uint64_t other = place + (uint64_t)(others[c->variant].from * (int64_t)KIT_PAGE);
	mapping_create(m, 1, MAPPING_SIZE);
	mapping_create(m, 2, (uint64_t)others[c->variant].pages * KIT_PAGE);
	uint8_t *bytes = mapping_map(m, 1, place);
	mapping_write(bytes, MAPPING_SIZE, 1);
	int type = mapping_try(m, 2, other);
	if (others[c->variant].good)
		CHECK_TYPE(m, type, VIRTIO_GPU_RESP_OK_MAP_INFO);
	else
		CHECK_ERROR(m, type);
	mapping_check(bytes, MAPPING_SIZE, 1);
	/* where it was there is room afterwards */
	mapping_unmap(m, 1, place);
	if (!others[c->variant].good)
		CHECK_TYPE(m, mapping_try(m, 2, other), VIRTIO_GPU_RESP_OK_MAP_INFO);
	CHECK_GOOD(m, mapping_try_unmap(m, 2));
	CHECK_INT(m->vmm.channel.map_count, 0);
	conform_end(c, m);
}

static void twice(struct conform *c)
{
	struct kit_machine *m = mapping_machine(c, 0);
	mapping_create(m, 1, MAPPING_SIZE);
	uint8_t *bytes = mapping_map(m, 1, 0);
	mapping_write(bytes, MAPPING_SIZE, 1);
	CHECK_ERROR(m, mapping_try(m, 1, 0));
	CHECK_ERROR(m, mapping_try(m, 1, MAPPING_SIZE));
	CHECK_INT(m->vmm.channel.map_count, 1);
	mapping_check(bytes, MAPPING_SIZE, 1);
	mapping_unmap(m, 1, 0);
	CHECK_ERROR(m, mapping_try_unmap(m, 1));
	CHECK_GOOD(m, kit_gpu_unref(&m->gpu, 1));
	CHECK_ERROR(m, mapping_try_unmap(m, 1));
	CHECK_ERROR(m, mapping_try(m, 1, 0));
	conform_end(c, m);
}

static const char *const thing_names[] = { "nothing", "id_0", "id_max", "2d_resource", "guest_blob",
	"not_mapped", NULL };

static void of_something_else(struct conform *c)
{
	static const uint32_t ids[] = { 9, 0, UINT32_MAX, 3, 4, 5 };
	struct kit_machine *m = mapping_machine(c, 0);
	const struct virtio_gpu_resource_create_blob guest = { .resource_id = 4,
		.blob_mem = VIRTIO_GPU_BLOB_MEM_GUEST,
		.blob_flags = VIRTIO_GPU_BLOB_FLAG_USE_MAPPABLE,
		.size = KIT_PAGE };
	CHECK_GOOD(m, kit_gpu_create_2d(&m->gpu, 3, VIRTIO_GPU_FORMAT_B8G8R8X8_UNORM, 16, 16));
	CHECK_GOOD(m, kit_gpu_create_blob(&m->gpu, guest, 0, NULL, 0));
	mapping_create(m, 5, MAPPING_SIZE);
	CHECK_ERROR(m, mapping_try_unmap(m, ids[c->variant]));
	if (ids[c->variant] != 5)
		CHECK_ERROR(m, mapping_try(m, ids[c->variant], 0));
	CHECK_INT(m->vmm.channel.map_count, 0);
	mapping_check_works(c, m, 6, 0);
	conform_end(c, m);
}

/* All at once, and nobody waits for anything. */
static void pipelined(struct conform *c)
{
	enum { ROUNDS = 24 };
	struct kit_machine *m = mapping_machine(c, c->variant);
	struct kit_command *commands[ROUNDS * 4];
	for (uint32_t i = 0; i < ROUNDS; i++) {
		commands[i * 4] = mapping_send_create(m, 1 + i % 2, MAPPING_SIZE);
		commands[i * 4 + 1] = mapping_send_map(m, 1 + i % 2, (i % 3) * MAPPING_SIZE);
		commands[i * 4 + 2] = mapping_send_unmap(m, 1 + i % 2);
		commands[i * 4 + 3] = mapping_send_unref(m, 1 + i % 2);
	}
	for (uint32_t i = 0; i < ROUNDS * 4; i++) {
		int type = mapping_answer(m, commands[i]);
		/* a mapping that is taken back before it was there may have come to nothing */
		if (i % 4 == 1)
			CHECK_OK(m, type);
		else
			CHECK_GOOD(m, type);
	}
	mapping_wait_count(m, 0);
	mapping_check_works(c, m, 1, 0);
	conform_end(c, m);
}

/* The resource goes with all that was asked for it. */
static void pipelined_unref(struct conform *c)
{
	enum { ROUNDS = 24 };
	struct kit_machine *m = mapping_machine(c, c->variant);
	struct kit_command *commands[ROUNDS * 3];
	for (uint32_t i = 0; i < ROUNDS; i++) {
		commands[i * 3] = mapping_send_create(m, 1, MAPPING_SIZE);
		commands[i * 3 + 1] = mapping_send_map(m, 1, 0);
		commands[i * 3 + 2] = mapping_send_unref(m, 1);
	}
	for (uint32_t i = 0; i < ROUNDS * 3; i++) {
		int type = mapping_answer(m, commands[i]);
		if (i % 3 == 1)
			CHECK_OK(m, type);
		else
			CHECK_GOOD(m, type);
	}
	mapping_wait_count(m, 0);
	mapping_check_works(c, m, 1, 0);
	conform_end(c, m);
}

/* --- a guest that does anything ------------------------------------------------------------ */

#define IDS    8u
#define SLOTS  12u
#define PLACES (SLOTS * MAPPING_SIZE)

struct model {
	struct kit_machine *m;
	uint64_t random;
	uint64_t sizes[IDS]; /* 0: there is none */
	uint64_t places[IDS];
	bool mapped[IDS];
};

static uint32_t roll(struct model *model, uint32_t count)
{
	model->random = model->random * UINT64_C(6364136223846793005) + 1442695040888963407u;
	return (uint32_t)(model->random >> 33) % count;
}

static bool is_free(const struct model *model, uint64_t place, uint64_t size)
{
	for (uint32_t i = 0; i < IDS; i++)
		if (model->mapped[i] && place < model->places[i] + model->sizes[i] &&
			model->places[i] < place + size)
			return false;
	return true;
}

static void model_create(struct model *model, uint32_t i)
{
	uint64_t size = (uint64_t)(1 + roll(model, 3 * MAPPING_SIZE / KIT_PAGE)) * KIT_PAGE;
	int type = kit_gpu_create_blob(
		&model->m->gpu, mapping_blob(i + 1, size), MAPPING_CONTEXT, NULL, 0);
	if (model->sizes[i]) {
		CHECK_ERROR(model->m, type);
		return;
	}
	CHECK_GOOD(model->m, type);
	model->sizes[i] = size;
}

static void model_map(struct model *model, uint32_t i)
{
	uint64_t place = (uint64_t)roll(model, PLACES / KIT_PAGE) * KIT_PAGE;
	int type = mapping_try(model->m, i + 1, place);
	if (!model->sizes[i] || model->mapped[i] || !is_free(model, place, model->sizes[i])) {
		CHECK_ERROR(model->m, type);
		return;
	}
	CHECK_TYPE(model->m, type, VIRTIO_GPU_RESP_OK_MAP_INFO);
	model->mapped[i] = true;
	model->places[i] = place;
	uint8_t *bytes =
		kit_channel_shmem(&model->m->vmm.channel, MAPPING_SHM, place, model->sizes[i]);
	CHECK(bytes);
	mapping_write(bytes, model->sizes[i], i);
}

static void model_unmap(struct model *model, uint32_t i)
{
	int type = mapping_try_unmap(model->m, i + 1);
	if (!model->mapped[i]) {
		CHECK_ERROR(model->m, type);
		return;
	}
	CHECK_GOOD(model->m, type);
	model->mapped[i] = false;
}

static void model_unref(struct model *model, uint32_t i)
{
	int type = kit_gpu_unref(&model->m->gpu, i + 1);
	if (!model->sizes[i]) {
		CHECK_ERROR(model->m, type);
		return;
	}
	CHECK_GOOD(model->m, type);
	model->sizes[i] = 0;
	model->mapped[i] = false;
}

static void model_check(const struct model *model)
{
	for (uint32_t i = 0; i < IDS; i++) {
		if (!model->mapped[i])
			continue;
		const uint8_t *bytes = kit_channel_shmem(
			&model->m->vmm.channel, MAPPING_SHM, model->places[i], model->sizes[i]);
		CHECK(bytes);
		mapping_check(bytes, model->sizes[i], i);
	}
}

static void anything(struct conform *c)
{
	enum { STEPS = 600 };
	static void (*const steps[])(struct model *, uint32_t) = { model_create, model_map,
		model_map, model_unmap, model_unref };
	struct kit_machine *m = mapping_machine(c, c->variant);
	struct model model = { .m = m, .random = c->variant + 1 };
	for (uint32_t step = 0; step < STEPS; step++) {
		steps[roll(&model, ARRAY_SIZE(steps))](&model, roll(&model, IDS));
		if (step % 50 == 0)
			model_check(&model);
	}
	model_check(&model);
	for (uint32_t i = 0; i < IDS; i++)
		if (model.sizes[i])
			model_unref(&model, i);
	mapping_wait_count(m, 0);
	conform_end(c, m);
}

/* Blobs of all sizes, one after the other. */
static void all_sizes(struct conform *c)
{
	enum { COUNT = 1000 };
	const uint64_t most = UINT64_C(64) << 20;
	struct kit_machine *m = mapping_machine(c, 0);
	struct model model = { .m = m, .random = 77 };
	for (uint32_t i = 0; i < COUNT; i++) {
		/* as many of each order of magnitude */
		uint64_t limit = UINT64_C(2) << roll(&model, 14);
		uint64_t size = (uint64_t)(1 + roll(&model, (uint32_t)limit)) * KIT_PAGE;
		size = size < most ? size : most;
		mapping_create(m, 1, size);
		uint8_t *bytes = mapping_map_all(m, 1, 0, size);
		mapping_write(bytes, KIT_PAGE, i);
		mapping_write(bytes + size - KIT_PAGE, KIT_PAGE, i);
		mapping_check(bytes, KIT_PAGE, i);
		mapping_unmap(m, 1, 0);
		CHECK_GOOD(m, kit_gpu_unref(&m->gpu, 1));
	}
	conform_end(c, m);
}

/* Whoever made it cannot cut it off below the VMM, which would die of that. */
static void cannot_be_cut(struct conform *c)
{
	struct kit_machine *m = mapping_machine(c, 0);
	mapping_create(m, 1, MAPPING_SIZE);
	uint8_t *bytes = mapping_map(m, 1, 0);
	CHECK_INT(m->vmm.channel.map_count, 1);
	int fd = m->vmm.channel.maps[0].fd;
	if (ftruncate(fd, 0) == 0)
		kit_check_failed(KIT_HERE, "the file of what is mapped can be cut off");
	mapping_write(bytes, MAPPING_SIZE, 1);
	conform_end(c, m);
}

#define MAP "virtio 1.4, 5.7.6.10: RESOURCE_MAP_BLOB: "
#define MAPS                                                                                       \
	.features = CONFORM_FEATURE(GPU_F_RESOURCE_BLOB), .protocol = CONFORM_PROTOCOL(SHMEM),     \
	.needs = CONFORM_NEEDS_MAPPED
#define HOSTILE .hostile = true

static const struct conform_case cases[] = {
	{ "mapped", MAP "the blob is seen at the offset", mapped, mapping_vmm_names, MAPS },
	{ "side_by_side", MAP "the driver chooses the offset", side_by_side, mapping_vmm_names,
		MAPS },
	{ "refused", MAP "the offset is inside the window, and of whole pages", refused,
		bad_offset_names, MAPS, HOSTILE },
	{ "overlapping", "QEMU refuses mappings on top of others, as does crosvm", overlapping,
		other_names, MAPS, HOSTILE },
	{ "twice", MAP "a blob is mapped once, and unmapped once", twice, MAPS, HOSTILE },
	{ "of_something_else", MAP "of blobs of host memory only", of_something_else, thing_names,
		MAPS, HOSTILE },
	{ "pipelined", "virtio 1.4, 5.7.6.7: the device carries out commands in order", pipelined,
		mapping_vmm_names, MAPS, HOSTILE },
	{ "pipelined_unref", "virtio 1.4, 5.7.6.8: RESOURCE_UNREF ends what is mapped",
		pipelined_unref, mapping_vmm_names, MAPS, HOSTILE },
	{ "anything", MAP "in any order, of anything", anything, mapping_vmm_names, MAPS, HOSTILE },
	{ "all_sizes", MAP "from a page to 64 MiB", all_sizes, MAPS },
	{ "cannot_be_cut", "a VMM that touches memory of a file behind its end is ended by SIGBUS",
		cannot_be_cut, MAPS, HOSTILE },
};
DEFINE_CONFORM_AREA(mapping, cases);
