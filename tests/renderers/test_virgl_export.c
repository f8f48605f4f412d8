/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/* The virgl renderer: resources as dma-bufs, where GL can do that. */
#include <sys/mman.h>
#include <unistd.h>

#include "util/fourcc.h"
#include "util/list.h"
#include "virgl_fixture.h"

#define MODIFIER_LINEAR 0u

struct export_call {
	struct outcome outcome;
	struct image *image;
};

static void keep_image(struct renderer_call *call, int status, const struct renderer_reply *reply)
{
	struct export_call *export = container_of(call, struct export_call, outcome.call);
	export->outcome.done++;
	export->outcome.status = status;
	if (status == 0)
		export->image = image_ref(reply->image);
}

/* An image of a resource, or NULL. */
static struct image *export_image(struct fixture *f, uint32_t resource, int status)
{
	struct export_call export = { .outcome.call.done = keep_image };
	renderer_export_image(f->renderer, resource, &export.outcome.call);
	CHECK_INT(outcome_wait(f, &export.outcome), status);
	return export.image;
}

static struct fixture exporting_fixture(void)
{
	struct fixture f = fixture_create();
	if (f.renderer->can_export)
		return f;
	CHECK_INT(create_texture(&f, 1, BGRX, 64, 64), 0);
	CHECK(!export_image(&f, 1, -EOPNOTSUPP));
	fixture_destroy(&f);
	test_skip("GL exports no dma-buf on this machine");
}

/* The texture's pixels, in whatever format GL keeps them, are those of guest memory. */
static void check_pixels(const struct fixture *f, const struct image *image)
{
	size_t row = (size_t)image->width * 4;
	size_t size = image->offsets[0] + (size_t)image->strides[0] * image->height;
	uint8_t *memory = mmap(NULL, size, PROT_READ, MAP_SHARED, image->fds[0], 0);
	if (memory == MAP_FAILED || image->modifier != MODIFIER_LINEAR)
		test_skip("the dma-buf is not for the processor to read");
	const struct image stored = { .kind = IMAGE_PIXELS,
		.width = image->width,
		.height = image->height,
		.fourcc = image->fourcc,
		.pixels = memory + image->offsets[0],
		.stride = image->strides[0] };
	const struct rect whole = { 0, 0, image->width, image->height };
	struct image *shown = image_create(image->width, image->height, FOURCC_ARGB8888);
	CHECK(shown);
	image_copy(shown, 0, 0, &stored, &whole);
	for (uint32_t y = 0; y < image->height; y++) {
		uint32_t at = image->y_0_top ? image->height - 1 - y : y;
		CHECK_MEM(shown->pixels + at * shown->stride, f->guest + y * row, row);
	}
	image_unref(shown);
	munmap(memory, size);
}

static void exported_image_shows(uint32_t flags)
{
	enum { W = 256, H = 96 };
	struct fixture f = exporting_fixture();
	struct renderer_resource_args args = texture(5, BGRA, W, H);
	args.flags = flags;
	CHECK_INT(STATUS_OF(&f, renderer_resource_create(f.renderer, &args, call)), 0);
	CHECK_INT(back(&f, 5, 0, W * H * 4), 0);
	CHECK_INT(transfer(&f, RENDERER_TO_HOST, 5, (struct rect){ 0, 0, W, H }, 0, 0), 0);
	CHECK_INT(STATUS_OF(&f, renderer_fence(f.renderer, 0, RENDERER_GLOBAL_RING, call)), 0);

	struct image *image = export_image(&f, 5, 0);
	CHECK(image && image->kind == IMAGE_DMABUF && image->planes == 1);
	CHECK(image->width == W && image->height == H);
	CHECK(image_format_known(image->fourcc));
	CHECK(image->fds[0] >= 0 && image->fds[1] < 0 && image->strides[0] >= W * 4);
	CHECK_INT(image->y_0_top, flags & FLAG_Y_0_TOP);
	check_pixels(&f, image);
	image_unref(image);
	fixture_destroy(&f);
}

static void export_shows_what_was_uploaded(void)
{
	exported_image_shows(0);
}

static void export_says_when_upside_down(void)
{
	exported_image_shows(FLAG_Y_0_TOP);
}

static void export_takes_no_descriptors(void)
{
	struct fixture f = exporting_fixture();
	CHECK_INT(create_texture(&f, 1, BGRX, 64, 64), 0);
	image_unref(export_image(&f, 1, 0));
	int fds = test_open_fds();
	for (uint32_t i = 0; i < 100; i++)
		image_unref(export_image(&f, 1, 0));
	CHECK_INT(test_open_fds(), fds);
	CHECK(!export_image(&f, 2, -ENOENT));
	fixture_destroy(&f);
}

int main(int argc, char **argv)
{
	static const struct test_case cases[] = {
		TEST_CASE(export_shows_what_was_uploaded),
		TEST_CASE(export_says_when_upside_down),
		TEST_CASE(export_takes_no_descriptors),
	};
	return test_main(argc, argv, cases, ARRAY_SIZE(cases));
}
