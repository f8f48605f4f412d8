/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/*
 * What the server of Vulkan says first on its socket, before it speaks virglrenderer's own protocol: what the
 * drivers of this machine can do for guests. One packet, from a program of the same build.
 */
#pragma once

#include <stdint.h>

#include "memory_types.h"

#define VENUS_REPORT_VERSION 2u

struct venus_report {
	uint32_t version; /* VENUS_REPORT_VERSION */
	int32_t status; /* 0, or -errno: there is no Vulkan for guests */
	/* Drivers' own descriptors of memory (VK_EXTERNAL_MEMORY_HANDLE_TYPE_OPAQUE_FD) can be mapped, and the
	 * bytes begin there in the file. */
	uint32_t can_map_opaque;
	uint32_t
		wants_layer; /* 0 or 1: memory of some device needs the layer, and does not have it yet */
	uint64_t opaque_offset;
	char text[256]; /* printable: the device, or why there is none */
	/* Devices whose memory is files of our own, by the layer (memory_layer.c); "": drivers make all of it. */
	char memory_types[MEMORY_TYPES_TEXT];
};
