/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/*
 * For proofs, which tools/proofs runs (see there). A proof makes the arguments of a function as general as
 * its contract allows, calls it, and says what holds then. That no access is out of bounds and that no
 * arithmetic overflows is always proven as well.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

/* Any value. */
bool nondet_bool(void);
uint8_t nondet_u8(void);
uint16_t nondet_u16(void);
uint32_t nondet_u32(void);
uint64_t nondet_u64(void);
size_t nondet_size(void);
int nondet_int(void);

/* A property that is proven, and a condition that is taken for granted. */
#define prove(condition)  __CPROVER_assert(condition, #condition)
#define assume(condition) __CPROVER_assume(condition)

/* Gives the object that a pointer points into any contents. */
#define any_contents(pointer) __CPROVER_havoc_object(pointer)

/* True when size bytes from the pointer on can be read, written. */
#define readable(pointer, size) __CPROVER_r_ok(pointer, size)
#define writable(pointer, size) __CPROVER_w_ok(pointer, size)

/* Memory of any contents, which has come. */
static inline void *any_memory(size_t size)
{
	void *memory = malloc(size);
	assume(memory);
	return memory;
}
