/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
#include "fake_renderer.h"

#include <signal.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "loop/loop.h"
#include "renderer/ring_layout.h"
#include "test.h"
#include "util/fd.h"
#include "util/fourcc.h"
#include "util/log.h"

static void count_event(struct fake *fake, uint32_t *counter)
{
	(*counter)++;
	if (fake->on_event)
		fake->on_event(fake);
}

static void on_ready(void *data, struct renderer *renderer)
{
	struct fake *fake = data;
	count_event(fake, &fake->ready);
}

static void on_lost(void *data, struct renderer *renderer)
{
	struct fake *fake = data;
	count_event(fake, &fake->lost);
}

static void on_room(void *data, struct renderer *renderer)
{
	struct fake *fake = data;
	count_event(fake, &fake->room);
}

static void take_hello(struct fake *fake)
{
	struct wire_packet packet;
	int fds[3];
	ssize_t length = fd_recv_packet(fake->sock, &packet, sizeof(packet), fds, 3);
	CHECK_INT(length, sizeof(packet));
	CHECK_INT(packet.type, WIRE_HELLO);
	CHECK_INT(packet.version, RENDERER_WIRE_VERSION);
	fake->shared =
		mmap(NULL, sizeof(*fake->shared), PROT_READ | PROT_WRITE, MAP_SHARED, fds[0], 0);
	CHECK(fake->shared != MAP_FAILED);
	struct ring_fds ring_fds = { fds[0], fds[1], fds[2] };
	fake->ring = ring_open(&ring_fds);
	CHECK(fake->ring);
}

void fake_start(struct fake *fake)
{
	static const struct renderer_events events = { .lost = on_lost, .room = on_room };
	int socks[2];
	*fake = (struct fake){ 0 };
	signal(SIGPIPE, SIG_IGN);
	/* Louder would be many lines about what these tests do on purpose. */
	log_init("test", LOG_ERROR);
	CHECK_INT(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, socks), 0);
	fake->sock = socks[1];
	fake->loop = loop_create();
	CHECK(fake->loop);
	const struct remote_args args = {
		.loop = fake->loop,
		.sock = socks[0],
		.memory = ring_memory(),
		.name = "fake",
		.events = &events,
		.ready = on_ready,
		.data = fake,
	};
	fake->renderer = remote_renderer_create(&args);
	CHECK(fake->renderer);
	take_hello(fake);
}

void fake_start_ready(struct fake *fake)
{
	fake_start(fake);
	fake_send_capset(fake, 2, 100);
	fake_send_ready(fake);
	fake_settle(fake);
	CHECK_INT(fake->ready, 1);
}

void fake_stop(struct fake *fake)
{
	renderer_destroy(fake->renderer);
	loop_destroy(fake->loop);
	munmap(fake->shared, sizeof(*fake->shared));
	ring_destroy(fake->ring);
	fd_close(&fake->sock);
}

void fake_settle(struct fake *fake)
{
	for (int i = 0; i < 50; i++)
		CHECK_INT(loop_round(fake->loop, 0), 0);
}

int fake_send(struct fake *fake, const struct wire_packet *header, const void *data, uint32_t size,
	int fd)
{
	uint8_t packet[WIRE_PACKET_MAX + 64];
	memcpy(packet, header, sizeof(*header));
	if (size > 0)
		memcpy(packet + sizeof(*header), data, size);
	return fd_send_packet(fake->sock, packet, sizeof(*header) + size, &fd, fd >= 0 ? 1 : 0);
}

void fake_send_capset(struct fake *fake, uint32_t id, uint32_t size)
{
	static const uint8_t zeroes[RENDERER_MAX_CAPSET_SIZE];
	const struct wire_packet header = {
		.type = WIRE_CAPSET,
		.capset_id = id,
		.max_version = 1,
		.size = size,
	};
	CHECK_INT(fake_send(fake, &header, zeroes, size, -1), 0);
}

void fake_send_ready(struct fake *fake)
{
	const struct wire_packet header = {
		.type = WIRE_READY,
		.version = RENDERER_WIRE_VERSION,
		.can_export = 1,
	};
	CHECK_INT(fake_send(fake, &header, NULL, 0, -1), 0);
}

void fake_send_fd(struct fake *fake)
{
	const struct wire_packet header = { .type = WIRE_FD };
	_cleanup_fd_ int fd = memfd_create("image", MFD_CLOEXEC);
	CHECK(fd >= 0);
	CHECK_INT(fake_send(fake, &header, NULL, 0, fd), 0);
}

struct wire_submission fake_pop(struct fake *fake)
{
	struct wire_submission record;
	CHECK_INT(ring_pop_submission(fake->ring, &record), 1);
	return record;
}

void fake_complete(struct fake *fake, const struct wire_completion *completion)
{
	CHECK(ring_push_completion(fake->ring, completion));
	ring_notify(fake->ring);
}

void fake_finish(struct fake *fake, uint64_t cookie, int status)
{
	const struct wire_completion completion = { .cookie = cookie, .status = status };
	fake_complete(fake, &completion);
}

struct wire_completion fake_image(uint64_t cookie)
{
	return (struct wire_completion){
		.cookie = cookie,
		.flags = WIRE_FLAG_FD,
		.image = {
			.width = 4,
			.height = 4,
			.fourcc = FOURCC_XRGB8888,
			.planes = 1,
			.strides = { 16 },
		},
	};
}
