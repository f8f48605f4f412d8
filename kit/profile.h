/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/*
 * What certain VMMs send, in which order: data for kit_vmm_play() (vmm.h).
 *
 * Messages that need a protocol feature which was not negotiated are left out by the player, as are
 * those about a display where there is none; so the tables show the longest form of each sequence.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#define KIT_STEP_MESSAGES 8u

/* In a step's messages beside enum vhost_user_request: */
#define KIT_ACK           0x10000u /* flag: ask for an acknowledgement, where REPLY_ACK allows */
#define KIT_BARRIER       0x20000u /* flag: a GET_FEATURES behind it where REPLY_ACK is not */
#define KIT_REQUEST_MASK  0x0ffffu
#define KIT_SEND_MEMORY   0x01001u /* SET_MEM_TABLE, or ADD_MEM_REG for each region not yet known */
#define KIT_INJECT_KICK   0x01002u /* signal the kick descriptor of the queue */
#define KIT_CLOSE_DISPLAY 0x01003u /* the VMM closes its end of the display socket */
#define KIT_BARE_FEATURES 0x01004u /* SET_FEATURES with nothing but PROTOCOL_FEATURES */

struct kit_step {
	enum kit_step_kind {
		KIT_END, /* of the steps */
		KIT_ONCE,
		KIT_EACH_QUEUE, /* all messages for queue 0, then all for queue 1 */
	} kind;
	uint64_t value; /* of SET_VRING_ENABLE and SET_STATUS */
	uint32_t messages[KIT_STEP_MESSAGES]; /* up to the first 0 */
};

struct kit_profile {
	const char *name;
	bool display; /* sends GPU_SET_SOCKET */
	uint64_t protocol; /* protocol features it takes when offered */
	uint64_t features; /* virtio features it lets through when offered; packed rings: vmm.h */
	uint64_t forced; /* virtio features it acknowledges, offered or not */
	uint32_t sizes[2]; /* of the queues */
	uint32_t read_flags; /* of GET_CONFIG */
	uint32_t write_flags; /* of SET_CONFIG */
	/* What the backend has mapped (SHMEM_MAP) is memory of the guest like any other, and told to the backend */
	bool counts_mappings;
	bool drops_mappings; /* by itself, when the guest resets the device */
	const struct kit_step *realize; /* once, after connecting */
	const struct kit_step *start; /* the driver is ready; also when resumed */
	const struct kit_step *stop; /* paused */
	const struct kit_step *reset; /* behind stop, when the guest resets the device */
	const struct kit_step
		*load; /* behind realize, when a device's state is to be loaded then */
	const struct kit_step *restart; /* behind that: the guest goes on */
};

/* QEMU's vhost-user-gpu-pci (as of 11.1); the same with all of a GPU's features passed on; QEMU's
 * generic device (vhost-user-test-device-pci); crosvm's front-end. */
extern const struct kit_profile kit_profile_qemu_gpu;
extern const struct kit_profile kit_profile_qemu_gpu_all;
extern const struct kit_profile kit_profile_qemu_generic;
extern const struct kit_profile kit_profile_crosvm;
