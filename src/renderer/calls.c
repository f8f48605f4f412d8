/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/*
 * Slots are linked by number, because the table moves when it grows: free ones in a stack, open ones of
 * each kind in a list by age. A cookie is the slot's number + 1 below and the count of its uses above.
 */
#include "renderer/calls.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <time.h>

#include "util/checked.h"

#define SIZE_FIRST 64u

struct calls_slot {
	struct renderer_call *call; /* NULL: free */
	uint64_t opened_ms;
	uint32_t generation;
	uint32_t tag;
	uint32_t older; /* index + 1 */
	uint32_t newer; /* index + 1; of a free slot the next free one */
	enum calls_kind kind;
};

void calls_init(struct calls *calls)
{
	*calls = (struct calls){ 0 };
}

void calls_finish(struct calls *calls)
{
	free(calls->slots);
	calls_init(calls);
}

/* Coarse, because each call asks and nobody needs to know better than the clock's tick. */
static uint64_t now_ms(void)
{
	struct timespec now;
	clock_gettime(CLOCK_MONOTONIC_COARSE, &now);
	return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

static struct calls_slot *slot_at(const struct calls *calls, uint32_t number)
{
	assert(number > 0 && number <= calls->size);
	return &calls->slots[number - 1];
}

static int grow(struct calls *calls)
{
	if (calls->size == CALLS_MAX)
		return -ENOSPC;
	uint32_t size = calls->size ? calls->size * 2 : SIZE_FIRST;
	struct calls_slot *slots = reallocarray(calls->slots, size, sizeof(*slots));
	if (!slots)
		return -ENOMEM;
	for (uint32_t i = calls->size; i < size; i++)
		slots[i] = (struct calls_slot){ .newer = i + 1 < size ? i + 2 : 0 };
	calls->free = calls->size + 1;
	calls->slots = slots;
	calls->size = size;
	return 0;
}

static void link_newest(struct calls *calls, uint32_t number)
{
	struct calls_slot *slot = slot_at(calls, number);
	slot->newer = 0;
	slot->older = calls->newest[slot->kind];
	if (slot->older)
		slot_at(calls, slot->older)->newer = number;
	else
		calls->oldest[slot->kind] = number;
	calls->newest[slot->kind] = number;
}

static void unlink_slot(struct calls *calls, uint32_t number)
{
	const struct calls_slot *slot = slot_at(calls, number);
	if (slot->older)
		slot_at(calls, slot->older)->newer = slot->newer;
	else
		calls->oldest[slot->kind] = slot->newer;
	if (slot->newer)
		slot_at(calls, slot->newer)->older = slot->older;
	else
		calls->newest[slot->kind] = slot->older;
}

int calls_open(struct calls *calls, struct renderer_call *call, enum calls_kind kind, uint32_t tag,
	uint64_t *ret_cookie)
{
	int error = calls->free ? 0 : grow(calls);
	if (error)
		return error;
	uint32_t number = calls->free;
	struct calls_slot *slot = slot_at(calls, number);
	calls->free = slot->newer;
	slot->call = call;
	slot->kind = kind;
	slot->tag = tag;
	slot->opened_ms = now_ms();
	link_newest(calls, number);
	*ret_cookie = (uint64_t)slot->generation << 32 | number;
	return 0;
}

static struct renderer_call *release(struct calls *calls, uint32_t number)
{
	struct calls_slot *slot = slot_at(calls, number);
	struct renderer_call *call = slot->call;
	unlink_slot(calls, number);
	slot->call = NULL;
	slot->generation++;
	slot->newer = calls->free;
	calls->free = number;
	return call;
}

struct renderer_call *calls_close(struct calls *calls, uint64_t cookie, uint32_t *ret_tag)
{
	uint32_t number = (uint32_t)(cookie & UINT32_MAX);
	if (number == 0 || number > calls->size)
		return NULL;
	const struct calls_slot *slot = slot_at(calls, number);
	if (!slot->call || slot->generation != (uint32_t)(cookie >> 32))
		return NULL;
	*ret_tag = slot->tag;
	return release(calls, number);
}

struct renderer_call *calls_close_oldest(struct calls *calls, enum calls_kind kind)
{
	uint32_t number = calls->oldest[kind];
	return number ? release(calls, number) : NULL;
}

uint64_t calls_oldest_ms(const struct calls *calls, enum calls_kind kind)
{
	uint32_t number = calls->oldest[kind];
	return number ? now_ms() - slot_at(calls, number)->opened_ms : 0;
}
