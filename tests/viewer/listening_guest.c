/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/*
 * A VMM and guest at one of the input devices of virtiogpu-view, for tests that are not in C: writes "ready", and then a
 * line for each report, of events TYPE:CODE:VALUE. Until it is killed.
 *
 * Usage: listening_guest SOCKET
 */
#include <endian.h>
#include <linux/input-event-codes.h>
#include <linux/virtio_input.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "kit/machine.h"

#define BUFFERS    64u
#define EVENT_SIZE (uint32_t)sizeof(struct virtio_input_event)
#define LONG_MS    3600000

static int give(struct kit_machine *machine, void *buffer)
{
	const struct kit_piece piece = { kit_guest(&machine->memory, buffer), EVENT_SIZE, true };
	return kit_ring_add(&machine->rings[0], &piece, 1, buffer);
}

static int give_all(struct kit_machine *machine)
{
	uint64_t events = kit_alloc(&machine->memory, BUFFERS * EVENT_SIZE, 8);
	int error = events ? 0 : -1;
	for (uint32_t i = 0; i < BUFFERS && error >= 0; i++)
		error = give(
			machine, kit_ptr(&machine->memory, events + i * EVENT_SIZE, EVENT_SIZE));
	kit_ring_kick(&machine->rings[0]);
	return error;
}

static void print(const struct virtio_input_event *event)
{
	if (le16toh(event->type) == EV_SYN)
		puts("");
	else
		printf("%u:%u:%d ", le16toh(event->type), le16toh(event->code),
			(int32_t)le32toh(event->value));
	fflush(stdout);
}

/* Until something is wrong. */
static void listen_on(struct kit_machine *machine)
{
	struct kit_ring *ring = &machine->rings[0];
	struct virtio_input_event event;
	struct kit_used used;
	while (kit_ring_wait(ring, LONG_MS) == 0 && kit_ring_take(ring, &used) == 1) {
		memcpy(&event, used.token, sizeof(event));
		print(&event);
		if (give(machine, used.token) < 0)
			break;
		kit_ring_kick(ring);
	}
}

int main(int argc, char **argv)
{
	const struct kit_machine_spec spec = { .profile = &kit_profile_qemu_generic };
	struct kit kit;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	kit_init(&kit);
	struct kit_backend *viewer =
		argc == 2 ? kit_backend_attach(&kit, getppid(), argv[1]) : NULL;
	struct kit_machine *machine = viewer ? kit_machine_attach(viewer, &spec) : NULL;
	if (!machine || give_all(machine) < 0) {
		fprintf(stderr, "listening_guest: no device at %s\n", argc == 2 ? argv[1] : "?");
		return 1;
	}
	puts("ready");
	fflush(stdout);
	listen_on(machine);
	fprintf(stderr, "listening_guest: %s\n", machine->kit.why);
	return 1;
}
