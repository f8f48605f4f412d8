/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/* Arithmetic on numbers that a peer chose: the result is only usable when the call says so. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define ARRAY_SIZE(array) (sizeof(array) / sizeof((array)[0]))

/* *ret = a + b; false (and *ret unset) when that does not fit in 64 bits. */
static inline bool checked_add(uint64_t a, uint64_t b, uint64_t *ret)
{
	if (b > UINT64_MAX - a)
		return false;
	*ret = a + b;
	return true;
}

/* *ret = a * b; false (and *ret unset) when that does not fit in 64 bits. */
static inline bool checked_mul(uint64_t a, uint64_t b, uint64_t *ret)
{
	uint64_t product;
	if (__builtin_mul_overflow(a, b, &product))
		return false;
	*ret = product;
	return true;
}

/* True when [offset, offset + size) lies inside [0, limit). */
static inline bool range_inside(uint64_t offset, uint64_t size, uint64_t limit)
{
	return offset <= limit && size <= limit - offset;
}

static inline uint32_t min_u32(uint32_t a, uint32_t b)
{
	return a < b ? a : b;
}

static inline uint32_t max_u32(uint32_t a, uint32_t b)
{
	return a > b ? a : b;
}

static inline size_t min_size(size_t a, size_t b)
{
	return a < b ? a : b;
}

static inline uint64_t min_u64(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}
