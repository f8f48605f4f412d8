/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
#include "supplies.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>

#include "control.h"
#include "loop/loop.h"
#include "renderer/ring.h"
#include "util/fd.h"
#include "util/log.h"
#include "util/shm.h"

#define RETRY_MS 1000u

static int send_fds(const struct supplies *supplies, const struct control_packet *packet,
	const int *fds, size_t count)
{
	return fd_send_packet(supplies->control, packet, sizeof(*packet), fds, count);
}

/* ends[0] and memory go to the device, ends[1] is kept. */
static int send_spare(struct supplies *supplies, uint32_t renderer, int *ends, int memory)
{
	struct supplies_spares *spares = &supplies->spares[renderer];
	const struct control_packet packet = {
		.type = CONTROL_SPARE,
		.index = renderer,
		.number = supplies->next_number,
	};
	int error = send_fds(supplies, &packet, (const int[]){ ends[0], memory }, 2);
	if (error)
		return error;
	supplies->next_number++;
	spares->list[spares->count++] = (struct supplies_spare){
		.end = fd_steal(&ends[1]),
		.number = packet.number,
	};
	return 0;
}

static int make_spare(struct supplies *supplies, uint32_t renderer)
{
	int ends[2];
	_cleanup_fd_ int memory = ring_memory();
	int error = memory < 0 ? memory : 0;
	if (!error &&
		socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends) < 0)
		error = -errno;
	if (error) {
		log_limited(LOG_ERROR, "cannot make a socket and memory for renderer %s: %s",
			supplies->renderers[renderer], strerror(-error));
		return error;
	}
	error = send_spare(supplies, renderer, ends, memory);
	fd_close_all(ends, 2);
	return error;
}

static int send_memory(struct supplies *supplies)
{
	const struct control_packet packet = { .type = CONTROL_MEMORY };
	_cleanup_fd_ int memory = shm_create("virtiogpud-frame", supplies->memory_bytes);
	int error = memory < 0 ? memory : send_fds(supplies, &packet, &memory, 1);
	if (memory < 0)
		log_limited(LOG_ERROR, "cannot make memory for frames: %s", strerror(-error));
	if (error == 0)
		supplies->memory_count++;
	return error;
}

static void fill_memory(struct supplies *supplies)
{
	while (supplies->control >= 0 && supplies->memory_count < CONTROL_MEMORY_STOCK)
		if (send_memory(supplies) < 0) {
			loop_timer_arm(supplies->timer, RETRY_MS);
			break;
		}
}

void supplies_renew(struct supplies *supplies, uint32_t renderer)
{
	while (supplies->control >= 0 && supplies->spares[renderer].count < CONTROL_SPARE_STOCK)
		if (make_spare(supplies, renderer) < 0) {
			loop_timer_arm(supplies->timer, RETRY_MS);
			break;
		}
}

static void fill(void *data)
{
	struct supplies *supplies = data;
	for (uint32_t i = 0; i < supplies->renderer_count; i++)
		supplies_renew(supplies, i);
	fill_memory(supplies);
}

int supplies_init(struct supplies *supplies, struct loop *loop)
{
	supplies->timer = loop_add_timer(loop, fill, supplies);
	return supplies->timer ? 0 : -ENOMEM;
}

static void close_spares(struct supplies *supplies)
{
	for (uint32_t i = 0; i < GPU_MAX_RENDERERS; i++) {
		struct supplies_spares *spares = &supplies->spares[i];
		while (spares->count > 0)
			fd_close(&spares->list[--spares->count].end);
	}
}

void supplies_finish(struct supplies *supplies)
{
	close_spares(supplies);
	loop_source_destroy(supplies->timer);
	supplies->timer = NULL;
}

void supplies_deliver(struct supplies *supplies, int control)
{
	supplies->control = control;
	supplies->memory_count = 0;
	close_spares(supplies);
	fill(supplies);
}

int supplies_take(struct supplies *supplies, uint32_t renderer, uint32_t number)
{
	if (renderer >= supplies->renderer_count)
		return -1;
	struct supplies_spares *spares = &supplies->spares[renderer];
	for (uint32_t i = 0; i < spares->count; i++) {
		int end = spares->list[i].end;
		if (spares->list[i].number != number)
			continue;
		spares->list[i] = spares->list[--spares->count];
		return end;
	}
	return -1;
}

void supplies_spare_lost(struct supplies *supplies, uint32_t renderer, uint32_t number)
{
	_cleanup_fd_ int end = supplies_take(supplies, renderer, number);
	if (end >= 0)
		loop_timer_arm(supplies->timer, RETRY_MS);
}

void supplies_memory_taken(struct supplies *supplies)
{
	if (supplies->memory_count > 0)
		supplies->memory_count--;
	fill_memory(supplies);
}

void supplies_memory_lost(struct supplies *supplies)
{
	if (supplies->memory_count > 0)
		supplies->memory_count--;
	loop_timer_arm(supplies->timer, RETRY_MS);
}
