/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "renderer/ring.h"
#include "renderer/ring_layout.h"
#include "test.h"
#include "util/fd.h"

#define PATIENCE_MS 20000

/* Both sides in one process, each with a mapping of its own; a third one for what peers should not do. */
struct pair {
	struct ring *device;
	struct ring *renderer;
	struct ring_shared *shared;
	struct ring_fds renderer_fds; /* numbers of the renderer's descriptors, not owned */
};

static void open_pair(struct pair *pair)
{
	pair->device = ring_create(ring_memory());
	CHECK(pair->device);
	const struct ring_fds fds = ring_get_fds(pair->device);
	struct ring_fds sent = { fd_dup(fds.memory), fd_dup(fds.to_renderer),
		fd_dup(fds.to_device) };
	pair->renderer_fds = sent;
	pair->shared = mmap(
		NULL, sizeof(*pair->shared), PROT_READ | PROT_WRITE, MAP_SHARED, fds.memory, 0);
	CHECK(pair->shared != MAP_FAILED);
	pair->renderer = ring_open(&sent);
	CHECK(pair->renderer);
	CHECK_INT(sent.memory, -1);
}

static void close_pair(struct pair *pair)
{
	munmap(pair->shared, sizeof(*pair->shared));
	ring_destroy(pair->device);
	ring_destroy(pair->renderer);
}

static bool is_readable(int fd)
{
	struct pollfd poll_fd = { .fd = fd, .events = POLLIN };
	return poll(&poll_fd, 1, 0) == 1;
}

static bool submit(struct pair *pair, uint64_t cookie)
{
	const struct wire_submission record = { .op = WIRE_NOP, .cookie = cookie };
	return ring_push_submission(pair->device, &record);
}

static bool complete(struct pair *pair, uint64_t cookie)
{
	const struct wire_completion record = { .cookie = cookie, .status = -5 };
	return ring_push_completion(pair->renderer, &record);
}

static void records_arrive_in_order(void)
{
	struct pair pair;
	struct wire_submission submission;
	struct wire_completion completion;
	uint64_t pushed = 0, popped = 0, answered = 0;
	open_pair(&pair);
	srand(1);
	while (popped < 20000) {
		for (int i = rand() % 700; i > 0 && submit(&pair, pushed); i--)
			pushed++;
		for (int i = rand() % 700; i > 0; i--) {
			if (ring_pop_submission(pair.renderer, &submission) == 0)
				break;
			CHECK_INT(submission.cookie, popped);
			CHECK(complete(&pair, popped));
			popped++;
		}
		while (ring_pop_completion(pair.device, &completion) > 0) {
			CHECK_INT(completion.cookie, answered);
			CHECK_INT(completion.status, -5);
			answered++;
		}
		CHECK_INT(answered, popped);
	}
	CHECK(pushed >= popped);
	close_pair(&pair);
}

static void a_full_queue_refuses(void)
{
	struct pair pair;
	struct wire_submission submission;
	struct wire_completion completion;
	open_pair(&pair);
	for (uint32_t i = 0; i < RING_SUBMISSIONS; i++) {
		CHECK_INT(ring_submission_room(pair.device), RING_SUBMISSIONS - i);
		CHECK(submit(&pair, i));
	}
	CHECK(!submit(&pair, 1));
	CHECK_INT(ring_submission_room(pair.device), 0);
	/* What was popped is in use until the next pop. */
	CHECK_INT(ring_pop_submission(pair.renderer, &submission), 1);
	CHECK(!submit(&pair, 1));
	CHECK_INT(ring_pop_submission(pair.renderer, &submission), 1);
	CHECK_INT(ring_submission_room(pair.device), 1);
	CHECK(submit(&pair, 1));

	for (uint32_t i = 0; i < RING_COMPLETIONS; i++)
		CHECK(complete(&pair, i));
	CHECK(!complete(&pair, 1));
	CHECK_INT(ring_completion_room(pair.renderer), 0);
	CHECK_INT(ring_pop_completion(pair.device, &completion), 1);
	CHECK_INT(ring_completion_room(pair.renderer), 1);
	CHECK(complete(&pair, 1));
	close_pair(&pair);
}

static void impossible_completions_are_found(void)
{
	static const struct {
		uint32_t first; /* completions that are there and popped */
		uint32_t wanted; /* what the renderer then says to have produced */
	} tables[] = {
		{ 0, RING_COMPLETIONS + 1 },
		{ 5, 4 },
		{ 5, 0 },
		{ 5, 6 + RING_COMPLETIONS },
		{ 5, UINT32_MAX },
		{ 0, UINT32_MAX },
	};
	for (size_t i = 0; i < ARRAY_SIZE(tables); i++) {
		struct pair pair;
		struct wire_completion completion;
		open_pair(&pair);
		for (uint32_t n = 0; n < tables[i].first; n++)
			CHECK(complete(&pair, n));
		while (ring_pop_completion(pair.device, &completion) > 0)
			;
		pair.shared->completions.produced = tables[i].wanted;
		CHECK(ring_arm(pair.device));
		CHECK_INT(ring_pop_completion(pair.device, &completion), -EPROTO);
		/* and for ever */
		pair.shared->completions.produced = tables[i].first;
		CHECK_INT(ring_pop_completion(pair.device, &completion), -EPROTO);
		CHECK_INT(ring_submission_room(pair.device), 0);
		CHECK(!submit(&pair, 1));
		close_pair(&pair);
	}
}

/* Less than has been seen already, though it would be more than has been popped. */
static void a_queue_does_not_shrink(void)
{
	struct pair pair;
	struct wire_completion completion;
	open_pair(&pair);
	for (uint32_t i = 0; i < 4; i++)
		CHECK(complete(&pair, i));
	CHECK_INT(ring_pop_completion(pair.device, &completion), 1);
	pair.shared->completions.produced = 2;
	CHECK(ring_arm(pair.device));
	CHECK_INT(ring_pop_completion(pair.device, &completion), -EPROTO);
	close_pair(&pair);
}

static void impossible_consumption_is_found(void)
{
	static const uint32_t wanted[] = { 11, 2, UINT32_MAX, 4 + (1u << 31) };
	for (size_t i = 0; i < ARRAY_SIZE(wanted); i++) {
		struct pair pair;
		struct wire_submission submission;
		struct wire_completion completion;
		uint64_t position;
		open_pair(&pair);
		for (uint32_t n = 0; n < 10; n++)
			CHECK(submit(&pair, n));
		for (uint32_t n = 0; n < 4; n++)
			CHECK_INT(ring_pop_submission(pair.renderer, &submission), 1);
		CHECK_INT(ring_submission_room(pair.device), RING_SUBMISSIONS - 7);
		pair.shared->submissions.consumed = wanted[i];
		CHECK_INT(ring_submission_room(pair.device), 0);
		CHECK(!submit(&pair, 1));
		CHECK_INT(ring_pop_completion(pair.device, &completion), -EPROTO);
		ring_data_reserve(pair.device, 64, &position);
		ring_data_room(pair.device);
		close_pair(&pair);
	}
}

static void only_a_ring_is_opened(void)
{
	struct ring *device = ring_create(ring_memory());
	CHECK(device);
	const struct ring_fds good = ring_get_fds(device);
	int before = test_open_fds();
	struct ring_fds fds = {
		memfd_create("small", MFD_ALLOW_SEALING),
		fd_dup(good.to_renderer),
		fd_dup(good.to_device),
	};
	CHECK(!ring_open(&fds));
	CHECK_INT(errno, EINVAL);
	fds = (struct ring_fds){
		memfd_create("unsealed", MFD_ALLOW_SEALING),
		fd_dup(good.to_renderer),
		fd_dup(good.to_device),
	};
	CHECK_INT(ftruncate(fds.memory, sizeof(struct ring_shared)), 0);
	CHECK(!ring_open(&fds));
	fds = (struct ring_fds){ open("/dev/null", O_RDWR), -1, -1 };
	CHECK(!ring_open(&fds));
	fds = (struct ring_fds){ -1, -1, -1 };
	CHECK(!ring_open(&fds));
	fds = (struct ring_fds){ fd_dup(good.memory), -1, fd_dup(good.to_device) };
	CHECK(!ring_open(&fds));
	CHECK_INT(test_open_fds(), before);
	CHECK_INT(ftruncate(good.memory, 4096), -1);
	ring_destroy(device);
	ring_destroy(NULL);
}

static void wakes_who_sleeps(void)
{
	struct pair pair;
	struct wire_submission submission;
	open_pair(&pair);
	int fd = ring_wake_fd(pair.renderer);
	CHECK(submit(&pair, 1));
	ring_notify(pair.device);
	CHECK(!is_readable(fd)); /* not armed */
	CHECK(ring_arm(pair.renderer));
	CHECK_INT(ring_pop_submission(pair.renderer, &submission), 1);
	CHECK_INT(ring_pop_submission(pair.renderer, &submission), 0);
	CHECK(!ring_arm(pair.renderer));
	ring_notify(pair.device);
	CHECK(!is_readable(fd)); /* no news */
	CHECK(submit(&pair, 2));
	ring_notify(pair.device);
	CHECK(is_readable(fd));
	ring_disarm(pair.renderer);
	CHECK(!is_readable(fd));
	CHECK(submit(&pair, 3));
	ring_notify(pair.device);
	CHECK(!is_readable(fd)); /* awake */

	CHECK(!ring_arm(pair.device));
	CHECK(complete(&pair, 1));
	ring_notify(pair.renderer);
	CHECK(is_readable(ring_wake_fd(pair.device)));
	close_pair(&pair);
}

static void wakes_who_waits_for_room(void)
{
	struct pair pair;
	struct wire_submission submission;
	open_pair(&pair);
	while (submit(&pair, 1))
		;
	ring_notify(pair.device);
	ring_want_room(pair.device);
	int fd = ring_wake_fd(pair.device);
	ring_notify(pair.renderer);
	CHECK(!is_readable(fd));
	CHECK_INT(ring_pop_submission(pair.renderer, &submission), 1);
	ring_notify(pair.renderer);
	CHECK(!is_readable(fd)); /* the popped one is in use */
	CHECK_INT(ring_pop_submission(pair.renderer, &submission), 1);
	ring_notify(pair.renderer);
	CHECK(is_readable(fd));
	ring_disarm(pair.device);
	CHECK_INT(ring_pop_submission(pair.renderer, &submission), 1);
	ring_notify(pair.renderer);
	CHECK(!is_readable(fd)); /* said once */
	close_pair(&pair);
}

/* A renderer cannot make the device wait on a pipe, whatever it does to its own ends. */
static void a_peer_cannot_block_the_device(void)
{
	struct pair pair;
	struct wire_submission submission;
	open_pair(&pair);
	CHECK_INT(fcntl(pair.renderer_fds.to_renderer, F_SETFL, 0), 0);
	CHECK_INT(fcntl(pair.renderer_fds.to_device, F_SETFL, 0), 0);
	fcntl(pair.renderer_fds.to_renderer, F_SETPIPE_SZ, 4096);
	alarm(PATIENCE_MS / 1000);
	for (int i = 0; i < 20000; i++) {
		pair.shared->wishes[RING_RENDERER].armed = 1;
		CHECK(submit(&pair, 1));
		ring_notify(pair.device);
		CHECK_INT(ring_pop_submission(pair.renderer, &submission), 1);
	}
	ring_disarm(pair.device);
	ring_disarm(pair.device);
	alarm(0);
	close_pair(&pair);
}

static void wait_awake(int fd)
{
	struct pollfd poll_fd = { .fd = fd, .events = POLLIN };
	if (poll(&poll_fd, 1, PATIENCE_MS) != 1)
		abort(); /* a wake-up was lost; CHECK() is for the main thread only */
}

#define RACES 300000u

/* The renderer's side of the race: answers each record, sleeping whenever there is none. */
static void *answer_all(void *data)
{
	struct pair *pair = data;
	struct wire_submission record;
	unsigned int seed = 7;
	for (uint32_t done = 0; done < RACES;) {
		int result = ring_pop_submission(pair->renderer, &record);
		if (result > 0) {
			while (!complete(pair, record.cookie)) {
				ring_notify(pair->renderer);
				ring_want_room(pair->renderer);
				if (complete(pair, record.cookie))
					break;
				wait_awake(ring_wake_fd(pair->renderer));
				ring_disarm(pair->renderer);
			}
			done++;
			if (rand_r(&seed) % 8 == 0)
				ring_notify(pair->renderer);
			continue;
		}
		ring_notify(pair->renderer);
		if (!ring_arm(pair->renderer)) {
			wait_awake(ring_wake_fd(pair->renderer));
			ring_disarm(pair->renderer);
		}
	}
	ring_notify(pair->renderer);
	return NULL;
}

static uint32_t take_all(struct pair *pair, uint32_t expected)
{
	struct wire_completion completion;
	uint32_t count = 0;
	while (ring_pop_completion(pair->device, &completion) > 0) {
		CHECK_INT(completion.cookie, expected + count);
		count++;
	}
	return count;
}

static void no_wake_up_is_lost(void)
{
	struct pair pair;
	pthread_t thread;
	uint32_t pushed = 0, done = 0;
	open_pair(&pair);
	srand(3);
	CHECK_INT(pthread_create(&thread, NULL, answer_all, &pair), 0);
	while (done < RACES) {
		/* Mostly a few at a time, so that both sides keep falling asleep; now and then all. */
		uint32_t burst = rand() % 512 == 0 ? 2000 : 1 + (uint32_t)rand() % 3;
		while (burst-- > 0 && pushed < RACES && submit(&pair, pushed))
			pushed++;
		ring_notify(pair.device);
		bool wait = pushed == RACES || rand() % 4 != 0;
		do {
			uint32_t taken = take_all(&pair, done);
			done += taken;
			ring_notify(pair.device);
			if (taken == 0 && done < pushed && !ring_arm(pair.device)) {
				wait_awake(ring_wake_fd(pair.device));
				ring_disarm(pair.device);
			}
		} while (wait && done < pushed);
	}
	CHECK_INT(pthread_join(thread, NULL), 0);
	close_pair(&pair);
}

/* Device alone sleeps for room, with nothing coming back. */
static void *swallow_all(void *data)
{
	struct pair *pair = data;
	struct wire_submission record;
	for (uint32_t done = 0; done < RACES;) {
		int result = ring_pop_submission(pair->renderer, &record);
		if (result > 0) {
			done++;
			continue;
		}
		ring_notify(pair->renderer);
		if (!ring_arm(pair->renderer)) {
			wait_awake(ring_wake_fd(pair->renderer));
			ring_disarm(pair->renderer);
		}
	}
	ring_pop_submission(pair->renderer, &record);
	ring_notify(pair->renderer);
	return NULL;
}

static void no_room_is_lost(void)
{
	struct pair pair;
	pthread_t thread;
	open_pair(&pair);
	CHECK_INT(pthread_create(&thread, NULL, swallow_all, &pair), 0);
	for (uint32_t pushed = 0; pushed < RACES;) {
		if (submit(&pair, pushed)) {
			pushed++;
			continue;
		}
		ring_notify(pair.device);
		ring_want_room(pair.device);
		if (ring_submission_room(pair.device) == 0) {
			wait_awake(ring_wake_fd(pair.device));
			ring_disarm(pair.device);
		}
	}
	ring_notify(pair.device);
	CHECK_INT(pthread_join(thread, NULL), 0);
	CHECK_INT(ring_submission_room(pair.device), RING_SUBMISSIONS);
	close_pair(&pair);
}

int main(int argc, char **argv)
{
	static const struct test_case cases[] = {
		TEST_CASE(records_arrive_in_order),
		TEST_CASE(a_full_queue_refuses),
		TEST_CASE(impossible_completions_are_found),
		TEST_CASE(a_queue_does_not_shrink),
		TEST_CASE(impossible_consumption_is_found),
		TEST_CASE(only_a_ring_is_opened),
		TEST_CASE(wakes_who_sleeps),
		TEST_CASE(wakes_who_waits_for_room),
		TEST_CASE(a_peer_cannot_block_the_device),
		TEST_CASE(no_wake_up_is_lost),
		TEST_CASE(no_room_is_lost),
	};
	signal(SIGPIPE, SIG_IGN);
	return test_main(argc, argv, cases, ARRAY_SIZE(cases));
}
