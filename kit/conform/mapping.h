/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/*
 * What cases about the backend's own memory share: blobs of it, which need nothing but a context, and the window
 * through which the guest sees them.
 */
#pragma once

#include "kit/conform/conform.h"

#define MAPPING_CONTEXT 1u
#define MAPPING_SHM     1u /* the window's number (virtio 1.4, 5.7.6.8) */
#define MAPPING_SIZE    (16u * KIT_PAGE) /* of blobs, where it does not matter */

/* How long it may take to make a context, which may be a process, or the first use of a GPU. */

/* VMMs that map, as names of variants. */
extern const char *const mapping_vmm_names[];

/* A machine of the VMM that the variant is named after, or (variant 0) of any: QEMU's generic device. With context
 * MAPPING_CONTEXT. */
struct kit_machine *mapping_machine(struct conform *c, uint32_t variant);

/* The same with more of the spec filled in; the profile is. */
struct kit_machine *mapping_machine_like(
	struct conform *c, uint32_t variant, struct kit_machine_spec spec);

/* Another context of the kind that has such blobs. */
void mapping_context(struct conform *c, struct kit_machine *machine, uint32_t ctx_id);

/* The size of the window in bytes. */
uint64_t mapping_window(const struct kit_machine *machine);

/* A blob of so many bytes that can be mapped: its description, and creating it in MAPPING_CONTEXT. */
struct virtio_gpu_resource_create_blob mapping_blob(uint32_t id, uint64_t size);
void mapping_create(struct kit_machine *machine, uint32_t id, uint64_t size);

/* Maps size bytes that the guest then sees; of MAPPING_SIZE. */
uint8_t *mapping_map_all(struct kit_machine *machine, uint32_t id, uint64_t offset, uint64_t size);
uint8_t *mapping_map(struct kit_machine *machine, uint32_t id, uint64_t offset);

/* RESOURCE_MAP_BLOB, whose answer's type is given; and of UNMAP_BLOB. */
int mapping_try(struct kit_machine *machine, uint32_t id, uint64_t offset);
int mapping_try_unmap(struct kit_machine *machine, uint32_t id);

/* The blob is not mapped any more, and the guest sees nothing there. */
void mapping_unmap(struct kit_machine *machine, uint32_t id, uint64_t offset);

/* Waits until the guest sees so many mappings. */
void mapping_wait_count(struct kit_machine *machine, uint32_t count);

/* After a stop that came while something was asked of the VMM: ends the case where the backend has closed the
 * channel instead, as there are VMMs that would not survive the rest. */
void mapping_need_channel(struct conform *c, struct kit_machine *machine);

/* The same commands without waiting for the answer. */
struct kit_command *mapping_send_create(struct kit_machine *machine, uint32_t id, uint64_t size);
struct kit_command *mapping_send_map(struct kit_machine *machine, uint32_t id, uint64_t offset);
struct kit_command *mapping_send_unmap(struct kit_machine *machine, uint32_t id);
struct kit_command *mapping_send_unref(struct kit_machine *machine, uint32_t id);

/* The type of what is answered. */
int mapping_answer(struct kit_machine *machine, struct kit_command *command);

/* Whatever its answer is, and whether there is one or not. */
void mapping_leave(struct kit_machine *machine, struct kit_command *command);

/* Bytes that are told apart by seed and place: writes them, and looks whether they are there. */
void mapping_write(uint8_t *bytes, uint64_t size, uint32_t seed);
void mapping_check(const uint8_t *bytes, uint64_t size, uint32_t seed);

/* A new blob can be made, mapped at this place, written, unmapped: the device is well. */
void mapping_check_works(
	struct conform *c, struct kit_machine *machine, uint32_t id, uint64_t offset);
