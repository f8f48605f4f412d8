/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/*
 * virtiogpu-conform: what a vhost-user GPU backend does, judged case by case.
 *
 * A case is a row of an area's table and a function that plays VMM and guest with the kit. It runs
 * in a process of its own, so it may leave whatever it likes behind. It ends
 *	PASS     when its function returns: what the case is about was done
 *	REJECT   by conform_reject(): it was refused cleanly, as the specification allows
 *	SKIP     when the backend does not offer what the row needs, or by conform_skip()
 *	WEDGED   when the backend is alive but does not answer within the time limit
 *	FAIL     when a CHECK() does not hold, or the backend died, leaked or broke a protocol
 * PASS and REJECT are only given to a backend that answers the next good command as well.
 *
 *	static void creates(struct conform *c)
 *	{
 *		struct kit_machine *m = conform_machine(c, NULL);
 *		CHECK_GOOD(m, kit_gpu_create_2d(&m->gpu, 1, VIRTIO_GPU_FORMAT_B8G8R8X8_UNORM, 64, 64));
 *		conform_end(c, m);
 *	}
 *
 * To add a case: its function and its row, in the file of its area. To add an area: its file and a
 * row in areas.c.
 */
#pragma once

#include <errno.h>

#include "kit/check.h"
#include "util/checked.h"

/* What a case needs beside features: bits of conform_case::needs. */
#define CONFORM_NEEDS_MANY    (1u << 0) /* a backend that serves one connection after another */
#define CONFORM_NEEDS_DISPLAY (1u << 1) /* one that shows pictures on the VMM's display */
#define CONFORM_NEEDS_VIRGL   (1u << 2) /* one with the capability set of virgl */
#define CONFORM_NEEDS_OWN     (1u << 3) /* one for this case alone, even if others share it */
#define CONFORM_NEEDS_MAPPED  (1u << 4) /* one with memory of its own that it maps into the guest */
#define CONFORM_NEEDS_VENUS   (1u << 5) /* one with the capability set of venus */

#define CONFORM_MAX_WHY 400u /* bytes of a reason, with the end */

#define CONFORM_FEATURE(name)  (UINT64_C(1) << VIRTIO_##name)
#define CONFORM_PROTOCOL(name) (UINT64_C(1) << VHOST_USER_PROTOCOL_F_##name)

struct conform;

struct conform_case {
	const char *name; /* lower case, words split by '_' */
	/* What it holds the backend to: where the specification says so, or which front end depends
	 * on it; in words of our own. */
	const char *source;
	void (*run)(struct conform *c);
	/* Names of variants, NULL at the end: the case is run once for each, as name.variant, with
	 * its place in c->variant. NULL: there are none. */
	const char *const *variants;
	uint64_t features; /* virtio feature bits that the backend has to offer */
	uint64_t protocol; /* protocol features */
	uint32_t needs; /* CONFORM_NEEDS_… */
	bool hostile; /* what nobody does by accident or in good faith: part of --hostile as well */
};

struct conform_area {
	const char *name;
	const struct conform_case *cases;
	size_t count;
	bool hostile; /* part of --hostile only, with all its rows */
};

/* The rows of an area's file: DEFINE_CONFORM_AREA(2d, cases); */
#define DEFINE_CONFORM_AREA(area, rows)                                                            \
	const struct conform_area conform_area_##area = { #area, rows, ARRAY_SIZE(rows), false }
#define DEFINE_HOSTILE_AREA(area, rows)                                                            \
	const struct conform_area conform_area_##area = { #area, rows, ARRAY_SIZE(rows), true }

/* The same of an area of several files, which follow each other in areas.c. */
#define DEFINE_CONFORM_PART(area, part, rows)                                                      \
	const struct conform_area conform_area_##area##_##part = { #area, rows, ARRAY_SIZE(rows) }

/* What the backend is, as found out before the first case. */
struct conform_probe {
	bool runs; /* it starts and takes a connection */
	bool done; /* false: it could not be found out, and nothing is skipped because of it */
	uint64_t features, protocol;
	bool many; /* serves another connection after the first */
	bool display; /* uses the display socket */
	bool virgl, venus;
	bool maps; /* blobs of host memory can be made in contexts of this capability set: */
	uint32_t maps_capset;
	char why[CONFORM_MAX_WHY]; /* it could not */
};

/* The case that runs. */
struct conform {
	const struct conform_case *row;
	uint32_t variant;
	const struct conform_probe *probe;
	bool hostile; /* the next good command has to be answered at once */
};

/* A machine with the backend, or the end of the case. spec may be NULL; command, seen and end are
 * filled in, and the profile unless there is one: QEMU's GPU device with all features passed on. */
struct kit_machine *conform_machine(struct conform *c, const struct kit_machine_spec *spec);

/* Starts the device of a machine that was made up to an earlier stage. */
void conform_start(struct kit_machine *machine);

/* The last word about a machine: it still answers, and leaves nothing behind. */
void conform_end(struct conform *c, struct kit_machine *machine);

/* The same for one whose queues or connection are of no use any more. */
void conform_close(struct conform *c, struct kit_machine *machine);

/* The device answers a good command within the time limit; with --hostile within 100 ms, once in three
 * tries, as others may use the processors, too. */
void conform_check_alive(struct kit_machine *machine);

/* So does the cursor queue. */
void conform_check_cursor(struct kit_machine *machine);

/* A command of the cursor queue without room for an answer, as Linux sends them. */
void conform_send_cursor(
	struct kit_machine *machine, const struct virtio_gpu_update_cursor *request);

/* The driver broke the control queue, which need not work any more. Everything else does: the
 * cursor queue and the connection, and after a reset the whole device again. */
void conform_check_recovers(struct kit_machine *machine);

/* What was sent over the connection broke the protocol. The backend may close the connection, or
 * ignore it and go on answering; it then serves the next VMM, where it serves more than one, or ends
 * without a crash. Returns the machine connected anew, or another one like it. `what` names it in
 * a failure. */
struct kit_machine *conform_check_refused(
	struct conform *c, struct kit_machine *machine, const char *what);

/* Ends the case: the backend does not offer what it is about. */
void conform_skip(const char *format, ...) __attribute__((format(printf, 1, 2), noreturn));

/* Ends the case: it cannot be seen on this machine, or by this user. A SKIP to harnesses as well. */
void conform_blind(const char *why) __attribute__((noreturn));

/* Ends the case: this was refused as it may be. The machine (may be NULL) must still answer. */
void conform_reject(struct conform *c, struct kit_machine *machine, const char *format, ...)
	__attribute__((format(printf, 3, 4), noreturn));

/* What a backend need not do for the VMM: it may answer with an error or close the connection. To be
 * followed by conform_check_refused(). */
#define CHECK_OK_OR_REFUSED(m, expression)                                                         \
	do {                                                                                       \
		int conform_ret = (expression);                                                    \
		if (conform_ret < 0 && conform_ret != -EREMOTEIO && conform_ret != -ECONNRESET)    \
			kit_check_error(KIT_HERE, m, #expression, conform_ret);                    \
	} while (0)

/* A command that a device may refuse: an error response ends the case with REJECT. */
#define CHECK_GOOD_OR_REJECT(c, m, expression)                                                     \
	do {                                                                                       \
		int conform_type = (expression);                                                   \
		if (conform_type >= VIRTIO_GPU_RESP_ERR_UNSPEC)                                    \
			conform_reject(                                                            \
				c, m, "%s is %s", #expression, kit_response_name(conform_type));   \
		CHECK_TYPE(m, conform_type, VIRTIO_GPU_RESP_OK_NODATA);                            \
	} while (0)

/* --- what many cases do -------------------------------------------------------------------- */

/* A surface that is created and attached, in one chunk or in many (kit_surface_create()). */
struct kit_surface conform_surface(
	struct kit_machine *machine, uint32_t id, uint32_t format, uint32_t width, uint32_t height);
struct kit_surface conform_surface_chunked(struct kit_machine *machine,
	const struct virtio_gpu_resource_create_2d *like, uint32_t chunk);

/* The request that the variant is named after. */
const struct kit_request_spec *conform_request(const struct conform *c);

/* The message that a correct VMM would send now (kit_vmm_compose()), about the first queue or
 * region; of the configuration about its first 16 bytes. */
void conform_compose(struct kit_machine *machine, uint32_t request, struct kit_message *message);

/* A pattern of this size; never NULL. */
struct kit_picture *conform_pattern(uint32_t width, uint32_t height, uint32_t seed);

/* The whole of a surface: draws the picture, transfers and flushes it. */
void conform_show(struct kit_machine *machine, struct kit_surface *surface,
	const struct kit_picture *picture);

/* What every device has of its configuration space: blob_alignment is left 0. */
struct virtio_gpu_config conform_config(struct kit_machine *machine);
