/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/* The ring server, spoken to record by record: what it answers to a device that is slow, or wrong. */
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "host/host.h"
#include "null/null.h"
#include "renderer/ring.h"
#include "test.h"
#include "util/fd.h"

#define PATIENCE_MS 20000

struct server {
	pid_t process;
	int sock;
	struct ring *ring;
};

/* Stands in for what a library would do with a name. */
static void check_name(struct renderer *renderer, const struct renderer_context_args *args,
	struct renderer_call *call)
{
	bool ended = memchr(args->name, '\0', sizeof(args->name)) != NULL;
	renderer_call_done(call, ended ? 0 : -ENAMETOOLONG, NULL);
}

static struct renderer *create_null(struct loop *loop, struct host_options *options,
	const struct renderer_events *events, void *events_data)
{
	static struct renderer_impl impl;
	struct renderer *renderer = null_renderer_create(loop, true, events, events_data);
	if (renderer) {
		impl = *renderer->impl;
		impl.context_create = check_name;
		renderer->impl = &impl;
	}
	return renderer;
}

static struct renderer *create_nothing(struct loop *loop, struct host_options *options,
	const struct renderer_events *events, void *events_data)
{
	return NULL;
}

static void be_server(int sock, bool works)
{
	const struct host_program program = { "null", NULL, works ? create_null : create_nothing };
	struct host_options options = { .fd = sock, .render_node_fd = -1, .name = "null" };
	signal(SIGPIPE, SIG_IGN);
	/* Nothing is said of what these tests do wrong on purpose. */
	CHECK(freopen("/dev/null", "w", stderr));
	exit(-host_serve(&options, &program));
}

static void start(struct server *server, bool works)
{
	int socks[2];
	CHECK_INT(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, socks), 0);
	server->process = fork();
	CHECK(server->process >= 0);
	if (server->process == 0) {
		close(socks[0]);
		be_server(socks[1], works);
	}
	close(socks[1]);
	server->sock = socks[0];
	server->ring = ring_create(ring_memory());
	CHECK(server->ring);
}

/* Ends it in the proper way; returns what it exits with: the positive errno of host_serve(). */
static int stop(struct server *server)
{
	int status;
	fd_close(&server->sock);
	CHECK_INT(waitpid(server->process, &status, 0), server->process);
	ring_destroy(server->ring);
	CHECK(WIFEXITED(status));
	return WEXITSTATUS(status);
}

static void wait_readable(int fd)
{
	struct pollfd poll_fd = { .fd = fd, .events = POLLIN };
	CHECK_INT(poll(&poll_fd, 1, PATIENCE_MS), 1);
}

static int send_hello(struct server *server, const struct wire_packet *packet, size_t fd_count)
{
	const struct ring_fds fds = ring_get_fds(server->ring);
	const int list[] = { fds.memory, fds.to_renderer, fds.to_device, fds.memory };
	return fd_send_packet(server->sock, packet, sizeof(*packet), list, fd_count);
}

static struct wire_packet receive(struct server *server, int *fd)
{
	uint8_t bytes[WIRE_PACKET_MAX];
	struct wire_packet packet = { 0 };
	wait_readable(server->sock);
	ssize_t length = fd_recv_packet(server->sock, bytes, sizeof(bytes), fd, fd ? 1 : 0);
	CHECK(length == 0 || length >= (ssize_t)sizeof(packet));
	if (length > 0)
		memcpy(&packet, bytes, sizeof(packet));
	return packet;
}

static void start_ready(struct server *server)
{
	const struct wire_packet hello = {
		.type = WIRE_HELLO,
		.version = RENDERER_WIRE_VERSION,
	};
	start(server, true);
	CHECK_INT(send_hello(server, &hello, 3), 0);
	const struct wire_packet capset = receive(server, NULL);
	CHECK_INT(capset.type, WIRE_CAPSET);
	CHECK_INT(capset.size, NULL_CAPSET_SIZE);
	const struct wire_packet ready = receive(server, NULL);
	CHECK_INT(ready.type, WIRE_READY);
	CHECK_INT(ready.version, RENDERER_WIRE_VERSION);
	CHECK_INT(ready.can_export, 1);
}

static void push(struct server *server, struct wire_submission record)
{
	CHECK(ring_push_submission(server->ring, &record));
	ring_notify(server->ring);
}

static struct wire_completion pop(struct server *server)
{
	struct wire_completion completion;
	int result;
	while ((result = ring_pop_completion(server->ring, &completion)) == 0) {
		ring_notify(server->ring);
		if (ring_arm(server->ring))
			continue;
		wait_readable(ring_wake_fd(server->ring));
		ring_disarm(server->ring);
	}
	CHECK_INT(result, 1);
	return completion;
}

static int status_of(struct server *server, struct wire_submission record)
{
	record.cookie = 0xc00c1e;
	push(server, record);
	const struct wire_completion completion = pop(server);
	CHECK_INT(completion.cookie, 0xc00c1e);
	CHECK_INT(completion.flags, 0);
	return completion.status;
}

static void only_a_device_is_served(void)
{
	static const struct {
		struct wire_packet packet;
		size_t fd_count;
	} rows[] = {
		{ { .type = WIRE_READY, .version = RENDERER_WIRE_VERSION }, 3 },
		{ { .type = WIRE_HELLO, .version = RENDERER_WIRE_VERSION + 1 }, 3 },
		{ { .type = WIRE_HELLO, .version = RENDERER_WIRE_VERSION }, 2 },
		{ { .type = WIRE_HELLO, .version = RENDERER_WIRE_VERSION }, 0 },
	};
	struct server server;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		start(&server, true);
		CHECK_INT(send_hello(&server, &rows[i].packet, rows[i].fd_count), 0);
		CHECK_INT(receive(&server, NULL).type, 0);
		CHECK_INT(stop(&server), EPROTO);
	}
	start(&server, true);
	CHECK_INT(send_hello(&server, &rows[3].packet, 4), 0);
	CHECK_INT(stop(&server), EBADMSG);
	start(&server, true);
	CHECK_INT(stop(&server), 0);
}

static void ends_when_there_is_no_renderer(void)
{
	const struct wire_packet hello = {
		.type = WIRE_HELLO,
		.version = RENDERER_WIRE_VERSION,
	};
	struct server server;
	start(&server, false);
	CHECK_INT(send_hello(&server, &hello, 3), 0);
	CHECK_INT(receive(&server, NULL).type, 0);
	CHECK_INT(stop(&server), ENODEV);
}

static void malformed_records_are_answered(void)
{
	struct server server;
	uint64_t position;
	start_ready(&server);
	struct wire_submission record = { .op = WIRE_OP_COUNT };
	CHECK_INT(status_of(&server, record), -EINVAL);
	record.op = UINT32_MAX;
	CHECK_INT(status_of(&server, record), -EINVAL);
	record.op = WIRE_SUBMIT; /* no data */
	CHECK_INT(status_of(&server, record), -EINVAL);
	record.op = WIRE_REGION_ADD; /* no descriptor, said or not */
	record.region = (struct wire_region){ .id = 1, .size = 4096 };
	CHECK_INT(status_of(&server, record), -EINVAL);
	record.flags = WIRE_FLAG_FD;
	CHECK_INT(status_of(&server, record), -EINVAL);
	const struct wire_packet packet = { .type = WIRE_FD };
	CHECK_INT(fd_send_packet(server.sock, &packet, sizeof(packet), &server.sock, 1), 0);
	record.op = WIRE_NOP; /* has no descriptor */
	CHECK_INT(status_of(&server, record), -EINVAL);
	record.flags = 0;

	record.data_size = 6;
	CHECK(ring_data_reserve(server.ring, 6, &record.data_position));
	record.op = WIRE_SUBMIT;
	CHECK_INT(status_of(&server, record), -EINVAL);
	record.op = WIRE_RESOURCE_SET_BACKING;
	CHECK(ring_data_reserve(server.ring, 6, &record.data_position));
	CHECK_INT(status_of(&server, record), -EINVAL);
	record.op = WIRE_FENCE; /* has no data */
	CHECK(ring_data_reserve(server.ring, 6, &record.data_position));
	CHECK_INT(status_of(&server, record), -EINVAL);
	record.op = WIRE_SUBMIT;
	record.data_size = RENDERER_MAX_SUBMIT + 4;
	CHECK(ring_data_reserve(server.ring, record.data_size, &record.data_position));
	CHECK_INT(status_of(&server, record), -EINVAL);

	const struct wire_submission nop = { .op = WIRE_NOP };
	CHECK_INT(status_of(&server, nop), 0);
	CHECK(ring_data_reserve(server.ring, 4, &position));
	CHECK_INT(stop(&server), 0);
}

static int add_region(struct server *server, uint32_t id, uint64_t offset, uint64_t size)
{
	const struct wire_packet packet = { .type = WIRE_FD };
	_cleanup_fd_ int fd = memfd_create("region", MFD_CLOEXEC);
	CHECK_INT(ftruncate(fd, 8192), 0);
	CHECK_INT(fd_send_packet(server->sock, &packet, sizeof(packet), &fd, 1), 0);
	const struct wire_submission record = {
		.op = WIRE_REGION_ADD,
		.flags = WIRE_FLAG_FD,
		.region = { .id = id, .offset = offset, .size = size },
	};
	return status_of(server, record);
}

static void regions_are_mapped_once(void)
{
	struct server server;
	start_ready(&server);
	CHECK_INT(add_region(&server, 1, 0, 8192), 0);
	CHECK_INT(add_region(&server, 1, 0, 8192), -EEXIST);
	CHECK_INT(add_region(&server, 2, 0, 0), -EINVAL);
	CHECK_INT(add_region(&server, 2, 1, 4096), -EINVAL);
	CHECK_INT(add_region(&server, 2, UINT64_C(1) << 63, 4096), -EINVAL);
	CHECK(add_region(&server, 2, 0, UINT64_MAX) < 0);
	CHECK_INT(add_region(&server, 2, 4096, 4096), 0);
	const struct wire_submission remove = { .op = WIRE_REGION_REMOVE, .region.id = 2 };
	CHECK_INT(status_of(&server, remove), 0);
	CHECK_INT(status_of(&server, remove), -ENOENT);
	CHECK_INT(add_region(&server, 2, 4096, 4096), 0);
	CHECK_INT(stop(&server), 0);
}

static void a_name_is_ended(void)
{
	struct server server;
	start_ready(&server);
	struct wire_submission record = {
		.op = WIRE_CONTEXT_CREATE,
		.context = { .id = 1, .capset = NULL_CAPSET },
	};
	memset(record.context.name, 'x', sizeof(record.context.name));
	CHECK_INT(status_of(&server, record), 0);
	CHECK_INT(stop(&server), 0);
}

static void nobody_waits_for_cookie_0(void)
{
	struct server server;
	start_ready(&server);
	struct wire_submission record = { .op = WIRE_NOP };
	for (int i = 0; i < 10; i++)
		push(&server, record);
	record.op = WIRE_OP_COUNT;
	push(&server, record);
	record.op = WIRE_NOP;
	CHECK_INT(status_of(&server, record), 0);
	CHECK_INT(stop(&server), 0);
}

/* More completions than the ring holds, before the device takes the first. */
static void holds_completions_back(void)
{
	enum { COUNT = 5000 };
	struct server server;
	struct wire_submission record = { .op = WIRE_NOP };
	start_ready(&server);
	for (uint32_t i = 0; i < COUNT; i++) {
		record.cookie = i + 1;
		while (ring_submission_room(server.ring) == 0)
			usleep(100);
		push(&server, record);
	}
	while (ring_submission_room(server.ring) < RING_SUBMISSIONS)
		usleep(100);
	for (uint32_t i = 0; i < COUNT; i++)
		CHECK_INT(pop(&server).cookie, i + 1);
	CHECK_INT(stop(&server), 0);
}

/* More descriptors than the socket takes, before the device takes the first. */
static void holds_descriptors_back(void)
{
	enum { COUNT = 800 };
	struct server server;
	struct wire_submission record = {
		.op = WIRE_RESOURCE_CREATE,
		.resource = {
			.target = 2,
			.format = 1,
			.height = 1,
			.depth = 1,
			.array_size = 1,
		},
	};
	start_ready(&server);
	for (uint32_t i = 0; i < COUNT; i++) {
		record.resource.id = i + 1;
		record.resource.width = i + 1;
		CHECK_INT(status_of(&server, record), 0);
	}
	record = (struct wire_submission){ .op = WIRE_EXPORT_IMAGE };
	for (uint32_t i = 0; i < COUNT; i++) {
		record.cookie = i + 1;
		record.ids.resource = i + 1;
		push(&server, record);
	}
	while (ring_submission_room(server.ring) < RING_SUBMISSIONS)
		usleep(100);
	for (uint32_t i = 0; i < COUNT; i++) {
		int fd;
		struct stat st;
		const struct wire_completion completion = pop(&server);
		CHECK_INT(completion.cookie, i + 1);
		CHECK_INT(completion.status, 0);
		CHECK_INT(completion.flags, WIRE_FLAG_FD);
		CHECK_INT(completion.image.width, i + 1);
		CHECK_INT(receive(&server, &fd).type, WIRE_FD);
		CHECK_INT(fstat(fd, &st), 0);
		CHECK_INT(st.st_size, (i + 1) * 4);
		fd_close(&fd);
	}
	CHECK_INT(stop(&server), 0);
}

int main(int argc, char **argv)
{
	static const struct test_case cases[] = {
		TEST_CASE(only_a_device_is_served),
		TEST_CASE(ends_when_there_is_no_renderer),
		TEST_CASE(malformed_records_are_answered),
		TEST_CASE(regions_are_mapped_once),
		TEST_CASE(a_name_is_ended),
		TEST_CASE(nobody_waits_for_cookie_0),
		TEST_CASE(holds_completions_back),
		TEST_CASE(holds_descriptors_back),
	};
	return test_main(argc, argv, cases, ARRAY_SIZE(cases));
}
