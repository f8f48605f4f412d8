/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/*
 * Submissions are started in batches by a deferred call, which comes again in each round of the loop
 * until there are none: so what the renderer itself waits for is looked at in between, and nothing
 * sleeps while there is work.
 *
 * The device is woken once after a batch, but earlier when several things it could go on with, or one that
 * it surely waits for, would otherwise sit behind an operation that may take long.
 */
#include <assert.h>
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "host/host.h"
#include "host/ops.h"
#include "loop/loop.h"
#include "renderer/renderer.h"
#include "renderer/ring.h"
#include "util/checked.h"
#include "util/fd.h"
#include "util/image.h"
#include "util/list.h"

/* #syscalls renderer: poll ppoll */

#define BATCH         64u
#define UNTOLD_MAX    8u
#define HELLO_WAIT_MS 10000

struct host {
	struct loop *loop;
	int sock;
	struct ring *ring;
	struct renderer *renderer;
	struct regions regions;
	struct loop_source *sock_source;
	struct loop_source *wake_source;
	struct loop_source *turn;
	struct list free_calls; /* host_call::link */
	struct list held; /* held_completion::link, in order: did not fit */
	bool sock_full; /* the first of them waits for the socket */
	uint32_t spin_us;
	uint32_t untold; /* completions pushed since the device was woken */
	bool awaited; /* somebody waits for one of them */
};

struct host_call {
	struct renderer_call base;
	struct host *host;
	struct list link; /* host::free_calls while it is free */
	uint64_t cookie;
	uint32_t op;
};

struct held_completion {
	struct list link; /* host::held */
	struct wire_completion record;
	int fd; /* -1 without */
};

static void stop(struct host *host, int error, const char *why)
{
	if (error)
		log_error("%s: %s", why, strerror(-error));
	loop_stop(host->loop, error);
}

/* 1: sent; 0: does not fit now; or -errno. */
static int send_completion(struct host *host, const struct wire_completion *record, int fd)
{
	if (ring_completion_room(host->ring) == 0)
		return 0;
	if (fd >= 0) {
		const struct wire_packet packet = { .type = WIRE_FD };
		int error = fd_send_packet(host->sock, &packet, sizeof(packet), &fd, 1);
		host->sock_full = error == -EAGAIN;
		if (error)
			return error == -EAGAIN ? 0 : error;
	}
	host->untold++;
	return ring_push_completion(host->ring, record);
}

static void tell_device(struct host *host)
{
	host->untold = 0;
	host->awaited = false;
	ring_notify(host->ring);
}

static int hold_completion(struct host *host, const struct wire_completion *record, int fd)
{
	struct held_completion *held = malloc(sizeof(*held));
	if (!held)
		return -ENOMEM;
	*held = (struct held_completion){ .record = *record, .fd = -1 };
	if (fd >= 0 && (held->fd = fd_dup(fd)) < 0) {
		free(held);
		return -EMFILE;
	}
	list_append(&host->held, &held->link);
	return 0;
}

static void complete(struct host *host, const struct wire_completion *record, int fd)
{
	int result = list_empty(&host->held) ? send_completion(host, record, fd) : 0;
	if (result == 0)
		result = hold_completion(host, record, fd);
	if (result < 0)
		stop(host, result, "the device cannot be told that something is done");
	loop_defer_arm(host->turn);
}

static void flush_held(struct host *host)
{
	while (!list_empty(&host->held)) {
		struct held_completion *held =
			container_of(host->held.next, struct held_completion, link);
		int result = send_completion(host, &held->record, held->fd);
		if (result < 0)
			stop(host, result, "the device cannot be told that something is done");
		if (result <= 0)
			return;
		list_remove(&held->link);
		fd_close(&held->fd);
		free(held);
	}
}

/* Fills in what goes to the device; returns the descriptor to send (the image's), or -1. */
static int describe_image(const struct image *image, struct wire_completion *record)
{
	record->flags = WIRE_FLAG_FD;
	record->image = (struct wire_image){
		.width = image->width,
		.height = image->height,
		.fourcc = image->fourcc,
		.planes = image->planes,
		.modifier = image->modifier,
		.y_0_top = image->y_0_top,
	};
	memcpy(record->image.strides, image->strides, sizeof(image->strides));
	memcpy(record->image.offsets, image->offsets, sizeof(image->offsets));
	return image->fds[0];
}

static int describe_memory(const struct renderer_memory *memory, struct wire_completion *record)
{
	record->flags = WIRE_FLAG_FD;
	record->memory = (struct wire_memory){
		.offset = memory->offset,
		.map_info = memory->map_info,
	};
	return memory->fd;
}

/* What a finished call brings, as far as it goes with the operation. */
static int describe_reply(
	uint32_t op, const struct renderer_reply *reply, struct wire_completion *record)
{
	if (op == WIRE_RESOURCE_CREATE_BLOB && reply && reply->memory)
		return describe_memory(reply->memory, record);
	if (op != WIRE_EXPORT_IMAGE)
		return -1;
	if (reply && reply->image && reply->image->kind == IMAGE_DMABUF)
		return describe_image(reply->image, record);
	record->status = -EIO;
	return -1;
}

/* A renderer's "no such thing" must not be taken for more than an error, whatever it is. */
static int plain_status(int status)
{
	return status <= 0 && status >= -4095 ? status : -EIO;
}

static void on_call_done(struct renderer_call *base, int status, const struct renderer_reply *reply)
{
	struct host_call *call = container_of(base, struct host_call, base);
	struct host *host = call->host;
	struct wire_completion record = { .cookie = call->cookie, .status = plain_status(status) };
	int fd = status == 0 ? describe_reply(call->op, reply, &record) : -1;
	host->awaited |= call->op == WIRE_FENCE || call->op == WIRE_READ_BACK ||
		call->op == WIRE_EXPORT_IMAGE || fd >= 0;
	list_insert(&host->free_calls, &call->link);
	complete(host, &record, fd);
}

static struct host_call *take_call(struct host *host, const struct wire_submission *record)
{
	struct host_call *call;
	if (list_empty(&host->free_calls)) {
		call = malloc(sizeof(*call));
		if (!call)
			return NULL;
	} else {
		call = container_of(host->free_calls.next, struct host_call, link);
		list_remove(&call->link);
	}
	*call = (struct host_call){
		.base.done = on_call_done,
		.host = host,
		.cookie = record->cookie,
		.op = record->op,
	};
	list_init(&call->link);
	return call;
}

/* The descriptor of a record was sent before the record was pushed: it is there. */
static int take_fd(struct host *host)
{
	struct wire_packet packet;
	int fd;
	ssize_t length = fd_recv_packet(host->sock, &packet, sizeof(packet), &fd, 1);
	if (length == (ssize_t)sizeof(packet) && packet.type == WIRE_FD)
		return fd;
	if (length > 0)
		fd_close(&fd);
	return -1;
}

static bool may_take_long(uint32_t op)
{
	return op == WIRE_SUBMIT || op == WIRE_TRANSFER || op == WIRE_READ_BACK ||
		op == WIRE_CONTEXT_CREATE;
}

static void start_submission(struct host *host, const struct wire_submission *record)
{
	_cleanup_fd_ int fd = (record->flags & WIRE_FLAG_FD) ? take_fd(host) : -1;
	struct host_call *call = NULL;
	if (record->cookie != 0) {
		call = take_call(host, record);
		if (!call) {
			const struct wire_completion failed = {
				.cookie = record->cookie,
				.status = -ENOMEM,
			};
			complete(host, &failed, -1);
			return;
		}
	}
	if (may_take_long(record->op) && (host->awaited || host->untold >= UNTOLD_MAX))
		tell_device(host);
	const struct ops_target target = { host->renderer, &host->regions };
	const struct ops_request request = {
		.record = record,
		.data = ring_data(host->ring, record),
		.fd = fd,
		.call = call ? &call->base : NULL,
	};
	ops_start(&target, &request);
}

static uint64_t now_us(void)
{
	struct timespec now;
	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000;
}

/* Waits awake for a moment; true when there is more to start. */
static bool spin(struct host *host)
{
	if (host->spin_us == 0)
		return false;
	tell_device(host);
	uint64_t start = now_us();
	while (now_us() - start < host->spin_us)
		if (ring_pending(host->ring))
			return true;
	return false;
}

/* Starts what there is, to the size of a batch. Whether there may be more. */
static bool start_batch(struct host *host)
{
	struct wire_submission record;
	for (uint32_t i = 0; i < BATCH; i++) {
		if (!renderer_has_room(host->renderer))
			return false; /* its room event comes */
		int result = ring_pop_submission(host->ring, &record);
		if (result < 0)
			stop(host, result, "the ring to the device is damaged");
		if (result <= 0)
			return (i > 0 && spin(host)) || ring_arm(host->ring);
		start_submission(host, &record);
	}
	return true;
}

static void on_turn(void *data)
{
	struct host *host = data;
	bool more = start_batch(host);
	if (!list_empty(&host->held)) {
		ring_want_room(host->ring);
		flush_held(host);
	}
	loop_source_watch(host->sock_source, host->sock_full ? (uint32_t)LOOP_WRITABLE : 0);
	tell_device(host);
	if (more)
		loop_defer_arm(host->turn);
}

static void on_wake(void *data, uint32_t events)
{
	struct host *host = data;
	ring_disarm(host->ring);
	loop_defer_arm(host->turn);
}

static void on_socket(void *data, uint32_t events)
{
	struct host *host = data;
	if (events & LOOP_HANGUP)
		stop(host, 0, NULL);
	else
		loop_defer_arm(host->turn);
}

static void on_renderer_lost(void *data, struct renderer *renderer)
{
	stop(data, -EIO, "the renderer has failed");
}

static void on_renderer_room(void *data, struct renderer *renderer)
{
	struct host *host = data;
	loop_defer_arm(host->turn);
}

/* 1: there is something to read; 0: the device has gone; or -errno. */
static int wait_readable(int sock)
{
	struct pollfd poll_fd = { .fd = sock, .events = POLLIN };
	int count;
	do {
		count = poll(&poll_fd, 1, HELLO_WAIT_MS);
	} while (count < 0 && errno == EINTR);
	return count < 0 ? -errno : count == 0 ? -ETIMEDOUT : 1;
}

/* 1, 0 when the device has gone, or -errno. */
static int receive_hello(struct host *host)
{
	struct wire_packet packet;
	int fds[3];
	int result = wait_readable(host->sock);
	if (result < 0)
		return result;
	ssize_t length = fd_recv_packet(host->sock, &packet, sizeof(packet), fds, ARRAY_SIZE(fds));
	if (length <= 0)
		return (int)length;
	struct ring_fds ring_fds = { fds[0], fds[1], fds[2] };
	if (length == (ssize_t)sizeof(packet) && packet.type == WIRE_HELLO &&
		packet.version == RENDERER_WIRE_VERSION && fds[2] >= 0) {
		host->ring = ring_open(&ring_fds);
		return host->ring ? 1 : -errno;
	}
	fd_close_all(fds, ARRAY_SIZE(fds));
	return -EPROTO;
}

static int send_packet(int sock, const void *packet, size_t size)
{
	int error;
	while ((error = fd_send_packet(sock, packet, size, NULL, 0)) == -EAGAIN) {
		struct pollfd poll_fd = { .fd = sock, .events = POLLOUT };
		poll(&poll_fd, 1, HELLO_WAIT_MS);
	}
	return error;
}

static int send_capset(int sock, const struct renderer_capset *capset)
{
	uint8_t packet[WIRE_PACKET_MAX];
	const struct wire_packet header = {
		.type = WIRE_CAPSET,
		.capset_id = capset->id,
		.max_version = capset->max_version,
		.size = capset->size,
	};
	memcpy(packet, &header, sizeof(header));
	memcpy(packet + sizeof(header), capset->data, capset->size);
	return send_packet(sock, packet, sizeof(header) + capset->size);
}

static int send_ready(const struct host *host)
{
	const struct wire_packet ready = {
		.type = WIRE_READY,
		.version = RENDERER_WIRE_VERSION,
		.can_export = host->renderer->can_export,
		.can_map = host->renderer->can_map,
	};
	for (uint32_t i = 0; i < host->renderer->capset_count; i++) {
		int error = send_capset(host->sock, &host->renderer->capsets[i]);
		if (error)
			return error;
	}
	return send_packet(host->sock, &ready, sizeof(ready));
}

static int add_sources(struct host *host)
{
	host->sock_source = loop_add_fd(host->loop, host->sock, 0, on_socket, host);
	host->wake_source =
		loop_add_fd(host->loop, ring_wake_fd(host->ring), LOOP_READABLE, on_wake, host);
	host->turn = loop_add_deferred(host->loop, on_turn, host);
	if (!host->sock_source || !host->wake_source || !host->turn)
		return -ENOMEM;
	loop_defer_arm(host->turn);
	return 0;
}

static void finish_host(struct host *host)
{
	renderer_destroy(host->renderer); /* finishes its calls: the rest must still be there */
	ops_unmap_regions(&host->regions);
	list_for_each_safe (link, after, &host->free_calls)
		free(container_of(link, struct host_call, link));
	list_for_each_safe (link, after, &host->held) {
		struct held_completion *held = container_of(link, struct held_completion, link);
		fd_close(&held->fd);
		free(held);
	}
	loop_source_destroy(host->sock_source);
	loop_source_destroy(host->wake_source);
	loop_source_destroy(host->turn);
	ring_destroy(host->ring);
	loop_destroy(host->loop);
	fd_close(&host->sock);
}

static int set_up(
	struct host *host, struct host_options *options, const struct host_program *program)
{
	static const struct renderer_events events = {
		.lost = on_renderer_lost,
		.room = on_renderer_room,
	};
	int error = add_sources(host);
	if (error)
		return error;
	host->renderer = program->create(host->loop, options, &events, host);
	if (!host->renderer)
		return -ENODEV;
	/* From here on the process sees what guests send. */
	error = options->sandbox ? sandbox_seal(options->sandbox) : 0;
	return error ? error : send_ready(host);
}

int host_serve(struct host_options *options, const struct host_program *program)
{
	struct host host = {
		.sock = fd_steal(&options->fd),
		.spin_us = options->spin_us,
	};
	list_init(&host.free_calls);
	list_init(&host.held);
	regions_init(&host.regions);
	host.loop = loop_create();
	int result = host.loop ? fd_set_nonblocking(host.sock) : -ENOMEM;
	if (result == 0)
		result = receive_hello(&host);
	if (result > 0) {
		result = set_up(&host, options, program);
		if (result == 0)
			result = loop_run(host.loop);
	}
	if (result < 0)
		log_error("renderer %s ends: %s", options->name, strerror(-result));
	finish_host(&host);
	return result;
}
