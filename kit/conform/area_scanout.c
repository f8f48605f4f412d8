/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/* Scanouts: which part of which resource each output shows, and what happens when that goes away. */
#include "kit/conform/guest.h"

#define XRGB VIRTIO_GPU_FORMAT_B8G8R8X8_UNORM
#define W    200u
#define H    100u
#define OFF  ((struct virtio_gpu_rect){ 0 })

/* A machine whose display has all the outputs that there may be. */
static struct kit_machine *many_outputs(struct conform *c)
{
	struct kit_machine *m =
		conform_machine(c, &(struct kit_machine_spec){ .stage = KIT_STAGE_REALIZED });
	for (uint32_t i = 0; i < KIT_MAX_SCANOUTS; i++)
		kit_display_set_mode(&m->display, i, 640, 480);
	CHECK_OK(m, kit_machine_start(m));
	return m;
}

static struct kit_surface surface(struct kit_machine *m, uint32_t id)
{
	return conform_surface(m, id, XRGB, W, H);
}

/* Shows a rectangle of a resource on a scanout, and flushes it. */
static void set(struct kit_machine *m, uint32_t scanout, uint32_t id, struct virtio_gpu_rect rect)
{
	CHECK_GOOD(m, kit_gpu_set_scanout(&m->gpu, scanout, id, rect));
	CHECK_GOOD(m, kit_gpu_flush(&m->gpu, id, rect));
}

static void set_off(struct kit_machine *m, uint32_t scanout)
{
	CHECK_GOOD(m, kit_gpu_set_scanout(&m->gpu, scanout, 0, OFF));
}

/* The scanout shows this part of a picture. */
static void check_part(struct kit_machine *m, uint32_t scanout, const struct kit_picture *picture,
	struct virtio_gpu_rect rect)
{
	struct kit_picture *part = kit_picture_create(rect.width, rect.height);
	CHECK(part);
	kit_picture_copy(part, 0, 0, picture, rect);
	CHECK_PICTURE(m, scanout, part);
	kit_picture_destroy(part);
}

/* --- one scanout --------------------------------------------------------------------------- */

static const char *const ids[] = { "0", "1", "2", "3", "4", "5", "6", "7", "8", "9", "10", "11",
	"12", "13", "14", "15", NULL };

static void shows(struct conform *c)
{
	struct kit_machine *m = many_outputs(c);
	struct kit_surface s = surface(m, 1);
	struct kit_picture *picture = conform_pattern(W, H, c->variant);
	int type = kit_gpu_set_scanout(&m->gpu, c->variant, 1, kit_rect(0, 0, W, H));
	/* only the first one has to be there */
	if (c->variant > 0)
		CHECK_GOOD_OR_REJECT(c, m, type);
	CHECK_GOOD(m, type);
	conform_show(m, &s, picture);
	CHECK_PICTURE(m, c->variant, picture);
	for (uint32_t i = 0; i < KIT_MAX_SCANOUTS; i++)
		CHECK(i == c->variant || !m->display.scanouts[i].picture);
	set_off(m, c->variant);
	guest_wait_off(m, c->variant);
	kit_surface_finish(&s);
	kit_picture_destroy(picture);
	conform_end(c, m);
}

static const struct virtio_gpu_rect parts[] = {
	{ 0, 0, W, H },
	{ 0, 0, 16, 16 },
	{ W - 16, H - 16, 16, 16 },
	{ 60, 30, 80, 50 },
	{ 0, H / 2, W, H / 2 },
	{ W / 2, 0, W / 2, H },
	{ 3, 5, 17, 19 },
	{ 1, 1, W - 2, H - 2 },
	{ 0, 0, 1, 1 },
	{ W - 1, H - 1, 1, 1 },
	{ 0, H - 1, W, 1 },
	{ W - 1, 0, 1, H },
};
static const char *const part_names[] = { "all", "first_16x16", "last_16x16", "middle",
	"lower_half", "right_half", "odd", "all_but_an_edge", "first_pixel", "last_pixel",
	"last_row", "last_column", NULL };

static void part(struct conform *c)
{
	struct kit_machine *m = conform_machine(c, NULL);
	struct kit_surface s = surface(m, 1);
	struct kit_picture *picture = conform_pattern(W, H, 1);
	struct virtio_gpu_rect rect = parts[c->variant];
	int type = kit_gpu_set_scanout(&m->gpu, 0, 1, rect);
	/* no monitor is as small as that */
	if (rect.width < 16 || rect.height < 16)
		CHECK_GOOD_OR_REJECT(c, m, type);
	CHECK_GOOD(m, type);
	conform_show(m, &s, picture);
	check_part(m, 0, picture, rect);
	kit_surface_finish(&s);
	kit_picture_destroy(picture);
	conform_end(c, m);
}

/* Flushes outside of the scanout do not show, those across its edges show in part. */
static void flushes_across_the_edges(struct conform *c)
{
	struct kit_machine *m = conform_machine(c, NULL);
	struct kit_surface s = surface(m, 1);
	struct kit_picture *picture = conform_pattern(W, H, 1);
	struct kit_picture *shown = kit_picture_create(80, 50);
	CHECK_GOOD(m, kit_gpu_set_scanout(&m->gpu, 0, 1, kit_rect(60, 30, 80, 50)));
	conform_show(m, &s, picture);
	kit_picture_copy(shown, 0, 0, picture, kit_rect(60, 30, 80, 50));
	CHECK_PICTURE(m, 0, shown);
	kit_picture_fill(picture, kit_rect(0, 0, W, H), 0x123456);
	kit_surface_draw(&s, picture);
	CHECK_GOOD(m, kit_surface_show(&s, kit_rect(0, 0, 60, H)));
	CHECK_GOOD(m, kit_surface_show(&s, kit_rect(140, 0, 60, H)));
	guest_watch(m);
	CHECK_PICTURE(m, 0, shown);
	CHECK_GOOD(m, kit_surface_show(&s, kit_rect(100, 0, 100, 40)));
	kit_picture_fill(shown, kit_rect(40, 0, 40, 10), 0x123456);
	CHECK_PICTURE(m, 0, shown);
	kit_surface_finish(&s);
	kit_picture_destroy(picture);
	kit_picture_destroy(shown);
	conform_end(c, m);
}

/* The scanout moves over a large resource, as a scrolling console does. */
static void panning(struct conform *c)
{
	struct kit_machine *m = conform_machine(c, NULL);
	struct kit_surface s = conform_surface(m, 1, XRGB, 100, 400);
	struct kit_picture *picture = conform_pattern(100, 400, 1);
	conform_show(m, &s, picture);
	for (uint32_t y = 0; y <= 300; y += 60) {
		set(m, 0, 1, kit_rect(0, y, 100, 100));
		check_part(m, 0, picture, kit_rect(0, y, 100, 100));
	}
	kit_surface_finish(&s);
	kit_picture_destroy(picture);
	conform_end(c, m);
}

static void page_flips(struct conform *c)
{
	struct kit_machine *m = conform_machine(c, NULL);
	struct kit_picture *pictures[2];
	struct kit_surface surfaces[2];
	for (uint32_t i = 0; i < 2; i++) {
		surfaces[i] = surface(m, i + 1);
		pictures[i] = conform_pattern(W, H, i);
		conform_show(m, &surfaces[i], pictures[i]);
	}
	for (uint32_t frame = 0; frame < 20; frame++) {
		set(m, 0, frame % 2 + 1, kit_rect(0, 0, W, H));
		CHECK_PICTURE(m, 0, pictures[frame % 2]);
	}
	for (uint32_t i = 0; i < 2; i++) {
		kit_surface_finish(&surfaces[i]);
		kit_picture_destroy(pictures[i]);
	}
	conform_end(c, m);
}

/* Each mode is a resource of its own. */
static const uint32_t modes[][2] = { { 640, 480 }, { 1024, 768 }, { 1920, 1080 }, { 321, 201 },
	{ 320, 1000 } };
static const char *const mode_names[] = { "640x480", "1024x768", "1920x1080", "321x201", "320x1000",
	NULL };

static void new_mode(struct conform *c)
{
	struct kit_machine *m = conform_machine(c, NULL);
	uint32_t w = modes[c->variant][0], h = modes[c->variant][1];
	struct kit_surface old = conform_surface(m, 1, XRGB, 800, 600);
	struct kit_surface new = conform_surface(m, 2, XRGB, w, h);
	struct kit_picture *before = conform_pattern(800, 600, 1),
			   *after = conform_pattern(w, h, 2);
	CHECK_GOOD(m, kit_gpu_set_scanout(&m->gpu, 0, 1, kit_rect(0, 0, 800, 600)));
	conform_show(m, &old, before);
	CHECK_PICTURE(m, 0, before);
	conform_show(m, &new, after);
	set(m, 0, 2, kit_rect(0, 0, w, h));
	CHECK_PICTURE(m, 0, after);
	set(m, 0, 1, kit_rect(0, 0, 800, 600));
	CHECK_PICTURE(m, 0, before);
	kit_surface_finish(&old);
	kit_surface_finish(&new);
	kit_picture_destroy(before);
	kit_picture_destroy(after);
	conform_end(c, m);
}

/* --- off ----------------------------------------------------------------------------------- */

/* resource_id 0 switches off; what is off is not updated; it can be switched on again. */
static void off_and_on(struct conform *c)
{
	struct kit_machine *m = conform_machine(c, NULL);
	struct kit_surface s = surface(m, 1);
	struct kit_picture *picture = conform_pattern(W, H, 1);
	for (uint32_t i = 0; i < 3; i++) {
		kit_picture_pattern(picture, kit_rect(0, 0, W, H), i);
		CHECK_GOOD(m, kit_gpu_set_scanout(&m->gpu, 0, 1, kit_rect(0, 0, W, H)));
		conform_show(m, &s, picture);
		CHECK_PICTURE(m, 0, picture);
		set_off(m, 0);
		guest_wait_off(m, 0);
		uint32_t updates = m->display.counts[VHOST_USER_GPU_UPDATE];
		conform_show(m, &s, picture);
		guest_watch(m);
		CHECK_INT(m->display.counts[VHOST_USER_GPU_UPDATE], updates);
		CHECK(!m->display.scanouts[0].picture);
	}
	kit_surface_finish(&s);
	kit_picture_destroy(picture);
	conform_end(c, m);
}

/* What is off may be switched off. */
static void off_twice(struct conform *c)
{
	struct kit_machine *m = conform_machine(c, NULL);
	struct kit_surface s = surface(m, 1);
	struct kit_picture *picture = conform_pattern(W, H, 1);
	set_off(m, 0);
	CHECK_GOOD(m, kit_gpu_set_scanout(&m->gpu, 0, 1, kit_rect(0, 0, W, H)));
	set_off(m, 0);
	set_off(m, 0);
	CHECK_GOOD(m, kit_gpu_set_scanout(&m->gpu, 0, 1, kit_rect(0, 0, W, H)));
	conform_show(m, &s, picture);
	CHECK_PICTURE(m, 0, picture);
	kit_surface_finish(&s);
	kit_picture_destroy(picture);
	conform_end(c, m);
}

/* A guest that destroys what is shown. */
static void unref_while_shown(struct conform *c)
{
	struct kit_machine *m = conform_machine(c, NULL);
	struct kit_picture *picture = conform_pattern(W, H, 1);
	for (int i = 0; i < 3; i++) {
		struct kit_surface s = surface(m, 1);
		CHECK_GOOD(m, kit_gpu_set_scanout(&m->gpu, 0, 1, kit_rect(0, 0, W, H)));
		conform_show(m, &s, picture);
		CHECK_PICTURE(m, 0, picture);
		CHECK_GOOD(m, kit_gpu_unref(&m->gpu, 1));
		guest_wait_off(m, 0);
		CHECK_ERROR(m, kit_gpu_flush(&m->gpu, 1, kit_rect(0, 0, W, H)));
		kit_surface_finish(&s);
	}
	kit_picture_destroy(picture);
	conform_end(c, m);
}

/* The next resource with the id of one that was shown is not shown by itself. */
static void same_id_again(struct conform *c)
{
	struct kit_machine *m = conform_machine(c, NULL);
	struct kit_surface s = surface(m, 1);
	struct kit_picture *picture = conform_pattern(W, H, 1);
	CHECK_GOOD(m, kit_gpu_set_scanout(&m->gpu, 0, 1, kit_rect(0, 0, W, H)));
	conform_show(m, &s, picture);
	CHECK_PICTURE(m, 0, picture);
	CHECK_GOOD(m, kit_gpu_unref(&m->gpu, 1));
	kit_surface_finish(&s);
	s = surface(m, 1);
	conform_show(m, &s, picture);
	guest_watch(m);
	CHECK(!m->display.scanouts[0].picture);
	set(m, 0, 1, kit_rect(0, 0, W, H));
	CHECK_PICTURE(m, 0, picture);
	kit_surface_finish(&s);
	kit_picture_destroy(picture);
	conform_end(c, m);
}

/* A refused SET_SCANOUT leaves what was shown. */
static void refused_changes_nothing(struct conform *c)
{
	struct kit_machine *m = conform_machine(c, NULL);
	struct kit_surface s = surface(m, 1);
	struct kit_picture *picture = conform_pattern(W, H, 1);
	CHECK_GOOD(m, kit_gpu_set_scanout(&m->gpu, 0, 1, kit_rect(0, 0, W, H)));
	CHECK_ERROR(m, kit_gpu_set_scanout(&m->gpu, 0, 2, kit_rect(0, 0, W, H)));
	CHECK_ERROR(m, kit_gpu_set_scanout(&m->gpu, 0, 1, kit_rect(1, 0, W, H)));
	conform_show(m, &s, picture);
	CHECK_PICTURE(m, 0, picture);
	kit_surface_finish(&s);
	kit_picture_destroy(picture);
	conform_end(c, m);
}

/* Without backing the picture stays. */
static void detach_while_shown(struct conform *c)
{
	struct kit_machine *m = conform_machine(c, NULL);
	struct kit_surface s = surface(m, 1);
	struct kit_picture *picture = conform_pattern(W, H, 1);
	CHECK_GOOD(m, kit_gpu_set_scanout(&m->gpu, 0, 1, kit_rect(0, 0, W, H)));
	conform_show(m, &s, picture);
	CHECK_GOOD(m, kit_gpu_detach(&m->gpu, 1));
	kit_surface_finish(&s);
	CHECK_GOOD(m, kit_gpu_flush(&m->gpu, 1, kit_rect(0, 0, W, H)));
	CHECK_PICTURE(m, 0, picture);
	kit_picture_destroy(picture);
	conform_end(c, m);
}

/* --- several ------------------------------------------------------------------------------- */

/* Ends the case where there is one scanout only. */
static struct kit_machine *two_outputs(struct conform *c)
{
	struct kit_machine *m = many_outputs(c);
	CHECK_GOOD(m, kit_gpu_create_2d(&m->gpu, 99, XRGB, W, H));
	CHECK_GOOD_OR_REJECT(c, m, kit_gpu_set_scanout(&m->gpu, 1, 99, kit_rect(0, 0, W, H)));
	CHECK_GOOD(m, kit_gpu_unref(&m->gpu, 99));
	return m;
}

/* One big frame buffer, of which two outputs show one half each; one flush shows on both. */
static void halves_of_one_resource(struct conform *c)
{
	const struct virtio_gpu_rect left = { 0, 0, W / 2, H }, right = { W / 2, 0, W / 2, H };
	struct kit_machine *m = two_outputs(c);
	struct kit_surface s = surface(m, 1);
	struct kit_picture *picture = conform_pattern(W, H, 1);
	CHECK_GOOD(m, kit_gpu_set_scanout(&m->gpu, 0, 1, left));
	CHECK_GOOD(m, kit_gpu_set_scanout(&m->gpu, 1, 1, right));
	for (uint32_t i = 0; i < 5; i++) {
		kit_picture_pattern(picture, kit_rect(0, 0, W, H), i);
		conform_show(m, &s, picture);
		check_part(m, 0, picture, left);
		check_part(m, 1, picture, right);
	}
	kit_surface_finish(&s);
	kit_picture_destroy(picture);
	conform_end(c, m);
}

/* The same on both; one goes, the other stays; the resource goes, and both are off. */
static void mirrors(struct conform *c)
{
	struct kit_machine *m = two_outputs(c);
	struct kit_surface s = surface(m, 1);
	struct kit_picture *picture = conform_pattern(W, H, 1);
	CHECK_GOOD(m, kit_gpu_set_scanout(&m->gpu, 0, 1, kit_rect(0, 0, W, H)));
	CHECK_GOOD(m, kit_gpu_set_scanout(&m->gpu, 1, 1, kit_rect(0, 0, W, H)));
	for (uint32_t i = 0; i < 3; i++) {
		kit_picture_pattern(picture, kit_rect(0, 0, W, H), i);
		conform_show(m, &s, picture);
		CHECK_PICTURE(m, 0, picture);
		CHECK_PICTURE(m, 1, picture);
	}
	set_off(m, 0);
	guest_wait_off(m, 0);
	kit_picture_pattern(picture, kit_rect(0, 0, W, H), 3);
	conform_show(m, &s, picture);
	CHECK_PICTURE(m, 1, picture);
	CHECK_GOOD(m, kit_gpu_set_scanout(&m->gpu, 0, 1, kit_rect(0, 0, W, H)));
	CHECK_GOOD(m, kit_gpu_unref(&m->gpu, 1));
	guest_wait_off(m, 0);
	guest_wait_off(m, 1);
	kit_surface_finish(&s);
	kit_picture_destroy(picture);
	conform_end(c, m);
}

/* A resource moves from one output to the other. */
static void changes_places(struct conform *c)
{
	struct kit_machine *m = two_outputs(c);
	struct kit_picture *pictures[2];
	struct kit_surface surfaces[2];
	for (uint32_t i = 0; i < 2; i++) {
		surfaces[i] = surface(m, i + 1);
		pictures[i] = conform_pattern(W, H, i);
		conform_show(m, &surfaces[i], pictures[i]);
	}
	for (uint32_t i = 0; i < 4; i++) {
		set(m, 0, i % 2 + 1, kit_rect(0, 0, W, H));
		set(m, 1, 2 - i % 2, kit_rect(0, 0, W, H));
		CHECK_PICTURE(m, 0, pictures[i % 2]);
		CHECK_PICTURE(m, 1, pictures[1 - i % 2]);
	}
	for (uint32_t i = 0; i < 2; i++) {
		kit_surface_finish(&surfaces[i]);
		kit_picture_destroy(pictures[i]);
	}
	conform_end(c, m);
}

/* All at once, each with a resource of its own, and off again in another order. */
static void all_at_once(struct conform *c)
{
	struct kit_machine *m = many_outputs(c);
	struct kit_surface surfaces[KIT_MAX_SCANOUTS] = { 0 };
	struct kit_picture *picture = conform_pattern(W, H, 0);
	uint32_t count = 0;
	for (; count < KIT_MAX_SCANOUTS; count++) {
		surfaces[count] = surface(m, count + 1);
		int type = kit_gpu_set_scanout(&m->gpu, count, count + 1, kit_rect(0, 0, W, H));
		CHECK_OK(m, type);
		if (type != VIRTIO_GPU_RESP_OK_NODATA)
			break;
		kit_picture_pattern(picture, kit_rect(0, 0, W, H), count);
		conform_show(m, &surfaces[count], picture);
	}
	CHECK(count > 0);
	for (uint32_t i = 0; i < count; i++) {
		kit_picture_pattern(picture, kit_rect(0, 0, W, H), i);
		CHECK_PICTURE(m, i, picture);
	}
	for (uint32_t i = 0; i < count; i++) {
		uint32_t id = i * 7 % count;
		CHECK_GOOD(m, kit_gpu_unref(&m->gpu, id + 1));
		guest_wait_off(m, id);
	}
	for (uint32_t i = 0; i < KIT_MAX_SCANOUTS; i++)
		kit_surface_finish(&surfaces[i]);
	kit_picture_destroy(picture);
	conform_end(c, m);
}

/* As many as the configuration says there are. */
static void all_of_the_configuration(struct conform *c)
{
	struct kit_machine *m = many_outputs(c);
	struct kit_surface s = surface(m, 1);
	struct virtio_gpu_config config;
	CHECK_OK(m,
		kit_vmm_read_config(
			&m->vmm, 0, &config, offsetof(struct virtio_gpu_config, blob_alignment)));
	for (uint32_t i = 0; i < min_u32(config.num_scanouts, KIT_MAX_SCANOUTS); i++)
		set(m, i, 1, kit_rect(0, 0, W, H));
	kit_surface_finish(&s);
	conform_end(c, m);
}

/* Without any display everything is answered the same. */
static void nobody_looks(struct conform *c)
{
	struct kit_machine *m =
		conform_machine(c, &(struct kit_machine_spec){ .no_display = true });
	struct kit_surface s = surface(m, 1);
	struct kit_picture *picture = conform_pattern(W, H, 1);
	CHECK_GOOD(m, kit_gpu_set_scanout(&m->gpu, 0, 1, kit_rect(0, 0, W, H)));
	for (int i = 0; i < 100; i++)
		conform_show(m, &s, picture);
	set_off(m, 0);
	CHECK_GOOD(m, kit_gpu_unref(&m->gpu, 1));
	kit_surface_finish(&s);
	kit_picture_destroy(picture);
	conform_end(c, m);
}

/* --- the table ----------------------------------------------------------------------------- */

#define CONTROL "virtio 1.4, 5.7.6.8: "
#define HEADS   "virtio 1.4, 5.7.6.4: "
#define SHOWN   .needs = CONFORM_NEEDS_DISPLAY
#define HOSTILE .hostile = true

static const struct conform_case cases[] = {
	{ "shows", "virtio 1.4, 5.7.4: num_scanouts is 1 to 16", shows, ids, SHOWN },
	{ "part", CONTROL "SET_SCANOUT takes a rectangle of the resource", part, part_names,
		SHOWN },
	{ "flushes_across_the_edges", CONTROL "a flush reaches the scanouts that show what it says",
		flushes_across_the_edges, SHOWN },
	{ "panning", "Linux scrolls its console by moving the scanout's rectangle", panning,
		SHOWN },
	{ "page_flips", "virtio 1.4, 5.7.6.3: frame buffers are flipped by SET_SCANOUT and FLUSH",
		page_flips, SHOWN },
	{ "new_mode", CONTROL "the scanout is as large as its rectangle", new_mode, mode_names,
		SHOWN },
	{ "off_and_on", CONTROL "resource_id 0 disables a scanout", off_and_on, SHOWN },
	{ "off_twice", CONTROL "resource_id 0 disables a scanout", off_twice, SHOWN },
	{ "unref_while_shown", CONTROL "UNREF says that the guest does not need the resource",
		unref_while_shown, SHOWN, HOSTILE },
	{ "same_id_again", CONTROL "ids are the guest's, and may be used again", same_id_again,
		SHOWN },
	{ "refused_changes_nothing", "virtio 1.4, 5.7.6.7: an error is not a success",
		refused_changes_nothing, SHOWN, HOSTILE },
	{ "detach_while_shown", CONTROL "backing may go for swapping; the resource has the picture",
		detach_while_shown, SHOWN },
	{ "halves_of_one_resource", HEADS "one big framebuffer, a different rectangle for each",
		halves_of_one_resource, SHOWN },
	{ "mirrors", HEADS "a single framebuffer linked to all displays", mirrors, SHOWN },
	{ "changes_places", HEADS "a framebuffer for each display", changes_places, SHOWN },
	{ "all_at_once", HEADS "a framebuffer for each display", all_at_once, SHOWN },
	{ "all_of_the_configuration", "virtio 1.4, 5.7.4: num_scanouts is how many there may be",
		all_of_the_configuration, .protocol = CONFORM_PROTOCOL(CONFIG) },
	{ "nobody_looks", "crosvm has no GPU_SET_SOCKET; QEMU sends it when the driver is ready",
		nobody_looks },
};
DEFINE_CONFORM_AREA(scanout, cases);
