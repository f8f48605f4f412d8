/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/*
 * What proofs about peers share: numbers that may be anything, bytes that may be anything, and an account
 * of the descriptors that this process holds (stubs/descriptors.c).
 */
#pragma once

#include <sys/types.h>

#include "proof.h"

int32_t nondet_i32(void);
ssize_t nondet_ssize(void);

/* A number of at least min and at most max. */
static inline size_t any_size(size_t min, size_t max)
{
	size_t size = nondet_size();
	assume(size >= min && size <= max);
	return size;
}

static inline uint32_t any_below(uint32_t limit)
{
	uint32_t number = nondet_u32();
	assume(number < limit);
	return number;
}

/* What a peer has written to dst, which there must be room for. */
static inline void peer_writes(void *dst, size_t size)
{
	prove(size == 0 || __CPROVER_w_ok(dst, size));
	if (size > 0)
		__CPROVER_havoc_slice(dst, size);
}

/* Makes an object one that may have any value. */
#define ANY_VALUE(object) __CPROVER_havoc_slice(&(object), sizeof(object))

/* One of the 0-errno values that the kernel or a function of the project gives. */
static inline int any_error(void)
{
	int error = nondet_int();
	assume(error < 0 && error >= -4095);
	return error;
}

static inline int any_status(void)
{
	return nondet_bool() ? 0 : any_error();
}

/* stubs/descriptors.c */

#define DESCRIPTORS_MAX 64

/* The open descriptors, one bit each. */
extern uint64_t descriptors_open;

/* A new open one. */
int descriptor_new(void);

/* The device has given it away: it is not the device's to close any more. */
void descriptor_gone(int fd);

bool descriptor_is_open(int fd);

/* stubs/packets.c: the descriptors that came with packets, one bit each. */
extern uint64_t packet_descriptors;
