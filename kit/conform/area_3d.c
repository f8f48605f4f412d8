/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/* Resources of 3D: creating them, moving pixels in and out, showing them. */
#include <stdlib.h>

#include "kit/conform/gl.h"

#define BGRX VIRTIO_GPU_FORMAT_B8G8R8X8_UNORM
#define BGRA VIRTIO_GPU_FORMAT_B8G8R8A8_UNORM
#define RGBA VIRTIO_GPU_FORMAT_R8G8B8A8_UNORM

/* --- transfers ----------------------------------------------------------------------------- */

static const uint32_t formats[] = { BGRA, BGRX, RGBA };

/* There and back again. */
static void round_trip(struct conform *c)
{
	struct kit_machine *m = gl_machine(c);
	struct kit_surface s = gl_texture(m, 1, formats[c->variant], 100, 60);
	struct kit_picture *picture = conform_pattern(100, 60, 3);
	struct kit_virgl_box whole = gl_whole(&s);
	kit_surface_draw(&s, picture);
	CHECK_GOOD(m, gl_upload(m, &whole, 0));
	gl_check_picture(m, &s, picture);
	kit_surface_finish(&s);
	kit_picture_destroy(picture);
	conform_end(c, m);
}

/* The surface's backing is a picture of the box, with rows of the box's width. */
static void draw_box(struct kit_surface *s, const struct kit_virgl_box *box,
	const struct kit_picture *picture, uint64_t offset)
{
	for (uint32_t y = 0; y < box->h; y++)
		for (uint32_t x = 0; x < box->w; x++) {
			uint8_t bytes[4];
			uint64_t at = offset + ((uint64_t)y * box->w + x) * 4;
			kit_pixel_encode(s->format,
				picture->pixels[(box->y + y) * picture->width + box->x + x], 0xff,
				bytes);
			kit_surface_write(s, at, bytes, sizeof(bytes));
		}
}

/* A box at any place: only that part changes. */
static void box(struct conform *c)
{
	static const struct virtio_gpu_rect rects[] = { { 0, 0, 1, 1 }, { 99, 59, 1, 1 },
		{ 0, 0, 100, 1 }, { 50, 0, 1, 60 }, { 13, 17, 31, 29 }, { 0, 0, 100, 60 } };
	const struct virtio_gpu_rect *r = &rects[c->variant];
	struct kit_machine *m = gl_machine(c);
	struct kit_surface s = gl_texture(m, 1, BGRX, 100, 60);
	struct kit_picture *before = conform_pattern(100, 60, 1);
	struct kit_picture *after = conform_pattern(100, 60, 2);
	struct kit_virgl_box whole = gl_whole(&s), part = whole;
	kit_surface_draw(&s, before);
	CHECK_GOOD(m, gl_upload(m, &whole, 0));
	part.x = r->x;
	part.y = r->y;
	part.w = r->width;
	part.h = r->height;
	/* the stride is the driver's to say when it is not the level's own */
	struct virtio_gpu_transfer_host_3d transfer = {
		.box = { r->x, r->y, 0, r->width, r->height, 1 },
		.resource_id = 1,
		.stride = r->width * 4,
	};
	draw_box(&s, &part, after, 0);
	CHECK_GOOD(m, kit_gpu_transfer_to_3d(&m->gpu, GL_CONTEXT, transfer));
	kit_picture_copy(before, r->x, r->y, after, *r);
	gl_check_picture(m, &s, before);
	kit_surface_finish(&s);
	kit_picture_destroy(before);
	kit_picture_destroy(after);
	conform_end(c, m);
}

static void scattered_backing(struct conform *c)
{
	static const uint32_t chunks[] = { 4096, 1000, 60, 4 };
	struct kit_machine *m = gl_machine(c);
	const struct virtio_gpu_resource_create_3d args = gl_texture_args(1, BGRX, 100, 60);
	struct kit_surface s = gl_resource(m, &args, 100 * 60 * 4, chunks[c->variant]);
	struct kit_picture *picture = conform_pattern(100, 60, 3);
	struct kit_virgl_box whole = gl_whole(&s);
	kit_surface_draw(&s, picture);
	CHECK_GOOD(m, gl_upload(m, &whole, 0));
	gl_check_picture(m, &s, picture);
	kit_surface_finish(&s);
	kit_picture_destroy(picture);
	conform_end(c, m);
}

/* Vertices and constants live in buffers: resources of one row of bytes. */
static void buffers(struct conform *c)
{
	enum { SIZE = 4096 };
	struct kit_machine *m = gl_machine(c);
	const struct virtio_gpu_resource_create_3d args = {
		.resource_id = 1,
		.target = KIT_VIRGL_BUFFER,
		.format = 64, /* R8_UNORM */
		.bind = KIT_VIRGL_VERTEX_BUFFER,
		.width = SIZE,
		.height = 1,
		.depth = 1,
		.array_size = 1,
	};
	struct kit_surface s = gl_resource(m, &args, SIZE, 0);
	uint8_t out[SIZE], in[SIZE];
	for (uint32_t i = 0; i < SIZE; i++)
		out[i] = (uint8_t)(i * 7 + i / 251);
	kit_surface_write(&s, 0, out, SIZE);
	const struct kit_virgl_box whole = { .resource = 1, .w = SIZE, .h = 1, .d = 1 };
	CHECK_GOOD(m, gl_upload(m, &whole, 0));
	memset(in, 0, sizeof(in));
	kit_surface_write(&s, 0, in, SIZE);
	CHECK_GOOD(m, gl_download(m, &whole, 0));
	kit_surface_read(&s, 0, in, SIZE);
	CHECK_MEM(in, out, SIZE);
	kit_surface_finish(&s);
	conform_end(c, m);
}

/* Each level of a mip chain has a picture of its own. */
static void mip_levels(struct conform *c)
{
	struct kit_machine *m = gl_machine(c);
	struct virtio_gpu_resource_create_3d args = gl_texture_args(1, BGRX, 64, 64);
	args.last_level = 3;
	struct kit_surface s = gl_resource(m, &args, 64 * 64 * 4, 0);
	uint8_t *bytes = malloc(64 * 64 * 4), *back = malloc(64 * 64 * 4);
	CHECK(bytes && back);
	for (uint32_t round = 0; round < 2; round++)
		for (uint32_t level = 0; level <= 3; level++) {
			uint32_t side = 64u >> level, size = side * side * 4;
			const struct kit_virgl_box at = {
				.resource = 1, .level = level, .w = side, .h = side, .d = 1
			};
			for (uint32_t i = 0; i < size; i++)
				bytes[i] = (uint8_t)(i * (level + 3) + level);
			/* the unused byte need not be kept */
			for (uint32_t i = 3; i < size; i += 4)
				bytes[i] = 0xff;
			if (round == 0) {
				kit_surface_write(&s, 0, bytes, size);
				CHECK_GOOD(m, gl_upload(m, &at, 0));
				continue;
			}
			CHECK_GOOD(m, gl_download(m, &at, 0));
			kit_surface_read(&s, 0, back, size);
			for (uint32_t i = 3; i < size; i += 4)
				back[i] = 0xff;
			CHECK_MEM(back, bytes, size);
		}
	free(bytes);
	free(back);
	kit_surface_finish(&s);
	conform_end(c, m);
}

/* What cannot be: no command of these may touch memory that is not the resource's. */
static void hostile_transfer(struct conform *c)
{
	static const struct virtio_gpu_transfer_host_3d rows[] = {
		{ .box = { 0, 0, 0, 65, 64, 1 } },
		{ .box = { 0, 0, 0, 64, 65, 1 } },
		{ .box = { 64, 0, 0, 1, 1, 1 } },
		{ .box = { UINT32_MAX, 0, 0, 2, 1, 1 } },
		{ .box = { 0, 0, 1, 64, 64, 1 } },
		{ .box = { 0, 0, 0, 64, 64, 2 } },
		{ .box = { 0, 0, 0, 64, 64, 1 }, .level = 1 },
		{ .box = { 0, 0, 0, 64, 64, 1 }, .level = UINT32_MAX },
		{ .box = { 0, 0, 0, 64, 64, 1 }, .offset = 1 },
		{ .box = { 0, 0, 0, 64, 64, 1 }, .offset = UINT64_MAX },
		{ .box = { 0, 0, 0, 64, 64, 1 }, .offset = UINT64_C(1) << 32 },
		{ .box = { 0, 0, 0, 64, 64, 1 }, .stride = 0x80000000 },
		{ .box = { 0, 0, 0, 64, 64, 1 }, .stride = UINT32_MAX },
	};
	struct kit_machine *m = gl_machine(c);
	struct kit_surface s = gl_texture(m, 1, BGRX, 64, 64);
	struct virtio_gpu_transfer_host_3d transfer = rows[c->variant];
	transfer.resource_id = 1;
	CHECK_ERROR(m, kit_gpu_transfer_to_3d(&m->gpu, GL_CONTEXT, transfer));
	CHECK_ERROR(m, kit_gpu_transfer_from_3d(&m->gpu, GL_CONTEXT, transfer));
	gl_clear(m, &s, 0xff445566);
	kit_surface_finish(&s);
	conform_end(c, m);
}

static void transfer_without_backing(struct conform *c)
{
	struct kit_machine *m = gl_machine(c);
	struct kit_surface s = gl_texture(m, 1, BGRX, 64, 64);
	struct kit_virgl_box whole = gl_whole(&s);
	CHECK_GOOD(m, kit_gpu_detach(&m->gpu, 1));
	CHECK_ERROR(m, gl_upload(m, &whole, 0));
	CHECK_ERROR(m, gl_download(m, &whole, 0));
	CHECK_GOOD(m, kit_gpu_attach(&m->gpu, 1, s.entries, s.count));
	CHECK_GOOD(m, gl_upload(m, &whole, 0));
	kit_surface_finish(&s);
	conform_end(c, m);
}

/* --- creating ------------------------------------------------------------------------------ */

/* A texture of 64 x 64 pixels with up to four arguments changed. */
struct change {
	size_t field; /* of struct virtio_gpu_resource_create_3d; 0: none */
	uint32_t value;
};

#define SET(field, value) { offsetof(struct virtio_gpu_resource_create_3d, field), value }

static const struct change odd[][4] = {
	{ SET(target, 99) },
	{ SET(target, UINT32_MAX) },
	{ SET(format, 0) },
	{ SET(format, 9999) },
	{ SET(format, UINT32_MAX) },
	{ SET(bind, 0) },
	{ SET(bind, UINT32_MAX) },
	{ SET(width, 0) },
	{ SET(height, 0) },
	{ SET(depth, 0) },
	{ SET(array_size, 0) },
	{ SET(width, 0x40000001), SET(height, 128) },
	{ SET(width, UINT32_MAX), SET(height, UINT32_MAX) },
	{ SET(depth, UINT32_MAX) },
	{ SET(array_size, UINT32_MAX) },
	{ SET(last_level, 16) },
	{ SET(last_level, UINT32_MAX) },
	{ SET(nr_samples, 4) },
	{ SET(nr_samples, UINT32_MAX) },
	{ SET(flags, UINT32_MAX) },
	{ SET(target, KIT_VIRGL_CUBE), SET(array_size, 6) },
	{ SET(target, KIT_VIRGL_CUBE) },
	{ SET(target, KIT_VIRGL_3D), SET(depth, 16) },
	{ SET(target, KIT_VIRGL_2D_ARRAY), SET(array_size, 8) },
	{ SET(target, KIT_VIRGL_1D), SET(height, 1) },
	{ SET(target, KIT_VIRGL_BUFFER), SET(format, 64), SET(width, UINT32_MAX), SET(height, 1) },
};

/* Anything may be refused; nothing may be the end. */
static void odd_arguments(struct conform *c)
{
	struct kit_machine *m = gl_machine(c);
	struct virtio_gpu_resource_create_3d args = gl_texture_args(7, BGRX, 64, 64);
	for (size_t i = 0; i < ARRAY_SIZE(odd[0]) && odd[c->variant][i].field; i++)
		memcpy((uint8_t *)&args + odd[c->variant][i].field, &odd[c->variant][i].value,
			sizeof(uint32_t));
	int type = kit_gpu_create_3d(&m->gpu, args);
	CHECK_OK(m, type);
	int attached = kit_gpu_ctx_attach(&m->gpu, GL_CONTEXT, 7);
	CHECK_OK(m, attached);
	int gone = kit_gpu_unref(&m->gpu, 7);
	CHECK_OK(m, gone);
	struct kit_surface s = gl_texture(m, 8, BGRX, 16, 16);
	gl_clear(m, &s, 0xff101010);
	kit_surface_finish(&s);
	if (type >= VIRTIO_GPU_RESP_ERR_UNSPEC)
		conform_reject(c, m, "RESOURCE_CREATE_3D is %s", kit_response_name(type));
	conform_end(c, m);
}

static void id_in_use(struct conform *c)
{
	struct kit_machine *m = gl_machine(c);
	struct kit_surface s = gl_texture(m, 1, BGRX, 16, 16);
	CHECK_ERROR(m, kit_gpu_create_3d(&m->gpu, gl_texture_args(1, BGRX, 16, 16)));
	CHECK_ERROR(m, kit_gpu_create_2d(&m->gpu, 1, BGRX, 16, 16));
	CHECK_ERROR(m, kit_gpu_create_3d(&m->gpu, gl_texture_args(0, BGRX, 16, 16)));
	CHECK_GOOD(m, kit_gpu_create_2d(&m->gpu, 2, BGRX, 16, 16));
	CHECK_ERROR(m, kit_gpu_create_3d(&m->gpu, gl_texture_args(2, BGRX, 16, 16)));
	gl_clear(m, &s, 0xff202020);
	kit_surface_finish(&s);
	conform_end(c, m);
}

static void create_and_unref(struct conform *c)
{
	struct kit_machine *m = gl_machine(c);
	for (uint32_t round = 0; round < 100; round++) {
		struct kit_surface s = gl_texture(m, 1, BGRX, 128, 128);
		if (round % 10 == 0)
			gl_clear(m, &s, 0xff000000 | round);
		CHECK_GOOD(m, kit_gpu_unref(&m->gpu, 1));
		kit_surface_finish(&s);
	}
	conform_end(c, m);
}

static void gone_after_reset(struct conform *c)
{
	struct kit_machine *m = gl_machine(c);
	struct kit_surface s = gl_texture(m, 1, BGRX, 32, 32);
	kit_surface_finish(&s);
	CHECK_OK(m, kit_machine_reset(m));
	gl_context(m, GL_CONTEXT);
	CHECK_ERROR(m, kit_gpu_unref(&m->gpu, 1));
	s = gl_texture(m, 1, BGRX, 64, 64);
	gl_clear(m, &s, 0xff303030);
	kit_surface_finish(&s);
	conform_end(c, m);
}

/* --- on the display ------------------------------------------------------------------------ */

/* Row 0 of a texture is its top when it is created with Y_0_TOP, as frame buffers are. */
static void shown(struct conform *c)
{
	struct kit_machine *m = gl_machine(c);
	struct kit_surface s = gl_framebuffer(m, 1, BGRX, 120, 80);
	struct kit_picture *picture = conform_pattern(120, 80, 5);
	struct kit_virgl_box whole = gl_whole(&s);
	CHECK_GOOD(m, kit_gpu_set_scanout(&m->gpu, 0, 1, kit_rect(0, 0, 120, 80)));
	for (uint32_t round = 0; round < 3; round++) {
		kit_picture_pattern(picture, kit_rect(0, 0, 120, 80), round);
		kit_surface_draw(&s, picture);
		CHECK_GOOD(m, gl_upload(m, &whole, 0));
		CHECK_GOOD(m, kit_gpu_flush(&m->gpu, 1, kit_rect(0, 0, 120, 80)));
		CHECK_PICTURE(m, 0, picture);
	}
	CHECK_GOOD(m, kit_gpu_set_scanout(&m->gpu, 0, 0, kit_rect(0, 0, 0, 0)));
	kit_surface_finish(&s);
	kit_picture_destroy(picture);
	conform_end(c, m);
}

static void part_shown(struct conform *c)
{
	struct kit_machine *m = gl_machine(c);
	struct kit_surface s = gl_framebuffer(m, 1, BGRX, 120, 80);
	struct kit_picture *picture = conform_pattern(120, 80, 5);
	struct kit_picture *part = kit_picture_create(40, 30);
	struct kit_virgl_box whole = gl_whole(&s);
	CHECK(part);
	kit_surface_draw(&s, picture);
	CHECK_GOOD(m, gl_upload(m, &whole, 0));
	CHECK_GOOD(m, kit_gpu_set_scanout(&m->gpu, 0, 1, kit_rect(50, 20, 40, 30)));
	CHECK_GOOD(m, kit_gpu_flush(&m->gpu, 1, kit_rect(0, 0, 120, 80)));
	kit_picture_copy(part, 0, 0, picture, kit_rect(50, 20, 40, 30));
	CHECK_PICTURE(m, 0, part);
	kit_surface_finish(&s);
	kit_picture_destroy(picture);
	kit_picture_destroy(part);
	conform_end(c, m);
}

/* What Linux's console is until a desktop draws it with OpenGL: a 2D resource in a context. */
static void two_d_drawn_by_a_context(struct conform *c)
{
	struct kit_machine *m = gl_machine(c);
	struct kit_surface s = conform_surface(m, 1, BGRX, 100, 50);
	struct kit_picture *picture = conform_pattern(100, 50, 5);
	CHECK_GOOD(m, kit_gpu_ctx_attach(&m->gpu, GL_CONTEXT, 1));
	CHECK_GOOD(m, kit_gpu_set_scanout(&m->gpu, 0, 1, kit_rect(0, 0, 100, 50)));
	conform_show(m, &s, picture);
	CHECK_PICTURE(m, 0, picture);
	gl_clear(m, &s, 0xff2468ac);
	CHECK_GOOD(m, kit_gpu_flush(&m->gpu, 1, kit_rect(0, 0, 100, 50)));
	kit_picture_fill(picture, kit_rect(0, 0, 100, 50), 0x2468ac);
	CHECK_PICTURE(m, 0, picture);
	kit_surface_finish(&s);
	kit_picture_destroy(picture);
	conform_end(c, m);
}

static void unref_while_shown(struct conform *c)
{
	struct kit_machine *m = gl_machine(c);
	for (uint32_t round = 0; round < 3; round++) {
		struct kit_surface s = gl_framebuffer(m, 1, BGRX, 64, 64);
		CHECK_GOOD(m, kit_gpu_set_scanout(&m->gpu, 0, 1, kit_rect(0, 0, 64, 64)));
		gl_clear(m, &s, 0xff123456);
		CHECK_GOOD(m, kit_gpu_flush(&m->gpu, 1, kit_rect(0, 0, 64, 64)));
		CHECK_GOOD(m, kit_gpu_unref(&m->gpu, 1));
		kit_surface_finish(&s);
	}
	conform_end(c, m);
}

/* Compositors draw their cursor with OpenGL. */
static void cursor(struct conform *c)
{
	struct kit_machine *m = gl_machine(c);
	struct kit_surface s = gl_texture(m, 1, BGRA, 64, 64);
	gl_clear(m, &s, 0xffa05030);
	CHECK_GOOD(m,
		kit_gpu_update_cursor(&m->gpu,
			(struct virtio_gpu_update_cursor){
				.pos = { .x = 5, .y = 6 }, .resource_id = 1 }));
	CHECK_OK(m, kit_display_wait(&m->display, VHOST_USER_GPU_CURSOR_UPDATE, 1));
	CHECK_INT(m->display.cursor.pixels[64 * 20 + 7] & KIT_RGB, 0xa05030);
	kit_surface_finish(&s);
	conform_end(c, m);
}

static const char *const format_names[] = { "B8G8R8A8", "B8G8R8X8", "R8G8B8A8", NULL };
static const char *const box_names[] = { "first_pixel", "last_pixel", "row", "column", "inside",
	"all", NULL };
static const char *const chunk_names[] = { "4096", "1000", "60", "4", NULL };
static const char *const transfer_names[] = { "too_wide", "too_high", "outside", "wraps",
	"behind_the_layers", "too_deep", "no_such_level", "level_max", "offset_1", "offset_max",
	"offset_2_32", "stride_2_31", "stride_max", NULL };
static const char *const argument_names[] = { "target_99", "target_max", "format_0", "format_9999",
	"format_max", "bind_0", "bind_max", "width_0", "height_0", "depth_0", "array_0",
	"size_wraps_32_bits", "size_wraps_64_bits", "depth_max", "array_max", "levels_17",
	"levels_max", "samples_4", "samples_max", "flags_max", "cube", "cube_of_one_face", "volume",
	"array_of_8", "one_dimension", "buffer_4_gib", NULL };

#define VIRGL .needs = CONFORM_NEEDS_VIRGL
#define SHOWN .needs = CONFORM_NEEDS_VIRGL | CONFORM_NEEDS_DISPLAY

static const struct conform_case cases[] = {
	{ "round_trip", "virtio 1.4, 5.7.6.9: TRANSFER_TO_HOST_3D and TRANSFER_FROM_HOST_3D",
		round_trip, format_names, VIRGL },
	{ "box", "virtio 1.4, 5.7.6.9: a transfer moves a box of a level", box, box_names, VIRGL },
	{ "scattered_backing", "virtio 1.4, 5.7.6.8: backing is a list of entries",
		scattered_backing, chunk_names, VIRGL },
	{ "buffers", "Mesa keeps vertices and constants in resources of target 0", buffers, VIRGL },
	{ "mip_levels", "virtio 1.4, 5.7.6.9: last_level, and a transfer's level", mip_levels,
		VIRGL },
	{ "hostile_transfer", "nothing outside of resource and backing is read or written",
		hostile_transfer, transfer_names, VIRGL, .hostile = true },
	{ "transfer_without_backing", "virtio 1.4, 5.7.6.9: a transfer needs backing",
		transfer_without_backing, VIRGL, .hostile = true },
	{ "odd_arguments", "a resource that cannot be made is refused; the device goes on",
		odd_arguments, argument_names, VIRGL, .hostile = true },
	{ "id_in_use", "virtio 1.4, 5.7.6.8: one resource for each id, 0 is none", id_in_use,
		VIRGL },
	{ "create_and_unref", "guests create and free textures all the time", create_and_unref,
		VIRGL },
	{ "gone_after_reset", "virtio 1.4, 2.4: a reset leaves nothing", gone_after_reset, VIRGL },
	{ "shown", "virtio 1.4, 5.7.6.8: SET_SCANOUT and RESOURCE_FLUSH of a 3D resource", shown,
		SHOWN },
	{ "part_shown", "virtio 1.4, 5.7.6.8: a scanout shows a rectangle of its resource",
		part_shown, SHOWN },
	{ "two_d_drawn_by_a_context", "Linux attaches its frame buffers to contexts that draw them",
		two_d_drawn_by_a_context, SHOWN },
	{ "unref_while_shown", "Linux's order of clean-up, or that of a guest that crashes",
		unref_while_shown, VIRGL, .hostile = true },
	{ "cursor", "a cursor image may be a 3D resource", cursor, SHOWN },
};
DEFINE_CONFORM_AREA(3d, cases);
