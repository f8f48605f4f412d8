/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/* Blobs: what is shown of them, and for how long. */
#include "kit/conform/blob.h"
#include "kit/conform/guest.h"

#define XRGB VIRTIO_GPU_FORMAT_B8G8R8X8_UNORM
#define SIDE VHOST_USER_GPU_CURSOR_SIDE
#define W    120u
#define H    80u

/* --- showing ------------------------------------------------------------------------------- */

static void show_like(
	struct conform *c, const struct virtio_gpu_set_scanout_blob *like, uint32_t chunk)
{
	struct kit_machine *m = blob_machine(c);
	struct kit_surface s = blob_surface_like(m, like, chunk);
	for (uint32_t seed = 1; seed <= 3; seed++)
		blob_check_shown(m, &s, seed);
	kit_surface_finish(&s);
	conform_end(c, m);
}

static const char *const format_names[] = { "B8G8R8A8", "B8G8R8X8", "A8R8G8B8", "X8R8G8B8",
	"R8G8B8A8", "X8B8G8R8", "A8B8G8R8", "R8G8B8X8", NULL };

static void format(struct conform *c)
{
	struct virtio_gpu_set_scanout_blob like = blob_plain(1, W, H);
	like.format = kit_formats[c->variant];
	show_like(c, &like, 0);
}

static const struct {
	uint32_t stride, offset;
} layouts[] = { { W * 4, 0 }, { W * 4 + 64, 0 }, { W * 4, KIT_PAGE }, { W * 4 + 4, 4 },
	{ W * 4 + 256, 3 * KIT_PAGE + 64 }, { 2 * W * 4, W * 4 } };
static const char *const layout_names[] = { "plain", "stride", "offset", "by_one_pixel", "both",
	"right_half", NULL };

static void layout(struct conform *c)
{
	struct virtio_gpu_set_scanout_blob like = blob_plain(1, W, H);
	like.strides[0] = layouts[c->variant].stride;
	like.offsets[0] = layouts[c->variant].offset;
	show_like(c, &like, 0);
}

static const uint32_t chunks[] = { 4096, 1000, 777, 60, 4, 3 };
static const char *const chunk_names[] = { "4096", "1000", "777", "60", "4", "3", NULL };

static void scattered(struct conform *c)
{
	const struct virtio_gpu_set_scanout_blob like = blob_plain(1, W, H);
	show_like(c, &like, chunks[c->variant]);
}

static const struct virtio_gpu_rect parts[] = { { 0, 0, 16, 16 }, { W - 16, H - 16, 16, 16 },
	{ 30, 20, 60, 40 }, { 0, H / 2, W, H / 2 }, { W / 2, 0, W / 2, H }, { 3, 5, 17, 19 } };
static const char *const part_names[] = { "first_16x16", "last_16x16", "middle", "lower_half",
	"right_half", "odd", NULL };

static void part(struct conform *c)
{
	struct kit_machine *m = blob_machine(c);
	struct virtio_gpu_rect rect = parts[c->variant];
	struct kit_surface s = blob_surface(m, 1, W, H);
	struct kit_picture *picture = conform_pattern(W, H, 1);
	struct kit_picture *shown = kit_picture_create(rect.width, rect.height);
	CHECK(shown);
	CHECK_GOOD(m, kit_surface_set_scanout(&s, 0, rect));
	conform_show(m, &s, picture);
	kit_picture_copy(shown, 0, 0, picture, rect);
	CHECK_PICTURE(m, 0, shown);
	kit_surface_finish(&s);
	kit_picture_destroy(picture);
	kit_picture_destroy(shown);
	conform_end(c, m);
}

/* A picture in a blob of 32 x 32 pixels; what is in it too, if oddly, may be shown. */
static const struct {
	uint32_t w, h, format, stride, offset;
	bool inside;
} wrong[] = {
	{ 0, 16, XRGB, 64, 0 },
	{ 16, 0, XRGB, 64, 0 },
	{ 16, 16, 0, 64, 0 },
	{ 16, 16, 5, 64, 0 },
	{ 16, 16, UINT32_MAX, 64, 0 },
	{ 16, 16, XRGB, 0, 0, .inside = true },
	{ 16, 16, XRGB, 63, 0, .inside = true },
	{ 16, 16, XRGB, 64, 4 * KIT_PAGE },
	{ 32, 32, XRGB, 128, 4 },
	{ 32, 32, XRGB, 132, 0 },
	{ 32, 33, XRGB, 128, 0 },
	{ 33, 32, XRGB, 132, 0 },
	{ 16, 16, XRGB, 64, UINT32_MAX },
	{ 16, 16, XRGB, UINT32_MAX, 0 },
	{ 16, 17, XRGB, 0x10000000, 0 },
	{ 16384, 16384, XRGB, 65536, 0 },
	{ UINT32_MAX, UINT32_MAX, XRGB, UINT32_MAX, UINT32_MAX },
};
static const char *const wrong_names[] = { "width_0", "height_0", "format_0", "format_5",
	"format_max", "stride_0", "stride_63", "offset_behind_it", "offset_too_large",
	"stride_too_large", "too_high", "too_wide", "offset_max", "stride_max", "stride_wraps",
	"1_gib", "all_max", NULL };

static void wrong_picture(struct conform *c)
{
	struct kit_machine *m = blob_machine(c);
	struct kit_surface s = blob_surface(m, 1, 32, 32);
	struct virtio_gpu_set_scanout_blob set =
		blob_plain(1, wrong[c->variant].w, wrong[c->variant].h);
	CHECK_INT(s.size, KIT_PAGE);
	set.format = wrong[c->variant].format;
	set.strides[0] = wrong[c->variant].stride;
	set.offsets[0] = wrong[c->variant].offset;
	if (wrong[c->variant].inside)
		CHECK_GOOD_OR_REJECT(c, m, kit_gpu_set_scanout_blob(&m->gpu, set));
	else
		CHECK_ERROR(m, kit_gpu_set_scanout_blob(&m->gpu, set));
	blob_check_shown(m, &s, 1);
	kit_surface_finish(&s);
	conform_end(c, m);
}

static const struct {
	uint32_t scanout, id;
	struct virtio_gpu_rect rect;
} aims[] = {
	{ 16, 1, { 0, 0, 32, 32 } },
	{ UINT32_MAX, 1, { 0, 0, 32, 32 } },
	{ 0, 9, { 0, 0, 32, 32 } },
	{ 0, UINT32_MAX, { 0, 0, 32, 32 } },
	{ 0, 1, { 1, 0, 32, 32 } },
	{ 0, 1, { 0, 1, 32, 32 } },
	{ 0, 1, { 0, 0, 32, 33 } },
	{ 0, 1, { 32, 32, 16, 16 } },
	{ 0, 1, { UINT32_MAX, 0, 32, 32 } },
	{ 0, 1, { 0, UINT32_MAX - 15, 16, 16 } },
	{ 0, 1, { 0, 0, UINT32_MAX, UINT32_MAX } },
};
static const char *const aim_names[] = { "scanout_16", "scanout_max", "no_such_blob", "blob_max",
	"one_right", "one_down", "one_higher", "behind_it", "x_wraps", "y_wraps", "all_max", NULL };

/* What was shown is shown on. */
static void wrong_aim(struct conform *c)
{
	struct kit_machine *m = blob_machine(c);
	struct kit_surface s = blob_surface(m, 1, 32, 32);
	struct kit_picture *picture = conform_pattern(32, 32, 2);
	struct virtio_gpu_set_scanout_blob set = blob_plain(aims[c->variant].id, 32, 32);
	blob_check_shown(m, &s, 1);
	set.scanout_id = aims[c->variant].scanout;
	set.r = aims[c->variant].rect;
	CHECK_ERROR(m, kit_gpu_set_scanout_blob(&m->gpu, set));
	conform_show(m, &s, picture);
	CHECK_PICTURE(m, 0, picture);
	kit_surface_finish(&s);
	kit_picture_destroy(picture);
	conform_end(c, m);
}

static void flush_shows(struct conform *c)
{
	struct kit_machine *m = blob_machine(c);
	struct kit_surface s = blob_surface(m, 1, W, H);
	struct kit_picture *picture = conform_pattern(W, H, 1);
	CHECK_GOOD(m, kit_surface_set_scanout(&s, 0, blob_whole(&s)));
	for (uint32_t seed = 1; seed <= 10; seed++) {
		kit_picture_pattern(picture, blob_whole(&s), seed);
		kit_surface_draw(&s, picture);
		CHECK_GOOD(m, kit_gpu_flush(&m->gpu, 1, blob_whole(&s)));
		CHECK_PICTURE(m, 0, picture);
	}
	kit_surface_finish(&s);
	kit_picture_destroy(picture);
	conform_end(c, m);
}

/* There is nothing to be transferred, which drivers do all the same. */
static void transferred(struct conform *c)
{
	struct kit_machine *m = blob_machine(c);
	struct kit_surface s = blob_surface(m, 1, W, H);
	int type = kit_gpu_transfer_2d(&m->gpu, 1, blob_whole(&s), 0);
	CHECK_OK(m, type);
	blob_check_shown(m, &s, 1);
	CHECK_GOOD_OR_REJECT(c, m, type);
	kit_surface_finish(&s);
	conform_end(c, m);
}

static void page_flips(struct conform *c)
{
	struct kit_machine *m = blob_machine(c);
	struct kit_surface surfaces[2];
	for (uint32_t i = 0; i < 2; i++)
		surfaces[i] = blob_surface(m, i + 1, W, H);
	for (uint32_t frame = 0; frame < 20; frame++)
		blob_check_shown(m, &surfaces[frame % 2], frame);
	for (uint32_t i = 0; i < 2; i++)
		kit_surface_finish(&surfaces[i]);
	conform_end(c, m);
}

/* --- coming and going ---------------------------------------------------------------------- */

static void unref_while_shown(struct conform *c)
{
	struct kit_machine *m = blob_machine(c);
	for (uint32_t i = 0; i < 3; i++) {
		struct kit_surface s = blob_surface(m, 1, W, H);
		blob_check_shown(m, &s, i);
		CHECK_GOOD(m, kit_gpu_unref(&m->gpu, 1));
		guest_wait_off(m, 0);
		CHECK_ERROR(m, kit_gpu_flush(&m->gpu, 1, blob_whole(&s)));
		CHECK_ERROR(m, kit_surface_set_scanout(&s, 0, blob_whole(&s)));
		kit_surface_finish(&s);
	}
	conform_end(c, m);
}

static void switched_off(struct conform *c)
{
	struct kit_machine *m = blob_machine(c);
	struct kit_surface s = blob_surface(m, 1, W, H);
	for (uint32_t i = 0; i < 3; i++) {
		blob_check_shown(m, &s, i);
		CHECK_GOOD(m, kit_gpu_set_scanout(&m->gpu, 0, 0, kit_rect(0, 0, 0, 0)));
		guest_wait_off(m, 0);
	}
	kit_surface_finish(&s);
	conform_end(c, m);
}

static void gone_after_a_reset(struct conform *c)
{
	struct kit_machine *m = blob_machine(c);
	for (uint32_t i = 0; i < 2; i++) {
		struct kit_surface s = blob_surface(m, 1, W, H);
		blob_check_shown(m, &s, i);
		CHECK_OK(m, kit_machine_reset(m));
		CHECK_ERROR(m, kit_gpu_unref(&m->gpu, 1));
		kit_surface_finish(&s);
	}
	conform_end(c, m);
}

/* Nothing is read from pages that were taken away. */
static void detached(struct conform *c)
{
	struct kit_machine *m = blob_machine(c);
	struct kit_surface s = blob_surface(m, 1, W, H);
	struct kit_picture *hidden = conform_pattern(W, H, 2);
	blob_check_shown(m, &s, 1);
	CHECK_GOOD(m, kit_gpu_detach(&m->gpu, 1));
	kit_surface_draw(&s, hidden);
	int type = kit_gpu_flush(&m->gpu, 1, blob_whole(&s));
	CHECK_OK(m, type);
	guest_watch(m);
	const struct kit_picture *now = m->display.scanouts[0].picture;
	CHECK(!now || !kit_picture_same(now, hidden, NULL, NULL));
	CHECK_GOOD(m, kit_gpu_attach(&m->gpu, 1, s.entries, s.count));
	blob_check_shown(m, &s, 3);
	kit_surface_finish(&s);
	kit_picture_destroy(hidden);
	conform_end(c, m);
}

static void attached_later(struct conform *c)
{
	const struct virtio_gpu_resource_create_blob create = { .resource_id = 1,
		.blob_mem = VIRTIO_GPU_BLOB_MEM_GUEST,
		.size = (uint64_t)16 * KIT_PAGE };
	struct kit_machine *m = blob_machine(c);
	struct kit_surface s = { 0 };
	CHECK_GOOD(m, kit_gpu_create_blob(&m->gpu, create, 0, NULL, 0));
	CHECK_GOOD(m, kit_surface_back(&m->gpu, &s, 1, create.size, 1000));
	s.blob = true;
	s.format = XRGB;
	s.width = W;
	s.height = H;
	blob_check_shown(m, &s, 1);
	kit_surface_finish(&s);
	conform_end(c, m);
}

/* --- the cursor ---------------------------------------------------------------------------- */

static void cursor(struct conform *c)
{
	const struct virtio_gpu_update_cursor at = { .pos = { .x = 5, .y = 6 }, .resource_id = 1 };
	struct kit_machine *m = blob_machine(c);
	struct kit_surface s = blob_surface(m, 1, SIDE, SIDE);
	for (uint32_t i = 0; i < SIDE * SIDE; i++) {
		uint32_t pixel = guest_cursor_pixel(i);
		kit_surface_write(&s, (uint64_t)i * 4, &pixel, sizeof(pixel));
	}
	guest_cursor_update(m, &at);
	guest_wait_cursor(m, &at);
	for (uint32_t i = 0; i < SIDE * SIDE; i++)
		CHECK_INT(m->display.cursor.pixels[i], guest_cursor_pixel(i));
	kit_surface_finish(&s);
	conform_end(c, m);
}

static void cursor_too_small(struct conform *c)
{
	const struct virtio_gpu_update_cursor at = { .pos = { .x = 5, .y = 6 }, .resource_id = 1 };
	struct kit_machine *m = blob_machine(c);
	struct kit_surface s = blob_surface(m, 1, 32, 32);
	guest_cursor_update(m, &at);
	guest_watch(m);
	conform_check_cursor(m);
	kit_surface_finish(&s);
	conform_end(c, m);
}

#define CREATE  "virtio 1.4, 5.7.6.8: RESOURCE_CREATE_BLOB: "
#define SET     "virtio 1.4, 5.7.6.8: SET_SCANOUT_BLOB: "
#define BLOB    .features = CONFORM_FEATURE(GPU_F_RESOURCE_BLOB)
#define SHOWN   BLOB, .needs = CONFORM_NEEDS_DISPLAY
#define HOSTILE .hostile = true

static const struct conform_case cases[] = {
	{ "format", SET "format is one of enum virtio_gpu_formats", format, format_names, SHOWN },
	{ "layout", SET "strides and offsets say where the rows are", layout, layout_names, SHOWN },
	{ "scattered", CREATE "nr_entries memory entries are assigned to it", scattered,
		chunk_names, SHOWN },
	{ "part", SET "r is the portion that is displayed", part, part_names, SHOWN },
	{ "wrong_picture", SET "format is one of the enum; no byte outside of the blob is shown",
		wrong_picture, wrong_names, SHOWN, HOSTILE },
	{ "wrong_aim", SET "r is a portion of the blob that is there, on a scanout that is",
		wrong_aim, aim_names, SHOWN, HOSTILE },
	{ "flush_shows", "Linux draws into a dumb buffer's pages and sends RESOURCE_FLUSH",
		flush_shows, SHOWN },
	{ "transferred", "Linux sends TRANSFER_TO_HOST_2D of frame buffers that are blobs, too",
		transferred, SHOWN },
	{ "page_flips", "Wayland compositors flip between two blobs", page_flips, SHOWN },
	{ "unref_while_shown", "virtio 1.4, 5.7.6.8: UNREF: the guest does not need it any more",
		unref_while_shown, SHOWN, HOSTILE },
	{ "switched_off", "Linux disables an output by SET_SCANOUT with resource 0", switched_off,
		SHOWN },
	{ "gone_after_a_reset", "virtio 1.4, 2.4: a reset leaves nothing", gone_after_a_reset,
		SHOWN },
	{ "detached", CREATE "DETACH_BACKING may be used to unassign memory entries", detached,
		SHOWN },
	{ "attached_later", CREATE "nr_entries may be zero, and ATTACH_BACKING follow",
		attached_later, SHOWN },
	{ "cursor", "Linux keeps cursors in blobs, as QEMU takes them: 64 x 64, a8r8g8b8", cursor,
		SHOWN },
	{ "cursor_too_small", "no byte outside of the blob is shown", cursor_too_small, SHOWN,
		HOSTILE },
};
DEFINE_CONFORM_PART(blob, shown, cases);
