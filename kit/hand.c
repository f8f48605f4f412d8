/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
#include "kit/hand.h"

#include <string.h>

struct kit_hand kit_hand(struct kit_machine *machine)
{
	const struct virtio_gpu_ctrl_hdr request = kit_header(VIRTIO_GPU_CMD_GET_DISPLAY_INFO);
	struct kit_memory *memory = &machine->memory;
	struct kit_hand hand = {
		.m = machine,
		.ring = &machine->rings[0],
		.in = kit_alloc(memory, KIT_PAGE, KIT_PAGE),
		.out = kit_alloc(memory, KIT_PAGE, KIT_PAGE),
		.table = kit_alloc(memory, KIT_PAGE, KIT_PAGE),
	};
	memcpy(kit_ptr(memory, hand.in, sizeof(request)), &request, sizeof(request));
	memset(kit_ptr(memory, hand.out, KIT_PAGE), 0xee, KIT_PAGE);
	return hand;
}

void kit_hand_finish(struct kit_hand *hand)
{
	struct kit_memory *memory = &hand->m->memory;
	kit_free(memory, hand->in, KIT_PAGE);
	kit_free(memory, hand->out, KIT_PAGE);
	kit_free(memory, hand->table, KIT_PAGE);
}
