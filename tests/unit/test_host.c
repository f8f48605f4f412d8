/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/* A whole renderer: operations here, the ring between, the null renderer in a process of its own. */
#include <signal.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "host/host.h"
#include "loop/loop.h"
#include "null/null.h"
#include "renderer/remote.h"
#include "renderer_rig.h"
#include "test.h"

#define PAGE 4096u

/* Reads all of texture 1 (w x h) back to the start of a region. */
static void read_canvas(struct rig *rig, const struct rig_region *region, uint32_t w, uint32_t h)
{
	struct rig_call call;
	const struct renderer_read_back_args args = {
		.resource = 1,
		.rect = { 0, 0, w, h },
		.region = region->id,
		.stride = w * 4,
	};
	renderer_read_back(rig->renderer, &args, rig_call(&call, NULL));
	CHECK_INT(rig_finish(rig, &call), 0);
}

static uint32_t pixel_at(const struct rig_region *region, size_t index)
{
	uint32_t pixel;
	memcpy(&pixel, region->base + index * 4, 4);
	return pixel;
}

static void says_what_it_can_do(void)
{
	struct rig rig;
	uint8_t expected[NULL_CAPSET_SIZE];
	for (uint32_t i = 0; i < NULL_CAPSET_SIZE; i++)
		expected[i] = null_capset_byte(i);
	for (int exports = 0; exports < 2; exports++) {
		rig_start(&rig, exports ? "null-export" : "null");
		const struct renderer_capset *capset =
			renderer_find_capset(rig.renderer, NULL_CAPSET);
		CHECK(capset);
		CHECK_INT(capset->max_version, NULL_CAPSET_VERSION);
		CHECK_INT(capset->size, NULL_CAPSET_SIZE);
		CHECK_MEM(capset->data, expected, NULL_CAPSET_SIZE);
		CHECK_INT(rig.renderer->capset_count, 1);
		CHECK_INT(rig.renderer->can_export, exports);
		CHECK_INT(rig_stop(&rig), 0);
		CHECK_INT(rig.lost, 0);
	}
}

static void leaves_no_descriptor_behind(void)
{
	int before = test_open_fds();
	struct rig rig;
	struct rig_region region;
	struct rig_call call;
	rig_start(&rig, "null-export");
	rig_add_region(&rig, &region, 1, PAGE);
	rig_add_canvas(&rig, 4, 4);
	renderer_export_image(rig.renderer, 1, rig_call(&call, NULL));
	CHECK_INT(rig_finish(&rig, &call), 0);
	image_unref(call.image);
	rig_remove_region(&rig, &region);
	CHECK_INT(rig_stop(&rig), 0);
	CHECK_INT(test_open_fds(), before);
}

/* Pixels go from scattered memory to the renderer's, and come back elsewhere. */
static void transfers_and_reads_back(void)
{
	enum { W = 64, H = 32 };
	struct rig rig;
	struct rig_region guest, frame;
	struct rig_call calls[3];
	rig_start(&rig, "null");
	rig_add_region(&rig, &guest, 7, 8 * PAGE);
	rig_add_region(&rig, &frame, 8, 4 * PAGE);
	rig_add_canvas(&rig, W, H);
	/* The backing is the pages 5 and 2 of the region, in this order. */
	const struct renderer_span spans[] = {
		{ .region = 7, .offset = 5 * PAGE, .length = PAGE },
		{ .region = 7, .offset = 2 * PAGE, .length = PAGE },
	};
	for (uint32_t i = 0; i < W * H; i++) {
		uint32_t page = i < PAGE / 4 ? 5 : 2;
		uint32_t value = i * 2654435761u | 0xff000000u;
		memcpy(guest.base + page * PAGE + (i * 4) % PAGE, &value, 4);
	}
	struct renderer_transfer_args transfer = {
		.direction = RENDERER_TO_HOST,
		.resource = 1,
		.box = { 0, 0, 0, W, H, 1 },
	};
	renderer_resource_set_backing(rig.renderer, 1, spans, 2, rig_call(&calls[0], NULL));
	renderer_transfer(rig.renderer, &transfer, rig_call(&calls[1], NULL));
	CHECK_INT(rig_finish(&rig, &calls[0]), 0);
	CHECK_INT(rig_finish(&rig, &calls[1]), 0);
	read_canvas(&rig, &frame, W, H);
	CHECK_MEM(frame.base, guest.base + 5 * PAGE, PAGE);
	CHECK_MEM(frame.base + PAGE, guest.base + 2 * PAGE, PAGE);

	memset(guest.base, 0, guest.size);
	transfer.direction = RENDERER_FROM_HOST;
	transfer.box = (struct renderer_box){ 3, 20, 0, 10, 2, 1 };
	transfer.offset = (20 * W + 3) * 4;
	renderer_transfer(rig.renderer, &transfer, rig_call(&calls[2], NULL));
	CHECK_INT(rig_finish(&rig, &calls[2]), 0);
	size_t at = (20 * W + 3) * 4;
	CHECK_MEM(guest.base + 2 * PAGE + at - PAGE, frame.base + at, 40);
	CHECK_INT(guest.base[2 * PAGE + at - PAGE + 40], 0);
	rig_remove_region(&rig, &guest);
	rig_remove_region(&rig, &frame);
	CHECK_INT(rig_stop(&rig), 0);
}

static void draws(void)
{
	struct rig rig;
	struct rig_region frame;
	struct rig_call call;
	rig_start(&rig, "null");
	rig_add_region(&rig, &frame, 1, PAGE);
	rig_add_canvas(&rig, 8, 8);
	const uint32_t stream[] = {
		NULL_COMMAND(NULL_FILL, 2),
		1,
		0x00112233,
		NULL_COMMAND(NULL_NOP, 1),
		99,
		NULL_COMMAND(NULL_FILL_RECT, 6),
		1,
		0x00aabbcc,
		2,
		3,
		4,
		5,
	};
	rig_submit(&rig, stream, ARRAY_SIZE(stream), rig_call(&call, NULL));
	CHECK_INT(rig_finish(&rig, &call), 0);
	read_canvas(&rig, &frame, 8, 8);
	for (uint32_t i = 0; i < 64; i++) {
		uint32_t x = i % 8, y = i / 8;
		bool inside = x >= 2 && x < 6 && y >= 3;
		CHECK_INT(pixel_at(&frame, i) & 0xffffff, inside ? 0xaabbcc : 0x112233);
	}
	rig_remove_region(&rig, &frame);
	CHECK_INT(rig_stop(&rig), 0);
}

/* Blob 2 of size bytes, attached to context 1, backed by the pages 5 and 2 of a region. */
static void add_blob(struct rig *rig, const struct rig_region *guest, uint64_t size)
{
	const struct renderer_blob_args args = { .id = 2, .size = size };
	const struct renderer_span spans[] = {
		{ .region = guest->id, .offset = 5 * PAGE, .length = PAGE },
		{ .region = guest->id, .offset = 2 * PAGE, .length = PAGE },
	};
	struct rig_call calls[3];
	renderer_resource_create_blob(rig->renderer, &args, rig_call(&calls[0], NULL));
	renderer_resource_set_backing(rig->renderer, 2, spans, 2, rig_call(&calls[1], NULL));
	renderer_context_attach(rig->renderer, 1, 2, rig_call(&calls[2], NULL));
	for (size_t i = 0; i < ARRAY_SIZE(calls); i++)
		CHECK_INT(rig_finish(rig, &calls[i]), 0);
}

static int write_blob(struct rig *rig, uint32_t word, uint32_t offset, uint32_t count)
{
	struct rig_call call;
	const uint32_t stream[] = { NULL_COMMAND(NULL_WRITE, 4), 2, word, offset, count };
	rig_submit(rig, stream, ARRAY_SIZE(stream), rig_call(&call, NULL));
	return rig_finish(rig, &call);
}

/* What a context writes to a blob of guest memory is there. */
static void writes_to_blobs(void)
{
	struct rig rig;
	struct rig_region guest;
	struct rig_call call;
	rig_start(&rig, "null");
	rig_add_region(&rig, &guest, 7, 8 * PAGE);
	rig_add_canvas(&rig, 8, 8);
	CHECK_INT(write_blob(&rig, 0, 0, 1), -EINVAL);
	add_blob(&rig, &guest, 2 * PAGE - 8);
	CHECK_INT(write_blob(&rig, 0x12345678, PAGE - 6, 3), 0);
	CHECK_MEM(guest.base + 5 * PAGE + PAGE - 6, "\x78\x56\x34\x12\x78\x56", 6);
	CHECK_MEM(guest.base + 2 * PAGE, "\x34\x12\x78\x56\x34\x12\0", 7);
	CHECK_INT(write_blob(&rig, 1, 2 * PAGE - 12, 1), 0);
	CHECK_INT(write_blob(&rig, 1, 2 * PAGE - 11, 1), -EINVAL);
	CHECK_INT(write_blob(&rig, 1, UINT32_MAX, UINT32_MAX), -EINVAL);

	renderer_resource_set_backing(rig.renderer, 2, NULL, 0, rig_call(&call, NULL));
	CHECK_INT(rig_finish(&rig, &call), 0);
	CHECK_INT(write_blob(&rig, 1, 0, 1), -EINVAL);
	renderer_export_image(rig.renderer, 2, rig_call(&call, NULL));
	CHECK_INT(rig_finish(&rig, &call), -EOPNOTSUPP);
	renderer_resource_unref(rig.renderer, 2, rig_call(&call, NULL));
	CHECK_INT(rig_finish(&rig, &call), 0);
	rig_remove_region(&rig, &guest);
	CHECK_INT(rig_stop(&rig), 0);
}

static void answers_what_is_wrong(void)
{
	struct rig rig;
	struct rig_call call;
	rig_start(&rig, "null");
	rig_add_canvas(&rig, 8, 8);
	static const struct {
		uint32_t count;
		uint32_t words[8];
	} streams[] = {
		{ 1, { 0 } },
		{ 1, { NULL_COMMAND(NULL_CODE_COUNT, 0) } },
		{ 2, { NULL_COMMAND(NULL_FILL, 2), 1 } },
		{ 2, { NULL_COMMAND(NULL_FILL, 1), 1 } },
		{ 3, { NULL_COMMAND(NULL_FILL, 2), 2, 0 } },
		{ 7, { NULL_COMMAND(NULL_FILL_RECT, 6), 1, 0, 5, 0, 4, 1 } },
	};
	for (size_t i = 0; i < ARRAY_SIZE(streams); i++) {
		rig_submit(&rig, streams[i].words, streams[i].count, rig_call(&call, NULL));
		CHECK_INT(rig_finish(&rig, &call), -EINVAL);
	}
	renderer_resource_unref(rig.renderer, 5, rig_call(&call, NULL));
	CHECK_INT(rig_finish(&rig, &call), -ENOENT);
	const struct renderer_span span = { .region = 9, .length = PAGE };
	renderer_resource_set_backing(rig.renderer, 1, &span, 1, rig_call(&call, NULL));
	CHECK_INT(rig_finish(&rig, &call), -EINVAL);
	renderer_export_image(rig.renderer, 1, rig_call(&call, NULL));
	CHECK_INT(rig_finish(&rig, &call), -EOPNOTSUPP);
	CHECK(!call.image);
	renderer_fence(rig.renderer, 3, 0, rig_call(&call, NULL));
	CHECK_INT(rig_finish(&rig, &call), -ENOENT);
	CHECK_INT(rig_stop(&rig), 0);
}

static void fences_keep_the_order_of_their_timeline(void)
{
	struct rig rig;
	struct rig_call calls[5];
	struct rig_call submit;
	uint32_t counter = 0;
	rig_start(&rig, "null");
	rig_add_canvas(&rig, 8, 8);
	const uint32_t slow[] = { NULL_COMMAND(NULL_DELAY_FENCES, 1), 60 };
	const uint32_t fast[] = { NULL_COMMAND(NULL_DELAY_FENCES, 1), 0 };
	rig_submit(&rig, slow, 2, rig_call(&submit, NULL));
	uint64_t start = loop_now_ms();
	renderer_fence(rig.renderer, 1, 0, rig_call(&calls[0], &counter));
	renderer_fence(rig.renderer, 0, RENDERER_GLOBAL_RING, rig_call(&calls[1], &counter));
	rig_submit(&rig, fast, 2, NULL);
	renderer_fence(rig.renderer, 1, 0, rig_call(&calls[2], &counter));
	renderer_fence(rig.renderer, 1, 1, rig_call(&calls[3], &counter));
	renderer_fence(rig.renderer, 0, RENDERER_GLOBAL_RING, rig_call(&calls[4], &counter));
	rig_wait(&rig, &calls[3].done);
	CHECK_INT(calls[3].order, 0);
	rig_wait(&rig, &calls[2].done);
	rig_wait(&rig, &calls[4].done);
	CHECK(calls[0].done && calls[1].done);
	CHECK(calls[0].order < calls[2].order);
	CHECK(calls[1].order < calls[4].order);
	CHECK(loop_now_ms() - start >= 60);
	for (size_t i = 0; i < ARRAY_SIZE(calls); i++)
		CHECK_INT(calls[i].status, 0);
	CHECK_INT(rig_stop(&rig), 0);
}

static void destroying_a_context_finishes_its_fences(void)
{
	struct rig rig;
	struct rig_call fences[2], destroy, nop;
	uint32_t counter = 0;
	rig_start(&rig, "null");
	rig_add_canvas(&rig, 8, 8);
	const uint32_t never[] = { NULL_COMMAND(NULL_NEVER_SIGNAL, 0) };
	rig_submit(&rig, never, 1, NULL);
	renderer_fence(rig.renderer, 1, 5, rig_call(&fences[0], &counter));
	renderer_fence(rig.renderer, 0, RENDERER_GLOBAL_RING, rig_call(&fences[1], &counter));
	renderer_context_attach(rig.renderer, 1, 1, rig_call(&nop, NULL));
	CHECK_INT(rig_finish(&rig, &nop), 0);
	CHECK(!fences[0].done && !fences[1].done);
	renderer_context_destroy(rig.renderer, 1, rig_call(&destroy, &counter));
	CHECK_INT(rig_finish(&rig, &destroy), 0);
	CHECK(fences[0].done && fences[1].done);
	CHECK_INT(fences[0].status, 0);
	CHECK_INT(destroy.order, 2);
	CHECK_INT(rig_stop(&rig), 0);
}

static void exports_memory(void)
{
	struct rig rig;
	struct rig_call call, submit;
	rig_start(&rig, "null-export");
	rig_add_canvas(&rig, 16, 4);
	const uint32_t fill[] = { NULL_COMMAND(NULL_FILL, 2), 1, 0x01020304 };
	renderer_export_image(rig.renderer, 1, rig_call(&call, NULL));
	CHECK_INT(rig_finish(&rig, &call), 0);
	rig_submit(&rig, fill, 3, rig_call(&submit, NULL));
	CHECK_INT(rig_finish(&rig, &submit), 0);
	const struct image *image = call.image;
	CHECK(image);
	CHECK_INT(image->kind, IMAGE_DMABUF);
	CHECK_INT(image->width, 16);
	CHECK_INT(image->height, 4);
	CHECK_INT(image->planes, 1);
	CHECK_INT(image->strides[0], 64);
	const uint32_t *pixels = mmap(NULL, 256, PROT_READ, MAP_SHARED, image->fds[0], 0);
	CHECK(pixels != MAP_FAILED);
	for (int i = 0; i < 64; i++)
		CHECK_INT(pixels[i], 0x01020304);
	munmap((void *)(uintptr_t)pixels, 256);
	image_unref(call.image);
	CHECK_INT(rig_stop(&rig), 0);
}

static void many_submits_are_pipelined(void)
{
	enum { COUNT = 100000 };
	struct rig rig;
	uint32_t finished = 0;
	struct rig_call *calls = calloc(COUNT, sizeof(*calls));
	rig_start(&rig, "null");
	rig_add_canvas(&rig, 8, 8);
	for (uint32_t i = 0; i < COUNT; i++) {
		const uint32_t fill[] = { NULL_COMMAND(NULL_FILL, 2), 1, i };
		uint32_t seen = rig.room;
		if (!renderer_has_room(rig.renderer))
			rig_wait_count(&rig, &rig.room, seen + 1);
		CHECK(renderer_has_room(rig.renderer));
		rig_submit(&rig, fill, 3, rig_call(&calls[i], &finished));
	}
	rig_wait_count(&rig, &finished, COUNT);
	for (uint32_t i = 0; i < COUNT; i++) {
		CHECK_INT(calls[i].status, 0);
		CHECK_INT(calls[i].order, i);
	}
	CHECK(rig.room > 0);
	CHECK_INT(remote_renderer_dropped(rig.renderer), 0);
	free(calls);
	CHECK_INT(rig_stop(&rig), 0);
}

/* Streams of the largest size, each of which ends in a fill: whatever is lost or mixed up would make an
 * error or the wrong colour. */
static void large_submits_arrive_whole(void)
{
	enum { COUNT = 24, WORDS = RENDERER_MAX_SUBMIT / 4, FILL = 3 };
	struct rig rig;
	struct rig_region frame;
	struct rig_call *calls = calloc(COUNT, sizeof(*calls));
	uint32_t *stream = calloc(WORDS, 4);
	rig_start(&rig, "null");
	rig_add_region(&rig, &frame, 1, PAGE);
	rig_add_canvas(&rig, 8, 8);
	for (uint32_t i = 0; i < COUNT; i++) {
		/* Some without asking for room: they are held back. */
		uint32_t words = WORDS - (i * 5000);
		uint32_t at = 0;
		while (words - at > FILL) {
			uint32_t skip = words - at - FILL - 1;
			skip = skip > 0xffff ? 0xffff : skip;
			stream[at] = NULL_COMMAND(NULL_NOP, skip);
			at += 1 + skip;
		}
		stream[at] = NULL_COMMAND(NULL_FILL, 2);
		stream[at + 1] = 1;
		stream[at + 2] = i;
		rig_submit(&rig, stream, words, rig_call(&calls[i], NULL));
	}
	for (uint32_t i = 0; i < COUNT; i++)
		CHECK_INT(rig_finish(&rig, &calls[i]), 0);
	read_canvas(&rig, &frame, 8, 8);
	CHECK_INT(pixel_at(&frame, 63) & 0xffffff, COUNT - 1);
	free(stream);
	free(calls);
	rig_remove_region(&rig, &frame);
	CHECK_INT(rig_stop(&rig), 0);
}

/* More than the ring and the socket take at once, all in one go. */
static void holds_back_what_does_not_fit(void)
{
	enum { REGIONS = 200, RESOURCES = 3000, SPANS = 2000 };
	struct rig rig;
	struct rig_region *regions = calloc(REGIONS, sizeof(*regions));
	struct rig_call *calls = calloc(RESOURCES * 2, sizeof(*calls));
	struct renderer_span *spans = calloc(SPANS, sizeof(*spans));
	rig_start(&rig, "null");
	for (uint32_t i = 0; i < REGIONS; i++)
		rig_add_region(&rig, &regions[i], i + 1, PAGE);
	for (uint32_t i = 0; i < SPANS; i++)
		spans[i] = (struct renderer_span){ .region = 1 + i % REGIONS, .length = 8 };
	for (uint32_t i = 0; i < RESOURCES; i++) {
		const struct renderer_resource_args args = rig_texture(i + 1, 8, 8);
		renderer_resource_create(rig.renderer, &args, rig_call(&calls[i * 2], NULL));
		renderer_resource_set_backing(
			rig.renderer, i + 1, spans, SPANS, rig_call(&calls[i * 2 + 1], NULL));
	}
	CHECK(!renderer_has_room(rig.renderer));
	for (uint32_t i = 0; i < RESOURCES * 2; i++)
		CHECK_INT(rig_finish(&rig, &calls[i]), 0);
	rig_wait_count(&rig, &rig.room, 1);
	CHECK(renderer_has_room(rig.renderer));
	for (uint32_t i = 0; i < REGIONS; i++)
		rig_remove_region(&rig, &regions[i]);
	free(regions);
	free(calls);
	free(spans);
	CHECK_INT(rig_stop(&rig), 0);
}

static void spinning_changes_nothing_else(void)
{
	struct rig rig;
	rig_start_spinning(&rig, "null", 1000);
	rig_add_canvas(&rig, 8, 8);
	for (uint32_t i = 0; i < 2000; i++) {
		struct rig_call call;
		renderer_fence(rig.renderer, 1, 0, rig_call(&call, NULL));
		CHECK_INT(rig_finish(&rig, &call), 0);
	}
	CHECK_INT(rig_stop(&rig), 0);
}

static void death_finishes_everything(void)
{
	struct rig rig;
	struct rig_call fence, death, after;
	uint32_t counter = 0;
	rig_start(&rig, "null");
	rig_add_canvas(&rig, 8, 8);
	const uint32_t stream[] = { NULL_COMMAND(NULL_NEVER_SIGNAL, 0) };
	const uint32_t die[] = { NULL_COMMAND(NULL_EXIT, 1), 3 };
	rig_submit(&rig, stream, 1, NULL);
	renderer_fence(rig.renderer, 1, 0, rig_call(&fence, &counter));
	rig_submit(&rig, die, 2, rig_call(&death, &counter));
	renderer_fence(rig.renderer, 1, 0, rig_call(&after, &counter));
	rig_wait_count(&rig, &rig.lost, 1);
	CHECK_INT(counter, 3);
	CHECK_INT(fence.status, -ECONNRESET);
	CHECK_INT(death.status, -ECONNRESET);
	CHECK_INT(after.status, -ECONNRESET);
	CHECK(renderer_has_room(rig.renderer));
	rig_submit(&rig, die, 2, rig_call(&after, &counter));
	CHECK(after.done);
	CHECK_INT(after.status, -ECONNRESET);
	CHECK_INT(loop_round(rig.loop, 0), 0);
	CHECK_INT(rig.lost, 1);
	int status = rig_stop(&rig);
	CHECK(WIFEXITED(status));
	CHECK_INT(WEXITSTATUS(status), 3);
}

static void a_hanging_renderer_shows(void)
{
	struct rig rig;
	struct rig_call fence, hang, nop;
	rig_start(&rig, "null");
	rig_add_canvas(&rig, 8, 8);
	const uint32_t never[] = { NULL_COMMAND(NULL_NEVER_SIGNAL, 0) };
	rig_submit(&rig, never, 1, rig_call(&nop, NULL));
	renderer_fence(rig.renderer, 1, 0, rig_call(&fence, NULL));
	CHECK_INT(rig_finish(&rig, &nop), 0);
	CHECK_INT(loop_round(rig.loop, 50), 0);
	CHECK_INT(renderer_silent_ms(rig.renderer), 0);
	const uint32_t stream[] = { NULL_COMMAND(NULL_HANG, 1), 100000 };
	rig_submit(&rig, stream, 2, rig_call(&hang, NULL));
	for (int i = 0; i < 10; i++)
		CHECK_INT(loop_round(rig.loop, 20), 0);
	CHECK(renderer_silent_ms(rig.renderer) >= 100);
	CHECK(!hang.done);
	CHECK_INT(kill(rig.process, SIGKILL), 0);
	CHECK_INT(rig_finish(&rig, &hang), -ECONNRESET);
	CHECK_INT(WTERMSIG(rig_stop(&rig)), SIGKILL);
}

static void command_lines_are_parsed(void)
{
	static const struct host_program program = { .name = "virgl" };
	struct host_options options;
	const char *full[] = { "p", "--fd", "7", "--name", "x", "--render-node-fd=9", "--debug",
		"debug", NULL };
	CHECK_INT(host_parse(8, (char **)(uintptr_t)full, &program, &options), 0);
	CHECK_INT(options.fd, 7);
	CHECK_INT(options.render_node_fd, 9);
	CHECK(strcmp(options.name, "x") == 0);
	CHECK_INT(options.level, LOG_DEBUG);
	const char *least[] = { "p", "--fd=3", NULL };
	CHECK_INT(host_parse(2, (char **)(uintptr_t)least, &program, &options), 0);
	CHECK(strcmp(options.name, "virgl") == 0);
	CHECK_INT(options.render_node_fd, -1);
	CHECK_INT(options.spin_us, 0);
	const char *spins[] = { "p", "--fd=3", "--spin=25", NULL };
	CHECK_INT(host_parse(3, (char **)(uintptr_t)spins, &program, &options), 0);
	CHECK_INT(options.spin_us, 25);

	static const char *const wrong[][3] = {
		{ "p", "--name", "x" },
		{ "p", "--fd", "-1" },
		{ "p", "--fd", "3x" },
		{ "p", "--fd=3", "x" },
		{ "p", "--fd=3", "--debug=loud" },
		{ "p", "--fd=3", "--x" },
		{ "p", "--fd=3", "--spin=1001" },
	};
	CHECK(freopen("/dev/null", "w", stderr));
	for (size_t i = 0; i < ARRAY_SIZE(wrong); i++)
		CHECK_INT(host_parse(3, (char **)(uintptr_t)wrong[i], &program, &options), -EINVAL);
}

int main(int argc, char **argv)
{
	static const struct test_case cases[] = {
		TEST_CASE(says_what_it_can_do),
		TEST_CASE(leaves_no_descriptor_behind),
		TEST_CASE(transfers_and_reads_back),
		TEST_CASE(draws),
		TEST_CASE(writes_to_blobs),
		TEST_CASE(answers_what_is_wrong),
		TEST_CASE(fences_keep_the_order_of_their_timeline),
		TEST_CASE(destroying_a_context_finishes_its_fences),
		TEST_CASE(exports_memory),
		TEST_CASE(many_submits_are_pipelined),
		TEST_CASE(large_submits_arrive_whole),
		TEST_CASE(holds_back_what_does_not_fit),
		TEST_CASE(spinning_changes_nothing_else),
		TEST_CASE(death_finishes_everything),
		TEST_CASE(a_hanging_renderer_shows),
		TEST_CASE(command_lines_are_parsed),
	};
	return test_main(argc, argv, cases, ARRAY_SIZE(cases));
}
