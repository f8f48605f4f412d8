/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/* The device's end of a renderer process that keeps to the rules. */
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "fake_renderer.h"
#include "loop/loop.h"
#include "renderer/ring_layout.h"
#include "renderer_rig.h"
#include "test.h"
#include "util/fd.h"
#include "util/list.h"

static void learns_what_the_peer_can_do(void)
{
	int before = test_open_fds();
	struct fake fake;
	fake_start(&fake);
	fake_send_capset(&fake, 2, 1408);
	fake_send_capset(&fake, 4, RENDERER_MAX_CAPSET_SIZE);
	fake_settle(&fake);
	CHECK_INT(fake.ready, 0);
	fake_send_ready(&fake);
	fake_settle(&fake);
	CHECK_INT(fake.ready, 1);
	CHECK(fake.renderer->can_export);
	CHECK_INT(fake.renderer->capset_count, 2);
	CHECK_INT(renderer_find_capset(fake.renderer, 2)->size, 1408);
	CHECK_INT(renderer_find_capset(fake.renderer, 4)->size, RENDERER_MAX_CAPSET_SIZE);
	CHECK(!renderer_find_capset(fake.renderer, 3));
	fake_stop(&fake);
	CHECK_INT(fake.lost, 0);
	CHECK_INT(test_open_fds(), before);
}

static void operations_wait_for_the_peer(void)
{
	struct fake fake;
	struct rig_call call;
	fake_start(&fake);
	renderer_resource_unref(fake.renderer, 5, rig_call(&call, NULL));
	fake_settle(&fake);
	const struct wire_submission record = fake_pop(&fake);
	CHECK_INT(record.op, WIRE_RESOURCE_UNREF);
	fake_finish(&fake, record.cookie, 0);
	renderer_context_destroy(fake.renderer, 1, NULL);
	fake_settle(&fake);
	CHECK(!call.done); /* it has not even said that it is a renderer */
	fake_send_ready(&fake);
	fake_settle(&fake);
	CHECK(call.done);
	CHECK_INT(call.status, 0);
	fake_stop(&fake);
}

/* One of each, with different numbers in every place. */
static void start_all(struct renderer *renderer, struct renderer_call *call)
{
	const struct renderer_context_args context = { .id = 1, .capset = 2, .name = "name" };
	const struct renderer_resource_args resource = { .id = 3, .format = 4, .flags = 5 };
	const struct renderer_blob_args blob = { .id = 28, .flags = 29, .size = UINT64_C(1) << 40 };
	const struct renderer_span spans[] = { { 6, 0, 7, 8 }, { 9, 0, 10, 11 } };
	const struct renderer_transfer_args transfer = {
		.direction = RENDERER_FROM_HOST, .resource = 12, .box = { .d = 13 }
	};
	const struct renderer_read_back_args read_back = { .resource = 14, .offset = 15 };
	renderer_context_create(renderer, &context, call);
	renderer_context_destroy(renderer, 16, call);
	renderer_context_attach(renderer, 17, 18, call);
	renderer_context_detach(renderer, 19, 20, call);
	memcpy(renderer_submit_buffer(renderer, 8), "\1\2\3\4\5\6\7\10", 8);
	renderer_submit(renderer, 21, 8, call);
	renderer_resource_create(renderer, &resource, call);
	renderer_resource_create_blob(renderer, &blob, call);
	renderer_resource_unref(renderer, 22, call);
	renderer_resource_set_backing(renderer, 23, spans, 2, call);
	renderer_transfer(renderer, &transfer, call);
	renderer_read_back(renderer, &read_back, call);
	renderer_export_image(renderer, 24, call);
	renderer_fence(renderer, 25, 26, call);
	renderer_region_remove(renderer, 27);
}

static uint32_t finished;

static void count_finished(
	struct renderer_call *call, int status, const struct renderer_reply *reply)
{
	finished++;
}

static void operations_become_records(void)
{
	struct fake fake;
	struct renderer_call call = { .done = count_finished };
	struct wire_submission r;
	fake_start_ready(&fake);
	start_all(fake.renderer, &call);
#define POP(expected)                                                                              \
	do {                                                                                       \
		r = fake_pop(&fake);                                                               \
		CHECK_INT(r.op, expected);                                                         \
		CHECK_INT(r.flags, 0);                                                             \
		CHECK_INT(r.cookie != 0, r.op != WIRE_REGION_REMOVE);                              \
	} while (0)
	POP(WIRE_CONTEXT_CREATE);
	CHECK(r.context.id == 1 && r.context.capset == 2 && strcmp(r.context.name, "name") == 0);
	POP(WIRE_CONTEXT_DESTROY);
	CHECK_INT(r.ids.context, 16);
	POP(WIRE_CONTEXT_ATTACH);
	CHECK(r.ids.context == 17 && r.ids.resource == 18);
	POP(WIRE_CONTEXT_DETACH);
	CHECK(r.ids.context == 19 && r.ids.resource == 20);
	POP(WIRE_SUBMIT);
	CHECK(r.ids.context == 21 && r.data_size == 8);
	CHECK_MEM(ring_data(fake.ring, &r), "\1\2\3\4\5\6\7\10", 8);
	POP(WIRE_RESOURCE_CREATE);
	CHECK(r.resource.id == 3 && r.resource.format == 4 && r.resource.flags == 5);
	POP(WIRE_RESOURCE_CREATE_BLOB);
	CHECK(r.blob.id == 28 && r.blob.flags == 29 && r.blob.size == UINT64_C(1) << 40);
	POP(WIRE_RESOURCE_UNREF);
	CHECK_INT(r.ids.resource, 22);
	POP(WIRE_RESOURCE_SET_BACKING);
	CHECK(r.ids.resource == 23 && r.data_size == 2 * sizeof(struct renderer_span));
	const struct renderer_span *spans = ring_data(fake.ring, &r);
	CHECK(spans[0].region == 6 && spans[0].offset == 7 && spans[0].length == 8);
	CHECK(spans[1].region == 9 && spans[1].offset == 10 && spans[1].length == 11);
	POP(WIRE_TRANSFER);
	CHECK(r.transfer.direction == RENDERER_FROM_HOST && r.transfer.resource == 12);
	CHECK_INT(r.transfer.box.d, 13);
	POP(WIRE_READ_BACK);
	CHECK(r.read_back.resource == 14 && r.read_back.offset == 15);
	POP(WIRE_EXPORT_IMAGE);
	CHECK_INT(r.ids.resource, 24);
	POP(WIRE_FENCE);
	CHECK(r.ids.context == 25 && r.ids.ring == 26);
	POP(WIRE_REGION_REMOVE);
	CHECK_INT(r.region.id, 27);
#undef POP
	fake_stop(&fake);
	CHECK_INT(finished, 13);
}

/* Cookie 0: nobody wants to know. */
static void calls_may_be_left_out(void)
{
	struct fake fake;
	fake_start_ready(&fake);
	start_all(fake.renderer, NULL);
	for (int i = 0; i < 14; i++)
		CHECK_INT(fake_pop(&fake).cookie, 0);
	fake_stop(&fake);
}

static void statuses_come_back(void)
{
	struct fake fake;
	struct rig_call calls[3];
	uint64_t cookies[3];
	fake_start_ready(&fake);
	for (uint32_t i = 0; i < 3; i++) {
		renderer_resource_unref(fake.renderer, i + 1, rig_call(&calls[i], NULL));
		cookies[i] = fake_pop(&fake).cookie;
	}
	fake_settle(&fake);
	fake_finish(&fake, cookies[2], -EINVAL);
	fake_finish(&fake, cookies[0], 0);
	fake_settle(&fake);
	CHECK(calls[0].done && !calls[1].done && calls[2].done);
	CHECK_INT(calls[0].status, 0);
	CHECK_INT(calls[2].status, -EINVAL);
	fake_finish(&fake, cookies[1], -4095);
	fake_settle(&fake);
	CHECK_INT(calls[1].status, -4095);
	CHECK_INT(remote_renderer_dropped(fake.renderer), 0);
	fake_stop(&fake);
}

static void destroying_finishes_open_calls(void)
{
	struct fake fake;
	struct rig_call fence, work, late;
	uint32_t counter = 0;
	fake_start_ready(&fake);
	renderer_fence(fake.renderer, 1, 0, rig_call(&fence, &counter));
	renderer_resource_unref(fake.renderer, 1, rig_call(&work, &counter));
	renderer_resource_unref(fake.renderer, 2, rig_call(&late, &counter));
	renderer_destroy(fake.renderer);
	fake.renderer = NULL;
	CHECK_INT(counter, 3);
	CHECK_INT(work.order, 0);
	CHECK_INT(late.order, 1);
	CHECK_INT(fence.order, 2);
	CHECK_INT(fence.status, -ECONNRESET);
	CHECK_INT(fake.lost, 0);
	fake_stop(&fake);
}

/* A call whose end makes the next one start, in whatever state the renderer is. */
struct chain_call {
	struct renderer_call base;
	struct fake *fake;
	struct rig_call next;
	bool destroys;
	uint32_t runs;
	int status;
};

static void on_chain_done(
	struct renderer_call *base, int status, const struct renderer_reply *reply)
{
	struct chain_call *chain = container_of(base, struct chain_call, base);
	chain->status = status;
	chain->runs++;
	if (chain->destroys) {
		struct renderer *renderer = chain->fake->renderer;
		chain->fake->renderer = NULL;
		renderer_destroy(renderer);
		return;
	}
	renderer_resource_unref(chain->fake->renderer, 1, rig_call(&chain->next, NULL));
}

static void done_may_start_operations(void)
{
	struct fake fake;
	struct chain_call chain = { .base.done = on_chain_done, .fake = &fake };
	fake_start_ready(&fake);
	renderer_resource_unref(fake.renderer, 9, &chain.base);
	fake_finish(&fake, fake_pop(&fake).cookie, 0);
	fake_settle(&fake);
	CHECK_INT(chain.runs, 1);
	const struct wire_submission next = fake_pop(&fake);
	CHECK_INT(next.ids.resource, 1);
	fake_finish(&fake, next.cookie, 0);
	fake_settle(&fake);
	CHECK_INT(chain.next.status, 0);
	fake_stop(&fake);
}

static void done_may_destroy_the_renderer(void)
{
	struct fake fake;
	struct chain_call chain = { .base.done = on_chain_done, .fake = &fake, .destroys = true };
	struct rig_call other;
	fake_start_ready(&fake);
	renderer_resource_unref(fake.renderer, 9, &chain.base);
	renderer_resource_unref(fake.renderer, 9, rig_call(&other, NULL));
	fake_finish(&fake, fake_pop(&fake).cookie, 0);
	fake_finish(&fake, fake_pop(&fake).cookie, 0);
	fake_settle(&fake);
	CHECK_INT(chain.runs, 1);
	CHECK(!fake.renderer);
	CHECK_INT(other.status, -ECONNRESET);
	CHECK_INT(fake.lost, 0);
	fake_stop(&fake);
}

/* Guest memory goes as descriptors, in the order of the records, however many there are at once. */
static void regions_take_their_descriptors_along(void)
{
	enum { COUNT = 1500 };
	struct fake fake;
	int fd = memfd_create("even", MFD_CLOEXEC);
	int other = memfd_create("odd", MFD_CLOEXEC);
	CHECK_INT(ftruncate(fd, 8192), 0);
	CHECK_INT(ftruncate(other, 12288), 0);
	fake_start_ready(&fake);
	int before = test_open_fds();
	for (uint32_t i = 0; i < COUNT; i++) {
		const struct renderer_region region = {
			.id = i + 1,
			.fd = i % 2 ? other : fd,
			.offset = 4096,
			.size = 4096 + i,
		};
		renderer_region_add(fake.renderer, &region);
		if (i % 500 == 0)
			fake_settle(&fake);
	}
	CHECK(!renderer_has_room(fake.renderer));
	for (uint32_t i = 0; i < COUNT; i++) {
		struct wire_submission record;
		struct wire_packet packet;
		struct stat st;
		int got;
		fake_settle(&fake);
		if (ring_pop_submission(fake.ring, &record) == 0)
			test_fail(__FILE__, __LINE__, "region %u does not come", i);
		ring_notify(fake.ring);
		CHECK_INT(record.op, WIRE_REGION_ADD);
		CHECK_INT(record.flags, WIRE_FLAG_FD);
		CHECK_INT(record.region.id, i + 1);
		CHECK_INT(record.region.offset, 4096);
		CHECK_INT(record.region.size, 4096 + i);
		CHECK_INT(fd_recv_packet(fake.sock, &packet, sizeof(packet), &got, 1),
			sizeof(packet));
		CHECK_INT(packet.type, WIRE_FD);
		CHECK_INT(fstat(got, &st), 0);
		CHECK_INT(st.st_size, i % 2 ? 12288 : 8192);
		fd_close(&got);
	}
	fake_settle(&fake);
	CHECK(renderer_has_room(fake.renderer));
	CHECK_INT(fake.room, 1);
	CHECK_INT(test_open_fds(), before);
	fake_stop(&fake);
	fd_close(&fd);
	fd_close(&other);
}

/* The ring has room for all of them: only the socket has not. */
static void what_waits_for_the_socket_goes_on(void)
{
	enum { COUNT = 900 };
	struct fake fake;
	struct wire_packet packet;
	fake_start_ready(&fake);
	for (uint32_t i = 0; i < COUNT; i++) {
		const struct renderer_region region = {
			.id = i + 1,
			.fd = fake.sock,
			.size = 4096,
		};
		renderer_region_add(fake.renderer, &region);
	}
	for (uint32_t i = 0; i < COUNT; i++) {
		int fd;
		ssize_t length = fd_recv_packet(fake.sock, &packet, sizeof(packet), &fd, 1);
		if (length == -EAGAIN) {
			CHECK(i > 0);
			fake_settle(&fake);
			length = fd_recv_packet(fake.sock, &packet, sizeof(packet), &fd, 1);
		}
		CHECK_INT(length, sizeof(packet));
		fd_close(&fd);
	}
	for (uint32_t i = 0; i < COUNT; i++)
		CHECK_INT(fake_pop(&fake).region.id, i + 1);
	fake_stop(&fake);
}

static void room_is_told_once(void)
{
	struct fake fake;
	struct wire_submission record;
	fake_start_ready(&fake);
	uint32_t started = 0;
	while (renderer_has_room(fake.renderer)) {
		renderer_resource_unref(fake.renderer, ++started, NULL);
		fake_settle(&fake);
	}
	CHECK(started > RING_SUBMISSIONS / 2 && started < RING_SUBMISSIONS);
	CHECK_INT(fake.room, 0);
	/* It may still start some. */
	for (int i = 0; i < 2000; i++)
		renderer_resource_unref(fake.renderer, ++started, NULL);
	fake_settle(&fake);
	CHECK_INT(fake.room, 0);
	for (uint32_t i = 1; i <= started; i++) {
		if (ring_pop_submission(fake.ring, &record) == 0) {
			ring_notify(fake.ring);
			fake_settle(&fake);
			record = fake_pop(&fake);
		}
		CHECK_INT(record.ids.resource, i);
	}
	CHECK_INT(ring_pop_submission(fake.ring, &record), 0);
	ring_notify(fake.ring);
	fake_settle(&fake);
	CHECK_INT(fake.room, 1);
	CHECK(renderer_has_room(fake.renderer));
	fake_stop(&fake);
}

/* What was said to have room must be given a buffer in the ring, without fail. */
static void room_is_for_a_largest_submit(void)
{
	struct fake fake;
	struct wire_submission record;
	uint32_t count = 0;
	fake_start_ready(&fake);
	while (renderer_has_room(fake.renderer)) {
		uint32_t *stream = renderer_submit_buffer(fake.renderer, RENDERER_MAX_SUBMIT);
		CHECK(stream);
		stream[0] = count;
		stream[RENDERER_MAX_SUBMIT / 4 - 1] = count;
		renderer_submit(fake.renderer, 1, RENDERER_MAX_SUBMIT, NULL);
		count++;
	}
	CHECK(count >= 2);
	for (uint32_t i = 0; i < count; i++) {
		record = fake_pop(&fake);
		const uint32_t *stream = ring_data(fake.ring, &record);
		CHECK(stream);
		CHECK_INT(stream[0], i);
		CHECK_INT(stream[RENDERER_MAX_SUBMIT / 4 - 1], i);
	}
	fake_stop(&fake);
}

/* A buffer that was given and not used does not end up in another record. */
static void a_buffer_may_be_left_unused(void)
{
	struct fake fake;
	fake_start_ready(&fake);
	CHECK(renderer_submit_buffer(fake.renderer, 4096));
	renderer_resource_unref(fake.renderer, 1, NULL);
	CHECK(renderer_submit_buffer(fake.renderer, 64));
	CHECK(renderer_submit_buffer(fake.renderer, 4));
	renderer_submit(fake.renderer, 1, 4, NULL);
	CHECK_INT(fake_pop(&fake).data_size, 0);
	CHECK_INT(fake_pop(&fake).data_size, 4);
	CHECK(renderer_submit_buffer(fake.renderer, RENDERER_MAX_SUBMIT));
	fake_stop(&fake);
}

static void a_round_wakes_the_peer_once(void)
{
	struct fake fake;
	uint8_t wakes[256];
	fake_start_ready(&fake);
	int fd = ring_wake_fd(fake.ring);
	CHECK(!ring_arm(fake.ring));
	for (uint32_t i = 1; i <= 100; i++)
		renderer_resource_unref(fake.renderer, i, NULL);
	CHECK_INT(read(fd, wakes, sizeof(wakes)), -1);
	fake_settle(&fake);
	CHECK_INT(read(fd, wakes, sizeof(wakes)), 8);
	renderer_resource_unref(fake.renderer, 1, NULL);
	fake_settle(&fake);
	CHECK_INT(read(fd, wakes, sizeof(wakes)), -1); /* it is awake */
	fake_stop(&fake);
}

static void many_completions_share_the_loop(void)
{
	enum { COUNT = 1000 };
	struct fake fake;
	struct rig_call *calls = calloc(COUNT, sizeof(*calls));
	uint32_t counter = 0;
	fake_start_ready(&fake);
	for (uint32_t i = 0; i < COUNT; i++)
		renderer_resource_unref(fake.renderer, 1, rig_call(&calls[i], &counter));
	fake_settle(&fake);
	for (uint32_t i = 0; i < COUNT; i++)
		fake_finish(&fake, fake_pop(&fake).cookie, 0);
	CHECK_INT(loop_round(fake.loop, 0), 0);
	CHECK(counter > 0 && counter < COUNT);
	fake_settle(&fake);
	CHECK_INT(counter, COUNT);
	fake_stop(&fake);
	free(calls);
}

static void images_are_taken(void)
{
	int before = test_open_fds();
	struct fake fake;
	struct rig_call calls[2];
	fake_start_ready(&fake);
	renderer_export_image(fake.renderer, 1, rig_call(&calls[0], NULL));
	renderer_export_image(fake.renderer, 2, rig_call(&calls[1], NULL));
	struct wire_completion image = fake_image(fake_pop(&fake).cookie);
	fake_send_fd(&fake);
	fake_complete(&fake, &image);
	image.cookie = fake_pop(&fake).cookie;
	image.image.planes = 4;
	image.image.modifier = 0x0100000000000002;
	image.image.y_0_top = 1;
	for (uint32_t i = 1; i < 4; i++) {
		image.image.strides[i] = 8 * i;
		image.image.offsets[i] = 100 * i;
	}
	fake_send_fd(&fake);
	fake_complete(&fake, &image);
	fake_settle(&fake);

	CHECK_INT(calls[0].status, 0);
	CHECK_INT(calls[0].image->planes, 1);
	CHECK(!calls[0].image->y_0_top);
	const struct image *got = calls[1].image;
	CHECK(got);
	CHECK_INT(got->planes, 4);
	CHECK_INT(got->modifier, 0x0100000000000002);
	CHECK(got->y_0_top);
	CHECK_INT(got->strides[3], 24);
	CHECK_INT(got->offsets[3], 300);
	struct stat first, last;
	CHECK_INT(fstat(got->fds[0], &first), 0);
	CHECK_INT(fstat(got->fds[3], &last), 0);
	CHECK_INT(first.st_ino, last.st_ino);
	CHECK(got->fds[0] != got->fds[3]);
	image_unref(calls[0].image);
	image_unref(calls[1].image);
	fake_stop(&fake);
	CHECK_INT(test_open_fds(), before);
}

int main(int argc, char **argv)
{
	static const struct test_case cases[] = {
		TEST_CASE(learns_what_the_peer_can_do),
		TEST_CASE(operations_wait_for_the_peer),
		TEST_CASE(operations_become_records),
		TEST_CASE(calls_may_be_left_out),
		TEST_CASE(statuses_come_back),
		TEST_CASE(destroying_finishes_open_calls),
		TEST_CASE(done_may_start_operations),
		TEST_CASE(done_may_destroy_the_renderer),
		TEST_CASE(regions_take_their_descriptors_along),
		TEST_CASE(what_waits_for_the_socket_goes_on),
		TEST_CASE(room_is_told_once),
		TEST_CASE(room_is_for_a_largest_submit),
		TEST_CASE(a_buffer_may_be_left_unused),
		TEST_CASE(a_round_wakes_the_peer_once),
		TEST_CASE(many_completions_share_the_loop),
		TEST_CASE(images_are_taken),
	};
	return test_main(argc, argv, cases, ARRAY_SIZE(cases));
}
