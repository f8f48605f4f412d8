/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/* Every number in every command of 2D, at and beyond its edges. */
#include "kit/conform/guest.h"

#define XRGB VIRTIO_GPU_FORMAT_B8G8R8X8_UNORM
#define S    GUEST_SIDE
#define MAX  UINT32_MAX

#define ROW ((int64_t)S * 4) /* bytes */
#define ALL ((int64_t)GUEST_SIZE)

/* A refusal; the guest goes on to use what it has. */
static void end_refused(struct conform *c, struct guest *guest)
{
	CHECK_GOOD(guest->m, kit_surface_show(&guest->shown, kit_rect(0, 0, S, S)));
	guest_end(c, guest);
}

/* --- resources ----------------------------------------------------------------------------- */

static const struct {
	uint32_t id, format, width, height;
	bool open; /* a device may be able to do it */
} creations[] = {
	{ 0, XRGB, S, S, false },
	{ GUEST_SHOWN, XRGB, S, S, false },
	{ GUEST_SHOWN, XRGB, 2 * S, 2 * S, false },
	{ GUEST_NEW, 0, S, S, false },
	{ GUEST_NEW, 5, S, S, false },
	{ GUEST_NEW, 66, S, S, false },
	{ GUEST_NEW, 135, S, S, false },
	{ GUEST_NEW, MAX, S, S, false },
	{ GUEST_NEW, XRGB, 0, S, false },
	{ GUEST_NEW, XRGB, S, 0, false },
	{ GUEST_NEW, XRGB, 0, 0, false },
	{ GUEST_NEW, XRGB, 1, MAX, true },
	{ GUEST_NEW, XRGB, MAX, 1, true },
	{ GUEST_NEW, XRGB, MAX, MAX, false },
	{ GUEST_NEW, XRGB, 0x40000001, 128, true }, /* 512 bytes, in 32 bits */
	{ GUEST_NEW, XRGB, 0x20000000, 2, true }, /* none */
	{ GUEST_NEW, XRGB, 0x8000, 0x8000, true },
	{ GUEST_NEW, XRGB, 0x10000, 0x10000, true },
	{ GUEST_NEW, XRGB, 16385, 1, true },
};
static const char *const creation_names[] = { "id_0", "id_taken", "id_taken_other_size", "format_0",
	"format_5", "format_66", "format_135", "format_max", "width_0", "height_0", "size_0",
	"1xmax", "maxx1", "maxxmax", "wraps_to_512_bytes", "wraps_to_0_bytes", "32768x32768",
	"65536x65536", "16385x1", NULL };

/* What was created after all is as large as it says: its last pixel can be transferred, and all of it
 * cannot do harm. */
static void use_created(struct guest *guest, uint32_t width, uint32_t height)
{
	struct kit_machine *m = guest->m;
	struct virtio_gpu_mem_entry entry = { guest->memory, GUEST_SIZE, 0 };
	CHECK_GOOD(m, kit_gpu_attach(&m->gpu, GUEST_NEW, &entry, 1));
	CHECK_GOOD(m,
		kit_gpu_transfer_2d(&m->gpu, GUEST_NEW, kit_rect(width - 1, height - 1, 1, 1), 0));
	CHECK_OK(m, kit_gpu_transfer_2d(&m->gpu, GUEST_NEW, kit_rect(0, 0, width, height), 0));
	CHECK_GOOD(m, kit_gpu_unref(&m->gpu, GUEST_NEW));
}

static void create_2d(struct conform *c)
{
	struct guest guest;
	uint32_t id = creations[c->variant].id, format = creations[c->variant].format;
	uint32_t width = creations[c->variant].width, height = creations[c->variant].height;
	guest_init(c, &guest, NULL);
	int type = kit_gpu_create_2d(&guest.m->gpu, id, format, width, height);
	if (type == VIRTIO_GPU_RESP_OK_NODATA && creations[c->variant].open)
		use_created(&guest, width, height);
	else
		CHECK_ERROR(guest.m, type);
	/* nothing is left of it */
	CHECK_GOOD(guest.m, kit_gpu_create_2d(&guest.m->gpu, GUEST_NEW, XRGB, S, S));
	end_refused(c, &guest);
}

/* Commands about resources that there are not. */
static const char *const about_resources[] = { "RESOURCE_UNREF", "SET_SCANOUT", "RESOURCE_FLUSH",
	"TRANSFER_TO_HOST_2D", "RESOURCE_ATTACH_BACKING", "RESOURCE_DETACH_BACKING", NULL };

static int about_resource(struct guest *guest, uint32_t which, uint32_t id)
{
	struct kit_gpu *gpu = &guest->m->gpu;
	struct virtio_gpu_rect rect = kit_rect(0, 0, S, S);
	struct virtio_gpu_mem_entry entry = { guest->memory, GUEST_SIZE, 0 };
	switch (which) {
	case 0:
		return kit_gpu_unref(gpu, id);
	case 1:
		return kit_gpu_set_scanout(gpu, 0, id, rect);
	case 2:
		return kit_gpu_flush(gpu, id, rect);
	case 3:
		return kit_gpu_transfer_2d(gpu, id, rect, 0);
	case 4:
		return kit_gpu_attach(gpu, id, &entry, 1);
	default:
		return kit_gpu_detach(gpu, id);
	}
}

static void unknown_resource(struct conform *c)
{
	static const uint32_t ids[] = { GUEST_NEW, 0, 0x80000000, 0x7fffffff, MAX,
		0x10000 + GUEST_SHOWN };
	struct guest guest;
	guest_init(c, &guest, NULL);
	for (size_t i = 0; i < ARRAY_SIZE(ids); i++) {
		/* 0 switches a scanout off */
		if (ids[i] == 0 && c->variant == 1)
			continue;
		CHECK_ERROR(guest.m, about_resource(&guest, c->variant, ids[i]));
	}
	end_refused(c, &guest);
}

/* --- rectangles ---------------------------------------------------------------------------- */

static const struct virtio_gpu_rect outside[] = {
	{ 0, 0, S + 1, S },
	{ 0, 0, S, S + 1 },
	{ 1, 0, S, S },
	{ 0, 1, S, S },
	{ S, 0, 1, 1 },
	{ 0, S, 1, 1 },
	{ S + 1, S + 1, 1, 1 },
	{ S - 1, S - 1, 2, 2 },
	{ MAX, 0, 1, 1 },
	{ MAX, 0, 2, 1 },
	{ 0, MAX, 1, 2 },
	{ 1, 1, MAX, MAX },
	{ 0x80000000, 0x80000000, 0x80000000, 0x80000000 },
	{ 0, 0, MAX, 1 },
	{ 0, 0, 1, MAX },
};
static const char *const outside_names[] = { "wider", "higher", "one_right", "one_down",
	"right_of_it", "below_it", "far_corner", "across_the_corner", "x_max", "x_wraps", "y_wraps",
	"size_wraps", "all_high_bits", "width_max", "height_max", NULL };

static void set_scanout(struct conform *c)
{
	struct guest guest;
	guest_init(c, &guest, NULL);
	CHECK_ERROR(
		guest.m, kit_gpu_set_scanout(&guest.m->gpu, 0, GUEST_SHOWN, outside[c->variant]));
	end_refused(c, &guest);
}

/* What of it is in the resource may be shown; what is not has to do no harm. */
static void flush(struct conform *c)
{
	struct guest guest;
	guest_init(c, &guest, NULL);
	CHECK_OK(guest.m, kit_gpu_flush(&guest.m->gpu, GUEST_SHOWN, outside[c->variant]));
	guest_watch(guest.m);
	end_refused(c, &guest);
}

static void transfer(struct conform *c)
{
	struct guest guest;
	guest_init(c, &guest, NULL);
	CHECK_ERROR(
		guest.m, kit_gpu_transfer_2d(&guest.m->gpu, GUEST_SHOWN, outside[c->variant], 0));
	end_refused(c, &guest);
}

/* Rectangles of nothing, which may be refused or not. */
static const struct virtio_gpu_rect empty[] = { { 0, 0, 0, 0 }, { 0, 0, 0, S }, { 0, 0, S, 0 },
	{ S, S, 0, 0 }, { MAX, MAX, 0, 0 } };
static const char *const empty_names[] = { "at_0", "no_width", "no_height", "at_the_end",
	"far_away", NULL };

static void empty_rectangles(struct conform *c)
{
	struct guest guest;
	struct virtio_gpu_rect rect = empty[c->variant];
	guest_init(c, &guest, NULL);
	CHECK_OK(guest.m, kit_gpu_transfer_2d(&guest.m->gpu, GUEST_SHOWN, rect, 0));
	CHECK_OK(guest.m, kit_gpu_transfer_2d(&guest.m->gpu, GUEST_SHOWN, rect, UINT64_MAX));
	CHECK_OK(guest.m, kit_gpu_flush(&guest.m->gpu, GUEST_SHOWN, rect));
	CHECK_OK(guest.m, kit_gpu_set_scanout(&guest.m->gpu, 0, GUEST_SHOWN, rect));
	CHECK_OK(guest.m, kit_gpu_flush(&guest.m->gpu, GUEST_SHOWN, kit_rect(0, 0, S, S)));
	guest_watch(guest.m);
	CHECK_GOOD(
		guest.m, kit_gpu_set_scanout(&guest.m->gpu, 0, GUEST_SHOWN, kit_rect(0, 0, S, S)));
	end_refused(c, &guest);
}

/* --- scanouts ------------------------------------------------------------------------------ */

static const uint32_t bad_scanouts[] = { 16, 17, 255, 0x7fffffff, 0x80000000, MAX };
static const char *const bad_scanout_names[] = { "16", "17", "255", "2147483647", "2147483648",
	"max", NULL };

static void scanout_id(struct conform *c)
{
	uint32_t id = bad_scanouts[c->variant];
	struct guest guest;
	guest_init(c, &guest, NULL);
	CHECK_ERROR(
		guest.m, kit_gpu_set_scanout(&guest.m->gpu, id, GUEST_SHOWN, kit_rect(0, 0, S, S)));
	CHECK_ERROR(guest.m, kit_gpu_set_scanout(&guest.m->gpu, id, 0, kit_rect(0, 0, 0, 0)));
	end_refused(c, &guest);
}

/* --- backing ------------------------------------------------------------------------------- */

/* nr_entries that does not agree with what follows. */
static const uint32_t counts[] = { 2, 3, 16384, 16385, 0x10000000, 0x10000001, MAX };
static const char *const count_names[] = { "2", "3", "16384", "16385", "wraps_to_0_bytes",
	"wraps_to_16_bytes", "max", NULL };

static void entry_count(struct conform *c)
{
	struct guest guest;
	struct guest_request request;
	struct virtio_gpu_resource_attach_backing *attach = (void *)request.bytes;
	guest_init(c, &guest, NULL);
	guest_compose(&guest, "RESOURCE_ATTACH_BACKING", &request);
	attach->nr_entries = counts[c->variant];
	CHECK_ERROR(guest.m, guest_send_request(guest.m, &request));
	attach->nr_entries = 1;
	CHECK_GOOD(guest.m, guest_send_request(guest.m, &request));
	end_refused(c, &guest);
}

/* Entries that are not in the guest's memory: the attaching is refused, or the transfer. */
static const struct {
	struct virtio_gpu_mem_entry entry;
	bool open; /* all that is transferred is in memory */
} entries[] = {
	{ { UINT64_C(1) << 40, GUEST_SIZE, 0 }, false },
	{ { (UINT64_C(64) << 20) - 4096, GUEST_SIZE, 0 }, false },
	{ { UINT64_C(64) << 20, GUEST_SIZE, 0 }, false },
	{ { UINT64_MAX - 4095, 4096, 0 }, false },
	{ { UINT64_MAX - 4095, GUEST_SIZE, 0 }, false },
	{ { 0x10000, MAX, 0 }, true },
	{ { (UINT64_C(4) << 30) - 8, GUEST_SIZE, 0 }, false },
};
static const char *const entry_names[] = { "nowhere", "into_the_hole", "in_the_hole", "last_page",
	"wraps", "longer_than_memory", "out_of_the_hole", NULL };

static void entry_outside_memory(struct conform *c)
{
	struct guest guest;
	guest_init(c, &guest, NULL);
	struct kit_gpu *gpu = &guest.m->gpu;
	int type = kit_gpu_attach(gpu, GUEST_BARE, &entries[c->variant].entry, 1);
	if (type == VIRTIO_GPU_RESP_OK_NODATA)
		type = kit_gpu_transfer_2d(gpu, GUEST_BARE, kit_rect(0, 0, S, S), 0);
	if (entries[c->variant].open)
		CHECK_OK(guest.m, type);
	else
		CHECK_ERROR(guest.m, type);
	CHECK_GOOD(guest.m, kit_gpu_unref(gpu, GUEST_BARE));
	end_refused(c, &guest);
}

/* Offsets and rectangles that run over the backing's end. */
static const struct {
	struct virtio_gpu_rect rect;
	int64_t offset;
} transfers[] = {
	{ { 0, 0, S, S }, 0 },
	{ { 0, 0, S, S }, 1 },
	{ { 0, 0, S, S }, 4 },
	{ { 0, 0, 1, 1 }, ALL - 4 },
	{ { 0, 0, 1, 1 }, ALL - 3 },
	{ { 0, 0, 1, 1 }, ALL },
	{ { 0, 0, 1, 2 }, ALL - 4 - ROW },
	{ { 0, 0, 1, 2 }, ALL - 3 - ROW },
	{ { 0, 0, 1, 1 }, MAX },
	{ { 0, 0, 1, 1 }, INT64_C(1) << 32 }, /* 0, in 32 bits */
	{ { 0, 0, 1, 1 }, -1 },
	{ { 0, 0, 1, 1 }, -4 },
	{ { 0, 0, S, S }, -ALL },
	{ { 0, 0, S, S }, INT64_MIN },
};
static const char *const transfer_names[] = { "all", "one_byte_over", "one_pixel_over",
	"last_pixel", "last_pixel_and_a_byte", "at_the_end", "last_two_rows",
	"last_two_rows_and_a_byte", "32_bits", "wraps_to_0", "max", "last_4_bytes_of_64_bits",
	"sum_wraps_to_0", "highest_bit", NULL };

/* Whether a pixel of the rectangle, x and y counted in it, may look so: each byte as before, or
 * as it is in the backing at this place. */
static bool may_be(uint32_t shown, uint32_t before, const uint8_t *backing, uint64_t at)
{
	for (uint32_t i = 0; i < 3; i++) {
		uint8_t byte = (uint8_t)(shown >> 8 * i);
		if (byte != (uint8_t)(before >> 8 * i) &&
			!(range_inside(at, i + 1, GUEST_SIZE) && byte == backing[at + i]))
			return false;
	}
	return true;
}

static void check_transferred(struct guest *guest, const struct kit_picture *before,
	struct virtio_gpu_rect rect, uint64_t offset)
{
	static uint8_t backing[GUEST_SIZE];
	const struct kit_picture *shown = guest->m->display.scanouts[0].picture;
	CHECK(shown);
	kit_surface_read(&guest->shown, 0, backing, sizeof(backing));
	for (uint32_t i = 0; i < S * S; i++) {
		uint32_t x = i % S, y = i / S;
		bool inside = x < rect.width && y < rect.height;
		uint64_t at = inside ? offset + y * (uint64_t)ROW + x * 4 : UINT64_MAX;
		if (!may_be(shown->pixels[i], before->pixels[i], backing, at))
			kit_check_failed(KIT_HERE,
				"pixel %u,%u is %06x, which is not of the backing", x, y,
				shown->pixels[i] & KIT_RGB);
	}
}

/* It may be refused, or done as far as there is backing; nothing else of memory is seen. */
static void transfer_past_the_backing(struct conform *c)
{
	struct guest guest;
	struct virtio_gpu_rect rect = transfers[c->variant].rect;
	uint64_t offset = (uint64_t)transfers[c->variant].offset;
	struct kit_picture *before = conform_pattern(S, S, 1), *after = conform_pattern(S, S, 2);
	guest_init(c, &guest, NULL);
	conform_show(guest.m, &guest.shown, before);
	CHECK_PICTURE(guest.m, 0, before);
	kit_surface_draw(&guest.shown, after);
	int type = kit_gpu_transfer_2d(&guest.m->gpu, GUEST_SHOWN, rect, offset);
	if (offset < GUEST_SIZE &&
		offset + (rect.height - 1) * (uint64_t)ROW + rect.width * 4 <= GUEST_SIZE)
		CHECK_GOOD(guest.m, type);
	CHECK_OK(guest.m, type);
	CHECK_GOOD(guest.m, kit_gpu_flush(&guest.m->gpu, GUEST_SHOWN, kit_rect(0, 0, S, S)));
	guest_watch(guest.m);
	check_transferred(&guest, before, rect, offset);
	kit_picture_destroy(before);
	kit_picture_destroy(after);
	end_refused(c, &guest);
}

/* --- cursors ------------------------------------------------------------------------------- */

static void cursor_scanout_id(struct conform *c)
{
	struct guest guest;
	struct virtio_gpu_update_cursor cursor = { .resource_id = GUEST_CURSOR };
	guest_init(c, &guest, NULL);
	guest_cursor_update(guest.m, &cursor);
	cursor.pos.scanout_id = bad_scanouts[c->variant];
	guest_cursor_update(guest.m, &cursor);
	guest_cursor_move(guest.m, &cursor);
	guest_watch(guest.m);
	end_refused(c, &guest);
}

/* Places far outside of the screen, and hot spots outside of the picture. */
static const uint32_t places[] = { S, 16384, 0x7fffffff, 0x80000000, MAX };
static const char *const place_names[] = { "64", "16384", "2147483647", "2147483648", "max", NULL };

static void cursor_place(struct conform *c)
{
	struct guest guest;
	uint32_t far = places[c->variant];
	struct virtio_gpu_update_cursor cursor = { .pos = { .x = far, .y = far },
		.resource_id = GUEST_CURSOR,
		.hot_x = far,
		.hot_y = far };
	guest_init(c, &guest, NULL);
	guest_cursor_update(guest.m, &cursor);
	guest_cursor_move(guest.m, &cursor);
	cursor.hot_x = cursor.hot_y = 0;
	cursor.pos.x = cursor.pos.y = 2;
	guest_cursor_update(guest.m, &cursor);
	guest_wait_cursor(guest.m, &cursor);
	end_refused(c, &guest);
}

static void cursor_resource(struct conform *c)
{
	static const uint32_t ids[] = { GUEST_NEW, 0x80000000, MAX };
	struct guest guest;
	guest_init(c, &guest, NULL);
	for (size_t i = 0; i < ARRAY_SIZE(ids); i++) {
		struct virtio_gpu_update_cursor cursor = { .hdr.type = VIRTIO_GPU_CMD_UPDATE_CURSOR,
			.resource_id = ids[i] };
		int type = guest_send(guest.m, VIRTIO_GPU_QUEUE_CURSOR, &cursor, sizeof(cursor),
			sizeof(cursor.hdr));
		/* there may be no answer at all, but not a good one */
		CHECK(type == 0 || type >= VIRTIO_GPU_RESP_ERR_UNSPEC);
	}
	end_refused(c, &guest);
}

/* --- the table ----------------------------------------------------------------------------- */

#define CONTROL "virtio 1.4, 5.7.6.8: "
#define CURSOR  "virtio 1.4, 5.7.6.10: "
#define SHOWN   .needs = CONFORM_NEEDS_DISPLAY
#define HOSTILE .hostile = true

static const struct conform_case cases[] = {
	{ "create_2d", CONTROL "ids are new and not 0, formats those of the list; sizes in 64 bits",
		create_2d, .variants = creation_names, HOSTILE },
	{ "unknown_resource", CONTROL "these commands are about a resource that was created",
		unknown_resource, .variants = about_resources, HOSTILE },
	{ "set_scanout", CONTROL "scanout rectangles are completely covered by the resource",
		set_scanout, .variants = outside_names, HOSTILE },
	{ "flush", CONTROL "a flush reaches the scanouts of its resource, and no memory beside it",
		flush, .variants = outside_names, HOSTILE },
	{ "transfer", CONTROL "the box of a transfer is one of the resource", transfer,
		.variants = outside_names, HOSTILE },
	{ "empty_rectangles", CONTROL "nothing at all may be transferred, flushed or shown",
		empty_rectangles, .variants = empty_names, HOSTILE },
	{ "scanout_id", "virtio 1.4, 5.7.4: there are at most 16 scanouts", scanout_id,
		.variants = bad_scanout_names, HOSTILE },
	{ "entry_count", CONTROL "nr_entries entries follow", entry_count, .variants = count_names,
		HOSTILE },
	{ "entry_outside_memory", CONTROL "backing is an array of the guest's pages",
		entry_outside_memory, .variants = entry_names, HOSTILE },
	{ "transfer_past_the_backing",
		CONTROL "what is transferred is the backing, from the offset on",
		transfer_past_the_backing, .variants = transfer_names, SHOWN, HOSTILE },
	{ "cursor_scanout_id", CURSOR "a cursor is on one of the scanouts", cursor_scanout_id,
		.variants = bad_scanout_names, HOSTILE },
	{ "cursor_place", CURSOR "the position is any number", cursor_place,
		.variants = place_names, SHOWN, HOSTILE },
	{ "cursor_resource", CURSOR "the cursor is loaded from a resource that was created",
		cursor_resource, HOSTILE },
};
DEFINE_CONFORM_AREA(numbers, cases);
