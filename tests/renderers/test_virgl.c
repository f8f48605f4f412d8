/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/* The virgl renderer: resources, pixels and command streams. */
#include <stdlib.h>

#include "virgl.h"
#include "virgl_fixture.h"

static void offers_both_capsets(void)
{
	struct fixture f = fixture_create();
	for (uint32_t id = 1; id <= 2; id++) {
		const struct renderer_capset *capset = renderer_find_capset(f.renderer, id);
		CHECK(capset && capset->size >= 308 && capset->max_version >= 1);
		uint32_t used = 0;
		for (uint32_t i = 0; i < capset->size; i++)
			used += capset->data[i] != 0;
		CHECK(used > 30);
	}
	/* Buffers that stay mapped (bit 31 at 392) cannot be had without a render node. */
	const struct renderer_capset *virgl2 = renderer_find_capset(f.renderer, 2);
	CHECK(virgl2->size > 396);
	CHECK((virgl2->data[395] & 0x80) == 0 || getenv("VIRGL_RENDER_NODE"));
	CHECK_INT(f.renderer->capset_count, 2);
	fixture_destroy(&f);
}

/* Backs a resource with the size bytes of pieces in odd places; `gathered` gets what they hold. */
static int back_in_pieces(struct fixture *f, uint32_t id, uint8_t *gathered, uint32_t size)
{
	struct renderer_span spans[256];
	uint32_t count = 0;
	for (uint32_t done = 0; done < size; count++) {
		CHECK(count < ARRAY_SIZE(spans));
		uint32_t length = min_u32(100 + count * 37 % 5000, size - done);
		spans[count] = (struct renderer_span){ .region = GUEST_REGION,
			.offset = GUEST_SIZE - 6000 * (count + 1),
			.length = length };
		memcpy(gathered + done, f->guest + spans[count].offset, length);
		done += length;
	}
	return STATUS_OF(f, renderer_resource_set_backing(f->renderer, id, spans, count, call));
}

static void check_pixels(const struct fixture *f, uint32_t stride, const uint8_t *pixels,
	uint32_t width, struct rect rect)
{
	for (uint32_t row = 0; row < rect.h; row++)
		CHECK_MEM(f->frame + (size_t)row * stride,
			pixels + ((size_t)(rect.y + row) * width + rect.x) * 4, rect.w * 4);
}

static void upload_comes_back(uint32_t flags)
{
	enum { W = 200, H = 100 };
	static uint8_t gathered[W * H * 4];
	struct fixture f = fixture_create();
	struct renderer_resource_args args = texture(5, BGRA, W, H);
	args.flags = flags;
	CHECK_INT(STATUS_OF(&f, renderer_resource_create(f.renderer, &args, call)), 0);
	CHECK_INT(back_in_pieces(&f, 5, gathered, sizeof(gathered)), 0);
	CHECK_INT(transfer(&f, RENDERER_TO_HOST, 5, (struct rect){ 0, 0, W, H }, 0, 0), 0);

	const struct rect whole = { 0, 0, W, H };
	const struct rect part = { 13, 7, 50, 31 };
	const struct rect last = { W - 1, H - 1, 1, 1 };
	CHECK_INT(read_back(&f, 5, whole, W * 4), 0);
	check_pixels(&f, W * 4, gathered, W, whole);

	memset(f.frame, 0xee, 4096 * 40);
	CHECK_INT(read_back(&f, 5, part, 1000), 0);
	check_pixels(&f, 1000, gathered, W, part);
	for (uint32_t row = 0; row < part.h; row++)
		for (uint32_t i = part.w * 4; i < 1000; i++)
			CHECK_INT(f.frame[row * 1000 + i], 0xee);
	CHECK_INT(read_back(&f, 5, last, 4), 0);
	check_pixels(&f, 4, gathered, W, last);
	/* GL cannot count in such a stride. */
	CHECK_INT(read_back(&f, 5, part, 50 * 4 + 3), 0);
	check_pixels(&f, 50 * 4 + 3, gathered, W, part);

	/* A part is replaced, from where the offset says. */
	memset(f.guest + GUEST_SIZE - 6000, 0x11, 100);
	memset(gathered, 0x11, 100);
	CHECK_INT(transfer(&f, RENDERER_TO_HOST, 5, (struct rect){ 0, 0, 25, 1 }, 0, W * 4), 0);
	CHECK_INT(read_back(&f, 5, whole, W * 4), 0);
	check_pixels(&f, W * 4, gathered, W, whole);
	fixture_destroy(&f);
}

static void scattered_upload_comes_back(void)
{
	upload_comes_back(0);
}

static void upside_down_storage_does_not_show(void)
{
	upload_comes_back(FLAG_Y_0_TOP);
}

/* Bytes of known meaning, in each format that GL has here, come out as blue, green, red, alpha. */
static void read_back_orders_bytes(void)
{
	static const struct {
		uint32_t format;
		char bytes[5];
		uint8_t alpha;
		bool required;
	} pixels[] = {
		{ 1, "bgra", 'a', true },
		{ 2, "bgrx", 0, true },
		{ 3, "argb", 'a', false },
		{ 4, "xrgb", 0, false },
		{ 67, "rgba", 'a', true },
		{ 68, "xbgr", 0, false },
		{ 121, "abgr", 'a', false },
		{ 134, "rgbx", 0, true },
		{ 100, "bgra", 'a', false },
		{ 101, "bgrx", 0, false },
		{ 104, "rgba", 'a', false },
	};
	/* More rows than go at once where bytes are reordered. */
	enum { W = 700, H = 500 };
	struct fixture f = fixture_create();
	for (uint32_t i = 0; i < ARRAY_SIZE(pixels); i++) {
		int error = create_texture(&f, i + 1, pixels[i].format, W, H);
		CHECK(error == 0 || (!pixels[i].required && error == -EINVAL));
		if (error)
			continue;
		CHECK_INT(back(&f, i + 1, 0, W * H * 4), 0);
		for (uint32_t at = 0; at < W * H * 4; at += 4)
			memcpy(f.guest + at, pixels[i].bytes, 4);
		const struct rect whole = { 0, 0, W, H };
		CHECK_INT(transfer(&f, RENDERER_TO_HOST, i + 1, whole, 0, 0), 0);
		memset(f.frame, 0, W * H * 4);
		CHECK_INT(read_back(&f, i + 1, whole, W * 4), 0);
		for (uint32_t at = 0; at < W * H * 4; at += 4) {
			CHECK_MEM(f.frame + at, "bgr", 3);
			if (pixels[i].alpha)
				CHECK_INT(f.frame[at + 3], pixels[i].alpha);
		}
	}
	CHECK_INT(create_texture(&f, 90, 31 /* R32G32B32A32_FLOAT */, 8, 8), 0);
	CHECK_INT(read_back(&f, 90, (struct rect){ 0, 0, 8, 8 }, 32), -EOPNOTSUPP);
	fixture_destroy(&f);
}

static void transfer_goes_back_to_guest(void)
{
	struct fixture f = fixture_create();
	CHECK_INT(create_texture(&f, 1, BGRA, 64, 64), 0);
	CHECK_INT(back(&f, 1, 0, 64 * 64 * 4), 0);
	CHECK_INT(transfer(&f, RENDERER_TO_HOST, 1, (struct rect){ 0, 0, 64, 64 }, 0, 0), 0);
	static uint8_t pixels[64 * 64 * 4];
	memcpy(pixels, f.guest, sizeof(pixels));
	memset(f.guest, 0, sizeof(pixels));
	const struct rect part = { 8, 8, 16, 4 };
	CHECK_INT(transfer(&f, RENDERER_FROM_HOST, 1, part, 8 * 256 + 32, 256), 0);
	for (uint32_t row = 8; row < 12; row++)
		CHECK_MEM(f.guest + row * 256 + 32, pixels + row * 256 + 32, 64);
	CHECK_INT(f.guest[8 * 256 + 31] | f.guest[8 * 256 + 96], 0);
	fixture_destroy(&f);
}

static void transfers_stay_inside(void)
{
	struct fixture f = fixture_create();
	CHECK_INT(create_texture(&f, 1, BGRA, 64, 64), 0);
	CHECK_INT(transfer(&f, RENDERER_TO_HOST, 1, (struct rect){ 0, 0, 1, 1 }, 0, 0), -EINVAL);
	CHECK_INT(back(&f, 1, GUEST_SIZE - 64 * 64 * 4, 64 * 64 * 4), 0);
	static const struct {
		struct rect box;
		uint64_t offset;
		uint32_t stride;
	} bad[] = {
		{ { 0, 0, 64, 64 }, 1, 0 },
		{ { 0, 0, 64, 64 }, 0, 260 },
		{ { 0, 0, 64, 64 }, 0, 252 },
		{ { 0, 0, 65, 1 }, 0, 0 },
		{ { 64, 0, 1, 1 }, 0, 0 },
		{ { 0, UINT32_MAX, 1, 2 }, 0, 0 },
		{ { 1, 1, UINT32_MAX, UINT32_MAX }, 0, 0 },
		{ { 0, 0, 0, 1 }, 0, 0 },
		{ { 0, 0, 1, 1 }, UINT64_MAX, 0 },
		{ { 0, 0, 1, 1 }, UINT64_MAX - 3, 0 },
		{ { 0, 0, 1, 1 }, 64 * 64 * 4 - 3, 0 },
		{ { 0, 0, 1, 1 }, 1ull << 32, 0 },
		/* 4 * 2^30 and 63 * 2^26.. wrap in 32 bits */
		{ { 0, 0, 1, 5 }, 0, 1u << 30 },
		{ { 0, 0, 1, 64 }, 0, 0x04104104 },
		{ { 0, 0, 1, 3 }, 0, 1u << 31 },
	};
	for (int direction = 0; direction < 2; direction++)
		for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
			CHECK_INT(transfer(&f, direction ? RENDERER_FROM_HOST : RENDERER_TO_HOST, 1,
					  bad[i].box, bad[i].offset, bad[i].stride),
				-EINVAL);
	CHECK_INT(transfer(&f, RENDERER_TO_HOST, 2, (struct rect){ 0, 0, 1, 1 }, 0, 0), -ENOENT);
	const struct rect last = { 63, 63, 1, 1 };
	CHECK_INT(transfer(&f, RENDERER_TO_HOST, 1, last, 64 * 64 * 4 - 4, 0), 0);
	CHECK_INT(transfer(&f, RENDERER_TO_HOST, 1, (struct rect){ 0, 0, 64, 64 }, 0, 0), 0);

	struct renderer_transfer_args args = {
		.resource = 1, .context = 9, .box = { .w = 1, .h = 1, .d = 1 }
	};
	CHECK_INT(STATUS_OF(&f, renderer_transfer(f.renderer, &args, call)), -ENOENT);
	args.context = 0;
	args.level = 1;
	CHECK_INT(STATUS_OF(&f, renderer_transfer(f.renderer, &args, call)), -EINVAL);
	args.level = 0;
	args.box.z = 1;
	CHECK_INT(STATUS_OF(&f, renderer_transfer(f.renderer, &args, call)), -EINVAL);
	fixture_destroy(&f);
}

static void read_back_stays_inside(void)
{
	struct fixture f = fixture_create();
	CHECK_INT(create_texture(&f, 1, BGRX, 64, 64), 0);
	CHECK_INT(read_back(&f, 1, (struct rect){ 0, 0, 65, 1 }, 400), -EINVAL);
	CHECK_INT(read_back(&f, 1, (struct rect){ 0, 0, 64, 64 }, 255), -EINVAL);
	CHECK_INT(read_back(&f, 1, (struct rect){ 0, 0, 64, 64 }, UINT32_MAX), -EINVAL);
	CHECK_INT(read_back(&f, 1, (struct rect){ 0, 0, 0, 0 }, 256), -EINVAL);
	CHECK_INT(read_back(&f, 7, (struct rect){ 0, 0, 1, 1 }, 4), -ENOENT);
	struct renderer_read_back_args args = { .resource = 1,
		.rect = { 0, 0, 64, 64 },
		.region = FRAME_REGION,
		.stride = 256,
		.offset = FRAME_SIZE - 64 * 256 + 1 };
	CHECK_INT(STATUS_OF(&f, renderer_read_back(f.renderer, &args, call)), -EINVAL);
	args.offset--;
	CHECK_INT(STATUS_OF(&f, renderer_read_back(f.renderer, &args, call)), 0);
	args.region = 77;
	CHECK_INT(STATUS_OF(&f, renderer_read_back(f.renderer, &args, call)), -EINVAL);
	fixture_destroy(&f);
}

static void clear_is_seen(void)
{
	enum { W = 128, H = 96 };
	struct fixture f = fixture_create();
	struct stream stream = { 0 };
	CHECK_INT(create_context(&f, 3), 0);
	CHECK_INT(create_texture(&f, 8, BGRX, W, H), 0);
	CHECK_INT(STATUS_OF(&f, renderer_context_attach(f.renderer, 3, 8, call)), 0);
	stream_target(&stream, 1, 8, BGRX);
	stream_clear(&stream, 1.0f, 0.5f, 0.25f, 1.0f);
	CHECK_INT(stream_submit(&f, 3, &stream), 0);
	CHECK_INT(STATUS_OF(&f, renderer_fence(f.renderer, 3, 0, call)), 0);
	CHECK_INT(read_back(&f, 8, (struct rect){ 0, 0, W, H }, W * 4), 0);
	for (uint32_t at = 0; at < W * H * 4; at += 4) {
		CHECK_INT(f.frame[at + 2], 0xff);
		CHECK(f.frame[at + 1] == 0x7f || f.frame[at + 1] == 0x80);
		CHECK(f.frame[at] == 0x3f || f.frame[at] == 0x40);
	}

	fixture_destroy(&f);
}

/* Without a fence in between, and with much to draw. */
static void drawing_is_read_back_at_once(void)
{
	enum { W = 1024, H = 768 };
	struct fixture f = fixture_create();
	struct stream stream = { 0 };
	CHECK_INT(create_context(&f, 3), 0);
	CHECK_INT(create_texture(&f, 8, BGRX, W, H), 0);
	CHECK_INT(STATUS_OF(&f, renderer_context_attach(f.renderer, 3, 8, call)), 0);
	stream_target(&stream, 1, 8, BGRX);
	for (uint32_t round = 0; round < 30; round++) {
		for (uint32_t i = 0; i < 4; i++)
			stream_clear(&stream, (float)(round + i) / 255.0f, 0.0f, 1.0f, 1.0f);
		CHECK_INT(stream_submit(&f, 3, &stream), 0);
		CHECK_INT(read_back(&f, 8, (struct rect){ 0, 0, W, H }, W * 4), 0);
		for (uint32_t at = 0; at < W * H * 4; at += 4)
			CHECK(f.frame[at] == 255 && f.frame[at + 2] == round + 3);
	}
	fixture_destroy(&f);
}

/* What may come between two streams of one context without anything of another in between. */
static void create_another(struct fixture *f, uint32_t id)
{
	CHECK_INT(create_context(f, id), 0);
}

static void create_and_destroy_another(struct fixture *f, uint32_t id)
{
	CHECK_INT(create_context(f, id), 0);
	CHECK_INT(STATUS_OF(f, renderer_context_destroy(f->renderer, id, call)), 0);
}

static void destroy_an_older_one(struct fixture *f, uint32_t id)
{
	CHECK_INT(STATUS_OF(f, renderer_context_destroy(f->renderer, 4, call)), 0);
}

static void create_another_and_show(struct fixture *f, uint32_t id)
{
	CHECK_INT(create_context(f, id), 0);
	CHECK_INT(read_back(f, 8, (struct rect){ 0, 0, 1, 1 }, 4), 0);
}

static void create_a_resource(struct fixture *f, uint32_t id)
{
	CHECK_INT(create_texture(f, id, BGRX, 16, 16), 0);
}

/* What a context draws to is bound once, and holds whatever others begin meanwhile. */
static void others_do_not_disturb(void)
{
	static void (*const others[])(struct fixture *, uint32_t) = { create_another,
		create_and_destroy_another, destroy_an_older_one, create_another_and_show,
		create_a_resource };
	struct fixture f = fixture_create();
	struct stream stream = { 0 };
	CHECK_INT(create_context(&f, 3), 0);
	CHECK_INT(create_context(&f, 4), 0);
	CHECK_INT(create_texture(&f, 8, BGRX, 16, 16), 0);
	CHECK_INT(STATUS_OF(&f, renderer_context_attach(f.renderer, 3, 8, call)), 0);
	stream_target(&stream, 1, 8, BGRX);
	CHECK_INT(stream_submit(&f, 3, &stream), 0);
	for (uint32_t i = 0; i < ARRAY_SIZE(others); i++) {
		stream_clear(&stream, 1.0f, 0.0f, 0.0f, 1.0f);
		CHECK_INT(stream_submit(&f, 3, &stream), 0);
		others[i](&f, 10 + i);
		stream_clear(&stream, 0.0f, 1.0f, 0.0f, 1.0f);
		CHECK_INT(stream_submit(&f, 3, &stream), 0);
		CHECK_INT(read_back(&f, 8, (struct rect){ 0, 0, 1, 1 }, 4), 0);
		CHECK_MEM(f.frame, "\0\xff\0", 3);
	}
	fixture_destroy(&f);
}

static void warm_up_draws(void)
{
	if (getenv("VIRGL_PROGRAM"))
		test_skip("the renderer is another process");
	struct fixture f = fixture_create();
	for (int i = 0; i < 3; i++)
		CHECK_INT(virgl_warm_up(), 0);
	fixture_destroy(&f);
}

static uint32_t random_below(uint32_t limit)
{
	return (uint32_t)rand() % limit;
}

/* Whole commands with anything in them. */
static void random_commands(struct stream *stream)
{
	uint32_t left = 20;
	while (left > 0) {
		uint32_t words = random_below(left);
		uint32_t header = random_below(64) | random_below(16) << 8 | words << 16;
		stream_words(stream, &header, 1);
		for (uint32_t i = 0; i < words; i++)
			stream->words[stream->count++] = random_below(100);
		left -= words + 1;
	}
}

static void bogus_streams_are_refused(void)
{
	struct fixture f = fixture_create();
	struct stream stream = { 0 };
	CHECK_INT(create_context(&f, 1), 0);
	CHECK_INT(create_context(&f, 2), 0);
	CHECK_INT(create_texture(&f, 8, BGRX, 16, 16), 0);
	CHECK_INT(STATUS_OF(&f, renderer_context_attach(f.renderer, 1, 8, call)), 0);

	/* One word short: nothing of it is done, the context stays good. */
	stream_target(&stream, 1, 8, BGRX);
	stream_clear(&stream, 1.0f, 1.0f, 1.0f, 1.0f);
	stream.count--;
	CHECK_INT(stream_submit(&f, 1, &stream), -EINVAL);
	stream_target(&stream, 1, 8, BGRX);
	stream_clear(&stream, 1.0f, 1.0f, 1.0f, 1.0f);
	CHECK_INT(stream_submit(&f, 1, &stream), 0);

	/* An unknown command, an unknown object, a resource that is not attached; random words. */
	static const uint32_t unknown[] = { 0x000000fe };
	stream_words(&stream, unknown, 1);
	CHECK_INT(stream_submit(&f, 2, &stream), -EINVAL);
	CHECK_INT(STATUS_OF(&f, renderer_context_destroy(f.renderer, 2, call)), 0);
	CHECK_INT(create_context(&f, 2), 0);
	stream_target(&stream, 1, 8, BGRX);
	CHECK_INT(stream_submit(&f, 2, &stream), -EINVAL);
	srand(1);
	for (uint32_t round = 0; round < 200; round++) {
		CHECK_INT(create_context(&f, 100), 0);
		random_commands(&stream);
		stream_submit(&f, 100, &stream);
		CHECK_INT(STATUS_OF(&f, renderer_context_destroy(f.renderer, 100, call)), 0);
	}

	static uint32_t words[64];
	CHECK_INT(STATUS_OF(&f, renderer_submit_stream(f.renderer, 9, words, 4, call)), -ENOENT);
	CHECK_INT(STATUS_OF(&f, renderer_submit_stream(f.renderer, 1, words, 4, call)), 0);

	/* The first context has seen nothing of all this. */
	stream_clear(&stream, 0.0f, 1.0f, 0.0f, 1.0f);
	CHECK_INT(stream_submit(&f, 1, &stream), 0);
	CHECK_INT(read_back(&f, 8, (struct rect){ 0, 0, 1, 1 }, 4), 0);
	CHECK_MEM(f.frame, "\0\xff\0", 3);
	fixture_destroy(&f);
}

enum transfer_command {
	INLINE_WRITE = 9,
	TRANSFER3D = 43,
	COPY_TRANSFER3D = 45,
};

/* A transfer between resource 8 and its backing, or from resource 9's, or of what follows. */
static void stream_transfer(struct stream *stream, enum transfer_command command, struct rect box,
	uint32_t stride, uint32_t offset)
{
	uint32_t words[16] = { (uint32_t)command, 8, 0, 0, stride, 0, box.x, box.y, 0, box.w, box.h,
		1 };
	uint32_t count = 12;
	if (command == INLINE_WRITE) {
		words[count++] = 0xff112233;
	} else if (command == TRANSFER3D) {
		words[count++] = offset;
		words[count++] = 1; /* to the host */
	} else {
		words[count++] = 9;
		words[count++] = offset;
		words[count++] = 1; /* after what was drawn */
	}
	words[0] |= (count - 1) << 16;
	stream_words(stream, words, count);
}

static void transfers_in_streams_stay_inside(void)
{
	static const enum transfer_command commands[] = { INLINE_WRITE, TRANSFER3D,
		COPY_TRANSFER3D };
	static const struct {
		struct rect box;
		uint32_t stride;
	} bad[] = {
		/* small again in 32 bits */
		{ { 0, 0, 1, 5 }, 1u << 30 },
		{ { 0, 0, 1, 64 }, 0x04104104 },
		{ { 0, 0, 1, 3 }, 1u << 31 },
		{ { 10, 0, UINT32_MAX - 4, 1 }, 0 },
		{ { 64, 0, 1, 1 }, 0 },
	};
	struct fixture f = fixture_create();
	struct stream stream = { 0 };
	CHECK_INT(create_context(&f, 1), 0);
	for (uint32_t id = 8; id <= 9; id++) {
		CHECK_INT(create_texture(&f, id, BGRX, 64, 64), 0);
		CHECK_INT(back(&f, id, id * 65536, 64 * 64 * 4), 0);
		CHECK_INT(STATUS_OF(&f, renderer_context_attach(f.renderer, 1, id, call)), 0);
	}
	for (size_t i = 0; i < ARRAY_SIZE(commands); i++) {
		stream_transfer(&stream, commands[i], (struct rect){ 3, 2, 1, 1 }, 0, 1000);
		CHECK_INT(stream_submit(&f, 1, &stream), 0);
		CHECK_INT(read_back(&f, 8, (struct rect){ 3, 2, 1, 1 }, 4), 0);
		CHECK_MEM(f.frame,
			commands[i] == INLINE_WRITE
				? (const uint8_t *)"\x33\x22\x11"
				: f.guest + (commands[i] == TRANSFER3D ? 8 : 9) * 65536 + 1000,
			3);

		for (size_t k = 0; k < ARRAY_SIZE(bad); k++) {
			stream_transfer(&stream, commands[i], bad[k].box, bad[k].stride, 0);
			CHECK_INT(stream_submit(&f, 1, &stream), -EINVAL);
		}
	}

	/* too short to be what it says */
	static const uint32_t stub[] = { TRANSFER3D | 3 << 16, 8, 0, 0 };
	stream_words(&stream, stub, ARRAY_SIZE(stub));
	CHECK_INT(stream_submit(&f, 1, &stream), -EINVAL);
	stream_transfer(&stream, TRANSFER3D, (struct rect){ 0, 0, 64, 64 }, 0, 0);
	CHECK_INT(stream_submit(&f, 1, &stream), 0);
	fixture_destroy(&f);
}

static int create_blob(struct fixture *f, uint32_t id, uint64_t size)
{
	const struct renderer_blob_args args = { .id = id, .flags = 2, .size = size };
	return STATUS_OF(f, renderer_resource_create_blob(f->renderer, &args, call));
}

/* The library knows a blob as guest memory, which contexts may have, and cannot do more with it. */
static void blobs_of_guest_memory(void)
{
	struct fixture f = fixture_create();
	struct stream stream = { 0 };
	CHECK_INT(create_context(&f, 1), 0);
	CHECK_INT(create_blob(&f, 3, 0), -EINVAL);
	CHECK_INT(create_blob(&f, 3, 3 * 4096), 0);
	CHECK_INT(create_blob(&f, 3, 4096), -EEXIST);
	CHECK_INT(back(&f, 3, 0, 2 * 4096), -EINVAL);
	CHECK_INT(back(&f, 3, 4096, 3 * 4096), 0);
	for (int round = 0; round < 2; round++) {
		CHECK_INT(STATUS_OF(&f, renderer_context_attach(f.renderer, 1, 3, call)), 0);
		stream_target(&stream, 1, 3, BGRX);
		CHECK_INT(stream_submit(&f, 1, &stream), -EINVAL);
		const struct rect one = { 0, 0, 1, 1 };
		CHECK_INT(transfer(&f, RENDERER_TO_HOST, 3, one, 0, 0), -EINVAL);
		CHECK_INT(read_back(&f, 3, one, 4), -EOPNOTSUPP);
		CHECK_INT(STATUS_OF(&f, renderer_export_image(f.renderer, 3, call)), -EOPNOTSUPP);
		CHECK_INT(STATUS_OF(&f, renderer_context_destroy(f.renderer, 1, call)), 0);
		CHECK_INT(create_context(&f, 1), 0);
		/* other memory, and none for a while */
		CHECK_INT(back(&f, 3, 65536, 3 * 4096), 0);
		CHECK_INT(
			STATUS_OF(&f, renderer_resource_set_backing(f.renderer, 3, NULL, 0, call)),
			0);
		CHECK_INT(back(&f, 3, 8192, 4 * 4096), 0);
	}
	/* one goes attached, one was never backed */
	CHECK_INT(STATUS_OF(&f, renderer_context_attach(f.renderer, 1, 3, call)), 0);
	CHECK_INT(STATUS_OF(&f, renderer_resource_unref(f.renderer, 3, call)), 0);
	CHECK_INT(create_blob(&f, 4, UINT64_MAX), 0);
	CHECK_INT(back(&f, 4, 0, 4096), -EINVAL);
	CHECK_INT(STATUS_OF(&f, renderer_resource_unref(f.renderer, 4, call)), 0);
	CHECK_INT(create_blob(&f, 3, 4096), 0);
	CHECK_INT(back(&f, 3, 0, 4096), 0);
	CHECK_INT(STATUS_OF(&f, renderer_resource_unref(f.renderer, 3, call)), 0);
	CHECK_INT(create_texture(&f, 3, BGRX, 8, 8), 0);
	fixture_destroy(&f);
}

static void unknown_things_are_refused(void)
{
	struct fixture f = fixture_create();
	const struct renderer_context_args venus = { .id = 1, .capset = 4 };
	CHECK_INT(STATUS_OF(&f, renderer_context_create(f.renderer, &venus, call)), -EINVAL);
	CHECK_INT(create_context(&f, 1), 0);
	CHECK_INT(create_context(&f, 1), -EEXIST);
	CHECK_INT(create_texture(&f, 1, BGRX, 16, 16), 0);
	CHECK_INT(create_texture(&f, 1, BGRX, 16, 16), -EEXIST);
	CHECK_INT(create_texture(&f, 2, 99999, 16, 16), -EINVAL);
	CHECK(create_texture(&f, 2, BGRX, 1u << 20, 1u << 20) < 0);
	CHECK_INT(STATUS_OF(&f, renderer_context_attach(f.renderer, 1, 2, call)), -ENOENT);
	CHECK_INT(STATUS_OF(&f, renderer_context_attach(f.renderer, 2, 1, call)), -ENOENT);
	CHECK_INT(STATUS_OF(&f, renderer_context_detach(f.renderer, 2, 1, call)), -ENOENT);
	CHECK_INT(STATUS_OF(&f, renderer_context_destroy(f.renderer, 2, call)), -ENOENT);
	CHECK_INT(STATUS_OF(&f, renderer_resource_unref(f.renderer, 2, call)), -ENOENT);
	CHECK_INT(back(&f, 2, 0, 64), -ENOENT);
	CHECK_INT(back(&f, 1, GUEST_SIZE - 63, 64), -EINVAL);
	CHECK_INT(STATUS_OF(&f, renderer_resource_set_backing(f.renderer, 1, NULL, 0, call)), 0);
	CHECK_INT(back(&f, 1, 0, 1024), 0);
	CHECK_INT(back(&f, 1, 4096, 1024), 0);
	CHECK_INT(transfer(&f, RENDERER_TO_HOST, 1, (struct rect){ 0, 0, 16, 16 }, 0, 0), 0);
	CHECK_INT(read_back(&f, 1, (struct rect){ 0, 0, 16, 16 }, 64), 0);
	CHECK_MEM(f.frame, f.guest + 4096, 3);
	if (!f.renderer->can_export)
		CHECK_INT(STATUS_OF(&f, renderer_export_image(f.renderer, 1, call)), -EOPNOTSUPP);
	fixture_destroy(&f);
}

int main(int argc, char **argv)
{
	static const struct test_case cases[] = {
		TEST_CASE(offers_both_capsets),
		TEST_CASE(scattered_upload_comes_back),
		TEST_CASE(upside_down_storage_does_not_show),
		TEST_CASE(read_back_orders_bytes),
		TEST_CASE(transfer_goes_back_to_guest),
		TEST_CASE(transfers_stay_inside),
		TEST_CASE(read_back_stays_inside),
		TEST_CASE(clear_is_seen),
		TEST_CASE(drawing_is_read_back_at_once),
		TEST_CASE(others_do_not_disturb),
		TEST_CASE(warm_up_draws),
		TEST_CASE(bogus_streams_are_refused),
		TEST_CASE(transfers_in_streams_stay_inside),
		TEST_CASE(blobs_of_guest_memory),
		TEST_CASE(unknown_things_are_refused),
	};
	return test_main(argc, argv, cases, ARRAY_SIZE(cases));
}
