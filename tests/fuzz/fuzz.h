/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/*
 * What all fuzz targets have in common. A target is one function, LLVMFuzzerTestOneInput(): it sets up
 * what it is about, reads the input as a list of steps for the other side of some interface to take,
 * and ends with nothing left: no memory, no descriptor, no state. Inputs that are cut off go on with
 * zeroes, so each input means something and means the same each time.
 *
 * Time is the same for each run: it goes on by a little when somebody looks, and by fuzz_clock_advance(). Nothing is logged; what would be
 * is formatted all the same. CHECK() of test.h aborts.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct fuzz_input {
	const uint8_t *bytes;
	size_t left;
};

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

/* Begins an input: the clock is where it was when the last one began. */
struct fuzz_input fuzz_begin(const uint8_t *bytes, size_t size);

uint8_t fuzz_u8(struct fuzz_input *input);
uint16_t fuzz_u16(struct fuzz_input *input);
uint32_t fuzz_u32(struct fuzz_input *input);
uint64_t fuzz_u64(struct fuzz_input *input);

/* 0 to count - 1, from one byte. */
uint32_t fuzz_below(struct fuzz_input *input, uint32_t count);

static inline bool fuzz_bit(struct fuzz_input *input)
{
	return fuzz_u8(input) & 1;
}

/* One byte says which: a small number, one that is at the edge of something, or any. */
uint32_t fuzz_number(struct fuzz_input *input);
uint64_t fuzz_number64(struct fuzz_input *input);

/* Takes so many bytes. */
void fuzz_bytes(struct fuzz_input *input, void *dst, size_t size);

void fuzz_clock_advance(uint64_t ms);

/* From here to fuzz_memory_back() one allocation, or one more descriptor, may fail, if the input says so. Of
 * what the target itself needs in between none must. */
void fuzz_memory_short(struct fuzz_input *input);
void fuzz_memory_back(void);
