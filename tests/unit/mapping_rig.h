/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/*
 * For tests of blobs of renderers' memory, and of mappings of them: a device with one renderer that has memory, a
 * context in it, and a VMM that is asked to map.
 */
#pragma once

#include "gpu_rig.h"
#include "session_in_name.h"

#define OK          VIRTIO_GPU_RESP_OK_NODATA
#define OK_MAP      VIRTIO_GPU_RESP_OK_MAP_INFO
#define UNSPEC      VIRTIO_GPU_RESP_ERR_UNSPEC
#define BAD_NUMBER  VIRTIO_GPU_RESP_ERR_INVALID_PARAMETER
#define BAD_ID      VIRTIO_GPU_RESP_ERR_INVALID_RESOURCE_ID
#define BAD_CONTEXT VIRTIO_GPU_RESP_ERR_INVALID_CONTEXT_ID
#define NO_MEMORY   VIRTIO_GPU_RESP_ERR_OUT_OF_MEMORY
#define MAP         VHOST_USER_BACKEND_SHMEM_MAP
#define UNMAP       VHOST_USER_BACKEND_SHMEM_UNMAP
#define LOOKUP      VHOST_USER_BACKEND_SHARED_OBJECT_LOOKUP

#define PAGE   4096u
#define SIZE   (16u * PAGE) /* of each blob */
#define WINDOW (UINT64_C(1) << 30)
#define CTX    1u

extern struct gpu_rig rig;
extern struct renderer_memory memory; /* that the renderer gives for every blob */

void mapping_start(void);
/* As a session does it: the channel goes first. */
void mapping_finish(void);

struct virtio_gpu_resource_create_blob mapping_blob(uint32_t id);
uint32_t mapping_create_blob(uint32_t id);
uint16_t mapping_begin_map(uint32_t id, uint64_t offset);
uint16_t mapping_begin_unmap(uint32_t id);

/* The type of a command's answer; 0: it has none yet. */
uint32_t mapping_answer_of(uint16_t number);

/* The VMM has been asked this, or nothing. */
void mapping_expect_map(uint64_t offset);
void mapping_expect_unmap(uint64_t offset);
void mapping_expect_lookup(void);
void mapping_expect_not_asked(void);

/* It answers. */
void mapping_say(uint32_t type, uint64_t status);

/* The memory table has so many of the blob's mappings as well, each somewhere. */
void mapping_show(uint32_t count);

/* All of it; shown: as above, 0: the VMM does not show mappings. */
void mapping_map(uint32_t id, uint64_t offset, uint32_t shown);
