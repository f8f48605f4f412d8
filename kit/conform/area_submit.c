/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/* Command streams: what they draw, and what wrong ones do to those who send them and nobody else. */
#include <stdlib.h>

#include "kit/conform/gl.h"

#define BGRX VIRTIO_GPU_FORMAT_B8G8R8X8_UNORM

static struct kit_virgl *new_stream(void)
{
	struct kit_virgl *stream = calloc(1, sizeof(*stream));
	CHECK(stream);
	return stream;
}

/* The device still draws, in a context made now. */
static void check_draws(struct kit_machine *m, uint32_t resource)
{
	CHECK_OK(m, kit_gpu_ctx_destroy(&m->gpu, GL_CONTEXT));
	gl_context(m, GL_CONTEXT);
	struct kit_surface s = gl_texture(m, resource, BGRX, 32, 32);
	struct kit_picture *picture = kit_picture_create(32, 32);
	CHECK(picture);
	kit_picture_fill(picture, kit_rect(0, 0, 32, 32), 0x55aa33);
	gl_clear(m, &s, 0xff55aa33);
	gl_check_picture(m, &s, picture);
	CHECK_GOOD(m, kit_gpu_unref(&m->gpu, resource));
	kit_picture_destroy(picture);
	kit_surface_finish(&s);
}

static const uint32_t colors[] = { 0xff000000, 0xffffffff, 0xffff0000, 0xff00ff00, 0xff0000ff };

static void clear(struct conform *c)
{
	struct kit_machine *m = gl_machine(c);
	struct kit_surface s = gl_texture(m, 1, BGRX, 77, 55);
	struct kit_picture *picture = kit_picture_create(77, 55);
	CHECK(picture);
	kit_picture_fill(picture, kit_rect(0, 0, 77, 55), colors[c->variant]);
	gl_clear(m, &s, colors[c->variant]);
	gl_check_picture(m, &s, picture);
	kit_surface_finish(&s);
	kit_picture_destroy(picture);
	conform_end(c, m);
}

static void copy_region(struct conform *c)
{
	struct kit_machine *m = gl_machine(c);
	struct kit_surface from = gl_texture(m, 1, BGRX, 64, 48);
	struct kit_surface to = gl_texture(m, 2, BGRX, 64, 48);
	struct kit_picture *picture = conform_pattern(64, 48, 4);
	struct kit_picture *expected = kit_picture_create(64, 48);
	struct kit_virgl_box whole = gl_whole(&from);
	struct kit_virgl *stream = new_stream();
	CHECK(expected);
	kit_surface_draw(&from, picture);
	CHECK_GOOD(m, gl_upload(m, &whole, 0));
	gl_clear(m, &to, 0xff000000);
	const struct kit_virgl_box a = { .resource = 1, .x = 10, .y = 5, .w = 20, .h = 30, .d = 1 };
	const struct kit_virgl_box b = { .resource = 2, .x = 33, .y = 7 };
	kit_virgl_copy(stream, &a, &b);
	CHECK_GOOD(m, kit_virgl_submit(&m->gpu, GL_CONTEXT, stream));
	kit_picture_copy(expected, 33, 7, picture, kit_rect(10, 5, 20, 30));
	gl_check_picture(m, &to, expected);
	free(stream);
	kit_surface_finish(&from);
	kit_surface_finish(&to);
	kit_picture_destroy(picture);
	kit_picture_destroy(expected);
	conform_end(c, m);
}

/* Pixels in the stream itself. */
static void inline_write(struct conform *c)
{
	struct kit_machine *m = gl_machine(c);
	struct kit_surface s = gl_texture(m, 1, BGRX, 64, 48);
	struct kit_picture *expected = kit_picture_create(64, 48);
	struct kit_virgl *stream = new_stream();
	uint32_t pixels[16 * 8];
	CHECK(expected);
	gl_clear(m, &s, 0xff000000);
	for (uint32_t i = 0; i < ARRAY_SIZE(pixels); i++) {
		pixels[i] = 0xff000000 | i * 0x010203;
		expected->pixels[(20 + i / 16) * 64 + 30 + i % 16] = pixels[i] & KIT_RGB;
	}
	const struct kit_virgl_box box = {
		.resource = 1, .x = 30, .y = 20, .w = 16, .h = 8, .d = 1
	};
	kit_virgl_inline_write(stream, &box, 16 * 4, pixels, ARRAY_SIZE(pixels));
	CHECK_GOOD(m, kit_virgl_submit(&m->gpu, GL_CONTEXT, stream));
	gl_check_picture(m, &s, expected);
	free(stream);
	kit_surface_finish(&s);
	kit_picture_destroy(expected);
	conform_end(c, m);
}

/* Streams are carried out in the order in which they come, without waiting for each. */
static void in_order(struct conform *c)
{
	enum { COUNT = 100 };
	struct kit_machine *m = gl_machine(c);
	struct kit_surface s = gl_texture(m, 1, BGRX, 32, 32);
	struct kit_picture *picture = kit_picture_create(32, 32);
	struct kit_virgl *stream = new_stream();
	struct kit_command *commands[COUNT];
	CHECK(picture);
	gl_clear(m, &s, 0);
	for (uint32_t i = 0; i < COUNT; i++) {
		kit_virgl_clear(stream, 0xff000000 | i * 0x020101);
		commands[i] = kit_virgl_send(
			&m->gpu, kit_header_ctx(VIRTIO_GPU_CMD_SUBMIT_3D, GL_CONTEXT), stream);
		CHECK(commands[i]);
	}
	for (uint32_t i = 0; i < COUNT; i++)
		CHECK_GOOD(m, kit_gpu_complete(&m->gpu, commands[i], NULL, 0));
	kit_picture_fill(picture, kit_rect(0, 0, 32, 32), (COUNT - 1) * 0x020101);
	gl_check_picture(m, &s, picture);
	free(stream);
	kit_surface_finish(&s);
	kit_picture_destroy(picture);
	conform_end(c, m);
}

/* Two contexts with the same handles for different things. */
static void contexts_are_apart(struct conform *c)
{
	struct kit_machine *m = gl_machine(c);
	struct kit_surface s[2];
	struct kit_virgl *stream = new_stream();
	gl_context(m, 2);
	for (uint32_t i = 0; i < 2; i++) {
		s[i] = gl_texture(m, i + 1, BGRX, 32, 32);
		CHECK_GOOD(m, kit_gpu_ctx_attach(&m->gpu, 2, i + 1));
	}
	for (uint32_t round = 0; round < 4; round++)
		for (uint32_t i = 0; i < 2; i++) {
			if (round == 0) {
				kit_virgl_surface(stream, 9, i + 1, BGRX);
				kit_virgl_framebuffer(stream, 9);
			}
			kit_virgl_clear(stream, i ? 0xff00aa00 : 0xffaa0000);
			CHECK_GOOD(m, kit_virgl_submit(&m->gpu, i + 1, stream));
		}
	for (uint32_t i = 0; i < 2; i++) {
		struct kit_picture *picture = kit_picture_create(32, 32);
		CHECK(picture);
		kit_picture_fill(picture, kit_rect(0, 0, 32, 32), i ? 0x00aa00 : 0xaa0000);
		gl_check_picture(m, &s[i], picture);
		kit_picture_destroy(picture);
		kit_surface_finish(&s[i]);
	}
	free(stream);
	conform_end(c, m);
}

/* Sizes of a stream, in words. */
static void stream_size(struct conform *c)
{
	static const uint32_t sizes[] = { 1, 2, 255, 256, 1024, 16384 };
	struct kit_machine *m = gl_machine(c);
	struct kit_virgl *stream = new_stream();
	for (uint32_t left = sizes[c->variant]; left > 0;) {
		uint32_t words = min_u32(left, 200);
		kit_virgl_nop(stream, words - 1);
		left -= words;
	}
	CHECK_GOOD(m, kit_virgl_submit(&m->gpu, GL_CONTEXT, stream));
	free(stream);
	check_draws(m, 9);
	conform_end(c, m);
}

static void empty(struct conform *c)
{
	struct kit_machine *m = gl_machine(c);
	int type = kit_gpu_submit_3d(&m->gpu, GL_CONTEXT, NULL, 0);
	CHECK_OK(m, type);
	check_draws(m, 9);
	conform_end(c, m);
}

/* A size that does not agree with what follows, or is no number of words. */
static void wrong_size(struct conform *c)
{
	static const uint32_t sizes[] = { 12, 4096, 0x400004, 0x80000000, UINT32_MAX - 3,
		UINT32_MAX };
	struct kit_machine *m = gl_machine(c);
	struct {
		struct virtio_gpu_cmd_submit submit;
		uint32_t words[2];
	} request = {
		.submit = { .hdr = kit_header_ctx(VIRTIO_GPU_CMD_SUBMIT_3D, GL_CONTEXT),
			.size = sizes[c->variant] },
	};
	CHECK_ERROR(m, kit_gpu_simple(&m->gpu, &request, sizeof(request)));
	check_draws(m, 9);
	conform_end(c, m);
}

/* virtio 1.4 has fences to wait for before the stream. */
static void in_fences(struct conform *c)
{
	static const uint32_t counts[] = { 1, 3, 0x10000, 0x80000000, UINT32_MAX };
	struct kit_machine *m = gl_machine(c);
	struct {
		struct virtio_gpu_cmd_submit submit;
		uint64_t fences[3];
		uint32_t nop;
	} request = {
		.submit = { .hdr = kit_header_ctx(VIRTIO_GPU_CMD_SUBMIT_3D, GL_CONTEXT),
			.size = 4,
			.num_in_fences = counts[c->variant] },
	};
	int type = kit_gpu_simple(&m->gpu, &request, sizeof(request));
	CHECK_OK(m, type);
	check_draws(m, 9);
	if (type >= VIRTIO_GPU_RESP_ERR_UNSPEC)
		conform_reject(c, m, "SUBMIT_3D is %s", kit_response_name(type));
	conform_end(c, m);
}

/* --- wrong streams ------------------------------------------------------------------------- */

static void wrong_stream(struct conform *c)
{
	static const uint32_t rows[][8] = {
		{ 0x000000ff }, /* no such command */
		{ 0xffff0000 }, /* longer than the stream */
		{ 0x00010007, 4 }, /* CLEAR that is cut off */
		{ 0x00050801, 1, 77, 1, 0, 0 }, /* a surface of no resource */
		{ 0x00050801, 1, 0, 1, 0, 0 }, /* of resource 0 */
		{ 0x00030005, 1, 0, 55 }, /* a frame buffer of no surface */
		{ 0x00030005, 0xffffffff, 0, 55 }, /* of more than there can be */
		{ 0x00000f01 }, /* an object of no type, without a word */
		{ 0x00010003, 99 }, /* destroys no object */
		{ 0x0001001c, 7 }, /* a sub-context that is not there */
		{ 0x00020007, 0xffffffff, 0xffffffff }, /* CLEAR of everything, cut off */
		{ 0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff },
	};
	static const uint32_t lengths[] = { 1, 1, 2, 6, 6, 4, 4, 1, 2, 2, 3, 4 };
	struct kit_machine *m = gl_machine(c);
	int type =
		kit_gpu_submit_3d(&m->gpu, GL_CONTEXT, rows[c->variant], lengths[c->variant] * 4);
	CHECK_OK(m, type);
	check_draws(m, 9);
	conform_end(c, m);
}

/* The same numbers in each run: half of them look like commands. */
static void random_stream(struct conform *c)
{
	enum { ROUNDS = 50, WORDS = 64 };
	struct kit_machine *m = gl_machine(c);
	struct kit_surface s = gl_texture(m, 1, BGRX, 32, 32);
	uint64_t state = 0x9e3779b97f4a7c15u * (c->variant + 1);
	for (uint32_t round = 0; round < ROUNDS; round++) {
		uint32_t words[WORDS];
		for (uint32_t i = 0; i < WORDS; i++) {
			state = state * 6364136223846793005u + 1442695040888963407u;
			words[i] = (uint32_t)(state >> 32);
			if (i % 2 == 0)
				words[i] = (words[i] % 50) | (words[i] >> 8 & 0xf) << 8 |
					(words[i] >> 16 & 7) << 16;
		}
		int type = kit_gpu_submit_3d(&m->gpu, GL_CONTEXT, words, sizeof(words));
		CHECK_OK(m, type);
	}
	kit_surface_finish(&s);
	check_draws(m, 9);
	conform_end(c, m);
}

/* Another program's textures are its own. */
static void resource_not_attached(struct conform *c)
{
	struct kit_machine *m = gl_machine(c);
	struct kit_surface s = gl_texture(m, 1, BGRX, 32, 32);
	struct kit_picture *picture = conform_pattern(32, 32, 8);
	struct kit_virgl_box whole = gl_whole(&s);
	struct kit_virgl *stream = new_stream();
	kit_surface_draw(&s, picture);
	CHECK_GOOD(m, gl_upload(m, &whole, 0));
	gl_context(m, 2);
	kit_virgl_surface(stream, 9, 1, BGRX);
	kit_virgl_framebuffer(stream, 9);
	kit_virgl_clear(stream, 0xff0000ff);
	int type = kit_virgl_submit(&m->gpu, 2, stream);
	CHECK_OK(m, type);
	gl_check_picture(m, &s, picture);
	free(stream);
	kit_surface_finish(&s);
	kit_picture_destroy(picture);
	conform_end(c, m);
}

/* A context in trouble leaves the picture of others alone. */
static void trouble_stays_in_its_context(struct conform *c)
{
	struct kit_machine *m = gl_machine(c);
	struct kit_surface s = gl_texture(m, 1, BGRX, 32, 32);
	struct kit_picture *picture = kit_picture_create(32, 32);
	CHECK(picture);
	gl_context(m, 2);
	for (uint32_t round = 0; round < 5; round++) {
		static const uint32_t wrong[] = { 0x00050801, 1, 77, 1, 0, 0 };
		int type = kit_gpu_submit_3d(&m->gpu, 2, wrong, sizeof(wrong));
		CHECK_OK(m, type);
		gl_clear(m, &s, 0xff000000 | round * 0x111111);
		kit_picture_fill(picture, kit_rect(0, 0, 32, 32), round * 0x111111);
		gl_check_picture(m, &s, picture);
	}
	kit_surface_finish(&s);
	kit_picture_destroy(picture);
	conform_end(c, m);
}

static const char *const color_names[] = { "black", "white", "red", "green", "blue", NULL };
static const char *const size_names[] = { "1", "2", "255", "256", "1024", "16384", NULL };
static const char *const wrong_size_names[] = { "one_word_more", "4096", "above_4_mib", "2_31",
	"max_words", "max", NULL };
static const char *const fence_names[] = { "1", "3", "0x10000", "2_31", "max", NULL };
static const char *const wrong_names[] = { "unknown_command", "longer_than_the_stream",
	"clear_cut_off", "surface_of_no_resource", "surface_of_resource_0",
	"framebuffer_of_no_surface", "framebuffer_of_too_many", "object_of_no_type",
	"destroy_of_nothing", "sub_context_unknown", "clear_of_everything_cut_off", "all_ones",
	NULL };
static const char *const seed_names[] = { "1", "2", "3", "4", "5", "6", NULL };

#define VIRGL .needs = CONFORM_NEEDS_VIRGL

static const struct conform_case cases[] = {
	{ "clear", "virtio 1.4, 5.7.6.9: SUBMIT_3D carries the commands of the context's kind",
		clear, color_names, VIRGL },
	{ "copy_region", "Mesa copies between textures with RESOURCE_COPY_REGION", copy_region,
		VIRGL },
	{ "inline_write", "Mesa sends small updates inside of the stream", inline_write, VIRGL },
	{ "in_order", "virtio 1.4, 5.7.6.9: streams of a context are carried out in order",
		in_order, VIRGL },
	{ "contexts_are_apart", "handles belong to one context", contexts_are_apart, VIRGL },
	{ "stream_size", "virtio 1.4, 5.7.6.9: size is what follows, in bytes", stream_size,
		size_names, VIRGL },
	{ "empty", "virtio 1.4, 5.7.6.9: a stream of size 0 does nothing", empty, VIRGL },
	{ "wrong_size", "a size that is not there is refused, whatever it is", wrong_size,
		wrong_size_names, VIRGL, .hostile = true },
	{ "in_fences", "virtio 1.4, 5.7.6.9: num_in_fences ids come before the stream", in_fences,
		fence_names, VIRGL, .hostile = true },
	{ "wrong_stream", "a program's mistakes are its own: others still draw", wrong_stream,
		wrong_names, VIRGL, .hostile = true },
	{ "random_stream", "a program's mistakes are its own: others still draw", random_stream,
		seed_names, VIRGL, .hostile = true },
	{ "resource_not_attached", "virtio 1.4, 5.7.6.9: a context uses what is attached to it",
		resource_not_attached, VIRGL, .hostile = true },
	{ "trouble_stays_in_its_context", "a program's mistakes are its own: others still draw",
		trouble_stays_in_its_context, VIRGL, .hostile = true },
};
DEFINE_CONFORM_AREA(submit, cases);
