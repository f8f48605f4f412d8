/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/*
 * The launcher keeps some spare sockets per renderer here, each with memory for a ring, so that the next renderer
 * process can be used before it runs: what the device asks of it waits in the ring.
 */
#include "device_process.h"

#include <assert.h>
#include <errno.h>
#include <malloc.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>

#include "config.h"
#include "control.h"
#include "gpu/device.h"
#include "loop/loop.h"
#include "renderer/remote.h"
#include "util/bus_guard.h"
#include "util/fd.h"
#include "util/log.h"
#include "vhost/session.h"

#define STATE_BYTES   (UINT64_C(1) << 30) /* of a device, beside its pictures: more than enough */
#define UNTOLD_MAX    64 /* packets for the launcher: more than can be due at a time */
#define RETRY_MS      20
#define PICTURE_BYTES (64 * 1024) /* an allocation of so many is mapped by itself */

struct device_process {
	const struct config *config;
	struct loop *loop;
	int control; /* owned */
	struct loop_source *control_source;
	struct gpu_device *gpu;
	struct vhost_session *session; /* may be NULL */
	struct spares {
		uint32_t count;
		struct spare {
			int sock, memory; /* owned */
			uint32_t number;
		} list[CONTROL_SPARE_STOCK];
	} spares[GPU_MAX_RENDERERS]; /* per renderer of the configuration */
	int memory[CONTROL_MEMORY_STOCK]; /* owned: for frames */
	uint32_t memory_count;
	int udmabuf; /* owned; the device's once there is one; -1: none */
	struct control_packet untold[UNTOLD_MAX]; /* could not be sent yet, in order */
	uint32_t untold_count;
	struct loop_source *retry;
};

/* What the kernel has no memory for now. */
static bool passes(int error)
{
	return error == -ENOMEM || error == -ENOBUFS || error == -EAGAIN;
}

static void tell_untold(void *data)
{
	struct device_process *process = data;
	uint32_t sent = 0;
	int ret = 0;
	while (sent < process->untold_count && ret == 0) {
		ret = fd_send_packet(process->control, &process->untold[sent],
			sizeof(process->untold[0]), NULL, 0);
		sent += !passes(ret);
	}
	if (ret < 0)
		log_limited(LOG_ERROR, "the launcher cannot be told something: %s%s",
			strerror(-ret), passes(ret) ? "; trying again" : "");
	process->untold_count -= sent;
	memmove(process->untold, process->untold + sent,
		process->untold_count * sizeof(process->untold[0]));
	if (process->untold_count > 0)
		loop_timer_arm(process->retry, RETRY_MS);
}

static void tell_of_spare(
	struct device_process *process, enum control_type type, uint32_t index, uint32_t number)
{
	const struct control_packet packet = { .type = type, .index = index, .number = number };
	assert(process->untold_count < UNTOLD_MAX);
	process->untold[process->untold_count++] = packet;
	if (process->untold_count == 1)
		tell_untold(process);
}

static void tell_launcher(struct device_process *process, enum control_type type, uint32_t index)
{
	tell_of_spare(process, type, index, 0);
}

static uint32_t renderer_index(const struct device_process *process, const char *name)
{
	uint32_t index = 0;
	while (index < process->config->renderer_count &&
		strcmp(process->config->renderers[index], name) != 0)
		index++;
	assert(index < process->config->renderer_count);
	return index;
}

static struct renderer *start_renderer(void *data, const char *name,
	const struct renderer_events *events,
	void (*ready)(void *events_data, struct renderer *renderer), void *events_data)
{
	struct device_process *process = data;
	const uint32_t index = renderer_index(process, name);
	struct spares *spares = &process->spares[index];
	if (spares->count == 0) {
		log_limited(LOG_WARN, "renderer %s cannot be started again so soon", name);
		return NULL;
	}
	const struct spare spare = spares->list[--spares->count];
	struct remote_args args = {
		.loop = process->loop,
		.sock = spare.sock,
		.memory = spare.memory,
		.name = process->config->renderers[index],
		.events = events,
		.ready = ready,
		.data = events_data,
	};
	struct renderer *renderer = remote_renderer_create(&args);
	tell_of_spare(process, renderer ? CONTROL_START_RENDERER : CONTROL_SPARE_LOST, index,
		spare.number);
	return renderer;
}

static void end_renderer(void *data, const char *name)
{
	struct device_process *process = data;
	tell_launcher(process, CONTROL_END_RENDERER, renderer_index(process, name));
}

static int take_memory(void *data, uint64_t size)
{
	struct device_process *process = data;
	assert(size <= gpu_frame_bytes_max(&process->config->limits));
	if (process->memory_count == 0)
		return -EAGAIN;
	tell_launcher(process, CONTROL_MEMORY_TAKEN, 0);
	return process->memory[--process->memory_count];
}

static void memory_came(struct device_process *process, int fd)
{
	if (process->memory_count == CONTROL_MEMORY_STOCK) {
		fd_close(&fd);
		return;
	}
	process->memory[process->memory_count++] = fd;
	if (process->gpu)
		gpu_device_memory_came(process->gpu);
}

/* Pictures are mapped one by one, so that the host has their memory back when they go: by default the
 * allocator learns from the first large ones to keep the next in its heap. */
static void map_pictures(void)
{
	mallopt(M_MMAP_THRESHOLD, PICTURE_BYTES);
}

/* The same for what is too small for that, once a guest has gone: whatever outlives it may lie behind it in the
 * heap.
 *
 * #syscalls device: brk madvise
 */
static void give_memory_back(void)
{
	malloc_trim(0);
}

static void session_ended(void *data)
{
	struct device_process *process = data;
	vhost_session_destroy(process->session);
	process->session = NULL;
	gpu_device_set_session(process->gpu, NULL);
	give_memory_back();
	tell_launcher(process, CONTROL_SESSION_ENDED, 0);
}

static void start_session(struct device_process *process, int sock)
{
	struct vhost_session_args args = {
		.loop = process->loop,
		.sock = sock,
		.impl = &gpu_device_impl,
		.device = process->gpu,
		.memory_slots = process->config->memory_slots,
		.ended = session_ended,
		.data = process,
	};
	process->session = vhost_session_create(&args);
	if (!process->session) {
		log_error("no memory for a session");
		tell_launcher(process, CONTROL_SESSION_ENDED, 0);
		return;
	}
	gpu_device_set_session(process->gpu, process->session);
}

static void gpu_ready(void *data)
{
	tell_launcher(data, CONTROL_READY, 0);
}

static void spare_came(struct spares *spares, int *fds, uint32_t number)
{
	assert(spares->count < CONTROL_SPARE_STOCK);
	spares->list[spares->count++] = (struct spare){
		.sock = fd_steal(&fds[0]),
		.memory = fd_steal(&fds[1]),
		.number = number,
	};
}

static void drop_spares(struct spares *spares)
{
	while (spares->count > 0) {
		struct spare *spare = &spares->list[--spares->count];
		fd_close(&spare->sock);
		fd_close(&spare->memory);
	}
}

static void handle_packet(
	struct device_process *process, const struct control_packet *packet, int *fds)
{
	switch ((enum control_type)packet->type) {
	case CONTROL_SPARE:
		assert(packet->index < process->config->renderer_count);
		spare_came(&process->spares[packet->index], fds, packet->number);
		break;
	case CONTROL_MEMORY:
		memory_came(process, fd_steal(&fds[0]));
		break;
	case CONTROL_SESSION:
		assert(!process->session);
		start_session(process, fd_steal(&fds[0]));
		break;
	case CONTROL_VIEWER:
		gpu_device_set_viewer(process->gpu, fd_steal(&fds[0]));
		break;
	case CONTROL_UDMABUF:
		fd_close(&process->udmabuf);
		process->udmabuf = fd_steal(&fds[0]);
		break;
	case CONTROL_READY:
	case CONTROL_SESSION_ENDED:
	case CONTROL_START_RENDERER:
	case CONTROL_END_RENDERER:
	case CONTROL_SPARE_LOST:
	case CONTROL_MEMORY_TAKEN:
	case CONTROL_MEMORY_LOST:
		assert(false && "a packet for the launcher");
	}
}

/* What came with the packet could not be taken, as a rule because there are too many descriptors. */
static void packet_lost(struct device_process *process, const struct control_packet *packet)
{
	switch ((enum control_type)packet->type) {
	case CONTROL_SPARE:
		log_limited(LOG_ERROR, "out of descriptors: a renderer cannot be started");
		tell_of_spare(process, CONTROL_SPARE_LOST, packet->index, packet->number);
		break;
	case CONTROL_MEMORY:
		log_limited(LOG_ERROR, "out of descriptors: there are no new frames for pictures");
		tell_launcher(process, CONTROL_MEMORY_LOST, 0);
		break;
	case CONTROL_SESSION:
		log_limited(LOG_ERROR, "out of descriptors: the VMM is turned away");
		tell_launcher(process, CONTROL_SESSION_ENDED, 0);
		break;
	case CONTROL_VIEWER:
		log_limited(LOG_ERROR, "out of descriptors: the viewer is turned away");
		break;
	case CONTROL_UDMABUF:
		log_limited(LOG_ERROR, "out of descriptors: no dma-bufs of guest memory");
		break;
	case CONTROL_READY:
	case CONTROL_SESSION_ENDED:
	case CONTROL_START_RENDERER:
	case CONTROL_END_RENDERER:
	case CONTROL_SPARE_LOST:
	case CONTROL_MEMORY_TAKEN:
	case CONTROL_MEMORY_LOST:
		assert(false && "a packet for the launcher");
	}
}

/* Reads one packet. 1, 0 when there is none now, or -errno when the launcher is gone. */
static int read_packet(struct device_process *process)
{
	struct control_packet packet;
	int fds[CONTROL_MAX_FDS];
	ssize_t size =
		fd_recv_packet(process->control, &packet, sizeof(packet), fds, CONTROL_MAX_FDS);
	if (size == -EAGAIN)
		return 0;
	if (size == -EBADMSG) {
		packet_lost(process, &packet);
		return 1;
	}
	if (size != (ssize_t)sizeof(packet))
		return size < 0 ? (int)size : -ECONNRESET;
	handle_packet(process, &packet, fds);
	fd_close_all(fds, CONTROL_MAX_FDS);
	return 1;
}

static void control_event(void *data, uint32_t events)
{
	struct device_process *process = data;
	int ret = read_packet(process);
	/* What passes comes again with the next round. */
	if (ret < 0 && !passes(ret))
		loop_stop(process->loop, EXIT_OK);
}

static int create(struct device_process *process)
{
	/* Whoever is written to may have gone. */
	signal(SIGPIPE, SIG_IGN);
	int ret = bus_guard_install("device");
	if (ret < 0)
		return ret;
	process->loop = loop_create();
	if (!process->loop)
		return -ENOMEM;
	process->control_source =
		loop_add_fd(process->loop, process->control, LOOP_READABLE, control_event, process);
	process->retry = loop_add_timer(process->loop, tell_untold, process);
	if (!process->control_source || !process->retry)
		return -ENOMEM;

	/* The first spares were sent before this process was started. */
	while ((ret = read_packet(process)) > 0)
		;
	if (ret < 0)
		return ret;

	struct gpu_device_args args = {
		.loop = process->loop,
		.limits = process->config->limits,
		.scanouts = process->config->scanouts,
		.width = process->config->width,
		.height = process->config->height,
		.host_visible_bytes = process->config->host_visible_bytes,
		.capset_mask = process->config->capset_mask,
		.factory = {
			.start = start_renderer,
			.end = end_renderer,
			.memory = take_memory,
			.data = process,
		},
		.renderer_count = process->config->renderer_count,
		.headless = process->config->headless,
		.renderer_late_ms = process->config->renderer_late_s * 1000,
		.renderer_starts = process->config->renderer_starts,
		.renderer_starts_ms = process->config->renderer_starts_s * 1000,
		.ready = gpu_ready,
		.data = process,
	};
	memcpy(args.renderers, process->config->renderers, sizeof(args.renderers));
	process->gpu = gpu_device_create(&args);
	if (!process->gpu)
		return -ENOMEM;
	gpu_device_set_udmabuf(process->gpu, fd_steal(&process->udmabuf));
	return 0;
}

static void finish(struct device_process *process)
{
	vhost_session_destroy(process->session);
	if (process->gpu && process->session)
		gpu_device_set_session(process->gpu, NULL);
	gpu_device_destroy(process->gpu);
	for (uint32_t i = 0; i < GPU_MAX_RENDERERS; i++)
		drop_spares(&process->spares[i]);
	fd_close_all(process->memory, process->memory_count);
	fd_close(&process->udmabuf);
	loop_source_destroy(process->control_source);
	loop_source_destroy(process->retry);
	fd_close(&process->control);
	loop_destroy(process->loop);
}

/* Guests' memory, queues, fences and pictures are descriptors; a resource that is shown may be four. All that
 * is ever written to a file is the state of a device, which is pictures for the most part. */
static struct sandbox_limits most_of_the_host(const struct gpu_limits *limits)
{
	return (struct sandbox_limits){
		.descriptors = 1024 + 4 * (uint64_t)limits->resources,
		.file_bytes = STATE_BYTES + 2 * limits->host_bytes,
	};
}

static void set_up_process(void)
{
	prctl(PR_SET_NAME, DEVICE_PROCESS_NAME);
	/* When the launcher is gone already, the control socket says so. */
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	/* Ctrl-C is for the launcher: the device ends when the launcher does. */
	signal(SIGINT, SIG_IGN);
	map_pictures();
}

int device_process_run(const struct config *config)
{
	set_up_process();
	struct device_process process = {
		.config = config,
		.control = DEVICE_PROCESS_CONTROL,
		.udmabuf = -1,
	};
	struct sandbox sandbox;
	sandbox_init(&sandbox, &sandbox_device, config->sandbox);
	const struct sandbox_limits limits = most_of_the_host(&config->limits);
	int ret = sandbox_early(&sandbox, &limits);
	if (ret == 0)
		ret = sandbox_files(&sandbox, NULL, 0);
	if (ret == 0)
		ret = create(&process);
	/* From here on it sees what guests and VMMs send. */
	if (ret == 0)
		ret = sandbox_seal(&sandbox);
	int status = EXIT_FAILED;
	if (ret < 0)
		log_error("cannot start: %s", strerror(-ret));
	else
		status = loop_run(process.loop);
	finish(&process);
	return status;
}
