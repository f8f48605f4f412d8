/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/*
 * A whole machine in one call: backend, memory, rings, connection, display, driver.
 *
 *	struct kit_machine *m = kit_machine_create(&(struct kit_machine_spec){ 0 });
 *	kit_gpu_create_2d(&m->gpu, 1, VIRTIO_GPU_FORMAT_B8G8R8X8_UNORM, 64, 64);
 *	…
 *	int leaks = kit_machine_destroy(m);
 *
 * The parts are all open to use.
 */
#pragma once

#include "kit/backend.h"
#include "kit/display.h"
#include "kit/gpu.h"
#include "kit/state.h"
#include "kit/vmm.h"

struct kit_machine_spec {
	const char *command; /* of the backend; NULL: BACKEND in the environment */
	const struct kit_profile *profile; /* NULL: QEMU's vhost-user-gpu-pci */
	uint32_t sizes[KIT_QUEUES]; /* of the queues; 0: the profile's */
	uint64_t unwanted; /* virtio features that the driver does not take */
	uint64_t protocol_unwanted; /* protocol features that the VMM does not take */
	const struct kit_region_spec *regions; /* NULL: kit_memory_default */
	uint32_t region_count;
	size_t piece; /* as kit_vmm::piece, from the first byte on */
	bool reverse; /* as kit_vmm::reverse */
	int patience_ms; /* until the backend is ready; 0: no longer than for other answers */
	bool packed; /* kit_vmm::packed; also with KIT_PACKED in the environment */
	bool no_display;
	struct kit_seen *seen; /* as kit::seen */
	/* How the backend has to end when it is told to (SIGTERM). */
	enum kit_machine_end {
		KIT_END_WELL, /* with status 0 */
		KIT_END_SOMEHOW, /* not by a crash */
	} end;
	/* Stop before: connecting, realize, start. */
	enum kit_machine_stage {
		KIT_STAGE_STARTED,
		KIT_STAGE_REALIZED,
		KIT_STAGE_CONNECTED,
		KIT_STAGE_PREPARED,
	} stage;
};

struct kit_machine {
	struct kit kit;
	struct kit_backend *backend;
	struct kit_memory memory;
	struct kit_ring rings[KIT_QUEUES];
	struct kit_display display;
	struct kit_vmm vmm;
	struct kit_gpu gpu;
	struct kit_machine_spec spec;
	bool own_backend;
};

/* NULL on failure; the reason is then on standard error, and of what kind it is in errno: ETIMEDOUT
 * when the backend lives but does not do what it should in time, ECHILD when it has ended. */
struct kit_machine *kit_machine_create(const struct kit_machine_spec *spec);

/* The same with a backend that runs already and serves another connection; it stays the caller's,
 * who keeps it until the machine is gone. */
struct kit_machine *kit_machine_attach(
	struct kit_backend *backend, const struct kit_machine_spec *spec);

/* Powers off and gives everything back. NULL is fine. Returns how many things were not right in the
 * end, each said on standard error: the display protocol was broken, guest memory of commands was
 * not given back by the test, the backend does not end on SIGTERM with status 0, or a sanitizer has
 * complained in its log (which is then written out). */
int kit_machine_destroy(struct kit_machine *machine);

/* Pause and resume: what is in flight stays so. 0 or -errno. */
int kit_machine_stop(struct kit_machine *machine);
int kit_machine_start(struct kit_machine *machine);

/* The guest resets the device and its driver starts again: rings and resources are empty. */
int kit_machine_reset(struct kit_machine *machine);

/* The same behind a driver that broke its rings: what was in flight is not looked at, and the
 * display stays. */
int kit_machine_renew(struct kit_machine *machine);

/* Closes the connection; commands in flight are forgotten. Doing it twice is fine. */
void kit_machine_disconnect(struct kit_machine *machine);

/* The device's state, asked for while the machine is stopped, and given to it, over a pipe. 0 or
 * -errno; -EREMOTEIO when the backend refuses or fails. What was saved is the caller's to finish. */
int kit_machine_save(struct kit_machine *machine, struct kit_state *ret_state);
int kit_machine_load(struct kit_machine *machine, const struct kit_state *state);

/* A machine that is only realized goes on where another one (of the same profile and shape) has been
 * stopped and saved: it takes over the guest, its memory, its driver and its commands, loads the state
 * and starts. The other one can only be destroyed after that. 0 or -errno. */
int kit_machine_take_over(
	struct kit_machine *machine, struct kit_machine *from, const struct kit_state *state);

/* Closes the connection and makes a new one to the same backend, up to the spec's stage. */
int kit_machine_reconnect(struct kit_machine *machine);
