/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/*
 * virtiogpu-view with all of its other ends: the backend that it shows, a VMM and guest for each of its
 * two input devices, VNC clients. VIEWER in the environment is the program.
 */
#pragma once

#include "wire.h"

#define RIG_BUFFERS 64u

enum {
	RIG_KEYBOARD,
	RIG_POINTER,
	RIG_DEVICES,
};

/* A VMM at one of the devices, and the guest's driver. */
struct rig_guest {
	struct kit_machine *machine; /* NULL: none has connected */
	struct kit_backend *at; /* where */
	uint64_t events; /* RIG_BUFFERS of them in guest memory */
	uint64_t status; /* an event */
};

struct rig {
	struct kit kit;
	struct kit_backend *viewer;
	int backend; /* our end of the display socket */
	uint16_t port; /* of head 0 */
	struct rig_guest guests[RIG_DEVICES];
};

/* The viewer with so many heads, 640x480 and then 320x240 each, and these further options. */
struct rig *rig_create(uint32_t heads, const char *options);

/* Ends all of it: the viewer has to end well, with nothing in its log that sanitizers write. */
void rig_destroy(struct rig *rig);

/* Connects a VMM of this kind with queues of this size, up to this stage; the guest gives no buffers. */
struct rig_guest *rig_connect(
	struct rig *rig, uint32_t device, const struct kit_machine_spec *spec);

/* The same for QEMU's device, started, with all buffers given. */
struct rig_guest *rig_start(struct rig *rig, uint32_t device);

/* Makes so many more buffers available, from the first one on. */
void rig_give(struct rig_guest *guest, uint32_t first, uint32_t count);

/* The device was stopped, reset or connected anew: the guest gives all buffers to the new ring. */
void rig_give_all(struct rig_guest *guest);

/* The next event has to be this one; its buffer is given again. */
void rig_expect(struct rig_guest *guest, uint16_t type, uint16_t code, int32_t value);

/* The next report has to be this key and no more. */
void rig_expect_key(struct rig_guest *guest, uint16_t code, bool down);

/* The next report has to be this position. */
void rig_expect_position(struct rig_guest *guest, int32_t x, int32_t y);

/* No event comes. */
void rig_expect_nothing(struct rig_guest *guest);

/* The driver tells the device something, and waits until it was taken. */
void rig_status(struct rig_guest *guest, uint16_t type, uint16_t code, uint32_t value);

/* A VNC client of a head that is past the handshake: its socket. */
int rig_vnc(struct rig *rig, uint32_t head);
void rig_vnc_key(int sock, uint32_t keysym, bool down);
void rig_vnc_type(int sock, const char *text);
void rig_vnc_pointer(int sock, uint8_t buttons, uint16_t x, uint16_t y);

/* What this client sent has been taken in. */
void rig_vnc_settle(int sock);

/* The viewer still serves: VNC, and the backend. */
void rig_check_alive(struct rig *rig);
