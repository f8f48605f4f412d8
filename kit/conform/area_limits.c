/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/*
 * A guest that comes to the end of what there is: it is told so, goes on with what it has, and gets
 * again what it gives back. How much there is, is the backend's own business.
 */
#include <errno.h>
#include <stdlib.h>

#include "kit/conform/gl.h"
#include "kit/conform/guest.h"

#define XRGB      VIRTIO_GPU_FORMAT_B8G8R8X8_UNORM
#define NO_MEMORY VIRTIO_GPU_RESP_ERR_OUT_OF_MEMORY

#define FIRST      1000u /* id of the resources that fill the device */
#define LARGE      2048u /* pixels of their sides */
#define GROWTH_KIB 8192u /* caches, fragments: what is no leak */

static const uint32_t sides[] = { 1, 300, LARGE };
static const char *const side_names[] = { "1x1", "300x300", "2048x2048", NULL };
/* More is taken for no limit. */
static const uint32_t most[] = { 20000, 10000, 512 };

/* --- filling ------------------------------------------------------------------------------- */

static int create(struct kit_machine *m, uint32_t i, uint32_t side)
{
	return kit_gpu_create_2d(&m->gpu, FIRST + i, XRGB, side, side);
}

/* Creates until that is refused. How many there are; skips where there is no end. */
static uint32_t fill(struct kit_machine *m, uint32_t kind)
{
	for (uint32_t count = 0; count < most[kind]; count++) {
		int type = create(m, count, sides[kind]);
		CHECK_OK(m, type);
		if (type == VIRTIO_GPU_RESP_OK_NODATA)
			continue;
		CHECK_TYPE(m, type, NO_MEMORY);
		CHECK(count > 0);
		return count;
	}
	conform_skip(
		"%u resources of %ux%u are not too many", most[kind], sides[kind], sides[kind]);
}

static uint32_t fill_large(struct kit_machine *m)
{
	return fill(m, ARRAY_SIZE(sides) - 1);
}

static void empty(struct kit_machine *m, uint32_t count)
{
	for (uint32_t i = 0; i < count; i++)
		CHECK_GOOD(m, kit_gpu_unref(&m->gpu, FIRST + i));
}

/* One goes, one comes, wherever it was; no more than that. */
static void resources(struct conform *c)
{
	struct scene scene;
	struct kit_machine *m = conform_machine(c, NULL);
	uint32_t side = sides[c->variant];
	scene_init(&scene, m);
	uint32_t count = fill(m, c->variant);
	scene_check(&scene, 2);
	const uint32_t places[] = { 0, count / 2, count - 1 };
	for (size_t i = 0; i < ARRAY_SIZE(places); i++) {
		CHECK_GOOD(m, kit_gpu_unref(&m->gpu, FIRST + places[i]));
		CHECK_GOOD(m, create(m, places[i], side));
		CHECK_TYPE(m, create(m, count, side), NO_MEMORY);
	}
	empty(m, count);
	CHECK_INT(fill(m, c->variant), count);
	empty(m, count);
	scene_check(&scene, 3);
	scene_end(c, &scene);
}

/* The last one that fits is as good as the first. */
static void last_one_works(struct conform *c)
{
	struct kit_machine *m = conform_machine(c, NULL);
	uint32_t last = fill_large(m) - 1;
	struct kit_picture *picture = conform_pattern(LARGE, LARGE, 1);
	struct kit_picture *corner = kit_picture_create(64, 64);
	struct virtio_gpu_rect rect = kit_rect(LARGE - 64, LARGE - 64, 64, 64);
	struct kit_surface s = { 0 };
	CHECK(corner);
	CHECK_GOOD(m, kit_surface_back(&m->gpu, &s, FIRST + last, (uint64_t)LARGE * LARGE * 4, 0));
	s.format = XRGB;
	s.width = s.height = LARGE;
	CHECK_GOOD(m, kit_gpu_set_scanout(&m->gpu, 0, FIRST + last, rect));
	conform_show(m, &s, picture);
	kit_picture_copy(corner, 0, 0, picture, rect);
	CHECK_PICTURE(m, 0, corner);
	kit_surface_finish(&s);
	kit_picture_destroy(picture);
	kit_picture_destroy(corner);
	empty(m, last + 1);
	conform_end(c, m);
}

static void refusals_take_nothing(struct conform *c)
{
	enum { TIMES = 2000 };
	struct kit_machine *m = conform_machine(c, NULL);
	struct kit_usage before = { 0 };
	uint32_t count = fill_large(m);
	for (uint32_t i = 0; i < TIMES; i++) {
		CHECK_TYPE(m, create(m, count + i, LARGE), NO_MEMORY);
		CHECK_ERROR(m, kit_gpu_unref(&m->gpu, FIRST + count + i));
		if (i == TIMES / 10)
			before = guest_usage_before(m);
	}
	guest_check_usage(m, &before, GROWTH_KIB);
	empty(m, count);
	conform_end(c, m);
}

/* The same pages again and again make a blob that is larger than all of the guest. When it goes while a
 * display that does not read is shown it everywhere, there is no need to copy it. */
static void pictures_take_nothing(struct conform *c)
{
	enum {
		SIDE = 4000,
		COUNT = 125,
		PIECE = SIDE * SIDE * 4 / COUNT,
		HEADS = 8,
		MOST_KIB = 128 << 10
	};
	struct virtio_gpu_mem_entry entries[COUNT];
	struct kit_machine *m = conform_machine(c, NULL);
	uint64_t piece = kit_alloc(&m->memory, PIECE, KIT_PAGE);
	CHECK(piece);
	for (uint32_t i = 0; i < COUNT; i++)
		entries[i] = (struct virtio_gpu_mem_entry){ piece, PIECE, 0 };
	const struct virtio_gpu_resource_create_blob create = {
		.resource_id = 1,
		.blob_mem = VIRTIO_GPU_BLOB_MEM_GUEST,
		.blob_flags = VIRTIO_GPU_BLOB_FLAG_USE_MAPPABLE,
		.size = (uint64_t)SIDE * SIDE * 4,
	};
	CHECK_GOOD(m, kit_gpu_create_blob(&m->gpu, create, 0, entries, COUNT));
	struct kit_usage before = guest_usage_before(m);
	kit_display_set_reading(&m->display, false);
	for (uint32_t i = 0; i < HEADS; i++) {
		struct virtio_gpu_set_scanout_blob set = {
			.r = kit_rect(0, 0, SIDE, SIDE),
			.scanout_id = i,
			.resource_id = 1,
			.width = SIDE,
			.height = SIDE,
			.format = XRGB,
			.strides = { SIDE * 4 },
		};
		int type = kit_gpu_set_scanout_blob(&m->gpu, set);
		CHECK_OK(m, type);
		if (type == VIRTIO_GPU_RESP_ERR_INVALID_SCANOUT_ID)
			break;
		CHECK_INT(type, VIRTIO_GPU_RESP_OK_NODATA);
	}
	CHECK_OK(m, kit_pump(&m->kit, 50));
	CHECK_GOOD(m, kit_gpu_detach(&m->gpu, 1));
	guest_check_usage(m, &before, MOST_KIB);
	kit_free(&m->memory, piece, PIECE);
	kit_display_set_reading(&m->display, true);
	conform_end(c, m);
}

/* The kit looks for the fence in each answer. */
static void refused_with_a_fence(struct conform *c)
{
	struct kit_machine *m = conform_machine(c, NULL);
	uint32_t count = fill_large(m);
	for (uint32_t i = 0; i < 20; i++) {
		const struct virtio_gpu_resource_create_2d request = {
			.hdr = kit_header_fence(VIRTIO_GPU_CMD_RESOURCE_CREATE_2D, i + 1),
			.resource_id = FIRST + count,
			.format = XRGB,
			.width = LARGE,
			.height = LARGE,
		};
		CHECK_TYPE(m, kit_gpu_simple(&m->gpu, &request, sizeof(request)), NO_MEMORY);
	}
	empty(m, count);
	conform_end(c, m);
}

static void reset_when_full(struct conform *c)
{
	struct kit_machine *m = conform_machine(c, NULL);
	uint32_t count = fill_large(m);
	for (uint32_t i = 0; i < 3; i++) {
		CHECK_OK(m, kit_machine_reset(m));
		CHECK_INT(fill_large(m), count);
	}
	conform_end(c, m);
}

static void vmm_goes_when_full(struct conform *c)
{
	struct kit_machine *m = conform_machine(c, NULL);
	uint32_t count = fill_large(m);
	for (uint32_t i = 0; i < 3; i++) {
		CHECK_OK(m, kit_machine_reconnect(m));
		CHECK_INT(fill_large(m), count);
	}
	conform_end(c, m);
}

/* There is a cursor, and it can be hidden and shown, though none can be made. */
static void cursor_when_full(struct conform *c)
{
	struct kit_machine *m = conform_machine(c, NULL);
	struct virtio_gpu_update_cursor place = { .pos = { .x = 5, .y = 6 }, .resource_id = 2 };
	struct kit_surface s = guest_cursor(m, 2, 64, 64);
	uint32_t count = fill_large(m);
	guest_cursor_update(m, &place);
	guest_wait_cursor(m, &place);
	/* of one that there is not */
	place.resource_id = FIRST + count;
	place.pos.x = 7;
	guest_cursor_update(m, &place);
	place.resource_id = 0;
	guest_cursor_update(m, &place);
	guest_wait_no_cursor(m);
	place.resource_id = 2;
	place.pos.x = 50;
	guest_cursor_update(m, &place);
	guest_wait_cursor(m, &place);
	empty(m, count);
	kit_surface_finish(&s);
	conform_end(c, m);
}

/* --- numbers ------------------------------------------------------------------------------- */

/* What a device has it may give; its id is free where it does not. */
static void over_large(struct conform *c)
{
	static const uint32_t sizes[][2] = { { UINT32_MAX, UINT32_MAX }, { 0x10001, 0xffff },
		{ 0x40000001, 1 }, { 0x8000, 0x8000 }, { 0x10000, 0x10000 }, { 1, UINT32_MAX },
		{ 0x80000001, 2 } };
	struct scene scene;
	struct kit_machine *m = conform_machine(c, NULL);
	scene_init(&scene, m);
	for (size_t i = 0; i < ARRAY_SIZE(sizes); i++) {
		int type = kit_gpu_create_2d(&m->gpu, FIRST, XRGB, sizes[i][0], sizes[i][1]);
		CHECK_OK(m, type);
		if (i == 0)
			CHECK_ERROR(m, type);
		if (type == VIRTIO_GPU_RESP_OK_NODATA)
			CHECK_GOOD(m, kit_gpu_unref(&m->gpu, FIRST));
		CHECK_GOOD(m, kit_gpu_create_2d(&m->gpu, FIRST, XRGB, 64, 64));
		CHECK_GOOD(m, kit_gpu_unref(&m->gpu, FIRST));
		scene_check(&scene, (uint32_t)i + 2);
	}
	scene_end(c, &scene);
}

/* Entries of a resource, each a byte of the same page: of their number only the device complains. */
static struct virtio_gpu_mem_entry *entries_of(uint64_t page, uint32_t count)
{
	struct virtio_gpu_mem_entry *entries = calloc(count, sizeof(*entries));
	CHECK(entries);
	for (uint32_t i = 0; i < count; i++)
		entries[i] = (struct virtio_gpu_mem_entry){ page + i % KIT_PAGE, 1, 0 };
	return entries;
}

static const char *const entry_names[] = { "16384", "16385", "65536", "1000000", NULL };

/* All the entries are there, however many: they are taken, or refused and nothing is attached. */
static void entries(struct conform *c)
{
	static const uint32_t counts[] = { 16384, 16385, 65536, 1000000 };
	struct scene scene;
	struct kit_machine *m = conform_machine(c, NULL);
	uint32_t count = counts[c->variant];
	uint64_t page = kit_alloc(&m->memory, KIT_PAGE, KIT_PAGE);
	struct virtio_gpu_mem_entry *list = entries_of(page, count);
	scene_init(&scene, m);
	CHECK_GOOD(m, kit_gpu_create_2d(&m->gpu, FIRST, XRGB, 64, 64));
	for (uint32_t i = 0; i < 3; i++) {
		int type = kit_gpu_attach(&m->gpu, FIRST, list, count);
		CHECK_OK(m, type);
		if (type == VIRTIO_GPU_RESP_OK_NODATA)
			CHECK_GOOD(m, kit_gpu_detach(&m->gpu, FIRST));
		CHECK_GOOD(m, kit_gpu_attach(&m->gpu, FIRST, list, 8));
		CHECK_GOOD(m, kit_gpu_detach(&m->gpu, FIRST));
		scene_check(&scene, i + 2);
	}
	free(list);
	kit_free(&m->memory, page, KIT_PAGE);
	scene_end(c, &scene);
}

/* The list ends long before that. */
static void more_entries_than_sent(struct conform *c)
{
	static const uint32_t counts[] = { UINT32_MAX, 0x10000000, 0x10000001, 0x7fffffff, 16384 };
	struct scene scene;
	struct kit_machine *m = conform_machine(c, NULL);
	uint64_t page = kit_alloc(&m->memory, KIT_PAGE, KIT_PAGE);
	struct {
		struct virtio_gpu_resource_attach_backing attach;
		struct virtio_gpu_mem_entry entries[2];
	} request = {
		.attach = { .hdr = kit_header(VIRTIO_GPU_CMD_RESOURCE_ATTACH_BACKING),
			.resource_id = FIRST },
		.entries = { { page, 1, 0 }, { page, KIT_PAGE, 0 } },
	};
	scene_init(&scene, m);
	CHECK_GOOD(m, kit_gpu_create_2d(&m->gpu, FIRST, XRGB, 8, 8));
	for (size_t i = 0; i < ARRAY_SIZE(counts); i++) {
		request.attach.nr_entries = counts[i];
		CHECK_ERROR(m, kit_gpu_simple(&m->gpu, &request, sizeof(request)));
	}
	request.attach.nr_entries = ARRAY_SIZE(request.entries);
	CHECK_GOOD(m, kit_gpu_simple(&m->gpu, &request, sizeof(request)));
	CHECK_GOOD(m, kit_gpu_unref(&m->gpu, FIRST));
	kit_free(&m->memory, page, KIT_PAGE);
	scene_check(&scene, 2);
	scene_end(c, &scene);
}

/* Lists of a large frame buffer's length, until there is no room for another one. */
static void entries_of_all(struct conform *c)
{
	enum { ENTRIES = 16384, MOST = 250 };
	struct scene scene;
	struct kit_machine *m = conform_machine(c, NULL);
	uint64_t page = kit_alloc(&m->memory, KIT_PAGE, KIT_PAGE);
	struct virtio_gpu_mem_entry *list = entries_of(page, ENTRIES);
	uint32_t count = 0;
	int type = VIRTIO_GPU_RESP_OK_NODATA;
	scene_init(&scene, m);
	while (count < MOST && type == VIRTIO_GPU_RESP_OK_NODATA) {
		CHECK_GOOD(m, create(m, count, 64));
		type = kit_gpu_attach(&m->gpu, FIRST + count++, list, ENTRIES);
		CHECK_OK(m, type);
	}
	if (type == VIRTIO_GPU_RESP_OK_NODATA)
		conform_skip("%u lists of %u entries are not too many", count, ENTRIES);
	CHECK_INT(type, NO_MEMORY);
	CHECK_GOOD(m, kit_gpu_detach(&m->gpu, FIRST));
	CHECK_GOOD(m, kit_gpu_attach(&m->gpu, FIRST + count - 1, list, ENTRIES));
	empty(m, count);
	free(list);
	kit_free(&m->memory, page, KIT_PAGE);
	scene_check(&scene, 2);
	scene_end(c, &scene);
}

/* --- 3D ------------------------------------------------------------------------------------ */

/* Words of 0, which are commands that do nothing. */
static int submit(struct kit_machine *m, uint32_t size)
{
	void *words = calloc(1, size);
	CHECK(words);
	int type = kit_gpu_submit_3d(&m->gpu, GL_CONTEXT, words, size);
	free(words);
	return type;
}

static void submit_size(struct conform *c)
{
	enum { MOST = 32u << 20 };
	struct kit_machine *m = gl_machine(c);
	struct kit_surface s = gl_texture(m, 1, XRGB, 64, 64);
	int type = VIRTIO_GPU_RESP_OK_NODATA;
	for (uint32_t size = 65536; size <= MOST && type == VIRTIO_GPU_RESP_OK_NODATA; size *= 2) {
		type = submit(m, size);
		CHECK_OK(m, type);
	}
	if (type != VIRTIO_GPU_RESP_OK_NODATA)
		CHECK_TYPE(m, type, NO_MEMORY);
	CHECK_GOOD(m, submit(m, 65536));
	gl_clear(m, &s, 0xff123456);
	kit_surface_finish(&s);
	conform_end(c, m);
}

static void contexts(struct conform *c)
{
	enum { MOST = 600 };
	struct kit_machine *m = gl_machine(c);
	struct kit_surface s = gl_texture(m, 1, XRGB, 64, 64);
	int type = VIRTIO_GPU_RESP_OK_NODATA;
	uint32_t last = GL_CONTEXT;
	while (last < MOST && type == VIRTIO_GPU_RESP_OK_NODATA) {
		type = kit_gpu_ctx_create(&m->gpu, ++last, 0, "conform");
		CHECK_OK(m, type);
	}
	if (type == VIRTIO_GPU_RESP_OK_NODATA)
		conform_skip("%u contexts are not too many", last);
	CHECK_INT(type, NO_MEMORY);
	CHECK(last > 2);
	gl_clear(m, &s, 0xff123456);
	CHECK_GOOD(m, kit_gpu_ctx_destroy(&m->gpu, last - 1));
	gl_context(m, last);
	CHECK_TYPE(m, kit_gpu_ctx_create(&m->gpu, last - 1, 0, ""), NO_MEMORY);
	gl_clear(m, &s, 0xff654321);
	kit_surface_finish(&s);
	conform_end(c, m);
}

/* --- the table ----------------------------------------------------------------------------- */

#define FULL    "virtio 1.4, 5.7.6.7: ERR_OUT_OF_MEMORY, "
#define CONTROL "virtio 1.4, 5.7.6.8: "
#define SHOWN   .needs = CONFORM_NEEDS_DISPLAY
#define VIRGL   .needs = CONFORM_NEEDS_VIRGL
#define HOSTILE .hostile = true

static const struct conform_case cases[] = {
	{ "resources", FULL "as long as the guest gives nothing back", resources, side_names,
		SHOWN },
	{ "last_one_works", CONTROL "a resource that was created can be drawn to and shown",
		last_one_works, SHOWN },
	{ "refusals_take_nothing", FULL "and a resource that was not created is none",
		refusals_take_nothing },
	{ "pictures_take_nothing", "memory of the host is not the guest's to take",
		pictures_take_nothing, .features = CONFORM_FEATURE(GPU_F_RESOURCE_BLOB), SHOWN },
	{ "refused_with_a_fence",
		"virtio 1.4, 5.7.6.7: the answer to a fenced command has the fence",
		refused_with_a_fence },
	{ "reset_when_full", "virtio 1.4, 2.4: a reset device is as it was at first",
		reset_when_full },
	{ "vmm_goes_when_full", "the next VMM has a device as it was at first", vmm_goes_when_full,
		.needs = CONFORM_NEEDS_MANY },
	{ "cursor_when_full", "virtio 1.4, 5.7.6.10: a cursor is loaded from a resource",
		cursor_when_full, SHOWN },
	{ "over_large", CONTROL "width and height are 32 bits each, and their product more",
		over_large, SHOWN, HOSTILE },
	{ "entries", CONTROL "backing is an array of nr_entries entries", entries, entry_names,
		SHOWN, HOSTILE },
	{ "more_entries_than_sent", CONTROL "nr_entries entries follow", more_entries_than_sent,
		SHOWN, HOSTILE },
	{ "entries_of_all", FULL "also for what the device keeps of a backing", entries_of_all,
		SHOWN },
	{ "submit_size", FULL "where a stream is longer than the device takes", submit_size,
		VIRGL },
	{ "contexts", FULL "as long as the guest destroys none", contexts, VIRGL },
};
DEFINE_CONFORM_AREA(limits, cases);
