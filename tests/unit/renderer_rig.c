/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
#include "renderer_rig.h"

#include <signal.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "host/host.h"
#include "loop/loop.h"
#include "null/null.h"
#include "renderer/remote.h"
#include "renderer/ring.h"
#include "test.h"
#include "util/fd.h"
#include "util/list.h"

#define TARGET_2D 2u

static struct renderer *create_null(struct loop *loop, struct host_options *options,
	const struct renderer_events *events, void *events_data)
{
	return null_renderer_create(
		loop, strcmp(options->name, "null-export") == 0, events, events_data);
}

/* exit(), not _exit(): so that a leak checker looks at this process too. */
static void be_renderer(int sock, const char *name, uint32_t spin_us)
{
	static const struct host_program program = { .name = "null", .create = create_null };
	struct host_options options = {
		.fd = sock,
		.render_node_fd = -1,
		.name = name,
		.level = LOG_ERROR,
		.spin_us = spin_us,
	};
	signal(SIGPIPE, SIG_IGN);
	log_init("render-null", LOG_ERROR);
	exit(host_serve(&options, &program) == 0 ? EXIT_SUCCESS : EXIT_FAILURE);
}

static void on_ready(void *data, struct renderer *renderer)
{
	struct rig *rig = data;
	rig->ready++;
}

static void on_lost(void *data, struct renderer *renderer)
{
	struct rig *rig = data;
	rig->lost++;
}

static void on_room(void *data, struct renderer *renderer)
{
	struct rig *rig = data;
	rig->room++;
}

void rig_start(struct rig *rig, const char *name)
{
	rig_start_spinning(rig, name, 0);
}

void rig_start_spinning(struct rig *rig, const char *name, uint32_t spin_us)
{
	static const struct renderer_events events = { .lost = on_lost, .room = on_room };
	int socks[2];
	*rig = (struct rig){ 0 };
	log_init("test", LOG_ERROR);
	CHECK_INT(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, socks), 0);
	rig->process = fork();
	CHECK(rig->process >= 0);
	if (rig->process == 0) {
		close(socks[0]);
		be_renderer(socks[1], name, spin_us);
	}
	close(socks[1]);
	rig->loop = loop_create();
	CHECK(rig->loop);
	const struct remote_args args = {
		.loop = rig->loop,
		.sock = socks[0],
		.memory = ring_memory(),
		.name = name,
		.events = &events,
		.ready = on_ready,
		.data = rig,
	};
	rig->renderer = remote_renderer_create(&args);
	CHECK(rig->renderer);
	rig_wait_count(rig, &rig->ready, 1);
}

int rig_stop(struct rig *rig)
{
	int status;
	renderer_destroy(rig->renderer);
	rig->renderer = NULL;
	loop_destroy(rig->loop);
	CHECK_INT(waitpid(rig->process, &status, 0), rig->process);
	return status;
}

static void run_round(struct rig *rig, uint64_t start)
{
	CHECK(loop_now_ms() - start < RIG_PATIENCE_MS);
	CHECK_INT(loop_round(rig->loop, 1000), 0);
}

void rig_wait(struct rig *rig, const bool *flag)
{
	uint64_t start = loop_now_ms();
	while (!*flag)
		run_round(rig, start);
}

void rig_wait_count(struct rig *rig, const uint32_t *count, uint32_t at_least)
{
	uint64_t start = loop_now_ms();
	while (*count < at_least)
		run_round(rig, start);
}

static void on_call_done(struct renderer_call *base, int status, const struct renderer_reply *reply)
{
	struct rig_call *call = container_of(base, struct rig_call, base);
	CHECK(!call->done);
	call->done = true;
	call->status = status;
	call->image = reply && reply->image ? image_ref(reply->image) : NULL;
	if (call->counter)
		call->order = (*call->counter)++;
}

struct renderer_call *rig_call(struct rig_call *call, uint32_t *counter)
{
	*call = (struct rig_call){ .base.done = on_call_done, .counter = counter };
	return &call->base;
}

int rig_finish(struct rig *rig, struct rig_call *call)
{
	rig_wait(rig, &call->done);
	return call->status;
}

void rig_add_region(struct rig *rig, struct rig_region *region, uint32_t id, uint64_t size)
{
	region->id = id;
	region->size = size;
	region->fd = memfd_create("region", MFD_CLOEXEC);
	CHECK(region->fd >= 0);
	CHECK_INT(ftruncate(region->fd, (off_t)size), 0);
	region->base = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, region->fd, 0);
	CHECK(region->base != MAP_FAILED);
	const struct renderer_region args = {
		.id = id,
		.fd = region->fd,
		.size = size,
		.base = region->base,
	};
	renderer_region_add(rig->renderer, &args);
}

void rig_remove_region(struct rig *rig, struct rig_region *region)
{
	if (rig->renderer)
		renderer_region_remove(rig->renderer, region->id);
	munmap(region->base, region->size);
	fd_close(&region->fd);
}

struct renderer_resource_args rig_texture(uint32_t id, uint32_t w, uint32_t h)
{
	return (struct renderer_resource_args){
		.id = id,
		.target = TARGET_2D,
		.format = 2,
		.width = w,
		.height = h,
		.depth = 1,
		.array_size = 1,
	};
}

void rig_add_canvas(struct rig *rig, uint32_t w, uint32_t h)
{
	const struct renderer_context_args context = { .id = 1, .capset = NULL_CAPSET };
	const struct renderer_resource_args texture = rig_texture(1, w, h);
	struct rig_call calls[3];
	renderer_context_create(rig->renderer, &context, rig_call(&calls[0], NULL));
	renderer_resource_create(rig->renderer, &texture, rig_call(&calls[1], NULL));
	renderer_context_attach(rig->renderer, 1, 1, rig_call(&calls[2], NULL));
	for (size_t i = 0; i < ARRAY_SIZE(calls); i++)
		CHECK_INT(rig_finish(rig, &calls[i]), 0);
}

void rig_submit(struct rig *rig, const uint32_t *words, uint32_t count, struct renderer_call *call)
{
	void *buffer = renderer_submit_buffer(rig->renderer, count * 4);
	CHECK(buffer);
	memcpy(buffer, words, (size_t)count * 4);
	renderer_submit(rig->renderer, 1, count * 4, call);
}
