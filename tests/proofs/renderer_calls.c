/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/*
 * The calls that a renderer has yet to finish (src/renderer/calls.c): any four events after one another in a
 * table of three places that have been used any number of times, which are a call opened, one closed by any
 * cookie, and the oldest one of a kind closed.
 *
 * A cookie that was made up or comes late finds nothing; that of an open call finds it once, and what was
 * said of it. Cookies of open calls differ from one another and from 0. The oldest call of a kind is the one
 * opened first. That a place is used 2^32 times while a cookie is on its way is left out.
 *
 * #proof
 * #cbmc --unwind 5
 * #bug src/renderer/calls.c: slot->generation++; =>
 * #bug src/renderer/calls.c: if (number == 0 || number > calls->size) => if (number == 0)
 * #bug src/renderer/calls.c: if (!slot->call || slot->generation != (uint32_t)(cookie >> 32))
 *	=> if (!slot->call)
 * #bug src/renderer/calls.c: if (number == 0 || => if (
 * #bug src/renderer/calls.c: slot->call = NULL;
 *	slot->generation++; => slot->generation++;
 * #bug src/renderer/calls.c: calls->newest[slot->kind] = number; =>
 */
#include "renderer/calls.c"

#include "peer.h"
#include "renderer/renderer.h"

#define EVENTS 4u
#define PLACES 3u

static struct calls_slot slots[PLACES];
static struct calls calls;
static struct opened {
	struct renderer_call call;
	bool open;
	uint64_t cookie;
	uint32_t tag;
	enum calls_kind kind;
} all[EVENTS]; /* in the order they were opened */
static uint32_t count, open_count;

void *reallocarray(void *memory, size_t number, size_t size)
{
	return NULL;
}

int clock_gettime(clockid_t clock, struct timespec *time)
{
	time->tv_sec = nondet_u32();
	time->tv_nsec = any_below(1000000000);
	return 0;
}

static enum calls_kind any_kind(void)
{
	return nondet_bool() ? CALLS_WORK : CALLS_FENCE;
}

static void open_one(void)
{
	struct opened *new = &all[count];
	new->kind = any_kind();
	new->tag = nondet_u32();
	int status = calls_open(&calls, &new->call, new->kind, new->tag, &new->cookie);
	prove((status == 0) == (open_count < PLACES) && (status == 0 || status == -ENOMEM));
	if (status < 0)
		return;
	prove(new->cookie != 0);
	for (uint32_t i = 0; i < EVENTS; i++)
		prove(i >= count || all[i].cookie != new->cookie);
	new->open = true;
	count++;
	open_count++;
}

static void closed(struct opened *opened)
{
	if (!opened)
		return;
	opened->open = false;
	open_count--;
}

static void close_any(void)
{
	uint64_t cookie = nondet_u64();
	uint32_t tag;
	struct opened *meant = NULL;
	for (uint32_t i = 0; i < EVENTS; i++)
		if (i < count && all[i].open && all[i].cookie == cookie)
			meant = &all[i];
	struct renderer_call *call = calls_close(&calls, cookie, &tag);
	prove(call == (meant ? &meant->call : NULL));
	prove(!meant || tag == meant->tag);
	closed(meant);
}

static void close_oldest(void)
{
	enum calls_kind kind = any_kind();
	struct opened *meant = NULL;
	for (uint32_t i = EVENTS; i > 0; i--)
		if (i <= count && all[i - 1].open && all[i - 1].kind == kind)
			meant = &all[i - 1];
	struct renderer_call *call = calls_close_oldest(&calls, kind);
	prove(call == (meant ? &meant->call : NULL));
	closed(meant);
}

void proof(void)
{
	calls.slots = slots;
	calls.size = PLACES;
	calls.free = 1;
	for (uint32_t i = 0; i < PLACES; i++) {
		slots[i].newer = i + 1 < PLACES ? i + 2 : 0;
		slots[i].generation = any_below(UINT32_MAX - EVENTS);
	}
	for (uint32_t i = 0; i < EVENTS; i++) {
		switch (any_below(3)) {
		case 0:
			open_one();
			break;
		case 1:
			close_any();
			break;
		case 2:
			close_oldest();
			break;
		}
	}
}
