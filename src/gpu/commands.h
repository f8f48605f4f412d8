/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/* The table of commands (virtio 1.4, 5.7.6.8 to 5.7.6.10) and their handlers. */
#pragma once

#include <stdint.h>

#include "gpu/command.h"

/* The row for a type, or NULL. */
const struct gpu_command_spec *gpu_command_find(uint32_t type);

/* Bits of the features that commands of the table need: what may be offered at most. */
uint64_t gpu_command_features(void);

/* Handlers, by area. See gpu_command_spec::handle. */

/* commands_2d.c */
uint32_t gpu_handle_create_2d(struct gpu_command *command);
uint32_t gpu_handle_unref(struct gpu_command *command);
uint32_t gpu_handle_transfer_2d(struct gpu_command *command);
uint32_t gpu_handle_attach_backing(struct gpu_command *command);
uint32_t gpu_handle_detach_backing(struct gpu_command *command);
uint32_t gpu_handle_assign_uuid(struct gpu_command *command);

/* commands_blob.c */
uint32_t gpu_handle_create_blob(struct gpu_command *command);
uint32_t gpu_handle_map_blob(struct gpu_command *command);
uint32_t gpu_handle_unmap_blob(struct gpu_command *command);

/* commands_3d.c */
uint32_t gpu_handle_get_capset_info(struct gpu_command *command);
uint32_t gpu_handle_get_capset(struct gpu_command *command);
uint32_t gpu_handle_ctx_create(struct gpu_command *command);
uint32_t gpu_handle_ctx_destroy(struct gpu_command *command);
uint32_t gpu_handle_ctx_attach(struct gpu_command *command);
uint32_t gpu_handle_ctx_detach(struct gpu_command *command);
uint32_t gpu_handle_create_3d(struct gpu_command *command);
uint32_t gpu_handle_transfer_3d(struct gpu_command *command);
uint32_t gpu_handle_submit(struct gpu_command *command);

/* commands_display.c */
uint32_t gpu_handle_get_display_info(struct gpu_command *command);
uint32_t gpu_handle_get_edid(struct gpu_command *command);
uint32_t gpu_handle_set_scanout(struct gpu_command *command);
uint32_t gpu_handle_set_scanout_blob(struct gpu_command *command);
uint32_t gpu_handle_flush(struct gpu_command *command);
uint32_t gpu_handle_update_cursor(struct gpu_command *command);
uint32_t gpu_handle_move_cursor(struct gpu_command *command);
