/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
#include "kit/machine.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "util/checked.h"

static int add_memory(struct kit_machine *machine)
{
	const struct kit_region_spec *regions = kit_memory_default;
	uint32_t count = ARRAY_SIZE(kit_memory_default);
	if (machine->spec.regions) {
		regions = machine->spec.regions;
		count = machine->spec.region_count;
	}
	int ret = 0;
	for (uint32_t i = 0; i < count && ret >= 0; i++)
		ret = kit_memory_add(&machine->memory, &regions[i]);
	return ret < 0 ? ret : 0;
}

static int add_rings(struct kit_machine *machine)
{
	int ret = 0;
	for (uint32_t i = 0; i < KIT_QUEUES && ret == 0; i++) {
		uint32_t size = machine->spec.sizes[i];
		ret = kit_ring_init(&machine->rings[i], &machine->memory, i,
			size ? size : machine->spec.profile->sizes[i]);
	}
	return ret;
}

static void empty_rings(struct kit_machine *machine)
{
	kit_gpu_finish(&machine->gpu);
	for (uint32_t i = 0; i < KIT_QUEUES; i++)
		kit_ring_reset(&machine->rings[i]);
}

/* Connects and plays up to the stage that is wanted. */
static int connect_to(struct kit_machine *machine)
{
	const struct kit_machine_spec *spec = &machine->spec;
	if (spec->stage >= KIT_STAGE_PREPARED)
		return 0;
	int sock = kit_backend_connect(machine->backend);
	if (sock < 0)
		return sock;
	struct kit_vmm *vmm = &machine->vmm;
	kit_vmm_init(vmm, &machine->kit, sock);
	vmm->profile = spec->profile;
	vmm->memory = &machine->memory;
	vmm->rings = machine->rings;
	vmm->wanted = ~spec->unwanted;
	vmm->protocol_wanted = ~spec->protocol_unwanted;
	vmm->piece = spec->piece;
	vmm->reverse = spec->reverse;
	vmm->packed = spec->packed || getenv("KIT_PACKED");
	if (!spec->no_display && spec->profile->display)
		vmm->display = &machine->display;
	int ret = 0;
	if (spec->stage <= KIT_STAGE_REALIZED)
		ret = kit_vmm_realize(vmm);
	/* only now is a backend that has answered done with the connection before this one */
	empty_rings(machine);
	if (ret == 0 && spec->stage <= KIT_STAGE_STARTED)
		ret = kit_machine_start(machine);
	return ret;
}

static int build(struct kit_machine *machine)
{
	const char *command = machine->spec.command;
	struct kit *kit = &machine->kit;
	if (!command)
		command = getenv("BACKEND");
	if (!machine->backend) {
		machine->own_backend = true;
		if (!command)
			return kit_fail(kit, EINVAL, "no backend: set BACKEND='CMD {socket}'");
		machine->backend = kit_backend_create(kit, command);
		if (!machine->backend)
			return -ENOENT;
	} else {
		machine->backend->kit = kit;
	}
	int ret = add_memory(machine);
	if (ret == 0)
		ret = add_rings(machine);
	if (ret == 0)
		ret = kit_display_init(&machine->display, kit);
	if (ret < 0)
		return ret;
	kit_gpu_init(&machine->gpu, &machine->memory, machine->rings);
	return connect_to(machine);
}

struct kit_machine *kit_machine_attach(
	struct kit_backend *backend, const struct kit_machine_spec *spec)
{
	struct kit_machine *machine = calloc(1, sizeof(*machine));
	if (!machine)
		return NULL;
	kit_init(&machine->kit);
	machine->kit.seen = spec->seen;
	kit_memory_init(&machine->memory, &machine->kit);
	machine->spec = *spec;
	machine->backend = backend;
	machine->vmm.sock = -1;
	if (!machine->spec.profile)
		machine->spec.profile = &kit_profile_qemu_gpu;
	int timeout_ms = machine->kit.timeout_ms;
	if (spec->patience_ms > timeout_ms)
		machine->kit.timeout_ms = spec->patience_ms;
	int ret = build(machine);
	machine->kit.timeout_ms = timeout_ms;
	if (ret == 0)
		return machine;
	bool ended = machine->backend && !kit_backend_alive(machine->backend);
	fprintf(stderr, "kit: no machine: %s\n", machine->kit.why);
	kit_machine_destroy(machine);
	errno = ended ? ECHILD : -ret;
	return NULL;
}

struct kit_machine *kit_machine_create(const struct kit_machine_spec *spec)
{
	return kit_machine_attach(NULL, spec);
}

void kit_machine_disconnect(struct kit_machine *machine)
{
	kit_vmm_finish(&machine->vmm);
	memset(&machine->vmm, 0, sizeof(machine->vmm));
	machine->vmm.sock = -1;
	kit_display_close(&machine->display);
	kit_gpu_finish(&machine->gpu);
}

static int complain(const char *what, const char *detail)
{
	fprintf(stderr, "kit: %s: %s\n", what, detail);
	return 1;
}

/* What sanitizers write, whichever process of the backend they look at. */
static int look_for_reports(struct kit_backend *backend)
{
	static const char *const marks[] = { "Sanitizer: ", "runtime error: " };
	int wrong = 0;
	backend->log_mark = 0;
	for (size_t i = 0; i < ARRAY_SIZE(marks); i++)
		if (kit_backend_log_lines(backend, marks[i]))
			wrong += complain("the backend's log has a line with", marks[i]);
	return wrong;
}

static bool ended_well(const struct kit_machine *machine, int status)
{
	if (status == 0 || machine->spec.end == KIT_END_WELL)
		return status == 0;
	return status > 0 && (status < 256 || status == 256 + SIGTERM);
}

static int stop_backend(struct kit_machine *machine)
{
	char text[64];
	if (!machine->own_backend || !machine->backend)
		return 0;
	int status = kit_backend_stop(machine->backend);
	int wrong = look_for_reports(machine->backend);
	snprintf(text, sizeof(text), "%d", status);
	if (!ended_well(machine, status))
		wrong += complain(
			"the backend did not end well", status < 0 ? machine->kit.why : text);
	if (wrong) {
		char *log = kit_backend_log(machine->backend);
		fprintf(stderr, "%s", log ? log : "");
		free(log);
	}
	kit_backend_destroy(machine->backend);
	return wrong;
}

int kit_machine_destroy(struct kit_machine *machine)
{
	int wrong = 0;
	if (!machine)
		return 0;
	if (machine->display.violations)
		wrong += complain("display protocol", machine->display.violation);
	kit_machine_disconnect(machine);
	wrong += stop_backend(machine);
	for (uint32_t i = 0; i < KIT_QUEUES; i++)
		kit_ring_finish(&machine->rings[i]);
	if (kit_memory_allocated(&machine->memory))
		wrong += complain("guest memory", "the test did not give all back");
	kit_display_finish(&machine->display);
	kit_memory_finish(&machine->memory);
	free(machine);
	return wrong;
}

int kit_machine_start(struct kit_machine *machine)
{
	return kit_vmm_start(&machine->vmm);
}

int kit_machine_stop(struct kit_machine *machine)
{
	return kit_vmm_stop(&machine->vmm);
}

int kit_machine_reset(struct kit_machine *machine)
{
	int ret = kit_machine_stop(machine);
	if (ret == 0)
		ret = kit_vmm_reset(&machine->vmm);
	if (ret < 0)
		return ret;
	empty_rings(machine);
	return kit_machine_start(machine);
}

int kit_machine_save(struct kit_machine *machine, struct kit_state *ret_state)
{
	struct kit_transfer transfer;
	struct kit_state state = { 0 };
	int ret = kit_transfer_begin(
		&transfer, &machine->vmm, VHOST_USER_TRANSFER_SAVE, KIT_TRANSFER_PIPE, &state);
	if (ret == 0)
		ret = kit_transfer_finish(&transfer);
	if (ret < 0)
		kit_state_finish(&state);
	else
		*ret_state = state;
	return ret;
}

int kit_machine_load(struct kit_machine *machine, const struct kit_state *state)
{
	struct kit_transfer transfer;
	struct kit_state copy = *state;
	int ret = kit_transfer_begin(
		&transfer, &machine->vmm, VHOST_USER_TRANSFER_LOAD, KIT_TRANSFER_PIPE, &copy);
	return ret < 0 ? ret : kit_transfer_finish(&transfer);
}

static int take_over_guest(struct kit_machine *machine, struct kit_machine *from)
{
	int ret = kit_memory_take_over(&machine->memory, &from->memory);
	for (uint32_t i = 0; i < KIT_QUEUES && ret == 0; i++)
		ret = kit_ring_take_over(&machine->rings[i], &from->rings[i]);
	if (ret < 0)
		return ret;
	kit_gpu_take_over(&machine->gpu, &from->gpu);
	machine->vmm.features = from->vmm.features;
	memcpy(machine->vmm.bases, from->vmm.bases, sizeof(machine->vmm.bases));
	memcpy(machine->vmm.has_base, from->vmm.has_base, sizeof(machine->vmm.has_base));
	return 0;
}

int kit_machine_take_over(
	struct kit_machine *machine, struct kit_machine *from, const struct kit_state *state)
{
	const struct kit_profile *profile = machine->spec.profile;
	int ret = kit_vmm_play(&machine->vmm, profile->load);
	if (ret == 0)
		ret = kit_machine_load(machine, state);
	if (ret == 0)
		ret = take_over_guest(machine, from);
	return ret < 0 ? ret : kit_vmm_play(&machine->vmm, profile->restart);
}

int kit_machine_renew(struct kit_machine *machine)
{
	/* the profile that knows of no display */
	const struct kit_profile *steps = &kit_profile_qemu_generic;
	int ret = kit_vmm_play(&machine->vmm, steps->stop);
	if (ret == 0)
		ret = kit_vmm_reset(&machine->vmm);
	if (ret < 0)
		return ret;
	empty_rings(machine);
	return kit_vmm_play(&machine->vmm, steps->start);
}

int kit_machine_reconnect(struct kit_machine *machine)
{
	kit_machine_disconnect(machine);
	return connect_to(machine);
}
