/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/*
 * All state of the device model, private to gpu/. Each part belongs to the file that is named
 * beside it; others go through that file's functions.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "gpu/command.h"
#include "gpu/cursor.h"
#include "gpu/device.h"
#include "gpu/event.h"
#include "gpu/fence.h"
#include "gpu/host_visible.h"
#include "gpu/output.h"
#include "gpu/renderers.h"
#include "gpu/scanout.h"
#include "gpu/shared.h"
#include "util/idmap.h"
#include "util/list.h"

struct gpu_device {
	struct loop *loop;
	struct gpu_device_args args;
	struct vhost_session *session; /* NULL while no VMM is served */
	uint64_t features; /* the driver's choice */
	struct gpu_events events; /* event.c: of the configuration space */
	struct vhost_memory *memory; /* the table in force (a reference); may be NULL */
	struct gpu_regions regions; /* of that table */

	struct gpu_queues { /* queues.c */
		struct virtqueue *runnable[VIRTIO_GPU_QUEUES]; /* may be popped; else NULL */
		struct virtqueue *completed[VIRTIO_GPU_QUEUES]; /* to be told to the session */
		struct gpu_command *stalled; /* goes first when there is room */
		struct loop_source *process, *notify, *retry;
	} queues;

	struct gpu_commands commands; /* command.c */
	struct gpu_timeline global; /* fence.c: of fences without a ring */
	uint32_t fence_count; /* fence.c: commands that count against the limit */
	struct gpu_renderers renderers; /* renderers.c */

	struct idmap resources; /* resource.c: id → struct gpu_resource */
	struct list resource_list; /* gpu_resource::link */
	uint32_t resource_count;
	uint32_t blob_count; /* of these */
	int udmabuf; /* owned: /dev/udmabuf; -1: there is none */
	uint32_t blob_dmabufs; /* blob.c: how many there are */
	struct gpu_shares shares; /* shared.c */
	struct gpu_host_visible host_visible; /* host_visible.c */
	uint64_t backing_entries; /* backing.c: of all resources together */
	uint64_t renderer_bytes; /* realisation.c: of all that is in renderer processes */

	struct idmap contexts; /* context.c: id → struct gpu_context */
	struct list context_list; /* gpu_context::link */
	uint32_t context_count;
	uint32_t attachment_count;

	uint64_t frame_bytes; /* frame.c: of all frames together */
	struct gpu_scanout scanouts[VIRTIO_GPU_MAX_SCANOUTS]; /* scanout.c */
	struct loop_source *push;
	uint32_t push_first; /* the scanout to begin with (modulo their number) */
	uint32_t copy_left; /* bytes that may be copied in this round */
	struct gpu_cursor cursors[VIRTIO_GPU_MAX_SCANOUTS]; /* cursor.c */
	struct gpu_outputs outputs; /* output.c */

	struct gpu_snapshot *snapshot; /* snapshot.c: being saved or loaded; else NULL */
};

/* True when the driver chose a feature (a bit number). */
static inline bool gpu_device_has(const struct gpu_device *device, uint32_t feature)
{
	return device->features >> feature & 1;
}
