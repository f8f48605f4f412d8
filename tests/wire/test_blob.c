/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/* Blobs of guest memory: pictures and cursors that are shown from where the guest keeps them. */
#include <stdlib.h>
#include <unistd.h>

#include "wire_3d.h"

#define GIB  (UINT64_C(1) << 30)
#define MIB  (UINT64_C(1) << 20)
#define SIDE VHOST_USER_GPU_CURSOR_SIDE
#define XRGB VIRTIO_GPU_FORMAT_B8G8R8X8_UNORM

static struct virtio_gpu_rect whole(const struct kit_surface *surface)
{
	return kit_rect(0, 0, surface->width, surface->height);
}

/* Shows all of a surface on scanout 0. */
static void put_on(struct kit_machine *m, const struct kit_surface *surface)
{
	CHECK_GOOD(m, kit_surface_set_scanout(surface, 0, whole(surface)));
}

/* --- pictures ------------------------------------------------------------------------------ */

static void show_one(struct kit_machine *m, const struct virtio_gpu_set_scanout_blob *like,
	uint32_t chunk, const struct kit_picture *picture)
{
	struct kit_surface surface = wire_blob(m, like, chunk);
	put_on(m, &surface);
	wire_show(m, &surface, picture);
	if (kit_display_wait_picture(&m->display, 0, picture) < 0)
		test_fail(__FILE__, __LINE__, "%s, stride %u, offset %u, pieces of %u: %s",
			kit_format_name(like->format), surface.stride, surface.offset, chunk,
			m->kit.why);
	CHECK_GOOD(m, kit_gpu_unref(&m->gpu, like->resource_id));
	kit_surface_finish(&surface);
	wire_wait_off(m, 0);
}

/* All formats, however the rows lie, in one piece and in many. */
static void every_format_and_layout(void)
{
	static const struct {
		uint32_t gap, offset;
	} layouts[] = { { 0, 0 }, { 64, 4096 }, { 4, 4 }, { 3, 1 }, { 1, 4095 } };
	static const uint32_t chunks[] = { 0, 4096, 1021, 61, 3 };
	struct kit_machine *m = wire_machine_with_blobs();
	struct kit_picture *picture = wire_pattern(37, 11, 5);
	for (size_t f = 0; f < ARRAY_SIZE(kit_formats); f++)
		for (size_t i = 0; i < ARRAY_SIZE(layouts); i++)
			for (size_t k = 0; k < ARRAY_SIZE(chunks); k++) {
				struct virtio_gpu_set_scanout_blob like =
					wire_plain_blob(1, 37, 11);
				like.format = kit_formats[f];
				like.strides[0] += layouts[i].gap;
				like.offsets[0] = layouts[i].offset;
				show_one(m, &like, chunks[k], picture);
			}
	kit_picture_destroy(picture);
	wire_end(m);
}

/* Each byte somewhere else. */
static void single_bytes(void)
{
	struct kit_machine *m = wire_machine_with_blobs();
	struct kit_picture *picture = wire_pattern(16, 8, 5);
	for (size_t f = 0; f < ARRAY_SIZE(kit_formats); f++) {
		struct virtio_gpu_set_scanout_blob like = wire_plain_blob(1, 16, 8);
		like.format = kit_formats[f];
		show_one(m, &like, 1, picture);
	}
	kit_picture_destroy(picture);
	wire_end(m);
}

/* A frame of pages that are all over memory, as large as a screen. */
static void large_and_scattered(void)
{
	struct kit_machine *m = wire_machine_with_blobs();
	struct kit_picture *picture = wire_pattern(1920, 1080, 5);
	struct virtio_gpu_set_scanout_blob like = wire_plain_blob(1, 1920, 1080);
	like.offsets[0] = 12;
	show_one(m, &like, 4096, picture);
	kit_picture_destroy(picture);
	wire_end(m);
}

/* What the guest draws is there with the next flush, what it does not flush is not. */
static void changes_with_each_flush(void)
{
	struct kit_machine *m = wire_machine_with_blobs();
	struct kit_surface s = wire_plain_surface(m, 1, 400, 300);
	struct kit_picture *drawn = wire_pattern(400, 300, 1), *seen = wire_pattern(400, 300, 1);
	put_on(m, &s);
	wire_show(m, &s, drawn);
	CHECK_PICTURE(m, 0, seen);
	for (uint32_t i = 0; i < 10; i++) {
		const struct virtio_gpu_rect rect = { 40 * i, 20 * i, 33, 21 };
		wire_settle(m);
		uint32_t updates = m->display.scanouts[0].updates;
		kit_picture_pattern(drawn, kit_rect(0, 0, 400, 300), 100 + i);
		kit_surface_draw(&s, drawn);
		CHECK_OK(m, kit_pump(&m->kit, 10));
		CHECK_INT(m->display.scanouts[0].updates, updates);
		CHECK_GOOD(m, kit_surface_show(&s, rect));
		kit_picture_copy(seen, rect.x, rect.y, drawn, rect);
		CHECK_PICTURE(m, 0, seen);
		CHECK_INT(m->display.scanouts[0].last.width, rect.width);
		CHECK_INT(m->display.scanouts[0].last.height, rect.height);
	}
	kit_surface_finish(&s);
	kit_picture_destroy(drawn);
	kit_picture_destroy(seen);
	wire_end(m);
}

/* What Linux does with a frame buffer of a 2D device: a transfer, which does nothing, and a
 * flush. */
static void transfers_as_for_2d(void)
{
	struct kit_machine *m = wire_machine_with_blobs();
	struct kit_surface s = wire_plain_surface(m, 1, 100, 80);
	struct kit_picture *picture = wire_pattern(100, 80, 1);
	CHECK_GOOD(m, kit_gpu_transfer_2d(&m->gpu, 1, whole(&s), 0));
	put_on(m, &s);
	kit_surface_draw(&s, picture);
	CHECK_GOOD(m, kit_gpu_transfer_2d(&m->gpu, 1, whole(&s), 0));
	CHECK_GOOD(m, kit_gpu_flush(&m->gpu, 1, whole(&s)));
	CHECK_PICTURE(m, 0, picture);
	kit_surface_finish(&s);
	kit_picture_destroy(picture);
	wire_end(m);
}

/* One blob on three outputs: two halves, and other bytes of it as another picture. */
static void several_scanouts(void)
{
	struct kit_machine *m = wire_machine_with_blobs();
	struct kit_surface s = wire_plain_surface(m, 1, 200, 100);
	struct kit_picture *picture = wire_pattern(200, 100, 1);
	struct kit_picture *part = kit_picture_create(100, 100);
	for (uint32_t i = 0; i < 2; i++)
		CHECK_GOOD(m, kit_surface_set_scanout(&s, i, kit_rect(i * 100, 0, 100, 100)));
	struct virtio_gpu_set_scanout_blob rows = wire_plain_blob(1, 200, 10);
	rows.scanout_id = 2;
	rows.offsets[0] = 90 * 200 * 4;
	CHECK_GOOD(m, kit_gpu_set_scanout_blob(&m->gpu, rows));
	for (uint32_t seed = 1; seed < 4; seed++) {
		kit_picture_pattern(picture, whole(&s), seed);
		wire_show(m, &s, picture);
		for (uint32_t i = 0; i < 2; i++) {
			kit_picture_copy(part, 0, 0, picture, kit_rect(i * 100, 0, 100, 100));
			CHECK_PICTURE(m, i, part);
		}
		struct kit_picture *last = kit_picture_create(200, 10);
		kit_picture_copy(last, 0, 0, picture, kit_rect(0, 90, 200, 10));
		CHECK_PICTURE(m, 2, last);
		kit_picture_destroy(last);
	}
	CHECK_GOOD(m, kit_gpu_unref(&m->gpu, 1));
	for (uint32_t i = 0; i < 3; i++)
		wire_wait_off(m, i);
	kit_surface_finish(&s);
	kit_picture_destroy(picture);
	kit_picture_destroy(part);
	wire_end(m);
}

static void page_flips(void)
{
	struct kit_machine *m = wire_machine_with_blobs();
	struct kit_surface surfaces[2];
	struct kit_picture *picture = wire_pattern(320, 200, 1);
	for (uint32_t i = 0; i < 2; i++)
		surfaces[i] = wire_plain_surface(m, i + 1, 320, 200);
	for (uint32_t frame = 0; frame < 20; frame++) {
		struct kit_surface *s = &surfaces[frame % 2];
		kit_picture_pattern(picture, whole(s), frame);
		kit_surface_draw(s, picture);
		put_on(m, s);
		CHECK_GOOD(m, kit_gpu_flush(&m->gpu, s->id, whole(s)));
		CHECK_PICTURE(m, 0, picture);
	}
	for (uint32_t i = 0; i < 2; i++)
		kit_surface_finish(&surfaces[i]);
	kit_picture_destroy(picture);
	wire_end(m);
}

/* --- coming and going ---------------------------------------------------------------------- */

/* The id is free at once, the memory is the guest's, and the output is off. */
static void goes_while_shown(void)
{
	struct kit_machine *m = wire_machine_with_blobs();
	struct kit_picture *picture = wire_pattern(640, 480, 1);
	for (uint32_t i = 0; i < 10; i++) {
		struct kit_surface s = wire_plain_surface(m, 1, 640, 480);
		put_on(m, &s);
		kit_picture_pattern(picture, whole(&s), i);
		wire_show(m, &s, picture);
		if (i % 2)
			CHECK_PICTURE(m, 0, picture);
		CHECK_GOOD(m, kit_gpu_unref(&m->gpu, 1));
		CHECK_TYPE(m, kit_gpu_flush(&m->gpu, 1, whole(&s)),
			VIRTIO_GPU_RESP_ERR_INVALID_RESOURCE_ID);
		kit_surface_finish(&s);
	}
	wire_wait_off(m, 0);
	kit_picture_destroy(picture);
	wire_end(m);
}

static void reset_while_shown(void)
{
	struct kit_machine *m = wire_machine_with_blobs();
	struct kit_picture *picture = wire_pattern(320, 200, 1);
	for (uint32_t i = 0; i < 3; i++) {
		struct kit_surface s = wire_plain_surface(m, 1, 320, 200);
		put_on(m, &s);
		kit_picture_pattern(picture, whole(&s), i);
		wire_show(m, &s, picture);
		CHECK_PICTURE(m, 0, picture);
		CHECK_OK(m, kit_machine_reset(m));
		kit_surface_finish(&s);
	}
	kit_picture_destroy(picture);
	wire_end(m);
}

/* Memory that is given, taken and given by the commands for that. */
static void backing_by_command(void)
{
	struct kit_machine *m = wire_machine_with_blobs();
	struct kit_surface s = wire_plain_surface(m, 1, 100, 80);
	struct kit_picture *first = wire_pattern(100, 80, 1), *second = wire_pattern(100, 80, 2);
	put_on(m, &s);
	wire_show(m, &s, first);
	CHECK_PICTURE(m, 0, first);
	CHECK_GOOD(m, kit_gpu_detach(&m->gpu, 1));
	wire_show(m, &s, second);
	CHECK_OK(m, kit_pump(&m->kit, 50));
	CHECK_PICTURE(m, 0, first);
	CHECK_GOOD(m, kit_gpu_attach(&m->gpu, 1, s.entries, s.count));
	CHECK_PICTURE(m, 0, second);
	kit_surface_finish(&s);
	kit_picture_destroy(first);
	kit_picture_destroy(second);
	wire_end(m);
}

static struct kit_region_spec plugged(void)
{
	return (struct kit_region_spec){ .guest = 8 * GIB, .size = 2 * MIB, .unusable = true };
}

static void plug(struct kit_machine *m, bool in)
{
	const struct kit_region_spec more = plugged();
	if (in)
		CHECK_OK(m, kit_memory_add(&m->memory, &more));
	else
		kit_memory_drop(&m->memory);
	CHECK_OK(m, kit_vmm_do(&m->vmm, VHOST_USER_SET_MEM_TABLE, 0, 0));
}

/* Blob 1 of 64 x 64 pixels, in memory of the test's. */
static void blob_at(struct kit_machine *m, uint64_t address)
{
	const struct virtio_gpu_mem_entry entry = { .addr = address, .length = 64 * 64 * 4 };
	const struct virtio_gpu_resource_create_blob create = {
		.resource_id = 1,
		.blob_mem = VIRTIO_GPU_BLOB_MEM_GUEST,
		.size = entry.length,
	};
	CHECK_GOOD(m, kit_gpu_create_blob(&m->gpu, create, 0, &entry, 1));
}

/* The blob's memory is unplugged while it is shown, and other memory is plugged in its place. */
static void memory_goes_and_comes(void)
{
	struct kit_machine *m = wire_machine("none",
		&(struct kit_machine_spec){ .profile = &kit_profile_qemu_gpu_all,
			.protocol_unwanted =
				VHOST_BIT(VHOST_USER_PROTOCOL_F_CONFIGURE_MEM_SLOTS) });
	struct kit_picture *picture = wire_pattern(64, 64, 1);
	plug(m, true);
	blob_at(m, 8 * GIB);
	CHECK_GOOD(m, kit_gpu_set_scanout_blob(&m->gpu, wire_plain_blob(1, 64, 64)));
	for (uint32_t i = 0; i < 4; i++) {
		kit_picture_pattern(picture, kit_rect(0, 0, 64, 64), i);
		memcpy(kit_ptr(&m->memory, 8 * GIB, 16384), picture->pixels, 16384);
		CHECK_GOOD(m, kit_gpu_flush(&m->gpu, 1, kit_rect(0, 0, 64, 64)));
		CHECK_PICTURE(m, 0, picture);
		plug(m, false);
		CHECK_GOOD(m, kit_gpu_flush(&m->gpu, 1, kit_rect(0, 0, 64, 64)));
		CHECK_OK(m, kit_pump(&m->kit, 10));
		CHECK_PICTURE(m, 0, picture);
		plug(m, true);
	}
	/* It is all black in there now. */
	kit_picture_fill(picture, kit_rect(0, 0, 64, 64), 0);
	CHECK_PICTURE(m, 0, picture);
	kit_picture_destroy(picture);
	wire_end(m);
}

/* A VMM that cuts its memory off under a picture that is shown. */
static void memory_is_cut_off(void)
{
	static const struct kit_region_spec regions[] = {
		{ .guest = 0, .size = 4 * MIB },
		{ .guest = GIB, .size = 4 * MIB, .unsealed = true, .unusable = true },
	};
	struct kit_machine *m = wire_machine("none",
		&(struct kit_machine_spec){ .profile = &kit_profile_qemu_gpu_all,
			.regions = regions,
			.region_count = ARRAY_SIZE(regions) });
	struct kit_picture *black = kit_picture_create(64, 64);
	memset(kit_ptr(&m->memory, GIB, 16384), 0x77, 16384);
	blob_at(m, GIB);
	CHECK_INT(ftruncate(m->memory.regions[1].fd, 0), 0);
	for (size_t i = 0; i < 2; i++) {
		/* As it is, and converted. */
		struct virtio_gpu_set_scanout_blob set = wire_plain_blob(1, 64, 64);
		set.format = i ? VIRTIO_GPU_FORMAT_R8G8B8A8_UNORM : XRGB;
		CHECK_GOOD(m, kit_gpu_set_scanout_blob(&m->gpu, set));
		CHECK_PICTURE(m, 0, black);
	}
	wire_check_alive(m);
	CHECK_INT(ftruncate(m->memory.regions[1].fd, 4 * MIB), 0);
	kit_picture_destroy(black);
	wire_end(m);
}

/* --- commands ------------------------------------------------------------------------------ */

/* There is no host memory, and nothing that could be mapped. */
static void nothing_to_be_mapped(void)
{
	uint32_t info;
	struct kit_machine *m = wire_machine_with_blobs();
	struct kit_surface s = wire_plain_surface(m, 1, 32, 32);
	CHECK_ERROR(m, kit_gpu_map_blob(&m->gpu, 1, 0, &info));
	CHECK_ERROR(m, kit_gpu_unmap_blob(&m->gpu, 1));
	kit_surface_finish(&s);
	wire_end(m);
}

static bool has_cursor(void *data)
{
	const struct kit_cursor *cursor = data;
	return cursor->visible;
}

static void cursor(void)
{
	struct kit_machine *m = wire_machine_with_blobs();
	const struct virtio_gpu_set_scanout_blob like = wire_plain_blob(1, SIDE, SIDE);
	struct kit_surface s = wire_blob(m, &like, 333);
	for (uint32_t i = 0; i < SIDE * SIDE; i++) {
		uint32_t pixel = i * 0x01030507u;
		kit_surface_write(&s, (uint64_t)i * 4, &pixel, sizeof(pixel));
	}
	CHECK_GOOD(m, kit_gpu_transfer_2d(&m->gpu, 1, whole(&s), 0));
	CHECK_GOOD(m,
		kit_gpu_update_cursor(&m->gpu,
			(struct virtio_gpu_update_cursor){
				.pos = { .x = 5, .y = 6 }, .resource_id = 1 }));
	CHECK_OK(m, kit_wait(&m->kit, has_cursor, &m->display.cursor, -1));
	for (uint32_t i = 0; i < SIDE * SIDE; i++)
		CHECK_INT(m->display.cursor.pixels[i], i * 0x01030507u);
	struct kit_surface small = wire_plain_surface(m, 2, 16, 16);
	CHECK_TYPE(m,
		kit_gpu_update_cursor(
			&m->gpu, (struct virtio_gpu_update_cursor){ .resource_id = 2 }),
		VIRTIO_GPU_RESP_ERR_INVALID_PARAMETER);
	kit_surface_finish(&small);
	kit_surface_finish(&s);
	wire_end(m);
}

/* --- contexts ------------------------------------------------------------------------------ */

/* A context writes to a blob: the renderer has the guest's own pages. */
static void contexts_write(void)
{
	struct kit_machine *m = wire_machine_3d("null");
	const struct virtio_gpu_set_scanout_blob like = wire_plain_blob(1, 40, 30);
	struct kit_surface s = wire_blob(m, &like, 1000);
	struct kit_picture *picture = kit_picture_create(40, 30);
	wire_context(m, 1);
	CHECK_GOOD(m, kit_gpu_ctx_attach(&m->gpu, 1, 1));
	put_on(m, &s);
	for (uint32_t row = 0; row < 30; row++) {
		CHECK_GOOD(m, WIRE_SUBMIT(m, 1, NULL_WRITE, 1, 0x010203 * row, row * 160, 40));
		kit_picture_fill(picture, kit_rect(0, row, 40, 1), 0x010203 * row);
	}
	CHECK_GOOD(m, kit_gpu_flush(&m->gpu, 1, whole(&s)));
	CHECK_PICTURE(m, 0, picture);

	/* In other memory, and not at all without. */
	CHECK_GOOD(m, kit_gpu_detach(&m->gpu, 1));
	CHECK_ERROR(m, WIRE_SUBMIT(m, 1, NULL_WRITE, 1, 0xffffff, 0, 1));
	struct kit_surface other = wire_plain_surface(m, 2, 40, 30);
	CHECK_GOOD(m, kit_gpu_attach(&m->gpu, 1, other.entries, other.count));
	CHECK_GOOD(m, WIRE_SUBMIT(m, 1, NULL_WRITE, 1, 0x654321, 0, 40));
	CHECK_GOOD(m, kit_gpu_flush(&m->gpu, 1, whole(&s)));
	kit_picture_fill(picture, whole(&s), 0);
	kit_picture_fill(picture, kit_rect(0, 0, 40, 1), 0x654321);
	CHECK_PICTURE(m, 0, picture);
	CHECK_GOOD(m, kit_gpu_unref(&m->gpu, 1));
	CHECK_ERROR(m, WIRE_SUBMIT(m, 1, NULL_WRITE, 1, 0, 0, 1));
	kit_surface_finish(&other);
	kit_surface_finish(&s);
	kit_picture_destroy(picture);
	wire_end(m);
}

/* QEMU's generic device has no display, and lets every feature through. */
static void generic_device(void)
{
	struct kit_machine *m = wire_machine("none",
		&(struct kit_machine_spec){
			.profile = &kit_profile_qemu_generic, .no_display = true });
	CHECK(kit_vmm_feature(&m->vmm, VIRTIO_GPU_F_RESOURCE_BLOB));
	CHECK(kit_vmm_feature(&m->vmm, VIRTIO_GPU_F_BLOB_ALIGNMENT));
	CHECK(kit_vmm_feature(&m->vmm, VIRTIO_GPU_F_RESOURCE_UUID));
	struct virtio_gpu_config config;
	CHECK_OK(m, kit_vmm_read_config(&m->vmm, 0, &config, sizeof(config)));
	CHECK_INT(config.blob_alignment, sysconf(_SC_PAGESIZE));
	for (uint32_t i = 0; i < 5; i++) {
		struct kit_surface s = wire_plain_surface(m, 1, 100, 100);
		put_on(m, &s);
		CHECK_GOOD(m, kit_surface_show(&s, whole(&s)));
		if (i % 2)
			CHECK_OK(m, kit_machine_reset(m));
		else
			CHECK_GOOD(m, kit_gpu_unref(&m->gpu, 1));
		kit_surface_finish(&s);
	}
	wire_check_alive(m);
	wire_end(m);
}

int main(int argc, char **argv)
{
	static const struct test_case cases[] = {
		TEST_CASE(every_format_and_layout),
		TEST_CASE(single_bytes),
		TEST_CASE(large_and_scattered),
		TEST_CASE(changes_with_each_flush),
		TEST_CASE(transfers_as_for_2d),
		TEST_CASE(several_scanouts),
		TEST_CASE(page_flips),
		TEST_CASE(goes_while_shown),
		TEST_CASE(reset_while_shown),
		TEST_CASE(backing_by_command),
		TEST_CASE(memory_goes_and_comes),
		TEST_CASE(memory_is_cut_off),
		TEST_CASE(nothing_to_be_mapped),
		TEST_CASE(cursor),
		TEST_CASE(contexts_write),
		TEST_CASE(generic_device),
	};
	return test_main(argc, argv, cases, ARRAY_SIZE(cases));
}
