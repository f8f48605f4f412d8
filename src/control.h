/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/*
 * What the launcher and the device process say to each other on a SEQPACKET socket. Everything that
 * needs a path, a privilege or a new process is done by the launcher and handed over here, so that the
 * device process opens, makes and starts nothing itself. The launcher does not trust what it reads.
 */
#pragma once

#include <stdint.h>

enum control_type {
	/* Launcher to device */
	CONTROL_SPARE =
		1, /* fds: the device's end of a socket to a process of renderer `index` that is
			    * still to be started, and memory for their ring; it has a number */
	CONTROL_MEMORY, /* fd: memory for one frame, of gpu_frame_bytes_max() bytes */
	CONTROL_SESSION, /* fd: a VMM's connection */
	CONTROL_VIEWER, /* fd: a viewer's display socket */
	CONTROL_UDMABUF, /* fd: /dev/udmabuf; once, before the device process is started */

	/* Device to launcher */
	CONTROL_READY, /* renderers have said what they can do: sessions may come */
	CONTROL_SESSION_ENDED, /* the next one may come */
	CONTROL_START_RENDERER, /* start renderer `index` at the other end of spare `number` */
	CONTROL_END_RENDERER, /* end the process of renderer `index` that was started last, if it lives */
	CONTROL_SPARE_LOST, /* spare `number` of renderer `index` cannot be used: send another, not at once */
	CONTROL_MEMORY_TAKEN, /* memory for a frame is in use: send other */
	CONTROL_MEMORY_LOST, /* it cannot be used: send other, not at once */
};

/* The most descriptors that come with a packet. */
#define CONTROL_MAX_FDS 2u

/* How many spares of each renderer the device has in stock: so often a guest may change hands before the launcher
 * has been heard of. */
#define CONTROL_SPARE_STOCK 4u

/* How much memory for frames the device has in stock. It takes no more of the host than is written to. */
#define CONTROL_MEMORY_STOCK 8u

struct control_packet {
	uint32_t type; /* enum control_type */
	uint32_t index; /* of config.renderers */
	uint32_t number; /* of a spare: no other of the same renderer has it */
};
