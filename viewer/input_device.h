/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/*
 * A virtio-input device (virtio 1.4, 5.8) that a VMM reaches over a vhost-user socket: listens, and
 * serves one VMM at a time. It knows nothing of who types.
 *
 * Events go to the guest in reports. Few wait for a guest that gives buffers slowly (QEMU's queues have
 * four); what comes when no more can wait, or while no driver runs, is dropped, always whole reports.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct loop;
struct input_device;

#define INPUT_REPORT_EVENTS 3u /* and SYN_REPORT: a report fits into a queue of four */
#define INPUT_ABS_MAX       32767u

/* An event without SYN_REPORT: the kernel's numbers (linux/input-event-codes.h). */
struct input_device_event {
	uint16_t type;
	uint16_t code;
	int32_t value;
};

/* Codes first to last of a type; all of EV_ABS have the range 0 to INPUT_ABS_MAX. */
struct input_device_codes {
	uint16_t type;
	uint16_t first, last;
};

/* What a device is; must stay. */
struct input_device_spec {
	const char *name; /* ID_NAME, and in the log */
	const char *serial; /* ID_SERIAL */
	uint16_t product; /* of ID_DEVIDS */
	int property; /* PROP_BITS has this INPUT_PROP_…; -1: none */
	const struct input_device_codes *codes;
	size_t code_count;
};

/* Listens at path, which must stay as long as the device. `able` is called when reports are taken
 * after there was a time in which some may have been dropped. NULL when it cannot (logged). */
struct input_device *input_device_create(struct loop *loop, const char *path,
	const struct input_device_spec *spec, void (*able)(void *data), void *data);

/* NULL is fine. */
void input_device_destroy(struct input_device *device);

/* The folder that the socket's file is in, from which it is removed in the end. */
int input_device_folder(const struct input_device *device);

/* Sends 1 to INPUT_REPORT_EVENTS events as a report. Of positions (EV_ABS only) that wait, only the last
 * matters. False: it was dropped. */
bool input_device_report(
	struct input_device *device, const struct input_device_event *events, size_t count);

/* Whether the guest takes a key (EV_KEY) for pressed, once it has everything that was not dropped. */
bool input_device_key(const struct input_device *device, uint16_t code);

/* Whether the guest has switched an LED (LED_…, 0 to 31) on. */
bool input_device_led(const struct input_device *device, uint16_t code);
