/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/*
 * What the hop to a renderer process costs: between two processes, how many records a second go through
 * the ring, and how long one takes there and back. The last lines have the whole way in them: device
 * side, ring, ring server and a renderer that has next to nothing to do.
 */
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "loop/loop.h"
#include "null/null.h"
#include "renderer/ring.h"
#include "renderer_rig.h"
#include "test.h"
#include "util/fd.h"

#define RECORDS    2000000u
#define ROUNDTRIPS 50000u
#define SUBMITS    500000u

static double now(void)
{
	struct timespec time;
	clock_gettime(CLOCK_MONOTONIC, &time);
	return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

static int compare(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;
	return x < y ? -1 : x > y;
}

static void print_latency(const char *what, double *seconds, uint32_t count)
{
	qsort(seconds, count, sizeof(*seconds), compare);
	printf("# %-48s %8.2f us median, %8.2f us 99 %%\n", what, seconds[count / 2] * 1e6,
		seconds[count / 100 * 99] * 1e6);
}

static void print_rate(const char *what, uint32_t count, double seconds)
{
	printf("# %-48s %8.2f million/s, %8.3f us each\n", what, count / seconds / 1e6,
		seconds / count * 1e6);
}

static void sleep_until_woken(struct ring *ring)
{
	struct pollfd poll_fd = { .fd = ring_wake_fd(ring), .events = POLLIN };
	ring_notify(ring);
	if (ring_arm(ring))
		return;
	poll(&poll_fd, 1, -1);
	ring_disarm(ring);
}

/* The other process: answers until a record of another operation comes. */
static void answer(struct ring *ring)
{
	struct wire_submission record;
	for (;;) {
		if (ring_pop_submission(ring, &record) == 0) {
			sleep_until_woken(ring);
			continue;
		}
		if (record.op != WIRE_NOP)
			_exit(0);
		const struct wire_completion completion = { .cookie = record.cookie };
		while (!ring_push_completion(ring, &completion)) {
			ring_notify(ring);
			ring_want_room(ring);
			if (ring_completion_room(ring) == 0)
				sleep_until_woken(ring);
		}
	}
}

static uint32_t take(struct ring *ring)
{
	struct wire_completion completion;
	uint32_t count = 0;
	while (ring_pop_completion(ring, &completion) > 0)
		count++;
	return count;
}

static void bench_throughput(struct ring *ring)
{
	const struct wire_submission record = { .op = WIRE_NOP };
	double start = now();
	uint32_t pushed = 0, done = 0;
	while (done < RECORDS) {
		while (pushed < RECORDS && ring_push_submission(ring, &record))
			pushed++;
		ring_notify(ring);
		uint32_t taken = take(ring);
		done += taken;
		if (taken == 0)
			sleep_until_woken(ring);
	}
	print_rate("ring: records there and back", RECORDS, now() - start);
}

static void bench_latency(struct ring *ring)
{
	const struct wire_submission record = { .op = WIRE_NOP };
	double *seconds = calloc(ROUNDTRIPS, sizeof(*seconds));
	for (uint32_t i = 0; i < ROUNDTRIPS; i++) {
		double start = now();
		ring_push_submission(ring, &record);
		ring_notify(ring);
		while (take(ring) == 0)
			sleep_until_woken(ring);
		seconds[i] = now() - start;
	}
	print_latency("ring: one record, both sides asleep", seconds, ROUNDTRIPS);
	free(seconds);
}

static void bench_ring(void)
{
	struct ring *ring = ring_create(ring_memory());
	CHECK(ring);
	pid_t process = fork();
	CHECK(process >= 0);
	if (process == 0) {
		const struct ring_fds fds = ring_get_fds(ring);
		struct ring_fds mine = {
			fd_dup(fds.memory),
			fd_dup(fds.to_renderer),
			fd_dup(fds.to_device),
		};
		answer(ring_open(&mine));
	}
	bench_throughput(ring);
	bench_latency(ring);
	const struct wire_submission last = { .op = WIRE_FENCE };
	ring_push_submission(ring, &last);
	ring_notify(ring);
	CHECK_INT(waitpid(process, NULL, 0), process);
	ring_destroy(ring);
}

static void bench_submits(struct rig *rig, uint32_t words, const char *what)
{
	struct rig_call *calls = calloc(SUBMITS, sizeof(*calls));
	uint32_t *stream = calloc(words, sizeof(*stream));
	uint32_t count = words > 1000 ? SUBMITS / 10 : SUBMITS;
	uint32_t done = 0;
	stream[0] = NULL_COMMAND(NULL_NOP, words - 1);
	double start = now();
	for (uint32_t i = 0; i < count; i++) {
		uint32_t seen = rig->room;
		if (!renderer_has_room(rig->renderer))
			rig_wait_count(rig, &rig->room, seen + 1);
		rig_submit(rig, stream, words, rig_call(&calls[i], &done));
	}
	rig_wait_count(rig, &done, count);
	print_rate(what, count, now() - start);
	free(stream);
	free(calls);
}

static void bench_fences(struct rig *rig, const char *what)
{
	double *seconds = calloc(ROUNDTRIPS, sizeof(*seconds));
	for (uint32_t i = 0; i < ROUNDTRIPS; i++) {
		struct rig_call call;
		double start = now();
		renderer_fence(rig->renderer, 1, 0, rig_call(&call, NULL));
		CHECK_INT(rig_finish(rig, &call), 0);
		seconds[i] = now() - start;
	}
	print_latency(what, seconds, ROUNDTRIPS);
	free(seconds);
}

static void bench_renderer(void)
{
	struct rig rig;
	rig_start(&rig, "null");
	rig_add_canvas(&rig, 8, 8);
	bench_submits(&rig, 16, "renderer: submits of 64 bytes");
	bench_submits(&rig, 16384, "renderer: submits of 64 KiB");
	bench_fences(&rig, "renderer: one fence");
	CHECK_INT(rig_stop(&rig), 0);

	rig_start_spinning(&rig, "null", 20);
	rig_add_canvas(&rig, 8, 8);
	bench_submits(&rig, 16, "renderer that spins 20 us: submits of 64 bytes");
	bench_fences(&rig, "renderer that spins 20 us: one fence");
	CHECK_INT(rig_stop(&rig), 0);
}

int main(int argc, char **argv)
{
	static const struct test_case cases[] = {
		TEST_CASE(bench_ring),
		TEST_CASE(bench_renderer),
	};
	signal(SIGPIPE, SIG_IGN);
	return test_main(argc, argv, cases, ARRAY_SIZE(cases));
}
