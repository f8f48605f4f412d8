/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/*
 * What the launcher and the device process say to each other on a SEQPACKET socket. Everything that
 * needs a path, a privilege or a new process is done by the launcher and handed over here, so that the
 * device process opens and starts nothing itself. The launcher does not trust what it reads.
 */
#pragma once

#include <stdint.h>

enum control_type {
	/* Launcher to device */
	CONTROL_SPARE = 1, /* fd: the device's end of a socket to renderer `index`'s next process */
	CONTROL_SESSION, /* fd: a VMM's connection */
	CONTROL_VIEWER, /* fd: a viewer's display socket */
	CONTROL_UDMABUF, /* fd: /dev/udmabuf; once, before the device process is started */

	/* Device to launcher */
	CONTROL_READY, /* renderers have said what they can do: sessions may come */
	CONTROL_SESSION_ENDED, /* the next one may come */
	CONTROL_START_RENDERER, /* start renderer `index` at the other end of the spare */
	CONTROL_SPARE_LOST, /* the spare of renderer `index` cannot be used: send another, not at once */
};

struct control_packet {
	uint32_t type; /* enum control_type */
	uint32_t index; /* of config.renderers */
};
