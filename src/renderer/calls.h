/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/*
 * The calls that another process has yet to finish, found again by a cookie. A place in the table is
 * used again under another cookie, so one that comes late or is invented finds nothing.
 */
#pragma once

#include <stdint.h>

struct renderer_call;

/* How many calls may be open: more than the queues of a guest and its fences come to. */
#define CALLS_MAX (1u << 20)

enum calls_kind {
	CALLS_WORK, /* a renderer that lives finishes these soon */
	CALLS_FENCE, /* these may take longer: they wait for work */
	CALLS_KINDS
};

struct calls {
	struct calls_slot *slots; /* may be NULL */
	uint32_t size;
	uint32_t free; /* index + 1 of the first free slot; 0: none */
	uint32_t oldest[CALLS_KINDS]; /* index + 1, in the order they were opened; 0: none */
	uint32_t newest[CALLS_KINDS];
};

void calls_init(struct calls *calls);

/* Frees the table; no call is finished by it. */
void calls_finish(struct calls *calls);

/* Adds a call. tag is the caller's, for calls_close(). Returns 0 and a cookie that is not 0, -ENOMEM, or
 * -ENOSPC with CALLS_MAX open. */
int calls_open(struct calls *calls, struct renderer_call *call, enum calls_kind kind, uint32_t tag,
	uint64_t *ret_cookie);

/* Takes a call out; NULL when the cookie is not that of an open one. */
struct renderer_call *calls_close(struct calls *calls, uint64_t cookie, uint32_t *ret_tag);

/* Takes the oldest call of a kind out, or NULL. */
struct renderer_call *calls_close_oldest(struct calls *calls, enum calls_kind kind);

/* Milliseconds since the oldest open call of a kind was added; 0 when there is none. */
uint64_t calls_oldest_ms(const struct calls *calls, enum calls_kind kind);
