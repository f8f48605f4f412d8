/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/*
 * What a VMM makes of the mappings that its backend has asked for: to some they are memory of the guest like any
 * other, of which every backend is told. Nothing can be told while an answer is waited for on the same socket,
 * and need not be while the device is stopped; then it is done later.
 */
#include <errno.h>
#include <string.h>

#include "kit/vmm.h"
#include "util/checked.h"
#include "util/fd.h"

/* Where the window is in the guest and in the VMM; nothing else is there. */
#define WINDOW_GUEST (UINT64_C(1) << 40)
#define WINDOW_USER  (UINT64_C(0x5a5) << 32)

struct vhost_user_memory_region kit_vmm_window_region(const struct kit_map *map)
{
	return (struct vhost_user_memory_region){
		.guest_address = WINDOW_GUEST + map->offset,
		.size = map->length,
		.user_address = WINDOW_USER + map->offset,
		.mmap_offset = map->fd_offset,
	};
}

static bool has_slots(const struct kit_vmm *vmm)
{
	return kit_vmm_has(vmm, VHOST_USER_PROTOCOL_F_CONFIGURE_MEM_SLOTS);
}

static bool has_room(const struct kit_vmm *vmm)
{
	return !vmm->channel.map_count ||
		vmm->memory->count + vmm->channel.map_count <= KIT_MEMORY_PLACES;
}

bool kit_vmm_window_counts(const struct kit_vmm *vmm)
{
	return vmm->profile && vmm->profile->counts_mappings && vmm->echo != KIT_ECHO_NEVER &&
		!has_slots(vmm) && has_room(vmm);
}

static int tell_region(struct kit_vmm *vmm, uint32_t request, const struct kit_map *map)
{
	struct kit_message message = { .header = { request, VHOST_USER_VERSION, 0 } };
	const struct vhost_user_single_region single = { .region = kit_vmm_window_region(map) };
	memcpy(message.payload, &single, sizeof(single));
	message.header.size = sizeof(single);
	if (request == VHOST_USER_ADD_MEM_REG) {
		message.fds[0] = fd_dup(map->fd);
		message.fd_count = 1;
	}
	return kit_vmm_tell(vmm, &message);
}

static struct kit_map *find_untold(struct kit_channel *channel)
{
	for (uint32_t i = 0; i < channel->map_count; i++)
		if (!channel->maps[i].told)
			return &channel->maps[i];
	return NULL;
}

/* The lists may change while one message is answered. */
static int tell_regions(struct kit_vmm *vmm)
{
	struct kit_channel *channel = &vmm->channel;
	struct kit_map *untold;
	int ret = 0;
	while (channel->gone_count && ret == 0) {
		const struct kit_map gone = channel->gone[--channel->gone_count];
		ret = tell_region(vmm, VHOST_USER_REM_MEM_REG, &gone);
	}
	while (ret == 0 && (untold = find_untold(channel))) {
		untold->told = true;
		ret = tell_region(vmm, VHOST_USER_ADD_MEM_REG, untold);
	}
	return ret;
}

int kit_vmm_window_tell(struct kit_vmm *vmm)
{
	int ret = 0;
	vmm->echo_source.due = 0;
	while (vmm->memory_changed && ret == 0) {
		vmm->memory_changed = false;
		if (!vmm->profile->counts_mappings || vmm->echo == KIT_ECHO_NEVER)
			continue;
		bool ack = vmm->ack;
		vmm->ack = true;
		if (has_slots(vmm))
			ret = tell_regions(vmm);
		else if (has_room(vmm))
			ret = kit_vmm_do(vmm, VHOST_USER_SET_MEM_TABLE, 0, 0);
		vmm->ack = ack;
	}
	return ret;
}

void kit_vmm_window_resume(struct kit_vmm *vmm)
{
	if (vmm->memory_changed && vmm->running && !vmm->asking)
		vmm->echo_source.due = kit_now();
}

static int echo_due(void *data, short events)
{
	struct kit_vmm *vmm = data;
	vmm->echo_source.due = 0;
	return vmm->running && !vmm->asking ? kit_vmm_window_tell(vmm) : 0;
}

static void memory_changes(void *data, const struct kit_channel_request *request)
{
	struct kit_vmm *vmm = data;
	if (vmm->stopped && vmm->profile->counts_mappings)
		kit_channel_blame(&vmm->channel, "a change of memory while the device is stopped");
	vmm->memory_changed = true;
	if (vmm->echo == KIT_ECHO_BEFORE && vmm->running && !vmm->asking)
		kit_vmm_window_tell(vmm);
	else
		kit_vmm_window_resume(vmm);
}

void kit_vmm_window_init(struct kit_vmm *vmm)
{
	vmm->echo_source = (struct kit_source){ .fd = -1, .ready = echo_due, .data = vmm };
	kit_source_add(vmm->kit, &vmm->echo_source);
	vmm->channel.before_answer = memory_changes;
	vmm->channel.before_answer_data = vmm;
}
