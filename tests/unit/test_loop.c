/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
#include "test.h"

#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

#include "loop/loop.h"
#include "util/fd.h"

/* What the callbacks of a case have done; `loop` and `source` are for those that act. */
struct probe {
	struct loop *loop;
	struct loop_source *source;
	struct probe *other;
	int calls;
	int order;
	uint32_t events;
};

static int next_order;

static void count(void *data)
{
	struct probe *probe = data;
	probe->calls++;
	probe->order = ++next_order;
}

static void count_fd(void *data, uint32_t events)
{
	struct probe *probe = data;
	probe->events = events;
	count(probe);
}

static void watches_descriptors(void)
{
	int ends[2];
	struct probe probe = { 0 };
	struct loop *loop = loop_create();
	CHECK(loop);
	CHECK_INT(pipe2(ends, O_CLOEXEC | O_NONBLOCK), 0);
	struct loop_source *source = loop_add_fd(loop, ends[0], LOOP_READABLE, count_fd, &probe);
	CHECK(source);
	CHECK_INT(loop_round(loop, 0), 0);
	CHECK_INT(probe.calls, 0);
	CHECK_INT(write(ends[1], "x", 1), 1);
	CHECK_INT(loop_round(loop, -1), 0);
	CHECK_INT(loop_round(loop, -1), 0); /* level-triggered */
	CHECK_INT(probe.calls, 2);
	CHECK_INT(probe.events, LOOP_READABLE);

	loop_source_watch(source, 0);
	CHECK_INT(loop_round(loop, 0), 0);
	CHECK_INT(probe.calls, 2);
	fd_close(&ends[1]);
	CHECK_INT(loop_round(loop, -1), 0);
	CHECK_INT(probe.calls, 3);
	CHECK_INT(probe.events, LOOP_HANGUP);
	loop_source_destroy(source);
	CHECK_INT(fcntl(ends[0], F_GETFD), FD_CLOEXEC); /* not closed */
	fd_close(&ends[0]);
	loop_destroy(loop);
}

static void changes_masks(void)
{
	int ends[2];
	struct probe probe = { 0 };
	struct loop *loop = loop_create();
	CHECK_INT(pipe2(ends, O_CLOEXEC | O_NONBLOCK), 0);
	struct loop_source *source = loop_add_fd(loop, ends[1], 0, count_fd, &probe);
	CHECK_INT(loop_round(loop, 0), 0);
	CHECK_INT(probe.calls, 0);
	loop_source_watch(source, LOOP_WRITABLE);
	CHECK_INT(loop_round(loop, 0), 0);
	CHECK_INT(probe.calls, 1);
	CHECK_INT(probe.events, LOOP_WRITABLE);
	loop_source_destroy(source);
	fd_close_all(ends, 2);
	loop_destroy(loop);
}

static void refuses_regular_files(void)
{
	struct loop *loop = loop_create();
	_cleanup_fd_ int fd = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
	CHECK(fd >= 0);
	CHECK(!loop_add_fd(loop, fd, LOOP_READABLE, count_fd, NULL));
	CHECK(!loop_add_fd(loop, -1, LOOP_READABLE, count_fd, NULL));
	loop_destroy(loop);
}

static void fires_timers_in_order(void)
{
	static const uint64_t delays[] = { 30, 10, 20, 10, 0 };
	struct probe probes[ARRAY_SIZE(delays)] = { 0 };
	struct loop *loop = loop_create();
	for (size_t i = 0; i < ARRAY_SIZE(delays); i++) {
		probes[i].source = loop_add_timer(loop, count, &probes[i]);
		loop_timer_arm(probes[i].source, delays[i]);
	}
	next_order = 0;
	uint64_t start = loop_now_ms();
	while (!probes[0].calls)
		CHECK_INT(loop_round(loop, -1), 0);
	CHECK(loop_now_ms() - start >= 29);
	static const int order[] = { 5, 2, 4, 3, 1 };
	for (size_t i = 0; i < ARRAY_SIZE(delays); i++) {
		CHECK_INT(probes[i].calls, 1);
		CHECK_INT(probes[i].order, order[i]);
		loop_source_destroy(probes[i].source);
	}
	loop_destroy(loop);
}

static void rearms_and_disarms_timers(void)
{
	struct probe probe = { 0 }, never = { 0 };
	struct loop *loop = loop_create();
	struct loop_source *timer = loop_add_timer(loop, count, &probe);
	struct loop_source *other = loop_add_timer(loop, count, &never);
	loop_timer_arm(other, UINT64_MAX);
	loop_timer_arm(timer, 100000);
	loop_timer_arm(timer, 5);
	uint64_t start = loop_now_ms();
	CHECK_INT(loop_round(loop, -1), 0);
	CHECK_INT(probe.calls, 1);
	CHECK(loop_now_ms() - start < 5000);

	loop_timer_arm(timer, 0);
	loop_timer_disarm(timer);
	loop_timer_disarm(timer);
	CHECK_INT(loop_round(loop, 10), 0);
	CHECK_INT(probe.calls, 1); /* one-shot, and disarmed */
	CHECK_INT(never.calls, 0);
	loop_source_destroy(timer);
	loop_source_destroy(other);
	loop_destroy(loop);
}

static void rearm_now(void *data)
{
	struct probe *probe = data;
	probe->calls++;
	loop_timer_arm(probe->source, 0);
}

static void a_timer_fires_once_a_round(void)
{
	struct probe probe = { 0 };
	struct loop *loop = loop_create();
	probe.source = loop_add_timer(loop, rearm_now, &probe);
	loop_timer_arm(probe.source, 0);
	CHECK_INT(loop_round(loop, -1), 0);
	CHECK_INT(probe.calls, 1);
	CHECK_INT(loop_round(loop, -1), 0);
	CHECK_INT(probe.calls, 2);
	loop_source_destroy(probe.source);
	loop_destroy(loop);
}

static void defer_again(void *data)
{
	struct probe *probe = data;
	count(probe);
	if (probe->calls < 3)
		loop_defer_arm(probe->source);
}

static void arm_deferred(void *data, uint32_t events)
{
	struct probe *probe = data;
	count_fd(data, events);
	fd_eventfd_drain(probe->other->calls); /* the descriptor travels in there */
	loop_defer_arm(probe->source);
	loop_defer_arm(probe->source);
}

static void defers_calls(void)
{
	struct probe deferred = { 0 };
	struct loop *loop = loop_create();
	deferred.source = loop_add_deferred(loop, defer_again, &deferred);
	CHECK_INT(loop_round(loop, 0), 0);
	CHECK_INT(deferred.calls, 0);
	loop_defer_arm(deferred.source);
	for (int round = 1; round <= 3; round++) {
		CHECK_INT(loop_round(loop, -1), 0); /* an armed call does not let it wait */
		CHECK_INT(deferred.calls, round);
	}
	CHECK_INT(loop_round(loop, 0), 0);
	CHECK_INT(deferred.calls, 3);
	loop_source_destroy(deferred.source);
	loop_destroy(loop);
}

static void defers_behind_descriptors(void)
{
	_cleanup_fd_ int fd = fd_eventfd();
	struct probe deferred = { .calls = 0 }, timer = { 0 };
	struct probe descriptor = { 0 }, carrier = { .calls = fd };
	struct loop *loop = loop_create();
	deferred.source = loop_add_deferred(loop, count, &deferred);
	timer.source = loop_add_timer(loop, count, &timer);
	descriptor.source = deferred.source;
	descriptor.other = &carrier;
	struct loop_source *source =
		loop_add_fd(loop, fd, LOOP_READABLE, arm_deferred, &descriptor);
	fd_eventfd_signal(fd);
	loop_timer_arm(timer.source, 0);
	next_order = 0;
	CHECK_INT(loop_round(loop, -1), 0);
	CHECK_INT(descriptor.order, 1);
	CHECK_INT(timer.order, 2);
	CHECK_INT(deferred.order, 3);
	CHECK_INT(deferred.calls, 1);
	loop_source_destroy(source);
	loop_source_destroy(timer.source);
	loop_source_destroy(deferred.source);
	loop_destroy(loop);
}

static void takes_signals(void)
{
	struct probe probe = { 0 };
	struct loop *loop = loop_create();
	struct loop_source *source = loop_add_signal(loop, SIGUSR1, count, &probe);
	CHECK(source);
	CHECK_INT(raise(SIGUSR1), 0);
	CHECK_INT(loop_round(loop, -1), 0);
	CHECK_INT(loop_round(loop, 0), 0);
	CHECK_INT(probe.calls, 1);
	loop_source_destroy(source);
	CHECK(!loop_add_signal(loop, 4711, count, &probe));
	loop_destroy(loop);
}

static void *wake_often(void *waker)
{
	for (int i = 0; i < 1000; i++)
		loop_waker_wake(waker);
	return NULL;
}

static void wakes_from_threads(void)
{
	pthread_t thread;
	struct probe probe = { 0 };
	struct loop *loop = loop_create();
	struct loop_source *waker = loop_add_waker(loop, count, &probe);
	CHECK(waker);
	CHECK_INT(pthread_create(&thread, NULL, wake_often, waker), 0);
	CHECK_INT(loop_round(loop, -1), 0);
	CHECK_INT(probe.calls, 1);
	pthread_join(thread, NULL);
	CHECK_INT(loop_round(loop, 0), 0);
	int calls = probe.calls;
	CHECK(calls == 1 || calls == 2); /* merged */
	CHECK_INT(loop_round(loop, 0), 0);
	CHECK_INT(probe.calls, calls);
	errno = ERANGE;
	loop_waker_wake(waker);
	CHECK_INT(errno, ERANGE);
	loop_source_destroy(waker);
	loop_destroy(loop);
}

/* Destroys its own source and that of `other`. */
static void destroy_both(void *data)
{
	struct probe *probe = data;
	probe->calls++;
	loop_source_destroy(probe->source);
	loop_source_destroy(probe->other->source);
	probe->source = NULL;
	probe->other->source = NULL;
}

static void destroy_both_fd(void *data, uint32_t events)
{
	destroy_both(data);
}

/* Two sources due in the same round: whichever is first destroys both. */
static void check_destruction(struct loop *loop, struct probe pair[2])
{
	pair[0].other = &pair[1];
	pair[1].other = &pair[0];
	CHECK(pair[0].source && pair[1].source);
	CHECK_INT(loop_round(loop, 0), 0);
	CHECK_INT(pair[0].calls + pair[1].calls, 1);
	CHECK_INT(loop_round(loop, 0), 0);
	CHECK_INT(pair[0].calls + pair[1].calls, 1);
	loop_destroy(loop);
}

static void destroys_due_descriptors(void)
{
	_cleanup_fd_ int fd = fd_eventfd();
	_cleanup_fd_ int copy = fd_dup(fd);
	struct probe pair[2] = { 0 };
	struct loop *loop = loop_create();
	fd_eventfd_signal(fd);
	pair[0].source = loop_add_fd(loop, fd, LOOP_READABLE, destroy_both_fd, &pair[0]);
	pair[1].source = loop_add_fd(loop, copy, LOOP_READABLE, destroy_both_fd, &pair[1]);
	check_destruction(loop, pair);
}

static void destroys_due_wakers_and_timers(void)
{
	struct probe pair[2] = { 0 };
	struct loop *loop = loop_create();
	pair[0].source = loop_add_waker(loop, destroy_both, &pair[0]);
	pair[1].source = loop_add_timer(loop, destroy_both, &pair[1]);
	loop_waker_wake(pair[0].source);
	loop_timer_arm(pair[1].source, 0);
	check_destruction(loop, pair);
}

static void destroys_due_timers(void)
{
	struct probe pair[2] = { 0 };
	struct loop *loop = loop_create();
	for (int i = 0; i < 2; i++) {
		pair[i].source = loop_add_timer(loop, destroy_both, &pair[i]);
		loop_timer_arm(pair[i].source, 0);
	}
	check_destruction(loop, pair);
}

static void destroys_due_deferred(void)
{
	struct probe pair[2] = { 0 };
	struct loop *loop = loop_create();
	for (int i = 0; i < 2; i++) {
		pair[i].source = loop_add_deferred(loop, destroy_both, &pair[i]);
		loop_defer_arm(pair[i].source);
	}
	check_destruction(loop, pair);
}

static void unwatch_other(void *data, uint32_t events)
{
	struct probe *probe = data;
	count_fd(data, events);
	loop_source_watch(probe->other->source, 0);
}

static void forgets_lost_interest(void)
{
	_cleanup_fd_ int fd = fd_eventfd();
	_cleanup_fd_ int copy = fd_dup(fd);
	struct probe pair[2] = { 0 };
	struct loop *loop = loop_create();
	fd_eventfd_signal(fd);
	pair[0].other = &pair[1];
	pair[1].other = &pair[0];
	pair[0].source = loop_add_fd(loop, fd, LOOP_READABLE, unwatch_other, &pair[0]);
	pair[1].source = loop_add_fd(loop, copy, LOOP_READABLE, unwatch_other, &pair[1]);
	CHECK_INT(loop_round(loop, 0), 0);
	CHECK_INT(pair[0].calls + pair[1].calls, 1);
	loop_source_destroy(pair[0].source);
	loop_source_destroy(pair[1].source);
	loop_destroy(loop);
}

static void stop_with_42(void *data)
{
	loop_stop(data, 42);
}

static void runs_until_stopped(void)
{
	struct loop *loop = loop_create();
	struct loop_source *timer = loop_add_timer(loop, stop_with_42, loop);
	loop_timer_arm(timer, 5);
	CHECK_INT(loop_run(loop), 42);
	loop_stop(loop, 7);
	CHECK_INT(loop_run(loop), 7);
	loop_timer_arm(timer, 0);
	CHECK_INT(loop_run(loop), 42);
	loop_source_destroy(timer);
	loop_destroy(loop);
}

static void leaks_nothing(void)
{
	int before = test_open_fds();
	struct loop *loop = loop_create();
	struct loop_source *waker = loop_add_waker(loop, count, NULL);
	struct loop_source *signal = loop_add_signal(loop, SIGUSR2, count, NULL);
	CHECK_INT(test_open_fds(), before + 3);
	loop_source_destroy(waker);
	loop_source_destroy(signal);
	loop_source_destroy(NULL);
	loop_destroy(loop);
	loop_destroy(NULL);
	CHECK_INT(test_open_fds(), before);
}

int main(int argc, char **argv)
{
	static const struct test_case cases[] = {
		TEST_CASE(watches_descriptors),
		TEST_CASE(changes_masks),
		TEST_CASE(refuses_regular_files),
		TEST_CASE(fires_timers_in_order),
		TEST_CASE(rearms_and_disarms_timers),
		TEST_CASE(a_timer_fires_once_a_round),
		TEST_CASE(defers_calls),
		TEST_CASE(defers_behind_descriptors),
		TEST_CASE(takes_signals),
		TEST_CASE(wakes_from_threads),
		TEST_CASE(destroys_due_descriptors),
		TEST_CASE(destroys_due_wakers_and_timers),
		TEST_CASE(destroys_due_timers),
		TEST_CASE(destroys_due_deferred),
		TEST_CASE(forgets_lost_interest),
		TEST_CASE(runs_until_stopped),
		TEST_CASE(leaks_nothing),
	};
	return test_main(argc, argv, cases, ARRAY_SIZE(cases));
}
