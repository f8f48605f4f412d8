/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
#include "kit/vtest/bridge.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "kit/vtest/blob.h"
#include "kit/vtest/client.h"
#include "util/log.h"

#define FIRST_RESOURCE 0x100000u /* clients of before version 3 choose from 1 on */
#define GOODBYE_MS     2000

static void on_progress(void *data)
{
	struct bridge *bridge = data;
	blob_go_on(bridge);
	list_for_each_safe (link, after, &bridge->clients)
		client_go_on(container_of(link, struct client, link));
	device_flush(bridge->device);
}

static void on_lost(void *data)
{
	struct bridge *bridge = data;
	bridge->running = false;
	loop_stop(bridge->loop, 1);
}

int bridge_init(struct bridge *bridge, const struct bridge_args *args)
{
	memset(bridge, 0, sizeof(*bridge));
	bridge->loop = args->loop;
	bridge->next_resource = FIRST_RESOURCE;
	list_init(&bridge->clients);
	idmap_init(&bridge->resources);
	const struct device_args device = {
		.loop = args->loop,
		.backend = args->backend,
		.connect = args->connect,
		.backing = args->backing,
		.progress = on_progress,
		.lost = on_lost,
		.data = bridge,
	};
	bridge->device = device_create(&device);
	bridge->running = bridge->device;
	return bridge->device ? 0 : -ENODEV;
}

static uint32_t free_context(const struct bridge *bridge)
{
	uint32_t id = 1;
	while (id <= BRIDGE_MAX_CLIENTS && bridge->used[id])
		id++;
	return id <= BRIDGE_MAX_CLIENTS ? id : 0;
}

void bridge_add_client(struct bridge *bridge, int sock)
{
	uint32_t id = free_context(bridge);
	if (id == 0 || !client_create(bridge, sock, id)) {
		log_limited(LOG_WARN, "no more than %u programs at a time", BRIDGE_MAX_CLIENTS);
		close(sock);
	}
}

int bridge_finish(struct bridge *bridge)
{
	if (!bridge->device)
		return 0;
	uint64_t deadline = loop_now_ms() + GOODBYE_MS;
	list_for_each_safe (link, after, &bridge->clients)
		client_leave(container_of(link, struct client, link));
	device_flush(bridge->device);
	while (bridge->running && !list_empty(&bridge->clients) && loop_now_ms() < deadline)
		loop_round(bridge->loop, 10);
	device_cancel(bridge->device);
	list_for_each_safe (link, after, &bridge->clients)
		client_destroy(container_of(link, struct client, link));
	int wrong = device_destroy(bridge->device);
	idmap_finish(&bridge->resources);
	return wrong;
}
