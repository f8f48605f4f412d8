/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
#include "renderer/software.h"

#include <stdlib.h>

#include "renderer/renderer.h"
#include "test.h"
#include "util/fourcc.h"

#define GUEST_REGION 7u
#define FRAME_REGION 8u
#define QUOTA        (64u << 20)
#define BGRX         2u

/* A renderer with 256 KiB of guest memory and a frame to read back into. */
struct fixture {
	struct renderer *renderer;
	uint8_t guest[256 << 10];
	uint8_t frame[64 << 10];
};

struct outcome {
	struct renderer_call call;
	int done;
	int status;
};

static void note(struct renderer_call *call, int status, const struct renderer_reply *reply)
{
	struct outcome *outcome = (struct outcome *)call;
	outcome->done++;
	outcome->status = status;
}

static int status_once(const struct outcome *outcome)
{
	CHECK_INT(outcome->done, 1);
	return outcome->status;
}

/* Runs `operation` with the name `call` bound to a call; its status, once. */
#define STATUS_OF(operation)                                                                       \
	({                                                                                         \
		struct outcome outcome = { .call.done = note };                                    \
		struct renderer_call *call = &outcome.call;                                        \
		operation;                                                                         \
		status_once(&outcome);                                                             \
	})

static struct fixture *fixture_create(uint64_t quota)
{
	struct fixture *fixture = calloc(1, sizeof(*fixture));
	CHECK(fixture);
	fixture->renderer = software_renderer_create(quota);
	CHECK(fixture->renderer);
	for (size_t i = 0; i < sizeof(fixture->guest); i++)
		fixture->guest[i] = (uint8_t)(i * 31 + i / 251);
	memset(fixture->frame, 0xee, sizeof(fixture->frame));
	const struct renderer_region guest = {
		.id = GUEST_REGION, .fd = -1, .size = sizeof(fixture->guest), .base = fixture->guest
	};
	const struct renderer_region frame = {
		.id = FRAME_REGION, .fd = -1, .size = sizeof(fixture->frame), .base = fixture->frame
	};
	renderer_region_add(fixture->renderer, &guest);
	renderer_region_add(fixture->renderer, &frame);
	return fixture;
}

static void fixture_destroy(struct fixture *fixture)
{
	renderer_destroy(fixture->renderer);
	free(fixture);
}

static struct renderer_resource_args texture(uint32_t id, uint32_t format, uint32_t w, uint32_t h)
{
	return (struct renderer_resource_args){ .id = id,
		.target = 2,
		.format = format,
		.width = w,
		.height = h,
		.depth = 1,
		.array_size = 1 };
}

static int create(struct fixture *f, uint32_t id, uint32_t format, uint32_t w, uint32_t h)
{
	const struct renderer_resource_args args = texture(id, format, w, h);
	return STATUS_OF(renderer_resource_create(f->renderer, &args, call));
}

static int back(struct fixture *f, uint32_t id, const struct renderer_span *spans, uint32_t count)
{
	return STATUS_OF(renderer_resource_set_backing(f->renderer, id, spans, count, call));
}

static int back_whole(struct fixture *f, uint32_t id, uint64_t length)
{
	const struct renderer_span span = { .region = GUEST_REGION, .length = length };
	return back(f, id, &span, 1);
}

static struct renderer_transfer_args box(
	uint32_t id, uint32_t x, uint32_t y, uint32_t w, uint32_t h, uint64_t offset)
{
	return (struct renderer_transfer_args){
		.resource = id, .offset = offset, .box = { .x = x, .y = y, .w = w, .h = h, .d = 1 }
	};
}

static int transfer(struct fixture *f, struct renderer_transfer_args args)
{
	return STATUS_OF(renderer_transfer(f->renderer, &args, call));
}

static int read_back(
	struct fixture *f, uint32_t id, struct rect rect, uint32_t stride, uint64_t offset)
{
	const struct renderer_read_back_args args = { .resource = id,
		.rect = rect,
		.region = FRAME_REGION,
		.stride = stride,
		.offset = offset };
	return STATUS_OF(renderer_read_back(f->renderer, &args, call));
}

static void eight_formats(void)
{
	struct fixture *f = fixture_create(QUOTA);
	static const struct {
		uint32_t virtio;
		uint32_t fourcc;
	} formats[] = {
		{ 1, FOURCC_ARGB8888 },
		{ 2, FOURCC_XRGB8888 },
		{ 3, FOURCC_BGRA8888 },
		{ 4, FOURCC_BGRX8888 },
		{ 67, FOURCC_ABGR8888 },
		{ 68, FOURCC_RGBX8888 },
		{ 121, FOURCC_RGBA8888 },
		{ 134, FOURCC_XBGR8888 },
	};
	uint32_t known = 0;
	for (uint32_t format = 0; format < 512; format++)
		known += software_format_fourcc(format) != 0;
	CHECK_INT(known, ARRAY_SIZE(formats));
	for (uint32_t i = 0; i < ARRAY_SIZE(formats); i++) {
		CHECK_INT(software_format_fourcc(formats[i].virtio), formats[i].fourcc);
		CHECK_INT(create(f, i + 1, formats[i].virtio, 4, 4), 0);
		CHECK_INT(renderer_image(f->renderer, i + 1)->fourcc, formats[i].fourcc);
	}
	CHECK_INT(create(f, 100, 5, 4, 4), -EINVAL);
	fixture_destroy(f);
}

/* A pixel with bytes of known meaning, in each format, comes out as blue, green, red, alpha. */
static void read_back_orders_bytes(void)
{
	struct fixture *f = fixture_create(QUOTA);
	static const struct {
		uint32_t format;
		char bytes[5];
		uint8_t alpha;
	} pixels[] = {
		{ 1, "bgra", 'a' },
		{ 2, "bgrx", 0 },
		{ 3, "argb", 'a' },
		{ 4, "xrgb", 0 },
		{ 67, "rgba", 'a' },
		{ 68, "xbgr", 0 },
		{ 121, "abgr", 'a' },
		{ 134, "rgbx", 0 },
	};
	for (uint32_t i = 0; i < ARRAY_SIZE(pixels); i++) {
		CHECK_INT(create(f, i + 1, pixels[i].format, 1, 1), 0);
		CHECK_INT(back_whole(f, i + 1, 4), 0);
		memcpy(f->guest, pixels[i].bytes, 4);
		CHECK_INT(transfer(f, box(i + 1, 0, 0, 1, 1, 0)), 0);
		CHECK_INT(read_back(f, i + 1, (struct rect){ 0, 0, 1, 1 }, 4, 0), 0);
		CHECK_MEM(f->frame, "bgr", 3);
		if (pixels[i].alpha)
			CHECK_INT(f->frame[3], pixels[i].alpha);
	}
	fixture_destroy(f);
}

static void only_plain_textures(void)
{
	struct fixture *f = fixture_create(QUOTA);
	const struct renderer_resource_args good = texture(1, BGRX, 8, 8);
	struct renderer_resource_args bad[10];
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		bad[i] = good;
	bad[0].width = 0;
	bad[1].height = 0;
	bad[2].width = IMAGE_MAX_SIDE + 1;
	bad[3].height = UINT32_MAX;
	bad[4].target = 3;
	bad[5].depth = 2;
	bad[6].array_size = 2;
	bad[7].last_level = 1;
	bad[8].nr_samples = 4;
	bad[9].format = 0;
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		CHECK_INT(STATUS_OF(renderer_resource_create(f->renderer, &bad[i], call)), -EINVAL);
	CHECK_INT(STATUS_OF(renderer_resource_create(f->renderer, &good, call)), 0);
	CHECK_INT(STATUS_OF(renderer_resource_create(f->renderer, &good, call)), -EEXIST);
	fixture_destroy(f);
}

static void quota_is_kept(void)
{
	struct fixture *f = fixture_create(1000);
	CHECK_INT(create(f, 1, BGRX, 10, 20), 0); /* 800 bytes */
	CHECK_INT(create(f, 2, BGRX, 10, 6), -ENOMEM);
	CHECK_INT(create(f, 2, BGRX, IMAGE_MAX_SIDE, IMAGE_MAX_SIDE), -ENOMEM);
	CHECK_INT(create(f, 2, BGRX, 10, 5), 0);
	CHECK_INT(create(f, 3, BGRX, 1, 1), -ENOMEM);
	CHECK_INT(STATUS_OF(renderer_resource_unref(f->renderer, 1, call)), 0);
	CHECK_INT(create(f, 3, BGRX, 20, 10), 0);
	software_renderer_reset(f->renderer);
	CHECK_INT(create(f, 4, BGRX, 25, 10), 0);
	fixture_destroy(f);
}

static void whole_image_arrives(void)
{
	struct fixture *f = fixture_create(QUOTA);
	CHECK_INT(create(f, 1, BGRX, 33, 17), 0);
	const struct image *image = renderer_image(f->renderer, 1);
	CHECK(image && image->width == 33 && image->height == 17);
	CHECK_INT(image->pixels[16 * image->stride + 131], 0);
	CHECK_INT(back_whole(f, 1, 33 * 17 * 4), 0);
	CHECK_INT(transfer(f, box(1, 0, 0, 33, 17, 0)), 0);
	CHECK_MEM(image->pixels, f->guest, 33 * 17 * 4);
	fixture_destroy(f);
}

/* What a box means: rows of the resource's stride, the first at the offset. */
static void reference_upload(uint8_t *pixels, const uint8_t *backing, uint32_t width,
	const struct renderer_transfer_args *args)
{
	for (uint32_t row = 0; row < args->box.h; row++)
		for (uint32_t i = 0; i < args->box.w * 4; i++)
			pixels[(args->box.y + row) * width * 4 + args->box.x * 4 + i] =
				backing[args->offset + row * width * 4 + i];
}

static void boxes_arrive_from_pieces(void)
{
	struct fixture *f = fixture_create(QUOTA);
	enum { W = 40, H = 30 };
	CHECK_INT(create(f, 1, BGRX, W, H), 0);

	/* Pieces of many lengths, in another order than in the region, gathered here to compare. */
	static uint8_t gathered[W * H * 4];
	struct renderer_span spans[64];
	uint32_t count = 0;
	for (uint32_t done = 0; done < sizeof(gathered); count++) {
		uint32_t length = min_u32(1 + count * 37 % 211, (uint32_t)sizeof(gathered) - done);
		spans[count] = (struct renderer_span){ .region = GUEST_REGION,
			.offset = sizeof(f->guest) - 500 * (count + 1),
			.length = length };
		memcpy(gathered + done, f->guest + spans[count].offset, length);
		done += length;
	}
	CHECK_INT(back(f, 1, spans, count), 0);

	static uint8_t expected[W * H * 4];
	static const struct rect rects[] = { { 0, 0, W, H }, { 3, 2, 5, 7 }, { 39, 29, 1, 1 },
		{ 0, 4, W, 9 }, { 1, 0, W - 1, H }, { 0, 29, W, 1 } };
	for (size_t i = 0; i < ARRAY_SIZE(rects); i++) {
		const struct rect *r = &rects[i];
		const struct renderer_transfer_args args =
			box(1, r->x, r->y, r->w, r->h, r->y * W * 4 + r->x * 4);
		reference_upload(expected, gathered, W, &args);
		CHECK_INT(transfer(f, args), 0);
		CHECK_MEM(renderer_image(f->renderer, 1)->pixels, expected, sizeof(expected));
	}

	/* The offset need not be the one that belongs to the box. */
	const struct renderer_transfer_args odd = box(1, 10, 10, 4, 4, 13);
	reference_upload(expected, gathered, W, &odd);
	CHECK_INT(transfer(f, odd), 0);
	CHECK_MEM(renderer_image(f->renderer, 1)->pixels, expected, sizeof(expected));
	fixture_destroy(f);
}

static void boxes_go_back_to_pieces(void)
{
	struct fixture *f = fixture_create(QUOTA);
	CHECK_INT(create(f, 1, BGRX, 8, 4), 0);
	struct image *image = renderer_image(f->renderer, 1);
	for (uint32_t i = 0; i < 8 * 4 * 4; i++)
		image->pixels[i] = (uint8_t)(255 - i);
	const struct renderer_span spans[] = {
		{ .region = GUEST_REGION, .offset = 1000, .length = 50 },
		{ .region = GUEST_REGION, .offset = 100, .length = 78 },
	};
	CHECK_INT(back(f, 1, spans, 2), 0);
	memset(f->guest, 0x55, sizeof(f->guest));
	struct renderer_transfer_args args = box(1, 2, 1, 3, 2, 1 * 32 + 2 * 4);
	args.direction = RENDERER_FROM_HOST;
	CHECK_INT(transfer(f, args), 0);

	/* Bytes 40..51 and 72..83 of the backing: the first row is cut at 50. */
	static const uint8_t filler[64] = { [0 ... 63] = 0x55 };
	CHECK_MEM(f->guest + 1000, filler, 40);
	CHECK_MEM(f->guest + 1040, image->pixels + 40, 10);
	CHECK_MEM(f->guest + 1050, filler, 50);
	CHECK_MEM(f->guest + 100, image->pixels + 50, 2);
	CHECK_MEM(f->guest + 102, filler, 20);
	CHECK_MEM(f->guest + 122, image->pixels + 72, 12);
	CHECK_MEM(f->guest + 134, filler, 64);
	fixture_destroy(f);
}

static void own_stride_is_used(void)
{
	struct fixture *f = fixture_create(QUOTA);
	CHECK_INT(create(f, 1, BGRX, 8, 4), 0);
	CHECK_INT(back_whole(f, 1, 1000), 0);
	struct renderer_transfer_args args = box(1, 0, 0, 8, 4, 5);
	args.stride = 100;
	CHECK_INT(transfer(f, args), 0);
	for (uint32_t row = 0; row < 4; row++)
		CHECK_MEM(renderer_image(f->renderer, 1)->pixels + row * 32,
			f->guest + 5 + row * 100, 32);
	args.stride = 31;
	CHECK_INT(transfer(f, args), -EINVAL);
	fixture_destroy(f);
}

static void transfers_stay_inside(void)
{
	struct fixture *f = fixture_create(QUOTA);
	CHECK_INT(create(f, 1, BGRX, 16, 16), 0);
	CHECK_INT(transfer(f, box(1, 0, 0, 1, 1, 0)), -EINVAL); /* no backing */
	CHECK_INT(back_whole(f, 1, 16 * 16 * 4), 0);
	CHECK_INT(transfer(f, box(1, 0, 0, 16, 16, 0)), 0);

	const struct renderer_transfer_args outside[] = {
		box(1, 0, 0, 16, 16, 1),
		box(1, 0, 0, 16, 17, 0),
		box(1, 1, 0, 16, 1, 0),
		box(1, 16, 0, 1, 1, 0),
		box(1, UINT32_MAX, 0, 2, 1, 0),
		box(1, 0, UINT32_MAX, 1, 2, 0),
		box(1, 0, 0, UINT32_MAX, UINT32_MAX, 0),
		box(1, 0, 0, 1, 1, 16 * 16 * 4 - 3),
		box(1, 0, 0, 1, 1, UINT64_MAX),
		box(1, 0, 0, 1, 2, UINT64_MAX - 3),
		box(1, 0, 0, 0, 1, 0),
	};
	for (size_t i = 0; i < ARRAY_SIZE(outside); i++)
		CHECK_INT(transfer(f, outside[i]), -EINVAL);
	CHECK_INT(transfer(f, box(2, 0, 0, 1, 1, 0)), -ENOENT);

	struct renderer_transfer_args args = box(1, 0, 0, 1, 1, 0);
	args.level = 1;
	CHECK_INT(transfer(f, args), -EINVAL);
	args = box(1, 0, 0, 1, 1, 0);
	args.box.z = 1;
	CHECK_INT(transfer(f, args), -EINVAL);
	args = box(1, 0, 0, 1, 16, 0);
	args.stride = UINT32_MAX;
	CHECK_INT(transfer(f, args), -EINVAL);

	/* The last pixel, and not one byte more. */
	CHECK_INT(transfer(f, box(1, 15, 15, 1, 1, 16 * 16 * 4 - 4)), 0);
	fixture_destroy(f);
}

static void backing_is_replaced(void)
{
	struct fixture *f = fixture_create(QUOTA);
	CHECK_INT(create(f, 1, BGRX, 4, 4), 0);
	CHECK_INT(back_whole(f, 1, 64), 0);
	const struct renderer_span elsewhere = {
		.region = GUEST_REGION, .offset = 4096, .length = 64
	};
	CHECK_INT(back(f, 1, &elsewhere, 1), 0);
	CHECK_INT(transfer(f, box(1, 0, 0, 4, 4, 0)), 0);
	CHECK_MEM(renderer_image(f->renderer, 1)->pixels, f->guest + 4096, 64);

	const struct renderer_span beyond = {
		.region = GUEST_REGION, .offset = sizeof(f->guest) - 63, .length = 64
	};
	CHECK_INT(back(f, 1, &beyond, 1), -EINVAL);
	CHECK_INT(transfer(f, box(1, 0, 0, 4, 4, 0)), -EINVAL);
	const struct renderer_span unknown = { .region = 99, .length = 64 };
	CHECK_INT(back(f, 1, &unknown, 1), -EINVAL);
	CHECK_INT(back_whole(f, 1, 64), 0);
	CHECK_INT(back(f, 1, NULL, 0), 0);
	CHECK_INT(transfer(f, box(1, 0, 0, 4, 4, 0)), -EINVAL);
	CHECK_INT(back(f, 5, NULL, 0), -ENOENT);
	fixture_destroy(f);
}

static void read_back_takes_a_part(void)
{
	struct fixture *f = fixture_create(QUOTA);
	CHECK_INT(create(f, 1, BGRX, 16, 16), 0);
	CHECK_INT(back_whole(f, 1, 16 * 16 * 4), 0);
	CHECK_INT(transfer(f, box(1, 0, 0, 16, 16, 0)), 0);
	CHECK_INT(read_back(f, 1, (struct rect){ 3, 5, 6, 2 }, 40, 100), 0);
	static const uint8_t filler[16] = { [0 ... 15] = 0xee };
	CHECK_MEM(f->frame + 84, filler, 16);
	CHECK_MEM(f->frame + 100, f->guest + 5 * 64 + 3 * 4, 24);
	CHECK_MEM(f->frame + 124, filler, 16);
	CHECK_MEM(f->frame + 140, f->guest + 6 * 64 + 3 * 4, 24);
	CHECK_MEM(f->frame + 164, filler, 16);

	CHECK_INT(read_back(f, 2, (struct rect){ 0, 0, 1, 1 }, 4, 0), -ENOENT);
	CHECK_INT(read_back(f, 1, (struct rect){ 0, 0, 17, 1 }, 68, 0), -EINVAL);
	CHECK_INT(read_back(f, 1, (struct rect){ 0, 0, 2, 1 }, 7, 0), -EINVAL);
	CHECK_INT(read_back(f, 1, (struct rect){ 0, 0, 16, 16 }, 64, sizeof(f->frame) - 1023),
		-EINVAL);
	CHECK_INT(read_back(f, 1, (struct rect){ 0, 0, 16, 16 }, UINT32_MAX, 0), -EINVAL);
	CHECK_INT(read_back(f, 1, (struct rect){ 0, 0, 1, 1 }, 4, UINT64_MAX), -EINVAL);
	CHECK_INT(read_back(f, 1, (struct rect){ 0, 0, 16, 16 }, 64, sizeof(f->frame) - 1024), 0);
	fixture_destroy(f);
}

static void image_outlives_its_resource(void)
{
	struct fixture *f = fixture_create(QUOTA);
	CHECK_INT(create(f, 1, BGRX, 2, 2), 0);
	struct image *image = image_ref(renderer_image(f->renderer, 1));
	image->pixels[3] = 9;
	CHECK_INT(STATUS_OF(renderer_resource_unref(f->renderer, 1, call)), 0);
	CHECK_INT(STATUS_OF(renderer_resource_unref(f->renderer, 1, call)), -ENOENT);
	CHECK(!renderer_image(f->renderer, 1));
	CHECK_INT(image->pixels[3], 9);
	image_unref(image);
	fixture_destroy(f);
}

static void the_rest_is_not_offered(void)
{
	struct fixture *f = fixture_create(QUOTA);
	const struct renderer_context_args context = { .id = 1, .capset = 1 };
	CHECK_INT(STATUS_OF(renderer_context_create(f->renderer, &context, call)), -EOPNOTSUPP);
	CHECK_INT(create(f, 1, BGRX, 2, 2), 0);
	CHECK_INT(STATUS_OF(renderer_export_image(f->renderer, 1, call)), -EOPNOTSUPP);
	CHECK_INT(STATUS_OF(renderer_fence(f->renderer, 0, RENDERER_GLOBAL_RING, call)), 0);
	CHECK(!f->renderer->can_export && f->renderer->capset_count == 0);
	CHECK(renderer_has_room(f->renderer));
	renderer_region_remove(f->renderer, FRAME_REGION);
	CHECK_INT(read_back(f, 1, (struct rect){ 0, 0, 1, 1 }, 4, 0), -EINVAL);
	fixture_destroy(f);
}

int main(int argc, char **argv)
{
	static const struct test_case cases[] = {
		TEST_CASE(eight_formats),
		TEST_CASE(read_back_orders_bytes),
		TEST_CASE(only_plain_textures),
		TEST_CASE(quota_is_kept),
		TEST_CASE(whole_image_arrives),
		TEST_CASE(boxes_arrive_from_pieces),
		TEST_CASE(boxes_go_back_to_pieces),
		TEST_CASE(own_stride_is_used),
		TEST_CASE(transfers_stay_inside),
		TEST_CASE(backing_is_replaced),
		TEST_CASE(read_back_takes_a_part),
		TEST_CASE(image_outlives_its_resource),
		TEST_CASE(the_rest_is_not_offered),
	};
	return test_main(argc, argv, cases, ARRAY_SIZE(cases));
}
