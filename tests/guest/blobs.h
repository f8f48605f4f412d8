/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/*
 * Pieces of host memory that a program maps, many of them, of random sizes, some at a time: each is
 * filled with words that follow from its seed and the word's place, and compared with them when the
 * host has written others, and again before it goes. So what lies at a wrong place is found, and what
 * lies over something else.
 *
 * Sizes are as likely to be in each power of two: small ones are what applications have most of. The
 * first one has the smallest size there may be, the second one the largest.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define BLOB_LIVE_MAX 256u

struct blob {
	size_t size; /* bytes, a multiple of BLOB_PAGE */
	uint32_t *words; /* mapped */
	uint32_t seed; /* of what is in it */
	void *object; /* the implementation's */
};

#define BLOB_PAGE 4096u

struct blob_impl {
	/* Makes and maps a blob of blob->size bytes: sets words and object. */
	void (*create)(void *user, struct blob *blob);
	void (*destroy)(void *user, struct blob *blob);
	/* Optional: lets the host compare what is in the blob with blob->seed and write what follows from next. */
	void (*exchange)(void *user, struct blob *blob, uint32_t next);
	/* A new blob has nothing in it. */
	bool zeroed;
};

struct blob_options {
	uint32_t count;
	size_t smallest, largest; /* bytes */
	uint32_t
		draws; /* a size is the smallest of so many random ones: more make small ones more likely */
	uint32_t live; /* so many at a time at most, and */
	size_t live_bytes;
	uint64_t seed;
	bool hold; /* keep those that are there in the end until the program is killed */
	uint32_t spoil; /* not 0: of this blob, counted from 1, a word is made wrong: to be found */
};

/* What all these programs start with: 1000 blobs of 4 KiB to 64 MiB, 256 MiB at a time, another seed each time. */
struct blob_options blob_options_default(void);

/* Takes one of the options below; false when it is none. */
bool blob_options_take(struct blob_options *options, int option, const char *value);

/* Rows for getopt_long(), and how to describe them. */
#define BLOB_OPTIONS                                                                               \
	{ "blobs", required_argument, NULL, 'n' }, { "smallest", required_argument, NULL, 's' },   \
		{ "largest", required_argument, NULL, 'l' },                                       \
		{ "draws", required_argument, NULL, 'z' },                                         \
		{ "live", required_argument, NULL, 'c' },                                          \
		{ "live-bytes", required_argument, NULL, 'b' },                                    \
		{ "seed", required_argument, NULL, 'r' },                                          \
		{ "spoil", required_argument, NULL, 'x' }, { "hold", no_argument, NULL, 'h' }
#define BLOB_USAGE                                                                                 \
	"[--blobs N] [--smallest BYTES] [--largest BYTES] [--draws N] [--live N] [--live-bytes "   \
	"BYTES]"                                                                                   \
	" [--seed N] [--spoil N] [--hold]"

/* Ends the program when a word is wrong. Else prints a line that begins with `name`. */
void blobs_run(const char *name, const struct blob_options *options, const struct blob_impl *impl,
	void *user);
