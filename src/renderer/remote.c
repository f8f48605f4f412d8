/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/*
 * Operations become records that are pushed at once; the peer is woken, and what it sent is looked at,
 * in a deferred call ("turn") at the end of the loop's round. That is also where the death of the
 * renderer is told, so that it never happens inside an operation. In between, from the moment the
 * renderer is known to be gone, operations finish with -ECONNRESET.
 */
#include "renderer/remote.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "loop/loop.h"
#include "renderer/calls.h"
#include "renderer/remote_peer.h"
#include "renderer/ring.h"
#include "renderer/sender.h"
#include "util/checked.h"
#include "util/fd.h"
#include "util/list.h"
#include "util/log.h"

/* Completions handled before other descriptors get their turn. */
#define COMPLETIONS_PER_ROUND 256u

/* What has_room() promises: this many records, and one command stream with its resources' backing. */
#define ROOM_RECORDS 64u
#define ROOM_DATA                                                                                  \
	(RENDERER_MAX_SUBMIT + RENDERER_MAX_SPANS * (uint32_t)sizeof(struct renderer_span))

struct remote {
	struct renderer base;
	const char *name;
	void (*ready_fn)(void *data, struct renderer *renderer);
	int sock;
	struct ring *ring;
	struct sender sender;
	struct calls calls;
	struct loop_source *sock_source;
	struct loop_source *wake_source;
	struct loop_source *turn;
	uint64_t dropped;
	uint64_t progress_ms; /* when it last finished a call */
	uint32_t entered; /* callbacks of ours on the stack: not freed before they end */
	bool ready;
	bool failed; /* the peer is gone: operations end at once */
	bool lost_told;
	bool room_is_low; /* has_room() may have been false: the room event is due when it is not */
	bool destroyed;
};

static const struct renderer_impl remote_impl;

static struct remote *remote_from_renderer(struct renderer *renderer)
{
	assert(renderer->impl == &remote_impl);
	return container_of(renderer, struct remote, base);
}

static const struct remote *remote_from_const(const struct renderer *renderer)
{
	assert(renderer->impl == &remote_impl);
	return (const struct remote *)(const void *)renderer;
}

/* why may be NULL: the caller says it. */
static void fail(struct remote *remote, const char *why)
{
	if (remote->failed)
		return;
	if (why)
		log_warn("renderer %s: %s", remote->name, why);
	remote->failed = true;
	loop_source_destroy(remote->sock_source);
	loop_source_destroy(remote->wake_source);
	remote->sock_source = NULL;
	remote->wake_source = NULL;
	loop_defer_arm(remote->turn);
}

static void free_remote(struct remote *remote)
{
	loop_source_destroy(remote->sock_source);
	loop_source_destroy(remote->wake_source);
	loop_source_destroy(remote->turn);
	sender_finish(&remote->sender);
	calls_finish(&remote->calls);
	ring_destroy(remote->ring);
	fd_close(&remote->sock);
	renderer_finish(&remote->base);
	free(remote);
}

/* Every callback from the loop is between these two. */
static void enter(struct remote *remote)
{
	remote->entered++;
}

static void leave(struct remote *remote)
{
	if (--remote->entered == 0 && remote->destroyed)
		free_remote(remote);
}

/* In the order they were started, fences last: what they wait for is over then. */
static void finish_calls(struct remote *remote)
{
	struct renderer_call *call;
	while ((call = calls_close_oldest(&remote->calls, CALLS_WORK)))
		call->done(call, -ECONNRESET, NULL);
	while ((call = calls_close_oldest(&remote->calls, CALLS_FENCE)))
		call->done(call, -ECONNRESET, NULL);
}

static void remote_destroy(struct renderer *renderer)
{
	struct remote *remote = remote_from_renderer(renderer);
	assert(!remote->destroyed);
	remote->failed = true;
	remote->destroyed = true;
	enter(remote);
	finish_calls(remote);
	leave(remote);
}

static bool has_room_now(const struct remote *remote)
{
	return remote->failed ||
		(!sender_holds(&remote->sender) &&
			ring_submission_room(remote->ring) >= ROOM_RECORDS &&
			ring_data_room(remote->ring) >= ROOM_DATA);
}

static bool remote_has_room(const struct renderer *renderer)
{
	const struct remote *remote = remote_from_const(renderer);
	if (has_room_now(remote))
		return true;
	loop_defer_arm(remote->turn); /* sees to it that the event comes */
	return false;
}

static uint64_t remote_silent_ms(const struct renderer *renderer)
{
	const struct remote *remote = remote_from_const(renderer);
	uint64_t oldest = calls_oldest_ms(&remote->calls, CALLS_WORK);
	uint64_t idle = loop_now_ms() - remote->progress_ms;
	return oldest < idle ? oldest : idle;
}

static uint64_t remote_oldest_ms(const struct renderer *renderer)
{
	const struct remote *remote = remote_from_const(renderer);
	uint64_t work = calls_oldest_ms(&remote->calls, CALLS_WORK);
	uint64_t fence = calls_oldest_ms(&remote->calls, CALLS_FENCE);
	return work > fence ? work : fence;
}

static void remote_give_up(struct renderer *renderer)
{
	fail(remote_from_renderer(renderer), NULL);
}

/* Ends a call that was just opened and could not be sent. */
static void refuse(struct remote *remote, struct renderer_call *call, uint64_t cookie, int error)
{
	uint32_t op;
	if (cookie != 0)
		calls_close(&remote->calls, cookie, &op);
	renderer_call_done(call, error, NULL);
}

/* What cannot be kept for lack of memory fails alone when somebody is told; else the renderer would go
 * on without it. */
static void start_fd(
	struct remote *remote, struct wire_submission *record, int fd, struct renderer_call *call)
{
	enum calls_kind kind = record->op == WIRE_FENCE ? CALLS_FENCE : CALLS_WORK;
	int error = remote->failed ? -ECONNRESET : 0;
	record->cookie = 0;
	if (call && !error)
		error = calls_open(&remote->calls, call, kind, record->op, &record->cookie);
	if (error) {
		renderer_call_done(call, error, NULL);
		return;
	}

	error = sender_push(&remote->sender, record, fd);
	if (error == -EOVERFLOW)
		fail(remote, "it takes nothing of what it is sent");
	else if (error && (!call || (error != -ENOMEM && error != -EMFILE)))
		fail(remote, "a message to it could not be sent");
	else if (error)
		refuse(remote, call, record->cookie, error);
	if (!has_room_now(remote))
		remote->room_is_low = true;
	loop_defer_arm(remote->turn);
}

static void start(struct remote *remote, struct wire_submission *record, struct renderer_call *call)
{
	start_fd(remote, record, -1, call);
}

static void start_ids(
	struct renderer *renderer, enum wire_op op, struct wire_ids ids, struct renderer_call *call)
{
	struct wire_submission record = { .op = op, .ids = ids };
	start(remote_from_renderer(renderer), &record, call);
}

static void remote_region_add(struct renderer *renderer, const struct renderer_region *region)
{
	struct wire_submission record = {
		.op = WIRE_REGION_ADD,
		.region = {
			.id = region->id,
			.offset = region->offset,
			.size = region->size,
		},
	};
	start_fd(remote_from_renderer(renderer), &record, region->fd, NULL);
}

static void remote_region_remove(struct renderer *renderer, uint32_t id)
{
	struct wire_submission record = { .op = WIRE_REGION_REMOVE, .region.id = id };
	start(remote_from_renderer(renderer), &record, NULL);
}

static void remote_context_create(struct renderer *renderer,
	const struct renderer_context_args *args, struct renderer_call *call)
{
	struct wire_submission record = { .op = WIRE_CONTEXT_CREATE, .context = *args };
	start(remote_from_renderer(renderer), &record, call);
}

static void remote_context_destroy(
	struct renderer *renderer, uint32_t context, struct renderer_call *call)
{
	start_ids(renderer, WIRE_CONTEXT_DESTROY, (struct wire_ids){ .context = context }, call);
}

static void remote_context_attach(
	struct renderer *renderer, uint32_t context, uint32_t resource, struct renderer_call *call)
{
	const struct wire_ids ids = { .context = context, .resource = resource };
	start_ids(renderer, WIRE_CONTEXT_ATTACH, ids, call);
}

static void remote_context_detach(
	struct renderer *renderer, uint32_t context, uint32_t resource, struct renderer_call *call)
{
	const struct wire_ids ids = { .context = context, .resource = resource };
	start_ids(renderer, WIRE_CONTEXT_DETACH, ids, call);
}

static void *remote_submit_buffer(struct renderer *renderer, uint32_t size)
{
	return sender_reserve(&remote_from_renderer(renderer)->sender, size);
}

static void remote_submit(
	struct renderer *renderer, uint32_t context, uint32_t size, struct renderer_call *call)
{
	struct wire_submission record = {
		.op = WIRE_SUBMIT,
		.data_size = size,
		.ids.context = context,
	};
	start(remote_from_renderer(renderer), &record, call);
}

static void remote_resource_create(struct renderer *renderer,
	const struct renderer_resource_args *args, struct renderer_call *call)
{
	struct wire_submission record = { .op = WIRE_RESOURCE_CREATE, .resource = *args };
	start(remote_from_renderer(renderer), &record, call);
}

static void remote_resource_create_blob(struct renderer *renderer,
	const struct renderer_blob_args *args, struct renderer_call *call)
{
	struct wire_submission record = { .op = WIRE_RESOURCE_CREATE_BLOB, .blob = *args };
	start(remote_from_renderer(renderer), &record, call);
}

static void remote_resource_unref(
	struct renderer *renderer, uint32_t resource, struct renderer_call *call)
{
	start_ids(renderer, WIRE_RESOURCE_UNREF, (struct wire_ids){ .resource = resource }, call);
}

static void remote_resource_set_backing(struct renderer *renderer, uint32_t resource,
	const struct renderer_span *spans, uint32_t count, struct renderer_call *call)
{
	struct remote *remote = remote_from_renderer(renderer);
	if (count > RENDERER_MAX_SPANS) {
		renderer_call_done(call, -EINVAL, NULL);
		return;
	}
	struct wire_submission record = {
		.op = WIRE_RESOURCE_SET_BACKING,
		.data_size = count * (uint32_t)sizeof(*spans),
		.ids.resource = resource,
	};
	if (count > 0) {
		void *data = sender_reserve(&remote->sender, record.data_size);
		if (!data) {
			renderer_call_done(call, -ENOMEM, NULL);
			return;
		}
		memcpy(data, spans, record.data_size);
	}
	start(remote, &record, call);
}

static void remote_transfer(struct renderer *renderer, const struct renderer_transfer_args *args,
	struct renderer_call *call)
{
	struct wire_submission record = { .op = WIRE_TRANSFER, .transfer = *args };
	start(remote_from_renderer(renderer), &record, call);
}

static void remote_read_back(struct renderer *renderer, const struct renderer_read_back_args *args,
	struct renderer_call *call)
{
	struct wire_submission record = { .op = WIRE_READ_BACK, .read_back = *args };
	start(remote_from_renderer(renderer), &record, call);
}

static void remote_export_image(
	struct renderer *renderer, uint32_t resource, struct renderer_call *call)
{
	start_ids(renderer, WIRE_EXPORT_IMAGE, (struct wire_ids){ .resource = resource }, call);
}

static void remote_fence(
	struct renderer *renderer, uint32_t context, int32_t ring, struct renderer_call *call)
{
	start_ids(
		renderer, WIRE_FENCE, (struct wire_ids){ .context = context, .ring = ring }, call);
}

static const struct renderer_impl remote_impl = {
	.name = "remote",
	.destroy = remote_destroy,
	.has_room = remote_has_room,
	.silent_ms = remote_silent_ms,
	.oldest_ms = remote_oldest_ms,
	.give_up = remote_give_up,
	.region_add = remote_region_add,
	.region_remove = remote_region_remove,
	.context_create = remote_context_create,
	.context_destroy = remote_context_destroy,
	.context_attach = remote_context_attach,
	.context_detach = remote_context_detach,
	.submit_buffer = remote_submit_buffer,
	.submit = remote_submit,
	.resource_create = remote_resource_create,
	.resource_create_blob = remote_resource_create_blob,
	.resource_unref = remote_resource_unref,
	.resource_set_backing = remote_resource_set_backing,
	.transfer = remote_transfer,
	.read_back = remote_read_back,
	.export_image = remote_export_image,
	.fence = remote_fence,
};

/* Finishes the call of a completion; returns false when the peer is faulty. */
static bool handle_completion(struct remote *remote, const struct wire_completion *completion)
{
	_cleanup_fd_ int fd = -1;
	if (!peer_completion_valid(completion))
		return false;
	if ((completion->flags & WIRE_FLAG_FD) && peer_take_fd(remote->sock, &fd) < 0)
		return false;

	uint32_t op;
	struct renderer_call *call = calls_close(&remote->calls, completion->cookie, &op);
	if (!call) {
		remote->dropped++;
		log_limited(LOG_WARN, "renderer %s: finished something that was not under way",
			remote->name);
		return true;
	}
	remote->progress_ms = loop_now_ms();
	if (!peer_brings(op, completion->status, fd >= 0)) {
		call->done(call, -ECONNRESET, NULL);
		return false;
	}
	struct renderer_reply reply = { 0 };
	struct renderer_memory memory;
	int status = completion->status;
	if (fd >= 0 && op == WIRE_RESOURCE_CREATE_BLOB) {
		status = peer_make_memory(&completion->memory, fd, &memory);
		reply.memory = status == 0 ? &memory : NULL;
	} else if (fd >= 0) {
		status = peer_make_image(&completion->image, &fd, &reply.image);
	}
	remote->dropped += status == -EIO;
	call->done(call, status, reply.image || reply.memory ? &reply : NULL);
	image_unref(reply.image);
	return true;
}

/* At most count; stops when the renderer is gone. */
static void take_completions(struct remote *remote, uint32_t count)
{
	struct wire_completion completion;
	for (; count > 0 && remote->ready && !remote->failed; count--) {
		int result = ring_pop_completion(remote->ring, &completion);
		if (result == 0)
			return;
		if (result < 0)
			fail(remote, "it wrote an impossible index");
		else if (!handle_completion(remote, &completion))
			fail(remote, "it sent a malformed message");
	}
}

/* Whether the sender is at the end of its possibilities until the peer has consumed something. */
static void check_room(struct remote *remote)
{
	if (!remote->room_is_low && !sender_holds(&remote->sender) && has_room_now(remote))
		return;
	remote->room_is_low = true;
	if (!has_room_now(remote))
		ring_want_room(remote->ring);
	if (sender_flush(&remote->sender) < 0)
		fail(remote, "a message to it could not be sent");
	if (remote->failed || !has_room_now(remote))
		return;
	remote->room_is_low = false;
	const struct renderer_events *events = remote->base.events;
	if (events && events->room)
		events->room(remote->base.events_data, &remote->base);
}

static void tell_lost(struct remote *remote)
{
	if (remote->lost_told)
		return;
	remote->lost_told = true;
	finish_calls(remote);
	const struct renderer_events *events = remote->base.events;
	if (!remote->destroyed && events && events->lost)
		events->lost(remote->base.events_data, &remote->base);
}

/* The peer's socket is only looked at when it is about to tell who it is, or when a completion says so;
 * and while a descriptor waits to be sent. */
static void watch_socket(struct remote *remote)
{
	uint32_t events = (remote->ready ? 0 : (uint32_t)LOOP_READABLE) |
		(remote->sender.sock_full ? (uint32_t)LOOP_WRITABLE : 0);
	loop_source_watch(remote->sock_source, events);
}

static void on_turn(void *data)
{
	struct remote *remote = data;
	enter(remote);
	take_completions(remote, COMPLETIONS_PER_ROUND);
	if (!remote->failed)
		check_room(remote);
	if (!remote->failed) {
		watch_socket(remote);
		ring_notify(remote->ring);
		if (remote->ready && ring_arm(remote->ring))
			loop_defer_arm(remote->turn);
	} else if (!remote->destroyed) {
		tell_lost(remote);
	}
	leave(remote);
}

static void on_wake(void *data, uint32_t events)
{
	struct remote *remote = data;
	enter(remote);
	ring_disarm(remote->ring);
	take_completions(remote, COMPLETIONS_PER_ROUND);
	if (!remote->destroyed)
		loop_defer_arm(remote->turn);
	leave(remote);
}

static void read_handshake(struct remote *remote)
{
	int result = peer_read_handshake(remote->sock, &remote->base);
	if (result == -EAGAIN)
		return;
	if (result < 0) {
		fail(remote, "it has not said what it can do");
		return;
	}
	remote->ready = true;
	loop_defer_arm(remote->turn);
	if (remote->ready_fn)
		remote->ready_fn(remote->base.events_data, &remote->base);
}

static void on_socket(void *data, uint32_t events)
{
	struct remote *remote = data;
	enter(remote);
	if ((events & LOOP_READABLE) && !remote->ready)
		read_handshake(remote);
	if ((events & LOOP_HANGUP) && !remote->failed) {
		/* What it had finished before it ended counts. */
		take_completions(remote, RING_COMPLETIONS);
		fail(remote, "it has ended");
	}
	if (!remote->destroyed)
		loop_defer_arm(remote->turn);
	leave(remote);
}

static int send_hello(const struct remote *remote)
{
	const struct wire_packet packet = {
		.type = WIRE_HELLO,
		.version = RENDERER_WIRE_VERSION,
	};
	const struct ring_fds fds = ring_get_fds(remote->ring);
	const int list[] = { fds.memory, fds.to_renderer, fds.to_device };
	return fd_send_packet(remote->sock, &packet, sizeof(packet), list, ARRAY_SIZE(list));
}

static bool add_sources(struct remote *remote, struct loop *loop)
{
	remote->sock_source = loop_add_fd(loop, remote->sock, LOOP_READABLE, on_socket, remote);
	remote->wake_source =
		loop_add_fd(loop, ring_wake_fd(remote->ring), LOOP_READABLE, on_wake, remote);
	remote->turn = loop_add_deferred(loop, on_turn, remote);
	return remote->sock_source && remote->wake_source && remote->turn;
}

struct renderer *remote_renderer_create(const struct remote_args *args)
{
	_cleanup_fd_ int sock = args->sock;
	_cleanup_fd_ int memory = args->memory;
	struct remote *remote = calloc(1, sizeof(*remote));
	if (!remote)
		return NULL;
	renderer_init(&remote->base, &remote_impl, args->events, args->data);
	remote->name = args->name;
	remote->ready_fn = args->ready;
	remote->sock = fd_steal(&sock);
	calls_init(&remote->calls);
	remote->ring = ring_create(fd_steal(&memory));
	sender_init(&remote->sender, remote->ring, remote->sock);
	if (!remote->ring || fd_set_nonblocking(remote->sock) < 0)
		goto fail;
	if (send_hello(remote) < 0 || !add_sources(remote, args->loop))
		goto fail;
	return &remote->base;

fail:
	log_error("renderer %s: its ring cannot be made: %s", remote->name, strerror(errno));
	free_remote(remote);
	return NULL;
}

uint64_t remote_renderer_dropped(const struct renderer *renderer)
{
	return remote_from_const(renderer)->dropped;
}
