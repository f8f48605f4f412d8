/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/* The device's end of a renderer process that lies, dies, or was taken over by its guest. */
#include <fcntl.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "fake_renderer.h"
#include "loop/loop.h"
#include "renderer/ring_layout.h"
#include "renderer/sender.h"
#include "renderer_rig.h"
#include "test.h"
#include "util/fd.h"
#include "util/fourcc.h"
#include "util/list.h"

/* Sends what a row says, in place of a proper introduction. */
struct hello_row {
	const char *what;
	struct wire_packet header;
	uint32_t size; /* bytes behind the header */
	bool with_fd;
};

static const struct hello_row hellos[] = {
	{ "no type", { 0 }, 0, false },
	{ "a hello", { .type = WIRE_HELLO, .version = RENDERER_WIRE_VERSION }, 0, false },
	{ "a descriptor", { .type = WIRE_FD }, 0, true },
	{ "another version", { .type = WIRE_READY, .version = RENDERER_WIRE_VERSION + 1 }, 0,
		false },
	{ "ready with a descriptor", { .type = WIRE_READY, .version = RENDERER_WIRE_VERSION }, 0,
		true },
	{ "a capset without id", { .type = WIRE_CAPSET, .size = 4 }, 4, false },
	{ "an empty capset", { .type = WIRE_CAPSET, .capset_id = 2 }, 0, false },
	{ "a short capset", { .type = WIRE_CAPSET, .capset_id = 2, .size = 8 }, 7, false },
	{ "a long capset", { .type = WIRE_CAPSET, .capset_id = 2, .size = 8 }, 9, false },
	{ "a huge capset",
		{ .type = WIRE_CAPSET, .capset_id = 2, .size = RENDERER_MAX_CAPSET_SIZE + 1 },
		RENDERER_MAX_CAPSET_SIZE + 1, false },
	{ "a capset of a size that overflows",
		{ .type = WIRE_CAPSET, .capset_id = 2, .size = UINT32_MAX }, 8, false },
	{ "the same capset again", { .type = WIRE_CAPSET, .capset_id = 7, .size = 8 }, 8, false },
};

static void a_wrong_introduction_is_the_end(void)
{
	static const uint8_t zeroes[RENDERER_MAX_CAPSET_SIZE + 1];
	int before = test_open_fds();
	for (size_t i = 0; i < ARRAY_SIZE(hellos); i++) {
		const struct hello_row *row = &hellos[i];
		struct fake fake;
		struct rig_call call;
		fake_start(&fake);
		renderer_context_destroy(fake.renderer, 1, rig_call(&call, NULL));
		fake_send_capset(&fake, 7, 8);
		CHECK_INT(fake_send(&fake, &row->header, zeroes, row->size,
				  row->with_fd ? fake.sock : -1),
			0);
		fake_settle(&fake);
		if (fake.ready != 0 || fake.lost != 1)
			test_fail(__FILE__, __LINE__, "%s was taken", row->what);
		CHECK_INT(call.status, -ECONNRESET);
		fake_stop(&fake);
	}
	CHECK_INT(test_open_fds(), before);
}

static void a_truncated_introduction_is_the_end(void)
{
	struct fake fake;
	fake_start(&fake);
	CHECK_INT(fd_send_packet(fake.sock, "abc", 3, NULL, 0), 0);
	fake_settle(&fake);
	CHECK_INT(fake.lost, 1);
	fake_stop(&fake);
}

static void too_many_capsets_are_the_end(void)
{
	struct fake fake;
	fake_start(&fake);
	for (uint32_t i = 0; i < RENDERER_MAX_CAPSETS; i++)
		fake_send_capset(&fake, i + 1, 8);
	fake_settle(&fake);
	CHECK_INT(fake.lost, 0);
	fake_send_capset(&fake, 100, 8);
	fake_settle(&fake);
	CHECK_INT(fake.lost, 1);
	fake_stop(&fake);
}

static void one_that_never_starts_is_lost(void)
{
	struct fake fake;
	struct rig_call call;
	fake_start(&fake);
	renderer_context_destroy(fake.renderer, 1, rig_call(&call, NULL));
	fd_close(&fake.sock);
	fake_settle(&fake);
	CHECK_INT(fake.ready, 0);
	CHECK_INT(fake.lost, 1);
	CHECK_INT(call.status, -ECONNRESET);
	fake_stop(&fake);
}

static void unknown_cookies_are_dropped(void)
{
	struct fake fake;
	struct rig_call calls[2];
	fake_start_ready(&fake);
	renderer_resource_unref(fake.renderer, 1, rig_call(&calls[0], NULL));
	renderer_resource_unref(fake.renderer, 2, rig_call(&calls[1], NULL));
	uint64_t first = fake_pop(&fake).cookie;
	uint64_t second = fake_pop(&fake).cookie;
	fake_finish(&fake, first, 0);
	fake_finish(&fake, first, -EIO);
	fake_finish(&fake, 0, 0);
	fake_finish(&fake, UINT64_MAX, 0);
	fake_finish(&fake, second + (UINT64_C(1) << 32), 0);
	/* One that comes with a descriptor: it must not be taken for the next one's. */
	struct wire_completion image = fake_image(12345);
	fake_send_fd(&fake);
	fake_complete(&fake, &image);
	fake_settle(&fake);
	CHECK(calls[0].done && !calls[1].done);
	CHECK_INT(calls[0].status, 0);
	CHECK_INT(remote_renderer_dropped(fake.renderer), 5);

	renderer_export_image(fake.renderer, 3, rig_call(&calls[0], NULL));
	image = fake_image(fake_pop(&fake).cookie);
	fake_send_fd(&fake);
	fake_complete(&fake, &image);
	fake_settle(&fake);
	CHECK_INT(calls[0].status, 0);
	image_unref(calls[0].image);
	CHECK_INT(fake.lost, 0);
	fake_stop(&fake);
}

enum said {
	SAID_NOTHING, /* on the socket */
	SAID_FD,
	SAID_FD_OF_OTHER_TYPE,
	SAID_NO_FD,
	SAID_SHORT,
	SAID_END,
};

static void say(struct fake *fake, enum said said)
{
	const struct wire_packet ready = { .type = WIRE_READY, .version = RENDERER_WIRE_VERSION };
	const struct wire_packet fd_packet = { .type = WIRE_FD };
	switch (said) {
	case SAID_NOTHING:
		break;
	case SAID_FD:
		fake_send_fd(fake);
		break;
	case SAID_FD_OF_OTHER_TYPE:
		CHECK_INT(fake_send(fake, &ready, NULL, 0, fake->sock), 0);
		break;
	case SAID_NO_FD:
		CHECK_INT(fake_send(fake, &fd_packet, NULL, 0, -1), 0);
		break;
	case SAID_SHORT:
		CHECK_INT(fd_send_packet(fake->sock, &fd_packet, 4, &fake->sock, 1), 0);
		break;
	case SAID_END:
		CHECK_INT(shutdown(fake->sock, SHUT_WR), 0);
		break;
	}
}

static void malformed_completions_are_the_end(void)
{
	static const struct {
		const char *what;
		bool exports; /* the open call */
		enum said said;
		int32_t status;
		uint32_t flags;
	} rows[] = {
		{ "a positive status", false, SAID_NOTHING, 1, 0 },
		{ "no errno", false, SAID_NOTHING, -4096, 0 },
		{ "no errno at all", false, SAID_NOTHING, INT32_MIN, 0 },
		{ "unknown flags", false, SAID_NOTHING, 0, 2 },
		{ "an image that was not asked for", false, SAID_FD, 0, WIRE_FLAG_FD },
		{ "an image without one", true, SAID_NOTHING, 0, 0 },
		{ "a descriptor that is missing", true, SAID_NOTHING, 0, WIRE_FLAG_FD },
		{ "a packet without descriptor", true, SAID_NO_FD, 0, WIRE_FLAG_FD },
		{ "a packet of another type", true, SAID_FD_OF_OTHER_TYPE, 0, WIRE_FLAG_FD },
		{ "a short packet", true, SAID_SHORT, 0, WIRE_FLAG_FD },
		{ "the end of the socket", true, SAID_END, 0, WIRE_FLAG_FD },
		{ "a failure with an image", true, SAID_FD, -EIO, WIRE_FLAG_FD },
	};
	int before = test_open_fds();
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct fake fake;
		struct rig_call call, other;
		fake_start_ready(&fake);
		if (rows[i].exports)
			renderer_export_image(fake.renderer, 1, rig_call(&call, NULL));
		else
			renderer_resource_unref(fake.renderer, 1, rig_call(&call, NULL));
		renderer_fence(fake.renderer, 1, 0, rig_call(&other, NULL));
		say(&fake, rows[i].said);
		struct wire_completion completion = fake_image(fake_pop(&fake).cookie);
		completion.status = rows[i].status;
		completion.flags = rows[i].flags;
		fake_complete(&fake, &completion);
		fake_settle(&fake);
		if (fake.lost != 1)
			test_fail(__FILE__, __LINE__, "%s was taken", rows[i].what);
		CHECK_INT(call.status, -ECONNRESET);
		CHECK_INT(other.status, -ECONNRESET);
		CHECK(!call.image);
		fake_stop(&fake);
	}
	CHECK_INT(test_open_fds(), before);
}

static void impossible_images_are_errors(void)
{
	static const struct {
		int status;
		struct wire_image image;
	} rows[] = {
		{ -EIO, { .width = 0, .height = 4, .planes = 1, .strides = { 16 } } },
		{ -EIO, { .width = 4, .height = 0, .planes = 1, .strides = { 16 } } },
		{ -EIO,
			{ .width = IMAGE_MAX_SIDE + 1,
				.height = 4,
				.planes = 1,
				.strides = { 16 } } },
		{ -EIO, { .width = 4, .height = UINT32_MAX, .planes = 1, .strides = { 16 } } },
		{ -EIO, { .width = 4, .height = 4, .planes = 0, .strides = { 16 } } },
		{ -EIO, { .width = 4, .height = 4, .planes = 5, .strides = { 16, 1, 1, 1 } } },
		{ -EIO, { .width = 4, .height = 4, .planes = 2, .strides = { 16, 0 } } },
		{ -EIO, { .width = 4, .height = 4, .planes = 1, .strides = { UINT32_MAX } } },
		{ -EOPNOTSUPP,
			{ .width = 4,
				.height = 4,
				.planes = 1,
				.strides = { 16 },
				.fourcc = FOURCC('N', 'V', '1', '2') } },
	};
	int before = test_open_fds();
	struct fake fake;
	fake_start_ready(&fake);
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct rig_call call;
		renderer_export_image(fake.renderer, 1, rig_call(&call, NULL));
		struct wire_completion completion = fake_image(fake_pop(&fake).cookie);
		completion.image = rows[i].image;
		if (completion.image.fourcc == 0)
			completion.image.fourcc = FOURCC_XRGB8888;
		fake_send_fd(&fake);
		fake_complete(&fake, &completion);
		fake_settle(&fake);
		CHECK_INT(call.status, rows[i].status);
		CHECK(!call.image);
	}
	CHECK_INT(fake.lost, 0);
	CHECK_INT(remote_renderer_dropped(fake.renderer), ARRAY_SIZE(rows) - 1);
	fake_stop(&fake);
	CHECK_INT(test_open_fds(), before);
}

struct memory_call {
	struct renderer_call base;
	int status;
	bool done, has_memory, open;
	uint64_t offset;
};

static void on_memory(struct renderer_call *base, int status, const struct renderer_reply *reply)
{
	struct memory_call *call = container_of(base, struct memory_call, base);
	CHECK(!call->done);
	call->done = true;
	call->status = status;
	call->has_memory = reply && reply->memory;
	CHECK(!reply || !reply->image);
	if (!call->has_memory)
		return;
	call->open = fcntl(reply->memory->fd, F_GETFD) == FD_CLOEXEC;
	call->offset = reply->memory->offset;
}

/* The peer says this of a blob's memory. */
static struct memory_call say_memory(
	struct fake *fake, const struct wire_memory *memory, int32_t status, uint32_t flags)
{
	const struct renderer_blob_args blob = { .id = 1, .size = 4096, .host = true };
	struct memory_call call = { .base.done = on_memory };
	renderer_resource_create_blob(fake->renderer, &blob, &call.base);
	const struct wire_completion completion = {
		.cookie = fake_pop(fake).cookie,
		.status = status,
		.flags = flags,
		.memory = *memory,
	};
	if (flags & WIRE_FLAG_FD)
		fake_send_fd(fake);
	fake_complete(fake, &completion);
	fake_settle(fake);
	CHECK(call.done);
	return call;
}

static void impossible_memory_is_an_error(void)
{
	static const struct wire_memory rows[] = {
		{ .offset = 1 },
		{ .offset = 2048 },
		{ .offset = UINT64_C(1) << 63 },
		{ .offset = UINT64_MAX - 4095 },
		{ .map_info = 4 },
		{ .map_info = UINT32_MAX },
	};
	const struct wire_memory good = { .offset = INT64_MAX - 4095, .map_info = 3 };
	int before = test_open_fds();
	struct fake fake;
	fake_start_ready(&fake);
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		const struct memory_call bad = say_memory(&fake, &rows[i], 0, WIRE_FLAG_FD);
		CHECK_INT(bad.status, -EIO);
		CHECK(!bad.has_memory);
	}
	CHECK_INT(remote_renderer_dropped(fake.renderer), ARRAY_SIZE(rows));
	/* Without a descriptor nothing is said of memory, and a good one is only lent. */
	CHECK(!say_memory(&fake, &good, 0, 0).has_memory);
	CHECK_INT(say_memory(&fake, &good, -ENOMEM, 0).status, -ENOMEM);
	const struct memory_call call = say_memory(&fake, &good, 0, WIRE_FLAG_FD);
	CHECK(call.has_memory && call.open);
	CHECK_INT(call.offset, good.offset);
	CHECK_INT(fake.lost, 0);
	fake_stop(&fake);
	CHECK_INT(test_open_fds(), before);
}

static void memory_of_a_failure_is_the_end(void)
{
	const struct wire_memory memory = { .offset = 0 };
	int before = test_open_fds();
	struct fake fake;
	fake_start_ready(&fake);
	const struct memory_call call = say_memory(&fake, &memory, -EIO, WIRE_FLAG_FD);
	CHECK_INT(call.status, -ECONNRESET);
	CHECK(!call.has_memory);
	CHECK_INT(fake.lost, 1);
	fake_stop(&fake);
	CHECK_INT(test_open_fds(), before);
}

static void impossible_indices_are_the_end(void)
{
	for (int consumed = 0; consumed < 2; consumed++) {
		struct fake fake;
		struct rig_call call, late;
		fake_start_ready(&fake);
		renderer_context_destroy(fake.renderer, 1, rig_call(&call, NULL));
		fake_settle(&fake);
		if (consumed)
			fake.shared->submissions.consumed = 77;
		else
			fake.shared->completions.produced = 7777;
		/* Not even a wake-up is needed: the next thing that is done finds it. */
		renderer_context_destroy(fake.renderer, 1, rig_call(&late, NULL));
		fake_settle(&fake);
		CHECK_INT(fake.lost, 1);
		CHECK_INT(call.status, -ECONNRESET);
		CHECK_INT(late.status, -ECONNRESET);
		fake_stop(&fake);
	}
}

static void asking_for_room_finds_a_broken_ring(void)
{
	struct fake fake;
	fake_start_ready(&fake);
	fake.shared->submissions.consumed = 77;
	CHECK(!renderer_has_room(fake.renderer));
	fake_settle(&fake);
	CHECK_INT(fake.lost, 1);
	CHECK(renderer_has_room(fake.renderer));
	fake_stop(&fake);
}

struct chain_call {
	struct renderer_call base;
	struct fake *fake;
	uint32_t runs;
};

/* Starts itself again for as long as it is not told off ten times; in the end all operations. */
static void on_chain_done(
	struct renderer_call *base, int status, const struct renderer_reply *reply)
{
	struct chain_call *chain = container_of(base, struct chain_call, base);
	CHECK_INT(status, -ECONNRESET);
	if (chain->runs++ < 10)
		renderer_resource_unref(chain->fake->renderer, 1, base);
	else if (renderer_submit_buffer(chain->fake->renderer, 64))
		renderer_submit(chain->fake->renderer, 1, 64, NULL);
}

static void death_finishes_open_calls(void)
{
	struct fake fake;
	struct rig_call before, fence, work;
	struct chain_call chain = { .base.done = on_chain_done, .fake = &fake };
	uint32_t counter = 0;
	fake_start_ready(&fake);
	renderer_fence(fake.renderer, 1, 0, rig_call(&fence, &counter));
	renderer_resource_unref(fake.renderer, 1, rig_call(&before, &counter));
	renderer_resource_unref(fake.renderer, 2, &chain.base);
	renderer_resource_unref(fake.renderer, 3, rig_call(&work, &counter));
	fake_settle(&fake);
	fake_pop(&fake);
	/* What it finished before it died is finished, though it could not say so any more. */
	const struct wire_completion last = { .cookie = fake_pop(&fake).cookie };
	CHECK(ring_push_completion(fake.ring, &last));
	fd_close(&fake.sock);
	CHECK_INT(fake.lost, 0);
	fake_settle(&fake);
	CHECK_INT(fake.lost, 1);
	CHECK_INT(before.status, 0);
	CHECK_INT(work.status, -ECONNRESET);
	CHECK_INT(fence.status, -ECONNRESET);
	CHECK_INT(chain.runs, 11);
	CHECK_INT(fence.order, 2);
	fake_stop(&fake);
}

static void count_resets(struct renderer_call *call, int status, const struct renderer_reply *reply)
{
	struct rig_call *counter = container_of(call, struct rig_call, base);
	counter->order += status == -ECONNRESET;
}

/* What waits for one that takes nothing is bounded, whoever makes it wait: a VMM with one memory table after another. */
static void taking_nothing_is_the_end(void)
{
	static const struct renderer_span spans[RENDERER_MAX_SPANS];
	struct fake fake;
	struct rig_call call = { .base.done = count_resets };
	uint32_t count = 0;
	fake_start_ready(&fake);
	fake_settle(&fake);
	for (; fake.lost == 0 && count < 2 * SENDER_HELD_MAX / sizeof(spans); count++) {
		renderer_resource_set_backing(
			fake.renderer, 1, spans, RENDERER_MAX_SPANS, &call.base);
		fake_settle(&fake);
	}
	CHECK_INT(fake.lost, 1);
	CHECK_INT(call.order, count);
	CHECK(count > SENDER_HELD_MAX / 2 / sizeof(spans));
	CHECK(count < SENDER_HELD_MAX / sizeof(spans) + 2 * RING_DATA_SIZE / sizeof(spans));
	fake_stop(&fake);
}

static void destroy_in_event(struct fake *fake)
{
	renderer_destroy(fake->renderer);
	fake->renderer = NULL;
}

static void events_may_destroy_the_renderer(void)
{
	struct fake fake;
	struct rig_call call;
	fake_start(&fake);
	fake.on_event = destroy_in_event;
	renderer_context_destroy(fake.renderer, 1, rig_call(&call, NULL));
	fake_send_ready(&fake);
	fake_settle(&fake);
	CHECK_INT(fake.ready, 1);
	CHECK_INT(call.status, -ECONNRESET);
	fake_stop(&fake);

	fake_start_ready(&fake);
	fake.on_event = destroy_in_event;
	renderer_context_destroy(fake.renderer, 1, rig_call(&call, NULL));
	fd_close(&fake.sock);
	fake_settle(&fake);
	CHECK_INT(fake.lost, 1);
	fake_stop(&fake);

	struct wire_submission record;
	fake_start_ready(&fake);
	fake.on_event = destroy_in_event;
	for (int i = 0; i < 3000; i++)
		renderer_context_destroy(fake.renderer, 1, NULL);
	while (fake.room == 0) {
		fake_settle(&fake);
		while (ring_pop_submission(fake.ring, &record) > 0)
			;
		ring_notify(fake.ring);
	}
	CHECK(!fake.renderer);
	fake_stop(&fake);
}

/* It wakes for nothing, wants room all the time, and floods the socket: work gets done all the same. */
static void a_noisy_peer_is_only_noise(void)
{
	struct fake fake;
	fake_start_ready(&fake);
	struct ring_shared *shared = fake.shared;
	const struct wire_packet packet = { .type = WIRE_FD };
	while (fake_send(&fake, &packet, NULL, 0, fake.sock) == 0)
		;
	for (int i = 0; i < 2000; i++) {
		struct rig_call call;
		shared->wishes[RING_RENDERER].armed = 1;
		shared->wishes[RING_RENDERER].room = 1;
		shared->wishes[RING_DEVICE].armed = i % 2 ? 1 : 0;
		shared->wishes[RING_DEVICE].room = 1;
		renderer_resource_unref(fake.renderer, 1, rig_call(&call, NULL));
		shared->wishes[RING_DEVICE].armed = 1;
		fake_finish(&fake, fake_pop(&fake).cookie, 0);
		for (int n = 0; n < 10 && !call.done; n++)
			CHECK_INT(loop_round(fake.loop, 100), 0);
		CHECK(call.done);
		CHECK_INT(call.status, 0);
	}
	CHECK_INT(fake.lost, 0);
	fake_stop(&fake);
}

/* Wake-ups that the shared memory denies do not keep the device from sleeping. */
static void false_wake_ups_are_drained(void)
{
	struct fake fake;
	fake_start_ready(&fake);
	fake.shared->wishes[RING_DEVICE].armed = 1;
	const struct wire_completion nothing = { .cookie = 1 };
	for (int i = 0; i < 20; i++) {
		fake_complete(&fake, &nothing);
		fake.shared->wishes[RING_DEVICE].armed = 1;
	}
	fake_settle(&fake);
	uint64_t start = loop_now_ms();
	CHECK_INT(loop_round(fake.loop, 60), 0);
	CHECK(loop_now_ms() - start >= 50);
	fake_stop(&fake);
}

int main(int argc, char **argv)
{
	static const struct test_case cases[] = {
		TEST_CASE(a_wrong_introduction_is_the_end),
		TEST_CASE(a_truncated_introduction_is_the_end),
		TEST_CASE(too_many_capsets_are_the_end),
		TEST_CASE(one_that_never_starts_is_lost),
		TEST_CASE(unknown_cookies_are_dropped),
		TEST_CASE(malformed_completions_are_the_end),
		TEST_CASE(impossible_images_are_errors),
		TEST_CASE(impossible_memory_is_an_error),
		TEST_CASE(memory_of_a_failure_is_the_end),
		TEST_CASE(impossible_indices_are_the_end),
		TEST_CASE(asking_for_room_finds_a_broken_ring),
		TEST_CASE(death_finishes_open_calls),
		TEST_CASE(taking_nothing_is_the_end),
		TEST_CASE(events_may_destroy_the_renderer),
		TEST_CASE(a_noisy_peer_is_only_noise),
		TEST_CASE(false_wake_ups_are_drained),
	};
	return test_main(argc, argv, cases, ARRAY_SIZE(cases));
}
