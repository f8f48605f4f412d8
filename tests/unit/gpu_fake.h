/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/*
 * A renderer that only writes down what it is asked to do, for tests of src/gpu: the test finishes
 * calls, or loses the renderer, when it likes.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "renderer/renderer.h"

#define FAKE_MAX_OPS     8192u
#define FAKE_MAX_REGIONS 256u

enum fake_type {
	FAKE_REGION_ADD,
	FAKE_REGION_REMOVE,
	FAKE_CONTEXT_CREATE,
	FAKE_CONTEXT_DESTROY,
	FAKE_CONTEXT_ATTACH,
	FAKE_CONTEXT_DETACH,
	FAKE_SUBMIT,
	FAKE_RESOURCE_CREATE,
	FAKE_RESOURCE_CREATE_BLOB,
	FAKE_RESOURCE_UNREF,
	FAKE_SET_BACKING,
	FAKE_TRANSFER,
	FAKE_READ_BACK,
	FAKE_EXPORT,
	FAKE_FENCE,
	FAKE_NONE,
};

struct fake_op {
	enum fake_type type;
	struct renderer_call *call; /* open; NULL: none, or finished */
	uint32_t context, resource, region;
	int32_t ring;
	uint32_t count; /* SET_BACKING: spans; SUBMIT: bytes */
	uint64_t length; /* SET_BACKING: of all spans */
	uint32_t word; /* SUBMIT: the first one */
	struct renderer_context_args context_args;
	struct renderer_resource_args resource_args;
	struct renderer_blob_args blob_args;
	struct renderer_transfer_args transfer;
	struct renderer_read_back_args read_back;
};

struct fake {
	struct renderer base;
	bool *destroyed; /* set to true then; may be NULL */
	bool at_once; /* calls are finished before the operation returns */
	bool no_room;
	const struct renderer_memory *memory; /* of every blob of its own; NULL: of none */
	int export_fd; /* not owned: what images are exported by; 0: by a file of memory for each */
	uint64_t silent_ms; /* what it says of that */
	uint64_t oldest_ms; /* and of this */
	bool lost; /* operations end with -ECONNRESET */
	enum fake_type fail_type; /* every one of these fails */
	int fail_status;
	uint32_t count, next; /* of ops; the first that fake_expect() has not seen */
	struct fake_op ops[FAKE_MAX_OPS];
	uint8_t submit[RENDERER_MAX_SUBMIT];
	struct {
		uint32_t id; /* 0: none */
		uint8_t *base;
	} regions[FAKE_MAX_REGIONS];
};

/* NULL when memory is short. */
struct fake *fake_create(const struct renderer_events *events, void *data);

/* Finishes the oldest open call with this status (0: or what is set to fail); false when none
 * is. */
bool fake_finish_one(struct fake *fake, int status);

/* Finishes all that are open. */
void fake_finish(struct fake *fake);

/* Finishes the open calls, then those that come from that, but no fences. */
void fake_finish_work(struct fake *fake);

/* Ends it as if its process had died. It is destroyed by whoever is told. */
void fake_lose(struct fake *fake);

/* The next operation that was not looked at yet must be of this type. */
struct fake_op *fake_expect(struct fake *fake, enum fake_type type);

/* Nothing more was asked for. */
void fake_expect_nothing(struct fake *fake);

/* Forgets what was not looked at. */
void fake_skip(struct fake *fake);

/* How many operations of a type there have been. */
uint32_t fake_count(const struct fake *fake, enum fake_type type);

/* How many regions it has. */
uint32_t fake_regions(const struct fake *fake);

/* What a read back gives for each pixel of a resource. */
uint32_t fake_pixel(uint32_t resource);
