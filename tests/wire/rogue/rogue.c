/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/*
 * A renderer process that its guest has taken over: it speaks the ring as the null renderer does, finishes
 * everything with status 0 and draws nothing; beside that it does what ROGUE in the environment names,
 * one of the rows below, again and again.
 */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <unistd.h>

#include "null/null.h"
#include "renderer/ring_layout.h"
#include "util/checked.h"
#include "util/fd.h"
#include "util/fourcc.h"

#define SOCK 3 /* as the launcher gives it */

struct rogue {
	struct ring *ring;
	struct ring_shared *shared;
	int to_device; /* the pipe that wakes it */
	uint32_t count; /* of records so far */
	uint64_t last; /* cookie before this one */
	uint64_t seed;
};

static uint32_t draw_number(struct rogue *rogue)
{
	rogue->seed = rogue->seed * UINT64_C(6364136223846793005) + 1442695040888963407u;
	return (uint32_t)(rogue->seed >> 32);
}

static void push(struct rogue *rogue, const struct wire_completion *completion)
{
	ring_push_completion(rogue->ring, completion);
}

static void push_status(struct rogue *rogue, uint64_t cookie, int status, uint32_t flags)
{
	push(rogue,
		&(struct wire_completion){ .cookie = cookie, .status = status, .flags = flags });
}

static void send_fd(int fd)
{
	const struct wire_packet packet = { .type = WIRE_FD };
	fd_send_packet(SOCK, &packet, sizeof(packet), &fd, 1);
}

/* --- what it does -------------------------------------------------------------------------- */

static void no_cookies(struct rogue *rogue, const struct wire_submission *record)
{
	const uint64_t cookies[] = { 0, UINT64_MAX, record->cookie + 1, record->cookie - 1,
		record->cookie + (UINT64_C(1) << 32), rogue->last };
	push_status(rogue, cookies[rogue->count % ARRAY_SIZE(cookies)], 0, 0);
}

static void twice(struct rogue *rogue, const struct wire_submission *record)
{
	push_status(rogue, record->cookie, 0, 0);
}

static void statuses(struct rogue *rogue, const struct wire_submission *record)
{
	const int values[] = { 1, INT32_MIN, -4096, INT32_MAX, -1, -ENOMEM };
	push_status(rogue, record->cookie, values[rogue->count % ARRAY_SIZE(values)], 0);
}

static void flags(struct rogue *rogue, const struct wire_submission *record)
{
	push_status(rogue, record->cookie, 0, 1u << rogue->count % 32);
}

static void noise(struct rogue *rogue, const struct wire_submission *record)
{
	struct wire_completion completion;
	uint32_t words[sizeof(completion) / 4];
	for (uint32_t i = 0; i < ARRAY_SIZE(words); i++)
		words[i] = draw_number(rogue);
	memcpy(&completion, words, sizeof(completion));
	if (draw_number(rogue) % 2)
		completion.cookie = record->cookie;
	push(rogue, &completion);
}

static void descriptors(struct rogue *rogue, const struct wire_submission *record)
{
	for (int i = 0; i < 100; i++)
		send_fd(rogue->to_device);
}

static int a_file(void)
{
	int fd = memfd_create("image", MFD_CLOEXEC);
	return fd >= 0 && ftruncate(fd, 4096) == 0 ? fd : -1;
}

static void images(struct rogue *rogue, const struct wire_submission *record)
{
	static const uint32_t sizes[] = { 0, 1, 64, 16384, 16385, UINT32_MAX };
	struct wire_completion completion = {
		.cookie = record->cookie,
		.flags = WIRE_FLAG_FD,
		.image = {
			.width = sizes[draw_number(rogue) % ARRAY_SIZE(sizes)],
			.height = sizes[draw_number(rogue) % ARRAY_SIZE(sizes)],
			.fourcc = draw_number(rogue) % 2 ? FOURCC_XRGB8888 : draw_number(rogue),
			.planes = draw_number(rogue) % 6,
			.modifier = draw_number(rogue) % 2 ? 0 : UINT64_MAX,
			.strides = { sizes[draw_number(rogue) % ARRAY_SIZE(sizes)] },
			.offsets = { sizes[draw_number(rogue) % ARRAY_SIZE(sizes)] },
		},
	};
	const uint32_t kind = draw_number(rogue) % 4;
	_cleanup_fd_ int fd = kind == 0 ? a_file()
		: kind == 1             ? epoll_create1(EPOLL_CLOEXEC)
		: kind == 2             ? dup(SOCK)
					: dup(rogue->to_device);
	if (record->op != WIRE_EXPORT_IMAGE)
		return;
	send_fd(fd);
	push(rogue, &completion);
}

static void no_descriptor(struct rogue *rogue, const struct wire_submission *record)
{
	push_status(rogue, record->cookie, 0, WIRE_FLAG_FD);
}

static void indices(struct rogue *rogue, const struct wire_submission *record)
{
	_Atomic uint32_t *const places[] = { &rogue->shared->submissions.produced,
		&rogue->shared->submissions.consumed, &rogue->shared->completions.produced,
		&rogue->shared->completions.consumed };
	if (rogue->count > 10)
		atomic_fetch_add(places[draw_number(rogue) % 4], draw_number(rogue));
}

/* All that is shared. */
static void scribble(struct rogue *rogue, const struct wire_submission *record)
{
	uint32_t *words = (uint32_t *)(void *)rogue->shared;
	for (uint32_t i = 0; rogue->count % 50 == 49 && i < 1000; i++)
		words[draw_number(rogue) % (sizeof(*rogue->shared) / 4)] = draw_number(rogue);
}

static void wakes(struct rogue *rogue, const struct wire_submission *record)
{
	static const uint8_t bytes[4096];
	for (int i = 0; i < 100; i++)
		(void)!write(rogue->to_device, bytes, sizeof(bytes));
}

static void packets(struct rogue *rogue, const struct wire_submission *record)
{
	const struct wire_packet packet = { .type = draw_number(rogue) % 6, .size = UINT32_MAX };
	for (uint32_t size = 0; size <= sizeof(packet); size++)
		fd_send_packet(SOCK, &packet, size, NULL, 0);
}

static void closes(struct rogue *rogue, const struct wire_submission *record)
{
	if (rogue->count % 10 == 9)
		close(SOCK);
}

static void dies(struct rogue *rogue, const struct wire_submission *record)
{
	if (draw_number(rogue) % 10 == 9)
		kill(getpid(), SIGKILL);
}

static const struct {
	const char *name;
	void (*run)(struct rogue *rogue, const struct wire_submission *record);
} ways[] = {
	{ "no_cookies", no_cookies },
	{ "twice", twice },
	{ "statuses", statuses },
	{ "flags", flags },
	{ "noise", noise },
	{ "descriptors", descriptors },
	{ "images", images },
	{ "no_descriptor", no_descriptor },
	{ "indices", indices },
	{ "scribble", scribble },
	{ "wakes", wakes },
	{ "packets", packets },
	{ "closes", closes },
	{ "dies", dies },
};

/* --- as a renderer is ---------------------------------------------------------------------- */

static void introduce(struct rogue *rogue)
{
	uint8_t packet[sizeof(struct wire_packet) + NULL_CAPSET_SIZE] = { 0 };
	const struct wire_packet capset = { .type = WIRE_CAPSET,
		.capset_id = NULL_CAPSET,
		.max_version = NULL_CAPSET_VERSION,
		.size = NULL_CAPSET_SIZE };
	const struct wire_packet ready = {
		.type = WIRE_READY, .version = RENDERER_WIRE_VERSION, .can_export = 1
	};
	memcpy(packet, &capset, sizeof(capset));
	fd_send_packet(SOCK, packet, sizeof(packet), NULL, 0);
	fd_send_packet(SOCK, &ready, sizeof(ready), NULL, 0);
}

static bool start(struct rogue *rogue)
{
	struct wire_packet hello;
	int fds[3];
	struct pollfd comes = { .fd = SOCK, .events = POLLIN };
	poll(&comes, 1, 10000);
	if (fd_recv_packet(SOCK, &hello, sizeof(hello), fds, 3) != (ssize_t)sizeof(hello))
		return false;
	rogue->shared =
		mmap(NULL, sizeof(*rogue->shared), PROT_READ | PROT_WRITE, MAP_SHARED, fds[0], 0);
	rogue->to_device = fd_dup(fds[2]);
	struct ring_fds ring_fds = { fds[0], fds[1], fds[2] };
	rogue->ring = ring_open(&ring_fds);
	rogue->seed = (uint64_t)getpid();
	return rogue->shared != MAP_FAILED && rogue->ring && rogue->to_device >= 0;
}

/* False when there are no more to come. */
static bool serve(struct rogue *rogue, size_t way)
{
	struct wire_submission record;
	struct pollfd polls[2] = {
		{ .fd = SOCK },
		{ .fd = ring_wake_fd(rogue->ring), .events = POLLIN },
	};
	int result;
	while ((result = ring_pop_submission(rogue->ring, &record)) == 1) {
		ways[way].run(rogue, &record);
		if (record.cookie)
			push_status(
				rogue, record.cookie, record.op == WIRE_EXPORT_IMAGE ? -EIO : 0, 0);
		rogue->last = record.cookie;
		rogue->count++;
	}
	ring_notify(rogue->ring);
	if (result < 0)
		return false;
	if (!ring_arm(rogue->ring))
		poll(polls, 2, 100);
	ring_disarm(rogue->ring);
	return !(polls[0].revents & (POLLHUP | POLLNVAL));
}

int main(void)
{
	static struct rogue rogue;
	const char *name = getenv("ROGUE");
	size_t way = 0;
	while (way < ARRAY_SIZE(ways) && (!name || strcmp(ways[way].name, name) != 0))
		way++;
	signal(SIGPIPE, SIG_IGN);
	if (way == ARRAY_SIZE(ways) || fd_set_nonblocking(SOCK) < 0 || !start(&rogue))
		return EXIT_FAILURE;
	introduce(&rogue);
	while (serve(&rogue, way))
		;
	return EXIT_SUCCESS;
}
