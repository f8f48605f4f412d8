/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/*
 * A renderer process that was taken over, towards the device: any packets and completions, any indices
 * in the shared memory, at any time, while the device asks for things. Each call ends exactly once
 * (tests/unit/fake_renderer.h).
 */
#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "fake_renderer.h"
#include "fuzz.h"
#include "loop/loop.h"
#include "renderer/ring_layout.h"
#include "test.h"
#include "util/fd.h"
#include "util/list.h"

#define MOST_STEPS  250u
#define MOST_CALLS  1024u
#define REMEMBERED  8u
#define MOST_WORDS  600000u
#define MOST_SPANS  64u
#define MOST_PACKET 64u

struct open_call {
	struct renderer_call base;
	bool done;
};

static struct fake fake;
static struct {
	struct fuzz_input input;
	struct open_call calls[MOST_CALLS];
	uint32_t call_count;
	uint64_t cookies[REMEMBERED]; /* of what the renderer was asked last */
	uint32_t cookie_count;
	int memory;
	uint8_t when_called; /* what the device does in a callback */
	uint32_t depth;
} test;

static void ask(void);

static void on_done(struct renderer_call *base, int status, const struct renderer_reply *reply)
{
	struct open_call *call = container_of(base, struct open_call, base);
	CHECK(!call->done);
	CHECK(status <= 0 && (!reply || reply->image || reply->memory));
	if (reply && reply->memory)
		CHECK(reply->memory->offset % 4096 == 0 && fcntl(reply->memory->fd, F_GETFD) >= 0);
	call->done = true;
	if (test.when_called & 1 && fake.renderer && test.depth++ < 4)
		ask();
}

static void on_event(struct fake *it)
{
	if (it->lost && test.when_called & 2 && it->renderer) {
		struct renderer *renderer = it->renderer;
		it->renderer = NULL;
		renderer_destroy(renderer);
	}
}

static struct renderer_call *some_call(void)
{
	if (fuzz_below(&test.input, 8) == 7 || test.call_count == MOST_CALLS)
		return NULL;
	struct open_call *call = &test.calls[test.call_count++];
	call->base.done = on_done;
	return &call->base;
}

/* --- the device --------------------------------------------------------------------------------------- */

static void ask_submit(struct renderer *renderer, struct renderer_call *call)
{
	uint32_t size = 4 * (1 + fuzz_number(&test.input) % MOST_WORDS);
	void *stream = renderer_submit_buffer(renderer, size);
	if (!stream)
		renderer_call_done(call, -ENOMEM, NULL);
	else
		renderer_submit(renderer, 1, size, call);
}

static void ask_set_backing(struct renderer *renderer, struct renderer_call *call)
{
	static const struct renderer_span spans[MOST_SPANS];
	renderer_resource_set_backing(
		renderer, 1, spans, fuzz_below(&test.input, MOST_SPANS), call);
}

/* What nobody waits for must go on, whatever happens. */
static void ask_region(struct renderer *renderer)
{
	const struct renderer_region region = { .id = 7, .fd = test.memory, .size = 4096 };
	if (fuzz_bit(&test.input))
		renderer_region_add(renderer, &region);
	else
		renderer_region_remove(renderer, 7);
}

static void ask_resource(struct renderer *renderer, uint32_t which)
{
	const struct renderer_resource_args resource = { .id = 1, .width = 4, .height = 4 };
	const struct renderer_blob_args blob = { .id = 2, .size = 4096, .host = which == 6 };
	const struct renderer_transfer_args transfer = { .resource = 1 };
	const struct renderer_read_back_args read_back = { .resource = 1 };
	struct renderer_call *call = some_call();
	switch (which) {
	case 0:
		renderer_resource_create(renderer, &resource, call);
		break;
	case 1:
	case 6:
		renderer_resource_create_blob(renderer, &blob, call);
		break;
	case 2:
		renderer_resource_unref(renderer, 1, call);
		break;
	case 3:
		renderer_transfer(renderer, &transfer, call);
		break;
	case 4:
		renderer_read_back(renderer, &read_back, call);
		break;
	default:
		ask_set_backing(renderer, call);
	}
}

static void ask_context(struct renderer *renderer, uint32_t which)
{
	const struct renderer_context_args context = { .id = 1, .capset = 2 };
	struct renderer_call *call = some_call();
	switch (which) {
	case 0:
		renderer_context_create(renderer, &context, call);
		break;
	case 1:
		renderer_context_destroy(renderer, 1, call);
		break;
	case 2:
		renderer_context_attach(renderer, 1, 1, call);
		break;
	case 3:
		renderer_context_detach(renderer, 1, 1, call);
		break;
	case 4:
		renderer_fence(renderer, 1, 0, call);
		break;
	default:
		ask_submit(renderer, call);
	}
}

/* An exported image is what the peer has the most to say about. */
static void ask(void)
{
	struct renderer *renderer = fake.renderer;
	uint8_t bits = fuzz_u8(&test.input);
	if (!renderer)
		return;
	if (bits < 64)
		renderer_export_image(renderer, 1, some_call());
	else if (bits < 72)
		ask_region(renderer);
	else if (bits & 1)
		ask_resource(renderer, fuzz_below(&test.input, 7));
	else
		ask_context(renderer, fuzz_below(&test.input, 6));
}

static void ask_much(void)
{
	for (uint32_t i = fuzz_u8(&test.input); i > 0 && fake.renderer; i--)
		renderer_resource_unref(fake.renderer, 1, NULL);
}

static void look(void)
{
	if (!fake.renderer)
		return;
	renderer_has_room(fake.renderer);
	renderer_silent_ms(fake.renderer);
	remote_renderer_dropped(fake.renderer);
	if (fuzz_below(&test.input, 32) == 31)
		renderer_give_up(fake.renderer);
}

/* --- the renderer process ------------------------------------------------------------------------------ */

static void pop(void)
{
	struct wire_submission record;
	for (uint32_t i = fuzz_u8(&test.input); i > 0; i--) {
		if (ring_pop_submission(fake.ring, &record) != 1)
			break;
		test.cookies[test.cookie_count++ % REMEMBERED] = record.cookie;
	}
	ring_notify(fake.ring);
}

static uint64_t some_cookie(void)
{
	uint32_t which = fuzz_below(&test.input, 2 * REMEMBERED);
	return which < REMEMBERED ? test.cookies[which] : fuzz_number64(&test.input);
}

static void send_fd(void)
{
	const struct wire_packet header = { .type = WIRE_FD };
	if (fake.sock >= 0 && fake_send(&fake, &header, NULL, 0, test.memory) < 0)
		return;
}

static void complete(void)
{
	struct wire_completion completion = fake_image(some_cookie());
	uint8_t odd = fuzz_u8(&test.input);
	completion.flags = odd & 1 ? WIRE_FLAG_FD : 0;
	if (odd & 2)
		completion.status = -(int)fuzz_u8(&test.input);
	if (odd & 4)
		completion.image.fourcc = fuzz_u32(&test.input);
	if (odd & 8) {
		completion.image.width = fuzz_number(&test.input);
		completion.image.height = fuzz_number(&test.input);
		completion.image.planes = fuzz_below(&test.input, 8);
		for (uint32_t i = 0; i < IMAGE_MAX_PLANES; i++)
			completion.image.strides[i] = 16;
		completion.image.strides[fuzz_below(&test.input, 4)] = fuzz_number(&test.input);
	}
	if (odd & 16) {
		bool is_page = fuzz_bit(&test.input);
		completion.memory = (struct wire_memory){
			.offset = fuzz_number64(&test.input) << (is_page ? 12 : 0),
			.map_info = fuzz_below(&test.input, 6),
		};
	}
	if (odd >= 0xf0) {
		completion.flags = fuzz_number(&test.input);
		completion.status = (int)fuzz_number(&test.input);
	}
	if ((odd & 1) != (odd >= 0xe0 && odd < 0xf0))
		send_fd();
	ring_push_completion(fake.ring, &completion);
	ring_notify(fake.ring);
}

static void write_index(void)
{
	struct ring_shared *shared = fake.shared;
	_Atomic uint32_t *const places[] = {
		&shared->completions.produced,
		&shared->completions.consumed,
		&shared->submissions.produced,
		&shared->submissions.consumed,
		&shared->wishes[RING_DEVICE].armed,
		&shared->wishes[RING_DEVICE].room,
		&shared->wishes[RING_RENDERER].armed,
		&shared->wishes[RING_RENDERER].room,
	};
	_Atomic uint32_t *place = places[fuzz_below(&test.input, ARRAY_SIZE(places))];
	uint32_t by = fuzz_number(&test.input);
	*place = fuzz_bit(&test.input) ? by : *place + by;
}

static void wake(void)
{
	const struct ring_fds fds = ring_get_fds(fake.ring);
	uint8_t byte = 0;
	if (fds.to_device >= 0 && write(fds.to_device, &byte, 1) < 0)
		return;
	atomic_store(&fake.shared->wishes[RING_DEVICE].armed, 1);
	ring_notify(fake.ring);
}

static void send_packet(void)
{
	static const uint8_t zeroes[MOST_PACKET];
	struct wire_packet header = { .type = fuzz_below(&test.input, 6),
		.version = RENDERER_WIRE_VERSION,
		.capset_id = fuzz_below(&test.input, 8),
		.max_version = 2 };
	uint32_t size = fuzz_below(&test.input, MOST_PACKET);
	uint8_t odd = fuzz_u8(&test.input);
	header.size = odd < 0xf0 ? size : fuzz_number(&test.input);
	header.version ^= odd >= 0xe0 && odd < 0xf0;
	header.can_export = odd & 1;
	header.can_map = odd & 2;
	if (fake.sock >= 0 &&
		fake_send(&fake, &header, zeroes, header.type == WIRE_CAPSET ? size : odd / 0xe0,
			odd == 0xff ? test.memory : -1) < 0)
		return;
}

static void send_start(void)
{
	if (fake.sock < 0)
		return;
	fd_send_packet(fake.sock, &test, fuzz_below(&test.input, 32) + 1, NULL, 0);
}

static void wait_long(void)
{
	fuzz_clock_advance(1 + fuzz_number(&test.input));
}

static void leave(void)
{
	if (fuzz_below(&test.input, 4) == 3)
		fd_close(&fake.sock);
}

static void (*const steps[])(void) = {
	ask,
	ask,
	ask,
	ask,
	pop,
	complete,
	complete,
	complete,
	complete,
	write_index,
	wake,
	send_packet,
	send_start,
	send_fd,
	ask_much,
	look,
	wait_long,
	leave,
};

static void finish(void)
{
	renderer_destroy(fake.renderer);
	fake.renderer = NULL;
	fake_settle(&fake);
	fake_stop(&fake);
	close(test.memory);
	for (uint32_t i = 0; i < test.call_count; i++)
		CHECK(test.calls[i].done);
	CHECK(fake.lost <= 1 && fake.ready <= 1);
}

static void begin(void)
{
	uint8_t bits = fuzz_u8(&test.input);
	test.when_called = bits;
	if (bits & 4)
		fake_start(&fake);
	else
		fake_start_ready(&fake);
	fake.on_event = on_event;
	test.memory = memfd_create("memory", MFD_CLOEXEC);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
	memset(&test, 0, sizeof(test));
	test.input = fuzz_begin(bytes, size);
	int fds = test_open_fds();
	begin();
	for (uint32_t i = 0; i < MOST_STEPS && test.input.left > 0; i++) {
		test.depth = 0;
		fuzz_memory_short(&test.input);
		steps[fuzz_below(&test.input, ARRAY_SIZE(steps))]();
		if (fuzz_bit(&test.input))
			CHECK_INT(loop_round(fake.loop, 0), 0);
		fuzz_memory_back();
	}
	finish();
	CHECK_INT(test_open_fds(), fds);
	return 0;
}
