/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
#include "virgl_fixture.h"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "loop/loop.h"
#include "renderer/remote.h"
#include "renderer/ring.h"
#include "util/fd.h"
#include "virgl.h"

#define WAIT_MS 30000u

/* Virgl commands and objects, and the layout of a command's first word. */
#define COMMAND(number, object, words) ((number) | ((object) << 8) | ((words) << 16))
#define CREATE_OBJECT                  1u
#define SET_FRAMEBUFFER_STATE          5u
#define CLEAR                          7u
#define OBJECT_SURFACE                 8u
#define CLEAR_COLOR0                   4u

static uint32_t finished_calls;

static void note(struct renderer_call *call, int status, const struct renderer_reply *reply)
{
	struct outcome *outcome = container_of(call, struct outcome, call);
	outcome->done++;
	outcome->status = status;
	outcome->number = ++finished_calls;
}

struct renderer_call *outcome_call(struct outcome *outcome)
{
	*outcome = (struct outcome){ .call.done = note };
	return &outcome->call;
}

int outcome_wait(struct fixture *fixture, struct outcome *outcome)
{
	uint64_t end = loop_now_ms() + WAIT_MS;
	while (outcome->done == 0 && loop_now_ms() < end)
		CHECK_INT(loop_round(fixture->loop, 100), 0);
	CHECK_INT(outcome->done, 1);
	return outcome->status;
}

static void add_memory(struct fixture *f, uint32_t id, uint64_t size)
{
	struct memory *memory = &f->memory[id - 1];
	memory->size = size;
	memory->fd = memfd_create("memory", MFD_CLOEXEC);
	CHECK(memory->fd >= 0);
	CHECK_INT(ftruncate(memory->fd, (off_t)size), 0);
	void *base = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, memory->fd, 0);
	CHECK(base != MAP_FAILED);
	memory->base = base;
	const struct renderer_region region = {
		.id = id, .fd = memory->fd, .size = size, .base = base
	};
	renderer_region_add(f->renderer, &region);
}

static bool program_ready, program_lost;

static void on_ready(void *data, struct renderer *renderer)
{
	program_ready = true;
}

static void on_lost(void *data, struct renderer *renderer)
{
	program_lost = true;
}

/* A descriptor, or -1 when none is asked for. */
static int open_render_node(void)
{
	const char *path = getenv("VIRGL_RENDER_NODE");
	int fd = path ? open(path, O_RDWR | O_CLOEXEC) : -1;
	CHECK(fd >= 0 || !path);
	return fd;
}

static void run_program(const char *program, int sock, int render_node)
{
	char sock_number[16], node_number[16];
	snprintf(sock_number, sizeof(sock_number), "%d", dup(sock));
	snprintf(node_number, sizeof(node_number), "%d", dup(render_node));
	execl(program, program, "--fd", sock_number, render_node >= 0 ? "--render-node-fd" : NULL,
		node_number, NULL);
	_exit(127);
}

/* NULL when the process ends before it is ready. */
static struct renderer *start_program(struct fixture *f, const char *program, int render_node)
{
	static const struct renderer_events events = { .lost = on_lost };
	program_ready = program_lost = false;
	int socks[2];
	CHECK_INT(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, socks), 0);
	f->process = fork();
	CHECK(f->process >= 0);
	if (f->process == 0)
		run_program(program, socks[1], render_node);
	close(socks[1]);
	const struct remote_args args = { .loop = f->loop,
		.sock = socks[0],
		.memory = ring_memory(),
		.name = "virgl",
		.events = &events,
		.ready = on_ready };
	struct renderer *renderer = remote_renderer_create(&args);
	CHECK(renderer);
	uint64_t end = loop_now_ms() + WAIT_MS;
	while (!program_ready && !program_lost && loop_now_ms() < end)
		CHECK_INT(loop_round(f->loop, 100), 0);
	CHECK(program_ready || program_lost);
	if (program_ready)
		return renderer;
	renderer_destroy(renderer);
	waitpid(f->process, NULL, 0);
	return NULL;
}

static struct renderer *start_here(struct fixture *f, int render_node)
{
	const struct virgl_args args = {
		.loop = f->loop,
		.render_node = render_node,
		.server = -1,
	};
	return virgl_renderer_create(&args);
}

struct fixture fixture_create(void)
{
	static bool started;
	struct fixture f = { .loop = loop_create() };
	CHECK(f.loop);
	const char *program = getenv("VIRGL_PROGRAM");
	int node = open_render_node();
	f.renderer = program ? start_program(&f, program, node) : start_here(&f, node);
	fd_close(&node);
	if (!f.renderer && !started)
		test_skip("EGL does not start on this machine");
	CHECK(f.renderer);
	started = true;
	add_memory(&f, GUEST_REGION, GUEST_SIZE);
	add_memory(&f, FRAME_REGION, FRAME_SIZE);
	f.guest = f.memory[GUEST_REGION - 1].base;
	f.frame = f.memory[FRAME_REGION - 1].base;
	for (uint32_t i = 0; i < GUEST_SIZE; i++)
		f.guest[i] = (uint8_t)(i * 7 + i / 253);
	return f;
}

void fixture_destroy(struct fixture *f)
{
	int status = 0;
	renderer_destroy(f->renderer);
	loop_destroy(f->loop);
	if (f->process)
		CHECK_INT(waitpid(f->process, &status, 0), f->process);
	CHECK_INT(status, 0);
	for (size_t i = 0; i < ARRAY_SIZE(f->memory); i++) {
		munmap(f->memory[i].base, f->memory[i].size);
		close(f->memory[i].fd);
	}
}

struct renderer_resource_args texture(uint32_t id, uint32_t format, uint32_t width, uint32_t height)
{
	return (struct renderer_resource_args){ .id = id,
		.target = 2,
		.format = format,
		.bind = BIND_RENDER_TARGET | BIND_SAMPLER_VIEW | BIND_SCANOUT,
		.width = width,
		.height = height,
		.depth = 1,
		.array_size = 1 };
}

int create_texture(struct fixture *f, uint32_t id, uint32_t format, uint32_t width, uint32_t height)
{
	const struct renderer_resource_args args = texture(id, format, width, height);
	return STATUS_OF(f, renderer_resource_create(f->renderer, &args, call));
}

int back(struct fixture *f, uint32_t id, uint64_t offset, uint64_t size)
{
	const struct renderer_span span = {
		.region = GUEST_REGION, .offset = offset, .length = size
	};
	return STATUS_OF(f, renderer_resource_set_backing(f->renderer, id, &span, 1, call));
}

int transfer(struct fixture *f, enum renderer_direction direction, uint32_t id, struct rect box,
	uint64_t offset, uint32_t stride)
{
	const struct renderer_transfer_args args = { .direction = direction,
		.resource = id,
		.offset = offset,
		.stride = stride,
		.box = { .x = box.x, .y = box.y, .w = box.w, .h = box.h, .d = 1 } };
	return STATUS_OF(f, renderer_transfer(f->renderer, &args, call));
}

int read_back(struct fixture *f, uint32_t id, struct rect rect, uint32_t stride)
{
	const struct renderer_read_back_args args = {
		.resource = id, .rect = rect, .region = FRAME_REGION, .stride = stride
	};
	return STATUS_OF(f, renderer_read_back(f->renderer, &args, call));
}

int create_context(struct fixture *f, uint32_t id)
{
	const struct renderer_context_args args = { .id = id, .capset = 2, .name = "test" };
	return STATUS_OF(f, renderer_context_create(f->renderer, &args, call));
}

void stream_words(struct stream *stream, const uint32_t *words, uint32_t count)
{
	CHECK(count <= ARRAY_SIZE(stream->words) - stream->count);
	memcpy(stream->words + stream->count, words, count * sizeof(*words));
	stream->count += count;
}

void stream_target(struct stream *stream, uint32_t surface, uint32_t resource, uint32_t format)
{
	const uint32_t create[] = { COMMAND(CREATE_OBJECT, OBJECT_SURFACE, 5u), surface, resource,
		format, 0, 0 };
	const uint32_t set[] = { COMMAND(SET_FRAMEBUFFER_STATE, 0u, 3u), 1, 0, surface };
	stream_words(stream, create, ARRAY_SIZE(create));
	stream_words(stream, set, ARRAY_SIZE(set));
}

void stream_clear(struct stream *stream, float red, float green, float blue, float alpha)
{
	const float colour[] = { red, green, blue, alpha };
	uint32_t clear[] = { COMMAND(CLEAR, 0u, 8u), CLEAR_COLOR0, 0, 0, 0, 0, 0, 0, 0 };
	memcpy(clear + 2, colour, sizeof(colour));
	stream_words(stream, clear, ARRAY_SIZE(clear));
}

int stream_submit(struct fixture *f, uint32_t context, struct stream *stream)
{
	const uint32_t padding[RENDERER_SUBMIT_PADDING / 4] = { 0 };
	uint32_t count = stream->count;
	stream_words(stream, padding, ARRAY_SIZE(padding));
	stream->count = 0;
	return STATUS_OF(f,
		renderer_submit_stream(f->renderer, context, stream->words,
			count * (uint32_t)sizeof(uint32_t), call));
}
