/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/* The player of the profiles. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "kit/display.h"
#include "kit/vmm.h"
#include "util/fd.h"

/* The features that a guest behind this VMM ends up with. */
static uint64_t choose_features(const struct kit_vmm *vmm)
{
	const struct kit_profile *profile = vmm->profile;
	const uint64_t packed = VHOST_BIT(VIRTIO_F_RING_PACKED);
	uint64_t features = (vmm->offered & profile->features) | profile->forced;
	features = vmm->packed ? features | packed : features & ~packed;
	return features & vmm->wanted;
}

static uint64_t value_of(const struct kit_vmm *vmm, uint32_t request, const struct kit_step *step)
{
	if (request == VHOST_USER_SET_FEATURES)
		return choose_features(vmm);
	if (request == VHOST_USER_SET_PROTOCOL_FEATURES)
		return vmm->protocol_offered & vmm->profile->protocol & vmm->protocol_wanted;
	return step->value;
}

static int send_memory(struct kit_vmm *vmm)
{
	if (!kit_vmm_has(vmm, VHOST_USER_PROTOCOL_F_CONFIGURE_MEM_SLOTS))
		return kit_vmm_do(vmm, VHOST_USER_SET_MEM_TABLE, 0, 0);
	int ret = 0;
	for (uint32_t i = vmm->regions_known; i < vmm->memory->count && ret == 0; i++)
		ret = kit_vmm_do(vmm, VHOST_USER_ADD_MEM_REG, i, 0);
	return ret < 0 ? ret : kit_vmm_window_tell(vmm);
}

static bool left_out(const struct kit_vmm *vmm, uint32_t request)
{
	const struct kit_request_spec *spec = kit_request_spec(request);
	if (request == VHOST_USER_GPU_SET_SOCKET)
		return !vmm->display;
	return spec && spec->needs >= 0 && !kit_vmm_has(vmm, spec->needs);
}

static int play_message(
	struct kit_vmm *vmm, uint32_t message, uint32_t queue, const struct kit_step *step)
{
	uint32_t request = message & KIT_REQUEST_MASK;
	if (left_out(vmm, request))
		return 0;
	if (request == KIT_INJECT_KICK) {
		fd_eventfd_signal(vmm->rings[queue].kick_fd);
		return 0;
	}
	if (request == KIT_BARE_FEATURES)
		return kit_vmm_do(
			vmm, VHOST_USER_SET_FEATURES, 0, VHOST_BIT(VHOST_USER_F_PROTOCOL_FEATURES));
	if (request == KIT_CLOSE_DISPLAY) {
		if (vmm->display)
			kit_display_close(vmm->display);
		return 0;
	}
	bool ack = vmm->ack;
	vmm->ack = ack && (message & KIT_ACK || request == KIT_SEND_MEMORY);
	int ret = request == KIT_SEND_MEMORY
		? send_memory(vmm)
		: kit_vmm_do(vmm, request, queue, value_of(vmm, request, step));
	vmm->ack = ack;
	if (ret == 0 && message & KIT_BARRIER && !kit_vmm_has(vmm, VHOST_USER_PROTOCOL_F_REPLY_ACK))
		ret = kit_vmm_do(vmm, VHOST_USER_GET_FEATURES, 0, 0);
	return ret;
}

static int failed(struct kit_vmm *vmm, int error, uint32_t message, uint32_t queue)
{
	const struct kit_request_spec *spec = kit_request_spec(message & KIT_REQUEST_MASK);
	char why[sizeof(vmm->kit->why)];
	memcpy(why, vmm->kit->why, sizeof(why));
	return kit_fail(
		vmm->kit, -error, "%s, queue %u: %s", spec ? spec->name : "memory", queue, why);
}

int kit_vmm_play(struct kit_vmm *vmm, const struct kit_step *steps)
{
	for (const struct kit_step *step = steps; step->kind != KIT_END; step++) {
		uint32_t rounds = step->kind == KIT_EACH_QUEUE ? KIT_QUEUES : 1;
		for (uint32_t round = 0; round < rounds; round++) {
			uint32_t queue = vmm->reverse ? rounds - 1 - round : round;
			for (uint32_t i = 0; i < KIT_STEP_MESSAGES && step->messages[i]; i++) {
				int ret = play_message(vmm, step->messages[i], queue, step);
				if (ret < 0)
					return failed(vmm, ret, step->messages[i], queue);
			}
		}
	}
	return 0;
}

int kit_vmm_realize(struct kit_vmm *vmm)
{
	return kit_vmm_play(vmm, vmm->profile->realize);
}

int kit_vmm_start(struct kit_vmm *vmm)
{
	int ret = kit_vmm_play(vmm, vmm->profile->start);
	vmm->running = ret == 0;
	kit_vmm_window_resume(vmm);
	return ret;
}

int kit_vmm_stop(struct kit_vmm *vmm)
{
	int ret = kit_pump(vmm->kit, 0); /* what there is to be read is read first */
	if (ret == 0 && vmm->memory_changed)
		ret = kit_vmm_window_tell(vmm);
	vmm->running = false;
	if (ret == 0)
		ret = kit_vmm_play(vmm, vmm->profile->stop);
	if (ret == 0)
		ret = kit_pump(vmm->kit, 0); /* what the backend asked for before it was stopped */
	vmm->stopped = ret == 0;
	for (uint32_t i = 0; i < KIT_QUEUES && ret == 0; i++) {
		uint32_t base = kit_ring_base(&vmm->rings[i]);
		if (vmm->bases[i] != base)
			ret = kit_fail(vmm->kit, EPROTO,
				"queue %u stopped at %#x with %#x answered", i, vmm->bases[i],
				base);
	}
	return ret;
}

int kit_vmm_reset(struct kit_vmm *vmm)
{
	memset(vmm->has_base, 0, sizeof(vmm->has_base));
	if (vmm->profile->drops_mappings)
		kit_channel_unmap_all(&vmm->channel);
	return kit_vmm_play(vmm, vmm->profile->reset);
}
