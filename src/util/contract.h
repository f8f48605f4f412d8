/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/*
 * What proofs (tests/proofs) are told about a loop: it is then proven for any number of rounds, instead of
 * a few. Between the head of a loop and its body, in this order:
 *
 *	for (uint32_t i = 0; i < count; i++)
 *		LOOP_ASSIGNS(i, sum)            // what a round may change
 *		LOOP_INVARIANT(i <= count)      // what holds before each round, and after the last
 *		LOOP_DECREASES(count - i)       // what comes to an end
 *	{
 *		…
 *	}
 *
 * Compilers see nothing of it.
 */
#pragma once

#ifdef __CPROVER__
#define LOOP_ASSIGNS(...)   __CPROVER_assigns(__VA_ARGS__)
#define LOOP_INVARIANT(...) __CPROVER_loop_invariant(__VA_ARGS__)
#define LOOP_DECREASES(...) __CPROVER_decreases(__VA_ARGS__)
#else
#define LOOP_ASSIGNS(...)
#define LOOP_INVARIANT(...)
#define LOOP_DECREASES(...)
#endif
